/* Section 8: tokens exactly as the reference tokenizers give them, the way back, vocabularies read and learnt, hostile input, failing memory. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"

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
    KNOWN(LB_CLEAN_HF, "a photo of a <|endoftext|> cat", 320,1125,539,320,49407,2368,49407);
    KNOWN(LB_CLEAN_LANGUAGEBIND, "a photo of a <|endoftext|> cat", 320,1125,539,320,49407,2368,49407);
}

/* Every string of the golden file by every path: ids, the count, padding, and each text cut to 8 ids. */
static void against(const golden *g, const char *path, int clean) {
    char name[64]; golden_array text = golden_get(g, "text"), text_end = golden_get(g, "text_end"), ids, end, base_ids = golden_get(g, "ids_open_clip"), base_end = golden_get(g, "end_open_clip"); size_t i, k, wrong = 0;
    snprintf(name, sizeof name, "ids_%s", path); ids = golden_get(g, name);
    snprintf(name, sizeof name, "end_%s", path); end = golden_get(g, name);
    REQUIRE(text.data && text_end.data && ids.data && end.data && base_ids.data && base_end.data, "golden arrays");
    CHECK(text_end.count >= 10000, "%u strings", (unsigned)text_end.count);
    for (i = 0; i < text_end.count; i++) {
        const uint32_t *te = (const uint32_t *)text_end.data, *ie = (const uint32_t *)end.data, *be = (const uint32_t *)base_end.data; const uint16_t *want; size_t begin = i ? te[i - 1] : 0, from, n, count = 0; int32_t got[80], less[8];
        from = i ? ie[i - 1] : 0; n = ie[i] - from; want = (const uint16_t *)ids.data + from;
        if (!n) { from = i ? be[i - 1] : 0; n = be[i] - from; want = (const uint16_t *)base_ids.data + from; }       /* the same as open_clip's */
        REQUIRE(!lb_tokenize(ctx, clip(), clean, (const char *)text.data + begin, te[i] - begin, got, 77, &count), "%s", lb_last_error());
        for (k = 0; k < n && got[k] == want[k]; k++) {}
        if (k < n || (count < 77 ? count != n : n != 77)) { if (wrong++ < 5) CHECK(0, "%s: string %u \"%.*s\": id %u of %u is %d, %d was expected", path, (unsigned)i, (int)(te[i] - begin), (const char *)text.data + begin, (unsigned)k, (unsigned)n, (int)got[k], k < n ? want[k] : -1); continue; }
        for (k = n; k < 77; k++) if (got[k] != (clean == LB_CLEAN_OPEN_CLIP ? 0 : 49407)) break;
        CHECK(k == 77, "padding of string %u", (unsigned)i);
        lb_tokenize(ctx, clip(), clean, (const char *)text.data + begin, te[i] - begin, less, 8, NULL);
        for (k = 0; k < 7 && k < n && less[k] == got[k]; k++) {}
        CHECK(k == LB__MIN(n, 7) && (n < 8 || less[7] == (n == 8 ? got[7] : 49407)), "string %u cut to 8 ids", (unsigned)i);
    }
    CHECK(!wrong, "%s: %u of %u strings differ", path, (unsigned)wrong, (unsigned)text_end.count);
}
static void all_strings(const char *path, int clean) {
    golden g;
    REQUIRE(clip(), "no vocabulary");
    REQUIRE(golden_open("tokens", &g), "golden file");
    against(&g, path, clean);
    golden_close(&g);
}
LBT(text, open_clip_ids_exact)    { all_strings("open_clip", LB_CLEAN_OPEN_CLIP); }
LBT(text, hf_ids_exact)           { all_strings("hf", LB_CLEAN_HF); }
LBT(text, languagebind_ids_exact) { all_strings("languagebind", LB_CLEAN_LANGUAGEBIND); }

/* What is decoded and encoded again gives the same ids; its text is what went in, words apart by one space. */
LBT(text, decode_round_trips) {
    static const char *const said[][2] = { { "A  photo of\ta CAT.", "a photo of a cat . " }, { "na\xc3\xafve \xf0\x9f\x90\xb1\xf0\x9f\x90\xb6!", "na\xc3\xafve \xf0\x9f\x90\xb1\xf0\x9f\x90\xb6! " }, { "", "" } };
    golden g; golden_array text, end; size_t i, k, n, m, size, tried = 0; static int32_t a[4096], b[4096]; static char out[65536];
    REQUIRE(clip(), "no vocabulary");
    for (i = 0; i < LB__COUNT(said); i++) {
        REQUIRE(!lb_tokenize(ctx, clip(), 0, said[i][0], LB_CSTRING, a, 77, &n), "%s", lb_last_error());
        CHECK(!lb_detokenize(clip(), a, n, out, sizeof out, &size) && size == strlen(said[i][1]) && !strcmp(out, said[i][1]), "\"%s\"", out);
        CHECK(!lb_detokenize(clip(), a, n, out, 4, &m) && m == size && strlen(out) == LB__MIN(size, 3) && !memcmp(out, said[i][1], strlen(out)), "cut: \"%s\"", out);
    }
    REQUIRE(golden_open("tokens", &g), "golden file");
    text = golden_get(&g, "text"); end = golden_get(&g, "text_end");
    for (i = 0; i < 4000; i++) {                                                                     /* the English captions */
        const uint32_t *te = (const uint32_t *)end.data; size_t begin = i ? te[i - 1] : 0;
        lb_tokenize(ctx, clip(), 0, (const char *)text.data + begin, te[i] - begin, a, 4096, &n);
        REQUIRE(!lb_detokenize(clip(), a, n, out, sizeof out, &size) && size < sizeof out, "%s", lb_last_error());
        if (memchr(out, '\'', size) || memchr(out, '&', size)) continue;                             /* "' s" becomes "'s" only where it was one */
        lb_tokenize(ctx, clip(), 0, out, size, b, 4096, &m);
        for (k = 0; k < n && k < m && a[k] == b[k]; k++) {}
        CHECK(k == n && n == m, "\"%s\" at id %u", out, (unsigned)k);
        tried++;
    }
    CHECK(tried > 2500, "only %u tried", (unsigned)tried);
    golden_close(&g);
    a[0] = 12; a[1] = 49408;
    CHECK(lb_detokenize(clip(), a, 2, out, sizeof out, &size) == LB_ERR_ARG && strstr(lb_last_error(), "49408"), "%s", lb_last_error());
    for (i = k = 0; i < 49408; i++) { a[0] = (int32_t)i; CHECK(!lb_detokenize(clip(), a, 1, out, sizeof out, &size), "%s", lb_last_error()); k += size; }
    CHECK(k > 49408 * 3, "%u bytes", (unsigned)k);
}
LBT(text, special_strings_can_be_ordinary) {
    int32_t a[77]; size_t n, i; int c;
    REQUIRE(clip(), "no vocabulary");
    for (c = 0; c < 3; c++) {
        lb_tokenize(ctx, clip(), c | LB_CLEAN_NO_SPECIAL, "a <|endoftext|> b <end_of_text> <|startoftext|><start_of_text>", LB_CSTRING, a, 77, &n);
        for (i = 1; i + 1 < n; i++) CHECK(a[i] < 49406, "id %u is %d", (unsigned)i, (int)a[i]);
    }
}
LBT(text, zero_bytes_and_long_words) {
    int32_t a[77], b[77]; size_t n, m; char *s; size_t i;
    REQUIRE(clip(), "no vocabulary");
    CHECK(!lb_tokenize(ctx, clip(), 0, "ca\0t", 4, a, 77, &n) && !lb_tokenize(ctx, clip(), 0, "cat", 3, b, 77, &m) && n == m && a[1] == b[1], "control characters vanish");
    s = (char *)malloc(1 << 20);
    for (i = 0; i < 1 << 20; i++) s[i] = (char)("hahaxy"[(i * 2654435761u >> 7) % 6]);
    CHECK(!lb_tokenize(ctx, clip(), 0, s, 1 << 20, a, 77, &n) && n > 100000, "a word of a megabyte: %u ids", (unsigned)n);
    for (i = 0; i + 6 <= 1 << 20; i += 5) memcpy(s + i, "&amp;", 5);
    CHECK(!lb_tokenize(ctx, clip(), 0, s, (1 << 20) - 1, a, 77, &n), "%s", lb_last_error());
    memcpy(s, "&", 1); for (i = 1; i + 4 <= 1 << 20; i += 4) memcpy(s + i, "amp;", 4);                /* &amp;amp;amp;... */
    CHECK(!lb_tokenize(ctx, clip(), 0, s, 1 + 4 * 200000, a, 77, &n) && n == 3 && a[1] == 261 + 0 * 1, "nested entities: %u ids, %d", (unsigned)n, (int)a[1]);
    for (i = 0; i + 2 <= 1 << 20; i += 2) { s[i] = '\xcc'; s[i + 1] = (char)(0x80 + (i * 7919 >> 3) % 64); }
    CHECK(!lb_tokenize(ctx, clip(), 1, s, 1 << 20, a, 77, &n), "half a million marks: %s", lb_last_error());
    free(s);
}
LBT(text, long_words_merge_like_short_ones) {
    /* the heap and the scan give the same ids: words of 2..32 bytes through both */
    lb_tokenizer *t = clip(); uint32_t seed = 1; int r; size_t i;
    REQUIRE(t, "no vocabulary");
    for (r = 0; r < 20000; r++) {
        uint8_t w[LB__SHORT_WORD]; int32_t a[LB__SHORT_WORD], b[LB__SHORT_WORD]; lb__ids o, p; size_t n;
        seed = seed * 1664525u + 1013904223u; n = 2 + (seed >> 16) % (LB__SHORT_WORD - 1);
        for (i = 0; i < n; i++) { seed = seed * 1664525u + 1013904223u; w[i] = (uint8_t)(r & 1 ? "etaoinshrdlu"[(seed >> 16) % 12] : "aab"[(seed >> 16) % 3]); }
        memset(&o, 0, sizeof o); o.ctx = ctx; o.t = t; o.id = a; o.cap = LB__COUNT(a); p = o; p.id = b;
        lb__bpe_word(&o, w, n); lb__bpe_long(&p, w, n);
        CHECK(o.n == p.n && !memcmp(a, b, o.n * sizeof *a), "%.*s", (int)n, (const char *)w);
    }
}
LBT(text, wrong_use_says_so) {
    int32_t a[4]; lb_tokenizer *t = NULL; static const uint16_t late[][2] = { { 0, 256 }, { 514, 1 } }, twice[][2] = { { 0, 1 }, { 0, 1 } }, past[][2] = { { 256, 1 } }; const char *const holes[] = { "a", "", NULL }; const size_t sizes[] = { 1, 0, 0 }; lb_ctx *small = NULL; lb_ctx_desc d;
    REQUIRE(clip(), "no vocabulary");
    CHECK(lb_tokenize(ctx, clip(), 0, "a", 1, a, 1, NULL) == LB_ERR_ARG, "context of one");
    CHECK(lb_tokenize(ctx, clip(), 7, "a", 1, a, 4, NULL) == LB_ERR_ARG, "unknown cleaning");
    CHECK(lb_tokenize(ctx, clip(), 0, NULL, 1, a, 4, NULL) == LB_ERR_ARG, "no text");
    CHECK(lb_tokenizer_new(ctx, late[0], 2, &t) == LB_ERR_FORMAT && !t && strstr(lb_last_error(), "merge 1"), "%s", lb_last_error());
    CHECK(lb_tokenizer_new(ctx, twice[0], 2, &t) == LB_ERR_FORMAT && !t, "%s", lb_last_error());
    CHECK(lb_tokenizer_new(ctx, past[0], 1, &t) == LB_ERR_FORMAT && !t && strstr(lb_last_error(), "ends a word"), "%s", lb_last_error());
    CHECK(lb_tokenizer_parse(ctx, "#version: 0.2\na b\nab c</w>\nx\n", LB_CSTRING, 100, &t) == LB_ERR_FORMAT && !t && strstr(lb_last_error(), "line 4"), "%s", lb_last_error());
    CHECK(lb_tokenizer_parse(ctx, "ab c", LB_CSTRING, 100, &t) == LB_ERR_FORMAT && !t && strstr(lb_last_error(), "line 1"), "%s", lb_last_error());
    CHECK(lb_tokenizer_parse(ctx, "a \xe2\x82\xac", LB_CSTRING, 100, &t) == LB_ERR_FORMAT && strstr(lb_last_error(), "U+20ac"), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.limits.max_text = 10;
    REQUIRE(!lb_ctx_new(&d, &small), "%s", lb_last_error());
    CHECK(lb_tokenize(small, clip(), 0, "eleven char", 11, a, 4, NULL) == LB_ERR_LIMIT && !a[0], "%s", lb_last_error());
    lb_ctx_free(small);
    CHECK(lb_tokenizer_train(ctx, 0, holes, NULL, 3, 600, 1, &t) == LB_ERR_ARG && !t && strstr(lb_last_error(), "text 2 of 3"), "%s", lb_last_error());
    CHECK(!lb_tokenizer_train(ctx, 0, holes, sizes, 3, 600, 1, &t), "an empty text may be NULL: %s", lb_last_error());
    lb_tokenizer_free(t);
}
LBT(text, doubling_merges_are_refused) {
    uint16_t m[20][2]; lb_tokenizer *t = NULL; int i;
    m[0][0] = m[0][1] = 64;
    for (i = 1; i < 20; i++) m[i][0] = m[i][1] = (uint16_t)(511 + i);
    if (!ctx) lb_ctx_new(NULL, &ctx);
    CHECK(lb_tokenizer_new(ctx, m[0], 20, &t) == LB_ERR_LIMIT && !t, "%s", lb_last_error());
}

/* "ab" x 3, "abc" x 2, "bc" x 1.  Ids: a 64, b 65, c 66, 256 more at the end of a word.
 * Pairs: (a, b</w>) 3; (a, b) 2; (b, c</w>) 3.  The tie at 3 goes to the lower left id: a.  Then (b, c</w>) 3, then (a, bc</w>) 2. */
LBT(text, learns_a_known_vocabulary) {
    static const char *const texts[] = { "ab ab AB", "abc, abc", "bc" }, *const turned[] = { "bc", "abc, abc", "ab ab AB" }; static const uint16_t want[][2] = { { 64, 65 + 256 }, { 65, 66 + 256 }, { 64, 513 } };
    lb_tokenizer *t = NULL, *u = NULL; size_t n, m; const uint16_t *got; int32_t ids[8]; char out[32];
    if (!ctx) lb_ctx_new(NULL, &ctx);
    REQUIRE(!lb_tokenizer_train(ctx, 0, texts, NULL, 3, 600, 1, &t), "%s", lb_last_error());
    got = lb_tokenizer_merges(t, &n);
    CHECK(n == 3 && !memcmp(got, want, sizeof want), "%u merges, first %d %d", (unsigned)n, n ? got[0] : 0, n ? got[1] : 0);
    REQUIRE(!lb_tokenizer_train(ctx, 0, turned, NULL, 3, 600, 1, &u), "%s", lb_last_error());
    CHECK(!memcmp(lb_tokenizer_merges(u, &m), want, sizeof want) && m == 3, "another order");
    CHECK(!lb_tokenize(ctx, t, 0, "abc bc", 6, ids, 8, &n) && n == 4 && ids[1] == 514 && ids[2] == 513, "%d %d", (int)ids[1], (int)ids[2]);
    CHECK(!lb_detokenize(t, ids, n, out, sizeof out, NULL) && !strcmp(out, "abc bc "), "%s", out);
    lb_tokenizer_free(t); lb_tokenizer_free(u);
    CHECK(!lb_tokenizer_train(ctx, 0, texts, NULL, 3, 515, 1, &t) && lb_tokenizer_vocab(t) == 515, "size is kept");
    lb_tokenizer_free(t);
    CHECK(!lb_tokenizer_train(ctx, 0, texts, NULL, 3, 600, 3, &t) && lb_tokenizer_vocab(t) == 516, "min_count is kept");
    lb_tokenizer_free(t);
    CHECK(lb_tokenizer_train(ctx, 0, texts, NULL, 3, 100, 1, &t) == LB_ERR_ARG && !t, "%s", lb_last_error());
}
/* A vocabulary learnt from the golden captions against counting everything anew for every merge. */
LBT(text, learning_equals_naive_counting) {
    enum { TEXTS = 60, MERGES = 150 };
    golden g; golden_array text, end; const char *texts[TEXTS]; size_t sizes[TEXTS], i, k, n, m, words = 0; lb_tokenizer *t = NULL, *base = NULL; const uint16_t *got; static uint16_t sym[2000][64]; static size_t len[2000]; static char made[MERGES + 512][80];
    if (!ctx) lb_ctx_new(NULL, &ctx);
    REQUIRE(golden_open("tokens", &g), "golden file");
    text = golden_get(&g, "text"); end = golden_get(&g, "text_end");
    for (i = 0; i < TEXTS; i++) { size_t begin = ((const uint32_t *)end.data)[i + 6]; texts[i] = (const char *)text.data + begin; sizes[i] = ((const uint32_t *)end.data)[i + 7] - begin; }
    REQUIRE(!lb_tokenizer_train(ctx, 16, texts, sizes, TEXTS, 514 + MERGES, 1, &t) && !lb_tokenizer_new(ctx, NULL, 0, &base), "%s", lb_last_error());
    for (i = 0; i < TEXTS; i++) {                                                                    /* with no merges, ids are bytes; those above 255 end words */
        int32_t ids[1024];
        lb_tokenize(ctx, base, 16, texts[i], sizes[i], ids, 1024, &n);
        for (k = 1; k + 1 < n && words < 2000; k++) { sym[words][len[words]++] = (uint16_t)ids[k]; if (ids[k] >= 256) words++; }
    }
    for (i = 0; i < 512; i++) { made[i][0] = (char)(1 + i % 256); if (i % 256 == 255) made[i][0] = 1; made[i][1] = i >= 256 ? '$' : 0; }       /* letters that occur differ */
    got = lb_tokenizer_merges(t, &n);
    CHECK(n == MERGES, "%u merges", (unsigned)n);
    for (m = 0; m < n; m++) {
        static uint32_t count[512 + MERGES][512 + MERGES]; size_t a, b, ba = 0, bb = 0, top = 0;
        memset(count, 0, sizeof count);
        for (i = 0; i < words; i++) for (k = 0; k + 1 < len[i]; k++) count[sym[i][k]][sym[i][k + 1]]++;
        for (a = 0; a < 512 + m; a++) for (b = 0; b < 512 + m; b++) if (count[a][b] > top) {
            char s[160]; size_t j;
            snprintf(s, sizeof s, "%s%s", made[a], made[b]);
            for (j = 512; j < 512 + m && strcmp(made[j], s); j++) {}
            if (j == 512 + m) { top = count[a][b]; ba = a; bb = b; }
        }
        CHECK(got[2 * m] == ba && got[2 * m + 1] == bb, "merge %u is (%d, %d), (%u, %u) was expected", (unsigned)m, got[2 * m], got[2 * m + 1], (unsigned)ba, (unsigned)bb);
        if (got[2 * m] != ba || got[2 * m + 1] != bb) break;
        { char s[80]; snprintf(s, sizeof s, "%.39s%.39s", made[ba], made[bb]); memcpy(made[512 + m], s, sizeof s); }
        for (i = 0; i < words; i++) { size_t r = 0, w = 0; for (; r < len[i]; w++) { if (r + 1 < len[i] && sym[i][r] == ba && sym[i][r + 1] == bb) { sym[i][w] = (uint16_t)(512 + m); r += 2; } else sym[i][w] = sym[i][r++]; } len[i] = w; }
    }
    lb_tokenizer_free(t); lb_tokenizer_free(base); golden_close(&g);
}
LBT(text, merges_text_is_read) {
    static const char text[] = "#version: 0.2\r\na b\r\n\nab c</w>\n\xc4\xa0 \xc3\xa9</w>\n"; lb_tokenizer *t = NULL; const uint16_t *m; size_t n; static const uint16_t want[][2] = { { 64, 65 }, { 512, 66 + 256 }, { 220, 165 + 256 } };
    if (!ctx) lb_ctx_new(NULL, &ctx);
    REQUIRE(!lb_tokenizer_parse(ctx, text, LB_CSTRING, 100, &t), "%s", lb_last_error());
    m = lb_tokenizer_merges(t, &n);
    CHECK(n == 3 && !memcmp(m, want, 8), "%u merges: %d %d, %d %d, %d %d", (unsigned)n, m[0], m[1], m[2], m[3], m[4], m[5]);
    CHECK(m[4] == 220 && t->byte[220] == ' ' && t->byte[m[5] - 256] == 0xe9, "%d %d", m[4], m[5]);
    lb_tokenizer_free(t);
}

/* Every call with the n-th allocation refused: an error, nothing leaked, and the same result once memory is there. */
LBT(text, survives_failing_memory) {
    static const char *const texts[] = { "caf\xc3\xa9 e\xcc\x81 &amp;amp; \xef\xbc\xa1 <|endoftext|>", "a photo of a cat", "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww" }; long n; int kind; const uint16_t *m; size_t count;
    REQUIRE(clip(), "no vocabulary");
    m = lb_tokenizer_merges(clip(), &count);
    for (kind = 0; kind < 6; kind++) for (n = 0; n < 100; n++) {
        lb_ctx *c = NULL; lb_tokenizer *t = NULL; int32_t ids[77]; size_t i; lb_status s; long live = alloc_live;
        alloc_left = -1;
        REQUIRE(!lb_ctx_new(NULL, &c), "%s", lb_last_error());
        memset(ids, 255, sizeof ids); alloc_left = n;
        if (kind == 0) s = lb_tokenizer_new(c, m, count, &t);
        else if (kind == 1) s = lb_tokenizer_parse(c, "a b\nab c</w>\n", LB_CSTRING, 10, &t);
        else if (kind == 2) s = lb_tokenizer_train(c, 0, texts, NULL, 3, 600, 1, &t);
        else s = lb_tokenize(c, clip(), kind - 3, texts[0], LB_CSTRING, ids, 77, NULL);
        if (!s && kind > 2) s = lb_tokenize(c, clip(), kind - 3, texts[2], LB_CSTRING, ids, 77, &i);
        alloc_left = -1;
        CHECK(s == LB_OK || (s == LB_ERR_MEM && !t), "kind %d, call %d: %s", kind, (int)n, lb_last_error());
        for (i = 0; s && kind > 2 && i < 77; i++) CHECK(!ids[i], "kind %d, call %d: id %u is %d", kind, (int)n, (unsigned)i, (int)ids[i]);
        lb_tokenizer_free(t); lb_ctx_free(c);
        CHECK(alloc_live == live, "kind %d, call %d: %d blocks leaked", kind, (int)n, (int)(alloc_live - live));
        if (!s) break;
    }
    CHECK(n < 100, "never succeeds");
}
