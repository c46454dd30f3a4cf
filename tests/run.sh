#!/bin/sh
# run.sh PROGRAM...: runs test programs one after the other and closes with the total, `N passed, N failed, N skipped`.
passed=0 failed=0 skipped=0
for t in "$@"; do
    out=$("$t" 2>&1); status=$?
    printf '%s\n' "$out"
    line=$(printf '%s\n' "$out" | tail -n 1)
    set -- $(printf '%s\n' "$line" | sed -n 's/.*: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    if [ $# -ne 3 ]; then failed=$((failed + 1)); echo "FAIL $t ended with status $status and no summary"; continue; fi
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ $status -ne 0 ] && [ "$2" = 0 ]; then failed=$((failed + 1)); echo "FAIL $t ended with status $status"; fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
