/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/gif.c -o build/fuzz/gif -lm && build/fuzz/gif tests/fuzz/corpus/gif */
#define MAGIC "GIF8"
#include "tests/fuzz/still.h"
