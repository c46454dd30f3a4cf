/* Tokenizer: any text through every cleaning and back; any bytes as merges, as a merges text, and as captions to learn from.
 * clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/bpe.c -o build/fuzz/bpe -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#define LB_NO_SIMD
#include "languagebind.h"

/* The first byte chooses what is tried, the rest is the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *ctx; static lb_tokenizer *learnt;
    lb_tokenizer *t = NULL; static int32_t ids[65536]; static char out[65536]; size_t n = 0, m, i; int kind;
    if (!ctx) {
        static const char *const texts[] = { "a photo of a cat and a dog", "the cat sat on the mat", "\xd1\x84\xd0\xbe\xd1\x82\xd0\xbe \xd0\xba\xd0\xbe\xd1\x82\xd0\xb0", "it's the dog's photo; they'll see" };
        if (lb_ctx_new(NULL, &ctx) || lb_tokenizer_train(ctx, 0, texts, NULL, 4, 600, 1, &learnt)) __builtin_trap();
    }
    if (!size) return 0;
    kind = *data++ % 6; size--;
    if (kind < 3) {
        for (i = 0; i < 2; i++) if (lb_tokenize(ctx, learnt, kind | (i ? LB_CLEAN_NO_SPECIAL : 0), (const char *)data, size, ids, 65536, &n)) __builtin_trap();
        if (n < 2 || (n <= 65536 && ids[n - 1] != lb_tokenizer_eot(learnt))) __builtin_trap();
        if (lb_detokenize(learnt, ids, LB__MIN(n, 65536), out, sizeof out, &m)) __builtin_trap();
    } else if (kind == 3) {
        uint16_t *merges = (uint16_t *)malloc(size + 4);
        for (i = 0; i < size / 2; i++) merges[i] = lb__u16le(data + 2 * i);
        if (!lb_tokenizer_new(ctx, merges, size / 4, &t)) {
            if (lb_tokenize(ctx, t, 0, (const char *)data, size, ids, 65536, &n)) __builtin_trap();
            for (i = 0; i < lb_tokenizer_vocab(t); i++) { ids[0] = (int32_t)i; if (lb_detokenize(t, ids, 1, out, sizeof out, &m)) __builtin_trap(); }
        }
        free(merges);
    } else if (kind == 4) {
        if (!lb_tokenizer_parse(ctx, (const char *)data, size, 1000, &t) && lb_tokenize(ctx, t, 0, (const char *)data, size, ids, 65536, &n)) __builtin_trap();
    } else {
        const char *texts[2]; size_t sizes[2];
        texts[0] = (const char *)data; sizes[0] = size / 2; texts[1] = texts[0] + size / 2; sizes[1] = size - size / 2;
        if (lb_tokenizer_train(ctx, 0, texts, sizes, 2, 700, 1, &t)) __builtin_trap();
        for (i = 0; i < 2; i++) if (lb_tokenize(ctx, t, 0, texts[i], sizes[i], ids, 65536, &n)) __builtin_trap();
    }
    lb_tokenizer_free(t);
    return 0;
}
