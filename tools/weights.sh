#!/bin/sh
# weights.sh: trains weights/languagebind-tiny.lbw from nothing: `make weights`.  Every stage is a line of the public command; one that is done is
# not done again, and one that was interrupted goes on where it was.  WORK (build/weights) holds what it makes, REAL the manifests of
# tools/data/fetch.sh; where packages cannot be had, the model is trained on synthetic data alone and says so.
set -eu
trap 'exit 130' INT TERM                    # train itself saves and ends well when it is stopped: that is not done
LB=${LANGUAGEBIND:-build/languagebind}; WORK=${WORK:-build/weights}; REAL=${REAL:-$WORK/real}; OUT=${OUT:-weights/languagebind-tiny.lbw}; SEED=${SEED:-1}; SCALE=${SCALE:-100}
here=$(cd "$(dirname "$0")" && pwd)
export OMP_WAIT_POLICY=passive
mkdir -p "$WORK"; WORK=$(cd "$WORK" && pwd)
cat <<END
make weights: the plan (minutes on two free cores; SCALE=$SCALE % of the steps)
  data    6  synth: 16,000 clips; real: emoji, clip art, furniture, sounds, Fashion-MNIST as Debian packages
  image  12  text and image from scratch, together
  depth   6  text frozen from here on; the whole tower, starting from image          | side by side,
  audio   9  text frozen; the whole tower, starting from image, patches over log-mel | one core each
  thermal 5  upstream's trainable set: attention, class, last norm, projection       |
  video   9  upstream's trainable set: attention over time, class, norm, projection  |
  again   8  audio and depth once more, without masking                              |
  model   1  adapters into one f16 file, a parity record, verify
END
steps() { echo $(($1 * SCALE / 100 > 0 ? $1 * SCALE / 100 : 1)); }
stage() { echo "== $1 ($(date +%H:%M:%S))"; }
# manifest OUT MODALITY FILE[*TIMES]...: the training parts of several manifests as one .jsonl, as items of one modality
manifest() {
    out=$1 modality=$2; shift 2
    for f in "$@"; do
        times=1; case $f in *\**) times=${f##*\*}; f=${f%\**};; esac
        [ -e "$f" ] || continue
        dir=$(cd "$(dirname "$f")" && pwd)
        case $f in
            *.jsonl) grep '"split":"train"' "$f" | sed "s#{\"file\":\"#{\"file\":\"$dir/#; s#\"modality\":\"[a-z]*\"#\"modality\":\"$modality\"#";;
            *) awk -F '\t' -v dir="$dir" -v modality="$modality" '
                function q(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
                NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; next }
                { c = ""; g = ""; split_ = "train"
                  for (i = 1; i <= NF; i++) if (name[i] == "file") file = $i; else if (name[i] == "caption") { if ($i != "") c = c (c == "" ? "" : ",") q($i) } else if (name[i] == "group") g = $i; else if (name[i] == "split") split_ = $i
                  if (split_ == "train" && c != "") print "{\"file\":" q(dir "/" file) ",\"modality\":" q(modality) (g == "" ? "" : ",\"group\":" q(g)) ",\"split\":\"train\",\"captions\":[" c "]}" }' "$f";;
        esac | awk -v n="$times" '{ if (n >= 1) { for (i = 0; i < n; i++) print } else if (NR % int(1 / n + 0.5) == 0) print }'
    done > "$out.part"; mv "$out.part" "$out"
}

if [ ! -e "$WORK/data.done" ]; then
    stage data
    [ -e "$WORK/synth/attributes.tsv" ] || "$LB" synth "$WORK/synth" -n 16000 --size 64 --frames 8 --stills 2 --seed 2
    if [ ! -e "$REAL/emoji.tsv" ] && ! LANGUAGEBIND=$(cd "$(dirname "$LB")" && pwd)/languagebind sh "$here/data/fetch.sh" "$REAL" emoji clipart furniture sounds fashion; then
        echo "NOTICE: the real data cannot be had here; this model is trained on synthetic data alone and will not know real drawings, furniture or instruments"
    fi
    manifest "$WORK/image.jsonl" image "$WORK/synth/image.jsonl" "$WORK/synth/thermal.jsonl*0.25" "$REAL/emoji.tsv*5" "$REAL/clipart.tsv*2" "$REAL/furniture-image.tsv" "$REAL/fashion.tsv*0.25"
    manifest "$WORK/depth.jsonl" depth "$WORK/synth/depth.jsonl" "$REAL/furniture-depth.tsv*3"
    manifest "$WORK/thermal.jsonl" thermal "$WORK/synth/thermal.jsonl"
    manifest "$WORK/audio.jsonl" audio "$WORK/synth/audio.jsonl" "$REAL/sounds.tsv"
    manifest "$WORK/video.jsonl" video "$WORK/synth/video.jsonl" "$REAL/furniture-video.tsv"
    # the vocabulary: every real caption, and as many synthetic ones
    { cut -f 3- "$REAL"/emoji.tsv "$REAL"/clipart.tsv "$REAL"/furniture-image.tsv "$REAL"/sounds.tsv 2>/dev/null | tr '\t' '\n' | awk 'NF' || true
      cat "$WORK"/synth/image.jsonl "$WORK"/synth/audio.jsonl "$WORK"/synth/video.jsonl "$WORK"/synth/thermal.jsonl "$WORK"/synth/depth.jsonl | grep '"split":"train"' | awk 'NR % 10 == 0' | sed 's/.*"captions":\["//; s/"\]}$//; s/","/\n/g'; } > "$WORK/captions.txt"
    "$LB" vocab -f "$WORK/captions.txt" -n 2048 -o "$WORK/vocab.lbw"
    cat > "$WORK/config.json" <<'END'
{ "embed_dim": 128,
  "text": { "width": 128, "layers": 3, "heads": 4, "context": 32, "vocab": "vocab.lbw" },
  "modalities": { "image": { "width": 128, "layers": 4, "heads": 4, "size": 64, "patch": 8, "mean": 0.5, "std": 0.25 } } }
END
    echo '{ "name": "depth", "loader": "depth", "height": 64, "length": 64, "mean": 0.3, "std": 0.15, "max_depth": 10 }' > "$WORK/depth.json"
    echo '{ "name": "thermal", "loader": "thermal", "height": 64, "length": 64, "mean": 0.5, "std": 0.25 }' > "$WORK/thermal.json"
    echo '{ "name": "video", "loader": "video", "height": 64, "length": 64, "frames": 8, "temporal": true, "mean": 0.5, "std": 0.25 }' > "$WORK/video.json"
    echo '{ "name": "audio", "loader": "audio", "height": 64, "length": 152, "patch": 8, "mean": -8, "std": 2 }' > "$WORK/audio.json"
    touch "$WORK/data.done"
fi
common="--wd 0.1 --clip 1 --seed $SEED --positives --cache 6G --resume"
if [ ! -e "$WORK/base.lbw" ]; then
    stage image
    "$LB" train --config "$WORK/config.json" --data "$WORK/image.jsonl" -o "$WORK/base.part.lbw" --dtype f16 --steps $(steps ${IMAGE:-3000}) -b 64 --lr 1e-3 --warmup $(steps 200) --mask-ratio 0.5 --crop 0.6 $common
    mv "$WORK/base.part.lbw" "$WORK/base.lbw"
fi
if [ ! -e "$WORK/all.lbw" ]; then
    cp "$WORK/base.lbw" "$WORK/x0.lbw"; i=0
    for m in depth thermal video audio; do "$LB" extend -m "$WORK/x$i.lbw" --modality "$WORK/$m.json" --seed $SEED -o "$WORK/x$((i + 1)).lbw"; i=$((i + 1)); done
    mv "$WORK/x4.lbw" "$WORK/all.lbw"; rm -f "$WORK"/x?.lbw
fi
bind() {                    # NAME, then options of train; the second time, from the model of the first
    name=$1 file=$1$again; shift
    [ -e "$WORK/$file.done.lbw" ] && return 0
    stage "$file"
    "$LB" train -m "$from" --modality "$name" --data "$WORK/$name.jsonl" -o "$WORK/$file.lbw" --as-adapter --freeze text --threads 1 $common "$@" || return 1
    mv "$WORK/$file.lbw" "$WORK/$file.done.lbw"
}
again= from=$WORK/all.lbw
{ bind audio --trainable 'audio.*' -b 32 --steps $(steps ${AUDIO:-1600}) --lr 1e-3 --warmup $(steps 100) --mask-ratio 0.1 --segments &&
  bind thermal --trainable upstream -b 64 --steps $(steps ${THERMAL:-500}) --lr 1e-3 --warmup $(steps 100) --mask-ratio 0.3 --crop 0.7; } & one=$!
bind video --trainable upstream -b 32 --steps $(steps ${VIDEO:-700}) --lr 1e-3 --warmup $(steps 60) --mask-ratio 0.5
bind depth --trainable 'depth.*' -b 64 --steps $(steps ${DEPTH:-1000}) --lr 1e-3 --warmup $(steps 100) --mask-ratio 0.25 --crop 0.7
wait $one
[ -e "$WORK/model.lbw" ] || "$LB" merge "$WORK/all.lbw" "$WORK/depth.done.lbw" "$WORK/thermal.done.lbw" "$WORK/audio.done.lbw" "$WORK/video.done.lbw" --dtype f16 -o "$WORK/model.lbw"
# once more where a whole tower was still learning, now with every patch in sight
again=2 from=$WORK/model.lbw; common="--wd 0.1 --clip 1 --seed $((SEED + 1)) --positives --cache 6G --resume"
bind audio --trainable 'audio.*' -b 32 --steps $(steps ${AUDIO2:-1100}) --lr 1e-3 --warmup $(steps 50) --mask-ratio 0 --segments & one=$!
bind depth --trainable 'depth.*' -b 64 --steps $(steps ${DEPTH2:-1400}) --lr 1e-3 --warmup $(steps 50) --mask-ratio 0 --crop 0.7
wait $one
stage model
"$LB" merge "$WORK/model.lbw" "$WORK/depth2.done.lbw" "$WORK/audio2.done.lbw" --dtype f16 -o "$WORK/whole.lbw"
LB_CPU=scalar "$LB" record -m "$WORK/whole.lbw" --image "$WORK/synth/part000/syn2-000001.jpg" --depth "$WORK/synth/part000/syn2-000001_depth_f8glpn_folder/0.png" --thermal "$WORK/synth/part000/syn2-000001_thermal_folder/0.jpg" \
    --audio "$WORK/synth/part000/syn2-000001.wav" --video "$WORK/synth/part000_resize256_skip15/syn2-000001.mp4" --text "a red cube left of a post" -o "$OUT"
"$LB" verify "$OUT"
ls -l "$OUT"
