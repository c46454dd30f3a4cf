/* info: what a weight file holds; without a file, how this command was built. */

static void info_size(char *out, size_t cap, double bytes) {
    static const char *const unit[] = { "bytes", "kB", "MB", "GB", "TB" }; size_t u = 0;
    while (bytes >= 1000 && u < 4) { bytes /= 1000; u++; }
    snprintf(out, cap, u ? "%.1f %s" : "%.0f %s", bytes, unit[u]);
}
static void info_group(char *out, uint64_t v) {                          /* 87849216 -> 87,849,216 */
    char d[32]; int n = snprintf(d, sizeof d, "%llu", (unsigned long long)v), i;
    for (i = 0; i < n; i++) { *out++ = d[i]; if (i + 1 < n && (n - 1 - i) % 3 == 0) *out++ = ','; }
    *out = 0;
}
/* One value of the metadata as text, or all of an array as JSON. */
static lb_status info_value(cli_out *o, const lb_file *f, const lb_meta *m) {
    size_t i, n = m->count; lb_status s = LB_OK; void *v = lb__alloc(n ? n : 1, 8);
    if (!v) return LB_ERR_MEM;
    if (m->type == LB_META_STR) s = lb_file_get_strs(f, m->key, (const char **)v, n, NULL);
    else if (m->type == LB_META_BOOL) { int b = 0; if (m->array) s = lb__meta_get(f, m->key, LB_META_BOOL, v, n, NULL); else { s = lb_file_get_bool(f, m->key, &b); ((uint64_t *)v)[0] = (uint64_t)b; } }
    else if (m->type == LB_META_F64) s = lb_file_get_f64s(f, m->key, (double *)v, n, NULL);
    else if (m->type == LB_META_I64 && !m->array) s = lb_file_get_i64(f, m->key, (int64_t *)v);
    else s = lb__meta_get(f, m->key, m->type, v, n, NULL);
    if (!s && m->array) s = cli_out_text(o, "[");
    for (i = 0; i < n && !s; i++) {
        if (i) s = cli_out_text(o, ", ");
        if (s) break;
        if (m->type == LB_META_STR) s = cli_out_json(o, ((const char **)v)[i]);
        else if (m->type == LB_META_BOOL) s = cli_out_text(o, ((uint64_t *)v)[i] ? "true" : "false");
        else if (m->type == LB_META_F64) s = cli_out_text(o, "%.17g", ((double *)v)[i]);
        else if (m->type == LB_META_I64) s = cli_out_text(o, "%lld", (long long)((int64_t *)v)[i]);
        else s = cli_out_text(o, "%llu", (unsigned long long)((uint64_t *)v)[i]);
    }
    if (!s && m->array) s = cli_out_text(o, "]");
    lb__release(v);
    return s;
}
/* "tower.vision.width" from its parts; 0 and "" when the file has it not. */
static uint64_t info_u64(const lb_file *f, const char *head, const char *name, const char *tail) {
    char key[256]; uint64_t v = 0;
    lb__format(key, sizeof key, "%s.%s.%s", head, name, tail);
    return lb_file_has(f, key) && lb_file_get_u64(f, key, &v) == LB_OK ? v : 0;
}
static const char *info_str(const lb_file *f, const char *head, const char *name, const char *tail) {
    char key[256]; const char *v = "";
    lb__format(key, sizeof key, "%s%s%s%s%s", head, *name ? "." : "", name, *tail ? "." : "", tail);
    return lb_file_has(f, key) && lb_file_get_str(f, key, &v) == LB_OK ? v : "";
}
/* Parameters, bytes and the type that most bytes have, of the tensors that begin with `prefix.`; "" for all: what is no parameter - inputs of a parity
 * record, merges, an index - does not count, and the bytes are the file's, in which what towers share lies once. */
static uint64_t info_sum(const lb_file *f, const char *prefix, uint64_t *bytes, const char **dtype) {
    uint64_t count = 0, by[16] = { 0 }; size_t i, n = strlen(prefix), best = 0;
    *bytes = 0;
    for (i = 0; i < lb_file_tensors(f); i++) {
        const char *name; const lb_tensor *t = lb_file_tensor_at(f, i, &name); uint64_t b = (uint64_t)lb_tensor_stored(t) * lb_dtype_size(t->dtype);
        if (n ? strncmp(name, prefix, n) || name[n] != '.' : !strncmp(name, "parity.", 7) || !strncmp(name, "tokenizer.", 10) || !strncmp(name, "index.", 6)) continue;
        count += lb_tensor_count(t); *bytes += b;
        if ((size_t)t->dtype < 16) by[t->dtype] += b;
    }
    if (!n) *bytes = f->size;
    for (i = 0; i < 16; i++) if (by[i] > by[best]) best = i;
    *dtype = lb_dtype_name((lb_dtype)best);
    return count;
}
static lb_status info_json(cli_out *o, const lb_file *f, const char *path, int tensors) {
    size_t i; int k; uint64_t bytes, parameters; const char *dtype;
    parameters = info_sum(f, "", &bytes, &dtype);
    LB__TRY(cli_out_text(o, "{\"file\": ")); LB__TRY(cli_out_json(o, path));
    LB__TRY(cli_out_text(o, ", \"tensors\": %lu, \"parameters\": %llu, \"bytes\": %llu, \"dtype\": \"%s\", \"metadata\": {", (unsigned long)lb_file_tensors(f), (unsigned long long)parameters, (unsigned long long)bytes, dtype));
    for (i = 0; i < lb_file_keys(f); i++) {
        lb_meta m = lb_file_key_at(f, i);
        if (i) LB__TRY(cli_out_text(o, ", "));
        LB__TRY(cli_out_json(o, m.key)); LB__TRY(cli_out_text(o, ": ")); LB__TRY(info_value(o, f, &m));
    }
    LB__TRY(cli_out_text(o, "}"));
    if (tensors) {
        LB__TRY(cli_out_text(o, ", \"list\": ["));
        for (i = 0; i < lb_file_tensors(f); i++) {
            const char *name; const lb_tensor *t = lb_file_tensor_at(f, i, &name);
            LB__TRY(cli_out_text(o, "%s{\"name\": ", i ? ", " : "")); LB__TRY(cli_out_json(o, name));
            LB__TRY(cli_out_text(o, ", \"dtype\": \"%s\", \"layout\": \"%s\", \"shape\": [", lb_dtype_name(t->dtype), t->layout == LB_PANEL ? "panel" : "rows"));
            for (k = 0; k < t->ndim; k++) LB__TRY(cli_out_text(o, "%s%lu", k ? ", " : "", (unsigned long)t->shape[k]));
            LB__TRY(cli_out_text(o, "]}"));
        }
        LB__TRY(cli_out_text(o, "]"));
    }
    return cli_out_text(o, "}\n");
}
static lb_status info_text(cli_out *o, const lb_file *f, const char *path, int tensors) {
    const char *names[64], *dtype; char count[48], size[48]; size_t i, n = 0; int k; uint64_t bytes, parameters;
    parameters = info_sum(f, "", &bytes, &dtype);
    info_group(count, parameters); info_size(size, sizeof size, (double)bytes);
    LB__TRY(cli_out_text(o, "%s: %s, %s parameters, %s, %s, %lu tensors\n", path, *info_str(f, "format", "kind", "") ? info_str(f, "format", "kind", "") : "no kind", count, dtype, size, (unsigned long)lb_file_tensors(f)));
    if (lb_file_has(f, "towers") && lb_file_get_strs(f, "towers", names, LB__COUNT(names), &n) == LB_OK) for (i = 0; i < n; i++) {
        const char *t = names[i];
        info_group(count, info_sum(f, t, &bytes, &dtype)); info_size(size, sizeof size, (double)bytes);
        LB__TRY(cli_out_text(o, "tower %-10s %llu wide, %llu blocks, %llu heads, mlp %llu, %s -> %llu; ", t, (unsigned long long)info_u64(f, "tower", t, "width"), (unsigned long long)info_u64(f, "tower", t, "layers"),
            (unsigned long long)info_u64(f, "tower", t, "heads"), (unsigned long long)info_u64(f, "tower", t, "mlp"), info_str(f, "tower", t, "act"), (unsigned long long)info_u64(f, "tower", t, "embed_dim")));
        if (!strcmp(info_str(f, "tower", t, "kind"), "text")) LB__TRY(cli_out_text(o, "context %llu, vocabulary %llu", (unsigned long long)info_u64(f, "tower", t, "context"), (unsigned long long)info_u64(f, "tower", t, "vocab")));
        else LB__TRY(cli_out_text(o, "patch %llu x %llu, grid %llu x %llu, %llu frame%s", (unsigned long long)info_u64(f, "tower", t, "patch_h"), (unsigned long long)info_u64(f, "tower", t, "patch_w"),
            (unsigned long long)info_u64(f, "tower", t, "grid_h"), (unsigned long long)info_u64(f, "tower", t, "grid_w"), (unsigned long long)info_u64(f, "tower", t, "frames"), info_u64(f, "tower", t, "frames") == 1 ? "" : "s"));
        LB__TRY(cli_out_text(o, "; %s parameters, %s, %s\n", count, dtype, size));
    }
    n = 0;
    if (lb_file_has(f, "modalities") && lb_file_get_strs(f, "modalities", names, LB__COUNT(names), &n) == LB_OK) for (i = 0; i < n; i++) {
        const char *m = names[i]; uint64_t c = info_u64(f, "modality", m, "channels"); char key[256]; const lb_tensor *scale;
        LB__TRY(cli_out_text(o, "modality %-7s tower %s", m, info_str(f, "modality", m, "tower")));
        if (c) LB__TRY(cli_out_text(o, ", %llu x %llu x %llu", (unsigned long long)c, (unsigned long long)info_u64(f, "modality", m, "height"), (unsigned long long)info_u64(f, "modality", m, "width")));
        if (*info_str(f, "modality", m, "resize")) LB__TRY(cli_out_text(o, ", %s, crop %s", info_str(f, "modality", m, "resize"), info_str(f, "modality", m, "crop")));
        if (*info_str(f, "modality", m, "clean")) LB__TRY(cli_out_text(o, ", cleaned as %s does", info_str(f, "modality", m, "clean")));
        lb__format(key, sizeof key, "%s.logit_scale", m); scale = lb_file_tensor(f, key);
        if (scale && scale->dtype == LB_F32 && lb_tensor_count(scale) == 1) LB__TRY(cli_out_text(o, ", scale %.4g", exp(((const float *)scale->data)[0])));
        LB__TRY(cli_out_text(o, "\n"));
    }
    for (i = 0; i < lb_file_keys(f); i++) {
        lb_meta m = lb_file_key_at(f, i); const char *v;
        if (strncmp(m.key, "provenance.", 11) || m.type != LB_META_STR || m.array || lb_file_get_str(f, m.key, &v)) continue;
        LB__TRY(cli_out_text(o, "%-16s %s\n", m.key + 11, v));
    }
    for (i = 0; tensors && i < lb_file_tensors(f); i++) {
        const char *name; const lb_tensor *t = lb_file_tensor_at(f, i, &name);
        LB__TRY(cli_out_text(o, "%-44s %-4s %-5s", name, lb_dtype_name(t->dtype), t->layout == LB_PANEL ? "panel" : "rows"));
        for (k = 0; k < t->ndim; k++) LB__TRY(cli_out_text(o, "%s%lu", k ? " x " : " ", (unsigned long)t->shape[k]));
        LB__TRY(cli_out_text(o, "\n"));
    }
    return LB_OK;
}

/* With --json, a command that makes a weight file tells of it what `info --json` does: 0, or the exit status after a message. */
static int info_made(lb_ctx *ctx, const cli_common *common, const char *path) {
    lb_file *f = NULL; cli_out out; lb_status s;
    if (!common->json) return 0;
    s = lb_file_open(ctx, path, &f);
    if (!s) s = cli_out_open(&out, NULL);
    if (!s) s = info_json(&out, f, path, 0);
    if (!s) s = cli_out_commit(&out);
    lb_file_free(f);
    return cli_end(s);
}
static int cmd_info(int argc, char **argv) {
    cli_common common = { 0, 0 }; const char *path = NULL; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_file *f = NULL; cli_out out; int rc, tensors = 0; size_t i;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &path, "FILE", "the weight file (or as a plain argument)", 0, 0 },
        { "tensors", 0, CLI_FLAG, &tensors, NULL, "list every tensor", 0, 0 },
        CLI_FILES(files, "FILE"),
        CLI_THREADS(common), CLI_JSON(common) };
    rc = cli_parse(argc, argv, "[FILE...] [--tensors] [--json]", "Prints what weight files hold; without a file, how this command was built.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (path && !cli_add(&files, NULL, path)) { rc = cli_fail("out of memory"); goto done; }
    if (cli_ctx(&common, &ctx) || cli_out_open(&out, NULL)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if (!files.n) {
        if (common.json) printf("{\"version\": \"%d.%d.%d\", \"cpu\": \"%s\", \"threads\": %d}\n", LB_VERSION_MAJOR, LB_VERSION_MINOR, LB_VERSION_PATCH, lb_cpu_name(), ctx->threads);
        else printf("languagebind %d.%d.%d, %s kernels, %d thread%s\n", LB_VERSION_MAJOR, LB_VERSION_MINOR, LB_VERSION_PATCH, lb_cpu_name(), ctx->threads, ctx->threads == 1 ? "" : "s");
    }
    for (rc = 0, i = 0; i < files.n && !rc; i++) {
        const char *p = files.item[i].value;
        if (lb_file_open(ctx, p, &f) || (common.json ? info_json(&out, f, p, tensors) : info_text(&out, f, p, tensors))) rc = cli_fail("%s", lb_last_error());
        lb_file_free(f); f = NULL;
    }
    if (!rc && cli_out_commit(&out)) rc = cli_fail("%s", lb_last_error());
done:
    lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
