/* synth.c - `languagebind synth DIR`: VIDAL-tiny, a five-modality corpus that needs no data.
 *
 * A clip is a set of attributes (what), drawn once, and one staging of them for each modality (how), drawn independently: own camera, light,
 * floor, poses, timing.  So nothing but meaning connects the RGB video, the still, the depth map, the infrared image, the sound and the captions
 * of a clip.  An attribute shows where physics shows it and nowhere else:
 *
 *     attribute             video  still  depth  infrared  sound
 *     shape (8)               x      x      x       x
 *     colour (8)              x      x
 *     material (5)            x      x                       x     (a sound without a hit tells none)
 *     size (3)                x      x      x       x        x     (pitch)
 *     temperature (4)                               x
 *     motion (8)              x
 *     hits (0-3)              x                              x
 *     distance (2)            x      x      x       x
 *     relation to a post (5)  x      x      x       x
 *     count (1-3)             x      x      x       x
 *
 * One engine: triangle meshes (analytic, or from OBJ files) over an analytic floor and wall, a z-buffer, deferred shading per modality; modal
 * synthesis for the sound.  Every clip is a function of (seed, number): the order of work and the number of threads change nothing. */

enum { SY_SHAPES = 8, SY_COLOURS = 8, SY_MATERIALS = 5, SY_SIZES = 3, SY_TEMPERATURES = 4, SY_MOTIONS = 8, SY_RELATIONS = 5, SY_MAX_MESHES = 1024 };
enum { SY_STILL, SY_DROP, SY_ROLL, SY_SPIN, SY_SWING, SY_CIRCLE, SY_SHAKE, SY_RISE };
enum { SY_METAL, SY_WOOD, SY_GLASS, SY_RUBBER, SY_STONE };

/* ---- words.  The first two synonyms are for training; the last one is kept for the split `unseen`. ---- */

static const char *const sy_shape_words[SY_SHAPES][3] = { { "ball", "sphere", "orb" }, { "cube", "block", "dice" }, { "cylinder", "drum", "roller" }, { "cone", "funnel", "spike" },
    { "ring", "hoop", "torus" }, { "pyramid", "tent", "obelisk" }, { "star", "asterisk", "starfish" }, { "cross", "plus sign", "crucifix" } };
static const char *const sy_colour_words[SY_COLOURS][3] = { { "red", "crimson", "scarlet" }, { "orange", "tangerine", "amber" }, { "yellow", "lemon", "golden" }, { "green", "emerald", "lime" },
    { "blue", "azure", "navy" }, { "purple", "violet", "lilac" }, { "white", "snowy", "ivory" }, { "black", "dark", "jet" } };
static const char *const sy_material_words[SY_MATERIALS][3] = { { "metal", "steel", "iron" }, { "wooden", "timber", "oak" }, { "glass", "crystal", "transparent" }, { "rubber", "elastic", "latex" }, { "stone", "rocky", "granite" } };
static const char *const sy_size_words[SY_SIZES][3] = { { "small", "tiny", "little" }, { "medium", "mid-sized", "average" }, { "large", "big", "huge" } };
static const char *const sy_temperature_words[SY_TEMPERATURES][3] = { { "freezing", "icy", "frosty" }, { "lukewarm", "tepid", "mild" }, { "warm", "heated", "toasty" }, { "scorching", "burning hot", "sizzling" } };
static const char *const sy_motion_words[SY_MOTIONS][3] = { { "rests", "lies still", "stays put" }, { "drops", "falls and bounces", "plummets" }, { "rolls past", "moves across", "travels along" }, { "spins", "turns on the spot", "twirls" },
    { "swings", "hangs and sways", "dangles to and fro" }, { "circles", "goes round and round", "orbits" }, { "shakes", "trembles", "vibrates" }, { "rises", "floats up", "ascends" } };
static const char *const sy_relation_words[SY_RELATIONS][3] = { { "", "", "" }, { "left of a post", "to the left of a pole", "on a pillar's left" }, { "right of a post", "to the right of a pole", "on a pillar's right" },
    { "in front of a post", "before a pole", "ahead of a pillar" }, { "behind a post", "at the back of a pole", "past a pillar" } };
static const char *const sy_distance_words[2][3] = { { "near", "close up", "right here" }, { "far away", "in the distance", "a long way off" } };
static const char *const sy_count_words[3][3] = { { "a", "one", "a single" }, { "two", "a pair of", "twin" }, { "three", "a trio of", "triple" } };
static const char *const sy_hit_words[4][3] = { { "in silence", "without a sound", "hushed" }, { "hit once", "struck one time", "with a single knock" }, { "hit twice", "struck two times", "with a double knock" }, { "hit three times", "struck thrice", "with a triple knock" } };
static const char *const sy_sound_words[SY_MATERIALS][3] = { { "ringing", "clanging", "chiming" }, { "knocking", "clacking", "tocking" }, { "tinkling", "clinking", "pinging" }, { "thudding", "thumping", "bumping" }, { "clicking", "cracking", "snapping" } };

typedef struct sy_clip { int shape, colour, material, size, temperature, motion, hits, distance, relation, count; const char *split; } sy_clip;

/* ---- vectors ---- */

typedef struct sy_v { float x, y, z; } sy_v;
static sy_v sy_vec(float x, float y, float z) { sy_v v; v.x = x; v.y = y; v.z = z; return v; }
static sy_v sy_add(sy_v a, sy_v b) { return sy_vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static sy_v sy_sub(sy_v a, sy_v b) { return sy_vec(a.x - b.x, a.y - b.y, a.z - b.z); }
static sy_v sy_mul(sy_v a, float k) { return sy_vec(a.x * k, a.y * k, a.z * k); }
static float sy_dot(sy_v a, sy_v b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static sy_v sy_cross(sy_v a, sy_v b) { return sy_vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x); }
static sy_v sy_unit(sy_v a) { const float n = sy_dot(a, a); return n > 0 ? sy_mul(a, 1 / sqrtf(n)) : sy_vec(0, 0, 1); }
static float sy_clamp(float v, float a, float b) { return v < a ? a : v > b ? b : v; }
static float sy_between(lb__rng *r, float a, float b) { return a + (b - a) * lb__rng_uniform(r); }

/* Value noise in space, 0..1, smooth. */
static float sy_hash3(int x, int y, int z) { uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + (uint32_t)z * 2246822519u; h = (h ^ h >> 13) * 1274126177u; return (float)((h ^ h >> 16) & 0xffff) / 65535.0f; }
static float sy_noise(sy_v p) {
    const float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z), u = p.x - fx, v = p.y - fy, w = p.z - fz, a = u * u * (3 - 2 * u), b = v * v * (3 - 2 * v), c = w * w * (3 - 2 * w); const int x = (int)fx, y = (int)fy, z = (int)fz;
    const float l = (sy_hash3(x, y, z) * (1 - a) + sy_hash3(x + 1, y, z) * a) * (1 - b) + (sy_hash3(x, y + 1, z) * (1 - a) + sy_hash3(x + 1, y + 1, z) * a) * b;
    const float h = (sy_hash3(x, y, z + 1) * (1 - a) + sy_hash3(x + 1, y, z + 1) * a) * (1 - b) + (sy_hash3(x, y + 1, z + 1) * (1 - a) + sy_hash3(x + 1, y + 1, z + 1) * a) * b;
    return l * (1 - c) + h * c;
}

/* ---- meshes: within [-1, 1], standing on z = -1, z up; flat or smooth by the normals that are stored per corner ---- */

/* What a triangle of a file is covered with: a colour or a picture (0..1 from its lower left corner, repeated), and how much of it there is. */
typedef struct sy_paint { char name[128]; float rgb[3], alpha; lb_image picture; } sy_paint;
typedef struct sy_mesh {
    sy_v *p, *n; size_t count, cap; const char *name;                                /* count corners, three a triangle */
    float (*uv)[2]; uint32_t *skin; sy_paint *paint; size_t paints, now;              /* of files with a material library: uv of a corner, paint of a triangle; now: of the next one */
} sy_mesh;
static void sy_mesh_free(sy_mesh *m) { size_t i; for (i = 0; i < m->paints; i++) lb_image_free(&m->paint[i].picture); free(m->p); free(m->n); free(m->uv); free(m->skin); free(m->paint); memset(m, 0, sizeof *m); }
static int sy_tri(sy_mesh *m, sy_v a, sy_v b, sy_v c, sy_v na, sy_v nb, sy_v nc) {
    if (m->count + 3 > m->cap) {
        const size_t cap = m->cap ? 2 * m->cap : 768; sy_v *p = (sy_v *)realloc(m->p, cap * sizeof *p), *n;
        if (!p) return 0;
        m->p = p;
        n = (sy_v *)realloc(m->n, cap * sizeof *n);
        if (!n) return 0;
        m->n = n; m->cap = cap;
        if (m->paints) {
            float (*uv)[2] = (float (*)[2])realloc(m->uv, cap * sizeof *uv); uint32_t *skin;
            if (!uv) return 0;
            m->uv = uv; skin = (uint32_t *)realloc(m->skin, cap / 3 * sizeof *skin);
            if (!skin) return 0;
            m->skin = skin;
        }
    }
    if (m->paints) { m->skin[m->count / 3] = (uint32_t)m->now; memset(m->uv[m->count], 0, 3 * sizeof *m->uv); }
    m->p[m->count] = a; m->p[m->count + 1] = b; m->p[m->count + 2] = c; m->n[m->count] = na; m->n[m->count + 1] = nb; m->n[m->count + 2] = nc; m->count += 3;
    return 1;
}
static int sy_flat(sy_mesh *m, sy_v a, sy_v b, sy_v c) { const sy_v n = sy_unit(sy_cross(sy_sub(b, a), sy_sub(c, a))); return sy_tri(m, a, b, c, n, n, n); }
static int sy_quad(sy_mesh *m, sy_v a, sy_v b, sy_v c, sy_v d) { return sy_flat(m, a, b, c) && sy_flat(m, a, c, d); }
/* A profile (radius, height) turned about z; smooth around, flat between its rings. */
static int sy_lathe(sy_mesh *m, const float (*prof)[2], int n, int smooth, int around) {
    int i, k, ok = 1;
    for (i = 0; i + 1 < n; i++) for (k = 0; k < around; k++) {
        const float a0 = 2 * (float)LB__PI * (float)k / (float)around, a1 = 2 * (float)LB__PI * (float)(k + 1) / (float)around; sy_v q[4], w[4]; int c;
        for (c = 0; c < 4; c++) {
            const int j = i + (c == 2 || c == 3); const float a = c == 1 || c == 2 ? a1 : a0; float dr = prof[i + 1][0] - prof[i][0], dz = prof[i + 1][1] - prof[i][1];
            if (smooth) { const int lo = j > 0 ? j - 1 : j, hi = j + 1 < n ? j + 1 : j; dr = prof[hi][0] - prof[lo][0]; dz = prof[hi][1] - prof[lo][1]; }
            q[c] = sy_vec(prof[j][0] * cosf(a), prof[j][0] * sinf(a), prof[j][1]);
            w[c] = sy_unit(sy_vec(dz * cosf(a), dz * sinf(a), -dr));
        }
        if (prof[i][0] > 0) ok &= sy_tri(m, q[0], q[1], q[2], w[0], w[1], w[2]);
        if (prof[i + 1][0] > 0) ok &= sy_tri(m, q[0], q[2], q[3], w[0], w[2], w[3]);
    }
    return ok;
}
/* A star-shaped outline in the x-z plane, pulled along y. */
static int sy_prism(sy_mesh *m, const float (*o)[2], int n, float depth) {
    int i, ok = 1;
    for (i = 0; i < n; i++) {
        const float *a = o[i], *b = o[(i + 1) % n];
        ok &= sy_flat(m, sy_vec(0, -depth, 0), sy_vec(a[0], -depth, a[1]), sy_vec(b[0], -depth, b[1]));
        ok &= sy_flat(m, sy_vec(0, depth, 0), sy_vec(b[0], depth, b[1]), sy_vec(a[0], depth, a[1]));
        ok &= sy_quad(m, sy_vec(a[0], -depth, a[1]), sy_vec(a[0], depth, a[1]), sy_vec(b[0], depth, b[1]), sy_vec(b[0], -depth, b[1]));
    }
    return ok;
}
static int sy_make(sy_mesh *m, int shape) {
    float prof[32][2]; int i, ok = 1; memset(m, 0, sizeof *m);
    if (shape == 0) { for (i = 0; i <= 14; i++) { const float a = (float)LB__PI * (float)i / 14; prof[i][0] = i == 0 || i == 14 ? 0 : sinf(a); prof[i][1] = -cosf(a); } ok = sy_lathe(m, (const float (*)[2])prof, 15, 1, 24); }
    else if (shape == 1) {
        static const signed char f[6][4][3] = { { { 1, -1, -1 }, { 1, 1, -1 }, { 1, 1, 1 }, { 1, -1, 1 } }, { { -1, 1, -1 }, { -1, -1, -1 }, { -1, -1, 1 }, { -1, 1, 1 } }, { { 1, 1, -1 }, { -1, 1, -1 }, { -1, 1, 1 }, { 1, 1, 1 } },
            { { -1, -1, -1 }, { 1, -1, -1 }, { 1, -1, 1 }, { -1, -1, 1 } }, { { -1, -1, 1 }, { 1, -1, 1 }, { 1, 1, 1 }, { -1, 1, 1 } }, { { -1, 1, -1 }, { 1, 1, -1 }, { 1, -1, -1 }, { -1, -1, -1 } } };
        for (i = 0; i < 6; i++) { sy_v q[4]; int k; for (k = 0; k < 4; k++) q[k] = sy_vec(0.8f * f[i][k][0], 0.8f * f[i][k][1], 0.8f * f[i][k][2] - 0.2f); ok &= sy_quad(m, q[0], q[1], q[2], q[3]); }
    } else if (shape == 2) { const float c[4][2] = { { 0, -1 }, { 0.62f, -1 }, { 0.62f, 1 }, { 0, 1 } }; ok = sy_lathe(m, c, 4, 0, 24); }
    else if (shape == 3) { const float c[3][2] = { { 0, -1 }, { 0.85f, -1 }, { 0, 1 } }; ok = sy_lathe(m, c, 3, 0, 24); }
    else if (shape == 4) {                                                          /* stands upright like a hoop: the hole shows from the front */
        int k; const float R = 0.73f, r = 0.27f;
        for (i = 0; i < 24; i++) for (k = 0; k < 10; k++) {
            sy_v q[4], w[4]; int c;
            for (c = 0; c < 4; c++) {
                const float a = 2 * (float)LB__PI * (float)(i + (c == 1 || c == 2)) / 24, b = 2 * (float)LB__PI * (float)(k + (c >= 2)) / 10;
                q[c] = sy_vec((R + r * cosf(b)) * cosf(a), r * sinf(b), (R + r * cosf(b)) * sinf(a)); w[c] = sy_vec(cosf(b) * cosf(a), sinf(b), cosf(b) * sinf(a));
            }
            ok &= sy_tri(m, q[0], q[2], q[1], w[0], w[2], w[1]); ok &= sy_tri(m, q[0], q[3], q[2], w[0], w[3], w[2]);
        }
    } else if (shape == 5) {
        const sy_v t = sy_vec(0, 0, 1), a = sy_vec(-0.95f, -0.95f, -1), b = sy_vec(0.95f, -0.95f, -1), c = sy_vec(0.95f, 0.95f, -1), d = sy_vec(-0.95f, 0.95f, -1);
        ok = sy_flat(m, a, b, t) && sy_flat(m, b, c, t) && sy_flat(m, c, d, t) && sy_flat(m, d, a, t) && sy_quad(m, a, d, c, b);
    } else if (shape == 6) {
        for (i = 0; i < 10; i++) { const float r = i & 1 ? 0.42f : 1.05f, a = (float)LB__PI * (0.5f + (float)i / 5); prof[i][0] = r * cosf(a); prof[i][1] = r * sinf(a) - 0.1f; }
        ok = sy_prism(m, (const float (*)[2])prof, 10, 0.3f);
    } else {
        static const float o[12][2] = { { -0.3f, -1 }, { 0.3f, -1 }, { 0.3f, -0.3f }, { 1, -0.3f }, { 1, 0.3f }, { 0.3f, 0.3f }, { 0.3f, 1 }, { -0.3f, 1 }, { -0.3f, 0.3f }, { -1, 0.3f }, { -1, -0.3f }, { -0.3f, -0.3f } };
        ok = sy_prism(m, o, 12, 0.3f);
    }
    m->name = shape < SY_SHAPES ? sy_shape_words[shape][0] : "";
    return ok;
}
/* A material library, which need not be there: "newmtl NAME", "Kd r g b", "d alpha" or "Tr 1-alpha", "map_Kd PICTURE" beside it.  Pictures only where
 * there is a context to read them with; they are made small, as they are seen from afar.  What cannot be read leaves the plain colour. */
enum { SY_PICTURE = 128 };
static float sy_thin(float alpha) { return alpha < 0.02f ? 0 : fmaxf(alpha, 0.3f); }      /* a pane that nobody would see teaches nothing */
static int sy_mtl(sy_mesh *m, const char *path, lb_ctx *ctx) {
    lb__bytes f; size_t at = 0, cap = 1; char text[1024]; const char *slash = strrchr(path, '/');
    m->paint = (sy_paint *)calloc(1, sizeof *m->paint);                              /* paint 0: of faces without a material */
    if (!m->paint) return 0;
    m->paint[0].rgb[0] = m->paint[0].rgb[1] = m->paint[0].rgb[2] = 0.7f; m->paint[0].alpha = 1;
    if (lb__bytes_open(path, &f)) { free(m->paint); m->paint = NULL; return 1; }
    m->paints = 1;
    while (at < f.size) {
        size_t end = at, len; double r, g, b; char *p = text; sy_paint *q = &m->paint[m->paints - 1];
        while (end < f.size && f.data[end] != '\n') end++;
        len = end - at < sizeof text - 1 ? end - at : sizeof text - 1; memcpy(text, f.data + at, len); text[len] = 0; at = end + 1;
        while (len && (text[len - 1] == '\r' || text[len - 1] == ' ' || text[len - 1] == '\t')) text[--len] = 0;
        while (*p == ' ' || *p == '\t') p++;
        if (!strncmp(p, "newmtl ", 7) && m->paints < 100000) {
            if (m->paints == cap) { cap *= 2; q = (sy_paint *)realloc(m->paint, cap * sizeof *q); if (!q) { lb__bytes_close(&f); return 0; } m->paint = q; }
            q = &m->paint[m->paints++]; *q = m->paint[0]; snprintf(q->name, sizeof q->name, "%.127s", p + 7);
        } else if (m->paints == 1) continue;
        else if (sscanf(p, "Kd %lf %lf %lf", &r, &g, &b) == 3 && r >= 0 && g >= 0 && b >= 0) { q->rgb[0] = (float)LB__MIN(r, 1); q->rgb[1] = (float)LB__MIN(g, 1); q->rgb[2] = (float)LB__MIN(b, 1); }
        else if (sscanf(p, "d %lf", &r) == 1 && r >= 0 && r <= 1) q->alpha = sy_thin((float)r);
        else if (sscanf(p, "Tr %lf", &r) == 1 && r >= 0 && r <= 1) q->alpha = sy_thin((float)(1 - r));
        else if (ctx && !strncmp(p, "map_Kd ", 7) && !q->picture.data) {
            char name[2200]; lb_image big; size_t w, h, top;
            for (p += 7; *p == '-'; ) { while (*p && *p != ' ') p++; while (*p == ' ') p++; while ((*p >= '0' && *p <= '9') || (*p == '-' && p[1] >= '0' && p[1] <= '9')) { while (*p && *p != ' ') p++; while (*p == ' ') p++; } }     /* -s 1 1 1 and the like */
            snprintf(name, sizeof name, "%.*s%s", slash ? (int)LB__MIN(slash + 1 - path, 1000) : 0, path, p);
            if (lb_image_load(ctx, name, &big)) continue;
            top = LB__MAX(big.width, big.height); w = top > SY_PICTURE ? LB__MAX(big.width * SY_PICTURE / top, 1) : big.width; h = top > SY_PICTURE ? LB__MAX(big.height * SY_PICTURE / top, 1) : big.height;
            if (big.bits == 8 && lb_image_resize(ctx, &big, w, h, &q->picture)) memset(&q->picture, 0, sizeof q->picture);
            lb_image_free(&big);
        }
    }
    lb__bytes_close(&f);
    return 1;
}
/* Colour (0..1) and alpha of a paint at (u, v). */
static sy_v sy_paint_at(const sy_paint *q, float u, float v, float *alpha) {
    const lb_image *m = &q->picture; const uint8_t *c; size_t x, y;
    *alpha = q->alpha;
    if (!m->data) return sy_vec(q->rgb[0], q->rgb[1], q->rgb[2]);
    u -= floorf(u); v -= floorf(v);
    x = LB__MIN((size_t)(u * (float)m->width), m->width - 1); y = LB__MIN((size_t)((1 - v) * (float)m->height), m->height - 1);
    c = (const uint8_t *)m->data + (y * m->width + x) * (size_t)m->channels;
    if (m->channels == 2 || m->channels == 4) *alpha *= (float)c[m->channels - 1] / 255;
    return m->channels < 3 ? sy_vec((float)c[0] / 255, (float)c[0] / 255, (float)c[0] / 255) : sy_vec((float)c[0] / 255, (float)c[1] / 255, (float)c[2] / 255);
}
/* A growing list of rows of `k` floats; line: "x y [z]". */
typedef struct sy_rows { float *at; size_t n, cap; } sy_rows;
static int sy_row(sy_rows *r, const char *p, int k, int need) {
    int i; float *q;
    if (r->n == r->cap) { r->cap = r->cap ? 2 * r->cap : 256; q = r->cap > 50000000 ? NULL : (float *)realloc(r->at, r->cap * (size_t)k * sizeof *q); if (!q) return -1; r->at = q; }
    for (i = 0, q = r->at + r->n * (size_t)k; i < k; i++) { char *e; const double c = strtod(p, &e); if (e == p || !(fabs(c) < 1e6)) { if (i < need) return 0; q[i] = 0; } else { q[i] = (float)c; p = e; } }
    r->n++;
    return 1;
}
/* OBJ: v, vt, vn and f lines (fans, negative numbers), mtllib and usemtl; the rest is skipped.  Fitted into the unit box, y up becomes z up.
 * ctx: to read pictures of materials with, or NULL.  -1, or the exit status after a message. */
static int sy_obj(sy_mesh *m, const char *path, lb_ctx *ctx) {
    size_t k; lb__bytes f; sy_rows v = { 0, 0, 0 }, vt = { 0, 0, 0 }, vn = { 0, 0, 0 }; sy_v lo = { 1e30f, 1e30f, 1e30f }, hi = { -1e30f, -1e30f, -1e30f }; size_t at = 0, line = 0, i; int rc = -1; char text[8192];
    if (lb__bytes_open(path, &f)) return cli_fail("%s", lb_last_error());
    while (at < f.size && rc < 0) {
        size_t end = at, n; char *p; int ok, cut;
        while (end < f.size && f.data[end] != '\n') end++;
        line++; cut = end - at > sizeof text - 1; n = cut ? sizeof text - 1 : end - at;
        memcpy(text, f.data + at, n); text[n] = 0; at = end + 1; p = text;
        while (n && (text[n - 1] == '\r' || text[n - 1] == ' ')) text[--n] = 0;
        if (cut && *p != '#') rc = cli_fail("%s: line %zu is longer than %zu bytes", path, line, sizeof text - 1);
        else if (!strncmp(p, "mtllib ", 7) && !m->paints && !m->count) {
            char lib[1600]; const char *slash = strrchr(path, '/');
            snprintf(lib, sizeof lib, "%.*s%.1000s", slash ? (int)LB__MIN(slash + 1 - path, 500) : 0, path, p + 7);
            if (!sy_mtl(m, lib, ctx)) rc = cli_fail("out of memory");
        } else if (!strncmp(p, "usemtl ", 7) && m->paints) {
            for (m->now = 0, k = 1; k < m->paints && !m->now; k++) if (!strncmp(m->paint[k].name, p + 7, 127)) m->now = k;
        } else if (p[0] == 'v' && (p[1] == ' ' || p[1] == '\t')) {
            if ((ok = sy_row(&v, p + 1, 3, 3)) < 1) rc = ok ? cli_fail("out of memory") : cli_fail("%s: line %zu: three coordinates were expected after v", path, line);
        } else if (p[0] == 'v' && (p[1] == 't' || p[1] == 'n')) {
            if (sy_row(p[1] == 't' ? &vt : &vn, p + 2, p[1] == 't' ? 2 : 3, 0) < 0) rc = cli_fail("out of memory");
        } else if (p[0] == 'f' && (p[1] == ' ' || p[1] == '\t')) {
            size_t c[3][3]; sy_v q[3], w[3]; long corners = 0; int j;                 /* first, last and this corner: places in v, vt and vn, 0: none */
            memset(c, 0, sizeof c);
            for (p++;; corners++) {
                char *e; long x = strtol(p, &e, 10), asked; int normals = 1;
                if (e == p) break;
                asked = x;
                if (x < 0) x += (long)v.n + 1;
                if (x < 1 || (size_t)x > v.n) { rc = cli_fail("%s: line %zu: a corner that is vertex %ld; 1 to %zu, or -%zu to -1, were expected", path, line, asked, v.n, v.n); break; }
                c[2][0] = (size_t)x; c[2][1] = c[2][2] = 0;
                for (j = 1; j < 3 && *e == '/'; j++) { const size_t have = j == 1 ? vt.n : vn.n; p = e + 1; x = strtol(p, &e, 10); if (x < 0) x += (long)have + 1; c[2][j] = e != p && x > 0 && (size_t)x <= have ? (size_t)x : 0; }
                while (*e && *e != ' ' && *e != '\t' && *e != '\r') e++;
                p = e;
                if (corners == 0) memcpy(c[0], c[2], sizeof c[0]);
                else if (corners > 1) {
                    for (j = 0; j < 3; j++) {
                        const float *s = v.at + 3 * (c[j][0] - 1); q[j] = sy_vec(s[0], -s[2], s[1]); w[j] = sy_vec(0, 0, 0);
                        if (c[j][2]) { s = vn.at + 3 * (c[j][2] - 1); w[j] = sy_vec(s[0], -s[2], s[1]); }
                        normals &= sy_dot(w[j], w[j]) > 1e-6f;
                        w[j] = sy_unit(w[j]);
                    }
                    if (!(normals ? sy_tri(m, q[0], q[1], q[2], w[0], w[1], w[2]) : sy_flat(m, q[0], q[1], q[2]))) { rc = cli_fail("out of memory"); break; }
                    if (m->paints) for (j = 0; j < 3; j++) if (c[j][1]) memcpy(m->uv[m->count - 3 + (size_t)j], vt.at + 2 * (c[j][1] - 1), sizeof *m->uv);
                }
                memcpy(c[1], c[2], sizeof c[1]);
            }
            if (m->count > 3000000) rc = cli_fail("%s: more than a million triangles", path);
        }
    }
    if (rc < 0 && !m->count) rc = cli_fail("%s: has no faces; a Wavefront OBJ with lines `v X Y Z` and `f A B C` was expected", path);
    if (rc < 0) {
        float s;
        for (i = 0; i < m->count; i++) { const sy_v p = m->p[i]; lo = sy_vec(fminf(lo.x, p.x), fminf(lo.y, p.y), fminf(lo.z, p.z)); hi = sy_vec(fmaxf(hi.x, p.x), fmaxf(hi.y, p.y), fmaxf(hi.z, p.z)); }
        s = fmaxf(hi.x - lo.x, fmaxf(hi.y - lo.y, hi.z - lo.z));
        s = s > 1e-30f ? 2 / s : 1;                                                  /* a point, or what is none but for rounding, stays one */
        for (i = 0; i < m->count; i++) m->p[i] = sy_vec(sy_clamp((m->p[i].x - (lo.x + hi.x) / 2) * s, -1, 1), sy_clamp((m->p[i].y - (lo.y + hi.y) / 2) * s, -1, 1), (m->p[i].z - lo.z) * s - 1);
    }
    free(v.at); free(vt.at); free(vn.at); lb__bytes_close(&f);
    return rc;
}

/* ---- staging: where everything stands in one modality's world ---- */

enum { SY_RGB, SY_DEPTH, SY_INFRARED };
enum { SY_MAIN, SY_POST, SY_MALLET, SY_STRING, SY_MODEL };
enum { SY_MAX_THINGS = 12 };
typedef struct sy_thing { const sy_mesh *mesh; int what; size_t first; sy_v at, rx, ry, rz, scale; } sy_thing;        /* world = at + rx*x*scale.x + ...; rx, ry, rz orthonormal; first: of its triangles, in the frame */
typedef struct sy_stage {
    const sy_clip *clip; const sy_mesh *meshes; size_t mesh_count;
    float r, view, elevation, roll, focal, aim; sy_v eye, ex, ey, ez, light;                            /* r: half size; view: metres to the main object */
    float floor_angle, floor_tile, wall, spread; sy_v floor_a, floor_b, wall_a, wall_b, colour; int floor_kind;
    sy_v home[3]; float yaw[3], post_x, post_y, dir, phase, side, temperature, ambient, floor_t, wall_t; int contact[3];
    float scale;                                                                     /* depth: metres are multiplied by it */
    sy_thing thing[SY_MAX_THINGS]; int things;
} sy_stage;

static const float sy_palette[SY_COLOURS][3] = { { 0.82f, 0.08f, 0.07f }, { 0.95f, 0.45f, 0.05f }, { 0.95f, 0.85f, 0.10f }, { 0.10f, 0.60f, 0.15f }, { 0.08f, 0.22f, 0.80f }, { 0.48f, 0.12f, 0.62f }, { 0.95f, 0.95f, 0.95f }, { 0.05f, 0.05f, 0.06f } };

/* `hits` frames of 0..frames-1, at least two apart, none first. */
static void sy_contacts(lb__rng *r, int hits, int frames, int out[3]) {
    int i, k, room = frames - 1 - LB__MAX(hits - 1, 0);
    for (i = 0; i < hits; i++) {
        int v = 1 + (int)lb__rng_below(r, (uint32_t)LB__MAX(room - i, 1));
        for (k = 0; k < i; k++) if (v >= out[k]) v++;
        for (k = i; k > 0 && out[k - 1] > v; k--) out[k] = out[k - 1];
        out[k] = v;
    }
    for (i = 0; i < hits; i++) out[i] += i;
}
static void sy_stage_new(sy_stage *s, const sy_clip *c, const sy_mesh *meshes, size_t mesh_count, lb__rng *r, int frames) {
    static const float sizes[SY_SIZES] = { 0.165f, 0.23f, 0.315f }, heats[SY_TEMPERATURES] = { -8, 30, 58, 100 };
    const int beside = c->relation == 1 || c->relation == 2; float a, gx, back; int i; sy_v up = { 0, 0, 1 };
    memset(s, 0, sizeof *s);
    s->clip = c; s->meshes = meshes; s->mesh_count = mesh_count; s->scale = 1;
    s->r = sizes[c->size] * sy_between(r, 0.95f, 1.05f);
    s->view = c->distance ? sy_between(r, 2.7f, 3.0f) : sy_between(r, 1.85f, 2.05f);
    s->elevation = sy_between(r, 0.2f, 0.5f); s->roll = sy_between(r, -0.04f, 0.04f); s->focal = 1 / (2 * tanf(0.43f)) * sy_between(r, 0.97f, 1.03f);
    s->aim = sy_between(r, 0.28f, 0.4f);
    a = sy_between(r, 0, 6.2831853f);
    s->light = sy_unit(sy_vec(0.8f * cosf(a), 0.8f * sinf(a) - 0.25f, sy_between(r, 0.8f, 1.5f)));
    s->floor_angle = sy_between(r, 0, 3.14159f); s->floor_tile = 0.25f; s->floor_kind = (int)lb__rng_below(r, 3); s->wall = sy_between(r, 1.4f, 2.2f);
    {
        const float g = sy_between(r, 0.35f, 0.72f), h = sy_between(r, 0.4f, 0.8f), tint = sy_between(r, -0.05f, 0.05f), tint2 = sy_between(r, -0.05f, 0.05f);
        s->floor_a = sy_vec(g + tint, g, g - tint); s->floor_b = sy_mul(s->floor_a, sy_between(r, 0.72f, 0.88f));
        s->wall_a = sy_vec(h + tint2, h, h - tint2); s->wall_b = sy_mul(s->wall_a, sy_between(r, 0.75f, 0.95f));
    }
    {   /* brighter or darker, hardly another hue */
        const float *p = sy_palette[c->colour], k = sy_between(r, 0.88f, 1.08f);
        s->colour = sy_vec(sy_clamp(p[0] * k * sy_between(r, 0.98f, 1.02f), 0, 1), sy_clamp(p[1] * k * sy_between(r, 0.98f, 1.02f), 0, 1), sy_clamp(p[2] * k * sy_between(r, 0.98f, 1.02f), 0, 1));
    }
    s->temperature = heats[c->temperature] + sy_between(r, -4, 4) * (c->temperature == 3 ? 2.0f : 1.0f);
    s->floor_t = sy_between(r, 15, 19); s->wall_t = s->floor_t + sy_between(r, -3, 1); s->ambient = s->floor_t + 1;
    /* the group around the origin, the camera looks at it from -y */
    gx = 0; back = c->count == 3 ? 0.9f * s->r : 0;
    for (i = 0; i < c->count; i++) {
        const float step = 2.1f * s->r + 0.05f;
        s->home[i] = sy_vec(((float)i - (float)(c->count - 1) / 2) * step + sy_between(r, -0.02f, 0.02f), (i != 1 ? back : 0) + sy_between(r, -0.3f, 0.3f) * s->r, 0);
        s->yaw[i] = sy_between(r, -0.5f, 0.5f);
        gx = fmaxf(gx, fabsf(s->home[i].x) + s->r);
    }
    s->spread = gx;
    s->post_x = sy_between(r, -0.5f, 0.5f) * s->r;
    s->post_y = c->relation == 3 ? 1.4f * s->r + 0.35f : c->relation == 4 ? -1.4f * s->r - 0.15f : back + 0.2f + sy_between(r, -0.1f, 0.1f);
    if (beside) {                                                                    /* the middle of group and post stays in the middle */
        const float side = c->relation == 1 ? 1.0f : -1.0f;
        for (i = 0; i < c->count; i++) s->home[i].x -= 0.1f * side;
        s->post_x = (gx + 0.05f) * side;
    }
    /* near is as near as shows all of it: what reaches this far out stands `back` behind the middle, and half of the picture is tan 0.43 of its distance */
    s->view = fmaxf(s->view, (gx + (beside ? 0.17f : 0.08f)) / 0.4586f - back);
    s->dir = lb__rng_u32(r) & 1 ? 1.0f : -1.0f; s->side = lb__rng_u32(r) & 1 ? 1.0f : -1.0f; s->phase = sy_between(r, 0, 6.2831853f);
    s->eye = sy_vec(sy_between(r, -0.1f, 0.1f), -s->view * cosf(s->elevation), s->aim + s->view * sinf(s->elevation));
    s->ez = sy_unit(sy_sub(sy_vec(sy_between(r, -0.05f, 0.05f), 0, s->aim), s->eye));
    up = sy_vec(sinf(s->roll), 0, cosf(s->roll));
    s->ex = sy_unit(sy_cross(s->ez, up)); s->ey = sy_cross(s->ex, s->ez);
    sy_contacts(r, c->hits, frames, s->contact);                                     /* last: its draws depend on an attribute that stills do not show */
}
static sy_thing *sy_put(sy_stage *s, const sy_mesh *m, int what, sy_v at, float yaw, float tilt, sy_v scale) {    /* tilt about y (lateral), then yaw about z */
    sy_thing *t = &s->thing[s->things++]; const float c = cosf(yaw), n = sinf(yaw), tc = cosf(tilt), tn = sinf(tilt);
    t->mesh = m; t->what = what; t->at = at; t->scale = scale;
    t->rx = sy_vec(c, n, 0); t->ry = sy_vec(-n, c, 0); t->rz = sy_vec(0, 0, 1);
    if (tilt != 0) {                                                                 /* the world is turned about its y axis after the yaw */
        sy_v *a[3]; int i; a[0] = &t->rx; a[1] = &t->ry; a[2] = &t->rz;
        for (i = 0; i < 3; i++) { const sy_v v = *a[i]; *a[i] = sy_vec(v.x * tc + v.z * tn, v.y, -v.x * tn + v.z * tc); }
    }
    return t;
}
/* Everything in its place at `frame` of `frames`; frame -1: at rest, for stills, depth and infrared. */
static void sy_pose(sy_stage *s, int frame, int frames) {
    const sy_clip *c = s->clip; const sy_mesh *main_mesh = &s->meshes[c->shape], *rod = &s->meshes[2], *ball = &s->meshes[0]; const float t = frames > 1 && frame >= 0 ? (float)frame / (float)(frames - 1) : 0, A = 0.19f * s->view, r = s->r; int i, k, hit = 0; sy_v first = { 0, 0, 0 };
    const int motion = frame < 0 ? SY_STILL : c->motion;
    s->things = 0;
    for (k = 0; frame >= 0 && k < c->hits; k++) hit |= s->contact[k] == frame;
    for (i = 0; i < c->count; i++) {
        sy_v p = s->home[i]; float yaw = s->yaw[i], tilt = 0, lean = 0; sy_thing *thing;
        p.z = r;
        if (motion == SY_DROP) {
            float h = 1.7f * A; int before = -1, after = -1; float peak = A;
            for (k = 0; k < c->hits; k++) { if (s->contact[k] <= frame) before = k; if (s->contact[k] > frame && after < 0) after = k; }
            if (before < 0) { const float u = c->hits ? (float)frame / (float)s->contact[0] : t; p.z += h * (1 - u * u); }
            else if (after > 0) { const float u = (float)(frame - s->contact[before]) / (float)(s->contact[after] - s->contact[before]); for (k = 0; k < before; k++) peak *= 0.75f; p.z += 4 * peak * u * (1 - u); }
        } else if (motion == SY_ROLL) {
            const float d = s->dir * A * 1.25f * (2 * t - 1);
            p.x += d;
            if (c->shape == 0 || c->shape == 4) tilt = d / r;
        } else if (motion == SY_SPIN) { yaw += s->dir * 6.2831853f * 1.15f * t; lean = 0.5f; p.z += 0.25f * r; }      /* as a top does: what is round about its axis sways, too */
        else if (motion == SY_SWING) {
            const float L = 1.9f * A, a = 0.62f * sinf(6.2831853f * 1.1f * t + s->phase); sy_v pivot = sy_vec(p.x, p.y, r + 0.08f + L);
            p = sy_add(pivot, sy_vec(L * sinf(a), 0, -L * cosf(a))); tilt = -a;
            sy_put(s, rod, SY_STRING, sy_mul(sy_add(p, pivot), 0.5f), 0, tilt, sy_vec(0.012f, 0.012f, L / 2));
        } else if (motion == SY_CIRCLE) { const float a = s->phase + s->dir * 6.2831853f * t; p.x += 0.85f * A * cosf(a); p.y += 0.85f * A * sinf(a); }
        else if (motion == SY_SHAKE) { const float sign = frame & 1 ? 1.0f : -1.0f; p.x += 0.13f * A * sign; tilt = 0.16f * sign; }
        else if (motion == SY_RISE) p.z += 1.7f * A * t;
        if (!i) first = p;
        thing = sy_put(s, main_mesh, SY_MAIN, p, yaw, tilt, sy_vec(r, r, r));
        if (lean != 0) { const sy_v x = thing->rx, z = thing->rz; thing->rx = sy_sub(sy_mul(x, cosf(lean)), sy_mul(z, sinf(lean))); thing->rz = sy_add(sy_mul(x, sinf(lean)), sy_mul(z, cosf(lean))); }
    }
    if (c->relation) { const float h = 0.5f + r; sy_put(s, rod, SY_POST, sy_vec(s->post_x, s->post_y, h), 0, 0, sy_vec(0.055f, 0.055f, h)); }
    if (hit && motion != SY_DROP) {                                                  /* a mallet, there only while it touches: who counts the frames that show it has counted the hits */
        const float head = 0.055f * s->view; const sy_v d = sy_unit(sy_vec(s->side * 0.72f, -0.45f, 0.55f)), at = sy_add(first, sy_mul(d, 0.78f * r + head));
        sy_put(s, ball, SY_MALLET, at, 0, 0, sy_vec(head, head, head));
        sy_put(s, rod, SY_MALLET, sy_add(at, sy_vec(s->side * 1.9f * head, 0, 1.9f * head)), 0, s->side * 0.7853982f, sy_vec(0.3f * head, 0.3f * head, 3 * head));
    }
}

/* ---- raster ---- */

typedef struct sy_frame {
    int w, h;
    float *z; int32_t *id;                     /* depth and triangle (corner index / 3, over all things) + 1 */
    sy_v *cam, *nrm; uint16_t *of; size_t corners, corner_cap;        /* of every corner: in the camera's axes; normal in the world; thing of a triangle */
    float *shadow;                             /* 128 x 128 over the floor, 1: dark */
    float *rgb;                                /* w * h * 3 */
} sy_frame;
enum { SY_SHADOW = 128 };
#define SY_SHADOW_SPAN 3.2f
static void sy_frame_free(sy_frame *f) { free(f->z); free(f->id); free(f->cam); free(f->nrm); free(f->of); free(f->shadow); free(f->rgb); memset(f, 0, sizeof *f); }
static int sy_frame_new(sy_frame *f, int side) {
    const size_t n = (size_t)side * (size_t)side;
    memset(f, 0, sizeof *f);
    f->z = (float *)malloc(n * sizeof(float)); f->id = (int32_t *)malloc(n * sizeof(int32_t)); f->rgb = (float *)malloc(3 * n * sizeof(float)); f->shadow = (float *)malloc(2 * SY_SHADOW * SY_SHADOW * sizeof(float));
    return f->z && f->id && f->rgb && f->shadow;
}
static int sy_frame_room(sy_frame *f, size_t corners) {
    void *a, *b, *c;
    if (corners <= f->corner_cap) return 1;
    corners += corners / 2;
    a = realloc(f->cam, corners * sizeof(sy_v)); if (a) f->cam = (sy_v *)a;
    b = realloc(f->nrm, corners * sizeof(sy_v)); if (b) f->nrm = (sy_v *)b;
    c = realloc(f->of, (corners / 3 + 1) * sizeof(uint16_t)); if (c) f->of = (uint16_t *)c;
    if (!a || !b || !c) return 0;
    f->corner_cap = corners;
    return 1;
}
static sy_v sy_world(const sy_thing *t, sy_v p) { return sy_add(t->at, sy_add(sy_mul(t->rx, p.x * t->scale.x), sy_add(sy_mul(t->ry, p.y * t->scale.y), sy_mul(t->rz, p.z * t->scale.z)))); }
/* Marks the pixels whose centres lie inside a triangle. */
static void sy_shadow_tri(float *mask, const float x[3], const float y[3]) {
    const float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]); int ix, iy, x0, x1, y0, y1;
    if (fabsf(area) < 1e-12f) return;
    x0 = (int)floorf(sy_clamp(fminf(x[0], fminf(x[1], x[2])), 0, SY_SHADOW - 1)); x1 = (int)ceilf(sy_clamp(fmaxf(x[0], fmaxf(x[1], x[2])), 0, SY_SHADOW - 1));
    y0 = (int)floorf(sy_clamp(fminf(y[0], fminf(y[1], y[2])), 0, SY_SHADOW - 1)); y1 = (int)ceilf(sy_clamp(fmaxf(y[0], fmaxf(y[1], y[2])), 0, SY_SHADOW - 1));
    for (iy = y0; iy <= y1; iy++) for (ix = x0; ix <= x1; ix++) {
        const float px = (float)ix + 0.5f, py = (float)iy + 0.5f, a = ((x[1] - px) * (y[2] - py) - (x[2] - px) * (y[1] - py)) / area, b = ((x[2] - px) * (y[0] - py) - (x[0] - px) * (y[2] - py)) / area;
        if (a >= -0.01f && b >= -0.01f && a + b <= 1.01f) mask[iy * SY_SHADOW + ix] = 1;
    }
}
/* Is a painted triangle there at this pixel?  What lets light through is there at some pixels and not at others: the samples of a pixel mix it with what
 * is behind.  Without samples (depth) all is there but what is not meant to be seen. */
static int sy_there(const sy_mesh *m, size_t triangle, float a, float b, float c, int x, int y, int samples) {
    static const unsigned char order[4][4] = { { 0, 8, 2, 10 }, { 12, 4, 14, 6 }, { 3, 11, 1, 9 }, { 15, 7, 13, 5 } }; float alpha; const float (*uv)[2] = (const float (*)[2])m->uv + 3 * triangle; const float n = a + b + c;
    (void)sy_paint_at(&m->paint[m->skin[triangle]], (a * uv[0][0] + b * uv[1][0] + c * uv[2][0]) / n, (a * uv[0][1] + b * uv[1][1] + c * uv[2][1]) / n, &alpha);
    return alpha >= (samples ? ((float)order[y & 3][x & 3] + 0.5f) / 16 : 0.25f);
}
/* Depth and triangle of every pixel, and the shadow on the floor. */
static int sy_raster(sy_frame *f, sy_stage *s, int w, int h, int shadow) {
    const float foc = s->focal * (float)h, cx = (float)w / 2, cy = (float)h / 2; size_t i, n = 0; int t, k;
    f->w = w; f->h = h;
    for (i = 0; i < (size_t)w * (size_t)h; i++) { f->z[i] = 1e30f; f->id[i] = 0; }
    for (t = 0; t < s->things; t++) n += s->thing[t].mesh->count;
    if (!sy_frame_room(f, n)) return 0;
    if (shadow) memset(f->shadow, 0, SY_SHADOW * SY_SHADOW * sizeof(float));
    f->corners = 0;
    for (t = 0; t < s->things; t++) {
        sy_thing *th = &s->thing[t]; const sy_mesh *m = th->mesh;
        th->first = f->corners / 3;
        for (i = 0; i + 2 < m->count; i += 3) {
            float x[3], y[3], q[3], area; int x0, x1, y0, y1, ix, iy, behind = 0; const size_t base = f->corners;
            for (k = 0; k < 3; k++) {
                const sy_v p = sy_world(th, m->p[i + (size_t)k]), d = sy_sub(p, s->eye), c = sy_vec(sy_dot(d, s->ex), sy_dot(d, s->ey), sy_dot(d, s->ez)), g = m->n[i + (size_t)k];
                f->cam[base + (size_t)k] = c;
                f->nrm[base + (size_t)k] = sy_add(sy_mul(th->rx, g.x / th->scale.x), sy_add(sy_mul(th->ry, g.y / th->scale.y), sy_mul(th->rz, g.z / th->scale.z)));
                behind |= c.z < 0.05f;
                q[k] = 1 / fmaxf(c.z, 0.05f); x[k] = cx + foc * c.x * q[k]; y[k] = cy - foc * c.y * q[k];
            }
            f->of[base / 3] = (uint16_t)t; f->corners += 3;
            if (shadow && th->what != SY_STRING && (th->what != SY_MODEL || !m->paints || m->paint[m->skin[i / 3]].alpha > 0.5f)) {
                float sx[3], sy[3];
                for (k = 0; k < 3; k++) { const sy_v p = sy_world(th, m->p[i + (size_t)k]); const float d = p.z / s->light.z; sx[k] = ((p.x - s->light.x * d) / SY_SHADOW_SPAN + 0.5f) * SY_SHADOW; sy[k] = ((p.y - s->light.y * d) / SY_SHADOW_SPAN + 0.5f) * SY_SHADOW; }
                sy_shadow_tri(f->shadow, sx, sy);
            }
            area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
            if (behind || fabsf(area) < 1e-9f) continue;
            if (fmaxf(x[0], fmaxf(x[1], x[2])) < 0 || fminf(x[0], fminf(x[1], x[2])) > (float)w || fmaxf(y[0], fmaxf(y[1], y[2])) < 0 || fminf(y[0], fminf(y[1], y[2])) > (float)h) continue;
            x0 = (int)sy_clamp(floorf(fminf(x[0], fminf(x[1], x[2]))), 0, (float)(w - 1)); x1 = (int)sy_clamp(ceilf(fmaxf(x[0], fmaxf(x[1], x[2]))), 0, (float)(w - 1));
            y0 = (int)sy_clamp(floorf(fminf(y[0], fminf(y[1], y[2]))), 0, (float)(h - 1)); y1 = (int)sy_clamp(ceilf(fmaxf(y[0], fmaxf(y[1], y[2]))), 0, (float)(h - 1));
            {
                const sy_paint *paint = th->what == SY_MODEL && m->paints ? &m->paint[m->skin[i / 3]] : NULL; const int lets = paint && (paint->alpha < 1 || paint->picture.channels == 2 || paint->picture.channels == 4);
                const float inv = 1 / area, ax = (y[1] - y[2]) * inv, ay = (x[2] - x[1]) * inv, bx = (y[2] - y[0]) * inv, by = (x[0] - x[2]) * inv;
                for (iy = y0; iy <= y1; iy++) {
                    const float px = (float)x0 + 0.5f, py = (float)iy + 0.5f; float a = (px - x[2]) * ax + (py - y[2]) * ay, b = (px - x[2]) * bx + (py - y[2]) * by; size_t at = (size_t)iy * (size_t)w + (size_t)x0;
                    for (ix = x0; ix <= x1; ix++, a += ax, b += bx, at++) {
                        float z;
                        if (a < 0 || b < 0 || a + b > 1) continue;
                        z = 1 / (a * q[0] + b * q[1] + (1 - a - b) * q[2]);
                        if (z < f->z[at] && (!lets || sy_there(m, i / 3, a * q[0], b * q[1], (1 - a - b) * q[2], ix, iy, shadow))) { f->z[at] = z; f->id[at] = (int32_t)(base / 3) + 1; }
                    }
                }
            }
        }
    }
    if (shadow) {                                                                    /* a soft edge */
        float *tmp = f->shadow + SY_SHADOW * SY_SHADOW; int x, y;
        for (y = 0; y < SY_SHADOW; y++) for (x = 0; x < SY_SHADOW; x++) tmp[y * SY_SHADOW + x] = (f->shadow[y * SY_SHADOW + LB__MAX(x - 1, 0)] + f->shadow[y * SY_SHADOW + x] * 2 + f->shadow[y * SY_SHADOW + LB__MIN(x + 1, SY_SHADOW - 1)]) / 4;
        for (y = 0; y < SY_SHADOW; y++) for (x = 0; x < SY_SHADOW; x++) f->shadow[y * SY_SHADOW + x] = (tmp[LB__MAX(y - 1, 0) * SY_SHADOW + x] + tmp[y * SY_SHADOW + x] * 2 + tmp[LB__MIN(y + 1, SY_SHADOW - 1) * SY_SHADOW + x]) / 4;
    }
    return 1;
}

/* ---- shading ---- */

typedef struct sy_hit { sy_v dir, p, n, own; float depth, corner[3]; size_t triangle; const sy_thing *thing; } sy_hit;      /* own: the thing's own coordinates; depth along the axis; corner: shares of the triangle's corners */
/* What the ray through pixel (x, y) meets when nothing stands in its way. */
static void sy_background(const sy_stage *s, const sy_frame *f, int x, int y, sy_hit *h) {
    const float foc = s->focal * (float)f->h, u = ((float)x + 0.5f - (float)f->w / 2) / foc, v = ((float)f->h / 2 - (float)y - 0.5f) / foc; float floor_t, wall_t;
    h->dir = sy_add(s->ez, sy_add(sy_mul(s->ex, u), sy_mul(s->ey, v)));               /* one metre along the axis */
    floor_t = h->dir.z < -1e-4f ? -s->eye.z / h->dir.z : 1e9f; wall_t = h->dir.y > 1e-4f ? (s->wall - s->eye.y) / h->dir.y : 1e9f;
    h->depth = fminf(fminf(floor_t, wall_t), 50.0f); h->thing = NULL;
    h->p = sy_add(s->eye, sy_mul(h->dir, h->depth)); h->n = floor_t <= wall_t ? sy_vec(0, 0, 1) : sy_vec(0, -1, 0);
}
static int sy_foreground(const sy_stage *s, const sy_frame *f, int x, int y, sy_hit *h) {
    const size_t at = (size_t)y * (size_t)f->w + (size_t)x; const int32_t id = f->id[at]; sy_v c[3], p, d; float a[3], area; size_t k;
    if (!id) return 0;
    for (k = 0; k < 3; k++) c[k] = f->cam[3 * (size_t)(id - 1) + k];
    h->thing = &s->thing[f->of[id - 1]]; h->depth = f->z[at]; h->triangle = (size_t)(id - 1) - h->thing->first;
    p = sy_add(s->eye, sy_mul(h->dir, h->depth));
    d = sy_sub(p, s->eye); d = sy_vec(sy_dot(d, s->ex), sy_dot(d, s->ey), sy_dot(d, s->ez));
    {   /* barycentric in the plane of the triangle */
        const sy_v e0 = sy_sub(c[1], c[0]), e1 = sy_sub(c[2], c[0]), e2 = sy_sub(d, c[0]); const float d00 = sy_dot(e0, e0), d01 = sy_dot(e0, e1), d11 = sy_dot(e1, e1), d20 = sy_dot(e2, e0), d21 = sy_dot(e2, e1);
        area = d00 * d11 - d01 * d01;
        if (area <= 0) area = 1e-12f;
        a[1] = sy_clamp((d11 * d20 - d01 * d21) / area, 0, 1); a[2] = sy_clamp((d00 * d21 - d01 * d20) / area, 0, 1); a[0] = 1 - a[1] - a[2];
    }
    h->n = sy_vec(0, 0, 0);
    for (k = 0; k < 3; k++) h->n = sy_add(h->n, sy_mul(f->nrm[3 * (size_t)(id - 1) + k], a[k]));
    h->n = sy_unit(h->n); h->p = p; memcpy(h->corner, a, sizeof a);
    if (sy_dot(h->n, h->dir) > 0) h->n = sy_mul(h->n, -1);
    p = sy_sub(p, h->thing->at);
    h->own = sy_vec(sy_dot(p, h->thing->rx) / h->thing->scale.x, sy_dot(p, h->thing->ry) / h->thing->scale.y, sy_dot(p, h->thing->rz) / h->thing->scale.z);
    return 1;
}
static float sy_shade_at(const sy_frame *f, sy_v p) {
    const float u = (p.x / SY_SHADOW_SPAN + 0.5f) * SY_SHADOW - 0.5f, v = (p.y / SY_SHADOW_SPAN + 0.5f) * SY_SHADOW - 0.5f, fu = floorf(u), fv = floorf(v); const int x = (int)fu, y = (int)fv; const float a = u - fu, b = v - fv;
    if (!(u >= 0 && v >= 0 && u < SY_SHADOW - 1 && v < SY_SHADOW - 1)) return 0;
    return (f->shadow[y * SY_SHADOW + x] * (1 - a) + f->shadow[y * SY_SHADOW + x + 1] * a) * (1 - b) + (f->shadow[(y + 1) * SY_SHADOW + x] * (1 - a) + f->shadow[(y + 1) * SY_SHADOW + x + 1] * a) * b;
}
static sy_v sy_room_colour(const sy_stage *s, const sy_frame *f, const sy_hit *h) {
    if (h->n.z > 0.5f) {
        const float c = cosf(s->floor_angle), n = sinf(s->floor_angle), u = (h->p.x * c + h->p.y * n) / s->floor_tile, v = (h->p.y * c - h->p.x * n) / s->floor_tile; int odd; sy_v col; float g;
        if (s->floor_kind == 0) odd = ((int)floorf(u) + (int)floorf(v)) & 1;
        else if (s->floor_kind == 1) odd = (int)floorf(u * 2) & 1;
        else { const float fu = u - floorf(u), fv = v - floorf(v); odd = fu < 0.06f || fv < 0.06f; }
        col = odd ? s->floor_b : s->floor_a;
        g = 0.94f + 0.12f * sy_noise(sy_vec(u * 3, v * 3, 1));
        return sy_mul(col, g * (0.35f + 0.65f * s->light.z) * (1 - 0.6f * sy_shade_at(f, h->p)));
    }
    { const float k = sy_clamp(h->p.z / 2, 0, 1); return sy_add(sy_mul(s->wall_a, 1 - k), sy_mul(s->wall_b, k)); }
}
static sy_v sy_tint(sy_v a, sy_v b) { return sy_vec(a.x * b.x, a.y * b.y, a.z * b.z); }
static sy_v sy_surface_colour(const sy_stage *s, const sy_hit *h, sy_v behind) {
    const sy_v v = sy_mul(sy_unit(h->dir), -1), half = sy_unit(sy_add(v, s->light)), refl = sy_sub(sy_mul(h->n, 2 * sy_dot(h->n, v)), v); sy_v c = s->colour, out;
    const float diff = fmaxf(sy_dot(h->n, s->light), 0), spec = fmaxf(sy_dot(h->n, half), 0), sky = 0.5f + 0.5f * h->n.z, facing = fmaxf(sy_dot(h->n, v), 0), rim = (1 - facing) * (1 - facing) * (1 - facing);
    float mark = 1;
    if (h->thing->what == SY_POST) return sy_mul(sy_vec(0.45f, 0.42f, 0.40f), (0.35f + 0.25f * sky + 0.5f * diff) * ((int)floorf((h->own.z + 1) * 6) & 1 ? 1.0f : 0.75f));
    if (h->thing->what == SY_MALLET) return sy_add(sy_mul(sy_vec(0.95f, 0.12f, 0.55f), 0.4f + 0.3f * sky + 0.6f * diff), sy_mul(sy_vec(1, 1, 1), 0.25f * powf(spec, 24)));
    if (h->thing->what == SY_MODEL) {
        const sy_mesh *m = h->thing->mesh; sy_v k = sy_vec(0.7f, 0.7f, 0.7f);
        if (m->paints) {
            const float (*uv)[2] = (const float (*)[2])m->uv + 3 * h->triangle, *a = h->corner; float alpha;
            k = sy_paint_at(&m->paint[m->skin[h->triangle]], a[0] * uv[0][0] + a[1] * uv[1][0] + a[2] * uv[2][0], a[0] * uv[0][1] + a[1] * uv[1][1] + a[2] * uv[2][1], &alpha);
        }
        return sy_add(sy_mul(sy_tint(k, k), 0.38f + 0.22f * sky + 0.5f * diff), sy_mul(sy_vec(1, 1, 1), 0.12f * powf(spec, 30)));     /* files hold display values */
    }
    if (h->thing->what == SY_STRING) return sy_vec(0.15f, 0.13f, 0.12f);
    if (h->own.x > 0.15f && fabsf(h->own.y) < 0.35f * h->own.x) mark = 0.5f;          /* a band on one side, so that turning can be seen */
    c = sy_mul(c, mark);
    switch (s->clip->material) {
    case SY_METAL: {
        const float up = refl.z + 0.45f * h->own.z + 0.05f * sinf(40 * h->own.x), e = sy_clamp(0.5f + up * 1.6f, 0, 1), strip = up > 0.25f && up < 0.45f ? 1.0f : 0; sy_v env = sy_add(sy_mul(s->floor_b, 0.6f * (1 - e)), sy_mul(sy_vec(0.95f, 0.97f, 1), e));
        env = sy_add(env, sy_mul(sy_vec(1, 1, 1), 0.35f * strip));
        out = sy_add(sy_mul(c, 0.12f + 0.18f * diff), sy_tint(sy_add(sy_mul(c, 0.85f), sy_vec(0.08f, 0.08f, 0.08f)), env));
        return sy_add(out, sy_mul(sy_vec(1, 1, 1), 1.1f * powf(spec, 60) + 0.25f * rim));
    }
    case SY_WOOD: {
        const sy_v q = h->own; const float n = sy_noise(sy_vec(q.x * 2, q.y * 2, q.z * 4)), ring = sqrtf((q.x + 0.3f) * (q.x + 0.3f) + (q.z - 0.2f) * (q.z - 0.2f)) * 3.5f + 0.9f * n, g = ring - floorf(ring), dark = g < 0.4f ? 0.45f : 0.78f + 0.22f * g;
        return sy_add(sy_mul(c, dark * (0.32f + 0.25f * sky + 0.6f * diff)), sy_mul(sy_vec(0.16f, 0.09f, 0.03f), dark));
    }
    case SY_GLASS:
        out = sy_tint(behind, sy_add(sy_mul(c, 0.75f), sy_vec(0.22f, 0.22f, 0.22f)));
        out = sy_add(out, sy_mul(c, 0.22f * (0.4f + diff)));
        out = sy_add(out, sy_mul(sy_add(sy_mul(c, 0.5f), sy_vec(0.5f, 0.5f, 0.5f)), 0.65f * rim));
        return sy_add(out, sy_mul(sy_vec(1, 1, 1), 1.3f * powf(spec, 120)));
    case SY_RUBBER: {
        const float stud = sinf(h->own.x * 16) * sinf(h->own.y * 16) * sinf(h->own.z * 16 + 0.7f) > 0.22f ? 0.72f : 1.0f;
        return sy_mul(c, stud * (0.30f + 0.22f * sky + 0.42f * diff));
    }
    default: {
        const float n = sy_noise(sy_mul(h->own, 7)), m = sy_noise(sy_mul(h->own, 4)); sy_v k = sy_mul(c, 0.75f + 0.4f * m);
        if (n > 0.6f) k = sy_add(sy_mul(k, 0.35f), sy_vec(0.42f, 0.42f, 0.40f));
        else if (n < 0.3f) k = sy_mul(k, 0.55f);
        return sy_mul(k, 0.34f + 0.22f * sky + 0.55f * diff);
    }
    }
}
/* A mean over ss x ss samples a pixel, 8 bits, with a little sensor noise. */
static int sy_render_rgb(sy_frame *f, sy_stage *s, int side, int ss, lb__rng *noise, uint8_t *out) {
    int x, y, i, j, k; const int w = side * ss;
    if (!sy_raster(f, s, w, w, 1)) return 0;
    for (y = 0; y < w; y++) for (x = 0; x < w; x++) {
        sy_hit h; sy_v c; float *o = f->rgb + 3 * ((size_t)y * (size_t)w + (size_t)x);
        sy_background(s, f, x, y, &h);
        if (!f->id[(size_t)y * (size_t)w + (size_t)x]) c = sy_room_colour(s, f, &h);
        else { const sy_v behind = s->clip->material == SY_GLASS ? sy_room_colour(s, f, &h) : sy_vec(0, 0, 0); sy_foreground(s, f, x, y, &h); c = sy_surface_colour(s, &h, behind); }
        o[0] = c.x; o[1] = c.y; o[2] = c.z;
    }
    for (y = 0; y < side; y++) for (x = 0; x < side; x++) {
        float c[3] = { 0, 0, 0 }, n;
        for (j = 0; j < ss; j++) for (i = 0; i < ss; i++) for (k = 0; k < 3; k++) c[k] += sy_clamp(f->rgb[3 * ((size_t)(y * ss + j) * (size_t)w + (size_t)(x * ss + i)) + (size_t)k], 0, 1);
        n = ((float)(lb__rng_u32(noise) & 255) - 127.5f) / 127.5f * 2.5f;
        for (k = 0; k < 3; k++) out[3 * ((size_t)y * (size_t)side + (size_t)x) + (size_t)k] = (uint8_t)sy_clamp(255 * sqrtf(c[k] / (float)(ss * ss)) * 0.62f + 255 * c[k] / (float)(ss * ss) * 0.38f + n + 0.5f, 0, 255);
    }
    return 1;
}
/* Millimetres along the axis, as a sensor gives them: noise grows with the square of the distance. */
static int sy_render_depth(sy_frame *f, sy_stage *s, int side, lb__rng *noise, uint16_t *out) {
    int x, y;
    if (!sy_raster(f, s, side, side, 0)) return 0;
    for (y = 0; y < side; y++) for (x = 0; x < side; x++) {
        sy_hit h; const size_t at = (size_t)y * (size_t)side + (size_t)x; float z;
        sy_background(s, f, x, y, &h);
        z = fminf(h.depth, f->z[at]) * s->scale;
        z += ((float)(lb__rng_u32(noise) >> 8) / 8388608.0f - 1) * 0.0015f * z * z;
        out[at] = (uint16_t)sy_clamp(z * 1000 + 0.5f, 0, 10000);
    }
    return 1;
}
/* One fixed scale: -20 degrees is 0, 120 is 255.  Bodies radiate a little less towards their rims and mirror the room there; the floor takes
 * some of their heat where they stand. */
static int sy_render_infrared(sy_frame *f, sy_stage *s, int side, int ss, lb__rng *noise, uint8_t *out) {
    int x, y, i, j, t; const int w = side * ss;
    if (!sy_raster(f, s, w, w, 0)) return 0;
    for (y = 0; y < w; y++) for (x = 0; x < w; x++) {
        sy_hit h; float T;
        sy_background(s, f, x, y, &h);
        if (f->id[(size_t)y * (size_t)w + (size_t)x]) {
            float k; sy_foreground(s, f, x, y, &h);
            k = 0.72f + 0.28f * sqrtf(fmaxf(-sy_dot(h.n, sy_unit(h.dir)), 0));
            T = h.thing->what == SY_MAIN ? s->temperature + 1.5f * h.n.z : s->ambient + 4;
            T = s->ambient + (T - s->ambient) * k;
        } else {
            T = h.n.z > 0.5f ? s->floor_t : s->wall_t + h.p.z;
            if (h.n.z > 0.5f) for (t = 0; t < s->things; t++) if (s->thing[t].what == SY_MAIN) {
                const float dx = h.p.x - s->thing[t].at.x, dy = h.p.y - s->thing[t].at.y, d = sqrtf(dx * dx + dy * dy) / s->r;
                if (d < 1.6f) T += (s->temperature - s->floor_t) * 0.25f * (1 - d / 1.6f) * (1 - d / 1.6f);
            }
        }
        f->rgb[(size_t)y * (size_t)w + (size_t)x] = T;
    }
    for (y = 0; y < side; y++) for (x = 0; x < side; x++) {
        float T = 0;
        for (j = 0; j < ss; j++) for (i = 0; i < ss; i++) T += f->rgb[(size_t)(y * ss + j) * (size_t)w + (size_t)(x * ss + i)];
        T = T / (float)(ss * ss) + ((float)(lb__rng_u32(noise) & 255) / 127.5f - 1) * 0.8f;
        out[(size_t)y * (size_t)side + (size_t)x] = (uint8_t)sy_clamp((T + 20) * 255 / 140 + 0.5f, 0, 255);
    }
    return 1;
}

/* ---- sound: a few damped modes for each hit, a click, a small room, hiss ---- */

enum { SY_RATE = 16000 };
static void sy_render_sound(const sy_clip *c, lb__rng *r, size_t n, int16_t *out, float *mix) {
    static const struct { float base, ratio[5], decay[5], level[5], click, click_decay; } sound[SY_MATERIALS] = {
        { 620, { 1, 2.76f, 5.40f, 8.93f, 11.3f }, { 0.70f, 0.55f, 0.40f, 0.25f, 0.18f }, { 1, 0.7f, 0.5f, 0.35f, 0.2f }, 0.15f, 0.002f },
        { 330, { 1, 2.45f, 3.95f, 5.8f, 7.9f }, { 0.045f, 0.03f, 0.022f, 0.015f, 0.01f }, { 1, 0.6f, 0.35f, 0.2f, 0.1f }, 0.25f, 0.003f },
        { 1500, { 1, 1.63f, 2.32f, 3.11f, 4.2f }, { 0.22f, 0.18f, 0.14f, 0.1f, 0.07f }, { 1, 0.8f, 0.7f, 0.45f, 0.3f }, 0.2f, 0.0015f },
        { 95, { 1, 1.55f, 2.2f, 3, 4 }, { 0.06f, 0.035f, 0.02f, 0.015f, 0.01f }, { 1, 0.3f, 0.1f, 0.04f, 0.02f }, 0.02f, 0.006f },
        { 800, { 1, 1.37f, 1.92f, 2.71f, 3.33f }, { 0.016f, 0.013f, 0.011f, 0.009f, 0.008f }, { 0.6f, 0.6f, 0.6f, 0.5f, 0.5f }, 0.9f, 0.007f } };
    static const float pitch[SY_SIZES] = { 1.6f, 1, 0.62f }; const float hiss = 0.0015f * sy_between(r, 0.5f, 2), gain = sy_between(r, 0.35f, 0.8f), base = sound[c->material].base * pitch[c->size] * sy_between(r, 0.93f, 1.07f); float peak = 0, lp = 0; size_t i, k; int hit, where[3]; float taps[3]; size_t lag[3];
    const float span = (float)n / SY_RATE;
    memset(mix, 0, n * sizeof *mix);
    sy_contacts(r, c->hits, 8, where);
    for (hit = 0; hit < c->hits; hit++) {
        const size_t start = (size_t)(((float)where[hit] - 0.6f + sy_between(r, -0.12f, 0.12f)) / 8 * span * SY_RATE); const float strong = sy_between(r, 0.75f, 1); int m; float bright = sy_between(r, 0.7f, 1);
        for (m = 0; m < 5; m++) {
            const double f = base * sound[c->material].ratio[m] * sy_between(r, 0.985f, 1.015f); float level = strong * sound[c->material].level[m]; double w = 2 * LB__PI * f / SY_RATE, a = exp(-1 / (sound[c->material].decay[m] * sy_between(r, 0.85f, 1.15f) * SY_RATE)), y1 = 0, y2 = 0, c1, c2, y;
            for (k = 0; k < (size_t)m; k++) level *= bright;
            if (f > 0.47 * SY_RATE) continue;
            c1 = 2 * a * cos(w); c2 = -a * a;                                        /* a resonator struck by one sample */
            y = level * sin(w);
            for (i = start; i < n; i++) { mix[i] += (float)y; y2 = y1; y1 = y; y = c1 * y1 + c2 * y2; if (fabs(y1) + fabs(y) < 1e-7) break; }
        }
        {
            float e = strong * sound[c->material].click; const float d = expf(-1 / (sound[c->material].click_decay * SY_RATE));
            for (i = start; i < n && e > 1e-5f; i++, e *= d) mix[i] += e * ((float)(lb__rng_u32(r) >> 8) / 8388608.0f - 1);
        }
    }
    for (k = 0; k < 3; k++) { lag[k] = (size_t)sy_between(r, 120, 900); taps[k] = sy_between(r, 0.04f, 0.14f); }
    for (i = n; i-- > 0;) for (k = 0; k < 3; k++) if (i >= lag[k]) mix[i] += taps[k] * mix[i - lag[k]];     /* early echoes of the dry sound */
    for (i = 0; i < n; i++) peak = fmaxf(peak, fabsf(mix[i]));
    for (i = 0; i < n; i++) {
        lp += 0.5f * (((float)(lb__rng_u32(r) >> 8) / 8388608.0f - 1) - lp);
        out[i] = (int16_t)sy_clamp(32767 * ((peak > 0 ? mix[i] / peak * gain : 0) + hiss * lp), -32767, 32767);
    }
}

/* ---- captions: a grammar with dropping.  {n} noun phrase, {v} verb, {r} relation, {d} distance, {h} hits, {s} how it sounds.  Where an
 * attribute was dropped, its words and the comma or space before them go too.  The last two templates of each view belong to `unseen`. ---- */

enum { SY_IN_STILL, SY_IN_VIDEO, SY_IN_SOUND, SY_IN_SILENCE, SY_IN_THERMAL, SY_IN_DEPTH, SY_IN_TITLE, SY_IN_ENHANCED, SY_VIEWS };
enum { SY_TEMPLATES = 8 };
static const char *const sy_templates[SY_VIEWS][SY_TEMPLATES] = {
    { "a photo of {n} {r}", "{n} {r}, {d}", "a picture showing {n}, {d}", "{n} on the floor {r}", "an image with {n} {r}, {d}", "we see {n} {d}", "in this snapshot we find {n} {r}", "look at {n}, {d}" },
    { "a video: {n} {v} {r}", "{n} {v} {r}", "{n} {v}, {h}", "watch how {n} {v}, {d}", "a clip in which {n} {v} {r}, {h}", "{n} {v} {d}, {h}", "footage where {n} {v}, {h}", "behold, {n} {v} {r}" },
    { "the sound of {n} {h}", "{s} of {n}, {h}", "{n} {h}, {s}", "a recording of {n}, {h}", "you hear {n} {h}, {s}", "{s} noise, {n} is {h}", "audio of {n}, {h}", "listen to the {s} of {n}, {h}" },
    { "silence", "a quiet room, nothing is hit", "only faint noise", "no sound at all", "nothing but background hiss", "a silent recording", "complete stillness for the ear", "an empty soundtrack" },
    { "a thermal image of {n} {r}", "{n} in infrared, {d}", "infrared view of {n} {r}, {d}", "a heat picture showing {n}", "{n} seen by a thermal camera {r}", "thermal camera, {n} {d}", "a thermogram with {n} {r}", "night vision finds {n}, {d}" },
    { "a depth map of {n} {r}", "{n} {r}, {d}, in depth", "a range image showing {n}, {d}", "depth image with {n} {r}, {d}", "{n} in a depth map, {d}", "how far away is {n} {r}", "a 3-D sensor looks at {n} {r}", "laser scan of {n}, {d}" },
    { "{n} {v}", "{n}, amazing", "how {n} {v}", "all about {n} {r}", "{n} caught on camera", "{n} {v} again", "wow, {n} {v}", "{n}, a closer look" },
    { "In the video, {n} {v} {r}, {d}, {h}", "In the video, there is {n} that {v}, {h}, {d}", "In the video, {n} {v} and is {h}, {s}, {r}", "In the video, you can watch {n} {r}: {v}, {h}", "In the video, {n} is seen {d} as it {v}, {h}", "In the video, {n} {v}, {s}, {h}", "In the video, we follow {n}, {d}; it {v}", "In the video, one finds {n} {r}; it {v}, {h}" } };

typedef struct sy_text { char at[512]; size_t n; } sy_text;
static void sy_say(sy_text *t, const char *s) { const size_t n = strlen(s); if (t->n + n + 1 < sizeof t->at) { memcpy(t->at + t->n, s, n + 1); t->n += n; } }
static void sy_word(sy_text *t, const char *s) { if (!*s) return; if (t->n && t->at[t->n - 1] != ' ') sy_say(t, " "); sy_say(t, s); }
static const char *sy_pick(const char *const w[3], lb__rng *r, int unseen) { const uint32_t k = lb__rng_u32(r); return unseen ? w[2] : w[k & 1]; }
static int sy_keep(lb__rng *r) { return lb__rng_uniform(r) < 0.72f; }

/* Which words a noun phrase may have in a view. */
typedef struct sy_shows { int shape, colour, material, size, temperature, count; } sy_shows;
static void sy_noun(sy_text *t, const sy_clip *c, const sy_mesh *meshes, sy_shows v, lb__rng *r, int unseen) {
    const char *count = v.count ? sy_pick(sy_count_words[c->count - 1], r, unseen) : "a", *noun; sy_text w; const int plural = v.count && c->count > 1;
    memset(&w, 0, sizeof w);
    if (v.size && sy_keep(r)) sy_word(&w, sy_pick(sy_size_words[c->size], r, unseen));
    if (v.temperature) sy_word(&w, sy_pick(sy_temperature_words[c->temperature], r, unseen));
    if (v.colour && sy_keep(r)) sy_word(&w, sy_pick(sy_colour_words[c->colour], r, unseen));
    if (v.material && (!v.shape || sy_keep(r))) sy_word(&w, sy_pick(sy_material_words[c->material], r, unseen));
    noun = !v.shape || lb__rng_uniform(r) < 0.06f ? (lb__rng_u32(r) & 1 ? "object" : "thing") : c->shape < SY_SHAPES ? sy_pick(sy_shape_words[c->shape], r, unseen) : meshes[c->shape].name;
    sy_word(&w, noun);
    if (plural) {
        const size_t n = strlen(noun); const char *const es[] = { "s", "x", "ch", "sh" }; size_t i, e = 0;
        for (i = 0; i < 4; i++) e |= n >= strlen(es[i]) && !strcmp(noun + n - strlen(es[i]), es[i]);
        if (strcmp(noun, "dice") && strcmp(noun, "starfish")) sy_say(&w, e ? "es" : "s");
    }
    if (!strcmp(count, "a") && strchr("aeiou", w.at[0])) count = "an";
    sy_word(t, count); sy_word(t, w.at);
}
/* "falls and bounces" -> "fall and bounce" */
static void sy_verb(sy_text *t, const char *verb, int plural) {
    const char *p = verb; char word[32]; int strip = plural;
    while (*p) {
        size_t n = 0;
        while (p[n] && p[n] != ' ' && n < 31) { word[n] = p[n]; n++; }
        word[n] = 0; p += n; while (*p == ' ') p++;
        if (strip && n > 1 && word[n - 1] == 's') word[!strcmp(word, "goes") ? n - 2 : n - 1] = 0;
        strip = plural && !strcmp(word, "and") && strcmp(verb, "goes round and round") != 0;
        sy_word(t, word);
    }
}
static void sy_caption(sy_text *t, const sy_clip *c, const sy_mesh *meshes, int view, lb__rng *r, int unseen) {
    static const sy_shows shows[SY_VIEWS] = { { 1, 1, 1, 1, 0, 1 }, { 1, 1, 1, 1, 0, 1 }, { 0, 0, 1, 1, 0, 0 }, { 0, 0, 0, 0, 0, 0 }, { 1, 0, 0, 1, 1, 1 }, { 1, 0, 0, 1, 0, 1 }, { 1, 1, 1, 1, 0, 1 }, { 1, 1, 1, 1, 0, 1 } };
    const char *p; const int plural = c->count > 1 && shows[view].count; uint32_t k = lb__rng_u32(r);
    if (view == SY_IN_SOUND && !c->hits) view = SY_IN_SILENCE;
    p = sy_templates[view][unseen ? SY_TEMPLATES - 2 + (k >> 8 & 1) : (k >> 8) % (SY_TEMPLATES - 2)];
    memset(t, 0, sizeof *t);
    while (*p) {
        sy_text w; memset(&w, 0, sizeof w);
        if (*p == '{') {
            const char what = p[1]; p += 3;
            if (what == 'n') sy_noun(&w, c, meshes, shows[view], r, unseen);
            else if (what == 'v') sy_verb(&w, sy_pick(sy_motion_words[c->motion], r, unseen), plural);
            else if (what == 'r') { if (c->relation && sy_keep(r)) sy_word(&w, sy_pick(sy_relation_words[c->relation], r, unseen)); }
            else if (what == 'd') { if (sy_keep(r)) sy_word(&w, sy_pick(sy_distance_words[c->distance], r, unseen)); }
            else if (what == 'h') { if (view == SY_IN_SOUND || sy_keep(r)) sy_word(&w, sy_pick(sy_hit_words[c->hits], r, unseen)); }
            else if (what == 's') { if (c->hits && (view == SY_IN_SOUND || sy_keep(r))) sy_word(&w, sy_pick(sy_sound_words[c->material], r, unseen)); }
            if (w.n) { if (t->n && t->at[t->n - 1] != ' ') sy_say(t, " "); sy_say(t, w.at); }
            else {                                                                   /* neither a comma nor "and is" is left hanging before it */
                while (t->n && strchr(" ,:;", t->at[t->n - 1])) t->at[--t->n] = 0;
                if (t->n > 7 && !strcmp(t->at + t->n - 7, " and is")) t->at[t->n -= 7] = 0;
            }
        } else {
            char s[2]; s[0] = *p++; s[1] = 0;
            if (s[0] == ' ' && (!t->n || t->at[t->n - 1] == ' ')) continue;
            sy_say(t, s);
        }
    }
    while (t->n && strchr(" ,:;", t->at[t->n - 1])) t->at[--t->n] = 0;
    if (plural) {                                                                   /* it, is -> they, are */
        static const char *const pairs[][2] = { { " as it ", " as they " }, { "; it ", "; they " }, { " is ", " are " } }; size_t i; char *q;
        for (i = 0; i < LB__COUNT(pairs); i++) while ((q = strstr(t->at, pairs[i][0])) != NULL) {
            sy_text u; memset(&u, 0, sizeof u); memcpy(u.at, t->at, (size_t)(q - t->at)); u.n = (size_t)(q - t->at); sy_say(&u, pairs[i][1]); sy_say(&u, q + strlen(pairs[i][0])); *t = u;
        }
    }
}
static void sy_hashtags(sy_text *t, const sy_clip *c, const sy_mesh *meshes, lb__rng *r, int unseen) {
    const char *w[7]; int i, n = 0; const char *p;
    memset(t, 0, sizeof *t);
    w[n++] = c->shape < SY_SHAPES ? sy_pick(sy_shape_words[c->shape], r, unseen) : meshes[c->shape].name;
    w[n++] = sy_pick(sy_colour_words[c->colour], r, unseen); w[n++] = sy_pick(sy_material_words[c->material], r, unseen);
    w[n++] = sy_pick(sy_size_words[c->size], r, unseen); w[n++] = sy_pick(sy_motion_words[c->motion], r, unseen);
    for (i = 0; i < n; i++) if (i == 0 || lb__rng_uniform(r) < 0.6f) {
        sy_word(t, "#");
        for (p = w[i]; *p; p++) { char s[2]; s[0] = *p; s[1] = 0; if ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')) sy_say(t, s); }
    }
    if (lb__rng_uniform(r) < 0.5f) sy_word(t, "#shorts");
}

/* ---- the corpus ---- */

typedef struct sy_job {
    lb_ctx *ctx; const char *dir; uint64_t seed; size_t clips; int side, frames, stills, quality, supersample, mesh_count; size_t samples; const char *video;
    sy_mesh mesh[SY_MAX_MESHES]; sy_clip *clip; sy_frame *frame; float **mix;
    size_t done; char error[2600]; int failed;
} sy_job;
static void sy_id(const sy_job *j, size_t i, char id[64], char folder[32]) { snprintf(id, 64, "syn%llu-%06zu", (unsigned long long)j->seed, i); snprintf(folder, 32, "part%03zu", i / 1000); }
static lb__rng sy_rng(const sy_job *j, size_t clip, int purpose) { return lb__rng_new(j->seed ^ 0x5649444c53594e54u, (uint64_t)clip * 64 + (uint64_t)purpose); }

/* Pairs of attributes that training never sees together. */
static int sy_held_out(const sy_clip *c) { return (c->shape * 3 + c->colour * 5) % 16 == 0 || (c->shape * 5 + c->temperature * 3) % 16 == 1 || (c->material * 2 + c->size * 3) % 15 == 1; }
static void sy_draw(const sy_job *j, size_t i, sy_clip *c) {
    lb__rng r = sy_rng(j, i, 0); float u;
    c->shape = (int)lb__rng_below(&r, (uint32_t)j->mesh_count); c->colour = (int)lb__rng_below(&r, SY_COLOURS); c->material = (int)lb__rng_below(&r, SY_MATERIALS); c->size = (int)lb__rng_below(&r, SY_SIZES);
    c->temperature = (int)lb__rng_below(&r, SY_TEMPERATURES); c->motion = (int)lb__rng_below(&r, SY_MOTIONS); c->distance = (int)lb__rng_below(&r, 2); c->relation = (int)lb__rng_below(&r, SY_RELATIONS);
    c->count = 1 + (int)lb__rng_below(&r, 3);
    u = lb__rng_uniform(&r); c->hits = u < 0.13f ? 0 : 1 + (int)((u - 0.13f) / 0.87f * 2.9999f);
    if (c->motion == SY_DROP && !c->hits) c->hits = 1 + (int)lb__rng_below(&r, 3);   /* what falls makes a sound */
    u = lb__rng_uniform(&r);
    c->split = sy_held_out(c) ? "compose" : u < 0.9f ? "train" : u < 0.95f ? "val" : "test";
}

static int sy_write(const char *path, const void *data, size_t n) {                  /* plain, without a sync: a corpus is made again, not repaired */
    FILE *f = fopen(path, "wb"); int ok, why;
    if (!f) return 0;
    ok = fwrite(data, 1, n, f) == n; why = errno;
    if (fclose(f) && ok) { ok = 0; why = errno; }
    if (!ok) { remove(path); errno = why; }
    return ok;
}
/* A folder, and those above it that are not there. */
static lb_status sy_folder(const char *path) {
    const size_t n = strlen(path); size_t i; char part[4096]; struct stat st; int why;
    for (i = n > 0; i <= n; i++) {
        if (i < n && path[i] != '/') continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (!mkdir(part, 0777)) continue;
        why = errno;
        if (stat(part, &st) || !S_ISDIR(st.st_mode)) return lb__fail(LB_ERR_IO, "%s: cannot create the folder: %s", part, strerror(why));
    }
    return LB_OK;
}
static lb_image sy_image(size_t side, int channels, int bits, void *data) { lb_image m; memset(&m, 0, sizeof m); m.width = m.height = side; m.channels = channels; m.bits = bits; m.orientation = 1; m.data = data; return m; }

/* All files of one clip.  NULL: done, else what went wrong. */
static const char *sy_make_clip(sy_job *j, size_t i, sy_frame *f, float *mix, char *why, size_t room) {
    const size_t plane = (size_t)j->side * (size_t)j->side; char id[64], folder[32], path[1024]; lb__buf b = { 0, 0, 0 }; uint8_t *px = NULL; lb_image *img = NULL; int k; const sy_clip *c = &j->clip[i]; sy_stage s; lb_status st = LB_OK; const char *bad = NULL;
    px = (uint8_t *)malloc(3 * plane * (size_t)LB__MAX(j->frames, 2) + 2 * j->samples); img = (lb_image *)malloc((size_t)j->frames * sizeof *img);
    if (!px || !img) { bad = "out of memory"; goto done; }
    sy_id(j, i, id, folder);
#define SY_PATH(...) snprintf(path, sizeof path, __VA_ARGS__)
#define SY_SAVE() do { if (st || !sy_write(path, b.data, b.size)) { snprintf(why, room, "%s: %s", path, st ? lb_last_error() : strerror(errno)); bad = why; goto done; } b.size = 0; } while (0)
    {   /* video */
        lb__rng r = sy_rng(j, i, 1), noise = sy_rng(j, i, 2);
        sy_stage_new(&s, c, j->mesh, (size_t)j->mesh_count, &r, j->frames);
        for (k = 0; k < j->frames; k++) {
            sy_pose(&s, k, j->frames);
            if (!sy_render_rgb(f, &s, j->side, j->supersample, &noise, px + (size_t)k * 3 * plane)) { bad = "out of memory"; goto done; }
            img[k] = sy_image((size_t)j->side, 3, 8, px + (size_t)k * 3 * plane);
        }
        SY_PATH("%s/%s_resize256_skip15/%s.%s", j->dir, folder, id, j->video);
        st = lb__video_encode(img, (size_t)j->frames, j->frames / 2.0, path, j->quality, &b);
        SY_SAVE();
    }
    {   /* a still of its own */
        lb__rng r = sy_rng(j, i, 3), noise = sy_rng(j, i, 4);
        sy_stage_new(&s, c, j->mesh, (size_t)j->mesh_count, &r, 8); sy_pose(&s, -1, 1);
        if (!sy_render_rgb(f, &s, j->side, j->supersample, &noise, px)) { bad = "out of memory"; goto done; }
        img[0] = sy_image((size_t)j->side, 3, 8, px);
        st = lb__jpeg_encode(&img[0], j->quality, &b);
        SY_PATH("%s/%s/%s.jpg", j->dir, folder, id);
        SY_SAVE();
    }
    SY_PATH("%s/%s/%s_depth_f8glpn_folder", j->dir, folder, id); if (sy_folder(path)) { snprintf(why, room, "%s", lb_last_error()); bad = why; goto done; }
    SY_PATH("%s/%s/%s_thermal_folder", j->dir, folder, id); if (sy_folder(path)) { snprintf(why, room, "%s", lb_last_error()); bad = why; goto done; }
    for (k = 0; k < j->stills; k++) {
        lb__rng r = sy_rng(j, i, 8 + 2 * k), noise = sy_rng(j, i, 9 + 2 * k);
        sy_stage_new(&s, c, j->mesh, (size_t)j->mesh_count, &r, 8); sy_pose(&s, -1, 1);
        if (!sy_render_depth(f, &s, j->side, &noise, (uint16_t *)(void *)px)) { bad = "out of memory"; goto done; }
        img[0] = sy_image((size_t)j->side, 1, 16, px);
        st = lb__png_encode(&img[0], &b);
        SY_PATH("%s/%s/%s_depth_f8glpn_folder/%d.png", j->dir, folder, id, k);
        SY_SAVE();
        r = sy_rng(j, i, 24 + 2 * k); noise = sy_rng(j, i, 25 + 2 * k);
        sy_stage_new(&s, c, j->mesh, (size_t)j->mesh_count, &r, 8); sy_pose(&s, -1, 1);
        if (!sy_render_infrared(f, &s, j->side, j->supersample, &noise, px)) { bad = "out of memory"; goto done; }
        img[0] = sy_image((size_t)j->side, 1, 8, px);
        st = lb__jpeg_encode(&img[0], LB__MAX(j->quality, 90), &b);
        SY_PATH("%s/%s/%s_thermal_folder/%d.jpg", j->dir, folder, id, k);
        SY_SAVE();
    }
    {
        lb__rng r = sy_rng(j, i, 5); int16_t *pcm = (int16_t *)(void *)px;
        sy_render_sound(c, &r, j->samples, pcm, mix);
        st = lb__wav_pack(pcm, j->samples, 1, SY_RATE, &b);
        SY_PATH("%s/%s/%s.wav", j->dir, folder, id);
        SY_SAVE();
    }
#undef SY_PATH
#undef SY_SAVE
done:
    lb__buf_free(&b); free(px); free(img);
    return bad;
}
static void sy_work(void *arg, size_t begin, size_t end, int worker) {
    sy_job *j = (sy_job *)arg; char why[2600];
    for (; begin < end; begin++) {
        const char *bad = __atomic_load_n(&j->failed, __ATOMIC_RELAXED) ? NULL : sy_make_clip(j, begin, &j->frame[worker], j->mix[worker], why, sizeof why);
        if (bad && !__atomic_exchange_n(&j->failed, 1, __ATOMIC_RELAXED)) snprintf(j->error, sizeof j->error, "%s", bad);
        { const size_t d = __atomic_add_fetch(&j->done, 1, __ATOMIC_RELAXED); if (worker == 0) cli_progress("clips", d, j->clips); }
    }
}

/* Lists: one .jsonl a modality, the same for the test split in words and sentences that training never has, VIDAL's JSON, and a table of the
 * attributes.  Texts are drawn per clip and view, so they too are functions of (seed, number).  They come last and whole: a folder without them is
 * unfinished, and one that is filled again loses those of the corpus before first. */
static const struct { const char *modality; int view[6]; } sy_lists[] = {
    { "video", { SY_IN_VIDEO, SY_IN_VIDEO, SY_IN_VIDEO, SY_IN_ENHANCED, SY_IN_STILL, SY_IN_TITLE } }, { "image", { SY_IN_STILL, SY_IN_STILL, SY_IN_STILL, SY_IN_STILL, -1, -1 } },
    { "depth", { SY_IN_DEPTH, SY_IN_DEPTH, SY_IN_DEPTH, SY_IN_DEPTH, -1, -1 } }, { "thermal", { SY_IN_THERMAL, SY_IN_THERMAL, SY_IN_THERMAL, SY_IN_THERMAL, -1, -1 } },
    { "audio", { SY_IN_SOUND, SY_IN_SOUND, SY_IN_SOUND, SY_IN_SOUND, -1, -1 } } };
enum { SY_VIDAL = 2 * LB__COUNT(sy_lists), SY_ATTRIBUTES, SY_ALL_LISTS };
static void sy_list_path(const sy_job *j, size_t k, char path[1024]) {
    if (k < SY_VIDAL) snprintf(path, 1024, "%s/%s%s.jsonl", j->dir, sy_lists[k / 2].modality, k & 1 ? "-unseen" : "");
    else snprintf(path, 1024, "%s/%s", j->dir, k == SY_VIDAL ? "vidal.json" : "attributes.tsv");
}
static lb_status sy_list_manifest(const sy_job *j, cli_out *o, size_t m, int unseen) {
    char id[64], folder[32]; size_t i, k; sy_text t;
    for (i = 0; i < j->clips; i++) {
        const sy_clip *c = &j->clip[i]; lb__rng r = sy_rng(j, i, 40 + (int)m * 2 + unseen); int still, first;
        if (unseen && strcmp(c->split, "test")) continue;
        sy_id(j, i, id, folder);
        for (still = 0; still < (m == 2 || m == 3 ? j->stills : 1); still++) {
            LB__TRY(cli_out_text(o, "{\"file\":\""));
            if (m == 0) LB__TRY(cli_out_text(o, "%s_resize256_skip15/%s.%s", folder, id, j->video));
            else if (m == 2) LB__TRY(cli_out_text(o, "%s/%s_depth_f8glpn_folder/%d.png", folder, id, still));
            else if (m == 3) LB__TRY(cli_out_text(o, "%s/%s_thermal_folder/%d.jpg", folder, id, still));
            else LB__TRY(cli_out_text(o, "%s/%s.%s", folder, id, m == 1 ? "jpg" : "wav"));
            LB__TRY(cli_out_text(o, "\",\"modality\":\"%s\",\"group\":\"%s\",\"split\":\"%s\",\"captions\":[", sy_lists[m].modality, id, unseen ? "unseen" : c->split));
            for (first = 1, k = 0; k < 6; k++) if (sy_lists[m].view[k] >= 0) { sy_caption(&t, c, j->mesh, sy_lists[m].view[k], &r, unseen); if (!first) LB__TRY(cli_out_text(o, ",")); first = 0; LB__TRY(cli_out_json(o, t.at)); }
            LB__TRY(cli_out_text(o, "]}\n"));
        }
    }
    return LB_OK;
}
static lb_status sy_list_vidal(const sy_job *j, cli_out *o) {
    static const struct { const char *key; int view; } keys[] = { { "mplug", SY_IN_VIDEO }, { "polish_mplug", SY_IN_ENHANCED }, { "sound_mplug", SY_IN_SOUND }, { "thermal", SY_IN_THERMAL }, { "depth", SY_IN_DEPTH } };
    char id[64], folder[32]; size_t i, k; sy_text t;
    LB__TRY(cli_out_text(o, "{"));
    for (i = 0; i < j->clips; i++) {
        const sy_clip *c = &j->clip[i]; lb__rng r = sy_rng(j, i, 60); sy_text tags, both;
        sy_id(j, i, id, folder);
        LB__TRY(cli_out_text(o, "%s\n\"%s\":{\"folder\":\"%s\",\"raw\":", i ? "," : "", id, folder));
        sy_caption(&t, c, j->mesh, SY_IN_TITLE, &r, 0); sy_hashtags(&tags, c, j->mesh, &r, 0);
        both = t; sy_word(&both, tags.at); LB__TRY(cli_out_json(o, both.at));
        LB__TRY(cli_out_text(o, ",\"title\":")); LB__TRY(cli_out_json(o, t.at)); LB__TRY(cli_out_text(o, ",\"hashtags\":")); LB__TRY(cli_out_json(o, tags.at));
        for (k = 0; k < LB__COUNT(keys); k++) { sy_caption(&t, c, j->mesh, keys[k].view, &r, 0); LB__TRY(cli_out_text(o, ",\"%s\":", keys[k].key)); LB__TRY(cli_out_json(o, t.at)); }
        LB__TRY(cli_out_text(o, ",\"ofa\":["));
        for (k = 0; k < 8; k++) { sy_text s; memset(&s, 0, sizeof s); sy_caption(&t, c, j->mesh, SY_IN_STILL, &r, 0); sy_say(&s, " "); sy_say(&s, t.at); if (k) LB__TRY(cli_out_text(o, ",")); LB__TRY(cli_out_json(o, s.at)); }
        LB__TRY(cli_out_text(o, "],\"split\":\"%s\"}", c->split));
    }
    return cli_out_text(o, "\n}\n");
}
static lb_status sy_list_attributes(const sy_job *j, cli_out *o) {
    static const char *const motion[SY_MOTIONS] = { "rest", "drop", "roll", "spin", "swing", "circle", "shake", "rise" }, *const relation[SY_RELATIONS] = { "none", "left", "right", "front", "behind" };
    char id[64], folder[32]; size_t i;
    LB__TRY(cli_out_text(o, "id\tfolder\tsplit\tshape\tcolour\tmaterial\tsize\ttemperature\tmotion\thits\tdistance\trelation\tcount\n"));
    for (i = 0; i < j->clips; i++) {
        const sy_clip *c = &j->clip[i];
        sy_id(j, i, id, folder);
        LB__TRY(cli_out_text(o, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%d\n", id, folder, c->split, j->mesh[c->shape].name, sy_colour_words[c->colour][0], sy_material_words[c->material][0], sy_size_words[c->size][0],
                sy_temperature_words[c->temperature][0], motion[c->motion], c->hits, c->distance ? "far" : "near", relation[c->relation], c->count));
    }
    return LB_OK;
}
static int sy_write_lists(const sy_job *j) {
    char path[1024]; size_t k; cli_out o; lb_status s;
    for (k = 0; k < SY_ALL_LISTS; k++) {
        sy_list_path(j, k, path);
        if (cli_out_open(&o, path)) return cli_fail("%s", lb_last_error());
        s = k < SY_VIDAL ? sy_list_manifest(j, &o, k / 2, (int)(k & 1)) : k == SY_VIDAL ? sy_list_vidal(j, &o) : sy_list_attributes(j, &o);
        if (s || cli_out_commit(&o)) { cli_out_abort(&o); return cli_fail("%s", lb_last_error()); }
    }
    return 0;
}

/* What an earlier run put beside these clips and this one does not write again: clips of another seed or of a larger corpus, videos in another
 * container.  How many, and the first. */
static size_t sy_older(const sy_job *j, char first[1024]) {
    lb__dir parts, in; size_t i, k, n = 0; char path[1024];
    if (lb__dir_list(j->dir, &parts)) return 0;
    for (i = 0; i < parts.count; i++) {
        const char *part = parts.names[i];
        snprintf(path, sizeof path, "%.800s/%.200s", j->dir, part);
        if (strncmp(part, "part", 4) || lb__dir_list(path, &in)) continue;
        for (k = 0; k < in.count; k++) {
            const char *name = in.names[k]; unsigned long long seed, at; int used = 0;
            if (sscanf(name, "syn%19llu-%9llu%n", &seed, &at, &used) != 2) continue;                     /* somebody else's */
            if (seed == j->seed && at < j->clips && (!strstr(part, "_resize") || (name[used] == '.' && !strcmp(name + used + 1, j->video)))) continue;
            if (!n++) snprintf(first, 1024, "%.200s/%.800s", part, name);
        }
        lb__release(in.names);
    }
    lb__release(parts.names);
    return n;
}

static int cmd_synth(int argc, char **argv) {
    static sy_job j; cli_list dirs = { 0, 0, 0 }, meshes = { 0, 0, 0 }; cli_common common = { 0, 0 }; long long clips = 1000, seed = 1, side = 96, frames = 8, stills = 1, quality = 88; double seconds = 1.5; const char *video = "mp4"; int rc, k, w, workers = 0; size_t i; char path[1024];
    const cli_option options[] = {
        CLI_FILES(dirs, "DIR"),
        { "count", 'n', CLI_INT, &clips, "N", "clips (default 1000)", 1, 10000000 },
        { "seed", 's', CLI_INT, &seed, "N", "another corpus (default 1); the same seed gives the same files", 0, 1e15 },
        { "size", 0, CLI_INT, &side, "PX", "side of pictures and frames (default 96)", 16, 1024 },
        { "frames", 0, CLI_INT, &frames, "N", "frames of a video, two seconds long (default 8)", 8, 64 },
        { "stills", 0, CLI_INT, &stills, "N", "depth maps and infrared images of a clip (default 1; VIDAL has 8)", 1, 8 },
        { "seconds", 0, CLI_REAL, &seconds, "S", "length of a sound (default 1.5)", 0.5, 30 },
        { "video", 0, CLI_CHOICE, &video, "mp4|avi|mov|y4m", "container of the videos (Motion-JPEG; Y4M is raw; default mp4)", 0, 0 },
        { "quality", 0, CLI_INT, &quality, "Q", "JPEG quality (default 88)", 1, 100 },
        { "mesh", 0, CLI_LIST, &meshes, "NAME=FILE.obj", "more shapes, from Wavefront OBJ files", 0, 0 },
        CLI_THREADS(common) };
    if ((rc = cli_parse(argc, argv, "DIR [-n N] [--seed N]", "Makes VIDAL-tiny: a procedural corpus of RGB video, stills, depth maps, infrared images and sounds with captions.  What is\n"
            "common to the modalities of a clip is its meaning only: camera, light, pose and timing are drawn anew for each.\n\n"
            "DIR receives the files, video/image/depth/thermal/audio.jsonl (manifests with splits train, val, test and compose: pairs of\n"
            "attributes never seen in training), *-unseen.jsonl (the test split in unseen words), vidal.json (videos, depth and thermal, by VIDAL's\n"
            "names) and attributes.tsv;\n"
            "these lists come last: without them a folder is unfinished.\n", options, LB__COUNT(options))) >= 0) return rc;
    memset(&j, 0, sizeof j);
    if (dirs.n != 1) { rc = cli_wrong(dirs.n ? "one folder at a time" : "the folder to fill is missing"); goto done; }
    if (cli_ctx(&common, &j.ctx)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    j.dir = dirs.item[0].value; j.seed = (uint64_t)seed; j.clips = (size_t)clips; j.side = (int)side; j.frames = (int)frames; j.stills = (int)stills; j.quality = (int)quality; j.supersample = side > 256 ? 1 : 2; j.samples = (size_t)(seconds * SY_RATE); j.video = video;
    if (strlen(j.dir) > 800) { rc = cli_wrong("the folder's name is too long"); goto done; }
    for (k = 0; k < SY_SHAPES; k++) if (!sy_make(&j.mesh[j.mesh_count++], k)) { rc = cli_fail("out of memory"); goto done; }
    for (i = 0; i < meshes.n; i++) {
        const char *value = meshes.item[i].value, *eq = strchr(value, '='); const size_t n = eq ? (size_t)(eq - value) : 0; size_t c; char name[64], *kept;
        for (c = 0; c < n && c < 61; c++) {                                          /* captions and hashtags are in small letters, so that Ball is ball */
            name[c] = value[c] >= 'A' && value[c] <= 'Z' ? (char)(value[c] - 'A' + 'a') : value[c];
            if (!((name[c] >= 'a' && name[c] <= 'z') || (name[c] >= '0' && name[c] <= '9') || name[c] == ' ' || name[c] == '-' || name[c] == '_')) break;
        }
        if (!n || c != n || n > 60 || name[0] == ' ' || name[n - 1] == ' ') { rc = cli_wrong("--mesh %s: NAME=FILE.obj with a name of letters, digits and, between them, spaces was expected", value); goto done; }
        name[n] = 0;
        for (k = 0; k < j.mesh_count && strcmp(j.mesh[k].name, name); k++) {}
        for (w = 0; w < 3 * SY_SHAPES && strcmp(sy_shape_words[w / 3][w % 3], name); w++) {}
        if (k < j.mesh_count || w < 3 * SY_SHAPES || !strcmp(name, "object") || !strcmp(name, "thing")) { rc = cli_wrong("--mesh %s: there is a shape of that name, captions could not tell the two apart", value); goto done; }
        if (j.mesh_count == SY_MAX_MESHES) { rc = cli_wrong("more than %d shapes", SY_MAX_MESHES); goto done; }
        if ((rc = sy_obj(&j.mesh[j.mesh_count], eq + 1, NULL)) >= 0) { sy_mesh_free(&j.mesh[j.mesh_count]); goto done; }
        if (!(kept = (char *)malloc(n + 1))) { rc = cli_fail("out of memory"); goto done; }
        memcpy(kept, name, n + 1);
        j.mesh[j.mesh_count++].name = kept;
    }
    workers = j.ctx->threads;
    j.clip = (sy_clip *)calloc(j.clips, sizeof *j.clip); j.frame = (sy_frame *)calloc((size_t)workers, sizeof *j.frame); j.mix = (float **)calloc((size_t)workers, sizeof *j.mix);
    if (!j.clip || !j.frame || !j.mix) { rc = cli_fail("out of memory"); goto done; }
    for (k = 0; k < workers; k++) { j.mix[k] = (float *)malloc(j.samples * sizeof(float)); if (!j.mix[k] || !sy_frame_new(&j.frame[k], j.side * j.supersample)) { rc = cli_fail("out of memory"); goto done; } }
    if (sy_folder(j.dir)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if ((i = sy_older(&j, path)) > 0) cli_warn("%s: files and folders of an earlier run stay beside the new ones, in none of the lists: %zu, %s is the first", j.dir, i, path);
    for (i = 0; i < SY_ALL_LISTS; i++) { sy_list_path(&j, i, path); unlink(path); }
    for (i = 0; i < j.clips; i++) {
        sy_draw(&j, i, &j.clip[i]);
        if (i % 1000) continue;
        snprintf(path, sizeof path, "%s/part%03zu", j.dir, i / 1000); if (sy_folder(path)) { rc = cli_fail("%s", lb_last_error()); goto done; }
        snprintf(path, sizeof path, "%s/part%03zu_resize256_skip15", j.dir, i / 1000); if (sy_folder(path)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    }
    lb_parallel_for(j.ctx, j.clips, 4, sy_work, &j);
    cli_progress("clips", j.clips, j.clips);
    if (j.failed) { rc = cli_fail("%s", j.error); goto done; }
    rc = sy_write_lists(&j);
    if (!rc) printf("%s: %zu clip%s of %d modalities, manifests video image depth thermal audio (.jsonl), vidal.json, attributes.tsv\n", j.dir, j.clips, j.clips == 1 ? "" : "s", 5);
done:
    for (k = 0; k < j.mesh_count; k++) { if (k >= SY_SHAPES) free((void *)(uintptr_t)j.mesh[k].name); sy_mesh_free(&j.mesh[k]); }
    for (k = 0; k < workers; k++) { if (j.frame) sy_frame_free(&j.frame[k]); if (j.mix) free(j.mix[k]); }
    free(j.clip); free(j.frame); free(j.mix); lb_ctx_free(j.ctx); cli_list_free(&dirs); cli_list_free(&meshes);
    return rc;
}

/* ---- pictures of a model: RGB, depth and a turntable, each from a place of its own ---- */

/* A model's name, without folders and ending. */
static void sy_stem(const char *path, char stem[256]) {
    const char *slash = strrchr(path, '/'); char *dot;
    snprintf(stem, 256, "%.200s", slash ? slash + 1 : path);
    if ((dot = strrchr(stem, '.')) != NULL && dot > stem) *dot = 0;
}
static int cmd_render(int argc, char **argv) {
    cli_list files = { 0, 0, 0 }; const char *dir = "."; long long side = 224, frames = 8, seed = 1, views = 1; double metres = 0; int rc, k; size_t i, q; char a[256], b[256]; lb_ctx *ctx = NULL; sy_frame f; uint8_t *px = NULL; lb_image *img = NULL; cli_common common = { 0, 0 };
    const cli_option options[] = {
        CLI_FILES(files, "FILE"),
        { "output", 'o', CLI_TEXT, &dir, "DIR", "where to (default the current folder); it is made when it is not there", 0, 0 },
        { "size", 0, CLI_INT, &side, "PX", "side of the pictures (default 224)", 16, 1024 },
        { "frames", 0, CLI_INT, &frames, "N", "frames of the turntable (default 8)", 2, 256 },
        { "views", 0, CLI_INT, &views, "N", "pictures and depth maps of each model (default 1)", 1, 1000 },
        { "metres", 0, CLI_REAL, &metres, "M", "the longest side of the models: camera and room grow with it, so that depth tells their size\n(default 1.1; rooms go from 0.2 to 2.5, what is smaller or larger is shown as that, with a warning)", 0.01, 100 },
        { "seed", 's', CLI_INT, &seed, "N", "other cameras, lights and rooms (default 1)", 0, 1e15 },
        CLI_THREADS(common) };
    if ((rc = cli_parse(argc, argv, "FILE.obj... [-o DIR]", "Renders models (Wavefront OBJ, with the colours and pictures of their .mtl) for training and indexing: NAME-0.png in colour, NAME-0-depth.png in\n"
            "millimetres, 16 bits, and the turntable NAME.mp4.  Camera, light, pose and room differ between them and are drawn from the seed and\nthe name.\n", options, LB__COUNT(options))) >= 0) return rc;
    memset(&f, 0, sizeof f);
    if (!files.n) { rc = cli_wrong("no model to render"); goto done; }
    if (cli_ctx(&common, &ctx)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < files.n; i++) {
        sy_stem(files.item[i].value, a);
        for (q = 0; q < i; q++) { sy_stem(files.item[q].value, b); if (!strcmp(a, b)) { rc = cli_wrong("%s and %s would both be rendered as %s; names that differ were expected", files.item[q].value, files.item[i].value, a); goto done; } }
    }
    px = (uint8_t *)malloc((size_t)(3 * side * side) * (size_t)frames); img = (lb_image *)malloc((size_t)frames * sizeof *img);
    if (!px || !img || !sy_frame_new(&f, (int)side * 2)) { rc = cli_fail("out of memory"); goto done; }
    for (rc = 0, i = 0; i < files.n && !rc; i++) {
        const char *path = files.item[i].value; char stem[256], out[1200]; int told = 0; sy_mesh m; sy_clip c; sy_stage s; sy_v half; long long view; lb_status st = LB_OK; uint64_t key;
        sy_stem(path, stem);
        memset(&m, 0, sizeof m); memset(&c, 0, sizeof c); c.count = 1; c.material = SY_RUBBER;
        key = (uint64_t)lb__crc32(0, stem, strlen(stem)) << 16;
        rc = sy_obj(&m, path, ctx);
        if (rc < 0 && sy_folder(dir)) rc = cli_fail("%s", lb_last_error());
        { half = sy_vec(0, 0, 0); for (q = 0; q < m.count; q++) half = sy_vec(fmaxf(half.x, fabsf(m.p[q].x)), fmaxf(half.y, fabsf(m.p[q].y)), fmaxf(half.z, (m.p[q].z + 1) / 2)); }
        if (rc < 0) for (rc = 0, view = -1; view < views && !rc && !st; view++) for (k = 0; k < (view < 0 ? 1 : 2) && !st && !rc; k++) {
            lb__rng r = lb__rng_new((uint64_t)seed, key + (uint64_t)(view + 1) * 4 + (uint64_t)k), noise = lb__rng_new((uint64_t)seed, key + (uint64_t)(view + 1) * 4 + 2 + (uint64_t)k); const int n = view < 0 ? (int)frames : 1; int t, ok = 1; float yaw;
            sy_stage_new(&s, &c, &m, 1, &r, 8);
            s.r = sy_between(&r, 0.5f, 0.62f); yaw = sy_between(&r, -0.7f, 0.7f) * (view > 0 ? 2 : 1);
            {   /* the camera looks at the middle of the model from where its bounding sphere fills the picture */
                const float around = s.r * sqrtf(half.x * half.x + half.y * half.y + half.z * half.z), far = around / sinf(0.40f) * sy_between(&r, 0.9f, 1.1f), z = s.r * half.z; const sy_v at = sy_vec(sy_between(&r, -0.06f, 0.06f) * around, 0, z);
                s.eye = sy_vec(sy_between(&r, -0.1f, 0.1f), -far * cosf(s.elevation), z + far * sinf(s.elevation)); s.ez = sy_unit(sy_sub(at, s.eye));
                s.ex = sy_unit(sy_cross(s.ez, sy_vec(sinf(s.roll), 0, cosf(s.roll)))); s.ey = sy_cross(s.ex, s.ez); s.wall = fmaxf(s.wall, 1.1f * around);
            }
            if (metres > 0) {
                const float asked = (float)metres / (2 * s.r);
                s.scale = sy_clamp(asked, 0.15f, 2.5f);
                if (s.scale != asked && !told++) cli_warn("%s: %g metres are shown as %.2g", path, metres, (double)(s.scale * 2 * s.r));
            }
            for (t = 0; t < n && ok; t++) {
                s.things = 0;
                sy_put(&s, &m, SY_MODEL, sy_vec(0, 0, s.r), yaw + (view < 0 ? 2 * (float)LB__PI * (float)t / (float)n : 0), 0, sy_vec(s.r, s.r, s.r));
                if (k) ok = sy_render_depth(&f, &s, (int)side, &noise, (uint16_t *)(void *)px);
                else ok = sy_render_rgb(&f, &s, (int)side, 2, &noise, px + (size_t)t * (size_t)(3 * side * side));
                img[t] = sy_image((size_t)side, k ? 1 : 3, k ? 16 : 8, px + (size_t)t * (size_t)(3 * side * side));
            }
            if (!ok) { rc = cli_fail("out of memory"); break; }
            if (view < 0) { snprintf(out, sizeof out, "%.800s/%s.mp4", dir, stem); st = lb_video_save(ctx, img, (size_t)n, n / 2.0, out, 90); }
            else { snprintf(out, sizeof out, "%.800s/%s-%d%s.png", dir, stem, (int)view, k ? "-depth" : ""); st = lb_image_save(ctx, &img[0], out, 0); }
        }
        if (st) rc = cli_fail("%s", lb_last_error());
        sy_mesh_free(&m);
        cli_progress("models", i + 1, files.n);
    }
done:
    sy_frame_free(&f); free(px); free(img); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
