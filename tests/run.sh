#!/bin/sh
# run.sh PROGRAM...: runs test programs and closes with the total, `N passed, N failed, N skipped`.
# RUN="qemu-aarch64" puts a command in front of each program; then one that takes more than LIMIT seconds is skipped, not failed.  JOBS at a time (1).
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}                 # threads that wait for each other sleep: other work may share the cores
mkdir -p build/tests                                               # where the tests write, whatever B is
passed=0 failed=0 skipped=0
tmp=${TMPDIR:-/tmp}/lbt.$$; mkdir "$tmp" || exit 1
trap 'rm -rf "$tmp"' EXIT INT TERM
one() { case $1 in *.sh) sh "$1" >"$2.out" 2>&1 ;; *) timeout "${LIMIT:-600}" $RUN "$1" >"$2.out" 2>&1 ;; esac; echo $? >"$2.status"; }
worker() { n=0; for t in "$@"; do n=$((n + 1)); mkdir "$tmp/$n" 2>/dev/null && one "$t" "$tmp/$n"; done; }    # the folder is the claim
j=0; while [ $j -lt "${JOBS:-1}" ]; do j=$((j + 1)); worker "$@" & done
wait
i=0
for t in "$@"; do
    i=$((i + 1)); status=$(cat "$tmp/$i.status"); cat "$tmp/$i.out"
    set -- $(tail -n 1 "$tmp/$i.out" | sed -n 's/.*: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    if [ $# -ne 3 ]; then
        if [ "$status" = 124 ] && [ -n "$RUN" ]; then skipped=$((skipped + 1)); echo "skip $t: out of time (${LIMIT:-600} s) under $RUN"; continue; fi
        failed=$((failed + 1)); [ "$status" = 124 ] && status="124 (out of time)"
        echo "FAIL $t ended with status $status and no summary"; continue
    fi
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ "$status" -ne 0 ] && [ "$2" = 0 ]; then failed=$((failed + 1)); echo "FAIL $t ended with status $status"; fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
