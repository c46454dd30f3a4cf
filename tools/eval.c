/* eval: zero-shot classification and retrieval over data sets, any modality against any other, with intervals, chance levels and ceilings.
 * The metrics are the header's (section 15); here data sets are read, matched and embedded, and results are written down. */

/* ---- data: the items of all manifests, and what is known about them ---- */

/* A table of attributes: tab-separated, a line of column names, the first column an id. */
typedef struct eval_table { inputs text; const char **cell; size_t columns, rows; } eval_table;
typedef struct eval_item {
    const lb_item *item; const char *modality, *file, *name;         /* name: the file's, without folders and ending */
    const char *const *attributes;                                   /* its row of the table, or NULL */
    size_t first, views;                                             /* its inputs; views 0: not needed so far */
} eval_item;
/* One thing that is asked with or found: one item, one text, or several items of the same group whose vectors are added. */
typedef struct eval_entry { const char *key, *text; const eval_item *item; int again; size_t part[LB_MAX_MODALITIES]; } eval_entry;     /* again: a caption that the item has before; part: which input, by modality of the set */
typedef struct eval_set { const char *name; const char *modality[LB_MAX_MODALITIES]; size_t modalities; eval_entry *at; size_t n, cap, missing; float *v, *raw; } eval_set;     /* missing: sums that lack a part */

enum { EVAL_METRICS = 5 };
typedef struct eval_metric { const char *name, *json; int share; double value, low, high, chance, ceiling; } eval_metric;     /* share: printed in percent; NaN: not known */
typedef struct eval_class { const char *value, *name; size_t n; double score; } eval_class;
typedef struct eval_result {
    int retrieval; char title[128]; const char *from, *to, *column;  /* "depth" and its "shape"; "text" to "image" */
    size_t n, gallery, galleries, dropped, missing, rows, through; eval_metric metric[EVAL_METRICS]; size_t metrics;     /* through: so many texts, by which both sides were compared */
    eval_set *query, *found;                                         /* for the report; retrieval in both directions shares them */
    float *scores; size_t columns; int transposed;                   /* [query->n, columns]: classes, or groups of what is found */
    uint32_t *owner; const eval_entry **of; const eval_entry **group;     /* owner [n] right column; of: the rows' entries; group [columns]: an entry of each */
    eval_class *classes; uint32_t *confusion;                        /* confusion [columns, columns], NULL for multi-label */
} eval_result;

typedef struct eval_task { int retrieval; const char *left, *right; eval_set *a, *b; } eval_task;
typedef struct eval {
    job j; inputs in, keep; cli_common common;
    lb_manifest *manifest; size_t manifests; eval_item *item; size_t items; eval_table table; int has_table, prompts_open; char *one_value;     /* one_value: of each --where */
    eval_result *result; size_t results; eval_set set[64]; size_t sets; lb__json_doc prompts;
    inputs labels, prompt_lines;                                     /* the lines of --labels and --templates, read once */
    const char *split, *labels_file; long long batch; cli_list data, classify, retrieve, template_list, where, shared, vectors; const char *templates_file, *captions, *frames;
    const char *model, *to, *attributes, *prompts_file, *report, *map; eval_task *task; size_t tasks;
    int multi, views, upstream, raw, details; long long size, galleries, rounds, seed; through through;
} eval;

/* The lines of a file cut at tabs. */
static int eval_table_open(eval_table *t, const char *path) {
    size_t i, k, used = 0, total = 0; int rc = inputs_lines(&t->text, path, 1);
    if (rc >= 0) return rc;
    for (i = 0; i < t->text.n; i++) { const char *p = t->text.at[i].value; total++; for (; *p; p++) total += *p == '\t'; }
    if (!(t->cell = (const char **)lb__alloc(total, sizeof *t->cell))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < t->text.n; i++) {
        char *p = (char *)(uintptr_t)t->text.at[i].value; size_t n = 1;
        if (!*p) continue;
        t->cell[used++] = p;
        for (; *p; p++) if (*p == '\t') { *p = 0; t->cell[used++] = p + 1; n++; }
        if (!t->rows) t->columns = n;
        else if (n != t->columns) return cli_fail("%s: line %lu has %lu columns, %lu were expected", path, (unsigned long)i + 1, (unsigned long)n, (unsigned long)t->columns);
        t->rows++;
    }
    if (!t->rows) return cli_fail("%s: is empty, a line of column names was expected", path);
    for (k = 0; k < t->columns; k++) for (i = 0; i < k; i++) if (!strcmp(t->cell[i], t->cell[k])) return cli_fail("%s: column %s stands twice", path, t->cell[k]);
    return -1;
}
static int eval_column(const eval_table *t, const char *name) {
    size_t k;
    for (k = 0; k < t->columns; k++) if (!strcmp(t->cell[k], name)) return (int)k;
    return -1;
}
typedef struct eval_row { const char *key; size_t at; } eval_row;
static int eval_by_key(const void *a, const void *b) { const eval_row *x = (const eval_row *)a, *y = (const eval_row *)b; const int c = strcmp(x->key, y->key); return c ? c : x->at < y->at ? -1 : x->at > y->at; }
static size_t eval_lower(const eval_row *r, size_t n, const char *key) { size_t a = 0, b = n; while (a < b) { const size_t m = (a + b) / 2; if (strcmp(r[m].key, key) < 0) a = m + 1; else b = m; } return a; }

static const char *eval_stem(inputs *keep, const char *file) {
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file, *dot = strrchr(base, '.');
    return inputs_keep(keep, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}
/* DATA of "MODALITY=DATA" */
static const char *eval_path(const char *data) {
    const char *p = data;
    while ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_') p++;
    return *p == '=' && p > data ? p + 1 : data;
}
/* A file of item i: its own, or the middle one of its frames. */
static const char *eval_file(inputs *keep, const lb_item *it) {
    const char *hole = it->frames ? strstr(it->file, "{}") : NULL; char number[24]; size_t n; char *p;
    if (!hole) return it->file;
    snprintf(number, sizeof number, "%d", it->frames / 2);
    n = strlen(it->file) + sizeof number;
    if (!(p = inputs_keep(keep, it->file, n))) return NULL;                   /* copied with room to spare */
    snprintf(p + (hole - it->file), n - (size_t)(hole - it->file), "%s%s", number, hole + 2);
    return p;
}
/* Rule `w` of --where, "a=b,c" or "a!=b,c", over the table's columns: 1 the item stays.  Is there a value "b,c", it is meant, commas and all. */
static int eval_where(const eval *e, const char *const *attributes, size_t w) {
    const char *rule = e->where.item[w].value, *equal = strchr(rule, '='); int c, inverse = equal > rule && equal[-1] == '!', hit = 0; char column[128]; const char *p;
    snprintf(column, sizeof column, "%.*s", (int)(equal - rule - inverse), rule);
    if (!attributes || (c = eval_column(&e->table, column)) < 0) return 0;
    if (e->one_value[w]) return (strcmp(attributes[c], equal + 1) == 0) != inverse;
    for (p = equal + 1; ; p++) { const size_t n = strcspn(p, ","); hit |= strlen(attributes[c]) == n && !strncmp(attributes[c], p, n); p += n; if (!*p) break; }
    return hit != inverse;
}
static int eval_rows_same(const eval_table *t, size_t a, size_t b) {
    size_t k;
    for (k = 0; k < t->columns && !strcmp(t->cell[a * t->columns + k], t->cell[b * t->columns + k]); k++) {}
    return k == t->columns;
}
/* Has it a split test? */
static int eval_tests(const lb_manifest *m) {
    size_t i;
    for (i = 0; i < m->count; i++) if (m->items[i].split && !strcmp(m->items[i].split, "test")) return 1;
    return 0;
}
static int eval_load(eval *e, const char *attributes) {
    size_t i, k, n = 0, total = 0; int rc, all, at; eval_row *rows = NULL; const int given = e->split != NULL; struct stat st; const char *const to = e->to && !stat(e->to, &st) ? e->to : NULL, *const report = e->report && !stat(e->report, &st) ? e->report : NULL;      /* what is not there is written over nothing */
    if (attributes) { e->has_table = 1; if ((rc = eval_table_open(&e->table, attributes)) >= 0) return rc; }
    if (!(e->one_value = (char *)lb__alloc(e->where.n, 1))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < e->where.n; i++) {
        const char *rule = e->where.item[i].value, *equal = strchr(rule, '='); char column[128]; const size_t n_name = equal ? (size_t)(equal - rule) - (equal > rule && equal[-1] == '!') : 0;
        if (!equal || !n_name || n_name >= sizeof column) return cli_wrong("--where is `%s`, COLUMN=VALUE or COLUMN!=VALUE was expected", rule);
        snprintf(column, sizeof column, "%.*s", (int)n_name, rule);
        if (!e->has_table) return cli_wrong("--where asks for the column %s: --attributes FILE was expected", column);
        if ((at = eval_column(&e->table, column)) < 0) return cli_fail("%s: has no column %s", attributes, column);
        for (k = 1; k < e->table.rows; k++) e->one_value[i] |= !strcmp(e->table.cell[k * e->table.columns + (size_t)at], equal + 1);
        for (k = 1; k < e->table.rows && eval_where(e, e->table.cell + k * e->table.columns, i) == (equal[-1] == '!'); k++) {}
        if (k == e->table.rows && equal[-1] != '!') return cli_fail("%s: no row has what --where `%s` names", attributes, rule);
    }
    if (!(e->manifest = (lb_manifest *)lb__alloc(e->data.n, sizeof *e->manifest))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < e->data.n; i++) {
        const char *value = e->data.item[i].value, *path = eval_path(value); lb_manifest_desc d;
        memset(&d, 0, sizeof d);
        if (path > value && !(d.modality = inputs_keep(&e->keep, value, (size_t)(path - value) - 1))) return cli_fail("out of memory");
        if (lb_manifest_load(e->j.ctx, path, &d, &e->manifest[i])) return cli_fail("%s", lb_last_error());
        e->manifests++; total += e->manifest[i].count;
        if (!given && eval_tests(&e->manifest[i])) e->split = "test";
    }
    if (!e->split) e->split = "all";
    if (!(e->item = (eval_item *)lb__alloc(total, sizeof *e->item))) return cli_fail("%s", lb_last_error());
    if (e->has_table) {
        if (!(rows = (eval_row *)lb__alloc(e->table.rows, sizeof *rows))) return cli_fail("%s", lb_last_error());
        for (k = 1; k < e->table.rows; k++) { rows[k - 1].key = e->table.cell[k * e->table.columns]; rows[k - 1].at = k; }
        if (e->table.rows > 1) qsort(rows, e->table.rows - 1, sizeof *rows, eval_by_key);
        for (k = 1; k + 1 < e->table.rows; k++) if (!strcmp(rows[k].key, rows[k - 1].key) && !eval_rows_same(&e->table, rows[k].at, rows[k - 1].at)) { rc = cli_fail("%s: has two rows for %s", attributes, rows[k].key); lb__release(rows); return rc; }
    }
    for (i = 0; i < e->manifests; i++) for (k = 0, all = !strcmp(e->split, "all") || (!given && !eval_tests(&e->manifest[i])); k < e->manifest[i].count; k++) {
        const lb_item *it = &e->manifest[i].items[k]; eval_item *p = &e->item[n]; size_t w; int stays = 1;
        if ((to && (rc = cli_apart(to, it->file)) >= 0) || (report && (rc = cli_apart(report, it->file)) >= 0)) { lb__release(rows); return rc; }
        if (!all && (!it->split || strcmp(it->split, e->split))) continue;
        p->item = it; p->modality = it->modality; p->first = p->views = 0; p->attributes = NULL;
        if (!(p->file = eval_file(&e->keep, it)) || !(p->name = eval_stem(&e->keep, it->file))) { lb__release(rows); return cli_fail("out of memory"); }
        if (rows) {
            const char *key = it->group ? it->group : p->name; const size_t at = eval_lower(rows, e->table.rows - 1, key);
            if (at < e->table.rows - 1 && !strcmp(rows[at].key, key)) p->attributes = e->table.cell + rows[at].at * e->table.columns;
        }
        for (w = 0; w < e->where.n && stays; w++) stays = eval_where(e, p->attributes, w);
        n += (size_t)stays;
    }
    lb__release(rows);
    e->items = n;
    if (!n) return cli_fail("%s: no item of split %s%s", e->data.item[0].value, e->split, e->where.n ? " passes --where" : "");
    return 0;
}

/* ---- what is embedded ---- */

/* Does --vectors bring those of this modality? */
static int eval_given(const eval *e, const char *modality) {
    const size_t n = strlen(modality); size_t i;
    for (i = 0; i < e->vectors.n; i++) if (!strncmp(e->vectors.item[i].value, modality, n) && e->vectors.item[i].value[n] == '=') return 1;
    return 0;
}
/* The inputs of an item, asked for once. */
static int eval_need(eval *e, eval_item *it) {
    const lb_modality_desc *m = lb_model_modality(e->j.model, it->modality); const int given = eval_given(e, it->modality); int v, views = e->views && !given && m && m->kind == LB_VIDEO ? 15 : 1; size_t k;
    if (it->views) return 0;
    if (!m) return job_lacks(&e->j, it->file, it->modality);
    it->first = e->in.n; it->views = (size_t)views;
    for (k = 0; k < e->manifests && !(it->item >= e->manifest[k].items && it->item < e->manifest[k].items + e->manifest[k].count); k++) {}
    for (v = 0; v < views; v++) {
        if (!inputs_add(&e->in, it->modality, given ? NULL : it->file)) return cli_fail("out of memory");
        e->in.at[e->in.n - 1].view = views > 1 ? v + 1 : 0;
        if (it->item->line) { e->in.at[e->in.n - 1].from = eval_path(e->data.item[k].value); e->in.at[e->in.n - 1].line = it->item->line; }
    }
    return 0;
}
static eval_entry *eval_push(eval_set *s) {
    if (s->n == s->cap) { const size_t cap = s->cap ? 2 * s->cap : 256; eval_entry *p = (eval_entry *)realloc(s->at, cap * sizeof *p); if (!p) return NULL; s->at = p; s->cap = cap; }
    memset(&s->at[s->n], 0, sizeof *s->at);
    return &s->at[s->n++];
}
/* Items mean the same when their group is the same, or, without one, when their files have the same name (across modalities) or are the same. */
static const char *eval_key(const eval_item *it, int across) { return it->item->group ? it->item->group : across ? it->name : it->file; }

/* Captions of the items of modality `of` as entries: all of an item, the first, or joined into one. */
static int eval_set_texts(eval *e, eval_set *s, const char *of, int across) {
    size_t i, k; eval_row *row; eval_entry *q;
    if (!lb_model_modality(e->j.model, of)) return job_lacks(&e->j, NULL, of);
    for (i = 0; i < e->items && strcmp(e->item[i].modality, of); i++) {}
    if (i == e->items) return cli_fail("`%s`: the data has no item of modality %s (split %s)", of, of, e->split);
    for (i = 0; i < e->items; i++) {
        const eval_item *it = &e->item[i]; const lb_item *m = it->item; size_t c, len = 0; char *joined;
        if (strcmp(it->modality, of)) continue;
        if (!strcmp(e->captions, "join")) {
            for (c = 0; c < m->n_captions; c++) len += strlen(m->captions[c].text) + 1;
            if (!(joined = (char *)calloc(len + 1, 1))) return cli_fail("out of memory");
            for (c = 0; c < m->n_captions; c++) { if (c) strcat(joined, " "); strcat(joined, m->captions[c].text); }
            q = eval_push(s);
            if (q) { q->text = inputs_keep(&e->keep, joined, strlen(joined)); q->key = eval_key(it, across); q->item = it; }
            free(joined);
            if (!q || !q->text) return cli_fail("out of memory");
        } else for (c = 0; c < m->n_captions && (!c || strcmp(e->captions, "first")); c++) {
            if (!(q = eval_push(s))) return cli_fail("out of memory");
            q->text = m->captions[c].text; q->key = eval_key(it, across); q->item = it;
        }
    }
    if (!s->n) return cli_fail("text: the items of modality %s have no captions", of);
    if (!(row = (eval_row *)lb__alloc(s->n, sizeof *row))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < s->n; i++) {                                                       /* the same words for the same thing are asked once, though not by upstream */
        char *both = inputs_keep(&e->keep, s->at[i].key, strlen(s->at[i].key) + strlen(s->at[i].text) + 1);
        if (!both) { lb__release(row); return cli_fail("out of memory"); }
        sprintf(both + strlen(s->at[i].key), "\n%s", s->at[i].text);
        row[i].key = both; row[i].at = i;
    }
    qsort(row, s->n, sizeof *row, eval_by_key);
    for (i = 1; i < s->n; i++) s->at[row[i].at].again = !strcmp(row[i].key, row[i - 1].key);
    for (i = k = 0; i < s->n; i++) if (!s->at[i].again || e->upstream) s->at[k++] = s->at[i];
    s->n = k; lb__release(row);
    for (i = 0; i < s->n; i++) { s->at[i].part[0] = e->in.n; if (!inputs_add(&e->in, "text", s->at[i].text)) return cli_fail("out of memory"); }
    return 0;
}
/* The parts of one entry, an item for each of the set's modalities; whole: none is missing.  row: all items by key. */
static int eval_parts(eval *e, const eval_set *s, size_t main_part, const eval_row *row, eval_entry *q, int *whole) {
    size_t k, at; int rc;
    *whole = 0;
    for (k = 0; k < s->modalities; k++) {
        eval_item *part = NULL;
        if (k != main_part && !strcmp(s->modality[k], "text")) {
            if (!q->item->item->n_captions) return 0;
            q->part[k] = e->in.n; q->text = q->item->item->captions[0].text;
            if (!inputs_add(&e->in, "text", q->text)) return cli_fail("out of memory");
            continue;
        }
        if (k == main_part) part = &e->item[q->item - e->item];
        else for (at = eval_lower(row, e->items, q->key); at < e->items && !strcmp(row[at].key, q->key) && !part; at++) if (!strcmp(e->item[row[at].at].modality, s->modality[k])) part = &e->item[row[at].at];
        if (!part) return 0;
        if ((rc = eval_need(e, part)) != 0) return rc;
        q->part[k] = (size_t)(part - e->item);
    }
    *whole = 1;
    return 0;
}
/* "depth", "depth+text", "text": the entries of one side.  `other` names the modality whose items give the texts of a set that is only text. */
static int eval_set_new(eval *e, const char *name, const char *other, int across, eval_set **out) {
    eval_set *s; const char *p = name; size_t i, k, main_part = 0; eval_row *row; int rc = 0, whole;
    if (e->sets == LB__COUNT(e->set)) return cli_wrong("more than %d sides in one run", (int)LB__COUNT(e->set));
    s = &e->set[e->sets++]; *out = s; memset(s, 0, sizeof *s); s->name = name;
    for (;;) {
        const size_t n = strcspn(p, "+");
        if (!n || s->modalities == LB__COUNT(s->modality)) return cli_wrong("`%s`: MODALITY or MODALITY+MODALITY was expected", name);
        if (!(s->modality[s->modalities++] = inputs_keep(&e->keep, p, n))) return cli_fail("out of memory");
        if (!p[n]) break;
        p += n + 1;
    }
    for (k = 0; k < s->modalities; k++) {
        for (i = 0; i < k; i++) if (!strcmp(s->modality[i], s->modality[k])) return cli_wrong("`%s`: names %s twice", name, s->modality[k]);
        if (!lb_model_modality(e->j.model, s->modality[k])) return job_lacks(&e->j, NULL, s->modality[k]);
        for (i = 0; i < e->items && strcmp(e->item[i].modality, s->modality[k]); i++) {}
        if (i == e->items && strcmp(s->modality[k], "text")) return cli_fail("`%s`: the data has no item of modality %s (split %s)", name, s->modality[k], e->split);
        if (strcmp(s->modality[main_part], "text") == 0 && k) main_part = k;
    }
    if (s->modalities == 1 && !strcmp(s->modality[0], "text")) return eval_set_texts(e, s, other, across);
    across = across || s->modalities > 1;
    if (!(row = (eval_row *)lb__alloc(e->items, sizeof *row))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < e->items; i++) { row[i].key = eval_key(&e->item[i], across); row[i].at = i; }
    qsort(row, e->items, sizeof *row, eval_by_key);
    for (i = 0; i < e->items && !rc; i++) {
        eval_item *it = &e->item[i]; eval_entry q, *to;
        if (strcmp(it->modality, s->modality[main_part])) continue;
        memset(&q, 0, sizeof q); q.key = eval_key(it, across); q.item = it;
        rc = eval_parts(e, s, main_part, row, &q, &whole);
        if (rc || !whole) { s->missing += !rc; continue; }
        if (!(to = eval_push(s))) rc = cli_fail("out of memory");
        else *to = q;
    }
    lb__release(row);
    return rc || s->n ? rc : cli_fail("`%s`: no item of the data has all of these modalities under one group or name", name);
}
/* The vectors of a set once everything is embedded: views are averaged, modalities added, both to unit length again.  raw: the same not of unit
 * length, for upstream's retrieval. */
static int eval_set_vectors(eval *e, eval_set *s) {
    const size_t dim = e->j.dim; size_t i, k, c;
    if (s->v) return 0;
    if (!(s->v = (float *)lb__alloc(s->n, dim * sizeof *s->v)) || (e->raw && !(s->raw = (float *)lb__alloc(s->n, dim * sizeof *s->raw)))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < s->n; i++) {
        float *o = s->v + i * dim; const float *one = NULL; float norm = 1;
        for (k = 0; k < s->modalities; k++) {
            const int text = !strcmp(s->modality[k], "text"); const eval_item *it = text ? NULL : s->modalities == 1 ? s->at[i].item : &e->item[s->at[i].part[k]];
            const size_t first = text ? s->at[i].part[k] : it->first, views = text ? 1 : it->views; float *mean;
            one = e->j.vectors + first * dim; norm = e->j.norms ? e->j.norms[first] : 1;
            if (views == 1) { for (c = 0; c < dim; c++) o[c] += one[c]; continue; }
            if (!(mean = (float *)lb__alloc(dim, sizeof *mean))) return cli_fail("%s", lb_last_error());
            if (lb_mean_embedding(one, views, dim, mean)) { lb__release(mean); return cli_fail("%s", lb_last_error()); }
            for (c = 0; c < dim; c++) o[c] += mean[c];
            lb__release(mean); one = NULL;
        }
        if (s->modalities > 1 && lb_mean_embedding(o, 1, dim, o)) return cli_fail("%s", lb_last_error());
        if (s->raw) for (c = 0; c < dim; c++) s->raw[i * dim + c] = o[c] * (s->modalities == 1 && one ? norm : 1);
    }
    return 0;
}

/* ---- results ---- */

static eval_result *eval_result_new(eval *e) {
    eval_result *p = (eval_result *)realloc(e->result, (e->results + 1) * sizeof *p);
    if (!p) return NULL;
    e->result = p; memset(&p[e->results], 0, sizeof *p);
    return &p[e->results++];
}
static void eval_metric_add(eval_result *r, const char *name, const char *json, int share, double value, double low, double high, double chance, double ceiling) {
    eval_metric *m = &r->metric[r->metrics++];
    m->name = name; m->json = json; m->share = share; m->value = value; m->low = low; m->high = high; m->chance = chance; m->ceiling = ceiling;
}

/* ---- classification ---- */

/* What a prompts file holds: for a task `templates`, a list of texts, and `names`, for a class a text or a list of texts.  0, or the exit status after a message. */
enum { EVAL_TEMPLATES = 512, EVAL_NAMES = 64 };
static int eval_texts(const lb__json *list, size_t most) {
    const lb__json *v;
    if (list->type != LB__JSON_ARRAY || !list->count || list->count > most) return 0;
    for (v = list->first; v; v = v->next) if (v->type != LB__JSON_STRING) return 0;
    return 1;
}
static int eval_prompts_check(const char *path, const lb__json *root) {
    const lb__json *task, *t, *v;
    if (root->type != LB__JSON_OBJECT) return cli_fail("%s: an object of tasks was expected", path);
    for (task = root->first; task; task = task->next) {
        if (task->type != LB__JSON_OBJECT) return cli_fail("%s: \"%s\": an object with \"templates\" and \"names\" was expected", path, task->key);
        for (t = task->first; t; t = t->next) if (strcmp(t->key, "templates") && strcmp(t->key, "names")) return cli_fail("%s: \"%s\": has \"%s\"; \"templates\" and \"names\" were expected", path, task->key, t->key);
        if ((t = lb__json_get(task, "templates")) != NULL && !eval_texts(t, EVAL_TEMPLATES)) return cli_fail("%s: \"%s\": a list of 1 to %d texts was expected as \"templates\"", path, task->key, EVAL_TEMPLATES);
        for (v = t ? t->first : NULL; v; v = v->next) if (!strstr(v->str, "{}")) return cli_fail("%s: \"%s\": the template \"%s\" has no {} for the class name", path, task->key, v->str);
        if ((t = lb__json_get(task, "names")) != NULL && t->type != LB__JSON_OBJECT) return cli_fail("%s: \"%s\": an object of classes was expected as \"names\"", path, task->key);
        for (v = t ? t->first : NULL; v; v = v->next)
            if (v->type != LB__JSON_STRING && !eval_texts(v, EVAL_NAMES)) return cli_fail("%s: \"%s\": a text or a list of 1 to %d was expected as the names of \"%s\"", path, task->key, EVAL_NAMES, v->key);
    }
    return 0;
}
/* "depth" or "depth+thermal": what the model or the data has, or one of the usual six, which may be left out of either. */
static int eval_side_known(const eval *e, const char *p, size_t n) {
    static const char *const usual[] = { "image", "text", "audio", "video", "depth", "thermal" }; char name[LB_NAME_SIZE]; size_t i, len; int known;
    for (;; p += len + 1, n -= len + 1) {
        for (len = 0; len < n && p[len] != '+'; len++) {}
        if (!len || len >= sizeof name) return 0;
        memcpy(name, p, len); name[len] = 0;
        known = lb_model_modality(e->j.model, name) != NULL;
        for (i = 0; i < LB__COUNT(usual); i++) known |= !strcmp(name, usual[i]);
        for (i = 0; i < e->items && !known; i++) known = !strcmp(name, e->item[i].modality);
        if (!known || len == n) return known;
    }
}
/* The entry of the prompts file for a task: "depth:shape", else "shape", else "depth". */
static const lb__json *eval_prompts(const eval *e, const char *set, const char *column, const char *key) {
    char both[192]; const char *names[3]; size_t i;
    if (!e->prompts_open) return NULL;
    snprintf(both, sizeof both, "%s:%s", set, column ? column : "");
    names[0] = both; names[1] = column; names[2] = set;
    for (i = 0; i < 3; i++) { const lb__json *t = names[i] ? lb__json_get(e->prompts.root, names[i]) : NULL, *v = t ? lb__json_get(t, key) : NULL; if (v) return v; }
    return NULL;
}
static const char *eval_class_of(const eval_entry *q, int column) {
    if (column < 0) return q->item->item->group;
    return q->item->attributes ? q->item->attributes[column] : NULL;
}
static int eval_class_order(const void *a, const void *b) { return strcmp(((const eval_class *)a)->value, ((const eval_class *)b)->value); }

/* Is there a class of a column, or among the groups of all items (column -1), whatever --split and --where let pass: called `key`; or, without a key,
 * one that `names` lacks? */
static int eval_class_known(const eval *e, int column, const char *key, const lb__json *names) {
    size_t i, k; char one[256];
    for (k = 0; k < (column < 0 ? e->manifests : 1); k++) for (i = column < 0 ? 0 : 1; i < (column < 0 ? e->manifest[k].count : e->table.rows); i++) {
        const char *p = column < 0 ? e->manifest[k].items[i].group : e->table.cell[i * e->table.columns + (size_t)column];
        while (p && *p) {
            const size_t len = e->multi ? strcspn(p, "|") : strlen(p);
            if (len && len < sizeof one) { memcpy(one, p, len); one[len] = 0; if (key ? !strcmp(one, key) : !lb__json_get(names, one)) return 1; }
            p += len; if (*p) p++;
        }
    }
    return 0;
}
/* What is misspelt is not passed over in silence: a task whose modality or column there is not, while one that is asked for finds nothing; and names of
 * a class that there is not, while another has none.  What this run does not ask for may be there. */
static int eval_prompts_known(const eval *e) {
    const char *path = e->prompts_file; const eval_task *task = e->task; size_t i; int unserved = 0; const lb__json *t, *v;
    for (i = 0; i < e->tasks; i++) unserved |= !task[i].retrieval && !eval_prompts(e, task[i].left, task[i].right, "templates") && !eval_prompts(e, task[i].left, task[i].right, "names");
    for (t = e->prompts.root->first; t; t = t->next) {
        const char *colon = strchr(t->key, ':'); const int side = eval_side_known(e, t->key, colon ? (size_t)(colon - t->key) : strlen(t->key)), column = e->has_table && eval_column(&e->table, colon ? colon + 1 : t->key) >= 0;
        if (colon ? !side || (unserved && e->has_table && !column) : unserved && !side && !column) return cli_fail("%s: \"%s\" is no task: MODALITY:COLUMN, a column of --attributes or a modality was expected", path, t->key);
    }
    for (i = 0; i < e->tasks && !e->labels_file; i++) {                                   /* labels bring classes of their own */
        const int column = task[i].right ? eval_column(&e->table, task[i].right) : -1; const lb__json *names = task[i].retrieval ? NULL : eval_prompts(e, task[i].left, task[i].right, "names");
        for (v = names ? names->first : NULL; v && eval_class_known(e, column, v->key, NULL); v = v->next) {}
        if (v && eval_class_known(e, column, NULL, names)) return cli_fail("%s: there are names for \"%s\", which is no class of %s%s%s, and others are missing", path, v->key, task[i].left, task[i].right ? ":" : "", task[i].right ? task[i].right : "");
    }
    return 0;
}

/* The distinct classes, sorted, and how they are called: by the labels file, by the prompts, or by themselves.  A column's classes are all that its
 * table knows (and --where lets pass), whether or not an item has them. */
static int eval_classes(eval *e, const char *task, const eval_set *s, int column, eval_class **out, size_t *count) {
    size_t i, w, n = 0, cap = 0, from = column < 0 ? s->n : e->table.rows; eval_class *c = NULL; int rc = -1;
    *out = NULL;
    for (i = column < 0 ? 0 : 1; i < from && rc < 0; i++) {
        const char *v = column < 0 ? eval_class_of(&s->at[i], column) : e->table.cell[i * e->table.columns + (size_t)column], *p; int stays = 1;
        for (w = 0; w < e->where.n && stays && column >= 0; w++) stays = eval_where(e, e->table.cell + i * e->table.columns, w);
        if (!stays) continue;
        for (p = v; p && *p && rc < 0; ) {
            const size_t len = e->multi ? strcspn(p, "|") : strlen(p); size_t k;
            for (k = 0; k < n && (strlen(c[k].value) != len || strncmp(c[k].value, p, len)); k++) {}
            if (k == n && len) {
                if (n == cap) { eval_class *q = (eval_class *)realloc(c, (cap = cap ? 2 * cap : 64) * sizeof *q); if (!q) { rc = cli_fail("out of memory"); break; } c = q; }
                memset(&c[n], 0, sizeof *c);
                if (!(c[n].value = inputs_keep(&e->keep, p, len))) { rc = cli_fail("out of memory"); break; }
                n++;
            }
            p += len; if (*p) p++;
        }
    }
    for (i = 0; i < e->labels.n && rc < 0; i++) {                                        /* NAME, or CLASS<TAB>NAME; classes that no item has distract */
        const char *line = inputs_keep(&e->keep, e->labels.at[i].value, strlen(e->labels.at[i].value)); char *tab; size_t k;
        if (!line) { rc = cli_fail("out of memory"); break; }
        if (!*line) continue;
        if ((tab = strchr((char *)(uintptr_t)line, '\t')) != NULL) *tab = 0;
        for (k = 0; k < n && strcmp(c[k].value, line); k++) {}
        if (k == n) {
            if (n == cap) { eval_class *q = (eval_class *)realloc(c, (cap = cap ? 2 * cap : 64) * sizeof *q); if (!q) { rc = cli_fail("out of memory"); break; } c = q; }
            memset(&c[n++], 0, sizeof *c); c[k].value = line;
        }
        c[k].name = tab ? tab + 1 : line;
    }
    if (rc < 0 && n < 2) rc = cli_fail("%s: %lu class%s in the data; at least two were expected (--attributes and MODALITY:COLUMN, or items with a group)", task, (unsigned long)n, n == 1 ? "" : "es");
    if (rc >= 0) { free(c); return rc; }
    qsort(c, n, sizeof *c, eval_class_order);
    for (i = 0; i < n; i++) if (!c[i].name) {
        char *p;
        if (!(c[i].name = p = inputs_keep(&e->keep, c[i].value, strlen(c[i].value)))) { free(c); return cli_fail("out of memory"); }
        for (; *p; p++) if (*p == '_' || *p == '-') *p = ' ';
    }
    *out = c; *count = n;
    return 0;
}
/* A side's modality; of a sum the first part that is not text. */
static const char *eval_side(const eval_set *s) { size_t k = 0; while (k + 1 < s->modalities && !strcmp(s->modality[k], "text")) k++; return s->modality[k]; }
/* W [classes, dim]: every name of a class in every template, averaged. */
static int eval_weights(eval *e, const eval_set *s, const char *column, eval_class *c, size_t n, float **out) {
    const size_t dim = e->j.dim; const lb__json *names = eval_prompts(e, s->name, column, "names"), *list = eval_prompts(e, s->name, column, "templates"), *v; const char **t = NULL, **one = NULL; size_t nt = 0, i, j, k, most, *from = NULL; float *w = NULL, *many = NULL; int rc = 0; inputs lines;
    memset(&lines, 0, sizeof lines); *out = NULL;
    if (e->templates_file && inputs_built_in(e->templates_file) && (rc = inputs_prompts(&lines, e->templates_file, lb_model_modality(e->j.model, eval_side(s))->kind)) >= 0) goto done;
    rc = 0;
    w = (float *)lb__alloc(n, dim * sizeof *w); t = (const char **)lb__alloc(lines.n + e->prompt_lines.n + e->template_list.n + EVAL_TEMPLATES, sizeof *t);
    if (!w || !t) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < lines.n; i++) t[nt++] = lines.at[i].value;
    for (i = 0; i < e->prompt_lines.n; i++) if (*e->prompt_lines.at[i].value) t[nt++] = e->prompt_lines.at[i].value;
    for (i = 0; i < e->template_list.n; i++) t[nt++] = e->template_list.item[i].value;
    for (v = list && !nt ? list->first : NULL; v; v = v->next) t[nt++] = v->str;
    if (!nt) t[nt++] = default_template(eval_side(s));
    most = LB__MAX((size_t)LB__PIECE_TEXTS / nt, (size_t)1);                     /* names at once, of whole classes: their prompts begin alike */
    one = (const char **)lb__alloc(most + EVAL_NAMES, sizeof *one); from = (size_t *)lb__alloc(most + 1, sizeof *from); many = (float *)lb__alloc(LB__MIN(most + EVAL_NAMES, n * EVAL_NAMES), dim * sizeof *many);
    if (!one || !from || !many) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < n && !rc; i += j) {
        lb_status st;
        for (j = k = 0; i + j < n && k < most; from[++j] = k) {
            eval_class *o = &c[i + j]; const lb__json *of = names ? lb__json_get(names, o->value) : NULL; const size_t begin = k;
            if (of && of->type == LB__JSON_STRING) one[k++] = of->str;
            for (v = of && of->type == LB__JSON_ARRAY ? of->first : NULL; v; v = v->next) one[k++] = v->str;
            if (k == begin) one[k++] = o->name;
            else if (strlen(one[begin]) <= 24) o->name = inputs_keep(&e->keep, one[begin], strlen(one[begin]));            /* a sentence is no name for a table */
            if (!o->name) { rc = cli_fail("out of memory"); goto done; }
        }
        st = lb_zero_shot(e->j.ctx, e->j.model, one, k, t, nt, many);
        for (k = 0; k < j && !st; k++) st = lb_mean_embedding(many + from[k] * dim, from[k + 1] - from[k], dim, w + (i + k) * dim);
        if (st) rc = cli_fail("%s", lb_last_error());
        cli_progress("eval: classes", i + j, n);
    }
done:
    inputs_free(&lines); lb__release(many); lb__release((void *)one); lb__release(from); lb__release((void *)t);
    if (rc) lb__release(w); else *out = w;
    return rc;
}
static int eval_classify(eval *e, const eval_task *task) {
    eval_set *s = task->a; const size_t dim = e->j.dim; const int column = task->right ? eval_column(&e->table, task->right) : -1; eval_class *c; size_t n = 0, classes = 0, i, k, v; float *w = NULL, *scores = NULL, *x = NULL; uint32_t *labels = NULL, *confusion = NULL;
    double *rank = NULL, *per = NULL; uint8_t *truth = NULL; const eval_entry **of = NULL; eval_result *r; int rc; lb_status st; lb_accuracy a, lo, hi; char name[128];
    snprintf(name, sizeof name, "%s%s%s", s->name, task->right ? ":" : "", task->right ? task->right : "");
    if ((rc = eval_classes(e, name, s, column, &c, &classes)) != 0) return rc;
    if ((rc = eval_weights(e, s, task->right, c, classes, &w)) != 0) { free(c); return rc; }
    scores = (float *)lb__alloc(s->n, classes * sizeof *scores); labels = (uint32_t *)lb__alloc(s->n, sizeof *labels); confusion = e->multi ? NULL : (uint32_t *)lb__alloc(classes, classes * sizeof *confusion);
    rank = (double *)lb__alloc(s->n, sizeof *rank); per = (double *)lb__alloc(classes, sizeof *per); truth = (uint8_t *)lb__alloc(s->n, classes); of = (const eval_entry **)lb__alloc(s->n, sizeof *of); x = (float *)lb__alloc(15, classes * sizeof *x);
    if (!scores || !labels || (!confusion && !e->multi) || !rank || !per || !truth || !of || !x) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < s->n; i++) {
        const char *value = eval_class_of(&s->at[i], column), *p; const eval_item *it = s->at[i].item; float *row = scores + n * classes; size_t hits = 0;
        for (p = value; p && *p; ) {
            const size_t len = e->multi ? strcspn(p, "|") : strlen(p);
            for (k = 0; k < classes; k++) if (strlen(c[k].value) == len && !strncmp(c[k].value, p, len)) { labels[n] = (uint32_t)k; c[k].n += !truth[n * classes + k]; truth[n * classes + k] = 1; hits++; }
            p += len; if (*p) p++;
        }
        if (!hits) continue;                                                            /* the table has no row for it */
        if (s->modalities == 1 && it->views > 1 && !e->multi) {                         /* softmax of each view, averaged */
            if (lb_similarity(e->j.ctx, e->j.vectors + it->first * dim, it->views, w, classes, dim, 100, x)) { rc = cli_fail("%s", lb_last_error()); goto done; }
            lb_softmax_rows(x, it->views, classes);
            for (k = 0; k < classes; k++) { double sum = 0; for (v = 0; v < it->views; v++) sum += (double)x[v * classes + k]; row[k] = (float)(sum / (double)it->views); }
        } else if (lb_similarity(e->j.ctx, s->v + i * dim, 1, w, classes, dim, 100, row)) { rc = cli_fail("%s", lb_last_error()); goto done; }
        of[n++] = &s->at[i];
    }
    if (!n) { rc = cli_fail("%s: no item's class is known: %s", name, column < 0 ? "none has a group" : "the first column of --attributes names no group, nor a file without its ending"); goto done; }
    if (!(r = eval_result_new(e))) { rc = cli_fail("out of memory"); goto done; }
    r->from = s->name; r->column = task->right; r->n = n; r->gallery = classes; r->dropped = s->n - n; r->missing = s->missing; r->query = s; snprintf(r->title, sizeof r->title, "%s", name);
    r->scores = scores; r->columns = classes; r->owner = labels; r->of = of; r->classes = c; r->confusion = confusion;
    if (e->multi) {
        lb_multilabel m, ml, mh; double prevalence = 0; memset(&m, 0, sizeof m);
        st = lb_eval_multilabel(e->j.ctx, scores, truth, n, classes, &m, per);
        if (!st) st = lb_eval_multilabel_interval(e->j.ctx, scores, truth, n, classes, (size_t)e->rounds, 0.95, (uint64_t)e->seed, &ml, &mh);
        if (!st) {
            for (k = 0; k < classes; k++) prevalence += (double)c[k].n / (double)n / (double)m.classes;      /* of the classes that the mean is over */
            eval_metric_add(r, "mAP", "map", 1, m.map, ml.map, mh.map, prevalence, NAN); eval_metric_add(r, "AUC", "auc", 1, m.auc, ml.auc, mh.auc, 0.5, NAN); eval_metric_add(r, "d'", "dprime", 0, m.dprime, ml.dprime, mh.dprime, 0, NAN);
        }
    } else {
        const double C = (double)classes;
        st = lb_eval_classify(scores, labels, n, classes, &a, rank, per, confusion);
        if (!st) st = lb_eval_classify_interval(e->j.ctx, rank, labels, n, classes, (size_t)e->rounds, 0.95, (uint64_t)e->seed, &lo, &hi);
        if (!st) {
            eval_metric_add(r, "top-1", "top1", 1, a.top1, lo.top1, hi.top1, 1 / C, NAN); eval_metric_add(r, "top-5", "top5", 1, a.top5, lo.top5, hi.top5, classes < 5 ? 1 : 5 / C, NAN);
            eval_metric_add(r, "mean class", "mean_class", 1, a.mean_class, lo.mean_class, hi.mean_class, 1 / C, NAN);
        }
    }
    for (k = 0; k < classes; k++) c[k].score = per[k];
    if (st) rc = cli_fail("%s: %s", name, lb_last_error());
    c = NULL; scores = NULL; labels = NULL; of = NULL; confusion = NULL;                 /* the result's now */
done:
    free(c); lb__release(w); lb__release(scores); lb__release(labels); lb__release(confusion); lb__release(rank); lb__release(per); lb__release(truth); lb__release((void *)of); lb__release(x);
    return rc;
}

/* ---- retrieval ---- */

/* Numbers for strings: equal ones for equal strings, by the order of `n` sorted rows. */
static void eval_number(eval_row *row, size_t n, uint32_t *out) {
    size_t i; uint32_t id = 0;
    qsort(row, n, sizeof *row, eval_by_key);
    for (i = 0; i < n; i++) { if (i && strcmp(row[i].key, row[i - 1].key)) id++; out[row[i].at] = id; }
}
/* What --shared columns say of an item, as one string; what the table does not know means itself alone. */
static const char *eval_meaning(eval *e, const eval_item *it) {
    size_t i, n = 0; char *text; const char *key = eval_key(it, 1);
    for (i = 0; i < e->shared.n && it->attributes; i++) n += strlen(it->attributes[eval_column(&e->table, e->shared.item[i].value)]) + 1;
    if (!it->attributes) n = strlen(key) + 1;
    if ((text = (char *)inputs_keep(&e->keep, "", n)) == NULL) return NULL;
    if (!it->attributes) { sprintf(text, "\n%s", key); return text; }
    for (i = n = 0; i < e->shared.n; i++) n += (size_t)sprintf(text + n, "%s\t", it->attributes[eval_column(&e->table, e->shared.item[i].value)]);
    return text;
}
/* A retrieval: `rows` queries, each with its match among `groups` of what is found. */
typedef struct eval_match {
    const eval_set *q, *g; size_t rows, groups, through;
    uint32_t *owner, *id; const eval_entry **of, **group;            /* of a query its group and entry; of an entry of g its group, of a group its first entry */
    float *scores, *each;                                            /* [rows, groups]; [rows, g->n] where groups have several entries, which then ask back one by one, or NULL */
    uint32_t *q_means, *g_means; int words;                          /* equal numbers cannot be told apart: --shared columns of both sides or, without them, `words`: of texts that ask */
} eval_match;
/* What is drawn from it; [2]: from queries to groups, and back. */
typedef struct eval_drawn {
    size_t size, draws, drawn, asked, most;                          /* groups of a gallery; galleries, and those in which anything is asked; groups that ask back, in all and in one */
    size_t n[2]; double *rank[2]; uint32_t *unit[2];                 /* ranks of all galleries; unit: the group that one belongs to, for the bootstrap */
    uint32_t *row, *item_means; float *best; double *sorted;         /* of one gallery, where entries ask back one by one: the rows of its queries; of each entry what it means; of each group its best query; ranks again */
    lb_retrieval side[2], ceiling[2];                                /* sums over `count` */
    uint32_t *pick, *place, *own, *q_means, *g_means; float *sub;    /* of one gallery: its groups, where a group stands in it, its queries' places there, and its part of the match's numbers and scores */
} eval_drawn;

static void eval_match_free(eval_match *m) {
    lb__release(m->owner); lb__release(m->id); lb__release((void *)m->of); lb__release((void *)m->group); lb__release(m->scores); lb__release(m->each); lb__release(m->q_means); lb__release(m->g_means);
}
/* What is found comes in groups; queries whose group is there are kept. */
static int eval_match_groups(eval_match *m, const eval_task *task) {
    const eval_set *q = m->q, *g = m->g; eval_row *row = (eval_row *)lb__alloc(g->n, sizeof *row); size_t i; int rc = 0;
    m->id = (uint32_t *)lb__alloc(g->n, sizeof *m->id); m->owner = (uint32_t *)lb__alloc(q->n, sizeof *m->owner); m->of = (const eval_entry **)lb__alloc(q->n, sizeof *m->of);
    if (!row || !m->id || !m->owner || !m->of) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < g->n; i++) { row[i].key = g->at[i].key; row[i].at = i; }
    eval_number(row, g->n, m->id);
    m->groups = (size_t)m->id[row[g->n - 1].at] + 1;
    if (!(m->group = (const eval_entry **)lb__alloc(m->groups, sizeof *m->group))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = g->n; i-- > 0; ) m->group[m->id[i]] = &g->at[i];
    for (i = 0; i < q->n; i++) {
        const size_t at = eval_lower(row, g->n, q->at[i].key);
        if (at == g->n || strcmp(row[at].key, q->at[i].key)) continue;
        m->owner[m->rows] = m->id[row[at].at]; m->of[m->rows++] = &q->at[i];
    }
    if (!m->rows || m->groups < 2) rc = cli_fail("%s:%s: %lu queries have their match among %lu gallery entries; matching goes by group, or by file name where there is none", task->left, task->right, (unsigned long)m->rows, (unsigned long)m->groups);
done:
    lb__release(row);
    return rc;
}
/* The best of a group stands for it. */
static int eval_match_scores(eval *e, eval_match *m) {
    size_t dim = e->j.dim, i, k; int rc = 0; const char *const from = eval_side(m->q), *const to = eval_side(m->g); const float *a = e->raw ? m->q->raw : m->q->v, *b = e->raw ? m->g->raw : m->g->v; float *all = (float *)lb__alloc(m->g->n, sizeof *all), *p = NULL, *q = NULL;
    m->scores = (float *)lb__alloc(m->rows, m->groups * sizeof *m->scores);
    if (m->groups < m->g->n && !e->upstream) m->each = (float *)lb__alloc(m->rows, m->g->n * sizeof *m->each);
    if (!all || !m->scores || (m->groups < m->g->n && !e->upstream && !m->each)) rc = cli_fail("%s", lb_last_error());
    if (!rc && e->through.n && strcmp(from, "text") && strcmp(to, "text")) {
        a = p = through_vectors(&e->through, &e->j, from, a, m->q->n); b = q = through_vectors(&e->through, &e->j, to, b, m->g->n); dim = m->through = e->through.n;
        if (!p || !q) rc = cli_fail("%s", lb_last_error());
    }
    for (i = 0; i < m->rows && !rc; i++) {
        const size_t at = (size_t)(m->of[i] - m->q->at); float *o = m->scores + i * m->groups;
        if (lb_similarity(e->j.ctx, a + at * dim, 1, b, m->g->n, dim, 1, all)) { rc = cli_fail("%s", lb_last_error()); break; }
        if (m->each) memcpy(m->each + i * m->g->n, all, m->g->n * sizeof *all);
        for (k = 0; k < m->groups; k++) o[k] = -INFINITY;
        for (k = 0; k < m->g->n; k++) if (all[k] > o[m->id[k]]) o[m->id[k]] = all[k];
    }
    lb__release(all); lb__release(p); lb__release(q);
    return rc;
}
static int eval_match_means(eval *e, eval_match *m) {
    const size_t n = e->shared.n ? m->rows + m->groups : m->words ? m->rows : 0; eval_row *row = (eval_row *)lb__alloc(n, sizeof *row); uint32_t *out = (uint32_t *)lb__alloc(n, sizeof *out); size_t i; int rc = 0;
    m->q_means = (uint32_t *)lb__alloc(m->rows, sizeof *m->q_means); m->g_means = (uint32_t *)lb__alloc(m->groups, sizeof *m->g_means);
    if (!row || !out || !m->q_means || !m->g_means) rc = cli_fail("%s", lb_last_error());
    for (i = 0; i < n && !rc; i++) {
        row[i].at = i; row[i].key = !e->shared.n ? m->of[i]->text : eval_meaning(e, i < m->rows ? m->of[i]->item : m->group[i - m->rows]->item);
        if (!row[i].key) rc = cli_fail("out of memory");
    }
    if (!rc) {
        eval_number(row, n, out);
        memcpy(m->q_means, n ? out : m->owner, m->rows * sizeof *out);
        if (e->shared.n) memcpy(m->g_means, out + m->rows, m->groups * sizeof *out);
    }
    lb__release(row); lb__release(out);
    return rc;
}

static void eval_drawn_free(eval_drawn *d) {
    int dir;
    for (dir = 0; dir < 2; dir++) { lb__release(d->rank[dir]); lb__release(d->unit[dir]); }
    lb__release(d->pick); lb__release(d->place); lb__release(d->own); lb__release(d->q_means); lb__release(d->g_means); lb__release(d->sub);
    lb__release(d->row); lb__release(d->item_means); lb__release(d->best); lb__release(d->sorted);
}
static int eval_drawn_new(const eval *e, const eval_match *m, eval_drawn *d) {
    const size_t rows = m->rows, groups = m->groups, items = m->g->n; size_t cap = 0; int dir;
    d->size = e->size && (size_t)e->size < groups ? (size_t)e->size : groups; d->draws = d->size < groups ? (size_t)e->galleries : 1;
    d->pick = (uint32_t *)lb__alloc(groups, sizeof *d->pick); d->place = (uint32_t *)lb__alloc(groups, sizeof *d->place); d->own = (uint32_t *)lb__alloc(rows, sizeof *d->own);
    d->q_means = (uint32_t *)lb__alloc(rows, sizeof *d->q_means); d->g_means = (uint32_t *)lb__alloc(rows > groups ? rows : groups, sizeof *d->g_means); d->sub = d->size < groups ? (float *)lb__alloc(rows, d->size * sizeof *d->sub) : NULL;
    if (!d->pick || !d->place || !d->own || !d->q_means || !d->g_means || (d->size < groups && !d->sub)) return cli_fail("%s", lb_last_error());
    for (dir = 0; dir < 2; dir++)
        if (!lb__mul(dir ? m->each ? items : d->size : rows, d->draws, &cap) || !(d->rank[dir] = (double *)lb__alloc(cap, sizeof **d->rank)) || !(d->unit[dir] = (uint32_t *)lb__alloc(cap, sizeof **d->unit))) return cli_fail("%s", lb_last_error());
    if (!m->each) return 0;
    d->row = (uint32_t *)lb__alloc(rows, sizeof *d->row); d->item_means = (uint32_t *)lb__alloc(items, sizeof *d->item_means); d->best = (float *)lb__alloc(groups, sizeof *d->best); d->sorted = (double *)lb__alloc(items, sizeof *d->sorted);
    return d->row && d->item_means && d->best && d->sorted ? 0 : cli_fail("%s", lb_last_error());
}
static void eval_sum(lb_retrieval *to, const lb_retrieval *one, size_t n) {
    const double w = (double)n;
    to->r1 += one->r1 * w; to->r5 += one->r5 * w; to->r10 += one->r10 * w; to->median += one->median * w; to->mean += one->mean * w; to->count += n;
}
/* The way back where groups have several entries: each asks by itself among the gallery's n queries, the best of a group standing for it.  How many ask. */
static size_t eval_draw_entries(const eval_match *m, eval_drawn *d, size_t n, lb_retrieval *out) {
    double *rank = d->rank[1] + d->n[1]; uint32_t *unit = d->unit[1] + d->n[1]; size_t j, i, asked = 0;
    for (j = 0; j < m->g->n; j++) {
        const uint32_t at = d->place[m->id[j]]; size_t above = 0;
        if (at == UINT32_MAX) continue;
        for (i = 0; i < d->size; i++) d->best[i] = -INFINITY;
        for (i = 0; i < n; i++) { const float s = m->each[d->row[i] * m->g->n + j]; if (s > d->best[d->own[i]]) d->best[d->own[i]] = s; }
        if (!(d->best[at] > -INFINITY)) continue;
        for (i = 0; i < d->size; i++) above += i != at && d->best[i] >= d->best[at];
        unit[asked] = m->id[j]; d->item_means[asked] = m->g_means[m->id[j]]; rank[asked++] = (double)above;
    }
    memcpy(d->sorted, rank, asked * sizeof *rank);
    *out = lb__eval_ranks(d->sorted, asked, 0);
    return asked;
}
/* Gallery number `draw`: the first `size` of the shuffled groups, the queries that have their match among them, and both directions' ranks. */
static lb_status eval_draw(const eval *e, const eval_match *m, eval_drawn *d, size_t draw) {
    lb__rng rng = lb__rng_new((uint64_t)e->seed, draw); const size_t size = d->size, q_at = d->n[0], g_at = d->n[1]; size_t i, k, n = 0, once = 0, asked = 0, back = size; lb_retrieval one[2], best; lb_status st;
    for (i = 0; i < m->groups; i++) { d->pick[i] = (uint32_t)i; d->place[i] = UINT32_MAX; }
    if (d->sub) for (i = 0; i < size; i++) { const size_t other = i + lb__rng_below(&rng, (uint32_t)(m->groups - i)); const uint32_t t = d->pick[i]; d->pick[i] = d->pick[other]; d->pick[other] = t; }
    for (i = 0; i < size; i++) d->place[d->pick[i]] = (uint32_t)i;
    for (i = 0; i < m->rows; i++) {
        if (d->place[m->owner[i]] == UINT32_MAX) continue;
        if (d->sub) for (k = 0; k < size; k++) d->sub[n * size + k] = m->scores[i * m->groups + d->pick[k]];
        if (m->each) d->row[n] = (uint32_t)i;
        d->own[n] = d->place[m->owner[i]]; d->unit[0][q_at + n] = m->owner[i]; d->q_means[n] = m->q_means[i];
        if (!m->of[i]->again) d->g_means[once++] = d->q_means[n];                       /* each text once a group, so the same words count the groups */
        n++;
    }
    if (!n) return LB_OK;
    if ((st = lb_eval_retrieval(e->j.ctx, d->sub ? d->sub : m->scores, n, size, d->own, e->upstream, &one[0], &one[1], d->rank[0] + q_at, d->rank[1] + g_at)) != LB_OK) return st;
    if (e->shared.n) for (k = 0; k < size; k++) d->g_means[k] = m->g_means[d->pick[k]];
    if (e->shared.n || m->words) {
        if ((st = lb_eval_ceiling(e->j.ctx, d->q_means, n, d->g_means, e->shared.n ? size : once, &best)) != LB_OK) return st;
        eval_sum(&d->ceiling[0], &best, n);
    }
    for (k = 0; k < size; k++) {
        d->unit[1][g_at + k] = d->pick[k];
        if (d->rank[1][g_at + k] == d->rank[1][g_at + k]) d->g_means[asked++] = d->g_means[k];          /* what no query stands for is neither asked with nor found */
    }
    if (m->each) back = eval_draw_entries(m, d, n, &one[1]);
    if (e->shared.n) {
        if ((st = lb_eval_ceiling(e->j.ctx, m->each ? d->item_means : d->g_means, m->each ? back : asked, d->g_means, asked, &best)) != LB_OK) return st;
        eval_sum(&d->ceiling[1], &best, m->each ? back : asked);
    }
    eval_sum(&d->side[0], &one[0], one[0].count); eval_sum(&d->side[1], &one[1], one[1].count);
    d->drawn++; d->asked += asked; if (asked > d->most) d->most = asked;
    d->n[0] += n; d->n[1] += back;
    return LB_OK;
}
static void eval_values(const lb_retrieval *of, double w, double *out) { out[0] = of->r1 / w; out[1] = of->r5 / w; out[2] = of->r10 / w; out[3] = of->median / w; out[4] = of->mean / w; }
/* The median of the ranks of all galleries, from 1 (a mean of medians could lie outside of its interval); NaN are left out.  Changes `rank`. */
static double eval_median(double *rank, size_t n) {
    size_t i, k;
    for (i = k = 0; i < n; i++) if (rank[i] == rank[i]) rank[k++] = rank[i];
    return lb__eval_ranks(rank, k, 0).median;
}
/* A direction's metrics as a result, which has the match's arrays from here on. */
static int eval_direction(eval *e, const eval_task *task, const eval_match *m, const eval_drawn *d, int dir) {
    static const char *const names[] = { "R@1", "R@5", "R@10", "MedR", "MnR" }, *const jsons[] = { "r1", "r5", "r10", "median_rank", "mean_rank" };
    const lb_retrieval *v = &d->side[dir], *c = &d->ceiling[dir]; const double N = dir ? (double)d->asked / (double)d->drawn : (double)d->size; const size_t most = dir ? d->most : d->size;
    double value[5], low[5], high[5], ceiling[5], chance[5]; lb_retrieval lo, hi; eval_result *r; size_t k;
    if (lb_eval_retrieval_interval(e->j.ctx, d->rank[dir], d->unit[dir], d->n[dir], (size_t)e->rounds, 0.95, (uint64_t)e->seed, &lo, &hi)) return cli_fail("%s", lb_last_error());
    eval_values(v, (double)v->count, value); eval_values(&lo, 1, low); eval_values(&hi, 1, high); eval_values(c, (double)(c->count ? c->count : 1), ceiling);
    if (d->draws > 1 && !e->upstream) value[3] = eval_median(d->rank[dir], d->n[dir]);
    if (most <= 5) low[1] = 1;                                                          /* among five the first five are certain */
    if (most <= 10) low[2] = 1;
    chance[0] = 1 / N; chance[1] = N < 5 ? 1 : 5 / N; chance[2] = N < 10 ? 1 : 10 / N; chance[3] = chance[4] = (N + 1) / 2;
    if (!(r = eval_result_new(e))) return cli_fail("out of memory");
    r->retrieval = 1; r->from = dir ? task->right : task->left; r->to = dir ? task->left : task->right; snprintf(r->title, sizeof r->title, "%s -> %s", r->from, r->to);
    r->n = (v->count + d->drawn / 2) / d->drawn; r->gallery = (size_t)(N + 0.5); r->galleries = d->draws; r->dropped = dir ? 0 : m->q->n - m->rows; r->missing = (dir ? m->g : m->q)->missing; r->query = task->a; r->found = task->b; r->transposed = dir; r->through = m->through;
    for (k = 0; k < 5; k++) eval_metric_add(r, names[k], jsons[k], k < 3, value[k], low[k], high[k], chance[k], c->count ? ceiling[k] : NAN);
    r->columns = m->groups; r->rows = m->rows; r->scores = m->scores; r->owner = m->owner; r->of = m->of; r->group = m->group;
    return 0;
}
static int eval_retrieve(eval *e, const eval_task *task) {
    eval_match m; eval_drawn d; size_t i; int rc;
    memset(&m, 0, sizeof m); memset(&d, 0, sizeof d);
    m.q = task->a; m.g = task->b; m.words = !e->shared.n && m.q->modalities == 1 && !strcmp(m.q->modality[0], "text");
    rc = eval_match_groups(&m, task);
    if (!rc) rc = eval_match_scores(e, &m);
    if (!rc) rc = eval_match_means(e, &m);
    if (!rc) rc = eval_drawn_new(e, &m, &d);
    for (i = 0; i < d.draws && !rc; i++) {                                              /* galleries drawn from the seed, averaged */
        if (eval_draw(e, &m, &d, i)) rc = cli_fail("%s:%s: %s", task->left, task->right, lb_last_error());
        cli_progress("eval: galleries", i + 1, d.draws);
    }
    if (!rc && !d.drawn) rc = cli_fail("%s:%s: no gallery of %lu that was drawn holds a query's match; a larger --gallery-size or more --galleries was expected", task->left, task->right, (unsigned long)d.size);
    if (!rc) rc = eval_direction(e, task, &m, &d, 0);
    if (!rc) {
        rc = eval_direction(e, task, &m, &d, 1);
        m.scores = NULL; m.owner = NULL; m.of = NULL; m.group = NULL;                   /* shared by the two results, freed with the first */
    }
    eval_match_free(&m); eval_drawn_free(&d);
    return rc;
}

/* ---- writing ---- */

/* A rank or d' as people write it, with its interval: "12.34", "low-high"; thousands without a power of ten. */
static void eval_ranks(char value[32], char interval[64], const eval_metric *m, const char *between) {
    snprintf(value, 32, m->value >= 1000 ? "%.0f" : "%.4g", m->value);
    snprintf(interval, 64, m->low >= 1000 ? "%.0f%s" : "%.3g%s", m->low, between);
    snprintf(interval + strlen(interval), 24, m->high >= 1000 ? "%.0f" : "%.3g", m->high);
}
static lb_status eval_number_cell(cli_out *o, const eval_metric *m, int width) {
    char text[128], value[32], interval[64]; int n;
    if (m->value != m->value) n = snprintf(text, sizeof text, "-");
    else if (m->share) n = snprintf(text, sizeof text, "%.1f (%.1f-%.1f)", 100 * m->value, 100 * m->low, 100 * m->high);
    else { eval_ranks(value, interval, m, "-"); n = snprintf(text, sizeof text, "%s (%s)", value, interval); }
    return cli_out_text(o, "  %*s%s", width > n ? width - n : 0, "", text);
}
/* Results of one kind, one a line. */
static lb_status eval_table_write(cli_out *o, const eval *e, int retrieval) {
    size_t i, k, first = e->results; int left = 14, w;
    for (i = 0; i < e->results; i++) if (e->result[i].retrieval == retrieval) { if (first == e->results) first = i; w = score_columns(e->result[i].title); if (w > left) left = w; }
    if (first == e->results) return LB_OK;
    LB__TRY(cli_out_text(o, "%-*s %7s %7s", left, retrieval ? "retrieval" : "classification", "N", retrieval ? "gallery" : "classes"));
    for (k = 0; k < e->result[first].metrics; k++) LB__TRY(cli_out_text(o, "  %19s", e->result[first].metric[k].name));
    LB__TRY(cli_out_text(o, "  %8s%s\n", "chance", retrieval ? "  ceiling" : ""));
    for (i = 0; i < e->results; i++) {
        const eval_result *r = &e->result[i];
        if (r->retrieval != retrieval) continue;
        LB__TRY(cli_out_text(o, "%s%*s %7lu %7lu", r->title, left - score_columns(r->title), "", (unsigned long)r->n, (unsigned long)r->gallery));
        for (k = 0; k < r->metrics; k++) LB__TRY(eval_number_cell(o, &r->metric[k], 19));
        LB__TRY(cli_out_text(o, "  %8.1f", 100 * r->metric[0].chance));
        if (retrieval && r->metric[0].ceiling == r->metric[0].ceiling) LB__TRY(cli_out_text(o, "  %7.1f", 100 * r->metric[0].ceiling));
        LB__TRY(cli_out_text(o, "\n"));
    }
    return LB_OK;
}
static lb_status eval_details_write(cli_out *o, const eval_result *r) {
    size_t i, k; char a[64];
    LB__TRY(cli_out_text(o, "\n%s%*s %7s %7s%s\n", r->title, 24 - score_columns(r->title) < 0 ? 0 : 24 - score_columns(r->title), "", "N", r->confusion ? "top-1" : "AP", r->confusion ? "   guesses" : ""));
    for (i = 0; i < r->columns; i++) {
        score_label(a, sizeof a, r->classes[i].name, 24, 0);
        LB__TRY(cli_out_text(o, "%s%*s %7lu", a, 24 - score_columns(a), "", (unsigned long)r->classes[i].n));
        LB__TRY(r->classes[i].score == r->classes[i].score ? cli_out_text(o, " %7.1f", 100 * r->classes[i].score) : cli_out_text(o, "       -"));
        for (k = 0; k < r->columns && r->confusion; k++) LB__TRY(cli_out_text(o, "%s%5lu", k ? "" : "  ", (unsigned long)r->confusion[i * r->columns + k]));
        LB__TRY(cli_out_text(o, "\n"));
    }
    return LB_OK;
}
/* JSON knows neither infinity (d' of classes that are told apart without a fault) nor NaN. */
static lb_status eval_json_value(cli_out *o, double v) { return v - v == 0 ? cli_out_text(o, "%.9g", v) : cli_out_text(o, "null"); }
static lb_status eval_json_number(cli_out *o, const char *key, double v) { LB__TRY(cli_out_text(o, ", \"%s\": ", key)); return eval_json_value(o, v); }
static lb_status eval_json_write(cli_out *o, const eval *e, const char *model) {
    size_t i, k, c, first = 1; int retrieval;
    LB__TRY(cli_out_text(o, "{\"model\": ")); LB__TRY(cli_out_json(o, model)); LB__TRY(cli_out_text(o, ", \"split\": ")); LB__TRY(cli_out_json(o, e->split));
    LB__TRY(cli_out_text(o, ", \"rounds\": %lu, \"seed\": %lu, \"views\": %d, \"upstream_metrics\": %s, \"unnormalised\": %s", (unsigned long)e->rounds, (unsigned long)e->seed, e->views ? 15 : 1, e->upstream ? "true" : "false", e->raw ? "true" : "false"));
    for (retrieval = 0; retrieval < 2; retrieval++) {
        LB__TRY(cli_out_text(o, ", \"%s\": [", retrieval ? "retrieve" : "classify"));
        for (i = 0, first = 1; i < e->results; i++) {
            const eval_result *r = &e->result[i];
            if (r->retrieval != retrieval) continue;
            LB__TRY(cli_out_text(o, "%s\n {\"task\": ", first ? "" : ",")); first = 0;
            LB__TRY(cli_out_json(o, r->title)); LB__TRY(cli_out_text(o, ", \"%s\": ", retrieval ? "query" : "modality")); LB__TRY(cli_out_json(o, r->from));
            if (retrieval) { LB__TRY(cli_out_text(o, ", \"gallery\": ")); LB__TRY(cli_out_json(o, r->to)); LB__TRY(cli_out_text(o, ", \"gallery_size\": %lu, \"galleries\": %lu, \"through\": %lu", (unsigned long)r->gallery, (unsigned long)r->galleries, (unsigned long)r->through)); }
            else if (r->column) { LB__TRY(cli_out_text(o, ", \"column\": ")); LB__TRY(cli_out_json(o, r->column)); }
            LB__TRY(cli_out_text(o, ", \"n\": %lu, \"left_out\": %lu", (unsigned long)r->n, (unsigned long)(r->dropped + r->missing)));
            for (k = 0; k < r->metrics; k++) {
                const eval_metric *m = &r->metric[k];
                LB__TRY(cli_out_text(o, ", \"%s\": {\"value\": ", m->json)); LB__TRY(eval_json_value(o, m->value)); LB__TRY(eval_json_number(o, "low", m->low)); LB__TRY(eval_json_number(o, "high", m->high)); LB__TRY(eval_json_number(o, "chance", m->chance));
                if (retrieval) LB__TRY(eval_json_number(o, "ceiling", m->ceiling));
                LB__TRY(cli_out_text(o, "}"));
            }
            if (!retrieval) {
                LB__TRY(cli_out_text(o, ", \"classes\": ["));
                for (k = 0; k < r->columns; k++) {
                    LB__TRY(cli_out_text(o, "%s{\"class\": ", k ? ", " : "")); LB__TRY(cli_out_json(o, r->classes[k].value)); LB__TRY(cli_out_text(o, ", \"name\": ")); LB__TRY(cli_out_json(o, r->classes[k].name));
                    LB__TRY(cli_out_text(o, ", \"n\": %lu", (unsigned long)r->classes[k].n)); LB__TRY(eval_json_number(o, r->confusion ? "top1" : "ap", r->classes[k].score)); LB__TRY(cli_out_text(o, "}"));
                }
                LB__TRY(cli_out_text(o, "]"));
                for (k = 0; k < r->columns && r->confusion; k++) {
                    LB__TRY(cli_out_text(o, "%s[", k ? ", " : ", \"confusion\": ["));
                    for (c = 0; c < r->columns; c++) LB__TRY(cli_out_text(o, "%s%lu", c ? ", " : "", (unsigned long)r->confusion[k * r->columns + c]));
                    LB__TRY(cli_out_text(o, k + 1 == r->columns ? "]]" : "]"));
                }
            }
            LB__TRY(cli_out_text(o, "}"));
        }
        LB__TRY(cli_out_text(o, "]"));
    }
    return cli_out_text(o, "}\n");
}

static void eval_close(eval *e) {
    size_t i;
    for (i = 0; i < e->results; i++) {
        eval_result *r = &e->result[i];
        free(r->classes); lb__release(r->confusion);
        if (!r->transposed) { lb__release(r->scores); lb__release(r->owner); lb__release((void *)r->of); lb__release((void *)r->group); }
    }
    free(e->result);
    for (i = 0; i < e->sets; i++) { free(e->set[i].at); lb__release(e->set[i].v); lb__release(e->set[i].raw); }
    for (i = 0; i < e->manifests; i++) lb_manifest_free(&e->manifest[i]);
    if (e->prompts_open) lb__json_free(&e->prompts);
    inputs_free(&e->table.text); inputs_free(&e->labels); inputs_free(&e->prompt_lines); lb__release((void *)e->table.cell); lb__release(e->manifest); lb__release(e->item); lb__release(e->task);
    lb__release(e->through.v); lb__release(e->one_value); lb__release(e->j.norms); job_close(&e->j); inputs_free(&e->in); inputs_free(&e->keep);
    cli_list_free(&e->data); cli_list_free(&e->classify); cli_list_free(&e->retrieve); cli_list_free(&e->template_list); cli_list_free(&e->where); cli_list_free(&e->shared); cli_list_free(&e->vectors);
}
/* Vectors that were computed before, in the place of embedding: MODALITY=FILE.npy, a row an item in the order of the data. */
static int eval_vectors(eval *e, const char *rule) {
    const char *equal = strchr(rule, '='); lb_tensor t; size_t i, n = 0, at = 0; int rc = 0;
    memset(&t, 0, sizeof t);
    if (lb_npy_load(e->j.ctx, equal + 1, &t)) return cli_fail("%s", lb_last_error());
    for (i = 0; i < e->items; i++) n += strlen(e->item[i].modality) == (size_t)(equal - rule) && !strncmp(e->item[i].modality, rule, (size_t)(equal - rule));
    if (t.dtype != LB_F32 || t.ndim != 2 || t.shape[1] != e->j.dim || t.shape[0] != n) rc = cli_fail("%s: holds %s [%lu, %lu], f32 [%lu, %lu] was expected: a row an item of the split", equal + 1, lb_dtype_name(t.dtype), (unsigned long)t.shape[0], (unsigned long)(t.ndim > 1 ? t.shape[1] : 0), (unsigned long)n, (unsigned long)e->j.dim);
    for (i = 0; i < e->items && !rc; i++) if (strlen(e->item[i].modality) == (size_t)(equal - rule) && !strncmp(e->item[i].modality, rule, (size_t)(equal - rule))) {
        const float *row = (const float *)t.data + at * e->j.dim; double sum = 0; size_t c;
        if (e->item[i].views && lb_mean_embedding(row, 1, e->j.dim, e->j.vectors + e->item[i].first * e->j.dim)) rc = cli_fail("%s: row %lu: %s", equal + 1, (unsigned long)at, lb_last_error());
        for (c = 0; c < e->j.dim; c++) sum += (double)row[c] * (double)row[c];
        if (e->item[i].views && e->j.norms) e->j.norms[e->item[i].first] = (float)sqrt(sum);
        at++;
    }
    lb_tensor_free(&t);
    return rc;
}
/* What --vectors names is there, and once. */
static int eval_vectors_check(const eval *e) {
    size_t i, k;
    for (i = 0; i < e->vectors.n; i++) {
        const char *rule = e->vectors.item[i].value, *equal = strchr(rule, '='); const size_t n = equal ? (size_t)(equal - rule) + 1 : 0; char name[LB_NAME_SIZE];
        if (n < 2) return cli_wrong("--vectors is `%s`, MODALITY=FILE.npy was expected", rule);
        for (k = 0; k < i; k++) if (!strncmp(e->vectors.item[k].value, rule, n)) return cli_wrong("--vectors names %.*s twice", (int)n - 1, rule);
        snprintf(name, sizeof name, "%.*s", (int)n - 1, rule);
        if (!lb_model_modality(e->j.model, name)) return job_lacks(&e->j, "--vectors", name);
        for (k = 0; k < e->items && strcmp(e->item[k].modality, name); k++) {}
        if (k == e->items) return cli_fail("--vectors: the data has no item of modality %s (split %s)", name, e->split);
    }
    return 0;
}
/* "depth:shape" or "depth" */
static int eval_split_task(eval *e, const char *text, eval_task *t) {
    const char *colon = strchr(text, ':');
    t->left = colon ? inputs_keep(&e->keep, text, (size_t)(colon - text)) : text; t->right = colon ? colon + 1 : NULL; t->a = t->b = NULL;
    if (!t->left) return cli_fail("out of memory");
    if (!*t->left || (colon && !colon[1])) return cli_wrong("`%s`: a name is missing", text);
    return 0;
}
/* The modality whose captions stand for text on the other side: the first of "a+b" that is not text itself. */
static const char *eval_other(eval *e, const char *side) {
    while (side && !strncmp(side, "text+", 5)) side += 5;
    return side ? inputs_keep(&e->keep, side, strcspn(side, "+")) : NULL;
}

#include "report.c"

/* One file, as items of one modality. */
static int eval_twice(const char *a, const char *b) {
    const char *x = eval_path(a), *y = eval_path(b);
    return (x == a || y == b || (x - a == y - b && !strncmp(a, b, (size_t)(x - a)))) && (!strcmp(x, y) || cli_same(x, y));
}
/* What is asked for goes together, and what is written takes the place of nothing that is read.  0, or the exit status after a message. */
static int eval_wanted(const eval *e) {
    size_t i, k; int rc;
    if (!e->model) return cli_wrong("which model? -m FILE");
    if (!e->data.n) return cli_wrong("which data? --data MANIFEST or FOLDER");
    if (e->report && !strcmp(e->report, "-") && (!e->to || !strcmp(e->to, "-"))) return cli_wrong("table and page would both go to standard output; -o FILE or --report FILE.html was expected");
    if (e->through.file && e->raw) return cli_wrong("--through compares vectors of unit length, --unnormalised others");
    if (e->views && e->frames && !strcmp(e->frames, "retrieval")) return cli_wrong("--views and --frames retrieval choose frames in two ways");
    for (i = 0; i < e->data.n; i++) for (k = 0; k < i; k++)
        if (eval_twice(e->data.item[i].value, e->data.item[k].value)) return cli_wrong("--data has %s twice, its items would count twice", eval_path(e->data.item[i].value));
    if (e->shared.n && !e->attributes) return cli_wrong("--shared names columns: --attributes FILE was expected");
    if (cli_same(e->to, e->report)) return cli_wrong("table and page would both be %s; name another with -o or --report", e->to);
    for (i = 0; i < 2; i++) {
        const char *o = i ? e->report : e->to; const char *const from[] = { e->model, e->attributes, e->prompts_file, e->labels_file, e->templates_file, e->through.file }; const cli_list *const lists[] = { &e->data, &e->vectors, &e->j.adapters };
        for (k = 0; k < LB__COUNT(from); k++) if ((rc = cli_apart(o, from[k])) >= 0) return rc;
        for (k = 0; k < LB__COUNT(lists); k++) if ((rc = cli_apart_all(o, lists[k])) >= 0) return rc;
    }
    return 0;
}
/* Places that cannot be written, and files that hold nothing or a wrong line, show before the work. */
static int eval_files(eval *e) {
    lb__bytes f; lb_limits l = lb_limits_default(); lb_status s; size_t i, k; int rc = -1;
    if (cli_out_try(e->report) || cli_out_try(e->to)) return cli_fail("%s", lb_last_error());
    for (i = 0; i < e->template_list.n; i++) if (!strstr(e->template_list.item[i].value, "{}")) return cli_wrong("--template `%s` has no {} for the class name", e->template_list.item[i].value);
    if (e->templates_file && !inputs_built_in(e->templates_file)) rc = inputs_prompts(&e->prompt_lines, e->templates_file, LB_IMAGE);
    if (rc < 0 && e->labels_file) {
        rc = inputs_lines(&e->labels, e->labels_file, 1);
        for (i = k = 0; i < e->labels.n && rc < 0; i++) {
            const char *line = e->labels.at[i].value, *tab = strchr(line, '\t');
            k += *line != 0;
            if (tab && (tab == line || !tab[1])) rc = cli_fail("%s: line %lu: NAME or CLASS<tab>NAME was expected", e->labels_file, (unsigned long)i + 1);
        }
        if (rc < 0 && !k) rc = cli_fail("%s: holds no labels", e->labels_file);
    }
    if (rc >= 0 || !e->prompts_file) return rc < 0 ? 0 : rc;
    if (lb__bytes_open(e->prompts_file, &f)) return cli_fail("%s", lb_last_error());
    s = lb__json_parse(&l, (const char *)f.data, f.size, NULL, &e->prompts);
    lb__bytes_close(&f);
    if (s) return cli_fail("%s: %s", e->prompts_file, lb_last_error());
    e->prompts_open = 1;
    return eval_prompts_check(e->prompts_file, e->prompts.root);
}
/* The tasks that --classify and --retrieve name; without them folders are classified, and manifests searched by text in every modality they have. */
static int eval_tasks(eval *e) {
    size_t i, k; int rc; eval_task *t;
    for (i = 0; i < e->shared.n; i++) if (eval_column(&e->table, e->shared.item[i].value) < 0) return cli_fail("%s: has no column %s", e->attributes, e->shared.item[i].value);
    if (!(e->task = (eval_task *)lb__alloc(e->classify.n + e->retrieve.n + 2 * LB_MAX_MODALITIES, sizeof *e->task))) return cli_fail("%s", lb_last_error());
    for (i = 0; i < e->classify.n; i++) {
        const char *named = e->classify.item[i].value; t = &e->task[e->tasks++];
        if ((rc = eval_split_task(e, named, t)) != 0) return rc;
        if (t->right && !e->has_table) return cli_wrong("`%s` names a column: --attributes FILE was expected", named);
        if (t->right && eval_column(&e->table, t->right) < 0) return cli_fail("%s: has no column %s", e->attributes, t->right);
        if (!strcmp(t->left, "text")) return cli_wrong("`%s`: texts are not classified", named);
    }
    for (i = 0; i < e->retrieve.n; i++) {
        const char *named = e->retrieve.item[i].value; t = &e->task[e->tasks++];
        if ((rc = eval_split_task(e, named, t)) != 0) return rc;
        t->retrieval = 1;
        if (!t->right) return cli_wrong("`%s`: QUERY:GALLERY was expected, text:%s for instance", named, strcmp(named, "text") ? named : strcmp(e->item[0].modality, "text") ? e->item[0].modality : "image");
        if (!strcmp(t->left, t->right)) return cli_wrong("`%s`: both sides are the same", named);
        if (!strcmp(t->right, "text")) { t->right = t->left; t->left = "text"; }          /* the same pair; texts ask, each for itself, and are found by their best */
    }
    if (!e->tasks) for (i = 0; i < e->items; i++) {
        const char *m = e->item[i].modality; const int folder = !e->item[i].item->line;
        if (!strcmp(m, "text")) continue;                                     /* captions found by themselves */
        for (k = 0; k < e->tasks && (strcmp(m, folder ? e->task[k].left : e->task[k].right) || e->task[k].retrieval == folder); k++) {}
        if (k < e->tasks || e->tasks == LB_MAX_MODALITIES) continue;
        t = &e->task[e->tasks++]; t->retrieval = !folder; t->left = folder ? m : "text"; t->right = folder ? NULL : m;
    }
    if (!e->tasks) return cli_fail("the data has items of modality text alone, with nothing to compare them with");
    for (i = k = 0; i < e->tasks; i++) k += e->task[i].retrieval && strcmp(e->task[i].left, "text") && strcmp(e->task[i].right, "text");
    if (e->through.file && !k) return cli_wrong("--through compares modalities other than text, and no --retrieve names two of them");
    for (i = k = 0; i < e->tasks; i++) k += e->task[i].retrieval;
    if (k == e->tasks && (e->labels_file || e->template_list.n || e->templates_file || e->multi || e->details)) return cli_wrong("--labels, --template, --templates, --multi-label and --details go with classes, and nothing is classified: --classify MODALITY was expected");
    if (!k && (e->size || e->shared.n || e->upstream || e->raw)) return cli_wrong("--gallery-size, --shared, --upstream-metrics and --unnormalised go with retrieval, and nothing is searched: --retrieve QUERY:GALLERY was expected");
    return e->prompts_file ? eval_prompts_known(e) : 0;
}
/* What stands on the sides of the tasks; a side that is classified by several columns is embedded once. */
static int eval_sides(eval *e) {
    size_t i, k; int rc;
    for (i = 0; i < e->tasks; i++) {
        eval_task *t = &e->task[i]; const int across = t->retrieval && ((strcmp(t->left, "text") && strcmp(t->right, "text")) || strchr(t->left, '+') || strchr(t->right, '+')); const char *other;
        for (k = 0; k < i && (strcmp(e->task[k].left, t->left) || e->task[k].retrieval || t->retrieval); k++) {}
        if (k < i) { t->a = e->task[k].a; continue; }
        other = eval_other(e, t->right);
        if (!other && t->retrieval) return cli_fail("out of memory");
        if ((rc = eval_set_new(e, t->left, other, across, &t->a)) != 0) return rc;
        if (!t->retrieval) continue;
        if (!(other = eval_other(e, t->left))) return cli_fail("out of memory");
        if ((rc = eval_set_new(e, t->right, other, across, &t->b)) != 0) return rc;
    }
    return 0;
}
static int eval_run(eval *e) {
    size_t i; int rc;
    if (e->raw && !(e->j.norms = (float *)lb__alloc(e->in.n, sizeof(float)))) return cli_fail("%s", lb_last_error());
    e->j.in = &e->in; e->j.any = e->vectors.n > 0;
    if ((rc = through_open(&e->through, &e->j)) != 0 || (rc = job_run(&e->j)) != 0) return rc;
    for (i = 0; i < e->vectors.n; i++) if ((rc = eval_vectors(e, e->vectors.item[i].value)) != 0) return rc;
    lb_ctx_watch(e->j.ctx, NULL, NULL);
    for (i = 0; i < e->tasks; i++) {
        const eval_task *t = &e->task[i];
        if ((rc = eval_set_vectors(e, t->a)) != 0 || (t->b && (rc = eval_set_vectors(e, t->b)) != 0)) return rc;
        if ((rc = t->retrieval ? eval_retrieve(e, t) : eval_classify(e, t)) != 0) return rc;
    }
    return 0;
}
static int eval_write(eval *e) {
    cli_out out; lb_status s; size_t i, kinds = 0;
    if (e->report && page_write(e, e->report, e->model)) return cli_fail("%s", lb_last_error());
    if (cli_out_open(&out, e->to)) return cli_fail("%s", lb_last_error());
    if (e->common.json) s = eval_json_write(&out, e, e->model);
    else {
        s = eval_table_write(&out, e, 0);
        for (i = 0; i < e->results && !s && e->details; i++) if (!e->result[i].retrieval) s = eval_details_write(&out, &e->result[i]);
        for (i = 0; i < e->results; i++) kinds |= e->result[i].retrieval ? 2 : 1;
        if (!s && kinds == 3) s = cli_out_text(&out, "\n");
        if (!s) s = eval_table_write(&out, e, 1);
        for (i = 0; i < e->results && !s; i++) {
            const eval_result *r = &e->result[i];
            if (r->through) s = cli_out_text(&out, "%s: by what they resemble among %lu texts (%s)\n", r->title, (unsigned long)r->through, e->through.file);
            if (r->dropped && !s) s = cli_out_text(&out, "%s: %lu of %s left out: %s\n", r->title, (unsigned long)r->dropped, r->from, r->retrieval ? "the gallery has no match" : "their class is not known");
            if (r->missing && !s) s = cli_out_text(&out, "%s: %lu of %s left out: a part of the sum is missing\n", r->title, (unsigned long)r->missing, r->from);
        }
    }
    if (!s && !cli_out_commit(&out)) return 0;
    cli_fail("%s", lb_last_error()); cli_out_abort(&out);
    return 1;
}

static int cmd_eval(int argc, char **argv) {
    static eval e; int rc;
    const cli_option options[] = {
        CLI_MODEL(e.model),
        JOB_ADAPTER(e.j),
        { "data", 'd', CLI_LIST, &e.data, "[MODALITY=]DATA", "manifests (.tsv, .jsonl, VIDAL's .json) or folders\nclass/file; MODALITY for items that do not say it", 0, 0 },
        { "split", 0, CLI_TEXT, &e.split, "NAME", "the items to look at; all for every one (default: test\nof the data that have such a split, all of the others)", 0, 0 },
        { "classify", 'c', CLI_LIST, &e.classify, "MODALITY[:COLUMN]", "zero-shot classes: the group of an item, or\nthe column of --attributes; a+b for the sum of two embeddings", 0, 0 },
        { "retrieve", 'r', CLI_LIST, &e.retrieve, "QUERY:GALLERY", "both directions; text stands for the other\nside's captions, a+b for the sum of two embeddings", 0, 0 },
        { "attributes", 0, CLI_TEXT, &e.attributes, "FILE", "tab-separated: a line of column names, then a row a\ngroup (or file name, without its ending), which the\nfirst column names", 0, 0 },
        { "where", 0, CLI_LIST, &e.where, "COLUMN=VALUE[,VALUE]", "only items with these attributes; != without them; a value\nthat holds commas itself alone", 0, 0 },
        { "shared", 0, CLI_LIST, &e.shared, "COLUMN", "what both sides of a retrieval can know: items that are\nequal in it cannot be told apart, and set the ceiling", 0, 0 },
        { "labels", 0, CLI_TEXT, &e.labels_file, "FILE", "class names, a line each: NAME, or CLASS<tab>NAME;\nclasses that no item has are guessed among, too", 0, 0 },
        { "template", 0, CLI_LIST, &e.template_list, "PROMPT", "prompts, {} stands for the class; the mean over all", 0, 0 },
        { "templates", 0, CLI_TEXT, &e.templates_file, "FILE", "prompts, one a line; built in: openai (the 80 for ImageNet),\nupstream (LanguageBind's, by modality)", 0, 0 },
        { "prompts", 0, CLI_TEXT, &e.prompts_file, "FILE", "JSON with both for each task: {\"depth:shape\": {\n\"templates\": [...], \"names\": {\"ball\": [\"ball\", ...]}}};\n\"shape\" alone, or \"depth\", serves where that is missing", 0, 0 },
        THROUGH_OPTION(e.through),
        { "multi-label", 0, CLI_FLAG, &e.multi, NULL, "classes of an item parted by |: mAP, AUC and d'", 0, 0 },
        { "captions", 0, CLI_CHOICE, &e.captions, "all|first|join", "which captions of an item ask (default all; in a sum, text\nis the first)", 0, 0 },
        { "gallery-size", 0, CLI_INT, &e.size, "N", "search among N, drawn from the seed (default all)", 2, 1e9 },
        { "galleries", 0, CLI_INT, &e.galleries, "N", "how many are drawn (default 10); shares and mean rank are\naveraged, MedR is the median of the ranks of all", 1, 10000 },
        { "views", 0, CLI_FLAG, &e.views, NULL, "videos in 15 views (5 windows x 3 crops), averaged; resized\nand normalised as upstream's Kinetics evaluation does", 0, 0 },
        { "frames", 0, CLI_CHOICE, &e.frames, "inference|retrieval", "which frames of a video (default inference: first to last);\nretrieval: from whole seconds without the last one, resized by\nPillow's bicubic filter, as upstream's retrieval evaluation does", 0, 0 },
        { "upstream-metrics", 0, CLI_FLAG, &e.upstream, NULL, "retrieval counted as LanguageBind's code does: equal\nscores are entries of their own, and so are equal captions of an\nitem (intervals are not)", 0, 0 },
        { "unnormalised", 0, CLI_FLAG, &e.raw, NULL, "retrieval by vectors not of unit length, as that code", 0, 0 },
        { "vectors", 0, CLI_LIST, &e.vectors, "MODALITY=FILE.npy", "vectors computed before (embed -o), a row an item; its files\nare read for the pictures of a report only", 0, 0 },
        { "details", 0, CLI_FLAG, &e.details, NULL, "every class with its row of the confusion matrix", 0, 0 },
        { "report", 0, CLI_TEXT, &e.report, "FILE.html", "one page with tables, maps and what was found", 0, 0 },
        { "map", 0, CLI_CHOICE, &e.map, "tsne|pca", "how the report's maps are drawn (default tsne)", 0, 0 },
        { "output", 'o', CLI_TEXT, &e.to, "FILE", "where the table goes (default standard output)", 0, 0 },
        { "rounds", 0, CLI_INT, &e.rounds, "N", "bootstrap drawings an interval (default 1000)", 10, 1e6 },
        { "seed", 0, CLI_INT, &e.seed, "N", "of galleries and intervals (default 0)", 0, 1e15 },
        { "batch", 0, CLI_INT, &e.batch, "N", "inputs computed at once (default by modality)", 1, 4096 },
        CLI_THREADS(e.common), CLI_JSON(e.common) };
    memset(&e, 0, sizeof e);
    e.galleries = 10; e.rounds = 1000; e.captions = "all"; e.map = "tsne";
    rc = cli_parse(argc, argv, "-m MODEL --data DATA... [--classify MODALITY:COLUMN...] [--retrieve QUERY:GALLERY...] [--report F.html]",
        "Zero-shot classification and retrieval over data sets, each number with its 95 % bootstrap interval (whole items are drawn), N, the\n"
        "chance level and, for retrieval, the ceiling that a perfect model would reach where things cannot be told apart.\n"
        "Without --classify and --retrieve, folders are classified, and manifests searched by text in every modality they have.\n\n"
        "    eval -m M --data class-folders/ --template \"a photo of a {}.\"              a folder a class\n"
        "    eval -m M --data test.jsonl -r text:video                                captions and clips, both directions\n"
        "    eval -m M --data D/depth.jsonl D/image.jsonl D/audio.jsonl --attributes D/attributes.tsv --prompts prompts.json\n"
        "         -c depth:shape audio:material -r depth:image depth+text:image --shared shape size --gallery-size 256 --report r.html\n\n"
        "Items mean the same when their group is the same; without groups, when their files have the same name.  Of what is\n"
        "searched the best of a group stands for it; each item of a group asks by itself.  An equal score counts\n"
        "against the right answer.  For shares of hits at 0 and 100 %, where drawing again changes nothing, the interval is Wilson's.\n"
        "--json prints everything: intervals, classes, confusion.\n", options, LB__COUNT(options));
    if (rc < 0 && (rc = eval_wanted(&e)) == 0) {
        e.j.rule = e.frames && !strcmp(e.frames, "retrieval") ? LB_FRAMES_RETRIEVAL : LB_FRAMES_UNIFORM;
        rc = eval_files(&e);
        if (!rc) rc = job_open(&e.j, e.model, &e.common);
        e.j.batch = (size_t)e.batch;
        if (!rc) rc = eval_load(&e, e.attributes);
        if (!rc) rc = eval_vectors_check(&e);
        if (!rc) rc = eval_tasks(&e);
        if (!rc) rc = eval_sides(&e);
        if (!rc) rc = eval_run(&e);
        if (!rc) rc = eval_write(&e);
    }
    eval_close(&e);
    return rc;
}
