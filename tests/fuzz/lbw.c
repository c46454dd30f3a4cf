/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/lbw.c -o build/fuzz/lbw -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
/* The size and the head's checksum are put right first, so that what is behind them is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *c; lb_file *f; uint8_t *p; char id[65]; size_t i; const char *name, *strs[4]; double d[4]; uint64_t u; lb_model *m;
    if ((!c && lb_ctx_new(NULL, &c)) || !(p = (uint8_t *)malloc(size + 64))) return 0;
    if (size) memcpy(p, data, size);
    if (size >= 64) {
        uint64_t at = lb__u64le(p + 40);
        lb__put64le(p + 8, size);
        if (at >= 64 && at <= size) lb__put32le(p + 48, lb__crc32(0, p + 64, (size_t)at - 64));
    }
    if (!lb_file_open_memory(c, p, size, &f)) {
        lb_file_verify(c, f); lb_file_identity(f, "vision", id);
        for (i = 0; i < lb_file_tensors(f); i++) {
            const lb_tensor *t = lb_file_tensor_at(f, i, &name); const uint8_t *q = (const uint8_t *)t->data; volatile uint8_t x;
            if (lb_file_tensor(f, name) != t) __builtin_trap();
            x = q[lb_tensor_stored(t) * lb_dtype_size(t->dtype) - 1]; (void)x;
        }
        for (i = 0; i < lb_file_keys(f); i++) {
            lb_meta k = lb_file_key_at(f, i); size_t n;
            if (!lb_file_has(f, k.key)) __builtin_trap();
            lb_file_get_u64(f, k.key, &u); lb_file_get_f64s(f, k.key, d, 4, &n); lb_file_get_strs(f, k.key, strs, 4, &n);
        }
        lb_file_free(f);
    }
    if (!lb_model_open_memory(c, p, size, &m)) lb_model_free(m);
    free(p);
    return 0;
}
