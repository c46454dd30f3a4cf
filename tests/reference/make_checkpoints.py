"""One small state dict in every container that published checkpoints come in: tests/golden/ckpt_formats/*, and its values as f32 in
tests/golden/checkpoint_values.safetensors, for tests/test_checkpoint.c.

    python tests/reference/make_checkpoints.py [tests/golden]

All but legacy.pt come out with the same bytes each time: torch's older format names its storages by their addresses in memory and writes them in the
order of those names, so a new one has other names and another order, and the same values."""
import argparse, collections, json, os, pathlib, sys, zipfile
import numpy as np
import torch
from safetensors.torch import save_file

root = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
out = os.path.join(root, "ckpt_formats")
os.makedirs(out, exist_ok=True)
g = torch.Generator().manual_seed(1)
a = torch.randn(6, 8, generator=g)
sd = collections.OrderedDict(
    a=a, transposed=a.t(), slice=a[1:5:2, 2:7], column=a[:, 3], expanded=a[2].expand(3, 8), permuted=torch.randn(2, 3, 4, generator=g).permute(2, 0, 1), scalar=torch.tensor(2.5),
    half=torch.randn(5, 3, generator=g).half(), bf16=torch.randn(4, 2, generator=g).bfloat16(), double=torch.randn(7, generator=g).double(), i64=torch.arange(-3, 4), i32=torch.arange(5, dtype=torch.int32),
    i16=torch.tensor([-300, 300], dtype=torch.int16), i8=torch.tensor([-128, 127], dtype=torch.int8), u8=torch.tensor([0, 255], dtype=torch.uint8), flag=torch.tensor([True, False]), empty=torch.zeros(0, 4))
sd["sub.weight"] = torch.randn(3, 2, generator=g)
chunks = torch.randn(9, 4, generator=g).chunk(3)                       # views of one storage, as converted q, k, v are
sd["q"], sd["k"], sd["v"] = chunks
p = lambda n: os.path.join(out, n)
torch.save(sd, p("zip.pt"))
torch.save(sd, p("protocol4.pt"), pickle_protocol=4)
torch.save(sd, p("protocol5.pt"), pickle_protocol=5)
torch.save(sd, p("legacy.pt"), _use_new_zipfile_serialization=False)
torch.save(dict(sd), p("dict.pt"))
torch.save({k: torch.nn.Parameter(v, requires_grad=False) for k, v in sd.items()}, p("parameters.pt"))
lin = torch.nn.Linear(3, 2)
opt = torch.optim.AdamW(lin.parameters()); lin(torch.ones(1, 3)).sum().backward(); opt.step()
torch.save({"epoch": np.float64(3.5), "name": "run", "args": argparse.Namespace(lr=1e-3, out=pathlib.PurePosixPath("x/y"), betas=(0.9, 0.98), dtype=torch.float16, device=torch.device("cpu")), "size": torch.Size([1, 2]), "seen": {1, 2}, "rng": np.arange(3),
            "big": 1 << 70, "state_dict": {"module." + k: v for k, v in sd.items()}, "optimizer": opt.state_dict(), "scaler": {}}, p("training.pt"))


class Sub(torch.nn.Module):
    def __init__(self, w):
        super().__init__()
        self.weight = torch.nn.Parameter(w)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.input_resolution = 224
        self.a = torch.nn.Parameter(sd["a"].clone()); self.bf16 = torch.nn.Parameter(sd["bf16"].clone())
        self.register_buffer("i64", sd["i64"]); self.register_buffer("scalar", sd["scalar"])
        self.sub = Sub(sd["sub.weight"].clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sub(x @ self.a[:, :3]) * self.scalar + self.input_resolution


torch.jit.save(torch.jit.script(Net()), p("script.pt"))
with zipfile.ZipFile(p("zip.pt")) as src, zipfile.ZipFile(p("zip64.pt"), "w") as dst:      # the same archive with 64-bit sizes in every header
    for n in src.namelist():
        with dst.open(zipfile.ZipInfo(n), "w", force_zip64=True) as f: f.write(src.read(n))
plain = {k: v.contiguous().clone() for k, v in sd.items()}
save_file(plain, p("one.safetensors"), metadata={"format": "pt"})
names = list(plain)
parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
for f, ns in parts.items(): save_file({n: plain[n] for n in ns}, p(f))
json.dump({"metadata": {"total_size": 1}, "weight_map": {n: f for f, ns in parts.items() for n in ns}}, open(p("model.safetensors.index.json"), "w"))
torch.save({n: plain[n] for n in names[::2]}, p("pytorch_model-00001-of-00002.bin")); torch.save({n: plain[n] for n in names[1::2]}, p("pytorch_model-00002-of-00002.bin"))
json.dump({"weight_map": {n: f"pytorch_model-0000{1 + i % 2}-of-00002.bin" for i, n in enumerate(names)}}, open(p("pytorch_model.bin.index.json"), "w"))
save_file({k: v.to(torch.float32) for k, v in plain.items() if v.numel()}, os.path.join(root, "checkpoint_values.safetensors"),
          metadata={"script": "tests/reference/make_checkpoints.py", "torch": torch.__version__})
print(sum(os.path.getsize(p(f)) for f in os.listdir(out)) // 1024, "KiB")

# A small CLIP in the form of OpenAI's archives: TorchScript, matrices in half precision, and three sizes stored as tensors.
import open_clip
torch.manual_seed(3)
clip = open_clip.model.CLIP(16, dict(image_size=16, layers=1, width=64, head_width=64, patch_size=8), dict(context_length=8, vocab_size=40, width=64, heads=1, layers=1), quick_gelu=True).eval()
with torch.no_grad():
    for n, q in clip.named_parameters():
        if q.ndim < 2 and "logit" not in n: q.add_(torch.randn(q.shape) * 0.1)
open_clip.model.convert_weights_to_lp(clip)                               # rounds to f16; the reference then computes in f32 with those values
halves = {n: q.dtype for n, q in clip.named_parameters()}
clip = clip.float()
x, ids = torch.randn(2, 3, 16, 16), torch.tensor([[38, 5, 6, 39, 0, 0, 0, 0], [38, 1, 2, 3, 4, 5, 6, 39]])
with torch.no_grad(): iv, tv = clip.encode_image(x, normalize=True), clip.encode_text(ids, normalize=True)
for n, v in (("input_resolution", 16), ("context_length", 8), ("vocab_size", 40)):
    if hasattr(clip, n): delattr(clip, n)
    clip.register_buffer(n, torch.tensor(v))
jit = torch.jit.trace(clip, (x, ids), check_trace=False)
for n, q in jit.named_parameters(): q.data = q.data.to(halves[n])
torch.jit.save(jit, p("openai.pt"))
save_file({"image": x, "ids": ids.int(), "image.embedding": iv, "text.embedding": tv}, os.path.join(root, "checkpoint_openai.safetensors"),
          metadata={"script": "tests/reference/make_checkpoints.py", "torch": torch.__version__, "open_clip": open_clip.__version__})

# The same model with a separate text module (CustomTextCLIP), saved as open_clip saves it.
custom = open_clip.model.CustomTextCLIP(16, dict(image_size=16, layers=1, width=64, head_width=64, patch_size=8), dict(context_length=8, vocab_size=40, width=64, heads=1, layers=1), quick_gelu=True).eval()
own = {k: v for k, v in clip.state_dict().items() if k not in ("input_resolution", "context_length", "vocab_size")}
custom.load_state_dict({k if k.startswith("visual") or k == "logit_scale" else "text." + k: v for k, v in own.items()})
with torch.no_grad(): assert torch.equal(custom.encode_image(x, normalize=True), iv) and torch.allclose(custom.encode_text(ids, normalize=True), tv, atol=1e-6)
torch.save({k: v.half() if halves.get(k.removeprefix("text.")) == torch.float16 else v for k, v in custom.state_dict().items()}, p("custom_text.pt"))
