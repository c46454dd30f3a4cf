/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/index.c -o build/fuzz/index -lm && mkdir -p seeds && build/fuzz/index seeds
 * Indexes, as `languagebind index` and `search` read them.  What is read has as many paths, modalities and finite vectors as entries; brought up to date and
 * written it can be read again, with what was kept.  A refused one leaves a sentence. */
#define _XOPEN_SOURCE 700
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tools/cli.h"
#include "tools/inputs.c"
#include "tools/score.c"
#include "tools/search.c"
#include "container.h"

static job j; static const char *made[LB_MAX_MODALITIES];
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static lb_model_desc d; static const uint16_t none[2]; static inputs keep; lb_tower_desc *v = &d.tower[0], *w = &d.tower[1]; const char *folder = container_folder(*argc, *argv); int k;
    d.towers = d.modalities = 2; d.merges = none;
    strcpy(v->name, "vision"); v->kind = LB_TOWER_VISION; v->width = 8; v->layers = 1; v->heads = 2; v->embed_dim = 4; v->patch_h = v->patch_w = 4; v->grid_h = v->grid_w = 2;
    strcpy(w->name, "text"); w->kind = LB_TOWER_TEXT; w->width = 8; w->layers = w->heads = 1; w->embed_dim = 4; w->context = 8; w->vocab = 514;
    strcpy(d.modality[0].name, "image"); strcpy(d.modality[0].tower, "vision"); d.modality[0].kind = LB_IMAGE;
    strcpy(d.modality[1].name, "text"); strcpy(d.modality[1].tower, "text"); d.modality[1].kind = LB_TEXT;
    if (lb_ctx_new(NULL, &j.ctx) || lb_model_create(j.ctx, &d, &j.model)) __builtin_trap();
    j.dim = 4;
    for (k = 0; k < 2; k++) if (index_made(&j, d.modality[k].name, &keep, &made[k])) __builtin_trap();
    for (k = 0; folder && k < 3; k++) {
        static const char *const file[] = { "languagebind.h", "./Makefile", "tests/run.sh", "tests/fuzz/../lbt.h", "/no/such" }, *const id[] = { "vision:aa", "text:bb" }; static const float x[] = { 0.5f, -0.5f, 0.5f, -0.5f };
        index_list l = { NULL, 0, 0 }; cli_list over = { NULL, 0, 0 }; char path[512]; size_t i; struct stat st;
        for (i = 0; i < (k ? LB__COUNT(file) : 1); i++) {
            index_entry *e = index_push(&l, &keep, file[i], i % 2 ? "depth" : "image");
            if (!e) __builtin_trap();
            if (!stat(file[i], &st)) { e->size = (uint64_t)st.st_size; e->mtime = INDEX_TIME(st); }
            e->vector = x; e->made = i % 2 ? "cc" : k == 2 ? "dd" : made[0];
        }
        if (k == 2 && !cli_add(&over, "adapter", "a.lbw")) __builtin_trap();
        snprintf(path, sizeof path, "%s/seed-%d", folder, k);
        if (index_write(j.ctx, path, "model.lbw", &over, id, 2, &l, 4, k == 2 ? "/tmp" : "")) __builtin_trap();
        free(l.at); cli_list_free(&over);
    }
    return 0;
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const id[] = { "vision:aa", "text:bb" }; static char file[] = "Makefile"; const char *path = container_at("index"), *folder = "", *all[INDEX_TOWERS]; uint8_t *p = container_right(data, size); lb_file *f = NULL, *g = NULL; inputs keep; index_list old = { NULL, 0, 0 }, now = { NULL, 0, 0 }, l = { NULL, 0, 0 }, again = { NULL, 0, 0 }; cli_list real = { NULL, 0, 0 }, over = { NULL, 0, 0 };
    size_t i, k, n = 0, dim = 0, lacking = 0, ids = 2; char here[4096]; volatile double sum = 0;
    memset(&keep, 0, sizeof keep); all[0] = id[0]; all[1] = id[1];
    if (!lb_file_open_memory(j.ctx, p, size, &f)) {
        lb_status s = index_read(j.ctx, f, path, &old, &keep, &dim);
        if (s && !lb_last_error()[0]) __builtin_trap();
        if (!s && (index_agrees(f, path, id, 2) || index_same(f, path, &j, NULL, &keep) || index_adapters(f, &over)) && !lb_last_error()[0]) __builtin_trap();
        if (!s && lb_file_has(f, "index.folder") && lb_file_get_str(f, "index.folder", &folder)) folder = "";
        for (i = 0; !s && i < old.n; i++) {
            sum += (double)(strlen(old.at[i].path) + strlen(old.at[i].modality));
            for (k = 0; k < dim; k++) { if (!(old.at[i].vector[k] - old.at[i].vector[k] == 0)) __builtin_trap(); sum += (double)old.at[i].vector[k]; }
        }
        if (!s) {
            cli_hit *hit = (cli_hit *)malloc((old.n + 1) * sizeof *hit); float *q = (float *)calloc(dim, sizeof *q);
            if (hit && q && search_one(&old, NULL, q, dim, NULL, hit) != old.n) __builtin_trap();
            free(hit); free(q);
            if (!getcwd(here, sizeof here)) here[0] = 0;
            index_walk(&now, &keep, file, NULL, 0, &n, &n);
            if (!cli_add(&real, NULL, size & 8 ? "/" : "/nowhere") || !index_find(&old, &keep, folder, here) || index_meet(&now, &old, &keep, &real, &j, made, 0, size & 16, &lacking)) __builtin_trap();
            for (i = 0; i < now.n; i++) {
                index_entry *e = now.at[i].vector && now.at[i].made ? index_push(&l, &keep, now.at[i].path, now.at[i].modality) : NULL;
                if (e) { e->vector = now.at[i].vector; e->made = now.at[i].made; e->size = now.at[i].size; e->mtime = now.at[i].mtime; }
            }
            if (l.n && !index_elder(f, &keep, all, &ids)) {
                n = 0;
                if (index_write(j.ctx, path, "model.lbw", &over, all, ids, &l, dim, here) || lb_file_open(j.ctx, path, &g) || index_read(j.ctx, g, path, &again, &keep, &n) || n != dim || again.n != l.n) { fprintf(stderr, "written: %s\n", lb_last_error()); __builtin_trap(); }
                for (i = 0; i < l.n; i++) if (strcmp(l.at[i].path, again.at[i].path) || strcmp(l.at[i].modality, again.at[i].modality) || strcmp(l.at[i].made, again.at[i].made) || memcmp(l.at[i].vector, again.at[i].vector, dim * sizeof(float))) __builtin_trap();
            }
        }
    }
    lb_file_free(g); lb_file_free(f); free(old.at); free(now.at); free(l.at); free(again.at); cli_list_free(&real); cli_list_free(&over); inputs_free(&keep); free(p);
    return 0;
}
