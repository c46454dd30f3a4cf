/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/still.c -o build/fuzz/still -lm && build/fuzz/still tests/fuzz/corpus/still/jpeg
 * Still images; each format has a corpus of its own, and gets time of its own.
 * A decoded image must be readable throughout and agree with lb_image_info; a refused one must leave nothing. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lb_ctx *ctx = NULL; lb_ctx_desc d; lb_image a, head; lb_status s;
    memset(&d, 0, sizeof d); d.limits.max_pixels = 1 << 16; d.threads = 1;
    if (lb_ctx_new(&d, &ctx)) return 0;
    s = lb_image_decode(ctx, data, size, &a);
    if (!s) {
        const size_t bytes = a.width * a.height * (size_t)a.channels * (size_t)(a.bits / 8); volatile uint32_t seen = lb__crc32(0, a.data, bytes);
        (void)seen;
        if (lb_image_info(ctx, data, size, &head) || head.width != a.width || head.height != a.height || head.channels != a.channels || head.bits != a.bits) __builtin_trap();
    } else if (a.data) __builtin_trap();
    lb_image_free(&a); lb_ctx_free(ctx);
    return 0;
}
