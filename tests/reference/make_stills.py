#!/usr/bin/env python3
"""Small still images in every format and form that section 9 reads, and their pixels as Pillow sees them (16-bit PNG and PGM: as OpenCV does).

    python3 tests/reference/make_stills.py           (from the repository root; needs numpy, Pillow, cv2, ImageMagick's convert, cjpeg)

Writes tests/golden/stills/* and tests/golden/stills.safetensors.gz: NAME -> [H, W, C] after convert("RGB") (1 channel for 16-bit grey).
"""
import os, struct, subprocess
import numpy as np, PIL, cv2
from PIL import Image
from golden import store

DIR, OUT = "tests/golden/stills", "tests/golden/stills.safetensors.gz"
arrays = {}
rng = np.random.default_rng(3)
def picture(w, h):
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 255 // max(w - 1, 1), y * 255 // max(h - 1, 1), (x * 7 + y * 13) % 256], -1)
    return np.clip(a + rng.integers(-12, 13, a.shape), 0, 255).astype(np.uint8)
P = picture(37, 23); IM = Image.fromarray(P); G = IM.convert("L")
def path(n): return os.path.join(DIR, n)
def run(*a, stdin=None): return subprocess.run(a, input=stdin, stdout=subprocess.PIPE, check=True).stdout
ppm = b"P6\n37 23\n255\n" + P.tobytes()

# JPEG
for name, kw in [("420", dict(subsampling=2)), ("422", dict(subsampling=1)), ("444", dict(subsampling=0)), ("progressive", dict(progressive=True, subsampling=2)), ("optimized", dict(optimize=True, quality=35)), ("q100", dict(quality=100, subsampling=0))]:
    IM.save(path(name + ".jpg"), **kw)
G.save(path("grey.jpg")); IM.convert("CMYK").save(path("cmyk.jpg"))
for name, kw in [("grey2x2", dict(subsampling=2)), ("grey2x1", dict(subsampling=1)), ("grey2x2-progressive", dict(subsampling=2, progressive=True)), ("grey2x2-restart", dict(subsampling=2, restart_marker_blocks=2))]: G.save(path(name + ".jpg"), **kw)
open(path("restart.jpg"), "wb").write(run("cjpeg", "-restart", "1", "-sample", "2x1", stdin=ppm))
open(path("sample1x2.jpg"), "wb").write(run("cjpeg", "-sample", "1x2", stdin=ppm))
open(path("sample4x1.jpg"), "wb").write(run("cjpeg", "-sample", "4x1", stdin=ppm))
open(path("rgb.jpg"), "wb").write(run("cjpeg", "-rgb", stdin=ppm))
open(path("progressive-rst.jpg"), "wb").write(run("cjpeg", "-progressive", "-restart", "2B", stdin=ppm))
Image.fromarray(picture(1, 1)).save(path("one.jpg")); Image.fromarray(picture(3, 200)).save(path("narrow.jpg"))
# PNG
IM.save(path("rgb.png")); G.save(path("grey.png")); IM.quantize(200).save(path("p8.png")); IM.quantize(13).save(path("p4.png"), bits=4); IM.quantize(3).save(path("p2.png"), bits=2); G.convert("1").save(path("g1.png"))
rgba = np.dstack([P, (P[..., 0] // 2 + 60)]).astype(np.uint8); Image.fromarray(rgba).save(path("rgba.png")); Image.fromarray(rgba[..., 2:]).save(path("la.png"))
IM.quantize(20).save(path("trns.png"), transparency=3)
G16 = (P[..., 0].astype(np.uint16) * 257 + rng.integers(0, 99, P.shape[:2])).clip(0, 65535).astype(np.uint16); cv2.imwrite(path("g16.png"), G16)
C16 = (P.astype(np.uint16) * 257); cv2.imwrite(path("rgb16.png"), C16[..., ::-1])
for n in ("rgb", "p4", "g1", "rgba"): run("convert", path(n + ".png"), "-interlace", "PNG", path(n + "-interlaced.png"))
# BMP
IM.save(path("rgb24.bmp")); G.save(path("grey8.bmp")); G.convert("1").save(path("mono1.bmp")); IM.quantize(16).save(path("p8.bmp")); Image.fromarray(rgba).save(path("rgba32.bmp"))
run("convert", path("p8.bmp"), "-compress", "RLE", "BMP3:" + path("rle8.bmp"))
run("convert", path("p4.png"), "-type", "palette", "BMP3:" + path("p4.bmp"))
def bmp(bits, rows, comp=0, palette=b"", masks=b"", h=23, head=40):
    if head == 12: info = struct.pack("<IHHHH", 12, 37, h, 1, bits)
    else: info = struct.pack("<IiiHHIIiiII", 40, 37, h, 1, bits, comp, len(rows), 0, 0, len(palette) // 4, 0)
    off = 14 + len(info) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", off + len(rows), 0, 0, off) + info + masks + palette + rows
def pad(r): return r + b"\0" * (-len(r) % 4)
v555 = (P[..., 0] >> 3).astype(np.uint16) << 10 | (P[..., 1] >> 3).astype(np.uint16) << 5 | (P[..., 2] >> 3)
v565 = (P[..., 0] >> 3).astype(np.uint16) << 11 | (P[..., 1] >> 2).astype(np.uint16) << 5 | (P[..., 2] >> 3)
open(path("x555.bmp"), "wb").write(bmp(16, b"".join(pad(r.astype("<u2").tobytes()) for r in v555[::-1])))
open(path("x565.bmp"), "wb").write(bmp(16, b"".join(pad(r.astype("<u2").tobytes()) for r in v565[::-1]), 3, masks=struct.pack("<III", 0xf800, 0x7e0, 0x1f)))
open(path("down24.bmp"), "wb").write(bmp(24, b"".join(pad(r[:, ::-1].tobytes()) for r in P), h=-23))
open(path("os2.bmp"), "wb").write(bmp(24, b"".join(pad(r[:, ::-1].tobytes()) for r in P[::-1]), head=12))
open(path("x32.bmp"), "wb").write(bmp(32, b"".join(np.dstack([r[None, :, ::-1], np.full((1, 37, 1), 7, np.uint8)]).tobytes() for r in P[::-1])))
q = np.asarray(IM.quantize(15)); pal = np.asarray(IM.quantize(15).getpalette()[:48], np.uint8).reshape(16, 3)
palette = b"".join(bytes([c[2], c[1], c[0], 0]) for c in pal)
rle = bytearray()
for r in q[::-1]:
    i = 0
    while i < 37:
        n = 1
        while i + n < 37 and n < 250 and r[i + n] == r[i]: n += 1
        if n < 2 and 37 - i >= 6:                                   # a literal run of six (Pillow 9.4 misreads odd ones)
            rle += bytes([0, 6, r[i] << 4 | r[i + 1], r[i + 2] << 4 | r[i + 3], r[i + 4] << 4 | r[i + 5], 0]); i += 6
        else: rle += bytes([n, r[i] << 4 | r[i]]); i += n
    rle += b"\0\0"
rle += b"\0\1"
open(path("rle4.bmp"), "wb").write(bmp(4, bytes(rle), 2, palette))
# PNM
open(path("p6.ppm"), "wb").write(ppm); open(path("p5.pgm"), "wb").write(b"P5 # grey\n37 23\n255\n" + np.asarray(G).tobytes())
B = np.asarray(G.convert("1")); open(path("p4.pbm"), "wb").write(b"P4\n37 23\n" + np.packbits(~B, axis=1).tobytes())
open(path("p1.pbm"), "wb").write(b"P1\n# bits\n37 23\n" + b"\n".join(b"".join(b"0" if v else b"1" for v in r) for r in B) + b"\n")
open(path("p2.pgm"), "wb").write(b"P2\n37 23\n100\n" + b"\n".join(b" ".join(b"%d" % (v * 100 // 255) for v in r) for r in np.asarray(G)) + b"\n")
open(path("p3.ppm"), "wb").write(b"P3\n37 23\n255\n" + b"\n".join(b" ".join(b"%d" % v for v in r.ravel()) for r in P) + b"\n")
open(path("p6-63.ppm"), "wb").write(b"P6 37 23 63\n" + (P // 4).tobytes()); open(path("p5-16.pgm"), "wb").write(b"P5\n37 23\n65535\n" + G16.astype(">u2").tobytes())
C = P.astype(np.uint16) * 173 + np.arange(37, dtype=np.uint16)[None, :, None]      # colour of 16 bits, and of a largest value that is not 65535
open(path("p6-16.ppm"), "wb").write(b"P6\n37 23\n65535\n" + C.astype(">u2").tobytes()); open(path("p6-50000.ppm"), "wb").write(b"P6\n37 23\n50000\n" + C.astype(">u2").tobytes())
open(path("p7.pam"), "wb").write(b"P7\nWIDTH 37\nHEIGHT 23\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + P.tobytes())
# GIF
IM.quantize(64).save(path("plain.gif")); IM.quantize(20).save(path("trns.gif"), transparency=5); IM.quantize(30).save(path("interlaced.gif"), interlace=1); G.save(path("grey.gif"))
run("convert", path("plain.gif"), "-repage", "50x40+6+9", path("offset.gif"))

for n in sorted(os.listdir(DIR)):
    key = n
    if n in ("g16.png", "p5-16.pgm"): a = cv2.imread(path(n), cv2.IMREAD_UNCHANGED)[..., None]
    elif n == "rgb16.png": a = np.asarray(Image.open(path(n)).convert("RGB"))
    elif n == "p7.pam": a = P
    else: a = np.asarray(Image.open(path(n)).convert("RGB"))
    arrays[key] = np.ascontiguousarray(a)
store(OUT, arrays, {"script": "tests/reference/make_stills.py", "versions": "Pillow %s, cv2 %s, numpy %s" % (PIL.__version__, cv2.__version__, np.__version__)})
print(len(arrays), "files,", os.path.getsize(OUT), "bytes of pixels,", sum(os.path.getsize(path(n)) for n in os.listdir(DIR)), "bytes of files")
