/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/flac.c -o build/fuzz/flac -lm
 * Checksums would stop nearly every changed file at its first frame, so they count as right here. */
#define LB__FLAC_CHECK(sum) ((void)(sum), 1)
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *c; lb__flac f;
    if (!c && lb_ctx_new(NULL, &c)) return 0;
    c->limits.max_samples = 1 << 20;
    lb__flac_read(c, data, size, &f);
    lb__buf_free(&f.pcm);
    return 0;
}
