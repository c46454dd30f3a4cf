/* bundle: towers of several .lbw files in one.   merge: adapters and low-rank updates into the weights they belong to. */

enum { BUNDLE_MAX = LB_MAX_TOWERS };
typedef struct bundle_part {
    const char *path, *rename;                      /* rename: the name for its modality, NULL to keep it */
    lb_file *f;
    const char *tower[LB_MAX_TOWERS], *modality[LB_MAX_MODALITIES]; size_t towers, modalities;
    char newname[LB_NAME_SIZE];
} bundle_part;
typedef struct bundle_tensor { const char *name; const lb_tensor *t; uint32_t crc; size_t bytes; } bundle_tensor;     /* name: in the output */
/* One attention matrix of a tower beside the same one of the backbone, D x D from row `row` on: base + b a. */
typedef struct bundle_delta {
    const lb_tensor *t, *base; const char *base_name; size_t row;
    int rank;                                       /* 0: equal; -1: no low-rank difference; -2: out of memory */
    float *a, *b;                                   /* [rank, D], [D, rank]                                    */
} bundle_delta;
typedef struct bundle_low { bundle_delta *at; size_t n, layers, rank; int targets, where; } bundle_low;      /* [layers, spatial and temporal, q k v out] */
typedef struct bundle_sum { size_t saved, matrices; lb__buf notes; } bundle_sum;       /* bytes, matrices that are stored as low-rank updates, lines for the user */
typedef struct bundle {
    lb_ctx *ctx; bundle_part part[BUNDLE_MAX]; size_t parts; int share;
    const bundle_part *text;                        /* whose text tower goes in */
    lb_file_writer *w; bundle_tensor *done; size_t count, cap;
    char text_name[LB_NAME_SIZE];
    bundle_low low[LB_MAX_TOWERS]; size_t lows; bundle_sum *sum;
} bundle;

static size_t bundle_bytes(const lb_tensor *t) { return lb_tensor_stored(t) * lb_dtype_size(t->dtype); }
static int bundle_is_text(const lb_file *f, const char *tower) {
    char key[96]; const char *kind;
    lb__format(key, sizeof key, "tower.%s.kind", tower);
    return !lb_file_get_str(f, key, &kind) && !strcmp(kind, "text");
}
static lb_status bundle_open(bundle *b, bundle_part *p) {
    const char *kind = "", *on; char key[96]; size_t i, others = 0, seen = 0; int is_adapter;
    LB__TRY(lb_file_open(b->ctx, p->path, &p->f));
    is_adapter = !lb_file_get_str(p->f, "format.kind", &kind) && !strcmp(kind, "adapter");
    if (strcmp(kind, "model")) return lb__fail(LB_ERR_MISMATCH, "%s: is %s; a model was expected%s", p->path, is_adapter ? "an adapter" : "no model", is_adapter ? ": the one that it stands on is named first, or `languagebind merge` brings it in" : "");
    LB__TRY(lb__fail_in(lb_file_get_strs(p->f, "towers", p->tower, LB_MAX_TOWERS, &p->towers), p->path));
    LB__TRY(lb__fail_in(lb_file_get_strs(p->f, "modalities", p->modality, LB_MAX_MODALITIES, &p->modalities), p->path));
    for (i = 0; i < p->towers; i++) others += !bundle_is_text(p->f, p->tower[i]);
    if (p->rename && others != 1) return lb__fail(LB_ERR_ARG, "%s: has %zu towers beside the text tower; only a file with one can be given the name %s", p->path, others, p->rename);
    for (i = 0; i < p->modalities; i++) {                            /* the one name would be that of all of them */
        lb__format(key, sizeof key, "modality.%s.tower", p->modality[i]);
        seen += !lb_file_get_str(p->f, key, &on) && !bundle_is_text(p->f, on);
    }
    if (p->rename && seen > 1) return lb__fail(LB_ERR_ARG, "%s: has %zu modalities beside the texts; only a file with one can be given the name %s (`languagebind quantize --only` writes one alone)", p->path, seen, p->rename);
    return LB_OK;
}
/* What a text tower computes with beside its tensors: "tower.text.act" or the modality's "modality.text.clean" as a text. */
static const char *bundle_text_key(const bundle_part *p, const char *tower, const char *key, char out[64]) {
    char name[192]; const char *on, *s; uint64_t u; double d; size_t i;
    *out = 0;
    if (!strcmp(key, "clean")) {
        for (i = 0; i < p->modalities && !*out; i++) {
            lb__format(name, sizeof name, "modality.%s.tower", p->modality[i]);
            if (lb_file_get_str(p->f, name, &on) || strcmp(on, tower)) continue;
            lb__format(name, sizeof name, "modality.%s.clean", p->modality[i]);
            lb__format(out, 64, "%s", lb_file_has(p->f, name) && !lb_file_get_str(p->f, name, &s) ? s : lb__cleans[0]);
        }
        return out;
    }
    lb__format(name, sizeof name, "tower.%s.%s", tower, key);
    if (!lb_file_has(p->f, name)) return out;
    if (!strcmp(key, "act")) { if (!lb_file_get_str(p->f, name, &s)) lb__format(out, 64, "%s", s); }
    else if (!strcmp(key, "eps") || !strcmp(key, "lora.alpha")) { if (!lb_file_get_f64(p->f, name, &d)) snprintf(out, 64, "%.6g", d); }
    else if (!lb_file_get_u64(p->f, name, &u)) snprintf(out, 64, "%llu", (unsigned long long)u);
    return out;
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
        if (u && lb__tensor_same(t, u)) continue;
        if (!(*differ)++) lb__format(first, cap, "%s", name);
    }
    for (i = 0, n = strlen(bt); i < lb_file_tensors(b->f); i++) {                      /* and what only the second has */
        lb_file_tensor_at(b->f, i, &name);
        if (strncmp(name, bt, n) || name[n] != '.') continue;
        lb__format(other, sizeof other, "%s%s", at, name + n);
        if (lb_file_tensor(a->f, other)) continue;
        ++*total;
        if (!(*differ)++) lb__format(first, cap, "%s", name);
    }
    return LB_OK;
}
static lb_status bundle_choose_text(bundle *b, const char *from) {
    static const char *const keys[] = { "act", "heads", "eps", "lora.alpha", "clean" }; char x[64], y[64];
    size_t i, k, q, differ, total; const bundle_part *first = NULL; const char *first_tower = NULL; char name[LB__LBW_NAME + 1];
    for (i = 0; i < b->parts; i++) for (k = 0; k < b->part[i].towers; k++) {
        const bundle_part *p = &b->part[i];
        if (!bundle_is_text(p->f, p->tower[k])) continue;
        if (from) { if (!strcmp(from, p->path) || (p->rename && !strcmp(from, p->rename))) { b->text = p; lb__format(b->text_name, sizeof b->text_name, "%s", p->tower[k]); } continue; }
        if (!first) { first = b->text = p; first_tower = p->tower[k]; lb__format(b->text_name, sizeof b->text_name, "%s", p->tower[k]); continue; }
        LB__TRY(bundle_compare_text(first, first_tower, p, p->tower[k], &differ, &total, name, sizeof name));
        if (differ) return lb__fail(LB_ERR_MISMATCH, "the text towers of %s and %s differ in %zu of %zu tensors (%s is the first); say which one is meant: --text %s or --text %s", first->path, p->path, differ, total, name, first->path, p->path);
        for (q = 0; q < LB__COUNT(keys); q++) if (strcmp(bundle_text_key(first, first_tower, keys[q], x), bundle_text_key(p, p->tower[k], keys[q], y)))
            return lb__fail(LB_ERR_MISMATCH, "the text towers of %s and %s compute differently: %s is %s and %s; say which one is meant: --text %s or --text %s", first->path, p->path, keys[q], *x ? x : "not given", *y ? y : "not given", first->path, p->path);
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
        for (i = 0; i < b->count; i++) if (b->done[i].crc == crc && b->done[i].bytes == bytes && lb__tensor_same(b->done[i].t, t)) { lb_file_share(b->w, name, b->done[i].name); b->sum->saved += bytes; break; }
    }
    if (!(b->share && bytes >= 256) || i == b->count) lb_file_add(b->w, name, t);
    d = &b->done[b->count++];
    d->name = copy; d->t = t; d->crc = crc; d->bytes = bytes;
    return LB_OK;
}

/* ---- what a merged LoRA changed ---- */

/* A modality that was tuned by LoRA and then merged, W + s B A rounded to f32, still is its backbone and a difference of low rank but for the
 * rounding.  Rows of the difference are taken out greedily (a QR with the longest row that is left as pivot) until only rounding is; one power
 * step turns the span of those rows into the best approximation of that rank.  It counts when the f32 factors leave no more than f32 rounding of
 * the weights themselves: 2^-23 of them in the root mean square, 2^-22 of the largest anywhere. */
#define BUNDLE_PANELS(rows) (((rows) + LB_PANEL_WIDTH - 1) / LB_PANEL_WIDTH * LB_PANEL_WIDTH)
static float bundle_at(const lb_tensor *t, size_t n, size_t k) { return ((const float *)t->data)[((n / LB_PANEL_WIDTH) * t->shape[1] + k) * LB_PANEL_WIDTH + n % LB_PANEL_WIDTH]; }
static void bundle_factor(bundle_delta *d) {
    const size_t D = d->t->shape[1], top = LB__MIN(D / 4, 64); size_t i, j, k, r, best = 0; double *x = (double *)lb__alloc(D, D * sizeof *x), *q = (double *)lb__alloc(top + 1, D * sizeof *q), *u = (double *)lb__alloc(top + 1, D * sizeof *u); double whole = 0, largest = 0, left = 0, worst = 0; int pass;
    d->rank = -2;
    if (!x || !q || !u) goto done;
    for (i = 0; i < D; i++) for (j = 0; j < D; j++) {
        const double w = (double)bundle_at(d->t, d->row + i, j);
        x[i * D + j] = w - (double)bundle_at(d->base, d->row + i, j); whole += w * w; largest = LB__MAX(largest, fabs(w)); left += fabs(x[i * D + j]);
    }
    d->rank = left == 0 ? 0 : -1;
    if (!d->rank) goto done;
    for (r = 0;; r++) {
        double longest = 0, *v = q + r * D;
        for (i = 0, left = 0; i < D; i++) { double n = 0; for (j = 0; j < D; j++) n += x[i * D + j] * x[i * D + j]; left += n; if (n > longest) { longest = n; best = i; } }
        if (left <= whole * 0x1p-46 || r == top) break;
        memcpy(v, x + best * D, D * sizeof *v);
        for (k = 0; k <= r; k++) {                                     /* square to those before it, then of unit length */
            const double *p = q + k * D; double c = 0;
            for (j = 0; j < D; j++) c += v[j] * p[j];
            if (k < r) for (j = 0; j < D; j++) v[j] -= c * p[j]; else for (c = 1 / sqrt(c), j = 0; j < D; j++) v[j] *= c;
        }
        for (i = 0; i < D; i++) { double c = 0; for (j = 0; j < D; j++) c += x[i * D + j] * v[j]; for (j = 0; j < D; j++) x[i * D + j] -= c * v[j]; }
    }
    if (!r || left > whole * 0x1p-46) goto done;
    d->rank = -2;
    if (!(d->a = (float *)lb__alloc(r, D * sizeof *d->a)) || !(d->b = (float *)lb__alloc(D, r * sizeof *d->b))) goto done;
    for (i = 0; i < D; i++) for (j = 0; j < D; j++) x[i * D + j] = (double)bundle_at(d->t, d->row + i, j) - (double)bundle_at(d->base, d->row + i, j);
    for (k = 0; k < r; k++) for (i = 0; i < D; i++) { double c = 0; for (j = 0; j < D; j++) c += x[i * D + j] * q[k * D + j]; u[k * D + i] = c; }
    for (pass = 0; pass < 2; pass++) for (k = 0; k < r; k++) {
        double c; size_t p;
        for (p = 0; p <= k; p++) { for (c = 0, i = 0; i < D; i++) c += u[k * D + i] * u[p * D + i]; if (p == k) c = c > 0 ? 1 - 1 / sqrt(c) : 0; for (i = 0; i < D; i++) u[k * D + i] -= c * u[p * D + i]; }
    }
    for (k = 0; k < r; k++) {
        memset(q + k * D, 0, D * sizeof *q);
        for (i = 0; i < D; i++) for (j = 0; j < D; j++) q[k * D + j] += u[k * D + i] * x[i * D + j];
        for (j = 0; j < D; j++) { d->a[k * D + j] = (float)q[k * D + j]; d->b[j * r + k] = (float)u[k * D + j]; }
    }
    for (i = 0, left = 0; i < D; i++) for (j = 0; j < D; j++) {
        double c = x[i * D + j];
        for (k = 0; k < r; k++) c -= (double)d->b[i * r + k] * (double)d->a[k * D + j];
        left += c * c; worst = LB__MAX(worst, fabs(c));
    }
    d->rank = left <= whole * 0x1p-46 && worst <= largest * 0x1p-22 ? (int)r : -1;
done:
    lb__release(x); lb__release(q); lb__release(u);
}
static void bundle_factors(void *arg, size_t begin, size_t end, int worker) {
    bundle_low *l = (bundle_low *)arg; size_t i;
    (void)worker;
    for (i = begin; i < end; i++) if (l->at[i].t && l->at[i].base) bundle_factor(&l->at[i]);
}
static const bundle_tensor *bundle_find(const bundle *b, const char *name) {
    size_t i;
    for (i = 0; i < b->count; i++) if (!strcmp(b->done[i].name, name)) return &b->done[i];
    return NULL;
}
/* Whether all of a matrix of attention (q, k and v; or out) is the backbone's and low-rank updates. */
static int bundle_is_low(const bundle_delta *d, int qkv) {
    int i, changed = 0;
    for (i = 0; i < (qkv ? 3 : 1); i++) { if (!d[i].base || d[i].rank < 0) return 0; changed |= d[i].rank > 0; }
    return changed;
}
/* The low-rank differences of one tower from one that is in the file already: that with the same MLP, which no LoRA of upstream's touches.
 * Temporal attention began as a copy of the spatial one. */
static lb_status bundle_low_rank(bundle *b, const bundle_part *p, const char *tower, const char *const *before, size_t towers, const char *out) {
    bundle_low *l = &b->low[b->lows]; char name[256]; uint64_t layers; const lb_tensor *t; const char *base = NULL; size_t i, k, whole = 0, cost, D = 0, found = 0; int where, part;
    if (!b->share) return LB_OK;
    lb__format(name, sizeof name, "tower.%s.layers", tower); LB__TRY(lb_file_get_u64(p->f, name, &layers));
    lb__format(name, sizeof name, "%s.blocks.0.mlp.fc1.weight", tower); t = lb_file_tensor(p->f, name);
    for (i = 0; i < towers && t && !base; i++) {
        const bundle_tensor *d; lb__format(name, sizeof name, "%s.blocks.0.mlp.fc1.weight", before[i]);
        if ((d = bundle_find(b, name)) != NULL && lb__tensor_same(d->t, t)) base = before[i];
    }
    if (!base || layers > 1024) return LB_OK;
    l->layers = (size_t)layers; l->n = l->layers * 8;
    if (!(l->at = (bundle_delta *)lb__alloc(l->n, sizeof *l->at))) return LB_ERR_MEM;
    memset(l->at, 0, l->n * sizeof *l->at); b->lows++;
    for (i = 0; i < l->n; i++) {
        bundle_delta *d = &l->at[i]; const bundle_tensor *o = NULL; int again;
        part = (int)(i & 3); where = (int)(i >> 2 & 1);
        lb__format(name, sizeof name, "%s.blocks.%zu.%sattn.lora.%s.a", tower, i / 8, where ? "temporal." : "", part == 0 ? "q" : part == 1 ? "k" : part == 2 ? "v" : "out");
        if (lb_file_tensor(p->f, name)) { l->n = 0; return LB_OK; }                    /* has its low-rank updates apart already */
        lb__format(name, sizeof name, "%s.blocks.%zu.%sattn.%s.weight", tower, i / 8, where ? "temporal." : "", part < 3 ? "qkv" : "out");
        if (!(d->t = lb_file_tensor(p->f, name)) || d->t->dtype != LB_F32 || d->t->layout != LB_PANEL || d->t->ndim != 2) { d->t = NULL; continue; }
        for (again = where; again >= 0 && !o; again--) { lb__format(name, sizeof name, "%s.blocks.%zu.%sattn.%s.weight", base, i / 8, again ? "temporal." : "", part < 3 ? "qkv" : "out"); o = bundle_find(b, name); }
        D = d->t->shape[1];
        if (!o || o->t->dtype != LB_F32 || o->t->layout != LB_PANEL || o->t->ndim != 2 || o->t->shape[0] != d->t->shape[0] || o->t->shape[1] != D || d->t->shape[0] != (part < 3 ? 3 * D : D)) continue;
        d->base = o->t; d->base_name = o->name; d->row = part < 3 ? (size_t)part * D : 0;
    }
    lb_parallel_for(b->ctx, l->n, 1, bundle_factors, l);
    for (i = 0; i < l->n; i++) if (l->at[i].base && l->at[i].rank == -2) return lb__fail(LB_ERR_MEM, "out of memory for the difference of two %zu x %zu matrices", D, D);
    for (i = 0; i < l->n; i++) {
        const bundle_delta *d = &l->at[i];
        part = (int)(i & 3);
        if (!bundle_is_low(part < 3 ? d - part : d, part < 3)) continue;
        if (part == 0 || part == 3) whole += bundle_bytes(d->t);
        if (d->rank <= 0) continue;
        l->rank = LB__MAX(l->rank, (size_t)d->rank); l->targets |= 1 << part; l->where |= 1 << (i >> 2 & 1); found++;
    }
    for (k = 0, part = 0; part < 4; part++) k += (size_t)(l->targets >> part & 1);
    cost = l->layers * (l->where == 3 ? 2 : 1) * k * (BUNDLE_PANELS(l->rank) * D + BUNDLE_PANELS(D) * l->rank) * sizeof(float);
    if (whole <= cost) { l->n = 0; return LB_OK; }                                     /* nothing to win */
    b->sum->saved += whole - cost; b->sum->matrices += found;
    snprintf(name, sizeof name, "%s: %lu matrices of attention are %s's and updates of rank %lu, %.1f MB in place of %.1f\n", out, (unsigned long)found, base, (unsigned long)l->rank, (double)cost / 1e6, (double)whole / 1e6);
    return lb__buf_add(&b->sum->notes, name, strlen(name));
}
/* The two factors of one update, in the tower's rank. */
static lb_status bundle_update_in(bundle *b, const bundle_low *l, const bundle_delta *d, const char *prefix, const char *which) {
    const size_t D = d->t->shape[1], R = l->rank, r = d->a && d->rank > 0 ? (size_t)d->rank : 0; lb_tensor a, u; char name[200]; size_t i, k;
    memset(&a, 0, sizeof a); a.dtype = LB_F32; a.layout = LB_PANEL; a.ndim = 2; a.shape[0] = R; a.shape[1] = D; u = a; u.shape[0] = D; u.shape[1] = R;
    a.data = lb__arena(b->ctx, lb_tensor_stored(&a), sizeof(float)); u.data = lb__arena(b->ctx, lb_tensor_stored(&u), sizeof(float));
    if (!a.data || !u.data) return LB_ERR_MEM;
    memset(a.data, 0, bundle_bytes(&a)); memset(u.data, 0, bundle_bytes(&u));
    for (k = 0; k < r; k++) for (i = 0; i < D; i++) {
        ((float *)a.data)[((k / LB_PANEL_WIDTH) * D + i) * LB_PANEL_WIDTH + k % LB_PANEL_WIDTH] = d->a[k * D + i];
        ((float *)u.data)[((i / LB_PANEL_WIDTH) * R + k) * LB_PANEL_WIDTH + i % LB_PANEL_WIDTH] = d->b[i * r + k];
    }
    lb__format(name, sizeof name, "%s.lora.%s.a", prefix, which); lb_file_add(b->w, name, &a);
    lb__format(name, sizeof name, "%s.lora.%s.b", prefix, which); lb_file_add(b->w, name, &u);
    return LB_OK;
}
/* All low-rank updates of a tower `out`; where one matrix is stored whole its factors are zero. */
static lb_status bundle_updates_in(bundle *b, const bundle_low *l, const char *out) {
    static const char *const which[] = { "q", "k", "v", "out" }; size_t i; char prefix[160];
    for (i = 0; i < l->n; i++) {
        const int part = (int)(i & 3), where = (int)(i >> 2 & 1); bundle_delta d = l->at[i];
        if (!(l->targets >> part & 1) || !(l->where >> where & 1)) continue;
        if (!bundle_is_low(part < 3 ? &l->at[i] - part : &l->at[i], part < 3)) d.rank = 0;
        lb__format(prefix, sizeof prefix, "%s.blocks.%zu.%sattn", out, i / 8, where ? "temporal." : "");
        LB__TRY(bundle_update_in(b, l, &d, prefix, which[part]));
    }
    return LB_OK;
}
/* Is `t` of a tower one that its low-rank updates stand for?  The backbone's name for it, or NULL. */
static const char *bundle_backbone(const bundle_low *l, const lb_tensor *t) {
    size_t i;
    for (i = 0; i < l->n; i++) if (l->at[i].t == t && (i & 3) % 3 == 0) return bundle_is_low(&l->at[i], (i & 3) == 0) ? l->at[i].base_name : NULL;
    return NULL;
}

/* The licences of all parts, each once. */
static lb_status bundle_licences(bundle *b) {
    const char *own[BUNDLE_MAX]; size_t i, k, n = 0; lb__buf all = { 0, 0, 0 }; lb_status s = LB_OK;
    for (i = 0; i < b->parts; i++) {
        if (!lb_file_has(b->part[i].f, "provenance.license")) continue;
        LB__TRY(lb__fail_in(lb_file_get_str(b->part[i].f, "provenance.license", &own[n]), b->part[i].path));
        for (k = 0; k < n && strcmp(own[k], own[n]); k++) {}
        n += k == n;
    }
    for (i = 0; i < n && !s; i++) { if (i) s = lb__buf_add(&all, "; ", 2); if (!s) s = lb__buf_add(&all, own[i], strlen(own[i]) + (i + 1 == n)); }
    if (n && !s) lb_file_set_str(b->w, "provenance.license", (const char *)all.data);
    lb__buf_free(&all);
    return s;
}
static lb_status bundle_write(bundle *b) {
    const char *towers[LB_MAX_TOWERS + 1], *modalities[LB_MAX_MODALITIES + 1], *sources[64], *sums[64]; bundle_low none, *low; char store[LB_MAX_TOWERS + 1][LB_NAME_SIZE], mods[LB_MAX_MODALITIES + 1][LB_NAME_SIZE], from[160], to[160]; size_t nt = 0, nm = 0, ns = 0, i, k, n, dim = 0, records = 0; lb_dtype rounded = LB_F32; const char *name;
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
            low = &none; none.n = 0;
            if (!text) { const size_t had = b->lows; LB__TRY(bundle_low_rank(b, p, p->tower[k], towers, nt - 1, out)); if (b->lows > had) low = &b->low[had]; }
            for (q = 0; q < lb_file_tensors(p->f); q++) {
                const lb_tensor *t = lb_file_tensor_at(p->f, q, &name); char full[2 * LB__LBW_NAME]; const char *of;
                if (strncmp(name, p->tower[k], len) || name[len] != '.' || !strcmp(name + len, ".logit_scale")) continue;     /* the scale is the modality's */
                lb__format(full, sizeof full, "%s%s", out, name + len);
                if ((of = bundle_backbone(low, t)) != NULL) lb_file_share(b->w, full, of); else LB__TRY(bundle_tensor_in(b, full, t));
            }
            LB__TRY(bundle_updates_in(b, low, out));
            if (low->n) { lb__format(to, sizeof to, "tower.%s.lora.alpha", out); lb_file_set_f64(b->w, to, (double)low->rank); }     /* alpha / rank is 1 */
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
            q = records; lb__parity_copy(b->w, p->f, p->modality[k], out, &records);
            if (records > q) rounded = LB__MAX(rounded, lb__parity_type(p->f));
        }
    }
    if (rounded != LB_F32) lb_file_set_str(b->w, "parity.type", lb_dtype_name(rounded));
    lb_file_set_str(b->w, "format.kind", "model");
    lb_file_set_strs(b->w, "towers", towers, nt); lb_file_set_strs(b->w, "modalities", modalities, nm);
    lb_file_set_strs(b->w, "provenance.source", sources, ns); lb_file_set_strs(b->w, "provenance.sha256", sums, ns); lb_file_set_str(b->w, "provenance.producer", "languagebind bundle");
    LB__TRY(bundle_licences(b));
    for (i = 0; b->text && i < lb_file_tensors(b->text->f); i++) {
        const lb_tensor *t = lb_file_tensor_at(b->text->f, i, &name);
        if (!strncmp(name, "tokenizer.", 10)) LB__TRY(bundle_tensor_in(b, name, t));
    }
    if (b->text) lb_file_copy_keys(b->w, b->text->f, "tokenizer.", "tokenizer.");
    return LB_OK;
}
/* Where FILE begins in [NAME=]FILE; a = behind a / is part of it. */
static const char *bundle_path(const char *arg) { const char *eq = strchr(arg, '='); return eq && !memchr(arg, '/', (size_t)(eq - arg)) ? eq + 1 : arg; }
/* A model was written: says of which modalities lb_model_save left the parity record out. */
static void model_note_record(const lb_model *m) {
    const lb_file *f = lb__model_file(m); const lb_tensor *x, *y; const char *name, *left[LB_MAX_MODALITIES]; char all[LB_MAX_MODALITIES * (LB_NAME_SIZE + 2)] = ""; size_t i, n = 0, used = 0;
    for (i = 0; f && n < LB__COUNT(left) && lb__parity_at(f, i, &x, &y, &name); i++) {
        if (!lb_model_modality(m, name) || lb__parity_holds(m, name) || lb__named(name, left, n)) continue;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", n ? ", " : "", name); left[n++] = name;
    }
    if (n) cli_warn("left out: the parity record of %s, which is of the network before; `record` makes one of this", all);
}
/* The type of a model's matrices, unless another one is asked for, when `now` has others in place of some.  What was trained over bytes lies a fraction of a step beside them, and as bytes it would
 * be those again: it becomes f16. */
static lb_dtype model_dtype_over(const lb_model *base, const lb_model *now, const char *asked) {
    const lb_dtype type = model_dtype(base, asked); size_t i;
    if (model_dtype(base, NULL) != LB_I8 || type != LB_I8) return type;
    for (i = 0; i < now->params; i++) {
        const lb__param *p = &now->param[i];
        if (p->t.dtype == LB_I8 || p->t.layout != LB_PANEL || lb__stored_type(p->name, p->t.layout, p->t.shape[1], LB_I8) != LB_I8) continue;
        if (!asked) return LB_F16;
        cli_warn("the model is of bytes: of what was trained over them, all that is less than half a step is rounded away; --dtype f16 keeps it");
        break;
    }
    return type;
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
    if (!s) s = lb_model_save(ctx, m[count - 1], model_dtype_over(m[0], m[count - 1], NULL), output);
    if (!s) model_note_record(m[count - 1]);
    while (count) lb_model_free(m[--count]);
    return s;
}
/* Join the files; `text`: whose text tower, NULL when all are the same. */
static lb_status bundle_files(lb_ctx *ctx, const char *const *args, size_t n, const char *text, int share, const char *output, bundle_sum *sum) {
    bundle b; lb_status s = LB_OK; size_t i, k; lb__mark mark = lb__arena_mark(ctx); bundle_sum own;
    memset(&own, 0, sizeof own);
    for (i = 1; i < n; i++) if (bundle_is_adapter(ctx, bundle_path(args[i]))) {
        for (k = 0; k < n; k++) if (bundle_path(args[k]) != args[k]) return lb__fail(LB_ERR_ARG, "%s: %s is an adapter, and NAME= is not supported with adapters; give the files without it", args[k], bundle_path(args[i]));
        if (text || share) return lb__fail(LB_ERR_ARG, "%s: is an adapter; %s of models", args[i], text ? "--text chooses among the text towers" : "--share-backbone looks for what is equal in the towers");
        return bundle_adapters(ctx, args, n, output);
    }
    memset(&b, 0, sizeof b);
    b.ctx = ctx; b.share = share; b.sum = sum ? sum : &own;
    if (n > BUNDLE_MAX) return lb__fail(LB_ERR_LIMIT, "%zu files, a model has at most %d towers", n, LB_MAX_TOWERS);
    for (i = 0; i < n && !s; i++) {
        bundle_part *p = &b.part[b.parts++]; const size_t named = (size_t)(bundle_path(args[i]) - args[i]);
        p->path = args[i] + named;
        if (named) {
            char name[LB_NAME_SIZE];
            lb__format(name, sizeof name, "%.*s", (int)LB__MIN(named - 1, sizeof name - 1), args[i]);
            if (named > LB_NAME_SIZE || lb__declared_named("", name, "", p->newname)) { s = lb__fail(LB_ERR_ARG, "%s: a name of 1 to %d small letters, digits and _ is expected before =", args[i], LB_NAME_SIZE - 1); break; }
            p->rename = p->newname;
        }
        s = bundle_open(&b, p);
    }
    if (!s) s = bundle_choose_text(&b, text);
    if (!s) s = lb_file_create(ctx, output, &b.w);
    if (!s) { s = bundle_write(&b); if (s) lb_file_abandon(b.w); else s = lb_file_commit(b.w); }
    for (i = 0; i < b.parts; i++) lb_file_free(b.part[i].f);
    for (i = 0; i < b.lows; i++) { for (k = 0; k < b.low[i].layers * 8; k++) { lb__release(b.low[i].at[k].a); lb__release(b.low[i].at[k].b); } lb__release(b.low[i].at); }
    lb__buf_free(&own.notes); lb__arena_rewind(ctx, mark);
    return s;
}

static int cmd_bundle(int argc, char **argv) {
    const char *output = NULL, *text = NULL, **paths = NULL; int share = 0, rc; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; bundle_sum sum; struct stat st; lb_status s;
    const cli_option options[] = {
        CLI_LBW_OUT(output),
        { "text", 0, CLI_TEXT, &text, "FILE", "whose text tower goes in, when they differ", 0, 0 },
        { "share-backbone", 0, CLI_FLAG, &share, NULL, "store equal tensors of all towers once, and f32 attention that\ndiffers by a merged LoRA as that update (name the backbone first)", 0, 0 },
        CLI_FILES(files, "FILE"),
        CLI_THREADS(common), CLI_JSON_MADE(common) };
    memset(&sum, 0, sizeof sum);
    rc = cli_parse(argc, argv, "[NAME=]FILE... -o OUT.lbw [--text FILE] [--share-backbone]",
                   "Joins models that share an embedding space into one file.  Their text towers are compared tensor by tensor and stored once; if\n"
                   "they differ, --text says which is meant.  NAME=FILE gives a file's modality (and its tower) another name.\n"
                   "A model followed by adapters over it (of `train` or `convert --adapter`) becomes one model with all of them side by side: the backbone\n"
                   "is stored once, each modality is its low-rank update and the small tensors trained with it.\n"
                   "Parity records come along, but not that of a modality which an adapter changes.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!files.n) { rc = cli_wrong("no files to join"); goto done; }
    if ((rc = cli_lbw_to(output)) >= 0 || (rc = cli_apart_all(output, &files)) >= 0) goto done;
    if (cli_ctx(&common, &ctx) || !(paths = cli_values(&files))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    s = bundle_files(ctx, paths, files.n, text, share, output, &sum);
    if (s) { rc = cli_fail("%s", lb_last_error()); goto done; }
    conv_print_notes(&sum.notes);
    if (share && !stat(output, &st)) cli_warn("%s: %.1f MB, %.1f MB less than without --share-backbone", output, (double)st.st_size / 1e6, (double)sum.saved / 1e6);
    rc = info_made(ctx, &common, output);
done:
    lb__buf_free(&sum.notes); lb__release((void *)paths); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}

/* base (and adapters, in order) -> one model without low-rank updates */
static lb_status merge_files(lb_ctx *ctx, const char *const *paths, size_t n, const char *dtype, const char *output) {
    lb_model *m[BUNDLE_MAX + 2] = { NULL }; lb_status s; size_t i, count = 0; int lora;
    if (n > BUNDLE_MAX) return lb__fail(LB_ERR_LIMIT, "%zu files, at most %d are merged at once", n, (int)BUNDLE_MAX);
    s = lb_model_open(ctx, paths[0], &m[0]);
    if (!s) count = 1;
    for (i = 1; i < n && !s; i++) { s = lb_model_adapt(ctx, m[count - 1], paths[i], &m[count]); if (!s) count++; }
    for (i = 0, lora = n > 1; !s && i < (size_t)lb_model_describe(m[0])->towers; i++) lora |= lb_model_describe(m[0])->tower[i].lora_rank > 0;
    if (!s && !lora) s = lb__fail(LB_ERR_ARG, "%s: nothing to merge: it carries no low-rank updates, and no adapter was given", paths[0]);
    if (!s) { s = lb_model_merge(ctx, m[count - 1], &m[count]); if (!s) count++; }
    if (!s) s = lb_model_save(ctx, m[count - 1], model_dtype_over(m[0], m[count - 1], dtype), output);
    if (!s) model_note_record(m[count - 1]);
    while (count) lb_model_free(m[--count]);
    return s;
}
static int cmd_merge(int argc, char **argv) {
    const char *output = NULL, *dtype = NULL, **paths = NULL; int rc; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_status s;
    const cli_option options[] = {
        CLI_LBW_OUT(output),
        CLI_DTYPE(dtype, "the base's, but f16\nwhere that is of bytes, as which small updates are lost"),
        { "model", 'm', CLI_LIST, &files, "FILE", "the base (or as a plain argument)", 0, 0 },
        CLI_FILES(files, "FILE"),
        CLI_THREADS(common), CLI_JSON_MADE(common) };
    rc = cli_parse(argc, argv, "BASE.lbw [ADAPTER.lbw...] -o OUT.lbw",
                   "Brings adapters into their base model: their tensors replace the base's, low-rank updates are added into the weights in f32.\n"
                   "A model that carries low-rank updates itself (convert --keep-lora) is merged alone.  A parity record stays with the modalities whose\n"
                   "weights stay; of the others it is left out with a note.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!files.n) { rc = cli_wrong("which model?"); goto done; }
    if ((rc = cli_lbw_to(output)) >= 0 || (rc = cli_apart_all(output, &files)) >= 0) goto done;
    if (cli_ctx(&common, &ctx) || !(paths = cli_values(&files))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    s = merge_files(ctx, paths, files.n, dtype, output);
    rc = s ? cli_end(s) : info_made(ctx, &common, output);
done:
    lb__release((void *)paths); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}

/* extend: one more modality, declared in a JSON file */
static int cmd_extend(int argc, char **argv) {
    const char *output = NULL, *model = NULL, *json = NULL, *dtype = NULL; int rc; long long seed = 0; cli_common common = { 0, 0 }; lb_ctx *ctx = NULL; lb_model *base = NULL, *m = NULL; lb__bytes f; lb_status s;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &model, "FILE", "the .lbw model to add it to", 0, 0 },
        { "modality", 'j', CLI_TEXT, &json, "FILE.json", "what the modality is: weights/MODALITY.md has the keys", 0, 0 },
        CLI_LBW_OUT(output),
        CLI_DTYPE(dtype, "the model's"),
        { "seed", 0, CLI_INT, &seed, "N", "of the weights that are drawn (default 0)", 0, 0 },
        CLI_THREADS(common), CLI_JSON_MADE(common) };
    memset(&f, 0, sizeof f);
    rc = cli_parse(argc, argv, "-m MODEL --modality FILE.json -o OUT.lbw",
                   "Adds a modality of your own to a model: a sensor's name, shape, patches, scaling and file format stand in a small JSON file, for instance\n"
                   "    { \"name\": \"motion\", \"loader\": \"csv\", \"channels\": 6, \"length\": 128, \"patch\": 16, \"std\": [9.8, 9.8, 9.8, 2, 2, 2] }\n"
                   "Its tower starts from the image tower (\"from\" names another); what it has in common with that is stored once.  `train` then trains it,\n"
                   "and embed, score, classify and bundle know it by its name: --input motion:FILE.  A parity record of the others stays.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (!json) { rc = cli_wrong("which modality? --modality FILE.json"); goto done; }
    if ((rc = cli_lbw_to(output)) >= 0 || (rc = cli_apart(output, model)) >= 0 || (rc = cli_apart(output, json)) >= 0) goto done;
    s = cli_ctx(&common, &ctx);
    if (!s) s = lb_model_open(ctx, model, &base);
    if (!s) s = lb__bytes_open(json, &f);
    if (!s) s = lb__fail_in(lb_model_extend_json(ctx, base, (const char *)f.data, f.size, (uint64_t)seed, &m), json);
    if (!s) s = lb_model_save(ctx, m, model_dtype(base, dtype), output);
    if (!s) model_note_record(m);
    rc = s ? cli_end(s) : info_made(ctx, &common, output);
done:
    lb__bytes_close(&f); lb_model_free(m); lb_model_free(base); lb_ctx_free(ctx);
    return rc;
}

/* quantize: the same model with its matrices in another type, or some of its modalities alone */
static int cmd_quantize(int argc, char **argv) {
    const char *output = NULL, *dtype = NULL, **names = NULL; int rc; cli_common common = { 0, 0 }; cli_list files = { NULL, 0, 0 }, only = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_model *whole = NULL, *part = NULL; lb_status s;
    const cli_option options[] = {
        CLI_LBW_OUT(output),
        CLI_DTYPE(dtype, "f16"),
        { "only", 0, CLI_LIST, &only, "MODALITY", "leave out all other modalities, and the towers that only they read through", 0, 0 },
        { "model", 'm', CLI_LIST, &files, "FILE", "the model (or as a plain argument)", 0, 0 },
        CLI_FILES(files, "FILE"),
        CLI_THREADS(common), CLI_JSON_MADE(common) };
    rc = cli_parse(argc, argv, "MODEL.lbw -o OUT.lbw [--dtype f16|bf16|f32|i8] [--only MODALITY...]",
                   "Writes a model with its matrices and token table in another type; vectors and small tables stay f32, low-rank updates stay apart,\n"
                   "and what several towers share is stored once.  In i8 the matrices of the blocks are bytes with a step a row, the others f16, and\n"
                   "what is multiplied with them becomes bytes, too: half the size of f16, several times as fast where the processor multiplies four\n"
                   "bytes at once (AVX-VNNI, AVX512-VNNI, the dot product of ARMv8.2), and near: eval tells how near with your data.  In bf16 it becomes\n"
                   "bf16 where the processor multiplies that (AVX512-BF16, AMX, ARMv8.6), which is twice as fast there and nearer.\n"
                   "A parity record of the modalities that stay goes along: `verify` computes it again, within what such types allow.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (files.n != 1) { rc = cli_wrong("%d models, one was expected", (int)files.n); goto done; }
    if ((rc = cli_lbw_to(output)) >= 0 || (rc = cli_apart_all(output, &files)) >= 0) goto done;
    if (cli_ctx(&common, &ctx) || (only.n && !(names = cli_values(&only)))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    s = lb_model_open(ctx, files.item[0].value, &whole);
    if (!s && only.n) s = lb__fail_in(lb_model_part(ctx, whole, names, only.n, &part), files.item[0].value);
    if (!s) s = lb_model_save(ctx, part ? part : whole, model_dtype(whole, dtype ? dtype : "f16"), output);
    rc = s ? cli_end(s) : info_made(ctx, &common, output);
done:
    lb__release((void *)names); lb_model_free(part); lb_model_free(whole); lb_ctx_free(ctx); cli_list_free(&only); cli_list_free(&files);
    return rc;
}
