"""The checkpoint that `make demo` converts and what open_clip makes of two photographs and some captions with it:
tests/golden/ckpt_demo/ (as a published OpenCLIP model looks: open_clip_config.json, open_clip_pytorch_model.bin in half precision) and
tests/golden/demo.safetensors (its __metadata__ lists the inputs).

    python tests/reference/make_demo.py [tests/golden [examples/photos]]

The weights are random, so the vectors mean nothing; the vocabulary, the preprocessing and the file layout are the real ones."""
import json, os, sys
import PIL, torch, torchvision
import open_clip
from PIL import Image
from safetensors.torch import save_file

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
photos = sys.argv[2] if len(sys.argv) > 2 else "examples/photos"
torch.set_num_threads(1)
torch.manual_seed(2310)
cfg = {"embed_dim": 32, "vision_cfg": {"image_size": 224, "layers": 3, "width": 64, "head_width": 32, "patch_size": 32, "mlp_ratio": 4.0},
       "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 3}}
mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
model = open_clip.model.CLIP(**cfg).eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        if "logit_scale" in name:
            p.fill_(4.6052)
        elif p.ndim < 2:
            p.add_(torch.randn(p.shape) * 0.1)
        elif "token" in name or "position" in name:
            p.copy_(torch.randn(p.shape) * 0.3)
        else:
            p.mul_(2.0)
        p.copy_(p.half().float())

folder = os.path.join(out, "ckpt_demo")
os.makedirs(folder, exist_ok=True)
json.dump({"model_cfg": cfg, "preprocess_cfg": {"mean": mean, "std": std, "interpolation": "bicubic", "resize_mode": "shortest"}}, open(os.path.join(folder, "open_clip_config.json"), "w"), indent=1)
torch.save({k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items() if k != "attn_mask"}, os.path.join(folder, "open_clip_pytorch_model.bin"))

images = ["cat.jpg", "coffee.jpg"]
texts = ["a photo of a cat", "a cup of coffee on a wooden table", "Two caf\u00e9s &amp; one t\u00eate-\u00e0-t\u00eate \U0001f600", ""]
preprocess = open_clip.image_transform(224, is_train=False, mean=mean, std=std)
with torch.no_grad():
    x = torch.stack([preprocess(Image.open(os.path.join(photos, f))) for f in images])
    i = model.encode_image(x, normalize=True)
    t = model.encode_text(open_clip.tokenize(texts), normalize=True)
meta = {"script": "tests/reference/make_demo.py", "torch": torch.__version__, "open_clip": open_clip.__version__, "torchvision": torchvision.__version__, "Pillow": PIL.__version__,
        "images": json.dumps(images), "texts": json.dumps(texts)}
save_file({"image": i.contiguous(), "text": t.contiguous()}, os.path.join(out, "demo.safetensors"), metadata=meta)
print(i @ t.T)
