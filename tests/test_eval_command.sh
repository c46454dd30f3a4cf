#!/bin/sh
# test_eval_command.sh: `languagebind eval` over the demo's samples with a small random model of all six modalities: tasks, matching, drawn galleries,
# vectors from files, JSON, the report, wrong use and broken data.  Closes with `test_eval_command: N passed, N failed, N skipped`.
L=${B:-build}/languagebind T=${B:-build}/eval-test D=examples/demo
rm -rf "$T"; mkdir -p "$T" || exit 1
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
is() { if [ "$1" = "$2" ]; then good; else bad "$3: \"$1\", \"$2\" was expected"; fi; }
wants() {    # wants STATUS WORD ARGUMENT...: as in test_command.sh
    want=$1 word=$2; shift 2; "$L" eval "$@" >"$T/out" 2>"$T/err" </dev/null; status=$?
    if [ $status -ne "$want" ]; then bad "eval $*: status $status, $want expected: $(head -n 3 "$T/err")"; return; fi
    if [ "$want" = 0 ]; then
        if [ -s "$T/err" ] || ! grep -qe "$word" "$T/out"; then bad "eval $*: \"$word\" is not in its output: $(head -n 5 "$T/out" "$T/err")"; else good; fi
    elif [ "$(wc -l <"$T/err")" -ne 1 ] || ! grep -qe "$word" "$T/err" || [ -s "$T/out" ]; then bad "eval $*: one line with \"$word\" was expected: $(cat "$T/err" "$T/out")"
    else good; fi
}
cat >"$T/six.json" <<'END'
{ "embed_dim": 32, "text": { "width": 32, "layers": 1, "heads": 2, "context": 16, "vocab": 600 },
  "modalities": { "image": { "width": 32, "layers": 1, "heads": 2, "size": 32, "patch": 16 }, "depth": { "width": 32, "layers": 1, "heads": 2, "size": 32, "patch": 16, "resize": "torch-bicubic" },
    "thermal": { "width": 32, "layers": 1, "heads": 2, "size": 32, "patch": 16 }, "audio": { "width": 32, "layers": 1, "heads": 2, "size": [32, 64], "patch": 16 },
    "video": { "width": 32, "layers": 1, "heads": 2, "size": 32, "patch": 16, "frames": 2, "temporal": true, "resize": "torch-bilinear" } } }
END
M=$T/six.lbw
"$L" train --config "$T/six.json" --data $D/demo.jsonl --modality image --steps 1 --batch 12 -o "$M" --log "$T/log.csv" >"$T/out" 2>&1 || { bad "the model: $(cat "$T/out")"; echo "test_eval_command: $passed passed, $failed failed, 0 skipped"; exit 1; }
A="--attributes $D/attributes.tsv --prompts $D/prompts.json"

# tasks of both kinds, every modality, sums, 15 views; the table names them
wants 0 '^depth:shape  *12  *8 ' -m "$M" -d $D/demo.jsonl $A -c depth:shape audio:hits video:motion depth+thermal:shape -r text:image audio:video depth+text:image --shared shape size --views --rounds 50 --details
for w in '^audio:hits  *12  *4 ' '^video:motion  *12  *8 ' '^depth+thermal:shape  *12 ' '^text -> image  *48  *12 ' '^image -> depth+text  *12  *12 ' '^audio -> video  *12  *12 ' '^silence  *3 '; do grep -q "$w" "$T/out" && good || bad "\"$w\" is not in the table"; done
wants 0 '^text -> video  *72  *12 ' -m "$M" -d $D/demo.jsonl --rounds 50                                     # without tasks: texts in every modality
is "$(grep -c -e '->' "$T/out")" 10 "directions"
printf 'file\tcaption\na.txt\tone\nb.txt\ttwo\n' >"$T/words.tsv"; wants 1 'text alone' -m "$M" -d text="$T/words.tsv"       # which would find each caption by itself
wants 0 '^text -> video' -m "$M" -d $D/demo.jsonl text="$T/words.tsv" --split all --rounds 50; is "$(grep -c -e '->' "$T/out")" 10 "directions beside texts"
wants 0 '^text -> text+depth  *47  *12 ' -m "$M" -d $D/demo.jsonl --rounds 50 -r text:text+depth
sed 's/"group": "[^"]*", //; s|"file": "|&'"$PWD/$D"'/|' $D/demo.jsonl >"$T/names.jsonl"                        # without groups, files of the same name belong together
grep -q group "$T/names.jsonl" && bad "groups are still there" || good
wants 0 '^text -> image+depth  *48  *12 ' -m "$M" -d "$T/names.jsonl" --rounds 50 -r text:image+depth
wants 0 '^text -> video  *12  *12 ' -m "$M" -d $D/demo.jsonl --rounds 50 -r text:video --captions join
wants 0 '^image:shape  *3 ' -m "$M" -d $D/demo.jsonl $A -c image:shape --where shape=ball,ring --rounds 50
is "$(sed -n 's/^image:shape  *3  *\([0-9]*\).*/\1/p' "$T/out")" 2 "classes that --where lets pass"
wants 0 '^image:shape  *9 ' -m "$M" -d $D/demo.jsonl $A -c image:shape --where shape!=ball,ring

# the same vectors on both sides find each other, whatever the model; vectors from a file are those that it would compute
"$L" embed -m "$M" --image $D/image/*.jpg -o "$T/v.npy"
wants 0 '^image -> depth  *12  *12  *100.0 (75.8-100.0)  *100.0 (75.8-100.0)  *100.0 (75.8-100.0)  *1 (1-1)  *1 (1-1)' -m "$M" -d $D/demo.jsonl -r image:depth --vectors image="$T/v.npy" depth="$T/v.npy"
wants 0 '^depth -> image  *5  *5  *100.0 ([0-9.]*-100.0)  *100.0 (100.0-100.0)  *100.0 (100.0-100.0)' -m "$M" -d $D/demo.jsonl -r image:depth --vectors image="$T/v.npy" depth="$T/v.npy" --gallery-size 5 --galleries 7
"$L" eval -m "$M" -d $D/demo.jsonl -r text:image --json >"$T/a"; "$L" eval -m "$M" -d $D/demo.jsonl -r text:image --json --vectors image="$T/v.npy" --threads 1 --batch 5 >"$T/b"
cmp -s "$T/a" "$T/b" && good || bad "vectors from a file, one thread: other results"
sed 's/image\//gone\//' $D/demo.jsonl >"$T/gone.jsonl"                                                        # their files are not asked for, nor are the views of a clip
wants 0 '^text -> image' -m "$M" -d "$T/gone.jsonl" -r text:image --vectors image="$T/v.npy" --rounds 50
wants 0 '^image -> video  *12  *12  *100.0 ' -m "$M" -d $D/demo.jsonl -r image:video --vectors image="$T/v.npy" video="$T/v.npy" --views --unnormalised --rounds 50
# two modalities by the texts that both resemble; a text meets a picture as before
printf 'a ball\na cube\nsilence\n' >"$T/meet"
wants 0 '^image -> depth: by what they resemble among 3 texts (.*meet)' -m "$M" -d $D/demo.jsonl -r image:depth depth+text:image text:image --through "$T/meet" --rounds 50
is "$(grep -c 'by what' "$T/out")" 4 "what goes by texts"
wants 0 '^image -> depth  *12  *12  *100.0 (75.8-100.0)' -m "$M" -d $D/demo.jsonl -r image:depth --through "$T/meet" --vectors image="$T/v.npy" depth="$T/v.npy"
wants 0 '"gallery": "image", "gallery_size": 12, "galleries": 1, "through": 0' -m "$M" -d $D/demo.jsonl -r text:image depth:image --through "$T/meet" --rounds 50 --json
grep -q '"query": "depth", "gallery": "image", "gallery_size": 12, "galleries": 1, "through": 3' "$T/out" && good || bad "--json does not say through how many texts"
wants 0 '' -m "$M" -d $D/demo.jsonl -r depth:image --through "$T/meet" --rounds 50 --report "$T/meet.html"
grep -q 'likeness by the texts that both resemble' "$T/meet.html" && good || bad "the report calls it a cosine"
wants 2 'no --retrieve names two' -m "$M" -d $D/demo.jsonl -r text:image --through "$T/meet"
wants 2 'vectors of unit length' -m "$M" -d $D/demo.jsonl -r depth:image --through "$T/meet" --unnormalised
wants 2 'meet' -m "$M" -d $D/demo.jsonl -r depth:image --through "$T/meet" -o "$T/meet"
# ranks in the thousands are written out: 3000 pairs whose vectors are all the same
awk 'BEGIN { print "file\tmodality\tcaption\tgroup"; for (i = 0; i < 3000; i++) printf "a%d\timage\tx\t%d\nb%d\tdepth\tx\t%d\n", i, i, i, i; while (i-- > 0) print "x" >"'"$T/x"'" }' >"$T/long.tsv"
"$L" embed -m "$M" --text-file "$T/x" -o "$T/long.npy"
wants 0 '  3000 (3000-3000)  *3000 (3000-3000) ' -m "$M" -d "$T/long.tsv" -r image:depth --vectors image="$T/long.npy" depth="$T/long.npy" --rounds 10
# two pictures of one group ask one by one, and are found by the better one: the second looks like another thing
printf 'file\tmodality\tcaption\tgroup\n1\timage\tx\ta\n2\timage\tx\ta\n3\timage\tx\tb\n4\timage\tx\tc\n5\tdepth\tx\ta\n6\tdepth\tx\tb\n7\tdepth\tx\tc\n' >"$T/two.tsv"
printf 'a cube\na ball\na ball\na ring\n' >"$T/x"; "$L" embed -m "$M" --text-file "$T/x" -o "$T/two.npy"
printf 'a cube\na ball\na ring\n' >"$T/x"; "$L" embed -m "$M" --text-file "$T/x" -o "$T/three.npy"
wants 0 '^image -> depth  *4  *3  *75.0 .*  33.3$' -m "$M" -d "$T/two.tsv" -r depth:image --vectors image="$T/two.npy" depth="$T/three.npy" --rounds 50
wants 0 '^depth -> image  *3  *3  *66.7 ' -m "$M" -d "$T/two.tsv" -r depth:image --vectors image="$T/two.npy" depth="$T/three.npy" --rounds 50
wants 0 '^image -> depth  *3  *2  ' -m "$M" -d "$T/two.tsv" -r depth:image --vectors image="$T/two.npy" depth="$T/three.npy" --rounds 50 --gallery-size 2 --galleries 30
wants 1 'a row an item' -m "$M" -d $D/real.jsonl -r text:image --vectors image="$T/v.npy"
wants 1 'demo.jsonl: npy' -m "$M" -d $D/demo.jsonl -r text:image --vectors image=$D/demo.jsonl
wants 2 'MODALITY=FILE.npy' -m "$M" -d $D/demo.jsonl -r text:image --vectors "$T/v.npy"

# what has no query is no part of the way back's gallery, its chance and its ceiling; N is of the galleries that were asked
{ printf 'file\tmodality\tcaption\tgroup\n'; for i in 01 02 03 04 05 06 07 08 09 10; do [ $i -gt 2 ] || printf '%s/image/%s.jpg\timage\ta\t%s\n' "$PWD/$D" $i $i; printf '%s/depth/%s.png\tdepth\ta\t%s\n' "$PWD/$D" $i $i; done; } >"$T/few.tsv"
wants 0 '^depth -> image  *2  *2 .*  50.0  *100.0$' -m "$M" -d "$T/few.tsv" -r image:depth $A --shared shape
wants 0 '^image -> depth  *1  *4 ' -m "$M" -d "$T/few.tsv" -r image:depth --gallery-size 4
wants 0 '^audio -> video  *9  *9 ' -m "$M" -d $D/demo.jsonl -r audio:video --gallery-size 9 --galleries 8              # MedR of several galleries is the median of all ranks: whole or a half
awk '/->/ { n++; if ($12 * 2 != int($12 * 2)) bad = 1 } END { exit bad || n != 2 }' "$T/out" && good || bad "MedR: $(cat "$T/out")"
wants 2 'twice' -m "$M" -d $D/demo.jsonl $D/real.jsonl ./$D/demo.jsonl -r text:image

# upstream's counting and vectors: other numbers than ours only where norms or ties matter
wants 0 '^text -> image' -m "$M" -d $D/demo.jsonl -r text:image --upstream-metrics --unnormalised

# which frames: those of upstream's retrieval evaluation are others, and resized otherwise
wants 0 '^text -> video  *72 ' -m "$M" -d $D/demo.jsonl -r text:video --frames retrieval --rounds 50
"$L" eval -m "$M" -d $D/demo.jsonl -r text:video --json --frames inference >"$T/a"; "$L" eval -m "$M" -d $D/demo.jsonl -r text:video --json >"$T/b"; "$L" eval -m "$M" -d $D/demo.jsonl -r text:video --json --frames retrieval >"$T/c"
cmp -s "$T/a" "$T/b" && ! cmp -s "$T/a" "$T/c" && good || bad "--frames inference is the default, retrieval is not"
wants 2 'two ways' -m "$M" -d $D/demo.jsonl -r text:video --frames retrieval --views
wants 2 'inference|retrieval' -m "$M" -d $D/demo.jsonl -r text:video --frames all
# the counting and the vectors of the command are those that were asked for: the same counts as upstream's only with its words
"$L" embed -m "$M" --image $D/image/01.jpg $D/image/01.jpg $(ls $D/image/*.jpg | tail -n 10) -o "$T/v2.npy"
for words in --upstream-metrics --unnormalised --captions=join; do
    "$L" eval -m "$M" -d $D/demo.jsonl -r text:image depth:image --json --rounds 50 --vectors depth="$T/v.npy" image="$T/v2.npy" $words >"$T/a" 2>"$T/err"; "$L" eval -m "$M" -d $D/demo.jsonl -r text:image depth:image --json --rounds 50 --vectors depth="$T/v.npy" image="$T/v2.npy" >"$T/b"
    [ -s "$T/a" ] && ! cmp -s "$T/a" "$T/b" && good || bad "$words changes nothing: $(cat "$T/err")"
done
# parity scores carry both modalities' scales
s=$("$L" score -m "$M" --image $D/image/01.jpg $D/image/02.jpg --depth $D/depth/01.png --upstream-scaling --json | sed -n 's/.*"scale": \([0-9]*\).*/\1/p')
[ "${s:-0}" -gt 190 ] && [ "${s:-0}" -lt 220 ] && good || bad "the scale of image x depth is $s, 14.3 x 14.3 was expected"

# manifests: groups parted by |, labels that no item has, splits, folders, a modality by name
printf 'file\tcaption\tgroup\tsplit\n%s/image/01.jpg\ta\tpost|white\ttest\n%s/image/02.jpg\tb\tpost\ttest\n%s/image/03.jpg\tc\tblack\ttest\n%s/image/04.jpg\td\tred\ttrain\n' "$PWD/$D" "$PWD/$D" "$PWD/$D" "$PWD/$D" >"$T/many.tsv"
wants 0 'image  *3  *3  *[0-9.]* (' -m "$M" -d "$T/many.tsv" -c image --multi-label
grep -q 'mAP.*AUC' "$T/out" && good || bad "mAP and AUC: $(head -n 1 "$T/out")"
printf 'post\nblack\tsomething black\nnever\tnever seen\n' >"$T/labels"
wants 0 'image  *3  *4 .* 44.4$' -m "$M" -d "$T/many.tsv" -c image --labels "$T/labels" --multi-label      # chance: of post 2/3, of black and white 1/3; never has no precision
printf 'file\tcaption\tgroup\n%s/image/01.jpg\ta\tblack\n%s/image/02.jpg\tb\twhite\n' "$PWD/$D" "$PWD/$D" >"$T/two.tsv"
"$L" embed -m "$M" --text 'a photo of a black.' 'a photo of a white.' -o "$T/told.npy"
wants 0 ' inf (inf-inf) ' -m "$M" -d "$T/two.tsv" -c image --multi-label --vectors image="$T/told.npy"
wants 0 '"dprime": {"value": null, "low": null, "high": null' -m "$M" -d "$T/two.tsv" -c image --multi-label --vectors image="$T/told.npy" --json
wants 1 'no item of split other' -m "$M" -d "$T/many.tsv" -c image --split other
mkdir -p "$T/f/near_by" "$T/f/far"; cp $D/depth/01.png "$T/f/near_by/a.png"; cp $D/depth/02.png "$T/f/near_by/b.png"; cp $D/depth/03.png "$T/f/far/a.png"
wants 0 '^depth  *3  *2 ' -m "$M" -d depth="$T/f" --template 'something {}' 'a thing {}' --details
grep -q '^near by  *2 ' "$T/out" && good || bad "a folder's name as a class: $(cat "$T/out")"

# JSON is JSON, and the report asks for nothing
wants 0 '"confusion": \[\[' -m "$M" -d $D/demo.jsonl $A -c image:colour -r video:audio --json -o - --report "$T/r.html" --map pca
is "$(tr -cd '{}[]' <"$T/out" | sed 's/[^{[]//g' | wc -c)" "$(tr -cd '{}[]' <"$T/out" | sed 's/[^]}]//g' | wc -c)" "brackets"
is "$(grep -cE 'https?:|<script|@import|@font-face|<link[^>]*href="[^d]|src="[^d]|url\([^d]' "$T/r.html")" 0 "what the report asks for"
for w in '</html>' 'class="map"' "default-src 'none'" 'class="matrix"' 'class="heat"' 'class="wave"' 'class="t[0-9]' 'data:image/jpeg;base64,/9j/'; do grep -q "$w" "$T/r.html" && good || bad "$w is not in the report"; done
printf '{"file":"%s/image/01.jpg","captions":["<b>&\\"x"],"group":"<i>"}\n{"file":"%s/image/02.jpg","captions":["y"],"group":"j"}\n' "$PWD/$D" "$PWD/$D" >"$T/markup.jsonl"
wants 0 'text -> image' -m "$M" -d "$T/markup.jsonl" --report "$T/m.html"
grep -q 'Maps' "$T/m.html" && bad "a card of maps for two points" || good
# each picture of a sum is called by its own caption
{ printf 'file\tmodality\tcaption\tgroup\n'; for i in 01 02; do printf '%s/depth/%s.png\tdepth\tdeep %s\t%s\n%s/thermal/%s.jpg\tthermal\thot %s\t%s\n%s/image/%s.jpg\timage\tseen %s\t%s\n' "$PWD/$D" $i $i $i "$PWD/$D" $i $i $i "$PWD/$D" $i $i $i; done; } >"$T/sum.tsv"
wants 0 'depth+thermal -> image' -m "$M" -d "$T/sum.tsv" -r depth+thermal:image --report "$T/sum.html" --rounds 10
is "$(grep -c 'title="hot 01"' "$T/sum.html" | sed 's/[1-9][0-9]*/some/')" some "captions of the pictures of a sum"
# names of columns and modalities are text, too; long labels are cut by characters; products are not called cosines
awk 'BEGIN { print "id\t<u>&\tlong" } { printf "%02d\t%s\t%s\n", NR, NR % 2 ? "one" : "two", NR % 2 ? "äääääääääääääääääääää" : "b" }' $D/demo.jsonl | head -n 13 >"$T/odd.tsv"
"$L" eval -m "$M" -d $D/demo.jsonl --attributes "$T/odd.tsv" -c 'image:<u>&' image:long -r depth+text:image --unnormalised --report "$T/m2.html" --map pca --rounds 10 >"$T/out" 2>"$T/err" || bad "eval: $(cat "$T/err")"
is "$(grep -c '<u>&' "$T/m2.html") $(grep -c '>ääääääääääääääääääää…<' "$T/m2.html" | sed 's/[1-9][0-9]*/some/') $(grep -c 'with their cosine' "$T/m2.html") $(grep -c 'product, of vectors' "$T/m2.html")" "0 some 0 2" "the page's words"
is "$(grep -c '<b>&"\|<i>' "$T/m.html") $(grep -c '&lt;b&gt;&amp;&quot;x' "$T/m.html" | sed 's/[1-9][0-9]*/some/')" "0 some" "markup in captions"
"$L" eval -m "$M" -d $D/demo.jsonl $A -c image:colour -r video:audio --report "$T/r2.html" --map pca --threads 1 >/dev/null; cmp -s "$T/r.html" "$T/r2.html" && good || bad "two reports of the same differ"

# wrong use and broken files
wants 2 'which model' -d $D/demo.jsonl
wants 2 'which data' -m "$M"
for o in '--multi-label' '--details' '--template {}' '--templates openai' "--labels $D/sounds.txt"; do wants 2 'nothing is classified' -m "$M" -d $D/demo.jsonl -r text:image $o; done
for o in '--upstream-metrics' '--unnormalised' '--gallery-size 4' '--shared shape'; do wants 2 'nothing is searched' -m "$M" -d $D/demo.jsonl $A -c image:shape $o; done
wants 2 'both go to standard output' -m "$M" -d $D/demo.jsonl --report -
wants 2 'names a column' -m "$M" -d $D/demo.jsonl -c image:shape
wants 1 'no column weight' -m "$M" -d $D/demo.jsonl $A -c image:weight
wants 1 'no column weight' -m "$M" -d $D/demo.jsonl $A -c image:shape --where weight=3
wants 2 'COLUMN=VALUE' -m "$M" -d $D/demo.jsonl $A -c image:shape --where shape
wants 2 'QUERY:GALLERY' -m "$M" -d $D/demo.jsonl -r image
wants 2 'are the same' -m "$M" -d $D/demo.jsonl -r image:image
wants 2 'twice' -m "$M" -d $D/demo.jsonl -r image+image:text
wants 2 'a name is missing' -m "$M" -d $D/demo.jsonl -r image:
wants 2 'texts are not classified' -m "$M" -d $D/demo.jsonl $A -c text:shape
wants 2 'all|first|join' -m "$M" -d $D/demo.jsonl --captions some
wants 1 'no modality smell, only' -m "$M" -d $D/demo.jsonl -r smell:text
wants 1 'no item of modality depth' -m "$M" -d $D/real.jsonl -r depth:image
wants 1 'cannot open' -m "$M" -d "$T/not-there.jsonl"
wants 1 'cannot open' -m "$M" -d $D/demo.jsonl --attributes "$T/not-there.tsv" -c image:shape
printf 'id\tshape\n01\n' >"$T/short.tsv"; wants 1 'line 2 has 1 columns, 2 were expected' -m "$M" -d $D/demo.jsonl --attributes "$T/short.tsv" -c image:shape
printf 'id\tid\n' >"$T/twice.tsv"; wants 1 'stands twice' -m "$M" -d $D/demo.jsonl --attributes "$T/twice.tsv" -c image:id
printf '{"a": ' >"$T/cut.json"; wants 1 'cut.json' -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv --prompts "$T/cut.json" -c image:shape
while read -r says json; do
    printf '%s' "$json" >"$T/odd.json"; wants 1 "$(echo "$says" | tr _ ' ')" -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv --prompts "$T/odd.json" -c image:shape
done <<'END'
an_object_of_tasks ["shape"]
an_object_with_"templates" {"shape":["a {}"]}
expected_as_"templates" {"shape":{"templates":"a {}"}}
expected_as_"templates" {"shape":{"templates":["a {}",1]}}
expected_as_"names" {"shape":{"names":["ball"]}}
names_of_"ball" {"shape":{"names":{"ball":[1]}}}
names_of_"ball" {"shape":{"names":{"ball":null}}}
names_of_"ball" {"shape":{"names":{"ball":[]}}}
expected_as_"templates" {"shape":{"templates":[]}}
END
wants 2 'no {}' -m "$M" -d $D/demo.jsonl $A -c image:shape --template 'no hole'
while read -r says task json; do                                                       # what is misspelt is not passed over in silence
    printf '%s' "$json" >"$T/odd.json"; wants 1 "$(echo "$says" | tr _ ' ')" -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv --prompts "$T/odd.json" -c $task
done <<'END'
has_"template" image:shape {"shape":{"template":["a {}"]}}
"imag:shape"_is_no_task image:shape {"shape":{"templates":["a {}"]},"imag:shape":{"templates":["the {}"]}}
"shap"_is_no_task image:shape {"shap":{"templates":["a {}"]}}
"image:shap"_is_no_task image:shape {"image:shap":{"templates":["a {}"]}}
names_for_"bal" image:shape {"shape":{"names":{"bal":"ball"}}}
END
printf '{"shape":{"templates":["a {}"],"names":{"ball":"sphere"}},"weight":{"templates":["{}"]},"thermal:colour":{"names":{"pink":"rose"}}}' >"$T/more.json"      # what is not asked for may be there
wants 0 '^image:shape' -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv --prompts "$T/more.json" -c image:shape --rounds 10
: >"$T/empty"; printf 'a {}\n\nno hole\n' >"$T/holes"
wants 1 'empty: holds no templates' -m "$M" -d $D/demo.jsonl $A -c image:shape --templates "$T/empty"
wants 1 'holes: line 3: .no hole. has no {}' -m "$M" -d $D/demo.jsonl $A -c image:shape --templates "$T/holes"
wants 1 'empty: holds no labels' -m "$M" -d $D/demo.jsonl $A -c image:shape --labels "$T/empty"
wants 2 'QUERY:GALLERY was expected, text:image' -m "$M" -d $D/demo.jsonl -r text
wants 1 'no modality smell, only' -m "$M" -d $D/demo.jsonl -r text:smell
wants 1 'no item of modality depth' -m "$M" -d $D/real.jsonl -r text:depth
wants 1 'vectors: the model has no modality imag, only' -m "$M" -d $D/demo.jsonl -r text:image --vectors imag="$T/v.npy"
wants 2 'names image twice' -m "$M" -d $D/demo.jsonl -r text:image --vectors image="$T/v.npy" image="$T/v.npy"
wants 1 'vectors: the data has no item of modality depth' -m "$M" -d $D/real.jsonl -r text:image --vectors depth="$T/v.npy"
wants 1 'gone.jsonl: line 1: .*gone' -m "$M" -d "$T/gone.jsonl" -r text:image
# nothing is written over what is read; what cannot be written shows before the work
for f in data.jsonl table.tsv prompts.json labels templates v.npy; do : >"$T/own-$f"; done
cp $D/demo.jsonl "$T/own-data.jsonl"; cp $D/attributes.tsv "$T/own-table.tsv"; cp $D/prompts.json "$T/own-prompts.json"
for f in data.jsonl table.tsv prompts.json labels templates v.npy; do for o in -o --report "--json -o"; do
    wants 2 "own-$f is read, and would be written over" -m "$M" -d "$T/own-data.jsonl" --attributes "$T/own-table.tsv" --prompts "$T/own-prompts.json" --labels "$T/own-labels" --templates "$T/own-templates" --vectors image="$T/own-v.npy" -c image:shape $o "$T/own-$f"
done; done
cmp -s $D/demo.jsonl "$T/own-data.jsonl" && good || bad "eval wrote over its data"
wants 2 'table and page would both be' -m "$M" -d $D/demo.jsonl -o "$T/page.html" --report "$T/page.html"
wants 1 'cannot create' -m "$M" -d "$T/gone.jsonl" -r text:image -o "$T/no/such/table"
wants 1 'cannot create' -m "$M" -d "$T/gone.jsonl" -r text:image --report "$T/no/such/r.html"
cp LICENSE "$T/f/far/broken.png"; wants 1 'broken.png' -m "$M" -d depth="$T/f" --report "$T/none.html"
[ -e "$T/none.html" ] && bad "a report of a failed run" || good
wants 1 'cannot create' -m "$M" -d $D/demo.jsonl -r text:image --report "$T/no/such/r.html"

# what stands in a pipe is read once; a file of the data is not written over, whatever names it; two new names of one file are one
printf 'ball\nring\ncube\nowl\n' >"$T/four.txt"; printf 'a {}\nthe {}\n' >"$T/meet2"
"$L" eval -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv -c image:shape depth:shape --rounds 50 --labels "$T/four.txt" --template 'a {}' 'the {}' >"$T/a"
"$L" eval -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv -c image:shape depth:shape --rounds 50 --labels - --template 'a {}' 'the {}' <"$T/four.txt" >"$T/b"; cmp "$T/a" "$T/b" && good || bad "labels from standard input"
"$L" eval -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv -c image:shape depth:shape --rounds 50 --labels "$T/four.txt" --templates - <"$T/meet2" >"$T/b"; cmp "$T/a" "$T/b" && good || bad "templates from standard input"
is "$(sed -n 's/^image:shape  *12  *\([0-9]*\).*/\1/p' "$T/a")" 9 "classes with an owl among them"
mkdir -p "$T/mine"; cp $D/image/01.jpg "$T/mine/a.jpg"; cp $D/image/02.jpg "$T/mine/b.jpg"; printf '{"file": "a.jpg", "modality": "image", "captions": ["one"]}\n{"file": "b.jpg", "modality": "image", "captions": ["two"]}\n' >"$T/mine/d.jsonl"
for o in -o --report; do wants 2 'mine/a.jpg is read, and would be written over' -m "$M" -d "$T/mine/d.jsonl" -r text:image $o "$T/mine/../mine/a.jpg"; done; cmp -s $D/image/01.jpg "$T/mine/a.jpg" && good || bad "eval wrote over a picture"
wants 2 'table and page would both be' -m "$M" -d $D/demo.jsonl -o "$T/new" --report "$T/mine/../new"; [ -e "$T/new" ] && bad "one of two outputs of one name was written" || good
wants 2 'twice' -m "$M" -d image="$T/mine/d.jsonl" "$T/mine/d.jsonl"
# a pair is the same from either end; every template counts; the prompts of a sum are those of the part that is no text
"$L" eval -m "$M" -d $D/real.jsonl -r text:image --rounds 50 >"$T/a"; "$L" eval -m "$M" -d $D/real.jsonl -r image:text --rounds 50 >"$T/b"; cmp "$T/a" "$T/b" && good || bad "image:text is another pair than text:image"
awk 'BEGIN { for (i = 0; i < 512; i++) print "a {}"; for (i = 0; i < 3000; i++) print "nothing like a {} was seen" }' >"$T/many"; "$L" eval -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv -c image:shape --templates "$T/many" --json --vectors image="$T/v.npy" | sed 's/"rounds.*n": 12//' >"$T/a"
"$L" eval -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv -c image:shape --template 'a {}' --json --vectors image="$T/v.npy" --report "$T/one.html" | sed 's/"rounds.*n": 12//' >"$T/b"; cmp -s "$T/a" "$T/b" && bad "the templates after the 512th count for nothing" || good
"$L" eval -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv -c text+audio:hits audio+text:hits --rounds 50 >"$T/out"; is "$(sed -n 's/^text+audio:hits//p' "$T/out")" "$(sed -n 's/^audio+text:hits//p' "$T/out")" "a sum from either end"
# tables: empty ones, ids twice or of nothing, values with commas and long ones, values that there are not
printf '\n\n' >"$T/blank.tsv"; wants 1 'blank.tsv: is empty' -m "$M" -d $D/demo.jsonl --attributes "$T/blank.tsv"
printf 'id\tshape\n01\tball\n02\tring\n01\tball\n' >"$T/two.tsv"; wants 0 '^image:shape  *2 ' -m "$M" -d $D/demo.jsonl --attributes "$T/two.tsv" -c image:shape --rounds 50
printf 'id\tshape\n01\tball\n01\tring\n' >"$T/two.tsv"; wants 1 'two.tsv: has two rows for 01' -m "$M" -d $D/demo.jsonl --attributes "$T/two.tsv" -c image:shape
printf 'id\tshape\n01.jpg\tball\n02.jpg\tring\n' >"$T/ext.tsv"; wants 1 'no item.s class is known: the first column' -m "$M" -d $D/demo.jsonl --attributes "$T/ext.tsv" -c image:shape
printf 'id\tnote\n01\tred, green\n02\tred\n03\tblue\n04\tblue\n' >"$T/comma.tsv"
wants 0 '^image:note  *3  *2 ' -m "$M" -d $D/demo.jsonl --attributes "$T/comma.tsv" --where 'note!=red, green' -c image:note --rounds 50
wants 0 '^image:note  *4  *3 ' -m "$M" -d $D/demo.jsonl --attributes "$T/comma.tsv" --where 'note!=green' -c image:note --rounds 50
wants 1 'no row has what --where `note=green. names' -m "$M" -d $D/demo.jsonl --attributes "$T/comma.tsv" --where 'note=green' -c image:note
awk 'BEGIN { print "id\tlong\tb"; for (i = 1; i <= 12; i++) { printf "%02d\t", i; for (k = 0; k < 600; k++) printf "xyz"; print "\t" i } }' >"$T/long.tsv"
wants 0 '^image -> depth .* 100.0$' -m "$M" -d $D/demo.jsonl --attributes "$T/long.tsv" --shared long b -r image:depth --rounds 50
head -n 7 $D/attributes.tsv >"$T/half.tsv"; wants 0 '^image -> depth .* 100.0$' -m "$M" -d $D/demo.jsonl --attributes "$T/half.tsv" --shared shape -r image:depth --rounds 50
printf 'ball\t\n' >"$T/bad.txt"; wants 1 'bad.txt: line 1: NAME or CLASS<tab>NAME' -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv --labels "$T/bad.txt" -c image:shape
printf '{"image:shape": {"templates": ["a thing"]}}' >"$T/hole.json"; wants 1 'the template "a thing" has no {}' -m "$M" -d $D/demo.jsonl --attributes $D/attributes.tsv --prompts "$T/hole.json" -c image:shape
# what has no partner is left out in so many words, and the page asks with nothing that has no match; texts on its map are called by their own words
{ grep '"modality": "image"' $D/demo.jsonl | head -n 4; grep '"modality": "depth"' $D/demo.jsonl; } | sed 's|"file": "|&'"$PWD/$D"'/|' >"$T/part.jsonl"
wants 0 'depth+image:shape: 8 of depth+image left out: a part of the sum is missing' -m "$M" -d "$T/part.jsonl" --attributes $D/attributes.tsv -c depth+image:shape --rounds 50
wants 0 '"left_out": 8' -m "$M" -d "$T/part.jsonl" --attributes $D/attributes.tsv -c depth+image:shape --rounds 50 --json
wants 0 '' -m "$M" -d "$T/part.jsonl" -r image:depth --rounds 50 --report "$T/part.html"
is "$(grep -o 'class="ask"' "$T/part.html" | wc -l)" 8 "the page's questions: four each way"
sed 2,4d "$T/part.jsonl" >"$T/single.jsonl"; wants 1 'no gallery of 2 that was drawn holds' -m "$M" -d "$T/single.jsonl" -r image:depth --gallery-size 2 --galleries 1
wants 0 '' -m "$M" -d $D/demo.jsonl -r text:image --rounds 50 --report "$T/map.html" --map pca; is "$([ "$(grep -o '<title>[^<]*' "$T/map.html" | sort -u | wc -l)" -gt 40 ] && echo many)" many "names of the points"
# data without a split test are taken whole beside data that have one
mkdir -p "$T/cls/x" "$T/cls/y"; cp $D/image/01.jpg "$T/cls/x"; cp $D/image/02.jpg "$T/cls/y"; printf '{"file": "a.jpg", "modality": "image", "group": "x", "captions": ["one"], "split": "test"}\n{"file": "b.jpg", "modality": "image", "group": "y", "captions": ["two"], "split": "train"}\n' >"$T/mine/t.jsonl"
wants 0 '^image  *3  *2 ' -m "$M" -d image="$T/cls" "$T/mine/t.jsonl" -c image --rounds 50

# the experiments' table: an evaluation that fails leaves no row and no success; the next run makes that row
cat >"$T/fake" <<'END'
#!/bin/sh
case $1 in train) echo '{"samples_per_second": 5, "parameters": 7}' ;; eval) [ ! -e "$0.fails" ] || exit 1; printf 'thermal:shape 1 8 50.0\nthermal:temperature 1 4 60.0\nthermal -> text 1 1 70.0\nthermal -> image 1 1 80.0\n' ;; esac
END
chmod +x "$T/fake"; mkdir -p "$T/made"; base=$(sed -n 's#^BASE=$WORK/##p' tools/experiments.sh); : >"$T/made/$base"; : >"$T/fake.fails"
LANGUAGEBIND=$T/fake WORK=$T/made SEEDS="1 2" sh tools/experiments.sh mask >"$T/out" 2>"$T/err"; is "$? $(ls "$T/made/experiments" | grep -c 'row$') $(grep -c 'ended early' "$T/err")" "1 0 1" "an experiment whose evaluation fails"
rm "$T/fake.fails"; LANGUAGEBIND=$T/fake WORK=$T/made SEEDS="1 2" sh tools/experiments.sh mask >"$T/out" 2>"$T/err"
is "$? $(ls "$T/made/experiments" | grep -c 'row$') $(tail -n 1 "$T/out")" "0 8 | mask | 0.7 | 7 | 5 | 50.0 (50.0-50.0) | 60.0 (60.0-60.0) | 70.0 (70.0-70.0) | 80.0 (80.0-80.0) |" "the same again"
LANGUAGEBIND=$T/fake WORK=$T/made SEEDS=1 sh tools/experiments.sh sets mask >"$T/out" 2>"$T/err"; is "$(grep -c '^sets\|^mask' "$T/out") $(ls "$T/made/experiments" | grep -c -- '-1.row$')" "10 9" "a run that two experiments ask for is made once"
grep -q "grow \"\$WORK/$base\".* thermal" tools/weights.sh && good || bad "tools/experiments.sh starts from $base, which tools/weights.sh does not make with thermal in it"

echo "test_eval_command: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
