#!/bin/sh
# weights_seeds.sh: how much of the figures is chance: after `make weights`, depth, infrared and video are bound again with other seeds (the order of the
# data, the captions and negatives that are drawn, what a new tower adds) over the same text, audio and image towers; then every figure that they move,
# as the mean, the smallest and the largest over SEEDS.  `SEED=2 WORK=... make weights` is the whole recipe with another seed.
set -eu
LB=${LANGUAGEBIND:-build/languagebind}; WORK=${WORK:-build/weights}; SEEDS=${SEEDS:-1 2 3}; here=$(cd "$(dirname "$0")" && pwd)
[ -e "$WORK/bound.lbw" ] || { echo "weights_seeds.sh: $WORK/bound.lbw is not there; make weights first" >&2; exit 1; }
WORK=$(cd "$WORK" && pwd); files=
seed=${SEED:-1}                                                      # that of WORK: what it has bound is not bound again
for s in $SEEDS; do
    w=$WORK/seed$s; mkdir -p "$w"; files="$files $w/metrics.txt"
    [ ! -e "$w/metrics.txt" ] || continue
    for f in "$WORK"/*.json "$WORK"/*.jsonl "$WORK"/*.lbw "$WORK/data.done" "$WORK/synth" "$WORK/real"; do
        case ${f##*/} in base.lbw|depth3*|thermal*|video*) [ "$s" = "$seed" ] || [ "${f%.lbw}" = "$f" ] || continue;; whole.lbw) continue;; esac
        [ ! -e "$f" ] || ln -sfn "$f" "$w/${f##*/}"
    done
    SEED=$s WORK=$w REAL=${REAL:-$WORK/real} OUT=$w/model.lbw sh "$here/weights.sh" >&2
    WORK=$WORK REAL=${REAL:-$WORK/real} sh "$here/weights_metrics.sh" "$w/model.lbw" > "$w/metrics.part"; mv "$w/metrics.part" "$w/metrics.txt"
done
echo "seeds $SEEDS:"; echo "| what | of | split | % | smallest to largest |"; echo "|---|---|---|---|---|"
awk '/^\$ / { split_ = "test"; of = ""; by = index($0, "--through") ? ", by texts" : ""; if (index($0, "--where hits!=0")) by = by ", of what is hit"; for (i = 1; i < NF; i++) { if ($i == "--split") split_ = $(i + 1); if ($i == "--data") { of = $(i + 1); sub(/.*\//, "", of); sub(/\.[a-z]*$/, "", of) } } next }
    $1 ~ /^[a-z]+:[a-z]+$/ { row($1, $4) }
    $2 == "->" && $4 ~ /^[0-9]+$/ { row($1 " to " $3 by ", R@1", $6); row($1 " to " $3 by ", R@10", $10) }
    function row(name, v,   k) { k = name " | " of " | " split_; if (!(k in n)) order[++m] = k; n[k]++; t[k] += v; if (n[k] == 1 || v < lo[k]) lo[k] = v + 0; if (n[k] == 1 || v > hi[k]) hi[k] = v + 0 }
    END { for (i = 1; i <= m; i++) { k = order[i]; if (lo[k] != hi[k]) printf "| %s | %.1f | %.1f to %.1f |\n", k, t[k] / n[k], lo[k], hi[k] } }' $files
