/* Section 9, the decoders: every format and form against Pillow and OpenCV, cut off and damaged files, failing allocations. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "tests/lbt.h"
#include "tests/golden.h"

#define DIR_STILLS "tests/golden/stills"
static lb_ctx *new_ctx(void) { lb_ctx *c = NULL; lb_ctx_desc d; memset(&d, 0, sizeof d); d.threads = 1; if (lb_ctx_new(&d, &c)) { printf("  %s\n", lb_last_error()); exit(1); } return c; }

LBT(stills, pixels_as_pillow) {
    golden g; lb__dir dir; size_t i; lb_ctx *c = new_ctx();
    REQUIRE(golden_open("stills", &g), "no golden file");
    REQUIRE(!lb__dir_list(DIR_STILLS, &dir) && dir.count > 50, "%s", lb_last_error());
    for (i = 0; i < dir.count; i++) {
        char path[256]; lb_image a, rgb, head; lb__bytes f; golden_array want = golden_get(&g, dir.names[i]); size_t k, n, off = 0; int worst = 0;
        snprintf(path, sizeof path, DIR_STILLS "/%s", dir.names[i]);
        if (!want.data) { CHECK(0, "%s has no golden pixels", path); continue; }
        if (lb_image_load(c, path, &a)) { CHECK(0, "%s", lb_last_error()); continue; }
        CHECK(!lb__bytes_open(path, &f) && !lb_image_info(c, f.data, f.size, &head), "%s", lb_last_error()); lb__bytes_close(&f);
        CHECK(head.width == a.width && head.height == a.height && head.channels == a.channels && head.bits == a.bits && !head.data, "%s: %d channels of %d bits announced, %d of %d found", path, head.channels, head.bits, a.channels, a.bits);
        CHECK(a.width == want.shape[1] && a.height == want.shape[0], "%s: %zu x %zu", path, a.width, a.height);
        n = want.count;
        if (want.shape[2] == 1) {
            CHECK(a.channels == 1 && a.bits == 16 && !memcmp(a.data, want.data, n * 2), "%s: 16-bit grey", path);
        } else {
            REQUIRE(!lb_image_rgb(c, &a, &rgb), "%s", lb_last_error());
            for (k = 0; k < n; k++) { int d = abs((int)((uint8_t *)rgb.data)[k] - (int)((const uint8_t *)want.data)[k]); off += d != 0; worst = LB__MAX(worst, d); }
            CHECK(!off, "%s: %zu of %zu samples differ from Pillow, by up to %d", path, off, n, worst);
            lb_image_free(&rgb);
        }
        lb_image_free(&a);
    }
    lb__release(dir.names); golden_close(&g); lb_ctx_free(c);
    CHECK(alloc_live == 0, "%ld blocks were not freed", alloc_live);
}
LBT(stills, cut_off_or_damaged) {
    lb__dir dir; size_t i, n; lb_ctx *c = new_ctx(); uint32_t x = 1;
    REQUIRE(!lb__dir_list(DIR_STILLS, &dir), "%s", lb_last_error());
    for (i = 0; i < dir.count; i++) {
        char path[256]; lb__bytes f; lb_image a; const size_t step = 1;
        snprintf(path, sizeof path, DIR_STILLS "/%s", dir.names[i]);
        REQUIRE(!lb__bytes_open(path, &f), "%s", lb_last_error());
        for (n = 0; n < f.size; n += n < 300 ? step : 7) {
            uint8_t *copy = (uint8_t *)malloc(n + 1); lb_status s;
            memcpy(copy, f.data, n);
            s = lb_image_decode(c, copy, n, &a);
            if (s) CHECK(!a.data && lb_last_error()[0] && s != LB_ERR_MEM && s != LB_ERR_ARG, "%s cut at %zu: %s", path, n, lb_last_error());
            lb_image_free(&a); free(copy);
        }
        for (n = 0; n < f.size; n += n < 200 ? 1 : 5) {
            uint8_t *copy = (uint8_t *)malloc(f.size);
            memcpy(copy, f.data, f.size); x = x * 1664525u + 1013904223u; copy[n] = n & 1 ? 0xff : (uint8_t)(x >> 24);
            c->limits.max_pixels = 1 << 20;
            if (!lb_image_decode(c, copy, f.size, &a)) lb_image_free(&a);
            free(copy);
        }
        lb__bytes_close(&f);
    }
    lb__release(dir.names); lb_ctx_free(c);
    CHECK(alloc_live == 0, "%ld blocks were not freed", alloc_live);
}
LBT(stills, every_allocation_may_fail) {
    lb__dir dir; size_t i; long n, before; lb_ctx *c = new_ctx();
    REQUIRE(!lb__dir_list(DIR_STILLS, &dir), "%s", lb_last_error());
    before = alloc_live;
    for (i = 0; i < dir.count; i++) for (n = 0; n < 200; n++) {
        char path[256]; lb_image a; lb_status s;
        snprintf(path, sizeof path, DIR_STILLS "/%s", dir.names[i]);
        alloc_left = n; s = lb_image_load(c, path, &a); alloc_left = -1;
        lb_image_free(&a);
        CHECK(s == LB_OK || s == LB_ERR_MEM, "%s: %s", path, lb_last_error());
        CHECK(alloc_live == before, "%s, allocation %ld failing: %ld blocks were not freed", path, n, alloc_live - before);
        if (!s) break;
    }
    lb__release(dir.names); lb_ctx_free(c);
}
LBT(stills, sentences) {
    static const struct { const char *bytes; size_t n; const char *word; } s[] = { { "BM", 2, "headers" }, { "P6 5 5 70000 ", 13, "65535" }, { "P6 5 x", 6, "width" }, { "P6 99999 9 255 ", 15, "limit" }, { "P5 4 4 255 abc", 14, "cut off" },
        { "GIF89a\1\0\1\0\0\0\0;", 14, "no image" }, { "GIF89a\0\0\1\0\0\0\0;", 14, "pixels" }, { "hello", 5, "not an image" }, { "", 0, "empty" }, { "RIFF\4\0\0\0WEBPVP8 ", 16, "WebP; JPEG, PNG, BMP, PNM or GIF was expected, convert it first: ffmpeg -i FILE out.png" },
        { "II*\0\10\0\0\0", 8, "is TIFF" }, { "MM\0*\0\0\0\10", 8, "is TIFF" }, { "\0\0\0\30ftypheic\0\0\0\0", 16, "HEIC; JPEG, PNG, BMP, PNM or GIF was expected, convert it first: heif-convert FILE out.png" },
        { "\0\0\0\30ftypheix", 12, "is HEIC" }, { "\0\0\0\30ftypmif1", 12, "is HEIF" }, { "\0\0\0\40ftypavif", 12, "is AVIF" }, { "\0\0\0\30ftypisom", 12, "not an image" },
        { "\xff\x0a\xfa", 3, "JPEG XL; JPEG, PNG, BMP, PNM or GIF was expected, convert it first: djxl FILE out.png" }, { "\0\0\0\x0cJXL \r\n\x87\n", 12, "is JPEG XL" } };
    lb_ctx *c = new_ctx(); size_t i; lb_image a;
    for (i = 0; i < LB__COUNT(s); i++) CHECK(lb_image_decode(c, s[i].bytes, s[i].n, &a) != LB_OK && strstr(lb_last_error(), s[i].word), "%zu: %s", i, lb_last_error());
    lb_ctx_free(c);
}
/* A grey block of 8 x 8, its EXIF behind the frame header, and scan after scan of six bits: a file may be written that takes very long to read. */
/* 16-bit grey is a measurement, of which a transparent value (tRNS) is one more: it stays one channel. */
LBT(stills, png_of_16_bit_grey_with_a_transparent_value) {
    uint16_t v[4] = { 0, 100, 1500, 3000 }; uint8_t chunk[14] = { 0, 0, 0, 2, 't', 'R', 'N', 'S', 0, 0 }, *with; lb_ctx *c = new_ctx(); lb_image m, back; lb__bytes f; size_t at = 33;
    memset(&m, 0, sizeof m); m.width = 4; m.height = 1; m.channels = 1; m.bits = 16; m.data = v;
    REQUIRE(!lb_image_save(c, &m, "build/tests/grey16.png", 0) && !lb__bytes_open("build/tests/grey16.png", &f), "%s", lb_last_error());
    lb__put32be(chunk + 10, lb__crc32(0, chunk + 4, 6));
    with = (uint8_t *)malloc(f.size + 14); memcpy(with, f.data, at); memcpy(with + at, chunk, 14); memcpy(with + at + 14, f.data + at, f.size - at);      /* behind signature and IHDR */
    CHECK(!lb_image_decode(c, with, f.size + 14, &back) && back.channels == 1 && back.bits == 16 && !memcmp(back.data, v, sizeof v), "%s, %d channels", lb_last_error(), back.channels);
    lb_image_free(&back); free(with); lb__bytes_close(&f); remove("build/tests/grey16.png"); lb_ctx_free(c);
}
LBT(stills, jpeg_scans_and_markers) {
    static const char exif[] = "\xff\xe1\0\x22" "Exif\0\0" "II*\0\x08\0\0\0\1\0" "\x12\1\3\0\1\0\0\0\6\0\0\0" "\0\0\0\0"; uint8_t f[2048]; size_t n, i; int scans; lb_ctx *c = new_ctx();
    for (scans = 100; scans < 102; scans++) {
        lb_image a, head; lb_status s;
        memcpy(f, "\xff\xd8\xff\xdb\0\x43\0", 7); memset(f + 7, 1, 64); n = 71;
        memcpy(f + n, "\xff\xc0\0\x0b\x08\0\x08\0\x08\1\1\x11\0", 13); n += 13;
        memcpy(f + n, exif, sizeof exif - 1); n += sizeof exif - 1;
        for (i = 0; i < (size_t)scans; i++, n += 11) memcpy(f + n, "\xff\xda\0\x08\1\1\0\0\x3f\0\x2b", 11);
        memcpy(f + n, "\xff\xd9", 2); n += 2;
        CHECK(!lb_image_info(c, f, n, &head) && head.width == 8 && head.orientation == 6, "%d: %s", head.orientation, lb_last_error());
        s = lb_image_decode(c, f, n, &a);
        if (scans == 100) CHECK(!s && a.orientation == 6 && ((uint8_t *)a.data)[63] == 128, "%s", lb_last_error());
        else CHECK(s == LB_ERR_LIMIT && strstr(lb_last_error(), "100 times"), "%s", lb_last_error());
        lb_image_free(&a);
    }
    lb_ctx_free(c);
}
LBT(stills, upstreams_sample_files) {
    static const struct { const char *path; double v[9]; } s[] = {                  /* means of the channels, pixel (0, 0), pixel (112, 112) */
        { "image/0.jpg", { -0.28162, -0.23438, -0.03883, -0.75351, -1.01455, -0.98046, -0.14807, -0.2452, -0.2671 } }, { "image/1.jpg", { -0.14051, -0.5635, -0.35366, -0.03077, -0.39471, -0.45088, -0.77278, -1.12286, -0.92733 } },
        { "thermal/0.jpg", { 0.31044, 0.40957, 0.56799, 0.8792, 0.99427, 1.122, 0.09862, 0.19181, 0.36166 } }, { "thermal/1.jpg", { -1.14501, -1.0867, -0.84975, -1.31474, -1.26119, -1.01508, -0.58951, -0.51562, -0.30864 } },
        { "depth/0.png", { -1.31343, -1.25983, -1.01379, -1.27988, -1.22535, -0.98112, -1.35931, -1.307, -1.05849 } }, { "depth/1.png", { -1.22132, -1.16514, -0.92407, -1.21524, -1.15889, -0.91815, -1.33608, -1.28312, -1.03586 } } };
    static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f }, std[3] = { 0.26862954f, 0.26130258f, 0.27577711f }; size_t i, c, k; FILE *f = fopen("../shared/samples/image/0.jpg", "rb"); lb_ctx *ctx;
    if (!f) SKIP("../shared/samples is not there");
    fclose(f); ctx = new_ctx();
    for (i = 0; i < LB__COUNT(s); i++) {
        char path[128]; lb_image img; lb_image_profile p; float *x = (float *)malloc(3 * 224 * 224 * sizeof(float)); const double room = strstr(s[i].path, "png") ? 2e-5 : 2e-3;
        snprintf(path, sizeof path, "../shared/samples/%s", s[i].path);
        memset(&p, 0, sizeof p); p.width = p.height = 224; p.resize = LB_RESIZE_TORCH_BICUBIC; p.crop = LB_CROP_ROUND_HALF_EVEN; memcpy(p.mean, mean, sizeof mean); memcpy(p.std, std, sizeof std);
        if (strstr(path, "depth")) { p.depth = 1; p.max_depth = 10; }
        REQUIRE(!lb_image_load(ctx, path, &img) && !lb_image_preprocess(ctx, &img, &p, x), "%s", lb_last_error());
        for (c = 0; c < 3; c++) {
            double sum = 0, got[3]; size_t q;
            for (k = 0; k < 224 * 224; k++) sum += (double)x[c * 224 * 224 + k];
            got[0] = sum / (224 * 224); got[1] = (double)x[c * 224 * 224]; got[2] = (double)x[c * 224 * 224 + 112 * 225];
            for (q = 0; q < 3; q++) CHECK(fabs(got[q] - s[i].v[3 * q + c]) <= room, "%s channel %zu: %.5f, %.5f was expected", s[i].path, c, got[q], s[i].v[3 * q + c]);
        }
        lb_image_free(&img); free(x);
    }
    lb_ctx_free(ctx);
}
