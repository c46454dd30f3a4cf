/* Section 14.8: batches of a manifest's files: the same for any threads and any cache, broken files, frozen texts, positives; learning from them;
 * and out of memory anywhere in reading, a training step or a checkpoint. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include "tests/failing_malloc.h"
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"
#include <time.h>

static lb_ctx *ctx_with(int threads) { lb_ctx_desc d; lb_ctx *c = NULL; memset(&d, 0, sizeof d); d.threads = threads; lb_ctx_new(&d, &c); return c; }

/* 64 real pictures: tiles of two photographs, as files; `shift` moves every tile, `negative` turns its colours round. */
enum { TILES = 64, SIDE = 32 };
static int tiles(lb_ctx *c, const char *folder, int shift, int negative) {
    static const char *const photo[] = { "examples/photos/cat.jpg", "examples/photos/coffee.jpg" }; int p, i, k; char path[256];
    mkdir(folder, 0777);
    for (p = 0; p < 2; p++) {
        lb_image img, tile; uint8_t pixel[SIDE * SIDE * 3];
        memset(&img, 0, sizeof img); memset(&tile, 0, sizeof tile);
        if (lb_image_load(c, photo[p], &img)) return 0;
        tile.width = tile.height = SIDE; tile.channels = 3; tile.bits = 8; tile.orientation = 1; tile.data = pixel;
        for (i = 0; i < TILES / 2; i++) {
            const size_t x0 = (size_t)(i % 8) * ((img.width - 40) / 8) + (size_t)(shift % 3), y0 = (size_t)(i / 8) * ((img.height - 40) / 4) + (size_t)(shift / 3); size_t y, x;
            for (y = 0; y < SIDE; y++) for (x = 0; x < SIDE; x++) for (k = 0; k < 3; k++) {
                const uint8_t v = ((const uint8_t *)img.data)[((y0 + y) * img.width + x0 + x) * (size_t)img.channels + (size_t)(img.channels == 3 ? k : 0)];
                pixel[(y * SIDE + x) * 3 + (size_t)k] = negative ? (uint8_t)(255 - v) : v;
            }
            snprintf(path, sizeof path, "%s/%d-%d-%02d.png", folder, negative, shift, p * TILES / 2 + i);
            if (lb_image_save(c, &tile, path, 0)) return 0;
        }
        lb_image_free(&img);
    }
    return 1;
}
static void words(int i, char *out) {
    static const char *const thing[] = { "cat", "cup" }, *const row[] = { "first", "second", "third", "fourth" }, *const column[] = { "red", "green", "blue", "white", "black", "yellow", "grey", "brown" };
    sprintf(out, "a %s piece of the %s in the %s row", column[i % 8], thing[i / 32], row[i / 8 % 4]);
}
/* A manifest of tiles: shifts [from, to) in split `split`, appended to f. */
static void rows(FILE *f, int from, int to, int negative, const char *split) {
    int s, i; char text[128];
    for (s = from; s < to; s++) for (i = 0; i < TILES; i++) { words(i, text); fprintf(f, "%d-%d-%02d.png\timage\t%s\t%s\t%d\t%s\n", negative, s, i, text, "some other words", i % 8, split); }
}
static const char head[] = "file\tmodality\tcaption\tcaption\tgroup\tsplit\n";
static lb_model *tiny(lb_ctx *c, int width, int layers, uint64_t seed) {
    lb_model_desc d; lb_tokenizer *t = NULL; lb_model *m = NULL; static char text[TILES + 1][128]; const char *p[TILES + 1]; int i;
    for (i = 0; i < TILES; i++) { words(i, text[i]); p[i] = text[i]; }
    p[TILES] = "some other words";
    if (lb_tokenizer_train(c, LB_CLEAN_OPEN_CLIP, p, NULL, TILES + 1, 700, 2, &t)) return NULL;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 2; d.seed = seed; d.merges = lb_tokenizer_merges(t, &d.merge_count);
    strcpy(d.tower[0].name, "vision"); d.tower[0].kind = LB_TOWER_VISION; d.tower[0].width = width; d.tower[0].layers = layers; d.tower[0].heads = 2; d.tower[0].embed_dim = 32; d.tower[0].patch_h = d.tower[0].patch_w = 8; d.tower[0].grid_h = d.tower[0].grid_w = 4;
    strcpy(d.tower[1].name, "text"); d.tower[1].kind = LB_TOWER_TEXT; d.tower[1].width = width; d.tower[1].layers = layers; d.tower[1].heads = 2; d.tower[1].embed_dim = 32; d.tower[1].context = 24; d.tower[1].vocab = (int)lb_tokenizer_vocab(t);
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE; d.modality[0].resize = LB_RESIZE_PIL_BICUBIC;
    for (i = 0; i < 3; i++) { d.modality[0].mean[i] = 0.5f; d.modality[0].std[i] = 0.25f; }
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    lb_model_create(c, &d, &m);
    lb_tokenizer_free(t);
    return m;
}
static const char *manifest_file(void) {
    static const char path[] = "build/tests/tiles/all.tsv"; static int made; FILE *f; lb_ctx *c;
    if (made) return path;
    c = ctx_with(1);
    if (!tiles(c, "build/tests/tiles", 0, 0)) printf("  tiles: %s\n", lb_last_error());
    lb_ctx_free(c);
    f = fopen(path, "w"); if (f) { fputs(head, f); rows(f, 0, 1, 0, "train"); fclose(f); }
    made = 1;
    return path;
}
static int same_batch(const lb_batch *a, const lb_batch *b, size_t per) {
    return a->n == b->n && a->length == b->length && !memcmp(a->x, b->x, a->n * per * sizeof(float)) && (!a->ids || !memcmp(a->ids, b->ids, a->n * a->length * sizeof *a->ids)) && (!a->group || !memcmp(a->group, b->group, a->n * sizeof *a->group));
}

/* Empty: vectors that another kernel set had kept there would be read. */
static void fresh_folder(const char *folder) {
    lb__dir dir; char path[256]; size_t i;
    mkdir(folder, 0777);
    if (!lb__dir_list(folder, &dir)) { for (i = 0; i < dir.count; i++) { snprintf(path, sizeof path, "%s/%s", folder, dir.names[i]); remove(path); } lb__release(dir.names); }
}
LBT(feed, neither_threads_nor_cache_nor_the_way_there_change_a_bit) {
    lb_ctx *c1 = ctx_with(1), *c3 = ctx_with(3); lb_model *m = tiny(c1, 32, 1, 1); lb_manifest man; lb_feed_desc d; lb_feed *a = NULL, *b = NULL; lb_batch x, y; size_t per, i, k; int mode; char ia[LB_DATA_SIZE], ib[LB_DATA_SIZE]; unsigned char seen[TILES];
    REQUIRE(m && !lb_manifest_load(c1, manifest_file(), NULL, &man), "%s", lb_last_error());
    per = lb_modality_floats(lb_model_modality(m, "image"));
    for (mode = 0; mode < 3; mode++) {
        memset(&d, 0, sizeof d); d.batch = 12; d.seed = 7; d.flip = mode > 0; d.crop = mode == 2 ? 0.3 : 0; d.grey = mode == 2 ? 0.5 : 0; d.positives = mode == 1;
        REQUIRE(!lb_feed_new(c1, m, &man, &d, &a), "%s", lb_last_error());
        d.cache = mode == 1 ? 20 * SIDE * SIDE * 3 : (size_t)1 << 30;                         /* mode 1: room for a third */
        REQUIRE(!lb_feed_new(c3, m, &man, &d, &b), "%s", lb_last_error());
        lb_feed_identity(a, ia); lb_feed_identity(b, ib); CHECK(!strcmp(ia, ib) && strstr(ia, " items 64 data ") && strlen(strstr(ia, "data ")) == 69, "%s %s", ia, ib);
        CHECK(lb_feed_steps(a) == 5 && lb_feed_count(a) == TILES, "%zu batches", lb_feed_steps(a));
        for (k = 0; k < 15; k++) { REQUIRE(!lb_feed_batch(c1, a, k, &x) && !lb_feed_batch(c3, b, k, &y), "%s", lb_last_error()); CHECK(same_batch(&x, &y, per), "mode %d, step %zu", mode, k); }
        REQUIRE(!lb_feed_batch(c3, b, 3, &y) && !lb_feed_batch(c1, a, 3, &x), "%s", lb_last_error());     /* back again, from the cache */
        CHECK(same_batch(&x, &y, per), "mode %d: going back", mode);
        if (mode == 0) {                                                                      /* an epoch sees no item twice, and the next another order */
            memset(seen, 0, sizeof seen);
            for (k = 0; k < 5; k++) { REQUIRE(!lb_feed_batch(c1, a, k, &x), "%s", lb_last_error()); for (i = 0; i < x.n; i++) { const lb_item *it = lb_feed_item(a, i, NULL); CHECK(!seen[it - man.items], "twice"); seen[it - man.items] = 1; } }
            REQUIRE(!lb_feed_batch(c1, a, 0, &x) && !lb_feed_batch(c3, b, 5, &y), "%s", lb_last_error()); CHECK(!same_batch(&x, &y, per), "every epoch has the same order");
            CHECK(b->kept_bytes == TILES * per, "bytes stand for floats: %zu", b->kept_bytes);
        }
        lb_feed_free(a); lb_feed_free(b); a = b = NULL;
    }
    memset(&d, 0, sizeof d); d.batch = 12; d.no_shuffle = 1; d.keep_rest = 1;
    REQUIRE(!lb_feed_new(c1, m, &man, &d, &a), "%s", lb_last_error());
    CHECK(lb_feed_steps(a) == 6 && !lb_feed_batch(c1, a, 5, &x) && x.n == 4 && lb_feed_item(a, 0, NULL) == &man.items[60], "the rest of an epoch: %zu", x.n);
    CHECK(!lb_feed_batch(c1, a, 6, &x) && lb_feed_item(a, 1, NULL) == &man.items[1], "the order of the manifest");
    { const lb_caption *cap = man.items[0].captions; CHECK(!lb_feed_item(a, x.n, &cap) && !cap && !lb_feed_item(a, (size_t)-1, NULL), "a pair that is not there"); }
    lb_feed_free(a); lb_manifest_free(&man); lb_model_free(m); lb_ctx_free(c1); lb_ctx_free(c3);
}
LBT(feed, grey_is_luma_and_comes_as_often_as_asked) {
    lb_ctx *c = ctx_with(1); lb_model *m = tiny(c, 32, 1, 1); lb_manifest man; lb_feed_desc d; lb_feed *a = NULL, *b = NULL, *half = NULL; lb_batch x, y, z; size_t per, plane, i, k, p, grey = 0, all = 0; const lb_modality_desc *im; char ia[LB_DATA_SIZE], ib[LB_DATA_SIZE];
    REQUIRE(m && !lb_manifest_load(c, manifest_file(), NULL, &man), "%s", lb_last_error());
    im = lb_model_modality(m, "image"); per = lb_modality_floats(im); plane = per / 3;
    memset(&d, 0, sizeof d); d.batch = 12; d.seed = 7;
    REQUIRE(!lb_feed_new(c, m, &man, &d, &a), "%s", lb_last_error());
    d.grey = 1; REQUIRE(!lb_feed_new(c, m, &man, &d, &b), "%s", lb_last_error());
    d.grey = 0.5; REQUIRE(!lb_feed_new(c, m, &man, &d, &half), "%s", lb_last_error());
    lb_feed_identity(a, ia); lb_feed_identity(b, ib); CHECK(strcmp(ia, ib), "grey pictures are other data");
    for (k = 0; k < 5; k++) {
        REQUIRE(!lb_feed_batch(c, a, k, &x) && !lb_feed_batch(c, b, k, &y) && !lb_feed_batch(c, half, k, &z), "%s", lb_last_error());
        for (i = 0; i < x.n; i++) {
            const float *in = x.x + i * per, *out = y.x + i * per; double worst = 0;
            for (p = 0; p < plane; p++) {
                const double v = 0.299 * (in[p] * im->std[0] + im->mean[0]) + 0.587 * (in[plane + p] * im->std[1] + im->mean[1]) + 0.114 * (in[2 * plane + p] * im->std[2] + im->mean[2]); int q;
                for (q = 0; q < 3; q++) { const double off = fabs(out[(size_t)q * plane + p] * im->std[q] + im->mean[q] - v); if (off > worst) worst = off; }
            }
            CHECK(worst < 1e-6, "luma is %g off", worst);
            all++;
            if (!memcmp(z.x + i * per, out, per * sizeof(float))) grey++; else CHECK(!memcmp(z.x + i * per, in, per * sizeof(float)), "neither grey nor as it was");
        }
    }
    CHECK(grey > all / 4 && grey < all * 3 / 4, "%zu of %zu are grey", grey, all);
    lb_feed_free(a); lb_feed_free(b); lb_feed_free(half); a = NULL;
    d.grey = 1.5; CHECK(lb_feed_new(c, m, &man, &d, &a) == LB_ERR_ARG && !a && strstr(lb_last_error(), "0 to 1"), "%s", lb_last_error());
    d.grey = 0.5; d.modality = "text"; CHECK(lb_feed_new(c, m, &man, &d, &a) == LB_ERR_ARG && !a && strstr(lb_last_error(), "modality text"), "%s", lb_last_error());
    lb_manifest_free(&man); lb_model_free(m); lb_ctx_free(c);
}
LBT(feed, negatives_are_texts_of_other_items) {
    lb_ctx *c = ctx_with(1), *c3 = ctx_with(3); lb_model *m = tiny(c, 32, 1, 1); lb_manifest man; lb_feed_desc d; lb_feed *a = NULL, *b = NULL; lb_batch x, y; size_t i, j, k, dim, known; lb_train_desc t; lb_trainer *r = NULL; lb_train_stats s; double with, without; float first = 0;
    REQUIRE(m && !lb_manifest_load(c, manifest_file(), NULL, &man), "%s", lb_last_error());
    dim = lb_model_dim(m); memset(&d, 0, sizeof d); d.batch = 12; d.seed = 7; d.text_vectors = 1; d.negatives = 8;
    REQUIRE(!lb_feed_new(c, m, &man, &d, &a) && !lb_feed_new(c3, m, &man, &d, &b), "%s", lb_last_error());
    for (k = 0; k < 6; k++) {
        REQUIRE(!lb_feed_batch(c, a, k, &x) && !lb_feed_batch(c3, b, k, &y), "%s", lb_last_error());
        CHECK(x.negatives == 8 && y.negatives == 8 && !memcmp(x.negative, y.negative, 8 * dim * sizeof(float)), "step %zu: %zu and %zu", k, x.negatives, y.negatives);
        CHECK(!k || x.negative[0] != first, "every step has the same ones");
        first = x.negative[0];
        for (i = 0; i < x.negatives; i++) {
            const float *v = x.negative + i * dim;
            for (j = 0; j < i; j++) CHECK(memcmp(v, x.negative + j * dim, dim * sizeof *v) != 0, "%zu and %zu are one", i, j);
            for (known = j = 0; j < a->texts; j++) known += !memcmp(v, a->vectors + j * dim, dim * sizeof *v);
            CHECK(known == 1, "%zu is no text of the data", i);
            for (j = 0; j < x.n; j++) { const lb_item *it = lb_feed_item(a, j, NULL); size_t q; for (q = 0; q < it->n_captions; q++) { float own[64]; REQUIRE(dim <= 64 && !lb_embed_text(c, m, &it->captions[q].text, 1, own), "%s", lb_last_error()); CHECK(memcmp(v, own, dim * sizeof *v) != 0, "%zu is a caption of pair %zu", i, j); } }
        }
    }
    memset(&t, 0, sizeof t); t.freeze_text = 1; t.lr = 1e-2; t.seed = 1;
    REQUIRE(!lb_trainer_new(c, m, &t, &r) && !lb_trainer_loss(c, r, &x, &with), "%s", lb_last_error());
    y = x; y.negatives = 0; REQUIRE(!lb_trainer_loss(c, r, &y, &without), "%s", lb_last_error());
    CHECK(with > without + 0.1, "loss %g beside negatives, %g without", with, without);
    for (k = 0; k < 30; k++) REQUIRE(!lb_feed_batch(c, a, k, &x) && !lb_trainer_step(c, r, &x, &s), "%s", lb_last_error());
    CHECK(s.loss < with, "loss %g at first, %g after 30 steps", with, s.loss);
    {   /* in pieces: the gradient of the whole batch, negatives and all */
        lb_trainer *u = NULL; size_t o; double whole, pieces, worst = 0;
        t.micro_batch = 5; REQUIRE(!lb_trainer_new(c, m, &t, &u), "%s", lb_last_error());
        t.micro_batch = 0; lb_trainer_free(r); r = NULL; REQUIRE(!lb_trainer_new(c, m, &t, &r) && !lb__train_pass(c, r, &x, 1, &whole) && !lb__train_pass(c, u, &x, 1, &pieces), "%s", lb_last_error());
        CHECK(fabs(whole - pieces) < 1e-6 * whole, "loss %.9g whole, %.9g in pieces", whole, pieces);
        for (o = 0; o < r->slots; o++) { const float *p = r->slot[o].p->t.grad, *q = u->slot[o].p->t.grad; double e = 0, n = 0; for (i = 0; i < r->slot[o].n; i++) { e += (double)(p[i] - q[i]) * (p[i] - q[i]); n += (double)p[i] * p[i]; } if (sqrt(e / (n + 1e-20)) > worst) worst = sqrt(e / (n + 1e-20)); }
        CHECK(worst < 1e-6, "gradients in pieces differ by %g", worst);
        lb_trainer_free(u);
    }
    lb_feed_free(b); b = NULL; fresh_folder("build/tests/negatives"); d.text_folder = "build/tests/negatives";        /* from a file of vectors: the same ones */
    REQUIRE(!lb_feed_new(c, m, &man, &d, &b) && !lb_feed_batch(c, b, 29, &y) && !lb_feed_batch(c, a, 29, &x), "%s", lb_last_error());
    CHECK(y.negatives == x.negatives && !memcmp(y.negative, x.negative, x.negatives * dim * sizeof(float)), "from a file: other negatives");
    d.text_folder = NULL;
    x.negative = NULL; CHECK(lb_trainer_step(c, r, &x, &s) == LB_ERR_ARG && strstr(lb_last_error(), "without their vectors"), "%s", lb_last_error());
    lb_feed_free(b); b = NULL; d.text_vectors = 0;
    CHECK(lb_feed_new(c, m, &man, &d, &b) == LB_ERR_ARG && !b && strstr(lb_last_error(), "frozen text"), "%s", lb_last_error());
    lb_trainer_free(r); lb_feed_free(a); lb_manifest_free(&man); lb_model_free(m); lb_ctx_free(c); lb_ctx_free(c3);
}
static char told[512]; static int tells;
static void tell(void *user, const lb_item *it, const char *why) { (void)user; (void)it; tells++; snprintf(told, sizeof told, "%s", why); }
LBT(feed, broken_files_are_left_out_up_to_a_number) {
    lb_ctx *c = ctx_with(2); lb_model *m = tiny(c, 32, 1, 1); lb_manifest man; lb_feed_desc d; lb_feed *l = NULL; lb_batch b; FILE *f; size_t k; int round;
    manifest_file();
    f = fopen("build/tests/tiles/bad.tsv", "w"); fputs(head, f); fputs("nowhere.png\timage\tx\ty\t\ttrain\nall.tsv\timage\tx\ty\t\ttrain\n", f); rows(f, 0, 1, 0, "train"); fclose(f);
    REQUIRE(m && !lb_manifest_load(c, "build/tests/tiles/bad.tsv", NULL, &man), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.batch = 8; d.no_shuffle = 1; d.report = tell;
    CHECK(lb_feed_new(c, m, &man, &d, &l) == LB_ERR_IO && !l && strstr(lb_last_error(), "line 2") && strstr(lb_last_error(), "nowhere.png") && !tells, "%s", lb_last_error());
    d.max_bad = 1;
    REQUIRE(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error()); CHECK(tells == 1 && strstr(told, "nowhere.png"), "%s", told);
    CHECK(lb_feed_batch(c, l, 0, &b) == LB_ERR_FORMAT && strstr(lb_last_error(), "line 3") && strstr(lb_last_error(), "all.tsv"), "%s", lb_last_error());
    lb_feed_free(l); d.max_bad = 2; tells = 0;
    REQUIRE(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error());
    for (round = 0; round < 2; round++) for (k = 0; k < 8; k++) { REQUIRE(!lb_feed_batch(c, l, k + (size_t)round * 8, &b), "%s", lb_last_error()); CHECK(b.n == (k ? 8u : 7u), "step %zu has %zu pairs", k, b.n); }
    CHECK(tells == 2, "each was told of once, not %d times", tells);
    CHECK(!lb_feed_batch(c, l, 0, &b) && lb_feed_item(l, 0, NULL) == &man.items[2], "the pairs that are left stand in order");
    lb_feed_free(l); l = NULL;
    d.split = "test"; CHECK(lb_feed_new(c, m, &man, &d, &l) == LB_ERR_ARG && !l, "%s", lb_last_error());
    d.split = "!train"; CHECK(lb_feed_new(c, m, &man, &d, &l) == LB_ERR_ARG && !l, "%s", lb_last_error());
    d.split = NULL; d.segments = 1; CHECK(lb_feed_new(c, m, &man, &d, &l) == LB_ERR_ARG && !l, "%s", lb_last_error());
    lb_manifest_free(&man); lb_model_free(m); lb_ctx_free(c);
}
/* Items that a caller made: what they lack is named by their place; a broken file that was alone in its batch is an error; weights do not reach into the
 * name of the data. */
LBT(feed, items_of_a_caller) {
    lb_ctx *c = ctx_with(1); lb_model *m = tiny(c, 32, 1, 1); lb_caption words[2] = { { "a cat", NULL, 0.333333f, -1 }, { "a dog", NULL, 1, -1 } }; lb_item it[2]; lb_manifest man; lb_feed_desc d; lb_feed *l = NULL; lb_batch b; char id[LB_DATA_SIZE]; int i; FILE *f;
    static const char *const says[] = { "item 1: the item has no modality", "line 9: the item has no modality", "item 1: it has no file", "has no caption", "has a caption that is NULL" };
    mkdir("build/tests/tiles", 0777); f = fopen("build/tests/tiles/one.ppm", "wb"); REQUIRE(m && f, "%s", lb_last_error()); fputs("P6\n1 1\n255\nabc", f); fclose(f);
    memset(&man, 0, sizeof man); memset(&d, 0, sizeof d);
    for (i = -1; i < 5; i++) {
        memset(it, 0, sizeof it); it[0].file = it[1].file = "build/tests/tiles/one.ppm"; it[0].modality = it[1].modality = "image"; it[0].captions = &words[0]; it[1].captions = &words[1]; it[0].n_captions = it[1].n_captions = 1; man.items = it; man.count = 2; words[1].text = "a dog";
        if (i == 0 || i == 1) it[1].modality = NULL;
        if (i == 1) it[1].line = 9;
        if (i == 2) it[1].file = NULL;
        if (i == 3) it[1].captions = NULL;
        if (i == 4) words[1].text = NULL;
        if (i >= 0) { CHECK(lb_feed_new(c, m, &man, &d, &l) == LB_ERR_ARG && !l && strstr(lb_last_error(), says[i]), "%d: %s", i, lb_last_error()); continue; }
        REQUIRE(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error());
        lb_feed_identity(l, id); CHECK(!strncmp(id, "batch 2 rest 0", 14), "%s", id);
        lb_feed_free(l); l = NULL;
        words[1].weight = 0.025f; REQUIRE(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error());
        lb_feed_identity(l, id); CHECK(!strncmp(id, "batch 2 rest 0", 14), "the last weight has many digits: %s", id);
        lb_feed_free(l); l = NULL;
    }
    words[1].text = "a dog"; man.count = 1; d.max_bad = 1; f = fopen("build/tests/tiles/one.ppm", "wb"); fputs("broken", f); fclose(f);
    REQUIRE(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error());
    CHECK(lb_feed_batch(c, l, 0, &b) == LB_ERR_FORMAT && strstr(lb_last_error(), "0 of the 1 files"), "%zu pairs: %s", b.n, lb_last_error());
    lb_feed_free(l); remove("build/tests/tiles/one.ppm"); lb_model_free(m); lb_ctx_free(c);
}
LBT(feed, frozen_texts_are_embedded_once_and_kept_by_hash) {
    lb_ctx *c = ctx_with(2); lb_model *m = tiny(c, 32, 1, 1), *other = tiny(c, 32, 1, 2), *base = NULL, *adapted = NULL, *from; lb_manifest man; lb_feed_desc d; lb_feed *l = NULL; lb_trainer *t = NULL; lb_train_desc run; lb_batch b; float v[32], first[32]; const lb_caption *q; int round; lb__dir dir; char path[256]; FILE *f;
    REQUIRE(m && other && !lb_manifest_load(c, manifest_file(), NULL, &man), "%s", lb_last_error());
    REQUIRE(!lb_model_save(c, m, LB_F32, "build/tests/texts-base.lbw") && !lb_model_open(c, "build/tests/texts-base.lbw", &base), "%s", lb_last_error());
    memset(&d, 0, sizeof d); memset(&run, 0, sizeof run); run.lr = 1e-2;                   /* an adapter that brings another text tower */
    REQUIRE(!lb_feed_new(c, base, &man, &d, &l) && !lb_feed_batch(c, l, 0, &b) && !lb_trainer_new(c, base, &run, &t) && !lb_trainer_step(c, t, &b, NULL), "%s", lb_last_error());
    REQUIRE(!lb_trainer_adapter(c, t, "build/tests/texts-adapter.lbw") && !lb_model_adapt(c, base, "build/tests/texts-adapter.lbw", &adapted), "%s", lb_last_error());
    lb_feed_free(l); l = NULL; lb_trainer_free(t);
    fresh_folder("build/tests/texts");
    memset(&d, 0, sizeof d); d.batch = 16; d.text_vectors = 1;
    for (round = 0; round < 7; round++) {                     /* in memory; written; read; read after damage; another tower; one from a file, and with an adapter over it */
        d.text_folder = round ? "build/tests/texts" : NULL; from = round == 6 ? adapted : round == 5 ? base : round == 4 ? other : m;
        REQUIRE(!lb_feed_new(c, from, &man, &d, &l), "%s", lb_last_error());
        REQUIRE(!lb_feed_batch(c, l, 2, &b) && b.text && !b.ids, "%s", lb_last_error());
        lb_feed_item(l, 5, &q);
        REQUIRE(!lb_embed_text(c, from, &q->text, 1, v), "%s", lb_last_error());
        CHECK(!memcmp(v, b.text + 5 * 32, sizeof v), "round %d: not the caption's vector", round);
        if (round == 0) memcpy(first, v, sizeof v);
        CHECK((memcmp(first, v, sizeof v) == 0) == (round != 4 && round != 6), "round %d", round);
        CHECK(l->texts == TILES + 1, "%zu texts differ", l->texts);
        lb_feed_free(l);
        if (round == 1) { REQUIRE(!lb__dir_list("build/tests/texts", &dir) && dir.count == 1, "one file"); snprintf(path, sizeof path, "build/tests/texts/%s", dir.names[0]); lb__release(dir.names); }
        if (round == 2) { f = fopen(path, "r+b"); fseek(f, -100, SEEK_END); fputc('x', f); fputc('y', f); fclose(f); }
    }
    {   /* another kernel set rounds otherwise and keeps a file of its own */
        const lb__kernels *own = c->kernels; lb__kernels other_set = *own;
        other_set.name = "another"; c->kernels = &other_set;
        CHECK(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error()); lb_feed_free(l); c->kernels = own;
    }
    REQUIRE(!lb__dir_list("build/tests/texts", &dir), "folder"); CHECK(dir.count == 5, "%zu files", dir.count); lb__release(dir.names);
    lb_manifest_free(&man); lb_model_free(adapted); lb_model_free(base); lb_model_free(m); lb_model_free(other); lb_ctx_free(c);
}
/* Pictures without captions: what stands for their texts is the teacher's vector of each; of texts, the teacher's vector of the caption. */
static double found(lb_ctx *c, lb_feed *l, const lb_model *m) {           /* of the inputs of four batches of 16: the nearest vector is their own */
    lb_batch b; float v[16 * 32]; size_t i, j, k, n = 0, step; double right = 0;
    for (step = 0; step < 4; step++) {
        if (lb_feed_batch(c, l, step, &b) || (b.x ? lb_embed_tensor(c, m, "image", b.x, b.n, v) : lb_embed_tokens(c, m, b.pair, b.n, b.length, v))) return -9;
        for (i = 0; i < b.n; i++, n++) {
            double best = -9, own = 0, s;
            for (j = 0; j < b.n; j++) { for (s = 0, k = 0; k < 32; k++) s += (double)v[i * 32 + k] * b.text[j * 32 + k]; if (j == i) own = s; else best = LB__MAX(best, s); }
            right += own > best;
        }
    }
    return right / (double)n;
}
/* 160 steps, after which far more of the teacher's vectors are found than before; b is the last batch. */
static lb_trainer *learns(lb_ctx *c, lb_feed *l, const lb_model *student, const lb_train_desc *run, lb_batch *b, const char *what) {
    lb_trainer *t = NULL; double before, after; size_t i;
    if (lb_trainer_new(c, student, run, &t)) return NULL;
    before = found(c, l, lb_trainer_model(t));
    for (i = 0; i < 160; i++) if (lb_feed_batch(c, l, i, b) || lb_trainer_step(c, t, b, NULL)) { lb_trainer_free(t); return NULL; }
    after = found(c, l, lb_trainer_model(t));
    CHECK(after > 0.35 && before < 0.2, "%s: %.3f found before, %.3f after", what, before, after);
    printf("  %s: %.3f of the teacher's vectors found before, %.3f after\n", what, before, after);
    return t;
}
LBT(feed, a_teacher_stands_for_the_texts) {
    lb_ctx *c = ctx_with(2); lb_model *teacher = tiny(c, 64, 2, 2), *student = tiny(c, 32, 1, 1); lb_manifest man; lb_manifest_desc md; lb_feed_desc d; lb_feed *l = NULL; lb_batch b; lb_train_desc run; lb_trainer *t; lb_image img; float v[32], other[32], kept[16 * 32]; size_t i, k; int round; const lb_caption *q; char id[LB_DATA_SIZE]; FILE *f;
    fresh_folder("build/tests/pictures"); fresh_folder("build/tests/texts");
    REQUIRE(teacher && student && tiles(c, "build/tests/pictures", 0, 0), "%s", lb_last_error());
    memset(&md, 0, sizeof md); memset(&d, 0, sizeof d);
    CHECK(lb_manifest_load(c, "build/tests/pictures", &md, &man) == LB_ERR_FORMAT, "files without captions");
    md.uncaptioned = 1; REQUIRE(!lb_manifest_load(c, "build/tests/pictures", &md, &man), "%s", lb_last_error());
    CHECK(man.count == TILES && !man.items[5].n_captions && !lb_item_draw(&man.items[5], 1, 1), "%zu items", man.count);
    CHECK(lb_feed_new(c, student, &man, &d, &l) == LB_ERR_ARG && strstr(lb_last_error(), "has no caption"), "%s", lb_last_error());
    d.teacher = teacher; d.batch = 16; d.seed = 3; d.negatives = 20;
    for (round = 0; round < 3; round++) {                     /* in memory, written, read */
        d.text_folder = round ? "build/tests/texts" : NULL;
        REQUIRE(!lb_feed_new(c, student, &man, &d, &l) && !lb_feed_batch(c, l, 1, &b), "%s", lb_last_error());
        CHECK(b.n == 16 && b.x && b.text && !b.ids && !b.pair && b.negatives == 20 && l->texts == TILES, "%zu pairs, %zu negatives, %zu vectors", b.n, b.negatives, l->texts);
        for (i = 0; i < b.n && !round; i++) {
            const lb_item *it = lb_feed_item(l, i, &q);
            memset(&img, 0, sizeof img); REQUIRE(!lb_image_load(c, it->file, &img) && !lb_embed_image(c, teacher, &img, 1, v) && !lb_embed_image(c, student, &img, 1, other), "%s", lb_last_error()); lb_image_free(&img);
            CHECK(!q && !memcmp(v, b.text + i * 32, sizeof v) && memcmp(v, other, sizeof v), "%s: not the teacher's vector", it->file);
            for (k = 0; k < b.negatives; k++) CHECK(memcmp(v, b.negative + k * 32, sizeof v), "its own vector is a negative");
        }
        if (round) CHECK(!memcmp(kept, b.text, sizeof kept), "round %d: other vectors", round); else memcpy(kept, b.text, sizeof kept);
        lb_feed_free(l); l = NULL;
    }
    d.text_folder = NULL; d.negatives = 0;
    REQUIRE(!lb_feed_new(c, student, &man, &d, &l), "%s", lb_last_error());
    memset(&run, 0, sizeof run); run.lr = 3e-3; run.freeze_text = 1; run.data = id; lb_feed_identity(l, id);
    CHECK(strstr(id, " teacher "), "%s", id);
    t = learns(c, l, student, &run, &b, "pictures"); REQUIRE(t, "%s", lb_last_error());
    lb_trainer_free(t); lb_feed_free(l); l = NULL;
    f = fopen(man.items[7].file, "wb"); REQUIRE(f, "file"); fputs("broken", f); fclose(f);          /* a picture that the teacher cannot read */
    CHECK(lb_feed_new(c, student, &man, &d, &l) != LB_OK && !l && strstr(lb_last_error(), man.items[7].file), "%s", lb_last_error());
    d.max_bad = 1; REQUIRE(!lb_feed_new(c, student, &man, &d, &l), "%s", lb_last_error());
    for (i = k = 0; i < lb_feed_steps(l); i++) { REQUIRE(!lb_feed_batch(c, l, i, &b), "%s", lb_last_error()); k += b.n; }
    CHECK(k == TILES - 1, "%zu pictures", k);
    lb_feed_free(l); l = NULL; lb_manifest_free(&man);

    REQUIRE(!lb_manifest_load(c, manifest_file(), NULL, &man), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.modality = "text"; d.teacher = teacher; d.batch = 16;
    REQUIRE(!lb_feed_new(c, student, &man, &d, &l) && !lb_feed_batch(c, l, 0, &b), "%s", lb_last_error());
    CHECK(!b.x && !b.ids && b.pair && b.text && b.length, "texts as ids, and vectors");
    for (i = 0; i < b.n; i++) {
        lb_feed_item(l, i, &q);
        REQUIRE(q && !lb_embed_text(c, teacher, &q->text, 1, v) && !lb_embed_text(c, student, &q->text, 1, other), "%s", lb_last_error());
        CHECK(!memcmp(v, b.text + i * 32, sizeof v), "%s: not the teacher's vector", q->text);
        REQUIRE(!lb_embed_tokens(c, student, b.pair + i * b.length, 1, b.length, v), "%s", lb_last_error());
        CHECK(!memcmp(v, other, sizeof v), "%s: not its ids", q->text);
    }
    memset(&run, 0, sizeof run); run.modality = "text"; run.lr = 3e-3; run.bf16 = 1;
    t = learns(c, l, student, &run, &b, "texts"); REQUIRE(t, "%s", lb_last_error());
    CHECK(c->first && !c->first->next, "one piece of memory");
    {   int32_t *ids = (int32_t *)(uintptr_t)b.pair; const int32_t was = ids[3]; ids[3] = 1 << 20; CHECK(lb_trainer_step(c, t, &b, NULL) == LB_ERR_ARG && strstr(lb_last_error(), "token id 1048576"), "%s", lb_last_error()); ids[3] = was; }
    b.ids = b.pair; CHECK(lb_trainer_step(c, t, &b, NULL) == LB_ERR_ARG && strstr(lb_last_error(), "token ids or vectors"), "%s", lb_last_error());
    lb_trainer_free(t); lb_feed_free(l); lb_manifest_free(&man); lb_model_free(teacher); lb_model_free(student); lb_ctx_free(c);
}
/* A caption of one frame shows that frame; one of the whole clip any of them. */
LBT(feed, a_caption_of_a_frame_selects_it) {
    enum { ITEMS = 16, FRAMES = 8 }; lb_ctx *c = ctx_with(1); lb_model *m = tiny(c, 32, 1, 1); lb_caption q[FRAMES + 1]; lb_item it[ITEMS]; lb_manifest man; lb_feed_desc d; lb_feed *l = NULL; lb_batch b; size_t i, k, seen[FRAMES] = { 0 }, own = 0, per = 3 * SIDE * SIDE; char path[64], text[FRAMES + 1][128]; static uint8_t grey[SIDE * SIDE * 3]; lb_image im;
    manifest_file(); memset(&im, 0, sizeof im); im.width = im.height = SIDE; im.channels = 3; im.bits = 8; im.data = grey;
    for (k = 0; k < FRAMES; k++) { memset(grey, (int)(30 * k), sizeof grey); snprintf(path, sizeof path, "build/tests/tiles/frame%d.png", (int)k); REQUIRE(!lb_image_save(c, &im, path, 0), "%s", lb_last_error()); }
    memset(q, 0, sizeof q); memset(it, 0, sizeof it); memset(&man, 0, sizeof man);
    for (k = 0; k <= FRAMES; k++) { words((int)k, text[k]); q[k].text = text[k]; q[k].weight = k < FRAMES ? 1 : FRAMES; q[k].frame = k < FRAMES ? (int)k : -1; }
    for (i = 0; i < ITEMS; i++) { it[i].file = "build/tests/tiles/frame{}.png"; it[i].modality = "image"; it[i].captions = q; it[i].n_captions = FRAMES + 1; it[i].frames = FRAMES; it[i].line = i + 1; }
    man.items = it; man.count = ITEMS;
    memset(&d, 0, sizeof d); d.batch = ITEMS; d.seed = 2;
    REQUIRE(m && !lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error());
    for (k = 0; k < 12; k++) {
        REQUIRE(!lb_feed_batch(c, l, k, &b), "%s", lb_last_error());
        for (i = 0; i < b.n; i++) {
            const lb_caption *p; const int frame = (int)lrint((((double)b.x[i * per] * 0.25 + 0.5) * 255) / 30);
            lb_feed_item(l, i, &p);
            if (p->frame >= 0) { own++; CHECK(frame == p->frame, "step %zu: the caption of frame %d shows frame %d", k, p->frame, frame); } else if (frame >= 0 && frame < FRAMES) seen[frame]++;
        }
    }
    for (k = 0; k < FRAMES; k++) CHECK(seen[k], "frame %zu is never seen with the clip's caption", k);
    CHECK(own > 30, "%zu captions of frames", own);
    lb_feed_free(l); lb_model_free(m); lb_ctx_free(c);
}
/* A piece of a clip is the same in all of its frames, another at every visit, and one of the scaled frame where the share is 1; batch by batch, on any
 * number of threads. */
LBT(feed, pieces_of_clips) {
    enum { CLIPS = 12, WIDE = 48, ROUNDS = 15 }; lb_ctx *c = ctx_with(1), *c3 = ctx_with(3); lb_model *base = tiny(c, 32, 1, 1), *m = NULL; lb_caption q[CLIPS]; lb_item it[CLIPS]; lb_manifest man; lb_feed_desc d; lb_feed *a = NULL, *b = NULL; lb_batch x, y; size_t i, k, t, px, py, row, places[WIDE - SIDE + 1], reached; int mode; static uint8_t rgb[WIDE * SIDE * 3]; char path[64], text[CLIPS][128]; lb_image im;
    static const char json[] = "{\"name\":\"video\",\"loader\":\"video\",\"size\":32,\"frames\":2,\"patch\":8,\"from\":\"vision\",\"mean\":[0,0,0],\"std\":[1,1,1]}"; const size_t plane = SIDE * SIDE, per = 3 * 2 * plane;
    REQUIRE(base && !lb_model_extend_json(c, base, json, sizeof json - 1, 1, &m), "%s", lb_last_error());
    memset(&im, 0, sizeof im); im.width = WIDE; im.height = SIDE; im.channels = 3; im.bits = 8; im.data = rgb;
    mkdir("build/tests/tiles", 0777); mkdir("build/tests/tiles/clip", 0777);
    for (t = 0; t < 2; t++) {
        for (py = 0; py < SIDE; py++) for (px = 0; px < 3 * WIDE; px++) rgb[py * 3 * WIDE + px] = (uint8_t)(3 * (px / 3) + 2 * py + 40 * t);
        snprintf(path, sizeof path, "build/tests/tiles/clip/%d.png", (int)t); REQUIRE(!lb_image_save(c, &im, path, 0), "%s", lb_last_error());
    }
    memset(q, 0, sizeof q); memset(it, 0, sizeof it); memset(&man, 0, sizeof man); man.items = it; man.count = CLIPS;
    for (i = 0; i < CLIPS; i++) { words((int)i, text[i]); q[i].text = text[i]; q[i].weight = 1; q[i].frame = -1; it[i].file = "build/tests/tiles/clip"; it[i].modality = "video"; it[i].captions = &q[i]; it[i].n_captions = 1; }
    for (mode = 0; mode < 2; mode++) {
        memset(&d, 0, sizeof d); memset(places, 0, sizeof places); d.modality = "video"; d.batch = CLIPS; d.seed = 5; d.crop = mode ? 0.25 : 1;
        REQUIRE(!lb_feed_new(c, m, &man, &d, &a), "%s", lb_last_error());
        d.cache = (size_t)1 << 30; REQUIRE(!lb_feed_new(c3, m, &man, &d, &b), "%s", lb_last_error());
        CHECK(lb_feed_bytes(b) < 10 * CLIPS * per * sizeof(float), "clips are not kept, but %zu bytes are announced", lb_feed_bytes(b));
        for (k = 0; k < ROUNDS; k++) {
            REQUIRE(!lb_feed_batch(c, a, k, &x) && !lb_feed_batch(c3, b, ROUNDS - 1 - k, &y), "%s", lb_last_error());
            if (k == ROUNDS / 2) CHECK(same_batch(&x, &y, per), "mode %d: another batch on three threads", mode);
            for (i = 0; i < x.n; i++) {
                const float *v = x.x + i * per; double worst = 0, zoom; const double begin = (double)v[0] * 255;
                for (row = 0; row < 3 * plane; row++) { const size_t at = row / plane * 2 * plane + row % plane; worst = LB__MAX(worst, fabs((double)(v[at + plane] - v[at]) * 255 - 40)); }
                CHECK(worst < 1e-3, "mode %d: the frames are cut at different places, by %g", mode, worst);
                zoom = 3 * 7 / ((double)(v[16 * SIDE + 19] - v[16 * SIDE + 12]) * 255);
                if (mode) { CHECK(zoom > 0.99 && zoom < 2.01, "zoom %g", zoom); places[zoom > 1.5]++; continue; }
                px = (size_t)lrint(begin / 3); REQUIRE(px <= WIDE - SIDE, "%g", begin); places[px]++;
                for (py = 0, worst = 0; py < plane; py++) worst = LB__MAX(worst, fabs((double)v[py] * 255 - (double)(3 * (px + py % SIDE) + 2 * (py / SIDE))));
                CHECK(worst < 1e-3, "not a piece of the scaled frame at %zu: %g off", px, worst);
            }
        }
        for (i = reached = 0; i <= WIDE - SIDE; i++) reached += places[i] > 0;
        CHECK(mode ? places[0] > 20 && places[1] > 20 : reached == WIDE - SIDE + 1 && places[0] < 40, "mode %d: %zu places, %zu and %zu pieces at the first two", mode, reached, places[0], places[1]);
        lb_feed_free(a); lb_feed_free(b); a = b = NULL;
    }
    remove("build/tests/tiles/clip/0.png"); remove("build/tests/tiles/clip/1.png"); rmdir("build/tests/tiles/clip");
    lb_model_free(m); lb_model_free(base); lb_ctx_free(c); lb_ctx_free(c3);
}
LBT(feed, positives_are_of_one_group_or_caption) {
    lb_ctx *c = ctx_with(1); lb_model *m = tiny(c, 32, 1, 1); lb_manifest man; lb_feed_desc d; lb_feed *l = NULL; lb_batch b; size_t i, j, k;
    REQUIRE(m && !lb_manifest_load(c, manifest_file(), NULL, &man), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.batch = 24; d.positives = 1; d.seed = 3;
    REQUIRE(!lb_feed_new(c, m, &man, &d, &l), "%s", lb_last_error());
    for (k = 0; k < 4; k++) {
        REQUIRE(!lb_feed_batch(c, l, k, &b) && b.group, "%s", lb_last_error());
        for (i = 0; i < b.n; i++) for (j = 0; j < i; j++) {
            const lb_caption *p, *q; const lb_item *a = lb_feed_item(l, i, &p), *z = lb_feed_item(l, j, &q);
            if (!strcmp(a->group, z->group) || !strcmp(p->text, q->text)) CHECK(b.group[i] == b.group[j], "pairs %zu and %zu are positives", j, i);
        }
    }
    lb_feed_free(l); lb_manifest_free(&man); lb_model_free(m); lb_ctx_free(c);
}

/* Text against text: pairs of an item's captions.  The loss is that of both embeddings, its gradient is that of one tower used twice (against
 * differences along it), training lowers it and leaves every other tower as it was. */
LBT(feed, texts_are_trained_against_their_pairs) {
    lb_ctx *c = ctx_with(2); lb_model *m = tiny(c, 32, 1, 1); lb_manifest man; lb_feed_desc d; lb_train_desc t; lb_feed *l = NULL; lb_trainer *r = NULL; lb_batch b; lb_train_stats s; FILE *f; size_t i, k; double loss, direct, first = 0; float *X, *Y;
    const char *path = "build/tests/texts.jsonl"; static const char *const thing[] = { "red cat", "green cup", "blue tree", "white house", "black dog", "yellow boat" };
    f = fopen(path, "w"); REQUIRE(f, "cannot write");
    for (i = 0; i < 6; i++) fprintf(f, "{\"file\": \"%d\", \"modality\": \"text\", \"captions\": [\"a piece of the %s\", \"the %s in the row\", \"some %s\"]}\n", (int)i, thing[i], thing[i], thing[i]);
    fclose(f);
    REQUIRE(m && !lb_manifest_load(c, path, NULL, &man), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.modality = "text"; d.batch = 6;
    REQUIRE(!lb_feed_new(c, m, &man, &d, &l) && !lb_feed_batch(c, l, 3, &b), "%s", lb_last_error());
    CHECK(b.n == 6 && b.ids && b.pair && !b.x && !b.text, "a batch of pairs of texts");
    for (i = 0; i < b.n; i++) CHECK(memcmp(b.ids + i * b.length, b.pair + i * b.length, b.length * sizeof *b.ids) != 0, "text %zu is its own pair", i);
    memset(&t, 0, sizeof t); t.modality = "text"; t.lr = 1e-2; t.seed = 1; t.weight_decay = -1;
    REQUIRE(!lb_trainer_new(c, m, &t, &r), "%s", lb_last_error());
    for (i = 0; i < r->slots; i++) CHECK(!strncmp(r->slot[i].p->name, "text.", 5) || !strcmp(r->slot[i].p->name, "image.logit_scale"), "%s is trained", r->slot[i].p->name);
    X = (float *)malloc(6 * 32 * sizeof *X); Y = (float *)malloc(6 * 32 * sizeof *Y);
    REQUIRE(!lb_trainer_loss(c, r, &b, &loss) && !lb_embed_tokens(c, m, b.pair, 6, b.length, X) && !lb_embed_tokens(c, m, b.ids, 6, b.length, Y), "%s", lb_last_error());
    REQUIRE(!lb_clip_loss(c, X, Y, 6, 32, log(lb_model_logit_scale(m, "image")), NULL, &direct, NULL, NULL, NULL), "%s", lb_last_error());
    CHECK(fabs(loss - direct) < 1e-5, "loss %.7f, of the embeddings %.7f", loss, direct);
    REQUIRE(!lb__train_pass(c, r, &b, 1, &loss), "%s", lb_last_error());
    for (i = 0; i < r->slots; i++) {
        lb__slot *o = &r->slot[i]; float *p = (float *)o->p->t.data, *keep = (float *)malloc(o->n * sizeof *keep); double square = 0, up, down, h;
        for (k = 0; k < o->n; k++) square += (double)o->p->t.grad[k] * o->p->t.grad[k];
        memcpy(keep, p, o->n * sizeof *keep); h = 2e-3 / sqrt(square + 1e-12);
        for (k = 0; k < o->n; k++) p[k] = keep[k] + (float)h * o->p->t.grad[k];
        REQUIRE(!lb_trainer_loss(c, r, &b, &up), "%s", lb_last_error());
        for (k = 0; k < o->n; k++) p[k] = keep[k] - (float)h * o->p->t.grad[k];
        REQUIRE(!lb_trainer_loss(c, r, &b, &down), "%s", lb_last_error());
        memcpy(p, keep, o->n * sizeof *keep); free(keep);
        CHECK(fabs((up - down) / (2 * h) - square) < 0.02 * square + 2e-6, "%s: difference %g, gradient %g", o->p->name, (up - down) / (2 * h), square);
        memset(o->p->t.grad, 0, o->n * sizeof(float));
    }
    for (k = 0; k < 40; k++) {
        REQUIRE(!lb_feed_batch(c, l, k, &b) && !lb_trainer_step(c, r, &b, &s), "%s", lb_last_error());
        if (!k) first = s.loss;
    }
    CHECK(s.loss < 0.2 * first, "loss %.3f at first, %.3f after 40 steps", first, s.loss);
    lb_trainer_free(r); r = NULL;
    t.freeze_text = 1; CHECK(lb_trainer_new(c, m, &t, &r) == LB_ERR_ARG && strstr(lb_last_error(), "cannot be frozen"), "%s", lb_last_error());
    t.freeze_text = 0; t.mask_ratio = 0.5; CHECK(lb_trainer_new(c, m, &t, &r) == LB_ERR_ARG && strstr(lb_last_error(), "no patches"), "%s", lb_last_error());
    t.mask_ratio = 0; t.mix = 0.5; CHECK(lb_trainer_new(c, m, &t, &r) == LB_ERR_ARG && strstr(lb_last_error(), "cannot be mixed"), "%s", lb_last_error());
    lb_feed_free(l); l = NULL; lb_manifest_free(&man); free(X); free(Y);
    f = fopen(path, "w"); REQUIRE(f, "cannot write");                                    /* pictures and sounds have captions too; their files are not asked for */
    for (i = 0; i < 6; i++) fprintf(f, "{\"file\": \"%d.%s\", \"captions\": [\"a piece of the %s\", \"the %s in the row\"]}\n", (int)i, i & 1 ? "wav" : "png", thing[i], thing[i]);
    fclose(f);
    REQUIRE(!lb_manifest_load(c, path, NULL, &man) && !lb_feed_new(c, m, &man, &d, &l) && !lb_feed_batch(c, l, 0, &b) && b.n == 6 && b.pair, "%s", lb_last_error());
    lb_feed_free(l); lb_manifest_free(&man);
    f = fopen(path, "w"); REQUIRE(f, "cannot write"); fputs("{\"file\": \"0\", \"modality\": \"text\", \"caption\": \"alone\"}\n", f); fclose(f);
    REQUIRE(!lb_manifest_load(c, path, NULL, &man), "%s", lb_last_error());
    CHECK(lb_feed_new(c, m, &man, &d, &l) == LB_ERR_ARG && strstr(lb_last_error(), "line 1") && strstr(lb_last_error(), "at least two"), "%s", lb_last_error());
    lb_manifest_free(&man); remove(path); lb_model_free(m); lb_ctx_free(c);
}

/* Share of pictures of a split whose own caption scores best among all that differ. */
static double recall(lb_ctx *c, const lb_model *m, const lb_manifest *man, const char *split) {
    lb_feed_desc d; lb_feed *l = NULL; size_t k, i, j, right = 0, n = 0, E = lb_model_dim(m); lb_batch b; static char text[TILES][128]; const char *p[TILES]; float *T = (float *)malloc(TILES * E * sizeof *T), *X, S[TILES];
    for (i = 0; i < TILES; i++) { words((int)i, text[i]); p[i] = text[i]; }
    memset(&d, 0, sizeof d); d.split = split; d.no_shuffle = d.keep_rest = 1;
    if (lb_feed_new(c, m, man, &d, &l) || lb_embed_text(c, m, p, TILES, T)) { printf("  %s\n", lb_last_error()); return -1; }
    X = (float *)malloc(32 * E * sizeof *X);
    for (k = 0; k < lb_feed_steps(l); k++) {
        if (lb_feed_batch(c, l, k, &b) || lb_embed_tensor(c, m, "image", b.x, b.n, X)) return -1;
        for (i = 0; i < b.n; i++) {
            size_t own = 0, best = 0;
            while (strcmp(p[own], lb_feed_item(l, i, NULL)->captions[0].text)) own++;
            lb_similarity(c, X + i * E, 1, T, TILES, E, 1, S);
            for (j = 1; j < TILES; j++) if (S[j] > S[best]) best = j;
            right += best == own; n++;
        }
    }
    free(X); free(T); lb_feed_free(l);
    return (double)right / (double)n;
}
static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }               /* of this processor: one thread */
/* Trains until `steps`, and says so. */
static lb_trainer *learn(lb_ctx *c, const lb_model *m, const lb_manifest *man, lb_train_desc *t, const char *split) {
    lb_feed_desc d; lb_feed *l = NULL; lb_trainer *r = NULL; lb_batch b; lb_train_stats s; uint64_t k; double first = 0, t0 = seconds(); char id[LB_DATA_SIZE];
    memset(&d, 0, sizeof d); d.batch = 64; d.seed = 1; d.split = split; d.cache = (size_t)64 << 20;
    if (lb_feed_new(c, m, man, &d, &l)) { printf("  %s\n", lb_last_error()); return NULL; }
    lb_feed_identity(l, id); t->data = id;
    if (lb_trainer_new(c, m, t, &r)) { printf("  %s\n", lb_last_error()); lb_feed_free(l); return NULL; }
    for (k = 0; k < t->steps; k++) {
        if (lb_feed_batch(c, l, k, &b) || lb_trainer_step(c, r, &b, &s)) { printf("  %s\n", lb_last_error()); break; }
        if (!k) first = s.loss;
    }
    printf("  %lu parameters, %lu steps of 64 pairs in %.1f s: loss %.3f at first, %.4f at last\n", (unsigned long)lb_trainer_parameters(r), (unsigned long)k, seconds() - t0, first, s.loss);
    lb_feed_free(l);
    return r;
}
LBT(feed, a_model_from_nothing_learns_64_pictures_and_low_rank_updates_a_new_look) {
    lb_ctx *c = ctx_with(1); lb_model *m = tiny(c, 64, 2, 5), *base = NULL; lb_manifest man; lb_train_desc t; lb_trainer *r; double before, after, known, t0 = seconds(); FILE *f; lb_manifest one; int s;
    f = fopen("build/tests/tiles/one.tsv", "w"); REQUIRE(f, "file"); manifest_file();
    fputs("file\tmodality\tcaption\tnote\tnote\tgroup\tsplit\n", f);                       /* one caption each; the group tells nothing here */
    { int i; char text[128]; for (i = 0; i < TILES; i++) { words(i, text); fprintf(f, "0-0-%02d.png\timage\t%s\t\t\t\ttrain\n", i, text); } } fclose(f);
    REQUIRE(m && !lb_manifest_load(c, "build/tests/tiles/one.tsv", NULL, &one), "%s", lb_last_error());
    memset(&t, 0, sizeof t); t.lr = 2e-3; t.warmup = 10; t.steps = 300; t.weight_decay = 0.01;
    r = learn(c, m, &one, &t, NULL); REQUIRE(r, "run");
    known = recall(c, lb_trainer_model(r), &one, NULL);
    printf("  recall@1 over its 64 pictures: %.1f %%\n", 100 * known);
    CHECK(known == 1 && lb_trainer_parameters(r) < 1000000, "%.3f, %zu parameters", known, lb_trainer_parameters(r));
    CHECK(seconds() - t0 < 60 || getenv("RUN"), "%.1f s", seconds() - t0);                 /* RUN: under an emulator */
    REQUIRE(!lb_model_save(c, lb_trainer_model(r), LB_F32, "build/tests/tiles/base.lbw") && !lb_model_open(c, "build/tests/tiles/base.lbw", &base), "%s", lb_last_error());
    lb_trainer_free(r);
    /* negatives: six positions to learn from, three held out */
    for (s = 0; s < 9; s++) REQUIRE(tiles(c, "build/tests/tiles", s, 1), "%s", lb_last_error());
    f = fopen("build/tests/tiles/negative.tsv", "w"); REQUIRE(f, "file");
    fputs("file\tmodality\tcaption\tnote\tgroup\tsplit\n", f);
    for (s = 0; s < 9; s++) rows(f, s, s + 1, 1, s % 3 == 1 ? "test" : "train");
    fclose(f);
    REQUIRE(!lb_manifest_load(c, "build/tests/tiles/negative.tsv", NULL, &man), "%s", lb_last_error());
    before = recall(c, base, &man, "test");
    memset(&t, 0, sizeof t); t.trainable = LB_TRAIN_LORA; t.lora_rank = 8; t.freeze_text = 1; t.lr = 5e-3; t.warmup = 10; t.steps = 120;
    r = learn(c, base, &man, &t, "train"); REQUIRE(r, "run");
    after = recall(c, lb_trainer_model(r), &man, "test");
    printf("  recall@1 over 192 held-out negatives: %.1f %% before, %.1f %% with updates of rank 8\n", 100 * before, 100 * after);
    CHECK(after > before + 0.2, "%.3f before, %.3f after", before, after);
    lb_trainer_free(r); lb_model_free(base); lb_manifest_free(&man); lb_manifest_free(&one); lb_model_free(m); lb_ctx_free(c);
}

/* ---- out of memory, anywhere ---- */
static lb_manifest walk_man; static int walk_taught;
static lb_status walk_all(lb_ctx *c, const lb_model *m) {
    lb_feed_desc d; lb_train_desc t; lb_feed *l = NULL; lb_trainer *r = NULL; lb_batch b; lb_train_stats st; lb_status s;
    memset(&d, 0, sizeof d); d.batch = 4; d.cache = 1 << 20; d.crop = 0.5; d.text_vectors = 1; d.text_folder = "build/tests/walk"; d.teacher = walk_taught ? m : NULL;                            /* itself */
    memset(&t, 0, sizeof t); t.trainable = LB_TRAIN_LORA; t.lora_rank = 2; t.freeze_text = 1; t.mask_ratio = 0.25; t.mix = 1; t.ema = 0.5; t.micro_batch = 2; t.recompute = 1; t.data = "walk";
    s = lb_feed_new(c, m, &walk_man, &d, &l);
    if (!s) s = lb_trainer_new(c, m, &t, &r);
    if (!s) s = lb_feed_batch(c, l, 0, &b);
    if (!s) s = lb_trainer_step(c, r, &b, &st);
    if (!s) s = lb_trainer_save(c, r, "build/tests/walk/c.lbw");
    if (!s) s = lb_trainer_load(c, r, "build/tests/walk/c.lbw");
    if (!s) s = lb_feed_batch(c, l, 1, &b);
    if (!s) s = lb_trainer_step(c, r, &b, &st);
    lb_trainer_free(r); lb_feed_free(l);
    return s;
}
LBT(feed, out_of_memory_anywhere_in_a_run_is_an_error) {
    lb_ctx *c = ctx_with(1); lb_model *m = tiny(c, 32, 1, 1); long n, refused = 0, live; lb__dir dir; char path[256]; size_t i;
    REQUIRE(m && !lb_manifest_load(c, manifest_file(), NULL, &walk_man), "%s", lb_last_error());
    mkdir("build/tests/walk", 0777);
    for (walk_taught = 0; walk_taught < 2; walk_taught++) for (n = 0; ; n++) {
        lb_status s; lb_ctx *own = ctx_with(1);
        if (!lb__dir_list("build/tests/walk", &dir)) { for (i = 0; i < dir.count; i++) { snprintf(path, sizeof path, "build/tests/walk/%s", dir.names[i]); CHECK(!strstr(path, ".tmp"), "%s was left behind", path); remove(path); } lb__release(dir.names); }
        live = alloc_live; alloc_left = n; s = walk_all(own, m); alloc_left = -1;
        lb_ctx_free(own);
        CHECK(alloc_live == live - 1, "call %ld: %ld pieces of memory were left", n, alloc_live - live + 1);
        if (!s) break;
        refused++;
        CHECK(s == LB_ERR_MEM && strstr(lb_last_error(), "memory"), "call %ld: %d %s", n, (int)s, lb_last_error());
        if (n > 20000) { CHECK(0, "does not end"); break; }
    }
    printf("  %ld places\n", refused);
    CHECK(refused > 400, "%ld", refused);
    lb_manifest_free(&walk_man); lb_model_free(m); lb_ctx_free(c);
}
