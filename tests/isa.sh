#!/bin/sh
# isa.sh PROGRAM...: runs the test programs once for each kernel set that this processor has (LB_CPU), and sums up.
passed=0 failed=0 skipped=0
for cpu in scalar avx2 avx512 avx512bf16 amx neon neonbf16; do
    have=$(LB_CPU=$cpu "${B:-build}/languagebind" info --json 2>/dev/null | sed -n 's/.*"cpu": "\([^"]*\)".*/\1/p')
    if [ "$have" != $cpu ]; then echo "== $cpu: not on this processor"; continue; fi
    out=$(LB_CPU=$cpu sh tests/run.sh "$@")
    printf '%s\n' "$out" | grep -E '^(FAIL|  )'
    line=$(printf '%s\n' "$out" | tail -n 1); echo "== $cpu: $line"
    passed=$((passed + $(printf '%s' "$line" | sed 's/ passed.*//'))) failed=$((failed + $(printf '%s' "$line" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')))
    skipped=$((skipped + $(printf '%s' "$line" | sed 's/.*failed, \([0-9]*\) skipped.*/\1/')))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
