/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/bmp.c -o build/fuzz/bmp -lm && build/fuzz/bmp tests/fuzz/corpus/bmp */
#define MAGIC "BM"
#include "tests/fuzz/still.h"
