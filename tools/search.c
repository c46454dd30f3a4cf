/* index and search: a folder of photos, sounds, clips as vectors in one file; a text, an image or a sound as the question.
 * The file is a .lbw container of kind "index": index.vectors [N, dim] f32, index.paths (zero-terminated, one after the other),
 * index.modality [N] (which of index.modalities), index.size and index.mtime [N], nanoseconds; keys give the paths of the model and its adapters, their
 * towers' identities, index.made, how the vectors of each of index.modalities were computed (see index_made), and index.folder, where relative paths begin.
 * Files of before index.made had seconds for times, and nothing in them tells which tower made which entry: search reads them by the towers' identities
 * alone, index computes all of them again.  Held by: tests/test_command.sh, tests/test_index.c,
 * tests/fuzz/index.c */

/* key: where the file is, however its path was typed; NULL: it is gone.  at: its place in the list before sorting */
typedef struct index_entry { const char *path, *modality, *made, *key; uint64_t size; int64_t mtime; const float *vector; size_t at; int used, elsewhere; } index_entry;
typedef struct index_list { index_entry *at; size_t n, cap; } index_list;
enum { INDEX_TOWERS = 16, INDEX_DEPTH = 64 };
#ifdef __APPLE__                                               /* whose struct stat hides the rest from a program that asks for POSIX */
#define INDEX_TIME(st) ((int64_t)((uint64_t)(st).st_mtime * 1000000000u))
#else                                                          /* a file may change twice in a second and keep its size; unsigned: a wild date wraps */
#define INDEX_TIME(st) ((int64_t)((uint64_t)(st).st_mtim.tv_sec * 1000000000u + (uint64_t)(st).st_mtim.tv_nsec))
#endif

static index_entry *index_push(index_list *l, inputs *in, const char *path, const char *modality) {
    index_entry *e;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256; index_entry *p = (index_entry *)realloc(l->at, cap * sizeof *p);
        if (!p) return NULL;
        l->at = p; l->cap = cap;
    }
    e = &l->at[l->n]; memset(e, 0, sizeof *e);
    e->path = inputs_keep(in, path, strlen(path)); e->modality = modality;
    if (!e->path) return NULL;
    e->at = l->n++;
    return e;
}
/* Every file below `path` that some modality claims; the others are counted, and with a warning what cannot be opened or listed below it.  Links to
 * folders are not followed, and what is gone by now or a link to nowhere is passed over. */
static int index_walk(index_list *l, inputs *in, const char *path, const char *as, size_t depth, size_t *other, size_t *bad) {
    struct stat st; const char *modality; lb__dir dir; size_t i; index_entry *e; int rc = 0; lb_status s;
    if (stat(path, &st)) {
        if (!depth) return cli_fail("%s: cannot open: %s", path, strerror(errno));
        if (errno != ENOENT) { cli_warn("left out: %s: cannot open: %s", path, strerror(errno)); ++*bad; }
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) {
        modality = S_ISREG(st.st_mode) ? input_guess(path) : NULL;
        if (!modality && S_ISREG(st.st_mode) && as && !strcmp(as, "depth") && lb__ends_with(path, ".npy")) modality = as;
        if (!modality) { ++*other; return 0; }
        if (!(e = index_push(l, in, path, as && !strcmp(modality, "image") ? as : modality))) return cli_fail("out of memory");
        e->size = (uint64_t)st.st_size; e->mtime = INDEX_TIME(st);
        return 0;
    }
    if (depth > INDEX_DEPTH) return cli_fail("%s: folders are nested deeper than %d", path, INDEX_DEPTH);
    if (depth && !lstat(path, &st) && S_ISLNK(st.st_mode)) return 0;
    if ((s = lb__dir_list(path, &dir)) != LB_OK) {
        if (!depth || s == LB_ERR_MEM) return cli_fail("%s", lb_last_error());
        cli_warn("left out: %s", lb_last_error()); ++*bad;
        return 0;
    }
    for (i = 0; i < dir.count && !rc; i++) {
        size_t n = strlen(path) + strlen(dir.names[i]) + 2; char *below = (char *)malloc(n);
        if (!below) { rc = cli_fail("out of memory"); break; }
        snprintf(below, n, "%s%s%s", path, *path && path[strlen(path) - 1] == '/' ? "" : "/", dir.names[i]);
        rc = index_walk(l, in, below, as, depth + 1, other, bad);
        free(below);
    }
    lb__release(dir.names);
    return rc;
}

/* The entries of an index file, once its checksums agree (a damaged vector would be found, and kept, as a sound one); vectors point into f. */
static lb_status index_read(lb_ctx *ctx, const lb_file *f, const char *path, index_list *l, inputs *in, size_t *dim) {
    const char *kind = "", *modality[64], *made[64]; size_t i, n, modalities = 0, mades = 0, at = 0;
    const lb_tensor *v = lb_file_tensor(f, "index.vectors"), *p = lb_file_tensor(f, "index.paths"), *m = lb_file_tensor(f, "index.modality"), *s = lb_file_tensor(f, "index.size"), *t = lb_file_tensor(f, "index.mtime");
    if (!lb_file_has(f, "format.kind") || lb_file_get_str(f, "format.kind", &kind) || strcmp(kind, "index")) return lb__fail(LB_ERR_MISMATCH, "%s: is not an index (its kind is \"%s\")", path, kind);
    if (lb_file_verify(ctx, f)) return lb__fail(LB_ERR_FORMAT, "%s: %s; remove the file and index again", path, lb_last_error());
    LB__TRY(lb_file_get_strs(f, "index.modalities", modality, LB__COUNT(modality), &modalities));
    for (i = 0; i < modalities; i++) if (lb__named(modality[i], modality, i)) return lb__fail(LB_ERR_FORMAT, "%s: index.modalities has %s twice, so that nothing tells what made its vectors", path, modality[i]);
    if (lb_file_has(f, "index.made")) {
        LB__TRY(lb_file_get_strs(f, "index.made", made, LB__COUNT(made), &mades));
        if (mades != modalities) return lb__fail(LB_ERR_FORMAT, "%s: index.made has %zu strings, one for each of %zu modalities was expected", path, mades, modalities);
    }
    if (!v || !p || !m || !s || !t || v->dtype != LB_F32 || v->ndim != 2 || v->layout != LB_ROWS || p->dtype != LB_U8 || m->dtype != LB_U8 || s->dtype != LB_U64 || t->dtype != LB_I64)
        return lb__fail(LB_ERR_FORMAT, "%s: a tensor of the index is missing or of another type", path);
    n = v->shape[0]; *dim = v->shape[1];
    if (lb_tensor_count(m) != n || lb_tensor_count(s) != n || lb_tensor_count(t) != n) return lb__fail(LB_ERR_FORMAT, "%s: the tensors of the index differ in length", path);
    for (i = 0; i < n; i++) {
        const char *text = (const char *)p->data + at, *end = (const char *)memchr(text, 0, lb_tensor_count(p) - at); uint8_t k = ((const uint8_t *)m->data)[i]; index_entry *e;
        if (!end || k >= modalities) return lb__fail(LB_ERR_FORMAT, "%s: entry %zu of the index is damaged", path, i);
        if (!(e = index_push(l, in, text, modality[k]))) return lb__fail(LB_ERR_MEM, "out of memory");
        e->size = ((const uint64_t *)s->data)[i]; e->mtime = ((const int64_t *)t->data)[i]; e->vector = (const float *)v->data + i * *dim; e->made = mades ? made[k] : NULL;
        at += (size_t)(end - text) + 1;
    }
    return LB_OK;
}
/* "vision:8d96...", one a tower, so that vectors of different models are not compared.  An identity leaves low-rank updates out: a tower that has
 * some, its own or an adapter's, goes on with a hash of them. */
static lb_status index_identity(const lb_file *f, const char *tower, const char *before, int adapter, inputs *in, const char **out) {
    lb__sha256 h; uint8_t digest[32], b[12]; char more[65], key[96], text[256]; size_t i, n = strlen(tower), used = 0; double alpha = 0;
    lb__sha256_init(&h);
    for (i = 0; i < f->count; i++) {
        const lb__entry *e = f->order[i];
        if (!adapter && (strncmp(e->name, tower, n) || e->name[n] != '.' || !strstr(e->name, ".lora."))) continue;
        lb__put64le(b, lb_tensor_count(&e->t)); lb__put32le(b + 8, e->crc);
        lb__sha256_add(&h, e->name, strlen(e->name) + 1); lb__sha256_add(&h, b, 12); used++;
    }
    lb__format(key, sizeof key, "tower.%s.lora.alpha", tower);
    if (lb_file_has(f, key)) LB__TRY(lb_file_get_f64(f, key, &alpha));
    lb__sha256_add(&h, &alpha, sizeof alpha); lb__sha256_done(&h, digest); lb__sha256_text(digest, more);
    lb__format(text, sizeof text, "%s%s%.*s", before, used ? "+" : "", used ? 16 : 0, more);
    return (*out = inputs_keep(in, text, strlen(text))) != NULL ? LB_OK : lb__fail(LB_ERR_MEM, "out of memory");
}
static lb_status index_identities(const lb_file *model, const job *j, inputs *in, const char **out, size_t *count) {
    const char *tower[INDEX_TOWERS], *base; char id[65], text[256]; size_t i, k, n; lb_status s = LB_OK;
    LB__TRY(lb_file_get_strs(model, "towers", tower, LB_MAX_TOWERS, count));
    for (i = 0; i < *count; i++) {
        LB__TRY(lb_file_identity(model, tower[i], id));
        lb__format(text, sizeof text, "%s:%s", tower[i], id);
        LB__TRY(index_identity(model, tower[i], text, 0, in, &out[i]));
    }
    for (k = 0; k < j->adapters.n && !s; k++) {
        lb_file *f = NULL;
        LB__TRY(lb_file_open(j->ctx, j->adapters.item[k].value, &f));
        s = lb_file_get_str(f, "adapter.tower", &tower[0]);
        if (!s) s = lb_file_get_str(f, "adapter.base", &base);
        n = s ? 0 : strlen(tower[0]);
        for (i = 0; i < *count && (strncmp(out[i], tower[0], n) || out[i][n] != ':'); i++) {}
        if (!s && i == INDEX_TOWERS) s = lb__fail(LB_ERR_LIMIT, "more than %d towers", (int)INDEX_TOWERS);
        if (!s) { if (i == *count) { lb__format(text, sizeof text, "%s:%s", tower[0], base); ++*count; } else lb__format(text, sizeof text, "%s", out[i]); s = index_identity(f, tower[0], text, 1, in, &out[i]); }
        lb_file_free(f);
    }
    return s;
}
/* How a model's vectors of a modality come about: SHA-256, in hexadecimal, over what the descriptions of it and of its tower say, and over that tower's
 * weights, the model's own or an adapter's; no names, so that it stays when a tower is renamed or bundled.  A weight goes in by the checksum of the
 * file that it is mapped from, or else (16 bits widened, the start of an adapter's new tower) by its values.  The caller knows that the model has it. */
static lb_status index_made(const job *j, const char *modality, inputs *in, const char **out) {
    const lb_model *m = j->model, *b; const lb_model_desc *d = lb_model_describe(m); const lb_modality_desc *q = lb_model_modality(m, modality); const lb_tower_desc *t = d->tower; lb__sha256 h; uint8_t digest[32], shape[LB_MAX_DIMS * 8]; char text[512]; size_t i, k, n; int c;
    while (strcmp(t->name, q->tower)) t++;
    n = strlen(t->name);
    lb__sha256_init(&h);
#define INDEX_ADD (lb__sha256_add(&h, text, strlen(text) + 1))
    lb__format(text, sizeof text, "%d %d %d %d %d %d %d %.9g %d %d %d %d %d %d %d %d %d %d %d %d %d %d", (int)t->kind, t->width, t->layers, t->heads, t->mlp, t->embed_dim, t->quick_gelu, (double)t->eps, t->channels, t->patch_h, t->patch_w, t->grid_h, t->grid_w,
        t->frames, t->tube, t->temporal, t->class_per_frame, t->no_pre_norm, t->patch_bias, t->proj_bias, t->context, t->vocab); INDEX_ADD;
    if (t->lora_rank) { lb__format(text, sizeof text, "%d %d %d %.9g", t->lora_rank, t->lora_targets, t->lora_temporal, (double)t->lora_alpha); INDEX_ADD; }
    lb__format(text, sizeof text, "%d %d %d %d %d %d %d %d %d %d %d %.9g %d %d %d", (int)q->kind, q->channels, q->height, q->width, q->frames, (int)q->resize, (int)q->crop, q->clean, q->rate, q->mel_bins, q->target_length, (double)q->max_depth, (int)q->loader, (int)q->fit, q->channels_last); INDEX_ADD;
    for (c = 0; c < q->channels; c++) { lb__format(text, sizeof text, "%.9g %.9g", (double)q->mean[c], (double)q->std[c]); INDEX_ADD; }
    for (i = 0; i < m->params; i++) {
        const lb__param *p = &m->param[i]; const lb__entry *e = NULL;
        if (strncmp(p->name, t->name, n) || p->name[n] != '.') continue;
        for (b = m; b && !e && !p->owned; b = b->base) for (k = 0; b->file && k < b->file->count && !e; k++) if (b->file->entries[k].t.data == p->t.data) e = &b->file->entries[k];
        lb__format(text, sizeof text, "%s %d %d %d", p->name + n, (int)p->t.dtype, (int)p->t.layout, p->t.ndim); INDEX_ADD;
        for (c = 0; c < p->t.ndim; c++) lb__put64le(shape + 8 * c, p->t.shape[c]);
        lb__sha256_add(&h, shape, 8 * (size_t)p->t.ndim);
        if (e) { lb__format(text, sizeof text, "%08lx", (unsigned long)e->crc); INDEX_ADD; } else lb__sha256_add(&h, p->t.data, lb_tensor_stored(&p->t) * lb_dtype_size(p->t.dtype));
    }
#undef INDEX_ADD
    lb__sha256_done(&h, digest); lb__sha256_text(digest, text);
    return (*out = inputs_keep(in, text, strlen(text))) != NULL ? LB_OK : lb__fail(LB_ERR_MEM, "out of memory");
}
/* The entries that are looked at (of modality `only`, or all) must be what this model would compute.  Of a modality that the model has not, and in
 * files of before index.made, the towers that both have are all that can be compared: index_agrees did. */
static lb_status index_same(const lb_file *index, const char *path, const job *j, const char *only, inputs *in) {
    const char *modality[64], *made[64], *now; size_t i, n = 0;
    if (!lb_file_has(index, "index.made")) return LB_OK;
    LB__TRY(lb_file_get_strs(index, "index.modalities", modality, LB__COUNT(modality), &n)); LB__TRY(lb_file_get_strs(index, "index.made", made, LB__COUNT(made), &n));
    for (i = 0; i < n; i++) {
        if ((only && strcmp(only, modality[i])) || !job_has(j, modality[i])) continue;
        LB__TRY(index_made(j, modality[i], in, &now));
        if (strcmp(now, made[i])) return lb__fail(LB_ERR_MISMATCH, "%s: was made with another model (its %s entries come from another tower or other settings); index again with this one", path, modality[i]);
    }
    return LB_OK;
}
/* A tower that both have must be the same one. */
static lb_status index_agrees(const lb_file *index, const char *path, const char *const *id, size_t ids) {
    const char *have[INDEX_TOWERS]; size_t i, k, n = 0, common = 0;
    LB__TRY(lb_file_get_strs(index, "index.identities", have, INDEX_TOWERS, &n));
    for (i = 0; i < n; i++) for (k = 0; k < ids; k++) {
        size_t a = strcspn(have[i], ":");
        if (strncmp(have[i], id[k], a + 1)) continue;
        if (strcmp(have[i], id[k])) return lb__fail(LB_ERR_MISMATCH, "%s: was made with another model (its %.*s tower differs)", path, (int)a, have[i]);
        common++;
    }
    return common ? LB_OK : lb__fail(LB_ERR_MISMATCH, "%s: was made with another model", path);
}

static lb_status index_write(lb_ctx *ctx, const char *path, const char *model, const cli_list *adapters, const char *const *id, size_t ids, const index_list *l, size_t dim, const char *folder) {
    lb_file_writer *w = NULL; lb_tensor t; const char *modality[64], *made[64], *over[LB_MAX_TOWERS] = { NULL }; size_t i, k, modalities = 0, n = l->n; lb_status s = LB_OK; lb__buf paths = { NULL, 0, 0 };
    float *v = (float *)lb__alloc(n ? n : 1, dim * sizeof *v); uint8_t *m = (uint8_t *)lb__alloc(n, 1); uint64_t *size = (uint64_t *)lb__alloc(n, 8); int64_t *mtime = (int64_t *)lb__alloc(n, 8);
    if (!v || !m || !size || !mtime) { s = LB_ERR_MEM; goto done; }
    for (i = 0; i < n && !s; i++) {
        const index_entry *e = &l->at[i];
        for (k = 0; k < modalities && strcmp(modality[k], e->modality); k++) {}
        if (k == modalities) { if (k == LB__COUNT(modality)) { s = lb__fail(LB_ERR_LIMIT, "more than 64 modalities in one index"); break; } made[modalities] = e->made; modality[modalities++] = e->modality; }
        memcpy(v + i * dim, e->vector, dim * sizeof *v); m[i] = (uint8_t)k; size[i] = e->size; mtime[i] = e->mtime;
        s = lb__buf_add(&paths, e->path, strlen(e->path) + 1);
    }
    if (s || (s = lb_file_create(ctx, path, &w)) != LB_OK) goto done;
    lb_file_set_str(w, "format.kind", "index"); lb_file_set_str(w, "index.model", model);
    if (*folder) lb_file_set_str(w, "index.folder", folder);
    for (i = 0; i < adapters->n; i++) over[i] = adapters->item[i].value;
    lb_file_set_strs(w, "index.adapters", over, adapters->n); lb_file_set_strs(w, "index.identities", id, ids); lb_file_set_strs(w, "index.modalities", modality, modalities); lb_file_set_strs(w, "index.made", made, modalities);
    memset(&t, 0, sizeof t); t.ndim = 1; t.shape[0] = n;
    t.data = m; t.dtype = LB_U8; lb_file_add(w, "index.modality", &t);
    t.data = size; t.dtype = LB_U64; lb_file_add(w, "index.size", &t);
    t.data = mtime; t.dtype = LB_I64; lb_file_add(w, "index.mtime", &t);
    t.data = paths.data; t.dtype = LB_U8; t.shape[0] = paths.size; lb_file_add(w, "index.paths", &t);
    t.data = v; t.dtype = LB_F32; t.ndim = 2; t.shape[0] = n; t.shape[1] = dim; lb_file_add(w, "index.vectors", &t);
    s = lb_file_commit(w); w = NULL;
done:
    lb_file_abandon(w); lb__buf_free(&paths); lb__release(v); lb__release(m); lb__release(size); lb__release(mtime);
    return s;
}

/* Where files are.  A path's folder is told by realpath, so that one folder has one name; the last name stays, since the entry of a link is the link's. */

static const char *index_join(inputs *in, const char *folder, const char *name) {
    const size_t n = strlen(folder) + strlen(name) + 2; char *s = inputs_keep(in, "", n);
    if (s) snprintf(s, n, "%s%s%s", folder, *folder && folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    return s;
}
/* The key of a path: the folder's real one and the name, or as it is where that cannot be told.  `last` remembers the folder of the path before. */
typedef struct index_folder { const char *typed, *real; size_t n; } index_folder;
static const char *index_key(inputs *in, const char *path, index_folder *last) {
    const char *slash = strrchr(path, '/'), *typed; const size_t n = slash ? (size_t)(slash - path) + 1 : 0; char *real;
    if (!last->typed || last->n != n || memcmp(last->typed, path, n)) {
        if (!(typed = inputs_keep(in, path, n))) return NULL;
        real = realpath(n ? typed : ".", NULL);
        last->real = real ? inputs_keep(in, real, strlen(real)) : typed; last->typed = typed; last->n = n;
        free(real);
        if (!last->real) { last->typed = NULL; return NULL; }
    }
    return index_join(in, last->real, path + n);
}
static int index_there(const char *path, struct stat *st) { return stat(path, st) ? errno != ENOENT && errno != ENOTDIR : S_ISREG(st->st_mode); }
/* Finds the files of an index again, from the folder that its relative paths begin in, or else from this one, `here`.  One that is found from another folder than this gets its whole path. */
static int index_find(index_list *l, inputs *in, const char *folder, const char *here) {
    index_folder last = { NULL, NULL, 0 }; size_t i; struct stat st;
    for (i = 0; i < l->n; i++) {
        index_entry *e = &l->at[i]; const char *whole;
        if (*folder && *e->path != '/' && strcmp(folder, here)) {
            if (!(whole = index_join(in, folder, e->path))) return 0;
            if (index_there(whole, &st)) e->path = whole;
        }
        if (index_there(e->path, &st) && !(e->key = index_key(in, e->path, &last))) return 0;
    }
    return 1;
}
/* Whether the file at `key` is one that the command line names, or lies below a folder that it names. */
static int index_named(const char *key, const cli_list *real) {
    size_t i;
    for (i = 0; i < real->n; i++) {
        const char *r = real->item[i].value; const size_t n = strlen(r);
        if (!strncmp(key, r, n) && (!key[n] || key[n] == '/' || (n && r[n - 1] == '/'))) return 1;
    }
    return 0;
}
static int index_by_key(const void *a, const void *b) {
    const index_entry *x = (const index_entry *)a, *y = (const index_entry *)b; const int c = !x->key != !y->key ? !x->key - !y->key : x->key ? strcmp(x->key, y->key) : 0;
    return c ? c : x->at < y->at ? -1 : x->at > y->at;
}
static int index_by_path(const void *a, const void *b) { return strcmp(((const index_entry *)a)->path, ((const index_entry *)b)->path); }

/* What an index is to hold: `now`, what was found below the folders named, beside `old`, what it holds.  Vectors that the model would compute again go from there to `now`, and so do, unless
 * `named_only`, entries of elsewhere whose file is still there: as they are, or to be computed again where the model would compute them otherwise.  What is left in `old` is forgotten. */
static lb_status index_meet(index_list *now, index_list *old, inputs *in, const cli_list *real, const job *j, const char *const *made, int as, int named_only, size_t *lacking) {
    const lb_model_desc *d = lb_model_describe(j->model); index_folder last = { NULL, NULL, 0 }; index_entry e, *p; size_t i, k, n; int q;
    for (i = 0; i < now->n; i++) if (!(now->at[i].key = index_key(in, now->at[i].path, &last))) return lb__fail(LB_ERR_MEM, "out of memory");
    if (now->n) qsort(now->at, now->n, sizeof *now->at, index_by_key);
    if (old->n) qsort(old->at, old->n, sizeof *old->at, index_by_key);
    for (i = k = n = 0; i < now->n; i++) {
        e = now->at[i];
        if (n && !strcmp(e.key, now->at[n - 1].key)) continue;                                          /* named twice */
        while (k < old->n && old->at[k].key && strcmp(old->at[k].key, e.key) < 0) k++;
        p = k < old->n && old->at[k].key && !strcmp(old->at[k].key, e.key) ? &old->at[k] : NULL;
        if (p && !as && !strcmp(e.modality, "image")) e.modality = p->modality;                         /* it was said before what this is */
        for (q = 0; q < d->modalities && strcmp(d->modality[q].name, e.modality); q++) {}
        e.made = q < d->modalities ? made[q] : NULL;
        if (p && e.made && p->made && p->size == e.size && p->mtime == e.mtime && !strcmp(p->modality, e.modality) && !strcmp(p->made, e.made)) e.vector = p->vector;
        if (p) p->used = e.made != NULL;
        now->at[n++] = e;
    }
    now->n = n;
    for (k = 0; k < old->n && old->at[k].key; k++) {
        const int below = index_named(old->at[k].key, real); int same = 1; struct stat st;
        if (old->at[k].used || (k && old->at[k - 1].key && !strcmp(old->at[k].key, old->at[k - 1].key))) continue;
        if (below ? as || input_guess(old->at[k].path) : named_only) continue;                          /* what only --as takes, depth as .npy, is not found without it */
        for (q = 0; q < d->modalities && strcmp(d->modality[q].name, old->at[k].modality); q++) {}
        if (q == d->modalities && (below || !old->at[k].made)) { ++*lacking; continue; }                           /* of a file before index.made nothing tells whose vector it is */
        if (!(p = index_push(now, in, old->at[k].path, old->at[k].modality))) return lb__fail(LB_ERR_MEM, "out of memory");
        e = *p; *p = old->at[k]; p->path = e.path; old->at[k].used = 1; p->elsewhere = !below;
        if (below && !stat(p->path, &st)) same = p->size == (uint64_t)st.st_size && p->mtime == INDEX_TIME(st);
        if (q == d->modalities || (same && p->made && !strcmp(p->made, made[q]))) continue;
        p->made = made[q]; p->vector = NULL; p->elsewhere = 0;
        if (!stat(p->path, &st)) { p->size = (uint64_t)st.st_size; p->mtime = INDEX_TIME(st); }
    }
    if (now->n) qsort(now->at, now->n, sizeof *now->at, index_by_path);
    return LB_OK;
}
/* Entries of towers that this model has not are only sound beside models that agree with those that made them: their identities stay in the file. */
static lb_status index_elder(const lb_file *f, inputs *in, const char **id, size_t *ids) {
    const char *have[INDEX_TOWERS]; size_t i, k, n = 0;
    LB__TRY(lb_file_get_strs(f, "index.identities", have, INDEX_TOWERS, &n));
    for (i = 0; i < n; i++) {
        for (k = 0; k < *ids && strcmp(have[i], id[k]); k++) {}
        if (k < *ids) continue;
        if (*ids == INDEX_TOWERS) return lb__fail(LB_ERR_LIMIT, "entries of more than %d towers in one index", (int)INDEX_TOWERS);
        if (!(id[(*ids)++] = inputs_keep(in, have[i], strlen(have[i])))) return lb__fail(LB_ERR_MEM, "out of memory");
    }
    return LB_OK;
}

/* What is named: a folder by its real name, a file as index_key tells it. */
static int index_names(cli_list *real, const cli_list *list, inputs *keep) {
    size_t i; struct stat st;
    for (i = 0; i < list->n; i++) {
        const char *v = list->item[i].value; index_folder none = { NULL, NULL, 0 }; char *r = stat(v, &st) || !S_ISDIR(st.st_mode) ? NULL : realpath(v, NULL); const char *name = r ? inputs_keep(keep, r, strlen(r)) : index_key(keep, v, &none);
        free(r);
        if (!name || !cli_add(real, NULL, name)) return cli_fail("out of memory");
    }
    return 0;
}
/* What became of the files: the last line, or an object. */
typedef struct index_counts { size_t all, reused, elsewhere, forgotten, bad, skipped, other; } index_counts;
static int index_tell(const char *to, const index_counts *n, int json) {
    if (json) {
        cli_out out; cli_out_open(&out, NULL); cli_out_text(&out, "{\"file\": "); cli_out_json(&out, to);
        cli_out_text(&out, ", \"entries\": %lu, \"new\": %lu, \"unchanged\": %lu, \"elsewhere\": %lu, \"forgotten\": %lu, \"unreadable\": %lu, \"no_modality\": %lu, \"other\": %lu}\n", (unsigned long)n->all,
            (unsigned long)(n->all - n->reused - n->elsewhere), (unsigned long)n->reused, (unsigned long)n->elsewhere, (unsigned long)n->forgotten, (unsigned long)n->bad, (unsigned long)n->skipped, (unsigned long)n->other);
        return cli_out_commit(&out) ? cli_fail("%s", lb_last_error()) : 0;
    }
    printf("%s: %lu entr%s, %lu new, %lu unchanged, %lu kept of elsewhere, %lu forgotten", to, (unsigned long)n->all, n->all == 1 ? "y" : "ies", (unsigned long)(n->all - n->reused - n->elsewhere), (unsigned long)n->reused, (unsigned long)n->elsewhere, (unsigned long)n->forgotten);
    if (n->bad) printf(", %lu unreadable", (unsigned long)n->bad);
    if (n->skipped) printf(", %lu of modalities that the model has not", (unsigned long)n->skipped);
    if (n->other) printf(", %lu other file%s", (unsigned long)n->other, n->other == 1 ? "" : "s");
    putchar('\n');
    return 0;
}
static int cmd_index(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list list = { NULL, 0, 0 }, real = { NULL, 0, 0 }; inputs keep, work; job j; index_list old = { NULL, 0, 0 }, now = { NULL, 0, 0 }, all = { NULL, 0, 0 }; char here[4096]; const char *folder = "";
    lb_file *f = NULL, *mf = NULL; const char *model = NULL, *to = NULL, *as = NULL, *id[INDEX_TOWERS], *made[LB_MAX_MODALITIES]; const lb_model_desc *d; int rc, q, named_only = 0, elder = 0; size_t i, ids = 0, dim = 0, k; struct stat st; index_counts n = { 0, 0, 0, 0, 0, 0, 0 };
    const cli_option options[] = {
        CLI_MODEL(model),
        JOB_ADAPTER(j),
        { "output", 'o', CLI_TEXT, &to, "FILE", "the index; read first when it is there", 0, 0 },
        { "as", 0, CLI_TEXT, &as, "MODALITY", "what image files are: depth (.npy, too), thermal, ... (default: what\nthe index has them as, or else image)", 0, 0 },
        { "named-only", 0, CLI_FLAG, &named_only, NULL, "forget what lies elsewhere, too: the index holds what is named", 0, 0 },
        CLI_FILES(list, "FOLDER"),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&keep, 0, sizeof keep); memset(&work, 0, sizeof work); memset(&j, 0, sizeof j);
    rc = cli_parse(argc, argv, "-m MODEL -o INDEX FOLDER... [--as MODALITY] [--named-only]",
        "Embeds every image, sound and clip below the folders and keeps the vectors in one file, for `languagebind search`.\n"
        "Run again, it computes only what is new or has changed (size or time) or was computed otherwise than the model does now, and forgets\n"
        "files that are gone or of a modality that the model has not; when none is left it fails, and the index stays as it was.\n"
        "What lies outside of the folders named stays in the index while its file is there, so that one index grows folder by folder:\n"
        "    languagebind index -m M.lbw -o all.lbi photos\n"
        "    languagebind index -m M.lbw -o all.lbi --as depth depth-maps\n"
        "Such an entry is computed again only where the model would compute it otherwise, and stays where the model has not its modality.\n"
        "--named-only, or a new file, makes an index of what is named alone.\n"
        "Files and folders that cannot be read are left out with a warning.  Paths of files, model and adapters are kept as they are typed:\n"
        "search finds a relative model from the same folder only.  Run from another folder, index writes the whole paths of the files it keeps.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (!to || !strcmp(to, "-")) { rc = cli_wrong("where to? -o FILE"); goto done; }
    if (!list.n) { rc = cli_wrong("which folders?"); goto done; }
    for (i = 0, rc = 0; i < list.n && !rc; i++) rc = index_walk(&now, &keep, list.item[i].value, as, 0, &n.other, &n.bad);
    if (rc || (rc = job_open(&j, model, &common)) != 0) goto done;
    dim = j.dim;
    if (as && !job_has(&j, as)) { rc = job_lacks(&j, "--as", as); goto done; }
    if (as && lb_model_modality(j.model, as)->kind == LB_TEXT) { rc = cli_wrong("--as %s: texts are typed, no file is read as one", as); goto done; }
    if (lb_file_open(j.ctx, model, &mf) || index_identities(mf, &j, &keep, id, &ids)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (d = lb_model_describe(j.model), q = 0; q < d->modalities; q++) if (index_made(&j, d->modality[q].name, &keep, &made[q])) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if (!getcwd(here, sizeof here)) here[0] = 0;
    if (stat(to, &st) == 0) {
        size_t has = 0;
        if (lb_file_open(j.ctx, to, &f) || index_read(j.ctx, f, to, &old, &keep, &has) || index_agrees(f, to, id, ids) || (lb_file_has(f, "index.folder") && lb_file_get_str(f, "index.folder", &folder))) { rc = cli_fail("%s", lb_last_error()); goto done; }
        if (has != dim) { rc = cli_fail("%s: has vectors of %lu numbers, the model makes %lu", to, (unsigned long)has, (unsigned long)dim); goto done; }
    }
    if ((rc = index_names(&real, &list, &keep)) != 0) goto done;
    if (!index_find(&old, &keep, folder, here)) { rc = cli_fail("out of memory"); goto done; }
    if (index_meet(&now, &old, &keep, &real, &j, made, as != NULL, named_only, &n.skipped)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < now.n; i++) {
        index_entry *e = &now.at[i];
        if (!e->made) n.skipped++;                                        /* the model has not its modality: an old vector of it is another model's */
        else if (!e->vector && !inputs_add(&work, e->modality, e->path)) { rc = cli_fail("out of memory"); goto done; }
    }
    j.in = &work; j.skip_bad = j.any = 1;
    if ((rc = job_run(&j)) != 0) goto done;
    for (i = k = 0; i < now.n; i++) {
        index_entry e = now.at[i], *p;
        if (!e.made) continue;
        if (e.vector && e.elsewhere) { n.elsewhere++; elder |= !job_has(&j, e.modality); }
        else if (e.vector) n.reused++;
        else { if (j.good[k]) e.vector = j.vectors + k * dim; else n.bad++; k++; }
        if (!e.vector) continue;
        if (!(p = index_push(&all, &keep, e.path, e.modality))) { rc = cli_fail("out of memory"); goto done; }
        p->size = e.size; p->mtime = e.mtime; p->vector = e.vector; p->made = e.made;
    }
    for (i = 0; i < old.n; i++) n.forgotten += !old.at[i].used;
    if (!all.n) { rc = cli_fail("%s: nothing in it can be embedded by the model, an index of no entries is not written%s%s%s", list.item[0].value, f ? "; " : "", f ? to : "", f ? " stays as it was" : ""); goto done; }
    if ((elder && index_elder(f, &keep, id, &ids)) || index_write(j.ctx, to, model, &j.adapters, id, ids, &all, dim, here)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    n.all = all.n;
    rc = index_tell(to, &n, common.json);
done:
    lb_file_free(f); lb_file_free(mf); job_close(&j); inputs_free(&work); inputs_free(&keep); cli_list_free(&list); cli_list_free(&real); free(old.at); free(now.at); free(all.at);
    return rc;
}

/* The adapters that an index was made with. */
static lb_status index_adapters(const lb_file *f, cli_list *l) {
    const char *over[LB_MAX_TOWERS]; size_t i, n = 0;
    if (!lb_file_has(f, "index.adapters")) return LB_OK;
    LB__TRY(lb_file_get_strs(f, "index.adapters", over, LB_MAX_TOWERS, &n));
    for (i = 0; i < n; i++) if (!cli_add(l, "adapter", over[i])) return lb__fail(LB_ERR_MEM, "out of memory");
    return LB_OK;
}

/* The entries (of modality `only`, or all) by their likeness to q [dim], best first; how many.  `by` [l->n], unless NULL, has their likeness already. */
static size_t search_one(const index_list *l, const char *only, const float *q, size_t dim, const float *by, cli_hit *hit) {
    size_t i, c, n = 0;
    for (i = 0; i < l->n; i++) {
        double sum = 0;
        if (only && strcmp(only, l->at[i].modality)) continue;
        if (by) sum = (double)by[i];
        else for (c = 0; c < dim; c++) sum += (double)l->at[i].vector[c] * (double)q[c];
        hit[n].score = (float)sum; hit[n++].at = i;
    }
    cli_best(hit, n);
    return n;
}
/* [in->n, l->n]: what questions and entries have in common by texts, entry after entry, since their vectors over the texts are long. */
static float *search_through(const through *t, const job *j, const index_list *l) {
    const inputs *in = j->in; float *out = (float *)lb__alloc(in->n, l->n * sizeof *out), *q = (float *)lb__alloc(in->n, t->n * sizeof *q), *one = NULL; size_t i, k; lb_status s = out && q ? LB_OK : LB_ERR_MEM;
    for (k = 0; k < in->n && !s; k++) s = lb_relative(j->ctx, j->vectors + k * j->dim, 1, t->v, t->n, j->dim, (float)lb_model_logit_scale(j->model, in->at[k].modality), q + k * t->n);
    for (i = 0; i < l->n && !s; i++) {
        if (!(one = through_vectors(t, j, l->at[i].modality, l->at[i].vector, 1))) s = LB_ERR_MEM;
        for (k = 0; k < in->n && !s; k++) s = lb_similarity(j->ctx, one, 1, q + k * t->n, 1, t->n, 1, out + k * l->n + i);
        lb__release(one);
    }
    lb__release(q);
    if (!s) return out;
    lb__release(out);
    return NULL;
}
static lb_status search_write(cli_out *out, const input *q, const index_list *l, const cli_hit *hit, size_t n, int json) {
    size_t i;
    if (!json) {
        for (i = 0; i < n; i++) { LB__TRY(cli_out_text(out, "%.4f  ", (double)hit[i].score)); LB__TRY(cli_out_line(out, l->at[hit[i].at].path)); LB__TRY(cli_out_text(out, "\n")); }
        return LB_OK;
    }
    LB__TRY(cli_out_text(out, "{\"query\": ")); LB__TRY(cli_out_json(out, q->value));
    LB__TRY(cli_out_text(out, ", \"modality\": ")); LB__TRY(cli_out_json(out, q->modality)); LB__TRY(cli_out_text(out, ", \"results\": ["));
    for (i = 0; i < n; i++) {
        const index_entry *e = &l->at[hit[i].at];
        LB__TRY(cli_out_text(out, "%s{\"score\": %.6g, \"modality\": ", i ? ", " : "", (double)hit[i].score)); LB__TRY(cli_out_json(out, e->modality));
        LB__TRY(cli_out_text(out, ", \"path\": ")); LB__TRY(cli_out_json(out, e->path)); LB__TRY(cli_out_text(out, "}"));
    }
    return cli_out_text(out, "]}\n");
}

static int cmd_search(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list list = { NULL, 0, 0 }; inputs in, keep; job j; index_list l = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_file *f = NULL, *mf = NULL; cli_out out; lb_status s = LB_OK;
    const char *model = NULL, *index = NULL, *only = NULL, *id[INDEX_TOWERS]; int rc, named; long long top = 10; size_t i, q, dim = 0, ids = 0, given; cli_hit *hit = NULL; through t = { NULL, NULL, 0 }; float *by = NULL;
    const cli_option options[] = {
        { "index", 'i', CLI_TEXT, &index, "FILE", "what `languagebind index` made", 0, 0 },
        { "model", 'm', CLI_TEXT, &model, "FILE", "the weight file (default: the one the index was made with,\nand its adapters)", 0, 0 },
        JOB_ADAPTER(j),
        INPUT_OPTIONS(list),
        { "top", 'k', CLI_INT, &top, "N", "results a question (default 10)", 1, 1e9 },
        { "only", 0, CLI_TEXT, &only, "MODALITY", "search among these entries only", 0, 0 },
        THROUGH_OPTION(t),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&in, 0, sizeof in); memset(&keep, 0, sizeof keep); memset(&j, 0, sizeof j);
    rc = cli_parse(argc, argv, "-i INDEX [--text TEXT...] [--image FILE...] [FILE...] [-k N] [--json]",
        "Finds the entries of an index that are nearest to each question: a text, an image, a sound, whatever the model embeds.\n"
        "One line a result: cosine (or, by --through, likeness) and path.\n", options, LB__COUNT(options));
    if (rc >= 0 || (rc = inputs_from(&in, &list)) >= 0) goto done;
    if (!index) { rc = cli_wrong("which index? -i FILE"); goto done; }
    if (!in.n) { rc = cli_wrong("what to search for? --text, --image, ... or files were expected"); goto done; }
    named = model != NULL; given = j.adapters.n;
    if (cli_ctx(&common, &ctx) || lb_file_open(ctx, index, &f) || index_read(ctx, f, index, &l, &keep, &dim) || (!model && !j.adapters.n && index_adapters(f, &j.adapters)) || (!model && lb_file_get_str(f, "index.model", &model))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; !named && i <= (given ? 0 : j.adapters.n); i++) {                                   /* as they were typed then: seen from another folder they may be elsewhere */
        const char *made = i ? j.adapters.item[i - 1].value : model;
        if (access(made, R_OK)) { rc = cli_fail("%s was made with %s, which cannot be opened (%s); -m FILE%s", index, made, strerror(errno), j.adapters.n ? " and --adapter A.lbw name model and adapters" : " names it"); goto done; }
    }
    if ((rc = job_open(&j, model, &common)) != 0) goto done;
    if (lb_file_open(ctx, model, &mf) || index_identities(mf, &j, &keep, id, &ids) || index_agrees(f, index, id, ids) || index_same(f, index, &j, only, &keep)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if (j.dim != dim) { rc = cli_fail("%s: has vectors of %lu numbers, the model makes %lu", index, (unsigned long)dim, (unsigned long)j.dim); goto done; }
    for (i = 0; only && i < l.n && strcmp(only, l.at[i].modality); i++) {}
    if (only && i == l.n) {
        const char *has[64]; char all[64 * LB_NAME_SIZE]; size_t n = 0, k, m = 0;
        if (!lb_file_get_strs(f, "index.modalities", has, LB__COUNT(has), &n)) for (k = 0, all[0] = 0; k < n && m < sizeof all; k++) m += (size_t)snprintf(all + m, sizeof all - m, "%s%s", k ? ", " : "", has[k]);
        rc = n ? cli_fail("%s: has no entry of modality `%s`, only %s", index, only, all) : cli_fail("%s: has no entries", index); goto done;
    }
    j.in = &in;
    for (i = 0; t.file && i < in.n; i++) if (!strcmp(in.at[i].modality, "text")) { rc = cli_wrong("--through is for questions other than text, which needs no other texts"); goto done; }
    if ((rc = through_open(&t, &j)) != 0 || (rc = job_run(&j)) != 0) goto done;
    if (!(hit = (cli_hit *)malloc((l.n + 1) * sizeof *hit))) { rc = cli_fail("out of memory"); goto done; }
    if (t.n && !(by = search_through(&t, &j, &l))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    s = cli_out_open(&out, NULL);
    for (q = 0; q < in.n && !s; q++) {
        const size_t n = search_one(&l, only, j.vectors + q * dim, dim, by ? by + q * l.n : NULL, hit);
        if (!common.json && in.n > 1 && !(s = cli_out_text(&out, "%s", q ? "\n" : "")) && !(s = cli_out_line(&out, in.at[q].value))) s = cli_out_text(&out, ":\n");
        if (!s) s = search_write(&out, &in.at[q], &l, hit, LB__MIN(n, (size_t)top), common.json);
    }
    if (s || cli_out_commit(&out)) rc = cli_fail("%s", lb_last_error());
done:
    free(hit); lb__release(by); lb__release(t.v); job_close(&j); lb_file_free(f); lb_file_free(mf); lb_ctx_free(ctx); inputs_free(&in); inputs_free(&keep); cli_list_free(&list); free(l.at);
    return rc;
}
