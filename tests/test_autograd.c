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
    y = lb__unit(ctx, lb__text(ctx, w, b->ids, b->n, b->length));
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
    memset(&d, 0, sizeof d); d.trainable = trainable; d.lora_rank = rank; d.freeze_text = trainable != LB_TRAIN_ALL;
    t = golden_trainer(c, &g, m, &d); REQUIRE(t, "%s", name);
    golden_batch(&g, &b);
    if (strstr(g.header, "\"keep\"")) { golden_array a = golden_get(&g, "keep"); keep = (const uint32_t *)a.data; K = a.shape[1]; }
    REQUIRE(!run(c, t, &b, keep, K, &loss), "%s", lb_last_error());
    CHECK(fabs(loss - (double)*golden_f32(&g, "loss", NULL)) < 2e-5, "%s: loss %.9g instead of %.9g", name, loss, (double)*golden_f32(&g, "loss", NULL));
    worst = compare_grads(&g, t, &where);
    CHECK(worst < 1e-4, "%s: the gradient of %s is off by %g", name, where, worst);
    plain = all_grads(t, &n);
    t->desc.recompute = 1;
    REQUIRE(!run(c, t, &b, keep, K, &loss), "%s", lb_last_error());
    again = all_grads(t, &n2);
    CHECK(n == n2 && !memcmp(plain, again, n * sizeof *plain), "%s: recomputation gives other bits", name);
    free(plain); free(again); lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
LBT(autograd, full_model_matches_torch) { against_torch("grad_full", LB_TRAIN_ALL, 0); }
LBT(autograd, masked_model_matches_torch) { against_torch("grad_mask", LB_TRAIN_ALL, 0); }
LBT(autograd, video_matches_upstream) { against_torch("video_vl", LB_TRAIN_ALL, 0); against_torch("video_vl_new", LB_TRAIN_ALL, 0); }
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
