/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/adapter.c -o build/fuzz/adapter -lm && mkdir -p seeds && build/fuzz/adapter seeds
 * Adapter files over a small model: low-rank updates of its image tower, a new modality, and one over the other.  A refused one leaves a sentence that names it;
 * one that is taken gives a model that embeds, and that makes the same vector when it is saved and opened again. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "container.h"

static lb_ctx *c; static lb_model *base;
static void describe(lb_model_desc *d) {
    static const uint16_t none[2]; lb_tower_desc *v = &d->tower[0], *t = &d->tower[1];
    memset(d, 0, sizeof *d); d->towers = d->modalities = 2; d->merges = none;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 8; v->layers = 2; v->heads = 2; v->embed_dim = 4; v->patch_h = v->patch_w = 4; v->grid_h = v->grid_w = 2;
    strcpy(t->name, "text"); t->kind = LB_TOWER_TEXT; t->width = 8; t->layers = t->heads = 1; t->embed_dim = 4; t->context = 8; t->vocab = 514;
    strcpy(d->modality[0].name, "image"); strcpy(d->modality[0].tower, "vision"); d->modality[0].kind = LB_IMAGE;
    strcpy(d->modality[1].name, "text"); strcpy(d->modality[1].tower, "text"); d->modality[1].kind = LB_TEXT;
}
/* Trains `modality` of m for one step and leaves the adapter in the folder. */
static void seed(const lb_model *m, const char *modality, lb_trainable trainable, const char *folder, const char *name) {
    lb_train_desc d; lb_batch b; lb_trainer *t = NULL; const lb_modality_desc *q = lb_model_modality(m, modality); const size_t n = lb_modality_floats(q); float *x = (float *)calloc(2 * n, sizeof *x); int32_t ids[6] = { 512, 70, 513, 512, 80, 513 }; char path[512]; size_t i;
    memset(&d, 0, sizeof d); memset(&b, 0, sizeof b);
    d.modality = modality; d.trainable = trainable; d.lora_rank = 2; d.lora_alpha = 2; d.steps = 2; d.lr = 1e-2;
    for (i = 0; i < 2 * n; i++) x[i] = (float)(i % 7) - 3;
    b.n = 2; b.x = x; b.ids = ids; b.length = 3;
    snprintf(path, sizeof path, "%s/seed-%s", folder, name);
    if (lb_trainer_new(c, m, &d, &t) || lb_trainer_step(c, t, &b, NULL) || lb_trainer_adapter(c, t, path)) { fprintf(stderr, "%s: %s\n", name, lb_last_error()); __builtin_trap(); }
    lb_trainer_free(t); free(x);
}
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static lb_model_desc d; static const char sensor[] = "{\"name\":\"motion\",\"loader\":\"csv\",\"channels\":2,\"length\":8,\"patch\":4}", clip[] = "{\"name\":\"video\",\"loader\":\"video\",\"frames\":2,\"height\":8,\"width\":8,\"temporal\":true}";
    lb_model *m = NULL; const char *folder = container_folder(*argc, *argv), *path = container_at("adapter");
    describe(&d);
    if (lb_ctx_new(NULL, &c) || lb_model_create(c, &d, &m) || lb_model_save(c, m, LB_F32, path) || lb_model_open(c, path, &base)) { fprintf(stderr, "%s\n", lb_last_error()); __builtin_trap(); }
    lb_model_free(m);
    if (!folder) return 0;
    seed(base, "image", LB_TRAIN_LORA, folder, "lora"); seed(base, "image", LB_TRAIN_PROJECTION, folder, "projection");
    if (lb_model_extend_json(c, base, sensor, sizeof sensor - 1, 1, &m)) __builtin_trap();
    seed(m, "motion", LB_TRAIN_ALL, folder, "sensor"); lb_model_free(m);
    if (lb_model_extend_json(c, base, clip, sizeof clip - 1, 1, &m)) __builtin_trap();
    seed(m, "video", LB_TRAIN_LORA, folder, "video"); lb_model_free(m);
    return 0;
}
/* What it makes of zeros, of every modality; 0: some vector is not a finite one. */
static int embed(const lb_model *m, float *v) {
    const lb_model_desc *d = lb_model_describe(m); const size_t dim = lb_model_dim(m); int32_t ids[3] = { 512, 70, 513 }; int i, good = 1;
    for (i = 0; i < d->modalities; i++) {
        const lb_modality_desc *q = &d->modality[i]; lb_status s; float *x;
        if (q->kind == LB_TEXT) { s = lb_embed_tokens(c, m, ids, 1, 3, v + (size_t)i * dim); good &= !s; continue; }
        if (lb_modality_floats(q) > 20000 || !(x = (float *)calloc(lb_modality_floats(q), sizeof *x))) { good = 0; continue; }
        s = lb_embed_tensor(c, m, q->name, x, 1, v + (size_t)i * dim); good &= !s;
        if (s && !lb_last_error()[0]) __builtin_trap();
        free(x);
    }
    return good;
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static float a[LB_MAX_MODALITIES * 4], b[LB_MAX_MODALITIES * 4]; static long runs; const char *path = container_at("adapter"); char to[80]; uint8_t *p = container_right(data, size); lb_model *m = NULL, *n = NULL, *o = NULL; size_t i; int plain = 1;
    snprintf(to, sizeof to, "%s.whole", path);
    remove(path); container_write(path, p, size); free(p);             /* the base has the old file mapped */
    if (lb_model_adapt(c, base, path, &m)) { if (m || !strstr(lb_last_error(), path)) __builtin_trap(); return 0; }
    memset(a, 0, sizeof a); memset(b, 0, sizeof b);
    for (i = 0; i < m->params; i++) plain &= m->param[i].t.dtype == LB_F32;
    if (embed(m, a) && plain && runs++ % 16 == 0) {
        const lb_status saved = lb_model_save(c, m, LB_F32, to);                       /* which looks at every number, also at those that no vector depends on */
        if (saved ? saved != LB_ERR_NUMERIC : lb_model_open(c, to, &o) || !embed(o, b) || memcmp(a, b, sizeof a)) { fprintf(stderr, "saved: %s\n", lb_last_error()); __builtin_trap(); }
        remove(to);
    }
    if (!lb_model_adapt(c, m, path, &n)) { embed(n, b); lb_model_free(n); }      /* over itself */
    n = NULL;
    if (!lb_model_merge(c, m, &n)) embed(n, b);
    lb_model_free(n); lb_model_free(o); lb_model_free(m);
    return 0;
}
