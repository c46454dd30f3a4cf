/* lbt.h - the whole test framework.  A test program includes the header with its implementation (so that it can reach private functions),
 * then this file, then says LBT(section, name) { CHECK(...); ... } as often as it likes.  `prog` runs all tests, `prog WORD` those whose
 * name contains WORD.  Exit status 1 when any check failed. */
#ifndef LBT_H
#define LBT_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lbt_test { const char *name; void (*fn)(void); struct lbt_test *next; } lbt_test;
static lbt_test *lbt_first, **lbt_last = &lbt_first;
static int lbt_failures, lbt_skipped_now;

#define LBT(section, id)                                                                                     \
    static void lbt_##section##_##id(void);                                                                  \
    static lbt_test lbt_test_##section##_##id = { #section "." #id, lbt_##section##_##id, NULL };            \
    __attribute__((constructor)) static void lbt_reg_##section##_##id(void) { *lbt_last = &lbt_test_##section##_##id; lbt_last = &lbt_test_##section##_##id.next; } \
    static void lbt_##section##_##id(void)

/* CHECK(condition, "format", ...): the sentence should give the values that were compared. */
#define CHECK(cond, ...) do { if (!(cond) && lbt_failures++ < 20) { printf("  %s:%d: %s: ", __FILE__, __LINE__, #cond); printf(__VA_ARGS__); printf("\n"); } } while (0)
#define REQUIRE(cond, ...) do { if (!(cond)) { lbt_failures++; printf("  %s:%d: %s: ", __FILE__, __LINE__, #cond); printf(__VA_ARGS__); printf("\n"); return; } } while (0)
/* SKIP("reason"): leaves the test, counted and printed as skipped. */
#define SKIP(...) do { printf("  skipped: "); printf(__VA_ARGS__); printf("\n"); lbt_skipped_now = 1; return; } while (0)

int main(int argc, char **argv) {
    int passed = 0, failed = 0, skipped = 0; lbt_test *t;
    for (t = lbt_first; t; t = t->next) {
        if (argc > 1 && !strstr(t->name, argv[1])) continue;
        lbt_failures = lbt_skipped_now = 0;
        t->fn();
        if (lbt_failures) { failed++; printf("FAIL %s\n", t->name); }
        else if (lbt_skipped_now) { skipped++; printf("skip %s\n", t->name); }
        else passed++;
        fflush(stdout);
    }
    printf("%s: %d passed, %d failed, %d skipped\n", strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], passed, failed, skipped);
    return failed != 0;
}
#endif
