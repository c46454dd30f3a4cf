#!/usr/bin/env python3
"""Needs: python3 (standard library), tools/data/prepare, ffmpeg (the recordings are Ogg Vorbis), the unpacked package gcompris-qt-data, and where they are
unpacked qabcs-data and tuxpaint-stamps-default.

    python3 tools/data/instruments.py PACKAGES DIR PREPARE

For evaluation only: recordings of instruments by others than those of the training sounds, copyleft, never trained on and not to be passed on: all of GCompris's
instruments, and those of qABCs and Tux Paint that have a name which FluidR3 can teach.  DIR/instruments/*.wav, 16 kHz mono, and DIR/instruments.tsv; the
caption is "the sound of a NAME", the group the name, which the files carry."""
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from common import *


def rcc(data):
    """Qt's binary resources: yields (path, bytes).  Nodes of 22 bytes (14 before version 2): name, flags, then children or data."""
    if data[:4] != b'qres': raise ValueError('not a Qt resource file')
    version, tree, blob, names = struct.unpack_from('>IIII', data, 4)
    size = 22 if version >= 2 else 14

    def walk(node, path):
        o = tree + size * node
        name_at, flags = struct.unpack_from('>IH', data, o)
        n = struct.unpack_from('>H', data, names + name_at)[0]
        here = path + ('/' if path else '') + data[names + name_at + 6:names + name_at + 6 + 2 * n].decode('utf-16-be') if node else ''
        if flags & 2:
            count, first = struct.unpack_from('>II', data, o + 6)
            for k in range(count): yield from walk(first + k, here)
            return
        at = blob + struct.unpack_from('>I', data, o + 10)[0]
        body = data[at + 4:at + 4 + struct.unpack_from('>I', data, at)[0]]
        if flags & 1: body = zlib.decompress(body[4:])
        if not flags & 4: yield here, body               # 4: zstd, which the standard library cannot undo; sounds are stored plainly
    yield from walk(0, '')


SAME = {'flute traversiere': 'flute', 'western concert flute': 'flute', 'grand piano': 'piano', 'natural horn': 'horn', 'cymbals': 'cymbal', 'cymbal crash': 'cymbal', 'drums': 'drum kit', 'drumkit': 'drum kit', 'drum tomtom floor': 'tom drum'}
TAUGHT = set('accordion bagpipes banjo bassoon bongo castanets cello clarinet cymbal flute guitar harmonica harp horn maracas oboe organ piano recorder saxophone tambourine timpani triangle trombone trumpet tuba ukulele violin whistle xylophone'.split())
TAUGHT |= {'bass drum', 'drum kit', 'electric guitar', 'snare drum', 'tom drum', 'cuica'}


def recordings(packages):
    """(source, name, bytes) of every recording"""
    for path, body in rcc(open(packages + '/gcompris-qt-data/usr/share/gcompris-qt/rcc/instruments.rcc', 'rb').read()):
        base, end = os.path.splitext(os.path.basename(path))
        if end.lower() in ('.ogg', '.wav', '.mp3', '.opus', '.aac'): yield 'gcompris', base, body
    for source, pattern in (('qabcs', '/qabcs-data/usr/share/qabcs/abcs/all/noises/*.ogg'), ('tuxpaint', '/tuxpaint-stamps-default/usr/share/tuxpaint/stamps/hobbies/music/**/*.ogg')):
        for path in sorted(glob.glob(packages + pattern, recursive=True)):
            if '_desc' not in path: yield source, os.path.basename(path)[:-4], open(path, 'rb').read()


def main(argv):
    usage(__doc__, argv, 3)
    packages, folder, tool = argv[1:]
    if not shutil.which('ffmpeg'): sys.exit('instruments.py: ffmpeg is missing; the recordings are Ogg Vorbis')
    raw = folder + '/instruments/raw'
    os.makedirs(raw, exist_ok=True)
    jobs, names = [], {}
    for source, base, body in recordings(packages):
        name = clean(re.sub(r'[0-9]+$', '', base.replace('_', ' ')))
        name = SAME.get(name, name)
        if name == 'caption' or (source != 'gcompris' and name not in TAUGHT): continue
        wav, out = '%s/%s-%s.wav' % (raw, source, base), '%s/instruments/%s-%s.wav' % (folder, source, base)
        if subprocess.run(['ffmpeg', '-v', 'error', '-y', '-i', 'pipe:0', '-ar', '44100', '-ac', '1', wav], input=body).returncode: continue
        names[out] = name
        jobs.append((wav, out, 4))
    done = prepare(tool, jobs, '--sound')
    write_manifest(folder + '/instruments.tsv', [Item(os.path.relpath(o, folder), 'audio', ['the sound of ' + article(names[o]), names[o]], names[o], 'test') for _, o, _ in jobs if o in done])
    print('%d names' % len({names[o] for o in done}))


if __name__ == '__main__': main(sys.argv)
