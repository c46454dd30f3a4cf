/* own_memory.c - for devices: the caller's own allocator, no files, no threads.
 *
 *     cc -std=c99 -O2 -I. examples/own_memory.c -o own_memory -lm
 *     ./own_memory build/demo.lbw examples/photos/cat.jpg
 *
 * The header is built with LB_NO_STDIO, so it opens no file: weights and photo are handed over as bytes (here read by this program).  Every
 * byte that it takes comes from a pool of fixed size.  Prints the most that was in use, and that everything was given back. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The pool: first fit over a list of blocks; enough for an example. */
enum { POOL = 64 << 20 };
typedef struct block { size_t size, used; struct block *next, *pad; } block;
static union { unsigned char bytes[POOL]; block first; } pool;
static size_t in_use, most;
static void *pool_alloc(size_t n) {
    block *b;
    if (!pool.first.size) { pool.first.size = POOL - sizeof(block); }
    n = (n + sizeof(block) - 1) / sizeof(block) * sizeof(block);
    for (b = &pool.first; b; b = b->next) {
        if (b->used || b->size < n) continue;
        if (b->size - n > 2 * sizeof(block)) {                /* split */
            block *rest = (block *)((unsigned char *)(b + 1) + n);
            rest->size = b->size - n - sizeof(block); rest->used = 0; rest->next = b->next;
            b->size = n; b->next = rest;
        }
        b->used = 1; in_use += b->size; if (in_use > most) most = in_use;
        return b + 1;
    }
    return NULL;
}
static void pool_free(void *p) {
    block *b = (block *)p - 1;
    in_use -= b->size; b->used = 0;
    for (b = &pool.first; b; b = b->next) while (!b->used && b->next && !b->next->used) { b->size += sizeof(block) + b->next->size; b->next = b->next->next; }
}
static void *pool_realloc(void *p, size_t n) {
    void *q = pool_alloc(n);
    if (q && p) { size_t old = ((block *)p - 1)->size; memcpy(q, p, old < n ? old : n); pool_free(p); }
    return q;
}
#define LB_MALLOC(n)     pool_alloc(n)
#define LB_REALLOC(p, n) pool_realloc(p, n)
#define LB_FREE(p)       pool_free(p)
#define LB_NO_STDIO
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"

static void *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb"); void *p = NULL; long n;
    if (f && !fseek(f, 0, SEEK_END) && (n = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET) && (p = malloc((size_t)n)) != NULL) *size = fread(p, 1, (size_t)n, f);
    else fprintf(stderr, "%s: cannot read\n", path);
    if (f) fclose(f);
    return p;
}

int main(int argc, char **argv) {
    size_t weights_size = 0, photo_size = 0, dim = 0, i; double length = 0; int rc = 1;
    void *weights = slurp(argc > 1 ? argv[1] : "build/demo.lbw", &weights_size), *photo = slurp(argc > 2 ? argv[2] : "examples/photos/cat.jpg", &photo_size);
    lb_ctx *ctx = NULL; lb_model *model = NULL; lb_image image = { 0 }; static float v[4096];

    if (!weights || !photo) goto done;
    if (lb_ctx_new(NULL, &ctx) || lb_model_open_memory(ctx, weights, weights_size, &model) || lb_image_decode(ctx, photo, photo_size, &image) ||
        (dim = lb_model_dim(model)) > 4096 || lb_embed_image(ctx, model, &image, 1, v)) { fprintf(stderr, "%s\n", lb_last_error()); goto done; }
    for (i = 0; i < dim; i++) length += (double)v[i] * v[i];
    printf("%lu numbers, length %.6f\n", (unsigned long)dim, length);
    rc = 0;
done:
    lb_image_free(&image); lb_model_free(model); lb_ctx_free(ctx);
    printf("at most %lu kB in use, %lu bytes now\n", (unsigned long)(most / 1000), (unsigned long)in_use);
    free(weights); free(photo);
    return rc || in_use;
}
