/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/mp4.c -o build/fuzz/mp4 -lm
 * build/fuzz/mp4 tests/fuzz/corpus/mp4 */
#include "tests/fuzz/clip.h"
