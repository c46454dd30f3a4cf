/* Section 1, 2 and 5: errors, formatting, half floats, checksums, random numbers, arena, writer, parallel loop. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#define LB__PIPE_MAX ((size_t)300000)
#include "languagebind.h"
#include "tests/lbt.h"

LBT(base, format_matches_printf) {
    static const double v[] = { 0, 1, -1, 0.1, 1e-7, 123456, 1234567, 9.9999995, 1e300, 5e-324, 0.5, 100, 2.5e-5, 0.00012345678 };
    char a[64], b[64]; size_t i; int p;
    for (i = 0; i < LB__COUNT(v); i++) for (p = 1; p <= 9; p++) {
        lb__format(a, sizeof a, "%.*g", p, v[i]); snprintf(b, sizeof b, "%.*g", p, v[i]);
        CHECK(fabs(strtod(a, NULL) - strtod(b, NULL)) <= fabs(v[i]) * 1.01 * pow(10, 1 - p), "%s instead of %s", a, b);     /* half-way cases may round up */
        if (v[i] > 1e-5 && v[i] < 9.9 && v[i] != 2.5e-5) CHECK(!strcmp(a, b), "%s instead of %s", a, b);
    }
    lb__format(a, sizeof a, "%s|%d|%u|%x|%zu|%lld|%llu|%c|%%|%.3s", "ab", INT_MIN, 7u, 255u, (size_t)9, (long long)-5, (unsigned long long)6, 'z', "abcdef");
    CHECK(!strcmp(a, "ab|-2147483648|7|ff|9|-5|6|z|%|abc"), "%s", a);
    lb__format(a, 5, "abcdefgh");
    CHECK(!strcmp(a, "abcd"), "%s", a);
}
LBT(base, half_round_trips) {
    uint32_t h;
    for (h = 0; h < 65536; h++) {
        float f = lb__f16_f32((uint16_t)h), g = lb__bf16_f32((uint16_t)h);
        if (f == f) CHECK(lb__f32_f16(f) == h, "f16 %x -> %g -> %x", h, (double)f, lb__f32_f16(f)); else CHECK((lb__f32_f16(f) & 0x7fff) > 0x7c00, "f16 NaN %x", h);
        if (g == g) CHECK(lb__f32_bf16(g) == h, "bf16 %x", h); else CHECK((lb__f32_bf16(g) & 0x7fff) > 0x7f80, "bf16 NaN %x", h);
    }
    CHECK(lb__f32_f16(2049.0f) == lb__f32_f16(2048.0f), "ties go to even");
    CHECK(lb__f32_f16(65519.0f) == 0x7bff && lb__f32_f16(65520.0f) == 0x7c00, "overflow");
}
LBT(base, checksums) {
    lb__sha256 s; uint8_t d[32]; char m[1000]; size_t i;
    CHECK(lb__crc32(0, "123456789", 9) == 0xcbf43926, "%x", lb__crc32(0, "123456789", 9));
    CHECK(lb__crc32(lb__crc32(0, "1234", 4), "56789", 5) == 0xcbf43926, "in parts");
    lb__sha256_init(&s); lb__sha256_add(&s, "abc", 3); lb__sha256_done(&s, d);
    CHECK(lb__u32be(d) == 0xba7816bf && lb__u32be(d + 28) == 0xf20015ad, "%x", lb__u32be(d));
    memset(m, 'a', sizeof m); lb__sha256_init(&s);
    for (i = 0; i < 1000; i++) lb__sha256_add(&s, m, sizeof m);
    lb__sha256_done(&s, d);
    CHECK(lb__u32be(d) == 0xcdc76e5c, "a million a: %x", lb__u32be(d));
}
LBT(base, philox_known_answer) {
    uint32_t o[4]; lb__rng r; double sum = 0; int i;
    lb__philox(0, 0, 0, o);
    CHECK(o[0] == 0x6627e8d5 && o[1] == 0xe169c58d && o[2] == 0xbc57ac4c && o[3] == 0x9b00dbd8, "%x %x %x %x", o[0], o[1], o[2], o[3]);
    r = lb__rng_new(1, 2);
    for (i = 0; i < 100000; i++) sum += lb__rng_normal(&r);
    CHECK(fabs(sum / 100000) < 0.02, "mean %g", sum / 100000);
}
LBT(base, arena_rewinds_and_reuses) {
    lb_ctx *c = NULL; lb__mark m; void *a, *b;
    REQUIRE(!lb_ctx_new(NULL, &c), "%s", lb_last_error());
    a = lb__arena(c, 1000, 4); m = lb__arena_mark(c);
    b = lb__arena(c, 5000000, 1); lb__arena(c, 3000000, 1);
    CHECK(a && b && ((uintptr_t)a & 63) == 0 && ((uintptr_t)b & 63) == 0, "alignment");
    lb__arena_rewind(c, m);
    CHECK(lb__arena(c, 5000000, 1) == b, "the same memory again");
    CHECK(!lb__arena(c, SIZE_MAX / 2, 4) && lb_last_error()[0], "overflow is an error");
    lb_ctx_free(c);
}
typedef struct sum { unsigned char seen[1000]; } sum;
static void mark(void *arg, size_t b, size_t e, int w) { sum *s = (sum *)arg; (void)w; for (; b < e; b++) s->seen[b]++; }
static void pool(void *user, void (*run)(void *, int), void *arg, int workers) { int i; (*(int *)user)++; for (i = 0; i < workers; i++) run(arg, i); }
LBT(parallel, every_index_once) {
    static const size_t grains[] = { 1, 3, 7, 100, 999, 1000, 5000 }; size_t i, k; int t, calls = 0;
    for (t = 0; t <= 4; t++) for (i = 0; i < LB__COUNT(grains); i++) {
        lb_ctx *c; lb_ctx_desc d; sum s; memset(&d, 0, sizeof d); memset(&s, 0, sizeof s);
        d.threads = t ? t : 3; if (!t) { d.pool = pool; d.pool_user = &calls; }
        REQUIRE(!lb_ctx_new(&d, &c), "%s", lb_last_error());
        lb_parallel_for(c, 1000, grains[i], mark, &s);
        for (k = 0; k < 1000; k++) CHECK(s.seen[k] == 1, "index %zu seen %d times", k, s.seen[k]);
        lb_ctx_free(c);
    }
    CHECK(calls > 0, "the caller's pool was used");
}
LBT(base, writer_is_atomic) {
    lb__writer w; lb__bytes f; char big[100000]; const char *p = "build/tests/writer.tmpfile";
    memset(big, 'x', sizeof big); remove(p);
    REQUIRE(!lb__writer_open(p, &w), "%s", lb_last_error());
    CHECK(!lb__writer_add(&w, "abc", 3) && !lb__writer_add(&w, big, sizeof big), "%s", lb_last_error());
    CHECK(lb__bytes_open(p, &f) == LB_ERR_IO, "nothing is there before the commit");
    CHECK(!lb__writer_commit(&w), "%s", lb_last_error());
    REQUIRE(!lb__bytes_open(p, &f), "%s", lb_last_error());
    CHECK(f.size == 100003 && f.data[0] == 'a' && f.data[100002] == 'x', "size %zu", f.size);
    lb__bytes_close(&f); remove(p);
    CHECK(lb__writer_open("tests", &w) == LB_ERR_IO && strstr(lb_last_error(), "folder"), "%s", lb_last_error());
    CHECK(lb__writer_open("", &w) == LB_ERR_ARG && strstr(lb_last_error(), "no name"), "%s", lb_last_error());
    CHECK(lb__bytes_open("", &f) == LB_ERR_IO && strstr(lb_last_error(), "without a name"), "%s", lb_last_error());
    CHECK(!lb__bytes_open("/dev/null", &f) && !f.size, "an empty device: %s", lb_last_error()); lb__bytes_close(&f);
    if (!lb__writer_open("/dev/full", &w)) CHECK(!lb__writer_add(&w, "abc", 3) && lb__writer_commit(&w) == LB_ERR_IO, "a full device is an error");
    CHECK(lb__writer_open("/nonexistent-folder/x", &w) == LB_ERR_IO, "%s", lb_last_error());
    CHECK(lb__bytes_open("tests", &f) == LB_ERR_IO && strstr(lb_last_error(), "folder"), "%s", lb_last_error());
}
LBT(base, a_pipe_without_an_end_is_given_up) {
    FILE *zeros = popen("cat /dev/zero 2>/dev/null", "r"); lb__bytes f; char name[32]; lb_status s;
    REQUIRE(zeros, "no pipe");
    lb__format(name, sizeof name, "/dev/fd/%d", fileno(zeros));
    s = access(name, R_OK) ? LB_OK : lb__bytes_open(name, &f);
    pclose(zeros);
    if (!s) SKIP("no /dev/fd here");
    CHECK(s == LB_ERR_LIMIT && strstr(lb_last_error(), "no end after the 300000 bytes"), "%s", lb_last_error());
}
/* What is written over keeps its mode, and a link to it stays one; a link that leads nowhere gives way. */
LBT(base, writer_keeps_links_and_modes) {
    static const char *const p = "build/tests/links/file", *const names[] = { "build/tests/links/near", "build/tests/links/far", "build/tests/links/whole", "build/tests/links/file" };
    char whole[4096]; const mode_t mask = umask(022); lb__writer w; lb__bytes f; lb__dir d; struct stat st; size_t i; int k;
    for (i = 0; i < LB__COUNT(names); i++) remove(names[i]);
    mkdir("build/tests/links", 0777);
    REQUIRE(getcwd(whole, sizeof whole - 64), "a folder without a name");
    lb__format(whole + strlen(whole), 64, "/%s", p);
    REQUIRE(!symlink("file", names[0]) && !symlink("../links/near", names[1]) && !symlink(whole, names[2]), "%s", strerror(errno));
    CHECK(!lb__writer_save(p, "old", 3) && !stat(p, &st) && (st.st_mode & 0777) == 0644, "a new file: mode %o", (unsigned)st.st_mode);
    for (i = 0; i < LB__COUNT(names); i++) for (k = 0; k < 2; k++) {
        chmod(p, k ? 0660 : 0440);                                  /* the umask would take the group's right away; the owner need not have his */
        REQUIRE(!lb__writer_open(names[i], &w), "%s", lb_last_error());
        CHECK(!lb__writer_add(&w, "gone", 4), "%s", lb_last_error()); lb__writer_abort(&w);
        CHECK(!lb__writer_save(names[i], names[i], strlen(names[i])), "%s", lb_last_error());
        CHECK(!lstat(p, &st) && S_ISREG(st.st_mode) && (st.st_mode & 0777) == (k ? 0660 : 0440), "%s: mode %o", names[i], (unsigned)st.st_mode);
        CHECK(!lstat(names[i], &st) && (S_ISLNK(st.st_mode) || i == 3), "%s is a link no more", names[i]);
        REQUIRE(!lb__bytes_open(p, &f), "%s", lb_last_error());
        CHECK(f.size == strlen(names[i]) && !memcmp(f.data, names[i], f.size), "%s: another file was written", names[i]); lb__bytes_close(&f);
    }
    remove(p);
    CHECK(!lb__writer_save(names[0], "new", 3) && !lstat(names[0], &st) && S_ISREG(st.st_mode) && lstat(p, &st), "a link that leads nowhere: %s", lb_last_error());
    REQUIRE(!lb__dir_list("build/tests/links", &d), "%s", lb_last_error());
    CHECK(d.count == 3, "%zu names, 3 were expected: a temporary stayed", d.count); lb__release(d.names);
    for (i = 0; i < LB__COUNT(names); i++) remove(names[i]);
    remove("build/tests/links"); umask(mask);
}
/* With the standard input closed the system hands out descriptor 0, which stands for none in here. */
LBT(base, files_work_without_standard_input) {
    const char *p = "build/tests/no_stdin.tmpfile"; const int keep = dup(0); lb__writer w; lb__bytes f; lb_status s, t, u = LB_OK; int closed;
    remove(p); close(0);
    s = lb__writer_open(p, &w);
    if (!s) u = lb__writer_add(&w, "abc", 3);
    if (!s) s = lb__writer_commit(&w);
    t = lb__bytes_open(p, &f); closed = fcntl(0, F_GETFD) < 0;
    if (keep >= 0) { dup2(keep, 0); close(keep); }
    CHECK(!s && !u && !t && closed, "%s", lb_last_error());
    CHECK(t || (f.mapped && f.size == 3 && !memcmp(f.data, "abc", 3)), "%d, %zu bytes", f.mapped, f.size);
    if (!t) lb__bytes_close(&f);
    remove(p);
}
LBT(base, folder_is_listed_in_order) {
    lb__dir d; size_t i;
    REQUIRE(!lb__dir_list("tests", &d), "%s", lb_last_error());
    CHECK(d.count >= 4, "%zu names", d.count);
    for (i = 1; i < d.count; i++) CHECK(strcmp(d.names[i - 1], d.names[i]) < 0, "%s before %s", d.names[i - 1], d.names[i]);
    lb__release(d.names);
    CHECK(lb__dir_list("tests/lbt.h", &d) == LB_ERR_IO, "a file is not a folder");
}
