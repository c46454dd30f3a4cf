/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/jpeg.c -o build/fuzz/jpeg -lm && build/fuzz/jpeg tests/fuzz/corpus/jpeg */
#define MAGIC "\xff\xd8\xff"
#include "tests/fuzz/still.h"
