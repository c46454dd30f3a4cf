/* prepare.c - pictures and sounds for the data scripts: every "IN<tab>OUT<tab>SIDE" line on standard input becomes a square PNG of SIDE pixels on white.
 *
 * Transparency is laid on white, empty margins are cut off, the rest is centred with a margin of a thirty-second and scaled by the header's
 * antialiased bicubic.  For each line one line out: OUT, how much of the square is drawn on (0..1), and a 64-bit fingerprint of its look (16
 * hexadecimal digits; pictures that look alike differ in few bits); or "-" in place of both where a picture cannot be read or is empty, with the
 * reason on standard error.  `prepare --sound` does the same for sounds: "IN<tab>OUT<tab>SECONDS" becomes a mono WAV at 16 kHz, leading
 * silence dropped, cut after SECONDS, its peak brought to 0.5; out come OUT, seconds and the peak there was.  `prepare --vary` makes another picture of
 * a square one: "IN<tab>OUT<tab>N" turns it by up to 15 degrees, shrinks it by up to a quarter and shifts its colours a little, all drawn from N, and
 * mirrors it when N is odd.
 *
 * cc -O2 -I. tools/data/prepare.c -o prepare -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"

/* A pixel on white, 8 bits a channel. */
static void on_white(const lb_image *m, size_t at, uint8_t out[3]) {
    const int ch = m->channels, colour = ch >= 3, alpha = ch == 2 || ch == 4; int v[4], k;
    for (k = 0; k < ch; k++) v[k] = m->bits == 16 ? ((const uint16_t *)m->data)[at * (size_t)ch + (size_t)k] >> 8 : ((const uint8_t *)m->data)[at * (size_t)ch + (size_t)k];
    for (k = 0; k < 3; k++) { const int c = v[colour ? k : 0], a = alpha ? v[ch - 1] : 255; out[k] = (uint8_t)((c * a + 255 * (255 - a) + 127) / 255); }
}
static int inked(const uint8_t p[3]) { return p[0] < 245 || p[1] < 245 || p[2] < 245; }

/* 64 comparisons of neighbours on a 9 x 8 grid of means of brightness. */
static uint64_t fingerprint(const lb_image *m) {
    const uint8_t *p = (const uint8_t *)m->data; double cell[8][9]; size_t x, y, i, j; uint64_t bits = 0;
    for (j = 0; j < 8; j++) for (i = 0; i < 9; i++) {
        const size_t x0 = i * m->width / 9, x1 = (i + 1) * m->width / 9, y0 = j * m->height / 8, y1 = (j + 1) * m->height / 8; double s = 0;
        for (y = y0; y < y1; y++) for (x = x0; x < x1; x++) { const uint8_t *q = p + 3 * (y * m->width + x); s += q[0] + 2 * q[1] + q[2]; }
        cell[j][i] = s / (double)((x1 - x0) * (y1 - y0));
    }
    for (j = 0; j < 8; j++) for (i = 0; i < 8; i++) bits = bits << 1 | (cell[j][i] > cell[j][i + 1] + 2);
    return bits;
}
static lb_status picture(lb_ctx *ctx, const char *in, const char *out, size_t side, double *ink, uint64_t *print) {
    lb_image m, sq, small; size_t x, y, x0, y0, x1 = 0, y1 = 0, w, h, edge, margin; lb_status s; uint8_t c[3]; size_t n = 0;
    memset(&sq, 0, sizeof sq); memset(&small, 0, sizeof small);
    LB__TRY(lb_image_load(ctx, in, &m));
    x0 = m.width; y0 = m.height;
    for (y = 0; y < m.height; y++) for (x = 0; x < m.width; x++) {
        on_white(&m, y * m.width + x, c);
        if (inked(c)) { x0 = LB__MIN(x0, x); x1 = LB__MAX(x1, x + 1); y0 = LB__MIN(y0, y); y1 = LB__MAX(y1, y + 1); }
    }
    if (x1 <= x0) { lb_image_free(&m); return lb__fail(LB_ERR_FORMAT, "%s: an empty picture", in); }
    w = x1 - x0; h = y1 - y0; margin = LB__MAX(w, h) / 30 + 1; edge = LB__MAX(w, h) + 2 * margin;
    sq = m; sq.width = sq.height = edge; sq.channels = 3; sq.bits = 8; sq.data = malloc(3 * edge * edge);
    if (!sq.data) { lb_image_free(&m); return LB_ERR_MEM; }
    memset(sq.data, 255, 3 * edge * edge);
    for (y = 0; y < h; y++) for (x = 0; x < w; x++) on_white(&m, (y0 + y) * m.width + x0 + x, (uint8_t *)sq.data + 3 * ((y + (edge - h) / 2) * edge + x + (edge - w) / 2));
    lb_image_free(&m);
    s = lb_image_resize(ctx, &sq, side, side, &small);
    free(sq.data);
    if (s) return s;
    for (x = 0; x < side * side; x++) n += (size_t)inked((uint8_t *)small.data + 3 * x);
    *ink = (double)n / (double)(side * side); *print = fingerprint(&small);
    s = lb_image_save(ctx, &small, out, 0);
    lb_image_free(&small);
    return s;
}
static lb_status vary(lb_ctx *ctx, const char *in, const char *out, uint32_t n) {
    lb_image m, o; lb_status s; double u[7], c, sn, shrink; size_t x, y; int k;
    LB__TRY(lb_image_load(ctx, in, &m));
    if (m.bits != 8 || m.channels != 3 || m.width < 2 || m.height < 2) { lb_image_free(&m); return lb__fail(LB_ERR_FORMAT, "%s: a colour picture of 8 bits was expected", in); }
    for (k = 0; k < 7; k++) { uint32_t h = (n * 7 + (uint32_t)k + 1) * 2654435761u; h ^= h >> 15; h *= 2246822519u; h ^= h >> 13; u[k] = h / 4294967296.0; }       /* 0..1 */
    c = cos((u[0] - 0.5) * 0.5236); sn = sin((u[0] - 0.5) * 0.5236); shrink = 1 / (0.75 + 0.25 * u[1]);
    o = m;
    if ((o.data = malloc(3 * m.width * m.height)) == NULL) { lb_image_free(&m); return LB_ERR_MEM; }
    for (y = 0; y < m.height; y++) for (x = 0; x < m.width; x++) {
        const double w = (double)m.width, h = (double)m.height, dx = ((double)x + 0.5 - w / 2 - (u[2] - 0.5) * 0.1 * w) * (n % 2 ? -shrink : shrink), dy = ((double)y + 0.5 - h / 2 - (u[3] - 0.5) * 0.1 * h) * shrink;
        const double sx = c * dx - sn * dy + w / 2 - 0.5, sy = sn * dx + c * dy + h / 2 - 0.5, fx = sx - floor(sx), fy = sy - floor(sy); const long ix = (long)floor(sx), iy = (long)floor(sy);
        for (k = 0; k < 3; k++) {
            double v[4]; int i;
            for (i = 0; i < 4; i++) { const long px = ix + i % 2, py = iy + i / 2; v[i] = px < 0 || py < 0 || px >= (long)m.width || py >= (long)m.height ? 255 : ((const uint8_t *)m.data)[3 * ((size_t)py * m.width + (size_t)px) + (size_t)k]; }
            v[0] = (v[0] * (1 - fx) + v[1] * fx) * (1 - fy) + (v[2] * (1 - fx) + v[3] * fx) * fy;
            ((uint8_t *)o.data)[3 * (y * m.width + x) + (size_t)k] = (uint8_t)(255 * pow(v[0] / 255, 0.8 + 0.4 * u[4 + k]) + 0.5);       /* white stays white */
        }
    }
    s = lb_image_save(ctx, &o, out, 0);
    free(o.data); lb_image_free(&m);
    return s;
}
static lb_status sound(lb_ctx *ctx, const char *in, const char *out, double seconds, double *length, double *peak) {
    lb_audio a, b; size_t i, first = 0; float top = 0; int k; lb_status s;
    LB__TRY(lb_audio_load(ctx, in, &a));
    for (i = 0; i < a.frames; i++) { float sum = 0; for (k = 0; k < a.channels; k++) sum += a.data[i * (size_t)a.channels + (size_t)k]; a.data[i] = sum / (float)a.channels; }
    a.channels = 1;
    s = lb_audio_resample(ctx, &a, 16000, &b);
    lb_audio_free(&a);
    if (s) return s;
    for (i = 0; i < b.frames; i++) top = fmaxf(top, fabsf(b.data[i]));
    if (top < 1e-4f) { lb_audio_free(&b); return lb__fail(LB_ERR_FORMAT, "%s: silent", in); }
    while (first < b.frames && fabsf(b.data[first]) < 0.01f * top) first++;
    first = first > 160 ? first - 160 : 0;
    for (i = first; i < b.frames; i++) b.data[i] *= 0.5f / top;
    a = b; a.data = b.data + first; a.frames = LB__MIN(b.frames - first, (size_t)(seconds * 16000));
    *length = (double)a.frames / 16000; *peak = top;
    s = lb_audio_save(ctx, &a, out);
    lb_audio_free(&b);
    return s;
}
int main(int argc, char **argv) {
    static char line[8192]; lb_ctx *ctx = NULL; const int pcm = argc == 2 && !strcmp(argv[1], "--sound"), more = argc == 2 && !strcmp(argv[1], "--vary"); int bad = 0;
    if (argc > 1 && !pcm && !more) { fprintf(stderr, "usage: prepare [--sound | --vary] < LIST    (the list: IN<tab>OUT<tab>SIDE, or SECONDS, or N)\n"); return 2; }
    if (lb_ctx_new(NULL, &ctx)) { fprintf(stderr, "prepare: %s\n", lb_last_error()); return 1; }
    while (fgets(line, sizeof line, stdin)) {
        char *in = line, *out = strchr(line, '\t'), *side = out ? strchr(out + 1, '\t') : NULL; double n, a = 0, b = 0; uint64_t print = 0; lb_status s;
        line[strcspn(line, "\r\n")] = 0;
        if (!side || (*out++ = 0, *side++ = 0, n = atof(side)) < (pcm ? 0.1 : more ? 0 : 9) || n > (more ? 4294967295.0 : 4096)) { fprintf(stderr, "prepare: IN<tab>OUT<tab>SIDE was expected, found \"%s\"\n", line); bad = 1; break; }
        s = pcm ? sound(ctx, in, out, n, &a, &b) : more ? vary(ctx, in, out, (uint32_t)n) : picture(ctx, in, out, (size_t)n, &a, &print);
        if (s) { fprintf(stderr, "prepare: %s\n", lb_last_error()); printf("%s\t-\t-\n", out); }
        else if (pcm) printf("%s\t%.4f\t%.4f\n", out, a, b);
        else printf("%s\t%.4f\t%016llx\n", out, a, (unsigned long long)print);
    }
    lb_ctx_free(ctx);
    return bad;
}
