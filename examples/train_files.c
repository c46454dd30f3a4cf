/* train_files.c - a model from files: a manifest of pictures with captions, read in batches, trained, saved, and able to go on after an interruption.
 *
 *     cc -O2 -fopenmp -I. examples/train_files.c -o train_files -lm && ./train_files tests/golden/train_command.tsv OUT.lbw
 *
 * Shows lb_manifest (what there is), lb_feed (batches of it, decoded ahead into memory) and lb_trainer (steps, checkpoint).  Run it again and it goes
 * on from OUT.lbw.ckpt.  Prints the loss now and then; `languagebind train` is this with every option. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

enum { STEPS = 60 };
static int failed(void) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }
static void left_out(void *user, const lb_item *it, const char *why) { (void)user; fprintf(stderr, "left out, line %lu: %s\n", (unsigned long)it->line, why); }

int main(int argc, char **argv) {
    lb_ctx *ctx; lb_manifest data; lb_tokenizer *words; lb_model *model; lb_feed *feed; lb_trainer *run; lb_batch batch; lb_train_stats s;
    lb_model_desc d; lb_feed_desc f; lb_train_desc t; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1]; const char **captions; size_t i; int c; char identity[LB_DATA_SIZE], checkpoint[1024]; FILE *there;

    if (argc != 3) { fprintf(stderr, "usage: train_files MANIFEST OUT.lbw\n"); return 2; }
    if (lb_ctx_new(NULL, &ctx) || lb_manifest_load(ctx, argv[1], NULL, &data)) return failed();

    /* a vocabulary from the captions, and a small model */
    if (!(captions = (const char **)malloc(data.count * sizeof *captions))) return 1;
    for (i = 0; i < data.count; i++) captions[i] = data.items[i].captions[0].text;
    if (lb_tokenizer_train(ctx, LB_CLEAN_OPEN_CLIP, captions, NULL, data.count, 1000, 2, &words)) return failed();
    memset(&d, 0, sizeof d);
    d.towers = d.modalities = 2; d.seed = 1; d.merges = lb_tokenizer_merges(words, &d.merge_count);
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 64; v->layers = 2; v->heads = 2; v->embed_dim = 64; v->patch_h = v->patch_w = 8; v->grid_h = v->grid_w = 4;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 64; w->layers = 2; w->heads = 2; w->embed_dim = 64; w->context = 24; w->vocab = (int)lb_tokenizer_vocab(words);
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE; d.modality[0].resize = LB_RESIZE_PIL_BICUBIC;
    for (c = 0; c < 3; c++) d.modality[0].mean[c] = d.modality[0].std[c] = 0.5f;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    if (lb_model_create(ctx, &d, &model)) return failed();

    /* batches: other crops and mirror images at every visit, at most three broken files */
    memset(&f, 0, sizeof f);
    f.batch = 16; f.crop = 0.6; f.flip = 1; f.cache = (size_t)64 << 20; f.max_bad = 3; f.report = left_out;
    if (lb_feed_new(ctx, model, &data, &f, &feed)) return failed();
    lb_feed_identity(feed, identity);

    memset(&t, 0, sizeof t);
    t.lr = 1e-3; t.warmup = 5; t.steps = STEPS; t.data = identity;
    if (lb_trainer_new(ctx, model, &t, &run)) return failed();
    snprintf(checkpoint, sizeof checkpoint, "%s.ckpt", argv[2]);
    if ((there = fopen(checkpoint, "rb")) != NULL) { fclose(there); if (lb_trainer_load(ctx, run, checkpoint)) return failed(); }
    while (lb_trainer_steps(run) < STEPS) {
        if (lb_feed_batch(ctx, feed, lb_trainer_steps(run), &batch) || lb_trainer_step(ctx, run, &batch, &s)) return failed();
        if (s.step % 20 == 1 || s.step == STEPS) printf("step %2lu  loss %.4f\n", (unsigned long)s.step, s.loss);
        if (s.step % 20 == 0 && lb_trainer_save(ctx, run, checkpoint)) return failed();
    }
    if (lb_model_save(ctx, lb_trainer_model(run), LB_F16, argv[2])) return failed();
    printf("%s: %lu steps on %lu files\n", argv[2], (unsigned long)lb_trainer_steps(run), (unsigned long)lb_feed_count(feed));
    lb_trainer_free(run); lb_feed_free(feed); lb_model_free(model); lb_tokenizer_free(words); free(captions); lb_manifest_free(&data); lb_ctx_free(ctx);
    return 0;
}
