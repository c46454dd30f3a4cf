/* convert: published checkpoints to .lbw.
 *
 * Three steps.  The checkpoint's names are brought to one form (wrappers and adapter infixes taken off).  The towers are measured, from the
 * configuration file when there is one and always from the shapes.  Then every output tensor is planned - its name, shape and the source tensors
 * it is made of - before the first byte is written, so that a missing or misshapen tensor costs nothing; and everything that was not used is named. */

typedef struct conv_part { ck_tensor *w, *a, *b; } conv_part;              /* w + scale * b a, where a LoRA is merged */
typedef struct conv_out {
    char name[128]; lb_dtype dtype; lb_layout layout; int ndim; size_t shape[2];
    conv_part part[3]; int parts, transpose; float scale;                   /* parts stand below each other; one without a tensor is zeros */
} conv_out;
typedef struct conv_tower {
    char name[32]; int text;
    size_t width, layers, heads, mlp, embed;
    int quick, pre_norm; double eps;
    size_t channels, patch_h, patch_w, tube, grid_h, grid_w, frames, image_h, image_w; int temporal, class_per_frame;
    size_t context, vocab;
    size_t lora_rank; double lora_alpha; int lora_targets, lora_where;      /* bits q k v out; 0 spatial, 1 temporal, 2 both */
} conv_tower;
typedef struct conv_options {
    const char *source, *config, *dtype, *tokenizer, *output, *act, *modality, *license, *parity, *base, *from;
    const char *whole;                                     /* where it is written instead of to output, when an adapter is cut out of it */
    long long heads, text_heads; int keep_lora, quiet, adapter, base_text;
} conv_options;
typedef enum conv_layout { CONV_OPEN_CLIP, CONV_HF } conv_layout;
typedef struct convert {
    lb_ctx *ctx; conv_options o; checkpoint ck; lb__mark mark;
    lb__json_doc config, prep; const lb__json *cfg;        /* cfg: model_cfg, or the whole of a Hugging Face config */
    const char *folder;
    conv_layout layout; const char *kind;                  /* modality kind: image, video, ... */
    int languagebind;
    conv_tower vision, text;
    conv_out *out; size_t outs, cap;
    double mean[16], std[16]; const char *resize, *crop, *clean;
    double rate, bins, target, max_depth;
    lb_dtype dtype;
    lb__buf notes;                                         /* lines for standard error */
} convert;

static void conv_note(convert *c, const char *f, ...) {
    char line[1024]; va_list ap;
    va_start(ap, f); lb__vformat(line, sizeof line - 1, f, ap); va_end(ap);
    if (lb__buf_add(&c->notes, line, strlen(line)) || lb__buf_add(&c->notes, "\n", 1)) return;
}

/* ---- names ---- */

static char *conv_cut(char *s, const char *word, const char *by) {
    char *p = strstr(s, word); size_t n = strlen(by);
    if (p) { memcpy(p, by, n); memmove(p + n, p + strlen(word), strlen(p + strlen(word)) + 1); }
    return p;
}
/* module. (data parallel), _orig_mod. (compiled), base_model.model. (peft, around a whole model or inside one), base_layer. (newer peft), and
 * the adapter's own name after lora_A and lora_B. */
static lb_status conv_names(convert *c) {
    size_t i;
    for (i = 0; i < c->ck.count; i++) {
        ck_tensor *t = c->ck.tensor[i]; char *s = ck_string(&c->ck, t->name, strlen(t->name)), *p; int again = 1;
        if (!s) return LB_ERR_MEM;
        while (again) {
            again = 0;
            if (!strncmp(s, "module.", 7)) { memmove(s, s + 7, strlen(s + 7) + 1); again = 1; }
            if (!strncmp(s, "_orig_mod.", 10)) { memmove(s, s + 10, strlen(s + 10) + 1); again = 1; }
            if (conv_cut(s, "base_model.model.", "") || conv_cut(s, ".base_layer.", ".")) again = 1;
        }
        for (p = strstr(s, ".lora_"); p; p = NULL) if (p[6] == 'A' || p[6] == 'B') {
            char *w = strstr(p, ".weight");
            if (w && w > p + 7) memmove(p + 7, w, strlen(w) + 1);
        }
        t->name = s;
    }
    return ck_sort(&c->ck);
}
static int conv_has(const convert *c, const char *name) { return ck_find(&c->ck, name) != NULL; }
static int conv_has_prefix(const convert *c, const char *prefix) {
    size_t lo = 0, hi = c->ck.count, n = strlen(prefix);
    while (lo < hi) { size_t mid = lo + (hi - lo) / 2; if (strcmp(c->ck.tensor[mid]->name, prefix) < 0) lo = mid + 1; else hi = mid; }
    return lo < c->ck.count && !strncmp(c->ck.tensor[lo]->name, prefix, n);
}
/* What this checkpoint is, when it is not for us. */
static lb_status conv_recognise(convert *c) {
    static const struct { const char *prefix, *what; } other[] = {
        { "visual.layer1.", "an OpenAI ResNet tower" }, { "visual.trunk.", "a timm vision tower (SigLIP, EVA, ConvNeXt, ...)" }, { "visual.attn_pool.", "attentional pooling (CoCa)" }, { "text_decoder.", "a text decoder (CoCa)" },
        { "visual.blocks.", "an EVA vision tower" }, { "text.transformer.embeddings.", "a Hugging Face text encoder inside open_clip" }, { "text.transformer.encoder.", "a Hugging Face text encoder inside open_clip" },
        { "visual.transformer.resblocks.0.ls_1.", "layer scale" }, { "visual.patchnorm_pre_ln.", "patch normalisation" }, { "vision_model.head.", "attention pooling (SigLIP)" }, { "logit_bias", "SigLIP's logit bias" },
        { "text_model.head.", "SigLIP" }, { "vision_model.embeddings.patch_embedding.bias", "SigLIP (a bias on the patches)" }, { "modality_preprocessors.", "ImageBind" }, { "vision_encoder.", "a tower that is neither CLIP's nor LanguageBind's" } };
    size_t i;
    for (i = 0; i < LB__COUNT(other); i++) if (conv_has_prefix(c, other[i].prefix)) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the checkpoint has %s (tensor names that begin with %s); CLIP's vision transformer is what can be converted", c->o.source, other[i].what, other[i].prefix);
    if (conv_has(c, "visual.conv1.weight")) { c->layout = CONV_OPEN_CLIP; return LB_OK; }
    if (conv_has(c, "vision_model.embeddings.patch_embedding.weight")) { c->layout = CONV_HF; return LB_OK; }
    return lb__fail(LB_ERR_UNSUPPORTED, "%s: neither visual.conv1.weight (OpenCLIP) nor vision_model.embeddings.patch_embedding.weight (Hugging Face) is among its %zu tensors (the first is %s)", c->o.source, c->ck.count, c->ck.tensor[0]->name);
}

/* ---- planning ---- */

static ck_tensor *conv_need(convert *c, const char *name) {
    ck_tensor *t = ck_find(&c->ck, name);
    if (!t) lb__fail(LB_ERR_FORMAT, "%s: tensor %s is missing", c->o.source, name);
    else t->used = 1;
    return t;
}
static lb_status conv_shape(convert *c, const ck_tensor *t, int ndim, size_t a, size_t b) {
    size_t want[2]; char x[96], y[96];
    want[0] = a; want[1] = b;
    if (!lb__is_float(t->dtype)) return lb__fail(LB_ERR_FORMAT, "%s: tensor %s is %s, floating point is expected", c->o.source, t->name, lb_dtype_name(t->dtype));
    if (t->ndim != ndim || t->shape[0] != a || (ndim > 1 && t->shape[1] != b))
        return lb__fail(LB_ERR_FORMAT, "%s: tensor %s is %s, %s is expected", c->o.source, t->name, ck_shape_text(x, sizeof x, t->shape, t->ndim), ck_shape_text(y, sizeof y, want, ndim));
    return LB_OK;
}
static conv_out *conv_plan(convert *c, const char *name, lb_layout layout, int ndim, size_t a, size_t b) {
    conv_out *o;
    if (c->outs == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 512; conv_out *p = (conv_out *)lb__arena(c->ctx, cap, sizeof *p);
        if (!p) return NULL;
        if (c->outs) memcpy(p, c->out, c->outs * sizeof *p);
        c->out = p; c->cap = cap;
    }
    o = &c->out[c->outs++];
    memset(o, 0, sizeof *o);
    lb__format(o->name, sizeof o->name, "%s", name);
    o->layout = layout; o->ndim = ndim; o->shape[0] = a; o->shape[1] = b; o->dtype = layout == LB_PANEL ? lb__stored_type(o->name, layout, b, c->dtype) : LB_F32; o->parts = 1; o->scale = 1;
    return o;
}
/* A table or vector that goes over as it is: [a] or [a, b], whatever its ones are (temporal_embedding [1, T, D]). */
static lb_status conv_table(convert *c, const char *to, const char *from, int ndim, size_t a, size_t b) {
    ck_tensor *t = conv_need(c, from); conv_out *o; char x[96]; size_t n = ndim > 1 ? a * b : a;
    if (!t) return LB_ERR_FORMAT;
    if (!lb__is_float(t->dtype) || ck_elements(t) != n || (t->ndim > 0 && ndim > 1 && t->shape[t->ndim - 1] != b))
        return lb__fail(LB_ERR_FORMAT, ndim > 1 ? "%s: tensor %s is %s %s, %zu x %zu floats are expected" : "%s: tensor %s is %s %s, %zu floats are expected", c->o.source, from, lb_dtype_name(t->dtype), ck_shape_text(x, sizeof x, t->shape, t->ndim), a, b);
    o = conv_plan(c, to, LB_ROWS, ndim, a, b);
    if (!o) return LB_ERR_MEM;
    o->part[0].w = t;
    return LB_OK;
}
static lb_status conv_norm(convert *c, const char *to, const char *from, size_t n) {
    char a[128], b[256];
    lb__format(a, sizeof a, "%s.weight", to); lb__format(b, sizeof b, "%s.weight", from); LB__TRY(conv_table(c, a, b, 1, n, 0));
    lb__format(a, sizeof a, "%s.bias", to); lb__format(b, sizeof b, "%s.bias", from); return conv_table(c, a, b, 1, n, 0);
}
/* A linear layer's weight [N, K] from 1 or 3 sources, and its bias. */
static lb_status conv_weight(convert *c, const char *to, const char *const *from, int parts, size_t N, size_t K, int transpose) {
    conv_out *o = conv_plan(c, to, LB_PANEL, 2, N, K); int i;
    if (!o) return LB_ERR_MEM;
    o->parts = parts; o->transpose = transpose;
    for (i = 0; i < parts; i++) {
        ck_tensor *t = conv_need(c, from[i]);
        if (!t) return LB_ERR_FORMAT;
        LB__TRY(transpose ? conv_shape(c, t, 2, K, N / (size_t)parts) : conv_shape(c, t, 2, N / (size_t)parts, K));
        c->out[c->outs - 1].part[i].w = t;
    }
    return LB_OK;
}
static lb_status conv_bias(convert *c, const char *to, const char *const *from, int parts, size_t N) {
    conv_out *o = conv_plan(c, to, LB_ROWS, 1, N, 0); int i;
    if (!o) return LB_ERR_MEM;
    o->parts = parts;
    for (i = 0; i < parts; i++) {
        ck_tensor *t = conv_need(c, from[i]);
        if (!t) return LB_ERR_FORMAT;
        LB__TRY(conv_shape(c, t, 1, N / (size_t)parts, 0));
        o->part[i].w = t;
    }
    return LB_OK;
}
static lb_status conv_linear(convert *c, const char *to, const char *from, size_t N, size_t K) {
    char a[128], b[256]; const char *src = b;
    lb__format(a, sizeof a, "%s.weight", to); lb__format(b, sizeof b, "%s.weight", from); LB__TRY(conv_weight(c, a, &src, 1, N, K, 0));
    lb__format(a, sizeof a, "%s.bias", to); lb__format(b, sizeof b, "%s.bias", from); return conv_bias(c, a, &src, 1, N);
}
/* The LoRA pair beside a projection: merged into out part `part`, or kept as tensors of their own. */
static lb_status conv_lora(convert *c, conv_tower *t, conv_out *o, int part, const char *from, const char *keep, const char *which, int bit, int temporal) {
    char a[256], b[256]; ck_tensor *ta, *tb; size_t r;
    lb__format(a, sizeof a, "%s.lora_A.weight", from); lb__format(b, sizeof b, "%s.lora_B.weight", from);
    ta = ck_find(&c->ck, a); tb = ck_find(&c->ck, b);
    if (!ta && !tb) return LB_OK;
    if (!ta || !tb) return lb__fail(LB_ERR_FORMAT, "%s: tensor %s is missing", c->o.source, ta ? b : a);
    ta->used = tb->used = 1;
    if (ta->ndim != 2 || !ta->shape[0]) return conv_shape(c, ta, 2, 1, t->width);
    r = ta->shape[0];
    LB__TRY(conv_shape(c, ta, 2, r, t->width)); LB__TRY(conv_shape(c, tb, 2, t->width, r));
    if (t->lora_rank && t->lora_rank != r) return lb__fail(LB_ERR_UNSUPPORTED, "%s: tensor %s has rank %zu, others have %zu", c->o.source, a, r, t->lora_rank);
    t->lora_where = !t->lora_rank ? temporal : t->lora_where == temporal ? temporal : 2;
    t->lora_rank = r; t->lora_targets |= bit;
    if (!c->o.keep_lora) { o->part[part].a = ta; o->part[part].b = tb; o->scale = (float)(t->lora_alpha / (double)r); return LB_OK; }
    lb__format(a, sizeof a, "%s.lora.%s.a", keep, which);
    o = conv_plan(c, a, LB_PANEL, 2, r, t->width); if (!o) return LB_ERR_MEM;
    o->part[0].w = ta; o->dtype = LB_F32;
    lb__format(a, sizeof a, "%s.lora.%s.b", keep, which);
    o = conv_plan(c, a, LB_PANEL, 2, t->width, r); if (!o) return LB_ERR_MEM;
    o->part[0].w = tb; o->dtype = LB_F32;
    return LB_OK;
}
/* Attention: `from` ends before in_proj_weight (OpenCLIP) or q_proj (Hugging Face). */
static lb_status conv_attention(convert *c, conv_tower *t, const char *to, const char *from, int temporal) {
    char a[128], b[256], name[3][256]; const char *src[3]; int i; size_t at; static const char *const which[] = { "q", "k", "v" };
    for (i = 0; i < 3; i++) src[i] = name[i];
    lb__format(a, sizeof a, "%s.qkv.weight", to);
    if (c->layout == CONV_OPEN_CLIP) {
        lb__format(name[0], sizeof name[0], "%s.in_proj_weight", from); LB__TRY(conv_weight(c, a, src, 1, 3 * t->width, t->width, 0));
        lb__format(a, sizeof a, "%s.qkv.bias", to); lb__format(name[0], sizeof name[0], "%s.in_proj_bias", from); LB__TRY(conv_bias(c, a, src, 1, 3 * t->width));
    } else {
        for (i = 0; i < 3; i++) lb__format(name[i], sizeof name[i], "%s.%s_proj.weight", from, which[i]);
        at = c->outs;
        LB__TRY(conv_weight(c, a, src, 3, 3 * t->width, t->width, 0));
        for (i = 0; i < 3; i++) { lb__format(b, sizeof b, "%s.%s_proj", from, which[i]); LB__TRY(conv_lora(c, t, &c->out[at], i, b, to, which[i], 1 << i, temporal)); }
        for (i = 0; i < 3; i++) lb__format(name[i], sizeof name[i], "%s.%s_proj.bias", from, which[i]);
        lb__format(a, sizeof a, "%s.qkv.bias", to); LB__TRY(conv_bias(c, a, src, 3, 3 * t->width));
    }
    at = c->outs;
    lb__format(a, sizeof a, "%s.out", to); lb__format(b, sizeof b, "%s.out_proj", from);
    LB__TRY(conv_linear(c, a, b, t->width, t->width));
    return c->layout == CONV_HF ? conv_lora(c, t, &c->out[at], 0, b, to, "out", 8, temporal) : LB_OK;
}
/* A tower has its updates on the same projections in all layers; where the checkpoint has none of them (peft's layers_to_transform) zeros change nothing. */
static lb_status conv_lora_zeros(convert *c, const conv_tower *t) {
    static const char *const which[] = { "q", "k", "v", "out" }; char name[2][128]; size_t i, j; int k, side; conv_out *o;
    for (i = 0; c->o.keep_lora && t->lora_rank && i < t->layers; i++) for (k = 0; k < 8; k++) {
        if (!(t->lora_targets >> k % 4 & 1) || (t->lora_where != 2 && t->lora_where != k / 4)) continue;
        for (side = 0; side < 2; side++) lb__format(name[side], sizeof name[side], "%s.blocks.%zu.%sattn.lora.%s.%c", t->name, i, k < 4 ? "" : "temporal.", which[k % 4], side ? 'b' : 'a');
        for (j = 0; j < c->outs && strcmp(c->out[j].name, name[0]); j++) { }
        if (j < c->outs) continue;
        for (side = 0; side < 2; side++) {
            o = conv_plan(c, name[side], LB_PANEL, 2, side ? t->width : t->lora_rank, side ? t->lora_rank : t->width); if (!o) return LB_ERR_MEM;
            o->dtype = LB_F32;
        }
    }
    return LB_OK;
}
static lb_status conv_blocks(convert *c, conv_tower *t, const char *from) {
    size_t i; char a[128], b[256]; const int hf = c->layout == CONV_HF;
#define CONV_AB(to, hf_name, oc_name) (lb__format(a, sizeof a, "%s.blocks.%zu." to, t->name, i), lb__format(b, sizeof b, "%s.%zu.%s", from, i, hf ? hf_name : oc_name))
    for (i = 0; i < t->layers; i++) {
        CONV_AB("norm1", "layer_norm1", "ln_1"); LB__TRY(conv_norm(c, a, b, t->width));
        CONV_AB("attn", "self_attn", "attn"); LB__TRY(conv_attention(c, t, a, b, 0));
        CONV_AB("norm2", "layer_norm2", "ln_2"); LB__TRY(conv_norm(c, a, b, t->width));
        CONV_AB("mlp.fc1", "mlp.fc1", "mlp.c_fc"); LB__TRY(conv_linear(c, a, b, t->mlp, t->width));
        CONV_AB("mlp.fc2", "mlp.fc2", "mlp.c_proj"); LB__TRY(conv_linear(c, a, b, t->width, t->mlp));
        if (t->temporal) {
            CONV_AB("temporal.embed", "temporal_embedding", ""); LB__TRY(conv_table(c, a, b, 2, t->frames / t->tube, t->width));
            CONV_AB("temporal.norm", "temporal_layer_norm1", ""); LB__TRY(conv_norm(c, a, b, t->width));
            CONV_AB("temporal.attn", "temporal_attn", ""); LB__TRY(conv_attention(c, t, a, b, 1));
        }
    }
#undef CONV_AB
    return conv_lora_zeros(c, t);
}

/* ---- measuring ---- */

/* How many blocks `prefix`.0, .1, ... there are.  One behind a gap would go unread, and the model would be a shorter one. */
static lb_status conv_count_blocks(const convert *c, const char *prefix, size_t *blocks) {
    size_t i, k; const size_t n = strlen(prefix); char name[256];
    for (i = 0; i < 10000; i++) { lb__format(name, sizeof name, "%s.%zu.", prefix, i); if (!conv_has_prefix(c, name)) break; }
    for (k = 0; k < c->ck.count; k++) {
        const char *t = c->ck.tensor[k]->name, *at = t + n + 1; char *end;
        if (!strncmp(t, prefix, n) && t[n] == '.' && *at >= '0' && *at <= '9' && strtoul(at, &end, 10) >= i && *end == '.')
            return lb__fail(LB_ERR_FORMAT, "%s: block %s.%zu is missing, though tensor %s is there", c->o.source, prefix, i, t);
    }
    *blocks = i;
    return LB_OK;
}
/* The number under `key`, when there is one, must agree with what the shapes say. */
static lb_status conv_agree(const convert *c, const lb__json *v, const char *where, const char *key, size_t have) {
    double n = lb__json_num(v, key, -1);
    return n >= 0 && n != (double)have ? lb__fail(LB_ERR_MISMATCH, "%s: the configuration says %s.%s %g, the tensors have %zu", c->o.source, where, key, n, have) : LB_OK;
}
/* One or two numbers: 224 or [112, 1036]. */
static int conv_pair(const lb__json *v, const char *key, double *h, double *w) {
    const lb__json *e = lb__json_get(v, key);
    if (!e) return 0;
    if (e->type == LB__JSON_NUMBER) { *h = *w = e->num; return 1; }
    if (e->type == LB__JSON_ARRAY && e->count == 2 && e->first->type == LB__JSON_NUMBER && e->first->next->type == LB__JSON_NUMBER) { *h = e->first->num; *w = e->first->next->num; return 1; }
    if (e->type == LB__JSON_OBJECT && lb__json_get(e, "height")) { *h = lb__json_num(e, "height", 0); *w = lb__json_num(e, "width", 0); return 1; }
    if (e->type == LB__JSON_OBJECT && lb__json_get(e, "shortest_edge")) { *h = *w = lb__json_num(e, "shortest_edge", 0); return 1; }
    return 0;
}
static int conv_neutral(const lb__json *v) {
    return v->type == LB__JSON_NULL || ((v->type == LB__JSON_BOOL || v->type == LB__JSON_NUMBER) && v->num == 0) || ((v->type == LB__JSON_ARRAY || v->type == LB__JSON_OBJECT) && !v->count);
}
/* Keys outside the list may only say "no". */
static lb_status conv_known_keys(const convert *c, const lb__json *v, const char *where, const char *known) {
    const lb__json *e;
    for (e = v && v->type == LB__JSON_OBJECT ? v->first : NULL; e; e = e->next) {
        char word[140]; lb__buf b = { 0, 0, 0 };
        lb__format(word, sizeof word, " %s ", e->key);
        if (strstr(known, word) || conv_neutral(e)) continue;
        if (e->type == LB__JSON_STRING) lb__json_put_str(&b, e->str, e->len); else if (e->type == LB__JSON_NUMBER) lb__json_put_f64(&b, e->num); else lb__buf_add(&b, lb__json_type_name(e), strlen(lb__json_type_name(e)));
        lb__fail(LB_ERR_UNSUPPORTED, "%s: the configuration has %s.%s = %.*s, which is not supported", c->o.source, where, e->key, (int)b.size, (const char *)b.data);
        lb__buf_free(&b);
        return LB_ERR_UNSUPPORTED;
    }
    return LB_OK;
}
/* head width 64, but for the three large towers that are known to differ */
static size_t conv_guess_heads(convert *c, const conv_tower *t) {
    size_t h = t->width / 64;
    if (!t->text && t->width == 1280 && t->layers == 32) h = 16;
    if (!t->text && t->width == 1408 && t->layers == 40) h = 16;
    if (!t->text && t->width == 1664 && t->layers == 48) h = 16;
    if (!h || t->width % h) h = 1;
    conv_note(c, "no configuration: the %s tower is taken to have %zu attention heads (%s says otherwise)", t->text ? "text" : "vision", h, t->text ? "--text-heads" : "--heads");
    return h;
}
static lb_status conv_heads(convert *c, conv_tower *t, double configured) {
    const long long o = t->text ? c->o.text_heads : c->o.heads;
    t->heads = o > 0 ? (size_t)o : configured > 0 ? (size_t)configured : conv_guess_heads(c, t);
    if (!t->heads || t->width % t->heads) return lb__fail(LB_ERR_MISMATCH, "%s: %zu heads do not divide the width %zu of the %s tower", c->o.source, t->heads, t->width, t->text ? "text" : "vision");
    return LB_OK;
}
static lb_status conv_act(convert *c, const char *name, int *quick) {
    if (c->o.act) name = c->o.act;
    *quick = !strcmp(name, "quick_gelu");
    if (!*quick && strcmp(name, "gelu")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the activation is %s; gelu and quick_gelu are supported", c->o.source, name);
    return LB_OK;
}
/* Everything that shapes alone tell.  The names of the two layouts side by side. */
static lb_status conv_measure(convert *c) {
    const int hf = c->layout == CONV_HF; conv_tower *v = &c->vision, *t = &c->text; ck_tensor *w; char name[256], x[96]; size_t rows, k;
    const char *vb = hf ? "vision_model.encoder.layers" : "visual.transformer.resblocks", *tb = hf ? "text_model.encoder.layers" : "transformer.resblocks";
    lb__format(v->name, sizeof v->name, "%s", !strcmp(c->kind, "image") ? "vision" : c->kind);
    w = conv_need(c, hf ? "vision_model.embeddings.patch_embedding.weight" : "visual.conv1.weight"); if (!w) return LB_ERR_FORMAT;
    if ((w->ndim != 4 && w->ndim != 5) || !lb__is_float(w->dtype) || !ck_elements(w)) return lb__fail(LB_ERR_FORMAT, "%s: tensor %s is %s %s, [width, channels, (tube,) patch, patch] of floats is expected", c->o.source, w->name, lb_dtype_name(w->dtype), ck_shape_text(x, sizeof x, w->shape, w->ndim));
    v->width = w->shape[0]; v->channels = w->shape[1]; v->tube = w->ndim == 5 ? w->shape[2] : 1; v->patch_h = w->shape[w->ndim - 2]; v->patch_w = w->shape[w->ndim - 1];
    if (v->width > 65536 || v->channels > 16 || v->tube > 64 || v->patch_h > 4096 || v->patch_w > 4096) return lb__fail(LB_ERR_LIMIT, "%s: tensor %s is %s, larger than any tower this reads", c->o.source, w->name, ck_shape_text(x, sizeof x, w->shape, w->ndim));
    w = conv_need(c, hf ? "vision_model.embeddings.class_embedding" : "visual.class_embedding"); if (!w) return LB_ERR_FORMAT;
    rows = v->width ? ck_elements(w) / v->width : 0; v->class_per_frame = w->ndim == 2; v->frames = v->class_per_frame ? rows * v->tube : 1;
    w = conv_need(c, hf ? "vision_model.embeddings.position_embedding.weight" : "visual.positional_embedding"); if (!w) return LB_ERR_FORMAT;
    if (w->ndim != 2 || w->shape[0] < 2) return conv_shape(c, w, 2, 2, v->width);
    rows = w->shape[0] - 1;
    for (k = 1; (k + 1) * (k + 1) <= rows; k++) { }
    v->grid_h = v->grid_w = k * k == rows ? k : 0;
    LB__TRY(conv_count_blocks(c, vb, &v->layers));
    lb__format(name, sizeof name, hf ? "%s.0.mlp.fc1.weight" : "%s.0.mlp.c_fc.weight", vb); w = conv_need(c, name); if (!w) return LB_ERR_FORMAT;
    v->mlp = w->ndim ? w->shape[0] : 0;
    w = conv_need(c, hf ? "visual_projection.weight" : "visual.proj"); if (!w) return LB_ERR_FORMAT;
    v->embed = w->ndim == 2 ? w->shape[hf ? 0 : 1] : 0;
    if (!v->mlp || !v->embed) return lb__fail(LB_ERR_FORMAT, "%s: tensor %s is %s, a matrix is expected", c->o.source, w->name, ck_shape_text(x, sizeof x, w->shape, w->ndim));
    v->pre_norm = conv_has(c, hf ? "vision_model.pre_layrnorm.weight" : "visual.ln_pre.weight");
    lb__format(name, sizeof name, "%s.0.temporal_attn.q_proj.weight", vb); v->temporal = conv_has(c, name);
    if (v->temporal) {
        lb__format(name, sizeof name, "%s.0.temporal_embedding", vb); w = conv_need(c, name); if (!w) return LB_ERR_FORMAT;
        k = ck_elements(w) / v->width * v->tube;
        if (v->class_per_frame && k != v->frames) return lb__fail(LB_ERR_MISMATCH, "%s: %zu frames have class vectors, %zu a temporal embedding", c->o.source, v->frames, k);
        v->frames = k;
        lb__format(name, sizeof name, "%s.0.temporal_mlp.fc1.weight", vb);
        if (conv_has(c, name)) return lb__fail(LB_ERR_UNSUPPORTED, "%s: has temporal_mlp tensors, an early LanguageBind_Video that was withdrawn; the current one has none", c->o.source);
    }
    if (!v->frames) return lb__fail(LB_ERR_FORMAT, "%s: the class or temporal embedding is empty", c->o.source);
    v->eps = t->eps = 1e-5; v->lora_alpha = t->lora_alpha = 16;

    lb__format(t->name, sizeof t->name, "text"); t->text = 1; t->tube = t->frames = 1;
    w = conv_need(c, hf ? "text_model.embeddings.token_embedding.weight" : "token_embedding.weight"); if (!w) return LB_ERR_FORMAT;
    if (w->ndim != 2 || !ck_elements(w) || !lb__is_float(w->dtype)) return conv_shape(c, w, 2, 49408, 512);
    t->vocab = w->shape[0]; t->width = w->shape[1];
    w = conv_need(c, hf ? "text_model.embeddings.position_embedding.weight" : "positional_embedding"); if (!w) return LB_ERR_FORMAT;
    if (w->ndim != 2 || !w->shape[0]) return conv_shape(c, w, 2, 77, t->width);
    t->context = w->shape[0];
    LB__TRY(conv_count_blocks(c, tb, &t->layers));
    lb__format(name, sizeof name, hf ? "%s.0.mlp.fc1.weight" : "%s.0.mlp.c_fc.weight", tb); w = conv_need(c, name); if (!w) return LB_ERR_FORMAT;
    t->mlp = w->ndim ? w->shape[0] : 0; t->embed = v->embed;
    if (!t->mlp || t->vocab < 3) return lb__fail(LB_ERR_FORMAT, "%s: tensor %s is %s, a matrix is expected", c->o.source, w->name, ck_shape_text(x, sizeof x, w->shape, w->ndim));
    return LB_OK;
}

/* ---- configuration files ---- */

static lb_status conv_load_json(convert *c, const char *path, lb__json_doc *doc) {
    lb__bytes f; lb_status s;
    LB__TRY(lb__bytes_open(path, &f));
    s = lb__fail_in(lb__json_parse(&c->ctx->limits, (const char *)f.data, f.size, NULL, doc), path);
    lb__bytes_close(&f);
    if (!s && doc->root->type != LB__JSON_OBJECT) s = lb__fail(LB_ERR_FORMAT, "%s: %s, an object is expected", path, lb__json_type_name(doc->root));
    return s;
}
/* Configuration beside the weights: open_clip_config.json for open_clip's names, else config.json. */
static lb_status conv_find_config(convert *c) {
    const char *slash, *base, *want = NULL; char *p;
    if (ck_is_folder(c->o.source)) c->folder = c->o.source;
    else {
        slash = strrchr(c->o.source, '/'); base = slash ? slash + 1 : c->o.source;
        c->folder = slash ? ck_string(&c->ck, c->o.source, (size_t)(slash - c->o.source)) : ".";
        if (!c->folder) return LB_ERR_MEM;
        if (strncmp(base, "open_clip", 9) && strncmp(base, "model", 5) && strncmp(base, "pytorch_model", 13)) c->folder = NULL;     /* an epoch_3.pt has no business with a config.json that happens to lie there */
    }
    if (c->o.config) return conv_load_json(c, c->o.config, &c->config);
    if (!c->folder) return LB_OK;
    want = c->layout == CONV_OPEN_CLIP ? "open_clip_config.json" : "config.json";
    p = ck_join(&c->ck, c->folder, want);
    if (!p) return LB_ERR_MEM;
    return ck_exists(p) ? conv_load_json(c, p, &c->config) : LB_OK;
}
static void conv_clip_constants(convert *c) {
    static const double mean[] = { 0.48145466, 0.4578275, 0.40821073 }, std[] = { 0.26862954, 0.26130258, 0.27577711 }; int i;
    for (i = 0; i < 16; i++) { c->mean[i] = i < 3 ? mean[i] : 0.5; c->std[i] = i < 3 ? std[i] : 0.5; }
}
static lb_status conv_triple(const convert *c, const lb__json *v, const char *key, double *out) {
    const lb__json *a = lb__json_get(v, key), *e; size_t n = 0;
    if (!a || a->type == LB__JSON_NULL) return LB_OK;
    for (e = a->type == LB__JSON_ARRAY ? a->first : NULL; e && e->type == LB__JSON_NUMBER && n < 16; e = e->next) out[n++] = e->num;
    if (n != c->vision.channels || n != a->count) return lb__fail(LB_ERR_FORMAT, "%s: %s of the preprocessing is not %zu numbers", c->o.source, key, c->vision.channels);
    return LB_OK;
}
static lb_status conv_open_clip_config(convert *c) {
    const lb__json *top = c->config.root, *m, *vc, *tc, *pc; conv_tower *v = &c->vision, *t = &c->text; double h = 0, w = 0, n; const char *act = "gelu", *s;
    static const char *const vision_keys = " layers width head_width mlp_ratio patch_size image_size patch_dropout pool_type pos_embed_type block_type norm_kwargs no_ln_pre output_tokens attn_pooler_heads attn_pooler_queries n_queries timm_pool timm_proj timm_drop timm_drop_path ";
    static const char *const text_keys = " context_length vocab_size width heads layers mlp_ratio pool_type proj_type norm_kwargs hf_tokenizer_name tokenizer_kwargs hf_model_pretrained hf_proj_type hf_pooler_type eos_id block_type ";
    c->resize = "pil-bicubic"; c->crop = "round-half-even"; c->clean = "open_clip";
    m = lb__json_get(top, "model_cfg"); if (!m) m = top;
    vc = lb__json_get(m, "vision_cfg"); tc = lb__json_get(m, "text_cfg"); pc = lb__json_get(top, "preprocess_cfg");
    if (top && (!vc || !tc)) return lb__fail(LB_ERR_FORMAT, "%s: the configuration has no vision_cfg and text_cfg: it is not open_clip's", c->o.config ? c->o.config : c->o.source);
    if (top) {
        const lb__json *l = lb__json_get(vc, "layers");
        if (l && l->type == LB__JSON_ARRAY) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the configuration describes a ResNet tower", c->o.source);
        if (lb__json_str(vc, "timm_model_name", NULL)) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the configuration has the timm tower %s", c->o.source, lb__json_str(vc, "timm_model_name", ""));
        if (lb__json_str(tc, "hf_model_name", NULL)) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the configuration has the Hugging Face text tower %s", c->o.source, lb__json_str(tc, "hf_model_name", ""));
        LB__TRY(conv_known_keys(c, m, "model_cfg", m == top ? " embed_dim vision_cfg text_cfg quick_gelu custom_text init_logit_scale nonscalar_logit_scale preprocess_cfg " : " embed_dim vision_cfg text_cfg quick_gelu custom_text init_logit_scale nonscalar_logit_scale "));
        LB__TRY(conv_known_keys(c, vc, "vision_cfg", vision_keys)); LB__TRY(conv_known_keys(c, tc, "text_cfg", text_keys));
        s = lb__json_str(vc, "pool_type", "tok"); if (strcmp(s, "tok")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: vision_cfg.pool_type is %s; the class token (tok) is supported", c->o.source, s);
        s = lb__json_str(tc, "pool_type", "argmax"); if (strcmp(s, "argmax") && strcmp(s, "eos")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: text_cfg.pool_type is %s; argmax is supported", c->o.source, s);
        s = lb__json_str(tc, "proj_type", "linear"); if (strcmp(s, "linear")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: text_cfg.proj_type is %s; linear is supported", c->o.source, s);
        s = lb__json_str(tc, "hf_tokenizer_name", ""); if (*s && !c->o.tokenizer) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the configuration has the tokenizer %s; CLIP's is supported (--tokenizer FILE brings another vocabulary)", c->o.source, s);
        LB__TRY(conv_known_keys(c, lb__json_get(tc, "tokenizer_kwargs"), "tokenizer_kwargs", " clean "));
        s = lb__json_str(lb__json_get(tc, "tokenizer_kwargs"), "clean", "lower"); if (strcmp(s, "lower")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: tokenizer_kwargs.clean is %s; lower is supported", c->o.source, s);
        s = lb__json_str(tc, "pool_type", "argmax"); n = lb__json_num(tc, "eos_id", 2);
        if (!strcmp(s, "eos") && n != (double)t->vocab - 1) return lb__fail(LB_ERR_UNSUPPORTED, "%s: text_cfg.eos_id is %g; the last id (%zu) is supported", c->o.source, n, t->vocab - 1);
        s = lb__json_str(vc, "pos_embed_type", "learnable"); if (strcmp(s, "learnable")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: vision_cfg.pos_embed_type is %s; learnable is supported", c->o.source, s);
        LB__TRY(conv_agree(c, m, "model_cfg", "embed_dim", v->embed));
        LB__TRY(conv_agree(c, vc, "vision_cfg", "width", v->width)); LB__TRY(conv_agree(c, vc, "vision_cfg", "layers", v->layers));
        LB__TRY(conv_agree(c, tc, "text_cfg", "width", t->width)); LB__TRY(conv_agree(c, tc, "text_cfg", "layers", t->layers));
        LB__TRY(conv_agree(c, tc, "text_cfg", "context_length", t->context)); LB__TRY(conv_agree(c, tc, "text_cfg", "vocab_size", t->vocab));
        if (conv_pair(vc, "patch_size", &h, &w) && (h != (double)v->patch_h || w != (double)v->patch_w)) return lb__fail(LB_ERR_MISMATCH, "%s: the configuration says patches of %g x %g, the tensors have %zu x %zu", c->o.source, h, w, v->patch_h, v->patch_w);
        if (conv_pair(vc, "image_size", &h, &w)) {
            if (!(h >= 1 && w >= 1 && h <= 65535 && w <= 65535)) return lb__fail(LB_ERR_FORMAT, "%s: an image size of %g x %g", c->o.source, h, w);
            v->image_h = (size_t)h; v->image_w = (size_t)w;
        }
        n = lb__json_num(vc, "head_width", 64);
        if (!(n >= 1)) return lb__fail(LB_ERR_FORMAT, "%s: a head width of %g", c->o.source, n);
        LB__TRY(conv_heads(c, v, floor((double)v->width / n)));
        LB__TRY(conv_heads(c, t, lb__json_num(tc, "heads", 8)));
        v->eps = lb__json_num(lb__json_get(vc, "norm_kwargs"), "eps", 1e-5); t->eps = lb__json_num(lb__json_get(tc, "norm_kwargs"), "eps", 1e-5);
        LB__TRY(conv_known_keys(c, lb__json_get(vc, "norm_kwargs"), "norm_kwargs", " eps ")); LB__TRY(conv_known_keys(c, lb__json_get(tc, "norm_kwargs"), "norm_kwargs", " eps "));
        if (lb__json_num(m, "quick_gelu", 0) != 0) act = "quick_gelu";
        if (pc) {
            s = lb__json_str(pc, "interpolation", "bicubic"); if (strcmp(s, "bicubic")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: images are resized with %s; bicubic is supported", c->o.source, s);
            s = lb__json_str(pc, "resize_mode", "shortest"); if (strcmp(s, "shortest")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: images are resized by `%s`; `shortest` is supported", c->o.source, s);
            LB__TRY(conv_triple(c, pc, "mean", c->mean)); LB__TRY(conv_triple(c, pc, "std", c->std));
        }
    } else {
        LB__TRY(conv_heads(c, v, strcmp(c->ck.kind, "torchscript") ? 0 : (double)(v->width / 64))); LB__TRY(conv_heads(c, t, strcmp(c->ck.kind, "torchscript") ? 0 : (double)(t->width / 64)));
        if (!strcmp(c->ck.kind, "torchscript")) act = "quick_gelu";              /* OpenAI's own archives */
        else if (!c->o.act) conv_note(c, "no configuration: the exact GELU is assumed; for weights that were trained with QuickGELU (OpenAI's, DFN, MetaCLIP) say --act quick_gelu");
    }
    LB__TRY(conv_act(c, act, &v->quick));
    t->quick = v->quick;
    return LB_OK;
}
/* Hugging Face's rule: when vision_config_dict is there it is filled up with the class's defaults and replaces vision_config. */
static const lb__json *conv_hf_section(const convert *c, const char *section) {
    char name[64]; const lb__json *d;
    lb__format(name, sizeof name, "%s_dict", section);
    d = lb__json_get(c->config.root, name);
    return d && d->type == LB__JSON_OBJECT ? d : lb__json_get(c->config.root, section);
}
static lb_status conv_hf_tower(convert *c, conv_tower *t, const lb__json *v, const char *where) {
    double h, w;
    if (lb__json_get(v, "hidden_size")) LB__TRY(conv_agree(c, v, where, "hidden_size", t->width));
    if (lb__json_get(v, "num_hidden_layers")) LB__TRY(conv_agree(c, v, where, "num_hidden_layers", t->layers));
    if (lb__json_get(v, "intermediate_size")) LB__TRY(conv_agree(c, v, where, "intermediate_size", t->mlp));
    LB__TRY(conv_heads(c, t, c->config.root ? lb__json_num(v, "num_attention_heads", t->text ? 8 : 12) : 0));
    t->eps = lb__json_num(v, "layer_norm_eps", 1e-5);
    if (!(t->eps >= 0 && t->eps < 1)) return lb__fail(LB_ERR_FORMAT, "%s: %s.layer_norm_eps is %g", c->o.source, where, t->eps);
    if (c->config.root) LB__TRY(conv_act(c, lb__json_str(v, "hidden_act", "quick_gelu"), &t->quick));
    else LB__TRY(conv_act(c, "gelu", &t->quick));
    if (t->text) {
        if (lb__json_get(v, "vocab_size")) LB__TRY(conv_agree(c, v, where, "vocab_size", t->vocab));
        if (lb__json_get(v, "max_position_embeddings")) LB__TRY(conv_agree(c, v, where, "max_position_embeddings", t->context));
        return LB_OK;
    }
    if (conv_pair(v, "patch_size", &h, &w) && (h != (double)t->patch_h || w != (double)t->patch_w)) return lb__fail(LB_ERR_MISMATCH, "%s: the configuration says patches of %g x %g, the tensors have %zu x %zu", c->o.source, h, w, t->patch_h, t->patch_w);
    if (conv_pair(v, "image_size", &h, &w) && h >= 1 && w >= 1 && h <= 65535 && w <= 65535) { t->image_h = (size_t)h; t->image_w = (size_t)w; }
    return LB_OK;
}
static lb_status conv_hf_config(convert *c) {
    const lb__json *vc = conv_hf_section(c, "vision_config"), *tc = conv_hf_section(c, "text_config"); conv_tower *v = &c->vision; char *p; double n, h, w; size_t k;
    static const char *const steps[] = { "do_resize", "do_center_crop", "do_rescale", "do_normalize" };
    c->crop = c->languagebind ? "round-half-even" : "floor"; c->clean = c->languagebind ? "languagebind" : "hf";
    c->resize = !c->languagebind ? "pil-bicubic" : !strcmp(c->kind, "video") ? "torch-bilinear" : !strcmp(c->kind, "audio") ? "none" : "torch-bicubic";
    if (!c->config.root && !c->o.act) conv_note(c, "no config.json: the exact GELU is assumed (--act quick_gelu for OpenAI's weights)");
    LB__TRY(conv_hf_tower(c, v, vc, "vision_config")); LB__TRY(conv_hf_tower(c, &c->text, tc, "text_config"));
    if (c->config.root) LB__TRY(conv_agree(c, c->config.root, "config", "projection_dim", v->embed));
    if (c->languagebind) {
        v->lora_alpha = lb__json_num(vc, "lora_alpha", 16);
        n = lb__json_num(vc, "num_frames", 1);
        if (v->temporal && c->config.root && n != (double)v->frames) return lb__fail(LB_ERR_MISMATCH, "%s: the configuration says %g frames, the tensors have %zu", c->o.source, n, v->frames);
        if (!strcmp(c->kind, "audio")) {
            c->bins = lb__json_num(vc, "num_mel_bins", 0); c->target = lb__json_num(vc, "target_length", 0); c->rate = lb__json_num(vc, "audio_sample_rate", 16000);
            if (!(c->bins >= 1 && c->bins <= 4096 && c->target >= 1 && c->target <= 1e6)) {
                size_t rows = ck_find(&c->ck, "vision_model.embeddings.position_embedding.weight")->shape[0] - 1;
                if (rows % 74 || v->patch_h != 14) return lb__fail(LB_ERR_FORMAT, "%s: an audio checkpoint whose configuration says neither num_mel_bins nor target_length", c->o.source);
                c->target = 1036; c->bins = (double)(rows / 74 * 14);
                conv_note(c, "no num_mel_bins and target_length in the configuration: %g x %g follow from the position table", c->bins, c->target);
            }
            v->image_h = (size_t)c->bins; v->image_w = (size_t)c->target;
            for (k = 0; k < 16; k++) { c->mean[k] = lb__json_num(vc, "audio_mean", c->config.root ? 0.5 : -4.2677393); c->std[k] = lb__json_num(vc, "audio_std", c->config.root ? 0.5 : 4.5689974); }     /* 0.5: the class's own default */
            if (!c->config.root) conv_note(c, "no config.json: mean -4.2677393 and deviation 4.5689974 are assumed, those of every released LanguageBind_Audio");
        }
        if (!strcmp(c->kind, "depth")) c->max_depth = lb__json_num(vc, "max_depth", 10);
        return LB_OK;
    }
    if (!c->folder) return LB_OK;
    p = ck_join(&c->ck, c->folder, "preprocessor_config.json");
    if (!p) return LB_ERR_MEM;
    if (!ck_exists(p)) { conv_note(c, "no preprocessor_config.json: CLIP's mean and deviation are assumed"); return LB_OK; }
    LB__TRY(conv_load_json(c, p, &c->prep));
    n = lb__json_num(c->prep.root, "resample", 3);
    if (n != 3) return lb__fail(LB_ERR_UNSUPPORTED, "%s: resample %g; 3 (bicubic) is supported", p, n);
    if (lb__json_num(c->prep.root, "rescale_factor", 1 / 255.0) < 0.003921 || lb__json_num(c->prep.root, "rescale_factor", 1 / 255.0) > 0.003922) return lb__fail(LB_ERR_UNSUPPORTED, "%s: rescale_factor is not 1/255", p);
    for (k = 0; k < LB__COUNT(steps); k++) if (lb__json_num(c->prep.root, steps[k], 1) == 0) return lb__fail(LB_ERR_UNSUPPORTED, "%s: %s is off; CLIP's preparation has that step", p, steps[k]);
    if (lb__json_get(lb__json_get(c->prep.root, "size"), "height")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: images are resized to height and width; the shortest edge is supported", p);
    if (conv_pair(c->prep.root, "size", &h, &w) && v->image_h && h != (double)LB__MIN(v->image_h, v->image_w)) return lb__fail(LB_ERR_UNSUPPORTED, "%s: images are resized to %g, the model wants %zu x %zu; the same size is supported", p, h, v->image_h, v->image_w);
    if (conv_pair(c->prep.root, "crop_size", &h, &w) && v->image_h && (h != (double)v->image_h || w != (double)v->image_w)) return lb__fail(LB_ERR_MISMATCH, "%s: a crop of %g x %g, the model wants %zu x %zu", p, h, w, v->image_h, v->image_w);
    LB__TRY(conv_triple(c, c->prep.root, "image_mean", c->mean));
    return conv_triple(c, c->prep.root, "image_std", c->std);
}
/* What the modality is: LanguageBind's classes carry it in model_type. */
static lb_status conv_modality(convert *c) {
    static const char *const kinds[] = { "image", "video", "audio", "depth", "thermal" }; const char *type = lb__json_str(c->config.root, "model_type", ""); size_t i; const lb__json *vc = conv_hf_section(c, "vision_config");
    c->kind = "image";
    if (c->layout == CONV_HF) {
        if (!strncmp(type, "LanguageBind", 12)) {
            c->languagebind = 1;
            for (i = 0; i < LB__COUNT(kinds); i++) { char t[32]; lb__format(t, sizeof t, "LanguageBind%s", kinds[i]); t[12] = (char)(t[12] - 32); if (!strcmp(t, type)) c->kind = kinds[i]; }
        } else if (lb__json_get(vc, "add_time_attn") || conv_has(c, "vision_model.encoder.layers.0.temporal_attn.q_proj.weight") || c->o.modality) {
            c->languagebind = 1;
            if (conv_has(c, "vision_model.encoder.layers.0.temporal_attn.q_proj.weight")) c->kind = "video";
            else if (lb__json_num(vc, "num_mel_bins", 0) > 0) c->kind = "audio";
        } else if (c->config.root && strcmp(type, "clip") && strcmp(type, "")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: config.json describes a model of type %s; clip and LanguageBind's are supported", c->o.source, type);
    } else if (c->o.modality && strcmp(c->o.modality, "image")) return lb__fail(LB_ERR_ARG, "--modality is for LanguageBind checkpoints; %s is an OpenCLIP one", c->o.source);
    if (c->o.modality) c->kind = c->o.modality;
    return LB_OK;
}
/* The grid of patches: from the image size when it is known, else a square; rows of the position table decide. */
static lb_status conv_grid(convert *c) {
    conv_tower *v = &c->vision; const ck_tensor *p = ck_find(&c->ck, c->layout == CONV_HF ? "vision_model.embeddings.position_embedding.weight" : "visual.positional_embedding"); size_t rows = p->shape[0] - 1, h, w;
    if (!v->image_h) { v->image_h = v->grid_h * v->patch_h; v->image_w = v->grid_w * v->patch_w; }
    h = v->image_h / v->patch_h; w = v->image_w / v->patch_w;
    if (!h || !w || h * w != rows) {
        if (!v->image_h) return lb__fail(LB_ERR_FORMAT, "%s: %zu positions are no square, and no configuration says how they lie", c->o.source, rows);
        return lb__fail(LB_ERR_MISMATCH, "%s: %zu x %zu pixels in patches of %zu x %zu are %zu patches, the position table has %zu", c->o.source, v->image_h, v->image_w, v->patch_h, v->patch_w, h * w, rows);
    }
    v->grid_h = h; v->grid_w = w;
    return LB_OK;
}

/* ---- the plan as a whole ---- */

static lb_status conv_towers(convert *c) {
    const int hf = c->layout == CONV_HF; conv_tower *v = &c->vision, *t = &c->text; char a[128]; const char *src; conv_out *o; ck_tensor *w; size_t K = v->channels * v->tube * v->patch_h * v->patch_w;
    lb__format(a, sizeof a, "%s.patch.weight", v->name);
    o = conv_plan(c, a, LB_PANEL, 2, v->width, K); if (!o) return LB_ERR_MEM;
    o->part[0].w = conv_need(c, hf ? "vision_model.embeddings.patch_embedding.weight" : "visual.conv1.weight");
    lb__format(a, sizeof a, "%s.class", v->name); LB__TRY(conv_table(c, a, hf ? "vision_model.embeddings.class_embedding" : "visual.class_embedding", 2, v->class_per_frame ? v->frames / v->tube : 1, v->width));
    lb__format(a, sizeof a, "%s.pos", v->name); LB__TRY(conv_table(c, a, hf ? "vision_model.embeddings.position_embedding.weight" : "visual.positional_embedding", 2, 1 + v->grid_h * v->grid_w, v->width));
    if (v->pre_norm) { lb__format(a, sizeof a, "%s.pre_norm", v->name); LB__TRY(conv_norm(c, a, hf ? "vision_model.pre_layrnorm" : "visual.ln_pre", v->width)); }
    LB__TRY(conv_blocks(c, v, hf ? "vision_model.encoder.layers" : "visual.transformer.resblocks"));
    lb__format(a, sizeof a, "%s.post_norm", v->name); LB__TRY(conv_norm(c, a, hf ? "vision_model.post_layernorm" : "visual.ln_post", v->width));
    src = hf ? "visual_projection.weight" : "visual.proj";
    lb__format(a, sizeof a, "%s.proj.weight", v->name); LB__TRY(conv_weight(c, a, &src, 1, v->embed, v->width, !hf));

    LB__TRY(conv_table(c, "text.token", hf ? "text_model.embeddings.token_embedding.weight" : "token_embedding.weight", 2, t->vocab, t->width));
    c->out[c->outs - 1].dtype = lb__stored_type(c->out[c->outs - 1].name, LB_ROWS, 0, c->dtype);
    LB__TRY(conv_table(c, "text.pos", hf ? "text_model.embeddings.position_embedding.weight" : "positional_embedding", 2, t->context, t->width));
    LB__TRY(conv_blocks(c, t, hf ? "text_model.encoder.layers" : "transformer.resblocks"));
    LB__TRY(conv_norm(c, "text.post_norm", hf ? "text_model.final_layer_norm" : "ln_final", t->width));
    src = hf || conv_has(c, "text_projection.weight") ? "text_projection.weight" : "text_projection";
    LB__TRY(conv_weight(c, "text.proj.weight", &src, 1, t->embed, t->width, !strcmp(src, "text_projection")));
    if (conv_has(c, "text_projection.bias")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: text_projection has a bias", c->o.source);

    w = conv_need(c, "logit_scale"); if (!w) return LB_ERR_FORMAT;
    lb__format(a, sizeof a, "%s.logit_scale", c->kind);
    return conv_table(c, a, "logit_scale", 1, 1, 0);
}
/* Source tensors that nothing was made of: a note, but of low-rank updates an error, for without them the weights are others. */
static lb_status conv_leftovers(convert *c) {
    static const char *const harmless[] = { "input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask" }; size_t i, k, n;
    for (i = 0; i < c->ck.count; i++) {
        const ck_tensor *t = c->ck.tensor[i]; int skip = t->used; char x[96];
        for (k = 0; k < LB__COUNT(harmless); k++) skip |= !strcmp(t->name, harmless[k]);
        n = strlen(t->name);
        if (n >= 12 && !strcmp(t->name + n - 12, "position_ids")) skip = 1;
        if (skip) continue;
        if (strstr(t->name, ".lora_")) return lb__fail(LB_ERR_UNSUPPORTED, "%s: a low-rank update of something else than attention's q, k, v and out, or in another form than A and B; merge it before converting", t->name);
        conv_note(c, "warning: tensor %s %s is not used", t->name, ck_shape_text(x, sizeof x, t->shape, t->ndim));
    }
    if (c->ck.outside) conv_note(c, "%zu tensors beside the state dict (optimizer state and the like) are left out", c->ck.outside);
    return LB_OK;
}

/* ---- writing ---- */

/* The values of one planned tensor, as floats in the arena, or where they lie. */
static lb_status conv_make(convert *c, const conv_out *o, lb_tensor *v) {
    size_t n = o->ndim > 1 ? o->shape[0] * o->shape[1] : o->shape[0], each = n / (size_t)o->parts, K = o->shape[1], rows = o->ndim > 1 ? o->shape[0] / (size_t)o->parts : 0, i, j, q; float *f; int p;
    const ck_tensor *w = o->part[0].w;
    memset(v, 0, sizeof *v);
    v->ndim = o->ndim; v->shape[0] = o->shape[0]; v->shape[1] = o->shape[1];
    if (w && o->parts == 1 && !o->transpose && !o->part[0].a && ck_dense(w) && lb__host_little() && !((uintptr_t)w->data % lb_dtype_size(w->dtype))) { v->dtype = w->dtype; v->data = (void *)(uintptr_t)w->data; return LB_OK; }
    f = (float *)lb__arena(c->ctx, n, sizeof *f);
    if (!f) return LB_ERR_MEM;
    v->dtype = LB_F32; v->data = f;
    if (!w) { memset(f, 0, n * sizeof *f); return LB_OK; }
    for (p = 0; p < o->parts; p++) {
        const conv_part *s = &o->part[p]; float *to = f + (size_t)p * each;
        if (o->transpose) {
            float *t = (float *)lb__arena(c->ctx, each, sizeof *t);
            if (!t) return LB_ERR_MEM;
            ck_values(s->w, t);
            for (i = 0; i < rows; i++) for (j = 0; j < K; j++) to[i * K + j] = t[j * rows + i];
        } else ck_values(s->w, to);
        if (s->a) {                                          /* W += alpha / r * B A, summed over r in double */
            size_t r = s->a->shape[0]; float *A = (float *)lb__arena(c->ctx, r * K, sizeof *A), *B = (float *)lb__arena(c->ctx, rows * r, sizeof *B);
            if (!A || !B) return LB_ERR_MEM;
            ck_values(s->a, A); ck_values(s->b, B);
            for (i = 0; i < rows; i++) for (j = 0; j < K; j++) { double sum = 0; for (q = 0; q < r; q++) sum += (double)B[i * r + q] * A[q * K + j]; to[i * K + j] = (float)((double)to[i * K + j] + o->scale * sum); }
        }
    }
    return LB_OK;
}
static void conv_tower_keys(lb_file_writer *w, const conv_tower *t, int keep_lora) {
    char k[96];
#define CONV_KEY(last) (lb__format(k, sizeof k, "tower.%s." last, t->name), k)
    lb_file_set_str(w, CONV_KEY("kind"), t->text ? "text" : "vision");
    lb_file_set_u64(w, CONV_KEY("width"), t->width); lb_file_set_u64(w, CONV_KEY("layers"), t->layers); lb_file_set_u64(w, CONV_KEY("heads"), t->heads); lb_file_set_u64(w, CONV_KEY("mlp"), t->mlp);
    lb_file_set_u64(w, CONV_KEY("embed_dim"), t->embed); lb_file_set_str(w, CONV_KEY("act"), t->quick ? "quick_gelu" : "gelu"); lb_file_set_f64(w, CONV_KEY("eps"), t->eps);
    if (keep_lora && t->lora_rank) lb_file_set_f64(w, CONV_KEY("lora.alpha"), t->lora_alpha);
    if (t->text) {
        lb_file_set_u64(w, CONV_KEY("context"), t->context); lb_file_set_u64(w, CONV_KEY("vocab"), t->vocab); lb_file_set_u64(w, CONV_KEY("eot"), t->vocab - 1); lb_file_set_str(w, CONV_KEY("tokenizer"), "clip");
        return;
    }
    lb_file_set_u64(w, CONV_KEY("channels"), t->channels); lb_file_set_u64(w, CONV_KEY("patch_h"), t->patch_h); lb_file_set_u64(w, CONV_KEY("patch_w"), t->patch_w); lb_file_set_u64(w, CONV_KEY("tube"), t->tube);
    lb_file_set_u64(w, CONV_KEY("grid_h"), t->grid_h); lb_file_set_u64(w, CONV_KEY("grid_w"), t->grid_w); lb_file_set_u64(w, CONV_KEY("frames"), t->frames);
    lb_file_set_bool(w, CONV_KEY("temporal"), t->temporal); lb_file_set_bool(w, CONV_KEY("class_per_frame"), t->class_per_frame); lb_file_set_bool(w, CONV_KEY("pre_norm"), t->pre_norm);
#undef CONV_KEY
}
static void conv_modality_keys(lb_file_writer *w, const convert *c) {
    char k[96]; const conv_tower *v = &c->vision; const char *both[2];
#define CONV_KEY(last) (lb__format(k, sizeof k, "modality.%s." last, c->kind), k)
    both[0] = c->kind; both[1] = "text";
    lb_file_set_strs(w, "modalities", both, 2);
    lb_file_set_str(w, CONV_KEY("kind"), c->kind); lb_file_set_str(w, CONV_KEY("tower"), v->name);
    lb_file_set_u64(w, CONV_KEY("channels"), v->channels); lb_file_set_u64(w, CONV_KEY("height"), v->image_h); lb_file_set_u64(w, CONV_KEY("width"), v->image_w); lb_file_set_u64(w, CONV_KEY("frames"), v->frames);
    lb_file_set_f64s(w, CONV_KEY("mean"), c->mean, v->channels); lb_file_set_f64s(w, CONV_KEY("std"), c->std, v->channels);
    lb_file_set_str(w, CONV_KEY("resize"), c->resize); lb_file_set_str(w, CONV_KEY("crop"), c->crop);
    if (!strcmp(c->kind, "audio")) { lb_file_set_f64(w, CONV_KEY("rate"), c->rate); lb_file_set_u64(w, CONV_KEY("mel_bins"), (uint64_t)c->bins); lb_file_set_u64(w, CONV_KEY("target_length"), (uint64_t)c->target); }
    if (!strcmp(c->kind, "depth")) lb_file_set_f64(w, CONV_KEY("max_depth"), c->max_depth);
    lb_file_set_str(w, "modality.text.kind", "text"); lb_file_set_str(w, "modality.text.tower", "text"); lb_file_set_str(w, "modality.text.clean", c->clean);
#undef CONV_KEY
}
static lb_status conv_provenance(const convert *c, lb_file_writer *w) {
    const char *names[CK_FILES], *sums[CK_FILES]; char (*hex)[65]; int i, n = c->ck.files; char producer[64];
    hex = (char (*)[65])lb__arena(c->ctx, (size_t)n, 65);
    if (!hex) return LB_ERR_MEM;
    for (i = 0; i < n; i++) {
        lb__sha256 h; uint8_t d[32]; const char *slash = strrchr(c->ck.path[i], '/');
        lb__sha256_init(&h); lb__sha256_add(&h, c->ck.file[i].data, c->ck.file[i].size); lb__sha256_done(&h, d);
        lb__sha256_text(d, hex[i]);
        names[i] = slash ? slash + 1 : c->ck.path[i]; sums[i] = hex[i];
    }
    if (n == 1) { lb_file_set_str(w, "provenance.source", names[0]); lb_file_set_str(w, "provenance.sha256", sums[0]); }
    else { lb_file_set_strs(w, "provenance.source", names, (size_t)n); lb_file_set_strs(w, "provenance.sha256", sums, (size_t)n); }
    if (c->o.license) lb_file_set_str(w, "provenance.license", c->o.license);
    lb__format(producer, sizeof producer, "languagebind convert %d.%d.%d", LB_VERSION_MAJOR, LB_VERSION_MINOR, LB_VERSION_PATCH);
    lb_file_set_str(w, "provenance.producer", producer);
    return LB_OK;
}

/* The tokenizer that goes into every model: the file asked for, the one compiled in, or the one beside. */
#ifdef LB_CLIP_BPE
#include LB_CLIP_BPE                                    /* static const unsigned char lb_clip_bpe[] = { ... }; from weights/clip-bpe.lbw */
#endif
static lb_status conv_tokenizer(lb_ctx *ctx, const char *path, lb_file **out) {
    *out = NULL;
    if (path) return lb_file_open(ctx, path, out);
#ifdef LB_CLIP_BPE
    return lb_file_open_memory(ctx, lb_clip_bpe, sizeof lb_clip_bpe, out);
#else
    if (ck_exists("weights/clip-bpe.lbw")) return lb_file_open(ctx, "weights/clip-bpe.lbw", out);
    return LB_OK;
#endif
}
static lb_status conv_add_tokenizer(convert *c, lb_file_writer *w, const lb_file *tok) {
    size_t i, n = tok ? lb_file_tensors(tok) : 0; const char *name; const lb_tensor *m = tok ? lb_file_tensor(tok, "tokenizer.merges") : NULL;
    if (!tok) { conv_note(c, "no tokenizer was found: the model takes token ids, not text (--tokenizer FILE adds one)"); return LB_OK; }
    if (!m || m->ndim != 2) return lb__fail(LB_ERR_FORMAT, "the tokenizer file has no tensor tokenizer.merges");
    if (c->text.vocab != m->shape[0] + 514 && c->o.tokenizer) return lb__fail(LB_ERR_MISMATCH, "%s: a tokenizer of %zu ids, the text tower has %zu", c->o.tokenizer, m->shape[0] + 514, c->text.vocab);
    if (c->text.vocab != m->shape[0] + 514) { conv_note(c, "the text tower has %zu ids, CLIP's tokenizer %zu: no tokenizer goes into the file", c->text.vocab, m->shape[0] + 514); return LB_OK; }
    lb_file_copy_keys(w, tok, "tokenizer.", "tokenizer.");
    for (i = 0; i < n; i++) { const lb_tensor *t = lb_file_tensor_at(tok, i, &name); if (!strncmp(name, "tokenizer.", 10)) lb_file_add(w, name, t); }
    return LB_OK;
}
/* The parity record: inputs and the reference's embeddings, from any file of tensors named M.input and M.embedding (or input, and ids for text). */
static lb_status conv_parity(convert *c, lb_file_writer *w, checkpoint *ref) {
    const char *modality[2]; char name[96]; int i, k, n = 0;
    modality[0] = c->kind; modality[1] = "text";
    LB__TRY(ck_open(c->ctx, c->o.parity, ref));
    for (i = 0; i < 2; i++) {
        const ck_tensor *x, *y; lb_tensor t; size_t count, j; float *v;
        lb__format(name, sizeof name, "%s.embedding", modality[i]); y = ck_find(ref, name);
        lb__format(name, sizeof name, "%s.input", modality[i]); x = ck_find(ref, name);
        if (!x) x = ck_find(ref, i ? "ids" : "input");
        if (!x || !y) continue;
        if (x->ndim > LB_MAX_DIMS || y->ndim != 2 || y->shape[1] != c->vision.embed || x->ndim < 2 || x->shape[0] != y->shape[0] || !x->shape[0]) return lb__fail(LB_ERR_FORMAT, "%s: inputs [n, ...] and embeddings [n, %zu] of modality %s are expected", c->o.parity, c->vision.embed, modality[i]);
        for (k = 0; k < 2; k++) {
            const ck_tensor *s = k ? y : x;
            memset(&t, 0, sizeof t);
            t.ndim = s->ndim; memcpy(t.shape, s->shape, (size_t)s->ndim * sizeof *t.shape);
            count = ck_elements(s); v = (float *)lb__arena(c->ctx, count, sizeof *v);
            if (!v) return LB_ERR_MEM;
            ck_values(s, v); t.data = v; t.dtype = LB_F32;
            if (i && !k) { int32_t *ids = (int32_t *)lb__arena(c->ctx, count, sizeof *ids); if (!ids) return LB_ERR_MEM; for (j = 0; j < count; j++) ids[j] = (int32_t)v[j]; t.data = ids; t.dtype = LB_I32; }
            lb__format(name, sizeof name, "parity.%d.%s", n, k ? "embedding" : "input");
            lb_file_add(w, name, &t);
        }
        lb__format(name, sizeof name, "parity.%d.modality", n++); lb_file_set_str(w, name, modality[i]);
    }
    return n ? LB_OK : lb__fail(LB_ERR_FORMAT, "%s: neither %s.embedding and its input nor text.embedding and ids are in it", c->o.parity, c->kind);
}
static lb_status conv_write(convert *c) {
    checkpoint ref; lb_file_writer *w = NULL; lb_file *tok = NULL; const char *towers[2]; size_t i; lb_status s;
    LB__TRY(conv_tokenizer(c->ctx, c->o.tokenizer, &tok));
    s = lb_file_create(c->ctx, c->o.whole ? c->o.whole : c->o.output, &w);
    if (s) { lb_file_free(tok); return s; }
    lb_file_set_str(w, "format.kind", "model");
    s = conv_provenance(c, w);
    towers[0] = c->vision.name; towers[1] = "text"; lb_file_set_strs(w, "towers", towers, 2);
    conv_tower_keys(w, &c->vision, c->o.keep_lora); conv_tower_keys(w, &c->text, c->o.keep_lora); conv_modality_keys(w, c);
    if (!s) s = conv_add_tokenizer(c, w, tok);
    memset(&ref, 0, sizeof ref);
    if (!s && c->o.parity) s = conv_parity(c, w, &ref);
    for (i = 0; i < c->outs; i++) lb_file_declare(w, c->out[i].name, c->out[i].dtype, c->out[i].layout, c->out[i].ndim, c->out[i].shape);
    for (i = 0; i < c->outs && !s; i++) {
        lb__mark mark = lb__arena_mark(c->ctx); lb_tensor v;
        s = conv_make(c, &c->out[i], &v);
        if (!s) s = lb_file_put(w, c->out[i].name, &v);
        if (s) lb__fail_in(s, c->o.source);
        lb__arena_rewind(c->ctx, mark);
        if (!c->o.quiet) cli_progress("converting", i + 1, c->outs);
    }
    if (s) lb_file_abandon(w); else s = lb_file_commit(w);
    ck_close(&ref);
    lb_file_free(tok);
    return s;
}

/* CustomTextCLIP keeps the text tower under `text.`. */
static lb_status conv_custom_text(convert *c) {
    size_t i;
    if (!conv_has(c, "text.token_embedding.weight")) return LB_OK;
    for (i = 0; i < c->ck.count; i++) if (!strncmp(c->ck.tensor[i]->name, "text.", 5)) c->ck.tensor[i]->name += 5;
    return ck_sort(&c->ck);
}
static lb_status conv_run(convert *c) {
    LB__TRY(conv_names(c)); LB__TRY(conv_custom_text(c)); LB__TRY(conv_recognise(c));
    LB__TRY(conv_find_config(c)); LB__TRY(conv_modality(c));
    conv_clip_constants(c);
    LB__TRY(conv_measure(c));
    LB__TRY(c->layout == CONV_HF ? conv_hf_config(c) : conv_open_clip_config(c));
    LB__TRY(conv_grid(c)); LB__TRY(conv_towers(c));
    LB__TRY(conv_leftovers(c));
    return conv_write(c);
}
/* Convert o->source to o->output.  notes receives the lines for the user (freed by the caller with lb__buf_free), NULL drops them. */
static lb_status conv_convert(lb_ctx *ctx, const conv_options *o, lb__buf *notes) {
    convert c; lb_status s; int i;
    memset(&c, 0, sizeof c);
    c.ctx = ctx; c.o = *o;
    c.dtype = cli_dtype(o->dtype, LB_F32);
    s = ck_open(ctx, o->source, &c.ck);
    for (i = 0; i < c.ck.files && !s; i++) if (cli_same(o->output, c.ck.path[i])) s = lb__fail(LB_ERR_ARG, "%s is read, and would be written over; another name was expected for what is written", o->output);
    if (!s) s = conv_run(&c);
    lb__json_free(&c.config); lb__json_free(&c.prep);
    ck_close(&c.ck);
    if (notes) *notes = c.notes; else lb__buf_free(&c.notes);
    return s;
}

/* ---- an adapter: what a checkpoint has that a base model has not ---- */

/* The type of a model's matrices, unless another one is asked for. */
static lb_dtype model_dtype(const lb_model *m, const char *asked) {
    char name[64]; const lb_tensor *p;
    lb__format(name, sizeof name, "%s.blocks.0.attn.qkv.weight", lb_model_describe(m)->tower[0].name); p = lb_model_tensor(m, name);
    return cli_dtype(asked, p ? p->dtype : LB_F32);
}
/* The tower that reads texts, or NULL. */
static const lb_tower_desc *conv_text(const lb_model *m) {
    const lb_model_desc *d = lb_model_describe(m); int i;
    for (i = 0; i < d->towers; i++) if (d->tower[i].kind == LB_TOWER_TEXT) return &d->tower[i];
    return NULL;
}
/* How it cleans them: an lb_clean. */
static int conv_text_clean(const lb_model *m) {
    const lb_model_desc *d = lb_model_describe(m); int i;
    for (i = 0; i < d->modalities; i++) if (d->modality[i].kind == LB_TEXT) return d->modality[i].clean;
    return 0;
}
/* whole: the converted checkpoint.  Its text tower has to be the base's; of its other tower goes out what the base, extended by it, has not. */
static lb_status conv_adapter(lb_ctx *ctx, const conv_options *o, const lb_model *base, const char *from, const lb_model *whole, lb__buf *notes) {
    char line[256], x[32], y[32]; const char *what = NULL; const lb_tower_desc *a = conv_text(base), *b = conv_text(whole); size_t i, differ = 0, total = 0, kept = 0; int ca, cb; lb_status s;
    for (i = 0; i < base->params; i++) if (!strncmp(base->param[i].name, "text.", 5) && !lb_model_tensor(whole, base->param[i].name)) { total++; differ++; }     /* low-rank updates of its own */
    for (i = 0; i < whole->params; i++) {
        const lb_tensor *t;
        if (strncmp(whole->param[i].name, "text.", 5)) continue;
        t = lb_model_tensor(base, whole->param[i].name); total++;
        differ += !t || !lb__tensor_same(t, &whole->param[i].t);
    }
    if (differ && !o->base_text) return lb__fail(LB_ERR_MISMATCH, "%s: its text tower differs from that of %s in %zu of %zu tensors; an adapter is read with the base's, which --base-text accepts", o->source, o->base, differ, total);
    if (a && b && !o->base_text) {                                   /* equal tensors compute alike only with these */
        ca = conv_text_clean(base); cb = conv_text_clean(whole);
        if (a->quick_gelu != b->quick_gelu) { what = "act"; snprintf(x, sizeof x, "%s", a->quick_gelu ? "quick_gelu" : "gelu"); snprintf(y, sizeof y, "%s", b->quick_gelu ? "quick_gelu" : "gelu"); }
        else if (a->heads != b->heads) { what = "heads"; snprintf(x, sizeof x, "%d", a->heads); snprintf(y, sizeof y, "%d", b->heads); }
        else if (a->eps != b->eps) { what = "eps"; snprintf(x, sizeof x, "%g", (double)a->eps); snprintf(y, sizeof y, "%g", (double)b->eps); }
        else if (a->lora_rank && b->lora_rank && a->lora_alpha != b->lora_alpha) { what = "lora.alpha"; snprintf(x, sizeof x, "%g", (double)a->lora_alpha); snprintf(y, sizeof y, "%g", (double)b->lora_alpha); }
        else if (ca != cb) { what = "clean"; snprintf(x, sizeof x, "%s", lb__cleans[ca]); snprintf(y, sizeof y, "%s", lb__cleans[cb]); }
        if (what) return lb__fail(LB_ERR_MISMATCH, "%s: its text tower and that of %s compute differently: %s is %s and %s; an adapter is read with the base's, which --base-text accepts", o->source, o->base, what, y, x);
    }
    s = lb__adapter_save(ctx, base, from, whole, 0, 0, whole->file, o->output, &kept);
    if (!s && notes) { snprintf(line, sizeof line, "an adapter of %.1f kB over tower %s of %s\n", (double)kept / 1e3, from, o->base); s = lb__buf_add(notes, line, strlen(line)); }
    return s;
}
/* Convert o->source to an adapter over the model o->base. */
static lb_status conv_convert_adapter(lb_ctx *ctx, const conv_options *o, lb__buf *notes) {
    lb_model *base = NULL, *whole = NULL; const lb_model_desc *d; const char *from = NULL; conv_options part = *o; char *path; size_t n; int i; lb_status s;
    LB__TRY(lb_model_open(ctx, o->base, &base));
    d = lb_model_describe(base);
    for (i = 0; i < d->modalities; i++) if (d->modality[i].kind != LB_TEXT && !strcmp(d->modality[i].name, o->from ? o->from : "image")) from = d->modality[i].tower;
    for (i = 0; i < d->towers && !from; i++) if (d->tower[i].kind == LB_TOWER_VISION && (!o->from || !strcmp(d->tower[i].name, o->from))) from = d->tower[i].name;
    if (!from) { s = lb__fail(LB_ERR_ARG, "%s: has no tower or modality %s to stand on", o->base, o->from ? o->from : "that sees"); lb_model_free(base); return s; }
    n = strlen(o->output) + 32;
    if (!(path = (char *)lb__alloc(n, 1))) { lb_model_free(base); return LB_ERR_MEM; }
    lb__format(path, n, "%s.%u.whole.tmp", o->output, (unsigned)getpid());                    /* the whole checkpoint first, beside the output, as a temporary of this process */
    LB__TEMPORARY(path, 1);
    part.whole = path; part.keep_lora = 1; part.dtype = o->dtype ? o->dtype : lb_dtype_name(model_dtype(base, NULL));
    s = conv_convert(ctx, &part, notes);
    if (!s) {
        s = lb_model_open(ctx, path, &whole);
        if (s && !strncmp(lb_last_error(), path, strlen(path))) s = lb__fail(s, "%s%s", o->source, lb_last_error() + strlen(path));      /* the temporary's name tells nobody anything */
        if (!s) s = conv_adapter(ctx, o, base, from, whole, notes);
        lb_model_free(whole); remove(path);
    }
    LB__TEMPORARY(path, 0);
    lb__release(path); lb_model_free(base);
    return s;
}

/* Notes to standard error, each with the command's name before it. */
static void conv_print_notes(const lb__buf *b) {
    size_t i, at = 0;
    for (i = 0; i < b->size; i++) if (b->data[i] == '\n') { cli_warn("%.*s", (int)(i - at), (const char *)b->data + at); at = i + 1; }
}
static int cmd_convert(int argc, char **argv) {
    conv_options o; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb__buf notes = { 0, 0, 0 }; int rc; lb_status s;
    const cli_option options[] = {
        CLI_LBW_OUT(o.output),
        { "config", 'c', CLI_TEXT, &o.config, "FILE", "configuration (default: the one beside the weights, else the shapes)", 0, 0 },
        CLI_DTYPE(o.dtype, "f32"),
        { "tokenizer", 0, CLI_TEXT, &o.tokenizer, "FILE", "a .lbw with the tokenizer (default: CLIP's)", 0, 0 },
        { "modality", 0, CLI_CHOICE, &o.modality, "image|video|audio|depth|thermal", "what a LanguageBind checkpoint embeds, when its\nconfiguration does not say", 0, 0 },
        { "adapter", 0, CLI_FLAG, &o.adapter, NULL, "write an adapter: only what --base has not, LoRA factors and\nthe tensors that were trained with them", 0, 0 },
        { "base", 0, CLI_TEXT, &o.base, "FILE", "the .lbw model that the adapter stands on, as LanguageBind_Image\nis for the others; in its type of numbers", 0, 0 },
        { "from", 0, CLI_TEXT, &o.from, "NAME", "its tower or modality that is adapted (default image)", 0, 0 },
        { "base-text", 0, CLI_FLAG, &o.base_text, NULL, "accept that texts are read by the base's text tower, though the\ncheckpoint's is another", 0, 0 },
        { "keep-lora", 0, CLI_FLAG, &o.keep_lora, NULL, "keep LoRA factors as tensors instead of merging them", 0, 0 },
        { "heads", 0, CLI_INT, &o.heads, "N", "attention heads of the vision tower", 1, 4096 },
        { "text-heads", 0, CLI_INT, &o.text_heads, "N", "attention heads of the text tower", 1, 4096 },
        { "act", 0, CLI_CHOICE, &o.act, "gelu|quick_gelu", "the activation", 0, 0 },
        { "parity", 0, CLI_TEXT, &o.parity, "FILE", "inputs and the reference's embeddings (tensors M.input,\nM.embedding), for `verify` to compute again", 0, 0 },
        { "license", 0, CLI_TEXT, &o.license, "TEXT", "the weights' licence, kept in the file", 0, 0 },
        { "model", 'm', CLI_LIST, &files, "SRC", "the checkpoint (or as a plain argument)", 0, 0 },
        CLI_FILES(files, "SRC"),
        CLI_THREADS(common), CLI_JSON_MADE(common) };
    memset(&o, 0, sizeof o);
    rc = cli_parse(argc, argv, "SRC -o OUT.lbw [options]",
                   "Turns a published checkpoint into a .lbw weight file.  SRC is a .pt, .bin or .safetensors file, an index of several, or a folder\n"
                   "as Hugging Face and open_clip lay them out: OpenCLIP, OpenAI (TorchScript), Hugging Face CLIP and LanguageBind checkpoints.\n"
                   "LoRA is merged unless --keep-lora or --adapter say otherwise; an adapter is read with its base: merge brings it in, bundle puts it beside.\n"
                   "Nothing in the checkpoint is executed.  Tensors that are not used are named on standard error.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (files.n != 1) { rc = cli_wrong("%d sources, one was expected", (int)files.n); goto done; }
    if ((rc = cli_lbw_to(o.output)) >= 0) goto done;
    if (o.adapter && !o.base) { rc = cli_wrong("--adapter needs the model it stands on: --base FILE"); goto done; }
    if (!o.adapter && (o.base || o.from || o.base_text)) { rc = cli_wrong("--base, --from and --base-text go with --adapter"); goto done; }
    if (o.adapter && o.parity) { rc = cli_wrong("--parity is of a whole model, an adapter carries no such record"); goto done; }
    o.source = files.item[0].value;
    if ((rc = cli_apart(o.output, o.source)) >= 0 || (rc = cli_apart(o.output, o.config)) >= 0 || (rc = cli_apart(o.output, o.tokenizer)) >= 0 || (rc = cli_apart(o.output, o.base)) >= 0 || (rc = cli_apart(o.output, o.parity)) >= 0) goto done;
    if (cli_ctx(&common, &ctx)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    s = o.adapter ? conv_convert_adapter(ctx, &o, &notes) : conv_convert(ctx, &o, &notes);
    conv_print_notes(&notes);
    rc = s ? cli_end(s) : info_made(ctx, &common, o.output);
done:
    lb__buf_free(&notes); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
