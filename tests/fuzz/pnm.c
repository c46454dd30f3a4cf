/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/pnm.c -o build/fuzz/pnm -lm && build/fuzz/pnm tests/fuzz/corpus/pnm */
#define MAGIC "P"
#include "tests/fuzz/still.h"
