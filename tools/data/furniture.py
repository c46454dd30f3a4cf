#!/usr/bin/env python3
"""Needs: python3 (standard library), the command (`make`), the unpacked package sweethome3d-furniture.

    python3 tools/data/furniture.py PACKAGES DIR LANGUAGEBIND [VIEWS]

The 820 models of Sweet Home 3D's furniture libraries, rendered by `languagebind render`: VIEWS (default 6) pictures and depth maps (16-bit PNG, mm) of each,
128 pixels, and a turntable of 8 frames (Motion-JPEG in MP4).  DIR/furniture-image.tsv, furniture-depth.tsv and furniture-video.tsv.  Names, tags, sizes and
authors come from the catalogs inside the .sh3f files.  Camera, light, room and pose of picture, depth map and turntable are drawn apart.

Splits, the same in the three manifests: `test` holds 160 models whose names are all different, whole models, so a chair may be tested that training has not
seen while other chairs are trained on; `disjoint` is every model whose name's head noun is one of those kept out of training entirely (about 80 models);
both are drawn by a checksum.  Of held-out models view 0 only is listed.  Pictures (not depth maps) whose name has a noun that emoji hold out
(emoji-heldout.txt, where emoji.py ran before) are `near` instead of `train`."""
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import zipfile
from common import *

TEST, DISJOINT, SIDE = 160, 80, 128
LIBRARIES = ('KatorLegaz', 'Reallusion', 'Scopia', 'BlendSwap-CC-BY', 'BlendSwap-CC-0')
LICENCE = {'KatorLegaz': 'CC-BY 3.0 US', 'Reallusion': 'CC-BY 3.0 US', 'Scopia': 'CC-BY 3.0', 'BlendSwap-CC-BY': 'CC-BY 3.0', 'BlendSwap-CC-0': 'CC0 1.0'}
TAG_JUNK = re.compile(r'blend ?swap|scopia|kator|reallusion|new|^$')


def catalog(text):
    """PluginFurnitureCatalog.properties -> [{key: value}] of its pieces; \\uXXXX is undone."""
    pieces = collections.OrderedDict()
    for line in text.splitlines():
        m = re.match(r'([A-Za-z]+)#(\d+)=(.*)', line)
        if m: pieces.setdefault(int(m.group(2)), {})[m.group(1)] = re.sub(r'\\u([0-9a-fA-F]{4})', lambda c: chr(int(c.group(1), 16)), m.group(3)).strip()
    return [p for p in pieces.values() if p.get('model', '').lower().endswith('.obj') and p.get('name')]


def upright(obj, rotation):
    """The v and vn lines of an OBJ turned by a 3 x 3 matrix (nine numbers, rows)."""
    r = [float(x) for x in rotation.split()]
    out = []
    for line in obj.splitlines():
        p = line.split()
        if p and p[0] in ('v', 'vn') and len(p) >= 4:
            c = [float(x) for x in p[1:4]]
            line = '%s %.6g %.6g %.6g' % ((p[0],) + tuple(sum(r[3 * i + k] * c[k] for k in range(3)) for i in range(3)))
        out.append(line)
    return '\n'.join(out) + '\n'


def captions_of(name, tags, category, modality):
    words = unique([t for t in tags if t != name and not TAG_JUNK.search(t)])
    what = name if (name.endswith('s') and not name.endswith('ss')) else article(name)
    kind = {'image': ('a 3-d model of %s', 'a rendered picture of %s'), 'depth': ('a depth map of %s', 'a range image showing %s'), 'video': ('a turntable video of %s', '%s turning around')}[modality]
    place = {'miscellaneous': '', 'exterior': 'outdoors', 'characters': 'people', 'lights': 'light', 'doors and windows': 'house', 'vehicles': 'vehicle'}.get(category, category)
    return unique([name, kind[0] % what, '%s: %s' % (name, ', '.join(words + [place])) if words else '', kind[1] % what + (', ' + place if place else ''), what])


def splits(models):
    """{id: name} -> {id: split}; see the top."""
    heads = collections.defaultdict(list)
    for i, n in models.items(): heads[head_noun(n)].append(i)
    out, count = {}, 0
    for h in sorted(heads, key=lambda h: rank('furniture-disjoint', h)):
        if len(heads[h]) <= 6 and count + len(heads[h]) <= DISJOINT:
            count += len(heads[h])
            for i in heads[h]: out[i] = 'disjoint'
    names = {}
    for i in sorted(models, key=lambda i: rank('furniture-test', i)):
        if i not in out and len(names) < TEST and names.setdefault(models[i], i) == i: out[i] = 'test'
    for i in models: out.setdefault(i, 'train')
    return out


def render(job):
    lb, obj, out, metres, views = job
    p = subprocess.run([lb, 'render', obj, '-o', out, '--size', str(SIDE), '--views', str(views), '--metres', '%.3f' % metres, '--threads', '1'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return (obj, p.stderr.decode(errors='replace').strip()) if p.returncode else None


def main(argv):
    views = int(argv.pop()) if len(argv) == 5 and argv[4].isdigit() else 6
    usage(__doc__, argv, 3)
    packages, folder, lb = argv[1:]
    out = folder + '/furniture'
    os.makedirs(out, exist_ok=True)
    models, jobs = collections.OrderedDict(), []
    for library in LIBRARIES:
        z = zipfile.ZipFile('%s/sweethome3d-furniture/usr/share/sweethome3d/furniture/%s.sh3f' % (packages, library))
        src = '%s/models/%s' % (folder + '/furniture', library)
        z.extractall(src, [n for n in z.namelist() if n.count('/') > 1 and not n.startswith('/') and '..' not in n])
        for piece in catalog(z.read('PluginFurnitureCatalog.properties').decode('latin-1')):
            rel = piece['model'].lstrip('/')
            ident = library.lower() + '-' + re.sub(r'[^A-Za-z0-9]+', '-', rel[rel.index('/') + 1:-4].split('/')[-1])
            if ident in models: continue
            text = z.read(rel).decode('latin-1')
            if 'modelRotation' in piece: text = upright(text, piece['modelRotation'])
            obj = '%s/%s/%s.obj' % (src, os.path.dirname(rel), ident)
            with open(obj, 'w', encoding='latin-1') as f: f.write(text)
            size = max(float(piece[k]) for k in ('width', 'depth', 'height')) / 100
            name = clean(re.sub(r'\([^)]*\)', '', piece['name']))
            models[ident] = (name, [clean(t) for t in piece.get('tags', '').split(',')], clean(piece.get('category', '')), piece.get('creator', ''), library)
            jobs.append((lb, obj, out, max(size, 0.01), views))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for n, bad in enumerate(pool.map(render, jobs)):
            if bad: print('%s could not be rendered: %s' % bad)
    split = splits({i: m[0] for i, m in models.items()})
    heldout = {l.split('\t')[0] for l in open(folder + '/emoji-heldout.txt', encoding='utf-8')} if os.path.exists(folder + '/emoji-heldout.txt') else set()
    for modality in ('image', 'depth', 'video'):
        items = []
        for i, (name, tags, category, _, _) in models.items():
            files = ['%s.mp4' % i] if modality == 'video' else ['%s-%d%s.png' % (i, v, '-depth' if modality == 'depth' else '') for v in range(views if split[i] == 'train' else 1)]
            items += [Item('furniture/' + f, modality, captions_of(name, tags, category, modality), name, 'near' if modality == 'image' and split[i] == 'train' and words_of(name) & heldout else split[i]) for f in files if os.path.exists(out + '/' + f)]
        write_manifest('%s/furniture-%s.tsv' % (folder, modality), items)
    lines = ['3D models of Sweet Home 3D\'s libraries (Debian sweethome3d-furniture 1.8), converted by Emmanuel Puybaret / eTeks; rendered, that is changed, here:']
    for library in LIBRARIES:
        who = sorted({m[3] for m in models.values() if m[4] == library and m[3]})
        lines.append('  %s (%s): %s' % (library, LICENCE[library], ', '.join(who)))
    credit(folder, 'furniture', '\n'.join(lines))


if __name__ == '__main__': main(sys.argv)
