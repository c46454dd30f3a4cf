#!/bin/sh
# run.sh PROGRAM...: runs test programs one after the other and closes with the total, `N passed, N failed, N skipped`.
# RUN="qemu-aarch64" puts a command in front of each program; LIMIT is the seconds each may take.
passed=0 failed=0 skipped=0
for t in "$@"; do
    case $t in *.sh) out=$(sh "$t" 2>&1); status=$? ;; *) out=$(timeout "${LIMIT:-600}" $RUN "$t" 2>&1); status=$? ;; esac
    printf '%s\n' "$out"
    line=$(printf '%s\n' "$out" | tail -n 1)
    set -- $(printf '%s\n' "$line" | sed -n 's/.*: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    if [ $# -ne 3 ]; then
        failed=$((failed + 1)); [ $status = 124 ] && status="124 (out of time)"
        echo "FAIL $t ended with status $status and no summary"; continue
    fi
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ $status -ne 0 ] && [ "$2" = 0 ]; then failed=$((failed + 1)); echo "FAIL $t ended with status $status"; fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
