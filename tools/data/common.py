"""What the data scripts share: words, splits, manifests.  python3 with its standard library is all they need."""
import os
import re
import subprocess
import sys
import zlib
from collections import namedtuple

Item = namedtuple('Item', 'file modality captions group split')

# Nouns that other sources or VIDAL-tiny train on by name: never held out as unseen emoji concepts.
TRAINED_ELSEWHERE = set('''shirt t-shirt top trouser trousers pants jeans dress coat jacket sandal sneaker shoe bag handbag boot pullover sweater ball cube cylinder cone ring
    pyramid star cross square circle button arrow flag card chair armchair bed sofa couch lamp table desk cabinet shelf bookcase wardrobe door window fireplace mirror sink
    toilet bath bathtub shower refrigerator television clock plant vase computer laptop telephone piano drum guitar violin trumpet flute harp saxophone horn organ'''.split())


def clean(text):
    """Lower-case words of letters, digits and a little punctuation."""
    text = text.replace('\u2019', "'").replace('\u201c', '').replace('\u201d', '').replace('_', ' ').lower()
    text = re.sub(r'&[a-z#0-9]+;', ' ', text)
    text = re.sub(r'[^a-z0-9\u00e0-\u00ff\',.:!?&() -]+', ' ', text)
    return re.sub(r'\s+', ' ', text).strip(" ,.:-'")


def singular(word):
    """house for houses; words that only look like plurals are left."""
    if len(word) > 4 and word.endswith('ies'): return word[:-3] + 'y'
    if len(word) > 4 and re.search('(ss|x|ch|sh)es$', word): return word[:-2]
    if len(word) > 3 and word.endswith('s') and not re.search('(ss|us|is)$', word): return word[:-1]
    return word


HEAD_STOP = re.compile(r'\b(with|without|of|in|on|at|and|for|from|over|under|behind|above|to|or|by|showing|holding|wearing|facing|carrying|throwing|taking|playing)\b')
ENDINGS = re.compile(r'(ing|ed)$')


def head_noun(name):
    """The noun that a name is about: the last word before a colon, comma, bracket or preposition; a participle at the end is passed over."""
    name = re.split(r'[:,(!]', name)[0]
    before = HEAD_STOP.split(name)[0].strip()
    words = re.findall(r"[a-z\u00e0-\u00ff0-9'-]+", before or name)
    while len(words) > 1 and (ENDINGS.search(words[-1]) and len(words[-1]) > 5 and words[-1] not in ('building', 'ceiling', 'railing', 'clothing', 'painting', 'drawing', 'string', 'lightning', 'awning')): words.pop()
    while len(words) > 1 and re.fullmatch(r'[0-9]+|[a-z]|up|down|left|right|done|not|open', words[-1]): words.pop()
    return singular(words[-1]) if words else name


def words_of(text):
    return {singular(w) for w in re.findall(r"[a-z\u00e0-\u00ff0-9'-]+", text)}


def rank(seed, text):
    """A number that depends on nothing but its text: splits are drawn by it, so they are the same everywhere."""
    return zlib.crc32(('%s/%s' % (seed, text)).encode('utf-8'))


def article(name):
    return ('an ' if name[:1] in 'aeio' else 'a ') + name


def unique(captions):
    out = []
    for c in captions:
        if c and c not in out: out.append(c)
    return out


def write_manifest(path, items):
    """The TSV that the command reads; every item has as many caption columns as the longest, empty ones are passed over."""
    n = max([len(i.captions) for i in items] or [1])
    with open(path + '.tmp', 'w', encoding='utf-8') as f:
        f.write('\t'.join(['file', 'modality'] + ['caption'] * n + ['group', 'split']) + '\n')
        for i in items:
            row = [i.file, i.modality] + list(i.captions) + [''] * (n - len(i.captions)) + [i.group, i.split]
            if any('\t' in c or '\n' in c for c in row): raise ValueError('%s: a tab in %r' % (path, row))
            f.write('\t'.join(row) + '\n')
    os.replace(path + '.tmp', path)
    count = {}
    for i in items: count[i.split] = count.get(i.split, 0) + 1
    print('%s: %d items (%s)' % (path, len(items), ', '.join('%s %d' % kv for kv in sorted(count.items()))))


def prepare(tool, jobs, mode=None):
    """Runs tools/data/prepare over (in, out, side) rows; -> {out: (number, second field)} of what came out."""
    for _, out, _ in jobs: os.makedirs(os.path.dirname(out), exist_ok=True)
    p = subprocess.run([tool] + ([mode] if mode else []), input=''.join('%s\t%s\t%s\n' % j for j in jobs).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    complaints = p.stderr.decode(errors='replace').splitlines()
    if p.returncode: sys.exit(complaints[-1] if complaints else '%s ended with status %d' % (tool, p.returncode))
    rows = [l.split('\t') for l in p.stdout.decode().splitlines()]
    if complaints: print('%d of %d could not be used, the first: %s' % (len(complaints), len(jobs), complaints[0]))
    return {o: (float(a), b) for o, a, b in rows if a != '-'}


def write_variants(tool, folder, name, items, times=3):
    """NAME-more.tsv: the training items again, so many times, each picture turned, shrunk and tinted otherwise (every other one mirrored)."""
    jobs, more = [], []
    for i in items:
        if i.split != 'train': continue
        for k in range(times):
            out = '%s-%d.png' % (i.file[:-4].replace(name + '/', name + '-more/', 1), k)
            jobs.append((folder + '/' + i.file, folder + '/' + out, rank(k, i.file) // 2 * 2 + (0 if words_of(i.group) & {'left', 'right'} else (k + rank('mirror', i.file)) % 2)))
            more.append(i._replace(file=out))
    done = prepare(tool, jobs, '--vary')
    write_manifest('%s/%s-more.tsv' % (folder, name), [i for i in more if folder + '/' + i.file in done])


def usage(doc, argv, n):
    if len(argv) != n + 1 or argv[1] in ('-h', '--help'):
        (print if len(argv) == 2 and argv[1] in ('-h', '--help') else sys.exit)(doc.strip())
        sys.exit(0)


def credit(folder, name, text):
    with open(os.path.join(folder, name + '.credit'), 'w', encoding='utf-8') as f: f.write(text.strip() + '\n')
