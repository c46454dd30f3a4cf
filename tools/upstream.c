/* check-upstream: the known answers of LanguageBind's README on its ten sample files, with real weights, row by row. */

/* What upstream prints are softmax rows of two logits, so what can be compared is their difference: matching minus other.  gap 0: the other
 * probability was printed as zero, which f32 does from a gap of about 87 on (denormals flushed) or 103 (kept). */
enum { UP_ROWS = 16, UP_KINDS = 5 };
static const char *const up_kinds[UP_KINDS] = { "video", "image", "depth", "audio", "thermal" };
typedef struct up_row { int a, b, row; double gap; } up_row;                     /* kinds by number, b -1: text; row of the table */
typedef struct up_table { const char *name, *about; int text_of; size_t rows; up_row row[UP_ROWS]; } up_table;
static const up_table up_tables[] = {
    { "current", "README since 2023-11-26: Video_FT, Audio_FT, Thermal, Image, Depth; texts by Depth's text tower", 2, 16, {
        { 0, -1, 0, 9.1456 }, { 0, -1, 1, 6.6246 }, { 1, -1, 0, 9.2797 }, { 1, -1, 1, 16.8917 }, { 2, -1, 0, 5.3831 }, { 2, -1, 1, 1.9884 }, { 3, -1, 0, 3.7204 }, { 3, -1, 1, 3.5047 }, { 4, -1, 0, 2.9082 }, { 4, -1, 1, 0.0502 },
        { 0, 3, 0, 0 }, { 0, 3, 1, 72.546 }, { 1, 2, 0, 0 }, { 1, 2, 1, 0 }, { 1, 4, 0, 0 }, { 1, 4, 1, 0 } } },
    { "previous", "README until 2023-11-26: Thermal, Image, Video (LoRA), Depth, Audio (LoRA); texts by Audio's text tower", 3, 10, {
        { 1, -1, 0, 19.3221 }, { 1, -1, 1, 18.2247 }, { 2, -1, 0, 7.6585 }, { 2, -1, 1, 1.6279 }, { 4, -1, 0, 3.6429 }, { 4, -1, 1, 0.5511 }, { 3, -1, 0, 3.6338 }, { 3, -1, 1, 3.5685 }, { 0, -1, 0, 15.6759 }, { 0, -1, 1, 16.5892 } } } };
static const char *const up_texts[2] = { "Training a parakeet to climb up a ladder.", "A lion climbing a tree to catch a monkey." };
enum { UP_UNDERFLOW = 87 };

/* How far a gap may be off: its own rounding, other JPEG decoders and other hardware; a clip was decoded by another library and scaled there. */
static double up_tolerance(const up_row *r) { const int clip = r->a == 0; return (clip ? 0.25 : 0.05) + (clip ? 0.03 : 0.01) * fabs(r->gap); }
static int up_passes(const up_row *r, double gap) { return r->gap == 0 ? gap > UP_UNDERFLOW : fabs(gap - r->gap) <= up_tolerance(r); }

/* The answers of a run: gaps of every row of a table in both states of the flip (the same number where no clip is in it), and what came of it. */
typedef struct up_answer { double gap[2]; int have, flip, pass; } up_answer;
/* One state for each clip, that in which more of its rows pass; the unflipped one where it makes no difference. */
static void up_judge(const up_table *t, up_answer *a) {
    int i, f, best, passed[2];
    for (i = 0; i < 2; i++) {
        size_t k;
        passed[0] = passed[1] = 0;
        for (k = 0; k < t->rows; k++) if (t->row[k].row == i && t->row[k].a == 0 && a[k].have) for (f = 0; f < 2; f++) passed[f] += up_passes(&t->row[k], a[k].gap[f]);
        best = passed[1] > passed[0];
        for (k = 0; k < t->rows; k++) if (t->row[k].row == i && a[k].have) { a[k].flip = t->row[k].a == 0 ? best : 0; a[k].pass = up_passes(&t->row[k], a[k].gap[a[k].flip]); }
    }
}

typedef struct upstream {
    lb_ctx *ctx; lb_model *model[LB_MAX_TOWERS]; const char *path[LB_MAX_TOWERS]; size_t models, dim;
    const lb_model *of[UP_KINDS], *text; const lb_modality_desc *m[UP_KINDS];
    float *v;                                       /* [UP_KINDS + 2, 2, dim]: kinds, then texts, then flipped clips */
    int have[UP_KINDS]; double scale[UP_KINDS]; char why[UP_KINDS][256];
} upstream;

/* The modality of a kind in the models that were given: the first that has it. */
static lb_status up_find(upstream *u, const char *const *paths, size_t n, const char *text, const up_table *t) {
    static const lb_modality_kind kind[UP_KINDS] = { LB_VIDEO, LB_IMAGE, LB_DEPTH, LB_AUDIO, LB_THERMAL }; size_t i, k; int q;
    if (n > LB_MAX_TOWERS) return lb__fail(LB_ERR_LIMIT, "%zu models, at most %d are taken", n, LB_MAX_TOWERS);
    for (i = 0; i < n; i++, u->models++) {
        const lb_model_desc *d; u->path[i] = paths[i];
        LB__TRY(lb_model_open(u->ctx, paths[i], &u->model[i]));
        d = lb_model_describe(u->model[i]);
        if (u->dim && lb_model_dim(u->model[i]) != u->dim) { const size_t dim = lb_model_dim(u->model[i]); lb_model_free(u->model[i]); return lb__fail(LB_ERR_MISMATCH, "%s embeds into %zu dimensions, %s into %zu: they do not share a space", paths[i], dim, paths[0], u->dim); }
        u->dim = lb_model_dim(u->model[i]);
        for (k = 0; k < UP_KINDS; k++) for (q = 0; q < d->modalities && !u->of[k]; q++) if (d->modality[q].kind == kind[k]) { u->of[k] = u->model[i]; u->m[k] = &d->modality[q]; u->scale[k] = lb_model_logit_scale(u->model[i], d->modality[q].name); }
        if (text && !strcmp(text, paths[i])) u->text = u->model[i];
    }
    if (text && !u->text) return lb__fail(LB_ERR_ARG, "--text %s is none of the models", text);
    if (!u->text) u->text = u->of[t->text_of] ? u->of[t->text_of] : u->model[0];
    if (!(u->v = (float *)lb__alloc((UP_KINDS + 2) * 2, u->dim * sizeof(float)))) return LB_ERR_MEM;
    return LB_OK;
}
static lb_status up_embed(upstream *u, int k, int i, const char *path) {
    const lb_modality_desc *m = u->m[k]; float *x = (float *)lb__alloc((size_t)m->channels * (size_t)m->frames, (size_t)m->height * (size_t)m->width * sizeof *x), *to = u->v + ((size_t)k * 2 + (size_t)i) * u->dim; lb_status s = LB_OK; int f;
    if (!x) return LB_ERR_MEM;
    if (k) {
        s = lb_prepare_file(u->ctx, u->of[k], m->name, path, x);
        if (!s) s = lb_embed_tensor(u->ctx, u->of[k], m->name, x, 1, to);
    } else {
        lb_video *clip = NULL; lb_video_desc d;
        s = lb_video_open(u->ctx, path, &clip);
        for (f = 0; f < 2 && !s; f++) {
            memset(&d, 0, sizeof d); d.flip = f;
            s = lb_prepare_video(u->ctx, u->of[k], m->name, clip, &d, x);
            if (!s) s = lb_embed_tensor(u->ctx, u->of[k], m->name, x, 1, f ? u->v + (UP_KINDS * 2 + 2 + (size_t)i) * u->dim : to);
        }
        lb_video_free(clip);
    }
    lb__release(x);
    return s;
}
/* Embeds both files of every kind; a kind that is not there says why. */
static lb_status up_run(upstream *u, const char *folder) {
    static const char *const name[UP_KINDS][5] = { { "video/%d.y4m", "video/%d", "video/%d.mp4" }, { "image/%d.jpg" }, { "depth/%d.png" }, { "audio/%d.wav" }, { "thermal/%d.jpg" } };
    char path[1024], inside[64]; struct stat st; int k, i, n, under, found = 0; lb_status s = LB_OK;
    if (stat(folder, &st) || !S_ISDIR(st.st_mode)) return lb__fail(LB_ERR_IO, "%s is no folder; upstream's assets, or a clone of upstream, was expected", folder);
    for (k = 0; k < UP_KINDS && !s; k++) {
        for (i = 0; i < 2 && !s; i++) {
            int hit = 0;
            for (under = 0; under < 2 && !hit; under++) for (n = 0; n < 5 && name[k][n] && !hit; n++) {
                lb__format(inside, sizeof inside, name[k][n], i); lb__format(path, sizeof path, "%s/%s%s", folder, under ? "assets/" : "", inside);
                hit = !stat(path, &st);
            }
            found += hit; u->have[k] += hit && u->of[k];
            if (!hit) { lb__format(inside, sizeof inside, name[k][0], i); lb__format(u->why[k], sizeof u->why[k], "%s/%s is not there", folder, inside); }
            else if (!u->of[k]) lb__format(u->why[k], sizeof u->why[k], "no model reads %s", up_kinds[k]);
            else if ((s = up_embed(u, k, i, path)) == LB_ERR_UNSUPPORTED && k == 0) {                         /* H.264: the sentence has the ffmpeg line */
                lb__format(u->why[k], sizeof u->why[k], "%s; beside it as video/%d.y4m it is found", lb_last_error(), i); u->have[k]--; s = LB_OK;
            }
        }
        u->have[k] = u->have[k] == 2;
    }
    if (!s && !found) return lb__fail(LB_ERR_IO, "%s holds none of upstream's samples (image/0.jpg, audio/0.wav, ..., or the same under assets/)", folder);
    return s ? s : lb_embed_text(u->ctx, u->text, up_texts, 2, u->v + UP_KINDS * 2 * u->dim);
}
static void up_gaps(const upstream *u, const up_table *t, up_answer *a) {
    size_t k, c; int f;
    for (k = 0; k < t->rows; k++) {
        const up_row *r = &t->row[k]; const float *own = u->v + ((size_t)(r->b < 0 ? UP_KINDS : r->b) * 2 + (size_t)r->row) * u->dim, *other = u->v + ((size_t)(r->b < 0 ? UP_KINDS : r->b) * 2 + (size_t)(1 - r->row)) * u->dim;
        memset(&a[k], 0, sizeof a[k]);
        a[k].have = u->have[r->a] && (r->b < 0 || u->have[r->b]);
        for (f = 0; f < 2 && a[k].have; f++) {
            const float *x = u->v + ((f && r->a == 0 ? UP_KINDS + 1 : (size_t)r->a) * 2 + (size_t)r->row) * u->dim; double d = 0;
            for (c = 0; c < u->dim; c++) d += (double)x[c] * ((double)own[c] - (double)other[c]);
            a[k].gap[f] = d * u->scale[r->a] * (r->b < 0 ? 1 : u->scale[r->b]);
        }
    }
}
static void up_free(upstream *u) { while (u->models) lb_model_free(u->model[--u->models]); lb__release(u->v); lb_ctx_free(u->ctx); }

static int cmd_check_upstream(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list folder = { NULL, 0, 0 }, models = { NULL, 0, 0 }; upstream u; up_answer answer[UP_ROWS]; cli_out out; const up_table *t; const char *table = "current", *text = NULL, *paths[LB_MAX_TOWERS + 1]; int rc, failed = 0, passed = 0, skipped = 0; size_t i; lb_status s = LB_OK;
    const cli_option options[] = {
        { "model", 'm', CLI_LIST, &models, "FILE", "the converted checkpoints: one bundle, or a .lbw for each", 0, 0 },
        { "text", 0, CLI_TEXT, &text, "FILE", "whose text tower is used, of several models (default: as\nthe table's, Depth's or Audio's)", 0, 0 },
        { "table", 0, CLI_CHOICE, &table, "current|previous", "which of the README's two tables (default current)", 0, 0 },
        CLI_FILES(folder, "DIR"),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&u, 0, sizeof u);
    rc = cli_parse(argc, argv, "DIR -m MODEL.lbw... [--table current|previous]",
        "Checks real weights against what LanguageBind's README prints.  DIR is upstream's assets folder (or a clone of upstream): image/{0,1}.jpg,\n"
        "audio/{0,1}.wav, depth/{0,1}.png, thermal/{0,1}.jpg and video/{0,1}, as .y4m, as a folder of frames, or as a file that is read here.\n"
        "The README prints probabilities of two columns; they are compared as gaps of logits, matching minus other, both sides scaled as upstream\n"
        "scales them.  A row passes when its gap is within 0.05 + 1 % of the README's (rounding, JPEG decoders, hardware).  Where the README\n"
        "prints 0 the gap has to be beyond what a float holds, 87.  Clips were decoded by another library and mirrored or not at random:\n"
        "0.25 + 3 %, and for each clip the state in which more of its rows pass.  A row without its files or its model is skipped, aloud.\n"
        "Exit status 0: no row failed and one at least was checked.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (folder.n != 1) { rc = cli_wrong("%d folders, one was expected: upstream's assets", (int)folder.n); goto done; }
    if (!models.n) { rc = cli_wrong("which models? -m FILE..."); goto done; }
    if (models.n > LB_MAX_TOWERS) { rc = cli_wrong("%d models, at most %d are taken", (int)models.n, LB_MAX_TOWERS); goto done; }
    for (i = 0; i < models.n; i++) paths[i] = models.item[i].value;
    t = &up_tables[strcmp(table, "current") != 0];
    s = cli_ctx(&common, &u.ctx);
    if (!s) s = up_find(&u, paths, models.n, text, t);
    if (!s) s = up_run(&u, folder.item[0].value);
    if (s) { rc = cli_fail("%s", lb_last_error()); goto done; }
    up_gaps(&u, t, answer); up_judge(t, answer);
    s = cli_out_open(&out, NULL);
    if (!s && !common.json) s = cli_out_text(&out, "%s\n%-18s row  %10s  %10s  %8s\n", t->about, "", "gap", "README", "within");
    for (i = 0; i < t->rows && !s; i++) {
        const up_row *r = &t->row[i]; const up_answer *a = &answer[i]; char pair[40], want[24], within[24]; const char *why = !u.have[r->a] ? u.why[r->a] : r->b >= 0 ? u.why[r->b] : "", *state = r->a == 0 ? (a->flip ? " (mirrored)" : " (as it is)") : "";
        lb__format(pair, sizeof pair, "%s x %s", up_kinds[r->a], r->b < 0 ? "text" : up_kinds[r->b]);
        if (r->gap == 0) { lb__format(want, sizeof want, "> %d", (int)UP_UNDERFLOW); within[0] = 0; } else { snprintf(want, sizeof want, "%.4f", r->gap); snprintf(within, sizeof within, "%.4f", up_tolerance(r)); }
        if (!a->have) skipped++; else if (a->pass) passed++; else failed++;
        if (common.json) {
            s = cli_out_text(&out, "{\"pair\": \"%s\", \"row\": %d, \"result\": \"%s\"", pair, r->row, !a->have ? "skip" : a->pass ? "pass" : "FAIL");
            if (!s && a->have) s = cli_out_text(&out, ", \"gap\": %.6g, \"mirrored\": %s", a->gap[a->flip], a->flip ? "true" : "false");
            if (!s && r->gap != 0) s = cli_out_text(&out, ", \"expected\": %.6g, \"tolerance\": %.6g", r->gap, up_tolerance(r));
            if (!s && !a->have) { s = cli_out_text(&out, ", \"why\": "); if (!s) s = cli_out_json(&out, why); }
            if (!s) s = cli_out_text(&out, "}\n");
        } else if (a->have) s = cli_out_text(&out, "%-18s %d    %10.4f  %10s  %8s  %s%s\n", pair, r->row, a->gap[a->flip], want, within, a->pass ? "pass" : "FAIL", state);
        else s = cli_out_text(&out, "%-18s %d    skip: %s\n", pair, r->row, why);
    }
    if (!s && !common.json) s = cli_out_text(&out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    if (s || cli_out_commit(&out)) rc = cli_fail("%s", lb_last_error());
    else if (failed) rc = 1;
    else if (!passed) rc = cli_fail("no row could be checked");
    else rc = 0;
done:
    up_free(&u); cli_list_free(&folder); cli_list_free(&models);
    return rc;
}
