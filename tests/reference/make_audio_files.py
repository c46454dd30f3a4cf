"""Writes tests/golden/audio_files.safetensors.gz: small WAV and FLAC files made by ffmpeg, sox, flac and, for what those cannot write, by the encoder
below, with the samples that ffmpeg (or flac, for 32-bit FLAC) decodes from them.
  file.N  u8   the file          pcm.N  i32 or i64 (64-bit PCM) or f64 (float WAV), interleaved         info.N  i32 [rate, channels, bits, frames]
Usage: python tests/reference/make_audio_files.py [output folder, default tests/golden] [corpus folder, default none]"""
import hashlib, json, os, struct, subprocess, sys, tempfile
import numpy as np
from golden import store

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
corpus = sys.argv[2] if len(sys.argv) > 2 else None
tmp = tempfile.mkdtemp()
rng = np.random.default_rng(7)
arrays, names = {}, []

def run(*args, stdin=None):
    r = subprocess.run(args, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if r.returncode:
        raise SystemExit("%s\n%s" % (" ".join(args), r.stderr.decode(errors="replace")))
    return r.stdout
def path(name): return os.path.join(tmp, name)
def read(name): return open(path(name), "rb").read()
def version(*args): return run(*args).decode().splitlines()[0]

def signal(frames, channels, bits=32, kind="tones"):
    """int64 samples of `bits` bits: tones and a little noise, different on every channel, touching both ends of the range."""
    t = np.arange(frames)[:, None] / 8000.0
    f = 200 + 130 * np.arange(channels)[None]
    x = 0.6 * np.sin(2 * np.pi * f * t) + 0.2 * np.sin(2 * np.pi * 3.1 * f * t) + 0.01 * rng.normal(size=(frames, channels))
    if kind == "noise": x = rng.uniform(-1, 1, (frames, channels))
    if kind == "silence": x = np.zeros((frames, channels))
    top = 2 ** (bits - 1)
    x = np.clip(np.round(x * top), -top, top - 1).astype(object)
    if kind == "tones" and frames > 20:
        x[7], x[8] = top - 1, -top
    return np.array([[int(v) for v in r] for r in x], dtype=np.int64).reshape(frames, channels)

def decode(name, kind):
    """ffmpeg's samples as i32 (16-bit formats at their own width), i64 or f64."""
    fmt = {"s16": "s16le", "s32": "s32le", "s64": "s64le", "u8": "u8", "f64": "f64le"}[kind]
    raw = run("ffmpeg", "-v", "error", "-i", path(name), "-map", "0:a", "-f", "data", "-c:a", "pcm_" + fmt, "-")
    a = np.frombuffer(raw, {"s16": "<i2", "s32": "<i4", "s64": "<i8", "u8": "u1", "f64": "<f8"}[kind])
    return a.astype(np.int64) - 128 if kind == "u8" else a if kind == "f64" else a.astype(np.int64)

def add(name, pcm, rate, channels, bits, data=None):
    data = read(name) if data is None else data
    pcm = np.asarray(pcm).reshape(-1)
    n = len(names)
    arrays["file.%d" % n] = np.frombuffer(data, np.uint8)
    arrays["pcm.%d" % n] = pcm if pcm.dtype == np.float64 else pcm.astype(np.int64) if bits == 64 else pcm.astype(np.int32)
    arrays["info.%d" % n] = np.array([rate, channels, bits, len(pcm) // channels], np.int32)
    names.append(name)
    if corpus and len(data) < 3000:
        kind = "flac" if name.endswith("flac") else "wav"
        os.makedirs(os.path.join(corpus, kind), exist_ok=True)
        open(os.path.join(corpus, kind, name), "wb").write(data)

def raw_in(x): return (x >> 32).astype("<i4").tobytes()
def ffmpeg_write(name, x, rate, *args):
    """x: int64 at 64-bit scale, of which ffmpeg is given the upper half"""
    run("ffmpeg", "-v", "error", "-y", "-f", "s32le", "-ar", str(rate), "-ac", str(x.shape[1]), "-i", "-", "-bitexact", *args, path(name), stdin=raw_in(x))

# ---- WAV, every codec ffmpeg writes, mono to many channels ----
for codec, kind, bits in [("pcm_u8", "u8", 8), ("pcm_s16le", "s16", 16), ("pcm_s24le", "s32", 24), ("pcm_s32le", "s32", 32), ("pcm_s64le", "s64", 64),
                          ("pcm_alaw", "s16", 16), ("pcm_mulaw", "s16", 16), ("pcm_f32le", "f64", 0), ("pcm_f64le", "f64", 0)]:
    for ch in [1, 2, 3, 4, 5, 6, 7, 8, 16]:
        if ch not in (1, 2) and codec in ("pcm_s64le", "pcm_mulaw", "pcm_f64le") and ch != 6: continue
        n = 41 if ch > 2 else 151
        name = "%s_%dch.wav" % (codec, ch)
        ffmpeg_write(name, signal(n, ch, 64), 8000 + 100 * ch, "-c:a", codec)
        p = decode(name, kind)
        if bits == 24: p = p >> 8
        add(name, p, 8000 + 100 * ch, ch, bits)
# containers
x = signal(77, 2, 64)
ffmpeg_write("rf64.wav", x, 48000, "-c:a", "pcm_s16le", "-rf64", "always"); add("rf64.wav", decode("rf64.wav", "s16"), 48000, 2, 16)
ffmpeg_write("odd.wav", signal(33, 1, 64), 11025, "-c:a", "pcm_u8"); add("odd.wav", decode("odd.wav", "u8"), 11025, 1, 8)
b = run("ffmpeg", "-v", "error", "-f", "s32le", "-ar", "22050", "-ac", "2", "-i", "-", "-bitexact", "-c:a", "pcm_s16le", "-f", "wav", "-", stdin=raw_in(x))
open(path("pipe.wav"), "wb").write(b); add("pipe.wav", decode("pipe.wav", "s16"), 22050, 2, 16)          # data size ffffffff
h = bytearray(b); i = h.index(b"data"); h[4:8] = bytes(4); h[i + 4:i + 8] = bytes(4)
open(path("zero.wav"), "wb").write(h); add("zero.wav", decode("zero.wav", "s16"), 22050, 2, 16)          # data size 0
j = struct.pack("<4sI", b"LIST", 5) + b"INFO!" + b"\0" + struct.pack("<4sI", b"junk", 0)
body = b[12:i] + j + b"data" + struct.pack("<I", 308) + b[i + 8:i + 8 + 308] + struct.pack("<4sI", b"tail", 3) + b"abc\0"
h = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
open(path("chunks.wav"), "wb").write(h); add("chunks.wav", decode("chunks.wav", "s16"), 22050, 2, 16)    # odd chunk with padding before, chunk behind
h = b"BW64" + h[4:]
h = h[:4] + b"\xff\xff\xff\xff" + h[8:12] + b"ds64" + struct.pack("<IQQQI", 28, len(h) + 28, 308, 77, 0) + h[12:]
k = h.index(b"data"); h = h[:k + 4] + b"\xff\xff\xff\xff" + h[k + 8:]
add("bw64.wav", decode("chunks.wav", "s16"), 22050, 2, 16, bytes(h))
def sox(name, x, rate, *args):
    run("sox", "-D", "-t", "raw", "-e", "signed", "-b", "32", "-r", str(rate), "-c", str(x.shape[1]), "-", *args, path(name), stdin=(x >> 32).astype("<i4").tobytes())
for enc, bits, kind, b_ in [("unsigned", 8, "u8", 8), ("signed", 16, "s16", 16), ("signed", 24, "s32", 24), ("signed", 32, "s32", 32), ("float", 32, "f64", 0), ("a-law", 8, "s16", 16), ("mu-law", 8, "s16", 16)]:
    name = "sox_%s%d.wav" % (enc.replace("-", ""), bits)
    sox(name, signal(64, 2, 64), 8000, "-e", enc, "-b", str(bits)); p = decode(name, kind); add(name, p >> 8 if bits == 24 else p, 8000, 2, b_)
sox("sox_big.wav", signal(64, 2, 64), 8000, "-B", "-e", "signed", "-b", "24", "-t", "wav")
assert read("sox_big.wav")[:4] == b"RIFX"                              # ffmpeg does not read it: sox's own samples
add("sox_big.wav", np.frombuffer(run("sox", "-D", path("sox_big.wav"), "-t", "raw", "-e", "signed", "-b", "32", "-L", "-"), "<i4").astype(np.int64) >> 8, 8000, 2, 24)
# all codes of A-law and mu-law
for tag, codec in [(6, "pcm_alaw"), (7, "pcm_mulaw")]:
    h = b"RIFF" + struct.pack("<I", 4 + 24 + 8 + 256) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, tag, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<I", 256) + bytes(range(256))
    open(path("all_%s.wav" % codec), "wb").write(h); add("all_%s.wav" % codec, decode("all_%s.wav" % codec, "s16"), 8000, 1, 16)
# 12 valid bits in 16, 20 in 24 (left-justified, extensible)
for valid, box in [(12, 16), (20, 24), (24, 32)]:
    v = signal(50, 1, valid)[:, 0] << (box - valid)
    d = b"".join(int(s).to_bytes(box // 8, "little", signed=True) for s in v)
    f = struct.pack("<HHIIHHHHIH", 0xfffe, 1, 16000, 16000 * box // 8, box // 8, box, 22, valid, 4, 1) + bytes([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71])
    h = b"WAVEfmt " + struct.pack("<I", 40) + f + b"data" + struct.pack("<I", len(d)) + d
    add("valid_%d_%d.wav" % (valid, box), v, 16000, 1, box, b"RIFF" + struct.pack("<I", len(h)) + h)

# ---- FLAC by ffmpeg and flac ----
for ch in range(1, 9):
    for bits, fmt in [(16, "s16"), (24, "s32")]:
        name = "ffmpeg_%d_%dch.flac" % (bits, ch)
        ffmpeg_write(name, signal(700 // ch, ch, 64), 44100, "-c:a", "flac", "-sample_fmt", fmt)
        p = decode(name, "s16" if bits == 16 else "s32"); add(name, p if bits == 16 else p >> 8, 44100, ch, bits)
def flac(name, x, rate, bits, *args):
    wide = (bits + 7) // 8
    d = b"".join(int(v).to_bytes(wide, "little", signed=True) for v in x.reshape(-1))
    run("flac", "--silent", "--force", "--force-raw-format", "--endian=little", "--sign=signed", "--channels=%d" % x.shape[1], "--bps=%d" % bits, "--sample-rate=%d" % rate, *args, "-o", path(name), "-", stdin=d)
    back = run("flac", "--silent", "-d", "--stdout", "--force-raw-format", "--endian=little", "--sign=signed", path(name))
    assert back == d, name
    if bits in (16, 24):
        p = decode(name, "s16" if bits == 16 else "s32")
        assert ((p if bits == 16 else p >> 8) == x.reshape(-1)).all(), name
    add(name, x, rate, x.shape[1], bits)
two = lambda x: np.stack([x[:, 0], np.clip(x[:, 0] + rng.integers(-9, 9, len(x)), x.min(), x.max())], 1)
for i, args in enumerate([("-0",), ("-1",), ("-5",), ("-8",), ("-8", "-e", "-p"), ("--lax", "-l", "32", "-b", "4608"), ("-b", "16", "-l", "8"), ("-b", "192"), ("--lax", "-b", "65535"), ("-l", "0"), ("-l", "0", "-b", "576"),
                          ("--lax", "-r", "0,15", "-b", "1024"), ("-m",), ("-M", "-b", "256"), ("-q", "5"), ("-A", "subdivide_tukey(3)")]):
    flac("flac_%d.flac" % i, two(signal(1300, 1, 16)) if i % 2 else signal(900, 1, 16), 16000, 16, *args)
flac("silence.flac", signal(5000, 2, 16, "silence"), 44100, 16)
flac("noise.flac", signal(500, 2, 16, "noise"), 44100, 16)
flac("wasted.flac", signal(600, 2, 12) << 4, 44100, 16)
flac("wasted24.flac", signal(600, 1, 9) << 15, 44100, 24)
flac("bits8.flac", signal(700, 2, 8), 8000, 8)
flac("bits24.flac", two(signal(700, 1, 24)), 96000, 24)
flac("bits32.flac", two(signal(500, 1, 32)), 192000, 32)
flac("bits32noise.flac", signal(200, 2, 32, "noise"), 192000, 32)
flac("rate.flac", signal(100, 1, 16), 12345, 16)
flac("rate10.flac", signal(100, 1, 16), 655350, 16, "--lax")
flac("rate1000.flac", signal(100, 1, 16), 7000, 16)
d = read("flac_0.flac"); p = arrays["pcm.%d" % names.index("flac_0.flac")]
add("id3.flac", p, 16000, 1, 16, b"ID3\x04\0\0\0\0\x01\x05" + bytes(133) + d)
add("id3v1.flac", p, 16000, 1, 16, d + b"TAG" + bytes(125))

# ---- FLAC by our own encoder: what the programs above do not write ----
class Bits:
    def __init__(self): self.v, self.n = 0, 0
    def put(self, v, n): self.v = self.v << n | (int(v) & ((1 << n) - 1)); self.n += n
    def unary(self, n): self.put(1, n + 1)
    def align(self): self.put(0, -self.n % 8)
    def bytes(self): return self.v.to_bytes(self.n // 8, "big")
def crc(data, width, poly):
    c, top = 0, 1 << (width - 1)
    for b in data:
        c ^= b << (width - 8)
        for _ in range(8): c = ((c << 1) ^ poly if c & top else c << 1) & ((1 << width) - 1)
    return c
def number(n):
    if n < 128: return bytes([n])
    tail = []
    while True:
        tail.insert(0, 0x80 | (n & 63)); n >>= 6
        if n < 1 << (6 - len(tail)): return bytes([(0xff80 >> len(tail)) & 0xff | n] + tail)
FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]]
def encode(x, rate, bits, blocks, variable=False, total=True, md5=True, sub="fixed2", rice=lambda part: 5, method=0, po=1, side=0, coef=None, shift=0, precision=15, coded_width=True):
    n, ch = x.shape; at = i = 0; frames = b""
    while at < n:
        m = min(blocks[i % len(blocks)], n - at); b = Bits()
        b.put(0x7ffc | variable if False else 0x3ffe, 14); b.put(0, 1); b.put(int(variable), 1)
        b.put(7, 4); b.put(0, 4); b.put(side if side else ch - 1, 4)
        b.put({8: 1, 12: 2, 16: 4, 20: 5, 24: 6, 32: 7}.get(bits, 0) if coded_width else 0, 3); b.put(0, 1)
        for c in number(at if variable else i): b.put(c, 8)
        b.put(m - 1, 16); b.put(crc(b.bytes(), 8, 0x107 & 0xff), 8)
        y = [[int(v) for v in x[at:at + m, c]] for c in range(ch)]; w = [bits] * ch
        if side:
            l, r = y; s = [p - q for p, q in zip(l, r)]
            y = {8: [l, s], 9: [s, r], 10: [[(p + q) >> 1 for p, q in zip(l, r)], s]}[side]
            w[0 if side == 9 else 1] += 1
        for c in range(ch):
            s, width = y[c], w[c]
            if sub == "constant": b.put(0, 8); b.put(s[0], width); continue
            if sub == "verbatim": b.put(2, 8); [b.put(v, width) for v in s]; continue
            taps = coef if coef else FIXED[int(sub[5])]; order = len(taps)
            b.put((31 + order if coef else 8 + order) << 1, 8)
            for v in s[:order]: b.put(v, width)
            if coef: b.put(precision - 1, 4); b.put(shift, 5); [b.put(v, precision) for v in coef]
            res = [s[k] - (sum(t * s[k - 1 - j] for j, t in enumerate(taps)) >> shift) for k in range(order, m)]
            b.put(method, 2); b.put(po, 4); parts = 1 << po; k = 0
            for part in range(parts):
                cnt = m // parts - (order if part == 0 else 0); r = res[k:k + cnt]; k += cnt
                param = rice(part)
                if param is None:                                    # escaped: plain bits
                    need = max([0] + [(v if v >= 0 else ~v).bit_length() + 1 for v in r if v]) if any(r) else 0
                    b.put((1 << (4 + method)) - 1, 4 + method); b.put(need, 5)
                    for v in r: b.put(v, need)
                else:
                    b.put(param, 4 + method)
                    for v in r: u = v * 2 if v >= 0 else -v * 2 - 1; b.unary(u >> param); b.put(u, param)
        b.align(); f = b.bytes(); frames += f + crc(f, 16, 0x18005 & 0xffff).to_bytes(2, "big"); at += m; i += 1
    wide = (bits + 7) // 8
    sig = hashlib.md5(b"".join(int(v).to_bytes(wide, "little", signed=True) for v in x.reshape(-1))).digest() if md5 else bytes(16)
    big = max(blocks + [16]); small = min(blocks)
    info = struct.pack(">HH", max(small, 16), big) + bytes(6) + (rate << 44 | (ch - 1) << 41 | (bits - 1) << 36 | (n if total else 0)).to_bytes(8, "big") + sig
    return b"fLaC" + struct.pack(">I", 34 | (1 << 31)) + info + frames
def ours(name, x, bits, blocks, check=True, **kw):
    d = encode(x, 16000, bits, blocks, **kw)
    open(path(name), "wb").write(d)
    run("flac", "--silent", "-t", path(name))
    if check:
        p = decode(name, "s32")
        assert (p >> (32 - bits) == x.reshape(-1)).all(), name
    add(name, x, 16000, x.shape[1], bits)
ours("escape.flac", signal(256, 1, 16), 16, [64], rice=lambda p: None if p % 2 else 7, po=2)
ours("escape0.flac", np.repeat(signal(8, 1, 16), 32, 0), 16, [256], sub="fixed1", rice=lambda p: None, po=3)
ours("rice5.flac", signal(256, 2, 24), 24, [128], method=1, rice=lambda p: 17 if p else None, po=1)
ours("variable.flac", signal(1000, 2, 16), 16, [64, 200, 17, 300], variable=True, po=0)
ours("long_numbers.flac", signal(2100, 1, 8), 8, [16], po=0, rice=lambda p: 6)
for side in (8, 9, 10):
    ours("side%d.flac" % side, two(signal(96, 1, 16)), 16, [96], side=side, po=0)
    x = signal(64, 2, 32); x[0] = [2**31 - 1, -2**31]; x[1] = [-2**31, 2**31 - 1]
    ours("side%d_33bit.flac" % side, x, 32, [64], side=side, sub="verbatim", check=False)
for bits in (4, 5, 7, 9, 12, 13, 17, 20, 23, 25, 31):
    ours("width%d.flac" % bits, signal(80, 1, bits), bits, [80], sub="fixed%d" % (bits % 5), rice=lambda p: max(0, min(bits - 3, 14)), po=0, check=bits in (12, 20), coded_width=bits in (8, 12, 20))
ours("lpc32.flac", signal(96, 1, 16), 16, [96], coef=[int(v) for v in rng.integers(-500, 500, 32)], shift=12, precision=15, po=0, rice=lambda p: 12)
ours("lpc_precision.flac", signal(96, 1, 16), 16, [96], coef=[1, -1], shift=0, precision=2, po=0, rice=lambda p: 13)
ours("no_total.flac", signal(150, 1, 16), 16, [50], total=False, md5=False, po=0, rice=lambda p: 8)
ours("constant.flac", np.tile(np.array([[-123, 77, 5]]), (300, 1)), 12, [100], sub="constant")

versions = {"script": "tests/reference/make_audio_files.py", "ffmpeg": version("ffmpeg", "-version"), "flac": version("flac", "--version"), "sox": version("sox", "--version").strip(), "count": str(len(names)), "names": " ".join(names)}
store(os.path.join(out, "audio_files.safetensors.gz"), arrays, versions)
print(len(names), "files", os.path.getsize(os.path.join(out, "audio_files.safetensors.gz")), "bytes")
