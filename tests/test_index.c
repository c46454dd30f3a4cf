/* Index files of `languagebind index`: what is written is read again; files that no writer makes are refused with a sentence. */
#define _XOPEN_SOURCE 700
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/inputs.c"
#include "tools/score.c"
#include "tools/search.c"
#include "tests/lbt.h"

static const char *const file = "build/tests/index.lbi", *const other = "build/tests/index2.lbi";
static lb_status reads(lb_ctx *c, const char *path, size_t *n) {
    inputs keep; index_list l = { NULL, 0, 0 }; lb_file *f = NULL; size_t dim = 0; lb_status s = lb_file_open(c, path, &f);
    memset(&keep, 0, sizeof keep);
    if (!s) s = index_read(c, f, path, &l, &keep, &dim);
    *n = l.n;
    lb_file_free(f); free(l.at); inputs_free(&keep);
    return s;
}
/* The same file with other modalities: names, and what made their vectors. */
static void with(lb_ctx *c, const char *const *name, const char *const *made, size_t names, size_t mades) {
    lb_file *f = NULL; lb_file_writer *w = NULL; size_t i;
    REQUIRE(!lb_file_open(c, file, &f) && !lb_file_create(c, other, &w), "%s", lb_last_error());
    lb_file_copy_keys(w, f, "", ""); lb_file_set_strs(w, "index.modalities", name, names); lb_file_set_strs(w, "index.made", made, mades);
    for (i = 0; i < lb_file_tensors(f); i++) { const char *t; const lb_tensor *v = lb_file_tensor_at(f, i, &t); lb_file_add(w, t, v); }
    REQUIRE(!lb_file_commit(w), "%s", lb_last_error());
    lb_file_free(f);
}
LBT(index, one_maker_a_modality) {
    static const char *const id[] = { "vision:aa" }, *const twice[] = { "depth", "depth" }, *const names[] = { "image", "depth" }, *const made[] = { "a", "b" }; static const float x[] = { 0.6f, 0.8f };
    lb_ctx *c = NULL; inputs keep; index_list l = { NULL, 0, 0 }; cli_list none = { NULL, 0, 0 }; size_t i, n = 0;
    memset(&keep, 0, sizeof keep);
    REQUIRE(!lb_ctx_new(NULL, &c), "context");
    for (i = 0; i < 3; i++) { index_entry *e = index_push(&l, &keep, i ? "b.png" : "a.png", names[i > 0]); REQUIRE(e, "memory"); e->vector = x; e->made = made[i > 0]; }
    REQUIRE(!index_write(c, file, "m.lbw", &none, id, 1, &l, 2, "/here"), "%s", lb_last_error());
    CHECK(!reads(c, file, &n) && n == 3, "%zu entries: %s", n, lb_last_error());
    with(c, names, made, 2, 2); CHECK(!reads(c, other, &n) && n == 3, "%zu entries: %s", n, lb_last_error());
    with(c, twice, made, 2, 2); CHECK(reads(c, other, &n) == LB_ERR_FORMAT && strstr(lb_last_error(), "has depth twice"), "%s", lb_last_error());       /* vectors of two models under one name */
    with(c, names, made, 2, 1); CHECK(reads(c, other, &n) == LB_ERR_FORMAT && strstr(lb_last_error(), "index.made has 1 strings"), "%s", lb_last_error());
    with(c, names, made, 1, 1); CHECK(reads(c, other, &n) == LB_ERR_FORMAT && strstr(lb_last_error(), "entry 1 of the index is damaged"), "%s", lb_last_error());
    remove(file); remove(other); free(l.at); inputs_free(&keep); lb_ctx_free(c);
}
