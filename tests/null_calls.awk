# null_calls.awk: every function that languagebind.h declares, called with each of its pointers NULL in turn and with all of them, for tests/test_null.c:
# CALL("name, argument 2", must, call) where it returns a status, else ASK("name, argument 2", call).  `must`: it has to refuse, for all are NULL, or one that
# nobody can do without: the context, a handle, the result.  What else it is given comes from that program.
function trim(s) { gsub(/^ +| +$/, "", s); return s }
function pointer(a) { return a ~ /[*\[]/ || a ~ /_fn / }
function handle(a) { return a ~ /lb_(ctx|model|tokenizer|file|file_writer|npy|video|trainer|feed|manifest) \*/ && a !~ /\*\*|\*out|\*const/ }
function value(a) {
    if (a ~ /\(\*fn\)/) return "piece"
    if (a ~ /lb_pool_fn|lb_watch_fn/) return "NULL"
    if (a ~ /lb_read_fn/) return "no_bytes"
    if (a ~ /\*\*|\*const \*/) return "(void *)room"
    if (handle(a)) { match(a, /lb_[a-z_]+ \*/); return substr(a, RSTART + 3, RLENGTH - 5) }
    if (pointer(a)) return "(void *)room"
    if (a ~ /^(float|double)/) return "1"
    sub(/[a-z_0-9]+$/, "", a); return "(" trim(a) ")1"
}
/end of API/ { exit }
/^LB_API/ {
    line = $0; sub(/;.*/, "", line); sub(/^LB_API +/, "", line)
    open_ = index(line, "("); head = trim(substr(line, 1, open_ - 1)); name = head; sub(/.*[ *]/, "", name)
    args = substr(line, open_ + 1, length(line) - open_ - 1); n = 0; depth = 0; arg = ""
    for (i = 1; i <= length(args); i++) {
        c = substr(args, i, 1)
        if (c == "," && !depth) { a[++n] = trim(arg); arg = ""; continue }
        depth += (c == "(") - (c == ")"); arg = arg c
    }
    a[++n] = trim(arg); functions++
    pointers = 0; for (i = 1; i <= n; i++) pointers += pointer(a[i])
    if (!pointers) next
    for (k = 0; k <= n; k++) {
        if (k && !pointer(a[k])) continue
        if (k && pointers == 1) continue                # the same as all of them
        call = ""
        for (i = 1; i <= n; i++) call = call (i > 1 ? ", " : "") (pointer(a[i]) && (!k || i == k) ? "NULL" : value(a[i]))
        what = "(\"" name (k ? ", argument " k : "") "\", "; call = name "(" call ")"
        print head ~ /^lb_status / ? "CALL" what (!k || handle(a[k]) || a[k] ~ /\*out$/) ", " call ")" : "ASK" what call ")"
    }
}
END { print "enum { FUNCTIONS = " functions + 0 " };" }
