#!/usr/bin/env python3
"""Needs: python3 (standard library), the unpacked package dataset-fashion-mnist.

    python3 tools/data/fashion.py PACKAGES DIR [TRAIN]

Fashion-MNIST: 28 x 28 grey pictures of ten kinds of clothes, here dark on white as drawings are; DIR/fashion/*.png and DIR/fashion.tsv with the first TRAIN (default
6000) pictures for training and all 10,000 for the test."""
import gzip
import os
import struct
import sys
import zlib
from common import *

NAMES = [('t-shirt', 'top, clothing'), ('trousers', 'pants, clothing'), ('pullover', 'sweater, clothing'), ('dress', 'clothing'), ('coat', 'jacket, clothing'), ('sandal', 'shoe, footwear'), ('shirt', 'clothing'),
         ('sneaker', 'shoe, footwear'), ('bag', 'handbag'), ('ankle boot', 'shoe, footwear')]


def grey_png(width, height, rows):
    chunk = lambda kind, d: struct.pack('>I', len(d)) + kind + d + struct.pack('>I', zlib.crc32(kind + d))
    body = b''.join(b'\0' + rows[y * width:(y + 1) * width] for y in range(height))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(body, 9)) + chunk(b'IEND', b'')


def idx(data, magic):
    """The entries of an IDX file of bytes: its sizes and the rest."""
    if struct.unpack_from('>I', data)[0] != magic: raise ValueError('not an IDX file of this kind')
    dims = magic & 255
    return struct.unpack_from('>%dI' % dims, data, 4), data[4 + 4 * dims:]


def main(argv):
    train = int(argv.pop()) if len(argv) == 4 and argv[3].isdigit() else 6000
    usage(__doc__, argv, 2)
    packages, folder = argv[1:]
    os.makedirs(folder + '/fashion', exist_ok=True)
    items, invert = [], bytes(255 - v for v in range(256))
    for part, split, most in (('train', 'train', train), ('t10k', 'test', 10000)):
        read = lambda kind: gzip.open('%s/dataset-fashion-mnist/usr/share/datasets/fashion-mnist/%s-%s.gz' % (packages, part, kind)).read()
        (n, h, w), pixels = idx(read('images-idx3-ubyte'), 0x803)
        _, labels = idx(read('labels-idx1-ubyte'), 0x801)
        for i in range(min(n, most)):
            name, more = NAMES[labels[i]]
            with open('%s/fashion/%s-%05d.png' % (folder, split, i), 'wb') as f: f.write(grey_png(w, h, pixels[i * w * h:(i + 1) * w * h].translate(invert)))
            what = name if name == 'trousers' else article(name)
            items.append(Item('fashion/%s-%05d.png' % (split, i), 'image', ['a picture of ' + what, name, '%s: %s' % (name, more), 'a grey picture of ' + what, 'clothes, ' + name], name, split))
    write_manifest(folder + '/fashion.tsv', items)
    credit(folder, 'fashion', 'Fashion-MNIST (Debian dataset-fashion-mnist): (c) 2017 Zalando SE, https://tech.zalando.com; MIT licence.')


if __name__ == '__main__': main(sys.argv)
