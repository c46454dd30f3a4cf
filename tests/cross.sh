#!/bin/sh
# cross.sh [NAME...]: the unit tests on other processors: built statically by a cross compiler and run under qemu-user (32-bit x86 runs
# as it is).  Needs for each NAME what is written below; what is missing is skipped aloud.  A test program may take LIMIT seconds (60); one
# that needs longer there is skipped aloud.  UNITS="base json ..." picks test programs.
# Debian: gcc-12-multilib, qemu-user, gcc-{aarch64-linux-gnu,arm-linux-gnueabihf,riscv64-linux-gnu,s390x-linux-gnu}, libc6-dev-{arm64,armhf,riscv64,s390x}-cross
passed=0 failed=0 skipped=0
for name in ${*:-i386 aarch64 armv7 riscv64 s390x}; do
    headers="-idirafter /usr/include/$(gcc -print-multiarch 2>/dev/null)"     # asm/, where the cross compiler came without its own
    run= flags="-static $headers"
    case $name in
        i386)    cc=gcc flags="-m32 $headers" ;;
        aarch64) cc=aarch64-linux-gnu-gcc run=qemu-aarch64 ;;
        armv7)   cc=arm-linux-gnueabihf-gcc run=qemu-arm ;;
        riscv64) cc=riscv64-linux-gnu-gcc run=qemu-riscv64 ;;
        s390x)   cc=s390x-linux-gnu-gcc run=qemu-s390x ;;
        *) echo "cross.sh: unknown processor $name"; exit 2 ;;
    esac
    b=build/$name; mkdir -p $b
    printf '#include <errno.h>\nint main(void){return 0;}\n' >$b/probe.c
    if ! $cc $flags $b/probe.c -o $b/probe -lm 2>/dev/null; then echo "skip $name: $cc is not installed or incomplete"; skipped=$((skipped + 1)); continue; fi
    if ! $run $b/probe 2>/dev/null; then echo "skip $name: ${run:-the processor} does not run it"; skipped=$((skipped + 1)); continue; fi
    tests=$(for t in ${UNITS:-$(ls tests/test_*.c | sed 's|^tests/test_\(.*\)\.c$|\1|')}; do echo "$b/tests/test_$t"; done)
    if ! out=$(make -s -j"$(nproc 2>/dev/null || echo 1)" B=$b CC=$cc OMP= CFLAGS="-O1 $flags -Wall -Wextra" $tests 2>&1); then
        printf '%s\n' "$out" | grep -v '^  cc' | head -n 40; echo "FAIL $name does not compile"; failed=$((failed + 1)); continue
    fi
    out=$(RUN=$run LIMIT=${LIMIT:-60} JOBS=$(nproc 2>/dev/null || echo 1) sh tests/run.sh $tests)
    printf '%s\n' "$out" | grep -E '^FAIL|: .*: |^skip .*out of time'
    line=$(printf '%s\n' "$out" | tail -n 1); echo "== $name: $line"
    passed=$((passed + $(printf '%s' "$line" | sed 's/ passed.*//'))) failed=$((failed + $(printf '%s' "$line" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')))
    skipped=$((skipped + $(printf '%s' "$line" | sed 's/.*failed, \([0-9]*\) skipped.*/\1/')))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
