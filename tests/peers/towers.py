#!/usr/bin/env python3
"""Image and text towers of CLIP beside torch and onnxruntime on the CPU: random weights, the same run, in turns; then load time and memory.
    make && python3 tests/peers/towers.py [B/32 | L/14] [image | text] [bf16 | i8] [threads ...]      (default: all, f32, 1 2)
Needs: pip install torch transformers onnx onnxscript onnxruntime numpy.  Nothing here is needed by `make test`.
The model is transformers' CLIPModel; save_pretrained gives the checkpoint that `languagebind convert` reads, torch.onnx the file onnxruntime
reads; PEERS_DIR keeps them for the next run.  i8: the model that `languagebind quantize --dtype i8` makes of ours, beside what the peers' quantize_dynamic make of theirs
(weights and activations of 8 bits, too: torch's linear layers, onnxruntime's products with a step a channel).  bf16: `quantize --dtype bf16` beside torch's model.to(bfloat16); onnxruntime has no
such products on a CPU.  Ours is tests/peers/towers.c, built here with cc -O2 -fopenmp.  Texts are padded to 77 tokens; ours stops at their end, as it always does."""
import os, resource, statistics, subprocess, sys, tempfile, time
ROUNDS = int(os.environ.get("ROUNDS", 5)); DIR = os.environ.get("PEERS_DIR") or tempfile.mkdtemp()
SHAPES = {"B/32": dict(width=768, layers=12, patch=32, text=512, dim=512), "L/14": dict(width=1024, layers=24, patch=14, text=768, dim=768)}

def files(name):
    """Checkpoint, .lbw and ONNX files of a model, made once."""
    d = os.path.join(DIR, name.replace("/", "")); os.makedirs(d, exist_ok=True)
    if not os.path.exists(d + "/done"):
        import torch
        from transformers import CLIPConfig, CLIPModel
        s = SHAPES[name]; torch.manual_seed(1)
        c = CLIPConfig(projection_dim=s["dim"], text_config=dict(hidden_size=s["text"], intermediate_size=4 * s["text"], num_attention_heads=s["text"] // 64, num_hidden_layers=12, projection_dim=s["dim"], eos_token_id=49407),
                       vision_config=dict(hidden_size=s["width"], intermediate_size=4 * s["width"], num_attention_heads=s["width"] // 64, num_hidden_layers=s["layers"], patch_size=s["patch"], projection_dim=s["dim"]))
        m = CLIPModel(c).eval(); m.save_pretrained(d + "/hf")
        subprocess.run(["build/languagebind", "convert", d + "/hf", "-o", d + "/m.lbw"], check=True, stdout=subprocess.DEVNULL)
        class Image(torch.nn.Module):
            def __init__(s): super().__init__(); s.v, s.p = m.vision_model, m.visual_projection
            def forward(s, x): return torch.nn.functional.normalize(s.p(s.v(x).pooler_output), dim=-1)
        class Text(torch.nn.Module):
            def __init__(s): super().__init__(); s.t, s.p = m.text_model, m.text_projection
            def forward(s, x): return torch.nn.functional.normalize(s.p(s.t(x).pooler_output), dim=-1)
        for kind, f, x in (("image", Image(), torch.zeros(2, 3, 224, 224)), ("text", Text(), ids(2))):
            torch.onnx.export(f.eval(), (x,), f"{d}/{kind}.onnx", input_names=["x"], dynamic_shapes={"x": {0: torch.export.Dim("n", min=1, max=64)}}, dynamo=True, verbose=False)
        open(d + "/done", "w").close()
    return d
def files_bf16(d):
    if not os.path.exists(d + "/m16.lbw"): subprocess.run(["build/languagebind", "quantize", d + "/m.lbw", "--dtype", "bf16", "-o", d + "/m16.lbw"], check=True, stdout=subprocess.DEVNULL)
    return d
def files_i8(d):
    if not os.path.exists(d + "/done8"):
        import onnxruntime.quantization as q
        subprocess.run(["build/languagebind", "quantize", d + "/m.lbw", "--dtype", "i8", "-o", d + "/m8.lbw"], check=True, stdout=subprocess.DEVNULL)
        for kind in ("image", "text"): q.quantize_dynamic(f"{d}/{kind}.onnx", f"{d}/{kind}8.onnx", per_channel=True, weight_type=q.QuantType.QInt8, use_external_data_format=True)
        open(d + "/done8", "w").close()
    return d
def ids(n, end=76):
    import torch
    x = torch.zeros(n, 77, dtype=torch.long); x[:, :end] = torch.arange(end) * 613 % 49000 + 1; x[:, end] = 49407
    return x
def serve(engine, d, kind, n, end, threads, bits):
    """A peer's process: loads, then runs once for each line it reads and answers in milliseconds."""
    t0 = time.perf_counter()
    import numpy, torch
    torch.set_num_threads(threads); base = rss(); x = torch.rand(n, 3, 224, 224) if kind == "image" else ids(n, end)
    if engine == "torch":
        from transformers import CLIPModel
        t0 = time.perf_counter(); m = CLIPModel.from_pretrained(d + "/hf").eval()
        if bits == 16: m = m.to(torch.bfloat16); x = x.to(torch.bfloat16) if kind == "image" else x
        if bits == 8: m = torch.ao.quantization.quantize_dynamic(m, {torch.nn.Linear}, dtype=torch.qint8)
        f = (lambda: m.visual_projection(m.vision_model(x).pooler_output)) if kind == "image" else (lambda: m.text_projection(m.text_model(x).pooler_output))
    else:
        import onnxruntime as ort
        o = ort.SessionOptions(); o.intra_op_num_threads = threads; t0 = time.perf_counter(); s = ort.InferenceSession(f"{d}/{kind}{8 if bits == 8 else str()}.onnx", o, providers=["CPUExecutionProvider"]); x = x.numpy()
        f = lambda: s.run(None, {"x": x})
    load = (time.perf_counter() - t0) * 1e3
    with torch.inference_mode():
        for line in sys.stdin:
            t0 = time.perf_counter(); f(); t = time.perf_counter() - t0
            print(t * 1e3, load, rss(), flush=True)
def rss(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
class Peer:
    def __init__(self, args): self.p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    def run(self):
        self.p.stdin.write("\n"); self.p.stdin.flush(); line = self.p.stdout.readline().split()
        self.load, self.rss = float(line[1]), float(line[2]); return float(line[0])
    def end(self): self.p.stdin.close(); self.p.wait()

if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]: serve(sys.argv[2], sys.argv[3], sys.argv[4], *map(int, sys.argv[5:9])); sys.exit()
    names = [a for a in sys.argv[1:] if a in SHAPES] or list(SHAPES); threads = [int(a) for a in sys.argv[1:] if a.isdigit()] or [1, 2]
    if not os.path.exists("build/peers_towers") or os.path.getmtime("build/peers_towers") < os.path.getmtime("languagebind.h"):
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=gnu99", "-fopenmp", "-I.", "tests/peers/towers.c", "-o", "build/peers_towers", "-lm"], check=True)
    bits = 8 if "i8" in sys.argv else 16 if "bf16" in sys.argv else 32; get = lambda n: {8: files_i8, 16: files_bf16, 32: str}[bits](files(n))
    if os.environ.get("PREPARE"): [get(n) for n in names]; sys.exit()
    print("milliseconds, median of %d rounds in turns; ratios above 1: faster here; load in ms and peak resident MB (ours: MB over the mapped file)" % ROUNDS)
    for name in names:
        d = get(name)
        for t in threads:
            for kind, n, end in (("image", 1, 0), ("image", 8, 0), ("text", 1, 76), ("text", 8, 76), ("text", 1, 11)):
                if {"image", "text"} & set(sys.argv) and kind not in sys.argv: continue
                ours = Peer(["build/peers_towers", d + {8: "/m8.lbw", 16: "/m16.lbw", 32: "/m.lbw"}[bits], kind, str(n), str(end), str(t)])
                peers = {e: Peer([sys.executable, "-W", "ignore", __file__, "--serve", e, d, kind, str(n), str(end), str(t), str(bits)]) for e in (("torch",) if bits == 16 else ("torch", "onnxruntime"))}
                ms = {e: [] for e in ("ours", *peers)}
                for r in range(ROUNDS + 1):                    # the first warms up
                    for e, p in (("ours", ours), *peers.items()):
                        time.sleep(0.1); v = p.run()           # threads of the one before wait for more work in a loop first, on this one's core
                        if r: ms[e].append(v)
                print(f"{name} {kind:5s} batch {n} {f'{end + 1} tokens' if end else '':9s} threads {t}: here {statistics.median(ms['ours']):8.1f} (load {ours.load:.1f}, {ours.rss:.0f} MB)" + "".join(
                    f"  {e} {statistics.median(ms[e]):8.1f} ratio {statistics.median(b / a for a, b in zip(ms['ours'], ms[e])):.2f} (load {p.load:.0f}, {p.rss:.0f} MB)" for e, p in peers.items()), flush=True)
                for p in (ours, *peers.values()): p.end()
