/* vocab.c - languagebind vocab: learn a byte-pair vocabulary from captions, or read one from a merges file. */

/* Lines of a file as pointers into it; a line that is empty or white is left out. */
static lb_status vocab_lines(const lb__bytes *f, const char *path, lb__buf *texts, lb__buf *sizes) {
    size_t i = lb__bom(f->data, f->size);
    if (f->size && memchr(f->data, 0, f->size)) return lb__fail(LB_ERR_FORMAT, "%s: holds a zero byte, lines of text were expected", path);
    while (i < f->size) {
        const char *p = (const char *)f->data + i, *nl = (const char *)memchr(p, '\n', f->size - i); size_t n = nl ? (size_t)(nl - p) : f->size - i, k;
        i += n + 1;
        for (k = 0; k < n && (unsigned char)p[k] <= ' '; k++) {}
        if (k == n) continue;
        LB__TRY(lb__buf_add(texts, &p, sizeof p));
        LB__TRY(lb__buf_add(sizes, &n, sizeof n));
    }
    return LB_OK;
}
static int cmd_vocab(int argc, char **argv) {
    cli_list files; const char *merges = NULL, *clean = NULL, *out = NULL, *source = NULL, *license = NULL; long long size = 49408, least = 0; cli_common common; int rc, mode;
    const cli_option options[] = {
        { "text-file", 'f', CLI_LIST, &files, "FILE", "captions to learn from, one a line", 0, 0 },
        { "merges", 0, CLI_TEXT, &merges, "FILE", "take a vocabulary from a merges file (merges.txt, bpe_simple_vocab_16e6.txt)\ninstead of learning one", 0, 0 },
        { "size", 'n', CLI_INT, &size, "N", "ids in the vocabulary, 514 of them fixed (default 49408)", 514, 65536 },
        { "min-count", 0, CLI_INT, &least, "N", "merge no pair that occurs less often (default 2)", 1, 1e15 },
        { "clean", 0, CLI_CHOICE, &clean, "open_clip|hf|languagebind", "how captions are cleaned (default open_clip)", 0, 0 },
        { "source", 0, CLI_TEXT, &source, "TEXT", "noted in the file: where the text or the merges come from", 0, 0 },
        { "license", 0, CLI_TEXT, &license, "TEXT", "noted in the file", 0, 0 },
        { "output", 'o', CLI_TEXT, &out, "OUT.lbw", "the file to write", 0, 0 },
        CLI_THREADS(common), CLI_JSON(common) };
    lb_ctx *ctx = NULL; lb_tokenizer *t = NULL; lb_file_writer *w = NULL; lb__buf texts = { 0, 0, 0 }, sizes = { 0, 0, 0 }; lb__bytes *f = NULL; lb_status s; size_t i, n = 0, tokens = 0, bytes = 0;
    memset(&files, 0, sizeof files); memset(&common, 0, sizeof common);
    if ((rc = cli_parse(argc, argv, "(--text-file FILE... | --merges FILE) [--size N] -o OUT.lbw",
        "Writes a tokenizer file.  Learning is deterministic: the most frequent pair of neighbours is merged again and again; equal counts are\n"
        "decided by the lower ids; the order of the captions does not matter.  Every caption counts as often as it is there.\n", options, LB__COUNT(options))) >= 0) { cli_list_free(&files); return rc; }
    if ((rc = cli_lbw_to(out)) >= 0 || (rc = !files.n == !merges ? cli_wrong("one of --text-file and --merges was expected") : -1) >= 0 || (rc = cli_apart(out, merges)) >= 0 || (rc = cli_apart_all(out, &files)) >= 0) { cli_list_free(&files); return rc; }
    if (merges && (least || clean)) { cli_list_free(&files); return cli_wrong("--min-count and --clean tell how a vocabulary is learnt; --merges FILE has one"); }
    mode = !clean ? LB_CLEAN_OPEN_CLIP : !strcmp(clean, "hf") ? LB_CLEAN_HF : !strcmp(clean, "languagebind") ? LB_CLEAN_LANGUAGEBIND : LB_CLEAN_OPEN_CLIP;
    s = cli_ctx(&common, &ctx);
    if (!s && !(f = (lb__bytes *)lb__alloc(files.n + 1, sizeof *f))) s = LB_ERR_MEM;
    if (merges) {
        if (!s) s = lb__bytes_open(merges, &f[n]);
        if (!s) { n++; s = lb__fail_in(lb_tokenizer_parse(ctx, (const char *)f[0].data, f[0].size, (size_t)size - 514, &t), merges); }
    } else {
        for (i = 0; i < files.n && !s; i++) if (!(s = lb__bytes_open(files.item[i].value, &f[n]))) s = vocab_lines(&f[n++], files.item[i].value, &texts, &sizes);
        if (!s && !texts.size) s = lb__fail(LB_ERR_ARG, "%s: no captions in it", files.item[0].value);
        if (!s) s = lb_tokenizer_train(ctx, mode | LB_CLEAN_NO_SPECIAL, (const char *const *)(const void *)texts.data, (const size_t *)(const void *)sizes.data, texts.size / sizeof(char *), (size_t)size, least ? (size_t)least : 2, &t);
        for (i = 0; i < texts.size / sizeof(char *) && !s; i++) {
            size_t count = 0;
            s = lb_tokenize(ctx, t, mode | LB_CLEAN_NO_SPECIAL, ((const char **)(void *)texts.data)[i], ((size_t *)(void *)sizes.data)[i], NULL, 0, &count);
            tokens += count - 2; bytes += ((size_t *)(void *)sizes.data)[i];
        }
    }
    if (!s && !(s = lb_file_create(ctx, out, &w))) {
        lb_file_set_str(w, "format.kind", "tokenizer");
        if (source) lb_file_set_str(w, "provenance.source", source);
        if (license) lb_file_set_str(w, "provenance.license", license);
        lb_file_set_str(w, "provenance.producer", merges ? "languagebind vocab --merges" : "languagebind vocab");
        lb_file_add_tokenizer(w, t);
        s = lb_file_commit(w);
    }
    if (s) rc = cli_fail("%s", lb_last_error());
    else {
        rc = 0;
        if (common.json) printf("{\"vocab\": %lu, \"texts\": %lu, \"bytes\": %lu, \"tokens\": %lu}\n", (unsigned long)lb_tokenizer_vocab(t), (unsigned long)(texts.size / sizeof(char *)), (unsigned long)bytes, (unsigned long)tokens);
        else if (merges) printf("%s: %lu ids\n", out, (unsigned long)lb_tokenizer_vocab(t));
        else printf("%s: %lu ids from %lu captions, %.2f bytes a token\n", out, (unsigned long)lb_tokenizer_vocab(t), (unsigned long)(texts.size / sizeof(char *)), tokens ? (double)bytes / (double)tokens : 0.0);
    }
    for (i = 0; i < n; i++) lb__bytes_close(&f[i]);
    lb__release(f); lb__buf_free(&texts); lb__buf_free(&sizes); lb_tokenizer_free(t); lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
