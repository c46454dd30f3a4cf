/* Section 8: tokens. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"

static lb_ctx *ctx;
static lb_tokenizer *clip(void) {
    static lb_tokenizer *t; lb_file *f = NULL;
    if (t) return t;
    if (lb_ctx_new(NULL, &ctx) || lb_file_open(ctx, "weights/clip-bpe.lbw", &f) || lb_file_tokenizer(ctx, f, &t)) printf("  %s\n", lb_last_error());
    lb_file_free(f);
    return t;
}
static void known(int clean, const char *s, const int *ids) {
    int32_t got[77]; size_t n = 0, i;
    CHECK(!lb_tokenize(ctx, clip(), clean, s, LB_CSTRING, got, 77, &n), "%s", lb_last_error());
    for (i = 0; i < n && ids[i]; i++) if (got[i] != ids[i]) break;
    CHECK(i == n && !ids[i], "\"%s\": id %d is %d, %d was expected", s, (int)i, i < n ? (int)got[i] : -1, ids[i]);
}
#define KNOWN(clean, text, ...) do { static const int ids_[] = { 49406, __VA_ARGS__, 0 }; known(clean, text, ids_); } while (0)
LBT(text, known_answers) {
    int c;
    REQUIRE(clip(), "no vocabulary");
    for (c = 0; c < 3; c++) {
        KNOWN(c, "Training a parakeet to climb up a ladder.", 2199,320,699,10558,875,531,10649,705,320,16637,269,49407);
        KNOWN(c, "A lion climbing a tree to catch a monkey.", 320,5567,9877,320,2677,531,3042,320,9465,269,49407);
        KNOWN(c, "a sound of dog.", 320,3608,539,1929,269,49407);
        KNOWN(c, "", 49407);
        KNOWN(c, "  It's   2023!!  ", 585,568,273,271,273,274,748,49407);
        KNOWN(c, "foo_bar-baz 12345", 23435,318,2411,268,25268,272,273,274,275,276,49407);
        KNOWN(c, "na\xc3\xafve caf\xc3\xa9", 1097,35689,563,15304,49407);
        KNOWN(c, "AT&amp;amp;T don't", 536,261,339,847,713,49407);
        KNOWN(c, "don\xe2\x80\x99t", 847,713,49407);
    }
    KNOWN(1, "a photo of a <|endoftext|> cat", 320,1125,539,320,49407,2368,49407);
    KNOWN(2, "a photo of a <|endoftext|> cat", 320,1125,539,320,49407,2368,49407);
}
