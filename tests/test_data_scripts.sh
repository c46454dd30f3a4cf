#!/bin/sh
# tools/data: the parsers over files made here (a colour font, a SoundFont, CLDR annotations, a Qt resource, an IDX file, a furniture catalog), the rules for
# words and splits, prepare over pictures and sounds, wrong use.  The packages themselves are not needed.
B=${B:-build}
command -v python3 >/dev/null || { echo "skip test_data_scripts: python3 is missing"; echo "test_data_scripts: 0 passed, 0 failed, 1 skipped"; exit 0; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lbdata.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT INT TERM
${CC:-cc} -O0 -I. tools/data/prepare.c -o "$tmp/prepare" -lm || { echo "FAIL prepare.c does not compile"; echo "test_data_scripts: 0 passed, 1 failed, 0 skipped"; exit 1; }
export B; PYTHONDONTWRITEBYTECODE=1 python3 - "$tmp" <<'PY'
import array, contextlib, io, math, os, struct, subprocess, sys, wave, zipfile, zlib
sys.path.insert(0, 'tools/data')
import clipart, common, emoji, fashion, furniture, instruments, sounds, wordnet
tmp, passed, failed = sys.argv[1], 0, 0


def test(f):
    global passed, failed
    try: f(); passed += 1
    except Exception as e: failed += 1; print('FAIL test_data_scripts %s: %s: %s' % (f.__name__, type(e).__name__, e))


def same(a, b):
    if a != b: raise AssertionError('%r, expected %r' % (a, b))


def png(w, h, rgba):
    chunk = lambda k, d: struct.pack('>I', len(d)) + k + d + struct.pack('>I', zlib.crc32(k + d))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 6, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + rgba[4 * w * y:4 * w * (y + 1)] for y in range(h)))) + chunk(b'IEND', b'')


def font():
    """Glyphs 1 (a cat), 2 (a joiner) and 3 (cat + joiner + cat): bitmaps for 1 and 3."""
    cmap = struct.pack('>HHHHIHHIIIIII', 0, 1, 3, 10, 12, 12, 0, 28 + 12, 0, 2, 0x200D, 0x200D, 2) + struct.pack('>III', 0x1F408, 0x1F408, 1)
    ligature = struct.pack('>HHHHHHHHHHHHHH', 1, 8, 1, 14, 1, 1, 1, 1, 4, 3, 3, 2, 1, 0)          # format, coverage, sets, set 0; coverage of glyph 1; one ligature 3 = 1 2 1
    lookup = struct.pack('>HHHH', 4, 0, 1, 8) + ligature
    gsub = struct.pack('>IHHH', 0x10000, 0, 0, 10) + struct.pack('>HH', 1, 4) + lookup
    bits = [b'one', None, b'three!']
    data, offsets = struct.pack('>I', 0x30000), []
    for g in bits:
        offsets.append(len(data) - 4)
        if g: data += bytes(5) + struct.pack('>I', len(g)) + g
    offsets.append(len(data) - 4)
    sub = struct.pack('>HHI', 1, 17, 4) + struct.pack('>4I', *offsets)
    array_ = struct.pack('>HHI', 1, 3, 8) + sub
    size = struct.pack('>IIII', 56, len(array_), 1, 0) + bytes(24) + struct.pack('>HH', 1, 3) + bytes([109, 109, 32, 1])
    cblc = struct.pack('>II', 0x30000, 1) + size + array_
    tables = {b'cmap': cmap, b'GSUB': gsub, b'CBLC': cblc, b'CBDT': data}
    at, head, body = 12 + 16 * len(tables), b'\0\1\0\0' + struct.pack('>HHHH', len(tables), 0, 0, 0), b''
    for k, v in tables.items(): head += k + struct.pack('>III', 0, at + len(body), len(v)); body += v
    return head + body


@test
def colour_font():
    f = emoji.Font(font())
    same(f.glyph([0x1F408]), b'one'); same(f.glyph([0x1F408, 0xFE0F]), b'one')
    same(f.glyph([0x1F408, 0x200D, 0x1F408]), b'three!')
    same(f.glyph([0x200D]), None); same(f.glyph([0x1F409]), None); same(f.glyph([0x1F408, 0x1F408]), None)


@test
def cldr():
    with open(tmp + '/en.xml', 'w', encoding='utf-8') as o: o.write('<ldml><annotations><annotation cp="\U0001f408">cat | pet</annotation><annotation cp="\U0001f408" type="tts">cat</annotation></annotations></ldml>')
    same(emoji.annotations(tmp + '/en.xml'), {'\U0001f408': ('cat', ['cat', 'pet'])})
    with open(tmp + '/test.txt', 'w', encoding='utf-8') as o: o.write('# group: Animals\n# subgroup: animal-mammal\n1F408 ; fully-qualified # x\n1F408 ; unqualified # x\n1F44B 1F3FB ; fully-qualified # x\n')
    same(emoji.sequences(tmp + '/test.txt'), [([0x1F408], 'Animals', 'animal-mammal')])
    c = emoji.captions_of('cat', ['cat', 'pet'], 'animal-mammal')
    same(c[:4], ['cat', 'cat: pet', 'a drawing of a cat', 'pet, animal mammal'])


@test
def heads():
    for name, head in (('tiger face', 'face'), ('cat with tears of joy', 'cat'), ('woman dancing', 'woman'), ('houses', 'house'), ('flag: aruba', 'flag'), ('cherries', 'cherry'), ('glass', 'glass'), ('thumbs down', 'thumb'), ('map of japan', 'map')):
        same(common.head_noun(name), head)


@test
def split_is_disjoint():
    names = {i: n for i, n in enumerate('%s %s' % (a, b) for a in ('red', 'old', 'flying', 'two') for b in ['thing%d' % k for k in range(300)] + ['ball'])}
    split, nouns = emoji.split_by_head(names)
    count = lambda s: sum(v == s for v in split.values())
    same((count('test'), count('val')), (200, 80))
    train = {common.head_noun(names[i]) for i in names if split[i] == 'train'}
    same(train & set(nouns), set()); same('ball' in train, True)
    same(emoji.split_by_head(dict(reversed(list(names.items()))))[0], split)


@test
def clip_art_names():
    svg = '<svg><metadata><dc:title>Cigno</dc:title><dc:description>a &amp; b</dc:description><rdf:li>bird</rdf:li><dc:creator><cc:Agent><dc:title>Architetto Francesco Rollandin</dc:title></cc:Agent></dc:creator></metadata></svg>'
    title, description, keys, creator = clipart.metadata(svg)
    same((title, description, keys), ('Cigno', 'a & b', ['bird']))
    same(clipart.title_name(title, creator), 'swan')
    same(clipart.stem_name('straw_tote_linda_kim_01', 'Linda Kim'), 'straw tote')
    same(clipart.stem_name('star_65pt03step', ''), 'star with 65 points')
    same(clipart.title_name('Clipart by Nicu Buculei - contour_giraffe', 'Nicu Buculei'), 'giraffe')
    same(clipart.folder_words(['animals', 'mammals', 'big_cats', 'unsorted']), ['animal', 'mammal', 'big cat'])


@test
def sound_font():
    pcm = array.array('h', [int(12000 * math.sin(i * .2)) for i in range(400)])
    gens = lambda *g: b''.join(struct.pack('<HH', *x) for x in g)
    zero = b'\0' * 20
    c = [(b'smpl', pcm.tobytes() if sys.byteorder == 'little' else bytes(800)),
         (b'phdr', b'Flute'.ljust(20, b'\0') + struct.pack('<HHHIII', 73, 0, 0, 0, 0, 0) + zero + struct.pack('<HHHIII', 0, 0, 1, 0, 0, 0)),
         (b'pbag', struct.pack('<HHHH', 0, 0, 1, 0)), (b'pgen', gens((41, 0), (0, 0))),
         (b'inst', b'flute'.ljust(20, b'\0') + struct.pack('<H', 0) + zero + struct.pack('<H', 2)),
         (b'ibag', struct.pack('<HHHHHH', 0, 0, 1, 0, 4, 0)), (b'igen', gens((54, 1), (43, 40 | 80 << 8), (58, 60), (53, 0), (0, 0))),
         (b'shdr', b'a'.ljust(20, b'\0') + struct.pack('<IIIIIBbHH', 0, 400, 100, 300, 22050, 62, 0, 0, 1) + zero + struct.pack('<IIIIIBbHH', 0, 0, 0, 0, 0, 0, 0, 0, 0))]
    body = b''.join(k + struct.pack('<I', len(v)) + v for k, v in c)
    sf = sounds.SoundFont(b'RIFF' + struct.pack('<I', len(body) + 16) + b'sfbk' + b'LIST' + struct.pack('<I', len(body) + 4) + b'pdta' + body)
    same(len(sf.presets), 1); same((sf.keys(sf.presets[0])[0], sf.keys(sf.presets[0])[-1]), (40, 80))
    rate, out = sf.note(sf.presets[0], 72, 100, 0.5)
    same(rate, 44100); same(len(out), 22050)                       # an octave above the root key; the loop goes on
    same(sf.note(sf.presets[0], 90, 100, 0.5), None)
    if sys.byteorder == 'little': same(list(out[500:600]), list(pcm[100:200]))       # 400 is 200 repeats of the loop 100..299 after the first


@test
def qt_resource():
    name = lambda s: struct.pack('>HI', len(s), 0) + s.encode('utf-16-be')
    names = name('music') + name('a.ogg') + name('b.ogg')
    blob = struct.pack('>I', 4) + b'plai' + (lambda z: struct.pack('>I', len(z) + 4) + struct.pack('>I', 5) + z)(zlib.compress(b'small'))
    node = lambda *a: struct.pack('>IHIIQ', *a) if a[1] & 2 else struct.pack('>IHHHIQ', *a)
    tree = node(0, 2, 1, 1, 0) + node(0, 2, 2, 2, 0) + node(16, 0, 0, 0, 0, 0) + node(32, 1, 0, 0, 8, 0)
    data = b'qres' + struct.pack('>IIII', 3, 24 + len(blob) + len(names), 24, 24 + len(blob)) + bytes(4) + blob + names + tree
    same(list(instruments.rcc(data)), [('music/a.ogg', b'plai'), ('music/b.ogg', b'small')])


@test
def idx_and_png():
    same(fashion.idx(struct.pack('>IIII', 0x803, 1, 2, 2) + b'abcd', 0x803), ((1, 2, 2), b'abcd'))
    same(fashion.grey_png(2, 2, b'abcd')[:8], b'\x89PNG\r\n\x1a\n')


@test
def furniture_catalog():
    pieces = furniture.catalog('name=x\nname#1=Caf\\u00e9 table\nmodel#1=/a/b.obj\nname#2=Book\nmodel#2=/a/c.3ds\n')
    same(pieces, [{'name': 'Caf\u00e9 table', 'model': '/a/b.obj'}])
    same(furniture.upright('v 1 2 3\nf 1 1 1\n', '1 0 0 0 0 -1 0 1 0'), 'v 1 -3 2\nf 1 1 1\n')
    models = {'m%d' % i: 'thing%d' % (i // 2) for i in range(820)}
    split = furniture.splits(models)
    count = lambda s: sum(v == s for v in split.values())
    same((count('test'), count('disjoint')), (160, 80))
    same({models[i] for i in models if split[i] == 'disjoint'} & {models[i] for i in models if split[i] != 'disjoint'}, set())


@test
def furniture_rendered():
    command = os.path.join(os.environ.get('B', 'build'), 'languagebind')
    pieces = ['chair', 'bed', 'chair', 'lamp', 'sofa bed', 'chair']                               # by name: chairs and beds are tested and trained on, lamps are kept apart
    for n, library in enumerate(furniture.LIBRARIES):
        path = '%s/packages/sweethome3d-furniture/usr/share/sweethome3d/furniture/%s.sh3f' % (tmp, library); os.makedirs(os.path.dirname(path), exist_ok=True)
        with zipfile.ZipFile(path, 'w') as z:
            mine = pieces if n == 0 else []
            z.writestr('PluginFurnitureCatalog.properties', ''.join('name#%d=%s\nmodel#%d=/a/b/m%d.obj\nwidth#%d=50\ndepth#%d=50\nheight#%d=90\n' % (i, p, i, i, i, i, i) for i, p in enumerate(mine)))
            for i in range(len(mine)): z.writestr('a/b/m%d.obj' % i, 'v 0 0 0\nv 1 0 0\nv 0 1 %d\nf 1 2 3\n' % i)
    furniture.TEST, furniture.DISJOINT, furniture.SIDE = 2, 1, 16
    with contextlib.redirect_stdout(io.StringIO()) as said: furniture.main(['furniture.py', tmp + '/packages', tmp + '/furniture', command, '2'])
    rows = lambda m: [l.split('\t') for l in open('%s/furniture/furniture-%s.tsv' % (tmp, m)).read().splitlines()[1:]]
    split = {r[0].split('-m')[1][0]: r[-1] for r in rows('depth')}
    same(sorted(split.values()), ['disjoint', 'test', 'test', 'train', 'train', 'train'])
    train = [i for i in split if split[i] == 'train']; name = lambda i, v: 'furniture/katorlegaz-m%s-%d-depth.png' % (i, v)
    same({r[0] for r in rows('depth')}, {name(i, 0) for i in split} | {name(i, 1) for i in train})
    for m in ('image', 'depth', 'video'): same([r[0] for r in rows(m) if not os.path.exists(tmp + '/furniture/' + r[0])], [])
    same((len(rows('image')), len(rows('video'))), (9, 6)); same('could not' in said.getvalue(), False)


@test
def prepare_pictures():
    red = b''.join(bytes((255, 0, 0, 255)) if 10 <= x < 30 and 5 <= y < 15 else bytes(4) for y in range(40) for x in range(60))
    with open(tmp + '/in.png', 'wb') as f: f.write(png(60, 40, red))
    with open(tmp + '/none.png', 'wb') as f: f.write(png(8, 8, bytes(256)))
    done = common.prepare(tmp + '/prepare', [(tmp + '/in.png', tmp + '/out/a.png', 32), (tmp + '/none.png', tmp + '/out/b.png', 32), (tmp + '/missing.png', tmp + '/out/c.png', 32)])
    same(list(done), [tmp + '/out/a.png'])
    if not 0.35 < done[tmp + '/out/a.png'][0] < 0.55: raise AssertionError('a 2:1 box fills %g of its square' % done[tmp + '/out/a.png'][0])
    same(os.path.exists(tmp + '/out/b.png'), False)


@test
def variants():
    quarter = b''.join(bytes((255, 0, 0, 255)) if x < 16 and y < 16 else b'\xff' * 4 for y in range(64) for x in range(64))
    with open(tmp + '/q.png', 'wb') as f: f.write(png(64, 64, quarter))
    os.makedirs(tmp + '/k', exist_ok=True)
    common.prepare(tmp + '/prepare', [(tmp + '/q.png', tmp + '/k/%s.png' % n, 64) for n in 'ab'])
    items = [common.Item('k/a.png', 'image', ['a thing', 'thing: red, small'], 'thing', 'train'), common.Item('k/b.png', 'image', ['left'], 'left', 'test')]
    common.write_variants(tmp + '/prepare', tmp, 'k', items)
    rows = [l.rstrip('\n').split('\t') for l in open(tmp + '/k-more.tsv')]
    same([r[0] for r in rows[1:]], ['k-more/a-0.png', 'k-more/a-1.png', 'k-more/a-2.png']); same(rows[1][1:], ['image', 'a thing', 'thing: red, small', 'thing', 'train'])
    files = [open(tmp + '/k-more/a-%d.png' % k, 'rb').read() for k in range(3)]
    same(len(set(files)), 3)
    common.write_variants(tmp + '/prepare', tmp, 'k', items); same([open(tmp + '/k-more/a-%d.png' % k, 'rb').read() for k in range(3)], files)


@test
def wordnet_texts():
    root = tmp + '/packages/wordnet-base/usr/share/wordnet'
    os.makedirs(root)
    notice = '  1 a licence  \n'
    open(root + '/data.noun', 'w').write(notice + '00000001 03 n 01 entity 0 000 | that which is  \n00000002 05 n 02 dog 0 domestic_dog 0 001 @ 00000003 n 0000 | a member (rare) of the genus; "the dog barked"  \n'
        '00000003 05 n 01 canine 0 001 @ 00000001 n 0000 | a domestic dog or a canine animal  \n00000004 05 n 01 Canis 0 001 @ 00000001 n 0000 | a genus of a dog, canine  \n00000005 04 n 01 race 0 000 | a contest; "a dog race"  \n')
    open(root + '/index.noun', 'w').write(notice + 'entity n 1 0 1 0 00000001  \ndog n 2 1 @ 2 1 00000005 00000002  \ndomestic_dog n 1 1 @ 1 0 00000002  \ncanine n 1 1 @ 1 0 00000003  \ncanis n 1 1 @ 1 0 00000004  \nrace n 1 0 1 0 00000005  \n')
    open(root + '/cntlist.rev', 'w').write('domestic_dog%1:05:00:: 1 7\n')
    wordnet.main(['wordnet.py', tmp + '/packages', tmp])
    rows = [l.rstrip('\n').split('\t') for l in open(tmp + '/wordnet.tsv')][1:]
    same([r[0] for r in rows], ['00000002', '00000003'])           # what cannot be seen, or is not written small, is left out
    same(rows[0][1:-2], ['text', 'dog', 'domestic dog', 'dog: canine, animal, domestic dog', 'a drawing of a dog', 'canine, animal, domestic dog', 'a member of the genus', 'domestic dog, canine'])
    same(rows[1][2:4], ['canine', 'canine: animal'])
    same(wordnet.clause('one (two) three ' + 'four ' * 20 + '; five'), ' '.join(['one', 'three'] + ['four'] * 12))


@test
def prepare_sounds():
    with wave.open(tmp + '/in.wav', 'wb') as w: w.setnchannels(1); w.setsampwidth(2); w.setframerate(32000); w.writeframes(bytes(32000) + array.array('h', [int(3000 * math.sin(i * .1)) for i in range(32000)]).tobytes())
    done = common.prepare(tmp + '/prepare', [(tmp + '/in.wav', tmp + '/out/a.wav', 0.5)], '--sound')
    with wave.open(tmp + '/out/a.wav') as w: same((w.getframerate(), w.getnchannels(), w.getnframes()), (16000, 1, 8000)); pcm = array.array('h', w.readframes(8000))
    if sys.byteorder == 'little' and not 15000 < max(pcm) < 17500: raise AssertionError('peak %d' % max(pcm))


@test
def wrong_use():
    for s in ('emoji', 'clipart', 'furniture', 'sounds', 'fashion', 'stamps', 'instruments', 'wordnet'):
        same(subprocess.run([sys.executable, 'tools/data/%s.py' % s], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode, 1)
        same(subprocess.run([sys.executable, 'tools/data/%s.py' % s, '--help'], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode, 0)
    same(subprocess.run(['sh', 'tools/data/fetch.sh'], stderr=subprocess.PIPE).returncode, 2)
    p = subprocess.run(['sh', 'tools/data/fetch.sh', tmp + '/x', 'cats'], stderr=subprocess.PIPE)
    same((p.returncode, b'no source cats' in p.stderr, os.path.exists(tmp + '/x')), (2, True, False))
    same(subprocess.run([tmp + '/prepare'], input=b'nonsense\n', stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode, 1)
    same(subprocess.run([tmp + '/prepare', '--what'], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode, 2)


print('test_data_scripts: %d passed, %d failed, 0 skipped' % (passed, failed))
sys.exit(failed > 0)
PY
