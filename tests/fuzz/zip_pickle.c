/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/zip_pickle.c -o build/fuzz/zip_pickle -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include "tools/checkpoint.h"
/* PK...: a whole archive.  The older format's magic: a whole file.  Anything else: the pickle of an archive that has ten storages of 256 bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *c; static const unsigned char storage[256]; checkpoint ck; lb_status s; size_t i; lb__mark mark;
    if (!c) { lb_ctx_desc d; memset(&d, 0, sizeof d); d.limits.max_tensors = 20000; if (lb_ctx_new(&d, &c)) return 0; }
    memset(&ck, 0, sizeof ck); ck.ctx = c; ck.mark = mark = lb__arena_mark(c);
    if (size > 2 && (!memcmp(data, "PK", 2) || !memcmp(data, ck_legacy_magic, LB__MIN(size, sizeof ck_legacy_magic)))) s = ck_read(&ck, data, size, "fuzz");
    else {
        pickle k; ck_zip z; ck_member m[10]; pk_value *root = NULL; static const char names[] = "r/data/0r/data/1r/data/2r/data/3r/data/4r/data/5r/data/6r/data/7r/data/8r/data/9";
        memset(&k, 0, sizeof k); memset(m, 0, sizeof m);
        for (i = 0; i < 10; i++) { m[i].name = names + 8 * i; m[i].name_len = 8; m[i].data = storage; m[i].size = sizeof storage; m[i].stored = 1; }
        z.member = m; z.count = 10;
        k.ck = &ck; k.p = data; k.size = size; k.zip = &z; k.root = "r/"; k.root_len = 2; k.script = size & 1;
        s = pk_run(&k, &root);
        if (!s) s = ck_take_root(&k, root, "fuzz");
    }
    if (!s) s = ck_sort(&ck);
    for (i = 0; !s && i < ck.count; i++) {
        size_t n = ck_elements(ck.tensor[i]);
        if (n < 4096) { float *v = (float *)lb__arena(c, n, sizeof *v); if (v) ck_values(ck.tensor[i], v); }
        ck_find(&ck, ck.tensor[i]->name); ck_dense(ck.tensor[i]);
    }
    ck_close(&ck);
    return 0;
}
