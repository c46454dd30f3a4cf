"""What torch makes of the run that tests/test_train.sh asks of the command: tests/golden/train_command.csv, the losses and logit scales of 50 AdamW
steps on the checkpoint of tests/golden/ckpt_demo and the pictures and captions of tests/golden/train_command.tsv, eight pairs a step in their order.

    python tests/reference/make_train.py [tests/golden]

Runs: full (clipped to 1), projection (the picture tower's projection and the scale), upstream's no-decay rule, 5 steps of warm-up, cosine to 0."""
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

def run(which, lr, clip, steps=50, batch=8, warmup=5):
    m = open_clip.model.CLIP(**cfg).train(); m.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, strict=False)
    for k, p in m.named_parameters(): p.requires_grad = which == "full" or k in ("visual.proj", "logit_scale")
    named = [(k, p) for k, p in m.named_parameters() if p.requires_grad]; plain = lambda k, p: p.ndim < 2 or any(w in k for w in NO_DECAY)
    opt = torch.optim.AdamW([{"params": [p for k, p in named if plain(k, p)], "weight_decay": 0.0}, {"params": [p for k, p in named if not plain(k, p)], "weight_decay": 0.2}], lr=lr, betas=(0.9, 0.98), eps=1e-6)
    for s in range(steps):
        now = lr * (s + 1) / warmup if s < warmup else 0.5 * (1 + math.cos(math.pi * (s - warmup) / (steps - warmup))) * lr
        for g in opt.param_groups: g["lr"] = now
        k = [(s * batch + j) % len(rows) for j in range(batch)]
        a, b = m.encode_image(x[k], normalize=True), m.encode_text(ids[k], normalize=True)
        logits = m.logit_scale.exp() * a @ b.T; target = torch.arange(batch)
        loss = (torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)) / 2
        opt.zero_grad(); loss.backward()
        if clip: torch.nn.utils.clip_grad_norm_([p for _, p in named], clip)
        opt.step()
        with torch.no_grad(): m.logit_scale.clamp_(0, math.log(100))
        yield s + 1, loss.item(), now, m.logit_scale.exp().item()

with open(os.path.join(golden, "train_command.csv"), "w") as f:
    f.write(f"# tests/reference/make_train.py, torch {torch.__version__}, open_clip {open_clip.__version__}, Pillow {PIL.__version__}\nrun,step,loss,lr,logit_scale\n")
    for which, lr, clip in (("full", 1e-4, 1.0), ("projection", 3e-3, None)):
        for s, loss, now, scale in run(which, lr, clip):
            f.write(f"{which},{s},{loss:.8g},{now:.8g},{scale:.8g}\n")
            if s % 7 == 1: print(which, s, round(loss, 4), round(scale, 3))
