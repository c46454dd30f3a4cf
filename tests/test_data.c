/* Section 14.1: manifests, class folders, VIDAL's JSON, title cleaning, caption draws. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
static long allocations = -1;                      /* < 0: no limit */
static int may_allocate(void) { if (allocations < 0) return 1; if (!allocations) return 0; allocations--; return 1; }
#include <stdlib.h>
#define LB_MALLOC(n) (may_allocate() ? malloc(n) : NULL)
#define LB_REALLOC(p, n) (may_allocate() ? realloc(p, n) : NULL)
#define LB_FREE free
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#define LB_NO_AUDIO
#define LB_NO_VIDEO
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"

static lb_ctx *ctx(void) { static lb_ctx *c; if (!c) lb_ctx_new(NULL, &c); return c; }
static const char *file(const char *name, const char *text) {
    static char path[256]; FILE *f;
    snprintf(path, sizeof path, "build/tests/%s", name);
    f = fopen(path, "wb"); if (f) { fwrite(text, 1, strlen(text), f); fclose(f); }
    return path;
}

LBT(data, titles_as_upstream_cleans_them) {
    golden g; golden_array raw, ro, clean, co; size_t i; const int32_t *a, *b;
    REQUIRE(golden_open("titles", &g), "golden");
    raw = golden_get(&g, "raw"); ro = golden_get(&g, "raw_offset"); clean = golden_get(&g, "clean"); co = golden_get(&g, "clean_offset");
    REQUIRE(raw.data && ro.data && clean.data && co.data, "arrays");
    a = (const int32_t *)ro.data; b = (const int32_t *)co.data;
    for (i = 0; i + 1 < ro.count; i++) {
        char in[2048], out[4104], want[2048]; size_t n = (size_t)(a[i + 1] - a[i]), w = (size_t)(b[i + 1] - b[i]);
        memcpy(in, (const char *)raw.data + a[i], n); in[n] = 0;
        memcpy(want, (const char *)clean.data + b[i], w); want[w] = 0;
        CHECK(lb_clean_title(in, out, sizeof out) == w && !strcmp(out, want), "[%s] -> [%s] instead of [%s]", in, out, want);
    }
    CHECK(i >= 500, "%zu titles", i);
    golden_close(&g);
}
LBT(data, tsv) {
    lb_manifest m; const lb_item *it;
    REQUIRE(!lb_manifest_load(ctx(), file("m.tsv", "\xef\xbb\xbf" "caption\tfile\tnote\tgroup\tcaption\tsplit\r\na cat\tx/1.jpg\tn\tcat\ta small cat\ttrain\r\n\nrain\t/abs/2.wav\t\t\t\ttest\n"), NULL, &m), "%s", lb_last_error());
    REQUIRE(m.count == 2, "%zu items", m.count);
    it = m.items;
    CHECK(!strcmp(it->file, "build/tests/x/1.jpg") && !strcmp(it->modality, "image") && it->n_captions == 2 && !strcmp(it->captions[1].text, "a small cat") && !strcmp(it->group, "cat") && !strcmp(it->split, "train") && it->line == 2, "%s %s", it->file, it->modality);
    it++;
    CHECK(!strcmp(it->file, "/abs/2.wav") && !strcmp(it->modality, "audio") && it->n_captions == 1 && !it->group && it->line == 4, "%s line %zu", it->file, it->line);
    lb_manifest_free(&m);
}
/* null says no more than a field that is not there; items of one .json have the lines on which they begin. */
LBT(data, json_items) {
    lb_manifest m;
    REQUIRE(!lb_manifest_load(ctx(), file("n.json", "[\n {\"file\":\"a.jpg\",\"captions\":null,\"caption\":\"a cat\",\"group\":null},\n\n {\"file\":\"b.wav\",\n  \"caption\":null, \"captions\":[\"rain\", \"wet\"]} ]"), NULL, &m), "%s", lb_last_error());
    CHECK(m.count == 2 && m.items[0].n_captions == 1 && !m.items[0].group && m.items[0].line == 2 && m.items[1].n_captions == 2 && m.items[1].line == 4, "%zu items, lines %zu and %zu", m.count, m.items[0].line, m.items[1].line);
    lb_manifest_free(&m);
    CHECK(lb_manifest_load(ctx(), file("n.json", "[{\"file\":\"a.jpg\",\"captions\":null,\"caption\":null}]"), NULL, &m) == LB_ERR_FORMAT && strstr(lb_last_error(), "line 1: no caption"), "%s", lb_last_error());
}
LBT(data, faults_name_file_and_line) {
    static const char *const bad[][3] = {
        { "b.tsv", "", "holds no item" }, { "b.tsv", "file\tcaption\n", "holds no item" }, { "b.tsv", "a\tb\n1\t2\n", "line 1 must name" }, { "b.tsv", "file\tcaption\n1.jpg\n", "line 2 has 1 columns" },
        { "b.tsv", "file\tfile\tcaption\n", "stands twice" }, { "b.tsv", "file\tcaption\n1.jpg\t\n", "line 2: no caption" }, { "b.tsv", "file\tcaption\n1.jpg\ta\n2.jpg\t\n", "line 3: no caption" },
        { "b.tsv", "file\tcaption\n\ta\n", "name is empty" }, { "b.tsv", "file\tcaption\nfoo.xyz\ta\n", "modality" }, { "b.jsonl", "{\"file\":\"a.jpg\",\"caption\":\"\\u0000\"}\n", "without" },
        { "b.jsonl", "{\"file\":\"a.jpg\",\"caption\":\"x\"}\n{\"file\":3}\n", "line 2" }, { "b.jsonl", "{\"file\":\"a.jpg\",\"caption\":\"x\"}\nnonsense\n", "line 2" }, { "b.jsonl", "{\"file\":\"a.jpg\",\"captions\":\"x\"}\n", "an array was expected" },
        { "b.jsonl", "{\"file\":\"a.jpg\",\"caption\":\"\"}\n", "line 1: no caption" }, { "b.jsonl", "{\"file\":\"a.jpg\",\"captions\":[\" \\t\"]}\n", "line 1: no caption" }, { "b.tsv", "file\tcaption\n1.jpg\t  \n", "line 2: no caption" }, { "b.json", "[{\"file\":\"a.jpg\",\n\"captions\":[\"\",\"x\"]},\n{\"file\":\"b.jpg\",\"captions\":[\"\",\"\"]}]", "line 3: no caption" },
        { "b.json", "3", "VIDAL" }, { "b.json", "{\"id\":{}}", "folder" }, { "b.json", "{\"id\":{\"folder\":\"f\"}}", "no caption" }, { "b.json", "[1]", "an object" } };
    size_t i; lb_manifest m;
    for (i = 0; i < LB__COUNT(bad); i++) {
        lb_status s = lb_manifest_load(ctx(), file(bad[i][0], bad[i][1]), NULL, &m);
        CHECK(s == LB_ERR_FORMAT && strstr(lb_last_error(), bad[i][2]) && strstr(lb_last_error(), bad[i][0]) && !m.items, "case %zu: %d %s", i, (int)s, lb_last_error());
    }
    CHECK(lb_manifest_load(ctx(), "build/tests/none.tsv", NULL, &m) == LB_ERR_IO, "%s", lb_last_error());
    { FILE *f = fopen("build/tests/b.tsv", "wb"); REQUIRE(f, "cannot write"); fwrite("file\tmodality\tcaption\nx\t\0\ta\n", 1, 27, f); fclose(f); }
    CHECK(lb_manifest_load(ctx(), "build/tests/b.tsv", NULL, &m) == LB_ERR_FORMAT && strstr(lb_last_error(), "line 2 holds a zero byte") && !m.items, "%s", lb_last_error());
}
static const char vidal[] = "{\"abc\": {\"folder\": \"f0\", \"mplug\": \"m\", \"polish_mplug\": \"p\", \"ofa\": [\" a\",\" b\",\" c\",\" d\",\" e\",\" f\",\" g\",\" h\"], \"sound_mplug\": \"s\", \"raw\": \"Lion! #shorts #lion\"},"
                            " \"def\": {\"folder\": \"new_1\", \"mplug\": \"m2\"}}";
LBT(data, vidal_paths_texts_and_weights) {
    lb_manifest m; lb_manifest_desc d; size_t i, drawn[12], k;
    memset(&d, 0, sizeof d);
    REQUIRE(!lb_manifest_load(ctx(), file("v.json", vidal), &d, &m), "%s", lb_last_error());
    REQUIRE(m.count == 2 && m.items[0].n_captions == 12 && m.items[1].n_captions == 1, "%zu", m.count);
    CHECK(!strcmp(m.items[0].file, "build/tests/f0_resize256_skip15/abc.mp4") && !strcmp(m.items[1].file, "build/tests/new_download_resize256_skip15/def.mp4"), "%s", m.items[0].file);
    CHECK(!strcmp(m.items[0].captions[0].text, "lion!, lion"), "%s", m.items[0].captions[0].text);
    CHECK(m.items[0].captions[11].frame == 7 && !strcmp(m.items[0].captions[11].text, " h"), "frame %d", m.items[0].captions[11].frame);
    memset(drawn, 0, sizeof drawn);
    for (i = 0; i < 40000; i++) drawn[lb_item_draw(&m.items[0], 1, i) - m.items[0].captions]++;
    for (k = 0; k < 12; k++) { double want = k < 4 ? 8000 : 1000; CHECK(fabs((double)drawn[k] - want) < 5 * sqrt(want), "caption %zu drawn %zu times", k, drawn[k]); }
    lb_manifest_free(&m);
    d.modality = "depth"; d.text_type = "polish_mplug"; d.root = "/data";
    REQUIRE(lb_manifest_load(ctx(), file("v.json", vidal), &d, &m) == LB_ERR_FORMAT && strstr(lb_last_error(), "no caption"), "def has no polished caption: %s", lb_last_error());
    d.text_type = "mplug";
    REQUIRE(!lb_manifest_load(ctx(), file("v.json", vidal), &d, &m), "%s", lb_last_error());
    CHECK(!strcmp(m.items[0].file, "/data/f0/abc_depth_f8glpn_folder/{}.png") && m.items[0].frames == 8, "%s", m.items[0].file);
    lb_manifest_free(&m);
    d.modality = "image";
    REQUIRE(!lb_manifest_load(ctx(), file("v.json", vidal), &d, &m), "%s", lb_last_error());
    CHECK(!strcmp(m.items[0].file, "/data/f0_resize256_skip15/abc_resize256_folder/{}.jpg") && !strcmp(m.items[1].file, "/data/new_download_resize256_skip15/def_resize256_folder/{}.jpg") && m.items[1].frames == 8, "%s", m.items[0].file);
    lb_manifest_free(&m);
    d.modality = "video"; d.root = NULL; mkdir("build/tests/f0_resize256_skip15", 0777); mkdir("build/tests/f0_resize256_skip15/abc_resize256_folder", 0777);      /* frames beside a clip stand for it */
    REQUIRE(!lb_manifest_load(ctx(), file("v.json", vidal), &d, &m), "%s", lb_last_error());
    CHECK(!strcmp(m.items[0].file, "build/tests/f0_resize256_skip15/abc_resize256_folder") && !m.items[0].frames && !strcmp(m.items[1].file, "build/tests/new_download_resize256_skip15/def.mp4"), "%s", m.items[0].file);
    lb_manifest_free(&m); rmdir("build/tests/f0_resize256_skip15/abc_resize256_folder");
}
/* Of a clip's eight stills the last ones may be missing; where none is there, or one before the last, all are expected and their reader names the first it misses. */
LBT(data, vidal_stills_up_to_the_last_that_is_there) {
    static const struct { const char *there; int frames; } round[] = { { "", 8 }, { "0", 1 }, { "1", 2 }, { "7", 8 } }; static const char *const of[][3] = { { "depth", "f0/abc_depth_f8glpn_folder", "png" }, { "thermal", "f0/abc_thermal_folder", "jpg" }, { "image", "f0_resize256_skip15/abc_resize256_folder", "jpg" } };
    lb_manifest m; lb_manifest_desc d; size_t i, k; char path[256];
    memset(&d, 0, sizeof d); d.text_type = "mplug"; mkdir("build/tests/f0", 0777); mkdir("build/tests/f0_resize256_skip15", 0777);
    for (k = 0; k < LB__COUNT(of); k++) {
        snprintf(path, sizeof path, "build/tests/%s", of[k][1]); mkdir(path, 0777); d.modality = of[k][0];
        for (i = 0; i < 8; i++) { snprintf(path, sizeof path, "build/tests/%s/%zu.%s", of[k][1], i, of[k][2]); remove(path); }
        for (i = 0; i < LB__COUNT(round); i++) {
            snprintf(path, sizeof path, "%s/%s.%s", of[k][1], round[i].there, of[k][2]);
            if (*round[i].there) file(path, "");
            REQUIRE(!lb_manifest_load(ctx(), file("v.json", vidal), &d, &m), "%s", lb_last_error());
            CHECK(m.items[0].frames == round[i].frames && strstr(m.items[0].file, "/{}.") && m.items[1].frames == 8, "%s, still %s: %d of them, %d were expected", of[k][0], round[i].there, m.items[0].frames, round[i].frames);
            lb_manifest_free(&m);
        }
        for (i = 0; i < 8; i++) { snprintf(path, sizeof path, "build/tests/%s/%zu.%s", of[k][1], i, of[k][2]); remove(path); }
        snprintf(path, sizeof path, "build/tests/%s", of[k][1]); rmdir(path);
    }
}
LBT(data, folders_are_classes) {
    lb_manifest m; lb_manifest_desc d; memset(&d, 0, sizeof d);
    mkdir("build/tests/classes", 0777); mkdir("build/tests/classes/big_dog", 0777); mkdir("build/tests/classes/cat", 0777);
    file("classes/readme.txt", "x"); file("classes/big_dog/b.png", ""); file("classes/big_dog/a.png", ""); file("classes/cat/c.jpg", ""); file("classes/cat/Thumbs.db", "");
    REQUIRE(!lb_manifest_load(ctx(), "build/tests/classes", NULL, &m), "%s", lb_last_error());
    REQUIRE(m.count == 3, "%zu", m.count);
    CHECK(!strcmp(m.items[0].file, "build/tests/classes/big_dog/a.png") && !strcmp(m.items[0].captions[0].text, "a photo of a big dog.") && !strcmp(m.items[0].group, "big_dog"), "%s %s", m.items[0].file, m.items[0].captions[0].text);
    lb_manifest_free(&m);
}
LBT(data, out_of_memory_anywhere_is_an_error) {
    long n; int k; lb_manifest m; static const char *const names[] = { "v.json", "m.tsv", "j.jsonl" };
    file("v.json", vidal); file("m.tsv", "file\tcaption\na.jpg\tx\n"); file("j.jsonl", "{\"file\":\"a.jpg\",\"caption\":\"x\"}\n"); ctx();
    for (k = 0; k < 4; k++) for (n = 0; ; n++) {
        char path[64]; lb_status s;
        snprintf(path, sizeof path, "build/tests/%s", k < 3 ? names[k] : "classes");
        allocations = n; s = lb_manifest_load(ctx(), path, NULL, &m); allocations = -1;
        if (!s) { lb_manifest_free(&m); break; }
        CHECK(s == LB_ERR_MEM && !m.items, "%ld: %s", n, lb_last_error());
        if (n > 1000) { CHECK(0, "does not end"); break; }
    }
}
