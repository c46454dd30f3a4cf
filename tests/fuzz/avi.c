/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/avi.c -o build/fuzz/avi -lm
 * build/fuzz/avi tests/fuzz/corpus/avi */
#include "tests/fuzz/clip.h"
