#!/usr/bin/env python3
"""Writes tests/golden/eval.safetensors.gz: score matrices and their metrics.

    LANGUAGEBIND_UPSTREAM=folder of a clone python3 tests/reference/make_eval.py tests/golden/eval.safetensors.gz

Retrieval with upstream=1 comes from upstream's own vl_ret/metrics.py.  The rest is written here straight from the definitions (every pair, every
threshold), in another form than the implementation: average precision as in scikit-learn's documentation, AUC by counting pairs."""
import importlib.util
import os
import statistics
import sys

import numpy as np
import torch
from golden import store

spec = importlib.util.spec_from_file_location('metrics', os.path.join(os.environ['LANGUAGEBIND_UPSTREAM'], 'vl_ret', 'metrics.py'))
upstream = importlib.util.module_from_spec(spec)
spec.loader.exec_module(upstream)
rng = np.random.default_rng(5)
out = {}

# classification: 300 samples, 7 classes, scores on a coarse grid so that ties occur
s = np.round(rng.normal(size=(300, 7)) * 2) / 2
y = rng.integers(0, 6, 300)                       # class 6 never occurs
s[np.arange(300), y] += np.where(rng.random(300) < .5, 1.5, 0)
s = s.astype(np.float32)
own = s[np.arange(300), y][:, None]
rank = (s >= own).sum(1) - 1
hit = rank == 0
per = np.array([hit[y == c].mean() if (y == c).any() else np.nan for c in range(7)])
conf = np.zeros((7, 7), np.uint32)
np.add.at(conf, (y, s.argmax(1)), 1)
out.update(c_scores=s, c_labels=y.astype(np.uint32), c_metrics=np.array([hit.mean(), (rank < 5).mean(), np.nanmean(per)]), c_per=per, c_confusion=conf)

# multi-label: 200 samples, 6 classes, the last without a positive, the one before without a negative
s = (np.round(rng.normal(size=(200, 6)) * 3) / 3).astype(np.float32)
t = (rng.random((200, 6)) < .2).astype(np.uint8)
t[:, 5], t[:, 4] = 0, 1
s[:, :3] += t[:, :3]
ap, auc = [], []
for c in range(6):
    p = t[:, c] == 1
    if not p.any():
        ap.append(np.nan)
        continue
    a, last = 0.0, 0.0
    for th in sorted(set(s[:, c].tolist()), reverse=True):
        sel = s[:, c] >= th
        recall, precision = p[sel].sum() / p.sum(), p[sel].mean()
        a += (recall - last) * precision
        last = recall
    ap.append(a)
    if not p.all():
        d = s[p, c][:, None].astype(float) - s[~p, c][None]
        auc.append(((d > 0) + .5 * (d == 0)).mean())
m = np.mean(auc)
out.update(m_scores=s, m_truth=t, m_per=np.array(ap), m_metrics=np.array([np.nanmean(ap), m, np.sqrt(2) * statistics.NormalDist().inv_cdf(m)]))


def clean(rank):
    return [(rank < 1).mean(), (rank < 5).mean(), (rank < 10).mean(), np.median(rank) + 1, rank.mean() + 1]


# retrieval, one text an item, with ties
n = 60
x = np.round(rng.normal(size=(n, n)) * 8) / 8
x[np.arange(n), np.arange(n)] += rng.random(n).round(1) * 3
x = x.astype(np.float32)
d = np.diag(x)
rank_i, rank_t = (x >= d[:, None]).sum(1) - 1, (x >= d[None]).sum(0) - 1


def theirs(v):
    return [v['R1'] / 100, v['R5'] / 100, v['R10'] / 100, v['MedianR'], v['MeanR']]


out.update(r_sim=x, r_rank_item=rank_i.astype(np.float64), r_rank_text=rank_t.astype(np.float64), r_clean=np.array([clean(rank_i), clean(rank_t)]),
           r_upstream=np.array([theirs(upstream.compute_metrics(x)), theirs(upstream.compute_metrics(x.T))]))

# retrieval, one to four texts an item, no ties (upstream's order among equals is that of an unstable sort)
items, owner = 40, []
for i in range(items):
    owner += [i] * int(rng.integers(1, 5))
owner = np.array(owner)
if len(owner) % 2:
    owner = np.append(owner, items - 1)
x = rng.normal(size=(len(owner), items)).astype(np.float32)
x[np.arange(len(owner)), owner] += 1.5
most = np.bincount(owner).max()
padded = np.full((items, most, items), -np.inf, np.float32)
for i in range(items):
    k = x[owner == i]
    padded[i, :len(k)] = k
t2v = upstream.tensor_text_to_video_metrics(torch.tensor(padded))
v2t = upstream.compute_metrics(upstream.tensor_video_to_text_sim(torch.tensor(padded)).numpy())
best = padded.max(1)
rank_i = (x >= x[np.arange(len(owner)), owner][:, None]).sum(1) - 1
rank_t = (best >= np.diag(best)[None]).sum(0) - 1
out.update(g_sim=x, g_owner=owner.astype(np.uint32), g_clean=np.array([clean(rank_i), clean(rank_t)]), g_upstream=np.array([theirs(t2v), theirs(v2t)]))
store(sys.argv[1], {k: np.ascontiguousarray(v) for k, v in out.items()}, {'script': 'tests/reference/make_eval.py', 'versions': 'numpy %s, torch %s' % (np.__version__, torch.__version__)})
