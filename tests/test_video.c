/* Section 11: containers, frames against ffmpeg, frame choice and the video pipeline against numpy and torch, hostile files. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include <stddef.h>
#include <stdlib.h>
#include <limits.h>
/* From the n-th on allocations fail; blocks not yet freed.  Frames are decoded on several threads. */
static long fail_after = LONG_MAX, live;
static int refused(void) { return __atomic_sub_fetch(&fail_after, 1, __ATOMIC_RELAXED) < 0; }
static void *counted(void *p, int fresh) { if (p && fresh) __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED); return p; }
static void *t_malloc(size_t n) { return refused() ? NULL : counted(malloc(n), 1); }
static void *t_realloc(void *q, size_t n) { return refused() ? NULL : counted(realloc(q, n), !q); }
static void t_free(void *p) { if (p) __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED); free(p); }
#define LB_MALLOC t_malloc
#define LB_REALLOC t_realloc
#define LB_FREE t_free
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"

#define V "tests/golden/video/"
static lb_ctx *new_ctx(void) { lb_ctx *c = NULL; if (lb_ctx_new(NULL, &c)) { printf("  %s\n", lb_last_error()); exit(1); } return c; }
static int biggest(const uint8_t *a, const uint8_t *b, size_t n, double *mean) {
    int m = 0; size_t i; double s = 0;
    for (i = 0; i < n; i++) { int d = abs((int)a[i] - (int)b[i]); s += d; if (d > m) m = d; }
    if (mean) *mean = s / (double)n;
    return m;
}

/* ---- Y4M ---- */

LBT(video, y4m_planes_exact_and_rgb_within_2) {
    static const struct { const char *name; int fast; } files[] = {       /* fast: ffmpeg converts with replicated chroma by default too */
        { "420jpeg", 1 }, { "420mpeg2", 1 }, { "420paldv", 1 }, { "odd", 1 }, { "422", 1 }, { "444", 1 }, { "411", 0 }, { "mono", 1 }, { "full", 1 }, { "full444", 1 }, { "420p9", 0 }, { "420p10", 0 },
        { "422p10", 0 }, { "444p12", 1 }, { "444p14", 1 }, { "420p16", 0 }, { "mono10", 1 }, { "mono16", 1 } };
    golden g; lb_ctx *c = new_ctx(); size_t i, k;
    REQUIRE(golden_open("video", &g), "no golden file");
    for (i = 0; i < LB__COUNT(files); i++) {
        char path[256], key[64]; lb_video *v = NULL; lb_video_info info; golden_array planes, def, acc; uint32_t crc = 0; size_t total = 0;
        snprintf(path, sizeof path, V "%s.y4m", files[i].name);
        if (lb_video_open(c, path, &v)) { CHECK(0, "%s", lb_last_error()); continue; }
        lb_video_get_info(v, &info);
        snprintf(key, sizeof key, "y4m.%s.planes", files[i].name); planes = golden_get(&g, key);
        snprintf(key, sizeof key, "y4m.%s.default", files[i].name); def = golden_get(&g, key);
        snprintf(key, sizeof key, "y4m.%s.accurate", files[i].name); acc = golden_get(&g, key);
        CHECK(info.frames == def.shape[0] && (info.height & ~(size_t)1) == def.shape[1] && (info.width & ~(size_t)1) == def.shape[2] && info.fps == 5 && info.readable && !strcmp(info.container, "Y4M"), "%s: %zu frames of %zu x %zu at %g", path, info.frames, info.width, info.height, info.fps);
        for (k = 0; k < info.frames; k++) {
            const size_t n = def.shape[1] * def.shape[2] * 3; size_t r; uint8_t *rgb = (uint8_t *)malloc(info.width * info.height * 3); const lb__span s = lb__video_spans(v)[k]; int d, a; double md, ma;
            crc = lb__crc32(crc, v->data + s.offset, (size_t)s.size); total += (size_t)s.size;
            lb__yuv_rgb(&v->yuv, 0, v->data + s.offset, rgb);
            for (r = 0; r < def.shape[1]; r++) memmove(rgb + r * def.shape[2] * 3, rgb + r * info.width * 3, def.shape[2] * 3);
            d = biggest(rgb, (const uint8_t *)def.data + k * n, n, &md); a = biggest(rgb, (const uint8_t *)acc.data + k * n, n, &ma);
            if (files[i].fast) CHECK(d <= 2, "%s frame %zu: %d levels from ffmpeg's default conversion (mean %g)", path, k, d, md);
            CHECK(a <= 1, "%s frame %zu: %d levels from ffmpeg's accurate conversion (mean %g)", path, k, a, ma);
            free(rgb);
        }
        CHECK(((const uint32_t *)planes.data)[0] == total && ((const uint32_t *)planes.data)[1] == crc, "%s: planes %zu bytes, CRC %x", path, total, crc);
        lb_video_free(v);
    }
    golden_close(&g); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}

/* ---- containers ---- */

LBT(video, h264_is_described_and_refused) {
    static const struct { const char *path; size_t w, frames; } s[] = { { "../shared/samples/video/0.mp4", 406, 245 }, { "../shared/samples/video/1.mp4", 404, 269 } };
    static const size_t want[2][8] = { { 0, 34, 69, 104, 139, 174, 209, 244 }, { 0, 38, 76, 114, 153, 191, 229, 268 } };
    lb_ctx *c; size_t i, k, ids[8];
    for (i = 0; i < 2; i++) {
        lb_video_info info; lb_video *v = NULL; FILE *f = fopen(s[i].path, "rb");
        if (!f) SKIP("%s is not there", s[i].path);
        fclose(f);
        c = new_ctx();
        REQUIRE(!lb_video_open(c, s[i].path, &v), "%s", lb_last_error());
        lb_video_get_info(v, &info);
        CHECK(info.width == s[i].w && info.height == 720 && info.frames == s[i].frames && fabs(info.fps - 30) < 1e-9 && !strcmp(info.codec, "H.264") && !strcmp(info.container, "MP4") && !info.readable,
              "%s: %zu x %zu, %zu frames, %g fps, %s in %s", s[i].path, info.width, info.height, info.frames, info.fps, info.codec, info.container);
        CHECK(!lb_video_ids(NULL, info.frames, info.fps, ids), "%s", lb_last_error());
        for (k = 0; k < 8; k++) CHECK(ids[k] == want[i][k], "%s: frame %zu is %zu, %zu was expected", s[i].path, k, ids[k], want[i][k]);
        lb_video_free(v); lb_ctx_free(c);
    }
}
LBT(video, containers_give_their_frames) {
    static const struct { const char *name, *container, *codec; size_t w, h, frames; double fps; } s[] = {
        { "mjpeg.avi", "AVI", "Motion-JPEG", 48, 32, 5, 10 }, { "mjpeg444.avi", "AVI", "Motion-JPEG", 48, 32, 5, 10 }, { "mjpeg.mov", "MOV", "Motion-JPEG", 48, 32, 5, 10 }, { "faststart.mov", "MOV", "Motion-JPEG", 48, 32, 5, 10 },
        { "mjpeg422.mp4", "MP4", "Motion-JPEG", 48, 32, 5, 10 }, { "fragmented.mp4", "MP4", "Motion-JPEG", 48, 32, 6, 10 }, { "png.mov", "MOV", "PNG", 48, 32, 3, 10 }, { "opendml.avi", "AVI", "Motion-JPEG", 48, 32, 5, 12.5 } };
    lb_ctx *c = new_ctx(); size_t i, k;
    for (i = 0; i < LB__COUNT(s); i++) {
        char path[256]; lb_video *v = NULL; lb_video_info f;
        snprintf(path, sizeof path, V "%s", s[i].name);
        REQUIRE(!lb_video_open(c, path, &v), "%s", lb_last_error());
        lb_video_get_info(v, &f);
        CHECK(!strcmp(f.container, s[i].container) && !strcmp(f.codec, s[i].codec) && f.width == s[i].w && f.height == s[i].h && f.frames == s[i].frames && fabs(f.fps - s[i].fps) < 1e-9 && f.readable,
              "%s: %s, %s, %zu x %zu, %zu frames, %g fps", path, f.container, f.codec, f.width, f.height, f.frames, f.fps);
        for (k = 0; k < f.frames; k++) {
            const uint8_t *p = v->data + lb__video_spans(v)[k].offset;
            CHECK(strstr(f.codec, "JPEG") ? p[0] == 0xff && p[1] == 0xd8 : !memcmp(p, "\x89PNG", 4), "%s: frame %zu begins with %02x %02x", path, k, p[0], p[1]);
        }
        lb_video_free(v);
    }
    lb_ctx_free(c);
}

/* ---- which frames ---- */

LBT(video, frame_numbers_as_numpy) {
    static const int F[] = { 1, 2, 5, 8, 12, 16 };
    golden g; size_t i, k, r, ids[64]; lb_video_desc d; golden_array a; const int32_t *row;
    REQUIRE(golden_open("video", &g), "no golden file");
    for (i = 0; i < LB__COUNT(F); i++) {
        char key[64];
        snprintf(key, sizeof key, "ids.uniform.%d", F[i]);
        a = golden_get(&g, key); row = (const int32_t *)a.data;
        for (r = 0; r < a.shape[0]; r++, row += a.shape[1]) {
            const size_t N = r < 299 ? r + 1 : r == 299 ? 1000 : r == 300 ? 4321 : 99999;
            memset(&d, 0, sizeof d); d.frames = F[i];
            CHECK(!lb_video_ids(&d, N, 0, ids), "%s", lb_last_error());
            for (k = 0; k < a.shape[1]; k++) CHECK(ids[k] == (size_t)row[k], "%d of %zu: frame %zu is %zu, numpy says %d", F[i], N, k, ids[k], row[k]);
        }
    }
    a = golden_get(&g, "ids.retrieval"); row = (const int32_t *)a.data;
    for (r = 0; r < a.shape[0]; r++, row += a.shape[1]) {
        memset(&d, 0, sizeof d); d.rule = LB_FRAMES_RETRIEVAL; d.start = row[2] < 0 ? 0 : row[2]; d.end = row[3];
        CHECK(!lb_video_ids(&d, (size_t)row[0], row[1] / 1000.0, ids), "%s", lb_last_error());
        for (k = 0; k < 8; k++) CHECK(ids[k] == (size_t)row[4 + k], "retrieval row %zu: frame %zu is %zu, not %d", r, k, ids[k], row[4 + k]);
    }
    a = golden_get(&g, "ids.view"); row = (const int32_t *)a.data;
    for (r = 0; r < a.shape[0]; r++, row += a.shape[1]) {
        memset(&d, 0, sizeof d); d.rule = LB_FRAMES_VIEW; d.segment = row[1];
        CHECK(!lb_video_ids(&d, (size_t)row[0], 30, ids), "%s", lb_last_error());
        for (k = 0; k < 8; k++) CHECK(ids[k] == (size_t)row[2 + k], "%d frames, view %d: frame %zu is %zu, not %d", row[0], row[1], k, ids[k], row[2 + k]);
    }
    memset(&d, 0, sizeof d); d.rule = LB_FRAMES_MIDDLE; d.frames = 1;
    CHECK(!lb_video_ids(&d, 9, 0, ids) && ids[0] == 4, "the middle of 9 is %zu", ids[0]);
    d.rule = LB_FRAMES_IDS; ids[1] = 9; d.ids = ids + 1;
    CHECK(lb_video_ids(&d, 9, 0, ids) == LB_ERR_ARG && !strcmp(lb_last_error(), "frame 9 of a clip of 9, 0 to 8 was expected"), "%s", lb_last_error());
    d.rule = LB_FRAMES_RETRIEVAL;
    CHECK(lb_video_ids(&d, 9, 0, ids) == LB_ERR_ARG, "no frame rate");
    golden_close(&g);
}

/* ---- hostility ---- */

typedef struct source { const uint8_t *p; size_t n, step; } source;
static size_t source_read(void *user, void *data, size_t size) { source *s = (source *)user; size_t n = LB__MIN(LB__MIN(size, s->n), s->step); memcpy(data, s->p, n); s->p += n; s->n -= n; return n; }
static size_t broken_read(void *user, void *data, size_t size) { (void)user; (void)data; (void)size; return (size_t)-1; }
LBT(video, unfinished_recordings) {
    lb_ctx *c = new_ctx(); lb__bytes f; lb_video *v = NULL; lb_video_info info; uint8_t *d; size_t at;
    REQUIRE(!lb__bytes_open(V "mjpeg.avi", &f), "%s", lb_last_error());
    d = (uint8_t *)malloc(f.size); memcpy(d, f.data, f.size);
    memset(d + 4, 0, 4);                                                            /* sizes that are written at the end of a recording */
    for (at = 12; at + 12 < f.size && memcmp(d + at + 8, "movi", 4); at++) { }
    memset(d + at + 4, 0, 4);
    CHECK(!lb_video_open_memory(c, d, f.size, &v), "%s", lb_last_error());
    if (v) { lb_video_get_info(v, &info); CHECK(info.frames == 5, "%zu frames", info.frames); }
    lb_video_free(v); free(d); lb__bytes_close(&f); lb_ctx_free(c);
}
static const char *const every_clip[] = { "420jpeg.y4m", "mono16.y4m", "mjpeg.avi", "opendml.avi", "mjpeg.mov", "mjpeg422.mp4", "fragmented.mp4", "fragmented_sound.mp4", "png.mov", "plain.gif", "partial.gif", "disposal.gif" };

LBT(video, cut_off_anywhere_is_an_error_or_a_shorter_clip) {
    lb_ctx *c = new_ctx(); size_t i, n;
    for (i = 0; i < LB__COUNT(every_clip); i++) {
        char path[256]; lb__bytes f; lb_video *v; size_t opened = 0;
        snprintf(path, sizeof path, V "%s", every_clip[i]);
        REQUIRE(!lb__bytes_open(path, &f), "%s", lb_last_error());
        for (n = 0; n < f.size; n++) {
            uint8_t *copy = (uint8_t *)malloc(n + 1); lb_status s;              /* its own block, so that a sanitizer sees a step beyond */
            memcpy(copy, f.data, n);
            s = lb_video_open_memory(c, copy, n, &v);
            if (!s) { opened++; lb_video_free(v); } else CHECK(v == NULL && lb_last_error()[0] && s != LB_ERR_MEM && s != LB_ERR_ARG, "%s cut at %zu: %s", path, n, lb_last_error());
            free(copy);
        }
        if (strstr(path, "y4m")) CHECK(opened == 1, "%s: %zu cuts were accepted, only the one between two frames is whole", path, opened);
        lb__bytes_close(&f);
    }
    lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, bytes_changed_anywhere) {
    lb_ctx *c = new_ctx(); size_t i, n; uint32_t x = 1;
    for (i = 2; i < LB__COUNT(every_clip); i++) {
        char path[256]; lb__bytes f; lb_video *v; uint8_t *copy;
        snprintf(path, sizeof path, V "%s", every_clip[i]);
        REQUIRE(!lb__bytes_open(path, &f), "%s", lb_last_error());
        copy = (uint8_t *)malloc(f.size);
        for (n = 0; n < f.size; n++) {
            memcpy(copy, f.data, f.size); x = x * 1664525u + 1013904223u; copy[n] = (uint8_t)(x >> 24);
            if (n & 1) copy[n] = 0xff;
            if (!lb_video_open_memory(c, copy, f.size, &v)) lb_video_free(v);
        }
        free(copy); lb__bytes_close(&f);
    }
    lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, streams_are_kept_within_a_limit) {
    lb_ctx *c; lb_ctx_desc d; lb__bytes f; lb_video *v; source s; size_t step; lb_video_info info;
    REQUIRE(!lb__bytes_open(V "420jpeg.y4m", &f), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.limits.max_spool = f.size;
    REQUIRE(!lb_ctx_new(&d, &c), "%s", lb_last_error());
    for (step = 1; step < 5000; step *= 7) {
        s.p = f.data; s.n = f.size; s.step = step;
        REQUIRE(!lb_video_open_stream(c, source_read, &s, &v), "%s", lb_last_error());
        lb_video_get_info(v, &info);
        CHECK(info.frames == 2 && info.width == 36, "%zu frames", info.frames);
        lb_video_free(v);
    }
    c->limits.max_spool = f.size - 1; s.p = f.data; s.n = f.size;
    CHECK(lb_video_open_stream(c, source_read, &s, &v) == LB_ERR_LIMIT && strstr(lb_last_error(), "max_spool"), "%s", lb_last_error());
    CHECK(lb_video_open_stream(c, broken_read, NULL, &v) == LB_ERR_IO && !v, "%s", lb_last_error());
    lb__bytes_close(&f); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
/* A Y4M larger than what is kept in memory: goes through the temporary file. */
typedef struct maker { size_t frames, at, frame; } maker;
static size_t maker_read(void *user, void *data, size_t size) {
    maker *m = (maker *)user; static const char head[] = "YUV4MPEG2 W1000 H1000 F25:1 Cmono\n"; uint8_t *p = (uint8_t *)data; size_t n = 0;
    while (n < size && m->frame <= m->frames) {
        if (m->frame == 0) { p[n++] = (uint8_t)head[m->at++]; if (m->at == sizeof head - 1) { m->at = 0; m->frame = 1; } }
        else { const size_t take = m->at < 6 ? 1 : LB__MIN(size - n, 1000006 - m->at); if (m->at < 6) p[n] = (uint8_t)"FRAME\n"[m->at]; else memset(p + n, (int)m->frame, take); n += take; m->at += take; if (m->at == 1000006) { m->at = 0; m->frame++; } }
    }
    return n;
}
LBT(video, long_streams_go_to_the_disk) {
    lb_ctx *c = new_ctx(); lb_video *v; maker m; lb_video_info info; size_t k;
    memset(&m, 0, sizeof m); m.frames = 70;
    REQUIRE(!lb_video_open_stream(c, maker_read, &m, &v), "%s", lb_last_error());
    lb_video_get_info(v, &info);
    CHECK(info.frames == 70 && v->file.mapped && !v->owned, "%zu frames", info.frames);
    for (k = 0; k < info.frames; k++) { const uint8_t *p = v->data + lb__video_spans(v)[k].offset; CHECK(p[0] == k + 1 && p[999999] == k + 1, "frame %zu", k); }
    lb_video_free(v); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, standard_input) {
    lb_ctx *c = new_ctx(); lb_video *v = NULL; lb_video_info info; int keep = dup(0), fd = open(V "420jpeg.y4m", O_RDONLY);
    REQUIRE(fd >= 0 && dup2(fd, 0) == 0, "cannot redirect");
    CHECK(!lb_video_open(c, "-", &v), "%s", lb_last_error());
    if (v) { lb_video_get_info(v, &info); CHECK(info.frames == 2 && info.readable, "%zu frames", info.frames); }
    lb_video_free(v); lb_ctx_free(c); close(fd);
    if (keep >= 0) { dup2(keep, 0); close(keep); }
}
LBT(video, wrong_files_get_a_sentence) {
    static const struct { const char *bytes; size_t n; const char *word; } s[] = {
        { "", 0, "empty" }, { "hello world, this is no clip", 28, "" }, { "\x1a\x45\xdf\xa3xxxxxxxx", 12, "Matroska" }, { "YUV4MPEG2 W0 H4\n", 16, "W and H" }, { "YUV4MPEG2 W4 H4 C424\n", 21, "colour space" },
        { "YUV4MPEG2 W4 H4 F25\n", 20, "frame rate" }, { "YUV4MPEG2 W999999999999 H4\n", 27, "width" }, { "YUV4MPEG2 W99999 H4\n", 20, "limits" }, { "YUV4MPEG2 W4 H4\n", 16, "no frames" }, { "YUV4MPEG2 W4 H4\nFRAMX", 21, "FRAME" },
        { "YUV4MPEG2 W60000 H60000 C444p16\nFRAME\n", 38, "limits" }, { "RIFF\4\0\0\0AVI ", 12, "no video stream" }, { "\0\0\0\x10""ftypisom\0\0\0\0", 16, "moov" }, { "\0\0\0\4ftypisom", 12, "box" }, { "\0\0\0\1ftyp\xff\xff\xff\xff\xff\xff\xff\xff", 16, "box" },
        { "\0\0\0\1ftyp\x7f\xff\xff\xff\xff\xff\xff\xf0", 16, "box" }, { "RIFF\xff\xff\xff\xff""AVI LIST\xff\xff\xff\xffhdrl", 24, "" }, { "RIFF\x18\0\0\0AVI LIST\xff\xff\xff\x7fmovi", 24, "" },
        { "GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x08\x01\x01\0;", 28, "limit is" }, { "YUV4MPEG2 W18446744073709551617 H4\n", 35, "width" }, { "YUV4MPEG2 W65535 H1 C444 F4294967296:1\n", 39, "" } };
    lb_ctx *c = new_ctx(); size_t i; lb_video *v;
    for (i = 0; i < LB__COUNT(s); i++) {
        uint8_t *copy = (uint8_t *)malloc(s[i].n + 1); memcpy(copy, s[i].bytes, s[i].n);
        CHECK(lb_video_open_memory(c, copy, s[i].n, &v) != LB_OK && !v && strstr(lb_last_error(), s[i].word), "%zu: %s", i, lb_last_error());
        free(copy);
    }
    {   /* a file whose first image is not all of it: JPEGs end to end, but not with a list of companions; a PNG that says it has frames */
        static const unsigned char list[] = { 0xff, 0xe2, 0, 6, 'M', 'P', 'F', 0 }, moves[] = { 0, 0, 0, 8, 'a', 'c', 'T', 'L', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0 };
        lb_image img; uint8_t *two; lb_video_info info; static uint8_t px[16 * 8 * 3];
        memset(&img, 0, sizeof img); img.width = 16; img.height = 8; img.channels = 3; img.bits = 8; img.orientation = 1; img.data = px;
        for (i = 0; i < 2; i++) {
            lb__bytes f; const char *path = i ? "build/tests/still.png" : "build/tests/still.jpg"; size_t n;
            REQUIRE(!lb_image_save(c, &img, path, 0) && !lb__bytes_open(path, &f), "%s", lb_last_error());
            two = (uint8_t *)malloc(2 * f.size + 64); memcpy(two, f.data, f.size); n = f.size;
            CHECK(!lb_video_open_memory(c, two, n, &v), "%s", lb_last_error()); lb_video_get_info(v, &info); CHECK(info.frames == 1, "%zu frames", info.frames); lb_video_free(v);
            if (i) { memmove(two + 33 + sizeof moves, two + 33, n - 33); memcpy(two + 33, moves, sizeof moves); n += sizeof moves; }
            else { memcpy(two + n, two, n); n *= 2; }
            CHECK(lb_video_open_memory(c, two, n, &v) == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), i ? "an animated PNG: its frames" : "a stream of JPEG images: its frames") && strstr(lb_last_error(), "ffmpeg"), "%s", lb_last_error());
            if (i) two[33 + 11] = 1; else { memmove(two + 2 + sizeof list, two + 2, n - 2); memcpy(two + 2, list, sizeof list); n += sizeof list; }
            CHECK(!lb_video_open_memory(c, two, n, &v), "%s", lb_last_error()); lb_video_free(v);
            free(two); lb__bytes_close(&f); remove(path);                 /* no image stays: another test wants a folder without any */
        }
    }
    CHECK(lb_video_open(c, "/dev/zero", &v) == LB_ERR_IO && strstr(lb_last_error(), "/dev/zero: is a device that does not end"), "%s", lb_last_error());
    {   /* the line to type names the file, whatever a shell makes of its name */
        const char *path = "build/tests/a \"$b`\\'.mkv"; FILE *f = fopen(path, "wb");
        REQUIRE(f, "%s", path); fwrite("\x1a\x45\xdf\xa3", 1, 4, f); fclose(f);
        CHECK(lb_video_open(c, path, &v) == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), "ffmpeg -v error -i \"build/tests/a \\\"\\$b\\`\\\\'.mkv\" -vf"), "%s", lb_last_error());
        remove(path);
    }
    CHECK(lb_video_open(c, "no/such/file.y4m", &v) == LB_ERR_IO && strstr(lb_last_error(), "no/such/file.y4m"), "%s", lb_last_error());
    lb_ctx_free(c);
}
static size_t boasting_read(void *user, void *data, size_t size) { (void)user; (void)data; return size + 1; }
LBT(video, wrong_calls_get_a_sentence) {
    static const uint8_t tables[] = "\0\0\0\x14stsz\0\0\0\0\0\0\0\5\0\0\0\1" "\0\0\0\x1cstsc\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1" "\0\0\0\x18" "co64\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\7" "\0\0\0\x14stco\0\0\0\0\0\0\0\1\0\0\0\x9";
    enum { MANY = 4773 }; lb_ctx *c = new_ctx(); lb_video *v = NULL; lb_video_desc d; lb_image *im = (lb_image *)calloc(MANY, sizeof *im), out; uint8_t pixel[3] = { 1, 2, 3 }; size_t ids[2] = { 0, 4 }, i; lb__box stbl; uint64_t ticks = 0; const char *none[1] = { NULL };
    CHECK(lb_video_open_stream(c, boasting_read, NULL, &v) == LB_ERR_IO && !v && strstr(lb_last_error(), "asked for"), "%s", lb_last_error());
    CHECK(lb_video_open_list(c, none, 0, &v) == LB_ERR_ARG && lb_video_open_array(c, pixel, 1, 0, 1, 1, &v) == LB_ERR_ARG && lb_video_open_array(c, pixel, 0, 1, 1, 1, &v) == LB_ERR_ARG && !v, "%s", lb_last_error());
    REQUIRE(!lb_video_open_array(c, pixel, 1, 1, 1, 1, &v), "%s", lb_last_error());
    CHECK(lb_video_frames(c, v, ids, SIZE_MAX / 8, im) == LB_ERR_ARG && !lb_video_frames(c, v, NULL, 0, NULL), "%s", lb_last_error());
    CHECK(lb_video_frames(c, v, ids, 2, im) == LB_ERR_ARG && strstr(lb_last_error(), "frame 4 of a clip of 1, 0 to 0"), "%s", lb_last_error());
    lb_video_free(v); v = NULL;
    memset(&d, 0, sizeof d); d.frames = 2; d.rule = LB_FRAMES_IDS; d.ids = ids; { size_t got[2] = { 77, 77 }; CHECK(lb_video_ids(&d, 4, 0, got) == LB_ERR_ARG && got[0] == 77 && strstr(lb_last_error(), "0 to 3"), "%s", lb_last_error()); }
    for (i = 0; i < MANY; i++) { im[i].width = im[i].height = 1; im[i].channels = 3; im[i].bits = 8; im[i].orientation = 1; im[i].data = pixel; }
    CHECK(lb_video_save(c, im, MANY, 0.1, "build/tests/long.mp4", 1) == LB_ERR_LIMIT && strstr(lb_last_error(), "47721 seconds"), "13 hours do not fit the head: %s", lb_last_error());
    CHECK(!lb_video_save(c, im, MANY - 1, 0.1, "build/tests/long.MOV", 1), "%s", lb_last_error());
    im[0].data = NULL; CHECK(lb_video_save(c, im, 2, 1, "build/tests/long.mp4", 0) == LB_ERR_ARG && strstr(lb_last_error(), "frame 0 of 1 x 1 pixels without data"), "%s", lb_last_error());
    im[0].data = pixel; memset(&out, 0, sizeof out);
    CHECK(lb_image_resize(c, &im[0], 0, 4, &out) == LB_ERR_ARG && lb_image_resize(c, &im[0], 4, 4, &im[0]) == LB_ERR_ARG && lb_image_rgb(c, &im[0], &im[0]) == LB_ERR_ARG && im[0].data == pixel, "%s", lb_last_error());
    im[0].bits = 7; CHECK(lb_image_rgb(c, &im[0], &out) == LB_ERR_ARG && strstr(lb_last_error(), "1 x 1 pixels, 3 channels of 7 bits"), "%s", lb_last_error());
    im[0].bits = 8; { lb_image_profile p; float x[3]; memset(&p, 0, sizeof p); p.width = p.height = 1; p.std[0] = p.std[1] = p.std[2] = 1; p.resize = (lb_resize)9; CHECK(lb_image_preprocess(c, &im[0], &p, x) == LB_ERR_ARG && strstr(lb_last_error(), "resize 9"), "%s", lb_last_error()); }
    CHECK(lb_image_decode(c, "\x7f", 1, &out) == LB_ERR_FORMAT && strstr(lb_last_error(), "the byte 7f;"), "%s", lb_last_error());
    stbl.body = tables; stbl.size = sizeof tables - 1;
    REQUIRE(!lb__video_new(NULL, &v), "%s", lb_last_error());
    CHECK(!lb__mp4_samples(c, v, &stbl, &ticks) && v->info.frames == 1 && lb__video_spans(v)[0].offset == 9, "the last table counts: %s", lb_last_error());
    lb_video_free(v); free(im); remove("build/tests/long.MOV"); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, every_allocation_may_fail) {
    lb_ctx *c = new_ctx(); size_t i; long n, before = live;
    for (i = 0; i < LB__COUNT(every_clip); i++) for (n = 0; n < 200; n++) {
        char path[256]; lb_video *v = NULL; lb_status s;
        snprintf(path, sizeof path, V "%s", every_clip[i]);
        fail_after = n; s = lb_video_open(c, path, &v); fail_after = LONG_MAX;
        lb_video_free(v);
        CHECK(s == LB_OK || s == LB_ERR_MEM, "%s: %s", path, lb_last_error());
        CHECK(live == before, "%s, allocation %ld failing: %ld blocks were not freed", path, n, live - before);
        if (!s) break;
    }
    lb_ctx_free(c);
}

/* ---- frames ---- */

static lb_image_profile profile_of(size_t size) {
    static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f }, std[3] = { 0.26862954f, 0.26130258f, 0.27577711f }; lb_image_profile p;
    memset(&p, 0, sizeof p); p.width = p.height = size; p.resize = LB_RESIZE_TORCH_BILINEAR; p.crop = LB_CROP_ROUND_HALF_EVEN;
    memcpy(p.mean, mean, sizeof mean); memcpy(p.std, std, sizeof std);
    return p;
}
LBT(video, motion_jpeg_and_png_frames) {
    static const char *const files[] = { "mjpeg.avi", "mjpeg444.avi", "mjpeg.mov", "mjpeg422.mp4", "fragmented.mp4", "faststart.mov", "png.mov" };
    golden g; lb_ctx *c = new_ctx(); size_t i, k;
    REQUIRE(golden_open("video", &g), "no golden file");
    for (i = 0; i < LB__COUNT(files); i++) {
        char path[256], key[64]; lb_video *v = NULL; golden_array a; size_t ids[16]; lb_image out[16]; const int png = !strcmp(files[i], "png.mov");
        snprintf(path, sizeof path, V "%s", files[i]); snprintf(key, sizeof key, png ? "png.%s" : "mjpeg.%s", files[i]);
        a = golden_get(&g, key);
        REQUIRE(!lb_video_open(c, path, &v), "%s", lb_last_error());
        for (k = 0; k < a.shape[0]; k++) ids[k] = a.shape[0] - 1 - k;                /* backwards */
        REQUIRE(!lb_video_frames(c, v, ids, a.shape[0], out), "%s", lb_last_error());
        for (k = 0; k < a.shape[0]; k++) {
            const size_t n = out[k].width * out[k].height * 3; double mean; const int d = biggest((const uint8_t *)out[k].data, (const uint8_t *)a.data + ids[k] * n, n, &mean);
            CHECK(out[k].width == a.shape[2] && out[k].height == a.shape[1] && out[k].channels == 3 && out[k].bits == 8, "%s: %zu x %zu", path, out[k].width, out[k].height);
            CHECK(d <= (png ? 0 : 2), "%s frame %zu: %d levels from ffmpeg (mean %g)", path, ids[k], d, mean);
            lb_image_free(&out[k]);
        }
        lb_video_free(v);
    }
    {   /* where no chroma is upsampled, the pixels are libjpeg-turbo's */
        lb_video *v = NULL; size_t ids[5] = { 0, 1, 2, 3, 4 }; lb_image out[5]; golden_array a = golden_get(&g, "mjpeg.pillow");
        REQUIRE(!lb_video_open(c, V "mjpeg444.avi", &v), "%s", lb_last_error());
        REQUIRE(!lb_video_frames(c, v, ids, 5, out), "%s", lb_last_error());
        for (k = 0; k < 5; k++) { CHECK(!memcmp(out[k].data, (const uint8_t *)a.data + k * 48 * 32 * 3, 48 * 32 * 3), "frame %zu differs from Pillow", k); lb_image_free(&out[k]); }
        lb_video_free(v);
    }
    {   /* no Huffman tables, a repeated frame: the same pixels as where they came from */
        lb_video *v = NULL, *u = NULL; size_t ids[5] = { 0, 1, 2, 3, 4 }, from[5] = { 0, 1, 1, 2, 3 }; lb_image out[5], in[5];
        REQUIRE(!lb_video_open(c, V "opendml.avi", &v) && !lb_video_open(c, V "mjpeg.avi", &u), "%s", lb_last_error());
        REQUIRE(!lb_video_frames(c, v, ids, 5, out) && !lb_video_frames(c, u, from, 5, in), "%s", lb_last_error());
        for (k = 0; k < 5; k++) { CHECK(!memcmp(out[k].data, in[k].data, 48 * 32 * 3), "frame %zu", k); lb_image_free(&out[k]); lb_image_free(&in[k]); }
        lb_video_free(u);
        ids[0] = 5;
        CHECK(lb_video_frames(c, v, ids, 1, out) == LB_ERR_ARG && !out[0].data, "%s", lb_last_error());
        lb_video_free(v);
    }
    golden_close(&g); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
/* Where a fragment says no place, its second track begins where the first one's data end. */
LBT(video, sound_in_front_of_a_fragment) {
    static const char *const paths[] = { V "fragmented.mp4", V "fragmented_sound.mp4" }; lb_ctx *c = new_ctx(); lb_video *v[2] = { NULL, NULL }; lb_video_info info[2]; size_t k; int i;
    for (i = 0; i < 2; i++) { REQUIRE(!lb_video_open(c, paths[i], &v[i]), "%s", lb_last_error()); lb_video_get_info(v[i], &info[i]); }
    CHECK(info[0].frames == 6 && info[1].frames == 6, "%zu and %zu frames", info[0].frames, info[1].frames);
    for (k = 0; k < 6; k++) {
        lb_image out[2];
        for (i = 0; i < 2; i++) REQUIRE(!lb_video_frames(c, v[i], &k, 1, &out[i]), "%s: %s", paths[i], lb_last_error());
        CHECK(!memcmp(out[0].data, out[1].data, 48 * 32 * 3), "frame %zu", k);
        for (i = 0; i < 2; i++) lb_image_free(&out[i]);
    }
    lb_video_free(v[0]); lb_video_free(v[1]); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
/* What a frame leaves behind where there is no global table is black, as ffmpeg has it: 2 x 1, the second frame 1 x 1 after a disposal to the background. */
LBT(video, gif_background_without_a_table) {
    static const uint8_t gif[] = { 0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x21, 0xf9, 0x04, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01, 0x00, 0x81, 0x0a, 0x14, 0x1e, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e, 0x78, 0x02, 0x02, 0x44, 0x0a, 0x00, 0x21, 0xf9, 0x04, 0x00, 0x0a, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x81, 0x0a, 0x14, 0x1e, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e, 0x78, 0x02, 0x02, 0x54, 0x01, 0x00, 0x3b };
    lb_ctx *c = new_ctx(); lb_video *v = NULL; lb_image out; size_t id = 1;
    REQUIRE(!lb_video_open_memory(c, gif, sizeof gif, &v) && !lb_video_frames(c, v, &id, 1, &out), "%s", lb_last_error());
    CHECK(!memcmp(out.data, "\x46\x50\x5a\0\0\0", 6), "%d %d %d", ((uint8_t *)out.data)[3], ((uint8_t *)out.data)[4], ((uint8_t *)out.data)[5]);
    lb_image_free(&out); lb_video_free(v); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, gif_frames_exact) {
    static const struct { const char *name; double fps; } files[] = { { "plain", 10 }, { "partial", 10 }, { "disposal", 8 / 0.68 } }; golden g; lb_ctx *c = new_ctx(); size_t i, k;
    REQUIRE(golden_open("video", &g), "no golden file");
    for (i = 0; i < LB__COUNT(files); i++) {
        char path[256], key[64]; lb_video *v = NULL; lb_video_info info; golden_array a; size_t ids[16]; lb_image out[16];
        snprintf(path, sizeof path, V "%s.gif", files[i].name); snprintf(key, sizeof key, "gif.%s", files[i].name);
        a = golden_get(&g, key);
        REQUIRE(!lb_video_open(c, path, &v), "%s", lb_last_error());
        lb_video_get_info(v, &info);
        CHECK(info.frames == a.shape[0] && info.height == a.shape[1] && info.width == a.shape[2] && fabs(info.fps - files[i].fps) < 1e-9, "%s: %zu frames of %zu x %zu at %g", path, info.frames, info.width, info.height, info.fps);
        for (k = 0; k < a.shape[0]; k++) ids[k] = a.shape[0] - 1 - k;
        REQUIRE(!lb_video_frames(c, v, ids, a.shape[0], out), "%s", lb_last_error());
        for (k = 0; k < a.shape[0]; k++) {
            const size_t n = info.width * info.height * 3;
            CHECK(!memcmp(out[k].data, (const uint8_t *)a.data + ids[k] * n, n), "%s frame %zu: up to %d levels from ffmpeg", path, ids[k], biggest((const uint8_t *)out[k].data, (const uint8_t *)a.data + ids[k] * n, n, NULL));
            lb_image_free(&out[k]);
        }
        lb_video_free(v);
    }
    golden_close(&g); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, h264_sentence) {
    lb_ctx *c = new_ctx(); lb_video *v = NULL; lb_image out; size_t id = 0; const char *e; FILE *f = fopen("../shared/samples/video/0.mp4", "rb"); lb_image_profile p = profile_of(32); float x[3 * 8 * 32 * 32];
    if (!f) { lb_ctx_free(c); SKIP("../shared/samples/video/0.mp4 is not there"); }
    fclose(f);
    REQUIRE(!lb_video_open(c, "../shared/samples/video/0.mp4", &v), "%s", lb_last_error());
    CHECK(lb_video_frames(c, v, &id, 1, &out) == LB_ERR_UNSUPPORTED && !out.data, "refused");
    e = lb_last_error(); printf("  %s\n", e);
    CHECK(strstr(e, "H.264") && strstr(e, "406 x 720") && strstr(e, "ffmpeg") && strstr(e, "yuv4mpegpipe") && !strchr(e, '\n'), "%s", e);
    CHECK(lb_video_preprocess(c, v, &p, NULL, x) == LB_ERR_UNSUPPORTED, "%s", lb_last_error());
    lb_video_free(v); lb_ctx_free(c);
}

/* The frames that make_video.py makes by the same formula. */
static uint8_t *synthetic(size_t T, size_t h, size_t w) {
    uint8_t *p = (uint8_t *)malloc(T * h * w * 3), *q = p; size_t t, y, x, c;
    for (t = 0; t < T; t++) for (y = 0; y < h; y++) for (x = 0; x < w; x++) for (c = 0; c < 3; c++) *q++ = (uint8_t)(x * 7 + y * 13 + t * 29 + c * 53 + (x * y) % 251 * (1 + c) / 2);
    return p;
}
LBT(video, pipeline_as_torch) {
    static const struct { const char *name; size_t T, h, w, size, step; } s[] = { { "portrait", 3, 81, 50, 32, 1 }, { "landscape", 3, 50, 89, 32, 1 }, { "square", 2, 61, 61, 32, 1 }, { "up", 2, 20, 27, 48, 1 }, { "sample", 1, 720, 406, 224, 5 }, { "wide", 1, 240, 427, 224, 5 } };
    golden g; lb_ctx *c = new_ctx(); size_t i, k, n;
    REQUIRE(golden_open("video", &g), "no golden file");
    for (i = 0; i < LB__COUNT(s); i++) {
        uint8_t *frames = synthetic(s[i].T, s[i].h, s[i].w); lb_video *v = NULL; lb_image_profile p = profile_of(s[i].size); lb_video_desc d; char key[64]; size_t small = (s[i].size + s[i].step - 1) / s[i].step, r, x;
        float *out = (float *)malloc(3 * s[i].T * s[i].size * s[i].size * sizeof(float)), *flip = (float *)malloc(3 * s[i].T * s[i].size * s[i].size * sizeof(float)), *cut = (float *)malloc(3 * s[i].T * small * small * sizeof(float)); const float *want; double e;
        memset(&d, 0, sizeof d); d.frames = (int)s[i].T;
        REQUIRE(!lb_video_open_array(c, frames, s[i].T, s[i].h, s[i].w, 25, &v), "%s", lb_last_error());
        REQUIRE(!lb_video_preprocess(c, v, &p, &d, out), "%s", lb_last_error());
        for (k = 0; k < 3 * s[i].T; k++) for (r = 0; r < small; r++) for (x = 0; x < small; x++) cut[(k * small + r) * small + x] = out[(k * s[i].size + r * s[i].step) * s[i].size + x * s[i].step];
        snprintf(key, sizeof key, "pipeline.%s", s[i].name); want = golden_f32(&g, key, &n);
        CHECK(want && n == 3 * s[i].T * small * small, "%s: %zu values", key, n);
        e = want ? max_abs_diff(cut, want, n) : 1;
        CHECK(e <= 2e-5, "%s: %g from torch", s[i].name, e);
        d.flip = 1;
        REQUIRE(!lb_video_preprocess(c, v, &p, &d, flip), "%s", lb_last_error());
        for (k = 0; k < 3 * s[i].T * s[i].size; k++) for (x = 0; x < s[i].size; x++) CHECK(flip[k * s[i].size + x] == out[(k + 1) * s[i].size - 1 - x], "mirrored row %zu", k);
        lb_video_free(v); free(frames); free(out); free(flip); free(cut);
    }
    {   /* Kinetics views against OpenCV */
        uint8_t *frames = synthetic(1, 256, 340); lb_video *v = NULL; lb_image_profile p = profile_of(224); lb_video_desc d; float *out = (float *)malloc(3 * 224 * 224 * sizeof(float));
        static const float mean[3] = { 0.485f, 0.456f, 0.406f }, std[3] = { 0.229f, 0.224f, 0.225f };
        memcpy(p.mean, mean, sizeof mean); memcpy(p.std, std, sizeof std); memset(&d, 0, sizeof d); d.frames = 1; d.rule = LB_FRAMES_VIEW;
        REQUIRE(!lb_video_open_array(c, frames, 1, 256, 340, 25, &v), "%s", lb_last_error());
        for (d.crop = 0; d.crop < 3; d.crop++) {
            char key[32]; const float *want; size_t r, x, off = 0; double worst = 0;
            snprintf(key, sizeof key, "view.%d", d.crop); want = golden_f32(&g, key, &n);
            REQUIRE(!lb_video_preprocess(c, v, &p, &d, out), "%s", lb_last_error());
            for (k = 0; k < 3; k++) for (r = 0; r < 45; r++) for (x = 0; x < 45; x++) { double e = fabs((double)out[(k * 224 + 5 * r) * 224 + 5 * x] - want[(k * 45 + r) * 45 + x]); off += e > 2e-5; if (e > worst) worst = e; }
            CHECK(off == 0, "crop %d: %g, %zu of %zu off", d.crop, worst, off, n);
        }
        {   /* and a model's clips in views are normalised so, whatever its own constants are */
            lb_model_desc *m = (lb_model_desc *)calloc(1, sizeof *m); lb_model *model = NULL; float *by_model = (float *)malloc(3 * 224 * 224 * sizeof(float));
            REQUIRE(m && by_model, "out of memory");
            m->towers = m->modalities = 1; strcpy(m->tower[0].name, "video"); m->tower[0].kind = LB_TOWER_VISION; m->tower[0].width = 8; m->tower[0].layers = 1; m->tower[0].heads = 1; m->tower[0].embed_dim = 4; m->tower[0].patch_h = m->tower[0].patch_w = 56; m->tower[0].grid_h = m->tower[0].grid_w = 4;
            strcpy(m->modality[0].name, "video"); strcpy(m->modality[0].tower, "video"); m->modality[0].kind = LB_VIDEO;
            for (k = 0; k < 3; k++) { m->modality[0].mean[k] = 0.4f; m->modality[0].std[k] = 0.3f; }
            REQUIRE(!lb_model_create(c, m, &model), "%s", lb_last_error());
            d.crop = 2; REQUIRE(!lb_video_preprocess(c, v, &p, &d, out) && !lb_prepare_video(c, model, "video", v, &d, by_model), "%s", lb_last_error());
            CHECK(!memcmp(out, by_model, 3 * 224 * 224 * sizeof(float)), "views of a model");
            memset(&d, 0, sizeof d); d.frames = 1; d.rule = LB_FRAMES_RETRIEVAL; p.resize = LB_RESIZE_PIL_BICUBIC;         /* the retrieval evaluation keeps them, and resizes each frame as Pillow does */
            for (k = 0; k < 3; k++) { p.mean[k] = 0.4f; p.std[k] = 0.3f; }
            { lb_image f; memset(&f, 0, sizeof f); f.width = 340; f.height = 256; f.channels = 3; f.bits = 8; f.data = frames; REQUIRE(!lb_image_preprocess(c, &f, &p, out) && !lb_prepare_video(c, model, "video", v, &d, by_model), "%s", lb_last_error()); }
            CHECK(!memcmp(out, by_model, 3 * 224 * 224 * sizeof(float)), "frames of the retrieval evaluation");
            {   /* a frame that is not there stays zero, not black */
                lb__video_pipe pipe; pipe.profile = &p; pipe.desc = d; pipe.desc.frames = 2; pipe.out = out;
                for (k = 0; k < 3 * 2 * 4; k++) out[k] = 7;
                p.width = p.height = 2; CHECK(!lb__take_tensor(&pipe, c, 1, NULL), "%s", lb_last_error());
                for (k = 0; k < 3 * 2 * 4; k++) CHECK(out[k] == (k / 4 % 2 ? 0.0f : 7.0f), "number %zu is %g", k, (double)out[k]);
            }
            lb_model_free(model); free(m); free(by_model);
        }
        lb_video_free(v); free(frames); free(out);
    }
    golden_close(&g); lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, bt709_and_alpha_plane) {
    golden g; lb_ctx *c = new_ctx(); lb_video *v = NULL, *a = NULL; size_t ids[2] = { 0, 1 }, k; lb_image out[2], other[2]; golden_array want;
    REQUIRE(golden_open("video", &g), "no golden file");
    want = golden_get(&g, "y4m.444.bt709");
    REQUIRE(!lb_video_open(c, V "444.y4m", &v) && !lb_video_open(c, V "444alpha.y4m", &a), "%s", lb_last_error());
    REQUIRE(!lb_video_frames(c, v, ids, 2, out) && !lb_video_frames(c, a, ids, 2, other), "%s", lb_last_error());
    for (k = 0; k < 2; k++) { CHECK(!memcmp(out[k].data, other[k].data, 36 * 28 * 3), "the alpha plane changes nothing"); lb_image_free(&out[k]); lb_image_free(&other[k]); }
    lb_video_set_matrix(v, LB_MATRIX_BT709);
    REQUIRE(!lb_video_frames(c, v, ids, 2, out), "%s", lb_last_error());
    for (k = 0; k < 2; k++) { int d = biggest((const uint8_t *)out[k].data, (const uint8_t *)want.data + k * 36 * 28 * 3, 36 * 28 * 3, NULL); CHECK(d <= 1, "frame %zu: %d levels", k, d); lb_image_free(&out[k]); }
    lb_video_free(v); lb_video_free(a); golden_close(&g); lb_ctx_free(c);
}
LBT(video, folders_lists_and_what_was_saved) {
    static const char *const names[] = { "frame10.png", "frame9.png", "frame1.png" }; static const uint8_t order[] = { 1, 9, 10 };
    lb_ctx *c = new_ctx(); lb_image img[3], out[8]; lb_video *v = NULL; lb_video_info info; size_t i, k, ids[8] = { 0, 1, 2, 0, 0, 0, 0, 0 }; char path[256]; const char *dir = "build/tests/frames.tmp"; char *list[3];
    static const char *const kinds[] = { "mp4", "mov", "avi", "y4m" };
    mkdir("build", 0777); mkdir("build/tests", 0777); mkdir(dir, 0777);
    for (i = 0; i < 3; i++) {
        memset(&img[i], 0, sizeof img[i]); img[i].width = 40; img[i].height = 24; img[i].channels = 3; img[i].bits = 8; img[i].data = malloc(40 * 24 * 3);
        for (k = 0; k < 40 * 24 * 3; k++) ((uint8_t *)img[i].data)[k] = (uint8_t)(atoi(names[i] + 5) + k % 3 * 40 + k / 120 * 3);
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        REQUIRE(!lb_image_save(c, &img[i], path, 0), "%s", lb_last_error());
    }
    snprintf(path, sizeof path, "%s/notes.txt", dir); { FILE *f = fopen(path, "w"); if (f) { fputs("not a frame", f); fclose(f); } }
    REQUIRE(!lb_video_open(c, dir, &v), "%s", lb_last_error());
    lb_video_get_info(v, &info);
    CHECK(info.frames == 3 && info.width == 40 && info.height == 24, "%zu frames of %zu x %zu", info.frames, info.width, info.height);
    REQUIRE(!lb_video_frames(c, v, ids, 3, out), "%s", lb_last_error());
    for (i = 0; i < 3; i++) { CHECK(((uint8_t *)out[i].data)[0] == order[i], "place %zu: frame %d", i, ((uint8_t *)out[i].data)[0]); lb_image_free(&out[i]); }
    lb_video_free(v);
    for (i = 0; i < 3; i++) { list[i] = (char *)malloc(300); snprintf(list[i], 300, "%s/%s", dir, names[i]); }
    REQUIRE(!lb_video_open_list(c, (const char *const *)list, 3, &v), "%s", lb_last_error());
    REQUIRE(!lb_video_frames(c, v, ids, 3, out), "%s", lb_last_error());
    for (i = 0; i < 3; i++) { CHECK(!memcmp(out[i].data, img[i].data, 40 * 24 * 3), "the order given"); lb_image_free(&out[i]); }
    lb_video_free(v);
    remove(list[1]);
    REQUIRE(!lb_video_open_list(c, (const char *const *)list, 3, &v), "%s", lb_last_error());
    CHECK(lb_video_frames(c, v, ids, 3, out) == LB_ERR_IO && strstr(lb_last_error(), "frame9.png") && !out[0].data, "%s", lb_last_error());
    lb_video_free(v);
    for (k = 0; k < 4; k++) {
        char f[64]; int d = 0; double mean;
        snprintf(f, sizeof f, "build/tests/saved.%s", kinds[k]);
        REQUIRE(!lb_video_save(c, img, 3, 12.5, f, 95), "%s", lb_last_error());
        REQUIRE(!lb_video_open(c, f, &v), "%s", lb_last_error());
        lb_video_get_info(v, &info);
        CHECK(info.frames == 3 && info.width == 40 && info.height == 24 && fabs(info.fps - 12.5) < 1e-6, "%s: %zu frames, %g fps", f, info.frames, info.fps);
        REQUIRE(!lb_video_frames(c, v, ids, 3, out), "%s", lb_last_error());
        for (i = 0; i < 3; i++) { d = biggest((uint8_t *)out[i].data, (uint8_t *)img[i].data, 40 * 24 * 3, &mean); CHECK(d <= 8 && mean < 1.2, "%s frame %zu: %d levels, mean %g", f, i, d, mean); lb_image_free(&out[i]); }
        lb_video_free(v); remove(f);
    }
    CHECK(lb_video_save(c, img, 3, 12.5, "build/tests/saved.mkv", 0) == LB_ERR_ARG, "%s", lb_last_error());
    for (i = 0; i < 3; i++) { remove(list[i]); free(list[i]); free(img[i].data); }
    remove(path); rmdir(dir);
    CHECK(lb_video_open(c, "build/tests", &v) == LB_ERR_FORMAT && strstr(lb_last_error(), "no images"), "%s", lb_last_error());
    lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, every_allocation_of_frames_may_fail) {
    lb_ctx *c = new_ctx(); size_t i; long n, before;
    static float x[3 * 8 * 24 * 24];
    for (i = 0; i < LB__COUNT(every_clip); i++) {
        char path[256]; lb_video *v = NULL; lb_status s = LB_ERR_MEM; lb_image_profile p = profile_of(24);
        snprintf(path, sizeof path, V "%s", every_clip[i]);
        REQUIRE(!lb_video_open(c, path, &v), "%s", lb_last_error());
        before = live;
        for (n = 0; n < 2000 && s; n++) {
            fail_after = n; s = lb_video_preprocess(c, v, &p, NULL, x); fail_after = LONG_MAX;
            CHECK(s == LB_OK || s == LB_ERR_MEM, "%s: %s", path, lb_last_error());
            CHECK(live == before, "%s, allocation %ld failing: %ld blocks were not freed", path, n, live - before);
        }
        CHECK(!s, "%s never succeeded", path);
        lb_video_free(v);
    }
    lb_ctx_free(c);
}

/* ---- what is saved ---- */

LBT(video, saved_images_and_sounds_come_back) {
    lb_ctx *c = new_ctx(); int ch, bits; size_t i, n; const char *p = "build/tests/saved.png"; uint32_t x = 7;
    mkdir("build", 0777); mkdir("build/tests", 0777);
    for (ch = 1; ch <= 4; ch++) for (bits = 8; bits <= 16; bits += 8) {
        static const size_t sizes[][2] = { { 1, 1 }, { 7, 3 }, { 301, 203 }, { 2, 700 } }; size_t k;
        for (k = 0; k < LB__COUNT(sizes); k++) {
            lb_image a, b; memset(&a, 0, sizeof a);
            a.width = sizes[k][0]; a.height = sizes[k][1]; a.channels = ch; a.bits = bits; n = a.width * a.height * (size_t)ch; a.data = malloc(n * (size_t)bits / 8);
            for (i = 0; i < n; i++) { unsigned v = (unsigned)(i * 37 / (size_t)ch); x = x * 1664525u + 1013904223u; if (ch & 1) v += x >> 28; if (bits == 8) ((uint8_t *)a.data)[i] = (uint8_t)v; else ((uint16_t *)a.data)[i] = (uint16_t)v; }
            REQUIRE(!lb_image_save(c, &a, p, 0) && !lb_image_load(c, p, &b), "%s", lb_last_error());
            CHECK(b.width == a.width && b.height == a.height && b.channels == ch && b.bits == bits && !memcmp(a.data, b.data, n * (size_t)bits / 8), "%zu x %zu, %d channels of %d bits", a.width, a.height, ch, bits);
            lb_image_free(&b); free(a.data);
        }
    }
    remove(p); p = "build/tests/saved.jpg";
    for (ch = 1; ch <= 3; ch += 2) {
        static const int quality[] = { 100, 92, 75, 30 }; double last = 0; size_t k;
        for (k = 0; k < 4; k++) {
            lb_image a, b; double mean; memset(&a, 0, sizeof a);
            a.width = 61; a.height = 43; a.channels = ch; a.bits = 8; n = 61 * 43 * (size_t)ch; a.data = malloc(n);
            for (i = 0; i < n; i++) ((uint8_t *)a.data)[i] = (uint8_t)(128 + 90 * sin((double)(i / (size_t)ch % 61) * 0.15 + (double)(i % (size_t)ch)) * cos((double)(i / (size_t)ch / 61) * 0.11));
            REQUIRE(!lb_image_save(c, &a, p, quality[k]) && !lb_image_load(c, p, &b), "%s", lb_last_error());
            CHECK(b.width == 61 && b.height == 43 && b.channels == ch, "%d channels", b.channels);
            biggest((uint8_t *)a.data, (uint8_t *)b.data, n, &mean);
            CHECK(mean < (k == 0 ? 0.7 : k == 1 ? 1.1 : k == 2 ? 2.2 : 4.5) && mean >= last * 0.9, "quality %d: mean %g", quality[k], mean);
            last = mean; lb_image_free(&b); free(a.data);
        }
    }
    remove(p); p = "build/tests/saved.wav";
    {
        float s[300]; lb_audio a, b; memset(&a, 0, sizeof a);
        for (i = 0; i < 300; i++) s[i] = (float)((int)(i * 7919 % 65536) - 32768) / 32768.0f;
        s[0] = 2; s[1] = -2;
        a.rate = 22050; a.channels = 2; a.frames = 150; a.data = s;
        REQUIRE(!lb_audio_save(c, &a, p) && !lb_audio_load(c, p, &b), "%s", lb_last_error());
        CHECK(b.rate == 22050 && b.channels == 2 && b.frames == 150 && b.data[0] == 32767.0f / 32768 && b.data[1] == -1 && !memcmp(b.data + 2, s + 2, 298 * sizeof(float)), "%zu samples at %d", b.frames, b.rate);
        lb_audio_free(&b);
    }
    remove(p);
    { lb_image a; memset(&a, 0, sizeof a); CHECK(lb_image_save(c, &a, "build/tests/none.png", 0) == LB_ERR_ARG, "an empty image"); }
    lb_ctx_free(c);
    CHECK(live == 0, "%ld blocks were not freed", live);
}
LBT(video, every_allocation_of_saving_may_fail) {
    static const char *const names[] = { "build/tests/f.png", "build/tests/f.jpg", "build/tests/f.mp4", "build/tests/f.avi", "build/tests/f.y4m" }; static uint8_t px[2][48 * 32 * 3]; lb_ctx *c = new_ctx(); lb_image im[2]; size_t i; long n, before = live; lb__bytes f;
    memset(im, 0, sizeof im);
    for (i = 0; i < 2; i++) { im[i].width = 48; im[i].height = 32; im[i].channels = 3; im[i].bits = 8; im[i].data = px[i]; }
    for (i = 0; i < LB__COUNT(names); i++) {
        lb_status s = LB_ERR_MEM;
        remove(names[i]);
        for (n = 0; n < 500 && s; n++) {
            fail_after = n; s = i < 2 ? lb_image_save(c, &im[0], names[i], 0) : lb_video_save(c, im, 2, 10, names[i], 0); fail_after = LONG_MAX;
            CHECK(s == LB_OK || s == LB_ERR_MEM, "%s: %s", names[i], lb_last_error());
            CHECK(live == before, "%s, allocation %ld failing: %ld blocks were not freed", names[i], n, live - before);
            if (s) CHECK(lb__bytes_open(names[i], &f) == LB_ERR_IO, "%s is there after a failure", names[i]);
        }
        CHECK(!s, "%s never succeeded", names[i]);
        remove(names[i]);
    }
    lb_ctx_free(c);
}
