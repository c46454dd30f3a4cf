/* tools/convert.c: checkpoints of real frameworks (tests/reference/make_clip.py, make_languagebind.py) to .lbw, tensor by tensor and embedding by embedding. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
static long alloc_left = -1, alloc_live;
static void *counted(void *p, size_t n) { void *q; if (alloc_left == 0) return NULL; if (alloc_left > 0) alloc_left--; q = realloc(p, n); if (q && !p) alloc_live++; return q; }
#define LB_MALLOC(n) counted(NULL, n)
#define LB_REALLOC(p, n) counted(p, n)
#define LB_FREE(p) (alloc_live--, free(p))
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/checkpoint.h"
#include "tools/convert.c"
#include "tools/bundle.c"
#include "tests/lbt.h"
#include "tests/golden.h"

#define OUT "build/test_convert.lbw"
static float at(const lb_tensor *t, size_t r, size_t c) {
    size_t i = t->layout == LB_PANEL ? lb__panel_index(r, c, t->shape[1]) : t->ndim > 1 ? r * t->shape[1] + c : r;
    return t->dtype == LB_F32 ? ((const float *)t->data)[i] : t->dtype == LB_F16 ? lb__f16_f32(((const uint16_t *)t->data)[i]) : lb__bf16_f32(((const uint16_t *)t->data)[i]);
}
/* Every tensor of the .lbw is the golden array of its name, within `rel` of it. */
static void same_tensors(lb_ctx *ctx, const golden *g, double rel) {
    lb_file *f; size_t i, r, c; const char *name;
    REQUIRE(!lb_file_open(ctx, OUT, &f), "%s", lb_last_error());
    CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error());
    CHECK(lb_file_tensors(f) > 10, "%zu tensors", lb_file_tensors(f));
    for (i = 0; i < lb_file_tensors(f); i++) {
        const lb_tensor *t = lb_file_tensor_at(f, i, &name); golden_array a = golden_get(g, name); const float *v = (const float *)a.data; size_t C = t->ndim > 1 ? t->shape[1] : 1; double worst = 0;
        if (!a.data) { CHECK(0, "%s is not in the golden file", name); continue; }
        if (a.count != lb_tensor_count(t)) { CHECK(0, "%s has %zu elements, %zu expected", name, lb_tensor_count(t), a.count); continue; }
        for (r = 0; r < t->shape[0]; r++) for (c = 0; c < C; c++) { double d = fabs((double)at(t, r, c) - v[r * C + c]) / (fabs((double)v[r * C + c]) + 1e-3); if (!(d <= worst)) worst = d; }
        CHECK(worst <= rel, "%s is off by %g", name, worst);
    }
    lb_file_free(f);
}
static void same_embeddings(lb_ctx *ctx, const golden *g, const char *modality, const char *input, double tolerance) {
    lb_model *m; size_t n, D, k; const float *x, *want; golden_array ids = golden_get(g, "ids"); float *v; char name[64];
    REQUIRE(!lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
    D = lb_model_dim(m);
    snprintf(name, sizeof name, "%s.embedding", modality);
    x = golden_f32(g, input, NULL); want = golden_f32(g, name, &n);
    v = (float *)malloc(64 * D * sizeof(float));
    CHECK(x && want && !lb_embed_tensor(ctx, m, modality, x, n / D, v), "%s", lb_last_error());
    CHECK(max_abs_diff(v, want, n) <= tolerance, "%s off by %g", modality, max_abs_diff(v, want, n));
    want = golden_f32(g, "text.embedding", &n);
    for (k = 0; k < 1; k++) CHECK(want && !lb_embed_tokens(ctx, m, (const int32_t *)ids.data, n / D, ids.shape[1], v), "%s", lb_last_error());
    CHECK(max_abs_diff(v, want, n) <= tolerance, "text off by %g", max_abs_diff(v, want, n));
    free(v); lb_model_free(m);
}
static lb_status convert_to(lb_ctx *ctx, const char *source, const char *config, const char *dtype) {
    conv_options o; memset(&o, 0, sizeof o);
    o.source = source; o.config = config; o.dtype = dtype; o.output = OUT; o.quiet = 1;
    remove(OUT);
    return conv_convert(ctx, &o, NULL);
}
static const struct { const char *source, *config, *golden; } clips[] = {
    { "tests/golden/ckpt_base/epoch_3.pt", "tests/golden/ckpt_base/open_clip_config.json", "clip_base" },
    { "tests/golden/ckpt_quick", NULL, "clip_quick" }, { "tests/golden/ckpt_rect", NULL, "clip_rect" }, { "tests/golden/ckpt_hf", NULL, "clip_hf" } };

LBT(convert, clip_checkpoints_tensors_and_embeddings) {
    size_t i; lb_ctx *ctx; golden g;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(clips); i++) {
        REQUIRE(golden_open(clips[i].golden, &g), "%s", clips[i].golden);
        REQUIRE(!convert_to(ctx, clips[i].source, clips[i].config, NULL), "%s", lb_last_error());
        same_tensors(ctx, &g, 0); same_embeddings(ctx, &g, "image", "image", 2e-5);
        REQUIRE(!convert_to(ctx, clips[i].source, clips[i].config, "f16"), "%s", lb_last_error());
        same_tensors(ctx, &g, 5e-4); same_embeddings(ctx, &g, "image", "image", 5e-3);
        REQUIRE(!convert_to(ctx, clips[i].source, clips[i].config, "bf16"), "%s", lb_last_error());
        same_tensors(ctx, &g, 4e-3);
        golden_close(&g);
    }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(convert, every_allocation_may_fail) {
    lb_ctx *ctx; long n; lb_status s = LB_ERR_MEM; size_t i;
    for (i = 1; i < LB__COUNT(clips); i++) for (n = 0, s = LB_ERR_MEM; s; n += n < 40 ? 1 : 7) {
        long live = alloc_live;
        REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
        alloc_left = n; s = convert_to(ctx, clips[i].source, clips[i].config, NULL); alloc_left = -1;
        CHECK(!s || s == LB_ERR_MEM, "%ld: %s", n, lb_last_error());
        CHECK(!s == !access(OUT, F_OK), "allocation %ld: a file after a failure, or none after success", n);
        lb_ctx_free(ctx);
        CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
        REQUIRE(n < 5000, "endless");
    }
}

/* ---- LanguageBind ---- */

static const struct { const char *name, *modality; int lora; } kinds[] = {
    { "image", "image", 0 }, { "video", "video", 1 }, { "video_ft", "video", 0 }, { "video_v15_ft", "video", 0 }, { "video_huge_v15_ft", "video", 0 },
    { "audio", "audio", 1 }, { "audio_ft", "audio", 0 }, { "depth", "depth", 1 }, { "thermal", "thermal", 1 } };
typedef struct watched { const golden *g; double worst; int seen; } watched;
static void watch(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols) {
    watched *w = (watched *)user; char name[32]; size_t n; const float *want;
    if (strcmp(stage, "block")) return;
    snprintf(name, sizeof name, "block.%d", (int)i);
    want = golden_f32(w->g, name, &n);
    if (want && n == rows * cols) { double d = max_abs_diff(x, want, n); if (!(d <= w->worst)) w->worst = d; w->seen++; }
}
LBT(convert, languagebind_of_every_kind) {
    size_t i; int keep; lb_ctx *ctx; char folder[128], file[64];
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(kinds); i++) for (keep = 0; keep <= kinds[i].lora; keep++) {
        conv_options o; golden g; lb_model *m; watched w; float v[64]; size_t n;
        memset(&o, 0, sizeof o); memset(&w, 0, sizeof w);
        snprintf(folder, sizeof folder, "tests/golden/lb_%s", kinds[i].name); snprintf(file, sizeof file, "lb_%s", kinds[i].name);
        o.source = folder; o.output = OUT; o.quiet = 1; o.keep_lora = keep;
        remove(OUT);
        REQUIRE(golden_open(file, &g), "%s", file);
        REQUIRE(!conv_convert(ctx, &o, NULL), "%s", lb_last_error());
        same_embeddings(ctx, &g, kinds[i].modality, "input", 2e-5);
        w.g = &g; lb_ctx_watch(ctx, watch, &w);                  /* every block, of the last one at least the rows that are computed */
        REQUIRE(!lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
        CHECK(!lb_embed_tensor(ctx, m, kinds[i].modality, golden_f32(&g, "input", &n), 2, v), "%s", lb_last_error());
        lb_ctx_watch(ctx, NULL, NULL);
        CHECK(w.seen >= 1 && w.worst < 5e-5, "%s%s: %d blocks seen, off by %g", kinds[i].name, keep ? " unmerged" : "", w.seen, w.worst);
        if (kinds[i].lora && !keep) {                            /* the merged projection is peft's own */
            char name[64]; const lb_tensor *t; const float *q = golden_f32(&g, "merged.q", &n); size_t r, c, D; double worst = 0;
            snprintf(name, sizeof name, "%s.blocks.0.%sattn.qkv.weight", kinds[i].modality, !strcmp(kinds[i].name, "video") ? "temporal." : "");
            t = lb_model_tensor(m, name);
            REQUIRE(t && q, "%s", name);
            for (D = t->shape[1], r = 0; r < D; r++) for (c = 0; c < D; c++) worst = LB__MAX(worst, fabs((double)at(t, r, c) - q[r * D + c]));
            CHECK(worst < 1e-6, "%s: merged weight off by %g", kinds[i].name, worst);
        }
        lb_model_free(m); golden_close(&g);
    }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* ---- bundle and merge ---- */

static lb_status convert_kind(lb_ctx *ctx, const char *kind, int keep, const char *to) {
    conv_options o; char folder[128];
    memset(&o, 0, sizeof o); snprintf(folder, sizeof folder, "tests/golden/lb_%s", kind);
    o.source = folder; o.output = to; o.quiet = 1; o.keep_lora = keep;
    return conv_convert(ctx, &o, NULL);
}
static void embeds_like(lb_ctx *ctx, const char *path, const char *golden_name, const char *modality, const char *golden_modality, int with_text) {
    lb_model *m; golden g; float v[64]; size_t n; char name[64]; const float *want;
    REQUIRE(golden_open(golden_name, &g) && !lb_model_open(ctx, path, &m), "%s", lb_last_error());
    snprintf(name, sizeof name, "%s.embedding", golden_modality);
    want = golden_f32(&g, name, &n);
    CHECK(!lb_embed_tensor(ctx, m, modality, golden_f32(&g, "input", NULL), 2, v), "%s", lb_last_error());
    CHECK(max_abs_diff(v, want, n) <= 2e-5, "%s in %s: off by %g", modality, path, max_abs_diff(v, want, n));
    if (with_text) {
        golden_array ids = golden_get(&g, "ids");
        CHECK(!lb_embed_tokens(ctx, m, (const int32_t *)ids.data, 3, ids.shape[1], v), "%s", lb_last_error());
        want = golden_f32(&g, "text.embedding", &n);
        CHECK(max_abs_diff(v, want, n) <= 2e-5, "text in %s: off by %g", path, max_abs_diff(v, want, n));
    }
    lb_model_free(m); golden_close(&g);
}
static long size_of(const char *path) { struct stat st; return stat(path, &st) ? -1 : (long)st.st_size; }
LBT(bundle, towers_of_several_files) {
    static const char *const files[] = { "build/b_image.lbw", "build/b_depth.lbw", "build/b_audio.lbw" }, *const twice[] = { "build/b_image.lbw", "build/b_image.lbw" }, *const renamed[] = { "build/b_image.lbw", "again=build/b_image.lbw" }; lb_ctx *ctx; lb_file *f; size_t saved = 0; long one;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    REQUIRE(!convert_kind(ctx, "image", 0, files[0]) && !convert_kind(ctx, "depth", 0, files[1]) && !convert_kind(ctx, "audio", 0, files[2]), "%s", lb_last_error());
    remove(OUT);
    CHECK(bundle_files(ctx, files, 3, NULL, 0, OUT, NULL) == LB_ERR_MISMATCH && strstr(lb_last_error(), "--text") && strstr(lb_last_error(), "text towers"), "%s", lb_last_error());
    CHECK(access(OUT, F_OK), "a file after a failure");
    REQUIRE(!bundle_files(ctx, files, 3, files[1], 0, OUT, NULL), "%s", lb_last_error());
    embeds_like(ctx, OUT, "lb_image", "image", "image", 0); embeds_like(ctx, OUT, "lb_depth", "depth", "depth", 1); embeds_like(ctx, OUT, "lb_audio", "audio", "audio", 0);
    REQUIRE(!lb_file_open(ctx, OUT, &f), "%s", lb_last_error()); CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error()); lb_file_free(f);
    CHECK(bundle_files(ctx, twice, 2, NULL, 0, OUT, NULL) == LB_ERR_MISMATCH && strstr(lb_last_error(), "NAME="), "%s", lb_last_error());
    REQUIRE(!bundle_files(ctx, renamed, 2, NULL, 0, OUT, NULL), "%s", lb_last_error());          /* equal text towers need no choice */
    embeds_like(ctx, OUT, "lb_image", "again", "image", 1); one = size_of(OUT);
    REQUIRE(!bundle_files(ctx, renamed, 2, NULL, 1, OUT, &saved), "%s", lb_last_error());
    embeds_like(ctx, OUT, "lb_image", "again", "image", 1); embeds_like(ctx, OUT, "lb_image", "image", "image", 1);
    CHECK(saved > 80000 && size_of(OUT) < one - 80000, "%zu bytes saved, %ld instead of %ld", saved, size_of(OUT), one);
    { static const char *const other[] = { "build/b_image.lbw", "build/b_huge.lbw" };
      conv_options o; memset(&o, 0, sizeof o); o.source = "tests/golden/ckpt_quick"; o.output = other[1]; o.quiet = 1;
      REQUIRE(!conv_convert(ctx, &o, NULL), "%s", lb_last_error());
      CHECK(bundle_files(ctx, other, 2, other[0], 0, OUT, NULL) == LB_ERR_MISMATCH, "%s", lb_last_error()); }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(bundle, merge_adds_low_rank_updates) {
    static const char *const kept[] = { "build/b_depth.lbw" }; lb_ctx *ctx; lb_file *f; size_t i; const char *name;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    REQUIRE(!convert_kind(ctx, "depth", 1, kept[0]) && !merge_files(ctx, kept, 1, NULL, OUT), "%s", lb_last_error());
    embeds_like(ctx, OUT, "lb_depth", "depth", "depth", 1);
    REQUIRE(!lb_file_open(ctx, OUT, &f), "%s", lb_last_error());
    for (i = 0; i < lb_file_tensors(f); i++) { lb_file_tensor_at(f, i, &name); CHECK(!strstr(name, ".lora."), "%s is still there", name); }
    lb_file_free(f); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* ---- other forms, and what is refused ---- */

LBT(convert, openai_archive_and_separate_text_module) {
    lb_ctx *ctx; golden g; conv_options o; lb__buf notes = { 0, 0, 0 };
    REQUIRE(!lb_ctx_new(NULL, &ctx) && golden_open("checkpoint_openai", &g), "%s", lb_last_error());
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.source = "tests/golden/ckpt_formats/openai.pt";
    REQUIRE(!conv_convert(ctx, &o, &notes), "%s", lb_last_error());              /* QuickGELU and 64 wide heads go without saying there */
    lb__buf_add(&notes, "", 1);
    CHECK(!strstr((char *)notes.data, "assumed") && !strstr((char *)notes.data, "not used"), "%s", (char *)notes.data);
    lb__buf_free(&notes);
    same_embeddings(ctx, &g, "image", "image", 2e-5);
    o.source = "tests/golden/ckpt_formats/custom_text.pt"; o.act = "quick_gelu"; o.heads = 1; o.text_heads = 1;
    REQUIRE(!conv_convert(ctx, &o, NULL), "%s", lb_last_error());
    same_embeddings(ctx, &g, "image", "image", 2e-5);
    golden_close(&g); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
static void write_file(const char *path, const void *p, size_t n) { FILE *f = fopen(path, "wb"); if (f) { fwrite(p, 1, n, f); fclose(f); } }
/* ckpt_quick with one piece of its header replaced by another of the same length. */
static lb_status convert_changed(lb_ctx *ctx, const char *from, const char *to, lb__buf *notes) {
    lb__file f; char *p, *at; size_t n; conv_options o; lb_status s;
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.source = "build/changed.safetensors"; o.config = "tests/golden/ckpt_quick/open_clip_config.json";
    if (lb__file_open("tests/golden/ckpt_quick/open_clip_model.safetensors", &f)) return LB_ERR_IO;
    n = f.size; p = (char *)malloc(n); memcpy(p, f.data, n); lb__file_close(&f);
    for (at = p; at + strlen(from) < p + n && memcmp(at, from, strlen(from)); at++) { }
    memcpy(at, to, strlen(from));
    write_file(o.source, p, n); free(p);
    remove(OUT);
    s = conv_convert(ctx, &o, notes);
    CHECK(!s == !access(OUT, F_OK), "a file after a failure, or none after success");
    return s;
}
LBT(convert, missing_misshapen_and_unused_tensors_are_named) {
    lb_ctx *ctx; lb__buf notes = { 0, 0, 0 };
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    CHECK(convert_changed(ctx, "visual.ln_post.bias", "visual.ln_post.bios", NULL) && strstr(lb_last_error(), "tensor visual.ln_post.bias is missing"), "%s", lb_last_error());
    CHECK(convert_changed(ctx, "transformer.resblocks.0.mlp.c_fc.bias", "transformer.resblocks.0.mlp.c_fx.bias", NULL) && strstr(lb_last_error(), ".mlp.c_fc.bias is missing"), "%s", lb_last_error());
    CHECK(convert_changed(ctx, "\"logit_scale\"", "\"logit_scald\"", NULL) && strstr(lb_last_error(), "logit_scale is missing"), "%s", lb_last_error());
    CHECK(convert_changed(ctx, "\"ln_final.bias\":{\"dtype\":\"F32\"", "\"ln_final.bias\":{\"dtype\":\"I32\"", NULL) && strstr(lb_last_error(), "ln_final.bias is i32"), "%s", lb_last_error());
    CHECK(!convert_changed(ctx, "\"__metadata__\":{\"format\":\"pt\"}", "\"__metadata__\":{\"format\":\"pt\"}", &notes), "%s", lb_last_error());
    lb__buf_free(&notes);
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
static lb_status convert_tensor(lb_ctx *ctx, const char *name, const char *config) {
    unsigned char b[700] = { 0 }; char h[300]; conv_options o; size_t n = (size_t)snprintf(h, sizeof h, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2,1,1,1],\"data_offsets\":[0,8]}}", name);
    lb__put64le(b, n); memcpy(b + 8, h, n); write_file("build/one.safetensors", b, 8 + n + 8);
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.source = "build/one.safetensors"; o.config = config;
    remove(OUT);
    return conv_convert(ctx, &o, NULL);
}
LBT(convert, other_architectures_are_refused_by_name) {
    static const struct { const char *tensor, *says; } t[] = { { "visual.layer1.0.conv1.weight", "ResNet" }, { "visual.trunk.patch_embed.proj.weight", "timm" }, { "visual.attn_pool.query", "attentional pooling" }, { "text_decoder.x", "CoCa" },
        { "logit_bias", "SigLIP" }, { "visual.blocks.0.attn.q", "EVA" }, { "vision_model.head.probe", "SigLIP" }, { "model.layers.0.x", "neither" }, { "modality_preprocessors.x", "ImageBind" } };
    static const struct { const char *config, *says; } k[] = {
        { "{\"model_cfg\":{\"embed_dim\":16,\"vision_cfg\":{\"layers\":[3,4,6,3]},\"text_cfg\":{}}}", "ResNet" }, { "{\"vision_cfg\":{\"timm_model_name\":\"vit\"},\"text_cfg\":{}}", "timm" }, { "{\"vision_cfg\":{},\"text_cfg\":{\"hf_model_name\":\"roberta\"}}", "roberta" },
        { "{\"vision_cfg\":{\"attentional_pool\":true},\"text_cfg\":{}}", "attentional_pool" }, { "{\"vision_cfg\":{\"pool_type\":\"avg\"},\"text_cfg\":{}}", "pool_type" }, { "{\"vision_cfg\":{},\"text_cfg\":{\"pool_type\":\"last\"}}", "pool_type" },
        { "{\"init_logit_bias\":-10,\"vision_cfg\":{},\"text_cfg\":{}}", "init_logit_bias" }, { "{\"vision_cfg\":{\"ls_init_value\":1e-5},\"text_cfg\":{}}", "ls_init_value" }, { "{\"vision_cfg\":{\"act_kwargs\":{\"approximate\":\"tanh\"}},\"text_cfg\":{}}", "act_kwargs" },
        { "{\"vision_cfg\":{\"width\":999},\"text_cfg\":{}}", "width 999" }, { "{\"vision_cfg\":{},\"text_cfg\":{},\"preprocess_cfg\":{\"interpolation\":\"bilinear\"}}", "bilinear" }, { "{\"vision_cfg\":{},\"text_cfg\":{},\"preprocess_cfg\":{\"resize_mode\":\"squash\"}}", "squash" },
        { "{\"vision_cfg\":{}}", "text_cfg" }, { "[1]", "an object is expected" }, { "{", "JSON" } };
    size_t i; lb_ctx *ctx; conv_options o;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(t); i++) CHECK(convert_tensor(ctx, t[i].tensor, NULL) == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), t[i].says), "%s: %s", t[i].tensor, lb_last_error());
    for (i = 0; i < LB__COUNT(k); i++) {
        write_file("build/config.json", k[i].config, strlen(k[i].config));
        CHECK(convert_to(ctx, "tests/golden/ckpt_quick", "build/config.json", NULL) && strstr(lb_last_error(), k[i].says), "%s: %s", k[i].config, lb_last_error());
        CHECK(access(OUT, F_OK), "a file after a failure");
    }
    memset(&o, 0, sizeof o); o.quiet = 1; o.source = "tests/golden/ckpt_quick"; o.output = "build/no/such/folder/x.lbw";
    CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_IO && strstr(lb_last_error(), "cannot create"), "%s", lb_last_error());
    o.source = "tests/golden"; o.output = OUT; CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_IO, "%s", lb_last_error());
    o.source = "tests/golden/nothing.pt"; CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_IO && strstr(lb_last_error(), "nothing.pt"), "%s", lb_last_error());
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

LBT(convert, parity_record_travels) {
    lb_ctx *ctx; conv_options o; lb_model *m; size_t n = 0; double worst = 1;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.source = "tests/golden/lb_audio"; o.parity = "tests/golden/lb_audio.safetensors";
    REQUIRE(!conv_convert(ctx, &o, NULL) && !lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
    CHECK(!lb_model_parity(ctx, m, &n, &worst) && n == 5 && worst < 2e-5, "%zu inputs, off by %g: %s", n, worst, lb_last_error());
    lb_model_free(m);
    o.parity = "tests/golden/npy.safetensors"; remove(OUT);
    CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_FORMAT && access(OUT, F_OK), "%s", lb_last_error());
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(bundle, every_allocation_may_fail) {
    static const char *const files[] = { "build/b_image.lbw", "other=build/b_image.lbw" }; lb_ctx *ctx; long n; lb_status s = LB_ERR_MEM;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !convert_kind(ctx, "image", 0, files[0]), "%s", lb_last_error());
    lb_ctx_free(ctx);
    for (n = 0; s; n++) {
        long live = alloc_live;
        REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
        remove(OUT);
        alloc_left = n; s = bundle_files(ctx, files, 2, NULL, 1, OUT, NULL); alloc_left = -1;
        CHECK(!s || s == LB_ERR_MEM, "%ld: %s", n, lb_last_error()); CHECK(!s == !access(OUT, F_OK), "%ld: a file after a failure, or none after success", n);
        lb_ctx_free(ctx);
        CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
        REQUIRE(n < 2000, "endless");
    }
}
