/* languagebind - the command.  `make` builds it as build/languagebind; so does
 *     cc -std=c99 -O2 tools/languagebind.c -lm          (add -fopenmp for more than one thread)
 * One translation unit: the header, cli.h, and one file for each group of subcommands.  To add a subcommand, write cmd_NAME in such a file
 * (cli.h says how), include the file below and add a row to the table. */
static void keep_in_mind(const char *name, int born);
#define LB__TEMPORARY(name, born) keep_in_mind(name, born)
#define _XOPEN_SOURCE 700                           /* realpath */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "../languagebind.h"
#include "cli.h"
#include "inputs.c"
#include "embed.c"
#include "score.c"
#include "eval.c"
#include "search.c"
#include "bench.c"
#include "tokenize.c"
#include "info.c"
#include "verify.c"
#include "vocab.c"
#include "checkpoint.h"
#include "convert.c"
#include "bundle.c"
#include "upstream.c"
#include "synth.c"
#include "train.c"

typedef struct cli_row { const char *name; int (*run)(int argc, char **argv); const char *line; } cli_row;
static const cli_row cli_rows[] = {
    { "embed",      cmd_embed,      "files and texts in, unit vectors out" },
    { "score",      cmd_score,      "cosines or probabilities between the inputs of two modalities" },
    { "classify",   cmd_classify,   "zero-shot classes of images and other inputs" },
    { "eval",       cmd_eval,       "zero-shot and retrieval metrics over data sets, with intervals" },
    { "index",      cmd_index,      "a folder of photos, sounds and clips into an index" },
    { "search",     cmd_search,     "the entries of an index nearest to a text, an image or a sound" },
    { "tokenize",   cmd_tokenize,   "the token ids of texts" },
    { "info",       cmd_info,       "what a weight file holds, or how this command was built" },
    { "verify",     cmd_verify,     "checks a weight file, and this machine against the reference" },
    { "check-upstream", cmd_check_upstream, "converted LanguageBind weights against its README's known answers" },
    { "record",     cmd_record,     "a weight file with inputs and their vectors, for verify" },
    { "vocab",      cmd_vocab,      "learn a vocabulary from captions" },
    { "train",      cmd_train,      "a model from files with captions: new, whole, or an adapter" },
    { "convert",    cmd_convert,    "a published checkpoint to a .lbw weight file" },
    { "bundle",     cmd_bundle,     "the towers of several weight files in one" },
    { "extend",     cmd_extend,     "one more modality, declared in a JSON file, for a model" },
    { "quantize",   cmd_quantize,   "the same model in f16, bf16, bytes or f32" },
    { "render",     cmd_render,     "pictures, depth maps and turntables of OBJ models" },
    { "synth",      cmd_synth,      "a procedural corpus of five modalities with captions" },
    { "merge",      cmd_merge,      "adapters and low-rank updates into the weights of their model" },
    { "bench",      cmd_bench,      "how fast the kernels run here" },
};

static void top_help(FILE *to) {
    size_t i;
    fprintf(to, "usage: languagebind COMMAND [options]\n\n"
                "Images, text, video, sound, depth and infrared in one embedding space, from a .lbw weight file.\n\ncommands:\n");
    for (i = 0; i < LB__COUNT(cli_rows); i++) fprintf(to, "  %-14s %s\n", cli_rows[i].name, cli_rows[i].line);
    fprintf(to, "\n`languagebind COMMAND --help` explains each.  Results go to standard output, messages to standard error; `-` is standard\n"
                "input.  Exit status: 0 done, 1 failed, 2 wrong use.  LB_CPU=scalar|avx2|avx512|avx512bf16|amx|neon|neonbf16 picks a kernel set.\n");
}

/* Missing descriptors are filled with one that fails, so that no file of ours can become descriptor 0, 1 or 2. */
static void keep_standard_descriptors(void) {
    int fd;
    do { fd = open("/dev/null", O_RDONLY); } while (fd >= 0 && fd <= 2);
    if (fd > 2) close(fd);
}

/* The names of files that are being written.  Ctrl-C and a plain kill remove them, then end the process as they would have without us. */
static const char *volatile begun[16];
static void keep_in_mind(const char *name, int born) {
    size_t i;
    for (i = 0; i < LB__COUNT(begun); i++) if (begun[i] == (born ? NULL : name)) { begun[i] = born ? name : NULL; return; }
}
static void ended_by(int sig) {
    size_t i;
    for (i = 0; i < LB__COUNT(begun); i++) if (begun[i]) unlink(begun[i]);
    signal(sig, SIG_DFL); raise(sig);
}

int main(int argc, char **argv) {
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    size_t i; int rc = -1;
    keep_standard_descriptors();
    for (i = 0; i < LB__COUNT(ends); i++) if (signal(ends[i], ended_by) == SIG_IGN) signal(ends[i], SIG_IGN);      /* nohup stays in force */
    signal(SIGPIPE, SIG_IGN);                       /* a closed pipe is a write error with a sentence, not a silent end */
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
    if (argc < 2) { top_help(stderr); return 2; }
    if (!strcmp(argv[1], "help") && argc > 2) { static char flag[] = "--help"; argv[1] = argv[2]; argv[2] = flag; argc = 3; }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) { top_help(stdout); rc = 0; }
    else if (!strcmp(argv[1], "--version")) { printf("languagebind %d.%d.%d\n", LB_VERSION_MAJOR, LB_VERSION_MINOR, LB_VERSION_PATCH); rc = 0; }
    else for (i = 0; i < LB__COUNT(cli_rows); i++) if (!strcmp(argv[1], cli_rows[i].name)) rc = cli_rows[i].run(argc - 1, argv + 1);
    if (rc < 0) return cli_wrong("unknown command `%s`", argv[1]);
    cli_flush();
    if (cli_refused || ferror(stdout)) { if (!rc) rc = cli_fail("cannot write to standard output: %s", cli_refused ? strerror(cli_refused) : "the device refused it"); }
    return rc;
}
