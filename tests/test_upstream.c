/* tools/upstream.c: the verdict over known gaps, and the whole way from files to gaps with a random model. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/upstream.c"
#include "tests/lbt.h"

/* Answers that are the table's own; a printed zero is a gap of 110. */
static void perfect(const up_table *t, up_answer *a) {
    size_t k;
    memset(a, 0, t->rows * sizeof *a);
    for (k = 0; k < t->rows; k++) { a[k].have = 1; a[k].gap[0] = a[k].gap[1] = t->row[k].gap == 0 ? 110 : t->row[k].gap; }
}
LBT(upstream, rows_pass_and_fail_one_by_one) {
    size_t q, k, i; up_answer a[UP_ROWS];
    for (q = 0; q < 2; q++) {
        const up_table *t = &up_tables[q];
        perfect(t, a); up_judge(t, a);
        for (k = 0; k < t->rows; k++) CHECK(a[k].pass && !a[k].flip, "%s: row %zu fails on its own value", t->name, k);
        for (k = 0; k < t->rows; k++) {
            const double edge = up_tolerance(&t->row[k]); int side;
            for (side = -1; side <= 1; side += 2) {
                perfect(t, a); a[k].gap[0] = a[k].gap[1] = t->row[k].gap == 0 ? (side < 0 ? 86 : 88) : t->row[k].gap + side * edge * 1.01;
                up_judge(t, a);
                for (i = 0; i < t->rows; i++) CHECK(a[i].pass == (i != k || (t->row[k].gap == 0 && side > 0)), "%s: row %zu, %s", t->name, i, i == k ? "off, passes" : "right, fails");
                perfect(t, a); if (t->row[k].gap != 0) a[k].gap[0] = a[k].gap[1] = t->row[k].gap + side * edge * 0.99;
                up_judge(t, a); CHECK(a[k].pass, "%s: row %zu fails within its tolerance", t->name, k);
            }
        }
        perfect(t, a); for (k = 0; k < t->rows; k++) a[k].gap[0] = a[k].gap[1] = -a[k].gap[0];
        up_judge(t, a);
        for (k = 0; k < t->rows; k++) CHECK(!a[k].pass || t->row[k].gap < 0.051, "%s: row %zu passes with its columns exchanged", t->name, k);
        perfect(t, a); a[3].have = 0; a[3].gap[0] = NAN; up_judge(t, a);
        CHECK(!a[3].pass, "a row that is not there passes");
        perfect(t, a); a[3].gap[0] = a[3].gap[1] = NAN; up_judge(t, a); CHECK(!a[3].pass, "not a number passes");
    }
}
LBT(upstream, each_clip_is_mirrored_or_not_as_a_whole) {
    const up_table *t = &up_tables[0]; up_answer a[UP_ROWS]; size_t k;
    perfect(t, a); a[0].gap[0] = 5; a[10].gap[0] = 5; up_judge(t, a);                    /* clip 0 fits only mirrored */
    for (k = 0; k < t->rows; k++) CHECK(a[k].pass && a[k].flip == (k == 0 || k == 10), "row %zu", k);
    perfect(t, a); a[1].gap[0] = 5; a[11].gap[1] = 5; up_judge(t, a);                    /* no state of clip 1 fits both of its rows */
    CHECK(a[1].pass + a[11].pass == 1 && a[1].flip == a[11].flip && a[0].pass && a[10].pass, "%d %d", a[1].pass, a[11].pass);
}

/* ---- files to gaps ---- */

static const char *const roots[] = { "build/upstream", "build/upstream/assets" };
static lb_status samples(lb_ctx *ctx, const char *root) {
    static uint8_t rgb[3 * 40 * 30]; static uint16_t mm[40 * 30]; static float wave[9000]; char path[128]; lb_image im, frames[3]; lb_audio a; int i, k; lb_status s = LB_OK;
    static const char *const folders[] = { "image", "thermal", "depth", "audio", "video" };
    mkdir("build", 0777); mkdir(roots[0], 0777); mkdir(root, 0777);
    for (k = 0; k < 5; k++) { snprintf(path, sizeof path, "%s/%s", root, folders[k]); mkdir(path, 0777); }
    for (i = 0; i < 2 && !s; i++) {
        for (k = 0; k < 3600; k++) rgb[k] = (uint8_t)(k * (7 + i) % 251);
        for (k = 0; k < 1200; k++) mm[k] = (uint16_t)(500 + k * (3 + i));
        for (k = 0; k < 9000; k++) wave[k] = 0.3f * (float)sin(0.05 * (1 + i) * k);
        memset(&im, 0, sizeof im); im.width = 40; im.height = 30; im.channels = 3; im.bits = 8; im.data = rgb;
        snprintf(path, sizeof path, "%s/image/%d.jpg", root, i); s = lb_image_save(ctx, &im, path, 0);
        snprintf(path, sizeof path, "%s/thermal/%d.jpg", root, i); if (!s) s = lb_image_save(ctx, &im, path, 50);
        frames[0] = frames[1] = frames[2] = im;
        snprintf(path, sizeof path, "%s/video/%d.y4m", root, i); if (!s) s = lb_video_save(ctx, frames, 3, 10, path, 0);
        im.channels = 1; im.bits = 16; im.data = mm;
        snprintf(path, sizeof path, "%s/depth/%d.png", root, i); if (!s) s = lb_image_save(ctx, &im, path, 0);
        memset(&a, 0, sizeof a); a.rate = 16000; a.channels = 1; a.frames = 9000; a.data = wave;
        snprintf(path, sizeof path, "%s/audio/%d.wav", root, i); if (!s) s = lb_audio_save(ctx, &a, path);
    }
    return s;
}
static lb_status random_model(lb_ctx *ctx, const char *path) {
    static const char *const more[] = { "{\"name\":\"video\",\"loader\":\"video\",\"frames\":2,\"height\":32,\"width\":32,\"temporal\":true}", "{\"name\":\"depth\",\"loader\":\"depth\",\"height\":32,\"width\":32}", "{\"name\":\"audio\",\"loader\":\"audio\",\"height\":16,\"length\":48}", "{\"name\":\"thermal\",\"loader\":\"thermal\",\"height\":32,\"width\":32}" };
    lb_model_desc *d = (lb_model_desc *)calloc(1, sizeof *d); lb_tower_desc *v = &d->tower[0], *w = &d->tower[1]; lb_model *m[5] = { NULL }; lb_file *f = NULL; const lb_tensor *merges; int i; lb_status s = lb_file_open(ctx, "weights/clip-bpe.lbw", &f);
    d->towers = d->modalities = 2; d->seed = 11;
    if (!s) { merges = lb_file_tensor(f, "tokenizer.merges"); d->merges = (const uint16_t *)merges->data; d->merge_count = merges->shape[0]; }
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 8; v->layers = 1; v->heads = 2; v->embed_dim = 6; v->patch_h = v->patch_w = 16; v->grid_h = v->grid_w = 2;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 8; w->layers = 1; w->heads = 2; w->embed_dim = 6;
    strcpy(d->modality[0].name, "image"); strcpy(d->modality[0].tower, "vision"); d->modality[0].kind = LB_IMAGE; d->modality[0].resize = LB_RESIZE_TORCH_BICUBIC; d->modality[0].logit_scale = 4;
    strcpy(d->modality[1].name, "text"); strcpy(d->modality[1].tower, "text"); d->modality[1].kind = LB_TEXT;
    if (!s) s = lb_model_create(ctx, d, &m[0]);
    for (i = 0; i < 4 && !s; i++) s = lb_model_extend_json(ctx, m[i], more[i], strlen(more[i]), (uint64_t)i, &m[i + 1]);
    if (!s) s = lb_model_save(ctx, m[4], LB_F16, path);
    for (i = 5; i-- > 0; ) lb_model_free(m[i]);
    lb_file_free(f); free(d);
    return s;
}
/* The command itself, with what it prints in a file. */
static int command(const char *to, const char *a1, const char *a2, const char *a3, const char *a4) {
    const char *argv[8] = { "check-upstream", a1, "-m", a2, a3, a4 }; int argc = a4 ? 6 : a3 ? 5 : 4, keep = dup(1), fd, rc;
    fflush(stdout); fd = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0666); dup2(fd, 1); close(fd);
    rc = cmd_check_upstream(argc, (char **)(uintptr_t)argv);
    fflush(stdout); dup2(keep, 1); close(keep);
    return rc;
}
static int lines_with(const char *path, const char *word) { char line[1024]; int n = 0; FILE *f = fopen(path, "r"); while (f && fgets(line, sizeof line, f)) n += strstr(line, word) != NULL; if (f) fclose(f); return n; }
static const char model_path[] = "build/upstream.lbw";
LBT(upstream, gaps_of_a_random_model) {
    lb_ctx *ctx; upstream u; up_answer a[UP_ROWS]; up_table own = up_tables[0]; const char *paths[1]; size_t k, c; float x[6], y[12]; double d = 0; lb_image im; const lb_model *m;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !samples(ctx, roots[0]) && !random_model(ctx, model_path), "%s", lb_last_error());
    memset(&u, 0, sizeof u); u.ctx = ctx; paths[0] = model_path;
    REQUIRE(!up_find(&u, paths, 1, NULL, &own) && !up_run(&u, roots[0]), "%s", lb_last_error());
    up_gaps(&u, &own, a); up_judge(&own, a);
    for (k = 0; k < own.rows; k++) CHECK(a[k].have && fabs(a[k].gap[0]) < 500 && (a[k].gap[0] != a[k].gap[1]) == (own.row[k].a == 0), "row %zu: %g, %g", k, a[k].gap[0], a[k].gap[1]);
    /* one row by hand: image 1, texts */
    m = u.model[0];
    REQUIRE(!lb_image_load(ctx, "build/upstream/image/1.jpg", &im) && !lb_embed_image(ctx, m, &im, 1, x) && !lb_embed_text(ctx, m, up_texts, 2, y), "%s", lb_last_error());
    for (c = 0; c < 6; c++) d += (double)x[c] * ((double)y[6 + c] - (double)y[c]);
    CHECK(fabs(a[3].gap[0] - d * lb_model_logit_scale(m, "image")) < 1e-5, "%g, %g was expected", a[3].gap[0], d * lb_model_logit_scale(m, "image"));
    lb_image_free(&im);
    for (k = 0; k < own.rows; k++) own.row[k].gap = a[k].gap[k == 0];                   /* measured against itself every row passes; clip 0 mirrored */
    own.row[10].gap = a[10].gap[1];
    up_judge(&own, a);
    for (k = 0; k < own.rows; k++) CHECK(a[k].pass, "row %zu fails against itself", k);
    up_free(&u);
    CHECK(command("build/upstream.txt", roots[0], model_path, NULL, NULL) == 1, "a random model passed");
    CHECK(lines_with("build/upstream.txt", "FAIL") + lines_with("build/upstream.txt", "  pass") == 16 && lines_with("build/upstream.txt", "FAIL") >= 12 && lines_with("build/upstream.txt", "passed,") == 1, "%d rows fail", lines_with("build/upstream.txt", "FAIL"));
    CHECK(command("build/upstream.txt", roots[0], model_path, "--json", "--table=previous") == 1 && lines_with("build/upstream.txt", "\"result\": ") == 10 && lines_with("build/upstream.txt", "\"expected\": ") == 10, "--json");
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(upstream, what_is_missing_is_skipped_and_wrong_folders_fail) {
    lb_ctx *ctx; int i; char path[64]; FILE *f;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !samples(ctx, roots[1]), "%s", lb_last_error());
    remove("build/upstream/depth/0.png"); remove("build/upstream/assets/depth/0.png");
    for (i = 0; i < 2; i++) { snprintf(path, sizeof path, "build/upstream/video/%d.y4m", i); remove(path); snprintf(path, sizeof path, "build/upstream/assets/video/%d.y4m", i); remove(path); }
    CHECK(command("build/upstream.txt", roots[0], model_path, NULL, NULL) == 1 && lines_with("build/upstream.txt", "skip: ") == 8 && lines_with("build/upstream.txt", "depth/0.png is not there") == 4, "%d rows skipped", lines_with("build/upstream.txt", "skip: "));
    f = fopen("build/upstream/image/0.jpg", "wb"); fputs("no picture", f); fclose(f);
    CHECK(command("build/upstream.txt", roots[0], model_path, NULL, NULL) == 1 && strstr(lb_last_error(), "image/0.jpg") && !lines_with("build/upstream.txt", ""), "%s", lb_last_error());
    CHECK(command("build/upstream.txt", "tests", model_path, NULL, NULL) == 1 && strstr(lb_last_error(), "none of upstream's samples"), "%s", lb_last_error());
    CHECK(command("build/upstream.txt", "build/not-there", model_path, NULL, NULL) == 1 && strstr(lb_last_error(), "no folder"), "%s", lb_last_error());
    CHECK(command("build/upstream.txt", roots[1], "build/not-there.lbw", NULL, NULL) == 1, "%s", lb_last_error());
    CHECK(command("build/upstream.txt", roots[1], model_path, "--text", "other.lbw") == 1 && strstr(lb_last_error(), "none of the models"), "%s", lb_last_error());
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(upstream, every_allocation_may_fail) {
    long n; lb_status s = LB_ERR_MEM; const char *paths[1]; lb_ctx *ctx;
    paths[0] = model_path;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !samples(ctx, roots[0]), "%s", lb_last_error()); lb_ctx_free(ctx);
    for (n = 0; s && n < 4000; n += n < 60 ? 1 : 17) {
        const long live = alloc_live; upstream u;
        memset(&u, 0, sizeof u);
        REQUIRE(!lb_ctx_new(NULL, &u.ctx), "%s", lb_last_error());
        alloc_until = n;
        s = up_find(&u, paths, 1, NULL, &up_tables[0]);
        if (!s) s = up_run(&u, roots[0]);
        alloc_until = -1;
        CHECK(!s || s == LB_ERR_MEM, "allocation %ld: %s", n, lb_last_error());
        up_free(&u);
        CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
    }
    CHECK(!s, "never succeeded: %s", lb_last_error());
}
