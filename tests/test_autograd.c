/* Section 6: every operation by central differences, gradients of whole models against torch, recomputation and cached gradients. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"
#include "tests/clip_golden.h"

/* ---- whole models against torch ---- */

/* A run over a golden file's model: its weights, and those of the adapter if there is one. */
static lb_trainer *golden_trainer(lb_ctx *ctx, const golden *g, lb_model *m, lb_train_desc *d) {
    lb_trainer *t = NULL; size_t i, n;
    if (lb_trainer_new(ctx, m, d, &t)) { printf("  %s\n", lb_last_error()); return NULL; }
    for (i = 0; i < t->slots; i++) if (t->slot[i].lora) {
        lb_tensor *p = &t->slot[i].p->t; const float *x = golden_f32(g, t->slot[i].p->name, &n);
        if (!x || n != lb_tensor_count(p)) return NULL;
        lb__pack_panels((float *)p->data, x, p->shape[1], p->shape[0], p->shape[1]);
    }
    return t;
}
static void zero_grads(lb_trainer *t) { size_t i; for (i = 0; i < t->slots; i++) memset(t->slot[i].p->t.grad, 0, t->slot[i].n * sizeof(float)); }
/* The largest error of any gradient, relative to the tensor's own largest value. */
static double compare_grads(const golden *g, lb_trainer *t, const char **where) {
    double worst = 0; size_t i, n, k; char name[128];
    for (i = 0; i < t->slots; i++) {
        lb_tensor *p = &t->slot[i].p->t; const float *want; double big = 0, d; float *rows = (float *)malloc(lb_tensor_count(p) * sizeof *rows);
        snprintf(name, sizeof name, "grad.%s", t->slot[i].p->name);
        want = golden_f32(g, name, &n);
        if (!want || n != lb_tensor_count(p)) { CHECK(0, "%s", name); free(rows); continue; }
        if (p->layout == LB_PANEL) lb__unpack_panels(rows, p->shape[1], p->grad, LB_F32, p->shape[0], p->shape[1]);
        else memcpy(rows, p->grad, n * sizeof *rows);
        for (k = 0; k < n; k++) big = LB__MAX(big, fabs((double)want[k]));
        d = max_abs_diff(rows, want, n) / LB__MAX(big, 1e-7);
        if (d > worst) { worst = d; *where = t->slot[i].p->name; }
        free(rows);
    }
    return worst;
}
/* Loss and gradients of a batch in one piece, with the masks of the golden file. */
static lb_status run(lb_ctx *ctx, lb_trainer *t, const lb_batch *b, const uint32_t *keep, size_t K, double *loss) {
    const lb__tower *v = lb__modality_tower(t->model, t->modality), *w = lb__modality_tower(t->model, t->text); const lb_modality_desc *d = &t->model->desc.modality[t->modality];
    lb__tape tape; lb__var *x, *y; double ds = 0; lb_status s; float *dx, *dy; const size_t E = lb_model_dim(t->model); lb__mark mark = lb__arena_mark(ctx);
    memset(&tape, 0, sizeof tape); tape.recompute = t->desc.recompute;
    zero_grads(t);
    ctx->tape = &tape;
    x = lb__unit(ctx, lb__vision(ctx, v, b->x, b->n, (size_t)d->height, (size_t)d->width, keep, K));
    y = lb__unit(ctx, lb__text(ctx, w, lb__lines(ctx, b->ids, b->n, b->length), b->n));
    ctx->tape = NULL;
    if (!x || !y) return LB_ERR_MEM;
    dx = (float *)malloc(b->n * E * 4); dy = (float *)malloc(b->n * E * 4);
    s = lb_clip_loss(ctx, x->x, y->x, b->n, E, (double)*(const float *)t->model->logit_scale[t->modality]->data, b->group, loss, dx, dy, &ds);
    if (x->wants) memcpy(lb__grad(ctx, x), dx, b->n * E * 4);
    if (y->wants) memcpy(lb__grad(ctx, y), dy, b->n * E * 4);
    if (!s) s = lb__backward(ctx, &tape);
    if (t->model->logit_scale[t->modality]->grad) *t->model->logit_scale[t->modality]->grad += (float)ds;
    free(dx); free(dy); lb__arena_rewind(ctx, mark);
    return s;
}
static void golden_batch(const golden *g, lb_batch *b) {
    golden_array x = golden_get(g, "image"), ids = golden_get(g, "ids");
    memset(b, 0, sizeof *b);
    b->n = x.shape[0]; b->x = (const float *)x.data; b->ids = (const int32_t *)ids.data; b->length = ids.shape[1];
}
static float *all_grads(lb_trainer *t, size_t *n) {
    size_t i, k = 0; float *out;
    for (*n = i = 0; i < t->slots; i++) *n += t->slot[i].n;
    out = (float *)malloc(*n * sizeof *out);
    for (i = 0; i < t->slots; i++) { memcpy(out + k, t->slot[i].p->t.grad, t->slot[i].n * sizeof *out); k += t->slot[i].n; }
    return out;
}
static void against_torch(const char *name, lb_trainable trainable, int rank) {
    golden g; lb_ctx *c = ctx_with(2); lb_model *m; lb_train_desc d; lb_trainer *t; lb_batch b; double loss = 0, worst; const char *where = ""; const uint32_t *keep = NULL; size_t K = 0, n, n2; float *plain, *again;
    REQUIRE(golden_open(name, &g), "%s", name);
    m = clip_model(c, &g); REQUIRE(m, "%s", name);
    memset(&d, 0, sizeof d); d.trainable = trainable; d.lora_rank = rank; d.lora_temporal = !strncmp(name, "video", 5); d.freeze_text = trainable != LB_TRAIN_ALL;
    t = golden_trainer(c, &g, m, &d); REQUIRE(t, "%s", name);
    golden_batch(&g, &b);
    if (strstr(g.header, "\"keep\"")) { golden_array a = golden_get(&g, "keep"); keep = (const uint32_t *)a.data; K = a.shape[1]; }
    REQUIRE(!run(c, t, &b, keep, K, &loss), "%s", lb_last_error());
    CHECK(fabs(loss - (double)*golden_f32(&g, "loss", NULL)) < 2e-5, "%s: loss %.9g instead of %.9g", name, loss, (double)*golden_f32(&g, "loss", NULL));
    worst = compare_grads(&g, t, &where);
    CHECK(worst < 1e-4, "%s: the gradient of %s is off by %g", name, where, worst);
    printf("  %s: gradients within %.1e of torch, relative per tensor; recomputed: ", name, worst);
    plain = all_grads(t, &n);
    t->desc.recompute = 1;
    REQUIRE(!run(c, t, &b, keep, K, &loss), "%s", lb_last_error());
    again = all_grads(t, &n2);
    CHECK(n == n2 && !memcmp(plain, again, n * sizeof *plain), "%s: recomputation gives other bits", name);
    printf("%s\n", n == n2 && !memcmp(plain, again, n * sizeof *plain) ? "the same bits" : "other bits");
    free(plain); free(again); lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
LBT(autograd, full_model_matches_torch) { against_torch("grad_full", LB_TRAIN_ALL, 0); }
LBT(autograd, masked_model_matches_torch) { against_torch("grad_mask", LB_TRAIN_ALL, 0); }
LBT(autograd, video_matches_upstream) { against_torch("video_vl", LB_TRAIN_ALL, 0); against_torch("video_vl_new", LB_TRAIN_ALL, 0); }
LBT(autograd, temporal_lora_matches_upstream) { against_torch("video_lora", LB_TRAIN_LORA, 4); }
LBT(autograd, mel_shaped_tower_matches_upstream) { against_torch("audio_tower", LB_TRAIN_ALL, 0); }
LBT(autograd, lora_matches_peft) { against_torch("grad_lora", LB_TRAIN_LORA, 4); }

/* ---- the trainer's pass: threads, frozen weights, cached gradients ---- */

static void trained(const char *name, lb_train_desc *d, int threads, const lb_batch *b, float **grads, size_t *n, double *loss) {
    golden g; lb_ctx *c = ctx_with(threads); lb_model *m; lb_trainer *t;
    *grads = NULL;
    REQUIRE(golden_open(name, &g), "%s", name);
    m = clip_model(c, &g); REQUIRE(m, "model");
    t = golden_trainer(c, &g, m, d); REQUIRE(t, "trainer");
    zero_grads(t);
    CHECK(!lb__train_pass(c, t, b, 1, loss), "%s", lb_last_error());
    *grads = all_grads(t, n);
    lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
/* 64 pairs: noisy copies of the golden file's */
static void big_batch(const golden *g, lb_batch *b, size_t n) {
    lb_batch s; size_t i, k, per; float *x; int32_t *ids; lb__rng r = lb__rng_new(3, 4);
    golden_batch(g, &s); per = golden_get(g, "image").count / s.n;
    x = (float *)malloc(n * per * sizeof *x); ids = (int32_t *)malloc(n * s.length * sizeof *ids);
    for (i = 0; i < n; i++) for (k = 0; k < per; k++) x[i * per + k] = s.x[i % s.n * per + k] + 0.5f * lb__rng_normal(&r);
    for (i = 0; i < n; i++) { memcpy(ids + i * s.length, s.ids + i % s.n * s.length, s.length * sizeof *ids); ids[i * s.length] = (int32_t)(1 + i % 50); }
    *b = s; b->n = n; b->x = x; b->ids = ids;
}
LBT(autograd, cached_gradient_equals_the_plain_one) {
    golden g; lb_batch b; lb_train_desc d; float *a, *c; size_t n, k; double l1 = 0, l2 = 0, big = 0; int mode;
    REQUIRE(golden_open("grad_lora", &g), "golden");
    big_batch(&g, &b, 64);
    for (mode = 0; mode < 3; mode++) {
        memset(&d, 0, sizeof d);
        if (mode) { d.trainable = LB_TRAIN_LORA; d.lora_rank = 4; }
        if (mode == 2) d.mask_ratio = 0.5;
        trained("grad_lora", &d, 2, &b, &a, &n, &l1);
        d.micro_batch = 8;
        trained("grad_lora", &d, 2, &b, &c, &n, &l2);
        REQUIRE(a && c, "gradients");
        for (big = 0, k = 0; k < n; k++) big = LB__MAX(big, fabs((double)a[k]));
        CHECK(l1 == l2, "losses %.17g and %.17g", l1, l2);
        CHECK(max_abs_diff(a, c, n) < 1e-6 * big, "mode %d: gradients differ by %g of %g", mode, max_abs_diff(a, c, n), big);
        printf("  64 in micro-batches of 8, %s: gradients within %.1e of the plain batch's\n", mode == 2 ? "LoRA and masks" : mode ? "LoRA" : "all", max_abs_diff(a, c, n) / big);
        free(a); free(c);
    }
    free((void *)(uintptr_t)b.x); free((void *)(uintptr_t)b.ids); golden_close(&g);
}
LBT(autograd, same_bits_for_any_number_of_threads) {
    golden g; lb_batch b; lb_train_desc d; float *a, *c; size_t n; double l1 = 0, l2 = 0; int mode, threads;
    REQUIRE(golden_open("grad_lora", &g), "golden");
    big_batch(&g, &b, 24);
    for (mode = 0; mode < 2; mode++) {
        memset(&d, 0, sizeof d); d.mask_ratio = 0.3; d.seed = 9;
        if (mode) { d.trainable = LB_TRAIN_LORA; d.lora_rank = 4; d.lora_dropout = 0.2f; d.recompute = 1; }
        trained("grad_lora", &d, 1, &b, &a, &n, &l1);
        for (threads = 2; threads <= 4; threads += 2) {
            trained("grad_lora", &d, threads, &b, &c, &n, &l2);
            CHECK(l1 == l2 && a && c && !memcmp(a, c, n * sizeof *a), "mode %d, %d threads", mode, threads);
            free(c);
        }
        free(a);
    }
    free((void *)(uintptr_t)b.x); free((void *)(uintptr_t)b.ids); golden_close(&g);
}

/* ---- every operation and whole blocks by central differences in double ----
 * Each operation is written again below, plainly and in double, over one array p of everything it depends on.  Its value is checked against
 * the header's, and the differences of sum_i seed_i y_i against the header's gradients. */

static double act64(double x, lb_act act) { return act == LB_ACT_GELU ? 0.5 * x * (1 + erf(x / sqrt(2.0))) : act == LB_ACT_QUICK_GELU ? x / (1 + exp(-1.702 * x)) : x; }
static void linear64(double *y, const double *x, const double *w, const double *b, const double *add, lb_act act, size_t M, size_t N, size_t K) {
    size_t m, n, k;
    for (m = 0; m < M; m++) for (n = 0; n < N; n++) { double s = b ? b[n] : 0; for (k = 0; k < K; k++) s += x[m * K + k] * w[n * K + k]; s = act64(s, act); y[m * N + n] = add ? s + add[m * N + n] : s; }
}
static void norm64(double *y, const double *x, const double *w, const double *b, size_t N, size_t C) {
    size_t n, c;
    for (n = 0; n < N; n++) {
        const double *p = x + n * C; double m = 0, v = 0;
        for (c = 0; c < C; c++) m += p[c] / (double)C;
        for (c = 0; c < C; c++) v += (p[c] - m) * (p[c] - m) / (double)C;
        for (c = 0; c < C; c++) y[n * C + c] = (p[c] - m) / sqrt(v + (double)1e-5f) * w[c] + b[c];
    }
}
/* q rows of width ldq at q, k and v rows of width ld */
static void attn64(double *o, const double *q, const double *k, const double *v, const lb__attn *a, size_t ldq, size_t ld) {
    size_t s, h, i, j, c;
    for (s = 0; s < a->S; s++) for (h = 0; h < a->H; h++) {
        size_t row, stride, T, Q; double p[64];
        lb__attn_seq(a, s, &row, &stride, &T);
        Q = a->pooled ? 1 : T;
        for (i = 0; i < Q; i++) {
            size_t r = a->pooled ? s : row + i * stride, end = a->causal && !a->pooled ? i + 1 : T; double sum = 0;
            for (j = 0; j < end; j++) { double d = 0; for (c = 0; c < a->D; c++) d += q[r * ldq + h * a->D + c] * k[(row + j * stride) * ld + h * a->D + c]; p[j] = exp(d * (double)a->scale); sum += p[j]; }
            for (c = 0; c < a->D; c++) { double t = 0; for (j = 0; j < end; j++) t += p[j] / sum * v[(row + j * stride) * ld + h * a->D + c]; o[r * a->H * a->D + h * a->D + c] = t; }
        }
    }
}
enum { MAXP = 16, MAXY = 4096 };
/* One case: up to MAXP arrays it depends on (each with its f32 twin: values and gradient), and how y follows from them. */
typedef struct op_case {
    const char *name; size_t parts, size[MAXP], rows[MAXP], y; double *p[MAXP]; float *x[MAXP], *g[MAXP]; lb_layout layout[MAXP]; lb_tensor t[MAXP]; lb__var *v[MAXP];
    void (*eval)(struct op_case *, double *y); lb__var *(*make)(struct op_case *, lb_ctx *);
    size_t n, c, N, S, T, H, F; lb_act act; const size_t *index; const uint32_t *keep; const int32_t *id; int flag; lb__attn attn; double seed[MAXY], out[MAXY];
} op_case;
static size_t op_part(op_case *o, size_t rows, size_t cols, int panel, double mean, double spread) {
    size_t k = o->parts++, i; static uint64_t stream; lb__rng r = lb__rng_new(77, stream++);
    o->size[k] = rows * cols; o->rows[k] = rows; o->p[k] = (double *)malloc(o->size[k] * sizeof(double)); o->layout[k] = panel ? LB_PANEL : LB_ROWS;
    memset(&o->t[k], 0, sizeof o->t[k]); o->t[k].ndim = rows > 1 || panel ? 2 : 1; o->t[k].shape[0] = rows > 1 || panel ? rows : cols; o->t[k].shape[1] = cols; o->t[k].layout = o->layout[k];
    o->x[k] = (float *)calloc(lb_tensor_stored(&o->t[k]) + 1, 4); o->g[k] = (float *)calloc(lb_tensor_stored(&o->t[k]) + 1, 4); o->t[k].data = o->x[k]; o->t[k].grad = o->g[k];
    for (i = 0; i < o->size[k]; i++) { float v = (float)(mean + spread * (double)lb__rng_normal(&r)); o->p[k][i] = (double)v; o->x[k][panel ? lb__panel_index(i / cols, i % cols, cols) : i] = v; }
    return k;
}
/* parts that are activations: a variable whose gradient is the part's */
static lb__var *op_var(op_case *o, lb_ctx *ctx, size_t k, size_t n, size_t c) { lb__var *v = lb__var_view(ctx, o->x[k], n, c); v->g = o->g[k]; v->wants = 1; return v; }
static void op_check(op_case *o) {
    double furthest = 0; lb_ctx *c = ctx_with(2); lb__tape tape; lb__var *y; size_t i, k; double lo[MAXY], hi[MAXY], worst = 0; lb__rng r = lb__rng_new(5, 6);
    memset(&tape, 0, sizeof tape);
    c->tape = &tape; y = o->make(o, c); c->tape = NULL;
    REQUIRE(y && y->n * y->c == o->y && o->y <= MAXY, "%s: %zu values, %zu were expected", o->name, y ? y->n * y->c : 0, o->y);
    o->eval(o, o->out);
    for (i = 0; i < o->y; i++) worst = LB__MAX(worst, fabs((double)y->x[i] - o->out[i]));
    CHECK(worst < 1e-5, "%s: the value is off by %g", o->name, worst);
    for (i = 0; i < o->y; i++) { float s = lb__rng_normal(&r); o->seed[i] = (double)s; lb__grad(c, y)[i] = s; }
    REQUIRE(!lb__backward(c, &tape), "%s: %s", o->name, lb_last_error());
    for (k = 0; k < o->parts; k++) {
        double big = 1e-3, off = 0; size_t cols = o->size[k] / o->rows[k];
        for (i = 0; i < o->size[k]; i++) {
            double keep = o->p[k][i], d = 0, got = (double)o->g[k][o->layout[k] == LB_PANEL ? lb__panel_index(i / cols, i % cols, cols) : i]; size_t j; const double h = 1e-5;
            o->p[k][i] = keep + h; o->eval(o, hi); o->p[k][i] = keep - h; o->eval(o, lo); o->p[k][i] = keep;
            for (j = 0; j < o->y; j++) d += o->seed[j] * (hi[j] - lo[j]) / (2 * h);
            big = LB__MAX(big, fabs(d)); off = LB__MAX(off, fabs(d - got));
        }
        CHECK(off < 2e-5 * big, "%s: the gradient of part %zu is off by %g of %g", o->name, k, off, big);
        furthest = LB__MAX(furthest, off / big);
    }
    printf("  %s: value within %.1e, %zu gradients within %.1e of differences\n", o->name, worst, o->parts, furthest);
    for (k = 0; k < o->parts; k++) { free(o->p[k]); free(o->x[k]); free(o->g[k]); }
    lb_ctx_free(c);
}
static op_case *op_new(const char *name) { static op_case o; memset(&o, 0, sizeof o); o.name = name; return &o; }

/* Attention as its definition reads. */
static lb_status attention_plain(lb_ctx *ctx, const lb__attn *a) {
    size_t s, h, i, j, c;
    (void)ctx;
    for (s = 0; s < a->S; s++) for (h = 0; h < a->H; h++) {
        size_t row, stride, T, Q;
        lb__attn_seq(a, s, &row, &stride, &T);
        Q = a->pooled ? 1 : T;
        for (i = 0; i < Q; i++) {
            size_t qr = a->pooled ? s : row + i * stride, end = a->causal && !a->pooled ? i + 1 : T;
            const float *q = a->q + qr * a->ldq + h * a->D; float *o = a->o + qr * a->ldo + h * a->D, m = -INFINITY, sum = 0;
            for (c = 0; c < a->D; c++) o[c] = 0;
            for (j = 0; j < end; j++) { const float *k = a->k + (row + j * stride) * a->ld + h * a->D; float d = 0; for (c = 0; c < a->D; c++) d += q[c] * k[c]; m = LB__MAX(m, d * a->scale); }
            for (j = 0; j < end; j++) {
                const float *k = a->k + (row + j * stride) * a->ld + h * a->D, *v = a->v + (row + j * stride) * a->ld + h * a->D; float d = 0, p;
                for (c = 0; c < a->D; c++) d += q[c] * k[c];
                p = expf(d * a->scale - m); sum += p;
                for (c = 0; c < a->D; c++) o[c] += p * v[c];
            }
            for (c = 0; c < a->D; c++) o[c] /= sum;
            if (a->lse) a->lse[qr * a->H + h] = m + logf(sum);
        }
    }
    return LB_OK;
}
static lb__lin op_lin; static lb__lora op_lora[2]; static lb__norm op_norm;
static void linear_eval(op_case *o, double *y) {
    size_t i, j, k, q, m; double u[64];
    linear64(y, o->p[0], o->p[1], o->p[2], o->flag & 1 ? o->p[3] : NULL, o->act, o->n, o->N, o->c);
    if (o->flag & 2) for (k = 0; k < 2; k++) for (m = 0; m < o->n; m++) {
        const double *a = o->p[3 + 2 * k], *b = o->p[4 + 2 * k]; size_t R = op_lora[k].a->shape[0];
        for (q = 0; q < R; q++) for (u[q] = 0, j = 0; j < o->c; j++) u[q] += o->p[0][m * o->c + j] * a[q * o->c + j];
        for (i = 0; i < op_lora[k].n; i++) for (q = 0; q < R; q++) y[m * o->N + op_lora[k].n0 + i] += (double)op_lora[k].scale * u[q] * b[i * R + q];
    }
}
static lb__var *linear_make(op_case *o, lb_ctx *ctx) { return lb__linear(ctx, &op_lin, 0, o->N, op_var(o, ctx, 0, o->n, o->c), o->flag & 1 ? op_var(o, ctx, 3, o->n, o->N) : NULL, o->act); }
LBT(autograd, linear_by_differences) {
    static const size_t sizes[][3] = { { 3, 5, 7 }, { 9, 33, 16 }, { 5, 64, 40 } }; size_t i; int act;
    for (i = 0; i < 3; i++) for (act = 0; act < 3; act++) {
        op_case *o = op_new("linear");
        o->n = sizes[i][0]; o->N = sizes[i][1]; o->c = sizes[i][2]; o->y = o->n * o->N; o->act = (lb_act)act; o->flag = act != 1; o->eval = linear_eval; o->make = linear_make;
        op_part(o, o->n, o->c, 0, 0, 1); op_part(o, o->N, o->c, 1, 0, 0.5); op_part(o, 1, o->N, 0, 0, 0.5);
        if (o->flag & 1) op_part(o, o->n, o->N, 0, 0, 1);
        memset(&op_lin, 0, sizeof op_lin); op_lin.w = &o->t[1]; op_lin.b = &o->t[2];
        /* the residual shares its gradient with the result: what it gets is the seed itself */
        if (o->flag & 1) { free(o->g[3]); o->g[3] = (float *)calloc(o->size[3], 4); }
        op_check(o);
    }
}
LBT(autograd, lora_by_differences) {
    op_case *o = op_new("lora"); int k;
    o->n = 5; o->N = 3 * 20; o->c = 12; o->y = o->n * o->N; o->flag = 2; o->eval = linear_eval; o->make = linear_make;
    op_part(o, o->n, o->c, 0, 0, 1); op_part(o, o->N, o->c, 1, 0, 0.5); op_part(o, 1, o->N, 0, 0, 0.5);
    for (k = 0; k < 2; k++) {
        op_part(o, 3, 12, 1, 0, 0.5); op_part(o, 20, 3, 1, 0, 0.5);
        memset(&op_lora[k], 0, sizeof op_lora[k]); op_lora[k].a = &o->t[3 + 2 * k]; op_lora[k].b = &o->t[4 + 2 * k]; op_lora[k].n0 = k ? 40 : 0; op_lora[k].n = 20; op_lora[k].scale = 2.5f;
    }
    memset(&op_lin, 0, sizeof op_lin); op_lin.w = &o->t[1]; op_lin.b = &o->t[2]; op_lin.lora = op_lora; op_lin.loras = 2;
    op_check(o);
}
static void norm_eval(op_case *o, double *y) { norm64(y, o->p[0], o->p[1], o->p[2], o->n, o->c); }
static lb__var *norm_make(op_case *o, lb_ctx *ctx) { return lb__layer_norm(ctx, &op_norm, op_var(o, ctx, 0, o->n, o->c)); }
LBT(autograd, layernorm_by_differences) {
    static const size_t sizes[][2] = { { 1, 3 }, { 7, 20 }, { 4, 65 } }; size_t i;
    for (i = 0; i < 3; i++) {
        op_case *o = op_new("layernorm");
        o->n = sizes[i][0]; o->c = sizes[i][1]; o->y = o->n * o->c; o->eval = norm_eval; o->make = norm_make;
        op_part(o, o->n, o->c, 0, 0.5, 1); op_part(o, 1, o->c, 0, 1, 0.3); op_part(o, 1, o->c, 0, 0, 0.3);
        op_norm.w = &o->t[1]; op_norm.b = &o->t[2]; op_norm.eps = 1e-5f;
        op_check(o);
    }
}
/* parts: qkv, or q and kv when pooled */
static void attn_eval(op_case *o, double *y) {
    size_t D = o->attn.H * o->attn.D;
    if (o->attn.pooled) attn64(y, o->p[0], o->p[1], o->p[1] + D, &o->attn, D, 2 * D);
    else attn64(y, o->p[0], o->p[0] + D, o->p[0] + 2 * D, &o->attn, 3 * D, 3 * D);
}
static lb__var *attn_make(op_case *o, lb_ctx *ctx) {
    size_t D = o->attn.H * o->attn.D; lb__var *q;
    if (o->attn.pooled) return lb__attend(ctx, &o->attn, op_var(o, ctx, 0, o->attn.S, D), 0, op_var(o, ctx, 1, o->n, 2 * D), 0, D);
    q = op_var(o, ctx, 0, o->n, 3 * D);
    return lb__attend(ctx, &o->attn, q, 0, q, D, 2 * D);
}
LBT(autograd, attention_by_differences) {
    static const size_t offset[] = { 0, 5, 6, 13 }; int mode;           /* plain, causal, ragged and causal, over frames, pooled, pooled and ragged */
    for (mode = 0; mode < 6; mode++) {
        static const char *const name[] = { "attention", "causal attention", "ragged attention", "attention over frames", "pooled attention", "pooled ragged attention" };
        op_case *o = op_new(name[mode]); lb__attn *a = &o->attn; size_t D;
        a->H = 2; a->D = 5; a->S = 3; a->T = 4; a->inner = 1; a->scale = 0.4f; a->causal = mode == 1 || mode == 2 || mode == 5; a->pooled = mode >= 4;
        if (mode == 2 || mode == 5) { a->offset = offset; a->T = 7; }
        if (mode == 3) { a->S = 6; a->inner = 3; }
        D = a->H * a->D; o->n = a->offset ? 13 : a->S * a->T; o->y = (a->pooled ? a->S : o->n) * D; o->eval = attn_eval; o->make = attn_make;
        if (a->pooled) { op_part(o, a->S, D, 0, 0, 1); op_part(o, o->n, 2 * D, 0, 0, 1); }
        else op_part(o, o->n, 3 * D, 0, 0, 1);
        op_check(o);
    }
}
static void rows_eval(op_case *o, double *y) {
    size_t i, c, C = o->c;
    switch (o->flag) {
        case 0: for (i = 0; i < o->N; i++) for (c = 0; c < C; c++) y[i * C + c] = o->p[0][o->index[i] * C + c]; break;
        case 1: for (i = 0; i < o->n; i++) for (c = 0; c < C; c++) y[i * C + c] = o->p[0][(size_t)o->id[i] * C + c] + o->p[1][o->index[i] * C + c]; break;
        case 2: for (i = 0; i < o->S * (1 + o->T); i++) for (c = 0; c < C; c++) {
            size_t g = i / (1 + o->T), j = i % (1 + o->T);
            y[i * C + c] = j ? o->p[0][(g * o->T + j - 1) * C + c] + o->p[2][(1 + o->keep[g / o->F * o->T + j - 1]) * C + c] : o->p[1][g % o->F * C + c] + o->p[2][c];
        } break;
        case 3: for (i = 0; i < o->n; i++) for (c = 0; c < C; c++) y[i * C + c] = o->p[0][i * C + c] + o->p[1][i / o->T % o->F * C + c]; break;
        case 4: for (i = 0; i < o->n / o->F; i++) for (c = 0; c < C; c++) { size_t f; y[i * C + c] = 0; for (f = 0; f < o->F; f++) y[i * C + c] += o->p[0][(i * o->F + f) * C + c] / (double)o->F; } break;
        case 5: for (i = 0; i < o->n; i++) { double s = 0; for (c = 0; c < C; c++) s += o->p[0][i * C + c] * o->p[0][i * C + c]; for (c = 0; c < C; c++) y[i * C + c] = o->p[0][i * C + c] / sqrt(s); } break;
    }
}
static lb__var *rows_make(op_case *o, lb_ctx *ctx) {
    switch (o->flag) {
        case 0: return lb__gather(ctx, op_var(o, ctx, 0, o->n, o->c), o->index, o->N);
        case 1: return lb__embed_tokens(ctx, &o->t[0], &o->t[1], o->id, o->index, o->n);
        case 2: return lb__assemble(ctx, &o->t[1], &o->t[2], op_var(o, ctx, 0, o->S * o->T, o->c), o->keep, o->S, o->F);
        case 3: { lb__var *x = op_var(o, ctx, 0, o->n, o->c); float *copy = lb__arena_f32(ctx, o->n, o->c); memcpy(copy, x->x, o->n * o->c * 4); x->x = copy; return lb__add_frames(ctx, &o->t[1], x, o->F, o->T); }
        case 4: return lb__mean_frames(ctx, op_var(o, ctx, 0, o->n, o->c), o->F);
    }
    return lb__unit(ctx, op_var(o, ctx, 0, o->n, o->c));
}
LBT(autograd, rows_by_differences) {
    static const size_t index[] = { 4, 0, 2 }, at[] = { 0, 1, 2, 0, 1 }; static const int32_t id[] = { 3, 1, 3, 0, 5 }; static const uint32_t keep[] = { 0, 2, 1, 4 }; int k;
    static const char *const name[] = { "gather", "token embedding", "class and positions", "frame embedding", "mean over frames", "unit length" };
    for (k = 0; k < 6; k++) {
        op_case *o = op_new(name[k]);
        o->flag = k; o->c = 6; o->eval = rows_eval; o->make = rows_make;
        if (k == 0) { o->n = 5; o->N = 3; o->index = index; op_part(o, 5, 6, 0, 0, 1); o->y = 18; }
        if (k == 1) { o->n = 5; o->id = id; o->index = at; op_part(o, 7, 6, 0, 0, 1); op_part(o, 4, 6, 0, 0, 1); o->y = 30; }
        if (k == 2) { o->S = 6; o->T = 2; o->F = 3; o->keep = keep; op_part(o, 12, 6, 0, 0, 1); op_part(o, 3, 6, 0, 0, 1); op_part(o, 6, 6, 0, 0, 1); o->y = 6 * 3 * 6; }
        if (k == 3) { o->n = 12; o->F = 3; o->T = 2; op_part(o, 12, 6, 0, 0, 1); op_part(o, 3, 6, 0, 0, 1); o->y = 72; }
        if (k == 4) { o->n = 6; o->F = 3; op_part(o, 6, 6, 0, 0, 1); o->y = 12; }
        if (k == 5) { o->n = 4; op_part(o, 4, 6, 0, 0, 1); o->y = 24; }
        op_check(o);
    }
}
/* A whole block with temporal attention, 2 clips of 3 frames of 2 rows; and the same as a last block that pools row 0 of each frame.
 * Parts: x, frames, (norm w, b, qkv w, b, out w, b) twice would exceed MAXP: norms keep their values. */
static lb__tower blk_tower; static lb__block blk; static lb__rows blk_rows; static size_t blk_pooled[6] = { 0, 2, 4, 6, 8, 10 }; static double blk_one[64], blk_zero[64];
static void block_eval(op_case *o, double *y) {
    const size_t D = 8, n = 12; double h[12 * 8], z[12 * 8], q[12 * 24], a[12 * 8], m[12 * 16]; lb__attn s; size_t i, c;
    for (i = 0; i < n; i++) for (c = 0; c < D; c++) h[i * D + c] = o->p[0][i * D + c] + o->p[1][i / 2 % 3 * D + c];
    memset(&s, 0, sizeof s); s.H = 2; s.D = 4; s.scale = 0.5f; s.S = 4; s.T = 3; s.inner = 2;
    norm64(z, h, blk_one, blk_zero, n, D); linear64(q, z, o->p[2], o->p[3], NULL, LB_ACT_NONE, n, 24, D); attn64(a, q, q + 8, q + 16, &s, 24, 24); linear64(h, a, o->p[4], o->p[5], h, LB_ACT_NONE, n, D, D);
    s.S = 6; s.T = 2; s.inner = 1;
    norm64(z, h, blk_one, blk_zero, n, D); linear64(q, z, o->p[6], o->p[7], NULL, LB_ACT_NONE, n, 24, D); attn64(a, q, q + 8, q + 16, &s, 24, 24); linear64(h, a, o->p[8], o->p[9], h, LB_ACT_NONE, n, D, D);
    norm64(z, h, o->p[14], o->p[15], n, D); linear64(m, z, o->p[10], o->p[11], NULL, LB_ACT_GELU, n, 16, D); linear64(h, m, o->p[12], o->p[13], h, LB_ACT_NONE, n, D, 16);
    for (i = 0; i < (o->flag ? 6u : n); i++) memcpy(y + i * D, h + (o->flag ? blk_pooled[i] : i) * D, D * sizeof *y);
}
static lb__var *block_make(op_case *o, lb_ctx *ctx) {
    static lb__block_arg arg; lb__var *x = op_var(o, ctx, 0, 12, 8); float *copy = lb__arena_f32(ctx, 12, 8);
    memcpy(copy, x->x, 12 * 8 * 4); x->x = copy;                       /* the frame embedding is added in place */
    arg.t = &blk_tower; arg.b = &blk; arg.r = &blk_rows;
    return o->flag == 1 ? lb__block_last(ctx, &arg, x) : lb__block_run(ctx, &arg, x);
}
LBT(autograd, blocks_by_differences) {
    static float one[8] = { 1, 1, 1, 1, 1, 1, 1, 1 }, zero[8]; static lb_tensor ones, zeros; int k; size_t i;
    for (i = 0; i < 64; i++) { blk_one[i] = 1; blk_zero[i] = 0; }
    memset(&ones, 0, sizeof ones); memset(&zeros, 0, sizeof zeros); ones.data = one; zeros.data = zero;
    for (k = 0; k < 2; k++) {
        op_case *o = op_new(k ? "last block" : "block");
        o->flag = k; o->eval = block_eval; o->make = block_make; o->y = (k ? 6 : 12) * 8;
        op_part(o, 12, 8, 0, 0, 1); op_part(o, 3, 8, 0, 0, 1);
        for (i = 0; i < 2; i++) { op_part(o, 24, 8, 1, 0, 0.4); op_part(o, 1, 24, 0, 0, 0.4); op_part(o, 8, 8, 1, 0, 0.4); op_part(o, 1, 8, 0, 0, 0.4); }
        op_part(o, 16, 8, 1, 0, 0.4); op_part(o, 1, 16, 0, 0, 0.4); op_part(o, 8, 16, 1, 0, 0.4); op_part(o, 1, 8, 0, 0, 0.4); op_part(o, 1, 8, 0, 1, 0.2); op_part(o, 1, 8, 0, 0, 0.2);
        memset(&blk, 0, sizeof blk); memset(&blk_tower, 0, sizeof blk_tower); memset(&blk_rows, 0, sizeof blk_rows);
        blk_tower.d.width = 8; blk_tower.d.heads = 2; blk_tower.d.mlp = 16;
        blk_rows.S = 6; blk_rows.T = 2; blk_rows.F = 3; blk_rows.pooled = blk_pooled;
        blk.frames = &o->t[1]; blk.tqkv.w = &o->t[2]; blk.tqkv.b = &o->t[3]; blk.tout.w = &o->t[4]; blk.tout.b = &o->t[5];
        blk.qkv.w = &o->t[6]; blk.qkv.b = &o->t[7]; blk.out.w = &o->t[8]; blk.out.b = &o->t[9]; blk.fc1.w = &o->t[10]; blk.fc1.b = &o->t[11]; blk.fc2.w = &o->t[12]; blk.fc2.b = &o->t[13];
        blk.norm2.w = &o->t[14]; blk.norm2.b = &o->t[15]; blk.norm1.w = blk.tnorm.w = &ones; blk.norm1.b = blk.tnorm.b = &zeros; blk.norm1.eps = blk.norm2.eps = blk.tnorm.eps = 1e-5f;
        op_check(o);
    }
}
/* The definition of the backward: dq, dk and dv by plain sums. */
static lb_status attention_bwd_plain(const lb__attn *a, const float *do_, float *dq, float *dk, float *dv) {
    size_t s, h, i, j, c;
    for (s = 0; s < a->S; s++) for (h = 0; h < a->H; h++) {
        size_t row, stride, T, Q;
        lb__attn_seq(a, s, &row, &stride, &T);
        Q = a->pooled ? 1 : T;
        for (i = 0; i < Q; i++) {
            size_t qr = a->pooled ? s : row + i * stride, end = a->causal && !a->pooled ? i + 1 : T, hd = h * a->D;
            const float *q = a->q + qr * a->ldq + hd, *o = a->o + qr * a->ldo + hd, *g = do_ + qr * a->ldo + hd; float dot = 0;
            for (c = 0; c < a->D; c++) dot += g[c] * o[c];
            for (j = 0; j < end; j++) {
                size_t r = (row + j * stride) * a->ld + hd; const float *k = a->k + r, *v = a->v + r; float d = 0, gp = 0, p, ds;
                for (c = 0; c < a->D; c++) { d += q[c] * k[c]; gp += g[c] * v[c]; }
                p = expf(d * a->scale - a->lse[qr * a->H + h]); ds = p * (gp - dot) * a->scale;
                for (c = 0; c < a->D; c++) { dq[qr * a->ldq + hd + c] += ds * k[c]; dk[r + c] += ds * q[c]; dv[r + c] += p * g[c]; }
            }
        }
    }
    return LB_OK;
}
/* Attention in tiles: the same values and gradients as the plain sums, whatever the number of threads. */
LBT(autograd, attention_equals_plain) {
    static const size_t offset[] = { 0, 33, 38, 97 }; int mode;
    for (mode = 0; mode < 6; mode++) {
        lb_ctx *c = ctx_with(2), *c1 = ctx_with(1); lb__attn a; size_t n, D = 48, i; float *x, *o[2], *lse[2], *g, *d[2], *d1; lb__rng r = lb__rng_new(8, (uint64_t)mode); int k;
        memset(&a, 0, sizeof a); a.H = 3; a.D = 16; a.S = 3; a.T = 37; a.inner = 1; a.scale = 0.25f; a.causal = mode == 1 || mode == 2;
        if (mode == 2) { a.offset = offset; a.T = 59; }
        if (mode == 3) { a.S = 6; a.inner = 3; }
        if (mode == 4) { a.T = 400; a.S = 2; }
        a.pooled = mode == 5;
        n = mode == 2 ? 97 : a.S * a.T; a.ld = a.ldq = 3 * D; a.ldo = D;
        x = (float *)malloc(n * 3 * D * 4); g = (float *)malloc(n * D * 4);
        for (i = 0; i < n * 3 * D; i++) x[i] = lb__rng_normal(&r);
        for (i = 0; i < n * D; i++) g[i] = lb__rng_normal(&r);
        a.q = x; a.k = x + D; a.v = x + 2 * D;
        for (k = 0; k < 2; k++) {
            o[k] = (float *)calloc(n * D, 4); lse[k] = (float *)calloc(n * a.H, 4); d[k] = (float *)calloc(n * 3 * D, 4); a.o = o[k]; a.lse = lse[k];
            CHECK(!(k ? attention_plain(c, &a) : lb__attention(c, &a)), "%s", lb_last_error());
            CHECK(!(k ? attention_bwd_plain(&a, g, d[k], d[k] + D, d[k] + 2 * D) : lb__attention_bwd(c, &a, g, d[k], d[k] + D, d[k] + 2 * D, 0)), "%s", lb_last_error());
        }
        CHECK(max_abs_diff(o[0], o[1], n * D) < 1e-5, "mode %d: values differ by %g", mode, max_abs_diff(o[0], o[1], n * D));
        CHECK(max_abs_diff(lse[0], lse[1], n * a.H) < 1e-5, "mode %d: sums differ by %g", mode, max_abs_diff(lse[0], lse[1], n * a.H));
        CHECK(max_abs_diff(d[0], d[1], n * 3 * D) < 2e-5, "mode %d: gradients differ by %g", mode, max_abs_diff(d[0], d[1], n * 3 * D));
        d1 = (float *)calloc(n * 3 * D, 4); a.o = o[0]; a.lse = lse[0];
        if (!a.pooled) memset(d1, 255, n * 3 * D * 4);                           /* fresh gradients are written, not added to */
        CHECK(!lb__attention_bwd(c1, &a, g, d1, d1 + D, d1 + 2 * D, a.pooled ? 0 : 3) && !memcmp(d[0], d1, n * 3 * D * 4), "mode %d: one thread gives other bits than two", mode);
        for (k = 0; k < 2; k++) { free(o[k]); free(lse[k]); free(d[k]); }
        free(x); free(g); free(d1); lb_ctx_free(c); lb_ctx_free(c1);
    }
}
