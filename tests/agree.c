/* agree.c - compares vectors that the command wrote with those of the reference.
 *     agree VECTORS.npy GOLDEN ARRAY...       rows of VECTORS.npy against the rows of the arrays of tests/golden/GOLDEN.safetensors, one after the other
 * Prints the largest difference of each array; exit status 1 when one is above 2e-5. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/golden.h"

int main(int argc, char **argv) {
    lb_ctx *ctx = NULL; lb_tensor t; golden g; size_t at = 0, i, n; int k, bad = 0;
    if (argc < 4) { fprintf(stderr, "usage: agree VECTORS.npy GOLDEN ARRAY...\n"); return 2; }
    if (lb_ctx_new(NULL, &ctx) || lb_npy_load(ctx, argv[1], &t)) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }
    if (!golden_open(argv[2], &g)) return 1;
    for (k = 3; k < argc; k++) {
        golden_array a = golden_get(&g, argv[k]); const float *x = (const float *)t.data, *y = (const float *)a.data; size_t dim = a.data ? a.shape[1] : 0; double worst = 0, cosine = 1;
        if (!a.data || t.ndim != 2 || t.shape[1] != dim || at + a.shape[0] > t.shape[0]) { printf("%-8s shapes differ\n", argv[k]); bad = 1; break; }
        for (n = 0; n < a.shape[0]; n++) {
            double dot = 0, d = max_abs_diff(x + (at + n) * dim, y + n * dim, dim);
            for (i = 0; i < dim; i++) dot += (double)x[(at + n) * dim + i] * y[n * dim + i];
            worst = d > worst ? d : worst; cosine = dot < cosine ? dot : cosine;
        }
        printf("%-8s %lu vectors of %lu: largest difference to the reference %.1e, smallest cosine %.9f  %s\n", argv[k], (unsigned long)a.shape[0], (unsigned long)dim, worst, cosine, worst <= 2e-5 ? "ok" : "FAILED");
        bad |= !(worst <= 2e-5); at += a.shape[0];
    }
    golden_close(&g); lb_tensor_free(&t); lb_ctx_free(ctx);
    return bad;
}
