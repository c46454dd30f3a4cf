/* Section 14, training: trajectories against torch, exact resume, adapters, faults. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tests/lbt.h"
#include "tests/golden.h"
#include "tests/clip_golden.h"

/* Batch `step` of the goldens' fixed order: pair (step * 8 + j) * 5 mod 32. */
typedef struct feed { const float *x; const int32_t *ids; size_t per, length; float *bx; int32_t *bid; lb_batch b; } feed;
static void feed_open(feed *f, const golden *g) {
    golden_array x = golden_get(g, "image"), ids = golden_get(g, "ids");
    memset(f, 0, sizeof *f);
    f->x = (const float *)x.data; f->ids = (const int32_t *)ids.data; f->per = x.count / x.shape[0]; f->length = ids.shape[1];
    f->b.n = 8; f->b.length = f->length; f->b.x = f->bx = (float *)malloc(8 * f->per * sizeof(float)); f->b.ids = f->bid = (int32_t *)malloc(8 * f->length * sizeof(int32_t));
}
static const lb_batch *feed_step(feed *f, size_t step) {
    size_t j;
    for (j = 0; j < 8; j++) {
        size_t k = (step * 8 + j) * 5 % 32;
        memcpy(f->bx + j * f->per, f->x + k * f->per, f->per * sizeof(float)); memcpy(f->bid + j * f->length, f->ids + k * f->length, f->length * sizeof(int32_t));
    }
    return &f->b;
}
static void feed_close(feed *f) { free(f->bx); free(f->bid); }
static lb_trainer *start(lb_ctx *c, const golden *g, lb_model **m, const lb_train_desc *d) {
    lb_trainer *t = NULL; size_t i, n;
    *m = clip_model(c, g);
    if (!*m || lb_trainer_new(c, *m, d, &t)) { printf("  %s\n", lb_last_error()); return NULL; }
    for (i = 0; i < t->slots; i++) if (t->slot[i].lora) {
        lb_tensor *p = &t->slot[i].p->t; const float *x = golden_f32(g, t->slot[i].p->name, &n);
        if (x && n == lb_tensor_count(p)) lb__pack_panels((float *)p->data, x, p->shape[1], p->shape[0], p->shape[1]);
    }
    return t;
}
/* In bf16, where the processor multiplies it: the first loss is as near as rounded products allow, and from there the runs stay near each other; elsewhere the
 * losses are those of f32. */
static void trajectory(const char *name, lb_train_desc *d) {
    golden g; lb_ctx *c = ctx_with(2); lb_model *m; lb_trainer *t; feed f; const float *losses, *scales; size_t s, n; double worst = 0, drift = 0, first = 0; lb_train_stats st; const int rounded = d->bf16 && lb_cpu_bf16();
    REQUIRE(golden_open(name, &g), "%s", name);
    d->lr = (double)*golden_f32(&g, "lr", NULL); d->warmup = 5; d->steps = 60;
    t = start(c, &g, &m, d); REQUIRE(t, "%s", name);
    losses = golden_f32(&g, "losses", &n); scales = golden_f32(&g, "scales", NULL);
    feed_open(&f, &g);
    for (s = 0; s < n; s++) {
        REQUIRE(!lb_trainer_step(c, t, feed_step(&f, s), &st), "%s", lb_last_error());
        worst = LB__MAX(worst, fabs(st.loss - (double)losses[s]) / (double)losses[rounded ? 0 : s]); if (!s) first = worst; drift = LB__MAX(drift, fabs(st.logit_scale / (double)scales[s] - 1));
    }
    CHECK(!rounded || (first > 1e-6 && first < 2e-3 && fabs(st.loss - (double)losses[n - 1]) < 5e-3 * (double)losses[0]), "%s in bf16: the first loss is off by %g, the last is %g for %g", name, first, st.loss, (double)losses[n - 1]);
    CHECK(worst < (rounded ? 5e-2 : 1e-3), "%s: a loss is off by %g of %s", name, worst, rounded ? "the first" : "itself");
    CHECK(drift < (rounded ? 5e-4 : 1e-4), "%s: the logit scale is off by %g of itself", name, drift);
    printf("  %s: %zu losses within %.1e of torch, logit scales %.0e\n", name, n, worst, drift);
    CHECK(st.step == n && lb_trainer_steps(t) == n, "steps");
    feed_close(&f); lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
LBT(train, full_run_follows_torch) { lb_train_desc d; memset(&d, 0, sizeof d); d.clip = 1; trajectory("train_full", &d); }
LBT(train, lora_run_follows_torch) { lb_train_desc d; memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.lora_rank = 4; d.freeze_text = 1; trajectory("train_lora", &d); }
LBT(train, projection_run_follows_torch) { lb_train_desc d; memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_PROJECTION; d.freeze_text = 1; trajectory("train_projection", &d); }
LBT(train, bf16_runs_follow_torch) {
    lb_train_desc d; memset(&d, 0, sizeof d);
    d.bf16 = 1; d.clip = 1; trajectory("train_full", &d);
    memset(&d, 0, sizeof d); d.bf16 = 1; d.trainable = LB_TRAIN_LORA; d.lora_rank = 4; d.freeze_text = 1; trajectory("train_lora", &d);
}
/* The gradient of a step in bf16 points where f32's does, tensor by tensor, on any number of threads the same. */
LBT(train, bf16_gradients) {
    golden g; lb_ctx *c[3]; lb_model *m; lb_trainer *t[3]; feed f; lb_train_desc d; size_t i, k; double loss, least = 1; int r;
    REQUIRE(golden_open("train_full", &g), "golden");
    memset(&d, 0, sizeof d); feed_open(&f, &g); m = clip_model(c[0] = ctx_with(2), &g); REQUIRE(m, "model");
    c[1] = ctx_with(1); c[2] = ctx_with(3);
    for (r = 0; r < 3; r++) { d.bf16 = r > 0; REQUIRE(!lb_trainer_new(c[r], m, &d, &t[r]) && !lb__train_pass(c[r], t[r], feed_step(&f, 0), 1, &loss), "%s", lb_last_error()); }
    for (i = 0; i < t[0]->slots; i++) {
        const float *a = t[0]->slot[i].p->t.grad, *b = t[1]->slot[i].p->t.grad; double ab = 0, aa = 0, bb = 0;
        for (k = 0; k < t[0]->slot[i].n; k++) { ab += (double)a[k] * b[k]; aa += (double)a[k] * a[k]; bb += (double)b[k] * b[k]; }
        CHECK(!memcmp(b, t[2]->slot[i].p->t.grad, t[0]->slot[i].n * sizeof *b), "%s: three threads give another gradient than one", t[0]->slot[i].p->name);
        CHECK(aa == 0 ? bb == 0 : ab > 0.999 * sqrt(aa * bb) && fabs(sqrt(bb / aa) - 1) < 0.02, "%s: cosine %g, length %g of f32's", t[0]->slot[i].p->name, ab / sqrt(aa * bb), sqrt(bb / aa));
        if (aa > 0) least = LB__MIN(least, ab / sqrt(aa * bb));
    }
    CHECK(lb_cpu_bf16() ? least < 0.9999999 : least > 0.99999999, "least cosine %.9f", least);
    printf("  least cosine of a tensor's gradient in bf16 to f32's: %.6f\n", least);
    for (r = 0; r < 3; r++) { lb_trainer_free(t[r]); lb_ctx_free(c[r]); }
    feed_close(&f); lb_model_free(m); golden_close(&g);
}

/* The averaged weights: the recursion e <- decay e + (1 - decay) p over those of the run itself, which averaging does not change. */
LBT(train, averaged_weights_follow_the_recursion) {
    golden g; lb_ctx *c = ctx_with(2); lb_model *m, *m2; lb_train_desc d; lb_trainer *plain, *t; feed f; size_t s, i, k; float **e; double worst = 0, moved = 0; lb_train_stats st, st2;
    memset(&d, 0, sizeof d); d.lr = 1e-3; d.steps = 8; d.clip = 1;
    REQUIRE(golden_open("train_full", &g), "train_full");
    plain = start(c, &g, &m, &d); d.ema = 0.75; t = start(c, &g, &m2, &d); REQUIRE(plain && t && plain->slots == t->slots, "two trainers");
    e = (float **)calloc(t->slots, sizeof *e); REQUIRE(e, "memory");
    for (i = 0; i < t->slots; i++) { e[i] = (float *)malloc(t->slot[i].n * sizeof(float)); REQUIRE(e[i], "memory"); memcpy(e[i], plain->slot[i].p->t.data, t->slot[i].n * sizeof(float)); }
    feed_open(&f, &g);
    for (s = 0; s < 6; s++) {
        REQUIRE(!lb_trainer_step(c, plain, feed_step(&f, s), &st) && !lb_trainer_step(c, t, feed_step(&f, s), &st2), "%s", lb_last_error());
        CHECK(st.loss == st2.loss, "step %zu: averaging changed the loss", s);
        for (i = 0; i < t->slots; i++) for (k = 0; k < t->slot[i].n; k++) e[i][k] = 0.75f * e[i][k] + 0.25f * ((const float *)plain->slot[i].p->t.data)[k];
    }
    for (i = 0; i < t->slots; i++) {
        const lb_model *averaged = lb_trainer_model(t); const lb__param *a = &averaged->param[t->slot[i].p - t->model->param];
        REQUIRE(!strcmp(a->name, t->slot[i].p->name), "%s is not in its place", t->slot[i].p->name);
        for (k = 0; k < t->slot[i].n; k++) { worst = LB__MAX(worst, fabs((double)e[i][k] - (double)((const float *)a->t.data)[k])); moved = LB__MAX(moved, fabs((double)e[i][k] - (double)((const float *)t->slot[i].p->t.data)[k])); }
        free(e[i]);
    }
    printf("  averaged weights within %.1e of the recursion\n", worst);
    CHECK(worst < 5e-7 && moved > 1e-4, "averaged weights off by %g, %g from those of the last step", worst, moved);
    free(e); feed_close(&f); lb_trainer_free(t); lb_trainer_free(plain); lb_model_free(m); lb_model_free(m2); lb_ctx_free(c); golden_close(&g);
}

/* Inputs of several channels and frames: the rectangle comes from the other in each of them, all else stays; and the mean of two. */
LBT(train, mixed_inputs_are_those_of_both) {
    enum { N = 3, PLANES = 4, H = 4, W = 6, PER = PLANES * H * W };
    static float in[N * PER], out[N * PER]; lb__mix m; size_t i, k; int wrong = 0;
    for (i = 0; i < N * PER; i++) in[i] = (float)i;
    memset(&m, 0, sizeof m); m.n = N; m.per = PER; m.width = W; m.height = H; m.in = in; m.out = out; m.share = 2.0 / 3; m.x0 = 2; m.x1 = 6; m.y0 = 1; m.y1 = 3;
    lb__mix_run(&m, 0, N, 0);
    for (i = 0; i < N; i++) for (k = 0; k < PER; k++) { const size_t x = k % W, y = k / W % H, from = x >= 2 && y >= 1 && y < 3 ? N - 1 - i : i; wrong += out[i * PER + k] != (float)(from * PER + k); }
    CHECK(!wrong, "%d values are not of the input that they were expected from", wrong);
    m.x0 = m.x1 = m.y0 = m.y1 = 0; m.share = 0.75; memset(out, 0, sizeof out);
    lb__mix_run(&m, 0, 2, 0);
    for (i = 0; i < N; i++) for (k = 0; k < PER; k++) wrong += out[i * PER + k] != (i < 2 ? 0.75f * (float)(i * PER + k) + 0.25f * (float)((N - 1 - i) * PER + k) : 0);
    CHECK(!wrong, "%d means are wrong", wrong);
}

/* The loss of mixed inputs is, by the share of each, that of the texts as they stand and that of the texts and their groups in the opposite order. */
LBT(train, mixed_loss_is_that_of_both) {
    enum { N = 7, D = 5, MORE = 4 }; static const uint64_t group[N] = { 0, 1, 0, 2, 3, 3, 1 };
    float v[(2 * N + MORE) * D], back[N * D], d[6][N * D]; uint64_t other[N]; double loss[3], ds[3], worst = 0; const double share = 0.7; size_t i, k; int mode; lb__rng r = lb__rng_new(3, 3); lb_ctx *c = ctx_with(1);
    for (i = 0; i < (2 * N + MORE) * D; i++) v[i] = lb__rng_normal(&r);
    for (i = 0; i < N; i++) memcpy(back + i * D, v + (N + N - 1 - i) * D, D * sizeof *v);
    for (mode = 0; mode < 4; mode++) {                      /* with groups, with negatives */
        const uint64_t *g = mode & 1 ? group : NULL; const float *x = v, *y = v + N * D, *z = mode & 2 ? v + 2 * N * D : NULL; const size_t more = z ? MORE : 0;
        for (i = 0; i < N; i++) other[i] = g ? g[N - 1 - i] : N - 1 - i;
        REQUIRE(!lb__clip_loss(c, x, y, N, z, more, D, 0.5, g, share, &loss[0], d[0], d[1], &ds[0]) && !lb__clip_loss(c, x, y, N, z, more, D, 0.5, g, 1, &loss[1], d[2], d[3], &ds[1]) && !lb__clip_loss(c, x, back, N, z, more, D, 0.5, other, 1, &loss[2], d[4], d[5], &ds[2]), "%s", lb_last_error());
        worst = LB__MAX(worst, fabs(share * loss[1] + (1 - share) * loss[2] - loss[0])); worst = LB__MAX(worst, fabs(share * ds[1] + (1 - share) * ds[2] - ds[0]));
        for (i = 0; i < N; i++) for (k = 0; k < D; k++) {
            worst = LB__MAX(worst, fabs(share * (double)d[2][i * D + k] + (1 - share) * (double)d[4][i * D + k] - (double)d[0][i * D + k]));
            worst = LB__MAX(worst, fabs(share * (double)d[3][i * D + k] + (1 - share) * (double)d[5][(N - 1 - i) * D + k] - (double)d[1][i * D + k]));
        }
        CHECK(fabs(loss[1] - loss[2]) > 0.1, "both losses are %g", loss[1]);
    }
    printf("  mixed loss and gradients within %.1e of the sum of both\n", worst);
    CHECK(worst < 5e-7, "off by %g", worst);
    lb_ctx_free(c);
}

/* What pulls pairs together, by the definition, and its gradients by differences. */
LBT(train, pull_is_the_distance_of_the_pairs) {
    enum { N = 5, D = 4 }; float v[2 * N * D], g[2 * N * D]; double loss = 10, up, down, worst = 0, want = 0; size_t i, k; lb__rng r = lb__rng_new(5, 5); const double share = 0.7, pull = 3;
    for (i = 0; i < 2 * N * D; i++) { v[i] = lb__rng_normal(&r); g[i] = 0.25f; }
    for (i = 0; i < N; i++) { double own = 0, other = 0; for (k = 0; k < D; k++) { own += (double)v[i * D + k] * v[(N + i) * D + k]; other += (double)v[i * D + k] * v[(N + N - 1 - i) * D + k]; } want += pull * (1 - share * own - (1 - share) * other) / N; }
    lb__pull(v, v + N * D, N, D, pull, share, &loss, g, g + N * D);
    CHECK(fabs(loss - 10 - want) < 1e-12, "%.15g for %.15g", loss - 10, want);
    for (i = 0; i < 2 * N * D; i++) {
        const float old = v[i], h = 0.0625f;
        up = down = 0; v[i] = old + h; lb__pull(v, v + N * D, N, D, pull, share, &up, NULL, NULL); v[i] = old - h; lb__pull(v, v + N * D, N, D, pull, share, &down, NULL, NULL); v[i] = old;
        worst = LB__MAX(worst, fabs((up - down) / (2 * (double)h) - ((double)g[i] - 0.25)));
    }
    CHECK(worst < 2e-6, "a gradient is off by %g", worst);
}

/* 10 steps, or 5, a checkpoint, another process and 5 more: the same files, whatever the threads, with masks, mixtures, dropout and averaging. */
LBT(train, resume_is_exact) {
    golden g; lb_ctx *c1 = ctx_with(1), *c4 = ctx_with(4); lb_model *m, *m2; lb_trainer *t, *u; feed f; lb_train_desc d; size_t s, i; lb__bytes a, b; lb_train_stats st;
    REQUIRE(golden_open("train_lora", &g), "golden");
    memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.lora_rank = 4; d.lora_dropout = 0.1f; d.mask_ratio = 0.4; d.mix = 0.7; d.pull = 0.5; d.ema = 0.9; d.seed = 5; d.warmup = 2; d.steps = 12; d.micro_batch = 3;
    feed_open(&f, &g);
    t = start(c1, &g, &m, &d); REQUIRE(t, "trainer");
    for (s = 0; s < 10; s++) {
        REQUIRE(!lb_trainer_step(c1, t, feed_step(&f, s), &st), "%s", lb_last_error());
        if (s == 4) REQUIRE(!lb_trainer_save(c1, t, "build/tests/half.lbw"), "%s", lb_last_error());
    }
    REQUIRE(!lb_trainer_save(c1, t, "build/tests/whole.lbw"), "%s", lb_last_error());
    u = start(c4, &g, &m2, &d); REQUIRE(u, "trainer");
    REQUIRE(!lb_trainer_load(c4, u, "build/tests/half.lbw"), "%s", lb_last_error());
    for (s = 5; s < 10; s++) REQUIRE(!lb_trainer_step(c4, u, feed_step(&f, s), &st), "%s", lb_last_error());
    REQUIRE(!lb_trainer_save(c4, u, "build/tests/resumed.lbw"), "%s", lb_last_error());
    REQUIRE(!lb__bytes_open("build/tests/whole.lbw", &a) && !lb__bytes_open("build/tests/resumed.lbw", &b), "%s", lb_last_error());
    CHECK(a.size == b.size && !memcmp(a.data, b.data, a.size), "the two files differ");
    lb__bytes_close(&a); lb__bytes_close(&b);
    for (i = 0; i < t->slots; i++) CHECK(!memcmp(t->slot[i].ema, u->slot[i].ema, t->slot[i].n * 4) && memcmp(t->slot[i].ema, t->slot[i].p->t.data, t->slot[i].n * 4), "%s: averages", t->slot[i].p->name);
    /* another run's checkpoint, and a cut one, are refused and change nothing */
    d.seed = 6; lb_trainer_free(u); lb_model_free(m2);
    u = start(c4, &g, &m2, &d); REQUIRE(u, "trainer");
    CHECK(lb_trainer_load(c4, u, "build/tests/half.lbw") == LB_ERR_MISMATCH && lb_trainer_steps(u) == 0 && strstr(lb_last_error(), "its seed is 5, this run's is 6"), "%s", lb_last_error());
    for (i = 0; i < 13; i++) {
        static const char *const says[] = { "lr is 0.0001", "warmup is 2, this run's is 3", "steps is 12, this run's is 13", "", "beta2", "weight_decay", "clip is 0", "ema is 0.9, this run's is 0.5", "mask_ratio", "micro_batch is 3", "lora_dropout", "mix is 0.7, this run's is 0", "started from" };
        lb_train_desc e = d; lb_trainer *x = NULL; lb_status st;
        e.seed = 5;
        if (i == 0) e.lr = 2e-4;
        if (i == 1) e.warmup = 3;
        if (i == 2 || i == 3) { e.steps = 13; e.other_steps = i == 3; e.pattern = i == 3 ? "text.*" : NULL; }      /* a pattern that nothing asks for is no other run */
        if (i == 4) e.beta2 = 0.99;
        if (i == 5) e.weight_decay = 0.1;
        if (i == 6) e.clip = 1;
        if (i == 7) e.ema = 0.5;
        if (i == 8) e.mask_ratio = 0.5;
        if (i == 9) e.micro_batch = 4;
        if (i == 10) e.lora_dropout = 0;
        if (i == 11) e.mix = 0;
        if (i == 12) ((float *)m2->param[3].t.data)[0] += 1;
        REQUIRE(!lb_trainer_new(c1, m2, &e, &x), "%s", lb_last_error());
        st = lb_trainer_load(c1, x, "build/tests/half.lbw");
        if (i == 3) CHECK(!st && lb_trainer_steps(x) == 5, "other_steps: %s", lb_last_error());
        else CHECK(st == LB_ERR_MISMATCH && strstr(lb_last_error(), says[i]) && lb_trainer_steps(x) == 0, "%zu: %s", i, lb_last_error());
        lb_trainer_free(x);
    }
    ((float *)m2->param[3].t.data)[0] -= 1;
    CHECK(lb_trainer_load(c4, u, "tests/golden/lb_image.safetensors") == LB_ERR_FORMAT, "%s", lb_last_error());
    remove("build/tests/half.lbw"); remove("build/tests/whole.lbw"); remove("build/tests/resumed.lbw");
    feed_close(&f); lb_trainer_free(t); lb_trainer_free(u); lb_model_free(m); lb_model_free(m2); lb_ctx_free(c1); lb_ctx_free(c4); golden_close(&g);
}
LBT(train, faults_are_sentences) {
    golden g; lb_ctx *c = ctx_with(1); lb_model *m; lb_trainer *t, *u = NULL; feed f; lb_train_desc d; lb_train_stats st; lb_batch b; size_t i; uint64_t group[8]; float *before; size_t n;
    REQUIRE(golden_open("train_full", &g), "golden");
    memset(&d, 0, sizeof d);
    t = start(c, &g, &m, &d); REQUIRE(t, "trainer");
    feed_open(&f, &g); b = *feed_step(&f, 0);
    b.n = 1; CHECK(lb_trainer_step(c, t, &b, &st) == LB_ERR_ARG && strstr(lb_last_error(), "one pair"), "%s", lb_last_error());
    b.n = 8; for (i = 0; i < 8; i++) group[i] = 3;
    b.group = group; CHECK(!lb_trainer_step(c, t, &b, &st) && st.loss - st.loss == 0, "one group is a step, too: %s", lb_last_error());
    b.group = NULL; for (i = 1; i < 8; i++) memcpy(f.bid + i * f.length, f.bid, f.length * sizeof(int32_t));
    CHECK(!lb_trainer_step(c, t, &b, &st) && st.step == 2 && st.loss > log(8) - 1e-6, "and so is one caption, of which nobody knows whose it is: %g, %s", st.loss, lb_last_error());
    b = *feed_step(&f, 0); f.bx[100] = NAN;
    before = (float *)malloc(t->slot[0].n * 4); memcpy(before, t->slot[0].p->t.data, t->slot[0].n * 4); n = (size_t)lb_trainer_steps(t);
    CHECK(lb_trainer_step(c, t, &b, &st) == LB_ERR_NUMERIC && strstr(lb_last_error(), "step 3") && strstr(lb_last_error(), "image"), "%s", lb_last_error());
    CHECK(!memcmp(before, t->slot[0].p->t.data, t->slot[0].n * 4) && lb_trainer_steps(t) == n, "nothing was updated");
    CHECK(!lb_trainer_step(c, t, feed_step(&f, 0), &st), "the run goes on: %s", lb_last_error());
    CHECK(lb_trainer_adapter(c, t, "build/tests/a.lbw") == LB_ERR_ARG, "%s", lb_last_error());
    d.pattern = "vision.nothing*"; d.trainable = LB_TRAIN_PATTERN; d.freeze_scale = 1;
    CHECK(lb_trainer_new(c, m, &d, &u) == LB_ERR_ARG && !u && strstr(lb_last_error(), "no parameter with a name like vision.nothing*"), "%s", lb_last_error());
    d.pattern = "vision.proj.*,text.blcks.*"; CHECK(lb_trainer_new(c, m, &d, &u) == LB_ERR_ARG && !u && strstr(lb_last_error(), "like text.blcks.*"), "%s", lb_last_error());
    d.pattern = "text.*,"; d.freeze_text = 1; CHECK(lb_trainer_new(c, m, &d, &u) == LB_ERR_ARG && !u && strstr(lb_last_error(), "frozen"), "%s", lb_last_error());
    d.freeze_text = 0;
    d.pattern = "vision.blocks.1.*,text.pos"; d.freeze_scale = 0;
    CHECK(!lb_trainer_new(c, m, &d, &u) && u->slots == 12 + 1, "%s, %zu tensors", lb_last_error(), u ? u->slots : 0);
    lb_trainer_free(u); u = NULL;
    d.lr = -1; CHECK(lb_trainer_new(c, m, &d, &u) == LB_ERR_ARG && strstr(lb_last_error(), "lr is -1, more than 0"), "%s", lb_last_error());
    free(before); feed_close(&f); lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
}
/* What upstream trains, name by name, and nothing else; of low-rank runs torch's gradients are of the same names. */
LBT(train, what_is_trained_is_upstreams) {
#define SHARED ".logit_scale,vision.class,vision.post_norm.weight,vision.post_norm.bias,vision.proj.weight,"
    static const struct { const char *golden; lb_trainable trainable; int temporal; const char *names; } r[] = {
        { "grad_lora", LB_TRAIN_LORA, 0, "image" SHARED "vision.blocks.*.attn.lora.*" }, { "video_lora", LB_TRAIN_LORA, 1, "video" SHARED "vision.blocks.*.temporal.attn.lora.*,vision.blocks.*.temporal.embed,vision.blocks.*.temporal.norm.*" },
        { "grad_full", LB_TRAIN_UPSTREAM, 0, "image" SHARED "vision.blocks.*.attn.qkv.*,vision.blocks.*.attn.out.*" }, { "video_vl", LB_TRAIN_UPSTREAM, 1, "video" SHARED "vision.blocks.*.temporal.*" }, { "video_vl_new", LB_TRAIN_UPSTREAM, 1, "video" SHARED "vision.blocks.*.temporal.*" } };
#undef SHARED
    size_t k, i, j, n; char key[160]; const char *p;
    for (k = 0; k < LB__COUNT(r); k++) {
        golden g; lb_ctx *c = ctx_with(1); lb_model *m; lb_trainer *t = NULL; lb_train_desc d;
        REQUIRE(golden_open(r[k].golden, &g), "%s", r[k].golden);
        m = clip_model(c, &g); REQUIRE(m, "model");
        memset(&d, 0, sizeof d); d.trainable = r[k].trainable; d.lora_rank = r[k].trainable == LB_TRAIN_LORA ? 4 : 0; d.lora_temporal = r[k].temporal; d.freeze_text = 1;
        REQUIRE(!lb_trainer_new(c, m, &d, &t), "%s", lb_last_error());
        for (i = 0; i < t->model->params; i++) {
            const char *name = t->model->param[i].name;
            for (j = 0; j < t->slots && t->slot[j].p != &t->model->param[i]; j++) {}
            CHECK((j < t->slots) == lb__glob_any(r[k].names, name), "%s: %s is %s", r[k].golden, name, j < t->slots ? "trained" : "not trained");
        }
        if (d.lora_rank) {
            for (n = 0, p = g.header; (p = strstr(p, "\"grad.")) != NULL; p++) n++;
            CHECK(n == t->slots, "%s: %zu gradients of torch's, %zu tensors are trained", r[k].golden, n, t->slots);
            for (j = 0; j < t->slots; j++) { snprintf(key, sizeof key, "\"grad.%s\"", t->slot[j].p->name); CHECK(strstr(g.header, key), "%s: torch has no %s", r[k].golden, key); }
        }
        lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
    }
}
/* lr_rest slows everything but the low-rank updates. */
LBT(train, the_rest_learns_at_its_own_rate) {
    golden g; lb_ctx *c = ctx_with(1); lb_model *m[2]; lb_trainer *t[2]; feed f; lb_train_desc d; lb_train_stats st; size_t i, k, rest = 0, low = 0; int q;
    REQUIRE(golden_open("train_lora", &g), "golden");
    memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.lora_rank = 4; d.freeze_text = 1; d.lr = 1e-2; d.weight_decay = -1;
    for (q = 0; q < 2; q++) { d.lr_rest = q ? 0.25 : 1; t[q] = start(c, &g, &m[q], &d); REQUIRE(t[q], "run"); }
    feed_open(&f, &g);
    REQUIRE(!lb_trainer_step(c, t[0], feed_step(&f, 0), &st) && !lb_trainer_step(c, t[1], feed_step(&f, 0), &st), "%s", lb_last_error());
    for (i = 0; i < t[0]->slots; i++) {
        const float *a = (const float *)t[0]->slot[i].p->t.data, *b = (const float *)t[1]->slot[i].p->t.data, *o = NULL; const lb_tensor *w = lb_model_tensor(m[0], t[0]->slot[i].p->name);
        if (t[0]->slot[i].lora) { CHECK(!memcmp(a, b, t[0]->slot[i].n * sizeof *a), "%s", t[0]->slot[i].p->name); low++; continue; }
        REQUIRE(w, "%s", t[0]->slot[i].p->name); o = (const float *)w->data; rest++;
        for (k = 0; k < t[0]->slot[i].n; k++) CHECK(fabs(((double)b[k] - (double)o[k]) - 0.25 * ((double)a[k] - (double)o[k])) < 1e-5, "%s: %g and %g from %g", t[0]->slot[i].p->name, (double)a[k], (double)b[k], (double)o[k]);
    }
    CHECK(rest >= 5 && low >= 8, "%zu and %zu", rest, low);
    feed_close(&f); for (q = 0; q < 2; q++) { lb_trainer_free(t[q]); lb_model_free(m[q]); } lb_ctx_free(c); golden_close(&g);
}
/* How many patches stay is upstream's count; which ones is a uniform draw, another one for every clip, the same in all frames of one. */
LBT(train, masks_are_uniform_subsets) {
    static const struct { size_t patches; double ratio; size_t kept; } n[] = { { 256, 0.5, 128 }, { 256, 0.3, 179 }, { 592, 0.1, 532 }, { 666, 0.1, 599 }, { 4, 0.999, 1 } };
    enum { P = 20, K = 7, N = 20000 }; size_t i, k, seen[P] = { 0 }, both[P] = { 0 }, other = 0; uint32_t keep[P + 1], last[K] = { 0 };
    for (i = 0; i < LB__COUNT(n); i++) CHECK(lb__mask_count(n[i].patches, n[i].ratio) == n[i].kept, "%zu of %zu at %g", lb__mask_count(n[i].patches, n[i].ratio), n[i].patches, n[i].ratio);
    for (i = 0; i < N; i++) {
        for (k = 0; k <= P; k++) keep[k] = 77;
        lb__mask_draw(5, i, P, K, keep);
        for (k = 0; k < K; k++) { CHECK(keep[k] < P && (!k || keep[k] > keep[k - 1]), "clip %zu: %u", i, keep[k]); seen[keep[k] % P]++; if (k && keep[k] == keep[k - 1] + 1) both[keep[k] % P]++; }
        CHECK(keep[K] == 77, "clip %zu: more than %d", i, (int)K);
        other += memcmp(keep, last, sizeof last) != 0; memcpy(last, keep, sizeof last);
    }
    for (k = 0; k < P; k++) {
        const double p = (double)K / P, q = (double)(K * (K - 1)) / (P * (P - 1));
        CHECK(fabs((double)seen[k] - N * p) < 5 * sqrt(N * p * (1 - p)), "patch %zu stays %zu times", k, seen[k]);
        CHECK(!k || fabs((double)both[k] - N * q) < 5 * sqrt(N * q * (1 - q)), "patches %zu and %zu stay together %zu times", k - 1, k, both[k]);
    }
    CHECK(other > N * 0.999, "%zu clips of %d have another mask than the one before", other, (int)N);
    {   /* in a step: one picture twice in a batch is seen in two ways */
        golden g; lb_ctx *c = ctx_with(1); lb_model *m; lb_trainer *t = NULL; feed f; lb_train_desc d; lb__draw draw; lb__var *x, *y; lb_batch b; lb__mark mark = lb__arena_mark(c);
        REQUIRE(golden_open("train_full", &g), "golden");
        memset(&d, 0, sizeof d); d.mask_ratio = 0.5; t = start(c, &g, &m, &d); REQUIRE(t, "run");
        feed_open(&f, &g); b = *feed_step(&f, 0); memcpy(f.bx + f.per, f.bx, f.per * sizeof *f.bx);
        memset(&draw, 0, sizeof draw); c->draw = &draw;
        REQUIRE(!lb__train_embed(c, t, &b, 0, 2, &x, &y), "%s", lb_last_error());
        CHECK(max_abs_diff(x->x, x->x + x->c, x->c) > 1e-4, "both have the same mask");
        c->draw = NULL; REQUIRE(!lb__train_embed(c, t, &b, 0, 2, &x, &y), "%s", lb_last_error());
        CHECK(!memcmp(x->x, x->x + x->c, x->c * sizeof *x->x), "without masks they are the same");
        lb__arena_rewind(c, mark); feed_close(&f); lb_trainer_free(t); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
    }
}
/* Positives of one group share the target: with every caption twice, the loss of perfect vectors is that of the entropy. */
LBT(train, groups_share_the_target) {
    lb_ctx *c = ctx_with(1); float x[8 * 4], dx[8 * 4]; uint64_t group[8]; double loss = 0, ds = 0, up, down, want = 0; size_t i, k; const double s = 30;
    memset(x, 0, sizeof x);
    for (i = 0; i < 8; i++) { x[i * 4 + i / 2] = 1; group[i] = i / 2; }
    CHECK(!lb_clip_loss(c, x, x, 8, 4, log(s), group, &loss, dx, NULL, &ds), "%s", lb_last_error());
    want = log(2.0) + log1p(3 * exp(-s));
    CHECK(fabs(loss - want) < 1e-6, "%.9g instead of %.9g", loss, want);
    CHECK(!lb_clip_loss(c, x, x, 8, 4, log(s) + 1e-4, group, &up, NULL, NULL, NULL) && !lb_clip_loss(c, x, x, 8, 4, log(s) - 1e-4, group, &down, NULL, NULL, NULL), "%s", lb_last_error());
    CHECK(fabs((up - down) / 2e-4 - ds) < 1e-4, "%g instead of %g", ds, (up - down) / 2e-4);
    for (k = 0; k < 3; k++) {                                   /* and its gradient by differences, away from the optimum */
        float y[8 * 4]; const float h = 1e-2f; lb__rng r = lb__rng_new(1, k);
        for (i = 0; i < 32; i++) { x[i] = lb__rng_normal(&r) * 0.3f; y[i] = lb__rng_normal(&r) * 0.3f; }
        CHECK(!lb_clip_loss(c, x, y, 8, 4, 1.0, group, &loss, dx, NULL, NULL), "%s", lb_last_error());
        for (i = 0; i < 32; i++) {
            float old = x[i];
            x[i] = old + h; lb_clip_loss(c, x, y, 8, 4, 1.0, group, &up, NULL, NULL, NULL);
            x[i] = old - h; lb_clip_loss(c, x, y, 8, 4, 1.0, group, &down, NULL, NULL, NULL);
            x[i] = old;
            CHECK(fabs((up - down) / (2 * (double)h) - (double)dx[i]) < 1e-4, "%zu: %g instead of %g", i, (double)dx[i], (up - down) / (2 * (double)h));
        }
    }
    lb_ctx_free(c);
}
/* Texts that are negatives of every input: the loss of the formula in double, its gradients by differences, none for the pairs' own texts. */
LBT(train, negatives_are_further_columns) {
    enum { N = 5, Z = 9, E = 4 }; lb_ctx *c = ctx_with(1); float x[N * E], y[N * E], z[Z * E], dx[N * E], dy[N * E]; uint64_t group[N] = { 0, 1, 1, 2, 3 }; double loss, plain, up, down, ds, want = 0; lb__rng r = lb__rng_new(3, 4); size_t i, j, k, e; const double scale = exp(1.0); const float h = 1e-2f;
    for (i = 0; i < N * E; i++) { x[i] = lb__rng_normal(&r) * 0.4f; y[i] = lb__rng_normal(&r) * 0.4f; }
    for (i = 0; i < Z * E; i++) z[i] = lb__rng_normal(&r) * 0.4f;
    for (i = 0; i < N; i++) {
        double row = 0, column = 0, positives = 0, mean = 0;
        for (j = 0; j < N + Z; j++) { const float *v = j < N ? y + j * E : z + (j - N) * E; double d = 0; for (e = 0; e < E; e++) d += (double)x[i * E + e] * v[e]; row += exp(scale * d); if (j < N && group[i] == group[j]) { positives++; mean += scale * d; } }
        for (k = 0; k < N; k++) { double d = 0; for (e = 0; e < E; e++) d += (double)x[k * E + e] * y[i * E + e]; column += exp(scale * d); }
        want += (log(row) + log(column) - 2 * mean / positives) / (2 * N);
    }
    REQUIRE(!lb__clip_loss(c, x, y, N, z, Z, E, 1.0, group, 1, &loss, dx, dy, &ds), "%s", lb_last_error());
    CHECK(fabs(loss - want) < 1e-6, "%.9g instead of %.9g", loss, want);
    CHECK(!lb_clip_loss(c, x, y, N, E, 1.0, group, &plain, NULL, NULL, NULL) && plain < loss, "more to be told from: %g, without %g", loss, plain);
    for (k = 0; k < 2; k++) for (i = 0; i < N * E; i++) {
        float *v = k ? y : x; const float old = v[i], got = k ? dy[i] : dx[i];
        v[i] = old + h; lb__clip_loss(c, x, y, N, z, Z, E, 1.0, group, 1, &up, NULL, NULL, NULL);
        v[i] = old - h; lb__clip_loss(c, x, y, N, z, Z, E, 1.0, group, 1, &down, NULL, NULL, NULL);
        v[i] = old;
        CHECK(fabs((up - down) / (2 * (double)h) - (double)got) < 1e-4, "d%c %zu: %g instead of %g", k ? 'y' : 'x', i, (double)got, (up - down) / (2 * (double)h));
    }
    lb__clip_loss(c, x, y, N, z, Z, E, 1.0 + 1e-4, group, 1, &up, NULL, NULL, NULL); lb__clip_loss(c, x, y, N, z, Z, E, 1.0 - 1e-4, group, 1, &down, NULL, NULL, NULL);
    CHECK(fabs((up - down) / 2e-4 - ds) < 1e-4, "scale: %g instead of %g", ds, (up - down) / 2e-4);
    lb_ctx_free(c);
}
/* A run on a model from a file, as an adapter over it, merged, and saved: three ways to the same vectors. */
LBT(train, adapter_and_merge) {
    golden g; lb_ctx *c = ctx_with(2); lb_model *m, *base = NULL, *other = NULL, *adapted = NULL, *merged = NULL, *saved = NULL, *none = NULL; lb_trainer *t = NULL; feed f; lb_train_desc d; lb_train_stats st; float a[8 * 64], b[8 * 64]; size_t s, E;
    REQUIRE(golden_open("train_lora", &g), "golden");
    m = clip_model(c, &g); REQUIRE(m, "model");
    REQUIRE(!lb_model_save(c, m, LB_F32, "build/tests/base.lbw") && !lb_model_open(c, "build/tests/base.lbw", &base), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.lora_rank = 3; d.lora_targets = LB_LORA_Q | LB_LORA_V | LB_LORA_OUT; d.freeze_text = 1; d.lr = 1e-2;
    REQUIRE(!lb_trainer_new(c, base, &d, &t), "%s", lb_last_error());
    feed_open(&f, &g); E = lb_model_dim(m);
    for (s = 0; s < 5; s++) REQUIRE(!lb_trainer_step(c, t, feed_step(&f, s), &st), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, lb_trainer_model(t), "image", f.x, 8, a) && !lb_embed_tensor(c, base, "image", f.x, 8, b), "%s", lb_last_error());
    CHECK(max_abs_diff(a, b, 8 * E) > 1e-3, "training changed nothing");
    REQUIRE(!lb_trainer_adapter(c, t, "build/tests/adapter.lbw"), "%s", lb_last_error());
    REQUIRE(!lb_model_adapt(c, base, "build/tests/adapter.lbw", &adapted), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, adapted, "image", f.x, 8, b) && !memcmp(a, b, 8 * E * sizeof *a), "adapted: %s", lb_last_error());
    CHECK(lb_model_logit_scale(adapted, "image") == lb_model_logit_scale(lb_trainer_model(t), "image"), "scale");
    REQUIRE(!lb_model_merge(c, adapted, &merged), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, merged, "image", f.x, 8, b) && max_abs_diff(a, b, 8 * E) < 1e-5, "merged: %g %s", max_abs_diff(a, b, 8 * E), lb_last_error());
    CHECK(!lb_model_save(c, adapted, LB_F32, "build/tests/unmerged.lbw") && !lb_model_open(c, "build/tests/unmerged.lbw", &saved), "%s", lb_last_error());
    CHECK(saved && saved->desc.tower[0].lora_rank == 3 && saved->desc.tower[0].lora_targets == 13 && !lb_embed_tensor(c, saved, "image", f.x, 8, b) && !memcmp(a, b, 8 * E * sizeof *a), "saved unmerged: %s", lb_last_error());
    {   /* updates that are there already go on as they are: another shape of them is said, not passed over */
        lb_trainer *u = NULL;
        memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.freeze_text = 1; d.lora_alpha = 32;
        CHECK(lb_trainer_new(c, adapted, &d, &u) == LB_ERR_MISMATCH && !u && strstr(lb_last_error(), "alpha 16") && strstr(lb_last_error(), "alpha 32"), "%s", lb_last_error());
        d.lora_alpha = 0; d.lora_targets = LB_LORA_Q; CHECK(lb_trainer_new(c, adapted, &d, &u) == LB_ERR_MISMATCH && !u && strstr(lb_last_error(), "targets 13"), "%s", lb_last_error());
        d.lora_alpha = 16; d.lora_targets = 13; CHECK(!lb_trainer_new(c, adapted, &d, &u), "%s", lb_last_error()); lb_trainer_free(u); u = NULL;
        d.lora_alpha = INFINITY; CHECK(lb_trainer_new(c, adapted, &d, &u) == LB_ERR_ARG && !u && strstr(lb_last_error(), "lora_alpha"), "%s", lb_last_error());
        d.lora_alpha = 0; d.lora_targets = 16; CHECK(lb_trainer_new(c, adapted, &d, &u) == LB_ERR_ARG && !u && strstr(lb_last_error(), "lora_targets is 16"), "%s", lb_last_error());
    }
    {   /* a modality that was added in memory comes along in its adapter, as does what an adapter in between had changed */
        lb_model *more = NULL, *back = NULL; lb_trainer *u = NULL; lb_tower_desc td; lb_modality_desc q = *lb_model_modality(base, "image"); float e[8 * 64]; int round;
        for (round = 0; round < 3; round++) {
            const lb_model *from = round == 1 ? adapted : base;
            memset(&td, 0, sizeof td); strcpy(q.name, "sketch"); strcpy(q.tower, round == 2 ? "vision" : "sketch");
            REQUIRE(!lb_model_extend(c, from, "vision", &td, &q, 9, &more), "%s", lb_last_error());
            memset(&d, 0, sizeof d); d.modality = "sketch"; d.trainable = LB_TRAIN_LORA; d.lora_rank = round == 1 ? 0 : 2; d.freeze_text = 1; d.lr = 1e-2;
            REQUIRE(!lb_trainer_new(c, more, &d, &u), "%s", lb_last_error());
            for (s = 0; s < 3; s++) REQUIRE(!lb_trainer_step(c, u, feed_step(&f, s), &st), "%s", lb_last_error());
            REQUIRE(!lb_trainer_adapter(c, u, "build/tests/brought.lbw"), "%s", lb_last_error());
            REQUIRE(!lb_model_adapt(c, base, "build/tests/brought.lbw", &back), "%s", lb_last_error());
            CHECK(!lb_embed_tensor(c, lb_trainer_model(u), "sketch", f.x, 8, e) && !lb_embed_tensor(c, back, "sketch", f.x, 8, b) && !memcmp(e, b, 8 * E * sizeof *e), "round %d: %s", round, lb_last_error());
            CHECK(lb_model_modality(back, "image") && lb_model_logit_scale(back, "sketch") == lb_model_logit_scale(lb_trainer_model(u), "sketch"), "round %d", round);
            lb_model_free(back); back = NULL; lb_trainer_free(u); u = NULL; lb_model_free(more); more = NULL;
        }
        remove("build/tests/brought.lbw");
    }
    /* another base */
    ((float *)m->param[0].t.data)[0] += 1;
    REQUIRE(!lb_model_save(c, m, LB_F32, "build/tests/other.lbw") && !lb_model_open(c, "build/tests/other.lbw", &other), "%s", lb_last_error());
    CHECK(lb_model_adapt(c, other, "build/tests/adapter.lbw", &none) == LB_ERR_MISMATCH && !none && strstr(lb_last_error(), "another base"), "%s", lb_last_error());
    CHECK(lb_model_adapt(c, base, "build/tests/base.lbw", &none) == LB_ERR_MISMATCH && !none, "%s", lb_last_error());
    CHECK(lb_model_open(c, "build/tests/adapter.lbw", &none) == LB_ERR_MISMATCH && !none, "%s", lb_last_error());
    remove("build/tests/base.lbw"); remove("build/tests/adapter.lbw"); remove("build/tests/unmerged.lbw"); remove("build/tests/other.lbw");
    lb_model_free(saved); lb_model_free(merged); lb_model_free(adapted); lb_trainer_free(t); lb_model_free(other); lb_model_free(base); lb_model_free(m);
    feed_close(&f); lb_ctx_free(c); golden_close(&g);
}
/* A base of bytes: low-rank updates learn over it as they do over floats, whole training takes its matrices as floats, and an adapter comes back over it. */
LBT(train, over_bytes) {
    golden g; lb_ctx *c = ctx_with(2); lb_model *m, *base = NULL, *bytes = NULL, *adapted = NULL, *merged = NULL; lb_trainer *t[3] = { NULL, NULL, NULL }; feed f; lb_train_desc d; lb_train_stats st[3]; float a[8 * 64], b[8 * 64]; double first[3]; size_t s, i, E;
    REQUIRE(golden_open("train_lora", &g), "golden");
    m = clip_model(c, &g); REQUIRE(m, "model");
    REQUIRE(!lb_model_save(c, m, LB_F32, "build/tests/base.lbw") && !lb_model_open(c, "build/tests/base.lbw", &base) && !lb_model_save(c, m, LB_I8, "build/tests/train_bytes.lbw") && !lb_model_open(c, "build/tests/train_bytes.lbw", &bytes), "%s", lb_last_error());
    memset(&d, 0, sizeof d); d.trainable = LB_TRAIN_LORA; d.lora_rank = 3; d.freeze_text = 1; d.lr = 1e-2; d.seed = 3;
    REQUIRE(!lb_trainer_new(c, base, &d, &t[0]) && !lb_trainer_new(c, bytes, &d, &t[1]), "%s", lb_last_error());
    d.trainable = LB_TRAIN_ALL; d.lora_rank = 0; d.lr = 1e-3;
    REQUIRE(!lb_trainer_new(c, bytes, &d, &t[2]), "%s", lb_last_error());
    feed_open(&f, &g); E = lb_model_dim(m);
    for (s = 0; s < 12; s++) for (i = 0; i < 3; i++) { REQUIRE(!lb_trainer_step(c, t[i], feed_step(&f, s % 4), &st[i]), "%s", lb_last_error()); if (!s) first[i] = st[i].loss; }
    CHECK(fabs(first[0] - first[1]) < 0.015 * first[0] && fabs(st[0].loss - st[1].loss) < 0.02 * st[0].loss, "losses %g and %g at first, %g and %g at last", first[0], first[1], st[0].loss, st[1].loss);
    for (i = 0; i < 3; i++) CHECK(st[i].loss < first[i] - 0.2, "run %zu: from %g to %g", i, first[i], st[i].loss);
    CHECK(lb_model_tensor(lb_trainer_model(t[1]), "vision.blocks.0.attn.qkv.weight")->dtype == LB_I8 && lb_model_tensor(lb_trainer_model(t[2]), "vision.blocks.0.attn.qkv.weight")->dtype == LB_F32, "types");
    CHECK(!lb_embed_tensor(c, lb_trainer_model(t[1]), "image", f.x, 8, a), "%s", lb_last_error());
    REQUIRE(!lb_trainer_adapter(c, t[1], "build/tests/adapter.lbw") && !lb_model_adapt(c, bytes, "build/tests/adapter.lbw", &adapted), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, adapted, "image", f.x, 8, b) && !memcmp(a, b, 8 * E * sizeof *a), "adapted: %s", lb_last_error());
    REQUIRE(!lb_model_merge(c, adapted, &merged), "%s", lb_last_error());
    CHECK(!lb_embed_tensor(c, merged, "image", f.x, 8, b) && max_abs_diff(a, b, 8 * E) < 8e-3, "merged: %g %s", max_abs_diff(a, b, 8 * E), lb_last_error());
    lb_model_free(merged); lb_model_free(adapted); adapted = NULL;
    CHECK(lb_model_adapt(c, base, "build/tests/adapter.lbw", &adapted) == LB_ERR_MISMATCH && !adapted, "%s", lb_last_error());
    for (i = 0; i < 3; i++) lb_trainer_free(t[i]);
    feed_close(&f); lb_model_free(base); lb_model_free(bytes); lb_model_free(m); lb_ctx_free(c); golden_close(&g);
    remove("build/tests/base.lbw"); remove("build/tests/train_bytes.lbw"); remove("build/tests/adapter.lbw");
}
/* What lb_trainer_bytes plans is what a step takes, within a tenth. */
LBT(train, plan_is_what_is_taken) {
    const double margin = (double)lb__plan_kernels();
    lb_ctx *c; lb_model *m = NULL; lb_model_desc d; float *x; int32_t ids[12 * 16]; int mode; size_t i, per = 3 * 48 * 48; uint64_t sum, before = 0;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 2;
    strcpy(d.tower[0].name, "vision"); d.tower[0].kind = LB_TOWER_VISION; d.tower[0].width = 96; d.tower[0].layers = 4; d.tower[0].heads = 3; d.tower[0].embed_dim = 64; d.tower[0].patch_h = d.tower[0].patch_w = 6; d.tower[0].grid_h = d.tower[0].grid_w = 8;
    strcpy(d.tower[1].name, "text"); d.tower[1].kind = LB_TOWER_TEXT; d.tower[1].width = 64; d.tower[1].layers = 3; d.tower[1].heads = 2; d.tower[1].embed_dim = 64; d.tower[1].context = 16; d.tower[1].vocab = 200;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE; strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    c = ctx_with(1); REQUIRE(!lb_model_create(c, &d, &m), "%s", lb_last_error()); lb_ctx_free(c);
    x = (float *)malloc(12 * per * sizeof *x);
    for (i = 0; i < 12 * per; i++) x[i] = (float)(i * 7919 % 97) / 97 - 0.5f;
    for (i = 0; i < 12 * 16; i++) ids[i] = i % 16 == 15 ? 199 : (int32_t)(i * 31 % 190);
    for (mode = 0; mode < 8; mode++) {
        lb_train_desc t; lb_trainer *tr = NULL; lb_batch b; lb_train_stats st; double plan, taken;
        memset(&t, 0, sizeof t); memset(&b, 0, sizeof b); b.n = 12; b.length = 16; b.x = x; b.ids = ids;
        if (mode == 1 || mode == 3) t.recompute = 1;
        if (mode == 2 || mode == 3) { t.trainable = LB_TRAIN_LORA; t.lora_rank = 8; t.mask_ratio = 0.5; t.freeze_text = 1; }
        if (mode == 4) t.trainable = LB_TRAIN_PROJECTION;
        if (mode >= 2) t.mix = 1;
        t.bf16 = mode >= 6; t.recompute |= mode == 7;
        if (mode == 5) { t.trainable = LB_TRAIN_UPSTREAM; t.micro_batch = 4; t.freeze_text = 1; }
        c = ctx_with(2); REQUIRE(!lb_trainer_new(c, m, &t, &tr), "%s", lb_last_error());
        REQUIRE(!lb_trainer_step(c, tr, &b, &st), "%s", lb_last_error());
        CHECK(lb_trainer_bytes(tr, SIZE_MAX, 16) == SIZE_MAX && lb_trainer_bytes(tr, SIZE_MAX / 64, SIZE_MAX) == SIZE_MAX, "more than there is");
        plan = (double)lb_trainer_bytes(tr, 12, 16) - margin; taken = (double)c->peak;
        for (i = 0; i < tr->slots; i++) taken += 16 * (double)tr->slot[i].n;
        CHECK(plan + margin > 0.9 * taken && plan < 1.1 * taken, "mode %d: %.0f planned, %.0f taken", mode, plan, taken);
        printf("  %.0f kB planned, %.0f of them for the kernels, %.0f taken\n", (plan + margin) / 1024, margin / 1024, taken / 1024);
        CHECK(c->first && !c->first->next, "one piece of memory");
        for (i = 0, sum = 0; i < tr->slots; i++) { size_t k; const lb_tensor *w = &tr->slot[i].p->t; for (k = 0; k < lb_tensor_count(w); k++) { uint32_t bits; memcpy(&bits, (const float *)w->data + k, 4); sum = sum * 31 + bits; } }
        CHECK(!(mode == 1 || mode == 3 || mode == 7) || sum == before, "mode %d: recomputing gives other weights", mode);
        before = sum;
        lb_trainer_free(tr); lb_ctx_free(c);
    }
    free(x); lb_model_free(m);
}
/* The same over bytes, whose matrices are turned into floats however few the rows are. */
LBT(train, plan_over_bytes) {
    lb_ctx *c = ctx_with(2); lb_model *m = NULL, *bytes = NULL; lb_model_desc d; float x[4 * 3 * 32 * 32]; int32_t ids[4 * 16]; size_t i; int mode;
    memset(&d, 0, sizeof d); d.towers = d.modalities = 2;
    strcpy(d.tower[0].name, "vision"); d.tower[0].kind = LB_TOWER_VISION; d.tower[0].width = 512; d.tower[0].layers = 2; d.tower[0].heads = 8; d.tower[0].embed_dim = 64; d.tower[0].patch_h = d.tower[0].patch_w = 8; d.tower[0].grid_h = d.tower[0].grid_w = 4;
    strcpy(d.tower[1].name, "text"); d.tower[1].kind = LB_TOWER_TEXT; d.tower[1].width = 64; d.tower[1].layers = 1; d.tower[1].heads = 2; d.tower[1].embed_dim = 64; d.tower[1].context = 16; d.tower[1].vocab = 200;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE; strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    REQUIRE(!lb_model_create(c, &d, &m) && !lb_model_save(c, m, LB_I8, "build/tests/train_bytes.lbw") && !lb_model_open(c, "build/tests/train_bytes.lbw", &bytes), "%s", lb_last_error()); lb_ctx_free(c);
    for (i = 0; i < LB__COUNT(x); i++) x[i] = (float)(i * 7919 % 97) / 97 - 0.5f;
    for (i = 0; i < LB__COUNT(ids); i++) ids[i] = i % 16 == 15 ? 199 : (int32_t)(i * 31 % 190);
    for (mode = 0; mode < 2; mode++) {
        lb_train_desc t; lb_trainer *tr = NULL; lb_batch b; lb_train_stats st; double plan, taken;
        memset(&t, 0, sizeof t); memset(&b, 0, sizeof b); b.n = 4; b.length = 16; b.x = x; b.ids = ids;
        t.trainable = LB_TRAIN_LORA; t.lora_rank = 4; t.freeze_text = 1; t.recompute = mode;
        c = ctx_with(2); REQUIRE(!lb_trainer_new(c, bytes, &t, &tr) && !lb_trainer_step(c, tr, &b, &st), "%s", lb_last_error());
        plan = (double)lb_trainer_bytes(tr, 4, 16); taken = (double)c->peak;
        for (i = 0; i < tr->slots; i++) taken += 16 * (double)tr->slot[i].n;
        CHECK(plan > 0.9 * taken && plan - (double)lb__plan_kernels() < 1.1 * taken, "mode %d: %.0f planned, %.0f taken", mode, plan, taken);
        CHECK(c->first && !c->first->next, "one piece of memory");
        lb_trainer_free(tr); lb_ctx_free(c);
    }
    lb_model_free(bytes); lb_model_free(m); remove("build/tests/train_bytes.lbw");
}
