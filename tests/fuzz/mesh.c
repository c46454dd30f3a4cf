/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/mesh.c -o build/fuzz/mesh -lm && build/fuzz/mesh tests/fuzz/corpus/mesh
 * The OBJ files of `synth --mesh` and `render`; what follows a line "#mtl" is the material library m.mtl, which may name the picture p.ppm.
 * A mesh stands in the unit box, has normals and paints that are there; of the small ones some are rendered. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#include <stdio.h>
static FILE *nowhere;
#undef stderr
#define stderr nowhere                       /* a sentence for every input would bury the fuzzer's own */
#include "tools/cli.h"
#include "tools/synth.c"

static char folder[] = "/tmp/lb-fuzz-XXXXXX";
static const char *in_folder(const char *name) { static char path[64]; snprintf(path, sizeof path, "%s/%s", folder, name); return path; }
static void put(const char *name, const void *data, size_t size) { FILE *f = fopen(in_folder(name), "wb"); if (!f || fwrite(data, 1, size, f) != size || fclose(f)) __builtin_trap(); }
static void tidy(void) { remove(in_folder("m.obj")); remove(in_folder("m.mtl")); remove(in_folder("p.ppm")); rmdir(folder); }

static void render(const sy_mesh *m) {
    static sy_frame f; static uint8_t px[3 * 16 * 16]; sy_clip c; sy_stage s; lb__rng r = lb__rng_new(1, m->count);
    if (!f.z && !sy_frame_new(&f, 32)) __builtin_trap();
    memset(&c, 0, sizeof c); c.count = 1; c.material = SY_RUBBER;
    sy_stage_new(&s, &c, m, 1, &r, 8);
    sy_put(&s, m, SY_MODEL, sy_vec(0, 0, s.r), 0.5f, 0, sy_vec(s.r, s.r, s.r));
    if (!sy_render_rgb(&f, &s, 16, 2, &r, px) || !sy_render_depth(&f, &s, 16, &r, (uint16_t *)(void *)px)) __builtin_trap();
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lb_ctx *ctx; sy_mesh m; size_t i, k, obj = size; int rc;
    if (!ctx) {
        lb_ctx_desc d; memset(&d, 0, sizeof d); d.threads = 1; d.limits.max_pixels = 1 << 16;
        if (lb_ctx_new(&d, &ctx) || !(nowhere = fopen("/dev/null", "w")) || !mkdtemp(folder) || atexit(tidy)) return 0;
        put("p.ppm", "P6 2 1 255 abcdef", 17);
    }
    for (i = 0; i + 5 <= size && obj == size; i++) if (!memcmp(data + i, "#mtl\n", 5)) obj = i;
    put("m.obj", data, obj);
    if (obj < size) put("m.mtl", data + obj, size - obj); else remove(in_folder("m.mtl"));
    memset(&m, 0, sizeof m);
    rc = sy_obj(&m, in_folder("m.obj"), ctx);
    if (rc >= 0) { if (!rc) __builtin_trap(); sy_mesh_free(&m); return 0; }
    if (!m.count || m.count % 3) __builtin_trap();
    for (i = 0; i < m.count; i++) {
        const sy_v p = m.p[i], n = m.n[i]; const float length = sy_dot(n, n);
        if (!(fabsf(p.x) <= 1 && fabsf(p.y) <= 1 && p.z >= -1 && p.z < 1.001f)) __builtin_trap();
        if (!(length > 0.25f && length < 4)) __builtin_trap();           /* far from 1 only where its square has hardly a digit */
        if (m.paints && m.skin[i / 3] >= m.paints) __builtin_trap();
        for (k = 0; k < 2 && m.paints; k++) if (!(fabsf(m.uv[i][k]) < 1e6f)) __builtin_trap();
    }
    for (i = 0; i < m.paints; i++) if (!(m.paint[i].alpha >= 0 && m.paint[i].alpha <= 1)) __builtin_trap();
    if (m.count <= 60 && size % 4 == 0) render(&m);                      /* takes longer than all the rest */
    sy_mesh_free(&m);
    return 0;
}
