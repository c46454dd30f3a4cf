#!/bin/sh
# test_command.sh: drives the command as a shell would: help, wrong use, files that are not there, full disks, closed pipes, formats, order.
# Closes with `test_command: N passed, N failed, N skipped`.
L=${B:-build}/languagebind T=${B:-build}/command
rm -rf "$T"; mkdir -p "$T" || exit 1
passed=0 failed=0 skipped=0
good() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
skip() { skipped=$((skipped + 1)); echo "skip $*"; }
run() { "$L" "$@" >"$T/out" 2>"$T/err" </dev/null; status=$?; }

# wants STATUS WORD ARGUMENT...: the command ends with STATUS; 1 and 2 leave exactly one line on standard error, with WORD in it, and nothing
# on standard output; 0 leaves nothing on standard error, and WORD on standard output.
wants() {
    want=$1 word=$2; shift 2; run "$@"
    if [ $status -ne "$want" ]; then bad "languagebind $*: status $status, $want expected: $(head -n 3 "$T/err")"; return; fi
    if [ "$want" = 0 ]; then
        if [ -s "$T/err" ]; then bad "languagebind $*: succeeded, but said: $(head -n 3 "$T/err")"; return; fi
        grep -qe "$word" "$T/out" || { bad "languagebind $*: \"$word\" is not in its output: $(head -n 5 "$T/out")"; return; }
    else
        if [ "$(wc -l <"$T/err")" -ne 1 ]; then bad "languagebind $*: one line on standard error was expected: $(cat "$T/err")"; return; fi
        grep -qe "$word" "$T/err" || { bad "languagebind $*: \"$word\" is not in its message: $(cat "$T/err")"; return; }
        if [ -s "$T/out" ]; then bad "languagebind $*: failed, but printed: $(head -n 3 "$T/out")"; return; fi
    fi
    good
}
# no FILE: it must not be there, nor a temporary beside it
no() { if ls "$1"* >/dev/null 2>&1; then bad "$1 was left behind: $(ls "$1"*)"; else good; fi; }

# ---- help and wrong use, for every subcommand that the command itself lists ----
wants 0 '^usage: languagebind COMMAND' --help
wants 0 '^usage: languagebind COMMAND' help
wants 0 '^languagebind [0-9]' --version
run; if [ $status = 2 ] && grep -q usage "$T/err" && [ ! -s "$T/out" ]; then good; else bad "no argument at all: status $status"; fi
wants 2 'unknown command' nosuchcommand
wants 2 'unknown command' --nosuchflag
commands=$("$L" --help | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p')
[ -n "$commands" ] && good || bad "--help lists no commands"
for c in $commands; do
    wants 0 "^usage: languagebind $c" "$c" --help
    wants 0 "^usage: languagebind $c" help "$c"
    wants 2 'nosuchflag' "$c" --nosuchflag
    wants 2 'nosuchflag' "$c" --nosuchflag=3
    "$L" "$c" --help >/dev/full 2>"$T/err"; status=$?
    if [ $status = 1 ] && grep -q 'cannot write' "$T/err"; then good; else bad "$c --help to a full device: status $status"; fi
done
wants 2 'needs a value' info -m
wants 2 'takes no value' info --json=3
wants 1 'cannot open' info "$T/not-there.lbw"
wants 1 'folder' info "$T"
printf 'not a weight file' >"$T/text.lbw"
wants 1 'text.lbw' info "$T/text.lbw"
: >"$T/empty.lbw"
wants 1 'empty.lbw' info "$T/empty.lbw"

# ---- vocab ----
wants 2 'OUT.lbw is missing' vocab -f "$T/text.lbw"
wants 2 'one of --text-file and --merges' vocab -o "$T/v.lbw"
wants 2 '514 to 65536' vocab -f "$T/text.lbw" --size 3 -o "$T/v.lbw"
wants 1 'no captions' vocab -f "$T/empty.lbw" -o "$T/v.lbw"
wants 1 'line 1' vocab --merges "$T/text.lbw" -o "$T/v.lbw"
no "$T/v.lbw"
printf 'a photo of a cat\na photo of a dog\nthe cat and the dog\n' >"$T/captions.txt"
wants 0 '525 ids from 3 captions' vocab -f "$T/captions.txt" -o "$T/v.lbw"
wants 0 '^523 320 522 517 520 513 524' tokenize -m "$T/v.lbw" 'a photo of the cat'

echo "test_command: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
