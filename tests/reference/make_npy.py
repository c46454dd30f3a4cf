"""Writes tests/golden/npy.safetensors: .npy files as NumPy writes them (bytes in `file.N`), and their values as f32 in rows (`value.N`).
Usage: python tests/reference/make_npy.py [output folder, default tests/golden] [fuzz corpus folder, default none]"""
import io, os, sys, json
import numpy as np
from safetensors.numpy import save_file

out = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
corpus = sys.argv[2] if len(sys.argv) > 2 else None
rng = np.random.default_rng(1)
arrays = {}
shapes = [(), (0,), (7,), (3, 4), (2, 3, 5), (1, 2, 1, 3, 2, 2), (0, 5), (4, 0)]
types = ["<f4", ">f4", "<f2", ">f2", "<f8", ">f8", "|i1", "|u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", "<i8", ">i8", "<u8", "|b1"]
n = 0
def add(a, version=None):
    global n
    f = io.BytesIO()
    np.lib.format.write_array(f, a, version=version)
    arrays["file.%d" % n] = np.frombuffer(f.getvalue(), np.uint8)
    arrays["value.%d" % n] = np.ascontiguousarray(a).astype(np.float32).reshape(a.shape)
    if corpus and a.size < 40 and n % 3 == 0:
        open(os.path.join(corpus, "%d.npy" % n), "wb").write(f.getvalue())
    n += 1
for i, t in enumerate(types):
    for s in [shapes[i % len(shapes)], (3, 4)]:
        a = rng.normal(0, 30, s)
        add((np.abs(a) if t[1] == "u" else a).astype(t))
for s in shapes:
    add(np.asfortranarray(rng.normal(0, 1, s).astype("<f4")))
for v in [(1, 0), (2, 0), (3, 0)]:
    add(rng.normal(0, 1, (5, 2)).astype("<f4"), v)
save_file(arrays, os.path.join(out, "npy.safetensors"), metadata={"script": "tests/reference/make_npy.py", "numpy": np.__version__, "count": str(n)})
