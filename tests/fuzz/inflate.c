/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/inflate.c -o build/fuzz/inflate -lm
 * build/fuzz/inflate tests/fuzz/corpus/inflate
 * Raw DEFLATE into outputs of several sizes, in memory of exactly that size; a success must be the same at every size that holds it. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t room[4] = { 70000, 4096, 321, 7 }; size_t i, first = 0; uint32_t crc = 0; int good = 0;
    uint8_t *in = (uint8_t *)malloc(size ? size : 1);
    if (size) memcpy(in, data, size);
    for (i = 0; i < 4; i++) {
        uint8_t *out = (uint8_t *)malloc(room[i]); size_t used, made; lb_status s = lb__inflate_raw(in, size, out, room[i], &used, &made);
        if (!s) {
            if (used > size || made > room[i]) __builtin_trap();
            if (i && !good) __builtin_trap();
            if (!good) { good = 1; first = made; crc = lb__crc32(0, out, made); }
            else if (made != first || lb__crc32(0, out, made) != crc) __builtin_trap();
        } else if (good && first <= room[i]) __builtin_trap();
        free(out);
    }
    free(in);
    return 0;
}
