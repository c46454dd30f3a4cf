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
            size_t inputs = 0, q; double worst = 0, bound = 2e-5; int failed = 0; lb_model *m = NULL;
            if (lb_file_tensor(f, "parity.0.input")) {          /* f32 kernels differ in the last digits; 16-bit matrices were rounded after the reference ran */
                for (q = 0; q < lb_file_tensors(f); q++) { const lb_tensor *t = lb_file_tensor_at(f, q, NULL); if (t->dtype == LB_F16 && bound < 5e-3) bound = 5e-3; if (t->dtype == LB_BF16) bound = 4e-2; }
                if (lb_model_open(ctx, p, &m) || lb_model_parity(ctx, m, &inputs, &worst)) failed = 1;
                lb_model_free(m);
            }
            if (failed) rc = cli_fail("%s: %s", p, lb_last_error());
            else if (!(worst <= bound)) rc = cli_fail("%s: the parity record's vectors come out different by %.3g, at most %.3g is expected on this machine (%s kernels)", p, worst, bound, lb_cpu_name());
            else if (common.json) {
                cli_out out; cli_out_open(&out, NULL); cli_out_text(&out, "{\"file\": "); cli_out_json(&out, p);
                cli_out_text(&out, ", \"tensors\": %lu, \"checksums\": \"ok\", \"parity_inputs\": %lu, \"parity_difference\": %.3g}\n", (unsigned long)lb_file_tensors(f), (unsigned long)inputs, worst);
            } else {
                printf("%s: %lu tensors, checksums agree, all values finite\n", p, (unsigned long)lb_file_tensors(f));
                if (inputs) printf("%s: %lu inputs of the parity record embedded again with %s kernels: the reference's vectors within %.3g\n", p, (unsigned long)inputs, lb_cpu_name(), worst);
            }
        }
        lb_file_free(f); f = NULL;
    }
done:
    lb_ctx_free(ctx); cli_list_free(&files);
    return rc;
}
