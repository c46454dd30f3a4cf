"""Small random LanguageBind checkpoints of every published kind, made and run by upstream's own classes, for tests/test_convert.c:
tests/golden/lb_NAME/ (config.json, pytorch_model.bin as upstream's save_pretrained writes them) and tests/golden/lb_NAME.safetensors
(input, ids, every block's output, the unit embeddings, the weight that a merged LoRA should give).

    LANGUAGEBIND_UPSTREAM=folder-of-a-clone python tests/reference/make_languagebind.py [tests/golden [NAME...]]

NAME full_video and full_audio are ViT-L/14 as released (2 GB each, for a check that is run by hand).
Wants upstream's versions: torch 1.13.1, transformers 4.30.2, peft 0.4.  The readers of video files that upstream imports are not needed and
are replaced by empty modules."""
import json, os, sys, shutil
from unittest.mock import MagicMock
sys.path.insert(0, os.environ["LANGUAGEBIND_UPSTREAM"])
import torch, transformers, peft
from safetensors.torch import save_file
for m in ("cv2", "decord", "pytorchvideo", "pytorchvideo.data", "pytorchvideo.data.encoded_video", "pytorchvideo.transforms"):
    try: __import__(m)
    except Exception: sys.modules[m] = MagicMock()
import languagebind as L

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
torch.set_num_threads(1)
VERSIONS = {"script": "tests/reference/make_languagebind.py", "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
TEXT = dict(hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=12, vocab_size=80, hidden_act="gelu", eos_token_id=2)
VISION = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8, hidden_act="gelu", lora_r=0)
VIDEO = dict(VISION, add_time_attn=True, num_frames=4)
KINDS = {
    "image": ("image", VISION, {}),
    "video": ("video", dict(VIDEO, lora_r=4, lora_alpha=16, lora_dropout=0.1), {}),
    "video_ft": ("video", VIDEO, {}),
    "video_v15_ft": ("video", dict(VIDEO, clip_type="vl_new"), {}),
    "video_huge_v15_ft": ("video", dict(VIDEO, clip_type="vl_new", hidden_size=40, num_attention_heads=4, intermediate_size=72), {"as_dict": True}),
    "audio": ("audio", dict(VISION, num_mel_bins=26, target_length=43, lora_r=4, audio_mean=-4.2677393, audio_std=4.5689974, audio_sample_rate=16000), {}),
    "audio_ft": ("audio", dict(VISION, num_mel_bins=19, target_length=43, audio_mean=-4.2677393, audio_std=4.5689974), {}),
    "depth": ("depth", dict(VISION, lora_r=2, lora_alpha=16, max_depth=10), {}),
    "thermal": ("thermal", dict(VISION, lora_r=2, lora_alpha=16), {}),
}

L14 = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=224, patch_size=14, hidden_act="gelu", lora_r=0)
KINDS["full_video"] = ("video", dict(L14, add_time_attn=True, num_frames=8), {})
KINDS["full_audio"] = ("audio", dict(L14, num_mel_bins=112, target_length=1036, audio_mean=-4.2677393, audio_std=4.5689974), {})


def shake(model, g):
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "logit_scale" in name: p.copy_(torch.tensor(2.5))
            elif "lora_B" in name: p.copy_(torch.randn(p.shape, generator=g) * 0.1)
            elif p.ndim < 2 and "class" not in name: p.add_(torch.randn(p.shape, generator=g) * 0.1)
            elif "token" in name or "position" in name or "temporal_embedding" in name: p.copy_(torch.randn(p.shape, generator=g) * 0.3)
            elif "class" in name: p.copy_(torch.randn(p.shape, generator=g) * 0.3)
            else: p.mul_(1.5)


def run(name, seed):
    kind, vision, extra = KINDS[name]
    torch.manual_seed(seed)
    full = name.startswith("full")
    text = TEXT if name != "video_huge_v15_ft" else dict(TEXT, hidden_size=32, intermediate_size=64)
    if full: text = dict(TEXT, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, max_position_embeddings=77, vocab_size=49408)
    config = L.config_dict[kind](text_config=text, vision_config=vision, projection_dim=768 if full else 16)
    model = L.model_dict[kind](config).eval()
    if kind == "audio": model.vision_model.embeddings.position_ids = torch.arange(model.vision_model.embeddings.num_positions).expand((1, -1))
    g = torch.Generator().manual_seed(seed)
    if not full: shake(model, g)
    folder = os.path.join(out, "lb_" + name)
    shutil.rmtree(folder, ignore_errors=True)
    config.save_pretrained(folder)
    torch.save(model.state_dict(), os.path.join(folder, "pytorch_model.bin"))
    path = os.path.join(folder, "config.json")
    c = json.load(open(path))
    for k in ("vision_config", "text_config"):                       # the decisive values; the rest is transformers' generation defaults
        keep = set(vision) | {"lora_r", "lora_alpha", "lora_dropout", "add_time_attn", "num_frames", "num_mel_bins", "target_length", "layer_norm_eps", "projection_dim", "num_channels", "force_patch_dropout", "model_type"} if k == "vision_config" else set(text) | {"layer_norm_eps", "model_type"}
        c[k] = {q: v for q, v in c[k].items() if q in keep}
    if extra.get("as_dict"):                                          # as the Huge repository has it: the plain section holds other values and is overruled
        c["vision_config_dict"], c["text_config_dict"] = c["vision_config"], c["text_config"]
        c["vision_config"] = {"hidden_size": 1024, "num_attention_heads": 16, "hidden_act": "quick_gelu"}
        c["text_config"] = {"hidden_size": 512, "hidden_act": "quick_gelu"}
    json.dump(c, open(path, "w"), indent=1, sort_keys=True)
    if kind == "video": x = torch.randn(1 if full else 2, 3, vision["num_frames"], vision["image_size"], vision["image_size"], generator=g)
    elif kind == "audio": x = torch.randn(1 if full else 2, 3, vision["num_mel_bins"], vision["target_length"], generator=g)
    else: x = torch.randn(2, 3, 24, 24, generator=g)
    last = text["vocab_size"] - 1
    ids = torch.full((3, 12), last)
    for i, n in enumerate((12, 5, 2)): ids[i, :n - 1] = torch.randint(1, last - 1, (n - 1,), generator=g)
    t = {"input": x, "ids": ids.int()}
    enc = model.vision_model.encoder
    enc = enc.base_model.model if hasattr(enc, "base_model") else enc
    for i, layer in enumerate([] if full else enc.layers):
        layer.register_forward_hook(lambda m, a, o, i=i: t.__setitem__(f"block.{i}", o[0].detach().clone()))
        if getattr(layer, "add_time_attn", False) or hasattr(layer, "temporal_attn"):
            layer.temporal_attn.register_forward_hook(lambda m, a, o, i=i: t.__setitem__(f"temporal.{i}", o[0].detach().clone()))
    with torch.no_grad():
        v = model.get_image_features(x)
        w = model.get_text_features(ids, attention_mask=torch.ones_like(ids))
    t[kind + ".embedding"], t["text.embedding"] = v / v.norm(dim=-1, keepdim=True), w / w.norm(dim=-1, keepdim=True)
    sd = model.state_dict()
    for k in sd:                                                      # peft's own product, for one projection
        if k.endswith("layers.0.self_attn.q_proj.lora_A.default.weight") or k.endswith("layers.0.temporal_attn.q_proj.lora_A.default.weight"):
            t["merged.q"] = sd[k.replace("lora_A.default.weight", "weight")] + vision.get("lora_alpha", 16) / vision["lora_r"] * sd[k.replace("lora_A", "lora_B")] @ sd[k]
    save_file({k: q.detach().contiguous().clone() for k, q in t.items()}, os.path.join(out, f"lb_{name}.safetensors"), metadata=VERSIONS)
    print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) // 1024, "KiB", v.norm(dim=-1).tolist())


for i, name in enumerate(KINDS):
    if name in sys.argv[2:] or (len(sys.argv) < 3 and not name.startswith("full")): run(name, 100 + i)
