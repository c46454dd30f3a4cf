/* zero_shot.c - which caption fits a photo?  CLIP's zero-shot classification with two prompts a class.
 *
 *     cc -std=c99 -O2 -I. examples/zero_shot.c -o zero_shot -lm
 *     ./zero_shot build/demo.lbw examples/photos/cat.jpg cat dog coffee
 *
 * Prints every class with its probability; they sum to 1. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

static const char *const prompts[] = { "a photo of a %s.", "a close-up photo of a %s." };
enum { PROMPTS = 2, MAX_CLASSES = 1000 };

int main(int argc, char **argv) {
    static const char *const fallback[] = { "cat", "dog", "cup of coffee" };
    const char *weights = argc > 1 ? argv[1] : "build/demo.lbw", *path = argc > 2 ? argv[2] : "examples/photos/cat.jpg";
    const char *const *label = argc > 3 ? (const char *const *)argv + 3 : fallback; int n = argc > 3 ? argc - 3 : 3;
    lb_ctx *ctx = NULL; lb_model *model = NULL; lb_image image = { 0 }; float *v = NULL, *classes = NULL, *p = NULL; size_t dim; int i, k, rc = 1;

    if (n > MAX_CLASSES) { fprintf(stderr, "at most %d classes\n", MAX_CLASSES); return 2; }
    if (lb_ctx_new(NULL, &ctx) || lb_model_open(ctx, weights, &model) || lb_image_load(ctx, path, &image)) goto done;
    dim = lb_model_dim(model);
    v = (float *)malloc(PROMPTS * dim * sizeof *v); classes = (float *)malloc((size_t)n * dim * sizeof *classes); p = (float *)malloc((size_t)n * sizeof *p);
    if (!v || !classes || !p) { fprintf(stderr, "out of memory\n"); goto done; }

    for (i = 0; i < n; i++) {                                 /* a class is the unit vector of the mean of its prompts */
        char text[PROMPTS][256]; const char *texts[PROMPTS];
        for (k = 0; k < PROMPTS; k++) { snprintf(text[k], sizeof text[k], prompts[k], label[i]); texts[k] = text[k]; }
        if (lb_embed_text(ctx, model, texts, PROMPTS, v) || lb_mean_embedding(v, PROMPTS, dim, classes + (size_t)i * dim)) goto done;
    }
    if (lb_embed_image(ctx, model, &image, 1, v)) goto done;

    /* softmax over the classes of scale * cosine, as CLIP was trained */
    if (lb_similarity(ctx, v, 1, classes, (size_t)n, dim, (float)lb_model_logit_scale(model, "image"), p)) goto done;
    lb_softmax_rows(p, 1, (size_t)n);
    for (i = 0; i < n; i++) printf("%6.2f %%  %s\n", 100.0 * (double)p[i], label[i]);
    rc = 0;
done:
    if (rc) fprintf(stderr, "%s\n", lb_last_error());
    free(v); free(classes); free(p); lb_image_free(&image); lb_model_free(model); lb_ctx_free(ctx);
    return rc;
}
