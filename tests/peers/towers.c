/* towers: our half of tests/peers/towers.py.  Opens a model, then embeds once for each line on standard input and answers with
 * milliseconds, milliseconds of opening, and resident megabytes that are not the mapped file.
 *     cc -O2 -std=gnu99 -fopenmp -I. tests/peers/towers.c -o build/peers_towers -lm && build/peers_towers m.lbw image|text N END THREADS */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e3 + 1e-6 * (double)t.tv_nsec; }
static double anonymous(void) {
    char line[256]; double kb = 0; FILE *f = fopen("/proc/self/status", "r");
    if (f) { while (fgets(line, sizeof line, f)) if (!strncmp(line, "RssAnon:", 8)) kb = atof(line + 8); fclose(f); }
    return kb / 1024;
}
int main(int argc, char **argv) {
    lb_ctx_desc d; lb_ctx *c = NULL; lb_model *m = NULL; float *x, *out; int32_t *ids; size_t n, i, k, end; double t0, load; char line[16]; int image;
    if (argc != 6) { fprintf(stderr, "usage: towers MODEL image|text N END THREADS\n"); return 2; }
    memset(&d, 0, sizeof d); d.threads = atoi(argv[5]); image = !strcmp(argv[2], "image"); n = (size_t)atoi(argv[3]); end = (size_t)atoi(argv[4]);
    t0 = now();
    if (lb_ctx_new(&d, &c) || lb_model_open(c, argv[1], &m)) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }
    load = now() - t0;
    x = (float *)calloc(n * 3 * 224 * 224, sizeof *x); out = (float *)calloc(n * 2048, sizeof *out); ids = (int32_t *)calloc(n * 77, sizeof *ids);
    if (!x || !out || !ids) return 1;
    for (i = 0; i < n * 3 * 224 * 224; i++) x[i] = (float)(i * 2654435761u % 1000) * 0.001f;
    for (i = 0; i < n; i++) { for (k = 0; k < end; k++) ids[i * 77 + k] = (int32_t)((k * 613 + i * 7919) % 49000 + 1); ids[i * 77 + end] = 49407; }
    while (fgets(line, sizeof line, stdin)) {
        t0 = now();
        if (image ? lb_embed_tensor(c, m, "image", x, n, out) : lb_embed_tokens(c, m, ids, n, 77, out)) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }
        printf("%.4f %.4f %.1f\n", now() - t0, load, anonymous()); fflush(stdout);
    }
    free(x); free(out); free(ids); lb_model_free(m); lb_ctx_free(c);
    return 0;
}
