/* Section 12: .lbw files written, read, verified, damaged. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "tests/lbt.h"

#define PATH "build/test_weights.lbw"
static lb_tensor view(void *data, lb_dtype t, int ndim, size_t a, size_t b) { lb_tensor v; memset(&v, 0, sizeof v); v.data = data; v.dtype = t; v.ndim = ndim; v.shape[0] = a; v.shape[1] = b; return v; }
static float rows[40 * 5], ones[3] = { 1, 2, 3 };
static uint16_t pairs[4] = { 1, 2, 3, 500 };

static lb_status write_sample(lb_ctx *ctx, const char *path) {
    static const double mean[] = { 0.5, 0.25, 0.125 }; static const char *const towers[] = { "vision", "text" }; static const uint64_t sizes[] = { 7, 1u << 31 };
    lb_file_writer *w; lb_tensor r, b, p; size_t i, shape[2] = { 40, 5 };
    for (i = 0; i < 200; i++) rows[i] = (float)i * 0.25f - 20;
    r = view(rows, LB_F32, 2, 40, 5); b = view(ones, LB_F32, 1, 3, 0); p = view(pairs, LB_U16, 2, 2, 2);
    LB__TRY(lb_file_create(ctx, path, &w));
    lb_file_set_str(w, "format.kind", "adapter"); lb_file_set_u64(w, "a.u", 77); lb_file_set_i64(w, "a.i", -5); lb_file_set_f64(w, "a.f", 0.1); lb_file_set_bool(w, "a.b", 1);
    lb_file_set_f64s(w, "a.mean", mean, 3); lb_file_set_strs(w, "towers", towers, 2); lb_file_set_u64s(w, "a.sizes", sizes, 2); lb_file_set_str(w, "format.kind", "model"); lb_file_set_str(w, "empty", "");
    lb_file_add(w, "vision.b", &b);
    lb_file_declare(w, "vision.w", LB_F16, LB_PANEL, 2, shape);
    lb_file_declare(w, "vision.rows", LB_BF16, LB_ROWS, 2, shape);
    lb_file_add(w, "tokenizer.merges", &p);
    lb_file_share(w, "vision.shared", "vision.w");
    lb_file_declare(w, "vision.x", LB_F32, LB_PANEL, 2, shape);
    lb_file_put(w, "vision.w", &r); lb_file_put(w, "vision.rows", &r); lb_file_put(w, "vision.x", &r);
    return lb_file_commit(w);
}
static void check_sample(lb_ctx *ctx, const lb_file *f) {
    uint64_t u = 0, us[2]; int64_t i = 0; double d = 0, ds[4]; int b = 0; const char *s = NULL, *ss[2]; size_t n = 0, k, r; const lb_tensor *t;
    CHECK(!lb_file_get_u64(f, "a.u", &u) && u == 77 && !lb_file_get_i64(f, "a.i", &i) && i == -5 && !lb_file_get_f64(f, "a.f", &d) && d == (double)0.1 && !lb_file_get_bool(f, "a.b", &b) && b == 1, "%s", lb_last_error());
    CHECK(!lb_file_get_str(f, "format.kind", &s) && !strcmp(s, "model") && !lb_file_get_str(f, "empty", &s) && !*s, "%s", lb_last_error());
    CHECK(!lb_file_get_f64s(f, "a.mean", ds, 4, &n) && n == 3 && ds[2] == 0.125 && !lb_file_get_strs(f, "towers", ss, 2, NULL) && !strcmp(ss[1], "text"), "%s", lb_last_error());
    CHECK(!lb_file_get_u64s(f, "a.sizes", us, 2, &n) && n == 2 && us[1] == 1u << 31, "%s", lb_last_error());
    CHECK(!lb_file_get_f64(f, "a.u", &d) && d == 77 && !lb_file_get_i64(f, "a.u", &i) && i == 77, "a number is a number");
    CHECK(lb_file_get_u64(f, "a.i", &u) && strstr(lb_last_error(), "a.i") && lb_file_get_u64(f, "nothing", &u) && strstr(lb_last_error(), "nothing"), "%s", lb_last_error());
    CHECK(lb_file_get_str(f, "a.u", &s) && lb_file_get_u64(f, "format.kind", &u) && lb_file_get_u64(f, "a.f", &u) && lb_file_get_bool(f, "a.u", &b) && lb_file_get_strs(f, "towers", ss, 1, &n), "types and counts are checked");
    CHECK(lb_file_keys(f) == 9 && lb_file_tensors(f) == 6 && !lb_file_tensor(f, "vision.zz"), "%zu %zu", lb_file_keys(f), lb_file_tensors(f));
    t = lb_file_tensor(f, "vision.w"); REQUIRE(t && t->dtype == LB_F16 && t->layout == LB_PANEL && !((uintptr_t)t->data & 63), "vision.w");
    for (k = 0; k < 40; k++) for (r = 0; r < 5; r++) CHECK(lb__f16_f32(((const uint16_t *)t->data)[lb__panel_index(k, r, 5)]) == rows[k * 5 + r], "%zu %zu", k, r);
    t = lb_file_tensor(f, "vision.x"); REQUIRE(t, "vision.x");
    for (k = 0; k < 64; k++) for (r = 0; r < 5; r++) CHECK(((const float *)t->data)[lb__panel_index(k, r, 5)] == (k < 40 ? rows[k * 5 + r] : 0), "%zu %zu", k, r);
    t = lb_file_tensor(f, "vision.rows"); REQUIRE(t, "rows");
    for (k = 0; k < 200; k++) CHECK(fabsf(lb__bf16_f32(((const uint16_t *)t->data)[k]) - rows[k]) <= 0.07f, "%zu", k);
    t = lb_file_tensor(f, "vision.shared"); CHECK(t && t->data == lb_file_tensor(f, "vision.w")->data && t->layout == LB_PANEL, "one place, two names");
    t = lb_file_tensor(f, "tokenizer.merges"); CHECK(t && t->dtype == LB_U16 && ((const uint16_t *)t->data)[3] == 500, "merges");
    CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error());
}

LBT(weights, round_trip) {
    lb_ctx *ctx; lb_file *f, *g; char a[65], b[65]; unsigned char *block, *bytes; lb__bytes map;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    REQUIRE(!write_sample(ctx, PATH), "%s", lb_last_error());
    REQUIRE(!lb_file_open(ctx, PATH, &f), "%s", lb_last_error());
    if (lb__host_little()) CHECK(!f->copy, "used in place");
    check_sample(ctx, f);
    REQUIRE(!lb__bytes_open(PATH, &map), "%s", lb_last_error());
    block = (unsigned char *)malloc(map.size + 128); bytes = (unsigned char *)(((uintptr_t)block + 63) & ~(uintptr_t)63) + 3;
    memcpy(bytes, map.data, map.size);
    REQUIRE(!lb_file_open_memory(ctx, bytes, map.size, &g), "%s", lb_last_error());
    check_sample(ctx, g);                                        /* unaligned: copied */
    CHECK(!lb_file_identity(f, "vision", a) && !lb_file_identity(g, "vision", b) && !strcmp(a, b) && strlen(a) == 64, "identity");
    CHECK(lb_file_identity(f, "vis", a) == LB_ERR_ARG, "no such tower");
    bytes[map.size - 1] ^= 1;
    CHECK(lb_file_verify(ctx, g) == LB_ERR_FORMAT && strstr(lb_last_error(), "vision.x"), "%s", lb_last_error());
    lb_file_free(f); lb_file_free(g); lb__bytes_close(&map); free(block); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(weights, writer_refuses) {
    lb_ctx *ctx; lb_file_writer *w; lb_tensor t; float bad[2] = { 1, NAN }; size_t shape[2] = { 2, 0 }; lb__bytes map;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    remove(PATH);
#define BEGIN REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error())
#define END(word) CHECK(lb_file_commit(w) && strstr(lb_last_error(), word), "%s", lb_last_error()); CHECK(lb__bytes_open(PATH, &map) == LB_ERR_IO, "no file")
    t = view(bad, LB_F32, 1, 2, 0);
    BEGIN; lb_file_add(w, "nan", &t); END("nan");
    bad[1] = 1e6f; BEGIN; lb_file_declare(w, "big", LB_F16, LB_ROWS, 1, shape); lb_file_put(w, "big", &t); END("too large for f16");
    BEGIN; lb_file_add(w, "twice", &t); lb_file_add(w, "twice", &t); END("twice");
    BEGIN; lb_file_declare(w, "never", LB_F32, LB_ROWS, 1, shape); END("never");
    BEGIN; lb_file_declare(w, "side", LB_F32, LB_ROWS, 2, shape); END("side of 0");
    BEGIN; lb_file_declare(w, "one", LB_F32, LB_ROWS, 1, shape); lb_file_put(w, "two", &t); END("two");
    BEGIN; lb_file_share(w, "a", "b"); END("not declared");
    BEGIN; lb_file_set_f64(w, "inf", INFINITY); END("inf");
    BEGIN; lb_file_set_u64(w, "", 1); END("not valid");
    CHECK(lb_file_create(ctx, "build/no/such/folder/x.lbw", &w) == LB_ERR_IO, "%s", lb_last_error());
    CHECK(lb_file_create(ctx, PATH, &w) == LB_OK, "%s", lb_last_error()); lb_file_abandon(w); lb_file_abandon(NULL);

    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* Panels of bytes: [40, 8] whose rows have the steps 1/4 to 4, so that every number is what it was; the same bytes on any machine. */
LBT(weights, panels_of_bytes) {
    enum { N = 40, K = 8, PANEL = LB__I8_HEAD + 32 * K }; static const lb_dtype into[] = { LB_F32, LB_F16, LB_I8 }; lb_ctx *ctx; lb_file *f, *g; lb_file_writer *w; lb__bytes map; lb_tensor r, p; const lb_tensor *t; float x[N * K], panels[2 * 32 * K]; unsigned char want[2 * PANEL], *bytes, *copy; size_t shape[2] = { N, K }, i, k, at, n;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    memset(want, 0, sizeof want); memset(panels, 0, sizeof panels);
    for (i = 0; i < N; i++) {
        const float step = ldexpf(1, (int)(i % 5) - 2); int sum = 0; unsigned char *panel = want + i / 32 * PANEL;
        for (k = 0; k < K; k++) {
            const int q = k == i % K ? (i & 1 ? 127 : -127) : (int)((i * 37 + k * 11) % 255) - 127;
            x[i * K + k] = panels[lb__panel_index(i, k, K)] = step * (float)q; sum += q; panel[LB__I8_HEAD + (k / 4 * 32 + i % 32) * 4 + k % 4] = (unsigned char)q;
        }
        lb__put32le(panel + i % 32 * 4, lb__f32_bits(step)); lb__put32le(panel + 128 + i % 32 * 4, (uint32_t)sum);
    }
    r = view(x, LB_F32, 2, N, K); p = view(panels, LB_F32, 2, N, K); p.layout = LB_PANEL;
    REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error());
    lb_file_declare(w, "of.rows", LB_I8, LB_PANEL, 2, shape); lb_file_declare(w, "of.panels", LB_I8, LB_PANEL, 2, shape); lb_file_put(w, "of.rows", &r); lb_file_put(w, "of.panels", &p);
    REQUIRE(!lb_file_commit(w) && !lb_file_open(ctx, PATH, &f) && !lb__bytes_open(PATH, &map), "%s", lb_last_error());
    at = (size_t)lb__u64le(map.data + 40); n = (2 * PANEL + 63) & ~(size_t)63;
    CHECK(map.size == at + n + 2 * PANEL && !memcmp(map.data + at, want, 2 * PANEL) && !memcmp(map.data + at + n, want, 2 * PANEL), "the bytes are others");
    CHECK(!lb_file_verify(ctx, f), "%s", lb_last_error());
    t = lb_file_tensor(f, "of.rows"); REQUIRE(t && lb_tensor_stored(t) == 2 * PANEL && lb_tensor_count(t) == N * K, "the tensor");
    for (i = 0; i < N; i++) for (k = 0; k < K; k++) CHECK(lb__panel_get(t->data, LB_I8, i, k, K) == x[i * K + k], "%zu %zu", i, k);
    REQUIRE(!lb_file_create(ctx, "build/test_weights2.lbw", &w), "%s", lb_last_error());                /* from bytes to everything */
    for (i = 0; i < 3; i++) lb_file_declare(w, lb_dtype_name(into[i]), into[i], LB_PANEL, 2, shape);
    lb_file_add(w, "as it is", t);
    for (i = 0; i < 3; i++) lb_file_put(w, lb_dtype_name(into[i]), t);
    REQUIRE(!lb_file_commit(w) && !lb_file_open(ctx, "build/test_weights2.lbw", &g), "%s", lb_last_error());
    CHECK(!memcmp(lb_file_tensor(g, "f32")->data, panels, sizeof panels) && !memcmp(lb_file_tensor(g, "i8")->data, t->data, 2 * PANEL) && !memcmp(lb_file_tensor(g, "as it is")->data, t->data, 2 * PANEL), "from bytes");
    for (i = 0; i < N; i++) for (k = 0; k < K; k++) CHECK(lb__f16_f32(((const uint16_t *)lb_file_tensor(g, "f16")->data)[lb__panel_index(i, k, K)]) == x[i * K + k], "%zu %zu", i, k);
    lb_file_free(g); remove("build/test_weights2.lbw");
    memset(&r, 0, sizeof r); r = *t; r.data = lb__alloc(2 * PANEL, 1); memcpy(r.data, t->data, 2 * PANEL);
    CHECK(!lb_tensor_f32(&r) && r.dtype == LB_F32 && !memcmp(r.data, panels, sizeof panels), "%s", lb_last_error());
    lb_tensor_free(&r);
    bytes = (unsigned char *)malloc(map.size + 64); copy = (unsigned char *)(((uintptr_t)bytes + 63) & ~(uintptr_t)63); memcpy(copy, map.data, map.size);          /* a step that is no number, under checksums that were made to fit */
    lb__put32le(copy + at + 4 * 31, 0x7f800000u);
    i = (size_t)lb__u64le(copy + 32); lb__put32le(copy + i + 32, lb__crc32(0, copy + at, 2 * PANEL)); lb__put32le(copy + 48, lb__crc32(0, copy + 64, at - 64));
    REQUIRE(!lb_file_open_memory(ctx, copy, map.size, &g), "%s", lb_last_error());
    CHECK(lb_file_verify(ctx, g) == LB_ERR_FORMAT && strstr(lb_last_error(), "of.rows") && strstr(lb_last_error(), "infinite"), "%s", lb_last_error());
    t = lb_file_tensor(g, "of.rows");
    CHECK(!lb_file_create(ctx, "build/test_weights2.lbw", &w) && (lb_file_add(w, "bad", t), lb_file_commit(w)) == LB_ERR_NUMERIC && strstr(lb_last_error(), "bad"), "%s", lb_last_error());
    lb_file_free(g); free(bytes); lb_file_free(f); lb__bytes_close(&map);
#define REFUSED(n, k, word) shape[0] = n; shape[1] = k; REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error()); lb_file_declare(w, "w", LB_I8, LB_PANEL, 2, shape); CHECK(lb_file_commit(w) && strstr(lb_last_error(), word), "%s", lb_last_error())
    REFUSED(3, 6, "multiple of 4"); REFUSED(3, 65540, "up to 65536"); REFUSED(3, 0, "side of 0"); REFUSED(0, 4, "side of 0"); REFUSED(SIZE_MAX, 4, "more bytes"); REFUSED(SIZE_MAX / 5, 4, "more bytes");
    /* values that say they are such panels and cannot be: no byte of them is read */
    r = view(x, LB_I8, 2, 3, 6); r.layout = LB_PANEL; shape[0] = 3; shape[1] = 6;
    REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error()); lb_file_declare(w, "w", LB_F32, LB_PANEL, 2, shape); CHECK(lb_file_put(w, "w", &r) == LB_ERR_ARG && strstr(lb_last_error(), "multiple of 4"), "%s", lb_last_error()); lb_file_abandon(w);
    CHECK(lb_tensor_f32(&r) == LB_ERR_ARG && r.dtype == LB_I8 && r.data == x && strstr(lb_last_error(), "multiple of 4"), "%s", lb_last_error());
    r.ndim = 1; CHECK(lb_tensor_f32(&r) == LB_ERR_ARG && r.dtype == LB_I8 && strstr(lb_last_error(), "2 axes"), "%s", lb_last_error());
    x[9] = NAN; shape[0] = N; shape[1] = K; r = view(x, LB_F32, 2, N, K);
    REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error()); lb_file_declare(w, "w", LB_I8, LB_PANEL, 2, shape); CHECK(lb_file_put(w, "w", &r) == LB_ERR_NUMERIC, "%s", lb_last_error()); lb_file_abandon(w);
    lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
LBT(weights, damage_is_found) {
    lb_ctx *ctx; lb_file *f; lb__bytes map; unsigned char *c; size_t i, n, head; lb__rng r = lb__rng_new(5, 0); int k, opened = 0;
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !write_sample(ctx, PATH) && !lb__bytes_open(PATH, &map), "%s", lb_last_error());
    n = map.size; head = (size_t)lb__u64le(map.data + 40);
    for (i = 0; i < n; i++) { c = (unsigned char *)malloc(i ? i : 1); memcpy(c, map.data, i); CHECK(lb_file_open_memory(ctx, c, i, &f) && !f, "cut at %zu", i); free(c); }
    c = (unsigned char *)malloc(n);
    for (i = 0; i < head; i++) { memcpy(c, map.data, n); c[i] ^= 0x40; CHECK(lb_file_open_memory(ctx, c, n, &f) && !f, "byte %zu of the head", i); }
    for (k = 0; k < 60000; k++) {                                /* damage behind a CRC that was made to fit: whatever opens must be usable */
        memcpy(c, map.data, n);
        for (i = lb__rng_below(&r, 3) + 1; i; i--) { static const unsigned char odd[] = { 0, 1, 2, 64, 127, 128, 254, 255 }; c[lb__rng_below(&r, (uint32_t)head)] = odd[lb__rng_below(&r, 8)]; }
        if (lb__u64le(c + 40) >= 64 && lb__u64le(c + 40) <= n) lb__put32le(c + 48, lb__crc32(0, c + 64, (size_t)lb__u64le(c + 40) - 64));
        if (!lb_file_open_memory(ctx, c, n, &f)) {
            char id[65];
            opened++; lb_file_verify(ctx, f); lb_file_identity(f, "vision", id);
            for (i = 0; i < lb_file_tensors(f); i++) { const lb_tensor *t = lb_file_tensor_at(f, i, NULL); const unsigned char *p = (const unsigned char *)t->data; size_t z = lb_tensor_stored(t) * lb_dtype_size(t->dtype), q; volatile unsigned sum = 0; for (q = 0; q < z; q++) sum += p[q]; }
            lb_file_free(f);
        }
    }
    CHECK(opened > 100, "only %d of the damaged files opened", opened);
    free(c); lb__bytes_close(&map); lb_ctx_free(ctx);
    CHECK(alloc_live == 0, "%ld blocks left", alloc_live);
}
/* What a file may hold: an empty array in the smallest head, numbers at the edge of double, f64 beyond f32; what it may not is named. */
LBT(weights, edges) {
    lb_ctx *ctx; lb_file *f; lb_file_writer *w; char key[2] = "a"; double d = 0, big[2] = { 1e300, -1e300 }; const double mixed[3] = { 1, 2.5, 3 }; uint64_t numbers[3] = { 9, 9, 9 }; size_t shape[2] = { 32, 1 }, n = 7; uint64_t u = 0; lb_tensor t = view(big, LB_F64, 1, 2, 0), v = view(pairs, LB_U16, 2, 2, 2);
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !lb_file_create(ctx, PATH, &w), "%s", lb_last_error());
    for (; *key < 'f'; (*key)++) lb_file_set_u64s(w, key, NULL, 0);
    REQUIRE(!lb_file_commit(w) && !lb_file_open(ctx, PATH, &f), "%s", lb_last_error());
    CHECK(lb_file_keys(f) == 5 && !lb_file_get_u64s(f, "e", &u, 1, &n) && n == 0, "empty arrays: %s", lb_last_error());
    lb_file_free(f);
    REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error());
    lb_file_set_u64(w, "even", (uint64_t)1 << 53); lb_file_set_u64(w, "odd", ((uint64_t)1 << 53) + 1); lb_file_set_i64(w, "below", -((int64_t)1 << 53) - 1); lb_file_set_i64(w, "low", -((int64_t)1 << 53)); lb_file_set_f64s(w, "mixed", mixed, 3); lb_file_add(w, "big", &t);
    REQUIRE(!lb_file_commit(w) && !lb_file_open(ctx, PATH, &f), "%s", lb_last_error());
    CHECK(!lb_file_get_f64(f, "even", &d) && d == 9007199254740992.0 && !lb_file_get_f64(f, "low", &d) && d == -9007199254740992.0, "%g", d);
    CHECK(lb_file_get_f64(f, "odd", &d) == LB_ERR_FORMAT && lb_file_get_f64(f, "below", &d) == LB_ERR_FORMAT && strstr(lb_last_error(), "below"), "%s", lb_last_error());
    CHECK(!lb_file_verify(ctx, f), "a finite number above the largest f32: %s", lb_last_error());
    u = 77; d = 77; n = 77;
    CHECK(lb_file_get_u64(f, "low", &u) == LB_ERR_FORMAT && u == 77 && lb_file_get_u64s(f, "mixed", numbers, 3, &n) == LB_ERR_FORMAT && numbers[0] == 9 && n == 77, "what cannot be read is not written in part");
    lb_file_free(f);
    REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error());
    shape[0] = shape[1] = 2; lb_file_declare(w, "x", LB_F32, LB_ROWS, 2, shape);
    v.dtype = (lb_dtype)99; CHECK(lb_file_put(w, "x", &v) == LB_ERR_ARG && strstr(lb_last_error(), "unknown type, 99"), "%s", lb_last_error());
    lb_file_abandon(w);
    REQUIRE(!lb_file_create(ctx, PATH, &w), "%s", lb_last_error());
    lb_file_declare(w, "x", LB_U16, LB_PANEL, 2, shape);
    v.dtype = LB_U16; CHECK(lb_file_put(w, "x", &v) == LB_ERR_ARG && strstr(lb_last_error(), "u16 in panels, its values are u16 in rows"), "%s", lb_last_error());
    lb_file_abandon(w);
    w = NULL; CHECK(lb_file_open(ctx, "Makefile", &f) == LB_ERR_FORMAT && !strstr(lb_last_error(), "convert"), "%s", lb_last_error());
    CHECK(lb_file_open(ctx, "/dev/null", &f) == LB_ERR_FORMAT && strstr(lb_last_error(), "/dev/null: the file is empty"), "%s", lb_last_error());
    CHECK(lb_file_open(ctx, "/dev/zero", &f) == LB_ERR_IO && strstr(lb_last_error(), "does not end"), "%s", lb_last_error());
    remove(PATH); lb_ctx_free(ctx);
}
LBT(weights, every_allocation_may_fail) {
    lb_ctx *ctx; lb_file *f; long n; lb_status s = LB_ERR_MEM;
    REQUIRE(!lb_ctx_new(NULL, &ctx), "%s", lb_last_error());
    for (n = 0; s; n++) {
        long live = alloc_live;
        alloc_left = n; s = write_sample(ctx, PATH); if (!s) { s = lb_file_open(ctx, PATH, &f); if (!s) { s = lb_file_verify(ctx, f); lb_file_free(f); } }
        alloc_left = -1;
        CHECK(!s || s == LB_ERR_MEM, "%ld: %s", n, lb_last_error()); CHECK(alloc_live == live, "allocation %ld: %ld blocks left", n, alloc_live - live);
        REQUIRE(n < 1000, "endless");
    }
    lb_ctx_free(ctx);
}
/* The hex dump that closes weights/FORMAT.md is a file. */
LBT(weights, the_dump_in_FORMAT_md_is_a_file) {
    FILE *f = fopen("weights/FORMAT.md", "r"); char line[2048]; unsigned char bytes[1024]; size_t n = 0; int in = 0; lb_ctx *ctx; lb_file *w; uint64_t v = 0; const lb_tensor *t;
    REQUIRE(f, "weights/FORMAT.md is missing");
    while (fgets(line, sizeof line, f)) {
        char *p = line; unsigned at = 0, b; int k;
        if (!strncmp(line, "## A small file", 15)) in = 1;
        if (!in || sscanf(p, " %x:%n", &at, &k) != 1 || at != n) continue;
        for (p += k; sscanf(p, " %2x%n", &b, &k) == 1 && n < sizeof bytes; p += k) bytes[n++] = (unsigned char)b;
    }
    fclose(f);
    REQUIRE(!lb_ctx_new(NULL, &ctx) && !lb_file_open_memory(ctx, bytes, n, &w), "%zu bytes: %s", n, lb_last_error());
    CHECK(!lb_file_verify(ctx, w) && !lb_file_get_u64(w, "a", &v) && v == 7, "%s", lb_last_error());
    t = lb_file_tensor(w, "t");
    CHECK(t && t->ndim == 1 && t->shape[0] == 2 && ((const float *)t->data)[1] == 2, "t");
    lb_file_free(w); lb_ctx_free(ctx);
}
