/* cli.h - what every subcommand shares: options, messages, output, progress.
 *
 * A subcommand is `static int cmd_NAME(int argc, char **argv)` in one of the files that languagebind.c includes, and a row of the table there.
 * argv[0] is its own name.  It declares its options as a table, calls cli_parse, and returns 0 (done), cli_fail(...) = 1 (failed) or
 * cli_wrong(...) = 2 (wrong use).  Results go to standard output (cli_out or printf), messages to standard error.
 *
 *     static int cmd_hello(int argc, char **argv) {
 *         const char *name = "world"; cli_common common = { 0 }; cli_list files = { 0 }; int rc;
 *         const cli_option options[] = {
 *             { "name", 'n', CLI_TEXT, &name, "NAME", "whom to greet (default world)", 0, 0 },
 *             { NULL, 0, CLI_LIST, &files, "FILE", NULL, 0, 0 },
 *             CLI_THREADS(common), CLI_JSON(common) };
 *         if ((rc = cli_parse(argc, argv, "[-n NAME] FILE...", "What it does, in some lines.\n", options, LB__COUNT(options))) >= 0) return rc;
 *         ...
 *     } */
#ifndef LB_CLI_H
#define LB_CLI_H
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Values of list options, in the order of the command line; several options may share one list, `option` tells whose a value is. */
typedef struct cli_item { const char *option, *value; } cli_item;
typedef struct cli_list { cli_item *item; size_t n, cap; } cli_list;
static void cli_list_free(cli_list *l) { free(l->item); memset(l, 0, sizeof *l); }

typedef enum cli_kind {
    CLI_FLAG,      /* int *:          set to 1                                                                    */
    CLI_TEXT,      /* const char **:  one value                                                                   */
    CLI_CHOICE,    /* const char **:  one of the words in `value`, "f32|f16|bf16"                                 */
    CLI_INT,       /* long long *:    a whole number in min..max (both 0: any)                                    */
    CLI_REAL,      /* double *:       a finite number in min..max (both 0: any)                                   */
    CLI_LIST       /* cli_list *:     every value up to the next option; without a name: the plain arguments      */
} cli_kind;
typedef struct cli_option {
    const char *name; char letter; cli_kind kind; void *to;
    const char *value, *help;          /* how the help calls the value; what it says about the option */
    double min, max;
} cli_option;

typedef struct cli_common { long long threads; int json; } cli_common;
/* Rows that many subcommands share. */
#define CLI_MODEL(to)   { "model", 'm', CLI_TEXT, &(to), "FILE", "the .lbw weight file", 0, 0 }
#define CLI_LBW_OUT(to) { "output", 'o', CLI_TEXT, &(to), "FILE", "the .lbw file to write", 0, 0 }
#define CLI_DTYPE(to, otherwise) { "dtype", 0, CLI_CHOICE, &(to), "f32|f16|bf16|i8", "type of the matrices (default: " otherwise "); bf16: twice\nas fast where the processor multiplies bf16, and near; i8: those of the\nblocks are bytes, multiplied as bytes: small, faster still, and near", 0, 0 }
#define CLI_FILES(list, what) { NULL, 0, CLI_LIST, &(list), what, NULL, 0, 0 }
#define CLI_THREADS(c) { "threads", 0, CLI_INT, &(c).threads, "N", "threads to compute on (default: one a core)", 1, 4096 }
#define CLI_JSON(c)    { "json", 0, CLI_FLAG, &(c).json, NULL, "print JSON", 0, 0 }
#define CLI_JSON_MADE(c) { "json", 0, CLI_FLAG, &(c).json, NULL, "print what was made, as `info --json` does", 0, 0 }

static const char *cli_command = "languagebind";       /* "languagebind embed": the head of every message */
static char        cli_command_text[64];

/* A name may hold line ends and escape sequences: they are not shown as they are, so that a line stays one and no terminal obeys a file name. */
static int cli_control(char c) { return (unsigned char)c < 32 || c == 127; }
/* What is on standard output by now goes out; why it did not, main tells at the end: the stream itself knows only that it failed. */
static int cli_refused;
static void cli_flush(void) { errno = 0; if (fflush(stdout) && !cli_refused) cli_refused = errno; }
/* The two bad endings: one sentence on standard error and the exit status. */
static void cli_say(const char *format, va_list ap) {
    char text[8192] = "", *p;
    vsnprintf(text, sizeof text, format, ap);
    for (p = text; *p; p++) if (cli_control(*p)) *p = '?';
    cli_flush(); fprintf(stderr, "%s: %s", cli_command, text);
}
static int cli_fail(const char *format, ...) { va_list ap; va_start(ap, format); cli_say(format, ap); va_end(ap); fputc('\n', stderr); return 1; }
static int cli_wrong(const char *format, ...) { va_list ap; va_start(ap, format); cli_say(format, ap); va_end(ap); fprintf(stderr, " (see `%s --help`)\n", cli_command); return 2; }
static void cli_warn(const char *format, ...) { va_list ap; va_start(ap, format); cli_say(format, ap); va_end(ap); fputc('\n', stderr); }

/* How a subcommand ends: its exit status, with the library's sentence where it failed. */
static int cli_end(lb_status s) { return s ? cli_fail("%s", lb_last_error()) : 0; }

static int cli_add(cli_list *l, const char *option, const char *value) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16; cli_item *p = (cli_item *)realloc(l->item, cap * sizeof *p);
        if (!p) return 0;
        l->item = p; l->cap = cap;
    }
    l->item[l->n].option = option; l->item[l->n++].value = value;
    return 1;
}

/* Two names that are not there yet, of one folder's file? */
static int cli_same_place(const char *a, const char *b) {
    const char *const name[2] = { a, b }, *base[2]; struct stat s[2]; int k;
    for (k = 0; k < 2; k++) {
        const char *slash = strrchr(name[k], '/'); char dir[4096]; const size_t n = slash ? (size_t)(slash - name[k]) + 1 : 0;
        base[k] = name[k] + n;
        if (n >= sizeof dir) return 0;
        memcpy(dir, name[k], n); dir[n] = 0;
        if (stat(n ? dir : ".", &s[k])) return 0;
    }
    return !strcmp(base[0], base[1]) && s[0].st_dev == s[1].st_dev && s[0].st_ino == s[1].st_ino;
}
/* Two names of one file? */
static int cli_same(const char *a, const char *b) {
    struct stat s, t;
    if (!a || !b || !strcmp(a, "-")) return 0;
    if (stat(a, &s) || stat(b, &t)) return !strcmp(a, b) || cli_same_place(a, b);
    return S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}
/* What is written takes the place of nothing that is read: -1, or 2 after a message.  NULL: not asked for.  A list's values may be NAME=FILE. */
static int cli_apart(const char *to, const char *from) { return cli_same(to, from) ? cli_wrong("%s is read, and would be written over; another name was expected for what is written", from) : -1; }
static int cli_apart_all(const char *to, const cli_list *from) {
    size_t i; int rc = -1;
    for (i = 0; i < from->n && rc < 0; i++) { const char *v = from->item[i].value, *eq = strchr(v, '='); if ((rc = cli_apart(to, v)) < 0 && eq) rc = cli_apart(to, eq + 1); }
    return rc;
}

/* Where a model goes: -1, or 2 after a message.  Standard output takes results; `-o -` would make a file of that name. */
static int cli_lbw_to(const char *to) { return !to ? cli_wrong("-o OUT.lbw is missing") : !strcmp(to, "-") ? cli_wrong("a weight file is not written to standard output; -o OUT.lbw was expected") : -1; }

/* The type that a word of CLI_DTYPE names. */
static lb_dtype cli_dtype(const char *word, lb_dtype otherwise) {
    int t;
    for (t = LB_F32; word && t <= LB_BOOL; t++) if (!strcmp(word, lb_dtype_name((lb_dtype)t))) return (lb_dtype)t;
    return otherwise;
}

/* Scores and what they are of; cli_best puts the largest first, equal ones in the order of `at`. */
typedef struct cli_hit { float score; size_t at; } cli_hit;
static int cli_hit_order(const void *a, const void *b) { const cli_hit *x = (const cli_hit *)a, *y = (const cli_hit *)b; return x->score < y->score ? 1 : x->score > y->score ? -1 : x->at > y->at ? 1 : -1; }
static void cli_best(cli_hit *hit, size_t n) { if (n) qsort(hit, n, sizeof *hit, cli_hit_order); }

/* "languagebind embed [usage]", the text, and the table of options, wrapped by hand in the help strings themselves. */
static void cli_help(const char *usage, const char *text, const cli_option *o, size_t n) {
    size_t i;
    printf("usage: %s %s\n\n%s", cli_command, usage, text);
    if (n) printf("\noptions:\n");
    for (i = 0; i < n; i++) {
        char left[96]; const char *h = o[i].help; int used;
        if (!o[i].name) continue;
        used = snprintf(left, sizeof left, "  %c%c%s --%s%s%s%s", o[i].letter ? '-' : ' ', o[i].letter ? o[i].letter : ' ', o[i].letter ? "," : " ", o[i].name,
                        o[i].value ? " " : "", o[i].value ? o[i].value : "", o[i].kind == CLI_LIST ? "..." : "");
        if (used > 33) printf("%s\n%-34s", left, "");
        else printf("%-34s", left);
        for (; h && *h; h++) { putchar(*h); if (*h == '\n') printf("%-34s", ""); }
        putchar('\n');
    }
    printf("      --help                      this text\n");
}

static int cli_is_flag(const char *a) { return a[0] == '-' && a[1] && !(a[1] >= '0' && a[1] <= '9') && a[1] != '.'; }

static int cli_store(const cli_option *o, const char *shown, const char *v) {
    char *end;
    if (o->kind == CLI_TEXT) { *(const char **)o->to = v; return -1; }
    if (o->kind == CLI_LIST) return cli_add((cli_list *)o->to, o->name, v) ? -1 : cli_fail("out of memory");
    if (o->kind == CLI_CHOICE) {
        const char *p = o->value; size_t n = strlen(v);
        while (p) { if (n && strcspn(p, "|") == n && !strncmp(p, v, n)) { *(const char **)o->to = v; return -1; } p = strchr(p, '|'); if (p) p++; }
        return cli_wrong("%s is `%s`, one of %s was expected", shown, v, o->value);
    }
    if (o->kind == CLI_INT) {
        long long x; errno = 0; x = strtoll(v, &end, 10);
        if (end == v || *end || errno) return cli_wrong("%s is `%s`, a whole number was expected", shown, v);
        if ((o->min != 0 || o->max != 0) && ((double)x < o->min || (double)x > o->max)) return cli_wrong("%s is %s, %.0f to %.0f were expected", shown, v, o->min, o->max);
        *(long long *)o->to = x;
    } else {
        double x; errno = 0; x = strtod(v, &end);
        if (end == v || *end || !(x - x == 0)) return cli_wrong("%s is `%s`, a number was expected", shown, v);
        if ((o->min != 0 || o->max != 0) && (x < o->min || x > o->max)) return cli_wrong("%s is %s, %.9g to %.9g were expected", shown, v, o->min, o->max);
        *(double *)o->to = x;
    }
    return -1;
}

static int cli_read(int argc, char **argv, const char *usage, const char *text, const cli_option *o, size_t n) {
    const cli_option *rest = NULL; size_t k; int i, rc, plain = 0;
    for (k = 0; k < n; k++) if (!o[k].name) rest = &o[k];
    for (i = 1; i < argc; i++) {
        const char *a = argv[i], *eq = NULL; const cli_option *f = NULL; char shown[64];
        if (!plain && !strcmp(a, "--")) { plain = 1; continue; }
        if (plain || !cli_is_flag(a)) {
            if (!rest) return cli_wrong("`%s` is left over, only options were expected", a);
            if ((rc = cli_store(rest, a, a)) >= 0) return rc;
            continue;
        }
        if (!strcmp(a, "--help") || !strcmp(a, "-h")) { cli_help(usage, text, o, n); return 0; }
        if (a[1] == '-') eq = strchr(a, '=');
        for (k = 0; k < n && !f; k++) {
            if (!o[k].name) continue;
            if (a[1] == '-') { size_t len = eq ? (size_t)(eq - a) - 2 : strlen(a) - 2; if (strlen(o[k].name) == len && !strncmp(o[k].name, a + 2, len)) f = &o[k]; }
            else if (o[k].letter && a[1] == o[k].letter && !a[2]) f = &o[k];
        }
        if (!f) return cli_wrong("unknown option %.*s", eq ? (int)(eq - a) : (int)strlen(a), a);
        snprintf(shown, sizeof shown, "--%s", f->name);
        if (f->kind == CLI_FLAG) {
            if (eq) return cli_wrong("%s takes no value", shown);
            *(int *)f->to = 1;
        } else if (eq) { if ((rc = cli_store(f, shown, eq + 1)) >= 0) return rc; }
        else {
            int taken = 0;
            while (i + 1 < argc && (!taken || f->kind == CLI_LIST) && !cli_is_flag(argv[i + 1])) { if ((rc = cli_store(f, shown, argv[++i])) >= 0) return rc; taken++; }
            if (!taken) return cli_wrong("%s needs a value: %s", shown, f->value ? f->value : "VALUE");
        }
    }
    return -1;
}

/* Reads argv into the options.  -1: go on; otherwise the exit status (0 after --help, 2 after wrong use), and the lists are empty.  `--x=v` and
 * `--x v` are the same; `--` ends the options; `-` alone is a value (standard input); a value that begins with a dash is given as --x=-v. */
static int cli_parse(int argc, char **argv, const char *usage, const char *text, const cli_option *o, size_t n) {
    size_t k; int rc;
    snprintf(cli_command_text, sizeof cli_command_text, "languagebind %s", argv[0]); cli_command = cli_command_text;
    rc = cli_read(argc, argv, usage, text, o, n);
    for (k = 0; k < n && rc >= 0; k++) if (o[k].kind == CLI_LIST) cli_list_free((cli_list *)o[k].to);
    return rc;
}

/* The values of a list, for functions that take paths or texts; freed with lb__release.  NULL leaves the sentence. */
static const char **cli_values(const cli_list *l) {
    const char **v = (const char **)lb__alloc(l->n, sizeof *v); size_t i;
    for (i = 0; v && i < l->n; i++) v[i] = l->item[i].value;
    return v;
}
/* A context on the threads asked for.  The library goes on with its best kernels where LB_CPU names none that it has; who set it should know. */
static lb_status cli_ctx(const cli_common *c, lb_ctx **out) {
    const char *want = getenv("LB_CPU"); static int told; lb_ctx_desc d;
    if (want && *want && strcmp(want, lb_cpu_name()) && !told++) cli_warn("LB_CPU=%s: this build and processor have no such kernels (scalar|avx2|avx512|avx512bf16|amx|neon|neonbf16), the %s ones are used", want, lb_cpu_name());
    memset(&d, 0, sizeof d); d.threads = (int)c->threads;
    return lb_ctx_new(&d, out);
}

/* Results: to a file that appears whole or not at all, or to standard output (path NULL or "-"). */
typedef struct cli_out { int file; lb__writer w; } cli_out;
static lb_status cli_out_open(cli_out *o, const char *path) {
    memset(o, 0, sizeof *o);
    if (!path || !strcmp(path, "-")) return LB_OK;
    LB__TRY(lb__writer_open(path, &o->w));
    o->file = 1;
    return LB_OK;
}
static lb_status cli_out_add(cli_out *o, const void *data, size_t n) {
    if (o->file) return lb__writer_add(&o->w, data, n);
    errno = 0;
    if (fwrite(data, 1, n, stdout) != n) return lb__fail(LB_ERR_IO, "cannot write to standard output: %s", strerror(errno));
    return LB_OK;
}
static lb_status cli_out_text(cli_out *o, const char *format, ...) {
    char small[512], *p = small; va_list ap; int n; lb_status s;
    va_start(ap, format); n = vsnprintf(small, sizeof small, format, ap); va_end(ap);
    if (n < 0) return lb__fail(LB_ERR_ARG, "a line could not be formatted");
    if ((size_t)n >= sizeof small) {
        if (!(p = (char *)lb__alloc((size_t)n + 1, 1))) return LB_ERR_MEM;
        va_start(ap, format); vsnprintf(p, (size_t)n + 1, format, ap); va_end(ap);
    }
    s = cli_out_add(o, p, (size_t)n);
    if (p != small) lb__release(p);
    return s;
}
/* A name or a text in a line for people, control characters as spaces. */
static lb_status cli_out_line(cli_out *o, const char *s) {
    size_t n;
    for (;; s += n + 1) {
        for (n = 0; s[n] && !cli_control(s[n]); n++) {}
        LB__TRY(cli_out_add(o, s, n));
        if (!s[n]) return LB_OK;
        LB__TRY(cli_out_add(o, " ", 1));
    }
}
/* A string as JSON, quotes included; bytes that are not UTF-8 become U+FFFD so that the line stays valid. */
static lb_status cli_out_json_bytes(cli_out *o, const char *s, size_t n) {
    const char *end = s + n;
    LB__TRY(cli_out_add(o, "\"", 1));
    while (s < end) {
        const unsigned char c = (unsigned char)*s; const size_t len = lb__utf8_length((const unsigned char *)s, (size_t)(end - s));
        if (!len) { LB__TRY(cli_out_add(o, "\xef\xbf\xbd", 3)); s++; continue; }
        if (c == '"' || c == '\\') LB__TRY(cli_out_text(o, "\\%c", c));
        else if (c < 32 || c == 127) LB__TRY(cli_out_text(o, "\\u%04x", c));
        else LB__TRY(cli_out_add(o, s, len));
        s += len;
    }
    return cli_out_add(o, "\"", 1);
}
static lb_status cli_out_json(cli_out *o, const char *s) { return cli_out_json_bytes(o, s, strlen(s)); }
static void cli_out_abort(cli_out *o) { if (o->file) lb__writer_abort(&o->w); o->file = 0; }
static lb_status cli_out_commit(cli_out *o) {
    if (o->file) { o->file = 0; return lb__writer_commit(&o->w); }
    errno = 0;
    if (fflush(stdout) || ferror(stdout)) return lb__fail(LB_ERR_IO, "cannot write to standard output: %s", strerror(errno));
    return LB_OK;
}

/* A place that cannot be written shows now, not after the work.  Pipes and devices are left alone: who reads them would see an end. */
static lb_status cli_out_try(const char *path) {
    cli_out o; struct stat st;
    if (!path || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) return LB_OK;
    LB__TRY(cli_out_open(&o, path));
    cli_out_abort(&o);
    return LB_OK;
}

/* A bar on standard error, and only when that is a terminal.  done == total wipes it away. */
static void cli_progress(const char *what, size_t done, size_t total) {
    static int shown = -1; int i, fill;
    if (!isatty(2) || total < 2) return;
    fill = (int)(40.0 * (double)done / (double)total);
    if (done >= total) { fprintf(stderr, "\r\033[K"); shown = -1; return; }
    if (fill == shown && done % 16) return;
    shown = fill;
    fprintf(stderr, "\r%s [", what);
    for (i = 0; i < 40; i++) fputc(i < fill ? '#' : '.', stderr);
    fprintf(stderr, "] %lu/%lu", (unsigned long)done, (unsigned long)total);
    fflush(stderr);
}
#endif
