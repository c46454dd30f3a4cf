/* failing_malloc.h - an allocator for tests that counts what is live and refuses from a chosen call on, on any thread.  Include in place of
 * languagebind.h, which it includes, and before everything else. */
#ifndef LBT_FAILING_MALLOC_H
#define LBT_FAILING_MALLOC_H
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include <stddef.h>
static void *test_malloc(size_t n);
static void *test_realloc(void *p, size_t n);
static void  test_free(void *p);
#define LB_MALLOC  test_malloc
#define LB_REALLOC test_realloc
#define LB_FREE    test_free
#include "languagebind.h"
#include <stdlib.h>
static long   alloc_live, alloc_left = -1;                  /* blocks not yet freed; how many calls still succeed, -1: all */
static size_t alloc_most;                                   /* the largest block that was asked for */
static int alloc_refused(void) { long n; do { n = alloc_left; if (n <= 0) return n == 0; } while (!__sync_bool_compare_and_swap(&alloc_left, n, n - 1)); return 0; }
static void *test_realloc(void *p, size_t n) {
    void *q;
    if (alloc_refused()) return NULL;
    if (n > alloc_most) alloc_most = n;
    q = realloc(p, n);
    if (q && !p) (void)__sync_fetch_and_add(&alloc_live, 1);
    return q;
}
static void *test_malloc(size_t n) { return test_realloc(NULL, n); }
static void  test_free(void *p) { if (p) (void)__sync_fetch_and_sub(&alloc_live, 1); free(p); }
#endif
