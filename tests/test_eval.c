/* Section 15: metrics against definitions spelt out in numpy and against upstream's own retrieval code; ties; bad input; intervals. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
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
    const float *s; golden_array o, want, up, ri, rt; lb_retrieval a, b; double got_i[60], got_t[60]; size_t n; int i;
    REQUIRE(ready(), "golden file");
    s = golden_f32(&g, "r_sim", NULL); want = golden_get(&g, "r_clean"); up = golden_get(&g, "r_upstream"); ri = golden_get(&g, "r_rank_item"); rt = golden_get(&g, "r_rank_text");
    REQUIRE(!lb_eval_retrieval(ctx, s, 60, 60, NULL, 0, &a, &b, got_i, got_t), "%s", lb_last_error());
    same("text to item", a, (const double *)want.data); same("item to text", b, (const double *)want.data + 5);
    for (i = 0; i < 60; i++) CHECK(got_i[i] == ((const double *)ri.data)[i] && got_t[i] == ((const double *)rt.data)[i], "ranks of %d", i);
    REQUIRE(!lb_eval_retrieval(ctx, s, 60, 60, NULL, 1, &a, &b, NULL, NULL), "%s", lb_last_error());
    same("upstream, text to item", a, (const double *)up.data); same("upstream, item to text", b, (const double *)up.data + 5);
    CHECK(a.count > 60, "ties are entries of their own: %u", (unsigned)a.count);
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
}
LBT(eval, survives_failing_memory) {
    lb_retrieval t, u; lb_multilabel m; double low, high = 1; const float *s; golden_array truth; long n, live; int kind;
    REQUIRE(ready(), "golden file");
    s = golden_f32(&g, "r_sim", NULL); truth = golden_get(&g, "m_truth");
    for (kind = 0; kind < 3; kind++) for (n = 0; n < 50; n++) {
        lb_status st;
        live = alloc_live; alloc_until = n;
        st = kind == 0 ? lb_eval_retrieval(ctx, s, 60, 60, NULL, 1, &t, &u, NULL, NULL) : kind == 1 ? lb_eval_multilabel(ctx, s, (const uint8_t *)truth.data, 100, 6, &m, NULL) : lb_eval_bootstrap(ctx, &high, 1, 10, 0.9, 1, &low, &high);
        alloc_until = -1;
        CHECK(alloc_live == live, "kind %d, call %ld: leaked", kind, n);
        CHECK(!st || st == LB_ERR_MEM, "%s", lb_last_error());
        if (!st) break;
    }
    golden_close(&g); lb_ctx_free(ctx); ctx = NULL;
}
