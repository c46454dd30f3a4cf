/* own_sensor.c - a sensor of your own beside images and text: 6-axis motion (accelerometer and gyroscope), declared in JSON and bound to text.
 *
 *     cc -O2 -fopenmp -I. examples/own_sensor.c -o own_sensor -lm && ./own_sensor [OUT.lbw]
 *
 * Shows a modality described in JSON (weights/MODALITY.md has the keys), a model extended by it, arrays prepared as it asks, training against
 * captions, and zero-shot classes of recordings that were not trained on.  The recordings are made here: 8 ways to move, each with its own
 * tempo, strength and axes, at random phase, tempo and noise.  OUT.lbw then embeds files too: languagebind embed -m OUT.lbw --input motion:a.csv
 * Prints the loss now and then, and the zero-shot accuracy at the end (chance is 12.5 %). */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

enum { CLASSES = 8, LENGTH = 128, AXES = 6, BATCH = 32, STEPS = 60, TESTS = 80, CONTEXT = 16, DIM = 64 };
static const char sensor[] =
    "{ \"name\": \"motion\", \"comment\": \"m/s2 and rad/s at 50 Hz, one line a sample\", \"loader\": \"csv\",\n"
    "  \"channels\": 6, \"length\": 128, \"patch\": 16, \"fit\": \"repeat\", \"channels_last\": true,\n"
    "  \"mean\": [0, 0, 9.8, 0, 0, 0], \"std\": [4, 4, 4, 1.5, 1.5, 1.5] }";
static const char *const activity[CLASSES] = { "sitting still", "walking", "running", "climbing stairs", "jumping", "cycling", "turning around", "shaking a hand" };
static const float tempo[CLASSES]  = { 0.2f, 1.8f, 2.8f, 1.4f, 2.0f, 1.2f, 0.4f, 4.5f };       /* Hz */
static const float power[CLASSES][AXES] = { { .05f, .05f, .05f, .02f, .02f, .02f }, { 1, .7f, 2, .3f, .5f, .2f }, { 3, 1.5f, 6, .8f, 1, .5f }, { 1.5f, .6f, 3, .9f, .3f, .2f }, { .5f, .5f, 9, .3f, .3f, .1f },
    { .8f, .8f, .4f, .1f, .1f, 1.2f }, { .4f, .4f, .2f, .1f, .1f, 2.5f }, { 5, .5f, .5f, .3f, 2, .3f } };

static uint32_t state = 1;
static float uniform(void) { state = state * 1664525u + 1013904223u; return (float)(state >> 8) / 16777216.0f; }
/* One recording, [LENGTH, AXES] as a logger writes it. */
static void record(int c, float *x) {
    const float f = tempo[c] * (.85f + .3f * uniform()), strength = .8f + .4f * uniform(), phase = 6.2832f * uniform(); int t, a;
    for (t = 0; t < LENGTH; t++) for (a = 0; a < AXES; a++) {
        const float w = phase + 6.2832f * f * (float)t / 50 + (float)a;
        x[t * AXES + a] = (a == 2 ? 9.8f : 0) + strength * power[c][a] * (sinf(w) + .4f * sinf(2 * w + 1)) + .15f * (uniform() - .5f);
    }
}
static int failed(void) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }

/* A small model of images and text to extend; a real program opens one: lb_model_open(ctx, "model.lbw", &base). */
static lb_status small_model(lb_ctx *ctx, const char *const *texts, size_t n, lb_model **out) {
    lb_model_desc d; lb_tokenizer *words; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1]; lb_status s;
    memset(&d, 0, sizeof d);
    if ((s = lb_tokenizer_train(ctx, LB_CLEAN_OPEN_CLIP, texts, NULL, n, 600, 2, &words)) != LB_OK) return s;
    d.towers = d.modalities = 2; d.seed = 1; d.merges = lb_tokenizer_merges(words, &d.merge_count);
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 64; v->layers = 2; v->heads = 2; v->embed_dim = DIM; v->patch_h = v->patch_w = 8; v->grid_h = v->grid_w = 4;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 64; w->layers = 2; w->heads = 2; w->embed_dim = DIM; w->context = CONTEXT; w->vocab = (int)lb_tokenizer_vocab(words);
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    s = lb_model_create(ctx, &d, out);
    lb_tokenizer_free(words);
    return s;
}

int main(int argc, char **argv) {
    static float raw[LENGTH * AXES], x[TESTS * AXES * LENGTH], v[TESTS * DIM], w[CLASSES * DIM], score[TESTS * CLASSES]; static int32_t ids[BATCH * CONTEXT];
    char caption[CLASSES][64]; const char *texts[CLASSES]; uint64_t group[BATCH]; uint32_t label[TESTS];
    lb_ctx *ctx; lb_ctx_desc one; lb_model *base, *model; lb_trainer *run; lb_train_desc t; lb_train_stats s; lb_batch batch; lb_tensor table; lb_accuracy acc; int i, k;

    memset(&one, 0, sizeof one); one.threads = 1;                /* work this small gains nothing from more */
    if (lb_ctx_new(&one, &ctx)) return failed();
    for (i = 0; i < CLASSES; i++) { sprintf(caption[i], "somebody is %s", activity[i]); texts[i] = caption[i]; }
    if (small_model(ctx, texts, CLASSES, &base) || lb_model_extend_json(ctx, base, sensor, sizeof sensor - 1, 1, &model)) return failed();
    printf("motion: [%d, 1, %d], tower %s\n", lb_model_modality(model, "motion")->channels, lb_model_modality(model, "motion")->width, lb_model_modality(model, "motion")->tower);
    memset(&table, 0, sizeof table); table.data = raw; table.ndim = 2; table.shape[0] = LENGTH; table.shape[1] = AXES;

    memset(&t, 0, sizeof t);
    t.modality = "motion"; t.trainable = LB_TRAIN_ALL; t.lr = 2e-3; t.warmup = 10; t.steps = STEPS; t.weight_decay = 0.05;
    memset(&batch, 0, sizeof batch);
    batch.n = BATCH; batch.x = x; batch.ids = ids; batch.length = CONTEXT; batch.group = group;
    if (lb_trainer_new(ctx, model, &t, &run)) return failed();
    for (k = 0; k < STEPS; k++) {
        for (i = 0; i < BATCH; i++) {                            /* captions that say the same are positives of each other */
            const int c = (int)(group[i] = (uint64_t)(i % CLASSES));
            record(c, raw);
            if (lb_prepare_array(ctx, model, "motion", &table, x + i * AXES * LENGTH)) return failed();
            if (lb_tokenize(ctx, lb_model_tokenizer(model), LB_CLEAN_OPEN_CLIP, texts[c], LB_CSTRING, ids + i * CONTEXT, CONTEXT, NULL)) return failed();
        }
        if (lb_trainer_step(ctx, run, &batch, &s)) return failed();
        if (k % 20 == 0 || k == STEPS - 1) printf("step %3d  loss %.4f\n", k + 1, s.loss);
    }

    for (i = 0; i < TESTS; i++) { label[i] = (uint32_t)i % CLASSES; record((int)label[i], raw); if (lb_prepare_array(ctx, model, "motion", &table, x + i * AXES * LENGTH)) return failed(); }
    if (lb_embed_tensor(ctx, lb_trainer_model(run), "motion", x, TESTS, v) || lb_zero_shot(ctx, lb_trainer_model(run), texts, CLASSES, NULL, 0, w)) return failed();
    if (lb_similarity(ctx, v, TESTS, w, CLASSES, DIM, 1, score) || lb_eval_classify(score, label, TESTS, CLASSES, &acc, NULL, NULL, NULL)) return failed();
    printf("zero-shot accuracy on %d new recordings: %.1f %%\n", TESTS, 100 * acc.top1);
    if (argc > 1 && lb_model_save(ctx, lb_trainer_model(run), LB_F32, argv[1])) return failed();
    lb_trainer_free(run); lb_model_free(model); lb_model_free(base); lb_ctx_free(ctx);
    return acc.top1 < 0.9;
}
