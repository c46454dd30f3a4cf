/* Sections 6, 7, 13, 14: every allocation of making, saving, opening, embedding, training, adapting, merging and parting fails once: the call says
 * LB_ERR_MEM, its outputs are empty, and nothing is leaked. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "tests/lbt.h"
#include "tests/golden.h"
#include "tests/clip_golden.h"

static golden g;
static float x[8 * 3 * 24 * 24], out[8 * 64];
static int32_t ids[8 * 12];
static const char *const file = "build/tests/alloc.lbw", *const adapter = "build/tests/alloc_adapter.lbw", *const point = "build/tests/alloc_point.lbw";

typedef lb_status (*walk_fn)(lb_ctx *c, lb_model *m);
static lb_status make(lb_ctx *c, lb_model *m) { lb_model_desc d; lb_model *o = NULL; lb_status s; (void)m; clip_desc(&g, &d); s = lb_model_create(c, &d, &o); CHECK(!s == !!o, "output"); lb_model_free(o); return s; }
static lb_status save_bytes(lb_ctx *c, lb_model *m) { return lb_model_save(c, m, LB_I8, point); }
static lb_status save(lb_ctx *c, lb_model *m) { return lb_model_save(c, m, LB_F16, point); }
static lb_status opened(lb_ctx *c, lb_model *m) { lb_model *o = NULL; lb_status s = lb_model_open(c, file, &o); (void)m; CHECK(!s == !!o, "output"); if (!s) s = lb_embed_tokens(c, o, ids, 8, 12, out); lb_model_free(o); return s; }
static lb_status image(lb_ctx *c, lb_model *m) { lb_status s; out[0] = 7; s = lb_embed_tensor(c, m, "image", x, 8, out); CHECK(!s || out[0] == 0, "partial output"); return s; }
static lb_status text(lb_ctx *c, lb_model *m) { lb_status s; out[0] = 7; s = lb_embed_tokens(c, m, ids, 8, 12, out); CHECK(!s || out[0] == 0, "partial output"); return s; }
static lb_status train(lb_ctx *c, lb_model *m, int recompute, size_t micro) {
    lb_train_desc d; lb_trainer *t = NULL; lb_batch b; lb_train_stats st; lb_status s; double loss;
    memset(&d, 0, sizeof d); d.trainable = recompute ? LB_TRAIN_LORA : LB_TRAIN_ALL; d.lora_rank = recompute ? 4 : 0; d.lora_dropout = 0.1f; d.mask_ratio = 0.5; d.recompute = recompute; d.micro_batch = micro; d.ema = recompute ? 0.9 : 0;
    memset(&b, 0, sizeof b); b.n = 8; b.length = 12; b.x = x; b.ids = ids;
    s = lb_trainer_new(c, m, &d, &t);
    CHECK(!s == !!t, "output");
    if (!s) { s = lb_trainer_step(c, t, &b, &st); CHECK(!s || lb_trainer_steps(t) == 0, "a failed step is no step"); CHECK(!c->tape && !c->draw, "the context is as it was"); }
    if (!s) s = lb_trainer_loss(c, t, &b, &loss);
    if (!s) s = lb_trainer_save(c, t, point);
    if (!s) s = lb_trainer_load(c, t, point);
    if (!s && lb__model_file(m)) s = lb_trainer_adapter(c, t, point);
    lb_trainer_free(t);
    return s;
}
static lb_status train_all(lb_ctx *c, lb_model *m) { return train(c, m, 0, 3); }
static lb_status train_lora(lb_ctx *c, lb_model *m) { return train(c, m, 1, 0); }
static lb_status adapted(lb_ctx *c, lb_model *m) {
    lb_model *a = NULL, *b = NULL; lb_status s = lb_model_adapt(c, m, adapter, &a);
    if (!s) s = lb_model_merge(c, a, &b);
    if (!s) s = lb_embed_tensor(c, b, "image", x, 1, out);
    lb_model_free(b); lb_model_free(a);
    return s;
}
static lb_status brought(lb_ctx *c, lb_model *m) {            /* a modality that is added in memory, and comes along in its adapter */
    lb_model *e = NULL, *a = NULL; lb_trainer *t = NULL; lb_train_desc d; lb_tower_desc w; lb_modality_desc q = *lb_model_modality(m, "image"); lb_status s;
    memset(&d, 0, sizeof d); memset(&w, 0, sizeof w); strcpy(q.name, "sketch"); strcpy(q.tower, "sketch"); w.class_per_frame = 1; d.modality = "sketch"; d.trainable = LB_TRAIN_LORA; d.lora_rank = 2;
    s = lb_model_extend(c, m, "vision", &w, &q, 1, &e);
    if (!s) s = lb_trainer_new(c, e, &d, &t);
    if (!s) s = lb_trainer_adapter(c, t, point);
    if (!s) s = lb_model_adapt(c, m, point, &a);
    CHECK(!s == !!a, "output");
    lb_model_free(a); lb_trainer_free(t); lb_model_free(e);
    return s;
}
static lb_status part(lb_ctx *c, lb_model *m) {
    static const char *const names[] = { "image" }; lb_model *a = NULL; lb_status s = lb_model_part(c, m, names, 1, &a);
    CHECK(!s == !!a, "output");
    if (!s) { CHECK(lb_model_describe(a)->towers == 1 && !lb_model_tokenizer(a) && !lb_model_modality(a, "text"), "a part is that part"); s = lb_embed_tensor(c, a, "image", x, 1, out); }
    lb_model_free(a);
    return s;
}
static void walk(const char *name, walk_fn fn, int from_file) {
    long n; int ok = 0;
    for (n = 0; n < 5000 && !ok; n++) {
        lb_ctx *c = NULL; lb_model *m = NULL; lb_status s; long live;
        alloc_left = -1;
        REQUIRE(!lb_ctx_new(NULL, &c), "ctx");
        if (from_file) REQUIRE(!lb_model_open(c, file, &m), "%s", lb_last_error());
        if (!from_file) m = clip_model(c, &g);
        REQUIRE(m, "model");
        live = alloc_live;
        { lb_ctx *own = NULL; REQUIRE(!lb_ctx_new(NULL, &own), "ctx"); alloc_left = n; s = fn(own, m); alloc_left = -1; ok = !s; CHECK(!s || s == LB_ERR_MEM, "%s, allocation %ld: %s: %s", name, n, lb_status_name(s), lb_last_error()); lb_ctx_free(own); }
        CHECK(alloc_live == live, "%s, allocation %ld: %ld blocks are left", name, n, alloc_live - live);
        lb_model_free(m); lb_ctx_free(c);
    }
    CHECK(ok && n > 1, "%s: %ld allocations", name, n);
}
LBT(alloc, every_failure_is_an_error) {
    lb_ctx *c = NULL; lb_model *m = NULL, *base = NULL; lb_trainer *t = NULL; lb_train_desc d; size_t i;
    REQUIRE(golden_open("train_lora", &g), "golden");
    memcpy(x, golden_get(&g, "image").data, sizeof x); memcpy(ids, golden_get(&g, "ids").data, sizeof ids);
    REQUIRE(!lb_ctx_new(NULL, &c), "ctx");
    m = clip_model(c, &g); REQUIRE(m && !lb_model_save(c, m, LB_F32, file) && !lb_model_open(c, file, &base), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.lora_rank = 2;
    REQUIRE(!lb_trainer_new(c, base, &d, &t) && !lb_trainer_adapter(c, t, adapter), "%s", lb_last_error());
    lb_trainer_free(t); lb_model_free(base); lb_model_free(m); lb_ctx_free(c);
    CHECK(alloc_live == 0, "%ld blocks are left", alloc_live);
    walk("create", make, 0); walk("save", save, 0); walk("open", opened, 0); walk("image", image, 0); walk("text", text, 0);
    walk("train everything", train_all, 0); walk("train low-rank", train_lora, 1); walk("adapt and merge", adapted, 1); walk("bring a modality", brought, 1); walk("part", part, 0);
    REQUIRE(!lb_ctx_new(NULL, &c), "ctx"); m = clip_model(c, &g); REQUIRE(m && !lb_model_save(c, m, LB_I8, file), "%s", lb_last_error()); lb_model_free(m); lb_ctx_free(c);
    walk("save as bytes", save_bytes, 0); walk("open bytes", opened, 0); walk("images by bytes", image, 1); walk("train everything over bytes", train_all, 1); walk("train low-rank over bytes", train_lora, 1);
    for (i = 0; i < 3; i++) remove(i == 0 ? file : i == 1 ? adapter : point);
    golden_close(&g);
}
