/* verify: is the file whole, and does this machine compute what the reference computed? */
static int cmd_verify(int argc, char **argv) {
    cli_common common = { 0, 0 }; const char *path = NULL; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_file *f = NULL; int rc; size_t i;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &path, "FILE", "the weight file (or as a plain argument)", 0, 0 },
        CLI_FILES(files, "FILE"),
        CLI_THREADS(common), CLI_JSON(common) };
    rc = cli_parse(argc, argv, "FILE... [--json]",
        "Compares every tensor's checksum and looks for values that are not finite.  If the file carries a parity record (inputs and the\n"
        "vectors that the reference framework gave for them), computes those again with this machine's kernels.  LB_CPU picks others.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (path && !cli_add(&files, NULL, path)) { rc = cli_fail("out of memory"); goto done; }
    if (!files.n) { rc = cli_wrong("which file?"); goto done; }
    rc = 0;
    if (cli_ctx(&common, &ctx)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < files.n && !rc; i++) {
        const char *p = files.item[i].value;
        if (lb_file_open(ctx, p, &f)) rc = cli_fail("%s", lb_last_error());
        else if (lb_file_verify(ctx, f)) rc = cli_fail("%s: %s", p, lb_last_error());
        else {
            size_t inputs = 0; double worst = 0, bound = 2e-5; int failed = 0; lb_model *m = NULL;
            if (lb_file_tensor(f, "parity.0.input")) {          /* f32 kernels differ in the last digits; smaller matrices were rounded after the reference ran, and products of bytes round what they multiply, too */
                const lb_dtype rounded = lb__parity_type(f);
                if (rounded != LB_F32) bound = rounded == LB_F16 ? 5e-3 : 4e-2;
                if (lb_model_open(ctx, p, &m) || lb_model_parity(ctx, m, &inputs, &worst)) failed = 1;
                lb_model_free(m);
            }
            if (failed) rc = cli_fail("%s: %s", p, lb_last_error());
            else if (!(worst <= bound)) rc = cli_fail("%s: the parity record's vectors come out different by %.3g, at most %.3g is expected on this machine (%s kernels)", p, worst, bound, lb_cpu_name());
            else if (common.json) {
                cli_out out; cli_out_open(&out, NULL); cli_out_text(&out, "{\"file\": "); cli_out_json(&out, p);
                cli_out_text(&out, ", \"tensors\": %lu, \"checksums\": \"ok\", \"parity_inputs\": %lu, \"parity_difference\": %.3g}\n", (unsigned long)lb_file_tensors(f), (unsigned long)inputs, worst);
            } else {
                printf("%s: %lu tensors, checksums agree, all values finite\n", p, (unsigned long)lb_file_tensors(f));
                if (inputs) printf("%s: %lu inputs of the parity record embedded again with %s kernels: the reference's vectors within %.3g\n", p, (unsigned long)inputs, lb_cpu_name(), worst);
            }
        }
        lb_file_free(f); f = NULL;
    }
done:
    lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}

/* record: a model with a parity record of its own: inputs, and the vectors that this machine gives for them, for `verify` to compute elsewhere. */
static lb_status record_write(lb_ctx *ctx, const char *path, const inputs *in, int replace, const char *output) {
    lb_file *f = NULL; lb_model *m = NULL; lb_file_writer *w = NULL; size_t i, k, dim; lb_status s; char name[96];
    s = lb_file_open(ctx, path, &f);
    if (!s) s = lb_model_open(ctx, path, &m);
    if (!s) s = lb_file_create(ctx, output, &w);
    if (s) goto done;
    dim = lb_model_dim(m);
    for (i = 0; i < lb_file_keys(f); i++) { const char *key = lb_file_key_at(f, i).key; if (strncmp(key, "parity.", 7)) lb__file_stick(w, lb__file_copy_key(w, &f->keys[i], "", "")); }
    for (i = 0; i < lb_file_tensors(f); i++) {                      /* what the file stores once stays one */
        const char *this_name, *of; const lb_tensor *t = lb_file_tensor_at(f, i, &this_name);
        if (!strncmp(this_name, "parity.", 7)) { if (replace) continue; s = lb__fail(LB_ERR_MISMATCH, "%s: has a parity record already; --replace leaves it out", path); goto done; }
        for (k = 0; k < i && lb_file_tensor_at(f, k, &of)->data != t->data; k++) {}
        if (k < i) lb_file_share(w, this_name, of); else lb_file_add(w, this_name, t);
    }
    for (i = 0; i < in->n && !s; i++) {
        const lb_modality_desc *d = lb_model_modality(m, in->at[i].modality); lb_tensor x, y; float *v = lb__arena_f32(ctx, 1, dim);
        if (!v) { s = LB_ERR_MEM; break; }
        if (!d) { s = lb__no_modality(m, path, in->at[i].modality, ""); break; }
        memset(&x, 0, sizeof x); memset(&y, 0, sizeof y);
        x.ndim = y.ndim = 2; x.shape[0] = y.shape[0] = 1; y.shape[1] = dim; y.data = v; y.dtype = LB_F32;
        if (d->kind == LB_TEXT) {
            size_t n = 0; int32_t *ids; const lb_tokenizer *t = lb_model_tokenizer(m);
            if (!t) { s = lb__fail(LB_ERR_UNSUPPORTED, "%s: has no tokenizer", path); break; }
            if ((s = lb_tokenize(ctx, t, d->clean, in->at[i].value, LB_CSTRING, NULL, 0, &n)) != LB_OK) break;
            for (k = 0; k < (size_t)m->desc.towers; k++) if (!strcmp(m->desc.tower[k].name, d->tower)) n = LB__MIN(n, (size_t)m->desc.tower[k].context);
            if (!(ids = (int32_t *)lb__arena(ctx, n, sizeof *ids))) { s = LB_ERR_MEM; break; }
            if ((s = lb_tokenize(ctx, t, d->clean, in->at[i].value, LB_CSTRING, ids, n, NULL)) == LB_OK) s = lb_embed_tokens(ctx, m, ids, 1, n, v);
            x.data = ids; x.dtype = LB_I32; x.shape[1] = n;
        } else {
            x.shape[1] = lb_modality_floats(d); x.dtype = LB_F32;
            if (!(x.data = lb__arena_f32(ctx, 1, x.shape[1]))) { s = LB_ERR_MEM; break; }
            if ((s = lb_prepare_file(ctx, m, d->name, in->at[i].value, (float *)x.data)) == LB_OK) s = lb_embed_tensor(ctx, m, d->name, (const float *)x.data, 1, v);
        }
        lb__format(name, sizeof name, "parity.%zu.input", i); lb_file_add(w, name, &x);
        lb__format(name, sizeof name, "parity.%zu.embedding", i); lb_file_add(w, name, &y);
        lb__format(name, sizeof name, "parity.%zu.modality", i); lb_file_set_str(w, name, d->name);
    }
    if (!s) { s = lb_file_commit(w); w = NULL; }
done:
    lb_file_abandon(w); lb_model_free(m); lb_file_free(f);
    return s;
}
static int cmd_record(int argc, char **argv) {
    int replace = 0; cli_common common = { 0, 0 }; const char *model = NULL, *to = NULL; cli_list list = { NULL, 0, 0 }; inputs in; lb_ctx *ctx = NULL; int rc;
    const cli_option options[] = {
        CLI_MODEL(model),
        INPUT_OPTIONS(list),
        CLI_LBW_OUT(to),
        { "replace", 0, CLI_FLAG, &replace, NULL, "in place of the record that the model has", 0, 0 },
        CLI_THREADS(common), CLI_JSON_MADE(common) };
    memset(&in, 0, sizeof in);
    rc = cli_parse(argc, argv, "-m MODEL [--image FILE] [--audio FILE] [--text TEXT] ... -o OUT.lbw",
        "Writes the model with a parity record: the inputs as its towers read them, and the vectors that this machine computes for them, so that\n"
        "`verify` can compare another machine or other kernels.  LB_CPU=scalar takes the plainest kernels.\n", options, LB__COUNT(options));
    if (rc >= 0 || (rc = inputs_from(&in, &list)) >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if ((rc = cli_lbw_to(to)) >= 0) goto done;
    if (!in.n) { rc = cli_wrong("nothing to record: --image, --text, ... were expected"); goto done; }
    if ((rc = inputs_apart(&in, &list, to)) >= 0) goto done;                          /* the model may be: it comes back whole, with the record */
    rc = cli_ctx(&common, &ctx) || record_write(ctx, model, &in, replace, to) ? cli_fail("%s", lb_last_error()) : info_made(ctx, &common, to);
done:
    lb_ctx_free(ctx); inputs_free(&in); cli_list_free(&list);
    return rc;
}
