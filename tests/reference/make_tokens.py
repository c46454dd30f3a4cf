#!/usr/bin/env python3
"""Writes tests/golden/tokens.safetensors.gz: strings and the ids that the reference tokenizers give them, in two steps.

    python3 tests/reference/make_tokens.py strings strings.npz                                      open_clip_torch, ftfy, regex
    python3 tests/reference/make_tokens.py hf strings.npz tests/golden/tokens.safetensors.gz           transformers 4.30.2, ftfy

Step 1 makes the strings (seeded) and runs open_clip.tokenizer.SimpleTokenizer; step 2 runs CLIPTokenizerFast behind the cleaning of upstream's
HFTokenizer (path "hf") and the slow CLIPTokenizer, which LanguageBind's tokenizers are (path "languagebind"), on a folder made from the same
vocabulary.  Strings on which ftfy repairs mojibake are left out and counted (that part is not implemented), and so are those with
characters that Python's Unicode does not have yet, for there the reference's own parts disagree.
Arrays: text (bytes), text_end, ids_P (u16), end_P for the three paths, context 77, end included, padding left out."""
import gzip
import html
import json
import os
import random
import re
import sys
import tempfile
import unicodedata
from html.entities import html5

import numpy as np
import ftfy
import golden

CONTEXT = 77
PHRASES = '''ein Foto von einer Katze im Garten|une photo d'un chien à la plage, c'est l'été|una foto de un niño jugando al fútbol|uma foto de um avião no céu|una foto di una città|een foto van een fiets
ett foto på en älg i skogen|et bilde av en bjørn|valokuva kissasta lumessa|mynd af hesti|zdjęcie żółtego psa|fotografie kočky ve městě|fotografia mačky|egy kutya fényképe|o fotografie cu o pisică|foto mace
фотография кошки на диване|фото собаки в парку Київ|снимка на куче|фотографија пса|φωτογραφία μιας γάτας στον κήπο|ΟΔΟΣ ΑΘΗΝΑΣ ΦΩΣ|bir kedi fotoğrafı İstanbul'da IĞDIR|صورة قطة في الحديقة|عکس یک سگ|תמונה של חתול|ایک بلی کی تصویر
एक बिल्ली की तस्वीर|একটি বিড়ালের ছবি|ஒரு பூனையின் படம்|ఒక పిల్లి చిత్రం|ಬೆಕ್ಕಿನ ಚಿತ್ರ|പൂച്ചയുടെ ചിത്രം|ਬਿੱਲੀ ਦੀ ਤਸਵੀਰ|બિલાડીનો ફોટો|බළලෙකුගේ ඡායාරූපයක්|ภาพถ่ายของแมว|ຮູບແມວ|ကြောင်ပုံ|រូបថតឆ្មា
一只猫的照片|一隻貓的照片|猫の写真です。|고양이 사진|bức ảnh con mèo ở Hà Nội|foto kucing di taman|picha ya paka|ஒ́|ድመት ፎቶ|კატის ფოტო|կատվի լուսանկար|муурны зураг|kaķa fotogrāfija|katės nuotrauka|kassi foto|ритм джаз|пёс Ёлка йод|Straße GROẞE Maße|ŒUVRE cœur ÆSIR'''.replace('\n', '|').split('|')
TEMPLATES = ['a photo of a {}.', 'a bad photo of the {}.', 'A {} {} in the {}', 'the sound of {} and {}', '"{}" by {}', "it's {}'s {}, isn't it?", 'The {} who {}ed {} {} times; {}%', '{}-{} / {}_{}', 'They\'ll {} we\'ve {} I\'m {} he\'d {} you\'re {}',
             '#{} @{} {}!!!', '{} ({}), {}: {}...', 'a depth map of a {} with {} {}', 'An infrared image of {} at night', '{}, {}, {} & {}', 'https://www.{}.com/{}?{}={}&{}=1', '$ {} + {} = {} * {}']


def strings(merges):
    rnd = random.Random(20240131)
    words = [w for w in {''.join(m.split())[:-4] for m in merges if m.endswith('</w>')} if w.isascii() and w.isalpha()]
    words.sort()
    out = ['', ' ', '\t\n ', '\u00a0\u3000', 'Training a parakeet to climb up a ladder.', 'A lion climbing a tree to catch a monkey.', 'a sound of dog.']
    # the same figures in every run: nothing here depends on hash order or time

    def word():
        w = rnd.choice(words)
        return rnd.choice([w, w, w, w.capitalize(), w.upper()])

    def number():
        return rnd.choice(['%d' % rnd.randrange(10 ** rnd.randrange(1, 9)), '%.2f' % (rnd.random() * 100), '%d:%02d' % (rnd.randrange(24), rnd.randrange(60)), '½', '²', 'Ⅷ', '٣٤', '१२', '①'])

    for i in range(4200):
        t = rnd.choice(TEMPLATES)
        s = t.format(*[number() if rnd.random() < .1 else word() for _ in range(t.count('{}'))])
        out.append(s if rnd.random() < .8 else s + ' ' + ' '.join(word() for _ in range(rnd.randrange(8))))
    for p in PHRASES:
        for s in (p, p.upper(), p.lower(), p.title(), unicodedata.normalize('NFD', p), unicodedata.normalize('NFKD', p) + '!', p + ' ' + word(), word() + p):
            out.append(s)
    alphabet = {}
    for c in range(0x80, 0x30000):
        ch = chr(c)
        cat = unicodedata.category(ch)
        if cat not in ('Cn', 'Cs', 'Co', 'Cc'):
            alphabet.setdefault(c >> 7, []).append(ch)
    blocks = sorted(alphabet)
    small = [b for b in blocks if b < 0x4e00 >> 7 or 0xa000 >> 7 <= b < 0xac00 >> 7 or 0xf900 >> 7 <= b < 0x13000 >> 7 or 0x1d000 >> 7 <= b < 0x20000 >> 7]
    for i in range(2400):
        a = alphabet[rnd.choice(small if rnd.random() < .9 else blocks)]
        out.append(' '.join(''.join(rnd.choice(a) for _ in range(rnd.randrange(1, 6))) for _ in range(rnd.randrange(1, 4))))
    emoji = ['👨\u200d👩\u200d👧\u200d👦', '👩🏽\u200d🚀', '🏳️\u200d🌈', '❤️\u200d🔥', '🇩🇪🇫🇷', '1️⃣', '🧑🏿\u200d🤝\u200d🧑🏻', '😀', '🐱', '🐶', '🎉', '🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f', '✨', '☀️', '⌚', '🦜', '🪜', '👍🏼', '\ufe0f', '\u200d']
    for i in range(600):
        out.append(rnd.choice(['', word() + ' ', word()]) + ''.join(rnd.choice(emoji) + rnd.choice(['', '', ' ', word()]) for _ in range(rnd.randrange(1, 5))))
    names = sorted(html5)
    for i in range(1300):
        def entity():
            k = rnd.randrange(9)
            n = rnd.choice(names)
            if k < 3:
                return '&' + n
            if k == 3:
                return '&' + n.upper()
            if k == 4:
                return '&' + rnd.choice(['amp', 'lt', 'gt', 'nbsp', 'copy', 'eacute', 'hellip', 'rsquo', 'mdash', 'szlig', 'SZLIG', 'sigmaf', 'MICRO', 'not', 'notin', 'AMP', 'Ntilde', 'NTILDE', 'semi', 'num']) + rnd.choice([';', ';', ';', '', ' '])
            if k == 5:
                return '&#%d' % rnd.choice([38, 59, 233, 0, 13, 128, 145, 0x85, 7, 27, 127, 0xd800, 0x110000, 99999999999, 8217, 128512, 0xfffe, 0x3a3, 65]) + rnd.choice([';', ';', '', 'x'])
            if k == 6:
                return '&#' + rnd.choice('xX') + '%x' % rnd.choice([38, 0x3b, 0xe9, 0x2019, 0x1f600, 0, 0x80, 0x9f, 0xfb01, 0x1d400]) + rnd.choice([';', ';', '', 'g'])
            if k == 7:
                return '&amp;' * rnd.randrange(1, 4) + rnd.choice(['amp;lt;', 'lt;', '#38;', 'notit;', ';'])
            return rnd.choice(['&', '&;', '&#', '&#;', '&#x;', '& amp;', '&amp', '&a&amp;mp;', '\uff06amp;', '&amp\uff1b', '&\ufeffamp;', '&CounterClockwiseContourIntegral;', '&xyz;'])
        s = rnd.choice(['', '', '<b>', word() + '\n', word() + ' <i>\n', '']) + ''.join(rnd.choice([word(), word() + ' ', '', ' ']) + entity() for _ in range(rnd.randrange(1, 4))) + rnd.choice(['', ' ' + word(), '<', '\n&amp;amp; ' + word()])
        out.append(s)
    odd = [chr(c) for c in [*range(0x132, 0x134), 0x149, *range(0x1c4, 0x1cd), *range(0x1f1, 0x1f4), 0x17f, *range(0xfb00, 0xfb07), 0x2bc, *range(0x2018, 0x2020), *range(0xff01, 0xff5f), 0x3000, 0xb4, 0x60, 0xab, 0xbb]]
    wide = [chr(c) for c in range(0xff5f, 0xfff0) if unicodedata.category(chr(c)) != 'Cn']
    for i in range(700):
        out.append(''.join(rnd.choice(rnd.choice([odd, wide]) if rnd.random() < .6 else [rnd.choice('abst nd\'lv'), word()]) for _ in range(rnd.randrange(2, 9))))
    white = ['\t', '\n', '\r', '\r\n', '\f', '\v', '\x1c', '\x1f', '\x85', '\xa0', '\u1680', '\u2000', '\u200a', '\u200b', '\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\ufeff', '\x00', '\x01', '\x08', '\x7f', '\x1b', '\x1b[31m', '\x1b[0m', '\x1b[1;33m', '\x1b[', '\x80', '\x91', '\x9d', '\ufff9', '\ufffc', '\u206a', '\u200e', '\u180e', '\xad']
    for i in range(600):
        out.append(''.join(rnd.choice(white) + rnd.choice([word(), '', ' ', "'s", '1']) for _ in range(rnd.randrange(1, 6))))
    marks = [chr(c) for c in range(0x300, 0x30000) if unicodedata.combining(chr(c))]
    decomposing = [chr(c) for c in range(0xa0, 0x2fa20) if unicodedata.decomposition(chr(c)) and not unicodedata.decomposition(chr(c)).startswith('<')]
    for i in range(900):
        s = ''
        for _ in range(rnd.randrange(1, 6)):
            k = rnd.randrange(5)
            s += rnd.choice('aeioucsnAEIOUKDyαωηΑΩнеиу가각힣각') if k == 0 else rnd.choice(decomposing) if k == 1 else unicodedata.normalize('NFD', rnd.choice(decomposing)) if k == 2 else rnd.choice(marks[:120]) if k == 3 else ''.join(rnd.choice(marks) for _ in range(rnd.randrange(1, 4)))
        out.append(s)
    greek = 'ΣσςΑΒΓάΐÏŸİIıÀÉΆΊ\u0301\u0345\u0308\'.-:\u00ad1 Ω\u212a\u212bſẞDžⅤⒶꭰᲐႠ𐐀'
    for i in range(500):
        out.append(''.join(rnd.choice(greek) for _ in range(rnd.randrange(2, 10))))
    special = ['<start_of_text>', '<end_of_text>', '<|startoftext|>', '<|endoftext|>', '<|ENDOFTEXT|>', '<End_Of_Text>', '<|ſtartoftext|>', '<ſtart_of_text>', '<|endoftext|', '&lt;|endoftext|&gt;', '＜|endoftext|＞', '<|end', '&amp;', 'Σ', '<', '|>', '!!', "'s", "'LL", "'Re"]
    for i in range(400):
        out.append(''.join(rnd.choice([word(), ' ', '', ' ']) + rnd.choice(special) for _ in range(rnd.randrange(1, 5))))
    for i in range(120):
        k = rnd.randrange(4)
        out.append(' '.join(word() for _ in range(rnd.randrange(60, 90))) if k == 0 else rnd.choice(['a', 'ha', 'xyz', '!?', 'é', '的', '9']) * rnd.randrange(70, 130) if k == 1 else ''.join(word() for _ in range(20)) if k == 2 else ', '.join(word() + number() for _ in range(30)))
    out = [s.encode('utf-8') for s in out]
    for i in range(700):
        s = (word() + ' ' + rnd.choice(PHRASES) + rnd.choice(emoji)).encode('utf-8')
        s = bytearray(s)
        for _ in range(rnd.randrange(1, 4)):
            k = rnd.randrange(4)
            p = rnd.randrange(len(s) + 1)
            if k == 0:
                s[p:p] = bytes([rnd.randrange(128, 256)])
            elif k == 1:
                del s[p:p + 1]
            elif k == 2:
                s[p:p] = rnd.choice([b'\xc0\x80', b'\xed\xa0\xbd\xed\xb8\x80', b'\xf4\x90\x80\x80', b'\xe2\x82', b'\xf0\x9f\x98', b'\xff\xfe', b'\x80', b'\xf8\x88\x80\x80\x80', b'\xe0\x80\xaf', b'\xc3('])
            else:
                del s[p:]
        out.append(bytes(s))
    return out


def mojibake(t):
    return ftfy.fix_text(t) != ftfy.fix_text(t, fix_encoding=False)


def cut(ids, eot=49407):
    return list(ids) if len(ids) <= CONTEXT else list(ids[:CONTEXT - 1]) + [eot]


def pack(rows):
    return np.array([x for r in rows for x in r], dtype=np.uint16), np.cumsum([len(r) for r in rows]).astype(np.uint32)


def step_strings(path):
    import open_clip
    import open_clip.tokenizer as T
    import regex
    merges = gzip.open(T.default_bpe()).read().decode('utf-8').split('\n')[1:49152 - 256 - 2 + 1]
    tok = T.SimpleTokenizer()
    rows, kept, left, newer = [], [], 0, 0
    for b in strings(merges):
        t = b.decode('utf-8', errors='replace')
        if mojibake(t):
            left += 1
            continue
        if any(unicodedata.category(c) == 'Cn' for c in t):               # the regex package is ahead of Python's Unicode
            newer += 1
            continue
        kept.append(b)
        full = [49406] + tok.encode(t) + [49407]
        r = tok([t])[0].tolist()
        assert r == (cut(full) + [0] * CONTEXT)[:CONTEXT]
        rows.append(cut(full))
    print('%d strings; %d left out because ftfy repairs mojibake in them, %d because they have characters newer than Unicode %s' % (len(kept), left, newer, unicodedata.unidata_version))
    ids, end = pack(rows)
    from importlib.metadata import version
    np.savez(path, text=np.frombuffer(b''.join(kept), np.uint8), text_end=np.cumsum([len(b) for b in kept]).astype(np.uint32), ids_open_clip=ids, end_open_clip=end, merges=np.array(merges),
             versions='open_clip_torch %s, ftfy %s, regex %s, Python %s (Unicode %s); %d strings left out for mojibake, %d for characters newer than that' % (open_clip.__version__, version('ftfy'), regex.__version__, sys.version.split()[0], unicodedata.unidata_version, left, newer))


def hf_folder(folder, merges):
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    base = [chr(b) for b in printing] + [chr(256 + i) for i in range(68)]
    vocab = base + [c + '</w>' for c in base] + [''.join(m.split()) for m in merges] + ['<|startoftext|>', '<|endoftext|>']
    token = {k: {'content': v, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': True, '__type': 'AddedToken'} for k, v in (('bos_token', vocab[-2]), ('eos_token', vocab[-1]), ('unk_token', vocab[-1]))}
    token['pad_token'] = vocab[-1]
    for name, value in (('vocab.json', {v: i for i, v in enumerate(vocab)}), ('tokenizer_config.json', dict(token, model_max_length=CONTEXT, errors='replace', do_lower_case=True, add_prefix_space=False, tokenizer_class='CLIPTokenizer'))):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
            json.dump(value, f, ensure_ascii=False)
    with open(os.path.join(folder, 'merges.txt'), 'w', encoding='utf-8') as f:
        f.write('#version: 0.2\n' + '\n'.join(merges) + '\n')


def step_hf(source, path):
    import tokenizers
    import transformers
    from importlib.metadata import version
    z = np.load(source)
    with tempfile.TemporaryDirectory() as folder:
        hf_folder(folder, [str(m) for m in z['merges']])
        fast = transformers.CLIPTokenizerFast.from_pretrained(folder)
        slow = transformers.CLIPTokenizer.from_pretrained(folder)
    text, end, left, keep = z['text'].tobytes(), z['text_end'], 0, []
    rows = {'hf': [], 'languagebind': []}
    begin = 0
    for i, e in enumerate(end):
        t = text[begin:e].decode('utf-8', errors='replace')
        begin = e
        keep.append(not mojibake(t))
        if not keep[-1]:
            left += 1
            continue
        clean = re.sub(r'\s+', ' ', html.unescape(html.unescape(ftfy.fix_text(t))).strip()).strip()
        rows['hf'].append(fast(clean, max_length=CONTEXT, truncation=True).input_ids)
        rows['languagebind'].append(slow(t, max_length=CONTEXT, truncation=True).input_ids)
    print('%d more left out by ftfy %s' % (left, version('ftfy')))
    starts, ids, iend = np.concatenate([[0], end[:-1]]), z['ids_open_clip'], z['end_open_clip']
    istarts = np.concatenate([[0], iend[:-1]])
    index = [i for i in range(len(end)) if keep[i]]
    rows['open_clip'] = [ids[istarts[i]:iend[i]].tolist() for i in index]
    bytes_ = [text[starts[i]:end[i]] for i in index]
    arrays = {'text': np.frombuffer(b''.join(bytes_), np.uint8), 'text_end': np.cumsum([len(b) for b in bytes_]).astype(np.uint32)}
    arrays['ids_open_clip'], arrays['end_open_clip'] = pack(rows['open_clip'])
    for k in ('hf', 'languagebind'):                                  # only what differs from open_clip's
        arrays['ids_' + k], arrays['end_' + k] = pack([[] if a == b else a for a, b in zip(rows[k], rows['open_clip'])])
        print('%s: %d of %d differ from open_clip' % (k, sum(a != b for a, b in zip(rows[k], rows['open_clip'])), len(index)))
    meta = {'script': 'tests/reference/make_tokens.py', 'versions': '%s; transformers %s, tokenizers %s, ftfy %s; %d more left out' % (z['versions'], transformers.__version__, tokenizers.__version__, version('ftfy'), left)}
    dtypes = {np.dtype(np.uint8): 'U8', np.dtype(np.uint16): 'U16', np.dtype(np.uint32): 'U32'}
    head, data = {'__metadata__': meta}, b''
    for k, a in sorted(arrays.items(), key=lambda x: -x[1].itemsize):
        head[k] = {'dtype': dtypes[a.dtype], 'shape': [len(a)], 'data_offsets': [len(data), len(data) + a.nbytes]}
        data += a.tobytes()
    h = json.dumps(head, separators=(',', ':')).encode()
    h += b' ' * (-len(h) % 8)
    golden.write(path, len(h).to_bytes(8, 'little') + h + data)


if sys.argv[1] == 'strings':
    step_strings(sys.argv[2])
else:
    step_hf(sys.argv[2], sys.argv[3])
