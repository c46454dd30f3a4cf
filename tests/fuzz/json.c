/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/json.c -o build/fuzz/json -lm */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lb_limits l = lb_limits_default(); lb__json_doc d; size_t used = 0; lb__buf b = { 0, 0, 0 }; const lb__json *v;
    if (!lb__json_parse(&l, (const char *)data, size, NULL, &d)) {
        if (d.root->type == LB__JSON_STRING) lb__json_put_str(&b, d.root->str, d.root->len);
        if (d.root->type == LB__JSON_NUMBER) { lb__json_put_f64(&b, d.root->num); if (lb__decimal((const char *)b.data, b.size) != d.root->num) __builtin_trap(); }
        for (v = d.root->first; v; v = v->next) lb__json_get(d.root, v->key ? v->key : "");
        lb__buf_free(&b); lb__json_free(&d);
    }
    if (!lb__json_parse(&l, (const char *)data, size, &used, &d)) { if (used > size) __builtin_trap(); lb__json_free(&d); }
    return 0;
}
