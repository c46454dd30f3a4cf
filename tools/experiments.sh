#!/bin/sh
# experiments.sh [NAME...]: the paper's experiments in miniature, after `make weights`: `make experiments`.  Each row is one short run of the public
# command from the model before binding (WORK/all.lbw), text frozen, scored on the synthetic corpus's validation split; SEEDS of them each.
# Names: mask sets temperature batch epochs text joint compose; all of them when none is given.
set -eu
LB=${LANGUAGEBIND:-build/languagebind}; WORK=${WORK:-build/weights}; SEEDS=${SEEDS:-1 2 3}; STEPS=${STEPS:-300}; OUT=$WORK/experiments; S=$WORK/synth
MODEL=${MODEL:-weights/languagebind-tiny.lbw}; PROMPTS=${PROMPTS:-examples/demo/prompts.json}; THREADS=${THREADS:-1}
[ -e "$WORK/all.lbw" ] || { echo "experiments.sh: $WORK/all.lbw is not there; make weights first" >&2; exit 1; }
mkdir -p "$OUT"
# row EXPERIMENT SETTING MODALITY CLASS: train with the rest, then print what it came to
row() {
    experiment=$1 setting=$2 m=$3 class=$4; shift 4
    for seed in $SEEDS; do
        o=$OUT/$experiment-$(echo "$setting" | tr -c 'a-zA-Z0-9.\n' '_')-$seed
        [ -e "$o.row" ] || {
            "$LB" train -m "$WORK/all.lbw" --modality "$m" --data "$S/$m.jsonl" -o "$o.lbw" --whole --freeze text --lr 1e-3 --warmup 20 --wd 0.1 --clip 1 --positives --cache 4G --seed "$seed" --threads "$THREADS" --json "$@" > "$o.json"
            rate=$(sed 's/.*"samples_per_second": \([0-9.]*\).*/\1/' "$o.json"); loss=$(sed 's/.*"loss": \([0-9.]*\), "par.*/\1/' "$o.json"); n=$(sed 's/.*"parameters": \([0-9]*\).*/\1/' "$o.json")
            "$LB" eval -m "$o.lbw" --data "$S/$m.jsonl" --split val --attributes "$S/attributes.tsv" --prompts "$PROMPTS" -c "$m:$class" -r "text:$m" --threads "$THREADS" > "$o.txt"
            printf '%s | %s | %s | %s | %s | %s | %s | %s\n' "$experiment" "$setting" "$seed" "$n" "$rate" "$loss" "$(awk -v c="$m:$class" '$1 == c { print $4, $5 }' "$o.txt")" "$(awk -v m="$m" '$1 == m && $3 == "text" { print $6, $7 }' "$o.txt")" > "$o.row.part"
            rm -f "$o.lbw" "$o.lbw.ckpt"; mv "$o.row.part" "$o.row"; }
        cat "$o.row"
    done
}
echo "experiment | setting | seed | trained numbers | samples/s | last loss | zero-shot top-1 % (95 %) | item to text R@1 % (95 %)"
for e in ${*:-mask sets temperature batch epochs text joint compose}; do
    case $e in
        mask)        for r in 0 0.3 0.5 0.7; do row mask $r thermal temperature --trainable upstream -b 64 --steps "$STEPS" --mask-ratio $r; done;;
        sets)        for r in 2 8 16; do row sets "lora $r" thermal temperature --lora $r:16 -b 64 --steps "$STEPS" --mask-ratio 0.5; done
                     for r in upstream projection; do row sets $r thermal temperature --trainable $r -b 64 --steps "$STEPS" --mask-ratio 0.5; done;;
        temperature) row temperature learnable thermal temperature --trainable upstream -b 64 --steps "$STEPS" --mask-ratio 0.5
                     row temperature fixed thermal temperature --trainable upstream --freeze scale -b 64 --steps "$STEPS" --mask-ratio 0.5;;
        batch)       for b in 16 32 64 128; do row batch $b thermal temperature --trainable upstream -b $b --steps $((STEPS * 64 / b)) --mask-ratio 0.5; done;;
        epochs)      for k in 1 2 4; do row epochs "$((STEPS * k / 2)) steps" thermal temperature --trainable upstream -b 64 --steps $((STEPS * k / 2)) --mask-ratio 0.5; done;;
        text)        for t in raw mix; do
                         for seed in $SEEDS; do
                             o=$OUT/text-$t-$seed
                             [ -e "$o.lbw" ] || "$LB" train -m "$WORK/all.lbw" --modality video --data "$S/vidal.json" --text-type $t -o "$o.lbw" --whole --trainable upstream --freeze text -b 16 --steps "$STEPS" --lr 1e-3 --warmup 20 --wd 0.1 --clip 1 --mask-ratio 0.5 --seed "$seed" --threads "$THREADS" > "$o.log"
                             echo "text | $([ $t = raw ] && echo title only || echo several views) | $seed |"; "$LB" eval -m "$o.lbw" --data "$S/video.jsonl" --split val --captions first -r text:video --threads "$THREADS"
                         done
                     done;;
        joint)       echo "joint: two modalities summed against one, test split"
                     "$LB" eval -m "$MODEL" --data "$S/depth.jsonl" "$S/audio.jsonl" "$S/video.jsonl" --gallery-size 256 -r depth:video audio:video depth+audio:video --threads "$THREADS";;
        compose)     echo "compose: pairs of attributes never trained, against the test split"
                     for s in test compose; do "$LB" eval -m "$MODEL" --data "$S/depth.jsonl" "$S/image.jsonl" "$S/thermal.jsonl" --split $s --attributes "$S/attributes.tsv" --prompts "$PROMPTS" -c depth:shape image:colour thermal:temperature --threads "$THREADS"; done;;
        *) echo "experiments.sh: no experiment $e" >&2; exit 2;;
    esac
done
