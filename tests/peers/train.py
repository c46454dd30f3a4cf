#!/usr/bin/env python3
"""Training steps of an image tower beside torch on the CPU, in turns in one run: samples a second of both and their ratio.
    make && python3 tests/peers/train.py [bf16] [threads ...]              (default: f32, 1 2)
Needs: pip install torch numpy.  Nothing here is needed by `make test`.
torch: a pre-norm ViT as open_clip's (fused qkv, scaled_dot_product_attention where torch has it: from 2.0, exact GELU), f32, AdamW, a contrastive loss against fixed
text vectors; LoRA of rank 16 on q, k, v and out with everything else frozen.  bf16: torch.autocast, weights f32, as `train --bf16`."""
import json, os, statistics, subprocess, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

attend = getattr(F, "scaled_dot_product_attention", lambda q, k, v: (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1) @ v)
class Lin(nn.Linear):
    """Linear with an optional low-rank update."""
    def lora(self, parts, r=16):
        self.parts = parts; n = self.out_features // parts
        self.A = nn.ParameterList([nn.Parameter(torch.randn(r, self.in_features) * 0.02) for _ in range(parts)])
        self.B = nn.ParameterList([nn.Parameter(torch.zeros(n, r)) for _ in range(parts)])
    def forward(self, x):
        y = super().forward(x)
        return y + torch.cat([x @ a.t() @ b.t() for a, b in zip(self.A, self.B)], -1) if hasattr(self, "A") else y
class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h; self.n1 = nn.LayerNorm(d); self.n2 = nn.LayerNorm(d); self.qkv = Lin(d, 3 * d); self.out = Lin(d, d); self.fc1 = nn.Linear(d, 4 * d); self.fc2 = nn.Linear(4 * d, d)
    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).view(b, t, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4)
        x = x + self.out(attend(q, k, v).transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.n2(x))))
class Tower(nn.Module):
    def __init__(self, d, layers, patch, grid, e=512):
        super().__init__()
        self.conv = nn.Conv2d(3, d, patch, patch, bias=False); self.cls = nn.Parameter(torch.randn(d) * 0.02); self.pos = nn.Parameter(torch.randn(grid * grid + 1, d) * 0.02)
        self.pre = nn.LayerNorm(d); self.blocks = nn.Sequential(*[Block(d, d // 64) for _ in range(layers)]); self.post = nn.LayerNorm(d); self.proj = nn.Linear(d, e, bias=False); self.scale = nn.Parameter(torch.tensor(2.66))
    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], 1, -1), x], 1) + self.pos
        return F.normalize(self.proj(self.post(self.blocks(self.pre(x))[:, 0])), dim=-1)

ROWS = [("train_full", "tiny 6x256", 256, 6, 8, 8, 32, False), ("train_lora", "tiny 6x256", 256, 6, 8, 8, 32, True),
        ("train_full", "B/32", 768, 12, 32, 7, 8, False), ("train_lora", "B/32", 768, 12, 32, 7, 8, True)]

HALF = "bf16" in sys.argv[1:]
def ours(threads):
    """Milliseconds a step of every row, by the command."""
    out = subprocess.run(["build/languagebind", "bench", "--train", "--json", "--threads", str(threads), "-s", "0.1", "-r", "train_"], capture_output=True, text=True, check=True).stdout
    return {(r["name"].replace("_bf16", ""), r["shape"].split(",")[0]): r["ms"] for r in map(json.loads, out.splitlines()) if r["name"].endswith("_bf16") == HALF}
def theirs(width, layers, patch, grid, batch, lora):
    torch.manual_seed(1); m = Tower(width, layers, patch, grid)
    if lora:
        for p in m.parameters(): p.requires_grad_(False)
        for b in m.blocks: b.qkv.lora(3); b.out.lora(1)
    opt = torch.optim.AdamW([p for p in m.parameters() if p.requires_grad], lr=1e-5, weight_decay=0.2)
    x = torch.randn(batch, 3, patch * grid, patch * grid); text = F.normalize(torch.randn(batch, 512), dim=-1); y = torch.arange(batch)
    def step():
        opt.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF): e = m(x)
        l = m.scale.exp() * e.float() @ text.t(); ((F.cross_entropy(l, y) + F.cross_entropy(l.t(), y)) / 2).backward(); opt.step()
    step(); t = []
    while len(t) < 3: t0 = time.perf_counter(); step(); t.append(time.perf_counter() - t0)
    return statistics.median(t) * 1e3

print(f"torch {torch.__version__}{', bf16' if HALF else ''}; milliseconds a step, median of rounds; ratio above 1: faster here")
for threads in [int(a) for a in sys.argv[1:] if a != "bf16"] or [1, 2]:
    torch.set_num_threads(threads); here, there = {}, {}
    for _ in range(int(os.environ.get("ROUNDS", 3))):                                       # rounds: ours, theirs, ours, theirs, ...
        for k, ms in ours(threads).items(): here.setdefault(k, []).append(ms)
        for name, what, w, l, p, g, b, lora in ROWS: there.setdefault((name, what), []).append(theirs(w, l, p, g, b, lora))
    for name, what, w, l, p, g, b, lora in ROWS:
        a, t = here[(name, what if what == "B/32" else "tiny 6x256")], there[(name, what)]
        print(f"{name:12s} {what:12s} batch {b:3d} threads {threads}: here {statistics.median(a):8.1f}  torch {statistics.median(t):8.1f}  ratio {statistics.median(y / x for x, y in zip(a, t)):.2f}", flush=True)
