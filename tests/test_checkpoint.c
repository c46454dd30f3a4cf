/* tools/checkpoint.h: every container that checkpoints come in, and files that mean harm. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/checkpoint.h"
#include "tests/lbt.h"
#include "tests/golden.h"

static const char *const all[] = { "a", "transposed", "slice", "column", "expanded", "permuted", "scalar", "half", "bf16", "double", "i64", "i32", "i16", "i8", "u8", "flag", "sub.weight", "q", "k", "v" };
static const char *const few[] = { "a", "bf16", "i64", "scalar", "sub.weight" };

LBT(checkpoint, every_container) {
    static const struct { const char *file, *kind; size_t tensors, outside; const char *prefix; } f[] = {
        { "zip.pt", "torch", 21, 0, "" }, { "protocol4.pt", "torch", 21, 0, "" }, { "protocol5.pt", "torch", 21, 0, "" }, { "legacy.pt", "torch-legacy", 21, 0, "" }, { "dict.pt", "torch", 21, 0, "" }, { "parameters.pt", "torch", 21, 0, "" },
        { "training.pt", "torch", 21, 6, "module." }, { "zip64.pt", "torch", 21, 0, "" }, { "script.pt", "torchscript", 5, 0, "" }, { "one.safetensors", "safetensors", 21, 0, "" },
        { "model.safetensors.index.json", "safetensors", 21, 0, "" }, { "pytorch_model.bin.index.json", "torch", 21, 0, "" } };
    size_t i, n; lb_ctx *ctx; golden g;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && golden_open("checkpoint_values", &g), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(f); i++) {
        char path[200], name[64]; checkpoint ck; const int script = !strcmp(f[i].kind, "torchscript");
        snprintf(path, sizeof path, "tests/golden/ckpt_formats/%s", f[i].file);
        CHECK(!ck_open(ctx, path, &ck), "%s: %s", f[i].file, lb_last_error());
        CHECK(ck.count == f[i].tensors && ck.outside == f[i].outside && !strcmp(ck.kind, f[i].kind), "%s: %zu tensors, %zu outside, %s", f[i].file, ck.count, ck.outside, ck.kind);
        for (n = 0; n < (script ? LB__COUNT(few) : LB__COUNT(all)); n++) {
            const char *base = script ? few[n] : all[n]; ck_tensor *t; golden_array a = golden_get(&g, base); float v[64];
            snprintf(name, sizeof name, "%s%s", f[i].prefix, base);
            t = ck_find(&ck, name);
            if (!t || ck_elements(t) != a.count || a.count > 64) { CHECK(0, "%s: %s", f[i].file, name); continue; }
            ck_values(t, v);
            CHECK(!memcmp(v, a.data, a.count * 4), "%s: %s", f[i].file, name);
        }
        ck_close(&ck);
    }
    golden_close(&g); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}

/* A torch archive around a pickle that is given: r/data.pkl and r/data/0 with `n0` bytes. */
static size_t make_zip(unsigned char *out, const void *pkl, size_t n, size_t n0) {
    static const char *const name[] = { "r/data.pkl", "r/data/0" }; size_t at = 0, local[2], size[2], dir; int i;
    size[0] = n; size[1] = n0;
    for (i = 0; i < 2; i++) {
        unsigned char h[30] = { 'P', 'K', 3, 4 };
        local[i] = at;
        lb__put32le(h + 18, (uint32_t)size[i]); lb__put32le(h + 22, (uint32_t)size[i]); lb__put16le(h + 26, (uint16_t)strlen(name[i]));
        memcpy(out + at, h, 30); at += 30; memcpy(out + at, name[i], strlen(name[i])); at += strlen(name[i]);
        if (i) memset(out + at, 0, n0); else memcpy(out + at, pkl, n);
        at += size[i];
    }
    for (dir = at, i = 0; i < 2; i++) {
        unsigned char h[46] = { 'P', 'K', 1, 2 };
        lb__put32le(h + 20, (uint32_t)size[i]); lb__put32le(h + 24, (uint32_t)size[i]); lb__put16le(h + 28, (uint16_t)strlen(name[i])); lb__put32le(h + 42, (uint32_t)local[i]);
        memcpy(out + at, h, 46); at += 46; memcpy(out + at, name[i], strlen(name[i])); at += strlen(name[i]);
    }
    { unsigned char h[22] = { 'P', 'K', 5, 6 }; lb__put16le(h + 8, 2); lb__put16le(h + 10, 2); lb__put32le(h + 12, (uint32_t)(at - dir)); lb__put32le(h + 16, (uint32_t)dir); memcpy(out + at, h, 22); at += 22; }
    return at;
}
static lb_status read_pickle(lb_ctx *ctx, const void *pkl, size_t n, size_t n0, size_t *tensors) {
    unsigned char *z = (unsigned char *)malloc(n + n0 + 400), *exact; size_t size = make_zip(z, pkl, n, n0); checkpoint ck; lb_status s;
    exact = (unsigned char *)malloc(size); memcpy(exact, z, size); free(z);
    memset(&ck, 0, sizeof ck); ck.ctx = ctx; ck.mark = lb__arena_mark(ctx);
    s = ck_read(&ck, exact, size, "made");
    if (tensors) *tensors = ck.count;
    ck_close(&ck); free(exact);
    return s;
}
#define P(literal) literal, sizeof literal - 1
LBT(checkpoint, malice_is_refused_with_opcode_and_byte) {
    static const struct { const char *what, *pkl; size_t n; const char *says; } bad[] = {
        { "os.system by REDUCE", P("\x80\x02" "cos\nsystem\n(S'touch build/owned'\ntR."), "pickle byte 2, opcode 0x63: the name os.system" },
        { "posix.system", P("cposix\nsystem\n(S'x'\ntR."), "pickle byte 0, opcode 0x63: the name posix.system" },
        { "eval by STACK_GLOBAL", P("\x80\x04\x8c\x08" "builtins\x8c\x04" "eval\x93\x8c\x01" "1\x85R."), "pickle byte 18, opcode 0x93: the name builtins.eval" },
        { "eval of Python 2", P("c__builtin__\neval\n(S'1'\ntR."), "__builtin__.eval" }, { "getattr", P("cbuiltins\ngetattr\n."), "builtins.getattr" }, { "import", P("cbuiltins\n__import__\n."), "builtins.__import__" },
        { "subprocess.Popen by INST", P("(S'x'\nisubprocess\nPopen\n."), "opcode 0x69: the name subprocess.Popen" }, { "by NEWOBJ", P("cos\npopen\n)\x81."), "os.popen" }, { "by OBJ", P("(cos\nsystem\nS'x'\no."), "os.system" },
        { "by BUILD, as the state of something known", P("ccollections\nOrderedDict\n)R}X\x0c\0\0\0__setstate__cos\nsystem\nsb."), "pickle byte 45, opcode 0x63: the name os.system" },
        { "as an argument of something known", P("ctorch._utils\n_rebuild_tensor_v2\n(cos\nsystem\n(S'x'\ntRtR."), "pickle byte 34, opcode 0x63: the name os.system" },
        { "inside a dict that looks harmless", P("\x80\x02}X\x01\0\0\0a" "cos\nsystem\nX\x01\0\0\0b\x85Rs."), "pickle byte 9" },
        { "a dotted name", P("\x80\x04\x8c\x05torch\x8c\x13" "hub.os.system.aaaaa\x93."), "torch.hub.os.system" }, { "torch.load", P("ctorch\nload\n."), "torch.load" }, { "a module object", P("copen_clip.model\nCLIP\n)\x81."), "save its state_dict" },
        { "a script class outside TorchScript", P("c__torch__.x\nY\n)\x81."), "__torch__.x.Y" },
        { "calling data", P("]]R."), "something other than a known name" }, { "calling a string", P("S'os.system'\n)R."), "something other than a known name" },
        { "the extension registry", P("\x82\x01."), "opcode 0x82" }, { "text persistent id", P("Pabc\n."), "opcode 0x50" }, { "a buffer outside", P("\x97."), "opcode 0x97" } };
    size_t i; lb_ctx *ctx;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(bad); i++) {
        lb_status s = read_pickle(ctx, bad[i].pkl, bad[i].n, 4, NULL);
        CHECK(s == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), bad[i].says) && strstr(lb_last_error(), "pickle byte"), "%s: %d %s", bad[i].what, s, lb_last_error());
    }
    CHECK(access("build/owned", F_OK), "a command was run");
    lb_ctx_free(ctx);
}
#define STORAGE(count) "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" "0X\x03\0\0\0cpu" count "tQ"
#define TENSOR(count, offset, shape, stride) "}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(" STORAGE(count) offset shape stride "\x89}tRs."
#define ONE "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE("K\4") "K\0" "K\1\x85" "K\1\x85" "\x89}tR"
#define WRAPPED(best, n, key) "}" best "X" n "\0\0\0" key "}X\1\0\0\0w" ONE "sX\1\0\0\0v" ONE "ss."
/* What training saves beside the state dict may be a tensor too; the dictionary with the most of them is meant, and the outer one of two that have as many. */
LBT(checkpoint, tensors_beside_the_state_dict) {
    static const struct { const char *pkl; size_t n, tensors; } of[] = { { P(WRAPPED("", "\x0a", "state_dict")), 2 }, { P(WRAPPED("X\4\0\0\0best" ONE "s", "\x0a", "state_dict")), 2 }, { P(WRAPPED("X\1\0\0\0a" ONE "sX\1\0\0\0b" ONE "sX\1\0\0\0c" ONE "s", "\5", "model")), 3 } };
    size_t i, n; lb_ctx *ctx;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(of); i++) CHECK(!read_pickle(ctx, of[i].pkl, of[i].n, 16, &n) && n == of[i].tensors, "%zu: %zu tensors, %zu were expected: %s", i, n, of[i].tensors, lb_last_error());
    lb_ctx_free(ctx);
}
LBT(checkpoint, broken_pickles_and_sizes_that_overflow) {
    static const struct { const char *what, *pkl; size_t n; } bad[] = {
        { "empty", P("") }, { "no STOP", P("}") }, { "STOP on nothing", P(".") }, { "POP on nothing", P("0.") }, { "no mark", P("t.") }, { "a mark as a value", P("(.") }, { "memo never stored", P("h\x05.") }, { "memo number of 4 GB", P("Nr\xff\xff\xff\xff.") },
        { "memo number as text", P("Np99999999999\n.") }, { "a string of 4 GB", P("X\xff\xff\xff\xff" "ab.") }, { "a string of 2^63", P("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f" "ab.") }, { "bytes of 2^64 - 1", P("\x8e\xff\xff\xff\xff\xff\xff\xff\xff" "ab.") },
        { "a long of 2 GB", P("\x8b\xff\xff\xff\x7f.") }, { "a frame of 2^60", P("\x95\0\0\0\0\0\0\0\x10.") }, { "append to nothing", P("Na.") }, { "items for a number", P("K\1K\2K\3s.") }, { "odd items", P("}(K\1u.") }, { "attributes for a number", P("K\1}b.") },
        { "protocol 9", P("\x80\x09N.") }, { "no such opcode", P("\xff.") }, { "tuple of too few", P("N\x87.") }, { "not a tensor", P("ctorch._utils\n_rebuild_tensor_v2\n)R.") }, { "a parameter of nothing", P("ctorch._utils\n_rebuild_parameter\n)R.") },
        { "a list of no pairs", P("ccollections\nOrderedDict\n(](K\1etR.") }, { "persistent id of nothing", P(")Q.") }, { "a line without an end", P("cos") }, { "no tensors at all", P("}.") }, { "a list", P("].") },
        { "storage of more elements than bytes", P(TENSOR("K\x09", "K\0", "K\1\x85", "K\1\x85")) }, { "storage of -1 elements", P(TENSOR("J\xff\xff\xff\xff", "K\0", "K\1\x85", "K\1\x85")) },
        { "view past the end", P(TENSOR("K\4", "K\2", "K\3\x85", "K\1\x85")) }, { "offset past the end", P(TENSOR("K\4", "K\5", "K\1\x85", "K\1\x85")) }, { "offset of 2^62", P(TENSOR("K\4", "\x8a\x08\0\0\0\0\0\0\0\x40", "K\1\x85", "K\1\x85")) },
        { "negative stride", P(TENSOR("K\4", "K\0", "K\2\x85", "J\xff\xff\xff\xff\x85")) }, { "negative side", P(TENSOR("K\4", "K\0", "J\xff\xff\xff\xff\x85", "K\1\x85")) }, { "stride of 2^62", P(TENSOR("K\4", "K\0", "K\2\x85", "\x8a\x08\0\0\0\0\0\0\0\x40\x85")) },
        { "2^40 x 2^40 by stride 0", P(TENSOR("K\4", "K\0", "\x8a\x06\0\0\0\0\0\1\x8a\x06\0\0\0\0\0\1\x86", "K\0K\0\x86")) }, { "shape and strides of different length", P(TENSOR("K\4", "K\0", "K\2\x85", "K\1K\1\x86")) } };
    size_t i, n; lb_ctx *ctx; char *big;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    CHECK(!read_pickle(ctx, P(TENSOR("K\4", "K\0", "K\2K\2\x86", "K\2K\1\x86")), 16, &n) && n == 1, "the good one: %s", lb_last_error());
    CHECK(!read_pickle(ctx, P("}X\1\0\0\0xh\0" + 0), 16, NULL) == 0, "cut");
    for (i = 0; i < LB__COUNT(bad); i++) CHECK(read_pickle(ctx, bad[i].pkl, bad[i].n, 16, NULL), "%s was accepted", bad[i].what);
    big = (char *)malloc(3000001);
    memset(big, '(', 3000000); CHECK(read_pickle(ctx, big, 3000000, 4, NULL), "three million marks");
    memset(big, ']', 3000000); CHECK(read_pickle(ctx, big, 3000000, 4, NULL), "three million lists");
    for (i = 0; i < 1000000; i++) { big[i] = ']'; big[1000000 + i] = 'a'; }
    big[2000000 - 1] = '.'; CHECK(read_pickle(ctx, big, 2000000, 4, NULL), "a million lists inside each other");
    big[0] = ']'; for (i = 1; i + 1 < 3000000; i += 2) { big[i] = '2'; big[i + 1] = 'a'; }                     /* a list that holds itself, again and again */
    CHECK(read_pickle(ctx, big, 2999999, 4, NULL), "a list that holds itself");
    big[0] = '}'; big[1] = 'q'; big[2] = 0; for (i = 3; i + 3 < 3000000; i += 4) { big[i] = 'h'; big[i + 1] = 0; big[i + 2] = '0'; big[i + 3] = 'N'; }
    CHECK(read_pickle(ctx, big, 2999999, 4, NULL), "memo ping-pong");
    free(big); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
static unsigned char *load(const char *name, size_t *n) {
    char path[200]; lb__bytes f; unsigned char *p;
    snprintf(path, sizeof path, "tests/golden/ckpt_formats/%s", name);
    if (lb__bytes_open(path, &f)) return NULL;
    p = (unsigned char *)malloc(f.size); memcpy(p, f.data, f.size); *n = f.size; lb__bytes_close(&f);
    return p;
}
static lb_status read_bytes(lb_ctx *ctx, const unsigned char *p, size_t n) {
    checkpoint ck; lb_status s; size_t i; float *v;
    memset(&ck, 0, sizeof ck); ck.ctx = ctx; ck.mark = lb__arena_mark(ctx);
    s = ck_read(&ck, p, n, "bytes");
    if (!s) s = ck_sort(&ck);
    for (i = 0; !s && i < ck.count; i++) if (ck_elements(ck.tensor[i]) < 100000 && (v = (float *)malloc(4 * ck_elements(ck.tensor[i]) + 4))) { ck_values(ck.tensor[i], v); free(v); }
    ck_close(&ck);
    return s;
}
/* A real file of every container, one of its names changed. */
LBT(checkpoint, malice_in_every_container) {
    static const char *const f[] = { "zip.pt", "zip64.pt", "legacy.pt", "training.pt", "script.pt", "pytorch_model-00001-of-00002.bin" }, name[] = "ctorch._utils\n"; size_t i, n = 0, k, changed; lb_ctx *ctx; lb_status s;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(f); i++) {
        unsigned char *p = load(f[i], &n);
        REQUIRE(p, "%s", f[i]);
        for (k = changed = 0; k + sizeof name <= n; k++) if (!memcmp(p + k, name, sizeof name - 1)) { memcpy(p + k, "cposix.system\n", sizeof name - 1); changed++; }
        s = read_bytes(ctx, p, n);
        CHECK(changed && s == LB_ERR_UNSUPPORTED && strstr(lb_last_error(), "opcode 0x63: the name posix.system") && strstr(lb_last_error(), "pickle byte"), "%s: %zu names, %s", f[i], changed, lb_last_error());
        free(p);
    }
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(checkpoint, cut_and_damaged_files) {
    static const char *const f[] = { "zip.pt", "legacy.pt", "script.pt", "zip64.pt", "one.safetensors", "protocol4.pt" }; size_t i, n = 0, k; lb_ctx *ctx; lb__rng r = lb__rng_new(9, 0); int j, opened = 0;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(f); i++) {
        unsigned char *whole = load(f[i], &n), *c;
        REQUIRE(whole, "%s", f[i]);
        for (k = 0; k < n; k++) { c = (unsigned char *)malloc(k ? k : 1); memcpy(c, whole, k); CHECK(read_bytes(ctx, c, k), "%s cut at %zu was accepted", f[i], k); free(c); }
        c = (unsigned char *)malloc(n);
        for (j = 0; j < 3000; j++) { memcpy(c, whole, n); for (k = 1 + lb__rng_below(&r, 4); k; k--) c[lb__rng_below(&r, (uint32_t)n)] = (unsigned char)lb__rng_u32(&r); opened += !read_bytes(ctx, c, n); }
        free(c); free(whole);
    }
    CHECK(opened > 100, "only %d damaged files opened", opened);
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(checkpoint, safetensors_that_lie) {
    static const char *const bad[] = { "{}", "[]", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "{\"a\":1}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}" };
    size_t i; lb_ctx *ctx; unsigned char b[600] = { 0 };
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(bad); i++) { size_t n = strlen(bad[i]); lb__put64le(b, n); memcpy(b + 8, bad[i], n); CHECK(read_bytes(ctx, b, 8 + n + 8), "%s was accepted", bad[i]); }
    lb__put64le(b, ~(uint64_t)0); b[8] = '{'; CHECK(read_bytes(ctx, b, 100), "a header of 2^64 - 1 bytes");
    lb_ctx_free(ctx);
}
LBT(checkpoint, every_allocation_may_fail) {
    static const char *const f[] = { "tests/golden/ckpt_formats/training.pt", "tests/golden/ckpt_formats/legacy.pt", "tests/golden/ckpt_formats/model.safetensors.index.json" }; size_t i; long n; lb_status s; lb_ctx *ctx;
    for (i = 0; i < LB__COUNT(f); i++) for (n = 0, s = LB_ERR_MEM; s; n++) {
        checkpoint ck; long live = alloc_live;
        alloc_left = n; s = lb_ctx_new(NULL, &ctx);
        if (!s) { s = ck_open(ctx, f[i], &ck); if (!s) ck_close(&ck); }
        alloc_left = -1; lb_ctx_free(s && n == 0 ? NULL : ctx);
        CHECK(!s || s == LB_ERR_MEM, "%ld: %s", n, lb_last_error()); CHECK(alloc_live == live, "allocation %ld: %ld left", n, alloc_live - live);
        REQUIRE(n < 1000, "endless");
    }
}
