/* failing_malloc.h - an allocator for tests that counts what is live and refuses from a chosen call on.  Include before languagebind.h. */
#ifndef LBT_FAILING_MALLOC_H
#define LBT_FAILING_MALLOC_H
#include <stddef.h>
static void *test_malloc(size_t n);
static void *test_realloc(void *p, size_t n);
static void  test_free(void *p);
#define LB_MALLOC  test_malloc
#define LB_REALLOC test_realloc
#define LB_FREE    test_free
#include "languagebind.h"
static long alloc_live, alloc_until = -1;                   /* alloc_until: how many calls still succeed; -1: all */
static int   alloc_refused(void) { if (alloc_until == 0) return 1; if (alloc_until > 0) alloc_until--; return 0; }
static void *test_malloc(size_t n) { void *p; if (alloc_refused()) return NULL; p = malloc(n); if (p) (void)__sync_fetch_and_add(&alloc_live, 1); return p; }
static void *test_realloc(void *p, size_t n) { return alloc_refused() ? NULL : realloc(p, n); }
static void  test_free(void *p) { (void)__sync_fetch_and_sub(&alloc_live, 1); free(p); }
#endif
