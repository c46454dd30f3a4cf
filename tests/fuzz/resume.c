/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/resume.c -o build/fuzz/resume -lm && mkdir -p seeds && build/fuzz/resume seeds
 * Checkpoints of training, of three runs over a small model: whole with averaged weights, low-rank updates, and names by a pattern.  A refused one leaves a sentence
 * that names it and the run as it was; after one that is taken the run goes on, or says why not. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "container.h"

enum { RUNS = 3 };
static lb_ctx *c; static lb_model *base; static lb_batch batch; static float x[2 * 3 * 64]; static int32_t ids[6] = { 512, 70, 513, 512, 80, 513 };
static lb_trainer *start(int k) {
    lb_train_desc d; lb_trainer *t = NULL;
    memset(&d, 0, sizeof d); d.steps = 8; d.warmup = 1; d.lr = 1e-2; d.data = "data of nothing";
    if (k == 0) { d.ema = 0.9; d.freeze_text = 1; }                  /* whose token table would be most of the file */
    if (k == 1) { d.trainable = LB_TRAIN_LORA; d.lora_rank = 2; d.lora_dropout = 0.1f; }
    if (k == 2) { d.trainable = LB_TRAIN_PATTERN; d.pattern = "*.proj.weight,image.logit_scale"; d.freeze_text = 1; d.other_steps = 1; d.mask_ratio = 0.5; }
    if (lb_trainer_new(c, base, &d, &t)) { fprintf(stderr, "%d: %s\n", k, lb_last_error()); __builtin_trap(); }
    return t;
}
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static lb_model_desc d; static const uint16_t none[2]; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1]; const char *folder = container_folder(*argc, *argv); size_t i; int k;
    d.towers = d.modalities = 2; d.merges = none;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 8; v->layers = 1; v->heads = 2; v->embed_dim = 4; v->patch_h = v->patch_w = 4; v->grid_h = v->grid_w = 2;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 8; w->layers = w->heads = 1; w->embed_dim = 4; w->context = 8; w->vocab = 514;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    if (lb_ctx_new(NULL, &c) || lb_model_create(c, &d, &base)) __builtin_trap();
    for (i = 0; i < LB__COUNT(x); i++) x[i] = (float)(i % 7) - 3;
    batch.n = 2; batch.x = x; batch.ids = ids; batch.length = 3;
    for (k = 0; folder && k < RUNS; k++) {
        char path[512]; lb_trainer *t = start(k);
        snprintf(path, sizeof path, "%s/seed-%d", folder, k);
        if (lb_trainer_step(c, t, &batch, NULL) || lb_trainer_save(c, t, path)) { fprintf(stderr, "%d: %s\n", k, lb_last_error()); __builtin_trap(); }
        lb_trainer_free(t);
    }
    return 0;
}
/* A checksum over all that a checkpoint would hold. */
static uint32_t state(const lb_trainer *t) {
    uint32_t crc = (uint32_t)t->step; size_t i;
    for (i = 0; i < t->slots; i++) {
        const lb__slot *o = &t->slot[i]; const size_t n = o->n * sizeof(float);
        crc = lb__crc32(crc, o->p->t.data, n); crc = lb__crc32(crc, o->m, n); crc = lb__crc32(crc, o->v, n);
        if (o->ema) crc = lb__crc32(crc, o->ema, n);
    }
    return crc;
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = container_at("resume"); uint8_t *p = container_right(data, size); int k;
    container_write(path, p, size); free(p);
    for (k = 0; k < RUNS; k++) {
        lb_trainer *t = start(k); const uint32_t before = state(t); lb_train_stats stats; uint64_t step;
        if (lb_trainer_load(c, t, path)) { if (!strstr(lb_last_error(), path) || state(t) != before) __builtin_trap(); }
        else {
            step = lb_trainer_steps(t);
            if (lb_trainer_step(c, t, &batch, &stats)) { if (!lb_last_error()[0] || lb_trainer_steps(t) != step) __builtin_trap(); }
            else if (lb_trainer_steps(t) != step + 1 || !(stats.loss - stats.loss == 0) || !(stats.lr >= 0 && stats.lr <= 1e-2)) { fprintf(stderr, "step %llu: loss %g, rate %g\n", (unsigned long long)step, stats.loss, stats.lr); __builtin_trap(); }
        }
        lb_trainer_free(t);
    }
    return 0;
}
