#!/bin/sh
# demo.sh COMMAND MODEL OUT: what a trained model makes of the held-out samples beside this script: the tables of LanguageBind's README, classes, and
# retrieval between modalities that never met in training.  Writes OUT/demo.html.
set -eu
L=$1 M=$2 OUT=$3 D=$(dirname "$0")
[ -f "$M" ] || { echo "$M is not here (\`make weights\` trains it): the tables of a trained model are left out."; exit 0; }
caption() { sed -n "s/.*\"file\": \"$1\\/$2[^}]*\"captions\": \\[\"\\([^\"]*\\)\".*/\\1/p" "$D/demo.jsonl"; }
files() { for i in 03 10; do ls "$D/$1/$i".*; done; }

echo "Two clips against two texts, row by row softmax(scale * cosine), as LanguageBind's README prints it:"
for m in video image depth audio thermal; do
    echo; "$L" score -m "$M" --$m $(files $m) --text "$(caption $m 03)" "$(caption $m 10)" --upstream-scaling
    echo "    T0 \"$(caption $m 03)\"  T1 \"$(caption $m 10)\""
done
echo; echo "And pairs that no training step has seen together:"
echo; "$L" score -m "$M" --video $(files video) --audio $(files audio) --upstream-scaling
echo; "$L" score -m "$M" --image $(files image) --depth $(files depth) --upstream-scaling
echo; "$L" score -m "$M" --image $(files image) --thermal $(files thermal) --upstream-scaling

some() { for i in 01 02 03 04; do ls "$D/$1/$i".*; done; }
echo; echo "Four sounds and their videos: cosines, then how alike they are by what both resemble among 256 captions of sounds"
echo; "$L" score -m "$M" --audio $(some audio) --video $(some video)
echo; "$L" score -m "$M" --audio $(some audio) --video $(some video) --through "$D/sounds.txt"

echo; echo "Twelve held-out clips in five modalities (95 % intervals in brackets, in %):"
echo; "$L" eval -m "$M" --data "$D/demo.jsonl" --attributes "$D/attributes.tsv" --prompts "$D/prompts.json" --report "$OUT/demo.html" \
    -c image:shape image:colour depth:shape thermal:shape thermal:temperature audio:hits video:motion \
    -r text:image text:video text:audio text:depth text:thermal image:depth image:thermal video:audio depth+thermal:image

echo; echo "Drawings of things that were held out of training, and two photographs:"
echo; "$L" eval -m "$M" --data "$D/real.jsonl" --template "{}" "a drawing of a {}" "a picture showing a {}" -c image -r text:image --captions first
echo; echo "Real things that were held out: depth maps and turntables of furniture, notes and noises by name; and depth with video, never trained together:"
echo; "$L" eval -m "$M" --data "$D/things.jsonl" --captions first -r text:depth text:video text:audio depth:video
echo; echo "$OUT/demo.html: tables, similarities, maps, and what was found for what"
