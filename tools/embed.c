/* embed: inputs in, unit vectors out, one row an input in the order of the command line. */

/* The rows that are good, as one array. */
static lb_status embed_npy(const char *path, const inputs *in, const unsigned char *good, const float *v, size_t dim) {
    lb_npy *w = NULL; size_t i;
    LB__TRY(lb_npy_create(path ? path : "-", LB_F32, 1, &dim, &w));
    for (i = 0; i < in->n; i++) if (good[i]) { lb_status s = lb_npy_append(w, v + i * dim, 1); if (s) { lb_npy_abort(w); return s; } }
    return lb_npy_commit(w);
}
static lb_status embed_write(cli_out *o, const char *format, const inputs *in, const unsigned char *good, const float *v, size_t dim) {
    size_t i, c;
    for (i = 0; i < in->n; i++) {
        const float *x = v + i * dim;
        if (!good[i]) continue;
        if (!strcmp(format, "jsonl")) {
            LB__TRY(cli_out_text(o, "{\"modality\": ")); LB__TRY(cli_out_json(o, in->at[i].modality));
            LB__TRY(cli_out_text(o, ", \"input\": ")); LB__TRY(cli_out_json(o, in->at[i].value)); LB__TRY(cli_out_text(o, ", \"vector\": ["));
        }
        for (c = 0; c < dim; c++) LB__TRY(cli_out_text(o, "%s%.9g", !c ? "" : *format == 'j' ? ", " : " ", (double)x[c]));
        LB__TRY(cli_out_text(o, "%s\n", *format == 'j' ? "]}" : ""));
    }
    return LB_OK;
}

static int cmd_embed(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list list = { NULL, 0, 0 }; inputs in; job j; cli_out out; int rc, skip_bad = 0; long long batch = 0;
    const char *model = NULL, *format = NULL, *to = NULL;
    const cli_option options[] = {
        CLI_MODEL(model),
        JOB_ADAPTER(j),
        INPUT_OPTIONS(list),
        { "format", 0, CLI_CHOICE, &format, "npy|jsonl|txt", "of the output (default: by the ending of -o, else jsonl)", 0, 0 },
        { "output", 'o', CLI_TEXT, &to, "FILE", "where to (default standard output)", 0, 0 },
        { "skip-bad", 0, CLI_FLAG, &skip_bad, NULL, "leave out inputs that cannot be read, with a warning (none left:\nexit 1); without it the first of them ends the run", 0, 0 },
        { "batch", 0, CLI_INT, &batch, "N", "inputs computed at once (default by modality)", 1, 4096 },
        JOB_CHANCE(j),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&in, 0, sizeof in); memset(&j, 0, sizeof j);
    rc = cli_parse(argc, argv, "-m MODEL [--image FILE...] [--text TEXT...] [FILE...] [--format npy|jsonl|txt] [-o FILE]",
        "Embeds every input: one row of float32 each, of unit length, in the order of the command line across all modalities.\n"
        "A plain FILE is an image, a sound or a clip by its ending.  npy is one array [inputs, dimensions]; jsonl one object a line\n"
        "with modality, input and vector; txt the numbers, one row a line.  An output file appears whole or not at all.\n",
        options, LB__COUNT(options));
    if (rc >= 0 || (rc = inputs_from(&in, &list)) >= 0 || (rc = inputs_once(&in, model, NULL, NULL)) >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (common.json && format && strcmp(format, "jsonl")) { rc = cli_wrong("--json is --format jsonl, --format %s asks for another", format); goto done; }
    if (common.json) format = "jsonl";
    if (!in.n) { rc = cli_wrong("nothing to embed: --image, --text, ... or files were expected"); goto done; }
    if ((rc = cli_apart(to, model)) >= 0 || (rc = cli_apart_all(to, &j.adapters)) >= 0 || (rc = inputs_apart(&in, &list, to)) >= 0) goto done;
    if (!format) {
        const char *dot = to ? strrchr(to, '.') : NULL;
        format = dot && !strcmp(dot, ".npy") ? "npy" : dot && !strcmp(dot, ".txt") ? "txt" : "jsonl";
    }
    j.in = &in; j.batch = (size_t)batch; j.skip_bad = skip_bad;
    if ((rc = job_open(&j, model, &common)) != 0 || (rc = job_run(&j)) != 0) goto done;
    if (!strcmp(format, "npy")) { if (embed_npy(to, &in, j.good, j.vectors, j.dim)) rc = cli_fail("%s", lb_last_error()); }
    else if (cli_out_open(&out, to) || embed_write(&out, format, &in, j.good, j.vectors, j.dim) || cli_out_commit(&out)) { rc = cli_fail("%s", lb_last_error()); cli_out_abort(&out); }
done:
    job_close(&j); inputs_free(&in); cli_list_free(&list);
    return rc;
}
