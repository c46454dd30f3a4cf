/* Section 9: decoders, conversion, orientation, resampling, the preprocessing profiles. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"

static lb_ctx *new_ctx(void) { lb_ctx *c = NULL; if (lb_ctx_new(NULL, &c)) abort(); return c; }

LBT(image, inflate_stored_fixed_and_bad) {
    static const uint8_t stored[] = { 1, 5, 0, 0xfa, 0xff, 'h', 'e', 'l', 'l', 'o' }, fixed[] = { 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01 };
    char out[64]; size_t used, made, i;
    CHECK(!lb__inflate_raw(stored, sizeof stored, out, 64, &used, &made) && used == 10 && made == 5 && !memcmp(out, "hello", 5), "%s", lb_last_error());
    CHECK(!lb__inflate_raw(fixed, sizeof fixed, out, 64, &used, &made) && used == 10 && made == 23 && !memcmp(out, "hello hello hello hello", 23), "%s (%zu)", lb_last_error(), made);
    for (i = 0; i < sizeof fixed; i++) CHECK(lb__inflate_raw(fixed, i, out, 64, &used, &made) == LB_ERR_FORMAT, "%zu bytes", i);
    for (i = 0; i < sizeof stored; i++) CHECK(lb__inflate_raw(stored, i, out, 64, &used, &made) == LB_ERR_FORMAT, "%zu bytes", i);
    CHECK(lb__inflate_raw(fixed, sizeof fixed, out, 22, &used, &made) == LB_ERR_FORMAT, "too small an output");
}
LBT(image, orientation) {
    lb_ctx *ctx = new_ctx(); int o;
    static const char *const want[9] = { "", "abcdef", "cbafed", "fedcba", "defabc", "adbecf", "daebfc", "fcebda", "cfbead" };
    for (o = 1; o <= 8; o++) {
        lb_image img; memset(&img, 0, sizeof img);
        img.width = 3; img.height = 2; img.channels = 1; img.bits = 8; img.orientation = o; img.data = LB_MALLOC(6); memcpy(img.data, "abcdef", 6);
        CHECK(!lb_image_orient(ctx, &img), "%s", lb_last_error());
        CHECK(!memcmp(img.data, want[o], 6) && img.width == (o < 5 ? 3u : 2u) && img.orientation == 1, "%d: %.6s", o, (char *)img.data);
        lb_image_free(&img);
    }
    lb_ctx_free(ctx);
}
LBT(image, crop_rules) {
    CHECK(lb__crop_offset(396, 224, LB_CROP_ROUND_HALF_EVEN) == 86 && lb__crop_offset(397, 224, LB_CROP_ROUND_HALF_EVEN) == 86 && lb__crop_offset(399, 224, LB_CROP_ROUND_HALF_EVEN) == 88, "half to even");
    CHECK(lb__crop_offset(397, 224, LB_CROP_FLOOR) == 86 && lb__crop_offset(399, 224, LB_CROP_FLOOR) == 87, "floor");
}

/* the pictures of tests/reference/make_images.py */
static lb_image picture(size_t w, size_t h, int ch, int kind) {
    lb_image m; size_t x, y, c;
    memset(&m, 0, sizeof m); m.width = w; m.height = h; m.channels = ch; m.bits = kind == 2 ? 16 : 8; m.orientation = 1; m.data = LB_MALLOC(w * h * (size_t)ch * 2);
    for (y = 0; y < h; y++) for (x = 0; x < w; x++) for (c = 0; c < (size_t)ch; c++) {
        uint32_t v = (uint32_t)(x * 73 + y * 151 + c * 199 + x * y * 7 + 1) * 2654435761u >> 16 & 255;
        if (kind == 2) ((uint16_t *)m.data)[(y * w + x) * (size_t)ch + c] = (uint16_t)(v * 5 + x * 20 + y * 30);
        else ((uint8_t *)m.data)[(y * w + x) * (size_t)ch + c] = (uint8_t)(kind ? (v >> 7) * 255 : v);
    }
    return m;
}
static lb_image_profile clip_profile(size_t n, lb_resize r, lb_crop crop) {
    static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f }, std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
    lb_image_profile p; memset(&p, 0, sizeof p);
    p.width = p.height = n; p.resize = r; p.crop = crop; memcpy(p.mean, mean, sizeof mean); memcpy(p.std, std, sizeof std);
    return p;
}
LBT(image, resize_equals_pillow) {
    golden g; golden_array a; size_t i; const int64_t *r; lb_ctx *ctx = new_ctx();
    REQUIRE(golden_open("images", &g), "no golden file");
    a = golden_get(&g, "pil"); r = (const int64_t *)a.data;
    for (i = 0; i < a.shape[0]; i++, r += 7) {
        lb_image in = picture((size_t)r[0], (size_t)r[1], (int)r[2], (int)r[3]), out; lb_status s; memset(&out, 0, sizeof out);
        s = lb_image_resize(ctx, &in, (size_t)r[4], (size_t)r[5], &out);
        CHECK(!s, "%s", lb_last_error());
        if (!s) CHECK(lb__crc32(0, out.data, out.width * out.height * (size_t)out.channels) == (uint32_t)r[6], "%d x %d x %d to %d x %d", (int)r[0], (int)r[1], (int)r[2], (int)r[4], (int)r[5]);
        lb_image_free(&in); if (!s) lb_image_free(&out);
    }
    golden_close(&g); lb_ctx_free(ctx);
}
LBT(image, profiles_equal_torchvision) {
    golden g; golden_array a; const int64_t *r; const float *want; size_t i, c, y, x; float out[3 * 24 * 24]; lb_ctx *ctx = new_ctx();
    static const char *const names[] = { "pil", "hf", "torch", "bilinear", "crop", "depth", "depth_max" };
    REQUIRE(golden_open("images", &g), "no golden file");
    a = golden_get(&g, "profiles"); r = (const int64_t *)a.data; want = golden_f32(&g, "profiles_out", NULL);
    for (i = 0; i < a.shape[0]; i++, r += 3) {
        const int k = (int)r[2]; lb_image in = picture((size_t)r[0], (size_t)r[1], k >= 5 ? 1 : 3, k >= 5 ? 2 : 0); double worst = 0; lb_status s;
        lb_image_profile p = clip_profile(24, k < 2 ? LB_RESIZE_PIL_BICUBIC : k == 3 ? LB_RESIZE_TORCH_BILINEAR : k == 4 ? LB_RESIZE_NONE : LB_RESIZE_TORCH_BICUBIC, k == 1 ? LB_CROP_FLOOR : LB_CROP_ROUND_HALF_EVEN);
        if (k >= 5) { p.depth = 1; p.max_depth = k == 5 ? 10.0f : 0.0f; }
        s = lb_image_preprocess(ctx, &in, &p, out);
        CHECK(!s, "%s", lb_last_error());
        for (c = 0; c < 3; c++) for (y = 0; y < 24; y += 2) for (x = 0; x < 24; x += 3) { double d = fabs((double)out[(c * 24 + y) * 24 + x] - (double)*want++); worst = LB__MAX(worst, d); }
        CHECK(worst <= (k < 2 ? 0.0 : 2e-5), "%s of %d x %d: %g", names[k], (int)r[0], (int)r[1], worst);
        lb_image_free(&in);
    }
    golden_close(&g); lb_ctx_free(ctx);
}
/* Millimetres to shares of the range: at least 10 mm, at most the range, or the picture's own maximum. */
LBT(image, depth_is_clipped) {
    static const uint16_t mm[4] = { 0, 7, 20, 12000 }; static const float want[2][4] = { { 0.001f, 0.001f, 0.002f, 1 }, { 0.01f / 12, 0.01f / 12, 0.02f / 12, 1 } };
    lb_ctx *ctx = new_ctx(); lb_image in; lb_image_profile p = clip_profile(2, LB_RESIZE_NONE, LB_CROP_ROUND_HALF_EVEN); float out[12]; int i, k;
    memset(&in, 0, sizeof in); in.width = in.height = 2; in.channels = 1; in.bits = 16; in.data = (void *)(uintptr_t)mm; p.depth = 1;
    for (k = 0; k < 3; k++) { p.mean[k] = 0; p.std[k] = 1; }
    for (i = 0; i < 2; i++) {
        p.max_depth = i ? 0.0f : 10.0f; REQUIRE(!lb_image_preprocess(ctx, &in, &p, out), "%s", lb_last_error());
        for (k = 0; k < 12; k++) CHECK(fabs((double)out[k] - (double)want[i][k % 4]) < 1e-7, "%u mm are %g, %g was expected", mm[k % 4], (double)out[k], (double)want[i][k % 4]);
    }
    lb_ctx_free(ctx);
}
LBT(image, position_grids_equal_torch) {
    static const size_t to[4][2] = { { 8, 74 }, { 9, 74 }, { 24, 24 }, { 7, 5 } }; golden g; const float *in; size_t i; float out[9 * 74 * 6]; char name[32];
    REQUIRE(golden_open("images", &g), "no golden file");
    in = golden_f32(&g, "grid_in", NULL);
    for (i = 0; i < 4; i++) {
        size_t n = 0; const float *want; snprintf(name, sizeof name, "grid_%d_%d", (int)to[i][0], (int)to[i][1]);
        want = golden_f32(&g, name, &n);
        CHECK(!lb__grid_resize(out, to[i][0], to[i][1], in, 16, 16, 6) && max_abs_diff(out, want, n) < 1e-5, "%s: %g", name, max_abs_diff(out, want, n));
    }
    golden_close(&g);
}
LBT(image, threads_change_nothing) {
    lb_image in = picture(301, 203, 3, 0); int k; float a[3 * 56 * 56], b[3 * 56 * 56];
    for (k = 0; k < 3; k++) {
        lb_image_profile p = clip_profile(56, k == 0 ? LB_RESIZE_PIL_BICUBIC : k == 1 ? LB_RESIZE_TORCH_BICUBIC : LB_RESIZE_TORCH_BILINEAR, LB_CROP_FLOOR); lb_ctx_desc d; lb_ctx *one, *four;
        memset(&d, 0, sizeof d); d.threads = 1; if (lb_ctx_new(&d, &one)) abort();
        d.threads = 4; if (lb_ctx_new(&d, &four)) abort();
        CHECK(!lb_image_preprocess(one, &in, &p, a) && !lb_image_preprocess(four, &in, &p, b) && !memcmp(a, b, sizeof a), "profile %d", k);
        lb_ctx_free(one); lb_ctx_free(four);
    }
    lb_image_free(&in);
}
/* Channel means, pixel (0,0) and pixel (112,112) that upstream's preprocessing gives for its own sample files. */
LBT(image, known_answers_of_the_samples) {
    static const struct { const char *path; double tol, v[9]; } known[] = {
        { "image/0.jpg", 2e-3, { -0.28162, -0.23438, -0.03883, -0.75351, -1.01455, -0.98046, -0.14807, -0.2452, -0.2671 } },
        { "image/1.jpg", 2e-3, { -0.14051, -0.5635, -0.35366, -0.03077, -0.39471, -0.45088, -0.77278, -1.12286, -0.92733 } },
        { "thermal/0.jpg", 2e-3, { 0.31044, 0.40957, 0.56799, 0.8792, 0.99427, 1.122, 0.09862, 0.19181, 0.36166 } },
        { "thermal/1.jpg", 2e-3, { -1.14501, -1.0867, -0.84975, -1.31474, -1.26119, -1.01508, -0.58951, -0.51562, -0.30864 } },
        { "depth/0.png", 2e-5, { -1.31343, -1.25983, -1.01379, -1.27988, -1.22535, -0.98112, -1.35931, -1.307, -1.05849 } },
        { "depth/1.png", 2e-5, { -1.22132, -1.16514, -0.92407, -1.21524, -1.15889, -0.91815, -1.33608, -1.28312, -1.03586 } } };
    size_t i, c, k; lb_ctx *ctx = new_ctx(); float *out = (float *)malloc(3 * 224 * 224 * sizeof(float)); FILE *f = fopen("../shared/samples/image/0.jpg", "rb");
    if (!f) { lb_ctx_free(ctx); free(out); SKIP("../shared/samples (upstream's sample files) is absent"); }
    fclose(f);
    for (i = 0; i < LB__COUNT(known); i++) {
        char path[256]; lb_image img; lb_image_profile p = clip_profile(224, LB_RESIZE_TORCH_BICUBIC, LB_CROP_ROUND_HALF_EVEN); lb_status s;
        snprintf(path, sizeof path, "../shared/samples/%s", known[i].path);
        p.depth = known[i].path[0] == 'd'; p.max_depth = 10;
        s = lb_image_load(ctx, path, &img);
        CHECK(!s, "%s", lb_last_error());
        if (s) continue;
        CHECK(!lb_image_preprocess(ctx, &img, &p, out), "%s", lb_last_error());
        for (c = 0; c < 3; c++) {
            double mean = 0; const float *o = out + c * 224 * 224;
            for (k = 0; k < 224 * 224; k++) mean += o[k];
            CHECK(fabs(mean / (224 * 224) - known[i].v[c]) < known[i].tol, "%s: mean %g, %g", path, mean / (224 * 224), known[i].v[c]);
            CHECK(fabs(o[0] - known[i].v[3 + c]) < known[i].tol && fabs(o[112 * 224 + 112] - known[i].v[6 + c]) < known[i].tol, "%s: %g %g, %g %g", path, o[0], o[112 * 224 + 112], known[i].v[3 + c], known[i].v[6 + c]);
        }
        lb_image_free(&img);
    }
    free(out); lb_ctx_free(ctx);
}
