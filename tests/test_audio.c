/* Sections 10.1 to 10.3: WAV and FLAC, bit for bit, and what happens to files that are not well. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "tests/lbt.h"
#include "tests/golden.h"

static lb_ctx *context(void) { lb_ctx *c = NULL; if (lb_ctx_new(NULL, &c)) { puts(lb_last_error()); exit(1); } return c; }
static int files(const golden *g) { const char *p = strstr(g->header, "\"count\":\""); return p ? atoi(p + 9) : 0; }
static golden_array numbered(const golden *g, const char *what, int n) { char name[32]; snprintf(name, sizeof name, "%s.%d", what, n); return golden_get(g, name); }

LBT(audio, samples_equal_ffmpeg) {
    golden g; lb_ctx *c = context(); int n, wavs = 0, flacs = 0;
    REQUIRE(golden_open("audio_files", &g), "golden file");
    for (n = 0; n < files(&g); n++) {
        golden_array file = numbered(&g, "file", n), pcm = numbered(&g, "pcm", n), info = numbered(&g, "info", n); const int32_t *want = (const int32_t *)info.data; lb_audio a; size_t i, bad = 0;
        REQUIRE(file.data && pcm.data && want, "file %d", n);
        CHECK(!lb_audio_decode(c, file.data, file.count, &a), "file %d: %s", n, lb_last_error());
        if (!a.data) continue;
        CHECK(a.rate == want[0] && a.channels == want[1] && a.frames == (size_t)want[3], "file %d: %d Hz, %d channels, %zu frames instead of %d, %d, %d", n, a.rate, a.channels, a.frames, want[0], want[1], want[3]);
        CHECK(a.frames * (size_t)a.channels == pcm.count, "file %d", n);
        for (i = 0; i < pcm.count; i++) {
            float x = pcm.dtype[0] == 'F' ? (float)((const double *)pcm.data)[i] : (float)(strcmp(pcm.dtype, "I64") ? (int64_t)((const int32_t *)pcm.data)[i] : ((const int64_t *)pcm.data)[i]) * (float)ldexp(1, 1 - want[2]);
            bad += a.data[i] != x;
        }
        CHECK(!bad, "file %d: %zu of %zu samples differ", n, bad, pcm.count);
        if (!memcmp(file.data, "fLaC", 4) || !memcmp(file.data, "ID3", 3)) {      /* integers, before the scale */
            lb__flac f;
            flacs++;
            CHECK(!lb__flac_read(c, (const uint8_t *)file.data, file.count, &f), "%s", lb_last_error());
            CHECK(f.width == want[2] && f.pcm.size == pcm.count * 4 && !memcmp(f.pcm.data, pcm.data, f.pcm.size), "file %d: integers differ", n);
            lb__buf_free(&f.pcm);
        } else if (pcm.dtype[0] == 'I') {
            lb__wav w;
            wavs++;
            CHECK(!lb__wav_parse(c, (const uint8_t *)file.data, file.count, &w), "%s", lb_last_error());
            for (i = bad = 0; i < pcm.count; i++) bad += lb__wav_int(&w, w.data + i * (size_t)w.width) != (strcmp(pcm.dtype, "I64") ? (int64_t)((const int32_t *)pcm.data)[i] : ((const int64_t *)pcm.data)[i]);
            CHECK(!bad, "file %d: %zu of %zu integers differ", n, bad, pcm.count);
        }
        lb_audio_free(&a);
    }
    CHECK(wavs > 50 && flacs > 70, "%d WAV and %d FLAC files with integers", wavs, flacs);
    golden_close(&g); lb_ctx_free(c);
}
LBT(audio, cut_off_at_every_byte) {
    golden g; lb_ctx *c = context(); int n; size_t k;
    REQUIRE(golden_open("audio_files", &g), "golden file");
    for (n = 0; n < files(&g); n++) {
        golden_array file = numbered(&g, "file", n); size_t step = file.count > 1500 ? 41 : 1, whole;
        lb_audio a; lb_limits before = c->limits;
        lb_audio_decode(c, file.data, file.count, &a); whole = a.frames; lb_audio_free(&a);
        for (k = 0; k < file.count; k += k < 400 ? 1 : step) {
            unsigned char *copy = (unsigned char *)malloc(k ? k : 1); lb_status s;      /* exactly as long, so that a sanitizer sees a read past the end */
            memcpy(copy, file.data, k);
            s = lb_audio_decode(c, copy, k, &a);
            CHECK(s == LB_ERR_FORMAT || (!s && a.frames <= whole) || (s == LB_ERR_UNSUPPORTED && k < 200), "file %d, %zu bytes: %s: %s", n, k, lb_status_name(s), lb_last_error());
            CHECK(!s || (!a.data && (s != LB_ERR_FORMAT || strstr(lb_last_error(), k ? "byte" : "empty"))), "file %d, %zu bytes: %s", n, k, lb_last_error());
            lb_audio_free(&a); free(copy);
        }
        c->limits = before;
    }
    golden_close(&g); lb_ctx_free(c);
}
LBT(audio, every_flipped_byte_is_noticed_in_flac) {
    golden g; lb_ctx *c = context(); int n, tried = 0; size_t k;
    REQUIRE(golden_open("audio_files", &g), "golden file");
    for (n = 0; n < files(&g) && tried < 6; n++) {
        golden_array file = numbered(&g, "file", n), pcm = numbered(&g, "pcm", n); unsigned char *copy;
        if (memcmp(file.data, "fLaC", 4) || file.count > 1500) continue;
        tried++;
        copy = (unsigned char *)malloc(file.count);
        for (k = 42; k < file.count; k++) {                 /* behind STREAMINFO */
            lb__flac f; lb_status s;
            memcpy(copy, file.data, file.count); copy[k] ^= (unsigned char)(1 << (k & 7));
            s = lb__flac_read(c, copy, file.count, &f);
            if (!s) CHECK(f.pcm.size == pcm.count * 4 && !memcmp(f.pcm.data, pcm.data, f.pcm.size), "file %d, byte %zu: changed samples were let through", n, k);   /* a comment may change */
            lb__buf_free(&f.pcm);
        }
        free(copy);
    }
    CHECK(tried == 6, "%d files", tried);
    golden_close(&g); lb_ctx_free(c);
}
static size_t put_wav(unsigned char *p, const char *head, unsigned codec, unsigned channels, unsigned rate, unsigned block, unsigned bits, uint32_t data) {
    memset(p, 0, 200);
    memcpy(p, head, 4); lb__put32le(p + 4, 92); memcpy(p + 8, "WAVEfmt ", 8); lb__put32le(p + 16, 16);
    lb__put16le(p + 20, (uint16_t)codec); lb__put16le(p + 22, (uint16_t)channels); lb__put32le(p + 24, rate); lb__put32le(p + 28, rate * block); lb__put16le(p + 32, (uint16_t)block); lb__put16le(p + 34, (uint16_t)bits);
    memcpy(p + 36, "data", 4); lb__put32le(p + 40, data);
    return 100;
}
LBT(audio, bad_files_are_named) {
    static const struct { const char *head; unsigned codec, channels, rate, block, bits; uint32_t data; lb_status status; const char *says; } wav[] = {
        { "RIFF", 1, 1, 8000, 2, 16, 56, LB_OK, "" },            { "RIFF", 1, 1, 8000, 2, 16, 57, LB_ERR_FORMAT, "byte 44: 57 bytes" },   { "RIFF", 1, 0, 8000, 2, 16, 56, LB_ERR_FORMAT, "no channels" },
        { "RIFF", 1, 1, 0, 2, 16, 56, LB_ERR_FORMAT, "per second" }, { "RIFF", 1, 1, 0xffffffffu, 2, 16, 56, LB_ERR_FORMAT, "per second" }, { "RIFF", 1, 3, 8000, 4, 16, 56, LB_ERR_FORMAT, "byte 32" },
        { "RIFF", 1, 1, 8000, 1, 16, 56, LB_ERR_FORMAT, "byte 32" }, { "RIFF", 1, 1, 8000, 9, 65, 56, LB_ERR_FORMAT, "65 bits" },           { "RIFF", 0x55, 1, 8000, 2, 16, 56, LB_ERR_UNSUPPORTED, "MP3" },
        { "RIFF", 2, 1, 8000, 2, 16, 56, LB_ERR_UNSUPPORTED, "ADPCM" }, { "RIFF", 3, 1, 8000, 2, 16, 56, LB_ERR_UNSUPPORTED, "float" },     { "RIFF", 6, 1, 8000, 2, 16, 56, LB_ERR_UNSUPPORTED, "A-law" },
        { "RF64", 1, 1, 8000, 2, 16, 0xffffffffu, LB_ERR_FORMAT, "ds64" }, { "RIFF", 1, 65535, 8000, 0, 64, 56, LB_OK, "" },                { "RIFF", 1, 1, 8000, 2, 16, 0x7ffffff0, LB_OK, "" },
        { "RIFF", 1, 1, 8000, 2, 16, 0x70000000, LB_ERR_FORMAT, "byte 44" }, { "RIFF", 1, 1, 8000, 2, 16, 0, LB_OK, "" } };
    static const struct { const char *bytes, *says; lb_status status; } other[] = { { "OggS    ", "Ogg", LB_ERR_UNSUPPORTED }, { "\xff\xfb\x90\x40", "MP3", LB_ERR_UNSUPPORTED }, { "FORMxxxxAIFF", "AIFF", LB_ERR_UNSUPPORTED },
        { "....ftypM4A ", "MP4", LB_ERR_UNSUPPORTED }, { "hello", "neither", LB_ERR_FORMAT }, { "", "the file is empty", LB_ERR_FORMAT }, { "fLaC", "metadata", LB_ERR_FORMAT }, { "RIFF....AVI ", "'AVI '", LB_ERR_FORMAT },
        { "RIFF....A\n\33\177", "'A?\?\?'", LB_ERR_FORMAT } };
    lb_ctx *c = context(); unsigned char p[200]; size_t i; lb_audio a; lb_status s;
    for (i = 0; i < LB__COUNT(wav); i++) {
        size_t n = put_wav(p, wav[i].head, wav[i].codec, wav[i].channels, wav[i].rate, wav[i].block, wav[i].bits, wav[i].data);
        s = lb_audio_decode(c, p, n, &a);
        CHECK(s == wav[i].status && (!s || (strstr(lb_last_error(), wav[i].says) && !a.data)), "%zu: %s: %s", i, lb_status_name(s), lb_last_error());
        lb_audio_free(&a);
    }
    for (i = 0; i < LB__COUNT(other); i++) {
        s = lb_audio_decode(c, other[i].bytes, strlen(other[i].bytes), &a);
        CHECK(s == other[i].status && strstr(lb_last_error(), other[i].says), "%s: %s", other[i].bytes, lb_last_error());
    }
    put_wav(p, "RIFF", 3, 1, 8000, 4, 32, 56); lb__put32le(p + 60, 0x7fc00000);
    CHECK(lb_audio_decode(c, p, 100, &a) == LB_ERR_NUMERIC && strstr(lb_last_error(), "byte 60") && !a.data, "%s", lb_last_error());
    c->limits.max_samples = 10;
    put_wav(p, "RIFF", 1, 1, 8000, 2, 16, 56);
    CHECK(lb_audio_decode(c, p, 100, &a) == LB_ERR_LIMIT && strstr(lb_last_error(), "28 samples"), "%s", lb_last_error());
    CHECK(lb_audio_load(c, "/nonexistent.wav", &a) == LB_ERR_IO && strstr(lb_last_error(), "/nonexistent.wav"), "%s", lb_last_error());
    lb_audio_free(NULL); lb_ctx_free(c);
}
/* A tag in front of FLAC, with a footer or without; more channels than a WAV file's head can say. */
LBT(audio, a_tag_with_a_footer_and_too_many_channels) {
    lb_ctx *c = context(); lb__dir dir; lb__bytes f; lb_audio a, b; char path[256]; unsigned char *p; int footer; static float x[2 * 32768];
    REQUIRE(!lb__dir_list("tests/fuzz/corpus/flac", &dir) && dir.count, "%s", lb_last_error());
    snprintf(path, sizeof path, "tests/fuzz/corpus/flac/%s", dir.names[0]);
    REQUIRE(!lb__bytes_open(path, &f) && !lb_audio_decode(c, f.data, f.size, &a), "%s", lb_last_error());
    for (footer = 0; footer < 2; footer++) {
        const size_t n = footer ? 24 : 14;
        p = (unsigned char *)calloc(f.size + n, 1); memcpy(p, footer ? "ID3\4\0\x10\0\0\0\4" : "ID3\4\0\0\0\0\0\4", 10); if (footer) memcpy(p + 14, "3DI\4\0\x10\0\0\0\4", 10);
        memcpy(p + n, f.data, f.size);
        CHECK(!lb_audio_decode(c, p, f.size + n, &b) && b.frames == a.frames && !memcmp(a.data, b.data, a.frames * (size_t)a.channels * sizeof(float)), "footer %d: %s", footer, lb_last_error());
        lb_audio_free(&b); free(p);
    }
    lb_audio_free(&a); lb__bytes_close(&f); lb__release(dir.names);
    a.rate = 8000; a.frames = 2; a.data = x; a.channels = 32768; CHECK(lb_audio_save(c, &a, "build/tests/wide.wav") == LB_ERR_ARG && strstr(lb_last_error(), "32767"), "%s", lb_last_error());
    a.channels = 32767; CHECK(!lb_audio_save(c, &a, "build/tests/wide.wav") && !lb_audio_load(c, "build/tests/wide.wav", &b) && b.channels == 32767 && b.frames == 2, "%s", lb_last_error());
    lb_audio_free(&b); remove("build/tests/wide.wav"); lb_ctx_free(c);
}
LBT(audio, sizes_that_overflow) {
    lb_ctx *c = context(); unsigned char p[200]; lb_audio a; lb_status s; uint64_t v;
    /* RF64 that announces 2^64 - 1 bytes, FLAC that announces 2^36 - 1 samples */
    put_wav(p, "RF64", 1, 1, 8000, 2, 16, 0xffffffffu);
    memmove(p + 48, p + 12, 100); memcpy(p + 12, "ds64", 4); lb__put32le(p + 16, 28); memset(p + 20, 0xff, 24); memset(p + 44, 0, 4);
    s = lb_audio_decode(c, p, 140, &a);
    CHECK(s == LB_ERR_FORMAT && strstr(lb_last_error(), "18446744073709551615"), "%s", lb_last_error());
    memset(p, 0, sizeof p); memcpy(p, "fLaC\x80\0\0\x22\x10\0\x10\0", 12);
    v = (uint64_t)44100 << 44 | (uint64_t)15 << 36 | 0xfffffffffu;
    lb__put32le(p + 18, 0); { int i; for (i = 0; i < 8; i++) p[18 + i] = (unsigned char)(v >> (56 - 8 * i)); }
    s = lb_audio_decode(c, p, 60, &a);
    CHECK(s == LB_ERR_LIMIT, "%s: %s", lb_status_name(s), lb_last_error());
    p[21] &= 0xf0; memset(p + 22, 0, 4); p[22] = 1;                              /* 2^24 samples: within the limit, not within the file */
    s = lb_audio_decode(c, p, 60, &a);
    CHECK(s == LB_ERR_FORMAT && strstr(lb_last_error(), "byte 42"), "%s: %s", lb_status_name(s), lb_last_error());
    lb_ctx_free(c);
}
LBT(audio, every_allocation_may_fail) {
    golden g; lb_ctx *c = context(); int n; long k, before = alloc_live;
    REQUIRE(golden_open("audio_files", &g), "golden file");
    for (n = 0; n < files(&g); n += 9) {
        golden_array file = numbered(&g, "file", n); lb_audio a; lb_status s;
        for (k = 0;; k++) {
            alloc_left = k; s = lb_audio_decode(c, file.data, file.count, &a); alloc_left = -1;
            if (!s) lb_audio_free(&a);
            CHECK(alloc_live == before && !a.data, "file %d: leak after %ld", n, k);
            if (!s) break;
            CHECK(s == LB_ERR_MEM && k < 40, "file %d: %s", n, lb_last_error());
            if (k > 40) break;
        }
    }
    golden_close(&g); lb_ctx_free(c);
}
