#!/usr/bin/env python3
"""Needs: python3 (standard library), the unpacked package wordnet-base.

    python3 tools/data/wordnet.py PACKAGES DIR

Texts alone, for the text tower: DIR/wordnet.tsv, a row a thing that can be seen or heard (WordNet's nouns of animals, artifacts, bodies, food, objects,
people, plants, phenomena, shapes), its captions being its names, its kind, and the first clause of its definition.  So a word that no picture of the
training data shows still stands near its like.  Familiar words only: lower-case, one or two words, each of which definitions use (WordNet's own
definitions are the corpus: at least USED times, or the sense is counted in its tagged texts).  A name stands for the first of its senses that is
such a thing.  Nothing of this depends on what is tested later."""
import os
import re
import sys
from common import *

KINDS = {5: 'animal', 6: 'artifact', 8: 'body', 13: 'food', 17: 'object', 18: 'person', 19: 'phenomenon', 20: 'plant', 25: 'shape'}
USED, NAMES, DEPTH, CLAUSE = 2, 3, 2, 14
TOO_WIDE = set('entity|physical entity|object|whole|thing|artifact|living thing|organism|matter|abstraction|causal agent|unit|instrumentality|physical object|artefact|being|instrumentation|substance|solid|body part|part|piece'.split('|'))


def read(path):
    """{offset: (lexical file, names, hypernyms, definition)}"""
    out = {}
    for line in open(path, encoding='latin-1'):
        if line.startswith('  '): continue
        data, gloss = line.split(' | ', 1)
        f = data.split()
        n = int(f[3], 16)
        names, p = [f[4 + 2 * i] for i in range(n)], 4 + 2 * n
        up = [f[p + 2 + 4 * i] for i in range(int(f[p])) if f[p + 1 + 4 * i] == '@']
        out[f[0]] = (int(f[1]), [w.split('(')[0].replace('_', ' ') for w in names], up, gloss.strip())
    return out


def senses(path):
    """{name: [offsets, the most frequent sense first]}"""
    out = {}
    for line in open(path, encoding='latin-1'):
        if line.startswith('  '): continue
        f = line.split()
        out[f[0].replace('_', ' ')] = f[-int(f[2]):]
    return out


def clause(gloss):
    """The definition's first clause, without brackets and examples."""
    text = clean(re.split(r'[;:"]', re.sub(r'\([^)]*\)', ' ', gloss))[0])
    words = text.split()
    return text if 2 < len(words) <= CLAUSE else ' '.join(words[:CLAUSE]) if len(words) > CLAUSE else ''


def main(argv):
    usage(__doc__, argv, 2)
    packages, folder = argv[1:]
    root = packages + '/wordnet-base/usr/share/wordnet/'
    synsets, order = read(root + 'data.noun'), senses(root + 'index.noun')
    counted = {(l.split()[0].split('%')[0].replace('_', ' ')) for l in open(root + 'cntlist.rev', encoding='latin-1') if '%1:' in l}
    used = {}
    for _, _, _, gloss in synsets.values():
        for w in set(re.findall('[a-z]+', gloss)): used[singular(w)] = used.get(singular(w), 0) + 1

    def familiar(name):
        words = name.split()
        return name == name.lower() and re.fullmatch(r"[a-z' -]{3,20}", name) and len(words) <= 2 and (name in counted or all(used.get(singular(w), 0) >= USED for w in words))

    mine = {}                                             # offset -> the names that stand for it
    for name, offsets in order.items():
        if not familiar(name): continue
        first = next((o for o in offsets if synsets[o][0] in KINDS), None)
        if first and (offsets.index(first) < 3): mine.setdefault(first, []).append(name)
    items = []
    for o in sorted(mine):
        kind, names, up, gloss = synsets[o]
        names = [n for n in names if n in mine[o]][:NAMES]
        if not names: continue
        chain, at = [], o
        while len(chain) < DEPTH and synsets[at][2]:
            at = synsets[at][2][0]
            w = next((n for n in synsets[at][1] if n == n.lower()), '')
            if w and w not in TOO_WIDE: chain.append(w)
            elif w in TOO_WIDE: break
        kinds = chain + ([KINDS[kind]] if KINDS[kind] not in chain else [])
        n = names[0]
        text = clause(gloss)
        items.append(Item(o, 'text', unique(names + ['%s: %s' % (n, ', '.join(unique(kinds + names[1:]))), 'a drawing of ' + article(n), ', '.join(unique(kinds + names[1:])), text, '%s, %s' % (names[-1], kinds[0])]), o, 'train'))
    write_manifest(folder + '/wordnet.tsv', items)
    credit(folder, 'wordnet', 'WordNet 3.0 (Debian wordnet-base): (c) 2006 Princeton University; WordNet 3.0 licence (free use, copying and change with this notice). https://wordnet.princeton.edu/')


if __name__ == '__main__': main(sys.argv)
