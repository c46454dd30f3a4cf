"""Published sizes end to end: random ViT-B-32 and ViT-L-14 checkpoints made by open_clip, converted and run by the command, against open_clip's
own preprocessing, tokenizer and model.  Too large to commit; prints one line a model.

    python tests/reference/full_size.py build/languagebind examples/photos/*.jpg [--models ViT-B-32 ViT-L-14]"""
import argparse, json, os, subprocess, sys, tempfile, time
import numpy as np, torch, open_clip
from PIL import Image
p = argparse.ArgumentParser(); p.add_argument("command"); p.add_argument("photos", nargs="+"); p.add_argument("--models", nargs="+", default=["ViT-B-32", "ViT-L-14"]); a = p.parse_args()
texts = ["a photo of a cat", "A cup of coffee on a wooden table, seen from above.", "don\u2019t \u00c9cole \u65e5\u672c\u8a9e \U0001f600 1234"]
for name in a.models:
    torch.manual_seed(1)
    model, _, pre = open_clip.create_model_and_transforms(name, pretrained=None); model.eval()
    with torch.no_grad():
        for k, v in model.named_parameters():
            if v.ndim < 2 and "logit" not in k: v.add_(torch.randn(v.shape) * 0.02)
    tok = open_clip.get_tokenizer(name)
    with torch.no_grad():
        x = torch.stack([pre(Image.open(f)) for f in a.photos])
        t0 = time.time(); iv = model.encode_image(x, normalize=True).numpy(); t1 = time.time(); tv = model.encode_text(tok(texts), normalize=True).numpy()
    with tempfile.TemporaryDirectory() as d:
        torch.save(model.state_dict(), os.path.join(d, "open_clip_pytorch_model.bin"))
        cfg = open_clip.get_model_config(name)
        json.dump({"model_cfg": cfg, "preprocess_cfg": {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}}, open(os.path.join(d, "open_clip_config.json"), "w"))
        del model
        lbw = os.path.join(d, "m.lbw")
        subprocess.run([a.command, "convert", d, "-o", lbw], check=True)
        os.remove(os.path.join(d, "open_clip_pytorch_model.bin"))
        for what, args, want in (("image", sum((["--image", f] for f in a.photos), []), iv), ("text", sum((["--text", s] for s in texts), []), tv)):
            out = os.path.join(d, what + ".npy")
            t0 = time.time(); subprocess.run([a.command, "embed", "-m", lbw, *args, "-o", out], check=True); t1 = time.time()
            got = np.load(out)
            print(f"{name} {what}: largest difference {np.abs(got - want).max():.3g}, smallest cosine {(got * want).sum(1).min():.9f}, {t1 - t0:.2f} s", flush=True)
