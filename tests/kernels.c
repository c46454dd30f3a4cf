/* kernels.c - the kernel tables of the header, compiled once and linked into every test program that says LB__KERNELS_APART: they are the
 * larger half of compiling it.  Needs nothing of the rest. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#define LB__TABLE
#include "languagebind.h"
