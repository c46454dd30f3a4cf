/* inputs.c - what embed, score, classify, index and search share: the inputs of a command line in their order, decoded ahead on a second
 * thread while the model computes, and embedded in batches of one modality. */
#include <pthread.h>

/* ---- the list ---- */

typedef struct input { const char *modality, *value; } input;
typedef struct inputs { input *at; size_t n, cap; char **owned; size_t owned_n, owned_cap; int stdin_used; } inputs;

#define INPUT_OPTIONS(list) \
    { "image",   0, CLI_LIST, &(list), "FILE", "images (JPEG, PNG, BMP, PNM, GIF)", 0, 0 }, \
    { "text",    0, CLI_LIST, &(list), "TEXT", "texts; `-`: the lines of standard input", 0, 0 }, \
    { "audio",   0, CLI_LIST, &(list), "FILE", "sounds (WAV, FLAC)", 0, 0 }, \
    { "video",   0, CLI_LIST, &(list), "FILE", "clips (Y4M, GIF, Motion-JPEG AVI/MOV/MP4, a folder of frames)", 0, 0 }, \
    { "depth",   0, CLI_LIST, &(list), "FILE", "depth maps (16-bit PNG or PGM in millimetres)", 0, 0 }, \
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
    in->at[in->n].modality = modality; in->at[in->n++].value = value;
    return 1;
}
/* A copy of s that lives as long as the list; NULL: out of memory. */
static char *inputs_keep(inputs *in, const char *s, size_t n) {
    char *copy;
    if (in->owned_n == in->owned_cap) {
        size_t cap = in->owned_cap ? 2 * in->owned_cap : 64; char **p = (char **)realloc(in->owned, cap * sizeof *p);
        if (!p) return NULL;
        in->owned = p; in->owned_cap = cap;
    }
    copy = (char *)malloc(n + 1);
    if (!copy) return NULL;
    memcpy(copy, s, n); copy[n] = 0;
    in->owned[in->owned_n++] = copy;
    return copy;
}
/* What a file is by the ending of its name; NULL: not known. */
static const char *input_guess(const char *path) {
    static const char *const table[][2] = {
        { "jpg", "image" }, { "jpeg", "image" }, { "png", "image" }, { "bmp", "image" }, { "ppm", "image" }, { "pgm", "image" }, { "pnm", "image" }, { "pbm", "image" }, { "gif", "image" },
        { "wav", "audio" }, { "flac", "audio" }, { "y4m", "video" }, { "avi", "video" }, { "mov", "video" }, { "mp4", "video" } };
    const char *dot = strrchr(path, '.'); size_t i, k;
    if (!dot) return NULL;
    for (i = 0; i < LB__COUNT(table); i++) {
        for (k = 0; dot[1 + k] && table[i][0][k]; k++) if ((dot[1 + k] | 32) != table[i][0][k]) break;
        if (!dot[1 + k] && !table[i][0][k]) return table[i][1];
    }
    return NULL;
}
/* "depth:a.png" or "a.jpg"; -1 or an exit status. */
static int inputs_add_line(inputs *in, const char *line, int must_name) {
    const char *colon = strchr(line, ':'), *modality, *p = line;
    while (p < colon && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_')) p++;
    if (colon && p == colon && p > line) {
        modality = inputs_keep(in, line, (size_t)(colon - line));
        return modality && inputs_add(in, modality, colon + 1) ? -1 : cli_fail("out of memory");
    }
    if (must_name) return cli_wrong("`%s`: MODALITY:FILE was expected", line);
    modality = input_guess(line);
    if (!modality) return cli_wrong("%s: the name does not tell what it is; --image, --audio, --video, --depth, --thermal or --text say it", line);
    return inputs_add(in, modality, line) ? -1 : cli_fail("out of memory");
}
/* The lines of a text file, without their line ends (LF or CR LF).  -1 or an exit status. */
static int inputs_lines(inputs *in, const char *path, int texts) {
    lb__file f; size_t a = 0, b; int rc = -1;
    if (lb__file_open(path, &f)) return cli_fail("%s", lb_last_error());
    while (a < f.size && rc < 0) {
        size_t end; char *line;
        for (b = a; b < f.size && f.data[b] != '\n'; b++) {}
        end = b > a && f.data[b - 1] == '\r' ? b - 1 : b;
        line = inputs_keep(in, (const char *)f.data + a, end - a);
        if (!line) rc = cli_fail("out of memory");
        else if (strlen(line) != end - a) rc = cli_fail("%s: holds a zero byte, lines of text were expected", path);
        else if (texts) { if (!inputs_add(in, "text", line)) rc = cli_fail("out of memory"); }
        else if (*line) rc = inputs_add_line(in, line, 0);
        a = b + 1;
    }
    lb__file_close(&f);
    return rc;
}
/* The command line's options in their order.  -1 or an exit status. */
static int inputs_from(inputs *in, const cli_list *l) {
    size_t i; int rc = -1;
    for (i = 0; i < l->n && rc < 0; i++) {
        const char *o = l->item[i].option, *v = l->item[i].value;
        if (!strcmp(v, "-") && in->stdin_used++) return cli_wrong("standard input can be read only once");
        if (!o) rc = strcmp(v, "-") ? inputs_add_line(in, v, 0) : cli_wrong("`-` alone does not tell what it is; say for instance --image -");
        else if (!strcmp(o, "text-file") || (!strcmp(o, "text") && !strcmp(v, "-"))) rc = inputs_lines(in, v, 1);
        else if (!strcmp(o, "list")) rc = inputs_lines(in, v, 0);
        else if (!strcmp(o, "input")) rc = inputs_add_line(in, v, 1);
        else if (!inputs_add(in, o, v)) rc = cli_fail("out of memory");
    }
    return rc;
}
