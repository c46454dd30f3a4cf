/* info: what a weight file holds; without a file, how this command was built. */
static int cmd_info(int argc, char **argv) {
    cli_common common = { 0, 0 }; const char *path = NULL; cli_list files = { NULL, 0, 0 }; lb_ctx *ctx = NULL; int rc;
    const cli_option options[] = {
        { "model", 'm', CLI_TEXT, &path, "FILE", "the weight file (or as a plain argument)", 0, 0 },
        { NULL, 0, CLI_LIST, &files, "FILE", NULL, 0, 0 },
        CLI_JSON(common) };
    rc = cli_parse(argc, argv, "[FILE] [--json]", "Prints what a weight file holds; without a file, how this command was built.\n", options, LB__COUNT(options));
    if (rc >= 0) goto done;
    if (cli_ctx(&common, &ctx)) { rc = cli_fail("%s", lb_last_error()); goto done; }
    if (common.json) printf("{\"version\": \"%d.%d.%d\", \"cpu\": \"%s\", \"threads\": %d}\n", LB_VERSION_MAJOR, LB_VERSION_MINOR, LB_VERSION_PATCH, lb_cpu_name(), ctx->threads);
    else printf("languagebind %d.%d.%d, %s kernels, %d thread%s\n", LB_VERSION_MAJOR, LB_VERSION_MINOR, LB_VERSION_PATCH, lb_cpu_name(), ctx->threads, ctx->threads == 1 ? "" : "s");
    rc = 0;
done:
    lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
