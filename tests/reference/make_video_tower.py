"""Upstream's own video and audio models at a small size: tests/golden/video_*.safetensors.gz and audio_tower.safetensors.gz for tests/test_model.c and tests/test_autograd.c.
Runs on upstream's versions (torch 1.13, transformers 4.30.2, peft 0.4):

    LANGUAGEBIND_UPSTREAM=folder-of-a-clone python tests/reference/make_video_tower.py [tests/golden [audio_tower]]

video_vl     clip_type vl: one class vector, temporal attention over 4 frames, patches masked (keep [B, K], one mask a clip)
video_vl_new clip_type vl_new: a class vector for each of 3 frames
audio_tower  upstream's audio model: mel-shaped input 19 x 43, patches 8 x 8 in a grid of 2 x 5 with pixels left over, the position table resized from 3 x 3
video_lora   clip_type vl with upstream's low-rank updates (peft, rank 4, on temporal attention) and its LoRA run's trainable set
Names as in make_clip.py; gradients of the symmetric InfoNCE loss under grad.NAME."""
import os, sys, types
import numpy as np, torch, torch.nn.functional as F, transformers
for name in ("languagebind", "languagebind.video", "languagebind.audio"):                 # the packages without their __init__, which wants video decoders
    m = types.ModuleType(name); m.__path__ = [os.path.join(os.environ["LANGUAGEBIND_UPSTREAM"], *name.split("."))]; sys.modules[name] = m
from languagebind.video.modeling_video import LanguageBindVideo
from languagebind.video.configuration_video import LanguageBindVideoConfig
from languagebind.audio.modeling_audio import LanguageBindAudio
from languagebind.audio.configuration_audio import LanguageBindAudioConfig
from golden import store
out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
torch.set_num_threads(1)
VERSIONS = {"script": "tests/reference/make_video_tower.py", "torch": torch.__version__, "transformers": transformers.__version__, "upstream": "PKU-YuanGroup/LanguageBind 7070c53"}
E = 24


def names(sd):
    t = {}
    sd = {k.replace("encoder.base_model.model.", "encoder."): v for k, v in sd.items()}
    for k, v in sd.items():
        if ".lora_" in k:                                              # vision_model.encoder.layers.0.temporal_attn.q_proj.lora_A.default.weight
            i, where, target = k.split(".layers.")[1].split(".")[:3]
            t[f"vision.blocks.{i}.{'temporal.attn' if where == 'temporal_attn' else 'attn'}.lora.{target[:-5]}.{'a' if '.lora_A.' in k else 'b'}"] = v
    for ours, theirs in (("vision", "vision_model."), ("text", "text_model.")):
        for i in range(2):
            b, o = f"{theirs}encoder.layers.{i}.", f"{ours}.blocks.{i}."
            if b + "layer_norm1.weight" not in sd: continue
            for p in ("weight", "bias"):
                t[o + f"norm1.{p}"], t[o + f"norm2.{p}"] = sd[b + f"layer_norm1.{p}"], sd[b + f"layer_norm2.{p}"]
                for a, w in (("attn", "self_attn"), ("temporal.attn", "temporal_attn")):
                    if b + w + ".q_proj.weight" not in sd: continue
                    t[o + f"{a}.qkv.{p}"] = torch.cat([sd[b + f"{w}.{x}_proj.{p}"] for x in "qkv"])
                    t[o + f"{a}.out.{p}"] = sd[b + f"{w}.out_proj.{p}"]
                    if a != "attn": t[o + f"temporal.norm.{p}"] = sd[b + f"temporal_layer_norm1.{p}"]
                t[o + f"mlp.fc1.{p}"], t[o + f"mlp.fc2.{p}"] = sd[b + f"mlp.fc1.{p}"], sd[b + f"mlp.fc2.{p}"]
            if b + "temporal_embedding" in sd: t[o + "temporal.embed"] = sd[b + "temporal_embedding"][0]
    e = "vision_model.embeddings."
    t["vision.patch.weight"] = sd[e + "patch_embedding.weight"].flatten(1)
    c = sd[e + "class_embedding"]; t["vision.class"] = c if c.ndim == 2 else c[None]
    t["vision.pos"] = sd[e + "position_embedding.weight"]
    for p in ("weight", "bias"):
        t[f"vision.pre_norm.{p}"], t[f"vision.post_norm.{p}"] = sd[f"vision_model.pre_layrnorm.{p}"], sd[f"vision_model.post_layernorm.{p}"]
        t[f"text.post_norm.{p}"] = sd[f"text_model.final_layer_norm.{p}"]
    t["vision.proj.weight"], t["text.proj.weight"] = sd["visual_projection.weight"], sd["text_projection.weight"]
    t["text.token"], t["text.pos"] = sd["text_model.embeddings.token_embedding.weight"], sd["text_model.embeddings.position_embedding.weight"]
    t["video.logit_scale"] = sd["logit_scale"].reshape(1)
    return t


class Keep(torch.nn.Module):
    """upstream's PatchDropout with given indices: one mask a clip, the same in all of its frames"""
    def __init__(self, keep): super().__init__(); self.keep = keep
    def forward(self, x, B, T): return torch.cat([x[:, :1], x[:, 1:].gather(1, self.keep.repeat_interleave(T, 0)[:, :, None].expand(-1, -1, x.shape[-1]))], 1)


def run(name, clip_type, frames, masked, seed, rank=0):
    torch.manual_seed(seed)
    v = dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=3, image_size=24, patch_size=8, hidden_act="gelu", add_time_attn=True, num_frames=frames, clip_type=clip_type, tube_size=1,
             force_patch_dropout=0.0, lora_r=rank, lora_alpha=16, lora_dropout=0.0, projection_dim=E)
    t = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=12, vocab_size=60, hidden_act="gelu", projection_dim=E)
    m = LanguageBindVideo(LanguageBindVideoConfig(text_config=t, vision_config=v, projection_dim=E)).eval()
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for n, p in m.named_parameters():
            if n == "logit_scale": p.copy_(torch.tensor(2.0))
            else: p.copy_(torch.randn(p.shape, generator=g) * (0.3 if "embed" in n else 0.1 if p.ndim < 2 or "lora_B" in n else 1.5 * p.shape[-1] ** -0.5) + (1.0 if "norm" in n and n.endswith("weight") else 0.0))
    if rank:                                                           # peft froze what it wrapped; gradients of everything are wanted here
        for p in m.parameters(): p.requires_grad = True
    # transformers freezes nothing, but class_embedding of vl_new is a plain tensor after .to(): make it a leaf
    x = torch.randn(5, 3, frames, 24, 24, generator=g)
    ids = torch.zeros(5, 12, dtype=torch.int64)
    for i in range(5):
        k = 3 + i; ids[i, :k - 1] = torch.randint(1, 58, (k - 1,), generator=g); ids[i, k - 1] = 59
    d = {k: q.clone() for k, q in names(m.state_dict()).items()}
    cfg = dict(d=d)
    stages = {}
    hooks = [m.vision_model.pre_layrnorm.register_forward_hook(lambda q, i, o: stages.__setitem__("video.pre_norm", o.detach()))]
    for i, b in enumerate(m.vision_model.encoder.layers):
        hooks.append(b.register_forward_hook(lambda q, a, o, i=i: stages.__setitem__(f"video.block.{i}", o[0].detach())))
    with torch.no_grad():
        e = m.visual_projection(m.vision_model(pixel_values=x)[1])
    d["video.embedding"] = e / e.norm(dim=-1, keepdim=True); d.update({k: q.clone() for k, q in stages.items()})
    for h in hooks: h.remove()
    if masked:
        keep = torch.stack([torch.randperm(9, generator=g)[:5].sort().values for _ in range(5)]); d["keep"] = keep.int()
        m.vision_model.patch_dropout = Keep(keep)
    m.vision_model.double(); m.visual_projection.double()              # gradients in double: some are small differences of large numbers
    a = m.visual_projection(m.vision_model(pixel_values=x.double())[1]); b = m.text_projection(m.text_model(input_ids=ids, attention_mask=torch.ones_like(ids))[1]).double()
    a, b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    L = m.logit_scale.exp() * a @ b.T; y = torch.arange(5)
    loss = (F.cross_entropy(L, y) + F.cross_entropy(L.T, y)) / 2
    loss.backward()
    grads = names({k: p.grad for k, p in m.named_parameters()})
    if rank: grads = {k: q for k, q in grads.items() if ".lora." in k or k in ("vision.class", "video.logit_scale") or k.startswith(("vision.post_norm", "vision.proj")) or ".temporal.embed" in k or ".temporal.norm" in k}
    d.update({"grad." + k: q for k, q in grads.items()})
    d.update({"image": x, "ids": ids.int(), "loss": loss.detach().reshape(1),
              "cfg": torch.tensor([48, 2, 3, 96, E, 0, 8, 8, 3, 3, 24, 24, 32, 1, 2, 64, 12, 60, frames, int(clip_type == "vl_new")], dtype=torch.int32)})
    d = {k: (q.float() if q.is_floating_point() else q).detach().contiguous().clone() for k, q in d.items()}
    store(os.path.join(out, name + ".safetensors.gz"), d, dict(VERSIONS, cfg="as make_clip.py, then frames, class_per_frame"))
    print(name, float(loss), sum(q.numel() for q in d.values()) * 4 // 1024, "KiB", [k for k in d if k.startswith("grad.") and float(d[k].abs().max()) == 0])


def run_audio(name, seed):
    torch.manual_seed(seed)
    v = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8, hidden_act="gelu", num_mel_bins=19, target_length=43, lora_r=0, projection_dim=E)
    t = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=12, vocab_size=60, hidden_act="gelu", projection_dim=E)
    m = LanguageBindAudio(LanguageBindAudioConfig(text_config=t, vision_config=v, projection_dim=E)).eval()
    m.vision_model.embeddings.position_ids = torch.arange(m.vision_model.embeddings.num_positions).expand((1, -1))
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for n, p in m.named_parameters():
            if n == "logit_scale": p.copy_(torch.tensor(2.0))
            else: p.copy_(torch.randn(p.shape, generator=g) * (0.3 if "embed" in n else 0.1 if p.ndim < 2 else 1.5 * p.shape[-1] ** -0.5) + (1.0 if "norm" in n and n.endswith("weight") else 0.0))
    x = torch.randn(4, 3, 19, 43, generator=g); ids = torch.zeros(4, 12, dtype=torch.int64)
    for i in range(4):
        k = 3 + i; ids[i, :k - 1] = torch.randint(1, 58, (k - 1,), generator=g); ids[i, k - 1] = 59
    ours = lambda sd: {k.replace("video.logit", "image.logit"): q for k, q in names(sd).items()}
    d = {k: q.clone() for k, q in ours(m.state_dict()).items()}
    for p in m.parameters(): p.requires_grad = True
    m.vision_model.double(); m.visual_projection.double()
    a = m.visual_projection(m.vision_model(pixel_values=x.double())[1]); b = m.text_projection(m.text_model(input_ids=ids, attention_mask=torch.ones_like(ids))[1]).double()
    a, b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    L = m.logit_scale.exp() * a @ b.T; y = torch.arange(4)
    loss = (F.cross_entropy(L, y) + F.cross_entropy(L.T, y)) / 2
    loss.backward()
    d.update({"grad." + k: q for k, q in ours({k: p.grad for k, p in m.named_parameters()}).items()})
    d.update({"image": x, "image.embedding": a, "ids": ids.int(), "loss": loss.detach().reshape(1), "cfg": torch.tensor([32, 2, 2, 48, E, 0, 8, 8, 2, 5, 19, 43, 24, 1, 2, 32, 12, 60], dtype=torch.int32)})
    d = {k: (q.float() if q.is_floating_point() else q).detach().contiguous().clone() for k, q in d.items()}
    store(os.path.join(out, name + ".safetensors.gz"), d, dict(VERSIONS, cfg="as make_clip.py"))
    print(name, float(loss), d["vision.pos"].shape, sum(q.numel() for q in d.values()) * 4 // 1024, "KiB")


wanted = sys.argv[2:]                                              # NAMEs, or all of them
if not wanted or "audio_tower" in wanted: run_audio("audio_tower", 54)
if wanted: sys.exit()
run("video_vl", "vl", 4, True, 51)
run("video_vl_new", "vl_new", 3, False, 52)
run("video_lora", "vl", 3, False, 53, rank=4)
