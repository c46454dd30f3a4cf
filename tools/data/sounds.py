#!/usr/bin/env python3
"""Needs: python3 (standard library), tools/data/prepare, the unpacked packages fluid-soundfont-gm and sonic-pi-samples.

    python3 tools/data/sounds.py PACKAGES DIR PREPARE

Sounds with names: DIR/sounds/*.wav, 16 kHz mono, at most 3 s, and DIR/sounds.tsv.  Out of the SoundFont FluidR3 (a RIFF file of raw samples, instruments and
presets) come single notes of every preset at many pitches and two strengths, and phrases of them; of its drum kits every drum.  A note is the preset's
sample played faster or slower by stating another rate, its loop repeated, its volume envelope applied; the resampling is the header's.  Sonic Pi's samples
(FLAC) are named by their files.  One note in twelve is in the split `val`; everything else is `train`: the test are recordings by others (instruments.py).
"""
import array
import os
import random
import re
import struct
import sys
import wave
from common import *

NOTES, PHRASES, SECONDS = 16, 10, 3.0
GAIN_BLOCK = 256
DRUMS = {35: 'bass drum', 36: 'bass drum', 37: 'side stick', 38: 'snare drum', 39: 'hand clap', 40: 'snare drum', 41: 'tom drum', 42: 'closed hi-hat', 43: 'tom drum', 44: 'pedal hi-hat', 45: 'tom drum', 46: 'open hi-hat',
         47: 'tom drum', 48: 'tom drum', 49: 'crash cymbal', 50: 'tom drum', 51: 'ride cymbal', 52: 'china cymbal', 53: 'ride bell', 54: 'tambourine', 55: 'splash cymbal', 56: 'cowbell', 57: 'crash cymbal', 58: 'vibraslap',
         59: 'ride cymbal', 60: 'bongo', 61: 'bongo', 62: 'conga', 63: 'conga', 64: 'conga', 65: 'timbale', 66: 'timbale', 67: 'agogo bell', 68: 'agogo bell', 69: 'cabasa', 70: 'maracas', 71: 'short whistle', 72: 'long whistle',
         73: 'guiro', 74: 'guiro', 75: 'claves', 76: 'woodblock', 77: 'woodblock', 78: 'cuica', 79: 'cuica', 80: 'triangle', 81: 'triangle', 82: 'shaker', 85: 'castanets'}
# What a preset is called in plain words, and to which family it belongs (by its General MIDI number).
NAMES = {'yamaha grand piano': 'piano', 'bright yamaha grand': 'piano', 'honky tonk': 'honky tonk piano', 'rhodes ep': 'electric piano', 'legend ep 2': 'electric piano', 'detuned ep 1': 'electric piano', 'detuned ep 2': 'electric piano',
         'drawbarorgan': 'organ', 'percussive organ': 'organ', 'rock organ': 'rock organ', 'detuned organ 1': 'organ', 'detuned organ 2': 'organ', 'church organ 2': 'church organ', 'accordian': 'accordion', 'italian accordion': 'accordion',
         'nylon string guitar': 'guitar', 'steel string guitar': 'guitar', 'jazz guitar': 'electric guitar', 'clean guitar': 'electric guitar', 'palm muted guitar': 'electric guitar', 'overdrive guitar': 'electric guitar',
         'distortion guitar': 'electric guitar', 'funk guitar': 'electric guitar', 'feedback guitar': 'electric guitar', '12 string guitar': 'guitar', 'contrabass': 'double bass', 'slow violin': 'violin', 'fiddle': 'violin',
         'french horns': 'horn', 'soprano sax': 'saxophone', 'alto sax': 'saxophone', 'tenor sax': 'saxophone', 'baritone sax': 'saxophone', 'muted trumpet': 'trumpet', 'bagpipe': 'bagpipes', 'coupled harpsichord': 'harpsichord',
         'taiko drum': 'taiko drum', 'melodic tom': 'tom drum', 'melo tom 2': 'tom drum', '808 tom': 'tom drum', 'concert bass drum': 'bass drum', 'strings': 'string section', 'slow strings': 'string section', 'tremolo': 'tremolo strings',
         'bottle chiff': 'blown bottle', 'sea shore': 'sea waves', 'bird tweet': 'bird', 'gun shot': 'gunshot', 'ahh choir': 'choir', 'ohh voices': 'choir', 'brass 2': 'brass section'}
FAMILY = ['keyboard instrument', 'tuned percussion', 'organ', 'guitar', 'bass', 'string instrument', 'ensemble', 'brass instrument', 'reed instrument', 'pipe', 'synthesizer lead', 'synthesizer pad', 'synthesizer effect', 'folk instrument',
          'percussion', 'sound effect']
SONIC = {'ambi': 'ambient sound', 'bass': 'bass', 'bd': 'bass drum', 'drum': 'drum', 'elec': 'electronic sound', 'glitch': 'glitch noise', 'guit': 'guitar', 'loop': 'loop', 'mehackit': '', 'misc': '', 'perc': 'percussion', 'sn': 'snare drum',
         'tabla': 'tabla drum', 'vinyl': 'vinyl record'}


class SoundFont:
    """SF2: presets -> instrument zones -> samples.  Only what a note needs is read."""
    def __init__(self, data):
        self.c = {}
        if data[:4] != b'RIFF' or data[8:12] != b'sfbk': raise ValueError('not a SoundFont')
        at = 12
        while at + 8 <= len(data):
            kind, n = struct.unpack_from('<4sI', data, at)
            if kind == b'LIST':
                q = at + 12
                while q + 8 <= at + 8 + n:
                    k, m = struct.unpack_from('<4sI', data, q)
                    self.c[k.decode('latin-1')] = memoryview(data)[q + 8:q + 8 + m]
                    q += 8 + m + (m & 1)
            at += 8 + n + (n & 1)
        self.samples = list(struct.iter_unpack('<20sIIIIIBbHH', self.c['shdr']))
        self.instruments = self.zones('inst', '<20sH', 'ibag', 'igen', 53)
        self.presets = self.zones('phdr', '<20sHHHIII', 'pbag', 'pgen', 41)

    def zones(self, head, form, bag, gen, ends):
        """[(header, [{generator: amount}])]; a first zone without its end generator is the default of the others."""
        heads = list(struct.iter_unpack(form, self.c[head]))
        bags = [b[0] for b in struct.iter_unpack('<HH', self.c[bag])]
        gens = list(struct.iter_unpack('<HH', self.c[gen]))
        where = 3 if len(heads[0]) > 2 else 1
        out = []
        for h, nxt in zip(heads, heads[1:]):
            zs, glob = [], {}
            for b in range(h[where], nxt[where]):
                g = dict(gens[bags[b]:bags[b + 1]])
                if ends in g: zs.append({**glob, **g})
                elif b == h[where]: glob = g
            out.append((h, zs))
        return out

    @staticmethod
    def covers(zone, key, velocity):
        k, v = zone.get(43, 127 << 8), zone.get(44, 127 << 8)
        return k & 255 <= key <= k >> 8 and v & 255 <= velocity <= v >> 8

    def keys(self, preset):
        """The keys that have a sample."""
        spans = [(max(p.get(43, 127 << 8) & 255, z.get(43, 127 << 8) & 255), min(p.get(43, 127 << 8) >> 8, z.get(43, 127 << 8) >> 8)) for p in preset[1] for z in self.instruments[p[41]][1]]
        return sorted({k for a, b in spans for k in range(a, b + 1)})

    def root(self, zone):
        s = self.samples[zone[53]]
        return zone[58] if zone.get(58, 255) < 128 else s[6] if s[6] < 128 else 60

    def note(self, preset, key, velocity, seconds):
        """(rate to play at, 16-bit samples) or None: the first zone that sounds."""
        for p in preset[1]:
            if not self.covers(p, key, velocity): continue
            for z in self.instruments[p[41]][1]:
                if not self.covers(z, key, velocity): continue
                name, start, end, loop, loop_end, rate, _, cents, _, kind = self.samples[z[53]]
                if kind & 0x8000 or end <= start or not 4000 <= rate <= 96000: continue
                signed = lambda g, d=0: (lambda v: v - 65536 if v > 32767 else v)(z.get(g, d & 65535)) + (lambda v: v - 65536 if v > 32767 else v)(p.get(g, 0))
                tune = signed(51) + (signed(52) + cents) / 100.0
                pitch = (key - self.root(z)) * z.get(56, 100) / 100.0 + tune
                play = rate * 2.0 ** (pitch / 12)
                if not 2000 < play < 190000: continue
                pcm = array.array('h'); pcm.frombytes(bytes(self.c['smpl'][2 * start:2 * end]))
                if sys.byteorder == 'big': pcm.byteswap()
                want = int(seconds * play)
                if z.get(54, 0) & 1 and start <= loop < loop_end <= end and loop_end - loop > 8:
                    body = pcm[loop - start:loop_end - start]
                    pcm = pcm[:loop_end - start]
                    while len(pcm) < want: pcm.extend(body)
                pcm = pcm[:want]
                seconds_of = lambda g: 2.0 ** (max(signed(g, -12000), -12000) / 1200.0)
                hold, decay, sustain = seconds_of(33) + seconds_of(34) + seconds_of(35), seconds_of(36), min(max(signed(37), 0), 1440) / 10.0
                out = array.array('h')
                for at in range(0, len(pcm), GAIN_BLOCK):
                    t = at / play - hold
                    db = 0 if t <= 0 else min(sustain, 100.0 * t / decay)
                    left = (len(pcm) - at) / play
                    g = 10 ** (-db / 20) * min(1.0, left / 0.08)             # and no click at the end
                    block = pcm[at:at + GAIN_BLOCK]
                    out.extend(block if g > 0.999 else array.array('h', [int(x * g) for x in block]))
                return int(play + 0.5), out
        return None


def write_wav(path, rate, pcm):
    if sys.byteorder == 'big': pcm = array.array('h', pcm); pcm.byteswap()
    with wave.open(path, 'wb') as w: w.setnchannels(1); w.setsampwidth(2); w.setframerate(rate); w.writeframes(pcm.tobytes())


def read_wav(path):
    with wave.open(path, 'rb') as w: pcm = array.array('h'); pcm.frombytes(w.readframes(w.getnframes()))
    if sys.byteorder == 'big': pcm.byteswap()
    return pcm


def mix(notes, seconds):
    """[(onset in samples, pcm, gain)] at 16 kHz -> one clip"""
    out = [0.0] * int(seconds * 16000)
    for at, pcm, g in notes:
        for i, x in enumerate(pcm[:max(len(out) - at, 0)]): out[at + i] += g * x
    top = max(max(out), -min(out), 1)
    return array.array('h', [int(x * 16000 / top) for x in out])


def captions_of(name, full, family, many):
    return unique(['the sound of ' + article(name), name, ('%s playing' if many else 'a note of %s') % article(name), full, '%s, %s' % (name, family) if family and family not in name else '', 'a recording of ' + article(name),
                   'you hear ' + article(name)])


def main(argv):
    usage(__doc__, argv, 3)
    packages, folder, tool = argv[1:]
    raw = folder + '/sounds/raw'
    os.makedirs(raw, exist_ok=True)
    font = SoundFont(open(packages + '/fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2', 'rb').read())
    jobs, meta, notes_of, seen = [], {}, {}, set()
    for preset in font.presets:
        h = preset[0]
        title, program, bank = clean(h[0].split(b'\0')[0].decode('latin-1')), h[1], h[2]
        r = random.Random(rank('sounds', '%d/%d' % (bank, program)))
        keys = font.keys(preset)
        if bank == 128: chosen = [(k, 110) for k in keys if k in DRUMS]
        else:
            good = [k for k in keys if 33 <= k <= 96] or keys
            lo, hi = max(good[0], 36), min(good[-1], 90)
            chosen = [(min(good, key=lambda k: abs(k - (lo + (hi - lo) * (i + r.random()) / NOTES))), r.choice((60, 90, 120))) for i in range(NOTES)]
        for key, velocity in chosen:
            n = font.note(preset, key, velocity, r.uniform(1.2, SECONDS))
            if not n: continue
            digest = hash((n[0], n[1].tobytes()))
            if digest in seen: continue                      # kits share most of their drums
            seen.add(digest)
            stem = 'fluid-%03d-%03d-%03d-%03d' % (bank, program, key, velocity)
            write_wav('%s/%s.wav' % (raw, stem), *n)
            out = '%s/sounds/%s.wav' % (folder, stem)
            name = DRUMS[key] if bank == 128 else NAMES.get(title, title)
            meta[out] = (name, title if bank != 128 else name + ', ' + title + ' kit', 'percussion' if bank == 128 else FAMILY[program // 8], False)
            notes_of.setdefault((bank, program) if bank != 128 else ('drums', name), []).append(out)
            jobs.append(('%s/%s.wav' % (raw, stem), out, SECONDS))
    for path in sorted(os.listdir(packages + '/sonic-pi-samples/usr/share/sonic-pi/samples')):
        m = re.match(r'([a-z]+)_(.*)\.flac$', path)
        if not m: continue
        what = clean(re.sub(r'\d+$', '', m.group(2).replace('_', ' ')))
        out = '%s/sounds/sonic-%s.wav' % (folder, path[:-5])
        kind = SONIC.get(m.group(1), '')
        name = ('%s %s' % (what, kind)).strip() if kind and kind.split()[-1] not in what else what
        meta[out] = (name, what, kind, False)
        jobs.append((packages + '/sonic-pi-samples/usr/share/sonic-pi/samples/' + path, out, SECONDS))
    done = prepare(tool, jobs, '--sound')
    items = []
    for _, out, _ in jobs:
        if out in done and done[out][0] > 0.05:
            name, full, family, many = meta[out]
            items.append(Item(os.path.relpath(out, folder), 'audio', captions_of(name, full, family, many), name, 'val' if rank('sounds', out.split('/')[-1]) % 12 == 0 else 'train'))
    usable = {folder + '/' + i.file for i in items if i.split == 'train'}
    for (bank, program), outs in sorted(notes_of.items(), key=str):
        outs = [o for o in outs if o in usable]
        if not outs: continue
        r = random.Random(rank('phrases', '%s/%s' % (bank, program)))
        for k in range(PHRASES if bank != 'drums' else 6):
            gap, at, parts = r.uniform(0.12, 0.6), 0.0, []
            base = sorted(outs)
            centre = r.randrange(len(base))
            while at < SECONDS - 0.3:
                o = base[min(max(centre + r.randint(-3, 3), 0), len(base) - 1)]
                pcm = read_wav(o)
                length = int(16000 * gap * r.uniform(0.9, 2.5))
                tail = min(800, length)
                pcm = pcm[:length]
                for i in range(1, min(tail, len(pcm)) + 1): pcm[-i] = pcm[-i] * i // tail
                parts.append((int(at * 16000), pcm, r.uniform(0.5, 1)))
                at += gap * r.choice((1, 1, 1, 2, 0.5)) if k % 5 else gap * r.choice((0.02, 2, 2))
            out = '%s/sounds/phrase-%s-%s-%d.wav' % (folder, bank, str(program).replace(' ', '_'), k)
            write_wav(out, 16000, mix(parts, SECONDS))
            name, full, family, _ = meta[outs[0]]
            items.append(Item(os.path.relpath(out, folder), 'audio', captions_of(name, full, family, True), name, 'train'))
    write_manifest(folder + '/sounds.tsv', items)
    print('%d names' % len({i.group for i in items}))
    credit(folder, 'sounds', 'Fluid R3 SoundFont (Debian fluid-soundfont-gm 3.1): (c) 2000-2002, 2008 Frank Wen, (c) 2008 Toby Smithe; MIT licence.\n'
           'Sonic Pi samples (Debian sonic-pi-samples 3.2.2): from freesound.org contributors and others, collected by Samuel Aaron; CC0 1.0.')


if __name__ == '__main__': main(sys.argv)
