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
        [ -z "$word" ] || grep -qe "$word" "$T/out" || { bad "languagebind $*: \"$word\" is not in its output: $(head -n 5 "$T/out")"; return; }
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
    n=$("$L" "$c" --help | grep -c '^  *--threads N \|^  *--json '); case $c in synth|render) n=$((n + 1)) ;; esac
    [ "$n" -ge 2 ] && good || bad "$c has no --threads or no --json"
    wants 2 'nosuchflag' "$c" --nosuchflag=3
    "$L" "$c" --help >/dev/full 2>"$T/err"; status=$?
    if [ $status = 1 ] && grep -q 'cannot write' "$T/err"; then good; else bad "$c --help to a full device: status $status"; fi
done
wants 2 'needs a value' info -m
wants 2 'npy|jsonl|txt was expected' embed --format 'npy|jsonl'
wants 2 'takes no value' info --json=3
wants 1 'cannot open' info "$T/not-there.lbw"
wants 1 'folder' info "$T"
printf 'not a weight file' >"$T/text.lbw"
wants 1 'text.lbw' info "$T/text.lbw"
: >"$T/empty.lbw"
wants 1 'empty.lbw: the file is empty' info "$T/empty.lbw"
wants 1 '/dev/zero: is a device that does not end' info /dev/zero

# ---- vocab ----
wants 2 'OUT.lbw is missing' vocab -f "$T/text.lbw"
wants 2 'one of --text-file and --merges' vocab -o "$T/v.lbw"
wants 2 '514 to 65536' vocab -f "$T/text.lbw" --size 3 -o "$T/v.lbw"
wants 1 'no captions' vocab -f "$T/empty.lbw" -o "$T/v.lbw"
printf 'abab abab\n' >"$T/plain.txt"; printf '\357\273\277abab abab\n' >"$T/mark.txt"; printf '\357\273\277' >"$T/bare.txt"
"$L" vocab -f "$T/plain.txt" --size 520 -o "$T/plain.lbw" >"$T/out" && "$L" vocab -f "$T/mark.txt" --size 520 -o "$T/mark.lbw" >"$T/out" && cmp -s "$T/plain.lbw" "$T/mark.lbw" && good || bad "a byte order mark is learnt from"
wants 1 'no captions' vocab -f "$T/bare.txt" -o "$T/v.lbw"
wants 1 'line 1' vocab --merges "$T/text.lbw" -o "$T/v.lbw"
for o in "--min-count 2" "--clean hf"; do wants 2 'merges FILE has one' vocab --merges "$T/text.lbw" $o -o "$T/v.lbw"; done
printf 'a cat\n\0\n' >"$T/zero.txt"; wants 1 'zero.txt: holds a zero byte' vocab -f "$T/plain.txt" "$T/zero.txt" -o "$T/v.lbw"
no "$T/v.lbw"
printf 'a photo of a cat\na photo of a dog\nthe cat and the dog\n' >"$T/captions.txt"
wants 0 '525 ids from 3 captions' vocab -f "$T/captions.txt" -o "$T/v.lbw"
wants 0 '^523 320 522 517 520 513 524' tokenize -m "$T/v.lbw" 'a photo of the cat'
cp "$T/captions.txt" "$T/kept.txt"; wants 2 'would be written over' vocab -f "$T/kept.txt" -o "$T/kept.txt"
cmp -s "$T/captions.txt" "$T/kept.txt" && good || bad "vocab wrote over its captions"

# ---- with a model: the one that `make demo` converts ----
M=${B:-build}/demo.lbw CAT=examples/photos/cat.jpg CUP=examples/photos/coffee.jpg
same() { if cmp -s "$1" "$2"; then good; else bad "$3: $1 and $2 differ"; fi; }
is() { if [ "$1" = "$2" ]; then good; else bad "$3: \"$1\", \"$2\" was expected"; fi; }

"$L" embed -m "$M" --image $CAT $CUP --text 'a photo of a cat' 'a cup of coffee on a wooden table' 'Two cafés &amp; one tête-à-tête 😀' '' -o "$T/reference.npy"
is "$(${B:-build}/agree "$T/reference.npy" demo image text | grep -c ' ok$')" 2 "vectors of open_clip"
wants 0 'tower vision' info "$M"
wants 0 '"modalities": \["image", "text"\]' info --json "$M"
printf '{ "name": "motion", "loader": "csv", "channels": 2, "length": 32, "patch": 8 }' >"$T/motion.json"
for c in "convert tests/golden/ckpt_demo" "quantize $M --dtype f32" "extend -m $M --modality $T/motion.json" "record -m $M --text a" "bundle $M"; do
    wants 0 '^{"file": "[^"]*made.lbw", "tensors": .*}$' $c --threads 1 --json -o "$T/made.lbw"; cp "$T/out" "$T/told"; wants 0 '' info --json "$T/made.lbw"; same "$T/out" "$T/told" "$c --json and info --json"
done
wants 1 'none.pt: cannot open' convert "$T/none.pt" --json -o "$T/none.lbw"; no "$T/none.lbw"
wants 0 'visual\|vision.patch.weight' info --tensors "$M"
wants 0 'checksums agree' verify "$M"
cp "$M" "$T/flip.lbw"; size=$(wc -c <"$M")
printf 'X' | dd of="$T/flip.lbw" bs=1 seek=$((size - 1000)) conv=notrunc 2>/dev/null
wants 1 'flip.lbw' verify "$T/flip.lbw"
dd if="$M" of="$T/cut.lbw" bs=1000 count=100 2>/dev/null
wants 1 'cut.lbw' verify "$T/cut.lbw"
wants 1 'cut.lbw' embed -m "$T/cut.lbw" --text x

# rows: one an input, in the order of the command line, the same alone and in company, on any number of threads
wants 0 vector embed -m "$M" --image $CAT --text 'a cat' --image $CUP $CAT --text '' b
cp "$T/out" "$T/all.jsonl"
is "$(sed 's/.*"input": "\([^"]*\)".*/\1/' "$T/all.jsonl" | tr '\n' '|')" "$CAT|a cat|$CUP|$CAT||b|" "order of rows"
: >"$T/single.jsonl"
for a in "--image=$CAT" "--text=a cat" "--image=$CUP" "--image=$CAT" "--text=" "--text=b"; do "$L" embed -m "$M" "$a" >>"$T/single.jsonl" || bad "embed $a"; done
same "$T/all.jsonl" "$T/single.jsonl" "alone and together"
for n in 1 2 4; do for b in 1 3; do "$L" embed -m "$M" --threads $n --batch $b --image $CAT --text 'a cat' --image $CUP $CAT --text '' b >"$T/n.jsonl"; same "$T/all.jsonl" "$T/n.jsonl" "$n threads, batch $b"; done; done

# formats and where they go
wants 0 '' embed -m "$M" $CAT $CUP -o "$T/v.npy"
is "$(head -c 6 "$T/v.npy" | tail -c 5)" NUMPY "npy by the ending of -o"
is "$(wc -c <"$T/v.npy")" $((192 + 2 * 32 * 4)) "size of the npy file"
"$L" embed -m "$M" $CAT $CUP --format npy >"$T/v2.npy"; same "$T/v.npy" "$T/v2.npy" "npy to a file and to standard output"
wants 0 '' embed -m "$M" $CAT $CUP -o "$T/v.txt"
is "$(wc -l <"$T/v.txt") $(wc -w <"$T/v.txt")" "2 64" "lines and numbers of the txt file"
"$L" embed -m "$M" $CAT --json >"$T/a"; "$L" embed -m "$M" $CAT --format jsonl >"$T/b"; same "$T/a" "$T/b" "--json is --format jsonl"
wants 2 'asks for another' embed -m "$M" $CAT --json --format npy
"$L" embed -m "$M" $CAT $CUP --format txt -o - >"$T/v2.txt"; same "$T/v.txt" "$T/v2.txt" "-o - is standard output"
printf 'a cat\r\nb\n\nlast' >"$T/lines"
is "$("$L" embed -m "$M" --text-file "$T/lines" | wc -l)" 4 "lines of a text file, one of them empty, the last without an end"
printf '%s\ntext:a cat\n\nimage:%s\n' $CAT $CUP >"$T/list"
is "$("$L" embed -m "$M" --list "$T/list" | sed 's/.*"modality": "\([^"]*\)".*/\1/' | tr '\n' ' ')" "image text image " "--list"

printf '\357\273\277%s\r\n\r\ntext:a cat\r\n' $CAT >"$T/list"
is "$("$L" embed -m "$M" --list "$T/list" | sed 's/.*"modality": "\([^"]*\)".*/\1/' | tr '\n' ' ')" "image text " "--list with a byte order mark and CR LF"
: >"$T/none"; wants 1 'none: holds no lines' score -m "$M" --image $CAT --text-file "$T/none"
wants 1 'none: holds no lines' embed -m "$M" $CAT --list "$T/none"

# standard input
"$L" embed -m "$M" --image $CAT --format txt >"$T/a"; "$L" embed -m "$M" --image - --format txt <$CAT >"$T/b"; same "$T/a" "$T/b" "an image from standard input"
"$L" embed -m "$M" --text-file "$T/lines" --format txt >"$T/a"; "$L" embed -m "$M" --text - --format txt <"$T/lines" >"$T/b"; same "$T/a" "$T/b" "texts from standard input"
wants 2 'only once' embed -m "$M" --image - --text -
wants 2 'does not tell' embed -m "$M" -

# what cannot be read ends the run: a sentence that names it, no rows, no file
wants 1 'not-there.jpg' embed -m "$M" $CAT "$T/not-there.jpg" -o "$T/none.npy"; no "$T/none.npy"
head -c 5000 $CAT >"$T/cut.png"; cp LICENSE "$T/text.jpg"; : >"$T/empty.jpg"
wants 1 'text.jpg' embed -m "$M" $CAT "$T/text.jpg" $CUP
wants 1 'empty.jpg' embed -m "$M" "$T/empty.jpg"
wants 1 'folder' embed -m "$M" --image "$T"
"$L" embed -m "$M" --skip-bad $CAT "$T/text.jpg" $CUP -o "$T/v3.npy" 2>"$T/err"; is "$?" 0 "--skip-bad"
same "$T/v.npy" "$T/v3.npy" "--skip-bad leaves only the bad one out"; is "$(wc -l <"$T/err")" 1 "--skip-bad warns"
"$L" embed -m "$M" --skip-bad "$T/text.jpg" "$T/empty.jpg" -o "$T/v4.npy" >"$T/out" 2>"$T/err"; is "$? $(grep -c 'none of 2 inputs could be read' "$T/err")" "1 1" "--skip-bad with nothing good"; no "$T/v4.npy"
wants 1 'no modality' embed -m "$M" --audio "$T/text.jpg"
wants 1 'no modality smell, only image, text' embed -m "$M" --input smell:x
wants 2 'named by -m' embed "$M" --text x
wants 1 'nothing to merge' merge "$M" -o "$T/none.lbw"; no "$T/none.lbw"
wants 1 'convert' embed -m tests/golden/ckpt_demo --text x
wants 2 'before --label' classify -m "$M" --label cat $CAT
wants 2 'does not tell' embed -m "$M" LICENSE
wants 2 'which model' embed $CAT
wants 2 'nothing to embed' embed -m "$M"
wants 1 'cannot open' embed -m "$T/not-there.lbw" $CAT
wants 2 'whole number' embed -m "$M" --threads two $CAT
wants 2 'were expected' embed -m "$M" --threads 0 $CAT
wants 2 'npy|jsonl|txt' embed -m "$M" --format png $CAT

# a line of a list: the list and the number; standard input is called so
printf '%s\n\n%s\n' $CAT LICENSE >"$T/list"; wants 2 "list: line 3: LICENSE: the name does not tell" embed -m "$M" --list "$T/list"
printf '%s\n%s\n' $CAT "$T/not-there.jpg" >"$T/list"; wants 1 "list: line 2: .*not-there.jpg" embed -m "$M" --list "$T/list"
wants 1 'embed: standard input: ' embed -m "$M" --image -
wants 1 'embed: standard input: holds no lines' embed -m "$M" --text -

# nothing is written over what is read
for c in "quantize $T/own.lbw" "quantize -m $T/own.lbw" "merge $T/own.lbw" "bundle again=$T/own.lbw" "extend -m $T/own.lbw --modality $T/own.lbw" "embed -m $T/own.lbw --text x" "embed -m $M --image $T/own.lbw" \
    "record -m $M --image $T/own.lbw" "convert $T/own.lbw" "convert tests/golden/ckpt_demo --tokenizer $T/own.lbw" "convert tests/golden/lb_depth --adapter --base $T/own.lbw" "convert tests/golden/ckpt_demo --config $T/own.lbw"; do
    cp "$M" "$T/own.lbw"; wants 2 'own.lbw is read, and would be written over' $c -o "$T/own.lbw"; same "$M" "$T/own.lbw" "$c"
done
for o in --list --text-file; do echo $CAT >"$T/own.txt"; wants 2 'would be written over' embed -m "$M" $o "$T/own.txt" -o "$T/own.txt"; is "$(cat "$T/own.txt")" $CAT "embed $o"; done
cp "$M" "$T/own.lbw"; ln -sf own.lbw "$T/other.lbw"; wants 2 'would be written over' quantize "$T/own.lbw" -o "$T/other.lbw"; rm "$T/other.lbw"
mkdir -p "$T/hf"; cp tests/golden/ckpt_demo/* "$T/hf"; for f in "$T"/hf/*.safetensors "$T"/hf/*.bin "$T"/hf/*.pt; do [ ! -f "$f" ] || wants 1 'would be written over' convert "$T/hf" -o "$f"; done
wants 0 '' record -m "$T/own.lbw" --text x -o "$T/own.lbw"                          # but a model may come back with its record
wants 0 '1 inputs of the parity record' verify "$T/own.lbw"
wants 1 'has a parity record already; --replace' record -m "$T/own.lbw" --text y -o "$T/own2.lbw"; no "$T/own2.lbw"
wants 0 '' record -m "$T/own.lbw" --replace --text y --image $CAT --text z -o "$T/own2.lbw"; wants 0 '3 inputs of the parity record' verify "$T/own2.lbw"
"$L" info "$M" >"$T/a"; "$L" info "$T/own.lbw" >"$T/b"; is "$(sed -n '1s/.*model, \([0-9,]* parameters\).*/\1/p' "$T/b")" "$(sed -n '1s/.*model, \([0-9,]* parameters\).*/\1/p' "$T/a")" "what a record holds is no parameter"
is "$("$L" info --json "$T/own.lbw" | sed 's/.*"bytes": \([0-9]*\).*/\1/')" "$(($(wc -c <"$T/own.lbw")))" "info's size is the file's"

# a weight file goes to no pipe, nor to a file called `-`
for c in "quantize $M" "convert tests/golden/ckpt_demo" "extend -m $M --modality $T/plain.txt" "bundle $M" "merge $M" "record -m $M --text x" "vocab -f $T/plain.txt"; do wants 2 'not written to standard output' $c -o -; done; no ./-

# control characters in a name: a message stays one line, and no escape sequence reaches the terminal
wants 1 'a?b?\[31mc: cannot open' info "$(printf 'a\nb\033[31mc')"
wants 2 'unknown option --a?b' info "$(printf -- '--a\nb')"

# LB_CPU: a word that names no kernels, or those of another processor, is answered with those that are used instead
have=$("$L" info --json | sed 's/.*"cpu": "\([^"]*\)".*/\1/')
for cpu in avx51 $(case $have in neon) echo avx2 ;; *) echo neon ;; esac); do
    LB_CPU=$cpu "$L" bench -r layernorm -s 0.01 >"$T/out" 2>"$T/err"; is "$? $(wc -l <"$T/err") $(sed -n "s/.*LB_CPU=$cpu: .* the \([a-z0-9]*\) ones are used/\1/p" "$T/err")" "0 1 $have" "LB_CPU=$cpu"
done
for cpu in scalar "$have" ''; do LB_CPU=$cpu "$L" info >"$T/out" 2>"$T/err"; is "$? $(cat "$T/err")" "0 " "LB_CPU=$cpu"; done

# where it cannot be written
wants 1 'cannot create' embed -m "$M" $CAT -o "$T/no/such/folder/v.npy"
wants 1 'folder' embed -m "$M" $CAT -o "$T"
wants 1 'has no name' embed -m "$M" $CAT -o ''
wants 1 'without a name' embed -m "$M" --image ''
wants 1 'has no name' convert tests/golden/ckpt_demo -o ''
"$L" embed -m "$M" $CAT >/dev/full 2>"$T/err"; is "$? $(wc -l <"$T/err") $(grep -c 'cannot write' "$T/err")" "1 1 1" "a full device on standard output"
wants 1 'cannot write' embed -m "$M" $CAT -o /dev/full; [ -c /dev/full ] && good || bad "/dev/full was replaced"
"$L" embed -m "$M" $CAT >&- 2>"$T/err"; is "$? $(grep -c 'cannot write' "$T/err")" "1 1" "standard output is closed"
{ "$L" embed -m "$M" $CAT 2>"$T/err"; echo $? >"$T/status"; } | :; sleep 0.2
case "$(cat "$T/status")" in 0|1) good ;; *) bad "a closed pipe: status $(cat "$T/status")" ;; esac
# what flushes its lines as they come knows why one was not taken, and does not go on measuring for nobody
{ sleep 0.3; "$L" bench --threads 1 -r layernorm -s 0.01 2>"$T/err"; echo $? >"$T/status"; } | :; sleep 0.2
is "$(cat "$T/status") $(wc -l <"$T/err") $(grep -c 'standard output: Broken pipe' "$T/err")" "1 1 1" "bench and a closed pipe"
( ulimit -f 1; "$L" embed -m "$M" --text-file LICENSE --text-file LICENSE --text-file LICENSE --text-file LICENSE -o "$T/big.npy" 2>"$T/err" ); is "$? $(grep -c 'cannot' "$T/err")" "1 1" "a full disk"
no "$T/big.npy"
printf 'old' >"$T/keep.npy"; "$L" embed -m "$M" "$T/text.jpg" -o "$T/keep.npy" 2>/dev/null; is "$(cat "$T/keep.npy")" old "a failed run leaves the old file"

# what is written over keeps its mode, and the links to it stay
chmod 660 "$T/keep.npy"; ln -sf keep.npy "$T/link.npy"; wants 0 '' embed -m "$M" $CAT -o "$T/link.npy"
is "$([ -L "$T/link.npy" ] && ls -lL "$T/keep.npy" | cut -c1-10)" -rw-rw---- "the mode of a file behind a link"; [ "$(wc -c <"$T/keep.npy")" -gt 3 ] && good || bad "the file behind a link was not written"; rm "$T/link.npy"

# the same for a converted model, and a name in it that means harm
( ulimit -f 300; "$L" convert tests/golden/ckpt_demo -o "$T/big.lbw" 2>"$T/err" ); is "$? $(wc -l <"$T/err") $(grep -c 'cannot' "$T/err") $(ls "$T" | grep -c '^big')" "1 1 1 0" "convert on a full disk"
for f in zip legacy training; do
    LC_ALL=C sed 's/ctorch\._utils/cposix.system/' tests/golden/ckpt_formats/$f.pt >"$T/evil.pt"
    wants 1 'evil.pt: pickle byte [0-9]*, opcode 0x63: the name posix.system' convert "$T/evil.pt" -o "$T/none.lbw"; no "$T/none.lbw"
done

# Ctrl-C and kill, at moments spread over a run: the end is the signal's or the run's own, the file is whole or not there, no temporary stays
ended() { # ended SIGNAL CHECK ARGUMENT...: CHECK looks at the output when there is one
    sig=$1 check=$2; shift 2
    for wait in 0 0.002 0.004 0.006 0.008 0.01 0.015 0.02; do
        rm -f "$T/killed"
        # a shell without job control starts children with SIGINT ignored (then INT changes nothing), and nohup's ignoring stays in force
        ( trap - INT; exec "$L" "$@" -o "$T/killed" ) >/dev/null 2>&1 & pid=$!
        sleep $wait; kill -$sig $pid 2>/dev/null; wait $pid 2>/dev/null; status=$?
        if ls "$T"/killed.*tmp >/dev/null 2>&1; then bad "$1: $sig after $wait s left $(ls "$T"/killed.*tmp)"; rm -f "$T"/killed.*tmp; fi
        case $status in 0|129|130|143) ;; *) bad "$1: $sig after $wait s: status $status" ;; esac
        [ ! -e "$T/killed" ] || $check || bad "$1: $sig after $wait s left half a file"
    done
    good
}
verified() { "$L" verify "$T/killed" >/dev/null; }
complete() { [ "$(wc -c <"$T/killed")" = $((192 + 2 * 32 * 4)) ]; }
for sig in INT TERM HUP; do ended $sig verified convert tests/golden/ckpt_demo; ended $sig complete embed --format npy -m "$M" --text a b; done

# names of any bytes, and things of another kind than was expected, for every subcommand
odd="$T/$(printf 'caf\351 \377.jpg')"
if cp $CAT "$odd" 2>/dev/null; then wants 0 'vector' embed -m "$M" "$odd"; else skip "names that are not UTF-8: this file system refuses them"; fi
for c in $commands; do
    case $c in synth|render|bench) continue ;; esac                    # these make what is named, or need no name: long work, no mistake
    for a in "$T" "$T/empty.jpg" /dev/null "$T/not-there" - ''; do
        "$L" "$c" "$a" >"$T/out" 2>"$T/err" </dev/null; status=$?
        if [ $status -gt 2 ]; then bad "$c '$a': status $status: $(tail -n 2 "$T/err")"
        elif [ $status != 0 ] && [ ! -s "$T/err" ]; then bad "$c '$a': status $status without a word"
        else good; fi
    done
done

# bench of a file: how long it takes to open, and one input of each kind
wants 0 '"name": "open"' bench -m "$M" --threads 1 --json
is "$(grep -c '"name": "memory".*"own_mb": ' "$T/out")" 3 "rows of memory: an image, a text as long as its context, a short one"
wants 1 'cannot open' bench -m "$T/not-there.lbw"
cp "$M" "$T/a \"quoted\" \\ name.lbw"; wants 0 'a \\"quoted\\" \\\\ name.lbw", "threads": 1' bench -m "$T/a \"quoted\" \\ name.lbw" --threads 1 --json
for o in "-r gemm" "-s 1" --train; do wants 2 'go without -m MODEL' bench -m "$M" $o; done
wants 2 'no row is called `nosuch`' bench -r nosuch

# score, classify, tokenize
for c in "embed -m - --image -" "score -m $M --image - --text b --through -" "classify -m $M --labels - --image -" "classify -m $M --labels - --templates - $CAT" "classify -m - --labels - $CAT"; do wants 2 'standard input can be read only once' $c; done
printf '{ "name": "0lidar", "channels": 1, "length": 16, "patch": 8, "loader": "csv", "fit": "repeat" }' >"$T/lidar.json"; printf '1\n2\n' >"$T/lidar.csv"
wants 0 '' extend -m "$M" --modality "$T/lidar.json" -o "$T/lidar.lbw"
wants 0 'image x text' score -m "$M" --image $CAT $CUP --text 'a cat' 'a cup'
is "$(wc -l <"$T/out")" 3 "lines of the table"
wants 0 '"columns": {"modality": "text"' score -m "$M" --text 'a cat' 'a cup' --image $CAT --json
wants 0 '1.0000' score -m "$M" --image $CAT
wants 0 '^0lidar x Text:' score -m "$T/lidar.lbw" --input "0lidar:$T/lidar.csv" --text 'a cat' 'a cup' --upstream-scaling
wants 0 '^Image x Text:' score -m "$M" --image $CAT $CUP --text 'a cat' 'a cup' --upstream-scaling
is "$("$L" score -m "$M" --image $CAT --text a b c --softmax | tail -n 1 | awk '{ s = $2 + $3 + $4; print (s > 0.9998 && s < 1.0002) }')" 1 "--softmax sums to one"
wants 2 'nothing to compare' score -m "$M"
# by what both resemble among texts: the sum of the roots of the probabilities that --softmax gives
printf 'a cat\na cup of coffee\n\na dog\n' >"$T/meet"
for p in "$CAT" "$CUP"; do "$L" score -m "$M" --image "$p" --text 'a cat' 'a cup of coffee' 'a dog' --softmax --json | sed 's/.*"scores": \[\[//; s/[],}]/ /g'; done | awk 'NR == 1 { split($0, p) } NR == 2 { split($0, q); printf "%.4f\n", sqrt(p[1] * q[1]) + sqrt(p[2] * q[2]) + sqrt(p[3] * q[3]) }' >"$T/likeness"
wants 0 '1.0000' score -m "$M" --image $CAT $CUP --through "$T/meet"
is "$(sed -n 2p "$T/out" | awk '{ print $3 }')" "$(cat "$T/likeness")" "--through"
wants 2 'no two of them' score -m "$M" --image $CAT --text 'a dog' --through "$T/meet"
W=weights/languagebind-tiny.lbw A=examples/demo/audio/01.wav V=examples/demo/video/01.mp4
is "$("$L" score -m $W --audio $A --video $V --text 'a ball' --through "$T/meet" | tail -n 2)" "$("$L" score -m $W --audio $A --video $V --text 'a ball' | tail -n 2)" "texts meet directly"
# a path that is cut shows its end and that it was; the columns stay below their heads
wants 0 "\.\.\.$(echo $V | tail -c 22)" score -m $W --audio $A --video $V ./$V
is "$(awk '{ print length($0) }' "$T/out" | sort -u | wc -l)" 1 "lines of a table are of one length"
wants 2 'no cosines: --softmax' score -m "$M" --image $CAT $CUP --through "$T/meet" --softmax
wants 1 'meet-not: cannot open' score -m "$M" --image $CAT $CUP --through "$T/meet-not"
echo 'a cat' >"$T/alone"; wants 1 'alone: holds one text, at least two' score -m "$M" --image $CAT $CUP --through "$T/alone"
printf 'cat\ndog\n\ncup of coffee\n' >"$T/labels"; printf 'a photo of a {}.\nmy {}\n' >"$T/templates"; printf 'no hole\n' >"$T/hole"
wants 0 'cup of coffee' classify -m "$M" --labels "$T/labels" $CAT $CUP
is "$(wc -l <"$T/out")" 8 "lines of classify"
wants 0 '"label": "cat"' classify -m "$M" --labels "$T/labels" --templates "$T/templates" --top 3 --json $CAT
wants 1 'hole' classify -m "$M" --labels "$T/labels" --templates "$T/hole" $CAT
wants 0 '%  dog' classify -m "$M" --labels "$T/labels" --templates openai $CAT
wants 1 'not-there' classify -m "$M" --labels "$T/labels" --templates "$T/not-there" $CAT
wants 2 'which classes' classify -m "$M" $CAT
wants 1 'no labels' classify -m "$M" --labels "$T/empty.jpg" $CAT
wants 1 'hole: line 1: .no hole. has no {}' classify -m "$M" --labels "$T/labels" --templates "$T/hole" $CAT
wants 2 '--template .no hole. has no {}' classify -m "$M" $CAT --labels "$T/labels" --template 'no hole'
wants 1 'no templates' classify -m "$M" --labels "$T/labels" --templates "$T/empty.jpg" $CAT
wants 1 'cannot open' classify -m "$M" --labels "$T/not-there" $CAT
is "$("$L" tokenize -m "$M" 'a photo of a cat' '')" "49406 320 1125 539 320 2368 49407
49406 49407" "ids"
is "$(printf 'a photo of a cat\n' | "$L" tokenize -m "$M" -)" "49406 320 1125 539 320 2368 49407" "ids of standard input"
is "$("$L" tokenize -m "$M" --decode '49406 320 1125 539 320 2368 49407')" "a photo of a cat " "text of ids"
is "$("$L" tokenize -m "$M" --decode --json '320 188 320')" '"a \u0000a "' "text with a byte of zero"
is "$("$L" tokenize -m weights/clip-bpe.lbw 'Hello world')" "49406 3306 1002 49407" "ids by the tokenizer file"

# extend and quantize: a sensor of one's own, and another type of numbers
printf '{ "name": "motion", "channels": 6, "length": 32, "patch": 8, "fit": "repeat", "channels_last": true, "std": 2 }' >"$T/motion.json"
wants 0 '' extend -m "$M" --modality "$T/motion.json" -o "$T/motion.lbw"
wants 0 'modality motion .*6 x 1 x 32' info "$T/motion.lbw"
i=0; while [ $i -lt 20 ]; do echo "$i, 1, 2.5, -3, 4, 5"; i=$((i + 1)); done >"$T/a.csv"
wants 0 '"modality": "motion"' embed -m "$T/motion.lbw" --input "motion:$T/a.csv"
wants 0 'motion x text' score -m "$T/motion.lbw" --input "motion:$T/a.csv" --text 'a cat' 'a cup'
printf '1,2\n3,4\n' >"$T/narrow.csv"
wants 1 'narrow.csv' embed -m "$T/motion.lbw" --input "motion:$T/narrow.csv"
"$L" embed -m "$M" --image $CAT --text 'a cat' --format txt >"$T/a"; "$L" embed -m "$T/motion.lbw" --image $CAT --text 'a cat' --format txt >"$T/b"; same "$T/a" "$T/b" "what the model had is unchanged"
wants 1 'already\|are called motion' extend -m "$T/motion.lbw" --modality "$T/motion.json" -o "$T/none.lbw"; no "$T/none.lbw"
printf '{ "name": "motion", "lenght": 3 }' >"$T/bad.json"
wants 1 'bad.json.*lenght' extend -m "$M" --modality "$T/bad.json" -o "$T/none.lbw"
wants 1 'cannot open' extend -m "$M" --modality "$T/not-there.json" -o "$T/none.lbw"
wants 1 'cannot open' extend -m "$T/not-there.lbw" --modality "$T/motion.json" -o "$T/none.lbw"; no "$T/none.lbw"
wants 2 'which modality' extend -m "$M" -o "$T/none.lbw"
wants 0 '' quantize "$T/motion.lbw" -o "$T/half.lbw"
wants 0 'f16' info "$T/half.lbw"
[ "$(wc -c <"$T/half.lbw")" -lt $(($(wc -c <"$T/motion.lbw") * 6 / 10)) ] && good || bad "f16: $(wc -c <"$T/half.lbw") bytes of $(wc -c <"$T/motion.lbw")"
is "$("$L" score -m "$T/half.lbw" --image $CAT --text 'a cat' | tail -n 1 | cut -c 1-40)" "$("$L" score -m "$M" --image $CAT --text 'a cat' | tail -n 1 | cut -c 1-40)" "cosines in f16"
# bytes: small, near, the same from a checkpoint and from its model, kept by what makes a model of it, and a base like any other
wants 0 '' quantize "$T/motion.lbw" --dtype i8 -o "$T/bytes.lbw"
[ "$(wc -c <"$T/bytes.lbw")" -lt "$(wc -c <"$T/half.lbw")" ] && good || bad "i8: $(wc -c <"$T/bytes.lbw") bytes, f16 $(wc -c <"$T/half.lbw")"
is "$("$L" info "$T/bytes.lbw" --tensors | grep -c ' i8 *panel')" "$("$L" info "$T/half.lbw" --tensors | grep -c 'blocks.*f16 *panel')" "matrices of blocks are bytes"
near() { paste "$1" "$2" | awk -v most="$3" '{ n = NF / 2; for (i = 1; i <= n; i++) { d = $i - $(i + n); if (d > most || -d > most) wrong = 1 } } END { exit wrong || !NR }'; }
"$L" embed -m "$T/bytes.lbw" --image $CAT --text 'a cat' --format txt >"$T/b"; near "$T/a" "$T/b" 0.02 && good || bad "vectors of bytes: $(cat "$T/b")"
near "$T/a" "$T/b" 0.000001 && bad "bytes give what floats give, to the last digit" || good
"$L" convert tests/golden/ckpt_demo --dtype i8 -o "$T/at-once.lbw" 2>/dev/null; "$L" convert tests/golden/ckpt_demo -o "$T/floats.lbw" 2>/dev/null; "$L" quantize "$T/floats.lbw" --dtype i8 -o "$T/later.lbw"; for x in at-once later; do "$L" embed -m "$T/$x.lbw" --image $CAT --text 'a cat' --format txt >"$T/$x.txt"; done; [ -s "$T/later.txt" ] && same "$T/at-once.txt" "$T/later.txt" "bytes at once and later"
"$L" quantize "$T/later.lbw" --dtype i8 -o "$T/again.lbw"; same "$T/again.lbw" "$T/later.lbw" "bytes of bytes"
"$L" extend -m "$T/later.lbw" --modality "$T/motion.json" -o "$T/more.lbw"; wants 0 ', i8, ' info "$T/more.lbw"
wants 0 '' record -m "$T/bytes.lbw" --image $CAT --text 'a cat' -o "$T/recorded.lbw"
wants 0 'reference.s vectors within' verify "$T/recorded.lbw"
LB_CPU=scalar "$L" verify "$T/recorded.lbw" >"$T/out" 2>"$T/err"; is "$? $(grep -c 'with scalar kernels' "$T/out")" "0 1" "verify with other kernels: $(cat "$T/err")"
"$L" quantize "$T/motion.lbw" --dtype f32 --only image text -o "$T/part.lbw" && "$L" quantize "$M" --dtype f32 -o "$T/whole.lbw"
"$L" info "$T/part.lbw" | grep '^ *modality' >"$T/a"; "$L" info "$T/whole.lbw" | grep '^ *modality' >"$T/b"; [ -s "$T/a" ] && same "$T/a" "$T/b" "some modalities alone"
is "$("$L" score -m "$T/part.lbw" --image $CAT --text 'a cat')" "$("$L" score -m "$M" --image $CAT --text 'a cat')" "cosines of a part"
wants 0 '' quantize "$T/motion.lbw" --only motion -o "$T/part.lbw"
wants 0 '"modality": "motion"' embed -m "$T/part.lbw" --input "motion:$T/a.csv"
wants 1 'no modality text, only' embed -m "$T/part.lbw" --text 'a cat'
wants 1 'motion.lbw: the model has no modality smell, only' quantize "$T/motion.lbw" --only text smell -o "$T/none.lbw"; no "$T/none.lbw"
wants 1 'text is named twice' quantize "$T/motion.lbw" --only text text -o "$T/none.lbw"; no "$T/none.lbw"
wants 2 'one was expected' quantize -o "$T/none.lbw"
# a parity record goes with the networks that it is of, whatever their type, and from there into what is made of that; extend, bundle and a part keep it
tiny=weights/languagebind-tiny.lbw
for t in f32 bf16 f16 i8; do wants 0 '' quantize $tiny --dtype $t -o "$T/kept.lbw"; wants 0 '6 inputs of the parity record' verify "$T/kept.lbw"; done
wants 0 '' quantize "$T/kept.lbw" --dtype f32 -o "$T/wide.lbw"; wants 0 '6 inputs of the parity record.*0.00' verify "$T/wide.lbw"          # bytes in f32 stay bytes
wants 0 '' extend -m $tiny --modality "$T/motion.json" -o "$T/kept.lbw"; wants 0 '6 inputs of the parity record' verify "$T/kept.lbw"
wants 0 '' quantize "$T/kept.lbw" --only motion depth text -o "$T/part6.lbw"; wants 0 '2 inputs of the parity record' verify "$T/part6.lbw"
wants 0 '' quantize $tiny --only text image -o "$T/part1.lbw"; wants 0 '' quantize $tiny --only text depth -o "$T/part2.lbw"
wants 0 '' bundle "$T/part1.lbw" far="$T/part2.lbw" -o "$T/kept.lbw"; wants 0 '3 inputs of the parity record' verify "$T/kept.lbw"
wants 1 'motion.json' quantize "$T/motion.json" -o "$T/none.lbw"; no "$T/none.lbw"

# adapters of checkpoints
# licences stay, each once, though one begins like another
n=0; for l in MIT-0 MIT MIT; do n=$((n + 1)); "$L" convert tests/golden/ckpt_demo --license $l -o "$T/lic$n.lbw" 2>/dev/null; done
"$L" bundle a="$T/lic1.lbw" b="$T/lic2.lbw" c="$T/lic3.lbw" -o "$T/lic.lbw" >"$T/out" 2>"$T/err"; is "$("$L" info "$T/lic.lbw" --json | grep -o '"provenance.license": "[^"]*"')" '"provenance.license": "MIT-0; MIT"' "licences in a bundle: $(cat "$T/err")"
wants 2 '--base FILE' convert tests/golden/lb_depth --adapter -o "$T/none.lbw"
wants 2 'go with --adapter' convert tests/golden/lb_depth --base "$M" -o "$T/none.lbw"
wants 1 'cannot open' convert tests/golden/lb_depth --adapter --base "$T/not-there.lbw" -o "$T/none.lbw"
"$L" convert tests/golden/lb_image -o "$T/image.lbw" 2>"$T/err" || bad "convert: $(cat "$T/err")"
"$L" convert tests/golden/lb_depth --adapter --base "$T/image.lbw" -o "$T/none.lbw" 2>"$T/err"; is "$? $(tail -n 1 "$T/err" | grep -c -e --base-text)" "1 1" "another text tower"; no "$T/none.lbw"
"$L" convert tests/golden/lb_depth --adapter --base "$T/image.lbw" --base-text -o "$T/depth.lbw" 2>"$T/err" && good || bad "convert --adapter: $(cat "$T/err")"
"$L" quantize "$T/image.lbw" --dtype i8 -o "$T/image8.lbw"; "$L" convert tests/golden/lb_depth --adapter --base "$T/image8.lbw" --base-text -o "$T/depth8.lbw" 2>"$T/err" && "$L" info -m "$T/depth8.lbw" >"$T/out" 2>&1
[ "$(wc -c <"$T/depth8.lbw")" -lt $(($(wc -c <"$T/depth.lbw") * 11 / 10)) ] && good || bad "an adapter over bytes: $(wc -c <"$T/depth8.lbw") bytes, over floats $(wc -c <"$T/depth.lbw"): $(cat "$T/err")"
ls "$T"/depth.lbw.* >/dev/null 2>&1 && bad "a temporary stayed: $(ls "$T"/depth.lbw.*)" || good
ended TERM verified convert tests/golden/lb_depth --adapter --base "$T/image.lbw" --base-text
echo mine >"$T/depth.lbw.whole"; "$L" convert tests/golden/lb_depth --adapter --base "$T/image.lbw" --base-text -o "$T/depth.lbw" 2>"$T/err"; is "$(cat "$T/depth.lbw.whole")" mine "a file of that name"
wants 2 'parity is of a whole model' convert tests/golden/lb_depth --adapter --base "$T/image.lbw" --parity "$M" -o "$T/none.lbw"
"$L" convert tests/golden/lb_image --act quick_gelu -o "$T/act.lbw" 2>"$T/err"; grep -q 'is assumed' "$T/err" && bad "warned of what was said: $(cat "$T/err")" || good
wants 1 'depth.lbw: is an adapter; a model was expected: the one that it stands on' bundle "$T/depth.lbw" -o "$T/none.lbw"
wants 1 'text chooses among the text towers' bundle "$T/image.lbw" "$T/depth.lbw" --text nofile -o "$T/none.lbw"
for f in "pic=$T/image.lbw $T/depth.lbw" "$T/image.lbw dd=$T/depth.lbw"; do wants 1 'depth.lbw is an adapter, and NAME= is not supported with adapters' bundle $f -o "$T/none.lbw"; no "$T/none.lbw"; done
# an adapter that would come back as another network is not written
refused() { word=$1; shift; run convert "$@" --adapter -o "$T/none.lbw"; is "$status $(tail -n 1 "$T/err" | grep -ce "$word")" "1 1" "convert $* --adapter: $(tail -n 1 "$T/err")"; no "$T/none.lbw"; }
refused 'none.lbw: an adapter cannot hold that tower depth has act quick_gelu, which over tower vision of the base would be gelu' tests/golden/lb_depth --act quick_gelu --base "$T/image.lbw" --base-text
refused 'lb_image: its text tower .* compute differently: act is quick_gelu and gelu' tests/golden/lb_image --act quick_gelu --base "$T/image.lbw"
sed 's/1e-05/1e-03/' tests/golden/lb_depth/config.json >"$T/eps.json"; refused 'depth has eps 0.001' tests/golden/lb_depth --config "$T/eps.json" --base "$T/image.lbw" --base-text
"$L" convert tests/golden/lb_video -o "$T/video.lbw" 2>"$T/err" && "$L" bundle "$T/image.lbw" "$T/video.lbw" --text "$T/image.lbw" -o "$T/iv.lbw" && "$L" convert tests/golden/lb_depth --keep-lora -o "$T/kept.lbw" 2>"$T/err" || bad "convert and bundle: $(cat "$T/err")"
refused 'depth has temporal 0, .*tower video of the base would be 1' tests/golden/lb_depth --base "$T/iv.lbw" --from video --base-text
refused 'the base has a modality image already, of tower vision; ' tests/golden/lb_image --base "$T/iv.lbw" --from video
refused 'vision has lora_rank 0, .*tower depth of the base would be 2' tests/golden/lb_image --base "$T/kept.lbw" --from depth --base-text
wants 1 'share-backbone looks' bundle "$T/image.lbw" "$T/depth.lbw" --share-backbone -o "$T/none.lbw"
for n in 'A-Long name!' 'a"b' Upper 0123456789012345678901234567890123456789; do wants 1 'small letters, digits and _' bundle "$T/image.lbw" "$n=$T/image.lbw" -o "$T/none.lbw"; done
wants 1 'compute differently: act is .*gelu and .*gelu' bundle "$T/image.lbw" "other=$T/act.lbw" -o "$T/none.lbw"; no "$T/none.lbw"
wants 0 '' bundle "$T/image.lbw" "other=$T/act.lbw" --text "$T/image.lbw" -o "$T/acts.lbw"
wants 1 'named first' bundle "$T/image.lbw" "$T/depth.lbw" "$T/image.lbw" -o "$T/none.lbw"; no "$T/none.lbw"
wants 0 '' bundle "$T/image.lbw" "$T/depth.lbw" -o "$T/both.lbw"
wants 0 'modality depth' info "$T/both.lbw"
wants 0 '' verify "$T/both.lbw"

"$L" bundle "$T/image.lbw" again="$T/image.lbw" --share-backbone -o "$T/twice.lbw" >"$T/out" 2>"$T/err" && grep -q '^languagebind bundle: .*twice.lbw: [0-9.]* MB, [0-9.]* MB less' "$T/err" && good || bad "bundle --share-backbone says its sizes: $(cat "$T/err")"
wants 0 'modality again' info "$T/twice.lbw"

# check-upstream, on the two photographs alone
mkdir -p "$T/up/image"; cp $CAT "$T/up/image/0.jpg"; cp $CUP "$T/up/image/1.jpg"
"$L" check-upstream "$T/up" -m "$M" >"$T/out" 2>"$T/err"; is "$? $(tail -n 1 "$T/out")" "1 0 passed, 2 failed, 14 skipped" "check-upstream"
wants 2 'which models' check-upstream "$T/up"
wants 2 'one was expected' check-upstream -m "$M"
wants 1 'is no folder' check-upstream "$T/photos-not" -m "$M"
mkdir -p "$T/nothing"; wants 1 'none of upstream' check-upstream "$T/nothing" -m "$M"

# index and search: incremental, and only with the model it was made with
mkdir -p "$T/photos/sub"; cp $CAT "$T/photos/cat.jpg"; cp $CUP "$T/photos/sub/cup.jpg"; cp LICENSE "$T/photos/broken.png"; cp LICENSE "$T/photos/LICENSE"
"$L" index -m "$M" -o "$T/p.lbi" "$T/photos" >"$T/out" 2>"$T/err"; is "$? $(grep -c 'broken.png' "$T/err")" "0 1" "index"
grep -q '2 entries, 2 new, 0 unchanged' "$T/out" && good || bad "index: $(cat "$T/out")"
cp $CUP "$T/photos/another.jpg"; rm "$T/photos/broken.png"
wants 0 '3 entries, 1 new, 2 unchanged' index -m "$M" -o "$T/p.lbi" "$T/photos"
rm "$T/photos/another.jpg"
wants 0 '2 entries, 0 new, 2 unchanged, 0 kept of elsewhere, 1 forgotten' index -m "$M" -o "$T/p.lbi" "$T/photos"
wants 0 '^1.0000  .*cat.jpg' search -i "$T/p.lbi" --image $CAT -k 1
is "$(wc -l <"$T/out")" 1 "-k 1"
wants 0 '^1.0000  .*cat.jpg' search -i "$T/p.lbi" --image $CAT --through "$T/meet"
is "$(sed -n '2s/  .*//p' "$T/out")" "$(cat "$T/likeness")" "search --through"
wants 2 'questions other than text' search -i "$T/p.lbi" --image $CAT --text x --through "$T/meet"
wants 0 '"results": \[{"score"' search -i "$T/p.lbi" --text 'a cup' --json
wants 1 'no entry of modality .smell., only image' search -i "$T/p.lbi" --text x --only smell
wants 1 'is not an index' search -i "$M" --text x
wants 1 'index' embed -m "$T/p.lbi" --text x
wants 1 'cannot open' search -i "$T/not-there.lbi" --text x
wants 2 'what to search for' search -i "$T/p.lbi"
wants 2 'where to' index -m "$M" "$T/photos"
wants 1 'not-there: cannot open' index -m "$M" -o "$T/q.lbi" "$T/not-there"; no "$T/q.lbi"
wants 2 'as text: texts are typed' index -m "$M" --as text -o "$T/q.lbi" "$T/photos"; no "$T/q.lbi"
wants 1 'as: the model has no modality dept, only image, text' index -m "$M" --as dept -o "$T/q.lbi" "$T/photos"; no "$T/q.lbi"
cp "$M" "$T/here.lbw"; "$L" index -m "$T/here.lbw" -o "$T/here.lbi" "$T/photos" >"$T/out"; rm "$T/here.lbw"
wants 1 'here.lbi was made with .*here.lbw, which cannot be opened .*-m FILE names it' search -i "$T/here.lbi" --text x
wants 0 'cat.jpg' search -i "$T/here.lbi" -m "$M" --text x
wants 1 'nothing: nothing in it can be embedded' index -m "$M" -o "$T/q.lbi" "$T/nothing"; no "$T/q.lbi"
wants 1 'no tokenizer' tokenize -m "$T/p.lbi" x
# a name with a line end in it, and a folder that cannot be listed (root could, but for the capability)
line="$T/lines of/a$(printf '\nb').jpg"; mkdir -p "$T/lines of"; cp $CAT "$line"; "$L" index -m "$M" -o "$T/l.lbi" "$T/lines of" >"$T/out"
wants 0 '^1.0000  .*/a b.jpg$' search -i "$T/l.lbi" --image $CAT; is "$(wc -l <"$T/out")" 1 "one line a result"
wants 0 '/a b.jpg$' classify -m "$M" --label cat dog --image "$line"; is "$(wc -l <"$T/out")" 3 "lines of classify"
mkdir -p "$T/shut/in" "$T/shut/out"; cp $CAT "$T/shut/in"; cp $CUP "$T/shut/out"; chmod 000 "$T/shut/in"
meek=; [ "$(id -u)" != 0 ] || meek="setpriv --bounding-set=-dac_override,-dac_read_search"
if $meek true 2>/dev/null && ! $meek ls "$T/shut/in" >/dev/null 2>&1; then
    $meek "$L" index -m "$M" -o "$T/s.lbi" "$T/shut" >"$T/out" 2>"$T/err"; is "$? $(wc -l <"$T/err") $(grep -c 'left out: .*shut/in: cannot list' "$T/err") $(grep -c '1 entry, 1 new, 0 unchanged, 0 kept of elsewhere, 0 forgotten, 1 unreadable' "$T/out")" "0 1 1 1" "a folder that cannot be listed"
    $meek "$L" index -m "$M" -o "$T/q.lbi" "$T/shut/in" >"$T/out" 2>"$T/err"; is "$? $(grep -c 'cannot list' "$T/err")" "1 1" "the folder that was named cannot be listed"; no "$T/q.lbi"
else skip "a folder that cannot be listed: this user may list every one"; fi
chmod 755 "$T/shut/in"
# two states of a file within one second; a vector that is damaged is neither found nor kept; the last files stay in the index, as --help says
mkdir -p "$T/quick"; cp $CAT "$T/quick/a.jpg"; cp $CUP "$T/quick/b.jpg"; touch -d 2020-01-01T00:00:00.25 "$T/quick/a.jpg"; "$L" index -m "$M" -o "$T/k.lbi" "$T/quick" >"$T/out"; touch -d 2020-01-01T00:00:00.5 "$T/quick/a.jpg"
wants 0 '2 entries, 1 new, 1 unchanged' index -m "$M" -o "$T/k.lbi" "$T/quick"
cp "$T/k.lbi" "$T/hurt.lbi"; printf '\000\000\172\104' | dd of="$T/hurt.lbi" bs=1 seek=$(($(wc -c <"$T/hurt.lbi") - 256)) conv=notrunc 2>/dev/null; cp "$T/hurt.lbi" "$T/hurt"
wants 1 'hurt.lbi: tensor index.vectors is damaged.*index again' search -i "$T/hurt.lbi" --text x --json
wants 1 'hurt.lbi: tensor index.vectors is damaged.*index again' index -m "$M" -o "$T/hurt.lbi" "$T/quick"; same "$T/hurt" "$T/hurt.lbi" "a damaged index is not written over"
rm "$T"/quick/*; cp "$T/k.lbi" "$T/kept"; wants 1 'not written; .*k.lbi stays as it was' index -m "$M" -o "$T/k.lbi" "$T/quick"; same "$T/kept" "$T/k.lbi" "the index of files that are all gone"
# vectors are kept only where the model would compute them again: not another tower's, be it the same by name (here after a part that has none) or by another
# name, nor those of the same weights under another key; the towers that all of these have are the same
tiny=weights/languagebind-tiny.lbw; mkdir -p "$T/mixed"; cp examples/demo/audio/04.wav "$T/mixed"; cp $CAT "$T/mixed"
"$L" quantize $tiny --only text image -o "$T/part.lbw" >"$T/out" 2>&1
for t in audio ear; do printf '{"name":"audio","loader":"audio","height":64,"length":152,"patch":8,"tower":"%s"}' $t >"$T/au.json"; "$L" extend -m "$T/part.lbw" --modality "$T/au.json" -o "$T/$t.lbw" >"$T/out" 2>&1; done
wants 0 '2 entries, 2 new, 0 unchanged' index -m $tiny -o "$T/x.lbi" "$T/mixed"; cp "$T/x.lbi" "$T/y.lbi"
wants 0 '2 entries, 0 new, 2 unchanged' index -m $tiny -o "$T/x.lbi" "$T/mixed"
wants 0 '^1.0000  .*cat.jpg' search -i "$T/x.lbi" -m "$T/part.lbw" --image $CAT
wants 1 'x.lbi: was made with another model .its audio entries' search -i "$T/x.lbi" -m "$T/ear.lbw" --image $CAT
wants 0 '^1.0000  .*cat.jpg' search -i "$T/x.lbi" -m "$T/ear.lbw" --image $CAT --only image
wants 1 'x.lbi: was made with another model .its audio tower differs' index -m "$T/audio.lbw" -o "$T/x.lbi" "$T/mixed"
wants 0 '1 entry, 0 new, 1 unchanged, 0 kept of elsewhere, 1 forgotten, 1 of modalities that the model has not' index -m "$T/part.lbw" -o "$T/x.lbi" "$T/mixed"
wants 0 '2 entries, 1 new, 1 unchanged' index -m "$T/audio.lbw" -o "$T/x.lbi" "$T/mixed"
wants 0 '^1.0000  .*04.wav' search -i "$T/x.lbi" --audio "$T/mixed/04.wav"
wants 0 '2 entries, 1 new, 1 unchanged' index -m "$T/ear.lbw" -o "$T/y.lbi" "$T/mixed"
wants 0 '^1.0000  .*04.wav' search -i "$T/y.lbi" --audio "$T/mixed/04.wav"
wants 0 '1 entry, 1 new' index -m "$T/image.lbw" -o "$T/z.lbi" $CAT
wants 1 'z.lbi: was made with another model .its image entries' search -i "$T/z.lbi" -m "$T/act.lbw" --text x
wants 0 '1 entry, 1 new, 0 unchanged' index -m "$T/act.lbw" -o "$T/z.lbi" $CAT
# with an adapter, which the index remembers
wants 0 '1 entry, 1 new' index -m "$T/image.lbw" --adapter "$T/depth.lbw" --as depth -o "$T/d.lbi" tests/golden/lb_files/depth.png
wants 0 '1 entry, 0 new, 1 unchanged' index -m "$T/image.lbw" --adapter "$T/depth.lbw" --as depth -o "$T/d.lbi" tests/golden/lb_files/depth.png
wants 0 '^1.0000  .*depth.png' search -i "$T/d.lbi" --depth tests/golden/lb_files/depth.png
wants 0 '^1.0000  .*depth.png' search -i "$T/d.lbi" -m "$T/image.lbw" --adapter "$T/depth.lbw" --depth tests/golden/lb_files/depth.png
# a depth map in metres
depth="-m $T/image.lbw --adapter $T/depth.lbw"; "$L" embed -m "$M" --text a b c d -o "$T/metres.npy"; wants 1 'metres.npy: npy: number [0-9]* of the depth map is -0.*; finite metres' embed $depth --depth "$T/metres.npy"
{ printf '\223NUMPY\001\000v\000'; printf '%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 60), }"; awk 'BEGIN { for (i = 0; i < 2400; i++) printf "%c", 33 + i % 90 }'; } >"$T/mm.npy"
{ printf 'P5\n60 40\n65535\n'; awk 'BEGIN { for (i = 0; i < 2400; i++) print 33 + i % 90 }' | while read -r v; do printf "\\000\\$(printf %o "$v")"; done; } >"$T/mm.pgm"
wants 0 '' embed $depth --depth "$T/mm.npy" "$T/mm.pgm" --format txt; is "$(sort -u "$T/out" | wc -l)" 1 "a depth map as numbers and as a picture"
"$L" embed $depth --depth - --format txt <"$T/mm.npy" >"$T/a" 2>"$T/err"; is "$? $(cat "$T/a")" "0 $(head -n 1 "$T/out")" "a depth map on standard input"
wants 1 'plain.txt: not an image.*; JPEG, PNG, BMP, PNM, GIF or .npy was expected' embed $depth --depth "$T/plain.txt"
mkdir "$T/maps"; mv "$T/mm.npy" "$T/maps"; wants 0 '1 entry, 1 new' index $depth --as depth -o "$T/maps.lbi" "$T/maps"; wants 0 '^1.0000  .*mm.npy' search -i "$T/maps.lbi" --depth "$T/mm.pgm"; wants 0 '1 entry, 0 new, 1 unchanged, 0 kept' index $depth -o "$T/maps.lbi" "$T/maps"
touch "$T/maps/mm.npy"; wants 0 '1 entry, 1 new, 0 unchanged' index $depth -o "$T/maps.lbi" --named-only "$T/maps"
wants 0 '1.0000' score $depth --depth "$T/maps/mm.npy" --depth "$T/mm.pgm"
wants 1 'no modality depth, only' search -i "$T/d.lbi" -m "$T/image.lbw" --depth tests/golden/lb_files/depth.png
wants 1 'not-there' index -m "$T/image.lbw" --adapter "$T/not-there.lbw" -o "$T/q.lbi" "$T/photos"; no "$T/q.lbi"
# pictures and depth maps in one index, folder by folder: what lies elsewhere stays while it is there, with its modality, however its folder is written
D=$T/demo; mkdir -p "$D/sub"; cp -r examples/demo/image examples/demo/depth "$D"; rm "$D"/image/1* "$D"/depth/1*; n=$(ls "$D/image" | wc -l) m=$(ls "$D/depth" | wc -l)
wants 0 "$n entries, $n new, 0 unchanged, 0 kept of elsewhere, 0 forgotten" index -m $tiny -o "$D/two.lbi" "$D/image"
wants 0 "$((n + m)) entries, $m new, 0 unchanged, $n kept of elsewhere, 0 forgotten" index -m $tiny -o "$D/two.lbi" --as depth "$D/depth"
one=$(ls "$D/image" | head -n 1) two=$(ls "$D/depth" | head -n 1)
wants 0 "^1.0000  $D/image/$one" search -i "$D/two.lbi" --image "$D/image/$one" -k 1
wants 0 "^1.0000  $D/depth/$two" search -i "$D/two.lbi" --depth "$D/depth/$two" -k 1
wants 0 "$((n + m)) entries, 0 new, $((n + m)) unchanged, 0 kept" index -m $tiny -o "$D/two.lbi" "$D/depth" "$D/image"
wants 0 "$((n + m)) entries, 0 new, $((n + m)) unchanged, 0 kept" index -m $tiny -o "$D/two.lbi" "$D"                # the folder above: a file stays what it was said to be
here=$(pwd); case $L in /*) LL=$L ;; *) LL=$here/$L ;; esac
from() { (cd "$1" && shift && "$LL" index -m "$here/$tiny" "$@") 2>&1; }
is "$(from "$D/sub" -o ../two.lbi ../depth)" "../two.lbi: $((n + m)) entries, 0 new, $m unchanged, $n kept of elsewhere, 0 forgotten" "index from another folder"
is "$(from "$D/sub" -o ../two.lbi "$here/$D/image/")" "../two.lbi: $((n + m)) entries, 0 new, $n unchanged, $m kept of elsewhere, 0 forgotten" "a folder's whole path, where relative ones stood"
is "$(from "$here" -o "$D/two.lbi" "$D/sub")" "$D/two.lbi: $((n + m)) entries, 0 new, 0 unchanged, $((n + m)) kept of elsewhere, 0 forgotten" "nothing below the folder named"
mkdir "$D/moved"; is "$(from "$D" -o one.lbi image)" "one.lbi: $n entries, $n new, 0 unchanged, 0 kept of elsewhere, 0 forgotten" "relative paths"
mv "$D/image" "$D/one.lbi" "$D/moved"; is "$(from "$D/moved" -o one.lbi ../depth --as depth)" "one.lbi: $((n + m)) entries, $m new, 0 unchanged, $n kept of elsewhere, 0 forgotten" "files and index went elsewhere together"
mv "$D/moved/image" "$D"; touch "$D/image/$one"
wants 0 "$((n + m)) entries, 0 new, $m unchanged, $n kept of elsewhere" index -m $tiny -o "$D/two.lbi" "$D/depth"    # the one that has changed, too, until its folder is named
wants 0 "$((n + m)) entries, 1 new, $((n - 1)) unchanged, $m kept of elsewhere" index -m $tiny -o "$D/two.lbi" "$D/image"
rm "$D/image/$one"; wants 0 "$((n + m - 1)) entries, 0 new, $m unchanged, $((n - 1)) kept of elsewhere, 1 forgotten" index -m $tiny -o "$D/two.lbi" "$D/depth"
wants 0 "\"entries\": $((n + m - 1)), \"new\": 1, \"unchanged\": 0, \"elsewhere\": $((n + m - 2)), \"forgotten\": 0, \"unreadable\": 0" index -m $tiny -o "$D/two.lbi" --as image "$D/depth/$two" --json
wants 1 'as: the model has no modality dept' index -m $tiny -o "$D/two.lbi" --as dept "$D/depth"
# another model: an entry of elsewhere is computed again, or stays as it is where the model has not its modality, and only beside towers that agree
wants 0 "$((n + m - 1)) entries, 1 new, 0 unchanged, $((n + m - 2)) kept of elsewhere" index -m $tiny -o "$D/two.lbi" --as depth "$D/depth/$two"
"$L" quantize $tiny --only text image -o "$T/seen.lbw"; wants 0 "$((n + m - 1)) entries, 0 new, $((n - 1)) unchanged, $m kept of elsewhere, 0 forgotten" index -m "$T/seen.lbw" -o "$D/two.lbi" "$D/image"
is "$("$L" search -i "$D/two.lbi" --text 'a red ball' -k 100 | wc -l)" $((n + m - 1)) "both are found by a text"
printf '{"name":"depth","loader":"depth","height":64,"width":64}' >"$T/dp.json"; "$L" extend -m "$T/seen.lbw" --modality "$T/dp.json" -o "$T/deep.lbw" 2>"$T/err"
wants 1 'two.lbi: was made with another model .its depth tower differs' index -m "$T/deep.lbw" -o "$D/two.lbi" "$D/image"
"$L" quantize $tiny --dtype bf16 -o "$T/rough.lbw"; wants 1 'was made with another model' index -m "$T/rough.lbw" -o "$D/two.lbi" "$D/image"
printf '{"name":"depth","loader":"depth","height":64,"width":64,"tower":"deeper"}' >"$T/dp.json"; "$L" extend -m "$T/seen.lbw" --modality "$T/dp.json" -o "$T/deep.lbw" 2>"$T/err"
wants 0 "$((n + m - 1)) entries, $m new, $((n - 1)) unchanged, 0 kept of elsewhere" index -m "$T/deep.lbw" -o "$D/two.lbi" "$D/image"
wants 0 "$((n - 1)) entries, 0 new, $((n - 1)) unchanged, 0 kept of elsewhere, $m forgotten" index -m "$T/deep.lbw" -o "$D/two.lbi" --named-only "$D/image"
wants 0 '.' info "$D/two.lbi"

# synth and render: names that captions use already, models of one name, and no folder for what is no model
printf 'v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n' >"$T/tri.obj"; mkdir -p "$T/sub"; cp "$T/tri.obj" "$T/sub"
for n in ball sphere starfish 'plus sign' object thing; do wants 2 'captions could not tell' synth "$T/corpus" -n 1 --mesh "$n=$T/tri.obj"; done; no "$T/corpus"
for n in Ball 'Plus Sign' THING; do wants 2 'captions could not tell' synth "$T/corpus" -n 1 --mesh "$n=$T/tri.obj"; done; no "$T/corpus"
wants 2 'captions could not tell' synth "$T/corpus" -n 1 --mesh "Kite=$T/tri.obj" "kITE=$T/tri.obj"; no "$T/corpus"
for n in 'ball ' ' kite' ' ' ''; do wants 2 'letters, digits and, between them, spaces' synth "$T/corpus" -n 1 --mesh "$n=$T/tri.obj"; done; no "$T/corpus"
wants 0 '9 clips of' synth "$T/kites" -n 9 --size 16 --mesh "KITE 2=$T/tri.obj" && is "$(cat "$T"/kites/*.json* "$T"/kites/*.tsv | grep -c 'KITE')" 0 "names in small letters"
wants 2 'tri.obj and .*sub/tri.obj would both be rendered as tri' render "$T/tri.obj" "$T/sub/tri.obj" -o "$T/rd"
wants 1 'v X Y Z' render "$T/captions.txt" -o "$T/rd"; no "$T/rd"
printf 'v 0 0 0\nf 1 2 3\n' >"$T/bad.obj"; wants 1 'line 2: a corner that is vertex 2; 1 to 1' render "$T/bad.obj" -o "$T/rd"; no "$T/rd"
"$L" render "$T/tri.obj" -o "$T/rd" --size 16 --metres 30 2>"$T/err"; is "$? $(grep -c 'tri.obj: 30 metres are shown as' "$T/err")" "0 1" "metres that no room has"
wants 0 '1 clip of' synth "$T/one" -n 1 --size 16
# folders are made with those above them; where one cannot be, it is named; a second run is silent, one that leaves clips of the first is not
wants 0 '3 clips of' synth "$T/deep/er/three" -n 3 --size 16
wants 0 '3 clips of' synth "$T/deep/er/three" -n 3 --size 16
"$L" synth "$T/deep/er/three" -n 2 --size 16 >"$T/out" 2>"$T/err"; is "$? $(wc -l <"$T/err") $(grep -c 'three: files and folders of an earlier run stay .*: 5, part000/syn1-000002.jpg is the first' "$T/err")" "0 1 1" "older clips"
wants 0 '' render "$T/tri.obj" -o "$T/deep/of/render" --size 16; is "$(ls "$T/deep/of/render" | wc -l)" 3 "files of render"
for c in "synth -n 1" "render $T/tri.obj -o"; do wants 1 'plain.txt: cannot create the folder' $c "$T/plain.txt/a"; done

echo "test_command: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
