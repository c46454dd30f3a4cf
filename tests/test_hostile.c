/* Every reader in one table: each small sample of its format, cut off at every byte, with sizes at the edges of 16, 32 and 64 bits written over
 * every place of its head and tail and over every number that is text.  Whatever comes is read or refused with a sentence, leaves nothing behind
 * when refused, keeps within the limits it was given, and takes no memory that a file of a few thousand bytes cannot be worth.
 * Failing allocations are walked in the tests of each reader. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/checkpoint.h"
#include "tests/lbt.h"

#define WORTH ((size_t)48 << 20)                                     /* bytes of one block; tables of the readers have a few MB */
#define FOLDER "build/tests/hostile"
static lb_model *base; static lb_trainer *trainer;

/* ---- the readers: a file in memory, read to the last element ---- */

static volatile unsigned seen;
static void look(const void *p, size_t n) { size_t i; unsigned s = 0; for (i = 0; i < n; i++) s += ((const unsigned char *)p)[i]; seen += s; }
static lb_status still(lb_ctx *c, const unsigned char *p, size_t n) {
    lb_image a; lb_status s = lb_image_decode(c, p, n, &a);
    if (!s) look(a.data, a.width * a.height * (size_t)a.channels * (size_t)(a.bits / 8));
    CHECK(!s == !!a.data && (s || a.width * a.height <= c->limits.max_pixels), "image");
    lb_image_free(&a);
    return s;
}
static lb_status sound(lb_ctx *c, const unsigned char *p, size_t n) {
    lb_audio a; lb_status s = lb_audio_decode(c, p, n, &a);
    if (!s) look(a.data, a.frames * (size_t)a.channels * sizeof(float));
    CHECK((!s || !a.data) && (s || a.frames * (size_t)a.channels <= c->limits.max_samples), "sound");
    lb_audio_free(&a);
    return s;
}
static lb_status clip(lb_ctx *c, const unsigned char *p, size_t n) {
    lb_video *v = NULL; lb_video_info f; size_t ids[2] = { 0, 0 }; lb_image im[2]; int i; lb_status s = lb_video_open_memory(c, p, n, &v);
    CHECK(!s == !!v, "clip");
    if (s) return s;
    lb_video_get_info(v, &f); ids[1] = f.frames - 1;
    CHECK(f.frames && f.frames <= c->limits.max_frames && f.width && f.height, "%zu frames of %zu x %zu", f.frames, f.width, f.height);
    s = lb_video_frames(c, v, ids, 2, im);
    for (i = 0; i < 2; i++) { CHECK(!s == !!im[i].data, "frames"); if (im[i].data) look(im[i].data, im[i].width * im[i].height * 3); lb_image_free(&im[i]); }
    lb_video_free(v);
    return s;
}
static lb_status table(lb_status s, lb_tensor *t) {
    if (!s) { s = lb_tensor_f32(t); if (!s) look(t->data, lb_tensor_count(t) * sizeof(float)); lb_tensor_free(t); } else CHECK(!t->data, "array");
    return s;
}
static lb_status npy(lb_ctx *c, const unsigned char *p, size_t n) { lb_tensor t; return table(lb_npy_decode(c, p, n, &t), &t); }
static lb_status csv(lb_ctx *c, const unsigned char *p, size_t n) { lb_tensor t; return table(lb_csv_decode(c, p, n, &t), &t); }
static lb_status json(lb_ctx *c, const unsigned char *p, size_t n) { lb__json_doc d; lb_status s = lb__json_parse(&c->limits, (const char *)p, n, NULL, &d); if (!s) lb__json_free(&d); return s; }
static lb_status modality(lb_ctx *c, const unsigned char *p, size_t n) {
    static lb_model_desc d; lb_modality_desc m; lb_tower_desc t; char from[LB_NAME_SIZE], vocabulary[LB_VOCABULARY_SIZE]; lb_status s = lb_model_parse(c, (const char *)p, n, &d, vocabulary);
    CHECK(!s == (d.towers > 0), "model");
    return s ? lb_modality_parse(c, (const char *)p, n, &m, &t, from) : s;
}
static lb_status merges(lb_ctx *c, const unsigned char *p, size_t n) { lb_tokenizer *t = NULL; lb_status s = lb_tokenizer_parse(c, (const char *)p, n, 40000, &t); CHECK(!s == !!t, "tokenizer"); lb_tokenizer_free(t); return s; }
static lb_status weights(lb_ctx *c, const unsigned char *p, size_t n) {
    lb_file *f = NULL; lb_model *m = NULL; size_t i; lb_status s = lb_file_open_memory(c, p, n, &f);
    CHECK(!s == !!f, "file");
    if (s) return s;
    for (i = 0; i < lb_file_tensors(f); i++) { const lb_tensor *t = lb_file_tensor_at(f, i, NULL); look(t->data, lb_tensor_stored(t) * lb_dtype_size(t->dtype)); }
    lb_file_free(f);
    if (lb_model_open_memory(c, p, n, &m)) CHECK(!m && lb_last_error()[0], "model"); else lb_model_free(m);
    return LB_OK;
}
static int put(const char *path, const unsigned char *p, size_t n) { FILE *f = fopen(path, "wb"); int ok = f && fwrite(p, 1, n, f) == n; if (f) ok &= !fclose(f); return ok; }
static lb_status adapter(lb_ctx *c, const unsigned char *p, size_t n) {
    lb_model *m = NULL; lb_status s;
    CHECK(put(FOLDER "/changed", p, n), "cannot write");
    s = lb_model_adapt(c, base, FOLDER "/changed", &m); CHECK(!s == !!m, "model");
    lb_model_free(m);
    return s;
}
static lb_status checkpoint_of_a_run(lb_ctx *c, const unsigned char *p, size_t n) { CHECK(put(FOLDER "/changed", p, n), "cannot write"); return lb_trainer_load(c, trainer, FOLDER "/changed"); }
static lb_status archive(lb_ctx *c, const unsigned char *p, size_t n) {
    checkpoint ck; size_t i; lb_status s;
    memset(&ck, 0, sizeof ck); ck.ctx = c; ck.mark = lb__arena_mark(c);
    s = ck_read(&ck, p, n, "bytes");
    if (!s) s = ck_sort(&ck);
    for (i = 0; !s && i < ck.count; i++) if (ck_elements(ck.tensor[i]) < 100000) { float *v = (float *)malloc(4 * ck_elements(ck.tensor[i]) + 4); if (v) ck_values(ck.tensor[i], v); free(v); }
    ck_close(&ck);
    return s;
}

/* ---- checksums made right again, so that what is behind them is reached ---- */

static void mend_png(unsigned char *p, size_t n) {
    size_t at = 8;
    while (at + 12 <= n) { const uint32_t size = lb__u32be(p + at); uint32_t crc; if (size > n - at - 12) return; crc = lb__crc32(0, p + at + 4, (size_t)size + 4); lb__put32be(p + at + 8 + size, crc); at += 12 + (size_t)size; }
}
static void mend_lbw(unsigned char *p, size_t n) { if (n >= 64 && lb__u64le(p + 40) >= 64 && lb__u64le(p + 40) <= n) lb__put32le(p + 48, lb__crc32(0, p + 64, (size_t)lb__u64le(p + 40) - 64)); }

/* whole: a file that lacks its end is refused, wherever it was cut */
#define SEEDS "tests/fuzz/corpus/"
static const struct { const char *path; lb_status (*read)(lb_ctx *, const unsigned char *, size_t); void (*mend)(unsigned char *, size_t); int whole; } formats[] = {
    { SEEDS "still/jpeg", still, NULL, 0 }, { SEEDS "still/png", still, mend_png, 1 }, { SEEDS "still/bmp", still, NULL, 0 }, { SEEDS "still/pnm", still, NULL, 0 }, { SEEDS "still/gif", still, NULL, 0 }, { SEEDS "wav", sound, NULL, 0 }, { SEEDS "flac", sound, NULL, 1 },
    { SEEDS "clip/avi", clip, NULL, 0 }, { SEEDS "clip/mp4", clip, NULL, 0 }, { SEEDS "clip/y4m", clip, NULL, 0 }, { SEEDS "clip/animation", clip, NULL, 0 }, { SEEDS "npy", npy, NULL, 1 }, { SEEDS "csv", csv, NULL, 0 }, { SEEDS "json", json, NULL, 0 },
    { SEEDS "modality", modality, NULL, 0 }, { FOLDER "/merges", merges, NULL, 0 }, { SEEDS "lbw", weights, mend_lbw, 1 }, { FOLDER "/bytes", weights, mend_lbw, 1 }, { FOLDER "/adapter", adapter, mend_lbw, 1 }, { FOLDER "/run", checkpoint_of_a_run, mend_lbw, 1 },
    { "tests/golden/ckpt_formats/zip.pt", archive, NULL, 1 }, { "tests/golden/ckpt_formats/zip64.pt", archive, NULL, 1 }, { "tests/golden/ckpt_formats/script.pt", archive, NULL, 1 }, { "tests/golden/ckpt_formats/legacy.pt", archive, NULL, 1 },
    { SEEDS "safetensors", archive, NULL, 1 } };

/* One try, on an exact copy, so that a sanitizer sees a step beyond. */
static lb_status attempt(lb_ctx *c, size_t k, const char *name, const char *what, size_t at, const unsigned char *p, size_t n) {
    unsigned char *copy = (unsigned char *)malloc(n ? n : 1); lb_status s;
    memcpy(copy, p, n);
    if (formats[k].mend && n) formats[k].mend(copy, n);
    alloc_most = 0;
    s = formats[k].read(c, copy, n);
    CHECK(!s || (s != LB_ERR_MEM && s != LB_ERR_ARG && lb_last_error()[0]), "%s, %s %zu: %s: %s", name, what, at, lb_status_name(s), lb_last_error());
    CHECK(alloc_most < WORTH, "%s, %s %zu: a block of %zu bytes was asked for", name, what, at, alloc_most);
    free(copy);
    return s;
}
static void cut(lb_ctx *c, size_t k, const char *name, const unsigned char *p, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) { const lb_status s = attempt(c, k, name, "cut at", i, p, i); if (formats[k].whole && !strstr(name, "no_total")) CHECK(s, "%s cut at %zu of %zu was accepted", name, i, n); }
}
static void oversize(lb_ctx *c, size_t k, const char *name, const unsigned char *p, size_t n) {
    static const struct { const char *bytes; size_t n; } edge[] = { { "\xff\xff", 2 }, { "\x7f\xff\xff\xff", 4 }, { "\xff\xff\xff\x7f", 4 }, { "\x80\0\0\0", 4 }, { "\0\0\0\x80", 4 }, { "\xff\xff\xff\xff", 4 }, { "\1\0\0\0\1\0\0\0", 8 },
        { "\x7f\xff\xff\xff\xff\xff\xff\xff", 8 }, { "\xff\xff\xff\xff\xff\xff\xff\x7f", 8 }, { "\x80\0\0\0\0\0\0\0", 8 }, { "\0\0\0\0\0\0\0\x80", 8 }, { "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, { "\xf8\xff\xff\xff\xff\xff\xff\xff", 8 }, { "\0\0\0\0\0\0\0\0", 8 } };
    static const char *const text[] = { "2147483648", "4294967297", "9223372036854775808", "18446744073709551617", "99999999999999999999999999", "-1" };
    unsigned char *q = (unsigned char *)malloc(n + 32); size_t i, j, t; const size_t head = strstr(name, FOLDER) ? 160 : 320, tail = head / 2;          /* those read from disk take longer */
    for (i = 0; i < n; i++) if (i < head || i + tail > n) for (j = 0; j < LB__COUNT(edge); j++) if (i + edge[j].n <= n) { memcpy(q, p, n); memcpy(q + i, edge[j].bytes, edge[j].n); attempt(c, k, name, "an edge at", i, q, n); }
    for (i = 0; i < n && i < 1200; i = j + 1) {                                   /* a run of digits, replaced */
        for (j = i; j < n && p[j] >= '0' && p[j] <= '9'; j++) { }
        if (j > i) for (t = 0; t < LB__COUNT(text); t++) { const size_t z = strlen(text[t]); memcpy(q, p, i); memcpy(q + i, text[t], z); memcpy(q + i + z, p + j, n - j); attempt(c, k, name, text[t], i, q, i + z + n - j); }
    }
    free(q);
}
/* A small model in a file, and in bytes, an adapter to it and the checkpoint of a training run. */
static int prepare(lb_ctx *c) {
    static const char words[] = "#version: 0.2\nt h\nth e</w>\na n\n";
    lb_model_desc d; lb_model *m = NULL; lb_train_desc t; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1]; int ok;
    mkdir("build", 0777); mkdir("build/tests", 0777); mkdir(FOLDER, 0777);
    if (!put(FOLDER "/merges", (const unsigned char *)words, sizeof words - 1)) return 0;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 2;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 8; v->layers = 1; v->heads = 2; v->mlp = 8; v->embed_dim = 4; v->patch_h = v->patch_w = 2; v->grid_h = v->grid_w = 2;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 8; w->layers = 1; w->heads = 2; w->mlp = 8; w->embed_dim = 4; w->context = 4; w->vocab = 8;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    memset(&t, 0, sizeof t); t.trainable = LB_TRAIN_LORA; t.lora_rank = 1; t.freeze_text = 1;
    ok = !lb_model_create(c, &d, &m) && !lb_model_save(c, m, LB_F32, FOLDER "/base") && !lb_model_save(c, m, LB_I8, FOLDER "/bytes") && !lb_model_open(c, FOLDER "/base", &base) && !lb_trainer_new(c, base, &t, &trainer) && !lb_trainer_adapter(c, trainer, FOLDER "/adapter") && !lb_trainer_save(c, trainer, FOLDER "/run");
    if (!ok) printf("  %s\n", lb_last_error());
    lb_model_free(m);
    return ok;
}
static void every_format(void (*fn)(lb_ctx *, size_t, const char *, const unsigned char *, size_t)) {
    lb_ctx *own = NULL; size_t k, i; long before = alloc_live;
    REQUIRE(!lb_ctx_new(NULL, &own) && prepare(own), "the files to read");
    for (k = 0; k < LB__COUNT(formats); k++) {
        lb__dir dir; size_t good = 0; const int folder = !lb__dir_list(formats[k].path, &dir);
        for (i = 0; i < (folder ? dir.count : 1); i++) {
            char path[256]; lb__bytes f; lb_ctx *c = NULL; lb_ctx_desc d; const long live = alloc_live;
            snprintf(path, sizeof path, folder ? "%s/%s" : "%s", formats[k].path, folder ? dir.names[i] : "");
            memset(&d, 0, sizeof d); d.threads = 1; d.limits.max_pixels = 1 << 16; d.limits.max_samples = 1 << 16; d.limits.max_frames = 1000; d.limits.max_tensors = 10000; d.limits.max_text = 1 << 20;
            REQUIRE(!lb__bytes_open(path, &f) && !lb_ctx_new(&d, &c), "%s", lb_last_error());
            good += !attempt(c, k, path, "whole", f.size, f.data, f.size);
            fn(c, k, path, f.data, f.size);
            lb__bytes_close(&f); lb_ctx_free(c);
            CHECK(alloc_live == live, "%s: %ld blocks are left", path, alloc_live - live);
        }
        CHECK(good, "%s: no whole file was read", formats[k].path);
        if (folder) lb__release(dir.names);
    }
    lb_trainer_free(trainer); lb_model_free(base); lb_ctx_free(own); trainer = NULL; base = NULL;
    CHECK(alloc_live == before, "%ld blocks are left", alloc_live - before);
}
/* Matrices of bytes whose steps, sums and numbers are anything, or only the sums and numbers, or some of them: what is computed with them is a vector, or not
 * finite.  The head is whole, so the file opens. */
LBT(hostile, bytes_of_any_kind) {
    static const uint32_t words[] = { 0x7f800000u, 0x7fc000a9u, 0xffffffffu, 0x7fffffffu, 0x80000000u, 0x7f7fffffu, 0x80808080u, 1 }; lb_ctx *c = NULL; lb__bytes f; lb_file *g = NULL; unsigned char *p; float x[2 * 48], y[2 * 4]; int32_t ids[8] = { 1, 2, 3, 7, 4, 7, 0, 0 }; lb__rng r = lb__rng_new(7, 0); size_t i, at; int way, fine = 0; lb_ctx_desc one; const long before = alloc_live;
    memset(&one, 0, sizeof one); one.threads = 1;
    REQUIRE(!lb_ctx_new(&one, &c) && prepare(c) && !lb__bytes_open(FOLDER "/bytes", &f) && !lb_file_open_memory(c, f.data, f.size, &g) && (p = (unsigned char *)malloc(f.size)) != NULL, "the file");
    for (i = 0; i < 96; i++) x[i] = (float)i / 48 - 1;
    for (way = 0; way < 60; way++) {
        lb_model *m = NULL; lb_trainer *t = NULL; lb_train_desc d; lb_batch b; lb_status s; const char *wrong = NULL;
        memcpy(p, f.data, f.size);
        for (i = 0; i < g->count; i++) for (at = 0; lb__is_bytes(&g->entries[i].t) && at < g->entries[i].bytes; at += 4) {
            const uint32_t any = lb__rng_u32(&r); const int step = at % lb__panel_bytes(LB_I8, g->entries[i].t.shape[1]) < 128;
            if (way % 3 == 0 || (way % 3 == 1 && !step)) lb__put32le(p + g->entries[i].offset + at, any);
            else if (way % 3 == 2 && any % 8 == 0) lb__put32le(p + g->entries[i].offset + at, words[(any >> 8) % LB__COUNT(words)]);
        }
        REQUIRE(!lb_model_open_memory(c, p, f.size, &m), "%s", lb_last_error());
        if ((s = lb_embed_tensor(c, m, "image", x, 2, y)) != LB_OK && s != LB_ERR_NUMERIC) wrong = "image"; else fine += !s;
        if ((s = lb_embed_tokens(c, m, ids, 2, 4, y)) != LB_OK && s != LB_ERR_NUMERIC) wrong = "text";
        memset(&d, 0, sizeof d); d.trainable = way % 2 ? LB_TRAIN_ALL : LB_TRAIN_LORA; d.lora_rank = way % 2 ? 0 : 2; memset(&b, 0, sizeof b); b.n = 2; b.length = 4; b.x = x; b.ids = ids;
        if (lb_trainer_new(c, m, &d, &t) || ((s = lb_trainer_step(c, t, &b, NULL)) != LB_OK && s != LB_ERR_NUMERIC)) wrong = "training";
        if ((s = lb_model_save(c, m, way % 2 ? LB_F16 : LB_I8, FOLDER "/changed")) != LB_OK && s != LB_ERR_NUMERIC) wrong = "saving";
        CHECK(!wrong, "way %d, %s: %s", way, wrong, lb_last_error());
        lb_trainer_free(t); lb_model_free(m);
    }
    CHECK(fine >= 20 && fine < 60, "%d of 60 give vectors", fine);
    free(p); lb_file_free(g); lb__bytes_close(&f); lb_trainer_free(trainer); lb_model_free(base); lb_ctx_free(c); trainer = NULL; base = NULL;
    CHECK(alloc_live == before, "%ld blocks are left", alloc_live - before);
}
LBT(hostile, cut_off_at_every_byte) { every_format(cut); }
LBT(hostile, sizes_that_overflow) { every_format(oversize); }
