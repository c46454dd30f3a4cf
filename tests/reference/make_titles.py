#!/usr/bin/env python3
"""Raw-title cleaning as upstream's data/process_text.py does it -> tests/golden/titles.safetensors.gz

usage: LANGUAGEBIND_UPSTREAM=folder-of-a-clone python3 make_titles.py
Needs ftfy, safetensors, numpy and the clone; the versions used are written into the file's metadata.
"""
import importlib.util, os, random, sys, types
import ftfy, numpy as np
from golden import store

up = os.environ.get("LANGUAGEBIND_UPSTREAM") or sys.exit("set LANGUAGEBIND_UPSTREAM to a clone of PKU-YuanGroup/LanguageBind")
for name in ("torch", "iopath", "iopath.common", "iopath.common.file_io"):   # imported there for the tokenizer only
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules["iopath.common.file_io"].g_pathmgr = None
spec = importlib.util.spec_from_file_location("process_text", os.path.join(up, "data/process_text.py"))
m = importlib.util.module_from_spec(spec)
try:
    spec.loader.exec_module(m)
except Exception as e:                                                # relative imports of the package are not needed here
    sys.exit(f"cannot import upstream's process_text: {e}")

def cleaned(text):
    got = {}
    class Ids:
        def squeeze(self): return self
    def tokenizer(t):
        got["t"] = t
        return Ids(), Ids()
    try: m.load_and_transform_text(text, tokenizer, title=True)
    except ValueError: return ""
    return got["t"]

rng = random.Random(0)
words = ("Cute cat video #shorts #cat #dog SHORTS short youtube Viral viralvideo tiktok #TikTokChallenge #viral #youtube #youtubeshorts #shortsfeed #ytshort "
         "#ytshorts #ytviralshorts #virlshort virlshort s it's What? I'm 100% !!! \"quoted\" a|b a&b &amp; <3 é ñ 猫 😀 \u2019s \u212a \u0130 # ## #a#b shortstop myshort "
         "#myfirstshort #myfirstshorts #shortvideo videos\tand\nlines \u3000 \xa0 \x1c \x0b \x0c ; : . , ' ? end").split(" ")
texts = ["", " ", "#", "no tags", "a #b", "Lion climbs a tree! #lion #shorts #viral", "#shorts", "VIDEO s short", "a s b", "x\u2028y #z\u2029w"]
for _ in range(490):
    texts.append("".join(rng.choice(words) + rng.choice(["", " ", " ", " ", "  ", "#"]) for _ in range(rng.randint(1, 14))))
outs = [cleaned(t) for t in texts]
def pack(strings):
    b = [s.encode("utf-8") for s in strings]
    return np.frombuffer(b"".join(b) + b"\0", dtype=np.uint8), np.cumsum([0] + [len(x) for x in b]).astype(np.int32)
a, ao = pack(texts); b, bo = pack(outs)
dest = os.path.join(os.path.dirname(__file__), "..", "golden", "titles.safetensors.gz")
store(dest, {"raw": a.copy(), "raw_offset": ao, "clean": b.copy(), "clean_offset": bo},
      {"script": "tests/reference/make_titles.py", "upstream": "PKU-YuanGroup/LanguageBind 7070c53", "ftfy": ftfy.__version__})
print(len(texts), "titles ->", os.path.getsize(dest), "bytes")
