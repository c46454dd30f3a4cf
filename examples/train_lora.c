/* train_lora.c - a frozen model learns a new look: a tiny CLIP that knows coloured drawings is given their negatives, and low-rank updates of
 * its vision tower, 100 kB in a file of their own, teach it to read those too.  With and without the adapter, over one base.
 *
 *     cc -O2 -fopenmp -I. examples/train_lora.c -o train_lora -lm && ./train_lora [FOLDER for the two files, default build]
 *
 * Prints how many of 256 drawings that were not trained on find their caption first: the base on drawings, the base on negatives, the adapted
 * model on negatives. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

enum { SIDE = 24, KINDS = 64, CONTEXT = 10, TEST = 256 };
static const char *const colours[8] = { "red", "green", "blue", "yellow", "purple", "cyan", "white", "orange" }, *const shapes[4] = { "circle", "square", "cross", "ring" };
static const float rgb[8][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 1, 1, 0 }, { .6f, 0, .8f }, { 0, 1, 1 }, { 1, 1, 1 }, { 1, .5f, 0 } };

/* A drawing of kind i, moved by (dy, dx), with colours turned round if `negative` */
static void draw(int i, int dy, int dx, int negative, float *x) {
    const int colour = i % 8, shape = i / 8 % 4, large = i / 32; const float r = large ? 8.0f : 4.5f; int c, v, h;
    for (v = 0; v < SIDE; v++) for (h = 0; h < SIDE; h++) {
        const float a = (float)(v - dy) - SIDE / 2 + .5f, b = (float)(h - dx) - SIDE / 2 + .5f, d = a * a + b * b, m = a * a > b * b ? a * a : b * b;
        const int inside = shape == 0 ? d < r * r : shape == 1 ? m < r * r * .8f : shape == 2 ? m < r * r && (a * a < 4 || b * b < 4) : d < r * r && d > r * r * .4f;
        for (c = 0; c < 3; c++) { float p = inside ? 2 * rgb[colour][c] - 1 : -1; x[(c * SIDE + v) * SIDE + h] = negative ? -p : p; }
    }
}
static float x[KINDS * 3 * SIDE * SIDE], test[TEST * 3 * SIDE * SIDE];
static int32_t ids[KINDS * CONTEXT]; static char caption[KINDS][40]; static const char *texts[KINDS]; static unsigned turn;

static void fail(void) { fprintf(stderr, "%s\n", lb_last_error()); exit(1); }
static int shift(unsigned limit) { turn = turn * 1664525u + 1013904223u; return (int)((turn >> 16) % limit) - (int)(limit / 2); }
/* Fresh positions for every kind */
static void batch_draw(int negative) { int i; for (i = 0; i < KINDS; i++) draw(i, shift(5), shift(5), negative, x + i * 3 * SIDE * SIDE); }
static void train(lb_ctx *ctx, lb_trainer *run, int steps, int negative) {
    lb_batch b; lb_train_stats s; int i;
    memset(&b, 0, sizeof b); memset(&s, 0, sizeof s); b.n = KINDS; b.x = x; b.ids = ids; b.length = CONTEXT;
    for (i = 0; i < steps; i++) { batch_draw(negative); if (lb_trainer_step(ctx, run, &b, &s)) fail(); }
    printf("  %d steps on %s, %lu parameters: loss %.3f\n", steps, negative ? "negatives" : "drawings", (unsigned long)lb_trainer_parameters(run), s.loss);
}
static int recall(lb_ctx *ctx, const lb_model *m, int negative) {
    static float image[TEST * 64], text[KINDS * 64], score[TEST * KINDS]; int i, j, right = 0;
    turn = 99;                                                   /* other positions than any of the training */
    for (i = 0; i < TEST; i++) draw(i % KINDS, shift(5), shift(5), negative, test + i * 3 * SIDE * SIDE);
    if (lb_embed_tensor(ctx, m, "image", test, TEST, image) || lb_embed_text(ctx, m, texts, KINDS, text) || lb_similarity(ctx, image, TEST, text, KINDS, 64, 1, score)) fail();
    for (i = 0; i < TEST; i++) { int best = 0; for (j = 1; j < KINDS; j++) if (score[i * KINDS + j] > score[i * KINDS + best]) best = j; right += best == i % KINDS; }
    return right;
}

int main(int argc, char **argv) {
    lb_ctx *ctx; lb_tokenizer *words; lb_model *fresh, *base = NULL, *adapted = NULL; lb_trainer *run; lb_model_desc d; lb_train_desc t; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1];
    char base_path[512], adapter_path[512]; int i, known, before, after;

    snprintf(base_path, sizeof base_path, "%s/train_lora_base.lbw", argc > 1 ? argv[1] : "build"); snprintf(adapter_path, sizeof adapter_path, "%s/train_lora_negatives.lbw", argc > 1 ? argv[1] : "build");
    if (lb_ctx_new(NULL, &ctx)) fail();
    for (i = 0; i < KINDS; i++) { sprintf(caption[i], "a %s %s %s", i / 32 ? "large" : "small", colours[i % 8], shapes[i / 8 % 4]); texts[i] = caption[i]; }
    if (lb_tokenizer_train(ctx, LB_CLEAN_OPEN_CLIP, texts, NULL, KINDS, 600, 2, &words)) fail();
    for (i = 0; i < KINDS; i++) if (lb_tokenize(ctx, words, LB_CLEAN_OPEN_CLIP, texts[i], LB_CSTRING, ids + i * CONTEXT, CONTEXT, NULL)) fail();

    /* the base: trained on drawings, saved, opened */
    memset(&d, 0, sizeof d);
    d.towers = d.modalities = 2; d.seed = 1; d.merges = lb_tokenizer_merges(words, &d.merge_count);
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 64; v->layers = 2; v->heads = 2; v->embed_dim = 64; v->patch_h = v->patch_w = 6; v->grid_h = v->grid_w = SIDE / 6;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 64; w->layers = 2; w->heads = 2; w->embed_dim = 64; w->context = CONTEXT; w->vocab = (int)lb_tokenizer_vocab(words);
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    if (lb_model_create(ctx, &d, &fresh)) fail();
    memset(&t, 0, sizeof t); t.lr = 1e-3; t.warmup = 10; t.steps = 60;
    if (lb_trainer_new(ctx, fresh, &t, &run)) fail();
    train(ctx, run, 60, 0);
    if (lb_model_save(ctx, lb_trainer_model(run), LB_F32, base_path) || lb_model_open(ctx, base_path, &base)) fail();
    lb_trainer_free(run); lb_model_free(fresh);

    /* the adapter: low-rank updates on the frozen vision tower, text frozen too */
    memset(&t, 0, sizeof t); t.trainable = LB_TRAIN_LORA; t.lora_rank = 8; t.freeze_text = 1; t.lr = 3e-3; t.warmup = 10; t.steps = 60;
    if (lb_trainer_new(ctx, base, &t, &run)) fail();
    train(ctx, run, 60, 1);
    if (lb_trainer_adapter(ctx, run, adapter_path)) fail();
    lb_trainer_free(run);

    /* one base, with the adapter and without */
    if (lb_model_adapt(ctx, base, adapter_path, &adapted)) fail();
    known = recall(ctx, base, 0); before = recall(ctx, base, 1); after = recall(ctx, adapted, 1);
    printf("of %d drawings not trained on, right at first: base on drawings %d, base on negatives %d, adapted on negatives %d\n", TEST, known, before, after);
    lb_model_free(adapted); lb_model_free(base); lb_tokenizer_free(words); lb_ctx_free(ctx);
    return !(after > before);
}
