/* still.h - the body of the fuzz targets of still images.  The first bytes are set to those of the format, MAGIC, so that every input reaches its
 * reader: a decoded image must be readable throughout and agree with lb_image_info; a refused one must leave nothing. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lb_ctx *ctx = NULL; lb_ctx_desc d; lb_image a, head; lb_status s; uint8_t *in;
    if (size < sizeof MAGIC - 1 || (in = (uint8_t *)malloc(size)) == NULL) return 0;
    memcpy(in, data, size); memcpy(in, MAGIC, sizeof MAGIC - 1);
    memset(&d, 0, sizeof d); d.limits.max_pixels = 1 << 16; d.threads = 1;
    if (lb_ctx_new(&d, &ctx)) { free(in); return 0; }
    s = lb_image_decode(ctx, in, size, &a);
    if (!s) {
        const size_t bytes = a.width * a.height * (size_t)a.channels * (size_t)(a.bits / 8); volatile uint32_t seen = lb__crc32(0, a.data, bytes);
        (void)seen;
        if (lb_image_info(ctx, in, size, &head) || head.width != a.width || head.height != a.height || head.channels != a.channels || head.bits != a.bits) __builtin_trap();
    } else if (a.data) __builtin_trap();
    lb_image_free(&a); lb_ctx_free(ctx); free(in);
    return 0;
}
