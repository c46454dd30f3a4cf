/* Section 3 and 4: every kernel set that this machine has against double loops written out here, over odd sizes, and bit equality where the
 * header promises it: whatever the number of threads, and for a row alone or among others. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "lbt.h"

static lb__rng rng = { 7, 1, 0, { 0, 0, 0, 0 } };
static float *rnd(size_t n, float scale) { float *p = (float *)malloc((n ? n : 1) * sizeof *p); size_t i; for (i = 0; i < n; i++) p[i] = (lb__rng_uniform(&rng) * 2 - 1) * scale; return p; }
static float *copy(const float *s, size_t n) { float *p = (float *)malloc((n ? n : 1) * sizeof *p); if (n) memcpy(p, s, n * sizeof *p); return p; }
static int same(const float *a, const float *b, size_t n) { return !n || !memcmp(a, b, n * sizeof *a); }
static lb_ctx *context(int set, int threads) {
    lb_ctx_desc d; lb_ctx *c = NULL;
    memset(&d, 0, sizeof d); d.threads = threads;
    if (lb_ctx_new(&d, &c)) exit(1);
    c->threads = threads;
    c->kernels = lb__kernels_of(set);
    c->rows = LB__TILE_ROWS;                                                   /* tiles, where the set has them */
    return c;
}
static const char *const set_names[] = { "scalar", "neon", "neonbf16", "avx2", "avx512", "avx512bf16", "amx" };
/* Sets that end in bf16 have everything but the products of bf16 from the set before them, which `sets` makes sure of; the others are tested with all. */
#define LIKE_THE_ONE_BEFORE(set) ((set) == LB__SET_NEON_BF16 || (set) == LB__SET_AVX512_BF16)
#ifndef SET_TESTED
#  define SET_TESTED(set) 1                                 /* tests/test_emulated.c has others, and fewer shapes, for it is slow */
#  define LEFT_OUT(turn) 0
#endif
#define EACH_SET(set) for (set = 0; set < LB__SETS; set++) if (lb__kernels_of(set) && SET_TESTED(set) && !LIKE_THE_ONE_BEFORE(set))

/* Weights in any type: panels of what the type keeps of w. */
static void *panels_of(const float *w, size_t N, size_t K, lb_dtype type, float *kept) {
    size_t stored = (N + 31) / 32 * 32 * K, i; float *p = (float *)malloc((stored + 1) * 4); void *t = malloc((stored + 1) * 4);
    lb__pack_panels(p, w, K, N, K);
    if (type == LB_I8) { free(t); t = malloc((N + 31) / 32 * lb__panel_bytes(type, K)); for (i = 0; i < (N + 31) / 32; i++) lb__panel_i8((char *)t + i * lb__panel_bytes(type, K), p + i * 32 * K, K); }
    else lb__narrow(t, type, p, stored);
    lb__unpack_panels(kept, K, t, type, N, K);
    free(p);
    return t;
}
static double ref_act(double x, lb_act a) { return a == LB_ACT_GELU ? 0.5 * x * erfc(-x * 0.70710678118654752440) : a == LB_ACT_QUICK_GELU ? x / (1 + exp(-1.702 * x)) : x; }

LBT(kernels, sets) {
    int set;
    for (set = 0; set < LB__SETS; set++) printf("  %s: %s\n", set_names[set], lb__kernels_of(set) ? "tested" : "skipped, this build or machine has not got it");
    CHECK(lb__kernels_of(LB__SET_SCALAR) != NULL, "no scalar set");
    for (set = 0; set < LB__SETS; set++) if (lb__kernels_of(set)) {
        CHECK(!strcmp(lb__kernels_of(set)->name, set_names[set]), "set %d is called %s", set, lb__kernels_of(set)->name);
        if (LIKE_THE_ONE_BEFORE(set)) {
            lb__kernels k, before;
            memcpy(&k, lb__kernels_of(set), sizeof k); memcpy(&before, lb__kernels_of(set - 1), sizeof k);
            CHECK(k.slab_bf16 && k.halves && k.pairs && !before.slab_bf16, "%s multiplies no bf16", set_names[set]);
            k.name = before.name; k.slab_bf16 = before.slab_bf16; k.halves = before.halves; k.pairs = before.pairs;
            CHECK(!memcmp(&k, &before, sizeof k), "%s has other kernels than %s", set_names[set], set_names[set - 1]);
        }
    }
    CHECK(strlen(lb_cpu_name()) > 0, "no name");
}

static float rounded(float x) { return lb__bf16_f32(lb__f32_bf16(x)); }
/* Rows as a product reads them: as they are, or where it turns them into bytes or bf16 what those stand for. */
static double *rows_read(const lb_ctx *c, const float *a, size_t lda, size_t M, size_t K, lb_dtype type) {
    double *x = (double *)malloc((M * K + 1) * sizeof *x); uint8_t *q = (uint8_t *)malloc(K + 1); size_t m, k;
    for (m = 0; m < M; m++) {
        float step = 1; int32_t zero = 0;
        if (type == LB_I8) c->kernels->bytes(q, &step, &zero, a + m * lda, K);
        for (k = 0; k < K; k++) x[m * K + k] = type == LB_I8 ? (double)step * ((int)q[k] - zero) : (type == LB_BF16 || c->bf16) && c->kernels->slab_bf16 ? (double)rounded(a[m * lda + k]) : (double)a[m * lda + k];
    }
    free(q);
    return x;
}
static void one_gemm(int set, size_t M, size_t N, size_t K, lb_dtype type, lb_act act, int bias, int add, int pre, int bf16) {
    size_t lda = K + 3, ldc = N + 5, m, n, k; lb_ctx *c1 = context(set, 1), *c2 = context(set, 2), *c4 = context(set, 4); lb__gemm g; double tol = 2e-6 * sqrt((double)K) + 2e-6, worst_c = 0, worst_p = 0, *x;
    float *a = rnd(M * lda, 1), *w = rnd(N * K, 1), *kept = rnd(N * K, 0), *b = rnd(N, 1), *r = rnd(M * ldc, 1), *c = rnd(M * ldc, 1), *c0 = copy(c, M * ldc), *p = rnd(M * ldc, 1), *c_other, *one; void *panels = panels_of(w, N, K, type, kept);
    if (type == LB_I8) for (k = 0; k < K; k++) { a[k] = 0; if (M > 2) a[lda + k] = a[lda + k] * 0.5f + 0.75f; if (M > 3) a[2 * lda + k] *= k ? 1e-3f : 100; }          /* nothing; numbers above 0 alone; one that is far above the others */
    memset(&g, 0, sizeof g);
    g.M = M; g.N = N; g.K = K; g.a = a; g.lda = lda; g.w = panels; g.wtype = type; g.c = c; g.ldc = ldc; g.bias = bias ? b : NULL; g.act = act;
    if (add == 1) { g.add = r; g.ldadd = ldc; }
    if (add == 2) { memcpy(c, r, M * ldc * 4); memcpy(c0, r, M * ldc * 4); g.add = c; g.ldadd = ldc; }
    if (pre) { g.pre = p; g.ldpre = ldc; }
    c1->bf16 = c2->bf16 = c4->bf16 = bf16;
    if (bf16 && c1->kernels->slab_bf16) for (k = 0; k < N * K; k++) kept[k] = rounded(kept[k]);
    CHECK(lb__gemm_run(c1, &g) == LB_OK, "%s", lb_last_error());
    x = rows_read(c1, a, lda, M, K, type);
    for (m = 0; m < M; m++) for (n = 0; n < ldc; n++) {
        double s = 0, e, size;
        if (n >= N) { if (c[m * ldc + n] != c0[m * ldc + n]) worst_c = 1e9; continue; }
        for (k = 0; k < K; k++) s += x[m * K + k] * kept[n * K + k];
        if (bias) s += b[n];
        size = type == LB_I8 ? LB__MAX(1, fabs(s)) : 1;                       /* the row with the one that is far above */
        e = fabs(p[m * ldc + n] - s) / size; if (pre && !(e <= worst_p)) worst_p = e;
        s = ref_act(s, act);
        if (add) s += r[m * ldc + n];
        e = fabs(c[m * ldc + n] - s) / size; if (!(e <= worst_c)) worst_c = e;
    }
    CHECK(worst_c <= tol && worst_p <= tol, "%s %zux%zux%zu %s act %d: c off by %g, pre by %g, tolerance %g", set_names[set], M, N, K, lb_dtype_name(type), act, worst_c, worst_p, tol);
    c_other = copy(c0, M * ldc); g.c = c_other; if (add == 2) g.add = c_other;
    lb__gemm_run(c2, &g);
    CHECK(same(c, c_other, M * ldc), "%s %zux%zux%zu %s: two threads give other bits than one", set_names[set], M, N, K, lb_dtype_name(type));
    memcpy(c_other, c0, M * ldc * 4); lb__gemm_run(c4, &g);
    CHECK(same(c, c_other, M * ldc), "%s %zux%zux%zu %s: four threads give other bits than one", set_names[set], M, N, K, lb_dtype_name(type));
    if (type == LB_I8 && (c1->dot >> c1->kernels->dots & 1) && c1->kernels->slab_i8[1]) {
        memcpy(c_other, c0, M * ldc * 4); c1->dot = 0; lb__gemm_run(c1, &g);
        CHECK(same(c, c_other, M * ldc), "%s %zux%zux%zu: without lb__cpu_dot's instructions the bits are others", set_names[set], M, N, K);
    }
    memcpy(c_other, c0, M * ldc * 4);
    for (m = 0; m < M; m += M > 40 ? LB__MAX(M / 99, (size_t)17) : 1) {       /* a row alone */
        g.M = 1; g.a = a + m * lda; g.c = c_other + m * ldc; if (add) g.add = (add == 2 ? c_other : r) + m * ldc; if (pre) g.pre = p + m * ldc;
        lb__gemm_run(c1, &g);
        one = c_other + m * ldc;
        CHECK(same(one, c + m * ldc, N), "%s %zux%zux%zu %s: row %zu alone gives other bits than in the batch", set_names[set], M, N, K, lb_dtype_name(type), m);
    }
    free(a); free(w); free(kept); free(b); free(r); free(c); free(c0); free(p); free(c_other); free(panels); free(x);
    lb_ctx_free(c1); lb_ctx_free(c2); lb_ctx_free(c4);
}
LBT(kernels, gemm) {
    static const size_t ms[] = { 1, 2, 5, 12, 13, 14, 15, 27, 50, 300 }, ns[] = { 1, 31, 32, 33, 96, 257 }, ks[] = { 1, 2, 15, 33, 255, 256, 257, 600 };
    size_t i, j, k, turn = 0; int set;
    for (set = 0; set < LB__SETS; set++) if (lb__kernels_of(set) && SET_TESTED(set)) {
        for (i = 0; i < LB__COUNT(ms); i++) for (j = 0; j < LB__COUNT(ns); j++) for (k = 0; k < LB__COUNT(ks); k++, turn++) {
            if ((ms[i] * ns[j] * ks[k] > 3000000 && turn % 5) || (LIKE_THE_ONE_BEFORE(set) && turn % 3 != 2) || LEFT_OUT(turn)) continue;
            one_gemm(set, ms[i], ns[j], ks[k], turn % 3 == 0 ? LB_F32 : turn % 3 == 1 ? LB_F16 : LB_BF16, (lb_act)(turn / 3 % 3), turn % 2, (int)(turn / 2 % 3), turn % 4 == 1, turn % 5 == 3);
        }
        one_gemm(set, 3, 40, 0, LB_F32, LB_ACT_GELU, 1, 2, 1, 0);
    }
}
/* What a row and a matrix become as bytes: never further off than half a step, and nothing stays nothing. */
static void one_row(int set, const float *x, size_t K) {
    uint8_t *q = (uint8_t *)malloc(K); float step = -1; int32_t zero = -1; double low = 0, high = 0, coarse = 0; size_t k;
    lb__kernels_of(set)->bytes(q, &step, &zero, x, K);
    for (k = 0; k < K; k++) {
        const double v = x[k];
        low = LB__MIN(low, v); high = LB__MAX(high, v); coarse = LB__MAX(coarse, fabs(v - (double)step * ((int)q[k] - zero)) - (double)step * 0.5001);
        if (v == 0) coarse = LB__MAX(coarse, abs((int)q[k] - zero));
    }
    CHECK(coarse <= 0, "%s: a number is %g further off than half a step, or 0 is not 0", set_names[set], coarse);
    CHECK(zero >= 0 && zero <= 255 && fabs(step * 254 - (high - low)) <= 1e-6 * (high - low), "%s: step %g and zero %d for %g to %g", set_names[set], step, zero, low, high);
    free(q);
}
static void one_matrix(size_t N, size_t K) {
    float *w = rnd(N * K, 1), *kept = rnd(N * K, 0); void *panels = panels_of(w, N, K, LB_I8, kept); double far = 0; size_t n, k;
    for (n = 0; n < N; n++) {
        double top = 0;
        for (k = 0; k < K; k++) top = LB__MAX(top, fabs((double)w[n * K + k]));
        for (k = 0; k < K; k++) far = LB__MAX(far, fabs((double)w[n * K + k] - (double)kept[n * K + k]) - top / 254 * 1.0001);
    }
    CHECK(far <= 0, "%zux%zu: a weight is %g further off than half a step", N, K, far);
    free(w); free(kept); free(panels);
}
LBT(kernels, bytes) {
    static const size_t ms[] = { 1, 2, 5, 6, 13, 14, 27, 300 }, ns[] = { 1, 31, 33, 96, 257 }, ks[] = { 4, 20, 256, 600 };
    size_t i, j, k, turn = 0; int set;
    for (j = 0; j < LB__COUNT(ns); j++) for (k = 0; k < LB__COUNT(ks); k++) one_matrix(ns[j], ks[k]);
    EACH_SET(set) {
        for (i = 0; i < 400; i++) {                                              /* to both sides of nothing, to one, and with one far above the others */
            float *x = rnd(600, 1);
            for (k = 0; k < 600; k++) x[k] = i % 4 == 1 ? x[k] * 0.5f + 0.75f : i % 4 == 2 ? x[k] * (k ? 1e-3f : 100) : i % 4 == 3 && k % 3 ? 0 : x[k];
            one_row(set, x, ks[i % LB__COUNT(ks)]); free(x);
        }
        printf("  %s: %s\n", set_names[set], !lb__kernels_of(set)->slab_i8[1] ? "one way" : lb__cpu_dot() >> lb__kernels_of(set)->dots & 1 ? "two ways" : "one way, this machine has not got the other");
        for (i = 0; i < LB__COUNT(ms); i++) for (j = 0; j < LB__COUNT(ns); j++) for (k = 0; k < LB__COUNT(ks); k++, turn++) {
            if (ms[i] * ns[j] * ks[k] > 3000000 && turn % 5) continue;
            one_gemm(set, ms[i], ns[j], ks[k], LB_I8, (lb_act)(turn / 3 % 3), turn % 2, (int)(turn / 2 % 3), turn % 4 == 1, 0);
        }
        one_gemm(set, 40, 64, 16384, LB_I8, LB_ACT_NONE, 1, 0, 0, 0);              /* blocks of rows */
        if (sizeof(size_t) == 4) one_gemm(set, 200000, 4, 4, LB_I8, LB_ACT_NONE, 1, 0, 0, 0);          /* rows whose product with the strips 32 bits do not hold */
    }
}
/* Rows that are not numbers, or hardly any, and the largest sums there can be. */
LBT(kernels, bytes_at_the_edge) {
    enum { K = LB__I8_K, M = 5, N = 33 }; float *x = rnd((size_t)M * K, 1), *w = rnd((size_t)N * K, 0), *kept = rnd((size_t)N * K, 0), c[M * N], sum; void *panels; lb__gemm g; size_t i, k; int set, way, finite;
    for (i = 0; i < (size_t)N * K; i++) w[i] = i / K == 32 ? -2.0f : 1.0f;
    panels = panels_of(w, N, K, LB_I8, kept);
    for (k = 0; k < K; k++) { x[K + k] = 3; x[2 * K + k] = k == 7 ? NAN : 1.0f; x[3 * K + k] = k == 9 ? -INFINITY : 1.0f; x[4 * K + k] = k % 2 ? 1e-44f : -1e-45f; }
    memset(&g, 0, sizeof g); g.M = M; g.N = N; g.K = K; g.a = x; g.lda = K; g.w = panels; g.wtype = LB_I8; g.c = c; g.ldc = N;
    EACH_SET(set) for (way = 0; way < 2; way++) {
        lb_ctx *ctx = context(set, 2);
        if (!way) ctx->dot = 0;
        CHECK(!lb__gemm_run(ctx, &g), "%s", lb_last_error());
        for (finite = 0, i = 2 * N; i < 4 * N; i++) finite += lb__finite(c[i]) != 0;
        CHECK(!finite, "%s: %d numbers of a row that is none", set_names[set], finite);
        CHECK(fabs(c[N] / (3.0 * K) - 1) < 1e-6 && fabs(c[N + 32] / (-6.0 * K) - 1) < 1e-6, "%s: %g and %g", set_names[set], c[N], c[N + 32]);
        for (sum = 0, i = 4 * N; i < 5 * N; i++) sum += fabsf(c[i]);
        CHECK(sum < 1e-30f, "%s: %g of next to nothing", set_names[set], sum);
        lb_ctx_free(ctx);
    }
    free(x); free(w); free(kept); free(panels);
}
/* A row of bf16: what is halfway between two goes to the even one, and what is no number stays none. */
LBT(kernels, rounded) {
    float x[4096 + 5]; uint16_t q[4096 + 6]; size_t i, n, wrong; int set;
    for (i = 0; i < LB__COUNT(x); i++) x[i] = lb__bits_f32((uint32_t)(0x3f800000u + i * 0x1000u) ^ (uint32_t)(i % 2) << 31);
    x[3] = INFINITY; x[4] = -INFINITY; x[5] = NAN; x[6] = 3.4e38f; x[7] = 0; x[8] = -0.0f;
    for (set = 0; set < LB__SETS; set++) if (lb__kernels_of(set) && lb__kernels_of(set)->halves) for (n = 0; n < LB__COUNT(x); n += n < 70 ? 1 : 4031) {
        memset(q, 0x5a, sizeof q); lb__kernels_of(set)->halves(q, x, n);
        for (wrong = 0, i = 0; i < n; i++) wrong += q[i] != lb__f32_bf16(x[i]);
        CHECK(wrong == 0 && q[n] == 0x5a5a, "%s: %zu of %zu", set_names[set], wrong, n);
        if (n > LB__COUNT(x) / 2 - 1) continue;
        memset(q, 0x5a, sizeof q); lb__kernels_of(set)->pairs(q, x, n % 3 ? x + n : NULL, n);
        for (wrong = 0, i = 0; i < n; i++) wrong += q[2 * i] != lb__f32_bf16(x[i]) || q[2 * i + 1] != (n % 3 ? lb__f32_bf16(x[n + i]) : 0);
        CHECK(wrong == 0 && q[2 * n] == 0x5a5a, "%s: %zu of %zu pairs", set_names[set], wrong, n);
    }
}
/* What tiles multiply: the three parts of a float are bf16, and their sum is the float, to its last bit. */
LBT(kernels, parts) {
    enum { ROWS = 3, K = 77 }; const lb__kernels *k = lb__kernels_of(LB__SET_AMX); size_t r, i, tries; float x[ROWS * K], split[(K + 31) / 32 * ROWS * 48], block[K * 32], halves[(K + 31) / 32 * 3 * 512];
    if (!k) SKIP("this build or machine has no tiles");
    for (tries = 0; tries < 200; tries++) {
        size_t wrong = 0; int part;
        for (i = 0; i < ROWS * K; i++) x[i] = ldexpf(lb__rng_uniform(&rng) - 0.5f, (int)(lb__rng_uniform(&rng) * 180) - 90);
        for (i = 0; i < K * 32; i++) block[i] = ldexpf(lb__rng_uniform(&rng) - 0.5f, (int)(lb__rng_uniform(&rng) * 180) - 90);
        k->split_rows(split, x, K, ROWS, ROWS, K, 1);
        for (r = 0; r < ROWS; r++) for (i = 0; i < (K + 31) / 32 * 32; i++) wrong += ((const uint16_t *)(split + (i / 32 * ROWS + r) * 16))[i % 32] != (i < K ? lb__f32_bf16(x[r * K + i]) : 0);
        k->split_rows(split, x, K, ROWS, ROWS, K, 3); k->split_block(halves, block, K, 3);
        for (r = 0; r < ROWS; r++) for (i = 0; i < (K + 31) / 32 * 32; i++) {
            float sum = 0;
            for (part = 2; part >= 0; part--) sum += lb__bf16_f32(((const uint16_t *)(split + ((i / 32 * 3 + (size_t)part) * ROWS + r) * 16))[i % 32]);
            wrong += sum != (i < K ? x[r * K + i] : 0);
        }
        for (i = 0; i < (K + 31) / 32 * 32; i++) for (r = 0; r < 32; r++) {
            float sum = 0;
            for (part = 2; part >= 0; part--) sum += lb__bf16_f32(((const uint16_t *)(halves + (i / 32 * 3 + (size_t)part) * 512 + r / 16 * 256 + i % 32 / 2 * 16))[r % 16 * 2 + i % 2]);
            wrong += sum != (i < K ? block[i * 32 + r] : 0);
        }
        CHECK(wrong == 0, "%zu numbers are not the sum of their parts", wrong);
    }
}
LBT(kernels, gemm_backward) {
    static const size_t ms[] = { 1, 7, 50, 290, 600 }, ns[] = { 1, 33, 96, 270 }, ks[] = { 1, 31, 64, 300 };
    static const lb_dtype types[] = { LB_F32, LB_F16, LB_BF16, LB_I8 };
    size_t i, j, l, m, n, k, turn = 0; int set;
    for (set = 0; set < LB__SETS; set++) if (lb__kernels_of(set) && SET_TESTED(set)) for (i = 0; i < LB__COUNT(ms); i++) for (j = 0; j < LB__COUNT(ns); j++) for (l = 0; l < LB__COUNT(ks); l++, turn++) {
        const int bf16 = LIKE_THE_ONE_BEFORE(set) || turn % 3 == 1, rounds = bf16 && lb__kernels_of(set)->slab_bf16 != NULL;
        size_t M = ms[i], N = ns[j], K = ks[l], lddy = N + 1, ldx = K + 2, stored = (N + 31) / 32 * 32 * K; lb_dtype type = types[turn / 2 % (K % 4 ? 3 : 4)]; lb_ctx *c1 = context(set, 1), *c3 = context(set, 3); double e, wx = 0, ww = 0, tol;
        float *dy = rnd(M * lddy, 1), *x = rnd(M * ldx, 1), *w = rnd(N * K, 1), *kept = rnd(N * K, 0), *dx = rnd(M * ldx, 1), *dx0 = copy(dx, M * ldx), *dx3 = copy(dx, M * ldx), *dw = rnd(stored, 1), *db = rnd(N, 1), *db0 = copy(db, N), *db3 = copy(db, N), *dw0, *dw3; void *panels = panels_of(w, N, K, type, kept);
        if (M * N * K > 3000000 && turn % 4) { lb_ctx_free(c1); lb_ctx_free(c3); free(dy); free(x); free(w); free(kept); free(dx); free(dx0); free(dx3); free(dw); free(db); free(db0); free(db3); free(panels); continue; }
        { float *rows = rnd(N * K, 1); lb__pack_panels(dw, rows, K, N, K); free(rows); }
        dw0 = copy(dw, stored); dw3 = copy(dw, stored); c1->bf16 = c3->bf16 = bf16;
        CHECK(!lb__gemm_dx(c1, dx, ldx, 1, dy, lddy, panels, type, M, N, K) && !lb__gemm_dx(c3, dx3, ldx, 1, dy, lddy, panels, type, M, N, K), "%s", lb_last_error());
        CHECK(!lb__gemm_dw(c1, dw, db, dy, lddy, x, ldx, M, N, K) && !lb__gemm_dw(c3, dw3, db3, dy, lddy, x, ldx, M, N, K), "%s", lb_last_error());
        CHECK(same(dx, dx3, M * ldx) && same(dw, dw3, stored) && same(db, db3, N), "%s backward %zux%zux%zu: three threads give other bits than one", set_names[set], M, N, K);
        for (m = 0; m < M; m++) for (k = 0; k < ldx; k++) {
            double s = dx0[m * ldx + k];
            if (k < K) for (n = 0; n < N; n++) s += rounds ? (double)rounded(dy[m * lddy + n]) * rounded(kept[n * K + k]) : (double)dy[m * lddy + n] * kept[n * K + k];
            e = fabs(dx[m * ldx + k] - s); if (!(e <= wx)) wx = e;
        }
        for (n = 0; n < (N + 31) / 32 * 32; n++) for (k = 0; k < K; k++) {
            double s = dw0[lb__panel_index(n, k, K)];
            if (n < N) for (m = 0; m < M; m++) s += rounds ? (double)rounded(dy[m * lddy + n]) * rounded(x[m * ldx + k]) : (double)dy[m * lddy + n] * x[m * ldx + k];
            else if (dw[lb__panel_index(n, k, K)] != 0) ww = 1e9;
            e = fabs(dw[lb__panel_index(n, k, K)] - s); if (!(e <= ww)) ww = e;
        }
        for (n = 0; n < N; n++) { double s = db0[n]; for (m = 0; m < M; m++) s += dy[m * lddy + n]; e = fabs(db[n] - s); if (!(e <= ww)) ww = e; }
        memcpy(dx3, dx0, M * ldx * 4); for (m = 0; m < M; m++) memset(dx3 + m * ldx, 255, K * 4);                  /* written, not added to */
        CHECK(!lb__gemm_dx(c3, dx3, ldx, 0, dy, lddy, panels, type, M, N, K), "%s", lb_last_error());
        for (m = 0; m < M; m++) for (k = 0; k < ldx; k++) { e = fabs(dx3[m * ldx + k] + (k < K ? dx0[m * ldx + k] : 0) - dx[m * ldx + k]); if (!(e <= wx)) wx = e; }
        tol = 2e-6 * sqrt((double)(M + N)) + 2e-6;
        CHECK(wx <= tol && ww <= tol, "%s backward %zux%zux%zu %s%s: dx off by %g, dw by %g, tolerance %g", set_names[set], M, N, K, lb_dtype_name(type), rounds ? ", rounded" : "", wx, ww, tol);
        free(dy); free(x); free(w); free(kept); free(dx); free(dx0); free(dx3); free(dw); free(dw0); free(dw3); free(db); free(db0); free(db3); free(panels); lb_ctx_free(c1); lb_ctx_free(c3);
    }
}
LBT(kernels, matmul) {
    static const size_t sizes[][3] = { { 1, 1, 1 }, { 3, 16, 70 }, { 40, 33, 300 }, { 300, 17, 20 }, { 65, 65, 513 }, { 16, 290, 31 } };
    size_t i, m, n, k; int set, mode;
    EACH_SET(set) for (i = 0; i < LB__COUNT(sizes); i++) for (mode = 0; mode < 8; mode++) {
        size_t M = sizes[i][0], N = sizes[i][1], K = sizes[i][2]; int ta = mode & 1, tb = mode >> 1 & 1, add = mode >> 2; size_t lda = (ta ? M : K) + 1, ldb = (tb ? K : N) + 2, ldc = N + 3;
        lb_ctx *c1 = context(set, 1), *c2 = context(set, 2); float *a = rnd((M + K) * lda, 1), *b = rnd((N + K) * ldb, 1), *c = rnd(M * ldc, 1), *c0 = copy(c, M * ldc), *cc = copy(c, M * ldc); double w = 0;
        CHECK(!lb__matmul(c1, c, ldc, add, a, lda, ta, b, ldb, tb, M, N, K) && !lb__matmul(c2, cc, ldc, add, a, lda, ta, b, ldb, tb, M, N, K), "%s", lb_last_error());
        CHECK(same(c, cc, M * ldc), "%s matmul: threads change bits", set_names[set]);
        for (m = 0; m < M; m++) for (n = 0; n < ldc; n++) {
            double s = add || n >= N ? c0[m * ldc + n] : 0, e;
            if (n < N) for (k = 0; k < K; k++) s += (double)(ta ? a[k * lda + m] : a[m * lda + k]) * (tb ? b[n * ldb + k] : b[k * ldb + n]);
            e = fabs(c[m * ldc + n] - s); if (!(e <= w)) w = e;
        }
        CHECK(w <= 2e-6 * sqrt((double)K) + 1e-6, "%s matmul %zux%zux%zu mode %d: off by %g", set_names[set], M, N, K, mode, w);
        free(a); free(b); free(c); free(c0); free(cc); lb_ctx_free(c1); lb_ctx_free(c2);
    }
}
LBT(kernels, activations) {
    int set; size_t i, n = 40001; float *x = rnd(n, 0), *y = rnd(n, 0), *d = rnd(n, 1), *g = rnd(n, 0);
    for (i = 0; i < n; i++) x[i] = ((float)i - 20000) / 1600;                  /* -12.5 to 12.5 */
    EACH_SET(set) {
        lb_ctx *c = context(set, 2); double e[5] = { 0, 0, 0, 0, 0 }; float odd[4] = { NAN, INFINITY, -INFINITY, 0 };
        lb__act_run(c, y, x, LB_ACT_GELU, n); lb__act_bwd(c, g, d, x, LB_ACT_GELU, n);
        for (i = 0; i < n; i++) {
            double t = x[i], q = ref_act(t, LB_ACT_GELU), s = d[i] * (0.5 * erfc(-t * 0.70710678118654752440) + t * 0.3989422804014327 * exp(-t * t / 2));
            e[0] = LB__MAX(e[0], fabs(y[i] - q) / LB__MAX(fabs(q), 0.05)); e[1] = LB__MAX(e[1], fabs(g[i] - s)); e[4] = LB__MAX(e[4], fabs(y[i] - q) / LB__MAX(fabs(q), 1));
        }
        lb__act_run(c, y, x, LB_ACT_QUICK_GELU, n); lb__act_bwd(c, g, d, x, LB_ACT_QUICK_GELU, n);
        for (i = 0; i < n; i++) {
            double t = x[i], q = ref_act(t, LB_ACT_QUICK_GELU), z = 1 / (1 + exp(-1.702 * t)), s = d[i] * (z + 1.702 * t * z * (1 - z));
            e[2] = LB__MAX(e[2], fabs(y[i] - q) / LB__MAX(fabs(q), 0.05)); e[3] = LB__MAX(e[3], fabs(g[i] - s));
        }
        CHECK(e[0] < 4e-7 && e[4] < 1.2e-7 && e[1] < 2.5e-7 && e[2] < 3.5e-7 && e[3] < 2.5e-7, "%s: gelu %g and %g of the scale, grad %g, quick %g grad %g", set_names[set], e[0], e[4], e[1], e[2], e[3]);
        lb__act_run(c, odd, odd, LB_ACT_GELU, 4);
        CHECK(odd[0] != odd[0] && odd[1] == INFINITY && fabsf(odd[2]) < 1e-7f && odd[3] == 0, "%s gelu of nan inf -inf 0: %g %g %g %g", set_names[set], odd[0], odd[1], odd[2], odd[3]);
        lb_ctx_free(c);
    }
    free(x); free(y); free(d); free(g);
}
LBT(kernels, layernorm) {
    static const size_t cs[] = { 1, 3, 16, 17, 31, 64, 100, 768, 1023 }; size_t i, n, c; int set;
    EACH_SET(set) for (i = 0; i < LB__COUNT(cs); i++) {
        size_t N = 150, C = cs[i], ld = C + 2; lb_ctx *c1 = context(set, 1), *c4 = context(set, 4); double ey = 0, ex = 0, ew = 0;
        float *x = rnd(N * ld, 3), *w = rnd(C, 1), *b = rnd(C, 1), *y = rnd(N * ld, 1), *y0 = copy(y, N * ld), *y4 = copy(y, N * ld), *mu = rnd(N, 0), *rs = rnd(N, 0), *dy = rnd(N * ld, 1), *dx = rnd(N * ld, 1), *dx0 = copy(dx, N * ld), *dx4 = copy(dx, N * ld), *dw = rnd(C, 1), *dw0 = copy(dw, C), *dw4 = copy(dw, C), *db = rnd(C, 1), *db0 = copy(db, C), *db4 = copy(db, C);
        double *rw = (double *)calloc(C, 8), *rb = (double *)calloc(C, 8);
        for (n = 0; n < N * ld; n++) x[n] += 5;
        lb__layernorm(c4, y4, ld, NULL, NULL, x, ld, w, b, 1e-5f, N, C); lb__layernorm(c1, y, ld, mu, rs, x, ld, w, b, 1e-5f, N, C);
        CHECK(!lb__layernorm_bwd(c1, dx, ld, dw, db, dy, ld, x, ld, w, mu, rs, N, C) && !lb__layernorm_bwd(c4, dx4, ld, dw4, db4, dy, ld, x, ld, w, mu, rs, N, C), "%s", lb_last_error());
        CHECK(same(y, y4, N * ld) && same(dx, dx4, N * ld) && same(dw, dw4, C) && same(db, db4, C), "%s layernorm %zu: threads change bits", set_names[set], C);
        for (n = 0; n < N; n++) {
            double m = 0, v = 0, r, sg = 0, sh = 0;
            for (c = 0; c < C; c++) m += x[n * ld + c];
            m /= (double)C;
            for (c = 0; c < C; c++) v += (x[n * ld + c] - m) * (x[n * ld + c] - m);
            r = 1 / sqrt(v / (double)C + 1e-5);
            for (c = 0; c < C; c++) { double h = (x[n * ld + c] - m) * r, g = dy[n * ld + c]; ey = LB__MAX(ey, fabs(y[n * ld + c] - (h * w[c] + b[c]))); rw[c] += g * h; rb[c] += g; sg += g * w[c]; sh += g * w[c] * h; }
            sg /= (double)C; sh /= (double)C;
            for (c = 0; c < C; c++) { double h = (x[n * ld + c] - m) * r, t = r * ((double)dy[n * ld + c] * w[c] - sg - h * sh); ex = LB__MAX(ex, fabs(dx[n * ld + c] - dx0[n * ld + c] - t) / LB__MAX(1, r)); }
            for (c = C; c < ld; c++) if (y[n * ld + c] != y0[n * ld + c] || dx[n * ld + c] != dx0[n * ld + c]) ey = 1e9;
        }
        for (c = 0; c < C; c++) ew = LB__MAX(ew, LB__MAX(fabs(dw[c] - dw0[c] - rw[c]), fabs(db[c] - db0[c] - rb[c])));
        CHECK(ey < 5e-6 && ex < 5e-6 && ew < 5e-5, "%s layernorm %zu: y off by %g, dx %g, dw %g", set_names[set], C, ey, ex, ew);
        free(x); free(w); free(b); free(y); free(y0); free(y4); free(mu); free(rs); free(dy); free(dx); free(dx0); free(dx4); free(dw); free(dw0); free(dw4); free(db); free(db0); free(db4); free(rw); free(rb); lb_ctx_free(c1); lb_ctx_free(c4);
    }
}
LBT(kernels, vectors) {
    int set; size_t n, i;
    EACH_SET(set) for (n = 1; n < 70; n += 3) {
        lb_ctx *c = context(set, 1); float *x = rnd(n, 20), *y = copy(x, n), *z = rnd(n, 1), *z0 = copy(z, n), l; double s = 0, e = 0, d = 0;
        for (i = 0; i < n; i++) { s += exp(x[i]); d += (double)x[i] * z[i]; }
        CHECK(fabs(lb__vec_dot(c, x, z, n) - d) < 1e-4, "%s dot", set_names[set]);
        l = lb__softmax(c, y, n);
        for (i = 0; i < n; i++) e = LB__MAX(e, fabs(y[i] - exp(x[i]) / s));
        CHECK(e < 1e-6 && fabs(l - log(s)) < 1e-5, "%s softmax of %zu: off by %g, log-sum %g instead of %g", set_names[set], n, e, l, log(s));
        lb__vec_axpy(c, z, 0.5f, x, n); lb__vec_scale(c, z, 2, n); lb__vec_add(c, z, x, n);
        for (i = 0; i < n; i++) CHECK(fabs(z[i] - (z0[i] * 2 + 2 * (double)x[i])) < 1e-4, "%s vectors", set_names[set]);
        memcpy(y, x, n * 4); y[n / 2] = -INFINITY; lb__softmax(c, y, n);
        CHECK(n == 1 || y[n / 2] == 0, "%s softmax of -inf is %g", set_names[set], y[n / 2]);
        memcpy(y, x, n * 4); y[n / 2] = lb__bits_f32(0x7fc000a9u); lb__softmax(c, y, n);
        CHECK(y[0] != y[0] && y[n - 1] != y[n - 1], "%s softmax hides a NaN", set_names[set]);
        y[0] = 1000; for (i = 1; i < n; i++) y[i] = 900;
        lb__softmax(c, y, n);
        CHECK(y[0] == 1, "%s softmax of large values: %g", set_names[set], y[0]);
        lb_ctx_free(c); free(x); free(y); free(z); free(z0);
    }
}
LBT(kernels, adamw) {
    int set; size_t n, i; const lb__adam a = { 0.99f, 0.01f, 0.9f, 0.98f, 1.5f, 1e-6f, 0.5f };
    EACH_SET(set) for (n = 1; n < 70; n += 3) {
        float *p = rnd(n + 1, 1), *m = rnd(n + 1, 1), *v = rnd(n + 1, 1), *g = rnd(n + 1, 1), *p0, *m0, *v0, *g0; double e = 0;
        for (i = 0; i <= n; i++) v[i] = fabsf(v[i]);
        p0 = copy(p, n + 1); m0 = copy(m, n + 1); v0 = copy(v, n + 1); g0 = copy(g, n + 1);
        lb__kernels_of(set)->adamw(p, m, v, g, &a, n);
        for (i = 0; i < n; i++) {
            double d = 0.5 * g0[i], mi = 0.9 * m0[i] + 0.1 * d, vi = 0.98 * v0[i] + 0.02 * d * d, pi = 0.99 * p0[i] - 0.01 * mi / (1.5 * sqrt(vi) + 1e-6);
            e = LB__MAX(e, LB__MAX(fabs(m[i] - mi), fabs(v[i] - vi))); e = LB__MAX(e, fabs(p[i] - pi)); if (g[i] != 0) e = 1e9;
        }
        CHECK(e < 1e-6 && same(p + n, p0 + n, 1) && same(m + n, m0 + n, 1) && same(v + n, v0 + n, 1) && same(g + n, g0 + n, 1), "%s adamw of %zu: off by %g, or written past the end", set_names[set], n, e);
        free(p); free(m); free(v); free(g); free(p0); free(m0); free(v0); free(g0);
    }
}
LBT(kernels, halves) {
    int set; size_t i; static uint16_t all[65536]; static float f[65536];
    for (i = 0; i < 65536; i++) all[i] = (uint16_t)i;
    EACH_SET(set) {
        size_t bad = 0;
        lb__kernels_of(set)->widen(f, all, LB_F16, 65535);
        for (i = 0; i < 65535; i++) { float r = lb__f16_f32(all[i]); if (r != r ? f[i] == f[i] : lb__f32_bits(r) != lb__f32_bits(f[i])) bad++; }
        lb__kernels_of(set)->widen(f, all, LB_BF16, 65535);
        for (i = 0; i < 65535; i++) { float r = lb__bf16_f32(all[i]); if (r != r ? f[i] == f[i] : lb__f32_bits(r) != lb__f32_bits(f[i])) bad++; }
        CHECK(bad == 0, "%s: %zu of 131070 half-precision numbers widen to something else", set_names[set], bad);
    }
}

/* Attention against double loops: plain, causal, pooled, ragged and with frames between; every thread count gives the same bits. */
static void one_attention(int set, int mode, size_t S, size_t T, size_t H, size_t D) {
    size_t inner = mode == 3 ? 5 : 1, C = H * D, ld = 3 * C + 1, rows, s, h, i, k, c, off[8]; int causal = mode == 1, pooled = mode == 2; lb__attn a; double e = 0, el = 0; lb_ctx *c1 = context(set, 1), *c3 = context(set, 3);
    float *qkv, *q, *o, *o3, *lse; double *p = (double *)malloc((T + 8) * 8);
    memset(&a, 0, sizeof a);
    if (mode == 3) S = 10;
    for (off[0] = 0, s = 0; s < S && s < 7; s++) off[s + 1] = off[s] + (T > s * 3 ? T - s * 3 : 1);
    rows = mode == 4 ? off[S] : S * T;
    qkv = rnd(rows * ld, 1); q = rnd(S * C, 1); o = rnd(rows * C, 1); o3 = copy(o, rows * C); lse = rnd(rows * H, 1);
    a.S = S; a.T = T; a.H = H; a.D = D; a.inner = inner; a.offset = mode == 4 ? off : NULL; a.q = pooled ? q : qkv; a.ldq = pooled ? C : ld; a.k = qkv + C; a.v = qkv + 2 * C; a.ld = ld; a.o = o; a.ldo = C; a.lse = lse; a.causal = causal; a.pooled = pooled; a.scale = 0.7f;
    CHECK(!lb__attention(c1, &a), "%s", lb_last_error());
    a.o = o3; lb__attention(c3, &a);
    CHECK(same(o, o3, rows * C), "%s attention mode %d: threads change bits", set_names[set], mode);
    for (s = 0; s < S; s++) for (h = 0; h < H; h++) {
        size_t row, stride, len;
        lb__attn_seq(&a, s, &row, &stride, &len);
        for (i = 0; i < (pooled ? 1 : len); i++) {
            size_t qr = pooled ? s : row + i * stride, n = causal ? i + 1 : len; double m = -1e30, sum = 0;
            for (k = 0; k < n; k++) { double d = 0; for (c = 0; c < D; c++) d += (double)a.q[qr * a.ldq + h * D + c] * a.k[(row + k * stride) * ld + h * D + c]; p[k] = d * a.scale; m = LB__MAX(m, p[k]); }
            for (k = 0; k < n; k++) { p[k] = exp(p[k] - m); sum += p[k]; }
            for (c = 0; c < D; c++) { double v = 0, x; for (k = 0; k < n; k++) v += p[k] * a.v[(row + k * stride) * ld + h * D + c]; x = fabs(o[qr * C + h * D + c] - v / sum); if (!(x <= e)) e = x; }
            { double x = fabs(lse[qr * H + h] - (m + log(sum))); if (!(x <= el)) el = x; }
        }
    }
    CHECK(e < 5e-6 && el < 2e-5, "%s attention mode %d S %zu T %zu H %zu D %zu: off by %g, log-sum by %g", set_names[set], mode, S, T, H, D, e, el);
    free(qkv); free(q); free(o); free(o3); free(lse); free(p); lb_ctx_free(c1); lb_ctx_free(c3);
}
LBT(kernels, attention) {
    static const size_t ts[] = { 1, 2, 8, 31, 50, 77, 257, 400 }, ds[] = { 3, 16, 24, 64, 80 }; size_t i, j; int set, mode;
    EACH_SET(set) for (mode = 0; mode < 5; mode++) for (i = 0; i < LB__COUNT(ts); i++) for (j = 0; j < LB__COUNT(ds); j++) {
        if (ts[i] > 100 && (mode == 3 || ds[j] != 24)) continue;
        one_attention(set, mode, 3, ts[i], 2, ds[j]);
    }
}
/* Sequences with beginnings in common, whose keys are rows by index: the bits that each has alone with rows of its own, all queries or the last. */
LBT(kernels, attention_over_shared_rows) {
    static const struct { size_t shared, n; } seq[] = { { 0, 60 }, { 50, 61 }, { 60, 60 }, { 0, 3 }, { 1, 77 }, { 77, 77 }, { 76, 77 }, { 33, 90 }, { 2, 5 }, { 0, 1 } }; static const size_t ds[] = { 3, 24, 64, 80 };
    enum { S = LB__COUNT(seq), H = 2 }; size_t offset[S + 1], first[S + 1], key[S * 90], s, i, j, rows = 0, keys = 0, before = 0; int set, pooled, t;
    for (s = 0; s < S; s++) {
        offset[s] = rows; first[s] = keys; rows += seq[s].n - seq[s].shared;
        for (i = 0; i < seq[s].n; i++) key[keys++] = i < seq[s].shared ? key[before + i] : offset[s] + i - seq[s].shared;
        before = first[s];
    }
    offset[S] = rows; first[S] = keys;
    EACH_SET(set) for (j = 0; j < LB__COUNT(ds); j++) for (pooled = 0; pooled < 2; pooled++) {
        const size_t C = H * ds[j], ld = 3 * C + 1; float *qkv = rnd(rows * ld, 1), *own = rnd(90 * ld, 1), *o = rnd(rows * C, 1), *alone = rnd(90 * C, 1), *q = rnd(S * C, 1); lb__attn a, b; lb_ctx *c1 = context(set, 1);
        memset(&a, 0, sizeof a); a.H = H; a.D = ds[j]; a.inner = 1; a.ld = ld; a.ldq = pooled ? C : ld; a.ldo = C; a.causal = 1; a.pooled = pooled; a.scale = 0.7f; b = a;
        a.S = S; a.offset = offset; a.key = key; a.first = first; a.q = pooled ? q : qkv; a.k = qkv + C; a.v = qkv + 2 * C; a.o = o;
        b.S = 1; b.k = own + C; b.v = own + 2 * C; b.o = alone;
        for (t = 1; t <= 3; t++) {
            lb_ctx *c = context(set, t);
            CHECK(!lb__attention(c, &a), "%s", lb_last_error());
            for (s = 0; s < S; s++) {
                b.T = seq[s].n; b.q = pooled ? q + s * C : own;
                for (i = 0; i < b.T; i++) memcpy(own + i * ld, qkv + key[first[s] + i] * ld, ld * sizeof *own);
                CHECK(!lb__attention(c1, &b), "%s", lb_last_error());
                if (pooled) CHECK(same(o + s * C, alone, C), "%s D %zu: the last of sequence %zu, %d threads", set_names[set], ds[j], s, t);
                else for (i = 0; i < b.T; i++) CHECK(same(o + key[first[s] + i] * C, alone + i * C, C), "%s D %zu: row %zu of sequence %zu, %d threads", set_names[set], ds[j], i, s, t);
            }
            lb_ctx_free(c);
        }
        free(qkv); free(own); free(o); free(alone); free(q); lb_ctx_free(c1);
    }
}
