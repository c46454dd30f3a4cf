/* tools/synth.c: the same seed gives the same files on any number of threads, every file can be read, and an attribute changes nothing in a
 * modality that does not show it. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tools/cli.h"
#include "tools/synth.c"
#include "tests/lbt.h"
#include <sys/resource.h>

#define DIR_A "build/tests/synth.a"
#define DIR_B "build/tests/synth.b"
static int run(const char *dir, const char *threads, const char *stills) {
    char name[] = "synth", n[] = "-n", four[] = "5", seed[] = "--seed", seven[] = "7", size[] = "--size", px[] = "32", th[] = "--threads", st[] = "--stills", d[64], t[8], s[8]; char *argv[13];
    snprintf(d, sizeof d, "%s", dir); snprintf(t, sizeof t, "%s", threads); snprintf(s, sizeof s, "%s", stills);
    argv[0] = name; argv[1] = d; argv[2] = n; argv[3] = four; argv[4] = seed; argv[5] = seven; argv[6] = size; argv[7] = px; argv[8] = th; argv[9] = t; argv[10] = st; argv[11] = s; argv[12] = NULL;
    mkdir("build", 0777); mkdir("build/tests", 0777);
    return cmd_synth(12, argv);
}
/* Names and bytes of everything below a folder. */
static uint32_t digest(const char *dir, uint32_t crc, int remove_it) {
    lb__dir l; size_t i; char p[1024]; struct stat st;
    if (lb__dir_list(dir, &l)) return 0;
    for (i = 0; i < l.count; i++) {
        lb__bytes f;
        snprintf(p, sizeof p, "%s/%s", dir, l.names[i]);
        crc = lb__crc32(crc, l.names[i], strlen(l.names[i]));
        if (stat(p, &st)) continue;
        if (S_ISDIR(st.st_mode)) crc = digest(p, crc, remove_it);
        else if (!lb__bytes_open(p, &f)) { crc = lb__crc32(crc, f.data, f.size); lb__bytes_close(&f); if (remove_it) remove(p); }
    }
    if (remove_it) rmdir(dir);
    lb__release(l.names);
    return crc;
}
LBT(synth, same_seed_same_files) {
    uint32_t a, b;
    REQUIRE(run(DIR_A, "1", "1") == 0, "failed");
    REQUIRE(run(DIR_B, "3", "1") == 0, "failed");
    a = digest(DIR_A, 0, 1); b = digest(DIR_B, 0, 1);
    CHECK(a && a == b, "%x and %x", a, b);
}
LBT(synth, a_full_disk_leaves_no_list) {
    static sy_job j; static sy_clip clip[5]; struct rlimit was, little; size_t i, k; int first, lists; struct stat st; char p[1024];
    REQUIRE(run(DIR_A, "1", "1") == 0 && !getrlimit(RLIMIT_FSIZE, &was), "failed");
    little = was; little.rlim_cur = 200; signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little); first = run(DIR_A, "1", "1"); setrlimit(RLIMIT_FSIZE, &was);
    CHECK(first == 1 && stat(DIR_A "/part000_resize256_skip15/syn7-000000.mp4", &st), "status %d, or a piece of a clip is left", first);
    memset(&j, 0, sizeof j); j.dir = DIR_A; j.seed = 7; j.clips = 5; j.mesh_count = SY_SHAPES; j.stills = 1; j.video = "mp4"; j.clip = clip;
    for (i = 0; i < SY_SHAPES; i++) j.mesh[i].name = sy_shape_words[i][0];
    for (i = 0; i < 5; i++) sy_draw(&j, i, &clip[i]);
    for (i = 0; i < 2; i++) {                                                        /* the lists of the corpus before went first; those that do not fit do not come */
        if (i) { setrlimit(RLIMIT_FSIZE, &little); lists = sy_write_lists(&j); setrlimit(RLIMIT_FSIZE, &was); CHECK(lists == 1, "status %d", lists); }
        for (k = 0; k < SY_ALL_LISTS; k++) { sy_list_path(&j, k, p); CHECK(stat(p, &st), "%s is there", p); }
    }
    signal(SIGXFSZ, SIG_DFL); digest(DIR_A, 0, 1);
}
LBT(synth, everything_can_be_read) {
    static const char *const lists[] = { "video", "image", "depth", "thermal", "audio" }; lb_ctx *c = NULL; size_t i, k; lb_manifest m; lb_manifest_desc d;
    REQUIRE(!lb_ctx_new(NULL, &c), "%s", lb_last_error());
    REQUIRE(run(DIR_A, "2", "8") == 0, "failed");
    for (i = 0; i < LB__COUNT(lists); i++) {
        char p[256];
        snprintf(p, sizeof p, DIR_A "/%s.jsonl", lists[i]);
        REQUIRE(!lb_manifest_load(c, p, NULL, &m), "%s", lb_last_error());
        CHECK(m.count == (i == 2 || i == 3 ? 40 : 5), "%s: %zu items", p, m.count);
        for (k = 0; k < m.count; k++) {
            const lb_item *t = &m.items[k];
            CHECK(t->n_captions >= 4 && t->captions[0].text[0] && t->split && !strncmp(t->group, "syn7-", 5) && !strcmp(t->modality, lists[i]), "%s item %zu", p, k);
            if (i == 0) { lb_video *v = NULL; lb_video_info info; CHECK(!lb_video_open(c, t->file, &v), "%s", lb_last_error()); if (v) { lb_video_get_info(v, &info); CHECK(info.frames == 8 && info.width == 32 && info.readable && fabs(info.fps - 4) < 1e-6, "%s: %zu frames, %g fps", t->file, info.frames, info.fps); } lb_video_free(v); }
            else if (i == 4) { lb_audio a; CHECK(!lb_audio_load(c, t->file, &a), "%s", lb_last_error()); CHECK(a.rate == 16000 && a.channels == 1 && a.frames == 24000, "%s: %zu samples at %d", t->file, a.frames, a.rate); lb_audio_free(&a); }
            else { lb_image im; CHECK(!lb_image_load(c, t->file, &im), "%s", lb_last_error()); CHECK(im.width == 32 && im.height == 32 && im.channels == (i == 1 ? 3 : 1) && im.bits == (i == 2 ? 16 : 8), "%s: %d channels of %d bits", t->file, im.channels, im.bits); lb_image_free(&im); }
        }
        lb_manifest_free(&m);
    }
    for (i = 0; i < 4; i++) {                                                        /* the layout and texts of VIDAL-10M */
        struct stat st; char p[512];
        memset(&d, 0, sizeof d); d.modality = lists[i];
        REQUIRE(!lb_manifest_load(c, DIR_A "/vidal.json", &d, &m), "%s", lb_last_error());
        CHECK(m.count == 5 && m.items[0].n_captions >= 11, "%zu items, %zu captions", m.count, m.count ? m.items[0].n_captions : 0);
        for (k = 0; k < m.count && i != 1; k++) {
            const char *b = strstr(m.items[k].file, "{}");
            if (b) snprintf(p, sizeof p, "%.*s7%s", (int)(b - m.items[k].file), m.items[k].file, b + 2); else snprintf(p, sizeof p, "%s", m.items[k].file);
            CHECK(!stat(p, &st), "%s is not there", p);
        }
        lb_manifest_free(&m);
    }
    digest(DIR_A, 0, 1); lb_ctx_free(c);
}
LBT(synth, clips_are_what_their_names_say) {
    static const char *const kind[][2] = { { "mp4", "MP4" }, { "mov", "MOV" }, { "avi", "AVI" }, { "y4m", "Y4M" } }; lb_ctx *c = NULL; size_t i;
    REQUIRE(!lb_ctx_new(NULL, &c), "%s", lb_last_error());
    for (i = 0; i < LB__COUNT(kind); i++) {
        char name[] = "synth", dir[] = DIR_A, n[] = "-n", one[] = "1", size[] = "--size", px[] = "32", video[] = "--video", k[8], path[256], *argv[] = { name, dir, n, one, size, px, video, k, NULL }; lb_video *v = NULL; lb_video_info info;
        snprintf(k, sizeof k, "%s", kind[i][0]); snprintf(path, sizeof path, DIR_A "/part000_resize256_skip15/syn1-000000.%s", k);
        REQUIRE(cmd_synth(8, argv) == 0 && !lb_video_open(c, path, &v), "%s", lb_last_error());
        lb_video_get_info(v, &info); CHECK(!strcmp(info.container, kind[i][1]) && info.frames == 8, "%s holds %s of %zu frames", path, info.container, info.frames);
        lb_video_free(v); digest(DIR_A, 0, 1);
    }
    lb_ctx_free(c);
}
enum { PX = 40 };
typedef struct shown { uint8_t rgb[8][3 * PX * PX]; uint16_t depth[PX * PX]; uint8_t infrared[PX * PX]; int16_t sound[4000]; } shown;
static void show(const sy_mesh *mesh, const sy_clip *c, shown *s) {
    sy_frame f; sy_stage st; float mix[4000]; int k; lb__rng r, n;
    memset(s, 0, sizeof *s);
    if (!sy_frame_new(&f, 2 * PX)) return;
    for (k = 0; k < 10; k++) {                                                       /* the frames of a clip, a depth map, an infrared image */
        r = lb__rng_new(5, 1); n = lb__rng_new(5, 2);
        sy_stage_new(&st, c, mesh, SY_SHAPES, &r, 8); sy_pose(&st, k < 8 ? k : -1, 8);
        if (k < 8) sy_render_rgb(&f, &st, PX, 2, &n, s->rgb[k]); else if (k == 8) sy_render_depth(&f, &st, PX, &n, s->depth); else sy_render_infrared(&f, &st, PX, 2, &n, s->infrared);
    }
    r = lb__rng_new(5, 3); sy_render_sound(c, &r, 4000, s->sound, mix);
    sy_frame_free(&f);
}
LBT(synth, attributes_show_where_they_should_and_nowhere_else) {
    /* shape colour material size temperature motion hits distance relation count: in RGB video, depth, infrared, sound */
    static const char expect[10][5] = { "xxx.", "x...", "x..x", "xxxx", "..x.", "x...", "x..x", "xxx.", "xxx.", "xxx." }; static shown a, b; sy_mesh mesh[SY_SHAPES]; int i, k; sy_clip base;
    memset(&base, 0, sizeof base); base.shape = 1; base.colour = 2; base.material = 0; base.size = 1; base.temperature = 2; base.motion = SY_ROLL; base.hits = 2; base.relation = 1; base.count = 2; base.split = "train";
    for (k = 0; k < SY_SHAPES; k++) REQUIRE(sy_make(&mesh[k], k), "out of memory");
    show(mesh, &base, &a);
    for (i = 0; i < 10; i++) {
        sy_clip c = base; int *const field[] = { &c.shape, &c.colour, &c.material, &c.size, &c.temperature, &c.motion, &c.hits, &c.distance, &c.relation, &c.count }; char got[5] = "....";
        *field[i] = i == 6 ? 0 : *field[i] + 1;
        show(mesh, &c, &b);
        if (memcmp(a.rgb, b.rgb, sizeof a.rgb)) got[0] = 'x';
        if (memcmp(a.depth, b.depth, sizeof a.depth)) got[1] = 'x';
        if (memcmp(a.infrared, b.infrared, sizeof a.infrared)) got[2] = 'x';
        if (memcmp(a.sound, b.sound, sizeof a.sound)) got[3] = 'x';
        CHECK(!strcmp(got, expect[i]), "attribute %d shows in %s, expected %s", i, got, expect[i]);
    }
    for (k = 0; k < SY_SHAPES; k++) { free(mesh[k].p); free(mesh[k].n); }
}
/* Where a point of the world comes to lie, 0..1 across the picture. */
static float across(const sy_stage *s, sy_v p) { const sy_v d = sy_sub(p, s->eye); return 0.5f + s->focal * sy_dot(d, s->ex) / sy_dot(d, s->ez); }
LBT(synth, what_a_caption_places_beside_a_post_is_in_the_picture_and_so_is_the_post) {
    sy_mesh mesh[SY_SHAPES]; lb__rng r; sy_clip c; sy_stage s; uint64_t i; int k;
    for (k = 0; k < SY_SHAPES; k++) REQUIRE(sy_make(&mesh[k], k), "out of memory");
    for (i = 0; i < 1200; i++) {
        memset(&c, 0, sizeof c); c.size = (int)(i % 3); c.count = 1 + (int)(i / 3 % 3); c.relation = (int)(i / 9 % 5); c.distance = (int)(i / 45 % 2); c.split = "train";
        r = lb__rng_new(7, i); sy_stage_new(&s, &c, mesh, SY_SHAPES, &r, 8);
        CHECK(c.distance ? s.view >= 2.7f && s.view <= 3 : s.view < 2.5f, "%g m is neither near nor far", (double)s.view);
        if (c.relation) { const float x = across(&s, sy_vec(s.post_x, s.post_y, 0.2f)); CHECK(x > 0.01f && x < 0.99f, "size %d, count %d, relation %d: a post at %g", c.size, c.count, c.relation, (double)x); }
        for (k = 0; k < c.count; k++) { const float x = across(&s, s.home[k]); CHECK(x > 0.06f && x < 0.94f, "size %d, count %d, relation %d: thing %d at %g", c.size, c.count, c.relation, k, (double)x); }
    }
    for (k = 0; k < SY_SHAPES; k++) { free(mesh[k].p); free(mesh[k].n); }
}
LBT(synth, the_mallet_shows_in_as_many_frames_as_there_are_hits) {
    sy_mesh mesh[SY_SHAPES]; lb__rng r; sy_clip c; sy_stage s; int i, k, motion, hits;
    for (k = 0; k < SY_SHAPES; k++) REQUIRE(sy_make(&mesh[k], k), "out of memory");
    memset(&c, 0, sizeof c); c.size = 1; c.count = 2; c.split = "train";
    for (motion = 0; motion < SY_MOTIONS; motion++) for (hits = 0; hits <= 3; hits++) {
        int seen = 0;
        c.motion = motion; c.hits = hits; r = lb__rng_new(7, (uint64_t)(motion * 4 + hits)); sy_stage_new(&s, &c, mesh, SY_SHAPES, &r, 8);
        for (k = 0; k < 8; k++) { sy_pose(&s, k, 8); for (i = 0; i < s.things; i++) seen += s.thing[i].what == SY_MALLET; }
        CHECK(seen == (motion == SY_DROP ? 0 : 2 * hits), "motion %d, %d hits: %d parts of a mallet", motion, hits, seen);      /* head and handle; what drops hits the floor */
        sy_pose(&s, -1, 1); for (i = 0; i < s.things; i++) CHECK(s.thing[i].what != SY_MALLET, "a mallet in a still");
    }
    for (k = 0; k < SY_SHAPES; k++) { free(mesh[k].p); free(mesh[k].n); }
}
LBT(synth, captions_are_sentences_in_words_of_their_split) {
    sy_mesh mesh[SY_SHAPES]; lb__rng r = lb__rng_new(11, 0); int i, view, u; sy_text t; size_t k;
    for (i = 0; i < SY_SHAPES; i++) { memset(&mesh[i], 0, sizeof mesh[i]); mesh[i].name = sy_shape_words[i][0]; }
    for (i = 0; i < 20000; i++) {
        sy_clip c; memset(&c, 0, sizeof c);
        c.shape = (int)lb__rng_below(&r, 8); c.colour = (int)lb__rng_below(&r, 8); c.material = (int)lb__rng_below(&r, 5); c.size = (int)lb__rng_below(&r, 3); c.temperature = (int)lb__rng_below(&r, 4); c.motion = (int)lb__rng_below(&r, 8);
        c.hits = (int)lb__rng_below(&r, 4); c.distance = (int)lb__rng_below(&r, 2); c.relation = (int)lb__rng_below(&r, 5); c.count = 1 + (int)lb__rng_below(&r, 3);
        view = i % SY_VIEWS; u = i / SY_VIEWS & 1;
        if (view == SY_IN_SILENCE) continue;
        sy_caption(&t, &c, mesh, view, &r, u);
        CHECK(t.n > 6 && t.n < 400 && !strstr(t.at, "  ") && !strstr(t.at, " ,") && !strstr(t.at, ",,") && !strchr(t.at, '{') && !strchr(" ,:;", t.at[t.n - 1]) && !strstr(t.at, "; ;") && !strstr(t.at, " and is,") && !strstr(t.at, " and are,"), "\"%s\"", t.at);
        if (!u) for (k = 0; k < 8; k++) CHECK(!strstr(t.at, sy_colour_words[k][2]) || (k == 4 && 0), "\"%s\" has a word that was held out", t.at);
        if (view == SY_IN_DEPTH || view == SY_IN_THERMAL || view == SY_IN_SOUND) for (k = 0; k < 8; k++) {
            const char *w = sy_colour_words[k][u ? 2 : 0], *q = strstr(t.at, w);                  /* whole words: "red" is inside "infrared" */
            CHECK(!q || (q > t.at && q[-1] != ' ') || (q[strlen(w)] && q[strlen(w)] != ' '), "\"%s\" names a colour", t.at);
        }
    }
}
LBT(synth, a_shape_has_a_name_of_its_own) {
    char name[] = "synth", dir[] = DIR_A, n[] = "-n", one[] = "1", mesh[] = "--mesh", ball[] = "ball=none.obj", *argv[7];
    argv[0] = name; argv[1] = dir; argv[2] = n; argv[3] = one; argv[4] = mesh; argv[5] = ball; argv[6] = NULL;
    CHECK(cmd_synth(6, argv) == 2, "a second ball");
}
LBT(synth, obj_meshes) {
    sy_mesh m; FILE *f; const char *p = "build/tests/synth.obj";
    mkdir("build", 0777); mkdir("build/tests", 0777);
    f = fopen(p, "w"); REQUIRE(f, "cannot write"); fputs("# a tent\nv 0 0 0\nv 2 0 0\nv 2 0 4\nv 0 0 4\nv 1 1 2\nvt 0 0\nf 1/1 2/1 3/1 4/1\nf -1 1 2\nf 5//1 2//1 3//1\n", f); fclose(f);
    memset(&m, 0, sizeof m);
    CHECK(sy_obj(&m, p, NULL) == -1 && m.count == 12, "%zu corners", m.count);
    { size_t i; float lo = 9, hi = -9; for (i = 0; i < m.count; i++) { lo = fminf(lo, m.p[i].z); hi = fmaxf(hi, m.p[i].z); } CHECK(lo == -1 && fabsf(hi + 0.5f) < 1e-5f, "stands on -1: %g to %g", (double)lo, (double)hi); }
    CHECK(!m.paints, "no colours without a library");
    sy_mesh_free(&m);
    {   /* too small, or too far away, for the digits of a float: still within the box */
        static const char *const odd[] = { "v 0 0 0\nv 1e-40 0 0\nv 0 1e-40 0\nf 1 2 3\n", "v 1e5 0 0\nv 100000.01 0 0\nv 1e5 0.01 0\nf 1 2 3\n" }; size_t i, k;
        for (k = 0; k < LB__COUNT(odd); k++) {
            f = fopen(p, "w"); REQUIRE(f, "cannot write"); fputs(odd[k], f); fclose(f);
            CHECK(sy_obj(&m, p, NULL) == -1 && m.count == 3, "%zu corners", m.count);
            for (i = 0; i < m.count; i++) CHECK(fabsf(m.p[i].x) <= 1 && fabsf(m.p[i].y) <= 1 && fabsf(m.p[i].z) <= 1, "model %zu: corner %zu at %g %g %g", k, i, (double)m.p[i].x, (double)m.p[i].y, (double)m.p[i].z);
            sy_mesh_free(&m);
        }
    }
    {   /* a line that does not fit is refused, not cut; a comment may be as long as it likes */
        int k, rc;
        for (k = 0; k < 2; k++) {
            f = fopen(p, "w"); REQUIRE(f, "cannot write"); fprintf(f, "v 0 0 0\nv 1 0 0\nv 0 0 1\n%s 1 2 3%*d\nf 1 2 3\n", k ? "f" : "#", 9000, 2); fclose(f);
            rc = sy_obj(&m, p, NULL); CHECK(k ? rc > 0 : rc == -1 && m.count == 3, "%s: %d, %zu corners", k ? "a face" : "a comment", rc, m.count);
            sy_mesh_free(&m);
        }
    }
    remove(p);
    {   /* a library with a plain colour, a picture of two colours (red left, blue right) and glass; corners with their own normals */
        lb_ctx *c = NULL; lb_image two; uint8_t rb[6] = { 255, 0, 0, 0, 0, 255 }; float alpha; sy_v k;
        memset(&two, 0, sizeof two); two.width = 2; two.height = 1; two.channels = 3; two.bits = 8; two.orientation = 1; two.data = rb;
        REQUIRE(!lb_ctx_new(NULL, &c) && !lb_image_save(c, &two, "build/tests/synth two.png", 0), "%s", lb_last_error());
        f = fopen("build/tests/synth.mtl", "w"); REQUIRE(f, "cannot write"); fputs("newmtl a\nKd 1 0 0.5\r\nnewmtl b\nKd 0 0.2 0\nmap_Kd -s 1 1 1 synth two.png\n\tnewmtl glass\nd 0.5\n", f); fclose(f);
        f = fopen(p, "w"); REQUIRE(f, "cannot write"); fputs("mtllib synth.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0.1 0.5\nvt 0.9 0.5\nvn 0 1 0\nf 1 2 3\nusemtl b\nf 1/1/1 2/2/-1 4/1/1\nusemtl glass\nf 1//1 2//1 3\nusemtl a\r\nf 2 3 4\n", f); fclose(f);
        memset(&m, 0, sizeof m);
        REQUIRE(sy_obj(&m, p, c) == -1 && m.count == 12 && m.paints == 4, "%zu corners, %zu paints", m.count, m.paints);
        CHECK(m.skin[0] == 0 && m.skin[1] == 2 && m.skin[2] == 3 && m.skin[3] == 1, "materials");
        CHECK(m.paint[3].alpha == 0.5f && m.paint[1].alpha == 1, "alpha %g", (double)m.paint[3].alpha);
        CHECK(m.n[3].z == 1 && m.n[3].x == 0 && fabsf(m.n[0].y) + fabsf(m.n[0].x) + fabsf(m.n[0].z) > 0.99f, "y up becomes z up, normals too");
        k = sy_paint_at(&m.paint[2], m.uv[3][0], m.uv[3][1], &alpha); CHECK(k.x == 1 && k.z == 0 && alpha == 1, "red at the left");
        k = sy_paint_at(&m.paint[2], m.uv[4][0] - 2, m.uv[4][1], &alpha); CHECK(k.x == 0 && k.z == 1, "blue at the right, repeated");
        k = sy_paint_at(&m.paint[1], 0, 0, &alpha); CHECK(k.x == 1 && k.y == 0 && k.z == 0.5f, "plain");
        sy_mesh_free(&m); lb_ctx_free(c);
    }
    {
        char name[] = "render", file[] = "build/tests/synth.obj", o[] = "-o", dir[] = DIR_A, size[] = "--size", px[] = "32"; char *argv[] = { name, file, o, dir, size, px, NULL }; lb_ctx *c = NULL; lb_image a; lb_video *v = NULL; lb_video_info info;
        REQUIRE(!lb_ctx_new(NULL, &c) && cmd_render(6, argv) == 0, "render failed");
        CHECK(!lb_image_load(c, DIR_A "/synth-0.png", &a) && a.channels == 3 && a.width == 32, "%s", lb_last_error()); lb_image_free(&a);
        CHECK(!lb_image_load(c, DIR_A "/synth-0-depth.png", &a) && a.channels == 1 && a.bits == 16, "%s", lb_last_error()); lb_image_free(&a);
        CHECK(!lb_video_open(c, DIR_A "/synth.mp4", &v), "%s", lb_last_error());
        if (v) { lb_video_get_info(v, &info); CHECK(info.frames == 8, "%zu frames", info.frames); }
        lb_video_free(v); lb_ctx_free(c); digest(DIR_A, 0, 1);
    }
    remove(p); remove("build/tests/synth.mtl"); remove("build/tests/synth two.png");
}
