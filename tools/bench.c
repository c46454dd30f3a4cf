/* bench: how much of this machine's arithmetic the kernels use.
 * The yardstick is measured too: a loop of multiply-adds in registers, on as many threads, in the same run.  Clocks and neighbours wander, so
 * yardstick and row take turns and the median of their paired ratios is quoted. */
#include <time.h>

static double bench_now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }

/* ---- the yardstick: multiply-adds that touch no memory, 16 chains or what the registers hold ---- */
static volatile float bench_sink;
#define BENCH_CHAINS(X) X(a) X(b) X(c) X(d) X(e) X(f) X(g) X(h) X(i) X(j) X(k) X(l)
#define BENCH_PEAK(name, target, V, set, fma, lanes)                                                                 \
    target static double bench_peak_##name(size_t steps) {                                                           \
        V x = set(0.999f), y = set(0.001f), a = set(1.f), b = set(2.f), c = set(3.f), d = set(4.f), e = set(5.f),    \
          f = set(6.f), g = set(7.f), h = set(8.f), i = set(9.f), j = set(10.f), k = set(11.f), l = set(12.f);       \
        size_t n; float t[16];                                                                                       \
        for (n = 0; n < steps; n++) { BENCH_STEP(a, fma) BENCH_STEP(b, fma) BENCH_STEP(c, fma) BENCH_STEP(d, fma) BENCH_STEP(e, fma) BENCH_STEP(f, fma) BENCH_STEP(g, fma) \
            BENCH_STEP(h, fma) BENCH_STEP(i, fma) BENCH_STEP(j, fma) BENCH_STEP(k, fma) BENCH_STEP(l, fma) }         \
        BENCH_CHAINS(BENCH_KEEP)                                                                                     \
        return (double)steps * 12 * lanes * 2;                                                                       \
    }
#define BENCH_STEP(v, fma) v = fma(v, x, y);
#define BENCH_KEEP(v)      memcpy(t, &v, sizeof v); bench_sink = t[0];
#ifdef LB__X86
BENCH_PEAK(avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)
BENCH_PEAK(avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)
#endif
#ifdef LB__ARM
#define BENCH_FMA(a, x, y) vfmaq_f32(y, a, x)
BENCH_PEAK(neon, , float32x4_t, vdupq_n_f32, BENCH_FMA, 4)
#endif
#if defined(__GNUC__)
typedef float bench_v4 __attribute__((vector_size(16)));
#define BENCH_SET4(s) { s, s, s, s }
#define BENCH_MULADD(a, x, y) ((a) * (x) + (y))
BENCH_PEAK(scalar, , bench_v4, BENCH_SET4, BENCH_MULADD, 4)
#endif
static double (*bench_peak)(size_t steps);
static void bench_choose(const lb_ctx *ctx) {
    bench_peak = bench_peak_scalar;
    (void)ctx;
#ifdef LB__X86
    if (!strcmp(ctx->kernels->name, "avx2")) bench_peak = bench_peak_avx2;
    if (!strncmp(ctx->kernels->name, "avx512", 6) || !strcmp(ctx->kernels->name, "amx")) bench_peak = bench_peak_avx512;
#endif
#ifdef LB__ARM
    if (!strncmp(ctx->kernels->name, "neon", 4)) bench_peak = bench_peak_neon;
#endif
}
static void bench_peak_run(void *arg, size_t begin, size_t end, int worker) { (void)worker; for (; begin < end; begin++) bench_peak(*(size_t *)arg); }
/* FLOP/s of all threads together, over about `seconds`. */
static double bench_peak_rate(lb_ctx *ctx, double seconds) {
    static size_t steps = 100000; size_t done = 0; double t0 = bench_now(), t;
    do { lb_parallel_for(ctx, (size_t)ctx->threads, 1, bench_peak_run, &steps); done++; t = bench_now() - t0; } while (t < seconds);
    return (double)done * (double)ctx->threads * (double)steps * (bench_peak(1)) / t;
}

/* ---- rows ---- */
typedef struct bench_row {
    const char *name; char shape[96]; double flop;
    lb_status (*run)(lb_ctx *ctx, void *arg); void *arg;
} bench_row;
typedef struct bench_cfg { double seconds; int json; const cli_list *only; lb_ctx *ctx; int failed; } bench_cfg;

static int bench_double_cmp(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }
/* A row is told at once; where nobody takes it, there is nothing left to measure for. */
static void bench_shown(bench_cfg *c) {
    cli_flush();
    if (cli_refused || ferror(stdout)) { lb__fail(LB_ERR_IO, "cannot write to standard output: %s", cli_refused ? strerror(cli_refused) : "the device refused it"); c->failed = 1; }
}
static int bench_wanted(const bench_cfg *c, const char *name) {
    size_t i;
    if (!c->only->n) return 1;
    for (i = 0; i < c->only->n; i++) if (strstr(name, c->only->item[i].value)) return 1;
    return 0;
}
static void bench_measure(bench_cfg *c, const bench_row *r) {
    enum { PAIRS = 256 }; double share[PAIRS], peak[PAIRS], time[PAIRS], start, t, t0; size_t n = 0, reps = 1, i;
    if (c->failed) return;
    for (;;) {                                       /* warm up, and find how often the row fits into 10 ms */
        t0 = bench_now();
        for (i = 0; i < reps; i++) if (r->run(c->ctx, r->arg)) { c->failed = 1; return; }
        t = bench_now() - t0;
        if (t > 0.01) break;
        reps = t > 0.001 ? (size_t)((double)reps * 0.011 / t) + 1 : reps * 8;
    }
    start = bench_now();
    while (n < PAIRS && (n < 3 || bench_now() - start < c->seconds)) {
        double before = bench_peak_rate(c->ctx, 0.004);
        t0 = bench_now();
        for (i = 0; i < reps; i++) if (r->run(c->ctx, r->arg)) { c->failed = 1; return; }
        time[n] = (bench_now() - t0) / (double)reps;
        peak[n] = (before + bench_peak_rate(c->ctx, 0.004)) / 2;
        share[n] = r->flop / time[n] / peak[n]; n++;
    }
    qsort(share, n, sizeof *share, bench_double_cmp); qsort(peak, n, sizeof *peak, bench_double_cmp); qsort(time, n, sizeof *time, bench_double_cmp);
    if (c->json) printf("{\"name\": \"%s\", \"shape\": \"%s\", \"threads\": %d, \"gflops\": %.2f, \"peak_gflops\": %.2f, \"share\": %.4f, \"ms\": %.4f}\n",
                        r->name, r->shape, c->ctx->threads, r->flop / time[n / 2] * 1e-9, peak[n / 2] * 1e-9, share[n / 2], time[n / 2] * 1e3);
    else printf("%-16s %-34s %3d %9.1f %9.1f %7.3f %10.3f\n", r->name, r->shape, c->ctx->threads, r->flop / time[n / 2] * 1e-9, peak[n / 2] * 1e-9, share[n / 2], time[n / 2] * 1e3);
    bench_shown(c);
}

static float *bench_floats(size_t n) { float *p = (float *)lb__alloc(n + 16, sizeof *p); size_t i; if (p) for (i = 0; i < n; i++) p[i] = (float)(i * 2654435761u % 1000) * 0.002f - 1; return p; }

typedef struct bench_product { lb__gemm g; int kind, bf16; float *dw; size_t rows; } bench_product;         /* rows: that an item of the tower has for sure; a text has any */
static lb_status bench_gemm_run(lb_ctx *ctx, void *arg) {
    bench_product *b = (bench_product *)arg; const lb__gemm *g = &b->g; lb_status s;
    ctx->bf16 = b->bf16; ctx->rows = b->kind ? 0 : b->rows;
    if (b->kind == 1) s = lb__gemm_dx(ctx, (float *)(uintptr_t)g->a, g->lda, 0, g->c, g->ldc, g->w, g->wtype, g->M, g->N, g->K);
    else if (b->kind == 2) s = lb__gemm_dw(ctx, b->dw, NULL, g->c, g->ldc, g->a, g->lda, g->M, g->N, g->K);
    else s = lb__gemm_run(ctx, g);
    ctx->bf16 = 0; ctx->rows = 0;
    return s;
}
static void bench_gemm(bench_cfg *c, const char *name, const char *what, int kind, lb_dtype type, size_t M, size_t N, size_t K) {
    bench_product b; bench_row r; size_t stored = (N + 31) / 32 * 32 * K, i; float *a, *w, *y; void *raw;
    if (!bench_wanted(c, name) || c->failed) return;
    memset(&b, 0, sizeof b);
    a = bench_floats(M * K); w = bench_floats(stored); raw = lb__alloc(stored + 32, 4); y = bench_floats(M * N);
    if (!a || !w || !y || !raw) c->failed = 1;
    else {
        void *panels = (void *)(((uintptr_t)raw + 63) & ~(uintptr_t)63);
        if (type == LB_I8) for (i = 0; i < (N + 31) / 32; i++) lb__panel_i8((char *)panels + i * lb__panel_bytes(LB_I8, K), w + i * 32 * K, K);
        else lb__narrow(panels, type, w, stored);
        b.kind = kind; b.dw = w; b.bf16 = kind && strstr(name, "_bf16"); b.rows = strstr(what, "text") ? 0 : M; b.g.M = M; b.g.N = N; b.g.K = K; b.g.a = a; b.g.lda = K; b.g.w = panels; b.g.wtype = type; b.g.c = y; b.g.ldc = N;
        r.name = name; r.flop = 2.0 * (double)M * (double)N * (double)K; r.run = bench_gemm_run; r.arg = &b;
        snprintf(r.shape, sizeof r.shape, "%s%s%zux%zux%zu", what, *what ? " " : "", M, N, K);
        bench_measure(c, &r);
    }
    lb__release(a); lb__release(w); lb__release(y); lb__release(raw);
}
static lb_status bench_attn_run(lb_ctx *ctx, void *arg) { return lb__attention(ctx, (const lb__attn *)arg); }
typedef struct bench_attn_job { lb__attn a; float *g, *d; } bench_attn_job;
static lb_status bench_attn_bwd_run(lb_ctx *ctx, void *arg) { bench_attn_job *j = (bench_attn_job *)arg; return lb__attention_bwd(ctx, &j->a, j->g, j->d, j->d + j->a.H * j->a.D, j->d + 2 * j->a.H * j->a.D, 3); }
static void bench_attn(bench_cfg *c, const char *what, size_t S, size_t T, size_t H, size_t D, size_t inner, int causal) {
    bench_attn_job j; bench_row r; size_t C = H * D, rows = S * T; float *qkv, *o, *lse;
    if ((!bench_wanted(c, "attention") && !bench_wanted(c, "attention_bwd")) || c->failed) return;
    memset(&j, 0, sizeof j);
    qkv = bench_floats(rows * 3 * C); o = bench_floats(rows * C); lse = bench_floats(rows * H); j.g = bench_floats(rows * C); j.d = bench_floats(rows * 3 * C);
    if (!qkv || !o || !lse || !j.g || !j.d) c->failed = 1;
    else {
        j.a.S = S; j.a.T = T; j.a.H = H; j.a.D = D; j.a.inner = inner; j.a.q = qkv; j.a.k = qkv + C; j.a.v = qkv + 2 * C; j.a.ld = j.a.ldq = 3 * C; j.a.o = o; j.a.ldo = C; j.a.lse = lse; j.a.causal = causal;
        j.a.scale = 0.125f;
        r.name = "attention"; r.flop = 4.0 * (double)S * (double)H * (double)T * (double)T * (double)D / (causal ? 2 : 1); r.run = bench_attn_run; r.arg = &j.a;
        snprintf(r.shape, sizeof r.shape, "%s %zux%zu, %zu heads of %zu", what, S, T, H, D);
        if (bench_wanted(c, "attention")) bench_measure(c, &r);
        if (!lb__attention(c->ctx, &j.a)) { r.name = "attention_bwd"; r.flop *= 2.5; r.run = bench_attn_bwd_run; r.arg = &j; if (bench_wanted(c, "attention_bwd")) bench_measure(c, &r); }
    }
    lb__release(qkv); lb__release(o); lb__release(lse); lb__release(j.g); lb__release(j.d);
}
typedef struct bench_norm { float *x, *y, *w; size_t N, C; } bench_norm;
static lb_status bench_norm_run(lb_ctx *ctx, void *arg) { bench_norm *b = (bench_norm *)arg; lb__layernorm(ctx, b->y, b->C, NULL, NULL, b->x, b->C, b->w, b->w, 1e-5f, b->N, b->C); return LB_OK; }
static void bench_layernorm(bench_cfg *c, size_t N, size_t C) {
    bench_norm b; bench_row r;
    if (!bench_wanted(c, "layernorm") || c->failed) return;
    b.N = N; b.C = C; b.x = bench_floats(N * C); b.y = bench_floats(N * C); b.w = bench_floats(C);
    if (!b.x || !b.y || !b.w) c->failed = 1;
    else {
        r.name = "layernorm"; r.flop = 8.0 * (double)N * (double)C; r.run = bench_norm_run; r.arg = &b;
        snprintf(r.shape, sizeof r.shape, "%zux%zu", N, C);
        bench_measure(c, &r);
    }
    lb__release(b.x); lb__release(b.y); lb__release(b.w);
}

/* ---- whole towers, random weights ----
 * The work counted is that of the plain forward pass, every token through every block: what the towers save by leaving tokens out, and by
 * computing the beginnings of texts once, shows as share. */
typedef struct bench_tower { lb_model *model; const char *modality; const float *x; const int32_t *ids; size_t n, length; float *out; } bench_tower;
static lb_status bench_tower_run(lb_ctx *ctx, void *arg) {
    bench_tower *b = (bench_tower *)arg;
    return b->x ? lb_embed_tensor(ctx, b->model, b->modality, b->x, b->n, b->out) : lb_embed_tokens(ctx, b->model, b->ids, b->n, b->length, b->out);
}
static double bench_tower_flop(size_t layers, size_t D, size_t mlp, size_t T) { return (double)layers * (8.0 * (double)T * (double)D * (double)D + 4.0 * (double)T * (double)D * (double)mlp + 4.0 * (double)T * (double)T * (double)D); }
/* The matrices as a file of this type has them. */
static lb_status bench_stored(lb_model *m, lb_dtype type) {
    size_t i, n;
    for (i = 0; i < m->params; i++) {
        lb_tensor *t = &m->param[i].t, b = *t; const size_t K = t->ndim == 2 ? t->shape[1] : 0; float *w;
        if (t->layout != LB_PANEL || lb__stored_type(m->param[i].name, t->layout, K, type) != type) continue;
        n = lb_tensor_stored(t); b.dtype = type;
        if (!(b.data = lb__alloc(lb_tensor_stored(&b), lb_dtype_size(type))) || !(w = (float *)lb__alloc(n, sizeof *w))) { lb__release(b.data); return LB_ERR_MEM; }
        lb__widen(w, t->data, t->dtype, n);
        if (type != LB_I8) lb__narrow(b.data, type, w, n);
        else for (n = 0; n < (t->shape[0] + 31) / 32; n++) lb__panel_i8((char *)b.data + n * lb__panel_bytes(LB_I8, K), w + n * 32 * K, K);
        lb__release(w); lb__release(t->data); *t = b;
    }
    return LB_OK;
}
static void bench_towers(bench_cfg *c, const char *what, int patch, int width, int layers, int text_width, int embed) {
    enum { BATCH = 8, PROMPTS = 64, LENGTH = 77 };
    lb_model_desc d; lb_tower_desc *v = &d.tower[0], *t = &d.tower[1]; bench_tower b; bench_row r; float *x; int32_t *ids; size_t i, P = (size_t)(224 / patch) * (size_t)(224 / patch); size_t type;
    static const struct { lb_dtype is; const char *image, *text; } types[] = { { LB_F32, "tower_image", "tower_text" }, { LB_BF16, "tower_image_bf16", "tower_text_bf16" }, { LB_I8, "tower_image_i8", "tower_text_i8" } };
    static const struct { size_t n, end, alike; const char *of; } texts[] = { { 1, 76, 0, "77 tokens" }, { 1, 11, 0, "12 tokens" }, { BATCH, 11, 0, "12 tokens" }, { PROMPTS, 11, 9, "12 tokens, 9 alike" } };
    for (type = i = 0; i < LB__COUNT(types); i++) type += (size_t)(bench_wanted(c, types[i].image) || bench_wanted(c, types[i].text));
    if (!type || c->failed) return;
    memset(&d, 0, sizeof d); memset(&b, 0, sizeof b); memset(&r, 0, sizeof r);
    d.towers = d.modalities = 2; d.seed = 1;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = width; v->layers = layers; v->heads = width / 64; v->embed_dim = embed; v->patch_h = v->patch_w = patch; v->grid_h = v->grid_w = 224 / patch;
    strcpy(t->name, "text"); t->kind = LB_TOWER_TEXT; t->width = text_width; t->layers = 12; t->heads = text_width / 64; t->embed_dim = embed;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    x = bench_floats((size_t)BATCH * 3 * 224 * 224); ids = (int32_t *)lb__alloc(PROMPTS * LENGTH, sizeof *ids); b.out = bench_floats((size_t)PROMPTS * (size_t)embed);
    if (!x || !ids || !b.out || lb_model_create(c->ctx, &d, &b.model)) c->failed = 1;
    b.modality = "image"; r.run = bench_tower_run; r.arg = &b;
    for (type = 0; type < LB__COUNT(types) && !c->failed; type++) {
        if (types[type].is != LB_F32 && bench_stored(b.model, types[type].is)) c->failed = 1;
        for (i = 1; i <= BATCH && !c->failed && bench_wanted(c, types[type].image); i += BATCH - 1) {
            b.x = x; b.n = i; r.name = types[type].image; r.flop = (double)i * (2.0 * (double)P * (double)width * 3.0 * patch * patch + bench_tower_flop((size_t)layers, (size_t)width, 4 * (size_t)width, P + 1));
            snprintf(r.shape, sizeof r.shape, "%s, batch %zu", what, i);
            bench_measure(c, &r);
        }
        for (i = 0; i < LB__COUNT(texts) && !c->failed && bench_wanted(c, types[type].text); i++) {
            size_t k, j;
            for (k = 0; k < texts[i].n; k++) for (j = 0; j < LENGTH; j++) ids[k * LENGTH + j] = j == texts[i].end ? 49407 : j < texts[i].end ? (int32_t)((j * 997 + (j < texts[i].alike ? 0 : k * 31)) % 49000) : 0;
            b.x = NULL; b.ids = ids; b.n = texts[i].n; b.length = LENGTH; r.name = types[type].text; r.flop = (double)texts[i].n * bench_tower_flop(12, (size_t)text_width, 4 * (size_t)text_width, texts[i].end + 1);
            snprintf(r.shape, sizeof r.shape, "%s, %s, batch %zu", what, texts[i].of, texts[i].n);
            bench_measure(c, &r);
        }
    }
    lb_model_free(b.model); lb__release(x); lb__release(ids); lb__release(b.out);
}

/* Audio and video of L/14: no text tower, one input. */
static void bench_long(bench_cfg *c, const char *name, const char *what, lb_modality_kind kind, int grid_h, int grid_w, int frames) {
    lb_model_desc d; lb_tower_desc *v = &d.tower[0]; bench_tower b; bench_row r; float *x; const size_t T = (size_t)grid_h * (size_t)grid_w + 1, F = (size_t)frames, D = 1024, pixels = (size_t)grid_h * (size_t)grid_w * 14 * 14;
    if (!bench_wanted(c, name) || c->failed) return;
    memset(&d, 0, sizeof d); memset(&b, 0, sizeof b); memset(&r, 0, sizeof r);
    d.towers = d.modalities = 1; d.seed = 1;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = (int)D; v->layers = 24; v->heads = 16; v->embed_dim = 768; v->patch_h = v->patch_w = 14; v->grid_h = grid_h; v->grid_w = grid_w; v->frames = frames; v->temporal = frames > 1;
    strcpy(d.modality[0].name, "input"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = kind; d.modality[0].mel_bins = kind == LB_AUDIO ? grid_h * 14 : 0; d.modality[0].target_length = kind == LB_AUDIO ? grid_w * 14 : 0;
    x = bench_floats(3 * F * pixels); b.out = bench_floats(768);
    if (!x || !b.out || lb_model_create(c->ctx, &d, &b.model)) c->failed = 1;
    else {
        b.modality = "input"; b.x = x; b.n = 1; r.name = name; r.run = bench_tower_run; r.arg = &b;
        r.flop = (double)F * (2.0 * (double)(T - 1) * (double)D * 3 * 14 * 14 + bench_tower_flop(24, D, 4 * D, T));
        if (frames > 1) r.flop += 24.0 * (8.0 * (double)F * (double)T * (double)(D * D) + 4.0 * (double)T * (double)F * (double)F * (double)D);
        snprintf(r.shape, sizeof r.shape, "%s, batch 1", what);
        bench_measure(c, &r);
    }
    lb_model_free(b.model); lb__release(x); lb__release(b.out);
}

/* ---- training steps of an image tower against text vectors that are already there ----
 * The work counted is three times the forward pass when everything is trained, twice when the weights are frozen. */
typedef struct bench_trainer { lb_trainer *t; lb_batch batch; } bench_trainer;
static lb_status bench_train_run(lb_ctx *ctx, void *arg) { bench_trainer *b = (bench_trainer *)arg; lb_train_stats s; return lb_trainer_step(ctx, b->t, &b->batch, &s); }
static void bench_train(bench_cfg *c, const char *what, int width, int layers, int patch, int grid, size_t batch, int lora, int bf16) {
    lb_model_desc d; lb_train_desc td; lb_tower_desc *v = &d.tower[0], *t = &d.tower[1]; lb_model *model = NULL; bench_trainer b; bench_row r; float *x, *text; size_t i, P = (size_t)grid * (size_t)grid, E = 512;
    const char *name = lora ? bf16 ? "train_lora_bf16" : "train_lora" : bf16 ? "train_full_bf16" : "train_full";
    if (!bench_wanted(c, name) || c->failed) return;
    memset(&d, 0, sizeof d); memset(&td, 0, sizeof td); memset(&b, 0, sizeof b); memset(&r, 0, sizeof r);
    d.towers = d.modalities = 2; d.seed = 1;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = width; v->layers = layers; v->heads = width / 64; v->embed_dim = (int)E; v->patch_h = v->patch_w = patch; v->grid_h = v->grid_w = grid;
    strcpy(t->name, "text"); t->kind = LB_TOWER_TEXT; t->width = 64; t->layers = 1; t->heads = 1; t->embed_dim = (int)E; t->vocab = 64;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    td.trainable = lora ? LB_TRAIN_LORA : LB_TRAIN_ALL; td.lora_rank = lora ? 16 : 0; td.freeze_text = 1; td.seed = 1; td.lr = 1e-5; td.bf16 = bf16;
    x = bench_floats(batch * 3 * P * (size_t)(patch * patch)); text = bench_floats(batch * E);
    for (i = 0; text && i < batch; i++) { double n = 0; size_t k; for (k = 0; k < E; k++) n += (double)text[i * E + k] * text[i * E + k]; for (k = 0; k < E; k++) text[i * E + k] /= (float)sqrt(n); }
    if (!x || !text || lb_model_create(c->ctx, &d, &model) || lb_trainer_new(c->ctx, model, &td, &b.t)) c->failed = 1;
    else {
        b.batch.n = batch; b.batch.x = x; b.batch.text = text; r.name = name; r.run = bench_train_run; r.arg = &b;
        r.flop = (lora ? 2.0 : 3.0) * (double)batch * (2.0 * (double)P * (double)width * 3.0 * patch * patch + bench_tower_flop((size_t)layers, (size_t)width, 4 * (size_t)width, P + 1));
        snprintf(r.shape, sizeof r.shape, "%s, batch %zu", what, batch);
        bench_measure(c, &r);
    }
    lb_trainer_free(b.t); lb_model_free(model); lb__release(x); lb__release(text);
}

/* ---- a model's file: how long it takes to open, and what one input of each kind takes beside the mapping ---- */
static double bench_own_bytes(void) {                    /* resident memory that belongs to no file; 0 where the system does not tell */
    FILE *f = fopen("/proc/self/status", "r"); char line[256]; double kb = 0;
    while (f && fgets(line, sizeof line, f)) if (sscanf(line, "RssAnon: %lf", &kb) == 1) break;
    if (f) fclose(f);
    return kb * 1024;
}
static void bench_file_row(bench_cfg *c, const char *name, const char *what, double seconds, double bytes) {
    cli_out o;
    if (c->json) {                                       /* `what` may be the name of a file, which holds anything */
        printf("{\"name\": \"%s\", \"shape\": ", name);
        if (!cli_out_open(&o, NULL) && !cli_out_json(&o, what)) printf(", \"threads\": %d, \"ms\": %.4f, \"own_mb\": %.2f}\n", c->ctx->threads, seconds * 1e3, bytes / 1048576);
    } else printf("%-16s %-34s %3d %10.3f ms %10.2f MiB beside the file\n", name, what, c->ctx->threads, seconds * 1e3, bytes / 1048576);
    bench_shown(c);
}
/* One input, a text of ids or an array: the shortest of a few passes, of which the first brings the weights in. */
static void bench_file_input(bench_cfg *c, const lb_model *m, const char *modality, const char *what, const int32_t *ids, size_t length, const float *x, double own) {
    enum { PASSES = 4 }; float *out = bench_floats(lb_model_dim(m)); double best = 1e9, t; int k;
    c->failed = !out;
    for (k = 0; k < PASSES && !c->failed; k++) {
        t = bench_now();
        c->failed = (ids ? lb_embed_tokens(c->ctx, m, ids, 1, length, out) : lb_embed_tensor(c->ctx, m, modality, x, 1, out)) != LB_OK;
        if ((t = bench_now() - t) < best) best = t;
    }
    if (!c->failed) bench_file_row(c, "memory", what, best, bench_own_bytes() - own);
    lb__release(out);
}
static void bench_file(bench_cfg *c, const char *path) {
    enum { TIMES = 15, SHORT = 12 }; lb_model *m = NULL; const lb_model_desc *d; double time[TIMES], own = bench_own_bytes(), t; int i, k;
    for (i = 0; i < TIMES && !c->failed; i++) { lb_model_free(m); m = NULL; t = bench_now(); c->failed = lb_model_open(c->ctx, path, &m) != LB_OK; time[i] = bench_now() - t; }
    if (c->failed) return;
    qsort(time, TIMES, sizeof *time, bench_double_cmp);
    bench_file_row(c, "open", path, time[TIMES / 2], bench_own_bytes() - own);
    d = lb_model_describe(m);
    for (i = 0; i < d->modalities && !c->failed; i++) {
        const lb_modality_desc *y = &d->modality[i]; const lb_tower_desc *w = &d->tower[0]; void *input; char what[LB_NAME_SIZE + 32]; int length;
        for (k = 0; k < d->towers; k++) if (!strcmp(d->tower[k].name, y->tower)) w = &d->tower[k];
        if (y->kind != LB_TEXT) {
            if (!(input = calloc(lb_modality_floats(y), sizeof(float)))) c->failed = 1;
            else bench_file_input(c, m, y->name, y->name, NULL, 0, (const float *)input, own);
            free(input);
        } else for (length = w->context; length && !c->failed; length = length > SHORT ? SHORT : 0) {          /* a text that fills its context, and a short one */
            if (!(input = calloc((size_t)w->context, sizeof(int32_t)))) { c->failed = 1; break; }
            ((int32_t *)input)[length - 1] = w->vocab - 1;
            snprintf(what, sizeof what, "%s, %d tokens", y->name, length);
            bench_file_input(c, m, y->name, what, (const int32_t *)input, (size_t)w->context, NULL, own);
            free(input);
        }
    }
    lb_model_free(m);
}

static void bench_rows(bench_cfg *c, int train) {
    static const struct { const char *what; size_t m, n, k; } shapes[] = {
        { "L/14 qkv", 257, 3072, 1024 }, { "L/14 out", 257, 1024, 1024 }, { "L/14 fc1", 257, 4096, 1024 }, { "L/14 fc2", 257, 1024, 4096 }, { "L/14 x8 fc1", 2056, 4096, 1024 },
        { "B/32 qkv", 50, 2304, 768 }, { "B/32 out", 50, 768, 768 }, { "B/32 fc1", 50, 3072, 768 }, { "B/32 fc2", 50, 768, 3072 },
        { "text qkv", 77, 2304, 768 }, { "text fc1", 77, 3072, 768 }, { "text fc2", 77, 768, 3072 }, { "text/12 fc1", 12, 3072, 768 }, { "B text fc1", 77, 2048, 512 }, { "row", 1, 4096, 1024 } };
    static const struct { const char *what; size_t m, n, k; } training[] = {
        { "tiny qkv", 2080, 768, 256 }, { "tiny fc1", 2080, 1024, 256 }, { "tiny fc2", 2080, 256, 1024 }, { "B/32 x8 qkv", 400, 2304, 768 }, { "B/32 x8 fc1", 400, 3072, 768 }, { "B/32 x8 fc2", 400, 768, 3072 } };
    static const struct { const char *name; int kind; } products[] = { { "gemm_f32", 0 }, { "gemm_dx", 1 }, { "gemm_dw", 2 }, { "gemm_dx_bf16", 1 }, { "gemm_dw_bf16", 2 } };
    size_t i, k;
    for (i = 0; i < LB__COUNT(shapes); i++) bench_gemm(c, "gemm_f32", shapes[i].what, 0, LB_F32, shapes[i].m, shapes[i].n, shapes[i].k);
    for (i = 0; i < LB__COUNT(shapes); i++) bench_gemm(c, "gemm_f16", shapes[i].what, 0, LB_F16, shapes[i].m, shapes[i].n, shapes[i].k);
    for (i = 0; i < LB__COUNT(shapes); i++) bench_gemm(c, "gemm_bf16", shapes[i].what, 0, LB_BF16, shapes[i].m, shapes[i].n, shapes[i].k);
    for (i = 0; i < LB__COUNT(shapes); i++) bench_gemm(c, "gemm_i8", shapes[i].what, 0, LB_I8, shapes[i].m, shapes[i].n, shapes[i].k);
    bench_attn(c, "L/14", 1, 257, 16, 64, 1, 0);
    bench_attn(c, "B/32", 1, 50, 12, 64, 1, 0);
    bench_attn(c, "audio", 1, 593, 16, 64, 1, 0);
    bench_attn(c, "text", 1, 77, 12, 64, 1, 1);
    bench_attn(c, "frames", 257, 8, 16, 64, 257, 0);
    bench_attn(c, "tiny", 32, 65, 4, 64, 1, 0);
    bench_layernorm(c, 257, 1024); bench_layernorm(c, 50, 768);
    bench_towers(c, "B/32", 32, 768, 12, 512, 512); bench_towers(c, "L/14", 14, 1024, 24, 768, 768);
    bench_long(c, "tower_audio", "L/14, 112x1036", LB_AUDIO, 8, 74, 1); bench_long(c, "tower_video", "L/14, 8 frames", LB_VIDEO, 16, 16, 8);
    if (!train) return;
    for (i = 0; i < 4; i++) bench_train(c, "tiny 6x256, 65 tokens", 256, 6, 8, 8, 32, i & 1, i > 1);
    for (i = 0; i < 4; i++) bench_train(c, "B/32", 768, 12, 32, 7, 8, i & 1, i > 1);
    for (k = 0; k < LB__COUNT(products); k++) for (i = 0; i < LB__COUNT(training); i++) bench_gemm(c, products[k].name, training[i].what, products[k].kind, LB_F32, training[i].m, training[i].n, training[i].k);
}

/* The rows there are; the last BENCH_TRAINING are computed with --train only. */
enum { BENCH_TRAINING = 8 };
static const char *const bench_names[] = { "gemm_f32", "gemm_f16", "gemm_bf16", "gemm_i8", "attention", "attention_bwd", "layernorm", "tower_image", "tower_text", "tower_image_bf16", "tower_text_bf16", "tower_image_i8", "tower_text_i8", "tower_audio", "tower_video", "train_full", "train_lora", "train_full_bf16", "train_lora_bf16", "gemm_dx", "gemm_dw", "gemm_dx_bf16", "gemm_dw_bf16" };
static int bench_none(const cli_list *only, int train) {
    size_t i, k; const size_t n = LB__COUNT(bench_names) - (train ? 0 : BENCH_TRAINING); char all[512] = "";
    for (k = 0; k < n; k++) snprintf(all + strlen(all), sizeof all - strlen(all), " %s", bench_names[k]);
    for (i = 0; i < only->n; i++) {
        for (k = 0; k < n && !strstr(bench_names[k], only->item[i].value); k++) {}
        if (k == n) return cli_wrong("--rows: no row is called `%s`; there are%s%s", only->item[i].value, all, train ? "" : ", and others with --train");
    }
    return 0;
}
static int cmd_bench(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list only = { NULL, 0, 0 }; const char *model = NULL; double seconds = 0; int train = 0, rc, both; lb_ctx *ctx = NULL; bench_cfg c;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &model, "FILE", "this model instead: time to open it, and time and memory of one input of each kind", 0, 0 },
        { "rows", 'r', CLI_LIST, &only, "NAME", "only rows whose name contains one of these", 0, 0 },
        { "seconds", 's', CLI_REAL, &seconds, "S", "time for each row (default 0.4)", 0.01, 3600 },
        { "train", 0, CLI_FLAG, &train, NULL, "training rows too", 0, 0 },
        CLI_THREADS(common), CLI_JSON(common) };
    if ((rc = cli_parse(argc, argv, "[options]", "Speed of the kernels and of whole towers with random weights, as a share of the multiply-adds that the\n"
                        "vector registers can do, measured in the same run; tiles (AMX) and products of bf16 and bytes do more than those.\n"
                        "Without --threads: on one thread, then on all.\n", options, LB__COUNT(options))) >= 0) { cli_list_free(&only); return rc; }
    if (model && (only.n || seconds > 0 || train)) rc = cli_wrong("--rows, --seconds and --train are of kernels and random weights; they go without -m MODEL");
    else rc = model ? 0 : bench_none(&only, train);
    if (rc) { cli_list_free(&only); return rc; }
    both = common.threads == 0;
    if (both) common.threads = 1;
    memset(&c, 0, sizeof c); c.seconds = seconds > 0 ? seconds : 0.4; c.json = common.json; c.only = &only;
    for (;;) {
        if (cli_ctx(&common, &ctx)) { rc = cli_fail("%s", lb_last_error()); break; }
        rc = 0; c.ctx = ctx;
        bench_choose(ctx);
        if (!c.json && !model && both >= 0 && common.threads >= 1 && c.ctx->threads >= 1 && both != 2) printf("kernels: %s\n%-16s %-34s %3s %9s %9s %7s %10s\n", ctx->kernels->name, "name", "shape", "thr", "GFLOP/s", "peak", "share", "ms");
        if (model) bench_file(&c, model);
        else bench_rows(&c, train);
        lb_ctx_free(ctx); ctx = NULL;
        if (c.failed) { rc = cli_fail("%s", lb_last_error()); break; }
        if (both != 1) break;
        both = 2; common.threads = 0;
    }
    cli_list_free(&only);
    return rc;
}
