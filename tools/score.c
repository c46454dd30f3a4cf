/* score: every input of one modality against every input of another.  classify: zero-shot, with labels and prompt templates. */

/* Inputs of two modalities, neither of them text, compared by the texts that each resembles: a file's lines and their vectors. */
typedef struct through { const char *file; float *v; size_t n; } through;
#define THROUGH_OPTION(t) { "through", 0, CLI_TEXT, &(t).file, "FILE", "compare modalities other than text by the texts (lines of\nFILE) that both resemble, from 0 to 1, not by cosine: texts\nthat say what both sides can show, some thousands of them", 0, 0 }
static int through_open(through *t, job *j) {
    inputs lines; const char **text = NULL; size_t i; int rc;
    if (!t->file) return 0;
    memset(&lines, 0, sizeof lines);
    if ((rc = inputs_lines(&lines, t->file, 1)) >= 0) goto done;
    rc = 0;
    if (!(text = (const char **)lb__alloc(lines.n, sizeof *text))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < lines.n; i++) if (*lines.at[i].value) text[t->n++] = lines.at[i].value;
    if (t->n < 2) { rc = cli_fail("%s: holds %s, at least two texts were expected, a line each", t->file, t->n ? "one text" : "no texts"); goto done; }
    if (!(t->v = (float *)lb__alloc(t->n, j->dim * sizeof *t->v)) || lb_zero_shot(j->ctx, j->model, text, t->n, NULL, 0, t->v)) rc = cli_fail("%s", lb_last_error());
done:
    lb__release((void *)text); inputs_free(&lines);
    return rc;
}
/* [n, t->n], what x [n, dim] of a modality resembles; released by the caller; NULL after an error. */
static float *through_vectors(const through *t, const job *j, const char *modality, const float *x, size_t n) {
    float *out = (float *)lb__alloc(n, t->n * sizeof *out);
    if (out && lb_relative(j->ctx, x, n, t->v, t->n, j->dim, (float)lb_model_logit_scale(j->model, modality), out)) { lb__release(out); return NULL; }
    return out;
}

/* A label for a table: at most `width` columns of a UTF-8 string; of a path three dots and its end. */
static void score_label(char *out, size_t cap, const char *s, int width, int path) {
    size_t n = 0, i, skip, cols = 0;
    for (i = 0; s[i]; i++) cols += ((unsigned char)s[i] & 0xc0) != 0x80;
    skip = path && cols > (size_t)width ? cols - (size_t)width + 3 : 0;
    for (cols = 0; skip && cols < 3; cols++) out[n++] = '.';
    for (i = 0; s[i] && skip; i++) if (((unsigned char)s[i + 1] & 0xc0) != 0x80) skip--;
    for (; s[i] && n + 2 < cap; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80 && cols++ == (size_t)width) break;
        out[n++] = cli_control(s[i]) ? ' ' : s[i];
    }
    out[n] = 0;
}
static int score_columns(const char *s) { int cols = 0; for (; *s; s++) cols += ((unsigned char)*s & 0xc0) != 0x80; return cols; }

typedef struct score_side { const char *modality; const input **in; float *v; size_t n; } score_side;

static lb_status score_json_side(cli_out *o, const char *key, const score_side *s) {
    size_t i;
    LB__TRY(cli_out_text(o, "\"%s\": {\"modality\": ", key)); LB__TRY(cli_out_json(o, s->modality)); LB__TRY(cli_out_text(o, ", \"inputs\": ["));
    for (i = 0; i < s->n; i++) { if (i) LB__TRY(cli_out_text(o, ", ")); LB__TRY(cli_out_json(o, s->in[i]->value)); }
    return cli_out_text(o, "]}");
}
static lb_status score_table(cli_out *o, const job *j, const score_side *r, const score_side *c, const through *t, int softmax, int upstream, int json, int first) {
    size_t i, k; double scale = 1; lb_status s = LB_OK; char a[160]; float *x;
    const int rt = !strcmp(r->modality, "text"), ct = !strcmp(c->modality, "text");
    if (upstream) scale = (rt ? 1 : lb_model_logit_scale(j->model, r->modality)) * (ct ? 1 : lb_model_logit_scale(j->model, c->modality));
    else if (softmax) scale = lb_model_logit_scale(j->model, rt ? c->modality : r->modality);
    if (!(x = (float *)lb__alloc(r->n * c->n, sizeof *x))) return LB_ERR_MEM;
    if (t->n && !rt && !ct) {
        float *p = through_vectors(t, j, r->modality, r->v, r->n), *q = through_vectors(t, j, c->modality, c->v, c->n);
        s = p && q ? lb_similarity(j->ctx, p, r->n, q, c->n, t->n, 1, x) : LB_ERR_MEM;
        lb__release(p); lb__release(q);
    } else s = lb_similarity(j->ctx, r->v, r->n, c->v, c->n, j->dim, (float)scale, x);
    if (!s && (softmax || upstream)) lb_softmax_rows(x, r->n, c->n);
    if (!s && json) {
        s = cli_out_text(o, "{"); if (!s) s = score_json_side(o, "rows", r); if (!s) s = cli_out_text(o, ", "); if (!s) s = score_json_side(o, "columns", c);
        if (!s) s = cli_out_text(o, ", \"scale\": %.9g, \"softmax\": %s, \"scores\": [", scale, softmax || upstream ? "true" : "false");
        for (i = 0; i < r->n && !s; i++) {
            s = cli_out_text(o, "%s[", i ? ", " : "");
            for (k = 0; k < c->n && !s; k++) s = cli_out_text(o, "%s%.9g", k ? ", " : "", (double)x[i * c->n + k]);
            if (!s) s = cli_out_text(o, "]");
        }
        if (!s) s = cli_out_text(o, "]}\n");
    } else if (!s && upstream) {
        const char a0 = r->modality[0], b0 = c->modality[0];
        s = cli_out_text(o, "%c%s x %c%s:\n", a0 >= 'a' && a0 <= 'z' ? a0 - 32 : a0, r->modality + 1, b0 >= 'a' && b0 <= 'z' ? b0 - 32 : b0, c->modality + 1);
        for (i = 0; i < r->n && !s; i++) {
            s = cli_out_text(o, "%s[", i ? " " : "[");
            for (k = 0; k < c->n && !s; k++) s = cli_out_text(o, "%s%.7e", k ? " " : "", (double)x[i * c->n + k]);
            if (!s) s = cli_out_text(o, "]%s\n", i + 1 == r->n ? "]" : "");
        }
    } else if (!s) {
        int left = score_columns(r->modality) + score_columns(c->modality) + 3, w;
        for (i = 0; i < r->n; i++) { score_label(a, sizeof a, r->in[i]->value, 32, !rt); w = score_columns(a); if (w > left) left = w; }
        s = cli_out_text(o, "%s%s x %s%*s", first ? "" : "\n", r->modality, c->modality, left - score_columns(r->modality) - score_columns(c->modality) - 3, "");
        for (k = 0; k < c->n && !s; k++) { score_label(a, sizeof a, c->in[k]->value, 24, !ct); w = score_columns(a); s = cli_out_text(o, "  %*s%s", w < 8 ? 8 - w : 0, "", a); }
        if (!s) s = cli_out_text(o, "\n");
        for (i = 0; i < r->n && !s; i++) {
            score_label(a, sizeof a, r->in[i]->value, 32, !rt);
            s = cli_out_text(o, "%s%*s", a, left - score_columns(a), "");
            for (k = 0; k < c->n && !s; k++) { score_label(a, sizeof a, c->in[k]->value, 24, !ct); w = score_columns(a); s = cli_out_text(o, "  %*.4f", w < 8 ? 8 : w, (double)x[i * c->n + k]); }
            if (!s) s = cli_out_text(o, "\n");
        }
    }
    lb__release(x);
    return s;
}

/* Whether anything is compared without text: two modalities, or the only one with itself. */
static int score_meet(const inputs *in) {
    const char *first = NULL; size_t i; int texts = 0;
    for (i = 0; i < in->n; i++) {
        const char *m = in->at[i].modality;
        if (!strcmp(m, "text")) texts = 1;
        else if (!first) first = m;
        else if (strcmp(first, m)) return 1;
    }
    return first && !texts;
}

static int cmd_score(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list list = { NULL, 0, 0 }; inputs in; job j; cli_out out; int rc, softmax = 0, upstream = 0, first = 1; const char *model = NULL; size_t i, k, n = 0, used = 0;
    score_side side[LB_MAX_MODALITIES]; const input **order = NULL; float *v = NULL; lb_status s = LB_OK; through t = { NULL, NULL, 0 };
    const cli_option options[] = {
        CLI_MODEL(model),
        JOB_ADAPTER(j),
        INPUT_OPTIONS(list),
        { "softmax", 0, CLI_FLAG, &softmax, NULL, "rows as probabilities: softmax of cosine times the\nmodel's logit scale", 0, 0 },
        { "upstream-scaling", 0, CLI_FLAG, &upstream, NULL, "the same as LanguageBind's README prints it: both\nsides times their own logit scale, text times 1", 0, 0 },
        THROUGH_OPTION(t),
        JOB_CHANCE(j),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&in, 0, sizeof in); memset(&j, 0, sizeof j); memset(side, 0, sizeof side);
    rc = cli_parse(argc, argv, "-m MODEL --image FILE... --text TEXT... [--softmax] [--json]",
        "Cosines between all inputs of any two modalities: one table for each pair, rows in the order of the command line, texts as columns.\n"
        "Inputs of one modality only are compared with each other.\n", options, LB__COUNT(options));
    if (rc >= 0 || (rc = inputs_from(&in, &list)) >= 0 || (rc = inputs_once(&in, model, t.file, NULL)) >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (!in.n) { rc = cli_wrong("nothing to compare: --image, --text, ... were expected"); goto done; }
    if (t.file && (softmax || upstream)) { rc = cli_wrong("--through gives no cosines: %s has nothing to scale", softmax ? "--softmax" : "--upstream-scaling"); goto done; }
    if (t.file && !score_meet(&in)) { rc = cli_wrong("--through compares modalities other than text, and no two of them are here"); goto done; }
    j.in = &in;
    if ((rc = job_open(&j, model, &common)) != 0 || (rc = through_open(&t, &j)) != 0 || (rc = job_run(&j)) != 0) goto done;
    order = (const input **)malloc(in.n * sizeof *order); v = (float *)lb__alloc(in.n, j.dim * sizeof *v);
    if (!order || !v) { rc = cli_fail("out of memory"); goto done; }
    for (k = 0; k < 2; k++) for (i = 0; i < in.n; i++) {                     /* sides in order of appearance, text last */
        const char *m = in.at[i].modality; size_t a, q;
        if ((strcmp(m, "text") == 0) != (k == 1)) continue;
        for (a = 0; a < n && strcmp(side[a].modality, m); a++) {}
        if (a < n) continue;
        side[n].modality = m; side[n].in = order + used; side[n].v = v + used * j.dim;
        for (q = i; q < in.n; q++) if (!strcmp(in.at[q].modality, m)) { order[used] = &in.at[q]; memcpy(v + used * j.dim, j.vectors + q * j.dim, j.dim * sizeof *v); used++; side[n].n++; }
        n++;
    }
    s = cli_out_open(&out, NULL);
    for (i = 0; i < n && !s; i++) for (k = n == 1 ? i : i + 1; k < n && !s; k++) { s = score_table(&out, &j, &side[i], &side[k], &t, softmax, upstream, common.json, first); first = 0; }
    if (s || cli_out_commit(&out)) rc = cli_fail("%s", lb_last_error());
done:
    free((void *)order); lb__release(v); lb__release(t.v); job_close(&j); inputs_free(&in); cli_list_free(&list);
    return rc;
}

static int cmd_classify(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list list = { NULL, 0, 0 }, given = { NULL, 0, 0 }, prompts = { NULL, 0, 0 }; inputs in, labels, templates; job j; cli_out out; int rc; lb_status s = LB_OK;
    const char *model = NULL, *labels_file = NULL, *templates_file = NULL; long long top = 5; size_t i, k, t; const char **names = NULL; float *w = NULL, *p = NULL; cli_hit *hit = NULL;
    const cli_option options[] = {
        CLI_MODEL(model),
        JOB_ADAPTER(j),
        { "labels", 0, CLI_TEXT, &labels_file, "FILE", "class names, one a line", 0, 0 },
        { "label", 0, CLI_LIST, &given, "NAME", "class names", 0, 0 },
        { "templates", 0, CLI_TEXT, &templates_file, "FILE", "prompts, one a line, {} stands for the name; a class is\nthe mean over all (default: a photo of a {}., or a sound,\nvideo or depth photo of it).  Built in:\nopenai (ImageNet's 80), upstream (LanguageBind's, by modality)", 0, 0 },
        { "template", 0, CLI_LIST, &prompts, "PROMPT", "prompts", 0, 0 },
        { "top", 'k', CLI_INT, &top, "N", "classes shown (default 5)", 1, 1e9 },
        INPUT_OPTIONS(list),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&in, 0, sizeof in); memset(&labels, 0, sizeof labels); memset(&templates, 0, sizeof templates); memset(&j, 0, sizeof j);
    rc = cli_parse(argc, argv, "-m MODEL --labels FILE [--templates FILE] IMAGE...",
        "Zero-shot classification: the most probable classes of every input, by the softmax over all classes of cosine times the model's\n"
        "logit scale.\n", options, LB__COUNT(options));
    if (rc >= 0 || (rc = inputs_from(&in, &list)) >= 0 || (rc = inputs_once(&in, model, labels_file, templates_file)) >= 0) goto done;
    for (i = 0; i < given.n; i++) if (!inputs_add(&labels, "text", given.item[i].value)) { rc = cli_fail("out of memory"); goto done; }
    for (i = 0; i < prompts.n; i++) if (!inputs_add(&templates, "text", prompts.item[i].value)) { rc = cli_fail("out of memory"); goto done; }
    if (labels_file && (rc = inputs_lines(&labels, labels_file, 1)) >= 0) goto done;
    for (i = k = 0; i < labels.n; i++) if (*labels.at[i].value) labels.at[k++] = labels.at[i];
    labels.n = k;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (!labels.n) { rc = labels_file ? cli_fail("%s: holds no labels", labels_file) : cli_wrong("which classes? --labels FILE or --label NAME..."); goto done; }
    if (!in.n) { rc = cli_wrong(given.n ? "nothing to classify: files were expected, before --label or as --image FILE..." : "nothing to classify: images or other files were expected"); goto done; }
    if ((rc = job_open(&j, model, &common)) != 0) goto done;
    if (templates_file) {
        const lb_modality_desc *d = lb_model_modality(j.model, in.at[0].modality);
        if (!strcmp(templates_file, "upstream")) for (i = 1; i < in.n; i++) if (strcmp(in.at[i].modality, in.at[0].modality)) { rc = cli_wrong("--templates upstream is another for every modality; one modality at a time was expected"); goto done; }
        if ((rc = inputs_prompts(&templates, templates_file, d ? d->kind : LB_IMAGE)) >= 0) goto done;
    }
    for (i = k = 0; i < templates.n; i++) if (*templates.at[i].value) templates.at[k++] = templates.at[i];
    templates.n = k;
    for (i = 1; i < in.n && !strcmp(in.at[i].modality, in.at[0].modality); i++) {}
    if (!templates.n && !inputs_add(&templates, "text", default_template(i == in.n ? in.at[0].modality : "image"))) { rc = cli_fail("out of memory"); goto done; }
    for (t = 0; t < templates.n; t++) if (!strstr(templates.at[t].value, "{}")) { rc = cli_wrong("--template `%s` has no {} for the class name", templates.at[t].value); goto done; }
    if (!(w = (float *)lb__alloc(labels.n, j.dim * sizeof *w)) || !(p = (float *)lb__alloc(labels.n, sizeof *p)) || !(hit = (cli_hit *)lb__alloc(labels.n, sizeof *hit)) ||
        !(names = (const char **)lb__alloc(labels.n + templates.n, sizeof *names))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < labels.n; i++) names[i] = labels.at[i].value;
    for (i = 0; i < templates.n; i++) names[labels.n + i] = templates.at[i].value;
    if (lb_zero_shot(j.ctx, j.model, names, labels.n, names + labels.n, templates.n, w)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    j.in = &in;
    if ((rc = job_run(&j)) != 0) goto done;
    s = cli_out_open(&out, NULL);
    for (i = 0; i < in.n && !s; i++) {
        const char *m = in.at[i].modality; size_t n = labels.n < (size_t)top ? labels.n : (size_t)top;
        s = lb_similarity(j.ctx, j.vectors + i * j.dim, 1, w, labels.n, j.dim, (float)lb_model_logit_scale(j.model, m), p);
        if (s) break;
        lb_softmax_rows(p, 1, labels.n);
        for (k = 0; k < labels.n; k++) { hit[k].score = p[k]; hit[k].at = k; }
        cli_best(hit, labels.n);
        if (common.json) {
            s = cli_out_text(&out, "{\"input\": "); if (!s) s = cli_out_json(&out, in.at[i].value);
            if (!s) s = cli_out_text(&out, ", \"modality\": ");
            if (!s) s = cli_out_json(&out, m);
            if (!s) s = cli_out_text(&out, ", \"top\": [");
            for (k = 0; k < n && !s; k++) { s = cli_out_text(&out, "%s{\"label\": ", k ? ", " : ""); if (!s) s = cli_out_json(&out, labels.at[hit[k].at].value); if (!s) s = cli_out_text(&out, ", \"p\": %.6g}", (double)hit[k].score); }
            if (!s) s = cli_out_text(&out, "]}\n");
        } else {
            if (!(s = cli_out_line(&out, in.at[i].value))) s = cli_out_text(&out, "\n");
            for (k = 0; k < n && !s; k++) if (!(s = cli_out_text(&out, "  %6.2f %%  ", 100 * (double)hit[k].score)) && !(s = cli_out_line(&out, labels.at[hit[k].at].value))) s = cli_out_text(&out, "\n");
        }
    }
    if (s || cli_out_commit(&out)) rc = cli_fail("%s", lb_last_error());
done:
    lb__release((void *)names); lb__release(w); lb__release(p); lb__release(hit); job_close(&j); inputs_free(&in); inputs_free(&labels); inputs_free(&templates); cli_list_free(&list); cli_list_free(&given); cli_list_free(&prompts);
    return rc;
}
