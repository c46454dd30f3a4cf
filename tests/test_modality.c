/* 13 model: a modality of one's own, from its JSON to the array that enters the tower (weights/MODALITY.md). */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "languagebind.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tests/lbt.h"

static const char motion[] = "{ \"name\": \"motion\", \"loader\": \"csv\", \"channels\": 6, \"length\": 12, \"patch\": 4, \"mean\": [0, 1, 2, 3, 4, 5], \"std\": 2 }";
static lb_ctx *context(void) { lb_ctx_desc d; lb_ctx *c = NULL; memset(&d, 0, sizeof d); d.threads = 1; lb_ctx_new(&d, &c); return c; }
static lb_model *base_model(lb_ctx *ctx) {
    lb_model_desc d; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1]; lb_model *m = NULL;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 2; d.seed = 7;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 16; v->layers = 2; v->heads = 2; v->embed_dim = 8; v->patch_h = v->patch_w = 8; v->grid_h = v->grid_w = 2;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 16; w->layers = 1; w->heads = 2; w->embed_dim = 8; w->vocab = 40;
    strcpy(d.modality[0].name, "photo"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    if (lb_model_create(ctx, &d, &m)) printf("  %s\n", lb_last_error());
    return m;
}
static lb_status extend(lb_ctx *ctx, const lb_model *base, const char *json, lb_model **out) { return lb_model_extend_json(ctx, base, json, strlen(json), 3, out); }

LBT(modality, every_key_reaches_the_descriptions) {
    lb_ctx *ctx = context(); lb_modality_desc m; lb_tower_desc t; char from[LB_NAME_SIZE]; int c;
    static const char hum[] = "{\"name\":\"hum\",\"loader\":\"audio\",\"rate\":8000}", far[] = "{\"name\":\"far\",\"loader\":\"depth\",\"max_depth\":80}";
    static const char clip[] = "{\"name\":\"clip\",\"loader\":\"video\",\"frames\":4,\"height\":64,\"width\":33,\"patch\":[8,16],\"tube\":2,\"temporal\":true,\"class_per_frame\":true,\"resize\":\"pil-bicubic\",\"crop\":\"floor\",\"from\":\"image\",\"tower\":\"t_2\",\"mean\":0.5,\"std\":[1,2,3]}";
    REQUIRE(!lb_modality_parse(ctx, clip, strlen(clip), &m, &t, from), "%s", lb_last_error());
    CHECK(!strcmp(m.name, "clip") && !strcmp(m.tower, "t_2") && !strcmp(t.name, "t_2") && !strcmp(from, "image") && m.kind == LB_VIDEO && t.kind == LB_TOWER_VISION, "%s %s %s %d", m.name, m.tower, from, (int)m.kind);
    CHECK(m.channels == 3 && m.frames == 4 && m.height == 64 && m.width == 33 && m.resize == LB_RESIZE_PIL_BICUBIC && m.crop == LB_CROP_FLOOR, "%d x %d x %d x %d", m.channels, m.frames, m.height, m.width);
    CHECK(t.channels == 3 && t.frames == 4 && t.tube == 2 && t.temporal == 1 && t.class_per_frame == 1 && t.patch_h == 8 && t.patch_w == 16 && t.grid_h == 8 && t.grid_w == 2, "patch %d x %d, grid %d x %d", t.patch_h, t.patch_w, t.grid_h, t.grid_w);
    for (c = 0; c < 3; c++) CHECK(m.mean[c] == 0.5f && m.std[c] == (float)(c + 1), "channel %d: %g, %g", c, (double)m.mean[c], (double)m.std[c]);
    REQUIRE(!lb_modality_parse(ctx, motion, strlen(motion), &m, &t, from), "%s", lb_last_error());
    CHECK(m.kind == LB_ARRAY && m.loader == LB_LOAD_CSV && m.fit == LB_FIT_EXACT && !from[0] && t.patch_h == 1 && t.patch_w == 4 && t.grid_h == 1 && t.grid_w == 3 && m.mean[5] == 5 && m.std[5] == 2, "%d %d", (int)m.loader, t.patch_h);
    REQUIRE(!lb_modality_parse(ctx, hum, strlen(hum), &m, &t, from), "%s", lb_last_error());
    CHECK(m.kind == LB_AUDIO && m.rate == 8000 && m.mel_bins == 112 && m.target_length == 1036 && m.height == 112 && m.mean[2] == -4.2677393f && m.std[0] == 4.5689974f, "%d bands of %d", m.mel_bins, m.target_length);
    REQUIRE(!lb_modality_parse(ctx, far, strlen(far), &m, &t, from), "%s", lb_last_error());
    CHECK(m.kind == LB_DEPTH && m.max_depth == 80 && m.resize == LB_RESIZE_TORCH_BICUBIC && m.mean[0] == 0.48145466f && !t.patch_h, "%g", (double)m.max_depth);
    lb_ctx_free(ctx);
}
LBT(modality, what_is_wrong_is_named) {
    static const struct { const char *json, *says; } bad[] = {
        { "", "JSON ends" }, { "[1]", "an array, an object" }, { "{}", "\"name\" is nothing" }, { "{\"name\":5}", "\"name\" is a number" }, { "{\"name\":\"\"}", "no such name" }, { "{\"name\":\"Big\"}", "small letters" },
        { "{\"name\":\"a_name_that_is_longer_than_31_bytes\"}", "1 to 31" }, { "{\"name\":\"a\"}", "\"length\"" }, { "{\"name\":\"a\",\"length\":4,\"width\":4}", "same axis" }, { "{\"name\":\"a\",\"lenght\":4}", "\"lenght\" is not known" },
        { "{\"name\":\"a\",\"length\":4,\"length\":5}", "twice" }, { "{\"name\":\"a\",\"length\":0}", "\"length\" is 0" }, { "{\"name\":\"a\",\"length\":4.5}", "no whole number" }, { "{\"name\":\"a\",\"length\":1e99}", "no whole number" }, { "{\"name\":\"a\",\"length\":99999999999}", "16777216" },
        { "{\"name\":\"a\",\"length\":4,\"channels\":17}", "1 to 16" }, { "{\"name\":\"a\",\"length\":4,\"mean\":[1,2]}", "2 numbers for 1 channels" }, { "{\"name\":\"a\",\"length\":4,\"std\":0}", "positive" }, { "{\"name\":\"a\",\"length\":4,\"std\":-1}", "positive" }, { "{\"name\":\"a\",\"length\":4,\"mean\":\"x\"}", "a string" },
        { "{\"name\":\"a\",\"length\":4,\"mean\":[null]}", "null" }, { "{\"name\":\"a\",\"length\":4,\"loader\":\"zip\"}", "\"zip\"" }, { "{\"name\":\"a\",\"length\":4,\"fit\":true}", "a boolean" }, { "{\"name\":\"a\",\"loader\":\"image\",\"channels\":2}", "gives 3, or 1" }, { "{\"name\":\"a\",\"loader\":\"audio\",\"frames\":2}", "gives 1" },
        { "{\"name\":\"a\",\"length\":4,\"patch\":[1]}", "\"patch\"" }, { "{\"name\":\"a\",\"length\":4,\"patch\":[1,0]}", "\"patch\"" }, { "{\"name\":\"a\",\"length\":4,\"patch\":8}", "do not fit" }, { "{\"name\":\"a\",\"length\":4,\"frames\":3,\"tube\":2}", "multiple" }, { "{\"name\":\"a\",\"length\":4,\"temporal\":1}", "true or false" },
        { "{\"name\":\"a\",\"loader\":\"depth\",\"max_depth\":-1}", "max_depth" }, { "{\"name\":\"a\",\"loader\":\"depth\",\"resize\":\"pil-bicubic\"}", "\"pil-bicubic\", which is for bytes" }, { "{\"name\":\"a\",\"loader\":\"audio\",\"height\":2}", "2 mel bands" },
        { "{\"name\":\"a\",\"loader\":\"audio\",\"size\":[4097,8]}", "3 to 4096" }, { "{\"name\":\"a\",\"loader\":\"audio\",\"rate\":99}", "\"rate\" is 99, 100 to 1000000" } };
    static const struct { const char *json, *says; } refused[] = {
        { "{\"name\":\"a\",\"length\":4}", "less than a patch" }, { "{\"name\":\"photo\",\"length\":16}", "called photo" }, { "{\"name\":\"a\",\"length\":16,\"tower\":\"text\"}", "two towers are called text" }, { "{\"name\":\"a\",\"length\":16,\"from\":\"text\"}", "no tower or modality text" },
        { "{\"name\":\"a\",\"length\":16,\"from\":\"sea\"}", "sea" }, { "{\"name\":\"a\",\"length\":16,\"tower\":\"vision\"}", "does not fill tower vision" } };
    lb_ctx *ctx = context(); lb_modality_desc m; lb_tower_desc t; char from[LB_NAME_SIZE]; size_t i; lb_model *base = base_model(ctx), *out = NULL;
    for (i = 0; i < LB__COUNT(bad); i++) {
        lb_status s = lb_modality_parse(ctx, bad[i].json, strlen(bad[i].json), &m, &t, from);
        CHECK(s && strstr(lb_last_error(), bad[i].says) && !m.name[0] && !t.name[0], "%s: %s", bad[i].json, lb_last_error());
        CHECK(extend(ctx, base, bad[i].json, &out) && !out, "%s", bad[i].json);
    }
    for (i = 0; i < LB__COUNT(refused); i++) CHECK(extend(ctx, base, refused[i].json, &out) && !out && strstr(lb_last_error(), refused[i].says), "%s: %s", refused[i].json, lb_last_error());
    for (i = 0; i < sizeof motion - 1; i++) { CHECK(lb_modality_parse(ctx, motion, i, &m, &t, from) == LB_ERR_FORMAT, "%zu bytes of the declaration are enough", i); }
    lb_model_free(base); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* ---- a whole model ---- */

static const char whole[] = "{ \"embed_dim\": 8, \"comment\": \"x\", \"text\": { \"width\": 16, \"layers\": 1, \"heads\": 2, \"context\": 9, \"vocab\": 600, \"clean\": \"hf\" },\n"
    "  \"modalities\": { \"image\": { \"width\": 16, \"layers\": 2, \"heads\": 2, \"mlp\": 24, \"size\": 32, \"patch\": 8, \"mean\": 0.5, \"eps\": 1e-6, \"quick_gelu\": true, \"logit_scale\": 1.5 },\n"
    "    \"sketch\": { \"loader\": \"image\", \"size\": 32, \"tower\": \"vision\", \"resize\": \"torch-bicubic\" },\n"
    "    \"motion\": { \"width\": 24, \"layers\": 1, \"heads\": 3, \"loader\": \"csv\", \"channels\": 6, \"length\": 12, \"patch\": 4, \"fit\": \"repeat\", \"channels_last\": true, \"std\": [1, 2, 3, 4, 5, 6] },\n"
    "    \"infrared\": { \"width\": 16, \"layers\": 1, \"heads\": 2, \"channels\": 1, \"size\": [16, 24], \"patch\": [8, 4], \"no_pre_norm\": true } } }";
LBT(modality, a_new_model_is_declared_in_one_text) {
    lb_ctx *ctx = context(); lb_model_desc *d = (lb_model_desc *)malloc(sizeof *d); char vocabulary[LB_VOCABULARY_SIZE]; lb_model *m = NULL; const lb_tower_desc *t; const lb_modality_desc *q; size_t i; int ok;
    REQUIRE(!lb_model_parse(ctx, whole, sizeof whole - 1, d, vocabulary), "%s", lb_last_error());
    CHECK(d->towers == 4 && d->modalities == 5 && !vocabulary[0], "%d towers, %d modalities, \"%s\"", d->towers, d->modalities, vocabulary);
    t = &d->tower[0]; q = &d->modality[0];
    CHECK(!strcmp(t->name, "vision") && t->width == 16 && t->layers == 2 && t->heads == 2 && t->mlp == 24 && t->grid_h == 4 && t->grid_w == 4 && t->eps == 1e-6f && t->quick_gelu && t->embed_dim == 8, "tower %s", t->name);
    CHECK(!strcmp(q->name, "image") && q->kind == LB_IMAGE && q->mean[2] == 0.5f && q->std[0] == 0.26862954f && q->resize == LB_RESIZE_PIL_BICUBIC && q->logit_scale == 1.5f, "modality %s", q->name);
    q = &d->modality[1]; CHECK(!strcmp(q->name, "sketch") && !strcmp(q->tower, "vision") && q->resize == LB_RESIZE_TORCH_BICUBIC, "modality %s reads through %s", q->name, q->tower);
    q = &d->modality[2]; t = &d->tower[1]; CHECK(q->kind == LB_ARRAY && q->loader == LB_LOAD_CSV && q->fit == LB_FIT_REPEAT && q->channels_last && q->std[5] == 6 && t->width == 24 && t->channels == 6 && t->patch_h == 1 && t->grid_w == 3, "motion");
    q = &d->modality[3]; t = &d->tower[2]; CHECK(q->kind == LB_THERMAL && q->channels == 1 && q->height == 16 && q->width == 24 && t->patch_h == 8 && t->patch_w == 4 && t->grid_h == 2 && t->grid_w == 6 && t->no_pre_norm, "infrared");
    t = &d->tower[3]; CHECK(t->kind == LB_TOWER_TEXT && t->context == 9 && t->vocab == 600 && d->modality[4].kind == LB_TEXT && d->modality[4].clean == LB_CLEAN_HF, "text");
    CHECK(!lb_model_create(ctx, d, &m), "%s", lb_last_error());
    lb_model_free(m);
    for (i = 0, ok = 1; i < sizeof whole - 1 && ok; i++) ok = lb_model_parse(ctx, whole, i, d, vocabulary) == LB_ERR_FORMAT && !d->towers;
    CHECK(ok, "%zu bytes of the declaration are enough", i);
    free(d); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(modality, what_is_wrong_with_a_new_model_is_named) {
#define TEXT "\"text\":{\"width\":16,\"layers\":1,\"heads\":2}"
#define IMAGE "\"image\":{\"width\":16,\"layers\":1,\"heads\":2,\"size\":32,\"patch\":8}"
    static const struct { const char *json, *says; } bad[] = {
        { "[]", "an array, an object" }, { "{\"embed_dim\":8}", "\"modalities\" is nothing" }, { "{\"embed_dim\":8,\"modalities\":{}}", "is empty" }, { "{\"modalities\":{" IMAGE "}," TEXT "}", "\"embed_dim\" is missing" }, { "{\"embed_dim\":8,\"modalities\":{" IMAGE "}}", "text: found nothing" },
        { "{\"embed_dim\":8,\"towers\":2,\"modalities\":{" IMAGE "}}", "\"towers\" is not known" }, { "{\"embed_dim\":8,\"modalities\":{\"image\":{\"width\":16,\"size\":32}}}", "modality image: \"patch\" is missing" }, { "{\"embed_dim\":8,\"modalities\":{\"image\":{\"name\":\"x\"}}}", "\"name\" is not known" },
        { "{\"embed_dim\":8,\"modalities\":{\"text\":{\"size\":32}}}", "modality text: \"modalities\" is no such name" }, { "{\"embed_dim\":8,\"modalities\":{" IMAGE ",\"x\":{\"loader\":\"image\",\"size\":32,\"tower\":\"vision\",\"layers\":2}}}", "\"layers\" is given again" },
        { "{\"embed_dim\":8,\"modalities\":{\"image\":{\"size\":32,\"height\":4,\"patch\":8}}}", "same axis" }, { "{\"embed_dim\":8,\"modalities\":{\"image\":{\"size\":[1,2,3],\"patch\":8}}}", "\"size\" is another array" }, { "{\"embed_dim\":8,\"modalities\":{" IMAGE "},\"text\":{\"width\":16,\"vocab\":\"\"}}", "\"vocab\" names a file of 0 bytes" },
        { "{\"embed_dim\":8,\"modalities\":{" IMAGE "},\"text\":{\"width\":16,\"heds\":2}}", "text: the key \"heds\"" }, { "{\"model_cfg\":{\"embed_dim\":8,\"vision_cfg\":{\"layers\":1},\"text_cfg\":{\"pool\":1}}}", "text_cfg: the key \"pool\"" }, { "{\"model_cfg\":{\"embed_dim\":8,\"vision_cfg\":{\"head_width\":0},\"text_cfg\":{}}}", "vision_cfg: \"head_width\"" } };
    static const char open_clip[] = "{\"model_cfg\":{\"embed_dim\":8,\"vision_cfg\":{\"image_size\":32,\"layers\":1,\"width\":64,\"head_width\":32,\"patch_size\":8},\"text_cfg\":{\"width\":32,\"heads\":2,\"layers\":1}},\"preprocess_cfg\":{\"mean\":[1,2,3]}}";
    lb_ctx *ctx = context(); lb_model_desc *d = (lb_model_desc *)malloc(sizeof *d); char vocabulary[LB_VOCABULARY_SIZE]; size_t i;
    for (i = 0; i < LB__COUNT(bad); i++) CHECK(lb_model_parse(ctx, bad[i].json, strlen(bad[i].json), d, vocabulary) && strstr(lb_last_error(), bad[i].says) && !d->towers && !vocabulary[0], "%s: %s", bad[i].json, lb_last_error());
    CHECK(!lb_model_parse(ctx, open_clip, sizeof open_clip - 1, d, vocabulary) && !strcmp(vocabulary, "clip") && d->tower[0].heads == 2 && d->tower[0].grid_w == 4 && d->tower[1].width == 32 && d->modality[0].mean[2] == 3 && d->modality[1].kind == LB_TEXT, "open_clip: %s", lb_last_error());
    free(d); lb_ctx_free(ctx);
}

/* ---- one channel where loaders have three ---- */

#if !defined(LB_NO_IMAGE) && !defined(LB_NO_AUDIO)
LBT(modality, sounds_and_pictures_of_one_channel) {
    static const char *const loaders[] = { "image", "thermal", "depth" };
    lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *one, *three; char json[300]; float x[256], y[3 * 256], v[8]; uint8_t rgb[20 * 20 * 3]; uint16_t mm[20 * 20]; lb_image img; lb_audio sound; size_t i, k; float *wave = (float *)malloc(3 * 8000 * sizeof *wave), far = 0;
    memset(&img, 0, sizeof img); img.width = img.height = 20; img.orientation = 1;
    for (i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 37 % 251);
    for (i = 0; i < 400; i++) mm[i] = (uint16_t)(i * 24);
    for (k = 0; k < 3; k++) {
        img.channels = k == 2 ? 1 : 3; img.bits = k == 2 ? 16 : 8; img.data = k == 2 ? (void *)mm : (void *)rgb;
        snprintf(json, sizeof json, "{\"name\":\"a\",\"loader\":\"%s\",\"channels\":1,\"size\":16,\"patch\":8,\"mean\":0.25,\"std\":0.5}", loaders[k]); REQUIRE(!extend(ctx, base, json, &one), "%s", lb_last_error());
        snprintf(json, sizeof json, "{\"name\":\"a\",\"loader\":\"%s\",\"size\":16,\"patch\":8,\"mean\":0,\"std\":1}", loaders[k]); REQUIRE(!extend(ctx, base, json, &three), "%s", lb_last_error());
        CHECK(!lb_prepare_image(ctx, one, "a", &img, x) && !lb_prepare_image(ctx, three, "a", &img, y), "%s", lb_last_error());
        for (i = 0, far = 0; i < 256; i++) far = LB__MAX(far, fabsf(x[i] - ((0.299f * y[i] + 0.587f * y[256 + i] + 0.114f * y[512 + i]) - 0.25f) / 0.5f));
        CHECK(far < 1e-5f, "%s: grey is off by %g", loaders[k], (double)far);
        if (k != 2) { for (i = 0; i < 1200; i += 3) rgb[i + 1] = rgb[i + 2] = rgb[i]; CHECK(!lb_prepare_image(ctx, one, "a", &img, x) && !lb_prepare_image(ctx, three, "a", &img, y) && x[100] == (y[100] - 0.25f) / 0.5f, "what is grey stays exactly as it is"); }
        CHECK(!lb_embed_tensor(ctx, one, "a", x, 1, v), "%s", lb_last_error());
        lb_model_free(one); lb_model_free(three);
    }
    for (i = 0; i < 24000; i++) wave[i] = sinf((float)i * (float)i * 1e-5f) * 0.5f;
    memset(&sound, 0, sizeof sound); sound.rate = 8000; sound.channels = 1; sound.frames = 24000; sound.data = wave;
    REQUIRE(!extend(ctx, base, "{\"name\":\"a\",\"loader\":\"audio\",\"channels\":1,\"rate\":8000,\"size\":[16,16],\"patch\":8}", &one) && !extend(ctx, base, "{\"name\":\"a\",\"loader\":\"audio\",\"rate\":8000,\"size\":[16,16],\"patch\":8}", &three), "%s", lb_last_error());
    CHECK(!lb_prepare_audio(ctx, one, "a", &sound, 0, x) && !lb_prepare_audio(ctx, three, "a", &sound, 0, y) && !memcmp(x, y + 256, sizeof x) && memcmp(x, y, sizeof x), "the middle segment: %s", lb_last_error());
    CHECK(!lb_prepare_audio(ctx, one, "a", &sound, 6, x) && !lb_prepare_audio(ctx, three, "a", &sound, 6, y) && !memcmp(x, y, sizeof x), "the first segment: %s", lb_last_error());
    CHECK(!lb_embed_audio(ctx, one, &sound, 1, 0, v), "%s", lb_last_error());
    lb_model_free(one); lb_model_free(three); lb_model_free(base); lb_ctx_free(ctx); free(wave);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* A depth map as numbers gives what the 16-bit picture of the same millimetres gives. */
LBT(modality, depth_maps_as_arrays) {
    enum { H = 20, W = 24 }; static const struct { lb_dtype type; int axes; double far; } form[] = { { LB_F32, 2, 1e-6 }, { LB_F64, 2, 1e-6 }, { LB_F16, 2, 2e-3 }, { LB_U16, 2, 0 }, { LB_I32, 2, 0 }, { LB_I64, 3, 0 }, { LB_F32, 3, 1e-6 } };
    static const struct { double v; lb_dtype type; size_t ndim, shape[3]; lb_status status; const char *says; } bad[] = {
        { NAN, LB_F32, 2, { H, W, 0 }, LB_ERR_NUMERIC, "number 5 of the depth map is" }, { -0.5, LB_F64, 2, { H, W, 0 }, LB_ERR_NUMERIC, "is -0.5; finite metres" }, { INFINITY, LB_F32, 3, { 1, H, W }, LB_ERR_NUMERIC, "finite metres" }, { 1e300, LB_F64, 2, { H, W, 0 }, LB_ERR_NUMERIC, "1e+300" },
        { -7, LB_I16, 2, { H, W, 0 }, LB_ERR_NUMERIC, "is -7; finite millimetres" }, { 1, LB_F32, 1, { H, 0, 0 }, LB_ERR_MISMATCH, "[height, width]" }, { 1, LB_F32, 3, { 2, H / 2, W }, LB_ERR_MISMATCH, "[1, height, width]" }, { 1, LB_F32, 3, { H, W, 1 }, LB_ERR_MISMATCH, "3 axes" }, { 1, LB_F32, 0, { 0, 0, 0 }, LB_ERR_MISMATCH, "0 axes" },
        { 1, LB_F32, 2, { 0, W, 0 }, LB_ERR_FORMAT, "24 x 0 pixels" }, { 1, LB_F32, 2, { H, 0, 0 }, LB_ERR_FORMAT, "0 x 20 pixels" }, { 1, LB_BOOL, 2, { H, W, 0 }, LB_ERR_MISMATCH, "metres" } };
    lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *m; float x[3 * 256], want[3 * 256]; uint16_t mm[H * W]; double data[H * W]; lb_image img; lb_tensor t; size_t i, k; long n; const char path[] = "build/depth.npy";
    REQUIRE(!extend(ctx, base, "{\"name\":\"depth\",\"loader\":\"depth\",\"size\":16,\"patch\":8}", &m), "%s", lb_last_error());
    for (i = 0; i < H * W; i++) mm[i] = (uint16_t)(i % 7 ? i * 25 : 0);
    memset(&img, 0, sizeof img); img.width = W; img.height = H; img.channels = img.orientation = 1; img.bits = 16; img.data = mm;
    REQUIRE(!lb_image_save(ctx, &img, "build/depth.png", 0) && !lb_prepare_file(ctx, m, "depth", "build/depth.png", want), "%s", lb_last_error());
    for (k = 0; k < LB__COUNT(form); k++) {
        float most = 0; memset(&t, 0, sizeof t); t.dtype = form[k].type; t.data = data; t.ndim = form[k].axes; t.shape[0] = 1; t.shape[t.ndim - 2] = H; t.shape[t.ndim - 1] = W;
        for (i = 0; i < H * W; i++) {
            const double metres = mm[i] / 1000.0;
            if (t.dtype == LB_F32) ((float *)(void *)data)[i] = (float)metres; else if (t.dtype == LB_F64) ((double *)(void *)data)[i] = metres; else if (t.dtype == LB_F16) ((uint16_t *)(void *)data)[i] = lb__f32_f16((float)metres);
            else if (t.dtype == LB_U16) ((uint16_t *)(void *)data)[i] = mm[i]; else if (t.dtype == LB_I32) ((int32_t *)(void *)data)[i] = mm[i]; else ((int64_t *)(void *)data)[i] = mm[i];
        }
        CHECK(!lb_npy_save(path, &t) && !lb_prepare_file(ctx, m, "depth", path, x), "%s", lb_last_error());
        for (i = 0; i < 3 * 256; i++) most = LB__MAX(most, fabsf(x[i] - want[i]));
        CHECK((double)most <= form[k].far, "%s: %g from the picture", lb_dtype_name(t.dtype), (double)most);
    }
    for (n = 0; ; n++) {
        lb_status s; const long live = alloc_live;
        alloc_left = n; s = lb_prepare_file(ctx, m, "depth", path, x); alloc_left = -1;
        CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
        if (!s) break;
        CHECK(s == LB_ERR_MEM && n < 100, "allocation %ld: %s", n, lb_last_error());
        if (n == 100) break;
    }
    for (k = 0; k < LB__COUNT(bad); k++) {
        memset(&t, 0, sizeof t); t.dtype = bad[k].type; t.data = data; t.ndim = (int)bad[k].ndim; memcpy(t.shape, bad[k].shape, sizeof bad[k].shape); memset(data, 0, sizeof data);
        if (t.dtype == LB_F32) ((float *)(void *)data)[5] = (float)bad[k].v; else if (t.dtype == LB_F64) ((double *)(void *)data)[5] = bad[k].v; else if (t.dtype == LB_I16) ((int16_t *)(void *)data)[5] = (int16_t)bad[k].v;
        REQUIRE(!lb_npy_save(path, &t), "%s", lb_last_error());
        CHECK(lb_prepare_file(ctx, m, "depth", path, x) == bad[k].status && strstr(lb_last_error(), bad[k].says) && strstr(lb_last_error(), path), "case %zu: %s", k, lb_last_error());
    }
    CHECK(lb_prepare_file(ctx, m, "photo", path, x) == LB_ERR_FORMAT, "an array is no photo: %s", lb_last_error());
    ctx->limits.max_pixels = 100; t.dtype = LB_U8; t.ndim = 2; t.shape[0] = H; t.shape[1] = W;
    CHECK(!lb_npy_save(path, &t) && lb_prepare_file(ctx, m, "depth", path, x) == LB_ERR_LIMIT, "%s", lb_last_error());
    remove(path); remove("build/depth.png"); lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
#endif

/* ---- arrays ---- */

static void put(const char *path, const void *p, size_t n) { FILE *f = fopen(path, "wb"); if (f) { fwrite(p, 1, n, f); fclose(f); } }
LBT(modality, files_of_every_loader_give_the_same_array) {
    static const char *const loaders[] = { "csv", "raw", "npy", "by-name", "by-name", "by-name" }, *const paths[] = { "build/motion.csv", "build/motion.raw", "build/motion.npy", "build/motion.csv", "build/motion.raw", "build/motion.npy" };
    lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *m; float x[72], want[72], table[72]; char json[300]; size_t i, k; lb_tensor t;
    unsigned char raw[72 * 4]; FILE *f = fopen(paths[0], "w");
    for (k = 0; k < 12; k++) for (i = 0; i < 6; i++) {                                   /* step k, axis i */
        const float v = (float)(10 * i) + (float)k / 4; table[k * 6 + i] = v; lb__put32le(raw + 4 * (i * 12 + k), lb__f32_bits(v));
        want[i * 12 + k] = (v - (float)i) / 2; fprintf(f, "%s%g", i ? ", " : "", (double)v); if (i == 5) fputc('\n', f);
    }
    fclose(f); put(paths[1], raw, sizeof raw);
    memset(&t, 0, sizeof t); t.ndim = 3; t.shape[0] = 6; t.shape[1] = 1; t.shape[2] = 12;
    { double wide[72]; for (i = 0; i < 72; i++) wide[i] = (double)lb__bits_f32(lb__u32le(raw + 4 * i)); t.dtype = LB_F64; t.data = wide; REQUIRE(!lb_npy_save(paths[2], &t), "%s", lb_last_error()); }
    for (i = 0; i < 6; i++) {
        snprintf(json, sizeof json, "{\"name\":\"motion\",\"channels\":6,\"length\":12,\"patch\":4,\"mean\":[0,1,2,3,4,5],\"std\":2,\"loader\":\"%s\"}", loaders[i]);
        REQUIRE(!extend(ctx, base, json, &m), "%s", lb_last_error());
        CHECK(!lb_prepare_file(ctx, m, "motion", paths[i], x), "%s", lb_last_error());
        CHECK(!memcmp(x, want, sizeof x), "%s as %s", paths[i], loaders[i]);
        lb_model_free(m);
    }
    REQUIRE(!extend(ctx, base, "{\"name\":\"motion\",\"channels\":6,\"length\":12,\"patch\":4,\"mean\":[0,1,2,3,4,5],\"std\":2,\"channels_last\":true}", &m), "%s", lb_last_error());
    t.dtype = LB_F32; t.data = table; t.ndim = 2; t.shape[0] = 12; t.shape[1] = 6;
    CHECK(!lb_prepare_array(ctx, m, "motion", &t, x) && !memcmp(x, want, sizeof x), "interleaved: %s", lb_last_error());
    for (i = 0; i < 72; i++) lb__put32le(raw + 4 * i, lb__f32_bits(table[i]));
    put(paths[1], raw, sizeof raw);
    CHECK(!lb_prepare_file(ctx, m, "motion", paths[1], x) && !memcmp(x, want, sizeof x), "interleaved raw: %s", lb_last_error());
    CHECK(!lb_prepare_file(ctx, m, "motion", paths[0], x) && !memcmp(x, want, sizeof x), "a csv is what it was: %s", lb_last_error());
    t.shape[0] = 6; t.shape[1] = 12;
    CHECK(lb_prepare_array(ctx, m, "motion", &t, x) == LB_ERR_MISMATCH && strstr(lb_last_error(), "channels]"), "%s", lb_last_error());
    t.shape[0] = 12; t.shape[1] = 6; table[50] = INFINITY;
    CHECK(lb_prepare_array(ctx, m, "motion", &t, x) == LB_ERR_NUMERIC && strstr(lb_last_error(), "number 50"), "%s", lb_last_error());
    put("build/motion.bin", raw, 71 * 4);
    CHECK(lb_prepare_file(ctx, m, "motion", "build/motion.bin", x) == LB_ERR_MISMATCH && strstr(lb_last_error(), "motion.bin"), "%s", lb_last_error());
    put("build/motion.bin", raw, 66 * 4);
    CHECK(lb_prepare_file(ctx, m, "motion", "build/motion.bin", x) == LB_ERR_MISMATCH && strstr(lb_last_error(), "length 11"), "%s", lb_last_error());
    put("build/motion.bin", raw, 0);
    CHECK(lb_prepare_file(ctx, m, "motion", "build/motion.bin", x) == LB_ERR_MISMATCH, "%s", lb_last_error());
    CHECK(lb_prepare_file(ctx, m, "motion", "build/not-there.npy", x) == LB_ERR_IO, "%s", lb_last_error());
    CHECK(lb_prepare_file(ctx, m, "text", paths[0], x) == LB_ERR_ARG && lb_prepare_array(ctx, m, "photo", &t, x) == LB_ERR_ARG, "%s", lb_last_error());
    lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* What has more axes than a table is a line a row of the array, as FORMAT and manual say; what the base has in another shape of as many numbers is not taken for its like. */
LBT(modality, rows_and_tables_of_other_shapes) {
    lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *m; float x[96], bad[96]; size_t i, k; const lb_tensor *a, *b; lb_tensor t; FILE *f = fopen("build/rows.csv", "w");
    for (i = 0; i < 6; i++) for (k = 0; k < 16; k++) fprintf(f, "%d%c", (int)(100 * i + k), k == 15 ? '\n' : ',');
    fclose(f);
    REQUIRE(!extend(ctx, base, "{\"name\":\"m\",\"loader\":\"csv\",\"channels\":2,\"height\":3,\"length\":16,\"patch\":[3,8]}", &m), "%s", lb_last_error());
    CHECK(!lb_prepare_file(ctx, m, "m", "build/rows.csv", x), "%s", lb_last_error());
    for (i = 0; i < 96; i++) CHECK(x[i] == (float)(100 * (i / 16) + i % 16), "number %u is %g", (unsigned)i, (double)x[i]);
    memset(&t, 0, sizeof t); t.data = bad; t.ndim = 3; t.shape[0] = 2; t.shape[1] = 3; t.shape[2] = 16; t.dtype = (lb_dtype)42; memset(bad, 0, sizeof bad);
    CHECK(lb_prepare_array(ctx, m, "m", &t, x) == LB_ERR_ARG && lb_tensor_f32(&t) == LB_ERR_ARG && t.data == bad, "%s", lb_last_error());
    lb_model_free(m);
    REQUIRE(!extend(ctx, base, "{\"name\":\"m\",\"channels\":3,\"size\":[8,32],\"patch\":8,\"from\":\"photo\"}", &m), "%s", lb_last_error());
    a = lb__model_find(m, "m.pos"); b = lb__model_find(base, "vision.pos");
    CHECK(a && b && a->shape[0] == b->shape[0] && a->data != b->data && !memcmp(a->data, b->data, 16 * sizeof(float)) && memcmp(a->data, b->data, 80 * sizeof(float)), "positions of a grid of 1 x 4 are not those of 2 x 2");
    lb_model_free(m);
    REQUIRE(!extend(ctx, base, "{\"name\":\"m\",\"channels\":3,\"size\":[8,32],\"patch\":[4,16],\"from\":\"photo\"}", &m), "%s", lb_last_error());
    CHECK(lb__model_find(m, "m.patch.weight")->data != lb__model_find(base, "vision.patch.weight")->data, "patches of 4 x 16 are not those of 8 x 8");
    lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx); remove("build/rows.csv");
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(modality, lengths_are_fitted) {
    static const char *const fits[] = { "zero", "repeat", "resample" }; static const float longer[4] = { 3, 4, 5, 6 }, shorter[4] = { 1, 2, 1, 2 };
    lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *m; char json[200]; float x[4], y[4], data[9]; size_t i, k; lb_tensor t;
    for (i = 0; i < 9; i++) data[i] = (float)i + 1;
    memset(&t, 0, sizeof t); t.ndim = 1; t.data = data;
    for (k = 0; k < 3; k++) {
        snprintf(json, sizeof json, "{\"name\":\"a\",\"length\":4,\"patch\":2,\"fit\":\"%s\"}", fits[k]);
        REQUIRE(!extend(ctx, base, json, &m), "%s", lb_last_error());
        t.shape[0] = 8; CHECK(!lb_prepare_array(ctx, m, "a", &t, x), "%s", lb_last_error());
        t.shape[0] = 2; CHECK(!lb_prepare_array(ctx, m, "a", &t, y), "%s", lb_last_error());
        if (k < 2) CHECK(!memcmp(x, longer, sizeof x), "%s: %g %g %g %g", fits[k], (double)x[0], (double)x[1], (double)x[2], (double)x[3]);
        if (k == 0) CHECK(y[0] == 1 && y[1] == 2 && y[2] == 0 && y[3] == 0, "%g %g %g %g", (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
        if (k == 1) CHECK(!memcmp(y, shorter, sizeof y), "%g %g %g %g", (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
        if (k == 2) {                        /* torch 1.13: F.interpolate(arange(1, 9.)[None, None, None], (1, 4), mode="bicubic", antialias=True), and of [1, 2] */
            static const float down[4] = { 1.54393315f, 3.45945954f, 5.54054070f, 7.45606709f }, up[4] = { 0.91176468f, 1.20714283f, 1.79285717f, 2.08823514f };
            for (i = 0; i < 4; i++) { CHECK(fabsf(x[i] - down[i]) < 1e-5f, "down %zu: %.7f", i, (double)x[i]); CHECK(fabsf(y[i] - up[i]) < 1e-5f, "up %zu: %.7f", i, (double)y[i]); }
        }
        t.shape[0] = 4; CHECK(!lb_prepare_array(ctx, m, "a", &t, x) && !memcmp(x, data, sizeof x), "its own length");
        lb_model_free(m);
    }
    lb_model_free(base); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* ---- the model ---- */

LBT(modality, an_extended_model_embeds_and_comes_back_from_its_file) {
    lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *m, *again = NULL; float x[72], a[8], b[8]; size_t i; const lb_modality_desc *d; struct stat plain, more;
    for (i = 0; i < 72; i++) x[i] = (float)(i % 11) - 5;
    REQUIRE(!extend(ctx, base, "{\"name\":\"motion\",\"loader\":\"raw\",\"channels\":6,\"length\":12,\"patch\":4,\"fit\":\"repeat\",\"channels_last\":true,\"from\":\"photo\",\"std\":[1,2,3,4,5,6]}", &m), "%s", lb_last_error());
    REQUIRE(!lb_embed_tensor(ctx, m, "motion", x, 1, a), "%s", lb_last_error());
    REQUIRE(!lb_model_save(ctx, base, LB_F32, "build/modality0.lbw") && !lb_model_save(ctx, m, LB_F32, "build/modality1.lbw") && !lb_model_open(ctx, "build/modality1.lbw", &again), "%s", lb_last_error());
    d = lb_model_modality(again, "motion");
    REQUIRE(d, "the file has no modality motion");
    CHECK(d->kind == LB_ARRAY && d->loader == LB_LOAD_RAW && d->fit == LB_FIT_REPEAT && d->channels_last == 1 && d->channels == 6 && d->height == 1 && d->width == 12 && d->std[5] == 6, "%d %d %d", (int)d->loader, (int)d->fit, d->channels_last);
    CHECK(!lb_embed_tensor(ctx, again, "motion", x, 1, b) && !memcmp(a, b, sizeof a), "another vector than before: %s", lb_last_error());
    stat("build/modality0.lbw", &plain); stat("build/modality1.lbw", &more);                 /* the blocks are in the file once; names and a few small tensors come on top */
    CHECK(more.st_size - plain.st_size < plain.st_size / 2, "%ld bytes, %ld without the modality", (long)more.st_size, (long)plain.st_size);
    CHECK(lb_model_tensor(again, "motion.blocks.1.mlp.fc1.weight")->data == lb_model_tensor(again, "vision.blocks.1.mlp.fc1.weight")->data, "the blocks are there twice");
    lb_model_free(again); lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(modality, every_allocation_may_fail) {
    long n; lb_status s = LB_ERR_MEM; lb_tensor t; float data[30], x[72];
    memset(&t, 0, sizeof t); t.ndim = 2; t.shape[0] = 6; t.shape[1] = 5; t.data = data; for (n = 0; n < 30; n++) data[n] = (float)n;
    for (n = 0; s && n < 5000; n++) {
        const long live = alloc_live; lb_ctx *ctx = context(); lb_model *base = base_model(ctx), *m = NULL;
        alloc_left = n;
        s = extend(ctx, base, "{\"name\":\"motion\",\"channels\":6,\"length\":12,\"patch\":4,\"fit\":\"resample\",\"from\":\"vision\"}", &m);
        if (!s) s = lb_prepare_array(ctx, m, "motion", &t, x);
        if (!s) { static lb_model_desc d; char vocabulary[LB_VOCABULARY_SIZE]; s = lb_model_parse(ctx, whole, sizeof whole - 1, &d, vocabulary); CHECK(!s == (d.towers > 0), "output"); }
        alloc_left = -1;
        CHECK(!s || (s == LB_ERR_MEM && lb_last_error()[0]), "allocation %ld: %s", n, lb_last_error());
        lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
        CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
    }
    CHECK(!s && n > 5, "%ld allocations, status %d", n, (int)s);
}
