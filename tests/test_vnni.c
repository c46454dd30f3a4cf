/* The products of bytes of the avx2 set with AVX-VNNI, where there is none but AVX512-VNNI: the same instruction in the other encoding, so that the set's
 * own tests hold what is made of it.  That the encoding of AVX-VNNI is asked for of processors that have it alone is left to lb__cpu_dot. */
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
#ifdef LB__VEX
static int has_vnni(void) { return lb__kernels_here(LB__SET_AVX512) && (lb__cpu_dot_here() >> LB__SET_AVX512 & 1); }
static unsigned lb__cpu_dot(void) { return 1u << LB__SET_AVX2; }
static lb_status ctx_with_vnni(const lb_ctx_desc *d, lb_ctx **out) { const lb_status s = lb_ctx_new(d, out); if (!s) (*out)->dot = lb__cpu_dot(); return s; }
#define lb_ctx_new ctx_with_vnni
static const lb__kernels *lb__kernels_of(int set) { return set == LB__SET_SCALAR || (set == LB__SET_AVX2 && has_vnni()) ? lb__kernels_here(set) : NULL; }
#include "test_kernels.c"

LBT(kernels, vnni) { if (!has_vnni()) SKIP("this machine has no AVX512-VNNI"); }
#else
#include "lbt.h"
LBT(kernels, vnni) { SKIP("this build has no AVX2"); }
#endif
