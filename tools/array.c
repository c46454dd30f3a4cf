/* array NAME < FILE > FILE.h: a file as a C array, so that the command carries the tokenizer in itself.  Used by the Makefile. */
#include <stdio.h>
int main(int argc, char **argv) {
    int c, n = 0;
    printf("static const unsigned char %s[] = {", argc > 1 ? argv[1] : "data");
    while ((c = getchar()) != EOF) printf(n++ % 32 ? "%d," : "\n%d,", c);
    printf("\n};\n");
    return ferror(stdin) || ferror(stdout) || !n;
}
