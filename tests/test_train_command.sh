#!/bin/sh
# test_train_command.sh: `languagebind train` as a process: torch's losses, exact resume after kill -9, signals, faults that lose nothing, every
# modality.  Closes with `test_train_command: N passed, N failed, N skipped`.
L=${B:-build}/languagebind T=${B:-build}/train M=${B:-build}/demo.lbw DATA=tests/golden/train_command.tsv
export OMP_WAIT_POLICY=passive
rm -rf "$T"; mkdir -p "$T" || exit 1
passed=0 failed=0 skipped=0
good() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
skip() { skipped=$((skipped + 1)); echo "skip $*"; }
run() { "$L" train --threads 1 "$@" >"$T/out" 2>"$T/err" </dev/null; status=$?; }
# wants STATUS WORD ARGUMENT...: as in test_command.sh: one sentence and nothing on standard output when it fails, nothing on standard error when it does not
wants() {
    want=$1 word=$2; shift 2; run "$@"
    if [ $status -ne "$want" ]; then bad "train $*: status $status, $want expected: $(head -n 3 "$T/err")"; return; fi
    if [ "$want" = 0 ]; then
        if [ -s "$T/err" ]; then bad "train $*: succeeded, but said: $(head -n 3 "$T/err")"; return; fi
        grep -qe "$word" "$T/out" || { bad "train $*: \"$word\" is not in its output: $(head -n 5 "$T/out")"; return; }
    else
        if [ "$(wc -l <"$T/err")" -ne 1 ]; then bad "train $*: one line on standard error was expected: $(cat "$T/err")"; return; fi
        grep -qe "$word" "$T/err" || { bad "train $*: \"$word\" is not in its message: $(cat "$T/err")"; return; }
        if [ -s "$T/out" ]; then bad "train $*: failed, but printed: $(head -n 3 "$T/out")"; return; fi
    fi
    good
}
same() { if cmp -s "$1" "$2"; then good; else bad "$3: $1 and $2 differ"; fi; }
is() { if [ "$1" = "$2" ]; then good; else bad "$3: \"$1\", \"$2\" was expected"; fi; }
no() { if ls "$1"* >/dev/null 2>&1; then bad "$1 was left behind: $(ls "$1"*)"; else good; fi; }

# ---- wrong use ----
wants 2 'one of -m MODEL and --config' -d "$DATA" -o "$T/x.lbw"
wants 2 'which data' -m "$M" -o "$T/x.lbw"
wants 2 'where to' -m "$M" -d "$DATA"
wants 2 'not written to standard output' -m "$M" -d "$DATA" -o -
wants 2 'not both' -m "$M" -d "$DATA" -o "$T/x.lbw" --steps 3 --epochs 2
wants 2 'RANK or RANK:ALPHA' -m "$M" -d "$DATA" -o "$T/x.lbw" --lora x
wants 2 'RANK or RANK:ALPHA' -m "$M" -d "$DATA" -o "$T/x.lbw" --lora 4:0
wants 2 'goes with --trainable lora' -m "$M" -d "$DATA" -o "$T/x.lbw" --lora 4 --trainable all
wants 2 'text or scale' -m "$M" -d "$DATA" -o "$T/x.lbw" --freeze vision
wants 2 'go with --lora' -m "$M" -d "$DATA" -o "$T/x.lbw" --lora-targets q
wants 2 'go with --lora' -m "$M" -d "$DATA" -o "$T/x.lbw" --lora-dropout 0.1 --trainable upstream
wants 2 'go with --eval' -m "$M" -d "$DATA" -o "$T/x.lbw" --eval-split test
wants 2 'a size as' -m "$M" -d "$DATA" -o "$T/x.lbw" --cache lots
wants 1 'cannot open' -m "$T/none.lbw" -d "$DATA" -o "$T/x.lbw"
while IFS='|' read -r says options; do wants 2 "$says" -m "$M" -d "$DATA" -o "$T/x.lbw" $options; done <<END
negatives needs --freeze text|--negatives 8
needs --freeze text|--text-cache $T
needs --freeze text|--text-cache $T --trainable vision.*
another --modality than text|--text-cache $T --freeze text --modality text
go with --from|--kind video
go with --from|--size 32
go with --from|--frames 4
go with --from|--tube 2
go with --from|--temporal
go with --from|--class-per-frame
says itself what it starts from|--from image --modality $T/motion.json
VIDAL's FILE.json|--text-type raw
a folder class/file|--prompt {}
an adapter was asked for|--lora 4 --dtype f16
an adapter was asked for|--as-adapter --dtype f16
other-steps goes with --resume|--other-steps
batch is 1, 2 to|--batch 1
beta1 is 1, 1e-09 to 0.9999999 were|--beta1 1
ema is 1, 0 to 0.9999999 were|--ema 1
q,k,v,out was expected|--lora 4 --lora-targets q,
q,k,v,out was expected|--lora 4 --lora-targets=
log FILE was expected|--log -
checkpoint FILE was expected|--checkpoint -
mix is 1.5, 0 to|--mix 1.5
pull is -1, 0 to|--pull -1
END
no "$T/x"
wants 1 'demo.lbw: the model has no modality depth (--from NAME makes a new one), only image, text' -m "$M" -d "$DATA" -o "$T/x.lbw" --modality depth
wants 1 'cannot open' -m "$M" -d "$T/none.tsv" -o "$T/x.lbw"
wants 1 'cannot create' -m "$M" -d "$DATA" -o "$T/no/such/x.lbw"
wants 1 'no modality smell' -m "$M" -d "$DATA" -o "$T/x.lbw" --modality smell
wants 1 'nothing is held out' -m "$M" -d "$DATA" -o "$T/x.lbw" --eval
wants 1 'no parameter with a name like nothing\*' -m "$M" -d "$DATA" -o "$T/x.lbw" --trainable 'nothing*'
wants 1 'no parameter with a name like text.blcks' -m "$M" -d "$DATA" -o "$T/x.lbw" --trainable 'vision.proj.*,text.blcks.*'
wants 1 'nothing.*frozen' -m "$M" -d "$DATA" -o "$T/x.lbw" --trainable 'text.*' --freeze text
cp "$DATA" "$T/x.csv"; cp "$M" "$T/x.lbw"                        # nothing is written over what is read, or twice
wants 2 'the log would be written over .*x.csv' -m "$M" -d "$T/x.csv" -o "$T/x.lbw"; same "$DATA" "$T/x.csv" "a manifest named as the log"
wants 2 'the model would be written over' -m "$M" -d "$T/x.csv" -o "$T/x.csv"
wants 2 'the model and the log would both be' -m "$M" -d "$DATA" -o "$T/y.csv"
wants 2 'the log and its plot would both be' -m "$M" -d "$DATA" -o "$T/y.lbw" --log "$T/y.svg"
wants 2 'the model and the checkpoint would both be' -m "$M" -d "$DATA" -o "$T/y.lbw" --checkpoint "$T/y.lbw"
wants 1 'the adapter would be written over the model' -m "$T/x.lbw" -d "$DATA" -o "$T/x.lbw" --lora 4; same "$M" "$T/x.lbw" "a base named as its adapter"
rm "$T/x.csv" "$T/x.lbw"
no "$T/x"; no "$T/y"

# ---- torch's losses: the same checkpoint, pictures, captions and order, fifty steps ----
follows() { # follows RUN BOUND ARGUMENT...: every loss within BOUND of torch's, relative; rates and scales nearly exact
    name=$1 bound=$2; shift 2
    wants 0 'step 50 of 50' -m "$M" -d "$DATA" -o "$T/$name.lbw" --steps 50 --batch 8 --no-shuffle --warmup 5 --log "$T/$name.csv" "$@"
    tail -n +2 "$T/$name.csv" >"$T/ours"; grep "^$name," tests/golden/train_command.csv | paste -d, - "$T/ours" | awk -F, -v bound="$bound" -v name="$name" '
        function off(a, b) { return a > b ? a / b - 1 : 1 - a / b }
        { if ($2 != $6) steps++; if (off($7, $3) > loss) loss = off($7, $3); if (off($8, $4) > rate) rate = off($8, $4); if (off($9, $5) > scale) scale = off($9, $5) }
        END { printf "  %s: losses within %.1e of torch, learning rates %.0e, logit scales %.0e\n", name, loss, rate, scale; exit !(NR == 50 && !steps && loss < bound && rate < 1e-6 && scale < 1e-4) }' && good || bad "$name: does not follow torch"
}
follows full 1e-3 --lr 1e-4 --clip 1
follows projection 1e-3 --lr 3e-3 --trainable projection --whole
follows lora 1e-3 --lr 1e-3 --lora 4:8
follows mix 5e-4 --lr 1e-4 --clip 1 --mix 0.8
follows lora 2e-2 --lr 1e-3 --lora 4:8 --bf16              # rounded products, where the processor has them
is "$(head -n 1 "$T/full.csv" | cut -d, -f1-4)" "step,loss,lr,logit_scale" "columns of the log"
grep -q '<polyline' "$T/full.svg" && good || bad "no plot beside the log"

# ---- a new model; 40 steps in one run, or killed and resumed at any moment, on one thread or two: the same bytes ----
cat >"$T/small.json" <<'JSON'
{ "embed_dim": 64, "text": { "width": 64, "layers": 2, "heads": 2, "context": 16, "vocab": 600 },
  "modalities": { "image": { "width": 160, "layers": 3, "heads": 4, "size": 64, "patch": 8 } } }
JSON
common="--config $T/small.json -d $DATA --steps 40 --batch 16 --lr 1e-3 --warmup 4 --mask-ratio 0.25 --crop 0.6 --flip --grey 0.3 --ema 0.9 --seed 3"
wants 0 'step 40 of 40' $common -o "$T/one.lbw"
wants 0 'step 40 of 40' $common -o "$T/two.lbw" --threads 2 --cache 0
same "$T/one.lbw" "$T/two.lbw" "one thread and two, with a cache and without"; same "$T/one.csv" "$T/two.csv" "their logs"
lines() { [ -f "$1" ] && wc -l <"$1" || echo 0; }
killed() { # killed NAME LINES SIGNAL ARGUMENT...: starts a run and sends SIGNAL when its log has LINES; $status is its exit status
    name=$1 at=$2 signal=$3; shift 3
    $begin "$L" train $common -o "$T/$name.lbw" --save-every 5 "$@" >"$T/out" 2>"$T/err" </dev/null & pid=$!
    while kill -0 $pid 2>/dev/null && [ "$(lines "$T/$name.csv")" -lt "$at" ]; do sleep 0.01; done
    kill -$signal $pid 2>/dev/null; wait $pid 2>/dev/null; status=$?
}
killed three 22 KILL --threads 2
n=$(lines "$T/three.csv"); if [ "$n" -ge 22 ] && [ "$n" -lt 41 ] && [ $status -gt 128 ]; then good; else bad "killed after line $n, status $status"; fi
[ ! -f "$T/three.lbw" ] && [ -s "$T/three.lbw.ckpt" ] && good || bad "a killed run has a checkpoint and no model"
wants 0 'step 40 of 40' $common -o "$T/three.lbw" --resume
same "$T/one.lbw" "$T/three.lbw" "kill -9 and resume"; same "$T/one.csv" "$T/three.csv" "their logs"; same "$T/one.svg" "$T/three.svg" "their plots"
for at in 1 2 9 15 23 30; do killed four $at KILL --threads 1 --resume; done                 # over and over, also before the first checkpoint
wants 0 'step 40 of 40' $common -o "$T/four.lbw" --resume --threads 2
same "$T/one.lbw" "$T/four.lbw" "killed six times"; same "$T/one.csv" "$T/four.csv" "their logs"
killed half 15 KILL --threads 2 --bf16
wants 0 'step 40 of 40' $common -o "$T/half.lbw" --resume --bf16 --threads 1
wants 0 'step 40 of 40' $common -o "$T/whole.lbw" --bf16
same "$T/half.lbw" "$T/whole.lbw" "in bf16, kill -9 and resume"; same "$T/half.csv" "$T/whole.csv" "their logs"
if grep -q -- '--bf16: the kernel set .* does not multiply bf16; this run is in f32' "$T/out"; then same "$T/one.csv" "$T/whole.csv" "--bf16 without bf16"; elif cmp -s "$T/one.csv" "$T/whole.csv"; then bad "--bf16 changes nothing"; else good; fi
is "$(ls "$T" | grep -c '\.tmp$')" 0 "temporaries of killed runs"
# what is started in the background of a script begins with SIGINT ignored, and stays so; where env can, it begins as in a terminal
killed ten 12 INT --threads 1; is "$status $(grep -c 'step 40 of 40' "$T/out")" "0 1" "SIGINT that the parent ignores"
begin="env --default-signal=INT"; if $begin true 2>/dev/null; then signals="INT TERM"; else skip "SIGINT: this env cannot reset it"; signals=TERM begin=; fi
for signal in $signals; do
    rm -f "$T"/five.*; killed five 12 $signal --threads 1
    is "$status" 0 "SIG$signal: status"; grep -q 'stopped by a signal' "$T/out" && good || bad "SIG$signal: $(cat "$T/out" "$T/err")"
    [ -s "$T/five.lbw" ] && [ -s "$T/five.lbw.ckpt" ] && good || bad "SIG$signal: model and checkpoint are saved"
    wants 0 'step 40 of 40' $common -o "$T/five.lbw" --resume
    same "$T/one.lbw" "$T/five.lbw" "SIG$signal and resume"; same "$T/one.csv" "$T/five.csv" "their logs"
done
begin=
wants 0 'nothing left to train' $common -o "$T/five.lbw" --resume
wants 0 '"step": 40, "steps": 40, "first_loss": null, "loss": null' $common -o "$T/five.lbw" --resume --json
run --config "$T/small.json" -d "$DATA" --steps 1 --batch 16 -o "$T/json.lbw" --json --memory --resume
is "$status $(wc -l <"$T/out") $(grep -c '^{"step": 1, .*}$' "$T/out") $(grep -c '^memory: \|^no checkpoint' "$T/err")" "0 1 1 2" "--json: nothing else on standard output"
# ... but not a run that differs in anything: one sentence says in what
wants 1 'other data: its batch 16, this run.s batch 8' $common --batch 8 -o "$T/five.lbw" --resume
wants 1 'another run: its seed is 3, this run.s is 4' $common --seed 4 -o "$T/five.lbw" --resume
wants 1 'another run: its bf16 is 0, this run.s is 1' $common --bf16 -o "$T/five.lbw" --resume
wants 1 'another run: its lr is 0.001, this run.s is 0.002' $common --lr 2e-3 -o "$T/five.lbw" --resume
wants 1 'its warmup is 4, this run.s is 5' $common --warmup 5 -o "$T/five.lbw" --resume
wants 1 'its mask_ratio is 0.25, this run.s is 0' $common --mask-ratio 0 -o "$T/five.lbw" --resume
wants 1 'its trainable parameters are all, this run.s are those of vision' $common --trainable 'vision.*' -o "$T/five.lbw" --resume
wants 1 'its freeze_text is 0, this run.s is 1' $common --freeze text -o "$T/five.lbw" --resume
wants 1 'other data: its flip 1, this run.s flip 0' $(echo "$common" | sed 's/--flip//') -o "$T/five.lbw" --resume
sed 's/"heads": 4/"heads": 8/' "$T/small.json" >"$T/heads.json"; sed 's/"layers": 3/"layers": 4/' "$T/small.json" >"$T/layers.json"
wants 1 'trains .* tensors, this run\|the weights it started from' $common --config "$T/layers.json" -o "$T/five.lbw" --resume
wants 0 'step 2 of 2' -m "$M" -d "$DATA" --trainable projection --steps 2 --batch 8 --whole -o "$T/over.lbw"
wants 1 'the weights it started from have the hash' -m "$T/over.lbw" -d "$DATA" --trainable projection --steps 2 --batch 8 --whole -o "$T/over.lbw" --resume
sed '9s/.$/x/' "$DATA" | sed "s|^stills|$(pwd)/tests/golden/stills|" >"$T/changed.tsv"; head -n 12 "$DATA" | sed "s|^stills|$(pwd)/tests/golden/stills|" >"$T/fewer.tsv"
proj="-m $M --trainable projection --batch 8 --whole -o $T/over.lbw --resume"
wants 1 'other data: items, captions or their order' $proj --steps 2 -d "$T/changed.tsv"
wants 1 'other data: its items .*, this run.s items 11' $proj --steps 2 -d "$T/fewer.tsv"
wants 1 'its steps is 2, this run.s is 4; with .*--other-steps' $proj -d "$DATA" --steps 4
wants 0 'step 4 of 4' $proj -d "$DATA" --steps 4 --other-steps
frozen="-d $DATA --trainable projection --batch 8 --whole --freeze scale -o $T/frozen.lbw"; wants 0 'step 2 of 2' -m "$M" $frozen --steps 2
"$L" train -m "$M" -d "$DATA" --trainable image.logit_scale --batch 8 --steps 2 --lr 0.1 -o "$T/scale.lbw" >"$T/out" 2>&1 || bad "a scale alone: $(cat "$T/out")"
wants 1 'another run: its scale is' -m "$T/scale.lbw" $frozen --steps 4 --resume --other-steps

# ---- a teacher: pictures without captions, captions without pictures ----
mkdir -p "$T/pictures" "$T/vectors"; cp tests/golden/stills/* "$T/pictures"
sed 's/"vocab": 600/"vocab": "clip"/; s/160/32/' "$T/small.json" >"$T/smaller.json"; sed 's/"embed_dim": 64/"embed_dim": 32/' "$T/smaller.json" >"$T/narrow.json"
taught="--config $T/smaller.json --teacher $T/one.lbw --steps 12 --batch 8 --lr 1e-3"
wants 0 'step 12 of 12' $taught -d "$T/pictures" --text-cache "$T/vectors" --negatives 4 -o "$T/pupil.lbw"
wants 0 'step 12 of 12' $taught -d "$T/pictures" --text-cache "$T/vectors" --negatives 4 -o "$T/pupil2.lbw" --threads 1
same "$T/pupil.lbw" "$T/pupil2.lbw" "taught twice"; is "$(ls "$T/vectors" | wc -l)" 1 "files of vectors"
touch -t 200101010000 "$T"/pictures/*; wants 0 'step 12 of 12' $taught -d "$T/pictures" --text-cache "$T/vectors" -o "$T/pupil3.lbw"; is "$(ls "$T/vectors" | wc -l)" 2 "files of vectors, after the pictures were changed"
wants 0 'step 12 of 12' -m "$T/pupil.lbw" --teacher "$T/one.lbw" --modality text -d "$DATA" --steps 12 --batch 8 --lr 1e-3 -o "$T/scholar.lbw"
wants 1 'another run: its pull is 1, this run.s is 0' $taught --pull 0 --negatives 4 -d "$T/pictures" -o "$T/pupil.lbw" --resume
wants 1 'other data: its teacher' $taught --teacher "$T/half.lbw" --negatives 4 -d "$T/pictures" -o "$T/pupil.lbw" --resume
wants 1 "the teacher's vectors have 64 numbers, the model's 32; embed_dim of its description" $taught --config "$T/narrow.json" -d "$T/pictures" -o "$T/none.lbw"
sed 's/"image"/"photo"/; s/"patch": 8/"patch": 8, "loader": "image"/' "$T/smaller.json" >"$T/photo.json"
wants 1 'the teacher has no modality photo' $taught --config "$T/photo.json" -d "$T/pictures" -o "$T/none.lbw"
wants 1 'learnt from captions, and the data has none' $taught --config "$T/small.json" -d "$T/pictures" -o "$T/none.lbw"
mkdir "$T/empty"; wants 1 'holds no item; a manifest, or a folder of files, was expected' $taught -d "$T/empty" -o "$T/none.lbw"
wants 1 'cannot open' $taught --teacher "$T/no.lbw" -d "$T/pictures" -o "$T/none.lbw"
wants 2 'would be written over .*one.lbw' $taught -d "$T/pictures" -o "$T/one.lbw"
printf 'file\nno-such.png\n' >"$T/bare.tsv"; wants 1 'file and caption among them' --config "$T/smaller.json" -d "$T/bare.tsv" --steps 2 -o "$T/none.lbw"; wants 1 'no-such.png: cannot open' $taught -d "$T/bare.tsv" -o "$T/none.lbw"
[ ! -e "$T/none.lbw" ] && good || bad "something was left of a run that failed"

# ---- faults: a sentence, and nothing is lost ----
cp "$T/five.lbw.ckpt" "$T/keep.ckpt"
head -c 20000 "$T/keep.ckpt" >"$T/five.lbw.ckpt"; wants 1 'five.lbw.ckpt' $common -o "$T/five.lbw" --resume; same "$T/one.lbw" "$T/five.lbw" "a cut checkpoint leaves the model"
cp "$T/keep.ckpt" "$T/five.lbw.ckpt"; printf 'XXXX' | dd of="$T/five.lbw.ckpt" bs=1 seek=400000 conv=notrunc 2>/dev/null
wants 1 'five.lbw.ckpt' $common -o "$T/five.lbw" --resume
# a full disk: the file size limit stands for it, then a real one where this user may mount
full() { # full COMMAND...: fails on its checkpoint with one line, and leaves the old files whole
    "$@" >"$T/out" 2>"$T/err" </dev/null; status=$?
    if [ $status -eq 1 ] && [ "$(wc -l <"$T/err")" = 1 ] && grep -q 'cannot' "$T/err"; then good; else bad "a full disk: status $status, $(cat "$T/err")"; fi
}
rm -f "$T"/six.*; killed six 12 TERM --threads 1; cp "$T/six.lbw.ckpt" "$T/six.keep"; cp "$T/six.lbw" "$T/six.model"
full sh -c "ulimit -f 200; exec \"$L\" train --threads 1 $common -o \"$T/six.lbw\" --resume --save-every 5"
same "$T/six.lbw.ckpt" "$T/six.keep" "a full disk: the checkpoint"; same "$T/six.lbw" "$T/six.model" "a full disk: the model"
grep -q 'resume continues' "$T/err" && good || bad "a full disk: what to do: $(cat "$T/err")"
wants 0 'step 40 of 40' $common -o "$T/six.lbw" --resume
same "$T/one.lbw" "$T/six.lbw" "after the disk was full"; same "$T/one.csv" "$T/six.csv" "its log"
size=$(($(wc -c <"$T/keep.ckpt") / 1024))
if mkdir "$T/disk" && mount -t tmpfs -o size=$((size * 3))k tmpfs "$T/disk" 2>/dev/null; then
    dd if=/dev/zero of="$T/disk/fill" bs=1024 count=$((size * 3 / 2)) 2>/dev/null
    full "$L" train --threads 1 $common -o "$T/disk/m.lbw" --save-every 10
    [ -s "$T/disk/m.lbw.ckpt" ] && good || bad "the first checkpoint had room, the second had not: $(ls -l "$T/disk")"
    is "$(ls "$T/disk" | grep -c '\.tmp$')" 0 "temporaries on the full disk"
    rm "$T/disk/fill"; "$L" train --threads 1 $common -o "$T/disk/m.lbw" --resume >/dev/null 2>"$T/err"; same "$T/one.lbw" "$T/disk/m.lbw" "there was room again"
    umount "$T/disk"
else skip "a full tmpfs: this user may not mount"; fi
wants 1 'cannot write' $common -o "$T/seven.lbw" --log /dev/full; [ -c /dev/full ] && good || bad "/dev/full was replaced"
# the run blows up: step and tensor, and the last good checkpoint stays
run --config "$T/small.json" -d "$DATA" --steps 40 --batch 16 --lr 1000000 --save-every 1 -o "$T/nan.lbw"
if [ $status -eq 1 ] && grep -q 'step [0-9]*: the .* not finite' "$T/err" && [ "$(wc -l <"$T/err")" = 1 ]; then good; else bad "not finite: status $status $(cat "$T/err")"; fi
n=$(sed -n 's/.*step \([0-9]*\): .*/\1/p' "$T/err"); is "$(lines "$T/nan.csv")" "$n" "the log ends before the step that failed"
[ -s "$T/nan.lbw.ckpt" ] && "$L" verify "$T/nan.lbw.ckpt" >/dev/null 2>&1 && good || bad "the last good checkpoint"
[ ! -f "$T/nan.lbw" ] && good || bad "a run that failed wrote a model"
# the data
tsv() { printf 'file\tcaption\n'; cat; }
abs=$(pwd)/tests/golden/stills
{ sed -n 2,9p "$DATA" | cut -f1,3 | sed "s|^stills|$abs|"; } >"$T/rows"
tsv <"$T/rows" >"$T/eight.tsv"
{ cat "$T/rows"; printf 'not-there.png\ta thing that is not there\n'; } | tsv >"$T/missing.tsv"
cp LICENSE "$T/broken.png"; { cat "$T/rows"; printf 'broken.png\ta thing that is broken\n'; } | tsv >"$T/broken.tsv"
sed 's/\t.*/\tthe same words/' "$T/rows" | tsv >"$T/equal.tsv"
small="--config $T/small.json --steps 3 --lr 1e-3"
wants 1 'line 10: .*not-there.png' $small -d "$T/missing.tsv" -o "$T/d.lbw"
wants 1 'line 10: .*broken.png' $small -d "$T/broken.tsv" -o "$T/d.lbw"
for kind in missing broken; do
    run $small -d "$T/$kind.tsv" -o "$T/d-$kind.lbw" --max-bad 1
    if [ $status -eq 0 ] && [ "$(wc -l <"$T/err")" = 1 ] && grep -q "left out: .*$kind.tsv: line 10" "$T/err"; then good; else bad "--max-bad: status $status $(cat "$T/err")"; fi
done
wants 1 'equal.tsv: all 8 items that are trained on have one caption' $small -d "$T/equal.tsv" -o "$T/e.lbw"
wants 1 'have one caption' -m "$M" --lora 2 --steps 2 -d "$T/equal.tsv" -o "$T/e.lbw"
{ printf 'file\tcaption\tgroup\n'; awk '{ print $0 "\tone" }' "$T/rows"; } >"$T/group.tsv"; wants 1 'have one group' $small --positives -d "$T/group.tsv" -o "$T/e.lbw"
# classes of a few words: a batch that happens to hold one of them alone is a step like any other
awk -F '\t' '{ print $1 "\ta " (NR % 2 ? "cat" : "dog") "\t" NR % 2 }' "$T/rows" >"$T/pets"; { printf 'file\tcaption\tgroup\n'; cat "$T/pets"; } >"$T/pets.tsv"
for o in "" --positives "--positives --freeze text --negatives 2"; do wants 0 'step 30 of 30' -m "$M" --steps 30 --batch 2 --lr 1e-4 $o -d "$T/pets.tsv" -o "$T/pets.lbw"; done
# what fails late has saved what was learnt before; what cannot be written, checkpoint or plot, is told at once
{ printf 'file\tcaption\tsplit\n'; awk '{ print $0 "\ttrain" }' "$T/rows"; awk 'NR < 3 { print $0 "\ttest" }' "$T/rows"; printf 'broken.png\ta thing that is broken\ttest\n'; } >"$T/late.tsv"
wants 1 'late.tsv: line 12: .*broken.png.*late.lbw.ckpt holds step 3; --resume continues there' $small -d "$T/late.tsv" --batch 4 --eval --eval-every 100 -o "$T/late.lbw"
sed '$d' "$T/late.tsv" >"$T/late2.tsv"; wants 0 'nothing left to train' $small -d "$T/late2.tsv" --batch 4 -o "$T/late.lbw" --resume
wants 1 'cannot create' $small -d "$T/eight.tsv" -o "$T/far.lbw" --checkpoint "$T/none/far.ckpt"; no "$T/far"
wants 0 'step 3 of 3' $small -d "$T/eight.tsv" -o "$T/quiet.lbw" --log /dev/null; [ -e /dev/null.svg ] && bad "a plot beside /dev/null" || good
mkdir "$T/far.svg"; wants 1 'far.svg: is a folder' $small -d "$T/eight.tsv" -o "$T/far.lbw"; rmdir "$T/far.svg"; no "$T/far"
# a model that is trained in its own place stays whole while its run is not, for --resume begins with it
wants 0 'step 3 of 3' $small -d "$T/eight.tsv" -o "$T/own.lbw" --log "$T/own0.csv" --checkpoint "$T/own0.ckpt"; cp "$T/own.lbw" "$T/own.was"
"$L" train --threads 1 -m "$T/own.lbw" -d "$T/eight.tsv" --steps 100000 --batch 8 -o "$T/own.lbw" >"$T/out" 2>"$T/err" </dev/null & pid=$!
while kill -0 $pid 2>/dev/null && [ "$(lines "$T/own.csv")" -lt 5 ]; do sleep 0.01; done; kill -TERM $pid; wait $pid; is "$? $(grep -c 'stays until then' "$T/out")" "0 1" "stopped in its own place"
same "$T/own.lbw" "$T/own.was" "the model that is replaced when its run is done"
n=$(($(lines "$T/own.csv") + 2)); wants 0 "step $n of $n" -m "$T/own.lbw" -d "$T/eight.tsv" --steps $n --batch 8 -o "$T/own.lbw" --resume --other-steps
cmp -s "$T/own.lbw" "$T/own.was" && bad "a run in its own place replaces nothing in the end" || good
{ printf 'file\tcaption\tsplit\n'; awk '{ print $0 "\t" (NR == 8 ? "test" : "train") }' "$T/rows"; } >"$T/one.tsv"; wants 1 'one item is held out' $small -d "$T/one.tsv" --batch 4 --eval -o "$T/e.lbw"
printf 'file\tcaption\tsplit\na.png\tb\ttest\n' >"$T/test.tsv"; wants 1 'no item of modality image in split train' $small -d "$T/test.tsv" -o "$T/e.lbw"
printf 'name\ttext\na.png\tb\n' >"$T/head.tsv"; wants 1 'head.tsv: line 1 must name' $small -d "$T/head.tsv" -o "$T/e.lbw"
printf '{ "embed_dim": 64 }' >"$T/bad.json"; wants 1 'bad.json: "modalities" is nothing' --config "$T/bad.json" -d "$DATA" -o "$T/e.lbw"
printf '{ "embed_dim": 64, "text": { "width": 64, "layres": 2 }, "modalities": { "image": { "width": 64, "layers": 1, "heads": 2, "size": 32, "patch": 8 } } }' >"$T/bad.json"
wants 1 'text: the key "layres" is not known' --config "$T/bad.json" -d "$DATA" -o "$T/e.lbw"
no "$T/e.lbw"

# ---- low-rank updates: an adapter over its base, with it and merged; not over another base ----
wants 0 'adapter, step 6 of 6' -m "$M" --lora 4:8 --steps 6 --batch 16 --lr 1e-3 --text-cache "$T" -d "$DATA" -o "$T/lora.lbw" --memory
[ "$(wc -c <"$T/lora.lbw")" -lt 200000 ] && good || bad "an adapter of $(wc -c <"$T/lora.lbw") bytes"
is "$(ls "$T" | grep -c '^text-.*\.lbw$')" 1 "vectors of frozen texts are kept"
wants 0 'adapter, step 6 of 6' -m "$M" --lora 4:8 --steps 6 --batch 16 --lr 1e-3 --text-cache "$T" -d "$DATA" -o "$T/lora2.lbw"
same "$T/lora.lbw" "$T/lora2.lbw" "with the texts of the run before"
"$L" embed -m "$M" --adapter "$T/lora.lbw" --image examples/photos/cat.jpg --format txt >"$T/a" 2>"$T/err" || bad "embed --adapter: $(cat "$T/err")"
"$L" embed -m "$M" --image examples/photos/cat.jpg --format txt >"$T/b"; cmp -s "$T/a" "$T/b" && bad "the adapter changes nothing" || good
"$L" index -m "$M" --adapter "$T/lora.lbw" -o "$T/cat.lbi" examples/photos/cat.jpg >"$T/out" 2>"$T/err" && "$L" search -i "$T/cat.lbi" --image examples/photos/cat.jpg >"$T/out" 2>"$T/err" && grep -q '^1.0000' "$T/out" && good || bad "index and search --adapter: $(cat "$T/out" "$T/err")"
"$L" search -i "$T/cat.lbi" -m "$M" --image examples/photos/cat.jpg >"$T/out" 2>"$T/err"; [ $? = 1 ] && grep -q 'another model' "$T/err" && good || bad "an index of an adapter searched without it: $(cat "$T/out" "$T/err")"
"$L" merge "$M" "$T/lora.lbw" -o "$T/merged.lbw" --dtype f32 && "$L" embed -m "$T/merged.lbw" --image examples/photos/cat.jpg --format txt >"$T/b"
paste -d' ' "$T/a" "$T/b" | awk '{ n = NF / 2; for (i = 1; i <= n; i++) { d = $i - $(i + n); if (d < 0) d = -d; if (d > m) m = d } exit !(n == 32 && m < 2e-6) }' && good || bad "adapted and merged differ"
# merged into bytes an update that is less than half a step would be nothing: f16, unless bytes are asked for; a bundle keeps low-rank updates apart and its matrices bytes, but not those that were trained
bytes() { "$L" info --tensors "$1" | grep -c ' i8 *panel'; }
"$L" quantize "$M" --dtype i8 -o "$T/bytes.lbw"; wants 0 'adapter, step 2 of 2' -m "$T/bytes.lbw" --lora 4 --steps 2 --batch 8 -d "$DATA" -o "$T/over.lbw"
"$L" merge "$T/bytes.lbw" "$T/over.lbw" -o "$T/merged8.lbw" 2>"$T/err"; is "$? $(bytes "$T/merged8.lbw") $(cat "$T/err")" "0 0 " "an adapter merged into bytes"
"$L" merge "$T/bytes.lbw" "$T/over.lbw" --dtype i8 -o "$T/merged8.lbw" 2>"$T/err"; is "$? $(grep -c 'rounded away; --dtype f16' "$T/err") $(bytes "$T/merged8.lbw")" "0 1 $(bytes "$T/bytes.lbw")" "and written as bytes again"
"$L" bundle "$T/bytes.lbw" "$T/over.lbw" -o "$T/beside.lbw" 2>"$T/err"; is "$? $(bytes "$T/beside.lbw")" "0 $(bytes "$T/bytes.lbw")" "an adapter beside bytes"
wants 0 'adapter, step 2 of 2' -m "$T/bytes.lbw" --trainable 'vision.blocks.*' --as-adapter --steps 2 --batch 8 -d "$DATA" -o "$T/over.lbw"
"$L" bundle "$T/bytes.lbw" "$T/over.lbw" -o "$T/beside.lbw" 2>"$T/err"; is "$? $(bytes "$T/beside.lbw")" "0 0" "matrices trained over bytes in a bundle"
wants 1 'alpha 8 .*alpha 32' -m "$M" --adapter "$T/lora.lbw" --lora 4:32 -d "$DATA" -o "$T/e.lbw"
wants 1 'another base' -m "$T/full.lbw" --adapter "$T/lora.lbw" -d "$DATA" -o "$T/e.lbw"
# an adapter over a model that has updates itself keeps them, though its file holds none; two adapters do not both bring some
wants 0 'step 4 of 4' -m "$M" --lora 2 --lr 0.05 --steps 4 --batch 8 -d "$DATA" --whole -o "$T/has.lbw"
for o in --whole --as-adapter; do wants 0 'step 3 of 3' -m "$T/has.lbw" --trainable projection --lr 0.01 --steps 3 --batch 8 -d "$DATA" $o -o "$T/has$o.lbw"; done
"$L" embed -m "$T/has--whole.lbw" --image examples/photos/cat.jpg --format txt >"$T/a"; "$L" embed -m "$T/has.lbw" --adapter "$T/has--as-adapter.lbw" --image examples/photos/cat.jpg --format txt >"$T/b"; same "$T/a" "$T/b" "an adapter over a model with updates"
"$L" merge "$M" "$T/lora.lbw" "$T/lora.lbw" -o "$T/both.lbw" >"$T/out" 2>"$T/err"; is "$? $(grep -c 'low-rank updates of another adapter already' "$T/err")" "1 1" "two adapters with updates of one tower"
sed 's/\(.*\)\t\(.*\)\t\(.*\)/\1\t\2\t\3\tsome \3/; 1s/.*/file\tmodality\tcaption\tcaption/' "$DATA" | sed "s|^stills|$abs|" >"$T/twice.tsv"; wants 0 'adapter, step 2 of 2' -m "$M" --modality text --lora 4 --steps 2 --batch 8 -d "$T/twice.tsv" -o "$T/words.lbw"
wants 1 'low-rank updates of an adapter in between' -m "$M" --adapter "$T/words.lbw" --lora 4 --steps 2 --batch 8 -d "$DATA" -o "$T/between.lbw"; [ -e "$T/between.lbw" ] && bad "an adapter that lacks another was written" || good
wants 0 'step 2 of 2' -m "$M" --adapter "$T/words.lbw" --lora 4 --steps 2 --batch 8 -d "$DATA" -o "$T/between2.lbw" --whole
"$L" embed -m "$T/full.lbw" --adapter "$T/lora.lbw" --text x >"$T/out" 2>"$T/err"; is "$? $(grep -c 'another base' "$T/err")" "1 1" "embed with an adapter of another base"
wants 1 'adapter' -m "$T/lora.lbw" -d "$DATA" -o "$T/e.lbw"

# ---- held-out items, VIDAL's JSON and every modality ----
"$L" synth "$T/vidal" -n 48 --size 64 --stills 8 --frames 8 --seconds 1 >/dev/null 2>"$T/err" || bad "synth: $(cat "$T/err")"
wants 0 'held-out loss' --config "$T/small.json" -d "$T/vidal/image.jsonl" --epochs 2 --batch 8 --lr 1e-3 --positives --eval -o "$T/image.lbw"
tail -n 1 "$T/image.csv" | grep -q '^[0-9]*,[^,]*,[^,]*,[^,]*,[^,]*,[0-9.]*,[0-9.e-]*$' && good || bad "what was held out is in the log: $(tail -n 1 "$T/image.csv")"
few="-m $T/image.lbw --steps 3 --batch 4 --lr 1e-3"
wants 0 'adapter, step 3 of 3' $few -d "$T/vidal/vidal.json" --modality depth --from image --lora 2 -o "$T/depth.lbw"
wants 0 'step 3 of 3' $few -d "$T/vidal/vidal.json" --modality thermal --from image --trainable upstream --freeze text --text-type mplug -o "$T/thermal.lbw"
wants 0 'step 3 of 3' $few -d "$T/vidal/vidal.json" --modality video --from image --lora 2 --flip --micro-batch 2 --recompute -o "$T/video.lbw"
wants 0 'step 3 of 3' $few -d "$T/vidal/audio.jsonl" --modality audio --from image --size 64x96 --segments --lora 2 -o "$T/audio.lbw"
# of VIDAL's eight stills there may be fewer, as synth makes them by default; pieces of clips are the same on any number of threads
"$L" synth "$T/stills" -n 16 --size 32 >/dev/null 2>"$T/err" || bad "synth: $(cat "$T/err")"
for m in depth thermal; do wants 0 'adapter, step 3 of 3' $few -d "$T/stills/vidal.json" --modality $m --from image --lora 2 -o "$T/few-$m.lbw"; done
"$L" eval -m "$T/image.lbw" --adapter "$T/few-depth.lbw" -d depth="$T/stills/vidal.json" -r text:depth --rounds 10 >"$T/out" 2>"$T/err" && grep -q '^text -> depth' "$T/out" && good || bad "eval of one still a clip: $(cat "$T/err")"
rm "$T/stills/part000"/*003_depth_f8glpn_folder/0.png; wants 1 '003_depth_f8glpn_folder/0.png: cannot open' $few -d "$T/stills/vidal.json" --modality depth --from image --lora 2 -o "$T/e.lbw"
for t in 1 2; do wants 0 'step 3 of 3' $few -d "$T/vidal/vidal.json" --modality video --from image --lora 2 --crop 1 --flip --threads $t -o "$T/crop$t.lbw"; done
same "$T/crop1.lbw" "$T/crop2.lbw" "pieces of clips on two threads"; cmp -s "$T/crop1.csv" "$T/video.csv" && bad "--crop changes nothing for clips" || good
"$L" info --tensors "$T/video.lbw" >"$T/out"; grep -q 'tower video.*8 frames' "$T/out" && grep -q 'video.blocks.2.temporal.attn.lora.out.b' "$T/out" && good || bad "info of the video model: $(cat "$T/out")"
"$L" embed -m "$T/image.lbw" --adapter "$T/audio.lbw" --audio "$T"/vidal/part000/*000.wav --text 'a bell' >"$T/out" 2>"$T/err" && is "$(wc -l <"$T/out")" 2 "embed with the new modality" || bad "embed: $(cat "$T/err")"
wants 1 'updates of temporal attention already' -m "$T/image.lbw" --adapter "$T/video.lbw" --steps 3 --batch 4 -d "$T/vidal/vidal.json" --modality video --lora 2 --lora-temporal both -o "$T/e.lbw"
wants 1 'size is 4294967312, HEIGHTxWIDTH' $few -d "$T/vidal/vidal.json" --modality depth --from image --size 4294967312 -o "$T/e.lbw"
printf '[\n  { "file": "a.png",\n    "caption": "a" },\n\n  { "file": "b.png" }\n]\n' >"$T/lines.json"; wants 1 'lines.json: line 5: no caption' $few -d "$T/lines.json" -o "$T/e.lbw"
wants 1 'has the modality image already' $few -d "$T/vidal/image.jsonl" --modality image --from image -o "$T/e.lbw"
wants 1 'a"b: "name" is no such name' $few -d "$T/vidal/image.jsonl" --modality 'a"b' --from image -o "$T/e.lbw"
wants 1 'no modality smell to start from' $few -d "$T/vidal/image.jsonl" --modality depth --from smell -o "$T/e.lbw"
awk -v f_dir="$T" 'BEGIN { print "file\tcaption"; for (i = 0; i < 8; i++) { f = "motion" i ".csv"; for (t = 0; t < 32; t++) printf "%f,%f\n", sin(t * i / 5), cos(t / (i + 1)) >(f_dir "/" f); close(f_dir "/" f); print f "\tmovement number " i } }' >"$T/motion.tsv"
printf '{ "name": "motion", "loader": "csv", "channels": 2, "length": 32, "patch": 8, "from": "image" }' >"$T/motion.json"
wants 0 'step 3 of 3' $few -d "$T/motion.tsv" --modality "$T/motion.json" -o "$T/motion.lbw"
cp "$T/motion.json" "$T/motion.was"; for o in -o --log --checkpoint; do wants 2 'would be written over .*motion.json' $few -d "$T/motion.tsv" --modality "$T/motion.json" $([ $o = -o ] || echo -o "$T/e.lbw") $o "$T/motion.json"; done; same "$T/motion.json" "$T/motion.was" "a modality named as what is written"
cat >"$T/sensor.json" <<'JSON'
{ "embed_dim": 32, "text": { "width": 32, "layers": 1, "heads": 2, "context": 16, "vocab": 600 },
  "modalities": { "motion": { "width": 32, "layers": 1, "heads": 2, "loader": "csv", "channels": 2, "length": 48, "patch": 8, "fit": "repeat" },
                  "audio": { "width": 32, "layers": 1, "heads": 2, "channels": 1, "size": [32, 64], "patch": 8 }, "image": { "width": 32, "layers": 1, "heads": 2, "channels": 1, "size": 32, "patch": 8 } } }
JSON
wants 0 'step 3 of 3' --config "$T/sensor.json" --steps 3 --batch 4 -d "$T/motion.tsv" -o "$T/sensor.lbw"
wants 0 'step 3 of 3' -m "$T/sensor.lbw" --modality audio --steps 3 --batch 4 --segments -d "$T/vidal/audio.jsonl" -o "$T/sensor2.lbw"
wants 0 'step 3 of 3' -m "$T/sensor2.lbw" --modality image --steps 3 --batch 4 --crop 0.5 --flip -d "$T/vidal/image.jsonl" -o "$T/sensor3.lbw"
"$L" embed -m "$T/sensor3.lbw" --image examples/photos/cat.jpg --audio "$T"/vidal/part000/*000.wav --input "motion:$T/motion3.csv" >"$T/out" 2>"$T/err" && is "$(wc -l <"$T/out")" 3 "a model of three new modalities, two of one channel" || bad "embed: $(cat "$T/err")"
# without --modality it is that of the items to train on, where all have one that the model reads: by the manifest, by the files' endings, or numbers
many="-m $T/sensor3.lbw --steps 3 --batch 4"; head -n 9 "$T/vidal/image.jsonl" >"$T/vidal/mixed.jsonl"; sed 's/"split":"[a-z]*"/"split":"test"/' "$T/vidal/audio.jsonl" >>"$T/vidal/mixed.jsonl"
for d in "$T/vidal/image.jsonl" "$T/vidal/audio.jsonl" "$T/motion.tsv" "$T/pets.tsv" "$T/vidal/mixed.jsonl"; do
    wants 0 'adapter, step 3 of 3' $many --lora 2 -d "$d" -o "$T/guess.lbw"
    m=$(case $d in *audio*) echo audio ;; *motion*) echo motion ;; *) echo image ;; esac); wants 0 'nothing left to train' $many --lora 2 -d "$d" --modality $m --resume -o "$T/guess.lbw"; rm "$T"/guess.*
done
cat "$T/vidal/image.jsonl" "$T/vidal/audio.jsonl" >"$T/vidal/both.jsonl"; wants 1 'both.jsonl: .* of several modalities (image, audio); --modality says which is trained, and the model reads motion, audio, image$' $many -d "$T/vidal/both.jsonl" -o "$T/e.lbw"
wants 0 'step 3 of 3' $many -d "$T/vidal/both.jsonl" --modality audio -o "$T/guess.lbw"
sed 's/[.][a-z]*\t/.xyz\t/' "$T/eight.tsv" >"$T/dull.tsv"; two="-m $T/image.lbw --adapter $T/audio.lbw --steps 3 --batch 4"; wants 1 'dull.tsv: .* cannot be told from their names; --modality says it, and the model reads image, audio$' $two -d "$T/dull.tsv" -o "$T/e.lbw"
{ cat "$T/eight.tsv"; printf 'a.xyz\tb\n'; } >"$T/odd.tsv"; wants 1 'of several modalities (image, unknown)' $two -d "$T/odd.tsv" -o "$T/e.lbw"
{ printf 'file\tmodality\tcaption\n'; awk '{ print $1 "\tsmell\t" $2 NR }' "$T/rows"; } >"$T/smell.tsv"; wants 1 'are of modality smell; --modality says' $two -d "$T/smell.tsv" -o "$T/e.lbw"
wants 1 'no item in split train' $two -d "$T/test.tsv" -o "$T/e.lbw"
wants 1 'none.tsv: cannot open' $two -d "$T/none.tsv" -o "$T/e.lbw"
printf 'file\tcaption\na.png\tb\nb.xyz\t\n' >"$T/cap.tsv"; wants 1 'cap.tsv: line 3' $two -d "$T/cap.tsv" -o "$T/e.lbw"
wants 1 "VIDAL's clips have .*--modality says which are trained on, and the model reads image, depth$" -m "$T/image.lbw" --adapter "$T/depth.lbw" -d "$T/vidal/vidal.json" -o "$T/e.lbw"
# a vocabulary of bytes alone: the smallest there may be, or captions in which no pair of letters occurs twice
awk '{ print $1 "\t" substr("abcdefgh", NR, 1) }' "$T/rows" | tsv >"$T/letters.tsv"; sed 's/600/514/' "$T/small.json" >"$T/bytes.json"
for config in small bytes; do
    wants 0 'step 2 of 2' --config "$T/$config.json" -d "$T/letters.tsv" --steps 2 --batch 4 -o "$T/letters.lbw"
    wants 0 'adapter, step 2 of 2' -m "$T/letters.lbw" -d "$T/letters.tsv" --steps 2 --batch 4 --lora 2 -o "$T/letters2.lbw"
    "$L" merge "$T/letters.lbw" "$T/letters2.lbw" -o "$T/letters3.lbw" && "$L" embed -m "$T/letters3.lbw" --text "a b" "c" >"$T/out" 2>"$T/err" && is "$(wc -l <"$T/out")" 2 "embed with a vocabulary of bytes" || bad "bytes alone: $(cat "$T/err")"
done
cut -f2 "$T/letters.tsv" >"$T/letters.txt"; "$L" vocab -f "$T/letters.txt" --size 514 -o "$T/letters-v.lbw" >"$T/out" 2>"$T/err" && "$L" tokenize -m "$T/letters-v.lbw" "ab" >"$T/out" 2>"$T/err" && good || bad "vocab --size 514: $(cat "$T/err")"
cat >"$T/open_clip.json" <<'JSON'
{ "model_cfg": { "embed_dim": 32, "vision_cfg": { "image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 8 }, "text_cfg": { "context_length": 16, "vocab_size": 600, "width": 32, "heads": 2, "layers": 1 } } }
JSON
wants 0 'step 2 of 2' --config "$T/open_clip.json" -d tests/golden/train_command.tsv --steps 2 -o "$T/oc.lbw"

echo "test_train_command: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
