#!/bin/sh
# weights_metrics.sh [MODEL]: every figure of weights/README.md, each under the command that prints it.  WORK and REAL as for `make weights`.
set -eu
LB=${LANGUAGEBIND:-build/languagebind}; WORK=${WORK:-build/weights}; REAL=${REAL:-$WORK/real}; M=${1:-weights/languagebind-tiny.lbw}; S=$WORK/synth
P="--attributes $S/attributes.tsv --prompts ${PROMPTS:-examples/demo/prompts.json}"
run() { echo; printf "\$ languagebind eval -m %s" "$M"; for a in "$@"; do case $a in *[\ {]*) printf " '%s'" "$a";; *) printf " %s" "$a";; esac; done; echo; "$LB" eval -m "$M" "$@" || { echo "(not measured)"; failed=1; }; }
# 4,096 different captions of the training split, by which modalities that never met are compared: what sounds say, which videos show too, and depth maps, whose words fit every picture
for m in audio depth; do
    [ -e "$S/$m-captions.txt" ] || { grep '"split":"train"' "$S/$m.jsonl" | sed 's/.*"captions":\["//; s/"\]}$//; s/","/\n/g' | awk '!seen[$0]++' | awk '{ l[NR] = $0 } END { n = NR < 4096 ? NR : 4096; for (i = 0; i < n; i++) print l[int(i * NR / n) + 1] }' > "$S/$m-captions.$$"; mv "$S/$m-captions.$$" "$S/$m-captions.txt"; }
done
failed=0
export OMP_WAIT_POLICY=passive                                           # cores may be shared
run --data "$S/depth.jsonl" $P -c depth:shape depth:colour
run --data "$S/thermal.jsonl" $P -c thermal:temperature thermal:shape
run --data "$S/image.jsonl" $P -c image:shape image:colour image:temperature
run --data "$S/audio.jsonl" $P -c audio:hits
run --data "$S/audio.jsonl" $P --where hits!=0 -c audio:material
run --data "$S/video.jsonl" $P -c video:motion video:shape video:hits
# twice each: by cosine, and by the texts that both resemble.  What nothing hits makes no sound, and no material or size is heard in it
depth="--shared shape size distance relation count --gallery-size 256" all="--shared material size hits --gallery-size 256"; sound="--where hits!=0 $all"
run --data "$S/depth.jsonl" "$S/image.jsonl" $P $depth -r depth:image
run --data "$S/depth.jsonl" "$S/image.jsonl" $P $depth -r depth:image --through "$S/depth-captions.txt"
run --data "$S/thermal.jsonl" "$S/image.jsonl" $P $depth -r thermal:image
run --data "$S/thermal.jsonl" "$S/image.jsonl" $P $depth -r thermal:image --through "$S/depth-captions.txt"
run --data "$S/audio.jsonl" "$S/video.jsonl" $P $sound -r audio:video
run --data "$S/audio.jsonl" "$S/video.jsonl" $P $sound -r audio:video --through "$S/audio-captions.txt"
run --data "$S/audio.jsonl" "$S/video.jsonl" $P $all -r audio:video
run --data "$S/audio.jsonl" "$S/video.jsonl" $P $all -r audio:video --through "$S/audio-captions.txt"
run --data "$S/depth.jsonl" "$S/image.jsonl" $P --split compose -c depth:shape image:shape image:colour
# the test split's pictures in words and phrases that no caption of training has
run --data "$S/image-unseen.jsonl" --captions first -r text:image
[ -e "$REAL/emoji.tsv" ] || exit $failed
run --data "$REAL/emoji.tsv" --captions first -r text:image
run --data "$REAL/emoji-keywords.tsv" -r text:image
run --data "$REAL/furniture-depth.tsv" --captions first -r text:depth
run --data "$REAL/furniture-depth.tsv" --split disjoint --captions first -r text:depth
[ ! -e "$REAL/stamps.tsv" ] || run --data "$REAL/stamps.tsv" --split all --captions first -r text:image
[ ! -e "$REAL/instruments.tsv" ] || run --data "$REAL/instruments.tsv" --split all --captions first -r text:audio
run --data "$REAL/fashion.tsv" --template "a picture of a {}" "{}" -c image
exit $failed
