/* two_threads.c - one model, two threads: the model is read-only and shared, each thread has a context of its own.
 *
 *     cc -std=c99 -O2 -I. examples/two_threads.c -o two_threads -lm -lpthread
 *     ./two_threads build/demo.lbw
 *
 * Both threads embed the same captions, one of them in reverse order; prints that the vectors are the same to the last bit. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <pthread.h>
#include <stdio.h>

enum { TEXTS = 4 };
static const char *const captions[TEXTS] = { "a photo of a cat", "a cup of coffee on a wooden table", "two dogs", "a rocket at night" };
typedef struct work { const lb_model *model; int reverse; float *v[TEXTS]; char error[256]; } work;

static void *run(void *arg) {
    work *w = (work *)arg; lb_ctx *ctx = NULL; int i, k;
    lb_ctx_desc desc = { 0 }; desc.threads = 1;                /* the two threads are enough for two cores */
    if (lb_ctx_new(&desc, &ctx)) goto failed;
    for (i = 0; i < TEXTS; i++) {
        k = w->reverse ? TEXTS - 1 - i : i;
        if (lb_embed_text(ctx, w->model, &captions[k], 1, w->v[k])) goto failed;
    }
    lb_ctx_free(ctx);
    return NULL;
failed:
    snprintf(w->error, sizeof w->error, "%.255s", lb_last_error());   /* the last error belongs to this thread */
    lb_ctx_free(ctx);
    return NULL;
}

int main(int argc, char **argv) {
    lb_ctx *ctx = NULL; lb_model *model = NULL; work w[2]; pthread_t second; size_t dim; int i, t, rc = 1, same = 1;
    memset(w, 0, sizeof w);
    if (lb_ctx_new(NULL, &ctx) || lb_model_open(ctx, argc > 1 ? argv[1] : "build/demo.lbw", &model)) { fprintf(stderr, "%s\n", lb_last_error()); goto done; }
    dim = lb_model_dim(model);
    for (t = 0; t < 2; t++) {
        w[t].model = model; w[t].reverse = t;
        for (i = 0; i < TEXTS; i++) if (!(w[t].v[i] = (float *)malloc(dim * sizeof(float)))) { fprintf(stderr, "out of memory\n"); goto done; }
    }
    if (pthread_create(&second, NULL, run, &w[1])) { fprintf(stderr, "no second thread\n"); goto done; }
    run(&w[0]);
    pthread_join(second, NULL);
    for (t = 0; t < 2; t++) if (w[t].error[0]) { fprintf(stderr, "%s\n", w[t].error); goto done; }
    for (i = 0; i < TEXTS; i++) same &= !memcmp(w[0].v[i], w[1].v[i], dim * sizeof(float));
    printf("%d captions in two threads: %s\n", TEXTS, same ? "the same bits" : "DIFFERENT");
    rc = !same;
done:
    for (t = 0; t < 2; t++) for (i = 0; i < TEXTS; i++) free(w[t].v[i]);
    lb_model_free(model); lb_ctx_free(ctx);
    return rc;
}
