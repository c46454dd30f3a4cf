/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/wav.c -o build/fuzz/wav -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *c; lb_audio a;
    if (!c && lb_ctx_new(NULL, &c)) return 0;
    c->limits.max_samples = 1 << 20;
    if (!lb_audio_decode(c, data, size, &a)) lb_audio_free(&a);
    return 0;
}
