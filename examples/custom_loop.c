/* custom_loop.c - nothing but operations and the tape: a two-layer network learns which of two spirals a point belongs to.
 *
 *     cc -O2 -I. examples/custom_loop.c -o custom_loop -lm && ./custom_loop
 *
 * The operations are the header's inside (lb__ names); the file that holds the implementation can use them to build what no tower is.  A
 * parameter is a tensor, and it is trained exactly when it has a `grad`; operations leave their backward on ctx->tape; the loss's gradient goes
 * into lb__grad() of the result and lb__backward() does the rest.  Prints the loss and, at the end, the share of points told apart. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

enum { POINTS = 400, HIDDEN = 64, STEPS = 300 };

/* A tensor with values drawn, a gradient, and room for a momentum. */
typedef struct param { lb_tensor t; float *speed; size_t n; } param;
static param make(int rows, int cols, float spread, uint64_t stream) {
    param p; lb__rng r = lb__rng_new(7, stream); size_t i;
    memset(&p, 0, sizeof p);
    p.t.ndim = cols ? 2 : 1; p.t.shape[0] = (size_t)rows; p.t.shape[1] = (size_t)cols; p.t.layout = cols ? LB_PANEL : LB_ROWS;        /* matrices are panels */
    p.n = lb_tensor_stored(&p.t);
    p.t.data = calloc(p.n, 4); p.t.grad = (float *)calloc(p.n, 4); p.speed = (float *)calloc(p.n, 4);
    for (i = 0; cols && i < (size_t)rows * (size_t)cols; i++) ((float *)p.t.data)[lb__panel_index(i / (size_t)cols, i % (size_t)cols, (size_t)cols)] = spread * lb__rng_normal(&r);
    return p;
}
static void update(param *p, float rate) {
    size_t i;
    for (i = 0; i < p->n; i++) { p->speed[i] = 0.9f * p->speed[i] + p->t.grad[i]; ((float *)p->t.data)[i] -= rate * p->speed[i]; p->t.grad[i] = 0; }
}

int main(void) {
    lb_ctx *ctx; param w[3], b[3], scale; lb__lin layer[3]; lb__norm norm; float x[POINTS * 2], loss = 0; int i, k, step, right = 0;
    if (lb_ctx_new(NULL, &ctx)) return 1;
    for (i = 0; i < POINTS; i++) {                               /* even points on one spiral, odd ones on the other */
        const float a = 0.4f + 9.0f * (float)(i / 2) / (POINTS / 2), turn = i % 2 ? 3.14159265f : 0;
        x[2 * i] = a / 9 * cosf(a + turn); x[2 * i + 1] = a / 9 * sinf(a + turn);
    }
    for (k = 0; k < 3; k++) {
        const int in = k ? HIDDEN : 2, out = k < 2 ? HIDDEN : 1;
        w[k] = make(out, in, sqrtf(2.0f / (float)in) * (k ? 1 : 3), (uint64_t)k); b[k] = make(out, 0, 0, 0);
        memset(&layer[k], 0, sizeof layer[k]); layer[k].w = &w[k].t; layer[k].b = &b[k].t;
    }
    scale = make(HIDDEN, 0, 0, 0); for (i = 0; i < HIDDEN; i++) ((float *)scale.t.data)[i] = 1;
    norm.w = &scale.t; norm.b = &b[1].t; norm.eps = 1e-5f;       /* the second layer's bias follows its norm */
    layer[1].b = NULL;

    for (step = 0; step < STEPS; step++) {
        const lb__mark mark = lb__arena_mark(ctx); lb__tape tape; lb__var *h, *y; float *dy;
        memset(&tape, 0, sizeof tape);
        ctx->tape = &tape;                                       /* from here on operations are recorded */
        h = lb__linear(ctx, &layer[0], 0, HIDDEN, lb__var_view(ctx, x, POINTS, 2), NULL, LB_ACT_GELU);
        h = lb__linear(ctx, &layer[1], 0, HIDDEN, h, NULL, LB_ACT_GELU);
        y = lb__linear(ctx, &layer[2], 0, 1, lb__layer_norm(ctx, &norm, h), NULL, LB_ACT_NONE);
        ctx->tape = NULL;
        if (!y || !(dy = lb__grad(ctx, y))) return puts(lb_last_error()), 1;
        for (i = right = 0, loss = 0; i < POINTS; i++) {         /* logistic loss and its gradient */
            const float sign = i % 2 ? 1.0f : -1.0f, z = sign * y->x[i];
            loss += log1pf(expf(-z)) / POINTS; dy[i] = -sign / (1 + expf(z)) / POINTS; right += z > 0;
        }
        if (lb__backward(ctx, &tape)) return puts(lb_last_error()), 1;
        for (k = 0; k < 3; k++) { update(&w[k], 0.1f); update(&b[k], 0.1f); }
        update(&scale, 0.1f);
        lb__arena_rewind(ctx, mark);                             /* the activations are gone, the memory stays */
        if (step % 50 == 0) printf("step %3d  loss %.4f\n", step, (double)loss);
    }
    printf("step %3d  loss %.4f, %d of %d points told apart\n", step, (double)loss, right, POINTS);
    for (k = 0; k < 3; k++) { lb_tensor_free(&w[k].t); lb_tensor_free(&b[k].t); free(w[k].speed); free(b[k].speed); }
    lb_tensor_free(&scale.t); free(scale.speed); lb_ctx_free(ctx);
    return right < POINTS * 95 / 100;
}
