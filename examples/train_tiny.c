/* train_tiny.c - a CLIP from nothing: 64 drawings ("a small red circle", ...) and a model that learns to tell them apart in seconds.
 *
 *     cc -O2 -fopenmp -I. examples/train_tiny.c -o train_tiny -lm && ./train_tiny [OUT.lbw]
 *
 * Shows a vocabulary learnt from captions, a model made from a description, training steps, and the model in use and saved.
 * Prints the loss now and then, and at the end how many drawings find their own caption first (all 64). */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

enum { SIDE = 24, PAIRS = 64, CONTEXT = 10 };
static const char *const colours[8] = { "red", "green", "blue", "yellow", "purple", "cyan", "white", "orange" }, *const shapes[4] = { "circle", "square", "cross", "ring" };
static const float rgb[8][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 1, 1, 0 }, { .6f, 0, .8f }, { 0, 1, 1 }, { 1, 1, 1 }, { 1, .5f, 0 } };

/* Pair i: [3, SIDE, SIDE] in -1..1, and its caption */
static void draw(int i, float *x, char *caption) {
    const int colour = i % 8, shape = i / 8 % 4, large = i / 32; const float r = large ? 9.0f : 5.0f; int c, v, h;
    sprintf(caption, "a %s %s %s", large ? "large" : "small", colours[colour], shapes[shape]);
    for (v = 0; v < SIDE; v++) for (h = 0; h < SIDE; h++) {
        const float a = (float)v - SIDE / 2 + .5f, b = (float)h - SIDE / 2 + .5f, d = a * a + b * b, m = a * a > b * b ? a * a : b * b;
        const int inside = shape == 0 ? d < r * r : shape == 1 ? m < r * r * .8f : shape == 2 ? m < r * r && (a * a < 4 || b * b < 4) : d < r * r && d > r * r * .4f;
        for (c = 0; c < 3; c++) x[(c * SIDE + v) * SIDE + h] = inside ? 2 * rgb[colour][c] - 1 : -1;
    }
}
static int failed(void) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }

int main(int argc, char **argv) {
    static float x[PAIRS * 3 * SIDE * SIDE], image[PAIRS * 64], text[PAIRS * 64], score[PAIRS * PAIRS];
    static int32_t ids[PAIRS * CONTEXT]; static char caption[PAIRS][40]; const char *texts[PAIRS];
    lb_ctx *ctx; lb_tokenizer *words; lb_model *model; lb_trainer *run; lb_model_desc d; lb_train_desc t; lb_batch batch; lb_train_stats s; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1];
    int i, j, right = 0;

    if (lb_ctx_new(NULL, &ctx)) return failed();
    for (i = 0; i < PAIRS; i++) { draw(i, x + i * 3 * SIDE * SIDE, caption[i]); texts[i] = caption[i]; }
    if (lb_tokenizer_train(ctx, LB_CLEAN_OPEN_CLIP, texts, NULL, PAIRS, 600, 2, &words)) return failed();

    memset(&d, 0, sizeof d);                                     /* what is zero means its default */
    d.towers = d.modalities = 2; d.seed = 1;
    d.merges = lb_tokenizer_merges(words, &d.merge_count);
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 64; v->layers = 2; v->heads = 2; v->embed_dim = 64; v->patch_h = v->patch_w = 6; v->grid_h = v->grid_w = SIDE / 6;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 64; w->layers = 2; w->heads = 2; w->embed_dim = 64; w->context = CONTEXT; w->vocab = (int)lb_tokenizer_vocab(words);
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    if (lb_model_create(ctx, &d, &model)) return failed();

    memset(&t, 0, sizeof t);
    t.lr = 1e-3; t.warmup = 10; t.steps = 150;
    if (lb_trainer_new(ctx, model, &t, &run)) return failed();
    for (i = 0; i < PAIRS; i++) if (lb_tokenize(ctx, words, LB_CLEAN_OPEN_CLIP, texts[i], LB_CSTRING, ids + i * CONTEXT, CONTEXT, NULL)) return failed();
    memset(&batch, 0, sizeof batch);
    batch.n = PAIRS; batch.x = x; batch.ids = ids; batch.length = CONTEXT;
    printf("%lu parameters, %lu bytes for a step\n", (unsigned long)lb_trainer_parameters(run), (unsigned long)lb_trainer_bytes(run, PAIRS, CONTEXT));
    for (i = 0; i < 150; i++) {
        if (lb_trainer_step(ctx, run, &batch, &s)) return failed();
        if (i % 25 == 0 || i == 149) printf("step %3d  loss %.4f  logit scale %.1f\n", i + 1, s.loss, s.logit_scale);
    }

    if (lb_embed_tensor(ctx, lb_trainer_model(run), "image", x, PAIRS, image) || lb_embed_text(ctx, lb_trainer_model(run), texts, PAIRS, text)) return failed();
    if (lb_similarity(ctx, image, PAIRS, text, PAIRS, 64, 1, score)) return failed();
    for (i = 0; i < PAIRS; i++) {
        int best = 0;
        for (j = 1; j < PAIRS; j++) if (score[i * PAIRS + j] > score[i * PAIRS + best]) best = j;
        right += best == i;
    }
    printf("%d of %d drawings find their caption first\n", right, PAIRS);
    if (argc > 1 && lb_model_save(ctx, lb_trainer_model(run), LB_F16, argv[1])) return failed();
    lb_trainer_free(run); lb_model_free(model); lb_tokenizer_free(words); lb_ctx_free(ctx);
    return right != PAIRS;
}
