/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/y4m.c -o build/fuzz/y4m -lm
 * build/fuzz/y4m tests/fuzz/corpus/y4m */
#include "tests/fuzz/clip.h"
