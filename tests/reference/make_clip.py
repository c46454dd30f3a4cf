"""Small random CLIP models, run by open_clip and by transformers: tests/golden/clip_*.safetensors.gz for tests/test_model.c, and the same
models as published files look, tests/golden/ckpt_*/, for the converter's tests.

    python tests/reference/make_clip.py [tests/golden]

Each clip_NAME holds cfg (see CFG), the weights under this project's names (rows, [out, in]), inputs, what every stage made of them
(vision.embed, vision.pre_norm, vision.block.I, vision.pooled, vision.projected, text.*) and the unit embeddings."""
import json, os, sys
import torch
import open_clip, transformers
from safetensors.torch import save_file
from golden import store as store_gz, coarse

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
torch.set_num_threads(1)
VERSIONS = {"script": "tests/reference/make_clip.py", "torch": torch.__version__, "open_clip": open_clip.__version__, "transformers": transformers.__version__}
CFG = "v.width v.layers v.heads v.mlp embed quick patch_h patch_w grid_h grid_w height width t.width t.layers t.heads t.mlp context vocab"


def shake(model, seed, fine=False):
    """Every parameter away from its special starting value: biases not zero, norms not one; a bfloat16 value unless `fine`."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "logit_scale" in name:
                p.copy_(torch.tensor(2.5))
            elif p.ndim < 2 and "class" not in name:
                p.add_(torch.randn(p.shape, generator=g) * 0.1)
            elif "token" in name or "position" in name:
                p.copy_(torch.randn(p.shape, generator=g) * 0.3)
            else:
                p.mul_(1.5)
            if not fine: p.copy_(coarse(p))


def names(sd, kind):
    """State dict of either framework -> our names, rows."""
    t = {}
    if kind == "open_clip":
        for ours, theirs, w in (("vision", "visual.", None), ("text", "", None)):
            for k, v in sd.items():
                if not k.startswith(theirs + "transformer.resblocks."):
                    continue
                i, rest = k[len(theirs + "transformer.resblocks."):].split(".", 1)
                rest = (rest.replace("ln_1", "norm1").replace("ln_2", "norm2").replace("attn.in_proj_", "attn.qkv.").replace("attn.out_proj", "attn.out")
                        .replace("mlp.c_fc", "mlp.fc1").replace("mlp.c_proj", "mlp.fc2"))
                t[f"{ours}.blocks.{i}.{rest}"] = v
        t["vision.patch.weight"] = sd["visual.conv1.weight"].flatten(1)
        t["vision.class"] = sd["visual.class_embedding"][None]
        t["vision.pos"] = sd["visual.positional_embedding"]
        for p in ("weight", "bias"):
            t[f"vision.pre_norm.{p}"] = sd[f"visual.ln_pre.{p}"]
            t[f"vision.post_norm.{p}"] = sd[f"visual.ln_post.{p}"]
            t[f"text.post_norm.{p}"] = sd[f"ln_final.{p}"]
        t["vision.proj.weight"] = sd["visual.proj"].T
        t["text.proj.weight"] = sd["text_projection"].T
        t["text.token"] = sd["token_embedding.weight"]
        t["text.pos"] = sd["positional_embedding"]
    else:
        for ours, theirs in (("vision", "vision_model."), ("text", "text_model.")):
            n = 1 + max(int(k.split(".layers.")[1].split(".")[0]) for k in sd if k.startswith(theirs + "encoder.layers."))
            for i in range(n):
                b, o = f"{theirs}encoder.layers.{i}.", f"{ours}.blocks.{i}."
                for p in ("weight", "bias"):
                    t[o + f"norm1.{p}"], t[o + f"norm2.{p}"] = sd[b + f"layer_norm1.{p}"], sd[b + f"layer_norm2.{p}"]
                    t[o + f"attn.qkv.{p}"] = torch.cat([sd[b + f"self_attn.{x}_proj.{p}"] for x in "qkv"])
                    t[o + f"attn.out.{p}"] = sd[b + f"self_attn.out_proj.{p}"]
                    t[o + f"mlp.fc1.{p}"], t[o + f"mlp.fc2.{p}"] = sd[b + f"mlp.fc1.{p}"], sd[b + f"mlp.fc2.{p}"]
        e = "vision_model.embeddings."
        t["vision.patch.weight"] = sd[e + "patch_embedding.weight"].flatten(1)
        t["vision.class"] = sd[e + "class_embedding"][None]
        t["vision.pos"] = sd[e + "position_embedding.weight"]
        for p in ("weight", "bias"):
            t[f"vision.pre_norm.{p}"] = sd[f"vision_model.pre_layrnorm.{p}"]
            t[f"vision.post_norm.{p}"] = sd[f"vision_model.post_layernorm.{p}"]
            t[f"text.post_norm.{p}"] = sd[f"text_model.final_layer_norm.{p}"]
        t["vision.proj.weight"] = sd["visual_projection.weight"]
        t["text.proj.weight"] = sd["text_projection.weight"]
        t["text.token"] = sd["text_model.embeddings.token_embedding.weight"]
        t["text.pos"] = sd["text_model.embeddings.position_embedding.weight"]
    t["image.logit_scale"] = sd["logit_scale"].reshape(1)
    return t


def inputs(h, w, context, vocab, seed):
    g = torch.Generator().manual_seed(seed)
    x = coarse(torch.randn(2, 3, h, w, generator=g))
    ids = torch.zeros(5, context, dtype=torch.int64)
    for i, n in enumerate((context, 2, context // 2, 5, 1)):                 # tokens up to and with end-of-text; the rest is 0 or end-of-text again
        ids[i, :n] = torch.randint(1, vocab - 2, (n,), generator=g)
        ids[i, n - 1] = vocab - 1
        if i == 3:
            ids[i, n:] = vocab - 1
    return x, ids


class Stages:
    def __init__(self):
        self.t, self.hooks = {}, []

    def on(self, module, name, pick=lambda o: o):
        def hook(m, i, o):
            o = o[0] if isinstance(o, tuple) else o
            self.t[name] = pick(o).detach().clone()
        self.hooks.append(module.register_forward_hook(hook))

    def before(self, module, name):
        self.hooks.append(module.register_forward_pre_hook(lambda m, i: self.t.__setitem__(name, i[0].detach().clone())))


def store(name, t, cfg):
    t = {k: v.detach().contiguous().clone() for k, v in t.items()}
    t["cfg"] = torch.tensor(cfg, dtype=torch.int32)
    store_gz(os.path.join(out, f"clip_{name}.safetensors.gz"), t, dict(VERSIONS, cfg=CFG))
    print(name, sum(v.numel() for k, v in t.items()) * 4 // 1024, "KiB", "norm of projected", float(t["vision.projected"].norm(dim=-1).mean()))


def run_open_clip(name, v, t, embed, seed, quick=False, ckpt=None):
    torch.manual_seed(seed)
    model = open_clip.model.CLIP(embed, v, t, quick_gelu=quick).eval()
    shake(model, seed)
    h, w = v["image_size"] if isinstance(v["image_size"], tuple) else (v["image_size"],) * 2
    x, ids = inputs(h, w, t["context_length"], t["vocab_size"], seed)
    s = Stages()
    s.before(model.visual.ln_pre, "vision.embed"); s.on(model.visual.ln_pre, "vision.pre_norm")
    for i, b in enumerate(model.visual.transformer.resblocks): s.on(b, f"vision.block.{i}")
    s.before(model.transformer, "text.embed")
    for i, b in enumerate(model.transformer.resblocks): s.on(b, f"text.block.{i}")
    rows = torch.arange(len(ids))
    s.on(model.visual.ln_post, "vision.pooled", lambda o: o if o.ndim == 2 else o[:, 0])
    s.on(model.ln_final, "text.pooled", lambda o: o[rows, ids.argmax(-1)])
    with torch.no_grad():
        iv, tv = model.encode_image(x), model.encode_text(ids)
        s.t["vision.projected"], s.t["text.projected"] = iv, tv
        s.t["image.embedding"], s.t["text.embedding"] = iv / iv.norm(dim=-1, keepdim=True), tv / tv.norm(dim=-1, keepdim=True)
    g = model.visual.grid_size
    p = v["patch_size"]
    cfg = [v["width"], v["layers"], v["width"] // v["head_width"], model.visual.transformer.resblocks[0].mlp.c_fc.out_features, embed, int(quick), p, p, g[0], g[1], h, w,
           t["width"], t["layers"], t["heads"], model.transformer.resblocks[0].mlp.c_fc.out_features, t["context_length"], t["vocab_size"]]
    store(name, {**names(model.state_dict(), "open_clip"), **s.t, "image": x, "ids": ids.int()}, cfg)
    if ckpt:
        d = os.path.join(out, "ckpt_" + name); os.makedirs(d, exist_ok=True)
        mc = {"embed_dim": embed, "vision_cfg": v, "text_cfg": t}
        if quick: mc["quick_gelu"] = True
        with open(os.path.join(d, "open_clip_config.json"), "w") as f:
            json.dump({"model_cfg": mc, "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}}, f, indent=1)
        if ckpt == "pt": torch.save({"epoch": 3, "name": "tiny", "state_dict": {"module." + k: q.bfloat16() for k, q in model.state_dict().items()}}, os.path.join(d, "epoch_3.pt"))
        elif ckpt == "bin": torch.save({k: q.bfloat16() for k, q in model.state_dict().items()}, os.path.join(d, "open_clip_pytorch_model.bin"))
        else: save_file({k: q.bfloat16().contiguous() for k, q in model.state_dict().items()}, os.path.join(d, "open_clip_model.safetensors"), metadata={"format": "pt"})


def run_hf(name, v, t, embed, seed, ckpt=True):
    torch.manual_seed(seed)
    config = transformers.CLIPConfig(text_config=t, vision_config=v, projection_dim=embed)
    config._attn_implementation = "eager"
    model = transformers.CLIPModel(config).eval()
    shake(model, seed, fine=ckpt)
    x, ids = inputs(v["image_size"], v["image_size"], t["max_position_embeddings"], t["vocab_size"], seed)
    s = Stages()
    vm, tm = model.vision_model, model.text_model
    s.on(vm.embeddings, "vision.embed"); s.on(vm.pre_layrnorm, "vision.pre_norm"); s.on(vm.post_layernorm, "vision.pooled")
    for i, b in enumerate(vm.encoder.layers): s.on(b, f"vision.block.{i}")
    s.on(tm.embeddings, "text.embed")
    for i, b in enumerate(tm.encoder.layers): s.on(b, f"text.block.{i}")
    rows = torch.arange(len(ids))
    s.on(tm.final_layer_norm, "text.pooled", lambda o: o[rows, ids.argmax(-1)])
    s.on(model.visual_projection, "vision.projected"); s.on(model.text_projection, "text.projected")
    with torch.no_grad():
        r = model(input_ids=ids, pixel_values=x)
    s.t["image.embedding"], s.t["text.embedding"] = r.image_embeds, r.text_embeds
    g = v["image_size"] // v["patch_size"]
    cfg = [v["hidden_size"], v["num_hidden_layers"], v["num_attention_heads"], v["intermediate_size"], embed, int(v["hidden_act"] == "quick_gelu"), v["patch_size"], v["patch_size"], g, g,
           v["image_size"], v["image_size"], t["hidden_size"], t["num_hidden_layers"], t["num_attention_heads"], t["intermediate_size"], t["max_position_embeddings"], t["vocab_size"]]
    store(name, {**names(model.state_dict(), "hf"), **s.t, "image": x, "ids": ids.int()}, cfg)
    if ckpt:
        model.save_pretrained(os.path.join(out, "ckpt_" + name))


def vis(image, patch, width, head, layers, **k): return dict(image_size=image, patch_size=patch, width=width, head_width=head, layers=layers, **k)
def txt(context, vocab, width, heads, layers, **k): return dict(context_length=context, vocab_size=vocab, width=width, heads=heads, layers=layers, **k)


if __name__ == "__main__":
    run_open_clip("base", vis(32, 8, 64, 16, 3), txt(77, 100, 48, 3, 2), 32, 1, ckpt="pt")
    run_open_clip("head80", vis(21, 7, 160, 80, 2, mlp_ratio=0.5), txt(24, 80, 40, 1, 2, mlp_ratio=2.0), 64, 2)
    run_open_clip("quick", vis(48, 16, 72, 24, 2), txt(16, 120, 40, 2, 3), 40, 3, quick=True, ckpt="safetensors")
    run_open_clip("odd", vis(50, 16, 56, 8, 2, mlp_ratio=4.3637), txt(33, 90, 36, 3, 2, mlp_ratio=3.0), 20, 4)
    run_open_clip("rect", vis((32, 48), 8, 96, 48, 2, mlp_ratio=2.0), txt(12, 64, 32, 2, 1), 24, 5, ckpt="bin")
    hv = dict(hidden_size=64, intermediate_size=100, num_hidden_layers=3, num_attention_heads=2, image_size=30, patch_size=10, hidden_act="gelu")
    ht = dict(hidden_size=40, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=20, vocab_size=99, hidden_act="gelu", bos_token_id=97, eos_token_id=98, pad_token_id=0)
    run_hf("hf", hv, ht, 24, 6)
    hv = dict(hidden_size=48, intermediate_size=192, num_hidden_layers=2, num_attention_heads=3, image_size=28, patch_size=7, hidden_act="quick_gelu")
    ht = dict(hidden_size=32, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=40, vocab_size=70, hidden_act="quick_gelu", bos_token_id=68, eos_token_id=69, pad_token_id=1)
    run_hf("hf_quick", hv, ht, 36, 7, ckpt=False)
