/* container.h: what the targets of .lbw containers (adapter, resume, index) share.  Inputs are put right where a checksum would stop them; the seeds are made by the
 * target itself, since they name models that it makes, and lie in the first corpus folder of the command line. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *container_folder(int argc, char **argv) {
    struct stat st; int i;
    for (i = 1; i < argc; i++) if (argv[i][0] != '-' && !stat(argv[i], &st) && S_ISDIR(st.st_mode)) return argv[i];
    return NULL;
}
/* A file of this process in build/fuzz, removed at its end. */
static char container_path[64];
static void container_remove(void) { remove(container_path); }
static const char *container_at(const char *target) {
    if (!container_path[0]) { mkdir("build", 0777); mkdir("build/fuzz", 0777); snprintf(container_path, sizeof container_path, "build/fuzz/%s.%d.lbw", target, (int)getpid()); atexit(container_remove); }
    return container_path;
}
static void container_write(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) __builtin_trap();
}
/* A copy with the size, the tensors' checksums and the head's put right; freed by the caller. */
static uint8_t *container_right(const uint8_t *data, size_t size) {
    uint8_t *p = (uint8_t *)malloc(size + 64); uint64_t at, end, i, n;
    if (!p) __builtin_trap();
    if (size) memcpy(p, data, size);
    if (size < 64) return p;
    lb__put64le(p + 8, size);
    n = lb__u64le(p + 24); at = lb__u64le(p + 32); end = lb__u64le(p + 40);
    if (end < 64 || end > size) return p;
    for (i = 0; i < n && at < end && end - at >= 40; i++) {
        const uint64_t name = lb__u32le(p + at), dims = lb__u32le(p + at + 12), from = lb__u64le(p + at + 16), bytes = lb__u64le(p + at + 24);
        if (from <= size && bytes <= size - from) lb__put32le(p + at + 32, lb__crc32(0, p + from, (size_t)bytes));
        at += 40 + 8 * dims + lb__lbw_padded((size_t)name);
    }
    lb__put32le(p + 48, lb__crc32(0, p + 64, (size_t)end - 64));
    return p;
}
