/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/modality.c -o build/fuzz/modality -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
/* A whole model's declaration, likewise: a small one makes a model, or there is a sentence. */
static void whole_model(lb_ctx *ctx, const char *text, size_t size) {
    static lb_model_desc d; char vocabulary[LB_VOCABULARY_SIZE]; lb_model *m = NULL; double numbers = 0; int i;
    if (lb_model_parse(ctx, text, size, &d, vocabulary)) { if (!lb_last_error()[0] || d.towers || vocabulary[0]) __builtin_trap(); return; }
    if (d.towers < 2 || d.modalities < 2 || d.tower[d.towers - 1].kind != LB_TOWER_TEXT || d.modality[d.modalities - 1].kind != LB_TEXT) __builtin_trap();
    for (i = 0; i < d.towers; i++) {
        const lb_tower_desc *t = &d.tower[i];
        numbers += ((double)t->layers + 1) * t->width * (4.0 * t->width + 2.0 * (t->mlp ? t->mlp : 4 * t->width) + t->embed_dim + (t->vocab ? t->vocab : 49408) * (t->kind == LB_TOWER_TEXT) + t->context + (double)t->channels * t->patch_h * t->patch_w * (t->tube ? t->tube : 1) + (double)t->grid_h * t->grid_w + t->frames);
    }
    if (numbers < 1e6 && lb_model_create(ctx, &d, &m) && (!lb_last_error()[0] || m)) __builtin_trap();
    lb_model_free(m);
}
/* A declaration is refused with a sentence, or makes a description that holds; small ones also extend a model, and that model takes an array. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lb_ctx *ctx = NULL; lb_model *base = NULL, *m = NULL; lb_model_desc d; lb_modality_desc s; lb_tower_desc t; char from[LB_NAME_SIZE]; lb_tower_desc *v = &d.tower[0];
    if (lb_ctx_new(NULL, &ctx)) return 0;
    whole_model(ctx, (const char *)data, size);
    if (!lb_modality_parse(ctx, (const char *)data, size, &s, &t, from)) {
        if (!s.name[0] || s.channels < 1 || s.channels > LB_MAX_CHANNELS || s.frames < 1 || s.height < 1 || s.width < 1 || strcmp(s.tower, t.name)) __builtin_trap();
        if ((double)s.channels * s.frames * s.height * s.width < 20000) {
            memset(&d, 0, sizeof d); d.towers = d.modalities = 1;
            strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 8; v->layers = 1; v->heads = 2; v->embed_dim = 4; v->patch_h = v->patch_w = 8; v->grid_h = v->grid_w = 2;
            strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
            if (lb_model_create(ctx, &d, &base)) __builtin_trap();
            if (!lb_model_extend_json(ctx, base, (const char *)data, size, 1, &m) && s.kind == LB_ARRAY) {
                const lb_modality_desc *k = lb_model_modality(m, s.name); size_t n = (size_t)k->channels * (size_t)k->frames * (size_t)k->height * 3; lb_tensor a; float *x = (float *)calloc(n / 3 * (size_t)k->width, sizeof *x);
                memset(&a, 0, sizeof a); a.ndim = 4; a.shape[0] = (size_t)k->channels; a.shape[1] = (size_t)k->frames; a.shape[2] = (size_t)k->height; a.shape[3] = 3; a.data = calloc(n, sizeof(float));
                if (k->channels_last) { a.shape[0] = (size_t)k->frames; a.shape[1] = (size_t)k->height; a.shape[2] = 3; a.shape[3] = (size_t)k->channels; }
                if (x && a.data && lb_prepare_array(ctx, m, s.name, &a, x) && (k->fit != LB_FIT_EXACT || k->width == 3)) __builtin_trap();
                free(x); free(a.data);
            }
        }
    } else if (!lb_last_error()[0] || s.name[0]) __builtin_trap();
    lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
    return 0;
}
