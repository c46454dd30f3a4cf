#!/usr/bin/env python3
"""Needs: python3 (standard library), tools/data/prepare, the unpacked packages tuxpaint-stamps-default and (optional) qabcs-data.

    python3 tools/data/stamps.py PACKAGES DIR PREPARE

For evaluation only: the stamps of Tux Paint (GPL-2) and the pictures of qABCs (GPL-3) are never trained on and not to be passed on.  DIR/stamps/*.png with
DIR/stamps.tsv: PNG stamps that have an English description, without coins, letters and digits (the folder symbols) and without mirrored copies; the group
is the description, so copies of one text count as one.  DIR/qabcs.tsv: pictures named by their files.  DIR/stamps-prints.txt holds the fingerprints
of all, by which clipart.py keeps look-alikes out of training."""
import glob
import os
import sys
from common import *


def description(path):
    """The first line, in English."""
    with open(path, encoding='utf-8', errors='replace') as f: return clean(f.readline())


def main(argv):
    usage(__doc__, argv, 3)
    packages, folder, tool = argv[1:]
    prints = []
    for name, root, tell in (('stamps', '/tuxpaint-stamps-default/usr/share/tuxpaint/stamps/', lambda p: description(p[:-4] + '.txt') if os.path.exists(p[:-4] + '.txt') else ''),
                             ('qabcs', '/qabcs-data/usr/share/qabcs/abcs/all/pics/', lambda p: clean(os.path.basename(p)[:-4]))):
        jobs, text = [], {}
        for path in sorted(glob.glob(packages + root + '**/*.png', recursive=True)):
            rel = os.path.relpath(path, packages + root)
            if rel.startswith('symbols/') or '_mirror' in rel or '_flip' in rel or not tell(path): continue
            out = '%s/%s/%s' % (folder, name, rel.replace('/', '-'))
            jobs.append((path, out, 128)); text[out] = tell(path)
        if not jobs: continue
        done = prepare(tool, jobs)
        items = []
        for _, out, _ in jobs:
            if out not in done: continue
            prints.append(done[out][1])
            items.append(Item(os.path.relpath(out, folder), 'image', [text[out]], text[out], 'test'))
        write_manifest('%s/%s.tsv' % (folder, name), items)
        print('%s: %d different captions' % (name, len({i.captions[0] for i in items})))
    with open(folder + '/stamps-prints.txt', 'w', encoding='utf-8') as f: f.write(''.join(p + '\n' for p in prints))


if __name__ == '__main__': main(sys.argv)
