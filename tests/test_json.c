/* Section 1.7: the JSON reader and writer. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
static int alloc_left = -1;
static void *failing(void *p, size_t n) { if (alloc_left == 0) return NULL; if (alloc_left > 0) alloc_left--; return realloc(p, n); }
#define LB_MALLOC(n) failing(NULL, n)
#define LB_REALLOC(p, n) failing(p, n)
#define LB_FREE(p) free(p)
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"

static lb_status parse(const char *t, lb__json_doc *d) { lb_limits l = lb_limits_default(); return lb__json_parse(&l, t, strlen(t), NULL, d); }

LBT(json, reads_every_kind) {
    lb__json_doc d; const lb__json *r, *a;
    REQUIRE(!parse(" {\"a\": [1, -2.5e3, true, false, null, \"x\\u00e9\\n\\ud83d\\ude00\"], \"b\": {}, \"c\": [], \"a b\": {\"k\": -9223372036854775808}} ", &d), "%s", lb_last_error());
    r = d.root;
    CHECK(r->type == LB__JSON_OBJECT && r->count == 4, "%zu", r->count);
    a = lb__json_get(r, "a");
    REQUIRE(a && a->type == LB__JSON_ARRAY && a->count == 6, "a");
    CHECK(a->first->exact && a->first->i == 1 && a->first->next->num == -2500 && !a->first->next->exact, "numbers");
    CHECK(a->first->next->next->num == 1 && a->first->next->next->type == LB__JSON_BOOL, "true");
    CHECK(!strcmp(a->first->next->next->next->next->next->str, "x\xc3\xa9\n\xf0\x9f\x98\x80"), "escapes");
    CHECK(lb__json_get(r, "b")->count == 0 && lb__json_get(r, "c")->type == LB__JSON_ARRAY && !lb__json_get(r, "zz"), "empty");
    CHECK(lb__json_get(lb__json_get(r, "a b"), "k")->exact && lb__json_get(lb__json_get(r, "a b"), "k")->i == INT64_MIN, "smallest integer");
    lb__json_free(&d);
    REQUIRE(!parse("{\"a\":1,\"a\":2}", &d), "%s", lb_last_error());
    CHECK(lb__json_num(d.root, "a", 0) == 2, "the last of two");
    lb__json_free(&d);
    REQUIRE(!parse("\xef\xbb\xbf 18446744073709551616", &d), "%s", lb_last_error());
    CHECK(!d.root->exact && d.root->num == 18446744073709551616.0, "%g", d.root->num);
    lb__json_free(&d);
}
LBT(json, refuses_with_line_and_column) {
    static const char *const bad[] = { "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "[1 2]", "nul", "truf", "01", "-", "1.", ".5", "1e", "1e+", "+1", "\"", "\"\\x\"", "\"\\u12g4\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\x01\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "1 2", "[]]", "{]", "[}", "NaN", "Infinity", "1e400", "'a'", "{\"a\\u0000b\":1}", "[1]x", "\"\\" };
    size_t i; lb__json_doc d; char deep[200];
    for (i = 0; i < LB__COUNT(bad); i++) {
        lb_status s = parse(bad[i], &d);
        CHECK(s == LB_ERR_FORMAT && strstr(lb_last_error(), "column") && !d.memory, "%s: %d %s", bad[i], s, lb_last_error());
    }
    CHECK(parse("{\"a\":\n  [1,\n   x]}", &d) && strstr(lb_last_error(), "line 3, column 4"), "%s", lb_last_error());
    memset(deep, '[', 100); memset(deep + 100, ']', 100); deep[199] = 0;
    CHECK(parse(deep, &d) == LB_ERR_LIMIT, "%s", lb_last_error());
}
LBT(json, reads_lines_one_by_one) {
    const char *t = "{\"a\":\"}\\\"\"}\n12 [3,[4]]\"x\" true"; size_t at = 0, used, n = strlen(t), count = 0; lb__json_doc d; lb_limits l = lb_limits_default();
    static const lb__json_type want[] = { LB__JSON_OBJECT, LB__JSON_NUMBER, LB__JSON_ARRAY, LB__JSON_STRING, LB__JSON_BOOL };
    while (at < n) {
        REQUIRE(!lb__json_parse(&l, t + at, n - at, &used, &d), "%s", lb_last_error());
        CHECK(count < 5 && d.root->type == want[count], "value %zu", count);
        lb__json_free(&d); at += used; count++;
    }
    CHECK(count == 5, "%zu", count);
}
LBT(json, numbers_round_trip) {
    lb__rng r = lb__rng_new(7, 0); int i; lb__buf b = { 0, 0, 0 };
    static const double v[] = { 0, 1, -1, 0.1, 1e22, 1e23, 123456789012345678.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 9007199254740993.0, 0.30000000000000004, 1e-7, 1e15, 1e16, 1e17 };
    for (i = 0; i < 20000; i++) {
        uint64_t u = (uint64_t)lb__rng_u32(&r) << 32 | lb__rng_u32(&r); double d = i < (int)LB__COUNT(v) ? v[i] : lb__bits_f64(u); float f = lb__bits_f32((uint32_t)u); char c[40];
        if (d == d && fabs(d) <= DBL_MAX) {
            b.size = 0; lb__json_put_f64(&b, d); lb__buf_add(&b, "", 1);
            CHECK(strtod((char *)b.data, NULL) == d, "%.17g came out as %s", d, (char *)b.data);
            snprintf(c, sizeof c, "%.17g", d); CHECK(lb__decimal(c, strlen(c)) == d, "%s read as %.17g", c, lb__decimal(c, strlen(c)));
        }
        if (lb__f32_bits(f) << 1 < 0xff000000u) {
            b.size = 0; lb__json_put_f32(&b, f); lb__buf_add(&b, "", 1);
            CHECK(strtof((char *)b.data, NULL) == f, "%.9g came out as %s", (double)f, (char *)b.data);
        }
    }
    b.size = 0; lb__json_put_f32(&b, 0.1f); lb__buf_add(&b, " ", 1); lb__json_put_f64(&b, -INFINITY); lb__buf_add(&b, " ", 1); lb__json_put_i64(&b, INT64_MIN); lb__buf_add(&b, " ", 1);
    lb__json_put_str(&b, "a\"\\\n\x01\xff\xc3\xa9", 8); lb__buf_add(&b, "", 1);
    CHECK(!strcmp((char *)b.data, "0.1 null -9223372036854775808 \"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\""), "%s", (char *)b.data);
    lb__buf_free(&b);
}
LBT(json, survives_cuts_flips_and_no_memory) {
    const char *t = "{\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\"], \"b\": {\"c\": [[], {}]}}"; size_t n = strlen(t), i; lb__json_doc d; lb_limits l = lb_limits_default(); lb__rng r = lb__rng_new(3, 0); int k;
    char *exact = (char *)malloc(n);                              /* of the exact size, so that a sanitizer sees one byte too many */
    for (i = 0; i < n; i++) { free(exact); exact = (char *)malloc(i ? i : 1); memcpy(exact, t, i); CHECK(lb__json_parse(&l, exact, i, NULL, &d) == LB_ERR_FORMAT, "cut at %zu", i); }
    free(exact); exact = (char *)malloc(n);
    for (k = 0; k < 20000; k++) { memcpy(exact, t, n); for (i = 0; i < 3; i++) exact[lb__rng_below(&r, (uint32_t)n)] = "{}[]\",:\\0 e\xc3"[lb__rng_below(&r, 12)]; if (!lb__json_parse(&l, exact, n, NULL, &d)) lb__json_free(&d); }
    free(exact);
    alloc_left = 0; CHECK(parse(t, &d) == LB_ERR_MEM, "no memory"); alloc_left = -1;
}
