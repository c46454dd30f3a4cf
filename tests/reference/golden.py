"""How the larger golden files are kept: safetensors squeezed by gzip, the same bytes for the same arrays, which tests/golden.h unpacks with the
header's own inflate.  `coarse` rounds random weights and inputs to bfloat16: half of their bits are then zeros and take no room, while
everything computed from them still fills a float32."""
import gzip, json, struct, sys


def store(path, arrays, metadata):
    """NAME.safetensors.gz from arrays of torch or numpy."""
    torch = sys.modules.get("torch")
    if torch and all(isinstance(v, torch.Tensor) for v in arrays.values()): from safetensors.torch import save
    else: from safetensors.numpy import save
    write(path, save(arrays, metadata=metadata))


def write(path, data):
    """A safetensors file's bytes; the metadata, which safetensors leaves in no order, sorted."""
    n, = struct.unpack("<Q", data[:8])
    h = json.loads(data[8:8 + n])
    h = json.dumps({"__metadata__": dict(sorted(h.pop("__metadata__", {}).items())), **h}, separators=(",", ":"), ensure_ascii=False).encode()
    h += b" " * (-len(h) % 8)
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z: z.write(struct.pack("<Q", len(h)) + h + data[8 + n:])


def coarse(x): return x.bfloat16().float()
