/* Sections 7 and 13: towers against open_clip and transformers stage by stage, and against themselves: alone or in a batch, any number of
 * threads, trimmed or whole. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"
#include "tests/clip_golden.h"

static const char *const names[] = { "clip_base", "clip_head80", "clip_quick", "clip_odd", "clip_rect", "clip_hf", "clip_hf_quick" };

/* Compares every activation on its way with the golden of the same stage. */
typedef struct watcher { const golden *g; const char *tower; const lb_model *m; size_t n; const int32_t *ids; size_t context; int stages; double worst; char where[64]; } watcher;
static void watch(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols) {
    watcher *w = (watcher *)user; char name[64]; size_t count, k, j, row = 0, L; const float *y; double d = 0; const int text = !strcmp(w->tower, "text");
    if (!strcmp(stage, "block")) snprintf(name, sizeof name, "%s.block.%zu", w->tower, i); else snprintf(name, sizeof name, "%s.%s", w->tower, stage);
    y = golden_f32(w->g, name, &count);
    if (!y) { lbt_failures++; return; }
    L = count / w->n / cols;                                        /* rows of one input in the golden */
    if (rows == w->n && !text) { for (k = 0; k < w->n; k++) d = LB__MAX(d, max_abs_diff(x + k * cols, y + k * L * cols, cols)); }           /* pooled: the class row */
    else if (!text) { CHECK(rows == w->n * L, "%s: %zu rows", name, rows); d = max_abs_diff(x, y, count); }
    else for (k = 0; k < w->n; k++) {                               /* packed: rows up to the end of text; or that row alone */
        size_t end = 0;
        for (j = 1; j < w->context; j++) if (w->ids[k * w->context + j] > w->ids[k * w->context + end]) end = j;
        if (rows == w->n) { d = LB__MAX(d, max_abs_diff(x + k * cols, y + (L == 1 ? k : k * L + end) * cols, cols)); continue; }
        d = LB__MAX(d, max_abs_diff(x + row * cols, y + k * L * cols, (end + 1) * cols)); row += end + 1;
    }
    w->stages++;
    if (d > w->worst) { w->worst = d; strcpy(w->where, name); }
}
static void watch_blocks(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols) {
    if (!strcmp(stage, "pre_norm") || !strcmp(stage, "block")) watch(user, stage, i, x, rows, cols);
}
LBT(model, every_stage_matches_the_reference) {
    size_t k;
    for (k = 0; k < LB__COUNT(names); k++) {
        golden g; lb_ctx *ctx = ctx_with(0); lb_model *m; watcher w; float *out; golden_array image, ids, want; size_t E; double d;
        REQUIRE(golden_open(names[k], &g), "%s", names[k]);
        m = clip_model(ctx, &g);
        REQUIRE(m, "%s", names[k]);
        image = golden_get(&g, "image"); ids = golden_get(&g, "ids"); E = lb_model_dim(m);
        out = (float *)malloc((image.shape[0] + ids.shape[0]) * E * sizeof *out);
        memset(&w, 0, sizeof w); w.g = &g; w.m = m; w.ids = (const int32_t *)ids.data; w.context = ids.shape[1];
        lb_ctx_watch(ctx, watch, &w);
        w.tower = "vision"; w.n = image.shape[0];
        CHECK(!lb_embed_tensor(ctx, m, "image", (const float *)image.data, image.shape[0], out), "%s", lb_last_error());
        want = golden_get(&g, "image.embedding"); d = max_abs_diff(out, (const float *)want.data, want.count);
        CHECK(d < 2e-5, "%s: image embeddings differ by %g", names[k], d);
        w.tower = "text"; w.n = ids.shape[0];
        CHECK(!lb_embed_tokens(ctx, m, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], out), "%s", lb_last_error());
        want = golden_get(&g, "text.embedding"); d = max_abs_diff(out, (const float *)want.data, want.count);
        CHECK(d < 2e-5, "%s: text embeddings differ by %g", names[k], d);
        CHECK(w.worst < 2e-5, "%s: %s differs by %g", names[k], w.where, w.worst);
        CHECK(w.stages == m->desc.tower[0].layers + 4 + m->desc.tower[1].layers + 3, "%d stages were seen", w.stages);
        CHECK(fabs(lb_model_logit_scale(m, "image") - exp(2.5)) < 1e-5, "%g", lb_model_logit_scale(m, "image"));
        free(out); lb_model_free(m); lb_ctx_free(ctx); golden_close(&g);
    }
}
/* Temporal attention, class vectors a frame, the mean over frames: against upstream's own video model. */
LBT(model, video_matches_upstream) {
    static const char *const name[] = { "video_vl", "video_vl_new" }; size_t k;
    for (k = 0; k < 2; k++) {
        golden g; lb_ctx *ctx = ctx_with(2); lb_model *m; float *out, *alone; golden_array image, want; size_t E, per, i; double d; watcher w;
        REQUIRE(golden_open(name[k], &g), "%s", name[k]);
        m = clip_model(ctx, &g); REQUIRE(m, "%s", name[k]);
        image = golden_get(&g, "image"); E = lb_model_dim(m); per = image.count / image.shape[0];
        out = (float *)malloc(image.shape[0] * E * sizeof *out); alone = (float *)malloc(E * sizeof *out);
        CHECK(!lb_embed_tensor(ctx, m, "video", (const float *)image.data, image.shape[0], out), "%s", lb_last_error());
        want = golden_get(&g, "video.embedding"); d = max_abs_diff(out, (const float *)want.data, want.count);
        CHECK(d < 2e-5, "%s: embeddings differ by %g", name[k], d);
        for (i = 0; i < image.shape[0]; i++) CHECK(!lb_embed_tensor(ctx, m, "video", (const float *)image.data + i * per, 1, alone) && !memcmp(alone, out + i * E, E * sizeof *out), "clip %zu alone", i);
        memset(&w, 0, sizeof w); w.g = &g; w.tower = "video"; w.n = image.shape[0] * (size_t)m->desc.tower[0].frames; ctx->watch = watch_blocks; ctx->watch_user = &w;
        CHECK(!lb_embed_tensor(ctx, m, "video", (const float *)image.data, image.shape[0], out) && w.stages == 3 && w.worst < 2e-5, "%s: %d stages, %s differs by %g", name[k], w.stages, w.where, w.worst);
        free(out); free(alone); lb_model_free(m); lb_ctx_free(ctx); golden_close(&g);
    }
}
/* One frame: temporal attention still runs, the embedding of its place is not added. */
LBT(model, a_clip_of_one_frame_has_no_temporal_embedding) {
    static const struct { const char *name; int matters; } p[] = { { "video.blocks.0.temporal.embed", 0 }, { "video.blocks.0.temporal.attn.out.bias", 1 }, { "video.blocks.0.temporal.norm.bias", 1 } };
    lb_ctx *c = ctx_with(1); lb_model_desc d; lb_model *m = NULL; float x[3 * 16 * 16], a[8], b[8]; size_t i, k;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 1; d.seed = 3;
    strcpy(d.tower[0].name, "video"); d.tower[0].kind = LB_TOWER_VISION; d.tower[0].width = 16; d.tower[0].layers = 1; d.tower[0].heads = 2; d.tower[0].embed_dim = 8; d.tower[0].patch_h = d.tower[0].patch_w = 8; d.tower[0].grid_h = d.tower[0].grid_w = 2; d.tower[0].frames = 1; d.tower[0].temporal = 1;
    strcpy(d.modality[0].name, "video"); strcpy(d.modality[0].tower, "video"); d.modality[0].kind = LB_VIDEO;
    REQUIRE(!lb_model_create(c, &d, &m), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(x); i++) x[i] = (float)(i * 7 % 23) / 11 - 1;
    REQUIRE(!lb_embed_tensor(c, m, "video", x, 1, a), "%s", lb_last_error());
    for (k = 0; k < LB__COUNT(p); k++) {
        lb_tensor *t = (lb_tensor *)(uintptr_t)lb_model_tensor(m, p[k].name); REQUIRE(t, "%s", p[k].name);
        ((float *)t->data)[1] += 0.5f;
        REQUIRE(!lb_embed_tensor(c, m, "video", x, 1, b), "%s", lb_last_error());
        CHECK((max_abs_diff(a, b, 8) > 1e-4) == p[k].matters, "%s moves the vector by %g", p[k].name, max_abs_diff(a, b, 8));
        ((float *)t->data)[1] -= 0.5f;
    }
    lb_model_free(m); lb_ctx_free(c);
}
/* The same bits for 1, 2 and 4 threads, alone or in a batch of any size and order. */
LBT(model, same_bits_in_any_company) {
    size_t k;
    for (k = 0; k < LB__COUNT(names); k++) {
        golden g; lb_ctx *c1 = ctx_with(1); lb_model *m; golden_array image, ids; float *a, *b; size_t E, per, i, n = 13; int t;
        REQUIRE(golden_open(names[k], &g), "%s", names[k]);
        m = clip_model(c1, &g); REQUIRE(m, "%s", names[k]);
        image = golden_get(&g, "image"); ids = golden_get(&g, "ids"); E = lb_model_dim(m); per = image.count / image.shape[0];
        a = (float *)malloc(n * E * sizeof *a); b = (float *)malloc(n * E * sizeof *b);
        {
            float *x = (float *)malloc(n * per * sizeof *x); int32_t *id = (int32_t *)malloc(n * ids.shape[1] * sizeof *id);
            for (i = 0; i < n; i++) { memcpy(x + i * per, (const float *)image.data + i % image.shape[0] * per, per * sizeof *x); x[i * per] += (float)i; memcpy(id + i * ids.shape[1], (const int32_t *)ids.data + i * 2 % ids.shape[0] * ids.shape[1], ids.shape[1] * sizeof *id); }
            REQUIRE(!lb_embed_tensor(c1, m, "image", x, n, a), "%s", lb_last_error());
            for (t = 1; t <= 4; t++) {
                lb_ctx *c = ctx_with(t);
                CHECK(!lb_embed_tensor(c, m, "image", x, n, b) && !memcmp(a, b, n * E * sizeof *a), "%s: images on %d threads", names[k], t);
                for (i = 0; i < n; i++) CHECK(!lb_embed_tensor(c, m, "image", x + i * per, 1, b) && !memcmp(a + i * E, b, E * sizeof *a), "%s: image %zu alone, %d threads", names[k], i, t);
                lb_ctx_free(c);
            }
            REQUIRE(!lb_embed_tokens(c1, m, id, n, ids.shape[1], a), "%s", lb_last_error());
            for (t = 1; t <= 4; t++) {
                lb_ctx *c = ctx_with(t);
                CHECK(!lb_embed_tokens(c, m, id, n, ids.shape[1], b) && !memcmp(a, b, n * E * sizeof *a), "%s: texts on %d threads", names[k], t);
                for (i = 0; i < n; i++) CHECK(!lb_embed_tokens(c, m, id + i * ids.shape[1], 1, ids.shape[1], b) && !memcmp(a + i * E, b, E * sizeof *a), "%s: text %zu alone, %d threads", names[k], i, t);
                lb_ctx_free(c);
            }
            free(x); free(id);
        }
        free(a); free(b); lb_model_free(m); lb_ctx_free(c1); golden_close(&g);
    }
}
/* Items of so many tokens that tiles are multiplied: every kernel set gives what the scalar one does, nearly, and the same bits in any company. */
LBT(model, many_tokens) {
    enum { SIDE = 48, N = 3, E = 40 }; const size_t per = 3 * SIDE * SIDE; lb_model_desc d; lb_model *m = NULL; lb_ctx *c; float *x = (float *)malloc(N * per * sizeof *x), first[N * E], a[N * E], b[E]; int set, t; size_t i; double worst;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 1;
    strcpy(d.tower[0].name, "vision"); d.tower[0].kind = LB_TOWER_VISION; d.tower[0].width = 80; d.tower[0].layers = 3; d.tower[0].heads = 2; d.tower[0].embed_dim = E; d.tower[0].patch_h = d.tower[0].patch_w = 4; d.tower[0].grid_h = d.tower[0].grid_w = SIDE / 4;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    c = ctx_with(1); REQUIRE(!lb_model_create(c, &d, &m), "%s", lb_last_error()); lb_ctx_free(c);
    for (i = 0; i < N * per; i++) x[i] = (float)(i * 7919 % 97) / 97 - 0.5f;
    for (set = 0; set < LB__SETS; set++) {
        if (!lb__kernels_of(set)) continue;
        for (t = 1; t <= 4; t *= 2) {
            c = ctx_with(t); c->threads = t; c->kernels = lb__kernels_of(set);
            CHECK(!lb_embed_tensor(c, m, "image", x, N, a), "%s", lb_last_error());
            for (i = 0; i < N; i++) CHECK(!lb_embed_tensor(c, m, "image", x + i * per, 1, b) && !memcmp(a + i * E, b, E * sizeof *a), "%s: item %zu alone, %d threads", c->kernels->name, i, t);
            if (set == LB__SET_SCALAR && t == 1) memcpy(first, a, sizeof a);
            worst = max_abs_diff(a, first, N * E);
            CHECK(worst < 1e-6, "%s: %g from the scalar kernels", c->kernels->name, worst);
            if (t == 1) printf("  %s: %.1e from the scalar kernels\n", c->kernels->name, worst);
            lb_ctx_free(c);
        }
    }
    free(x); lb_model_free(m);
}
/* Texts that begin alike: every common beginning is computed once, and each has the bits that it has alone, in any order, on any number of threads,
 * by every kernel set, of weights of f32, bytes and bf16. */
static size_t rows_seen;
static void count_rows(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols) { (void)user; (void)i; (void)x; (void)cols; if (!strcmp(stage, "embed")) rows_seen += rows; }
LBT(model, texts_that_begin_alike) {
    enum { N = 300, L = 20, V = 60, E = 16 }; static int32_t ids[N * L], turned[N * L]; static float alone[N * E], a[N * E]; size_t order[N], i, k, whole = 0, nodes = 0; lb_model_desc d; lb_model *m = NULL, *of = NULL; lb_ctx *c = ctx_with(1); lb__rng r = lb__rng_new(5, 1); int set, t, way; lb__line *line; static const struct { lb_dtype type; int width; } as[] = { { LB_F32, 48 }, { LB_F32, 64 }, { LB_I8, 64 }, { LB_BF16, 64 } }; size_t w;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 1; d.seed = 3;
    strcpy(d.tower[0].name, "text"); d.tower[0].kind = LB_TOWER_TEXT; d.tower[0].layers = 2; d.tower[0].heads = 2; d.tower[0].embed_dim = E; d.tower[0].context = L; d.tower[0].vocab = V;
    strcpy(d.modality[0].name, "text"); strcpy(d.modality[0].tower, "text"); d.modality[0].kind = LB_TEXT;
    for (i = 0; i < N; i++) {                            /* as others before, up to some token; some twice, some that end where others go on, some cut, some of one token */
        int32_t *p = ids + i * L; const size_t from = i ? lb__rng_below(&r, (uint32_t)i) : 0, same = i % 50 ? lb__rng_below(&r, i % 3 ? 12 : 4) : 0, end = i % 100 == 99 ? 0 : LB__MAX(same, 1 + lb__rng_below(&r, i % 7 ? 14 : L)), largest = i % 11 ? V - 1 : V - 2;
        for (k = 0; k < L; k++) p[k] = k < same ? ids[from * L + k] : k < end ? (int32_t)lb__rng_below(&r, V / 2) : k == end ? (int32_t)largest : (int32_t)lb__rng_below(&r, (uint32_t)largest);
        if (i % 13 == 12) memcpy(p, ids + from * L, L * sizeof *p);
    }
    REQUIRE((line = lb__lines(c, ids, N, L)) != NULL, "%s", lb_last_error());
    for (i = 0; i < N; i++) {
        const int32_t *p = ids + i * L, most = p[line[i].end];
        for (k = 0; k < L && (k < line[i].end ? p[k] < most : p[k] <= most); k++) {}
        CHECK(k == L && line[i].n == line[i].end + 1 && line[i].at == i, "text %zu is read up to %zu", i, line[i].end);
        whole += line[i].n;
        for (k = 0; k < line[i].n; k++) { size_t j = 0; while (j < i && (line[j].n <= k || memcmp(ids + j * L, p, (k + 1) * sizeof *p))) j++; nodes += j == i; }      /* beginnings that no text before has */
    }
    qsort(line, N, sizeof *line, lb__lines_order);
    for (i = k = 0; i < N; i++) k += line[i].n - (i ? lb__lines_share(&line[i - 1], &line[i]) : 0);
    CHECK(k == nodes && nodes < whole / 3 * 2 && nodes > 2 * LB__PIECE_ROWS, "%zu rows, %zu beginnings in %zu tokens", k, nodes, whole);
    for (w = 0; w < LB__COUNT(as); w++) {                   /* widths that are whole panels, and that are not */
        d.tower[0].width = as[w].width;
        REQUIRE(!lb_model_create(c, &d, &m) && !lb_model_save(c, m, as[w].type, "build/tests/alike.lbw") && !lb_model_open(c, "build/tests/alike.lbw", &of), "%s", lb_last_error());
        for (set = 0; set < LB__SETS; set++) {
            if (!(c->kernels = lb__kernels_of(set))) continue;
            for (i = 0; i < N; i++) REQUIRE(!lb_embed_tokens(c, of, ids + i * L, 1, L, alone + i * E), "%s", lb_last_error());
            for (way = 0; way < 4; way++) for (t = 1; t <= 3; t += 2) {
                lb_ctx *o = ctx_with(t); const size_t n = way == 3 ? N / 2 : N; o->kernels = c->kernels; o->threads = t;
                for (i = 0; i < N; i++) order[i] = way == 1 ? N - 1 - i : i;
                if (way == 2) for (i = N; --i > 0; ) { const size_t j = lb__rng_below(&r, (uint32_t)i + 1), x = order[i]; order[i] = order[j]; order[j] = x; }
                for (i = 0; i < n; i++) memcpy(turned + i * L, ids + order[i] * L, L * sizeof *ids);
                CHECK(!lb_embed_tokens(o, of, turned, n, L, a), "%s", lb_last_error());
                for (i = 0; i < n; i++) CHECK(!memcmp(a + i * E, alone + order[i] * E, E * sizeof *a), "%s, %s, way %d: text %zu, %d threads", o->kernels->name, lb_dtype_name(as[w].type), way, order[i], t);
                lb_ctx_free(o);
            }
        }
        c->kernels = lb__kernels_of(LB__SET_SCALAR);
        for (i = 0; i < N; i++) REQUIRE(!lb_embed_tokens(c, of, ids + i * L, 1, L, alone + i * E), "%s", lb_last_error());
        rows_seen = 0; lb_ctx_watch(c, count_rows, NULL);       /* who looks on sees every row, in the caller's order */
        CHECK(!lb_embed_tokens(c, of, ids, N, L, a) && !memcmp(a, alone, sizeof a) && rows_seen == whole, "%zu rows of %zu were seen", rows_seen, whole);
        lb_ctx_watch(c, NULL, NULL); lb_model_free(of); lb_model_free(m); of = m = NULL;
    }
    remove("build/tests/alike.lbw"); lb_ctx_free(c);
}
/* A token whose weights are no numbers: its text is named, not one that shares rows with it. */
LBT(model, the_text_that_is_not_finite) {
    enum { N = 4, L = 8, V = 60, E = 8 }; static const int32_t ids[N * L] = { 1, 2, 3, 9, 59, 0, 0, 0,  1, 2, 3, 4, 59, 0, 0, 0,  1, 2, 3, 8, 5, 59, 0, 0,  1, 2, 59, 0, 0, 0, 0, 0 }; float a[(N + 5) * E], *w; lb_model_desc d; lb_model *m = NULL; lb_ctx *c = ctx_with(1); size_t i;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 1; d.seed = 3;
    strcpy(d.tower[0].name, "text"); d.tower[0].kind = LB_TOWER_TEXT; d.tower[0].width = 16; d.tower[0].layers = 2; d.tower[0].heads = 2; d.tower[0].embed_dim = E; d.tower[0].context = L; d.tower[0].vocab = V;
    strcpy(d.modality[0].name, "text"); strcpy(d.modality[0].tower, "text"); d.modality[0].kind = LB_TEXT;
    REQUIRE(!lb_model_create(c, &d, &m), "%s", lb_last_error());
    w = (float *)m->tower[0].token->data;
    CHECK(!lb_embed_tokens(c, m, ids, N, L, a), "%s", lb_last_error());
    w[8 * 16 + 3] = INFINITY; for (i = 0; i < N * E; i++) a[i] = 7;
    CHECK(lb_embed_tokens(c, m, ids, N, L, a) == LB_ERR_NUMERIC && strstr(lb_last_error(), "input 2 "), "%s", lb_last_error());
    for (i = 0; i < N * E; i++) CHECK(a[i] == 0, "number %zu is left", i);
    CHECK(lb__embed_ids(c, &m->tower[0], ids, N, L, 5, a) == LB_ERR_NUMERIC && strstr(lb_last_error(), "input 7 "), "%s", lb_last_error());
    w[9 * 16 + 3] = NAN; w[8 * 16 + 3] = 0;
    CHECK(lb_embed_tokens(c, m, ids, N, L, a) == LB_ERR_NUMERIC && strstr(lb_last_error(), "input 0 "), "%s", lb_last_error());
    CHECK(!lb_embed_tokens(c, m, ids + L, N - 1, L, a), "%s", lb_last_error());
    lb_model_free(m); lb_ctx_free(c);
}
/* Trimming at end-of-text and pruning the last block change nothing. */
LBT(model, trimmed_equals_whole) {
    size_t k;
    for (k = 0; k < LB__COUNT(names); k++) {
        golden g; lb_ctx *c = ctx_with(2); lb_model *m; golden_array image, ids; float *a, *b; size_t E; double d;
        REQUIRE(golden_open(names[k], &g), "%s", names[k]);
        m = clip_model(c, &g); REQUIRE(m, "%s", names[k]);
        image = golden_get(&g, "image"); ids = golden_get(&g, "ids"); E = lb_model_dim(m);
        a = (float *)malloc(8 * E * sizeof *a); b = (float *)malloc(8 * E * sizeof *b);
        CHECK(!lb_embed_tokens(c, m, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], a), "%s", lb_last_error());
        c->whole = 1;
        CHECK(!lb_embed_tokens(c, m, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], b), "%s", lb_last_error());
        d = max_abs_diff(a, b, ids.shape[0] * E); CHECK(d < 1e-6, "%s: text differs by %g", names[k], d);
        CHECK(!lb_embed_tensor(c, m, "image", (const float *)image.data, image.shape[0], a), "%s", lb_last_error());
        c->whole = 0;
        CHECK(!lb_embed_tensor(c, m, "image", (const float *)image.data, image.shape[0], b), "%s", lb_last_error());
        d = max_abs_diff(a, b, image.shape[0] * E); CHECK(d < 1e-6, "%s: image differs by %g", names[k], d);
        free(a); free(b); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
    }
}
LBT(model, bad_use_is_a_sentence) {
    golden g; lb_ctx *c = ctx_with(1); lb_model *m, *bad = NULL; lb_model_desc d; int32_t ids[4] = { 1, 2, 3, 1000 }; float out[64]; float x = 0;
    REQUIRE(golden_open("clip_hf", &g), "golden");
    m = clip_model(c, &g); REQUIRE(m, "model");
    CHECK(lb_embed_tokens(c, m, ids, 1, 4, out) == LB_ERR_ARG && strstr(lb_last_error(), "1000"), "%s", lb_last_error());
    CHECK(lb_embed_tokens(c, m, ids, 1, 400, out) == LB_ERR_ARG, "%s", lb_last_error());
    CHECK(lb_embed_tensor(c, m, "smell", &x, 1, out) == LB_ERR_ARG && strstr(lb_last_error(), "smell"), "%s", lb_last_error());
    {
        golden_array image = golden_get(&g, "image"); float *y = (float *)malloc(image.count * sizeof *y); size_t i;
        memcpy(y, image.data, image.count * sizeof *y); y[image.count - 1] = NAN;
        CHECK(lb_embed_tensor(c, m, "image", y, image.shape[0], out) == LB_ERR_NUMERIC, "%s", lb_last_error());
        for (i = 0; i < lb_model_dim(m); i++) CHECK(out[i] == 0, "no partial output");
        free(y);
    }
    clip_desc(&g, &d); d.tower[0].heads = 7;  CHECK(lb_model_create(c, &d, &bad) == LB_ERR_ARG && !bad, "%s", lb_last_error());
    clip_desc(&g, &d); d.tower[1].embed_dim = 7; CHECK(lb_model_create(c, &d, &bad) == LB_ERR_MISMATCH && !bad, "%s", lb_last_error());
    clip_desc(&g, &d); strcpy(d.modality[0].tower, "nose"); CHECK(lb_model_create(c, &d, &bad) == LB_ERR_ARG && !bad, "%s", lb_last_error());
    clip_desc(&g, &d); d.modality[0].height = 500; CHECK(lb_model_create(c, &d, &bad) == LB_ERR_MISMATCH && !bad, "%s", lb_last_error());
    clip_desc(&g, &d); d.tower[0].lora_rank = 2; d.tower[0].lora_targets = 16; CHECK(lb_model_create(c, &d, &bad) == LB_ERR_ARG && !bad && strstr(lb_last_error(), "lora_targets is 16, 1 to 15"), "%s", lb_last_error());
    clip_desc(&g, &d); d._zero1 = 3; CHECK(lb_model_create(c, &d, &bad) == LB_ERR_ARG && !bad, "%s", lb_last_error());
    lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
/* A saved model opens with the same bits; a file that lacks something says what. */
LBT(model, save_and_open) {
    golden g; lb_ctx *c = ctx_with(1); lb_model *m, *o = NULL; golden_array image, ids; float *a, *b; size_t E, i, k; lb_file *f = NULL; lb_file_writer *w; const char *path = "build/tests/model.lbw"; volatile float scale = 2.5f; static const struct { lb_dtype is; double least, most; } types[] = { { LB_I8, 1e-4, 1.5e-2 }, { LB_F32, 0, 0 }, { LB_F16, 1e-9, 4e-4 }, { LB_BF16, 1e-9, 2e-3 } }; size_t type;
    REQUIRE(golden_open("clip_quick", &g), "golden");
    m = clip_model(c, &g); REQUIRE(m, "model");
    image = golden_get(&g, "image"); ids = golden_get(&g, "ids"); E = lb_model_dim(m);
    for (i = 0; i < m->params; i++) for (k = 0; k < lb_tensor_count(&m->param[i].t); k++) ((float *)m->param[i].t.data)[k] *= 1.0007f;         /* no bfloat16 values, so that rounding shows */
    scale *= 1.0007f;
    a = (float *)malloc(8 * E * sizeof *a); b = (float *)malloc(8 * E * sizeof *b);
    for (type = 0; type < LB__COUNT(types); type++) {
        double worst = 0; const double most = types[type].is == LB_BF16 && c->kernels->slab_bf16 ? 6e-3 : types[type].most;         /* some sets round activations, too */
        REQUIRE(!lb_model_save(c, m, types[type].is, path), "%s", lb_last_error());
        REQUIRE(!lb_model_open(c, path, &o), "%s", lb_last_error());
        CHECK(o->desc.tower[0].quick_gelu && o->desc.tower[0].heads == 3 && o->desc.modality[0].logit_scale == scale && o->desc.modality[1].kind == LB_TEXT, "description");
        CHECK(!lb_embed_tensor(c, m, "image", (const float *)image.data, image.shape[0], a) && !lb_embed_tensor(c, o, "image", (const float *)image.data, image.shape[0], b), "%s", lb_last_error());
        worst = max_abs_diff(a, b, image.shape[0] * E);
        CHECK(!lb_embed_tokens(c, m, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], a) && !lb_embed_tokens(c, o, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], b), "%s", lb_last_error());
        worst = LB__MAX(worst, max_abs_diff(a, b, ids.shape[0] * E));
        CHECK(worst >= types[type].least && worst <= most, "%s: embeddings differ by %g", lb_dtype_name(types[type].is), worst);
        lb_model_free(o); o = NULL;
    }
    REQUIRE(!lb_file_open(c, path, &f), "%s", lb_last_error());
    REQUIRE(!lb_file_create(c, "build/tests/model2.lbw", &w), "%s", lb_last_error());
    lb_file_copy_keys(w, f, "", "");
    { size_t i; for (i = 0; i < lb_file_tensors(f); i++) { const char *name; const lb_tensor *t = lb_file_tensor_at(f, i, &name); if (strcmp(name, "text.blocks.1.attn.qkv.bias")) lb_file_add(w, name, t); } }
    CHECK(!lb_file_commit(w), "%s", lb_last_error());
    CHECK(lb_model_open(c, "build/tests/model2.lbw", &o) == LB_ERR_FORMAT && strstr(lb_last_error(), "text.blocks.1.attn.qkv.bias") && !o, "%s", lb_last_error());
    lb_file_free(f);
    CHECK(lb_model_open(c, "build/tests/none.lbw", &o) == LB_ERR_IO && !o, "%s", lb_last_error());
    remove(path); remove("build/tests/model2.lbw");
    free(a); free(b); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
/* A model of bytes: the matrices of its blocks are, and no others; vectors near those of f32, the same bits in any company, the same file when it is saved again; what starts
 * from it works in floats where it has to. */
LBT(model, of_bytes) {
    static const char *const paths[] = { "build/tests/bytes.lbw", "build/tests/bytes2.lbw", "build/tests/bytes3.lbw" }; size_t k;
    for (k = 0; k < LB__COUNT(names); k++) {
        golden g; lb_ctx *c = ctx_with(1), *c3 = ctx_with(3); lb_model *m, *o = NULL, *part = NULL; golden_array image, ids; float *a, *b; size_t E, per, i, n; double least = 2, worst; lb__bytes x, y; static const char *const only[] = { "image" };
        REQUIRE(golden_open(names[k], &g), "%s", names[k]);
        m = clip_model(c, &g); REQUIRE(m, "%s", names[k]);
        image = golden_get(&g, "image"); ids = golden_get(&g, "ids"); E = lb_model_dim(m); n = image.shape[0]; per = image.count / n;
        a = (float *)malloc((n + ids.shape[0]) * E * sizeof *a); b = (float *)malloc((n + ids.shape[0]) * E * sizeof *b);
        REQUIRE(!lb_model_save(c, m, LB_I8, paths[0]) && !lb_model_open(c, paths[0], &o), "%s", lb_last_error());
        for (i = 0; i < o->params; i++) {
            const lb_tensor *t = &o->param[i].t;
            CHECK(t->dtype == (t->layout == LB_PANEL ? strstr(o->param[i].name, ".blocks.") && t->shape[1] % 4 == 0 ? LB_I8 : LB_F16 : strstr(o->param[i].name, "token") ? LB_F16 : LB_F32), "%s is %s", o->param[i].name, lb_dtype_name(t->dtype));
        }
        CHECK(!lb_embed_tensor(c, m, "image", (const float *)image.data, n, a) && !lb_embed_tokens(c, m, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], a + n * E), "%s", lb_last_error());
        CHECK(!lb_embed_tensor(c, o, "image", (const float *)image.data, n, b) && !lb_embed_tokens(c, o, (const int32_t *)ids.data, ids.shape[0], ids.shape[1], b + n * E), "%s", lb_last_error());
        for (i = 0; i < n + ids.shape[0]; i++) { double dot = 0; size_t j; for (j = 0; j < E; j++) dot += (double)a[i * E + j] * b[i * E + j]; least = LB__MIN(least, dot); }
        worst = max_abs_diff(a, b, (n + ids.shape[0]) * E);
        CHECK(least > 0.9992 && worst > 0, "%s: cosine %g, off by %g", names[k], least, worst);
        CHECK(!lb_embed_tensor(c3, o, "image", (const float *)image.data, n, a) && !memcmp(a, b, n * E * sizeof *a), "%s: images on three threads", names[k]);
        for (i = 0; i < n; i++) CHECK(!lb_embed_tensor(c3, o, "image", (const float *)image.data + i * per, 1, a) && !memcmp(a, b + i * E, E * sizeof *a), "%s: image %zu alone", names[k], i);
        for (i = 0; i < ids.shape[0]; i++) CHECK(!lb_embed_tokens(c3, o, (const int32_t *)ids.data + i * ids.shape[1], 1, ids.shape[1], a) && !memcmp(a, b + (n + i) * E, E * sizeof *a), "%s: text %zu alone", names[k], i);
        REQUIRE(!lb_model_save(c, o, LB_I8, paths[1]) && !lb__bytes_open(paths[0], &x) && !lb__bytes_open(paths[1], &y), "%s", lb_last_error());
        CHECK(x.size == y.size && !memcmp(x.data, y.data, x.size), "%s: saved again it is another file", names[k]);
        lb__bytes_close(&x); lb__bytes_close(&y);
        CHECK(!lb_model_part(c, o, only, 1, &part) && !lb_embed_tensor(c, part, "image", (const float *)image.data, n, a) && !memcmp(a, b, n * E * sizeof *a), "%s: a part: %s", names[k], lb_last_error());
        lb_model_free(part); lb_model_free(o); o = NULL;
        for (i = 0; i < 3; i++) remove(paths[i]);
        free(a); free(b); lb_model_free(m); lb_ctx_free(c); lb_ctx_free(c3); golden_close(&g);
    }
}
/* Text goes through the model's own tokenizer; a classifier's weight is the mean of its prompts. */
LBT(model, text_and_zero_shot) {
    static const uint16_t merges[] = { 66, 320, 67, 68 };                /* two merges: a vocabulary of 516 */
    static const char *const texts[] = { "a cat", "the cat sat on the mat", "" }, *const labels[] = { "cat", "dog" }, *const templates[] = { "a photo of a {}.", "{}" }, *const wrong[] = { "nothing" };
    lb_model_desc d; lb_model *m = NULL, *o = NULL; lb_ctx *c = ctx_with(1); float a[3 * 16], b[3 * 16], w[2 * 16], v[2 * 16]; int i; const char *prompts[2] = { "a photo of a dog.", "dog" };
    memset(&d, 0, sizeof d);
    d.towers = d.modalities = 1; d.merges = merges; d.merge_count = 2; d.seed = 7;
    strcpy(d.tower[0].name, "text"); d.tower[0].kind = LB_TOWER_TEXT; d.tower[0].width = 32; d.tower[0].layers = 2; d.tower[0].heads = 2; d.tower[0].embed_dim = 16; d.tower[0].context = 20; d.tower[0].vocab = 516;
    strcpy(d.modality[0].name, "text"); strcpy(d.modality[0].tower, "text"); d.modality[0].kind = LB_TEXT;
    REQUIRE(!lb_model_create(c, &d, &m), "%s", lb_last_error());
    REQUIRE(!lb_embed_text(c, m, texts, 3, a), "%s", lb_last_error());
    for (i = 0; i < 3; i++) { double n = lb__vec_dot(c, a + i * 16, a + i * 16, 16); CHECK(fabs(n - 1) < 1e-6, "length %g", n); }
    CHECK(!lb_embed_text(c, m, texts + 1, 1, b) && !memcmp(b, a + 16, 16 * sizeof *b), "alone");
    REQUIRE(!lb_model_save(c, m, LB_F32, "build/tests/text.lbw") && !lb_model_open(c, "build/tests/text.lbw", &o), "%s", lb_last_error());
    CHECK(!lb_embed_text(c, o, texts, 3, b) && !memcmp(a, b, sizeof a), "after saving: %s", lb_last_error());
    CHECK(!lb_zero_shot(c, m, labels, 2, templates, 2, w), "%s", lb_last_error());
    CHECK(!lb_embed_text(c, m, prompts, 2, v) && !lb_mean_embedding(v, 2, 16, v) && !memcmp(v, w + 16, 16 * sizeof *v), "the mean of the prompts");
    CHECK(lb_zero_shot(c, m, labels, 2, wrong, 1, w) == LB_ERR_FORMAT, "%s", lb_last_error());
    lb_model_free(o); o = NULL;
    d.tower[0].vocab = 600;
    CHECK(lb_model_create(c, &d, &o) == LB_ERR_MISMATCH && !o, "%s", lb_last_error());
    d.merges = NULL; REQUIRE(!lb_model_create(c, &d, &o), "%s", lb_last_error());
    CHECK(lb_embed_text(c, o, texts, 3, b) == LB_ERR_UNSUPPORTED, "%s", lb_last_error());
    remove("build/tests/text.lbw"); lb_model_free(o); lb_model_free(m); lb_ctx_free(c);
}
/* What a vector resembles: roots of probabilities, so that the product of two is their Bhattacharyya coefficient; by the definition, in double. */
LBT(model, relative) {
    enum { N = 5, M = 7, D = 16 }; lb_ctx *c = ctx_with(1); float x[N * D], a[M * D], out[N * M], same[N * N], nan = NAN; double p[N][M]; size_t i, j, k; const float scale = 30;
    for (i = 0; i < N * D; i++) x[i] = (float)sin(1.7 * (double)i + 0.3);
    for (i = 0; i < M * D; i++) a[i] = (float)cos(2.3 * (double)i * (double)i);
    for (i = 0; i < N; i++) CHECK(!lb_mean_embedding(x + i * D, 1, D, x + i * D), "%s", lb_last_error());
    for (i = 0; i < M; i++) CHECK(!lb_mean_embedding(a + i * D, 1, D, a + i * D), "%s", lb_last_error());
    REQUIRE(!lb_relative(c, x, N, a, M, D, scale, out), "%s", lb_last_error());
    for (i = 0; i < N; i++) {
        double sum = 0, length = 0;
        for (j = 0; j < M; j++) { double dot = 0; for (k = 0; k < D; k++) dot += (double)x[i * D + k] * (double)a[j * D + k]; sum += p[i][j] = exp((double)scale * dot); }
        for (j = 0; j < M; j++) { p[i][j] = sqrt(p[i][j] / sum); CHECK(fabs(p[i][j] - (double)out[i * M + j]) < 1e-6, "%zu %zu: %g, %g was expected", i, j, (double)out[i * M + j], p[i][j]); length += (double)out[i * M + j] * (double)out[i * M + j]; }
        CHECK(fabs(length - 1) < 1e-6, "length %g", length);
    }
    CHECK(!lb_similarity(c, out, N, out, N, M, 1, same) && fabs((double)same[0] - 1) < 1e-6 && same[1] < 0.99f && same[1] > 0, "%g %g", (double)same[0], (double)same[1]);
    CHECK(!lb_relative(c, x, 0, a, M, D, scale, out), "none: %s", lb_last_error());
    CHECK(lb_relative(c, x, N, a, 0, D, scale, out) == LB_ERR_ARG && strstr(lb_last_error(), "at least one anchor") && lb_relative(c, x, N, a, M, D, nan, out) == LB_ERR_ARG && lb_relative(c, x, SIZE_MAX / 8, a, M, D, 1, out) == LB_ERR_ARG && strstr(lb_last_error(), "lb_relative"), "%s", lb_last_error());
    lb_ctx_free(c);
}
LBT(model, prompts_of_others) {
    static char a[LB_PROMPTS][LB_PROMPT_SIZE], b[LB_PROMPTS][LB_PROMPT_SIZE]; static const char *const some[] = { "a bad photo of a {}.", "a photo of the hard to see {}.", "the embroidered {}.", "a origami {}.", "itap of my {}.", "a {} in a video game.", "graffiti of the {}.", "a jpeg corrupted photo of the {}.", "a photo of many {}." }; size_t n = 0, i, k, letters = 0;
    REQUIRE(!lb_prompts("openai", LB_IMAGE, a, &n) && n == 80, "%s", lb_last_error());
    for (i = 0; i < n; i++) { const char *hole = strstr(a[i], "{}"); CHECK(hole && !strstr(hole + 1, "{}") && a[i][strlen(a[i]) - 1] == '.', "%s", a[i]); letters += strlen(a[i]); for (k = 0; k < i; k++) CHECK(strcmp(a[i], a[k]), "%s twice", a[i]); }
    for (k = 0; k < LB__COUNT(some); k++) { for (i = 0; i < n && strcmp(a[i], some[k]); i++) {} CHECK(i < n, "%s is not there", some[k]); }
    CHECK(letters == 1668, "%zu letters", letters);
    REQUIRE(!lb_prompts("upstream", LB_THERMAL, b, &n) && n == 80 && !memcmp(a, b, sizeof a) && !lb_prompts("upstream", LB_DEPTH, b, &n) && n == 80, "%s", lb_last_error());
    for (i = k = 0; i < n; i++) { k += strstr(b[i], "depth photo of") != NULL; CHECK((strstr(a[i], "photo") != NULL) == (strstr(b[i], "depth photo") != NULL) && strstr(b[i], "{}") && b[i][strlen(b[i]) - 1] == '.', "%s", b[i]); }
    CHECK(k == 43, "%zu photos", k);
    CHECK(!lb_prompts("upstream", LB_VIDEO, b, &n) && n == 80 && !strcmp(b[0], "a video of a {}.") && !lb_prompts("upstream", LB_AUDIO, b, &n) && n == 1 && !strcmp(b[0], "a sound of {}."), "%s", b[0]);
    CHECK(lb_prompts("mine", LB_IMAGE, b, &n) == LB_ERR_ARG && strstr(lb_last_error(), "mine"), "%s", lb_last_error());
}
/* A parity record travels in the file and is recomputed. */
LBT(model, parity_record) {
    golden g; lb_ctx *c = ctx_with(1); lb_model *m, *o = NULL; lb_file *f = NULL; lb_file_writer *w; lb_tensor x, y, ids, e; golden_array a; size_t i, n = 0; double worst = 0;
    static const struct { lb_dtype dtype, rounded; int image; } saved[] = { { LB_F32, LB_F32, 1 }, { LB_BF16, LB_BF16, 1 }, { LB_I8, LB_I8, 1 }, { LB_F32, LB_I8, 1 }, { LB_F32, LB_F32, 0 }, { LB_F32, LB_F32, 1 }, { LB_F32, LB_F32, 0 } };
    lb_model *p = NULL, *part = NULL, *longer = NULL; lb_trainer *run = NULL;
    REQUIRE(golden_open("clip_hf", &g), "golden");
    m = clip_model(c, &g); REQUIRE(m && !lb_model_save(c, m, LB_F32, "build/tests/p1.lbw") && !lb_file_open(c, "build/tests/p1.lbw", &f) && !lb_file_create(c, "build/tests/p2.lbw", &w), "%s", lb_last_error());
    memset(&x, 0, sizeof x); y = ids = e = x;
    a = golden_get(&g, "image"); x.data = (void *)(uintptr_t)a.data; x.ndim = 4; memcpy(x.shape, a.shape, 4 * sizeof *x.shape);
    a = golden_get(&g, "image.embedding"); y.data = (void *)(uintptr_t)a.data; y.ndim = 2; memcpy(y.shape, a.shape, 2 * sizeof *y.shape);
    a = golden_get(&g, "ids"); ids.data = (void *)(uintptr_t)a.data; ids.ndim = 2; ids.dtype = LB_I32; memcpy(ids.shape, a.shape, 2 * sizeof *y.shape);
    a = golden_get(&g, "text.embedding"); e.data = (void *)(uintptr_t)a.data; e.ndim = 2; memcpy(e.shape, a.shape, 2 * sizeof *y.shape);
    lb_file_copy_keys(w, f, "", ""); lb_file_set_str(w, "parity.0.modality", "image"); lb_file_set_str(w, "parity.1.modality", "text");
    for (i = 0; i < lb_file_tensors(f); i++) { const char *name; const lb_tensor *t = lb_file_tensor_at(f, i, &name); lb_file_add(w, name, t); }
    lb_file_add(w, "parity.0.input", &x); lb_file_add(w, "parity.0.embedding", &y); lb_file_add(w, "parity.1.input", &ids); lb_file_add(w, "parity.1.embedding", &e);
    REQUIRE(!lb_file_commit(w) && !lb_model_open(c, "build/tests/p2.lbw", &o), "%s", lb_last_error());
    CHECK(!lb_model_parity(c, o, &n, &worst) && n == x.shape[0] + ids.shape[0] && worst > 0 && worst < 2e-5, "%zu inputs, %g: %s", n, worst, lb_last_error());
    CHECK(!lb_model_parity(c, m, &n, &worst) && n == 0, "no record");
    /* it goes with the towers that it is of, and the type that they have been in with it */
    for (i = 0; i < LB__COUNT(saved); i++) {
        const lb_model *from = i == 3 ? p : i == 4 ? part : i == 5 ? longer : i == 6 ? lb_trainer_model(run) : o; lb_file *h = NULL; lb_train_desc td; lb_modality_desc d; const char *only = "text";
        if (i == 4) REQUIRE(!lb_model_part(c, o, &only, 1, &part) && (from = part) != NULL, "%s", lb_last_error());
        if (i == 5) { memset(&d, 0, sizeof d); strcpy(d.name, "depth"); strcpy(d.tower, "depth"); d.kind = LB_DEPTH; REQUIRE(!lb_model_extend(c, o, "vision", NULL, &d, 1, &longer) && (from = longer) != NULL, "%s", lb_last_error()); }
        if (i == 6) { memset(&td, 0, sizeof td); td.trainable = LB_TRAIN_PROJECTION; td.freeze_text = 1; REQUIRE(!lb_trainer_new(c, o, &td, &run) && (from = lb_trainer_model(run)) != NULL, "%s", lb_last_error()); }
        REQUIRE(!lb_model_save(c, from, saved[i].dtype, "build/tests/p3.lbw") && !lb_file_open(c, "build/tests/p3.lbw", &h), "%s", lb_last_error());
        CHECK(lb__parity_type(h) == saved[i].rounded, "%zu: the weights have been in %s", i, lb_dtype_name(lb__parity_type(h)));
        lb_model_free(p); p = NULL; REQUIRE(!lb_model_open(c, "build/tests/p3.lbw", &p) && !lb_model_parity(c, p, &n, &worst), "%s", lb_last_error());
        CHECK(n == (saved[i].image ? x.shape[0] : 0) + ids.shape[0] && worst < (saved[i].rounded == LB_F32 ? 2e-5 : 4e-2), "%zu: %zu inputs, off by %g", i, n, worst);
        lb_file_free(h);
    }
    lb_trainer_free(run); lb_model_free(part); lb_model_free(longer); lb_model_free(p); remove("build/tests/p3.lbw");
    lb_file_free(f); lb_model_free(o); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
    remove("build/tests/p1.lbw"); remove("build/tests/p2.lbw");
}
/* What is wrong with a description, a file made of it, or a call is said before anything is read or written beyond its end. */
static void small(lb_model_desc *d) {
    static const uint16_t none[2];
    memset(d, 0, sizeof *d); d->towers = d->modalities = 2; d->merges = none;
    strcpy(d->tower[0].name, "vision"); d->tower[0].kind = LB_TOWER_VISION; d->tower[0].width = 8; d->tower[0].layers = d->tower[0].heads = 1; d->tower[0].embed_dim = 4; d->tower[0].patch_h = d->tower[0].patch_w = 4; d->tower[0].grid_h = d->tower[0].grid_w = 2;
    strcpy(d->tower[1].name, "text"); d->tower[1].kind = LB_TOWER_TEXT; d->tower[1].width = 8; d->tower[1].layers = d->tower[1].heads = 1; d->tower[1].embed_dim = 4; d->tower[1].context = 16; d->tower[1].vocab = 514;
    strcpy(d->modality[0].name, "image"); strcpy(d->modality[0].tower, "vision"); d->modality[0].kind = LB_IMAGE;
    strcpy(d->modality[1].name, "text"); strcpy(d->modality[1].tower, "text"); d->modality[1].kind = LB_TEXT;
}
LBT(model, wrong_descriptions_are_refused) {
    static lb_model_desc d; lb_ctx *c = ctx_with(1); lb_model *m = NULL; int i;
    static const struct { const char *what; lb_status status; const char *says; } wrong[] = { { "resize", LB_ERR_ARG, "resize 7" }, { "crop", LB_ERR_ARG, "crop 2" }, { "clean", LB_ERR_ARG, "LB_CLEAN_NO_SPECIAL" }, { "clean below", LB_ERR_ARG, "clean -1" }, { "width", LB_ERR_ARG, "width is 2147483647" },
        { "tower's name", LB_ERR_ARG, "longer than 31" }, { "name", LB_ERR_ARG, "longer than 31" }, { "no name", LB_ERR_ARG, "modality 0 has no name" }, { "an input", LB_ERR_LIMIT, "16 x 4096 x 16777216 x 16777216" } };
    for (i = 0; i < (int)LB__COUNT(wrong); i++) {
        small(&d);
        if (i == 0) d.modality[0].resize = (lb_resize)7;
        if (i == 1) d.modality[0].crop = (lb_crop)2;
        if (i == 2) d.modality[1].clean = LB_CLEAN_HF | LB_CLEAN_NO_SPECIAL;
        if (i == 3) d.modality[1].clean = -1;
        if (i == 4) d.tower[0].width = INT_MAX;
        if (i == 5) memset(d.tower[0].name, 'x', LB_NAME_SIZE);
        if (i == 6) memset(d.modality[0].name, 'x', LB_NAME_SIZE);
        if (i == 7) d.modality[0].name[0] = 0;
        if (i == 8) { lb_tower_desc *t = &d.tower[0]; t->channels = 16; t->frames = t->patch_h = t->patch_w = t->grid_h = t->grid_w = 4096; }
        CHECK(lb_model_create(c, &d, &m) == wrong[i].status && !m && strstr(lb_last_error(), wrong[i].says), "%s: %s", wrong[i].what, lb_last_error());
        lb_model_free(m); m = NULL;
    }
    lb_ctx_free(c);
}
/* A copy of a model's file with one key changed: an array without a number, a tokenizer of another kind, one whose end of text lies elsewhere; the same
 * file again is the same bytes. */
LBT(model, wrong_files_are_refused) {
    static lb_model_desc d; lb_ctx *c = ctx_with(1); lb_model *m = NULL, *o = NULL; int i;
    static const char *const says[] = { "modality.image.mean is an empty array", "modality.image.std is an empty array", "\"sentencepiece\"", "which is not where", "record 0: number 1 of embedding 0" };
    small(&d); REQUIRE(!lb_model_create(c, &d, &m) && !lb_model_save(c, m, LB_F32, "build/tests/w1.lbw"), "%s", lb_last_error());
    for (i = 0; i < 5; i++) {
        lb_file *f = NULL; lb_file_writer *w; size_t k, n; double worst; const char *name; int32_t ids[2] = { 1, 513 }; float v[4] = { 1, 0, 0, 0 }; lb_tensor x, y; lb_status s;
        REQUIRE(!lb_file_open(c, "build/tests/w1.lbw", &f) && !lb_file_create(c, "build/tests/w2.lbw", &w), "%s", lb_last_error());
        lb_file_copy_keys(w, f, "", "");
        if (i < 2) lb_file_set_f64s(w, i ? "modality.image.std" : "modality.image.mean", NULL, 0);
        if (i == 2) lb_file_set_str(w, "tokenizer.kind", "sentencepiece");
        if (i == 3) lb_file_set_u64(w, "tokenizer.eot", 77);
        for (k = 0; k < lb_file_tensors(f); k++) { const lb_tensor *t = lb_file_tensor_at(f, k, &name); lb_file_add(w, name, t); }
        memset(&x, 0, sizeof x); x.ndim = 2; y = x; x.dtype = LB_I32; x.shape[0] = y.shape[0] = 1; x.shape[1] = 2; y.shape[1] = 4; x.data = ids; y.data = v;
        if (i == 4) { lb_file_set_str(w, "parity.0.modality", "text"); lb_file_add(w, "parity.0.input", &x); lb_file_add(w, "parity.0.embedding", &y); }
        REQUIRE(!lb_file_commit(w), "%s", lb_last_error());
        if (i == 4) {                                               /* a NaN, which the writer refuses */
            lb_file *g = NULL; FILE *h = fopen("build/tests/w2.lbw", "r+b"); const lb_tensor *t; long at;
            REQUIRE(h && !lb_file_open(c, "build/tests/w2.lbw", &g) && (t = lb_file_tensor(g, "parity.0.embedding")) != NULL, "%s", lb_last_error());
            at = (long)((const unsigned char *)t->data - g->data);
            CHECK(!fseek(h, at + 4, SEEK_SET) && fwrite("\0\0\xc0\x7f", 1, 4, h) == 4, "patch"); fclose(h); lb_file_free(g);
        }
        s = lb_model_open(c, "build/tests/w2.lbw", &o);
        if (i == 4) { CHECK(!s, "%s", lb_last_error()); s = lb_model_parity(c, o, &n, &worst); CHECK(s == LB_ERR_NUMERIC, "%s", lb_status_name(s)); }
        CHECK(s && strstr(lb_last_error(), says[i]), "%d: %s", i, s ? lb_last_error() : "opened");
        lb_model_free(o); o = NULL; lb_file_free(f);
    }
    CHECK(lb_model_open(c, "Makefile", &o) == LB_ERR_FORMAT && strstr(lb_last_error(), "languagebind convert"), "%s", lb_last_error());
    remove("build/tests/w1.lbw"); remove("build/tests/w2.lbw"); lb_model_free(m); lb_ctx_free(c);
}
LBT(model, wrong_calls_get_a_sentence) {
    static lb_model_desc d; lb_ctx *c = ctx_with(1); lb_model *m = NULL; float x[3 * 64], v[8]; int32_t ids[2] = { 1, 513 }; const char *label[] = { "cat", NULL }, *plain[] = { "a {}" }, *none[] = { NULL }; const size_t many[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 16 + 2 }; size_t i; lb_image im; lb_audio sound;
    small(&d); REQUIRE(!lb_model_create(c, &d, &m), "%s", lb_last_error());
    memset(x, 0, sizeof x); memset(&im, 0, sizeof im); memset(&sound, 0, sizeof sound);
    for (i = 0; i < LB__COUNT(many); i++) {
        CHECK(lb_embed_tensor(c, m, "image", x, many[i], v) == LB_ERR_ARG && lb_embed_tokens(c, m, ids, many[i], 2, v) == LB_ERR_ARG && lb_embed_text(c, m, label, many[i], v) == LB_ERR_ARG && lb_embed_image(c, m, &im, many[i], v) == LB_ERR_ARG, "%zu", many[i]);
        CHECK(lb_similarity(c, x, many[i], x, 4, 4, 1, v) == LB_ERR_ARG && lb_similarity(c, x, 4, x, many[i], 4, 1, v) == LB_ERR_ARG && lb_mean_embedding(x, many[i], 4, v) == LB_ERR_ARG && strstr(lb_last_error(), "lb_mean_embedding"), "%zu: %s", many[i], lb_last_error());
    }
    CHECK(lb_zero_shot(c, m, label, 1, none, 1, v) == LB_ERR_ARG && strstr(lb_last_error(), "template 0") && lb_zero_shot(c, m, label, 2, plain, 1, v) == LB_ERR_ARG && strstr(lb_last_error(), "label 1"), "%s", lb_last_error());
    v[0] = 1; CHECK(lb_mean_embedding(x, 2, 4, v) == LB_ERR_NUMERIC && v[0] == 0, "%g: %s", (double)v[0], lb_last_error());
    CHECK(lb_embed_tensor(c, m, "smell", x, 1, v) == LB_ERR_ARG && strstr(lb_last_error(), "no modality smell that reads arrays, only image, text"), "%s", lb_last_error());
    CHECK(lb_embed_audio(c, m, &sound, 1, 0, v) == LB_ERR_ARG && strstr(lb_last_error(), "no modality of kind audio, only image, text"), "%s", lb_last_error());
    lb_model_free(m); lb_ctx_free(c);
}
/* A new modality starts from an image tower: copied weights give the image's vectors, another grid resizes positions, frames get attention. */
LBT(model, extend) {
    golden g; lb_ctx *c = ctx_with(1); lb_model *m, *same = NULL, *wide = NULL, *clip = NULL, *saved = NULL, *none = NULL; lb_modality_desc d; lb_tower_desc t; golden_array image; float a[64], b[64], x[3 * 2 * 96 * 64]; size_t i; const lb_tensor *p, *q; lb__bytes one, two;
    REQUIRE(golden_open("clip_base", &g), "golden");
    m = clip_model(c, &g); REQUIRE(m, "model"); image = golden_get(&g, "image");
    memset(&d, 0, sizeof d); strcpy(d.name, "depth"); strcpy(d.tower, "depth"); d.kind = LB_DEPTH;
    REQUIRE(!lb_model_extend(c, m, "vision", NULL, &d, 1, &same), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, m, "image", (const float *)image.data, 1, a) && !lb_embed_tensor(c, same, "depth", (const float *)image.data, 1, b) && !memcmp(a, b, lb_model_dim(m) * 4), "the same weights: %s", lb_last_error());
    REQUIRE(!lb_model_save(c, m, LB_F32, "build/tests/e1.lbw") && !lb_model_save(c, same, LB_F32, "build/tests/e2.lbw") && !lb_model_open(c, "build/tests/e2.lbw", &saved), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, saved, "depth", (const float *)image.data, 1, b) && !memcmp(a, b, lb_model_dim(m) * 4), "saved: %s", lb_last_error());
    REQUIRE(!lb__bytes_open("build/tests/e1.lbw", &one) && !lb__bytes_open("build/tests/e2.lbw", &two), "%s", lb_last_error());
    CHECK(two.size < one.size + one.size / 4, "shared weights are there once: %zu and %zu bytes", one.size, two.size);
    lb__bytes_close(&one); lb__bytes_close(&two);
    memset(&t, 0, sizeof t); t.grid_h = 2; t.grid_w = 9; strcpy(d.name, "audio"); strcpy(d.tower, "audio"); d.kind = LB_AUDIO;
    REQUIRE(!lb_model_extend(c, m, "vision", &t, &d, 1, &wide), "%s", lb_last_error());
    p = lb_model_tensor(m, "vision.pos"); q = lb_model_tensor(wide, "audio.pos");
    CHECK(q && q->shape[0] == 19 && !memcmp(p->data, q->data, p->shape[1] * 4) && wide->desc.modality[2].height == 16 && wide->desc.modality[2].width == 72, "positions");
    for (i = 0; i < LB__COUNT(x); i++) x[i] = (float)(i % 17) / 17;
    CHECK(!lb_embed_tensor(c, wide, "audio", x, 1, b), "%s", lb_last_error());
    memset(&t, 0, sizeof t); t.frames = 2; t.temporal = t.class_per_frame = 1; strcpy(d.name, "video"); strcpy(d.tower, "video"); d.kind = LB_VIDEO;
    REQUIRE(!lb_model_extend(c, m, "vision", &t, &d, 1, &clip), "%s", lb_last_error());
    p = lb_model_tensor(m, "vision.blocks.1.attn.qkv.weight"); q = lb_model_tensor(clip, "video.blocks.1.temporal.attn.qkv.weight");
    CHECK(q && q->data == p->data && lb_model_tensor(clip, "video.blocks.0.temporal.norm.bias")->data == lb_model_tensor(m, "vision.blocks.0.norm1.bias")->data && lb_model_tensor(clip, "video.class")->shape[0] == 2, "attention over frames starts as that over patches");
    CHECK(!lb_embed_tensor(c, clip, "video", x, 1, b), "%s", lb_last_error());
    CHECK(fabs(log(lb_model_logit_scale(clip, "video")) - 2.659260) < 1e-6, "a new modality's scale is %.7f", log(lb_model_logit_scale(clip, "video")));
    lb_model_free(clip); t.frames = 16; t.tube = 2;                                                    /* tubes: the picture's weights in the first frame, one class vector a tube, embeddings of 1/sqrt(width) */
    REQUIRE(!lb_model_extend(c, m, "vision", &t, &d, 1, &clip), "%s", lb_last_error());
    p = lb_model_tensor(m, "vision.patch.weight"); q = lb_model_tensor(clip, "video.patch.weight");
    REQUIRE(q && q->shape[1] == 2 * p->shape[1], "patch weights");
    { const size_t P = p->shape[1] / 3, D = p->shape[0]; size_t r, k, off = 0; double sum = 0; const lb_tensor *one = lb_model_tensor(m, "vision.class"), *e = lb_model_tensor(clip, "video.blocks.1.temporal.embed");
      for (r = 0; r < D; r++) for (k = 0; k < q->shape[1]; k++) off += ((const float *)q->data)[lb__panel_index(r, k, q->shape[1])] != (k / P % 2 ? 0 : ((const float *)p->data)[lb__panel_index(r, k / P / 2 * P + k % P, p->shape[1])]);
      CHECK(!off, "%zu patch weights are not the picture's in the first frame and zero in the second", off);
      q = lb_model_tensor(clip, "video.class"); REQUIRE(q->shape[0] == 8 && e->shape[0] == 8, "%zu class vectors", q->shape[0]);
      for (r = 0; r < 8; r++) CHECK(!memcmp((const float *)q->data + r * D, one->data, D * 4), "class vector %zu", r);
      for (k = 0; k < 8 * D; k++) sum += (double)((const float *)e->data)[k] * (double)((const float *)e->data)[k];
      CHECK(fabs(sum / 8 - 1) < 0.2, "temporal embedding: %g of variance 1/width", sum / 8); }
    t.frames = 2; t.tube = 1;
    t.width = 32; CHECK(lb_model_extend(c, m, "vision", &t, &d, 1, &none) == LB_ERR_ARG && !none, "%s", lb_last_error());
    CHECK(lb_model_extend(c, m, "text", NULL, &d, 1, &none) == LB_ERR_ARG && !none, "%s", lb_last_error());
    remove("build/tests/e1.lbw"); remove("build/tests/e2.lbw");
    lb_model_free(saved); lb_model_free(clip); lb_model_free(wide); lb_model_free(same); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
