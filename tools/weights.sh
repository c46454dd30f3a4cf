#!/bin/sh
# weights.sh: trains weights/languagebind-tiny.lbw from nothing: `make weights`.  Every stage is a line of the public command; one that is done is
# not done again, and one that was interrupted goes on where it was.  WORK (build/weights) holds what it makes, REAL the manifests of
# tools/data/fetch.sh; where packages cannot be had, the model is trained on synthetic data alone and says so.
set -eu
fetch=
trap '[ -z "$fetch" ] || kill $fetch 2>/dev/null; exit 130' INT TERM      # a shell in the background does not hear Ctrl-C
LB=${LANGUAGEBIND:-build/languagebind}; WORK=${WORK:-build/weights}; REAL=${REAL:-$WORK/real}; OUT=${OUT:-weights/languagebind-tiny.lbw}; SEED=${SEED:-1}; SCALE=${SCALE:-100}
here=$(cd "$(dirname "$0")" && pwd)
# gcc's OpenMP: a thread waits for the other awake, but not for long; where cores are shared, OMP_WAIT_POLICY=passive make weights
[ -n "${OMP_WAIT_POLICY:-}" ] || export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-20000}"
mkdir -p "$WORK"; WORK=$(cd "$WORK" && pwd)
cat <<END
make weights: the plan (minutes on two free cores; SCALE=$SCALE % of the steps)
  data    7  synth: 28,000 clips; real: emoji, clip art, furniture, sounds, Fashion-MNIST, WordNet as Debian packages
  text    9  from scratch, against text: captions of one clip or picture, names and kinds of one thing are pairs; frozen from here on
  depth  18  the whole tower, from scratch                                              | side by side,
  depth2  8  and again, no patches dropped                                              | one core
  audio  24  the whole tower, from scratch: patches over log-mel                        | each
  image  13  the whole tower, starting from depth, which knows shapes and no colours
  image2  9  and again, no patches dropped; from here on text, audio and image are as they ship, in f16
  depth3  9  anew, from image: upstream's trainable set (attention, class, last norm, projection) | side by side,
  thermal 9  the same                                                                             | one core each
  video  29  the whole tower, from image, with attention in space and time
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
    # the real data beside the synthetic clips; instruments.tsv is the last that it makes
    [ -e "$REAL/instruments.tsv" ] || { LANGUAGEBIND=$(cd "$(dirname "$LB")" && pwd)/$(basename "$LB") sh "$here/data/fetch.sh" "$REAL" & fetch=$!; }
    [ -e "$WORK/synth/attributes.tsv" ] || "$LB" synth "$WORK/synth" -n 16000 --size 64 --frames 8 --stills 2 --seed 2
    [ -e "$WORK/synth3/attributes.tsv" ] || "$LB" synth "$WORK/synth3" -n 12000 --size 64 --frames 8 --stills 1 --seed 3 --seconds 0.5
    [ -z "$fetch" ] || wait $fetch || echo "NOTICE: not all of the real data can be had here"
    fetch= missing=
    for f in wordnet emoji emoji-more clipart clipart-more furniture-image furniture-depth furniture-video sounds fashion; do [ -e "$REAL/$f.tsv" ] || missing="$missing $f"; done
    [ -z "$missing" ] || echo "NOTICE: this model is trained on synthetic data and on what is there, without:$missing"
    # what another view says of a clip is true of its picture and of its video, too, and by the same words other modalities will look for them:
    # MANIFEST with the first N captions of the clips in OTHER
    views() {
        awk -v n="$3" '{ g = $0; sub(/.*"group":"/, "", g); sub(/".*/, "", g); c = $0; sub(/.*"captions":\[/, "", c); sub(/\]}$/, "", c) }
            NR == FNR { if (!(g in more)) { k = split(c, w, "\",\""); more[g] = ""; for (i = 1; i <= k && i <= n; i++) more[g] = more[g] (i > 1 ? "\",\"" : ",") w[i]; if (k > n) more[g] = more[g] "\"" } next }
            { sub(/\]}$/, more[g] "]}"); print }' "$2" "$1"
    }
    for s in "$WORK/synth" "$WORK/synth3"; do
        views "$s/image.jsonl" "$s/depth.jsonl" 4 > "$s/image-depth.jsonl"; views "$s/image-depth.jsonl" "$s/thermal.jsonl" 2 > "$s/image-views.jsonl"; rm "$s/image-depth.jsonl"
        views "$s/video.jsonl" "$s/audio.jsonl" 3 > "$s/video-views.jsonl"
    done
    manifest "$WORK/image.jsonl" image "$WORK/synth/image-views.jsonl" "$WORK/synth3/image-views.jsonl" "$REAL/emoji.tsv*2" "$REAL/emoji-more.tsv" "$REAL/clipart.tsv*2" "$REAL/clipart-more.tsv*0.33" "$REAL/furniture-image.tsv*0.5" "$REAL/fashion.tsv*0.1"
    manifest "$WORK/depth.jsonl" depth "$WORK/synth/depth.jsonl" "$REAL/furniture-depth.tsv*3"
    manifest "$WORK/thermal.jsonl" thermal "$WORK/synth/thermal.jsonl"
    manifest "$WORK/audio.jsonl" audio "$WORK/synth/audio.jsonl" "$REAL/sounds.tsv*2"
    manifest "$WORK/video.jsonl" video "$WORK/synth/video-views.jsonl" "$WORK/synth3/video-views.jsonl" "$REAL/furniture-video.tsv"
    # pairs of texts are two captions of one clip: as one modality shows it, so that every word counts; as two show it that share little, so that what both know
    # lies apart from what one alone knows; of the video and its title and hashtags, which do not count ("#cube" is in "a cube" and in "two cubes")
    trained() { for m in "$@"; do grep '"split":"train"' "$WORK/synth/$m.jsonl"; done; }
    tags() { sed -n 's/^"\([^"]*\)":{.*"title":"\([^"]*\)","hashtags":"\([^"]*\)".*"split":"train".*/{"group":"\1","captions":["\2","\3"]}/p' "$WORK/synth/vidal.json"; }
    texts() {
        sed 's/.*"group":"\([^"]*\)".*"captions":\[\(.*\)\]}$/\1\t\2/' | awk -F '\t' '{ if (!($1 in c)) { order[++n] = $1; c[$1] = $2 } else c[$1] = c[$1] "," $2 }
            END { for (i = 1; i <= n; i++) print "{\"file\":\"" order[i] "\",\"modality\":\"text\",\"group\":\"" order[i] "\",\"split\":\"train\",\"captions\":[" c[order[i]] "]}" }'
    }
    part() { awk -v n="$1" -v first="$2" 'NR % n == first'; }
    { trained image depth | texts | part 2 0; trained image thermal | texts | part 2 1; trained audio video | texts; { tags; trained video; } | texts; trained video | texts
      trained image depth thermal audio video | texts | part 2 0; for m in image depth thermal audio; do trained $m | texts | part 4 1; done; } > "$WORK/text-synth.jsonl"
    # what a real caption lists ("cat: animal, pet") are texts of the thing, too: a keyword that many share draws them together
    parts() {
        awk '{ i = index($0, "\"captions\":[\""); head = substr($0, 1, i + 12); n = split(substr($0, i + 13, length($0) - i - 15), c, "\",\""); split("", seen); out = ""; m = 0
               for (k = 1; k <= n; k++) if (!(c[k] in seen)) { seen[c[k]]; out = out (m++ ? "\",\"" : "") c[k] }
               for (k = 1; k <= n; k++) { l = split(c[k], w, /[:,] /); for (j = 1; l > 1 && j <= l; j++) if (!(w[j] in seen) && split(w[j], x, " ") <= 3) { seen[w[j]]; out = out (m++ ? "\",\"" : "") w[j] } }
               if (m > 1) print head out "\"]}" }'
    }
    manifest "$WORK/text-real.jsonl" text "$REAL/emoji.tsv*3" "$REAL/clipart.tsv*2" "$REAL/furniture-image.tsv*0.33" "$REAL/furniture-depth.tsv*0.17" "$REAL/furniture-video.tsv" "$REAL/sounds.tsv" "$REAL/fashion.tsv*0.1" "$REAL/wordnet.tsv"
    parts < "$WORK/text-real.jsonl" | cat "$WORK/text-synth.jsonl" - > "$WORK/text.jsonl"
    # the vocabulary: every real caption and half of WordNet's, and as many synthetic ones
    { cut -f 3- "$REAL"/emoji.tsv "$REAL"/clipart.tsv "$REAL"/furniture-image.tsv "$REAL"/sounds.tsv 2>/dev/null | tr '\t' '\n' | awk 'NF' || true
      cut -f 3-8 "$REAL/wordnet.tsv" 2>/dev/null | tr '\t' '\n' | awk 'NF && NR % 2' || true
      cat "$WORK"/synth/image.jsonl "$WORK"/synth/audio.jsonl "$WORK"/synth/video.jsonl "$WORK"/synth/thermal.jsonl "$WORK"/synth/depth.jsonl | grep '"split":"train"' | awk 'NR % 10 == 0' | sed 's/.*"captions":\["//; s/"\]}$//; s/","/\n/g'; } > "$WORK/captions.txt"
    "$LB" vocab -f "$WORK/captions.txt" -n 3072 -o "$WORK/vocab.lbw"
    cat > "$WORK/config.json" <<'END'
{ "embed_dim": 128,
  "text": { "width": 128, "layers": 3, "heads": 4, "context": 32, "vocab": "vocab.lbw" },
  "modalities": { "depth": { "width": 128, "layers": 4, "heads": 4, "size": 64, "patch": 8, "mean": 0.3, "std": 0.15, "max_depth": 10 } } }
END
    echo '{ "name": "image", "tower": "vision", "from": "depth", "loader": "image", "height": 64, "length": 64, "resize": "pil-bicubic", "mean": 0.5, "std": 0.25 }' > "$WORK/image.json"
    echo '{ "name": "depth", "loader": "depth", "height": 64, "length": 64, "mean": 0.3, "std": 0.15, "max_depth": 10 }' > "$WORK/depth.json"
    echo '{ "name": "thermal", "loader": "thermal", "height": 64, "length": 64, "mean": 0.5, "std": 0.25 }' > "$WORK/thermal.json"
    echo '{ "name": "video", "loader": "video", "height": 64, "length": 64, "frames": 8, "tube": 4, "temporal": true, "mean": 0.5, "std": 0.25 }' > "$WORK/video.json"
    echo '{ "name": "audio", "loader": "audio", "height": 64, "length": 152, "patch": 8, "mean": -8, "std": 2 }' > "$WORK/audio.json"
    touch "$WORK/data.done"
fi
# train saves and ends well when it is stopped: that is not done
whole() { [ "$(tail -n 1 "$WORK/$1.csv" | cut -d , -f 1)" = "$2" ] || { echo "make weights: $1 was stopped at step $(tail -n 1 "$WORK/$1.csv" | cut -d , -f 1) of $2; \`make weights\` goes on from there" >&2; exit 1; }; }
common="--wd 0.1 --clip 1 --seed $SEED --positives --cache 6G --resume --lr 1e-3${BF16:+ --bf16}"      # BF16=1: faster, and other bytes
more="--negatives 1024"
if [ ! -e "$WORK/text.lbw" ]; then
    stage text
    "$LB" train --config "$WORK/config.json" --modality text --data "$WORK/text.jsonl" -o "$WORK/text.part.lbw" --steps $(steps ${TEXT:-4400}) -b 256 --warmup $(steps 100) $common
    whole text.part $(steps ${TEXT:-4400})
    mv "$WORK/text.part.lbw" "$WORK/text.lbw"
fi
if [ ! -e "$WORK/start.lbw" ]; then "$LB" extend -m "$WORK/text.lbw" --modality "$WORK/audio.json" --seed $SEED -o "$WORK/start.lbw"; fi
# modality, name of the stage (and of its data, where it has its own), the model it starts from, threads, steps, then options of train
bind() {
    name=$1 file=$2 from=$3 threads=$4 n=$5 data=$WORK/$2.jsonl; shift 5
    [ -e "$data" ] || data=$WORK/$name.jsonl
    [ -e "$WORK/$file.done.lbw" ] && return 0
    stage "$file"
    "$LB" train -m "$from" --modality "$name" --data "$data" -o "$WORK/$file.lbw" --as-adapter --freeze text --threads $threads --steps $n $common "$@" || return 1
    whole $file $n
    mv "$WORK/$file.lbw" "$WORK/$file.done.lbw"
}
# MODEL FROM ADAPTER...: adapters merged into one;  MODEL FROM MODALITY...: modalities that start from its image tower
join() { to=$1; shift; [ -e "$to" ] || "$LB" merge "$@" -o "$to"; }
grow() {
    to=$1 from=$2; shift 2
    [ -e "$to" ] && return 0
    for m in "$@"; do "$LB" extend -m "$from" --modality "$WORK/$m.json" --seed $SEED -o "$to.$m"; from=$to.$m; done
    mv "$from" "$to"; rm -f "$to".*
}
bind audio audio "$WORK/start.lbw" 1 $(steps ${AUDIO:-5000}) --trainable 'audio.*' -b 32 --warmup $(steps 200) --mask-ratio 0.1 --segments & one=$!
bind depth depth "$WORK/start.lbw" 1 $(steps ${DEPTH:-5500}) --trainable 'depth.*' -b 64 --warmup $(steps 200) --mask-ratio 0.25 --crop 0.7
join "$WORK/base-depth.lbw" "$WORK/start.lbw" "$WORK/depth.done.lbw"
bind depth depth2 "$WORK/base-depth.lbw" 1 $(steps ${DEPTH2:-2200}) --trainable 'depth.*' -b 64 --warmup $(steps 50) $more
join "$WORK/base-depth2.lbw" "$WORK/base-depth.lbw" "$WORK/depth2.done.lbw"
grow "$WORK/base-image.lbw" "$WORK/base-depth2.lbw" image
wait $one
bind image image "$WORK/base-image.lbw" 2 $(steps ${IMAGE:-4500}) --trainable 'vision.*,image.logit_scale' -b 128 --warmup $(steps 200) --mask-ratio 0.25 --crop 0.7 $more
join "$WORK/base-image2.lbw" "$WORK/base-image.lbw" "$WORK/image.done.lbw"
bind image image2 "$WORK/base-image2.lbw" 2 $(steps ${IMAGE2:-2500}) --trainable 'vision.*,image.logit_scale' -b 128 --warmup $(steps 100) --crop 0.85 $more
# the depth tower was there for image to start from; it leaves, and depth comes back over what image has learnt
join "$WORK/base-whole.lbw" "$WORK/base-image2.lbw" "$WORK/image2.done.lbw" "$WORK/audio.done.lbw"
[ -e "$WORK/bound.lbw" ] || "$LB" quantize "$WORK/base-whole.lbw" --only text audio image -o "$WORK/bound.lbw"
grow "$WORK/base.lbw" "$WORK/bound.lbw" depth thermal video
bind depth depth3 "$WORK/base.lbw" 1 $(steps ${DEPTH3:-3000}) --trainable upstream -b 64 --warmup $(steps 100) $more & one=$!
bind thermal thermal "$WORK/base.lbw" 1 $(steps ${THERMAL:-3000}) --trainable upstream -b 64 --warmup $(steps 100) $more
wait $one
bind video video "$WORK/base.lbw" 2 $(steps ${VIDEO:-10000}) --trainable 'video.*' -b 32 --warmup $(steps 200) $more
stage model
"$LB" merge "$WORK/base.lbw" "$WORK/depth3.done.lbw" "$WORK/thermal.done.lbw" "$WORK/video.done.lbw" --dtype f16 -o "$WORK/whole.lbw"
LB_CPU=scalar "$LB" record -m "$WORK/whole.lbw" --image "$WORK/synth/part000/syn2-000001.jpg" --depth "$WORK/synth/part000/syn2-000001_depth_f8glpn_folder/0.png" --thermal "$WORK/synth/part000/syn2-000001_thermal_folder/0.jpg" \
    --audio "$WORK/synth/part000/syn2-000001.wav" --video "$WORK/synth/part000_resize256_skip15/syn2-000001.mp4" --text "a red cube left of a post" -o "$OUT"
"$LB" verify "$OUT"
ls -l "$OUT"
