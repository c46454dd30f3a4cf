/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/animation.c -o build/fuzz/animation -lm
 * build/fuzz/animation tests/fuzz/corpus/animation */
#include "tests/fuzz/clip.h"
