/* golden.h - reads tests/golden/NAME.safetensors or its .gz: arrays that a script of tests/reference/ wrote.  Include after
 * languagebind.h.  The file's __metadata__ names the script and the versions of the frameworks that made it.  Little-endian values are swapped on
 * big-endian hosts. */
#ifndef LBT_GOLDEN_H
#define LBT_GOLDEN_H
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct golden { char *header; unsigned char *file, *data; size_t size; } golden;
typedef struct golden_array { const void *data; char dtype[8]; size_t count, ndim, shape[8]; } golden_array;

/* The bytes of a golden file, to be freed; of its .gz, unpacked, where that is what there is (see tests/reference/golden.py). */
static unsigned char *golden_bytes(const char *path, size_t *size) {
    char z[520]; FILE *f = fopen(path, "rb"); unsigned char *p, *q; long end; size_t n, used, made;
    snprintf(z, sizeof z, "%s.gz", path);
    if (!f && !(f = fopen(z, "rb"))) { printf("  %s is missing\n", path); return NULL; } else z[0] = fgetc(f) == 0x1f ? 'z' : 0;
    fseek(f, 0, SEEK_END); end = ftell(f); fseek(f, 0, SEEK_SET);
    p = (unsigned char *)malloc((size_t)end + 8); n = fread(p, 1, (size_t)end, f); fclose(f);
    *size = n;
    if (!z[0] || n < 18) return p;
    *size = lb__u32le(p + n - 4); q = (unsigned char *)malloc(*size + 8);                  /* ten bytes of header without options, CRC-32 and size behind */
    if (p[3] || lb__inflate_raw(p + 10, n - 18, q, *size, &used, &made) || made != *size || lb__crc32(0, q, made) != lb__u32le(p + n - 8)) { printf("  %s is damaged\n", path); free(q); q = NULL; }
    free(p);
    return q;
}
static int golden_open(const char *name, golden *g) {
    char path[512]; size_t size = 0, n;
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    memset(g, 0, sizeof *g);
    if (!(g->file = golden_bytes(path, &size)) || size < 8 || (n = (size_t)lb__u64le(g->file)) > size - 8) return 0;
    g->header = (char *)calloc(1, n + 1); memcpy(g->header, g->file + 8, n); g->data = g->file + 8 + n; g->size = size - 8 - n;
    return 1;
}
static void golden_close(golden *g) { free(g->header); free(g->file); memset(g, 0, sizeof *g); }

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
