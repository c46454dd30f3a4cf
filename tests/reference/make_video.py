#!/usr/bin/env python3
"""Small clips in every container that section 11 reads, and what ffmpeg, Pillow, numpy and torch make of them.

    python3 tests/reference/make_video.py            (from the repository root; needs ffmpeg, numpy, Pillow, torch, torchvision, cv2)

Writes tests/golden/video/* (the clips) and tests/golden/video.safetensors.gz (frames, frame numbers, pipeline tensors).
"""
import json, math, os, re, struct, subprocess, sys, tempfile, zlib
import numpy as np, torch, torchvision, PIL, cv2
from PIL import Image
from torchvision.transforms._transforms_video import CenterCropVideo, NormalizeVideo
from golden import store

DIR, OUT = "tests/golden/video", "tests/golden/video.safetensors.gz"
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
arrays = {}

def ff(*args, stdin=None):
    p = subprocess.run(["ffmpeg", "-v", "error", "-y", *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode: raise SystemExit("ffmpeg %s: %s" % (" ".join(args), p.stderr.decode()))
    return p.stdout
def rgb(path, w, h, *flags):
    return np.frombuffer(ff("-i", path, *flags, "-vsync", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"), np.uint8).reshape(-1, h, w, 3).copy()
ACC = ("-sws_flags", "neighbor+accurate_rnd+full_chroma_int")

# ---- Y4M: every colour space; planes by their CRC, RGB by ffmpeg's default and accurate conversions
SOURCE = "testsrc2=s=%dx%d:r=5:d=0.4"
for name, pix, w, h, extra in [
        ("420jpeg", "yuv420p", 36, 28, ()), ("420mpeg2", "yuv420p", 36, 28, ("-chroma_sample_location", "left")), ("420paldv", "yuv420p", 36, 28, ("-chroma_sample_location", "topleft")),
        ("odd", "yuv420p", 35, 27, ()), ("422", "yuv422p", 36, 28, ()), ("444", "yuv444p", 36, 28, ()), ("411", "yuv411p", 32, 28, ()), ("mono", "gray", 36, 28, ()),
        ("full", "yuv420p", 36, 28, ("-color_range", "pc")), ("full444", "yuv444p", 36, 28, ("-color_range", "pc")),
        ("420p9", "yuv420p9le", 36, 28, ()), ("420p10", "yuv420p10le", 36, 28, ()), ("422p10", "yuv422p10le", 36, 28, ()), ("444p12", "yuv444p12le", 36, 28, ()), ("444p14", "yuv444p14le", 36, 28, ()),
        ("420p16", "yuv420p16le", 36, 28, ()), ("mono10", "gray10le", 36, 28, ()), ("mono16", "gray16le", 36, 28, ())]:
    path = "%s/%s.y4m" % (DIR, name)
    vf = ("-vf", "scale=out_range=pc") if "pc" in extra else ()
    ff("-f", "lavfi", "-i", (SOURCE if name != "odd" else "testsrc=s=%dx%d:r=5:d=0.4") % (w, h), *vf, "-pix_fmt", pix, *extra, "-strict", "-1", "-fflags", "+bitexact", "-f", "yuv4mpegpipe", path)
    raw = ff("-i", path, "-f", "rawvideo", "-pix_fmt", pix, "-")
    arrays["y4m.%s.planes" % name] = np.array([len(raw), zlib.crc32(raw)], np.uint32)
    # ffmpeg stretches the chroma of odd sizes (18 samples over 35 pixels); cut to the even part it replicates like everybody else
    crop, cw, ch = (("-vf", "crop=34:26:0:0"), 34, 26) if name == "odd" else ((), w, h)
    arrays["y4m.%s.default" % name] = rgb(path, cw, ch, *crop)
    arrays["y4m.%s.accurate" % name] = rgb(path, cw, ch, *crop, *ACC)
arrays["y4m.444.bt709"] = rgb(DIR + "/444.y4m", 36, 28, "-vf", "scale=in_color_matrix=bt709:flags=neighbor+accurate_rnd+full_chroma_int")
# four planes
y4 = open(DIR + "/444.y4m", "rb").read().split(b"FRAME\n")
open(DIR + "/444alpha.y4m", "wb").write(y4[0].replace(b"C444", b"C444alpha") + b"".join(b"FRAME\n" + f + bytes(36 * 28) for f in y4[1:]))

# ---- GIF: whole frames, partial frames with transparency, every disposal
ff("-f", "lavfi", "-i", "testsrc2=s=40x30:r=10:d=0.7", "-vf", "split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=none", DIR + "/plain.gif")
ff("-f", "lavfi", "-i", "testsrc2=s=40x30:r=10:d=0.7", "-vf", "split[a][b];[a]palettegen=max_colors=32[p];[b][p]paletteuse=dither=none:diff_mode=rectangle", "-gifflags", "+transdiff+offsetting", DIR + "/partial.gif")
rng = np.random.default_rng(7)
def gif_frame(x, y, w, h, dispose, transparent, delay, palette):
    # one image block by hand: graphic control, local palette of 8, LZW with a clear code often enough that the code size stays 4
    px = rng.integers(0, 8, w * h)
    codes = []
    for i, p in enumerate(px):
        if i % 4 == 0: codes.append(8)
        codes.append(int(p))
    codes.append(9)
    acc = n = 0; data = bytearray()
    for c in codes:
        acc |= c << n; n += 4
        while n >= 8: data.append(acc & 255); acc >>= 8; n -= 8
    if n: data.append(acc & 255)
    out = b"\x21\xf9\x04" + bytes([dispose << 2 | (transparent >= 0)]) + struct.pack("<H", delay) + bytes([max(transparent, 0), 0])
    out += b"\x2c" + struct.pack("<HHHH", x, y, w, h) + bytes([0x80 | 2]) + palette + b"\x03"
    for i in range(0, len(data), 255): out += bytes([len(data[i:i + 255])]) + bytes(data[i:i + 255])
    return out + b"\0"
gif = b"GIF89a" + struct.pack("<HH", 24, 20) + bytes([0x80 | 2, 0, 0]) + bytes(rng.integers(0, 256, 24, dtype=np.uint8)) + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
for i, (x, y, w, h, dispose, transparent) in enumerate([(0, 0, 24, 20, 1, -1), (3, 2, 11, 9, 1, 3), (5, 6, 10, 10, 2, 1), (0, 0, 8, 8, 3, 0), (8, 4, 16, 16, 3, -1), (1, 1, 5, 5, 1, 2), (10, 3, 9, 13, 2, -1), (2, 2, 20, 16, 0, 5)]):
    gif += gif_frame(x, y, w, h, dispose, transparent, 5 + i, bytes(rng.integers(0, 256, 24, dtype=np.uint8)))
open(DIR + "/disposal.gif", "wb").write(gif + b"\x3b")
for name, w, h in (("plain", 40, 30), ("partial", 40, 30), ("disposal", 24, 20)):
    arrays["gif." + name] = rgb("%s/%s.gif" % (DIR, name), w, h)

# ---- Motion-JPEG and PNG in AVI, MOV, MP4
def frames_of(path):
    with tempfile.TemporaryDirectory() as d:
        ff("-i", path, "-c", "copy", "-vsync", "passthrough", "-f", "image2", d + "/%03d.bin")
        return [open(os.path.join(d, n), "rb").read() for n in sorted(os.listdir(d))]
def pil(jpegs):
    import io
    return np.stack([np.asarray(Image.open(io.BytesIO(j)).convert("RGB")) for j in jpegs])
def strip_dht(j):
    out, at = bytearray(j[:2]), 2
    while j[at + 1] != 0xDA:
        n = 2 + struct.unpack(">H", j[at + 2:at + 4])[0]
        if j[at + 1] != 0xC4: out += j[at:at + n]
        at += n
    return bytes(out + j[at:])
def make(path, pix, n=5, *extra):
    ff("-f", "lavfi", "-i", "testsrc2=s=48x32:r=10:d=%g" % (n / 10), "-pix_fmt", pix, "-q:v", "3", "-fflags", "+bitexact", "-flags:v", "+bitexact", *extra, path)
make(DIR + "/mjpeg.avi", "yuvj420p", 5, "-c:v", "mjpeg", "-huffman", "default")
make(DIR + "/mjpeg444.avi", "yuvj444p", 5, "-c:v", "mjpeg")
make(DIR + "/mjpeg.mov", "yuvj420p", 5, "-c:v", "mjpeg")
make(DIR + "/mjpeg422.mp4", "yuvj422p", 5, "-c:v", "mjpeg")
make(DIR + "/fragmented.mp4", "yuvj420p", 6, "-c:v", "mjpeg", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_size", "2000")
# a fragment's sound in front of its pictures, and no offsets but those that follow from it; the pictures are those of fragmented.mp4
ff("-f", "lavfi", "-i", "testsrc2=s=48x32:r=10:d=0.6", "-f", "lavfi", "-i", "sine=r=8000:d=0.6", "-map", "1:a", "-map", "0:v", "-pix_fmt", "yuvj420p", "-q:v", "3", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
   "-c:v", "mjpeg", "-c:a", "aac", "-b:a", "16k", "-g", "1", "-movflags", "frag_keyframe+empty_moov+omit_tfhd_offset", DIR + "/fragmented_sound.mp4")
make(DIR + "/faststart.mov", "yuvj420p", 5, "-c:v", "mjpeg", "-movflags", "faststart")
make(DIR + "/png.mov", "rgb24", 3, "-c:v", "png")
for name in ("mjpeg.avi", "mjpeg444.avi", "mjpeg.mov", "mjpeg422.mp4", "fragmented.mp4", "faststart.mov"):
    arrays["mjpeg." + name] = rgb(DIR + "/" + name, 48, 32, *ACC)
    if name == "mjpeg444.avi": arrays["mjpeg.pillow"] = pil(frames_of(DIR + "/" + name))
arrays["png.png.mov"] = rgb(DIR + "/png.mov", 48, 32)
# by hand: two RIFF parts (OpenDML), an audio stream in front, a rec list, an empty chunk (repeat), frames without Huffman tables
def chunk(tag, body): return tag + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
def lst(tag, kind, *parts): return chunk(tag, kind + b"".join(parts))
j = [strip_dht(f) for f in frames_of(DIR + "/mjpeg.avi")]
strh = lambda kind, scale, rate: chunk(b"strh", kind + b"\0" * 12 + struct.pack("<II", scale, rate) + b"\0" * 28)
head = lst(b"LIST", b"hdrl", chunk(b"avih", b"\0" * 56), lst(b"LIST", b"strl", strh(b"auds" + b"\0" * 4, 1, 8000), chunk(b"strf", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8))),
           lst(b"LIST", b"strl", strh(b"vidsMJPG", 2, 25), chunk(b"strf", struct.pack("<IiiHH4sIIIII", 40, 48, -32, 1, 24, b"MJPG", 48 * 32 * 3, 0, 0, 0, 0))))
first = lst(b"RIFF", b"AVI ", head, chunk(b"JUNK", b"x" * 7), lst(b"LIST", b"movi", chunk(b"00wb", b"\x80" * 9), chunk(b"01dc", j[0]), lst(b"LIST", b"rec ", chunk(b"00wb", b"\x80"), chunk(b"01dc", j[1])), chunk(b"01dc", b"")))
open(DIR + "/opendml.avi", "wb").write(first + lst(b"RIFF", b"AVIX", lst(b"LIST", b"movi", chunk(b"01dc", j[2]), chunk(b"ix01", b"\0" * 24), chunk(b"01dc", j[3]))))

# ---- frame numbers: np.linspace(0, N - 1, F, dtype=int) and friends
for F in (1, 2, 5, 8, 12, 16):
    arrays["ids.uniform.%d" % F] = np.stack([np.linspace(0, N - 1, F, dtype=int) for N in list(range(1, 300)) + [1000, 4321, 99999]]).astype(np.int32)
rows = []
for frames, fps, start, end in [(245, 30.0, -1, 0), (269, 30.0, -1, 0), (269, 29.97, -1, 0), (931, 25.0, 0, 31), (931, 25.0, 3, 17), (4000, 23.976, 0, 117), (47, 15.0, 0, 31), (100, 10.0, 2, 4)]:
    f = int(fps); total = (frames + f - 1) // f; s, e = 0, total
    if start >= 0: s, e = start, min(end, total)
    rows.append([frames, int(round(fps * 1000)), start, end] + list(np.linspace(int(s * f), int((e - 1) * f), num=8, dtype=int)))
arrays["ids.retrieval"] = np.array(rows, np.int32)
rows = []
for frames in (1, 5, 63, 64, 65, 70, 100, 245, 269, 300, 1000):
    for view in range(5):
        ids = list(range(0, frames, 8))
        while len(ids) < 8: ids.append(ids[-1])
        s = int(view * max(1.0 * (len(ids) - 8) / 4, 0))
        rows.append([frames, view] + ids[s:s + 8])
arrays["ids.view"] = np.array(rows, np.int32)

# ---- the pipeline, on frames that the test makes by the same formula
def synthetic(T, h, w):
    t, y, x, c = np.meshgrid(np.arange(T), np.arange(h), np.arange(w), np.arange(3), indexing="ij")
    return ((x * 7 + y * 13 + t * 29 + c * 53 + (x * y) % 251 * (1 + c) // 2) & 255).astype(np.uint8)
def short_side_scale(x, size):                                   # [C, T, H, W], as upstream's transform library does it
    h, w = x.shape[-2:]
    nh, nw = (int(math.floor((float(h) / w) * size)), size) if w < h else (size, int(math.floor((float(w) / h) * size)))
    return torch.nn.functional.interpolate(x, size=(nh, nw), mode="bilinear", align_corners=False)
for name, T, h, w, size, step in [("portrait", 3, 81, 50, 32, 1), ("landscape", 3, 50, 89, 32, 1), ("square", 2, 61, 61, 32, 1), ("up", 2, 20, 27, 48, 1), ("sample", 1, 720, 406, 224, 5), ("wide", 1, 240, 427, 224, 5)]:
    x = torch.from_numpy(synthetic(T, h, w)).permute(3, 0, 1, 2)
    x = NormalizeVideo(MEAN, STD)(x / 255.0)
    x = CenterCropVideo(size)(short_side_scale(x, size))
    arrays["pipeline." + name] = x.numpy()[:, :, ::step, ::step].copy()
x = synthetic(1, 256, 340)                                        # Kinetics: cv2 on bytes, three crops along the longer side, ImageNet statistics
r = cv2.resize(x[0], (int(224 * 340 / 256), 224), interpolation=cv2.INTER_LINEAR)
for crop in range(3):
    s = int(crop * (1.0 * (max(r.shape[:2]) - 224) / 2))
    y = torch.from_numpy(r[:, s:s + 224].copy()).permute(2, 0, 1).float() / 255
    y = (y - torch.tensor((0.485, 0.456, 0.406))[:, None, None]) / torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    arrays["view.%d" % crop] = y.numpy()[:, ::5, ::5].copy()

version = subprocess.run(["ffmpeg", "-version"], stdout=subprocess.PIPE).stdout.decode().split()[2]
store(OUT, arrays, {"script": "tests/reference/make_video.py", "versions": "ffmpeg %s, torch %s, torchvision %s, numpy %s, Pillow %s, cv2 %s" % (version, torch.__version__, torchvision.__version__, np.__version__, PIL.__version__, cv2.__version__)})
print(OUT, os.path.getsize(OUT), "bytes;", DIR, sum(os.path.getsize(os.path.join(DIR, n)) for n in os.listdir(DIR)), "bytes")
