#!/bin/sh
# matrix.sh: the header must compile without a warning everywhere it promises to: compilers, language versions, word sizes, switches, and
# twice in one program.  Compilers that are not installed are skipped aloud.  Closes with `N passed, N failed, N skipped`.
B=${B:-build}/matrix; mkdir -p "$B"
W="-Wall -Wextra -Wpedantic -Werror -I."
passed=0 failed=0 skipped=0
cat >"$B/impl.c" <<'END'
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
END
cat >"$B/user.c" <<'END'
#include "languagebind.h"
#include "languagebind.h"
int other(void);
int main(void) { lb_ctx *c = NULL; int bad = lb_version() != LB_VERSION || lb_ctx_new(NULL, &c) != LB_OK || other(); lb_ctx_free(c); return bad; }
END
cat >"$B/static.c" <<'END'
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
int other(void);
int other(void) { return lb_version() != LB_VERSION; }
END
sed 's/^int other(void);/extern "C" int other(void);/' "$B/user.c" >"$B/user.cc"
sed 's/^int other(void);/extern "C" int other(void);/' "$B/static.c" >"$B/static.cc"
cp "$B/impl.c" "$B/impl.cc"
check() {   # check NAME COMMAND...: one line of the table
    name=$1; shift
    if out=$("$@" 2>&1); then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'FAIL %s\n  %s\n%s\n' "$name" "$*" "$out" | head -n 20; fi
}
refuses() { # refuses SENTENCE COMMAND...: it fails, and says so
    said=$1; shift
    if out=$("$@" 2>&1); then return 1; fi
    case $out in *"$said"*) ;; *) echo "$out"; return 1 ;; esac
}
skip() { skipped=$((skipped + 1)); echo "skip $1: $2"; }
program() { # program CC EXTENSION FLAGS: implementation, a plain user and a private copy in one program, and it runs
    c=$1 e=$2; shift 2
    $c "$@" $W -c "$B/impl.$e" -o "$B/impl.o" && $c "$@" $W -c "$B/user.$e" -o "$B/user.o" && $c "$@" $W -c "$B/static.$e" -o "$B/static.o" &&
        $c "$@" "$B/impl.o" "$B/user.o" "$B/static.o" -o "$B/program" -lm && "$B/program"
}
works() { echo 'int main(void){return 0;}' >"$B/probe.c"; "$@" "$B/probe.c" -o "$B/probe" >/dev/null 2>&1; }

compiles() { c=$1 e=$2; shift 2; $c "$@" $W -c "$B/impl.$e" -o "$B/impl.o"; }     # the implementation alone

webassembly() { # webassembly SOURCE "FLAGS" ARGUMENT...: built for it, and run by node
    source=$1 flags=$2; shift 2
    clang -std=c99 -O1 $wasm $flags $W "$source" -o "$B/program.wasm" -lm && node --no-warnings tests/wasi.mjs "$B/program.wasm" "$@"
}

compiler() {    # compiler CC: its part of the table, in a folder of its own
    cc=$1 parts=$B; B=$B/$cc; mkdir -p "$B"; cp "$parts"/*.c "$parts"/*.cc "$B"
    if ! works $cc; then skip "$cc" "not installed"; echo "$passed $failed $skipped" >"$parts/$cc.sum"; return; fi
    check "$cc -std=c99" program $cc c -O0 -std=c99
    check "$cc -std=c11" compiles $cc c -O0 -std=c11
    check "$cc -std=c99 -O2" compiles $cc c -O2 -std=c99
    cxx=g++; [ $cc = gcc ] || cxx=clang++
    if works $cxx -x c++ -std=c++11; then
        check "$cxx -std=c++11" program $cxx cc -O0 -std=c++11
        for std in c++17 c++20; do check "$cxx -std=$std" compiles $cxx cc -O0 -std=$std; done
    else skip "$cxx" "not installed"; fi
    for switch in LB_NO_STDIO LB_NO_SIMD LB_NO_TRAIN LB_NO_IMAGE LB_NO_AUDIO LB_NO_VIDEO; do check "$cc -D$switch" compiles $cc c -O0 -std=c99 -D$switch; done
    check "$cc, every switch" program $cc c -O0 -std=c99 -DLB_NO_STDIO -DLB_NO_SIMD -DLB_NO_TRAIN -DLB_NO_IMAGE -DLB_NO_AUDIO -DLB_NO_VIDEO
    late="$cc, after a header that settled without POSIX"
    if printf '#include <stdlib.h>\n#ifndef __GLIBC__\n#error\n#endif\n' | $cc -fsyntax-only -x c - 2>/dev/null; then
        { echo '#include <stdio.h>'; cat "$B/impl.c"; } >"$B/late.c"
        check "$late" refuses "define _POSIX_C_SOURCE" $cc -std=c99 -I. -fsyntax-only "$B/late.c"
    else skip "$late" "no glibc"; fi
    if [ $cc = clang ]; then :                                                     # its own <cpuid.h> is not made for it
    elif works $cc -masm=intel; then check "$cc -masm=intel" compiles $cc c -O0 -std=c99 -masm=intel; else skip "$cc -masm=intel" "another processor"; fi
    if works $cc -fopenmp; then check "$cc -fopenmp" compiles $cc c -O0 -std=c99 -fopenmp; else skip "$cc -fopenmp" "no OpenMP"; fi
    m32="-m32 -idirafter /usr/include/$(gcc -print-multiarch 2>/dev/null)"       # the kernel's headers, where only gcc-12-multilib is installed
    if echo '#include <errno.h>
int main(void){return 0;}' >"$B/probe.c" && $cc $m32 "$B/probe.c" -o "$B/probe" -lm 2>/dev/null; then check "$cc -m32" program $cc c -O0 -std=c99 $m32; else skip "$cc -m32" "no 32-bit libraries"; fi
    if [ $cc = clang ]; then
        wasm="--target=wasm32-wasi --sysroot=/ -isystem /usr/include/wasm32-wasi -L/usr/lib/wasm32-wasi"          # where Debian puts wasi-libc
        if works clang $wasm && node -e 'import("node:wasi")' 2>/dev/null; then 
            check "clang, WebAssembly: a model and a picture from memory" webassembly examples/own_memory.c "" weights/languagebind-tiny.lbw examples/photos/cat.jpg
            check "clang, WebAssembly: kernels, with its SIMD" webassembly tests/test_kernels.c "-msimd128 -DLB_NO_STDIO"
        else skip "clang, WebAssembly" "no wasi-libc, wasm-ld or node"; fi
    fi
    for t in tools/languagebind.c examples/*.c; do check "$cc $t" $cc -O0 -std=c99 $W "$t" -o "$B/t" -lm; done
    echo "$passed $failed $skipped" >"$parts/$cc.sum"
}
for cc in gcc clang; do ( compiler $cc ) >"$B/$cc.out" 2>&1 & done
wait
for cc in gcc clang; do cat "$B/$cc.out"; set -- $(cat "$B/$cc.sum"); passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
