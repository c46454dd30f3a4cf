/* Section 5.3: tensors of one's own, .npy and .csv. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "tests/failing_malloc.h"
#include "tests/lbt.h"
#include "tests/golden.h"
#include <signal.h>
#include <sys/resource.h>

static lb_ctx *context(void) { lb_ctx *c = NULL; if (lb_ctx_new(NULL, &c)) { puts(lb_last_error()); exit(1); } return c; }

LBT(npy, reads_what_numpy_writes) {
    golden g; lb_ctx *c = context(); int n, i;
    REQUIRE(golden_open("npy", &g), "golden file");
    for (n = 0; n < atoi(strstr(g.header, "\"count\":\"") + 9); n++) {
        char name[32]; golden_array file; const float *value; size_t count; lb_tensor t;
        snprintf(name, sizeof name, "file.%d", n); file = golden_get(&g, name);
        snprintf(name, sizeof name, "value.%d", n); value = golden_f32(&g, name, &count);
        REQUIRE(file.data && value, "array %d", n);
        CHECK(!lb_npy_decode(c, file.data, file.count, &t), "%d: %s", n, lb_last_error());
        CHECK(lb_tensor_count(&t) == count && t.ndim == (int)golden_get(&g, name).ndim, "%d: %d axes, %zu elements", n, t.ndim, lb_tensor_count(&t));
        for (i = 0; i < t.ndim; i++) CHECK(t.shape[i] == golden_get(&g, name).shape[i], "%d: axis %d is %zu", n, i, t.shape[i]);
        CHECK(!lb_tensor_f32(&t), "%s", lb_last_error());
        CHECK(max_abs_diff((const float *)t.data, value, count) == 0, "array %d", n);
        lb_tensor_free(&t);
    }
    golden_close(&g); lb_ctx_free(c);
}
LBT(npy, writer_reader_round_trip) {
    static const lb_dtype types[] = { LB_F16, LB_F32, LB_F64, LB_I8, LB_U8, LB_I16, LB_U16, LB_I32, LB_U32, LB_I64, LB_U64, LB_BOOL };
    static const size_t shape[] = { 3, 5, 2 }; const char *path = "build/tests/npy.tmpfile"; lb_ctx *c = context(); size_t i; int nd;
    for (i = 0; i < LB__COUNT(types); i++) for (nd = 0; nd <= 3; nd++) {
        lb_tensor t, u; size_t k, bytes;
        REQUIRE(!lb_tensor_new(types[i], nd, shape, &t), "%s", lb_last_error());
        bytes = lb_tensor_count(&t) * lb_dtype_size(t.dtype);
        for (k = 0; k < bytes; k++) ((unsigned char *)t.data)[k] = types[i] == LB_BOOL ? k & 1 : (unsigned char)(k * 37 + 1);
        CHECK(!lb_npy_save(path, &t), "%s", lb_last_error());
        REQUIRE(!lb_npy_load(c, path, &u), "%s", lb_last_error());
        CHECK(u.dtype == t.dtype && u.ndim == nd && !memcmp(u.shape, t.shape, sizeof t.shape) && !memcmp(u.data, t.data, bytes), "%s, %d axes", lb_dtype_name(types[i]), nd);
        lb_tensor_free(&t); lb_tensor_free(&u);
    }
    remove(path); lb_ctx_free(c);
}
LBT(npy, rows_one_by_one) {
    const char *path = "build/tests/npy_rows.tmpfile"; const size_t dim = 768; lb_ctx *c = context(); lb_npy *w = NULL; lb_tensor t; float row[768]; size_t i, k; lb__bytes f;
    remove(path);
    memset(&t, 0, sizeof t); t.ndim = 2; t.shape[1] = 5;                                 /* no rows need no data */
    CHECK(!lb_npy_save(path, &t) && !lb_npy_load(c, path, &t) && t.ndim == 2 && !t.shape[0] && t.shape[1] == 5, "%s", lb_last_error()); lb_tensor_free(&t); remove(path);
    REQUIRE(!lb_npy_create(path, LB_F32, 1, &dim, &w), "%s", lb_last_error());
    for (i = 0; i < 100; i++) { for (k = 0; k < dim; k++) row[k] = (float)(i * 1000 + k); CHECK(!lb_npy_append(w, row, 1), "%s", lb_last_error()); }
    CHECK(lb_npy_load(c, path, &t) == LB_ERR_IO, "nothing is there before the commit");
    CHECK(!lb_npy_commit(w), "%s", lb_last_error());
    REQUIRE(!lb_npy_load(c, path, &t), "%s", lb_last_error());
    CHECK(t.ndim == 2 && t.shape[0] == 100 && t.shape[1] == 768 && t.dtype == LB_F32, "%d axes, %zu x %zu", t.ndim, t.shape[0], t.shape[1]);
    for (i = 0; i < 100; i++) for (k = 0; k < dim; k++) CHECK(((float *)t.data)[i * dim + k] == (float)(i * 1000 + k), "row %zu", i);
    lb_tensor_free(&t);
    REQUIRE(!lb__bytes_open(path, &f), "%s", lb_last_error());
    CHECK((f.size - 100 * 768 * 4) % 64 == 0, "data begins at a multiple of 64");
    CHECK(!memcmp(f.data + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (100, 768), }   ", 64), "%.64s", (const char *)f.data + 10);
    lb__bytes_close(&f);
    remove(path);
    REQUIRE(!lb_npy_create(path, LB_F32, 1, &dim, &w), "%s", lb_last_error());
    lb_npy_abort(w); lb_npy_abort(NULL);
    CHECK(lb_npy_load(c, path, &t) == LB_ERR_IO, "an aborted file is not there");
    CHECK(lb_npy_create(path, LB_BF16, 1, &dim, &w) == LB_ERR_UNSUPPORTED && !w, "%s", lb_last_error());
    CHECK(lb_npy_create("/nonexistent-folder/x.npy", LB_F32, 1, &dim, &w) == LB_ERR_IO && !w, "%s", lb_last_error());
    lb_ctx_free(c);
}
/* A disk that is full for a while: what was lost then is not forgotten. */
LBT(npy, errors_stick) {
    const char *path = "build/tests/npy_full.tmpfile"; const size_t dim = 50000; static float row[50000]; struct rlimit all, few; lb_npy *w = NULL; lb_tensor t; lb_ctx *c = context(); char why[1024]; lb_status s, again;
    remove(path); signal(SIGXFSZ, SIG_IGN);
    REQUIRE(!getrlimit(RLIMIT_FSIZE, &all) && !lb_npy_create(path, LB_F32, 1, &dim, &w), "%s", lb_last_error());
    few = all; few.rlim_cur = 100000; setrlimit(RLIMIT_FSIZE, &few);
    s = lb_npy_append(w, row, 1); snprintf(why, sizeof why, "%s", lb_last_error());
    setrlimit(RLIMIT_FSIZE, &all);
    again = lb_npy_append(w, row, 1); lb_npy_append(w, NULL, 1);
    CHECK(s == LB_ERR_IO && again == s, "%s", why);
    CHECK(lb_npy_commit(w) == s && !strcmp(lb_last_error(), why), "%s", lb_last_error());
    CHECK(lb_npy_load(c, path, &t) == LB_ERR_IO, "no file after a failure"); lb_tensor_free(&t);
    REQUIRE(!lb_npy_create(path, LB_F32, 1, &dim, &w), "%s", lb_last_error());
    CHECK(lb_npy_append(w, NULL, 1) == LB_ERR_ARG && lb_npy_commit(w) == LB_ERR_ARG && lb_npy_load(c, path, &t) == LB_ERR_IO, "%s", lb_last_error());
    lb_ctx_free(c);
}
/* A pipe takes a tensor at once, and rows when they are counted. */
LBT(npy, into_a_pipe) {
    int fd[2]; char path[32]; unsigned char got[1024]; float v[6] = { 1, 2, 3, 4, 5, 6 }; const size_t shape[2] = { 2, 3 }; lb_tensor t, u; lb_npy *w = NULL; lb_ctx *c = context(); ssize_t n;
    memset(&t, 0, sizeof t); t.data = v; t.ndim = 2; t.shape[0] = 2; t.shape[1] = 3;
    REQUIRE(!pipe(fd), "no pipe");
    snprintf(path, sizeof path, "/dev/fd/%d", fd[1]);
    if (access(path, W_OK)) { close(fd[0]); close(fd[1]); lb_ctx_free(c); SKIP("no /dev/fd"); }
    CHECK(!lb_npy_save(path, &t), "%s", lb_last_error());
    n = read(fd[0], got, sizeof got);
    CHECK(n > 0 && !lb_npy_decode(c, got, (size_t)n, &u) && u.shape[1] == 3 && !memcmp(u.data, v, sizeof v), "%s", lb_last_error());
    if (n > 0) lb_tensor_free(&u);
    REQUIRE(!lb_npy_create(path, LB_F32, 1, shape, &w), "%s", lb_last_error());
    CHECK(!lb_npy_append(w, v, 1) && !lb_npy_append(w, v + 2, 2) && !lb_npy_commit(w), "%s", lb_last_error());
    n = read(fd[0], got, sizeof got);
    CHECK(n > 0 && !lb_npy_decode(c, got, (size_t)n, &u) && u.shape[0] == 3 && u.shape[1] == 2 && !memcmp(u.data, v, sizeof v), "%s", lb_last_error());
    if (n > 0) lb_tensor_free(&u);
    close(fd[0]); close(fd[1]); lb_ctx_free(c);
}
LBT(npy, bad_files_are_named) {
    static const struct { const char *dict; const char *says; lb_status status; } bad[] = {
        { "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "<c8", LB_ERR_UNSUPPORTED },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "records", LB_ERR_UNSUPPORTED },
        { "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", "True or False", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }", "9 elements", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "address space", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }", "address space", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1), }", "6 axes", LB_ERR_LIMIT },
        { "{'descr': '<f4', 'fortran_order': False, }", "shape", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'shape': (1,), }", "fortran_order", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "size", LB_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': 9, }", "header byte 50: a shape", LB_ERR_FORMAT },
        { "{'descr'; '<f4', 'fortran_order': False, 'shape': (1,), }", "header byte 8: ':'", LB_ERR_FORMAT },
        { "{'nope': 1}", "nope", LB_ERR_FORMAT },
        { "[]", "'{'", LB_ERR_FORMAT } };
    lb_ctx *c = context(); size_t i; lb_tensor t;
    for (i = 0; i < LB__COUNT(bad); i++) {
        unsigned char file[300]; size_t n = strlen(bad[i].dict); lb_status s;
        memset(file, 0, sizeof file);
        memcpy(file, "\x93NUMPY\x01", 8); lb__put16le(file + 8, (uint16_t)n); memcpy(file + 10, bad[i].dict, n);
        s = lb_npy_decode(c, file, 10 + n + 8, &t);
        CHECK(s == bad[i].status && strstr(lb_last_error(), bad[i].says) && !t.data, "%s: %s: %s", bad[i].dict, lb_status_name(s), lb_last_error());
    }
    lb_ctx_free(c);
}
LBT(npy, cut_off_anywhere) {
    golden g; golden_array file; lb_ctx *c = context(); size_t n; lb_tensor t;
    REQUIRE(golden_open("npy", &g), "golden file");
    file = golden_get(&g, "file.3");
    for (n = 0; n < file.count; n++) {
        unsigned char *copy = (unsigned char *)malloc(n ? n : 1);
        memcpy(copy, file.data, n);
        CHECK(lb_npy_decode(c, copy, n, &t) == LB_ERR_FORMAT && !t.data, "%zu bytes: %s", n, lb_last_error());
        free(copy);
    }
    golden_close(&g); lb_ctx_free(c);
}
LBT(csv, tables) {
    static const struct { const char *text; size_t rows, cols; float first, last; } ok[] = {
        { "1,2,3\n4,5,6\n", 2, 3, 1, 6 }, { "x,y\n1.5,-2e3", 1, 2, 1.5f, -2000 }, { "# made by\r\n\r\n 1 2\t3 \r\n4  5 6\r\n", 2, 3, 1, 6 },
        { "\xef\xbb\xbf""1;2\n.5;+3.\n", 2, 2, 1, 3 }, { "7", 1, 1, 7, 7 }, { "1e-40\n12345678901234567890123", 2, 1, 1e-40f, 1.2345678901234567890123e22f }, { "a b c\n1 2 3\n", 1, 3, 1, 3 }, { "info,nano\n1,2", 1, 2, 1, 2 }, { "2m_wind,10 e\n1,2,3", 1, 3, 1, 3 }, { "-x +y\n1 2\n", 1, 2, 1, 2 } };
    static const struct { const char *text, *says; } bad[] = { { "1,2\n3\n", "line 2 has 1 fields" }, { "1,2\n3,x\n", "line 2, field 2: 'x'" }, { "a\nb\n1", "line 2, field 1" }, { "", "no row" }, { "a,b\n", "no row" },
        { "1,,2\n1,,2", "line 1, field 2" }, { "0\n1,,2", "line 2, field 2" }, { "1e99\n", "finite" }, { "0\n0x10\n", "line 2" }, { "0\nnan\n", "line 2" }, { "1,2,\n3,4,\n", "field" },
        { "nan,1\n2,3\n", "line 1, field 1: 'nan'" }, { "-Inf;1\n2;3", "line 1, field 1: '-Inf'" }, { "0.1.2,5\n1,2", "line 1, field 1" }, { "--5,3\n1,2", "line 1, field 1" } };
    lb_ctx *c = context(); size_t i; lb_tensor t;
    for (i = 0; i < LB__COUNT(ok); i++) {
        REQUIRE(!lb_csv_decode(c, ok[i].text, strlen(ok[i].text), &t), "%s: %s", ok[i].text, lb_last_error());
        CHECK(t.shape[0] == ok[i].rows && t.shape[1] == ok[i].cols, "%s: %zu x %zu", ok[i].text, t.shape[0], t.shape[1]);
        CHECK(((float *)t.data)[0] == ok[i].first && ((float *)t.data)[ok[i].rows * ok[i].cols - 1] == ok[i].last, "%s: %g %g", ok[i].text, (double)((float *)t.data)[0], (double)((float *)t.data)[ok[i].rows * ok[i].cols - 1]);
        lb_tensor_free(&t);
    }
    for (i = 0; i < LB__COUNT(bad); i++)
        CHECK(lb_csv_decode(c, bad[i].text, strlen(bad[i].text), &t) == LB_ERR_FORMAT && strstr(lb_last_error(), bad[i].says) && !t.data, "%s: %s", bad[i].text, lb_last_error());
    lb_ctx_free(c);
}
LBT(npy, every_allocation_may_fail) {
    const char *path = "build/tests/npy_oom.tmpfile", *csv = "1,2,3\n4,5,6\n"; const size_t dim = 4; golden g; golden_array file; lb_ctx *c = context(); long before, k; lb_tensor t; lb_npy *w; float row[4] = { 0 }; lb_status s;
    REQUIRE(golden_open("npy", &g), "golden file");
    file = golden_get(&g, "file.5");
    remove(path);
    before = alloc_live;
    for (k = 0;; k++) { alloc_left = k; s = lb_npy_decode(c, file.data, file.count, &t); if (!s) s = lb_tensor_f32(&t); alloc_left = -1; lb_tensor_free(&t); CHECK(alloc_live == before, "leak after %ld", k); if (!s) break; REQUIRE(s == LB_ERR_MEM && k < 10, "%s", lb_last_error()); }
    for (k = 0;; k++) { alloc_left = k; s = lb_csv_decode(c, csv, strlen(csv), &t); alloc_left = -1; lb_tensor_free(&t); CHECK(alloc_live == before, "leak after %ld", k); if (!s) break; REQUIRE(s == LB_ERR_MEM && k < 10, "%s", lb_last_error()); }
    for (k = 0;; k++) {
        alloc_left = k; w = NULL; s = lb_npy_create(path, LB_F32, 1, &dim, &w);
        if (!s && (s = lb_npy_append(w, row, 1)) != LB_OK) lb_npy_abort(w);
        else if (!s) s = lb_npy_commit(w);
        alloc_left = -1; CHECK(alloc_live == before, "leak after %ld", k);
        if (!s) break;
        REQUIRE(s == LB_ERR_MEM && k < 20, "%s", lb_last_error());
        CHECK(lb_npy_load(c, path, &t) == LB_ERR_IO, "no file after a failure");
    }
    remove(path); golden_close(&g); lb_ctx_free(c);
}
