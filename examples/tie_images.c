/* tie_images.c - binds a modality through pictures instead of words: what trains it are the vectors of the image that belongs to each item.
 *
 *     cc -O2 -I. examples/tie_images.c -o tie_images -lm
 *     ./tie_images model.lbw depth depth.jsonl image image.jsonl 300 1 out.lbw
 *
 * Items of both manifests belong together when they have the same group.  lb_batch.text takes any unit vectors of the model's space, so the anchor
 * may be another modality, another model's output, or anything of your own; here it is the mean of the group's images, embedded once. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct anchor { const char *group; size_t at; } anchor;
static int by_group(const void *a, const void *b) { return strcmp(((const anchor *)a)->group, ((const anchor *)b)->group); }
static int fail(void) { fprintf(stderr, "tie_images: %s\n", lb_last_error()); return 1; }

int main(int argc, char **argv) {
    lb_ctx *ctx; lb_model *model; lb_manifest items, pictures; lb_feed_desc fd; lb_feed *feed = NULL; lb_train_desc td; lb_trainer *run = NULL; lb_manifest_desc md;
    anchor *anchors; float *vectors, *y, *x, *v; size_t dim, n = 0, i, k, step, steps;
    if (argc != 9) { fprintf(stderr, "usage: tie_images MODEL MODALITY ITEMS ANCHOR PICTURES STEPS SEED OUT\n"); return 2; }
    if (lb_ctx_new(NULL, &ctx) || lb_model_open(ctx, argv[1], &model) || lb_manifest_load(ctx, argv[3], NULL, &items)) return fail();
    memset(&md, 0, sizeof md); md.modality = argv[4];
    if (lb_manifest_load(ctx, argv[5], &md, &pictures)) return fail();
    dim = lb_model_dim(model); steps = (size_t)strtoul(argv[6], NULL, 10);
    if (!lb_model_modality(model, argv[4])) { fprintf(stderr, "tie_images: %s has no modality %s\n", argv[1], argv[4]); return 1; }

    /* the anchors: one vector a group, the unit mean of its pictures */
    anchors = (anchor *)calloc(pictures.count + 1, sizeof *anchors); vectors = (float *)calloc(pictures.count + 1, dim * sizeof *vectors);
    x = (float *)malloc(lb_modality_floats(lb_model_modality(model, argv[4])) * sizeof *x); v = (float *)malloc(dim * sizeof *v); y = (float *)malloc(64 * dim * sizeof *y);
    if (!anchors || !vectors || !x || !v || !y) { fprintf(stderr, "tie_images: out of memory\n"); return 1; }
    for (i = 0; i < pictures.count; i++) if (pictures.items[i].group && !strcmp(pictures.items[i].modality, argv[4])) { anchors[n].group = pictures.items[i].group; anchors[n++].at = i; }
    qsort(anchors, n, sizeof *anchors, by_group);
    for (i = k = 0; i < n; i++) {
        const char *file = pictures.items[anchors[i].at].file; size_t j; double length = 0; float *mean;
        if (lb_prepare_file(ctx, model, argv[4], file, x) || lb_embed_tensor(ctx, model, argv[4], x, 1, v)) return fail();
        if (!k || strcmp(anchors[k - 1].group, anchors[i].group)) { anchors[k].group = anchors[i].group; anchors[k].at = k; k++; }
        mean = vectors + (k - 1) * dim;
        for (j = 0; j < dim; j++) mean[j] += v[j];
        if (i + 1 < n && !strcmp(anchors[k - 1].group, anchors[i + 1].group)) continue;
        for (j = 0; j < dim; j++) length += (double)mean[j] * mean[j];
        for (j = 0; j < dim; j++) mean[j] = (float)(mean[j] / sqrt(length > 0 ? length : 1));
    }
    n = k;
    printf("%lu anchors of %lu pictures\n", (unsigned long)n, (unsigned long)pictures.count);

    memset(&fd, 0, sizeof fd); fd.modality = argv[2]; fd.split = "train"; fd.batch = 64; fd.seed = strtoul(argv[7], NULL, 10); fd.cache = (size_t)2 << 30;
    memset(&td, 0, sizeof td); td.modality = argv[2]; td.trainable = LB_TRAIN_UPSTREAM; td.freeze_text = 1; td.mask_ratio = 0.5; td.lr = 1e-3; td.warmup = 20; td.steps = steps; td.weight_decay = 0.1; td.clip = 1; td.seed = fd.seed;
    if (lb_feed_new(ctx, model, &items, &fd, &feed) || lb_trainer_new(ctx, model, &td, &run)) return fail();
    for (step = 0; step < steps; step++) {
        lb_batch b; lb_train_stats s;
        if (lb_feed_batch(ctx, feed, step, &b)) return fail();
        for (i = 0; i < b.n; i++) {
            anchor key, *a; key.group = lb_feed_item(feed, i, NULL)->group; key.at = 0;
            a = key.group ? (anchor *)bsearch(&key, anchors, n, sizeof *anchors, by_group) : NULL;
            if (!a) { fprintf(stderr, "tie_images: %s has no picture of its group\n", lb_feed_item(feed, i, NULL)->file); return 1; }
            memcpy(y + i * dim, vectors + a->at * dim, dim * sizeof *y);
        }
        b.ids = NULL; b.length = 0; b.text = y;                  /* the anchors stand where texts would */
        if (lb_trainer_step(ctx, run, &b, &s)) return fail();
        if (step % 50 == 0 || step + 1 == steps) printf("step %lu  loss %.4f\n", (unsigned long)step + 1, s.loss);
    }
    if (lb_model_save(ctx, lb_trainer_model(run), LB_F32, argv[8])) return fail();
    lb_trainer_free(run); lb_feed_free(feed); lb_manifest_free(&items); lb_manifest_free(&pictures); lb_model_free(model); lb_ctx_free(ctx);
    free(anchors); free(vectors); free(x); free(v); free(y);
    return 0;
}
