/* train.c - languagebind train: an existing model, or a new one from a short description, and a manifest of files with captions.
 *
 * A thin hand on lb_feed and lb_trainer: what is here is the description of new models, the log and its plot, checkpoints at the right
 * moments, signals, and what a terminal shows. */
#include <math.h>
#include <time.h>

/* ---- the run ---- */

typedef struct train_point { uint64_t step; double loss, lr, held; } train_point;      /* held: the loss of what is held out, or NaN */
typedef struct train_run {
    const char *model_path, *config, *data, *out, *trainable, *lora, *targets, *log, *checkpoint, *text_type, *modality, *from, *size, *kind, *dtype, *text_folder, *teacher, *root, *prompt, *adapter, *held; cli_list freeze;
    long long epochs, steps, batch, micro, warmup, seed, max_bad, save_steps, eval_steps, frames, tube, negatives; double save_minutes, lr, lr_rest, wd, beta1, beta2, eps, clip, ema, mask, mix, pull, dropout, crop, grey;
    char chosen[LB_NAME_SIZE]; const char *cache_text, *lora_temporal; int no_shuffle, resume, other_steps, eval, memory, recompute, bf16, flip, segments, positives, whole, as_adapter, temporal, class_per_frame; cli_common common;
    lb_ctx *ctx; lb_manifest manifest; lb_model *model, *extended, *adapted, *master; lb_feed *feed, *test; lb_trainer *trainer; lb_train_desc desc;
    char *log_path, *svg_path, *ckpt_path; FILE *log_file; lb__buf points; uint64_t total; double flop, peak; int failed;
} train_run;

/* The data; `modality` of items of which neither the manifest nor, where it is NULL, a file's ending tells what they are. */
static lb_status train_manifest(train_run *r, const char *modality) {
    lb_manifest_desc d;
    memset(&d, 0, sizeof d); lb_manifest_free(&r->manifest);
    d.text_type = r->text_type; d.root = r->root; d.prompt = r->prompt; d.modality = modality; d.uncaptioned = r->teacher != NULL;
    return lb_manifest_load(r->ctx, r->data, &d, &r->manifest);
}
/* Which of the model's modalities reads items of this name: the one called so, or the only one of that kind; -1: none. */
static int train_reads(const lb_model_desc *d, const char *name) {
    int i, found = -1, n = 0;
    for (i = 0; i < d->modalities; i++) if (d->modality[i].kind != LB_TEXT && !strcmp(d->modality[i].name, name)) return i;
    for (i = 0; i < d->modalities; i++) if (d->modality[i].kind != LB_TEXT && !strcmp(lb__kinds[d->modality[i].kind - LB_TEXT], name)) { found = i; n++; }
    return n == 1 ? found : -1;
}
/* One more name in a list of names, "a, b", unless it has it. */
static void train_list(char *list, size_t size, const char *name) {
    const size_t n = strlen(list), k = strlen(name); const char *p = list;
    for (; k && (p = strstr(p, name)) != NULL; p += k) if ((p == list || p[-1] == ' ') && (!p[k] || p[k] == ',')) return;
    lb__format(list + n, size - n, "%s%s", n ? ", " : "", name);
}
static const char train_unknown[] = "?";                          /* an item whose file's name does not tell what it is */
/* The data where --modality does not say what is trained and the model has several: loaded as its files' endings say, and what they do not tell is left
 * open. */
static lb_status train_manifest_open(train_run *r) {
    lb_status s = train_manifest(r, NULL); char why[1024];
    if (s != LB_ERR_FORMAT || !strcmp(r->data, "-")) return s;
    lb__format(why, sizeof why, "%s", lb_last_error());
    return train_manifest(r, train_unknown) ? lb__fail(s, "%s", why) : LB_OK;
}
/* What an item is read as: what the manifest or its file's ending says; otherwise an array of numbers may be meant. */
static const char *train_item(const lb_item *it, int *unknown) {
    const char *m = it->modality;
    if (!strcmp(m, train_unknown)) m = lb_modality_of_file(it->file);
    *unknown = !m;
    return m ? m : "array";
}
/* The data, and what is trained: --modality, the model's only one, or that of all the items to train on. */
static lb_status train_data(train_run *r, const lb_model_desc *d) {
    const lb_manifest *m = &r->manifest; const char *one = r->modality, *name; char has[256] = "", reads[512] = ""; size_t i, n = 0; int k, unknown, first = -1, named = 0, several = 0;
    for (k = 0; k < d->modalities; k++) if (d->modality[k].kind != LB_TEXT) { if (!r->modality) one = d->modality[k].name; n++; train_list(reads, sizeof reads, d->modality[k].name); }
    if (r->modality || n < 2) {
        const int plain = one && (!strcmp(one, "image") || !strcmp(one, "video") || !strcmp(one, "audio"));
        return train_manifest(r, plain && !lb__ends_with(r->data, ".json") ? NULL : one);
    }
    LB__TRY(train_manifest_open(r));
    if (m->count && m->items[0].captions[0].source) {                                      /* VIDAL's clips have all of these, whatever an ending says */
        static const char *const vidal[] = { "video", "image", "depth", "thermal" };
        for (one = NULL, n = i = 0; i < LB__COUNT(vidal); i++) if ((k = train_reads(d, vidal[i])) >= 0 && !strcmp(d->modality[k].name, vidal[i])) { one = vidal[i]; n++; }
        if (n != 1) return lb__fail(LB_ERR_ARG, "%s: VIDAL's clips have videos, images, depth and thermal images; --modality says which are trained on, and the model reads %s", r->data, reads);
        r->modality = one;
        return train_manifest(r, one);
    }
    for (i = n = 0; i < m->count; i++) {
        if (m->items[i].split && strcmp(m->items[i].split, "train")) continue;
        name = train_item(&m->items[i], &unknown); k = train_reads(d, name);
        if (!n++) first = k;
        several |= k != first; named |= !unknown;
        train_list(has, sizeof has, unknown ? "unknown" : name);
    }
    if (!n) return lb__fail(LB_ERR_ARG, "%s: no item in split train to train on: all %zu are of another split", r->data, m->count);
    if (several || (first < 0 && strchr(has, ','))) return lb__fail(LB_ERR_ARG, "%s: the items to train on are of several modalities (%s); --modality says which is trained, and the model reads %s", r->data, has, reads);
    if (first < 0 && !named) return lb__fail(LB_ERR_ARG, "%s: what the items to train on are cannot be told from their names; --modality says it, and the model reads %s", r->data, reads);
    if (first < 0) return lb__fail(LB_ERR_ARG, "%s: the items to train on are of modality %s; --modality says which is trained, and the model reads %s", r->data, has, reads);
    lb__format(r->chosen, sizeof r->chosen, "%s", d->modality[first].name); r->modality = r->chosen;
    for (i = 0; i < m->count; i++) if (train_reads(d, train_item(&m->items[i], &unknown)) == first) ((lb_item *)(uintptr_t)&m->items[i])->modality = r->chosen;
    return LB_OK;
}

/* ---- a new model from JSON ---- */

static const char train_config_help[] =
    "\nA description (--config) is JSON (weights/MODALITY.md has all keys):\n"
    "  { \"embed_dim\": 64,\n"
    "    \"text\": { \"width\": 64, \"layers\": 2, \"heads\": 2, \"context\": 16, \"vocab\": 1000 },\n"
    "    \"modalities\": { \"image\": { \"width\": 64, \"layers\": 2, \"heads\": 2, \"size\": 32, \"patch\": 8 } } }\n"
    "vocab is a number of ids (514 or more; learnt from the captions of the manifest), \"clip\" for CLIP's own vocabulary, or the name of a tokenizer\n"
    "file (`languagebind vocab`), found from the description's folder.  open_clip's own open_clip_config.json serves as well.\n";

/* A vocabulary by its name in the description, or learnt from the captions of the items that are trained on. */
static lb_status train_vocabulary(lb_ctx *ctx, const char *path, const char *name, int size, int clean, const lb_manifest *data, lb_tokenizer **out) {
    lb_file *f = NULL; lb__buf p = { 0, 0, 0 }; size_t i, k; int bare = 0; lb_status s = LB_OK; const char *slash = strrchr(path, '/');
    if (name && !strcmp(name, "clip")) { s = conv_tokenizer(ctx, NULL, &f); if (!s && !f) s = lb__fail(LB_ERR_UNSUPPORTED, "this command was built without CLIP's vocabulary; name a tokenizer file instead"); }
    else if (name) {
        if (name[0] != '/' && slash) s = lb__buf_add(&p, path, (size_t)(slash - path) + 1);
        if (!s) s = lb__buf_add(&p, name, strlen(name) + 1);
        if (!s) s = lb_file_open(ctx, (const char *)p.data, &f);
    } else {
        for (i = 0; i < data->count && !s; i++) {
            const lb_item *it = &data->items[i];
            if (it->split && strcmp(it->split, "train")) continue;
            bare |= !it->n_captions;
            for (k = 0; k < it->n_captions && !s; k++) s = lb__buf_add(&p, &it->captions[k].text, sizeof(char *));
        }
        if (!s && bare && !p.size) s = lb__fail(LB_ERR_ARG, "the vocabulary is to be learnt from captions, and the data has none; \"vocab\": \"clip\", or a tokenizer's file, was expected");
        if (!s) s = lb_tokenizer_train(ctx, clean | LB_CLEAN_NO_SPECIAL, (const char *const *)(const void *)p.data, NULL, p.size / sizeof(char *), (size_t)size, 2, out);
    }
    if (!s && f) s = lb__fail_in(lb_file_tokenizer(ctx, f, out), name);
    lb_file_free(f); lb__buf_free(&p);
    return s;
}
static lb_status train_new_model(train_run *r, lb_model **out) {
    lb__bytes f; lb_model_desc *d = (lb_model_desc *)lb__alloc(1, sizeof *d); lb_tokenizer *tok = NULL; lb_tower_desc *text; lb_status s; char vocabulary[LB_VOCABULARY_SIZE]; const char *path = r->config; int clean;
    if (!d) return LB_ERR_MEM;
    s = lb__bytes_open(path, &f);
    if (!s) { s = lb__fail_in(lb_model_parse(r->ctx, (const char *)f.data, f.size, d, vocabulary), path); lb__bytes_close(&f); }
    if (!s) s = train_data(r, d);
    if (!s) {
        text = &d->tower[d->towers - 1]; clean = d->modality[d->modalities - 1].clean;                    /* text comes last */
        s = lb__fail_in(train_vocabulary(r->ctx, path, vocabulary[0] ? vocabulary : NULL, text->vocab ? text->vocab : 49408, clean, &r->manifest, &tok), path);
        if (!s) { text->vocab = (int)lb_tokenizer_vocab(tok); d->merges = lb_tokenizer_merges(tok, &d->merge_count); d->seed = (uint64_t)r->seed; s = lb__fail_in(lb_model_create(r->ctx, d, out), path); }
    }
    lb_tokenizer_free(tok); lb__release(d);
    return s;
}

/* ---- the run: odds and ends ---- */

static volatile sig_atomic_t train_stop;
static void train_signal(int sig) { (void)sig; train_stop = 1; }
static double train_now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }

/* OUT.lbw -> OUT.csv */
static char *train_beside(const char *out, const char *ending, int replace) {
    const char *slash = strrchr(out, '/'), *dot = strrchr(out, '.'); size_t n = replace && dot && (!slash || dot > slash + 1) ? (size_t)(dot - out) : strlen(out), k = strlen(ending); char *p = (char *)malloc(n + k + 1);
    if (p) { memcpy(p, out, n); memcpy(p + n, ending, k + 1); }
    return p;
}
/* "500", "64k", "1.5G" bytes; -1: not a size */
static double train_size(const char *s) {
    char *end; double v = strtod(s, &end);
    if (end == s || !(v >= 0)) return -1;
    if (*end == 'k' || *end == 'K') { v *= 1024; end++; } else if (*end == 'm' || *end == 'M') { v *= 1048576; end++; } else if (*end == 'g' || *end == 'G') { v *= 1073741824.0; end++; }
    if (*end == 'B') end++;
    return *end || v > 1e18 ? -1 : v;
}
static void train_report(void *user, const lb_item *it, const char *why) {
    const train_run *r = (const train_run *)user;
    if (it->line) cli_warn("left out: %s: line %lu: %s", r->data, (unsigned long)it->line, why); else cli_warn("left out: %s", why);
}
static void train_progress(void *user, const char *what, size_t done, size_t total) { (void)user; cli_progress(what, done, total); }

/* ---- the log ---- */

static const char train_log_head[] = "step,loss,lr,logit_scale,grad_norm,eval_loss,eval_r1\n";
static lb_status train_point_add(train_run *r, uint64_t step, double loss, double lr, double held) { train_point p; p.step = step; p.loss = loss; p.lr = lr; p.held = held; return lb__buf_add(&r->points, &p, sizeof p); }
/* A new log, or the lines of an old one up to the step that the checkpoint holds. */
static lb_status train_log_open(train_run *r, uint64_t step) {
    lb__writer w; lb_status s;
    LB__TRY(lb__writer_open(r->log_path, &w));
    s = lb__writer_add(&w, train_log_head, strlen(train_log_head));
    if (step) {
        lb__bytes f;
        if (!s && !lb__bytes_open(r->log_path, &f)) {
            const char *p = (const char *)f.data, *end = p + f.size;
            for (; p < end && !s; ) {
                const char *nl = (const char *)memchr(p, '\n', (size_t)(end - p)); char line[256]; unsigned long long n; double loss, lr, held = NAN;
                if (!nl) break;                                     /* a line that was cut off belongs to a step after the checkpoint */
                if ((size_t)(nl - p) < sizeof line) {
                    memcpy(line, p, (size_t)(nl - p)); line[nl - p] = 0;
                    if (sscanf(line, "%llu,%lf,%lf,%*f,%*f,%lf", &n, &loss, &lr, &held) >= 3 && n && n <= step) { s = lb__writer_add(&w, p, (size_t)(nl - p) + 1); if (!s) s = train_point_add(r, n, loss, lr, held); }
                }
                p = nl + 1;
            }
            lb__bytes_close(&f);
        }
    }
    if (s) { lb__writer_abort(&w); return s; }
    LB__TRY(lb__writer_commit(&w));
    errno = 0;
    if (!(r->log_file = fopen(r->log_path, "a"))) return lb__fail(LB_ERR_IO, "%s: cannot append: %s", r->log_path, strerror(errno));
    return LB_OK;
}
static lb_status train_log_line(train_run *r, const lb_train_stats *s, int evaluated, double loss, double r1) {
    errno = 0;
    fprintf(r->log_file, "%llu,%.9g,%.9g,%.9g,%.9g,", (unsigned long long)s->step, s->loss, s->lr, s->logit_scale, s->grad_norm);
    if (evaluated) fprintf(r->log_file, "%.9g,%.9g\n", loss, r1); else fputs(",\n", r->log_file);
    if (fflush(r->log_file) || ferror(r->log_file)) return lb__fail(LB_ERR_IO, "%s: cannot write: %s", r->log_path, errno ? strerror(errno) : "the device refused it");
    return train_point_add(r, s->step, s->loss, s->lr, evaluated ? loss : NAN);
}
/* The distance of four to ten round ticks up to `high`. */
static double train_tick(double high) {
    const double p = pow(10, floor(log10(high / 5))), q = high / 5 / p;
    return p * (q <= 1 ? 1 : q <= 2 ? 2 : q <= 2.5 ? 2.5 : 5);
}
/* Loss, and that of what is held out (left scale), and learning rate (right scale) over steps. */
static lb_status train_plot(const train_run *r) {
    enum { W = 800, H = 400, L = 70, R = 70, T = 34, B = 50, COLUMNS = 600 };
    static const char *const colour[] = { "#b8660b", "#1f5fa8", "#2a8a4a" };                 /* rate, loss, held out: the later lies on top */
    const train_point *p = (const train_point *)(const void *)r->points.data; const size_t n = r->points.size / sizeof *p; size_t i, piece = n / COLUMNS + 1, held = 0; double low = 0, high = 0, top = 0, first, last, v, tick; cli_out o; lb_status s; int line;
    if (!n || !r->svg_path) return LB_OK;
    for (i = 0; i < n; i++) { low = LB__MIN(low, p[i].loss); high = LB__MAX(high, p[i].loss); top = LB__MAX(top, p[i].lr); if (p[i].held == p[i].held) { held++; high = LB__MAX(high, p[i].held); } }
    if (!(high > low)) high = low + 1;
    if (!(top > 0)) top = 1;
    first = 0; last = (double)p[n - 1].step;
#define TRAIN_X(step) (L + ((step) - first) / (last - first) * (W - L - R))
#define TRAIN_Y(part) (H - B - (part) * (H - B - T))
    LB__TRY(cli_out_open(&o, r->svg_path));
    s = cli_out_text(&o, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n<text x=\"%d\" y=\"20\" fill=\"%s\">loss</text><text x=\"%d\" y=\"20\" fill=\"%s\" text-anchor=\"end\">learning rate</text>\n",
        (int)W, (int)H, (int)W, (int)H, (int)L, colour[1], W - R, colour[0]);
    if (!s && held) s = cli_out_text(&o, "<text x=\"%d\" y=\"20\" fill=\"%s\">held out</text>\n", L + 50, colour[2]);
    tick = train_tick(high - low);
    for (v = ceil(low / tick) * tick; v <= high * (1 + 1e-9) && !s; v += tick) s = cli_out_text(&o, "<path d=\"M%d %.1fH%d\" stroke=\"#eee\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", (int)L, TRAIN_Y((v - low) / (high - low)), W - R, L - 6, TRAIN_Y((v - low) / (high - low)) + 4, fabs(v) < tick / 2 ? 0 : v);
    tick = train_tick(top);
    for (v = 0; v <= top * (1 + 1e-9) && !s; v += tick) s = cli_out_text(&o, "<path d=\"M%d %.1fh4\" stroke=\"#888\"/><text x=\"%d\" y=\"%.1f\">%.4g</text>\n", W - R, TRAIN_Y(v / top), W - R + 8, TRAIN_Y(v / top) + 4, v);
    tick = LB__MAX(ceil(train_tick(last)), 1);
    for (v = 0; v <= last && !s; v += tick) s = cli_out_text(&o, "<path d=\"M%.1f %dv4\" stroke=\"#888\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", TRAIN_X(v), H - B, TRAIN_X(v), H - B + 18, v);
    if (!s) s = cli_out_text(&o, "<path d=\"M%d %dV%dH%dV%d\" fill=\"none\" stroke=\"#888\"/>\n", (int)L, (int)T, H - B, W - R, (int)T);
    for (line = 0; line < (held ? 3 : 2) && !s; line++) {
        s = cli_out_text(&o, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\" points=\"", colour[line], line ? "1.5" : "1");
        for (i = 0; i < n && !s; i += line == 2 ? 1 : piece) {      /* the mean of as many steps as a column has; what is held out as it is */
            double y = 0, x = 0; size_t j, m = line == 2 ? 1 : LB__MIN(piece, n - i);
            for (j = i; j < i + m; j++) { y += line == 0 ? p[j].lr / top : ((line == 1 ? p[j].loss : p[j].held) - low) / (high - low); x += (double)p[j].step; }
            if (y == y) s = cli_out_text(&o, "%.1f,%.1f ", TRAIN_X(x / (double)m), TRAIN_Y(y / (double)m));
        }
        if (!s) s = cli_out_text(&o, "\"/>\n");
    }
    for (i = 0; i < n && !s && held; i++) if (p[i].held == p[i].held) s = cli_out_text(&o, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", TRAIN_X((double)p[i].step), TRAIN_Y((p[i].held - low) / (high - low)), colour[2]);
#undef TRAIN_X
#undef TRAIN_Y
    if (!s) s = cli_out_text(&o, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">step</text>\n</svg>\n", (int)(W / 2), H - 12);
    if (s) { cli_out_abort(&o); return s; }
    return cli_out_commit(&o);
}

/* Temporaries that a killed run left beside its checkpoint, its model or its log: PATH.PID.N.tmp of a process that is no more. */
static void train_sweep(const char *path) {
    char own[4096], folder[4096], full[8192]; const char *slash, *name; lb__dir d; size_t i, n;
    if (lb__link_end(path, own, sizeof own)) path = own;                                    /* where lb__writer puts them */
    slash = strrchr(path, '/'); name = slash ? slash + 1 : path; n = strlen(name);
    if ((size_t)(name - path) >= sizeof folder) return;
    memcpy(folder, path, (size_t)(name - path)); folder[name - path] = 0;
    if (!folder[0]) memcpy(folder, "./", 3);
    if (lb__dir_list(folder, &d)) return;
    for (i = 0; i < d.count; i++) {
        const char *f = d.names[i]; unsigned pid, k; int end = 0;
        if (strncmp(f, name, n) || sscanf(f + n, ".%u.%u.tmp%n", &pid, &k, &end) != 2 || !end || f[n + (size_t)end] || kill((pid_t)pid, 0) == 0 || errno != ESRCH) continue;
        if (snprintf(full, sizeof full, "%s%s", folder, f) < (int)sizeof full) unlink(full);
    }
    lb__release(d.names);
}

/* ---- evaluation on what is held out ---- */

/* Loss in batches of the training's size, and the mean of both directions' recall at 1: a file is right when its own caption scores above every
 * other caption that differs from it. */
static lb_status train_eval(train_run *r, double *loss, double *r1) {
    const lb_model *m = lb_trainer_model(r->trainer); const size_t N = lb_feed_count(r->test), E = lb_model_dim(m), steps = lb_feed_steps(r->test); float *X = (float *)lb__alloc(N, E * sizeof *X), *Y = (float *)lb__alloc(N, E * sizeof *Y), *S = (float *)lb__alloc(N, sizeof *S); const char **text = (const char **)lb__alloc(N, sizeof *text);
    double log_scale = log(lb_model_logit_scale(m, m->desc.modality[r->trainer->scale].name)), sum = 0; size_t i, j, n = 0, weight = 0, right = 0; lb_status s = X && Y && S && text ? LB_OK : LB_ERR_MEM;
    for (i = 0; i < steps && !s; i++) {
        lb_batch b; double l = 0;
        if ((s = lb__fail_in(lb_feed_batch(r->ctx, r->test, i, &b), r->data)) != LB_OK) break;
        s = b.pair ? lb_embed_tokens(r->ctx, m, b.pair, b.n, b.length, X + n * E) : lb_embed_tensor(r->ctx, m, r->desc.modality, b.x, b.n, X + n * E);
        if (!s && b.text) memcpy(Y + n * E, b.text, b.n * E * sizeof *Y); else if (!s) s = lb_embed_tokens(r->ctx, m, b.ids, b.n, b.length, Y + n * E);
        for (j = 0; j < b.n; j++) { const lb_caption *c; lb_feed_item(r->test, j, &c); text[n + j] = c->text; }
        if (!s && b.n > 1) { s = lb_clip_loss(r->ctx, X + n * E, Y + n * E, b.n, E, log_scale, b.group, &l, NULL, NULL, NULL); sum += l * (double)b.n; weight += b.n; }
        n += b.n;
        cli_progress("held-out files", i + 1, steps);
    }
    for (i = 0; i < n && !s; i++) {
        s = lb_similarity(r->ctx, X + i * E, 1, Y, n, E, 1, S);
        for (j = 0; j < n; j++) if (S[j] >= S[i] && strcmp(text[i], text[j])) break;
        right += j == n;
        if (!s) s = lb_similarity(r->ctx, Y + i * E, 1, X, n, E, 1, S);
        { float best = -2; for (j = 0; j < n; j++) if (!strcmp(text[i], text[j])) best = LB__MAX(best, S[j]); for (j = 0; j < n; j++) if (S[j] >= best && strcmp(text[i], text[j])) break; }
        right += j == n;
    }
    *loss = weight ? sum / (double)weight : 0; *r1 = n ? (double)right / (2 * (double)n) : 0;
    lb__release(X); lb__release(Y); lb__release(S); lb__release((void *)text);
    return s;
}

/* ---- saving ---- */

static int train_is_adapter(const train_run *r) { return !r->whole && lb__model_file(r->trainer->base) && (r->as_adapter || r->desc.trainable == LB_TRAIN_LORA); }
static lb_status train_save_checkpoint(train_run *r) {
    errno = 0;
    if (r->log_file && (fflush(r->log_file) || (fsync(fileno(r->log_file)) && errno != EINVAL && errno != ENOTSUP && errno != EROFS))) return lb__fail(LB_ERR_IO, "%s: cannot write: %s", r->log_path, strerror(errno));
    return lb_trainer_save(r->ctx, r->trainer, r->ckpt_path);
}
static lb_status train_save_model(train_run *r) {
    if (train_is_adapter(r)) return lb_trainer_adapter(r->ctx, r->trainer, r->out);
    LB__TRY(lb_model_save(r->ctx, lb_trainer_model(r->trainer), cli_dtype(r->dtype, LB_F32), r->out));
    model_note_record(lb_trainer_model(r->trainer));
    return LB_OK;
}

/* ---- speed ---- */

/* Multiply-adds of one step, in FLOP: forward, and backward for what is not frozen. */
static double train_flop(const train_run *r, double n) {
    const lb_trainer *t = r->trainer; const lb__tower *v = lb__modality_tower(t->model, t->modality), *w = t->text < 0 ? NULL : lb__modality_tower(t->model, t->text); const lb_tower_desc *d = &v->d; double T, P = (double)d->grid_h * d->grid_w, D = d->width, F = d->mlp, L = d->layers, S, block, f, length = (double)lb_feed_length(r->feed);
    size_t i; int full = 0, text = 0, inside = 0;
    for (i = 0; i < t->slots; i++) {
        const char *name = t->slot[i].p->name; const size_t k = strlen(d->name);
        if (!strncmp(name, d->name, k) && name[k] == '.') { full |= strstr(name, ".mlp.") != NULL; inside |= strstr(name, ".blocks.") != NULL || strstr(name, ".patch.") || strstr(name, ".class"); }
        else if (w && !strncmp(name, w->d.name, strlen(w->d.name)) && name[strlen(w->d.name)] == '.') text = 1;
    }
    if (r->desc.mask_ratio > 0) P = (double)lb__mask_count((size_t)P, r->desc.mask_ratio);
    T = P + 1; S = (double)(d->frames / d->tube);
    block = S * (8 * T * D * D + 4 * T * D * F + 4 * T * T * D) * (d->temporal ? 1.4 : 1);
    f = n * (L * block + 2 * S * P * D * d->channels * d->tube * d->patch_h * d->patch_w) * (inside ? (full ? 3 : 2) + (r->desc.recompute ? 1 : 0) : 1);
    if (w && length > 0) f += n * w->d.layers * (8 * length * w->d.width * (double)w->d.width + 4 * length * w->d.width * (double)w->d.mlp + 2 * length * length * w->d.width) * (text ? 3 + (r->desc.recompute ? 1 : 0) : 1);
    return f;
}
static void train_live(const train_run *r, const lb_train_stats *s, double rate, double samples) {
    char share[32] = "", time[32]; const double left = rate > 0 ? (double)(r->total - s->step) / rate : 0;
    if (r->peak > 0) snprintf(share, sizeof share, "  %.0f %% of peak", 100 * r->flop * rate / r->peak);
    if (left < 3600) snprintf(time, sizeof time, "%.0f:%02.0f", floor(left / 60), floor(fmod(left, 60))); else snprintf(time, sizeof time, "%.0f h %02.0f min", floor(left / 3600), floor(fmod(left, 3600) / 60));
    fprintf(stderr, "\r\033[Kstep %llu/%llu  loss %.4f  lr %.3g  %.1f samples/s%s  %s left", (unsigned long long)s->step, (unsigned long long)r->total, s->loss, s->lr, samples, share, time);
    fflush(stderr);
}

/* ---- the command ---- */

/* --from, --kind, --size and the like as a file would declare the modality: over the input and the numbers of the one it starts from. */
static lb_status train_declare(const train_run *r, const lb_model *m, lb__buf *out) {
    const lb_modality_desc *source = lb_model_modality(m, r->from); const char *kind = r->kind ? r->kind : r->modality, *end = ""; char piece[512], name[LB_NAME_SIZE]; int h = 0, w = 0, i, n; const int array = !strcmp(kind, "array"), audio = !strcmp(kind, "audio"), video = !strcmp(kind, "video");
    if (!source || source->kind == LB_TEXT) return lb__no_modality(m, r->model_path, r->from, " to start from");
    if (lb_model_modality(m, r->modality)) return lb__fail(LB_ERR_ARG, "%s: has the modality %s already; --from is for a new one", r->model_path, r->modality);
    LB__TRY(lb__fail_in(lb__declared_named("name", r->modality, "no such name", name), r->modality));
    if (!audio) { h = source->height; w = source->width; }
    if (r->size) {
        const long a = strtol(r->size, (char **)(uintptr_t)&end, 10), b = *end == 'x' ? strtol(end + 1, (char **)(uintptr_t)&end, 10) : a;
        if (*end || a < 1 || b < 1 || a > 65535 || b > 65535) return lb__fail(LB_ERR_ARG, "--size is %s, HEIGHTxWIDTH was expected", r->size);
        h = (int)a; w = (int)b;
    }
#define TRAIN_ADD(...) do { n = snprintf(piece, sizeof piece, __VA_ARGS__); if (n < 0 || (size_t)n >= sizeof piece) return lb__fail(LB_ERR_ARG, "the names of modality and kind are too long"); LB__TRY(lb__buf_add(out, piece, (size_t)n)); } while (0)
    TRAIN_ADD("{\"name\":\"%s\",\"from\":\"%s\",\"temporal\":%s,\"class_per_frame\":%s", name, source->name, r->temporal || video ? "true" : "false", r->class_per_frame ? "true" : "false");
    if (r->kind) TRAIN_ADD(",\"loader\":\"%s\"", array ? "by-name" : kind);
    if (h) TRAIN_ADD(",\"size\":[%d,%d]", h, w);
    if (r->frames) TRAIN_ADD(",\"frames\":%lld", r->frames);
    if (r->tube) TRAIN_ADD(",\"tube\":%lld", r->tube);
    if (!audio) TRAIN_ADD(",\"channels\":%d", source->channels);
    for (i = 0; i < source->channels && !audio && !array; i++) TRAIN_ADD("%s%.9g%s", i ? "," : ",\"mean\":[", (double)source->mean[i], i + 1 == source->channels ? "]" : "");
    for (i = 0; i < source->channels && !audio && !array; i++) TRAIN_ADD("%s%.9g%s", i ? "," : ",\"std\":[", source->std[i] != 0 ? (double)source->std[i] : 1.0, i + 1 == source->channels ? "]" : "");
    TRAIN_ADD("}");
#undef TRAIN_ADD
    return LB_OK;
}
/* The model to start from: opened, adapted, extended by a modality; or new. */
static lb_status train_open(train_run *r, const lb_model **out) {
    const lb_model *m; lb__buf json = { 0, 0, 0 }; lb_status s;
    if (r->config) { LB__TRY(train_new_model(r, &r->model)); *out = r->model; return LB_OK; }
    LB__TRY(lb_model_open(r->ctx, r->model_path, &r->model));
    *out = m = r->model;
    if (r->adapter) { LB__TRY(lb_model_adapt(r->ctx, m, r->adapter, &r->adapted)); *out = m = r->adapted; }
    if (r->modality && lb__ends_with(r->modality, ".json")) {                           /* declared in a file, as `extend` takes it */
        lb__bytes f;
        LB__TRY(lb__bytes_open(r->modality, &f));
        s = lb__buf_add(&json, f.data, f.size);
        lb__bytes_close(&f);
    } else if (r->from) s = train_declare(r, m, &json);
    else return LB_OK;
    if (!s) s = lb__fail_in(lb_model_extend_json(r->ctx, m, (const char *)json.data, json.size, (uint64_t)r->seed, &r->extended), r->modality);
    lb__buf_free(&json);
    if (!s) { r->modality = r->extended->desc.modality[r->extended->desc.modalities - 1].name; *out = r->extended; }
    return s;
}
static int train_wrong(train_run *r) {
    const char *e, *needs; char *end; double cache = 0; size_t i; lb_train_desc *d = &r->desc; struct stat st; int frozen, rc;
    if (!r->model_path == !r->config) return cli_wrong("one of -m MODEL and --config FILE was expected");
    if (!r->data) return cli_wrong("which data? --data MANIFEST");
    if (!r->out) return cli_wrong("where to? -o OUT.lbw");
    if ((rc = cli_lbw_to(r->out)) >= 0) return rc;
    if (r->steps && r->epochs) return cli_wrong("--steps or --epochs, not both");
    if ((r->log && !strcmp(r->log, "-")) || (r->checkpoint && !strcmp(r->checkpoint, "-"))) return cli_wrong("log, plot and checkpoint are files; --%s FILE was expected, not `-`", r->log && !strcmp(r->log, "-") ? "log" : "checkpoint");
    if (r->from && (!r->modality || r->config)) return cli_wrong("--from wants -m MODEL and --modality NAME: the new one");
    if (r->from && lb__ends_with(r->modality, ".json")) return cli_wrong("--from goes with --modality NAME; %s says itself what it starts from", r->modality);
    if (!r->from && (r->kind || r->size || r->frames || r->tube || r->temporal || r->class_per_frame)) return cli_wrong("--kind, --size, --frames, --tube, --temporal and --class-per-frame tell of a new modality: they go with --from");
    if (r->text_type && !lb__ends_with(r->data, ".json")) return cli_wrong("--text-type goes with VIDAL's FILE.json as --data");
    if (r->prompt && !stat(r->data, &st) && !S_ISDIR(st.st_mode)) return cli_wrong("--prompt goes with a folder class/file as --data");
    if (r->other_steps && !r->resume) return cli_wrong("--other-steps goes with --resume");
    if (r->adapter && r->config) return cli_wrong("--adapter goes with -m MODEL");
    if (r->whole && r->as_adapter) return cli_wrong("--whole or --as-adapter, not both");
    if (r->as_adapter && r->config) return cli_wrong("an adapter stands over a model file: --as-adapter goes with -m MODEL");
    if (r->cache_text && (cache = train_size(r->cache_text)) < 0) return cli_wrong("--cache is `%s`, a size as 500M or 2G was expected", r->cache_text);
    memset(d, 0, sizeof *d);
    if (!r->trainable) r->trainable = r->lora ? "lora" : "all";
    if (!strcmp(r->trainable, "all")) d->trainable = LB_TRAIN_ALL;
    else if (!strcmp(r->trainable, "lora")) d->trainable = LB_TRAIN_LORA;
    else if (!strcmp(r->trainable, "upstream")) d->trainable = LB_TRAIN_UPSTREAM;
    else if (!strcmp(r->trainable, "projection")) d->trainable = LB_TRAIN_PROJECTION;
    else { d->trainable = LB_TRAIN_PATTERN; d->pattern = r->trainable; }
    if (r->lora) {
        const double rank = strtod(r->lora, &end), alpha = *end == ':' ? strtod(end + 1, &end) : 0;
        if (d->trainable != LB_TRAIN_LORA) return cli_wrong("--lora goes with --trainable lora");
        if (*end || !(rank >= 1 && rank <= 4096) || rank != floor(rank) || (strchr(r->lora, ':') && !(alpha > 0 && alpha <= 1e6))) return cli_wrong("--lora is `%s`, RANK or RANK:ALPHA was expected", r->lora);
        d->lora_rank = (int)rank; d->lora_alpha = (float)alpha;
    }
    if ((r->targets || r->lora_temporal || r->dropout > 0) && d->trainable != LB_TRAIN_LORA) return cli_wrong("--lora-targets, --lora-temporal and --lora-dropout go with --lora");
    if (r->dtype && !r->config && !r->whole && (r->as_adapter || d->trainable == LB_TRAIN_LORA)) return cli_wrong("--dtype is of a whole model; an adapter was asked for, and --whole writes the model");
    if ((r->held || r->eval_steps) && !r->eval) return cli_wrong("--eval-split and --eval-every go with --eval");
    for (e = r->targets; e; ) {                                     /* every word between commas, an empty one, too */
        static const char *const names[] = { "q", "k", "v", "out" }; const size_t n = strcspn(e, ",");
        for (i = 0; i < 4 && (strlen(names[i]) != n || strncmp(names[i], e, n)); i++) {}
        if (i == 4) return cli_wrong("--lora-targets is `%s`, some of q,k,v,out was expected", r->targets);
        d->lora_targets |= 1 << i; e = e[n] ? e + n + 1 : NULL;
    }
    if (r->lora_temporal) d->lora_temporal = !strcmp(r->lora_temporal, "temporal") ? 1 : !strcmp(r->lora_temporal, "both") ? 2 : 0;
    for (i = 0; i < r->freeze.n; i++) {
        if (!strcmp(r->freeze.item[i].value, "text")) d->freeze_text = 1;
        else if (!strcmp(r->freeze.item[i].value, "scale")) d->freeze_scale = 1;
        else return cli_wrong("--freeze is `%s`, text or scale was expected", r->freeze.item[i].value);
    }
    if (r->teacher && (!r->modality || strcmp(r->modality, "text"))) d->freeze_text = 1;                 /* its captions are not asked for */
    frozen = r->teacher || ((!r->modality || strcmp(r->modality, "text")) && (d->freeze_text || (d->trainable != LB_TRAIN_ALL && d->trainable != LB_TRAIN_PATTERN)));
    needs = r->modality && !strcmp(r->modality, "text") ? "--teacher, or --freeze text and another --modality than text" : "--freeze text or --teacher";
    if (r->negatives && !frozen) return cli_wrong("--negatives needs %s", needs);
    if (r->text_folder && !frozen) return cli_wrong("--text-cache keeps vectors of frozen texts, or a teacher's; it needs %s", needs);
    d->mask_ratio = r->mask; d->mix = r->mix; d->pull = r->pull >= 0 ? r->pull : r->teacher ? 1 : 0; d->micro_batch = (size_t)r->micro; d->recompute = r->recompute; d->bf16 = r->bf16; d->lr = r->lr; d->lr_rest = r->lr_rest; d->warmup = (uint64_t)r->warmup; d->beta1 = r->beta1; d->beta2 = r->beta2; d->eps = r->eps;
    d->weight_decay = r->wd == 0 ? -1 : r->wd; d->clip = r->clip; d->ema = r->ema; d->seed = (uint64_t)r->seed; d->lora_dropout = (float)r->dropout; d->other_steps = r->other_steps;
    return -1;
}
/* What is written takes the place neither of what is read (but a whole model that of the one it started from) nor of what else is written: a manifest
 * pairs.csv and -o pairs.lbw would lose the manifest to the log. */
static int train_clash(const train_run *r) {
    static const char *const made[] = { "the model", "the log", "its plot", "the checkpoint" }; const char *const to[] = { r->out, r->log_path, r->svg_path, r->ckpt_path }, *const from[] = { r->data, r->config, r->modality && lb__ends_with(r->modality, ".json") ? r->modality : NULL, r->teacher, r->model_path, r->adapter }; size_t i, k;
    for (i = 0; i < LB__COUNT(to); i++) {
        for (k = 0; k < i; k++) if (cli_same(to[i], to[k])) return cli_wrong("%s and %s would both be %s; name another with -o, --log or --checkpoint", made[k], made[i], to[i]);
        for (k = 0; k < (i ? LB__COUNT(from) : 4); k++) if (cli_same(to[i], from[k])) return cli_wrong("%s would be written over %s, which is read; name another with -o, --log or --checkpoint", made[i], from[k]);
    }
    return -1;
}
static const char *train_group(const train_run *r, size_t i) { const char *g = r->manifest.items[r->feed->item[i]].group; return g ? g : ""; }
static lb_status train_start(train_run *r) {
    const lb_model *m = NULL; lb_feed_desc ld; char id[LB_DATA_SIZE]; size_t i; int splits = 0; lb_status s; lb__writer probe; const lb_modality_desc *mod = NULL; const char *const to[] = { r->out, r->ckpt_path, r->svg_path };
    LB__TRY(cli_ctx(&r->common, &r->ctx));
    for (i = 0; i < LB__COUNT(to); i++) if (to[i]) { LB__TRY(lb__writer_open(to[i], &probe)); lb__writer_abort(&probe); }      /* a place that cannot be written shows now, not after the run */
    LB__TRY(train_open(r, &m));
    if (!r->config && (!r->modality || lb_model_modality(m, r->modality))) LB__TRY(train_data(r, &m->desc));
    for (i = 0; i < (size_t)m->desc.modalities && !mod; i++) if (r->modality ? !strcmp(r->modality, m->desc.modality[i].name) : m->desc.modality[i].kind != LB_TEXT) mod = &m->desc.modality[i];
    if (!mod) return lb__no_modality(m, r->config ? r->config : r->model_path, r->modality ? r->modality : "beside text", r->config ? "" : " (--from NAME makes a new one)");
    r->desc.modality = mod->name;
    for (i = 0; i < (size_t)m->desc.towers && !r->lora_temporal; i++) if (!strcmp(m->desc.tower[i].name, mod->tower) && m->desc.tower[i].temporal && !m->desc.tower[i].lora_rank) r->desc.lora_temporal = 1;     /* upstream's video run */
    for (i = 0; i < r->manifest.count; i++) splits |= r->manifest.items[i].split != NULL;
    if (r->teacher) LB__TRY(lb_model_open(r->ctx, r->teacher, &r->master));
    memset(&ld, 0, sizeof ld); ld.modality = mod->name; ld.teacher = r->master; ld.split = splits ? "train" : NULL; ld.batch = (size_t)r->batch; ld.no_shuffle = r->no_shuffle; ld.seed = (uint64_t)r->seed;
    ld.cache = r->cache_text ? (size_t)LB__MIN(train_size(r->cache_text), (double)(SIZE_MAX / 2)) : (size_t)256 << 20; ld.max_bad = (size_t)r->max_bad; ld.crop = r->crop; ld.flip = r->flip; ld.grey = r->grey; ld.negatives = (size_t)r->negatives; ld.segments = r->segments; ld.positives = r->positives;
    ld.text_vectors = mod->kind != LB_TEXT && (r->desc.freeze_text || (r->desc.trainable != LB_TRAIN_ALL && r->desc.trainable != LB_TRAIN_PATTERN)); ld.text_folder = r->text_folder;
    ld.report = train_report; ld.progress = train_progress; ld.user = r;
    LB__TRY(lb__fail_in(lb_feed_new(r->ctx, m, &r->manifest, &ld, &r->feed), r->data));
    if (r->eval) {
        if (!splits && !r->held) return lb__fail(LB_ERR_ARG, "%s: nothing is held out for --eval: no item has a split", r->data);
        ld.split = r->held ? r->held : "!train"; ld.no_shuffle = 1; ld.keep_rest = 1; ld.crop = ld.grey = 0; ld.negatives = 0; ld.flip = ld.segments = 0; ld.text_folder = NULL;
        LB__TRY(lb__fail_in(lb_feed_new(r->ctx, m, &r->manifest, &ld, &r->test), r->data));
        if (lb_feed_count(r->test) < 2) return lb__fail(LB_ERR_ARG, "%s: one item is held out for --eval; it has nothing to be told apart from, at least two were expected", r->data);
    }
    for (i = 1; r->positives && i < r->feed->count && *train_group(r, i) && !strcmp(train_group(r, 0), train_group(r, i)); i++) {}
    if (r->feed->texts < 2 || (r->positives && i == r->feed->count)) return lb__fail(LB_ERR_ARG, "%s: all %zu items that are trained on have one %s, there is nothing to be told apart", r->data, r->feed->count, r->feed->texts < 2 ? "caption" : "group");
    lb_feed_identity(r->feed, id); r->desc.data = id;
    r->total = r->steps ? (uint64_t)r->steps : (uint64_t)(r->epochs ? r->epochs : 1) * lb_feed_steps(r->feed);
    r->desc.steps = r->total;
    s = lb_trainer_new(r->ctx, m, &r->desc, &r->trainer);
    r->desc.data = NULL;
    return s;
}
static int train_loop(train_run *r) {
    lb_train_stats s; lb_status st = LB_OK; double t0 = train_now(), saved = t0, shown = 0, first = 0, l = 0, r1 = 0; uint64_t begun = lb_trainer_steps(r->trainer), done_saved = begun; size_t pairs = 0, per = lb_feed_steps(r->feed); const int live = isatty(2); int kept;
    memset(&s, 0, sizeof s); s.step = begun;
    while (!st && !train_stop && lb_trainer_steps(r->trainer) < r->total) {
        lb_batch b; int evaluated = 0; uint64_t step = lb_trainer_steps(r->trainer);
        st = lb__fail_in(lb_feed_batch(r->ctx, r->feed, step, &b), r->data);
        if (!st) st = lb_trainer_step(r->ctx, r->trainer, &b, &s);
        if (st) break;
        if (step == begun) first = s.loss;
        pairs += b.n;
        if (r->test && (s.step == r->total || s.step % (r->eval_steps ? (uint64_t)r->eval_steps : per) == 0)) {
            if ((st = train_eval(r, &l, &r1)) != LB_OK) break;
            evaluated = 1;
            if (live) fprintf(stderr, "\r\033[K");
            fprintf(r->common.json ? stderr : stdout, "step %llu: held-out loss %.4f, recall@1 %.2f %%\n", (unsigned long long)s.step, l, 100 * r1);
            cli_flush();
        }
        if ((st = train_log_line(r, &s, evaluated, l, r1)) != LB_OK) break;
        if (live && train_now() - shown > 0.25) { const double t = train_now() - t0; shown = train_now(); train_live(r, &s, (double)(s.step - begun) / t, (double)pairs / t); }
        if (s.step < r->total && ((r->save_steps && s.step % (uint64_t)r->save_steps == 0) || (r->save_minutes > 0 && train_now() - saved > 60 * r->save_minutes))) {
            if ((st = train_save_checkpoint(r)) != LB_OK || (st = train_plot(r)) != LB_OK) break;
            saved = train_now(); done_saved = s.step;
        }
    }
    if (live && shown > 0) fprintf(stderr, "\r\033[K");
    kept = train_stop && lb_trainer_steps(r->trainer) < r->total && (cli_same(r->out, r->model_path) || cli_same(r->out, r->adapter));      /* --resume starts from it again */
    if (!st) {                                                      /* a run that is done gives its model even where the checkpoint finds no room */
        char why[1024]; const int whole = lb_trainer_steps(r->trainer) >= r->total;
        st = train_save_checkpoint(r);
        if (!st) done_saved = lb_trainer_steps(r->trainer);
        lb__format(why, sizeof why, "%s", st ? lb_last_error() : "");
        if (!kept && (!st || whole)) { const lb_status model = train_save_model(r); if (!st) st = model; else lb__fail(st, "%s%s", why, model ? "" : " (the model is written)"); }
        if (!st) st = train_plot(r);
    }
    if (st) {
        char why[1024]; lb__format(why, sizeof why, "%s", lb_last_error());
        if (lb_trainer_steps(r->trainer) > done_saved && !train_save_checkpoint(r)) done_saved = lb_trainer_steps(r->trainer);      /* what was learnt so far is not lost */
        if (done_saved) return cli_fail("%s (the checkpoint %s holds step %llu; --resume continues there)", why, r->ckpt_path, (unsigned long long)done_saved);
        return cli_fail("%s", why);
    }
    if (r->common.json) {                                           /* a run that made no step has no loss */
        char loss[2][32] = { "null", "null" };
        if (lb_trainer_steps(r->trainer) > begun) { snprintf(loss[0], sizeof loss[0], "%.9g", first); snprintf(loss[1], sizeof loss[1], "%.9g", s.loss); }
        printf("{\"step\": %llu, \"steps\": %llu, \"first_loss\": %s, \"loss\": %s, \"parameters\": %lu, \"samples_per_second\": %.4g}\n", (unsigned long long)lb_trainer_steps(r->trainer), (unsigned long long)r->total, loss[0], loss[1], (unsigned long)lb_trainer_parameters(r->trainer), (double)pairs / (train_now() - t0));
    } else if (lb_trainer_steps(r->trainer) == begun) printf("%s: step %llu of %llu, %s\n", r->out, (unsigned long long)begun, (unsigned long long)r->total, begun < r->total ? "none was made" : "nothing left to train");
    else printf("%s: %sstep %llu of %llu, %lu parameters trained, loss %.4f at first, %.4f at last, %.1f samples/s\n", r->out, train_is_adapter(r) ? "adapter, " : "", (unsigned long long)s.step, (unsigned long long)r->total, (unsigned long)lb_trainer_parameters(r->trainer), first, s.loss, (double)pairs / (train_now() - t0));
    if (train_stop) fprintf(r->common.json ? stderr : stdout, "stopped by a signal; --resume continues from %s%s\n", r->ckpt_path, kept ? ", and the model that is to be replaced stays until then" : "");
    return 0;
}
static int cmd_train(int argc, char **argv) {
    static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
    train_run run, *r = &run; int rc; size_t i; struct sigaction act, was; struct stat st; lb_status s;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &run.model_path, "M.lbw", "the model to start from", 0, 0 },
        { "adapter", 0, CLI_TEXT, &run.adapter, "A.lbw", "with this adapter over it", 0, 0 },
        { "config", 0, CLI_TEXT, &run.config, "F.json", "a new model by its description, see below", 0, 0 },
        { "data", 'd', CLI_TEXT, &run.data, "MANIFEST", "FILE.tsv (first line: file, modality, caption, group, split), FILE.jsonl,\nVIDAL's FILE.json, or a folder class/file", 0, 0 },
        { "output", 'o', CLI_TEXT, &run.out, "OUT.lbw", "the trained model, or its adapter (--trainable lora)", 0, 0 },
        { "whole", 0, CLI_FLAG, &run.whole, NULL, "write the whole model, not an adapter", 0, 0 },
        { "as-adapter", 0, CLI_FLAG, &run.as_adapter, NULL, "write what was trained as an adapter", 0, 0 },
        { "dtype", 0, CLI_CHOICE, &run.dtype, "f32|f16|bf16|i8", "of a whole model's matrices (default f32)", 0, 0 },
        { "modality", 0, CLI_TEXT, &run.modality, "NAME|FILE.json", "what is trained against text (default: what the items to train on are, where\nall are of one that the model reads); a new one may be declared in a\nfile (weights/MODALITY.md); text: the captions of an item against each other,\nwhatever its file", 0, 0 },
        { "from", 0, CLI_TEXT, &run.from, "NAME", "--modality is new and starts from this one's tower", 0, 0 },
        { "kind", 0, CLI_CHOICE, &run.kind, "image|video|audio|depth|thermal|array", "what the new modality is (default: by its name)", 0, 0 },
        { "size", 0, CLI_TEXT, &run.size, "HxW", "of the new modality's input (default: as in --from; audio 112x1036)", 0, 0 },
        { "frames", 0, CLI_INT, &run.frames, "N", "of the new modality (default 8 for video, else 1)", 1, 4096 },
        { "tube", 0, CLI_INT, &run.tube, "N", "frames in a patch of the new modality (default 1)", 1, 64 },
        { "temporal", 0, CLI_FLAG, &run.temporal, NULL, "attention over frames (video has it)", 0, 0 },
        { "class-per-frame", 0, CLI_FLAG, &run.class_per_frame, NULL, "a class vector for every frame", 0, 0 },
        { "trainable", 0, CLI_TEXT, &run.trainable, "all|lora|upstream|projection|PATTERN", "which parameters (default all; lora with --lora); upstream: its runs\nwithout LoRA; PATTERN: names parted by commas, * for anything", 0, 0 },
        { "lora", 0, CLI_TEXT, &run.lora, "RANK[:ALPHA]", "low-rank updates (default 16:16)", 0, 0 },
        { "lora-targets", 0, CLI_TEXT, &run.targets, "q,k,v,out", "matrices that get updates (default all four)", 0, 0 },
        { "lora-temporal", 0, CLI_CHOICE, &run.lora_temporal, "spatial|temporal|both", "which attention gets updates (default spatial; towers with attention over\nframes: temporal, as upstream; with --class-per-frame its training means both)", 0, 0 },
        { "lora-dropout", 0, CLI_REAL, &run.dropout, "P", "in front of the updates (default 0)", 0, 0.99 },
        { "freeze", 0, CLI_LIST, &run.freeze, "text|scale", "the text tower, the logit scale", 0, 0 },
        { "mask-ratio", 0, CLI_REAL, &run.mask, "R", "of the patches that are dropped (default 0)", 0, 0.99 },
        { "mix", 0, CLI_REAL, &run.mix, "P", "of the steps in which inputs are mixed in pairs, by mixup or CutMix, and\nbelong to the texts of both (default 0)", 0, 1 },
        { "epochs", 0, CLI_INT, &run.epochs, "N", "passes over the data (default 1)", 1, 1e12 },
        { "steps", 0, CLI_INT, &run.steps, "N", "updates, instead of --epochs", 1, 1e15 },
        { "batch", 'b', CLI_INT, &run.batch, "N", "pairs in an update (default 32); what is left over in an epoch waits\n(with --no-shuffle for ever)", 2, 1 << 23 },
        { "micro-batch", 0, CLI_INT, &run.micro, "N", "pairs in memory at once; the gradient stays that of the batch\n(with --lora-dropout the draws are other ones)", 1, 1 << 23 },
        { "no-shuffle", 0, CLI_FLAG, &run.no_shuffle, NULL, "the order of the manifest in every epoch", 0, 0 },
        { "lr", 0, CLI_REAL, &run.lr, "X", "highest learning rate (default 1e-4)", 1e-12, 1e6 },
        { "lr-rest", 0, CLI_REAL, &run.lr_rest, "F", "factor for what is no low-rank update (default 1)", 1e-9, 1e6 },
        { "warmup", 0, CLI_INT, &run.warmup, "STEPS", "linear, then a cosine to zero (default 0)", 0, 1e15 },
        { "wd", 0, CLI_REAL, &run.wd, "X", "weight decay (default 0.2); 0: none", 0, 1e5 },
        { "beta1", 0, CLI_REAL, &run.beta1, "X", "AdamW (default 0.9)", 1e-9, 0.9999999 },
        { "beta2", 0, CLI_REAL, &run.beta2, "X", "AdamW (default 0.98)", 1e-9, 0.9999999 },
        { "eps", 0, CLI_REAL, &run.eps, "X", "AdamW (default 1e-6)", 1e-30, 0.9 },
        { "clip", 0, CLI_REAL, &run.clip, "X", "longest gradient (default: not clipped)", 0, 1e30 },
        { "ema", 0, CLI_REAL, &run.ema, "X", "average the weights with this decay; the average is saved", 0, 0.9999999 },
        { "seed", 0, CLI_INT, &run.seed, "N", "of weights, order, captions, masks, augmentation (default 0)", 0, 9e15 },
        { "positives", 0, CLI_FLAG, &run.positives, NULL, "pairs of one group or one caption are positives of each other", 0, 0 },
        { "negatives", 0, CLI_INT, &run.negatives, "N", "captions of other items that every input is told from, too (frozen text; default 0)", 0, 1 << 20 },
        { "crop", 0, CLI_REAL, &run.crop, "SHARE", "a random piece of SHARE to all of a picture, say 0.5; the same of all frames of\na clip, in the input's own shape (default off)", 0.01, 1 },
        { "flip", 0, CLI_FLAG, &run.flip, NULL, "mirror pictures and clips at random", 0, 0 },
        { "grey", 0, CLI_REAL, &run.grey, "P", "pictures and clips grey with this probability (default 0)", 0, 1 },
        { "segments", 0, CLI_FLAG, &run.segments, NULL, "other segments of long sounds at every visit", 0, 0 },
        { "cache", 0, CLI_TEXT, &run.cache_text, "SIZE", "decoded inputs kept in memory (default 256M; 0: none; clips not with --crop)", 0, 0 },
        { "teacher", 0, CLI_TEXT, &run.teacher, "BIG.lbw", "learn that model's vectors of the same files, which need no captions then;\n--modality text: of the same captions (distillation)", 0, 0 },
        { "pull", 0, CLI_REAL, &run.pull, "W", "W times the mean of 1 - cosine of the pairs is added to the loss (default:\n1 with --teacher, else 0)", 0, 1e6 },
        { "text-cache", 0, CLI_TEXT, &run.text_folder, "FOLDER", "keep the vectors of frozen texts, or the teacher's, there, for the next run", 0, 0 },
        { "max-bad", 0, CLI_INT, &run.max_bad, "N", "files that may be missing or broken; they are left out (default 0)", 0, 1e15 },
        { "text-type", 0, CLI_CHOICE, &run.text_type, "raw|mplug|polish_mplug|sound_mplug|ofa|mix", "VIDAL: which captions (default mix)", 0, 0 },
        { "root", 0, CLI_TEXT, &run.root, "FOLDER", "the manifest's files are relative to it (default: its folder)", 0, 0 },
        { "prompt", 0, CLI_TEXT, &run.prompt, "TEXT", "a folder's captions (default \"a photo of a {}.\")", 0, 0 },
        { "recompute", 0, CLI_FLAG, &run.recompute, NULL, "less memory for more time", 0, 0 },
        { "bf16", 0, CLI_FLAG, &run.bf16, NULL, "multiply in bf16, where the processor does that (kernel sets avx512bf16,\namx, neonbf16): faster; weights, gradients and sums stay f32", 0, 0 },
        { "memory", 0, CLI_FLAG, &run.memory, NULL, "print the plan in bytes first", 0, 0 },
        { "eval", 0, CLI_FLAG, &run.eval, NULL, "loss and recall@1 of the items whose split is not train", 0, 0 },
        { "eval-split", 0, CLI_TEXT, &run.held, "NAME", "of this split instead", 0, 0 },
        { "eval-every", 0, CLI_INT, &run.eval_steps, "STEPS", "(default: once an epoch, and at the end)", 1, 1e15 },
        { "log", 0, CLI_TEXT, &run.log, "F.csv", "one line a step (default OUT.csv); the plot F.svg lies beside it", 0, 0 },
        { "checkpoint", 0, CLI_TEXT, &run.checkpoint, "FILE", "(default OUT.lbw.ckpt)", 0, 0 },
        { "save-every", 0, CLI_INT, &run.save_steps, "STEPS", "checkpoint every so many steps (default: by time)", 1, 1e15 },
        { "save-minutes", 0, CLI_REAL, &run.save_minutes, "M", "and after so many minutes (default 5)", 0.001, 1e6 },
        { "resume", 0, CLI_FLAG, &run.resume, NULL, "go on from the checkpoint, bit for bit; without one, begin.  Base, data\nand options have to be those of the run that wrote it", 0, 0 },
        { "other-steps", 0, CLI_FLAG, &run.other_steps, NULL, "--resume, though the number of steps is another: the rest follows the\nnew schedule", 0, 0 },
        CLI_THREADS(run.common), CLI_JSON(run.common) };
    static char text[sizeof train_config_help + 4096];
    memset(r, 0, sizeof *r); r->wd = 0.2; r->pull = -1; r->save_minutes = 5;
    snprintf(text, sizeof text, "%s%s",
        "Trains a modality against text with the symmetric contrastive loss, AdamW, linear warm-up and cosine: upstream's recipe.\n"
        "Its crop of clips at a random place of the scaled frame, mirrored every other time, is --crop 1 --flip; else it is the centre.  A manifest's\n"
        "files are relative to it; with a split column the items of split train are trained on.  The log's columns are step, loss (before that\n"
        "step's update), lr, logit_scale (the factor after it), the gradient's length, and what --eval finds.  Ctrl-C finishes the step, saves\n"
        "model and checkpoint (the checkpoint alone where -o is what it started from), and exits 0.  Results depend on the seed, not on threads\n"
        "or the cache.  Its plot lies beside the log, where that is a file.  A parity record of the model stays with what is not trained; of\n"
        "the rest it is left out with a note.\n", train_config_help);
    rc = cli_parse(argc, argv, "(-m M.lbw | --config F.json) --data MANIFEST -o OUT.lbw [options]", text, options, LB__COUNT(options));
    if (rc >= 0 || (rc = train_wrong(r)) >= 0) { cli_list_free(&r->freeze); return rc; }
    r->log_path = r->log ? train_beside(r->log, "", 0) : train_beside(r->out, ".csv", 1); r->svg_path = r->log_path ? train_beside(r->log_path, ".svg", 1) : NULL; r->ckpt_path = r->checkpoint ? train_beside(r->checkpoint, "", 0) : train_beside(r->out, ".ckpt", 0);
    if (!r->log_path || !r->svg_path || !r->ckpt_path) { rc = cli_fail("out of memory"); goto done; }
    if (!stat(r->log_path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) { free(r->svg_path); r->svg_path = NULL; }      /* beside /dev/null nothing is drawn */
    if ((rc = train_clash(r)) >= 0) goto done;
    train_sweep(r->out); train_sweep(r->ckpt_path); train_sweep(r->log_path); if (r->svg_path) train_sweep(r->svg_path);
    s = train_start(r);
    if (!s && train_is_adapter(r) && cli_same(r->out, r->model_path)) s = lb__fail(LB_ERR_ARG, "%s: the adapter would be written over the model it stands on; name another with -o", r->out);
    if (!s && r->resume) {
        if (!stat(r->ckpt_path, &st)) s = lb_trainer_load(r->ctx, r->trainer, r->ckpt_path);
        else fprintf(run.common.json ? stderr : stdout, "no checkpoint %s: a new run begins\n", r->ckpt_path);
    }
    if (s) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if (r->bf16 && !lb_cpu_bf16()) fprintf(r->common.json ? stderr : stdout, "--bf16: the kernel set %s does not multiply bf16; this run is in f32\n", lb_cpu_name());
    if (r->memory) {
        const size_t step = lb_trainer_bytes(r->trainer, LB__MIN((size_t)(r->batch ? r->batch : 32), lb_feed_count(r->feed)), lb_feed_length(r->feed)), data = lb_feed_bytes(r->feed) + (r->test ? lb_feed_bytes(r->test) : 0);
        fprintf(r->common.json ? stderr : stdout, "memory: %lu bytes over the mapped model: %lu for a step with weights, gradients and moments of %lu parameters, %lu for data\n", (unsigned long)(step + data), (unsigned long)step, (unsigned long)lb_trainer_parameters(r->trainer), (unsigned long)data);
        cli_flush();
    }
    if (isatty(2)) {
        bench_choose(r->ctx); r->peak = bench_peak_rate(r->ctx, 0.2); r->flop = train_flop(r, (double)LB__MIN((size_t)(r->batch ? r->batch : 32), lb_feed_count(r->feed)));
    }
    memset(&act, 0, sizeof act); act.sa_handler = train_signal; act.sa_flags = SA_RESTART; sigemptyset(&act.sa_mask);
    for (i = 0; i < LB__COUNT(stops); i++) if (!sigaction(stops[i], NULL, &was) && was.sa_handler != SIG_IGN) sigaction(stops[i], &act, NULL);      /* what the parent ignores stays ignored */
    rc = train_log_open(r, lb_trainer_steps(r->trainer)) ? cli_fail("%s", lb_last_error()) : train_loop(r);
done:
    if (r->log_file) fclose(r->log_file);
    lb_trainer_free(r->trainer); lb_feed_free(r->feed); lb_feed_free(r->test); lb_model_free(r->extended); lb_model_free(r->adapted); lb_model_free(r->model); lb_model_free(r->master); lb_manifest_free(&r->manifest); lb_ctx_free(r->ctx);
    lb__buf_free(&r->points); cli_list_free(&r->freeze); free(r->log_path); free(r->svg_path); free(r->ckpt_path);
    return rc;
}
