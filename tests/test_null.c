/* Every public function with NULL for each of its pointers, one after the other and all at once: a refusal with a sentence where none can be
 * done without, and never a crash.  The calls are made from the declarations themselves (null_calls.awk), each in a process of its own, so that none can spoil the next. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include "tests/lbt.h"
#include <sys/wait.h>
#include <unistd.h>

static lb_ctx *ctx; static lb_model *model; static lb_tokenizer *tokenizer; static lb_file *file; static lb_file_writer *file_writer; static lb_npy *npy; static lb_video *video; static lb_trainer *trainer; static lb_feed *feed; static lb_manifest manifest_, *manifest = &manifest_;
static unsigned char room[1 << 16];                                  /* for every other pointer: an empty text, a zeroed struct, a place for results */
static int calls;
static void piece(void *arg, size_t begin, size_t end, int worker) { (void)arg; (void)begin; (void)end; (void)worker; }
static size_t no_bytes(void *user, void *data, size_t size) { (void)user; (void)data; (void)size; return 0; }

static int child(void) { fflush(stdout); return !fork(); }
static void leave(int must, lb_status s) { _exit(s && !*lb_last_error() ? 2 : must && s != LB_ERR_ARG ? 3 : 0); }
static void ended(const char *what) {
    int status = -1; wait(&status); calls++;
    CHECK(!status, "%s: %s", what, WIFSIGNALED(status) ? "ended by a signal" : WEXITSTATUS(status) == 2 ? "failed without a sentence" : WEXITSTATUS(status) == 3 ? "it did not refuse" : "ended");
}
#define CALL(what, must, ...) if (child()) leave(must, __VA_ARGS__); ended(what);
#define ASK(what, ...) if (child()) { (void)__VA_ARGS__; _exit(0); } ended(what);

LBT(null, every_pointer) {
    const char *list = "build/tests/null.jsonl"; lb_ctx_desc one; lb_train_desc d; lb_feed_desc f; static const size_t shape[1] = { 1 }; FILE *out = fopen(list, "w");
    REQUIRE(out, "%s", list);
    fputs("{\"file\":\"../../examples/photos/cat.jpg\",\"caption\":\"a cat\"}\n{\"file\":\"../../examples/photos/coffee.jpg\",\"caption\":\"coffee\"}\n", out); fclose(out);
    memset(&one, 0, sizeof one); memset(&d, 0, sizeof d); memset(&f, 0, sizeof f);
    one.threads = 1; f.modality = "image";                           /* a process with threads does not fork well */
    REQUIRE(!lb_ctx_new(&one, &ctx) && !lb_model_open(ctx, "weights/languagebind-tiny.lbw", &model), "%s", lb_last_error());
    REQUIRE(!lb_file_open(ctx, "weights/clip-bpe.lbw", &file) && !lb_file_tokenizer(ctx, file, &tokenizer), "%s", lb_last_error());
    REQUIRE(!lb_file_create(ctx, "build/tests/null.lbw", &file_writer) && !lb_npy_create("build/tests/null.npy", LB_F32, 1, shape, &npy), "%s", lb_last_error());
    REQUIRE(!lb_video_open_array(ctx, room, 2, 8, 8, 1, &video) && !lb_trainer_new(ctx, model, &d, &trainer), "%s", lb_last_error());
    REQUIRE(!lb_manifest_load(ctx, list, NULL, manifest) && !lb_feed_new(ctx, model, manifest, &f, &feed), "%s", lb_last_error());
#include LB_NULL_CALLS
    CHECK(FUNCTIONS > 150 && calls > 500, "%d functions, %d calls", (int)FUNCTIONS, calls);
    printf("  %d declarations, %d calls\n", (int)FUNCTIONS, calls);
    lb_feed_free(feed); lb_manifest_free(manifest); lb_trainer_free(trainer); lb_video_free(video); lb_npy_abort(npy); lb_file_abandon(file_writer);
    lb_tokenizer_free(tokenizer); lb_file_free(file); lb_model_free(model); lb_ctx_free(ctx);
    remove(list);
}
