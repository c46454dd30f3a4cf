#!/bin/sh
# run.sh TARGET...: runs each fuzz target for FUZZ_TIME seconds (60) from its corpus, or from each of the corpora of its formats; two at a time, with a
# fixed seed.  A finding is left in build/fuzz/TARGET.crash-*.  FUZZ_RUNS=N stops after N inputs: with the fixed seed these are the same inputs every
# time, whatever the machine's speed.  Closes with `N passed, N failed, 0 skipped`.
time=${FUZZ_TIME:-60}
one() { # one TARGET CORPUS
    name=$(echo "$2" | tr / -); mkdir -p "build/fuzz/$name.corpus"
    if timeout $((time + 90)) "$1" -seed=1 -max_total_time="$time" ${FUZZ_RUNS:+-runs=$FUZZ_RUNS} -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=60 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$name." "build/fuzz/$name.corpus" "tests/fuzz/corpus/$2" >"build/fuzz/$name.log" 2>&1
    then echo "ok $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") inputs"
    else grep -E 'ERROR|SUMMARY|runtime error|Test unit' "build/fuzz/$name.log" | head -n 5; echo "FAIL $name, see build/fuzz/$name.log"; fi
}
jobs=
for t in "$@"; do
    name=$(basename "$t"); corpora=$(cd tests/fuzz/corpus && ls -d "$name"/*/ 2>/dev/null)
    for c in ${corpora:-$name}; do mkdir -p "tests/fuzz/corpus/$c"; jobs="$jobs $t ${c%/}"; done
done
: >build/fuzz/results
set -- $jobs
while [ $# -gt 0 ]; do
    one "$1" "$2" >>build/fuzz/results &
    [ $# -gt 2 ] && one "$3" "$4" >>build/fuzz/results &
    wait; shift 2; [ $# -gt 0 ] && shift 2
done
cat build/fuzz/results
failed=$(grep -c '^FAIL' build/fuzz/results); passed=$(grep -c '^ok' build/fuzz/results)
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
