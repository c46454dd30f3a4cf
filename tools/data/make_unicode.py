#!/usr/bin/env python3
"""Writes the Unicode and HTML entity tables of section 8 into languagebind.h, between its `tables begin` and `tables end` comments.

    python3 tools/data/make_unicode.py languagebind.h

Everything comes from Python itself (unicodedata, str.lower, html.entities), because Python's behaviour is what the tokenizer has to equal; the
Unicode version is that of the interpreter and is written into the header.  Five streams of numbers, each a list of printable strings:
a number is written in groups of five bits, low first, bit 32 of a symbol says that more follow; symbol v is the character 48 + v, except that
the two characters that C strings dislike are replaced ('?' by 'q', backslash by 'p')."""
import html
import sys
import unicodedata
from html.entities import html5

MAX = 0x110000
SPLIT = 0x40000            # classes above this are three ranges, checked below


def num(v):
    out = ''
    while True:
        s = v & 31
        v >>= 5
        c = chr(48 + s + (32 if v else 0))
        out += {'?': 'q', '\\': 'p'}.get(c, c)
        if not v:
            return out


def zig(v):
    return num(v * 2 if v >= 0 else -v * 2 - 1)


def assigned_char(c):
    return not 0xD800 <= c <= 0xDFFF


# ---- classes: 1 letter, 2 number, 4 white space, 8 cased, 16 case-ignorable (the last two as str.lower uses them for a final sigma)
def klass(c):
    if not assigned_char(c):
        return 0
    s = chr(c)
    cat = unicodedata.category(s)
    k = (1 if cat[0] == 'L' else 0) | (2 if cat[0] == 'N' else 0) | (4 if s.isspace() else 0)
    if (s + '\u03a3').lower().endswith('\u03c2'):
        k |= 8
    elif ('A' + s + '\u03a3').lower().endswith('\u03c2'):
        k |= 16
    return k


sizes = {}


def classes():
    out, c = '', 0
    ks = [klass(i) for i in range(MAX)]
    for i in range(SPLIT, MAX):
        assert ks[i] == (16 if i == 0xE0001 or 0xE0020 <= i <= 0xE007F or 0xE0100 <= i <= 0xE01EF else 0), hex(i)
    while c < SPLIT:
        e = c
        while e < SPLIT and ks[e] == ks[c]:
            e += 1
        out += num(e - c) + num(ks[c])
        c = e
    return out


# ---- lower case: gap, count * 2 + (stride - 1), zigzag delta
def lower():
    m = {}
    for c in range(MAX):
        if assigned_char(c) and chr(c).lower() != chr(c):
            t = chr(c).lower()
            if c == 0x130:
                assert t == 'i\u0307'
                continue
            assert len(t) == 1
            m[c] = ord(t) - c
    out, last, done, runs = '', 0, set(), 0
    for c in sorted(m):
        if c in done:
            continue
        best = (0, 1)
        for stride in (1, 2):
            n = 0
            while m.get(c + n * stride) == m[c] and (stride == 1 or n == 0 or c + n * stride - 1 not in m):
                n += 1
            if n > best[0]:
                best = (n, stride)
        n, stride = best
        done |= {c + i * stride for i in range(n)}
        out += num(c - last) + num(n * 2 + stride - 1) + zig(m[c])
        last = c + (n - 1) * stride
        runs += 1
    assert done == set(m)
    sizes['LOWER_RUNS'] = runs
    return out


# ---- canonical combining classes: gap, count, class
def combining():
    out, last, c, runs = '', 0, 0, 0
    while c < MAX:
        k = unicodedata.combining(chr(c)) if assigned_char(c) else 0
        if not k:
            c += 1
            continue
        e = c
        while e < MAX and unicodedata.combining(chr(e)) == k:
            e += 1
        assert e <= SPLIT
        out += num(c - last) + num(e - c) + num(k)
        last = c = e
        runs += 1
    sizes['CCC_RUNS'] = runs
    return out


# ---- canonical decompositions: first the list of second halves (count, gaps), then gap, second index * 2 + excluded (0: singleton), zigzag first
def decompositions():
    d = {}
    for c in range(MAX):
        if assigned_char(c):
            t = unicodedata.decomposition(chr(c))
            if t and not t.startswith('<'):
                d[c] = [int(x, 16) for x in t.split()]
    seconds = sorted({v[1] for v in d.values() if len(v) == 2})
    out, last = num(len(seconds)), 0
    for s in seconds:
        out += num(s - last)
        last = s
    last, first = 0, 0
    sizes['DECOMPOSITIONS'] = len(d)
    assert len(seconds) <= 128
    for c in sorted(d):
        v = d[c]
        excluded = len(v) == 2 and unicodedata.normalize('NFC', chr(v[0]) + chr(v[1])) != chr(c)
        out += num(c - last) + num(0 if len(v) == 1 else (seconds.index(v[1]) + 1) * 2 + excluded) + zig(v[0] - first)
        last, first = c, v[0]
    return out


# ---- entities: shared prefix, suffix length, suffix, code point * 4 + (valid without semicolon) * 2 + (a second code point follows)
def entities():
    names = sorted(k[:-1] for k in html5 if k.endswith(';'))
    out, prev = '', ''
    sizes['ENTITIES'], sizes['ENTITY_BYTES'] = len(names), sum(map(len, names))
    for n in names:
        p = 0
        while p < min(len(n), len(prev)) and n[p] == prev[p]:
            p += 1
        v = html5[n + ';']
        bare = n in html5
        assert not bare or html5[n] == v
        assert n.isalnum() and n.isascii() and len(v) <= 2 and (len(v) == 1 or ';' not in v and '&' not in v)
        out += num(p) + num(len(n) - p) + n[p:] + num(ord(v[0]) * 4 + bare * 2 + (len(v) == 2))
        if len(v) == 2:
            out += num(ord(v[1]))
        prev = n
    return out


# ---- what upper-cased entity names (&NTILDE;) stand for is upper-cased too; after lower-casing that differs for these only
def upper_entities():
    out = {}
    for k, v in html5.items():
        if k.endswith(';') and k == k.lower():
            up = '&' + k.upper()
            if html.unescape(up) == up and v.upper().lower() != v.lower() and not '\ufb00' <= v <= '\ufb06':      # those ligatures are undone anyway
                assert len(v) == 1 and len(v.upper()) <= 2
                out[v] = v.upper()
            elif html.unescape(up) == up and v in '\u03c3\u03c2':
                out[v] = v.upper()
    return sorted(out.items())


def width():
    """U+FF5F..U+FFEE, the wide and narrow forms that are not ASCII + 0xFEE0."""
    out = []
    for c in range(0xFF5F, 0xFFEF):
        t = unicodedata.normalize('NFKC', chr(c))
        if len(t) > 1:
            assert c == 0xFFE3 and t == ' \u0304'
            t = chr(0)
        out.append(ord(t))
    for c in range(0xFF01, 0xFF5F):
        assert unicodedata.normalize('NFKC', chr(c)) == chr(c - 0xFEE0)
    assert unicodedata.normalize('NFKC', chr(0xFFEF)) == chr(0xFFEF)
    return out


def c_lines(name, s, per=164):
    lines = [s[i:i + per] for i in range(0, len(s), per)]
    return 'static const char *const lb__%s_data[] = {\n' % name + ',\n'.join('"%s"' % x for x in lines) + ', "" };\n'


def c_numbers(s, per=164):
    out, line = [], ''
    for x in s:
        t = '%d,' % x
        if len(line) + len(t) > per:
            out.append(line)
            line = ''
        line += t
    return '\n'.join(out + [line.rstrip(',')])


def main():
    text = '/* Unicode %s, HTML 5 entities */\n' % unicodedata.unidata_version
    for name, s in (('class', classes()), ('lower', lower()), ('ccc', combining()), ('decomposition', decompositions()), ('entity', entities())):
        text += c_lines(name, s)
        print('%-14s %6d characters' % (name, len(s)))
    text += 'enum { %s };\n' % ', '.join('LB__%s = %d' % kv for kv in sizes.items())
    text += 'static const uint16_t lb__width_data[] = {      /* U+FF5F..U+FFEE; 0: see lb__fix_push */\n' + c_numbers(width()) + ' };\n'
    text += 'static const uint16_t lb__entity_upper[][3] = { ' + ', '.join('{0x%x, 0x%x, 0x%x}' % (ord(a), ord(b[0]), ord(b[1]) if len(b) > 1 else 0) for a, b in upper_entities()) + ' };\n'
    path = sys.argv[1]
    with open(path, encoding='utf-8') as f:
        h = f.read()
    a, b = h.index('/* tables begin'), h.index('/* tables end')
    a = h.index('\n', a) + 1
    with open(path, 'w', encoding='utf-8') as f:
        f.write(h[:a] + text + h[b:])


main()
