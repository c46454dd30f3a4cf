/* inputs.c - what embed, score, classify, index and search share: the inputs of a command line in their order, decoded ahead on a second
 * thread while the model computes, and embedded in batches of one modality. */
#include <pthread.h>

/* ---- the list ---- */

typedef struct input { const char *modality, *value, *from; size_t line; int view; } input;      /* value NULL: a place for a vector that is known; from, line: the list that names it; view 1..15: that window and crop of a clip; 0: its usual frames */
typedef struct inputs { input *at; size_t n, cap; char **owned; size_t owned_n, owned_cap; int stdin_used; } inputs;

#define INPUT_OPTIONS(list) \
    { "image",   0, CLI_LIST, &(list), "FILE", "images (JPEG, PNG, BMP, PNM, GIF)", 0, 0 }, \
    { "text",    0, CLI_LIST, &(list), "TEXT", "texts; `-`: the lines of standard input", 0, 0 }, \
    { "audio",   0, CLI_LIST, &(list), "FILE", "sounds (WAV, FLAC)", 0, 0 }, \
    { "video",   0, CLI_LIST, &(list), "FILE", "clips (Y4M, GIF, Motion-JPEG AVI/MOV/MP4, a folder of frames)", 0, 0 }, \
    { "depth",   0, CLI_LIST, &(list), "FILE", "depth maps (16-bit PNG or PGM in millimetres, .npy in metres)", 0, 0 }, \
    { "thermal", 0, CLI_LIST, &(list), "FILE", "infrared images", 0, 0 }, \
    { "input",   0, CLI_LIST, &(list), "MODALITY:FILE", "any modality that the model names", 0, 0 }, \
    { "text-file", 0, CLI_LIST, &(list), "FILE", "texts, one a line", 0, 0 }, \
    { "list",    0, CLI_LIST, &(list), "FILE", "inputs, one a line: FILE (modality by its ending) or MODALITY:FILE", 0, 0 }, \
    { NULL,      0, CLI_LIST, &(list), "FILE", NULL, 0, 0 }

static void inputs_free(inputs *in) {
    size_t i;
    for (i = 0; i < in->owned_n; i++) free(in->owned[i]);
    free(in->owned); free(in->at); memset(in, 0, sizeof *in);
}
static int inputs_add(inputs *in, const char *modality, const char *value) {
    if (in->n == in->cap) {
        size_t cap = in->cap ? 2 * in->cap : 64; input *p = (input *)realloc(in->at, cap * sizeof *p);
        if (!p) return 0;
        in->at = p; in->cap = cap;
    }
    memset(&in->at[in->n], 0, sizeof *in->at); in->at[in->n].modality = modality; in->at[in->n++].value = value;
    return 1;
}
/* n bytes that live as long as the list, and a zero: those of s up to its end, and zeros where it is shorter; NULL: out of memory. */
static char *inputs_keep(inputs *in, const char *s, size_t n) {
    char *copy; size_t i;
    if (in->owned_n == in->owned_cap) {
        size_t cap = in->owned_cap ? 2 * in->owned_cap : 64; char **p = (char **)realloc(in->owned, cap * sizeof *p);
        if (!p) return NULL;
        in->owned = p; in->owned_cap = cap;
    }
    copy = (char *)calloc(n + 1, 1);
    if (!copy) return NULL;
    for (i = 0; i < n && s[i]; i++) copy[i] = s[i];
    in->owned[in->owned_n++] = copy;
    return copy;
}
/* What a plain file is by its ending; NULL: not known.  A .txt holds texts, which --text-file reads. */
static const char *input_guess(const char *path) { const char *m = lb_modality_of_file(path); return m && strcmp(m, "text") ? m : NULL; }
/* "depth:a.png" or "a.jpg"; `where` begins the message, "" or the file and the line of a list.  -1 or an exit status. */
static int inputs_add_line(inputs *in, const char *line, int must_name, const char *where) {
    const char *colon = strchr(line, ':'), *modality, *p = line;
    while (p < colon && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_')) p++;
    if (colon && p == colon && p > line) {
        modality = inputs_keep(in, line, (size_t)(colon - line));
        return modality && inputs_add(in, modality, colon + 1) ? -1 : cli_fail("out of memory");
    }
    if (must_name) return cli_wrong("%s`%s`: MODALITY:FILE was expected", where, line);
    modality = input_guess(line);
    if (!modality && strlen(line) > 4 && !strcmp(line + strlen(line) - 4, ".lbw")) return cli_wrong("%s%s: a model is named by -m FILE", where, line);
    if (!modality) return *where ? cli_wrong("%s%s: the name does not tell what it is; MODALITY:FILE says it", where, line) : cli_wrong("%s: the name does not tell what it is; --image, --audio, --video, --depth, --thermal or --text say it", line);
    return inputs_add(in, modality, line) ? -1 : cli_fail("out of memory");
}
/* The lines of a text file, without their line ends (LF or CR LF).  -1 or an exit status. */
static int inputs_lines(inputs *in, const char *path, int texts) {
    lb__bytes f; size_t a, b, number = 0; int rc = -1;
    if (lb__bytes_open(path, &f)) return cli_fail("%s", lb_last_error());
    for (a = lb__bom(f.data, f.size); a < f.size && rc < 0; number++) {
        size_t end; char *line, where[512];
        for (b = a; b < f.size && f.data[b] != '\n'; b++) {}
        end = b > a && f.data[b - 1] == '\r' ? b - 1 : b;
        line = inputs_keep(in, (const char *)f.data + a, end - a);
        if (!line) rc = cli_fail("out of memory");
        else if (strlen(line) != end - a) rc = cli_fail("%s: holds a zero byte, lines of text were expected", path);
        else if (texts) { if (!inputs_add(in, "text", line)) rc = cli_fail("out of memory"); }
        else if (*line) { snprintf(where, sizeof where, "%.400s: line %lu: ", path, (unsigned long)number + 1); if ((rc = inputs_add_line(in, line, 0, where)) < 0) { in->at[in->n - 1].from = path; in->at[in->n - 1].line = number + 1; } }
        a = b + 1;
    }
    lb__bytes_close(&f);
    return rc;
}
static int inputs_built_in(const char *name) { return !strcmp(name, "openai") || !strcmp(name, "upstream"); }
/* Prompt templates, built in under a name or the lines of a file.  -1 or an exit status. */
static int inputs_prompts(inputs *in, const char *name, lb_modality_kind kind) {
    static char built_in[LB_PROMPTS][LB_PROMPT_SIZE]; size_t i, n = 0; const size_t before = in->n; int rc;
    if (!inputs_built_in(name)) {
        if ((rc = inputs_lines(in, name, 1)) >= 0) return rc;
        for (i = before; i < in->n; i++) { const char *t = in->at[i].value; n += *t != 0; if (*t && !strstr(t, "{}")) return cli_fail("%s: line %lu: `%s` has no {} for the class name", name, (unsigned long)(i - before) + 1, t); }
        return n ? -1 : cli_fail("%s: holds no templates", name);
    }
    if (lb_prompts(name, kind, built_in, &n)) return cli_fail("%s", lb_last_error());
    for (i = 0; i < n; i++) { char *copy = inputs_keep(in, built_in[i], strlen(built_in[i])); if (!copy || !inputs_add(in, "text", copy)) return cli_fail("out of memory"); }
    return -1;
}
/* The command line's options in their order.  -1 or an exit status. */
static int inputs_from(inputs *in, const cli_list *l) {
    size_t i, before; int rc = -1;
    for (i = 0; i < l->n && rc < 0; i++) {
        const char *o = l->item[i].option, *v = l->item[i].value;
        before = in->n;
        if (!strcmp(v, "-") && in->stdin_used++) return cli_wrong("standard input can be read only once");
        if (!o) rc = strcmp(v, "-") ? inputs_add_line(in, v, 0, "") : cli_wrong("`-` alone does not tell what it is; say for instance --image -");
        else if (!strcmp(o, "text-file") || (!strcmp(o, "text") && !strcmp(v, "-"))) rc = inputs_lines(in, v, 1);
        else if (!strcmp(o, "list")) rc = inputs_lines(in, v, 0);
        else if (!strcmp(o, "input")) rc = inputs_add_line(in, v, 1, "");
        else if (!inputs_add(in, o, v)) rc = cli_fail("out of memory");
        if (rc < 0 && in->n == before) rc = cli_fail("%s: holds no lines, inputs were expected", strcmp(v, "-") ? v : "standard input");
    }
    return rc;
}

/* Standard input is one of the inputs or one of these files, not two of them: -1, or 2 after a message.  NULL: not asked for. */
static int inputs_once(const inputs *in, const char *a, const char *b, const char *c) {
    const char *const file[3] = { a, b, c }; int i, used = in->stdin_used;
    for (i = 0; i < 3; i++) used += file[i] && !strcmp(file[i], "-");
    return used > 1 ? cli_wrong("standard input can be read only once") : -1;
}
/* What is written is none of the inputs: -1, or 2 after a message. */
static int inputs_apart(const inputs *in, const cli_list *l, const char *to) {
    size_t i; int rc = -1;
    for (i = 0; i < in->n && rc < 0; i++) if (strcmp(in->at[i].modality, "text")) rc = cli_apart(to, in->at[i].value);
    for (i = 0; i < l->n && rc < 0; i++) if (l->item[i].option && (!strcmp(l->item[i].option, "text-file") || !strcmp(l->item[i].option, "list"))) rc = cli_apart(to, l->item[i].value);
    return rc;
}

/* ---- one input ---- */

/* A file as the array that the modality's tower reads; released with lb__release.  Any thread, with a context of its own. */
static lb_status input_read(lb_ctx *ctx, const lb_model *model, const lb_modality_desc *m, const char *path, int view, lb_frame_rule rule, int flip, uint64_t seed, float **out) {
    lb_status s; float *x = (float *)lb__alloc(lb_modality_floats(m), sizeof *x);
    *out = NULL;
    if (!x) return LB_ERR_MEM;
    if (view || ((flip || rule) && m->kind == LB_VIDEO)) {
        lb_video *clip = NULL; lb_video_desc d;
        memset(&d, 0, sizeof d); d.flip = flip; d.rule = rule;
        if (view) { d.rule = LB_FRAMES_VIEW; d.segment = (view - 1) / 3; d.crop = (view - 1) % 3; }
        s = lb_video_open(ctx, path, &clip);
        if (!s) s = lb_prepare_video(ctx, model, m->name, clip, &d, x);
        lb_video_free(clip);
    } else if (seed && m->kind == LB_AUDIO) {
        lb_audio sound;
        s = lb_audio_load(ctx, path, &sound);
        if (!s) s = lb__fail_in(lb_prepare_audio(ctx, model, m->name, &sound, seed, x), path);
        lb_audio_free(&sound);
    } else s = lb_prepare_file(ctx, model, m->name, path, x);
    if (s) lb__release(x); else *out = x;
    return s;
}

/* ---- the work ---- */

/* One input, read and brought into the shape that the tower wants; texts stay as they are. */
typedef struct job_item { float *x; char *error; } job_item;
typedef struct job {
    lb_ctx *ctx, *reader;                  /* of the computing and of the reading thread */
    lb_model *model, *under[LB_MAX_TOWERS]; int unders;       /* the model in use, and those that it stands over when there are adapters */
    cli_list adapters;
    const inputs *in; size_t batch; int skip_bad, any;        /* any: no input at all is a result too */
    lb_frame_rule rule; int flip; long long seed;             /* which frames of clips; clips mirrored; segments of long sounds drawn from a seed, 0: the first of each third */
    size_t dim; float *vectors; unsigned char *good;          /* results: [in->n, dim]; good[i] 0: left out */
    float *norms; size_t seen;                                /* [in->n] lengths before they were made 1, when the caller put memory here */
    job_item *item; size_t begin, end;                        /* the piece being read */
} job;

static void job_close(job *j) {
    lb__release(j->vectors); free(j->good);
    lb_model_free(j->model); lb_ctx_free(j->ctx); lb_ctx_free(j->reader);
    while (j->unders) lb_model_free(j->under[--j->unders]);
    cli_list_free(&j->adapters);
    memset(j, 0, sizeof *j);
}
/* What upstream does at random, for who wants its numbers. */
#define JOB_CHANCE(j) \
    { "flip", 0, CLI_FLAG, &(j).flip, NULL, "mirror clips (LanguageBind's code does, every other time)", 0, 0 }, \
    { "segments", 0, CLI_INT, &(j).seed, "SEED", "draw the three segments of a long sound, as that code does\n(default: the first position of each third)", 1, 1e15 }
#define JOB_ADAPTER(j) { "adapter", 0, CLI_LIST, &(j).adapters, "A.lbw", "adapters over the model, for one tower each", 0, 0 }
static int job_open(job *j, const char *model, const cli_common *common) {
    lb_ctx_desc d; size_t i; memset(&d, 0, sizeof d); d.threads = 1;
    if (j->adapters.n > LB_MAX_TOWERS) return cli_wrong("%lu adapters, at most %d were expected", (unsigned long)j->adapters.n, LB_MAX_TOWERS);
    if (cli_ctx(common, &j->ctx) || lb_ctx_new(&d, &j->reader) || lb_model_open(j->ctx, model, &j->model)) return cli_fail("%s", lb_last_error());
    for (i = 0; i < j->adapters.n; i++) {
        lb_model *m;
        if (lb_model_adapt(j->ctx, j->model, j->adapters.item[i].value, &m)) return cli_fail("%s", lb_last_error());
        j->under[j->unders++] = j->model; j->model = m;
    }
    j->dim = lb_model_dim(j->model);
    return 0;
}
/* Says that the model cannot read `what` as that modality, and which ones it has. */
static int job_lacks(const job *j, const char *what, const char *modality) {
    lb__no_modality(j->model, what, modality, "");
    return cli_fail("%s", lb_last_error());
}
/* What stands for a template when none is given. */
static const char *default_template(const char *modality) {
    return !strcmp(modality, "video") ? "a video of a {}." : !strcmp(modality, "audio") ? "a sound of {}." : !strcmp(modality, "depth") ? "a depth photo of a {}." : "a photo of a {}.";
}
static int job_has(const job *j, const char *modality) { return lb_model_modality(j->model, modality) != NULL; }

/* How many inputs of a modality are worth computing at once: enough to keep every thread busy, few enough to stay small. */
static size_t job_batch(const job *j, const lb_modality_desc *m) {
    if (j->batch) return j->batch;
    return m->kind == LB_TEXT ? 256 : m->kind == LB_VIDEO ? 1 : m->kind == LB_AUDIO ? 2 : 8;
}
static void *job_read(void *arg) {
    job *j = (job *)arg; size_t i;
    for (i = j->begin; i < j->end; i++) {
        const input *in = &j->in->at[i]; const lb_modality_desc *m = lb_model_modality(j->model, in->modality); size_t n; const char *why;
        if (m->kind == LB_TEXT || !in->value) continue;
        if (input_read(j->reader, j->model, m, in->value, in->view, j->rule, j->flip, (uint64_t)j->seed, &j->item[i].x) == LB_OK) continue;
        why = lb_last_error(); j->item[i].x = NULL;
        n = strlen(why) + (in->from ? strlen(in->from) : 0) + 64;
        if ((j->item[i].error = (char *)malloc(n)) == NULL) continue;
        if (in->from) snprintf(j->item[i].error, n, "%s: line %lu: %s", in->from, (unsigned long)in->line, why);
        else if (!strcmp(in->value, "-") && !strncmp(why, "-:", 2)) snprintf(j->item[i].error, n, "standard input%s", why + 1);
        else memcpy(j->item[i].error, why, strlen(why) + 1);
    }
    return NULL;
}
/* The piece that begins at i: consecutive inputs of one modality. */
static void job_piece(job *j, size_t i) {
    const lb_modality_desc *m; size_t batch;
    j->begin = j->end = i;
    if (i == j->in->n) return;
    m = lb_model_modality(j->model, j->in->at[i].modality); batch = job_batch(j, m);
    while (j->end < j->in->n && j->end - i < batch && !strcmp(j->in->at[j->end].modality, j->in->at[i].modality)) j->end++;
}
static void job_watch(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols) {
    job *j = (job *)user; size_t r, c; double sum;
    (void)i;
    if (strcmp(stage, "projected")) return;
    for (r = 0; r < rows; r++) { for (c = 0, sum = 0; c < cols; c++) sum += (double)x[r * cols + c] * (double)x[r * cols + c]; if (j->seen < j->in->n) j->norms[j->seen++] = (float)sqrt(sum); }
}
static lb_status job_compute(job *j, size_t begin, size_t end) {
    const lb_modality_desc *m = lb_model_modality(j->model, j->in->at[begin].modality); const char **text = NULL; float *x = NULL, *v = NULL; size_t i, k = 0, n = 0; const size_t size = lb_modality_floats(m); lb_status s = LB_ERR_MEM;
    j->seen = begin;
    for (i = begin; i < end; i++) n += j->good[i] = m->kind == LB_TEXT || j->item[i].x;
    if (!n) return LB_OK;
    if (!(v = (float *)lb__alloc(n, j->dim * sizeof *v))) goto done;
    if (m->kind == LB_TEXT) {
        if (!(text = (const char **)lb__alloc(n, sizeof *text))) goto done;
        for (i = begin; i < end; i++) text[k++] = j->in->at[i].value;
        s = lb_embed_text(j->ctx, j->model, text, n, v);
    } else {
        if (!(x = (float *)lb__alloc(n, size * sizeof *x))) goto done;
        for (i = begin; i < end; i++) if (j->good[i]) memcpy(x + k++ * size, j->item[i].x, size * sizeof *x);
        s = lb_embed_tensor(j->ctx, j->model, m->name, x, n, v);
    }
    for (i = begin, k = 0; i < end && !s; i++) if (j->good[i]) memcpy(j->vectors + i * j->dim, v + k++ * j->dim, j->dim * sizeof *v);
done:
    lb__release((void *)text); lb__release(x); lb__release(v);
    return s;
}
/* Embeds j->in: 0, or the exit status after a message.  While one piece is computed the next is read. */
static int job_run(job *j) {
    size_t i, b, e; int rc = 0;
    lb__release(j->vectors); free(j->good); j->vectors = NULL; j->good = NULL;
    for (i = 0; i < j->in->n; i++) if (!job_has(j, j->in->at[i].modality)) return job_lacks(j, j->in->at[i].value, j->in->at[i].modality);
    j->vectors = (float *)lb__alloc(j->in->n, j->dim * sizeof(float)); j->good = (unsigned char *)calloc(j->in->n + 1, 1); j->item = (job_item *)calloc(j->in->n + 1, sizeof *j->item);
    if (!j->vectors || !j->good || !j->item) { free(j->item); j->item = NULL; return cli_fail("out of memory: %lu vectors of %lu numbers", (unsigned long)j->in->n, (unsigned long)j->dim); }
    if (j->norms) lb_ctx_watch(j->ctx, job_watch, j);
    job_piece(j, 0); job_read(j);
    while (!rc && (b = j->begin) < (e = j->end)) {
        pthread_t thread; int ahead; lb_status s = LB_OK;
        for (i = b; i < e && !rc; i++) if (j->item[i].error) { if (j->skip_bad) cli_warn("left out: %s", j->item[i].error); else rc = cli_fail("%s", j->item[i].error); }
        if (rc) break;
        job_piece(j, e);
        ahead = j->begin < j->end && pthread_create(&thread, NULL, job_read, j) == 0;
        s = job_compute(j, b, e);
        if (ahead) pthread_join(thread, NULL); else job_read(j);
        if (s) rc = cli_fail("%s", lb_last_error());
        for (i = b; i < e; i++) { lb__release(j->item[i].x); free(j->item[i].error); j->item[i].x = NULL; j->item[i].error = NULL; }
        cli_progress(cli_command, e, j->in->n);
    }
    for (i = 0; i < j->in->n; i++) { lb__release(j->item[i].x); free(j->item[i].error); }
    free(j->item); j->item = NULL;
    for (i = 0; i < j->in->n && !j->good[i]; i++) {}
    if (!rc && j->in->n && i == j->in->n && !j->any) rc = cli_fail("none of %lu input%s could be read", (unsigned long)j->in->n, j->in->n == 1 ? "" : "s");
    return rc;
}
