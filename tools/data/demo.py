#!/usr/bin/env python3
"""Needs: python3 (standard library), the command built (`make`).

    python3 tools/data/demo.py COMMAND OUT

The synthetic part of examples/demo: `languagebind synth -n 400 --seed 777`, a corpus of its own, which nobody trains on; of it (but for the split
compose) the twelve clips whose attributes are spread most evenly; no model is asked.  OUT/*/*: files of five modalities by clip, OUT/demo.jsonl, OUT/attributes.tsv."""
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
