/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/safetensors.c -o build/fuzz/safetensors -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tools/checkpoint.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *c; checkpoint ck; size_t i;
    if (!c && lb_ctx_new(NULL, &c)) return 0;
    memset(&ck, 0, sizeof ck); ck.ctx = c; ck.mark = lb__arena_mark(c);
    if (!ck_read_safetensors(&ck, data, size, "fuzz") && !ck_sort(&ck))
        for (i = 0; i < ck.count; i++) { size_t n = ck_elements(ck.tensor[i]); if (n < 4096) { float *v = (float *)lb__arena(c, n, sizeof *v); if (v) ck_values(ck.tensor[i], v); } }
    ck_close(&ck);
    return 0;
}
