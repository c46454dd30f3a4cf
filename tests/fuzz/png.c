/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/png.c -o build/fuzz/png -lm && build/fuzz/png tests/fuzz/corpus/png */
#define MAGIC "\x89PNG\r\n\x1a\n"
#include "tests/fuzz/still.h"
