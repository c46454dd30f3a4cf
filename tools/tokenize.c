/* tokenize: the ids of texts, one line a text. */

/* The tokenizer of a model or of a tokenizer file, how texts are cleaned, and how many ids the model reads. */
static lb_status tokenize_open(lb_ctx *ctx, const char *path, lb_tokenizer **t, int *clean, size_t *context) {
    static const char *const names[] = { "open_clip", "hf", "languagebind" };
    lb_file *f = NULL; const char *c; uint64_t n; size_t i; lb_status s = lb_file_open(ctx, path, &f);
    if (s) return s;
    s = lb__fail_in(lb_file_tokenizer(ctx, f, t), path);
    if (!s && lb_file_has(f, "modality.text.clean") && !lb_file_get_str(f, "modality.text.clean", &c)) for (i = 0; i < LB__COUNT(names); i++) if (!strcmp(c, names[i])) *clean = (int)i;
    if (!s && lb_file_has(f, "tower.text.context") && !lb_file_get_u64(f, "tower.text.context", &n) && n >= 2 && n <= 65536) *context = (size_t)n;
    lb_file_free(f);
    return s;
}

static int cmd_tokenize(int argc, char **argv) {
    cli_common common = { 0, 0 }; cli_list list = { NULL, 0, 0 }; inputs in; lb_ctx *ctx = NULL; lb_tokenizer *t = NULL; cli_out out; int rc, clean = LB_CLEAN_OPEN_CLIP, decode = 0; lb_status s = LB_OK;
    const char *model = NULL, *as = NULL; long long asked = 0; size_t i, k, n = 0, context = 77; int32_t *ids = NULL; char *text = NULL;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &model, "FILE", "a .lbw model, or the tokenizer alone (weights/clip-bpe.lbw)", 0, 0 },
        { "clean", 0, CLI_CHOICE, &as, "open_clip|hf|languagebind", "how texts are cleaned first (default: the model's way)", 0, 0 },
        { "context", 0, CLI_INT, &asked, "N", "cut to N ids, the last of them end-of-text (default: the\nmodel's context, 77)", 2, 65536 },
        { "decode", 0, CLI_FLAG, &decode, NULL, "the way back: each argument is a list of ids", 0, 0 },
        { "text-file", 0, CLI_LIST, &list, "FILE", "texts, one a line", 0, 0 },
        CLI_FILES(list, "TEXT"),
        CLI_THREADS(common), CLI_JSON(common) };
    memset(&in, 0, sizeof in);
    rc = cli_parse(argc, argv, "-m MODEL [TEXT...] [--text-file FILE]", "The token ids of every text, with start and end, one line a text.  `-` reads the lines of standard input.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    for (i = 0; i < list.n && rc < 0; i++) {
        if (list.item[i].option || !strcmp(list.item[i].value, "-")) rc = inputs_lines(&in, list.item[i].value, 1);
        else if (!inputs_add(&in, "text", list.item[i].value)) rc = cli_fail("out of memory");
    }
    if (rc >= 0) goto done;
    if (!model) { rc = cli_wrong("which model? -m FILE"); goto done; }
    if (!list.n) { rc = cli_wrong("nothing to tokenize: texts were expected"); goto done; }
    rc = 0;
    if (cli_ctx(&common, &ctx) || tokenize_open(ctx, model, &t, &clean, &context) || cli_out_open(&out, NULL)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if (as) clean = !strcmp(as, "hf") ? LB_CLEAN_HF : !strcmp(as, "languagebind") ? LB_CLEAN_LANGUAGEBIND : LB_CLEAN_OPEN_CLIP;
    if (asked) context = (size_t)asked;
    if (!(ids = (int32_t *)lb__alloc(LB__MAX(context, (size_t)65536), sizeof *ids))) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < in.n && !s; i++) {
        const char *v = in.at[i].value;
        if (decode) {
            for (n = 0; *v; ) {
                char *end; long x = strtol(v, &end, 10);
                if (end == v || x < 0 || x >= (long)lb_tokenizer_vocab(t)) { rc = cli_fail("`%s`: ids of 0 to %lu were expected", in.at[i].value, (unsigned long)lb_tokenizer_vocab(t) - 1); goto done; }
                if (n == 65536) { rc = cli_fail("more than 65536 ids on one line"); goto done; }
                ids[n++] = (int32_t)x;
                for (v = end; *v == ' ' || *v == ',' || *v == '\t'; v++) {}
            }
            s = lb_detokenize(t, ids, n, NULL, 0, &k);
            if (!s && !(text = (char *)lb__alloc(k + 1, 1))) s = LB_ERR_MEM;
            if (!s) s = lb_detokenize(t, ids, n, text, k + 1, &k);
            if (!s) s = common.json ? cli_out_json_bytes(&out, text, k) : cli_out_add(&out, text, k);
            if (!s) s = cli_out_add(&out, "\n", 1);
            lb__release(text); text = NULL;
            continue;
        }
        s = lb_tokenize(ctx, t, clean, v, LB_CSTRING, ids, context, &n);
        if (n > context) n = context;
        if (!s && common.json) s = cli_out_text(&out, "[");
        for (k = 0; k < n && !s; k++) s = cli_out_text(&out, "%s%d", !k ? "" : common.json ? ", " : " ", (int)ids[k]);
        if (!s) s = cli_out_text(&out, common.json ? "]\n" : "\n");
    }
    if (s || cli_out_commit(&out)) rc = cli_fail("%s", lb_last_error());
done:
    lb__release(ids); lb__release(text); lb_tokenizer_free(t); lb_ctx_free(ctx); inputs_free(&in); cli_list_free(&list);
    return rc;
}
