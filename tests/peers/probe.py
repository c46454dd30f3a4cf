#!/usr/bin/env python3
"""What the vectors of a model know of the synthetic corpus, and what the space of its texts would allow: where emergent retrieval is lost.
    python3 tests/peers/probe.py LANGUAGEBIND MODEL SYNTH        (needs numpy; a few minutes of CPU)
For each modality: attributes that a linear classifier (ridge, fitted on 4,000 training clips) reads from its vectors on the validation split, all
that it shares with the other side of its pair at once, and these on clips that the tower was trained on (the classifier fitted on half of the 4,000,
asked of the others).  For each pair, R@1 both ways among 256, never trained as pairs: of the towers' vectors; of the mean vectors of the captions; and
of vectors that ridge fits to these means from the true attributes and their products, which is what towers that see every attribute would give.  Nothing here is needed by `make test`."""
import json, os, subprocess, sys, tempfile
import numpy as np

if len(sys.argv) != 4: sys.exit(__doc__)
command, model, synth = sys.argv[1:]
PAIRS = (('depth', 'image', 'shape size distance relation count'), ('thermal', 'image', 'shape size distance relation count'), ('audio', 'video', 'material size hits'))
with open(os.path.join(synth, 'attributes.tsv')) as f: head, *rows = [l.rstrip('\n').split('\t') for l in f]
of = {r[0]: dict(zip(head, r)) for r in rows}
names = ['shape', 'colour', 'material', 'size', 'temperature', 'motion', 'hits', 'distance', 'relation', 'count']
values = {n: sorted({a[n] for a in of.values()}) for n in names}
label = lambda clips, n: np.array([values[n].index(of[c][n]) for c in clips])

def embed(how, lines):
    with tempfile.TemporaryDirectory() as d:
        to = os.path.join(d, 'v.npy')
        with open(os.path.join(d, 'list'), 'w') as f: f.write('\n'.join(lines) + '\n')
        subprocess.run([command, 'embed', '-m', model, how, f.name, '-o', to], check=True)
        return np.load(to)
def clips(modality, split, most):
    """{clip: (its first file, the captions of all its files)}"""
    out = {}
    with open(os.path.join(synth, modality + '.jsonl')) as f:
        for line in f:
            o = json.loads(line)
            if o['split'] != split or (o['group'] not in out and len(out) == most): continue
            out.setdefault(o['group'], (os.path.join(synth, o['file']), []))[1].extend(o['captions'])
    return out
def ridge(x, t, penalty):
    if len(x) < x.shape[1]: return x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), t)
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ t)
def told(clip):
    """One-hot attributes and their products."""
    out = []
    for c in clip:
        v = np.concatenate([[1]] + [np.eye(len(values[n]))[values[n].index(of[c][n])] for n in names])
        out.append(np.concatenate([v, 0.5 * np.outer(v, v)[np.triu_indices(len(v), 1)]]).astype(np.float32))
    return np.array(out)
def mean_texts(c):
    which = np.repeat(np.arange(len(c)), [len(v[1]) for v in c.values()]); e = embed('--text-file', [t for v in c.values() for t in v[1]])
    out = np.zeros((len(c), e.shape[1])); np.add.at(out, which, e)
    return out / np.bincount(which)[:, None]
def both_ways(a, b, rounds=20, gallery=256):
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b)); rng = np.random.default_rng(0); r = []
    for _ in range(rounds):
        p = rng.permutation(len(a))[:gallery]; s = a[p] @ b[p].T; own = np.diag(s)
        r.append([np.mean((s >= own[:, None]).sum(1) == 1), np.mean((s >= own[None]).sum(0) == 1)])
    return '%5.1f %5.1f' % tuple(100 * np.mean(r, 0))

vectors, captions, fitted = {}, {}, {}
def bias(x): return np.hstack([8 * x, np.ones((len(x), 1))])
def read(x, of_x, q, of_q):
    """For each attribute, whether a classifier fitted on vectors x of clips of_x is right about q."""
    return {n: (bias(q) @ ridge(bias(x), np.eye(len(values[n]))[label(of_x, n)], 0.1)).argmax(1) == label(of_q, n) for n in names}

for m in ('image', 'depth', 'thermal', 'video', 'audio'):
    train, val = clips(m, 'train', 4000), clips(m, 'val', 10 ** 9); ids = list(train); half = len(ids) // 2
    x, vectors[m] = (embed('--list', [m + ':' + v[0] for v in c.values()]) for c in (train, val))
    shared = next(s for a, b, s in PAIRS if m in (a, b)).split()
    right, seen = read(x, ids, vectors[m], list(val)), read(x[:half], ids[:half], x[half:], ids[half:])
    at_once = [100 * np.all([r[n] for n in shared], 0).mean() for r in (right, seen)]
    print('%-8s' % m, ' '.join('%s %.1f' % (n, 100 * right[n].mean()) for n in names), '| %s at once %.1f, of clips trained on %.1f' % (', '.join(shared), *at_once), flush=True)
    t, captions[m] = mean_texts(train), mean_texts(val)
    fitted[m] = told(val) @ ridge(told(train), t - t.mean(0), 3) + t.mean(0)
for a, b, _ in PAIRS: print('%s and %s: towers %s, captions %s, from the true attributes %s' % (a, b, both_ways(vectors[a], vectors[b]), both_ways(captions[a], captions[b]), both_ways(fitted[a], fitted[b])))
