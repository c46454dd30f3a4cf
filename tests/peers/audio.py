"""Log-mel and resampling of ten seconds of sound beside torchaudio, one thread, alternating in one run; medians of 31.
Usage: python tests/peers/audio.py      (wants torch and torchaudio; compiles a small program with cc, run it from the top folder)"""
import os, statistics, subprocess, sys, tempfile, time
os.environ["OMP_NUM_THREADS"] = "1"
import torch, torchaudio
torch.set_num_threads(1)
PROGRAM = r'''
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6; }
int main(void) {
    static float x[441000], mel[998 * 112]; char line[8]; size_t i; lb_ctx *c = NULL; lb_ctx_desc d; lb_audio a, b; lb__rng r = lb__rng_new(1, 1);
    memset(&d, 0, sizeof d); d.threads = 1;
    if (lb_ctx_new(&d, &c)) return 1;
    for (i = 0; i < 441000; i++) x[i] = 0.1f * lb__rng_normal(&r);
    a.rate = 44100; a.channels = 1; a.frames = 441000; a.data = x;
    while (fgets(line, sizeof line, stdin)) {
        double t = now();
        if (line[0] == 'm') { if (lb_audio_mel(c, x, 160000, NULL, mel)) return 1; } else { if (lb_audio_resample(c, &a, 16000, &b)) return 1; }
        t = now() - t;
        if (line[0] == 'r') lb_audio_free(&b);
        printf("%.6f\n", t); fflush(stdout);
    }
    return 0;
}'''
with tempfile.TemporaryDirectory() as tmp:
    open(tmp + "/p.c", "w").write(PROGRAM)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-I.", tmp + "/p.c", "-o", tmp + "/p", "-lm"], check=True)
    ours = subprocess.Popen([tmp + "/p"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    x = torch.randn(1, 441000) * 0.1; short = x[:, :160000].contiguous()
    mel = lambda: torchaudio.compliance.kaldi.fbank(short, htk_compat=True, sample_frequency=16000, use_energy=False, window_type="hanning", num_mel_bins=112, dither=0.0, frame_length=25, frame_shift=10)
    rate = lambda: torchaudio.functional.resample(x, 44100, 16000)
    print("torchaudio", torchaudio.__version__)
    for name, key, peer in [("log-mel, 10 s at 16 kHz", "m", mel), ("44.1 -> 16 kHz, 10 s", "r", rate)]:
        a, b = [], []
        for i in range(34):
            ours.stdin.write(key + "\n"); ours.stdin.flush(); a.append(float(ours.stdout.readline()))
            t = time.perf_counter(); peer(); b.append((time.perf_counter() - t) * 1e3)
        a, b = a[3:], b[3:]
        print("%-26s ours %.3f ms   torchaudio %.3f ms   ratio %.2f" % (name, statistics.median(a), statistics.median(b), statistics.median(q / p for p, q in zip(a, b))))
    ours.stdin.close(); ours.wait()
