#!/bin/sh
# test_bind.sh: new modalities from the command: a video and an audio tower and a sensor trained over a small model, their adapters side by side in one
# file, and what score, embed and quantize make of it.  Closes with `test_bind: N passed, N failed, 0 skipped`.
L=${B:-build}/languagebind T=${B:-build}/bind
rm -rf "$T"; mkdir -p "$T" || exit 1
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
is() { if [ "$1" = "$2" ]; then good; else bad "$3: \"$1\", \"$2\" was expected"; fi; }
ok() { if "$L" "$@" >"$T/out" 2>"$T/err" </dev/null; then good; else bad "languagebind $*: $(tail -n 2 "$T/err")"; fi; }
fails() { word=$1; shift; if "$L" "$@" >"$T/out" 2>"$T/err" </dev/null; then bad "languagebind $*: succeeded"; elif grep -qe "$word" "$T/err"; then good; else bad "languagebind $*: $(cat "$T/err")"; fi; }
# learnt LOG: the mean loss of the last four steps is below that of the first
learnt() { if awk -F, 'NR == 2 { a = $2 } NR > 1 { l[NR] = $2 } END { exit !((l[NR] + l[NR-1] + l[NR-2] + l[NR-3]) / 4 < a && NR > 6) }' "$1"; then good; else bad "$1: the loss did not fall: $(cut -d, -f2 "$1" | tr '\n' ' ')"; fi; }
has() { if grep -aqe "$2" "$1"; then good; else bad "$1 has no $2"; fi; }
hasnt() { if grep -aqe "$2" "$1"; then bad "$1 has $2"; else good; fi; }
same() { if cmp -s "$1" "$2"; then good; else bad "$3: $1 and $2 differ"; fi; }

# a corpus of pictures, clips and sounds, recordings of a sensor, and a small model of pictures
ok synth "$T/corpus" -n 48 --size 32 --frames 8 --seconds 0.5 --video avi
mkdir "$T/rec"; printf 'file\tmodality\tcaption\n' >"$T/rec/list.tsv"
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    awk -v c=$((i % 4)) -v s=$i 'BEGIN { for (t = 0; t < 40 + s % 7; t++) { for (a = 0; a < 6; a++) printf "%s%.4f", a ? "," : "", (1 + (a + c) % 3) * sin((c + 1) * t / 5 + s + a); print "" } }' >"$T/rec/$i.csv"
    printf '%s.csv\tmotion\t%s\n' $i "$(echo 'somebody walks,a red bus turns,two dogs jump,rain falls' | cut -d, -f$((i % 4 + 1)))" >>"$T/rec/list.tsv"
done
cat >"$T/base.json" <<'END'
{ "embed_dim": 32, "text": { "width": 32, "layers": 2, "heads": 2, "context": 24, "vocab": 700 }, "modalities": { "image": { "width": 32, "layers": 2, "heads": 2, "size": 32, "patch": 8 } } }
END
ok train --config "$T/base.json" -d "$T/corpus/image.jsonl" -o "$T/base.lbw" --steps 4 -b 8

# a video tower and an audio tower as upstream starts and trains them: from the image tower, low-rank updates, on attention over frames where there is one
ok train -m "$T/base.lbw" --modality video --from image --frames 4 --lora 4 -d "$T/corpus/video.jsonl" -o "$T/video.lbw" --steps 12 -b 8 --lr 3e-3 --freeze text
learnt "$T/video.csv"
has "$T/video.lbw" 'video\.blocks\.1\.temporal\.attn\.lora\.q\.a'; hasnt "$T/video.lbw" 'video\.blocks\.1\.attn\.lora'
ok train -m "$T/base.lbw" --modality audio --from image --size 16x48 --lora 4 -d "$T/corpus/audio.jsonl" -o "$T/audio.lbw" --steps 12 -b 8 --lr 3e-3 --freeze text
learnt "$T/audio.csv"; has "$T/audio.lbw" 'audio\.blocks\.1\.attn\.lora\.q\.a'
# what comes out is an adapter that brings its modality along: over its base, side by side in a bundle, and refused over another base
for m in video audio; do
    has "$T/$m.lbw" 'adapter\.from'; hasnt "$T/$m.lbw" '\.mlp\.'
    f=$(ls "$T"/corpus/*/*.wav "$T"/corpus/*/*/*.wav 2>/dev/null | head -n 1); [ $m = video ] && f=$(ls "$T"/corpus/*/*.avi "$T"/corpus/*/*/*.avi 2>/dev/null | head -n 1)
    ok train -m "$T/base.lbw" --modality $m --from image $([ $m = video ] && echo --frames 4 || echo --size 16x48) --lora 4 -d "$T/corpus/$m.jsonl" -o "$T/$m-whole.lbw" --steps 12 -b 8 --lr 3e-3 --freeze text --whole
    "$L" embed -m "$T/$m-whole.lbw" --$m "$f" --format txt >"$T/$m.a" 2>"$T/err" || bad "embed $m: $(cat "$T/err")"
    "$L" embed -m "$T/base.lbw" --adapter "$T/$m.lbw" --$m "$f" --format txt >"$T/$m.b" 2>"$T/err" || bad "embed $m with its adapter: $(cat "$T/err")"
    same "$T/$m.a" "$T/$m.b" "$m as a whole model and as an adapter that brings it"
    if "$L" embed -m "$T/base.lbw" --adapter "$T/$m.lbw" --image examples/photos/cat.jpg --text rain >/dev/null 2>"$T/err"; then good; else bad "the base's own modalities stay: $(cat "$T/err")"; fi
done
ok bundle "$T/base.lbw" "$T/video.lbw" "$T/audio.lbw" -o "$T/brought.lbw"
for m in video audio; do
    f=$(ls "$T"/corpus/*/*.wav "$T"/corpus/*/*/*.wav 2>/dev/null | head -n 1); [ $m = video ] && f=$(ls "$T"/corpus/*/*.avi "$T"/corpus/*/*/*.avi 2>/dev/null | head -n 1)
    "$L" embed -m "$T/brought.lbw" --$m "$f" --format txt >"$T/$m.c" 2>"$T/err" || bad "embed $m from the bundle: $(cat "$T/err")"; same "$T/$m.a" "$T/$m.c" "$m in the bundle of adapters that bring their modality"
done
# a parity record stays with the modalities whose network stays; of the others it is left out with one line that says so
says() { word=$1; shift; if "$L" "$@" >"$T/out" 2>"$T/err" </dev/null; then is "$(grep -v '^ ' "$T/err")" "$word" "languagebind $1"; else bad "languagebind $*: $(cat "$T/err")"; fi; }
record() { is "$("$L" verify "$1" | sed -n 's/.*: \([0-9]*\) inputs of the parity record.*/\1/p')" "$2" "the parity record of $1"; }
left() { echo "languagebind $1: left out: the parity record of $2, which is of the network before; \`record\` makes one of this"; }
ok record -m "$T/base.lbw" --image examples/photos/cat.jpg examples/photos/coffee.jpg --text rain -o "$T/known.lbw"; record "$T/known.lbw" 3
says '' bundle "$T/known.lbw" "$T/video.lbw" "$T/audio.lbw" -o "$T/known2.lbw"; record "$T/known2.lbw" 3
says '' merge "$T/known.lbw" "$T/video.lbw" -o "$T/known2.lbw" --dtype f16; record "$T/known2.lbw" 3
says '' train -m "$T/known.lbw" --modality image --lora 4 -d "$T/corpus/image.jsonl" -o "$T/a-image.lbw" --steps 2 -b 8 --freeze text
for c in bundle merge; do says "$(left $c image)" $c "$T/known.lbw" "$T/a-image.lbw" -o "$T/known2.lbw"; record "$T/known2.lbw" 1; done
says "$(left train image)" train -m "$T/known.lbw" --modality image -d "$T/corpus/image.jsonl" -o "$T/known2.lbw" --steps 2 -b 8 --freeze text; record "$T/known2.lbw" 1
says "$(left train image,\ text)" train -m "$T/known.lbw" --modality image -d "$T/corpus/image.jsonl" -o "$T/known2.lbw" --steps 2 -b 8; record "$T/known2.lbw" ''
# without low-rank updates: upstream's other runs
ok train -m "$T/base.lbw" --modality video --from image --frames 4 --trainable upstream -d "$T/corpus/video.jsonl" -o "$T/video_ft.lbw" --steps 8 -b 8 --lr 1e-3 --freeze text --whole
learnt "$T/video_ft.csv"; hasnt "$T/video_ft.lbw" '\.lora\.'

# declared in files and put into one model, which adapters then stand on
printf '{ "name": "video", "loader": "video", "frames": 4, "height": 32, "width": 32, "temporal": true }' >"$T/video.json"
printf '{ "name": "audio", "loader": "audio", "height": 16, "length": 48 }' >"$T/audio.json"
printf '{ "name": "motion", "loader": "csv", "channels": 6, "length": 40, "patch": 8, "fit": "repeat", "std": 2 }' >"$T/motion.json"
ok extend -m "$T/base.lbw" --modality "$T/video.json" -o "$T/1.lbw"; ok extend -m "$T/1.lbw" --modality "$T/audio.json" -o "$T/2.lbw"; ok extend -m "$T/2.lbw" --modality "$T/motion.json" -o "$T/all.lbw"
ok train -m "$T/all.lbw" --modality video --lora 4 -d "$T/corpus/video.jsonl" -o "$T/a-video.lbw" --steps 6 -b 8 --lr 3e-3 --freeze text
ok train -m "$T/all.lbw" --modality audio --lora 4 -d "$T/corpus/audio.jsonl" -o "$T/a-audio.lbw" --steps 6 -b 8 --lr 3e-3 --freeze text
ok train -m "$T/all.lbw" --modality motion --trainable 'motion.*' --as-adapter -d "$T/rec/list.tsv" -o "$T/a-motion.lbw" --epochs 10 -b 8 --lr 3e-3 --freeze text --positives
learnt "$T/a-motion.csv"
has "$T/a-video.lbw" 'adapter.base'; hasnt "$T/a-video.lbw" 'mlp'
ok bundle "$T/all.lbw" "$T/a-video.lbw" "$T/a-audio.lbw" "$T/a-motion.lbw" -o "$T/full.lbw"
ok verify "$T/full.lbw"
CLIP=$(ls "$T"/corpus/*/*.avi "$T"/corpus/*/*/*.avi 2>/dev/null | head -n 1) SOUND=$(ls "$T"/corpus/*/*.wav "$T"/corpus/*/*/*.wav 2>/dev/null | head -n 1)
for m in video audio motion; do
    f=$CLIP; [ $m = audio ] && f=$SOUND; [ $m = motion ] && f=$T/rec/3.csv
    "$L" embed -m "$T/full.lbw" --input "$m:$f" --format txt >"$T/a" 2>"$T/err" || bad "embed $m: $(cat "$T/err")"
    "$L" embed -m "$T/all.lbw" --adapter "$T/a-$m.lbw" --input "$m:$f" --format txt >"$T/b" 2>"$T/err" || bad "embed $m with its adapter: $(cat "$T/err")"
    same "$T/a" "$T/b" "$m in the bundle and with its adapter"
    "$L" embed -m "$T/all.lbw" --input "$m:$f" --format txt >"$T/b"; if cmp -s "$T/a" "$T/b"; then bad "$m: training changed nothing"; else good; fi
done
one=$(wc -c <"$T/base.lbw") all=$(wc -c <"$T/full.lbw"); [ "$all" -lt $((3 * one)) ] && good || bad "four modalities: $all bytes, one: $one"

# what upstream does at random, on request: a mirrored clip, segments of a long sound by a seed
LONG=examples/demo/audio/01.wav
"$L" embed -m "$T/full.lbw" --video "$CLIP" --audio "$LONG" --format txt >"$T/a"; "$L" embed -m "$T/full.lbw" --video "$CLIP" --audio "$LONG" --format txt --flip --segments 3 >"$T/b"; "$L" embed -m "$T/full.lbw" --video "$CLIP" --audio "$LONG" --format txt --segments 3 --flip >"$T/c"
same "$T/b" "$T/c" "the same seed"
for line in 1 2; do [ "$(sed -n ${line}p "$T/a")" != "$(sed -n ${line}p "$T/b")" ] && good || bad "--flip or --segments changes nothing (line $line)"; done

# score: all pairs of four modalities in one call, as cosines, as upstream prints them, and modality x modality; in f16 nearly the same
ok score -m "$T/full.lbw" --video "$CLIP" --audio "$SOUND" --input "motion:$T/rec/1.csv" "motion:$T/rec/2.csv" --text 'a dog' 'rain'
is "$(grep -c ' x ' "$T/out")" 6 "tables of four modalities"; grep -q '^video x audio' "$T/out" && good || bad "no table video x audio"
ok score -m "$T/full.lbw" --video "$CLIP" --audio "$SOUND" --text 'a dog' 'rain' --upstream-scaling
is "$(grep -c '^[A-Z][a-z]* x [A-Z][a-z]*:$' "$T/out")" 3 "tables as upstream prints them"
ok score -m "$T/full.lbw" --text 'a dog' 'rain' --audio "$SOUND" --upstream-scaling --json
is "$(sed 's/.*"scores": \[\[\([^]]*\)\].*/\1/' "$T/out" | awk -F, '{ s = $1 + $2; print (s > 0.99999 && s < 1.00001) }')" 1 "a row of probabilities"
ok quantize "$T/full.lbw" -o "$T/half.lbw"
"$L" embed -m "$T/full.lbw" --audio "$SOUND" --format txt >"$T/a"; "$L" embed -m "$T/half.lbw" --audio "$SOUND" --format txt >"$T/b"
is "$(paste -d' ' "$T/a" "$T/b" | awk '{ n = NF / 2; for (i = 1; i <= n; i++) s += $i * $(i + n); print (s > 0.9999) }')" 1 "f16 and f32"
ok merge "$T/full.lbw" -o "$T/merged.lbw"; hasnt "$T/merged.lbw" '\.lora\.'
"$L" embed -m "$T/merged.lbw" --audio "$SOUND" --format txt >"$T/b"
is "$(paste -d' ' "$T/a" "$T/b" | awk '{ n = NF / 2; for (i = 1; i <= n; i++) { d = $i - $(i + n); if (d < 0) d = -d; if (d > w) w = d } print (w < 1e-5) }')" 1 "merged and unmerged"

fails 'motion' train -m "$T/base.lbw" --modality motion -d "$T/rec/list.tsv" -o "$T/none.lbw" --steps 2
fails 'another base' bundle "$T/video_ft.lbw" "$T/a-audio.lbw" -o "$T/none.lbw"
[ -e "$T/none.lbw" ] && bad "a file after a failure" || good
echo "test_bind: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
