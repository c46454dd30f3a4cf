/* Section 9: decoders, conversion, orientation, resampling, the preprocessing profiles. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"

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
