#!/usr/bin/env python3
"""Needs: python3 (standard library), tools/data/prepare, the unpacked packages fonts-noto-color-emoji, unicode-cldr-core, unicode-data.

    python3 tools/data/emoji.py PACKAGES DIR PREPARE

Drawings of emoji: DIR/emoji/*.png, 128 pixels on white, and DIR/emoji.tsv; emoji-more.tsv: three variants of each training picture; emoji-keywords.tsv:
the held-out ones with "name: keywords" as their only caption.  The PNGs come out of the font (tables CBLC and CBDT), a sequence of code points finds its
glyph through cmap and the ligatures of GSUB; names and keywords are CLDR's English ones; which sequences there are, and their subgroups, tells
emoji-test.txt.

A concept is an emoji without its skin-tone variants, which are left out.  Held-out concepts are split by head noun: names are grouped by the noun
they are about (common.head_noun), groups of more than 6 concepts and nouns that other sources train on by name stay in training, the others are
taken in the order of a checksum of the noun until 200 concepts are in `test`, then until 80 are in `val`.  What else has a held-out noun in its name
is in the split `near`: neither trained on nor tested.  DIR/emoji-heldout.txt lists the nouns, for the other scripts."""
import os
import re
import struct
import sys
import xml.etree.ElementTree as ET
from common import *

TEST, VAL, LARGEST_GROUP = 200, 80, 6


class Font:
    """Bitmaps of a colour font: glyph(code points) -> PNG bytes or None."""
    def __init__(self, data):
        self.d = data
        self.table = {}
        for i in range(self.u16(4)):
            o = 12 + 16 * i
            self.table[data[o:o + 4].decode('latin-1')] = self.u32(o + 8)
        self.cmap = self.read_cmap(self.table['cmap'])
        self.ligatures = self.read_gsub(self.table['GSUB']) if 'GSUB' in self.table else []
        self.png = self.read_bitmaps(self.table['CBLC'], self.table['CBDT'])

    def u16(self, o): return struct.unpack_from('>H', self.d, o)[0]
    def u32(self, o): return struct.unpack_from('>I', self.d, o)[0]

    def read_cmap(self, t):
        out = {}
        for i in range(self.u16(t + 2)):
            s = t + self.u32(t + 4 + 8 * i + 4)
            if self.u16(s) == 12:                         # segmented coverage: first, last, glyph of the first
                for g in range(self.u32(s + 12)):
                    a, b, glyph = struct.unpack_from('>III', self.d, s + 16 + 12 * g)
                    for c in range(a, b + 1): out[c] = glyph + c - a
        return out

    def coverage(self, o):
        n = self.u16(o + 2)
        if self.u16(o) == 1: return [self.u16(o + 4 + 2 * i) for i in range(n)]
        return [g for i in range(n) for g in range(self.u16(o + 4 + 6 * i), self.u16(o + 6 + 6 * i) + 1)]

    def read_gsub(self, t):
        """Lookups of type 4, each {first glyph: [(the others, ligature)]}, longest first."""
        lookups, out = t + self.u16(t + 8), []
        for i in range(self.u16(lookups)):
            lo = lookups + self.u16(lookups + 2 + 2 * i)
            kind, table = self.u16(lo), {}
            for k in range(self.u16(lo + 4)):
                s, what = lo + self.u16(lo + 6 + 2 * k), kind
                if what == 7: what, s = self.u16(s + 2), s + self.u32(s + 4)
                if what != 4: continue
                for n, first in enumerate(self.coverage(s + self.u16(s + 2))):
                    group = s + self.u16(s + 6 + 2 * n)
                    for m in range(self.u16(group)):
                        lig = group + self.u16(group + 2 + 2 * m)
                        rest = tuple(self.u16(lig + 4 + 2 * c) for c in range(self.u16(lig + 2) - 1))
                        table.setdefault(first, []).append((rest, self.u16(lig)))
            for rows in table.values(): rows.sort(key=lambda r: -len(r[0]))
            if table: out.append(table)
        return out

    def read_bitmaps(self, cblc, cbdt):
        """{glyph: PNG} of the largest strike."""
        best, out = None, {}
        for i in range(self.u32(cblc + 4)):
            o = cblc + 8 + 48 * i
            if best is None or self.d[o + 45] > self.d[best + 45]: best = o        # ppemY
        if best is None: return out
        array = cblc + self.u32(best)
        for i in range(self.u32(best + 8)):
            first, last, extra = struct.unpack_from('>HHI', self.d, array + 8 * i)
            s = array + extra
            index, image, base = struct.unpack_from('>HHI', self.d, s)
            base += cbdt
            count = last - first + 1
            if index == 1: at = [(first + k, self.u32(s + 8 + 4 * k), self.u32(s + 12 + 4 * k)) for k in range(count)]
            elif index == 2: size = self.u32(s + 8); at = [(first + k, size * k, size * (k + 1)) for k in range(count)]
            elif index == 3: at = [(first + k, self.u16(s + 8 + 2 * k), self.u16(s + 10 + 2 * k)) for k in range(count)]
            elif index == 4: at = [(self.u16(s + 12 + 4 * k), self.u16(s + 14 + 4 * k), self.u16(s + 18 + 4 * k)) for k in range(self.u32(s + 8))]
            else: size = self.u32(s + 8); at = [(self.u16(s + 24 + 2 * k), size * k, size * (k + 1)) for k in range(self.u32(s + 20))]
            skip = {17: 5, 18: 8, 19: 0}.get(image)       # small metrics, big metrics, none; then a length and a PNG
            if skip is None: continue
            for glyph, a, b in at:
                if b > a: out[glyph] = self.d[base + a + skip + 4:base + a + skip + 4 + self.u32(base + a + skip)]
        return out

    def glyph(self, sequence):
        run = [self.cmap[c] for c in sequence if c in self.cmap]
        if len([c for c in sequence if c != 0xFE0F]) > len(run): return None
        for table in self.ligatures:
            i = 0
            while i < len(run):
                for rest, lig in table.get(run[i], []):
                    if tuple(run[i + 1:i + 1 + len(rest)]) == rest: run[i:i + 1 + len(rest)] = [lig]; break
                i += 1
        return self.png.get(run[0]) if len(run) == 1 else None


def annotations(*paths):
    """CLDR: {emoji: (name, [keywords])}"""
    names, words = {}, {}
    for path in paths:
        for a in ET.parse(path).getroot().iter('annotation'):
            cp, text = a.get('cp').replace('\ufe0f', ''), (a.text or '').strip()
            if a.get('type') == 'tts': names[cp] = text
            else: words[cp] = [w.strip() for w in text.split('|')]
    return {cp: (n, words.get(cp, [])) for cp, n in names.items()}


def sequences(path):
    """emoji-test.txt: (code points, subgroup) of every fully qualified emoji without skin tones."""
    group, sub, out = '', '', []
    for line in open(path, encoding='utf-8'):
        if line.startswith('# group:'): group = line.split(':', 1)[1].strip()
        elif line.startswith('# subgroup:'): sub = line.split(':', 1)[1].strip()
        elif '; fully-qualified' in line:
            cps = [int(c, 16) for c in line.split(';')[0].split()]
            if not any(0x1F3FB <= c <= 0x1F3FF for c in cps): out.append((cps, group, sub))
    return out


def captions_of(name, keywords, subgroup):
    words = [w for w in keywords if w != name]
    new = [w for w in words if w not in name]
    sub = [w for w in clean(subgroup.replace('-', ' ')).split() if w not in ('other', 'symbol')]
    return unique([name,
                   name + (': ' + ', '.join(words) if words else ''),
                   'a drawing of ' + (name if name.startswith(('the ', 'no ')) else article(name)),
                   ', '.join(words + [' '.join(sub)]) if words else '',
                   '%s, %s' % (name, ' '.join(sub)) if sub else '',
                   'an emoji of ' + name,
                   'a picture showing %s, %s' % (name, new[0]) if new else ''])


def split_by_head(names):
    """{concept: name} -> ({concept: split}, {noun: split}); see the top."""
    heads = {}
    for c, n in names.items(): heads.setdefault(head_noun(n), []).append(c)
    split, nouns, have = {}, {}, {'test': 0, 'val': 0}
    for noun in sorted(heads, key=lambda h: rank('emoji', h)):
        which = 'test' if have['test'] < TEST else 'val' if have['val'] < VAL else None
        room = (TEST if which == 'test' else VAL) - have[which] if which else 0
        if not which or len(heads[noun]) > min(LARGEST_GROUP, room) or noun in TRAINED_ELSEWHERE or len(noun) < 3: continue
        nouns[noun] = which; have[which] += len(heads[noun])
        for c in heads[noun]: split[c] = which
    for c, n in names.items():
        if c not in split: split[c] = 'near' if words_of(n) & set(nouns) else 'train'
    return split, nouns


def main(argv):
    usage(__doc__, argv, 3)
    packages, folder, tool = argv[1:]
    font = Font(open(packages + '/fonts-noto-color-emoji/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf', 'rb').read())
    cldr = packages + '/unicode-cldr-core/usr/share/unicode/cldr/common/'
    notes = annotations(cldr + 'annotations/en.xml', cldr + 'annotationsDerived/en.xml')
    os.makedirs(folder + '/emoji/raw', exist_ok=True)
    jobs, found = [], {}
    for cps, group, sub in sequences(packages + '/unicode-data/usr/share/unicode/emoji/emoji-test.txt'):
        key, png = ''.join(map(chr, cps)).replace('\ufe0f', ''), font.glyph(cps)
        if key not in notes or not png: continue
        name, words = clean(notes[key][0]), [clean(w) for w in notes[key][1]]
        stem = '-'.join('%x' % c for c in cps)
        with open('%s/emoji/raw/%s.png' % (folder, stem), 'wb') as f: f.write(png)
        found[stem] = (name, [w for w in unique(words) if w], group, sub)
        jobs.append(('%s/emoji/raw/%s.png' % (folder, stem), '%s/emoji/%s.png' % (folder, stem), 128))
    done = prepare(tool, jobs)
    split, nouns = split_by_head({s: v[0] for s, v in found.items()})
    items = [Item('emoji/%s.png' % s, 'image', captions_of(n, w, sub), n, split[s]) for s, (n, w, group, sub) in found.items() if '%s/emoji/%s.png' % (folder, s) in done]
    write_manifest(folder + '/emoji.tsv', items)
    write_variants(tool, folder, 'emoji', items)
    write_manifest(folder + '/emoji-keywords.tsv', [i._replace(captions=[next((c for c in i.captions if c.startswith(i.group + ': ')), i.group)]) for i in items if i.split in ('test', 'val')])
    with open(folder + '/emoji-heldout.txt', 'w', encoding='utf-8') as f: f.write(''.join('%s\t%s\n' % kv for kv in sorted(nouns.items())))
    credit(folder, 'emoji', 'Noto Color Emoji (Debian fonts-noto-color-emoji): (c) 2013-2017 Google Inc. and Arjen Nienhuis; SIL Open Font License 1.1 (fonts), Apache 2.0 (sources). '
           'https://github.com/googlefonts/noto-emoji\nNames and keywords: Unicode CLDR and the Unicode Character Database (Debian unicode-cldr-core, unicode-data): (c) 1991-2022 Unicode, Inc.; '
           'Unicode-DFS-2016. https://www.unicode.org/license.txt')


if __name__ == '__main__': main(sys.argv)
