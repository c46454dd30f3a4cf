/* bundle: towers of several .lbw files in one.   merge: adapters and low-rank updates into the weights they belong to. */

enum { BUNDLE_MAX = LB_MAX_TOWERS };
typedef struct bundle_part {
    const char *path, *rename;                      /* rename: the name for its modality, NULL to keep it */
    lb_file *f;
    const char *tower[LB_MAX_TOWERS], *modality[LB_MAX_MODALITIES]; size_t towers, modalities;
    char newname[LB_NAME_SIZE];
} bundle_part;
typedef struct bundle_tensor { const char *name; const lb_tensor *t; uint32_t crc; size_t bytes; } bundle_tensor;     /* name: in the output */
typedef struct bundle {
    lb_ctx *ctx; bundle_part part[BUNDLE_MAX]; size_t parts; int share;
    const bundle_part *text;                        /* whose text tower goes in */
    lb_file_writer *w; bundle_tensor *done; size_t count, cap, shared, saved;
    char text_name[LB_NAME_SIZE];
} bundle;

static size_t bundle_bytes(const lb_tensor *t) { return lb_tensor_stored(t) * lb_dtype_size(t->dtype); }
static int bundle_same(const lb_tensor *a, const lb_tensor *b) {
    int i;
    if (a->dtype != b->dtype || a->layout != b->layout || a->ndim != b->ndim) return 0;
    for (i = 0; i < a->ndim; i++) if (a->shape[i] != b->shape[i]) return 0;
    return !memcmp(a->data, b->data, bundle_bytes(a));
}
static int bundle_is_text(const lb_file *f, const char *tower) {
    char key[96]; const char *kind;
    lb__format(key, sizeof key, "tower.%s.kind", tower);
    return !lb_file_get_str(f, key, &kind) && !strcmp(kind, "text");
}
static lb_status bundle_open(bundle *b, bundle_part *p) {
    const char *kind; size_t i, others = 0;
    LB__TRY(lb_file_open(b->ctx, p->path, &p->f));
    if (lb_file_get_str(p->f, "format.kind", &kind) || strcmp(kind, "model")) return lb__fail(LB_ERR_MISMATCH, "%s: not a model (an adapter is brought into its base by `languagebind merge` first)", p->path);
    LB__TRY(lb__fail_in(lb_file_get_strs(p->f, "towers", p->tower, LB_MAX_TOWERS, &p->towers), p->path));
    LB__TRY(lb__fail_in(lb_file_get_strs(p->f, "modalities", p->modality, LB_MAX_MODALITIES, &p->modalities), p->path));
    for (i = 0; i < p->towers; i++) others += !bundle_is_text(p->f, p->tower[i]);
    if (p->rename && others != 1) return lb__fail(LB_ERR_ARG, "%s: has %zu towers beside the text tower; only a file with one can be given the name %s", p->path, others, p->rename);
    return LB_OK;
}
/* The text towers of two files, tensor by tensor. */
static lb_status bundle_compare_text(const bundle_part *a, const char *at, const bundle_part *b, const char *bt, size_t *differ, size_t *total, char *first, size_t cap) {
    size_t i, n = strlen(at); const char *name; char other[LB__LBW_NAME + LB_NAME_SIZE + 1];
    *differ = *total = 0;
    for (i = 0; i < lb_file_tensors(a->f); i++) {
        const lb_tensor *t = lb_file_tensor_at(a->f, i, &name), *u;
        if (strncmp(name, at, n) || name[n] != '.') continue;
        lb__format(other, sizeof other, "%s%s", bt, name + n);
        u = lb_file_tensor(b->f, other); ++*total;
        if (u && bundle_same(t, u)) continue;
        if (!(*differ)++) lb__format(first, cap, "%s", name);
    }
    return LB_OK;
}
static lb_status bundle_choose_text(bundle *b, const char *from) {
    size_t i, k, differ, total; const bundle_part *first = NULL; const char *first_tower = NULL; char name[LB__LBW_NAME + 1];
    for (i = 0; i < b->parts; i++) for (k = 0; k < b->part[i].towers; k++) {
        const bundle_part *p = &b->part[i];
        if (!bundle_is_text(p->f, p->tower[k])) continue;
        if (from) { if (!strcmp(from, p->path) || (p->rename && !strcmp(from, p->rename))) { b->text = p; lb__format(b->text_name, sizeof b->text_name, "%s", p->tower[k]); } continue; }
        if (!first) { first = b->text = p; first_tower = p->tower[k]; lb__format(b->text_name, sizeof b->text_name, "%s", p->tower[k]); continue; }
        LB__TRY(bundle_compare_text(first, first_tower, p, p->tower[k], &differ, &total, name, sizeof name));
        if (differ) return lb__fail(LB_ERR_MISMATCH, "the text towers of %s and %s differ in %zu of %zu tensors (%s is the first); say which one is meant: --text %s or --text %s", first->path, p->path, differ, total, name, first->path, p->path);
    }
    if (from && !b->text) return lb__fail(LB_ERR_ARG, "--text %s is none of the files, or has no text tower", from);
    return LB_OK;
}
/* Declare one tensor under its new name, as another name of an equal one where that is wanted. */
static lb_status bundle_tensor_in(bundle *b, const char *name, const lb_tensor *t) {
    bundle_tensor *d; size_t i, bytes = bundle_bytes(t); char *copy; uint32_t crc = 0;
    if (b->count == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 1024;
        d = (bundle_tensor *)lb__arena(b->ctx, cap, sizeof *d);
        if (!d) return LB_ERR_MEM;
        if (b->count) memcpy(d, b->done, b->count * sizeof *d);
        b->done = d; b->cap = cap;
    }
    copy = (char *)lb__arena(b->ctx, strlen(name) + 1, 1);
    if (!copy) return LB_ERR_MEM;
    memcpy(copy, name, strlen(name) + 1);
    for (i = 0; i < b->count; i++) if (!strcmp(b->done[i].name, name)) return lb__fail(LB_ERR_MISMATCH, "two of the files have the tensor %s; give one another name (NAME=FILE)", name);
    if (b->share && bytes >= 256) {
        crc = lb__crc32(0, t->data, bytes);
        for (i = 0; i < b->count; i++) if (b->done[i].crc == crc && b->done[i].bytes == bytes && bundle_same(b->done[i].t, t)) { lb_file_share(b->w, name, b->done[i].name); b->shared++; b->saved += bytes; break; }
    }
    if (!(b->share && bytes >= 256) || i == b->count) lb_file_add(b->w, name, t);
    d = &b->done[b->count++];
    d->name = copy; d->t = t; d->crc = crc; d->bytes = bytes;
    return LB_OK;
}
static lb_status bundle_write(bundle *b) {
    const char *towers[LB_MAX_TOWERS + 1], *modalities[LB_MAX_MODALITIES + 1], *sources[64], *sums[64]; char store[LB_MAX_TOWERS + 1][LB_NAME_SIZE], mods[LB_MAX_MODALITIES + 1][LB_NAME_SIZE], from[160], to[160]; size_t nt = 0, nm = 0, ns = 0, i, k, n, dim = 0; const char *name;
    for (i = 0; i < b->parts; i++) {
        bundle_part *p = &b->part[i]; const char *list[64]; uint64_t embed;
        if (ns < 64 && !lb_file_get_strs(p->f, "provenance.source", list, 64 - ns, &n)) {
            for (k = 0; k < n; k++) sources[ns + k] = list[k];
            if (lb_file_get_strs(p->f, "provenance.sha256", list, n, NULL)) for (k = 0; k < n; k++) list[k] = "";
            for (k = 0; k < n; k++) sums[ns + k] = list[k];
            ns += n;
        }
        for (k = 0; k < p->towers; k++) {
            const int text = bundle_is_text(p->f, p->tower[k]); const char *out = text ? b->text_name : p->rename ? p->rename : p->tower[k]; size_t q, len = strlen(p->tower[k]);
            lb__format(from, sizeof from, "tower.%s.embed_dim", p->tower[k]);
            LB__TRY(lb_file_get_u64(p->f, from, &embed));
            if (dim && embed != dim) return lb__fail(LB_ERR_MISMATCH, "%s embeds into %llu dimensions, the others into %zu: they do not share a space", p->path, (unsigned long long)embed, dim);
            dim = (size_t)embed;
            if (text && p != b->text) continue;
            if (nt == LB_MAX_TOWERS) return lb__fail(LB_ERR_LIMIT, "more than %d towers", LB_MAX_TOWERS);
            for (q = 0; q < nt; q++) if (!strcmp(towers[q], out)) return lb__fail(LB_ERR_MISMATCH, "%s: a tower %s is there already; give it another name (NAME=%s)", p->path, out, p->path);
            if (strlen(out) >= LB_NAME_SIZE) return lb__fail(LB_ERR_ARG, "the name %s is longer than %d bytes", out, LB_NAME_SIZE - 1);
            lb__format(store[nt], LB_NAME_SIZE, "%s", out); towers[nt] = store[nt]; nt++;
            lb__format(from, sizeof from, "tower.%s.", p->tower[k]); lb__format(to, sizeof to, "tower.%s.", out);
            lb_file_copy_keys(b->w, p->f, from, to);
            for (q = 0; q < lb_file_tensors(p->f); q++) {
                const lb_tensor *t = lb_file_tensor_at(p->f, q, &name); char full[2 * LB__LBW_NAME];
                if (strncmp(name, p->tower[k], len) || name[len] != '.' || !strcmp(name + len, ".logit_scale")) continue;     /* the scale is the modality's */
                lb__format(full, sizeof full, "%s%s", out, name + len);
                LB__TRY(bundle_tensor_in(b, full, t));
            }
        }
        for (k = 0; k < p->modalities; k++) {
            const char *tower, *out; int text; const lb_tensor *scale; char full[LB__LBW_NAME + 1]; size_t q;
            lb__format(from, sizeof from, "modality.%s.tower", p->modality[k]);
            LB__TRY(lb_file_get_str(p->f, from, &tower));
            text = bundle_is_text(p->f, tower);
            if (text && p != b->text) continue;
            out = text || !p->rename ? p->modality[k] : p->rename;
            if (nm == LB_MAX_MODALITIES) return lb__fail(LB_ERR_LIMIT, "more than %d modalities", LB_MAX_MODALITIES);
            for (q = 0; q < nm; q++) if (!strcmp(modalities[q], out)) return lb__fail(LB_ERR_MISMATCH, "%s: a modality %s is there already; give it another name (NAME=%s)", p->path, out, p->path);
            lb__format(mods[nm], LB_NAME_SIZE, "%s", out); modalities[nm] = mods[nm]; nm++;
            lb__format(from, sizeof from, "modality.%s.", p->modality[k]); lb__format(to, sizeof to, "modality.%s.", out);
            lb_file_copy_keys(b->w, p->f, from, to);
            lb__format(to, sizeof to, "modality.%s.tower", out);
            lb_file_set_str(b->w, to, text ? b->text_name : p->rename ? p->rename : tower);
            lb__format(from, sizeof from, "%s.logit_scale", p->modality[k]);
            scale = lb_file_tensor(p->f, from);
            lb__format(full, sizeof full, "%s.logit_scale", out);
            if (scale) LB__TRY(bundle_tensor_in(b, full, scale));
        }
    }
    lb_file_set_str(b->w, "format.kind", "model");
    lb_file_set_strs(b->w, "towers", towers, nt); lb_file_set_strs(b->w, "modalities", modalities, nm);
    lb_file_set_strs(b->w, "provenance.source", sources, ns); lb_file_set_strs(b->w, "provenance.sha256", sums, ns); lb_file_set_str(b->w, "provenance.producer", "languagebind bundle");
    for (i = 0; b->text && i < lb_file_tensors(b->text->f); i++) {
        const lb_tensor *t = lb_file_tensor_at(b->text->f, i, &name);
        if (!strncmp(name, "tokenizer.", 10)) LB__TRY(bundle_tensor_in(b, name, t));
    }
    if (b->text) lb_file_copy_keys(b->w, b->text->f, "tokenizer.", "tokenizer.");
    return LB_OK;
}
/* Whether a file is an adapter; what cannot be opened is not. */
static int bundle_is_adapter(lb_ctx *ctx, const char *path) {
    lb_file *f = NULL; const char *kind; int is;
    if (lb_file_open(ctx, path, &f)) return 0;
    is = !lb_file_get_str(f, "format.kind", &kind) && !strcmp(kind, "adapter");
    lb_file_free(f);
    return is;
}
/* A model and adapters over it: every one of them beside the others, what they share in the file once. */
static lb_status bundle_adapters(lb_ctx *ctx, const char *const *paths, size_t n, const char *output) {
    lb_model *m[BUNDLE_MAX + LB_MAX_MODALITIES] = { NULL }; size_t count = 0, i; lb_status s;
    if (n > LB__COUNT(m)) return lb__fail(LB_ERR_LIMIT, "%zu files, at most %d are joined at once", n, (int)LB__COUNT(m));
    s = lb_model_open(ctx, paths[0], &m[0]);
    if (!s) count = 1;
    for (i = 1; i < n && !s; i++) {
        if (!bundle_is_adapter(ctx, paths[i])) s = lb__fail(LB_ERR_ARG, "%s: adapters are joined with the one model that they stand on, which is named first; join the models before", paths[i]);
        else if (!(s = lb_model_adapt(ctx, m[count - 1], paths[i], &m[count]))) count++;
    }
    if (!s) s = lb_model_save(ctx, m[count - 1], model_dtype(m[0], NULL), output);
    while (count) lb_model_free(m[--count]);
    return s;
}
/* Join the files; `text`: whose text tower, NULL when all are the same. */
static lb_status bundle_files(lb_ctx *ctx, const char *const *args, size_t n, const char *text, int share, const char *output, size_t *saved) {
    bundle b; lb_status s = LB_OK; size_t i; lb__mark mark = lb__arena_mark(ctx);
    for (i = 1; i < n; i++) if (bundle_is_adapter(ctx, args[i])) return bundle_adapters(ctx, args, n, output);
    memset(&b, 0, sizeof b);
    b.ctx = ctx; b.share = share;
    if (n > BUNDLE_MAX) return lb__fail(LB_ERR_LIMIT, "%zu files, a model has at most %d towers", n, LB_MAX_TOWERS);
    for (i = 0; i < n && !s; i++) {
        bundle_part *p = &b.part[b.parts++]; const char *eq = strchr(args[i], '=');
        p->path = args[i];
        if (eq && !memchr(args[i], '/', (size_t)(eq - args[i]))) {
            if (eq == args[i] || (size_t)(eq - args[i]) >= LB_NAME_SIZE) { s = lb__fail(LB_ERR_ARG, "%s: a name of 1 to %d bytes is expected before =", args[i], LB_NAME_SIZE - 1); break; }
            memcpy(p->newname, args[i], (size_t)(eq - args[i])); p->rename = p->newname; p->path = eq + 1;
        }
        s = bundle_open(&b, p);
    }
    if (!s) s = bundle_choose_text(&b, text);
    if (!s) s = lb_file_create(ctx, output, &b.w);
    if (!s) { s = bundle_write(&b); if (s) lb_file_abandon(b.w); else s = lb_file_commit(b.w); }
    for (i = 0; i < b.parts; i++) lb_file_free(b.part[i].f);
    if (saved) *saved = b.saved;
    lb__arena_rewind(ctx, mark);
    return s;
}

static int cmd_bundle(int argc, char **argv) {
    const char *output = NULL, *text = NULL, **paths = NULL; int share = 0, rc; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; size_t i, saved = 0; lb_status s;
    const cli_option options[] = {
        { "output", 'o', CLI_TEXT, &output, "FILE", "the .lbw file to write", 0, 0 },
        { "text", 0, CLI_TEXT, &text, "FILE", "whose text tower goes in, when they differ", 0, 0 },
        { "share-backbone", 0, CLI_FLAG, &share, NULL, "store equal tensors of all towers once; with models from\n`convert --keep-lora` each modality is its difference only", 0, 0 },
        { NULL, 0, CLI_LIST, &files, "FILE", NULL, 0, 0 } };
    rc = cli_parse(argc, argv, "[NAME=]FILE... -o OUT.lbw [--text FILE] [--share-backbone]",
                   "Joins models that share an embedding space into one file.  Their text towers are compared tensor by tensor and stored once; if\n"
                   "they differ, --text says which is meant.  NAME=FILE gives a file's modality (and its tower) another name.\n"
                   "A model followed by adapters over it (of `train` or `convert --adapter`) becomes one model with all of them side by side: the backbone\n"
                   "is stored once, each modality is its low-rank update and the small tensors trained with it.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!files.n) { rc = cli_wrong("no files to join"); goto done; }
    if (!output) { rc = cli_wrong("-o OUT.lbw is missing"); goto done; }
    if (cli_ctx(&common, &ctx) || !(paths = (const char **)lb__alloc(files.n, sizeof *paths))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < files.n; i++) paths[i] = files.item[i].value;
    s = bundle_files(ctx, paths, files.n, text, share, output, &saved);
    if (s) rc = cli_fail("%s", lb_last_error());
    else { rc = 0; if (share) cli_warn("%.1f MB are shared between towers", (double)saved / 1e6); }
done:
    lb__release((void *)paths); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}

/* base (and adapters, in order) -> one model without low-rank updates */
static lb_status merge_files(lb_ctx *ctx, const char *const *paths, size_t n, const char *dtype, const char *output) {
    lb_model *m[BUNDLE_MAX + 2] = { NULL }; lb_status s; size_t i, count = 0;
    if (n > BUNDLE_MAX) return lb__fail(LB_ERR_LIMIT, "%zu files, at most %d are merged at once", n, (int)BUNDLE_MAX);
    s = lb_model_open(ctx, paths[0], &m[0]);
    if (!s) count = 1;
    for (i = 1; i < n && !s; i++) { s = lb_model_adapt(ctx, m[count - 1], paths[i], &m[count]); if (!s) count++; }
    if (!s) { s = lb_model_merge(ctx, m[count - 1], &m[count]); if (!s) count++; }
    if (!s) s = lb_model_save(ctx, m[count - 1], model_dtype(m[0], dtype), output);
    while (count) lb_model_free(m[--count]);
    return s;
}
static int cmd_merge(int argc, char **argv) {
    const char *output = NULL, *dtype = NULL, **paths = NULL; int rc; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; size_t i; lb_status s;
    const cli_option options[] = {
        { "output", 'o', CLI_TEXT, &output, "FILE", "the .lbw file to write", 0, 0 },
        { "dtype", 0, CLI_CHOICE, &dtype, "f32|f16|bf16", "type of the matrices (default: the base's)", 0, 0 },
        { NULL, 0, CLI_LIST, &files, "FILE", NULL, 0, 0 } };
    rc = cli_parse(argc, argv, "BASE.lbw [ADAPTER.lbw...] -o OUT.lbw",
                   "Brings adapters into their base model: their tensors replace the base's, low-rank updates are added into the weights in f32.\n"
                   "A model that carries low-rank updates itself (convert --keep-lora) is merged alone.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!files.n) { rc = cli_wrong("which model?"); goto done; }
    if (!output) { rc = cli_wrong("-o OUT.lbw is missing"); goto done; }
    if (cli_ctx(&common, &ctx) || !(paths = (const char **)lb__alloc(files.n, sizeof *paths))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < files.n; i++) paths[i] = files.item[i].value;
    s = merge_files(ctx, paths, files.n, dtype, output);
    rc = s ? cli_fail("%s", lb_last_error()) : 0;
done:
    lb__release((void *)paths); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}

/* extend: one more modality, declared in a JSON file */
static int cmd_extend(int argc, char **argv) {
    const char *output = NULL, *model = NULL, *json = NULL, *dtype = NULL; int rc; long long seed = 0; cli_common common = { 0, 0 }; lb_ctx *ctx = NULL; lb_model *base = NULL, *m = NULL; lb__file f; lb_status s;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &model, "FILE", "the .lbw model to add it to", 0, 0 },
        { "modality", 'j', CLI_TEXT, &json, "FILE.json", "what the modality is: weights/MODALITY.md has the keys", 0, 0 },
        { "output", 'o', CLI_TEXT, &output, "FILE", "the .lbw file to write", 0, 0 },
        { "dtype", 0, CLI_CHOICE, &dtype, "f32|f16|bf16", "type of the matrices (default: the model's)", 0, 0 },
        { "seed", 0, CLI_INT, &seed, "N", "of the weights that are drawn (default 0)", 0, 0 } };
    memset(&f, 0, sizeof f);
    rc = cli_parse(argc, argv, "-m MODEL --modality FILE.json -o OUT.lbw",
                   "Adds a modality of your own to a model: a sensor's name, shape, patches, scaling and file format stand in a small JSON file, for instance\n"
                   "    { \"name\": \"motion\", \"loader\": \"csv\", \"channels\": 6, \"length\": 128, \"patch\": 16, \"std\": [9.8, 9.8, 9.8, 2, 2, 2] }\n"
                   "Its tower starts from the image tower (\"from\" names another); what it has in common with that is stored once.  `train` then trains it,\n"
                   "and embed, score, classify and bundle know it by its name: --input motion:FILE.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (!json) { rc = cli_wrong("which modality? --modality FILE.json"); goto done; }
    if (!output) { rc = cli_wrong("-o OUT.lbw is missing"); goto done; }
    s = cli_ctx(&common, &ctx);
    if (!s) s = lb_model_open(ctx, model, &base);
    if (!s) s = lb__file_open(json, &f);
    if (!s) s = lb__fail_in(lb_model_extend_json(ctx, base, (const char *)f.data, f.size, (uint64_t)seed, &m), json);
    if (!s) s = lb_model_save(ctx, m, model_dtype(base, dtype), output);
    rc = s ? cli_fail("%s", lb_last_error()) : 0;
done:
    lb__file_close(&f); lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
    return rc;
}

/* quantize: the same model with its matrices in another type */
static int cmd_quantize(int argc, char **argv) {
    const char *output = NULL, *dtype = NULL; int rc; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_model *m = NULL; lb_status s;
    const cli_option options[] = {
        { "output", 'o', CLI_TEXT, &output, "FILE", "the .lbw file to write", 0, 0 },
        { "dtype", 0, CLI_CHOICE, &dtype, "f32|f16|bf16", "type of the matrices (default f16)", 0, 0 },
        { NULL, 0, CLI_LIST, &files, "FILE", NULL, 0, 0 } };
    rc = cli_parse(argc, argv, "MODEL.lbw -o OUT.lbw [--dtype f16|bf16|f32]",
                   "Writes a model with its matrices and token table in another type; vectors and small tables stay f32, low-rank updates stay apart,\n"
                   "and what several towers share is stored once.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (files.n != 1) { rc = cli_wrong("%d models, one was expected", (int)files.n); goto done; }
    if (!output) { rc = cli_wrong("-o OUT.lbw is missing"); goto done; }
    s = cli_ctx(&common, &ctx);
    if (!s) s = lb_model_open(ctx, files.item[0].value, &m);
    if (!s) s = lb_model_save(ctx, m, model_dtype(m, dtype ? dtype : "f16"), output);
    rc = s ? cli_fail("%s", lb_last_error()) : 0;
done:
    lb_model_free(m); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
