"""Writes tests/golden/images.safetensors.gz: what Pillow's bicubic resize, torchvision's float transforms (0.14.1: no antialias on tensors), pytorchvideo's
short-side rule and torch's antialiased bicubic make of synthetic pictures.  Run from the repository's root with Pillow, torch and torchvision:
    python tests/reference/make_images.py
Pictures are not stored: pixel(x, y, c) below is repeated in tests/test_image.c."""
import json, math, struct, zlib
import numpy as np, PIL, torch, torchvision
import torch.nn.functional as F
import golden
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode as IM

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

def picture(w, h, ch, kind):
    """kind 0: noise, 1: noise of black and white (overshoots are clipped), 2: 16-bit noise with a slope"""
    y, x, c = np.meshgrid(np.arange(h, dtype=np.uint64), np.arange(w, dtype=np.uint64), np.arange(ch, dtype=np.uint64), indexing="ij")
    v = ((x * 73 + y * 151 + c * 199 + x * y * 7 + 1) * 2654435761) & 0xffffffff
    v = (v >> 16) & 255
    if kind == 1: v = (v >> 7) * 255
    if kind == 2: return (v * 5 + x * 20 + y * 30).astype(np.uint16)
    return v.astype(np.uint8)

out = {}
sizes = [(1, 1), (2, 3), (3, 1), (1, 300), (300, 1), (17, 31), (64, 48), (200, 100), (5, 999), (640, 5), (257, 129)]
rows = []
for w, h in sizes:
    for W, H in sizes + [(224, 224), (w, 33), (33, h)]:
        for ch in (1, 3):
            kind = (w + h) % 2
            a = picture(w, h, ch, kind)
            r = np.asarray(Image.fromarray(a if ch == 3 else a[..., 0]).resize((W, H), Image.BICUBIC))
            rows.append((w, h, ch, kind, W, H, zlib.crc32(np.ascontiguousarray(r).tobytes())))
out["pil"] = np.array(rows, np.int64)

rows, data = [], []
norm = T.Normalize(MEAN, STD)
def bilinear(im, n):
    x = norm(T.ToTensor()(im)); h, w = x.shape[1:]
    nh, nw = (int(math.floor(h / w * n)), n) if w < h else (n, int(math.floor(w / h * n)))
    return T.CenterCrop(n)(F.interpolate(x[None], size=(nh, nw), mode="bilinear", align_corners=False)[0])
def hf(im, n):
    """resize as Hugging Face's processor does (the same numbers as Pillow), its crop rounds down"""
    r = T.Resize(n, IM.BICUBIC)(im); w, h = r.size; x, y = (w - n) // 2, (h - n) // 2
    return norm(T.ToTensor()(r.crop((x, y, x + n, y + n))))
def depth(a, n, most):
    m = np.maximum(a[..., 0].astype(np.float32) / 1000.0, 0.01).astype(np.float32)
    m = np.minimum(m, most) / most if most else m / m.max()
    return norm(T.CenterCrop(n)(T.Resize(n, IM.BICUBIC)(torch.from_numpy(m.astype(np.float32)).unsqueeze(0).repeat(3, 1, 1))))
for w, h in [(40, 71), (71, 40), (24, 24), (13, 11), (1, 5), (31, 1000), (97, 73), (25, 24), (24, 27)]:
    im = Image.fromarray(picture(w, h, 3, 0)); n = 24
    for name, f in (("pil", lambda: T.Compose([T.Resize(n, IM.BICUBIC), T.CenterCrop(n), T.ToTensor(), norm])(im)), ("hf", lambda: hf(im, n)),
                    ("torch", lambda: norm(T.CenterCrop(n)(T.Resize(n, IM.BICUBIC)(T.ToTensor()(im))))), ("bilinear", lambda: bilinear(im, n)),
                    ("crop", lambda: norm(T.CenterCrop(n)(T.ToTensor()(im)))), ("depth", lambda: depth(picture(w, h, 1, 2), n, 10)), ("depth_max", lambda: depth(picture(w, h, 1, 2), n, 0))):
        rows.append((w, h, ("pil", "hf", "torch", "bilinear", "crop", "depth", "depth_max").index(name)))
        data.append(f().numpy()[:, ::2, ::3].reshape(-1))
out["profiles"] = np.array(rows, np.int64); out["profiles_out"] = np.stack(data).astype(np.float32)

x = (np.arange(16 * 16 * 6, dtype=np.float32).reshape(16, 16, 6) * 37 % 101 - 50).astype(np.float32) / 32
out["grid_in"] = x
for h, w in ((8, 74), (9, 74), (24, 24), (7, 5)):
    out[f"grid_{h}_{w}"] = F.interpolate(torch.from_numpy(x).permute(2, 0, 1)[None], size=(h, w), mode="bicubic", antialias=True, align_corners=False)[0].permute(1, 2, 0).contiguous().numpy()

header, blob = {"__metadata__": {"script": "tests/reference/make_images.py", "pillow": PIL.__version__, "torch": torch.__version__, "torchvision": torchvision.__version__}}, b""
for k, a in out.items():
    b = np.ascontiguousarray(a).tobytes()
    header[k] = {"dtype": {"int64": "I64", "float32": "F32"}[str(a.dtype)], "shape": list(a.shape), "data_offsets": [len(blob), len(blob) + len(b)]}; blob += b
j = json.dumps(header, separators=(",", ":")).encode(); j += b" " * (-len(j) % 8)
golden.write("tests/golden/images.safetensors.gz", struct.pack("<Q", len(j)) + j + blob)
print(len(blob), "bytes")
