/* embed_memory.c - one image, from memory, into one unit vector.
 *
 *     cc -std=c99 -O2 -I. examples/embed_memory.c -o embed_memory -lm
 *     ./embed_memory build/demo.lbw examples/photos/cat.jpg
 *
 * Prints the vector's first numbers and its length, which is 1. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

int main(int argc, char **argv) {
    const char *weights = argc > 1 ? argv[1] : "build/demo.lbw", *path = argc > 2 ? argv[2] : "examples/photos/cat.jpg";
    lb_ctx *ctx = NULL; lb_model *model = NULL; lb_image image = { 0 }; float *v = NULL; double length = 0; size_t i, n; int rc = 1;
    static unsigned char bytes[1 << 20]; size_t size; FILE *f = fopen(path, "rb");

    if (!f) { fprintf(stderr, "%s: cannot open\n", path); return 1; }
    size = fread(bytes, 1, sizeof bytes, f);                  /* here the image comes from a file; it may come from anywhere */
    fclose(f);

    if (lb_ctx_new(NULL, &ctx) || lb_model_open(ctx, weights, &model) || lb_image_decode(ctx, bytes, size, &image)) goto done;
    n = lb_model_dim(model); v = (float *)malloc(n * sizeof *v);
    if (!v || lb_embed_image(ctx, model, &image, 1, v)) goto done;

    for (i = 0; i < n; i++) length += (double)v[i] * v[i];
    printf("%s: %lu x %lu -> %lu numbers, length %.6f:", path, (unsigned long)image.width, (unsigned long)image.height, (unsigned long)n, length);
    for (i = 0; i < 4 && i < n; i++) printf(" %.6f", v[i]);
    printf(" ...\n");
    rc = 0;
done:
    if (rc) fprintf(stderr, "%s\n", lb_last_error());
    free(v); lb_image_free(&image); lb_model_free(model); lb_ctx_free(ctx);
    return rc;
}
