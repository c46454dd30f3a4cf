/* checkpoint.h - reads the tensors of published checkpoints, without Python and without running anything that is in them:
 *     .pt .pth .bin      torch.save's zip archives (and zip64), TorchScript archives, and the older format that is no archive
 *     .safetensors       one file, or the parts that an index names
 *     folders            as Hugging Face and open_clip lay them out
 * Files are mapped; a tensor is a view (element type, shape, strides) into one of them.  ck_values makes floats of it.
 * Memory is the context's arena: between ck_open and ck_close the caller rewinds only to marks of its own that it took after ck_open.
 * Held by: tests/test_checkpoint.c, tests/fuzz/zip_pickle.c, tests/fuzz/safetensors.c */
#ifndef LB_CHECKPOINT_H
#define LB_CHECKPOINT_H

enum { CK_DIMS = 8, CK_FILES = 256 };
typedef struct ck_tensor {
    const char *name, *file;
    lb_dtype    dtype;
    int         ndim;
    size_t      shape[CK_DIMS], stride[CK_DIMS];      /* strides in elements */
    const unsigned char *data;                        /* of element (0, 0, ...); little endian, any alignment */
    int         used;                                 /* for the caller */
} ck_tensor;
typedef struct checkpoint {
    lb_ctx    *ctx;
    lb__mark   mark;
    lb__bytes   file[CK_FILES]; const char *path[CK_FILES]; int files;
    ck_tensor **tensor; size_t count, cap;            /* sorted by name once opened */
    size_t     outside;                               /* tensors beside the state dict: optimizer state and the like */
    const char *kind;                                 /* "torch", "torchscript", "torch-legacy", "safetensors" */
} checkpoint;

static void ck_close(checkpoint *ck) {
    int i;
    if (!ck->ctx) return;
    for (i = 0; i < ck->files; i++) lb__bytes_close(&ck->file[i]);
    lb__arena_rewind(ck->ctx, ck->mark);
    memset(ck, 0, sizeof *ck);
}
static char *ck_string(checkpoint *ck, const char *s, size_t n) {
    char *p = (char *)lb__arena(ck->ctx, n + 1, 1);
    if (p) { memcpy(p, s, n); p[n] = 0; }
    return p;
}
static lb_status ck_add(checkpoint *ck, ck_tensor *t) {
    if (ck->count >= ck->ctx->limits.max_tensors) return lb__fail(LB_ERR_LIMIT, "more than %zu tensors (max_tensors)", ck->ctx->limits.max_tensors);
    if (ck->count == ck->cap) {
        size_t cap = ck->cap ? 2 * ck->cap : 256; ck_tensor **p = (ck_tensor **)lb__arena(ck->ctx, cap, sizeof *p);
        if (!p) return LB_ERR_MEM;
        if (ck->count) memcpy(p, ck->tensor, ck->count * sizeof *p);
        ck->tensor = p; ck->cap = cap;
    }
    ck->tensor[ck->count++] = t;
    return LB_OK;
}
static int ck_order(const void *a, const void *b) { return strcmp((*(ck_tensor *const *)a)->name, (*(ck_tensor *const *)b)->name); }
static lb_status ck_sort(checkpoint *ck) {
    size_t i;
    if (ck->count) qsort(ck->tensor, ck->count, sizeof *ck->tensor, ck_order);
    for (i = 1; i < ck->count; i++) if (!ck_order(&ck->tensor[i - 1], &ck->tensor[i])) return lb__fail(LB_ERR_FORMAT, "tensor %s is there twice", ck->tensor[i]->name);
    return LB_OK;
}
static ck_tensor *ck_find(const checkpoint *ck, const char *name) {
    size_t lo = 0, hi = ck->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2; int c = strcmp(name, ck->tensor[mid]->name);
        if (!c) return ck->tensor[mid];
        if (c < 0) hi = mid; else lo = mid + 1;
    }
    return NULL;
}
static size_t ck_elements(const ck_tensor *t) { size_t n = 1; int i; for (i = 0; i < t->ndim; i++) n *= t->shape[i]; return n; }
/* "[768, 3, 32, 32]" for sentences. */
static const char *ck_shape_text(char *out, size_t cap, const size_t *shape, int ndim) {
    size_t n = lb__format(out, cap, "["); int i;
    for (i = 0; i < ndim; i++) n += lb__format(out + n, cap - n, i ? ", %zu" : "%zu", shape[i]);
    lb__format(out + n, cap - n, "]");
    return out;
}

/* The elements as floats in row-major order, whatever their strides, byte order and alignment. */
static void ck_values(const ck_tensor *t, float *out) {
    size_t n = ck_elements(t), width = lb_dtype_size(t->dtype), i, k, at[CK_DIMS] = { 0 }, offset = 0, inner = 1, step = width; int d;
    unsigned char tmp[4096];
    if (!n) return;
    if (t->ndim) { inner = t->shape[t->ndim - 1]; step = t->stride[t->ndim - 1] * width; }
    for (i = 0; i < n; i += inner) {                 /* one run of the last axis at a time */
        size_t j, m;
        for (j = 0; j < inner; j += m) {
            m = LB__MIN(inner - j, sizeof tmp / width);
            if (step == width) memcpy(tmp, t->data + offset * width + j * width, m * width);
            else for (k = 0; k < m; k++) memcpy(tmp + k * width, t->data + offset * width + (j + k) * step, width);
            if (!lb__host_little()) lb__swap_bytes(tmp, width, m);
            lb__to_f32(out + i + j, tmp, t->dtype, 0, m);
        }
        for (d = t->ndim - 2; d >= 0; d--) {
            offset += t->stride[d];
            if (++at[d] < t->shape[d]) break;
            offset -= t->stride[d] * t->shape[d]; at[d] = 0;
        }
    }
}
/* Row-major and dense: the bytes can be used as they lie. */
static int ck_dense(const ck_tensor *t) {
    size_t want = 1; int d;
    for (d = t->ndim - 1; d >= 0; d--) { if (t->shape[d] != 1 && t->stride[d] != want) return 0; want *= t->shape[d]; }
    return 1;
}
/* A view stays inside its storage of `bytes`. */
static lb_status ck_check_view(const ck_tensor *t, size_t offset, size_t bytes) {
    size_t last = offset, span, need; int d, empty = 0;
    for (d = 0; d < t->ndim; d++) {
        if (!t->shape[d]) { empty = 1; continue; }
        if (!lb__mul(t->shape[d] - 1, t->stride[d], &span) || !lb__add(last, span, &last)) return lb__fail(LB_ERR_FORMAT, "tensor %s has strides that leave the address space", t->name);
    }
    if (empty) return LB_OK;
    if (!lb__add(last, 1, &need) || !lb__mul(need, lb_dtype_size(t->dtype), &need) || need > bytes)
        return lb__fail(LB_ERR_FORMAT, "tensor %s reaches to element %zu of %s, its storage has %zu bytes", t->name, last, lb_dtype_name(t->dtype), bytes);
    for (need = 1, d = 0; d < t->ndim; d++) if (!lb__mul(need, t->shape[d], &need) || need > PTRDIFF_MAX / 8) return lb__fail(LB_ERR_FORMAT, "tensor %s has more elements than this machine can address", t->name);
    return LB_OK;
}

/* ---- zip ---- */

typedef struct ck_member { const char *name; size_t name_len; const unsigned char *data; size_t size; int stored; } ck_member;
typedef struct ck_zip { ck_member *member; size_t count; } ck_zip;

static int ck_member_order(const void *a, const void *b) {
    const ck_member *x = (const ck_member *)a, *y = (const ck_member *)b; int c = memcmp(x->name, y->name, LB__MIN(x->name_len, y->name_len));
    return c ? c : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}
static const ck_member *ck_zip_find(const ck_zip *z, const char *name, size_t n) {
    ck_member key; key.name = name; key.name_len = n;
    return (const ck_member *)(z->count ? bsearch(&key, z->member, z->count, sizeof key, ck_member_order) : NULL);
}
/* APPNOTE 4.3: end record at the end, central directory, local headers.  zip64 values come from extra field 1. */
static lb_status ck_zip_open(checkpoint *ck, const unsigned char *p, size_t size, ck_zip *z) {
    size_t end, low, at, i; uint64_t count, dir_size, dir_at;
    z->member = NULL; z->count = 0;
    if (size < 22) return lb__fail(LB_ERR_FORMAT, "zip: %zu bytes are too few", size);
    low = size > 22 + 65535 ? size - 22 - 65535 : 0;
    for (end = size - 22; ; end--) {
        if (lb__u32le(p + end) == 0x06054b50 && lb__u16le(p + end + 20) <= size - end - 22) break;
        if (end == low) return lb__fail(LB_ERR_FORMAT, "zip: no end of central directory: the file is cut off");
    }
    count = lb__u16le(p + end + 10); dir_size = lb__u32le(p + end + 12); dir_at = lb__u32le(p + end + 16);
    if (end >= 20 && lb__u32le(p + end - 20) == 0x07064b50) {
        uint64_t e64 = lb__u64le(p + end - 12);
        if (e64 > end - 20 || end - 20 - (size_t)e64 < 56 || lb__u32le(p + e64) != 0x06064b50) return lb__fail(LB_ERR_FORMAT, "zip: the zip64 end record is not at byte %llu", (unsigned long long)e64);
        count = lb__u64le(p + e64 + 32); dir_size = lb__u64le(p + e64 + 40); dir_at = lb__u64le(p + e64 + 48);
    } else if (count == 0xffff || dir_at == 0xffffffff) return lb__fail(LB_ERR_FORMAT, "zip: the zip64 end record is missing");
    if (dir_at > end || dir_size > end - dir_at) return lb__fail(LB_ERR_FORMAT, "zip: the directory at byte %llu with %llu bytes does not fit", (unsigned long long)dir_at, (unsigned long long)dir_size);
    if (count > dir_size / 46) return lb__fail(LB_ERR_FORMAT, "zip: %llu entries do not fit in a directory of %llu bytes", (unsigned long long)count, (unsigned long long)dir_size);
    if (count > ck->ctx->limits.max_tensors) return lb__fail(LB_ERR_LIMIT, "zip: %llu entries, the limit (max_tensors) is %zu", (unsigned long long)count, ck->ctx->limits.max_tensors);
    z->member = (ck_member *)lb__arena(ck->ctx, (size_t)count, sizeof *z->member);
    if (!z->member) return LB_ERR_MEM;
    for (i = 0, at = (size_t)dir_at; i < (size_t)count; i++) {
        ck_member *m = &z->member[i]; size_t left = (size_t)(dir_at + dir_size) - at, name_len, extra_len, comment, x, data; uint64_t packed, full, local; uint32_t flags, method;
        if (left < 46 || lb__u32le(p + at) != 0x02014b50) return lb__fail(LB_ERR_FORMAT, "zip: no directory entry at byte %zu", at);
        flags = lb__u16le(p + at + 8); method = lb__u16le(p + at + 10); packed = lb__u32le(p + at + 20); full = lb__u32le(p + at + 24);
        name_len = lb__u16le(p + at + 28); extra_len = lb__u16le(p + at + 30); comment = lb__u16le(p + at + 32); local = lb__u32le(p + at + 42);
        if (name_len + extra_len + comment > left - 46) return lb__fail(LB_ERR_FORMAT, "zip: the directory entry at byte %zu runs past its end", at);
        m->name = (const char *)p + at + 46; m->name_len = name_len;
        for (x = at + 46 + name_len; at + 46 + name_len + extra_len - x >= 4; ) {
            size_t id = lb__u16le(p + x), n = lb__u16le(p + x + 2), q = x + 4;
            if (n > at + 46 + name_len + extra_len - q) break;
            if (id == 1) {
                if (full == 0xffffffff && x + 4 + n - q >= 8) { full = lb__u64le(p + q); q += 8; }
                if (packed == 0xffffffff && x + 4 + n - q >= 8) { packed = lb__u64le(p + q); q += 8; }
                if (local == 0xffffffff && x + 4 + n - q >= 8) local = lb__u64le(p + q);
            }
            x += 4 + n;
        }
        if (flags & 1) return lb__fail(LB_ERR_UNSUPPORTED, "zip: %.*s is encrypted", (int)name_len, m->name);
        if (local > dir_at || dir_at - local < 30 || lb__u32le(p + local) != 0x04034b50) return lb__fail(LB_ERR_FORMAT, "zip: %.*s has no local header at byte %llu", (int)name_len, m->name, (unsigned long long)local);
        data = (size_t)local + 30 + lb__u16le(p + local + 26) + lb__u16le(p + local + 28);
        if (data > dir_at || packed > dir_at - data || (!method && packed != full)) return lb__fail(LB_ERR_FORMAT, "zip: %.*s with %llu bytes from byte %zu on does not fit", (int)name_len, m->name, (unsigned long long)packed, data);
        m->data = p + data; m->size = (size_t)packed; m->stored = !method;
        at += 46 + name_len + extra_len + comment;
    }
    z->count = (size_t)count;
    qsort(z->member, z->count, sizeof *z->member, ck_member_order);
    for (i = 1; i < z->count; i++) if (!ck_member_order(&z->member[i - 1], &z->member[i])) return lb__fail(LB_ERR_FORMAT, "zip: %.*s is there twice", (int)z->member[i].name_len, z->member[i].name);
    return LB_OK;
}

/* ---- pickle ----
 * A stack machine that only builds data.  Names of classes and functions are compared with a list; none is looked up, none is called.
 * A name outside the list ends the reading with the name, the opcode and its byte. */

typedef enum pk_type { PK_NONE, PK_BOOL, PK_INT, PK_FLOAT, PK_STR, PK_BYTES, PK_TUPLE, PK_LIST, PK_DICT, PK_SET, PK_GLOBAL, PK_STORAGE, PK_TENSOR, PK_OBJECT, PK_MARK } pk_type;
typedef enum pk_role { PK_INERT = 0, PK_IS_DICT, PK_REBUILD, PK_REBUILD_V3, PK_PARAMETER, PK_STORAGE_TYPE, PK_DTYPE, PK_SCRIPT } pk_role;
typedef struct pk_value {
    pk_type type; pk_role role;               /* role of a GLOBAL */
    lb_dtype dtype;                           /* GLOBAL: of a storage or dtype; STORAGE */
    int visited, untyped;
    int64_t i; double f;                      /* INT, BOOL, STORAGE: elements */
    const char *s; size_t len;                /* STR, BYTES, GLOBAL's full name, STORAGE's key */
    struct pk_value **item; size_t n, cap;    /* TUPLE, LIST, SET; DICT: key, value, key, value ... */
    struct pk_value *state;                   /* OBJECT: what BUILD gave it */
    ck_tensor *t; struct pk_value *storage; size_t offset;
    const unsigned char *data; size_t bytes;  /* STORAGE */
} pk_value;
typedef struct pickle {
    checkpoint *ck;
    const unsigned char *p; size_t size, at, op_at; int op;
    pk_value **stack; size_t depth, cap;
    pk_value **memo; size_t memos, memo_cap;
    pk_value *slab; size_t slab_left, values;
    const ck_zip *zip; const char *root; size_t root_len; int script;     /* where storages are; NULL: the older format */
    pk_value **storage; size_t storages, storage_cap;
    size_t tensors;
} pickle;
static const struct { const char *name; pk_role role; lb_dtype dtype; int untyped; } pk_names[] = {
    { "collections.OrderedDict", PK_IS_DICT, LB_F32, 0 }, { "collections.defaultdict", PK_IS_DICT, LB_F32, 0 }, { "builtins.dict", PK_IS_DICT, LB_F32, 0 }, { "__builtin__.dict", PK_IS_DICT, LB_F32, 0 },
    { "torch._utils._rebuild_tensor", PK_REBUILD, LB_F32, 0 }, { "torch._utils._rebuild_tensor_v2", PK_REBUILD, LB_F32, 0 }, { "torch._utils._rebuild_tensor_v3", PK_REBUILD_V3, LB_F32, 0 },
    { "torch._utils._rebuild_parameter", PK_PARAMETER, LB_F32, 0 }, { "torch._utils._rebuild_parameter_with_state", PK_PARAMETER, LB_F32, 0 },
    { "torch.FloatStorage", PK_STORAGE_TYPE, LB_F32, 0 }, { "torch.HalfStorage", PK_STORAGE_TYPE, LB_F16, 0 }, { "torch.BFloat16Storage", PK_STORAGE_TYPE, LB_BF16, 0 }, { "torch.DoubleStorage", PK_STORAGE_TYPE, LB_F64, 0 },
    { "torch.LongStorage", PK_STORAGE_TYPE, LB_I64, 0 }, { "torch.IntStorage", PK_STORAGE_TYPE, LB_I32, 0 }, { "torch.ShortStorage", PK_STORAGE_TYPE, LB_I16, 0 }, { "torch.CharStorage", PK_STORAGE_TYPE, LB_I8, 0 },
    { "torch.ByteStorage", PK_STORAGE_TYPE, LB_U8, 0 }, { "torch.BoolStorage", PK_STORAGE_TYPE, LB_BOOL, 0 },
    { "torch.storage.UntypedStorage", PK_STORAGE_TYPE, LB_U8, 1 }, { "torch.UntypedStorage", PK_STORAGE_TYPE, LB_U8, 1 }, { "torch.storage._UntypedStorage", PK_STORAGE_TYPE, LB_U8, 1 },
    { "torch.storage.TypedStorage", PK_STORAGE_TYPE, LB_U8, 1 }, { "torch.storage._TypedStorage", PK_STORAGE_TYPE, LB_U8, 1 },
    { "torch.float32", PK_DTYPE, LB_F32, 0 }, { "torch.float", PK_DTYPE, LB_F32, 0 }, { "torch.float16", PK_DTYPE, LB_F16, 0 }, { "torch.half", PK_DTYPE, LB_F16, 0 }, { "torch.bfloat16", PK_DTYPE, LB_BF16, 0 }, { "torch.float64", PK_DTYPE, LB_F64, 0 },
    { "torch.double", PK_DTYPE, LB_F64, 0 }, { "torch.int64", PK_DTYPE, LB_I64, 0 }, { "torch.long", PK_DTYPE, LB_I64, 0 }, { "torch.int32", PK_DTYPE, LB_I32, 0 }, { "torch.int", PK_DTYPE, LB_I32, 0 }, { "torch.int16", PK_DTYPE, LB_I16, 0 },
    { "torch.int8", PK_DTYPE, LB_I8, 0 }, { "torch.uint8", PK_DTYPE, LB_U8, 0 }, { "torch.bool", PK_DTYPE, LB_BOOL, 0 }, { "torch.uint16", PK_DTYPE, LB_U16, 0 }, { "torch.uint32", PK_DTYPE, LB_U32, 0 }, { "torch.uint64", PK_DTYPE, LB_U64, 0 },
    /* data that sits beside weights in training checkpoints; kept as dead objects */
    { "torch.Size", PK_INERT, LB_F32, 0 }, { "torch.device", PK_INERT, LB_F32, 0 }, { "torch.nn.parameter.Parameter", PK_INERT, LB_F32, 0 }, { "argparse.Namespace", PK_INERT, LB_F32, 0 }, { "types.SimpleNamespace", PK_INERT, LB_F32, 0 },
    { "numpy.core.multiarray.scalar", PK_INERT, LB_F32, 0 }, { "numpy._core.multiarray.scalar", PK_INERT, LB_F32, 0 }, { "numpy.core.multiarray._reconstruct", PK_INERT, LB_F32, 0 }, { "numpy._core.multiarray._reconstruct", PK_INERT, LB_F32, 0 },
    { "numpy.dtype", PK_INERT, LB_F32, 0 }, { "numpy.ndarray", PK_INERT, LB_F32, 0 }, { "numpy.float64", PK_INERT, LB_F32, 0 }, { "numpy.float32", PK_INERT, LB_F32, 0 }, { "numpy.int64", PK_INERT, LB_F32, 0 },
    { "pathlib.PosixPath", PK_INERT, LB_F32, 0 }, { "pathlib.PurePosixPath", PK_INERT, LB_F32, 0 }, { "pathlib.WindowsPath", PK_INERT, LB_F32, 0 }, { "_codecs.encode", PK_INERT, LB_F32, 0 },
    { "collections.Counter", PK_INERT, LB_F32, 0 }, { "collections.deque", PK_INERT, LB_F32, 0 }, { "datetime.datetime", PK_INERT, LB_F32, 0 }, { "datetime.timedelta", PK_INERT, LB_F32, 0 }, { "decimal.Decimal", PK_INERT, LB_F32, 0 },
    { "builtins.set", PK_INERT, LB_F32, 0 }, { "__builtin__.set", PK_INERT, LB_F32, 0 }, { "builtins.frozenset", PK_INERT, LB_F32, 0 }, { "builtins.list", PK_INERT, LB_F32, 0 }, { "builtins.tuple", PK_INERT, LB_F32, 0 }, { "builtins.int", PK_INERT, LB_F32, 0 },
    { "builtins.float", PK_INERT, LB_F32, 0 }, { "builtins.str", PK_INERT, LB_F32, 0 }, { "builtins.bool", PK_INERT, LB_F32, 0 }, { "builtins.complex", PK_INERT, LB_F32, 0 }, { "__builtin__.complex", PK_INERT, LB_F32, 0 }, { "builtins.slice", PK_INERT, LB_F32, 0 },
    { "builtins.range", PK_INERT, LB_F32, 0 }, { "builtins.bytearray", PK_INERT, LB_F32, 0 }, { "__builtin__.bytearray", PK_INERT, LB_F32, 0 }, { "builtins.object", PK_INERT, LB_F32, 0 }, { "__builtin__.object", PK_INERT, LB_F32, 0 }, { "copy_reg._reconstructor", PK_INERT, LB_F32, 0 }, { "copyreg._reconstructor", PK_INERT, LB_F32, 0 },
    { "torch.jit._pickle.build_intlist", PK_INERT, LB_F32, 0 }, { "torch.jit._pickle.build_tensorlist", PK_INERT, LB_F32, 0 }, { "torch.jit._pickle.build_doublelist", PK_INERT, LB_F32, 0 }, { "torch.jit._pickle.build_boollist", PK_INERT, LB_F32, 0 },
    { "torch.jit._pickle.restore_type_tag", PK_INERT, LB_F32, 0 }
};

#define PK_FAIL(status, ...) (lb__fail(status, __VA_ARGS__), pk_where(k, status))
static lb_status pk_where(const pickle *k, lb_status s) { return lb__fail(s, "pickle byte %zu, opcode 0x%x: %s", k->op_at, (unsigned)k->op, lb_last_error()); }
static size_t pk_limit(const pickle *k) { return k->ck->ctx->limits.max_tensors > SIZE_MAX / 16 ? SIZE_MAX / 16 : k->ck->ctx->limits.max_tensors * 16; }

static pk_value *pk_new(pickle *k, pk_type type) {
    pk_value *v;
    if (k->values >= pk_limit(k)) { PK_FAIL(LB_ERR_LIMIT, "more than %zu values", k->values); return NULL; }
    if (!k->slab_left) {
        k->slab = (pk_value *)lb__arena(k->ck->ctx, 64, sizeof *k->slab);
        if (!k->slab) return NULL;
        k->slab_left = 64;
    }
    v = k->slab++; k->slab_left--; k->values++;
    memset(v, 0, sizeof *v);
    v->type = type;
    return v;
}
static lb_status pk_grow(pickle *k, pk_value ***list, size_t n, size_t *cap) {
    pk_value **p; size_t c;
    if (n < *cap) return LB_OK;
    if (n >= pk_limit(k)) return PK_FAIL(LB_ERR_LIMIT, "more than %zu values", n);
    c = n < 4 ? 4 : n * 2;
    p = (pk_value **)lb__arena(k->ck->ctx, c, sizeof *p);
    if (!p) return LB_ERR_MEM;
    if (*cap) memcpy(p, *list, *cap * sizeof *p);
    memset(p + *cap, 0, (c - *cap) * sizeof *p);
    *list = p; *cap = c;
    return LB_OK;
}
static lb_status pk_push(pickle *k, pk_value *v) {
    if (!v) return LB_ERR_MEM;
    LB__TRY(pk_grow(k, &k->stack, k->depth, &k->cap));
    k->stack[k->depth++] = v;
    return LB_OK;
}
static lb_status pk_item(pickle *k, pk_value *to, pk_value *v) {
    LB__TRY(pk_grow(k, &to->item, to->n, &to->cap));
    to->item[to->n++] = v;
    return LB_OK;
}
static lb_status pk_pop(pickle *k, pk_value **v) {
    if (!k->depth || k->stack[k->depth - 1]->type == PK_MARK) return PK_FAIL(LB_ERR_FORMAT, "a value is needed and the stack has none");
    *v = k->stack[--k->depth];
    return LB_OK;
}
/* Index of the first value over the topmost mark. */
static lb_status pk_mark(pickle *k, size_t *first) {
    size_t i = k->depth;
    while (i && k->stack[i - 1]->type != PK_MARK) i--;
    if (!i) return PK_FAIL(LB_ERR_FORMAT, "a mark is needed and the stack has none");
    *first = i;
    return LB_OK;
}
static lb_status pk_need(pickle *k, uint64_t n, const unsigned char **p) {
    if (n > k->size - k->at) return PK_FAIL(LB_ERR_FORMAT, "%llu bytes are announced, %zu are left", (unsigned long long)n, k->size - k->at);
    *p = k->p + k->at; k->at += (size_t)n;
    return LB_OK;
}
static lb_status pk_line(pickle *k, const char **s, size_t *n) {
    const unsigned char *e = k->at < k->size ? (const unsigned char *)memchr(k->p + k->at, '\n', k->size - k->at) : NULL;
    if (!e) return PK_FAIL(LB_ERR_FORMAT, "a line is expected and does not end");
    *s = (const char *)k->p + k->at; *n = (size_t)(e - (k->p + k->at)); k->at += *n + 1;
    return LB_OK;
}
static lb_status pk_push_text(pickle *k, pk_type type, const char *s, size_t n) {
    pk_value *v = pk_new(k, type);
    if (v) { v->s = s; v->len = n; }
    return pk_push(k, v);
}
static lb_status pk_push_int(pickle *k, pk_type type, int64_t i) {
    pk_value *v = pk_new(k, type);
    if (v) v->i = i;
    return pk_push(k, v);
}
/* Two's complement, little endian; what does not fit 64 bits is kept as bytes. */
static lb_status pk_push_long(pickle *k, uint64_t n) {
    const unsigned char *p; uint64_t u = 0; size_t i;
    LB__TRY(pk_need(k, n, &p));
    if (n > 8) return pk_push_text(k, PK_BYTES, (const char *)p, (size_t)n);
    for (i = 0; i < n; i++) u |= (uint64_t)p[i] << 8 * i;
    if (n && n < 8 && p[n - 1] & 0x80) u |= ~(uint64_t)0 << 8 * n;
    return pk_push_int(k, PK_INT, (int64_t)u);
}
static lb_status pk_global(pickle *k, const char *module, size_t m, const char *name, size_t n, pk_value **out) {
    pk_value *v = pk_new(k, PK_GLOBAL); char *full; size_t i;
    if (!v) return LB_ERR_MEM;
    if (m + n > 1000) return PK_FAIL(LB_ERR_FORMAT, "a class name of %zu bytes", m + n);
    full = (char *)lb__arena(k->ck->ctx, m + n + 2, 1);
    if (!full) return LB_ERR_MEM;
    memcpy(full, module, m); full[m] = '.'; memcpy(full + m + 1, name, n); full[m + n + 1] = 0;
    for (i = 0; i < m + n + 1; i++) if ((unsigned char)full[i] < 32 || (unsigned char)full[i] > 126) full[i] = '?';
    v->s = full; v->len = m + n + 1; *out = v;
    for (i = 0; i < LB__COUNT(pk_names); i++) if (!strcmp(full, pk_names[i].name)) { v->role = pk_names[i].role; v->dtype = pk_names[i].dtype; v->untyped = pk_names[i].untyped; return LB_OK; }
    if (k->script && !strncmp(full, "__torch__.", 10)) { v->role = PK_SCRIPT; return LB_OK; }
    return PK_FAIL(LB_ERR_UNSUPPORTED, "the name %s is none that tensors and plain data need, so the file is refused (a whole pickled module? save its state_dict instead)", full);
}
static int pk_str_is(const pk_value *v, const char *s) { return v->type == PK_STR && v->len == strlen(s) && !memcmp(v->s, s, v->len); }

/* ('storage', type, key, place, elements[, view]) -> STORAGE */
static lb_status pk_persistent(pickle *k, const pk_value *id, pk_value **out) {
    pk_value *v; size_t i;
    if (id->type != PK_TUPLE || id->n < 5 || !pk_str_is(id->item[0], "storage") || id->item[1]->type != PK_GLOBAL || id->item[1]->role != PK_STORAGE_TYPE || id->item[2]->type != PK_STR || id->item[4]->type != PK_INT || id->item[4]->i < 0)
        return PK_FAIL(LB_ERR_FORMAT, "a persistent id that is not ('storage', type, key, place, elements)");
    if (id->n > 5 && id->item[5]->type != PK_NONE) return PK_FAIL(LB_ERR_UNSUPPORTED, "a storage that is a view of another (torch before 0.4)");
    v = pk_new(k, PK_STORAGE);
    if (!v) return LB_ERR_MEM;
    v->dtype = id->item[1]->dtype; v->untyped = id->item[1]->untyped; v->s = id->item[2]->s; v->len = id->item[2]->len; v->i = id->item[4]->i;
    if (k->zip) {
        char name[512]; const ck_member *m; uint64_t need;
        if (k->root_len + v->len + 8 > sizeof name) return PK_FAIL(LB_ERR_FORMAT, "a storage key of %zu bytes", v->len);
        memcpy(name, k->root, k->root_len); memcpy(name + k->root_len, "data/", 5); memcpy(name + k->root_len + 5, v->s, v->len);
        m = ck_zip_find(k->zip, name, k->root_len + 5 + v->len);
        if (!m) return PK_FAIL(LB_ERR_FORMAT, "the archive has no %.*s", (int)(k->root_len + 5 + v->len), name);
        if (!m->stored) return PK_FAIL(LB_ERR_UNSUPPORTED, "%.*s is compressed; torch.save never does that", (int)m->name_len, m->name);
        need = (uint64_t)v->i;
        if (need > m->size / lb_dtype_size(v->dtype)) return PK_FAIL(LB_ERR_FORMAT, "the storage %.*s should have %llu elements of %s and has %zu bytes", (int)m->name_len, m->name, (unsigned long long)need, lb_dtype_name(v->dtype), m->size);
        v->data = m->data; v->bytes = (size_t)need * lb_dtype_size(v->dtype);
    } else {
        if (k->storages >= 65536) return PK_FAIL(LB_ERR_LIMIT, "more than 65536 storages");
        for (i = 0; i < k->storages; i++) if (k->storage[i]->len == v->len && !memcmp(k->storage[i]->s, v->s, v->len)) { *out = k->storage[i]; return LB_OK; }
        LB__TRY(pk_grow(k, &k->storage, k->storages, &k->storage_cap));
        k->storage[k->storages++] = v;
    }
    *out = v;
    return LB_OK;
}
/* (storage, offset, shape, strides, ...) -> TENSOR.  Bounds are checked when it gets its name and its storage has its bytes. */
static lb_status pk_tensor(pickle *k, const pk_value *a, pk_role role, pk_value **out) {
    pk_value *v; ck_tensor *t; size_t d;
    if (a->type != PK_TUPLE || a->n < 4 || a->item[0]->type != PK_STORAGE || a->item[1]->type != PK_INT || a->item[1]->i < 0 || a->item[2]->type != PK_TUPLE || a->item[3]->type != PK_TUPLE || a->item[2]->n != a->item[3]->n)
        return PK_FAIL(LB_ERR_FORMAT, "a tensor that is not (storage, offset, shape, strides, ...)");
    if (a->item[2]->n > CK_DIMS) return PK_FAIL(LB_ERR_UNSUPPORTED, "a tensor of %zu dimensions", a->item[2]->n);
    v = pk_new(k, PK_TENSOR); t = (ck_tensor *)lb__arena(k->ck->ctx, 1, sizeof *t);
    if (!v || !t) return LB_ERR_MEM;
    memset(t, 0, sizeof *t);
    v->t = t; v->storage = a->item[0]; v->offset = (size_t)a->item[1]->i; t->dtype = a->item[0]->dtype; t->ndim = (int)a->item[2]->n;
    if ((uint64_t)a->item[1]->i > SIZE_MAX) return PK_FAIL(LB_ERR_FORMAT, "a tensor's offset does not fit in this machine's memory");
    if (role == PK_REBUILD_V3) {
        if (a->n < 7 || a->item[6]->type != PK_GLOBAL || a->item[6]->role != PK_DTYPE) return PK_FAIL(LB_ERR_FORMAT, "a tensor without its element type");
        t->dtype = a->item[6]->dtype;
    } else if (a->item[0]->untyped) return PK_FAIL(LB_ERR_FORMAT, "a tensor over bytes without its element type");
    for (d = 0; d < a->item[2]->n; d++) {
        const pk_value *n = a->item[2]->item[d], *s = a->item[3]->item[d];
        if (n->type != PK_INT || s->type != PK_INT || n->i < 0 || s->i < 0 || (uint64_t)n->i > SIZE_MAX || (uint64_t)s->i > SIZE_MAX) return PK_FAIL(LB_ERR_FORMAT, "a shape or stride that is not a whole number from 0 on");
        t->shape[d] = (size_t)n->i; t->stride[d] = (size_t)s->i;
    }
    k->tensors++;
    *out = v;
    return LB_OK;
}
static lb_status pk_pairs(pickle *k, pk_value *d, const pk_value *list) {
    size_t i;
    for (i = 0; i < list->n; i++) {
        const pk_value *e = list->item[i];
        if ((e->type != PK_TUPLE && e->type != PK_LIST) || e->n != 2) return PK_FAIL(LB_ERR_FORMAT, "a dictionary from a list that does not hold pairs");
        LB__TRY(pk_item(k, d, e->item[0])); LB__TRY(pk_item(k, d, e->item[1]));
    }
    return LB_OK;
}
/* What REDUCE, NEWOBJ, OBJ and INST make of a name and its arguments: data, or a dead object. */
static lb_status pk_apply(pickle *k, const pk_value *f, pk_value *args, pk_value **out) {
    if (f->type != PK_GLOBAL) return PK_FAIL(LB_ERR_UNSUPPORTED, "something other than a known name is called, so the file is refused");
    if (args->type != PK_TUPLE) return PK_FAIL(LB_ERR_FORMAT, "%s gets arguments that are no tuple", f->s);
    if (f->role == PK_REBUILD || f->role == PK_REBUILD_V3) return pk_tensor(k, args, f->role, out);
    if (f->role == PK_PARAMETER) {
        if (!args->n || args->item[0]->type != PK_TENSOR) return PK_FAIL(LB_ERR_FORMAT, "a parameter that is no tensor");
        *out = args->item[0];
        return LB_OK;
    }
    *out = pk_new(k, f->role == PK_IS_DICT ? PK_DICT : PK_OBJECT);
    if (!*out) return LB_ERR_MEM;
    if (f->role == PK_IS_DICT && args->n && args->item[args->n - 1]->type == PK_LIST) return pk_pairs(k, *out, args->item[args->n - 1]);
    (*out)->role = f->role; (*out)->s = f->s; (*out)->len = f->len;
    return LB_OK;
}
static lb_status pk_memo_put(pickle *k, uint64_t i) {
    pk_value *v;
    LB__TRY(pk_pop(k, &v)); k->depth++;
    if (i > k->size) return PK_FAIL(LB_ERR_FORMAT, "memo number %llu in a pickle of %zu bytes", (unsigned long long)i, k->size);
    if (i >= k->memo_cap) {
        size_t cap = LB__MAX((size_t)i + 1, k->memo_cap * 2); pk_value **p = (pk_value **)lb__arena(k->ck->ctx, cap, sizeof *p);
        if (!p) return LB_ERR_MEM;
        if (k->memos) memcpy(p, k->memo, k->memos * sizeof *p);
        k->memo = p; k->memo_cap = cap;
    }
    for (; k->memos <= i; k->memos++) k->memo[k->memos] = NULL;
    k->memo[i] = v;
    return LB_OK;
}
static lb_status pk_memo_get(pickle *k, uint64_t i) {
    if (i >= k->memos || !k->memo[i]) return PK_FAIL(LB_ERR_FORMAT, "memo number %llu was never stored", (unsigned long long)i);
    return pk_push(k, k->memo[i]);
}
static lb_status pk_decimal(pickle *k, const char *s, size_t n, uint64_t *out) {
    size_t i;
    if (!n || n > 18) return PK_FAIL(LB_ERR_FORMAT, "a number of %zu digits", n);
    for (i = 0, *out = 0; i < n; i++) { if (s[i] < '0' || s[i] > '9') return PK_FAIL(LB_ERR_FORMAT, "a number is expected"); *out = *out * 10 + (uint64_t)(s[i] - '0'); }
    return LB_OK;
}
static lb_status pk_collect(pickle *k, pk_type type, size_t first, pk_value **out) {
    size_t i;
    *out = pk_new(k, type);
    if (!*out) return LB_ERR_MEM;
    if (type == PK_DICT && (k->depth - first) % 2) return PK_FAIL(LB_ERR_FORMAT, "a key without a value");
    for (i = first; i < k->depth; i++) LB__TRY(pk_item(k, *out, k->stack[i]));
    return LB_OK;
}
static lb_status pk_set_items(pickle *k, size_t first, size_t drop) {
    pk_value *to; size_t i;
    if (first < drop + 1 || k->stack[first - drop - 1]->type == PK_MARK) return PK_FAIL(LB_ERR_FORMAT, "items for nothing");
    to = k->stack[first - drop - 1];
    if ((k->depth - first) % 2) return PK_FAIL(LB_ERR_FORMAT, "a key without a value");
    if (to->type == PK_DICT) for (i = first; i < k->depth; i++) LB__TRY(pk_item(k, to, k->stack[i]));
    else if (to->type != PK_OBJECT) return PK_FAIL(LB_ERR_FORMAT, "items for something that is no dictionary");
    k->depth = first - drop;
    return LB_OK;
}
static lb_status pk_append(pickle *k, size_t first, size_t drop, pk_type type) {
    pk_value *to; size_t i;
    if (first < drop + 1 || k->stack[first - drop - 1]->type == PK_MARK) return PK_FAIL(LB_ERR_FORMAT, "elements for nothing");
    to = k->stack[first - drop - 1];
    if (to->type == type) for (i = first; i < k->depth; i++) LB__TRY(pk_item(k, to, k->stack[i]));
    else if (to->type != PK_OBJECT) return PK_FAIL(LB_ERR_FORMAT, "elements for something that is no %s", type == PK_LIST ? "list" : "set");
    k->depth = first - drop;
    return LB_OK;
}

/* One pickle, from k->at to its STOP. */
static lb_status pk_run(pickle *k, pk_value **root) {
    const unsigned char *p; const char *s, *s2; size_t n, n2, first; uint64_t u; pk_value *v, *a, *b;
    k->depth = 0; k->memos = 0;
    for (;;) {
        k->op_at = k->at; k->op = 0;
        if (k->at >= k->size) return PK_FAIL(LB_ERR_FORMAT, "the pickle ends without STOP");
        k->op = k->p[k->at++];
        switch (k->op) {
        case 0x80: LB__TRY(pk_need(k, 1, &p)); if (p[0] > 5) return PK_FAIL(LB_ERR_UNSUPPORTED, "pickle protocol %d, up to 5 is read", p[0]); break;                /* PROTO */
        case 0x95: LB__TRY(pk_need(k, 8, &p)); if (lb__u64le(p) > k->size - k->at) return PK_FAIL(LB_ERR_FORMAT, "a frame of %llu bytes, %zu are left", (unsigned long long)lb__u64le(p), k->size - k->at); break;   /* FRAME */
        case '.':  LB__TRY(pk_pop(k, root)); return LB_OK;                                                                                                       /* STOP */
        case '(':  LB__TRY(pk_push(k, pk_new(k, PK_MARK))); break;                                                                                               /* MARK */
        case '0':  if (!k->depth) return PK_FAIL(LB_ERR_FORMAT, "the stack is empty"); k->depth--; break;                                                        /* POP */
        case '1':  LB__TRY(pk_mark(k, &first)); k->depth = first - 1; break;                                                                                     /* POP_MARK */
        case '2':  LB__TRY(pk_pop(k, &v)); k->depth++; LB__TRY(pk_push(k, v)); break;                                                                            /* DUP */
        case 'N':  LB__TRY(pk_push(k, pk_new(k, PK_NONE))); break;
        case 0x88: LB__TRY(pk_push_int(k, PK_BOOL, 1)); break;
        case 0x89: LB__TRY(pk_push_int(k, PK_BOOL, 0)); break;
        case 'J':  LB__TRY(pk_need(k, 4, &p)); LB__TRY(pk_push_int(k, PK_INT, (int32_t)lb__u32le(p))); break;                                                    /* BININT */
        case 'K':  LB__TRY(pk_need(k, 1, &p)); LB__TRY(pk_push_int(k, PK_INT, p[0])); break;
        case 'M':  LB__TRY(pk_need(k, 2, &p)); LB__TRY(pk_push_int(k, PK_INT, lb__u16le(p))); break;
        case 0x8a: LB__TRY(pk_need(k, 1, &p)); LB__TRY(pk_push_long(k, p[0])); break;                                                                            /* LONG1 */
        case 0x8b: LB__TRY(pk_need(k, 4, &p)); LB__TRY(pk_push_long(k, lb__u32le(p))); break;                                                                    /* LONG4 */
        case 'I': case 'L': case 'F': case 'S': case 'V':                                                                                                       /* the text forms of old protocols: kept as text */
            LB__TRY(pk_line(k, &s, &n));
            if (k->op == 'I' && n == 2 && (s[0] == '0') && (s[1] == '0' || s[1] == '1')) { LB__TRY(pk_push_int(k, PK_BOOL, s[1] - '0')); break; }
            if ((k->op == 'I' || k->op == 'L') && n) {
                int neg = s[0] == '-'; if (k->op == 'L' && s[n - 1] == 'L') n--;
                if (n - (size_t)neg <= 18) { LB__TRY(pk_decimal(k, s + neg, n - (size_t)neg, &u)); LB__TRY(pk_push_int(k, PK_INT, neg ? -(int64_t)u : (int64_t)u)); break; }
            }
            if (k->op == 'S' && n >= 2 && (s[0] == '\'' || s[0] == '"') && s[n - 1] == s[0]) { s++; n -= 2; }
            LB__TRY(pk_push_text(k, k->op == 'S' || k->op == 'V' ? PK_STR : PK_BYTES, s, n)); break;
        case 'G':  LB__TRY(pk_need(k, 8, &p)); v = pk_new(k, PK_FLOAT); if (v) v->f = lb__bits_f64(lb__u64be(p)); LB__TRY(pk_push(k, v)); break;                 /* BINFLOAT */
        case 'T': case 'X': case 'B':                                                                                                                           /* BINSTRING BINUNICODE BINBYTES */
            LB__TRY(pk_need(k, 4, &p)); n = lb__u32le(p); LB__TRY(pk_need(k, n, &p)); LB__TRY(pk_push_text(k, k->op == 'B' ? PK_BYTES : PK_STR, (const char *)p, n)); break;
        case 'U': case 'C': case 0x8c:
            LB__TRY(pk_need(k, 1, &p)); n = p[0]; LB__TRY(pk_need(k, n, &p)); LB__TRY(pk_push_text(k, k->op == 'C' ? PK_BYTES : PK_STR, (const char *)p, n)); break;
        case 0x8d: case 0x8e: case 0x96:
            LB__TRY(pk_need(k, 8, &p)); u = lb__u64le(p); LB__TRY(pk_need(k, u, &p)); LB__TRY(pk_push_text(k, k->op == 0x8d ? PK_STR : PK_BYTES, (const char *)p, (size_t)u)); break;
        case ']':  LB__TRY(pk_push(k, pk_new(k, PK_LIST))); break;
        case '}':  LB__TRY(pk_push(k, pk_new(k, PK_DICT))); break;
        case ')':  LB__TRY(pk_push(k, pk_new(k, PK_TUPLE))); break;
        case 0x8f: LB__TRY(pk_push(k, pk_new(k, PK_SET))); break;
        case 't': case 'l': case 'd': case 0x91:                                                                                                                /* TUPLE LIST DICT FROZENSET over a mark */
            LB__TRY(pk_mark(k, &first)); LB__TRY(pk_collect(k, k->op == 't' ? PK_TUPLE : k->op == 'l' ? PK_LIST : k->op == 'd' ? PK_DICT : PK_SET, first, &v)); k->depth = first - 1; LB__TRY(pk_push(k, v)); break;
        case 0x85: case 0x86: case 0x87:                                                                                                                        /* TUPLE1 TUPLE2 TUPLE3 */
            n = (size_t)(k->op - 0x84);
            for (first = 0; first < n; first++) if (k->depth < n || k->stack[k->depth - 1 - first]->type == PK_MARK) return PK_FAIL(LB_ERR_FORMAT, "a tuple of %zu needs as many values", n);
            LB__TRY(pk_collect(k, PK_TUPLE, k->depth - n, &v)); k->depth -= n; LB__TRY(pk_push(k, v)); break;
        case 'a':  if (k->depth < 2 || k->stack[k->depth - 1]->type == PK_MARK) return PK_FAIL(LB_ERR_FORMAT, "nothing to append"); LB__TRY(pk_append(k, k->depth - 1, 0, PK_LIST)); break;
        case 'e':  LB__TRY(pk_mark(k, &first)); LB__TRY(pk_append(k, first, 1, PK_LIST)); break;
        case 0x90: LB__TRY(pk_mark(k, &first)); LB__TRY(pk_append(k, first, 1, PK_SET)); break;
        case 's':  if (k->depth < 3 || k->stack[k->depth - 1]->type == PK_MARK || k->stack[k->depth - 2]->type == PK_MARK) return PK_FAIL(LB_ERR_FORMAT, "nothing to set"); LB__TRY(pk_set_items(k, k->depth - 2, 0)); break;
        case 'u':  LB__TRY(pk_mark(k, &first)); LB__TRY(pk_set_items(k, first, 1)); break;
        case 'p': case 'g': LB__TRY(pk_line(k, &s, &n)); LB__TRY(pk_decimal(k, s, n, &u)); LB__TRY(k->op == 'p' ? pk_memo_put(k, u) : pk_memo_get(k, u)); break;
        case 'q':  LB__TRY(pk_need(k, 1, &p)); LB__TRY(pk_memo_put(k, p[0])); break;
        case 'r':  LB__TRY(pk_need(k, 4, &p)); LB__TRY(pk_memo_put(k, lb__u32le(p))); break;
        case 0x94: LB__TRY(pk_memo_put(k, k->memos)); break;                                                                                                     /* MEMOIZE */
        case 'h':  LB__TRY(pk_need(k, 1, &p)); LB__TRY(pk_memo_get(k, p[0])); break;
        case 'j':  LB__TRY(pk_need(k, 4, &p)); LB__TRY(pk_memo_get(k, lb__u32le(p))); break;
        case 'c':  LB__TRY(pk_line(k, &s, &n)); LB__TRY(pk_line(k, &s2, &n2)); LB__TRY(pk_global(k, s, n, s2, n2, &v)); LB__TRY(pk_push(k, v)); break;          /* GLOBAL */
        case 0x93:                                                                                                                                              /* STACK_GLOBAL */
            LB__TRY(pk_pop(k, &b)); LB__TRY(pk_pop(k, &a));
            if (a->type != PK_STR || b->type != PK_STR) return PK_FAIL(LB_ERR_FORMAT, "a name that is no string");
            LB__TRY(pk_global(k, a->s, a->len, b->s, b->len, &v)); LB__TRY(pk_push(k, v)); break;
        case 'R': case 0x81:                                                                                                                                    /* REDUCE NEWOBJ */
            LB__TRY(pk_pop(k, &b)); LB__TRY(pk_pop(k, &a)); LB__TRY(pk_apply(k, a, b, &v)); LB__TRY(pk_push(k, v)); break;
        case 0x92:                                                                                                                                              /* NEWOBJ_EX */
            LB__TRY(pk_pop(k, &v)); LB__TRY(pk_pop(k, &b)); LB__TRY(pk_pop(k, &a)); LB__TRY(pk_apply(k, a, b, &v)); LB__TRY(pk_push(k, v)); break;
        case 'i':                                                                                                                                               /* INST */
            LB__TRY(pk_line(k, &s, &n)); LB__TRY(pk_line(k, &s2, &n2)); LB__TRY(pk_global(k, s, n, s2, n2, &a));
            LB__TRY(pk_mark(k, &first)); LB__TRY(pk_collect(k, PK_TUPLE, first, &b)); k->depth = first - 1; LB__TRY(pk_apply(k, a, b, &v)); LB__TRY(pk_push(k, v)); break;
        case 'o':                                                                                                                                               /* OBJ */
            LB__TRY(pk_mark(k, &first));
            if (first >= k->depth) return PK_FAIL(LB_ERR_FORMAT, "an object without a class");
            a = k->stack[first]; LB__TRY(pk_collect(k, PK_TUPLE, first + 1, &b)); k->depth = first - 1; LB__TRY(pk_apply(k, a, b, &v)); LB__TRY(pk_push(k, v)); break;
        case 'b':                                                                                                                                               /* BUILD: attributes of an object; of a dictionary or tensor they are bookkeeping */
            LB__TRY(pk_pop(k, &b)); LB__TRY(pk_pop(k, &a)); k->depth++;
            if (a->type != PK_OBJECT && a->type != PK_DICT && a->type != PK_TENSOR) return PK_FAIL(LB_ERR_FORMAT, "attributes for something that is no object");
            if (a->type == PK_OBJECT) a->state = b;
            break;
        case 'Q':  LB__TRY(pk_pop(k, &a)); LB__TRY(pk_persistent(k, a, &v)); LB__TRY(pk_push(k, v)); break;                                                      /* BINPERSID */
        case 'P':  return PK_FAIL(LB_ERR_UNSUPPORTED, "a persistent id as text, which torch never writes; the file is refused");
        case 0x82: case 0x83: case 0x84: return PK_FAIL(LB_ERR_UNSUPPORTED, "a code of the extension registry, which could stand for anything; the file is refused");
        case 0x97: case 0x98: return PK_FAIL(LB_ERR_UNSUPPORTED, "a buffer that lies outside the file");
        default:   return PK_FAIL(LB_ERR_FORMAT, "no such opcode");
        }
    }
}

/* ---- from a pickle's values to named tensors ---- */

static lb_status ck_name_tensor(pickle *k, const char *prefix, const pk_value *key, const pk_value *v, const char *file) {
    checkpoint *ck = k->ck; ck_tensor *t = (ck_tensor *)lb__arena(ck->ctx, 1, sizeof *t); char *name; size_t n = strlen(prefix), i;
    if (!t) return LB_ERR_MEM;
    if (key->len + n > 4096) return lb__fail(LB_ERR_FORMAT, "a tensor name of %zu bytes", key->len + n);
    name = (char *)lb__arena(ck->ctx, n + key->len + 1, 1);
    if (!name) return LB_ERR_MEM;
    memcpy(name, prefix, n); memcpy(name + n, key->s, key->len); name[n + key->len] = 0;
    for (i = 0; i < n + key->len; i++) if ((unsigned char)name[i] < 32 || name[i] == 127) name[i] = '?';
    *t = *v->t; t->name = name; t->file = file;
    LB__TRY(ck_check_view(t, v->offset, v->storage->bytes));
    t->data = ck_elements(t) ? v->storage->data + v->offset * lb_dtype_size(t->dtype) : v->storage->data;
    return ck_add(ck, t);
}
static size_t ck_dict_tensors(const pk_value *d) { size_t i, n = 0; if (d->type == PK_DICT) for (i = 0; i + 1 < d->n; i += 2) n += d->item[i]->type == PK_STR && d->item[i + 1]->type == PK_TENSOR; return n; }
static lb_status ck_take_dict(pickle *k, const pk_value *d, const char *file) {
    size_t i;
    for (i = 0; i + 1 < d->n; i += 2) if (d->item[i]->type == PK_STR && d->item[i + 1]->type == PK_TENSOR) LB__TRY(ck_name_tensor(k, "", d->item[i], d->item[i + 1], file));
    return LB_OK;
}
static lb_status ck_take_module(pickle *k, pk_value *v, const char *prefix, size_t depth, const char *file) {
    size_t i;
    if (depth > k->ck->ctx->limits.max_nesting) return lb__fail(LB_ERR_LIMIT, "modules nested deeper than %zu (max_nesting)", depth - 1);
    if (v->visited || !v->state || v->state->type != PK_DICT) return LB_OK;
    v->visited = 1;
    for (i = 0; i + 1 < v->state->n; i += 2) {
        const pk_value *key = v->state->item[i]; pk_value *c = v->state->item[i + 1];
        if (key->type != PK_STR) continue;
        if (c->type == PK_TENSOR) LB__TRY(ck_name_tensor(k, prefix, key, c, file));
        else if (c->type == PK_OBJECT && c->role == PK_SCRIPT) {
            char *deeper; size_t n = strlen(prefix);
            if (n + key->len > 4096) return lb__fail(LB_ERR_FORMAT, "a module name of %zu bytes", n + key->len);
            deeper = (char *)lb__arena(k->ck->ctx, n + key->len + 2, 1);
            if (!deeper) return LB_ERR_MEM;
            memcpy(deeper, prefix, n); memcpy(deeper + n, key->s, key->len); deeper[n + key->len] = '.'; deeper[n + key->len + 1] = 0;
            LB__TRY(ck_take_module(k, c, deeper, depth + 1, file));
        }
    }
    return LB_OK;
}
static lb_status ck_take_root(pickle *k, pk_value *root, const char *file) {
    static const char *const wrapper[] = { "state_dict", "model_state_dict", "model", "module" }; pk_value *d = root, *v = root; size_t i, w, depth;
    if (root->type == PK_OBJECT && root->role == PK_SCRIPT) { LB__TRY(ck_take_module(k, root, "", 0, file)); }
    else {
        for (depth = 0; v->type == PK_DICT; depth++) {                    /* of those inside each other the one with the most tensors: a training checkpoint may keep a loss beside its state_dict */
            pk_value *next = NULL;
            if (ck_dict_tensors(v) > ck_dict_tensors(d)) d = v;
            for (w = 0; w < LB__COUNT(wrapper) && !next; w++) for (i = 0; i + 1 < v->n; i += 2) if (pk_str_is(v->item[i], wrapper[w]) && v->item[i + 1]->type == PK_DICT) next = v->item[i + 1];
            if (!next || depth > 4) break;
            v = next;
        }
        if (!ck_dict_tensors(d)) return lb__fail(LB_ERR_UNSUPPORTED, "the pickle holds no dictionary of tensors by name, nor one under state_dict, model_state_dict, model or module");
        LB__TRY(ck_take_dict(k, d, file));
    }
    if (!k->ck->count) return lb__fail(LB_ERR_UNSUPPORTED, "the file holds no tensors with names");
    k->ck->outside += k->tensors > k->ck->count ? k->tensors - k->ck->count : 0;
    return LB_OK;
}

static lb_status ck_read_zip(checkpoint *ck, const unsigned char *p, size_t size, const char *file) {
    ck_zip z; const ck_member *pkl = NULL, *m; pickle k; pk_value *root = NULL; size_t i; char name[512];
    LB__TRY(ck_zip_open(ck, p, size, &z));
    for (i = 0; i < z.count; i++) {
        m = &z.member[i];
        if ((m->name_len == 8 && !memcmp(m->name, "data.pkl", 8)) || (m->name_len > 9 && !memcmp(m->name + m->name_len - 9, "/data.pkl", 9) && !memchr(m->name, '/', m->name_len - 9))) pkl = m;
    }
    if (!pkl) return lb__fail(LB_ERR_UNSUPPORTED, "a zip archive without data.pkl: torch.save did not write it");
    if (!pkl->stored) return lb__fail(LB_ERR_UNSUPPORTED, "%.*s is compressed; torch.save never does that", (int)pkl->name_len, pkl->name);
    if (pkl->size > ck->ctx->limits.max_text) return lb__fail(LB_ERR_LIMIT, "data.pkl of %zu bytes, the limit (max_text) is %zu", pkl->size, ck->ctx->limits.max_text);
    memset(&k, 0, sizeof k);
    k.ck = ck; k.p = pkl->data; k.size = pkl->size; k.zip = &z; k.root = pkl->name; k.root_len = pkl->name_len - 8;
    if (k.root_len + 16 > sizeof name) return lb__fail(LB_ERR_FORMAT, "the archive's root has a name of %zu bytes", k.root_len);
    memcpy(name, k.root, k.root_len); memcpy(name + k.root_len, "byteorder", 9);
    m = ck_zip_find(&z, name, k.root_len + 9);
    if (m && m->stored && m->size >= 3 && !memcmp(m->data, "big", 3)) return lb__fail(LB_ERR_UNSUPPORTED, "the archive was written on a big-endian machine; save it again on a little-endian one");
    memcpy(name + k.root_len, "code/", 5);
    for (i = 0; i < z.count; i++) if (z.member[i].name_len > k.root_len + 5 && !memcmp(z.member[i].name, name, k.root_len + 5)) k.script = 1;
    memcpy(name + k.root_len, "constants.pkl", 13);
    if (ck_zip_find(&z, name, k.root_len + 13)) k.script = 1;
    ck->kind = k.script ? "torchscript" : "torch";
    LB__TRY(pk_run(&k, &root));
    return ck_take_root(&k, root, file);
}

/* torch.save before 1.6: magic number, version, system facts, the object, the storages' keys - five pickles - then the storages. */
static const unsigned char ck_legacy_magic[] = { 0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };
static lb_status ck_read_legacy(checkpoint *ck, const unsigned char *p, size_t size, const char *file) {
    pickle k; pk_value *v = NULL, *root = NULL; size_t i, j, at, bytes;
    memset(&k, 0, sizeof k);
    k.ck = ck; k.p = p; k.size = size;
    ck->kind = "torch-legacy";
    LB__TRY(pk_run(&k, &v)); LB__TRY(pk_run(&k, &v));
    if (v->type != PK_INT || v->i != 1001) return lb__fail(LB_ERR_UNSUPPORTED, "torch format version %lld, 1001 was expected", (long long)v->i);
    LB__TRY(pk_run(&k, &v)); LB__TRY(pk_run(&k, &root)); LB__TRY(pk_run(&k, &v));
    if (v->type != PK_LIST) return lb__fail(LB_ERR_FORMAT, "the list of storages is missing");
    for (i = 0, at = k.at; i < v->n; i++) {
        uint64_t n; pk_value *s = NULL;
        for (j = 0; j < k.storages; j++) if (v->item[i]->type == PK_STR && k.storage[j]->len == v->item[i]->len && !memcmp(k.storage[j]->s, v->item[i]->s, v->item[i]->len)) s = k.storage[j];
        if (!s) return lb__fail(LB_ERR_FORMAT, "storage %zu of the list belongs to no tensor", i);
        if (size - at < 8) return lb__fail(LB_ERR_FORMAT, "cut off at byte %zu, before storage %zu", at, i);
        n = lb__u64le(p + at); at += 8;
        if (n != (uint64_t)s->i || n > (size - at) / lb_dtype_size(s->dtype)) return lb__fail(LB_ERR_FORMAT, "storage %zu at byte %zu has %llu elements, its tensor says %lld and %zu bytes are left", i, at, (unsigned long long)n, (long long)s->i, size - at);
        bytes = (size_t)n * lb_dtype_size(s->dtype);
        s->data = p + at; s->bytes = bytes; at += bytes;
    }
    return ck_take_root(&k, root, file);
}

static lb_status ck_read_safetensors(checkpoint *ck, const unsigned char *p, size_t size, const char *file) {
    static const struct { const char *name; lb_dtype t; } types[] = { { "F32", LB_F32 }, { "F16", LB_F16 }, { "BF16", LB_BF16 }, { "F64", LB_F64 }, { "I64", LB_I64 }, { "I32", LB_I32 }, { "I16", LB_I16 }, { "I8", LB_I8 }, { "U8", LB_U8 }, { "BOOL", LB_BOOL }, { "U16", LB_U16 }, { "U32", LB_U32 }, { "U64", LB_U64 } };
    uint64_t head; lb__json_doc doc; const lb__json *e; lb_status s = LB_OK; const unsigned char *data; size_t room;
    if (size < 8) return lb__fail(LB_ERR_FORMAT, "safetensors: %zu bytes are too few", size);
    head = lb__u64le(p);
    if (head > size - 8) return lb__fail(LB_ERR_FORMAT, "safetensors: the header should have %llu bytes, %zu are there", (unsigned long long)head, size - 8);
    ck->kind = "safetensors";
    LB__TRY(lb__json_parse(&ck->ctx->limits, (const char *)p + 8, (size_t)head, NULL, &doc));
    data = p + 8 + head; room = size - 8 - (size_t)head;
    if (doc.root->type != LB__JSON_OBJECT) s = lb__fail(LB_ERR_FORMAT, "safetensors: the header is %s, an object was expected", lb__json_type_name(doc.root));
    for (e = s ? NULL : doc.root->first; e && !s; e = e->next) {
        const char *type = lb__json_str(e, "dtype", ""); const lb__json *shape = lb__json_get(e, "shape"), *offsets = lb__json_get(e, "data_offsets"), *d; ck_tensor *t; size_t i, bytes; int k;
        if (!strcmp(e->key, "__metadata__")) continue;
        t = (ck_tensor *)lb__arena(ck->ctx, 1, sizeof *t);
        if (!t || !(t->name = ck_string(ck, e->key, strlen(e->key)))) { s = LB_ERR_MEM; break; }
        { const char *name = t->name; memset(t, 0, sizeof *t); t->name = name; }
        for (i = 0; i < LB__COUNT(types) && strcmp(type, types[i].name); i++) { }
        if (i == LB__COUNT(types)) { s = lb__fail(LB_ERR_UNSUPPORTED, "safetensors: tensor %s has type '%s', which is not read", t->name, type); break; }
        t->dtype = types[i].t; t->file = file;
        if (!shape || shape->type != LB__JSON_ARRAY || shape->count > CK_DIMS || !offsets || offsets->type != LB__JSON_ARRAY || offsets->count != 2 || !offsets->first->exact || !offsets->first->next->exact || offsets->first->i < 0 || offsets->first->next->i < offsets->first->i) {
            s = lb__fail(LB_ERR_FORMAT, "safetensors: tensor %s needs a shape of up to 8 sizes and two data_offsets in order", t->name); break; }
        for (d = shape->first; d && !s; d = d->next) {
            if (!d->exact || d->i < 0 || (uint64_t)d->i > SIZE_MAX) s = lb__fail(LB_ERR_FORMAT, "safetensors: tensor %s has a size that is not a whole number from 0 on", t->name);
            else t->shape[t->ndim++] = (size_t)d->i;
        }
        if (s) break;
        for (bytes = lb_dtype_size(t->dtype), k = t->ndim - 1; k >= 0 && !s; k--) {
            t->stride[k] = bytes / lb_dtype_size(t->dtype);
            if (!lb__mul(bytes, t->shape[k], &bytes)) s = lb__fail(LB_ERR_FORMAT, "safetensors: tensor %s has more elements than this machine can address", t->name);
        }
        if (s) break;
        if ((uint64_t)offsets->first->next->i > room || (uint64_t)(offsets->first->next->i - offsets->first->i) != bytes) {
            s = lb__fail(LB_ERR_FORMAT, "safetensors: tensor %s lies at bytes %lld to %lld of %zu, its shape and type need %zu", t->name, (long long)offsets->first->i, (long long)offsets->first->next->i, room, bytes); break; }
        t->data = data + offsets->first->i;
        s = ck_add(ck, t);
    }
    lb__json_free(&doc);
    if (!s && !ck->count) s = lb__fail(LB_ERR_FORMAT, "safetensors: no tensors");
    return s;
}

/* The bytes of one checkpoint file of whatever kind.  They must stay until ck_close. */
static lb_status ck_read(checkpoint *ck, const unsigned char *p, size_t size, const char *file) {
    size_t before = ck->count; (void)before;
    if (size >= 4 && !memcmp(p, "PK\3\4", 4)) return ck_read_zip(ck, p, size, file);
    if (size >= sizeof ck_legacy_magic && !memcmp(p, ck_legacy_magic, sizeof ck_legacy_magic)) return ck_read_legacy(ck, p, size, file);
    if (size >= 9 && p[8] == '{' && lb__u64le(p) <= size - 8) return ck_read_safetensors(ck, p, size, file);
    if (size >= 4 && !memcmp(p, "LBW1", 4)) return lb__fail(LB_ERR_UNSUPPORTED, "a .lbw file: it is converted already");
    if (size >= 130 && !memcmp(p, "version https://git-lfs", 23)) return lb__fail(LB_ERR_FORMAT, "a Git LFS pointer: the file itself was never downloaded");
    if (size >= 9 && p[8] == '{') return lb__fail(LB_ERR_FORMAT, "safetensors: the header should have %llu bytes, %zu are there: the file is cut off", (unsigned long long)lb__u64le(p), size - 8);
    if (size >= 2 && p[0] == 0x80 && p[1] <= 5) return lb__fail(LB_ERR_UNSUPPORTED, "a plain pickle, not one that torch.save writes; save it with a current torch");
    return lb__fail(LB_ERR_UNSUPPORTED, "neither a torch archive nor a safetensors file");
}

/* ---- files and folders ---- */

/* folder/name, in the arena. */
static char *ck_join(checkpoint *ck, const char *folder, const char *name) {
    size_t a = strlen(folder), b = strlen(name); char *p = (char *)lb__arena(ck->ctx, a + b + 2, 1);
    if (!p) return NULL;
    memcpy(p, folder, a);
    if (a && folder[a - 1] != '/') p[a++] = '/';
    memcpy(p + a, name, b); p[a + b] = 0;
    return p;
}
static int ck_exists(const char *path) { struct stat st; return !stat(path, &st) && !S_ISDIR(st.st_mode); }
static int ck_is_folder(const char *path) { struct stat st; return !stat(path, &st) && S_ISDIR(st.st_mode); }
static lb_status ck_read_file(checkpoint *ck, const char *path) {
    char *copy;
    if (ck->files == CK_FILES) return lb__fail(LB_ERR_LIMIT, "more than %d files in one checkpoint", (int)CK_FILES);
    copy = ck_string(ck, path, strlen(path));
    if (!copy) return LB_ERR_MEM;
    LB__TRY(lb__bytes_open(path, &ck->file[ck->files]));
    ck->path[ck->files++] = copy;
    return lb__fail_in(ck_read(ck, ck->file[ck->files - 1].data, ck->file[ck->files - 1].size, copy), copy);
}
/* model.safetensors.index.json: {"weight_map": {tensor: file}}; every file is read whole, names outside the map stay out. */
static lb_status ck_read_index(checkpoint *ck, const char *path) {
    lb__bytes f; lb__json_doc doc; const lb__json *map, *e, *g; lb_status s; const char *slash = strrchr(path, '/'); char *folder; size_t i, kept = 0;
    folder = slash ? ck_string(ck, path, (size_t)(slash - path)) : ck_string(ck, ".", 1);
    if (!folder) return LB_ERR_MEM;
    LB__TRY(lb__bytes_open(path, &f));
    s = lb__fail_in(lb__json_parse(&ck->ctx->limits, (const char *)f.data, f.size, NULL, &doc), path);
    lb__bytes_close(&f);
    if (s) return s;
    map = lb__json_get(doc.root, "weight_map");
    if (!map || map->type != LB__JSON_OBJECT || !map->count) s = lb__fail(LB_ERR_FORMAT, "%s: weight_map, an object from tensor to file, is missing", path);
    for (e = s ? NULL : map->first; e && !s; e = e->next) {
        char *part; int k, known = 0;
        if (e->type != LB__JSON_STRING || !e->len || strchr(e->str, '/') || strchr(e->str, '\\') || e->str[0] == '.') { s = lb__fail(LB_ERR_FORMAT, "%s: tensor %s is said to be in a file that is not a plain name beside the index", path, e->key); break; }
        part = ck_join(ck, folder, e->str);
        if (!part) { s = LB_ERR_MEM; break; }
        for (k = 0; k < ck->files && !known; k++) known = !strcmp(ck->path[k], part);
        if (!known) s = ck_read_file(ck, part);
    }
    if (!s) s = ck_sort(ck);
    for (g = s ? NULL : map->first; g && !s; g = g->next) {
        const ck_tensor *t = ck_find(ck, g->key); const char *base = t ? strrchr(t->file, '/') : NULL;
        if (!t) s = lb__fail(LB_ERR_FORMAT, "%s: tensor %s is not in %s", path, g->key, g->str);
        else if (strcmp(base ? base + 1 : t->file, g->str)) s = lb__fail(LB_ERR_FORMAT, "%s: tensor %s is in %s, not in %s", path, g->key, t->file, g->str);
        (void)i; kept++;
    }
    lb__json_free(&doc);
    return s;
}
/* The file of a folder that holds the weights; NULL leaves a sentence. */
static char *ck_folder_file(checkpoint *ck, const char *folder) {
    static const char *const name[] = { "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "open_clip_pytorch_model.safetensors", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
        "adapter_model.safetensors", "adapter_model.bin" };
    size_t i; char *p;
    for (i = 0; i < LB__COUNT(name); i++) { p = ck_join(ck, folder, name[i]); if (!p) return NULL; if (ck_exists(p)) return p; }
    lb__fail(LB_ERR_IO, "%s: no open_clip_model.safetensors, open_clip_pytorch_model.bin, model.safetensors, pytorch_model.bin nor an index of one is in this folder", folder);
    return NULL;
}
/* Open a checkpoint: a file, an index, or a folder. */
static lb_status ck_open(lb_ctx *ctx, const char *path, checkpoint *ck) {
    lb_status s = LB_OK; const char *file = path; size_t n;
    memset(ck, 0, sizeof *ck);
    ck->ctx = ctx; ck->mark = lb__arena_mark(ctx);
    if (ck_is_folder(path)) { file = ck_folder_file(ck, path); if (!file) s = ck->ctx && strstr(lb_last_error(), "out of memory") ? LB_ERR_MEM : LB_ERR_IO; }
    if (!s) {
        n = strlen(file);
        if (n > 11 && !strcmp(file + n - 11, ".index.json")) s = ck_read_index(ck, file);
        else { s = ck_read_file(ck, file); if (!s) s = lb__fail_in(ck_sort(ck), file); }
    }
    if (s) ck_close(ck);
    return s;
}
#endif
