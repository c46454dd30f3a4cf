#!/usr/bin/env python3
"""Log-mel energies, resampling and LanguageBind's audio input, by torchaudio.

    python3 tests/reference/make_mel.py              (from the repository root; needs torch, torchaudio, safetensors)

Writes tests/golden/mel.safetensors.gz: ten sounds, filter banks of them for twenty parameter sets, eight resampled pairs, three model inputs.
"""
import json, math
import numpy as np, torch, torchaudio
from golden import store

rng = np.random.default_rng(5); arrays = {}
def sound(kind, n, rate):
    t = np.arange(n) / rate
    x = {0: 0.3 * np.sin(2 * np.pi * 440 * t), 1: 0.1 * rng.normal(size=n), 2: 0.5 * np.sin(2 * np.pi * (200 + 3000 * t) * t), 3: np.where(np.arange(n) % 400 == 0, 0.9, 0.0), 4: 0.2 * np.sign(np.sin(2 * np.pi * 97 * t)) + 0.01 * rng.normal(size=n)}[kind]
    return (x + 0.02 * rng.normal(size=n)           # a floor some 30 dB down: below it float32 transforms differ from each other by more than 1e-4 in the logarithm
            + (0.1 if kind == 2 else 0)).astype(np.float32)
sets = [dict(), dict(num_mel_bins=126), dict(num_mel_bins=128), dict(num_mel_bins=40), dict(num_mel_bins=23, window_type="povey"), dict(num_mel_bins=80, window_type="hamming"), dict(num_mel_bins=64, window_type="rectangular"), dict(num_mel_bins=64, window_type="blackman"),
        dict(num_mel_bins=64, low_freq=60.0, high_freq=7600.0), dict(num_mel_bins=64, low_freq=0.001, high_freq=-400.0), dict(num_mel_bins=40, sample_frequency=8000.0), dict(num_mel_bins=96, sample_frequency=44100.0), dict(num_mel_bins=80, sample_frequency=48000.0, frame_length=20.0),
        dict(num_mel_bins=64, frame_length=32.0, frame_shift=8.0), dict(num_mel_bins=30, frame_length=16.0, frame_shift=5.0), dict(num_mel_bins=64, preemphasis_coefficient=0.0), dict(num_mel_bins=64, preemphasis_coefficient=0.5), dict(num_mel_bins=64, use_power=False), dict(num_mel_bins=64, use_log_fbank=False), dict(num_mel_bins=64, remove_dc_offset=False)]
def exact(x, num_mel_bins=112, window_type="hanning", low_freq=20.0, high_freq=0.0, sample_frequency=16000.0, frame_length=25.0, frame_shift=10.0, preemphasis_coefficient=0.97, use_power=True, use_log_fbank=True, remove_dc_offset=True):
    """The formula of torchaudio's fbank evaluated in double precision throughout: how far single precision is from it, torchaudio's and ours."""
    x = x.astype(np.float64); W = int(sample_frequency * frame_length * 0.001); S = int(sample_frequency * frame_shift * 0.001); N = 1 << (W - 1).bit_length()
    f = np.stack([x[i * S:i * S + W] for i in range(1 + (len(x) - W) // S)])
    if remove_dc_offset: f = f - f.mean(1, keepdims=True)
    if preemphasis_coefficient: f = f - preemphasis_coefficient * np.concatenate([f[:, :1], f[:, :-1]], 1)
    a = 2 * np.pi * np.arange(W) / (W - 1); hann = 0.5 - 0.5 * np.cos(a)
    f = f * {"hanning": hann, "hamming": 0.54 - 0.46 * np.cos(a), "povey": hann ** 0.85, "rectangular": np.ones(W), "blackman": 0.42 - 0.5 * np.cos(a) + 0.08 * np.cos(2 * a)}[window_type]
    p = np.abs(np.fft.rfft(f, N)) ** (2 if use_power else 1)
    high = high_freq if high_freq > 0 else high_freq + sample_frequency / 2
    mel = lambda q: 1127 * np.log(1 + q / 700)
    d = (mel(high) - mel(low_freq)) / (num_mel_bins + 1); l = mel(low_freq) + np.arange(num_mel_bins)[:, None] * d; q = mel(sample_frequency / N * np.arange(N // 2))[None]
    e = p[:, :N // 2] @ np.maximum(0, np.minimum((q - l) / d, (l + 2 * d - q) / d)).T
    return (np.log(np.maximum(e, 1.1920928955078125e-07)) if use_log_fbank else e).astype(np.float32)
for i in range(10): arrays["sound.%d" % i] = sound(i % 5, 1700 + 311 * i, 16000)
for i, s in enumerate(sets):
    kw = dict(htk_compat=True, sample_frequency=16000.0, use_energy=False, window_type="hanning", num_mel_bins=112, dither=0.0, frame_shift=10.0, frame_length=25.0); kw.update(s)
    arrays["fbank.%d" % i] = torchaudio.compliance.kaldi.fbank(torch.from_numpy(arrays["sound.%d" % (i % 10)])[None], **kw).numpy()
    arrays["exact.%d" % i] = exact(arrays["sound.%d" % (i % 10)], **s)
for i, (a, b) in enumerate([(44100, 16000), (48000, 16000), (8000, 16000), (22050, 16000), (16000, 44100), (32000, 16000), (11025, 16000), (16000, 8000)]):
    x = np.stack([sound(2, 1500 + 37 * i, a), sound(1, 1500 + 37 * i, a)])
    arrays["resample.%d.in" % i] = x.T.copy(); arrays["resample.%d.rates" % i] = np.array([a, b], np.int32)
    arrays["resample.%d.out" % i] = torchaudio.functional.resample(torch.from_numpy(x), a, b).numpy().T.copy()
def model_input(wave, rate, bins, T):                              # upstream's transform, with the first position of each third
    w = torch.from_numpy(wave)
    if rate != 16000: w = torchaudio.functional.resample(w, rate, 16000)
    w = w - w.mean()
    mel = torchaudio.compliance.kaldi.fbank(w, htk_compat=True, sample_frequency=16000, use_energy=False, window_type="hanning", num_mel_bins=bins, dither=0.0, frame_length=25, frame_shift=10)
    m = mel.shape[0]
    if m > T:
        thirds = np.array_split(list(range(0, m - T + 1)), 3)
        starts = [int(t[0]) if len(t) else 0 for t in thirds]
        out = torch.stack([mel[s:s + T] for s in starts])
    elif m < T: out = mel.repeat(T // m + 1, 1)[:T][None].repeat(3, 1, 1)
    else: out = mel[None].repeat(3, 1, 1)
    return ((out.permute(0, 2, 1) - -4.2677393) / (2 * 4.5689974)).numpy().copy()
for i, (n, rate, T) in enumerate([(3000, 16000, 50), (15000, 16000, 40), (9000, 22050, 41), (4400, 16000, 26)]):
    x = np.stack([sound(4, n, rate), sound(0, n, rate)])
    arrays["model.%d.in" % i] = x.T.copy(); arrays["model.%d.about" % i] = np.array([rate, 112, T], np.int32); arrays["model.%d.out" % i] = model_input(x, rate, 112, T)
spec = [dict(n_fft=400), dict(n_fft=512, hop_length=160), dict(n_fft=512, win_length=400, hop_length=160), dict(n_fft=256, power=1.0), dict(n_fft=512, center=False, window_fn=torch.hamming_window), dict(n_fft=200, hop_length=80, window_fn=torch.blackman_window),
        dict(n_fft=400, n_mels=80), dict(n_fft=512, n_mels=64, hop_length=128, mel_scale="slaney"), dict(n_fft=512, n_mels=40, norm="slaney", mel_scale="slaney"), dict(n_fft=1024, n_mels=64, norm="slaney", f_min=50.0, f_max=7000.0, sample_rate=22050), dict(n_fft=512, n_mels=32, power=1.0, center=False), dict(n_fft=400, win_length=320, hop_length=200, n_mels=24)]
for i, kw in enumerate(spec):
    t = torchaudio.transforms.MelSpectrogram(**kw) if "n_mels" in kw else torchaudio.transforms.Spectrogram(**kw)
    arrays["spectrogram.%d" % i] = t(torch.from_numpy(arrays["sound.%d" % (i % 5)])).T.contiguous().numpy()
store("tests/golden/mel.safetensors.gz", arrays, {"script": "tests/reference/make_mel.py", "versions": "torch %s, torchaudio %s, numpy %s" % (torch.__version__, torchaudio.__version__, np.__version__), "sets": json.dumps(sets)})
