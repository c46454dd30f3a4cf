/* Section 15: metrics against definitions spelt out in numpy and against upstream's own retrieval code; ties; bad input; intervals. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/inputs.c"
#include "tools/score.c"
#include "tools/eval.c"
#include "tests/lbt.h"
#include "tests/golden.h"

static lb_ctx *ctx;
static golden g;
static int ready(void) { if (!ctx) { lb_ctx_new(NULL, &ctx); return golden_open("eval", &g); } return g.data != NULL; }
static int within(double a, double b, double tolerance) { return (a != a && b != b) || fabs(a - b) <= tolerance * (1 + fabs(b)); }
static int near(double a, double b) { return within(a, b, 1e-9); }

LBT(eval, classification) {
    const float *s; golden_array y, want, per, conf; double hit[300], got_per[7], sum = 0; uint32_t c[49]; lb_accuracy a; size_t i;
    REQUIRE(ready(), "golden file");
    s = golden_f32(&g, "c_scores", NULL); y = golden_get(&g, "c_labels"); want = golden_get(&g, "c_metrics"); per = golden_get(&g, "c_per"); conf = golden_get(&g, "c_confusion");
    REQUIRE(!lb_eval_classify(s, (const uint32_t *)y.data, 300, 7, &a, hit, got_per, c), "%s", lb_last_error());
    CHECK(near(a.top1, ((const double *)want.data)[0]) && near(a.top5, ((const double *)want.data)[1]) && near(a.mean_class, ((const double *)want.data)[2]), "%g %g %g", a.top1, a.top5, a.mean_class);
    for (i = 0; i < 7; i++) CHECK(near(got_per[i], ((const double *)per.data)[i]), "class %u: %g", (unsigned)i, got_per[i]);
    CHECK(!memcmp(c, conf.data, sizeof c), "confusion");
    for (i = 0; i < 300; i++) sum += hit[i] < 1;
    CHECK(near(sum / 300, a.top1), "hits");
    CHECK(lb_eval_classify(s, (const uint32_t *)y.data, 300, 3, &a, NULL, NULL, NULL) == LB_ERR_ARG, "label outside");
    CHECK(lb_eval_classify(s, (const uint32_t *)y.data, 0, 7, &a, NULL, NULL, NULL) == LB_ERR_ARG, "no samples");
}
LBT(eval, multilabel) {
    const float *s; golden_array t, want, per; double got[6]; lb_multilabel m; size_t i;
    REQUIRE(ready(), "golden file");
    s = golden_f32(&g, "m_scores", NULL); t = golden_get(&g, "m_truth"); want = golden_get(&g, "m_metrics"); per = golden_get(&g, "m_per");
    REQUIRE(!lb_eval_multilabel(ctx, s, (const uint8_t *)t.data, 200, 6, &m, got), "%s", lb_last_error());
    CHECK(near(m.map, ((const double *)want.data)[0]) && near(m.auc, ((const double *)want.data)[1]) && near(m.dprime, ((const double *)want.data)[2]), "%.12g %.12g %.12g", m.map, m.auc, m.dprime);
    for (i = 0; i < 6; i++) CHECK(near(got[i], ((const double *)per.data)[i]), "class %u: %g", (unsigned)i, got[i]);
    CHECK(m.classes == 5 && m.left_out == 1, "%u and %u", (unsigned)m.classes, (unsigned)m.left_out);
}
static void same(const char *what, lb_retrieval r, const double *w) {
    double e = strcmp(what, "several, upstream, text to item") ? 1e-9 : 1e-6;                       /* that one is divided in f32 by upstream */
    CHECK(within(r.r1, w[0], e) && within(r.r5, w[1], e) && within(r.r10, w[2], e) && within(r.median, w[3], e) && within(r.mean, w[4], e), "%s: %g %g %g %g %g, %g %g %g %g %g were expected", what, r.r1, r.r5, r.r10, r.median, r.mean, w[0], w[1], w[2], w[3], w[4]);
}
LBT(eval, retrieval) {
    const float *s; golden_array o, want, up, ri, rt; lb_retrieval a, b; double got_i[60], got_t[60]; float turned[3600]; uint32_t owner[60]; size_t n; int i;
    REQUIRE(ready(), "golden file");
    s = golden_f32(&g, "r_sim", NULL); want = golden_get(&g, "r_clean"); up = golden_get(&g, "r_upstream"); ri = golden_get(&g, "r_rank_item"); rt = golden_get(&g, "r_rank_text");
    REQUIRE(!lb_eval_retrieval(ctx, s, 60, 60, NULL, 0, &a, &b, got_i, got_t), "%s", lb_last_error());
    same("text to item", a, (const double *)want.data); same("item to text", b, (const double *)want.data + 5);
    for (i = 0; i < 60; i++) CHECK(got_i[i] == ((const double *)ri.data)[i] && got_t[i] == ((const double *)rt.data)[i], "ranks of %d", i);
    REQUIRE(!lb_eval_retrieval(ctx, s, 60, 60, NULL, 1, &a, &b, NULL, NULL), "%s", lb_last_error());
    same("upstream, text to item", a, (const double *)up.data); same("upstream, item to text", b, (const double *)up.data + 5);
    CHECK(a.count > 60, "ties are entries of their own: %u", (unsigned)a.count);
    for (i = 0; i < 60; i++) { owner[i] = (uint32_t)(i * 7 % 60); memcpy(turned + i * 60, s + owner[i] * 60, 60 * sizeof *s); }
    REQUIRE(!lb_eval_retrieval(ctx, turned, 60, 60, owner, 1, &a, &b, NULL, NULL), "%s", lb_last_error());
    same("upstream, text to item, another order", a, (const double *)up.data); same("upstream, item to text, another order", b, (const double *)up.data + 5);
    s = golden_f32(&g, "g_sim", NULL); o = golden_get(&g, "g_owner"); n = o.count; want = golden_get(&g, "g_clean"); up = golden_get(&g, "g_upstream");
    REQUIRE(!lb_eval_retrieval(ctx, s, n, 40, (const uint32_t *)o.data, 0, &a, &b, NULL, NULL), "%s", lb_last_error());
    same("several, text to item", a, (const double *)want.data); same("several, item to text", b, (const double *)want.data + 5);
    REQUIRE(!lb_eval_retrieval(ctx, s, n, 40, (const uint32_t *)o.data, 1, &a, &b, NULL, NULL), "%s", lb_last_error());
    same("several, upstream, text to item", a, (const double *)up.data); same("several, upstream, item to text", b, (const double *)up.data + 5);
}
LBT(eval, saying_nothing_scores_nothing) {
    float s[100]; uint32_t y[10]; lb_accuracy a; lb_retrieval t, u; size_t i;
    REQUIRE(ready(), "golden file");
    for (i = 0; i < 100; i++) s[i] = 0.5f;
    for (i = 0; i < 10; i++) y[i] = (uint32_t)i;
    CHECK(!lb_eval_classify(s, y, 10, 10, &a, NULL, NULL, NULL) && a.top1 == 0 && a.top5 == 0, "%g", a.top1);
    CHECK(!lb_eval_retrieval(ctx, s, 10, 10, NULL, 0, &t, &u, NULL, NULL) && t.r5 == 0 && u.r5 == 0 && t.mean == 10, "%g", t.mean);
    s[37] = NAN;
    CHECK(lb_eval_retrieval(ctx, s, 10, 10, NULL, 0, &t, &u, NULL, NULL) == LB_ERR_NUMERIC && strstr(lb_last_error(), "[3, 7]"), "%s", lb_last_error());
    y[3] = 12; s[37] = 0;
    CHECK(lb_eval_retrieval(ctx, s, 10, 10, y, 0, &t, &u, NULL, NULL) == LB_ERR_ARG, "owner outside");
    CHECK(lb_eval_retrieval(ctx, s, 5, 20, NULL, 0, &t, &u, NULL, NULL) == LB_ERR_ARG, "no owners");
    y[3] = 2;                                                                                        /* item 3 has no text: it distracts and is not asked for */
    CHECK(!lb_eval_retrieval(ctx, s, 10, 10, y, 0, &t, &u, NULL, NULL) && t.count == 10 && u.count == 9, "%u", (unsigned)u.count);
}
LBT(eval, intervals) {
    double x[400], low, high, l2, h2; size_t i;
    REQUIRE(ready(), "golden file");
    for (i = 0; i < 400; i++) x[i] = i % 4 == 0;                                                     /* mean 0.25, standard error 0.02165 */
    REQUIRE(!lb_eval_bootstrap(ctx, x, 400, 4000, 0.95, 7, &low, &high), "%s", lb_last_error());
    CHECK(fabs(low - (0.25 - 1.96 * 0.02165)) < 0.004 && fabs(high - (0.25 + 1.96 * 0.02165)) < 0.004, "%g..%g", low, high);
    CHECK(!lb_eval_bootstrap(ctx, x, 400, 4000, 0.95, 7, &l2, &h2) && low == l2 && high == h2, "the same seed");
    for (i = 0; i < 400; i++) x[i] = 0.5;
    CHECK(!lb_eval_bootstrap(ctx, x, 400, 0, 0.95, 7, &low, &high) && low == 0.5 && high == 0.5, "%g..%g", low, high);
    CHECK(lb_eval_bootstrap(ctx, x, 0, 0, 0.95, 7, &low, &high) == LB_ERR_ARG, "nothing to draw from");
    for (x[0] = -INFINITY, i = 1; i < 3; i++) x[i] = 1;                                              /* d' of a draw may be infinite; an end of an interval is then, too, and no NaN */
    for (i = 0; i < 300; i++) CHECK(!lb_eval_bootstrap(ctx, x, 3, 10, 0.95, i, &low, &high) && low == -INFINITY && high == high, "seed %u: %g..%g", (unsigned)i, low, high);
}
LBT(eval, intervals_of_every_number) {
    double rank[300], ones[300]; uint32_t y[300], unit[300]; float score[300 * 2]; uint8_t truth[300 * 2]; lb_accuracy a, b; lb_retrieval c, d; lb_multilabel m, lo, hi; double low, high; size_t i;
    REQUIRE(ready(), "golden file");
    for (i = 0; i < 300; i++) { rank[i] = (double)(i % 20); y[i] = (uint32_t)(i % 3); unit[i] = (uint32_t)(i / 30) * 7; ones[i] = rank[i] < 5; }
    REQUIRE(!lb_eval_classify_interval(ctx, rank, y, 300, 3, 500, 0.95, 3, &a, &b), "%s", lb_last_error());
    REQUIRE(!lb_eval_bootstrap(ctx, ones, 300, 500, 0.95, 3, &low, &high), "%s", lb_last_error());
    CHECK(near(a.top5, low) && near(b.top5, high), "the same drawings as the mean of hits: %g..%g, %g..%g", a.top5, b.top5, low, high);
    CHECK(a.top1 > 0.01 && a.top1 < 0.05 && b.top1 > 0.05 && b.top1 < 0.1 && a.mean_class < b.mean_class, "%g..%g", a.top1, b.top1);
    REQUIRE(!lb_eval_retrieval_interval(ctx, rank, NULL, 300, 500, 0.95, 3, &c, &d), "%s", lb_last_error());
    CHECK(near(c.r5, low) && near(d.r5, high) && c.count == 300, "%g..%g", c.r5, d.r5);
    CHECK(c.median >= 8 && c.median <= 10.5 && d.median >= 10.5 && d.median <= 13 && c.mean < 10.5 && d.mean > 10.5 && c.r1 < d.r1 && c.r10 <= 0.5 && d.r10 >= 0.5, "%g..%g, %g..%g", c.median, d.median, c.mean, d.mean);
    for (i = 0; i < 300; i++) rank[i] = i / 30 % 2 ? 0 : 9;                                          /* units agree within: ten things, not three hundred */
    REQUIRE(!lb_eval_retrieval_interval(ctx, rank, NULL, 300, 500, 0.95, 3, &c, &d), "%s", lb_last_error());
    low = d.r1 - c.r1;
    REQUIRE(!lb_eval_retrieval_interval(ctx, rank, unit, 300, 500, 0.95, 3, &c, &d), "%s", lb_last_error());
    CHECK(d.r1 - c.r1 > 3 * low, "drawn by units the interval is %g wide, by ranks %g", d.r1 - c.r1, low);
    for (i = 0; i < 300; i++) rank[i] = 0;                                                           /* all right: Wilson's interval, of 300 things and of the ten units */
    REQUIRE(!lb_eval_classify_interval(ctx, rank, y, 300, 3, 50, 0.95, 3, &a, &b) && !lb_eval_classify_interval(ctx, rank, y, 300, 9, 50, 0.95, 3, &a, &b), "%s", lb_last_error());
    CHECK(fabs(a.top1 - 0.987357) < 1e-6 && b.top1 == 1 && near(a.top5, a.top1) && near(a.mean_class, a.top1), "%.7g..%g", a.top1, b.top1);
    REQUIRE(!lb_eval_retrieval_interval(ctx, rank, unit, 300, 50, 0.95, 3, &c, &d), "%s", lb_last_error());
    CHECK(fabs(c.r1 - 0.722467) < 1e-6 && d.r1 == 1 && near(c.r10, c.r1) && c.median == 1 && d.median == 1, "%.7g..%g", c.r1, d.r1);
    for (i = 0; i < 300; i++) rank[i] = 12;                                                          /* all wrong, in the first five and ten, too */
    REQUIRE(!lb_eval_retrieval_interval(ctx, rank, unit, 300, 50, 0.95, 3, &c, &d), "%s", lb_last_error());
    CHECK(c.r10 == 0 && fabs(d.r10 - 0.277533) < 1e-6 && near(d.r1, d.r10), "%g..%.7g", c.r10, d.r10);
    for (i = 0; i < 300; i++) rank[i] = i / 30 % 2 ? 0 : 9;
    rank[4] = NAN;
    CHECK(!lb_eval_retrieval_interval(ctx, rank, NULL, 300, 50, 0.95, 3, &c, &d) && c.count == 299, "NaN is left out");
    for (i = 0; i < 600; i++) { score[i] = (float)((i * 37) % 101); truth[i] = (uint8_t)((i * 37) % 101 + (i * 13) % 60 > 90); }
    REQUIRE(!lb_eval_multilabel(ctx, score, truth, 300, 2, &m, NULL) && !lb_eval_multilabel_interval(ctx, score, truth, 300, 2, 200, 0.95, 1, &lo, &hi), "%s", lb_last_error());
    CHECK(lo.map < m.map && m.map < hi.map && lo.auc < m.auc && m.auc < hi.auc && lo.dprime < m.dprime && m.dprime < hi.dprime && hi.map - lo.map < 0.25, "%g in %g..%g", m.map, lo.map, hi.map);
    for (i = 0; i < 300; i++) { score[i] = (float)(i % 7 + 10 * (i & 1)); truth[i] = (uint8_t)(i & 1); }      /* told apart without a fault: d' is infinite, and so is its interval */
    REQUIRE(!lb_eval_multilabel(ctx, score, truth, 300, 1, &m, NULL) && !lb_eval_multilabel_interval(ctx, score, truth, 300, 1, 50, 0.95, 1, &lo, &hi), "%s", lb_last_error());
    CHECK(m.auc == 1 && m.dprime == INFINITY && lo.dprime == INFINITY && hi.dprime == INFINITY, "%g in %g..%g", m.dprime, lo.dprime, hi.dprime);
    for (i = 0; i < 300; i++) score[i] = 1;
    CHECK(!lb_eval_multilabel(ctx, score, truth, 300, 1, &m, NULL) && m.auc == 0.5 && m.dprime == 0, "%g", m.dprime);
    for (i = 0; i < 4; i++) rank[i] = NAN;
    CHECK(lb_eval_retrieval_interval(ctx, rank, NULL, 4, 50, 0.95, 3, &c, &d) == LB_ERR_ARG, "nothing to draw");
    y[7] = 3;
    CHECK(lb_eval_classify_interval(ctx, ones, y, 300, 3, 50, 0.95, 3, &a, &b) == LB_ERR_ARG && lb_eval_classify_interval(ctx, ones, y, 300, 4, 50, 1.5, 3, &a, &b) == LB_ERR_ARG, "label outside, level outside");
}
LBT(eval, ceilings) {
    const uint32_t q[] = { 5, 5, 8, 9 }, g[] = { 5, 8, 5, 5, 5, 5, 5 }; lb_retrieval r;               /* 5: one of six; 8: alone; 9: not there */
    REQUIRE(ready(), "golden file");
    REQUIRE(!lb_eval_ceiling(ctx, q, 4, g, 7, &r), "%s", lb_last_error());
    CHECK(near(r.r1, (1.0 / 6 + 1.0 / 6 + 1) / 4) && near(r.r5, (5.0 / 6 + 5.0 / 6 + 1) / 4) && near(r.r10, 0.75) && near(r.mean, (3.5 + 3.5 + 1 + 7) / 4) && near(r.median, 3.5) && r.count == 4, "%g %g %g %g %g", r.r1, r.r5, r.r10, r.mean, r.median);
    CHECK(lb_eval_ceiling(ctx, q, 0, g, 7, &r) == LB_ERR_ARG && lb_eval_ceiling(ctx, q, 4, g, 0, &r) == LB_ERR_ARG, "nothing to rank");
}
LBT(eval, principal_axes) {
    enum { N = 200, D = 24 }; static float x[N * D], y[N * 2], z[N * 2]; double share[2], cross = 0, sa = 0, sb = 0, ma = 0, mb = 0; size_t i, j; lb__rng r = lb__rng_new(5, 0);
    double axis[2][D];
    REQUIRE(ready(), "golden file");
    for (j = 0; j < D; j++) { axis[0][j] = j % 2 ? 0 : 1 / sqrt(12.0); axis[1][j] = j % 2 ? 1 / sqrt(12.0) : 0; }
    for (i = 0; i < N; i++) {                                                                        /* two known axes of 3 and 1.5, shifted, exactly plane */
        const double a = 3 * (double)lb__rng_normal(&r), b = 1.5 * (double)lb__rng_normal(&r);
        z[2 * i] = (float)a; z[2 * i + 1] = (float)b; ma += a / N; mb += b / N;
        for (j = 0; j < D; j++) x[i * D + j] = (float)(7 + a * axis[0][j] + b * axis[1][j]);
    }
    REQUIRE(!lb_eval_pca(ctx, x, N, D, 2, y, share), "%s", lb_last_error());
    CHECK(fabs(share[0] + share[1] - 1) < 1e-5 && share[0] > share[1], "shares %g %g", share[0], share[1]);
    for (i = 0; i < N; i++) {                                                                        /* distances in the plane are kept, the axes do not correlate */
        const size_t k = (i * 7 + 1) % N; const double u = hypot((double)z[2 * i] - (double)z[2 * k], (double)z[2 * i + 1] - (double)z[2 * k + 1]), v = hypot((double)y[2 * i] - (double)y[2 * k], (double)y[2 * i + 1] - (double)y[2 * k + 1]);
        CHECK(fabs(u - v) < 2e-5 * (1 + u), "points %u and %u: %g, %g apart", (unsigned)i, (unsigned)k, u, v);
        cross += (double)y[2 * i] * (double)y[2 * i + 1]; sa += (double)y[2 * i] * (double)y[2 * i]; sb += (double)y[2 * i + 1] * (double)y[2 * i + 1];
    }
    CHECK(fabs(cross) < 1e-4 * sqrt(sa * sb) && sa > sb, "correlation %g", cross / sqrt(sa * sb));
    for (i = 0; i < N * D; i++) x[i] = 3;
    CHECK(!lb_eval_pca(ctx, x, N, D, 2, y, share) && share[0] == 0 && y[17] == 0, "equal points lie in one place");
    CHECK(lb_eval_pca(ctx, x, 1, D, 1, y, NULL) == LB_ERR_ARG && lb_eval_pca(ctx, x, N, D, D + 1, y, NULL) == LB_ERR_ARG, "too few");
    x[3 * D + 2] = INFINITY;
    CHECK(lb_eval_pca(ctx, x, N, D, 2, y, NULL) == LB_ERR_NUMERIC && strstr(lb_last_error(), "number 2 of point 3"), "%s", lb_last_error());
}
LBT(eval, neighbours_stay_neighbours) {
    enum { N = 264, D = 16 }; static float x[N * D], y[N * 2], other[N * 2]; double kl, flat, best; lb_tsne_desc d; lb_ctx *two; lb_ctx_desc cd; size_t i, j, good = 0; lb__rng r = lb__rng_new(8, 0);
    REQUIRE(ready(), "golden file");
    for (i = 0; i < N; i++) for (j = 0; j < D; j++) x[i * D + j] = 0.15f * lb__rng_normal(&r) + (i % 6 == j ? 2.0f : 0);
    memset(&d, 0, sizeof d); d.seed = 4; d.steps = 240; memset(&cd, 0, sizeof cd); cd.threads = 2;
    REQUIRE(!lb_eval_tsne(ctx, x, N, D, &d, y, &kl) && !lb_ctx_new(&cd, &two), "%s", lb_last_error());
    for (i = 0; i < N; i++) {
        size_t at = 0;
        for (j = 0, best = INFINITY; j < N; j++) if (j != i) { const double v = hypot((double)y[2 * i] - (double)y[2 * j], (double)y[2 * i + 1] - (double)y[2 * j + 1]); if (v < best) { best = v; at = j; } }
        good += at % 6 == i % 6;
    }
    CHECK(good == N, "the nearest point is of the same cluster for %u of %d", (unsigned)good, N);
    REQUIRE(!lb_eval_tsne(two, x, N, D, &d, other, &flat), "%s", lb_last_error());
    CHECK(!memcmp(y, other, sizeof y) && kl == flat, "two threads give the same map");
    d.steps = 1;
    REQUIRE(!lb_eval_tsne(ctx, x, N, D, &d, other, &flat), "%s", lb_last_error());
    CHECK(kl > 0 && kl < 0.5 * flat, "the divergence falls: %g after 240 steps, %g after one", kl, flat);
    d.steps = 50; for (i = 0; i < N * D; i++) x[i] = 1;
    CHECK(!lb_eval_tsne(ctx, x, N, D, &d, y, &kl), "equal points: %s", lb_last_error());
    CHECK(lb_eval_tsne(ctx, x, 3, D, &d, y, NULL) == LB_ERR_ARG, "three points");
    x[5] = NAN;
    CHECK(lb_eval_tsne(ctx, x, N, D, &d, y, NULL) == LB_ERR_NUMERIC, "NaN");
    lb_ctx_free(two);
}
LBT(eval, survives_failing_memory) {
    lb_retrieval t, u; lb_multilabel m, m2; lb_accuracy a, b; lb_tsne_desc d; double low, high = 1; const float *s; golden_array truth; const uint32_t y[60] = { 0 }; const double rank[60] = { 0 }; static float map[120]; long n, live; int kind;
    REQUIRE(ready(), "golden file");
    s = golden_f32(&g, "r_sim", NULL); truth = golden_get(&g, "m_truth");
    memset(&d, 0, sizeof d); d.steps = 2;
    for (kind = 0; kind < 9; kind++) for (n = 0; n < 50; n++) {
        lb_status st;
        live = alloc_live; alloc_left = n;
        st = kind == 0 ? lb_eval_retrieval(ctx, s, 60, 60, NULL, 1, &t, &u, NULL, NULL) : kind == 1 ? lb_eval_multilabel(ctx, s, (const uint8_t *)truth.data, 100, 6, &m, NULL) : kind == 2 ? lb_eval_bootstrap(ctx, &high, 1, 10, 0.9, 1, &low, &high) :
             kind == 3 ? lb_eval_classify_interval(ctx, rank, y, 60, 2, 10, 0.9, 1, &a, &b) : kind == 4 ? lb_eval_multilabel_interval(ctx, s, (const uint8_t *)truth.data, 100, 6, 10, 0.9, 1, &m, &m2) : kind == 5 ? lb_eval_retrieval_interval(ctx, rank, y, 60, 10, 0.9, 1, &t, &u) :
             kind == 6 ? lb_eval_ceiling(ctx, y, 60, y, 60, &t) : kind == 7 ? lb_eval_pca(ctx, s, 60, 60, 2, map, NULL) : lb_eval_tsne(ctx, s, 60, 60, &d, map, NULL);
        alloc_left = -1;
        CHECK(alloc_live == live, "kind %d, call %ld: leaked", kind, n);
        CHECK(!st || st == LB_ERR_MEM, "%s", lb_last_error());
        if (!st) break;
    }
    CHECK(kind == 9 && n > 0 && n < 50, "the last call ends well");
    golden_close(&g); lb_ctx_free(ctx); ctx = NULL;
}

/* ---- the command's own arithmetic (tools/eval.c), against the same by hand ---- */

static void by_hand_length(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols) { double sum = 0; size_t k; (void)i; (void)rows; if (strcmp(stage, "projected")) return; for (k = 0; k < cols; k++) sum += (double)x[k] * (double)x[k]; *(double *)user = sqrt(sum); }
/* One task of the command over four clips: a long and wide one, and three of the demo, the last two the same; one caption stands twice. */
static int evaluated(eval *e, eval_task *t, const char *left, const char *right) {
    enum { W = 48, H = 32, N = 128 }; static uint8_t rgb[N][3 * W * H]; static lb_image frame[N]; size_t i, k;
    static const char rows[] = "file\tmodality\tcaption\tcaption\tcaption\tgroup\n" "eval.avi\tvideo\ta\ta b\ta\tone\n" "../../examples/demo/video/02.mp4\tvideo\tc\td\te\ttwo\n" "../../examples/demo/video/04.mp4\tvideo\tf\t\t\tthree\n" "../../examples/demo/video/04.mp4\tvideo\tf\tg\t\tfour\n";
    FILE *f = fopen("build/tests/eval.tsv", "w"); int rc;
    for (i = 0; i < N; i++) { for (k = 0; k < sizeof rgb[i]; k++) rgb[i][k] = (uint8_t)(k % (3 * W) * 2 + i * k % 7 * 5 + i); frame[i].width = W; frame[i].height = H; frame[i].channels = 3; frame[i].bits = 8; frame[i].data = rgb[i]; }
    if (lb_ctx_new(NULL, &e->j.ctx) || lb_video_save(e->j.ctx, frame, N, 25, "build/tests/eval.avi", 0)) return 1;
    lb_ctx_free(e->j.ctx); e->j.ctx = NULL;
    if (!f || fputs(rows, f) < 0 || fclose(f)) return 1;
    memset(t, 0, sizeof *t); t->left = left; t->right = right; t->retrieval = right != NULL; e->galleries = 1; e->rounds = 10; e->split = "all"; if (!e->captions) e->captions = "all";
    if (!cli_add(&e->data, "data", "build/tests/eval.tsv") || (rc = job_open(&e->j, "weights/languagebind-tiny.lbw", &e->common)) != 0 || (rc = eval_load(e, NULL)) != 0 || (rc = eval_set_new(e, left, right, 0, &t->a)) != 0 || (right && (rc = eval_set_new(e, right, NULL, 0, &t->b)) != 0)) return 1;
    if (e->raw && !(e->j.norms = (float *)lb__alloc(e->in.n, sizeof(float)))) return 1;
    e->j.in = &e->in;
    if ((rc = job_run(&e->j)) != 0 || (rc = eval_set_vectors(e, t->a)) != 0 || (right && (rc = eval_set_vectors(e, t->b)) != 0)) return rc;
    lb_ctx_watch(e->j.ctx, NULL, NULL);
    return right ? eval_retrieve(e, t) : eval_classify(e, t);
}
static void clip_vector(const eval *e, const char *path, const lb_video_desc *d, float *v) {
    lb_video *clip = NULL; float *x = (float *)malloc(lb_modality_floats(lb_model_modality(e->j.model, "video")) * sizeof *x);
    CHECK(!lb_video_open(e->j.ctx, path, &clip) && !lb_prepare_video(e->j.ctx, e->j.model, "video", clip, d, x) && !lb_embed_tensor(e->j.ctx, e->j.model, "video", x, 1, v), "%s", lb_last_error());
    lb_video_free(clip); free(x);
}
LBT(eval, views_are_averaged_after_softmax_at_100) {
    static eval e; static const char *const template_[] = { "a video of a {}." }; eval_task t; size_t i, k, v, dim; const char *names[4]; float *w, *x, one[4]; double want[4], worst = 0, other = 0;
    memset(&e, 0, sizeof e); e.views = 1;
    REQUIRE(!evaluated(&e, &t, "video", NULL) && e.results == 1 && e.result[0].columns == 4 && e.in.n == 60, "%s", lb_last_error());
    dim = e.j.dim; w = (float *)malloc(4 * dim * sizeof *w); x = (float *)malloc(dim * sizeof *x);
    for (k = 0; k < 4; k++) names[k] = e.result[0].classes[k].name;
    REQUIRE(!lb_zero_shot(e.j.ctx, e.j.model, names, 4, template_, 1, w), "%s", lb_last_error());
    for (i = 0; i < 4; i++) {
        memset(want, 0, sizeof want);
        for (v = 0; v < 15; v++) {
            lb_video_desc d; memset(&d, 0, sizeof d); d.rule = LB_FRAMES_VIEW; d.segment = (int)v / 3; d.crop = (int)v % 3;
            clip_vector(&e, e.item[i].file, &d, x); lb_similarity(e.j.ctx, x, 1, w, 4, dim, 100, one); lb_softmax_rows(one, 1, 4);
            for (k = 0; k < 4; k++) want[k] += (double)one[k] / 15;
            if (v) other = LB__MAX(other, max_abs_diff(x, e.j.vectors + (e.item[i].first + v - 1) * dim, dim));
        }
        for (k = 0; k < 4; k++) worst = LB__MAX(worst, fabs(want[k] - (double)e.result[0].scores[i * 4 + k]));
    }
    CHECK(worst < 1e-5 && other > 1e-3, "off by %g; views differ by %g", worst, other);
    free(w); free(x); eval_close(&e);
}
LBT(eval, retrieval_as_upstream_counts_it) {
    static eval e, clean; eval_task t; size_t i, k, c, dim; double length; float *v; lb_retrieval f, b; lb_video_desc d;
    memset(&e, 0, sizeof e); e.raw = e.upstream = 1; e.j.rule = LB_FRAMES_RETRIEVAL;
    REQUIRE(!evaluated(&e, &t, "text", "video") && e.results == 2 && e.result[0].rows == 9, "%s, %zu rows", lb_last_error(), e.results ? e.result[0].rows : 0);     /* every caption counts, the one that stands twice, too */
    dim = e.j.dim; v = (float *)malloc(2 * dim * sizeof *v); memset(&d, 0, sizeof d); d.rule = LB_FRAMES_RETRIEVAL;
    for (k = 0; k < 4; k++) {                                                                       /* vectors not of unit length, of the retrieval rule's frames */
        lb_ctx_watch(e.j.ctx, by_hand_length, &length); clip_vector(&e, t.b->at[k].item->file, &d, v);
        for (i = 0; i < 9; i++) {
            double text, sum = 0; const char *s = e.result[0].of[i]->text; size_t column;
            lb_ctx_watch(e.j.ctx, by_hand_length, &text); CHECK(!lb_embed_text(e.j.ctx, e.j.model, &s, 1, v + dim), "%s", lb_last_error());
            for (c = 0; c < dim; c++) sum += (double)v[c] * (double)v[dim + c];
            for (column = 0; e.result[0].group[column] != &t.b->at[k]; column++) {}
            CHECK(fabs(sum * length * text - (double)e.result[0].scores[i * 4 + column]) < 1e-4 * (1 + length * text) && fabs(length * text - 1) > 0.01, "%g, %g was expected", (double)e.result[0].scores[i * 4 + column], sum * length * text);
        }
    }
    REQUIRE(!lb_eval_retrieval(e.j.ctx, e.result[0].scores, 9, 4, e.result[0].owner, 1, &f, &b, NULL, NULL), "%s", lb_last_error());
    CHECK(near(e.result[0].metric[0].value, f.r1) && near(e.result[1].metric[0].value, b.r1) && near(e.result[1].metric[4].value, b.mean) && e.result[1].n == b.count, "%g and %g", e.result[0].metric[0].value, e.result[1].metric[4].value);
    memset(&clean, 0, sizeof clean); clean.raw = 1; clean.j.rule = LB_FRAMES_RETRIEVAL;
    REQUIRE(!evaluated(&clean, &t, "text", "video") && clean.result[0].rows == 8 && b.count > clean.result[1].n, "%s; %zu rows, ties are entries of their own: %zu and %zu", lb_last_error(), clean.result[0].rows, b.count, clean.result[1].n);
    CHECK(near(clean.result[0].metric[0].ceiling, e.result[0].metric[0].ceiling * 9 / 8 - 1.0 / 8), "the same words of one item are one text for the ceiling: %g, %g", clean.result[0].metric[0].ceiling, e.result[0].metric[0].ceiling);
    free(v); eval_close(&clean); eval_close(&e);
    memset(&e, 0, sizeof e); e.captions = "join";
    REQUIRE(!evaluated(&e, &t, "text", "video") && e.result[0].rows == 4 && !strcmp(e.result[0].of[0]->text, "a a b a") && !strcmp(e.result[0].of[3]->text, "f g"), "%s", lb_last_error());
    eval_close(&e);
}
