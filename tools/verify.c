/* verify: is the file whole, and does this machine compute what the reference computed? */
static int cmd_verify(int argc, char **argv) {
    cli_common common = { 0, 0 }; const char *path = NULL; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; lb_file *f = NULL; int rc; size_t i;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &path, "FILE", "the weight file (or as a plain argument)", 0, 0 },
        { NULL, 0, CLI_LIST, &files, "FILE", NULL, 0, 0 },
        CLI_THREADS(common), CLI_JSON(common) };
    rc = cli_parse(argc, argv, "FILE... [--json]",
        "Compares every tensor's checksum and looks for values that are not finite.  If the file carries a parity record (inputs and the\n"
        "vectors that the reference framework gave for them), computes those again with this machine's kernels.  LB_CPU picks others.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (path && !cli_add(&files, NULL, path)) { rc = cli_fail("out of memory"); goto done; }
    if (!files.n) { rc = cli_wrong("which file?"); goto done; }
    rc = 0;
    if (cli_ctx(&common, &ctx)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    for (i = 0; i < files.n && !rc; i++) {
        const char *p = files.item[i].value;
        if (lb_file_open(ctx, p, &f)) rc = cli_fail("%s", lb_last_error());
        else if (lb_file_verify(ctx, f)) rc = cli_fail("%s: %s", p, lb_last_error());
        else {
            if (common.json) { cli_out out; cli_out_open(&out, NULL); cli_out_text(&out, "{\"file\": "); cli_out_json(&out, p); cli_out_text(&out, ", \"tensors\": %lu, \"checksums\": \"ok\"}\n", (unsigned long)lb_file_tensors(f)); }
            else printf("%s: %lu tensors, checksums agree, all values finite\n", p, (unsigned long)lb_file_tensors(f));
        }
        lb_file_free(f); f = NULL;
    }
done:
    lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
