/* Kernels of processors that this one is not, held by the tests of all other kernels on any machine with AVX512-BF16 and AVX512-VNNI:
 *   amx            its tile registers are arrays here, and its instructions the functions below (Intel's manual, TDPBF16PS and the like, says what they do)
 *   avx2           with AVX-VNNI: the same instruction in AVX-512's encoding.  That the other one is asked for where it is, is left to lb__cpu_dot */
#define _POSIX_C_SOURCE 200809L                             /* the header is not the first that is included */
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) && !defined(LB_NO_SIMD)
#include <immintrin.h>
typedef struct tile { uint32_t word[16][16]; } tile;
__extension__ static __thread tile tiles[8];
__extension__ static __thread struct { uint8_t palette, start, unused[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape;
static int faults;                                          /* what the processor would have refused */
static void tile_load(int t, const void *from, size_t step) {
    int r;
    if (!shape.palette) faults++;
    memset(&tiles[t], 0, sizeof tiles[t]);
    for (r = 0; r < shape.rows[t]; r++) memcpy(tiles[t].word[r], (const char *)from + (size_t)r * step, shape.bytes[t]);
}
static void tile_store(int t, void *to, size_t step) {
    int r;
    if (!shape.palette) faults++;
    for (r = 0; r < shape.rows[t]; r++) memcpy((char *)to + (size_t)r * step, tiles[t].word[r], shape.bytes[t]);
}
static float tile_float(uint32_t bits) { float f; memcpy(&f, &bits, sizeof f); return f; }
static void tile_multiply(int c, int a, int b) {            /* c[m][n] += sum over k of a[m][2k] b[k][2n] + the same of a[m][2k+1] b[k][2n+1]: sums of their own, added in the end */
    int m, k, n;
    if (!shape.palette || shape.rows[c] != shape.rows[a] || shape.bytes[a] / 4 != shape.rows[b] || shape.bytes[c] != shape.bytes[b]) faults++;
    for (m = 0; m < shape.rows[c]; m++) {
        float even[16] = { 0 }, odd[16] = { 0 }, sum[16];
        for (k = 0; k < shape.bytes[a] / 4; k++) {
            const float x = tile_float(tiles[a].word[m][k] << 16), y = tile_float(tiles[a].word[m][k] & 0xffff0000u);
            for (n = 0; n < 16; n++) { even[n] += x * tile_float(tiles[b].word[k][n] << 16); odd[n] += y * tile_float(tiles[b].word[k][n] & 0xffff0000u); }
        }
        memcpy(sum, tiles[c].word[m], sizeof sum);
        for (n = 0; n < 16; n++) sum[n] += even[n] + odd[n];
        memcpy(tiles[c].word[m], sum, (size_t)shape.bytes[c]);
    }
}
#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(from)       memcpy(&shape, from, sizeof shape)
#define _tile_release()              memset(&shape, 0, sizeof shape)
#define _tile_zero(t)                memset(&tiles[t], 0, sizeof tiles[t])
#define _tile_loadd(t, from, step)   tile_load(t, from, step)
#define _tile_stored(t, to, step)    tile_store(t, to, step)
#define _tile_dpbf16ps(c, a, b)      tile_multiply(c, a, b)
#endif
#if defined(__x86_64__) && !defined(LB_NO_SIMD)
#  define LB__VEX ""
#  define LB__VEX_TARGET __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")))
#endif
#undef LB__KERNELS_APART                                    /* tables of its own */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#define lb__kernels_of lb__kernels_here
#define lb__cpu_dot lb__cpu_dot_here
#include "languagebind.h"
#undef lb__kernels_of
#undef lb__cpu_dot
#ifdef LB__TILES
static int can(void) { return lb__kernels_here(LB__SET_AVX512_BF16) && (lb__cpu_dot_here() >> LB__SET_AVX512 & 1); }
static const lb__kernels *lb__kernels_of(int set) { return set == LB__SET_SCALAR || (set == LB__SET_AVX2 && can()) ? lb__kernels_here(set) : set == LB__SET_AMX && can() ? &lb__kernels_amx : NULL; }
#define SET_TESTED(set) ((set) == LB__SET_AVX2 || (set) == LB__SET_AMX)
#define LEFT_OUT(turn) ((turn) / 3 % 4)                     /* of the shapes of products three in four */
static unsigned lb__cpu_dot(void) { return 1u << LB__SET_AVX2 | lb__cpu_dot_here(); }
static lb_status ctx_that_can(const lb_ctx_desc *d, lb_ctx **out) { const lb_status s = lb_ctx_new(d, out); if (!s) (*out)->dot = lb__cpu_dot(); return s; }
#define lb_ctx_new ctx_that_can
#include "test_kernels.c"

LBT(kernels, emulated) {
    if (!can()) SKIP("this machine has no AVX512-BF16 and AVX512-VNNI");
    CHECK(faults == 0, "%d instructions on tiles that the processor would refuse", faults);
}
#else
#include "lbt.h"
LBT(kernels, emulated) { SKIP("this build has neither AVX2 nor tiles"); }
#endif
