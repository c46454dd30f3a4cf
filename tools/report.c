/* report: the page that `eval --report` writes.  One file that asks for nothing: no script, no font, no address; pictures are data: URIs of our own
 * encoders, everything else is inline SVG and CSS.  Errors stick in the page and are looked at once, at the end. */

enum { PAGE_MAP_POINTS = 500, PAGE_HEAT = 32, PAGE_QUERIES = 5, PAGE_FOUND = 5, PAGE_THUMB = 112, PAGE_MATRIX = 24 };
typedef struct page { cli_out out; lb_status s; eval *e; lb_ctx *ctx; unsigned char *shown; size_t maps; } page;    /* shown [items]: 1 its picture is in the style sheet, 2 there is none */

static void page_raw(page *p, const char *text) { if (!p->s) p->s = cli_out_add(&p->out, text, strlen(text)); }
static void page_put(page *p, const char *format, ...) {
    char text[1024]; va_list ap; int n;
    if (p->s) return;
    va_start(ap, format); n = vsnprintf(text, sizeof text, format, ap); va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text) { p->s = lb__fail(LB_ERR_LIMIT, "report: a line of %d bytes", n); return; }
    p->s = cli_out_add(&p->out, text, (size_t)n);
}
/* Text as HTML, cut to `max` characters (0: not cut); bytes that are not UTF-8 and control characters become U+FFFD. */
static void page_text(page *p, const char *text, size_t max) {
    const size_t n = strlen(text); size_t i = 0, shown = 0;
    while (i < n && !p->s) {
        const size_t k = lb__utf8_length((const unsigned char *)text + i, n - i); const char c = text[i];
        if (max && shown++ == max) { page_raw(p, "\xe2\x80\xa6"); return; }
        if (!k || ((unsigned char)c < 32 && c != '\t') || c == 127) page_raw(p, "\xef\xbf\xbd");
        else if (c == '&') page_raw(p, "&amp;");
        else if (c == '<') page_raw(p, "&lt;");
        else if (c == '>') page_raw(p, "&gt;");
        else if (c == '"') page_raw(p, "&quot;");
        else p->s = cli_out_add(&p->out, text + i, k);
        i += k ? k : 1;
    }
}
static void page_base64(page *p, const unsigned char *b, size_t n) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"; char q[4]; size_t i;
    for (i = 0; i < n && !p->s; i += 3) {
        const uint32_t v = (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) | (i + 2 < n ? b[i + 2] : 0);
        q[0] = digit[v >> 18]; q[1] = digit[v >> 12 & 63]; q[2] = i + 1 < n ? digit[v >> 6 & 63] : '='; q[3] = i + 2 < n ? digit[v & 63] : '=';
        p->s = cli_out_add(&p->out, q, 4);
    }
}
static void page_image(page *p, const lb_image *img, const char *as) {       /* url(data:...) */
    lb__buf b = { 0, 0, 0 };
    if (p->s || (p->s = lb__image_encode(img, as, 82, &b)) != LB_OK) return;
    page_put(p, "data:image/%s;base64,", !strcmp(as, "x.png") ? "png" : "jpeg");
    page_base64(p, b.data, b.size);
    lb__buf_free(&b);
}

/* ---- what a thing looks like ---- */

/* 0..1 to a colour of a perceptually even scale, between nine of its stops. */
static void page_colour(const unsigned char stop[9][3], double v, unsigned char *rgb) {
    const double x = (v < 0 ? 0 : v > 1 ? 1 : v) * 8; const int i = x >= 8 ? 7 : (int)x; int c;
    for (c = 0; c < 3; c++) rgb[c] = (unsigned char)(stop[i][c] + (x - i) * (stop[i + 1][c] - stop[i][c]) + 0.5);
}
static const unsigned char page_depth_scale[9][3] = { { 253, 231, 37 }, { 170, 220, 50 }, { 91, 200, 99 }, { 39, 173, 129 }, { 33, 144, 141 }, { 44, 113, 142 }, { 59, 82, 139 }, { 71, 44, 122 }, { 68, 1, 84 } };   /* near to far */
static const unsigned char page_heat_scale[9][3] = { { 0, 0, 4 }, { 31, 12, 72 }, { 85, 15, 109 }, { 136, 34, 106 }, { 186, 54, 85 }, { 227, 89, 51 }, { 249, 140, 10 }, { 249, 201, 50 }, { 252, 255, 164 } };
static int page_by_float(const void *a, const void *b) { const float x = *(const float *)a, y = *(const float *)b; return x < y ? -1 : x > y; }

static lb_status page_false_colour(const lb_image *in, int depth, lb_image *out) {
    const size_t n = in->width * in->height; size_t i, c; float *v = (float *)lb__alloc(n, 2 * sizeof *v), low, high; const unsigned char (*scale)[3] = depth ? page_depth_scale : page_heat_scale;
    memset(out, 0, sizeof *out);
    if (!v || !(out->data = lb__alloc(n, 3))) { lb__release(v); return LB_ERR_MEM; }
    out->width = in->width; out->height = in->height; out->channels = 3; out->bits = 8; out->orientation = 1;
    for (i = 0; i < n; i++) {
        const size_t at = i * (size_t)in->channels; double sum = 0; const size_t colours = in->channels >= 3 ? 3 : 1;
        for (c = 0; c < colours; c++) sum += in->bits == 16 ? (double)((const uint16_t *)in->data)[at + c] : in->bits == 8 ? (double)((const uint8_t *)in->data)[at + c] : (double)((const float *)in->data)[at + c];
        v[i] = v[n + i] = (float)(sum / (double)colours);
    }
    qsort(v + n, n, sizeof *v, page_by_float);
    low = depth ? v[n + n / 50] : 0; high = depth ? v[n + n - 1 - n / 50] : 255;
    if (!depth && in->bits != 8) { low = v[n + n / 50]; high = v[n + n - 1 - n / 50]; }
    if (!(high > low)) high = low + 1;
    for (i = 0; i < n; i++) page_colour(scale, (double)((v[i] - low) / (high - low)), (unsigned char *)out->data + 3 * i);
    lb__release(v);
    return LB_OK;
}
/* The middle square, as a small RGB picture. */
static lb_status page_small(lb_ctx *ctx, const lb_image *in, int false_colour, int depth, lb_image *out) {
    lb_image rgb, cut; size_t side = in->width < in->height ? in->width : in->height, y; lb_status s;
    memset(&rgb, 0, sizeof rgb); memset(&cut, 0, sizeof cut); memset(out, 0, sizeof *out);
    s = false_colour ? page_false_colour(in, depth, &rgb) : lb_image_rgb(ctx, in, &rgb);
    if (s) return s;
    cut = rgb; cut.width = cut.height = side;
    if (!(cut.data = lb__alloc(side * side, 3))) s = LB_ERR_MEM;
    for (y = 0; y < side && !s; y++) memcpy((unsigned char *)cut.data + y * side * 3, (const unsigned char *)rgb.data + ((y + (rgb.height - side) / 2) * rgb.width + (rgb.width - side) / 2) * 3, side * 3);
    if (!s && side > PAGE_THUMB) s = lb_image_resize(ctx, &cut, PAGE_THUMB, PAGE_THUMB, out);
    else if (!s) { *out = cut; cut.data = NULL; }
    lb__release(cut.data); lb_image_free(&rgb);
    return s;
}
/* The picture of item i in the style sheet, as class t<i>; a sound as the symbol a<i>. */
static void page_item(page *p, size_t i) {
    const eval_item *it = &p->e->item[i]; const lb_modality_desc *m = lb_model_modality(p->e->j.model, it->modality); lb_image img, small; lb_status s = LB_ERR_UNSUPPORTED;
    if (p->s || p->shown[i] || !m) return;
    p->shown[i] = 2; memset(&img, 0, sizeof img); memset(&small, 0, sizeof small);
    if (m->kind == LB_IMAGE || m->kind == LB_DEPTH || m->kind == LB_THERMAL) s = lb__picture_load(p->ctx, m->kind, it->file, &img);
    else if (m->kind == LB_VIDEO) {
        lb_video *v = NULL; lb_video_info info; size_t id;
        s = lb_video_open(p->ctx, it->file, &v);
        if (!s) { lb_video_get_info(v, &info); id = info.frames / 2; s = lb_video_frames(p->ctx, v, &id, 1, &img); }
        lb_video_free(v);
    } else if (m->kind == LB_AUDIO) {
        lb_audio a; size_t k, c, f; float most = 0;
        memset(&a, 0, sizeof a);
        if (lb_audio_load(p->ctx, it->file, &a) || !a.frames) { lb_audio_free(&a); return; }
        for (k = 0; k < a.frames * (size_t)a.channels; k++) { const float v = fabsf(a.data[k]); if (v > most) most = v; }
        page_put(p, "<symbol id=\"a%lu\" viewBox=\"0 0 112 112\"><path d=\"", (unsigned long)i);
        for (k = 0; k < 54; k++) {                                              /* loudest of each piece, mirrored; square root, so that echoes show, and silence stays one */
            float top = 0; const size_t b = k * a.frames / 54, e = (k + 1) * a.frames / 54;
            for (f = b; f < e; f++) for (c = 0; c < (size_t)a.channels; c++) { const float v = fabsf(a.data[f * (size_t)a.channels + c]); if (v > top) top = v; }
            { const double h = 1 + 44 * sqrt((double)top / LB__MAX((double)most, 0.1)); page_put(p, "M%.0f %.0fv%.0f", 3.0 + 2.0 * (double)k, 56 - h, 2 * h); }
        }
        page_put(p, "\"/></symbol>\n");
        lb_audio_free(&a); p->shown[i] = 1;
        return;
    }
    if (!s) s = page_small(p->ctx, &img, m->kind == LB_DEPTH || m->kind == LB_THERMAL, m->kind == LB_DEPTH, &small);
    if (!s) { page_put(p, ".t%lu{background-image:url(", (unsigned long)i); page_image(p, &small, "x.jpg"); page_put(p, ")}\n"); p->shown[i] = 1; }
    lb_image_free(&img); lb_image_free(&small);
}
static const char *page_name(const eval_item *it) { return it->item->n_captions ? it->item->captions[0].text : it->name; }
static const char *page_caption(const eval_entry *q) {
    if (q->text && (!q->item || !q->item->views)) return q->text;
    return page_name(q->item);
}
/* A thing as a tile: its picture, its wave, or its words. */
static void page_tile(page *p, const eval_set *s, const eval_entry *q, const char *more) {
    size_t k;
    if (s->modalities == 1 && !strcmp(s->modality[0], "text")) { page_put(p, "<span class=\"tile words%s\">", more); page_text(p, q->text, 120); page_raw(p, "</span>"); return; }
    for (k = 0; k < s->modalities; k++) {
        const eval_item *it; size_t i; const lb_modality_desc *m;
        if (!strcmp(s->modality[k], "text")) { page_put(p, "<span class=\"tile words\">"); page_text(p, q->text, 120); page_raw(p, "</span>"); continue; }
        it = s->modalities == 1 ? q->item : &p->e->item[q->part[k]]; i = (size_t)(it - p->e->item); m = lb_model_modality(p->e->j.model, it->modality);
        page_put(p, "<span class=\"tile%s%s\" title=\"", m->kind == LB_VIDEO ? " film" : "", more); page_text(p, it == q->item ? page_caption(q) : page_name(it), 200);
        if (p->shown[i] != 1) { page_raw(p, "\"><em>"); page_text(p, it->name, 40); page_raw(p, "</em></span>"); }
        else if (m->kind == LB_AUDIO) page_put(p, "\"><svg class=\"wave\" viewBox=\"0 0 112 112\"><use href=\"#a%lu\"/></svg></span>", (unsigned long)i);
        else page_put(p, "\"><i class=\"t%lu\"></i></span>", (unsigned long)i);
    }
}

/* ---- what is shown of a retrieval: chosen once, so that the pictures can go into the style sheet first ---- */

typedef struct page_row { size_t row, own; size_t found[PAGE_FOUND]; float score[PAGE_FOUND]; size_t n, rank; } page_row;    /* row: of the scores, or a group when transposed */

static int page_choose(page *p, const eval_result *r, page_row *out, size_t *count) {
    const size_t rows = r->rows, N = r->columns, from = r->transposed ? N : rows; size_t i, k, n = 0, tries; cli_hit *hit = (cli_hit *)lb__alloc(N, sizeof *hit); lb__rng rng = lb__rng_new((uint64_t)p->e->seed, 0x70616765 + (uint64_t)r->transposed);
    if (!hit) { p->s = LB_ERR_MEM; return 0; }
    for (tries = 0; tries < 200 + from && n < PAGE_QUERIES && n < from; tries++) {          /* in the end every one in its turn, where few have a match */
        page_row *q = &out[n]; const size_t at = tries < 200 ? lb__rng_below(&rng, (uint32_t)from) : tries - 200; size_t seen = 0;
        for (i = 0; i < n; i++) seen |= out[i].row == at || (!r->transposed && r->owner[out[i].row] == r->owner[at]);
        if (seen) continue;
        memset(q, 0, sizeof *q); q->row = at; q->own = r->transposed ? at : r->owner[at];
        for (k = 0; k < N; k++) { hit[k].at = k; hit[k].score = r->transposed ? -INFINITY : r->scores[at * N + k]; }
        for (i = 0; i < rows && r->transposed; i++) if (r->scores[i * N + at] > hit[r->owner[i]].score) hit[r->owner[i]].score = r->scores[i * N + at];
        if (hit[q->own].score == -INFINITY) continue;                                   /* a group that nothing on the other side belongs to */
        for (k = 0; k < N; k++) q->rank += hit[k].score >= hit[q->own].score && k != q->own;
        cli_best(hit, N);
        for (k = 0; k < N && k < PAGE_FOUND && hit[k].score > -INFINITY; k++) { q->found[k] = hit[k].at; q->score[k] = hit[k].score; q->n++; }
        n++;
    }
    lb__release(hit);
    *count = n;
    return 1;
}
/* The entry that stands for group g, for a question: of several the best. */
static const eval_entry *page_standing(const eval_result *r, size_t g, const float *v, size_t dim, const eval_set **set) {
    size_t i, c; const eval_entry *best = NULL; double most = -INFINITY; const eval_set *s = r->transposed ? r->query : r->found;
    *set = s;
    for (i = 0; i < s->n; i++) if (!strcmp(s->at[i].key, r->group[g]->key)) {
        double d = 0;
        for (c = 0; c < dim; c++) d += (double)v[c] * (double)s->v[i * dim + c];
        if (d > most) { most = d; best = &s->at[i]; }
    }
    return best;
}
static const eval_entry *page_asking(const eval_result *r, const page_row *q, const eval_set **set) { *set = r->transposed ? r->found : r->query; return r->transposed ? r->group[q->row] : r->of[q->row]; }
static void page_entry_items(page *p, const eval_set *s, const eval_entry *q, int symbols) {
    size_t k;
    for (k = 0; k < s->modalities; k++) if (strcmp(s->modality[k], "text")) {
        const eval_item *it = s->modalities == 1 ? q->item : &p->e->item[q->part[k]]; const lb_modality_desc *m = lb_model_modality(p->e->j.model, it->modality);
        if ((m->kind == LB_AUDIO) == symbols) page_item(p, (size_t)(it - p->e->item));
    }
}

/* ---- parts of the page ---- */

static void page_style(page *p) {
    page_raw(p,
        "<style>\n"
        ":root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1c1a;--soft:#6d6a64;--line:#e4e0d8;--accent:#0b6e75;--accent2:#d9822b;--good:#1d8a4e;--wash:#f1eee7;"
        "--c0:#0b6e75;--c1:#d9822b;--c2:#7b4fa3;--c3:#3f7fc4;--c4:#c2405a;--c5:#5f8f2f;--c6:#8a6a4b;--c7:#d06fb0;--c8:#4b5b73;--c9:#b59b00;--c10:#2aa1a8;--c11:#8c3b2a}\n"
        "@media(prefers-color-scheme:dark){:root{--paper:#141517;--card:#1c1e21;--ink:#ece9e3;--soft:#9c9890;--line:#33363b;--accent:#4cc0c4;--accent2:#f0a55a;--good:#58c98a;--wash:#25282c;"
        "--c0:#4cc0c4;--c1:#f0a55a;--c2:#b48be0;--c3:#7db4f0;--c4:#f07d93;--c5:#a3d06a;--c6:#c8a684;--c7:#f0a3d6;--c8:#9fb0cc;--c9:#e6d04a;--c10:#7fdde2;--c11:#e08a76}}\n"
        "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;font-variant-numeric:tabular-nums}\n"
        "main{max-width:1120px;margin:0 auto;padding:48px 28px 72px}h1{font-size:34px;line-height:1.15;letter-spacing:-.02em;margin:0 0 10px;font-weight:650}h2{font-size:21px;letter-spacing:-.01em;margin:56px 0 6px;font-weight:620}h3{font-size:16px;margin:0;font-weight:620}\n"
        ".over{font-size:12px;letter-spacing:.12em;text-transform:uppercase;color:var(--accent);font-weight:650;margin:0 0 8px}p{margin:0 0 14px;max-width:72ch}.soft,figcaption{color:var(--soft);font-size:13px}.facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:18px 0 0;padding:14px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line)}.facts b{font-weight:620}.facts span{color:var(--soft)}\n"
        ".side{display:grid;grid-template-columns:300px minmax(0,1fr);gap:36px;margin-top:16px}.side>div:first-child{position:sticky;top:24px;align-self:start}@media(max-width:900px){.side{grid-template-columns:minmax(0,1fr)}.side>div:first-child{position:static}}.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:22px 24px;margin:18px 0}.scroll{overflow-x:auto}figure{margin:0}figure+figure{margin-top:28px}.two figure+figure{margin-top:0}figcaption{margin-top:8px;max-width:60ch}.two{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:32px;margin-top:16px}@media(max-width:820px){.two{grid-template-columns:minmax(0,1fr)}main{padding:28px 16px}}\n"
        "table{border-collapse:collapse;width:100%;font-size:14px}th{font-weight:600;color:var(--soft);font-size:12px;text-align:right;padding:6px 7px;border-bottom:1px solid var(--line);white-space:nowrap}td{padding:8px 7px;vertical-align:top;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}tr:last-child td{border-bottom:0}th:first-child,td:first-child{text-align:left;padding-left:0}td small{display:block;color:var(--soft);font-size:11.5px;line-height:1.2}td b{font-weight:620}th.bar,td.bar{width:216px;padding-left:0;text-align:left}\n"
        ".dots{display:block}.dots .track{stroke:var(--line);stroke-width:1}.dots .range{stroke:var(--accent);stroke-width:6;stroke-opacity:.3;stroke-linecap:round}.dots .dot{fill:var(--accent)}.dots .chance{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 2}.dots .ceiling{stroke:var(--accent2);stroke-width:2}\n");
    page_raw(p,
        ".key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--soft);margin:10px 0 0;padding:0;list-style:none}.key svg{vertical-align:-3px;margin-right:6px}.key i{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:7px}\n"
        ".bars{display:grid;grid-template-columns:max-content minmax(80px,1fr) max-content max-content;gap:7px 12px;align-items:center;font-size:14px}.bars span{white-space:nowrap;overflow:hidden;text-overflow:ellipsis;max-width:180px}.bars em{height:9px;border-radius:5px;background:var(--wash);overflow:hidden;display:block}.bars em i{display:block;height:100%;background:var(--accent);border-radius:5px}.bars b{font-weight:560;text-align:right}.bars u{text-decoration:none;color:var(--soft);font-size:12px;text-align:right}\n"
        ".matrix text{font-size:11px;fill:var(--ink)}.matrix .on{fill:var(--card)}.matrix .lab{fill:var(--soft)}.matrix rect{fill:var(--accent)}.matrix .bed{fill:var(--wash)}\n"
        ".heat{position:relative;width:100%;max-width:340px;aspect-ratio:1;background:var(--wash);border-radius:6px;overflow:hidden}.heat img{position:absolute;inset:0;width:100%;height:100%;image-rendering:pixelated}\n"
        ".ask{display:grid;grid-template-columns:max-content max-content minmax(0,1fr);gap:14px;align-items:center;padding:12px 0;border-top:1px solid var(--line)}.ask:first-of-type{border-top:0}.pair{display:flex;gap:6px}.found{display:flex;flex-wrap:wrap;gap:10px}.hit{width:84px;font-size:11px;color:var(--soft);text-align:center}.hit.yes{color:var(--good);font-weight:650}.to{color:var(--soft);font-size:18px}\n"
        ".tile{display:block;width:84px;height:84px;border-radius:8px;overflow:hidden;background:var(--wash);position:relative;flex:none}.tile>i{display:block;width:100%;height:100%;background-size:cover;background-position:center}.tile.yes{box-shadow:0 0 0 2.5px var(--good)}.hit .pair{margin-bottom:3px}.found.list .pair{margin:0}.tile em{position:absolute;inset:6px;font-size:10px;font-style:normal;color:var(--soft);overflow:hidden;overflow-wrap:anywhere}"
        ".tile.words{width:auto;max-width:440px;height:auto;min-height:0;padding:6px 11px;font-size:12.5px;line-height:1.35;color:var(--ink);font-weight:400;text-align:left;overflow-wrap:anywhere}.ask>div:first-child .words{width:170px}.film::after{content:\"\";position:absolute;right:6px;bottom:6px;border:6px solid transparent;border-left:9px solid #fff;border-right:0;filter:drop-shadow(0 0 2px #000a)}.wave{width:100%;height:100%;display:block;stroke:var(--accent);stroke-width:1.3;fill:none;stroke-linecap:round}\n"
        ".found.list{flex-direction:column;flex-wrap:nowrap;gap:4px}.found.list .hit{display:flex;width:auto;align-items:center;gap:10px;text-align:left}.own{font-size:11px;color:var(--soft);margin-top:4px}.map circle{stroke:var(--card);stroke-width:.6}.map{width:100%;height:auto;display:block;background:var(--wash);border-radius:8px}footer{margin-top:64px;padding-top:18px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}footer p{max-width:90ch}\n"
        "@media(max-width:820px){.bar{display:none}.card{padding:18px 16px}.ask{grid-template-columns:minmax(0,1fr);gap:10px}.to{display:none}.found.list .pair{min-width:0}.tile.words,.ask>div:first-child .words{flex:0 1 auto;width:auto}}\n"      /* a phone: numbers, not their plot; what was found below what was asked */
        "@media print{.card{break-inside:avoid}main{max-width:none}}\n");
}
/* A number with its interval on a line from 0 to 100 %, with the chance level and the ceiling. */
static void page_dots(page *p, const eval_metric *m) {
    const double a = 8, x = a + 200 * m->value;
    page_put(p, "<svg class=\"dots\" width=\"216\" height=\"24\" role=\"img\" aria-label=\"%.1f %%\"><path class=\"track\" d=\"M8 12h200M8 8v8M108 9v6M208 8v8\"/>", 100 * m->value);
    if (m->low == m->low) page_put(p, "<path class=\"range\" d=\"M%.1f 12H%.1f\"/>", a + 200 * m->low, a + 200 * m->high);
    if (m->chance == m->chance) page_put(p, "<path class=\"chance\" d=\"M%.1f 3v18\"/>", a + 200 * m->chance);
    if (m->ceiling == m->ceiling) page_put(p, "<path class=\"ceiling\" d=\"M%.1f 3v18\"/>", a + 200 * m->ceiling);
    page_put(p, "<circle class=\"dot\" cx=\"%.1f\" cy=\"12\" r=\"4.5\"/></svg>", x);
}
static void page_table(page *p, int retrieval) {
    const eval *e = p->e; size_t i, k, first = e->results; int ceilings = 0;
    for (i = 0; i < e->results; i++) if (e->result[i].retrieval == retrieval) { if (first == e->results) first = i; ceilings |= e->result[i].metric[0].ceiling == e->result[i].metric[0].ceiling; }
    if (first == e->results) return;
    page_put(p, "<h2>%s</h2>\n<div class=\"card\"><div class=\"scroll\"><table><tr><th>%s</th><th class=\"bar\">%s, 0 to 100 %%</th>", retrieval ? "Retrieval" : "Zero-shot classification", retrieval ? "asked &rarr; found" : "modality : class", e->result[first].metric[0].name);
    for (k = 0; k < e->result[first].metrics; k++) page_put(p, "<th>%s%s</th>", e->result[first].metric[k].name, e->result[first].metric[k].share ? " %" : "");
    page_put(p, "<th>chance</th>%s<th>N</th><th>%s</th></tr>\n", ceilings ? "<th>ceiling</th>" : "", retrieval ? "gallery" : "classes");
    for (i = 0; i < e->results; i++) {
        const eval_result *r = &e->result[i];
        if (r->retrieval != retrieval) continue;
        page_raw(p, "<tr><td><b>"); page_text(p, r->from, 0);
        if (retrieval) { page_raw(p, "</b> &rarr; <b>"); page_text(p, r->to, 0); } else if (r->column) { page_raw(p, "</b> : <b>"); page_text(p, r->column, 0); }
        page_raw(p, "</b></td><td class=\"bar\">"); page_dots(p, &r->metric[0]); page_raw(p, "</td>");
        for (k = 0; k < r->metrics; k++) {
            const eval_metric *m = &r->metric[k];
            if (m->value != m->value) page_raw(p, "<td>&ndash;</td>");
            else if (m->share) page_put(p, "<td><b>%.1f</b><small>%.1f&ndash;%.1f</small></td>", 100 * m->value, 100 * m->low, 100 * m->high);
            else { char value[32], interval[64]; eval_ranks(value, interval, m, "&ndash;"); page_put(p, "<td><b>%s</b><small>%s</small></td>", value, interval); }
        }
        page_put(p, "<td>%.1f</td>", 100 * r->metric[0].chance);
        if (ceilings) { if (r->metric[0].ceiling == r->metric[0].ceiling) page_put(p, "<td>%.1f</td>", 100 * r->metric[0].ceiling); else page_raw(p, "<td></td>"); }
        page_put(p, "<td>%lu</td><td>%lu</td></tr>\n", (unsigned long)r->n, (unsigned long)r->gallery);
    }
    page_raw(p, "</table></div>\n<ul class=\"key bar\"><li><svg class=\"dots\" style=\"display:inline\" width=\"36\" height=\"16\"><path class=\"range\" d=\"M6 8h24\"/><circle class=\"dot\" cx=\"18\" cy=\"8\" r=\"4.5\"/></svg>value and 95 % interval</li>"
                "<li><svg class=\"dots\" style=\"display:inline\" width=\"8\" height=\"16\"><path class=\"chance\" d=\"M4 0v16\"/></svg>chance</li>");
    if (ceilings) page_raw(p, "<li><svg class=\"dots\" style=\"display:inline\" width=\"8\" height=\"16\"><path class=\"ceiling\" d=\"M4 0v16\"/></svg>ceiling: what can be told apart at all</li>");
    page_raw(p, "</ul></div>\n");
}
static void page_matrix(page *p, const eval_result *r) {
    const size_t n = r->columns; size_t i, k, longest = 0; int cell = n <= 10 ? 34 : n <= 16 ? 26 : 20, left, top;
    for (i = 0; i < n; i++) { size_t w = (size_t)score_columns(r->classes[i].name); if (w > longest) longest = w; }
    if (longest > 20) longest = 20;
    left = 14 + (int)(longest * 62 / 10); top = 14 + (int)(longest * 48 / 10);
    page_put(p, "<figure><svg class=\"matrix\" viewBox=\"0 0 %d %d\" style=\"width:100%%;max-width:%dpx\" role=\"img\" aria-label=\"confusion matrix\">", left + cell * (int)n + top, top + cell * (int)n + 4, left + cell * (int)n + top);
    for (i = 0; i < n; i++) {
        size_t total = 0;
        for (k = 0; k < n; k++) total += r->confusion[i * n + k];
        page_put(p, "<text class=\"lab\" x=\"%d\" y=\"%d\" text-anchor=\"end\">", left - 8, top + (int)i * cell + cell / 2 + 4); page_text(p, r->classes[i].name, 20); page_raw(p, "</text>");
        page_put(p, "<text class=\"lab\" transform=\"translate(%d %d) rotate(-45)\">", left + (int)i * cell + cell / 2 + 2, top - 6); page_text(p, r->classes[i].name, 20); page_raw(p, "</text>");
        for (k = 0; k < n; k++) {
            const double share = total ? (double)r->confusion[i * n + k] / (double)total : 0; const int x = left + (int)k * cell, y = top + (int)i * cell;
            page_put(p, "<rect class=\"bed\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\"/>", x, y, cell - 2, cell - 2);
            if (share > 0) page_put(p, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\" fill-opacity=\"%.3f\"/><text%s x=\"%d\" y=\"%d\" text-anchor=\"middle\">%lu</text>", x, y, cell - 2, cell - 2, 0.08 + 0.92 * share, share > 0.5 ? " class=\"on\"" : "", x + cell / 2 - 1, y + cell / 2 + 3, (unsigned long)r->confusion[i * n + k]);
        }
    }
    page_raw(p, "</svg><figcaption>Confusion: a row is what it is, a column what was guessed; shade by the row&rsquo;s share, numbers are counts.</figcaption></figure>");
}
static void page_classes(page *p, const eval_result *r) {
    size_t i;
    page_raw(p, "<div class=\"card\"><h3>"); page_text(p, r->title, 0); page_put(p, "</h3>\n<p class=\"soft\">%lu items, %lu classes%s</p><div class=\"two\"><figure><div class=\"bars\">", (unsigned long)r->n, (unsigned long)r->columns, r->confusion ? "" : ", several may be true");
    for (i = 0; i < r->columns && i < 60; i++) {
        const eval_class *c = &r->classes[i];
        page_raw(p, "<span title=\""); page_text(p, c->value, 0); page_raw(p, "\">"); page_text(p, c->name, 40);
        if (c->score == c->score) page_put(p, "</span><em><i style=\"width:%.1f%%\"></i></em><b>%.0f %%</b><u>%lu</u>\n", 100 * c->score, 100 * c->score, (unsigned long)c->n);
        else page_raw(p, "</span><em></em><b>&ndash;</b><u>0</u>\n");
    }
    page_put(p, "</div><figcaption>%s, and how many items each class has%s.</figcaption></figure>\n", r->confusion ? "How often the first guess is right" : "Average precision", r->columns > 60 ? " (the first 60 classes)" : "");
    if (r->confusion && r->columns <= PAGE_MATRIX) page_matrix(p, r);
    page_raw(p, "</div></div>\n");
}
/* Similarities of up to PAGE_HEAT pairs, in their order; the right answers are on the diagonal.  One ink whose strength is the score, so that the
 * picture stands on a light and on a dark page. */
static void page_heat(page *p, const eval_result *r) {
    const size_t rows = r->rows, N = r->columns; size_t pick[PAGE_HEAT], group[PAGE_HEAT], n = 0, i, k; float low = INFINITY, high = -INFINITY; unsigned char *px; lb_image img; size_t want = N < PAGE_HEAT ? N : PAGE_HEAT;
    for (k = 0; k < want; k++) {
        const size_t g = k * N / want;
        for (i = 0; i < rows && r->owner[i] != g; i++) {}
        if (i < rows) { pick[n] = i; group[n++] = g; }
    }
    if (n < 2) return;
    for (i = 0; i < n; i++) for (k = 0; k < n; k++) { const float v = r->scores[pick[i] * N + group[k]]; if (v < low) low = v; if (v > high) high = v; }
    if (!(px = (unsigned char *)lb__alloc(n * n, 4))) { p->s = LB_ERR_MEM; return; }
    for (i = 0; i < n; i++) for (k = 0; k < n; k++) {
        unsigned char *q = px + (i * n + k) * 4; const double v = high > low ? ((double)r->scores[pick[i] * N + group[k]] - (double)low) / ((double)high - (double)low) : 0;
        q[0] = 18; q[1] = 140; q[2] = 148; q[3] = (unsigned char)(255 * v * v + 0.5);
    }
    memset(&img, 0, sizeof img); img.width = img.height = n; img.channels = 4; img.bits = 8; img.orientation = 1; img.data = px;
    page_raw(p, "<figure><div class=\"heat\"><img alt=\"similarity matrix\" src=\""); page_image(p, &img, "x.png");
    page_put(p, "\"></div><figcaption>Similarity of %lu pairs, ", (unsigned long)n); page_text(p, r->from, 0); page_raw(p, " down and "); page_text(p, r->to, 0);
    page_put(p, " across: from %.2f (paper) to %.2f (ink). Matching pairs are on the diagonal.</figcaption></figure>\n", (double)low, (double)high);
    lb__release(px);
}
static void page_gallery(page *p, const eval_result *r, const page_row *row, size_t n) {
    size_t i, k; const size_t dim = p->e->j.dim;
    page_raw(p, "<figure>");
    for (i = 0; i < n; i++) {
        const page_row *q = &row[i]; const eval_set *s, *f; const eval_entry *a = page_asking(r, q, &s); const float *v = s->v + (size_t)(a - s->at) * dim; int words;
        f = r->transposed ? r->query : r->found; words = f->modalities == 1 && !strcmp(f->modality[0], "text");
        page_raw(p, "<div class=\"ask\"><div><div class=\"pair\">"); page_tile(p, s, a, "");
        if (q->rank >= q->n) page_put(p, "</div><div class=\"own\">its own: place %lu</div></div><span", (unsigned long)q->rank + 1);
        else page_raw(p, "</div></div><span");
        page_put(p, " class=\"to\">&rarr;</span><div class=\"found%s\">", words ? " list" : "");
        for (k = 0; k < q->n; k++) {
            const int yes = q->found[k] == q->own; const eval_entry *b = page_standing(r, q->found[k], v, dim, &f);
            if (!b) continue;
            page_put(p, "<div class=\"hit%s\"><div class=\"pair\">", yes ? " yes" : ""); page_tile(p, f, b, yes ? " yes" : ""); page_put(p, "</div>%.2f%s</div>", (double)q->score[k], yes ? " &#10003;" : "");
        }
        page_raw(p, "</div></div>\n");
    }
    page_raw(p, "<figcaption>"); page_text(p, r->from, 0); page_raw(p, " &rarr; "); page_text(p, r->to, 0);
    page_put(p, ": questions drawn by the seed, not picked; the %d nearest with their %s, the right one outlined.</figcaption></figure>\n", PAGE_FOUND, p->e->raw ? "product, of vectors that are not of unit length" : r->through ? "likeness by the texts that both resemble" : "cosine");
}

/* ---- maps ---- */

typedef struct page_point { const float *v; int colour; const char *name; } page_point;
static void page_map(page *p, page_point *point, size_t n, const char *const *legend, size_t legends, const char *caption) {
    const size_t dim = p->e->j.dim; float *x, *y; size_t i, c; double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY }, span; lb_tsne_desc d;
    if (n < 8 || p->s) return;
    if (!p->maps++) page_raw(p, "<h2>Maps</h2><div class=\"card\"><div class=\"two\">\n");
    x = (float *)lb__alloc(n, dim * sizeof *x); y = (float *)lb__alloc(n, 2 * sizeof *y); memset(&d, 0, sizeof d); d.seed = (uint64_t)p->e->seed;
    if (!x || !y) p->s = LB_ERR_MEM;
    for (i = 0; i < n && !p->s; i++) memcpy(x + i * dim, point[i].v, dim * sizeof *x);
    if (!p->s) p->s = !strcmp(p->e->map, "pca") ? lb_eval_pca(p->ctx, x, n, dim, 2, y, NULL) : lb_eval_tsne(p->e->j.ctx, x, n, dim, &d, y, NULL);
    for (i = 0; i < 2 * n && !p->s; i++) { if ((double)y[i] < low[i & 1]) low[i & 1] = (double)y[i]; if ((double)y[i] > high[i & 1]) high[i & 1] = (double)y[i]; }
    span = high[0] - low[0] > high[1] - low[1] ? high[0] - low[0] : high[1] - low[1];
    if (!(span > 0)) span = 1;
    page_raw(p, "<figure><svg class=\"map\" viewBox=\"0 0 480 400\" role=\"img\" aria-label=\"map of the embeddings\">\n");
    for (i = 0; i < n && !p->s; i++) {
        const double s = 372 / span, a = 240 + s * ((double)y[2 * i] - 0.5 * (low[0] + high[0])) * 1.15, b = 200 + s * ((double)y[2 * i + 1] - 0.5 * (low[1] + high[1]));
        page_put(p, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.4\" style=\"fill:var(--c%d)\"><title>", a, b, point[i].colour); page_text(p, point[i].name, 90); page_raw(p, "</title></circle>\n");
    }
    page_raw(p, "</svg><ul class=\"key\">");
    for (c = 0; c < legends; c++) { page_put(p, "<li><i style=\"background:var(--c%d)\"></i>", (int)(c % 12)); page_text(p, legend[c], 40); page_raw(p, "</li>"); }
    page_put(p, "</ul><figcaption>%s", !strcmp(p->e->map, "pca") ? "Two directions of largest variance: " : "t-SNE: "); page_text(p, caption, 0); page_raw(p, "</figcaption></figure>\n");
    lb__release(x); lb__release(y);
}
static void page_maps(page *p) {
    eval *e = p->e; const size_t dim = e->j.dim; page_point *point; const char *legend[64]; size_t i, k, n = 0, legends = 0, total = 0, used; char caption[256];
    for (i = 0; i < e->sets; i++) if (e->set[i].modalities == 1 && e->set[i].v) total += e->set[i].n;
    if (!(point = (page_point *)lb__alloc(total, sizeof *point))) { p->s = LB_ERR_MEM; return; }
    for (i = 0; i < e->sets; i++) {                                                       /* every modality once, thinned evenly */
        const eval_set *s = &e->set[i]; size_t take;
        if (s->modalities != 1 || !s->v) continue;
        for (k = 0; k < legends && strcmp(legend[k], s->modality[0]); k++) {}
        if (k < legends || legends == 12) continue;
        legend[legends] = s->modality[0];
        take = s->n < PAGE_MAP_POINTS / 5 ? s->n : PAGE_MAP_POINTS / 5;
        for (k = 0; k < take; k++) { const size_t at = k * s->n / take; point[n].v = s->v + at * dim; point[n].colour = (int)legends; point[n++].name = strcmp(s->modality[0], "text") ? page_caption(&s->at[at]) : s->at[at].text; }
        legends++;
    }
    page_map(p, point, n, legend, legends, "every embedding as a point, coloured by modality. Neighbours are alike; distances between islands say little.");
    for (i = used = 0; i < e->results && used < 5; i++) {
        const eval_result *r = &e->result[i]; size_t take;
        if (r->retrieval || !r->confusion || r->columns > 12 || r->n < 24) continue;       /* few points make no map */
        n = 0; take = r->n < 400 ? r->n : 400;
        for (k = 0; k < take && n < total; k++) { const size_t at = k * r->n / take; point[n].v = r->query->v + (size_t)(r->of[at] - r->query->at) * dim; point[n].colour = (int)r->owner[at]; point[n++].name = page_caption(r->of[at]); }
        for (k = 0; k < r->columns; k++) legend[k] = r->classes[k].name;
        snprintf(caption, sizeof caption, "%s alone, coloured by %s.", r->from, r->column ? r->column : "class");
        page_map(p, point, n, legend, r->columns, caption); used++;
    }
    if (p->maps) page_raw(p, "</div></div>\n");
    lb__release(point);
}

static lb_status page_write(eval *e, const char *path, const char *model) {
    page p; size_t i, k, b, n; int symbols; page_row *rows; size_t *counts; const char *name = strrchr(model, '/'); const lb_model_desc *d = lb_model_describe(e->j.model); lb_status s;
    memset(&p, 0, sizeof p); p.e = e; p.ctx = e->j.reader;
    LB__TRY(cli_out_open(&p.out, path));
    p.shown = (unsigned char *)lb__alloc(e->items, 1); rows = (page_row *)lb__alloc(e->results, PAGE_QUERIES * sizeof *rows); counts = (size_t *)lb__alloc(e->results, sizeof *counts);
    if (!p.shown || !rows || !counts) p.s = LB_ERR_MEM;
    page_raw(&p, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"><link rel=\"icon\" href=\"data:,\">\n<title>");
    name = name ? name + 1 : model; page_text(&p, name, 0); page_raw(&p, " &middot; evaluation</title>\n");
    page_style(&p);
    for (i = 0; i < e->results && !p.s; i++) if (e->result[i].retrieval) page_choose(&p, &e->result[i], rows + i * PAGE_QUERIES, &counts[i]);
    for (symbols = 0; symbols < 2 && !p.s; symbols++) {
        for (i = 0; i < e->results; i++) for (b = 0; b < counts[i]; b++) {
            const page_row *q = &rows[i * PAGE_QUERIES + b]; const eval_result *r = &e->result[i]; const eval_set *set, *f; const eval_entry *a = page_asking(r, q, &set); const float *v = set->v + (size_t)(a - set->at) * e->j.dim;
            page_entry_items(&p, set, a, symbols);
            for (k = 0; k < q->n; k++) { const eval_entry *x = page_standing(r, q->found[k], v, e->j.dim, &f); if (x) page_entry_items(&p, f, x, symbols); }
        }
        page_raw(&p, symbols ? "</svg>\n<main>\n" : "</style></head>\n<body><svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\">\n");
    }
    page_raw(&p, "<header><p class=\"over\">languagebind eval</p><h1>"); page_text(&p, name, 0); page_raw(&p, "</h1><p>Zero-shot classification and retrieval in one embedding space.</p><div class=\"facts\">");
    page_put(&p, "<div><span>dimensions</span> <b>%lu</b></div><div><span>modalities</span> <b>", (unsigned long)e->j.dim);
    for (i = 0; i < (size_t)d->modalities; i++) { if (i) page_raw(&p, ", "); page_text(&p, d->modality[i].name, 0); }
    page_put(&p, "</b></div><div><span>items</span> <b>%lu</b></div><div><span>split</span> <b>", (unsigned long)e->items); page_text(&p, e->split, 0);
    page_put(&p, "</b></div><div><span>intervals</span> <b>95 %%, %lu drawings, seed %lu</b></div></div></header>\n", (unsigned long)e->rounds, (unsigned long)e->seed);
    page_table(&p, 0); page_table(&p, 1);
    for (i = n = 0; i < e->results; i++) if (!e->result[i].retrieval) { if (!n++) page_raw(&p, "<h2>Classes</h2>\n"); page_classes(&p, &e->result[i]); }
    for (i = n = 0; i < e->results; i++) if (e->result[i].retrieval) {
        const eval_result *r = &e->result[i];
        if (!n++) page_raw(&p, "<h2>What was found</h2>\n");
        if (!r->transposed) { page_raw(&p, "<div class=\"card\"><h3>"); page_text(&p, r->from, 0); page_raw(&p, " and "); page_text(&p, r->to, 0); page_raw(&p, "</h3><div class=\"side\"><div>"); page_heat(&p, r); page_raw(&p, "</div><div>\n"); }
        page_gallery(&p, r, rows + i * PAGE_QUERIES, counts[i]);
        if (r->transposed) page_raw(&p, "</div></div></div>\n");
    }
    page_maps(&p);
    page_raw(&p, "<footer><p>Intervals are percentile bootstrap: whole items are drawn with replacement and every number is computed anew; at 0 and 100 %, where that changes nothing, the interval is Wilson's. A score equal to the right one counts against it. "
                 "R@k: how often the right entry is among the first k; MedR and MnR: median and mean rank, from 1. ");
    page_raw(&p, "The ceiling is what perfect knowledge of the shared attributes (or the same words) could reach. Depth is coloured from near (yellow) to far (violet), infrared from cold (black) to hot (yellow), a clip shows its middle frame.</p></footer>\n</main></body></html>\n");
    s = p.s;
    if (!s) s = cli_out_commit(&p.out);
    else cli_out_abort(&p.out);
    lb__release(p.shown); lb__release(rows); lb__release(counts);
    return s;
}
