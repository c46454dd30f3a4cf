/* golden.h - reads tests/golden/NAME.safetensors: arrays that a script of tests/reference/ wrote.  The file's __metadata__ names the script
 * and the versions of the frameworks that made it.  Little-endian values are swapped on big-endian hosts. */
#ifndef LBT_GOLDEN_H
#define LBT_GOLDEN_H
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct golden { char *header; unsigned char *data; size_t size; } golden;
typedef struct golden_array { const void *data; char dtype[8]; size_t count, ndim, shape[8]; } golden_array;

static int golden_open(const char *name, golden *g) {
    char path[512]; FILE *f; unsigned char h[8]; uint64_t n = 0; long end; int i;
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    memset(g, 0, sizeof *g);
    f = fopen(path, "rb");
    if (!f) { printf("  %s is missing\n", path); return 0; }
    if (fread(h, 1, 8, f) != 8) { fclose(f); return 0; }
    for (i = 7; i >= 0; i--) n = n << 8 | h[i];
    fseek(f, 0, SEEK_END); end = ftell(f); fseek(f, 8, SEEK_SET);
    g->header = (char *)calloc(1, (size_t)n + 1); g->size = (size_t)end - 8 - (size_t)n; g->data = (unsigned char *)malloc(g->size + 8);
    i = fread(g->header, 1, (size_t)n, f) == n && fread(g->data, 1, g->size, f) == g->size;
    fclose(f);
    return i;
}
static void golden_close(golden *g) { free(g->header); free(g->data); memset(g, 0, sizeof *g); }

/* The array `name`; data NULL when there is none. */
static golden_array golden_get(const golden *g, const char *name) {
    golden_array a; char key[256]; const char *p, *q; size_t begin, end, width, i;
    memset(&a, 0, sizeof a);
    snprintf(key, sizeof key, "\"%s\":{\"dtype\":\"", name);
    p = g->header ? strstr(g->header, key) : NULL;
    if (!p) { printf("  golden array %s is missing\n", name); return a; }
    p += strlen(key);
    for (i = 0; i < 7 && *p != '"'; i++) a.dtype[i] = *p++;
    p = strstr(p, "\"shape\":["); p += 9;
    a.count = 1;
    while (*p != ']') { a.shape[a.ndim] = strtoul(p, (char **)(uintptr_t)&q, 10); a.count *= a.shape[a.ndim++]; p = *q == ',' ? q + 1 : q; }
    p = strstr(p, "\"data_offsets\":["); p += 16;
    begin = strtoul(p, (char **)(uintptr_t)&q, 10); end = strtoul(q + 1, NULL, 10);
    width = a.count ? (end - begin) / a.count : 1;
    a.data = g->data + begin;
    { const uint16_t one = 1; if (!*(const unsigned char *)&one && width > 1) {        /* big-endian host: a swapped copy, freed with the process */
        unsigned char *c = (unsigned char *)malloc(end - begin + 1); size_t k;
        for (i = 0; i < a.count; i++) for (k = 0; k < width; k++) c[i * width + k] = g->data[begin + i * width + width - 1 - k];
        a.data = c; } }
    return a;
}
__attribute__((unused)) static const float *golden_f32(const golden *g, const char *name, size_t *count) {
    golden_array a = golden_get(g, name);
    if (count) *count = a.count;
    if (a.data && strcmp(a.dtype, "F32")) { printf("  golden array %s is %s, not F32\n", name, a.dtype); return NULL; }
    return (const float *)a.data;
}
__attribute__((unused)) static double max_abs_diff(const float *a, const float *b, size_t n) {
    double m = 0; size_t i;
    for (i = 0; i < n; i++) { double d = fabs((double)a[i] - (double)b[i]); if (!(d <= m)) m = d; }
    return m;
}
#endif
