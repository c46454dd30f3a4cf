"""Gradients and training runs of small CLIP models by torch: tests/golden/grad_*.safetensors.gz for tests/test_autograd.c and
tests/golden/train_*.safetensors.gz for tests/test_train.c.

    python tests/reference/make_grad.py [tests/golden]

grad_full   open_clip, symmetric InfoNCE, everything trained            grad_mask  the same with half of the patches dropped (keep [B, K])
grad_lora   transformers + peft, LoRA on the vision attention, upstream's LoRA trainable set
train_full, train_lora, train_projection: losses of 50 AdamW steps over a fixed order of batches.
Names as in make_clip.py; gradients under grad.NAME, in rows."""
import os, sys
import torch, torch.nn.functional as F
import open_clip, transformers, peft
sys.argv = sys.argv[:1] + ([sys.argv[1]] if len(sys.argv) > 1 else ["tests/golden"])
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from golden import store, coarse
from make_clip import shake, names, VERSIONS, CFG, vis, txt
out = sys.argv[1]
torch.set_num_threads(1)
VERSIONS = dict(VERSIONS, script="tests/reference/make_grad.py", peft=peft.__version__)


def save(name, t, cfg):
    t = {k: v.detach().contiguous().clone() for k, v in t.items()}
    t["cfg"] = torch.tensor(cfg, dtype=torch.int32)
    store(os.path.join(out, name + ".safetensors.gz"), t, dict(VERSIONS, cfg=CFG))
    print(name, sum(v.numel() * v.element_size() for v in t.values()) // 1024, "KiB")


def data(n, size, context, vocab, seed):
    g = torch.Generator().manual_seed(seed)
    x = coarse(torch.randn(n, 3, *size, generator=g))
    ids = torch.zeros(n, context, dtype=torch.int64)
    for i in range(n):
        k = int(torch.randint(2, context + 1, (1,), generator=g))
        ids[i, :k - 1] = torch.randint(1, vocab - 2, (k - 1,), generator=g); ids[i, k - 1] = vocab - 1
    return x, ids


def loss_of(x, y, scale):
    logits = scale.exp() * x @ y.T
    t = torch.arange(len(x))
    return (F.cross_entropy(logits, t) + F.cross_entropy(logits.T, t)) / 2


class Keep(torch.nn.Module):
    """open_clip's PatchDropout with given indices."""
    def __init__(self, keep): super().__init__(); self.keep = keep
    def forward(self, x): return torch.cat([x[:, :1], x[:, 1:].gather(1, self.keep[:, :, None].expand(-1, -1, x.shape[-1]))], 1)


V, T, E = vis(24, 8, 48, 24, 2, mlp_ratio=2.0), txt(12, 60, 40, 2, 2, mlp_ratio=2.0), 24
def oc(seed):
    torch.manual_seed(seed)
    m = open_clip.model.CLIP(E, V, T).eval(); shake(m, seed)
    return m
def oc_cfg(m): return [48, 2, 2, 96, E, 0, 8, 8, 3, 3, 24, 24, 40, 2, 2, 80, 12, 60]

for name, masked in (("grad_full", False), ("grad_mask", True)):
    m = oc(11); x, ids = data(6, (24, 24), 12, 60, 12); t = names(m.state_dict(), "open_clip"); t = {k: v.clone() for k, v in t.items()}
    if masked:
        g = torch.Generator().manual_seed(13)
        keep = torch.stack([torch.randperm(9, generator=g)[:4].sort().values for _ in range(6)])
        m.visual.patch_dropout = Keep(keep); t["keep"] = keep.int()
    a, b = m.encode_image(x, normalize=True), m.encode_text(ids, normalize=True)
    loss = loss_of(a, b, m.logit_scale); loss.backward()
    t.update({"grad." + k: v for k, v in names({k: p.grad for k, p in m.named_parameters()}, "open_clip").items()})
    save(name, {**t, "image": x, "ids": ids.int(), "loss": loss.reshape(1), "image.embedding": a, "text.embedding": b}, oc_cfg(m))

HV = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, image_size=24, patch_size=8, hidden_act="gelu")
HT = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=12, vocab_size=60, hidden_act="gelu", bos_token_id=58, eos_token_id=59, pad_token_id=0)
H_CFG = [64, 2, 4, 96, E, 0, 8, 8, 3, 3, 24, 24, 32, 1, 2, 64, 12, 60]
def hf(seed):
    torch.manual_seed(seed)
    c = transformers.CLIPConfig(text_config=HT, vision_config=HV, projection_dim=E); c._attn_implementation = "eager"
    m = transformers.CLIPModel(c).eval(); shake(m, seed)
    return m
def hf_embed(m, x, ids):
    a = m.visual_projection(m.vision_model(pixel_values=x).pooler_output)
    h = m.text_model(input_ids=ids).last_hidden_state
    b = m.text_projection(h[torch.arange(len(ids)), ids.argmax(-1)])
    return a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
def lora(m, seed, b_spread):
    """peft around the vision encoder, as upstream does it: rank 4, alpha 16; returns the adapter's parameters by our names."""
    torch.manual_seed(seed)
    m.vision_model.encoder = peft.get_peft_model(m.vision_model.encoder, peft.LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "k_proj", "v_proj", "out_proj"], lora_dropout=0.0, bias="none"))
    ours = {}
    for n, p in m.vision_model.encoder.named_parameters():
        if "lora_" in n:
            i, target = n.split(".layers.")[1].split(".")[0], n.split("self_attn.")[1].split("_proj")[0]
            ours[f"vision.blocks.{i}.attn.lora.{target}.{'a' if 'lora_A' in n else 'b'}"] = p
            if "lora_B" in n and b_spread:
                with torch.no_grad(): p.copy_(coarse(torch.randn(p.shape) * b_spread))
    return ours
def upstream_set(m):
    """class_embedding, post_layernorm, visual_projection, logit_scale and the adapter; everything else frozen."""
    for n, p in m.named_parameters():
        p.requires_grad = "lora_" in n or "class_embedding" in n or "post_layernorm" in n or "visual_projection" in n or n == "logit_scale"
UP = {"vision.class": lambda m: m.vision_model.embeddings.class_embedding[None], "vision.post_norm.weight": lambda m: m.vision_model.post_layernorm.weight,
      "vision.post_norm.bias": lambda m: m.vision_model.post_layernorm.bias, "vision.proj.weight": lambda m: m.visual_projection.weight, "image.logit_scale": lambda m: m.logit_scale.reshape(1)}
UPG = {"vision.class": lambda m: m.vision_model.embeddings.class_embedding.grad[None], "vision.post_norm.weight": lambda m: m.vision_model.post_layernorm.weight.grad,
       "vision.post_norm.bias": lambda m: m.vision_model.post_layernorm.bias.grad, "vision.proj.weight": lambda m: m.visual_projection.weight.grad, "image.logit_scale": lambda m: m.logit_scale.grad.reshape(1)}

m = hf(21); t = {k: v.clone() for k, v in names(m.state_dict(), "hf").items()}
ab = lora(m, 22, 0.1); upstream_set(m); x, ids = data(6, (24, 24), 12, 60, 23)
t.update({k: p.detach().clone() for k, p in ab.items()})
a, b = hf_embed(m, x, ids); loss = loss_of(a, b, m.logit_scale); loss.backward()
t.update({"grad." + k: p.grad for k, p in ab.items()}); t.update({"grad." + k: f(m) for k, f in UPG.items()})
save("grad_lora", {**t, "image": x, "ids": ids.int(), "loss": loss.reshape(1), "image.embedding": a, "text.embedding": b}, H_CFG)

# ---- 50 steps of AdamW: betas 0.9 0.98, eps 1e-6, wd 0.2, upstream's no-decay rule, 5 warm-up steps, cosine to 0 at 60, logit scale clamped
NO_DECAY = ("bn", "ln", "bias", "logit_scale", "class_embedding", "patch_embedding", "conv1")           # conv1 is open_clip's patch_embedding
def train(m, embed, lr, steps=50, batch=8, n=32, clip=None, seed=31):
    x, ids = data(n, (24, 24), 12, 60, seed)
    with_decay = [p for k, p in m.named_parameters() if p.requires_grad and not (p.ndim < 2 or any(w in k for w in NO_DECAY))]
    without = [p for k, p in m.named_parameters() if p.requires_grad and (p.ndim < 2 or any(w in k for w in NO_DECAY))]
    opt = torch.optim.AdamW([{"params": without, "weight_decay": 0.0}, {"params": with_decay, "weight_decay": 0.2}], lr=lr, betas=(0.9, 0.98), eps=1e-6)
    losses, scales = [], []
    import math
    for s in range(steps):
        now = lr * (s + 1) / 5 if s < 5 else 0.5 * (1 + math.cos(math.pi * (s - 5) / (60 - 5))) * lr
        for g in opt.param_groups: g["lr"] = now
        k = [(s * batch + j) * 5 % n for j in range(batch)]
        a, b = embed(m, x[k], ids[k]); loss = loss_of(a, b, m.logit_scale)
        opt.zero_grad(); loss.backward()
        if clip: torch.nn.utils.clip_grad_norm_([p for p in m.parameters() if p.requires_grad], clip)
        opt.step()
        with torch.no_grad(): m.logit_scale.clamp_(0, math.log(100))
        losses.append(loss.item()); scales.append(m.logit_scale.exp().item())
    return {"image": x, "ids": ids.int(), "losses": torch.tensor(losses), "scales": torch.tensor(scales), "lr": torch.tensor([lr])}

m = oc(41); t = {k: v.clone() for k, v in names(m.state_dict(), "open_clip").items()}
r = train(m, lambda m, x, i: (m.encode_image(x, normalize=True), m.encode_text(i, normalize=True)), 2e-4, clip=1.0)
print(r["losses"][::7]); save("train_full", {**t, **r}, oc_cfg(m))
m = hf(42); t = {k: v.clone() for k, v in names(m.state_dict(), "hf").items()}
ab = lora(m, 43, 0); upstream_set(m); t.update({k: p.detach().clone() for k, p in ab.items()})
r = train(m, hf_embed, 2e-3); print(r["losses"][::7]); save("train_lora", {**t, **r}, H_CFG)
m = hf(42); t = {k: v.clone() for k, v in names(m.state_dict(), "hf").items()}
for n, p in m.named_parameters(): p.requires_grad = n in ("visual_projection.weight", "logit_scale")
r = train(m, hf_embed, 5e-3); print(r["losses"][::7]); save("train_projection", {**t, **r}, H_CFG)
