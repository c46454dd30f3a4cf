/* tools/upstream.c: the verdict over known gaps, and the whole way to it: with a random model, and from checkpoints laid out as upstream's downloads are. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/info.c"
#include "tools/checkpoint.h"
#include "tools/convert.c"
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
        alloc_left = n;
        s = up_find(&u, paths, 1, NULL, &up_tables[0]);
        if (!s) s = up_run(&u, roots[0]);
        alloc_left = -1;
        CHECK(!s || s == LB_ERR_MEM, "allocation %ld: %s", n, lb_last_error());
        up_free(&u);
        CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
    }
    CHECK(!s, "never succeeded: %s", lb_last_error());
}

/* ---- from downloads to a verdict ---- */

/* A PyTorch file as torch.save writes it: a zip, nothing compressed, of a pickle and one entry a storage. */
typedef struct torch_file { lb__buf pickle, zip, directory; int entries, tensors; lb__rng noise; } torch_file;
static void put(lb__buf *b, const void *p, size_t n) { REQUIRE(!lb__buf_add(b, p, n), "%s", lb_last_error()); }
static void put_text(lb__buf *b, const char *s) { put(b, s, strlen(s)); }
static void put_le(lb__buf *b, uint64_t v, int bytes) { unsigned char c[8]; int i; REQUIRE(bytes <= 8, "%d bytes", bytes); for (i = 0; i < bytes; i++) c[i] = (unsigned char)(v >> 8 * i); put(b, c, (size_t)bytes); }
static void put_word(lb__buf *b, const char *s) { put(b, "X", 1); put_le(b, strlen(s), 4); put(b, s, strlen(s)); }
static void put_int(lb__buf *b, size_t n) { put(b, "J", 1); put_le(b, n, 4); }
static void zip_entry(torch_file *f, const char *name, const void *data, size_t n) {
    const uint32_t crc = lb__crc32(0, data, n); const size_t at = f->zip.size; int part;
    for (part = 0; part < 2; part++) {
        lb__buf *b = part ? &f->directory : &f->zip;
        put(b, part ? "PK\1\2" : "PK\3\4", 4); if (part) put_le(b, 20, 2);
        put_le(b, 20, 2); put_le(b, 0, 8); put_le(b, crc, 4); put_le(b, n, 4); put_le(b, n, 4); put_le(b, strlen(name), 2); put_le(b, 0, 2);
        if (part) { put_le(b, 0, 8); put_le(b, 0, 2); put_le(b, at, 4); }
        put(b, name, strlen(name));
    }
    put(&f->zip, data, n); f->entries++;
}
/* One f32 tensor [a, b, c, d] (trailing zeros: fewer axes): noise of a spread around a value, or all that value. */
static void tensor(torch_file *f, const char *name, float value, float spread, size_t a, size_t b, size_t c, size_t d) {
    const size_t shape[4] = { a, b, c, d }; size_t n = 1, i, k, axes = 0, stride; char key[40]; float *x;
    while (axes < 4 && shape[axes]) n *= shape[axes++];
    x = (float *)malloc(n * sizeof *x); REQUIRE(x, "out of memory");
    for (i = 0; i < n; i++) x[i] = value + (spread != 0 ? spread * lb__rng_normal(&f->noise) : 0);
    put_word(&f->pickle, name);
    put_text(&f->pickle, "ctorch._utils\n_rebuild_tensor_v2\n(("); put_word(&f->pickle, "storage"); put_text(&f->pickle, "ctorch\nFloatStorage\n");
    snprintf(key, sizeof key, "%d", f->tensors); put_word(&f->pickle, key); put_word(&f->pickle, "cpu"); put_int(&f->pickle, n); put_text(&f->pickle, "tQ"); put_int(&f->pickle, 0);
    put_text(&f->pickle, "("); for (i = 0; i < axes; i++) put_int(&f->pickle, shape[i]); put_text(&f->pickle, "t(");
    for (i = 0; i < axes; i++) { for (stride = 1, k = i + 1; k < axes; k++) stride *= shape[k]; put_int(&f->pickle, stride); }
    put_text(&f->pickle, "t\x89" "ccollections\nOrderedDict\n)RtR");
    snprintf(key, sizeof key, "pytorch_model/data/%d", f->tensors++); zip_entry(f, key, x, n * sizeof *x);
    free(x);
}
static void linear(torch_file *f, const char *name, size_t n, size_t k, int bias) {
    char s[256];
    snprintf(s, sizeof s, "%s.weight", name); tensor(f, s, 0, 1.5f / (float)sqrt((double)k), n, k, 0, 0);
    snprintf(s, sizeof s, "%s.bias", name); if (bias) tensor(f, s, 0, 0.1f, n, 0, 0, 0);
}
static void norm(torch_file *f, const char *name, size_t n) { char s[256]; snprintf(s, sizeof s, "%s.weight", name); tensor(f, s, 1, 0.1f, n, 0, 0, 0); snprintf(s, sizeof s, "%s.bias", name); tensor(f, s, 0, 0.1f, n, 0, 0, 0); }
static void attention(torch_file *f, const char *prefix, size_t width, int lora) {
    static const char *const part[] = { "k", "v", "q", "out" }; int i; char s[256];
    for (i = 0; i < 4; i++) {
        snprintf(s, sizeof s, "%s.%s_proj", prefix, part[i]); linear(f, s, width, width, 1);
        if (!lora) continue;
        snprintf(s, sizeof s, "%s.%s_proj.lora_A.default.weight", prefix, part[i]); tensor(f, s, 0, 0.3f, 2, width, 0, 0);
        snprintf(s, sizeof s, "%s.%s_proj.lora_B.default.weight", prefix, part[i]); tensor(f, s, 0, 0.1f, width, 2, 0, 0);
    }
}
/* The repositories of the README, as a download leaves them: FOLDER/config.json and FOLDER/pytorch_model.bin.  Tiny towers with the real vocabulary;
 * Depth and Thermal carry LoRA unmerged.  The projection and the scale are the caller's, to put an answer where it is wanted. */
enum { HUB_TEXT = 16, HUB_WIDTH = 16, HUB_DIM = 12 };
static const struct { const char *folder, *type; int lora, video, mel; } hub[UP_KINDS] = {
    { "LanguageBind_Video_FT", "LanguageBindVideo", 0, 8, 0 }, { "LanguageBind_Image", "LanguageBindImage", 0, 1, 0 }, { "LanguageBind_Depth", "LanguageBindDepth", 1, 1, 0 }, { "LanguageBind_Audio_FT", "LanguageBindAudio", 0, 1, 28 }, { "LanguageBind_Thermal", "LanguageBindThermal", 1, 1, 0 } };
static void download(int kind, float sign, double logit_scale) {
    char path[128], s[160], e[96]; FILE *o; torch_file f; const size_t patches = hub[kind].mel ? 2 * 3 : 4; const int lora = hub[kind].lora; int i;
    memset(&f, 0, sizeof f); f.noise = lb__rng_new(77, 0);
    mkdir("build/hub", 0777); snprintf(path, sizeof path, "build/hub/%s", hub[kind].folder); mkdir(path, 0777);
    snprintf(path, sizeof path, "build/hub/%s/config.json", hub[kind].folder); o = fopen(path, "w"); REQUIRE(o, "%s", path);
    fprintf(o, "{ \"model_type\": \"%s\", \"projection_dim\": %d, \"logit_scale_init_value\": 2.6592,\n  \"text_config\": { \"hidden_act\": \"gelu\", \"hidden_size\": %d, \"intermediate_size\": 32, \"num_attention_heads\": 2, \"num_hidden_layers\": 1, \"vocab_size\": 49408, \"max_position_embeddings\": 77 },\n"
               "  \"vision_config\": { \"hidden_act\": \"gelu\", \"hidden_size\": %d, \"intermediate_size\": 32, \"num_attention_heads\": 2, \"num_hidden_layers\": 2, \"image_size\": 28, \"patch_size\": 14, \"add_time_attn\": %s, \"num_frames\": %d, \"lora_r\": %d, \"lora_alpha\": 16, \"num_mel_bins\": %d, \"target_length\": %d%s } }\n",
            hub[kind].type, HUB_DIM, HUB_TEXT, HUB_WIDTH, hub[kind].video > 1 ? "true" : "false", hub[kind].video, lora ? 2 : 0, hub[kind].mel, hub[kind].mel ? 42 : 0, hub[kind].mel ? ", \"audio_mean\": -4.2677393, \"audio_std\": 4.5689974" : "");
    REQUIRE(!fclose(o), "%s", path);
    put_text(&f.pickle, "\x80\2ccollections\nOrderedDict\n)R(");
    tensor(&f, "text_model.embeddings.token_embedding.weight", 0, 1, 49408, HUB_TEXT, 0, 0); tensor(&f, "text_model.embeddings.position_embedding.weight", 0, 0.3f, 77, HUB_TEXT, 0, 0);
    attention(&f, "text_model.encoder.layers.0.self_attn", HUB_TEXT, 0); norm(&f, "text_model.encoder.layers.0.layer_norm1", HUB_TEXT); norm(&f, "text_model.encoder.layers.0.layer_norm2", HUB_TEXT);
    linear(&f, "text_model.encoder.layers.0.mlp.fc1", 32, HUB_TEXT, 1); linear(&f, "text_model.encoder.layers.0.mlp.fc2", HUB_TEXT, 32, 1); norm(&f, "text_model.final_layer_norm", HUB_TEXT); linear(&f, "text_projection", HUB_DIM, HUB_TEXT, 0);
    f.noise = lb__rng_new(78, (uint64_t)kind);                                                       /* the texts of all are the same frozen tower */
    tensor(&f, "logit_scale", (float)logit_scale, 0, 0, 0, 0, 0);
    tensor(&f, "vision_model.embeddings.class_embedding", 0, 0.3f, HUB_WIDTH, 0, 0, 0); tensor(&f, "vision_model.embeddings.patch_embedding.weight", 0, 0.1f, HUB_WIDTH, 3, 14, 14); tensor(&f, "vision_model.embeddings.position_embedding.weight", 0, 0.3f, patches + 1, HUB_WIDTH, 0, 0);
    norm(&f, "vision_model.pre_layrnorm", HUB_WIDTH); norm(&f, "vision_model.post_layernorm", HUB_WIDTH);
    for (i = 0; i < 2; i++) {
        snprintf(e, sizeof e, "vision_model.encoder.%slayers.%d", lora ? "base_model.model." : "", i);
#define IN(part) (snprintf(s, sizeof s, "%s." part, e), s)
        attention(&f, IN("self_attn"), HUB_WIDTH, lora); norm(&f, IN("layer_norm1"), HUB_WIDTH); norm(&f, IN("layer_norm2"), HUB_WIDTH); linear(&f, IN("mlp.fc1"), 32, HUB_WIDTH, 1); linear(&f, IN("mlp.fc2"), HUB_WIDTH, 32, 1);
        if (hub[kind].video > 1) { tensor(&f, IN("temporal_embedding"), 0, 0.3f, 1, 8, HUB_WIDTH, 0); norm(&f, IN("temporal_layer_norm1"), HUB_WIDTH); attention(&f, IN("temporal_attn"), HUB_WIDTH, 0); }
#undef IN
    }
    tensor(&f, "visual_projection.weight", 0, sign * 0.4f, HUB_DIM, HUB_WIDTH, 0, 0);
    put_text(&f.pickle, "u.");
    zip_entry(&f, "pytorch_model/data.pkl", f.pickle.data, f.pickle.size); zip_entry(&f, "pytorch_model/version", "3\n", 2);
    i = (int)f.zip.size; put(&f.zip, f.directory.data, f.directory.size);
    put(&f.zip, "PK\5\6", 4); put_le(&f.zip, 0, 4); put_le(&f.zip, (uint64_t)f.entries, 2); put_le(&f.zip, (uint64_t)f.entries, 2); put_le(&f.zip, f.directory.size, 4); put_le(&f.zip, (uint64_t)i, 4); put_le(&f.zip, 0, 2);
    snprintf(path, sizeof path, "build/hub/%s/pytorch_model.bin", hub[kind].folder); o = fopen(path, "wb"); REQUIRE(o && fwrite(f.zip.data, 1, f.zip.size, o) == f.zip.size && !fclose(o), "%s", path);
    lb__buf_free(&f.pickle); lb__buf_free(&f.zip); lb__buf_free(&f.directory);
}
static char hub_model[UP_KINDS][64];
static void convert_hub(lb_ctx *ctx) {
    int k; char source[64];
    for (k = 0; k < UP_KINDS; k++) {
        conv_options o; memset(&o, 0, sizeof o); snprintf(source, sizeof source, "build/hub/%s", hub[k].folder); snprintf(hub_model[k], sizeof hub_model[k], "build/hub/%s.lbw", up_kinds[k]);
        o.source = source; o.output = hub_model[k]; o.quiet = 1;
        REQUIRE(!conv_convert(ctx, &o, NULL), "%s", lb_last_error());
    }
}
/* check-upstream over several models; what it prints goes into a file. */
static int verdict(const char *to, const char *root, const int *kinds, const char *more) {
    const char *argv[12] = { "check-upstream", root, "-m" }; int argc = 3, keep = dup(1), fd, rc, k;
    for (k = 0; k < UP_KINDS; k++) if (kinds[k]) argv[argc++] = hub_model[k];
    if (more) argv[argc++] = more;
    fflush(stdout); fd = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0666); dup2(fd, 1); close(fd);
    rc = cmd_check_upstream(argc, (char **)(uintptr_t)argv);
    fflush(stdout); dup2(keep, 1); close(keep);
    return rc;
}
LBT(upstream, from_downloads_to_a_verdict) {
    static const int all[UP_KINDS] = { 1, 1, 1, 1, 1 }, no_depth[UP_KINDS] = { 1, 1, 0, 1, 1 }; const char *paths[UP_KINDS], *out = "build/hub/verdict.txt"; lb_ctx *ctx; upstream u; up_answer a[UP_ROWS]; size_t k; int i; char line[64];
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !samples(ctx, roots[1]), "%s", lb_last_error());
    lb_ctx_free(ctx); REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < UP_KINDS; i++) download(i, 1, 0);
    convert_hub(ctx);
    memset(&u, 0, sizeof u); u.ctx = ctx;
    for (i = 0; i < UP_KINDS; i++) paths[i] = hub_model[i];
    REQUIRE(!up_find(&u, paths, UP_KINDS, NULL, &up_tables[0]) && u.text == u.of[2] && !up_run(&u, roots[1]), "%s", lb_last_error());
    up_gaps(&u, &up_tables[0], a);
    /* scales, and signs of the projections, under which each modality's first row is what the README prints */
    for (k = 0; k < 10; k += 2) { REQUIRE(fabs(a[k].gap[0]) > 1e-5, "row %zu: a gap of %g", k, a[k].gap[0]); download(up_tables[0].row[k].a, a[k].gap[0] < 0 ? -1.0f : 1.0f, log(up_tables[0].row[k].gap / fabs(a[k].gap[0]))); }
    up_free(&u); REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    convert_hub(ctx);
    CHECK(verdict(out, roots[1], all, NULL) == 1 && lines_with(out, "skip:") == 0 && lines_with(out, "3.7204") == 1 && lines_with(out, "%") == 0 && lines_with(out, "  pass") + lines_with(out, "FAIL") == 16 && lines_with(out, "FAIL") >= 1 && lines_with(out, " passed, ") == 1, "%d pass, %d fail", lines_with(out, "  pass"), lines_with(out, "FAIL"));
    for (k = 0; k < 10; k += 2) {
        char row[1024]; FILE *f = fopen(out, "r"); int seen = 0; snprintf(line, sizeof line, "%s x text", up_kinds[up_tables[0].row[k].a]);
        while (f && fgets(row, sizeof row, f)) if (!strncmp(row, line, strlen(line)) && row[19] == '0') { seen++; CHECK(strstr(row, "  pass"), "%s", row); }
        if (f) fclose(f);
        CHECK(seen == 1, "%d rows of %s", seen, line);
    }
    CHECK(verdict(out, roots[1], all, "--json") == 1 && lines_with(out, "\"result\": \"pass\"") >= 5 && lines_with(out, "\"result\": \"FAIL\"") >= 1, "--json");
    /* one scale off: that modality's row fails, the others stay */
    download(1, 1, 0); convert_hub(ctx);
    CHECK(verdict(out, roots[1], all, NULL) == 1 && lines_with(out, "image x text") == 2 && lines_with(out, "  pass") >= 4, "%d pass", lines_with(out, "  pass"));
    { char row[1024]; FILE *f = fopen(out, "r"); while (f && fgets(row, sizeof row, f)) if (!strncmp(row, "image x text", 12) && row[19] == '0') CHECK(strstr(row, "FAIL"), "%s", row); if (f) fclose(f); }
    /* a checkpoint that was not downloaded, files that are not there: aloud */
    CHECK(verdict(out, roots[1], no_depth, NULL) == 1 && lines_with(out, "skip: no model reads depth") == 4, "%d rows without depth", lines_with(out, "skip: no model reads depth"));
    remove("build/upstream/assets/audio/1.wav");
    CHECK(verdict(out, roots[1], all, NULL) == 1 && lines_with(out, "audio/1.wav is not there") == 4 && lines_with(out, "skip: ") == 4, "%d rows without a sound", lines_with(out, "audio/1.wav"));
    CHECK(command(out, roots[1], "build/hub/LanguageBind_Depth", NULL, NULL) == 1 && strstr(lb_last_error(), "convert"), "%s", lb_last_error());
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
