/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/manifest.c -o build/fuzz/manifest -lm && build/fuzz/manifest tests/fuzz/corpus/manifest
 * Manifests.  What begins like JSON is read as JSON lines and as one JSON text (an array, VIDAL's object), the rest as a table.
 * An item has a file, a modality and captions that can be drawn; a refused manifest leaves nothing but a sentence that names it. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include <stdio.h>

static char path[64];
static void remove_file(void) { remove(path); }
static void load(lb_ctx *ctx, const char *ending, const uint8_t *data, size_t size) {
    lb_manifest_desc d; lb_manifest m; size_t i, k, line = 0; int kind; FILE *f; volatile size_t seen = 0;
    remove(path); snprintf(path, sizeof path, "build/fuzz/manifest.%d.%s", (int)getpid(), ending);
    if (!(f = fopen(path, "wb")) || fwrite(data, 1, size, f) != size || fclose(f)) __builtin_trap();
    for (kind = 0; kind < 3; kind++) {                      /* as it comes; with everything said; for a teacher, who needs no captions */
        memset(&d, 0, sizeof d); d.uncaptioned = kind == 2;
        if (kind == 1) { d.modality = "depth"; d.text_type = "raw"; d.root = "r"; }
        if (lb_manifest_load(ctx, path, &d, &m)) { if (!strstr(lb_last_error(), path) || m.items || m.count || m._memory) __builtin_trap(); continue; }
        if (!m.count) __builtin_trap();
        for (i = 0; i < m.count; i++) {
            const lb_item *it = &m.items[i]; const lb_caption *c;
            if (!it->file[0] || !it->modality[0] || (!it->n_captions && kind < 2) || it->line <= line) __builtin_trap();
            seen += strlen(it->file) + strlen(it->modality) + (it->group ? strlen(it->group) : 0) + (it->split ? strlen(it->split) : 0); line = it->line;
            for (k = 0; k < it->n_captions; k++) seen += strlen(it->captions[k].text) + (it->captions[k].source ? strlen(it->captions[k].source) : 0);
            if (!it->n_captions) continue;
            c = lb_item_draw(it, 1, i);
            if (c < it->captions || c >= it->captions + it->n_captions) __builtin_trap();
        }
        lb_manifest_free(&m); line = 0;
    }
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *ctx;
    if (!ctx && (lb_ctx_new(NULL, &ctx) || atexit(remove_file))) return 0;
    if (size && (data[0] == '{' || data[0] == '[')) { load(ctx, "jsonl", data, size); load(ctx, "json", data, size); }
    else load(ctx, "tsv", data, size);
    return 0;
}
