/* Section 10, from waves to the input of a tower: resampling, filter banks and LanguageBind's transform against torchaudio, and the known values
 * of upstream's sample files. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "tests/lbt.h"
#include "tests/golden.h"
#include <float.h>

static lb_ctx *new_ctx(int threads) { lb_ctx *c = NULL; lb_ctx_desc d; memset(&d, 0, sizeof d); d.threads = threads; if (lb_ctx_new(&d, &c)) { printf("  %s\n", lb_last_error()); exit(1); } return c; }
static lb_mel_desc set_of(int i) {
    lb_mel_desc d; memset(&d, 0, sizeof d); d.bins = 64;
    d.bins = i == 0 ? 112 : i == 1 ? 126 : i == 2 ? 128 : i == 3 ? 40 : d.bins;
    if (i == 4) { d.bins = 23; d.window = LB_WINDOW_POVEY; } if (i == 5) { d.bins = 80; d.window = LB_WINDOW_HAMMING; } if (i == 6) d.window = LB_WINDOW_RECTANGULAR; if (i == 7) d.window = LB_WINDOW_BLACKMAN;
    if (i == 8) { d.low = 60; d.high = 7600; } if (i == 9) { d.low = 0.001f; d.high = -400; } if (i == 10) { d.bins = 40; d.rate = 8000; } if (i == 11) { d.bins = 96; d.rate = 44100; } if (i == 12) { d.bins = 80; d.rate = 48000; d.frame_ms = 20; }
    if (i == 13) { d.frame_ms = 32; d.shift_ms = 8; } if (i == 14) { d.bins = 30; d.frame_ms = 16; d.shift_ms = 5; } if (i == 15) d.preemphasis = -1; if (i == 16) d.preemphasis = 0.5f; if (i == 17) d.magnitude = 1; if (i == 18) d.linear = 1; if (i == 19) d.keep_dc = 1;
    return d;
}
LBT(mel, filter_banks_as_torchaudio) {
    golden g; int i; lb_ctx *c = new_ctx(2);
    REQUIRE(golden_open("mel", &g), "no golden file");
    for (i = 0; i < 20; i++) {
        char key[32]; size_t n, m, frames; const float *x, *want; float *out; lb_mel_desc d = set_of(i); double e, worst = 0; size_t k;
        snprintf(key, sizeof key, "sound.%d", i % 10); x = golden_f32(&g, key, &n);
        snprintf(key, sizeof key, "fbank.%d", i); want = golden_f32(&g, key, &m);
        REQUIRE(x && want, "set %d", i);
        frames = lb_mel_frames(&d, n);
        CHECK(frames * (size_t)d.bins == m, "set %d: %zu frames of %d bands, %zu values were expected", i, frames, d.bins, m);
        out = (float *)malloc((m + 1) * sizeof(float));
        REQUIRE(!lb_audio_mel(c, x, n, &d, out), "set %d: %s", i, lb_last_error());
        /* 1e-4 in the logarithm, flat: sums, transform and window are rounded in the order in which torch 1.13 does it.  Where the compiler keeps more
         * digits than a float has (x87), a band far below the loudest of its frame differs by what torchaudio itself has lost there. */
        for (k = 0; k < m; k++) {
            const float *row = want + k / (size_t)d.bins * (size_t)d.bins; double top = row[0], room = 1e-4; int b;
            for (b = 1; b < d.bins; b++) if (row[b] > top) top = row[b];
            e = fabs((double)out[k] - (double)want[k]);
            if (d.linear) { e /= top; room = 2e-6; }
            else if (FLT_EVAL_METHOD != 0) room += 1.2e-6 * exp(0.5 * (d.magnitude ? 2 : 1) * (top - (double)want[k]));
            if (!(e / room <= worst)) worst = e / room;
        }
        CHECK(worst <= 1, "set %d: %g of the distance from torchaudio that is allowed", i, worst);
        free(out);
    }
    golden_close(&g); lb_ctx_free(c);
}
/* Against the same formula in double precision: ours is as near to it as torchaudio is. */
LBT(mel, filter_banks_are_as_exact_as_torchaudio) {
    golden g; int i; lb_ctx *c = new_ctx(2); double ours = 0, theirs = 0, far = 0, far_theirs = 0, count = 0;
    REQUIRE(golden_open("mel", &g), "no golden file");
    for (i = 0; i < 20; i++) {
        char key[32]; size_t n, m, k; const float *x, *torch, *exact; float *out; lb_mel_desc d = set_of(i);
        if (d.linear) continue;
        snprintf(key, sizeof key, "sound.%d", i % 10); x = golden_f32(&g, key, &n);
        snprintf(key, sizeof key, "fbank.%d", i); torch = golden_f32(&g, key, &m);
        snprintf(key, sizeof key, "exact.%d", i); exact = golden_f32(&g, key, &k);
        REQUIRE(x && torch && exact && k == m, "set %d", i);
        out = (float *)malloc(m * sizeof(float));
        REQUIRE(!lb_audio_mel(c, x, n, &d, out), "set %d: %s", i, lb_last_error());
        for (k = 0; k < m; k++) {
            const double a = fabs((double)out[k] - (double)exact[k]), b = fabs((double)torch[k] - (double)exact[k]);
            ours += a * a; theirs += b * b; far += a > 1e-4; far_theirs += b > 1e-4; count++;
        }
        free(out);
    }
    ours = sqrt(ours / count); theirs = sqrt(theirs / count);
    CHECK(ours < 1.1 * theirs && far <= 2 * far_theirs && far < count / 1000, "root mean square from the exact value %g, torchaudio's %g; of %g values %g are off by more than 1e-4, of torchaudio's %g", ours, theirs, count, far, far_theirs);
    golden_close(&g); lb_ctx_free(c);
}
LBT(mel, resampled_as_torchaudio) {
    golden g; int i; lb_ctx *c = new_ctx(2);
    REQUIRE(golden_open("mel", &g), "no golden file");
    for (i = 0; i < 8; i++) {
        char key[32]; size_t n, m; lb_audio a, b; const float *want; const int32_t *rates; double e;
        memset(&a, 0, sizeof a);
        snprintf(key, sizeof key, "resample.%d.rates", i); rates = (const int32_t *)golden_get(&g, key).data;
        snprintf(key, sizeof key, "resample.%d.in", i); a.data = (float *)(uintptr_t)golden_f32(&g, key, &n);
        snprintf(key, sizeof key, "resample.%d.out", i); want = golden_f32(&g, key, &m);
        a.rate = rates[0]; a.channels = 2; a.frames = n / 2;
        REQUIRE(!lb_audio_resample(c, &a, rates[1], &b), "%s", lb_last_error());
        CHECK(b.rate == rates[1] && b.channels == 2 && b.frames == m / 2, "%d to %d: %zu samples, %zu were expected", rates[0], rates[1], b.frames, m / 2);
        e = max_abs_diff(b.data, want, m);
        CHECK(e <= 1e-5, "%d to %d: %g from torchaudio", rates[0], rates[1], e);
        lb_audio_free(&b);
    }
    golden_close(&g); lb_ctx_free(c);
    CHECK(alloc_live == 0, "%ld blocks were not freed", alloc_live);
}
LBT(mel, spectrograms_as_torchaudio) {
    golden g; int i; lb_ctx *c = new_ctx(2);
    REQUIRE(golden_open("mel", &g), "no golden file");
    for (i = 0; i < 12; i++) {
        char key[32]; size_t n, m, k; const float *x, *want; float *out; double top = 0, e; lb_spectrogram_desc d; memset(&d, 0, sizeof d); d.size = 512;
        if (i == 0 || i == 6 || i == 11) d.size = 400;
        if (i == 1 || i == 2) d.hop = 160;
        if (i == 2) d.length = 400;
        if (i == 3) { d.size = 256; d.power = 1; }
        if (i == 4) { d.uncentred = 1; d.window = LB_WINDOW_HAMMING; }
        if (i == 5) { d.size = 200; d.hop = 80; d.window = LB_WINDOW_BLACKMAN; }
        if (i == 6) d.bins = 80;
        if (i == 7) { d.bins = 64; d.hop = 128; d.slaney = 1; }
        if (i == 8) { d.bins = 40; d.slaney = d.area = 1; }
        if (i == 9) { d.size = 1024; d.bins = 64; d.area = 1; d.low = 50; d.high = 7000; d.rate = 22050; }
        if (i == 10) { d.bins = 32; d.power = 1; d.uncentred = 1; }
        if (i == 11) { d.length = 320; d.hop = 200; d.bins = 24; }
        snprintf(key, sizeof key, "sound.%d", i % 5); x = golden_f32(&g, key, &n);
        snprintf(key, sizeof key, "spectrogram.%d", i); want = golden_f32(&g, key, &m);
        REQUIRE(x && want && lb_spectrogram_frames(&d, n) * (size_t)(d.bins ? d.bins : d.size / 2 + 1) == m, "set %d: %zu frames, %zu values", i, lb_spectrogram_frames(&d, n), m);
        out = (float *)malloc(m * sizeof(float));
        REQUIRE(!lb_spectrogram(c, x, n, &d, out), "%s", lb_last_error());
        for (k = 0; k < m; k++) top = fmax(top, (double)want[k]);
        e = max_abs_diff(out, want, m);
        CHECK(e <= 1e-5 * top, "set %d: %g from torchaudio, the largest value is %g", i, e, top);
        free(out);
    }
    golden_close(&g); lb_ctx_free(c);
    CHECK(alloc_live == 0, "%ld blocks were not freed", alloc_live);
}
static lb_audio_profile profile_of(int bins, int T) { lb_audio_profile p; memset(&p, 0, sizeof p); p.rate = 16000; p.mel_bins = bins; p.target_length = T; p.mean = -4.2677393f; p.std = 4.5689974f; return p; }
LBT(mel, model_input_as_upstream) {
    golden g; int i;
    REQUIRE(golden_open("mel", &g), "no golden file");
    for (i = 0; i < 4; i++) {
        char key[32]; size_t n, m; lb_audio a; const float *want; const int32_t *about; float *out, *again; lb_audio_profile p; lb_ctx *c = new_ctx(1), *two = new_ctx(3); double e;
        memset(&a, 0, sizeof a);
        snprintf(key, sizeof key, "model.%d.about", i); about = (const int32_t *)golden_get(&g, key).data;
        snprintf(key, sizeof key, "model.%d.in", i); a.data = (float *)(uintptr_t)golden_f32(&g, key, &n);
        snprintf(key, sizeof key, "model.%d.out", i); want = golden_f32(&g, key, &m);
        a.rate = about[0]; a.channels = 2; a.frames = n / 2; p = profile_of(about[1], about[2]);
        out = (float *)malloc(m * sizeof(float)); again = (float *)malloc(m * sizeof(float));
        REQUIRE(m == (size_t)(3 * about[1] * about[2]) && !lb_audio_preprocess(c, &a, &p, out), "%s", lb_last_error());
        e = max_abs_diff(out, want, m);
        CHECK(e <= 2e-5, "input %d: %g from upstream's transform", i, e);
        REQUIRE(!lb_audio_preprocess(two, &a, &p, again), "%s", lb_last_error());
        CHECK(!memcmp(out, again, m * sizeof(float)), "threads change the result");
        p.seed = 9;
        REQUIRE(!lb_audio_preprocess(c, &a, &p, again), "%s", lb_last_error());
        CHECK((memcmp(out, again, m * sizeof(float)) != 0) == (i == 1), "a seed moves the segments of long clips only (%d)", i);
        free(out); free(again); lb_ctx_free(c); lb_ctx_free(two);
    }
    golden_close(&g);
    CHECK(alloc_live == 0, "%ld blocks were not freed", alloc_live);
}
/* Positions 0..m-T in three groups as numpy's array_split: one is drawn from each, an empty group gives the first. */
LBT(mel, segments_of_long_clips_are_drawn_from_their_thirds) {
    static const struct { size_t more, low[3], high[3]; } s[] = { { 8, { 0, 3, 6 }, { 2, 5, 8 } }, { 10, { 0, 4, 8 }, { 3, 7, 10 } }, { 3, { 0, 2, 3 }, { 1, 2, 3 } }, { 1, { 0, 1, 0 }, { 0, 1, 0 } } };
    enum { T = 6, B = 8, SEEDS = 60 }; static float wave[400 + 160 * 15], whole[3 * B * 16], out[3 * B * T]; lb_ctx *c = new_ctx(1); size_t i, k, b, seed, at, m;
    for (i = 0; i < LB__COUNT(wave); i++) wave[i] = 0.3f * (float)sin(0.00004 * (double)i * (double)i);
    for (i = 0; i < LB__COUNT(s); i++) {
        lb_audio a; lb_audio_profile p = profile_of(B, T), all; size_t seen[16];
        m = T + s[i].more; all = profile_of(B, (int)m);
        memset(&a, 0, sizeof a); a.rate = 16000; a.channels = 1; a.frames = 400 + 160 * (m - 1); a.data = wave;
        REQUIRE(!lb_audio_preprocess(c, &a, &all, whole), "%s", lb_last_error());
        memset(seen, 0, sizeof seen);
        for (seed = 0; seed <= SEEDS; seed++) {                                   /* 0: the first of each */
            p.seed = seed; REQUIRE(!lb_audio_preprocess(c, &a, &p, out), "%s", lb_last_error());
            for (k = 0; k < 3; k++) {
                for (at = 0; at <= s[i].more; at++) { for (b = 0; b < B && !memcmp(out + (k * B + b) * T, whole + b * m + at, T * sizeof *out); b++) {} if (b == B) break; }
                CHECK(at >= s[i].low[k] && at <= (seed ? s[i].high[k] : s[i].low[k]), "%zu positions, seed %zu: segment %zu begins at %zu", s[i].more + 1, seed, k, at);
                if (at < 16) seen[at]++;
            }
        }
        for (at = 0; at <= s[i].more; at++) CHECK(seen[at], "%zu positions: %zu is never drawn", s[i].more + 1, at);
    }
    lb_ctx_free(c);
    CHECK(alloc_live == 0, "%ld blocks were not freed", alloc_live);
}
LBT(mel, upstreams_sample_files) {
    static const struct { int file, bins; double mean, std, final; } s[] = { { 0, 112, -5.778833, 3.575964, -0.161824 }, { 0, 126, -5.960473, 3.642591, -0.181706 }, { 1, 112, -4.018620, 3.225747, 0.028098 }, { 1, 126, -4.187027, 0, 0.009665 } };
    static const struct { int file, row, col; double value; } at[] = { { 0, 0, 0, -0.76712 }, { 0, 50, 500, -0.09605 }, { 0, 111, 1021, -1.02598 }, { 0, 5, 0, -0.68502 }, { 0, 5, 1022, -0.68502 }, { 0, 111, 1035, 0.02711 },
        { 1, 0, 0, -0.80091 }, { 1, 50, 500, 0.00673 }, { 1, 111, 1021, -1.02345 }, { 1, 5, 0, -0.40391 }, { 1, 111, 1035, 0.24075 } };
    lb_ctx *c; size_t i, k; FILE *f = fopen("../shared/samples/audio/0.wav", "rb");
    if (!f) SKIP("../shared/samples/audio/0.wav is not there");
    fclose(f); c = new_ctx(2);
    for (i = 0; i < 4; i++) {
        char path[64]; lb_audio a; float *mel, *out; lb_mel_desc d; lb_audio_profile p = profile_of(s[i].bins, 1036); double sum = 0, sq = 0, total = 0; size_t n, m;
        snprintf(path, sizeof path, "../shared/samples/audio/%d.wav", s[i].file);
        REQUIRE(!lb_audio_load(c, path, &a), "%s", lb_last_error());
        memset(&d, 0, sizeof d); d.bins = s[i].bins; m = 3 * (size_t)s[i].bins * 1036;
        out = (float *)malloc(m * sizeof(float));
        REQUIRE(!lb_audio_preprocess(c, &a, &p, out), "%s", lb_last_error());
        for (k = 0; k < m; k++) total += (double)out[k];
        CHECK(fabs(total / (double)m - s[i].final) < 1e-5, "%s, %d bands: mean %.7f, %.6f was expected", path, s[i].bins, total / (double)m, s[i].final);
        n = lb_mel_frames(&d, a.frames);
        CHECK(n == 1022, "%zu frames", n);
        mel = (float *)malloc(n * (size_t)s[i].bins * sizeof(float));
        for (k = 0; k < (size_t)s[i].bins * n; k++) { mel[k] = out[k / n * 1036 + k % n] * 2 * p.std + p.mean; sum += (double)mel[k]; sq += (double)mel[k] * (double)mel[k]; }
        sum /= (double)(n * (size_t)s[i].bins); sq = sqrt((sq / (double)(n * (size_t)s[i].bins) - sum * sum) * (double)(n * (size_t)s[i].bins) / (double)(n * (size_t)s[i].bins - 1));
        CHECK(fabs(sum - s[i].mean) < 1e-4 && (s[i].std == 0 || fabs(sq - s[i].std) < 1e-4), "%s, %d bands: mean %.6f std %.6f", path, s[i].bins, sum, sq);
        if (s[i].bins == 112) for (k = 0; k < LB__COUNT(at); k++) if (at[k].file == s[i].file) { const double v = (double)out[at[k].row * 1036 + at[k].col]; CHECK(fabs(v - at[k].value) < 2e-5, "%s (%d, %d): %.6f, %.5f was expected", path, at[k].row, at[k].col, v, at[k].value); }
        free(mel); free(out); lb_audio_free(&a);
    }
    lb_ctx_free(c);
}
LBT(mel, wrong_use_and_failing_memory) {
    lb_ctx *c = new_ctx(1); float x[2000], out[3 * 32 * 20]; lb_audio a, b; lb_audio_profile p = profile_of(32, 20); lb_mel_desc d; long n, before = alloc_live; lb_status s = LB_ERR_MEM; size_t i;
    for (i = 0; i < 2000; i++) x[i] = (float)sin((double)i * 0.3);
    memset(&a, 0, sizeof a); a.rate = 22050; a.channels = 1; a.frames = 2000; a.data = x;
    for (n = 0; n < 100 && s; n++) { alloc_left = n; s = lb_audio_preprocess(c, &a, &p, out); alloc_left = -1; CHECK(s == LB_OK || s == LB_ERR_MEM, "%s", lb_last_error()); CHECK(alloc_live == before, "allocation %ld: %ld blocks", n, alloc_live - before); }
    CHECK(!s, "never succeeded");
    a.frames = 300; a.rate = 16000;
    CHECK(lb_audio_preprocess(c, &a, &p, out) == LB_ERR_ARG && strstr(lb_last_error(), "shorter"), "%s", lb_last_error());
    s = LB_ERR_MEM;
    for (n = 0; n < 100 && s; n++) { static float spec[201 * 40]; alloc_left = n; s = lb_spectrogram(c, x, 2000, NULL, spec); alloc_left = -1; CHECK(s == LB_OK || s == LB_ERR_MEM, "%s", lb_last_error()); CHECK(alloc_live == before, "allocation %ld: %ld blocks", n, alloc_live - before); }
    CHECK(!s && lb_spectrogram(c, x, 100, NULL, out) == LB_ERR_ARG, "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.low = 9000;
    CHECK(lb_audio_mel(c, x, 2000, &d, out) == LB_ERR_ARG && lb_mel_frames(&d, 2000) == 0, "%s", lb_last_error());
    a.frames = 2000; x[7] = NAN; CHECK(lb_audio_preprocess(c, &a, &p, out) == LB_ERR_NUMERIC && strstr(lb_last_error(), "sample 7 of channel 0"), "%s", lb_last_error());
    x[7] = INFINITY; a.rate = 22050; CHECK(lb_audio_preprocess(c, &a, &p, out) == LB_ERR_NUMERIC, "before it is resampled: %s", lb_last_error());
    x[7] = 0; a.rate = 16000; a.frames = SIZE_MAX; CHECK(lb_audio_preprocess(c, &a, &p, out) == LB_ERR_LIMIT, "%s", lb_last_error());
    a.frames = 300; a.data = x; CHECK(lb_audio_resample(c, &a, 8000, &a) == LB_ERR_ARG && a.data == x && a.frames == 300, "the sound is still there: %s", lb_last_error());
    memset(&d, 0, sizeof d); d.bins = 2; CHECK(lb_audio_mel(c, x, 2000, &d, out) == LB_ERR_ARG && strstr(lb_last_error(), "3 to 4096 bands"), "%s", lb_last_error());
    CHECK(lb_audio_resample(c, &a, 0, &b) == LB_ERR_ARG && !b.data, "%s", lb_last_error());
    a.rate = 999983; CHECK(lb_audio_resample(c, &a, 16000, &b) == LB_ERR_ARG, "%s", lb_last_error());
    lb_ctx_free(c);
}
