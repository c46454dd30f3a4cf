/* tools/convert.c: checkpoints of real frameworks (tests/reference/make_clip.py, make_languagebind.py) to .lbw, tensor by tensor and embedding by embedding. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/info.c"
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
    for (i = 0; i < LB__COUNT(clips); i++) for (n = 0, s = LB_ERR_MEM; s; n += n < 40 ? 1 : 7) {
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

/* File in, embedding out: through our readers and transforms against upstream's (make_lb_files.py). */
LBT(convert, files_of_every_kind_to_embeddings) {
    static const char *const image[] = { "examples/photos/cat.jpg", "examples/photos/coffee.jpg" }, *const video[] = { "tests/golden/lb_files/frames", NULL }, *const audio[] = { "tests/golden/lb_files/long.wav", "tests/golden/lb_files/short.wav" }, *const depth[] = { "tests/golden/lb_files/depth.png", NULL };
    size_t i, k, seen = 0; lb_ctx *ctx; golden g; conv_options o; char folder[128], key[128];
    REQUIRE(!lb_ctx_new(NULL, &ctx) && golden_open("lb_files", &g), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(kinds); i++) {
        const char *const *file = *kinds[i].modality == 'i' || *kinds[i].modality == 't' ? image : *kinds[i].modality == 'v' ? video : *kinds[i].modality == 'a' ? audio : depth; lb_model *m = NULL; int keep;
        for (keep = 0; keep <= kinds[i].lora; keep++) {
            memset(&o, 0, sizeof o); snprintf(folder, sizeof folder, "tests/golden/lb_%s", kinds[i].name);
            o.source = folder; o.output = OUT; o.quiet = 1; o.keep_lora = keep;
            REQUIRE(!conv_convert(ctx, &o, NULL) && !lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
            for (k = 0; k < 2 && file[k]; k++) {
                const lb_modality_desc *d = lb_model_modality(m, kinds[i].modality); float *x = (float *)malloc((size_t)d->channels * (size_t)d->frames * (size_t)d->height * (size_t)d->width * sizeof *x), v[64]; const float *want; size_t n;
                snprintf(key, sizeof key, "%s.%s", kinds[i].name, strrchr(file[k], '/') + 1);
                want = golden_f32(&g, key, &n);
                CHECK(!lb_prepare_file(ctx, m, kinds[i].modality, file[k], x) && !lb_embed_tensor(ctx, m, kinds[i].modality, x, 1, v), "%s", lb_last_error());
                CHECK(want && n == lb_model_dim(m) && max_abs_diff(v, want, n) <= 2e-5, "%s of %s%s: off by %g", file[k], kinds[i].name, keep ? " unmerged" : "", max_abs_diff(v, want, n));
                seen++; free(x);
            }
            lb_model_free(m);
        }
    }
    CHECK(seen == 19, "%zu files", seen);
    golden_close(&g); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* Every modality, from file to vector: the same bits on 1, 2 and 4 threads, alone and in a batch; and any of its allocations may fail. */
static lb_ctx *on_threads(int n) { lb_ctx_desc d; lb_ctx *c = NULL; memset(&d, 0, sizeof d); d.threads = n; if (lb_ctx_new(&d, &c)) { puts(lb_last_error()); exit(1); } return c; }
static lb_status file_to_vector(lb_ctx *ctx, const lb_model *m, const char *modality, const char *path, float *x, float *v) { lb_status s = lb_prepare_file(ctx, m, modality, path, x); return s ? s : lb_embed_tensor(ctx, m, modality, x, 1, v); }
LBT(embed, every_modality_the_same_in_any_company_and_with_failing_memory) {
    static const struct { const char *kind, *modality, *path; } of[] = { { "image", "image", "examples/photos/cat.jpg" }, { "thermal", "thermal", "examples/photos/coffee.jpg" }, { "depth", "depth", "tests/golden/lb_files/depth.png" },
        { "audio", "audio", "tests/golden/lb_files/long.wav" }, { "audio_ft", "audio", "tests/golden/lb_files/short.wav" }, { "video", "video", "tests/golden/lb_files/frames" }, { "video_huge_v15_ft", "video", "tests/golden/lb_files/frames" }, { "video_ft", "video", "tests/golden/video/mjpeg.avi" } };
    size_t i, k; enum { N = 5 };
    for (i = 0; i < LB__COUNT(of); i++) {
        lb_ctx *c = on_threads(1); conv_options o; char folder[128]; lb_model *m = NULL; size_t per, D, j; float *x, *y, *v, *w; int threads; long n, live; lb_status s;
        memset(&o, 0, sizeof o); snprintf(folder, sizeof folder, "tests/golden/lb_%s", of[i].kind); o.source = folder; o.output = OUT; o.quiet = 1; o.keep_lora = 1;
        REQUIRE(!conv_convert(c, &o, NULL) && !lb_model_open(c, OUT, &m), "%s", lb_last_error());
        per = lb_modality_floats(lb_model_modality(m, of[i].modality)); D = lb_model_dim(m);
        x = (float *)malloc(N * per * sizeof *x); y = (float *)malloc(per * sizeof *y); v = (float *)malloc(N * D * sizeof *v); w = (float *)malloc(N * D * sizeof *w);
        REQUIRE(!lb_prepare_file(c, m, of[i].modality, of[i].path, x), "%s", lb_last_error());
        for (k = 1; k < N; k++) for (j = 0; j < per; j++) x[k * per + j] = x[(j * k) % per] + (float)k * 0.1f;
        REQUIRE(!lb_embed_tensor(c, m, of[i].modality, x, N, v), "%s", lb_last_error());
        for (threads = 1; threads <= 4; threads *= 2) {
            lb_ctx *t = on_threads(threads);
            CHECK(!lb_prepare_file(t, m, of[i].modality, of[i].path, y) && !memcmp(x, y, per * sizeof *x), "%s: read on %d threads", of[i].kind, threads);
            CHECK(!lb_embed_tensor(t, m, of[i].modality, x, N, w) && !memcmp(v, w, N * D * sizeof *v), "%s: a batch on %d threads", of[i].kind, threads);
            for (k = 0; k < N; k++) CHECK(!lb_embed_tensor(t, m, of[i].modality, x + k * per, 1, w) && !memcmp(v + k * D, w, D * sizeof *v), "%s: number %zu alone on %d threads", of[i].kind, k, threads);
            lb_ctx_free(t);
        }
        for (n = 0, s = LB_ERR_MEM; s; n++) {
            lb_ctx *t; live = alloc_live; t = on_threads(1); w[0] = 7;
            alloc_left = n; s = file_to_vector(t, m, of[i].modality, of[i].path, y, w); alloc_left = -1;
            CHECK(!s || s == LB_ERR_MEM, "%s, allocation %ld: %s", of[i].kind, n, lb_last_error());
            CHECK(!s || w[0] == 7 || w[0] == 0, "%s, allocation %ld: a partial vector", of[i].kind, n);
            lb_ctx_free(t);
            CHECK(alloc_live == live, "%s, allocation %ld: %ld blocks left", of[i].kind, n, alloc_live - live);
            REQUIRE(n < 2000, "%s: endless", of[i].kind);
        }
        CHECK(!memcmp(v, w, D * sizeof *v), "%s: the vector after the last failure", of[i].kind);
        free(x); free(y); free(v); free(w); lb_model_free(m); lb_ctx_free(c);
    }
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(convert, every_allocation_of_languagebind_may_fail) {
    static const struct { const char *kind; int keep, adapter; } of[] = { { "video", 0, 0 }, { "audio", 1, 0 }, { "depth", 0, 1 } }; size_t i; long n; lb_status s;
    for (i = 0; i < LB__COUNT(of); i++) for (n = 0, s = LB_ERR_MEM; s; n += n < 40 ? 1 : 7) {
        lb_ctx *ctx; conv_options o; char folder[128]; const long live = alloc_live;
        REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
        memset(&o, 0, sizeof o); snprintf(folder, sizeof folder, "tests/golden/lb_%s", of[i].kind); o.source = "tests/golden/lb_image"; o.output = "build/b_image.lbw"; o.quiet = 1;
        if (of[i].adapter && !n) REQUIRE(!conv_convert(ctx, &o, NULL), "%s", lb_last_error());
        o.source = folder; o.output = OUT; o.keep_lora = of[i].keep; o.adapter = o.base_text = of[i].adapter; o.base = of[i].adapter ? "build/b_image.lbw" : NULL;
        remove(OUT);
        alloc_left = n; s = conv_convert(ctx, &o, NULL); alloc_left = -1;
        CHECK(!s || s == LB_ERR_MEM, "%s, allocation %ld: %s", of[i].kind, n, lb_last_error());
        CHECK(!s == !access(OUT, F_OK), "%s, allocation %ld: a file after a failure, or none after success", of[i].kind, n);
        lb_ctx_free(ctx);
        CHECK(alloc_live == live, "%s, allocation %ld: %ld blocks left", of[i].kind, n, alloc_live - live);
        REQUIRE(n < 5000, "endless");
    }
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
    static const char *const files[] = { "build/b_image.lbw", "build/b_depth.lbw", "build/b_audio.lbw" }, *const twice[] = { "build/b_image.lbw", "build/b_image.lbw" }, *const renamed[] = { "build/b_image.lbw", "again=build/b_image.lbw" }; lb_ctx *ctx; lb_file *f; bundle_sum sum; long one;
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
    memset(&sum, 0, sizeof sum);
    REQUIRE(!bundle_files(ctx, renamed, 2, NULL, 1, OUT, &sum), "%s", lb_last_error());
    embeds_like(ctx, OUT, "lb_image", "again", "image", 1); embeds_like(ctx, OUT, "lb_image", "image", "image", 1);
    CHECK(sum.saved > 80000 && !sum.matrices && size_of(OUT) < one - 80000, "%zu bytes saved, %zu updates, %ld instead of %ld", sum.saved, sum.matrices, size_of(OUT), one);
    lb__buf_free(&sum.notes);
    { static const char *const two[] = { "photo=build/b_two.lbw", "build/b_depth.lbw" }; lb_model *m, *e; lb_modality_desc d;             /* two modalities cannot have one name */
      REQUIRE(!lb_model_open(ctx, files[0], &m), "%s", lb_last_error());
      d = *lb_model_modality(m, "image"); snprintf(d.name, sizeof d.name, "thermal");
      REQUIRE(!lb_model_extend(ctx, m, "vision", NULL, &d, 0, &e) && !lb_model_save(ctx, e, LB_F32, "build/b_two.lbw"), "%s", lb_last_error());
      lb_model_free(e); lb_model_free(m); remove(OUT);
      CHECK(bundle_files(ctx, two, 2, files[1], 0, OUT, NULL) == LB_ERR_ARG && strstr(lb_last_error(), "build/b_two.lbw: has 2 modalities") && access(OUT, F_OK), "%s", lb_last_error()); }
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

/* ---- adapters: of a checkpoint, of training, and all of them in one file ---- */

/* A frozen CLIP to stand on: the depth checkpoint without its low-rank updates, as an image model, with another class vector. */
static lb_status base_of(lb_ctx *ctx, const char *kept, const char *kind, const char *to) {
    lb_file *f = NULL; lb_file_writer *w = NULL; size_t i, n = strlen(kind); const char *name; char out[128], from[64]; float cls[32]; lb_tensor t; lb_status s = lb_file_open(ctx, kept, &f);
    static const char *const towers[] = { "vision", "text" }, *const modalities[] = { "image", "text" }, *const keys[] = { "kind", "width", "layers", "heads", "mlp", "embed_dim", "act", "eps", "channels", "patch_", "grid_", "pre_norm" };
    if (!s) s = lb_file_create(ctx, to, &w);
    if (s) { lb_file_free(f); return s; }
    lb_file_set_str(w, "format.kind", "model"); lb_file_set_strs(w, "towers", towers, 2); lb_file_set_strs(w, "modalities", modalities, 2);
    for (i = 0; i < LB__COUNT(keys); i++) { snprintf(from, sizeof from, "tower.%s.%s", kind, keys[i]); snprintf(out, sizeof out, "tower.vision.%s", keys[i]); lb_file_copy_keys(w, f, from, out); }
    lb_file_copy_keys(w, f, "tower.text.", "tower.text."); lb_file_copy_keys(w, f, "modality.text.", "modality.text.");
    lb_file_set_str(w, "modality.image.kind", "image"); lb_file_set_str(w, "modality.image.tower", "vision");
    for (i = 0; i < lb_file_tensors(f); i++) {
        const lb_tensor *x = lb_file_tensor_at(f, i, &name);
        if (strstr(name, ".lora.") || strstr(name, "temporal.")) continue;
        if (strncmp(name, kind, n) || name[n] != '.') { lb_file_add(w, name, x); continue; }
        snprintf(out, sizeof out, "%s%s", !strcmp(name + n, ".logit_scale") ? "image" : "vision", name + n);
        t = *x;
        if (!strcmp(out, "vision.class")) { memcpy(cls, x->data, sizeof cls); cls[3] += 1; t.data = cls; }
        lb_file_add(w, out, &t);
    }
    s = lb_file_commit(w); lb_file_free(f);
    return s;
}
LBT(adapter, of_a_checkpoint_stands_on_its_backbone) {
    static const char *const lora[] = { "depth", "thermal", "audio", "video" }; lb_ctx *ctx; size_t i; char name[64];
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(lora); i++) {
        conv_options o; lb_model *base, *m, *merged; lb_file *f; golden g; float v[64], u[64]; size_t n; const float *want, *x; const char *files[2]; long whole;
        memset(&o, 0, sizeof o); snprintf(name, sizeof name, "tests/golden/lb_%s", lora[i]);
        REQUIRE(!convert_kind(ctx, lora[i], 1, "build/a_whole.lbw") && !base_of(ctx, "build/a_whole.lbw", lora[i], "build/a_base.lbw"), "%s", lb_last_error());
        o.source = name; o.output = OUT; o.quiet = 1; o.base = "build/a_base.lbw"; o.adapter = 1;
        remove(OUT);
        REQUIRE(!conv_convert_adapter(ctx, &o, NULL), "%s", lb_last_error());
        CHECK(access("build/test_convert.lbw.whole", F_OK), "the whole checkpoint was left behind");
        snprintf(name, sizeof name, "lb_%s", lora[i]); REQUIRE(golden_open(name, &g), "%s", name);
        REQUIRE(!lb_model_open(ctx, o.base, &base) && !lb_model_adapt(ctx, base, OUT, &m), "%s", lb_last_error());
        snprintf(name, sizeof name, "%s.embedding", lora[i]); want = golden_f32(&g, name, &n); x = golden_f32(&g, "input", NULL);
        CHECK(!lb_embed_tensor(ctx, m, lora[i], x, 2, v), "%s", lb_last_error());
        CHECK(max_abs_diff(v, want, n) <= 2e-5, "%s off by %g", lora[i], max_abs_diff(v, want, n));
        CHECK(lb_model_modality(m, "image") && lb_model_modality(m, lora[i])->kind != LB_IMAGE, "the base's own modality is gone");
        REQUIRE(!lb_model_merge(ctx, m, &merged), "%s", lb_last_error());                       /* merged and unmerged */
        CHECK(!lb_embed_tensor(ctx, merged, lora[i], x, 2, u) && max_abs_diff(u, v, n) <= 1e-5, "merged: off by %g", max_abs_diff(u, v, n));
        lb_model_free(merged); lb_model_free(m); lb_model_free(base);
        /* side by side in one file: the backbone is there once */
        files[0] = o.base; files[1] = OUT; whole = size_of("build/a_whole.lbw");
        REQUIRE(!bundle_files(ctx, files, 2, NULL, 0, "build/a_both.lbw", NULL), "%s", lb_last_error());
        embeds_like(ctx, "build/a_both.lbw", (snprintf(name, sizeof name, "lb_%s", lora[i]), name), lora[i], lora[i], 1);
        REQUIRE(!lb_file_open(ctx, "build/a_both.lbw", &f), "%s", lb_last_error()); CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error()); lb_file_free(f);
        CHECK(size_of("build/a_both.lbw") < size_of(o.base) + size_of(OUT) + 8192, "%ld bytes, base and adapter have %ld and %ld", size_of("build/a_both.lbw"), size_of(o.base), size_of(OUT));
        if (i < 2) CHECK(size_of(OUT) < whole / 4, "an adapter of %ld bytes of a checkpoint of %ld", size_of(OUT), whole);
        golden_close(&g);
    }
    { conv_options o; lb_model *base, *m = NULL; memset(&o, 0, sizeof o);             /* another base, another text tower */
      REQUIRE(!convert_kind(ctx, "image", 0, "build/b_image.lbw") && !lb_model_open(ctx, "build/b_image.lbw", &base), "%s", lb_last_error());
      CHECK(lb_model_adapt(ctx, base, OUT, &m) == LB_ERR_MISMATCH && !m && strstr(lb_last_error(), "another base"), "%s", lb_last_error());
      lb_model_free(base);
      o.source = "tests/golden/lb_depth"; o.output = OUT; o.quiet = 1; o.base = "build/b_image.lbw"; o.adapter = 1; remove(OUT);
      CHECK(conv_convert_adapter(ctx, &o, NULL) == LB_ERR_MISMATCH && strstr(lb_last_error(), "--base-text") && access(OUT, F_OK), "%s", lb_last_error());
      o.base_text = 1;                                                                /* a stranger's tower is an adapter too, a large one */
      REQUIRE(!conv_convert_adapter(ctx, &o, NULL) && !lb_model_open(ctx, o.base, &base) && !lb_model_adapt(ctx, base, OUT, &m), "%s", lb_last_error());
      lb_model_free(m); lb_model_free(base);
      o.base = OUT; CHECK(conv_convert_adapter(ctx, &o, NULL) == LB_ERR_MISMATCH, "%s", lb_last_error());
      o.base = "build/b_image.lbw"; o.from = "sea"; CHECK(conv_convert_adapter(ctx, &o, NULL) == LB_ERR_ARG && strstr(lb_last_error(), "sea"), "%s", lb_last_error()); }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* One tower of a model and its modality as a file of their own, with the text tower. */
static lb_status tower_of(lb_ctx *ctx, const lb_model *m, const char *tower, const char *modality, const char *to) {
    const lb_model_desc *d = lb_model_describe(m); lb_model_desc *one = (lb_model_desc *)calloc(1, sizeof *one); lb_file_writer *w = NULL; size_t i, n = strlen(tower); int k; lb_status s;
    if (!one) return LB_ERR_MEM;
    for (k = 0; k < d->towers; k++) if (!strcmp(d->tower[k].name, tower) || d->tower[k].kind == LB_TOWER_TEXT) one->tower[one->towers++] = d->tower[k];
    for (k = 0; k < d->modalities; k++) if (!strcmp(d->modality[k].name, modality) || d->modality[k].kind == LB_TEXT) one->modality[one->modalities++] = d->modality[k];
    s = lb_file_create(ctx, to, &w);
    if (!s) {
        lb_file_set_str(w, "format.kind", "model"); lb__desc_write(w, one);
        for (i = 0; i < m->params; i++) if (!strncmp(m->param[i].name, "text.", 5) || (!strncmp(m->param[i].name, tower, n) && m->param[i].name[n] == '.') || strstr(m->param[i].name, "logit_scale")) {
            if (strstr(m->param[i].name, "logit_scale") && strncmp(m->param[i].name, modality, strlen(modality)) && strncmp(m->param[i].name, "text.", 5)) continue;
            lb_file_add(w, m->param[i].name, &m->param[i].t);
        }
        s = lb_file_commit(w);
    }
    free(one);
    return s;
}
/* LoRA that was merged into a checkpoint is found again: spatial and temporal, whichever of the two files is named first; what was tuned whole stays whole. */
LBT(bundle, merged_updates_are_found_again) {
    static const char *const names[] = { "depth", "clip" }; enum { W = 64, LAYERS = 3 }; lb_ctx *ctx; lb_model_desc *d = (lb_model_desc *)calloc(1, sizeof *d); lb_model *base = NULL, *wide, *merged, *m, *again; size_t i, k, c; int turn, j; static float x[2 * 3 * 2 * 24 * 24]; float v[2 * 32], u[2 * 32], z[2 * 32];
    REQUIRE(d && !lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    d->towers = d->modalities = 2; d->seed = 5;
    for (j = 0; j < 2; j++) { lb_tower_desc *t = &d->tower[j]; strcpy(t->name, j ? "text" : "vision"); t->kind = j ? LB_TOWER_TEXT : LB_TOWER_VISION; t->width = j ? 32 : W; t->layers = j ? 1 : LAYERS; t->heads = 2; t->embed_dim = 32; t->patch_h = t->patch_w = 12; t->grid_h = t->grid_w = 2; t->context = 8; t->vocab = 64; }
    strcpy(d->modality[0].name, "image"); strcpy(d->modality[0].tower, "vision"); d->modality[0].kind = LB_IMAGE; strcpy(d->modality[1].name, "text"); strcpy(d->modality[1].tower, "text"); d->modality[1].kind = LB_TEXT;
    REQUIRE(!lb_model_create(ctx, d, &base), "%s", lb_last_error());
    REQUIRE(!lb_model_save(ctx, base, LB_F32, "build/l_base.lbw"), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(x); i++) x[i] = (float)((i * 7919) % 101) / 50 - 1;
    for (i = 0; i < 2; i++) {
        lb_tower_desc t; lb_modality_desc mod; lb__rng noise = lb__rng_new(7, i);
        memset(&t, 0, sizeof t); memset(&mod, 0, sizeof mod);
        strcpy(mod.name, names[i]); strcpy(mod.tower, names[i]); strcpy(t.name, names[i]); mod.kind = i ? LB_VIDEO : LB_DEPTH; t.lora_rank = 3 + (int)i; t.lora_temporal = (int)i; t.temporal = (int)i; t.frames = i ? 2 : 1; t.lora_targets = i ? LB_LORA_QKVO : LB_LORA_Q | LB_LORA_V | LB_LORA_OUT;
        REQUIRE(!lb_model_extend(ctx, base, "vision", &t, &mod, 3, &wide), "%s", lb_last_error());
        for (k = 0; k < wide->params; k++) {
            const char *p = strstr(wide->param[k].name, ".lora."); float *f = (float *)wide->param[k].t.data;
            if (p && p[strlen(p) - 1] == 'b') for (c = 0; c < (size_t)W * wide->param[k].t.shape[1]; c++) f[c] = 0.02f * lb__rng_normal(&noise);
        }
        REQUIRE(!lb_model_merge(ctx, wide, &merged), "%s", lb_last_error());
        if (!i) { float *f = (float *)lb_model_tensor(merged, "depth.blocks.2.attn.out.weight")->data; for (c = 0; c < W * W; c++) f[c] += 1e-3f * lb__rng_normal(&noise); }
        REQUIRE(!tower_of(ctx, merged, names[i], names[i], "build/l_merged.lbw"), "%s", lb_last_error());
        lb_model_free(merged); lb_model_free(wide);
        for (turn = 0; turn < 2; turn++) {
            const char *files[2]; bundle_sum sum; lb_file *f; const lb_model_desc *is; const char *changed = turn ? "vision" : names[i]; int r = 0; long plain; const size_t dim = 32;
            if (turn && i) continue;                                                    /* an image tower has no temporal attention to differ in */
            files[turn] = "build/l_base.lbw"; files[1 - turn] = "build/l_merged.lbw"; memset(&sum, 0, sizeof sum);
            REQUIRE(!bundle_files(ctx, files, 2, NULL, 0, OUT, NULL), "%s", lb_last_error()); plain = size_of(OUT);
            REQUIRE(!bundle_files(ctx, files, 2, NULL, 1, OUT, &sum), "%s", lb_last_error());
            REQUIRE(!lb_file_open(ctx, OUT, &f), "%s", lb_last_error()); CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error()); lb_file_free(f);
            REQUIRE(!lb_model_open(ctx, OUT, &m) && !lb_model_open(ctx, "build/l_merged.lbw", &merged), "%s", lb_last_error());
            for (is = lb_model_describe(m), j = 0; j < is->towers; j++) if (!strcmp(is->tower[j].name, changed)) { r = is->tower[j].lora_rank; CHECK(is->tower[j].lora_temporal == (int)i, "%s: updates at %d", changed, is->tower[j].lora_temporal); }
            CHECK(sum.matrices == (i ? 4 * LAYERS : 3 * LAYERS - 1) && r == 3 + (int)i, "%s: %zu matrices, rank %d", names[i], sum.matrices, r);
            REQUIRE(!lb__buf_add(&sum.notes, "", 1), "%s", lb_last_error());
            CHECK(strstr((const char *)sum.notes.data, "rank") && !strchr((const char *)sum.notes.data, '%'), "%s", (const char *)sum.notes.data);
            CHECK(labs(plain - size_of(OUT) - (long)sum.saved) < 8192, "%zu bytes saved, %ld without and %ld with", sum.saved, plain, size_of(OUT));
            REQUIRE(!lb_model_merge(ctx, m, &again), "%s", lb_last_error());
            CHECK(!lb_embed_tensor(ctx, merged, names[i], x, 2, v) && !lb_embed_tensor(ctx, m, names[i], x, 2, u) && !lb_embed_tensor(ctx, again, names[i], x, 2, z), "%s", lb_last_error());
            CHECK(max_abs_diff(u, v, 2 * dim) < 5e-7 && max_abs_diff(z, v, 2 * dim) < 5e-7, "%s: off by %g, merged again by %g", names[i], max_abs_diff(u, v, 2 * dim), max_abs_diff(z, v, 2 * dim));
            CHECK(!lb_embed_tensor(ctx, base, "image", x, 2, v) && !lb_embed_tensor(ctx, m, "image", x, 2, u) && max_abs_diff(u, v, 2 * dim) < 5e-7, "image: off by %g", max_abs_diff(u, v, 2 * dim));
            lb_model_free(again); lb_model_free(m); lb_model_free(merged); lb__buf_free(&sum.notes);
        }
    }
    lb_model_free(base); free(d); lb_ctx_free(ctx);
    { static const char *const files[] = { "build/l_base.lbw", "build/l_merged.lbw" }; long n; lb_status s = LB_ERR_MEM;
      for (n = 0; s; n++) {
        REQUIRE(!lb_ctx_new(NULL, &ctx) && n < 2000, "%s", lb_last_error());
        remove(OUT);
        alloc_left = n; s = bundle_files(ctx, files, 2, NULL, 1, OUT, NULL); alloc_left = -1;
        CHECK((!s || s == LB_ERR_MEM) && !s == !access(OUT, F_OK), "%ld: %s", n, lb_last_error());
        lb_ctx_free(ctx);
        CHECK(alloc_live == 0, "allocation %ld: %ld blocks left", n, alloc_live);
      } }
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* Six modalities over one frozen tower: declared, trained one by one with low-rank updates, and put into one f16 file. */
LBT(adapter, several_trained_modalities_in_one_file) {
    static const char *const names[] = { "depth", "thermal", "sound", "clip" };
    static const char *const json[] = { "{\"name\":\"depth\",\"loader\":\"depth\",\"height\":24,\"width\":24}", "{\"name\":\"thermal\",\"loader\":\"thermal\",\"height\":24,\"width\":24}", "{\"name\":\"sound\",\"loader\":\"audio\",\"height\":16,\"length\":40}", "{\"name\":\"clip\",\"loader\":\"video\",\"frames\":2,\"height\":24,\"width\":24,\"temporal\":true}" };
    static const char *const files[] = { "build/six.lbw", "build/six0.lbw", "build/six1.lbw", "build/six2.lbw", "build/six3.lbw" };
    lb_ctx *ctx; lb_model *m[5] = { NULL }, *six = NULL; lb_trainer *run = NULL; lb_train_desc d; lb_batch b; lb_train_stats st; static float x[3 * 3 * 2 * 24 * 24]; float want[4][48], v[48]; int32_t ids[36]; size_t i, k; lb_file *f; long alone;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !convert_kind(ctx, "image", 0, "build/b_image.lbw") && !lb_model_open(ctx, "build/b_image.lbw", &m[0]), "%s", lb_last_error());
    for (i = 0; i < 4; i++) REQUIRE(!lb_model_extend_json(ctx, m[i], json[i], strlen(json[i]), i, &m[i + 1]), "%s", lb_last_error());
    REQUIRE(!lb_model_save(ctx, m[4], LB_F32, files[0]), "%s", lb_last_error());
    for (i = 5; i-- > 0; ) lb_model_free(m[i]);
    REQUIRE(!lb_model_open(ctx, files[0], &six), "%s", lb_last_error());
    alone = size_of(files[0]);
    CHECK(alone < size_of("build/b_image.lbw") * 3 / 2, "%ld bytes with four more modalities, %ld without", alone, size_of("build/b_image.lbw"));
    for (i = 0; i < LB__COUNT(x) ; i++) x[i] = (float)((i * 7919) % 101) / 50 - 1;
    for (i = 0; i < 36; i++) ids[i] = (int32_t)(i % 12 == 11 ? 79 : 1 + (i * 31) % 70);
    memset(&b, 0, sizeof b); b.n = 3; b.x = x; b.ids = ids; b.length = 12;
    for (i = 0; i < 4; i++) {
        memset(&d, 0, sizeof d); d.modality = names[i]; d.trainable = LB_TRAIN_LORA; d.lora_rank = 2; d.lora_temporal = i == 3; d.freeze_text = 1; d.lr = 0.01;
        REQUIRE(!lb_trainer_new(ctx, six, &d, &run), "%s", lb_last_error());
        for (k = 0; k < 3; k++) REQUIRE(!lb_trainer_step(ctx, run, &b, &st), "%s", lb_last_error());
        REQUIRE(!lb_embed_tensor(ctx, lb_trainer_model(run), names[i], x, 3, want[i]) && !lb_trainer_adapter(ctx, run, files[i + 1]), "%s", lb_last_error());
        lb_trainer_free(run);
    }
    lb_model_free(six);
    REQUIRE(!bundle_files(ctx, files, 5, NULL, 0, OUT, NULL), "%s", lb_last_error());
    REQUIRE(!lb_model_open(ctx, OUT, &six), "%s", lb_last_error());
    for (i = 0; i < 4; i++) CHECK(!lb_embed_tensor(ctx, six, names[i], x, 3, v) && !memcmp(v, want[i], sizeof v), "%s is not what was trained (off by %g)", names[i], max_abs_diff(v, want[i], 48));
    CHECK(size_of(OUT) < alone + 4 * size_of(files[1]) * 2, "%ld bytes, %ld before the adapters", size_of(OUT), alone);
    REQUIRE(!lb_model_save(ctx, six, LB_F16, "build/six_half.lbw"), "%s", lb_last_error());
    lb_model_free(six);
    REQUIRE(!lb_file_open(ctx, "build/six_half.lbw", &f), "%s", lb_last_error()); CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error()); lb_file_free(f);
    REQUIRE(!lb_model_open(ctx, "build/six_half.lbw", &six), "%s", lb_last_error());
    CHECK(lb_model_tensor(six, "depth.blocks.0.attn.qkv.weight")->data == lb_model_tensor(six, "clip.blocks.0.temporal.attn.qkv.weight")->data, "f16: the frozen attention is there twice");
    for (i = 0; i < 4; i++) CHECK(!lb_embed_tensor(ctx, six, names[i], x, 3, v) && max_abs_diff(v, want[i], 48) < 5e-3, "%s in f16: off by %g", names[i], max_abs_diff(v, want[i], 48));
    CHECK(size_of("build/six_half.lbw") < size_of(OUT) * 7 / 10, "%ld bytes in f16, %ld in f32", size_of("build/six_half.lbw"), size_of(OUT));
    lb_model_free(six); lb_ctx_free(ctx);
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
    lb__bytes f; char *p, *at; size_t n; conv_options o; lb_status s;
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.source = "build/changed.safetensors"; o.config = "tests/golden/ckpt_quick/open_clip_config.json";
    if (lb__bytes_open("tests/golden/ckpt_quick/open_clip_model.safetensors", &f)) return LB_ERR_IO;
    n = f.size; p = (char *)malloc(n); memcpy(p, f.data, n); lb__bytes_close(&f);
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
    CHECK(convert_changed(ctx, "\"ln_final.bias\":{\"dtype\":\"BF16\"", "\"ln_final.bias\":{\"dtype\":\"I16\" ", NULL) && strstr(lb_last_error(), "ln_final.bias is i16"), "%s", lb_last_error());
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
        { "{\"vision_cfg\":{},\"text_cfg\":{\"hf_tokenizer_name\":\"facebook/xlm-v-base\",\"pool_type\":\"eos\",\"eos_id\":2}}", "the tokenizer facebook/xlm-v-base" }, { "{\"vision_cfg\":{},\"text_cfg\":{\"pool_type\":\"eos\",\"eos_id\":2}}", "eos_id is 2" },
        { "{\"vision_cfg\":{},\"text_cfg\":{\"tokenizer_kwargs\":{\"clean\":\"canonicalize\"}}}", "clean is canonicalize" }, { "{\"vision_cfg\":{},\"text_cfg\":{\"tokenizer_kwargs\":{\"strip_sep_token\":true}}}", "tokenizer_kwargs.strip_sep_token" },
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

static void copy_file(const char *from, const char *to) { lb__bytes f; if (!lb__bytes_open(from, &f)) { write_file(to, f.data, f.size); lb__bytes_close(&f); } }
LBT(convert, preprocessing_of_another_kind_is_refused) {
    static const struct { const char *config, *says; } k[] = {
        { "{\"size\":%d,\"crop_size\":%d}", NULL }, { "{\"size\":{\"shortest_edge\":%d},\"do_resize\":true}", NULL }, { "{\"size\":{\"shortest_edge\":1%d}}", "images are resized to 1" },
        { "{\"size\":{\"height\":%d,\"width\":%d}}", "height and width" }, { "{\"do_center_crop\":false}", "do_center_crop is off" }, { "{\"crop_size\":9%d}", "a crop of 9" }, { "{\"resample\":2}", "resample 2" } };
    const char *dir = "build/hf_prep"; char text[200]; size_t i; lb_ctx *ctx; lb_model *m; int side;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    mkdir(dir, 0777); copy_file("tests/golden/ckpt_hf/config.json", "build/hf_prep/config.json"); copy_file("tests/golden/ckpt_hf/model.safetensors", "build/hf_prep/model.safetensors");
    remove("build/hf_prep/preprocessor_config.json");
    REQUIRE(!convert_to(ctx, dir, NULL, NULL) && !lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
    side = lb_model_modality(m, "image")->height; lb_model_free(m);
    for (i = 0; i < LB__COUNT(k); i++) {
        snprintf(text, sizeof text, k[i].config, side, side); write_file("build/hf_prep/preprocessor_config.json", text, strlen(text));
        if (!k[i].says) CHECK(!convert_to(ctx, dir, NULL, NULL), "%s: %s", text, lb_last_error());
        else CHECK(convert_to(ctx, dir, NULL, NULL) && strstr(lb_last_error(), k[i].says) && access(OUT, F_OK), "%s: %s", text, lb_last_error());
    }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* What a configuration says, and what stands for a key that it lacks (the defaults of upstream's classes): in the file, or in the sentence of a failure. */
static const char *value_of(const lb_file *f, const char *key, char *out, size_t cap) {
    const char *s; double d[16]; uint64_t u; size_t n;
    if (!lb_file_get_str(f, key, &s)) return s;
    if (!lb_file_get_u64(f, key, &u)) d[0] = (double)u; else if (lb_file_get_f64(f, key, d) && lb_file_get_f64s(f, key, d, LB__COUNT(d), &n)) return "";
    snprintf(out, cap, "%.9g", d[0]);
    return out;
}
LBT(convert, configurations_and_their_defaults) {
    static const struct { const char *folder, *from, *to, *key, *want; } t[] = {
        { "lb_depth", "\"lora_alpha\": 16", "\"lora_alpha\": 32", "tower.depth.lora.alpha", "32" }, { "lb_depth", "\"lora_alpha\": 16", "\"x\": 0", "tower.depth.lora.alpha", "16" },
        { "lb_depth", "\"max_depth\": 10", "\"max_depth\": 80", "modality.depth.max_depth", "80" }, { "lb_depth", "\"max_depth\": 10", "\"x\": 0", "modality.depth.max_depth", "10" },
        { "lb_image", "\"hidden_act\": \"gelu\"", "\"x\": 0", "tower.vision.act", "quick_gelu" }, { "lb_image", "\"hidden_act\": \"gelu\"", "\"x\": 0", "tower.text.act", "quick_gelu" },
        { "lb_image", "\"num_attention_heads\": 2", "\"x\": 0", NULL, "12 heads do not divide the width 32 of the vision tower" }, { "lb_image", "\"num_attention_heads\": 2,\n  \"num_hidden_layers\": 2,\n  \"vocab", "\"num_hidden_layers\": 2,\n  \"vocab", "tower.text.heads", "8" },
        { "lb_image", "1e-05", "1e-06", "tower.vision.eps", "1e-06" }, { "lb_image", "1e-05", "1e-06", "tower.text.eps", "1e-06" }, { "lb_image", "\"layer_norm_eps\": 1e-05", "\"x\": 0", "tower.vision.eps", "1e-05" },
        { "lb_audio", "_rate\": 16000", "_rate\": 22050", "modality.audio.rate", "22050" }, { "lb_audio", "\"audio_sample_rate\"", "\"x\"", "modality.audio.rate", "16000" },
        { "lb_audio", "\"audio_mean\"", "\"x\"", "modality.audio.mean", "0.5" }, { "lb_audio", "\"audio_std\"", "\"x\"", "modality.audio.std", "0.5" }, { "lb_audio", "", "", "modality.audio.mean", "-4.2677393" }, { "lb_audio", "", "", "modality.audio.std", "4.5689974" },
        { "lb_video", "\"num_frames\": 4", "\"num_frames\": 8", NULL, "says 8 frames, the tensors have 4" }, { "lb_video", "\"num_frames\": 4", "\"x\": 0", NULL, "says 1 frames, the tensors have 4" },
        { "lb_image", NULL, NULL, "modality.image.crop", "round-half-even" }, { "lb_image", NULL, NULL, "modality.text.clean", "languagebind" }, { "lb_image", NULL, NULL, "modality.image.resize", "torch-bicubic" }, { "lb_video", NULL, NULL, "modality.video.resize", "torch-bilinear" },
        { "ckpt_hf", NULL, NULL, "modality.image.crop", "floor" }, { "ckpt_hf", NULL, NULL, "modality.text.clean", "hf" }, { "ckpt_hf", NULL, NULL, "modality.image.resize", "pil-bicubic" },
        { "ckpt_quick", NULL, NULL, "modality.image.crop", "round-half-even" }, { "ckpt_quick", NULL, NULL, "modality.text.clean", "open_clip" }, { "ckpt_quick", NULL, NULL, "modality.image.resize", "pil-bicubic" } };
    lb_ctx *ctx; size_t i; char path[128], got[64];
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(t); i++) {
        conv_options o; lb_file *f = NULL; lb__bytes in; lb__buf text = { 0, 0, 0 }; size_t k = 0, n = t[i].from ? strlen(t[i].from) : 0; lb_status s; const char *v;
        memset(&o, 0, sizeof o); snprintf(path, sizeof path, "tests/golden/%s", t[i].folder); o.source = path; o.output = OUT; o.quiet = 1; o.keep_lora = 1;
        if (t[i].from) {
            char config[160]; snprintf(config, sizeof config, "%s/config.json", path);
            REQUIRE(!lb__bytes_open(config, &in), "%s", lb_last_error());
            while (k < in.size) if (n && k + n <= in.size && !memcmp(in.data + k, t[i].from, n)) { lb__buf_add(&text, t[i].to, strlen(t[i].to)); k += n; } else lb__buf_add(&text, in.data + k++, 1);
            CHECK(!n || text.size != in.size || memcmp(text.data, in.data, in.size), "%s: %s is not in it", config, t[i].from);
            write_file("build/config.json", text.data, text.size); lb__buf_free(&text); lb__bytes_close(&in); o.config = "build/config.json";
        }
        remove(OUT); s = conv_convert(ctx, &o, NULL);
        if (!t[i].key) { CHECK(s && strstr(lb_last_error(), t[i].want), "%s: %s, \"%s\" was expected", t[i].folder, lb_last_error(), t[i].want); continue; }
        REQUIRE(!s && !lb_file_open(ctx, OUT, &f), "%s", lb_last_error());
        v = value_of(f, t[i].key, got, sizeof got); CHECK(!strcmp(v, t[i].want), "%s, %s: %s is %s, %s was expected", t[i].folder, t[i].from ? t[i].from : "as it is", t[i].key, v, t[i].want);
        lb_file_free(f);
    }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* A golden checkpoint once more, as safetensors and beside no configuration: in the vision encoder's names `to` for `from`, and more tensors, or others in place of its own, all zeros. */
typedef struct recast_zero { const char *name; int ndim; size_t shape[4]; } recast_zero;
static void recast(lb_ctx *ctx, const char *kind, const char *from, const char *to, const recast_zero *zero, size_t zeros) {
    checkpoint ck; char path[128], name[256], shape[96]; lb__buf h = { 0, 0, 0 }, d = { 0, 0, 0 }, out = { 0, 0, 0 }; size_t i, k; unsigned char n[8];
    memset(&ck, 0, sizeof ck); snprintf(path, sizeof path, "tests/golden/lb_%s/pytorch_model.bin", kind);
    REQUIRE(!ck_open(ctx, path, &ck), "%s", lb_last_error());
    for (i = 0; i < ck.count + zeros; i++) {
        ck_tensor t; const char *at; float *v; char line[512];
        if (i < ck.count) t = *ck.tensor[i];
        else { memset(&t, 0, sizeof t); t.name = zero[i - ck.count].name; t.ndim = zero[i - ck.count].ndim; memcpy(t.shape, zero[i - ck.count].shape, sizeof zero->shape); }
        for (k = 0; k < zeros && i < ck.count && strcmp(zero[k].name, t.name); k++) {}
        if (k < zeros && i < ck.count) continue;
        at = i < ck.count && from && !strncmp(t.name, "vision_model.encoder", 20) ? strstr(t.name, from) : NULL;
        if (at) snprintf(name, sizeof name, "%.*s%s%s", (int)(at - t.name), t.name, to, at + strlen(from)); else snprintf(name, sizeof name, "%s", t.name);
        v = (float *)calloc(ck_elements(&t) + 1, sizeof *v); if (i < ck.count) ck_values(&t, v);
        snprintf(line, sizeof line, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", h.size ? "," : "{", name, ck_shape_text(shape, sizeof shape, t.shape, t.ndim), d.size, d.size + ck_elements(&t) * 4);
        lb__buf_add(&h, line, strlen(line)); lb__buf_add(&d, v, ck_elements(&t) * 4); free(v);
    }
    lb__buf_add(&h, "}", 1); lb__put64le(n, h.size);
    lb__buf_add(&out, n, 8); lb__buf_add(&out, h.data, h.size); lb__buf_add(&out, d.data, d.size); write_file("build/recast.safetensors", out.data, out.size);
    lb__buf_free(&h); lb__buf_free(&d); lb__buf_free(&out); ck_close(&ck);
}
/* epoch_N.pt as upstream's training leaves them, without a configuration; names as other versions of peft write them; what does not belong there. */
LBT(convert, without_a_configuration_and_in_other_forms) {
    static const char *const plain[] = { "video", "video_v15_ft", "video_ft" }, *const forms[][2] = { { NULL, NULL }, { ".default.weight", ".weight" }, { "_proj.weight", "_proj.base_layer.weight" }, { "vision_model.encoder.", "module.vision_model.encoder." } };
    static const recast_zero sound[] = { { "vision_model.embeddings.patch_embedding.weight", 4, { 32, 3, 14, 14 } }, { "vision_model.embeddings.position_embedding.weight", 2, { 149, 32, 0, 0 } } };
    static const recast_zero more[] = { { "vision_model.embeddings.position_ids", 2, { 1, 10, 0, 0 } }, { "text_model.embeddings.position_ids", 2, { 1, 12, 0, 0 } }, { "visual.spare", 1, { 3, 0, 0, 0 } } }, early[] = { { "vision_model.encoder.layers.0.temporal_mlp.fc1.weight", 2, { 64, 32, 0, 0 } } };
    static const struct { size_t width, layers, heads; int text; } head[] = { { 768, 12, 12, 0 }, { 1024, 24, 16, 0 }, { 1280, 32, 16, 0 }, { 1408, 40, 16, 0 }, { 1664, 48, 16, 0 }, { 1280, 32, 20, 1 }, { 1280, 24, 20, 0 } };
    lb_ctx *ctx; conv_options o; golden g; lb_file *f; lb__buf notes = { 0, 0, 0 }; size_t i, n; char path[128], got[64]; convert c;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.heads = o.text_heads = 2; o.modality = "video"; o.source = "build/epoch_6.pt";
    for (i = 0; i < LB__COUNT(plain); i++) {
        snprintf(path, sizeof path, "tests/golden/lb_%s/pytorch_model.bin", plain[i]); copy_file(path, o.source);
        snprintf(path, sizeof path, "lb_%s", plain[i]); remove(OUT);
        REQUIRE(golden_open(path, &g) && !conv_convert(ctx, &o, NULL), "%s: %s", plain[i], lb_last_error());
        same_embeddings(ctx, &g, "video", "input", 2e-5); golden_close(&g);
    }
    remove(o.source); o.source = "build/recast.safetensors"; o.modality = "depth";
    REQUIRE(golden_open("lb_depth", &g), "golden");
    for (i = 0; i < LB__COUNT(forms); i++) {
        recast(ctx, "depth", forms[i][0], forms[i][1], more, 3); remove(OUT);
        REQUIRE(!conv_convert(ctx, &o, &notes), "%s: %s", forms[i][1], lb_last_error());
        same_embeddings(ctx, &g, "depth", "input", 2e-5);
        lb__buf_add(&notes, "", 1); CHECK(strstr((char *)notes.data, "visual.spare") && !strstr((char *)notes.data, "position_ids") && !strstr((char *)notes.data, "lora"), "%s", (char *)notes.data); lb__buf_free(&notes);
    }
    golden_close(&g);
    o.modality = "audio"; recast(ctx, "audio_ft", NULL, NULL, sound, 2); remove(OUT);
    REQUIRE(!conv_convert(ctx, &o, &notes) && !lb_file_open(ctx, OUT, &f), "%s", lb_last_error());
    lb__buf_add(&notes, "", 1); CHECK(strstr((char *)notes.data, "28 x 1036 follow from the position table") && strstr((char *)notes.data, "mean -4.2677393 and deviation 4.5689974 are assumed"), "%s", (char *)notes.data); lb__buf_free(&notes);
    CHECK(!strcmp(value_of(f, "modality.audio.mean", got, sizeof got), "-4.2677393") && !strcmp(value_of(f, "modality.audio.std", got, sizeof got), "4.5689974"), "%s", got);
    CHECK(!strcmp(value_of(f, "modality.audio.mel_bins", got, sizeof got), "28") && !strcmp(value_of(f, "tower.audio.grid_w", got, sizeof got), "74"), "%s", got);
    lb_file_free(f);
    o.modality = "video"; recast(ctx, "video_ft", NULL, NULL, early, 1); remove(OUT);
    CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), "temporal_mlp") && access(OUT, F_OK), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(head); i++) {
        conv_tower t; memset(&t, 0, sizeof t); memset(&c, 0, sizeof c); t.width = head[i].width; t.layers = head[i].layers; t.text = head[i].text;
        CHECK((n = conv_guess_heads(&c, &t)) == head[i].heads, "width %zu: %zu heads, %zu were expected", t.width, n, head[i].heads); lb__buf_free(&c.notes);
    }
    remove(o.source); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* A block behind a missing one would leave a shorter network; low-rank updates that some layers lack (peft's layers_to_transform) are zeros there. */
LBT(convert, gaps_in_blocks_and_in_updates) {
    static const char *const gone[][2] = { { ".layers.1.self_attn.v_proj.lora_", ".layers.1.self_attn.v_proj.gone_" }, { ".layers.0.self_attn.q_proj.lora_", ".layers.0.self_attn.q_proj.gone_" } };
    lb_ctx *ctx; conv_options o; golden g; lb_model *m, *base; size_t i; int k; float v[3][64]; const float *x;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && golden_open("lb_depth", &g), "%s", lb_last_error());
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.heads = o.text_heads = 2; o.source = "build/recast.safetensors"; x = golden_f32(&g, "input", NULL);
    o.modality = "image"; recast(ctx, "image", ".layers.1.", ".layers.2.", NULL, 0); remove(OUT);
    CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_FORMAT && strstr(lb_last_error(), "block vision_model.encoder.layers.1 is missing, though tensor vision_model.encoder.layers.2.") && access(OUT, F_OK), "%s", lb_last_error());
    recast(ctx, "image", ".layers.0.", ".layers.9.", NULL, 0);
    CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_FORMAT && strstr(lb_last_error(), "block vision_model.encoder.layers.0 is missing") && access(OUT, F_OK), "%s", lb_last_error());
    o.modality = "depth"; REQUIRE(!convert_kind(ctx, "image", 0, "build/b_image.lbw"), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(gone); i++) {
        recast(ctx, "depth", gone[i][0], gone[i][1], NULL, 0);
        for (k = 0; k < 3; k++) {
            remove(OUT); o.keep_lora = k == 1; o.adapter = o.base_text = k == 2; o.base = k == 2 ? "build/b_image.lbw" : NULL; base = NULL;
            REQUIRE(!(k == 2 ? conv_convert_adapter(ctx, &o, NULL) : conv_convert(ctx, &o, NULL)), "%s", lb_last_error());
            REQUIRE(k == 2 ? !lb_model_open(ctx, o.base, &base) && !lb_model_adapt(ctx, base, OUT, &m) : !lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
            CHECK(!lb_embed_tensor(ctx, m, "depth", x, 2, v[k]), "%s", lb_last_error());
            CHECK(max_abs_diff(v[k], v[0], 2 * lb_model_dim(m)) < 1e-5, "%s: off by %g", k == 1 ? "--keep-lora" : "--adapter", max_abs_diff(v[k], v[0], 2 * lb_model_dim(m)));
            lb_model_free(m); lb_model_free(base);
        }
        CHECK(max_abs_diff(v[0], golden_f32(&g, "depth.embedding", NULL), 32) > 1e-4, "the updates that are gone were none");
    }
    memset(&o, 0, sizeof o); o.output = OUT; o.quiet = 1; o.heads = o.text_heads = 2; o.source = "build/recast.safetensors"; o.modality = "depth"; remove(OUT);
    recast(ctx, "depth", ".layers.1.self_attn.v_proj.lora_", ".layers.1.self_attn.w_proj.lora_", NULL, 0);
    CHECK(conv_convert(ctx, &o, NULL) == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), "w_proj.lora_") && access(OUT, F_OK), "%s", lb_last_error());
    remove(o.source); golden_close(&g); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(convert, merging_multiplies_by_alpha_over_rank) {
    static const char *const alpha[] = { " 0", "16", "32" }; lb_ctx *ctx; lb_model *m; lb__bytes in; float w[3][3]; size_t i, k; char *text, *p;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !lb__bytes_open("tests/golden/lb_depth/config.json", &in), "%s", lb_last_error());
    for (i = 0; i < 3; i++) {
        text = (char *)calloc(1, in.size + 1); memcpy(text, in.data, in.size); p = strstr(text, "\"lora_alpha\": 16"); REQUIRE(p, "config.json");
        memcpy(p + 14, alpha[i], 2);
        write_file("build/config.json", text, in.size); free(text);
        REQUIRE(!convert_to(ctx, "tests/golden/lb_depth", "build/config.json", NULL) && !lb_model_open(ctx, OUT, &m), "%s", lb_last_error());
        for (k = 0; k < 3; k++) w[i][k] = at(lb_model_tensor(m, "depth.blocks.1.attn.qkv.weight"), 5 + 32 * k, 7);
        lb_model_free(m);
    }
    for (k = 0; k < 3; k++) CHECK(fabs((double)w[1][k] - (double)w[0][k]) > 1e-4 && fabs((double)w[2][k] - 2 * (double)w[1][k] + (double)w[0][k]) < 1e-6, "%g, %g and %g with alpha 0, 16 and 32", (double)w[0][k], (double)w[1][k], (double)w[2][k]);
    lb__bytes_close(&in); lb_ctx_free(ctx);
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
