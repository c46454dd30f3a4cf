"""What torch makes of the runs that tests/test_train_command.sh asks of the command: tests/golden/train_command.csv, the losses and logit scales of 50 AdamW
steps on the checkpoint of tests/golden/ckpt_demo and the pictures and captions of tests/golden/train_command.tsv, eight pairs a step in their order.

    python tests/reference/make_train.py [tests/golden]

Runs: full (clipped to 1), projection (the picture tower's projection and the scale), lora (rank 4, alpha 8, with class, ln_post, projection and scale, as
upstream; A drawn as the command draws it: Philox4x32-10, seed 0, one stream a tensor), mix (full again, pictures mixed in pairs in four steps of five, mixup or
CutMix, drawn as the command draws them), upstream's no-decay rule, 5 steps of warm-up, cosine to 0."""
import csv, importlib.machinery, math, os, sys
try:
    import torchvision
except ImportError:                                         # open_clip's model does without it; its transform is written out below
    from unittest.mock import MagicMock
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.misc", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules[name] = MagicMock(__spec__=importlib.machinery.ModuleSpec(name, None)); sys.modules[name].FrozenBatchNorm2d = type("FrozenBatchNorm2d", (), {})
import numpy, PIL, torch
import open_clip
from PIL import Image

golden = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
torch.set_num_threads(1)
NO_DECAY = ("bn", "ln", "bias", "logit_scale", "class_embedding", "conv1.weight", "patch_embedding")
cfg = {"embed_dim": 32, "vision_cfg": {"image_size": 224, "layers": 3, "width": 64, "head_width": 32, "patch_size": 32, "mlp_ratio": 4.0},
       "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 3}}
mean, std = torch.tensor((0.48145466, 0.4578275, 0.40821073))[:, None, None], torch.tensor((0.26862954, 0.26130258, 0.27577711))[:, None, None]

def preprocess(path, size=224):
    im = Image.open(path); w, h = im.size                   # Resize(size, bicubic), CenterCrop, RGB, ToTensor, Normalize
    w, h = (size, int(size * h / w)) if w <= h else (int(size * w / h), size)
    im = im.convert("RGB").resize((w, h), Image.BICUBIC)
    left, top = int(round((w - size) / 2)), int(round((h - size) / 2))
    im = im.crop((left, top, left + size, top + size))
    return (torch.from_numpy(numpy.array(im)).permute(2, 0, 1).float() / 255 - mean) / std

rows = list(csv.DictReader(open(os.path.join(golden, "train_command.tsv")), delimiter="\t", quoting=csv.QUOTE_NONE))
x = torch.stack([preprocess(os.path.join(golden, r["file"])) for r in rows])
ids = open_clip.tokenize([r["caption"] for r in rows])
state = torch.load(os.path.join(golden, "ckpt_demo", "open_clip_pytorch_model.bin"), map_location="cpu", weights_only=True)

def philox(stream, n, seed=0):
    """n words of 32 bits: Salmon et al. 2011, counter (i / 4, stream), key seed."""
    out = []
    for i in range((n + 3) // 4):
        c, k = [i, 0, stream & 0xffffffff, stream >> 32], [seed & 0xffffffff, seed >> 32]
        for _ in range(10):
            a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(b >> 32) ^ c[1] ^ k[0], b & 0xffffffff, (a >> 32) ^ c[3] ^ k[1], a & 0xffffffff]
            k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
        out += c
    return out[:n]
def uniform(words): return [(w >> 8) / 16777216 for w in words]

def mixed(x, step, probability=0.8, patch=32):
    """The pictures of a step mixed with those in the opposite order, and which share is their own."""
    w = philox(0x6d697800 << 32 | step, 5); grid = x.shape[-1] // patch; u = uniform(w)
    if u[0] >= probability: return x, 1.0
    share = 0.5 + 0.5 * u[1]
    if w[2] & 1: return share * x + (1 - share) * x.flip(0), share
    side = int(math.sqrt(1 - share) * grid + 0.5); left, top = [patch * (v * (grid - side + 1) >> 32) for v in w[3:]]
    box = (..., slice(top, top + patch * side), slice(left, left + patch * side)); out = x.clone(); out[box] = x.flip(0)[box]
    return out, 1 - side * side / grid ** 2

class Tower(torch.nn.Module):
    """encode_image with low-rank updates of q, k, v and out added into the weights of every block."""
    def __init__(self, m, rank=4, alpha=8):
        super().__init__(); self.m, self.scale, self.a, self.b = m, alpha / rank, torch.nn.ParameterDict(), torch.nn.ParameterDict()
        W = cfg["vision_cfg"]["width"]
        for i in range(cfg["vision_cfg"]["layers"]):
            for j, t in enumerate("qkvo"):                  # places in the table of tensors: 5 before the blocks, 20 a block, the updates after norm1, qkv and out
                u = torch.tensor(uniform(philox(5 + 20 * i + 6 + 2 * j, rank * W)), dtype=torch.float64); self.a[f"{i}{t}"] = torch.nn.Parameter(((2 * u - 1) / math.sqrt(W)).float().view(rank, W))
                self.b[f"{i}{t}"] = torch.nn.Parameter(torch.zeros(W, rank))
    def forward(self, x):
        with_updates = {}
        for i in range(cfg["vision_cfg"]["layers"]):
            d = {t: self.scale * self.b[f"{i}{t}"] @ self.a[f"{i}{t}"] for t in "qkvo"}; at = self.m.visual.transformer.resblocks[i].attn; name = f"visual.transformer.resblocks.{i}.attn."
            with_updates[name + "in_proj_weight"] = at.in_proj_weight + torch.cat([d["q"], d["k"], d["v"]]); with_updates[name + "out_proj.weight"] = at.out_proj.weight + d["o"]
        return torch.func.functional_call(self.m, with_updates, (x, None))["image_features"]

def run(which, lr, clip, steps=50, batch=8, warmup=5):
    m = open_clip.model.CLIP(**cfg).train(); m.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, strict=False)
    more = ("visual.class_embedding", "visual.ln_post.weight", "visual.ln_post.bias") if which == "lora" else ()
    for k, p in m.named_parameters(): p.requires_grad = which in ("full", "mix") or k in ("visual.proj", "logit_scale") + more
    tower = Tower(m) if which == "lora" else None; m.output_dict = True
    named = [(k, p) for k, p in (tower or m).named_parameters() if p.requires_grad]; plain = lambda k, p: p.ndim < 2 or any(w in k for w in NO_DECAY)
    opt = torch.optim.AdamW([{"params": [p for k, p in named if plain(k, p)], "weight_decay": 0.0}, {"params": [p for k, p in named if not plain(k, p)], "weight_decay": 0.2}], lr=lr, betas=(0.9, 0.98), eps=1e-6)
    for s in range(steps):
        now = lr * (s + 1) / warmup if s < warmup else 0.5 * (1 + math.cos(math.pi * (s - warmup) / (steps - warmup))) * lr
        for g in opt.param_groups: g["lr"] = now
        k = [(s * batch + j) % len(rows) for j in range(batch)]
        pictures, share = mixed(x[k], s) if which == "mix" else (x[k], 1.0)
        a, b = tower(pictures) if tower else m.encode_image(pictures, normalize=True), m.encode_text(ids[k], normalize=True)
        def contrast(b, target=torch.arange(batch)):
            logits = m.logit_scale.exp() * a @ b.T
            return (torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)) / 2
        loss = contrast(b) if share == 1 else share * contrast(b) + (1 - share) * contrast(b.flip(0))
        opt.zero_grad(); loss.backward()
        if clip: torch.nn.utils.clip_grad_norm_([p for _, p in named], clip)
        opt.step()
        with torch.no_grad(): m.logit_scale.clamp_(0, math.log(100))
        yield s + 1, loss.item(), now, m.logit_scale.exp().item()

with open(os.path.join(golden, "train_command.csv"), "w") as f:
    f.write(f"# tests/reference/make_train.py, torch {torch.__version__}, open_clip {open_clip.__version__}, Pillow {PIL.__version__}\nrun,step,loss,lr,logit_scale\n")
    for which, lr, clip in (("full", 1e-4, 1.0), ("projection", 3e-3, None), ("lora", 1e-3, None), ("mix", 1e-4, 1.0)):
        for s, loss, now, scale in run(which, lr, clip):
            f.write(f"{which},{s},{loss:.8g},{now:.8g},{scale:.8g}\n")
            if s % 7 == 1: print(which, s, round(loss, 4), round(scale, 3))
