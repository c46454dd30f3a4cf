#!/usr/bin/env python3
"""Needs: python3 (standard library), the command built (`make`).

    python3 tools/data/demo.py COMMAND OUT [REAL]

The synthetic part of examples/demo: `languagebind synth -n 400 --seed 777`, a corpus of its own, which nobody trains on; of it (but for the split
compose) the twelve clips whose attributes are spread most evenly; no model is asked.  OUT/*/*: files of five modalities by clip, OUT/demo.jsonl, OUT/attributes.tsv.  With REAL (tools/data/fetch.sh) also OUT/things.jsonl: of the models of furniture that
are held out of training and CC0 every fourth by name, a depth map and a turntable; of the sounds that are held out every eighteenth name, the shortest."""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile

MODALITIES, WANTED = ['image', 'video', 'audio', 'depth', 'thermal'], 12
command, out = sys.argv[1:3]
with tempfile.TemporaryDirectory() as tmp:
    subprocess.run([command, 'synth', tmp, '-n', '400', '--seed', '777'], check=True, stdout=subprocess.DEVNULL)
    head, *rows = [l.split('\t') for l in open(tmp + '/attributes.tsv').read().splitlines()]
    pool, taken, seen = [dict(zip(head, r)) for r in rows if r[2] != 'compose'], [], {}
    weight = {'shape': 3, 'colour': 2, 'material': 2, 'temperature': 2, 'motion': 3, 'hits': 2, 'size': 1, 'count': 1, 'distance': 1, 'relation': 1}
    while len(taken) < WANTED:                        # whose attributes have come up least
        best = min((r for r in pool if r not in taken), key=lambda r: (sum(w * seen.get((k, r[k]), 0) for k, w in weight.items()), r['id']))
        taken.append(best)
        for k in weight: seen[k, best[k]] = seen.get((k, best[k]), 0) + 1
    with open(out + '/demo.jsonl', 'w') as o:
        for m in MODALITIES:
            os.makedirs(out + '/' + m, exist_ok=True)
            item = {i['group']: i for i in map(json.loads, open('%s/%s.jsonl' % (tmp, m)))}
            for n, r in enumerate(taken):
                i = item[r['id']]
                name = '%s/%02d%s' % (m, n + 1, os.path.splitext(i['file'])[1])
                shutil.copyfile(tmp + '/' + i['file'], out + '/' + name)
                o.write(json.dumps({'file': name, 'modality': m, 'group': '%02d' % (n + 1), 'captions': i['captions']}) + '\n')
    with open(out + '/attributes.tsv', 'w') as o:
        o.write('\t'.join(['id'] + head[3:]) + '\n')
        for n, r in enumerate(taken): o.write('\t'.join(['%02d' % (n + 1)] + [r[k] for k in head[3:]]) + '\n')

def rows(name, split):
    """(file, captions) of a manifest's items of a split, by name."""
    head, *lines = csv.reader(open('%s/%s.tsv' % (sys.argv[3], name)), delimiter='\t', quoting=csv.QUOTE_NONE)
    items = [(r[0], [c for h, c in zip(head, r) if h == 'caption' and c]) for r in lines if r[head.index('split')] == split]
    return sorted(items, key=lambda i: (i[1][0], os.path.getsize(sys.argv[3] + '/' + i[0]), i[0]))
def first_of_each(items): return [i for n, i in enumerate(items) if not n or items[n - 1][1][0] != i[1][0]]
if len(sys.argv) > 3:
    with open(out + '/things.jsonl', 'w') as o:
        for modality, items in (('depth', first_of_each([i for i in rows('furniture-depth', 'test') if '-cc-0-' in i[0]])[::4]), ('video', first_of_each([i for i in rows('furniture-video', 'test') if '-cc-0-' in i[0]])[::4]),
                                ('audio', first_of_each(rows('sounds', 'val'))[::18])):
            os.makedirs('%s/thing_%s' % (out, modality), exist_ok=True)
            for file, captions in items[:WANTED]:
                thing = captions[0].replace('the sound of a ', '').replace('the sound of an ', '')
                name = 'thing_%s/%s%s' % (modality, thing.replace(' ', '_'), os.path.splitext(file)[1])
                shutil.copyfile(sys.argv[3] + '/' + file, out + '/' + name)
                o.write(json.dumps({'file': name, 'modality': modality, 'group': thing, 'captions': captions}) + '\n')
