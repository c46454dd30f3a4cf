#!/bin/sh
# test_examples.sh: runs every example on the demo's model and looks at what it prints.
E=${B:-build}/examples M=${B:-build}/demo.lbw
passed=0 failed=0
expect() {   # expect WORD PROGRAM ARGUMENT...: exit status 0 and a line with WORD
    word=$1; shift
    if out=$("$@" 2>&1) && printf '%s\n' "$out" | grep -qe "$word"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $*: $out"; fi
}
fails() {    # fails PROGRAM ARGUMENT...: exit status 1 and a message
    if out=$("$@" 2>&1 >/dev/null) || [ -z "$out" ]; then failed=$((failed + 1)); echo "FAIL $*: should have failed with a message"; else passed=$((passed + 1)); fi
}
expect 'cat.jpg: 451 x 300 -> 32 numbers, length 1.000000' "$E/embed_memory" "$M" examples/photos/cat.jpg
expect 'cup of coffee' "$E/zero_shot" "$M" examples/photos/coffee.jpg
expect '100.00 %  cat' "$E/zero_shot" "$M" examples/photos/cat.jpg cat
expect 'the same bits' "$E/two_threads" "$M"
expect ' 0 bytes now' "$E/own_memory" "$M" examples/photos/cat.jpg
mkdir -p "${B:-build}/examples-out"
expect '.' "$E/clip_frames"
expect '.' "$E/custom_loop"
expect '.' "$E/train_tiny" "${B:-build}/examples-out/tiny.lbw"
expect '.' "$E/train_lora" "${B:-build}/examples-out"
rm -f "${B:-build}"/examples-out/files.lbw*
expect 'step 60  loss' "$E/train_files" tests/golden/train_command.tsv "${B:-build}/examples-out/files.lbw"
expect '60 steps on 32 files' "$E/train_files" tests/golden/train_command.tsv "${B:-build}/examples-out/files.lbw"
expect 'accuracy on 80 new recordings: [0-9]' "$E/own_sensor" "${B:-build}/examples-out/sensor.lbw"
expect 'step 20  loss' "$E/tie_images" weights/languagebind-tiny.lbw depth examples/demo/demo.jsonl image examples/demo/demo.jsonl 20 1 "${B:-build}/examples-out/tie.lbw"
fails "$E/tie_images" "$M" depth examples/demo/demo.jsonl image examples/demo/demo.jsonl 1 1 "${B:-build}/examples-out/none.lbw"
for e in embed_memory zero_shot two_threads own_memory; do fails "$E/$e" "$E/not-there.lbw"; fails "$E/$e" LICENSE; done
for f in examples/*.c; do
    case " embed_memory zero_shot two_threads own_memory clip_frames custom_loop train_tiny train_lora train_files own_sensor tie_images " in *" $(basename "$f" .c) "*) ;; *) failed=$((failed + 1)); echo "FAIL $f: is run by no test" ;; esac
    if [ "$(wc -l <"$f")" -lt 150 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $f: 150 lines or more"; fi
done
echo "test_examples: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
