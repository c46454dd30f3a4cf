/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/npy.c -o build/fuzz/npy -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *c; lb_tensor t;
    if (!c && lb_ctx_new(NULL, &c)) return 0;
    if (!lb_npy_decode(c, data, size, &t)) { lb_tensor_f32(&t); lb_tensor_free(&t); }
    return 0;
}
