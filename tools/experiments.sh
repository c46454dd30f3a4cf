#!/bin/sh
# experiments.sh [NAME...]: the paper's experiments in miniature, after `make weights`: `make experiments`.  Each row is one short run of the public
# command that binds infrared to frozen text, from the model before that (WORK/base.lbw: text and image are trained, thermal is a copy of image),
# scored on the synthetic corpus's validation split; one for each of SEEDS.  Ends with a table of means over the seeds.
# Names: sets mask mix arithmetic temperature batch steps text tie joint compose; all of them when none is given.
set -eu
LB=${LANGUAGEBIND:-build/languagebind}; WORK=${WORK:-build/weights}; SEEDS=${SEEDS:-1 2 3}; STEPS=${STEPS:-200}; OUT=$WORK/experiments; S=$WORK/synth
MODEL=${MODEL:-weights/languagebind-tiny.lbw $(ls "$WORK"/seed[2-9]/model.lbw 2>/dev/null || true)}; PROMPTS=${PROMPTS:-examples/demo/prompts.json}; THREADS=${THREADS:-1}; TIE=${TIE:-build/examples/tie_images}
export OMP_WAIT_POLICY=passive
BASE=$WORK/base.lbw
[ -e "$BASE" ] || { echo "experiments.sh: $BASE is not there; make weights first" >&2; exit 1; }
mkdir -p "$OUT"
A="--attributes $S/attributes.tsv --prompts $PROMPTS"
# score FILE: zero-shot shape and temperature, infrared to text, and the emergent pair infrared to image, of which the corpus holds no training pair
score() {
    "$LB" eval -m "$1.lbw" --data "$S/thermal.jsonl" "$S/image.jsonl" --split val $A -c thermal:shape thermal:temperature -r text:thermal thermal:image --shared shape size distance relation count --gallery-size 256 --threads "$THREADS" > "$1.txt"
    printf '%s | %s | %s | %s\n' "$(awk '$1 == "thermal:shape" { print $4 }' "$1.txt")" "$(awk '$1 == "thermal:temperature" { print $4 }' "$1.txt")" "$(awk '$1 == "thermal" && $3 == "text" { print $6 }' "$1.txt")" "$(awk '$1 == "thermal" && $3 == "image" { print $6 }' "$1.txt")"
}
# row EXPERIMENT SETTING OPTION...: train with these, then print what it came to.  A run that several rows ask for is made once: it has the name of its options.
row() {
    experiment=$1 setting=$2; shift 2
    for seed in $SEEDS; do
        o=$OUT/$(printf '%s ' "${DATA:-}" "$@" | cksum | cut -d ' ' -f 1)-$seed
        [ -e "$o.row" ] || {
            if [ "$*" = images ]; then
                OMP_NUM_THREADS=$THREADS "$TIE" "$BASE" thermal "$S/thermal.jsonl" image "$S/image.jsonl" "$STEPS" "$seed" "$o.lbw" > "$o.json"; rate=- n=-
            else
                "$LB" train -m "$BASE" --modality thermal --data "${DATA:-$S/thermal.jsonl}" -o "$o.lbw" --whole --freeze text --lr 1e-3 --warmup 20 --wd 0.1 --clip 1 --cache 4G --seed "$seed" --threads "$THREADS" --json "$@" > "$o.json"
                rate=$(sed 's/.*"samples_per_second": \([0-9.]*\).*/\1/' "$o.json"); n=$(sed 's/.*"parameters": \([0-9]*\).*/\1/' "$o.json")
            fi
            scores=$(score "$o")                                                         # of its own, so that a failure ends the script; a row is never half a row
            printf '%s | %s | %s\n' "$n" "$rate" "$scores" > "$o.row.part"
            rm -f "$o.lbw" "$o.lbw.ckpt"; mv "$o.row.part" "$o.row"; }
        printf '%s | %s | %s | %s\n' "$experiment" "$setting" "$seed" "$(cat "$o.row")"
    done
}
# over OPTION...: what eval prints for each of MODEL (the file, and those of `make weights-seeds` where they are): R@1 or top-1 in %, the mean, the smallest and the largest
over() {
    for m in $MODEL; do "$LB" eval -m "$m" --data "$@" --threads "$THREADS" || echo failed; done | awk '
        $1 == "failed" { bad = 1 }
        $2 == "->" { row($1 " to " $3, $6) }
        $1 ~ /^[a-z]+:[a-z]+$/ { row($1, $4) }
        function row(k, v) { if (!(k in n)) order[++l] = k; n[k]++; t[k] += v; if (n[k] == 1 || v < lo[k]) lo[k] = v + 0; if (n[k] == 1 || v > hi[k]) hi[k] = v + 0 }
        END { for (i = 1; i <= l; i++) { k = order[i]; printf "%s: %.1f (%.1f-%.1f) over %d models\n", k, t[k] / n[k], lo[k], hi[k], n[k] } exit bad }'
}
run() { for e in "$@"; do
    case $e in
        sets)        for r in 2 8 16; do row sets "LoRA rank $r" --lora $r:16 -b 64 --steps "$STEPS" --mask-ratio 0.5; done
                     row sets "full (upstream's set)" --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row sets projection --trainable projection -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row sets "whole tower" --trainable 'thermal.*' -b 64 --steps "$STEPS" --mask-ratio 0.5;;
        mask)        for r in 0 0.3 0.5 0.7; do row mask $r --trainable upstream -b 64 --steps "$STEPS" --mask-ratio $r; done;;
        mix)         row mix 0 --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     for p in 0.5 1; do row mix $p --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5 --mix $p; done;;
        arithmetic)  row arithmetic f32 --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row arithmetic bf16 --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5 --bf16;;
        temperature) row temperature learnable --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row temperature fixed --trainable upstream --freeze scale -b 64 --steps "$STEPS" --mask-ratio 0.5;;
        batch)       for b in 16 64 128; do row batch "$b, same samples" --trainable upstream -b $b --steps $((STEPS * 64 / b)) --mask-ratio 0.5; done;;
        steps)       for k in 1 2 4; do row steps "$((STEPS * k / 2))" --trainable upstream -b 64 --steps $((STEPS * k / 2)) --mask-ratio 0.5; done;;
        text)        [ -e "$OUT/vidal/vidal.json" ] || "$LB" synth "$OUT/vidal" -n 3000 --size 64 --frames 8 --stills 8 --seed 2 >&2        # VIDAL's layout: eight stills a clip
                     DATA=$OUT/vidal/vidal.json
                     row text "title only" --text-type raw --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row text "several views" --text-type mix --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5; DATA=;;
        tie)         row tie language --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row tie images images;;
        joint)       echo "joint: two modalities summed against one, test split"
                     over "$S/depth.jsonl" "$S/audio.jsonl" "$S/video.jsonl" --gallery-size 256 -r depth:video audio:video depth+audio:video;;
        compose)     echo "compose: pairs of attributes never trained, against the test split"
                     for s in test compose; do echo "split $s"; over "$S/depth.jsonl" "$S/image.jsonl" "$S/thermal.jsonl" --split $s $A -c depth:shape image:shape image:colour thermal:temperature; done;;
        *) echo "experiments.sh: no experiment $e" >&2; exit 2;;
    esac
done; }
echo "experiment | setting | seed | trained numbers | samples/s | shape top-1 % | temperature top-1 % | infrared to text R@1 % | infrared to image R@1 %"
rm -f "$OUT/whole"
{ run ${*:-sets mask mix arithmetic temperature batch steps text tie joint compose}; : > "$OUT/whole"; } | tee "$OUT/all.txt"           # a pipeline's status is tee's
[ -e "$OUT/whole" ] || { echo "experiments.sh: ended early; again, it goes on with the row that failed" >&2; exit 1; }
echo; echo "means over seeds $SEEDS, and the smallest and the largest:"
awk -F ' \\| ' 'NF == 9 { k = $1 " | " $2; if (!(k in n)) order[++m] = k; n[k]++; p[k] = $4; r[k] += $5; for (i = 6; i < 10; i++) { s[k, i] += $i; if (n[k] == 1 || $i < lo[k, i]) lo[k, i] = $i; if (n[k] == 1 || $i > hi[k, i]) hi[k, i] = $i } }
    END { for (j = 1; j <= m; j++) { k = order[j]; printf "| %s | %s | %s |", k, p[k], p[k] == "-" ? "-" : sprintf("%.0f", r[k] / n[k]); for (i = 6; i < 10; i++) printf " %.1f (%.1f-%.1f) |", s[k, i] / n[k], lo[k, i], hi[k, i]; print "" } }' "$OUT/all.txt"
