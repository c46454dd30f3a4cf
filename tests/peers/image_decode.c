/* Decoding against libjpeg-turbo, libpng and stb_image, in one process, alternating, one thread:
 *     cc -O2 -I. tests/peers/image_decode.c -o build/peers/image_decode -lm -ljpeg -lpng       (apt: libjpeg62-turbo-dev libpng-dev libstb-dev)
 *     build/peers/image_decode FILE.jpg FILE.png ...
 * One line a file and decoder: the best and the median of the runs in milliseconds, and the share of our time; the pixels are compared too. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include <stdio.h>
#include <time.h>
#include <jpeglib.h>
#include <png.h>
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

enum { RUNS = 11 };
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec; }
static int cmp(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }

static unsigned char *by_jpeg(const unsigned char *d, size_t n, size_t *w, size_t *h) {
    struct jpeg_decompress_struct c; struct jpeg_error_mgr e; unsigned char *p; JSAMPROW row;
    c.err = jpeg_std_error(&e); jpeg_create_decompress(&c); jpeg_mem_src(&c, d, n); jpeg_read_header(&c, TRUE); c.out_color_space = JCS_RGB; jpeg_start_decompress(&c);
    *w = c.output_width; *h = c.output_height; p = (unsigned char *)malloc(*w * *h * 3);
    while (c.output_scanline < c.output_height) { row = p + c.output_scanline * *w * 3; jpeg_read_scanlines(&c, &row, 1); }
    jpeg_finish_decompress(&c); jpeg_destroy_decompress(&c);
    return p;
}
static unsigned char *by_png(const unsigned char *d, size_t n, size_t *w, size_t *h) {
    png_image i; unsigned char *p;
    memset(&i, 0, sizeof i); i.version = PNG_IMAGE_VERSION; png_image_begin_read_from_memory(&i, d, n); i.format = PNG_FORMAT_RGB;
    *w = i.width; *h = i.height; p = (unsigned char *)malloc(PNG_IMAGE_SIZE(i)); png_image_finish_read(&i, NULL, p, 0, NULL);
    return p;
}
static unsigned char *by_stb(const unsigned char *d, size_t n, size_t *w, size_t *h) { int x, y, c; unsigned char *p = stbi_load_from_memory(d, (int)n, &x, &y, &c, 3); *w = (size_t)x; *h = (size_t)y; return p; }
static lb_ctx *ctx;
static unsigned char *by_lb(const unsigned char *d, size_t n, size_t *w, size_t *h) {
    lb_image i;
    if (lb_image_decode(ctx, d, n, &i)) { puts(lb_last_error()); exit(1); }
    *w = i.width; *h = i.height;
    return (unsigned char *)i.data;
}
int main(int argc, char **argv) {
    int a, r, k; lb_ctx_desc desc; memset(&desc, 0, sizeof desc); desc.threads = 1;
    if (lb_ctx_new(&desc, &ctx)) return 1;
    for (a = 1; a < argc; a++) {
        lb__bytes f; double t[3][RUNS]; unsigned char *ref = NULL; size_t w, h, wrong = 0, i; int jpeg;
        static const char *const names[2][3] = { { "languagebind.h", "libpng", "stb_image" }, { "languagebind.h", "libjpeg-turbo", "stb_image" } };
        if (lb__bytes_open(argv[a], &f)) { puts(lb_last_error()); return 1; }
        jpeg = f.data[0] == 0xff;
        for (r = 0; r < RUNS; r++) for (k = 0; k < 3; k++) {
            double t0 = now(); unsigned char *p = k == 0 ? by_lb(f.data, f.size, &w, &h) : k == 2 ? by_stb(f.data, f.size, &w, &h) : jpeg ? by_jpeg(f.data, f.size, &w, &h) : by_png(f.data, f.size, &w, &h);
            t[k][r] = now() - t0;
            if (!r && k == 0) ref = p;
            else { if (!r && k == 1) for (i = 0; i < w * h * 3; i++) wrong += p[i] != ref[i]; free(p); }
        }
        LB_FREE(ref);
        for (k = 0; k < 3; k++) qsort(t[k], RUNS, sizeof(double), cmp);
        printf("%s: %zu x %zu, %zu samples differ from %s\n", argv[a], w, h, wrong, names[jpeg][1]);
        for (k = 0; k < 3; k++) printf("    %-16s best %7.1f ms  median %7.1f ms  %.2f x ours\n", names[jpeg][k], t[k][0], t[k][RUNS / 2], t[k][RUNS / 2] / t[0][RUNS / 2]);
        lb__bytes_close(&f);
    }
    lb_ctx_free(ctx);
    return 0;
}
