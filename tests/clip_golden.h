/* clip_golden.h - a golden file of tests/reference/make_clip.py and friends as a model: the description from `cfg`, the weights by name.
 * Needs languagebind.h with its implementation, and golden.h. */
#ifndef LBT_CLIP_GOLDEN_H
#define LBT_CLIP_GOLDEN_H

/* cfg: v.width v.layers v.heads v.mlp embed quick patch_h patch_w grid_h grid_w height width t.width t.layers t.heads t.mlp context vocab [frames class_per_frame] */
static void clip_desc(const golden *g, lb_model_desc *d) {
    const golden_array cfg = golden_get(g, "cfg"); const int32_t *c = (const int32_t *)cfg.data; lb_tower_desc *v = &d->tower[0], *t = &d->tower[1];
    memset(d, 0, sizeof *d);
    d->towers = d->modalities = 2;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION;
    v->width = c[0]; v->layers = c[1]; v->heads = c[2]; v->mlp = c[3]; v->embed_dim = c[4]; v->quick_gelu = c[5]; v->patch_h = c[6]; v->patch_w = c[7]; v->grid_h = c[8]; v->grid_w = c[9];
    strcpy(t->name, "text"); t->kind = LB_TOWER_TEXT;
    t->width = c[12]; t->layers = c[13]; t->heads = c[14]; t->mlp = c[15]; t->embed_dim = c[4]; t->quick_gelu = c[5]; t->context = c[16]; t->vocab = c[17];
    strcpy(d->modality[0].name, "image"); strcpy(d->modality[0].tower, "vision"); d->modality[0].kind = LB_IMAGE; d->modality[0].height = c[10]; d->modality[0].width = c[11];
    if (cfg.count > 18) {                                       /* a video tower: frames, class_per_frame */
        v->frames = c[18]; v->class_per_frame = c[19]; v->temporal = 1;
        strcpy(d->modality[0].name, "video"); d->modality[0].kind = LB_VIDEO;
    }
    strcpy(d->modality[1].name, "text"); strcpy(d->modality[1].tower, "text"); d->modality[1].kind = LB_TEXT;
}
/* Weights of the model out of the golden file, rows into panels.  How many were missing or had another size. */
static int clip_weights(const golden *g, lb_model *m) {
    size_t i, n; int bad = 0;
    for (i = 0; i < m->params; i++) {
        lb_tensor *t = &m->param[i].t; const float *x = golden_f32(g, m->param[i].name, &n);
        if (!x || n != lb_tensor_count(t)) { printf("  %s has %zu values, %zu were expected\n", m->param[i].name, n, lb_tensor_count(t)); bad++; continue; }
        if (t->layout == LB_PANEL) lb__pack_panels((float *)t->data, x, t->shape[1], t->shape[0], t->shape[1]);
        else memcpy(t->data, x, n * sizeof(float));
    }
    return bad;
}
static lb_model *clip_model(lb_ctx *ctx, const golden *g) {
    lb_model_desc d; lb_model *m = NULL;
    clip_desc(g, &d);
    if (lb_model_create(ctx, &d, &m)) { printf("  %s\n", lb_last_error()); return NULL; }
    if (clip_weights(g, m)) { lb_model_free(m); return NULL; }
    return m;
}
__attribute__((unused)) static lb_ctx *ctx_with(int threads) {
    lb_ctx_desc d; lb_ctx *c = NULL;
    memset(&d, 0, sizeof d);
    d.threads = threads;
    if (lb_ctx_new(&d, &c)) { printf("  %s\n", lb_last_error()); exit(1); }
    return c;
}
#endif
