/* languagebind.h - v0.1.0 - six modalities in one embedding space, in one C header.          MIT licence (end of file)
 *
 * Runs and trains LanguageBind (ICLR 2024) and every OpenCLIP / OpenAI / Hugging Face CLIP model: image, text, video, audio,
 * depth and infrared go in as files or arrays, unit vectors of one common space come out.  It needs libc and libm; OpenMP is used
 * when the compiler was told to (-fopenmp).
 *
 * QUICK START  (cc -O2 app.c -lm; fast kernels are chosen at run time, no -march flag is wanted)
 *
 *     #define LANGUAGEBIND_IMPLEMENTATION          // in exactly one .c or .cc file, and there before any other #include
 *     #include "languagebind.h"
 *     #include <stdio.h>
 *     int main(void) {
 *         lb_ctx *ctx = NULL; lb_model *model = NULL; const char *text = "a photo of a cat"; float v[1024];
 *         if (lb_ctx_new(NULL, &ctx) || lb_model_open(ctx, "model.lbw", &model) || lb_embed_text(ctx, model, &text, 1, v))
 *             return puts(lb_last_error()), 1;
 *         lb_model_free(model); lb_ctx_free(ctx);
 *         return 0;
 *     }
 *
 * CONTENTS  (a reader enters at the top; each section stands only on those above it; search for the tag with >> before it)
 *      1 base        configuration, types, status, memory, files, endian, hashes, random numbers, JSON
 *      2 parallel    the context, scratch memory, lb_parallel_for
 *      3 cpu         instruction sets and the kernel table
 *      4 kernels     matrix product, attention, norms, activations
 *      5 tensor      views, making a context, .npy and .csv
 *      6 autograd    the tape; every operation, forward and backward
 *      7 nn          layers, blocks, towers, LoRA, patch masking
 *      8 text        CLIP byte-pair tokenizer
 *      9 image       JPEG, PNG, BMP, PNM, GIF; resize; normalise
 *     10 audio       WAV, FLAC; resample; STFT; mel
 *     11 video       clips from Y4M, GIF, Motion-JPEG, folders
 *     12 weights     the .lbw file
 *     13 model       load, embed, score
 *     14 train       manifests, loss, optimiser, checkpoints, batches of files
 *     15 eval        zero-shot and retrieval metrics
 *
 * OPTIONS  (define before the implementation; none of them changes a public struct)
 *     LB_STATIC                          every function static: a private copy in this file
 *     LB_MALLOC LB_REALLOC LB_FREE       the allocator; all three or none                        default malloc realloc free
 *                                        (under -std=c99 _POSIX_C_SOURCE 200809L is defined before the headers that they need)
 *     LB_ASSERT(x)                       programming errors inside the header                    default nothing
 *     LB_NO_STDIO                        no file access: models and inputs come from memory
 *     LB_NO_SIMD                         scalar kernels only
 *     LB_NO_TRAIN LB_NO_IMAGE LB_NO_AUDIO LB_NO_VIDEO     leave those sections out; without image there is no video
 *     LB_HEADER_NAME                     how this file includes itself                           default "languagebind.h"
 *
 * OWNERSHIP AND THREADS
 *     A model is read-only after it was opened: any number of threads may use one.  A context is scratch memory and belongs to one
 *     thread at a time.  What a function hands out through an `out` argument belongs to the caller, who frees it with the function
 *     named at its declaration.  Every fallible function returns an lb_status; on failure its outputs are untouched or zero, nothing
 *     leaks, and lb_last_error() gives one sentence (per thread) that says what was found and what was expected.
 *     NULL where a pointer is needed is such a failure (LB_ERR_ARG), too; what frees or sets does nothing with it, what only asks answers 0 or NULL.
 *     Results do not depend on the number of threads, nor on what else is in a batch.
 */
#ifndef LB__KERNEL_PASS
#ifndef LANGUAGEBIND_H
#define LANGUAGEBIND_H

#if defined(LANGUAGEBIND_IMPLEMENTATION) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L                             /* open, mmap, pwrite, fsync under -std=c99 */
#endif
#if defined(LANGUAGEBIND_IMPLEMENTATION) && !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64                                /* large files on 32-bit hosts */
#endif
#include <stddef.h>
#include <stdint.h>

#define LB_VERSION_MAJOR 0
#define LB_VERSION_MINOR 1
#define LB_VERSION_PATCH 0
#define LB_VERSION (LB_VERSION_MAJOR * 10000 + LB_VERSION_MINOR * 100 + LB_VERSION_PATCH)

#ifdef LB_STATIC
#  if defined(__GNUC__)
#    define LB_API __attribute__((unused)) static
#  else
#    define LB_API static
#  endif
#else
#  define LB_API extern
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- API of 1 base --------------------------------------------------------------------------------------------------- */

/* What a call came to.  Zero is success, so `if (lb_...(...)) report(lb_last_error());` reads well. */
typedef enum lb_status {
    LB_OK = 0,
    LB_ERR_ARG,            /* an argument is wrong: the caller's mistake                    */
    LB_ERR_MEM,            /* out of memory                                                 */
    LB_ERR_IO,             /* the system refused to open, read, write or rename             */
    LB_ERR_FORMAT,         /* a file's bytes are not what its format asks for               */
    LB_ERR_LIMIT,          /* a file asks for more than lb_limits allow                     */
    LB_ERR_UNSUPPORTED,    /* well-formed, but a feature that this build does not read      */
    LB_ERR_MISMATCH,       /* two good things that do not belong together                   */
    LB_ERR_NUMERIC         /* a value became NaN or infinite                                */
} lb_status;

LB_API int         lb_version(void);                    /* LB_VERSION of the compiled implementation */
LB_API const char *lb_last_error(void);                 /* this thread's last failure, one sentence; "" before the first */
LB_API const char *lb_status_name(lb_status status);    /* "ok", "argument", "memory", ... */

/* Element types of tensors in memory and in files. */
typedef enum lb_dtype {
    LB_F32 = 0, LB_F16, LB_BF16, LB_F64, LB_I8, LB_U8, LB_I16, LB_U16, LB_I32, LB_U32, LB_I64, LB_U64, LB_BOOL
} lb_dtype;
LB_API size_t      lb_dtype_size(lb_dtype dtype);       /* bytes of one element; 0 for an unknown type */
LB_API const char *lb_dtype_name(lb_dtype dtype);       /* "f32", "bf16", ... */

/* Upper bounds on what a file may ask for; checked before anything is allocated. */
typedef struct lb_limits {
    size_t max_pixels;       /* of one image or video frame           default 268,435,456 (2^28)        */
    size_t max_side;         /* of an image, in pixels                default 65,535                    */
    size_t max_samples;      /* of one audio clip, all channels       default 2^28                      */
    size_t max_frames;       /* of one video                          default 1,000,000                 */
    size_t max_tensors;      /* in a weight file or checkpoint        default 1,000,000                 */
    size_t max_text;         /* bytes of one text: string, JSON, CSV, merges   default 2^28             */
    size_t max_nesting;      /* of JSON, pickle and container formats default 64                        */
    size_t max_spool;        /* bytes kept of a stream of unknown end default 2^34, 2^30 on 32 bits     */
} lb_limits;
LB_API lb_limits lb_limits_default(void);

/* ---- API of 2 parallel ----------------------------------------------------------------------------------------------- */

/* The caller's own thread pool: call run(arg, w) once for every w in 0..workers-1, on as many threads as it likes, and return when
 * all have returned. */
typedef void (*lb_pool_fn)(void *user, void (*run)(void *arg, int worker), void *arg, int workers);

/* ---- API of 3 cpu ---------------------------------------------------------------------------------------------------- */

/* The kernel set that a context takes when it is made, and keeps: "scalar", "avx2", "avx512", "amx" or "neon".  The best that the processor and the
 * system support; the environment variable LB_CPU, which is read at every call, picks a lower one. */
LB_API const char *lb_cpu_name(void);

/* ---- API of 5 tensor: the context ------------------------------------------------------------------------------------ */

typedef struct lb_ctx lb_ctx;
typedef struct lb_ctx_desc {
    uint32_t   _zero0;
    int        threads;      /* default: what OpenMP offers, else 1                        */
    lb_pool_fn pool;         /* runs the workers instead of OpenMP; without OpenMP it has to be told how many `threads` */
    void      *pool_user;
    lb_limits  limits;       /* a zero field means its default                             */
    uint32_t   _zero1;
} lb_ctx_desc;
/* lb_ctx_new: scratch memory and settings for one thread.  desc may be NULL.  Freed with lb_ctx_free (NULL is fine).
 *   errs  LB_ERR_ARG a description that was not zeroed, threads outside 0..4096; LB_ERR_MEM */
LB_API lb_status lb_ctx_new(const lb_ctx_desc *desc, lb_ctx **out);
LB_API void      lb_ctx_free(lb_ctx *ctx);

/* lb_parallel_for: run fn over [0, n) in pieces of `grain`, on the context's threads.  fn(arg, begin, end, worker) may run at the
 * same time for different pieces; worker is in 0..threads-1.  One thread or one piece: a single call over the whole range. */
LB_API void lb_parallel_for(lb_ctx *ctx, size_t n, size_t grain, void (*fn)(void *arg, size_t begin, size_t end, int worker), void *arg);

/* ---- API of 5 tensor ------------------------------------------------------------------------------------------------- */

#define LB_MAX_DIMS 6
/* How the elements of a tensor lie in memory.  PANEL is for matrices [N, K] that are multiplied from the right (y = x W^T): rows in
 * groups of 32, and inside a group k-major: element (n, k) is at ((n / 32) * K + k) * 32 + n % 32; the last group is padded with
 * zeros.  It is the layout of every linear weight, on disk, at inference, in gradients and in the optimiser. */
typedef enum lb_layout { LB_ROWS = 0, LB_PANEL = 1 } lb_layout;
#define LB_PANEL_WIDTH 32

/* A typed view of memory, dense, in the order that `layout` says.  Whoever made it owns the memory: see lb_tensor_new and what gives one out. */
typedef struct lb_tensor {
    void     *data;
    float    *grad;                  /* gradient in the same layout, f32; NULL: none is wanted */
    lb_dtype  dtype;
    lb_layout layout;
    int       ndim;
    size_t    shape[LB_MAX_DIMS];
} lb_tensor;

LB_API size_t lb_tensor_count(const lb_tensor *t);      /* product of the shape, without padding */
LB_API size_t lb_tensor_stored(const lb_tensor *t);     /* elements in memory: PANEL counts its padding */

/* lb_tensor_new: a zeroed tensor in LB_ROWS layout that the caller owns.  lb_tensor_free takes what lb_tensor_new or a function with an
 * lb_tensor *out argument gave, or a zeroed struct.  lb_tensor_f32 turns an owned tensor of any type into f32, in place; on failure it is as it was.
 *   errs  LB_ERR_ARG an unknown type, more than LB_MAX_DIMS axes, no data; LB_ERR_MEM */
LB_API lb_status lb_tensor_new(lb_dtype dtype, int ndim, const size_t *shape, lb_tensor *out);
LB_API void      lb_tensor_free(lb_tensor *t);
LB_API lb_status lb_tensor_f32(lb_tensor *t);

/* lb_npy_decode, lb_npy_load: the array of a NumPy .npy file, versions 1 to 3, as numpy.save writes it.
 *   out   the type of the file (f16 f32 f64, i8 to i64, u8 to u64, bool) in this machine's byte order; shape as in the file, at most LB_MAX_DIMS
 *         axes, Fortran order turned into rows; owned by the caller, freed with lb_tensor_free.  path "-" is standard input
 *   errs  LB_ERR_FORMAT damaged or shorter than its shape says, LB_ERR_UNSUPPORTED complex numbers, strings, records; LB_ERR_LIMIT more axes;
 *         LB_ERR_MEM, LB_ERR_IO
 *   from  NEP 1 and numpy/lib/format */
LB_API lb_status lb_npy_decode(lb_ctx *ctx, const void *bytes, size_t size, lb_tensor *out);

/* lb_csv_decode, lb_csv_load: a table of numbers as text -> [rows, columns] f32.  Fields are parted by commas, semicolons, tabs or blanks;
 * empty lines and those that begin with # are skipped, and so is a first line of column names.
 *   out   owned by the caller, freed with lb_tensor_free.  path "-" is standard input
 *   errs  LB_ERR_FORMAT a field that is not a finite number, or a row with another number of fields; the sentence names line and field.
 *         LB_ERR_LIMIT longer than limits.max_text; LB_ERR_MEM, LB_ERR_IO */
LB_API lb_status lb_csv_decode(lb_ctx *ctx, const void *text, size_t size, lb_tensor *out);

#ifndef LB_NO_STDIO
LB_API lb_status lb_npy_load(lb_ctx *ctx, const char *path, lb_tensor *out);
LB_API lb_status lb_csv_load(lb_ctx *ctx, const char *path, lb_tensor *out);

/* lb_npy_save: a whole tensor (LB_ROWS, any type but bf16) as a .npy file.
 * lb_npy_create ... lb_npy_append ... lb_npy_commit: the same for rows that come one after the other, [rows, shape...]; lb_npy_append copies
 * n rows, lb_npy_commit writes their number into the header.  The file appears whole or not at all: lb_npy_abort (NULL is fine) drops it.
 * Errors stick: after the first one lb_npy_append does nothing, and lb_npy_commit returns it and leaves no file.  Commit and abort free the
 * writer, whatever they return.  path "-" is standard output; there, and for a pipe, the rows wait in memory for the commit.
 *   errs  LB_ERR_ARG, LB_ERR_MEM, LB_ERR_IO, LB_ERR_UNSUPPORTED a type that .npy has not */
typedef struct lb_npy lb_npy;
LB_API lb_status lb_npy_save(const char *path, const lb_tensor *t);
LB_API lb_status lb_npy_create(const char *path, lb_dtype dtype, int ndim, const size_t *shape, lb_npy **out);
LB_API lb_status lb_npy_append(lb_npy *w, const void *rows, size_t n);
LB_API lb_status lb_npy_commit(lb_npy *w);
LB_API void      lb_npy_abort(lb_npy *w);
#endif

/* ---- API of 7 nn ----------------------------------------------------------------------------------------------------- */

#define LB_NAME_SIZE    32           /* bytes of a tower's or modality's name, with the closing zero */
#define LB_MAX_CHANNELS 16
#define LB_MAX_TOWERS   8
#define LB_MAX_MODALITIES 16

typedef enum lb_tower_kind { LB_TOWER_VISION = 1, LB_TOWER_TEXT } lb_tower_kind;

/* LoRA targets of attention blocks, as bits. */
enum { LB_LORA_Q = 1, LB_LORA_K = 2, LB_LORA_V = 4, LB_LORA_OUT = 8, LB_LORA_QKVO = 15 };

/* One transformer.  Vision towers read [channels, frames, height, width] arrays in patches of tube x patch_h x patch_w; text towers read
 * token ids.  A zero field means the default in brackets. */
typedef struct lb_tower_desc {
    char          name[LB_NAME_SIZE];
    lb_tower_kind kind;
    int           width, layers, heads;
    int           mlp;               /* hidden width of the MLP [4 * width]                                       */
    int           embed_dim;         /* of the common space, the same for all towers of a model                   */
    int           quick_gelu;        /* x sigmoid(1.702 x) instead of the exact GELU                              */
    float         eps;               /* of the norms [1e-5]                                                       */
    int           channels;          /* vision [3]                                                                */
    int           patch_h, patch_w;
    int           grid_h, grid_w;    /* patches down and across                                                   */
    int           frames, tube;      /* [1, 1]; frames is a multiple of tube                                      */
    int           temporal;          /* attention over frames in every block                                      */
    int           class_per_frame;   /* one class vector for each (tubed) frame                                   */
    int           no_pre_norm;       /* no norm between embedding and blocks                                      */
    int           patch_bias, proj_bias;
    int           context, vocab;    /* text [77, 49408]                                                          */
    int           lora_rank;         /* low-rank updates on attention [none]                                      */
    int           lora_targets;      /* LB_LORA_* bits [LB_LORA_QKVO]                                             */
    int           lora_temporal;     /* 0: on spatial attention; 1: on temporal attention; 2: on both             */
    float         lora_alpha;        /* the update is scaled by alpha / rank [16]                                 */
    float         lora_dropout;      /* while training                                                            */
} lb_tower_desc;

/* lb_ctx_watch: show every activation that a forward pass makes on its way: stage "embed", "pre_norm", "block" (i tells which), "pooled"
 * and "projected", rows of `cols` floats.  For parity with other implementations.  fn NULL stops it. */
typedef void (*lb_watch_fn)(void *user, const char *stage, size_t i, const float *x, size_t rows, size_t cols);
LB_API void lb_ctx_watch(lb_ctx *ctx, lb_watch_fn fn, void *user);

/* ---- API of 8 text --------------------------------------------------------------------------------------------------- */

/* The byte-pair tokenizer of CLIP.  Ids: 0..255 single bytes (in CLIP's order), 256..511 the same bytes at the end of a word, 512 + i what
 * merge i makes of two earlier ids, then start-of-text and end-of-text.  Read-only after its creation: any number of threads may share one. */
typedef struct lb_tokenizer lb_tokenizer;

/* How text is cleaned before it is cut into words; the weight file says which one its model was trained with.  All three lower-case, fold
 * white space, straighten quotes, undo ligatures and full-width forms, drop control characters and terminal escapes, and compose (NFC) as
 * ftfy.fix_text does, whose repair of wrongly decoded text ("mojibake") is the one part left out.  They differ in
 *     LB_CLEAN_OPEN_CLIP      HTML entities unescaped, twice; <start_of_text> and <end_of_text> are special
 *     LB_CLEAN_HF             the same unescaping, NFC once more, lower-casing letter by letter; <|startoftext|> and <|endoftext|> are special
 *     LB_CLEAN_LANGUAGEBIND   as ftfy alone: entities with a semicolon, where no "<" came before; <|startoftext|>, <|endoftext|> are special
 * A special string inside a text becomes the token it names, as in the reference: an end-of-text there ends the text for the model.  Add
 * LB_CLEAN_NO_SPECIAL for text from strangers: then such strings are ordinary characters.
 * Bytes that are not UTF-8 become U+FFFD, one for each maximal broken sequence (Python's errors="replace"). */
typedef enum lb_clean { LB_CLEAN_OPEN_CLIP = 0, LB_CLEAN_HF, LB_CLEAN_LANGUAGEBIND, LB_CLEAN_NO_SPECIAL = 16 } lb_clean;

/* lb_tokenizer_new: a tokenizer from its merges, [n, 2]: pair i joins two ids below 512 + i into id 512 + i, lower i first.
 *   errs  LB_ERR_FORMAT a pair that no vocabulary can have; LB_ERR_LIMIT more than 65,022 merges, a token of more than 4,096 bytes; LB_ERR_MEM
 * The array is copied.  Freed with lb_tokenizer_free (NULL is fine). */
LB_API lb_status lb_tokenizer_new(lb_ctx *ctx, const uint16_t *merges, size_t n, lb_tokenizer **out);
LB_API void      lb_tokenizer_free(lb_tokenizer *t);
LB_API size_t    lb_tokenizer_vocab(const lb_tokenizer *t);      /* number of ids: 512 + merges + 2 */
LB_API int32_t   lb_tokenizer_sot(const lb_tokenizer *t);        /* start-of-text: vocab - 2 */
LB_API int32_t   lb_tokenizer_eot(const lb_tokenizer *t);        /* end-of-text:   vocab - 1 */
LB_API const uint16_t *lb_tokenizer_merges(const lb_tokenizer *t, size_t *n);      /* [n, 2], belongs to the tokenizer */

/* lb_tokenize: the ids of one text: start-of-text, its tokens, end-of-text; cut to `context` ids, the last of them end-of-text; a shorter text
 * is padded (0 for LB_CLEAN_OPEN_CLIP, else end-of-text), which no model reads.
 *   clean    an lb_clean, perhaps with LB_CLEAN_NO_SPECIAL added
 *   text     [size] bytes of UTF-8; a zero byte is a character like any other.  size LB_CSTRING: text ends at its first zero byte
 *   ids      [context]; NULL with context 0 to count only
 *   count    ids of the whole text with its start and end, before it was cut; may be NULL
 *   errs     LB_ERR_ARG context of 1, unknown cleaning; LB_ERR_LIMIT longer than limits.max_text; LB_ERR_MEM */
#define LB_CSTRING SIZE_MAX
LB_API lb_status lb_tokenize(lb_ctx *ctx, const lb_tokenizer *t, int clean, const char *text, size_t size, int32_t *ids, size_t context, size_t *count);

/* lb_detokenize: the text that ids stand for: one space after every word, start and end of text left out, broken UTF-8 replaced by U+FFFD.
 *   out   [cap] bytes, terminated by a zero; cut to what fits.  NULL with cap 0 to measure
 *   size  bytes of the whole text without the zero; may be NULL
 *   errs  LB_ERR_ARG an id that the vocabulary does not have */
LB_API lb_status lb_detokenize(const lb_tokenizer *t, const int32_t *ids, size_t n, char *out, size_t cap, size_t *size);

/* lb_tokenizer_parse: a tokenizer from the text of a merges file ("i n" a line, bytes written as CLIP does; a first line that begins with # or "
 * is a title): merges.txt of Hugging Face folders, bpe_simple_vocab_16e6.txt of OpenAI.
 *   max_merges   lines to read, 49152 - 256 - 2 for CLIP's own files
 *   out          freed with lb_tokenizer_free
 *   errs         LB_ERR_FORMAT names the line; LB_ERR_LIMIT, LB_ERR_MEM */
LB_API lb_status lb_tokenizer_parse(lb_ctx *ctx, const char *text, size_t size, size_t max_merges, lb_tokenizer **out);

/* lb_tokenizer_train: learn a vocabulary of at most `vocab` ids from n texts: the pair of neighbours that occurs most often is merged, again
 * and again, until the vocabulary is full or no pair occurs min_count times.  Equal counts: the lower left id first, then the lower right
 * one; a pair that would spell a token that is there already is passed over.  The same texts in any order give the same vocabulary.
 *   sizes   [n] bytes of each text; NULL: they end at their first zero byte
 *   out     freed with lb_tokenizer_free
 *   errs    LB_ERR_ARG vocab outside 514..65536, unknown cleaning, a text that is NULL; LB_ERR_LIMIT, LB_ERR_MEM */
LB_API lb_status lb_tokenizer_train(lb_ctx *ctx, int clean, const char *const *texts, const size_t *sizes, size_t n, size_t vocab, size_t min_count, lb_tokenizer **out);

/* ---- API of 9 image --------------------------------------------------------------------------------------------------- */

/* How a picture becomes the input of a tower.  Recorded per modality in the weight file.
 * PIL_BICUBIC     8-bit, a = -0.5, antialiased, rounded to 8 bits after each pass: Pillow, hence open_clip and Hugging Face
 * TORCH_BICUBIC   float, a = -0.75, no antialias: torchvision 0.14 on tensors, hence LanguageBind's image, thermal and depth
 * TORCH_BILINEAR  float, no antialias, long side = floor(long / short * size): pytorchvideo, hence LanguageBind's video */
typedef enum lb_resize { LB_RESIZE_NONE = 0, LB_RESIZE_PIL_BICUBIC, LB_RESIZE_TORCH_BICUBIC, LB_RESIZE_TORCH_BILINEAR } lb_resize;
/* Offset of the centre crop: (size - crop) / 2 rounded half to even (torchvision) or down (Hugging Face). */
typedef enum lb_crop { LB_CROP_ROUND_HALF_EVEN = 0, LB_CROP_FLOOR } lb_crop;

#ifndef LB_NO_IMAGE

/* A picture in memory: rows from top to bottom without padding, channels interleaved, host byte order.
 * channels   1 grey, 2 grey + alpha, 3 RGB, 4 RGBA
 * bits       8 (uint8_t), 16 (uint16_t), or 32 (float; never decoded from a file, a caller may build one: colour in 0..1, depth in millimetres)
 * orientation  1..8 as EXIF defines it, 1 when the file says nothing; recorded and not applied: see lb_image_orient */
typedef struct lb_image {
    size_t width, height;
    int    channels, bits, orientation;
    void  *data;
} lb_image;

typedef struct lb_image_profile {
    size_t    width, height;         /* of the result.  Equal: the short side is resized to it, the long one in proportion (truncated), the
                                      * centre is cropped.  Unequal: the picture is scaled until it just covers the result, then cropped. */
    lb_resize resize;
    lb_crop   crop;
    float     mean[3], std[3];       /* (x / 255 - mean) / std */
    int       depth;                 /* not 0: one channel of millimetres; x / 1000, at least 0.01, then at most max_depth and divided by it */
    float     max_depth;             /* 0: divided by the largest value of the image */
} lb_image_profile;

/* lb_image_decode: JPEG (baseline, extended sequential, progressive; 8 bit), PNG, BMP, PNM (P1-P7) or GIF (its first frame), told by
 * content.  JPEG gives 1 or 3 channels with the pixels of libjpeg-turbo's default settings, CMYK converted to RGB as Pillow does; PNG
 * keeps its depth and channels, palettes are expanded, transparency becomes alpha (but of 16-bit grey, which is a measurement); of PNM with
 * more than 8 bits grey keeps them.  Freed with lb_image_free.
 *   errs  LB_ERR_FORMAT (what was found at which byte), LB_ERR_UNSUPPORTED (of WebP, TIFF, HEIC, AVIF and JPEG XL the sentence gives the line that
 *         makes PNG of it), LB_ERR_LIMIT, LB_ERR_MEM; *out is zeroed */
LB_API lb_status lb_image_decode(lb_ctx *ctx, const void *bytes, size_t size, lb_image *out);
/* lb_image_info: the same without decoding: data is NULL, the rest as lb_image_decode will give it; of an orientation only what stands before the
 * pixels in the file. */
LB_API lb_status lb_image_info(lb_ctx *ctx, const void *bytes, size_t size, lb_image *out);
#ifndef LB_NO_STDIO
LB_API lb_status lb_image_load(lb_ctx *ctx, const char *path, lb_image *out);       /* lb_image_decode of a file; "-" is standard input */
#endif
LB_API void      lb_image_free(lb_image *img);                                      /* zeroes it too */
/* lb_image_rgb: an 8-bit RGB copy as Pillow's convert("RGB") gives it: grey on three channels, alpha dropped (not blended); of 16-bit
 * colour the high byte.  16-bit grey is clipped at 255, as Pillow does; floats are multiplied by 255, rounded and clipped.
 *   out   another image than `in`; owned by the caller, freed with lb_image_free; untouched on failure
 *   errs  LB_ERR_ARG an image without pixels or of another form than lb_image describes; LB_ERR_MEM */
LB_API lb_status lb_image_rgb(lb_ctx *ctx, const lb_image *in, lb_image *out);
/* lb_image_orient: turn and mirror img as its orientation asks and set that to 1.  The reference systems ignore EXIF, so nobody calls
 * this unless asked to.   errs LB_ERR_ARG as above, LB_ERR_MEM; img is untouched on failure */
LB_API lb_status lb_image_orient(lb_ctx *ctx, lb_image *img);
/* lb_image_resize: an 8-bit image to width x height with Pillow's antialiased bicubic filter, bit for bit (alpha is not premultiplied).
 *   from  Pillow 9.4 to 12.1, rows before columns, as when the published models were trained.  12.2 takes columns first where a picture is more than 100
 *         times as tall as wide, 13 where the height shrinks by more than twice as many pixels as the width: the same but for the rounding in
 *         between, a level or two of a photograph's pixels.
 *   out   another image than `in`; owned by the caller, freed with lb_image_free; untouched on failure
 *   errs  LB_ERR_ARG not 8 bits, no pixels, a width or height of 0, out is in; LB_ERR_LIMIT a larger result than limits allow; LB_ERR_MEM */
LB_API lb_status lb_image_resize(lb_ctx *ctx, const lb_image *in, size_t width, size_t height, lb_image *out);

/* lb_image_preprocess: resize, centre crop, normalise.
 *   img   any decoded image; converted to RGB first unless profile->depth (then 1 channel of 8, 16 or 32 bits)
 *   out   [3, height, width] f32
 *   errs  LB_ERR_ARG a profile without size, with a std that is not positive, or with depth and LB_RESIZE_PIL_BICUBIC; LB_ERR_MISMATCH a colour
 *         image for depth; LB_ERR_LIMIT a picture too narrow to be resized; LB_ERR_MEM
 *   from  spec of upstream's torchvision 0.14.1 transforms and Pillow; PIL_BICUBIC is exact, the others agree to 2e-5 (tests/test_image.c).
 *         A picture smaller than the crop (LB_RESIZE_NONE) is padded with black on both sides, as torchvision does. */
LB_API lb_status lb_image_preprocess(lb_ctx *ctx, const lb_image *img, const lb_image_profile *profile, float *out);
/* lb_image_save: .png (8 or 16 bits, 1 to 4 channels), .jpg (8 bits, 1 or 3; quality 1 to 100, clipped to that, 0: 92; 4:4:4 from 90 on), .ppm or
 * .pgm (either name; channels decide), by the name.  The file appears whole or not at all.
 *   errs  LB_ERR_ARG a form the format does not hold, LB_ERR_LIMIT more than 65,535 pixels a side for JPEG, LB_ERR_MEM, LB_ERR_IO */
#ifndef LB_NO_STDIO
LB_API lb_status lb_image_save(lb_ctx *ctx, const lb_image *img, const char *path, int quality);
#endif
#endif /* LB_NO_IMAGE */

/* ---- API of 10 audio ------------------------------------------------------------------------------------------------- */
#ifndef LB_NO_AUDIO

/* Sound in memory. */
typedef struct lb_audio {
    int    rate;             /* samples per second                                          */
    int    channels;
    size_t frames;           /* samples of each channel                                     */
    float *data;             /* [frames, channels], -1..1                                   */
} lb_audio;

/* lb_audio_decode, lb_audio_load: WAV (RIFF, RIFX, RF64, BW64: PCM of 8 to 64 bits, float of 32 or 64, A-law, mu-law; any number of channels)
 * and native FLAC (complete; checksums are checked).
 *   out   integers divided by 2^(bits-1), floats as they are; owned by the caller, freed with lb_audio_free.  path "-" is standard input
 *   errs  LB_ERR_FORMAT damaged or cut off, the sentence names the byte; LB_ERR_UNSUPPORTED another format or codec, the sentence gives the ffmpeg
 *         line to use; LB_ERR_LIMIT more than lb_limits.max_samples; LB_ERR_NUMERIC a float that is not finite; LB_ERR_MEM, LB_ERR_IO
 *   from  Microsoft's multimedia registry, EBU 3306, ITU-T G.711, RFC 9639; bit-exact against ffmpeg (tests/golden/audio_files) */
LB_API lb_status lb_audio_decode(lb_ctx *ctx, const void *bytes, size_t size, lb_audio *out);
#ifndef LB_NO_STDIO
LB_API lb_status lb_audio_load(lb_ctx *ctx, const char *path, lb_audio *out);
#endif
LB_API void      lb_audio_free(lb_audio *a);

/* lb_audio_save: a WAV file of 16-bit PCM; values are rounded and clipped.  It appears whole or not at all.
 *   errs  LB_ERR_ARG more than 32,767 channels; LB_ERR_LIMIT more than 4 GB; LB_ERR_MEM, LB_ERR_IO */
#ifndef LB_NO_STDIO
LB_API lb_status lb_audio_save(lb_ctx *ctx, const lb_audio *a, const char *path);
#endif

/* lb_audio_resample: the clip at another rate: windowed sinc, 6 zero crossings a side, roll-off 0.99, squared-cosine window.
 *   out   ceil(frames * rate / in->rate) samples a channel; freed with lb_audio_free; must not be `in`
 *   errs  LB_ERR_ARG a rate below 1 or a ratio whose reduced terms exceed 100,000; LB_ERR_LIMIT, LB_ERR_MEM
 *   from  torchaudio.functional.resample with its defaults; agrees to 1e-5 (tests/golden/mel) */
LB_API lb_status lb_audio_resample(lb_ctx *ctx, const lb_audio *in, int rate, lb_audio *out);

typedef enum lb_window { LB_WINDOW_HANN = 0, LB_WINDOW_HAMMING, LB_WINDOW_POVEY, LB_WINDOW_RECTANGULAR, LB_WINDOW_BLACKMAN } lb_window;
typedef struct lb_mel_desc {
    uint32_t  _zero0;
    int       rate;          /* Hz                                           default 16000                        */
    int       bins;          /* mel bands; at least 3                        default 112                          */
    float     frame_ms;      /* length of a frame                            default 25                           */
    float     shift_ms;      /* from one frame to the next                   default 10                           */
    float     low, high;     /* Hz; high 0 or less: below half the rate      default 20, half the rate            */
    float     preemphasis;   /* below 0: none                                default 0.97                         */
    lb_window window;        /*                                              default symmetric Hann               */
    int       magnitude;     /* not 0: |X| instead of |X|^2                                                       */
    int       linear;        /* not 0: no logarithm                                                               */
    int       keep_dc;       /* not 0: the mean of a frame stays                                                  */
    uint32_t  _zero1;
} lb_mel_desc;
/* lb_mel_frames: frames of n samples, only whole ones; 0: fewer than one.   lb_audio_mel: log-mel energies of one channel.
 *   x     [n] f32;   out   [frames, bins] f32, natural logarithm of at least 1.1920929e-07
 *   errs  LB_ERR_ARG fewer samples than one frame, bands that make no filter bank; LB_ERR_MEM
 *   from  Kaldi's fbank as torchaudio.compliance.kaldi has it, without dither; within 1e-4 (tests/golden/mel) */
LB_API size_t    lb_mel_frames(const lb_mel_desc *desc, size_t n);
LB_API lb_status lb_audio_mel(lb_ctx *ctx, const float *x, size_t n, const lb_mel_desc *desc, float *out);

/* lb_spectrogram: magnitudes of the short-time Fourier transform, or mel bands of them, for whoever wants them as other libraries make them; the
 * models here take lb_audio_mel.
 *   x      [n] f32;   out   [frames, size / 2 + 1], or [frames, bins] with bins > 0
 * lb_spectrogram_frames: how many there are; 0 for a description or a length that makes none.
 *   errs   LB_ERR_ARG a window longer than the transform, fewer samples than the padding reflects; LB_ERR_MEM
 *   from   torchaudio.transforms.Spectrogram and MelSpectrogram; within 1e-5 of the largest value (tests/golden/mel) */
typedef struct lb_spectrogram_desc {
    uint32_t  _zero0;
    int       size;          /* of the transform, even; fast when a power of two          default 400                       */
    int       length, hop;   /* of the window, centred in the transform; between frames   default size, half of length      */
    lb_window window;        /* periodic                                                  default Hann                      */
    float     power;         /* |X| ^ power                                               default 2                         */
    int       uncentred;     /* not 0: frames begin at the first sample; else their centres do, the ends reflected          */
    int       rate, bins;    /* Hz; mel bands, 0: none                                    default 16000, 0                  */
    float     low, high;     /* Hz                                                        default 0, half the rate          */
    int       slaney, area;  /* not 0: Slaney's mel scale instead of HTK's; bands of equal area instead of equal height     */
    uint32_t  _zero1;
} lb_spectrogram_desc;
LB_API size_t    lb_spectrogram_frames(const lb_spectrogram_desc *desc, size_t n);
LB_API lb_status lb_spectrogram(lb_ctx *ctx, const float *x, size_t n, const lb_spectrogram_desc *desc, float *out);

/* How a sound becomes the input of a tower.  Recorded per modality in the weight file. */
typedef struct lb_audio_profile {
    int      rate, mel_bins, target_length;        /* of the model: 16000, 112, 1036          */
    float    mean, std;                            /* (x - mean) / (2 std)                     */
    uint64_t seed;                                 /* of the three segments of a long clip; 0: the first position of each third */
} lb_audio_profile;
/* lb_audio_preprocess: LanguageBind's: resample, take the mean of all channels away, log-mel of the first channel, then fit in time: a short clip
 * is repeated, of a long one three segments (front, middle, back) become the three channels.   out   [3, mel_bins, target_length] f32
 *   errs  LB_ERR_ARG shorter than one frame, or no such profile; LB_ERR_NUMERIC a sample that is not finite; LB_ERR_LIMIT, LB_ERR_MEM */
LB_API lb_status lb_audio_preprocess(lb_ctx *ctx, const lb_audio *a, const lb_audio_profile *profile, float *out);
#endif /* LB_NO_AUDIO */

/* ---- API of 11 video ------------------------------------------------------------------------------------------------- */
#if !defined(LB_NO_VIDEO) && !defined(LB_NO_IMAGE)

/* A clip: a source of frames that can be asked for in any order.  Opened from
 *     Y4M            420jpeg 420mpeg2 420paldv 422 440 444 411 mono, 8 to 16 bits, limited and full range
 *     GIF            animated or not
 *     AVI MOV MP4    Motion-JPEG or PNG, MOV and MP4 fragmented or not; any size that the file offsets can say
 *     a folder       of still images, one a frame, in natural order (frame2 before frame10); or a list of their names
 *     one image      a clip of a single frame
 *     an array       RGB in memory
 * Other codecs are recognised and described, and refused when a frame is asked for with the ffmpeg line that turns them into Y4M.
 * A clip is read-only once it is open, but belongs to one thread at a time; its frames are decoded on the threads of the context. */
typedef struct lb_video lb_video;
typedef struct lb_video_info {
    size_t      width, height;       /* of a frame; of the first one where they differ (folders)        */
    size_t      frames;              /* how many there are                                              */
    double      fps;                 /* mean frames per second; 0 when the source does not say          */
    const char *container;           /* "Y4M", "GIF", "AVI", "MOV", "MP4", "images", "array"            */
    const char *codec;               /* "raw video", "Motion-JPEG", "H.264", "HEVC (H.265)", ...        */
    int         readable;            /* 0: frames cannot be had here, lb_video_frames will say what to do */
} lb_video_info;

/* Y4M carries no colour matrix.  Default is BT.601, as ffmpeg reads such a file; BT709 is for streams piped from HD sources without
 * conversion; BY_HEIGHT takes BT.709 from 720 lines on. */
typedef enum lb_matrix { LB_MATRIX_BT601 = 0, LB_MATRIX_BT709, LB_MATRIX_BY_HEIGHT } lb_matrix;

/* lb_video_open: a file, a folder of images, or "-" for standard input.
 * lb_video_open_memory: the bytes of a file; they are borrowed and must outlive the clip.
 * lb_video_open_stream: read(user, data, size) hands over at most size bytes and returns how many; 0 at the end, (size_t)-1 for an error.
 *   Which frames a clip of unknown length contributes is known only at its end, so a stream is kept: 64 MB in memory, what goes beyond in
 *   an unlinked temporary file (TMPDIR), at most lb_limits.max_spool bytes.  "-" and other pipes go the same way.
 * lb_video_open_list: one image file a frame, in the order given.
 * lb_video_open_array: rgb [frames, height, width, 3], borrowed; fps may be 0.
 * errs LB_ERR_IO, LB_ERR_FORMAT, LB_ERR_LIMIT, LB_ERR_UNSUPPORTED for containers that are not read (Matroska, MPEG-TS, ...), LB_ERR_MEM.
 * Freed with lb_video_free (NULL is fine). */
typedef size_t (*lb_read_fn)(void *user, void *data, size_t size);
#ifndef LB_NO_STDIO
LB_API lb_status lb_video_open(lb_ctx *ctx, const char *path, lb_video **out);
LB_API lb_status lb_video_open_list(lb_ctx *ctx, const char *const *paths, size_t count, lb_video **out);
#endif
LB_API lb_status lb_video_open_memory(lb_ctx *ctx, const void *data, size_t size, lb_video **out);
LB_API lb_status lb_video_open_stream(lb_ctx *ctx, lb_read_fn read, void *user, lb_video **out);
LB_API lb_status lb_video_open_array(lb_ctx *ctx, const uint8_t *rgb, size_t frames, size_t height, size_t width, double fps, lb_video **out);
LB_API void      lb_video_free(lb_video *video);
LB_API void      lb_video_get_info(const lb_video *video, lb_video_info *out);
LB_API void      lb_video_set_matrix(lb_video *video, lb_matrix matrix);

/* lb_video_frames: the frames ids[0..n-1] (in any order, repeats allowed) as 8-bit RGB images out[0..n-1], each freed with lb_image_free.
 *   from  Y4M chroma is replicated and results are rounded down: within 2 levels of ffmpeg's default conversion of 8-bit 420 and 422 (which
 *         rounds down three times), within 1 of its accurate one (-sws_flags neighbor+accurate_rnd+full_chroma_int).  GIF exact. */
LB_API lb_status lb_video_frames(lb_ctx *ctx, const lb_video *video, const size_t *ids, size_t n, lb_image *out);

/* Which frames of a clip are taken. */
typedef enum lb_frame_rule {
    LB_FRAMES_UNIFORM = 0,   /* floor(linspace(0, N - 1, T)): first to last, evenly; repeats when N < T (upstream's inference)              */
    LB_FRAMES_RETRIEVAL,     /* between the seconds start and end, the last second excluded (upstream's retrieval evaluation, fps floored)  */
    LB_FRAMES_VIEW,          /* every 8th frame, then window `segment` of 5 and, along the longer side, crop `crop` of 3 (Kinetics protocol) */
    LB_FRAMES_MIDDLE,        /* T frames in a row around the middle                                                                         */
    LB_FRAMES_IDS            /* those of `ids`                                                                                              */
} lb_frame_rule;
typedef struct lb_video_desc {
    uint32_t      _zero0;
    int           frames;            /* T                                                   default 8                    */
    lb_frame_rule rule;
    int           start, end;        /* RETRIEVAL, whole seconds                            default 0, the clip's end    */
    int           segment, crop;     /* VIEW, 0..4 and 0..2                                 default 0, 0                 */
    const size_t *ids;               /* IDS, T of them                                                                   */
    int           flip;              /* mirror every frame (upstream does so at random)     default 0                    */
    uint32_t      _zero1;
} lb_video_desc;
/* lb_video_ids: the frame numbers that desc (NULL: all defaults) chooses from a clip of `frames` frames; out has desc->frames places.
 *   A number that is not below `frames` stands for a frame that upstream leaves black (RETRIEVAL only). */
LB_API lb_status lb_video_ids(const lb_video_desc *desc, size_t frames, double fps, size_t *out);
/* lb_video_preprocess: choose frames, resize, crop, normalise.
 *   profile  as for images; LanguageBind's video has LB_RESIZE_TORCH_BILINEAR.  LB_FRAMES_VIEW resizes bytes as OpenCV does and crops by itself.
 *   desc     NULL: 8 frames, evenly
 *   out      [3, T, height, width] f32
 *            on failure zero, or untouched where an argument was refused
 *   from     upstream's transform of decoded frames; within 2e-5 of torch 1.13 (tests/test_video.c) */
LB_API lb_status lb_video_preprocess(lb_ctx *ctx, const lb_video *video, const lb_image_profile *profile, const lb_video_desc *desc, float *out);

/* lb_video_save: frames of one size, 8-bit grey or RGB, as Motion-JPEG in .mp4, .mov or .avi (quality 1 to 100, 0: 92), or as .y4m (4:4:4,
 * BT.601, limited range).  The file appears whole or not at all.   errs LB_ERR_ARG, LB_ERR_MEM, LB_ERR_IO */
#ifndef LB_NO_STDIO
LB_API lb_status lb_video_save(lb_ctx *ctx, const lb_image *frames, size_t n, double fps, const char *path, int quality);
#endif

#endif /* LB_NO_VIDEO */

/* ---- API of 12 weights ----------------------------------------------------------------------------------------------- */

/* One .lbw file, open for reading (weights/FORMAT.md is the format): typed key/values and named tensors.  Read-only after it was opened,
 * so any number of threads may use it. */
typedef struct lb_file lb_file;
typedef enum lb_meta_type { LB_META_U64 = 0, LB_META_I64, LB_META_F64, LB_META_BOOL, LB_META_STR } lb_meta_type;
typedef struct lb_meta { const char *key; lb_meta_type type; int array; size_t count; } lb_meta;      /* array 0: one value, count is 1 */

/* lb_file_open: map a file.  Tensors are used where they lie: opening reads and checks the head (header, keys, directory) and never the
 * data, whose checksums lb_file_verify compares.  On big-endian hosts the data is read and swapped.
 *   errs  LB_ERR_IO, LB_ERR_MEM, LB_ERR_LIMIT; LB_ERR_FORMAT for anything out of bounds, overlapping, doubled, cut off or damaged in the head */
#ifndef LB_NO_STDIO
LB_API lb_status lb_file_open(lb_ctx *ctx, const char *path, lb_file **out);
#endif
/* lb_file_open_memory: the same from `size` bytes that must stay as they are until lb_file_free.  Used in place when `data` is a multiple of
 * 64 (and the host little-endian), else copied. */
LB_API lb_status lb_file_open_memory(lb_ctx *ctx, const void *data, size_t size, lb_file **out);
LB_API void      lb_file_free(lb_file *f);
/* lb_file_verify: compare every tensor's CRC-32 and look for values that are not finite.  LB_ERR_FORMAT names the first bad tensor. */
LB_API lb_status lb_file_verify(lb_ctx *ctx, const lb_file *f);
/* lb_file_identity: the name by which an adapter knows its base: SHA-256, as 64 hexadecimal digits and a zero, over one tower's tensors (their
 * names without "tower.", types, shapes and CRCs; low-rank factors and scale left out), so that it survives renaming and bundling.  LB_ERR_ARG: no such tower. */
LB_API lb_status lb_file_identity(const lb_file *f, const char *tower, char out[65]);

/* Tensors: by name (NULL when absent; no error sentence), or by index in file order.  Their data must not be written to. */
LB_API size_t           lb_file_tensors(const lb_file *f);
LB_API const lb_tensor *lb_file_tensor(const lb_file *f, const char *name);
LB_API const lb_tensor *lb_file_tensor_at(const lb_file *f, size_t i, const char **name);

/* Keys.  The getters fail with a sentence that names the key when it is absent (LB_ERR_FORMAT), of another type, or does not fit; a number is
 * read as any number type that holds it exactly.  Strings live as long as the file.  The array getters read up to `cap` values and fail when
 * there are more; a single value is an array of one.  *count may be NULL: then exactly `cap` values are expected. */
LB_API size_t    lb_file_keys(const lb_file *f);
LB_API lb_meta   lb_file_key_at(const lb_file *f, size_t i);
LB_API int       lb_file_has(const lb_file *f, const char *key);
LB_API lb_status lb_file_get_u64(const lb_file *f, const char *key, uint64_t *out);
LB_API lb_status lb_file_get_i64(const lb_file *f, const char *key, int64_t *out);
LB_API lb_status lb_file_get_f64(const lb_file *f, const char *key, double *out);
LB_API lb_status lb_file_get_bool(const lb_file *f, const char *key, int *out);
LB_API lb_status lb_file_get_str(const lb_file *f, const char *key, const char **out);
LB_API lb_status lb_file_get_u64s(const lb_file *f, const char *key, uint64_t *out, size_t cap, size_t *count);
LB_API lb_status lb_file_get_f64s(const lb_file *f, const char *key, double *out, size_t cap, size_t *count);
LB_API lb_status lb_file_get_strs(const lb_file *f, const char *key, const char **out, size_t cap, size_t *count);
/* lb_file_tokenizer: the tokenizer that the file carries (tokenizer.merges and its keys).  LB_ERR_MISMATCH when there is none. */
LB_API lb_status lb_file_tokenizer(lb_ctx *ctx, const lb_file *f, lb_tokenizer **out);

#ifndef LB_NO_STDIO
/* Writing: create, set keys, name tensors, commit.  The file appears whole at commit or not at all.
 *     lb_file_writer *w;
 *     lb_file_create(ctx, "out.lbw", &w);  lb_file_set_str(w, "format.kind", "model");  lb_file_add(w, "vision.class", &t);
 *     if (lb_file_commit(w)) puts(lb_last_error());
 * Errors stick: after the first one every call does nothing, and commit returns it (and removes what was written).  Commit frees the writer
 * whatever happens; lb_file_abandon frees it without a file (NULL is fine). */
typedef struct lb_file_writer lb_file_writer;
LB_API lb_status lb_file_create(lb_ctx *ctx, const char *path, lb_file_writer **out);
LB_API void lb_file_set_u64(lb_file_writer *w, const char *key, uint64_t value);
LB_API void lb_file_set_i64(lb_file_writer *w, const char *key, int64_t value);
LB_API void lb_file_set_f64(lb_file_writer *w, const char *key, double value);
LB_API void lb_file_set_bool(lb_file_writer *w, const char *key, int value);
LB_API void lb_file_set_str(lb_file_writer *w, const char *key, const char *value);
LB_API void lb_file_set_u64s(lb_file_writer *w, const char *key, const uint64_t *values, size_t count);
LB_API void lb_file_set_f64s(lb_file_writer *w, const char *key, const double *values, size_t count);
LB_API void lb_file_set_strs(lb_file_writer *w, const char *key, const char *const *values, size_t count);
/* lb_file_copy_keys: every key of f that starts with `from`, with `to` in its place.  from "" and to "": all of them. */
LB_API void lb_file_copy_keys(lb_file_writer *w, const lb_file *f, const char *from, const char *to);
/* lb_file_add: a tensor as it is; its data must stay until commit.
 * lb_file_declare, then lb_file_put: the same for values that come later or in another form, with little memory.  All tensors are declared
 *   before the first put; puts follow in the order of the declarations.  `values` has the declared shape, ROWS or the declared layout, any
 *   type that converts (floating or integer to f32, f16, bf16; else the declared type itself): LB_ERR_NUMERIC when a value is NaN or infinite,
 *   or is too large for the declared type.
 * lb_file_share: another name for a tensor that was added or declared before; its bytes are in the file once. */
LB_API void lb_file_add(lb_file_writer *w, const char *name, const lb_tensor *t);
LB_API void lb_file_share(lb_file_writer *w, const char *name, const char *of);
LB_API void lb_file_declare(lb_file_writer *w, const char *name, lb_dtype dtype, lb_layout layout, int ndim, const size_t *shape);
LB_API lb_status lb_file_put(lb_file_writer *w, const char *name, const lb_tensor *values);
LB_API void lb_file_add_tokenizer(lb_file_writer *w, const lb_tokenizer *t);     /* its keys and tokenizer.merges; must stay until commit */
LB_API lb_status lb_file_commit(lb_file_writer *w);
LB_API void      lb_file_abandon(lb_file_writer *w);
#endif

/* ---- API of 13 model ------------------------------------------------------------------------------------------------- */

typedef enum lb_modality_kind { LB_TEXT = 1, LB_IMAGE, LB_VIDEO, LB_AUDIO, LB_DEPTH, LB_THERMAL, LB_ARRAY } lb_modality_kind;
/* How the files of an array modality are read, and what is done with one whose last axis is not as long as the modality's `width`. */
typedef enum lb_loader { LB_LOAD_BY_NAME = 0, LB_LOAD_RAW, LB_LOAD_NPY, LB_LOAD_CSV } lb_loader;      /* by name: .npy, .csv .tsv .txt, else raw f32 */
typedef enum lb_fit { LB_FIT_EXACT = 0, LB_FIT_ZERO, LB_FIT_REPEAT, LB_FIT_RESAMPLE } lb_fit;         /* refused; zeros behind; again from its start; antialiased bicubic.  ZERO and REPEAT take the middle of a longer one */

/* What a modality looks like before it enters its tower.  A new sensor is a new entry here, not new code. */
typedef struct lb_modality_desc {
    char             name[LB_NAME_SIZE];
    char             tower[LB_NAME_SIZE];
    lb_modality_kind kind;
    int              channels, height, width, frames;                  /* of the array that enters; the tower's when zero */
    float            mean[LB_MAX_CHANNELS], std[LB_MAX_CHANNELS];      /* per channel; std 0: 1 */
    lb_resize        resize;
    lb_crop          crop;
    int              clean;                                            /* text: an lb_clean, without NO_SPECIAL: text from strangers goes through lb_tokenize and lb_embed_tokens */
    int              rate, mel_bins, target_length;                    /* audio */
    float            max_depth;                                        /* depth, metres; 0: the image's own maximum */
    lb_loader        loader; lb_fit fit;                               /* array */
    int              channels_last;                                    /* array: raw and .npy files are [(frames,) (height,) width, channels], interleaved */
    float            logit_scale;                                      /* natural logarithm of the factor; 0: ln(1/0.07) */
} lb_modality_desc;

typedef struct lb_model_desc {
    uint32_t         _zero0;
    int              towers, modalities;
    lb_tower_desc    tower[LB_MAX_TOWERS];
    lb_modality_desc modality[LB_MAX_MODALITIES];
    uint64_t         seed;                                             /* of the random weights */
    const uint16_t  *merges;                                           /* of the tokenizer, [merge_count, 2]; copied.  NULL: token ids only */
    size_t           merge_count;
    uint32_t         _zero1;
} lb_model_desc;

typedef struct lb_model lb_model;

/* lb_model_create: a model with random weights, drawn from the seed in the distributions that open_clip starts from.  Freed with
 * lb_model_free (NULL is fine).   errs  LB_ERR_ARG a description that makes no network, LB_ERR_MEM */
LB_API lb_status lb_model_create(lb_ctx *ctx, const lb_model_desc *desc, lb_model **out);
LB_API void      lb_model_free(lb_model *model);

/* lb_model_open: a model from a .lbw file, which is mapped: weights are used where they lie.  lb_model_open_memory: the same from bytes that
 * stay as they are until lb_model_free (see lb_file_open_memory).  lb_model_save: a .lbw file of the model; `dtype` f32, f16 or bf16 is that
 * of its matrices, everything else is f32.
 *   errs  LB_ERR_FORMAT a key or tensor that is missing or has another shape, by name; LB_ERR_MISMATCH an adapter; LB_ERR_MEM, LB_ERR_IO */
LB_API lb_status lb_model_open_memory(lb_ctx *ctx, const void *data, size_t size, lb_model **out);
#ifndef LB_NO_STDIO
LB_API lb_status lb_model_open(lb_ctx *ctx, const char *path, lb_model **out);
LB_API lb_status lb_model_save(lb_ctx *ctx, const lb_model *model, lb_dtype dtype, const char *path);
/* lb_model_adapt: the model with an adapter file's low-rank updates and tensors in place of its own; an adapter that brings a modality adds it, with
 * a tower that starts from the base's.  It borrows everything else, so `base` outlives it; any number of adapters may stand over one base at the
 * same time, or one over the other.
 *   errs  LB_ERR_MISMATCH an adapter of another base, LB_ERR_FORMAT a tensor that the base has no place for, LB_ERR_ARG a base that comes from no file */
LB_API lb_status lb_model_adapt(lb_ctx *ctx, const lb_model *base, const char *path, lb_model **out);
#endif
/* lb_model_extend: the model with one more modality, as upstream binds a new one: its tower starts from the existing vision tower `from`.
 *   modality   as in a description; its `tower` names the new tower, or `from` itself: then both read through the same weights
 *   tower      what is different in the new tower, zero fields as in `from`; NULL: nothing.  Weights are borrowed until they are trained.  Another
 *              grid resizes the position table (antialiased bicubic); temporal attention starts as a copy of the spatial one, its frame embedding
 *              is drawn; class_per_frame repeats the class vector; a tube puts the patch weights into its first frame; other channels or
 *              another patch size draw the patch weights afresh; lora_rank gives it low-rank updates that change nothing yet
 *   errs       LB_ERR_ARG `from` is no vision tower, or `tower` asks for another width, layers, heads or mlp; LB_ERR_LIMIT too many towers or modalities;
 *              and those of lb_model_create.  `base` outlives it */
LB_API lb_status lb_model_extend(lb_ctx *ctx, const lb_model *base, const char *from, const lb_tower_desc *tower, const lb_modality_desc *modality, uint64_t seed, lb_model **out);
/* lb_modality_parse: a modality declared in JSON (weights/MODALITY.md has the keys), as the descriptions that lb_model_extend and lb_model_create take.
 *   from   the tower or modality that the new tower starts from; "" when the text leaves it open.  Grid and patch stay zero where the text leaves
 *          the patch to that tower
 *   errs   LB_ERR_FORMAT no JSON, a key that is missing, unknown, doubled or of another type, by name; LB_ERR_LIMIT a number out of range
 * lb_model_extend_json: the two in one: the model with the declared modality, whose tower starts from the image tower unless the text says otherwise.
 * lb_model_parse: a whole new model declared in JSON: embed_dim, a text tower, and modalities by the same keys, each with its tower; or open_clip's own
 *   configuration.  What lb_model_create wants beside it is the vocabulary, lb_model_desc.merges.
 *   vocabulary   the tokenizer that the text names, a file or "clip" for CLIP's own; "": the text tower's `vocab` ids (0: it does not say) are to be
 *                learnt, see lb_tokenizer_train
 *   errs         as lb_modality_parse; the sentence names the modality */
LB_API lb_status lb_modality_parse(lb_ctx *ctx, const char *json, size_t size, lb_modality_desc *modality, lb_tower_desc *tower, char from[LB_NAME_SIZE]);
LB_API lb_status lb_model_extend_json(lb_ctx *ctx, const lb_model *base, const char *json, size_t size, uint64_t seed, lb_model **out);
#define LB_VOCABULARY_SIZE 256       /* bytes of a tokenizer's file name, with the closing zero */
LB_API lb_status lb_model_parse(lb_ctx *ctx, const char *json, size_t size, lb_model_desc *desc, char vocabulary[LB_VOCABULARY_SIZE]);
/* lb_model_merge: the model with its low-rank updates added into its weights, W + alpha/rank B A in f32; borrows all else from `model`, which
 * outlives it. */
LB_API lb_status lb_model_merge(lb_ctx *ctx, const lb_model *model, lb_model **out);
/* lb_model_part: the model with only the `n` modalities of these names, in its own order, and the towers that they read through; without text it has
 * no tokenizer.  Borrows the weights of `model`, which outlives it.
 *   errs   LB_ERR_ARG no name, one that the model has not, or one twice; LB_ERR_MEM */
LB_API lb_status lb_model_part(lb_ctx *ctx, const lb_model *model, const char *const *modalities, size_t n, lb_model **out);

LB_API const lb_model_desc    *lb_model_describe(const lb_model *model);                       /* defaults filled in; valid as long as the model */
LB_API const lb_modality_desc *lb_model_modality(const lb_model *model, const char *name);     /* NULL: this model has none of that name */
LB_API const lb_tokenizer     *lb_model_tokenizer(const lb_model *model);                      /* NULL: this model has none */
LB_API size_t                  lb_model_dim(const lb_model *model);                            /* floats of one embedding */
LB_API const lb_tensor        *lb_model_tensor(const lb_model *model, const char *name);       /* a weight by its name in the file; NULL: none */
LB_API double                  lb_model_logit_scale(const lb_model *model, const char *modality);   /* the factor exp(logit_scale); 1 for an unknown name */

/* Embeddings: `out` receives n unit vectors of lb_model_dim floats.  On failure it is zero, or untouched where an argument was refused.
 *   lb_embed_tensor   x [n, channels, (frames,) height, width] f32, preprocessed as the modality asks
 *   lb_embed_tokens   ids [n, length], length at most the tower's context; each text is read up to its first largest id (end of text)
 *   lb_embed_text     texts, UTF-8, each ending in a zero byte; cut to the context
 *   errs  LB_ERR_ARG an unknown modality, an id outside the vocabulary; LB_ERR_MEM; LB_ERR_NUMERIC a vector that is not finite;
 *         LB_ERR_UNSUPPORTED text for a model without a tokenizer */
LB_API lb_status lb_embed_tensor(lb_ctx *ctx, const lb_model *model, const char *modality, const float *x, size_t n, float *out);
LB_API lb_status lb_embed_tokens(lb_ctx *ctx, const lb_model *model, const int32_t *ids, size_t n, size_t length, float *out);
LB_API lb_status lb_embed_text(lb_ctx *ctx, const lb_model *model, const char *const *texts, size_t n, float *out);

#ifndef LB_NO_IMAGE
/* lb_prepare_image: a picture as the array that one of the model's image, depth or thermal modalities reads, [channels, height, width]: 3 channels, or
 *   1 for 0.299 red + 0.587 green + 0.114 blue.
 * lb_embed_image, lb_embed_depth, lb_embed_thermal: pictures of the model's modality of that kind, prepared and embedded. */
LB_API lb_status lb_prepare_image(lb_ctx *ctx, const lb_model *model, const char *modality, const lb_image *image, float *out);
LB_API lb_status lb_embed_image(lb_ctx *ctx, const lb_model *model, const lb_image *images, size_t n, float *out);
LB_API lb_status lb_embed_depth(lb_ctx *ctx, const lb_model *model, const lb_image *images, size_t n, float *out);
LB_API lb_status lb_embed_thermal(lb_ctx *ctx, const lb_model *model, const lb_image *images, size_t n, float *out);
#endif

#if !defined(LB_NO_VIDEO) && !defined(LB_NO_IMAGE)
/* lb_prepare_video: a clip as the array that one of the model's video modalities reads, [channels, frames, height, width]; `desc` says which
 * frames (NULL: evenly from first to last; desc->frames 0: the model's number); LB_FRAMES_VIEW is upstream's Kinetics evaluation whole, so it normalises by
 * ImageNet's mean and deviation in place of the modality's; LB_FRAMES_RETRIEVAL is its retrieval evaluation and resizes with Pillow's bicubic filter
 * (LB_RESIZE_PIL_BICUBIC), whatever the modality says.   lb_embed_video: n clips, prepared so and embedded. */
LB_API lb_status lb_prepare_video(lb_ctx *ctx, const lb_model *model, const char *modality, const lb_video *video, const lb_video_desc *desc, float *out);
LB_API lb_status lb_embed_video(lb_ctx *ctx, const lb_model *model, const lb_video *const *videos, size_t n, const lb_video_desc *desc, float *out);
#endif

/* lb_prepare_audio: a sound as the array that one of the model's audio modalities reads, [3, mel bands, frames]; `seed` moves the segments of a
 * long sound (0: the first position of each third).  A modality of one channel gets the middle segment, with a seed any of the three.
 * lb_embed_audio: n sounds, prepared so and embedded. */
#ifndef LB_NO_AUDIO
LB_API lb_status lb_prepare_audio(lb_ctx *ctx, const lb_model *model, const char *modality, const lb_audio *audio, uint64_t seed, float *out);
LB_API lb_status lb_embed_audio(lb_ctx *ctx, const lb_model *model, const lb_audio *audios, size_t n, uint64_t seed, float *out);
#endif

/* lb_prepare_array: numbers as the array that one of the model's array modalities reads, [channels, (frames,) height, width]: fitted in length, (x - mean) / std.
 *   t   any real type, [channels, frames, height, length] or, channels_last, [frames, height, length, channels]; axes of length 1 may be left out
 * lb_prepare_file: a file as the array that any modality but text reads: pictures, clips and sounds as above, arrays by the modality's loader (a .csv has
 *   one line a time step and one column a channel, or with frames * height > 1 one line a row).  "-" is standard input, as .npy where the loader is by name.
 *   errs  LB_ERR_MISMATCH another shape or length, LB_ERR_NUMERIC a number that is not finite; those of the loaders */
LB_API lb_status lb_prepare_array(lb_ctx *ctx, const lb_model *model, const char *modality, const lb_tensor *t, float *out);
/* lb_modality_floats: the numbers of one input of a modality: channels x frames x height x width. */
LB_API size_t    lb_modality_floats(const lb_modality_desc *modality);
#ifndef LB_NO_STDIO
LB_API lb_status lb_prepare_file(lb_ctx *ctx, const lb_model *model, const char *modality, const char *path, float *out);
#endif

/* lb_zero_shot: the weights of a zero-shot classifier, [labels, dim]: every template with the label in place of its "{}", embedded, averaged
 * and brought to unit length again.  No templates: the label alone.   errs  LB_ERR_FORMAT a template without "{}", LB_ERR_LIMIT, and those of
 * lb_embed_text */
LB_API lb_status lb_zero_shot(lb_ctx *ctx, const lb_model *model, const char *const *labels, size_t n, const char *const *templates, size_t nt, float *out);

/* lb_prompts: templates for lb_zero_shot that others measured with, by name.
 *   set   "openai": the 80 for ImageNet out of openai/CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb (MIT licence, (c) 2021 OpenAI)
 *         "upstream": what LanguageBind evaluates with: the same with "video" or "depth photo" for "photo", unchanged for images and infrared, and for
 *         sounds one, "a sound of {}."
 *   kind  of what is classified; for "upstream"
 *   out   [LB_PROMPTS], *n of them used;  errs  LB_ERR_ARG another name */
#define LB_PROMPTS     80
#define LB_PROMPT_SIZE 48
LB_API lb_status lb_prompts(const char *set, lb_modality_kind kind, char out[LB_PROMPTS][LB_PROMPT_SIZE], size_t *n);

/* lb_model_parity: embed the inputs of the file's parity record again and compare with the vectors that the reference framework gave.
 *   inputs   how many there are; 0: the file carries no record        worst   the largest absolute difference of any number */
LB_API lb_status lb_model_parity(lb_ctx *ctx, const lb_model *model, size_t *inputs, double *worst);

/* lb_similarity: out[i,j] = scale * a[i] . b[j], a [na, dim] and b [nb, dim].   lb_softmax_rows: every row of x [n, m] into probabilities.
 * Before a softmax `scale` is lb_model_logit_scale, as CLIP has it; else 1. */
LB_API lb_status lb_similarity(lb_ctx *ctx, const float *a, size_t na, const float *b, size_t nb, size_t dim, float scale, float *out);
LB_API void      lb_softmax_rows(float *x, size_t n, size_t m);

/* lb_relative: what each of n vectors resembles among m anchors: out[i] = sqrt(softmax(scale * x[i] . anchors)), a unit vector again.  The cosine of two
 * such vectors is the Bhattacharyya coefficient of their distributions, 1 where they resemble the same anchors equally.  Modalities that were bound to text
 * and never to each other, a sound and a picture, meet better by the texts that both resemble: a picture's colours, which no sound has, lie apart
 * from every caption of sounds alike.
 *   x        [n, dim] of one modality           scale   its lb_model_logit_scale: the probabilities that the model gives to the anchors
 *   anchors  [m, dim] unit vectors, m > 0: texts that say what both sides can show, some thousands of them        out   [n, m]
 * Source: relative representations, Moschella et al., ICLR 2023. */
LB_API lb_status lb_relative(lb_ctx *ctx, const float *x, size_t n, const float *anchors, size_t m, size_t dim, float scale, float *out);

/* lb_mean_embedding: the unit vector of the mean of n unit vectors: prompts of one class into its zero-shot weight.  out may be x. */
LB_API lb_status lb_mean_embedding(const float *x, size_t n, size_t dim, float *out);

/* ---- API of 14 train: data ------------------------------------------------------------------------------------------- */
#ifndef LB_NO_TRAIN

/* One caption of an item.  `weight` is the chance to be drawn relative to the item's other captions; `frame` >= 0 says that the caption
 * describes that frame only (VIDAL's per-frame captions), so a depth or infrared item that draws it shows that frame. */
typedef struct lb_caption { const char *text; const char *source; float weight; int frame; } lb_caption;

/* One line of a manifest.  `file` holds "{}" in place of the frame number when frames > 0. */
typedef struct lb_item {
    const char       *file;          /* path, joined to the manifest's folder                      */
    const char       *modality;      /* "image", "audio", ...                                       */
    const lb_caption *captions;      /* n_captions of them, at least one                            */
    size_t            n_captions;
    const char       *group;         /* class or id; items of one group mean the same; NULL: none   */
    const char       *split;         /* "train", "test", ...; NULL: none                            */
    int               frames;        /* 0: `file` is one file; else frame files 0..frames-1         */
    size_t            line;          /* in the manifest, from 1; 0 for folders                      */
} lb_item;

typedef struct lb_manifest { const lb_item *items; size_t count; void *_memory; } lb_manifest;
typedef struct lb_manifest_desc {
    uint32_t    _zero0;
    const char *modality;            /* of items that do not say it   default: by the file's ending                                      */
    const char *root;                /* files are relative to it      default: the manifest's folder                                     */
    const char *text_type;           /* VIDAL only: raw, mplug, polish_mplug, sound_mplug, ofa or mix   default mix (spec weights .2 each, ofa .025) */
    const char *prompt;              /* folders only: caption of a class, {} stands for its name   default "a photo of a {}."            */
    uint32_t    _zero1;
} lb_manifest_desc;
/* lb_manifest_load: the items of a data set, in the order of the file.
 *   path   FILE.tsv    the first line names the columns: file, modality, caption (may stand several times), group, split
 *          FILE.jsonl  an object a line: file, modality, caption or captions, group, split
 *          FILE.json   VIDAL-10M: id -> {folder, raw, mplug, polish_mplug, sound_mplug, ofa[8]}; raw titles are cleaned as upstream does;
 *                      where a folder ID_resize256_folder lies beside a clip ID.mp4 (or in its place), its frames are the clip;
 *                      or an array of the objects that a .jsonl has
 *          a folder    class/file; the class names the group and fills the prompt, '_' and '-' become spaces
 *   out    freed with lb_manifest_free
 *   errs   LB_ERR_IO, LB_ERR_FORMAT naming file and line, LB_ERR_MEM.  That the files exist is not checked here. */
#ifndef LB_NO_STDIO
LB_API lb_status lb_manifest_load(lb_ctx *ctx, const char *path, const lb_manifest_desc *desc, lb_manifest *out);
LB_API void      lb_manifest_free(lb_manifest *m);
#endif
/* The caption to use at this visit: drawn by weight from (seed, visit), so that a re-run draws the same. */
LB_API const lb_caption *lb_item_draw(const lb_item *item, uint64_t seed, uint64_t visit);
/* "image", "audio", "video", ... by the ending of the name; NULL when it tells nothing. */
LB_API const char *lb_modality_of_file(const char *path);
/* A YouTube title with its hashtags ("title #tag #tag") cleaned as upstream's data/process_text.py does: "title, tags".
 * out has room for cap bytes; returns the length without the terminator, or cap when it did not fit (2 * strlen(raw) + 8 always fits). */
LB_API size_t lb_clean_title(const char *raw, char *out, size_t cap);
#endif /* LB_NO_TRAIN */

/* ---- API of 14 train ------------------------------------------------------------------------------------------------- */
#ifndef LB_NO_TRAIN

/* lb_clip_loss: symmetric InfoNCE of n pairs of unit vectors x, y [n, dim].  With s = exp(log_scale) and logits s x y^T: the mean of both
 * directions' cross entropies.  Rows with the same `group` are positives of each other and share the target evenly; group NULL: only the pair
 * itself is.  dx, dy [n, dim] and dscale (by log_scale) receive the gradients; any of them may be NULL. */
LB_API lb_status lb_clip_loss(lb_ctx *ctx, const float *x, const float *y, size_t n, size_t dim, double log_scale, const uint64_t *group, double *loss, float *dx, float *dy, double *dscale);

/* Which parameters are trained.
 *   ALL          every tower of the modality and of text
 *   LORA         upstream's LoRA run: the low-rank updates, class and post_norm and projection of the modality's tower, its temporal embedding
 *                and norm, the logit scale
 *   UPSTREAM     upstream's run without LoRA: everything temporal of a video tower, or the attention of another one; class, post_norm, projection, scale
 *   PROJECTION   the modality's projection and the logit scale
 *   PATTERN      the names that match one of desc.pattern's words, parted by commas, * stands for anything; a word that matches none is an error */
typedef enum lb_trainable { LB_TRAIN_ALL = 0, LB_TRAIN_LORA, LB_TRAIN_UPSTREAM, LB_TRAIN_PROJECTION, LB_TRAIN_PATTERN } lb_trainable;

#define LB_DATA_SIZE 256             /* bytes of the name of a run's data, with the closing zero */
/* A training run.  A zero field means the default in brackets: upstream's values. */
typedef struct lb_train_desc {
    uint32_t     _zero0;
    const char  *modality;           /* trained against text [the first that is not text]; text itself: against other texts */
    lb_trainable trainable;
    const char  *pattern;
    int          freeze_text, freeze_scale;
    int          lora_rank;          /* LORA: of the updates that are added [the model's own, or 16]            */
    int          lora_targets;       /* LB_LORA_* bits [the model's own, or QKVO]                               */
    int          lora_temporal;      /* as in lb_tower_desc; upstream: 1 for video, 0 for the rest              */
    float        lora_alpha, lora_dropout;          /* [the model's own, or 16], [0]                            */
    double       mask_ratio;         /* of patches that are dropped [0]                                         */
    double       mix;                /* of the steps: inputs are mixed in pairs, by mixup or CutMix, and belong to the texts of both [0] */
    size_t       micro_batch;        /* pairs that are in memory at once [the whole batch]: same gradient, but with lora_dropout other draws */
    int          recompute;          /* keep only block inputs, compute the rest again in the backward pass     */
    double       lr;                 /* [1e-4]                                                                  */
    double       lr_rest;            /* factor for parameters that are not low-rank updates [1]                 */
    uint64_t     warmup, steps;      /* linear, then cosine to zero at `steps`; steps 0: constant               */
    double       beta1, beta2, eps;  /* [0.9, 0.98, 1e-6]                                                       */
    double       weight_decay;       /* [0.2]; negative: none                                                   */
    double       clip;               /* of the gradient's length [none]                                         */
    double       ema;                /* decay of the averaged weights [none]                                    */
    uint64_t     seed;
    const char  *data;               /* names the data, less than LB_DATA_SIZE bytes (lb_feed_identity): checkpoints keep it and fit no run on other data [none] */
    int          other_steps;        /* lb_trainer_load: a checkpoint of a run over another number of `steps` fits too, and goes on by this run's schedule */
    uint32_t     _zero1;
} lb_train_desc;

/* n pairs.  x [n, channels, (frames,) height, width], preprocessed.  Text as ids [n, length], or as unit vectors text [n, dim] when the
 * text tower is frozen.  group [n] or NULL: see lb_clip_loss.  Where text itself is trained, `pair` [n, length] holds the ids of texts that mean
 * the same as those of `ids`, and stands for x.  `negative` [negatives, dim], beside `text`: vectors of texts that are no caption of the batch's items, from
 * which every input is told, too: a frozen text costs nothing, so a small batch has the comparisons of a large one. */
typedef struct lb_batch {
    size_t n, length;
    const float *x; const int32_t *ids; const float *text; const uint64_t *group; const int32_t *pair;
    const float *negative; size_t negatives;
} lb_batch;
typedef struct lb_train_stats {
    uint64_t step;                   /* updates made so far                                     */
    double   loss;                   /* before this update                                      */
    double   lr, grad_norm;          /* of this update; the norm before clipping                */
    double   logit_scale;            /* the factor after it                                     */
} lb_train_stats;

/* lb_trainer_new: a run that starts from `model`, which is not changed and must outlive the trainer.  Frozen weights are used where they lie.
 * lb_trainer_step: one AdamW update; masks, mixtures and dropout are drawn from (seed, step, position), so that a resumed run continues bit for bit.
 * A batch whose captions are all equal, or whose pairs are of one group, teaches next to nothing, and is a step like any other.
 *   errs  LB_ERR_ARG a batch of one pair, LB_ERR_NUMERIC loss or gradient not finite, by tensor (nothing was updated); LB_ERR_MEM
 * lb_trainer_loss: the loss of a batch without masks, mixtures, dropout or update.
 * lb_trainer_model: the model as trained so far (the averaged one when `ema`); belongs to the trainer and changes with the next step.
 * lb_trainer_save, lb_trainer_load: a checkpoint (trained weights, moments, step), and back into a trainer of the same run.  LB_ERR_MISMATCH says which
 *   of these is another: the weights it started from (by hash), any number of the description, what is trained, the data.  What may change between the
 *   two is what changes no number: threads, `recompute`, and with `other_steps` the number of steps.
 * lb_trainer_adapter: what was trained as an adapter file that names its base by hash (see lb_model_adapt): all that the trained modality's model has and
 *   the file at the root of it has not, so a modality that was added in memory (lb_model_extend) comes along, and so does an adapter in between
 *   (LB_ERR_UNSUPPORTED for one with low-rank updates of the text tower).
 *   LB_ERR_ARG when there is no such file: a model of lb_model_create is saved and opened before it is trained, or saved whole afterwards.
 * lb_trainer_bytes: the most memory that a step on n pairs of texts of `length` tokens, without negatives, takes over the mapped model, within a tenth (a
 *   third more where n * n floats rival the towers: a thousand pairs of a tiny model); SIZE_MAX: more than this machine can address. */
typedef struct lb_trainer lb_trainer;
LB_API lb_status       lb_trainer_new(lb_ctx *ctx, const lb_model *model, const lb_train_desc *desc, lb_trainer **out);
LB_API void            lb_trainer_free(lb_trainer *t);
LB_API lb_status       lb_trainer_step(lb_ctx *ctx, lb_trainer *t, const lb_batch *batch, lb_train_stats *stats);
LB_API lb_status       lb_trainer_loss(lb_ctx *ctx, lb_trainer *t, const lb_batch *batch, double *loss);
LB_API const lb_model *lb_trainer_model(const lb_trainer *t);
LB_API uint64_t        lb_trainer_steps(const lb_trainer *t);                 /* updates made so far */
LB_API size_t          lb_trainer_parameters(const lb_trainer *t);            /* numbers that are trained */
LB_API size_t          lb_trainer_bytes(const lb_trainer *t, size_t n, size_t length);
#ifndef LB_NO_STDIO
LB_API lb_status       lb_trainer_save(lb_ctx *ctx, const lb_trainer *t, const char *path);
LB_API lb_status       lb_trainer_load(lb_ctx *ctx, lb_trainer *t, const char *path);
LB_API lb_status       lb_trainer_adapter(lb_ctx *ctx, const lb_trainer *t, const char *path);
#endif

#ifndef LB_NO_STDIO
/* Batches of a manifest's files: what a training run reads.  Batch `step` depends on the description, the data and `step` alone: any batch can be
 * had at any time, a resumed run sees the same ones, and neither threads nor cache change a bit. */
typedef struct lb_feed lb_feed;
typedef struct lb_feed_desc {
    uint32_t    _zero0;
    const char *modality;            /* items of this one; text: of any, pairs of an item's captions, no file    default the model's first that is not text */
    const char *split;               /* items of this split, or with a "!" in front those of all others; an item without one counts as "train"   default all */
    size_t      batch;               /* pairs                                                            default 32; at most all there are          */
    int         keep_rest;           /* an epoch ends with a smaller batch of what is left over; else that is left out, and every epoch leaves out others */
    int         no_shuffle;          /* in the order of the manifest, epoch after epoch (what is left over of the last batch is never seen)         */
    uint64_t    seed;                /* of the order, the captions that are drawn, and augmentation                                                 */
    size_t      cache;               /* bytes of decoded inputs that stay in memory                      default none                               */
    size_t      max_bad;             /* files that may be missing or broken before that is an error      default none                               */
    double      crop;                /* pictures: a random piece of `crop` to all of the area, sides 3:4 to 4:3, instead of the centre   default off */
    int         flip;                /* pictures and clips: mirrored every other time                                                               */
    double      grey;                /* pictures and clips: grey with this probability (open_clip's gray_scale_prob)             default off        */
    int         segments;            /* long sounds: three segments drawn anew at every visit, as upstream trains                                   */
    int         positives;           /* fill batch.group: pairs of one group or one caption are positives of each other                             */
    size_t      negatives;           /* captions of other items in every batch, drawn anew, as lb_batch.negative (of its groups, too); with text_vectors */
    int         text_vectors;        /* texts as vectors of the model's text tower (which is frozen, then): every caption is embedded once          */
    const char *text_folder;         /* where these are kept, in a file named by a hash of tower, captions and kernel set; must exist   default: in memory only */
    void      (*report)(void *user, const lb_item *item, const char *why);               /* hears of every file that is left out, once             */
    void      (*progress)(void *user, const char *what, size_t done, size_t total);      /* of the captions that are embedded                       */
    void       *user;
    uint32_t    _zero1;
} lb_feed_desc;
/* lb_feed_new: model and manifest must outlive the feed.  Files that are missing are found here.
 *   errs  LB_ERR_ARG no item of that modality and split, or one without file, modality or captions; LB_ERR_IO more than max_bad files are missing: the sentence names line and file; those of
 *         lb_embed_text
 * lb_feed_batch: the pairs of step `step`, from 0; files are decoded on the threads of `ctx`, and the system is asked to read those of the next step.
 * The arrays belong to the feed and stay until the next call.  Broken files are left out of their batch, never replaced.
 *   errs  those of the loaders more than max_bad files are broken or missing: the sentence names line and file; LB_ERR_FORMAT fewer than two pairs are left
 *         of a batch, or none of a batch of one; LB_ERR_MEM
 * lb_feed_item: the item of pair i of the batch that was read last, and its caption; NULL, and no caption, when it has no such pair.
 * lb_feed_count: items in use;  lb_feed_steps: batches of one epoch;  lb_feed_length: tokens a text has in a batch (0 with text_vectors);
 * lb_feed_bytes: memory of a batch, with its scores against negatives, of the cache when full and of the captions.
 * lb_feed_identity: a name for data and description, for lb_train_desc.data: the description in words, and SHA-256 over it and every item in use: name
 *   (without its folder), group, captions.  A manifest with other items, captions or another order of them is other data. */
LB_API lb_status lb_feed_new(lb_ctx *ctx, const lb_model *model, const lb_manifest *manifest, const lb_feed_desc *desc, lb_feed **out);
LB_API void      lb_feed_free(lb_feed *l);
LB_API lb_status lb_feed_batch(lb_ctx *ctx, lb_feed *l, uint64_t step, lb_batch *out);
LB_API const lb_item *lb_feed_item(const lb_feed *l, size_t i, const lb_caption **caption);
LB_API size_t    lb_feed_count(const lb_feed *l);
LB_API size_t    lb_feed_steps(const lb_feed *l);
LB_API size_t    lb_feed_length(const lb_feed *l);
LB_API size_t    lb_feed_bytes(const lb_feed *l);
LB_API void      lb_feed_identity(const lb_feed *l, char out[LB_DATA_SIZE]);
#endif
#endif /* LB_NO_TRAIN */

/* ---- API of 15 eval -------------------------------------------------------------------------------------------------- */

/* Metrics over score matrices; shares are in 0..1.  The rule for ties, unless a function says otherwise: an equal score counts against the
 * right answer, so that a model that says the same of everything scores nothing. */
typedef struct lb_accuracy { double top1, top5, mean_class; } lb_accuracy;              /* mean_class: mean over the classes that occur of their top1 */
/* lb_eval_classify: zero-shot classification.
 *   scores      [n, classes];  labels [n]
 *   rank        [n] 0-based place of the right class: how many others score at least as high; or NULL (lb_eval_classify_interval takes it)
 *   per_class   [classes] top1 of each class, NaN where none occurs, or NULL
 *   confusion   [classes, classes] counts, row the label, column the guess (the first of the best), or NULL
 *   errs        LB_ERR_ARG no samples, a label outside; LB_ERR_NUMERIC a score that is NaN */
LB_API lb_status lb_eval_classify(const float *scores, const uint32_t *labels, size_t n, size_t classes, lb_accuracy *out, double *rank, double *per_class, uint32_t *confusion);
/* lb_eval_multilabel: mean over classes of average precision (step-wise, ties share a threshold, as scikit-learn's), of ROC-AUC, and
 * d' = sqrt(2) * the normal quantile of the mean AUC.  Classes without a positive (for AUC: or a negative) are left out and counted.
 *   scores      [n, classes];  truth [n, classes] 0 or 1
 *   per_class   [classes] average precision, NaN where left out, or NULL */
typedef struct lb_multilabel { double map, auc, dprime; size_t classes, left_out; } lb_multilabel;
LB_API lb_status lb_eval_multilabel(lb_ctx *ctx, const float *scores, const uint8_t *truth, size_t n, size_t classes, lb_multilabel *out, double *per_class);
/* lb_eval_retrieval: both directions between texts (or any queries) and items.
 *   sim         [texts, items];  owner [texts] the item a text belongs to; NULL: text i belongs to item i (texts == items)
 *   upstream    0: the rule for ties above; 1: LanguageBind's own counting: one text an item: every position that equals the right score
 *               is an entry of its own; several: the right item's place among equals is its index, and the median is the lower middle one
 *   to_item     rank of a text's own item among all items;  to_text rank of an item's own texts among all items' texts, the best of each item standing for it
 *   rank_item   [texts], rank_text [items] 0-based ranks by the rule for ties, NaN for items without a text; NULL when not wanted
 *   errs        LB_ERR_ARG an owner outside, nothing to rank; LB_ERR_NUMERIC a score that is NaN; LB_ERR_MEM */
typedef struct lb_retrieval { double r1, r5, r10, median, mean; size_t count; } lb_retrieval;      /* median and mean rank begin at 1 */
LB_API lb_status lb_eval_retrieval(lb_ctx *ctx, const float *sim, size_t texts, size_t items, const uint32_t *owner, int upstream, lb_retrieval *to_item, lb_retrieval *to_text, double *rank_item, double *rank_text);
/* lb_eval_bootstrap: interval of the mean of x [n] by drawing n of them with replacement `rounds` times (default 1000), percentile method.
 * level 0.95 for the usual interval.  The same seed gives the same interval.   errs  LB_ERR_ARG, LB_ERR_MEM */
LB_API lb_status lb_eval_bootstrap(lb_ctx *ctx, const double *x, size_t n, size_t rounds, double level, uint64_t seed, double *low, double *high);
/* The same for every number of the metrics above, which are computed anew from each drawing: of samples, or of whole `unit`s where several ranks
 * come from one thing (captions of one item, galleries with the same query) and so are not independent.
 *   rank        as the metric gave it; NaN are left out
 *   unit        [n] any numbers, equal for ranks of one unit; NULL: every rank is its own
 *   low, high   the ends of each number's interval (counts are copied).  Where every unit is a hit, or none, a share's interval is Wilson's: drawing
 *               again would show no spread
 *   errs        LB_ERR_ARG nothing to draw from, a label outside; LB_ERR_NUMERIC a score that is NaN; LB_ERR_MEM */
LB_API lb_status lb_eval_classify_interval(lb_ctx *ctx, const double *rank, const uint32_t *labels, size_t n, size_t classes, size_t rounds, double level, uint64_t seed, lb_accuracy *low, lb_accuracy *high);
LB_API lb_status lb_eval_multilabel_interval(lb_ctx *ctx, const float *scores, const uint8_t *truth, size_t n, size_t classes, size_t rounds, double level, uint64_t seed, lb_multilabel *low, lb_multilabel *high);
LB_API lb_status lb_eval_retrieval_interval(lb_ctx *ctx, const double *rank, const uint32_t *unit, size_t n, size_t rounds, double level, uint64_t seed, lb_retrieval *low, lb_retrieval *high);
/* lb_eval_ceiling: what a model could reach at best if it knew `key` perfectly and nothing else: of the m gallery entries with a query's key one
 * is right, at a place among the m that is up to chance.  Entries without a query count; a query whose key the gallery has not finds nothing.
 *   query [n], gallery [m]   keys: equal numbers for what cannot be told apart
 *   out                      expected r1, r5, r10 and mean; median of the expected places
 *   errs                     LB_ERR_ARG nothing to rank; LB_ERR_MEM */
LB_API lb_status lb_eval_ceiling(lb_ctx *ctx, const uint32_t *query, size_t n, const uint32_t *gallery, size_t m, lb_retrieval *out);

/* Maps: n points of `dim` numbers as n points of a few, for the eye.
 * lb_eval_pca: coordinates along the `k` directions of largest variance (subspace iteration in double).
 *   out     [n, k];  share [k] of the whole variance that each direction holds, or NULL.  The largest entry of a direction is positive
 *   errs    LB_ERR_ARG fewer than 2 points, k above n or dim; LB_ERR_NUMERIC a value that is not finite; LB_ERR_MEM
 * lb_eval_tsne: t-SNE with exact gradients, O(n^2) a step on the context's threads; starts from the PCA map, so that the whole keeps its order.
 *   out     [n, 2];  divergence Kullback-Leibler of the map, or NULL.  The same seed gives the same map on any number of threads
 *   errs    LB_ERR_ARG fewer than 4 points; LB_ERR_NUMERIC, LB_ERR_MEM
 *   from    van der Maaten and Hinton 2008; step size and start as scikit-learn's */
typedef struct lb_tsne_desc {
    uint32_t _zero0;
    double   perplexity;     /* neighbours that count; at most (n - 1) / 3   default 30, less for few points */
    int      steps;          /*                                              default 1000                    */
    uint64_t seed;           /* of the jitter that parts equal points                                        */
    uint32_t _zero1;
} lb_tsne_desc;
LB_API lb_status lb_eval_pca(lb_ctx *ctx, const float *x, size_t n, size_t dim, size_t k, float *out, double *share);
LB_API lb_status lb_eval_tsne(lb_ctx *ctx, const float *x, size_t n, size_t dim, const lb_tsne_desc *desc, float *out, double *divergence);

#ifdef __cplusplus
}
#endif
#endif /* LANGUAGEBIND_H: end of API */

#if defined(LANGUAGEBIND_IMPLEMENTATION) && !defined(LB__IMPLEMENTED)        /* sections 1 to 4.1; section 4.2 stands outside, the rest follows it */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"          /* which private functions are used depends on the sections left in */
#endif

/* ==== 1 >>base ===================================================================================================================
 * What everything stands on: macros, the error sentence, memory, byte order, checksums, random numbers, files, JSON.
 * Calls: libc.  Held by: tests/test_base.c, tests/test_json.c */
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#ifndef LB_NO_STDIO
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__GLIBC__) && !defined(__USE_XOPEN2K8)          /* settled by the first header of all: too late to ask for it here */
#  error "languagebind.h: include the implementation before any other header, or define _POSIX_C_SOURCE 200809L before the first of them"
#endif
#endif

#if defined(LB_MALLOC) && defined(LB_REALLOC) && defined(LB_FREE)
#elif !defined(LB_MALLOC) && !defined(LB_REALLOC) && !defined(LB_FREE)
#  define LB_MALLOC(n)     malloc(n)
#  define LB_REALLOC(p, n) realloc(p, n)
#  define LB_FREE(p)       free(p)
#else
#  error "languagebind.h: define all of LB_MALLOC, LB_REALLOC and LB_FREE, or none of them"
#endif
#ifndef LB_ASSERT
#  define LB_ASSERT(x) ((void)0)
#endif
#ifndef LB_HEADER_NAME
#  define LB_HEADER_NAME "languagebind.h"
#endif

#if defined(__GNUC__)
#  define LB__RESTRICT     __restrict__
#  if defined(__i386__) && !defined(__SSE_MATH__)          /* kernels ask for SSE arithmetic there; forced inlining into them is refused */
#    define LB__INLINE     __attribute__((unused)) static inline
#  else
#    define LB__INLINE     __attribute__((unused, always_inline)) static inline
#  endif
#  define LB__LIKELY(x)    __builtin_expect(!!(x), 1)
#  define LB__TLS          __thread
#else
#  define LB__RESTRICT
#  define LB__INLINE       static inline
#  define LB__LIKELY(x)    (x)
#  define LB__TLS
#endif
#define LB__MIN(a, b)      ((a) < (b) ? (a) : (b))
#define LB__MAX(a, b)      ((a) > (b) ? (a) : (b))
#define LB__COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define LB__PI             3.14159265358979323846

LB_API int lb_version(void) { return LB_VERSION; }

/* ---- 1.1 the error sentence ---- */

static LB__TLS char lb__error[1024];

LB_API const char *lb_last_error(void) { return lb__error; }

LB_API const char *lb_status_name(lb_status status) {
    static const char *const names[] = { "ok", "argument", "memory", "io", "format", "limit", "unsupported", "mismatch", "numeric" };
    return (size_t)status < LB__COUNT(names) ? names[status] : "unknown";
}

/* Our own small formatter, so that LB_NO_STDIO builds report errors too and no locale can change a number.
 * Knows %s %c %d %u %x %zu %lld %llu %g (six significant digits) %%, and a precision on %s and %g.  Returns the length written, always
 * terminates. */
static size_t lb__put_u64(char *out, uint64_t v, unsigned base) {
    char tmp[32]; size_t n = 0, i;
    do { tmp[n++] = "0123456789abcdef"[v % base]; v /= base; } while (v);
    for (i = 0; i < n; i++) out[i] = tmp[n - 1 - i];
    return n;
}
/* %.{digits}g for finite values: scaled by powers of ten in double, correct to the digits that an error sentence or a log needs. */
static size_t lb__put_f64(char *out, double v, int digits) {
    size_t n = 0; int e = 0, i, used; uint64_t m, lim = 1;
    if (v != v) { memcpy(out, "nan", 3); return 3; }
    if (v < 0) { out[n++] = '-'; v = -v; }
    if (v > DBL_MAX) { memcpy(out + n, "inf", 3); return n + 3; }
    if (v == 0) { out[n++] = '0'; return n; }
    if (digits < 1) digits = 1;
    if (digits > 17) digits = 17;
    e = (int)floor(log10(v));
    for (i = 0; i < digits; i++) lim *= 10;
    {   /* two steps, so that neither the smallest nor the largest double overflows the scale */
        int s = digits - 1 - e, h = s / 2;
        m = (uint64_t)(v * pow(10, h) * pow(10, s - h) + 0.5);
    }
    if (m >= lim) { m /= 10; e++; }
    else if (m < lim / 10) { m = m * 10; e--; }
    {
        char d[24]; size_t nd = lb__put_u64(d, m, 10);
        used = (int)nd;
        while (used > 1 && d[used - 1] == '0') used--;
        if (e < -4 || e >= digits) {
            out[n++] = d[0];
            if (used > 1) { out[n++] = '.'; memcpy(out + n, d + 1, (size_t)used - 1); n += (size_t)used - 1; }
            out[n++] = 'e'; out[n++] = e < 0 ? '-' : '+';
            if (abs(e) < 10) out[n++] = '0';
            n += lb__put_u64(out + n, (uint64_t)abs(e), 10);
        } else if (e < 0) {
            out[n++] = '0'; out[n++] = '.';
            for (i = -1; i > e; i--) out[n++] = '0';
            memcpy(out + n, d, (size_t)used); n += (size_t)used;
        } else {
            for (i = 0; i <= e || i < used; i++) {
                if (i == e + 1) out[n++] = '.';
                out[n++] = i < used ? d[i] : '0';
            }
        }
    }
    return n;
}
static size_t lb__vformat(char *out, size_t cap, const char *f, va_list ap) {
    size_t n = 0;
    for (; *f; f++) {
        char tmp[64]; const char *s = tmp; size_t len = 0; int prec = -1;
        if (*f != '%') { s = f; len = 1; }
        else {
            f++;
            if (*f == '.') { f++; if (*f == '*') { prec = va_arg(ap, int); f++; } else for (prec = 0; *f >= '0' && *f <= '9'; f++) prec = prec * 10 + (*f - '0'); }
            if (*f == 's') { s = va_arg(ap, const char *); if (!s) s = "(null)"; while ((prec < 0 || len < (size_t)prec) && s[len]) len++; }
            else if (*f == 'c') { tmp[0] = (char)va_arg(ap, int); len = 1; }
            else if (*f == 'd') { int v = va_arg(ap, int); uint64_t u = v < 0 ? 0 - (uint64_t)(int64_t)v : (uint64_t)v; if (v < 0) tmp[len++] = '-'; len += lb__put_u64(tmp + len, u, 10); }
            else if (*f == 'u') len = lb__put_u64(tmp, va_arg(ap, unsigned), 10);
            else if (*f == 'x') len = lb__put_u64(tmp, va_arg(ap, unsigned), 16);
            else if (*f == 'z') { f++; len = lb__put_u64(tmp, va_arg(ap, size_t), 10); }
            else if (*f == 'l') {
                f += 2;
                if (*f == 'd') { long long v = va_arg(ap, long long); if (v < 0) { tmp[len++] = '-'; len += lb__put_u64(tmp + len, 0 - (uint64_t)v, 10); } else len = lb__put_u64(tmp, (uint64_t)v, 10); }
                else len = lb__put_u64(tmp, va_arg(ap, unsigned long long), *f == 'x' ? 16 : 10);
            }
            else if (*f == 'g') len = lb__put_f64(tmp, va_arg(ap, double), prec < 0 ? 6 : prec);
            else { tmp[0] = '%'; len = 1; if (*f != '%') f--; }
        }
        for (; len && n + 1 < cap; len--) out[n++] = *s++;
    }
    if (cap) out[n] = 0;
    return n;
}
static size_t lb__format(char *out, size_t cap, const char *f, ...) {
    va_list ap; size_t n;
    va_start(ap, f); n = lb__vformat(out, cap, f, ap); va_end(ap);
    return n;
}
/* Leave a sentence for lb_last_error() and hand the status back: `return lb__fail(LB_ERR_FORMAT, "%s: ...", name);`  Inlined, so that the compiler
 * sees that it is not LB_OK. */
static int lb__say(const char *f, ...) {
    char tmp[sizeof lb__error]; va_list ap;          /* the arguments may point into the old sentence */
    va_start(ap, f); lb__vformat(tmp, sizeof tmp, f, ap); va_end(ap);
    memcpy(lb__error, tmp, sizeof tmp);
    return 0;
}
LB__INLINE lb_status lb__said(lb_status status, int said) { (void)said; return status; }
#define lb__fail(status, ...) lb__said(status, lb__say(__VA_ARGS__))
/* Put "where: " in front of the sentence that is already there: readers of bytes do not know their file's name, their callers do. */
static lb_status lb__fail_in(lb_status status, const char *where) {
    if (status == LB_OK) return status;
    return lb__fail(status, "%s: %s", where, lb__error);
}
/* What a public function needs of its pointers: LB__POINTERS(ctx && model && (out || !n)). */
#define LB__POINTERS(pointers) do { if (!(pointers)) return lb__fail(LB_ERR_ARG, "%s: an argument is NULL that must not be", __func__); } while (0)
/* The usual way out of a failing call. */
#define LB__TRY(call) do { lb_status lb__s = (call); if (lb__s) return lb__s; } while (0)

/* ---- 1.2 memory ---- */

/* Sizes from outside are multiplied and added with these; 0 says that the result does not fit. */
LB__INLINE int lb__mul(size_t a, size_t b, size_t *out) { if (b && a > SIZE_MAX / b) return 0; *out = a * b; return 1; }
LB__INLINE int lb__add(size_t a, size_t b, size_t *out) { if (a > SIZE_MAX - b) return 0; *out = a + b; return 1; }
/* A caller's array of n times `each` elements of `size` bytes: one that no memory holds is refused before it is read or cleared. */
static lb_status lb__counted(const char *who, size_t n, size_t each, size_t size) {
    size_t bytes;
    return lb__mul(each, size, &bytes) && lb__mul(bytes, n, &bytes) && bytes <= PTRDIFF_MAX ? LB_OK : lb__fail(LB_ERR_ARG, "%s: %zu times %zu elements are more than an array can have", who, n, each);
}

/* n elements of `size` bytes, zeroed; NULL leaves the LB_ERR_MEM sentence.  Never NULL for n == 0.  Freed with lb__release. */
static void *lb__alloc(size_t n, size_t size) {
    size_t bytes; void *p;
    if (!lb__mul(n, size, &bytes) || bytes > PTRDIFF_MAX) { lb__fail(LB_ERR_MEM, "out of memory: %zu elements of %zu bytes do not fit in the address space", n, size); return NULL; }
    p = LB_MALLOC(bytes ? bytes : 1);
    if (!p) { lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", bytes); return NULL; }
    memset(p, 0, bytes ? bytes : 1);
    return p;
}
static void lb__release(void *p) { if (p) LB_FREE(p); }

/* Whether a name ends so, its letters in either case; `ending` is in small ones and has its dot. */
static int lb__ends_with(const char *path, const char *ending) {
    const size_t n = strlen(path), k = strlen(ending); size_t i;
    if (n < k) return 0;
    for (i = 0; i < k; i++) { const char c = path[n - k + i]; if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != ending[i]) return 0; }
    return 1;
}

/* A growing array of bytes, for writers and parsers.  Zero-initialise; lb__buf_free when done. */
typedef struct lb__buf { unsigned char *data; size_t size, cap; } lb__buf;
static lb_status lb__buf_reserve(lb__buf *b, size_t more) {
    size_t need, cap; void *p;
    if (!lb__add(b->size, more, &need) || need > PTRDIFF_MAX) return lb__fail(LB_ERR_MEM, "out of memory: a buffer of %zu + %zu bytes does not fit", b->size, more);
    if (need <= b->cap) return LB_OK;
    cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need) cap = cap > PTRDIFF_MAX / 2 ? need : cap * 2;
    p = b->data ? LB_REALLOC(b->data, cap) : LB_MALLOC(cap);
    if (!p) return lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", cap);
    b->data = (unsigned char *)p; b->cap = cap;
    return LB_OK;
}
static lb_status lb__buf_add(lb__buf *b, const void *p, size_t n) {
    LB__TRY(lb__buf_reserve(b, n));
    if (n) memcpy(b->data + b->size, p, n);
    b->size += n;
    return LB_OK;
}
static void lb__buf_free(lb__buf *b) { lb__release(b->data); b->data = NULL; b->size = b->cap = 0; }

LB_API lb_limits lb_limits_default(void) {
    lb_limits l;
    l.max_pixels = (size_t)1 << 28; l.max_side = 65535; l.max_samples = (size_t)1 << 28; l.max_frames = 1000000;
    l.max_tensors = 1000000; l.max_text = (size_t)1 << 28; l.max_nesting = 64;
    l.max_spool = (size_t)1 << (sizeof(size_t) > 4 ? 34 : 30);
    return l;
}

/* ---- 1.3 bytes and numbers ---- */

LB__INLINE int lb__host_little(void) { const uint16_t one = 1; unsigned char c; memcpy(&c, &one, 1); return c; }
LB__INLINE uint16_t lb__u16le(const void *p) { const uint8_t *b = (const uint8_t *)p; return (uint16_t)(b[0] | b[1] << 8); }
LB__INLINE uint32_t lb__u32le(const void *p) { const uint8_t *b = (const uint8_t *)p; return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24; }
LB__INLINE uint64_t lb__u64le(const void *p) { return (uint64_t)lb__u32le(p) | (uint64_t)lb__u32le((const uint8_t *)p + 4) << 32; }
LB__INLINE uint16_t lb__u16be(const void *p) { const uint8_t *b = (const uint8_t *)p; return (uint16_t)(b[0] << 8 | b[1]); }
LB__INLINE uint32_t lb__u32be(const void *p) { const uint8_t *b = (const uint8_t *)p; return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3]; }
LB__INLINE uint64_t lb__u64be(const void *p) { return (uint64_t)lb__u32be(p) << 32 | lb__u32be((const uint8_t *)p + 4); }
LB__INLINE void lb__put16le(void *p, uint16_t v) { uint8_t *b = (uint8_t *)p; b[0] = (uint8_t)v; b[1] = (uint8_t)(v >> 8); }
LB__INLINE void lb__put32le(void *p, uint32_t v) { uint8_t *b = (uint8_t *)p; b[0] = (uint8_t)v; b[1] = (uint8_t)(v >> 8); b[2] = (uint8_t)(v >> 16); b[3] = (uint8_t)(v >> 24); }
LB__INLINE void lb__put64le(void *p, uint64_t v) { lb__put32le(p, (uint32_t)v); lb__put32le((uint8_t *)p + 4, (uint32_t)(v >> 32)); }
LB__INLINE float    lb__bits_f32(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }
LB__INLINE uint32_t lb__f32_bits(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }
LB__INLINE double   lb__bits_f64(uint64_t u) { double f; memcpy(&f, &u, 8); return f; }

/* Half precision, round to nearest even, subnormals and NaN kept. */
LB__INLINE float lb__f16_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = (h >> 10) & 31, m = h & 1023;
    if (e == 31) return lb__bits_f32(sign | 0x7f800000 | m << 13);
    if (e) return lb__bits_f32(sign | (e + 112) << 23 | m << 13);
    return lb__bits_f32(sign | lb__f32_bits((float)m * 5.9604644775390625e-8f));
}
LB__INLINE uint16_t lb__f32_f16(float f) {
    uint32_t u = lb__f32_bits(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) return (uint16_t)(sign | (lb__f32_bits(lb__bits_f32(a) + 0.5f) - 0x3f000000));    /* 0.5 has ulp 2^-24 */
    a += 0xfff + ((a >> 13) & 1);
    return (uint16_t)(sign | ((a - 0x38000000) >> 13));
}
LB__INLINE float lb__bf16_f32(uint16_t h) { return lb__bits_f32((uint32_t)h << 16); }
LB__INLINE uint16_t lb__f32_bf16(float f) {
    uint32_t u = lb__f32_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

static const struct { const char *name; size_t size; } lb__dtypes[] = {
    { "f32", 4 }, { "f16", 2 }, { "bf16", 2 }, { "f64", 8 }, { "i8", 1 }, { "u8", 1 }, { "i16", 2 }, { "u16", 2 },
    { "i32", 4 }, { "u32", 4 }, { "i64", 8 }, { "u64", 8 }, { "bool", 1 }
};
LB_API size_t lb_dtype_size(lb_dtype dtype) { return (size_t)dtype < LB__COUNT(lb__dtypes) ? lb__dtypes[dtype].size : 0; }
LB_API const char *lb_dtype_name(lb_dtype dtype) { return (size_t)dtype < LB__COUNT(lb__dtypes) ? lb__dtypes[dtype].name : "unknown"; }

/* A level of 256, normalised: rounded step by step, as torch does, where float is computed in double too. */
LB__INLINE float lb__level(size_t v, float mean, float std) { return (float)((float)((float)((float)v / 255.0f) - mean) / std); }

/* ---- 1.4 checksums ---- */

/* CRC-32 of zip, PNG and .lbw (polynomial edb88320), eight bytes a step.  Start with 0 and feed the result back in. */
static uint32_t lb__crc_table[8][256];
static void lb__crc_build(void) {
    uint32_t i, k, t[8][256];
    for (i = 0; i < 256; i++) { uint32_t c = i; for (k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1; t[0][i] = c; }
    for (k = 1; k < 8; k++) for (i = 0; i < 256; i++) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
    memcpy(lb__crc_table[1], t[1], sizeof t - sizeof t[0]);
    memcpy(lb__crc_table[0], t[0], sizeof t[0]);
}
/* The first thread that asks builds the table; those that come meanwhile wait the few microseconds. */
static void lb__crc_init(void) {
#if defined(__GNUC__)
    static int state;                      /* 0: nothing, 1: being built, 2: there */
    int nothing = 0;
    if (LB__LIKELY(__atomic_load_n(&state, __ATOMIC_ACQUIRE) == 2)) return;
    if (__atomic_compare_exchange_n(&state, &nothing, 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) { lb__crc_build(); __atomic_store_n(&state, 2, __ATOMIC_RELEASE); }
    else while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != 2) {}
#else
    if (!lb__crc_table[0][255]) lb__crc_build();
#endif
}
static uint32_t lb__crc32(uint32_t crc, const void *data, size_t n) {
    const uint8_t *p = (const uint8_t *)data;
    lb__crc_init();
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = crc ^ lb__u32le(p), b = lb__u32le(p + 4);
        crc = lb__crc_table[7][a & 255] ^ lb__crc_table[6][a >> 8 & 255] ^ lb__crc_table[5][a >> 16 & 255] ^ lb__crc_table[4][a >> 24]
            ^ lb__crc_table[3][b & 255] ^ lb__crc_table[2][b >> 8 & 255] ^ lb__crc_table[1][b >> 16 & 255] ^ lb__crc_table[0][b >> 24];
    }
    for (; n; n--, p++) crc = crc >> 8 ^ lb__crc_table[0][(crc ^ *p) & 255];
    return ~crc;
}

/* SHA-256 (FIPS 180-4), for provenance and for naming an adapter's base. */
typedef struct lb__sha256 { uint32_t h[8]; uint64_t bytes; uint8_t block[64]; } lb__sha256;
static void lb__sha256_block(uint32_t h[8], const uint8_t *p) {
    static const uint32_t K[64] = {
        0x428a2f98,0x71374491,0xb5c0fbcf,0xe9b5dba5,0x3956c25b,0x59f111f1,0x923f82a4,0xab1c5ed5,0xd807aa98,0x12835b01,0x243185be,0x550c7dc3,0x72be5d74,0x80deb1fe,0x9bdc06a7,0xc19bf174,
        0xe49b69c1,0xefbe4786,0x0fc19dc6,0x240ca1cc,0x2de92c6f,0x4a7484aa,0x5cb0a9dc,0x76f988da,0x983e5152,0xa831c66d,0xb00327c8,0xbf597fc7,0xc6e00bf3,0xd5a79147,0x06ca6351,0x14292967,
        0x27b70a85,0x2e1b2138,0x4d2c6dfc,0x53380d13,0x650a7354,0x766a0abb,0x81c2c92e,0x92722c85,0xa2bfe8a1,0xa81a664b,0xc24b8b70,0xc76c51a3,0xd192e819,0xd6990624,0xf40e3585,0x106aa070,
        0x19a4c116,0x1e376c08,0x2748774c,0x34b0bcb5,0x391c0cb3,0x4ed8aa4a,0x5b9cca4f,0x682e6ff3,0x748f82ee,0x78a5636f,0x84c87814,0x8cc70208,0x90befffa,0xa4506ceb,0xbef9a3f7,0xc67178f2 };
#define LB__ROR(x, r) ((x) >> (r) | (x) << (32 - (r)))
    uint32_t w[64], a[8]; int i;
    for (i = 0; i < 16; i++) w[i] = lb__u32be(p + 4 * i);
    for (; i < 64; i++) w[i] = w[i - 16] + w[i - 7] + (LB__ROR(w[i - 15], 7) ^ LB__ROR(w[i - 15], 18) ^ w[i - 15] >> 3) + (LB__ROR(w[i - 2], 17) ^ LB__ROR(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(a, h, sizeof a);
    for (i = 0; i < 64; i++) {
        uint32_t t1 = a[7] + (LB__ROR(a[4], 6) ^ LB__ROR(a[4], 11) ^ LB__ROR(a[4], 25)) + ((a[4] & a[5]) ^ (~a[4] & a[6])) + K[i] + w[i];
        uint32_t t2 = (LB__ROR(a[0], 2) ^ LB__ROR(a[0], 13) ^ LB__ROR(a[0], 22)) + ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));
        a[7] = a[6]; a[6] = a[5]; a[5] = a[4]; a[4] = a[3] + t1; a[3] = a[2]; a[2] = a[1]; a[1] = a[0]; a[0] = t1 + t2;
    }
    for (i = 0; i < 8; i++) h[i] += a[i];
#undef LB__ROR
}
static void lb__sha256_init(lb__sha256 *s) {
    static const uint32_t h[8] = { 0x6a09e667,0xbb67ae85,0x3c6ef372,0xa54ff53a,0x510e527f,0x9b05688c,0x1f83d9ab,0x5be0cd19 };
    memset(s, 0, sizeof *s); memcpy(s->h, h, sizeof h);
}
static void lb__sha256_add(lb__sha256 *s, const void *data, size_t n) {
    const uint8_t *p = (const uint8_t *)data; size_t have = (size_t)(s->bytes & 63);
    s->bytes += n;
    if (have) {
        size_t take = LB__MIN(n, 64 - have);
        memcpy(s->block + have, p, take); p += take; n -= take;
        if (have + take < 64) return;
        lb__sha256_block(s->h, s->block);
    }
    for (; n >= 64; n -= 64, p += 64) lb__sha256_block(s->h, p);
    if (n) memcpy(s->block, p, n);
}
static void lb__sha256_done(lb__sha256 *s, uint8_t out[32]) {
    uint64_t bits = s->bytes * 8; uint8_t pad[72] = { 0x80 }; size_t n = 64 - (size_t)((s->bytes + 8) & 63); int i;
    for (i = 0; i < 8; i++) pad[n + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    lb__sha256_add(s, pad, n + 8);
    for (i = 0; i < 32; i++) out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

/* A digest as 64 hexadecimal digits and a zero. */
static void lb__sha256_text(const uint8_t digest[32], char out[65]) {
    int i;
    for (i = 0; i < 32; i++) { out[2 * i] = "0123456789abcdef"[digest[i] >> 4]; out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15]; }
    out[64] = 0;
}

/* ---- 1.5 random numbers ---- */

/* Philox4x32-10 (Salmon et al. 2011): the i-th block of stream `stream` under `seed`, four 32-bit numbers.  Stateless, so a re-run, a
 * resumed run or a recomputed block sees the same draw. */
static void lb__philox(uint64_t seed, uint64_t stream, uint64_t i, uint32_t out[4]) {
    uint32_t c0 = (uint32_t)i, c1 = (uint32_t)(i >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32), k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32); int r;
    for (r = 0; r < 10; r++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0; c1 = (uint32_t)p1; c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1; c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
    out[0] = c0; out[1] = c1; out[2] = c2; out[3] = c3;
}
/* A sequential view of one stream. */
typedef struct lb__rng { uint64_t seed, stream, count; uint32_t block[4]; } lb__rng;
static lb__rng lb__rng_new(uint64_t seed, uint64_t stream) { lb__rng r; memset(&r, 0, sizeof r); r.seed = seed; r.stream = stream; return r; }
static uint32_t lb__rng_u32(lb__rng *r) {
    if (!(r->count & 3)) lb__philox(r->seed, r->stream, r->count >> 2, r->block);
    return r->block[r->count++ & 3];
}
static float  lb__rng_uniform(lb__rng *r) { return (float)(lb__rng_u32(r) >> 8) * (1.0f / 16777216.0f); }                       /* [0, 1) */
static uint32_t lb__rng_below(lb__rng *r, uint32_t n) { return (uint32_t)(((uint64_t)lb__rng_u32(r) * n) >> 32); }               /* [0, n) */
static float  lb__rng_normal(lb__rng *r) {                                                                                      /* N(0, 1), Box-Muller */
    double u = ((double)lb__rng_u32(r) + 1.0) / 4294967296.0, v = (double)lb__rng_u32(r) / 4294967296.0;
    return (float)(sqrt(-2.0 * log(u)) * cos(2.0 * LB__PI * v));
}

/* ---- 1.6 files ---- */

#ifndef LB_NO_STDIO
/* open() that keeps clear of the three standard descriptors, which a caller may have closed: 0 stands for none below. */
static int lb__open(const char *path, int flags, mode_t mode) {
    const int fd = open(path, flags, mode); int higher;
    if (fd < 0 || fd > 2) return fd;
    higher = fcntl(fd, F_DUPFD, 3);
    close(fd);
    return higher;
}
static lb_status lb__write_all(int fd, const char *name, const void *data, size_t n) {
    const unsigned char *p = (const unsigned char *)data;
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return lb__fail(LB_ERR_IO, "%s: cannot write: %s", name, k < 0 ? strerror(errno) : "nothing was taken");
        p += k; n -= (size_t)k;
    }
    return LB_OK;
}
/* A whole file, read-only: mapped where the system can, read into memory where it cannot (pipes).  Close with lb__bytes_close. */
typedef struct lb__bytes { const unsigned char *data; size_t size; int mapped; } lb__bytes;
static void lb__bytes_close(lb__bytes *f) {
    if (f->mapped) munmap((void *)(uintptr_t)f->data, f->size);
    else lb__release((void *)(uintptr_t)f->data);
    memset(f, 0, sizeof *f);
}
/* path "-" is standard input.  A pipe or a device may never end: less than LB__PIPE_MAX bytes of it are kept. */
#ifndef LB__PIPE_MAX
#  define LB__PIPE_MAX ((size_t)1 << (sizeof(size_t) > 4 ? 32 : 28))
#endif
enum { LB__DEVICE_MAX = 64 << 20 };                          /* of a character device, which has no file's bytes: /dev/zero would fill the memory first */
static lb_status lb__bytes_open(const char *path, lb__bytes *out) {
    struct stat st; lb__buf b = { 0, 0, 0 }; int fd = strcmp(path, "-") ? lb__open(path, O_RDONLY, 0) : 0; lb_status s = LB_OK;
    memset(out, 0, sizeof *out);
    if (fd < 0) return lb__fail(LB_ERR_IO, "%s: cannot open: %s", *path ? path : "a file without a name", strerror(errno));
    if (fstat(fd, &st)) { s = lb__fail(LB_ERR_IO, "%s: cannot read: %s", path, strerror(errno)); goto done; }
    if (S_ISDIR(st.st_mode)) { s = lb__fail(LB_ERR_IO, "%s: is a folder, a file was expected", path); goto done; }
    if (S_ISREG(st.st_mode) && st.st_size > 0 && fd != 0) {
        void *p;
        if ((uint64_t)st.st_size > SIZE_MAX) { s = lb__fail(LB_ERR_LIMIT, "%s: larger than this machine's address space", path); goto done; }
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) { out->data = (const unsigned char *)p; out->size = (size_t)st.st_size; out->mapped = 1; goto done; }
    }
    for (;;) {
        ssize_t n;
        if ((s = lb__fail_in(lb__buf_reserve(&b, 65536), path)) != LB_OK) break;
        n = read(fd, b.data + b.size, b.cap - b.size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) { s = lb__fail(LB_ERR_IO, "%s: cannot read: %s", path, strerror(errno)); break; }
        if (n == 0) { out->data = b.data; out->size = b.size; break; }
        b.size += (size_t)n;
        if (S_ISCHR(st.st_mode) && b.size >= LB__DEVICE_MAX) { s = lb__fail(LB_ERR_IO, "%s: is a device that does not end; a file was expected", path); break; }
        if (b.size >= LB__PIPE_MAX) { s = lb__fail(LB_ERR_LIMIT, "%s: no end after the %zu bytes that are kept of a pipe or a device; give a file", path, LB__PIPE_MAX); break; }
    }
    if (s) lb__buf_free(&b);
done:
    if (fd > 0) close(fd);
    return s;
}
/* `load` of a path: `decode` of the file's bytes, which do not know its name. */
#define LB__LOADER(load, decode, type) LB_API lb_status load(lb_ctx *ctx, const char *path, type *out) { \
        lb__bytes f; lb_status s; \
        if (out) memset(out, 0, sizeof *out); \
        LB__POINTERS(ctx && path && out); \
        LB__TRY(lb__bytes_open(path, &f)); \
        s = lb__fail_in(decode(ctx, f.data, f.size, out), path); \
        lb__bytes_close(&f); \
        return s; \
    }

/* A file that appears whole or not at all: bytes go to a temporary beside it, which is flushed to the disk and renamed by
 * lb__writer_commit.  lb__writer_abort removes it.  After a failed add only abort is needed.  A file that is replaced passes on its mode;
 * behind a link it is the file that is replaced, and `path` becomes its name: renaming over the link would leave the file as it was.  A path
 * that is a device or a pipe is written straight (temp is empty then): renaming over it would replace it.  A descriptor's name, as /dev/stdout, of
 * a file that others write to as well is neither. */
#ifndef LB__TEMPORARY
#  define LB__TEMPORARY(name, born) ((void)0)                /* the command removes temporaries when a signal ends it */
#endif
/* The file at the end of the links at path, in out[room]; a link counts from its own folder.  0: too long, or a descriptor of an open file. */
static int lb__link_end(const char *path, char *out, size_t room) {
    char to[4096]; ssize_t k; size_t at = strlen(path); int i;
    if (at >= room) return 0;
    memcpy(out, path, at + 1);
    for (i = 0; i < 40 && (k = readlink(out, to, sizeof to)) > 0; i++) {
        const char *slash = to[0] == '/' ? NULL : strrchr(out, '/');
        at = slash ? (size_t)(slash - out) + 1 : 0;
        if (!strncmp(out, "/proc/", 6) || (size_t)k >= room - at) return 0;
        memcpy(out + at, to, (size_t)k); out[at + (size_t)k] = 0;
    }
    return 1;
}
typedef struct lb__writer { int fd; char *path, *temp; uint64_t offset; unsigned char *buf; size_t used; } lb__writer;
enum { LB__WRITER_BUF = 1 << 16, LB__WRITER_LINK = 4096 };      /* the second: bytes that links may add to a name */
static void lb__writer_abort(lb__writer *w) {
    if (w->fd > 0) { close(w->fd); if (w->temp[0]) unlink(w->temp); }
    if (w->temp && w->temp[0]) LB__TEMPORARY(w->temp, 0);
    lb__release(w->path); lb__release(w->temp); lb__release(w->buf);
    memset(w, 0, sizeof *w);
}
static lb_status lb__writer_open(const char *path, lb__writer *w) {
    const size_t n = strlen(path), room = n + LB__WRITER_LINK; int i; struct stat st; const int there = !stat(path, &st);
    memset(w, 0, sizeof *w);
    if (!n) return lb__fail(LB_ERR_ARG, "the output file has no name");
    w->path = (char *)lb__alloc(room, 1); w->temp = (char *)lb__alloc(room + 32, 1); w->buf = (unsigned char *)lb__alloc(LB__WRITER_BUF, 1);
    if (!w->path || !w->temp || !w->buf) { lb__writer_abort(w); return LB_ERR_MEM; }
    memcpy(w->path, path, n);
    if (there && !S_ISREG(st.st_mode)) {
        if (S_ISDIR(st.st_mode)) { lb__writer_abort(w); return lb__fail(LB_ERR_IO, "%s: is a folder, a file was expected", path); }
        w->fd = lb__open(path, O_WRONLY, 0);
    }
    else {
        if (there && !lb__link_end(path, w->path, room)) { lb__writer_abort(w); return lb__fail(LB_ERR_IO, "%s: cannot create: the link leads to an open file or a name that is too long; the file's own name was expected", path); }
        for (i = 0; i < 100; i++) {
            lb__format(w->temp, room + 32, "%s.%u.%d.tmp", w->path, (unsigned)getpid(), i);
            LB__TEMPORARY(w->temp, 1);                           /* before it is there: a signal right after open finds the name */
            w->fd = lb__open(w->temp, O_WRONLY | O_CREAT | O_EXCL, there ? st.st_mode & 0777 : 0666);
            if (w->fd > 0 || errno != EEXIST) break;
            LB__TEMPORARY(w->temp, 0);
        }
        if (there && w->fd > 0) (void)fchmod(w->fd, st.st_mode & 0777);                  /* open() asked the umask; where this is refused, its mode will do */
    }
    if (w->fd <= 0) { w->fd = 0; lb__fail(LB_ERR_IO, "%s: cannot create: %s", path, strerror(errno)); lb__writer_abort(w); return LB_ERR_IO; }
    return LB_OK;
}
static lb_status lb__writer_flush(lb__writer *w) { const size_t n = w->used; w->used = 0; return lb__write_all(w->fd, w->path, w->buf, n); }
static lb_status lb__writer_add(lb__writer *w, const void *data, size_t n) {
    w->offset += n;
    if (w->used + n > LB__WRITER_BUF) LB__TRY(lb__writer_flush(w));
    if (n >= LB__WRITER_BUF) return lb__write_all(w->fd, w->path, data, n);
    if (n) memcpy(w->buf + w->used, data, n);
    w->used += n;
    return LB_OK;
}
/* Replace bytes that were added before. */
static lb_status lb__writer_patch(lb__writer *w, uint64_t offset, const void *data, size_t n) {
    const unsigned char *p = (const unsigned char *)data;
    LB__TRY(lb__writer_flush(w));
    while (n) {
        ssize_t k = pwrite(w->fd, p, n, (off_t)offset);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return lb__fail(LB_ERR_IO, "%s: cannot write: %s", w->path, k < 0 ? strerror(errno) : "nothing was taken");
        p += k; offset += (uint64_t)k; n -= (size_t)k;
    }
    return LB_OK;
}
static lb_status lb__writer_commit(lb__writer *w) {
    lb_status s = lb__writer_flush(w);
    if (!s && fsync(w->fd) && errno != EINVAL && errno != ENOTSUP) s = lb__fail(LB_ERR_IO, "%s: cannot flush to disk: %s", w->path, strerror(errno));
    if (!s) {
        int fd = w->fd; w->fd = 0;
        if (close(fd)) { s = lb__fail(LB_ERR_IO, "%s: cannot close: %s", w->path, strerror(errno)); if (w->temp[0]) unlink(w->temp); }
        else if (w->temp[0] && rename(w->temp, w->path)) { s = lb__fail(LB_ERR_IO, "%s: cannot rename into place: %s", w->path, strerror(errno)); unlink(w->temp); }
    }
    lb__writer_abort(w);
    return s;
}
/* A file of n bytes, whole or not at all. */
static lb_status lb__writer_save(const char *path, const void *data, size_t n) {
    lb__writer w; lb_status s;
    LB__TRY(lb__writer_open(path, &w));
    s = lb__writer_add(&w, data, n);
    if (s) { lb__writer_abort(&w); return s; }
    return lb__writer_commit(&w);
}

/* The names inside a folder, without those that start with a dot, in byte order.  One allocation: release names. */
typedef struct lb__dir { char **names; size_t count; } lb__dir;
static int lb__dir_order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static lb_status lb__dir_list(const char *path, lb__dir *out) {
    DIR *d = opendir(path); struct dirent *e; lb__buf text = { 0, 0, 0 }; size_t i, n = 0, head; char *p; lb_status s = LB_OK;
    memset(out, 0, sizeof *out);
    if (!d) return lb__fail(LB_ERR_IO, "%s: cannot list the folder: %s", path, strerror(errno));
    for (errno = 0; !s && (e = readdir(d)) != NULL; errno = 0)
        if (e->d_name[0] != '.') { s = lb__buf_add(&text, e->d_name, strlen(e->d_name) + 1); n++; }
    if (!s && errno) s = lb__fail(LB_ERR_IO, "%s: cannot list the folder: %s", path, strerror(errno));
    closedir(d);
    if (!s) {
        head = n * sizeof(char *);
        out->names = (char **)lb__alloc(head + text.size, 1);
        if (!out->names) s = LB_ERR_MEM;
        else {
            p = (char *)(out->names + n);
            if (text.size) memcpy(p, text.data, text.size);
            for (i = 0; i < n; i++, p += strlen(p) + 1) out->names[i] = p;
            out->count = n;
            qsort(out->names, n, sizeof(char *), lb__dir_order);
        }
    }
    lb__buf_free(&text);
    return s;
}
#endif /* LB_NO_STDIO */

/* ---- 1.7 JSON ---- */

/* A decimal number, correctly rounded whatever the locale; in 512 characters or more only to about 15 digits.  s[0, n) follows JSON's number
 * grammar; huge ones come out infinite. */
static double lb__decimal(const char *s, size_t n) {
    static const double ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    uint64_t m = 0; int digits = 0, e10 = 0, x = 0, neg = 0, xneg = 0; size_t i = 0, point = n; char tmp[512], *end;
    if (i < n && s[i] == '-') { neg = 1; i++; }
    for (; i < n && (s[i] == '.' || (s[i] >= '0' && s[i] <= '9')); i++) {
        if (s[i] == '.') { point = i; continue; }
        if (digits || s[i] != '0') digits++;
        if (digits < 19) { m = m * 10 + (uint64_t)(s[i] - '0'); if (point < n) e10--; }
        else if (point >= n) e10++;
    }
    if (i < n) {
        i++;
        if (i < n && (s[i] == '+' || s[i] == '-')) xneg = s[i++] == '-';
        for (; i < n; i++) if (x < 100000) x = x * 10 + (s[i] - '0');
        e10 += xneg ? -x : x;
    }
    if (digits < 19 && m <= (uint64_t)1 << 53 && e10 >= -22 && e10 <= 22) {       /* both operands exact, so one rounding */
        double v = e10 < 0 ? (double)m / ten[-e10] : (double)m * ten[e10];
        return neg ? -v : v;
    }
    if (n >= sizeof tmp) {                                                          /* nobody's measurement has hundreds of digits */
        double v = (double)m * pow(10, e10);
        return neg ? -v : v;
    }
    memcpy(tmp, s, n); tmp[n] = 0;
    { double v = strtod(tmp, &end); if (end == tmp + n || point >= n) return v; }
    tmp[point] = *localeconv()->decimal_point;
    return strtod(tmp, NULL);
}

/* One value.  Strings and keys are UTF-8 and zero-terminated (a \u0000 inside shows in len).  Children: first, then next. */
typedef enum lb__json_type { LB__JSON_NULL = 0, LB__JSON_BOOL, LB__JSON_NUMBER, LB__JSON_STRING, LB__JSON_ARRAY, LB__JSON_OBJECT } lb__json_type;
typedef struct lb__json {
    lb__json_type type;
    int         exact;                     /* NUMBER: written as an integer that fits int64, which is in i */
    const char *key, *str;
    size_t      len, count;                /* bytes of str; children */
    double      num;                       /* NUMBER; BOOL 0 or 1 */
    int64_t     i;                         /* ARRAY, OBJECT: where in the text it begins */
    struct lb__json *first, *next;
} lb__json;
typedef struct lb__json_doc { void *memory; const lb__json *root; } lb__json_doc;
static void lb__json_free(lb__json_doc *d) { lb__release(d->memory); d->memory = NULL; d->root = NULL; }

static const char *lb__json_type_name(const lb__json *v) {
    static const char *const names[] = { "null", "a boolean", "a number", "a string", "an array", "an object" };
    return v ? names[v->type] : "nothing";
}
/* The member `key` (the last one when a key is given twice, as other readers do); NULL when v is no object or has none. */
static const lb__json *lb__json_get(const lb__json *v, const char *key) {
    const lb__json *c, *hit = NULL;
    if (v && v->type == LB__JSON_OBJECT) for (c = v->first; c; c = c->next) if (!strcmp(c->key, key)) hit = c;
    return hit;
}
/* A string member, or `otherwise`. */
static const char *lb__json_str(const lb__json *v, const char *key, const char *otherwise) {
    const lb__json *c = lb__json_get(v, key);
    return c && c->type == LB__JSON_STRING ? c->str : otherwise;
}
static double lb__json_num(const lb__json *v, const char *key, double otherwise) {
    const lb__json *c = lb__json_get(v, key);
    return c && (c->type == LB__JSON_NUMBER || c->type == LB__JSON_BOOL) ? c->num : otherwise;
}

static lb_status lb__json_error(const char *text, size_t size, size_t at, const char *expected) {
    size_t line = 1, column = 1, i;
    for (i = 0; i < at && i < size; i++) { if (text[i] == '\n') { line++; column = 1; } else column++; }
    if (at >= size) return lb__fail(LB_ERR_FORMAT, "JSON ends in line %zu, column %zu, where %s was expected", line, column, expected);
    if ((unsigned char)text[at] < 32 || (unsigned char)text[at] > 126) return lb__fail(LB_ERR_FORMAT, "JSON line %zu, column %zu: byte 0x%x where %s was expected", line, column, (unsigned char)text[at], expected);
    return lb__fail(LB_ERR_FORMAT, "JSON line %zu, column %zu: '%c' where %s was expected", line, column, text[at], expected);
}
/* The UTF-8 character at s[*i], of n bytes (RFC 3629: shortest form, no surrogates).  Broken sequences give UINT32_MAX and advance by the part
 * that could have begun a character. */
static uint32_t lb__utf8_read(const uint8_t *s, size_t n, size_t *i) {
    size_t k = *i; uint32_t c = s[k++], need, lo = 0x80, hi = 0xBF;
    if (c < 0x80) { *i = k; return c; }
    if (c >= 0xC2 && c <= 0xDF) { need = 1; c &= 31; }
    else if ((c & 0xF0) == 0xE0) { need = 2; if (c == 0xE0) lo = 0xA0; if (c == 0xED) hi = 0x9F; c &= 15; }
    else if (c >= 0xF0 && c <= 0xF4) { need = 3; if (c == 0xF0) lo = 0x90; if (c == 0xF4) hi = 0x8F; c &= 7; }
    else { *i = k; return UINT32_MAX; }
    for (; need; need--, k++) {
        if (k >= n || s[k] < lo || s[k] > hi) { *i = k; return UINT32_MAX; }
        c = c << 6 | (s[k] & 63u); lo = 0x80; hi = 0xBF;
    }
    *i = k;
    return c;
}
/* Bytes of the UTF-8 character at p, 0 for none. */
static size_t lb__utf8_length(const unsigned char *p, size_t n) { size_t i = 0; return lb__utf8_read(p, n, &i) == UINT32_MAX ? 0 : i; }
static size_t lb__utf8_put(char *out, uint32_t c) {
    if (c < 0x80) { out[0] = (char)c; return 1; }
    if (c < 0x800) { out[0] = (char)(0xc0 | c >> 6); out[1] = (char)(0x80 | (c & 63)); return 2; }
    if (c < 0x10000) { out[0] = (char)(0xe0 | c >> 12); out[1] = (char)(0x80 | (c >> 6 & 63)); out[2] = (char)(0x80 | (c & 63)); return 3; }
    out[0] = (char)(0xf0 | c >> 18); out[1] = (char)(0x80 | (c >> 12 & 63)); out[2] = (char)(0x80 | (c >> 6 & 63)); out[3] = (char)(0x80 | (c & 63));
    return 4;
}
static int lb__hex4(const char *p, size_t n, uint32_t *out) {
    size_t i;
    if (n < 4) return 0;
    for (i = 0, *out = 0; i < 4; i++) {
        int c = p[i], d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0) return 0;
        *out = *out << 4 | (uint32_t)d;
    }
    return 1;
}
/* The string whose opening quote is at *at, decoded to *out (which moves on past its zero byte). */
static lb_status lb__json_string(const char *t, size_t n, size_t *at, char **out, const char **str, size_t *len) {
    char *o = *out; size_t i = *at + 1, k;
    *str = o;
    for (;;) {
        if (i >= n) return lb__json_error(t, n, i, "the end of a string");
        if (t[i] == '"') break;
        if ((unsigned char)t[i] < 32) return lb__json_error(t, n, i, "an escaped control character");
        if (t[i] == '\\') {
            static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t"; const char *f; uint32_t c, low;
            i++;
            if (i < n && t[i] == 'u') {
                if (!lb__hex4(t + i + 1, n - i - 1, &c)) return lb__json_error(t, n, i, "\\u and four hexadecimal digits");
                i += 5;
                if (c >= 0xdc00 && c < 0xe000) return lb__json_error(t, n, i - 5, "a high surrogate before a low one");
                if (c >= 0xd800 && c < 0xdc00) {
                    if (n - i < 6 || t[i] != '\\' || t[i + 1] != 'u' || !lb__hex4(t + i + 2, n - i - 2, &low) || low < 0xdc00 || low > 0xdfff) return lb__json_error(t, n, i, "the low half of a surrogate pair");
                    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00); i += 6;
                }
                o += lb__utf8_put(o, c);
            } else {
                f = i < n && t[i] ? strchr(from, t[i]) : NULL;
                if (!f) return lb__json_error(t, n, i, "one of \"\\/bfnrtu after a backslash");
                *o++ = to[f - from]; i++;
            }
            continue;
        }
        k = lb__utf8_length((const unsigned char *)t + i, n - i);
        if (!k) return lb__json_error(t, n, i, "UTF-8");
        while (k--) *o++ = t[i++];
    }
    *len = (size_t)(o - *str); *o++ = 0; *out = o; *at = i + 1;
    return LB_OK;
}
static lb_status lb__json_number(const char *t, size_t n, size_t *at, lb__json *v) {
    size_t i = *at, start = i, d; int whole = 1, neg; uint64_t u = 0;
    neg = t[i] == '-'; i += (size_t)neg; d = i;
    while (i < n && t[i] >= '0' && t[i] <= '9') {
        if (u > (UINT64_MAX - 9) / 10) whole = 0; else u = u * 10 + (uint64_t)(t[i] - '0');
        i++;
    }
    if (i == d) return lb__json_error(t, n, i, "a digit");
    if (t[d] == '0' && i > d + 1) return lb__json_error(t, n, d + 1, "no digit after a leading zero");
    if (i < n && t[i] == '.') { whole = 0; d = ++i; while (i < n && t[i] >= '0' && t[i] <= '9') i++; if (i == d) return lb__json_error(t, n, i, "a digit after the point"); }
    if (i < n && (t[i] == 'e' || t[i] == 'E')) {
        whole = 0; i++;
        if (i < n && (t[i] == '+' || t[i] == '-')) i++;
        for (d = i; i < n && t[i] >= '0' && t[i] <= '9'; i++) { }
        if (i == d) return lb__json_error(t, n, i, "a digit in the exponent");
    }
    v->type = LB__JSON_NUMBER; v->num = lb__decimal(t + start, i - start);
    if (whole && u <= (uint64_t)INT64_MAX + (uint64_t)neg) { v->exact = 1; v->i = neg ? (int64_t)(0 - u) : (int64_t)u; }
    if (v->num > DBL_MAX || v->num < -DBL_MAX) return lb__json_error(t, n, start, "a number that a double can hold");
    *at = i;
    return LB_OK;
}
/* Bytes of the mark that some editors set before UTF-8. */
static size_t lb__bom(const void *text, size_t n) { return n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0; }
/* Blanks that p [n] begins with, as JSON and Python count them. */
static size_t lb__blanks(const char *p, size_t n) { size_t i = 0; while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r')) i++; return i; }

/* A first look at the text, or at its first value: how many values and how many bytes of strings it can hold at most. */
static lb_status lb__json_measure(const lb_limits *limits, const char *t, size_t n, size_t *values, size_t *bytes) {
    size_t i, depth = 0; int in_string = 0, seen = 0;
    *values = 1;
    for (i = lb__bom(t, n); i < n; i++) {
        if (in_string) { if (t[i] == '\\') i++; else if (t[i] == '"') { in_string = 0; if (!depth) break; } continue; }
        if (lb__blanks(t + i, 1)) { if (seen && !depth) break; continue; }
        seen = 1;
        if (t[i] == '"') in_string = 1;
        else if (t[i] == ',') { if (!depth) break; ++*values; }
        else if (t[i] == '[' || t[i] == '{') { ++*values; depth++; }
        else if (t[i] == ']' || t[i] == '}') { if (depth <= 1) break; depth--; }
        if (*values > limits->max_text / 8 + 1) return lb__fail(LB_ERR_LIMIT, "JSON text of more than %zu values, an eighth of the limit max_text", limits->max_text / 8);
    }
    *bytes = i < n ? i + 1 : n;
    return LB_OK;
}
/* The key at *at, which moves on to the value; `members` stand before it. */
static lb_status lb__json_key(const char *t, size_t n, size_t *at, size_t members, char **text, const char **key) {
    size_t len;
    if (t[*at] != '"') return lb__json_error(t, n, *at, members ? "a key in quotes" : "a key in quotes or '}'");
    LB__TRY(lb__json_string(t, n, at, text, key, &len));
    if (strlen(*key) != len) return lb__json_error(t, n, *at - 1, "a key without \\u0000");
    *at += lb__blanks(t + *at, n - *at);
    if (*at >= n || t[*at] != ':') return lb__json_error(t, n, *at, "':' after a key");
    ++*at; *at += lb__blanks(t + *at, n - *at);
    return *at < n ? LB_OK : lb__json_error(t, n, *at, "a value");
}
/* The string, number or word at *at, which moves on behind it. */
static lb_status lb__json_scalar(const char *t, size_t n, size_t *at, const char *expected, char **text, lb__json *v) {
    const char *p = t + *at; const size_t left = n - *at;
    if (*p == '"') { v->type = LB__JSON_STRING; return lb__json_string(t, n, at, text, &v->str, &v->len); }
    if (*p == '-' || (*p >= '0' && *p <= '9')) return lb__json_number(t, n, at, v);
    if (left >= 4 && !memcmp(p, "true", 4)) { v->type = LB__JSON_BOOL; v->num = 1; v->i = 1; *at += 4; }
    else if (left >= 5 && !memcmp(p, "false", 5)) { v->type = LB__JSON_BOOL; *at += 5; }
    else if (left >= 4 && !memcmp(p, "null", 4)) *at += 4;
    else return lb__json_error(t, n, *at, expected);
    return LB_OK;
}
/* The value that begins at *at, which moves on behind it, with all that it holds: `node` and `text` have room for what lb__json_measure found. */
static lb_status lb__json_value(const lb_limits *limits, const char *t, size_t n, size_t *at, lb__json *node, char *text) {
    size_t i = *at, depth = 0; int empty; lb__json *parent = NULL, *v, *last = NULL; const char *key = NULL, *expected = "a value";
    for (;;) {                                                  /* one turn: one value, then whatever closes after it */
        i += lb__blanks(t + i, n - i);
        if (i >= n) return lb__json_error(t, n, i, expected);
        if (parent && parent->type == LB__JSON_OBJECT && (t[i] != '}' || parent->count)) LB__TRY(lb__json_key(t, n, &i, parent->count, &text, &key));
        empty = parent && !parent->count && t[i] == (parent->type == LB__JSON_OBJECT ? '}' : ']');
        if (!empty) {
            v = node++;
            memset(v, 0, sizeof *v);
            v->key = parent && parent->type == LB__JSON_OBJECT ? key : NULL;
            if (parent) { if (last) last->next = v; else parent->first = v; parent->count++; }
            last = v; expected = "a value";
            if (t[i] == '{' || t[i] == '[') {
                v->type = t[i] == '{' ? LB__JSON_OBJECT : LB__JSON_ARRAY; v->i = (int64_t)i;
                if (++depth > limits->max_nesting) return lb__fail(LB_ERR_LIMIT, "JSON nested deeper than %zu (max_nesting)", limits->max_nesting);
                v->next = parent; parent = v; last = NULL; i++;      /* an open container keeps its parent in next */
                expected = v->type == LB__JSON_OBJECT ? "a key in quotes or '}'" : "a value or ']'";
                continue;
            }
            LB__TRY(lb__json_scalar(t, n, &i, expected, &text, v));
        }
        for (; parent; empty = 0) {
            i += lb__blanks(t + i, n - i);
            if (!empty && i < n && t[i] == ',') break;
            if (i >= n || t[i] != (parent->type == LB__JSON_OBJECT ? '}' : ']')) return lb__json_error(t, n, i, parent->type == LB__JSON_OBJECT ? "',' or '}'" : "',' or ']'");
            last = parent; parent = parent->next; last->next = NULL; depth--; i++;
        }
        if (!parent) { *at = i; return LB_OK; }
        i++;                                                    /* the comma */
    }
}
/* Parse one JSON value (RFC 8259, strict).  used NULL: nothing but white space may follow; else the bytes consumed, so that JSON lines and
 * very long objects can be read value by value.  One allocation holds the tree; lb__json_free when done.  Not recursive. */
static lb_status lb__json_parse(const lb_limits *limits, const char *t, size_t n, size_t *used, lb__json_doc *doc) {
    size_t i = lb__bom(t, n), values, bytes; lb_status s;
    doc->memory = NULL; doc->root = NULL;
    if (!used && n > limits->max_text) return lb__fail(LB_ERR_LIMIT, "JSON text of %zu bytes, the limit (max_text) is %zu", n, limits->max_text);
    LB__TRY(lb__json_measure(limits, t, n, &values, &bytes));
    if (!lb__mul(values, sizeof(lb__json), &values) || !lb__add(values, bytes, &bytes) || !lb__add(bytes, 1, &bytes)) return lb__fail(LB_ERR_MEM, "out of memory: the tree of a JSON text does not fit");
    doc->memory = LB_MALLOC(bytes);
    if (!doc->memory) return lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", bytes);
    doc->root = (lb__json *)doc->memory;
    s = lb__json_value(limits, t, n, &i, (lb__json *)doc->memory, (char *)doc->memory + values);
    if (!s && used) *used = i;
    if (!s && !used && (i += lb__blanks(t + i, n - i)) < n) s = lb__json_error(t, n, i, "the end of the text");
    if (s) lb__json_free(doc);
    return s;
}

/* Writing: the caller puts brackets, colons and commas with lb__buf_add. */
static lb_status lb__json_put_str(lb__buf *b, const char *s, size_t n) {
    size_t i;
    LB__TRY(lb__buf_add(b, "\"", 1));
    for (i = 0; i < n; ) {
        unsigned char c = (unsigned char)s[i]; size_t k = lb__utf8_length((const unsigned char *)s + i, n - i); char e[8] = "\\u00"; const char *p;
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        if (!k) { LB__TRY(lb__buf_add(b, "\xef\xbf\xbd", 3)); i++; continue; }         /* not UTF-8: the replacement character */
        if (c >= 32 && c != '"' && c != '\\') { LB__TRY(lb__buf_add(b, s + i, k)); i += k; continue; }
        p = c ? strchr(from, c) : NULL;
        if (p) { e[1] = to[p - from]; LB__TRY(lb__buf_add(b, e, 2)); }
        else { e[4] = "01"[c >> 4]; e[5] = "0123456789abcdef"[c & 15]; LB__TRY(lb__buf_add(b, e, 6)); }
        i++;
    }
    return lb__buf_add(b, "\"", 1);
}
/* The fewest digits that read back as the same float or double (0 for -0); null for NaN and infinities, which JSON lacks. */
static lb_status lb__json_put_f64(lb__buf *b, double v) {
    char tmp[40]; size_t n = 0, k; int digits;
    if (v != v || v > DBL_MAX || v < -DBL_MAX) return lb__buf_add(b, "null", 4);
    for (digits = 15; digits <= 17; digits++) { n = lb__put_f64(tmp, v, digits); if (lb__decimal(tmp, n) == v) return lb__buf_add(b, tmp, n); }
    {   /* the last of 17 digits may be off by a few: walk to the one that reads back */
        double a = fabs(v); int e = (int)floor(log10(a)), s = 16 - e, h = s / 2; uint64_t m = (uint64_t)(a * pow(10, h) * pow(10, s - h) + 0.5), d;
        for (d = 0; d < 4096; d++) {
            uint64_t c = d & 1 ? m + (d + 1) / 2 : m - d / 2;
            n = 0; if (v < 0) tmp[n++] = '-';
            k = lb__put_u64(tmp + n, c, 10); n += k; tmp[n++] = 'e'; if (s > 0) tmp[n++] = '-';
            n += lb__put_u64(tmp + n, (uint64_t)abs(s), 10);
            if (lb__decimal(tmp, n) == v) break;
        }
    }
    return lb__buf_add(b, tmp, n);
}
static lb_status lb__json_put_f32(lb__buf *b, float v) {
    char tmp[40]; size_t n = 0; int digits;
    if (v != v || v > FLT_MAX || v < -FLT_MAX) return lb__buf_add(b, "null", 4);
    for (digits = 6; digits <= 9; digits++) { n = lb__put_f64(tmp, v, digits); if ((float)lb__decimal(tmp, n) == v) break; }
    return lb__buf_add(b, tmp, n);
}
static lb_status lb__json_put_i64(lb__buf *b, int64_t v) {
    char tmp[32]; size_t n = 0;
    if (v < 0) tmp[n++] = '-';
    n += lb__put_u64(tmp + n, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
    return lb__buf_add(b, tmp, n);
}

/* ==== 2 >>parallel ===============================================================================================================
 * The context with its scratch memory, and one loop construct.  Workers take pieces from a shared counter, so a slow core delays one piece and not
 * its half of the work; every user writes results that do not depend on who computed which piece.  Calls: base.  Held by: tests/test_base.c */
#ifdef _OPENMP
#include <omp.h>
#endif

/* The context stands here because everything below takes one; section 5 fills it. */
struct lb__kernels; struct lb__tape;
typedef struct lb__chunk { struct lb__chunk *next; size_t size, used; } lb__chunk;     /* arena memory follows, 64-byte aligned */
struct lb_ctx {
    lb_limits  limits;
    int        threads;
    lb_pool_fn pool;
    void      *pool_user;
    const struct lb__kernels *kernels;
    struct lb__tape *tape;             /* NULL: inference */
    lb_watch_fn watch;                 /* shows activations on their way */
    void      *watch_user;
    const struct lb__draw *draw;       /* training: where dropout and masks are drawn; NULL: nothing is drawn */
    size_t     rows;                   /* while a block of a tower runs: the rows of one item, where all items have as many, else 0.  Whether tiles pay is asked of this,
                                        * not of a product's own rows, so that an item's result does not depend on how many share its batch */
    int        whole;                  /* for tests: every token and the whole last block are computed */
    lb__chunk *first, *current;        /* arena */
    size_t     in_use, peak, want;     /* bytes of it that are taken, the most that ever were, and what was reserved */
};

/* Arena memory, 64-byte aligned, not zeroed, valid until the mark below it is rewound.  NULL leaves the LB_ERR_MEM sentence.  Chunks are
 * kept when they are rewound; several of them become one, as large as was ever needed, when the arena is empty, so that a second pass over the
 * same shapes allocates nothing and wastes nothing. */
enum { LB__CHUNK = 1 << 20 };
typedef struct lb__mark { lb__chunk *chunk; size_t used, total; } lb__mark;
static void lb__arena_drop(lb_ctx *c) {
    while (c->first) { lb__chunk *n = c->first->next; LB_FREE(c->first); c->first = n; }
    c->current = NULL;
}
static lb__mark lb__arena_mark(const lb_ctx *c) { lb__mark m; m.chunk = c->current; m.used = c->current ? c->current->used : 0; m.total = c->in_use; return m; }
static void lb__arena_rewind(lb_ctx *c, lb__mark m) {
    lb__chunk *k = m.chunk && m.total ? m.chunk->next : c->first;
    c->in_use = m.total;
    if (!m.total) {                                     /* empty; the mark's chunk may be gone by now */
        if (c->first && c->first->next) lb__arena_drop(c);
        if (c->first) c->first->used = 0;
        c->current = NULL;
        return;
    }
    for (; k; k = k->next) k->used = 0;
    c->current = m.chunk;
    m.chunk->used = m.used;
}
static void *lb__arena_chunk(lb_ctx *c, size_t bytes, size_t want, lb__chunk *last) {
    lb__chunk *k = want > bytes && want < PTRDIFF_MAX - 128 ? (lb__chunk *)LB_MALLOC(sizeof *k + 64 + want) : NULL;
    if (!k) k = (lb__chunk *)LB_MALLOC(sizeof *k + 64 + (want = bytes));
    if (!k) { lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", bytes); return NULL; }
    k->next = NULL; k->size = want; k->used = bytes;
    if (last) last->next = k;
    else c->first = k;
    c->current = k;
    return (void *)(((uintptr_t)(k + 1) + 63) & ~(uintptr_t)63);
}
static void *lb__arena(lb_ctx *c, size_t n, size_t size) {
    size_t bytes, total; lb__chunk *k = c->current ? c->current : c->first, *last = NULL; void *p = NULL;
    if (!lb__mul(n, size, &bytes) || !lb__add(bytes, 192, &total) || total > PTRDIFF_MAX) { lb__fail(LB_ERR_MEM, "out of memory: %zu elements of %zu bytes do not fit in the address space", n, size); return NULL; }
    bytes = LB__MAX((bytes + 63) & ~(size_t)63, (size_t)64);
    for (; k && !p; last = k, k = k->next) {
        uintptr_t base = ((uintptr_t)(k + 1) + 63) & ~(uintptr_t)63;
        if (k->size - k->used >= bytes) { p = (void *)(base + k->used); k->used += bytes; c->current = k; }
    }
    if (!p && (p = lb__arena_chunk(c, bytes, LB__MAX((size_t)LB__CHUNK, c->first ? 0 : LB__MAX(c->peak, c->want)), last)) == NULL) return NULL;
    c->in_use += bytes;
    c->peak = LB__MAX(c->peak, c->in_use);
    return p;
}
/* Room for `bytes` in one piece, if the arena is empty: what is not touched is not taken from the system. */
static void lb__arena_reserve(lb_ctx *c, size_t bytes) { if (!c->in_use && (!c->first || c->first->size < bytes)) { lb__arena_drop(c); c->want = bytes; } }
static float *lb__arena_f32(lb_ctx *c, size_t rows, size_t cols) {
    size_t n;
    if (!lb__mul(rows, cols, &n)) { lb__fail(LB_ERR_MEM, "out of memory: a matrix of %zu x %zu does not fit in the address space", rows, cols); return NULL; }
    return (float *)lb__arena(c, n, sizeof(float));
}

/* The next of the numbers that several workers share out among themselves. */
static size_t lb__take(size_t *next, size_t n) {
#if defined(__GNUC__)
    return __atomic_fetch_add(next, n, __ATOMIC_RELAXED);
#else
    size_t i = *next; *next += n;
    return i;
#endif
}
typedef struct lb__loop { size_t n, grain, next; void (*fn)(void *, size_t, size_t, int); void *arg; } lb__loop;
static void lb__loop_run(void *arg, int worker) {
    lb__loop *l = (lb__loop *)arg;
    for (;;) {
        size_t b = lb__take(&l->next, l->grain);
        if (b >= l->n) return;
        l->fn(l->arg, b, LB__MIN(b + l->grain, l->n), worker);
    }
}
LB_API void lb_parallel_for(lb_ctx *ctx, size_t n, size_t grain, void (*fn)(void *arg, size_t begin, size_t end, int worker), void *arg) {
    lb__loop l; size_t pieces; int workers;
    if (!n || !fn) return;
    if (!grain) grain = 1;
    pieces = (n - 1) / grain + 1;
    workers = !ctx ? 1 : pieces < (size_t)ctx->threads ? (int)pieces : ctx->threads;
    if (workers <= 1) { fn(arg, 0, n, 0); return; }
    l.n = n; l.grain = grain; l.next = 0; l.fn = fn; l.arg = arg;
    if (ctx->pool) { ctx->pool(ctx->pool_user, lb__loop_run, &l, workers); return; }
#ifdef _OPENMP
    #pragma omp parallel num_threads(workers)
    lb__loop_run(&l, omp_get_thread_num());
#else
    lb__loop_run(&l, 0);
#endif
}


/* ==== 3 >>cpu ====================================================================================================================
 * Which kernel sets this processor and system can run.  A set needs the instructions (CPUID) and a system that saves its registers
 * (XGETBV).  Calls: base.  Held by: tests/test_kernels.c */

#if !defined(LB_NO_SIMD) && defined(__GNUC__) && defined(__x86_64__)
#  define LB__X86 1
#  include <cpuid.h>
#  ifdef __clang__
#    include <immintrin.h>
#  else                                                      /* g++ warns of the undefined registers that gcc's own header makes on purpose */
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wuninitialized"
#    pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#    include <immintrin.h>
#    pragma GCC diagnostic pop
#  endif
#elif !defined(LB_NO_SIMD) && defined(__GNUC__) && defined(__ARM_NEON) && (defined(__aarch64__) || defined(__ARM_FEATURE_FMA)) && !defined(__ARM_BIG_ENDIAN)
#  define LB__ARM 1                                          /* NEON is part of AArch64; on 32-bit ARM the compiler must have been told */
#  include <arm_neon.h>
#endif

#if defined(LB__X86) && defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#  define LB__TILES 1                                        /* AMX: compilers know it, and there is a way to ask the system for it */
#endif

enum { LB__SET_SCALAR = 0, LB__SET_NEON, LB__SET_AVX2, LB__SET_AVX512, LB__SET_AMX, LB__SETS };

#ifdef LB__TILES
/* Linux lends a process the registers of AMX when it asks: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA). */
static int lb__cpu_tiles(void) {
    long r;
    __asm__ volatile ("syscall" : "=a"(r) : "0"(158L), "D"(0x1023L), "S"(18L) : "rcx", "r11", "memory");
    return r == 0;
}
#endif
/* Bit i: kernel set i can run here. */
static unsigned lb__cpu_sets(void) {
    unsigned sets = 1u << LB__SET_SCALAR;
#if defined(LB__ARM)
    sets |= 1u << LB__SET_NEON;
#elif defined(LB__X86)
    unsigned a, b, c, d, c1, lo, hi;
    if (!__get_cpuid(1, &a, &b, &c1, &d) || !(c1 >> 27 & 1)) return sets;                       /* OSXSAVE */
    __asm__ volatile ("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return sets;
    if ((lo & 6) == 6 && (c1 >> 12 & 1) && (c1 >> 29 & 1) && (b >> 5 & 1)) {                    /* xmm+ymm saved; FMA, F16C, AVX2 */
        sets |= 1u << LB__SET_AVX2;
        if ((lo & 0xe6) == 0xe6 && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1)) {
            sets |= 1u << LB__SET_AVX512;                                                       /* F, DQ, BW, VL */
#ifdef LB__TILES
            if ((lo >> 17 & 3) == 3 && (d >> 22 & 1) && (d >> 24 & 1) && lb__cpu_tiles()) sets |= 1u << LB__SET_AMX;      /* tiles saved; AMX-BF16, AMX-TILE */
#endif
        }
    }
#endif
    return sets;
}

/* Activation of a GEMM epilogue. */
typedef enum lb_act { LB_ACT_NONE = 0, LB_ACT_GELU, LB_ACT_QUICK_GELU } lb_act;

/* ==== 4 >>kernels ================================================================================================================
 * The arithmetic.  All activations are f32, row-major with a row stride ("ld", in elements).  Every result element is summed in an
 * order that depends on nothing but K (and, for attention, the number of keys): not on M, the batch, the tile or the thread.  The one exception
 * is the amx set, which multiplies in tiles where rows are many (LB__TILE_ROWS): there those of one item count too, in training those of the batch.
 * Calls: base, parallel, cpu.  Held by: tests/test_kernels.c */

/* gemm  c = act(a w^T + bias) + add            a [M,K], w [N,K] panels, bias [N], add and c [M,N]; bias and add may be NULL; add may be c */
typedef struct lb__gemm {
    size_t M, N, K;
    const float *a;    size_t lda;
    const void  *w;    lb_dtype wtype;          /* f32, f16 or bf16 panels */
    float       *c;    size_t ldc;
    const float *bias;
    const float *add;  size_t ldadd;
    float       *pre;  size_t ldpre;            /* not NULL: a w^T + bias is stored here too, for the backward of act */
    lb_act       act;
} lb__gemm;

/* attention  o = softmax(scale q k^T [+ causal mask]) v, per sequence and head.
 * Sequence s, token t lives at row (s / inner) * inner * T + s % inner + t * inner: inner = 1 is the usual order; inner = n attends over
 * frames when rows are [clip, frame, n].  `offset` gives every sequence its own length (then inner must be 1 and rows are packed without
 * gaps, sequence after sequence).  With `pooled`, only one query a sequence is computed: q and o have one row a sequence. */
typedef struct lb__attn {
    size_t S, T, H, D, inner;                   /* sequences, tokens, heads, head size */
    const size_t *offset;                       /* [S+1] first row of each sequence when lengths differ; NULL: all have T */
    const float *q, *k, *v; size_t ld;          /* row stride of k and v, and of q unless pooled */
    size_t ldq;
    float *o; size_t ldo;
    float *lse;                                 /* [rows of q, H] log-sum-exp, for the backward; may be NULL */
    int causal, pooled;
    float scale;
} lb__attn;

/* ---- 4.1 what the sets share ---- */

/* Inside a product both operands are repacked so that the innermost loop reads memory it has in a near cache, at strides that are known when
 * it is compiled.  The left operand lies in slices of at most LB__KC of k, [slice][strip][k][rows of the strip]: one stream, which the processor
 * fetches ahead of the loop by itself; rows side by side would be fourteen.  Attention keeps rows, [slice][row][LB__LDP]: they are LB__LDP apart,
 * which is no power of two, so that no two fight for a cache set.  The right one lies in blocks [k][32], which is what a weight panel is already.
 * LB__MC rows of the left operand at most are packed at a time, and a worker takes LB__GROUP panels at a time; weights that are read once are fetched
 * LB__AHEAD bytes before they are needed, and a block's own rows once more LB__NEAR rows before. */
enum { LB__KC = 384, LB__LDP = LB__KC + 16, LB__MC = 288, LB__GROUP = 8, LB__PW = LB_PANEL_WIDTH, LB__AHEAD = 16384, LB__NEAR = 8,
       LB__TILE_KC = 96, LB__TILE_K = 64, LB__TILE_ROWS = 48 };             /* where tiles are multiplied: slices of k, and the least k and rows */

/* One block:  c[rows,32] = (load ? c : 0) + a b.       slab_r: a[rows][LB__LDP];  slab_c: a[kc][rows], one strip (rows <= lb__kernels.rows) */
typedef struct lb__slab {
    const float *a; size_t rows;
    const float *b; size_t kc, cols;                       /* cols: so many of the 32 are wanted; a set may leave the rest out */
    lb_dtype type;                                         /* of b: f32, or for slab_c one of lb__kernels.narrow */
    float *c; size_t ldc; int load;
    const char *next; size_t next_bytes, next_step;        /* fetched into the cache meanwhile, every so many bytes: the block that comes after this one */
    const float *rows_next; size_t ldrows;                 /* ... rows of the left operand that will be packed next; may be NULL */
    const float *out; size_t ldout;                        /* ... and the rows that the epilogue will write; may be NULL */
} lb__slab;

/* m = beta1 m + (1 - beta1) clip g,  v = beta2 v + (1 - beta2) (clip g)^2,  p = decay p - rate m / (root sqrt(v) + eps) */
typedef struct lb__adam { float decay, rate, beta1, beta2, root, eps, clip; } lb__adam;

/* One kernel set.  A table is reached through ctx->kernels; tests hold several. */
typedef struct lb__kernels {
    const char *name;
    size_t rows;                                           /* of a tile: blocks are cut into strips of at most so many */
    int    narrow;                                         /* bit t is set: slab_c widens a block of type t on its way into the registers */
    void  (*slab_r)(const lb__slab *);
    void  (*slab_c)(const lb__slab *);
    void  (*split_rows)(float *dst, const float *src, size_t lds, size_t rows, size_t high, size_t kc);        /* sets that multiply tiles, else NULL: see 4.2, tiles */
    void  (*split_block)(float *dst, const float *src, size_t kc, int parts);
    void  (*tiles)(const lb__slab *, int parts, int whole);
    void  (*tiles_on)(int on);
    void  (*strips)(float *dst, const float *src, size_t lds, size_t rows, size_t kc);                         /* src[kc][rows] -> [strip][kc][rows of it] */
    void  (*block)(float *dst, float *sum, const float *src, size_t lds, size_t rows, size_t cols);            /* src[rows][cols] -> [rows][32], zeros behind cols; sum[cols] += the rows, unless NULL */
    void  (*copy)(float *dst, size_t ldd, const float *src, size_t lds, size_t rows, size_t cols, float s);    /* dst = s src */
    void  (*epilogue)(const lb__gemm *g, const float *tile, size_t m0, size_t rows, size_t n0, size_t cols);   /* tile[rows,32] -> g->c at (m0, n0) */
    void  (*transpose)(float *dst, size_t ldd, const float *src, size_t lds, size_t rows, size_t cols);        /* dst[cols,rows] = src[rows,cols]^T */
    void  (*widen)(float *dst, const void *src, lb_dtype type, size_t n);
    void  (*act)(float *y, const float *x, lb_act act, size_t n);
    void  (*act_bwd)(float *dx, const float *dy, const float *x, lb_act act, size_t n);
    void  (*layernorm)(float *y, float *mean, float *rstd, const float *x, const float *w, const float *b, float eps, size_t C);
    void  (*layernorm_bwd)(float *dx, float *dw, float *db, const float *dy, const float *x, const float *w, float mean, float rstd, size_t C);
    float (*softmax)(float *x, size_t n);
    float (*top)(const float *x, size_t n);                                                                    /* the largest */
    float (*exps)(float *x, float shift, size_t n);                                                            /* x = exp(x - shift); returns the sum */
    void  (*softmax_bwd)(float *g, const float *p, float dot, float s, size_t n);                              /* g = p (g - dot) s */
    void  (*axpy)(float *y, float s, const float *x, size_t n);
    void  (*scale)(float *y, float s, size_t n);
    double (*dot)(const float *x, const float *y, size_t n);
    void  (*adamw)(float *p, float *m, float *v, float *g, const lb__adam *a, size_t n);                       /* one update; g becomes zero */
} lb__kernels;

/* An element of a weight in any type, and where element (n, k) of a panel matrix lies. */
static float lb__weight_at(const void *w, lb_dtype t, size_t i) {
    return t == LB_F32 ? ((const float *)w)[i] : t == LB_F16 ? lb__f16_f32(((const uint16_t *)w)[i]) : lb__bf16_f32(((const uint16_t *)w)[i]);
}
static size_t lb__panel_index(size_t n, size_t k, size_t K) { return ((n / LB_PANEL_WIDTH) * K + k) * LB_PANEL_WIDTH + n % LB_PANEL_WIDTH; }

#if defined(__GNUC__)
#  define LB__FETCH(p)       __builtin_prefetch((const void *)(p), 0, 2)
#  define LB__FETCH_NEAR(p)  __builtin_prefetch((const void *)(p), 0, 3)
#  define LB__FETCH_WRITE(p) __builtin_prefetch((const void *)(p), 1, 3)
#else
#  define LB__FETCH(p)       ((void)0)
#  define LB__FETCH_NEAR(p)  ((void)0)
#  define LB__FETCH_WRITE(p) ((void)0)
#endif
#if defined(__GNUC__) && !defined(__clang__)
#  define LB__UNROLL         _Pragma("GCC unroll 16")
#else
#  define LB__UNROLL
#endif

#endif /* first half of the implementation */
#endif /* !LB__KERNEL_PASS */

/* ---- 4.2 the kernels, compiled once per set: everything between here and "end of the kernel pass" ----
 * A pass defines LB__FN (the set's suffix), LB__TARGET (the whole list of instruction sets, or gcc would refuse to inline), the vector type
 * LB__V of LB__W floats, LB__ROWS (rows of a tile that the registers hold beside 2 vectors of columns), and these over them:
 *   lb__vload lb__vstore lb__vset lb__vadd lb__vsub lb__vmul lb__vdiv lb__vsqrt      the obvious
 *   lb__vfma(a,b,c)   a b + c                        lb__vmax(a,b) lb__vmin(a,b)   give b when either is NaN
 *   lb__vless(a,b,x,y)   a < b ? x : y               lb__vpow2(t)   2^n for t = n + LB__MAGIC */
#ifdef LB__KERNEL_PASS
#define LB__MAGIC 12582912.0f                              /* 1.5 * 2^23: adding it rounds to an integer and leaves that in the low bits */
#if LB__KERNEL_PASS == 3
#  define LB__FN(x) x##_avx512
#  define LB__TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#  define LB__V __m512
#  define LB__W 16
#  define LB__ROWS 14
#  define lb__vload(p)         _mm512_loadu_ps(p)
#  define lb__vstore(p, v)     _mm512_storeu_ps(p, v)
#  define lb__vset(s)          _mm512_set1_ps(s)
#  define lb__vadd(a, b)       _mm512_add_ps(a, b)
#  define lb__vsub(a, b)       _mm512_sub_ps(a, b)
#  define lb__vmul(a, b)       _mm512_mul_ps(a, b)
#  define lb__vdiv(a, b)       _mm512_div_ps(a, b)
#  define lb__vsqrt(a)         _mm512_sqrt_ps(a)
#  define lb__vfma(a, b, c)    _mm512_fmadd_ps(a, b, c)
#  define lb__vmax(a, b)       _mm512_max_ps(a, b)
#  define lb__vmin(a, b)       _mm512_min_ps(a, b)
#  define lb__vless(a, b, x, y) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x)
#  define lb__vpow2(t)         _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(t), 23), _mm512_set1_epi32(0x3f800000)))
#elif LB__KERNEL_PASS == 2
#  define LB__FN(x) x##_avx2
#  define LB__TARGET __attribute__((target("avx2,fma,f16c")))
#  define LB__V __m256
#  define LB__W 8
#  define LB__ROWS 6
#  define lb__vload(p)         _mm256_loadu_ps(p)
#  define lb__vstore(p, v)     _mm256_storeu_ps(p, v)
#  define lb__vset(s)          _mm256_set1_ps(s)
#  define lb__vadd(a, b)       _mm256_add_ps(a, b)
#  define lb__vsub(a, b)       _mm256_sub_ps(a, b)
#  define lb__vmul(a, b)       _mm256_mul_ps(a, b)
#  define lb__vdiv(a, b)       _mm256_div_ps(a, b)
#  define lb__vsqrt(a)         _mm256_sqrt_ps(a)
#  define lb__vfma(a, b, c)    _mm256_fmadd_ps(a, b, c)
#  define lb__vmax(a, b)       _mm256_max_ps(a, b)
#  define lb__vmin(a, b)       _mm256_min_ps(a, b)
#  define lb__vless(a, b, x, y) _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ))
#  define lb__vpow2(t)         _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(t), 23), _mm256_set1_epi32(0x3f800000)))
#elif LB__KERNEL_PASS == 1
#  define LB__FN(x) x##_neon
#  define LB__TARGET
#  define LB__V float32x4_t
#  define LB__W 4
#  ifdef __aarch64__
#    define LB__ROWS 12
#    define lb__vdiv(a, b)     vdivq_f32(a, b)
#    define lb__vsqrt(a)       vsqrtq_f32(a)
#  else
#    define LB__ROWS 6
#    define lb__vdiv(a, b)     LB__FN(lb__divide)(a, b)
LB__INLINE float32x4_t LB__FN(lb__divide)(float32x4_t a, float32x4_t b) {
    float x[4], y[4]; int i;
    vst1q_f32(x, a); vst1q_f32(y, b);
    for (i = 0; i < 4; i++) x[i] /= y[i];
    return vld1q_f32(x);
}
#    define lb__vsqrt(a)       LB__FN(lb__root)(a)
LB__INLINE float32x4_t LB__FN(lb__root)(float32x4_t a) {
    float x[4]; int i;
    vst1q_f32(x, a);
    for (i = 0; i < 4; i++) x[i] = sqrtf(x[i]);
    return vld1q_f32(x);
}
#  endif
#  define lb__vload(p)         vld1q_f32(p)
#  define lb__vstore(p, v)     vst1q_f32(p, v)
#  define lb__vset(s)          vdupq_n_f32(s)
#  define lb__vadd(a, b)       vaddq_f32(a, b)
#  define lb__vsub(a, b)       vsubq_f32(a, b)
#  define lb__vmul(a, b)       vmulq_f32(a, b)
#  define lb__vfma(a, b, c)    vfmaq_f32(c, a, b)
#  define lb__vmax(a, b)       vbslq_f32(vcgtq_f32(a, b), a, b)
#  define lb__vmin(a, b)       vbslq_f32(vcltq_f32(a, b), a, b)
#  define lb__vless(a, b, x, y) vbslq_f32(vcltq_f32(a, b), x, y)
#  define lb__vpow2(t)         vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(t), 23), vdupq_n_s32(0x3f800000)))
#elif defined(__GNUC__)                                    /* portable: vectors of four floats in the compiler's own terms */
#  define LB__FN(x) x##_scalar
#  if defined(__i386__) && !defined(__clang__)             /* clang computes in SSE wherever it may */
#    define LB__TARGET __attribute__((target("sse2,fpmath=sse")))      /* the x87 would round differently in registers and in memory */
#  else
#    define LB__TARGET
#  endif
typedef float   lb__v4  __attribute__((vector_size(16), may_alias));
typedef float   lb__v4u __attribute__((vector_size(16), may_alias, aligned(4)));
typedef int32_t lb__i4  __attribute__((vector_size(16), may_alias));
#  define LB__V lb__v4
#  define LB__W 4
#  define LB__ROWS 6
#  define lb__vload(p)         (*(const lb__v4u *)(p))
#  define lb__vstore(p, v)     ((void)(*(lb__v4u *)(p) = (v)))
#  define lb__vset(s)          LB__FN(lb__splat)(s)
#  define lb__vadd(a, b)       ((a) + (b))
#  define lb__vsub(a, b)       ((a) - (b))
#  define lb__vmul(a, b)       ((a) * (b))
#  define lb__vdiv(a, b)       ((a) / (b))
#  define lb__vsqrt(a)         LB__FN(lb__root)(a)
#  define lb__vfma(a, b, c)    ((a) * (b) + (c))
#  define lb__vmax(a, b)       lb__vless(b, a, a, b)
#  define lb__vmin(a, b)       lb__vless(a, b, a, b)
#  define lb__vless(a, b, x, y) LB__FN(lb__select)(a, b, x, y)
#  define lb__vpow2(t)         ((lb__v4)(((lb__i4)(t) << 23) + 0x3f800000))
LB__TARGET LB__INLINE lb__v4 LB__FN(lb__splat)(float s) { lb__v4 v = { s, s, s, s }; return v; }
LB__TARGET LB__INLINE lb__v4 LB__FN(lb__root)(lb__v4 v) { int i; for (i = 0; i < 4; i++) v[i] = sqrtf(v[i]); return v; }
LB__TARGET LB__INLINE lb__v4 LB__FN(lb__select)(lb__v4 a, lb__v4 b, lb__v4 x, lb__v4 y) { lb__i4 m = (lb__i4)(a < b); return (lb__v4)((m & (lb__i4)x) | (~m & (lb__i4)y)); }
#else
#  define LB__FN(x) x##_scalar
#  define LB__TARGET
#  define LB__V float
#  define LB__W 1
#  define LB__ROWS 4
#  define lb__vload(p)         (*(p))
#  define lb__vstore(p, v)     ((void)(*(p) = (v)))
#  define lb__vset(s)          (s)
#  define lb__vadd(a, b)       ((a) + (b))
#  define lb__vsub(a, b)       ((a) - (b))
#  define lb__vmul(a, b)       ((a) * (b))
#  define lb__vdiv(a, b)       ((a) / (b))
#  define lb__vsqrt(a)         sqrtf(a)
#  define lb__vfma(a, b, c)    ((a) * (b) + (c))
#  define lb__vmax(a, b)       ((a) > (b) ? (a) : (b))
#  define lb__vmin(a, b)       ((a) < (b) ? (a) : (b))
#  define lb__vless(a, b, x, y) ((a) < (b) ? (x) : (y))
#  define lb__vpow2(t)         lb__bits_f32((lb__f32_bits(t) << 23) + 0x3f800000u)
#endif

/* Vectors at the end of a row: n >= LB__W is a whole one. */
LB__TARGET LB__INLINE LB__V LB__FN(lb__vget)(const float *p, size_t n) {
#if LB__KERNEL_PASS == 3
    return n >= LB__W ? lb__vload(p) : _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    float t[LB__W]; size_t i;
    if (n >= LB__W) return lb__vload(p);
    for (i = 0; i < LB__W; i++) t[i] = i < n ? p[i] : 0;
    return lb__vload(t);
#endif
}
LB__TARGET LB__INLINE void LB__FN(lb__vput)(float *p, LB__V v, size_t n) {
#if LB__KERNEL_PASS == 3
    if (n >= LB__W) lb__vstore(p, v);
    else _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
#else
    float t[LB__W]; size_t i;
    if (n >= LB__W) { lb__vstore(p, v); return; }
    lb__vstore(t, v);
    for (i = 0; i < n; i++) p[i] = t[i];
#endif
}
/* A vector from element i of a matrix on: f32, or one of f16 and bf16 that the set has an instruction for, which LB__WIDE tells. */
#if LB__KERNEL_PASS == 3 || LB__KERNEL_PASS == 2 || (LB__KERNEL_PASS == 1 && defined(__aarch64__))
#  define LB__WIDE(type) 1
#elif LB__KERNEL_PASS == 1
#  define LB__WIDE(type) ((type) == LB_BF16)
#else
#  define LB__WIDE(type) 0
#endif
LB__TARGET LB__INLINE LB__V LB__FN(lb__vwide)(const void *p, size_t i, const lb_dtype type) {
#if LB__KERNEL_PASS == 3
    const __m256i *h = (const __m256i *)(const void *)((const uint16_t *)p + i);
    if (type == LB_F16) return _mm512_cvtph_ps(_mm256_loadu_si256(h));
    if (type == LB_BF16) return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(h)), 16));
#elif LB__KERNEL_PASS == 2
    const __m128i *h = (const __m128i *)(const void *)((const uint16_t *)p + i);
    if (type == LB_F16) return _mm256_cvtph_ps(_mm_loadu_si128(h));
    if (type == LB_BF16) return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(h)), 16));
#elif LB__KERNEL_PASS == 1
    const uint16_t *h = (const uint16_t *)p + i;
#  ifdef __aarch64__
    if (type == LB_F16) return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(h)));
#  endif
    if (type == LB_BF16) return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(h), 16));
#endif
    (void)type;
    return lb__vload((const float *)p + i);
}
#define lb__vwide LB__FN(lb__vwide)
#define lb__vget LB__FN(lb__vget)
#define lb__vput LB__FN(lb__vput)
/* Zero in the lanes from n on. */
LB__TARGET LB__INLINE LB__V LB__FN(lb__vkeep)(LB__V v, size_t n) {
#if LB__KERNEL_PASS == 3
    return n >= LB__W ? v : _mm512_maskz_mov_ps((__mmask16)((1u << n) - 1), v);
#else
    float t[LB__W];
    if (n >= LB__W) return v;
    lb__vstore(t, v);
    return lb__vget(t, n);
#endif
}
/* Sum of the lanes, in double, always in the same order: halves are added to each other. */
LB__TARGET LB__INLINE double LB__FN(lb__vsum)(LB__V v) {
#if LB__KERNEL_PASS == 3
    const __m512d s = _mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)));
    const __m256d h = _mm256_add_pd(_mm512_castpd512_pd256(s), _mm512_extractf64x4_pd(s, 1)); const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
    return _mm_cvtsd_f64(q) + _mm_cvtsd_f64(_mm_unpackhi_pd(q, q));
#else
    float t[LB__W]; double s[LB__W]; int i, w;
    lb__vstore(t, v);
    for (i = 0; i < LB__W; i++) s[i] = t[i];
    for (w = LB__W / 2; w; w /= 2) for (i = 0; i < w; i++) s[i] += s[i + w];
    return s[0];
#endif
}
LB__TARGET LB__INLINE float LB__FN(lb__vtop)(LB__V v) {
#if LB__KERNEL_PASS == 3
    return _mm512_reduce_max_ps(v);
#else
    float t[LB__W]; int i, w;
    lb__vstore(t, v);
    for (w = LB__W / 2; w; w /= 2) for (i = 0; i < w; i++) t[i] = t[i] > t[i + w] ? t[i] : t[i + w];
    return t[0];
#endif
}
#define lb__vkeep LB__FN(lb__vkeep)
#define lb__vsum LB__FN(lb__vsum)
#define lb__vtop LB__FN(lb__vtop)

/* e^x to 2 ulp for -87.3 <= x <= 88.3, 0 below, 2.4e38 above: n = round(x / ln 2), then a polynomial (our own minimax fit) on the rest. */
LB__TARGET LB__INLINE LB__V LB__FN(lb__vexp)(LB__V x) {
    LB__V lo = lb__vset(-87.33f), y = lb__vmin(lb__vset(88.37f), lb__vmax(lo, x));
    LB__V t = lb__vfma(y, lb__vset(1.44269504088896341f), lb__vset(LB__MAGIC)), n = lb__vsub(t, lb__vset(LB__MAGIC)), r, p;
    r = lb__vfma(n, lb__vset(-0.693359375f), y);
    r = lb__vfma(n, lb__vset(2.12194440e-4f), r);
    p = lb__vfma(r, lb__vset(0.001381422199f), lb__vset(0.008368898912f));
    p = lb__vfma(p, r, lb__vset(0.04166840574f));
    p = lb__vfma(p, r, lb__vset(0.1666651913f));
    p = lb__vfma(p, r, lb__vset(0.4999999335f));
    p = lb__vfma(lb__vmul(r, r), p, lb__vadd(r, lb__vset(1.0f)));
    return lb__vless(x, lo, lb__vset(0.0f), lb__vmul(p, lb__vpow2(t)));
}
/* Q(a) = (1 - erf(a / sqrt 2)) / 2 for 0 <= a <= 6.25: log2 of it is nearly a parabola, so it is 2 to a polynomial (our own fit, 8e-9). */
LB__TARGET LB__INLINE LB__V LB__FN(lb__vtail)(LB__V a) {
    LB__V q = lb__vset(2.34455103e-09f), c1 = lb__vset(-1.15110463f), c0 = lb__vset(-0.999999992f), t, r, p, low;
    q = lb__vfma(q, a, lb__vset(-8.9907761e-08f));
    q = lb__vfma(q, a, lb__vset(1.5220114e-06f));
    q = lb__vfma(q, a, lb__vset(-1.48533955e-05f));
    q = lb__vfma(q, a, lb__vset(8.973618e-05f));
    q = lb__vfma(q, a, lb__vset(-0.000306271723f));
    q = lb__vfma(q, a, lb__vset(2.95105397e-05f));
    q = lb__vfma(q, a, lb__vset(0.00693202418f));
    q = lb__vfma(q, a, lb__vset(-0.052441066f));
    q = lb__vfma(q, a, lb__vset(-0.459218663f));
    p = lb__vfma(q, a, c1);
    low = lb__vfma(q, a, lb__vsub(c1, p));                 /* what the rounding of p took: the exponent is large, its last bits are the result's */
    t = lb__vadd(lb__vfma(p, a, c0), lb__vset(LB__MAGIC));
    r = lb__vfma(low, a, lb__vfma(p, a, lb__vsub(c0, lb__vsub(t, lb__vset(LB__MAGIC)))));
    p = lb__vfma(r, lb__vset(0.0001535325831f), lb__vset(0.001339900386f));
    p = lb__vfma(p, r, lb__vset(0.009618438603f));
    p = lb__vfma(p, r, lb__vset(0.05550332162f));
    p = lb__vfma(p, r, lb__vset(0.240226479f));
    p = lb__vfma(p, r, lb__vset(0.693147203f));
    p = lb__vfma(p, r, lb__vset(1.0f));
    return lb__vmul(p, lb__vpow2(t));
}
#define lb__vexp  LB__FN(lb__vexp)
#define lb__vtail LB__FN(lb__vtail)
/* gelu(x) = x Phi(x) = max(x, 0) - |x| Q(|x|): no cancellation, so the small negative side keeps its digits. */
LB__TARGET LB__INLINE LB__V LB__FN(lb__vact)(LB__V x, lb_act act) {
    LB__V zero = lb__vset(0.0f);
    if (act == LB_ACT_GELU) {
        LB__V a = lb__vmin(lb__vset(6.25f), lb__vmax(x, lb__vsub(zero, x)));
        return lb__vsub(lb__vmax(zero, x), lb__vmul(a, lb__vtail(a)));
    }
    if (act == LB_ACT_QUICK_GELU) return lb__vdiv(x, lb__vadd(lb__vset(1.0f), lb__vexp(lb__vmul(x, lb__vset(-1.702f)))));
    return x;
}
/* gelu' = Phi(x) + x phi(x);  quick_gelu' = s + 1.702 x s (1 - s) with s = 1 / (1 + exp(-1.702 x)) */
LB__TARGET LB__INLINE LB__V LB__FN(lb__vact_grad)(LB__V x, lb_act act) {
    LB__V zero = lb__vset(0.0f), one = lb__vset(1.0f);
    if (act == LB_ACT_GELU) {
        LB__V q = lb__vtail(lb__vmin(lb__vset(6.25f), lb__vmax(x, lb__vsub(zero, x))));
        LB__V phi = lb__vmul(lb__vset(0.39894228040143267794f), lb__vexp(lb__vmul(lb__vmul(x, x), lb__vset(-0.5f))));
        return lb__vfma(x, phi, lb__vless(x, zero, q, lb__vsub(one, q)));
    }
    if (act == LB_ACT_QUICK_GELU) {
        LB__V e = lb__vexp(lb__vmul(x, lb__vset(-1.702f))), s = lb__vdiv(one, lb__vadd(one, e));
        return lb__vfma(lb__vmul(lb__vmul(x, lb__vset(1.702f)), s), lb__vmul(e, s), s);          /* 1 - s = e s, without cancellation */
    }
    return one;
}

/* The inner loop of everything: mr rows (a constant after inlining) by 2 vectors of columns stay in registers while k runs.  They are
 * written out one by one because gcc keeps an array of them in memory.  Every element is one chain of additions over k, whatever mr is.
 * In 16 steps `fetches` lines of the next block are asked for, one a step (two when there are more than 16): every line under way to memory
 * holds a place that loads from the near cache need too, so that a burst would hold them up.  So are, every 16 steps, the same 16 columns of
 * the rows that come next, and a row of the result; and the block's own rows LB__NEAR ahead, which may have left the first cache. */
#define LB__EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
LB__TARGET LB__INLINE void LB__FN(lb__tile)(const size_t mr, const int tr, const int half, const lb_dtype type, const float *a, const float *b, size_t kc, float *c, size_t ldc, int load, const char *next, size_t fetches, size_t step, const float *ahead, size_t ldahead, const float *out, size_t ldout) {
    const size_t rs = tr ? 1 : LB__LDP, cs = tr ? mr : 1, bs = type == LB_F32 ? LB__PW : LB__PW / 2;
    size_t k = 0, j;
#define LB__X(i) LB__V x##i = lb__vset(0.0f), y##i = x##i;
    LB__EACH_ROW(LB__X)
#undef LB__X
    if (load) {
#define LB__X(i) if (mr > i) { x##i = lb__vload(c + i * ldc); if (!half) y##i = lb__vload(c + i * ldc + LB__W); }
        LB__EACH_ROW(LB__X)
#undef LB__X
    }
    while (k < kc) {
        size_t e = kc - k < 16 ? kc : k + 16;
        if (ahead) {
#define LB__X(i) if (mr > i) LB__FETCH(ahead + i * ldahead);
            LB__EACH_ROW(LB__X)
#undef LB__X
            ahead += 16;
        }
        if (out && k < 16 * mr) { LB__FETCH_WRITE(out); if (LB__W == 16) LB__FETCH_WRITE(out + 16); out += ldout; }
        for (j = fetches > 16 ? (fetches + 1) / 2 : fetches; k < e; k++, a += cs, b += bs) {
            LB__FETCH_NEAR(b + LB__NEAR * bs); if (LB__W == 16 && !half && type == LB_F32) LB__FETCH_NEAR(b + LB__NEAR * bs + LB__W);
            if (j) { LB__FETCH(next); next += step; j--; if (fetches > 16) { LB__FETCH(next); next += step; } }
            LB__V b0 = lb__vwide(b, 0, type), b1 = half ? b0 : lb__vwide(b, LB__W, type);
#define LB__X(i) if (mr > i) { LB__V s = lb__vset(a[i * rs]); x##i = lb__vfma(s, b0, x##i); if (!half) y##i = lb__vfma(s, b1, y##i); }
            LB__EACH_ROW(LB__X)
#undef LB__X
        }
    }
#define LB__X(i) if (mr > i) { lb__vstore(c + i * ldc, x##i); if (!half) lb__vstore(c + i * ldc + LB__W, y##i); }
    LB__EACH_ROW(LB__X)
#undef LB__X
}
LB__TARGET LB__INLINE void LB__FN(lb__slab_any)(const lb__slab *t, const int tr, const lb_dtype type) {
    size_t strips = (t->rows + LB__ROWS - 1) / LB__ROWS, s, col, steps = (t->kc + 15) / 16, fetches = 0; const char *next = t->next, *end = t->next_bytes ? next + t->next_bytes : next;
    if (t->next_bytes) fetches = (t->next_bytes / t->next_step + steps * strips * (LB__PW / 2 / LB__W) - 1) / (steps * strips * (LB__PW / 2 / LB__W));
    const int half = LB__W == 16 && type == LB_F32 && t->cols <= LB__W;      /* a vector of columns is enough */
    for (col = 0; col < t->cols; col += 2 * LB__W) for (s = 0; s < strips; s++) {
        size_t r = t->rows * s / strips, mr = t->rows * (s + 1) / strips - r;
        const float *a = t->a + r * (tr ? t->kc : (size_t)LB__LDP), *b = t->b + (type == LB_F32 ? col : col / 2); float *c = t->c + r * t->ldc + col;
        if (next >= end) fetches = 0;
        switch (mr) {
#define LB__X(i) case i + 1: if (i < LB__ROWS) { \
                if (half) LB__FN(lb__tile)(i < LB__ROWS ? i + 1 : 1, tr, LB__W == 16 && type == LB_F32, type, a, b, t->kc, c, t->ldc, t->load, next, fetches, t->next_step, t->rows_next, t->ldrows, NULL, 0); \
                else LB__FN(lb__tile)(i < LB__ROWS ? i + 1 : 1, tr, 0, type, a, b, t->kc, c, t->ldc, t->load, next, fetches, t->next_step, t->rows_next, t->ldrows, t->out ? t->out + r * t->ldout + col : NULL, t->ldout); } break;
            LB__EACH_ROW(LB__X)
#undef LB__X
            default: break;
        }
        next += fetches * steps * t->next_step;
    }
}
LB__TARGET static void LB__FN(lb__slab_r)(const lb__slab *t) { LB__FN(lb__slab_any)(t, 0, LB_F32); }
LB__TARGET static void LB__FN(lb__slab_c)(const lb__slab *t) {
    if (LB__WIDE(LB_F16) && t->type == LB_F16) LB__FN(lb__slab_any)(t, 1, LB_F16);
    else if (LB__WIDE(LB_BF16) && t->type == LB_BF16) LB__FN(lb__slab_any)(t, 1, LB_BF16);
    else LB__FN(lb__slab_any)(t, 1, LB_F32);
}
#if LB__KERNEL_PASS == 3 && defined(LB__TILES)
/* Tiles.  AMX multiplies 16 x 32 by 32 x 16 numbers of bf16 into sums of f32, sixteen times as many a cycle as AVX-512 multiplies f32.  A float is the exact
 * sum of three bf16, of eight of its 24 bits each, and of the nine products of two floats' parts the three smallest lie below the last bit: six products of
 * tiles give what f32 gives.  Weights of f16 have two parts, those of bf16 one.  Every element is summed over k in the same order, 32 at a time and among
 * those the small products first, whatever the rows beside it.
 *   split_rows   src[rows][kc] -> [k / 32][part][high rows][32], zeros below the rows and behind kc
 *   split_block  src[kc][32]   -> [k / 32][part][half of the columns][pair of k][column][2], zeros behind kc
 *   tiles        c[rows,32] = (load ? c : 0) + a b; of rows cut into strips of 32.  `whole`: the last strip was made 16 or 32 high, and so may c be written
 *   tiles_on     before the first of them and after the last */
#define LB__TILE_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,amx-tile,amx-bf16")))
LB__TARGET LB__INLINE void lb__parts(__m512 x, __m512i part[3]) {
    const __m512i top = _mm512_set1_epi32(-65536);
    part[0] = _mm512_and_si512(_mm512_castps_si512(x), top); x = _mm512_sub_ps(x, _mm512_castsi512_ps(part[0]));
    part[1] = _mm512_and_si512(_mm512_castps_si512(x), top); part[2] = _mm512_castps_si512(_mm512_sub_ps(x, _mm512_castsi512_ps(part[1])));
}
LB__TARGET static void lb__split_rows_amx(float *dst, const float *src, size_t lds, size_t rows, size_t high, size_t kc) {
    const __m512i odd = _mm512_add_epi16(_mm512_set1_epi16(1), _mm512_slli_epi16(_mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), 1));
    size_t k, r; int i;
    for (k = 0; k < kc; k += 32, dst += 3 * 16 * high) {
        for (r = 0; r < rows; r++) {
            const float *x = src + r * lds + k; __m512i u[3], v[3];
            lb__parts(lb__vget(x, kc - k), u); lb__parts(kc - k > 16 ? lb__vget(x + 16, kc - k - 16) : _mm512_setzero_ps(), v);
            LB__UNROLL for (i = 0; i < 3; i++) _mm512_storeu_si512(dst + ((size_t)i * high + r) * 16, _mm512_permutex2var_epi16(u[i], odd, v[i]));
        }
        for (; r < high; r++) for (i = 0; i < 3; i++) _mm512_storeu_ps(dst + ((size_t)i * high + r) * 16, _mm512_setzero_ps());
    }
}
LB__TARGET LB__INLINE void lb__split_block_any(float *dst, const float *src, size_t kc, const int parts) {
    size_t k, c; int i;
    for (k = 0; k < kc; k += 2, src += 2 * LB__PW) for (c = 0; c < 2; c++) {
        float *d = dst + k / 32 * (size_t)parts * 512 + c * 256 + k % 32 / 2 * 16; __m512i u[3], v[3];
        lb__parts(_mm512_loadu_ps(src + c * 16), u); lb__parts(k + 1 < kc ? _mm512_loadu_ps(src + LB__PW + c * 16) : _mm512_setzero_ps(), v);
        LB__UNROLL for (i = 0; i < parts; i++) _mm512_storeu_si512(d + i * 512, _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(u[i], 16), v[i]));
    }
    for (k = (kc + 1) & ~(size_t)1; k & 31; k += 2) for (i = 0; i < parts; i++) for (c = 0; c < 2; c++) _mm512_storeu_ps(dst + k / 32 * (size_t)parts * 512 + (size_t)i * 512 + c * 256 + k % 32 / 2 * 16, _mm512_setzero_ps());
}
LB__TARGET static void lb__split_block_amx(float *dst, const float *src, size_t kc, int parts) {
    if (parts == 3) lb__split_block_any(dst, src, kc, 3);
    else if (parts == 2) lb__split_block_any(dst, src, kc, 2);
    else lb__split_block_any(dst, src, kc, 1);
}
/* Registers 0 to 3 hold the sums of two tiles of rows by two of columns, 4 and 5 a part of the rows, 6 and 7 one of the block.  At each step over k so many
 * lines of what comes next are fetched. */
LB__TILE_TARGET LB__INLINE const char *lb__tiles_strip(const char *a, size_t n, const char *b, size_t blocks, float *c, size_t ldc, int load, const int low, const int right, const int parts, const char *next, size_t fetches, size_t step) {
    const size_t ld = ldc * sizeof(float); size_t f;
#define LB__A(p) _tile_loadd(4, a + (p) * n * 64, 64); if (low) _tile_loadd(5, a + ((p) * n + 16) * 64, 64);
#define LB__B(p) _tile_loadd(6, b + (p) * 2048, 64); if (right) _tile_loadd(7, b + (p) * 2048 + 1024, 64);
#define LB__F  if (f) { LB__FETCH(next); next += step; f--; }
#define LB__AB _tile_dpbf16ps(0, 4, 6); LB__F if (right) _tile_dpbf16ps(1, 4, 7); LB__F if (low) _tile_dpbf16ps(2, 5, 6); LB__F if (low && right) _tile_dpbf16ps(3, 5, 7); LB__F
    if (load) {
        _tile_loadd(0, c, ld); if (right) _tile_loadd(1, c + 16, ld); if (low) _tile_loadd(2, c + 16 * ldc, ld); if (low && right) _tile_loadd(3, c + 16 * ldc + 16, ld);
    } else { _tile_zero(0); _tile_zero(1); if (low) { _tile_zero(2); _tile_zero(3); } }
    for (; blocks; blocks--, a += n * 192, b += 2048 * parts) {
        f = fetches;
        LB__A(2) LB__B(0) LB__AB LB__A(1) LB__AB
        if (parts > 1) { LB__B(1) LB__AB LB__A(0) LB__AB LB__B(0) LB__AB }
        else { LB__A(0) LB__AB }
        if (parts > 2) { LB__B(2) LB__AB }
        for (; f; f--, next += step) LB__FETCH(next);
    }
    _tile_stored(0, c, ld); if (right) _tile_stored(1, c + 16, ld); if (low) _tile_stored(2, c + 16 * ldc, ld); if (low && right) _tile_stored(3, c + 16 * ldc + 16, ld);
#undef LB__A
#undef LB__B
#undef LB__AB
#undef LB__F
    return next;
}
LB__TILE_TARGET static void lb__tiles_shape(size_t rows) {
    struct { uint8_t palette, start, unused[14]; uint16_t bytes[16]; uint8_t rows[16]; } t; int i;
    memset(&t, 0, sizeof t);
    t.palette = 1;
    for (i = 0; i < 8; i++) { t.rows[i] = (uint8_t)(i > 5 ? 16 : i == 2 || i == 3 || i == 5 ? LB__MAX(rows, (size_t)16) - 16 : LB__MIN(rows, (size_t)16)); t.bytes[i] = t.rows[i] ? 64 : 0; }
    __asm__ volatile ("" : : "r"(&t) : "memory");
    _tile_loadconfig(&t);
}
LB__TILE_TARGET LB__INLINE void lb__tiles_any(const lb__slab *t, const int right, const int parts, int whole) {
    const size_t blocks = (t->kc + 31) / 32, strips = (t->rows + 31) / 32; size_t fetches = t->next_bytes ? (t->next_bytes / t->next_step + strips * blocks - 1) / (strips * blocks) : 0, r;
    const char *next = t->next, *end = next + t->next_bytes;
    __asm__ volatile ("" : : : "memory");                  /* the intrinsics do not say what they read and write */
    for (r = 0; r < t->rows; r += 32) {
        const size_t rows = LB__MIN((size_t)32, t->rows - r), n = whole ? (rows + 15) & ~(size_t)15 : rows; const char *a = (const char *)t->a + r * blocks * 192; float *c = t->c + r * t->ldc;
        if (n % 16) lb__tiles_shape(n);
        if (next >= end) fetches = 0;
        if (n > 16) next = lb__tiles_strip(a, n, (const char *)t->b, blocks, c, t->ldc, t->load, 1, right, parts, next, fetches, t->next_step);
        else        next = lb__tiles_strip(a, n, (const char *)t->b, blocks, c, t->ldc, t->load, 0, right, parts, next, fetches, t->next_step);
        if (n % 16) lb__tiles_shape(32);
    }
    __asm__ volatile ("" : : : "memory");
}
LB__TILE_TARGET static void lb__tiles_amx(const lb__slab *t, int parts, int whole) {
    if (parts == 3)      { if (t->cols > 16) lb__tiles_any(t, 1, 3, whole); else lb__tiles_any(t, 0, 3, whole); }
    else if (parts == 2) { if (t->cols > 16) lb__tiles_any(t, 1, 2, whole); else lb__tiles_any(t, 0, 2, whole); }
    else                 { if (t->cols > 16) lb__tiles_any(t, 1, 1, whole); else lb__tiles_any(t, 0, 1, whole); }
}
LB__TILE_TARGET static void lb__tiles_on_amx(int on) { if (on) lb__tiles_shape(32); else _tile_release(); }
#endif
/* Sixteen rows of src at a time, so that they are read from a near cache.  Whole vectors are written, and what is too much is overwritten by
 * what comes next, but for the last row of a strip. */
LB__TARGET static void LB__FN(lb__strips)(float *dst, const float *src, size_t lds, size_t rows, size_t kc) {
    size_t n = (rows + LB__ROWS - 1) / LB__ROWS, k0, k, s, i;
    for (k0 = 0; k0 < kc; k0 += 16) for (s = 0; s < n; s++) {
        const size_t r = rows * s / n, mr = rows * (s + 1) / n - r, e = kc - k0 < 16 ? kc : k0 + 16, whole = r + (mr + LB__W - 1) / LB__W * LB__W <= rows ? LB__MIN(e, kc - 1) : k0; float *d = dst + r * kc + k0 * mr; const float *x = src + k0 * lds + r;
        for (k = k0; k < whole; k++, d += mr, x += lds) { LB__FETCH(x + 16 * lds); for (i = 0; i < mr; i += LB__W) lb__vstore(d + i, lb__vload(x + i)); }
        for (; k < e; k++, d += mr, x += lds) for (i = 0; i < mr; i += LB__W) lb__vput(d + i, lb__vget(x + i, mr - i), mr - i);
    }
}
LB__TARGET static void LB__FN(lb__block)(float *dst, float *sum, const float *src, size_t lds, size_t rows, size_t cols) {
    size_t c, r;
    for (c = 0; c < LB__PW; c += 2 * LB__W) {
        LB__V s0 = lb__vset(0.0f), s1 = s0; float *d = dst + c; const float *x = src + c;
        if (c + 2 * LB__W <= cols) for (r = 0; r < rows; r++, d += LB__PW, x += lds) {
            const LB__V u = lb__vload(x), v = lb__vload(x + LB__W);
            lb__vstore(d, u); lb__vstore(d + LB__W, v); s0 = lb__vadd(s0, u); s1 = lb__vadd(s1, v);
        } else for (r = 0; r < rows; r++, d += LB__PW, x += lds) {
            const LB__V u = c < cols ? lb__vget(x, cols - c) : lb__vset(0.0f), v = c + LB__W < cols ? lb__vget(x + LB__W, cols - c - LB__W) : lb__vset(0.0f);
            lb__vstore(d, u); lb__vstore(d + LB__W, v); s0 = lb__vadd(s0, u); s1 = lb__vadd(s1, v);
        }
        if (sum && c < cols) lb__vput(sum + c, lb__vadd(lb__vget(sum + c, cols - c), s0), cols - c);
        if (sum && c + LB__W < cols) lb__vput(sum + c + LB__W, lb__vadd(lb__vget(sum + c + LB__W, cols - c - LB__W), s1), cols - c - LB__W);
    }
}
LB__TARGET static void LB__FN(lb__copy)(float *dst, size_t ldd, const float *src, size_t lds, size_t rows, size_t cols, float s) {
    size_t c; const LB__V v = lb__vset(s);
    for (; rows; rows--, dst += ldd, src += lds) {
        for (c = 0; c + LB__W <= cols; c += LB__W) lb__vstore(dst + c, lb__vmul(lb__vload(src + c), v));
        if (c < cols) lb__vput(dst + c, lb__vmul(lb__vget(src + c, cols - c), v), cols - c);
    }
}

LB__TARGET LB__INLINE void LB__FN(lb__epilogue_act)(const lb__gemm *g, const float *tile, size_t m0, size_t rows, size_t n0, size_t cols, const lb_act act) {
    size_t r, c;
    if (cols == LB__PW && !g->pre) {                       /* two columns of vectors at a time, bias held in registers */
        for (c = 0; c < LB__PW; c += 2 * LB__W) {
            LB__V b0 = lb__vset(0.0f), b1 = b0; const float *t = tile + c, *add = g->add ? g->add + m0 * g->ldadd + n0 + c : NULL; float *y = g->c + m0 * g->ldc + n0 + c;
            if (g->bias) { b0 = lb__vload(g->bias + n0 + c); b1 = lb__vload(g->bias + n0 + c + LB__W); }
            for (r = 0; r < rows; r++, t += LB__PW, y += g->ldc) {
                LB__V v = LB__FN(lb__vact)(lb__vadd(lb__vload(t), b0), act), u = LB__FN(lb__vact)(lb__vadd(lb__vload(t + LB__W), b1), act);
                if (add) { v = lb__vadd(v, lb__vload(add)); u = lb__vadd(u, lb__vload(add + LB__W)); add += g->ldadd; }
                lb__vstore(y, v); lb__vstore(y + LB__W, u);
            }
        }
        return;
    }
    for (r = 0; r < rows; r++, tile += LB__PW) for (c = 0; c < cols; c += LB__W) {
        size_t n = cols - c; LB__V v = lb__vload(tile + c);
        if (g->bias) v = lb__vadd(v, lb__vget(g->bias + n0 + c, n));
        if (g->pre) lb__vput(g->pre + (m0 + r) * g->ldpre + n0 + c, v, n);
        v = LB__FN(lb__vact)(v, act);
        if (g->add) v = lb__vadd(v, lb__vget(g->add + (m0 + r) * g->ldadd + n0 + c, n));
        lb__vput(g->c + (m0 + r) * g->ldc + n0 + c, v, n);
    }
}
LB__TARGET static void LB__FN(lb__epilogue)(const lb__gemm *g, const float *tile, size_t m0, size_t rows, size_t n0, size_t cols) {
    if (g->act == LB_ACT_GELU) LB__FN(lb__epilogue_act)(g, tile, m0, rows, n0, cols, LB_ACT_GELU);
    else if (g->act == LB_ACT_QUICK_GELU) LB__FN(lb__epilogue_act)(g, tile, m0, rows, n0, cols, LB_ACT_QUICK_GELU);
    else LB__FN(lb__epilogue_act)(g, tile, m0, rows, n0, cols, LB_ACT_NONE);
}

/* dst[cols,rows] = src[rows,cols]^T */
LB__TARGET static void LB__FN(lb__transpose)(float *dst, size_t ldd, const float *src, size_t lds, size_t rows, size_t cols) {
    size_t r = 0, c, i;
#if LB__KERNEL_PASS == 3
    for (; r + 4 <= rows; r += 16) for (c = 0; c < cols; c += 16) {
        const float *p = src + r * lds + c; float *q = dst + c * ldd + r; const size_t n = cols - c < 16 ? cols - c : 16, h = rows - r < 16 ? rows - r : 16;
        __m512 u[16], v[16]; const __mmask16 m = (__mmask16)((1u << n) - 1), w = (__mmask16)((1u << h) - 1);
        LB__UNROLL for (i = 0; i < 16; i++) u[i] = i < h ? _mm512_maskz_loadu_ps(m, p + i * lds) : _mm512_setzero_ps();
        LB__UNROLL for (i = 0; i < 16; i += 2) { v[i] = _mm512_unpacklo_ps(u[i], u[i + 1]); v[i + 1] = _mm512_unpackhi_ps(u[i], u[i + 1]); }
        LB__UNROLL for (i = 0; i < 16; i += 4) {
            u[i]     = _mm512_shuffle_ps(v[i], v[i + 2], 0x44);     u[i + 1] = _mm512_shuffle_ps(v[i], v[i + 2], 0xee);
            u[i + 2] = _mm512_shuffle_ps(v[i + 1], v[i + 3], 0x44); u[i + 3] = _mm512_shuffle_ps(v[i + 1], v[i + 3], 0xee);
        }
        LB__UNROLL for (i = 0; i < 4; i++) {
            __m512 a = _mm512_shuffle_f32x4(u[i], u[i + 4], 0x88), b = _mm512_shuffle_f32x4(u[i], u[i + 4], 0xdd);
            __m512 e = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0x88), f = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0xdd);
            v[i] = _mm512_shuffle_f32x4(a, e, 0x88); v[i + 8] = _mm512_shuffle_f32x4(a, e, 0xdd);
            v[i + 4] = _mm512_shuffle_f32x4(b, f, 0x88); v[i + 12] = _mm512_shuffle_f32x4(b, f, 0xdd);
        }
        LB__UNROLL for (i = 0; i < 16; i++) if (i < n) _mm512_mask_storeu_ps(q + i * ldd, w, v[i]);
    }
#elif LB__KERNEL_PASS == 2
    for (; r + 4 <= rows; r += 8) {
        const size_t h = rows - r < 8 ? rows - r : 8; const __m256i w = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)h), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        for (c = 0; c + 8 <= cols; c += 8) {
            const float *p = src + r * lds + c; float *q = dst + c * ldd + r; __m256 u[8], v[8];
            LB__UNROLL for (i = 0; i < 8; i++) u[i] = i < h ? _mm256_loadu_ps(p + i * lds) : _mm256_setzero_ps();
            LB__UNROLL for (i = 0; i < 8; i += 2) { v[i] = _mm256_unpacklo_ps(u[i], u[i + 1]); v[i + 1] = _mm256_unpackhi_ps(u[i], u[i + 1]); }
            LB__UNROLL for (i = 0; i < 8; i += 4) {
                u[i]     = _mm256_shuffle_ps(v[i], v[i + 2], 0x44);     u[i + 1] = _mm256_shuffle_ps(v[i], v[i + 2], 0xee);
                u[i + 2] = _mm256_shuffle_ps(v[i + 1], v[i + 3], 0x44); u[i + 3] = _mm256_shuffle_ps(v[i + 1], v[i + 3], 0xee);
            }
            LB__UNROLL for (i = 0; i < 4; i++) { v[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20); v[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31); }
            if (h == 8) { LB__UNROLL for (i = 0; i < 8; i++) _mm256_storeu_ps(q + i * ldd, v[i]); }          /* a store under a mask takes many steps on some processors */
            else { LB__UNROLL for (i = 0; i < 8; i++) _mm256_maskstore_ps(q + i * ldd, w, v[i]); }
        }
        for (; c < cols; c++) for (i = 0; i < h; i++) dst[c * ldd + r + i] = src[(r + i) * lds + c];
    }
#endif
    for (; r + 4 <= rows; r += 4) for (c = 0; c < cols; c++) for (i = 0; i < 4; i++) dst[c * ldd + r + i] = src[(r + i) * lds + c];
    for (; r < rows; r++) for (c = 0; c < cols; c++) dst[c * ldd + r] = src[r * lds + c];
}

LB__TARGET static void LB__FN(lb__widen)(float *dst, const void *src, lb_dtype type, size_t n) {
    const uint16_t *h = (const uint16_t *)src; size_t i = 0;
    if (type == LB_F32) { if (n) memmove(dst, src, n * sizeof(float)); return; }
    if (LB__WIDE(type)) for (; i + LB__W <= n; i += LB__W) lb__vstore(dst + i, lb__vwide(h, i, type));
    if (type == LB_F16) for (; i < n; i++) dst[i] = lb__f16_f32(h[i]);
    else for (; i < n; i++) dst[i] = lb__bf16_f32(h[i]);
}

LB__TARGET static void LB__FN(lb__act)(float *y, const float *x, lb_act act, size_t n) {
    size_t i;
    if (act == LB_ACT_GELU) for (i = 0; i < n; i += LB__W) lb__vput(y + i, LB__FN(lb__vact)(lb__vget(x + i, n - i), LB_ACT_GELU), n - i);
    else if (act == LB_ACT_QUICK_GELU) for (i = 0; i < n; i += LB__W) lb__vput(y + i, LB__FN(lb__vact)(lb__vget(x + i, n - i), LB_ACT_QUICK_GELU), n - i);
    else if (n) memmove(y, x, n * sizeof(float));
}
LB__TARGET static void LB__FN(lb__act_bwd)(float *dx, const float *dy, const float *x, lb_act act, size_t n) {
    size_t i;
    if (act == LB_ACT_GELU) for (i = 0; i < n; i += LB__W) lb__vput(dx + i, lb__vmul(lb__vget(dy + i, n - i), LB__FN(lb__vact_grad)(lb__vget(x + i, n - i), LB_ACT_GELU)), n - i);
    else if (act == LB_ACT_QUICK_GELU) for (i = 0; i < n; i += LB__W) lb__vput(dx + i, lb__vmul(lb__vget(dy + i, n - i), LB__FN(lb__vact_grad)(lb__vget(x + i, n - i), LB_ACT_QUICK_GELU)), n - i);
    else if (n) memmove(dx, dy, n * sizeof(float));
}

/* One row.  Two passes over it: the second sums squares of differences, so nothing cancels. */
LB__TARGET static void LB__FN(lb__layernorm)(float *y, float *mean, float *rstd, const float *x, const float *w, const float *b, float eps, size_t C) {
    size_t c, whole = C / LB__W * LB__W; LB__V s0 = lb__vset(0.0f), s1 = s0, m; double s; float mu, r;
    for (c = 0; c + LB__W < whole; c += 2 * LB__W) { s0 = lb__vadd(s0, lb__vload(x + c)); s1 = lb__vadd(s1, lb__vload(x + c + LB__W)); }
    for (; c < C; c += LB__W) s0 = lb__vadd(s0, lb__vget(x + c, C - c));
    s = lb__vsum(lb__vadd(s0, s1));
    mu = (float)(s / (double)C); m = lb__vset(mu);
    s0 = s1 = lb__vset(0.0f);
    for (c = 0; c + LB__W < whole; c += 2 * LB__W) {
        LB__V d = lb__vsub(lb__vload(x + c), m), e = lb__vsub(lb__vload(x + c + LB__W), m);
        s0 = lb__vfma(d, d, s0); s1 = lb__vfma(e, e, s1);
    }
    for (; c < whole; c += LB__W) { LB__V d = lb__vsub(lb__vload(x + c), m); s0 = lb__vfma(d, d, s0); }
    s = lb__vsum(lb__vadd(s0, s1));
    for (; c < C; c++) { float d = x[c] - mu; s += d * d; }
    r = (float)(1.0 / sqrt(s / (double)C + eps));
    {
        LB__V k = lb__vset(r);
        for (c = 0; c < C; c += LB__W) { size_t n = C - c; lb__vput(y + c, lb__vfma(lb__vmul(lb__vsub(lb__vget(x + c, n), m), k), lb__vget(w + c, n), lb__vget(b + c, n)), n); }
    }
    if (mean) { *mean = mu; *rstd = r; }
}
LB__TARGET static void LB__FN(lb__layernorm_bwd)(float *dx, float *dw, float *db, const float *dy, const float *x, const float *w, float mean, float rstd, size_t C) {
    LB__V m = lb__vset(mean), r = lb__vset(rstd), sg = lb__vset(0.0f), sh = sg; size_t c;
    for (c = 0; c < C; c += LB__W) {
        size_t n = C - c; LB__V d = lb__vget(dy + c, n), h = lb__vmul(lb__vsub(lb__vget(x + c, n), m), r), g;
        if (dw) { lb__vput(dw + c, lb__vfma(d, h, lb__vget(dw + c, n)), n); lb__vput(db + c, lb__vadd(d, lb__vget(db + c, n)), n); }
        g = lb__vmul(d, lb__vget(w + c, n));                                 /* past the end d is 0, so nothing is added there */
        sg = lb__vadd(sg, g); sh = lb__vfma(g, h, sh);
    }
    if (!dx) return;
    sg = lb__vset((float)(lb__vsum(sg) / (double)C)); sh = lb__vset((float)(lb__vsum(sh) / (double)C));
    for (c = 0; c < C; c += LB__W) {
        size_t n = C - c; LB__V h = lb__vmul(lb__vsub(lb__vget(x + c, n), m), r), g = lb__vmul(lb__vget(dy + c, n), lb__vget(w + c, n));
        g = lb__vsub(lb__vsub(g, sg), lb__vmul(h, sh));
        lb__vput(dx + c, lb__vfma(g, r, lb__vget(dx + c, n)), n);
    }
}

/* x = exp(x - shift); returns the sum */
LB__TARGET static float LB__FN(lb__exps)(float *x, float shift, size_t n) {
    size_t i; LB__V s = lb__vset(0.0f); const LB__V m = lb__vset(shift);
    for (i = 0; i < n; i += LB__W) {
        const LB__V e = lb__vexp(lb__vsub(lb__vget(x + i, n - i), m));
        lb__vput(x + i, e, n - i); s = lb__vadd(s, lb__vkeep(e, n - i));
    }
    return (float)lb__vsum(s);
}
/* Largest of a row; NaN anywhere may be lost here but comes back through the exponentials. */
LB__TARGET static float LB__FN(lb__top)(const float *x, size_t n) {
    size_t i; float top = -INFINITY;
    if (n >= LB__W) {                                       /* the last vector reaches back into the one before */
        LB__V m = lb__vload(x + n - LB__W);
        for (i = 0; i + LB__W <= n; i += LB__W) m = lb__vmax(lb__vload(x + i), m);
        return lb__vtop(m);
    }
    for (i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}
LB__TARGET static void LB__FN(lb__scale)(float *y, float s, size_t n) {
    size_t i; LB__V v = lb__vset(s);
    for (i = 0; i < n; i += LB__W) lb__vput(y + i, lb__vmul(lb__vget(y + i, n - i), v), n - i);
}
LB__TARGET static float LB__FN(lb__softmax)(float *x, size_t n) {
    float m = LB__FN(lb__top)(x, n), s;
    if (!(m > -INFINITY)) m = 0;                            /* a row of -inf only: 0/0, a NaN as it should be */
    s = LB__FN(lb__exps)(x, m, n);
    LB__FN(lb__scale)(x, 1.0f / s, n);
    return m + logf(s);
}
LB__TARGET static void LB__FN(lb__softmax_bwd)(float *g, const float *p, float dot, float s, size_t n) {
    size_t i; LB__V d = lb__vset(dot), k = lb__vset(s);
    for (i = 0; i < n; i += LB__W) lb__vput(g + i, lb__vmul(lb__vmul(lb__vget(p + i, n - i), k), lb__vsub(lb__vget(g + i, n - i), d)), n - i);
}
LB__TARGET static void LB__FN(lb__axpy)(float *y, float s, const float *x, size_t n) {
    size_t i; LB__V v = lb__vset(s);
    for (i = 0; i < n; i += LB__W) lb__vput(y + i, lb__vfma(v, lb__vget(x + i, n - i), lb__vget(y + i, n - i)), n - i);
}
/* In pieces of 1024, each summed in f32 lanes and added up in double. */
LB__TARGET static double LB__FN(lb__dot)(const float *x, const float *y, size_t n) {
    double sum = 0; size_t b, i;
    for (b = 0; b < n; b += 1024) {
        size_t e = n - b < 1024 ? n : b + 1024; LB__V s = lb__vset(0.0f);
        for (i = b; i < e; i += LB__W) s = lb__vfma(lb__vget(x + i, n - i), lb__vget(y + i, n - i), s);
        sum += lb__vsum(s);
    }
    return sum;
}

LB__TARGET static void LB__FN(lb__adamw)(float *p, float *m, float *v, float *g, const lb__adam *a, size_t n) {
    const LB__V b1 = lb__vset(a->beta1), c1 = lb__vset(1 - a->beta1), b2 = lb__vset(a->beta2), c2 = lb__vset(1 - a->beta2), clip = lb__vset(a->clip), decay = lb__vset(a->decay), rate = lb__vset(-a->rate), root = lb__vset(a->root), eps = lb__vset(a->eps); size_t i;
    for (i = 0; i < n; i += LB__W) {
        const LB__V d = lb__vmul(lb__vget(g + i, n - i), clip), mi = lb__vfma(c1, d, lb__vmul(b1, lb__vget(m + i, n - i))), vi = lb__vfma(lb__vmul(c2, d), d, lb__vmul(b2, lb__vget(v + i, n - i)));
        lb__vput(m + i, mi, n - i); lb__vput(v + i, vi, n - i); lb__vput(g + i, lb__vset(0.0f), n - i);
        lb__vput(p + i, lb__vfma(rate, lb__vdiv(mi, lb__vfma(lb__vsqrt(vi), root, eps)), lb__vmul(lb__vget(p + i, n - i), decay)), n - i);
    }
}

#define LB__KERNEL_SET(name, split_rows, split_block, tiles, tiles_on) { name, LB__ROWS, LB__WIDE(LB_F16) << LB_F16 | LB__WIDE(LB_BF16) << LB_BF16, LB__FN(lb__slab_r), LB__FN(lb__slab_c), split_rows, split_block, tiles, tiles_on, LB__FN(lb__strips), LB__FN(lb__block), LB__FN(lb__copy), LB__FN(lb__epilogue), \
    LB__FN(lb__transpose), LB__FN(lb__widen), LB__FN(lb__act), LB__FN(lb__act_bwd), LB__FN(lb__layernorm), LB__FN(lb__layernorm_bwd), LB__FN(lb__softmax), LB__FN(lb__top), LB__FN(lb__exps), LB__FN(lb__softmax_bwd), \
    LB__FN(lb__axpy), LB__FN(lb__scale), LB__FN(lb__dot), LB__FN(lb__adamw) }
#if LB__KERNEL_PASS == 3
LB__TABLE const lb__kernels lb__kernels_avx512 = LB__KERNEL_SET("avx512", NULL, NULL, NULL, NULL);
#  ifdef LB__TILES
LB__TABLE const lb__kernels lb__kernels_amx = LB__KERNEL_SET("amx", lb__split_rows_amx, lb__split_block_amx, lb__tiles_amx, lb__tiles_on_amx);
#  endif
#elif LB__KERNEL_PASS == 2
LB__TABLE const lb__kernels lb__kernels_avx2 = LB__KERNEL_SET("avx2", NULL, NULL, NULL, NULL);
#elif LB__KERNEL_PASS == 1
LB__TABLE const lb__kernels lb__kernels_neon = LB__KERNEL_SET("neon", NULL, NULL, NULL, NULL);
#else
LB__TABLE const lb__kernels lb__kernels_scalar = LB__KERNEL_SET("scalar", NULL, NULL, NULL, NULL);
#endif
#undef LB__KERNEL_SET
#undef LB__TILE_TARGET
#undef LB__MAGIC
#undef LB__FN
#undef LB__TARGET
#undef LB__V
#undef LB__W
#undef LB__ROWS
#undef LB__EACH_ROW
#undef lb__vload
#undef lb__vstore
#undef lb__vset
#undef lb__vadd
#undef lb__vsub
#undef lb__vmul
#undef lb__vdiv
#undef lb__vsqrt
#undef lb__vfma
#undef lb__vmax
#undef lb__vmin
#undef lb__vless
#undef lb__vpow2
#undef lb__vwide
#undef LB__WIDE
#undef lb__vget
#undef lb__vput
#undef lb__vkeep
#undef lb__vsum
#undef lb__vtop
#undef lb__vexp
#undef lb__vtail
#endif /* end of the kernel pass */

#ifndef LB__KERNEL_PASS
#if defined(LANGUAGEBIND_IMPLEMENTATION) && !defined(LB__IMPLEMENTED)
/* The tables belong to this file.  The tests' many programs share one compilation of them (tests/kernels.c): there LB__TABLE is empty, and the
 * programs say LB__KERNELS_APART. */
#ifdef LB__KERNELS_APART
extern const lb__kernels lb__kernels_scalar;
#  ifdef LB__ARM
extern const lb__kernels lb__kernels_neon;
#  endif
#  ifdef LB__X86
extern const lb__kernels lb__kernels_avx2, lb__kernels_avx512;
#  endif
#  ifdef LB__TILES
extern const lb__kernels lb__kernels_amx;
#  endif
#else
#ifndef LB__TABLE
#  define LB__TABLE static
#endif
#define LB__KERNEL_PASS 0
#include LB_HEADER_NAME
#undef LB__KERNEL_PASS
#ifdef LB__ARM
#  define LB__KERNEL_PASS 1
#  include LB_HEADER_NAME
#  undef LB__KERNEL_PASS
#endif
#ifdef LB__X86
#  define LB__KERNEL_PASS 2
#  include LB_HEADER_NAME
#  undef LB__KERNEL_PASS
#  define LB__KERNEL_PASS 3
#  include LB_HEADER_NAME
#  undef LB__KERNEL_PASS
#endif
#endif /* LB__KERNELS_APART */

/* The table of a set, NULL when this build or this machine has not got it. */
static const lb__kernels *lb__kernels_of(int set) {
    if (!(lb__cpu_sets() >> set & 1)) return NULL;
#ifdef LB__ARM
    if (set == LB__SET_NEON) return &lb__kernels_neon;
#endif
#ifdef LB__X86
    if (set == LB__SET_AVX2) return &lb__kernels_avx2;
    if (set == LB__SET_AVX512) return &lb__kernels_avx512;
#endif
#ifdef LB__TILES
    if (set == LB__SET_AMX) return &lb__kernels_amx;
#endif
    return &lb__kernels_scalar;
}
/* The best set, or the one that LB_CPU names if it is there; another word changes nothing. */
static const lb__kernels *lb__kernels_best(void) {
    const char *want = getenv("LB_CPU"); const lb__kernels *k; int i;
    if (want) for (i = 0; i < LB__SETS; i++) if ((k = lb__kernels_of(i)) != NULL && !strcmp(k->name, want)) return k;
    for (i = LB__SETS - 1; (k = lb__kernels_of(i)) == NULL; ) i--;
    return k;
}
LB_API const char *lb_cpu_name(void) { return lb__kernels_best()->name; }

/* ---- 4.3 products ---- */

/* What a product is made of, for all of gemm, gemm_dx, gemm_dw and matmul. */
enum { LB__B_PANELS, LB__B_PANELS_T, LB__B_ROWS, LB__B_COLUMNS };      /* b [K,N] comes as: panels of [N,K]; panels of [K,N]; rows of [K,N]; rows of [N,K] */
typedef struct lb__prod {
    const lb__kernels *k;
    size_t M, N, K;
    const float *a; size_t lda; int ta;
    const void *b; size_t ldb; lb_dtype btype; int bkind;
    const lb__gemm *out;                                   /* where and how results are written ... */
    float *panels; size_t ldpanel;                         /* ... or: added to panels, 32 columns of ldpanel rows after another */
    float *sums;                                           /* b's columns are added up here on the way; may be NULL */
    size_t width;                                          /* k is taken in steps of `width` */
    size_t rows; int parts;                                /* rows of one item (lb_ctx.rows): tiles pay where they are many; parts that b is split into, 0 without tiles */
    size_t mblocks, mrows, groups, group, workers;         /* blocks of rows, groups of panels */
    size_t *next;                                          /* [mblocks] the group that is to be taken next */
    size_t worker_floats; float *work;
} lb__prod;

/* b's rows [k0, k0+kc), columns [n0, n0+32) as a block [kc][32], of f32, or of *type where that is not NULL and b lies so already */
static const float *lb__prod_slab(const lb__prod *p, size_t k0, size_t kc, size_t n0, float *sums, float *tmp, float *raw, lb_dtype *type) {
    size_t cols = LB__MIN((size_t)LB__PW, p->N - n0), k, es = lb_dtype_size(p->btype);
    if (p->bkind == LB__B_PANELS) {
        const char *w = (const char *)p->b + (n0 / LB__PW * p->K + k0) * LB__PW * es;
        if (type) *type = p->btype;
        if (type || p->btype == LB_F32) return (const float *)(const void *)w;
        p->k->widen(tmp, w, p->btype, kc * LB__PW);
    } else if (p->bkind == LB__B_PANELS_T) {
        if (cols < LB__PW) memset(tmp, 0, kc * LB__PW * sizeof(float));
        for (k = 0; k < kc; k += LB__PW) {
            const char *w = (const char *)p->b + ((k0 + k) / LB__PW * p->N + n0) * LB__PW * es; const float *f = (const float *)(const void *)w;
            if (p->btype != LB_F32) { p->k->widen(raw, w, p->btype, cols * LB__PW); f = raw; }
            p->k->transpose(tmp + k * LB__PW, LB__PW, f, LB__PW, cols, LB__MIN((size_t)LB__PW, kc - k));
        }
    } else if (p->bkind == LB__B_ROWS) p->k->block(tmp, sums, (const float *)p->b + k0 * p->ldb + n0, p->ldb, kc, cols);
    else {
        if (cols < LB__PW) memset(tmp, 0, kc * LB__PW * sizeof(float));
        p->k->transpose(tmp, LB__PW, (const float *)p->b + n0 * p->ldb + k0, p->ldb, cols, kc);
    }
    return tmp;
}
/* What of b is wanted after slice [k0, k0+kc) of panel q, to be fetched in the meantime: so many lines, `step` bytes apart. */
static const char *lb__prod_next(const lb__prod *p, size_t k0, size_t kc, size_t q, size_t p0, size_t p1, int once, size_t *lines, size_t *step) {
    const int last = k0 + kc == p->K; const size_t es = lb_dtype_size(p->btype), nq = q + 1 < p1 ? q + 1 : last ? p1 : p0, nk = q + 1 < p1 ? k0 : last ? 0 : k0 + kc; const char *b = (const char *)p->b;
    *lines = 0; *step = 64;
    if (p->bkind == LB__B_ROWS && q + 1 < p1) { *step = p->ldb * sizeof(float); *lines = kc; return b + (k0 * p->ldb + (q + 1) * LB__PW) * sizeof(float); }
    if (p->bkind != LB__B_PANELS) return b;
    if (once && p->group == 1) { *lines = kc * LB__PW * es / 64; return b + (q * p->K + k0) * LB__PW * es + LB__AHEAD; }         /* as fast as memory, which is read in one run */
    if (nq * LB__PW >= p->N) return b;
    *lines = LB__MIN(p->width, p->K - nk) * LB__PW * es / 64;
    return b + (nq * p->K + nk) * LB__PW * es;
}
/* Rows [m, m+n) of the left operand, [k0, k0+kc) of k, for tiles. */
static void lb__prod_split(const lb__prod *p, float *to, size_t m, size_t n, size_t k0, size_t kc) {
    const size_t high = p->panels ? n : (n + 15) & ~(size_t)15; size_t k; float turned[LB__PW * LB__PW];
    if (!p->ta) { p->k->split_rows(to, p->a + m * p->lda + k0, p->lda, n, high, kc); return; }
    for (k = 0; k < kc; k += LB__PW, to += high * LB__PW / 2 * 3) {
        const size_t some = LB__MIN((size_t)LB__PW, kc - k);
        p->k->transpose(turned, LB__PW, p->a + (k0 + k) * p->lda + m, p->lda, some, n);
        p->k->split_rows(to, turned, LB__PW, n, high, some);
    }
}
/* One block of rows by one group of 32-column panels.  For every slice of k the rows' slice stays in the second-level cache while the
 * panels' blocks pass by; sums wait in `acc` between slices.  `fresh`: the rows are not packed yet. */
static void lb__prod_task(lb__prod *p, size_t mb, size_t group, float *work, int fresh) {
    const size_t p0 = group * p->group, p1 = LB__MIN(p0 + p->group, (p->N + LB__PW - 1) / LB__PW), m0 = p->M * mb / p->mblocks, rows = p->M * (mb + 1) / p->mblocks - m0, strips = (rows + p->k->rows - 1) / p->k->rows; size_t step = 64;
    float *tmp = work, *raw = tmp + LB__KC * LB__PW, *acc = raw + LB__PW * LB__PW, *packed = acc + (p->panels ? 0 : p->group * p->mrows * LB__PW); size_t k0, q, s;
    for (k0 = 0; k0 == 0 || k0 < p->K; k0 += p->width) {
        const size_t kc = LB__MIN(p->width, p->K - k0); const int last = k0 + kc == p->K; float *a = packed + k0 * rows;
        if (fresh && p->ta) p->k->strips(a, p->a + k0 * p->lda + m0, p->lda, rows, kc);
        for (q = p0; q < p1; q++) {
            lb__slab b; const char *next; size_t lines; float *c = p->panels ? p->panels + (q * p->ldpanel + m0) * LB__PW : acc + (q - p0) * rows * LB__PW;
            b.type = LB_F32;
            b.b = lb__prod_slab(p, k0, kc, q * LB__PW, p->sums && !mb ? p->sums + q * LB__PW : NULL, tmp, raw, strips == 1 && p->k->narrow >> p->btype & 1 ? &b.type : NULL);          /* a weight that is used once is widened where it is used */
            b.kc = kc; b.cols = LB__MIN((size_t)LB__PW, p->N - q * LB__PW); b.ldc = LB__PW; b.load = p->panels || k0 > 0; b.out = NULL; b.ldout = 0; b.ldrows = p->lda;
            next = lb__prod_next(p, k0, kc, q, p0, p1, strips == 1, &lines, &step);
            for (s = 0; s < strips; s++) {
                const size_t r0 = rows * s / strips, n = rows * (s + 1) / strips - r0, pieces = (kc + LB__PW - 1) / LB__PW, piece = pieces * s / strips;
                if (fresh && !p->ta && q == p0) p->k->transpose(a + r0 * kc, n, p->a + (m0 + r0) * p->lda + k0, p->lda, n, kc);
                b.a = a + r0 * kc; b.rows = n; b.c = c + r0 * LB__PW;
                b.next = next + lines * s / strips * step; b.next_bytes = (lines * (s + 1) / strips - lines * s / strips) * step; b.next_step = step;
                if (p->bkind == LB__B_PANELS_T && q + 1 < p1 && piece < pieces * (s + 1) / strips) {                  /* a piece of what is turned next lies in one run */
                    b.next = (const char *)p->b + ((k0 / LB__PW + piece) * p->N + (q + 1) * LB__PW) * LB__PW * lb_dtype_size(p->btype);
                    b.next_bytes = LB__MIN((size_t)LB__PW, p->N - (q + 1) * LB__PW) * LB__PW * lb_dtype_size(p->btype);
                }
                b.rows_next = p->ta || !fresh ? NULL : q == p0 && s + 1 < strips ? p->a + (m0 + r0 + n) * p->lda + k0 : q + 1 == p1 && s + 1 == strips && !last ? p->a + m0 * p->lda + k0 + kc : NULL;
                if (p->panels) { b.out = s + 1 < strips ? b.c + n * LB__PW : q + 1 < p1 ? c + p->ldpanel * LB__PW : NULL; b.ldout = LB__PW; }     /* sums that the next strip takes up */
                else if (last) { b.out = p->out->c + (m0 + r0) * p->out->ldc + q * LB__PW; b.ldout = p->out->ldc; }
                p->k->slab_c(&b);
                if (last && !p->panels) p->k->epilogue(p->out, b.c, m0 + r0, n, q * LB__PW, b.cols);
            }
        }
    }
}
/* The same where tiles are multiplied: both operands are split into parts, and the kernel cuts the rows into strips itself. */
static void lb__prod_task_tiles(lb__prod *p, size_t mb, size_t group, float *work, int fresh) {
    const size_t p0 = group * p->group, p1 = LB__MIN(p0 + p->group, (p->N + LB__PW - 1) / LB__PW), m0 = p->M * mb / p->mblocks, rows = p->M * (mb + 1) / p->mblocks - m0, high = (rows + 15) & ~(size_t)15;
    float *tmp = work, *raw = tmp + LB__KC * LB__PW, *parts = raw + LB__PW * LB__PW, *acc = parts + LB__TILE_KC * LB__PW / 2 * 3, *packed = acc + (p->panels ? 0 : p->group * (p->mrows + 15) * LB__PW); size_t k0, q, r, lines;
    p->k->tiles_on(1);
    for (k0 = 0; k0 == 0 || k0 < p->K; k0 += p->width) {
        const size_t kc = LB__MIN(p->width, p->K - k0), deep = (kc + 31) / 32 * 48; float *a = packed + k0 * high / 2 * 3;
        if (fresh) for (r = 0; r < rows; r += 32) lb__prod_split(p, a + r * deep, m0 + r, LB__MIN((size_t)32, rows - r), k0, kc);
        for (q = p0; q < p1; q++) {
            lb__slab b;
            memset(&b, 0, sizeof b);
            p->k->split_block(parts, lb__prod_slab(p, k0, kc, q * LB__PW, p->sums && !mb ? p->sums + q * LB__PW : NULL, tmp, raw, NULL), kc, p->parts);
            b.a = a; b.rows = rows; b.b = parts; b.kc = kc; b.cols = LB__MIN((size_t)LB__PW, p->N - q * LB__PW); b.load = p->panels || k0 > 0; b.ldc = LB__PW;
            b.c = p->panels ? p->panels + (q * p->ldpanel + m0) * LB__PW : acc + (q - p0) * high * LB__PW;
            b.next = lb__prod_next(p, k0, kc, q, p0, p1, rows <= 32, &lines, &b.next_step); b.next_bytes = lines * b.next_step;
            p->k->tiles(&b, p->parts, !p->panels);
            if (k0 + kc == p->K && !p->panels) p->k->epilogue(p->out, b.c, m0, rows, q * LB__PW, b.cols);
        }
    }
    p->k->tiles_on(0);
}
/* Panels of [K,N] as panels of [N,K], for a product that would turn every block many times. */
typedef struct lb__turn { const lb__prod *p; float *to; } lb__turn;
static void lb__prod_turn(void *arg, size_t begin, size_t end, int worker) {
    const lb__turn *t = (const lb__turn *)arg; size_t k; float raw[LB__PW * LB__PW];
    (void)worker;
    for (; begin < end; begin++) for (k = 0; k < t->p->K; k += LB__KC) lb__prod_slab(t->p, k, LB__MIN((size_t)LB__KC, t->p->K - k), begin * LB__PW, NULL, t->to + (begin * t->p->K + k) * LB__PW, raw, NULL);
}
/* Each worker begins with a block of rows of its own, which it packs for itself, and helps with those of others when it is done. */
static void lb__prod_work(void *arg, size_t begin, size_t end, int worker) {
    lb__prod *p = (lb__prod *)arg; size_t i, g;
    for (; begin < end; begin++) for (i = 0; i < p->mblocks; i++) {
        const size_t mb = (begin * p->mblocks / p->workers + i) % p->mblocks; int fresh = 1;
        for (; (g = lb__take(&p->next[mb], 1)) < p->groups; fresh = 0) {
            if (p->parts) lb__prod_task_tiles(p, mb, g, p->work + (size_t)worker * p->worker_floats, fresh);
            else lb__prod_task(p, mb, g, p->work + (size_t)worker * p->worker_floats, fresh);
        }
    }
}
static lb_status lb__prod_run(lb_ctx *ctx, lb__prod *p) {
    lb__mark mark = lb__arena_mark(ctx); const size_t panels = (p->N + LB__PW - 1) / LB__PW; lb_status s = LB_OK; lb__turn turn; size_t i, best, even = 1, slices, deep;
    if (!p->M || !p->N) return LB_OK;
    p->k = ctx->kernels;
    if (p->bkind == LB__B_PANELS_T && p->M > 2 * LB__MC) {
        turn.p = p;
        if ((turn.to = lb__arena_f32(ctx, panels * LB__PW, p->K)) == NULL) return LB_ERR_MEM;
        lb_parallel_for(ctx, panels, 1, lb__prod_turn, &turn);
        p->b = turn.to; p->btype = LB_F32; p->bkind = LB__B_PANELS;
    }
    p->workers = (double)p->M * (double)p->N * (double)p->K < 2e5 ? 1 : (size_t)ctx->threads;
    p->parts = !p->k->tiles || p->rows < LB__TILE_ROWS || p->K < LB__TILE_K ? 0 : p->btype == LB_F32 ? 3 : p->btype == LB_F16 ? 2 : 1;
    deep = p->parts ? LB__TILE_KC : LB__KC;
    slices = LB__MAX((p->K + deep - 1) / deep, (size_t)1);
    p->width = LB__MAX((((p->K + slices - 1) / slices) + 31) & ~(size_t)31, (size_t)32);                 /* even slices, a multiple of 32 for transposed panels */
    /* Turned panels are turned once for all rows of a block, so that blocks are higher, and workers share out columns. */
    p->mblocks = p->bkind == LB__B_PANELS_T ? 1 : (p->M + LB__MC - 1) / LB__MC;
    if (p->M >= p->workers * 96 && p->bkind != LB__B_PANELS_T) p->mblocks = (p->mblocks + p->workers - 1) / p->workers * p->workers;         /* as many rows for every worker */
    p->mrows = (p->M + p->mblocks - 1) / p->mblocks;
    /* One strip of rows reads every weight once: panel after panel, the whole of k.  More rows reuse their slice over a group of panels. */
    p->group = p->M <= 16 ? 1 : LB__GROUP;
    if (p->workers > 1) while (p->group > 1 && (panels + p->group - 1) / p->group * p->mblocks < p->workers * (p->bkind == LB__B_PANELS_T ? 2 : 4)) p->group--;
    for (i = p->group, best = SIZE_MAX; p->workers > 1 && i && 2 * i >= p->group; i--) {                         /* the size that leaves the busiest worker the least */
        const size_t tasks = (panels + i - 1) / i * p->mblocks, load = (tasks + p->workers - 1) / p->workers * i;
        if (load < best) { best = load; even = i; }
    }
    if (p->workers > 1) p->group = even;
    p->groups = (panels + p->group - 1) / p->group;
    p->worker_floats = (LB__KC * LB__PW + LB__PW * LB__PW + (p->panels ? 0 : p->group * p->mrows * LB__PW) + p->mrows * p->K + 31) & ~(size_t)15;
    if (p->parts) p->worker_floats = LB__KC * LB__PW + LB__PW * LB__PW + LB__TILE_KC * LB__PW / 2 * 3 + (p->mrows + 15) * ((p->panels ? 0 : p->group * LB__PW) + (p->K + 31) / 32 * 48);
    if ((p->work = lb__arena_f32(ctx, p->workers, p->worker_floats)) == NULL || (p->next = (size_t *)lb__arena(ctx, p->mblocks, sizeof *p->next)) == NULL) s = LB_ERR_MEM;
    else {
        memset(p->next, 0, p->mblocks * sizeof *p->next);
        if (p->workers == 1) lb__prod_work(p, 0, 1, 0);
        else lb_parallel_for(ctx, p->workers, 1, lb__prod_work, p);
    }
    lb__arena_rewind(ctx, mark);
    return s;
}

static lb_status lb__gemm_run(lb_ctx *ctx, const lb__gemm *g) {
    lb__prod p;
    LB_ASSERT(g->lda >= g->K && g->ldc >= g->N && (g->wtype == LB_F32 || g->wtype == LB_F16 || g->wtype == LB_BF16));
    memset(&p, 0, sizeof p);
    p.M = g->M; p.N = g->N; p.K = g->K; p.a = g->a; p.lda = g->lda; p.b = g->w; p.btype = g->wtype; p.bkind = LB__B_PANELS; p.rows = ctx->rows;
    p.out = g;
    return lb__prod_run(ctx, &p);
}
/* gemm_dx  dx = dy w [+ dx if add]             dy [M,N], w [N,K] panels, dx [M,K] */
static lb_status lb__gemm_dx(lb_ctx *ctx, float *dx, size_t lddx, int add, const float *dy, size_t lddy, const void *w, lb_dtype wtype, size_t M, size_t N, size_t K) {
    lb__prod p; lb__gemm g;
    LB_ASSERT(lddx >= K && lddy >= N);
    memset(&p, 0, sizeof p); memset(&g, 0, sizeof g);
    p.M = M; p.N = K; p.K = N; p.a = dy; p.lda = lddy; p.b = w; p.btype = wtype; p.bkind = LB__B_PANELS_T; p.rows = M;
    g.c = dx; g.ldc = lddx; g.add = add ? dx : NULL; g.ldadd = lddx; p.out = &g;
    return lb__prod_run(ctx, &p);
}
enum { LB__TALL = LB__KC * 8 };                            /* a sum over many rows is taken in parts, so that what is packed stays small */
/* gemm_dw  dw += dy^T x,  db += sum_m dy       dy [M,N], x [M,K], dw [N,K] panels f32, db [N] or NULL */
static lb_status lb__gemm_dw(lb_ctx *ctx, float *dw, float *db, const float *dy, size_t lddy, const float *x, size_t ldx, size_t M, size_t N, size_t K) {
    size_t m;
    LB_ASSERT(lddy >= N && ldx >= K);
    for (m = 0; m < M; m += LB__TALL) {
        lb__prod p;
        memset(&p, 0, sizeof p);
        p.M = K; p.N = N; p.K = LB__MIN((size_t)LB__TALL, M - m); p.a = x + m * ldx; p.lda = ldx; p.ta = 1; p.b = dy + m * lddy; p.ldb = lddy; p.btype = LB_F32; p.bkind = LB__B_ROWS; p.rows = p.K;
        p.panels = dw; p.ldpanel = K; p.sums = db;
        LB__TRY(lb__prod_run(ctx, &p));
    }
    return LB_OK;
}
/* matmul  c (+)= op(a) op(b)                    op(a) [M,K], op(b) [K,N], c [M,N]; ta: a is stored [K,M]; tb: b is stored [N,K]; `add`: += */
static lb_status lb__matmul(lb_ctx *ctx, float *c, size_t ldc, int add, const float *a, size_t lda, int ta, const float *b, size_t ldb, int tb, size_t M, size_t N, size_t K) {
    lb__prod p; lb__gemm g; size_t k;
    memset(&p, 0, sizeof p); memset(&g, 0, sizeof g);
    p.M = M; p.N = N; p.K = K; p.a = a; p.lda = lda; p.ta = ta; p.b = b; p.ldb = ldb; p.btype = LB_F32; p.bkind = tb ? LB__B_COLUMNS : LB__B_ROWS;
    g.c = c; g.ldc = ldc; g.ldadd = ldc;
    if (add) g.add = c;
    p.out = &g;
    if (!ta) return lb__prod_run(ctx, &p);
    for (k = 0; k == 0 || k < K; k += LB__TALL) {
        p.K = LB__MIN((size_t)LB__TALL, K - k); p.a = a + k * lda; p.b = b + (tb ? k : k * ldb);
        LB__TRY(lb__prod_run(ctx, &p));
        g.add = c;
    }
    return LB_OK;
}

/* ---- 4.4 attention ---- */

static void lb__attn_seq(const lb__attn *a, size_t s, size_t *row, size_t *stride, size_t *len) {
    if (a->offset) { *row = a->offset[s]; *stride = 1; *len = a->offset[s + 1] - a->offset[s]; return; }
    *row = s / a->inner * a->inner * a->T + s % a->inner; *stride = a->inner; *len = a->T;
}

/* ---- 4.5 rows and vectors ---- */

typedef struct lb__rows_job {
    const lb__kernels *k; size_t N, C, block, ldx, ldy, ldd; lb_act act; float s, eps;
    float *y; const float *x, *d, *w, *b, *mu, *rs; float *mean, *rstd, *dw;
} lb__rows_job;
/* A grain of about 16k elements, in whole rows. */
static size_t lb__rows_grain(size_t C) { return LB__MAX((size_t)16384 / LB__MAX(C, (size_t)1), (size_t)1); }

static void lb__layernorm_rows(void *arg, size_t begin, size_t end, int worker) {
    lb__rows_job *j = (lb__rows_job *)arg; size_t n;
    (void)worker;
    for (n = begin; n < end; n++) j->k->layernorm(j->y + n * j->ldy, j->mean ? j->mean + n : NULL, j->mean ? j->rstd + n : NULL, j->x + n * j->ldx, j->w, j->b, j->eps, j->C);
}
/* layernorm  y = (x - mean) * rstd * w + b,  rstd = 1/sqrt(var + eps), biased variance        [N,C] -> [N,C]; mean, rstd [N] or NULL */
static void lb__layernorm(lb_ctx *ctx, float *y, size_t ldy, float *mean, float *rstd, const float *x, size_t ldx, const float *w, const float *b, float eps, size_t N, size_t C) {
    lb__rows_job j;
    memset(&j, 0, sizeof j);
    j.k = ctx->kernels; j.C = C; j.y = y; j.ldy = ldy; j.mean = mean; j.rstd = rstd; j.x = x; j.ldx = ldx; j.w = w; j.b = b; j.eps = eps;
    lb_parallel_for(ctx, N, lb__rows_grain(C), lb__layernorm_rows, &j);
}
static void lb__layernorm_bwd_rows(void *arg, size_t begin, size_t end, int worker) {
    lb__rows_job *j = (lb__rows_job *)arg; size_t i, n;
    (void)worker;
    for (i = begin; i < end; i++) {
        float *dw = j->dw ? j->dw + i * 2 * j->C : NULL;
        if (dw) memset(dw, 0, 2 * j->C * sizeof(float));
        for (n = i * j->block; n < LB__MIN((i + 1) * j->block, j->N); n++)
            j->k->layernorm_bwd(j->y ? j->y + n * j->ldy : NULL, dw, dw ? dw + j->C : NULL, j->d + n * j->ldd, j->x + n * j->ldx, j->w, j->mu[n], j->rs[n], j->C);
    }
}
/* layernorm_bwd  with h = (x - mean) rstd and g = dy w:   dx += rstd (g - mean_c(g) - h mean_c(g h)),   dw += sum_n dy h,   db += sum_n dy
 * dx, or dw and db together, may be NULL.  Rows are summed in blocks of 64, then block after block, whoever computed them. */
static lb_status lb__layernorm_bwd(lb_ctx *ctx, float *dx, size_t lddx, float *dw, float *db, const float *dy, size_t lddy, const float *x, size_t ldx, const float *w,
                                   const float *mean, const float *rstd, size_t N, size_t C) {
    lb__mark mark = lb__arena_mark(ctx); lb__rows_job j; size_t blocks = (N + 63) / 64, i;
    memset(&j, 0, sizeof j);
    if (dw && (j.dw = lb__arena_f32(ctx, blocks * 2, C)) == NULL) return LB_ERR_MEM;
    j.k = ctx->kernels; j.N = N; j.C = C; j.block = 64; j.y = dx; j.ldy = lddx; j.d = dy; j.ldd = lddy; j.x = x; j.ldx = ldx; j.w = w; j.mu = mean; j.rs = rstd;
    lb_parallel_for(ctx, blocks, 1, lb__layernorm_bwd_rows, &j);
    if (dw) for (i = 0; i < blocks; i++) { j.k->axpy(dw, 1.0f, j.dw + i * 2 * C, C); j.k->axpy(db, 1.0f, j.dw + (i * 2 + 1) * C, C); }
    lb__arena_rewind(ctx, mark);
    return LB_OK;
}
static void lb__act_piece(void *arg, size_t begin, size_t end, int worker) {
    lb__rows_job *j = (lb__rows_job *)arg;
    (void)worker;
    if (j->d) j->k->act_bwd(j->y + begin, j->d + begin, j->x + begin, j->act, end - begin);
    else j->k->act(j->y + begin, j->x + begin, j->act, end - begin);
}
/* act  y = act(x); y may be x.     act_bwd  dx = dy act'(x); overwrites, and dx may be dy */
static void lb__act_run(lb_ctx *ctx, float *y, const float *x, lb_act act, size_t n) {
    lb__rows_job j;
    memset(&j, 0, sizeof j);
    j.k = ctx->kernels; j.y = y; j.x = x; j.act = act;
    lb_parallel_for(ctx, n, 16384, lb__act_piece, &j);
}
static void lb__act_bwd(lb_ctx *ctx, float *dx, const float *dy, const float *x, lb_act act, size_t n) {
    lb__rows_job j;
    memset(&j, 0, sizeof j);
    j.k = ctx->kernels; j.y = dx; j.d = dy; j.x = x; j.act = act;
    lb_parallel_for(ctx, n, 16384, lb__act_piece, &j);
}
enum { LB__SUM_COLS = 256 };
static void lb__sum_columns(void *arg, size_t begin, size_t end, int worker) {
    lb__rows_job *j = (lb__rows_job *)arg; size_t i, n, r; float t[LB__SUM_COLS];
    (void)worker;
    for (i = begin; i < end; i++) {
        size_t c0 = i * LB__SUM_COLS, cols = LB__MIN((size_t)LB__SUM_COLS, j->C - c0);
        for (n = 0; n < j->N; n += 64) {
            memset(t, 0, sizeof t);
            for (r = n; r < LB__MIN(n + 64, j->N); r++) j->k->axpy(t, 1.0f, j->x + r * j->ldx + c0, cols);
            j->k->axpy(j->y + c0, 1.0f, t, cols);
        }
    }
}
/* sum_rows  y += sum_n x                        x [N,C], y [C]: the gradient of a bias */
static lb_status lb__sum_rows(lb_ctx *ctx, float *y, const float *x, size_t ldx, size_t N, size_t C) {
    lb__rows_job j;
    memset(&j, 0, sizeof j);
    j.k = ctx->kernels; j.y = y; j.x = x; j.ldx = ldx; j.N = N; j.C = C;
    lb_parallel_for(ctx, (C + LB__SUM_COLS - 1) / LB__SUM_COLS, 1, lb__sum_columns, &j);
    return LB_OK;
}
/* softmax of one row in place; returns log(sum(exp(x))) */
static float lb__softmax(lb_ctx *ctx, float *x, size_t n) { return ctx->kernels->softmax(x, n); }
static void lb__axpy_piece(void *arg, size_t begin, size_t end, int worker) {
    lb__rows_job *j = (lb__rows_job *)arg;
    (void)worker;
    if (j->x) j->k->axpy(j->y + begin, j->s, j->x + begin, end - begin);
    else j->k->scale(j->y + begin, j->s, end - begin);
}
/* Vectors: y += s x,  y += x,  y *= s,  sum(x y) */
static void lb__vec_axpy(lb_ctx *ctx, float *y, float s, const float *x, size_t n) {
    lb__rows_job j;
    memset(&j, 0, sizeof j);
    j.k = ctx->kernels; j.y = y; j.x = x; j.s = s;
    lb_parallel_for(ctx, n, 32768, lb__axpy_piece, &j);
}
static void   lb__vec_add(lb_ctx *ctx, float *y, const float *x, size_t n) { lb__vec_axpy(ctx, y, 1.0f, x, n); }
static void   lb__vec_scale(lb_ctx *ctx, float *y, float s, size_t n) { lb__vec_axpy(ctx, y, s, NULL, n); }
static double lb__vec_dot(lb_ctx *ctx, const float *x, const float *y, size_t n) { return ctx->kernels->dot(x, y, n); }

/* One sequence and head at a time, over the threads: its keys are transposed into blocks [channel][32 keys], its values copied into panels
 * [key][32 channels], and the queries pass in strips: scores, exponentials and the weighted sum all stay near.  A row's result depends on its
 * own sequence only; what the causal mask hides is an exact zero.
 * The backward makes the probabilities again from the log-sum-exp that the forward kept:
 *   G = do v^T,  dS = P (G - do.o) scale,   dq += dS k,   dk += dS^T q,   dv += P^T do */
enum { LB__STRIP = 48, LB__STRIP_BWD = 96 };
typedef struct lb__attn_job {
    const lb__kernels *k; const lb__attn *a; size_t floats, dslices, tslices, keys, dpanels; float *work;
    const float *g; float *dq, *dk, *dv; int fresh;        /* backward only */
} lb__attn_job;

/* x[T,D] -> [panel of 32 rows][channel][32], zeros behind the last row, unless they are there from the last time;
 * x[rows,D] -> [panel of 32 channels][ldp rows][32];   s x -> [slice][strip][LB__LDP] */
static void lb__attn_turn(const lb__kernels *kn, float *d, const float *x, size_t ld, size_t T, size_t D, int zeros) {
    size_t p;
    for (p = 0; p * LB__PW < T; p++) {
        const size_t cols = LB__MIN((size_t)LB__PW, T - p * LB__PW);
        if (cols < LB__PW && !zeros) memset(d + p * D * LB__PW, 0, D * LB__PW * sizeof(float));
        kn->transpose(d + p * D * LB__PW, LB__PW, x + p * LB__PW * ld, ld, cols, D);
    }
}
static void lb__attn_cut(const lb__kernels *kn, float *d, size_t ldp, const float *x, size_t ld, size_t rows, size_t D) {
    size_t y;
    for (y = 0; y * LB__PW < D; y++) kn->block(d + y * ldp * LB__PW, NULL, x + y * LB__PW, ld, rows, LB__MIN((size_t)LB__PW, D - y * LB__PW));
}
static void lb__attn_rows(const lb__kernels *kn, float *d, size_t strip, const float *x, size_t ld, size_t rows, size_t D, float s) {
    size_t y;
    for (y = 0; y < D; y += LB__KC) kn->copy(d + y / LB__KC * strip * LB__LDP, LB__LDP, x + y, ld, rows, LB__MIN((size_t)LB__KC, D - y), s);
}
/* out[rows, seen] = q k^T, in slices of LB__KC columns */
static void lb__attn_scores(const lb__kernels *kn, float *out, size_t strip, const float *q, const float *kt, size_t rows, size_t seen, size_t D) {
    lb__slab b; size_t x, y;
    memset(&b, 0, sizeof b); b.rows = rows; b.ldc = LB__LDP;
    for (x = 0; x < seen; x += LB__PW) for (y = 0; y < D; y += LB__KC) {
        b.a = q + y / LB__KC * strip * LB__LDP; b.b = kt + (x / LB__PW * D + y) * LB__PW; b.kc = LB__MIN((size_t)LB__KC, D - y); b.load = y > 0;
        b.c = out + x / LB__KC * strip * LB__LDP + x % LB__KC; b.cols = LB__MIN((size_t)LB__PW, seen - x);
        kn->slab_r(&b);
    }
}
/* acc[rows,cols] = p[rows, seen] v, for one panel of channels */
static void lb__attn_sum(const lb__kernels *kn, float *acc, size_t strip, const float *p, const float *v, size_t rows, size_t seen, size_t cols) {
    lb__slab b; size_t x;
    memset(&b, 0, sizeof b); b.rows = rows; b.ldc = LB__PW; b.c = acc; b.cols = cols;
    for (x = 0; x < seen; x += LB__KC) { b.a = p + x / LB__KC * strip * LB__LDP; b.b = v + x * LB__PW; b.kc = LB__MIN((size_t)LB__KC, seen - x); b.load = x > 0; kn->slab_r(&b); }
}
static void lb__attn_task(void *arg, size_t begin, size_t end, int worker) {
    lb__attn_job *j = (lb__attn_job *)arg; const lb__attn *a = j->a; const lb__kernels *kn = j->k; const int causal = a->causal && !a->pooled; size_t D = a->D, t, x, y, i, r;
    float *kt = j->work + (size_t)worker * j->floats, *vp = kt + j->keys * D, *qs = vp + j->dpanels * j->keys * LB__PW, *ps = qs + j->dslices * LB__STRIP * LB__LDP, *acc = ps + j->tslices * LB__STRIP * LB__LDP;
    for (t = begin; t < end; t++) {
        size_t s = t / a->H, hd = t % a->H * D, row, stride, T, Q;
        lb__attn_seq(a, s, &row, &stride, &T);
        if (!T) continue;
        Q = a->pooled ? 1 : T;
        lb__attn_turn(kn, kt, a->k + row * a->ld + hd, stride * a->ld, T, D, t > begin && !a->offset);
        lb__attn_cut(kn, vp, T, a->v + row * a->ld + hd, stride * a->ld, T, D);
        for (i = 0; i < Q; i += LB__STRIP) {
            size_t rows = LB__MIN((size_t)LB__STRIP, Q - i), seen = causal ? i + rows : T, q0 = a->pooled ? s : row + i * stride, qstep = a->pooled ? 1 : stride; float inv[LB__STRIP];
            lb__attn_rows(kn, qs, LB__STRIP, a->q + q0 * a->ldq + hd, qstep * a->ldq, rows, D, a->scale);
            lb__attn_scores(kn, ps, LB__STRIP, qs, kt, rows, seen, D);
            for (r = 0; r < rows; r++) {
                size_t len = causal ? i + r + 1 : T; float m = -INFINITY, sum = 0;
                for (x = 0; x < len; x += LB__KC) { const float top = kn->top(ps + (x / LB__KC * LB__STRIP + r) * LB__LDP, LB__MIN((size_t)LB__KC, len - x)); m = LB__MAX(m, top); }
                if (!(m > -INFINITY)) m = 0;
                for (x = 0; x < seen; x += LB__KC) {
                    float *p = ps + (x / LB__KC * LB__STRIP + r) * LB__LDP; size_t w = LB__MIN((size_t)LB__KC, seen - x), live = len > x ? LB__MIN(w, len - x) : 0;
                    if (live) sum += kn->exps(p, m, live);
                    if (live < w) memset(p + live, 0, (w - live) * sizeof(float));
                }
                inv[r] = 1.0f / sum;
                if (a->lse) a->lse[(q0 + r * qstep) * a->H + t % a->H] = m + logf(sum);
            }
            for (y = 0; y < j->dpanels; y++) {
                size_t cols = LB__MIN((size_t)LB__PW, D - y * LB__PW);
                lb__attn_sum(kn, acc, LB__STRIP, ps, vp + y * T * LB__PW, rows, seen, cols);
                for (r = 0; r < rows; r++) kn->copy(a->o + (q0 + r * qstep) * a->ldo + hd + y * LB__PW, 0, acc + r * LB__PW, 0, 1, cols, inv[r]);
            }
        }
    }
}
static void lb__attn_bwd_task(void *arg, size_t begin, size_t end, int worker) {
    enum { S = LB__STRIP_BWD };
    lb__attn_job *j = (lb__attn_job *)arg; const lb__attn *a = j->a; const lb__kernels *kn = j->k; const size_t D = a->D, wide = j->dpanels * LB__PW; size_t t, x, y, i, r; lb__slab b;
    float *kt = j->work + (size_t)worker * j->floats, *vt = kt + j->keys * D, *kp = vt + j->keys * D, *dk = kp + j->keys * wide, *dv = dk + j->keys * wide, *qs = dv + j->keys * wide, *gs = qs + j->dslices * S * LB__LDP,
          *qp = gs + j->dslices * S * LB__LDP, *gp = qp + S * wide, *P = gp + S * wide, *G = P + j->tslices * S * LB__LDP, *turned = G + j->tslices * S * LB__LDP, *acc = turned + (LB__KC + 16) * S;
    const int causal = a->causal && !a->pooled;
    memset(&b, 0, sizeof b); b.ldc = LB__PW;
    for (t = begin; t < end; t++) {
        size_t s = t / a->H, hd = t % a->H * D, row, stride, T, Q;
        lb__attn_seq(a, s, &row, &stride, &T);
        if (!T) continue;
        Q = a->pooled ? 1 : T;
        lb__attn_turn(kn, kt, a->k + row * a->ld + hd, stride * a->ld, T, D, t > begin && !a->offset);
        lb__attn_turn(kn, vt, a->v + row * a->ld + hd, stride * a->ld, T, D, t > begin && !a->offset);
        lb__attn_cut(kn, kp, T, a->k + row * a->ld + hd, stride * a->ld, T, D);
        if (causal) memset(dk, 0, 2 * j->keys * wide * sizeof(float));         /* the first queries see only some of the keys */
        for (i = 0; i < Q; i += S) {
            const size_t rows = LB__MIN((size_t)S, Q - i), seen = causal ? i + rows : T, q0 = a->pooled ? s : row + i * stride, qstep = a->pooled ? 1 : stride;
            const float *q = a->q + q0 * a->ldq + hd, *g = j->g + q0 * a->ldo + hd, *o = a->o + q0 * a->ldo + hd;
            lb__attn_rows(kn, qs, S, q, qstep * a->ldq, rows, D, a->scale); lb__attn_cut(kn, qp, S, q, qstep * a->ldq, rows, D);
            lb__attn_rows(kn, gs, S, g, qstep * a->ldo, rows, D, 1.0f);     lb__attn_cut(kn, gp, S, g, qstep * a->ldo, rows, D);
            lb__attn_scores(kn, P, S, qs, kt, rows, seen, D);
            lb__attn_scores(kn, G, S, gs, vt, rows, seen, D);
            for (r = 0; r < rows; r++) {
                const size_t len = causal ? i + r + 1 : T; const float dot = (float)kn->dot(g + r * qstep * a->ldo, o + r * qstep * a->ldo, D), lse = a->lse[(q0 + r * qstep) * a->H + t % a->H];
                for (x = 0; x < seen; x += LB__KC) {
                    const size_t at = (x / LB__KC * S + r) * LB__LDP, w = LB__MIN((size_t)LB__KC, seen - x), live = len > x ? LB__MIN(w, len - x) : 0;
                    if (live) { kn->exps(P + at, lse, live); kn->softmax_bwd(G + at, P + at, dot, a->scale, live); }
                    if (live < w) { memset(P + at + live, 0, (w - live) * sizeof(float)); memset(G + at + live, 0, (w - live) * sizeof(float)); }
                }
            }
            for (y = 0; y < j->dpanels; y++) {
                const size_t cols = LB__MIN((size_t)LB__PW, D - y * LB__PW); float *dq = j->dq + q0 * a->ldq + hd + y * LB__PW;
                lb__attn_sum(kn, acc, S, G, kp + y * T * LB__PW, rows, seen, cols);
                if (j->fresh & 1) kn->copy(dq, qstep * a->ldq, acc, LB__PW, rows, cols, 1.0f);
                else for (r = 0; r < rows; r++) kn->axpy(dq + r * qstep * a->ldq, 1.0f, acc + r * LB__PW, cols);
            }
            b.kc = rows; b.a = turned; b.load = causal || i > 0;
            for (x = 0; x < seen; x += LB__KC) {
                b.rows = LB__MIN((size_t)LB__KC, seen - x);
                kn->strips(turned, G + x / LB__KC * S * LB__LDP, LB__LDP, b.rows, rows);
                for (y = 0; y < j->dpanels; y++) { b.b = qp + y * S * LB__PW; b.cols = LB__MIN((size_t)LB__PW, D - y * LB__PW); b.c = dk + (y * j->keys + x) * LB__PW; kn->slab_c(&b); }
                kn->strips(turned, P + x / LB__KC * S * LB__LDP, LB__LDP, b.rows, rows);
                for (y = 0; y < j->dpanels; y++) { b.b = gp + y * S * LB__PW; b.cols = LB__MIN((size_t)LB__PW, D - y * LB__PW); b.c = dv + (y * j->keys + x) * LB__PW; kn->slab_c(&b); }
            }
        }
        for (y = 0; y < j->dpanels && j->fresh & 2; y++) {
            const size_t at = row * a->ld + hd + y * LB__PW, cols = LB__MIN((size_t)LB__PW, D - y * LB__PW);
            kn->copy(j->dk + at, stride * a->ld, dk + y * j->keys * LB__PW, LB__PW, T, cols, 1.0f); kn->copy(j->dv + at, stride * a->ld, dv + y * j->keys * LB__PW, LB__PW, T, cols, 1.0f);
        }
        if (!(j->fresh & 2)) for (i = 0; i < T; i++) for (y = 0; y < j->dpanels; y++) {
            const size_t at = (row + i * stride) * a->ld + hd + y * LB__PW, cols = LB__MIN((size_t)LB__PW, D - y * LB__PW);
            kn->axpy(j->dk + at, 1.0f, dk + (y * j->keys + i) * LB__PW, cols); kn->axpy(j->dv + at, 1.0f, dv + (y * j->keys + i) * LB__PW, cols);
        }
    }
}
static lb_status lb__attn_run(lb_ctx *ctx, lb__attn_job *j, int backward) {
    const lb__attn *a = j->a; lb__mark mark = lb__arena_mark(ctx); size_t s, tasks = a->S * a->H, T = a->T, strip = backward ? LB__STRIP_BWD : LB__STRIP;
    if (!tasks) return LB_OK;
    j->k = ctx->kernels;
    if (a->offset) for (T = 0, s = 0; s < a->S; s++) T = LB__MAX(T, a->offset[s + 1] - a->offset[s]);
    j->keys = (T + LB__PW - 1) / LB__PW * LB__PW; j->dpanels = (a->D + LB__PW - 1) / LB__PW; j->dslices = (a->D + LB__KC - 1) / LB__KC; j->tslices = (j->keys + LB__KC - 1) / LB__KC;
    j->floats = j->keys * a->D + j->dpanels * j->keys * LB__PW + (j->dslices + j->tslices) * strip * LB__LDP + strip * LB__PW;
    if (backward) j->floats += j->keys * a->D + 2 * j->dpanels * (j->keys + strip) * LB__PW + (j->dslices + j->tslices) * strip * LB__LDP + (LB__KC + 16) * strip;
    j->floats = (j->floats + 15) & ~(size_t)15;
    if ((j->work = lb__arena_f32(ctx, (size_t)ctx->threads, j->floats)) == NULL) return LB_ERR_MEM;
    lb_parallel_for(ctx, tasks, LB__MAX(tasks / ((size_t)ctx->threads * 8), (size_t)1), backward ? lb__attn_bwd_task : lb__attn_task, j);
    lb__arena_rewind(ctx, mark);
    return LB_OK;
}
static lb_status lb__attention(lb_ctx *ctx, const lb__attn *a) {
    lb__attn_job j;
    memset(&j, 0, sizeof j); j.a = a;
    return lb__attn_run(ctx, &j, 0);
}
/* dq, dk, dv (same shapes and strides as q, k, v) += their gradients; do_ as o; needs o and lse of the forward.  What is fresh (1: dq,
 * 2: dk and dv) is written instead. */
static lb_status lb__attention_bwd(lb_ctx *ctx, const lb__attn *a, const float *do_, float *dq, float *dk, float *dv, int fresh) {
    lb__attn_job j;
    memset(&j, 0, sizeof j); j.a = a; j.g = do_; j.dq = dq; j.dk = dk; j.dv = dv; j.fresh = fresh;
    return lb__attn_run(ctx, &j, 1);
}
/* Row-major f32 [N,K] into panels (the padding becomes zero), and panels of any weight type back into row-major f32. */
static void lb__pack_panels(float *dst, const float *src, size_t ld, size_t N, size_t K) {
    size_t n, rows;
    for (n = 0; n < N; n += LB_PANEL_WIDTH) {
        rows = LB__MIN((size_t)LB_PANEL_WIDTH, N - n);
        if (rows < LB_PANEL_WIDTH) memset(dst + n * K, 0, LB_PANEL_WIDTH * K * sizeof(float));
        lb__kernels_scalar.transpose(dst + n * K, LB_PANEL_WIDTH, src + n * ld, ld, rows, K);
    }
}
static void lb__unpack_panels(float *dst, size_t ld, const void *src, lb_dtype type, size_t N, size_t K) {
    size_t n, k;
    for (n = 0; n < N; n++) for (k = 0; k < K; k++) dst[n * ld + k] = lb__weight_at(src, type, lb__panel_index(n, k, K));
}
/* f32, f16 or bf16 to f32, and f32 to f32, f16 or bf16 (round to nearest even) */
static void lb__widen(float *dst, const void *src, lb_dtype type, size_t n) { lb__kernels_scalar.widen(dst, src, type, n); }
static void lb__narrow(void *dst, lb_dtype type, const float *src, size_t n) {
    size_t i;
    if (type == LB_F32) { if (n) memmove(dst, src, n * sizeof(float)); }
    else for (i = 0; i < n; i++) ((uint16_t *)dst)[i] = type == LB_F16 ? lb__f32_f16(src[i]) : lb__f32_bf16(src[i]);
}

/* ==== 5 >>tensor =================================================================================================================
 * Views of memory, the making of a context, arrays from .npy and .csv.
 * Calls: base, parallel, cpu, kernels (their choice).  Held by: tests/test_base.c, tests/test_npy.c */

LB_API size_t lb_tensor_count(const lb_tensor *t) { size_t n = t != NULL; int i; for (i = 0; t && i < t->ndim; i++) n *= t->shape[i]; return n; }
LB_API size_t lb_tensor_stored(const lb_tensor *t) {
    if (t && t->layout == LB_PANEL && t->ndim == 2) return (t->shape[0] + LB_PANEL_WIDTH - 1) / LB_PANEL_WIDTH * LB_PANEL_WIDTH * t->shape[1];
    return lb_tensor_count(t);
}

LB_API lb_status lb_ctx_new(const lb_ctx_desc *desc, lb_ctx **out) {
    lb_ctx *c; const lb_limits d = lb_limits_default(); lb_ctx_desc z;
    LB__POINTERS(out);
    *out = NULL;
    memset(&z, 0, sizeof z);
    if (desc) z = *desc;
    if (z._zero0 || z._zero1) return lb__fail(LB_ERR_ARG, "lb_ctx_new: the description was not zeroed before its fields were set");
    if (z.threads < 0 || z.threads > 4096) return lb__fail(LB_ERR_ARG, "lb_ctx_new: %d threads asked for, 0 to 4096 were expected", z.threads);
    c = (lb_ctx *)lb__alloc(1, sizeof *c);
    if (!c) return LB_ERR_MEM;
#define LB__DEFAULT(field) c->limits.field = z.limits.field ? z.limits.field : d.field
    LB__DEFAULT(max_pixels); LB__DEFAULT(max_side); LB__DEFAULT(max_samples); LB__DEFAULT(max_frames); LB__DEFAULT(max_tensors); LB__DEFAULT(max_text); LB__DEFAULT(max_nesting); LB__DEFAULT(max_spool);
#undef LB__DEFAULT
    c->threads = z.threads; c->pool = z.pool; c->pool_user = z.pool_user;
#ifdef _OPENMP
    if (!c->threads) c->threads = omp_get_max_threads();
#else
    if (!c->pool) c->threads = 1;
#endif
    if (!c->threads) c->threads = 1;
    c->kernels = lb__kernels_best();
    *out = c;
    return LB_OK;
}
LB_API void lb_ctx_free(lb_ctx *c) {
    if (!c) return;
    lb__arena_drop(c);
    lb__release(c);
}

/* ---- 5.3 arrays of one's own: new, .npy, .csv ----
 * Held by: tests/test_npy.c, tests/fuzz/npy.c, tests/fuzz/csv.c */

LB_API lb_status lb_tensor_new(lb_dtype dtype, int ndim, const size_t *shape, lb_tensor *out) {
    lb_tensor t; size_t n = 1; int i;
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(out && (shape || ndim <= 0));
    memset(&t, 0, sizeof t);
    if (!lb_dtype_size(dtype) || ndim < 0 || ndim > LB_MAX_DIMS) return lb__fail(LB_ERR_ARG, "a tensor of type %d with %d axes was asked for, a known type and 0 to %d axes were expected", (int)dtype, ndim, LB_MAX_DIMS);
    for (i = 0; i < ndim; i++) { t.shape[i] = shape[i]; if (!lb__mul(n, shape[i], &n)) return lb__fail(LB_ERR_MEM, "out of memory: a tensor's %d axes multiply to more than the address space", ndim); }
    t.dtype = dtype; t.ndim = ndim;
    t.data = lb__alloc(n, lb_dtype_size(dtype));
    if (!t.data) return LB_ERR_MEM;
    *out = t;
    return LB_OK;
}
LB_API void lb_tensor_free(lb_tensor *t) {
    if (!t) return;
    lb__release(t->data); lb__release(t->grad);
    memset(t, 0, sizeof *t);
}
LB__INLINE int lb__finite(float v) { return (lb__f32_bits(v) & 0x7f800000) != 0x7f800000; }
/* n elements from index `first` of any numeric type as f32. */
static void lb__to_f32(float *out, const void *data, lb_dtype type, size_t first, size_t n) {
    size_t i;
#define LB__CONVERT(T, expr) { const T *p = (const T *)data + first; for (i = 0; i < n; i++) out[i] = (float)(expr); } break
    switch (type) {
    case LB_F32:  memcpy(out, (const float *)data + first, n * 4); break;
    case LB_F16:  LB__CONVERT(uint16_t, lb__f16_f32(p[i]));
    case LB_BF16: LB__CONVERT(uint16_t, lb__bf16_f32(p[i]));
    case LB_F64:  LB__CONVERT(double, p[i]);
    case LB_I8:   LB__CONVERT(int8_t, p[i]);
    case LB_U8: case LB_BOOL: LB__CONVERT(uint8_t, p[i]);
    case LB_I16:  LB__CONVERT(int16_t, p[i]);
    case LB_U16:  LB__CONVERT(uint16_t, p[i]);
    case LB_I32:  LB__CONVERT(int32_t, p[i]);
    case LB_U32:  LB__CONVERT(uint32_t, p[i]);
    case LB_I64:  LB__CONVERT(int64_t, p[i]);
    case LB_U64:  LB__CONVERT(uint64_t, p[i]);
    }
#undef LB__CONVERT
}
LB_API lb_status lb_tensor_f32(lb_tensor *t) {
    size_t n = lb_tensor_stored(t); float *f;
    LB__POINTERS(t && (t->data || !n));
    if (t->dtype == LB_F32) return LB_OK;
    if (!lb_dtype_size(t->dtype)) return lb__fail(LB_ERR_ARG, "lb_tensor_f32: element type %d is not known", (int)t->dtype);
    f = (float *)lb__alloc(n, sizeof *f);
    if (!f) return LB_ERR_MEM;
    lb__to_f32(f, t->data, t->dtype, 0, n);
    lb__release(t->data);
    t->data = f; t->dtype = LB_F32;
    return LB_OK;
}

/* .npy: \x93NUMPY, version u8 u8, header length u16 (version 1) or u32 (2, 3), then a Python dictionary padded with blanks up to a line feed,
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * then the elements.  descr: byte order < > = or | (none), kind f i u b, bytes an element. */
static const struct { lb_dtype dtype; char name[3]; } lb__npy_types[] = {
    { LB_F16, "f2" }, { LB_F32, "f4" }, { LB_F64, "f8" }, { LB_I8, "i1" }, { LB_I16, "i2" }, { LB_I32, "i4" }, { LB_I64, "i8" },
    { LB_U8, "u1" }, { LB_U16, "u2" }, { LB_U32, "u4" }, { LB_U64, "u8" }, { LB_BOOL, "b1" } };
typedef struct lb__npy_head { lb_dtype dtype; int swap, fortran, ndim; size_t shape[LB_MAX_DIMS], count; } lb__npy_head;

/* The dictionary's text, read up to `at`. */
typedef struct lb__npy_text { const char *begin, *at, *end; } lb__npy_text;
static const char *lb__npy_next(lb__npy_text *t) { t->at += lb__blanks(t->at, (size_t)(t->end - t->at)); return t->at; }       /* at the next character that is no blank, or the end */
static int lb__npy_take(lb__npy_text *t, char c) { if (lb__npy_next(t) == t->end || *t->at != c) return 0; t->at++; return 1; }
static int lb__npy_quoted(const lb__npy_text *t) { return t->at < t->end && (*t->at == '\'' || *t->at == '"'); }
/* What stands in the quotes at t->at, and its length; without a closing quote all to the end. */
static const char *lb__npy_string(lb__npy_text *t, size_t *len, int *closed) {
    const char quote = *t->at++, *s = t->at;
    while (t->at < t->end && *t->at != quote) t->at++;
    *len = (size_t)(t->at - s); *closed = t->at < t->end;
    if (*closed) t->at++;
    return s;
}
static lb_status lb__npy_wants(const lb__npy_text *t, const char *what) { return lb__fail(LB_ERR_FORMAT, "npy: header byte %zu: %s", (size_t)(t->at - t->begin), what); }
static lb_status lb__npy_descr(lb__npy_text *t, lb__npy_head *h) {
    const char *d; char order; size_t i, len; int closed;
    if (!lb__npy_quoted(t)) return lb__fail(LB_ERR_UNSUPPORTED, "npy: holds records; plain numbers were expected");
    d = lb__npy_string(t, &len, &closed);
    if (!closed) return lb__fail(LB_ERR_FORMAT, "npy: the element type is not closed by a quote");
    order = len == 3 ? d[0] : 0;
    for (i = 0; i < LB__COUNT(lb__npy_types) && (len != 3 || memcmp(d + 1, lb__npy_types[i].name, 2)); i++) {}
    if (i == LB__COUNT(lb__npy_types) || (order != '<' && order != '>' && order != '=' && order != '|'))
        return lb__fail(LB_ERR_UNSUPPORTED, "npy: elements of type '%.*s'; f2 f4 f8, i1 to i8, u1 to u8 or b1 were expected", (int)LB__MIN(len, (size_t)32), d);
    h->dtype = lb__npy_types[i].dtype;
    h->swap = lb_dtype_size(h->dtype) > 1 && (order == '>' ? lb__host_little() : order == '<' ? !lb__host_little() : 0);
    return LB_OK;
}
static lb_status lb__npy_order(lb__npy_text *t, lb__npy_head *h) {
    const size_t left = (size_t)(t->end - t->at);
    if (left >= 4 && !memcmp(t->at, "True", 4)) { h->fortran = 1; t->at += 4; }
    else if (left >= 5 && !memcmp(t->at, "False", 5)) { h->fortran = 0; t->at += 5; }
    else return lb__npy_wants(t, "True or False was expected");
    return LB_OK;
}
static lb_status lb__npy_shape(lb__npy_text *t, lb__npy_head *h) {
    if (t->at == t->end || *t->at != '(') return lb__npy_wants(t, "a shape in parentheses was expected");
    t->at++;
    for (h->ndim = 0, h->count = 1; !lb__npy_take(t, ')'); ) {
        size_t v = 0;
        if (t->at == t->end || *t->at < '0' || *t->at > '9') return lb__npy_wants(t, "a size was expected in the shape");
        for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++)
            if (!lb__mul(v, 10, &v) || !lb__add(v, (size_t)(*t->at - '0'), &v)) return lb__fail(LB_ERR_FORMAT, "npy: axis %d is larger than this machine's address space", h->ndim);
        if (t->at < t->end && *t->at == 'L') t->at++;                /* a long of Python 2 */
        if (h->ndim == LB_MAX_DIMS) return lb__fail(LB_ERR_LIMIT, "npy: more than %d axes", LB_MAX_DIMS);
        h->shape[h->ndim++] = v;
        if (!lb__mul(h->count, v, &h->count)) return lb__fail(LB_ERR_FORMAT, "npy: the shape multiplies to more than this machine's address space");
        if (!lb__npy_take(t, ',') && (t->at == t->end || *t->at != ')')) return lb__npy_wants(t, "',' or ')' was expected in the shape");
    }
    return LB_OK;
}
static lb_status lb__npy_header(const char *p, const char *end, lb__npy_head *h) {
    static const struct { const char *key; lb_status (*read)(lb__npy_text *, lb__npy_head *); } keys[] = { { "descr", lb__npy_descr }, { "fortran_order", lb__npy_order }, { "shape", lb__npy_shape } };
    lb__npy_text t; unsigned seen = 0; size_t k;
    memset(h, 0, sizeof *h);
    h->count = 1; t.begin = t.at = p; t.end = end;
    if (!lb__npy_take(&t, '{')) return lb__fail(LB_ERR_FORMAT, "npy: the header does not begin with '{'");
    while (lb__npy_next(&t) == end || *t.at != '}') {
        const char *key; size_t len; int closed;
        if (!lb__npy_quoted(&t)) return lb__npy_wants(&t, "a quoted key was expected");
        key = lb__npy_string(&t, &len, &closed);
        if (!lb__npy_take(&t, ':')) return lb__npy_wants(&t, "':' was expected after the key");
        lb__npy_next(&t);
        for (k = 0; k < LB__COUNT(keys) && (len != strlen(keys[k].key) || memcmp(key, keys[k].key, len)); k++) {}
        if (k == LB__COUNT(keys)) return lb__fail(LB_ERR_FORMAT, "npy: the header has a key '%.*s'; descr, fortran_order and shape were expected", (int)LB__MIN(len, (size_t)32), key);
        LB__TRY(keys[k].read(&t, h));
        seen |= 1u << k;
        if (!lb__npy_take(&t, ',') && (t.at == end || *t.at != '}')) return lb__npy_wants(&t, "',' or '}' was expected");
    }
    for (k = 0; k < LB__COUNT(keys); k++) if (!(seen >> k & 1)) return lb__fail(LB_ERR_FORMAT, "npy: the header lacks its %s", keys[k].key);
    return LB_OK;
}
static void lb__swap_bytes(void *data, size_t width, size_t n) {
    uint8_t *p = (uint8_t *)data; size_t i, k;
    for (i = 0; i < n; i++, p += width) for (k = 0; k < width / 2; k++) { uint8_t t = p[k]; p[k] = p[width - 1 - k]; p[width - 1 - k] = t; }
}
LB_API lb_status lb_npy_decode(lb_ctx *ctx, const void *bytes, size_t size, lb_tensor *out) {
    const uint8_t *p = (const uint8_t *)bytes; lb__npy_head h; size_t at, len, need, width, i; lb_tensor t;
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && out && (bytes || !size));
    if (size < 10 || memcmp(p, "\x93NUMPY", 6)) return lb__fail(LB_ERR_FORMAT, "npy: the file does not begin with \\x93NUMPY");
    if (p[6] < 1 || p[6] > 3) return lb__fail(LB_ERR_UNSUPPORTED, "npy: version %d.%d, 1 to 3 were expected", p[6], p[7]);
    if (p[6] > 1 && size < 12) return lb__fail(LB_ERR_FORMAT, "npy: cut off inside the header length at byte %zu", size);
    at = p[6] == 1 ? 10 : 12;
    len = p[6] == 1 ? lb__u16le(p + 8) : lb__u32le(p + 8);
    if (len > size - at) return lb__fail(LB_ERR_FORMAT, "npy: the header should end at byte %llu, the file ends at %zu", (unsigned long long)len + at, size);
    LB__TRY(lb__npy_header((const char *)p + at, (const char *)p + at + len, &h));
    p += at + len; at += len;
    width = lb_dtype_size(h.dtype);
    if (!lb__mul(h.count, width, &need) || need > size - at)
        return lb__fail(LB_ERR_FORMAT, "npy: %zu elements of %zu bytes were announced, %zu bytes follow the header", h.count, width, size - at);
    LB__TRY(lb_tensor_new(h.dtype, h.ndim, h.shape, &t));
    if (!h.fortran || h.ndim < 2) { if (need) memcpy(t.data, p, need); }
    else {                                                               /* the first axis runs fastest: walk it in that order, write in ours */
        size_t stride[LB_MAX_DIMS], idx[LB_MAX_DIMS] = { 0 }, o = 0; int d;
        for (d = h.ndim - 1, stride[d] = 1; d > 0; d--) stride[d - 1] = stride[d] * h.shape[d];
        for (i = 0; i < h.count; i++) {
            memcpy((uint8_t *)t.data + o * width, p + i * width, width);
            for (d = 0; d < h.ndim; d++) { o += stride[d]; if (++idx[d] < h.shape[d]) break; o -= stride[d] * h.shape[d]; idx[d] = 0; }
        }
    }
    if (h.swap) lb__swap_bytes(t.data, width, h.count);
    *out = t;
    return LB_OK;
}

/* The end of the decimal number at p, or NULL.  No hexadecimal, no nan. */
static const char *lb__number_end(const char *p, const char *end) {
    int digits = 0;
    if (p < end && (*p == '-' || *p == '+')) p++;
    for (; p < end && *p >= '0' && *p <= '9'; p++) digits = 1;
    if (p < end && *p == '.') for (p++; p < end && *p >= '0' && *p <= '9'; p++) digits = 1;
    if (!digits) return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+')) p++;
        if (p == end || *p < '0' || *p > '9') return NULL;
        while (p < end && *p >= '0' && *p <= '9') p++;
    }
    return p;
}
/* What is no number but was meant as one, and so no name of a column (2m_wind is one): 0.1.2, --5, nan, -Inf. */
static int lb__like_number(const char *p, const char *end) {
    static const char *const words[] = { "nan", "inf", "infinity" }; size_t i, k; const char *q = p; int digits = 0;
    while (q < end && ((*q >= '0' && *q <= '9') || *q == '.' || *q == '-' || *q == '+' || *q == 'e' || *q == 'E')) digits |= *q >= '0' && *q <= '9', q++;
    if (q == end && digits) return 1;
    if (p < end && (*p == '-' || *p == '+')) p++;
    for (i = 0; i < LB__COUNT(words); i++) {
        for (k = 0; words[i][k] && p + k < end && (p[k] | 32) == words[i][k]; k++) {}
        if (!words[i][k] && p + k == end) return 1;
    }
    return 0;
}
LB_API lb_status lb_csv_decode(lb_ctx *ctx, const void *text, size_t size, lb_tensor *out) {
    const char *p = (const char *)text, *end; size_t line = 0, rows = 0, cols = 0, shape[2]; lb__buf b = { 0, 0, 0 }; lb_status s = LB_OK; lb_tensor t;
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && out && (text || !size));
    if (size > ctx->limits.max_text) return lb__fail(LB_ERR_LIMIT, "csv: %zu bytes, the limit is %zu", size, ctx->limits.max_text);
    end = p + size; p += lb__bom(p, size);
    while (p < end && !s) {
        const char *eol = p, *q, *cut; size_t n = 0;
        line++;
        while (eol < end && *eol != '\n' && *eol != '\r') eol++;
        for (cut = eol; cut > p && (cut[-1] == ' ' || cut[-1] == '\t'); cut--) {}
        q = p; p = eol < end ? eol + (*eol == '\r' && eol + 1 < end && eol[1] == '\n' ? 2 : 1) : end;
        while (q < cut && (*q == ' ' || *q == '\t')) q++;
        if (q == cut || *q == '#') continue;
        for (;;) {
            double v; float f; const char *r = lb__number_end(q, cut);
            if (r && r < cut && *r != ',' && *r != ';' && *r != '\t' && *r != ' ') r = NULL;
            v = r ? lb__decimal(q + (*q == '+'), (size_t)(r - q) - (*q == '+')) : 0;
            f = (float)v;
            if (!r || !(fabs(v) <= FLT_MAX)) {
                const char *e = q;
                while (e < cut && *e != ',' && *e != ';' && *e != '\t' && *e != ' ') e++;
                if (!rows && !r && !n && e > q && !lb__like_number(q, e)) { rows = 1; break; }      /* a line of names; `rows` remembers it until the numbers begin */
                s = lb__fail(LB_ERR_FORMAT, "csv: line %zu, field %zu: '%.*s' where a finite number was expected", line, n + 1, (int)LB__MIN(e - q, 40), q);
                goto done;
            }
            if ((s = lb__buf_add(&b, &f, sizeof f)) != LB_OK) goto done;
            n++; q = r;
            while (q < cut && (*q == ' ' || *q == '\t')) q++;
            if (q == cut) break;
            if (*q == ',' || *q == ';') { q++; while (q < cut && (*q == ' ' || *q == '\t')) q++; }
        }
        if (!n) continue;
        if (cols && n != cols) { s = lb__fail(LB_ERR_FORMAT, "csv: line %zu has %zu fields, %zu were expected", line, n, cols); goto done; }
        cols = n; rows = 1;
    }
    if (!cols) { s = lb__fail(LB_ERR_FORMAT, "csv: no row of numbers in %zu bytes", size); goto done; }
    shape[0] = b.size / sizeof(float) / cols; shape[1] = cols;
    if ((s = lb_tensor_new(LB_F32, 2, shape, &t)) != LB_OK) goto done;
    memcpy(t.data, b.data, b.size);
    *out = t;
done:
    lb__buf_free(&b);
    return s;
}

#ifndef LB_NO_STDIO
LB__LOADER(lb_npy_load, lb_npy_decode, lb_tensor)
LB__LOADER(lb_csv_load, lb_csv_decode, lb_tensor)

struct lb_npy { lb__writer file; lb__buf memory; lb_dtype dtype; int whole, ndim, waits; size_t shape[LB_MAX_DIMS], row, rows, head; lb_status broken; char why[512]; };      /* waits: all of it is in memory until the commit; broken: the first error of an append */

/* The header with `rows` in it, always as long as for the largest number, so that it can be written over.  Returns its length. */
static size_t lb__npy_head_write(const lb_npy *w, unsigned char out[512]) {
    char text[400]; size_t n, i, total; int d;
    for (i = 0; lb__npy_types[i].dtype != w->dtype; i++) {}
    n = lb__format(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", lb_dtype_size(w->dtype) == 1 ? '|' : '<', lb__npy_types[i].name);
    if (!w->whole) n += lb__format(text + n, sizeof text - n, "%zu,", w->rows);
    for (d = 0; d < w->ndim; d++) n += lb__format(text + n, sizeof text - n, d + 1 == w->ndim && d + !w->whole ? "%s%zu" : "%s%zu,", d || !w->whole ? " " : "", w->shape[d]);
    n += lb__format(text + n, sizeof text - n, "), }");
    total = (size_t)(80 + 22 * (w->ndim + !w->whole) + 10 + 63) / 64 * 64;
    memset(out, ' ', total);
    memcpy(out, "\x93NUMPY\x01", 8);
    lb__put16le(out + 8, (uint16_t)(total - 10));
    memcpy(out + 10, text, n);
    out[total - 1] = '\n';
    return total;
}
LB_API void lb_npy_abort(lb_npy *w) {
    if (!w) return;
    lb__writer_abort(&w->file); lb__buf_free(&w->memory);
    lb__release(w);
}
static lb_status lb__npy_put(lb_npy *w, const void *p, size_t n) { return w->waits ? lb__buf_add(&w->memory, p, n) : lb__writer_add(&w->file, p, n); }
static lb_status lb__npy_begin(const char *path, lb_dtype dtype, int whole, int ndim, const size_t *shape, lb_npy **out) {
    lb_npy *w; size_t i, n = lb_dtype_size(dtype); unsigned char head[512]; lb_status s; int d;
    *out = NULL;
    for (i = 0; i < LB__COUNT(lb__npy_types) && lb__npy_types[i].dtype != dtype; i++) {}
    if (i == LB__COUNT(lb__npy_types)) return lb__fail(LB_ERR_UNSUPPORTED, "%s: .npy has no type for %s elements", path, lb_dtype_name(dtype));
    if (ndim < 0 || ndim > LB_MAX_DIMS) return lb__fail(LB_ERR_ARG, "%s: %d axes, 0 to %d were expected", path, ndim, LB_MAX_DIMS);
    for (d = 0; d < ndim; d++) if (!lb__mul(n, shape[d], &n)) return lb__fail(LB_ERR_ARG, "%s: the shape multiplies to more than the address space", path);
    w = (lb_npy *)lb__alloc(1, sizeof *w);
    if (!w) return LB_ERR_MEM;
    w->dtype = dtype; w->whole = whole; w->ndim = ndim; w->row = n; w->waits = !strcmp(path, "-");
    for (d = 0; d < ndim; d++) w->shape[d] = shape[d];
    s = w->waits ? LB_OK : lb__writer_open(path, &w->file);
    if (!s && !w->waits) w->waits = !whole && lseek(w->file.fd, 0, SEEK_CUR) < 0;          /* a pipe takes the header first, and it has the number of rows */
    if (!s) { w->head = lb__npy_head_write(w, head); s = lb__npy_put(w, head, w->head); }
    if (s) { lb_npy_abort(w); return s; }
    *out = w;
    return LB_OK;
}
LB_API lb_status lb_npy_create(const char *path, lb_dtype dtype, int ndim, const size_t *shape, lb_npy **out) { LB__POINTERS(path && out && (shape || ndim <= 0)); return lb__npy_begin(path, dtype, 0, ndim, shape, out); }
static lb_status lb__npy_append(lb_npy *w, const void *rows, size_t n) {
    const uint8_t *p = (const uint8_t *)rows; size_t bytes; const size_t width = lb_dtype_size(w->dtype);
    if (!rows && n && w->row) return lb__fail(LB_ERR_ARG, "lb_npy_append: %zu rows at NULL", n);
    if (!lb__mul(w->row, n, &bytes) || w->rows > SIZE_MAX - n) return lb__fail(LB_ERR_ARG, "npy: %zu rows of %zu bytes do not fit in the address space", n, w->row);
    w->rows += n;
    if (lb__host_little() || width == 1) return lb__npy_put(w, p, bytes);
    while (bytes) {
        uint8_t tmp[1024]; size_t k = LB__MIN(bytes, sizeof tmp);
        memcpy(tmp, p, k); lb__swap_bytes(tmp, width, k / width);
        LB__TRY(lb__npy_put(w, tmp, k));
        p += k; bytes -= k;
    }
    return LB_OK;
}
LB_API lb_status lb_npy_append(lb_npy *w, const void *rows, size_t n) {
    LB__POINTERS(w);
    if (!w->broken && (w->broken = lb__npy_append(w, rows, n)) != LB_OK) lb__format(w->why, sizeof w->why, "%s", lb_last_error());
    return w->broken;
}
LB_API lb_status lb_npy_commit(lb_npy *w) {
    unsigned char head[512]; lb_status s;
    LB__POINTERS(w);
    s = w->broken;
    if (s) lb__fail(s, "%s", w->why);
    else {
        lb__npy_head_write(w, head);
        if (w->waits) memcpy(w->memory.data, head, w->head);
        if (w->waits && !w->file.fd) { fflush(stdout); s = lb__write_all(1, "standard output", w->memory.data, w->memory.size); }
        else {
            if (w->waits) s = lb__writer_add(&w->file, w->memory.data, w->memory.size);
            else if (!w->whole) s = lb__writer_patch(&w->file, 0, head, w->head);
            if (!s) s = lb__writer_commit(&w->file);
        }
    }
    lb_npy_abort(w);
    return s;
}
LB_API lb_status lb_npy_save(const char *path, const lb_tensor *t) {
    lb_npy *w = NULL; lb_status s;
    LB__POINTERS(path && t && (t->data || !lb_tensor_count(t)));
    if (t->layout != LB_ROWS) return lb__fail(LB_ERR_ARG, "%s: a tensor in panel layout, rows were expected", path);
    LB__TRY(lb__npy_begin(path, t->dtype, 1, t->ndim, t->shape, &w));
    s = lb_npy_append(w, t->data, 1);
    if (s) { lb_npy_abort(w); return s; }
    return lb_npy_commit(w);
}
#endif /* LB_NO_STDIO */

/* ==== 6 >>autograd ===============================================================================================================
 * Every operation of the networks, its backward beside it.  Activations are matrices on the context's arena.  Without a tape an
 * operation computes and forgets, and a residual sum takes the place of its addend; with a tape an operation whose inputs or parameters
 * want a gradient leaves a node that says how to get it.  A parameter wants one exactly when its tensor has a `grad`.
 * An operation that is given NULL, or runs out of memory, gives NULL: chains are written without checks and the last result is looked at.
 * A backward adds to gradients.  Sums over rows run in row order whatever the number of threads.
 * Calls: base, parallel, kernels, tensor.  Held by: tests/test_autograd.c */

typedef struct lb__var {
    float  *x; size_t n, c;            /* [n, c], dense */
    float  *g;                         /* gradient [n, c]; taken from the arena when the backward pass first touches it */
    struct lb__var *same;              /* the gradient is that variable's: y = x + f(x) has dx = dy + ..., summed in place */
    int     wants;
} lb__var;
typedef struct lb__node { lb_status (*backward)(lb_ctx *ctx, struct lb__node *node); struct lb__node *prev; } lb__node;
typedef struct lb__tape { lb__node *last; int recompute; } lb__tape;
typedef struct lb__draw { uint64_t seed, step, micro; } lb__draw;      /* every random number of a step follows from this and its place */

static lb__var *lb__var_view(lb_ctx *ctx, float *x, size_t n, size_t c) {
    lb__var *v = (lb__var *)lb__arena(ctx, 1, sizeof *v);
    if (v) { memset(v, 0, sizeof *v); v->x = x; v->n = n; v->c = c; }
    return v;
}
static lb__var *lb__var_new(lb_ctx *ctx, size_t n, size_t c) {
    float *x = lb__arena_f32(ctx, n, c);
    return x ? lb__var_view(ctx, x, n, c) : NULL;
}
/* A gradient that nobody has touched is `fresh`, and not zeroed: the caller writes all of it. */
static float *lb__grad_fresh(lb_ctx *ctx, lb__var *v, int *fresh) {
    while (v->same) v = v->same;
    *fresh = !v->g;
    if (!v->g) v->g = lb__arena_f32(ctx, v->n, v->c);
    return v->g;
}
static float *lb__grad(lb_ctx *ctx, lb__var *v) {
    int fresh; float *g = lb__grad_fresh(ctx, v, &fresh);
    if (g && fresh) memset(g, 0, v->n * v->c * sizeof *g);
    return g;
}
LB__INLINE int lb__trained(const lb_tensor *t) { return t && t->grad; }
static lb__node *lb__record(lb_ctx *ctx, size_t size, lb_status (*backward)(lb_ctx *, lb__node *)) {
    lb__node *n = (lb__node *)lb__arena(ctx, 1, size);
    if (!n) return NULL;
    memset(n, 0, size);
    n->backward = backward; n->prev = ctx->tape->last; ctx->tape->last = n;
    return n;
}
/* Run the tape backwards.  The caller has put the loss's gradient into lb__grad() of the results.  Nodes made by an inner tape while the
 * pass runs (recomputation) are not touched. */
static lb_status lb__backward(lb_ctx *ctx, lb__tape *tape) {
    lb__node *n;
    for (n = tape->last; n; n = n->prev) LB__TRY(n->backward(ctx, n));
    tape->last = NULL;
    return LB_OK;
}

/* ---- 6.1 linear, with LoRA ---- */

/* One low-rank update: rows n0 .. n0+n of the weight are W + scale * B A, A [r, K] and B [n, r] panels. */
typedef struct lb__lora { lb_tensor *a, *b; size_t n0, n; float scale, dropout; uint64_t stream; } lb__lora;
typedef struct lb__lin { lb_tensor *w, *b; const lb__lora *lora; int loras; } lb__lin;     /* w [N, K] panels; b [N] or NULL */

static int lb__lin_trained(const lb__lin *l) {
    int i;
    if (lb__trained(l->w) || lb__trained(l->b)) return 1;
    for (i = 0; i < l->loras; i++) if (lb__trained(l->lora[i].a) || lb__trained(l->lora[i].b)) return 1;
    return 0;
}
enum { LB__LORAS = 4 };
typedef struct lb__linear_node { lb__node node; const lb__lin *l; size_t n0; lb__var *a, *y; float *pre, *u[LB__LORAS], *dropped[LB__LORAS]; lb_act act; } lb__linear_node;

typedef struct lb__ew { float *y; const float *a; float s; uint64_t seed, stream; } lb__ew;
/* y = a * keep / (1 - p), keep drawn per element from its index: the backward and a recomputation draw the same. */
static void lb__dropout_run(void *arg, size_t i, size_t end, int worker) {
    const lb__ew *e = (const lb__ew *)arg; uint32_t r[4]; const float keep = 1.0f / (1.0f - e->s); const uint32_t below = (uint32_t)(e->s * 4294967296.0);
    size_t block = (size_t)-1;
    (void)worker;
    for (; i < end; i++) {
        if (i / 4 != block) { block = i / 4; lb__philox(e->seed, e->stream, block, r); }
        e->y[i] = r[i % 4] < below ? 0.0f : e->a[i] * keep;
    }
}
static void lb__dropout(lb_ctx *ctx, float *y, const float *a, size_t n, const lb__lora *l) {
    lb__ew e; memset(&e, 0, sizeof e);
    e.y = y; e.a = a; e.s = l->dropout; e.seed = ctx->draw->seed; e.stream = l->stream | ctx->draw->micro << 20 | ctx->draw->step << 40;
    lb_parallel_for(ctx, n, 16384, lb__dropout_run, &e);
}

/* linear  y = act(a W^T + b) + add;  dpre = dy act'(pre),  dW += dpre^T a,  db += sum dpre,  da += dpre W,  dadd is dy itself
 * LoRA    y += u B^T,  u = s drop(a) A^T;     dB += dy^T u,  dA += (s dy B)^T drop(a),  da += drop((s dy B) A)
 * Rows n0 .. n0+n of the weight only; n0 is a multiple of the panel width.  `add` must have no reader that is recorded later. */
static lb_status lb__linear_bwd(lb_ctx *ctx, lb__node *node) {
    lb__linear_node *o = (lb__linear_node *)node; const lb__lin *l = o->l; const size_t M = o->y->n, N = o->y->c, K = o->a->c;
    int i, fresh = 0; float *dy = lb__grad(ctx, o->y), *da = o->a->wants ? lb__grad_fresh(ctx, o->a, &fresh) : NULL, *t; lb_status s = LB_OK;
    lb__mark mark;
    if (!dy || (o->a->wants && !da)) return LB_ERR_MEM;
    mark = lb__arena_mark(ctx);
    if (o->act != LB_ACT_NONE) {
        if (!(t = lb__arena_f32(ctx, M, N))) return LB_ERR_MEM;
        lb__act_bwd(ctx, t, dy, o->pre, o->act, M * N);
        dy = t;
    }
    if (lb__trained(l->w)) s = lb__gemm_dw(ctx, l->w->grad + o->n0 * K, lb__trained(l->b) ? l->b->grad + o->n0 : NULL, dy, N, o->a->x, K, M, N, K);
    else if (lb__trained(l->b)) s = lb__sum_rows(ctx, l->b->grad + o->n0, dy, N, M, N);
    if (!s && da) s = lb__gemm_dx(ctx, da, K, !fresh, dy, N, (const char *)l->w->data + o->n0 * K * lb_dtype_size(l->w->dtype), l->w->dtype, M, N, K);
    for (i = 0; i < l->loras && !s; i++) {
        const lb__lora *r = &l->lora[i]; const size_t R = r->a->shape[0]; const float *dyt = dy + (r->n0 - o->n0); float *du, *dd = da;
        if (!o->u[i]) continue;
        if (lb__trained(r->b)) s = lb__gemm_dw(ctx, r->b->grad, NULL, dyt, N, o->u[i], R, M, r->n, R);
        if (s || (!lb__trained(r->a) && !da)) continue;
        if (!(du = lb__arena_f32(ctx, M, R))) return LB_ERR_MEM;
        s = lb__gemm_dx(ctx, du, R, 0, dyt, N, r->b->data, r->b->dtype, M, r->n, R);
        lb__vec_scale(ctx, du, r->scale, M * R);
        if (!s && lb__trained(r->a)) s = lb__gemm_dw(ctx, r->a->grad, NULL, du, R, o->dropped[i] ? o->dropped[i] : o->a->x, K, M, R, K);
        if (s || !da) continue;
        if (o->dropped[i]) { if (!(dd = lb__arena_f32(ctx, M, K))) return LB_ERR_MEM; }
        s = lb__gemm_dx(ctx, dd, K, dd == da, du, R, r->a->data, r->a->dtype, M, R, K);
        if (!s && dd != da) { lb__dropout(ctx, dd, dd, M * K, r); lb__vec_add(ctx, da, dd, M * K); }
    }
    lb__arena_rewind(ctx, mark);
    return s;
}
static lb__var *lb__linear(lb_ctx *ctx, const lb__lin *l, size_t n0, size_t n, lb__var *a, lb__var *add, lb_act act) {
    lb__gemm g; lb__linear_node *o = NULL; lb__var *y; int i, active = 0;
    if (!a) return NULL;
    y = add && !ctx->tape ? add : lb__var_new(ctx, a->n, n);
    if (!y) return NULL;
    if (ctx->tape && (a->wants || (add && add->wants) || lb__lin_trained(l))) {
        if (!(o = (lb__linear_node *)lb__record(ctx, sizeof *o, lb__linear_bwd))) return NULL;
        o->l = l; o->n0 = n0; o->a = a; o->y = y; o->act = act; y->wants = 1;
        if (add && add->wants) y->same = add;
        if (act != LB_ACT_NONE && !(o->pre = lb__arena_f32(ctx, a->n, n))) return NULL;
    }
    memset(&g, 0, sizeof g);
    g.M = a->n; g.N = n; g.K = a->c; g.a = a->x; g.lda = a->c; g.w = (const char *)l->w->data + n0 * a->c * lb_dtype_size(l->w->dtype); g.wtype = l->w->dtype;
    g.c = y->x; g.ldc = n; g.bias = l->b ? (const float *)l->b->data + n0 : NULL; g.act = act;
    if (add) { g.add = add->x; g.ldadd = n; }
    if (o && o->pre) { g.pre = o->pre; g.ldpre = n; }
    if (lb__gemm_run(ctx, &g)) return NULL;
    for (i = 0; i < l->loras; i++) active |= l->lora[i].n0 >= n0 && l->lora[i].n0 < n0 + n;
    if (active) {
        lb__mark mark = lb__arena_mark(ctx);
        for (i = 0; i < l->loras; i++) {
            const lb__lora *r = &l->lora[i]; const size_t R = r->a->shape[0]; float *u, *d = NULL;
            if (r->n0 < n0 || r->n0 >= n0 + n) continue;
            if (!(u = lb__arena_f32(ctx, a->n, R))) return NULL;
            if (ctx->draw && r->dropout > 0) { if (!(d = lb__arena_f32(ctx, a->n, a->c))) return NULL; lb__dropout(ctx, d, a->x, a->n * a->c, r); }
            if (o) { o->u[i] = u; o->dropped[i] = d; }
            memset(&g, 0, sizeof g);
            g.M = a->n; g.N = R; g.K = a->c; g.a = d ? d : a->x; g.lda = a->c; g.w = r->a->data; g.wtype = r->a->dtype; g.c = u; g.ldc = R;
            if (lb__gemm_run(ctx, &g)) return NULL;
            lb__vec_scale(ctx, u, r->scale, a->n * R);
            memset(&g, 0, sizeof g);
            g.M = a->n; g.N = r->n; g.K = R; g.a = u; g.lda = R; g.w = r->b->data; g.wtype = r->b->dtype; g.c = y->x + (r->n0 - n0); g.ldc = n; g.add = g.c; g.ldadd = n;
            if (lb__gemm_run(ctx, &g)) return NULL;
        }
        if (!o) lb__arena_rewind(ctx, mark);
    }
    return y;
}

/* ---- 6.2 layernorm ---- */

typedef struct lb__norm { lb_tensor *w, *b; float eps; } lb__norm;
typedef struct lb__norm_node { lb__node node; const lb__norm *p; lb__var *x, *y; float *mean, *rstd; } lb__norm_node;
/* layernorm  y = (x - mean) rstd w + b */
static lb_status lb__norm_bwd(lb_ctx *ctx, lb__node *node) {
    lb__norm_node *o = (lb__norm_node *)node; const size_t N = o->x->n, C = o->x->c; const lb_tensor *w = o->p->w, *b = o->p->b;
    const float *dy = lb__grad(ctx, o->y); float *dx = o->x->wants ? lb__grad(ctx, o->x) : NULL, *dw = w->grad, *db = b->grad; lb__mark mark; lb_status s;
    if (!dy || (o->x->wants && !dx)) return LB_ERR_MEM;
    mark = lb__arena_mark(ctx);
    if (!dw != !db) {                                          /* one of the two is frozen: its sum is thrown away */
        float *t = lb__arena_f32(ctx, 1, C);
        if (!t) return LB_ERR_MEM;
        memset(t, 0, C * sizeof *t);
        if (dw) db = t;
        else dw = t;
    }
    s = lb__layernorm_bwd(ctx, dx, C, dw, db, dy, C, o->x->x, C, (const float *)w->data, o->mean, o->rstd, N, C);
    lb__arena_rewind(ctx, mark);
    return s;
}
static lb__var *lb__layer_norm(lb_ctx *ctx, const lb__norm *p, lb__var *x) {
    lb__var *y; lb__norm_node *o = NULL;
    if (!x || !(y = lb__var_new(ctx, x->n, x->c))) return NULL;
    if (ctx->tape && (x->wants || lb__trained(p->w) || lb__trained(p->b))) {
        if (!(o = (lb__norm_node *)lb__record(ctx, sizeof *o, lb__norm_bwd))) return NULL;
        o->p = p; o->x = x; o->y = y; y->wants = 1;
        if (!(o->mean = lb__arena_f32(ctx, x->n, 2))) return NULL;
        o->rstd = o->mean + x->n;
    }
    lb__layernorm(ctx, y->x, x->c, o ? o->mean : NULL, o ? o->rstd : NULL, x->x, x->c, (const float *)p->w->data, (const float *)p->b->data, p->eps, x->n, x->c);
    return y;
}

/* ---- 6.3 attention ---- */

typedef struct lb__attn_node { lb__node node; lb__attn a; lb__var *q, *kv, *o; size_t qcol, kcol, vcol; } lb__attn_node;
/* attention  o = softmax(scale q k^T) v; q, k, v are columns of q and kv from qcol, kcol, vcol on.  `shape` gives sequences, heads and mask. */
static lb_status lb__attn_bwd(lb_ctx *ctx, lb__node *node) {
    lb__attn_node *n = (lb__attn_node *)node; const size_t C = n->a.H * n->a.D; int fresh = 0, q = 0, kv = 0; float *d = lb__grad(ctx, n->o), *dkv, *dq;
    if (n->q == n->kv && n->q->c == 3 * C) { dq = dkv = lb__grad_fresh(ctx, n->q, &fresh); q = kv = fresh; }       /* every column is written */
    else {
        dq = n->q != n->kv && n->q->c == C ? lb__grad_fresh(ctx, n->q, &q) : lb__grad(ctx, n->q);
        dkv = n->q != n->kv && n->kv->c == 2 * C ? lb__grad_fresh(ctx, n->kv, &kv) : lb__grad(ctx, n->kv);
    }
    if (!dq || !dkv || !d) return LB_ERR_MEM;
    return lb__attention_bwd(ctx, &n->a, d, dq + n->qcol, dkv + n->kcol, dkv + n->vcol, q | kv << 1);
}
static lb__var *lb__attend(lb_ctx *ctx, const lb__attn *shape, lb__var *q, size_t qcol, lb__var *kv, size_t kcol, size_t vcol) {
    lb__attn a; lb__var *o;
    if (!q || !kv || !(o = lb__var_new(ctx, q->n, shape->H * shape->D))) return NULL;
    a = *shape;
    a.q = q->x + qcol; a.ldq = q->c; a.k = kv->x + kcol; a.v = kv->x + vcol; a.ld = kv->c; a.o = o->x; a.ldo = o->c; a.lse = NULL;
    if (ctx->tape && (q->wants || kv->wants)) {
        lb__attn_node *n = (lb__attn_node *)lb__record(ctx, sizeof *n, lb__attn_bwd);
        if (!n || !(a.lse = lb__arena_f32(ctx, q->n, a.H))) return NULL;
        n->a = a; n->q = q; n->kv = kv; n->o = o; n->qcol = qcol; n->kcol = kcol; n->vcol = vcol; o->wants = q->wants = kv->wants = 1;
    }
    return lb__attention(ctx, &a) ? NULL : o;
}

/* ---- 6.4 rows: gather, embeddings, frames ---- */

typedef struct lb__gather_node { lb__node node; lb__var *x, *y; const size_t *row; } lb__gather_node;
/* gather  y[i] = x[row[i]];   dx[row[i]] += dy[i].   row lives as long as the tape */
static lb_status lb__gather_bwd(lb_ctx *ctx, lb__node *node) {
    lb__gather_node *o = (lb__gather_node *)node; float *dx = lb__grad(ctx, o->x), *dy = lb__grad(ctx, o->y); size_t i, c; const size_t C = o->x->c;
    if (!dx || !dy) return LB_ERR_MEM;
    for (i = 0; i < o->y->n; i++) for (c = 0; c < C; c++) dx[o->row[i] * C + c] += dy[i * C + c];
    return LB_OK;
}
static lb__var *lb__gather(lb_ctx *ctx, lb__var *x, const size_t *row, size_t n) {
    lb__var *y; size_t i;
    if (!x || !row || !(y = lb__var_new(ctx, n, x->c))) return NULL;
    for (i = 0; i < n; i++) memcpy(y->x + i * x->c, x->x + row[i] * x->c, x->c * sizeof(float));
    if (ctx->tape && x->wants) {
        lb__gather_node *o = (lb__gather_node *)lb__record(ctx, sizeof *o, lb__gather_bwd);
        if (!o) return NULL;
        o->x = x; o->y = y; o->row = row; y->wants = 1;
    }
    return y;
}

typedef struct lb__embed_node { lb__node node; lb_tensor *token, *pos; const int32_t *id; const size_t *at; lb__var *y; } lb__embed_node;
/* token embedding  y[i] = token[id[i]] + pos[at[i]];   dtoken[id[i]] += dy[i],  dpos[at[i]] += dy[i] */
static lb_status lb__embed_bwd(lb_ctx *ctx, lb__node *node) {
    lb__embed_node *o = (lb__embed_node *)node; const float *dy = lb__grad(ctx, o->y); size_t i, c; const size_t C = o->y->c;
    if (!dy) return LB_ERR_MEM;
    for (i = 0; i < o->y->n; i++, dy += C) {
        if (o->token->grad) { float *g = o->token->grad + (size_t)o->id[i] * C; for (c = 0; c < C; c++) g[c] += dy[c]; }
        if (o->pos->grad) { float *g = o->pos->grad + o->at[i] * C; for (c = 0; c < C; c++) g[c] += dy[c]; }
    }
    return LB_OK;
}
static lb__var *lb__embed_tokens(lb_ctx *ctx, lb_tensor *token, lb_tensor *pos, const int32_t *id, const size_t *at, size_t n) {
    const size_t C = token->shape[1]; size_t i, c; lb__var *y = lb__var_new(ctx, n, C);
    if (!y) return NULL;
    for (i = 0; i < n; i++) {
        const size_t row = (size_t)id[i] * C; const float *p = (const float *)pos->data + at[i] * C; float *o = y->x + i * C;
        for (c = 0; c < C; c++) o[c] = lb__weight_at(token->data, token->dtype, row + c) + p[c];
    }
    if (ctx->tape && (token->grad || pos->grad)) {
        lb__embed_node *o = (lb__embed_node *)lb__record(ctx, sizeof *o, lb__embed_bwd);
        if (!o) return NULL;
        o->token = token; o->pos = pos; o->id = id; o->at = at; o->y = y; y->wants = 1;
    }
    return y;
}

/* class token and positions  y[g,0] = class[g % F] + pos[0],  y[g,1+j] = patch[g,j] + pos[1 + keep[g / frames, j]]     [G,K,C] -> [G,1+K,C]
 * F is 1 or the number of frames; keep NULL: j itself.  The gradients follow the same indices. */
typedef struct lb__assemble_node { lb__node node; lb_tensor *cls, *pos; lb__var *patch, *y; const uint32_t *keep; size_t G, K, frames; } lb__assemble_node;
static size_t lb__assemble_pos(const uint32_t *keep, size_t K, size_t frames, size_t g, size_t j) { return 1 + (keep ? keep[g / frames * K + j] : j); }
static lb_status lb__assemble_bwd(lb_ctx *ctx, lb__node *node) {
    lb__assemble_node *o = (lb__assemble_node *)node; const size_t C = o->y->c, F = o->cls->shape[0]; const float *dy = lb__grad(ctx, o->y); float *dp = NULL; size_t g, j, c;
    if (!dy || (o->patch->wants && !(dp = lb__grad(ctx, o->patch)))) return LB_ERR_MEM;
    for (g = 0; g < o->G; g++) for (j = 0; j <= o->K; j++, dy += C) {
        if (!j && o->cls->grad) { float *d = o->cls->grad + g % F * C; for (c = 0; c < C; c++) d[c] += dy[c]; }
        if (j && dp) { float *d = dp + (g * o->K + j - 1) * C; for (c = 0; c < C; c++) d[c] += dy[c]; }
        if (o->pos->grad) { float *d = o->pos->grad + (j ? lb__assemble_pos(o->keep, o->K, o->frames, g, j - 1) : 0) * C; for (c = 0; c < C; c++) d[c] += dy[c]; }
    }
    return LB_OK;
}
static lb__var *lb__assemble(lb_ctx *ctx, lb_tensor *cls, lb_tensor *pos, lb__var *patch, const uint32_t *keep, size_t G, size_t frames) {
    lb__var *y; size_t C, K, F, g, j, c;
    if (!patch) return NULL;
    C = patch->c; K = patch->n / G; F = cls->shape[0];
    if (!(y = lb__var_new(ctx, G * (1 + K), C))) return NULL;
    for (g = 0; g < G; g++) for (j = 0; j <= K; j++) {
        const float *a = j ? patch->x + (g * K + j - 1) * C : (const float *)cls->data + g % F * C;
        const float *p = (const float *)pos->data + (j ? lb__assemble_pos(keep, K, frames, g, j - 1) : 0) * C;
        float *o = y->x + (g * (1 + K) + j) * C;
        for (c = 0; c < C; c++) o[c] = a[c] + p[c];
    }
    if (ctx->tape && (patch->wants || cls->grad || pos->grad)) {
        lb__assemble_node *o = (lb__assemble_node *)lb__record(ctx, sizeof *o, lb__assemble_bwd);
        if (!o) return NULL;
        o->cls = cls; o->pos = pos; o->patch = patch; o->y = y; o->keep = keep; o->G = G; o->K = K; o->frames = frames; y->wants = 1;
    }
    return y;
}

/* frame embedding  x[b,f,i] += e[f], in place;   de[f] += sum_{b,i} dy[b,f,i],  dx is dy     [B*F*n, C] */
typedef struct lb__frames_node { lb__node node; lb_tensor *e; lb__var *x; size_t F, n; } lb__frames_node;
static lb_status lb__frames_bwd(lb_ctx *ctx, lb__node *node) {
    lb__frames_node *o = (lb__frames_node *)node; const size_t C = o->x->c; const float *dy = lb__grad(ctx, o->x); size_t r;
    if (!dy) return LB_ERR_MEM;
    for (r = 0; r < o->x->n; r += o->n) LB__TRY(lb__sum_rows(ctx, o->e->grad + r / o->n % o->F * C, dy + r * C, C, o->n, C));
    return LB_OK;
}
static lb__var *lb__add_frames(lb_ctx *ctx, lb_tensor *e, lb__var *x, size_t F, size_t n) {
    size_t r, c;
    if (!x) return NULL;
    for (r = 0; r < x->n; r++) { const float *p = (const float *)e->data + r / n % F * x->c; float *o = x->x + r * x->c; for (c = 0; c < x->c; c++) o[c] += p[c]; }
    if (ctx->tape && e->grad) {
        lb__frames_node *o = (lb__frames_node *)lb__record(ctx, sizeof *o, lb__frames_bwd);
        if (!o) return NULL;
        o->e = e; o->x = x; o->F = F; o->n = n; x->wants = 1;
    }
    return x;
}

typedef struct lb__pair_node { lb__node node; lb__var *x, *y; float *norm; } lb__pair_node;
/* mean over frames  y[b] = 1/F sum_f x[b,f]                                                               [B*F, C] -> [B, C] */
static lb_status lb__mean_bwd(lb_ctx *ctx, lb__node *node) {
    lb__pair_node *o = (lb__pair_node *)node; const float *dy = lb__grad(ctx, o->y); float *dx = lb__grad(ctx, o->x); size_t r, c; const size_t C = o->x->c, F = o->x->n / o->y->n;
    if (!dy || !dx) return LB_ERR_MEM;
    for (r = 0; r < o->x->n; r++) for (c = 0; c < C; c++) dx[r * C + c] += dy[r / F * C + c] / (float)F;
    return LB_OK;
}
static lb__var *lb__mean_frames(lb_ctx *ctx, lb__var *x, size_t F) {
    lb__var *y; size_t b, f, c;
    if (!x || F == 1) return x;
    if (!(y = lb__var_new(ctx, x->n / F, x->c))) return NULL;
    for (b = 0; b < y->n; b++) for (c = 0; c < x->c; c++) { float s = 0; for (f = 0; f < F; f++) s += x->x[(b * F + f) * x->c + c]; y->x[b * x->c + c] = s / (float)F; }
    if (ctx->tape && x->wants) {
        lb__pair_node *o = (lb__pair_node *)lb__record(ctx, sizeof *o, lb__mean_bwd);
        if (!o) return NULL;
        o->x = x; o->y = y; y->wants = 1;
    }
    return y;
}
/* unit length  y = x / |x|;   dx += (dy - y (y . dy)) / |x| */
static lb_status lb__unit_bwd(lb_ctx *ctx, lb__node *node) {
    lb__pair_node *o = (lb__pair_node *)node; const float *dy = lb__grad(ctx, o->y); float *dx = lb__grad(ctx, o->x); size_t n, c; const size_t C = o->x->c;
    if (!dy || !dx) return LB_ERR_MEM;
    for (n = 0; n < o->x->n; n++) {
        const float *y = o->y->x + n * C, *d = dy + n * C; double s = 0; const float r = 1.0f / o->norm[n];
        for (c = 0; c < C; c++) s += (double)y[c] * d[c];
        for (c = 0; c < C; c++) dx[n * C + c] += (d[c] - y[c] * (float)s) * r;
    }
    return LB_OK;
}
static lb__var *lb__unit(lb_ctx *ctx, lb__var *x) {
    lb__var *y; size_t n, c; lb__pair_node *o = NULL;
    if (!x || !(y = lb__var_new(ctx, x->n, x->c))) return NULL;
    if (ctx->tape && x->wants) {
        if (!(o = (lb__pair_node *)lb__record(ctx, sizeof *o, lb__unit_bwd)) || !(o->norm = lb__arena_f32(ctx, x->n, 1))) return NULL;
        o->x = x; o->y = y; y->wants = 1;
    }
    for (n = 0; n < x->n; n++) {
        const float *p = x->x + n * x->c; double s = 0; float norm;
        for (c = 0; c < x->c; c++) s += (double)p[c] * p[c];
        norm = (float)sqrt(s);
        for (c = 0; c < x->c; c++) y->x[n * x->c + c] = p[c] / norm;
        if (o) o->norm[n] = norm;
    }
    return y;
}

/* ---- 6.5 memory of the backward pass: scopes and recomputation ---- */

/* Between begin and end of a scope around y = f(x), gradients of inner activations are given back when the pass leaves it. */
typedef struct lb__scope_node { lb__node node; lb__var *x; struct lb__scope_node *begin; lb__mark mark; } lb__scope_node;
static lb_status lb__scope_leave(lb_ctx *ctx, lb__node *node) { lb__arena_rewind(ctx, ((lb__scope_node *)node)->mark); return LB_OK; }
static lb_status lb__scope_enter(lb_ctx *ctx, lb__node *node) {
    lb__scope_node *n = (lb__scope_node *)node;
    if (n->x->wants && !lb__grad(ctx, n->x)) return LB_ERR_MEM;
    n->begin->mark = lb__arena_mark(ctx);
    return LB_OK;
}
static lb__scope_node *lb__scope_begin(lb_ctx *ctx, lb__var *x) {
    lb__scope_node *n = x && ctx->tape ? (lb__scope_node *)lb__record(ctx, sizeof *n, lb__scope_leave) : NULL;
    if (n) n->x = x;
    return n;
}
/* y's gradient exists when the pass enters, because the loss or the scope above filled it. */
static lb__var *lb__scope_end(lb_ctx *ctx, lb__scope_node *begin, lb__var *y) {
    lb__scope_node *n;
    if (!begin || !y) return y;
    if (!(n = (lb__scope_node *)lb__record(ctx, sizeof *n, lb__scope_enter))) return NULL;
    n->x = begin->x; n->begin = begin;
    return y;
}

/* y = f(x), x and y of one shape with x + ... inside, keeping x alone: the backward pass runs f again. */
typedef lb__var *(*lb__block_fn)(lb_ctx *ctx, const void *arg, lb__var *x);
typedef struct lb__again_node { lb__node node; lb__block_fn f; const void *arg; lb__var *x; } lb__again_node;
static lb_status lb__again_bwd(lb_ctx *ctx, lb__node *node) {
    lb__again_node *o = (lb__again_node *)node; float *g = lb__grad(ctx, o->x); lb__mark mark; lb__tape tape, *outer = ctx->tape; lb__var *x; lb_status s = LB_ERR_MEM;
    if (!g) return LB_ERR_MEM;
    mark = lb__arena_mark(ctx);
    tape.last = NULL; tape.recompute = 0;
    ctx->tape = &tape;
    x = lb__var_new(ctx, o->x->n, o->x->c);                      /* a copy, because frame embeddings are added in place */
    if (x) {
        memcpy(x->x, o->x->x, x->n * x->c * sizeof(float));
        x->g = g; x->wants = 1;
        if (o->f(ctx, o->arg, x)) s = lb__backward(ctx, &tape);
    }
    ctx->tape = outer;
    lb__arena_rewind(ctx, mark);
    return s;
}
static lb__var *lb__recomputed(lb_ctx *ctx, lb__block_fn f, const void *arg, lb__var *x) {
    lb__var *y, *z; lb__again_node *o; lb__tape *tape = ctx->tape;
    if (!x || !(o = (lb__again_node *)lb__record(ctx, sizeof *o, lb__again_bwd)) || !(y = lb__var_new(ctx, x->n, x->c))) return NULL;
    o->f = f; o->arg = arg; o->x = x;
    memcpy(y->x, x->x, x->n * x->c * sizeof(float));
    ctx->tape = NULL; z = f(ctx, arg, y); ctx->tape = tape;
    if (!z) return NULL;
    x->wants = y->wants = 1; y->same = x;
    return y;
}

/* ==== 7 >>nn =====================================================================================================================
 * The two towers.  One vision tower serves images, depth, infrared, audio spectrograms, video and any other array: they differ in grid,
 * frames and switches.  One text tower.  Both are written once; with a tape they are training, without one inference.
 * Exact speed-ups are always on: text runs only to its end-of-text token, texts of different lengths lie packed one after the other, the
 * last block computes queries, output and MLP for pooled tokens only, q, k and v are one product.
 * Calls: base, parallel, tensor, autograd.  Held by: tests/test_model.c, tests/test_autograd.c */

typedef struct lb__block {
    lb__norm norm1, norm2, tnorm;
    lb__lin  qkv, out, fc1, fc2, tqkv, tout;
    lb_tensor *frames;                                 /* [F, D] temporal embedding; NULL: no temporal attention */
} lb__block;
typedef struct lb__tower {
    lb_tower_desc d;
    lb__lin    patch, proj;
    lb_tensor *cls, *pos, *token;
    lb__norm   pre, post;                              /* pre.w NULL: none */
    lb__block *block;
} lb__tower;

/* What a run looks at on the way: `stage` is "embed", "pre_norm", "block" (with its number), "pooled" or "projected". */
static void lb__watch(lb_ctx *ctx, const char *stage, size_t i, const lb__var *v) {
    if (ctx->watch && v) ctx->watch(ctx->watch_user, stage, i, v->x, v->n, v->c);
}

/* How the rows of a run are organised. */
typedef struct lb__rows {
    size_t S, T, F;                    /* sequences of T rows (equal lengths); F frames a clip, S = clips * F */
    const size_t *offset;              /* text: [S+1] first rows of sequences of different lengths; T is then the longest */
    const size_t *pooled;              /* [S] the rows that are read in the end */
    int causal;
} lb__rows;
/* lb_ctx.rows for a product over the rows of a block: those of one item, 0 where texts differ in length; in training, whose batches are large, many. */
static size_t lb__rows_least(const lb_ctx *ctx, const lb__rows *r) { return ctx->draw ? SIZE_MAX : r->offset ? 0 : r->T; }
typedef struct lb__block_arg { const lb__tower *t; const lb__block *b; const lb__rows *r; } lb__block_arg;

static int lb__norm_trained(const lb__norm *n) { return lb__trained(n->w) || lb__trained(n->b); }
static int lb__block_trained(const lb__block *b) {
    return lb__norm_trained(&b->norm1) || lb__norm_trained(&b->norm2) || lb__lin_trained(&b->qkv) || lb__lin_trained(&b->out) || lb__lin_trained(&b->fc1) || lb__lin_trained(&b->fc2)
        || (b->frames && (lb__trained(b->frames) || lb__norm_trained(&b->tnorm) || lb__lin_trained(&b->tqkv) || lb__lin_trained(&b->tout)));
}
static lb_act lb__tower_act(const lb__tower *t) { return t->d.quick_gelu ? LB_ACT_QUICK_GELU : LB_ACT_GELU; }

static void lb__attn_shape(const lb__tower *t, lb__attn *a) {
    memset(a, 0, sizeof *a);
    a->H = (size_t)t->d.heads; a->D = (size_t)t->d.width / a->H; a->inner = 1; a->scale = (float)(1.0 / sqrt((double)a->D));
}
/* temporal attention (over frames at one place): h += e[f];  h += out(attention(qkv(norm(h)))) */
static lb__var *lb__block_temporal(lb_ctx *ctx, const lb__tower *t, const lb__block *b, const lb__rows *r, lb__var *x) {
    const size_t D = (size_t)t->d.width; lb__attn a; lb__var *qkv;
    lb__attn_shape(t, &a);
    a.S = r->S / r->F * r->T; a.T = r->F; a.inner = r->T;
    if (r->F > 1) x = lb__add_frames(ctx, b->frames, x, r->F, r->T);
    qkv = lb__linear(ctx, &b->tqkv, 0, 3 * D, lb__layer_norm(ctx, &b->tnorm, x), NULL, LB_ACT_NONE);
    return lb__linear(ctx, &b->tout, 0, D, lb__attend(ctx, &a, qkv, 0, qkv, D, 2 * D), x, LB_ACT_NONE);
}
enum { LB__MLP_ROWS = 512 };
static lb__var *lb__block_mlp(lb_ctx *ctx, const lb__tower *t, const lb__block *b, lb__var *x) {
    if (!ctx->tape && x && x->n > 2 * LB__MLP_ROWS) {            /* the hidden layer is the widest: taken in pieces it stays small */
        const lb__mark mark = lb__arena_mark(ctx); size_t i;
        for (i = 0; i < x->n; i += LB__MLP_ROWS) {
            if (!lb__block_mlp(ctx, t, b, lb__var_view(ctx, x->x + i * x->c, LB__MIN((size_t)LB__MLP_ROWS, x->n - i), x->c))) return NULL;
            lb__arena_rewind(ctx, mark);
        }
        return x;
    }
    lb__var *h = lb__linear(ctx, &b->fc1, 0, (size_t)t->d.mlp, lb__layer_norm(ctx, &b->norm2, x), NULL, lb__tower_act(t));
    return lb__linear(ctx, &b->fc2, 0, (size_t)t->d.width, h, x, LB_ACT_NONE);
}
static lb__var *lb__block_attn(lb_ctx *ctx, const lb__tower *t, const lb__block *b, const lb__rows *r, lb__var *x) {
    const size_t D = (size_t)t->d.width; lb__attn a; lb__var *qkv;
    lb__attn_shape(t, &a);
    a.S = r->S; a.T = r->T; a.offset = r->offset; a.causal = r->causal;
    qkv = lb__linear(ctx, &b->qkv, 0, 3 * D, lb__layer_norm(ctx, &b->norm1, x), NULL, LB_ACT_NONE);
    return lb__linear(ctx, &b->out, 0, D, lb__attend(ctx, &a, qkv, 0, qkv, D, 2 * D), x, LB_ACT_NONE);
}
/* block  h = x + attention(norm1(x)),  y = h + fc2(act(fc1(norm2(h)))); without a tape y takes x's place */
static lb__var *lb__block_run(lb_ctx *ctx, const void *arg, lb__var *x) {
    const lb__block_arg *p = (const lb__block_arg *)arg; lb__mark mark;
    if (!x) return NULL;
    mark = lb__arena_mark(ctx); ctx->rows = lb__rows_least(ctx, p->r);
    if (p->b->frames) {
        x = lb__block_temporal(ctx, p->t, p->b, p->r, x);
        if (!ctx->tape) lb__arena_rewind(ctx, mark);
    }
    x = x ? lb__block_attn(ctx, p->t, p->b, p->r, x) : NULL;
    if (!ctx->tape) lb__arena_rewind(ctx, mark);
    x = x ? lb__block_mlp(ctx, p->t, p->b, x) : NULL;
    if (!ctx->tape) lb__arena_rewind(ctx, mark);
    ctx->rows = 0;
    return x;
}
/* The last block, for the rows that are pooled: keys and values of every row, everything else of those rows alone.   [S*T, D] -> [S, D] */
static lb__var *lb__block_last(lb_ctx *ctx, const lb__block_arg *p, lb__var *x) {
    const lb__block *b = p->b; const size_t D = (size_t)p->t->d.width; lb__attn a; lb__var *y, *n, *q, *kv, *o; lb__mark mark;
    if (!x) return NULL;
    if (b->frames) {
        mark = lb__arena_mark(ctx); ctx->rows = lb__rows_least(ctx, p->r);
        x = lb__block_temporal(ctx, p->t, b, p->r, x); ctx->rows = 0;
        if (!ctx->tape) lb__arena_rewind(ctx, mark);
        if (!x) return NULL;
    }
    if (!(y = lb__gather(ctx, x, p->r->pooled, p->r->S))) return NULL;
    mark = lb__arena_mark(ctx);
    lb__attn_shape(p->t, &a);
    a.S = p->r->S; a.T = p->r->T; a.offset = p->r->offset; a.causal = p->r->causal; a.pooled = 1;
    n = lb__layer_norm(ctx, &b->norm1, x);
    if (D % LB_PANEL_WIDTH == 0) {
        ctx->rows = lb__rows_least(ctx, p->r); kv = lb__linear(ctx, &b->qkv, D, 2 * D, n, NULL, LB_ACT_NONE); ctx->rows = 0;
        q = lb__linear(ctx, &b->qkv, 0, D, lb__gather(ctx, n, p->r->pooled, p->r->S), NULL, LB_ACT_NONE);
        o = lb__attend(ctx, &a, q, 0, kv, 0, D);
    } else {                                               /* k's rows do not start on a panel */
        kv = lb__linear(ctx, &b->qkv, 0, 3 * D, n, NULL, LB_ACT_NONE);
        q = lb__gather(ctx, kv, p->r->pooled, p->r->S);
        o = lb__attend(ctx, &a, q, 0, kv, D, 2 * D);
    }
    y = lb__linear(ctx, &b->out, 0, D, o, y, LB_ACT_NONE);
    if (!ctx->tape) lb__arena_rewind(ctx, mark);
    y = y ? lb__block_mlp(ctx, p->t, b, y) : NULL;
    if (!ctx->tape) lb__arena_rewind(ctx, mark);
    return y;
}
/* All blocks, then the pooled rows.  Blocks below everything that is trained run without the tape. */
static lb__var *lb__blocks(lb_ctx *ctx, const lb__tower *t, const lb__rows *r, lb__var *x) {
    const size_t L = (size_t)t->d.layers; size_t i; lb__tape *tape = ctx->tape;
    lb__block_arg *arg = (lb__block_arg *)lb__arena(ctx, L, sizeof *arg);
    if (!arg) return NULL;
    for (i = 0; i < L && x; i++) {
        const int last = i + 1 == L && !ctx->whole;
        arg[i].t = t; arg[i].b = &t->block[i]; arg[i].r = r;
        if (tape && !x->wants && !lb__block_trained(arg[i].b)) ctx->tape = NULL;
        if (last) { lb__scope_node *s = lb__scope_begin(ctx, x); x = lb__scope_end(ctx, s, lb__block_last(ctx, &arg[i], x)); }
        else if (ctx->tape && ctx->tape->recompute) x = lb__recomputed(ctx, lb__block_run, &arg[i], x);
        else { lb__scope_node *s = lb__scope_begin(ctx, x); x = lb__scope_end(ctx, s, lb__block_run(ctx, &arg[i], x)); }
        ctx->tape = tape;
        lb__watch(ctx, "block", i, x);
    }
    return ctx->whole ? lb__gather(ctx, x, r->pooled, r->S) : x;
}

/* ---- 7.1 vision ---- */

typedef struct lb__im2col { const lb_tower_desc *d; const float *x; float *y; const uint32_t *keep; size_t T, H, W, F, K; } lb__im2col;
/* Row (clip, frame, j) holds the pixels of patch keep[clip][j], channel slowest: channel, frame in tube, row, column. */
static void lb__im2col_run(void *arg, size_t i, size_t end, int worker) {
    const lb__im2col *m = (const lb__im2col *)arg; const lb_tower_desc *d = m->d; const size_t C = (size_t)d->channels, U = (size_t)d->tube, ph = (size_t)d->patch_h, pw = (size_t)d->patch_w;
    size_t c, u, y;
    (void)worker;
    for (; i < end; i++) {
        const size_t b = i / (m->K * m->F), f = i / m->K % m->F, j = i % m->K, p = m->keep ? m->keep[b * m->K + j] : j, gy = p / (size_t)d->grid_w, gx = p % (size_t)d->grid_w;
        float *o = m->y + i * C * U * ph * pw;
        for (c = 0; c < C; c++) for (u = 0; u < U; u++) {
            const float *s = m->x + (((b * C + c) * m->T + f * U + u) * m->H + gy * ph) * m->W + gx * pw;
            for (y = 0; y < ph; y++, s += m->W, o += pw) memcpy(o, s, pw * sizeof(float));
        }
    }
}
/* B clips x [B, C, T, H, W] -> [B, E], not yet of unit length.  keep [B, K]: the patches of each clip that are looked at, the same in all
 * of its frames; NULL: all.  H and W may exceed grid * patch: the rest is not looked at, as a convolution would leave it. */
static lb__var *lb__vision(lb_ctx *ctx, const lb__tower *t, const float *x, size_t B, size_t H, size_t W, const uint32_t *keep, size_t K) {
    const lb_tower_desc *d = &t->d; const size_t D = (size_t)d->width, cols = (size_t)d->channels * (size_t)d->tube * (size_t)d->patch_h * (size_t)d->patch_w;
    lb__im2col m; lb__var *h, *y; lb__rows r; lb__mark mark; size_t i, *pooled;
    memset(&r, 0, sizeof r);
    m.d = d; m.x = x; m.keep = keep; m.T = (size_t)d->frames; m.H = H; m.W = W; m.F = m.T / (size_t)d->tube; m.K = keep ? K : (size_t)d->grid_h * (size_t)d->grid_w;
    r.F = m.F; r.S = B * m.F; r.T = 1 + m.K;
    if (!(pooled = (size_t *)lb__arena(ctx, r.S, sizeof *pooled))) return NULL;
    for (i = 0; i < r.S; i++) pooled[i] = i * r.T;
    r.pooled = pooled;
    /* the embedding's result is made first, so that the patches can be given back */
    {
        lb__rows *kept = (lb__rows *)lb__arena(ctx, 1, sizeof r);      /* backward nodes hold it */
        lb__var *out = NULL, *p;
        if (!kept) return NULL;
        *kept = r;
        if (!ctx->tape && !(out = lb__var_new(ctx, r.S * r.T, D))) return NULL;
        mark = lb__arena_mark(ctx);
        if (!(p = lb__var_new(ctx, r.S * m.K, cols))) return NULL;
        m.y = p->x;
        lb_parallel_for(ctx, r.S * m.K, LB__MAX((size_t)1, 8192 / cols), lb__im2col_run, &m);
        h = lb__assemble(ctx, t->cls, t->pos, lb__linear(ctx, &t->patch, 0, D, p, NULL, LB_ACT_NONE), keep, r.S, m.F);
        lb__watch(ctx, "embed", 0, h);
        if (t->pre.w) { h = lb__layer_norm(ctx, &t->pre, h); lb__watch(ctx, "pre_norm", 0, h); }
        if (out && h) { memcpy(out->x, h->x, out->n * D * sizeof(float)); h = out; }
        if (out) lb__arena_rewind(ctx, mark);
        h = lb__blocks(ctx, t, kept, h);
    }
    y = lb__mean_frames(ctx, lb__layer_norm(ctx, &t->post, h), m.F);
    lb__watch(ctx, "pooled", 0, y);
    y = y ? lb__linear(ctx, &t->proj, 0, (size_t)d->embed_dim, y, NULL, LB_ACT_NONE) : NULL;
    lb__watch(ctx, "projected", 0, y);
    return y;
}

/* ---- 7.2 patch masking ---- */

static size_t lb__mask_count(size_t patches, double ratio) { const size_t k = (size_t)((double)patches * (1.0 - ratio)); return k ? k : 1; }
/* A uniform subset of K of P patches, ascending, for clip `clip` of the run's `seed`, which are all that it depends on: patch after patch is
 * kept with the share that is still wanted of those that are left. */
static void lb__mask_draw(uint64_t seed, uint64_t clip, size_t P, size_t K, uint32_t *keep) {
    lb__rng r = lb__rng_new(seed, clip); size_t p, left = K, n = 0;
    for (p = 0; p < P && left; p++) if (lb__rng_below(&r, (uint32_t)(P - p)) < left) { keep[n++] = (uint32_t)p; left--; }
}

/* ---- 7.3 text ---- */

/* n texts, ids [n, stride]; each is read up to the first position of its largest id, which is pooled.  -> [n, E], not yet of unit length */
static lb__var *lb__text(lb_ctx *ctx, const lb__tower *t, const int32_t *ids, size_t n, size_t stride) {
    lb__rows *r = (lb__rows *)lb__arena(ctx, 1, sizeof *r); size_t *offset = (size_t *)lb__arena(ctx, n + 1, sizeof *offset), *pooled = (size_t *)lb__arena(ctx, n, sizeof *pooled), *at, i, k, rows = 0; int32_t *id;
    lb__var *h, *y;
    if (!r || !offset || !pooled) return NULL;
    memset(r, 0, sizeof *r);
    for (i = 0; i < n; i++) {
        const int32_t *p = ids + i * stride; size_t end = 0;
        for (k = 1; k < stride; k++) if (p[k] > p[end]) end = k;
        offset[i] = rows; pooled[i] = rows + end;
        k = ctx->whole ? stride : end + 1;
        rows += k; r->T = LB__MAX(r->T, k);
    }
    offset[n] = rows;
    id = (int32_t *)lb__arena(ctx, rows, sizeof *id); at = (size_t *)lb__arena(ctx, rows, sizeof *at);
    if (!id || !at) return NULL;
    for (i = 0; i < n; i++) for (k = offset[i]; k < offset[i + 1]; k++) { at[k] = k - offset[i]; id[k] = ids[i * stride + at[k]]; }
    r->S = n; r->F = 1; r->offset = offset; r->pooled = pooled; r->causal = 1;
    h = lb__embed_tokens(ctx, t->token, t->pos, id, at, rows);
    lb__watch(ctx, "embed", 0, h);
    h = lb__blocks(ctx, t, r, h);
    y = lb__layer_norm(ctx, &t->post, h);
    lb__watch(ctx, "pooled", 0, y);
    y = y ? lb__linear(ctx, &t->proj, 0, (size_t)t->d.embed_dim, y, NULL, LB_ACT_NONE) : NULL;
    lb__watch(ctx, "projected", 0, y);
    return y;
}

/* ==== 8 >>text ===================================================================================================================
 * CLIP's byte-pair tokenizer: clean a text as the reference does, cut it into words, merge the bytes of each word, and back; and learn a
 * new vocabulary.  ASCII takes a short way; everything else goes through code points.  Mojibake repair is left out.
 * Calls: base, parallel (scratch memory).  Held by: tests/test_text.c */

/* ---- 8.1 Unicode ----
 * The tables are written by tools/data/make_unicode.py, which documents their form. */
/* tables begin */
/* Unicode 14.0.0, HTML 5 entities */
static const char *const lb__class_data[] = {
"9054>054601@601@10:21@60J9301@101@J9:014J014701@1019201@101@20221@19102@1219103210G910O910S69114941`6911K9BA4@<A>@5A7@1A1@1AQ4@491A1@29201A391019402@191@39101910D91",
"0c2910[49107@V5910V19201A501@Y1980]1@101@102@102@101@80K14041101@;06@:0;@101@30P111A:1E@:240211@S3110118@106@2A2@104@21:2312011q01@111@N1K@20i21;@11>0:2Q119@2A401A2",
"01@20F14@1A9@1A3@1A5@B0I13@40;150H11@61102@608@Y111Ai1@10f111@101@11308@401@20117@:12@20:2101Aq11@3081202120F1107110113041201@11304@801@11=02110312@20:2212062201110",
"1@202@2061402120F11071102110211021201@402@402@203@301@7041101170:22@311@;02@2091103110F1107110211051201@11305@102@401@2011q0212@20:290116@101@3081202120F11071102110",
"51201@11101@104@801@702@502110312@20:2101162:01@111061303110413021101110213021303130<1601@<01@2011E0=2=01@301@81103110G110@1201@113@503@104@702@1031201120212@20:280",
"7210111@3081103110G110:11051201@11101@601@502@q02110212@20:21021=02@2091103110Y112@11304@801@1150311072312@20C21061101@30B130H1109110112071301@703@101@q0:2A0`111@21",
"7@50611A8@10:2W10211011105110H1101110:11@219@112051101A106@20:22041P1011G02@60D2101@101@101@608110T1140>@105@102@51;@10T1@901@i10[11204@106@102@202@11:26061202@413@",
"11302170314@=11@202@601@1110:2301@20V191019501920[19101A39Y:1104120711011104120Y11104120Q11104120711011104120q110i11104120S21203@90D230@1@0f29206930pC120A114J150[21",
"30328170B13@:0C12@<0B12@<0=11031102@<0d112@107@801@20;@301A40111@20:260:2A05@:260S111Ae1170512@R111@1150V21:0O1103@402@901@603@:0:2N12051;0p1140J160;2U10G12@201@40e",
"11101@107@101@101@208@60:@201@:260:2=01A80O@a104@10_111@105@101@501@208130:2A09@<02@10N1104@202@103@21:2p111@102@301@103@>0T11808@202@80:23031:2N16A209970[192039@03",
"@10=@107@411@611@21102@1150p19o1A=91AR19U1AP2@f89206920V192069208910191019101910O920e1910791@193@3910793@492069103@=93@203910792@10;45@802@:01@201@245@14_10145@10:@",
"121A2062501A:260=Ac10Q1@A019401920:91019305960191019101910491069411920495059401910@2P1:322952fF0l12J0d18F2fC0N2pS10l392AW3960493@29901220V191019501920h11701Aq01@G19",
"071107110711071107110711071107110P1@_101A`>014401A1112I0924@305A20321A1140f21204@2A1110j21103A1150[1110n213042:0P11`10@1P10:2N08210q2P10:2W10q2P:0P^61P20e`D11AgS11S",
"20X116A20p811A30@1:221D0^19114@10:@101AL92A2@V21:22@>0G@9A2@^291AG91A2@4911k19502910191059H03A29112A19711@311@411@G1202@501@3062:0d11>0b11@02@:0:260B@61301110211@:2",
"L18@20G1;@>0M1303@10_111@204@202@A01A:260511@1A91:25110Y116@202@202@90311@811@30:260@11A613011101@10b111@113@212@512@111@11H0211A20;1102@40112A101@:0612061206190711",
"07110[191@4A991A2@40`29S11201@201@401@20:260Tm:1<0G140a11TX80^;120Z31V1079<05950111@:110=1105110111021102110p31A@@0[;1B0P2120f11X10<140@@301@<0@@R101@201@J05110W412",
"01@701@601@10:21@60J9301@101@J9;0:11A]112AO13061206120612031601@E03@40<110J110C1102110q120>1R10k31<0]12<0i12A022a301@R40M130a11q01@K240P114290D112811250V115@50N120T",
"1140811052Z10`29^2120:260T1940T1940X1180d11<0;910q91079102910;910q910791029S20g9190F1:081H06A10Z1A109AU2061201110p111021301120G12082G12072O18092`10C110215052F16240J",
"1V20h11402221@220^12113@102@504@41103110M1203@401@92G0M12210M132P108110L12@4052@0f11:0F12082C15082B1G072`20Y21g10c19=0c197062T114@80:2V90O210Z11102@3021^20M1:21180F",
"1;@42K0B14@Z10E172D0G1:01@10e11q@;0N21@212@11903@10]11304@202@201@401@:01@20I170:2603@T115@108@10:24011201180S111@2011902@10`11309@2041404@201@:211101140D2;0B110I13",
"03@201@102@601@Q20711011104110q110:170_111@308@50:2602@3081202120F1107110211051102@11201@q011<051407@305@[40e11308@203@101@4150:2401@31N0`11306@101@402@102@21101180",
":2V50_11304@602@102@G0412@R10`11308@201@102@3011;0:2V10[111@101@206@101@1170:2f10K1203@204@105@40<24071i50p11309@102@U30P29C2<08120112081102110H1;02@101@111011101@<",
"0:2V208120W11304@202@401@111011L011:@X116@10114@801@80116@203@^11=@102@3011B0Y21W809110U11107@106@101@11q0M250N120F@207@102@102@Y2071102110V116@301@102@107@111@80:2",
"6061102110P11602@301@101@1170:2f90C12@k5011q0E2[10jL1V30_32A0T61pb20Q31q0_Q11109@Wn30WB1i]80iA170O110:260_2110:260N1205@;0`117@904A<0:2107210E150C1`E0P29G2Y30[21401",
"@11n104@=AP202A101A1@K0ho5180fV11Z1091Wg804A107A102A10S91]1031A04180p<1TX20[3150=1309170:1302@104@lb40^1@20G@PA03@90@@207@N04@d403@k40D2p30I2W40e2910W29102920192029",
"204910<91019107910Q2910492089107910L9104910591019307910d:920I910I910O910I910O910I910O910I910O910I9108920b12P@0g1@40b1@801@>01@F05@10q@`R10:911D9Q707@10A@207@102@105",
"@e60]11307@7A20:24011Q:0N11@A0p114@:2VW10711041102110q110U6120927@Y10T297@1A40:2gH0k1210321042p20]1210q2R604110K110211011201110:110411011101160114011101110111031102",
"1101120111011101110111011102110112041107110411041101110:110A15031105110A1TB0=2S10J860J860J8aC05@`o10:2VP10PgY11P10iQ4170n6120Rd51>0aY71oP30n@1R_10[j41eUk10", "" };
static const char *const lb__lower_data[] = {
"Q2d1P2V3^1P22>P2R1a124723A23_1222a717242T=15222l<12224j<12232n412d<12f<12222j<12n<22V=12R=12242V=12Z=22p=17222d=12222d=32222d=12224b=15222f=1224228241222241222241C2",
"3C232415222Q612_31Y1222S82C282fRE12222U:12`RE32222U<12Z412^41;2R95242292X772p226Z222P424n32R1P22BP2T12@9I262g332222=12236S81P1P51P2P2a1S12:g1222N1q23Q323p2P3Zj2p2PV",
">22PV>62PV>cFP5Pm[21<@kT2f2ok536ok5Q:g42:2mk>2Q32:@q9<q;@q9@q9<q<9q9@qI@q9@q9@q94q14c412A<8[512A<4q14W6=4q14o612=<4o714k712AZ92ie>42m[@12[T@72h1^1P1P1D22cId1d1ai1P3",
"P3a12222]oD12[^712]nD37222gQE12ioD12mQE12kQE22232294mSE1U32952522^ZN_12DM2X4q24o12;5222WPU21;252222_bb23524E222Wdb212mdb212edb212Qdb212Wdb222Sab212cbb212Yab212Pj11A",
"222o212Udb212_SU2152722652M22piEd1P2VV1`2`2Y4X2`2m4F^22N^22>^224^2[g1V3P4^o2P2P2QpEP2P2QeNT2T2", "" };
static const char *const lb__ccc_data[] = {
"PHEV701X704l601X701h605l602Z604l602Z60;l605104l608V701`701V703l603V702l613V704l601V701X702l601V701Y702Z701Y702Z701Y70=V7c85V7Y81l604V701l603V701n601l606V706l602V701",
"l602V701n601T701V701:01;01<01=01>01q01@01A01B02C01D01E01F11G11H01I11V701l611BX28V701N01O01P1`11K01L01M01N01O01P101Q101R102V702l605V701l602V701l6@1S1U37V724V701l601V",
"722V711l602V701l6S11T1N1V701l602V701l602V703l601V702l601V701l603V701l601V701l601V701l601V701l602V7P57V701l601V791l6H4V719V713V715V7[13l6l11V703l604V7Z15V705l60>V711",
"l602V701l602V701l603V703l601K01L01M03V701l602V702l605V7l117@1931V701l602V7W317@19`11V7m117@19^317@19^317@19o319^317@1971d201k2U317@19]329@19l319]32W3019=4[3p32f3019",
"=4j3p22l6K1l611l611h6g11Q401R411T454R421R412V701912V7n11l6`317129b21l6_F3V7dM29N19m419:1V7[61T7_41n601V701l6k61V701l6W219D8V721l6`15V706l602V701l612l602V702l605V701",
"l604V7U317q19V11V701l607V7f129j117;29S217h43V711105l602V704l601V717141l661V732V7V62V701l607V701l602V701Z701f601l601Z60U1V701X702T701l601j601V701Y701l601V701l6`F2V70",
"2104V703102V741V732101V701l601V702104l601V7no23V7]419P3P1V7ZA1j601T701X701n602P7Y328d^M1V74:V7P12V7`22V7d819U119g419KBV7i13l6U119o217<19_71V712V701l622V752V711V7d11",
"9f719`iC1JQH7V707l602V7]N1l6R71l6e45V7bd11l611V7X11V701101l6419U51V701l6mA4V7S<2V7i42l603V701l601V704l6a11V701l601V701l6P619Y119>19i119017U23V7`129n117p219917Z31901",
"7b517019`227@19H7V735V7]619317G1V7S319017k719017n319f319017c319]819017R829417l419c219B19a219U=19R817129a219hZC51k17V7iU126pUC11VV52h603131R705h688l625V702l6N4V7d43V",
"7k]37V71AV727V712V715V7U87V7g;1V7m14V7P_17l6]36V7017", "" };
static const char *const lb__decomposition_data[] = {
"e2PH111121111113221781111151217:3_C3113321a411WGP42IU3P82H1W3Io3p3C1X3Ic35@c<2<e12g3Wh2T[51PQh1]3g@Ii::3b7QLeQ^191111P62R41401601801@01D02p141241401601@01281401601@",
"028:1221401601801@032<1401601@014832@1401601801@01D02p141241401601@01281401601@028:1221401601801@032<1401601@01482@01:_31:P21<o11<P21^1o11^1P214k114P216o116P21>o11>",
"P21Ho11HP21Hm11HP23:m11:P21<o11<P21>o11>P21^1o11^1P21Ho11HP216k116P21<o11<P21>o11>P21p1o11p1P216m116P238m118P21:o11:P21<o11<P21^1o11^1P21>o146216P21p1m11p1P224m114P",
"21p1o11p1P21Ho11HP254k114P21p1o11p1P21Ho11HP24:m11:P21<o11<P21Fo11FP234i114P21p1o11p1P21Ho11HP214m114P216o116P21p1o11p1P21Ho11HP21p1m11p1P21Ho11HP238m118P21:o11:P21",
"<o11<P21Do11DP21Fo11FP21^1o11^1P216k116P216k116P21@o114214P21>o11>P21Ho11HP2R1R1e21R1P2>R1c11R1P2MHW31HP21H_11HP21Hc11HP21Hc11HP21:^61:P214o114P21Ho11HP212o112P22:_",
"31:P21:TD1:21:QF1:P23Hm91HP21Hg11HP21^1g11^1P21:fG1:21HW31Hf=1H_R144U214P232a112P214^514P214m114P214K14P21J];1JP21Lo11LP21Jg11JP21Lo11LP21Jg11JP21Lo11LP21Jc11JP21Lo",
"11LP21Ji11JP21Lo11LP21Ji11JP21Lo11LP21Z1S21Z1P21Z1m11Z1P23Hg21HP27>]21>P21p1g11p1P21:R71:P21:Q21:P21>[:1>P21:nK1:21:[M1:P2]80^X110220T115E`10m4:0kW174j614b^110c]114",
"l]114414424<24<14814R2J@Q31@H14H14814414414T1J@S11@H14;14<14854B1@0p12V41@02434@I54X11231<F;<EP1<P2G251@02434@V254g11231<FHJR31J2Z2<m51<P2><[21<P21@o11@P23<e11<P23@",
"V:1@21@U<1@P21@m11@P23:m11:P21@o11@P21@c11@P23@d:1@21@g;1@P21:c21:P21@o11@P21Fo11FP21@g11@P23@g11@P2Y9^2hM1`201`2R21b2Q21`2V2j4`2f82`2W1A`2R1fBd2pU18d2@3d26T1e2k11e",
"221e221e2:1e2:1e221e2B1e28p3h2`91j20@g2[21g222g2Jd2m2V83m2<S1m2S21m221m2:3m2NZ7R3hA3P301T30@o2[21o22g1X3P7f1V3X31V321X31l3Z3P8h3^3b77^3>1`302p301^38o3b3h71b321d31^4",
"f3V92h301f361j35U;U4bF:U4D5U4:5U4:5U4:=S4e1:m3R32o301Q4R42Q429Q4S4BU4R2:U4D5U4:5U4:5U4:=S4e1]3V4Z9Pg2X4P^52X442X442X442X444X48Y1X4b22X443X441X422X46mEX1Q`=1X1P21>m1",
"1>P21T1o11T1P21f1o11f1P214Z614P21>U:1>P21T1o11T1P21f1o11f1P21p1o11p1P21`1o11`1P212l:1221411421`1k<1`1P21d1o11d1P21<VL1<21>UN1>P21:m11:P21>m11>P21T1o11T1P21@o11@P21p",
"1o11p1P21b1o11b1P21d1m11d1P214p614P214W:14P21T1o11T1P21f1o11f1P21T1m11T1P21:dl>1:21f1en>1f1P21`1o11`1P214m114P21>o11>P21T1o11T1P21>m11>P21T1o11T1P21f1o11f1P21`1o11`",
"1P214^614P21@o11@P212^512214114214iq14P21>o11>P21>k11>P21T1o11T1P21:`n>1:21f1aPq1f1P21>m11>P21T1o11T1P21>^>1>21>:1>21>R`>1>21>mPq1>P21T1o11T1P21f1o11f1P21`1o11`1P21",
"V1m11V1P21d1o11d1P21`1o11`1P214Vq1421@21@218YA18P21T1o11T1P212m112P214o114P21@o11@P21>o11>P21T1o11T1P21>m11>P21@o11@P21>m11>P216m116P21T1o11T1P21f1o11f1P21f1S11@H1D",
"61D42>p@5T1kC1T1P21Bo11BP214R614P212o112P21Bo11BP218o118P216lk>16214mi>1421211221B11B21811821<ji>1<21T1gUq1T1P21Bo11BP218o118P214Z614P212o112P21Bo11BP218o118P216ll>",
"1621BoVq1BP21T1o11T1P21T1c11T1P21Bo11BP214Z614P212o112P21Bo11BP218o118P216`m>16214ib>1421211221B11B21811821T111T121T1gD1T1P21Bo11BP214dC1421211221B11B21811821T111T1",
"212]E12P21T1o11T1P21Bo11BP218o118P27N`c11P1012nd=1221411421j111j121Nof=1P1012^g=1221411421j111j121NWe=1P1012fe=1221411423Ngg=1P1012Vh=1221411423NSf=1P1012bf=1221411",
"421j111j121Nch=1P1012Ri=1221411421j111j121Nof=1P1012^g=1221411421j111j121N_i=1P1012ni=1221411421j111j121Ncg=1P1012Rh=1221411423NSj=1P1012bj=1221411423NWh=1P1012fh=1",
"221411421j111j122P1gj=22Xk=2402j101Noh=1P1012^i=1221411421j111j121N_k=1P1012nk=1221411421j111j1212_k=10912B10q12D10A12F10C12P110J12=10@12710:3l1Tc=1l121l121l121l121",
"l121l121l121l121l121l121l121l121l121l121l121l1R11l121l121l121l121l121l121l121l121l121l121l121l121l121l121l121l1R31l121l121l121l121l121l121l121l121l121l121l121l121l1",
"21l121l121<kk=1:01l1nk=1l1mk=1l192j1:1l1ZP>1<YR>1:012010E1l1F20`23j1Qa11l1hpq1l1ik=1l1A2j1B1l1nP>12QS>10I12N10K1l1L12`R>1401j101<[P>1:012R110c33j1b21j1R11<Q31:01201",
"0M22XW>1401j101<aS>1:012<10e11NR11P101j181j1<1<[21:012010]11P1V112a_110j]110Yb13l1haq1l1Uk=1l1:2j191l1jR>12]U>10U112j110c11l1d110Y_130ldq102U90cU>40ke110d7_3h1fp@1h",
"14Ch14Oh1h31h181h13e1h1R35h1:3h16Hh1`12h14Kh1^13h1>3h142h16Gh1ePA2h1XRA;h1W11h1QQA1h141h1pRA1h123h1J1h123h161h127h161h123h1>1h123h161h12S1h1f11h1<1h121h14a1h1m21h12",
"1h1X11h127h1P21h121h121h12l10Ve6102bm1i1gb2`[1Z4lf22Z442Z442Z442Z442Z442Z442Z442Z442Z442Z442Z443Z462Z442Z447Z4>1p402Z461p402Z461p402Z461p402Z461p40GZ4Y3:Z4^5>Z4L2Z4",
"42Z442Z442Z442Z442Z442Z442Z442Z442Z442Z443Z462Z442Z447Z4>1p402Z461p402Z461p402Z461p402Z461p40GZ4Y33Z4b41Z421Z421Z424Z4FRPb10fd]110WeB10pmC10SP110]o>10mY@10Vk210^kU1",
"10010eTS110PXL10cTN10Rl110lZ410VW:10ha410d[310fG10lC10^i310iXC10ba110lk110Z`110nU810jb610^X410mfU110V_210nh;10^a310TQ:10Ro;10kpP110fY910Tn:10^i110eYC10n`q10^T310YeD",
"10jT410VU310Ti210Tm>10_dP110RS110^B10pn810nP310jc310^]210da410ZP310p510Vi310Vd410jS210fX110kfB10Vq10RR210bR310fc710fg510aj910]oH10ZR310he>10lQ210gQ710`V310`o910ZS51",
"0mQO10dh110Rk610^l110ZC10PR710`@10XQ<10agQ110bkF10mZG10O10PUD10Tj110VS310XX910Y_510Q[D10Vc310h_@10YpN10lj610fR210Zg910bN10aUA10XnB10gcD10dn710gi810n[q10We310dj;10me",
"D10fY210VZq10`d610RV310o^q10poA10_bA10ch410^nq10Ydq10Zl810][C10f[110P610`[;10pV:10`h210VV410j_310c]O10jD10Rc210bg210b]310bS510hb410VX>10j[210jR210^310USV110fR:10R[2",
"10fnA10k^H10ha110P710dY110bX510pR110Pd110Rd210dR210fW110^[710_S510Zc510^b110UcP110h810dQ110fP>10do;10`N10QnE10hB10ph110VS410PY810ap410QYB10ZQ410l^210VM10TV110pi910^",
";10Rc510h:10ln810Tp210T510P=10iXT110VRE10pP<10X`210]mJ10eU910XU110Xa510R510de410bV210hl310XW210d[710Ph510Ra710Y`L10pjG10YjQ110T_:10`710ld210fE10jf210PE10Ta110ZZ210l",
"d=10Q_S110Rp810dTJ10iTS110l^610R]810Pd@10miG10bK10V]310Pg510n_A10iUR110pN10pU410lj410fC10dE10jS210Rb310hM10^i410pe410T110f^410pa210UjQ110fg=10iY=10Vk>10`p110Tf810bZ",
"810Xk210`T110_`K10XS310jQ:10ia310Z510TG10Sm410]R110n[=10_YN10pWJ10g_H10U310nY610jR210VP=10Qe@10bi810cV310^XD10m^310RP710Sp610_[E10Ui610PX230dY120dQ730[Y:10hd@10Pj11",
"0TW110T210>10d210^l>10_Y=10n_120ZU320p^230Pd210Z<40To310J10h210hX210[]610bm210a`S110bC10p610hG10f110j610hT110b610T610`M10`610hk110D10pR210X=10p210X610je110V910n:10X",
"O10T_210V:10`@10hT110j;10^O10nV210j:10F10110@10<10>10P310210T;10R410nC10XS110Z110`310RC10V910`N10h810010lM10b[210p810fF10`310dI10Z310lZ110T810fZ310hA10h310[lK10bWa7",
"10[]P730SoI10nh110i410_N10ZL10f310^D10V310VZ110_410X410b410`W110b510R910P110l@10p<10dj110>10P910X410fB10p710[410p810k210T910T410PI10`510p310X@10lA10V:10810f310VR210",
"R410^H10dI10O10^510hq10PE10bS310Sg210d710f710^D10Z910Z310T>10410f:10R110b110p510C10hH10ZN10n@10f;10P>10b910dD10^<10jd110j910dh110`L10Z410P110bB10b310i210p310510Q110",
"h410R510lG10PS110dC10^B10j=10pP210^610V710Z810X210H10P310^]110dX210lZT610;10Ri510_Sl710fW210R210PQY810^X510VPA10oh_710f4T2o1Ykp22Q2b1;[2A1]201[2Pfj31]201Q2agj31S201",
"W201W221W221W221W221W221W222W241W221W221W221W222W242W241W222W241W222W241W221W221W221W221U2Y11Y271Y2D1Y2BpZ5^4Z[U42^44q^4DS4`4h81`42l@b4ZQ11d40_;h4TG1f402j40l7l4nq1l",
"42mKn4hg1VQ^1Q5TRl21Q521S5>1U501W501Y501[50g2Q5d51Q521S521S521U511U52PbY20mgQ610910B10R^i610Slh610l410J10^410`710n110l410_110QS>10hiX710i^j610>10P110V110Zji610UVX71",
"0lZ>10p210lki610Wki610J10_]110P^110B10dRP910cno810L10Wb>10he>10F10h210:10Sf>10Tk>10410f110p110F10210R110T310@10B10b110D10410010010jZk610gkp610[Z>10Z110Xhk610_gk610<",
"10Z110`910[610P110P210d310X510d110V410P110R210010Z110T110@10N10XE10o@10RA10[<10V210iV210^^310oA10p210b110S810^:10110f710`Sn610Som610:10N10X110@10P410pdn610T410k_n61",
"0n210H10m410l810_gA10L10hPB10p310010dXo610YPo610Z110N10H10Zbo610aao610>10jd110Qc110QZB10n]B10L10T510U310^eP710QZP710VZP710_WP710510R110Z610210UkB10llB10f210Z110h210",
"]PC10Rbd710]`d710XSC10610610X110`pR910WYR910VSR710010ob`610m]A10010eUC10Rol710TbG10_WQ810B10_XC10^[C10V310D10T210`810]dC10k110`gC10PTS710iPS710R810810410310l210X110",
"X210K10F10n210X110810d110F10T410X510V210h710hkS710mlS710Q410h610f110R610jPT710mlS710i510g110egD10fSE10Z110n110[210ePE10V^E10j110lYU710]RU710ZA10m:10obE10`gE10ahE10W",
"210lZ;10610ff:10W610RQ=10W]N10lcA10810<10j310E10PWV710cWl710R[F10Y710j<10V310`nU710mmU710m610Zq10]gF10ZjF10R610^410l;10foU710_lU710UpG10b`G10phV710UeV710[`G10XbG10j",
"210f110210T]W710Sh>10nn>10gZW710lVX710ioW710L10[610n:10`210b310[310`210N10J10biW710cnW710fq10n310ecH10`iH10710dPX710_]X710ZG10PoW710P310_lW710V710e110510YXI10X[I10V",
"310;10p310`WZ610omY610laX710]pX710nPY710UhX710J10f110`kY710_hY710Z110PZZ710n=10cYZ710R110m]J10b_J10i^J10010nhJ10Z110Z110X110Z410mjJ10bPK10Ta[710__[710Xe[710Sb[710nR",
"f610mhe610Rip710^110h810_TX810H10h^K10nop710110^210d110YQ]710210010f210QaK10TeK10YdK10P510^hY810ml]710l310P410anK10VdZ810op^710Xd^710f210[c^710h510g[L10RaL10D10:10j",
"b_710fB10010ak_710g^L10bjp810Yn_710610SjL10bU]810kj_710SSM10`TM10910j110pXa710URa710SVM10ppM10f310V410QaM10X__810n110k^_810Ph_810mea710Xla710aja710Z610F10Z]b710b410",
"Upb710`db710_cb710n^i610chg710j]N10R510__N10VcN10aXC10T_V810L10SRJ10B10eih610610di610UcU110pRO10;10T110cnG10loG10410D10b210pUd710]Ud710`310p410d410c810d910d210P710W",
"@10^710410P110dUd710ZC10[910cjc810plO10410V210X[g710[Vg710`ld710mld810810PUe810RB10]fe810Z^P110H10F10410P410Q210p810g210^910Q510V410f110mjP110dPQ110P210_PQ110^VQ110",
"610XPg710ohf710>10aZQ110ZpQ110mSZ110VoQ910`;10_Zi810B10bmQ110j410j910f<10VUh710iog710p110d510h510`kh710ebk110aSm510M10X310l^m510cPm510X610dYk710f110aej710j510P210jQ",
"k710UQk710jA10n910210g510jG10h110Znk710mVk710[oU110TRV110Plk710QiQ910j]V110QaL10RgL10TRm710Z=10gjS910@10dfV110dRn710_eT910XnT910eXn710010l110jhn710W]n710mjV110poV11",
"0l710f110h310oRW110TfW910kQP810lB10j;10mRX110n110dWX110^fQ810[mY910jPZ910b@10V810[mQ810YfX110VjX110:10>10D10>10Z210ZpS8", "" };
static const char *const lb__entity_data[] = {
"05AEligjH12MPj415acuteVH15breveXP114circZH21yPR412fr`Pe>15graveRH14lphaTb314macrPP112ndpZZ114ogon`P122pfPWe>1<pplyFunctionTpP114ringfH13scr`cd>24sign`ZR115tilde^H13",
"umlbH09BackslashhRR122rvllZ133wedhPS112cyTR416ecausedVR128rnoullis`UQ122taXb312frdPe>13opfTWe>14revePk213scr`UQ115umpeqhYR104CHcylT413OPYVE15acutehP121pXjR13AitalDi",
"fferentialDdXQ125yleysdUQ115caron`Q124edilnH23ircPQ125onintPVR113dotXQ116edillaPG27nterDotlF12frdUQ112hild318ircleDotTcR165MinushbR164PlusdbR165TimeslbR11GlockwiseC",
"ontourIntegralXVR13BseCurlyDoubleQuotedSP1:5QuoteTSP114olonlVR151e`^Z127ngruentTpR133intlUR13<tourIntegralhUR122pfXPQ136roductPRR12MunterClockwiseContourIntegralpVR",
"114rosslUZ113scrhcd>12uppjR133CapdYR102DDdXQ126otrahdTRY113JcyXP413ScydP413ZcylQ415aggerTTP122rrTdQ123shv`lZ115caronhQ121y`R412ellPR132ta`b312frlPe>1qiacriticalAcut",
"e`F;3DotTk2=9ubleAcutedk2;5GraveP<;5Tilde`k234mond`hR12;fferentialDhXQ113opfpWe>21tPE33Dot`kP135EqualPZR12CubleContourIntegrallUR163DotPE87wnArrowpjQ169LeftArrowPjQ",
"1::RightArrow`jQ1:3Tee`lZ17<ongLeftArrowPoW1>:RightArrowXoW1::RightArrowToW16:RightArrowXjQ1;3TeePeR167UpArrowTjQ189DownArrowdjQ16;VerticalBardTR127wnArrowpbQ193Bar",
"pRY197UpArrowdnQ145BreveTR34qLeftRightVectorPZY189TeeVectorh[Y186VectordgQ1>3BarhZY14>RightTeeVectorl[Y196VectorThQ1q3BarlZY143Tee`dR175ArrowldQ145arrowpjQ113scrlcd",
">24trokPR103ENGXY112THRJ15acuteVI15caronXS123ircZI21ydU413dothR112frPQe>15graveRI16lementPQR114macrXR12>ptySmallSquarepoU15qVerySmallSquarepeU114ogonPS122pf`We>16ps",
"ilondb314quald^Z155TildeXXR138ilibrium`iQ113scrPVQ122imp^Z112talb313uml^I15xistspPR12:ponentialElXQ103Fcy`T412frTQe>1@illedSmallSquare`oU16qVerySmallSquareXeU113opf",
"dWe>24rAllPPR128uriertrfTVQ113scrTVQ104GJcypP411Tj714ammapb351d`k315brevehS115cedilXT123irc`S121ypR413dotPT112frXQe>11gTkR113opfhWe>1;reaterEqualdpR1<4LesspkR179Ful",
"lEquallpR177GreaterXdZ174Lessl^R17:SlantEqualh_Z175Tildep^R113scrXdd>11tp]R106HARDcyXU414aceklh221th;14circ`T112fr`QQ11;ilbertSpacepQQ113opfdQQ12<rizontalLinePPU113",
"scrpQQ124trokhT11;umpDownHumphYR145EquallYR104IEcydR414JligXV113OcyTP415acutefI14circjI21yPS413dotPV112frTRQ115gravebI11mTRQ123acrXU137ginaryIPYQ125pliesXjQ112nt`UR",
"135egralpUR148rsectionXhR12<visibleCommappP195TimesXpP114ogonhU122pfPXe>22taTc313scrPRQ115tildePU114ukcyhP422mlnI05Jcirc`V121yTS412frdQe>13opfTXe>13scrddd>24ercyPQ4",
"14ukcy`P404KHcydT413Jcy`Q414appaXc315cedilhV121yXS412frhQe>13opfXXe>13scrhdd>04LJcyTQ411Tb715acuteTW124mbdapc322ngXmW128placetrfXRQ122rrhcQ115carondW124edilpW121ypS",
"41qeftAngleBracketPmW154rrowPbQ193Bar`lQ19:RightArrowhhQ147CeilingPQS14=DoubleBrackethlW16;wnTeeVectorTpY186VectorphQ1>3BarT[Y145FloorXQS14:RightArrow`bQ196VectorhY",
"Y143TeepdR175Arrow`dQ176VectorX[Y157riangleXfR1<3BarliY1<5Equal`fR14<UpDownVectorTZY169TeeVectorPpY166VectorlgQ1<3BarP[Y146Vector`gQ1:3BarXZY145arrowPjQ14:rightarro",
"w`jQ12>ssEqualGreaterXkR149FullEqualhpR147Greaterh^R144LessTdZ14:SlantEquald_Z145TildeX^R112frlQe>11lPkR128eftarrowXkQ115midotlW11<ongLeftArrowdnW18:RightArrowlnW14",
":RightArrowhnW149leftarrowPoW18:rightarrowXoW14:rightarrowToW122pfpXe>2<werLeftArrowTcQ15:RightArrowPcQ113scrXRQ121hPfQ124trokTX111tX]R103MapdPY112cy`S41:ediumSpace",
"l[P127llintrfpVQ112frPRe>18inusPluspRR113opf`Xe>13scrpVQ111u`c304NJcyXQ415acutepX115caronlX124edildX121ydS41BegativeMediumSpacepQP18:ThickSpacepQP1;6nSpacepQP18=Ver",
"yThinSpacepQP12BstedGreaterGreaterp]R168LessLessX]R125wLineX112frTRe>16oBreakPpP12>nBreakingSpacePD22pfdRQ121t`mZ139CongruentXpR145upCapd]R13ADoubleVerticalBarhTR13",
"7ElementTQR144qualPpR185TildeYXR1hI45xists`PR137Greaterl]R1:5EqualT^R1:9FullEqualmpR1hI:7Greater]]R1hI:4LessT_R1::SlantEquali_Z1hI:5Tilded^R13<HumpDownHumpiYR1hI75E",
"qualmYR1hI3<LeftTriangleXmR1q3BarmiY1hIq5Equal`mR152ssh]R175EqualP^R177GreaterP_R174LessY]R1hI7:SlantEquale_Z1hI75Tilde`^R13DNestedGreaterGreaterYdZ1hI98LessLessUdZ",
"1hI38PrecedesP`R1;5EqualmeZ1hI;:SlantEqualPlR13>ReverseElement`QR14<ightTrianglepmR1@3BarQjY1hI@5EqualdmR13<SquareSubsetmaR1hIq5EqualXlR1;6persetQbR1hIA5EqualplR145",
"ubsetY`R1bV895EqualPaR156cceedsT`R1;5EqualQfZ1hI;:SlantEqualTlR1;5Tildem_R1hI56perset]`R1bV8;5EqualTaR135TildeTXR185Equal`XR189FullEquallXR185TildeTYR13;VerticalBar",
"`TR113scrTed>15tildeVJ11udc305OEligXZ115acute^J14circbJ21yhS415dblacPZ112frXRe>15graveZJ14macr`Y123egaTe325icronlc313opfhXe>1CpenCurlyDoubleQuote`SP195QuotePSP111r`",
"ZZ113scrXed>24lashRK15tildefJ33meslVZ113umljJ16verBarhWP154racehkS183ket`fS14;Parenthesis`kS108PartialDXPR112cylS412frpRe>12hihd311iPd318lusMinusTF1<oincareplane`QQ",
"122pfTSQ111rpgZ126ecedesX_R185EqualleZ18:SlantEqual`_R185Tildeh_R123imepVP125oductlQR137portionlVR1:2aldSR113scrped>21iPe304QUOTZ412fr`Re>13opfXSQ113scr`ed>05RBarrP",
"RY112EGjE15acute`Z122ngpmW122rrPdQ142tlhRY115caronP[124edilhZ121yPT411e`SQ12<verseElementpQR18:quilibriumpiQ17=UpEquilibriuml]Y112fr`SQ112hoTd31@ightAngleBracketTmW",
"164rrowXbQ1:3BardlQ1:9LeftArrow`hQ157CeilingTQS15=DoubleBracketllW17;wnTeeVectord[Y196VectorXhQ1q3BardZY155FloorpQS153TeeXdR185ArrowhdQ186Vectorp[Y167rianglepfR1=3B",
"arPjY1=5EqualdfR15<UpDownVectorlYY179TeeVector`[Y176VectorhgQ1=3Bar`ZY156VectorPhQ1;3BarpZY155arrowXjQ113opfdSQ12:undImpliesP^Y11:rightarrowpkQ113scrpSQ121hTfQ11:ul",
"eDelayed`nY106SHCHcyTU422cyPU415OFTcy`U415acuteX[111c`gZ124aronPp124edilh[123irc`[121yTT412frhRe>1=hortDownArrowpbQ159LeftArrowPbQ15:RightArrowXbQ157UpArrowTbQ114ig",
"mapd31:mallCirclePSR113opfXYe>13qrtXSR124uareTdU16<IntersectionpbR166SubsetlaR1<5EqualTbR186persetPbR1>5EqualXbR165Union`bR113scrhed>13tarhhR112ubPjR133setPjR165Equ",
"alh`R126cceedsp_R185EqualPfZ18:SlantEquald_R185Tildel_R135hThatpQR121mTRR121pTjR135ersetp`R185Equall`R133setTjR105THORNjK14RADEXTQ114SHcypQ422cyhT412abT121u`d315car",
"on`p124edilXp121yXT412frlRe>18herefore`VR132taPc328ickSpacem[P1ZP836nSpaceTQP114ilde`WR155EqualpXR159FullEqualdXR155TildePYR113opfpYe>18ripleDotpkP113scrled>24trokh",
"p106UacuteZK22rrlcQ144ocirTYY114brcyhQ433eve`]114circ^K21ypT415dblacP^112frPSe>15graveVK14macrX]117nderBarl;64racelkS193ketdfS15;ParenthesisdkS123ionphR154PlushaR11",
"4ogonX^122pf`Ye>16pArrowTbQ173BarXRY179DownArrowdhQ129DownArrowdbQ12;Equilibriumh]Y123TeeddR155ArrowddQ125arrowTjQ129downarrowdjQ12<perLeftArrowhbQ15:RightArrowlbQ1",
"22siXj343londd314ringh]113scrPfd>15tildeP]113umlbK05VDashpeR113barpmZ112cyXR414dashTeR151lhlZ112eeThR124rbarhRP131thRP147icalBarpTR184Line`q89SeparatorP[W185TildePX",
"R13:yThinSpaceXQP112frTSe>13opfdYe>13scrTfd>15vdashXeR105Wcirc`^114edgePhR112frXSe>13opfhYe>13scrXfd>03XfrpSe>11ihc313opflYe>13scrpfd>04YAcylU413IcylP413UcyhU415acu",
"tefK14circh^121ypU412fr`Se>13opfPZe>13scr`fd>13umlP_104ZHcyhR415acuteT_115carond_121ylR413dotp_11=eroWidthSpacepQP122tahb312frPUQ113opf`TQ113scrdfd>06aacuteVL15brev",
"epP111chWR121EiWR1cI21dlWR123ircZL23utebF21yPV414eligjL11fTpP121rhSe>15graveRL16lefsymdVQ132phdVQ123phaTf314macrTP132lglWZ121pj412ndlTR133anddZZ131d`[Z135slopeP[Z13",
"1vX[Z121gPTR131e`dY132lePTR133msdTTR162aaPeY171bTeY171cXeY171dpeY171e`eY171fdeY171gheY171hleY132rtlSR152vbhgR171ddcY133sphXTR141tdH34zarr`_S114ogondP122pfXZe>11pPYR",
"121EP^Z124acirl]Z121eXYR122idpYR122osl424proxPYR162eqXYR114ringfL13scrhfd>21tX523ympPYR152eqdYR115tilde^L13umlbL17wconintpVR123intTRZ104bNotdmZ117ackcong`YR147epsil",
"onhn345primedVP143simdWR172eqdiR124rveedgR133weddPS162gedPS113brkdfS144tbrkhfS114cong`YR121yTV414dquohSP115ecausdVR161edVR125mptyvPfY123psihn324rnou`UQ122taXf331hhV",
"Q134ween`]R112frlSe>15igcapXhR143irclmU142upphR134odotPPZ144plusTPZ145timesXPZ135sqcuphPZ143tardPV13<triangledowndgU1;2uppfU135uplus`PZ133veeThR135wedgePhR115karowd",
"QY11;lacklozengepmY156squareXeU158triangle`fU1=4downhgU1=4leftXhU1=5rightPgU132nkpTT123k12XbU1414TbU13234pbU123ockPaU112nee7UW834quivUpR1UW822otPRS113opfpZe>21tddR1",
"33tomddR124wtiePiR123xDLlZU141R`ZU141lhZU141rpZU131HPZU141DhpU141UT]U141d`pU141ulpU132ULd[U141RX[U141l`[U141rT[U131VTZU141H`]U141LppU141RPpU141hp]U141lXpU141rl[U133",
"boxTiY132dLdZU141RXZU141lPRU141r`QU131hPPU141DdpU141UP]U141d`UU141u`VU135minuslcR134plushcR135timesPdR132uLp[U141RP[U141lPSU141r`RU131vXPU141HX]U141LTpU141Rh[U141h`",
"WU141l`TU141r`SU115primedVP114revePk224vbarjD13scrlfd>23emilYP122imdWR141ediR122ol`;41bdhY144hsubPiW113ullXTP142etXTP122mphYR141EheZ141elYR151qlYR106cacutelP121pTUR",
"133and`XZ135brcupTYZ133cappYZ142uplXZ133dotPXZ131sUUR1P`o123retTXP132onlh214capsdYZ133rondQ124edilnL23ircTQ123ups`YZ152smPZZ113dotpQ114edilRG25mptyvXfY122ntZD45erdo",
"tlF12frPTe>13hcylX423eckpRW154markpRW121ilh312irpiU131EphY131chh242eqlZR14;learrowleftXgQ1;5rightpgQ162dRhE71SPiT173astpcR174circXcR174dashdcR131elZR135fnintPRZ133m",
"idlmZ134scirXhY114lubsppV153uitppV114olonX751e`ZR161q`ZR123mma`551tP831pTPR142fnPSR146lementTPR163xesXPQ122ngdXR143dotd]Z133inthUR122pf`Ze>33rodPRR131yVE42srlRQ114r",
"arrdfQ123osslRW113scrPgd>22ubliZ141eTjZ131pPjZ141eXjZ114tdotlmR116udarrlPWY161rdVY123eprhkR132sclkR124larrhfQ161pdWY121pXUR135brcapPYZ133caphXZ142upXYZ133dotdaR132o",
"rdXZ131sYUR1P`o124rarrlfQ161m`WY138lyeqprechkR174succlkR153veehiR155wedgeliR133renbD3;vearrowlefthfQ1:5rightlfQ123veehiR123wedliR117wconintXVR123intTVR115ylctydUS10",
"4dArrpjQ113HardpY115aggerPTP124lethPWQ122rrpbQ122shPRP141vpdR116bkarowlQY123lacdk215caronlQ121y`V411dhXQ125aggerTTP132rrXiQ125otseql^Z112egRF23lta`f325mptyvTfY115fi",
"shtl_Y121rTTe>14harlphQ141rXhQ113iam`hR143ond`hR174suithpV141shpV121ePE25gammadk323sinXnR121vlN33idenN67ontimeslhR133onxlhR113jcyXZ415lcornhSS133ropdQS115ollar`422p",
"fdZe>21tTk232eqPZR153dotTZR135minusPWR134plus`RR136squareTdR12<ublebarwedgehPS127wnarrowpbQ14:downarrowsXiQ14;harpoonleftphQ1;5rightXhQ117rbkarowPRY124cornlSS133rop",
"`QS113scrTgd>31ydZ422olhnY124trokTR114tdotTnR122rilgU141fhgU114uarrdnQ123harl]Y116wanglehdY113zcyl[426igrarrloW105eDDotl^Z122otTZR115acuteVM24sterh]Z115caronpS122ir",
"hZR141cZM24olondZR121ydY413dotlR111elXQ114fDotXZR121rXTe>11gXcZ124raveRM21shbZ133dotPcZ111lTcZ126intersllS121lpRQ121sdbZ133dotlbZ114macrpR123ptydPR153setdPR151vdPR1",
"22sppPP14213`PP1514dPP112ngpY122spXPP114ogonTS122pfhZe>13pardjR142slplY123lusT^Z122sidf343londf341vdn315qcirchZR134olondZR123simXXR137lantgtrhbZ174lessdbZ124ualsd73",
"3estl[R132ivTpR152DDP_Z126vparsldlY114rDotpZR123arrT^Y113scrlUQ123dotPZR122imXXR112talf321hRN13uml^M22ro`eP113xclT423istpPR129pectationPVQ139onentialelXQ10=fallingd",
"otseqXZR112cy`X415emalePXV115filigpPk723ligPPk733lig`Pk721rpTe>14iligTPk714jligi<Z313latd]V123ligXPk723tnsTfU113nofXb113opflZe>24rallPPR131k`jR141vTkZ117partintdQZ1",
"15rac12fG513pZQ1514bG515dZQ1516T[Q1518p[Q14223`ZQ1515hZQ14234jG515lZQ1518`[Q14245P[Q14256X[Q1518d[Q14278h[Q132sl`XP123ownXTS113scrpgd>02gElpR121l`aZ115acutedn123mma",
"pf351ddk321ph`Z115brevelS114circdS121ypV413dotTT111edpR121lpkR121qdpR131qlpR135slanth_Z121sh_Z132ccTeZ133dotP`Z161oX`Z171l``Z131l]kR1P`o142es`bZ112fr`Te>11gp]R121gT",
"kR114imellVQ113jcypZ411ll^R121EXbZ121addZ121j`dZ112nET]R122apXaZ144proxXaZ121ePaZ131qPaZ141qT]R123simllR113opfP[e>14raveP<13scrXQQ122imp^R141ehaZ141lPbZ111tj722ccld",
"Z132irX_Z123dotljR124lPardbY125quest`_Z127rapproxh`Z142rrP_Y133dotljR136eqlesspkR155qless`aZ134lessl^R133simp^R118vertneqqU]R1P`o122nEU]R1P`o104hArr`jQ115airspXQP12",
"2lfdG24miltpQQ124rdcyXY431r`bQ143cirPYY141wdeQ113barlQQ114circdT115eartsdpV163uitdpV124lliphTP124rconTgR112frdTe>17ksearowdTY135warowhTY114oarrloQ124mthtpWR12;oklef",
"tarrowTeQ14:rightarrowXeQ122pfT[e>24rbardRP113scrdgd>24lashlQQ124troklT115ybullpXP124phenPRP106iacutefM11cppP123ircjM21yPW413ecydV423xclVD12ff`jQ121rhTe>15gravebM11",
"iPYQ124iint`QZ132ntdUR124nfin`kY123otaTUQ114jligpV114macrpU132geTRQ144linePRQ144partTRQ132thTV122oflfR123peddf111nPQR124caredPQ123finhSR153tiedkY124odotTV121tpUR133",
"calXgR135egers`TQ144rcalXgR135larhklRZ134prod`WZ113ocyTZ423gonlU122pfX[e>22taTg314prod`WZ115questnG13scrhgd>22inPQR141EToR143dotdnR141s`nR151vpnR141vPQR111tXpP124il",
"deTU114ukcyhZ422mlnM05jcircdV121yTW412frlTe>14mathlV213opfp[e>13scrlgd>24ercyP[414ukcy`Z405kappaXg351vPn315cedillV121yXW412frPUe>15greenPW113hcydX413jcy`[413opf`[e>",
"13scrPhd>05lAarrXkQ122rrPjQ124tailpSY114BarrhQY111EhpR121gpaZ113HarXpY115acuteXW126emptyv`fY124granXRQ124mbdapg322ngPmW141dTbY142lePmW121pd`Z123quo^E22rrPbQ141b`lQ1",
"52fslSY142fsdSY142hkTeQ142lppeQ142plTWY143simp^Y142tlXdQ121tpeZ133ailTSY131edeZ141seeZ1P`o114barr`QY123brkX^W124racepq51kp;32kepaY143sldlaY161udaY115caronhW124edil`",
"W132ilPQS122ubpq21ypW413dcahVY123quo`SP151rhSP125rdharlpY135usharpYY122shXfQ111e`pR127ftarrowPbQ194tailXdQ14;harpoondowndgQ1;2up`gQ14:leftarrowslhQ14:rightarrow`bQ1",
">1shhQ198harpoonspiQ19:squigarrowdeQ14:threetimespiR121gXkR121q`pR131qhpR135slantd_Z121sd_Z132ccPeZ133dotl_Z161oT`Z171rp`Z131gYkR1P`o142espbZ137sapproxd`Z143dothjR1",
"45eqgtrXkR164qgtrpaZ143gtrh^R143simX^R115fisht`_Y124loorXQS121rTUe>11gh^R121ETbZ114harddgQ141u`gQ151lX]Y123blk``U113jcyT[411lX]R123arrlhQ126cornerhSS124hardp]Y123tr",
"iXoU115midotPX124oustPfS164achePfS112nEP]R122apTaZ144proxTaZ121el`Z131ql`Z141qP]R123simhlR114oang`mW132rrdoQ123brkhlW12;ngleftarrowdnW18:rightarrowlnW146mapsto`oW14",
":rightarrowhnW12;oparrowleftpeQ195right`eQ123pard`Y131fd[e>33lusdUZ125times`VZ124wastlRR133barl;21zXiU134engeXiU131fpmY113parP542ltpbY114rarrhhQ126cornerlSS123harpi",
"Q151dd]Y121mhQP123trilgR115saquoTWP122crThd>21hPfQ122imX^R141edaZ141glaZ122qbp;32uoPSP151rXSP124trokXX111tb722cchdZ132irT_Z123dothjR124hreepiR124imesTiR124larrh^Y12",
"5questp_Z124rParhbY131iphU141e`fR141fXhU117urdsharXYY134uharhpY118vertneqqQ]R1P`o122nEQ]R1P`o105mDDotXWR113acrnE22leXXV131tPTW143esePTW121phdQ133stohdQ164downldQ164",
"left`dQ162upddQ124rkerheU115commaTUZ121y`W414dash`RP11<easuredangleTTR112frXUe>12holTQ114icrofF21dpTR133astX533cirPnZ133dotnF23nusXRR151blcR151dPWR161uXUZ113lcppkZ1",
"22drhTP115npluspRR115odelsldR122pfh[e>11ppRR113scrXhd>24tposhWR111u`g326ltimapPgR123mapPgR103nGgUkR1hI21t]]R1bV831v]]R1hI19LeftarrowdiQ15:rightarrowhiQ121lQkR1hI21t",
"Y]R1bV831vY]R1hI1:RightarrowliQ115VDashleR124dashheR114ablalPR124cute`X122ngQTR1bV821pTYR131EQ^Z1hI32id]YR1hI32osTY134proxTYR123turh]V152alh]V171sdRQ113bspRD23umpiY",
"R1hI51emYR1hI13cappXZ133ronPY124edilhX123onglXR153dote]Z1hI22upXXZ121ydW414dashpRP111ePpR123ArrljQ124arhk`TY141rlbQ152owlbQ123dotQZR1hI24quivXpR124searPUY132imYXR1h",
"I24xist`PR161s`PR112frpUe>12gEmpR1hI21eT^R131qT^R141qmpR1hI45slanti_Z1hI31si_Z1hI23simd^R121tl]R131rl]R114hArrhiQ123arrheQ123parXnZ111ipQR121s`oR131dXoR121vpQR113jc",
"yX[414lArrdiQ121EipR1hI23arrXcQ122drdTP121eP^R137ftarrowXcQ15:rightarrowheQ131qP^R141qipR1hI45slante_Z1hI31se_Z1hI41sh]R123sim`^R121th]R132riXmR151e`mR113mid`TR113o",
"pfl[e>21tbE32inTQR151EUoR1hI53dotenR1hI52vaTQR161blnR161chnR132ni`QR152va`QR161bhoR161cdoR113parhTR145allelhTR142sleoZ1UW841tYPR1hI25olint`RZ121rP`R133cuePlR131emeZ",
"1hI41cP`R152eqmeZ1hI14rArrliQ123arrpcQ151c]VY1hI51wecQ1hI29ightarrowpcQ123tripmR151edmR112scT`R133cueTlR131eQfZ1hI31rphd>27hortmid`TR168parallelhTR122imTXR141e`XR15",
"1q`XR123mid`TR123parhTR125qsubeXlR152peplR122ub``R141EehZ1hI41ePaR143setY`R1bV872eqPaR191qehZ1hI32ccT`R152eqQfZ1hI31pd`R141EihZ1hI41eTaR143set]`R1bV872eqTaR191qihZ1",
"hI13tglT_R124ildeVN22lgP_R12;riangleleftXmR1=2eq`mR195rightpmR1>2eqdmR111udg321mp433erohRQ132splPP115vDashdeR124Harr`PY122apeYR1bV824dash`eR122geepR1bV831ti7bV825in",
"finhkY124lArrXPY131eapR1bV831ta7bV843rieafR1bV824rArrpPY134trieefR1bV823simaWR1bV814wArrhjQ124arhkpTY141rhbQ152owhbQ124nearlTY102oSPiT115acute^N22stpcR113cirXcR141c",
"bN21yhW414dashdcR124blacTZ122ivPWZ122otTcR124sold`gY114eligpZ114fcirlgY121r`Ue>13gonpk224raveZN21tThY114hbardfY121mTe313inthUR114larrXgQ123cirhgY134rosspgY123inehWP",
"121tPhY114macrdY123egaTi325icronlg331dhfY133nushbR113opfPpe>13parlfY123erpTgY123lusdbR111rPUR123arrpgQ121dd[Z132er`VQ152of`VQ131fZE31mZG24igofhfR122orhZZ125slopelZZ",
"121vp[Z113scr`VQ124lashRO22olPcR115tildefN33meslbR162ashVZ113umljN14vbardWS103pardTR131ajF44lleldTR133simpnZ141ldoZ131tXPR112cylW415ercntd433iodh533milPVP131pddR134",
"tenkTVP112frdUe>12hihh331vdj324mmatpVQ123onehQV111iPh327tchfork`jR121vhj315lancklQQ161hhQQ142kvlQQ122usp544acirpTZ141bhcR143cirXTZ142do`RR151udTZ141eX^Z142mnVF43sim",
"hTZ143twolTZ111mTF17ointintdRZ122pfTpe>23und^D11rX_R121EpfZ122aplfZ123cue`_R121eleZ131cX_R146approxlfZ147curlyeq`_R142eqleZ147napproxTgZ153eqqdfZ153simPmR143simh_R1",
"23imeXVP151sTSQ122nEdfZ132apTgZ133simPmR122odlQR135falarhUS144lineXRS144surfpRS131pdSR142todSR123simh_R124urelPfR113scrdhd>21iPi315uncspPQP103qfrhUe>13int`QZ113opfX",
"pe>15primelZP113scrhhd>1:uaternionsdQQ143inthRZ123estl752eql[R122otZ405rAarrpkQ122rrXjQ124tail`SY114BarrlQY113Har`pY113aceeWR1aI33utedZ123dicXSR126emptyvpfY122ngTmW",
"141dXbY141eddY142leTmW123quo^G22rrXbQ142apd^Y141bdlQ152fsPTY141cpVY142fshSY142hkXeQ142lp`eQ142pldXY143sim`^Y142tlpdQ141wdcQ124tailXSY132iohVR154nalsXSQ114barrdQY123",
"brkp^W124racedq51kd;32ke`aY143sldhaY161uPbY115caronT[124edillZ132ilTQS122ubdq21yPX413dcalVY125ldharT]Y123quodSP151rdSP122shpfQ113eal`SQ143inepSQ144part`SQ141sdSQ122",
"ctdeU121gjE15fishtd_Y124loorpQS121rlUe>14hardThQ141uPhQ151l`]Y121oTh331vTn319ightarrowXbQ1:4tailpdQ15;harpoondownThQ1<2upPhQ15:leftarrows`hQ198harpoons`iQ15;rightar",
"rowsTiQ15:squigarrowdcQ15:threetimes`iR122ngXk22:singdotseqpZR114larr`hQ123har`iQ121mlQP115moustTfS164acheTfS114nmidhmZ114oangdmW132rrhoQ123brkllW123parh`Y131fppe>3",
"3lushUZ125timesdVZ113parT542gt`bY126polintXRZ114rarrTiQ115saquoXWP122crlhd>21hTfQ122qbd;32uoTSP151rTSP115three`iR124imesXiR122riTgU141edfR141fPgU144ltrihiY116uluhar",
"P]Y111xhSQ106sacutep[114bquoXSP111cp_R121E`fZ122apPgZ133ronTp123cued_R121ePfZ133dill[123ircd[122nEhfZ132apXgZ133simTmR126polintpRZ123siml_R121yTX413dotdhR141bTdR141",
"ehpZ114eArrPkQ124arhkdTY141rPcQ152owPcQ122ctnD22mip724swarTUY126tminushRR141nhRR122xthVW112frPVe>33ownXTS114harpl]V124chcyTY431yPY426ortmidpTR158paralleldTR121yfE14",
"igmaph351fXh351vXh321m`WR133dotX]Z131epXR141qpXR131ghcZ141EPdZ131ldcZ141ElcZ132nehXR134plus`TZ134rarrX^Y114larrPbQ11<mallsetminushRR133shppVZ126eparsl`lY122idpTR132",
"lepTS121tXeZ131e`eZ141saeZ1P`o115oftcy`Y421ll531b`hY142arlWS122pf`pe>15padesPpV163uitPpV131rdTR114qcappbR151s]bR1P`o132up`bR151sabR1P`o123sublaR151eTbR153setlaR182e",
"qTbR141pPbR151eXbR153setPbR182eqXbR121uTdU133areTdU151fXeU131fXeU114rarrXbQ113scrPid>24etmnhRR124milepTS124tarfhhR113tarhPV141fdPV12=raightepsilondn383phidj332nslE1",
"2ubX`R131EdhZ133dotdgZ131eh`R143dotphZ134multThZ132nEpiZ141eXaR134pluslgZ134rarrT_Y133setX`R162eqh`R181qdhZ163neqXaR191qpiZ142imlhZ142ubdjZ151ppjZ122ccp_R146approxP",
"gZ147curlyeqd_R142eqPfZ147napproxXgZ153eqqhfZ153simTmR143siml_R121mTRR122ngX]V121pp`R1311VG312ZF313^F31EhhZ133dothgZ143subPkZ131el`R143dot`hZ134hsolTiW152ubljZ134la",
"rrp_Y134multXhZ132nE`iZ141epaR134plusPhZ133setp`R162eql`R181qhhZ163neqpaR191q`iZ142imPiZ142ub`jZ151phjZ114wArrTkQ124arhkhTY141rTcQ152owTcQ124nwarXUY114zlignK06targe",
"thRS121u`h313brk`fS115carondp124edilpp121yXX413dotpkP115elrecdRS112frTVe>15here4`VR154fore`VR132taPg353symTj351vTj329ickapproxPYR153sim`WR133nspTQP123kapPYR133sim`W",
"R123ornjO14ilde`k223mesnJ51bPdR162arTVZ151dPVZ122ntdUR113oeaPUY121p`dR133bothVS133cirTnZ131fdpe>43orkXkZ122saTUY115prime`VP114radeXTQ126iangledfU184downlgU184leftph",
"U1<2eq`fR181q`[R185rightTgU1=2eqdfR133dot`mU131e`[R135minusXWZ134plusTWZ132sbdiY134timepWZ126peziumXlS113scrTid>31yhX423hcyp[424troklp114wixt`]R12>oheadleftarrowhcQ",
"17:rightarrowPdQ104uArrTjQ113HarppY115acuteZO22rrTbQ114brcyh[433eved]114circ^O21ypX414darrdhQ124blacT^123harh]Y115fishth_Y121rXVe>15graveVO14harllgQ141rhgQ123blkP`U",
"115lcorn`SS162er`SS133roplQS123triPoU114macrp]121lRE14ogonp^122pfhpe>16parrowTbQ129downarrowdbQ12;harpoonleftlgQ195righthgQ123lushaR122sidh341hXj343londh328uparrows",
"PiQ115rcorndSS162erdSS133rophQS123ingl]123triToU113scrXid>14tdotPnR124ildeT]122ridfU141f`fU114uarrPiQ122mlbO16wangleldY104vArrdjQ113BarPmZ141vTmZ114DashPeR115angrt`",
"cY128repsilondn335kappaPn337nothingdPR133phidj341ihj345roptodSR131rdbQ142hoTn335sigmaXh348ubsetneqYaR1P`o1<1q]iZ1P`o157psetneq]aR1P`o1<1qaiZ1P`o135thetaTj34;riangle",
"leftXfR1;5rightpfR112cyXV414dashXdR112eePUR133barpgR132eqX[R124lliphmR124rbar`q31t`q12frpVe>14ltriXfR114nsubY`R1bV841p]`R1bV813opflpe>14propdSR114rtripfR113scrpid>2",
"4ubnE]iZ1P`o151eYaR1P`o133pnEaiZ1P`o151e]aR1P`o116zigzagXcY105wcircd^115edbarl[Z132gelTR151qT[R124ierpPSQ112fr`Ve>13opfP]e>11pPSQ111rPXR124eathPXR113scr`id>04xcapXh",
"R123irclmU122upphR114dtridgU112frdVe>14hArrXoW123arrlnW111ihg314lArrPoW123arrdnW113map`oW113nispoR114odotPPZ122pfT]e>33lusTPZ124timeXPZ114rArrToW123arrhnW113scrdid>",
"24qcuphPZ115uplus`PZ123tripfU113veeThR115wedgePhR106yacutefO31ylY414circl^121ypY412enfD12frhVe>13icylZ413opfX]e>13scrhid>13ucyhY422mlnO06zacuteX_115caronh_121ylV413",
"dot`_115eetrfPUQ122tahf312frlVe>13hcyhV416igrarrdkQ113opfp]e>13scrlid>12wjdQP122nj`QP1", "" };
enum { LB__LOWER_RUNS = 181, LB__CCC_RUNS = 382, LB__DECOMPOSITIONS = 2061, LB__ENTITIES = 2125, LB__ENTITY_BYTES = 14004 };
static const uint16_t lb__width_data[] = {      /* U+FF5F..U+FFEE; 0: see lb__fix_push */
10629,10630,12290,12300,12301,12289,12539,12530,12449,12451,12453,12455,12457,12515,12517,12519,12483,12540,12450,12452,12454,12456,12458,12459,12461,12463,12465,
12467,12469,12471,12473,12475,12477,12479,12481,12484,12486,12488,12490,12491,12492,12493,12494,12495,12498,12501,12504,12507,12510,12511,12512,12513,12514,12516,
12518,12520,12521,12522,12523,12524,12525,12527,12531,12441,12442,4448,4352,4353,4522,4354,4524,4525,4355,4356,4357,4528,4529,4530,4531,4532,4533,4378,4358,4359,
4360,4385,4361,4362,4363,4364,4365,4366,4367,4368,4369,4370,65471,65472,65473,4449,4450,4451,4452,4453,4454,65480,65481,4455,4456,4457,4458,4459,4460,65488,65489,
4461,4462,4463,4464,4465,4466,65496,65497,4467,4468,4469,65501,65502,65503,162,163,172,0,166,165,8361,65511,9474,8592,8593,8594,8595,9632,9675 };
static const uint16_t lb__entity_upper[][3] = { {0xb5, 0x39c, 0x0}, {0xdf, 0x53, 0x53}, {0x131, 0x49, 0x0}, {0x149, 0x2bc, 0x4e}, {0x3c2, 0x3a3, 0x0}, {0x3c3, 0x3a3, 0x0}, {0x3d1, 0x398, 0x0}, {0x3d5, 0x3a6, 0x0}, {0x3d6, 0x3a0, 0x0}, {0x3f0, 0x39a, 0x0}, {0x3f1, 0x3a1, 0x0}, {0x3f5, 0x395, 0x0} };
/* tables end */

enum { LB__UC_LETTER = 1, LB__UC_NUMBER = 2, LB__UC_SPACE = 4, LB__UC_CASED = 8, LB__UC_IGNORABLE = 16, LB__UC_LOWER = 32, LB__UC_CCC = 64, LB__UC_NFC = 128,
       LB__UC_SPLIT = 0x40000, LB__UC_PAIRS = 8192 };
typedef struct lb__decomposition { uint32_t cp, a, b; } lb__decomposition;                          /* b 0: a singleton */
typedef struct lb__unicode {
    uint8_t  klass[LB__UC_SPLIT];                                                                    /* NFC: composing may change a text with this character */
    struct { uint32_t first, last, stride; int32_t delta; } lower[LB__LOWER_RUNS];
    struct { uint32_t first, last, ccc; } ccc[LB__CCC_RUNS];
    lb__decomposition dec[LB__DECOMPOSITIONS];                                                       /* sorted by cp */
    uint16_t pair[LB__UC_PAIRS];                                                                     /* hash of (a, b) -> index in dec + 1, for those that compose */
    uint32_t entity[LB__ENTITIES][2];                                                                /* code points; bit 31 of the first: valid without semicolon */
    uint16_t name_at[LB__ENTITIES + 1];
    char     names[LB__ENTITY_BYTES];                                                                /* sorted */
} lb__unicode;

typedef struct lb__stream { const char *const *line; const char *p; } lb__stream;
static int lb__stream_char(lb__stream *s) { while (!*s->p) s->p = *++s->line; return *s->p++; }
static lb__stream lb__stream_open(const char *const *lines) { lb__stream s; s.line = lines; s.p = lines[0]; return s; }
static uint32_t lb__stream_num(lb__stream *s) {
    uint32_t v = 0, d; int shift = 0;
    do { int c = lb__stream_char(s); d = c == 'q' ? 15u : c == 'p' ? 44u : (uint32_t)(c - 48); v |= (d & 31) << shift; shift += 5; } while (d & 32);
    return v;
}
static int32_t lb__stream_signed(lb__stream *s) { uint32_t v = lb__stream_num(s); return v & 1 ? -(int32_t)(v >> 1) - 1 : (int32_t)(v >> 1); }
LB__INLINE uint32_t lb__pair_hash(uint32_t a, uint32_t b) { return (a * 0x9E3779B1u ^ b * 0x85EBCA6Bu) >> 19; }      /* 13 bits: LB__UC_PAIRS */

static void lb__unicode_init(lb__unicode *u) {
    lb__stream s = lb__stream_open(lb__class_data); uint32_t c, i, n, last, second[128];
    memset(u, 0, sizeof *u);
    for (c = 0; c < LB__UC_SPLIT; c += n) { n = lb__stream_num(&s); memset(u->klass + c, (int)lb__stream_num(&s), n); }
    s = lb__stream_open(lb__lower_data);
    for (i = last = 0; i < LB__LOWER_RUNS; i++) {
        u->lower[i].first = last + lb__stream_num(&s);
        n = lb__stream_num(&s);
        u->lower[i].stride = (n & 1) + 1; u->lower[i].last = last = u->lower[i].first + (n / 2 - 1) * u->lower[i].stride; u->lower[i].delta = lb__stream_signed(&s);
        for (c = u->lower[i].first; c <= last; c += u->lower[i].stride) u->klass[c] |= LB__UC_LOWER;
    }
    s = lb__stream_open(lb__ccc_data);
    for (i = last = 0; i < LB__CCC_RUNS; i++) {
        u->ccc[i].first = last + lb__stream_num(&s);
        last = u->ccc[i].first + lb__stream_num(&s); u->ccc[i].last = last - 1; u->ccc[i].ccc = lb__stream_num(&s);
        for (c = u->ccc[i].first; c < last; c++) u->klass[c] |= LB__UC_CCC | LB__UC_NFC;
    }
    s = lb__stream_open(lb__decomposition_data);
    n = lb__stream_num(&s);
    for (i = last = 0; i < n; i++) second[i] = last += lb__stream_num(&s);
    for (i = last = c = 0; i < LB__DECOMPOSITIONS; i++) {
        lb__decomposition *d = &u->dec[i]; uint32_t k;
        d->cp = last += lb__stream_num(&s);
        k = lb__stream_num(&s);
        d->a = c = c + (uint32_t)lb__stream_signed(&s);
        d->b = k ? second[k / 2 - 1] : 0;
        if (!k || k & 1) u->klass[d->cp] |= LB__UC_NFC;
        else {
            uint32_t h = lb__pair_hash(d->a, d->b);
            while (u->pair[h]) h = (h + 1) % LB__UC_PAIRS;
            u->pair[h] = (uint16_t)(i + 1);
            u->klass[d->b] |= LB__UC_NFC;
        }
    }
    for (c = 0x1161; c < 0x1176; c++) u->klass[c] |= LB__UC_NFC;                                     /* Hangul vowels and tails compose by rule */
    for (c = 0x11A8; c < 0x11C3; c++) u->klass[c] |= LB__UC_NFC;
    s = lb__stream_open(lb__entity_data);
    for (i = last = 0; i < LB__ENTITIES; i++) {
        uint32_t shared = lb__stream_num(&s), more = lb__stream_num(&s);
        if (shared) memcpy(u->names + last, u->names + u->name_at[i ? i - 1 : 0], shared);
        u->name_at[i] = (uint16_t)last;
        for (last += shared; more; more--) u->names[last++] = (char)lb__stream_char(&s);
        n = lb__stream_num(&s);
        u->entity[i][0] = n >> 2 | (n & 2) << 30;
        if (n & 1) u->entity[i][1] = lb__stream_num(&s);
    }
    u->name_at[i] = (uint16_t)last;
}
LB__INLINE unsigned lb__uc_class(const lb__unicode *u, uint32_t c) {
    if (c < LB__UC_SPLIT) return u->klass[c];
    return c == 0xE0001 || (c >= 0xE0020 && c <= 0xE007F) || (c >= 0xE0100 && c <= 0xE01EF) ? LB__UC_IGNORABLE : 0;
}
static uint32_t lb__uc_ccc(const lb__unicode *u, uint32_t c) {
    size_t lo = 0, hi = LB__CCC_RUNS;
    if (!(lb__uc_class(u, c) & LB__UC_CCC)) return 0;
    while (hi - lo > 1) { size_t m = (lo + hi) / 2; if (u->ccc[m].first <= c) lo = m; else hi = m; }
    return u->ccc[lo].ccc;
}
static uint32_t lb__uc_lower(const lb__unicode *u, uint32_t c) {
    size_t i;
    if (!(lb__uc_class(u, c) & LB__UC_LOWER)) return c;
    for (i = 0; i < LB__LOWER_RUNS; i++)                                                             /* runs of different stride may interleave */
        if (c >= u->lower[i].first && c <= u->lower[i].last && (c - u->lower[i].first) % u->lower[i].stride == 0) return (uint32_t)((int32_t)c + u->lower[i].delta);
    return c;
}
static const lb__decomposition *lb__uc_decompose(const lb__unicode *u, uint32_t c) {
    size_t lo = 0, hi = LB__DECOMPOSITIONS;
    while (lo < hi) { size_t m = (lo + hi) / 2; if (u->dec[m].cp < c) lo = m + 1; else hi = m; }
    return lo < LB__DECOMPOSITIONS && u->dec[lo].cp == c ? &u->dec[lo] : NULL;
}
static uint32_t lb__uc_compose(const lb__unicode *u, uint32_t a, uint32_t b) {
    uint32_t h;
    if (a - 0x1100 < 19 && b - 0x1161 < 21) return 0xAC00 + ((a - 0x1100) * 21 + (b - 0x1161)) * 28;
    if (a - 0xAC00 < 11172 && (a - 0xAC00) % 28 == 0 && b - 0x11A8 < 27) return a + (b - 0x11A7);
    for (h = lb__pair_hash(a, b); u->pair[h]; h = (h + 1) % LB__UC_PAIRS) {
        const lb__decomposition *d = &u->dec[u->pair[h] - 1];
        if (d->a == a && d->b == b) return d->cp;
    }
    return 0;
}
/* The code point at s[*i]; U+FFFD for a broken sequence. */
static uint32_t lb__utf8_next(const uint8_t *s, size_t n, size_t *i) { const uint32_t c = lb__utf8_read(s, n, i); return c == UINT32_MAX ? 0xFFFD : c; }

/* Normalisation form C.  The text is untouched when nothing in it can change, else *text points to a new one in the arena. */
static lb_status lb__nfc(lb_ctx *ctx, const lb__unicode *u, uint32_t **text, size_t *size) {
    const uint32_t *s = *text; size_t n = *size, i, k, m = 0, begin, starter; uint32_t *out, *tmp, stack[16], top, prev;
    for (i = 0; i < n && !(lb__uc_class(u, s[i]) & LB__UC_NFC); i++) {}
    if (i == n) return LB_OK;
    for (k = 0; k < 2; k++) {                                                                        /* measure, then write; a chain of first halves is at most 3 deep */
        if (k) { out = (uint32_t *)lb__arena(ctx, m, 2 * sizeof *out); if (!out) return LB_ERR_MEM; } else out = NULL;
        for (i = m = 0; i < n; i++) {
            uint32_t c = s[i];
            if (c - 0xAC00 < 11172) {
                uint32_t h = c - 0xAC00;
                if (out) { out[m] = 0x1100 + h / 588; out[m + 1] = 0x1161 + h % 588 / 28; if (h % 28) out[m + 2] = 0x11A7 + h % 28; }
                m += h % 28 ? 3 : 2;
                continue;
            }
            for (top = 0; c >= 0xC0; ) {
                const lb__decomposition *d = lb__uc_decompose(u, c);
                if (!d) break;
                if (d->b && top < LB__COUNT(stack)) stack[top++] = d->b;
                c = d->a;
            }
            if (out) out[m] = c;
            for (m++; top; m++) { top--; if (out) out[m] = stack[top]; }
        }
    }
    tmp = out + m;
    for (i = 0; i < m; ) {                                                                           /* order each run of marks by class, stable: a counting sort, for runs may be long */
        size_t end, at[256]; uint32_t cc; int sorted = 1;
        if (!lb__uc_ccc(u, out[i])) { i++; continue; }
        for (end = i, prev = 0; end < m && (cc = lb__uc_ccc(u, out[end])) != 0; end++) { if (cc < prev) sorted = 0; prev = cc; }
        if (!sorted) {
            size_t sum = 0;
            memset(at, 0, sizeof at);
            for (k = i; k < end; k++) at[lb__uc_ccc(u, out[k])]++;
            for (k = 0; k < 256; k++) { size_t c = at[k]; at[k] = sum; sum += c; }
            for (k = i; k < end; k++) tmp[at[lb__uc_ccc(u, out[k])]++] = out[k];
            memcpy(out + i, tmp, (end - i) * sizeof *out);
        }
        i = end;
    }
    for (i = begin = 0, starter = m, prev = 0; i < m; i++) {                                         /* begin: length of the composed text; prev: class of what is kept after the starter */
        uint32_t c = out[i], cc = lb__uc_ccc(u, c), joined;
        if (starter < m && (starter + 1 == begin || prev < cc) && (joined = lb__uc_compose(u, out[starter], c)) != 0) { out[starter] = joined; continue; }
        if (!cc) { starter = begin; prev = 0; } else prev = cc;
        out[begin++] = c;
    }
    *text = out; *size = begin;
    return LB_OK;
}

/* ---- 8.2 HTML entities ---- */

static const uint16_t lb__cp1252[32] = { 0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D, 0x17D, 0x8F,
    0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178 };
LB__INLINE int lb__is_alnum(uint32_t c) { return c - '0' < 10 || (c | 32) - 'a' < 26; }
LB__INLINE int lb__hex(uint32_t c) { return c - '0' < 10 ? (int)(c - '0') : (c | 32) - 'a' < 6 ? (int)((c | 32) - 'a') + 10 : -1; }

/* Index of the entity that is named by n code points, with every letter + `fold` (0 or 32: lower-cased); -1 for none. */
static int lb__entity_find(const lb__unicode *u, const uint32_t *name, size_t n, uint32_t fold) {
    size_t lo = 0, hi = LB__ENTITIES;
    while (lo < hi) {
        size_t m = (lo + hi) / 2, len = (size_t)(u->name_at[m + 1] - u->name_at[m]), i; const char *p = u->names + u->name_at[m]; int d = 0;
        for (i = 0; i < n && i < len && !d; i++) { uint32_t c = name[i] - 'A' < 26 ? name[i] + fold : name[i]; d = c < (unsigned char)p[i] ? -1 : c > (unsigned char)p[i]; }
        if (!d) d = n < len ? -1 : n > len;
        if (!d) return (int)m;
        if (d < 0) hi = m; else lo = m + 1;
    }
    return -1;
}
/* The longest name that is valid without a semicolon and begins these n code points; its length goes to *len. */
static int lb__entity_prefix(const lb__unicode *u, const uint32_t *name, size_t n, size_t *len) {
    for (; n >= 2; n--) { int e = lb__entity_find(u, name, n, 0); if (e >= 0 && u->entity[e][0] >> 31) { *len = n; return e; } }
    return -1;
}
/* &#...: the digits after # at s[i]; what they stand for by the rules of HTML 5, and where they end (the semicolon is not taken).
 * 0: no digits; UINT32_MAX: a reference to nothing, which disappears. */
static uint32_t lb__entity_number(const uint32_t *s, size_t n, size_t *i) {
    size_t k = *i; uint32_t v = 0, hex = 0; int d;
    if (k < n && (s[k] | 32) == 'x') { hex = 1; k++; }
    if (k >= n || lb__hex(s[k]) < 0 || (!hex && lb__hex(s[k]) > 9)) return 0;
    for (; k < n && (d = lb__hex(s[k])) >= 0 && (hex || d < 10); k++) v = v > 0x10FFFF ? v : v * (hex ? 16 : 10) + (uint32_t)d;
    *i = k;
    if (v - 0x80 < 32) return lb__cp1252[v - 0x80];
    if (!v || v - 0xD800 < 0x800 || v > 0x10FFFF) return 0xFFFD;
    if (v == 0x7F || v == 0xB || (v < 0x20 && v != 9 && v != 10 && v != 12 && v != 13) || v - 0xFDD0 < 32 || (v & 0xFFFE) == 0xFFFE) return UINT32_MAX;
    return v;
}
/* html.unescape, in place; returns the new length. */
static size_t lb__html_unescape(const lb__unicode *u, uint32_t *s, size_t n) {
    size_t i = 0, o = 0;
    while (i < n) {
        size_t k = i + 1, len, end; uint32_t v; int e;
        if (s[i] != '&') { s[o++] = s[i++]; continue; }
        if (k < n && s[k] == '#') {
            k++;
            v = lb__entity_number(s, n, &k);
            if (!v) { s[o++] = s[i++]; continue; }
            if (k < n && s[k] == ';') k++;
            if (v != UINT32_MAX) s[o++] = v;
            i = k;
            continue;
        }
        for (end = k; end < n && end - k < 32 && s[end] != '\t' && s[end] != '\n' && s[end] != '\f' && s[end] != ' ' && s[end] != '<' && s[end] != '&' && s[end] != '#' && s[end] != ';'; ) end++;
        len = end - k;
        if (len && end < n && s[end] == ';' && (e = lb__entity_find(u, s + k, len, 0)) >= 0) len++;
        else e = lb__entity_prefix(u, s + k, len, &len);
        if (e < 0) { while (i < end) s[o++] = s[i++]; continue; }
        s[o++] = u->entity[e][0] & 0x7FFFFFFF;
        if (u->entity[e][1]) s[o++] = u->entity[e][1];
        i = k + len;
    }
    return o;
}

/* ---- 8.3 cleaning ----
 * ftfy.fix_text without mojibake.  The reference repeats a list of fixes until nothing changes; here each character goes through them as it
 * is appended, and an entity is replaced when its semicolon arrives, which comes to the same end in one pass whatever the nesting. */
typedef struct lb__fixer { const lb__unicode *u; uint32_t *out; size_t n, line; int unescape; } lb__fixer;

/* Does the text so far end in an entity ("&name" or "&#digits", the semicolon is about to come)?  Removes it and gives what it stands for. */
static int lb__fix_entity(lb__fixer *f, uint32_t v[2]) {
    size_t k = f->n, name, i; int e; uint32_t c;
    while (k > f->line && f->n - k < 24 && lb__is_alnum(f->out[k - 1])) k--;
    name = k;
    if (name == f->n || k == f->line) return 0;
    v[1] = 0;
    if (f->out[k - 1] == '#') {
        if (--k == f->line || f->out[k - 1] != '&') return 0;
        i = name;
        v[0] = lb__entity_number(f->out, f->n, &i);
        if (!v[0] || i != f->n || v[0] == ';') return 0;
        f->n = k - 1;
        return 1;
    }
    if (f->out[k - 1] != '&') return 0;
    e = lb__entity_find(f->u, f->out + name, f->n - name, 0);
    if (e >= 0) { v[0] = f->u->entity[e][0] & 0x7FFFFFFF; v[1] = f->u->entity[e][1]; }
    else {                                                                                           /* &NTILDE; is accepted too, unless HTML itself reads something in it */
        for (i = name; i < f->n; i++) if (f->out[i] - 'a' < 26) return 0;
        if ((e = lb__entity_find(f->u, f->out + name, f->n - name, 32)) < 0 || lb__entity_prefix(f->u, f->out + name, f->n - name, &i) >= 0) return 0;
        for (i = 0, c = 0; i < f->n - name; i++) c |= (uint32_t)(unsigned char)f->u->names[f->u->name_at[e] + i] - 'A' < 26;      /* the entity's own name must be all lower case */
        if (c) return 0;
        v[0] = f->u->entity[e][0] & 0x7FFFFFFF; v[1] = f->u->entity[e][1];
        for (i = 0; i < LB__COUNT(lb__entity_upper); i++) if (lb__entity_upper[i][0] == v[0] && !v[1]) { v[0] = lb__entity_upper[i][1]; v[1] = lb__entity_upper[i][2]; break; }
    }
    f->n = k - 1;
    return 1;
}
/* One character through the fixes of characters: up to three come out. */
static size_t lb__fix_char(uint32_t c, uint32_t out[3]) {
    static const char *const ligatures[] = { "ff", "fi", "fl", "ffi", "ffl", "\1t", "st" };
    size_t n; const char *s;
    out[0] = c;
    if (c < 0x80) {
        if (c == '\r') out[0] = '\n';
        return !(c < 9 || c == 11 || (c > 13 && c < 32) || c == 127);
    }
    if (c < 0xA0) { out[0] = lb__cp1252[c - 0x80]; return out[0] < 0xA0 ? 1 : lb__fix_char(out[0], out); }
    if (c < 0x132) return 1;
    switch (c) {
    case 0x132: out[0] = 'I'; out[1] = 'J'; return 2;
    case 0x133: out[0] = 'i'; out[1] = 'j'; return 2;
    case 0x149: out[0] = '\''; out[1] = 'n'; return 2;
    case 0x1C4: out[0] = 'D'; out[1] = 0x17D; return 2;
    case 0x1C5: out[0] = 'D'; out[1] = 0x17E; return 2;
    case 0x1C6: out[0] = 'd'; out[1] = 0x17E; return 2;
    case 0x1C7: case 0x1C8: out[0] = 'L'; out[1] = c == 0x1C7 ? 'J' : 'j'; return 2;
    case 0x1C9: out[0] = 'l'; out[1] = 'j'; return 2;
    case 0x1CA: case 0x1CB: out[0] = 'N'; out[1] = c == 0x1CA ? 'J' : 'j'; return 2;
    case 0x1CC: out[0] = 'n'; out[1] = 'j'; return 2;
    case 0x1F1: case 0x1F2: out[0] = 'D'; out[1] = c == 0x1F1 ? 'Z' : 'z'; return 2;
    case 0x1F3: out[0] = 'd'; out[1] = 'z'; return 2;
    case 0x2BC: case 0x2018: case 0x2019: case 0x201A: case 0x201B: out[0] = '\''; return 1;
    case 0x201C: case 0x201D: case 0x201E: case 0x201F: out[0] = '"'; return 1;
    case 0x2028: case 0x2029: out[0] = '\n'; return 1;
    case 0x37E: out[0] = ';'; return 1;                                                              /* NFC would do these two, but an entity may hold them */
    case 0x212A: out[0] = 'K'; return 1;
    case 0x3000: out[0] = ' '; return 1;
    case 0xFEFF: return 0;
    case 0xFFE3: out[0] = ' '; out[1] = 0x304; return 2;
    default: break;
    }
    if (c >= 0x206A && c <= 0x206F) return 0;
    if (c >= 0xFB00 && c <= 0xFB06) { for (n = 0, s = ligatures[c - 0xFB00]; *s; s++) out[n++] = *s == 1 ? 0x17F : (uint32_t)*s; return n; }
    if (c >= 0xFF01 && c <= 0xFF5E) { out[0] = c - 0xFEE0; return 1; }
    if (c >= 0xFF5F && c <= 0xFFEE) { out[0] = lb__width_data[c - 0xFF5F]; return 1; }
    if (c >= 0xFFF9 && c <= 0xFFFC) return 0;
    return 1;
}
static void lb__fix_push(lb__fixer *f, uint32_t c) {
    uint32_t v[3]; size_t n = lb__fix_char(c, v), i;
    while (n == 1 && v[0] == ';' && f->unescape) {                                                   /* &semi; brings another semicolon: hence a loop */
        uint32_t e[2];
        if (!lb__fix_entity(f, e)) break;
        if (e[0] == UINT32_MAX) return;
        if (e[1]) { f->out[f->n++] = e[0]; v[0] = e[1]; break; }
        n = lb__fix_char(e[0], v);
    }
    for (i = 0; i < n; i++) f->out[f->n++] = v[i];
}
/* Raw bytes to cleaned lower-case UTF-8 in the arena.  No step makes more code points than there were bytes, and none needs more than four bytes
 * for one, so the buffers are n words each.  White space is left as it is: it only separates words. */
static lb_status lb__clean_text(lb_ctx *ctx, const lb__unicode *u, int clean, const uint8_t *s, size_t n, uint8_t **out, size_t *size) {
    lb__fixer f; size_t i, k, o; uint32_t *cps; uint8_t *b;
    memset(&f, 0, sizeof f);
    f.u = u; f.unescape = 1;
    f.out = (uint32_t *)lb__arena(ctx, n + 1, sizeof *f.out);
    if (!f.out) return LB_ERR_MEM;
    for (i = 0; i < n; ) {                                                                           /* line by line: "<" turns entities off from its own line on */
        const uint8_t *nl = (const uint8_t *)memchr(s + i, '\n', n - i); size_t end = nl ? (size_t)(nl - s) + 1 : n;
        if (f.unescape && memchr(s + i, '<', end - i)) f.unescape = 0;
        for (f.line = f.n; i < end; ) {
            uint32_t c;
            if (s[i] == 27) {                                                                        /* ESC [ digits and semicolons, letter: gone; any other ESC is gone alone */
                for (k = i + 1; k < end && (k == i + 1 ? s[k] == '[' : (s[k] >= '0' && s[k] <= '9') || s[k] == ';'); ) k++;
                i = k > i + 1 && k < end && (s[k] | 32u) - 'a' < 26 ? k + 1 : i + 1;
                continue;
            }
            c = lb__utf8_next(s, end, &i);
            lb__fix_push(&f, c);
        }
    }
    cps = f.out; n = f.n;
    LB__TRY(lb__nfc(ctx, u, &cps, &n));
    if (clean != LB_CLEAN_LANGUAGEBIND) { n = lb__html_unescape(u, cps, n); n = lb__html_unescape(u, cps, n); }
    if (clean == LB_CLEAN_HF) LB__TRY(lb__nfc(ctx, u, &cps, &n));
    b = (uint8_t *)lb__arena(ctx, n + 1, 4);
    if (!b) return LB_ERR_MEM;
    for (i = o = 0; i < n; i++) {
        uint32_t c = cps[i];
        if (c < 0x80) { b[o++] = (uint8_t)(c - 'A' < 26 ? c + 32 : c); continue; }
        if (c == 0x130) { b[o++] = 'i'; o += lb__utf8_put((char *)b + o, 0x307); continue; }
        if (c == 0x3A3 && clean != LB_CLEAN_HF) {                                                    /* final sigma: a cased letter before, none after, ignorable characters aside */
            size_t j = i; int final = 0;
            while (j > 0 && i - j < 4096 && lb__uc_class(u, cps[j - 1]) & LB__UC_IGNORABLE) j--;
            if (j > 0 && lb__uc_class(u, cps[j - 1]) & LB__UC_CASED) {
                for (j = i + 1; j < n && j - i < 4096 && lb__uc_class(u, cps[j]) & LB__UC_IGNORABLE; ) j++;
                final = j == n || !(lb__uc_class(u, cps[j]) & LB__UC_CASED);
            }
            o += lb__utf8_put((char *)b + o, final ? 0x3C2 : 0x3C3);
            continue;
        }
        o += lb__utf8_put((char *)b + o, lb__uc_lower(u, c));
    }
    *out = b; *size = o;
    return LB_OK;
}

/* ---- 8.4 byte pairs ---- */

struct lb_tokenizer {
    size_t      n;                   /* merges */
    uint16_t   *merges;              /* [n, 2] */
    uint32_t   *table, shift;        /* open addressing: (merge + 1) << 16 | tag; 0 is empty */
    uint16_t   *length;              /* [512 + n] bytes that an id stands for; LB__ENDS_WORD added when it ends one */
    uint16_t    base[256];           /* id of a byte, capital letters folded to small ones */
    uint8_t     byte[256];           /* byte of an id */
    lb__unicode unicode;
};
enum { LB__MAX_MERGES = 65536 - 514, LB__NO_MERGE = 0x7FFFFFFF, LB__SHORT_WORD = 32, LB__MAX_TOKEN_BYTES = 4096 };
#define LB__ENDS_WORD 0x8000u

/* CLIP numbers the bytes that print first, then the others. */
static int lb__byte_prints(unsigned b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; }
static void lb__byte_ids(uint16_t id[256], uint8_t byte[256]) {
    unsigned b, n = 0, pass;
    for (pass = 0; pass < 2; pass++) for (b = 0; b < 256; b++) if (lb__byte_prints(b) == !pass) { byte[n] = (uint8_t)b; id[b] = (uint16_t)n++; }
}
LB__INLINE uint32_t lb__merge_find(const lb_tokenizer *t, uint32_t a, uint32_t b) {
    uint32_t h = (a << 16 | b) * 0x9E3779B1u, i = h >> t->shift, tag = h & 0xFFFF, mask = 0xFFFFFFFFu >> t->shift, e;
    for (; (e = t->table[i]) != 0; i = (i + 1) & mask) {
        const uint16_t *m;
        if ((e & 0xFFFF) != tag) continue;
        m = t->merges + 2 * ((e >> 16) - 1);
        if (m[0] == a && m[1] == b) return (e >> 16) - 1;
    }
    return LB__NO_MERGE;
}

LB_API lb_status lb_tokenizer_new(lb_ctx *ctx, const uint16_t *merges, size_t n, lb_tokenizer **out) {
    lb_tokenizer *t = NULL; lb_status s = LB_OK; size_t i; uint32_t bits = 10; int c;
    LB__POINTERS(ctx && out && (merges || !n));
    *out = NULL;
    if (n > LB__MAX_MERGES) return lb__fail(LB_ERR_LIMIT, "tokenizer: %zu merges, at most %d fit into 16-bit ids", n, (int)LB__MAX_MERGES);
    t = (lb_tokenizer *)lb__alloc(1, sizeof *t);
    if (!t) return LB_ERR_MEM;
    while (((size_t)1 << bits) < n * 2 + n / 2) bits++;
    t->n = n; t->shift = 32 - bits;
    t->merges = (uint16_t *)lb__alloc(n, 4); t->table = (uint32_t *)lb__alloc((size_t)1 << bits, 4); t->length = (uint16_t *)lb__alloc(512 + n, 2);
    if (!t->merges || !t->table || !t->length) { s = LB_ERR_MEM; goto fail; }
    if (n) memcpy(t->merges, merges, n * 4);
    lb__byte_ids(t->base, t->byte);
    for (c = 'A'; c <= 'Z'; c++) t->base[c] = t->base[c + 32];
    for (i = 0; i < 512; i++) t->length[i] = (uint16_t)(i < 256 ? 1 : 1 | LB__ENDS_WORD);
    for (i = 0; i < n; i++) {
        uint32_t a = merges[2 * i], b = merges[2 * i + 1], h = (a << 16 | b) * 0x9E3779B1u, k = h >> t->shift, len;
        if (a >= 512 + i || b >= 512 + i) { s = lb__fail(LB_ERR_FORMAT, "tokenizer: merge %zu joins ids %u and %u, ids below %zu were expected", i, a, b, 512 + i); goto fail; }
        if (t->length[a] & LB__ENDS_WORD) { s = lb__fail(LB_ERR_FORMAT, "tokenizer: merge %zu continues id %u, which ends a word", i, a); goto fail; }
        if (lb__merge_find(t, a, b) != LB__NO_MERGE) { s = lb__fail(LB_ERR_FORMAT, "tokenizer: merge %zu joins ids %u and %u, which an earlier one joined", i, a, b); goto fail; }
        len = (uint32_t)t->length[a] + (t->length[b] & ~LB__ENDS_WORD);
        if (len > LB__MAX_TOKEN_BYTES) { s = lb__fail(LB_ERR_LIMIT, "tokenizer: merge %zu makes a token of %u bytes, at most %d were expected", i, len, (int)LB__MAX_TOKEN_BYTES); goto fail; }
        t->length[512 + i] = (uint16_t)(len | (t->length[b] & LB__ENDS_WORD));
        while (t->table[k]) k = (k + 1) & (0xFFFFFFFFu >> t->shift);
        t->table[k] = (uint32_t)(i + 1) << 16 | (h & 0xFFFF);
    }
    lb__unicode_init(&t->unicode);
    *out = t;
    return LB_OK;
fail:
    lb_tokenizer_free(t);
    return s;
}
LB_API void lb_tokenizer_free(lb_tokenizer *t) {
    if (!t) return;
    lb__release(t->merges); lb__release(t->table); lb__release(t->length); lb__release(t);
}
LB_API size_t  lb_tokenizer_vocab(const lb_tokenizer *t) { return t ? 514 + t->n : 0; }
LB_API int32_t lb_tokenizer_sot(const lb_tokenizer *t) { return t ? (int32_t)(512 + t->n) : 0; }
LB_API int32_t lb_tokenizer_eot(const lb_tokenizer *t) { return t ? (int32_t)(513 + t->n) : 0; }
LB_API const uint16_t *lb_tokenizer_merges(const lb_tokenizer *t, size_t *n) { if (n) *n = t ? t->n : 0; return t ? t->merges : NULL; }

struct lb__learn;
typedef struct lb__ids { lb_ctx *ctx; const lb_tokenizer *t; int32_t *id; size_t cap, n; struct lb__learn *learn; } lb__ids;      /* learn: words are counted instead */
static lb_status lb__learn_word(struct lb__learn *l, const lb_tokenizer *t, const uint8_t *w, size_t n);
LB__INLINE void lb__ids_add(lb__ids *o, uint32_t id) { if (o->n < o->cap) o->id[o->n] = (int32_t)id; o->n++; }

/* A heap of (merge << 32 | position), smallest on top, for words too long to be scanned again and again. */
static void lb__heap_push(uint64_t *h, size_t *n, uint64_t v) {
    size_t i = (*n)++;
    for (; i && h[(i - 1) / 2] > v; i = (i - 1) / 2) h[i] = h[(i - 1) / 2];
    h[i] = v;
}
static uint64_t lb__heap_pop(uint64_t *h, size_t *n) {
    uint64_t top = h[0], v = h[--*n]; size_t i = 0, c;
    while ((c = 2 * i + 1) < *n) {
        if (c + 1 < *n && h[c + 1] < h[c]) c++;
        if (h[c] >= v) break;
        h[i] = h[c]; i = c;
    }
    h[i] = v;
    return top;
}
static lb_status lb__bpe_long(lb__ids *o, const uint8_t *w, size_t n) {
    const lb_tokenizer *t = o->t; lb__mark mark = lb__arena_mark(o->ctx); size_t i, count = 0; uint32_t *sym, *next, *prev, m; uint64_t *heap; lb_status s = LB_ERR_MEM;
    sym = (uint32_t *)lb__arena(o->ctx, n, 12); heap = (uint64_t *)lb__arena(o->ctx, n, 24);          /* every merge takes one symbol away and offers two pairs */
    if (!sym || !heap) goto done;
    if (n >= UINT32_MAX) { s = lb__fail(LB_ERR_LIMIT, "text: a word of %zu bytes", n); goto done; }
    next = sym + n; prev = next + n;
    for (i = 0; i < n; i++) { sym[i] = t->base[w[i]] + (i + 1 == n ? 256u : 0u); next[i] = (uint32_t)(i + 1); prev[i] = (uint32_t)(i ? i - 1 : 0); }
    for (i = 0; i + 1 < n; i++) if ((m = lb__merge_find(t, sym[i], sym[i + 1])) != LB__NO_MERGE) lb__heap_push(heap, &count, (uint64_t)m << 32 | i);
    while (count) {
        uint64_t top = lb__heap_pop(heap, &count); uint32_t k;
        m = (uint32_t)(top >> 32); i = (size_t)(top & 0xFFFFFFFFu); k = next[i];
        if (sym[i] != t->merges[2 * m] || k >= n || sym[k] != t->merges[2 * m + 1]) continue;        /* changed since it was pushed; a symbol that is gone is UINT32_MAX */
        sym[i] = 512 + m; sym[k] = UINT32_MAX; next[i] = next[k];
        if (next[i] < n) prev[next[i]] = (uint32_t)i;
        if (i && (m = lb__merge_find(t, sym[prev[i]], sym[i])) != LB__NO_MERGE) lb__heap_push(heap, &count, (uint64_t)m << 32 | prev[i]);
        if (next[i] < n && (m = lb__merge_find(t, sym[i], sym[next[i]])) != LB__NO_MERGE) lb__heap_push(heap, &count, (uint64_t)m << 32 | i);
    }
    for (i = 0; i < n; i = next[i]) lb__ids_add(o, sym[i]);
    s = LB_OK;
done:
    lb__arena_rewind(o->ctx, mark);
    return s;
}
/* One word: its bytes, the last one marked, and the lowest merge that applies, again and again, leftmost first. */
static lb_status lb__bpe_word(lb__ids *o, const uint8_t *w, size_t n) {
    const lb_tokenizer *t = o->t; uint32_t sym[LB__SHORT_WORD + 1], rank[LB__SHORT_WORD + 1]; size_t i, k;
    if (o->learn) return lb__learn_word(o->learn, t, w, n);
    if (n > LB__SHORT_WORD) return lb__bpe_long(o, w, n);
    for (i = 0; i < n; i++) sym[i] = t->base[w[i]];
    sym[n - 1] += 256;
    for (i = 0; i + 1 < n; i++) rank[i] = lb__merge_find(t, sym[i], sym[i + 1]);
    while (n > 1) {
        uint32_t best = rank[0];
        for (i = 1, k = 0; i + 1 < n; i++) if (rank[i] < best) { best = rank[i]; k = i; }
        if (best == LB__NO_MERGE) break;
        sym[k] = 512 + best;
        n--;
        for (i = k + 1; i < n; i++) { sym[i] = sym[i + 1]; rank[i] = rank[i + 1]; }
        if (k) rank[k - 1] = lb__merge_find(t, sym[k - 1], sym[k]);
        if (k + 1 < n) rank[k] = lb__merge_find(t, sym[k], sym[k + 1]);
    }
    for (i = 0; i < n; i++) lb__ids_add(o, sym[i]);
    return LB_OK;
}

/* ---- 8.5 words ----
 * CLIP's pattern, alternatives in this order: special strings, 's 't 're 've 'm 'll 'd, a run of letters, one number, a run of anything else that
 * is not white space.  Capital ASCII letters are read as small ones, so that plain text needs no copy. */
static const char *const lb__specials[2][2] = { { "<start_of_text>", "<end_of_text>" }, { "<|startoftext|>", "<|endoftext|>" } };

LB__INLINE uint32_t lb__fold(uint32_t c) { return c - 'A' < 26 ? c + 32 : c; }
/* Length of the special string at s, or 0.  The reference matches without regard to case, and so takes a long s (U+017F) for an s: *exact then
 * says that it is not the special token after all. */
static size_t lb__special_at(const char *special, const uint8_t *s, size_t n, int long_s, int *exact) {
    size_t i = 0;
    *exact = 1;
    for (; *special; special++) {
        if (i < n && lb__fold(s[i]) == (uint8_t)*special) i++;
        else if (long_s && *special == 's' && i + 1 < n && s[i] == 0xC5 && s[i + 1] == 0xBF) { i += 2; *exact = 0; }
        else return 0;
    }
    return i;
}
/* Length of 's, 't, 're, 've, 'm, 'll, 'd at s (which begins with a quote), or 0. */
static size_t lb__contraction_at(const uint8_t *s, size_t n, int long_s) {
    uint32_t a, b;
    if (n < 2) return 0;
    a = lb__fold(s[1]); b = n > 2 ? lb__fold(s[2]) : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return long_s && a == 0xC5 && b == 0xBF ? 3 : 0;
}
/* special: NULL when no special string is to be looked for at the beginning of a word.  nocase: the pattern ignores case, as
 * Python's does, where a lone iota subscript (U+0345, whose other case is a letter) then belongs to no class and vanishes. */
static lb_status lb__words(lb__ids *o, const char *const *special, int nocase, const uint8_t *s, size_t n) {
    const lb__unicode *u = &o->t->unicode; size_t i = 0, k, len; unsigned kind; uint32_t c; int exact;
    enum { KIND = LB__UC_LETTER | LB__UC_NUMBER | LB__UC_SPACE };
    while (i < n) {
        k = i;
        if (s[i] < 0x80) { kind = u->klass[s[i]] & KIND; k++; } else { c = lb__utf8_next(s, n, &k); kind = lb__uc_class(u, c) & KIND; if (c == 0x345 && nocase) kind = LB__UC_SPACE; }
        if (kind & LB__UC_SPACE) { i = k; continue; }
        if (special && s[i] == '<') {
            if ((len = lb__special_at(special[0], s + i, n - i, nocase, &exact)) != 0 && exact) { lb__ids_add(o, (uint32_t)(512 + o->t->n)); i += len; continue; }
            if (!len && (len = lb__special_at(special[1], s + i, n - i, nocase, &exact)) != 0 && exact) { lb__ids_add(o, (uint32_t)(513 + o->t->n)); i += len; continue; }
            if (len) { LB__TRY(lb__bpe_word(o, s + i, len)); i += len; continue; }
        }
        if (s[i] == '\'' && (len = lb__contraction_at(s + i, n - i, nocase)) != 0) { LB__TRY(lb__bpe_word(o, s + i, len)); i += len; continue; }
        while (k < n && kind != LB__UC_NUMBER) {
            size_t j = k;
            if (s[j] < 0x80) c = s[j++]; else c = lb__utf8_next(s, n, &j);
            if ((c == 0x345 && nocase ? (unsigned)LB__UC_SPACE : lb__uc_class(u, c) & KIND) != kind) break;
            k = j;
        }
        LB__TRY(lb__bpe_word(o, s + i, k - i));
        i = k;
    }
    return LB_OK;
}
/* The next special string in s at or after i, exact in `fold`ed letters; n when there is none. */
static size_t lb__special_next(const char *const *special, const uint8_t *s, size_t n, size_t i, int *which, size_t *len) {
    int exact;
    for (; i < n; i++) {
        const uint8_t *p = (const uint8_t *)memchr(s + i, '<', n - i);
        if (!p) return n;
        i = (size_t)(p - s);
        for (*which = 0; *which < 2; ++*which) if ((*len = lb__special_at(special[*which], s + i, n - i, 0, &exact)) != 0) return i;
    }
    return n;
}
/* One stretch of text: cleaned unless it is plain ASCII that no cleaning changes, then cut into words. */
static lb_status lb__encode(lb__ids *o, int clean, const uint8_t *s, size_t n) {
    lb__mark mark = lb__arena_mark(o->ctx); lb_status st = LB_OK; size_t i; uint8_t *copy; int mode = clean & 15, plain = 1;
    const char *const *special = clean & LB_CLEAN_NO_SPECIAL ? NULL : lb__specials[mode != LB_CLEAN_OPEN_CLIP];
    for (i = 0; i < n && plain; i++) plain = (s[i] >= 32 && s[i] < 127 && s[i] != '&') || s[i] == '\n' || s[i] == '\t' || s[i] == '\r' || s[i] == '\f';
    if (!plain && (st = lb__clean_text(o->ctx, &o->t->unicode, mode, s, n, &copy, &n)) == LB_OK) s = copy;
    if (!st && mode == LB_CLEAN_HF && special) {
        for (i = 0; i < n && !st; ) {
            int which = 0; size_t len = 0, k = lb__special_next(special, s, n, i, &which, &len);
            st = lb__words(o, NULL, 0, s + i, k - i);
            if (k < n) lb__ids_add(o, (uint32_t)(512 + o->t->n) + (uint32_t)which);
            i = k + len;
        }
    } else if (!st) st = lb__words(o, special, mode != LB_CLEAN_HF, s, n);
    lb__arena_rewind(o->ctx, mark);
    return st;
}
/* A whole text without its start and end. */
static lb_status lb__tokenize(lb__ids *o, int clean, const char *text, size_t size) {
    const uint8_t *s = (const uint8_t *)text; const char *const *special = (clean & 15) == LB_CLEAN_LANGUAGEBIND && !(clean & LB_CLEAN_NO_SPECIAL) ? lb__specials[1] : NULL; size_t i, part;
    if (size == LB_CSTRING) size = strlen(text);
    if (size > o->ctx->limits.max_text) return lb__fail(LB_ERR_LIMIT, "text: %zu bytes, the limit max_text is %zu", size, o->ctx->limits.max_text);
    for (i = 0; i < size; i += part) {                                                               /* the slow Hugging Face tokenizer cuts at special strings before it cleans */
        size_t k = size, len = 0; int which = 0;
        if (special) for (k = i; k < size; k++) {
            k = lb__special_next(special, s, size, k, &which, &len);
            if (k < size && !memcmp(s + k, special[which], len)) break;                              /* here only as it is written */
        }
        k = LB__MIN(k, size);
        LB__TRY(lb__encode(o, clean, s + i, k - i));
        part = k - i;
        if (k < size) { lb__ids_add(o, (uint32_t)lb_tokenizer_sot(o->t) + (uint32_t)which); part += len; }
    }
    return LB_OK;
}
static lb_status lb__clean_check(const char *who, int clean) {
    const int known = (clean & 15) <= LB_CLEAN_LANGUAGEBIND && !(clean & ~(15 | LB_CLEAN_NO_SPECIAL));
    return known ? LB_OK : lb__fail(LB_ERR_ARG, "%s: unknown cleaning %d", who, clean);
}
LB_API lb_status lb_tokenize(lb_ctx *ctx, const lb_tokenizer *t, int clean, const char *text, size_t size, int32_t *ids, size_t context, size_t *count) {
    lb__ids o; size_t i; lb_status s;
    LB__POINTERS(ctx && t && (text || !size) && (ids || !context));
    LB__TRY(lb__clean_check("lb_tokenize", clean));
    if (context == 1) return lb__fail(LB_ERR_ARG, "lb_tokenize: a context of one id holds no text, two or more were expected");
    memset(&o, 0, sizeof o);
    o.ctx = ctx; o.t = t; o.id = ids; o.cap = context;
    lb__ids_add(&o, (uint32_t)lb_tokenizer_sot(t));
    s = lb__tokenize(&o, clean, text, size);
    if (s) { if (context) memset(ids, 0, context * sizeof *ids); return s; }
    lb__ids_add(&o, (uint32_t)lb_tokenizer_eot(t));
    if (context) {
        if (o.n > context) ids[context - 1] = lb_tokenizer_eot(t);
        for (i = o.n; i < context; i++) ids[i] = (clean & 15) == LB_CLEAN_OPEN_CLIP ? 0 : lb_tokenizer_eot(t);
    }
    if (count) *count = o.n;
    return LB_OK;
}

/* The bytes of an id, written from the last to the first. */
static void lb__token_bytes(const lb_tokenizer *t, uint32_t id, uint8_t *out) {
    uint32_t stack[64], top = 0;                                                                     /* left halves that wait; where they outgrow the stack, recurse */
    out += t->length[id] & ~LB__ENDS_WORD;
    for (;;) {
        for (; id >= 512 && top < LB__COUNT(stack); id = t->merges[2 * (id - 512) + 1]) stack[top++] = t->merges[2 * (id - 512)];
        if (id >= 512) { out -= t->length[id] & ~LB__ENDS_WORD; lb__token_bytes(t, id, out); }
        else *--out = t->byte[id & 255];
        if (!top) return;
        id = stack[--top];
    }
}
LB_API lb_status lb_detokenize(const lb_tokenizer *t, const int32_t *ids, size_t n, char *out, size_t cap, size_t *size) {
    uint8_t win[LB__MAX_TOKEN_BYTES + 8]; size_t i, k, have = 0, o = 0;                              /* a window of bytes: a character may be spread over tokens */
    LB__POINTERS(t && (ids || !n) && (out || !cap));
    for (i = 0; i < n; i++) if (ids[i] < 0 || (size_t)ids[i] >= 514 + t->n) return lb__fail(LB_ERR_ARG, "lb_detokenize: id %d, ids below %zu were expected", (int)ids[i], 514 + t->n);
    for (i = 0; i <= n; i++) {
        int flush = i == n; uint32_t id;
        if (!flush) {
            if ((size_t)ids[i] >= 512 + t->n) continue;
            id = (uint32_t)ids[i];
            lb__token_bytes(t, id, win + have); have += t->length[id] & ~LB__ENDS_WORD;
            if (t->length[id] & LB__ENDS_WORD) { win[have++] = ' '; flush = 1; }
        }
        for (k = 0; k < have && (flush || have - k > 3); ) {                                         /* the last three bytes may be the beginning of a character */
            char c[4]; size_t len = lb__utf8_put(c, lb__utf8_next(win, have, &k)), j;
            for (j = 0; j < len; j++, o++) if (o + 1 < cap) out[o] = c[j];
        }
        memmove(win, win + k, have - k); have -= k;
    }
    if (cap) out[LB__MIN(o, cap - 1)] = 0;
    if (size) *size = o;
    return LB_OK;
}

/* ---- 8.6 vocabularies: read and learnt ---- */

/* Token strings by id, and ids by string: (bytes as base ids, does it end a word). */
typedef struct lb__symtab { lb__buf pool, at, table; size_t count; } lb__symtab;                     /* at: u32 end of each string, ends-a-word in bit 31; table: u32 id + 1 */
static void lb__symtab_free(lb__symtab *y) { lb__buf_free(&y->pool); lb__buf_free(&y->at); lb__buf_free(&y->table); }
LB__INLINE const uint8_t *lb__symtab_bytes(const lb__symtab *y, size_t id, size_t *len, int *last) {
    const uint32_t *at = (const uint32_t *)(const void *)y->at.data; size_t begin = id ? at[id - 1] & 0x7FFFFFFF : 0;
    *len = (at[id] & 0x7FFFFFFF) - begin; *last = (int)(at[id] >> 31);
    return y->pool.data + begin;
}
LB__INLINE int lb__symtab_last(const lb__symtab *y, size_t id) { return (int)(((const uint32_t *)(const void *)y->at.data)[id] >> 31); }
static uint32_t lb__fnv(const uint8_t *s, size_t n, uint32_t h) { while (n--) h = (h ^ *s++) * 16777619u; return h ^ h >> 15; }
/* Slot of the string in the table: of its id + 1, or an empty one. */
static uint32_t *lb__symtab_slot(const lb__symtab *y, const uint8_t *s, size_t n, int last) {
    uint32_t *table = (uint32_t *)(void *)y->table.data; size_t mask = y->table.size / 4 - 1, i = lb__fnv(s, n, last ? 5u : 7u) & mask, len; int l;
    for (; table[i]; i = (i + 1) & mask) { const uint8_t *p = lb__symtab_bytes(y, table[i] - 1, &len, &l); if (len == n && l == last && !memcmp(p, s, n)) break; }
    return table + i;
}
static lb_status lb__symtab_add(lb__symtab *y, const uint8_t *s, size_t n, int last) {
    uint32_t end, *slot; size_t i;
    if (y->count * 2 >= y->table.size / 4) {
        size_t want = y->table.size ? y->table.size : 4096;
        LB__TRY(lb__buf_reserve(&y->table, want));
        y->table.size += want; memset(y->table.data, 0, y->table.size);
        for (i = 0; i < y->count; i++) { size_t len; int l; const uint8_t *p = lb__symtab_bytes(y, i, &len, &l); *lb__symtab_slot(y, p, len, l) = (uint32_t)i + 1; }
    }
    if (n > 0x7FFFFFFF - y->pool.size) return lb__fail(LB_ERR_LIMIT, "vocabulary: the words take more than 2 GiB");
    LB__TRY(lb__buf_reserve(&y->at, 4));
    end = (uint32_t)(y->pool.size + n) | (uint32_t)(last != 0) << 31;
    slot = lb__symtab_slot(y, s, n, last);
    LB__TRY(lb__buf_add(&y->pool, s, n));
    memcpy(y->at.data + y->at.size, &end, 4); y->at.size += 4;
    *slot = (uint32_t)++y->count;
    return LB_OK;
}
static lb_status lb__symtab_base(lb__symtab *y) {
    unsigned i;
    for (i = 0; i < 512; i++) { uint8_t b = (uint8_t)i; LB__TRY(lb__symtab_add(y, &b, 1, i >= 256)); }
    return LB_OK;
}

/* One symbol of a merges text: characters that stand for bytes, perhaps with </w> behind them. */
static lb_status lb__merge_symbol(const lb__symtab *y, const uint8_t *s, size_t n, size_t line, uint8_t *out, size_t *len, uint32_t *id) {
    size_t i, k = 0; int last = n > 4 && !memcmp(s + n - 4, "</w>", 4); uint32_t *slot;
    if (last) n -= 4;
    if (n > 2 * LB__MAX_TOKEN_BYTES) return lb__fail(LB_ERR_FORMAT, "merges, line %zu: a symbol of %zu bytes", line, n);
    for (i = 0; i < n; ) {
        uint32_t c = lb__utf8_next(s, n, &i);
        if (c < 256 && lb__byte_prints(c)) out[k++] = (uint8_t)(c < 127 ? c - 33 : c < 173 ? c - 161 + 94 : c - 174 + 106);       /* the order of lb__byte_ids */
        else if (c - 256 < 68) out[k++] = (uint8_t)(188 + c - 256);
        else return lb__fail(LB_ERR_FORMAT, "merges, line %zu: character U+%x stands for no byte", line, c);
    }
    slot = lb__symtab_slot(y, out, k, last);
    if (!k || !*slot) {
        char shown[41]; size_t m = LB__MIN(n, sizeof shown - 1);
        memcpy(shown, s, m); shown[m] = 0;
        return lb__fail(LB_ERR_FORMAT, "merges, line %zu: \"%s\" is no symbol of the lines before", line, shown);
    }
    *id = *slot - 1; *len = k;
    return LB_OK;
}
LB_API lb_status lb_tokenizer_parse(lb_ctx *ctx, const char *text, size_t size, size_t max_merges, lb_tokenizer **out) {
    lb__symtab y; lb__buf merges = { 0, 0, 0 }; lb_status s; size_t i, line = 1, n = 0; uint8_t pair[4 * LB__MAX_TOKEN_BYTES];
    LB__POINTERS(ctx && out && (text || !size));
    *out = NULL;
    if (size == LB_CSTRING) size = strlen(text);
    if (size > ctx->limits.max_text) return lb__fail(LB_ERR_LIMIT, "merges: %zu bytes, the limit max_text is %zu", size, ctx->limits.max_text);
    memset(&y, 0, sizeof y);
    s = lb__symtab_base(&y);
    for (i = 0; i < size && !s && n < max_merges; line++) {
        const uint8_t *p = (const uint8_t *)text + i, *nl = (const uint8_t *)memchr(p, '\n', size - i), *gap; size_t len = nl ? (size_t)(nl - p) : size - i, la, lb; uint32_t a, b; uint16_t ids[2];
        i += len + 1;
        if (len && p[len - 1] == '\r') len--;
        if (!len || (line == 1 && (p[0] == '#' || p[0] == '"'))) continue;                           /* "#version: 0.2" and what OpenAI's file begins with */
        gap = (const uint8_t *)memchr(p, ' ', len);
        if (!gap) { s = lb__fail(LB_ERR_FORMAT, "merges, line %zu: one symbol, two with a space between were expected", line); break; }
        if ((s = lb__merge_symbol(&y, p, (size_t)(gap - p), line, pair, &la, &a)) != LB_OK) break;
        if ((s = lb__merge_symbol(&y, gap + 1, len - (size_t)(gap - p) - 1, line, pair + la, &lb, &b)) != LB_OK) break;
        ids[0] = (uint16_t)a; ids[1] = (uint16_t)b;
        if (n == LB__MAX_MERGES) { s = lb__fail(LB_ERR_LIMIT, "merges: more than %d, the ids would not fit into 16 bits", (int)LB__MAX_MERGES); break; }
        if (*lb__symtab_slot(&y, pair, la + lb, lb__symtab_last(&y, b))) { s = lb__fail(LB_ERR_FORMAT, "merges, line %zu: makes a token that is there already", line); break; }
        if (!(s = lb__symtab_add(&y, pair, la + lb, lb__symtab_last(&y, b)))) s = lb__buf_add(&merges, ids, 4);
        n++;
    }
    if (!s) s = lb_tokenizer_new(ctx, (const uint16_t *)(const void *)merges.data, n, out);
    lb__symtab_free(&y); lb__buf_free(&merges);
    return s;
}

/* Learning.  Each distinct word is kept once with its count; for every pair of neighbours there is a count and a list of the words that hold it.
 * The most frequent pair is merged in its words, their counts are taken back and counted again, and so on. */
typedef struct lb__pair { uint64_t count; uint32_t key, first; int banned, dirty; } lb__pair;        /* first: node + 1 of the list of words */
typedef struct lb__seen { uint32_t word, next; } lb__seen;              /* a list of words; next: node + 1 */
typedef struct lb__best { uint64_t count; uint32_t key; } lb__best;
typedef struct lb__learn {
    lb__symtab words, tokens;
    lb__buf count;                       /* u64 of each word */
    lb__buf begin, sym;                  /* size_t [words + 1], u16: symbols, shrunk in place; length in len */
    lb__buf len;                         /* u32 of each word */
    lb__buf pair, table, node, heap, dirty, merges;
} lb__learn;
static lb_status lb__learn_word(lb__learn *l, const lb_tokenizer *t, const uint8_t *w, size_t n) {
    uint8_t key[256]; size_t i; uint64_t one = 1; uint32_t id;
    if (n < 2 || n > sizeof key) return LB_OK;                                                       /* one byte has no pair; longer than any word is noise */
    for (i = 0; i < n; i++) key[i] = (uint8_t)t->base[w[i]];
    if (l->words.table.size && (id = *lb__symtab_slot(&l->words, key, n, 1)) != 0) { ((uint64_t *)(void *)l->count.data)[id - 1]++; return LB_OK; }
    LB__TRY(lb__symtab_add(&l->words, key, n, 1));
    return lb__buf_add(&l->count, &one, 8);
}
static lb_status lb__learn_pair(lb__learn *l, uint32_t key, lb__pair **out) {
    uint32_t *table; size_t mask, i, n = l->pair.size / sizeof(lb__pair); lb__pair *p, fresh;
    if (n * 2 >= l->table.size / 4) {
        size_t want = l->table.size ? l->table.size : 65536;
        LB__TRY(lb__buf_reserve(&l->table, want));
        l->table.size += want; memset(l->table.data, 0, l->table.size);
        table = (uint32_t *)(void *)l->table.data; mask = l->table.size / 4 - 1; p = (lb__pair *)(void *)l->pair.data;
        for (i = 0; i < n; i++) { size_t k = (p[i].key * 0x9E3779B1u >> 7) & mask; while (table[k]) k = (k + 1) & mask; table[k] = (uint32_t)i + 1; }
    }
    table = (uint32_t *)(void *)l->table.data; mask = l->table.size / 4 - 1; p = (lb__pair *)(void *)l->pair.data;
    for (i = (key * 0x9E3779B1u >> 7) & mask; table[i]; i = (i + 1) & mask) if (p[table[i] - 1].key == key) { *out = p + table[i] - 1; return LB_OK; }
    memset(&fresh, 0, sizeof fresh); fresh.key = key;
    LB__TRY(lb__buf_add(&l->pair, &fresh, sizeof fresh));
    table[i] = (uint32_t)n + 1; *out = (lb__pair *)(void *)l->pair.data + n;
    return LB_OK;
}
LB__INLINE int lb__better(lb__best a, lb__best b) { return a.count != b.count ? a.count > b.count : a.key < b.key; }      /* the rule for ties */
static lb_status lb__learn_push(lb__learn *l, uint64_t count, uint32_t key) {
    lb__best v, *h; size_t i = l->heap.size / sizeof v;
    memset(&v, 0, sizeof v); v.count = count; v.key = key;
    LB__TRY(lb__buf_add(&l->heap, &v, sizeof v));
    h = (lb__best *)(void *)l->heap.data;
    for (; i && lb__better(v, h[(i - 1) / 2]); i = (i - 1) / 2) h[i] = h[(i - 1) / 2];
    h[i] = v;
    return LB_OK;
}
static lb__best lb__learn_pop(lb__learn *l) {
    lb__best *h = (lb__best *)(void *)l->heap.data, top = h[0], v; size_t n = l->heap.size / sizeof v - 1, i = 0, c;
    v = h[n]; l->heap.size -= sizeof v;
    while ((c = 2 * i + 1) < n) {
        if (c + 1 < n && lb__better(h[c + 1], h[c])) c++;
        if (!lb__better(h[c], v)) break;
        h[i] = h[c]; i = c;
    }
    h[i] = v;
    return top;
}
/* Counts the pairs of a word in (add) or out; on the way in, words are listed under pairs that hold `only` (UINT32_MAX: all). */
static lb_status lb__learn_count(lb__learn *l, uint32_t word, int add, uint32_t only) {
    const uint16_t *sym = (const uint16_t *)(const void *)l->sym.data + ((const size_t *)(const void *)l->begin.data)[word];
    uint32_t n = ((const uint32_t *)(const void *)l->len.data)[word], i; uint64_t count = ((const uint64_t *)(const void *)l->count.data)[word];
    for (i = 0; i + 1 < n; i++) {
        lb__pair *p; lb__seen node;
        LB__TRY(lb__learn_pair(l, (uint32_t)sym[i] << 16 | sym[i + 1], &p));
        if (!add) { p->count -= count; continue; }
        p->count += count;
        if (only != UINT32_MAX && sym[i] != only && sym[i + 1] != only) continue;
        if (!p->dirty) { p->dirty = 1; LB__TRY(lb__buf_add(&l->dirty, &p->key, 4)); }
        node.word = word; node.next = p->first;
        LB__TRY(lb__buf_add(&l->node, &node, sizeof node));
        if (l->node.size / sizeof node > UINT32_MAX - 1) return lb__fail(LB_ERR_LIMIT, "vocabulary: too many pairs to learn from");
        p->first = (uint32_t)(l->node.size / sizeof node);
    }
    return LB_OK;
}
static lb_status lb__learn_flush(lb__learn *l) {
    size_t i, n = l->dirty.size / 4;
    for (i = 0; i < n; i++) {
        lb__pair *p;
        LB__TRY(lb__learn_pair(l, ((const uint32_t *)(const void *)l->dirty.data)[i], &p));
        p->dirty = 0;
        LB__TRY(lb__learn_push(l, p->count, p->key));
    }
    l->dirty.size = 0;
    return LB_OK;
}
static lb_status lb__learn_merges(lb__learn *l, size_t merges, uint64_t min_count) {
    size_t i, k, len, words = l->words.count, m = 0, la, lb; int last;
    LB__TRY(lb__symtab_base(&l->tokens));
    for (i = k = 0; i <= words; i++) {
        const uint8_t *w = NULL; uint32_t n = 0;
        LB__TRY(lb__buf_add(&l->begin, &k, sizeof k));
        if (i == words) break;
        w = lb__symtab_bytes(&l->words, i, &len, &last); n = (uint32_t)len; k += len;
        LB__TRY(lb__buf_add(&l->len, &n, 4));
        for (; n; n--, w++) { uint16_t s = (uint16_t)(*w + (n == 1 ? 256 : 0)); LB__TRY(lb__buf_add(&l->sym, &s, 2)); }
    }
    for (i = 0; i < words; i++) LB__TRY(lb__learn_count(l, (uint32_t)i, 1, UINT32_MAX));
    LB__TRY(lb__learn_flush(l));
    while (m < merges && l->heap.size) {
        lb__best top = lb__learn_pop(l); lb__pair *p; uint32_t node, a = top.key >> 16, b = top.key & 0xFFFF, id = (uint32_t)(512 + m); uint8_t token[LB__MAX_TOKEN_BYTES]; const uint8_t *s; uint16_t ids[2];
        LB__TRY(lb__learn_pair(l, top.key, &p));
        if (p->banned || p->count < min_count) continue;
        if (p->count != top.count) { LB__TRY(lb__learn_push(l, p->count, p->key)); continue; }       /* it fell since it was pushed */
        p->banned = 1;                                                                               /* merged, or never to be: either way it is done with */
        node = p->first;
        s = lb__symtab_bytes(&l->tokens, a, &la, &last);
        if (la <= sizeof token) memcpy(token, s, la);
        s = lb__symtab_bytes(&l->tokens, b, &lb, &last);
        if (la + lb > sizeof token) continue;
        memcpy(token + la, s, lb);
        if (*lb__symtab_slot(&l->tokens, token, la + lb, last)) continue;                            /* another pair spells the same token */
        LB__TRY(lb__symtab_add(&l->tokens, token, la + lb, last));
        ids[0] = (uint16_t)a; ids[1] = (uint16_t)b;
        LB__TRY(lb__buf_add(&l->merges, ids, 4));
        m++;
        for (; node; node = ((const lb__seen *)(const void *)l->node.data)[node - 1].next) {
            uint32_t word = ((const lb__seen *)(const void *)l->node.data)[node - 1].word, *n = (uint32_t *)(void *)l->len.data + word, r, w;
            uint16_t *sym = (uint16_t *)(void *)l->sym.data + ((const size_t *)(const void *)l->begin.data)[word];
            for (r = 0; r + 1 < *n && (sym[r] != a || sym[r + 1] != b); r++) {}
            if (r + 1 >= *n) continue;                                                               /* listed twice, or merged away by others */
            LB__TRY(lb__learn_count(l, word, 0, 0));
            for (r = w = 0; r < *n; w++) { if (r + 1 < *n && sym[r] == a && sym[r + 1] == b) { sym[w] = (uint16_t)id; r += 2; } else sym[w] = sym[r++]; }
            *n = w;
            LB__TRY(lb__learn_count(l, word, 1, id));
        }
        LB__TRY(lb__learn_flush(l));
    }
    return LB_OK;
}
LB_API lb_status lb_tokenizer_train(lb_ctx *ctx, int clean, const char *const *texts, const size_t *sizes, size_t n, size_t vocab, size_t min_count, lb_tokenizer **out) {
    lb__learn l; lb__ids o; lb_tokenizer *base = NULL; lb_status s; size_t i;
    LB__POINTERS(ctx && out && (texts || !n));
    *out = NULL;
    if (vocab < 514 || vocab > 65536) return lb__fail(LB_ERR_ARG, "vocabulary: %zu ids asked for, 514 (bytes alone) to 65536 were expected", vocab);
    LB__TRY(lb__clean_check("lb_tokenizer_train", clean));
    for (i = 0; i < n; i++) if (!texts[i] && (!sizes || sizes[i])) return lb__fail(LB_ERR_ARG, "lb_tokenizer_train: text %zu of %zu is NULL", i, n);
    memset(&l, 0, sizeof l); memset(&o, 0, sizeof o);
    s = lb_tokenizer_new(ctx, NULL, 0, &base);
    o.ctx = ctx; o.t = base; o.learn = &l;
    for (i = 0; i < n && !s; i++) s = lb__tokenize(&o, clean, texts[i], sizes ? sizes[i] : LB_CSTRING);
    if (!s) s = lb__learn_merges(&l, vocab - 514, min_count ? min_count : 1);
    if (!s) s = lb_tokenizer_new(ctx, (const uint16_t *)(const void *)l.merges.data, l.merges.size / 4, out);
    lb_tokenizer_free(base); lb__symtab_free(&l.words); lb__symtab_free(&l.tokens);
    lb__buf_free(&l.count); lb__buf_free(&l.begin); lb__buf_free(&l.sym); lb__buf_free(&l.len); lb__buf_free(&l.pair); lb__buf_free(&l.table);
    lb__buf_free(&l.node); lb__buf_free(&l.heap); lb__buf_free(&l.dirty); lb__buf_free(&l.merges);
    return s;
}

/* ==== 9 >>image ==================================================================================================================
 * Pictures from bytes (JPEG, PNG, BMP, PNM, GIF) to the float planes a tower reads.  Every decoder is bit-exact against the library that the
 * reference uses, and every size is checked before memory is taken.  Leaves out: colour profiles, gamma, arithmetic-coded, lossless and
 * 12-bit JPEG.  Calls: base, parallel, tensor (the context).  Held by: tests/test_image.c, tests/test_stills.c, tests/fuzz/ (jpeg, png, bmp, pnm, gif) */

#ifndef LB_NO_IMAGE
#if !defined(LB_NO_SIMD) && defined(__SSE2__)
#  include <emmintrin.h>                                    /* part of every x86-64; results are integers, equal to the scalar code's */
#  define LB__IMAGE_SSE2 1
#endif

/* ---- 9.1 >>inflate: DEFLATE (RFC 1951) and its zlib wrapper (RFC 1950), from memory to memory of known size ---- */

enum { LB__LIT_BITS = 11, LB__DIST_BITS = 8, LB__LIT_ROOM = 2400, LB__DIST_ROOM = 448 };
/* Table entries.  Literal: top bit, value << 16, code length.  Length or distance: base << 16, extra bits << 8, code length.  The others
 * carry EXC: END (of block), SUB (a second table: its offset << 16, its index bits << 8), or neither (no such code). */
#define LB__HUFF_LIT 0x80000000u
#define LB__HUFF_EXC 0x8000u
#define LB__HUFF_END 0x4000u
#define LB__HUFF_SUB 0x2000u

static int lb__huff_build(uint32_t *table, size_t room, int root, const uint8_t *len, size_t n, const uint32_t *symbols) {
    uint32_t count[16], offset[16], i; uint16_t sorted[288]; size_t next = (size_t)1 << root, k; uint32_t code = 0, left = 1; int l, max = 15, used = 0;
    memset(count, 0, sizeof count);
    for (k = 0; k < n; k++) count[len[k]]++;
    count[0] = 0;
    while (max && !count[max]) max--;
    for (l = 1; l <= 15; l++) { left <<= 1; if (left < count[l]) return 0; left -= count[l]; used += (int)count[l]; }
    if (left && !(used == 0 || (used == 1 && max == 1))) return 0;          /* incomplete: only an empty or one-bit code may be */
    for (k = 0; k < next; k++) table[k] = LB__HUFF_EXC;
    for (offset[1] = 0, l = 1; l < 15; l++) offset[l + 1] = offset[l] + count[l];
    for (k = 0; k < n; k++) if (len[k]) sorted[offset[len[k]]++] = (uint16_t)k;
    for (i = 0, l = 1; l <= max; l++) {                                       /* codes in order; `code` is bit-reversed as it lies in the stream */
        uint32_t c, sub_bits;
        for (c = 0; c < count[l]; c++, i++) {
            uint32_t e = symbols[sorted[i]], bit;
            if (l <= root) { for (k = code; k < (size_t)1 << root; k += (size_t)1 << l) table[k] = e | (uint32_t)l; }
            else {
                uint32_t low = code & (((uint32_t)1 << root) - 1);
                if (!(table[low] & LB__HUFF_SUB)) {                           /* room for this prefix: as many bits as fill it */
                    int m = l; uint32_t space = (uint32_t)1 << (l - root), rest = count[l] - c;
                    while (m < max && space > rest) { space -= rest; space <<= 1; m++; rest = count[m]; }
                    sub_bits = (uint32_t)(m - root);
                    if (next + ((size_t)1 << sub_bits) > room) return 0;
                    for (k = 0; k < (size_t)1 << sub_bits; k++) table[next + k] = LB__HUFF_EXC;
                    table[low] = LB__HUFF_EXC | LB__HUFF_SUB | (uint32_t)next << 16 | sub_bits << 8 | (uint32_t)root;
                    next += (size_t)1 << sub_bits;
                }
                sub_bits = table[low] >> 8 & 15;
                if ((uint32_t)(l - root) > sub_bits) return 0;
                for (k = code >> root; k < (size_t)1 << sub_bits; k += (size_t)1 << (l - root)) table[(table[low] >> 16) + k] = e | (uint32_t)(l - root);
            }
            for (bit = (uint32_t)1 << (l - 1); bit && code & bit; bit >>= 1) code &= ~bit;     /* add one to a reversed number */
            code |= bit;
        }
    }
    return 1;
}

typedef struct lb__inflate {
    uint32_t lit[LB__LIT_ROOM], dist[LB__DIST_ROOM], lit_symbols[288], dist_symbols[32];
} lb__inflate;

static void lb__inflate_init(lb__inflate *t) {
    uint32_t i, base = 3, extra;
    for (i = 0; i < 256; i++) t->lit_symbols[i] = LB__HUFF_LIT | i << 16;
    t->lit_symbols[256] = LB__HUFF_EXC | LB__HUFF_END;
    for (i = 0; i < 28; i++) { extra = i < 8 ? 0 : i / 4 - 1; t->lit_symbols[257 + i] = base << 16 | extra << 8; base += (uint32_t)1 << extra; }
    t->lit_symbols[285] = (uint32_t)258 << 16; t->lit_symbols[286] = t->lit_symbols[287] = LB__HUFF_EXC;
    for (base = 1, i = 0; i < 30; i++) { extra = i < 4 ? 0 : i / 2 - 1; t->dist_symbols[i] = base << 16 | extra << 8; base += (uint32_t)1 << extra; }
    t->dist_symbols[30] = t->dist_symbols[31] = LB__HUFF_EXC;
}

/* Where a stream stands: the bytes that are left and those of zeros that were made up past their end, the bits taken from them, and the output. */
typedef struct lb__inflate_at { const uint8_t *in, *end; uint64_t bits; unsigned have, over; uint8_t *out, *first, *stop; } lb__inflate_at;
/* Of an lb__inflate_at b, a local copy in the loops that matter.  REFILL leaves at least 56 bits when eight bytes are left, NEED the same at the end. */
#define LB__REFILL() do { b.bits |= lb__u64le(b.in) << b.have; b.in += (63 - b.have) >> 3; b.have |= 56; } while (0)
#define LB__NEED() do { if (b.end - b.in >= 8) LB__REFILL(); else while (b.have < 56) { if (b.in < b.end) b.bits |= (uint64_t)*b.in++ << b.have; else b.over++; b.have += 8; } } while (0)
#define LB__DROP(k) do { unsigned lb__k = (unsigned)(k); b.bits >>= lb__k; b.have -= lb__k; } while (0)
#define LB__BITS(k) ((uint32_t)(b.bits & (((uint64_t)1 << (k)) - 1)))
/* Of a block's first three bits the lowest says that it is the last. */
static uint32_t lb__inflate_head(lb__inflate_at *z) {
    lb__inflate_at b = *z; uint32_t head;
    LB__NEED();
    head = LB__BITS(3);
    LB__DROP(3);
    *z = b;
    return head;
}
/* The other parts of a block return NULL, or what is wrong with the data, which then stand near the place. */
static const char *lb__inflate_stored(lb__inflate_at *z) {
    lb__inflate_at b = *z; size_t k; uint32_t a;
    LB__DROP(b.have & 7);
    a = LB__BITS(32);
    LB__DROP(32);
    *z = b;
    if (b.over > b.have / 8) return "ends inside a block";
    b.in -= (b.have / 8) - b.over; b.over = 0; b.bits = 0; b.have = 0;
    *z = b;
    k = a & 0xffff;
    if ((a >> 16 ^ 0xffff) != k) return "has a stored block whose two lengths disagree";
    if ((size_t)(b.end - b.in) < k) return "ends inside a stored block";
    if ((size_t)(b.stop - b.out) < k) return "holds more data than expected";
    if (k) memcpy(b.out, b.in, k);
    z->in += k; z->out += k;
    return NULL;
}
static void lb__inflate_fixed(lb__inflate *t) {
    uint8_t len[320]; size_t i;
    for (i = 0; i < 288; i++) len[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(len + 288, 5, 32);
    (void)lb__huff_build(t->lit, LB__LIT_ROOM, LB__LIT_BITS, len, 288, t->lit_symbols);
    (void)lb__huff_build(t->dist, LB__DIST_ROOM, LB__DIST_BITS, len + 288, 32, t->dist_symbols);
}
/* The codes that a block brings: code lengths, themselves in a code. */
static const char *lb__inflate_codes(lb__inflate *t, lb__inflate_at *z) {
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    lb__inflate_at b = *z;
    uint32_t symbols[19], codes[128]; uint8_t cl[19]; size_t nlit = 257 + LB__BITS(5), ndist, ncl, i; uint8_t len[320]; const char *what = NULL;
    LB__DROP(5); ndist = 1 + LB__BITS(5); LB__DROP(5); ncl = 4 + LB__BITS(4); LB__DROP(4);
    if (nlit > 286 || ndist > 30) { what = "has a block with more symbols than exist"; goto done; }
    memset(cl, 0, sizeof cl);
    for (i = 0; i < ncl; i++) { if ((i & 7) == 0) LB__NEED(); cl[order[i]] = (uint8_t)LB__BITS(3); LB__DROP(3); }
    for (i = 0; i < 19; i++) symbols[i] = (uint32_t)i << 16;
    if (!lb__huff_build(codes, 128, 7, cl, 19, symbols)) { what = "has a block whose code lengths make no code"; goto done; }
    for (i = 0; i < nlit + ndist;) {
        uint32_t e, sym, rep; uint8_t v = 0;
        LB__NEED();
        e = codes[b.bits & 127];
        if (e & LB__HUFF_EXC) { what = "has a code length outside its code"; goto done; }
        LB__DROP(e & 255); sym = e >> 16;
        if (sym < 16) { len[i++] = (uint8_t)sym; continue; }
        if (sym == 16) { if (!i) { what = "repeats a code length before the first"; goto done; } v = len[i - 1]; rep = 3 + LB__BITS(2); LB__DROP(2); }
        else if (sym == 17) { rep = 3 + LB__BITS(3); LB__DROP(3); }
        else { rep = 11 + LB__BITS(7); LB__DROP(7); }
        if (rep > nlit + ndist - i) { what = "repeats a code length past the last"; goto done; }
        memset(len + i, v, rep); i += rep;
    }
    if (b.over > b.have / 8) { what = "ends inside a block's codes"; goto done; }
    if (!len[256]) { what = "has a block without an end code"; goto done; }
    if (!lb__huff_build(t->lit, LB__LIT_ROOM, LB__LIT_BITS, len, nlit, t->lit_symbols) || !lb__huff_build(t->dist, LB__DIST_ROOM, LB__DIST_BITS, len + nlit, ndist, t->dist_symbols)) { what = "has a block whose lengths make no code"; goto done; }
done:
    *z = b;
    return what;
}
/* Symbols far from both ends, until one is near or *ended says that the block is over: no check per byte, copies may run over by up to 16 + 16 bytes. */
static const char *lb__inflate_fast(const lb__inflate *t, lb__inflate_at *z, int *ended) {
    lb__inflate_at b = *z; const char *what = NULL;
    while (b.end - b.in >= 16 && b.stop - b.out >= 320) {
        uint32_t e; size_t length, distance; const uint8_t *from;
        LB__REFILL();
        e = t->lit[b.bits & ((1 << LB__LIT_BITS) - 1)];
        if (e & LB__HUFF_LIT) {
            *b.out++ = (uint8_t)(e >> 16); LB__DROP(e & 15);
            e = t->lit[b.bits & ((1 << LB__LIT_BITS) - 1)];
            if (e & LB__HUFF_LIT) {
                *b.out++ = (uint8_t)(e >> 16); LB__DROP(e & 15);
                e = t->lit[b.bits & ((1 << LB__LIT_BITS) - 1)];
                if (e & LB__HUFF_LIT) { *b.out++ = (uint8_t)(e >> 16); LB__DROP(e & 15); continue; }
            }
            LB__REFILL();
        }
        if (e & LB__HUFF_EXC) {
            if (e & LB__HUFF_SUB) {
                LB__DROP(LB__LIT_BITS);
                e = t->lit[(e >> 16) + LB__BITS(e >> 8 & 15)];
                if (e & LB__HUFF_LIT) { *b.out++ = (uint8_t)(e >> 16); LB__DROP(e & 15); continue; }
            }
            if (e & LB__HUFF_EXC) {
                if (!(e & LB__HUFF_END)) { what = "has a code outside its block's codes"; goto done; }
                LB__DROP(e & 15);
                *ended = 1; goto done;
            }
        }
        LB__DROP(e & 15);
        length = (e >> 16) + LB__BITS(e >> 8 & 15); LB__DROP(e >> 8 & 15);
        e = t->dist[b.bits & ((1 << LB__DIST_BITS) - 1)];
        if (e & LB__HUFF_EXC) {
            if (e & LB__HUFF_SUB) { LB__DROP(LB__DIST_BITS); e = t->dist[(e >> 16) + LB__BITS(e >> 8 & 15)]; }
            if (e & LB__HUFF_EXC) { what = "has a distance code outside its block's codes"; goto done; }
        }
        LB__DROP(e & 15);
        distance = (e >> 16) + LB__BITS(e >> 8 & 15); LB__DROP(e >> 8 & 15);
        if (distance > (size_t)(b.out - b.first)) { what = "copies from before its first byte"; goto done; }
        from = b.out - distance;
        if (distance >= 16) {
            uint8_t *to = b.out + length;
            do { memcpy(b.out, from, 16); b.out += 16; from += 16; } while (b.out < to);
            b.out = to;
        } else if (distance == 1) { memset(b.out, *from, length); b.out += length; }
        else {
            uint8_t *to = b.out + length; size_t k, period = distance;
            while (period < 8) period += distance;                        /* after that many bytes the text repeats at a distance of at least 8 */
            for (k = 0; k < period - distance + 8 && k < length; k++) b.out[k] = from[k];
            for (b.out += k; b.out < to; b.out += 8) memcpy(b.out, b.out - period, 8);
            b.out = to;
        }
    }
done:
    *z = b;
    return what;
}
/* The same to the end of the block, with every byte checked. */
static const char *lb__inflate_careful(const lb__inflate *t, lb__inflate_at *z) {
    lb__inflate_at b = *z; const char *what = NULL;
    for (;;) {
        uint32_t e; size_t length, distance;
        LB__NEED();
        if (b.over > 8) { what = "ends inside a block"; goto done; }
        e = t->lit[b.bits & ((1 << LB__LIT_BITS) - 1)];
        if (e & LB__HUFF_SUB && e & LB__HUFF_EXC) { LB__DROP(LB__LIT_BITS); e = t->lit[(e >> 16) + LB__BITS(e >> 8 & 15)]; }
        if (e & LB__HUFF_LIT) {
            if (b.out == b.stop) { what = "holds more data than expected"; goto done; }
            *b.out++ = (uint8_t)(e >> 16); LB__DROP(e & 15);
            continue;
        }
        if (e & LB__HUFF_EXC) {
            if (!(e & LB__HUFF_END)) { what = "has a code outside its block's codes"; goto done; }
            LB__DROP(e & 15);
            break;
        }
        LB__DROP(e & 15);
        length = (e >> 16) + LB__BITS(e >> 8 & 15); LB__DROP(e >> 8 & 15);
        e = t->dist[b.bits & ((1 << LB__DIST_BITS) - 1)];
        if (e & LB__HUFF_SUB && e & LB__HUFF_EXC) { LB__DROP(LB__DIST_BITS); e = t->dist[(e >> 16) + LB__BITS(e >> 8 & 15)]; }
        if (e & LB__HUFF_EXC) { what = "has a distance code outside its block's codes"; goto done; }
        LB__DROP(e & 15);
        distance = (e >> 16) + LB__BITS(e >> 8 & 15); LB__DROP(e >> 8 & 15);
        if (distance > (size_t)(b.out - b.first)) { what = "copies from before its first byte"; goto done; }
        if (length > (size_t)(b.stop - b.out)) { what = "holds more data than expected"; goto done; }
        for (; length; length--, b.out++) *b.out = b.out[-(ptrdiff_t)distance];
    }
done:
    *z = b;
    return what;
}
#undef LB__REFILL
#undef LB__NEED
#undef LB__DROP
#undef LB__BITS
/* Raw DEFLATE from src[0..n) to dst[0..cap).  *used, *made: bytes read and written.  The sentence has no file name. */
static lb_status lb__inflate_raw(const void *src, size_t n, void *dst, size_t cap, size_t *used, size_t *made) {
    lb__inflate_at z; int last = 0; lb_status s = LB_OK; lb__inflate *t; const char *what = NULL;
    *used = *made = 0;
    t = (lb__inflate *)LB_MALLOC(sizeof *t);
    if (!t) return lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", sizeof *t);
    lb__inflate_init(t);
    memset(&z, 0, sizeof z); z.in = (const uint8_t *)src; z.end = z.in + n; z.out = z.first = (uint8_t *)dst; z.stop = z.out + cap;
    while (!last && !what) {
        const uint32_t head = lb__inflate_head(&z), kind = head >> 1; int ended = 0;
        last = (int)(head & 1);
        if (kind == 0) { what = lb__inflate_stored(&z); continue; }
        if (kind == 3) { what = "has a block of the reserved type 3"; break; }
        if (kind == 1) lb__inflate_fixed(t); else what = lb__inflate_codes(t, &z);
        if (!what) what = lb__inflate_fast(t, &z, &ended);
        if (!what && !ended) what = lb__inflate_careful(t, &z);
        if (!what && z.over > z.have / 8) what = "ends inside a block";
    }
    if (what) s = lb__fail(LB_ERR_FORMAT, "the compressed data %s (near its byte %zu, after %zu bytes of output)", what, (size_t)(z.in - (const uint8_t *)src), (size_t)(z.out - z.first));
    else { z.in -= z.have / 8 - z.over; *used = (size_t)(z.in - (const uint8_t *)src); *made = (size_t)(z.out - z.first); }      /* whole bytes that were not used go back */
    LB_FREE(t);
    return s;
}

static uint32_t lb__adler32(const uint8_t *p, size_t n) {
    uint32_t a = 1, b = 0;
    while (n) {
        size_t k = LB__MIN(n, (size_t)5552), i = 0;
        for (; i + 16 <= k; i += 16) {                                         /* b gains 16 a + sum of (16 - j) p[j] */
            uint32_t s = 0, w = 0, j;
            for (j = 0; j < 16; j++) { s += p[i + j]; w += (16 - j) * p[i + j]; }
            b += 16 * a + w; a += s;
        }
        for (; i < k; i++) { a += p[i]; b += a; }
        a %= 65521; b %= 65521; p += k; n -= k;
    }
    return b << 16 | a;
}
/* A zlib stream of exactly `size` bytes of data. */
static lb_status lb__zlib(const void *src, size_t n, void *dst, size_t size) {
    const uint8_t *p = (const uint8_t *)src; size_t used, made;
    if (n < 6 || (p[0] & 15) != 8 || (p[0] >> 4) > 7 || lb__u16be(p) % 31 || p[1] & 32) return lb__fail(LB_ERR_FORMAT, "the compressed data does not begin with a zlib header");
    LB__TRY(lb__inflate_raw(p + 2, n - 2, dst, size, &used, &made));
    if (made != size) return lb__fail(LB_ERR_FORMAT, "the compressed data holds %zu bytes, %zu were expected", made, size);
    if (n - 2 - used < 4) return lb__fail(LB_ERR_FORMAT, "the compressed data ends before its checksum");
    if (lb__adler32((const uint8_t *)dst, size) != lb__u32be(p + 2 + used)) return lb__fail(LB_ERR_FORMAT, "the compressed data fails its Adler-32 checksum");
    return LB_OK;
}

/* ---- 9.2 >>pixels: what the decoders share ---- */

LB_API void lb_image_free(lb_image *img) { if (img) { lb__release(img->data); memset(img, 0, sizeof *img); } }

/* Memory that the caller fills completely: not zeroed, for a 12-megapixel image that is a millisecond.  */
static void *lb__image_raw(size_t n, size_t size) {
    size_t bytes; void *p;
    if (!lb__mul(n, size, &bytes) || bytes > PTRDIFF_MAX - 64) { lb__fail(LB_ERR_MEM, "out of memory: %zu elements of %zu bytes do not fit in the address space", n, size); return NULL; }
    p = LB_MALLOC(bytes + 64);
    if (!p) lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", bytes + 64);
    return p;
}
/* Header fields into img after the limits were checked; no pixels yet. */
static lb_status lb__image_head(lb_ctx *ctx, const char *format, uint64_t width, uint64_t height, int channels, int bits, lb_image *img) {
    if (!width || !height) return lb__fail(LB_ERR_FORMAT, "%s: the image is %llu x %llu pixels, at least 1 x 1 was expected", format, (unsigned long long)width, (unsigned long long)height);
    if (width > ctx->limits.max_side || height > ctx->limits.max_side) return lb__fail(LB_ERR_LIMIT, "%s: the image is %llu x %llu pixels, the limit is %zu a side", format, (unsigned long long)width, (unsigned long long)height, ctx->limits.max_side);
    if (height > ctx->limits.max_pixels / width) return lb__fail(LB_ERR_LIMIT, "%s: the image is %llu x %llu pixels, the limit is %zu pixels", format, (unsigned long long)width, (unsigned long long)height, ctx->limits.max_pixels);
    img->width = (size_t)width; img->height = (size_t)height; img->channels = channels; img->bits = bits;
    if (!img->orientation) img->orientation = 1;
    return LB_OK;
}
static lb_status lb__image_pixels(lb_image *img) {
    size_t n;
    if (!lb__mul(img->width, img->height, &n)) return lb__fail(LB_ERR_MEM, "out of memory: %zu x %zu pixels do not fit in the address space", img->width, img->height);
    img->data = lb__image_raw(n, (size_t)img->channels * (size_t)(img->bits / 8));
    return img->data ? LB_OK : LB_ERR_MEM;
}

/* Orientation out of a TIFF block (EXIF); 1 when it says nothing sensible. */
static int lb__exif_orientation(const uint8_t *p, size_t n) {
    int big; size_t at, count, i;
    if (n < 14 || !((p[0] == 'I' && p[1] == 'I') || (p[0] == 'M' && p[1] == 'M'))) return 1;
    big = p[0] == 'M';
    at = big ? lb__u32be(p + 4) : lb__u32le(p + 4);
    if (at > n - 2 || at < 8) return 1;
    count = big ? lb__u16be(p + at) : lb__u16le(p + at);
    for (i = 0, at += 2; i < count && n - at >= 12; i++, at += 12) {
        unsigned tag = big ? lb__u16be(p + at) : lb__u16le(p + at), type = big ? lb__u16be(p + at + 2) : lb__u16le(p + at + 2), v;
        if (tag != 0x112) continue;
        v = type != 3 ? 0 : big ? lb__u16be(p + at + 8) : lb__u16le(p + at + 8);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}

/* ---- 9.3 >>jpeg: ITU T.81 baseline, extended sequential and progressive, 8 bit, Huffman ----
 * The arithmetic is libjpeg-turbo's default: accurate integer IDCT (13-bit constants, two passes), triangle filter for chroma that is halved
 * horizontally or both ways or vertically, replication otherwise, 16-bit fixed-point colour conversion.  The scan's bytes are first copied
 * without their stuffing, so that the bit reader loads eight bytes at a time and never looks for markers. */

enum { LB__JPEG_FAST = 10, LB__JPEG_SLACK = 16448, LB__JPEG_PASSES = 100 };   /* slack: what 64 blocks of 64 coefficients of 31 bits may read too far;
                                                                               * passes over all blocks, where encoders need about ten: scans of nothing but ends are cheap to write */
typedef struct lb__jpeg_huff {
    uint8_t bits[17], values[256]; int set, built;
    uint32_t fast[1 << LB__JPEG_FAST];       /* symbol << 16 | code length << 8 | code length + extra bits; 0: longer than FAST bits */
    uint32_t limit[17];                      /* first 16-bit left-aligned code that is longer than l bits */
    int32_t  delta[17];                      /* index of a code's symbol minus the code, per length */
} lb__jpeg_huff;
typedef struct lb__jpeg_comp {
    int id, h, v, tq, have_q, dc_seen;
    size_t w, rows, bw, bh, own_bw, own_bh;  /* samples; blocks in the padded grid; blocks of a scan of its own */
    size_t stride, ring;                     /* plane: ring rows of stride samples; row y is at y % ring */
    uint16_t q[64];                          /* natural order */
    uint8_t *plane; int16_t *coef;
    const lb__jpeg_huff *dc, *ac;            /* of the current scan */
    uint32_t pred;
} lb__jpeg_comp;
typedef struct lb__jpeg {
    lb_ctx *ctx; const uint8_t *data; size_t size, pos;
    size_t width, height, mcux, mcuy, done;  /* done: output rows converted so far */
    size_t blocks, walked;                   /* of the picture; of all scans so far */
    int n, maxh, maxv, progressive, frame, restart, jfif, adobe, color, plain;   /* plain: chroma is replicated, as video converters do */
    lb__jpeg_comp comp[4], *scan[4]; int scan_n, ss, se, ah, al;
    uint16_t qt[4][64]; int qt_set[4];
    lb__jpeg_huff *dc, *ac;                  /* [4] each */
    lb__buf clean; size_t *seg; size_t seg_n, seg_cap, scan_at;     /* bytes of the scan; where its restart intervals begin */
    lb_image *out; uint8_t *rows_mem; size_t rows_size;             /* upsampled rows, one set a worker */
} lb__jpeg;

/* natural index of the k-th coefficient; a run past the block's end lands on the last one */
static const uint8_t lb__zigzag[64 + 16] = {
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63 };

/* One 8 x 8 block, coefficients in natural order: 16-bit dequantised values, 32-bit products and sums (wrapping), 16 bits with saturation
 * between the passes: what libjpeg-turbo's vector code computes, equal to its C code wherever nothing overflows. */
#define LB__IDCT_E(a, b) (uint32_t)((int32_t)(a) * (b))
static void lb__idct_1d(const int16_t in[8], int shift, int16_t out[8], size_t step) {
    int16_t z3 = (int16_t)(uint16_t)((uint32_t)in[7] + (uint32_t)in[3]), z4 = (int16_t)(uint16_t)((uint32_t)in[5] + (uint32_t)in[1]);
    uint32_t e2 = LB__IDCT_E(in[2], 4433) + LB__IDCT_E(in[6], 4433 - 15137), e3 = LB__IDCT_E(in[2], 4433 + 6270) + LB__IDCT_E(in[6], 4433);
    uint32_t s = (uint32_t)(int32_t)(int16_t)(uint16_t)((uint32_t)in[0] + (uint32_t)in[4]) << 13, d = (uint32_t)(int32_t)(int16_t)(uint16_t)((uint32_t)in[0] - (uint32_t)in[4]) << 13;
    uint32_t y3 = LB__IDCT_E(z3, 9633 - 16069) + LB__IDCT_E(z4, 9633), y4 = LB__IDCT_E(z3, 9633) + LB__IDCT_E(z4, 9633 - 3196);
    uint32_t t[4], v[8]; int i;
    t[0] = LB__IDCT_E(in[7], 2446 - 7373) + LB__IDCT_E(in[1], -7373) + y3;
    t[1] = LB__IDCT_E(in[5], 16819 - 20995) + LB__IDCT_E(in[3], -20995) + y4;
    t[2] = LB__IDCT_E(in[3], 25172 - 20995) + LB__IDCT_E(in[5], -20995) + y3;
    t[3] = LB__IDCT_E(in[1], 12299 - 7373) + LB__IDCT_E(in[7], -7373) + y4;
    v[0] = s + e3 + t[3]; v[7] = s + e3 - t[3];
    v[1] = d + e2 + t[2]; v[6] = d + e2 - t[2];
    v[2] = d - e2 + t[1]; v[5] = d - e2 - t[1];
    v[3] = s - e3 + t[0]; v[4] = s - e3 - t[0];
    for (i = 0; i < 8; i++) {
        int32_t x = (int32_t)(v[i] + ((uint32_t)1 << (shift - 1))) >> shift;
        out[(size_t)i * step] = (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
    }
}
static void lb__idct_scalar(const int16_t *coef, const uint16_t *q, uint8_t *dst, size_t stride) {
    int16_t mid[64], in[8], row[8]; int i, k;
    for (i = 0; i < 8; i++) {
        for (k = 0; k < 8; k++) in[k] = (int16_t)(uint16_t)((uint32_t)coef[k * 8 + i] * q[k * 8 + i]);
        lb__idct_1d(in, 11, mid + i, 8);
    }
    for (i = 0; i < 8; i++, dst += stride) {
        lb__idct_1d(mid + i * 8, 18, row, 1);
        for (k = 0; k < 8; k++) dst[k] = (uint8_t)(row[k] < -128 ? 0 : row[k] > 127 ? 255 : row[k] + 128);
    }
}
#ifdef LB__IMAGE_SSE2
/* a pass over eight vectors x[0..7] of eight 16-bit lanes */
#define LB__IDCT_CONST(a, b) _mm_set_epi16(b, a, b, a, b, a, b, a)
#define LB__IDCT_HALF(unpack, o)                                                                                                              \
    do {                                                                                                                                      \
        __m128i p26 = unpack(x2, x6), pz = unpack(z3, z4), p71 = unpack(x7, x1), p53 = unpack(x5, x3), sgn, s_, d_, e2, e3, y3, y4, t0, t1, t2, t3, a_, b_; \
        e2 = _mm_madd_epi16(p26, LB__IDCT_CONST(4433, 4433 - 15137)); e3 = _mm_madd_epi16(p26, LB__IDCT_CONST(4433 + 6270, 4433));            \
        sgn = unpack(_mm_setzero_si128(), s16); s_ = _mm_srai_epi32(sgn, 3);                                                                  \
        sgn = unpack(_mm_setzero_si128(), d16); d_ = _mm_srai_epi32(sgn, 3);                                                                  \
        y3 = _mm_madd_epi16(pz, LB__IDCT_CONST(9633 - 16069, 9633)); y4 = _mm_madd_epi16(pz, LB__IDCT_CONST(9633, 9633 - 3196));              \
        t0 = _mm_add_epi32(_mm_madd_epi16(p71, LB__IDCT_CONST(2446 - 7373, -7373)), y3);                                                      \
        t3 = _mm_add_epi32(_mm_madd_epi16(p71, LB__IDCT_CONST(-7373, 12299 - 7373)), y4);                                                     \
        t1 = _mm_add_epi32(_mm_madd_epi16(p53, LB__IDCT_CONST(16819 - 20995, -20995)), y4);                                                   \
        t2 = _mm_add_epi32(_mm_madd_epi16(p53, LB__IDCT_CONST(-20995, 25172 - 20995)), y3);                                                   \
        s_ = _mm_add_epi32(s_, round); d_ = _mm_add_epi32(d_, round);                                                                         \
        a_ = _mm_add_epi32(s_, e3); b_ = _mm_sub_epi32(s_, e3);                                                                               \
        o[0] = _mm_sra_epi32(_mm_add_epi32(a_, t3), count); o[7] = _mm_sra_epi32(_mm_sub_epi32(a_, t3), count);                               \
        o[3] = _mm_sra_epi32(_mm_add_epi32(b_, t0), count); o[4] = _mm_sra_epi32(_mm_sub_epi32(b_, t0), count);                               \
        a_ = _mm_add_epi32(d_, e2); b_ = _mm_sub_epi32(d_, e2);                                                                               \
        o[1] = _mm_sra_epi32(_mm_add_epi32(a_, t2), count); o[6] = _mm_sra_epi32(_mm_sub_epi32(a_, t2), count);                               \
        o[2] = _mm_sra_epi32(_mm_add_epi32(b_, t1), count); o[5] = _mm_sra_epi32(_mm_sub_epi32(b_, t1), count);                               \
    } while (0)
#define LB__IDCT_PASS(shift)                                                                                                                  \
    do {                                                                                                                                      \
        __m128i z3 = _mm_add_epi16(x7, x3), z4 = _mm_add_epi16(x5, x1), s16 = _mm_add_epi16(x0, x4), d16 = _mm_sub_epi16(x0, x4);             \
        __m128i round = _mm_set1_epi32(1 << ((shift) - 1)), count = _mm_cvtsi32_si128(shift), lo[8], hi[8];                                   \
        LB__IDCT_HALF(_mm_unpacklo_epi16, lo); LB__IDCT_HALF(_mm_unpackhi_epi16, hi);                                                         \
        x0 = _mm_packs_epi32(lo[0], hi[0]); x1 = _mm_packs_epi32(lo[1], hi[1]); x2 = _mm_packs_epi32(lo[2], hi[2]); x3 = _mm_packs_epi32(lo[3], hi[3]); \
        x4 = _mm_packs_epi32(lo[4], hi[4]); x5 = _mm_packs_epi32(lo[5], hi[5]); x6 = _mm_packs_epi32(lo[6], hi[6]); x7 = _mm_packs_epi32(lo[7], hi[7]); \
    } while (0)
static void lb__idct(const int16_t *coef, const uint16_t *q, uint8_t *dst, size_t stride) {
    const __m128i *c = (const __m128i *)(const void *)coef, *m = (const __m128i *)(const void *)q;
    __m128i x0, x1, x2, x3, x4, x5, x6, x7, a0, a1, a2, a3, a4, a5, a6, a7;
#define LB__IDCT_LOAD(i) _mm_mullo_epi16(_mm_loadu_si128(c + i), _mm_loadu_si128(m + i))
    x0 = LB__IDCT_LOAD(0); x1 = LB__IDCT_LOAD(1); x2 = LB__IDCT_LOAD(2); x3 = LB__IDCT_LOAD(3);
    x4 = LB__IDCT_LOAD(4); x5 = LB__IDCT_LOAD(5); x6 = LB__IDCT_LOAD(6); x7 = LB__IDCT_LOAD(7);
#undef LB__IDCT_LOAD
    LB__IDCT_PASS(11);
    a0 = _mm_unpacklo_epi16(x0, x1); a1 = _mm_unpackhi_epi16(x0, x1); a2 = _mm_unpacklo_epi16(x2, x3); a3 = _mm_unpackhi_epi16(x2, x3);
    a4 = _mm_unpacklo_epi16(x4, x5); a5 = _mm_unpackhi_epi16(x4, x5); a6 = _mm_unpacklo_epi16(x6, x7); a7 = _mm_unpackhi_epi16(x6, x7);
    x0 = _mm_unpacklo_epi32(a0, a2); x1 = _mm_unpackhi_epi32(a0, a2); x2 = _mm_unpacklo_epi32(a1, a3); x3 = _mm_unpackhi_epi32(a1, a3);
    x4 = _mm_unpacklo_epi32(a4, a6); x5 = _mm_unpackhi_epi32(a4, a6); x6 = _mm_unpacklo_epi32(a5, a7); x7 = _mm_unpackhi_epi32(a5, a7);
    a0 = _mm_unpacklo_epi64(x0, x4); a1 = _mm_unpackhi_epi64(x0, x4); a2 = _mm_unpacklo_epi64(x1, x5); a3 = _mm_unpackhi_epi64(x1, x5);
    a4 = _mm_unpacklo_epi64(x2, x6); a5 = _mm_unpackhi_epi64(x2, x6); a6 = _mm_unpacklo_epi64(x3, x7); a7 = _mm_unpackhi_epi64(x3, x7);
    x0 = a0; x1 = a1; x2 = a2; x3 = a3; x4 = a4; x5 = a5; x6 = a6; x7 = a7;
    LB__IDCT_PASS(18);
    /* lanes are rows now: pack to bytes and transpose */
    a0 = _mm_packs_epi16(x0, x2); a1 = _mm_packs_epi16(x1, x3); a2 = _mm_packs_epi16(x4, x6); a3 = _mm_packs_epi16(x5, x7);
    x0 = _mm_unpacklo_epi8(a0, a1); x1 = _mm_unpackhi_epi8(a0, a1); x2 = _mm_unpacklo_epi8(a2, a3); x3 = _mm_unpackhi_epi8(a2, a3);     /* columns 01, 23, 45, 67 of eight rows */
    a0 = _mm_unpacklo_epi16(x0, x1); a1 = _mm_unpackhi_epi16(x0, x1); a2 = _mm_unpacklo_epi16(x2, x3); a3 = _mm_unpackhi_epi16(x2, x3);
    x0 = _mm_unpacklo_epi32(a0, a2); x1 = _mm_unpackhi_epi32(a0, a2); x2 = _mm_unpacklo_epi32(a1, a3); x3 = _mm_unpackhi_epi32(a1, a3);
    a4 = _mm_set1_epi8(-128);
#define LB__IDCT_STORE(x) do { a0 = _mm_xor_si128(x, a4); _mm_storel_epi64((__m128i *)(void *)dst, a0); dst += stride; _mm_storel_epi64((__m128i *)(void *)dst, _mm_srli_si128(a0, 8)); dst += stride; } while (0)
    LB__IDCT_STORE(x0); LB__IDCT_STORE(x1); LB__IDCT_STORE(x2); LB__IDCT_STORE(x3);
#undef LB__IDCT_STORE
}
#else
#define lb__idct lb__idct_scalar
#endif

/* ---- upsampling and colour, one row at a time; outputs may be written up to 16 bytes past their end ---- */

static void lb__up_h2_scalar(uint8_t *out, const uint8_t *in, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        int c = in[i] * 3, l = in[i ? i - 1 : 0], r = in[i + 1 < n ? i + 1 : i];
        out[2 * i] = (uint8_t)((c + l + 1) >> 2); out[2 * i + 1] = (uint8_t)((c + r + 2) >> 2);
    }
}
static void lb__up_v2_scalar(uint8_t *out, const uint8_t *near_, const uint8_t *far_, int bias, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) out[i] = (uint8_t)((near_[i] * 3 + far_[i] + bias) >> 2);
}
static void lb__up_h2v2_scalar(uint8_t *out, const uint8_t *near_, const uint8_t *far_, uint16_t *sum, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) sum[i + 1] = (uint16_t)(near_[i] * 3 + far_[i]);
    sum[0] = sum[1]; sum[n + 1] = sum[n];
    for (i = 1; i <= n; i++, out += 2) { out[0] = (uint8_t)((sum[i] * 3 + sum[i - 1] + 8) >> 4); out[1] = (uint8_t)((sum[i] * 3 + sum[i + 1] + 7) >> 4); }
}
#define LB__CLAMP8(x) ((x) < 0 ? 0 : (x) > 255 ? 255 : (x))
static void lb__ycc_scalar(uint8_t *out, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, size_t n) {
    size_t i;
    for (i = 0; i < n; i++, out += 3) {                                        /* arithmetic shift of negative numbers: floor */
        int b = cb[i] - 128, r = cr[i] - 128, v = y[i] + ((91881 * r + 32768) >> 16), w = y[i] + ((-22554 * b - 46802 * r + 32768) >> 16), u = y[i] + ((116130 * b + 32768) >> 16);
        out[0] = (uint8_t)LB__CLAMP8(v); out[1] = (uint8_t)LB__CLAMP8(w); out[2] = (uint8_t)LB__CLAMP8(u);
    }
}
#ifdef LB__IMAGE_SSE2
static void lb__up_h2(uint8_t *out, const uint8_t *in, size_t n) {
    const __m128i zero = _mm_setzero_si128(); size_t i = 8;
    lb__up_h2_scalar(out, in, LB__MIN(n, (size_t)9));                          /* its last right neighbour is wrong when n > 9, and written again below */
    if (n <= 9) return;
    for (; i + 9 <= n; i += 8) {
        __m128i c = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(in + i)), zero), l = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(in + i - 1)), zero);
        __m128i r = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(in + i + 1)), zero);
        c = _mm_add_epi16(c, _mm_add_epi16(c, c));
        l = _mm_srli_epi16(_mm_add_epi16(_mm_add_epi16(c, l), _mm_set1_epi16(1)), 2);
        r = _mm_srli_epi16(_mm_add_epi16(_mm_add_epi16(c, r), _mm_set1_epi16(2)), 2);
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * i), _mm_or_si128(l, _mm_slli_epi16(r, 8)));
    }
    for (; i < n; i++) {
        int c = in[i] * 3, l = in[i - 1], r = in[i + 1 < n ? i + 1 : i];
        out[2 * i] = (uint8_t)((c + l + 1) >> 2); out[2 * i + 1] = (uint8_t)((c + r + 2) >> 2);
    }
}
static void lb__up_v2(uint8_t *out, const uint8_t *near_, const uint8_t *far_, int bias, size_t n) {
    const __m128i zero = _mm_setzero_si128(), b = _mm_set1_epi16((short)bias); size_t i;
    for (i = 0; i + 8 <= n; i += 8) {
        __m128i c = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(near_ + i)), zero), f = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(far_ + i)), zero);
        c = _mm_srli_epi16(_mm_add_epi16(_mm_add_epi16(c, _mm_add_epi16(c, c)), _mm_add_epi16(f, b)), 2);
        _mm_storel_epi64((__m128i *)(void *)(out + i), _mm_packus_epi16(c, c));
    }
    lb__up_v2_scalar(out + i, near_ + i, far_ + i, bias, n - i);
}
/* sum has room for n + 2 + 16 values; planes may be read up to 15 bytes past n */
static void lb__up_h2v2(uint8_t *out, const uint8_t *near_, const uint8_t *far_, uint16_t *sum, size_t n) {
    const __m128i zero = _mm_setzero_si128(); size_t i;
    for (i = 0; i < n; i += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(near_ + i)), f = _mm_loadu_si128((const __m128i *)(const void *)(far_ + i)), lo = _mm_unpacklo_epi8(a, zero), hi = _mm_unpackhi_epi8(a, zero);
        lo = _mm_add_epi16(_mm_add_epi16(lo, _mm_add_epi16(lo, lo)), _mm_unpacklo_epi8(f, zero)); hi = _mm_add_epi16(_mm_add_epi16(hi, _mm_add_epi16(hi, hi)), _mm_unpackhi_epi8(f, zero));
        _mm_storeu_si128((__m128i *)(void *)(sum + 1 + i), lo); _mm_storeu_si128((__m128i *)(void *)(sum + 9 + i), hi);
    }
    sum[0] = sum[1]; sum[n + 1] = sum[n];
    for (i = 0; i < n; i += 8) {
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(sum + 1 + i)), l = _mm_loadu_si128((const __m128i *)(const void *)(sum + i)), r = _mm_loadu_si128((const __m128i *)(const void *)(sum + 2 + i));
        c = _mm_add_epi16(c, _mm_add_epi16(c, c));
        l = _mm_srli_epi16(_mm_add_epi16(_mm_add_epi16(c, l), _mm_set1_epi16(8)), 4); r = _mm_srli_epi16(_mm_add_epi16(_mm_add_epi16(c, r), _mm_set1_epi16(7)), 4);
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * i), _mm_or_si128(l, _mm_slli_epi16(r, 8)));
    }
}
/* Products with 16-bit factors: 1.402 = 1 + 26345 / 65536, 1.772 = 2 - 14942 / 65536, 0.71414 = 1 - 18734 / 65536; floor((2 k x >> 16) + 1 >> 1) is
 * the rounded k x >> 16. */
static void lb__ycc(uint8_t *out, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, size_t n) {
    const __m128i zero = _mm_setzero_si128(), mid = _mm_set1_epi16(128), one = _mm_set1_epi16(1), kr = _mm_set1_epi16(26345), kb = _mm_set1_epi16(-14942);
    const __m128i kg = _mm_set_epi16(18734, -22554, 18734, -22554, 18734, -22554, 18734, -22554), half = _mm_set1_epi32(32768);
    const __m128i m0 = _mm_set_epi32(0, 0xffffff, 0, 0xffffff), m1 = _mm_set_epi32(0xffff, (int)0xff000000, 0xffff, (int)0xff000000); size_t i;
    for (i = 0; i + 16 <= n; i += 8, out += 24) {
        __m128i v = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(y + i)), zero), b = _mm_sub_epi16(_mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(cb + i)), zero), mid);
        __m128i r = _mm_sub_epi16(_mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)(cr + i)), zero), mid), b2 = _mm_add_epi16(b, b), r2 = _mm_add_epi16(r, r), R, G, B, a, c;
        R = _mm_add_epi16(_mm_add_epi16(v, r), _mm_srai_epi16(_mm_add_epi16(_mm_mulhi_epi16(r2, kr), one), 1));
        B = _mm_add_epi16(_mm_add_epi16(v, b2), _mm_srai_epi16(_mm_add_epi16(_mm_mulhi_epi16(b2, kb), one), 1));
        a = _mm_srai_epi32(_mm_add_epi32(_mm_madd_epi16(_mm_unpacklo_epi16(b, r), kg), half), 16); c = _mm_srai_epi32(_mm_add_epi32(_mm_madd_epi16(_mm_unpackhi_epi16(b, r), kg), half), 16);
        G = _mm_add_epi16(_mm_sub_epi16(v, r), _mm_packs_epi32(a, c));
        a = _mm_packus_epi16(R, B);                                            /* R0..7 B0..7 */
        c = _mm_packus_epi16(G, G);
        R = _mm_unpacklo_epi8(a, c); B = _mm_unpackhi_epi8(a, zero);           /* RG pairs, B0 pairs */
        a = _mm_unpacklo_epi16(R, B); c = _mm_unpackhi_epi16(R, B);            /* four pixels of RGB0 each */
        a = _mm_or_si128(_mm_and_si128(a, m0), _mm_and_si128(_mm_srli_epi64(a, 8), m1));       /* six bytes at the bottom of each half */
        c = _mm_or_si128(_mm_and_si128(c, m0), _mm_and_si128(_mm_srli_epi64(c, 8), m1));
        a = _mm_or_si128(_mm_move_epi64(a), _mm_slli_si128(_mm_srli_si128(a, 8), 6));
        c = _mm_or_si128(_mm_move_epi64(c), _mm_slli_si128(_mm_srli_si128(c, 8), 6));
        _mm_storeu_si128((__m128i *)(void *)out, a); _mm_storeu_si128((__m128i *)(void *)(out + 12), c);
    }
    lb__ycc_scalar(out, y + i, cb + i, cr + i, n - i);
}
#else
#define lb__up_h2   lb__up_h2_scalar
#define lb__up_v2   lb__up_v2_scalar
#define lb__up_h2v2 lb__up_h2v2_scalar
#define lb__ycc     lb__ycc_scalar
#endif

/* Output row y of component c at full width: into `row`, or a pointer into the plane when nothing is to be done. */
static const uint8_t *lb__jpeg_row(const lb__jpeg *j, const lb__jpeg_comp *c, size_t y, uint8_t *row, uint16_t *sum) {
    int hh = j->maxh / c->h, vv = j->maxv / c->v; size_t cy = y * (size_t)c->v / (size_t)j->maxv, x, k;
    const uint8_t *p = c->plane + cy % c->ring * c->stride;
    int fancy = !j->plain && c->w > 2 && j->maxh % c->h == 0 && j->maxv % c->v == 0;
    if (c->h == j->maxh && c->v == j->maxv) return p;
    if (!j->plain && vv == 2 && j->maxv == 2 * c->v && ((hh == 2 && j->maxh == 2 * c->h && fancy) || c->h == j->maxh)) {
        size_t fy = y & 1 ? LB__MIN(cy + 1, c->rows - 1) : cy ? cy - 1 : 0; const uint8_t *far_ = c->plane + fy % c->ring * c->stride;
        if (c->h == j->maxh) { lb__up_v2(row, p, far_, y & 1 ? 2 : 1, c->w); return row; }
        lb__up_h2v2(row, p, far_, sum, c->w);
        return row;
    }
    if (c->v == j->maxv && j->maxh == 2 * c->h && fancy) { lb__up_h2(row, p, c->w); return row; }
    if (j->maxh % c->h == 0) { for (x = k = 0; x < j->width; k++) { size_t e = LB__MIN(x + (size_t)hh, j->width); for (; x < e; x++) row[x] = p[k]; } }
    else for (x = 0; x < j->width; x++) row[x] = p[x * (size_t)c->h / (size_t)j->maxh];
    return row;
}
enum { LB__JPEG_GREY, LB__JPEG_YCC, LB__JPEG_RGB, LB__JPEG_CMYK, LB__JPEG_YCCK };
static void lb__jpeg_convert(void *arg, size_t y, size_t end, int worker) {
    const lb__jpeg *j = (const lb__jpeg *)arg; size_t W = j->width, x, room = (W + 64 + 15) & ~(size_t)15; uint8_t *mem = j->rows_mem + (size_t)worker * j->rows_size; const uint8_t *c[4] = { 0, 0, 0, 0 }; int i;
    for (; y < end; y++) {
        uint8_t *out = (uint8_t *)j->out->data + y * W * (size_t)j->out->channels;
        for (i = 0; i < j->n; i++) c[i] = lb__jpeg_row(j, &j->comp[i], y, mem + (size_t)i * room, (uint16_t *)(void *)(mem + 4 * room));
        if (j->color == LB__JPEG_GREY) memcpy(out, c[0], W);
        else if (j->color == LB__JPEG_YCC) lb__ycc(out, c[0], c[1], c[2], W);
        else if (j->color == LB__JPEG_RGB) for (x = 0; x < W; x++, out += 3) { out[0] = c[0][x]; out[1] = c[1][x]; out[2] = c[2][x]; }
        else {
            if (j->color == LB__JPEG_YCCK) lb__ycc(out, c[0], c[1], c[2], W);   /* R, G, B = 255 - C, M, Y */
            for (x = 0; x < W; x++, out += 3) {
                /* Files hold inverted values (Adobe's habit, which Pillow takes for granted): nk = 255 - K of the picture = the stored byte */
                unsigned nk = c[3][x], k, v, t;
                for (k = 0; k < 3; k++) {
                    int d;
                    v = j->color == LB__JPEG_YCCK ? out[k] : 255u - c[k][x];    /* ink of the picture: YCCK stores 255 - RGB as its CMY, and that is inverted */
                    t = v * nk + 128; t = (t + (t >> 8)) >> 8;
                    d = (int)nk - (int)t;
                    out[k] = (uint8_t)LB__CLAMP8(d);
                }
            }
        }
    }
}
static void lb__jpeg_convert_to(lb__jpeg *j, size_t end) {
    if (j->done >= end) return;
    lb__jpeg_convert(j, j->done, end, 0);
    j->done = end;
}

/* ---- Huffman ---- */

static lb_status lb__jpeg_huff_build(lb__jpeg_huff *h, int dc, const char *name) {
    uint32_t code = 0; int l, i = 0, k;
    if (!h->set) return lb__fail(LB_ERR_FORMAT, "JPEG: a scan uses the %s code table, which the file does not define", name);
    if (h->built) return LB_OK;
    memset(h->fast, 0, sizeof h->fast);
    for (l = 1; l <= 16; l++) {
        h->delta[l] = i - (int32_t)code;
        for (k = 0; k < h->bits[l]; k++, i++, code++) {
            uint32_t sym = h->values[i], e = sym << 16 | (uint32_t)l << 8 | ((uint32_t)l + (sym & 15)), m;
            if (dc && sym > 15) return lb__fail(LB_ERR_FORMAT, "JPEG: a DC code table has the symbol %u, at most 15 was expected", sym);
            if (code >> l) return lb__fail(LB_ERR_FORMAT, "JPEG: a Huffman table has more codes of %d bits than fit", l);
            if (l <= LB__JPEG_FAST) for (m = 0; m < (uint32_t)1 << (LB__JPEG_FAST - l); m++) h->fast[(code << (LB__JPEG_FAST - l)) + m] = e;
        }
        h->limit[l] = code << (16 - l);
        code <<= 1;
    }
    h->built = 1;
    return LB_OK;
}
/* The codes of T.81 annex K, which Motion-JPEG files leave out. */
static void lb__jpeg_huff_default(lb__jpeg *j) {
    static const uint8_t db[2][17] = { { 0, 0, 1, 5, 1, 1, 1, 1, 1, 1 }, { 0, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } };
    static const uint8_t ab[2][17] = { { 0, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d }, { 0, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77 } };
    static const uint8_t av[2][162] = { {
        0x01,0x02,0x03,0x00,0x04,0x11,0x05,0x12,0x21,0x31,0x41,0x06,0x13,0x51,0x61,0x07,0x22,0x71,0x14,0x32,0x81,0x91,0xa1,0x08,0x23,0x42,0xb1,0xc1,0x15,0x52,0xd1,0xf0,0x24,0x33,0x62,0x72,0x82,
        0x09,0x0a,0x16,0x17,0x18,0x19,0x1a,0x25,0x26,0x27,0x28,0x29,0x2a,0x34,0x35,0x36,0x37,0x38,0x39,0x3a,0x43,0x44,0x45,0x46,0x47,0x48,0x49,0x4a,0x53,0x54,0x55,0x56,0x57,0x58,0x59,0x5a,0x63,
        0x64,0x65,0x66,0x67,0x68,0x69,0x6a,0x73,0x74,0x75,0x76,0x77,0x78,0x79,0x7a,0x83,0x84,0x85,0x86,0x87,0x88,0x89,0x8a,0x92,0x93,0x94,0x95,0x96,0x97,0x98,0x99,0x9a,0xa2,0xa3,0xa4,0xa5,0xa6,
        0xa7,0xa8,0xa9,0xaa,0xb2,0xb3,0xb4,0xb5,0xb6,0xb7,0xb8,0xb9,0xba,0xc2,0xc3,0xc4,0xc5,0xc6,0xc7,0xc8,0xc9,0xca,0xd2,0xd3,0xd4,0xd5,0xd6,0xd7,0xd8,0xd9,0xda,0xe1,0xe2,0xe3,0xe4,0xe5,0xe6,
        0xe7,0xe8,0xe9,0xea,0xf1,0xf2,0xf3,0xf4,0xf5,0xf6,0xf7,0xf8,0xf9,0xfa }, {
        0x00,0x01,0x02,0x03,0x11,0x04,0x05,0x21,0x31,0x06,0x12,0x41,0x51,0x07,0x61,0x71,0x13,0x22,0x32,0x81,0x08,0x14,0x42,0x91,0xa1,0xb1,0xc1,0x09,0x23,0x33,0x52,0xf0,0x15,0x62,0x72,0xd1,0x0a,
        0x16,0x24,0x34,0xe1,0x25,0xf1,0x17,0x18,0x19,0x1a,0x26,0x27,0x28,0x29,0x2a,0x35,0x36,0x37,0x38,0x39,0x3a,0x43,0x44,0x45,0x46,0x47,0x48,0x49,0x4a,0x53,0x54,0x55,0x56,0x57,0x58,0x59,0x5a,
        0x63,0x64,0x65,0x66,0x67,0x68,0x69,0x6a,0x73,0x74,0x75,0x76,0x77,0x78,0x79,0x7a,0x82,0x83,0x84,0x85,0x86,0x87,0x88,0x89,0x8a,0x92,0x93,0x94,0x95,0x96,0x97,0x98,0x99,0x9a,0xa2,0xa3,0xa4,
        0xa5,0xa6,0xa7,0xa8,0xa9,0xaa,0xb2,0xb3,0xb4,0xb5,0xb6,0xb7,0xb8,0xb9,0xba,0xc2,0xc3,0xc4,0xc5,0xc6,0xc7,0xc8,0xc9,0xca,0xd2,0xd3,0xd4,0xd5,0xd6,0xd7,0xd8,0xd9,0xda,0xe2,0xe3,0xe4,0xe5,
        0xe6,0xe7,0xe8,0xe9,0xea,0xf2,0xf3,0xf4,0xf5,0xf6,0xf7,0xf8,0xf9,0xfa } };
    int t, i;
    for (t = 0; t < 2; t++) {
        memcpy(j->dc[t].bits, db[t], 17); memcpy(j->ac[t].bits, ab[t], 17); memcpy(j->ac[t].values, av[t], 162);
        for (i = 0; i < 12; i++) j->dc[t].values[i] = (uint8_t)i;
        j->dc[t].set = j->ac[t].set = 1;
    }
}

/* Bits, most significant first.  After FILL at least 56 are there.  Reading past the segment's end gives whatever lies there; the check after
 * each MCU finds it, and the slack behind the last segment keeps it inside the buffer. */
typedef struct lb__jbits { const uint8_t *p, *begin; size_t size; uint64_t bits; unsigned have; } lb__jbits;
#define LB__JFILL(p, bits, have) do { bits |= lb__u64be(p) >> have; p += (63 - have) >> 3; have |= 56; } while (0)
#define LB__JDROP(bits, have, k) do { unsigned lb__k = (k); bits <<= lb__k; have -= lb__k; } while (0)
/* used more bits than the segment has? */
LB__INLINE int lb__jbits_over(const lb__jbits *b) { return (size_t)(b->p - b->begin) > b->size + b->have / 8; }
/* entry of a code longer than FAST bits; 0: no such code */
static uint32_t lb__jpeg_slow(const lb__jpeg_huff *h, uint64_t bits) {
    uint32_t top = (uint32_t)(bits >> 48), sym; int l = LB__JPEG_FAST + 1;
    while (l <= 16 && top >= h->limit[l]) l++;
    if (l > 16) return 0;
    sym = h->values[(h->delta[l] + (int32_t)(top >> (16 - l))) & 255];
    return sym << 16 | (uint32_t)l << 8 | ((uint32_t)l + (sym & 15));
}
/* value of the `size` bits behind a code of `len` bits: T.81's EXTEND without a branch */
LB__INLINE int lb__jpeg_extend(uint64_t bits, unsigned len, unsigned size) {
    uint64_t t = bits << len;
    return (int)((t >> 1) >> (63 - size)) - (int)(((int64_t)~t >> 63) & (((int64_t)1 << size) - 1));
}
#define LB__JLOOK(e, table, bits) do { e = (table)->fast[(bits) >> (64 - LB__JPEG_FAST)]; if (!LB__LIKELY(e)) { e = lb__jpeg_slow(table, bits); if (!e) goto corrupt; } } while (0)

/* One block of a sequential scan into coef (zeroed).  Returns the number of the last coefficient + 1, or 0: corrupt. */
static int lb__jpeg_block(lb__jbits *b, lb__jpeg_comp *c, int16_t *coef) {
    const uint8_t *p = b->p; uint64_t bits = b->bits; unsigned have = b->have; uint32_t e; int k, last = 1; const lb__jpeg_huff *ac = c->ac;
    LB__JFILL(p, bits, have);
    LB__JLOOK(e, c->dc, bits);
    c->pred += (uint32_t)lb__jpeg_extend(bits, e >> 8 & 255, e >> 16 & 15);
    LB__JDROP(bits, have, e & 255);
    coef[0] = (int16_t)(uint16_t)c->pred;
    for (k = 1; k < 64;) {
        unsigned run, size;
        if (!LB__LIKELY(have >= 32)) LB__JFILL(p, bits, have);
        LB__JLOOK(e, ac, bits);
        run = e >> 20; size = e >> 16 & 15;
        if (!size) {
            LB__JDROP(bits, have, e & 255);
            if (run != 15) break;
            k += 16;
            continue;
        }
        k += (int)run;
        coef[lb__zigzag[k]] = (int16_t)lb__jpeg_extend(bits, e >> 8 & 255, size);
        LB__JDROP(bits, have, e & 255);
        last = ++k;
    }
    if (k > 64) goto corrupt;
    b->p = p; b->bits = bits; b->have = have;
    return last;
corrupt:
    return 0;
}
static uint32_t lb__jbits_get(lb__jbits *b, unsigned n) {                      /* n <= 16 */
    uint32_t v;
    if (b->have < n) LB__JFILL(b->p, b->bits, b->have);
    v = (uint32_t)((b->bits >> 1) >> (63 - n));
    LB__JDROP(b->bits, b->have, n);
    return v;
}
/* One block of a progressive AC scan; eob: blocks (this one included) that end here. */
static int lb__jpeg_ac_first(lb__jbits *b, const lb__jpeg *j, const lb__jpeg_huff *ac, int16_t *coef, uint32_t *eob) {
    int k; uint32_t e; const uint8_t *p; uint64_t bits; unsigned have;
    if (*eob) { --*eob; return 1; }
    p = b->p; bits = b->bits; have = b->have;
    for (k = j->ss; k <= j->se;) {
        unsigned run, size;
        if (!LB__LIKELY(have >= 32)) LB__JFILL(p, bits, have);
        LB__JLOOK(e, ac, bits);
        run = e >> 20; size = e >> 16 & 15;
        if (!size) {
            LB__JDROP(bits, have, e & 255);
            if (run == 15) { k += 16; continue; }
            *eob = ((uint32_t)1 << run) - 1;
            if (run) { *eob += (uint32_t)((bits >> 1) >> (63 - run)); LB__JDROP(bits, have, run); }
            break;
        }
        k += (int)run;
        coef[lb__zigzag[k]] = (int16_t)(lb__jpeg_extend(bits, e >> 8 & 255, size) * (1 << j->al));
        LB__JDROP(bits, have, e & 255);
        k++;
    }
    b->p = p; b->bits = bits; b->have = have;
    return k <= j->se + 1;
corrupt:
    return 0;
}
static int lb__jpeg_ac_refine(lb__jbits *b, const lb__jpeg *j, const lb__jpeg_huff *ac, int16_t *coef, uint32_t *eob) {
    int k = j->ss, se = j->se; int16_t plus = (int16_t)(1 << j->al), minus = (int16_t)-plus; uint32_t e;
    if (!*eob) {
        while (k <= se) {
            unsigned run, size; int16_t v = 0;
            LB__JFILL(b->p, b->bits, b->have);
            LB__JLOOK(e, ac, b->bits);
            run = e >> 20; size = e >> 16 & 15;
            LB__JDROP(b->bits, b->have, e >> 8 & 255);
            if (size > 1) goto corrupt;
            if (size) { v = b->bits >> 63 ? plus : minus; LB__JDROP(b->bits, b->have, 1); }
            else if (run != 15) {
                *eob = (uint32_t)1 << run;
                if (run) *eob += lb__jbits_get(b, run);
                break;
            }
            for (; k <= se; k++) {                                             /* over `run` zeros; every coefficient that is not zero takes one bit */
                int16_t *c = coef + lb__zigzag[k];
                if (*c) {
                    if (!b->have) LB__JFILL(b->p, b->bits, b->have);
                    if (b->bits >> 63 && !(*c & plus)) *c = (int16_t)(*c + (*c < 0 ? minus : plus));
                    LB__JDROP(b->bits, b->have, 1);
                } else if (run-- == 0) { if (v) *c = v; k++; break; }
            }
        }
    }
    if (*eob) {
        for (; k <= se; k++) {
            int16_t *c = coef + lb__zigzag[k];
            if (!*c) continue;
            if (!b->have) LB__JFILL(b->p, b->bits, b->have);
            if (b->bits >> 63 && !(*c & plus)) *c = (int16_t)(*c + (*c < 0 ? minus : plus));
            LB__JDROP(b->bits, b->have, 1);
        }
        --*eob;
    }
    return 1;
corrupt:
    return 0;
}

/* ---- scans ---- */

/* Where in the file byte `at` of the current scan's clean bytes lies: only an error wants to know. */
static size_t lb__jpeg_file_offset(const lb__jpeg *j, size_t at) {
    size_t p = j->scan_at, k;
    for (k = 0; k < at && p + 1 < j->size; k++) {
        while (j->data[p] == 0xff && p + 1 < j->size && j->data[p + 1] >= 0xd0 && j->data[p + 1] <= 0xd7) p += 2;
        p += j->data[p] == 0xff && j->data[p + 1] == 0 ? 2 : 1;
    }
    return LB__MIN(p, j->size);
}
/* Copies the scan's bytes without stuffing; j->pos is left at the marker that ends it. */
static lb_status lb__jpeg_unstuff(lb__jpeg *j) {
    const uint8_t *p = j->data + j->pos, *end = j->data + j->size; uint8_t *o;
    j->clean.size = 0; j->seg_n = 0; j->scan_at = j->pos;
    LB__TRY(lb__buf_reserve(&j->clean, (size_t)(end - p) + LB__JPEG_SLACK));
    for (o = j->clean.data;;) {
        const uint8_t *f = p < end ? (const uint8_t *)memchr(p, 0xff, (size_t)(end - p)) : NULL; int new_segment = !j->seg_n;
        if (new_segment) f = p;
        else {
            if (!f || f + 1 >= end) return lb__fail(LB_ERR_FORMAT, "JPEG: the file ends at byte %zu, inside the picture's data", j->size);
            memcpy(o, p, (size_t)(f - p)); o += f - p;
            if (f[1] == 0) { *o++ = 0xff; p = f + 2; continue; }
            if (f[1] == 0xff) { p = f + 1; continue; }
            if (f[1] < 0xd0 || f[1] > 0xd7) { p = f; break; }
            if ((size_t)(f[1] - 0xd0) != ((j->seg_n - 1) & 7)) return lb__fail(LB_ERR_FORMAT, "JPEG: restart marker %d at byte %zu, %zu was expected", f[1] - 0xd0, (size_t)(f - j->data), (j->seg_n - 1) & 7);
            p = f + 2;
        }
        if (j->seg_n + 2 > j->seg_cap) {
            size_t cap = j->seg_cap ? j->seg_cap * 2 : 16, bytes; size_t *s;
            if (!lb__mul(cap, sizeof *s, &bytes)) return lb__fail(LB_ERR_MEM, "out of memory: too many restart intervals");
            s = (size_t *)(j->seg ? LB_REALLOC(j->seg, bytes) : LB_MALLOC(bytes));
            if (!s) return lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", bytes);
            j->seg = s; j->seg_cap = cap;
        }
        j->seg[j->seg_n++] = (size_t)(o - j->clean.data);
    }
    j->seg[j->seg_n] = j->clean.size = (size_t)(o - j->clean.data);
    memset(o, 0, LB__JPEG_SLACK);
    j->pos = (size_t)(p - j->data);
    return LB_OK;
}
static void lb__jbits_open(const lb__jpeg *j, lb__jbits *b, size_t seg) {
    b->begin = b->p = j->clean.data + j->seg[seg]; b->size = j->seg[seg + 1] - j->seg[seg]; b->bits = 0; b->have = 0;
}
static lb_status lb__jpeg_bad(const lb__jpeg *j, const lb__jbits *b, size_t mcu) {
    size_t at = (size_t)(b->p - j->clean.data) - b->have / 8;
    if (lb__jbits_over(b)) return lb__fail(LB_ERR_FORMAT, "JPEG: the data of the picture ends at byte %zu, before MCU %zu of %zu", lb__jpeg_file_offset(j, (size_t)(b->begin - j->clean.data) + b->size), mcu, j->mcux * j->mcuy);
    return lb__fail(LB_ERR_FORMAT, "JPEG: a code that the Huffman table does not have, near byte %zu (MCU %zu of %zu)", lb__jpeg_file_offset(j, at), mcu, j->mcux * j->mcuy);
}
/* Output rows that are final once MCU rows below `mcu_rows` are decoded: the last row of a halved plane wants its lower neighbour. */
static size_t lb__jpeg_ready(const lb__jpeg *j, size_t mcu_rows) {
    if (mcu_rows >= j->mcuy) return j->height;
    return mcu_rows * 8 * (size_t)j->maxv - (mcu_rows ? (size_t)j->maxv : 0);
}
static lb_status lb__jpeg_scan(lb__jpeg *j) {
    lb__jbits b; size_t mcus, cols, m, x = 0, y = 0, left, seg = 0; uint32_t eob = 0; int i, whole = j->scan_n == j->n && !j->progressive, single = j->scan_n == 1; lb__jpeg_comp *c0 = j->scan[0];
    LB__TRY(lb__jpeg_unstuff(j));
    cols = single ? c0->own_bw : j->mcux; mcus = cols * (single ? c0->own_bh : j->mcuy);
    left = j->restart ? (size_t)j->restart : mcus;
    if (!j->restart && j->seg_n > 1) return lb__fail(LB_ERR_FORMAT, "JPEG: a restart marker in a scan that defines no restart interval");
    for (i = 0; i < j->scan_n; i++) j->scan[i]->pred = 0;
    lb__jbits_open(j, &b, 0);
    for (m = 0; m < mcus; m++) {
        if (!left) {
            if (++seg >= j->seg_n) return lb__fail(LB_ERR_FORMAT, "JPEG: a restart marker is missing before byte %zu (MCU %zu of %zu)", j->pos, m, mcus);
            lb__jbits_open(j, &b, seg);
            for (i = 0; i < j->scan_n; i++) j->scan[i]->pred = 0;
            eob = 0; left = (size_t)j->restart;
        }
        left--;
        for (i = 0; i < j->scan_n; i++) {
            lb__jpeg_comp *c = j->scan[i]; int h = single ? 1 : c->h, v = single ? 1 : c->v, bx, by;
            for (by = 0; by < v; by++) for (bx = 0; bx < h; bx++) {
                size_t col = x * (size_t)h + (size_t)bx, row = y * (size_t)v + (size_t)by;
                if (!j->progressive) {
                    int16_t coef[64]; uint8_t *dst = c->plane + row * 8 % c->ring * c->stride + col * 8; int k;
                    memset(coef, 0, sizeof coef);
                    k = lb__jpeg_block(&b, c, coef);
                    if (!k) return lb__jpeg_bad(j, &b, m);
                    if (k == 1) {                                              /* only a mean: the same number the transform would give */
                        int v0 = (int16_t)(uint16_t)((uint32_t)coef[0] * c->q[0]) * 4, r, x8; uint64_t fill;
                        v0 = v0 < -32768 ? -32768 : v0 > 32767 ? 32767 : v0;
                        v0 = ((v0 + 16) >> 5) + 128; x8 = LB__CLAMP8(v0); fill = (uint64_t)x8 * 0x0101010101010101u;
                        for (r = 0; r < 8; r++, dst += c->stride) memcpy(dst, &fill, 8);
                    } else lb__idct(coef, c->q, dst, c->stride);
                } else {
                    int16_t *coef = c->coef + (row * c->bw + col) * 64; int ok = 1;
                    if (j->ss == 0) {
                        if (j->ah == 0) {
                            uint32_t e;
                            if (b.have < 32) LB__JFILL(b.p, b.bits, b.have);
                            LB__JLOOK(e, c->dc, b.bits);
                            c->pred += (uint32_t)lb__jpeg_extend(b.bits, e >> 8 & 255, e >> 16 & 15);
                            LB__JDROP(b.bits, b.have, e & 255);
                            coef[0] = (int16_t)(uint16_t)(c->pred << j->al);
                        } else if (lb__jbits_get(&b, 1)) coef[0] = (int16_t)(coef[0] | (int16_t)(1 << j->al));
                    } else if (j->ah == 0) ok = lb__jpeg_ac_first(&b, j, c->ac, coef, &eob);
                    else ok = lb__jpeg_ac_refine(&b, j, c->ac, coef, &eob);
                    if (!ok) return lb__jpeg_bad(j, &b, m);
                }
            }
        }
        if (!LB__LIKELY(!lb__jbits_over(&b))) return lb__jpeg_bad(j, &b, m);
        if (++x == cols) {
            x = 0; y++;
            if (whole) lb__jpeg_convert_to(j, lb__jpeg_ready(j, y));
        }
    }
    return LB_OK;
corrupt:
    return lb__jpeg_bad(j, &b, m);
}

/* ---- markers ---- */

static lb_status lb__jpeg_sof(lb__jpeg *j, int marker, const uint8_t *p, size_t n) {
    int i, k; size_t blocks, total = 0;
    if (j->frame) return lb__fail(LB_ERR_FORMAT, "JPEG: a second frame header at byte %zu", j->pos);
    if (n < 6 || n != 6 + 3 * (size_t)p[5]) return lb__fail(LB_ERR_FORMAT, "JPEG: the frame header at byte %zu has a wrong length", j->pos);
    if (p[0] != 8) return lb__fail(LB_ERR_UNSUPPORTED, "JPEG: %d bits a sample, only 8 are read", p[0]);
    j->height = lb__u16be(p + 1); j->width = lb__u16be(p + 3); j->n = p[5]; j->progressive = marker == 0xc2;
    if (j->n != 1 && j->n != 3 && j->n != 4) return lb__fail(LB_ERR_UNSUPPORTED, "JPEG: %d components, 1, 3 or 4 are read", j->n);
    if (!j->height) return lb__fail(LB_ERR_UNSUPPORTED, "JPEG: the frame header leaves the height open, which is not read");
    j->maxh = j->maxv = 1;
    for (i = 0; i < j->n; i++) {
        lb__jpeg_comp *c = &j->comp[i]; const uint8_t *q = p + 6 + 3 * i;
        c->id = q[0]; c->h = q[1] >> 4; c->v = q[1] & 15; c->tq = q[2];
        if (c->h < 1 || c->h > 4 || c->v < 1 || c->v > 4) return lb__fail(LB_ERR_FORMAT, "JPEG: component %d is sampled %d x %d, 1 to 4 was expected", i + 1, c->h, c->v);
        if (c->tq > 3) return lb__fail(LB_ERR_FORMAT, "JPEG: component %d wants quantisation table %d, 0 to 3 was expected", i + 1, c->tq);
        for (k = 0; k < i; k++) if (j->comp[k].id == c->id) return lb__fail(LB_ERR_FORMAT, "JPEG: two components have the number %d", c->id);
        if (j->n == 1) c->h = c->v = 1;                                        /* alone, it is the picture: blocks in rows, however it says it is sampled */
        j->maxh = LB__MAX(j->maxh, c->h); j->maxv = LB__MAX(j->maxv, c->v);
    }
    LB__TRY(lb__image_head(j->ctx, "JPEG", j->width, j->height, j->n == 1 ? 1 : 3, 8, j->out));
    j->mcux = (j->width + 8 * (size_t)j->maxh - 1) / (8 * (size_t)j->maxh); j->mcuy = (j->height + 8 * (size_t)j->maxv - 1) / (8 * (size_t)j->maxv);
    for (i = 0; i < j->n; i++) {
        lb__jpeg_comp *c = &j->comp[i];
        c->w = (j->width * (size_t)c->h + (size_t)j->maxh - 1) / (size_t)j->maxh; c->rows = (j->height * (size_t)c->v + (size_t)j->maxv - 1) / (size_t)j->maxv;
        c->own_bw = (c->w + 7) / 8; c->own_bh = (c->rows + 7) / 8;
        c->bw = j->mcux * (size_t)c->h; c->bh = j->mcuy * (size_t)c->v;
        c->stride = c->bw * 8;
        if (!lb__mul(c->bw, c->bh, &blocks) || !lb__mul(blocks, 128, &blocks) || !lb__add(total, blocks, &total)) return lb__fail(LB_ERR_MEM, "out of memory: %zu x %zu pixels do not fit in the address space", j->width, j->height);
    }
    j->frame = 1; j->blocks = total / 128;
    return LB_OK;
}
static lb_status lb__jpeg_dht(lb__jpeg *j, const uint8_t *p, size_t n) {
    while (n) {
        lb__jpeg_huff *h; int l, total = 0;
        if (n < 17 || (p[0] & 15) > 3 || p[0] >> 4 > 1) return lb__fail(LB_ERR_FORMAT, "JPEG: a malformed Huffman table before byte %zu", j->pos);
        h = (p[0] >> 4 ? j->ac : j->dc) + (p[0] & 15);
        for (l = 1; l <= 16; l++) total += p[l];
        if (total > 256 || n - 17 < (size_t)total) return lb__fail(LB_ERR_FORMAT, "JPEG: a Huffman table of %d symbols before byte %zu, at most 256 that fit its segment were expected", total, j->pos);
        memcpy(h->bits, p, 17); memset(h->values, 0, 256); memcpy(h->values, p + 17, (size_t)total);
        h->set = 1; h->built = 0;
        p += 17 + total; n -= 17 + (size_t)total;
    }
    return LB_OK;
}
static lb_status lb__jpeg_dqt(lb__jpeg *j, const uint8_t *p, size_t n) {
    while (n) {
        int wide = p[0] >> 4, t = p[0] & 15, i; size_t need = 1 + 64 * (size_t)(wide + 1);
        if (wide > 1 || t > 3 || n < need) return lb__fail(LB_ERR_FORMAT, "JPEG: a malformed quantisation table before byte %zu", j->pos);
        for (i = 0; i < 64; i++) j->qt[t][lb__zigzag[i]] = wide ? lb__u16be(p + 1 + 2 * i) : p[1 + i];
        j->qt_set[t] = 1; p += need; n -= need;
    }
    return LB_OK;
}
/* Planes (or coefficients) and the output: once, at the first scan. */
static lb_status lb__jpeg_memory(lb__jpeg *j, int ring) {
    size_t i, room, workers = (size_t)j->ctx->threads;
    if (ring) workers = 1;
    LB__TRY(lb__image_pixels(j->out));
    room = (j->width + 64 + 15) & ~(size_t)15;
    if (!lb__mul(room, 7, &j->rows_size)) return lb__fail(LB_ERR_MEM, "out of memory");
    j->rows_mem = (uint8_t *)lb__image_raw(workers, j->rows_size);
    if (!j->rows_mem) return LB_ERR_MEM;
    for (i = 0; i < (size_t)j->n; i++) {
        lb__jpeg_comp *c = &j->comp[i];
        c->ring = ring ? LB__MIN(16 * (size_t)c->v, c->bh * 8) : c->bh * 8;
        c->plane = (uint8_t *)lb__image_raw(c->ring, c->stride);
        if (!c->plane) return LB_ERR_MEM;
        if (j->progressive) { c->coef = (int16_t *)lb__alloc(c->bw * c->bh, 128); if (!c->coef) return LB_ERR_MEM; }
    }
    return LB_OK;
}
static lb_status lb__jpeg_sos(lb__jpeg *j, const uint8_t *p, size_t n) {
    int i, k;
    if (!j->frame) return lb__fail(LB_ERR_FORMAT, "JPEG: a scan before the frame header at byte %zu", j->pos);
    if (n < 1 || p[0] < 1 || p[0] > j->n || n != 4 + 2 * (size_t)p[0]) return lb__fail(LB_ERR_FORMAT, "JPEG: the scan header before byte %zu is malformed", j->pos);
    j->scan_n = p[0];
    j->ss = p[1 + 2 * j->scan_n]; j->se = p[2 + 2 * j->scan_n]; j->ah = p[3 + 2 * j->scan_n] >> 4; j->al = p[3 + 2 * j->scan_n] & 15;
    if (!j->progressive) { j->ss = 0; j->se = 63; j->ah = j->al = 0; }
    else if (j->se > 63 || j->ss > j->se || j->al > 13 || j->ah > 13 || (j->ss == 0 && j->se) || (j->ss && j->scan_n != 1) || (j->ah && j->ah != j->al + 1)) return lb__fail(LB_ERR_FORMAT, "JPEG: progressive scan of coefficients %d to %d, bits %d to %d, before byte %zu is not possible", j->ss, j->se, j->ah, j->al, j->pos);
    for (i = 0; i < j->scan_n; i++) {
        int id = p[1 + 2 * i], td = p[2 + 2 * i] >> 4, ta = p[2 + 2 * i] & 15; lb__jpeg_comp *c = NULL;
        for (k = 0; k < j->n; k++) if (j->comp[k].id == id) c = &j->comp[k];
        for (k = 0; k < i; k++) if (j->scan[k] == c) c = NULL;
        if (!c) return lb__fail(LB_ERR_FORMAT, "JPEG: a scan names the component %d, which is not in the frame or comes twice", id);
        if (td > 3 || ta > 3) return lb__fail(LB_ERR_FORMAT, "JPEG: a scan names the Huffman tables %d and %d, 0 to 3 was expected", td, ta);
        if (j->ss == 0 && j->ah == 0) { LB__TRY(lb__jpeg_huff_build(&j->dc[td], 1, "DC")); c->dc = &j->dc[td]; c->dc_seen = 1; }
        if (j->se > 0) { LB__TRY(lb__jpeg_huff_build(&j->ac[ta], 0, "AC")); c->ac = &j->ac[ta]; }
        if (!c->have_q) {
            if (!j->qt_set[c->tq]) return lb__fail(LB_ERR_FORMAT, "JPEG: quantisation table %d is used but not defined", c->tq);
            memcpy(c->q, j->qt[c->tq], sizeof c->q); c->have_q = 1;
        }
        j->scan[i] = c; j->walked += c->bw * c->bh;
    }
    if (j->walked / LB__JPEG_PASSES >= j->blocks && j->walked > LB__JPEG_PASSES * j->blocks) return lb__fail(LB_ERR_LIMIT, "JPEG: the scans before byte %zu go over the picture more than %d times", j->pos, (int)LB__JPEG_PASSES);
    if (!j->out->data) LB__TRY(lb__jpeg_memory(j, j->scan_n == j->n && !j->progressive));
    return lb__jpeg_scan(j);
}
static void lb__jpeg_idct_rows(void *arg, size_t begin, size_t end, int worker) {
    const lb__jpeg_comp *c = (const lb__jpeg_comp *)arg; size_t x, y;
    (void)worker;
    for (y = begin; y < end; y++) for (x = 0; x < c->bw; x++) lb__idct(c->coef + (y * c->bw + x) * 64, c->q, c->plane + y * 8 * c->stride + x * 8, c->stride);
}
static void lb__jpeg_free(lb__jpeg *j) {
    int i;
    for (i = 0; i < 4; i++) { lb__release(j->comp[i].plane); lb__release(j->comp[i].coef); }
    lb__release(j->dc); lb__release(j->seg); lb__release(j->rows_mem); lb__buf_free(&j->clean);
}
/* Reads markers; stops at the first scan when only the head is wanted. */
static lb_status lb__jpeg_run(lb__jpeg *j, int head_only) {
    int i;
    for (j->pos = 2;;) {
        const uint8_t *p; size_t n; int m;
        if (j->pos < j->size && j->data[j->pos] != 0xff && !j->frame && j->pos == 2) return lb__fail(LB_ERR_FORMAT, "JPEG: byte 2 is %u, a marker was expected", j->data[j->pos]);
        while (j->pos < j->size && j->data[j->pos] != 0xff) j->pos++;          /* bytes between segments are skipped, as others do */
        while (j->pos < j->size && j->data[j->pos] == 0xff) j->pos++;
        if (j->pos >= j->size) return lb__fail(LB_ERR_FORMAT, "JPEG: the file ends at byte %zu, where a marker was expected", j->size);
        m = j->data[j->pos++];
        if (m == 0xd9) break;
        if (m == 0 || m == 1 || (m >= 0xd0 && m <= 0xd8)) continue;
        if (j->size - j->pos < 2) return lb__fail(LB_ERR_FORMAT, "JPEG: the file ends at byte %zu, inside a segment", j->size);
        n = lb__u16be(j->data + j->pos);
        if (n < 2 || j->size - j->pos < n) return lb__fail(LB_ERR_FORMAT, "JPEG: a segment of %zu bytes at byte %zu does not fit the file of %zu bytes", n, j->pos, j->size);
        p = j->data + j->pos + 2; j->pos += n; n -= 2;
        if (m == 0xc4) LB__TRY(lb__jpeg_dht(j, p, n));
        else if (m == 0xdb) LB__TRY(lb__jpeg_dqt(j, p, n));
        else if (m >= 0xc0 && m <= 0xc2) LB__TRY(lb__jpeg_sof(j, m, p, n));
        else if (m >= 0xc3 && m <= 0xcf && m != 0xc8 && m != 0xcc) return lb__fail(LB_ERR_UNSUPPORTED, "JPEG: %s coding, baseline and progressive Huffman coding are read", m >= 0xc9 ? "arithmetic" : m == 0xc3 ? "lossless" : "hierarchical");
        else if (m == 0xdd) { if (n != 2) return lb__fail(LB_ERR_FORMAT, "JPEG: the restart interval before byte %zu has a wrong length", j->pos); j->restart = lb__u16be(p); }
        else if (m == 0xe0 && n >= 14 && !memcmp(p, "JFIF", 5)) j->jfif = 1;
        else if (m == 0xee && n >= 12 && !memcmp(p, "Adobe", 5)) j->adobe = p[11] + 1;
        else if (m == 0xe1 && n > 6 && !memcmp(p, "Exif\0\0", 6)) j->out->orientation = lb__exif_orientation(p + 6, n - 6);
        else if (m == 0xda) {
            if (head_only && j->frame) return LB_OK;
            if (j->frame && j->color < 0) {
                const lb__jpeg_comp *c = j->comp;
                if (j->n == 1) j->color = LB__JPEG_GREY;
                else if (j->n == 3) j->color = j->jfif ? LB__JPEG_YCC : j->adobe ? (j->adobe == 1 ? LB__JPEG_RGB : LB__JPEG_YCC) : c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' ? LB__JPEG_RGB : LB__JPEG_YCC;
                else j->color = j->adobe && j->adobe != 1 ? LB__JPEG_YCCK : LB__JPEG_CMYK;
            }
            LB__TRY(lb__jpeg_sos(j, p, n));
        }
    }
    if (!j->frame || !j->out->data) return lb__fail(LB_ERR_FORMAT, "JPEG: the file ends at byte %zu without a picture", j->pos);
    for (i = 0; i < j->n; i++) if (!j->comp[i].dc_seen) return lb__fail(LB_ERR_FORMAT, "JPEG: no scan holds component %d", i + 1);
    if (j->progressive) for (i = 0; i < j->n; i++) lb_parallel_for(j->ctx, j->comp[i].bh, 8, lb__jpeg_idct_rows, &j->comp[i]);
    if (j->done < j->height) lb_parallel_for(j->ctx, j->height, 64, lb__jpeg_convert, j);
    return LB_OK;
}
static lb_status lb__jpeg_decode(lb_ctx *ctx, const uint8_t *data, size_t size, int head_only, int plain, lb_image *out) {
    lb__jpeg j; lb_status s;
    memset(&j, 0, sizeof j);
    j.ctx = ctx; j.data = data; j.size = size; j.out = out; j.color = -1; j.plain = plain;
    j.dc = (lb__jpeg_huff *)lb__alloc(8, sizeof *j.dc);
    if (!j.dc) return LB_ERR_MEM;
    j.ac = j.dc + 4;
    lb__jpeg_huff_default(&j);
    s = lb__jpeg_run(&j, head_only);
    lb__jpeg_free(&j);
    return s;
}

/* ---- 9.4 >>png: every colour type and depth, interlaced or not; CRCs are checked, ancillary chunks but tRNS and eXIf skipped ---- */

typedef struct lb__png {
    size_t width, height; int depth, color, interlace, planes, alpha; /* planes: samples a pixel in the file */
    uint8_t palette[256 * 4]; size_t colors; uint16_t trns[3];
} lb__png;

LB__INLINE int lb__paeth(int a, int b, int c) { int p = b - c, q = a - c, pa = abs(p), pb = abs(q), pc = abs(p + q); return pa <= pb && pa <= pc ? a : pb <= pc ? b : c; }
/* One row: filtered bytes `in` to `out` (which may lie before them in the same buffer), `up` the row above or NULL. */
static void lb__png_unfilter_scalar(int filter, uint8_t *out, const uint8_t *in, const uint8_t *up, size_t n, size_t bpp) {
    size_t i, k = LB__MIN(bpp, n);
    switch (filter) {
    case 0: memmove(out, in, n); break;
    case 1: for (i = 0; i < k; i++) out[i] = in[i];
            for (; i < n; i++) out[i] = (uint8_t)(in[i] + out[i - bpp]);
            break;
    case 2: if (!up) memmove(out, in, n);
            else for (i = 0; i < n; i++) out[i] = (uint8_t)(in[i] + up[i]);
            break;
    case 3: for (i = 0; i < k; i++) out[i] = (uint8_t)(in[i] + (up ? up[i] >> 1 : 0));
            for (; i < n; i++) out[i] = (uint8_t)(in[i] + ((out[i - bpp] + (up ? up[i] : 0)) >> 1));
            break;
    default: for (i = 0; i < k; i++) out[i] = (uint8_t)(in[i] + (up ? up[i] : 0));
            for (; i < n; i++) out[i] = (uint8_t)(in[i] + lb__paeth(out[i - bpp], up ? up[i] : 0, up ? up[i - bpp] : 0));
    }
}
#ifdef LB__IMAGE_SSE2
/* Pixels of 3 or 4 bytes, one at a time in a vector.  Loads and stores move 4 bytes; the last pixel of a row goes the scalar way. */
LB__INLINE __m128i lb__load4(const uint8_t *p) { int32_t v; memcpy(&v, p, 4); return _mm_cvtsi32_si128(v); }
LB__INLINE void lb__store_px(uint8_t *p, __m128i x, size_t bpp) { int32_t v = _mm_cvtsi128_si32(x); if (bpp == 4) memcpy(p, &v, 4); else { memcpy(p, &v, 2); p[2] = (uint8_t)(v >> 16); } }
LB__INLINE void lb__png_unfilter_px(int filter, uint8_t *out, const uint8_t *in, const uint8_t *up, size_t n, size_t bpp) {
    const __m128i zero = _mm_setzero_si128(); __m128i a = zero, b, c = zero, d; size_t i;
    if (filter == 1) {
        for (i = 0; i + 4 <= n; i += bpp) { a = _mm_add_epi8(a, lb__load4(in + i)); lb__store_px(out + i, a, bpp); }
    } else if (filter == 3) {
        for (i = 0; i + 4 <= n; i += bpp) {
            b = lb__load4(up + i);
            d = _mm_sub_epi8(_mm_avg_epu8(a, b), _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi8(1)));      /* avg rounds up, the filter down */
            a = _mm_add_epi8(d, lb__load4(in + i)); lb__store_px(out + i, a, bpp);
        }
    } else {
        for (i = 0; i + 4 <= n; i += bpp) {
            __m128i pa, pb, pc, m, s, t;
            b = _mm_unpacklo_epi8(lb__load4(up + i), zero); d = lb__load4(in + i);
            s = _mm_sub_epi16(b, c); t = _mm_sub_epi16(a, c); pc = _mm_add_epi16(s, t);
            pa = _mm_max_epi16(s, _mm_sub_epi16(zero, s)); pb = _mm_max_epi16(t, _mm_sub_epi16(zero, t)); pc = _mm_max_epi16(pc, _mm_sub_epi16(zero, pc));
            m = _mm_min_epi16(pc, _mm_min_epi16(pa, pb));
            s = _mm_cmpeq_epi16(m, pa); t = _mm_cmpeq_epi16(m, pb);
            t = _mm_or_si128(_mm_and_si128(t, b), _mm_andnot_si128(t, c));
            a = _mm_or_si128(_mm_and_si128(s, a), _mm_andnot_si128(s, t));
            a = _mm_unpacklo_epi8(_mm_add_epi8(d, _mm_packus_epi16(a, a)), zero); c = b;
            lb__store_px(out + i, _mm_packus_epi16(a, a), bpp);
        }
    }
    if (i < n) {                                                               /* one pixel of three bytes is left */
        size_t e = i;
        for (; e < n; e++) {
            int l = e >= bpp ? out[e - bpp] : 0, u = up ? up[e] : 0, k = up && e >= bpp ? up[e - bpp] : 0;
            out[e] = (uint8_t)(in[e] + (filter == 1 ? l : filter == 3 ? (l + u) >> 1 : lb__paeth(l, u, k)));
        }
    }
}
static void lb__png_unfilter(int filter, uint8_t *out, const uint8_t *in, const uint8_t *up, size_t n, size_t bpp) {
    if (filter == 2 && up) {
        size_t i = 0;
        for (; i + 16 <= n; i += 16) _mm_storeu_si128((__m128i *)(void *)(out + i), _mm_add_epi8(_mm_loadu_si128((const __m128i *)(const void *)(in + i)), _mm_loadu_si128((const __m128i *)(const void *)(up + i))));
        for (; i < n; i++) out[i] = (uint8_t)(in[i] + up[i]);
    }
    else if (bpp == 3 && (filter == 1 || (filter > 2 && up))) lb__png_unfilter_px(filter, out, in, up, n, 3);
    else if (bpp == 4 && (filter == 1 || (filter > 2 && up))) lb__png_unfilter_px(filter, out, in, up, n, 4);
    else lb__png_unfilter_scalar(filter, out, in, up, n, bpp);
}
#else
#define lb__png_unfilter lb__png_unfilter_scalar
#endif

/* `count` pixels of an unfiltered row to out pixels that are `step` pixels apart. */
static void lb__png_expand(const lb__png *g, const uint8_t *in, size_t count, void *out_, size_t step) {
    size_t i; int k, ch = g->color == 3 ? 3 + g->alpha : g->planes + g->alpha;
    if (g->depth == 16) {
        uint16_t *out = (uint16_t *)out_;
        for (i = 0; i < count; i++, out += step * (size_t)ch) {
            int match = 1;
            for (k = 0; k < g->planes; k++, in += 2) { out[k] = lb__u16be(in); if (out[k] != g->trns[k < 3 ? k : 0]) match = 0; }
            if (g->alpha) out[k] = match ? 0 : 65535;
        }
        return;
    }
    {
        uint8_t *out = (uint8_t *)out_; unsigned shift = 8, mask = (1u << g->depth) - 1, scale = g->depth < 8 && g->color == 0 ? 255 / mask : 1;
        if (g->depth < 8 || g->color == 3) {
            for (i = 0; i < count; i++, out += step * (size_t)ch) {
                unsigned v;
                shift -= (unsigned)g->depth; v = *in >> shift & mask;
                if (!shift) { shift = 8; in++; }
                if (g->color == 3) for (k = 0; k < ch; k++) out[k] = g->palette[4 * v + (unsigned)k];
                else { out[0] = (uint8_t)(v * scale); if (g->alpha) out[1] = v == g->trns[0] ? 0 : 255; }
            }
            return;
        }
        if (step == 1 && !g->alpha) { memmove(out, in, count * (size_t)ch); return; }
        for (i = 0; i < count; i++, out += step * (size_t)ch) {
            int match = 1;
            for (k = 0; k < g->planes; k++, in++) { out[k] = *in; if (*in != g->trns[k < 3 ? k : 0]) match = 0; }
            if (g->alpha) out[k] = match ? 0 : 255;
        }
    }
}
/* The seven passes of Adam7, and the one of a picture that is not interlaced: first column and row, steps. */
static const struct { uint8_t x0, y0, dx, dy; } lb__png_passes[8] = { { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 }, { 0, 2, 2, 4 }, { 1, 0, 2, 2 }, { 0, 1, 1, 2 }, { 0, 0, 1, 1 } };
/* Pixels across and down; 0: the picture is too small for this pass. */
static int lb__png_pass(const lb__png *g, int pass, size_t *W, size_t *H) {
    const size_t dx = lb__png_passes[pass].dx, dy = lb__png_passes[pass].dy;
    *W = (g->width + dx - 1 - lb__png_passes[pass].x0) / dx; *H = (g->height + dy - 1 - lb__png_passes[pass].y0) / dy;
    return *W && *H;
}
static lb_status lb__png_pixels(const lb__png *g, const uint8_t *z, size_t zn, lb_image *out) {
    size_t bitspp = (size_t)g->planes * (size_t)g->depth, bpp = (bitspp + 7) / 8, total = 0, rowbytes, y, W, H, px = (size_t)out->channels * (size_t)(out->bits / 8); int pass, first = g->interlace ? 0 : 7, passes = g->interlace ? 7 : 8; lb_status s; uint8_t *raw, *p; const uint8_t *up;
    int in_place = !g->interlace && g->depth == 8 && g->color != 3 && !g->alpha;
    for (pass = first; pass < passes; pass++) {
        if (!lb__png_pass(g, pass, &W, &H)) continue;
        if (!lb__mul(W, bitspp, &rowbytes) || !lb__mul((rowbytes + 7) / 8 + 1, H, &rowbytes) || !lb__add(total, rowbytes, &total)) return lb__fail(LB_ERR_MEM, "out of memory: %zu x %zu pixels do not fit in the address space", g->width, g->height);
    }
    /* a stream cannot make more than 1032 bytes out of one: refuse before taking memory for an image that is not there */
    if (total / 1032 > zn) return lb__fail(LB_ERR_FORMAT, "PNG: %zu bytes of compressed data cannot hold %zu x %zu pixels", zn, g->width, g->height);
    raw = (uint8_t *)lb__image_raw(total, 1);
    if (!raw) return LB_ERR_MEM;
    s = lb__zlib(z, zn, raw, total);
    if (s) { s = s == LB_ERR_MEM ? s : lb__fail_in(s, "PNG"); goto done; }
    if (!in_place && (s = lb__image_pixels(out)) != LB_OK) goto done;
    for (p = raw, pass = first; pass < passes; pass++) {
        const size_t x0 = lb__png_passes[pass].x0, y0 = lb__png_passes[pass].y0, dx = lb__png_passes[pass].dx, dy = lb__png_passes[pass].dy;
        if (!lb__png_pass(g, pass, &W, &H)) continue;
        rowbytes = (W * bitspp + 7) / 8;
        for (up = NULL, y = 0; y < H; y++, p += rowbytes + 1) {
            uint8_t *o = in_place ? raw + y * rowbytes : p + 1;                /* without expansion rows move together in the buffer, which becomes the image */
            if (p[0] > 4) { s = lb__fail(LB_ERR_FORMAT, "PNG: row %zu has filter %d, 0 to 4 was expected", y, p[0]); goto done; }
            lb__png_unfilter(p[0], o, p + 1, up, rowbytes, bpp);
            up = o;
            if (!in_place) lb__png_expand(g, o, W, (uint8_t *)out->data + ((y0 + y * dy) * g->width + x0) * px, dx);
        }
    }
    if (in_place) { out->data = raw; raw = NULL; }
done:
    lb__release(raw);
    return s;
}
static lb_status lb__png_decode(lb_ctx *ctx, const uint8_t *data, size_t size, int head_only, lb_image *out) {
    lb__png g; size_t pos = 8, first = 0, first_n = 0, count = 0; lb__buf idat = { NULL, 0, 0 }; lb_status s = LB_OK; int seen = 0, ended = 0;
    static const uint8_t planes[7] = { 1, 0, 3, 1, 2, 0, 4 };
    memset(&g, 0, sizeof g);
    while (!ended) {
        const uint8_t *p; size_t n; uint32_t type;
        if (size - pos < 12) { s = lb__fail(LB_ERR_FORMAT, "PNG: the file ends at byte %zu, inside a chunk or before IEND", size); goto done; }
        n = lb__u32be(data + pos); type = lb__u32be(data + pos + 4); p = data + pos + 8;
        if (n > 0x7fffffff || size - pos - 12 < n) { s = lb__fail(LB_ERR_FORMAT, "PNG: a chunk of %zu bytes at byte %zu does not fit the file of %zu bytes", n, pos, size); goto done; }
        if (!seen && type != 0x49484452) { s = lb__fail(LB_ERR_FORMAT, "PNG: the file does not begin with an IHDR chunk"); goto done; }
        if (!head_only || type == 0x49484452) if (lb__crc32(0, p - 4, n + 4) != lb__u32be(p + n)) { s = lb__fail(LB_ERR_FORMAT, "PNG: the chunk at byte %zu fails its CRC-32 checksum", pos); goto done; }
        pos += 12 + n;
        if (type == 0x49484452) {                                              /* IHDR */
            if (seen || n != 13) { s = lb__fail(LB_ERR_FORMAT, "PNG: the IHDR chunk is malformed or comes twice"); goto done; }
            seen = 1;
            g.width = lb__u32be(p); g.height = lb__u32be(p + 4); g.depth = p[8]; g.color = p[9]; g.interlace = p[12];
            if (p[10] || p[11] || g.interlace > 1 || g.color > 6 || !planes[g.color] || (g.depth != 1 && g.depth != 2 && g.depth != 4 && g.depth != 8 && g.depth != 16)
                || (g.color != 0 && g.color != 3 && g.depth < 8) || (g.color == 3 && g.depth == 16)) { s = lb__fail(LB_ERR_FORMAT, "PNG: colour type %d with %d bits, compression %d, filter %d, interlace %d is not PNG", g.color, g.depth, p[10], p[11], p[12]); goto done; }
            g.planes = planes[g.color];
            if ((s = lb__image_head(ctx, "PNG", g.width, g.height, g.color == 3 ? 3 : g.planes, g.depth == 16 ? 16 : 8, out)) != LB_OK) goto done;
        } else if (type == 0x504c5445) {                                       /* PLTE */
            size_t i;
            if (n % 3 || n > 768 || g.colors || !n) { s = lb__fail(LB_ERR_FORMAT, "PNG: a palette of %zu bytes, or a second one", n); goto done; }
            g.colors = n / 3;
            for (i = 0; i < 256; i++) { if (i < g.colors) memcpy(g.palette + 4 * i, p + 3 * i, 3); g.palette[4 * i + 3] = 255; }
        } else if (type == 0x74524e53 && !count) {                             /* tRNS */
            size_t i;
            if (g.color == 3) {
                if (!g.colors || n > g.colors) { s = lb__fail(LB_ERR_FORMAT, "PNG: transparency for %zu of %zu palette colours", n, g.colors); goto done; }
                for (i = 0; i < n; i++) g.palette[4 * i + 3] = p[i];
            } else if (g.color == 0 && g.depth == 16) continue;
            else if (g.color == 0 || g.color == 2) {
                if (n != 2 * (size_t)g.planes) { s = lb__fail(LB_ERR_FORMAT, "PNG: a transparent colour of %zu bytes, %d were expected", n, 2 * g.planes); goto done; }
                for (i = 0; i < (size_t)g.planes; i++) g.trns[i] = lb__u16be(p + 2 * i);
            } else continue;                                                   /* an alpha channel is there already */
            g.alpha = 1;
            out->channels = g.color == 3 ? 4 : g.planes + 1;
        } else if (type == 0x65584966) out->orientation = lb__exif_orientation(p, n);     /* eXIf */
        else if (type == 0x49444154) {                                         /* IDAT */
            if (head_only) goto done;
            if (!count++) { first = (size_t)(p - data); first_n = n; }
            else {
                if (count == 2) {
                    if ((s = lb__buf_reserve(&idat, size - first)) != LB_OK || (s = lb__buf_add(&idat, data + first, first_n)) != LB_OK) goto done;
                }
                if ((s = lb__buf_add(&idat, p, n)) != LB_OK) goto done;
            }
        } else if (type == 0x49454e44) ended = 1;                              /* IEND */
        else if (!(type & 0x20000000)) { s = lb__fail(LB_ERR_UNSUPPORTED, "PNG: a critical chunk of an unknown type (%x) at byte %zu", type, pos - 12 - n); goto done; }
    }
    if (!count) { s = lb__fail(LB_ERR_FORMAT, "PNG: no image data before the end"); goto done; }
    if (g.color == 3 && !g.colors) { s = lb__fail(LB_ERR_FORMAT, "PNG: a palette image without a palette"); goto done; }
    s = count == 1 ? lb__png_pixels(&g, data + first, first_n, out) : lb__png_pixels(&g, idat.data, idat.size, out);
done:
    lb__buf_free(&idat);
    return s;
}

/* ---- 9.5 >>bmp and pnm: Windows bitmaps (1 to 32 bits, RLE, bit fields) and the portable formats P1 to P7 ---- */

/* File header (14 bytes: "BM", size, 0, offset of the pixels), information header (its size says which), colour table or masks, rows from
 * the bottom up (from the top down when the height is negative), each padded to four bytes. */
static unsigned lb__bmp_field(uint32_t v, uint32_t mask, int shift, unsigned top) { return mask ? (unsigned)(((uint64_t)((v & mask) >> shift) * 255) / top) : 0; }
static lb_status lb__bmp_rle(const uint8_t *p, size_t n, int bits, size_t w, size_t h, uint8_t *index) {
    size_t x = 0, y = 0, at = 0, i;
    while (n - at >= 2 && y < h) {
        const unsigned count = p[at], v = p[at + 1];
        at += 2;
        if (count) { for (i = 0; i < count && x < w; i++, x++) index[y * w + x] = (uint8_t)(bits == 8 ? v : i & 1 ? v & 15 : v >> 4); continue; }
        if (v == 0) { x = 0; y++; continue; }
        if (v == 1) return LB_OK;
        if (v == 2) { if (n - at < 2) break; x += p[at]; y += p[at + 1]; at += 2; if (x > w) x = w; continue; }
        {
            const size_t bytes = bits == 8 ? v : (v + 1) / 2;
            if (n - at < bytes) break;
            for (i = 0; i < v; i++) { const uint8_t b = p[at + (bits == 8 ? i : i / 2)]; if (x < w) index[y * w + x++] = (uint8_t)(bits == 8 ? b : i & 1 ? b & 15 : b >> 4); }
            at += LB__MIN((bytes + 1) & ~(size_t)1, n - at);
        }
    }
    return y >= h ? LB_OK : lb__fail(LB_ERR_FORMAT, "BMP: the run-length coded rows end at row %zu of %zu", y, h);
}
static lb_status lb__bmp_decode(lb_ctx *ctx, const uint8_t *d, size_t n, int head_only, lb_image *out) {
    uint32_t head, offset, mask[4] = { 0, 0, 0, 0 }, packing = 0, colours = 0, max; int64_t w, h; int bits, down = 0, k, shift[4] = { 0, 0, 0, 0 }; unsigned top[4]; const uint8_t *palette = NULL; size_t row, y, x, at, entry; uint8_t *index = NULL; lb_status s;
    if (n < 26) return lb__fail(LB_ERR_FORMAT, "BMP: %zu bytes, the headers alone have 26", n);
    offset = lb__u32le(d + 10); head = lb__u32le(d + 14);
    if (head != 12 && (head < 40 || head > 124)) return lb__fail(LB_ERR_UNSUPPORTED, "BMP: an information header of %u bytes; 12 and 40 to 124 are known", head);
    if (n < 14 + (size_t)head) return lb__fail(LB_ERR_FORMAT, "BMP: the header is cut off at byte %zu", n);
    if (head == 12) { w = lb__u16le(d + 18); h = lb__u16le(d + 20); bits = lb__u16le(d + 24); }
    else {
        w = (int32_t)lb__u32le(d + 18); h = (int32_t)lb__u32le(d + 22); bits = lb__u16le(d + 28); packing = lb__u32le(d + 30); colours = lb__u32le(d + 46);
        if (h < 0) { h = -h; down = 1; }
    }
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) return lb__fail(LB_ERR_FORMAT, "BMP: %d bits a pixel; 1, 4, 8, 16, 24 or 32 were expected", bits);
    if (!(packing == 0 || (packing == 1 && bits == 8) || (packing == 2 && bits == 4) || ((packing == 3 || packing == 6) && (bits == 16 || bits == 32)))) return lb__fail(LB_ERR_UNSUPPORTED, "BMP: packing %u of %d bits a pixel", packing, bits);
    at = 14 + (size_t)head; entry = head == 12 ? 3 : 4; max = 1u << (bits < 16 ? bits : 1);
    if (packing == 3 || packing == 6) {
        const size_t fields = packing == 6 || head >= 56 ? 4 : 3, from = head >= 52 ? 14 + 40 : at;
        if (n < from + 4 * fields) return lb__fail(LB_ERR_FORMAT, "BMP: the colour masks are cut off");
        for (k = 0; k < (int)fields; k++) mask[k] = lb__u32le(d + from + 4 * (size_t)k);
    } else if (bits == 16) { mask[0] = 0x7c00; mask[1] = 0x3e0; mask[2] = 0x1f; }
    else if (bits == 32) { mask[0] = 0xff0000; mask[1] = 0xff00; mask[2] = 0xff; }
    for (k = 0; k < 4; k++) { if (mask[k]) while (!(mask[k] >> shift[k] & 1)) shift[k]++; top[k] = mask[k] ? mask[k] >> shift[k] : 1; }
    if (bits < 16) {
        if (!colours || colours > max) colours = max;
        if (n - at < entry * colours) return lb__fail(LB_ERR_FORMAT, "BMP: the colour table of %u entries is cut off", colours);
        palette = d + at;
    }
    LB__TRY(lb__image_head(ctx, "BMP", w > 0 ? (uint64_t)w : 0, (uint64_t)h, mask[3] ? 4 : 3, 8, out));
    if (head_only) return LB_OK;
    if (offset > n) return lb__fail(LB_ERR_FORMAT, "BMP: the pixels begin at byte %u, the file has %zu", offset, n);
    row = (((size_t)w * (size_t)bits + 31) / 32) * 4;
    if (packing != 1 && packing != 2 && (n - offset) / row < (size_t)h) return lb__fail(LB_ERR_FORMAT, "BMP: %zu of %lld rows are there", (n - offset) / row, (long long)h);
    LB__TRY(lb__image_pixels(out));
    if (packing == 1 || packing == 2) {
        index = (uint8_t *)lb__alloc((size_t)w * (size_t)h, 1);
        if (!index) return LB_ERR_MEM;
        s = lb__bmp_rle(d + offset, n - offset, bits, (size_t)w, (size_t)h, index);
        if (s) { lb__release(index); return s; }
    }
    for (y = 0; y < (size_t)h; y++) {
        const uint8_t *p = d + offset + y * row; uint8_t *o = (uint8_t *)out->data + (down ? y : (size_t)h - 1 - y) * (size_t)w * (size_t)out->channels;
        for (x = 0; x < (size_t)w; x++, o += out->channels) {
            if (bits < 16) {
                const unsigned i = index ? index[y * (size_t)w + x] : bits == 8 ? p[x] : bits == 4 ? (unsigned)(x & 1 ? p[x / 2] & 15 : p[x / 2] >> 4) : (unsigned)(p[x / 8] >> (7 - x % 8) & 1);
                if (i < colours) { const uint8_t *c = palette + entry * i; o[0] = c[2]; o[1] = c[1]; o[2] = c[0]; } else o[0] = o[1] = o[2] = 0;
            } else if (bits == 24) { o[0] = p[3 * x + 2]; o[1] = p[3 * x + 1]; o[2] = p[3 * x]; }
            else {
                const uint32_t v = bits == 16 ? lb__u16le(p + 2 * x) : lb__u32le(p + 4 * x);
                for (k = 0; k < out->channels; k++) o[k] = (uint8_t)lb__bmp_field(v, mask[k], shift[k], top[k]);
            }
        }
    }
    lb__release(index);
    return LB_OK;
}

/* "P1".."P6", then width, height and (not for bitmaps) the largest value as text with # comments, then text (P1-P3) or bytes.  P7 names its
 * fields.  Where the largest value is above 255 samples have two bytes, big-endian: grey is left as it is then, because it measures something
 * (depth in millimetres); everything else, colour always, is scaled to 255, rounded. */
static int lb__pnm_number(const uint8_t *d, size_t n, size_t *at, uint64_t *v) {
    *v = 0;
    for (;;) {
        if (*at < n && d[*at] == '#') while (*at < n && d[*at] != '\n' && d[*at] != '\r') ++*at;
        else if (*at < n && (d[*at] == ' ' || (d[*at] >= 9 && d[*at] <= 13))) ++*at;
        else break;
    }
    if (*at >= n || d[*at] < '0' || d[*at] > '9') return 0;
    while (*at < n && d[*at] >= '0' && d[*at] <= '9') { if (*v > 0xffffffff) return 0; *v = *v * 10 + (d[(*at)++] - '0'); }
    return 1;
}
static lb_status lb__pnm_decode(lb_ctx *ctx, const uint8_t *d, size_t n, int head_only, lb_image *out) {
    const int kind = d[1] - '0'; uint64_t w = 0, h = 0, top = 1, ch = kind == 3 || kind == 6 ? 3 : 1, v; size_t at = 2, i, count, row, left, bytes; int bits, scale;
    if (kind < 7) {
        if (!lb__pnm_number(d, n, &at, &w) || !lb__pnm_number(d, n, &at, &h) || (kind != 1 && kind != 4 && !lb__pnm_number(d, n, &at, &top))) return lb__fail(LB_ERR_FORMAT, "PNM: byte %zu: width, height and the largest value were expected", at);
        if (kind > 3) { if (at >= n) return lb__fail(LB_ERR_FORMAT, "PNM: no pixels"); at++; }          /* one white space, then bytes */
    } else {
        static const char *const names[] = { "WIDTH ", "HEIGHT ", "DEPTH ", "MAXVAL " }; uint64_t *const to[4] = { &w, &h, &ch, &top };
        ch = 0;
        for (;;) {
            const uint8_t *nl; size_t len, k;
            while (at < n && (d[at] == '\n' || d[at] == '\r')) at++;
            nl = at < n ? (const uint8_t *)memchr(d + at, '\n', n - at) : NULL;
            if (!nl) return lb__fail(LB_ERR_FORMAT, "PNM: byte %zu: the header of a P7 file does not reach ENDHDR", at);
            len = (size_t)(nl - (d + at));
            if (len >= 6 && !memcmp(d + at, "ENDHDR", 6)) { at += len + 1; break; }
            for (k = 0; k < 4; k++) if (len > strlen(names[k]) && !memcmp(d + at, names[k], strlen(names[k]))) { size_t q = at + strlen(names[k]); if (!lb__pnm_number(d, at + len, &q, to[k])) return lb__fail(LB_ERR_FORMAT, "PNM: byte %zu: a number was expected after %s", at, names[k]); }
            at += len + 1;
        }
    }
    if (top < 1 || top > 65535 || ch < 1 || ch > 4) return lb__fail(LB_ERR_FORMAT, "PNM: %llu channels up to %llu; 1 to 4 and at most 65535 were expected", (unsigned long long)ch, (unsigned long long)top);
    bytes = top > 255 ? 2 : 1; bits = top > 255 && ch < 3 ? 16 : 8; scale = bits == 8 && top != 255;         /* grey may be a measurement; colour is for the eye: Pillow makes it 8 bits */
    LB__TRY(lb__image_head(ctx, "PNM", w, h, (int)ch, bits, out));
    if (head_only) return LB_OK;
    row = (size_t)w * (size_t)ch; left = n - at;
    if (kind > 3 && left / (kind == 4 ? (row + 7) / 8 : row * bytes) < h) return lb__fail(LB_ERR_FORMAT, "PNM: the pixels are cut off: %zu bytes of %llu rows are there", left, (unsigned long long)h);
    if (kind < 4 && left / row + 1 < (size_t)h) return lb__fail(LB_ERR_FORMAT, "PNM: the pixels are cut off: %zu bytes for %llu samples", left, (unsigned long long)h * row);
    LB__TRY(lb__image_pixels(out));
    count = row * (size_t)h;
    for (i = 0; i < count; i++) {
        if (kind == 4) v = !(d[at + i / row * ((row + 7) / 8) + i % row / 8] >> (7 - i % row % 8) & 1);
        else if (kind > 4) v = bytes == 1 ? d[at + i] : lb__u16be(d + at + 2 * i);
        else if (kind == 1) {                                                       /* digits may touch */
            while (at < n && d[at] != '0' && d[at] != '1') { if (d[at] == '#') while (at < n && d[at] != '\n') at++; else if (d[at] == ' ' || (d[at] >= 9 && d[at] <= 13)) at++; else break; }
            if (at >= n || (d[at] != '0' && d[at] != '1')) return lb__fail(LB_ERR_FORMAT, "PNM: byte %zu: 0 or 1 was expected", at);
            v = d[at++] == '0';
        } else if (!lb__pnm_number(d, n, &at, &v)) return lb__fail(LB_ERR_FORMAT, "PNM: byte %zu: sample %zu of %zu was expected", at, i, count);
        if (v > top) { if (kind < 4) return lb__fail(LB_ERR_FORMAT, "PNM: sample %zu is %llu, at most %llu was expected", i, (unsigned long long)v, (unsigned long long)top); v = top; }
        if (scale) {                                                                /* ties to even, as Pillow rounds */
            const double t = (double)v / (double)top * 255, r = floor(t);
            v = (uint64_t)r + (t - r > 0.5 || (t - r == 0.5 && ((uint64_t)r & 1)));
        }
        if (bits == 8) ((uint8_t *)out->data)[i] = (uint8_t)v; else ((uint16_t *)out->data)[i] = (uint16_t)v;
    }
    return LB_OK;
}

/* ---- 9.6 >>gif: the images of a GIF file, in order ----
 * Blocks: 0x21 extension (0xf9 graphic control: disposal, transparent index and delay of the next image), 0x2c image, 0x3b end; each holds its
 * data in sub-blocks of up to 255 bytes. */
typedef struct lb__gif {
    const uint8_t *d; size_t n, at; size_t W, H; const uint8_t *global; unsigned colours;       /* global: colours * 3 bytes, or NULL */
    uint8_t background[3], clear[3], *canvas, *saved; const uint8_t *palette; unsigned used;     /* palette: of the last image, `used` colours */
    uint16_t *index;                             /* [H, W] of the last image; 0xffff: not drawn */
    int started, transparent, disposal, before; unsigned delay; size_t x, y, w, h;              /* rectangle that `before` is about */
} lb__gif;
static lb_status lb__gif_open(lb_ctx *ctx, const uint8_t *d, size_t n, lb__gif *g) {
    memset(g, 0, sizeof *g);
    if (n < 13) return lb__fail(LB_ERR_FORMAT, "GIF: %zu bytes, the header alone has 13", n);
    g->d = d; g->n = n; g->W = lb__u16le(d + 6); g->H = lb__u16le(d + 8); g->at = 13;
    {
        lb_image head; memset(&head, 0, sizeof head);
        LB__TRY(lb__image_head(ctx, "GIF", g->W, g->H, 3, 8, &head));
    }
    if (d[10] & 0x80) {
        g->colours = 2u << (d[10] & 7); g->global = d + 13; g->at += 3 * g->colours;
        if (g->at > n) return lb__fail(LB_ERR_FORMAT, "GIF: the global colour table is cut off at byte %zu", n);
        if (d[11] < g->colours) memcpy(g->background, g->global + 3 * d[11], 3);
    }
    g->transparent = -1;
    return LB_OK;
}
static void lb__gif_free(lb__gif *g) { lb__release(g->canvas); lb__release(g->saved); lb__release(g->index); g->canvas = g->saved = NULL; g->index = NULL; }
/* Past the sub-blocks at `at`; 0: the file ends before they do. */
static int lb__gif_skip(const lb__gif *g, size_t *at) {
    while (*at < g->n && g->d[*at]) *at += 1 + (size_t)g->d[*at];
    if (*at >= g->n) return 0;
    *at += 1;
    return 1;
}
static void lb__gif_fill(lb__gif *g, const uint8_t c[3]) {
    size_t y, x;
    for (y = g->y; y < g->y + g->h; y++) for (x = g->x; x < g->x + g->w; x++) memcpy(g->canvas + (y * g->W + x) * 3, c, 3);
}
/* The image data at `at`, as indices into g->index. */
static lb_status lb__gif_lzw(lb__gif *g, size_t at, size_t x0, size_t y0, size_t w, size_t h, int interlaced) {
    uint16_t prefix[4096]; uint8_t suffix[4096], stack[4097]; static const uint8_t start[4] = { 0, 4, 2, 1 }, step[4] = { 8, 8, 4, 2 };
    unsigned bits = 0, have = 0, min = g->d[at++], width, clear, next, code, left; int old = -1, pass = 0; size_t x = 0, y = 0, depth = 0; uint8_t first = 0;
    if (min < 1 || min > 11) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: a code size of %u bits, 1 to 11 was expected", at - 1, min);
    clear = 1u << min; next = clear + 2; width = min + 1; left = g->d[at++];
    while (y < h) {
        while (have < width) {
            if (!left) return LB_OK;                                                /* the data end early: what is missing stays as it was */
            bits |= (unsigned)g->d[at++] << have; have += 8;
            if (!--left) left = g->d[at++];
        }
        code = bits & ((1u << width) - 1); bits >>= width; have -= width;
        if (code == clear) { width = min + 1; next = clear + 2; old = -1; continue; }
        if (code == clear + 1) return LB_OK;
        if (code > next || (code == next && old < 0) || (old < 0 && code >= clear)) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: code %u before it was defined (%u are)", at, code, next);
        {
            unsigned c = code;
            if (c == next) { stack[depth++] = first; c = (unsigned)old; }
            while (c >= clear) { stack[depth++] = suffix[c]; c = prefix[c]; }
            stack[depth++] = first = (uint8_t)c;
        }
        if (old >= 0 && next < 4096) { prefix[next] = (uint16_t)old; suffix[next] = first; next++; if (next == 1u << width && width < 12) width++; }
        old = (int)code;
        while (depth && y < h) {
            const uint8_t c = stack[--depth];
            if (x0 + x < g->W && y0 + y < g->H) g->index[(y0 + y) * g->W + x0 + x] = c;
            if (++x == w) {
                x = 0; y += interlaced ? step[pass] : 1u;
                while (interlaced && y >= h && pass < 3) y = start[++pass];
            }
        }
        depth = 0;
    }
    return LB_OK;
}
/* The next image.  *more 0: there is none.  draw 0: it is only passed over; 1: its indices are decoded; 2: the canvas shows it: what the last
 * image asks for is undone, then this one is drawn over.  Where nothing was drawn the canvas is the background colour if the first image has no
 * transparency, white otherwise, as ffmpeg shows it. */
static lb_status lb__gif_next(lb__gif *g, int draw, int *more) {
    g->transparent = -1; g->disposal = 0; g->delay = 0;
    *more = 0;
    while (g->at < g->n) {
        const uint8_t *p = g->d + g->at; const size_t left = g->n - g->at;
        if (*p == 0x3b) return LB_OK;
        if (*p == 0x21) {
            size_t at = g->at + 2;
            if (left < 2 || !lb__gif_skip(g, &at)) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: an extension is cut off", g->at);
            if (p[1] == 0xf9 && p[2] == 4) { g->disposal = p[3] >> 2 & 7; g->delay = lb__u16le(p + 4); g->transparent = p[3] & 1 ? p[6] : -1; if (g->disposal > 3) g->disposal = 0; }
            g->at = at;
        } else if (*p == 0x2c) {
            const uint8_t *palette = g->global; unsigned colours = g->colours; size_t x, y, w, h, at = g->at + 10, end;
            if (left < 10) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: an image header is cut off", g->at);
            x = lb__u16le(p + 1); y = lb__u16le(p + 3); w = lb__u16le(p + 5); h = lb__u16le(p + 7);
            if (!w || !h || x >= g->W || y >= g->H) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: an image of %zu x %zu at %zu, %zu on a canvas of %zu x %zu", g->at, w, h, x, y, g->W, g->H);
            if (p[9] & 0x80) { palette = p + 10; colours = 2u << (p[9] & 7); at += 3 * colours; }
            end = at + 1;
            if (at >= g->n || !lb__gif_skip(g, &end)) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: the image is cut off", g->at);
            if (!palette) return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: an image without a colour table", g->at);
            if (draw) {
                const size_t bytes = g->W * g->H * 3; size_t r, c;
                if (!g->index && !(g->index = (uint16_t *)lb__alloc(g->W * g->H, sizeof *g->index))) return LB_ERR_MEM;
                memset(g->index, 255, g->W * g->H * sizeof *g->index);
                g->palette = palette; g->used = colours;
                LB__TRY(lb__gif_lzw(g, at, x, y, w, h, p[9] >> 6 & 1));
                g->at = end; *more = 1;
                if (draw == 1) return LB_OK;
                if (!g->canvas && !(g->canvas = (uint8_t *)lb__alloc(bytes, 1))) return LB_ERR_MEM;
                if (!g->saved && !(g->saved = (uint8_t *)lb__alloc(bytes, 1))) return LB_ERR_MEM;
                if (!g->started) { uint8_t white[3] = { 255, 255, 255 }; g->started = 1; g->x = g->y = 0; g->w = g->W; g->h = g->H; lb__gif_fill(g, g->transparent < 0 && g->global ? g->background : white); }
                else if (g->before == 2) lb__gif_fill(g, g->clear);
                else if (g->before == 3) { for (r = g->y; r < g->y + g->h; r++) memcpy(g->canvas + (r * g->W + g->x) * 3, g->saved + (r * g->W + g->x) * 3, g->w * 3); }
                g->before = g->disposal;
                g->x = x; g->y = y; g->w = LB__MIN(w, g->W - x); g->h = LB__MIN(h, g->H - y);
                if (g->disposal == 2) { if (g->transparent >= 0) memset(g->clear, 255, 3); else memcpy(g->clear, g->background, 3); }
                if (g->disposal == 3) memcpy(g->saved, g->canvas, bytes);
                for (r = g->y; r < g->y + g->h; r++) for (c = g->x; c < g->x + g->w; c++) {
                    const unsigned i = g->index[r * g->W + c];
                    if (i == 0xffff || (int)i == g->transparent) continue;
                    if (i < colours) memcpy(g->canvas + (r * g->W + c) * 3, palette + 3 * i, 3); else memset(g->canvas + (r * g->W + c) * 3, 0, 3);
                }
            }
            g->at = end; *more = 1;
            return LB_OK;
        } else if (!*p) g->at++;                                                    /* a stray block end */
        else return lb__fail(LB_ERR_FORMAT, "GIF: byte %zu: a block begins with %x, 21, 2c or 3b was expected", g->at, (unsigned)*p);
    }
    return LB_OK;                                                                   /* many files lack the end mark */
}
/* The first image as Pillow opens it: what it does not cover is the transparent colour, or colour 0. */
static lb_status lb__gif_decode(lb_ctx *ctx, const uint8_t *d, size_t n, int head_only, lb_image *out) {
    lb__gif g; int more; size_t i, count; lb_status s; uint8_t *o;
    LB__TRY(lb__gif_open(ctx, d, n, &g));
    s = lb__gif_next(&g, head_only ? 0 : 1, &more);
    if (!s && !more) s = lb__fail(LB_ERR_FORMAT, "GIF: there is no image in it");
    if (!s) s = lb__image_head(ctx, "GIF", g.W, g.H, g.transparent >= 0 ? 4 : 3, 8, out);
    if (!s && !head_only) s = lb__image_pixels(out);
    if (!s && !head_only) for (i = 0, count = g.W * g.H, o = (uint8_t *)out->data; i < count; i++, o += out->channels) {
        const unsigned k = g.index[i] != 0xffff ? g.index[i] : g.transparent >= 0 ? (unsigned)g.transparent : 0;
        if (k < g.used) memcpy(o, g.palette + 3 * k, 3); else o[0] = o[1] = o[2] = 0;
        if (out->channels == 4) o[3] = (int)k == g.transparent ? 0 : 255;
    }
    lb__gif_free(&g);
    return s;
}

/* ---- decode ---- */
static lb_status lb__image_open(lb_ctx *ctx, const void *bytes, size_t size, int head_only, lb_image *out) {
    static const struct { size_t at, n; const char *magic, *name, *tool; } others[] = { { 8, 4, "WEBP", "WebP", "ffmpeg -i" }, { 0, 4, "II*\0", "TIFF", "ffmpeg -i" }, { 0, 4, "MM\0*", "TIFF", "ffmpeg -i" },
        { 4, 8, "ftypavif", "AVIF", "heif-convert" }, { 4, 8, "ftypavis", "AVIF", "heif-convert" }, { 4, 7, "ftyphei", "HEIC", "heif-convert" }, { 4, 7, "ftyphev", "HEIC", "heif-convert" },
        { 4, 8, "ftypmif1", "HEIF", "heif-convert" }, { 4, 8, "ftypmsf1", "HEIF", "heif-convert" }, { 0, 2, "\xff\x0a", "JPEG XL", "djxl" }, { 4, 8, "JXL \r\n\x87\n", "JPEG XL", "djxl" } };
    const uint8_t *p = (const uint8_t *)bytes; lb_status s; lb_image img;
    memset(&img, 0, sizeof img);
    if (size >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff) s = lb__jpeg_decode(ctx, p, size, head_only, 0, &img);
    else if (size >= 8 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8)) s = lb__png_decode(ctx, p, size, head_only, &img);
    else if (size >= 2 && p[0] == 'B' && p[1] == 'M') s = lb__bmp_decode(ctx, p, size, head_only, &img);
    else if (size >= 3 && p[0] == 'P' && p[1] >= '1' && p[1] <= '7' && (p[2] == ' ' || p[2] == '#' || (p[2] >= 9 && p[2] <= 13))) s = lb__pnm_decode(ctx, p, size, head_only, &img);
    else if (size >= 6 && (!memcmp(p, "GIF89a", 6) || !memcmp(p, "GIF87a", 6))) s = lb__gif_decode(ctx, p, size, head_only, &img);
    else if (!size) return lb__fail(LB_ERR_FORMAT, "an empty file is not an image");
    else {
        char head[16]; size_t i, n = 0;
        for (i = 0; i < LB__COUNT(others); i++)
            if (size >= others[i].at + others[i].n && !memcmp(p + others[i].at, others[i].magic, others[i].n))
                return lb__fail(LB_ERR_UNSUPPORTED, "the image is %s; JPEG, PNG, BMP, PNM or GIF was expected, convert it first: %s FILE out.png", others[i].name, others[i].tool);
        for (i = 0; i < size && i < 4; i++) n += lb__format(head + n, sizeof head - n, " %x%x", p[i] >> 4u, p[i] & 15u);
        return lb__fail(LB_ERR_FORMAT, "not an image that is read here: it begins with the byte%s%s; JPEG, PNG, BMP, PNM or GIF was expected", size > 1 ? "s" : "", head);
    }
    if (s) { lb_image_free(&img); return s; }
    *out = img;
    return LB_OK;
}
LB_API lb_status lb_image_decode(lb_ctx *ctx, const void *bytes, size_t size, lb_image *out) {
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && out && (bytes || !size));
    return lb__image_open(ctx, bytes, size, 0, out);
}
LB_API lb_status lb_image_info(lb_ctx *ctx, const void *bytes, size_t size, lb_image *out) {
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && out && (bytes || !size));
    return lb__image_open(ctx, bytes, size, 1, out);
}
#ifndef LB_NO_STDIO
LB__LOADER(lb_image_load, lb_image_decode, lb_image)
#endif

/* ---- 9.7 >>resize: conversion, orientation, resampling, the profile of a tower ---- */

static lb_status lb__image_check(const lb_image *img, const char *who) {
    size_t n;
    if (!img->data || !img->width || !img->height || img->channels < 1 || img->channels > 4 || (img->bits != 8 && img->bits != 16 && img->bits != 32)
        || !lb__mul(img->width, img->height, &n) || !lb__mul(n, (size_t)img->channels * (size_t)(img->bits / 8), &n))
        return lb__fail(LB_ERR_ARG, "%s: an image of %zu x %zu pixels, %d channels of %d bits%s; pixels in memory, 1 to 4 channels and 8, 16 or 32 bits were expected", who, img->width, img->height, img->channels, img->bits, img->data ? "" : ", without data");
    return LB_OK;
}
LB__INLINE uint8_t lb__f32_u8(float v) { v = v * 255.0f + 0.5f; return v >= 255.0f ? 255 : v > 0 ? (uint8_t)v : 0; }      /* NaN: 0 */
typedef struct lb__rgb { const lb_image *in; uint8_t *out; } lb__rgb;
static void lb__rgb_rows(void *arg, size_t begin, size_t end, int worker) {
    const lb__rgb *r = (const lb__rgb *)arg; const lb_image *in = r->in; size_t W = in->width, ch = (size_t)in->channels, i = begin * W, n = end * W, k; uint8_t *out = r->out + begin * W * 3;
    (void)worker;
    for (; i < n; i++, out += 3) for (k = 0; k < 3; k++) {
        size_t at = i * ch + (ch < 3 ? 0 : k);
        if (in->bits == 8) out[k] = ((const uint8_t *)in->data)[at];
        else if (in->bits == 32) out[k] = lb__f32_u8(((const float *)in->data)[at]);
        else { uint16_t v = ((const uint16_t *)in->data)[at]; out[k] = (uint8_t)(ch == 1 ? LB__MIN(v, 255) : v >> 8); }
    }
}
LB_API lb_status lb_image_rgb(lb_ctx *ctx, const lb_image *in, lb_image *out) {
    lb_image img; lb__rgb r;
    LB__POINTERS(ctx && in && out);
    if (in == out) return lb__fail(LB_ERR_ARG, "lb_image_rgb: out is the image itself, another one was expected");
    LB__TRY(lb__image_check(in, "lb_image_rgb"));
    img = *in; img.channels = 3; img.bits = 8; img.data = NULL;
    LB__TRY(lb__image_pixels(&img));
    r.in = in; r.out = (uint8_t *)img.data;
    lb_parallel_for(ctx, img.height, 64, lb__rgb_rows, &r);
    *out = img;
    return LB_OK;
}
LB_API lb_status lb_image_orient(lb_ctx *ctx, lb_image *img) {
    lb_image o; size_t px, x, y, W, H; int t; const uint8_t *in; uint8_t *out;
    LB__POINTERS(ctx && img);
    LB__TRY(lb__image_check(img, "lb_image_orient"));
    t = img->orientation;
    if (t < 2 || t > 8) { img->orientation = 1; return LB_OK; }
    o = *img; o.data = NULL; o.orientation = 1;
    if (t >= 5) { o.width = img->height; o.height = img->width; }
    LB__TRY(lb__image_pixels(&o));
    px = (size_t)img->channels * (size_t)(img->bits / 8); W = img->width; H = img->height;
    in = (const uint8_t *)img->data; out = (uint8_t *)o.data;
    for (y = 0; y < o.height; y++) for (x = 0; x < o.width; x++, out += px) {
        size_t sx = t >= 5 ? y : x, sy = t >= 5 ? x : y;                       /* 5..8 swap the axes first */
        if (t == 2 || t == 3 || t == 7 || t == 8) sx = W - 1 - sx;
        if (t == 3 || t == 4 || t == 6 || t == 7) sy = H - 1 - sy;
        memcpy(out, in + (sy * W + sx) * px, px);
    }
    lb__release(img->data);
    *img = o;
    return LB_OK;
}

/* Taps of Pillow's bicubic filter for outputs first..first+n of `out` over `in` samples: in the fixed point of 22 bits, and as doubles when
 * `exact` is wanted (position tables). */
typedef struct lb__taps { size_t n, size; int32_t *begin, *count, *k; double *exact; int16_t *lo, *hi; size_t row; } lb__taps;
static void lb__taps_free(lb__taps *t) { lb__release(t->begin); lb__release(t->k); lb__release(t->exact); lb__release(t->lo); memset(t, 0, sizeof *t); }
static double lb__bicubic(double x) {
    if (x < 0.0) x = -x;
    if (x < 1.0) return ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0.0;
}
static lb_status lb__taps_new(size_t in, size_t out, size_t first, size_t n, int exact, lb__taps *t) {
    double scale = (double)in / (double)out, fs = scale < 1.0 ? 1.0 : scale, support = 2.0 * fs, ss = 1.0 / fs; size_t i, x, cells; double *w;
    memset(t, 0, sizeof *t);
    t->n = n; t->size = (size_t)ceil(support) * 2 + 1;
    t->row = (t->size + 7) & ~(size_t)7;
    if (!lb__mul(n, t->row, &cells)) return lb__fail(LB_ERR_MEM, "out of memory: the filter from %zu to %zu samples does not fit", in, out);
    t->begin = (int32_t *)lb__alloc(n * 2, sizeof(int32_t)); t->exact = (double *)lb__alloc(exact ? cells : t->row, sizeof(double)); t->k = (int32_t *)lb__alloc(exact ? 1 : cells, sizeof(int32_t)); t->lo = (int16_t *)lb__alloc(exact ? 1 : cells, 4);
    if (!t->begin || !t->exact || !t->k || !t->lo) { lb__taps_free(t); return LB_ERR_MEM; }
    t->count = t->begin + n; t->hi = exact ? t->lo : t->lo + cells;
    for (i = 0; i < n; i++) {
        double center = ((double)(first + i) + 0.5) * scale, sum = 0.0; ptrdiff_t lo = (ptrdiff_t)(center - support + 0.5), hi = (ptrdiff_t)(center + support + 0.5);
        if (lo < 0) lo = 0;
        if (hi > (ptrdiff_t)in) hi = (ptrdiff_t)in;
        w = exact ? t->exact + i * t->row : t->exact;
        for (x = 0; x < (size_t)(hi - lo); x++) { w[x] = lb__bicubic(((double)((ptrdiff_t)x + lo) - center + 0.5) * ss); sum += w[x]; }
        for (x = 0; x < (size_t)(hi - lo); x++) {
            if (sum != 0.0) w[x] /= sum;
            if (!exact) t->k[i * t->row + x] = (int32_t)(w[x] < 0 ? -0.5 + w[x] * 4194304.0 : 0.5 + w[x] * 4194304.0);
        }
        if (!exact) for (x = 0; x < (size_t)(hi - lo); x++) {                  /* k = hi * 2^15 + lo, 0 <= lo < 2^15: two 16-bit factors */
            int32_t k = t->k[i * t->row + x], h = k >= 0 ? k >> 15 : -((-k + 32767) >> 15);
            t->hi[i * t->row + x] = (int16_t)h; t->lo[i * t->row + x] = (int16_t)(k - h * 32768);
        }
        t->begin[i] = (int32_t)lo; t->count[i] = (int32_t)(hi - lo);
    }
    return LB_OK;
}
/* The weighted sum that both passes take: rounded, clipped. */
LB__INLINE uint8_t lb__tap_round(uint32_t s) { int32_t v = (int32_t)(s + (1u << 21)); v = v < 0 ? -((-(v + 1) >> 22) + 1) : v >> 22; return (uint8_t)LB__CLAMP8(v); }

/* Horizontal pass: rows [from + begin, from + end) of the image to mid [rows][ch][n] of planar samples. */
typedef struct lb__hpass { const uint8_t *in; size_t W, ch, from; const lb__taps *t; uint8_t *mid; int16_t *work; size_t work_row; } lb__hpass;
static void lb__hpass_rows(void *arg, size_t begin, size_t end, int worker) {
    const lb__hpass *h = (const lb__hpass *)arg; const lb__taps *t = h->t; size_t n = t->n, ch = h->ch, y, i, c, x; int16_t *work = h->work + (size_t)worker * h->work_row * ch;
    size_t lo = (size_t)t->begin[0], hi = (size_t)(t->begin[n - 1] + t->count[n - 1]);       /* begin and end of taps both rise */
    for (y = begin; y < end; y++) {
        const uint8_t *in = h->in + ((h->from + y) * h->W + lo) * ch; uint8_t *out = h->mid + y * n * ch;
        for (c = 0; c < ch; c++) { int16_t *w = work + c * h->work_row; const uint8_t *p = in + c; for (x = 0; x < hi - lo; x++, p += ch) w[x] = *p; }
        for (c = 0; c < ch; c++) for (i = 0; i < n; i++, out++) {
            const int16_t *w = work + c * h->work_row + ((size_t)t->begin[i] - lo);
#ifdef LB__IMAGE_SSE2
            const int16_t *kl = t->lo + i * t->row, *kh = t->hi + i * t->row; __m128i a = _mm_setzero_si128(), b = a;
            for (x = 0; x < (size_t)t->count[i]; x += 8) {
                __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(w + x));
                a = _mm_add_epi32(a, _mm_madd_epi16(v, _mm_loadu_si128((const __m128i *)(const void *)(kl + x))));
                b = _mm_add_epi32(b, _mm_madd_epi16(v, _mm_loadu_si128((const __m128i *)(const void *)(kh + x))));
            }
            a = _mm_add_epi32(a, _mm_slli_epi32(b, 15));
            a = _mm_add_epi32(a, _mm_srli_si128(a, 8)); a = _mm_add_epi32(a, _mm_srli_si128(a, 4));
            *out = lb__tap_round((uint32_t)_mm_cvtsi128_si32(a));
#else
            const int32_t *k = t->k + i * t->row; uint32_t s = 0;
            for (x = 0; x < (size_t)t->count[i]; x++) s += (uint32_t)(w[x] * k[x]);
            *out = lb__tap_round(s);
#endif
        }
    }
}
/* Vertical pass: mid rows to out rows of the same planar shape. */
typedef struct lb__vpass { const uint8_t *mid; size_t row, from; const lb__taps *t; uint8_t *out; } lb__vpass;
static void lb__vpass_rows(void *arg, size_t begin, size_t end, int worker) {
    const lb__vpass *v = (const lb__vpass *)arg; const lb__taps *t = v->t; size_t y, x, j;
    (void)worker;
    for (y = begin; y < end; y++) {
        const uint8_t *p = v->mid + ((size_t)t->begin[y] - v->from) * v->row; uint8_t *out = v->out + y * v->row; size_t n = (size_t)t->count[y]; x = 0;
#ifdef LB__IMAGE_SSE2
        {
            const int16_t *kl = t->lo + y * t->row, *kh = t->hi + y * t->row; const __m128i zero = _mm_setzero_si128();
            for (; x + 8 <= v->row; x += 8) {
                __m128i l0 = _mm_set1_epi32(1 << 21), l1 = l0, h0 = zero, h1 = zero; const uint8_t *q = p + x;
                for (j = 0; j < n; j += 2, q += 2 * v->row) {
                    __m128i r = _mm_loadl_epi64((const __m128i *)(const void *)q), s = j + 1 < n ? _mm_loadl_epi64((const __m128i *)(const void *)(q + v->row)) : zero, a, b, kk; int32_t pair;
                    r = _mm_unpacklo_epi8(r, s); a = _mm_unpacklo_epi8(r, zero); b = _mm_unpackhi_epi8(r, zero);
                    memcpy(&pair, kl + j, 4); kk = _mm_set1_epi32(pair); l0 = _mm_add_epi32(l0, _mm_madd_epi16(a, kk)); l1 = _mm_add_epi32(l1, _mm_madd_epi16(b, kk));
                    memcpy(&pair, kh + j, 4); kk = _mm_set1_epi32(pair); h0 = _mm_add_epi32(h0, _mm_madd_epi16(a, kk)); h1 = _mm_add_epi32(h1, _mm_madd_epi16(b, kk));
                }
                l0 = _mm_srai_epi32(_mm_add_epi32(l0, _mm_slli_epi32(h0, 15)), 22); l1 = _mm_srai_epi32(_mm_add_epi32(l1, _mm_slli_epi32(h1, 15)), 22);
                l0 = _mm_packs_epi32(l0, l1);
                _mm_storel_epi64((__m128i *)(void *)(out + x), _mm_packus_epi16(l0, l0));
            }
        }
#endif
        for (; x < v->row; x++) {
            const int32_t *k = t->k + y * t->row; uint32_t s = 0;
            for (j = 0; j < n; j++) s += (uint32_t)(p[j * v->row + x] * k[j]);
            out[x] = lb__tap_round(s);
        }
    }
}
/* The window [x0, x0 + w) x [y0, y0 + h) of `in` (8 bit) resized to W x H, as [h][ch][w] planar rows, freed with lb__release. */
static lb_status lb__pil_window(lb_ctx *ctx, const lb_image *in, size_t W, size_t H, size_t x0, size_t y0, size_t w, size_t h, uint8_t **out) {
    lb__taps tx, ty; lb_status s; lb__hpass hp; lb__vpass vp; size_t from, to, ch = (size_t)in->channels, rows, y, x, c; uint8_t *mid = NULL, *res = NULL; int horizontal = W != in->width, vertical = H != in->height;
    memset(&tx, 0, sizeof tx); memset(&ty, 0, sizeof ty); memset(&hp, 0, sizeof hp);
    *out = NULL;
    if (horizontal && (s = lb__taps_new(in->width, W, x0, w, 0, &tx)) != LB_OK) goto done;
    if (vertical && (s = lb__taps_new(in->height, H, y0, h, 0, &ty)) != LB_OK) goto done;
    from = vertical ? (size_t)ty.begin[0] : y0; to = vertical ? (size_t)(ty.begin[h - 1] + ty.count[h - 1]) : y0 + h;
    s = LB_ERR_MEM;
    if (!lb__mul(w, ch, &rows)) { lb__fail(LB_ERR_MEM, "out of memory"); goto done; }
    mid = (uint8_t *)lb__image_raw(to - from, rows);
    if (!mid) goto done;
    if (horizontal) {
        hp.in = (const uint8_t *)in->data; hp.W = in->width; hp.ch = ch; hp.from = from; hp.t = &tx; hp.mid = mid; hp.work_row = (in->width + 16 + 7) & ~(size_t)7;
        if (!lb__mul(hp.work_row, ch * (size_t)ctx->threads, &rows)) { lb__fail(LB_ERR_MEM, "out of memory"); goto done; }
        hp.work = (int16_t *)lb__alloc(rows, sizeof(int16_t));
        if (!hp.work) goto done;
        lb_parallel_for(ctx, to - from, 16, lb__hpass_rows, &hp);
    } else for (y = 0; y < to - from; y++) for (c = 0; c < ch; c++) for (x = 0; x < w; x++) mid[(y * ch + c) * w + x] = ((const uint8_t *)in->data)[((from + y) * in->width + x0 + x) * ch + c];
    if (vertical) {
        res = (uint8_t *)lb__image_raw(h, w * ch);
        if (!res) goto done;
        vp.mid = mid; vp.row = w * ch; vp.from = from; vp.t = &ty; vp.out = res;
        lb_parallel_for(ctx, h, 16, lb__vpass_rows, &vp);
    } else { res = mid; mid = NULL; }
    *out = res;
    s = LB_OK;
done:
    lb__release(mid); lb__release(hp.work);
    lb__taps_free(&tx); lb__taps_free(&ty);
    return s;
}
LB_API lb_status lb_image_resize(lb_ctx *ctx, const lb_image *in, size_t width, size_t height, lb_image *out) {
    lb_image img; uint8_t *p = NULL; size_t y, x, c, ch; lb_status s;
    LB__POINTERS(ctx && in && out);
    if (in == out) return lb__fail(LB_ERR_ARG, "lb_image_resize: out is the image itself, another one was expected");
    if (!width || !height) return lb__fail(LB_ERR_ARG, "lb_image_resize: to %zu x %zu pixels, at least 1 x 1 was expected", width, height);
    LB__TRY(lb__image_check(in, "lb_image_resize"));
    if (in->bits != 8) return lb__fail(LB_ERR_ARG, "lb_image_resize: an image of %d bits, 8 were expected", in->bits);
    memset(&img, 0, sizeof img); img.orientation = in->orientation;
    LB__TRY(lb__image_head(ctx, "lb_image_resize", width, height, in->channels, 8, &img));
    LB__TRY(lb__pil_window(ctx, in, width, height, 0, 0, width, height, &p));
    s = lb__image_pixels(&img); ch = (size_t)img.channels;
    if (!s) {
        for (y = 0; y < height; y++) for (c = 0; c < ch; c++) for (x = 0; x < width; x++) ((uint8_t *)img.data)[(y * width + x) * ch + c] = p[(y * ch + c) * width + x];
        *out = img;
    }
    lb__release(p);
    return s;
}

/* Offset of the crop: size >= crop. */
static size_t lb__crop_offset(size_t size, size_t crop, lb_crop rule) {
    size_t d = size - crop, half = d / 2;
    return (d & 1) && rule == LB_CROP_ROUND_HALF_EVEN && (half & 1) ? half + 1 : half;
}
/* The size that an image is resized to before the crop. */
static void lb__profile_size(const lb_image_profile *p, size_t w, size_t h, size_t *W, size_t *H) {
    *W = w; *H = h;
    if (p->resize == LB_RESIZE_NONE) return;
    if (p->width == p->height) {
        size_t s = p->width, lng = LB__MAX(w, h), shrt = LB__MIN(w, h), L;
        if (p->resize == LB_RESIZE_TORCH_BILINEAR) L = (size_t)floor((double)lng / (double)shrt * (double)s);
        else L = (size_t)((double)s * (double)lng / (double)shrt);              /* int(size * long / short): the product is exact */
        if (w <= h) { *W = s; *H = LB__MAX(L, s); } else { *H = s; *W = LB__MAX(L, s); }
    } else {
        double k = LB__MAX((double)p->width / (double)w, (double)p->height / (double)h);
        *W = LB__MAX((size_t)floor((double)w * k + 0.5), p->width); *H = LB__MAX((size_t)floor((double)h * k + 0.5), p->height);
    }
}
/* torch's float resamplers, one axis: the scale is a float32, the position is computed from it without further rounding (its compiled code keeps
 * the product exact), weights are float32. */
typedef struct lb__axis { size_t idx[4]; float w[4]; } lb__axis;
static void lb__axis_at(lb_resize kind, size_t in, size_t out, size_t i, lb__axis *a) {
    float scale = (float)in / (float)out, t; double x = (double)scale * ((double)i + 0.5) - 0.5; ptrdiff_t b, j, last = (ptrdiff_t)in - 1; int k;
    if (kind == LB_RESIZE_TORCH_BILINEAR && x < 0) x = 0;
    b = LB__MIN((ptrdiff_t)floor(x), last); x -= (double)b; t = x > 1 ? 1.0f : (float)x;
    if (kind == LB_RESIZE_TORCH_BILINEAR) {
        a->idx[0] = (size_t)b; a->idx[1] = (size_t)LB__MIN(b + 1, last); a->w[0] = 1.0f - t; a->w[1] = t; a->idx[2] = a->idx[3] = a->idx[1]; a->w[2] = a->w[3] = 0;
        return;
    }
    {
        const float A = -0.75f; float u = t + 1.0f, v = 1.0f - t, s = v + 1.0f;
        a->w[0] = ((A * u - 5.0f * A) * u + 8.0f * A) * u - 4.0f * A; a->w[1] = ((A + 2.0f) * t - (A + 3.0f)) * t * t + 1.0f;
        a->w[2] = ((A + 2.0f) * v - (A + 3.0f)) * v * v + 1.0f; a->w[3] = ((A * s - 5.0f * A) * s + 8.0f * A) * s - 4.0f * A;
    }
    for (k = 0; k < 4; k++) { j = b - 1 + k; a->idx[k] = (size_t)(j < 0 ? 0 : j > last ? last : j); }
}
typedef struct lb__tpass { const lb_image *img; const lb_image_profile *p; size_t W, H, x0, y0; const lb__axis *ax; float lut[256], top; float *out; } lb__tpass;
LB__INLINE float lb__depth_metres(float mm, float max_depth) { float m = mm / 1000.0f; if (!(m >= 0.01f)) m = 0.01f; return max_depth > 0 && m > max_depth ? max_depth : m; }
LB__INLINE float lb__sample(const lb__tpass *t, size_t at) {
    const lb_image *img = t->img; float v;
    if (img->bits == 8) return t->lut[((const uint8_t *)img->data)[at]];
    v = img->bits == 16 ? (float)((const uint16_t *)img->data)[at] : ((const float *)img->data)[at];
    return lb__depth_metres(v, t->p->max_depth) / t->top;
}
static void lb__tpass_rows(void *arg, size_t begin, size_t end, int worker) {
    const lb__tpass *t = (const lb__tpass *)arg; const lb_image_profile *p = t->p; size_t w = p->width, plane = p->width * p->height, ch = (size_t)t->img->channels, W = t->img->width, x, y; int taps = p->resize == LB_RESIZE_TORCH_BILINEAR ? 2 : 4, c, j, k, C = t->img->channels == 1 ? 1 : 3;
    (void)worker;
    for (y = begin; y < end; y++) {
        lb__axis ay; lb__axis_at(p->resize, t->img->height, t->H, t->y0 + y, &ay);
        for (x = 0; x < w; x++) {
            const lb__axis *ax = t->ax + x; float v[3];
            for (c = 0; c < C; c++) {
                float s = 0;
                for (j = 0; j < taps; j++) {
                    size_t row = ay.idx[j] * W; float r = lb__sample(t, (row + ax->idx[0]) * ch + (size_t)c) * ax->w[0];
                    for (k = 1; k < taps; k++) r += lb__sample(t, (row + ax->idx[k]) * ch + (size_t)c) * ax->w[k];
                    s = j ? s + r * ay.w[j] : r * ay.w[j];
                }
                v[c] = s;
            }
            for (c = 0; c < 3; c++) t->out[(size_t)c * plane + y * w + x] = (v[C == 1 ? 0 : c] - p->mean[c]) / p->std[c];
        }
    }
}
LB_API lb_status lb_image_preprocess(lb_ctx *ctx, const lb_image *img, const lb_image_profile *p, float *out) {
    lb_image rgb; const lb_image *in = img; size_t W, H, x0, y0, w, h, x, y, plane, left = 0, top = 0; lb_status s = LB_OK; int c; uint8_t *win = NULL; lb__axis *ax = NULL; lb__tpass t; float lut[3][256];
    LB__POINTERS(ctx && img && p && out);
    if (!p->width || !p->height || p->width > 65535 || p->height > 65535) return lb__fail(LB_ERR_ARG, "lb_image_preprocess: a result of %zu x %zu pixels, 1 to 65,535 a side were expected", p->width, p->height);
    LB__TRY(lb__image_check(img, "lb_image_preprocess"));
    if ((int)p->resize < 0 || p->resize > LB_RESIZE_TORCH_BILINEAR || (int)p->crop < 0 || p->crop > LB_CROP_FLOOR) return lb__fail(LB_ERR_ARG, "lb_image_preprocess: resize %d and crop %d, words of lb_resize and lb_crop were expected", (int)p->resize, (int)p->crop);
    for (c = 0; c < 3; c++) if (!(p->std[c] > 0)) return lb__fail(LB_ERR_ARG, "lb_image_preprocess: the profile's std[%d] is %g, a positive number was expected", c, (double)p->std[c]);
    if (p->depth && img->channels != 1) return lb__fail(LB_ERR_MISMATCH, "a depth image has %d channels, 1 was expected (16-bit grey, millimetres)", img->channels);
    if (p->depth && p->resize == LB_RESIZE_PIL_BICUBIC) return lb__fail(LB_ERR_ARG, "lb_image_preprocess: depth is resized as float (torch-bicubic), not pil-bicubic");
    memset(&rgb, 0, sizeof rgb); memset(&t, 0, sizeof t);
    if (!p->depth && (img->bits != 8 || img->channels == 2 || (img->channels == 4 && p->resize == LB_RESIZE_PIL_BICUBIC))) { LB__TRY(lb_image_rgb(ctx, img, &rgb)); in = &rgb; }
    lb__profile_size(p, in->width, in->height, &W, &H);
    if (W > 0x7fffffff || H > 0x7fffffff) { s = lb__fail(LB_ERR_LIMIT, "an image of %zu x %zu pixels is too narrow to be resized to %zu on its short side", in->width, in->height, LB__MIN(p->width, p->height)); goto done; }
    w = LB__MIN(p->width, W); h = LB__MIN(p->height, H); plane = p->width * p->height;
    x0 = lb__crop_offset(W, w, p->crop); y0 = lb__crop_offset(H, h, p->crop);
    if (w < p->width || h < p->height) {                                       /* black around a picture that is too small (no resize) */
        left = (p->width - w) / 2; top = (p->height - h) / 2;
        for (c = 0; c < 3; c++) for (x = 0; x < plane; x++) out[(size_t)c * plane + x] = (0.0f - p->mean[c]) / p->std[c];
    }
    for (x = 0; x < 256; x++) for (c = 0; c < 3; c++) lut[c][x] = lb__level(x, p->mean[c], p->std[c]);
    if (p->resize == LB_RESIZE_PIL_BICUBIC) {
        size_t ch = (size_t)in->channels;
        if ((s = lb__pil_window(ctx, in, W, H, x0, y0, w, h, &win)) != LB_OK) goto done;
        for (c = 0; c < 3; c++) for (y = 0; y < h; y++) {
            const uint8_t *q = win + (y * ch + (ch == 1 ? 0 : (size_t)c)) * w; float *o = out + (size_t)c * plane + y * p->width;
            for (x = 0; x < w; x++) o[x] = lut[c][q[x]];
        }
        goto done;
    }
    t.img = in; t.p = p; t.W = W; t.H = H; t.x0 = x0; t.y0 = y0; t.out = out; t.top = 1.0f;
    if (p->depth) {
        size_t n = in->width * in->height;
        t.top = p->max_depth;
        if (!(p->max_depth > 0)) {                                             /* the largest value of this image */
            for (t.top = 0.01f, x = 0; x < n; x++) {
                float m = lb__depth_metres(in->bits == 8 ? (float)((const uint8_t *)in->data)[x] : in->bits == 16 ? (float)((const uint16_t *)in->data)[x] : ((const float *)in->data)[x], 0);
                if (m > t.top && m <= FLT_MAX) t.top = m;
            }
        }
        for (x = 0; x < 256; x++) t.lut[x] = lb__depth_metres((float)x, p->max_depth) / t.top;
    } else for (x = 0; x < 256; x++) t.lut[x] = (float)x / 255.0f;
    if (p->resize == LB_RESIZE_NONE) {
        size_t ch = (size_t)in->channels;
        for (c = 0; c < 3; c++) for (y = 0; y < h; y++) for (x = 0; x < w; x++)
            out[(size_t)c * plane + (top + y) * p->width + left + x] = (lb__sample(&t, ((y0 + y) * in->width + x0 + x) * ch + (ch < 3 ? 0 : (size_t)c)) - p->mean[c]) / p->std[c];
        goto done;
    }
    ax = (lb__axis *)lb__alloc(w, sizeof *ax);
    if (!ax) { s = LB_ERR_MEM; goto done; }
    for (x = 0; x < w; x++) lb__axis_at(p->resize, in->width, W, x0 + x, &ax[x]);
    t.ax = ax;
    lb_parallel_for(ctx, h, 16, lb__tpass_rows, &t);
done:
    lb__release(ax); lb__release(win); lb_image_free(&rgb);
    if (s) memset(out, 0, 3 * p->width * p->height * sizeof *out);
    return s;
}

/* Position tables: in [gh, gw, D] to out [gh2, gw2, D], antialiased bicubic (a = -0.5), as torch's interpolate(antialias=True) does: horizontal
 * pass first, sums in double. */
static lb_status lb__grid_resize(float *out, size_t gh2, size_t gw2, const float *in, size_t gh, size_t gw, size_t D) {
    lb__taps tx, ty; lb_status s; float *mid = NULL; size_t y, x, d, k, n; double *acc = NULL;
    memset(&ty, 0, sizeof ty);
    LB__TRY(lb__taps_new(gw, gw2, 0, gw2, 1, &tx));
    if ((s = lb__taps_new(gh, gh2, 0, gh2, 1, &ty)) != LB_OK) goto done;
    s = LB_ERR_MEM;
    if (!lb__mul(gh, gw2, &n)) { lb__fail(LB_ERR_MEM, "out of memory"); goto done; }
    mid = (float *)lb__image_raw(n, D * sizeof(float)); acc = (double *)lb__alloc(D, sizeof(double));
    if (!mid || !acc) goto done;
    for (y = 0; y < gh; y++) for (x = 0; x < gw2; x++) {
        memset(acc, 0, D * sizeof *acc);
        for (k = 0; k < (size_t)tx.count[x]; k++) { const float *p = in + (y * gw + (size_t)tx.begin[x] + k) * D; double w = tx.exact[x * tx.row + k]; for (d = 0; d < D; d++) acc[d] += w * p[d]; }
        for (d = 0; d < D; d++) mid[(y * gw2 + x) * D + d] = (float)acc[d];
    }
    for (y = 0; y < gh2; y++) for (x = 0; x < gw2; x++) {
        memset(acc, 0, D * sizeof *acc);
        for (k = 0; k < (size_t)ty.count[y]; k++) { const float *p = mid + (((size_t)ty.begin[y] + k) * gw2 + x) * D; double w = ty.exact[y * ty.row + k]; for (d = 0; d < D; d++) acc[d] += w * p[d]; }
        for (d = 0; d < D; d++) out[(y * gw2 + x) * D + d] = (float)acc[d];
    }
    s = LB_OK;
done:
    lb__taps_free(&tx); lb__taps_free(&ty); lb__release(mid); lb__release(acc);
    return s;
}
/* ---- 9.8 >>save: PNG, JPEG and PNM writers ---- */

/* DEFLATE with a chained hash over 32 KB and Huffman codes of its own for every 32,768 symbols: about what zlib's level 4 reaches. */
typedef struct lb__bitw { lb__buf *out; uint64_t bits; unsigned have; lb_status status; } lb__bitw;
static void lb__bitw_put(lb__bitw *w, uint32_t v, unsigned n) {
    w->bits |= (uint64_t)v << w->have; w->have += n;
    while (w->have >= 8) {
        if (w->out->size == w->out->cap && !w->status) w->status = lb__buf_reserve(w->out, 4096);
        if (w->status) { w->have = 0; w->bits = 0; return; }
        w->out->data[w->out->size++] = (uint8_t)w->bits; w->bits >>= 8; w->have -= 8;
    }
}
/* Code lengths of at most `max` bits for n frequencies (n <= 288): Huffman's by repeated merging of the two rarest, then long codes are
 * shortened and the Kraft sum repaired.  codes[] are bit-reversed, as DEFLATE sends them. */
static void lb__huff_lengths(const uint32_t *freq, size_t n, int max, uint8_t *len, uint16_t *codes) {
    uint32_t weight[576], next[17]; uint16_t parent[576], live[288]; size_t m = 0, k, i, nodes = n; uint32_t count[33], code = 0, kraft = 0; int l;
    for (i = 0; i < n; i++) { len[i] = 0; weight[i] = freq[i]; if (freq[i]) live[m++] = (uint16_t)i; }
    if (m == 0) { live[m++] = 0; }
    if (m == 1) { len[live[0]] = 1; codes[live[0]] = 0; return; }
    for (k = m; k > 1; k--) {                                                       /* n is small and blocks are long: the plain search is no cost */
        size_t a = 0, b, t;
        for (i = 1; i < k; i++) if (weight[live[i]] < weight[live[a]]) a = i;
        t = live[a]; live[a] = live[k - 1];
        for (b = 0, i = 1; i < k - 1; i++) if (weight[live[i]] < weight[live[b]]) b = i;
        weight[nodes] = weight[t] + weight[live[b]]; parent[t] = parent[live[b]] = (uint16_t)nodes; live[b] = (uint16_t)nodes++;
    }
    memset(count, 0, sizeof count);
    for (i = 0; i < n; i++) if (freq[i]) { size_t t = i; int d = 0; while (t != nodes - 1) { t = parent[t]; d++; } len[i] = (uint8_t)(d > max ? max : d); }
    for (i = 0; i < n; i++) if (len[i]) kraft += (uint32_t)1 << (max - len[i]);
    while (kraft > (uint32_t)1 << max) {                                            /* lengthen the longest code that still may grow */
        size_t best = n;
        for (i = 0; i < n; i++) if (len[i] && len[i] < max && (best == n || len[i] > len[best])) best = i;
        kraft -= (uint32_t)1 << (max - len[best] - 1); len[best]++;
    }
    for (i = 0; i < n && kraft < (uint32_t)1 << max; i++)                           /* and shorten what lay deepest until the code is complete */
        while (len[i] > 1 && ((uint32_t)1 << (max - len[i])) <= ((uint32_t)1 << max) - kraft) { kraft += (uint32_t)1 << (max - len[i]); len[i]--; }
    for (i = 0; i < n; i++) count[len[i]]++;
    for (count[0] = 0, l = 1; l <= max; l++) { code = (code + count[l - 1]) << 1; next[l] = code; }
    for (i = 0; i < n; i++) if (len[i]) {
        uint32_t c = next[len[i]]++, r = 0;
        for (l = 0; l < len[i]; l++) { r = r << 1 | (c & 1); c >>= 1; }
        codes[i] = (uint16_t)r;
    }
}
static void lb__deflate_block(lb__bitw *w, const uint32_t *tok, size_t n, int last) {
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    uint32_t lf[286], df[30], cf[19]; uint8_t ll[288], dl[32], cl[19], all[320]; uint16_t lc[288], dc[32], cc[19]; size_t i, nl = 286, nd = 30, nc = 19, k;
    /* a token: a literal, or 1 << 31 | length - 3 in bits 16..23 | distance, at most 32767, in bits 0..14 */
    memset(lf, 0, sizeof lf); memset(df, 0, sizeof df); memset(cf, 0, sizeof cf);
#define LB__LEN_SYM(v, sym, extra, bits) do { unsigned lb__v = (unsigned)(v); if (lb__v == 255) { sym = 285; extra = 0; bits = 0; } else if (lb__v < 8) { sym = 257 + lb__v; extra = 0; bits = 0; } \
    else { unsigned lb__b = 0; while (lb__v >> (lb__b + 3)) lb__b++; bits = lb__b; sym = 257 + 4 * lb__b + (lb__v >> lb__b); extra = lb__v & ((1u << lb__b) - 1); } } while (0)
#define LB__DIST_SYM(v, sym, extra, bits) do { unsigned lb__v = (unsigned)(v) - 1; if (lb__v < 4) { sym = lb__v; extra = 0; bits = 0; } \
    else { unsigned lb__b = 0; while (lb__v >> (lb__b + 2)) lb__b++; bits = lb__b; sym = 2 * lb__b + (lb__v >> lb__b); extra = lb__v & ((1u << lb__b) - 1); } } while (0)
    for (i = 0; i < n; i++) {
        unsigned s, e, b;
        if (!(tok[i] >> 31)) { lf[tok[i]]++; continue; }
        LB__LEN_SYM(tok[i] >> 16 & 255, s, e, b); lf[s]++;
        LB__DIST_SYM(tok[i] & 0xffff, s, e, b); df[s]++;
        (void)e; (void)b;
    }
    lf[256]++;
    lb__huff_lengths(lf, 286, 15, ll, lc); lb__huff_lengths(df, 30, 15, dl, dc);
    while (nl > 257 && !ll[nl - 1]) nl--;
    while (nd > 1 && !dl[nd - 1]) nd--;
    memcpy(all, ll, nl); memcpy(all + nl, dl, nd);
    for (i = 0; i < nl + nd; i++) cf[all[i]]++;                                     /* no run lengths: they would save some thirty bytes a block */
    lb__huff_lengths(cf, 19, 7, cl, cc);
    while (nc > 4 && !cl[order[nc - 1]]) nc--;
    lb__bitw_put(w, (uint32_t)(last != 0) | 4, 3);
    lb__bitw_put(w, (uint32_t)(nl - 257), 5); lb__bitw_put(w, (uint32_t)(nd - 1), 5); lb__bitw_put(w, (uint32_t)(nc - 4), 4);
    for (i = 0; i < nc; i++) lb__bitw_put(w, cl[order[i]], 3);
    for (i = 0; i < nl + nd; i++) lb__bitw_put(w, cc[all[i]], cl[all[i]]);
    for (k = 0; k < n; k++) {
        unsigned s, e, b;
        if (!(tok[k] >> 31)) { lb__bitw_put(w, lc[tok[k]], ll[tok[k]]); continue; }
        LB__LEN_SYM(tok[k] >> 16 & 255, s, e, b); lb__bitw_put(w, lc[s], ll[s]); lb__bitw_put(w, e, b);
        LB__DIST_SYM(tok[k] & 0xffff, s, e, b); lb__bitw_put(w, dc[s], dl[s]); lb__bitw_put(w, e, b);
    }
    lb__bitw_put(w, lc[256], ll[256]);
#undef LB__LEN_SYM
#undef LB__DIST_SYM
}
enum { LB__LZ_HASH = 1 << 13, LB__LZ_TOKENS = 1 << 15, LB__LZ_CHAIN = 24 };
/* zlib stream of data[0..n), appended to out. */
static lb_status lb__zlib_pack(const uint8_t *data, size_t n, lb__buf *out) {
    lb__bitw w; uint32_t *tok; size_t nt = 0, i = 0, k; uint32_t a = 1, b = 0, *head, *prev; uint8_t tail[4]; lb_status s;
    memset(&w, 0, sizeof w); w.out = out;
    if (n >= 0xffffffffu) return lb__fail(LB_ERR_LIMIT, "%zu bytes are too many to compress at once", n);
    tok = (uint32_t *)lb__alloc(LB__LZ_TOKENS + LB__LZ_HASH + 32768, sizeof *tok);
    if (!tok) return LB_ERR_MEM;
    head = tok + LB__LZ_TOKENS; prev = head + LB__LZ_HASH;                          /* positions + 1; 0: none */
    lb__bitw_put(&w, 0x78, 8); lb__bitw_put(&w, 0x9c, 8);
    while (i < n) {
        size_t best = 0, from = 0, stop;
        if (n - i >= 4) {
            uint32_t h = (lb__u32le(data + i) & 0xffffff) * 2654435761u >> 19, p = head[h]; int chain = LB__LZ_CHAIN; const size_t most = LB__MIN(n - i, (size_t)258);
            for (; p && chain && i - (p - 1) <= 32767; p = prev[(p - 1) & 32767], chain--) {
                const uint8_t *x = data + (p - 1), *y = data + i; size_t l = 0;
                if (best && x[best] != y[best]) continue;
                while (l < most && x[l] == y[l]) l++;
                if (l > best) { best = l; from = i - (p - 1); if (l == most) break; }
            }
        }
        if (best < 4) { tok[nt++] = data[i]; best = 1; }
        else tok[nt++] = 0x80000000u | (uint32_t)(best - 3) << 16 | (uint32_t)from;
        for (stop = i + best; i < stop; i++) if (n - i >= 4) { uint32_t h = (lb__u32le(data + i) & 0xffffff) * 2654435761u >> 19; prev[i & 32767] = head[h]; head[h] = (uint32_t)i + 1; }
        if (nt == LB__LZ_TOKENS) { lb__deflate_block(&w, tok, nt, i == n); nt = 0; if (i == n) break; }
    }
    if (nt || !n) lb__deflate_block(&w, tok, nt, 1);
    lb__release(tok);
    if (w.have) lb__bitw_put(&w, 0, 8 - w.have);
    LB__TRY(w.status);
    for (k = 0; k < n;) { const size_t stop = LB__MIN(n, k + 5552); for (; k < stop; k++) { a += data[k]; b += a; } a %= 65521; b %= 65521; }
    tail[0] = (uint8_t)(b >> 8); tail[1] = (uint8_t)b; tail[2] = (uint8_t)(a >> 8); tail[3] = (uint8_t)a;
    s = lb__buf_add(out, tail, 4);
    return s;
}
static void lb__put32be(void *p, uint32_t v) { uint8_t *b = (uint8_t *)p; b[0] = (uint8_t)(v >> 24); b[1] = (uint8_t)(v >> 16); b[2] = (uint8_t)(v >> 8); b[3] = (uint8_t)v; }
static lb_status lb__png_chunk(lb__buf *out, const char *tag, const void *data, size_t n) {
    uint8_t w[8]; size_t at;
    if (n > 0x7fffffffu) return lb__fail(LB_ERR_LIMIT, "PNG: a chunk of %zu bytes", n);
    lb__put32be(w, (uint32_t)n); memcpy(w + 4, tag, 4);
    LB__TRY(lb__buf_add(out, w, 8));
    at = out->size - 4;
    LB__TRY(lb__buf_add(out, data, n));
    lb__put32be(w, lb__crc32(0, out->data + at, n + 4));
    return lb__buf_add(out, w, 4);
}
/* 8 or 16 bits, 1 to 4 channels.  Every row takes the filter whose residuals are smallest in sum. */
static lb_status lb__png_encode(const lb_image *img, lb__buf *out) {
    static const uint8_t kind[5] = { 0, 0, 4, 2, 6 }; uint8_t head[13]; size_t row, bytes, y, x, bpp; uint8_t *raw, *line, *above; lb__buf z = { 0, 0, 0 }; lb_status s;
    bpp = (size_t)img->channels * (size_t)(img->bits / 8);
    if (!lb__mul(img->width, bpp, &row) || !lb__mul(row + 1, img->height + 7, &bytes) || img->width > 0x7fffffff || img->height > 0x7fffffff) return lb__fail(LB_ERR_LIMIT, "PNG: an image of %zu x %zu", img->width, img->height);
    raw = (uint8_t *)lb__alloc(bytes, 1);
    if (!raw) return LB_ERR_MEM;
    above = raw + (row + 1) * img->height; line = above + row;                      /* zeros, then one row, then five candidates */
    for (y = 0; y < img->height; y++) {
        const uint8_t *src = (const uint8_t *)img->data + y * row; uint8_t *best = raw + y * (row + 1), *t = line + row; uint64_t least = UINT64_MAX; int f;
        if (img->bits == 16 && lb__host_little()) for (x = 0; x < row; x += 2) { line[x] = src[x + 1]; line[x + 1] = src[x]; }
        else memcpy(line, src, row);
        for (f = 0; f < 5; f++, t += row) {
            uint64_t sum = 0;
            for (x = 0; x < row; x++) {
                const int a = x >= bpp ? line[x - bpp] : 0, b = above[x], c = x >= bpp ? above[x - bpp] : 0; int p = 0;
                if (f == 1) p = a;
                else if (f == 2) p = b;
                else if (f == 3) p = (a + b) / 2;
                else if (f == 4) { const int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c); p = pa <= pb && pa <= pc ? a : pb <= pc ? b : c; }
                t[x] = (uint8_t)(line[x] - p);
                sum += (uint64_t)(t[x] < 128 ? t[x] : 256 - t[x]);
            }
            if (sum < least) { least = sum; best[0] = (uint8_t)f; memcpy(best + 1, t, row); }
        }
        memcpy(above, line, row);
    }
    lb__put32be(head, (uint32_t)img->width); lb__put32be(head + 4, (uint32_t)img->height);
    head[8] = (uint8_t)img->bits; head[9] = kind[img->channels]; head[10] = head[11] = head[12] = 0;
    s = lb__zlib_pack(raw, (row + 1) * img->height, &z);
    if (!s) s = lb__buf_add(out, "\x89PNG\r\n\x1a\n", 8);
    if (!s) s = lb__png_chunk(out, "IHDR", head, 13);
    if (!s) s = lb__png_chunk(out, "IDAT", z.data, z.size);
    if (!s) s = lb__png_chunk(out, "IEND", NULL, 0);
    lb__buf_free(&z); lb__release(raw);
    return s;
}

/* Baseline JPEG, Annex K tables scaled by quality as everybody does; 4:4:4 from quality 90 on, 4:2:0 below. */
typedef struct lb__jpeg_out { uint16_t code[2][2][256]; uint8_t len[2][2][256]; uint32_t bits; unsigned have; lb__buf *out; } lb__jpeg_out;      /* [luma, chroma][DC, AC] */
static lb_status lb__jpeg_put(lb__jpeg_out *w, uint32_t v, unsigned n) {
    LB__TRY(lb__buf_reserve(w->out, 8));
    w->bits = w->bits << n | (v & (((uint32_t)1 << n) - 1)); w->have += n;
    while (w->have >= 8) { const uint8_t b = (uint8_t)(w->bits >> (w->have - 8)); w->out->data[w->out->size++] = b; if (b == 0xff) w->out->data[w->out->size++] = 0; w->have -= 8; }
    return LB_OK;
}
static void lb__fdct8(float *v, size_t step) {                                       /* eight-point DCT-II, orthonormal */
    static const float c[4] = { 0.49039264f, 0.41573481f, 0.27778512f, 0.09754516f }, e = 0.46193977f, f = 0.19134172f, h = 0.35355339f;
    const float a0 = v[0] + v[7 * step], a1 = v[step] + v[6 * step], a2 = v[2 * step] + v[5 * step], a3 = v[3 * step] + v[4 * step];
    const float b0 = v[0] - v[7 * step], b1 = v[step] - v[6 * step], b2 = v[2 * step] - v[5 * step], b3 = v[3 * step] - v[4 * step];
    v[0] = h * (a0 + a3 + a1 + a2); v[4 * step] = h * (a0 + a3 - a1 - a2); v[2 * step] = e * (a0 - a3) + f * (a1 - a2); v[6 * step] = f * (a0 - a3) - e * (a1 - a2);
    v[step] = c[0] * b0 + c[1] * b1 + c[2] * b2 + c[3] * b3; v[3 * step] = c[1] * b0 - c[3] * b1 - c[0] * b2 - c[2] * b3;
    v[5 * step] = c[2] * b0 - c[0] * b1 + c[3] * b2 + c[1] * b3; v[7 * step] = c[3] * b0 - c[2] * b1 + c[1] * b2 - c[0] * b3;
}
static lb_status lb__jpeg_put_block(lb__jpeg_out *w, float *v, const uint8_t *q, int t, int *dc) {
    int k, i, run = 0, z[64];
    for (i = 0; i < 8; i++) lb__fdct8(v + 8 * i, 1);
    for (i = 0; i < 8; i++) lb__fdct8(v + i, 8);
    for (k = 0; k < 64; k++) { const float x = v[lb__zigzag[k]] / q[k]; z[k] = (int)(x < 0 ? x - 0.5f : x + 0.5f); }
    i = z[0] - *dc; *dc = z[0]; z[0] = i;
    for (k = 0; k < 64; k++) {
        int a = abs(z[k]), n = 0;
        if (k && !a) { run++; continue; }
        for (; run > 15; run -= 16) LB__TRY(lb__jpeg_put(w, w->code[t][1][0xf0], w->len[t][1][0xf0]));
        while (a >> n) n++;
        LB__TRY(lb__jpeg_put(w, w->code[t][k > 0][run << 4 | n], w->len[t][k > 0][run << 4 | n]));
        if (n) LB__TRY(lb__jpeg_put(w, (uint32_t)(z[k] < 0 ? z[k] - 1 : z[k]), (unsigned)n));
        run = 0;
    }
    return run ? lb__jpeg_put(w, w->code[t][1][0], w->len[t][1][0]) : LB_OK;
}
static lb_status lb__jpeg_encode(const lb_image *img, int quality, lb__buf *out) {
    static const uint8_t base[2][64] = { {
        16,11,12,14,12,10,16,14,13,14,18,17,16,19,24,40,26,24,22,22,24,49,35,37,29,40,58,51,61,60,57,51,56,55,64,72,92,78,64,68,87,69,55,56,80,109,81,87,95,98,103,104,103,62,77,113,121,112,100,120,92,101,103,99 }, {
        17,18,18,24,21,24,47,26,26,47,99,66,56,66,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99,99 } };
    lb__jpeg *std = NULL; lb__jpeg_out *w = NULL; uint8_t q[2][64], head[64]; int dc[3] = { 0, 0, 0 }, t, i, comps = img->channels == 3 ? 3 : 1, sub = comps == 3 && quality < 90, scale; size_t mx, my, x, y, W = img->width, H = img->height; lb_status s = LB_OK;
    if (W > 65535 || H > 65535) return lb__fail(LB_ERR_LIMIT, "JPEG: an image of %zu x %zu, at most 65535 a side can be written", W, H);
    std = (lb__jpeg *)lb__alloc(1, sizeof *std); w = (lb__jpeg_out *)lb__alloc(1, sizeof *w);
    if (std) std->dc = (lb__jpeg_huff *)lb__alloc(8, sizeof *std->dc);
    if (!std || !std->dc || !w) { s = LB_ERR_MEM; goto done; }
    std->ac = std->dc + 4;
    lb__jpeg_huff_default(std);
    quality = quality < 1 ? 1 : quality > 100 ? 100 : quality; scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    for (t = 0; t < 2; t++) for (i = 0; i < 64; i++) { int v = (base[t][i] * scale + 50) / 100; q[t][i] = (uint8_t)(v < 1 ? 1 : v > 255 ? 255 : v); }
    w->out = out;
#define LB__PUT(p, n) do { if ((s = lb__buf_add(out, p, n)) != LB_OK) goto done; } while (0)
    LB__PUT("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", 20);
    for (t = 0; t < 1 + (comps == 3); t++) { memcpy(head, "\xff\xdb\0\x43", 4); head[4] = (uint8_t)t; LB__PUT(head, 5); LB__PUT(q[t], 64); }
    memcpy(head, "\xff\xc0\0", 3); head[3] = (uint8_t)(8 + 3 * comps); head[4] = 8; head[5] = (uint8_t)(H >> 8); head[6] = (uint8_t)H; head[7] = (uint8_t)(W >> 8); head[8] = (uint8_t)W; head[9] = (uint8_t)comps;
    for (i = 0; i < comps; i++) { head[10 + 3 * i] = (uint8_t)(i + 1); head[11 + 3 * i] = (uint8_t)(i == 0 && sub ? 0x22 : 0x11); head[12 + 3 * i] = (uint8_t)(i > 0); }
    LB__PUT(head, 10 + 3 * (size_t)comps);
    for (t = 0; t < 1 + (comps == 3); t++) for (i = 0; i < 2; i++) {
        const lb__jpeg_huff *h = i ? &std->ac[t] : &std->dc[t]; const size_t n = i ? 162 : 12; size_t k = 0; uint32_t code = 0; int l, c;
        memcpy(head, "\xff\xc4", 2); head[2] = 0; head[3] = (uint8_t)(19 + n); head[4] = (uint8_t)(i << 4 | t);
        LB__PUT(head, 5); LB__PUT(h->bits + 1, 16); LB__PUT(h->values, n);
        for (l = 1; l <= 16; l++, code <<= 1) for (c = 0; c < h->bits[l]; c++, k++) { w->code[t][i][h->values[k]] = (uint16_t)code++; w->len[t][i][h->values[k]] = (uint8_t)l; }
    }
    memcpy(head, "\xff\xda\0", 3); head[3] = (uint8_t)(6 + 2 * comps); head[4] = (uint8_t)comps;
    for (i = 0; i < comps; i++) { head[5 + 2 * i] = (uint8_t)(i + 1); head[6 + 2 * i] = (uint8_t)(i ? 0x11 : 0); }
    head[5 + 2 * comps] = 0; head[6 + 2 * comps] = 63; head[7 + 2 * comps] = 0;
    LB__PUT(head, 8 + 2 * (size_t)comps);
    mx = sub ? 16 : 8; my = mx;
    for (y = 0; y < H; y += my) for (x = 0; x < W; x += mx) {
        float f[3][256], b[64]; size_t r, c, br, bc;                                 /* the unit's samples, edges repeated, around zero */
        for (r = 0; r < my; r++) for (c = 0; c < mx; c++) {
            const uint8_t *p = (const uint8_t *)img->data + (LB__MIN(y + r, H - 1) * W + LB__MIN(x + c, W - 1)) * (size_t)img->channels; float *g = &f[0][r * mx + c];
            if (comps == 1) { *g = (float)p[0] - 128; continue; }
            g[0] = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] - 128;
            g[256] = -0.168736f * p[0] - 0.331264f * p[1] + 0.5f * p[2];
            g[512] = 0.5f * p[0] - 0.418688f * p[1] - 0.081312f * p[2];
        }
        for (br = 0; br < my; br += 8) for (bc = 0; bc < mx; bc += 8) {
            for (r = 0; r < 8; r++) memcpy(b + 8 * r, &f[0][(br + r) * mx + bc], 8 * sizeof(float));
            if ((s = lb__jpeg_put_block(w, b, q[0], 0, &dc[0])) != LB_OK) goto done;
        }
        for (i = 1; i < comps; i++) {
            for (r = 0; r < 8; r++) for (c = 0; c < 8; c++)
                b[8 * r + c] = sub ? 0.25f * (f[i][32 * r + 2 * c] + f[i][32 * r + 2 * c + 1] + f[i][32 * r + 16 + 2 * c] + f[i][32 * r + 17 + 2 * c]) : f[i][8 * r + c];
            if ((s = lb__jpeg_put_block(w, b, q[1], 1, &dc[i])) != LB_OK) goto done;
        }
    }
    s = lb__jpeg_put(w, 0x7f, 7);
    if (!s) LB__PUT("\xff\xd9", 2);
#undef LB__PUT
done:
    if (std) lb__release(std->dc);
    lb__release(std); lb__release(w);
    return s;
}
static lb_status lb__pnm_encode(const lb_image *img, lb__buf *out) {
    char head[64]; const size_t n = lb__format(head, sizeof head, "P%d\n%zu %zu\n%d\n", img->channels == 3 ? 6 : 5, img->width, img->height, img->bits == 16 ? 65535 : 255), bytes = img->width * img->height * (size_t)img->channels * (size_t)(img->bits / 8); size_t i;
    LB__TRY(lb__buf_add(out, head, n));
    LB__TRY(lb__buf_add(out, img->data, bytes));
    if (img->bits == 16 && lb__host_little()) for (i = out->size - bytes; i < out->size; i += 2) { const uint8_t t = out->data[i]; out->data[i] = out->data[i + 1]; out->data[i + 1] = t; }
    return LB_OK;
}
/* What each writer takes; the ending of the name says which it is. */
static lb_status lb__image_encode(const lb_image *img, const char *name, int quality, lb__buf *out) {
    if (!img->data || !img->width || !img->height || img->channels < 1 || img->channels > 4 || (img->bits != 8 && img->bits != 16)) return lb__fail(LB_ERR_ARG, "%s: an image of %zu x %zu, %d channels of %d bits cannot be written", name, img->width, img->height, img->channels, img->bits);
    if (lb__ends_with(name, ".png")) return lb__png_encode(img, out);
    if (lb__ends_with(name, ".jpg") || lb__ends_with(name, ".jpeg")) {
        if (img->bits != 8 || (img->channels != 1 && img->channels != 3)) return lb__fail(LB_ERR_ARG, "%s: JPEG holds 1 or 3 channels of 8 bits, not %d of %d", name, img->channels, img->bits);
        return lb__jpeg_encode(img, quality ? quality : 92, out);
    }
    if (lb__ends_with(name, ".ppm") || lb__ends_with(name, ".pgm") || lb__ends_with(name, ".pnm")) {
        if (img->channels != 1 && img->channels != 3) return lb__fail(LB_ERR_ARG, "%s: PNM holds 1 or 3 channels, not %d", name, img->channels);
        return lb__pnm_encode(img, out);
    }
    return lb__fail(LB_ERR_ARG, "%s: the name does not end in png, jpg, ppm or pgm", name);
}
#ifndef LB_NO_STDIO
LB_API lb_status lb_image_save(lb_ctx *ctx, const lb_image *img, const char *path, int quality) {
    lb__buf b = { 0, 0, 0 }; lb_status s;
    LB__POINTERS(ctx && img && path);
    s = lb__image_encode(img, path, quality, &b);
    if (!s) s = lb__writer_save(path, b.data, b.size);
    lb__buf_free(&b);
    return s;
}
#endif

#endif /* LB_NO_IMAGE */

/* ==== 10 >>audio =================================================================================================================
 * Sound from files to the picture that the audio tower looks at: decoding, resampling, Fourier transforms, mel bands, upstream's fit to a
 * fixed length.  Leaves out lossy codecs (MP3, AAC, Opus) and Ogg.
 * Calls: base, parallel, cpu, tensor.  Held by: tests/test_audio.c, tests/test_mel.c, tests/test_hostile.c, tests/fuzz/wav.c, tests/fuzz/flac.c */
#ifndef LB_NO_AUDIO

LB_API void lb_audio_free(lb_audio *a) {
    if (!a) return;
    lb__release(a->data);
    memset(a, 0, sizeof *a);
}

/* ---- 10.1 >>wav ----
 *  0 "RIFF" (little-endian), "RIFX" (big-endian) or "RF64"/"BW64" (64-bit sizes in a chunk "ds64")     4 u32 bytes that follow     8 "WAVE"
 * 12 chunks: id u8[4], size u32, body, one byte of padding when the size is odd
 *    fmt    0 u16 codec   2 u16 channels   4 u32 rate   8 u32 bytes a second   12 u16 bytes a frame   14 u16 bits   [18 u16 valid bits   20 u32
 *           speakers   24 u8[16] GUID whose first two bytes are the codec]
 *    ds64   0 u64 file size   8 u64 size of "data"   16 u64 frames   24 u32 entries of a table of other chunks' sizes
 *    data   the samples; a size of 0, of ffffffff or just below 7fffffff was written by a program that could not seek back: it means "to the end" */
enum { LB__WAV_PCM = 1, LB__WAV_FLOAT = 3, LB__WAV_ALAW = 6, LB__WAV_MULAW = 7, LB__WAV_EXTENSIBLE = 0xfffe };
typedef struct lb__wav { int codec, channels, rate, width, big; const uint8_t *data; size_t frames; } lb__wav;    /* width: bytes a sample */

static const char *lb__wav_codec_name(int codec) {
    static const struct { int codec; const char *name; } names[] = { { 2, "Microsoft ADPCM" }, { 0x11, "IMA ADPCM" }, { 0x31, "GSM 6.10" }, { 0x45, "G.726" }, { 0x50, "MPEG audio" }, { 0x55, "MP3" },
        { 0xff, "AAC" }, { 0x161, "Windows Media Audio" }, { 0x2000, "AC-3" }, { 0x674f, "Ogg Vorbis" }, { 0xf1ac, "FLAC" } };
    size_t i;
    for (i = 0; i < LB__COUNT(names); i++) if (names[i].codec == codec) return names[i].name;
    return "an unknown codec";
}
static lb_status lb__wav_format(const uint8_t *p, size_t len, size_t at, lb__wav *w) {
    unsigned block, bits, least;
#define LB__U16(o) (w->big ? lb__u16be(p + (o)) : lb__u16le(p + (o)))
#define LB__U32(o) (w->big ? lb__u32be(p + (o)) : lb__u32le(p + (o)))
    if (len < 16) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: a 'fmt ' chunk of %zu bytes, at least 16 were expected", at, len);
    w->codec = LB__U16(0); w->channels = LB__U16(2); block = LB__U16(12); bits = LB__U16(14);
    if (LB__U32(4) < 1 || LB__U32(4) > INT_MAX) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: %u samples per second", at + 4, LB__U32(4));
    w->rate = (int)LB__U32(4);
    if (!w->channels) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: no channels", at + 2);
    if (w->codec == LB__WAV_EXTENSIBLE) {
        static const uint8_t guid[14] = { 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71 };
        if (len < 40) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: an extensible 'fmt ' chunk of %zu bytes, 40 were expected", at, len);
        if (memcmp(p + 26, guid, 14)) return lb__fail(LB_ERR_UNSUPPORTED, "wav: byte %zu: an unknown codec GUID; convert it first: ffmpeg -i in.wav out.flac", at + 24);
        w->codec = LB__U16(24);
    }
#undef LB__U16
#undef LB__U32
    if (w->codec != LB__WAV_PCM && w->codec != LB__WAV_FLOAT && w->codec != LB__WAV_ALAW && w->codec != LB__WAV_MULAW)
        return lb__fail(LB_ERR_UNSUPPORTED, "wav: byte %zu: codec %d is %s; PCM, float, A-law or mu-law were expected, convert it first: ffmpeg -i in.wav out.flac", at, w->codec, lb__wav_codec_name(w->codec));
    least = (bits + 7) / 8;
    if (!block) block = least * (unsigned)w->channels;
    if (block % (unsigned)w->channels || bits < 1 || bits > 64 || block / (unsigned)w->channels < least || block / (unsigned)w->channels > 8)
        return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: %u bytes a frame do not fit %d channels of %u bits", at + 12, block, w->channels, bits);
    w->width = (int)(block / (unsigned)w->channels);
    if ((w->codec == LB__WAV_FLOAT && w->width != 4 && w->width != 8) || (w->codec >= LB__WAV_ALAW && w->width != 1))
        return lb__fail(LB_ERR_UNSUPPORTED, "wav: byte %zu: %s samples of %d bits", at + 14, w->codec == LB__WAV_FLOAT ? "float" : w->codec == LB__WAV_ALAW ? "A-law" : "mu-law", w->width * 8);
    return LB_OK;
}
static lb_status lb__wav_parse(lb_ctx *ctx, const uint8_t *p, size_t size, lb__wav *w) {
    size_t at = 12, samples; uint64_t data64 = 0, riff; int seen64 = 0, seen_format = 0, wide;
    memset(w, 0, sizeof *w);
    if (size < 12) return lb__fail(LB_ERR_FORMAT, "wav: cut off at byte %zu, inside the file header", size);
    if (memcmp(p + 8, "WAVE", 4)) return lb__fail(LB_ERR_FORMAT, "wav: byte 8: '%.*s' where 'WAVE' was expected", 4, (const char *)p + 8);
    w->big = p[3] == 'X';
    wide = p[0] == 'B' || p[1] == 'F';                                   /* BW64, RF64 */
    riff = w->big ? lb__u32be(p + 4) : lb__u32le(p + 4);
    while (size - at >= 8) {
        const uint8_t *id = p + at; uint64_t len = w->big ? lb__u32be(p + at + 4) : lb__u32le(p + at + 4); size_t left;
        at += 8; left = size - at;
        if (!memcmp(id, "data", 4)) {
            if (!seen_format) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: 'data' comes before 'fmt '", at - 8);
            if (wide && len == 0xffffffffu) {
                if (!seen64) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: the size of 'data' stands in a 'ds64' chunk, and there is none", at - 4);
                len = data64;
            }
            if (!len && riff + 8 != size) len = left;                    /* a size never filled in, unless the file's own size was */
            if (len > left) {
                if (len < 0x7ffff000u || (wide && seen64)) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: %llu bytes of samples were announced, the file ends after %zu", at, (unsigned long long)len, left);
                len = left;
            }
            w->data = p + at;
            samples = (size_t)len / (size_t)w->width;
            w->frames = samples / (size_t)w->channels;
            samples = w->frames * (size_t)w->channels;
            if (samples > ctx->limits.max_samples) return lb__fail(LB_ERR_LIMIT, "wav: %zu samples, the limit is %zu", samples, ctx->limits.max_samples);
            return LB_OK;
        }
        if (len > left) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: chunk '%.*s' announces %llu bytes, the file ends after %zu", at - 8, 4, (const char *)id, (unsigned long long)len, left);
        if (!memcmp(id, "fmt ", 4)) { LB__TRY(lb__wav_format(p + at, (size_t)len, at, w)); seen_format = 1; }
        else if (!memcmp(id, "ds64", 4)) {
            if (len < 24) return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: a 'ds64' chunk of %llu bytes, at least 24 were expected", at, (unsigned long long)len);
            data64 = lb__u64le(p + at + 8); seen64 = 1;
        }
        at += (size_t)len;
        if ((len & 1) && at < size) at++;
    }
    return lb__fail(LB_ERR_FORMAT, "wav: byte %zu: the file ends before a 'data' chunk", size);
}
/* G.711: sign, three bits of exponent, four of mantissa; the result has 16 bits. */
LB__INLINE int lb__alaw(unsigned a) {
    int t = (int)((a ^ 0x55) & 15) << 4, e = (int)((a ^ 0x55) >> 4) & 7;
    t = e ? (t + 0x108) << (e - 1) : t + 8;
    return (a ^ 0x55) & 0x80 ? t : -t;
}
LB__INLINE int lb__mulaw(unsigned u) {
    int t = ((int)((~u & 15) << 3) + 0x84) << (~u >> 4 & 7);
    return u & 0x80 ? t - 0x84 : 0x84 - t;
}
/* One integer sample, in the width of the file (A-law and mu-law: 16 bits). */
LB__INLINE int64_t lb__wav_int(const lb__wav *w, const uint8_t *p) {
    uint64_t v = 0; int i, n = w->width;
    if (w->codec == LB__WAV_ALAW) return lb__alaw(*p);
    if (w->codec == LB__WAV_MULAW) return lb__mulaw(*p);
    if (n == 1) return (int64_t)*p - 128;
    for (i = 0; i < n; i++) v |= (uint64_t)p[w->big ? n - 1 - i : i] << (8 * i);
    v <<= 64 - 8 * n;
    return (v >> 63 ? -(int64_t)(~v >> (64 - 8 * n)) - 1 : (int64_t)(v >> (64 - 8 * n)));
}
static lb_status lb__wav_decode(lb_ctx *ctx, const uint8_t *bytes, size_t size, lb_audio *out) {
    lb__wav w; size_t n, i; float *f; const uint8_t *p;
    LB__TRY(lb__wav_parse(ctx, bytes, size, &w));
    n = w.frames * (size_t)w.channels; p = w.data;
    f = (float *)lb__alloc(n, sizeof *f);
    if (!f) return LB_ERR_MEM;
    if (w.codec == LB__WAV_FLOAT) {
        for (i = 0; i < n; i++, p += w.width) {
            f[i] = w.width == 4 ? lb__bits_f32(w.big ? lb__u32be(p) : lb__u32le(p)) : (float)lb__bits_f64(w.big ? lb__u64be(p) : lb__u64le(p));
            if (!(fabsf(f[i]) <= FLT_MAX)) { lb__release(f); return lb__fail(LB_ERR_NUMERIC, "wav: byte %zu: sample %zu is not a finite number", (size_t)(p - bytes), i); }
        }
    } else if (w.codec == LB__WAV_PCM && w.width == 2 && !w.big) for (i = 0; i < n; i++) f[i] = (float)(int16_t)lb__u16le(p + 2 * i) * (1.0f / 32768.0f);
    else {
        const float scale = (float)ldexp(1.0, 1 - 8 * (w.codec == LB__WAV_PCM ? w.width : 2));
        for (i = 0; i < n; i++, p += w.width) f[i] = (float)lb__wav_int(&w, p) * scale;
    }
    out->rate = w.rate; out->channels = w.channels; out->frames = w.frames; out->data = f;
    return LB_OK;
}

/* ---- 10.2 >>flac ----
 * RFC 9639.  "fLaC", metadata blocks (a flag "last", 7 bits type, 24 bits size; the first is STREAMINFO), then frames: 14 bits of ones and a zero,
 * codes of block size, rate, channels and bits, a number, CRC-8; one subframe a channel (constant, verbatim, fixed or linear prediction with a
 * Rice-coded residual); CRC-16.  Samples are predicted in 64 bits and checked against their width, so a hostile file cannot overflow. */

/* MD5 (RFC 1321) of the samples, which STREAMINFO carries. */
typedef struct lb__md5 { uint32_t h[4], k[64]; uint64_t bytes; uint8_t block[64]; } lb__md5;
static void lb__md5_init(lb__md5 *s) {
    int i;
    memset(s, 0, sizeof *s);
    s->h[0] = 0x67452301; s->h[1] = 0xefcdab89; s->h[2] = 0x98badcfe; s->h[3] = 0x10325476;
    for (i = 0; i < 64; i++) s->k[i] = (uint32_t)(int64_t)(fabs(sin(i + 1.0)) * 4294967296.0);
}
static void lb__md5_block(lb__md5 *s, const uint8_t *p) {
    static const uint8_t shift[16] = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 };
    uint32_t a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], f, w[16]; int i, g, r;
    for (i = 0; i < 16; i++) w[i] = lb__u32le(p + 4 * i);
    for (i = 0; i < 64; i++) {
        if (i < 16)      { f = d ^ (b & (c ^ d)); g = i; }
        else if (i < 32) { f = c ^ (d & (b ^ c)); g = (5 * i + 1) & 15; }
        else if (i < 48) { f = b ^ c ^ d;         g = (3 * i + 5) & 15; }
        else             { f = c ^ (b | ~d);      g = 7 * i & 15; }
        f += a + s->k[i] + w[g]; r = shift[i / 16 * 4 + i % 4];
        a = d; d = c; c = b; b += f << r | f >> (32 - r);
    }
    s->h[0] += a; s->h[1] += b; s->h[2] += c; s->h[3] += d;
}
static void lb__md5_add(lb__md5 *s, const uint8_t *p, size_t n) {
    size_t have = (size_t)(s->bytes & 63);
    s->bytes += n;
    if (have) {
        size_t take = LB__MIN(n, 64 - have);
        memcpy(s->block + have, p, take); p += take; n -= take;
        if (have + take < 64) return;
        lb__md5_block(s, s->block);
    }
    for (; n >= 64; n -= 64, p += 64) lb__md5_block(s, p);
    if (n) memcpy(s->block, p, n);
}
static void lb__md5_done(lb__md5 *s, uint8_t out[16]) {
    uint8_t pad[72] = { 0x80 }; size_t n = 64 - (size_t)((s->bytes + 8) & 63); int i;
    lb__put64le(pad + n, s->bytes * 8);
    lb__md5_add(s, pad, n + 8);
    for (i = 0; i < 4; i++) lb__put32le(out + 4 * i, s->h[i]);
}

#ifndef LB__FLAC_CHECK
#define LB__FLAC_CHECK(sum) (!(sum))                  /* a fuzzer lets every checksum pass */
#endif
typedef struct lb__flac {
    const uint8_t *p; size_t size, at;              /* `at`: the next byte that goes into `bits` */
    uint64_t bits; int have, over;                  /* the top `have` bits of `bits` are next; over: read past the end */
    int rate, channels, width, md5_wanted;
    uint64_t total, frames;                         /* samples a channel: announced (0: unknown), decoded */
    size_t max_block;
    uint8_t md5[16], crc8[256];
    uint16_t crc16[256];
    lb__buf pcm;                                    /* int32, interleaved */
} lb__flac;

LB__INLINE void lb__flac_fill(lb__flac *f) {
    if (f->size - f->at >= 8) {                     /* whole bytes only; what stands below them is cut away again */
        int n = (64 - f->have) >> 3;
        if (!n) return;
        f->bits |= lb__u64be(f->p + f->at) >> f->have;
        f->at += (size_t)n; f->have += 8 * n;
        if (f->have < 64) f->bits &= ~(uint64_t)0 << (64 - f->have);
    } else while (f->have <= 56 && f->at < f->size) { f->bits |= (uint64_t)f->p[f->at++] << (56 - f->have); f->have += 8; }
}
LB__INLINE uint64_t lb__flac_bits(lb__flac *f, int n) {             /* n in 0..56 */
    uint64_t v;
    if (!n) return 0;
    if (f->have < n) { lb__flac_fill(f); if (f->have < n) { f->over = 1; f->bits = 0; f->have = 0; return 0; } }
    v = f->bits >> (64 - n);
    f->bits <<= n; f->have -= n;
    return v;
}
LB__INLINE int64_t lb__flac_signed(lb__flac *f, int n) {
    uint64_t v = lb__flac_bits(f, n);
    return n && v >> (n - 1) ? (int64_t)v - ((int64_t)1 << n) : (int64_t)v;
}
LB__INLINE uint32_t lb__flac_unary(lb__flac *f) {                   /* zeros before the next one */
    uint32_t n = 0; int z;
    for (;;) {
        if (f->have < 32) lb__flac_fill(f);
        if (f->bits) break;
        n += (uint32_t)f->have; f->have = 0;
        if (f->at == f->size) { f->over = 1; return 0; }
        if (n > 1u << 30) { f->over = 1; return 0; }                /* longer than any sample can need */
    }
#if defined(__GNUC__)
    z = __builtin_clzll(f->bits);
#else
    for (z = 0; !(f->bits >> (63 - z)); z++) {}
#endif
    f->bits = f->bits << z << 1; f->have -= z + 1;
    return n + (uint32_t)z;
}
static size_t lb__flac_byte(const lb__flac *f) { return f->at - (size_t)f->have / 8; }
static lb_status lb__flac_fail(const lb__flac *f, const char *what) {
    if (f->over) return lb__fail(LB_ERR_FORMAT, "flac: cut off at byte %zu, inside a frame (%llu samples a channel decoded)", f->size, (unsigned long long)f->frames);
    return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: %s", lb__flac_byte(f), what);
}

/* The residual of one subframe behind its `order` first samples: 2^order partitions, each with its own Rice parameter, or escaped as plain bits. */
static lb_status lb__flac_residual(lb__flac *f, int64_t *s, size_t n, size_t order) {
    int method = (int)lb__flac_bits(f, 2), po = (int)lb__flac_bits(f, 4), pbits = method ? 5 : 4; size_t part, i = order, parts = (size_t)1 << po, len = n >> po;
    if (method > 1) return lb__flac_fail(f, "a residual coding that is reserved");
    if ((len << po) != n || len < order) return lb__flac_fail(f, "residual partitions that do not fit the block");
    for (part = 0; part < parts; part++) {
        size_t end = (part + 1) * len; int k = (int)lb__flac_bits(f, pbits);
        if (k == (1 << pbits) - 1) { int raw = (int)lb__flac_bits(f, 5); for (; i < end; i++) s[i] = lb__flac_signed(f, raw); }
        else for (; i < end; i++) {
            uint64_t u = (uint64_t)lb__flac_unary(f) << k | lb__flac_bits(f, k);
            if (u > 0xffffffffu) return lb__flac_fail(f, "a residual of more than 32 bits");
            s[i] = u & 1 ? -(int64_t)(u >> 1) - 1 : (int64_t)(u >> 1);
        }
        if (f->over) return lb__flac_fail(f, NULL);
    }
    return LB_OK;
}
static lb_status lb__flac_subframe(lb__flac *f, int64_t *s, size_t n, int width) {
    int head = (int)lb__flac_bits(f, 8), type = head >> 1 & 63, wasted = 0; size_t i, j, order = 0; int64_t lo, hi;
    if (head & 0x80) return lb__flac_fail(f, "a subframe that begins with a one");
    if (head & 1) {
        uint32_t u = lb__flac_unary(f);
        if (u >= (uint32_t)width - 1) return lb__flac_fail(f, "more wasted bits than a sample has");
        wasted = (int)u + 1; width -= wasted;
    }
    hi = ((int64_t)1 << (width - 1)) - 1; lo = -hi - 1;
#define LB__IN_RANGE(v) if ((v) < lo || (v) > hi) return lb__flac_fail(f, "a sample that is wider than its stream")
    if (type == 0) { int64_t v = lb__flac_signed(f, width); for (i = 0; i < n; i++) s[i] = v; }
    else if (type == 1) for (i = 0; i < n; i++) s[i] = lb__flac_signed(f, width);
    else if (type >= 8 && type <= 12) {
        order = (size_t)type - 8;
        if (order > n) return lb__flac_fail(f, "a predictor longer than its block");
        for (i = 0; i < order; i++) s[i] = lb__flac_signed(f, width);
        LB__TRY(lb__flac_residual(f, s, n, order));
        for (i = order; i < n; i++) {
            int64_t v = s[i];
            switch (order) {
                case 1: v += s[i - 1]; break;
                case 2: v += 2 * s[i - 1] - s[i - 2]; break;
                case 3: v += 3 * (s[i - 1] - s[i - 2]) + s[i - 3]; break;
                case 4: v += 4 * (s[i - 1] + s[i - 3]) - 6 * s[i - 2] - s[i - 4]; break;
                default: break;
            }
            LB__IN_RANGE(v);
            s[i] = v;
        }
    } else if (type >= 32) {
        int64_t c[32]; int precision, shift;
        order = (size_t)type - 31;
        if (order > n) return lb__flac_fail(f, "a predictor longer than its block");
        for (i = 0; i < order; i++) s[i] = lb__flac_signed(f, width);
        precision = (int)lb__flac_bits(f, 4) + 1; shift = (int)lb__flac_signed(f, 5);
        if (precision == 16) return lb__flac_fail(f, "a coefficient width that is reserved");
        if (shift < 0) return lb__flac_fail(f, "a negative prediction shift");
        for (j = 0; j < order; j++) c[j] = lb__flac_signed(f, precision);
        LB__TRY(lb__flac_residual(f, s, n, order));
        for (i = order; i < n; i++) {               /* |c| < 2^14, |s| < 2^33, 32 terms: within 53 bits */
            const int64_t *q = s + i - 1; int64_t v = 0;
            for (j = 0; j < order; j++) v += c[j] * q[-(ptrdiff_t)j];
            v = s[i] + (v >= 0 ? v >> shift : ~(~v >> shift));
            LB__IN_RANGE(v);
            s[i] = v;
        }
    } else return lb__flac_fail(f, "a subframe type that is reserved");
#undef LB__IN_RANGE
    if (f->over) return lb__flac_fail(f, NULL);
    if (wasted) for (i = 0; i < n; i++) s[i] *= (int64_t)1 << wasted;
    return LB_OK;
}
/* The header of the frame at f->at: n samples of each channel; code: of the channels, 8 left and side, 9 side and right, 10 mid and side. */
static lb_status lb__flac_head(lb_ctx *ctx, lb__flac *f, size_t *samples, unsigned *code) {
    static const uint32_t rates[12] = { 0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000 };
    static const uint8_t widths[8] = { 0, 8, 12, 0, 16, 20, 24, 32 };
    const size_t start = f->at; size_t n, i, end; unsigned code_n, code_rate, code_ch, code_bits, x; uint8_t crc8 = 0; uint32_t rate; int channels;
    f->bits = 0; f->have = 0; f->over = 0;
    if (lb__flac_bits(f, 15) != 0x7ffc) { f->have = 0; f->at = start; return f->over ? lb__flac_fail(f, NULL) : lb__flac_fail(f, "no frame where one was expected"); }
    lb__flac_bits(f, 1);                            /* fixed or variable block size: our frames carry their size anyway */
    code_n = (unsigned)lb__flac_bits(f, 4); code_rate = (unsigned)lb__flac_bits(f, 4); code_ch = (unsigned)lb__flac_bits(f, 4); code_bits = (unsigned)lb__flac_bits(f, 3);
    if (lb__flac_bits(f, 1) || code_n == 0 || code_rate == 15 || code_ch > 10 || code_bits == 3) return lb__flac_fail(f, "a frame header with a reserved code");
    x = (unsigned)lb__flac_bits(f, 8);              /* frame or sample number, coded as UTF-8 of up to 7 bytes */
    for (i = 0; i < 7 && x & 0x80u >> i; i++) {}
    if (i == 1 || x == 0xff) return lb__flac_fail(f, "a frame number that is not valid");
    for (; i > 1; i--) if ((lb__flac_bits(f, 8) & 0xc0) != 0x80) return lb__flac_fail(f, "a frame number that is not valid");
    n = code_n == 1 ? 192 : code_n <= 5 ? (size_t)576 << (code_n - 2) : code_n == 6 ? (size_t)lb__flac_bits(f, 8) + 1 : code_n == 7 ? (size_t)lb__flac_bits(f, 16) + 1 : (size_t)256 << (code_n - 8);
    rate = code_rate < 12 ? rates[code_rate] : code_rate == 12 ? (uint32_t)lb__flac_bits(f, 8) * 1000 : (uint32_t)lb__flac_bits(f, 16) * (code_rate == 14 ? 10 : 1);
    lb__flac_bits(f, 8);
    if (f->over) return lb__flac_fail(f, NULL);
    end = lb__flac_byte(f);
    for (i = start; i < end; i++) crc8 = f->crc8[crc8 ^ f->p[i]];
    if (!LB__FLAC_CHECK(crc8)) return lb__flac_fail(f, "the checksum of a frame header does not match");
    if (n > f->max_block) return lb__flac_fail(f, "a block longer than the stream's longest");
    channels = code_ch < 8 ? (int)code_ch + 1 : 2;
    if (channels != f->channels || (code_bits && widths[code_bits] != f->width) || (code_rate && rate != (uint32_t)f->rate))
        return lb__fail(LB_ERR_UNSUPPORTED, "flac: byte %zu: rate, channels or bits change inside the stream", start);
    if (f->total && n > f->total - f->frames) return lb__flac_fail(f, "more samples than the stream announces");
    if ((f->frames + n) * (uint64_t)channels > ctx->limits.max_samples) return lb__fail(LB_ERR_LIMIT, "flac: more than %zu samples, which is the limit", ctx->limits.max_samples);
    *samples = n; *code = code_ch;
    return LB_OK;
}
/* The two channels that `code` stands for, back to left and right. */
static lb_status lb__flac_stereo(const lb__flac *f, unsigned code, int64_t *a, int64_t *b, size_t n) {
    const int64_t hi = ((int64_t)1 << (f->width - 1)) - 1, lo = -hi - 1; size_t i;
    for (i = 0; i < n; i++) {
        int64_t l, r;
        if (code == 8) { l = a[i]; r = l - b[i]; }
        else if (code == 9) { r = b[i]; l = a[i] + r; }
        else { int64_t m = a[i] * 2 + (b[i] & 1); l = (m + b[i]) / 2; r = (m - b[i]) / 2; }             /* both sums are even */
        if (l < lo || l > hi || r < lo || r > hi) return lb__flac_fail(f, "a sample that is wider than its stream");
        a[i] = l; b[i] = r;
    }
    return LB_OK;
}
/* Channels behind each other, interleaved to f->pcm; the checksum is of the samples in as many bytes as they need. */
static lb_status lb__flac_put(lb__flac *f, const int64_t *block, size_t n, lb__md5 *md5) {
    const size_t channels = (size_t)f->channels, samples = n * channels; size_t i, c, k = 0; int32_t *o; uint8_t tmp[4 * 256]; int b;
    LB__TRY(lb__buf_reserve(&f->pcm, samples * sizeof(int32_t)));
    o = (int32_t *)(void *)(f->pcm.data + f->pcm.size);
    for (c = 0; c < channels; c++) for (i = 0; i < n; i++) o[i * channels + c] = (int32_t)block[c * n + i];
    f->pcm.size += samples * sizeof(int32_t);
    for (i = 0; f->md5_wanted && i < samples; i++) {
        for (b = 0; b < (f->width + 7) / 8; b++) tmp[k++] = (uint8_t)((uint32_t)o[i] >> (8 * b));
        if (k + 4 > sizeof tmp) { lb__md5_add(md5, tmp, k); k = 0; }
    }
    if (k) lb__md5_add(md5, tmp, k);
    return LB_OK;
}
static lb_status lb__flac_frame(lb_ctx *ctx, lb__flac *f, int64_t *block, lb__md5 *md5) {
    const size_t start = f->at; size_t n = 0, i, end; unsigned code = 0; uint16_t crc16 = 0; int c;      /* gcc -O1 does not see that the head sets both */
    LB__TRY(lb__flac_head(ctx, f, &n, &code));
    for (c = 0; c < f->channels; c++)               /* a side has one bit more */
        LB__TRY(lb__flac_subframe(f, block + (size_t)c * n, n, f->width + ((code == 8 && c == 1) || (code == 9 && c == 0) || (code == 10 && c == 1))));
    f->bits = f->bits << (f->have & 7); f->have &= ~7;
    lb__flac_bits(f, 16);
    if (f->over) return lb__flac_fail(f, NULL);
    end = lb__flac_byte(f);
    for (i = start; i < end; i++) crc16 = (uint16_t)(crc16 << 8 ^ f->crc16[crc16 >> 8 ^ f->p[i]]);
    if (!LB__FLAC_CHECK(crc16)) return lb__flac_fail(f, "the checksum of a frame does not match");
    if (code >= 8) LB__TRY(lb__flac_stereo(f, code, block, block + n, n));
    LB__TRY(lb__flac_put(f, block, n, md5));
    f->frames += n;
    f->at = end; f->have = 0;
    return LB_OK;
}
/* Bytes of the ID3 tag that stands at p, 0: none does.  Version, flags, size in four times seven bits; a footer repeats the header. */
static size_t lb__id3_size(const uint8_t *p, size_t size) {
    if (size < 10 || memcmp(p, "ID3", 3)) return 0;
    return ((size_t)(p[6] & 127) << 21 | (size_t)(p[7] & 127) << 14 | (size_t)(p[8] & 127) << 7 | (p[9] & 127)) + (p[5] & 0x10 ? 20 : 10);
}
/* Whole stream into f->pcm, which the caller frees. */
static lb_status lb__flac_read(lb_ctx *ctx, const uint8_t *p, size_t size, lb__flac *f) {
    size_t at = 0, len; int last = 0, first = 1; unsigned i, k; int64_t *block; lb__md5 md5; lb_status s = LB_OK;
    memset(f, 0, sizeof *f);
    f->p = p; f->size = size;
    while ((len = lb__id3_size(p + at, size - at)) != 0) {
        if (len > size - at) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: an ID3 tag of %zu bytes, the file ends after %zu", at, len, size - at);
        at += len;
    }
    if (size - at < 4 || memcmp(p + at, "fLaC", 4)) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: 'fLaC' was expected", at);
    at += 4;
    while (!last) {
        int type;
        if (size - at < 4) return lb__fail(LB_ERR_FORMAT, "flac: cut off at byte %zu, inside the metadata", size);
        last = p[at] >> 7; type = p[at] & 127; len = (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        at += 4;
        if (len > size - at) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: a metadata block of %zu bytes, the file ends after %zu", at, len, size - at);
        if (first != (type == 0) || (first && len < 34)) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: metadata block of type %d, %s", at - 4, type, first ? "STREAMINFO of 34 bytes was expected first" : "a second STREAMINFO");
        if (first) {                                /* u16 least block, u16 largest block, u24 least frame, u24 largest frame, then 20 + 3 + 5 + 36 bits, MD5 */
            uint64_t b = lb__u64be(p + at + 10);
            f->max_block = lb__u16be(p + at + 2);
            f->rate = (int)(b >> 44); f->channels = (int)(b >> 41 & 7) + 1; f->width = (int)(b >> 36 & 31) + 1; f->total = b & 0xfffffffffu;
            memcpy(f->md5, p + at + 18, 16);
            for (i = 0; i < 16; i++) f->md5_wanted |= f->md5[i];
            if (!f->max_block) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: the largest block has no samples", at + 2);
            if (!f->rate) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: no samples per second", at + 10);
            if (f->width < 4) return lb__fail(LB_ERR_FORMAT, "flac: byte %zu: samples of %d bits, 4 to 32 were expected", at + 12, f->width);
            if (f->total * (uint64_t)f->channels > ctx->limits.max_samples) return lb__fail(LB_ERR_LIMIT, "flac: %llu samples, the limit is %zu", (unsigned long long)f->total * (unsigned)f->channels, ctx->limits.max_samples);
            first = 0;
        }
        at += len;
    }
    for (i = 0; i < 256; i++) {
        unsigned c8 = i, c16 = i << 8;
        for (k = 0; k < 8; k++) { c8 = c8 << 1 ^ (c8 & 0x80 ? 0x07 : 0); c16 = c16 << 1 ^ (c16 & 0x8000 ? 0x8005 : 0); }
        f->crc8[i] = (uint8_t)c8; f->crc16[i] = (uint16_t)c16;
    }
    lb__md5_init(&md5);
    f->at = at;
    block = (int64_t *)lb__alloc(f->max_block * (size_t)f->channels, sizeof *block);
    if (!block) return LB_ERR_MEM;
    /* the announced length is believed as far as usual bytes hold it, sixteen of samples for one; beyond that memory comes with the samples */
    s = lb__buf_reserve(&f->pcm, (size_t)LB__MIN(f->total * (uint64_t)f->channels * sizeof(int32_t), (uint64_t)(size - at) * 16));
    while (!s && (f->total ? f->frames < f->total : f->at < size)) {
        if (f->at == size) { s = lb__fail(LB_ERR_FORMAT, "flac: cut off at byte %zu, after %llu of %llu samples a channel", size, (unsigned long long)f->frames, (unsigned long long)f->total); break; }
        if (!f->total && size - f->at == 128 && !memcmp(p + f->at, "TAG", 3)) break;            /* ID3v1 */
        s = lb__flac_frame(ctx, f, block, &md5);
    }
    lb__release(block);
    if (!s && f->md5_wanted) {
        uint8_t sum[16];
        lb__md5_done(&md5, sum);
        if (memcmp(sum, f->md5, 16)) s = lb__fail(LB_ERR_FORMAT, "flac: the MD5 of the samples does not match the one at byte 26 of the stream information");
    }
    return s;
}
static lb_status lb__flac_decode(lb_ctx *ctx, const uint8_t *p, size_t size, lb_audio *out) {
    lb__flac f; lb_status s = lb__flac_read(ctx, p, size, &f);
    if (!s) s = lb__buf_reserve(&f.pcm, 1);         /* never NULL, even for a stream without samples */
    if (!s) {
        const float scale = (float)ldexp(1.0, 1 - f.width); size_t n = f.pcm.size / sizeof(int32_t), i; unsigned char *q = f.pcm.data;
        for (i = 0; i < n; i++) { int32_t v; float x; memcpy(&v, q + 4 * i, 4); x = (float)v * scale; memcpy(q + 4 * i, &x, 4); }
        out->rate = f.rate; out->channels = f.channels; out->frames = (size_t)f.frames; out->data = (float *)(void *)f.pcm.data;
        return LB_OK;
    }
    lb__buf_free(&f.pcm);
    return s;
}

/* ---- 10.3 which format ---- */

LB_API lb_status lb_audio_decode(lb_ctx *ctx, const void *bytes, size_t size, lb_audio *out) {
    static const struct { size_t at; const char *magic, *name; } others[] = { { 0, "OggS", "Ogg" }, { 0, "FORM", "AIFF" }, { 0, "caff", "CAF" }, { 4, "ftyp", "MP4" }, { 0, "\x1a\x45\xdf\xa3", "Matroska" }, { 0, ".snd", "AU" }, { 0, "ID3", "MP3" },
        { 0, "\xff\xfb", "MP3" }, { 0, "\xff\xf3", "MP3" }, { 0, "\xff\xf2", "MP3" }, { 0, "\xff\xf1", "AAC" }, { 0, "\xff\xf9", "AAC" }, { 0, "riff\x2e\x91", "Wave64" }, { 0, "wvpk", "WavPack" }, { 0, "#!AMR", "AMR" } };
    const uint8_t *p = (const uint8_t *)bytes; size_t i, tag;
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && out && (bytes || !size));
    if (size >= 4 && (!memcmp(p, "RIFF", 4) || !memcmp(p, "RIFX", 4) || !memcmp(p, "RF64", 4) || !memcmp(p, "BW64", 4))) return lb__wav_decode(ctx, p, size, out);
    if (size >= 4 && !memcmp(p, "fLaC", 4)) return lb__flac_decode(ctx, p, size, out);
    tag = lb__id3_size(p, size);
    if (tag && tag + 4 <= size && (!memcmp(p + tag, "fLaC", 4) || !memcmp(p + tag, "ID3", 3))) return lb__flac_decode(ctx, p, size, out);
    for (i = 0; i < LB__COUNT(others); i++) {
        size_t n = strlen(others[i].magic);
        if (size >= others[i].at + n && !memcmp(p + others[i].at, others[i].magic, n))
            return lb__fail(LB_ERR_UNSUPPORTED, "audio: the file is %s; WAV or FLAC were expected, convert it first: ffmpeg -i FILE out.flac", others[i].name);
    }
    if (!size) return lb__fail(LB_ERR_FORMAT, "audio: the file is empty; WAV or FLAC were expected");
    return lb__fail(LB_ERR_FORMAT, "audio: byte 0: neither WAV ('RIFF') nor FLAC ('fLaC'); if it is a sound, convert it first: ffmpeg -i FILE out.flac");
}
#ifndef LB_NO_STDIO
LB__LOADER(lb_audio_load, lb_audio_decode, lb_audio)
#endif

/* ---- 10.4 >>resample ---- */

#if defined(__GNUC__)
typedef float lb__quad __attribute__((vector_size(16), may_alias, aligned(4)));          /* four floats anywhere */
#endif
/* Output j = w q + p (phase p of w) is a weighted sum of input o q + i, i from -width to width + o - 1, where o : w is the ratio of the rates in
 * lowest terms.  Only the weights inside the window are kept: `first` and `count` a phase. */
typedef struct lb__sinc { size_t o, w, width, room; float *k; int32_t *first; const float *in; size_t n, stride; float *out; size_t out_stride; } lb__sinc;
static void lb__sinc_run(void *arg, size_t begin, size_t end, int worker) {
    const lb__sinc *s = (const lb__sinc *)arg; size_t j;
    (void)worker;
    for (j = begin; j < end; j++) {
        const size_t p = j % s->w; const float *k = s->k + p * s->room; ptrdiff_t at = (ptrdiff_t)(j / s->w * s->o) + s->first[p], i = 0, last = (ptrdiff_t)s->room; float a[4] = { 0, 0, 0, 0 };
        if (at < 0) i = -at;
        if (at + last > (ptrdiff_t)s->n) last = (ptrdiff_t)s->n - at;
#if defined(__GNUC__)
        if (s->stride == 1 && i + 4 <= last) { lb__quad v = { 0, 0, 0, 0 }; for (; i + 4 <= last; i += 4) v += *(const lb__quad *)(const void *)(k + i) * *(const lb__quad *)(const void *)(s->in + at + i); memcpy(a, &v, sizeof a); }
#else
        if (s->stride == 1) for (; i + 4 <= last; i += 4) { const float *x = s->in + at + i; a[0] += k[i] * x[0]; a[1] += k[i + 1] * x[1]; a[2] += k[i + 2] * x[2]; a[3] += k[i + 3] * x[3]; }
#endif
        for (; i < last; i++) a[0] += k[i] * s->in[(size_t)(at + i) * s->stride];
        s->out[j * s->out_stride] = (a[0] + a[1]) + (a[2] + a[3]);
    }
}
LB_API lb_status lb_audio_resample(lb_ctx *ctx, const lb_audio *in, int rate, lb_audio *out) {
    size_t g, t, p, frames, total; lb__sinc s; double base; lb_audio a; int c; lb_status st = LB_OK;
    if (in && in == out) return lb__fail(LB_ERR_ARG, "lb_audio_resample: out is the sound itself, another one was expected");
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && in && out && (in->data || !in->frames));
    if (in->channels < 1) return lb__fail(LB_ERR_ARG, "lb_audio_resample: a clip of %d channels, at least one was expected", in->channels);
    memset(&s, 0, sizeof s);
    if (in->rate < 1 || rate < 1) return lb__fail(LB_ERR_ARG, "lb_audio_resample: from %d to %d samples a second, at least 1 was expected", in->rate, rate);
    for (g = (size_t)in->rate, t = (size_t)rate; t;) { const size_t r = g % t; g = t; t = r; }
    s.o = (size_t)in->rate / g; s.w = (size_t)rate / g;
    if (s.o > 100000 || s.w > 100000) return lb__fail(LB_ERR_ARG, "lb_audio_resample: %d to %d samples a second reduces to %zu : %zu; terms up to 100,000 were expected", in->rate, rate, s.o, s.w);
    if ((uint64_t)in->frames >> 44 || ((uint64_t)in->frames * s.w + s.o - 1) / s.o > PTRDIFF_MAX) return lb__fail(LB_ERR_LIMIT, "lb_audio_resample: %zu samples are too many", in->frames);
    frames = (size_t)(((uint64_t)in->frames * s.w + s.o - 1) / s.o);
    if (!lb__mul(frames, (size_t)in->channels, &total) || total > ctx->limits.max_samples) return lb__fail(LB_ERR_LIMIT, "lb_audio_resample: %zu samples of %d channels, the limit is %zu in all", frames, in->channels, ctx->limits.max_samples);
    memset(&a, 0, sizeof a); a.rate = rate; a.channels = in->channels; a.frames = frames;
    a.data = (float *)lb__alloc(total, sizeof(float));
    if (!a.data) return LB_ERR_MEM;
    if (s.o == s.w) { if (total) memcpy(a.data, in->data, total * sizeof(float)); *out = a; return LB_OK; }
    base = (double)LB__MIN(s.o, s.w) * 0.99; s.width = (size_t)ceil(6.0 * (double)s.o / base);
    s.room = (size_t)(12.0 * (double)s.o / base) + 3;                                /* |t| < 6 spans 12 o / base taps */
    s.k = (float *)lb__alloc(s.w * s.room, sizeof(float)); s.first = (int32_t *)lb__alloc(s.w, sizeof(int32_t));
    if (!s.k || !s.first) st = LB_ERR_MEM;
    for (p = 0; p < s.w && !st; p++) {
        const double centre = (double)p / (double)s.w * (double)s.o; const ptrdiff_t lo = (ptrdiff_t)ceil(centre - 6.0 * (double)s.o / base); size_t i;
        s.first[p] = (int32_t)LB__MAX(lo, -(ptrdiff_t)s.width);
        for (i = 0; i < s.room; i++) {
            /* in float, every step rounded, as the reference computes it */
            const float phase = -(float)p / (float)s.w, tap = (float)(s.first[p] + (ptrdiff_t)i) / (float)s.o, at = phase + tap, x = at * (float)base, y = x * (float)LB__PI, z = y / 6.0f, w = cosf(z / 2.0f), ww = w * w, sinc = y == 0 ? 1.0f : sinf(y) / y;
            if (x > -6 && x < 6) s.k[p * s.room + i] = sinc * (float)(ww * (float)(base / (double)s.o));
        }
    }
    s.n = in->frames; s.stride = s.out_stride = (size_t)in->channels;
    for (c = 0; c < in->channels && !st; c++) { s.in = in->data + c; s.out = a.data + c; lb_parallel_for(ctx, frames, 4096, lb__sinc_run, &s); }
    lb__release(s.k); lb__release(s.first);
    if (st) { lb__release(a.data); return st; }
    *out = a;
    return LB_OK;
}

/* ---- 10.5 >>fft: real transforms of a power of two, LB__LANES of them side by side so that a compiler can use vectors ---- */

/* Swarztrauber's real transform (FFTPACK's): passes of radix 4, and a last one of radix 2 where that is left over.  Its descendants stand behind numpy,
 * scipy and torch; the same order of the same sums gives the same roundings, so that a band far below the loudest comes out as it does there. */
enum { LB__LANES = 8 };
#if defined(__GNUC__)
typedef lb__quad lb__lane;
enum { LB__LANE = 4 };
#define LB__LANE_ALL(x) { x, x, x, x }
#else
typedef float lb__lane;
enum { LB__LANE = 1 };
#define LB__LANE_ALL(x) x
#endif
typedef struct lb__rfft { size_t n; float *turn; } lb__rfft;                       /* turn: cos and sin of 2 pi k / n */
static void lb__rfft_free(lb__rfft *f) { lb__release(f->turn); memset(f, 0, sizeof *f); }
static lb_status lb__rfft_new(size_t n, lb__rfft *f) {
    size_t i;
    f->n = n; f->turn = (float *)lb__alloc(n, 2 * sizeof(float));
    if (!f->turn) return LB_ERR_MEM;
    for (i = 0; i < n; i++) { f->turn[2 * i] = (float)cos(2 * LB__PI * (double)i / (double)n); f->turn[2 * i + 1] = (float)sin(2 * LB__PI * (double)i / (double)n); }
    return LB_OK;
}
#define LB__IN(i, c)  (*(const lb__lane *)(const void *)(in + ((i) + ido * (k + l1 * (c))) * LB__LANES + l))
#define LB__OUT(i, q) (*(lb__lane *)(void *)(out + ((i) + ido * ((q) + radix * k)) * LB__LANES + l))
/* (re + i im) times the conjugate of turn[t]; products are named, so that none is fused into a sum. */
#define LB__TURNED(re, im, t, r, i) do { const lb__lane wr_ = LB__LANE_ALL(f->turn[2 * (t)]), wi_ = LB__LANE_ALL(f->turn[2 * (t) + 1]), a_ = wr_ * (r), b_ = wi_ * (i), c_ = wr_ * (i), d_ = wi_ * (r); re = a_ + b_; im = c_ - d_; } while (0)
/* One pass: l1 transforms of `ido` each from 4 (2) that stand l1 apart; values are r0, r1, i1, r2, i2, ... */
LB__INLINE void lb__rfft_pass4(const lb__rfft *f, const float *LB__RESTRICT in, float *LB__RESTRICT out, size_t ido, size_t l1) {
    const size_t radix = 4; const float h = 0.707106781f; size_t k, i, l;
    for (k = 0; k < l1; k++) for (l = 0; l < LB__LANES; l += LB__LANE) {
        const lb__lane x0 = LB__IN(0, 0), x1 = LB__IN(0, 1), x2 = LB__IN(0, 2), x3 = LB__IN(0, 3), odd = x3 + x1, even = x0 + x2;
        LB__OUT(0, 2) = x3 - x1; LB__OUT(ido - 1, 1) = x0 - x2; LB__OUT(0, 0) = even + odd; LB__OUT(ido - 1, 3) = even - odd;
        if (!(ido & 1)) {
            const lb__lane y0 = LB__IN(ido - 1, 0), y1 = LB__IN(ido - 1, 1), y2 = LB__IN(ido - 1, 2), y3 = LB__IN(ido - 1, 3), hv = LB__LANE_ALL(h), nv = LB__LANE_ALL(-h), im = nv * (y1 + y3), re = hv * (y1 - y3);
            LB__OUT(ido - 1, 0) = y0 + re; LB__OUT(ido - 1, 2) = y0 - re; LB__OUT(0, 3) = im + y2; LB__OUT(0, 1) = im - y2;
        }
    }
    for (k = 0; k < l1; k++) for (i = 2; i < ido; i += 2) for (l = 0; l < LB__LANES; l += LB__LANE) {
        const size_t ic = ido - i, t = l1 * (i / 2); const lb__lane x0 = LB__IN(i - 1, 0), y0 = LB__IN(i, 0); lb__lane r1, i1, r2, i2, r3, i3, ra, rb, rc, rd, ia, ib, ic_, id;
        LB__TURNED(r1, i1, t, LB__IN(i - 1, 1), LB__IN(i, 1)); LB__TURNED(r2, i2, 2 * t, LB__IN(i - 1, 2), LB__IN(i, 2)); LB__TURNED(r3, i3, 3 * t, LB__IN(i - 1, 3), LB__IN(i, 3));
        ra = r3 + r1; rd = r3 - r1; ia = i1 + i3; id = i1 - i3; rb = x0 + r2; rc = x0 - r2; ib = y0 + i2; ic_ = y0 - i2;
        LB__OUT(i - 1, 0) = rb + ra; LB__OUT(ic - 1, 3) = rb - ra; LB__OUT(i, 0) = ia + ib; LB__OUT(ic, 3) = ia - ib;
        LB__OUT(i - 1, 2) = rc + id; LB__OUT(ic - 1, 1) = rc - id; LB__OUT(i, 2) = rd + ic_; LB__OUT(ic, 1) = rd - ic_;
    }
}
LB__INLINE void lb__rfft_pass2(const lb__rfft *f, const float *LB__RESTRICT in, float *LB__RESTRICT out, size_t ido, size_t l1) {
    const size_t radix = 2; size_t k, i, l;
    for (k = 0; k < l1; k++) for (l = 0; l < LB__LANES; l += LB__LANE) {
        const lb__lane x0 = LB__IN(0, 0), x1 = LB__IN(0, 1);
        LB__OUT(0, 0) = x0 + x1; LB__OUT(ido - 1, 1) = x0 - x1;
        if (!(ido & 1)) { LB__OUT(0, 1) = -LB__IN(ido - 1, 1); LB__OUT(ido - 1, 0) = LB__IN(ido - 1, 0); }
    }
    for (k = 0; k < l1; k++) for (i = 2; i < ido; i += 2) for (l = 0; l < LB__LANES; l += LB__LANE) {
        const size_t ic = ido - i, t = l1 * (i / 2); const lb__lane x0 = LB__IN(i - 1, 0), y0 = LB__IN(i, 0); lb__lane r, m;
        LB__TURNED(r, m, t, LB__IN(i - 1, 1), LB__IN(i, 1));
        LB__OUT(i - 1, 0) = x0 + r; LB__OUT(ic - 1, 1) = x0 - r; LB__OUT(i, 0) = m + y0; LB__OUT(ic, 1) = m - y0;
    }
}
#undef LB__IN
#undef LB__OUT
#undef LB__TURNED
/* |X_k|^2 for k = 0..n/2 into power [n/2 + 1][LANES], of x [n][LANES]; x and other [n][LANES] are overwritten. */
LB__INLINE void lb__rfft_power(const lb__rfft *f, float *x, float *other, float *power) {
    size_t l1 = f->n, ido, k, l; float *a = x, *b = other, *t; const float *r;
    while (l1 > 1) {
        ido = f->n / l1;
        if (l1 % 4) { l1 /= 2; lb__rfft_pass2(f, a, b, ido, l1); } else { l1 /= 4; lb__rfft_pass4(f, a, b, ido, l1); }
        t = a; a = b; b = t;
    }
    r = a;
    for (l = 0; l < LB__LANES; l++) { power[l] = r[l] * r[l]; power[f->n / 2 * LB__LANES + l] = r[(f->n - 1) * LB__LANES + l] * r[(f->n - 1) * LB__LANES + l]; }
    for (k = 1; k < f->n / 2; k++) for (l = 0; l < LB__LANES; l++) { const float re = r[(2 * k - 1) * LB__LANES + l], im = r[2 * k * LB__LANES + l], p = re * re, q = im * im; power[k * LB__LANES + l] = p + q; }
}

/* ---- 10.6 >>mel: Kaldi's filter-bank energies ---- */

static lb_status lb__mel_desc(const lb_mel_desc *in, lb_mel_desc *d, size_t *length, size_t *shift, size_t *fft) {
    memset(d, 0, sizeof *d);
    if (in) *d = *in;
    if (d->_zero0 || d->_zero1) return lb__fail(LB_ERR_ARG, "lb_mel_desc was not zeroed before its fields were set");
    if (!d->rate) d->rate = 16000;
    if (!d->bins) d->bins = 112;
    if (d->frame_ms == 0) d->frame_ms = 25;
    if (d->shift_ms == 0) d->shift_ms = 10;
    if (d->low == 0) d->low = 20;
    if (d->preemphasis == 0) d->preemphasis = 0.97f;
    if (d->preemphasis < 0) d->preemphasis = 0;
    if (d->high <= 0) d->high += 0.5f * (float)d->rate;
    if (d->rate < 100 || d->rate > 1000000 || d->bins < 3 || d->bins > 4096 || !(d->frame_ms > 0 && d->frame_ms < 2000) || !(d->shift_ms > 0 && d->shift_ms < 10000) || (int)d->window < 0 || d->window > LB_WINDOW_BLACKMAN || !(d->preemphasis <= 1))
        return lb__fail(LB_ERR_ARG, "mel: %d bands of frames of %g ms every %g ms at %d Hz; 3 to 4096 bands, less than 2000 ms every less than 10000 ms, 100 to 1000000 Hz, a window of lb_window and a preemphasis of at most 1 were expected", d->bins, (double)d->frame_ms, (double)d->shift_ms, d->rate);
    if (!(d->low >= 0 && d->low < d->high && d->high <= 0.5f * (float)d->rate)) return lb__fail(LB_ERR_ARG, "mel: bands from %g to %g Hz at %d samples a second; from at least 0 up to at most half the rate were expected", (double)d->low, (double)d->high, d->rate);
    *length = (size_t)((double)d->rate * (double)d->frame_ms * 0.001 + 1e-9); *shift = (size_t)((double)d->rate * (double)d->shift_ms * 0.001 + 1e-9);
    for (*fft = 4; *fft < *length; *fft *= 2) { }
    if (*length < 2 || !*shift || *fft > 65536) return lb__fail(LB_ERR_ARG, "mel: frames of %zu samples every %zu; 2 to 65536 samples every at least 1 were expected", *length, *shift);
    return LB_OK;
}
LB_API size_t lb_mel_frames(const lb_mel_desc *desc, size_t n) {
    lb_mel_desc d; size_t length, shift, fft;
    return lb__mel_desc(desc, &d, &length, &shift, &fft) || n < length ? 0 : 1 + (n - length) / shift;
}
typedef struct lb__mel { const lb_mel_desc *d; const float *x; float *out; size_t frames, length, shift; lb__rfft fft; float *window, *weights; int32_t *first, *count; size_t room; float *work; size_t work_size; } lb__mel;
/* y_i = (x_i - mean - c (x_(i-1) - mean)) w_i; the first sample stands before itself */
LB__INLINE void lb__mel_window(float *LB__RESTRICT y, const float *LB__RESTRICT x, const float *LB__RESTRICT w, float mean, float c, size_t n) {
    size_t i;
    y[0] = ((x[0] - mean) - c * (x[0] - mean)) * w[0];
    for (i = 1; i < n; i++) y[i] = ((x[i] - mean) - c * (x[i - 1] - mean)) * w[i];
}
/* Natural logarithm of at least 1.1920929e-07, to 2e-7: x = 2^e m with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)) as a series. */
LB__INLINE void lb__log_lanes(float *LB__RESTRICT v) {
    int l;
    for (l = 0; l < LB__LANES; l++) {
        const float x = v[l] > 1.1920929e-07f ? v[l] : 1.1920929e-07f; int32_t bits, e; float m, s, z;
        memcpy(&bits, &x, 4);
        e = (bits - 0x3f3504f3) >> 23; bits -= e * 0x800000;
        memcpy(&m, &bits, 4);
        s = (m - 1) / (m + 1); z = s * s;
        v[l] = (float)e * 0.693359375f + ((float)e * -2.12194440e-4f + s * (2 + z * (0.666666667f + z * (0.4f + z * (0.285714286f + z * 0.222222222f)))));
    }
}
/* A sum in float in the reference's order (torch with 256-bit vectors): four rows of eight partial sums; the rows, then what is left and the columns. */
LB__INLINE float lb__mel_sum(const float *x, size_t n) {
    float p[4][LB__LANES], sum = 0; size_t i, k, c; const size_t vectors = n / LB__LANES, rows = vectors / 4;
    memset(p, 0, sizeof p);
    for (i = 0; i < rows; i++) for (k = 0; k < 4; k++) for (c = 0; c < LB__LANES; c++) p[k][c] += x[(i * 4 + k) * LB__LANES + c];
    for (i = rows * 4; i < vectors; i++) for (c = 0; c < LB__LANES; c++) p[0][c] += x[i * LB__LANES + c];
    for (k = 1; k < 4; k++) for (c = 0; c < LB__LANES; c++) p[0][c] += p[k][c];
    for (i = vectors * LB__LANES; i < n; i++) sum += x[i];
    for (c = 0; c < LB__LANES; c++) sum += p[0][c];
    return sum;
}
LB__INLINE void lb__mel_body(void *arg, size_t begin, size_t end, int worker) {
    const lb__mel *m = (const lb__mel *)arg; const size_t half = m->fft.n / 2; float *wave = m->work + (size_t)worker * m->work_size, *other = wave + 2 * half * LB__LANES, *power = other + 2 * half * LB__LANES; size_t g, b;
    for (g = begin; g < end; g++) {
        const size_t base = g * LB__LANES, lanes = LB__MIN((size_t)LB__LANES, m->frames - base); size_t l, i, k;
        memset(wave, 0, 2 * half * LB__LANES * sizeof(float));
        for (l = 0; l < lanes; l++) {
            const float *x = m->x + (base + l) * m->shift; float *y = power, mean = 0;                                    /* `power` is free until the transform */
            if (!m->d->keep_dc) mean = lb__mel_sum(x, m->length) / (float)m->length;
            lb__mel_window(y, x, m->window, mean, m->d->preemphasis, m->length);
            for (i = 0; i < m->length; i++) wave[i * LB__LANES + l] = y[i];
        }
        lb__rfft_power(&m->fft, wave, other, power);
        if (m->d->magnitude) for (i = 0; i < (half + 1) * LB__LANES; i++) power[i] = sqrtf(power[i]);
        for (b = 0; b < (size_t)m->d->bins; b++) {
            const float *w = m->weights + b * m->room, *p = power + (size_t)m->first[b] * LB__LANES; float sum[LB__LANES];
            for (l = 0; l < LB__LANES; l++) sum[l] = 0;
            for (k = 0; k < (size_t)m->count[b]; k++) for (l = 0; l < LB__LANES; l++) sum[l] += w[k] * p[k * LB__LANES + l];
            if (!m->d->linear) lb__log_lanes(sum);
            for (l = 0; l < lanes; l++) m->out[(base + l) * (size_t)m->d->bins + b] = sum[l];
        }
    }
}
/* The same text for wider registers; without fused products, so that every set gives the same bits. */
static void lb__mel_run(void *arg, size_t begin, size_t end, int worker) { lb__mel_body(arg, begin, end, worker); }
#if defined(__GNUC__) && defined(__x86_64__) && !defined(LB_NO_SIMD)
__attribute__((target("avx2"))) static void lb__mel_run_avx2(void *arg, size_t begin, size_t end, int worker) { lb__mel_body(arg, begin, end, worker); }
#define LB__MEL_RUN (lb_cpu_name()[0] == 'a' ? lb__mel_run_avx2 : lb__mel_run)
#else
#define LB__MEL_RUN lb__mel_run
#endif
static double lb__mel_scale(double f) { return 1127.0 * log(1.0 + f / 700.0); }
LB_API lb_status lb_audio_mel(lb_ctx *ctx, const float *x, size_t n, const lb_mel_desc *desc, float *out) {
    lb_mel_desc d; lb__mel m; size_t fft = 0, i, b, half; double low, delta; lb_status s; int empty = 0;
    LB__POINTERS(ctx && out && (x || !n));
    memset(&m, 0, sizeof m);
    LB__TRY(lb__mel_desc(desc, &d, &m.length, &m.shift, &fft));
    if (n < m.length) return lb__fail(LB_ERR_ARG, "a sound of %zu samples at %d Hz is shorter than one frame of %zu (%g ms)", n, d.rate, m.length, (double)d.frame_ms);
    m.d = &d; m.x = x; m.out = out; m.frames = 1 + (n - m.length) / m.shift; half = fft / 2;
    m.work_size = (5 * half + 1) * LB__LANES; m.room = half;
    m.window = (float *)lb__alloc(m.length, sizeof(float)); m.weights = (float *)lb__alloc((size_t)d.bins * m.room, sizeof(float)); m.first = (int32_t *)lb__alloc(2 * (size_t)d.bins, sizeof(int32_t));
    m.work = (float *)lb__alloc((size_t)ctx->threads * m.work_size, sizeof(float));
    s = m.window && m.weights && m.first && m.work ? lb__rfft_new(fft, &m.fft) : LB_ERR_MEM;
    if (s) goto done;
    m.count = m.first + d.bins;
    for (i = 0; i < m.length; i++) {                                                  /* in float, every step rounded, as the reference computes it */
        const float step = (float)(2 * LB__PI / (double)(m.length - 1)), a = (float)i * step, c = (float)cos((double)a), half_c = (d.window == LB_WINDOW_HAMMING ? -0.46f : -0.5f) * c, hann = half_c + (d.window == LB_WINDOW_HAMMING ? 0.54f : 0.5f);
        float w = hann;
        if (d.window == LB_WINDOW_POVEY) w = powf(hann, 0.85f);
        if (d.window == LB_WINDOW_RECTANGULAR) w = 1;
        if (d.window == LB_WINDOW_BLACKMAN) { const float twice = (float)(4 * LB__PI / (double)(m.length - 1)), b2 = (float)i * twice, second = 0.08f * (float)cos((double)b2), first = 0.42f + half_c; w = first + second; }
        m.window[i] = w;
    }
    for (i = 0; i < half; i++) {                                                      /* where a bin lies on the mel axis; the workers' scratch is still free */
        const float hz = (float)((double)d.rate / (double)fft) * (float)i, part = hz / 700.0f, one = 1.0f + part;
        m.work[i] = 1127.0f * logf(one);
    }
    low = lb__mel_scale((double)d.low); delta = (lb__mel_scale((double)d.high) - low) / (d.bins + 1);
    for (b = 0; b < (size_t)d.bins; b++) {                                            /* triangles on the mel axis; the bin at half the rate takes no part.  In float, as the reference: edges are differences of near numbers */
        const float step0 = (float)b * (float)delta, step1 = (float)(b + 1) * (float)delta, step2 = (float)(b + 2) * (float)delta, l = (float)low + step0, c = (float)low + step1, r = (float)low + step2, rise = c - l, fall = r - c;
        for (i = 0; i < half; i++) {                                                  /* named steps: each is rounded, also where float is computed in double */
            const float f = m.work[i], fl = f - l, rf = r - f, up = fl / rise, down = rf / fall, w = LB__MIN(up, down);
            if (!(w > 0)) continue;
            if (!m.count[b]) m.first[b] = (int32_t)i;
            m.count[b] = (int32_t)i - m.first[b] + 1;
            m.weights[b * m.room + (i - (size_t)m.first[b])] = w;
        }
        empty += !m.count[b];
    }
    if (empty == d.bins) { s = lb__fail(LB_ERR_ARG, "mel: no band of %d holds a bin of the %zu-point transform", d.bins, fft); goto done; }
    lb_parallel_for(ctx, (m.frames + LB__LANES - 1) / LB__LANES, 8, LB__MEL_RUN, &m);
done:
    lb__rfft_free(&m.fft); lb__release(m.window); lb__release(m.weights); lb__release(m.first); lb__release(m.work);
    return s;
}
LB_API lb_status lb_audio_preprocess(lb_ctx *ctx, const lb_audio *in, const lb_audio_profile *p, float *out) {
    lb_audio a; lb_mel_desc d; const lb_audio *use = in; float *mono = NULL, *mel = NULL; double mean = 0; size_t i, n, m, T, c, b, start[3] = { 0, 0, 0 }; lb_status s = LB_OK;
    LB__POINTERS(ctx && in && p && out && in->data);
    if (in->channels < 1) return lb__fail(LB_ERR_ARG, "lb_audio_preprocess: a clip of %d channels, at least one was expected", in->channels);
    if (p->mel_bins < 3 || p->target_length < 1 || p->rate < 1 || !(p->std > 0)) return lb__fail(LB_ERR_ARG, "lb_audio_preprocess: a profile of %d bands, %d frames, %d Hz and std %g; at least 3 bands, 1 frame and 1 Hz and a positive std were expected", p->mel_bins, p->target_length, p->rate, (double)p->std);
    if (!lb__mul(in->frames, (size_t)in->channels, &n) || n > ctx->limits.max_samples) return lb__fail(LB_ERR_LIMIT, "lb_audio_preprocess: %zu samples of %d channels, the limit is %zu in all", in->frames, in->channels, ctx->limits.max_samples);
    for (i = 0; i < n; i++) if (!lb__finite(in->data[i])) return lb__fail(LB_ERR_NUMERIC, "lb_audio_preprocess: sample %zu of channel %zu is not finite", i / (size_t)in->channels, i % (size_t)in->channels);
    memset(&a, 0, sizeof a); memset(&d, 0, sizeof d);
    if (in->rate != p->rate) { LB__TRY(lb_audio_resample(ctx, in, p->rate, &a)); use = &a; }
    n = use->frames * (size_t)use->channels; T = (size_t)p->target_length;
    for (i = 0; i < n; i++) mean += (double)use->data[i];
    mean = n ? mean / (double)n : 0;
    d.rate = p->rate; d.bins = p->mel_bins;
    m = lb_mel_frames(&d, use->frames);
    mono = (float *)lb__alloc(use->frames, sizeof(float)); mel = (float *)lb__alloc(LB__MAX(m, (size_t)1), LB__MIN((size_t)p->mel_bins, (size_t)4096) * sizeof(float));       /* lb_audio_mel refuses more */
    if (!mono || !mel) { s = LB_ERR_MEM; goto done; }
    for (i = 0; i < use->frames; i++) mono[i] = use->data[i * (size_t)use->channels] - (float)mean;
    if ((s = lb_audio_mel(ctx, mono, use->frames, &d, mel)) != LB_OK) goto done;
    if (m > T) {                                                                      /* positions 0..m-T in three groups; the first ones are longer by one */
        const size_t count = m - T + 1; size_t at = 0; lb__rng r = lb__rng_new(p->seed, 0x6d656c);
        for (c = 0; c < 3; c++) {
            const size_t size = count / 3 + (c < count % 3);
            start[c] = !size ? 0 : p->seed ? at + lb__rng_below(&r, (uint32_t)LB__MIN(size, (size_t)0xffffffff)) : at;
            at += size;
        }
    }
    for (c = 0; c < 3; c++) for (b = 0; b < (size_t)p->mel_bins; b++) for (i = 0; i < T; i++)
        out[(c * (size_t)p->mel_bins + b) * T + i] = (mel[(m > T ? start[c] + i : i % m) * (size_t)p->mel_bins + b] - p->mean) / (2 * p->std);
done:
    lb__release(mono); lb__release(mel); lb_audio_free(&a);
    return s;
}

/* ---- 10.7 >>spectrogram ---- */

static lb_status lb__spectrogram_desc(const lb_spectrogram_desc *in, lb_spectrogram_desc *d) {
    memset(d, 0, sizeof *d);
    if (in) *d = *in;
    if (d->_zero0 || d->_zero1) return lb__fail(LB_ERR_ARG, "lb_spectrogram_desc was not zeroed before its fields were set");
    if (!d->size) d->size = 400;
    if (!d->length) d->length = d->size;
    if (!d->hop) d->hop = d->length / 2;
    if (!(d->power > 0)) d->power = 2;
    if (!d->rate) d->rate = 16000;
    if (!(d->high > 0)) d->high = 0.5f * (float)d->rate;
    if (d->size < 4 || d->size > 65536 || d->size & 1 || d->length < 1 || d->length > d->size || d->hop < 1 || d->rate < 1 || d->bins < 0 || d->bins > 4096 || (int)d->window < 0 || d->window > LB_WINDOW_BLACKMAN || !(d->low >= 0 && d->low < d->high) || !(d->power <= 16))
        return lb__fail(LB_ERR_ARG, "spectrogram: a transform of %d with a window of %d every %d samples, %d bands from %g to %g Hz; an even transform of 4 to 65536 with a window of 1 to its size of lb_window, at least 1 sample apart, 0 to 4096 bands, from at least 0 Hz up and a power of at most 16 were expected", d->size, d->length, d->hop, d->bins, (double)d->low, (double)d->high);
    return LB_OK;
}
LB_API size_t lb_spectrogram_frames(const lb_spectrogram_desc *desc, size_t n) {
    lb_spectrogram_desc d;
    if (lb__spectrogram_desc(desc, &d)) return 0;
    if (!d.uncentred) return n > (size_t)d.size / 2 ? 1 + n / (size_t)d.hop : 0;      /* n + size samples with the padding */
    return n < (size_t)d.size ? 0 : 1 + (n - (size_t)d.size) / (size_t)d.hop;
}
static double lb__slaney(double f) { return f < 1000 ? f / (200.0 / 3) : 15 + log(f / 1000) / (log(6.4) / 27); }
static double lb__unslaney(double m) { return m < 15 ? m * (200.0 / 3) : 1000 * exp((m - 15) * (log(6.4) / 27)); }
typedef struct lb__spec { const lb_spectrogram_desc *d; const float *x; float *out; size_t n, frames; lb__rfft fft; const float *window, *turn, *bank; float *work; size_t work_size; } lb__spec;
static void lb__spec_run(void *arg, size_t begin, size_t end, int worker) {
    const lb__spec *m = (const lb__spec *)arg; const size_t size = (size_t)m->d->size, half = size / 2, bins = (size_t)m->d->bins, row = bins ? bins : half + 1; float *wave = m->work + (size_t)worker * m->work_size, *other = wave + size * LB__LANES, *power = other + size * LB__LANES; size_t g, l, i, k, b;
    for (g = begin; g < end; g++) {
        const size_t base = g * LB__LANES, lanes = LB__MIN((size_t)LB__LANES, m->frames - base);
        memset(wave, 0, size * LB__LANES * sizeof(float));
        for (l = 0; l < lanes; l++) for (i = 0; i < size; i++) {
            ptrdiff_t at = (ptrdiff_t)((base + l) * (size_t)m->d->hop + i) - (m->d->uncentred ? 0 : (ptrdiff_t)half);
            if (at < 0) at = -at;
            if (at >= (ptrdiff_t)m->n) at = 2 * ((ptrdiff_t)m->n - 1) - at;
            wave[i * LB__LANES + l] = m->x[at] * m->window[i];
        }
        if (m->fft.n) lb__rfft_power(&m->fft, wave, other, power);
        else for (k = 0; k <= half; k++) {                                            /* any even size: the sum itself */
            float cr[LB__LANES], ci[LB__LANES]; size_t t = 0;
            for (l = 0; l < LB__LANES; l++) cr[l] = ci[l] = 0;
            for (i = 0; i < size; i++, t = t + k < size ? t + k : t + k - size) for (l = 0; l < LB__LANES; l++) { cr[l] += wave[i * LB__LANES + l] * m->turn[2 * t]; ci[l] += wave[i * LB__LANES + l] * m->turn[2 * t + 1]; }
            for (l = 0; l < LB__LANES; l++) power[k * LB__LANES + l] = cr[l] * cr[l] + ci[l] * ci[l];
        }
        if (m->d->power == 1) for (i = 0; i < (half + 1) * LB__LANES; i++) power[i] = sqrtf(power[i]);
        else if (m->d->power != 2) for (i = 0; i < (half + 1) * LB__LANES; i++) power[i] = powf(power[i], 0.5f * m->d->power);
        for (l = 0; l < lanes; l++) {
            float *o = m->out + (base + l) * row;
            if (!bins) { for (k = 0; k <= half; k++) o[k] = power[k * LB__LANES + l]; continue; }
            for (b = 0; b < bins; b++) { float sum = 0; for (k = 0; k <= half; k++) sum += m->bank[b * (half + 1) + k] * power[k * LB__LANES + l]; o[b] = sum; }
        }
    }
}
LB_API lb_status lb_spectrogram(lb_ctx *ctx, const float *x, size_t n, const lb_spectrogram_desc *desc, float *out) {
    lb_spectrogram_desc d; lb__spec m; size_t half, i, b, k; float *window = NULL, *turn = NULL, *bank = NULL; double *edge = NULL; lb_status s = LB_OK;
    LB__POINTERS(ctx && out && (x || !n));
    LB__TRY(lb__spectrogram_desc(desc, &d));
    memset(&m, 0, sizeof m);
    m.frames = lb_spectrogram_frames(desc, n); half = (size_t)d.size / 2;
    if (!m.frames) return lb__fail(LB_ERR_ARG, "spectrogram: %zu samples are too few for a transform of %d", n, d.size);
    m.d = &d; m.x = x; m.out = out; m.n = n; m.work_size = (5 * half + 1) * LB__LANES;
    window = (float *)lb__alloc((size_t)d.size, sizeof(float)); turn = (float *)lb__alloc(2 * (size_t)d.size, sizeof(float)); bank = (float *)lb__alloc((size_t)d.bins * (half + 1), sizeof(float)); edge = (double *)lb__alloc((size_t)d.bins + 2, sizeof(double));
    m.work = (float *)lb__alloc((size_t)ctx->threads * m.work_size, sizeof(float));
    if (!window || !turn || !bank || !edge || !m.work) { s = LB_ERR_MEM; goto done; }
    if (!(d.size & (d.size - 1)) && (s = lb__rfft_new((size_t)d.size, &m.fft)) != LB_OK) goto done;
    for (i = 0; i < (size_t)d.length; i++) {
        const double a = 2 * LB__PI * (double)i / (double)d.length, h = 0.5 - 0.5 * cos(a);
        window[(size_t)(d.size - d.length) / 2 + i] = (float)(d.window == LB_WINDOW_HANN ? h : d.window == LB_WINDOW_HAMMING ? 0.54 - 0.46 * cos(a) : d.window == LB_WINDOW_POVEY ? pow(h, 0.85) : d.window == LB_WINDOW_RECTANGULAR ? 1 : 0.42 - 0.5 * cos(a) + 0.08 * cos(2 * a));
    }
    for (i = 0; i < (size_t)d.size; i++) { turn[2 * i] = (float)cos(2 * LB__PI * (double)i / d.size); turn[2 * i + 1] = (float)-sin(2 * LB__PI * (double)i / d.size); }
    if (d.bins) {
        const double a = d.slaney ? lb__slaney((double)d.low) : 2595 * log10(1 + (double)d.low / 700), z = d.slaney ? lb__slaney((double)d.high) : 2595 * log10(1 + (double)d.high / 700);
        for (b = 0; b < (size_t)d.bins + 2; b++) { const double v = a + (z - a) * (double)b / (double)(d.bins + 1); edge[b] = d.slaney ? lb__unslaney(v) : 700 * (pow(10, v / 2595) - 1); }
        for (b = 0; b < (size_t)d.bins; b++) for (k = 0; k <= half; k++) {                 /* triangles on the axis of frequency */
            const double f = (double)(d.rate / 2) * (double)k / (double)half, up = (f - edge[b]) / (edge[b + 1] - edge[b]), down = (edge[b + 2] - f) / (edge[b + 2] - edge[b + 1]), w = LB__MIN(up, down);
            bank[b * (half + 1) + k] = (float)(w > 0 ? w * (d.area ? 2 / (edge[b + 2] - edge[b]) : 1) : 0);
        }
    }
    m.window = window; m.turn = turn; m.bank = bank;
    lb_parallel_for(ctx, (m.frames + LB__LANES - 1) / LB__LANES, 4, lb__spec_run, &m);
done:
    lb__rfft_free(&m.fft); lb__release(window); lb__release(turn); lb__release(bank); lb__release(edge); lb__release(m.work);
    return s;
}

/* ---- 10.8 saving ---- */

/* A WAV file of 16-bit samples, interleaved. */
static lb_status lb__wav_pack(const int16_t *pcm, size_t frames, int channels, int rate, lb__buf *out) {
    uint8_t h[44]; size_t i, n, bytes;
    if (!lb__mul(frames, 2 * (size_t)channels, &bytes) || bytes > 0xffffffffu - 36) return lb__fail(LB_ERR_LIMIT, "WAV: %zu samples of %d channels; a file holds at most 4 GB", frames, channels);
    memcpy(h, "RIFF", 4); lb__put32le(h + 4, (uint32_t)(36 + bytes)); memcpy(h + 8, "WAVEfmt ", 8); lb__put32le(h + 16, 16); lb__put16le(h + 20, 1); lb__put16le(h + 22, (uint16_t)channels);
    lb__put32le(h + 24, (uint32_t)rate); lb__put32le(h + 28, (uint32_t)rate * 2 * (uint32_t)channels); lb__put16le(h + 32, (uint16_t)(2 * channels)); lb__put16le(h + 34, 16); memcpy(h + 36, "data", 4); lb__put32le(h + 40, (uint32_t)bytes);
    LB__TRY(lb__buf_add(out, h, 44));
    LB__TRY(lb__buf_reserve(out, bytes));
    for (i = 0, n = frames * (size_t)channels; i < n; i++) lb__put16le(out->data + out->size + 2 * i, (uint16_t)pcm[i]);
    out->size += bytes;
    return LB_OK;
}
#ifndef LB_NO_STDIO
LB_API lb_status lb_audio_save(lb_ctx *ctx, const lb_audio *a, const char *path) {
    lb__buf b = { 0, 0, 0 }; size_t i, n; int16_t *pcm; lb_status s;
    LB__POINTERS(ctx && a && path && (a->data || !a->frames));
    if (a->channels < 1 || a->channels > 32767 || a->rate < 1 || (uint64_t)a->rate * 2 * (uint64_t)a->channels > 0xffffffffu || !lb__mul(a->frames, (size_t)a->channels, &n))       /* fields of a WAV file: bytes of a frame in 16 bits, of a second in 32 */
        return lb__fail(LB_ERR_ARG, "%s: a clip of %d channels at %d samples a second; 1 to 32767 channels and less than 2^31 samples a second in all were expected", path, a->channels, a->rate);
    pcm = (int16_t *)lb__alloc(n, sizeof *pcm);
    if (!pcm) return LB_ERR_MEM;
    for (i = 0; i < n; i++) { const double v = floor((double)a->data[i] * 32768 + 0.5); pcm[i] = (int16_t)(v >= 32767 ? 32767 : v > -32768 ? v : -32768); }     /* NaN: -32768 */
    s = lb__wav_pack(pcm, a->frames, a->channels, a->rate, &b);
    if (!s) s = lb__writer_save(path, b.data, b.size);
    lb__release(pcm); lb__buf_free(&b);
    return s;
}
#endif

#endif /* LB_NO_AUDIO */

/* ==== 11 >>video =================================================================================================================
 * Clips: containers are walked once when they are opened, into a table of where each frame lies; frames are decoded when they are asked for.
 * Only intra-coded video is read (raw, JPEG, PNG, GIF); other codecs are named and refused.  Frame choice and the video pipeline are
 * upstream's.  Leaves out sound tracks, edit lists and compressed headers.  Calls: base, parallel, tensor, image.
 * Held by: tests/test_video.c, tests/test_hostile.c, tests/fuzz/clip.c */
#if !defined(LB_NO_VIDEO) && !defined(LB_NO_IMAGE)

enum { LB__VIDEO_Y4M, LB__VIDEO_GIF, LB__VIDEO_STILLS, LB__VIDEO_LIST, LB__VIDEO_ARRAY };        /* how a frame is made */
typedef struct lb__span { uint64_t offset, size; } lb__span;                                      /* of one coded frame in the file */

/* Planar Y'CbCr as Y4M and camera files hold it. */
typedef struct lb__yuv {
    size_t w, h, cw, ch;           /* luma and chroma sizes; cw = 0 for mono */
    int    sx, sy;                 /* log2 of the chroma step */
    int    bits, full, alpha;
} lb__yuv;

struct lb_video {
    lb_video_info  info;
    lb_matrix      matrix;
    int            kind;
    const uint8_t *data;           /* the whole file, or the array */
    size_t         size;
    lb__yuv        yuv;
    lb__buf        spans;          /* lb__span a frame */
    char         **paths;          /* LIST: one a frame, in one allocation */
    char          *name;           /* of the file, for sentences */
    uint8_t       *owned;          /* a spooled stream in memory */
#ifndef LB_NO_STDIO
    lb__bytes       file;
#endif
};

static const lb__span *lb__video_spans(const lb_video *v) { return (const lb__span *)(const void *)v->spans.data; }
static lb_status lb__video_span(lb_ctx *ctx, lb_video *v, uint64_t offset, uint64_t size) {
    lb__span s; s.offset = offset; s.size = size;
    if (v->info.frames >= ctx->limits.max_frames) return lb__fail(LB_ERR_LIMIT, "more than the %zu frames that the limits allow", ctx->limits.max_frames);
    LB__TRY(lb__buf_add(&v->spans, &s, sizeof s));
    v->info.frames++;
    return LB_OK;
}
static lb_status lb__video_sides(lb_ctx *ctx, uint64_t w, uint64_t h) {
    if (!w || !h) return lb__fail(LB_ERR_FORMAT, "frames of %llu x %llu pixels, at least 1 x 1 was expected", (unsigned long long)w, (unsigned long long)h);
    if (w > ctx->limits.max_side || h > ctx->limits.max_side || w > ctx->limits.max_pixels / h)
        return lb__fail(LB_ERR_LIMIT, "frames of %llu x %llu pixels are larger than the limits allow (%zu a side, %zu in all)",
                        (unsigned long long)w, (unsigned long long)h, ctx->limits.max_side, ctx->limits.max_pixels);
    return LB_OK;
}

/* ---- 11.1 Y4M ---- */

/* A header line of space-separated tags that begin with a letter, then frames: a line that begins with FRAME, then the planes, rows without
 * padding, samples above 8 bits little-endian in two bytes.  Planes in the order Y, Cb, Cr (and alpha for 444alpha, which is skipped). */
static int lb__y4m_colour(const char *p, size_t n, lb__yuv *y) {
    static const struct { const char *name; int sx, sy, mono, alpha; } known[] = {
        { "420jpeg", 1, 1, 0, 0 }, { "420mpeg2", 1, 1, 0, 0 }, { "420paldv", 1, 1, 0, 0 }, { "420", 1, 1, 0, 0 }, { "422", 1, 0, 0, 0 },
        { "444alpha", 0, 0, 0, 1 }, { "444", 0, 0, 0, 0 }, { "411", 2, 0, 0, 0 }, { "440", 0, 1, 0, 0 }, { "mono", 0, 0, 1, 0 } };
    size_t i, k; int bits = 0;
    for (i = 0; i < LB__COUNT(known); i++) {
        k = strlen(known[i].name);
        if (n < k || memcmp(p, known[i].name, k)) continue;
        if (n > k) {                                                                /* 420p10, mono12 */
            size_t j = k + (!known[i].mono && p[k] == 'p');
            if (known[i].alpha || (j == k) != (known[i].mono != 0) || j == n || n - j > 2) continue;
            for (bits = 0; j < n; j++) { if (p[j] < '0' || p[j] > '9') return 0; bits = bits * 10 + (p[j] - '0'); }
            if (bits < 8 || bits > 16) return 0;
        }
        y->sx = known[i].sx; y->sy = known[i].sy; y->alpha = known[i].alpha; y->bits = bits ? bits : 8;
        if (known[i].mono) { y->sx = -1; y->full = 1; }                             /* grey is full range in every tool */
        return 1;
    }
    return 0;
}
static int lb__y4m_number(const char *p, size_t n, uint64_t *out) {
    uint64_t v = 0; size_t i;
    for (i = 0; i < n; i++) { if (p[i] < '0' || p[i] > '9' || v > 99999999) return 0; v = v * 10 + (uint64_t)(p[i] - '0'); }
    *out = v;
    return n > 0;
}
static lb_status lb__y4m_open(lb_ctx *ctx, lb_video *v) {
    const char *p = (const char *)v->data, *e, *end; uint64_t w = 0, h = 0, a, b; size_t luma, chroma = 0, bytes, at; lb__yuv *y = &v->yuv; int mono;
    v->kind = LB__VIDEO_Y4M; v->info.container = "Y4M"; v->info.codec = "raw video"; v->info.readable = 1;
    lb__y4m_colour("420", 3, y);
    end = (const char *)memchr(p, '\n', LB__MIN(v->size, (size_t)4096));
    if (!end) return lb__fail(LB_ERR_FORMAT, "Y4M: the header line does not end within %zu bytes", LB__MIN(v->size, (size_t)4096));
    for (p += 9; p < end; p = e) {
        while (p < end && *p == ' ') p++;
        for (e = p; e < end && *e != ' '; e++) { }
        if (p == e) break;
        if (*p == 'W' && !lb__y4m_number(p + 1, (size_t)(e - p) - 1, &w)) return lb__fail(LB_ERR_FORMAT, "Y4M: width \"%.*s\" is not a number", (int)LB__MIN(e - p, 40), p);
        if (*p == 'H' && !lb__y4m_number(p + 1, (size_t)(e - p) - 1, &h)) return lb__fail(LB_ERR_FORMAT, "Y4M: height \"%.*s\" is not a number", (int)LB__MIN(e - p, 40), p);
        if (*p == 'F') {
            const char *c = (const char *)memchr(p, ':', (size_t)(e - p));
            if (!c || !lb__y4m_number(p + 1, (size_t)(c - p) - 1, &a) || !lb__y4m_number(c + 1, (size_t)(e - c) - 1, &b))
                return lb__fail(LB_ERR_FORMAT, "Y4M: frame rate \"%.*s\", F30:1 or the like was expected", (int)LB__MIN(e - p, 40), p);
            v->info.fps = b ? (double)a / (double)b : 0;
        }
        if (*p == 'C') {
            int full = y->full;
            y->full = 0;
            if (!lb__y4m_colour(p + 1, (size_t)(e - p) - 1, y))
                return lb__fail(LB_ERR_UNSUPPORTED, "Y4M: colour space \"%.*s\"; 420, 422, 444, 411, 440 and mono of 8 to 16 bits are read", (int)LB__MIN(e - p, 40), p);
            y->full |= full;
        }
        if (e - p == 16 && !memcmp(p, "XCOLORRANGE=FULL", 16)) y->full = 1;
    }
    if (!w || !h) return lb__fail(LB_ERR_FORMAT, "Y4M: the header gives no width and height (tags W and H)");
    LB__TRY(lb__video_sides(ctx, w, h));
    mono = y->sx < 0;
    y->w = v->info.width = (size_t)w; y->h = v->info.height = (size_t)h;
    if (mono) y->sx = 0;
    else { y->cw = (y->w + ((size_t)1 << y->sx) - 1) >> y->sx; y->ch = (y->h + ((size_t)1 << y->sy) - 1) >> y->sy; chroma = 2 * y->cw * y->ch; }
    luma = y->w * y->h;                                                             /* at most max_pixels, but the caller chose that */
    if (!lb__mul(luma, (size_t)(y->alpha ? 2 : 1), &bytes) || !lb__add(bytes, chroma, &bytes) || !lb__mul(bytes, y->bits > 8 ? 2 : 1, &bytes))
        return lb__fail(LB_ERR_LIMIT, "Y4M: a frame of %zu x %zu pixels does not fit in memory", y->w, y->h);
    for (at = (size_t)(end + 1 - (const char *)v->data); at < v->size;) {
        const uint8_t *f = v->data + at, *nl;
        if (v->size - at < 5 || memcmp(f, "FRAME", 5)) return lb__fail(LB_ERR_FORMAT, "Y4M: byte %zu: frame %zu does not begin with FRAME", at, v->info.frames);
        nl = (const uint8_t *)memchr(f, '\n', LB__MIN(v->size - at, (size_t)4096));
        if (!nl) return lb__fail(LB_ERR_FORMAT, "Y4M: byte %zu: the line of frame %zu does not end", at, v->info.frames);
        at += (size_t)(nl + 1 - f);
        if (v->size - at < bytes) return lb__fail(LB_ERR_FORMAT, "Y4M: frame %zu is cut off: %zu of %zu bytes are there", v->info.frames, v->size - at, bytes);
        LB__TRY(lb__video_span(ctx, v, at, bytes));
        at += bytes;
    }
    return LB_OK;
}

/* ITU-R BT.601 and BT.709: R = Y + vr*V, G = Y - ug*U - vg*V, B = Y + ub*U, with Y from 16..235 and U, V from 16..240 around 128 (of 8 bits) when
 * the range is limited.  Coefficients in 1/65536 of an 8-bit level per sample step; chroma is replicated.  Rounded down, with 1/32 level of grace
 * so that what is whole stays whole: see lb_video_frames for why. */
static void lb__yuv_rgb(const lb__yuv *y, int bt709, const uint8_t *planes, uint8_t *rgb) {
    const double kr = bt709 ? 0.2126 : 0.299, kb = bt709 ? 0.0722 : 0.114, kg = 1 - kr - kb, peak = (double)(((uint32_t)1 << y->bits) - 1), unit = (double)((uint32_t)1 << (y->bits - 8));
    const double ly = 65536.0 * 255 / (y->full ? peak : 219 * unit), lc = 65536.0 * 255 / (y->full ? peak : 224 * unit);
    const int64_t cy = (int64_t)(ly + 0.5), vr = (int64_t)(lc * 2 * (1 - kr) + 0.5), ub = (int64_t)(lc * 2 * (1 - kb) + 0.5);
    const int64_t ug = (int64_t)(lc * 2 * (1 - kb) * kb / kg + 0.5), vg = (int64_t)(lc * 2 * (1 - kr) * kr / kg + 0.5);
    const int64_t y0 = y->full ? 0 : (int64_t)16 << (y->bits - 8), c0 = (int64_t)128 << (y->bits - 8), grace = 65536 / 32;
    const size_t wide = y->bits > 8 ? 2 : 1; const uint8_t *up = planes + y->w * y->h * wide, *vp = up + y->cw * y->ch * wide; size_t r, c;
    for (r = 0; r < y->h; r++) {
        const uint8_t *yr = planes + r * y->w * wide; const size_t cr = (r >> y->sy) * y->cw; int64_t dr = grace, dg = grace, db = grace;
        for (c = 0; c < y->w; c++, rgb += 3) {
            int64_t l = (wide == 1 ? yr[c] : lb__u16le(yr + 2 * c)), R, G, B;
            if (y->cw && !(c & (((size_t)1 << y->sx) - 1))) {
                const size_t k = cr + (c >> y->sx); const int64_t u = (wide == 1 ? up[k] : lb__u16le(up + 2 * k)) - c0, w = (wide == 1 ? vp[k] : lb__u16le(vp + 2 * k)) - c0;
                dr = vr * w + grace; dg = grace - ug * u - vg * w; db = ub * u + grace;
            }
            l = (l - y0) * cy;
            R = l + dr; G = l + dg; B = l + db;
            rgb[0] = (uint8_t)(R < 0 ? 0 : R >= 256 * 65536 ? 255 : R >> 16);
            rgb[1] = (uint8_t)(G < 0 ? 0 : G >= 256 * 65536 ? 255 : G >> 16);
            rgb[2] = (uint8_t)(B < 0 ? 0 : B >= 256 * 65536 ? 255 : B >> 16);
        }
    }
}

/* ---- 11.2 AVI ---- */

/* RIFF: chunks of { fourcc, u32 size, bytes, padding to even }, lists of { "RIFF" or "LIST", size, type, chunks }.  The first RIFF holds
 * LIST hdrl (a LIST strl of strh + strf a stream) and LIST movi; OpenDML files go on in RIFF AVIX parts with a movi each.  The movi lists are
 * walked chunk by chunk ("00dc" is a compressed frame of stream 0, "00db" a raw one), so neither idx1 nor the OpenDML indexes are needed and
 * files without an index are read too.  An empty chunk repeats the frame before it. */
static const struct { const char *tag, *name; } lb__video_codecs[] = {
    { "avc1", "H.264" }, { "avc3", "H.264" }, { "h264", "H.264" }, { "x264", "H.264" }, { "davc", "H.264" }, { "vssh", "H.264" },
    { "hvc1", "HEVC (H.265)" }, { "hev1", "HEVC (H.265)" }, { "hevc", "HEVC (H.265)" }, { "h265", "HEVC (H.265)" }, { "dvh1", "HEVC (H.265)" }, { "dvhe", "HEVC (H.265)" }, { "vvc1", "VVC (H.266)" },
    { "vp08", "VP8" }, { "vp80", "VP8" }, { "vp09", "VP9" }, { "vp90", "VP9" }, { "av01", "AV1" },
    { "mp4v", "MPEG-4 Part 2" }, { "xvid", "MPEG-4 Part 2" }, { "divx", "MPEG-4 Part 2" }, { "dx50", "MPEG-4 Part 2" }, { "fmp4", "MPEG-4 Part 2" },
    { "mp42", "Microsoft MPEG-4" }, { "mp43", "Microsoft MPEG-4" }, { "div3", "Microsoft MPEG-4" }, { "wmv1", "Windows Media Video" }, { "wmv2", "Windows Media Video" }, { "wmv3", "Windows Media Video" },
    { "mpg1", "MPEG-1" }, { "mpg2", "MPEG-2" }, { "m1v ", "MPEG-1" }, { "m2v1", "MPEG-2" }, { "s263", "H.263" }, { "h263", "H.263" }, { "flv1", "Sorenson H.263" },
    { "apcn", "Apple ProRes" }, { "apch", "Apple ProRes" }, { "apcs", "Apple ProRes" }, { "apco", "Apple ProRes" }, { "ap4h", "Apple ProRes" }, { "ap4x", "Apple ProRes" },
    { "dvsd", "DV" }, { "dvc ", "DV" }, { "dvcp", "DV" }, { "dvpp", "DV" }, { "cvid", "Cinepak" }, { "svq1", "Sorenson Video" }, { "svq3", "Sorenson Video" }, { "rle ", "QuickTime Animation" },
    { "ffv1", "FFV1" }, { "hfyu", "HuffYUV" }, { "ffvh", "HuffYUV" }, { "avdn", "DNxHD" }, { "mjpb", "Motion-JPEG B" }, { "raw ", "raw video" }, { "i420", "raw video" }, { "yv12", "raw video" }, { "yuy2", "raw video" } };
/* A codec we know of by its four letters, in any case; what we do not know is named by its letters. */
static const char *lb__video_codec(const uint8_t tag[4]) {
    size_t i, k;
    for (i = 0; i < LB__COUNT(lb__video_codecs); i++) {
        for (k = 0; k < 4; k++) if ((tag[k] >= 'A' && tag[k] <= 'Z' ? tag[k] + 32 : tag[k]) != (uint8_t)lb__video_codecs[i].tag[k]) break;
        if (k == 4) return lb__video_codecs[i].name;
    }
    return "an unknown codec";
}
static int lb__tag(const uint8_t *p, const char *tag) { return !memcmp(p, tag, 4); }

typedef struct lb__avi { lb_video *v; int streams, stream; } lb__avi;      /* stream: the first video stream, -1 before it was seen */
static lb_status lb__avi_list(lb_ctx *ctx, lb__avi *a, size_t at, size_t end, size_t depth) {
    lb_video *v = a->v; const uint8_t *d = v->data; size_t size, body;
    if (depth > ctx->limits.max_nesting) return lb__fail(LB_ERR_LIMIT, "AVI: lists are nested deeper than %zu", ctx->limits.max_nesting);
    for (; end - at >= 8; at = body + size + (size & 1 && body + size < end)) {
        const uint8_t *c = d + at;
        size = lb__u32le(c + 4); body = at + 8;
        if (!size && (lb__tag(c, "RIFF") || (lb__tag(c, "LIST") && depth == 1))) size = end - body;    /* a recording that was not finished */
        if (size > end - body) {
            if (depth == 0 || (lb__tag(c, "LIST") && depth == 1)) size = end - body;             /* size fields of huge files: to the end */
            else return lb__fail(LB_ERR_FORMAT, "AVI: byte %zu: chunk of %zu bytes, only %zu are left", at, size, end - body);
        }
        if (lb__tag(c, "RIFF") || lb__tag(c, "LIST")) {
            if (size < 4) return lb__fail(LB_ERR_FORMAT, "AVI: byte %zu: a list of %zu bytes has no type", at, size);
            if (lb__tag(c + 8, "strl")) a->streams++;
            if (lb__tag(c + 8, "AVI ") || lb__tag(c + 8, "AVIX") || lb__tag(c + 8, "hdrl") || lb__tag(c + 8, "strl") || lb__tag(c + 8, "movi") || lb__tag(c + 8, "rec "))
                LB__TRY(lb__avi_list(ctx, a, body + 4, body + size, depth + 1));
        } else if (lb__tag(c, "strh") && size >= 28 && lb__tag(c + 8, "vids") && a->stream < 0) {
            const double scale = lb__u32le(c + 8 + 20);
            a->stream = a->streams - 1;
            v->info.fps = scale > 0 ? (double)lb__u32le(c + 8 + 24) / scale : 0;
        } else if (lb__tag(c, "strf") && size >= 20 && a->stream == a->streams - 1 && !v->info.width) {
            const uint32_t w = lb__u32le(c + 12), h = lb__u32le(c + 16); const uint8_t *tag = c + 24;
            LB__TRY(lb__video_sides(ctx, w, h > 0x80000000u ? 0 - h : h));
            v->info.width = w; v->info.height = h > 0x80000000u ? 0 - h : h;
            if (lb__tag(tag, "MJPG") || lb__tag(tag, "mjpg") || lb__tag(tag, "jpeg") || lb__tag(tag, "JPEG") || lb__tag(tag, "AVRn") || lb__tag(tag, "JPGL") || lb__tag(tag, "dmb1")) { v->info.codec = "Motion-JPEG"; v->info.readable = 1; }
            else if (lb__tag(tag, "MPNG") || lb__tag(tag, "png ")) { v->info.codec = "PNG"; v->info.readable = 1; }
            else v->info.codec = lb__u32le(tag) ? lb__video_codec(tag) : "raw RGB";
        } else if (a->stream >= 0 && c[0] >= '0' && c[0] <= '9' && c[1] >= '0' && c[1] <= '9' && (c[0] - '0') * 10 + (c[1] - '0') == a->stream && c[2] == 'd' && (c[3] == 'c' || c[3] == 'b')) {
            const lb__span *last = v->info.frames ? lb__video_spans(v) + v->info.frames - 1 : NULL;
            if (size) LB__TRY(lb__video_span(ctx, v, body, size));
            else if (last) LB__TRY(lb__video_span(ctx, v, last->offset, last->size));
        }
    }
    return LB_OK;
}
static lb_status lb__avi_open(lb_ctx *ctx, lb_video *v) {
    lb__avi a; a.v = v; a.streams = 0; a.stream = -1;
    v->kind = LB__VIDEO_STILLS; v->info.container = "AVI";
    LB__TRY(lb__avi_list(ctx, &a, 0, v->size, 0));
    if (a.stream < 0 || !v->info.width) return lb__fail(LB_ERR_FORMAT, "AVI: no video stream in its header");
    return LB_OK;
}

/* ---- 11.3 MOV and MP4 ---- */

/* Boxes of { u32 size, fourcc, bytes }, size 1: a u64 follows, size 0: to the end.  moov holds a trak a stream; its mdia/minf/stbl says where
 * each sample lies: stsd codec and size, stts durations, stsc samples a chunk, stsz sample sizes, stco or co64 chunk offsets.  Fragmented files
 * have empty tables and a moof before each mdat: traf/tfhd defaults, trun runs of samples.  Samples are taken in file order; edit lists are
 * not applied (intra-coded files start at their first frame, and upstream's readers count every one). */
typedef struct lb__box { const uint8_t *type, *body; size_t size; } lb__box;
/* The box at *at in p[0..n): 1, or 0 at the end, or -1 for a size that does not fit (the sentence is set). */
static int lb__box_next(const uint8_t *p, size_t n, size_t *at, lb__box *b) {
    uint64_t size; size_t head = 8, left = n - *at;
    if (left < 8) return 0;
    size = lb__u32be(p + *at);
    if (size == 1) { if (left < 16) { lb__fail(LB_ERR_FORMAT, "MP4: a box header is cut off"); return -1; } size = lb__u64be(p + *at + 8); head = 16; }
    else if (size == 0) size = left;
    if (size < head || size > left) {
        const uint8_t *t = p + *at + 4; char s[5]; int i;
        for (i = 0; i < 4; i++) s[i] = (char)(t[i] >= 32 && t[i] < 127 ? t[i] : '?');
        s[4] = 0;
        lb__fail(LB_ERR_FORMAT, "MP4: box \"%s\" says %llu bytes where %zu are left", s, (unsigned long long)size, left);
        return -1;
    }
    b->type = p + *at + 4; b->body = p + *at + head; b->size = (size_t)size - head;
    *at += (size_t)size;
    return 1;
}
/* The first child of that type: 1, 0 when there is none, -1. */
static int lb__box_find(const lb__box *in, const char *type, lb__box *out) {
    size_t at = 0; int r;
    while ((r = lb__box_next(in->body, in->size, &at, out)) == 1) if (lb__tag(out->type, type)) return 1;
    return r;
}
/* A full box with a u32 count at `head` and that many entries of `width` bytes after it. */
static lb_status lb__box_table(const lb__box *b, const char *name, size_t head, size_t width, uint32_t *count) {
    if (b->size < head + 4) return lb__fail(LB_ERR_FORMAT, "MP4: table %s has %zu bytes, at least %zu were expected", name, b->size, head + 4);
    *count = lb__u32be(b->body + head);
    if (*count > (b->size - head - 4) / (width ? width : 1) && width) return lb__fail(LB_ERR_FORMAT, "MP4: table %s says %u entries, its %zu bytes hold %zu", name, *count, b->size, (b->size - head - 4) / width);
    return LB_OK;
}
/* mp4v and friends keep the codec in esds: descriptor 3 (ES) holds descriptor 4 (decoder configuration), whose first byte is the object type. */
static int lb__esds_object(const lb__box *b) {
    size_t at = 4, i; int tag = 0;
    while (at < b->size) {
        tag = b->body[at++];
        for (i = 0; i < 4 && at < b->size && b->body[at] & 0x80; i++) at++;
        at++;
        if (tag == 4) return at < b->size ? b->body[at] : -1;
        if (tag != 3 || b->size - LB__MIN(at, b->size) < 3) return -1;
        i = b->body[at + 2]; at += 3;                                                /* flags: depends-on, URL, OCR */
        if (i & 0x80) at += 2;
        if (i & 0x40) { if (at >= b->size) return -1; at += 1 + (size_t)b->body[at]; }
        if (i & 0x20) at += 2;
    }
    return -1;
}
static lb_status lb__mp4_entry(lb_ctx *ctx, lb_video *v, const lb__box *stsd) {
    lb__box e, x, all; uint32_t n; size_t at = 0; int r;
    LB__TRY(lb__box_table(stsd, "stsd", 4, 0, &n));
    all.body = stsd->body + 8; all.size = stsd->size - 8; all.type = NULL;
    r = lb__box_next(all.body, all.size, &at, &e);
    if (r < 0) return LB_ERR_FORMAT;
    if (!r || e.size < 78) return lb__fail(LB_ERR_FORMAT, "MP4: the video track has no sample description");
    LB__TRY(lb__video_sides(ctx, lb__u16be(e.body + 24), lb__u16be(e.body + 26)));
    v->info.width = lb__u16be(e.body + 24); v->info.height = lb__u16be(e.body + 26);
    v->info.codec = lb__video_codec(e.type);
    if (lb__tag(e.type, "jpeg") || lb__tag(e.type, "mjpa") || lb__tag(e.type, "mjpg") || lb__tag(e.type, "MJPG")) { v->info.codec = "Motion-JPEG"; v->info.readable = 1; }
    if (lb__tag(e.type, "png ") || lb__tag(e.type, "MPNG")) { v->info.codec = "PNG"; v->info.readable = 1; }
    if (lb__tag(e.type, "mp4v")) {
        all.body = e.body + 78; all.size = e.size - 78;
        r = lb__box_find(&all, "esds", &x) == 1 ? lb__esds_object(&x) : -1;
        if (r == 0x6c) { v->info.codec = "Motion-JPEG"; v->info.readable = 1; }
        else if (r == 0x6d) { v->info.codec = "PNG"; v->info.readable = 1; }
        else if (r >= 0x60 && r <= 0x65) v->info.codec = "MPEG-2";
        else if (r == 0x6a) v->info.codec = "MPEG-1";
    }
    if (lb__tag(e.type, "encv")) v->info.codec = "an encrypted codec";
    return LB_OK;
}
static lb_status lb__mp4_samples(lb_ctx *ctx, lb_video *v, const lb__box *stbl, uint64_t *ticks) {
    lb__box stsz, stsc, stco, stts; uint32_t n, nc, nr = 0, chunk, run = 0, i, k = 0; int wide = 0, field = 0; uint32_t fixed = 0; size_t at = 0; lb__box b; int r;
    memset(&stsz, 0, sizeof stsz); stsc = stco = stts = stsz;
    while ((r = lb__box_next(stbl->body, stbl->size, &at, &b)) == 1) {
        if (lb__tag(b.type, "stsz")) { stsz = b; field = 32; }
        else if (lb__tag(b.type, "stz2")) { stsz = b; field = 0; }
        else if (lb__tag(b.type, "stsc")) stsc = b;
        else if (lb__tag(b.type, "stco")) { stco = b; wide = 0; }
        else if (lb__tag(b.type, "co64")) { stco = b; wide = 1; }
        else if (lb__tag(b.type, "stts")) stts = b;
    }
    if (r < 0) return LB_ERR_FORMAT;
    if (!stsz.body || !stsc.body || !stco.body) return lb__fail(LB_ERR_FORMAT, "MP4: the sample table lacks %s", !stsz.body ? "stsz" : !stsc.body ? "stsc" : "stco");
    if (stsz.size < 12) return lb__fail(LB_ERR_FORMAT, "MP4: table stsz has %zu bytes, at least 12 were expected", stsz.size);
    n = lb__u32be(stsz.body + 8);
    if (field) fixed = lb__u32be(stsz.body + 4);
    else field = stsz.body[7];
    if (field != 32 && field != 16 && field != 8 && field != 4) return lb__fail(LB_ERR_FORMAT, "MP4: table stz2 with fields of %d bits, 4, 8 or 16 were expected", field);
    if (!fixed && n > (uint64_t)(stsz.size - 12) * 8 / (unsigned)field) return lb__fail(LB_ERR_FORMAT, "MP4: table stsz says %u samples, its %zu bytes hold %zu", n, stsz.size, (size_t)((uint64_t)(stsz.size - 12) * 8 / (unsigned)field));
    LB__TRY(lb__box_table(&stsc, "stsc", 4, 12, &nr));
    LB__TRY(lb__box_table(&stco, "stco", 4, wide ? 8 : 4, &nc));
    for (chunk = 0; chunk < nc && k < n; chunk++) {
        uint64_t offset = wide ? lb__u64be(stco.body + 8 + 8 * (size_t)chunk) : lb__u32be(stco.body + 8 + 4 * (size_t)chunk); uint32_t per;
        while (run + 1 < nr && lb__u32be(stsc.body + 8 + 12 * (size_t)(run + 1)) <= chunk + 1) run++;
        per = nr ? lb__u32be(stsc.body + 8 + 12 * (size_t)run + 4) : 0;
        for (i = 0; i < per && k < n; i++, k++) {
            const uint8_t *p = stsz.body + 12; uint64_t size;
            size = fixed ? fixed : field == 32 ? lb__u32be(p + 4 * (size_t)k) : field == 16 ? lb__u16be(p + 2 * (size_t)k) : field == 8 ? p[k] : (uint32_t)(k & 1 ? p[k / 2] & 15 : p[k / 2] >> 4);
            LB__TRY(lb__video_span(ctx, v, offset, size));
            offset += size;
        }
    }
    if (k < n) return lb__fail(LB_ERR_FORMAT, "MP4: the chunk tables account for %u of %u samples", k, n);
    if (stts.body) {
        LB__TRY(lb__box_table(&stts, "stts", 4, 8, &nr));
        for (i = 0; i < nr; i++) *ticks += (uint64_t)lb__u32be(stts.body + 8 + 8 * (size_t)i) * lb__u32be(stts.body + 12 + 8 * (size_t)i);
    }
    return LB_OK;
}
typedef struct lb__mp4 { uint32_t track, scale, duration, size; uint64_t ticks; int found; } lb__mp4;      /* duration, size: defaults of trex */
static lb_status lb__mp4_trak(lb_ctx *ctx, lb_video *v, lb__mp4 *m, const lb__box *trak) {
    lb__box tkhd, mdia, hdlr, mdhd, minf, stbl, stsd;
    const int r = lb__box_find(trak, "mdia", &mdia);
    if (r < 0) return LB_ERR_FORMAT;
    if (!r || lb__box_find(&mdia, "hdlr", &hdlr) != 1 || hdlr.size < 12 || !lb__tag(hdlr.body + 8, "vide")) return LB_OK;
    if (lb__box_find(trak, "tkhd", &tkhd) != 1 || tkhd.size < 24 || lb__box_find(&mdia, "mdhd", &mdhd) != 1 || mdhd.size < 24)
        return lb__fail(LB_ERR_FORMAT, "MP4: the video track has no complete header (tkhd, mdhd)");
    if (lb__box_find(&mdia, "minf", &minf) != 1 || lb__box_find(&minf, "stbl", &stbl) != 1 || lb__box_find(&stbl, "stsd", &stsd) != 1)
        return lb__fail(LB_ERR_FORMAT, "MP4: the video track has no sample table");
    m->track = lb__u32be(tkhd.body + (tkhd.body[0] == 1 ? 20 : 12));
    m->scale = lb__u32be(mdhd.body + (mdhd.body[0] == 1 ? 20 : 12));
    m->found = 1;
    LB__TRY(lb__mp4_entry(ctx, v, &stsd));
    return lb__mp4_samples(ctx, v, &stbl, &m->ticks);
}
static lb_status lb__mp4_traf(lb_ctx *ctx, lb_video *v, lb__mp4 *m, const lb__box *traf, uint64_t moof, uint64_t *end) {
    lb__box b; size_t at = 0; uint32_t flags, n, i, duration = m->duration, size = m->size; uint64_t base = *end, next = base; int mine = 0, r;
    while ((r = lb__box_next(traf->body, traf->size, &at, &b)) == 1) {
        size_t p = 8;
        if (lb__tag(b.type, "tfhd")) {
            if (b.size < 8) return lb__fail(LB_ERR_FORMAT, "MP4: a fragment header of %zu bytes", b.size);
            flags = lb__u32be(b.body) & 0xffffff;
            mine = lb__u32be(b.body + 4) == m->track;
            if (b.size < 8 + (flags & 1 ? 8u : 0) + (flags & 2 ? 4u : 0) + (flags & 8 ? 4u : 0) + (flags & 16 ? 4u : 0)) return lb__fail(LB_ERR_FORMAT, "MP4: a fragment header of %zu bytes is too short for its flags", b.size);
            if (flags & 1) { base = lb__u64be(b.body + p); p += 8; }
            if (flags & 2) p += 4;
            if (flags & 8) { duration = lb__u32be(b.body + p); p += 4; }
            if (flags & 16) size = lb__u32be(b.body + p);
            if (!mine && !(flags & 16)) size = 0;
            if (!(flags & 1) && flags & 0x20000) base = moof;
            next = base;
        } else if (lb__tag(b.type, "trun")) {
            size_t width;
            if (b.size < 8) return lb__fail(LB_ERR_FORMAT, "MP4: a fragment run of %zu bytes", b.size);
            flags = lb__u32be(b.body) & 0xffffff; n = lb__u32be(b.body + 4);
            width = (flags & 0x100 ? 4u : 0) + (flags & 0x200 ? 4u : 0) + (flags & 0x400 ? 4u : 0) + (flags & 0x800 ? 4u : 0);
            if (b.size - 8 < (flags & 1 ? 4u : 0) + (flags & 4 ? 4u : 0) || (width && n > (b.size - 8 - (flags & 1 ? 4u : 0) - (flags & 4 ? 4u : 0)) / width))
                return lb__fail(LB_ERR_FORMAT, "MP4: a fragment run says %u samples, its %zu bytes hold fewer", n, b.size);
            if (flags & 1) { next = base + (uint64_t)(int64_t)(int32_t)lb__u32be(b.body + p); p += 4; }
            if (flags & 4) p += 4;
            if (!mine && !(flags & 0x200)) { next += (uint64_t)n * size; continue; }
            for (i = 0; i < n; i++, p += width) {
                const uint32_t d = flags & 0x100 ? lb__u32be(b.body + p) : duration, s = flags & 0x200 ? lb__u32be(b.body + p + (flags & 0x100 ? 4 : 0)) : size;
                if (mine) { LB__TRY(lb__video_span(ctx, v, next, s)); m->ticks += d; }
                next += s;
            }
        }
    }
    *end = next;
    return r < 0 ? LB_ERR_FORMAT : LB_OK;
}
static lb_status lb__mp4_open(lb_ctx *ctx, lb_video *v) {
    lb__box b, c, x; size_t at = 0, in; int r, q = 0, moov = 0; lb__mp4 m;
    memset(&m, 0, sizeof m);
    v->kind = LB__VIDEO_STILLS; v->info.container = "MOV";
    while ((r = lb__box_next(v->data, v->size, &at, &b)) == 1) {
        in = 0;
        if (lb__tag(b.type, "ftyp") && b.size >= 4 && !lb__tag(b.body, "qt  ")) v->info.container = "MP4";
        if (lb__tag(b.type, "moov")) {
            moov = 1;
            while ((q = lb__box_next(b.body, b.size, &in, &c)) == 1) {
                if (lb__tag(c.type, "cmov")) return lb__fail(LB_ERR_UNSUPPORTED, "MOV: the header is compressed (cmov); rewrite it with: ffmpeg -i in.mov -c copy out.mov");
                if (lb__tag(c.type, "trak") && !m.found) LB__TRY(lb__mp4_trak(ctx, v, &m, &c));
            }
            for (in = 0; q == 0 && (q = lb__box_next(b.body, b.size, &in, &c)) == 1; q = 0) {
                size_t k = 0;
                if (!lb__tag(c.type, "mvex")) continue;
                while (lb__box_next(c.body, c.size, &k, &x) == 1)
                    if (lb__tag(x.type, "trex") && x.size >= 24 && lb__u32be(x.body + 4) == m.track) { m.duration = lb__u32be(x.body + 12); m.size = lb__u32be(x.body + 16); }
            }
        }
        if (lb__tag(b.type, "moof") && m.found) {
            uint64_t end = (uint64_t)(b.type - 4 - v->data);
            while ((q = lb__box_next(b.body, b.size, &in, &c)) == 1)
                if (lb__tag(c.type, "traf")) LB__TRY(lb__mp4_traf(ctx, v, &m, &c, (uint64_t)(b.type - 4 - v->data), &end));
        }
        if (q < 0) return LB_ERR_FORMAT;
    }
    if (r < 0) return LB_ERR_FORMAT;
    if (!moov) return lb__fail(LB_ERR_FORMAT, "MP4: no moov box: the recording was not finished, or the file is cut off");
    if (!m.found) return lb__fail(LB_ERR_FORMAT, "%s: no video track", v->info.container);
    v->info.fps = m.ticks ? (double)v->info.frames * m.scale / (double)m.ticks : 0;
    return LB_OK;
}

/* ---- 11.4 GIF ---- */

static lb_status lb__gif_clip(lb_ctx *ctx, lb_video *v) {
    lb__gif g; int more = 1; double seconds = 0;
    v->kind = LB__VIDEO_GIF; v->info.container = "GIF"; v->info.codec = "GIF"; v->info.readable = 1;
    LB__TRY(lb__gif_open(ctx, v->data, v->size, &g));
    v->info.width = g.W; v->info.height = g.H;
    for (;;) {
        LB__TRY(lb__gif_next(&g, 0, &more));
        if (!more) break;
        if (v->info.frames++ >= ctx->limits.max_frames) return lb__fail(LB_ERR_LIMIT, "more than the %zu frames that the limits allow", ctx->limits.max_frames);
        seconds += g.delay < 2 ? 0.1 : g.delay / 100.0;                             /* as every player does */
    }
    v->info.fps = seconds > 0 ? (double)v->info.frames / seconds : 0;
    return LB_OK;
}

/* ---- 11.5 opening ---- */

#ifndef LB_NO_STDIO
/* What is in the buffer goes to the temporary file; with it `total` bytes have come. */
static lb_status lb__spool_out(int fd, lb__buf *b, size_t total, const char *path) {
    size_t n = 0;
    while (n < b->size) {
        const ssize_t k = write(fd, b->data + n, b->size - n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return lb__fail(LB_ERR_IO, "%s: cannot write the stream to a temporary file after %zu bytes: %s", path, total - b->size + n, k < 0 ? strerror(errno) : "nothing was taken");
        n += (size_t)k;
    }
    b->size = 0;
    return LB_OK;
}
#endif
/* Reads a stream to its end: in memory up to LB__SPOOL_RAM, then in an unlinked temporary file that is mapped afterwards. */
enum { LB__SPOOL_RAM = 64 << 20 };
static lb_status lb__video_spool(lb_ctx *ctx, lb_video *v, lb_read_fn read_fn, void *user) {
    lb__buf b = { 0, 0, 0 }; const size_t max = ctx->limits.max_spool; size_t total = 0; lb_status s = LB_OK;
#ifndef LB_NO_STDIO
    char path[512]; const char *dir = getenv("TMPDIR"); int fd = -1;
#endif
    for (;;) {
        size_t n;
        if ((s = lb__buf_reserve(&b, 1 << 16)) != LB_OK) break;
        n = read_fn(user, b.data + b.size, b.cap - b.size);
        if (n == (size_t)-1) { s = lb__fail(LB_ERR_IO, "the stream could not be read at byte %zu", total); break; }
        if (n == 0) break;
        if (n > b.cap - b.size) { s = lb__fail(LB_ERR_IO, "the stream's reader says that it gave %zu bytes where %zu were asked for", n, b.cap - b.size); break; }
        b.size += n; total += n;
        if (total > max) {
            s = lb__fail(LB_ERR_LIMIT, "the stream is longer than the %zu bytes that may be kept (lb_limits.max_spool); shorten it (ffmpeg -t), scale it down (-vf scale=-2:360), or give a file", max);
            break;
        }
#ifndef LB_NO_STDIO
        if (b.size < LB__SPOOL_RAM) continue;
        if (fd < 0) {
            lb__format(path, sizeof path, "%s/languagebind-XXXXXX", dir && *dir && strlen(dir) < 400 ? dir : "/tmp");
            fd = mkstemp(path);
            if (fd < 0) { s = lb__fail(LB_ERR_IO, "%s: cannot create a temporary file for the stream: %s", path, strerror(errno)); break; }
            unlink(path);
        }
        if ((s = lb__spool_out(fd, &b, total, path)) != LB_OK) break;
#endif
    }
#ifndef LB_NO_STDIO
    if (!s && fd >= 0) s = lb__spool_out(fd, &b, total, path);
    if (!s && fd >= 0) {
        void *p = mmap(NULL, total, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) s = lb__fail(LB_ERR_IO, "%s: cannot read the stream back from its temporary file: %s", path, strerror(errno));
        else { v->file.data = (const unsigned char *)p; v->file.size = total; v->file.mapped = 1; v->data = v->file.data; v->size = total; }
    }
    if (fd >= 0) close(fd);
    else
#endif
    if (!s) { v->owned = b.data; v->data = b.data; v->size = b.size; memset(&b, 0, sizeof b); }
    lb__buf_free(&b);
    return s;
}

/* A single image: a clip of one frame. */
static lb_status lb__video_image_open(lb_ctx *ctx, lb_video *v) {
    lb_image head; lb_status s = lb_image_info(ctx, v->data, v->size, &head);
    if (s) return lb__fail(s, "neither a clip (Y4M, AVI, MOV, MP4, GIF) nor an image: %s", lb__error);
    v->kind = LB__VIDEO_STILLS; v->info.container = "images"; v->info.codec = "still image"; v->info.readable = 1;
    v->info.width = head.width; v->info.height = head.height;
    return lb__video_span(ctx, v, 0, v->size);
}
#define LB__VIDEO_FFMPEG "ffmpeg -v error -i \"%s\" -vf scale=out_color_matrix=bt601:out_range=tv:flags=neighbor -pix_fmt yuv444p -f yuv4mpegpipe - | languagebind embed -m MODEL --video -"
/* What the bytes are, by their first ones. */
static lb_status lb__video_detect(lb_ctx *ctx, lb_video *v) {
    static const struct { size_t at; const char *magic; size_t n; const char *name; } foreign[] = {
        { 0, "\x1a\x45\xdf\xa3", 4, "Matroska or WebM" }, { 0, "FLV\1", 4, "Flash video" }, { 0, "OggS", 4, "Ogg" }, { 0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", 8, "Windows Media (ASF)" },
        { 0, "\0\0\1\xba", 4, "MPEG program stream" }, { 0, "\0\0\1\xb3", 4, "MPEG video" }, { 0, "DKIF", 4, "IVF" }, { 0, "\0\0\0\1\x67", 5, "bare H.264" }, { 0, "\0\0\0\1\x27", 5, "bare H.264" }, { 0, "\0\0\0\1\x40", 5, "bare HEVC" },
        { 0, ".RMF", 4, "RealMedia" }, { 4, "ftypheic", 8, "HEIC image" }, { 4, "ftypavif", 8, "AVIF image" }, { 8, "WEBP", 4, "WebP" } };
    const uint8_t *d = v->data; const size_t n = v->size; size_t i; lb_status s;
    if (n == 0) return lb__fail(LB_ERR_FORMAT, "the clip is empty");
    for (i = 0; i < LB__COUNT(foreign); i++)
        if (n >= foreign[i].at + foreign[i].n && !memcmp(d + foreign[i].at, foreign[i].magic, foreign[i].n))
            return lb__fail(LB_ERR_UNSUPPORTED, "a %s file: its frames cannot be read here; pipe them in: " LB__VIDEO_FFMPEG, foreign[i].name, v->name ? v->name : "INPUT");
    if (n > 376 && d[0] == 0x47 && d[188] == 0x47 && d[376] == 0x47)
        return lb__fail(LB_ERR_UNSUPPORTED, "an MPEG transport stream: its frames cannot be read here; pipe them in: " LB__VIDEO_FFMPEG, v->name ? v->name : "INPUT");
    if (n >= 10 && !memcmp(d, "YUV4MPEG2", 9)) s = lb__y4m_open(ctx, v);
    else if (n >= 12 && lb__tag(d, "RIFF") && lb__tag(d + 8, "AVI ")) s = lb__avi_open(ctx, v);
    else if (n >= 8 && (lb__tag(d + 4, "ftyp") || lb__tag(d + 4, "moov") || lb__tag(d + 4, "mdat") || lb__tag(d + 4, "wide") || lb__tag(d + 4, "free") || lb__tag(d + 4, "skip") || lb__tag(d + 4, "pnot"))) s = lb__mp4_open(ctx, v);
    else if (n >= 6 && (!memcmp(d, "GIF89a", 6) || !memcmp(d, "GIF87a", 6))) s = lb__gif_clip(ctx, v);
    else s = lb__video_image_open(ctx, v);
    if (!s && v->info.readable && v->kind == LB__VIDEO_STILLS) {
        const lb__span *sp = lb__video_spans(v);
        for (i = 0; i < v->info.frames; i++)
            if (sp[i].offset > n || sp[i].size > n - sp[i].offset)
                return lb__fail(LB_ERR_FORMAT, "%s: frame %zu lies at byte %llu and has %llu bytes, the file ends at %zu", v->info.container, i, (unsigned long long)sp[i].offset, (unsigned long long)sp[i].size, n);
    }
    if (!s && !v->info.frames) s = lb__fail(LB_ERR_FORMAT, "%s: the clip has no frames", v->info.container);
    return s;
}
static lb_status lb__video_new(const char *name, lb_video **out) {
    const size_t n = name ? strlen(name) : 0; lb_video *v = (lb_video *)lb__alloc(1, sizeof *v);
    if (!v) return LB_ERR_MEM;
    v->info.container = v->info.codec = "";
    if (name) {
        v->name = (char *)lb__alloc(n + 1, 1);
        if (!v->name) { lb_video_free(v); return LB_ERR_MEM; }
        memcpy(v->name, name, n);
    }
    *out = v;
    return LB_OK;
}
LB_API void lb_video_free(lb_video *v) {
    if (!v) return;
#ifndef LB_NO_STDIO
    lb__bytes_close(&v->file);
#endif
    lb__buf_free(&v->spans);
    lb__release(v->paths); lb__release(v->owned); lb__release(v->name);
    lb__release(v);
}
LB_API void lb_video_get_info(const lb_video *v, lb_video_info *out) { if (out) { memset(out, 0, sizeof *out); if (v) *out = v->info; } }
LB_API void lb_video_set_matrix(lb_video *v, lb_matrix matrix) { if (v) v->matrix = matrix; }

/* Success hands the clip over; failure frees it and puts the file's name in front of the sentence. */
static lb_status lb__video_opened(lb_status s, lb_video *v, lb_video **out) {
    if (!s) { *out = v; return LB_OK; }
    if (v && v->name) s = lb__fail_in(s, v->name);
    lb_video_free(v);
    return s;
}
LB_API lb_status lb_video_open_memory(lb_ctx *ctx, const void *data, size_t size, lb_video **out) {
    lb_video *v = NULL;
    LB__POINTERS(ctx && out && (data || !size));
    *out = NULL;
    LB__TRY(lb__video_new(NULL, &v));
    v->data = (const uint8_t *)data; v->size = size;
    return lb__video_opened(lb__video_detect(ctx, v), v, out);
}
LB_API lb_status lb_video_open_stream(lb_ctx *ctx, lb_read_fn read_fn, void *user, lb_video **out) {
    lb_video *v = NULL; lb_status s;
    LB__POINTERS(ctx && out && read_fn);
    *out = NULL;
    LB__TRY(lb__video_new(NULL, &v));
    s = lb__video_spool(ctx, v, read_fn, user);
    if (!s) s = lb__video_detect(ctx, v);
    return lb__video_opened(s, v, out);
}
LB_API lb_status lb_video_open_array(lb_ctx *ctx, const uint8_t *rgb, size_t frames, size_t height, size_t width, double fps, lb_video **out) {
    lb_video *v = NULL; size_t n;
    LB__POINTERS(ctx && out && rgb);
    *out = NULL;
    if (!frames || !width || !height) return lb__fail(LB_ERR_ARG, "lb_video_open_array: %zu frames of %zu x %zu pixels, at least one of 1 x 1 was expected", frames, width, height);
    LB__TRY(lb__video_sides(ctx, width, height));
    if (frames > ctx->limits.max_frames || !lb__mul(height * 3, width, &n) || !lb__mul(n, frames, &n)) return lb__fail(LB_ERR_ARG, "lb_video_open_array: %zu frames of %zu x %zu pixels, at most %zu frames in one array were expected", frames, width, height, ctx->limits.max_frames);
    LB__TRY(lb__video_new(NULL, &v));
    v->kind = LB__VIDEO_ARRAY; v->data = rgb; v->size = n;
    v->info.container = "array"; v->info.codec = "raw video"; v->info.readable = 1;
    v->info.frames = frames; v->info.width = width; v->info.height = height; v->info.fps = fps;
    *out = v;
    return LB_OK;
}
#ifndef LB_NO_STDIO
/* Natural order: runs of digits compare as numbers, everything else as bytes; equal numbers with more zeros come first. */
static int lb__natural_order(const char *a, const char *b) {
    const char *const a0 = a, *const b0 = b;
    while (*a && *b) {
        if (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
            size_t na = 0, nb = 0; int d;
            while (*a == '0') a++;
            while (*b == '0') b++;
            while (a[na] >= '0' && a[na] <= '9') na++;
            while (b[nb] >= '0' && b[nb] <= '9') nb++;
            if (na != nb) return na < nb ? -1 : 1;
            d = memcmp(a, b, na);
            if (d) return d;
            a += na; b += nb;
        } else if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        else { a++; b++; }
    }
    return *a ? 1 : *b ? -1 : strcmp(a0, b0);
}
static int lb__natural_cmp(const void *a, const void *b) { return lb__natural_order(*(char *const *)a, *(char *const *)b); }
static int lb__still_name(const char *name) {
    static const char *const known[] = { ".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".ppm", ".pgm", ".pnm", ".pbm", ".pam", ".gif" };
    size_t i;
    for (i = 0; i < LB__COUNT(known); i++) if (lb__ends_with(name, known[i])) return 1;
    return 0;
}
/* Copies the names, joined to the folder if there is one, into one allocation; keeps stills only when they come from a folder. */
static lb_status lb__video_list(lb_ctx *ctx, lb_video *v, const char *folder, const char *const *names, size_t count) {
    size_t i, n = 0, bytes = 0, head, dir = folder ? strlen(folder) : 0; char *p; lb_image first; lb_status s;
    for (i = 0; i < count; i++)
        if (!folder || lb__still_name(names[i])) { n++; if (!lb__add(bytes, strlen(names[i]) + dir + 2, &bytes)) return lb__fail(LB_ERR_MEM, "out of memory: the list of frames does not fit"); }
    if (!n) return folder ? lb__fail(LB_ERR_FORMAT, "the folder has no images (jpg, png, bmp, ppm, pgm, pbm, pam, gif) among its %zu entries", count) : lb__fail(LB_ERR_ARG, "lb_video_open_list: the list of frames is empty, at least one was expected");
    if (n > ctx->limits.max_frames) return lb__fail(LB_ERR_LIMIT, "%zu frames, the limits allow %zu", n, ctx->limits.max_frames);
    if (!lb__mul(n, sizeof(char *), &head) || !lb__add(head, bytes, &bytes)) return lb__fail(LB_ERR_MEM, "out of memory: the list of frames does not fit");
    v->paths = (char **)lb__alloc(bytes, 1);
    if (!v->paths) return LB_ERR_MEM;
    p = (char *)v->paths + head;
    for (i = 0, n = 0; i < count; i++)
        if (!folder || lb__still_name(names[i])) {
            v->paths[n++] = p;
            if (folder) p += lb__format(p, dir + 2, dir && folder[dir - 1] == '/' ? "%s" : "%s/", folder);
            memcpy(p, names[i], strlen(names[i]) + 1); p += strlen(names[i]) + 1;
        }
    if (folder) qsort(v->paths, n, sizeof(char *), lb__natural_cmp);
    v->kind = LB__VIDEO_LIST; v->info.container = "images"; v->info.codec = "still images"; v->info.readable = 1; v->info.frames = n;
    s = lb_image_load(ctx, v->paths[0], &first);                                    /* for the size, and so that a wrong folder is told at once */
    if (s) return s;
    v->info.width = (size_t)first.width; v->info.height = (size_t)first.height;
    lb_image_free(&first);
    return LB_OK;
}
LB_API lb_status lb_video_open_list(lb_ctx *ctx, const char *const *paths, size_t count, lb_video **out) {
    lb_video *v = NULL; size_t i;
    LB__POINTERS(ctx && out && (paths || !count));
    *out = NULL;
    for (i = 0; i < count; i++) if (!paths[i]) return lb__fail(LB_ERR_ARG, "lb_video_open_list: name %zu is NULL", i);
    LB__TRY(lb__video_new(NULL, &v));
    return lb__video_opened(lb__video_list(ctx, v, NULL, paths, count), v, out);
}
static size_t lb__read_fd(void *user, void *data, size_t size) {
    for (;;) { const ssize_t n = read(*(const int *)user, data, size); if (n >= 0) return (size_t)n; if (errno != EINTR) return (size_t)-1; }
}
LB_API lb_status lb_video_open(lb_ctx *ctx, const char *path, lb_video **out) {
    lb_video *v = NULL; struct stat st; lb_status s; int fd = 0;
    LB__POINTERS(ctx && out && path);
    *out = NULL;
    LB__TRY(lb__video_new(path, &v));
    if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode)) {
        lb__dir d;
        s = lb__dir_list(path, &d);
        if (!s) s = lb__video_list(ctx, v, path, (const char *const *)d.names, d.count);
        else { lb_video_free(v); return s; }                                        /* this sentence names the folder already */
        lb__release(d.names);
        return lb__video_opened(s, v, out);
    }
    if (!strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))) {         /* pipes; what a character device gives is no clip */
        if (strcmp(path, "-") && (fd = lb__open(path, O_RDONLY, 0)) < 0) { s = lb__fail(LB_ERR_IO, "cannot open: %s", strerror(errno)); return lb__video_opened(s, v, out); }
        s = lb__video_spool(ctx, v, lb__read_fd, &fd);
        if (fd) close(fd);
    } else {
        s = lb__bytes_open(path, &v->file);
        if (s) { lb_video_free(v); return s; }
        v->data = v->file.data; v->size = v->file.size;
    }
    if (!s) s = lb__video_detect(ctx, v);
    return lb__video_opened(s, v, out);
}
#endif

/* ---- 11.6 which frames ---- */

/* floor of numpy's linspace(a, b, n), with its rounding: i * ((b - a) / (n - 1)) + a, each step in double; the last place is b itself. */
static void lb__linspace_ids(double a, double b, size_t n, size_t *out) {
    volatile double step = n > 1 ? (b - a) / (double)(n - 1) : 0, y; size_t i;
    for (i = 0; i < n; i++) { y = (double)i * step; y = y + a; out[i] = (size_t)floor(n > 1 && i == n - 1 ? b : y); }
}
static lb_status lb__video_desc(const lb_video_desc *in, lb_video_desc *d) {
    memset(d, 0, sizeof *d);
    if (in) *d = *in;
    if (d->_zero0 || d->_zero1) return lb__fail(LB_ERR_ARG, "lb_video_desc was not zeroed before its fields were set");
    if (!d->frames) d->frames = 8;
    if (d->frames < 0) return lb__fail(LB_ERR_ARG, "%d frames of a clip, at least 1 was expected", d->frames);
    if ((int)d->rule < 0 || d->rule > LB_FRAMES_IDS) return lb__fail(LB_ERR_ARG, "frame rule %d is not known", (int)d->rule);
    if (d->rule == LB_FRAMES_IDS && !d->ids) return lb__fail(LB_ERR_ARG, "frame rule LB_FRAMES_IDS without ids");
    if (d->rule == LB_FRAMES_VIEW && (d->segment < 0 || d->segment > 4 || d->crop < 0 || d->crop > 2)) return lb__fail(LB_ERR_ARG, "view %d, %d: segment 0 to 4 and crop 0 to 2 were expected", d->segment, d->crop);
    return LB_OK;
}
LB_API lb_status lb_video_ids(const lb_video_desc *desc, size_t frames, double fps, size_t *out) {
    lb_video_desc d; size_t i, T;
    LB__POINTERS(out);
    LB__TRY(lb__video_desc(desc, &d));
    if (!frames) return lb__fail(LB_ERR_ARG, "a clip of no frames, at least one was expected");
    T = (size_t)d.frames;
    if (d.rule == LB_FRAMES_UNIFORM) lb__linspace_ids(0, (double)(frames - 1), T, out);
    else if (d.rule == LB_FRAMES_RETRIEVAL) {
        const double rate = floor(fps), total = rate >= 1 ? ceil((double)frames / rate) : 0, end = d.end && d.end < total ? d.end : total;
        if (!(rate >= 1) || rate > 1e6) return lb__fail(LB_ERR_ARG, "the retrieval rule needs a frame rate of at least 1, the clip says %g", fps);
        if (d.start < 0 || d.end < 0 || d.start >= end) return lb__fail(LB_ERR_ARG, "seconds %d to %g of a clip of %g", d.start, end, total);
        lb__linspace_ids(d.start * rate, LB__MAX(end - 1, 0) * rate, T, out);
    } else if (d.rule == LB_FRAMES_VIEW) {
        const size_t every = (frames + 7) / 8, spare = every > T ? every - T : 0, start = (size_t)((uint64_t)d.segment * spare / 4);
        for (i = 0; i < T; i++) out[i] = LB__MIN(start + i, every - 1) * 8;
    } else if (d.rule == LB_FRAMES_MIDDLE) {
        const size_t start = frames > T ? (frames - T) / 2 : 0;
        for (i = 0; i < T; i++) out[i] = LB__MIN(start + i, frames - 1);
    } else {
        for (i = 0; i < T; i++) if (d.ids[i] >= frames) return lb__fail(LB_ERR_ARG, "frame %zu of a clip of %zu, 0 to %zu was expected", d.ids[i], frames, frames - 1);
        memcpy(out, d.ids, T * sizeof *out);
    }
    return LB_OK;
}

/* ---- 11.7 frames ---- */

/* One frame as 8-bit RGB; GIF frames build on each other and go another way. */
static lb_status lb__video_frame(lb_ctx *ctx, const lb_video *v, size_t id, lb_image *out) {
    lb_image coded; lb_status s; const lb__span *sp = lb__video_spans(v) + (v->spans.size ? id : 0);
    memset(out, 0, sizeof *out); memset(&coded, 0, sizeof coded);
    if (v->kind == LB__VIDEO_Y4M || v->kind == LB__VIDEO_ARRAY) {
        const size_t n = v->info.width * v->info.height * 3;
        out->data = lb__alloc(n, 1);
        if (!out->data) return LB_ERR_MEM;
        out->width = v->info.width; out->height = v->info.height; out->channels = 3; out->bits = 8; out->orientation = 1;
        if (v->kind == LB__VIDEO_ARRAY) memcpy(out->data, v->data + id * n, n);
        else lb__yuv_rgb(&v->yuv, v->matrix == LB_MATRIX_BT709 || (v->matrix == LB_MATRIX_BY_HEIGHT && v->info.height >= 720), v->data + sp->offset, (uint8_t *)out->data);
        return LB_OK;
    }
#ifndef LB_NO_STDIO
    if (v->kind == LB__VIDEO_LIST) s = lb_image_load(ctx, v->paths[id], &coded);
    else
#endif
    if (strstr(v->info.codec, "JPEG")) s = lb__jpeg_decode(ctx, v->data + sp->offset, (size_t)sp->size, 0, 1, &coded);
    else s = lb_image_decode(ctx, v->data + sp->offset, (size_t)sp->size, &coded);
    if (!s && v->kind == LB__VIDEO_STILLS && (coded.width != v->info.width || coded.height != v->info.height)) {
        if (coded.width == v->info.width && coded.height == v->info.height / 2) s = lb__fail(LB_ERR_UNSUPPORTED, "interlaced Motion-JPEG, two fields a frame; weave them with: " LB__VIDEO_FFMPEG, v->name ? v->name : "INPUT");
        else s = lb__fail(LB_ERR_FORMAT, "an image of %zu x %zu in a clip of %zu x %zu", coded.width, coded.height, v->info.width, v->info.height);
    }
    if (!s && coded.channels == 3 && coded.bits == 8) { *out = coded; return LB_OK; }
    if (!s) s = lb_image_rgb(ctx, &coded, out);
    lb_image_free(&coded);
    return s;
}

/* Runs take(arg, ctx, place, frame) for every place 0..n-1, where frame is number ids[place]; several at a time.  take owns nothing: the frame
 * is freed here unless take has set its data to NULL. */
typedef struct lb__video_job {
    lb_ctx *ctx; const lb_video *v; const size_t *ids;
    lb_status (*take)(void *arg, lb_ctx *ctx, size_t place, lb_image *frame); void *arg;
    lb_status *status; char (*text)[sizeof lb__error];          /* a place's failure: error sentences are per thread */
} lb__video_job;
static void lb__video_work(void *arg, size_t begin, size_t end, int worker) {
    lb__video_job *j = (lb__video_job *)arg; lb_ctx *ctx = NULL; lb_ctx_desc d; size_t i; lb_status s;
    (void)worker;
    memset(&d, 0, sizeof d); d.threads = 1; d.limits = j->ctx->limits;
    s = lb_ctx_new(&d, &ctx);
    for (i = begin; i < end; i++) {
        lb_image f; memset(&f, 0, sizeof f);
        if (j->ids[i] >= j->v->info.frames) { if (!s) s = j->take(j->arg, ctx, i, NULL); }
        else {
            if (!s) s = lb__video_frame(ctx, j->v, j->ids[i], &f);
            if (!s) s = j->take(j->arg, ctx, i, &f);
            lb_image_free(&f);
        }
        j->status[i] = s;
        if (s) { lb__format(j->text[i], sizeof j->text[i], "frame %zu: %s", j->ids[i], lb__error); break; }
    }
    lb_ctx_free(ctx);
}
/* GIF: from the first frame to the last one wanted. */
static lb_status lb__video_gif(const lb__video_job *j, size_t n) {
    lb__gif g; lb_status s = lb__gif_open(j->ctx, j->v->data, j->v->size, &g); size_t k, i, last = 0; int more;
    for (i = 0; i < n; i++) if (j->ids[i] < j->v->info.frames) last = LB__MAX(last, j->ids[i]);
    for (i = 0; i < n && !s; i++) if (j->ids[i] >= j->v->info.frames) s = j->take(j->arg, j->ctx, i, NULL);
    for (k = 0; k <= last && !s; k++) {
        s = lb__gif_next(&g, 2, &more);
        for (i = 0; i < n && !s; i++) if (j->ids[i] == k) {
            lb_image f; memset(&f, 0, sizeof f);
            f.width = g.W; f.height = g.H; f.channels = 3; f.bits = 8; f.orientation = 1; f.data = lb__alloc(g.W * g.H, 3);
            if (!f.data) { s = LB_ERR_MEM; break; }
            memcpy(f.data, g.canvas, g.W * g.H * 3);
            s = j->take(j->arg, j->ctx, i, &f);
            lb_image_free(&f);
        }
        if (s) lb__fail(s, "frame %zu: %s", k, lb__error);
    }
    lb__gif_free(&g);
    return s;
}
static lb_status lb__video_each(lb_ctx *ctx, const lb_video *v, const size_t *ids, size_t n, lb_status (*take)(void *, lb_ctx *, size_t, lb_image *), void *arg) {
    lb__video_job j; size_t i, head; lb_status s = LB_OK; void *memory;
    if (!v->info.readable)
        return lb__fail(LB_ERR_UNSUPPORTED, "%s%s%s of %zu x %zu in %s: this codec is not decoded here; pipe its frames in: " LB__VIDEO_FFMPEG, v->name ? v->name : "", v->name ? ": " : "",
                        v->info.codec, v->info.width, v->info.height, v->info.container, v->name ? v->name : "INPUT");
    if (!lb__mul(n, sizeof *j.text + sizeof *j.status, &head)) return lb__fail(LB_ERR_MEM, "out of memory: %zu frames", n);
    memory = lb__alloc(head, 1);
    if (!memory) return LB_ERR_MEM;
    j.ctx = ctx; j.v = v; j.ids = ids; j.take = take; j.arg = arg; j.status = (lb_status *)memory; j.text = (char (*)[sizeof lb__error])(void *)(j.status + n);
    if (v->kind == LB__VIDEO_GIF) s = lb__video_gif(&j, n);
    else lb_parallel_for(ctx, n, 1, lb__video_work, &j);
    for (i = 0; i < n && !s; i++) if (j.status[i]) s = lb__fail(j.status[i], "%s", j.text[i]);
    lb__release(memory);
    return s && v->name ? lb__fail_in(s, v->name) : s;
}

static lb_status lb__take_image(void *arg, lb_ctx *ctx, size_t place, lb_image *frame) {
    (void)ctx;
    ((lb_image *)arg)[place] = *frame;
    frame->data = NULL;
    return LB_OK;
}
LB_API lb_status lb_video_frames(lb_ctx *ctx, const lb_video *v, const size_t *ids, size_t n, lb_image *out) {
    size_t i; lb_status s;
    LB__POINTERS(ctx && v && ((ids && out) || !n));
    LB__TRY(lb__counted("lb_video_frames", n, 1, sizeof *out));
    if (n) memset(out, 0, n * sizeof *out);
    for (i = 0; i < n; i++) if (ids[i] >= v->info.frames) return lb__fail(LB_ERR_ARG, "lb_video_frames: frame %zu of a clip of %zu, 0 to %zu was expected", ids[i], v->info.frames, v->info.frames - 1);
    s = lb__video_each(ctx, v, ids, n, lb__take_image, out);
    if (s) for (i = 0; i < n; i++) lb_image_free(&out[i]);
    return s;
}

typedef struct lb__video_pipe { const lb_image_profile *profile; lb_video_desc desc; float *out; } lb__video_pipe;
static lb_status lb__take_tensor(void *arg, lb_ctx *ctx, size_t place, lb_image *frame) {
    const lb__video_pipe *p = (const lb__video_pipe *)arg; const size_t plane = p->profile->width * p->profile->height, T = (size_t)p->desc.frames; size_t c, i, k; float *one; lb_status s;
    if (!frame) { for (c = 0; c < 3; c++) memset(p->out + (c * T + place) * plane, 0, plane * sizeof(float)); return LB_OK; }
    one = (float *)lb__alloc(plane * 3, sizeof(float));
    if (!one) return LB_ERR_MEM;
    s = lb_image_preprocess(ctx, frame, p->profile, one);
    for (c = 0; c < 3 && !s; c++) {
        float *to = p->out + (c * T + place) * plane;
        if (!p->desc.flip) memcpy(to, one + c * plane, plane * sizeof(float));
        else for (i = 0; i < p->profile->height; i++) for (k = 0; k < p->profile->width; k++) to[i * p->profile->width + k] = one[c * plane + (i + 1) * p->profile->width - 1 - k];
    }
    lb__release(one);
    return s;
}
/* One axis of OpenCV's bilinear filter on bytes: left sample, and weights in 1/2048. */
static void lb__cv_axis(size_t in, size_t out, size_t i, size_t *at, int w[2]) {
    float f = (float)(((double)i + 0.5) * ((double)in / (double)out) - 0.5); ptrdiff_t s = (ptrdiff_t)floorf(f);
    f -= (float)s;
    if (s < 0) { s = 0; f = 0; }
    if (s >= (ptrdiff_t)in - 1) { s = (ptrdiff_t)in - 1; f = 0; }
    *at = (size_t)s; w[0] = (int)lrintf((1.0f - f) * 2048.0f); w[1] = (int)lrintf(f * 2048.0f);
}
/* Kinetics: the short side to `size` by OpenCV's bilinear filter on bytes, then a square at 0, 1/2 or 1 of what the longer side has left. */
static lb_status lb__take_view(void *arg, lb_ctx *ctx, size_t place, lb_image *frame) {
    const lb__video_pipe *p = (const lb__video_pipe *)arg; const size_t size = p->profile->width, plane = size * size, T = (size_t)p->desc.frames, w = frame->width, h = frame->height; size_t i, k, c, x0 = 0, y0 = 0;
    const size_t W = w <= h ? size : (size_t)((double)size * (double)w / (double)h), H = w <= h ? (size_t)((double)size * (double)h / (double)w) : size; const uint8_t *d = (const uint8_t *)frame->data;
    (void)ctx;
    if (h >= w) y0 = (size_t)p->desc.crop * (H - size) / 2;
    else x0 = (size_t)p->desc.crop * (W - size) / 2;
    for (i = 0; i < size; i++) {
        size_t y, x; int b[2], a[2]; const uint8_t *r0, *r1;
        lb__cv_axis(h, H, y0 + i, &y, b);
        r0 = d + y * w * 3; r1 = d + LB__MIN(y + 1, h - 1) * w * 3;
        for (k = 0; k < size; k++) {
            const size_t to = i * size + (p->desc.flip ? size - 1 - k : k); size_t next;
            lb__cv_axis(w, W, x0 + k, &x, a);
            next = x + 1 < w ? 3 : 0;
            for (c = 0; c < 3; c++) {
                const int s0 = r0[3 * x + c] * a[0] + r0[3 * x + c + next] * a[1], s1 = r1[3 * x + c] * a[0] + r1[3 * x + c + next] * a[1], v = ((b[0] * (s0 >> 4) >> 16) + (b[1] * (s1 >> 4) >> 16) + 2) >> 2;
                p->out[(c * T + place) * plane + to] = ((float)v / 255.0f - p->profile->mean[c]) / p->profile->std[c];
            }
        }
    }
    return LB_OK;
}
LB_API lb_status lb_video_preprocess(lb_ctx *ctx, const lb_video *v, const lb_image_profile *profile, const lb_video_desc *desc, float *out) {
    lb__video_pipe p; size_t *ids; lb_status s; size_t i;
    LB__POINTERS(ctx && v && profile && out);
    LB__TRY(lb__video_desc(desc, &p.desc));
    if (!profile->width || !profile->height || profile->width > 65535 || profile->height > 65535) return lb__fail(LB_ERR_ARG, "lb_video_preprocess: a profile of %zu x %zu pixels", profile->width, profile->height);
    if (p.desc.rule == LB_FRAMES_VIEW) {
        if (profile->width != profile->height) return lb__fail(LB_ERR_ARG, "lb_video_preprocess: views are square, the profile is %zu x %zu", profile->width, profile->height);
        for (i = 0; i < 3; i++) if (!(profile->std[i] > 0)) return lb__fail(LB_ERR_ARG, "lb_video_preprocess: the profile's std[%zu] is not positive", i);
    }
    p.profile = profile; p.out = out;
    ids = (size_t *)lb__alloc((size_t)p.desc.frames, sizeof *ids);
    if (!ids) return LB_ERR_MEM;
    s = lb_video_ids(desc, v->info.frames, v->info.fps, ids);
    if (!s) s = lb__video_each(ctx, v, ids, (size_t)p.desc.frames, p.desc.rule == LB_FRAMES_VIEW ? lb__take_view : lb__take_tensor, &p);
    lb__release(ids);
    if (s) memset(out, 0, 3 * (size_t)p.desc.frames * profile->width * profile->height * sizeof *out);
    return s;
}

/* ---- 11.8 saving ---- */

#ifndef LB_NO_STDIO
static lb_status lb__be32(lb__buf *b, uint32_t v) { uint8_t t[4]; lb__put32be(t, v); return lb__buf_add(b, t, 4); }
static lb_status lb__le32(lb__buf *b, uint32_t v) { uint8_t t[4]; lb__put32le(t, v); return lb__buf_add(b, t, 4); }
static size_t lb__box_begin(lb__buf *b, const char *tag, lb_status *s) { const size_t at = b->size; if (!*s) *s = lb__be32(b, 0); if (!*s) *s = lb__buf_add(b, tag, 4); return at; }
static void lb__box_end(lb__buf *b, size_t at, lb_status s) { if (!s) lb__put32be(b->data + at, (uint32_t)(b->size - at)); }
/* The moov box of n Motion-JPEG frames that lie one after the other from `first` on; sizes[] are theirs. */
static lb_status lb__mp4_head(lb__buf *b, const uint32_t *sizes, size_t n, size_t w, size_t h, double fps, uint32_t first, int mov) {
    const uint32_t scale = 90000, tick = (uint32_t)(scale / fps + 0.5), all = (uint32_t)n * tick; lb_status s = LB_OK; size_t moov, trak, mdia, minf, stbl, x, y, i; uint8_t z[64];
    static const uint8_t unit[36] = { 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0 };
    memset(z, 0, sizeof z);
#define LB__B32(v) do { if (!s) s = lb__be32(b, (uint32_t)(v)); } while (0)
#define LB__RAW(p, n) do { if (!s) s = lb__buf_add(b, p, n); } while (0)
    moov = lb__box_begin(b, "moov", &s);
    x = lb__box_begin(b, "mvhd", &s); LB__RAW(z, 12); LB__B32(scale); LB__B32(all); LB__B32(0x10000); LB__RAW("\1\0\0\0\0\0\0\0\0\0\0", 12); LB__RAW(unit, 36); LB__RAW(z, 24); LB__B32(2); lb__box_end(b, x, s);
    trak = lb__box_begin(b, "trak", &s);
    x = lb__box_begin(b, "tkhd", &s); LB__B32(7); LB__RAW(z, 8); LB__B32(1); LB__B32(0); LB__B32(all); LB__RAW(z, 16); LB__RAW(unit, 36); LB__B32(w << 16); LB__B32(h << 16); lb__box_end(b, x, s);
    mdia = lb__box_begin(b, "mdia", &s);
    x = lb__box_begin(b, "mdhd", &s); LB__RAW(z, 12); LB__B32(scale); LB__B32(all); LB__B32(0x55c40000); lb__box_end(b, x, s);
    x = lb__box_begin(b, "hdlr", &s); LB__RAW(z, 4); LB__RAW(mov ? "mhlr" : "\0\0\0\0", 4); LB__RAW("vide", 4); LB__RAW(z, 12); LB__RAW("\0", 1); lb__box_end(b, x, s);
    minf = lb__box_begin(b, "minf", &s);
    x = lb__box_begin(b, "vmhd", &s); LB__B32(1); LB__RAW(z, 8); lb__box_end(b, x, s);
    x = lb__box_begin(b, "dinf", &s); y = lb__box_begin(b, "dref", &s); LB__B32(0); LB__B32(1); LB__B32(12); LB__RAW("url \0\0\0\1", 8); lb__box_end(b, y, s); lb__box_end(b, x, s);
    stbl = lb__box_begin(b, "stbl", &s);
    x = lb__box_begin(b, "stsd", &s); LB__B32(0); LB__B32(1);
    y = lb__box_begin(b, mov ? "jpeg" : "mp4v", &s); LB__B32(0); LB__B32(1); LB__RAW(z, 16); LB__B32(w << 16 | h); LB__B32(0x480000); LB__B32(0x480000); LB__B32(0); LB__B32(0x10000); LB__RAW(z, 30); LB__B32(0x18ffff);
    if (!mov) {                                                                     /* ES descriptor { decoder configuration { JPEG, visual }, sync-layer configuration } */
        static const uint8_t esds[] = { 0, 0, 0, 0, 3, 21, 0, 1, 0, 4, 13, 0x6c, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 1, 2 };
        i = lb__box_begin(b, "esds", &s); LB__RAW(esds, sizeof esds); lb__box_end(b, i, s);
    }
    lb__box_end(b, y, s); lb__box_end(b, x, s);
    x = lb__box_begin(b, "stts", &s); LB__B32(0); LB__B32(1); LB__B32(n); LB__B32(tick); lb__box_end(b, x, s);
    x = lb__box_begin(b, "stsc", &s); LB__B32(0); LB__B32(1); LB__B32(1); LB__B32(n); LB__B32(1); lb__box_end(b, x, s);
    x = lb__box_begin(b, "stsz", &s); LB__B32(0); LB__B32(0); LB__B32(n); for (i = 0; i < n; i++) LB__B32(sizes[i]); lb__box_end(b, x, s);
    x = lb__box_begin(b, "stco", &s); LB__B32(0); LB__B32(1); LB__B32(first); lb__box_end(b, x, s);
    lb__box_end(b, stbl, s); lb__box_end(b, minf, s); lb__box_end(b, mdia, s); lb__box_end(b, trak, s); lb__box_end(b, moov, s);
#undef LB__B32
    return s;
}
static lb_status lb__avi_pack(const lb__buf *jpegs, const uint32_t *sizes, size_t n, size_t w, size_t h, double fps, lb__buf *b) {
    size_t i, at, movi, from = 0; lb_status s = LB_OK; uint8_t z[56]; uint32_t biggest = 0;
    const uint32_t rate = (uint32_t)(fps * 1000 + 0.5);
    memset(z, 0, sizeof z);
    for (i = 0; i < n; i++) biggest = LB__MAX(biggest, sizes[i]);
#define LB__L32(v) do { if (!s) s = lb__le32(b, (uint32_t)(v)); } while (0)
    LB__RAW("RIFF\0\0\0\0AVI LIST", 16); LB__L32(4 + 64 + 12 + 64 + 48); LB__RAW("hdrlavih", 8); LB__L32(56);
    LB__L32(1e6 / fps + 0.5); LB__L32(LB__MIN(biggest * fps, 4294967295.0)); LB__L32(0); LB__L32(0x10); LB__L32(n); LB__L32(0); LB__L32(1); LB__L32(biggest); LB__L32(w); LB__L32(h); LB__RAW(z, 16);
    LB__RAW("LIST", 4); LB__L32(4 + 64 + 48); LB__RAW("strlstrh", 8); LB__L32(56); LB__RAW("vidsMJPG", 8); LB__RAW(z, 12); LB__L32(1000); LB__L32(rate); LB__L32(0); LB__L32(n); LB__L32(biggest); LB__L32(0xffffffff); LB__RAW(z, 12);
    LB__RAW("strf", 4); LB__L32(40); LB__L32(40); LB__L32(w); LB__L32(h); LB__L32(1 | 24 << 16); LB__RAW("MJPG", 4); LB__L32(w * h * 3); LB__RAW(z, 16);
    LB__RAW("LIST\0\0\0\0movi", 12);
    movi = b->size - 4;
    for (i = 0; i < n; from += sizes[i++]) { LB__RAW("00dc", 4); LB__L32(sizes[i]); LB__RAW(jpegs->data + from, sizes[i]); if (sizes[i] & 1) LB__RAW(z, 1); }
    if (!s) lb__put32le(b->data + movi - 4, (uint32_t)(b->size - movi));
    LB__RAW("idx1", 4); LB__L32(16 * n);
    for (i = 0, at = 4; i < n; at += 8 + sizes[i] + (sizes[i] & 1), i++) { LB__RAW("00dc", 4); LB__L32(0x10); LB__L32(at); LB__L32(sizes[i]); }
    if (!s) lb__put32le(b->data + 4, (uint32_t)(b->size - 8));
#undef LB__L32
#undef LB__RAW
    return s;
}
/* Motion-JPEG; `name` ends in .mp4, .mov or .avi. */
static lb_status lb__mjpeg_pack(const lb_image *frames, size_t n, double fps, const char *name, int quality, lb__buf *out) {
    lb__buf jpegs = { 0, 0, 0 }; uint32_t *sizes = (uint32_t *)lb__alloc(n, sizeof *sizes); size_t i; lb_status s = sizes ? LB_OK : LB_ERR_MEM;
    for (i = 0; i < n && !s; i++) {
        const size_t before = jpegs.size;
        s = lb__jpeg_encode(&frames[i], quality ? quality : 92, &jpegs);
        if (!s && jpegs.size - before > 0x7fffffff) s = lb__fail(LB_ERR_LIMIT, "frame %zu takes %zu bytes", i, jpegs.size - before);
        if (!s) sizes[i] = (uint32_t)(jpegs.size - before);
    }
    if (!s && (jpegs.size > 0xf0000000u || n > 10000000)) s = lb__fail(LB_ERR_LIMIT, "a clip of %zu frames and %zu bytes; at most 4 GB can be written", n, jpegs.size);
    if (!s && lb__ends_with(name, ".avi")) s = lb__avi_pack(&jpegs, sizes, n, frames[0].width, frames[0].height, fps, out);
    else if (!s && (uint64_t)n * (uint64_t)(90000 / fps + 0.5) > 0xffffffffu) s = lb__fail(LB_ERR_LIMIT, "a clip of %zu frames at %g a second; at most 47721 seconds can be written", n, fps);
    else if (!s) {
        const int mov = lb__ends_with(name, ".mov");
        s = lb__buf_add(out, mov ? "\0\0\0\x14" "ftypqt  \0\0\2\0qt  " : "\0\0\0\x18" "ftypisom\0\0\2\0isommp41", mov ? 20 : 24);
        if (!s) s = lb__be32(out, (uint32_t)(jpegs.size + 8));
        if (!s) s = lb__buf_add(out, "mdat", 4);
        if (!s) s = lb__buf_add(out, jpegs.data, jpegs.size);
        if (!s) s = lb__mp4_head(out, sizes, n, frames[0].width, frames[0].height, fps, mov ? 28 : 32, mov);
    }
    lb__release(sizes); lb__buf_free(&jpegs);
    return s;
}
static lb_status lb__y4m_pack(const lb_image *frames, size_t n, double fps, lb__buf *out) {
    char head[96]; const size_t plane = frames[0].width * frames[0].height; size_t i, k;
    LB__TRY(lb__buf_add(out, head, lb__format(head, sizeof head, "YUV4MPEG2 W%zu H%zu F%u:1000 Ip A1:1 C444\n", frames[0].width, frames[0].height, (unsigned)(fps * 1000 + 0.5))));
    for (i = 0; i < n; i++) {
        const uint8_t *p = (const uint8_t *)frames[i].data; uint8_t *y; const size_t ch = (size_t)frames[i].channels, g = ch == 3, b = ch == 3 ? 2 : 0;
        LB__TRY(lb__buf_add(out, "FRAME\n", 6));
        LB__TRY(lb__buf_reserve(out, 3 * plane));
        y = out->data + out->size; out->size += 3 * plane;
        for (k = 0; k < plane; k++, p += ch) {
            const int R = p[0], G = p[g], B = p[b];
            y[k] = (uint8_t)((16829 * R + 33039 * G + 6416 * B + (16 << 16) + 32768) >> 16);
            y[plane + k] = (uint8_t)((-9714 * R - 19070 * G + 28784 * B + (128 << 16) + 32768) >> 16);
            y[2 * plane + k] = (uint8_t)((28784 * R - 24103 * G - 4681 * B + (128 << 16) + 32768) >> 16);
        }
    }
    return LB_OK;
}
/* What each writer takes; the ending of the name says which it is. */
static lb_status lb__video_encode(const lb_image *frames, size_t n, double fps, const char *name, int quality, lb__buf *out) {
    if (lb__ends_with(name, ".y4m")) return lb__y4m_pack(frames, n, fps, out);
    if (lb__ends_with(name, ".mp4") || lb__ends_with(name, ".mov") || lb__ends_with(name, ".avi")) return lb__mjpeg_pack(frames, n, fps, name, quality, out);
    return lb__fail(LB_ERR_ARG, "%s: the name does not end in mp4, mov, avi or y4m", name);
}
LB_API lb_status lb_video_save(lb_ctx *ctx, const lb_image *frames, size_t n, double fps, const char *path, int quality) {
    lb__buf b = { 0, 0, 0 }; lb_status s; size_t i;
    LB__POINTERS(ctx && frames && path);
    if (!n) return lb__fail(LB_ERR_ARG, "%s: a clip of no frames, at least one was expected", path);
    if (!(fps >= 0.1 && fps <= 1000)) return lb__fail(LB_ERR_ARG, "%s: %g frames per second, 0.1 to 1000 were expected", path, fps);
    if (!frames[0].data || !frames[0].width || !frames[0].height || frames[0].width > 65535 || frames[0].height > 65535) return lb__fail(LB_ERR_ARG, "%s: frame 0 of %zu x %zu pixels%s, 1 to 65535 a side were expected", path, frames[0].width, frames[0].height, frames[0].data ? "" : " without data");
    for (i = 0; i < n; i++)
        if (!frames[i].data || frames[i].bits != 8 || (frames[i].channels != 1 && frames[i].channels != 3) || frames[i].width != frames[0].width || frames[i].height != frames[0].height)
            return lb__fail(LB_ERR_ARG, "%s: frame %zu: 8 bits, 1 or 3 channels and %zu x %zu pixels were expected", path, i, frames[0].width, frames[0].height);
    s = lb__video_encode(frames, n, fps, path, quality, &b);
    if (!s) s = lb__writer_save(path, b.data, b.size);
    lb__buf_free(&b);
    return s;
}
#endif
#endif /* LB_NO_VIDEO */

/* ==== 12 >>weights ===============================================================================================================
 * The .lbw file: reading (mapped, nothing copied), checking, writing (streamed, whole or not at all).  weights/FORMAT.md describes the
 * bytes.  What the keys and tensors mean is section 13's affair.  Calls: base, parallel, tensor, text.
 * Held by: tests/test_weights.c, tests/test_hostile.c, tests/fuzz/lbw.c */

enum { LB__LBW_VERSION = 1, LB__LBW_HEADER = 64, LB__LBW_ENTRY = 40, LB__LBW_KEY = 16, LB__LBW_NAME = 255 };
static const char *const lb__meta_names[] = { "u64", "i64", "f64", "bool", "string" };

typedef struct lb__key { lb_meta meta; const unsigned char *value; } lb__key;
typedef struct lb__entry { const char *name; lb_tensor t; size_t offset, bytes; uint32_t crc; } lb__entry;
struct lb_file {
    const unsigned char *data; size_t size;     /* the file's bytes */
#ifndef LB_NO_STDIO
    lb__bytes map;
#endif
    void *copy;                                 /* tensor data when it cannot be used in place */
    lb__key *keys, **key_order;   size_t key_count;
    lb__entry *entries, **order;  size_t count;
};

/* Strings and names are followed by one to eight zero bytes, so that the next thing starts on a multiple of 8. */
LB__INLINE size_t lb__lbw_padded(size_t n) { return (n & ~(size_t)7) + 8; }
static int lb__entry_order(const void *a, const void *b) { return strcmp((*(lb__entry *const *)a)->name, (*(lb__entry *const *)b)->name); }
static int lb__key_order(const void *a, const void *b) { return strcmp((*(lb__key *const *)a)->meta.key, (*(lb__key *const *)b)->meta.key); }
static const char *lb__name_fault(const char *s, size_t n) {
    size_t i;
    if (!n || n > LB__LBW_NAME) return "1 to 255 bytes are expected";
    for (i = 0; i < n; i++) if ((unsigned char)s[i] < 32 || s[i] == 127) return "a control character is in it";
    return NULL;
}
/* Elements that a tensor occupies, and its bytes; 0 when that does not fit or a side is empty. */
static int lb__stored_bytes(const lb_tensor *t, size_t *bytes) {
    size_t n = 1, side; int i;
    for (i = 0; i < t->ndim; i++) {
        side = t->shape[i];
        if (t->layout == LB_PANEL && i == 0) { if (!lb__add(side, LB_PANEL_WIDTH - 1, &side)) return 0; side -= side % LB_PANEL_WIDTH; }
        if (!t->shape[i] || !lb__mul(n, side, &n)) return 0;
    }
    return lb__mul(n, lb_dtype_size(t->dtype), bytes) && *bytes <= PTRDIFF_MAX;
}
static const char *lb__tensor_fault(const lb_tensor *t, size_t *bytes) {
    if (!lb_dtype_size(t->dtype)) return "an unknown element type";
    if (t->layout != LB_ROWS && t->layout != LB_PANEL) return "an unknown layout";
    if (t->ndim < 0 || t->ndim > LB_MAX_DIMS) return "more than 6 dimensions";
    if (t->layout == LB_PANEL && t->ndim != 2) return "panels, which need 2 dimensions, with another number of them";
    if (!lb__stored_bytes(t, bytes)) return "a side of 0, or more bytes than this machine can address";
    return NULL;
}

static lb_status lb__lbw_keys(lb_ctx *ctx, lb_file *f, size_t end, uint64_t count, size_t *at_out) {
    size_t at = LB__LBW_HEADER, i, k;
    const unsigned char *p = f->data;
    if (count > ctx->limits.max_tensors) return lb__fail(LB_ERR_LIMIT, "%llu keys, the limit (max_tensors) is %zu", (unsigned long long)count, ctx->limits.max_tensors);
    if (count > (end - at) / (LB__LBW_KEY + 8)) return lb__fail(LB_ERR_FORMAT, "%llu keys do not fit in a head of %zu bytes", (unsigned long long)count, end);
    f->key_count = (size_t)count;
    f->keys = (lb__key *)lb__alloc(f->key_count, sizeof *f->keys); f->key_order = (lb__key **)lb__alloc(f->key_count, sizeof *f->key_order);
    if (!f->keys || !f->key_order) return LB_ERR_MEM;
    for (i = 0; i < f->key_count; i++) {
        lb__key *key = &f->keys[i]; size_t n, left = end - at; uint32_t type; uint64_t values; const char *why;
        if (left < LB__LBW_KEY) return lb__fail(LB_ERR_FORMAT, "key %zu starts at byte %zu, past the end of the head at %zu", i, at, end);
        n = lb__u32le(p + at); type = lb__u32le(p + at + 4); values = lb__u64le(p + at + 8); at += LB__LBW_KEY; left -= LB__LBW_KEY;
        if (n > LB__LBW_NAME || lb__lbw_padded(n) > left) return lb__fail(LB_ERR_FORMAT, "key %zu has a name of %zu bytes, 1 to 255 within the head are expected", i, n);
        why = lb__name_fault((const char *)p + at, n);
        if (why) return lb__fail(LB_ERR_FORMAT, "the name of key %zu is not valid: %s", i, why);
        for (k = n; k < lb__lbw_padded(n); k++) if (p[at + k]) return lb__fail(LB_ERR_FORMAT, "the name of key %zu is not followed by zeros", i);
        key->meta.key = (const char *)p + at; at += lb__lbw_padded(n); left -= lb__lbw_padded(n);
        if ((type & ~16u) > LB_META_STR) return lb__fail(LB_ERR_FORMAT, "key %s has type %u, which is not known", key->meta.key, type);
        key->meta.type = (lb_meta_type)(type & 15); key->meta.array = (type & 16) != 0;
        if (values > left / 8 || (!key->meta.array && values != 1)) return lb__fail(LB_ERR_FORMAT, "key %s has %llu values, which is not possible", key->meta.key, (unsigned long long)values);
        key->meta.count = (size_t)values; key->value = p + at;
        for (k = 0; k < key->meta.count; k++) {
            uint64_t v; left = end - at;
            if (left < 8) return lb__fail(LB_ERR_FORMAT, "the values of key %s run past the end of the head", key->meta.key);
            v = lb__u64le(p + at); at += 8; left -= 8;
            if (key->meta.type == LB_META_BOOL && v > 1) return lb__fail(LB_ERR_FORMAT, "key %s has a boolean that is neither 0 nor 1", key->meta.key);
            if (key->meta.type == LB_META_F64) { double d = lb__bits_f64(v); if (d != d || d > DBL_MAX || d < -DBL_MAX) return lb__fail(LB_ERR_FORMAT, "key %s has a number that is not finite", key->meta.key); }
            if (key->meta.type == LB_META_STR) {
                size_t z;
                if (v >= left || lb__lbw_padded((size_t)v) > left) return lb__fail(LB_ERR_FORMAT, "a string of key %s runs past the end of the head", key->meta.key);
                if (memchr(p + at, 0, (size_t)v)) return lb__fail(LB_ERR_FORMAT, "a string of key %s has a zero byte in it", key->meta.key);
                for (z = (size_t)v; z < lb__lbw_padded((size_t)v); z++) if (p[at + z]) return lb__fail(LB_ERR_FORMAT, "a string of key %s is not followed by zeros", key->meta.key);
                at += lb__lbw_padded((size_t)v);
            }
        }
        f->key_order[i] = key;
    }
    qsort(f->key_order, f->key_count, sizeof *f->key_order, lb__key_order);
    for (i = 1; i < f->key_count; i++) if (!lb__key_order(&f->key_order[i - 1], &f->key_order[i])) return lb__fail(LB_ERR_FORMAT, "key %s is there twice", f->key_order[i]->meta.key);
    *at_out = at;
    return LB_OK;
}
static lb_status lb__lbw_directory(lb_ctx *ctx, lb_file *f, size_t at, size_t end, uint64_t count) {
    const unsigned char *p = f->data; size_t i, k, last = end, own = 0;
    if (count > ctx->limits.max_tensors) return lb__fail(LB_ERR_LIMIT, "%llu tensors, the limit (max_tensors) is %zu", (unsigned long long)count, ctx->limits.max_tensors);
    if (count > (end - at) / (LB__LBW_ENTRY + 8)) return lb__fail(LB_ERR_FORMAT, "%llu tensors do not fit in a head of %zu bytes", (unsigned long long)count, end);
    f->count = (size_t)count;
    f->entries = (lb__entry *)lb__alloc(f->count, sizeof *f->entries); f->order = (lb__entry **)lb__alloc(f->count, sizeof *f->order);
    if (!f->entries || !f->order) return LB_ERR_MEM;
    for (i = 0; i < f->count; i++) {
        lb__entry *e = &f->entries[i]; size_t left = end - at, n, dims, bytes = 0; uint64_t offset, size; const char *why;
        if (left < LB__LBW_ENTRY) return lb__fail(LB_ERR_FORMAT, "tensor %zu of the directory starts at byte %zu, past the end of the head at %zu", i, at, end);
        n = lb__u32le(p + at); dims = lb__u32le(p + at + 12); offset = lb__u64le(p + at + 16); size = lb__u64le(p + at + 24);
        if (n > LB__LBW_NAME || dims > LB_MAX_DIMS || left - LB__LBW_ENTRY < dims * 8 + lb__lbw_padded(n)) return lb__fail(LB_ERR_FORMAT, "tensor %zu of the directory has %zu dimensions and a name of %zu bytes; up to 6 and up to 255, within the head, are expected", i, dims, n);
        e->name = (const char *)p + at + LB__LBW_ENTRY + dims * 8;
        why = lb__name_fault(e->name, n);
        if (why) return lb__fail(LB_ERR_FORMAT, "the name of tensor %zu is not valid: %s", i, why);
        for (k = n; k < lb__lbw_padded(n); k++) if (e->name[k]) return lb__fail(LB_ERR_FORMAT, "the name of tensor %zu is not followed by zeros", i);
        e->t.dtype = lb__u32le(p + at + 4) > LB_BOOL ? (lb_dtype)(LB_BOOL + 1) : (lb_dtype)lb__u32le(p + at + 4);
        e->t.layout = lb__u32le(p + at + 8) == LB_ROWS ? LB_ROWS : LB_PANEL;
        if (lb__u32le(p + at + 8) > LB_PANEL || lb__u32le(p + at + 36)) return lb__fail(LB_ERR_FORMAT, "tensor %s has layout %u, 0 (rows) or 1 (panels) is expected", e->name, lb__u32le(p + at + 8));
        e->t.ndim = (int)dims; e->crc = lb__u32le(p + at + 32);
        for (k = 0; k < dims; k++) {
            uint64_t side = lb__u64le(p + at + LB__LBW_ENTRY + 8 * k);
            e->t.shape[k] = side > SIZE_MAX ? 0 : (size_t)side;
        }
        why = lb__tensor_fault(&e->t, &bytes);
        if (why) return lb__fail(LB_ERR_FORMAT, "tensor %s has %s", e->name, why);
        if (size != bytes) return lb__fail(LB_ERR_FORMAT, "tensor %s has %llu bytes, its shape and type need %zu", e->name, (unsigned long long)size, bytes);
        if (offset < last) {                                  /* the very place of an earlier tensor: the two share it */
            size_t lo = 0, hi = own;
            while (lo < hi) { size_t mid = lo + (hi - lo) / 2; if (f->order[mid]->offset < offset) lo = mid + 1; else hi = mid; }
            if (lo == own || f->order[lo]->offset != offset || f->order[lo]->bytes != bytes || f->order[lo]->t.dtype != e->t.dtype || f->order[lo]->t.layout != e->t.layout || f->order[lo]->crc != e->crc)
                return lb__fail(LB_ERR_FORMAT, "tensor %s lies at byte %llu, inside other tensors' data; byte %zu or later, or the very place of one like it, is expected", e->name, (unsigned long long)offset, last);
        } else if (offset % 64 || offset > f->size || bytes > f->size - (size_t)offset)
            return lb__fail(LB_ERR_FORMAT, "tensor %s lies at byte %llu; a multiple of 64 from %zu on, with its %zu bytes inside the file's %zu, is expected", e->name, (unsigned long long)offset, last, bytes, f->size);
        else { last = (size_t)offset + bytes; f->order[own++] = e; }
        e->offset = (size_t)offset; e->bytes = bytes;
        at += LB__LBW_ENTRY + dims * 8 + lb__lbw_padded(n);
    }
    for (i = 0; i < f->count; i++) f->order[i] = &f->entries[i];
    qsort(f->order, f->count, sizeof *f->order, lb__entry_order);
    for (i = 1; i < f->count; i++) if (!lb__entry_order(&f->order[i - 1], &f->order[i])) return lb__fail(LB_ERR_FORMAT, "tensor %s is there twice", f->order[i]->name);
    return LB_OK;
}
/* Everything but how the bytes came here. */
static lb_status lb__lbw_parse(lb_ctx *ctx, lb_file *f, const char *hint) {
    const unsigned char *p = f->data; uint64_t size, directory, data; size_t at = 0, i, last = 0; unsigned char *base;
    if (!f->size) return lb__fail(LB_ERR_FORMAT, "the file is empty; a .lbw file was expected%s", hint);
    if (f->size < 4 || memcmp(p, "LBW1", 4)) return lb__fail(LB_ERR_FORMAT, "not a .lbw file: it does not start with LBW1%s", hint);
    if (f->size < LB__LBW_HEADER) return lb__fail(LB_ERR_FORMAT, "cut off after %zu bytes, the header alone has 64", f->size);
    if (lb__u32le(p + 4) != LB__LBW_VERSION) return lb__fail(LB_ERR_UNSUPPORTED, "layout version %u, this build reads %d; convert again", lb__u32le(p + 4), (int)LB__LBW_VERSION);
    size = lb__u64le(p + 8); directory = lb__u64le(p + 32); data = lb__u64le(p + 40);
    if (size != f->size) return lb__fail(LB_ERR_FORMAT, "%zu bytes are there, its header says %llu: the file was cut off or something was added", f->size, (unsigned long long)size);
    if (data % 64 || data < LB__LBW_HEADER || data > size) return lb__fail(LB_ERR_FORMAT, "tensor data at byte %llu; a multiple of 64 inside the file's %llu bytes is expected", (unsigned long long)data, (unsigned long long)size);
    if (lb__u32le(p + 52) || lb__u64le(p + 56)) return lb__fail(LB_ERR_FORMAT, "header bytes 52 to 63 are not zero");
    if (lb__crc32(0, p + LB__LBW_HEADER, (size_t)data - LB__LBW_HEADER) != lb__u32le(p + 48)) return lb__fail(LB_ERR_FORMAT, "the head (bytes 64 to %llu) is damaged: its CRC-32 is not the one in the header", (unsigned long long)data - 1);
    LB__TRY(lb__lbw_keys(ctx, f, (size_t)data, lb__u64le(p + 16), &at));
    if (directory != at) return lb__fail(LB_ERR_FORMAT, "the directory is at byte %llu, the keys end at %zu", (unsigned long long)directory, at);
    LB__TRY(lb__lbw_directory(ctx, f, at, (size_t)data, lb__u64le(p + 24)));
    if (((uintptr_t)p & 63) || !lb__host_little()) {
        f->copy = LB_MALLOC(f->size - (size_t)data + 64);
        if (!f->copy) return lb__fail(LB_ERR_MEM, "out of memory: %zu bytes were refused", f->size - (size_t)data + 64);
        base = (unsigned char *)(((uintptr_t)f->copy + 63) & ~(uintptr_t)63);
        memcpy(base, p + data, f->size - (size_t)data);
        for (i = 0; i < f->count; i++) {
            f->entries[i].t.data = base + (f->entries[i].offset - (size_t)data);
            if (!lb__host_little() && f->entries[i].offset >= last) lb__swap_bytes(f->entries[i].t.data, lb_dtype_size(f->entries[i].t.dtype), lb_tensor_stored(&f->entries[i].t));
            last = LB__MAX(last, f->entries[i].offset + f->entries[i].bytes);                /* shared places are swapped once */
        }
    } else for (i = 0; i < f->count; i++) f->entries[i].t.data = (void *)(uintptr_t)(p + f->entries[i].offset);
    return LB_OK;
}

LB_API void lb_file_free(lb_file *f) {
    if (!f) return;
#ifndef LB_NO_STDIO
    lb__bytes_close(&f->map);
#endif
    lb__release(f->copy); lb__release(f->keys); lb__release(f->key_order); lb__release(f->entries); lb__release(f->order);
    lb__release(f);
}
LB_API lb_status lb_file_open_memory(lb_ctx *ctx, const void *data, size_t size, lb_file **out) {
    lb_file *f; lb_status s;
    LB__POINTERS(ctx && data && out);
    *out = NULL;
    f = (lb_file *)lb__alloc(1, sizeof *f);
    if (!f) return LB_ERR_MEM;
    f->data = (const unsigned char *)data; f->size = size;
    s = lb__lbw_parse(ctx, f, "");
    if (s) lb_file_free(f); else *out = f;
    return s;
}
#ifndef LB_NO_STDIO
/* `hint` stands behind the sentence about what is no .lbw file. */
static lb_status lb__lbw_open(lb_ctx *ctx, const char *path, const char *hint, lb_file **out) {
    lb_file *f; lb_status s; struct stat st;
    f = (lb_file *)lb__alloc(1, sizeof *f);
    if (!f) return LB_ERR_MEM;
    s = lb__bytes_open(path, &f->map);
    if (!s) { f->data = f->map.data; f->size = f->map.size; s = lb__fail_in(lb__lbw_parse(ctx, f, hint), path); }
    else if (!stat(path, &st) && S_ISDIR(st.st_mode)) s = lb__fail(LB_ERR_IO, "%s: is a folder, a .lbw file was expected%s", path, hint);
    if (s) lb_file_free(f); else *out = f;
    return s;
}
LB_API lb_status lb_file_open(lb_ctx *ctx, const char *path, lb_file **out) {
    LB__POINTERS(ctx && path && out);
    *out = NULL;
    return lb__lbw_open(ctx, path, "", out);
}
#endif

LB_API size_t lb_file_tensors(const lb_file *f) { return f ? f->count : 0; }
LB_API const lb_tensor *lb_file_tensor_at(const lb_file *f, size_t i, const char **name) {
    if (name) *name = f && i < f->count ? f->entries[i].name : NULL;
    return f && i < f->count ? &f->entries[i].t : NULL;
}
LB_API const lb_tensor *lb_file_tensor(const lb_file *f, const char *name) {
    size_t lo = 0, hi = f && name ? f->count : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2; int c = strcmp(name, f->order[mid]->name);
        if (!c) return &f->order[mid]->t;
        if (c < 0) hi = mid; else lo = mid + 1;
    }
    return NULL;
}
static const lb__key *lb__file_key(const lb_file *f, const char *key) {
    size_t lo = 0, hi = f && key ? f->key_count : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2; int c = strcmp(key, f->key_order[mid]->meta.key);
        if (!c) return f->key_order[mid];
        if (c < 0) hi = mid; else lo = mid + 1;
    }
    return NULL;
}
LB_API size_t lb_file_keys(const lb_file *f) { return f ? f->key_count : 0; }
LB_API lb_meta lb_file_key_at(const lb_file *f, size_t i) {
    lb_meta none; memset(&none, 0, sizeof none);
    return f && i < f->key_count ? f->keys[i].meta : none;
}
LB_API int lb_file_has(const lb_file *f, const char *key) { return lb__file_key(f, key) != NULL; }

/* One number as the wanted type, 0 when that type cannot hold it. */
static int lb__meta_number(const lb__key *k, size_t i, lb_meta_type want, uint64_t *out) {
    uint64_t v = lb__u64le(k->value + 8 * i); double d = lb__bits_f64(v);
    if (k->meta.type == want) { *out = v; return 1; }
    if (want == LB_META_BOOL || k->meta.type == LB_META_BOOL || k->meta.type == LB_META_STR) return 0;
    if (want == LB_META_F64) {
        if ((k->meta.type == LB_META_I64 && (int64_t)v < 0 ? 0 - v : v) > (uint64_t)1 << 53) return 0;      /* before it is rounded */
        d = k->meta.type == LB_META_I64 ? (double)(int64_t)v : (double)v;
        memcpy(out, &d, 8); return 1;
    }
    if (k->meta.type == LB_META_F64) {
        if (d != floor(d) || fabs(d) > 9007199254740992.0 || (want == LB_META_U64 && d < 0)) return 0;
        *out = (uint64_t)(int64_t)d; return 1;
    }
    if ((int64_t)v < 0) return 0;               /* u64 and i64 share the numbers below 2^63 */
    *out = v; return 1;
}
static lb_status lb__meta_get(const lb_file *f, const char *key, lb_meta_type want, void *out, size_t cap, size_t *count) {
    const lb__key *k = lb__file_key(f, key); size_t i; const unsigned char *p; uint64_t v;
    if (!k) return lb__fail(LB_ERR_FORMAT, "the key %s (%s%s) is missing", key, lb__meta_names[want], count || cap != 1 ? " array" : "");
    if (k->meta.count > cap || (!count && k->meta.count != cap)) return lb__fail(LB_ERR_FORMAT, "the key %s has %zu values, %s%zu expected", key, k->meta.count, count ? "at most " : "", cap);
    if (want == LB_META_STR) {
        if (k->meta.type != LB_META_STR) return lb__fail(LB_ERR_FORMAT, "the key %s is %s, a string is expected", key, lb__meta_names[k->meta.type]);
        for (i = 0, p = k->value; i < k->meta.count; i++) { ((const char **)out)[i] = (const char *)p + 8; p += 8 + lb__lbw_padded((size_t)lb__u64le(p)); }
    } else for (i = 0; i < 2 * k->meta.count; i++)                                      /* nothing is written before all of them are known to fit */
        if (!lb__meta_number(k, i % k->meta.count, want, i < k->meta.count ? &v : (uint64_t *)out + i % k->meta.count)) return lb__fail(LB_ERR_FORMAT, "the key %s is %s and has a value that %s cannot hold", key, lb__meta_names[k->meta.type], lb__meta_names[want]);
    if (count) *count = k->meta.count;
    return LB_OK;
}
LB_API lb_status lb_file_get_u64(const lb_file *f, const char *key, uint64_t *out) { LB__POINTERS(f && key && out); return lb__meta_get(f, key, LB_META_U64, out, 1, NULL); }
LB_API lb_status lb_file_get_i64(const lb_file *f, const char *key, int64_t *out) { uint64_t v; LB__POINTERS(f && key && out); LB__TRY(lb__meta_get(f, key, LB_META_I64, &v, 1, NULL)); memcpy(out, &v, 8); return LB_OK; }
LB_API lb_status lb_file_get_f64(const lb_file *f, const char *key, double *out) { uint64_t v; LB__POINTERS(f && key && out); LB__TRY(lb__meta_get(f, key, LB_META_F64, &v, 1, NULL)); memcpy(out, &v, 8); return LB_OK; }
LB_API lb_status lb_file_get_bool(const lb_file *f, const char *key, int *out) { uint64_t v; LB__POINTERS(f && key && out); LB__TRY(lb__meta_get(f, key, LB_META_BOOL, &v, 1, NULL)); *out = (int)v; return LB_OK; }
LB_API lb_status lb_file_get_str(const lb_file *f, const char *key, const char **out) { LB__POINTERS(f && key && out); return lb__meta_get(f, key, LB_META_STR, (void *)out, 1, NULL); }
LB_API lb_status lb_file_get_u64s(const lb_file *f, const char *key, uint64_t *out, size_t cap, size_t *count) { LB__POINTERS(f && key && (out || !cap)); return lb__meta_get(f, key, LB_META_U64, out, cap, count); }
LB_API lb_status lb_file_get_strs(const lb_file *f, const char *key, const char **out, size_t cap, size_t *count) { LB__POINTERS(f && key && (out || !cap)); return lb__meta_get(f, key, LB_META_STR, (void *)out, cap, count); }
LB_API lb_status lb_file_get_f64s(const lb_file *f, const char *key, double *out, size_t cap, size_t *count) {
    const lb__key *k = lb__file_key(f, key); size_t i; uint64_t v;
    LB__POINTERS(f && key && (out || !cap));
    if (!k || k->meta.count > cap || (!count && k->meta.count != cap)) return lb__meta_get(f, key, LB_META_F64, NULL, cap, count);
    for (i = 0; i < 2 * k->meta.count; i++) {
        if (!lb__meta_number(k, i % k->meta.count, LB_META_F64, &v)) return lb__fail(LB_ERR_FORMAT, "the key %s is %s and has a value that f64 cannot hold", key, lb__meta_names[k->meta.type]);
        if (i >= k->meta.count) memcpy(out + i % k->meta.count, &v, 8);
    }
    if (count) *count = k->meta.count;
    return LB_OK;
}

LB__INLINE int lb__is_float(lb_dtype t) { return t == LB_F32 || t == LB_F16 || t == LB_BF16 || t == LB_F64; }

typedef struct lb__verify { const lb_file *f; unsigned char *bad; } lb__verify;
static void lb__verify_some(void *arg, size_t begin, size_t end, int worker) {
    const lb__verify *v = (const lb__verify *)arg; size_t i, k, j;
    (void)worker;
    for (i = begin; i < end; i++) {
        const lb__entry *e = &v->f->entries[i]; size_t n = lb_tensor_stored(&e->t); float tmp[1024];
        if (lb__crc32(0, v->f->data + e->offset, e->bytes) != e->crc) { v->bad[i] = 1; continue; }
        if (!lb__is_float(e->t.dtype)) continue;
        for (k = 0; k < n && !v->bad[i]; k += j) {
            size_t m = LB__MIN(n - k, LB__COUNT(tmp));
            if (e->t.dtype == LB_F64) for (j = 0; j < m; j++) tmp[j] = fabs(((const double *)e->t.data)[k + j]) <= DBL_MAX ? 0.0f : INFINITY;       /* finite as it is, be it beyond f32 */
            else lb__to_f32(tmp, e->t.data, e->t.dtype, k, m);
            for (j = 0; j < m; j++) if (!lb__finite(tmp[j])) v->bad[i] = 2;
        }
    }
}
LB_API lb_status lb_file_verify(lb_ctx *ctx, const lb_file *f) {
    lb__verify v; size_t i; lb_status s = LB_OK;
    LB__POINTERS(ctx && f);
    v.f = f; v.bad = (unsigned char *)lb__alloc(f->count, 1);
    if (!v.bad) return LB_ERR_MEM;
    lb_parallel_for(ctx, f->count, 1, lb__verify_some, &v);
    for (i = 0; i < f->count && !s; i++) {
        if (v.bad[i] == 1) s = lb__fail(LB_ERR_FORMAT, "tensor %s is damaged: its CRC-32 is not the one in the directory", f->entries[i].name);
        if (v.bad[i] == 2) s = lb__fail(LB_ERR_FORMAT, "tensor %s has values that are NaN or infinite", f->entries[i].name);
    }
    lb__release(v.bad);
    return s;
}
LB_API lb_status lb_file_tokenizer(lb_ctx *ctx, const lb_file *f, lb_tokenizer **out) {
    const lb_tensor *m; lb_tokenizer *t = NULL; const char *kind = NULL; uint64_t id;
    LB__POINTERS(ctx && f && out);
    *out = NULL;
    m = lb_file_tensor(f, "tokenizer.merges");
    if (!m && !lb_file_has(f, "tokenizer.kind")) return lb__fail(LB_ERR_MISMATCH, "the file has no tokenizer (a tensor tokenizer.merges)");
    if (m && (m->dtype != LB_U16 || m->ndim != 2 || m->shape[1] != 2)) return lb__fail(LB_ERR_FORMAT, "tokenizer.merges is no u16 [n, 2]");
    if (lb_file_has(f, "tokenizer.kind")) {
        LB__TRY(lb_file_get_str(f, "tokenizer.kind", &kind));
        if (!kind || strcmp(kind, "clip-bpe")) return lb__fail(LB_ERR_UNSUPPORTED, "tokenizer.kind is \"%s\", \"clip-bpe\" was expected", kind);
    }
    LB__TRY(lb_tokenizer_new(ctx, m ? (const uint16_t *)m->data : NULL, m ? m->shape[0] : 0, &t));        /* a kind without merges: bytes alone */
    if ((lb_file_has(f, "tokenizer.sot") && !lb_file_get_u64(f, "tokenizer.sot", &id) && id != (uint64_t)lb_tokenizer_sot(t))
        || (lb_file_has(f, "tokenizer.eot") && !lb_file_get_u64(f, "tokenizer.eot", &id) && id != (uint64_t)lb_tokenizer_eot(t))) {
        lb_tokenizer_free(t);
        return lb__fail(LB_ERR_FORMAT, "tokenizer: start or end of text is id %llu, which is not where %zu merges put it", (unsigned long long)id, m ? m->shape[0] : 0);
    }
    *out = t;
    return LB_OK;
}
LB_API lb_status lb_file_identity(const lb_file *f, const char *tower, char out[65]) {
    lb__sha256 h; uint8_t digest[32], b[8]; size_t i, n, used = 0; int k;
    LB__POINTERS(f && tower && out);
    n = strlen(tower);
    lb__sha256_init(&h);
    for (i = 0; i < f->count; i++) {
        const lb__entry *e = f->order[i];
        if (strncmp(e->name, tower, n) || e->name[n] != '.' || strstr(e->name, ".lora.") || !strcmp(e->name + n, ".logit_scale")) continue;
        used++;
        lb__sha256_add(&h, e->name + n, strlen(e->name + n) + 1);
        lb__put32le(b, (uint32_t)e->t.dtype); lb__put32le(b + 4, (uint32_t)e->t.layout); lb__sha256_add(&h, b, 8);
        lb__put32le(b, (uint32_t)e->t.ndim);  lb__put32le(b + 4, e->crc);                lb__sha256_add(&h, b, 8);
        for (k = 0; k < e->t.ndim; k++) { lb__put64le(b, e->t.shape[k]); lb__sha256_add(&h, b, 8); }
    }
    if (!used) return lb__fail(LB_ERR_ARG, "there is no tower %s", tower);
    lb__sha256_done(&h, digest);
    lb__sha256_text(digest, out);
    return LB_OK;
}

/* ---- 12.1 writing ---- */
#ifndef LB_NO_STDIO

typedef struct lb__declared { char name[LB__LBW_NAME + 1]; lb_tensor t; size_t bytes; uint64_t offset; uint32_t crc; size_t shares; } lb__declared;   /* t.data: added, NULL: will be put; shares: 1 + the tensor whose place it has */
struct lb_file_writer {
    lb_ctx    *ctx;
    lb_status  status; char why[512];           /* the first error */
    lb__writer out;
    lb__buf    keys, declared, head, slice;
    size_t     key_count, count, next;          /* next: tensors written */
    int        started;
    uint64_t   data;                            /* where tensor data begins */
};
/* The first error of a writer: with one, calls do nothing.  NULL is an error of its own. */
static lb_status lb__file_state(const lb_file_writer *w) { return w ? w->status : lb__fail(LB_ERR_ARG, "the writer of a weight file is NULL"); }
static lb_status lb__file_stick(lb_file_writer *w, lb_status s) {
    if (w && s && !w->status) { w->status = s; lb__format(w->why, sizeof w->why, "%s", lb_last_error()); }
    return w ? w->status : s;
}
LB_API void lb_file_abandon(lb_file_writer *w) {
    if (!w) return;
    lb__writer_abort(&w->out);
    lb__buf_free(&w->keys); lb__buf_free(&w->declared); lb__buf_free(&w->head); lb__buf_free(&w->slice);
    lb__release(w);
}
LB_API lb_status lb_file_create(lb_ctx *ctx, const char *path, lb_file_writer **out) {
    lb_file_writer *w; lb_status s;
    LB__POINTERS(ctx && path && out);
    *out = NULL;
    w = (lb_file_writer *)lb__alloc(1, sizeof *w);
    if (!w) return LB_ERR_MEM;
    w->ctx = ctx;
    s = lb__writer_open(path, &w->out);
    if (s) lb_file_abandon(w); else *out = w;
    return s;
}

/* Append one key; one that is there already gives way. */
static lb_status lb__file_set(lb_file_writer *w, const char *key, lb_meta_type type, int array, const void *values, size_t count) {
    static const unsigned char zero[8] = { 0 }; unsigned char h[LB__LBW_KEY]; size_t at, i, n; const char *why;
    LB__TRY(lb__file_state(w));
    if (!key || (!values && count)) return lb__fail(LB_ERR_ARG, "a key without %s", key ? "values" : "a name");
    n = strlen(key); why = lb__name_fault(key, n);
    if (why) return lb__fail(LB_ERR_ARG, "the key %s is not valid: %s", key, why);
    if (w->started) return lb__fail(LB_ERR_ARG, "the key %s comes after the first tensor was written", key);
    for (at = 0; at < w->keys.size; ) {
        unsigned char *p = w->keys.data + at; size_t k = lb__u32le(p), size = LB__LBW_KEY + lb__lbw_padded(k);
        for (i = 0; i < lb__u64le(p + 8); i++) size += 8 + ((lb__u32le(p + 4) & 15) == LB_META_STR ? lb__lbw_padded((size_t)lb__u64le(p + size)) : 0);
        if (k == n && !memcmp(p + LB__LBW_KEY, key, n)) { memmove(p, p + size, w->keys.size - at - size); w->keys.size -= size; w->key_count--; break; }
        at += size;
    }
    lb__put32le(h, (uint32_t)n); lb__put32le(h + 4, (uint32_t)type | (array ? 16u : 0)); lb__put64le(h + 8, count);
    LB__TRY(lb__buf_add(&w->keys, h, sizeof h));
    LB__TRY(lb__buf_add(&w->keys, key, n)); LB__TRY(lb__buf_add(&w->keys, zero, lb__lbw_padded(n) - n));
    for (i = 0; i < count; i++) {
        const char *s = NULL; uint64_t v = 0;
        if (type == LB_META_STR) { s = ((const char *const *)values)[i]; if (!s) return lb__fail(LB_ERR_ARG, "the key %s would get a string that is NULL", key); v = strlen(s); }
        else memcpy(&v, (const uint64_t *)values + i, 8);
        if (type == LB_META_F64) { double d = lb__bits_f64(v); if (d != d || d > DBL_MAX || d < -DBL_MAX) return lb__fail(LB_ERR_NUMERIC, "the key %s would get a number that is not finite", key); }
        lb__put64le(h, v); LB__TRY(lb__buf_add(&w->keys, h, 8));
        if (s) { LB__TRY(lb__buf_add(&w->keys, s, (size_t)v)); LB__TRY(lb__buf_add(&w->keys, zero, lb__lbw_padded((size_t)v) - (size_t)v)); }
    }
    w->key_count++;
    return LB_OK;
}
LB_API void lb_file_set_u64(lb_file_writer *w, const char *key, uint64_t v) { lb__file_stick(w, lb__file_set(w, key, LB_META_U64, 0, &v, 1)); }
LB_API void lb_file_set_i64(lb_file_writer *w, const char *key, int64_t v) { lb__file_stick(w, lb__file_set(w, key, LB_META_I64, 0, &v, 1)); }
LB_API void lb_file_set_f64(lb_file_writer *w, const char *key, double v) { lb__file_stick(w, lb__file_set(w, key, LB_META_F64, 0, &v, 1)); }
LB_API void lb_file_set_bool(lb_file_writer *w, const char *key, int v) { uint64_t u = v != 0; lb__file_stick(w, lb__file_set(w, key, LB_META_BOOL, 0, &u, 1)); }
LB_API void lb_file_set_str(lb_file_writer *w, const char *key, const char *v) { lb__file_stick(w, lb__file_set(w, key, LB_META_STR, 0, &v, 1)); }
LB_API void lb_file_set_u64s(lb_file_writer *w, const char *key, const uint64_t *v, size_t n) { lb__file_stick(w, lb__file_set(w, key, LB_META_U64, 1, v, n)); }
LB_API void lb_file_set_f64s(lb_file_writer *w, const char *key, const double *v, size_t n) { lb__file_stick(w, lb__file_set(w, key, LB_META_F64, 1, v, n)); }
LB_API void lb_file_set_strs(lb_file_writer *w, const char *key, const char *const *v, size_t n) { lb__file_stick(w, lb__file_set(w, key, LB_META_STR, 1, v, n)); }
static lb_status lb__file_copy_key(lb_file_writer *w, const lb__key *k, const char *from, const char *to) {
    char name[2 * LB__LBW_NAME + 2]; void *values; lb_status s = LB_OK; size_t i, n = k->meta.count; const unsigned char *p = k->value;
    lb__format(name, sizeof name, "%s%s", to, k->meta.key + strlen(from));
    values = lb__alloc(n, LB__MAX(sizeof(char *), sizeof(uint64_t)));
    if (!values) return LB_ERR_MEM;
    for (i = 0; i < n; i++) {
        if (k->meta.type == LB_META_STR) { ((const char **)values)[i] = (const char *)p + 8; p += 8 + lb__lbw_padded((size_t)lb__u64le(p)); }
        else { ((uint64_t *)values)[i] = lb__u64le(p); p += 8; }
    }
    s = lb__file_set(w, name, k->meta.type, k->meta.array, values, n);
    lb__release(values);
    return s;
}
LB_API void lb_file_copy_keys(lb_file_writer *w, const lb_file *f, const char *from, const char *to) {
    size_t i;
    if (!f || !from || !to) { lb__file_stick(w, lb__fail(LB_ERR_ARG, "keys are copied from a file, between two beginnings of names; one of them is NULL")); return; }
    for (i = 0; i < f->key_count; i++) if (!strncmp(f->keys[i].meta.key, from, strlen(from))) lb__file_stick(w, lb__file_copy_key(w, &f->keys[i], from, to));
}

static lb_status lb__file_declare(lb_file_writer *w, const char *name, const lb_tensor *t) {
    lb__declared d; size_t n; const char *why;
    LB__TRY(lb__file_state(w));
    if (!name) return lb__fail(LB_ERR_ARG, "a tensor without a name");
    n = strlen(name); why = lb__name_fault(name, n);
    memset(&d, 0, sizeof d);
    if (why) return lb__fail(LB_ERR_ARG, "the tensor name %s is not valid: %s", name, why);
    if (w->started) return lb__fail(LB_ERR_ARG, "tensor %s is declared after the first one was written", name);
    d.t = *t; d.t.grad = NULL;
    why = lb__tensor_fault(t, &d.bytes);
    if (why) return lb__fail(LB_ERR_ARG, "tensor %s has %s", name, why);
    if (w->count >= w->ctx->limits.max_tensors) return lb__fail(LB_ERR_LIMIT, "more than %zu tensors (max_tensors)", w->ctx->limits.max_tensors);
    memcpy(d.name, name, n);
    LB__TRY(lb__buf_add(&w->declared, &d, sizeof d));
    w->count++;
    return LB_OK;
}
LB_API void lb_file_add(lb_file_writer *w, const char *name, const lb_tensor *t) {
    lb__file_stick(w, t && t->data ? lb__file_declare(w, name, t) : lb__fail(LB_ERR_ARG, "tensor %s has no data", name ? name : "without a name"));
}
LB_API void lb_file_declare(lb_file_writer *w, const char *name, lb_dtype dtype, lb_layout layout, int ndim, const size_t *shape) {
    lb_tensor t; int i;
    memset(&t, 0, sizeof t);
    t.dtype = dtype; t.layout = layout; t.ndim = ndim;
    for (i = 0; shape && i < ndim && i < LB_MAX_DIMS; i++) t.shape[i] = shape[i];
    lb__file_stick(w, lb__file_declare(w, name, &t));
}

static lb_status lb__file_share(lb_file_writer *w, const char *name, const char *of) {
    size_t i; lb__declared *d; lb_tensor t;
    LB__TRY(lb__file_state(w));
    if (!of) return lb__fail(LB_ERR_ARG, "tensor %s is to share the place of one without a name", name ? name : "without a name");
    d = (lb__declared *)(void *)w->declared.data;
    for (i = 0; i < w->count && strcmp(d[i].name, of); i++) { }
    if (i == w->count) return lb__fail(LB_ERR_ARG, "tensor %s is to share the place of %s, which was not declared", name, of);
    t = d[i].t;
    if (d[i].shares) i = d[i].shares - 1;
    LB__TRY(lb__file_declare(w, name, &t));
    ((lb__declared *)(void *)w->declared.data)[w->count - 1].shares = i + 1;
    return LB_OK;
}
LB_API void lb_file_share(lb_file_writer *w, const char *name, const char *of) { lb__file_stick(w, lb__file_share(w, name, of)); }

static int lb__declared_order(const void *a, const void *b) { return strcmp((*(lb__declared *const *)a)->name, (*(lb__declared *const *)b)->name); }
/* Header, keys and directory as they are now (checksums of tensors not yet written are 0), padded to the tensor data. */
static lb_status lb__file_head(lb_file_writer *w) {
    static const unsigned char zero[64] = { 0 }; lb__declared *d = (lb__declared *)(void *)w->declared.data; unsigned char h[LB__LBW_HEADER] = { 'L', 'B', 'W', '1' }; size_t i, size = LB__LBW_HEADER + w->keys.size; int k;
    uint64_t at;
    w->head.size = 0;
    for (i = 0; i < w->count; i++) size += LB__LBW_ENTRY + 8 * (size_t)d[i].t.ndim + lb__lbw_padded(strlen(d[i].name));
    size = (size + 63) & ~(size_t)63;
    w->data = at = size;
    for (i = 0; i < w->count; i++) {
        if (d[i].shares) { d[i].offset = d[d[i].shares - 1].offset; d[i].crc = d[d[i].shares - 1].crc; continue; }
        d[i].offset = (at + 63) & ~(uint64_t)63; at = d[i].offset + d[i].bytes;
    }
    lb__put32le(h + 4, LB__LBW_VERSION); lb__put64le(h + 8, at); lb__put64le(h + 16, w->key_count); lb__put64le(h + 24, w->count);
    lb__put64le(h + 32, LB__LBW_HEADER + w->keys.size); lb__put64le(h + 40, size);
    LB__TRY(lb__buf_reserve(&w->head, size));
    LB__TRY(lb__buf_add(&w->head, h, sizeof h)); LB__TRY(lb__buf_add(&w->head, w->keys.data, w->keys.size));
    for (i = 0; i < w->count; i++) {
        unsigned char e[LB__LBW_ENTRY] = { 0 }; size_t n = strlen(d[i].name);
        lb__put32le(e, (uint32_t)n); lb__put32le(e + 4, (uint32_t)d[i].t.dtype); lb__put32le(e + 8, (uint32_t)d[i].t.layout); lb__put32le(e + 12, (uint32_t)d[i].t.ndim);
        lb__put64le(e + 16, d[i].offset); lb__put64le(e + 24, d[i].bytes); lb__put32le(e + 32, d[i].crc);
        LB__TRY(lb__buf_add(&w->head, e, sizeof e));
        for (k = 0; k < d[i].t.ndim; k++) { lb__put64le(e, d[i].t.shape[k]); LB__TRY(lb__buf_add(&w->head, e, 8)); }
        LB__TRY(lb__buf_add(&w->head, d[i].name, n)); LB__TRY(lb__buf_add(&w->head, zero, lb__lbw_padded(n) - n));
    }
    LB__TRY(lb__buf_add(&w->head, zero, size - w->head.size));
    lb__put32le(w->head.data + 48, lb__crc32(0, w->head.data + LB__LBW_HEADER, size - LB__LBW_HEADER));
    return LB_OK;
}
static lb_status lb__file_start(lb_file_writer *w) {
    lb__declared *d = (lb__declared *)(void *)w->declared.data, **order; size_t i; lb_status s = LB_OK;
    if (w->started) return LB_OK;
    w->started = 1;
    order = (lb__declared **)lb__alloc(w->count, sizeof *order);
    if (!order) return LB_ERR_MEM;
    for (i = 0; i < w->count; i++) order[i] = &d[i];
    qsort(order, w->count, sizeof *order, lb__declared_order);
    for (i = 1; i < w->count && !s; i++) if (!lb__declared_order(&order[i - 1], &order[i])) s = lb__fail(LB_ERR_ARG, "tensor %s is declared twice", order[i]->name);
    lb__release(order);
    if (!s) s = lb__file_head(w);
    return s ? s : lb__writer_add(&w->out, w->head.data, w->head.size);
}
/* n floats in the declared type, little endian, to the file. */
static lb_status lb__file_emit(lb_file_writer *w, lb__declared *d, const float *v, size_t n) {
    unsigned char tmp[4096]; size_t i, k, width = lb_dtype_size(d->t.dtype);
    for (i = 0; i < n; i += k) {
        for (k = 0; k < n - i && (k + 1) * width <= sizeof tmp; k++) {
            float x = v[i + k];
            if (!lb__finite(x)) return lb__fail(LB_ERR_NUMERIC, "tensor %s has a value that is NaN, infinite or too large for f32", d->name);
            if (d->t.dtype == LB_F32) lb__put32le(tmp + 4 * k, lb__f32_bits(x));
            else if (d->t.dtype == LB_BF16) { uint16_t u = lb__f32_bf16(x); if ((u & 0x7f80) == 0x7f80) return lb__fail(LB_ERR_NUMERIC, "tensor %s has the value %g, too large for bf16", d->name, (double)x); lb__put16le(tmp + 2 * k, u); }
            else { uint16_t u = lb__f32_f16(x); if ((u & 0x7c00) == 0x7c00) return lb__fail(LB_ERR_NUMERIC, "tensor %s has the value %g, too large for f16; bf16 or f32 can hold it", d->name, (double)x); lb__put16le(tmp + 2 * k, u); }
        }
        d->crc = lb__crc32(d->crc, tmp, k * width);
        LB__TRY(lb__writer_add(&w->out, tmp, k * width));
    }
    return LB_OK;
}
static lb_status lb__file_emit_tensor(lb_file_writer *w, lb__declared *d, const lb_tensor *v) {
    static const unsigned char zero[64] = { 0 }; size_t n = lb_tensor_stored(v), i, m, r, k; float *f, *packed;
    LB__TRY(lb__writer_add(&w->out, zero, (size_t)(d->offset - w->out.offset)));
    if (d->t.dtype != LB_F32 && d->t.dtype != LB_F16 && d->t.dtype != LB_BF16) {              /* as it is */
        size_t width = lb_dtype_size(d->t.dtype), step = 4096 / width;
        if (v->dtype != d->t.dtype || v->layout != d->t.layout) return lb__fail(LB_ERR_ARG, "tensor %s is declared %s in %s, its values are %s in %s", d->name, lb_dtype_name(d->t.dtype), d->t.layout ? "panels" : "rows", lb_dtype_name(v->dtype), v->layout ? "panels" : "rows");
        for (i = 0; i < n; i += m) {
            unsigned char tmp[4096];
            m = LB__MIN(step, n - i);
            memcpy(tmp, (const unsigned char *)v->data + i * width, m * width);
            if (v->dtype == LB_F64) for (k = 0; k < m; k++) { double x; memcpy(&x, tmp + 8 * k, 8); if (x != x || x > DBL_MAX || x < -DBL_MAX) return lb__fail(LB_ERR_NUMERIC, "tensor %s has a value that is NaN or infinite", d->name); }
            if (!lb__host_little()) lb__swap_bytes(tmp, width, m);
            d->crc = lb__crc32(d->crc, tmp, m * width);
            LB__TRY(lb__writer_add(&w->out, tmp, m * width));
        }
        return LB_OK;
    }
    if (v->layout == d->t.layout) {
        float tmp[2048];
        for (i = 0; i < n; i += m) { m = LB__MIN(LB__COUNT(tmp), n - i); lb__to_f32(tmp, v->data, v->dtype, i, m); LB__TRY(lb__file_emit(w, d, tmp, m)); }
        return LB_OK;
    }
    if (v->layout != LB_ROWS) return lb__fail(LB_ERR_ARG, "tensor %s is declared in rows, its values are in panels", d->name);
    {   /* one panel at a time: up to 32 rows in, k-major out */
        size_t N = v->shape[0], K = v->shape[1], bytes;
        if (!lb__mul(K, (LB_PANEL_WIDTH + 1) * sizeof(float), &bytes)) return lb__fail(LB_ERR_MEM, "out of memory: a panel of tensor %s does not fit", d->name);
        w->slice.size = 0;
        LB__TRY(lb__buf_reserve(&w->slice, bytes));
        f = (float *)(void *)w->slice.data; packed = f + K;
        for (i = 0; i < N; i += LB_PANEL_WIDTH) {
            memset(packed, 0, K * LB_PANEL_WIDTH * sizeof(float));
            for (r = 0; r < LB_PANEL_WIDTH && i + r < N; r++) {
                lb__to_f32(f, v->data, v->dtype, (i + r) * K, K);
                for (k = 0; k < K; k++) packed[k * LB_PANEL_WIDTH + r] = f[k];
            }
            LB__TRY(lb__file_emit(w, d, packed, K * LB_PANEL_WIDTH));
        }
    }
    return LB_OK;
}
/* The added tensors that stand before the next declared one. */
static lb_status lb__file_catch_up(lb_file_writer *w) {
    lb__declared *d = (lb__declared *)(void *)w->declared.data;
    LB__TRY(lb__file_start(w));
    for (; w->next < w->count && (d[w->next].t.data || d[w->next].shares); w->next++) if (!d[w->next].shares) LB__TRY(lb__file_emit_tensor(w, &d[w->next], &d[w->next].t));
    return LB_OK;
}
static lb_status lb__file_put(lb_file_writer *w, const char *name, const lb_tensor *v) {
    lb__declared *d; int i, same;
    LB__TRY(lb__file_state(w));
    if (!name || !v) return lb__fail(LB_ERR_ARG, "a tensor without %s", name ? "values" : "a name");
    LB__TRY(lb__file_catch_up(w));
    d = (lb__declared *)(void *)w->declared.data + w->next;
    if (w->next >= w->count || strcmp(d->name, name)) return lb__fail(LB_ERR_ARG, "tensor %s is put where %s was declared", name, w->next < w->count ? d->name : "nothing more");
    for (same = v->ndim == d->t.ndim, i = 0; same && i < v->ndim; i++) same = v->shape[i] == d->t.shape[i];
    if (!same || !v->data) return lb__fail(LB_ERR_ARG, v->data ? "tensor %s is put with another shape than it was declared with" : "tensor %s is put without data", name);
    if (!lb_dtype_size(v->dtype)) return lb__fail(LB_ERR_ARG, "tensor %s is put with values of an unknown type, %d", name, (int)v->dtype);
    LB__TRY(lb__file_emit_tensor(w, d, v));
    w->next++;
    return LB_OK;
}
LB_API lb_status lb_file_put(lb_file_writer *w, const char *name, const lb_tensor *v) { return lb__file_stick(w, lb__file_put(w, name, v)); }
static lb_status lb__file_commit(lb_file_writer *w) {
    LB__TRY(lb__file_catch_up(w));
    if (w->next < w->count) return lb__fail(LB_ERR_ARG, "tensor %s was declared but never put", ((lb__declared *)(void *)w->declared.data)[w->next].name);
    LB__TRY(lb__file_head(w));
    LB__TRY(lb__writer_patch(&w->out, 0, w->head.data, w->head.size));
    return lb__writer_commit(&w->out);
}
LB_API void lb_file_add_tokenizer(lb_file_writer *w, const lb_tokenizer *t) {
    lb_tensor m;
    memset(&m, 0, sizeof m);
    if (!t) { lb__file_stick(w, lb__fail(LB_ERR_ARG, "a tokenizer that is NULL")); return; }
    m.dtype = LB_U16; m.ndim = 2; m.shape[0] = t->n; m.shape[1] = 2; m.data = t->merges;
    lb_file_set_str(w, "tokenizer.kind", "clip-bpe");
    lb_file_set_u64(w, "tokenizer.sot", (uint64_t)lb_tokenizer_sot(t));
    lb_file_set_u64(w, "tokenizer.eot", (uint64_t)lb_tokenizer_eot(t));
    if (t->n) lb_file_add(w, "tokenizer.merges", &m);
}
LB_API lb_status lb_file_commit(lb_file_writer *w) {
    lb_status s;
    LB__POINTERS(w);
    s = w->status;
    if (!s) s = lb__file_commit(w);
    else lb__fail(s, "%s", w->why);
    lb_file_abandon(w);
    return s;
}
#endif /* LB_NO_STDIO */

/* ==== 13 >>model =================================================================================================================
 * A model: towers, modalities, and the table of its weights by name.  Made from a description with random weights, or from a weight
 * file that is only mapped.  It is never written to after that, so threads share it; all scratch is the context's.
 * Calls: base, kernels, tensor, nn, text, image, audio, video, weights.  Held by: tests/test_model.c, tests/test_model_alloc.c, tests/test_modality.c,
 * tests/fuzz/modality.c */

/* How a fresh weight is drawn: a constant, normal with that deviation, or uniform in +- that bound. */
typedef enum lb__init { LB__CONST, LB__NORMAL, LB__UNIFORM } lb__init;
enum { LB__NAME = 96 };
typedef struct lb__param { char name[LB__NAME]; lb_tensor t; lb__init init; float spread; int owned; } lb__param;
struct lb_model {
    lb_model_desc desc;
    lb__tower    tower[LB_MAX_TOWERS];
    lb__param   *param; size_t params;
    lb__block   *blocks;
    lb__lora    *lora;
    lb_tensor   *logit_scale[LB_MAX_MODALITIES];
    lb_file      *file;
    lb_tokenizer *tokenizer;
    const lb_model *base;                              /* whose weights and tokenizer this one borrows, or NULL */
    char          from[LB_NAME_SIZE];                  /* lb_model_extend: the tower of the base that the last one started from */
};

/* The model at the bottom of those that borrow from one another: what a file made, or a description. */
static const lb_model *lb__model_root(const lb_model *m) { while (m->base) m = m->base; return m; }
static const lb_file *lb__model_file(const lb_model *m) { return lb__model_root(m)->file; }

/* ---- 13.1 the plan: which weights a description asks for ---- */

/* Walks the description twice: once to count, once with the tables allocated. */
typedef struct lb__plan { lb_model *m; size_t params, blocks, loras; const char *tower; } lb__plan;
static lb_tensor *lb__plan_add(lb__plan *p, const char *name, int ndim, size_t s0, size_t s1, lb_layout layout, lb__init init, double spread) {
    lb__param *q;
    p->params++;
    if (!p->m->param) return NULL;
    q = &p->m->param[p->params - 1];
    lb__format(q->name, sizeof q->name, p->tower[0] ? "%s.%s" : "%s%s", p->tower, name);
    q->t.dtype = LB_F32; q->t.layout = layout; q->t.ndim = ndim; q->t.shape[0] = s0;
    if (ndim > 1) q->t.shape[1] = s1;
    q->init = init; q->spread = (float)spread;
    return &q->t;
}
static void lb__plan_lin(lb__plan *p, lb__lin *l, const char *prefix, size_t N, size_t K, lb__init init, double spread, int bias, double bias_spread) {
    char name[LB__NAME];
    lb__format(name, sizeof name, "%s.weight", prefix);
    l->w = lb__plan_add(p, name, 2, N, K, LB_PANEL, init, spread);
    lb__format(name, sizeof name, "%s.bias", prefix);
    l->b = bias ? lb__plan_add(p, name, 1, N, 0, LB_ROWS, bias_spread > 0 ? LB__UNIFORM : LB__CONST, bias_spread) : NULL;
}
static void lb__plan_norm(lb__plan *p, lb__norm *n, const char *prefix, size_t D, float eps) {
    char name[LB__NAME];
    lb__format(name, sizeof name, "%s.weight", prefix);
    n->w = lb__plan_add(p, name, 1, D, 0, LB_ROWS, LB__CONST, 1);
    lb__format(name, sizeof name, "%s.bias", prefix);
    n->b = lb__plan_add(p, name, 1, D, 0, LB_ROWS, LB__CONST, 0);
    n->eps = eps;
}
/* A uniform in +-1/sqrt(in), B zero: a fresh update changes nothing. */
static void lb__plan_lora(lb__plan *p, lb__lin *l, const char *prefix, const lb_tower_desc *d, int targets) {
    static const char *const name[] = { "q", "k", "v", "out" }; const size_t D = (size_t)d->width, R = (size_t)d->lora_rank; int i; char a[LB__NAME], b[LB__NAME];
    for (i = 0; i < 4; i++) {
        lb__lora *r = p->m->lora ? &p->m->lora[p->loras] : NULL;
        if (!(targets & d->lora_targets & 1 << i)) continue;
        lb__format(a, sizeof a, "%s.lora.%s.a", prefix, name[i]); lb__format(b, sizeof b, "%s.lora.%s.b", prefix, name[i]);
        if (r) {
            if (!l->loras++) l->lora = r;
            r->n0 = i < 3 ? (size_t)i * D : 0; r->n = D; r->scale = d->lora_alpha / (float)d->lora_rank; r->dropout = d->lora_dropout; r->stream = p->loras;
            r->a = lb__plan_add(p, a, 2, R, D, LB_PANEL, LB__UNIFORM, 1 / sqrt((double)D)); r->b = lb__plan_add(p, b, 2, D, R, LB_PANEL, LB__CONST, 0);
        } else p->params += 2;
        p->loras++;
    }
}
static void lb__plan_attn(lb__plan *p, lb__lin *qkv, lb__lin *out, const char *prefix, const lb_tower_desc *d, int lora) {
    const size_t D = (size_t)d->width; const double w = (double)d->width; char name[LB__NAME];
    lb__format(name, sizeof name, "%s.qkv", prefix);
    if (d->kind == LB_TOWER_TEXT) lb__plan_lin(p, qkv, name, 3 * D, D, LB__NORMAL, 1 / sqrt(w), 1, 0);
    else lb__plan_lin(p, qkv, name, 3 * D, D, LB__UNIFORM, sqrt(6 / (4 * w)), 1, 0);
    lb__format(name, sizeof name, "%s.out", prefix);
    if (d->kind == LB_TOWER_TEXT) lb__plan_lin(p, out, name, D, D, LB__NORMAL, 1 / sqrt(2 * w * d->layers), 1, 0);
    else lb__plan_lin(p, out, name, D, D, LB__UNIFORM, 1 / sqrt(w), 1, 0);
    if (d->lora_rank && lora) { lb__plan_lora(p, qkv, prefix, d, 7); lb__plan_lora(p, out, prefix, d, 8); }
}
static void lb__plan_tower(lb__plan *p, lb__tower *t, const lb_tower_desc *d) {
    const size_t D = (size_t)d->width, E = (size_t)d->embed_dim, F = (size_t)d->mlp; const double w = (double)d->width, s = 1 / sqrt(w); const int text = d->kind == LB_TOWER_TEXT; int i;
    t->d = *d; p->tower = d->name;
    if (text) {
        t->token = lb__plan_add(p, "token", 2, (size_t)d->vocab, D, LB_ROWS, LB__NORMAL, 0.02);
        t->pos = lb__plan_add(p, "pos", 2, (size_t)d->context, D, LB_ROWS, LB__NORMAL, 0.01);
    } else {
        const size_t K = (size_t)d->channels * (size_t)d->tube * (size_t)d->patch_h * (size_t)d->patch_w;
        lb__plan_lin(p, &t->patch, "patch", D, K, LB__UNIFORM, 1 / sqrt((double)K), d->patch_bias, 0);
        t->cls = lb__plan_add(p, "class", 2, d->class_per_frame ? (size_t)(d->frames / d->tube) : 1, D, LB_ROWS, LB__NORMAL, s);
        t->pos = lb__plan_add(p, "pos", 2, 1 + (size_t)d->grid_h * (size_t)d->grid_w, D, LB_ROWS, LB__NORMAL, s);
        if (!d->no_pre_norm) lb__plan_norm(p, &t->pre, "pre_norm", D, d->eps);
    }
    if (p->m->blocks) t->block = p->m->blocks + p->blocks;
    p->blocks += (size_t)d->layers;
    for (i = 0; i < d->layers; i++) {
        lb__block dummy, *b = t->block ? &t->block[i] : &dummy; char prefix[48], name[LB__NAME];
        lb__format(prefix, sizeof prefix, "blocks.%d", i);
#define LB__IN(part) (lb__format(name, sizeof name, "%s." part, prefix), name)
        lb__plan_norm(p, &b->norm1, LB__IN("norm1"), D, d->eps);
        lb__plan_attn(p, &b->qkv, &b->out, LB__IN("attn"), d, d->lora_temporal != 1);
        lb__plan_norm(p, &b->norm2, LB__IN("norm2"), D, d->eps);
        if (text) {
            lb__plan_lin(p, &b->fc1, LB__IN("mlp.fc1"), F, D, LB__NORMAL, 1 / sqrt(2 * w), 1, s);
            lb__plan_lin(p, &b->fc2, LB__IN("mlp.fc2"), D, F, LB__NORMAL, 1 / sqrt(2 * w * d->layers), 1, 1 / sqrt((double)F));
        } else {
            lb__plan_lin(p, &b->fc1, LB__IN("mlp.fc1"), F, D, LB__UNIFORM, s, 1, s);
            lb__plan_lin(p, &b->fc2, LB__IN("mlp.fc2"), D, F, LB__UNIFORM, 1 / sqrt((double)F), 1, 1 / sqrt((double)F));
        }
        if (d->temporal) {
            b->frames = lb__plan_add(p, LB__IN("temporal.embed"), 2, (size_t)(d->frames / d->tube), D, LB_ROWS, LB__NORMAL, s);
            lb__plan_norm(p, &b->tnorm, LB__IN("temporal.norm"), D, d->eps);
            lb__plan_attn(p, &b->tqkv, &b->tout, LB__IN("temporal.attn"), d, d->lora_temporal != 0);
        }
#undef LB__IN
    }
    lb__plan_norm(p, &t->post, "post_norm", D, d->eps);
    lb__plan_lin(p, &t->proj, "proj", E, D, LB__NORMAL, s, d->proj_bias, 0);
}
/* Whether an array of these sides, none negative, can be had as f32. */
static int lb__volume(int a, int b, int c, int d) {
    size_t n;
    return lb__mul((size_t)a * sizeof(float), (size_t)b, &n) && lb__mul(n, (size_t)c, &n) && lb__mul(n, (size_t)d, &n) && n <= PTRDIFF_MAX;
}
/* Fills in the defaults of tower i and says what is wrong with it. */
static lb_status lb__tower_check(lb_model_desc *d, int i) {
    lb_tower_desc *t = &d->tower[i]; int k;
    if (!memchr(t->name, 0, sizeof t->name)) return lb__fail(LB_ERR_ARG, "model: the name of tower %d, %.*s..., is longer than %d bytes", i, LB_NAME_SIZE, t->name, LB_NAME_SIZE - 1);
    if (!t->name[0] || (t->kind != LB_TOWER_VISION && t->kind != LB_TOWER_TEXT)) return lb__fail(LB_ERR_ARG, "model: tower %d has no name or an unknown kind %d", i, (int)t->kind);
    for (k = 0; k < i; k++) if (!strcmp(t->name, d->tower[k].name)) return lb__fail(LB_ERR_ARG, "model: two towers are called %s", t->name);
#define LB__OR(field, value) if (t->field == 0) t->field = (value)
#define LB__RANGE(field, low, high) if (t->field < (low) || t->field > (high)) return lb__fail(LB_ERR_ARG, "tower %s: " #field " is %d, %d to %d was expected", t->name, t->field, low, high)
    LB__RANGE(width, 1, 65536);
    LB__OR(mlp, 4 * t->width); LB__OR(eps, 1e-5f); LB__OR(channels, 3); LB__OR(frames, 1); LB__OR(tube, 1); LB__OR(context, 77); LB__OR(vocab, 49408); LB__OR(lora_targets, LB_LORA_QKVO); LB__OR(lora_alpha, 16.0f);
    LB__RANGE(layers, 1, 1024); LB__RANGE(heads, 1, 4096); LB__RANGE(mlp, 1, 1 << 20); LB__RANGE(embed_dim, 1, 65536); LB__RANGE(lora_rank, 0, 4096); LB__RANGE(lora_temporal, 0, 2);
    if (t->width % t->heads) return lb__fail(LB_ERR_ARG, "tower %s: width %d is not a multiple of its %d heads", t->name, t->width, t->heads);
    if (!(t->eps >= 0 && t->eps < 1) || !(t->lora_dropout >= 0 && t->lora_dropout < 1)) return lb__fail(LB_ERR_ARG, "tower %s: eps %g and lora_dropout %g, 0 to 1 was expected", t->name, (double)t->eps, (double)t->lora_dropout);
    if (t->embed_dim != d->tower[0].embed_dim) return lb__fail(LB_ERR_MISMATCH, "tower %s embeds into %d dimensions, tower %s into %d", t->name, t->embed_dim, d->tower[0].name, d->tower[0].embed_dim);
    if (t->kind == LB_TOWER_TEXT) { LB__RANGE(context, 1, 1 << 20); LB__RANGE(vocab, 1, 1 << 24); return LB_OK; }
    LB__RANGE(channels, 1, LB_MAX_CHANNELS); LB__RANGE(patch_h, 1, 4096); LB__RANGE(patch_w, 1, 4096); LB__RANGE(grid_h, 1, 4096); LB__RANGE(grid_w, 1, 4096); LB__RANGE(frames, 1, 4096); LB__RANGE(tube, 1, 64);
#undef LB__OR
#undef LB__RANGE
    if (t->frames % t->tube) return lb__fail(LB_ERR_ARG, "tower %s: %d frames are not a multiple of tubes of %d", t->name, t->frames, t->tube);
    if (!lb__volume(t->channels, t->tube, t->patch_h, t->patch_w)) return lb__fail(LB_ERR_LIMIT, "tower %s: patches of %d x %d x %d x %d (channels, tube, height, width) numbers are more than this machine can address", t->name, t->channels, t->tube, t->patch_h, t->patch_w);
    return LB_OK;
}
/* The same of modality i, when the towers are checked. */
static lb_status lb__modality_check(lb_model_desc *d, int i) {
    lb_modality_desc *m = &d->modality[i]; const lb_tower_desc *t = NULL; int k;
    if (!memchr(m->name, 0, sizeof m->name) || !memchr(m->tower, 0, sizeof m->tower)) return lb__fail(LB_ERR_ARG, "model: the name of modality %d, %.*s, or of its tower is longer than %d bytes", i, LB_NAME_SIZE, m->name, LB_NAME_SIZE - 1);
    if (!m->name[0]) return lb__fail(LB_ERR_ARG, "model: modality %d has no name", i);
    for (k = 0; k < d->towers; k++) if (!strcmp(m->tower, d->tower[k].name)) t = &d->tower[k];
    if (!t) return lb__fail(LB_ERR_ARG, "modality %s: its tower %s is not in the model", m->name, m->tower);
    for (k = 0; k < i; k++) if (!strcmp(m->name, d->modality[k].name)) return lb__fail(LB_ERR_ARG, "model: two modalities are called %s", m->name);
    if ((int)m->kind < LB_TEXT || (int)m->kind > LB_ARRAY || (m->kind == LB_TEXT) != (t->kind == LB_TOWER_TEXT)) return lb__fail(LB_ERR_ARG, "modality %s: kind %d does not go with tower %s", m->name, (int)m->kind, t->name);
    if (m->logit_scale == 0) m->logit_scale = 2.6592600f;
    if ((int)m->resize < 0 || m->resize > LB_RESIZE_TORCH_BILINEAR || (int)m->crop < 0 || m->crop > LB_CROP_FLOOR) return lb__fail(LB_ERR_ARG, "modality %s: resize %d and crop %d, words of lb_resize and lb_crop were expected", m->name, (int)m->resize, (int)m->crop);
    if (m->clean < 0 || m->clean > LB_CLEAN_LANGUAGEBIND) return lb__fail(LB_ERR_ARG, "modality %s: clean %d, a word of lb_clean was expected, without LB_CLEAN_NO_SPECIAL", m->name, m->clean);
    if (m->kind == LB_TEXT) return LB_OK;
    if ((int)m->loader < 0 || m->loader > LB_LOAD_CSV || (int)m->fit < 0 || m->fit > LB_FIT_RESAMPLE) return lb__fail(LB_ERR_ARG, "modality %s: loader %d and fit %d, words of lb_loader and lb_fit were expected", m->name, (int)m->loader, (int)m->fit);
    if (m->rate < 0 || m->mel_bins < 0 || m->target_length < 0) return lb__fail(LB_ERR_ARG, "modality %s: rate %d, mel_bins %d, target_length %d, none below zero was expected", m->name, m->rate, m->mel_bins, m->target_length);
    if (!m->channels) m->channels = t->channels;
    if (!m->frames) m->frames = t->frames;
    if (!m->height) m->height = t->grid_h * t->patch_h;
    if (!m->width) m->width = t->grid_w * t->patch_w;
    for (k = 0; k < LB_MAX_CHANNELS; k++) if (m->std[k] == 0) m->std[k] = 1;
    /* a convolution leaves pixels over that do not fill a patch */
    if (m->channels != t->channels || m->frames != t->frames || m->height < 1 || m->width < 1 || m->height / t->patch_h != t->grid_h || m->width / t->patch_w != t->grid_w)
        return lb__fail(LB_ERR_MISMATCH, "modality %s: %d x %d x %d x %d (channels, frames, height, width) does not fill tower %s: %d channels, %d frames, %d x %d patches of %d x %d", m->name,
            m->channels, m->frames, m->height, m->width, t->name, t->channels, t->frames, t->grid_h, t->grid_w, t->patch_h, t->patch_w);
    if (!lb__volume(m->channels, m->frames, m->height, m->width)) return lb__fail(LB_ERR_LIMIT, "modality %s: an input of %d x %d x %d x %d (channels, frames, height, width) numbers is more than this machine can address", m->name, m->channels, m->frames, m->height, m->width);
    return LB_OK;
}
/* Fills in the defaults of a description and says what is wrong with it. */
static lb_status lb__desc_check(lb_model_desc *d) {
    int i;
    if (d->_zero0 || d->_zero1) return lb__fail(LB_ERR_ARG, "model: the description was not zeroed before its fields were set");
    if (d->towers < 1 || d->towers > LB_MAX_TOWERS || d->modalities < 1 || d->modalities > LB_MAX_MODALITIES)
        return lb__fail(LB_ERR_ARG, "model: %d towers and %d modalities, 1 to %d and 1 to %d were expected", d->towers, d->modalities, LB_MAX_TOWERS, LB_MAX_MODALITIES);
    for (i = 0; i < d->towers; i++) LB__TRY(lb__tower_check(d, i));
    for (i = 0; i < d->modalities; i++) LB__TRY(lb__modality_check(d, i));
    return LB_OK;
}
static void lb__plan_walk(lb_model *m, lb__plan *p) {
    int i; char name[LB__NAME];
    memset(p, 0, sizeof *p);
    p->m = m;
    for (i = 0; i < m->desc.towers; i++) lb__plan_tower(p, &m->tower[i], &m->desc.tower[i]);
    p->tower = "";
    for (i = 0; i < m->desc.modalities; i++) if (m->desc.modality[i].kind != LB_TEXT) {
        lb__format(name, sizeof name, "%s.logit_scale", m->desc.modality[i].name);
        m->logit_scale[i] = lb__plan_add(p, name, 1, 1, 0, LB_ROWS, LB__CONST, (double)m->desc.modality[i].logit_scale);
    }
}
/* A model whose weights have names and shapes, and no data yet. */
static lb_status lb__model_plan(const lb_model_desc *desc, lb_model **out) {
    lb_model *m = (lb_model *)lb__alloc(1, sizeof *m); lb__plan p; lb_status s; size_t i, bytes;
    if (!m) return LB_ERR_MEM;
    m->desc = *desc;
    if ((s = lb__desc_check(&m->desc)) != LB_OK) { lb__release(m); return s; }
    lb__plan_walk(m, &p);
    m->param = (lb__param *)lb__alloc(p.params, sizeof *m->param); m->blocks = (lb__block *)lb__alloc(p.blocks, sizeof *m->blocks); m->lora = (lb__lora *)lb__alloc(p.loras, sizeof *m->lora);
    m->params = p.params;
    if (!m->param || !m->blocks || !m->lora) { lb_model_free(m); return LB_ERR_MEM; }
    lb__plan_walk(m, &p);
    for (i = 0; i < m->params; i++) if (!lb__stored_bytes(&m->param[i].t, &bytes)) { s = lb__fail(LB_ERR_LIMIT, "tensor %s of %zu x %zu numbers is more than this machine can address", m->param[i].name, m->param[i].t.shape[0], m->param[i].t.ndim > 1 ? m->param[i].t.shape[1] : 1); lb_model_free(m); return s; }
    m->desc.merges = NULL; m->desc.merge_count = 0;
    *out = m;
    return LB_OK;
}
/* A tokenizer goes with a text tower of its vocabulary. */
static lb_status lb__model_vocabulary(const lb_model *m) {
    int i;
    for (i = 0; m->tokenizer && i < m->desc.towers; i++) if (m->desc.tower[i].kind == LB_TOWER_TEXT && lb_tokenizer_vocab(m->tokenizer) != (size_t)m->desc.tower[i].vocab)
        return lb__fail(LB_ERR_MISMATCH, "tower %s has a vocabulary of %d, the tokenizer one of %zu", m->desc.tower[i].name, m->desc.tower[i].vocab, lb_tokenizer_vocab(m->tokenizer));
    return LB_OK;
}
/* The draw depends on seed, parameter and logical index alone, not on the layout. */
static void lb__param_draw(lb__param *p, uint64_t seed, uint64_t stream) {
    const size_t n = lb_tensor_count(&p->t), K = p->t.ndim == 2 ? p->t.shape[1] : 1; float *x = (float *)p->t.data; size_t i; lb__rng r = lb__rng_new(seed, stream);
    for (i = 0; i < n; i++) {
        const float v = p->init == LB__CONST ? p->spread : p->init == LB__NORMAL ? p->spread * lb__rng_normal(&r) : p->spread * (2 * lb__rng_uniform(&r) - 1);
        x[p->t.layout == LB_PANEL ? lb__panel_index(i / K, i % K, K) : i] = v;
    }
}

LB_API lb_status lb_model_create(lb_ctx *ctx, const lb_model_desc *desc, lb_model **out) {
    lb_model *m = NULL; size_t i;
    LB__POINTERS(ctx && desc && out);
    *out = NULL;
    LB__TRY(lb__model_plan(desc, &m));
    for (i = 0; i < m->params; i++) {
        if (!(m->param[i].t.data = lb__alloc(lb_tensor_stored(&m->param[i].t), sizeof(float)))) { lb_model_free(m); return LB_ERR_MEM; }
        m->param[i].owned = 1;
        lb__param_draw(&m->param[i], desc->seed, i);
    }
    if (desc->merges) {
        lb_status s = lb_tokenizer_new(ctx, desc->merges, desc->merge_count, &m->tokenizer);
        if (!s) s = lb__model_vocabulary(m);
        if (s) { lb_model_free(m); return s; }
    }
    *out = m;
    return LB_OK;
}
LB_API void lb_model_free(lb_model *m) {
    size_t i;
    if (!m) return;
    for (i = 0; i < m->params && m->param; i++) if (m->param[i].owned) lb__release(m->param[i].t.data);
    lb__release(m->param); lb__release(m->blocks); lb__release(m->lora);
    if (!m->base) lb_tokenizer_free(m->tokenizer);
    lb_file_free(m->file);
    lb__release(m);
}

/* ---- 13.2 from a file and into one ---- */

static const char *const lb__kinds[] = { "text", "image", "video", "audio", "depth", "thermal", "array" };          /* LB_TEXT is 1 */
static const char *const lb__resizes[] = { "none", "pil-bicubic", "torch-bicubic", "torch-bilinear" };
static const char *const lb__crops[] = { "round-half-even", "floor" };
static const char *const lb__cleans[] = { "open_clip", "hf", "languagebind" };
static const char *const lb__loaders[] = { "by-name", "raw", "npy", "csv" };
static const char *const lb__fits[] = { "exact", "zero", "repeat", "resample" };

/* Keys of one tower or modality: prefix.name.key.  An absent key that is not `needed` leaves the field alone. */
typedef struct lb__keys { const lb_file *f; const char *prefix, *name; lb_status status; char key[LB__NAME]; } lb__keys;
static int lb__keys_find(lb__keys *k, const char *field, int needed) {
    if (k->status) return 0;
    lb__format(k->key, sizeof k->key, "%s.%s.%s", k->prefix, k->name, field);
    return lb_file_has(k->f, k->key) || needed;
}
static void lb__keys_int(lb__keys *k, const char *field, int needed, int *out) {
    uint64_t v;
    if (!lb__keys_find(k, field, needed) || (k->status = lb_file_get_u64(k->f, k->key, &v)) != LB_OK) return;
    if (v > INT_MAX) k->status = lb__fail(LB_ERR_FORMAT, "key %s is %llu, at most %d was expected", k->key, (unsigned long long)v, INT_MAX);
    else *out = (int)v;
}
static void lb__keys_bool(lb__keys *k, const char *field, int *out) { int v; if (lb__keys_find(k, field, 0) && (k->status = lb_file_get_bool(k->f, k->key, &v)) == LB_OK) *out = v; }
static void lb__keys_float(lb__keys *k, const char *field, float *out) { double v; if (lb__keys_find(k, field, 0) && (k->status = lb_file_get_f64(k->f, k->key, &v)) == LB_OK) *out = (float)v; }
static void lb__keys_floats(lb__keys *k, const char *field, float *out, size_t cap) {
    double v[LB_MAX_CHANNELS]; size_t n, i;
    if (!lb__keys_find(k, field, 0) || (k->status = lb_file_get_f64s(k->f, k->key, v, cap, &n)) != LB_OK) return;
    if (!n) { k->status = lb__fail(LB_ERR_FORMAT, "key %s is an empty array, 1 to %zu numbers were expected", k->key, cap); return; }
    for (i = 0; i < cap; i++) out[i] = (float)v[n == 1 ? 0 : i < n ? i : n - 1];                         /* one value serves all channels */
}
static int lb__keys_word(lb__keys *k, const char *field, int needed, const char *const *word, size_t words) {
    const char *v; size_t i;
    if (!lb__keys_find(k, field, needed) || (k->status = lb_file_get_str(k->f, k->key, &v)) != LB_OK) return 0;
    for (i = 0; i < words; i++) if (!strcmp(v, word[i])) return (int)i;
    k->status = lb__fail(LB_ERR_UNSUPPORTED, "key %s is \"%s\", which this build does not know", k->key, v);
    return 0;
}
static void lb__keys_name(lb__keys *k, const char *field, char *out) {
    const char *v;
    if (!lb__keys_find(k, field, 1) || (k->status = lb_file_get_str(k->f, k->key, &v)) != LB_OK) return;
    if (strlen(v) >= LB_NAME_SIZE) k->status = lb__fail(LB_ERR_FORMAT, "key %s: \"%s\" is longer than %d bytes", k->key, v, LB_NAME_SIZE - 1);
    else memcpy(out, v, strlen(v) + 1);
}
static const lb_tensor *lb__keys_tensor(lb__keys *k, const char *name) {
    lb__format(k->key, sizeof k->key, "%s.%s", k->name, name);
    return lb_file_tensor(k->f, k->key);
}
/* Low-rank updates show by their tensors. */
static lb_status lb__lora_read(lb__keys *k, lb_tower_desc *t) {
    static const char *const targets[] = { "q", "k", "v", "out" }; const lb_tensor *r; char key[64]; int i, j, where = 0;
    t->lora_rank = t->lora_targets = 0;
    for (i = 0; i < t->layers && i < 1024 && !where; i++) for (j = 0; j < 8; j++) {         /* lb__desc_check refuses more */
        lb__format(key, sizeof key, "blocks.%d.%sattn.lora.%s.a", i, j < 4 ? "" : "temporal.", targets[j % 4]);
        if (!(r = lb__keys_tensor(k, key))) continue;
        if (r->ndim != 2 || !r->shape[0] || r->shape[0] > 4096) return lb__fail(LB_ERR_FORMAT, "%s.%s is not a matrix of rank 1 to 4096", t->name, key);
        t->lora_rank = (int)r->shape[0]; t->lora_targets |= 1 << j % 4; where |= j < 4 ? 1 : 2;
    }
    t->lora_temporal = where ? where - 1 : 0;
    lb__keys_float(k, "lora.alpha", &t->lora_alpha); lb__keys_float(k, "lora.dropout", &t->lora_dropout);
    return k->status;
}
static lb_status lb__desc_read(const lb_file *f, const char *as, lb_model_desc *d) {
    static const char *const towers_kinds[] = { "vision", "text" }, *const acts[] = { "gelu", "quick_gelu" };
    const char *name[LB_MAX_MODALITIES], *kind; size_t n, i; lb__keys k; int pre;
    memset(d, 0, sizeof *d);
    LB__TRY(lb_file_get_str(f, "format.kind", &kind));
    if (strcmp(kind, as)) return lb__fail(LB_ERR_MISMATCH, "this file is of kind \"%s\", %s was expected", kind, *as == 'a' ? "an adapter" : "a model");
    memset(&k, 0, sizeof k);
    k.f = f; k.prefix = "tower";
    LB__TRY(lb_file_get_strs(f, "towers", name, LB_MAX_TOWERS, &n));
    d->towers = (int)n;
    for (i = 0; i < n; i++) {
        lb_tower_desc *t = &d->tower[i];
        k.name = name[i];
        if (!name[i][0] || strlen(name[i]) >= LB_NAME_SIZE) return lb__fail(LB_ERR_FORMAT, "key towers: \"%s\" is not a name of 1 to %d bytes", name[i], LB_NAME_SIZE - 1);
        memcpy(t->name, name[i], strlen(name[i]) + 1);
        t->kind = lb__keys_word(&k, "kind", 1, towers_kinds, 2) ? LB_TOWER_TEXT : LB_TOWER_VISION;
        lb__keys_int(&k, "width", 1, &t->width); lb__keys_int(&k, "layers", 1, &t->layers); lb__keys_int(&k, "heads", 1, &t->heads); lb__keys_int(&k, "mlp", 1, &t->mlp);
        lb__keys_int(&k, "embed_dim", 1, &t->embed_dim); t->quick_gelu = lb__keys_word(&k, "act", 0, acts, 2); lb__keys_float(&k, "eps", &t->eps);
        if (t->kind == LB_TOWER_TEXT) { lb__keys_int(&k, "context", 1, &t->context); lb__keys_int(&k, "vocab", 1, &t->vocab); }
        else {
            lb__keys_int(&k, "channels", 0, &t->channels); lb__keys_int(&k, "patch_h", 1, &t->patch_h); lb__keys_int(&k, "patch_w", 1, &t->patch_w); lb__keys_int(&k, "tube", 0, &t->tube);
            lb__keys_int(&k, "grid_h", 1, &t->grid_h); lb__keys_int(&k, "grid_w", 1, &t->grid_w); lb__keys_int(&k, "frames", 0, &t->frames);
            lb__keys_bool(&k, "temporal", &t->temporal); lb__keys_bool(&k, "class_per_frame", &t->class_per_frame);
            pre = 1; lb__keys_bool(&k, "pre_norm", &pre); t->no_pre_norm = !pre;
        }
        LB__TRY(k.status);
        /* what is optional shows by its tensors */
        t->patch_bias = lb__keys_tensor(&k, "patch.bias") != NULL; t->proj_bias = lb__keys_tensor(&k, "proj.bias") != NULL;
        LB__TRY(lb__lora_read(&k, t));
    }
    k.prefix = "modality";
    LB__TRY(lb_file_get_strs(f, "modalities", name, LB_MAX_MODALITIES, &n));
    d->modalities = (int)n;
    for (i = 0; i < n; i++) {
        lb_modality_desc *m = &d->modality[i];
        k.name = name[i];
        if (!name[i][0] || strlen(name[i]) >= LB_NAME_SIZE) return lb__fail(LB_ERR_FORMAT, "key modalities: \"%s\" is not a name of 1 to %d bytes", name[i], LB_NAME_SIZE - 1);
        memcpy(m->name, name[i], strlen(name[i]) + 1);
        lb__keys_name(&k, "tower", m->tower);
        m->kind = (lb_modality_kind)(1 + lb__keys_word(&k, "kind", 1, lb__kinds, LB__COUNT(lb__kinds)));
        lb__keys_int(&k, "channels", 0, &m->channels); lb__keys_int(&k, "height", 0, &m->height); lb__keys_int(&k, "width", 0, &m->width); lb__keys_int(&k, "frames", 0, &m->frames);
        lb__keys_floats(&k, "mean", m->mean, LB_MAX_CHANNELS); lb__keys_floats(&k, "std", m->std, LB_MAX_CHANNELS);
        m->resize = (lb_resize)lb__keys_word(&k, "resize", 0, lb__resizes, LB__COUNT(lb__resizes)); m->crop = (lb_crop)lb__keys_word(&k, "crop", 0, lb__crops, LB__COUNT(lb__crops));
        m->clean = lb__keys_word(&k, "clean", 0, lb__cleans, LB__COUNT(lb__cleans));
        lb__keys_int(&k, "rate", 0, &m->rate); lb__keys_int(&k, "mel_bins", 0, &m->mel_bins); lb__keys_int(&k, "target_length", 0, &m->target_length); lb__keys_float(&k, "max_depth", &m->max_depth);
        m->loader = (lb_loader)lb__keys_word(&k, "loader", 0, lb__loaders, LB__COUNT(lb__loaders)); m->fit = (lb_fit)lb__keys_word(&k, "fit", 0, lb__fits, LB__COUNT(lb__fits));
        lb__keys_bool(&k, "channels_last", &m->channels_last);
        LB__TRY(k.status);
    }
    return LB_OK;
}
/* An f32 copy of its own in place of a borrowed weight. */
static lb_status lb__param_own(lb__param *p) {
    const size_t n = lb_tensor_stored(&p->t); float *x;
    if (p->owned && p->t.dtype == LB_F32) return LB_OK;
    if (!(x = (float *)lb__alloc(n, sizeof *x))) return LB_ERR_MEM;
    lb__widen(x, p->t.data, p->t.dtype, n);
    if (p->owned) lb__release(p->t.data);
    p->t.data = x; p->t.dtype = LB_F32; p->owned = 1;
    return LB_OK;
}
/* Points a weight at a file's tensor.  Vectors and small tables are f32 to the code above; those stored in 16 bits are widened. */
static lb_status lb__param_bind(lb_model *m, lb__param *p, const lb_tensor *t) {
    size_t k; int same = t->ndim == p->t.ndim && t->layout == p->t.layout && t->dtype <= LB_BF16, token = 0, j;
    for (k = 0; same && k < (size_t)t->ndim; k++) same = t->shape[k] == p->t.shape[k];
    if (!same) return lb__fail(LB_ERR_FORMAT, "the tensor %s is %s %s of %d axes [%zu, %zu]; floating point %s of %d axes [%zu, %zu] were expected", p->name, lb_dtype_name(t->dtype), t->layout ? "panels" : "rows",
        t->ndim, t->ndim > 0 ? t->shape[0] : 1, t->ndim > 1 ? t->shape[1] : 1, p->t.layout ? "panels" : "rows", p->t.ndim, p->t.shape[0], p->t.ndim > 1 ? p->t.shape[1] : 1);
    for (j = 0; j < m->desc.towers; j++) token |= &p->t == m->tower[j].token;
    if (p->owned) { lb__release(p->t.data); p->t.data = NULL; p->owned = 0; }
    p->t.data = t->data; p->t.dtype = t->dtype;
    return t->dtype == LB_F32 || t->layout == LB_PANEL || token ? LB_OK : lb__param_own(p);
}
static void lb__model_scales(lb_model *m) {
    int j;
    for (j = 0; j < m->desc.modalities; j++) if (m->logit_scale[j]) m->desc.modality[j].logit_scale = *(const float *)m->logit_scale[j]->data;
}
static lb_status lb__model_bind(lb_model *m, const lb_file *f) {
    size_t i;
    for (i = 0; i < m->params; i++) {
        const lb_tensor *t = lb_file_tensor(f, m->param[i].name);
        if (!t) return lb__fail(LB_ERR_FORMAT, "the tensor %s is missing", m->param[i].name);
        LB__TRY(lb__param_bind(m, &m->param[i], t));
    }
    lb__model_scales(m);
    return LB_OK;
}
/* Takes the file, whatever happens. */
static lb_status lb__model_from(lb_ctx *ctx, lb_file *f, lb_model **out) {
    lb_model_desc *d = (lb_model_desc *)lb__alloc(1, sizeof *d); lb_model *m = NULL; lb_status s = d ? lb__desc_read(f, "model", d) : LB_ERR_MEM;
    if (!s) s = lb__model_plan(d, &m);
    lb__release(d);
    if (s) { lb_file_free(f); return s; }
    m->file = f;
    s = lb__model_bind(m, f);
    if (!s && (lb_file_tensor(f, "tokenizer.merges") || lb_file_has(f, "tokenizer.kind"))) s = lb_file_tokenizer(ctx, f, &m->tokenizer);
    if (!s) s = lb__model_vocabulary(m);
    if (s) { lb_model_free(m); return s; }
    *out = m;
    return LB_OK;
}
LB_API lb_status lb_model_open_memory(lb_ctx *ctx, const void *data, size_t size, lb_model **out) {
    lb_file *f = NULL;
    LB__POINTERS(ctx && data && out);
    *out = NULL;
    LB__TRY(lb_file_open_memory(ctx, data, size, &f));
    return lb__model_from(ctx, f, out);
}
#ifndef LB_NO_STDIO
LB_API lb_status lb_model_open(lb_ctx *ctx, const char *path, lb_model **out) {
    lb_file *f = NULL;
    LB__POINTERS(ctx && path && out);
    *out = NULL;
    LB__TRY(lb__lbw_open(ctx, path, " (`languagebind convert` makes one of a checkpoint)", &f));
    return lb__fail_in(lb__model_from(ctx, f, out), path);
}
/* The keys of a description. */
static void lb__desc_write(lb_file_writer *w, const lb_model_desc *d) {
    const char *name[LB_MAX_MODALITIES]; char key[LB__NAME]; double v[LB_MAX_CHANNELS]; int i, c;
#define LB__KEY(prefix, field) (lb__format(key, sizeof key, "%s.%s.%s", prefix, name[i], field), key)
    for (i = 0; i < d->towers; i++) name[i] = d->tower[i].name;
    lb_file_set_strs(w, "towers", name, (size_t)d->towers);
    for (i = 0; i < d->towers; i++) {
        const lb_tower_desc *t = &d->tower[i];
        lb_file_set_str(w, LB__KEY("tower", "kind"), t->kind == LB_TOWER_TEXT ? "text" : "vision");
#define LB__SET(field) lb_file_set_u64(w, LB__KEY("tower", #field), (uint64_t)t->field)
        LB__SET(width); LB__SET(layers); LB__SET(heads); LB__SET(mlp); LB__SET(embed_dim);
        lb_file_set_str(w, LB__KEY("tower", "act"), t->quick_gelu ? "quick_gelu" : "gelu"); lb_file_set_f64(w, LB__KEY("tower", "eps"), (double)t->eps);
        if (t->kind == LB_TOWER_TEXT) { LB__SET(context); LB__SET(vocab); }
        else {
            LB__SET(channels); LB__SET(patch_h); LB__SET(patch_w); LB__SET(tube); LB__SET(grid_h); LB__SET(grid_w); LB__SET(frames);
            lb_file_set_bool(w, LB__KEY("tower", "temporal"), t->temporal); lb_file_set_bool(w, LB__KEY("tower", "class_per_frame"), t->class_per_frame); lb_file_set_bool(w, LB__KEY("tower", "pre_norm"), !t->no_pre_norm);
        }
        if (t->lora_rank) { lb_file_set_f64(w, LB__KEY("tower", "lora.alpha"), (double)t->lora_alpha); lb_file_set_f64(w, LB__KEY("tower", "lora.dropout"), (double)t->lora_dropout); }
#undef LB__SET
    }
    for (i = 0; i < d->modalities; i++) name[i] = d->modality[i].name;
    lb_file_set_strs(w, "modalities", name, (size_t)d->modalities);
    for (i = 0; i < d->modalities; i++) {
        const lb_modality_desc *m = &d->modality[i];
        lb_file_set_str(w, LB__KEY("modality", "tower"), m->tower); lb_file_set_str(w, LB__KEY("modality", "kind"), lb__kinds[m->kind - LB_TEXT]);
        if (m->kind == LB_TEXT) { lb_file_set_str(w, LB__KEY("modality", "clean"), lb__cleans[m->clean]); continue; }
#define LB__SET(field) lb_file_set_u64(w, LB__KEY("modality", #field), (uint64_t)m->field)
        LB__SET(channels); LB__SET(height); LB__SET(width); LB__SET(frames);
        for (c = 0; c < m->channels; c++) v[c] = (double)m->mean[c];
        lb_file_set_f64s(w, LB__KEY("modality", "mean"), v, (size_t)m->channels);
        for (c = 0; c < m->channels; c++) v[c] = (double)m->std[c];
        lb_file_set_f64s(w, LB__KEY("modality", "std"), v, (size_t)m->channels);
        lb_file_set_str(w, LB__KEY("modality", "resize"), lb__resizes[m->resize]); lb_file_set_str(w, LB__KEY("modality", "crop"), lb__crops[m->crop]);
        if (m->kind == LB_AUDIO) { LB__SET(rate); LB__SET(mel_bins); LB__SET(target_length); }
        if (m->kind == LB_DEPTH) lb_file_set_f64(w, LB__KEY("modality", "max_depth"), (double)m->max_depth);
        if (m->kind == LB_ARRAY) {
            lb_file_set_str(w, LB__KEY("modality", "loader"), lb__loaders[m->loader]); lb_file_set_str(w, LB__KEY("modality", "fit"), lb__fits[m->fit]);
            lb_file_set_bool(w, LB__KEY("modality", "channels_last"), m->channels_last);
        }
#undef LB__SET
    }
#undef LB__KEY
}
/* The first weight that lies in the same place: towers that start from one another share it until one is trained, and files keep it once. */
static size_t lb__param_shared(const lb_model *m, size_t i) {
    const lb_tensor *a = &m->param[i].t; size_t k;
    for (k = 0; k < i; k++) { const lb_tensor *b = &m->param[k].t; if (b->data == a->data && b->dtype == a->dtype && b->layout == a->layout && b->ndim == a->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0])) break; }
    return k;
}
LB_API lb_status lb_model_save(lb_ctx *ctx, const lb_model *m, lb_dtype dtype, const char *path) {
    lb_file_writer *w = NULL; const lb_file *f; size_t i; int j; lb_status s = LB_OK;
    LB__POINTERS(ctx && m && path);
    if (dtype > LB_BF16) return lb__fail(LB_ERR_ARG, "%s: matrices of type %s, f32, f16 or bf16 was expected", path, lb_dtype_name(dtype));
    LB__TRY(lb_file_create(ctx, path, &w));
    lb_file_set_str(w, "format.kind", "model");
    if ((f = lb__model_file(m)) != NULL) lb_file_copy_keys(w, f, "provenance.", "provenance.");
    lb__desc_write(w, &m->desc);
    for (i = 0; i < m->params; i++) {
        const lb_tensor *t = &m->param[i].t; int matrix = t->layout == LB_PANEL; const size_t of = lb__param_shared(m, i);
        for (j = 0; j < m->desc.towers; j++) matrix |= t == m->tower[j].token;
        if (of < i) lb_file_share(w, m->param[i].name, m->param[of].name);
        else lb_file_declare(w, m->param[i].name, matrix ? dtype : LB_F32, t->layout, t->ndim, t->shape);
    }
    if (m->tokenizer) lb_file_add_tokenizer(w, m->tokenizer);
    for (i = 0; i < m->params && !s; i++) if (lb__param_shared(m, i) == i) s = lb_file_put(w, m->param[i].name, &m->param[i].t);
    return lb_file_commit(w);
}
#endif

/* ---- 13.3 models that borrow another's weights: trained, adapted, merged ---- */

static lb_tensor *lb__model_find(const lb_model *m, const char *name) {
    size_t i;
    for (i = 0; i < m->params; i++) if (!strcmp(m->param[i].name, name)) return &m->param[i].t;
    return NULL;
}
/* Fills a weight of a tower that starts from another one: `rest` is its name without the tower's.  *done 0: it has to be drawn. */
static lb_status lb__param_inherit(const lb_model *base, const lb_tower_desc *from, const lb_tower_desc *to, lb__param *p, const char *rest, int *done) {
    char name[2 * LB__NAME]; const char *at = strstr(rest, ".temporal."); const lb_tensor *t; size_t i, k; const size_t D = (size_t)to->width; float *x; int other;      /* other: as many numbers as before may mean others */
    *done = 1;
    lb__format(name, sizeof name, "%s.%s", from->name, rest); t = lb__model_find(base, name);
    if (!t && at) {                                                                            /* attention over frames starts as that over patches */
        const char *tail = at + strlen(".temporal.");
        if (!strncmp(tail, "norm.", 5)) lb__format(name, sizeof name, "%s.%.*s.norm1.%s", from->name, (int)(at - rest), rest, tail + 5);
        else lb__format(name, sizeof name, "%s.%.*s.%s", from->name, (int)(at - rest), rest, tail);
        t = lb__model_find(base, name);
    }
    if (!t) { *done = 0; return LB_OK; }
    other = !strcmp(rest, "pos") ? from->grid_h != to->grid_h || from->grid_w != to->grid_w : !strcmp(rest, "patch.weight") && (from->channels != to->channels || from->patch_h != to->patch_h || from->patch_w != to->patch_w || from->tube != to->tube);
    if (!other && t->ndim == p->t.ndim && !memcmp(t->shape, p->t.shape, (size_t)t->ndim * sizeof t->shape[0])) { p->t.data = t->data; p->t.dtype = t->dtype; return LB_OK; }
    if (!strcmp(rest, "pos")) {
        const size_t n = (size_t)from->grid_h * (size_t)from->grid_w; float *grid; lb_status s = LB_OK;
        if (!(p->t.data = lb__alloc(lb_tensor_count(&p->t), sizeof(float)))) return LB_ERR_MEM;
        p->owned = 1; x = (float *)p->t.data;
        memcpy(x, t->data, D * sizeof *x);
        if (!(grid = (float *)lb__alloc(n, D * sizeof *grid))) return LB_ERR_MEM;
        memcpy(grid, (const float *)t->data + D, n * D * sizeof *grid);
#ifndef LB_NO_IMAGE
        s = lb__grid_resize(x + D, (size_t)to->grid_h, (size_t)to->grid_w, grid, (size_t)from->grid_h, (size_t)from->grid_w, D);
#else
        s = lb__fail(LB_ERR_UNSUPPORTED, "position tables are resized by the image section, which was left out");
#endif
        lb__release(grid);
        return s;
    }
    if (!strcmp(rest, "class")) {
        if (!(p->t.data = lb__alloc(lb_tensor_count(&p->t), sizeof(float)))) return LB_ERR_MEM;
        p->owned = 1; x = (float *)p->t.data;
        for (i = 0; i < p->t.shape[0]; i++) memcpy(x + i * D, (const float *)t->data + i % t->shape[0] * D, D * sizeof *x);
        return LB_OK;
    }
    if (!strcmp(rest, "patch.weight") && from->tube == 1 && from->channels == to->channels && from->patch_h == to->patch_h && from->patch_w == to->patch_w) {
        const size_t P = (size_t)to->patch_h * (size_t)to->patch_w, K = t->shape[1], L = p->t.shape[1];
        if (!(p->t.data = lb__alloc(lb_tensor_stored(&p->t), sizeof(float)))) return LB_ERR_MEM;
        p->owned = 1; x = (float *)p->t.data;
        for (i = 0; i < D; i++) for (k = 0; k < K; k++) x[lb__panel_index(i, k / P * P * (size_t)to->tube + k % P, L)] = lb__weight_at(t->data, t->dtype, lb__panel_index(i, k, K));
        return LB_OK;
    }
    *done = 0;
    return LB_OK;
}
/* A model of another description over the weights of `base`, which outlives it.  Tower `to` (or NULL) starts from tower `from`; what is found
 * nowhere is drawn. */
static lb_status lb__model_derive(const lb_model *base, const lb_model_desc *desc, const lb_tower_desc *from, const char *to, lb_model **out) {
    lb_model *m = NULL; size_t i; int j, done; const lb_tower_desc *new_tower = NULL; lb_status s;
    LB__TRY(lb__model_plan(desc, &m));
    m->base = base; m->tokenizer = base->tokenizer;
    for (j = 0; to && j < m->desc.towers; j++) if (!strcmp(m->desc.tower[j].name, to)) new_tower = &m->desc.tower[j];
    for (i = 0; i < m->params; i++) {
        lb__param *p = &m->param[i]; const lb_tensor *t = lb__model_find(base, p->name); const size_t n = to ? strlen(to) : 0;
        if (t && lb_tensor_count(t) == lb_tensor_count(&p->t)) { p->t.data = t->data; p->t.dtype = t->dtype; continue; }
        if (new_tower && !strncmp(p->name, to, n) && p->name[n] == '.') {
            if ((s = lb__param_inherit(base, from, new_tower, p, p->name + n + 1, &done)) != LB_OK) { lb_model_free(m); return s; }
            if (done) continue;
        }
        if (!(p->t.data = lb__alloc(lb_tensor_stored(&p->t), sizeof(float)))) { lb_model_free(m); return LB_ERR_MEM; }
        p->owned = 1;
        lb__param_draw(p, desc->seed, i);
    }
    *out = m;
    return LB_OK;
}
LB_API lb_status lb_model_extend(lb_ctx *ctx, const lb_model *base, const char *from, const lb_tower_desc *tower, const lb_modality_desc *modality, uint64_t seed, lb_model **out) {
    lb_model_desc *d; lb_tower_desc source; int i, at = -1; lb_status s = LB_OK; const char *to = NULL;
    LB__POINTERS(ctx && base && from && modality && out);
    *out = NULL;
    for (i = 0; i < base->desc.towers; i++) if (!strcmp(base->desc.tower[i].name, from) && base->desc.tower[i].kind == LB_TOWER_VISION) at = i;
    if (at < 0) return lb__fail(LB_ERR_ARG, "lb_model_extend: the model has no vision tower %s", from);
    source = base->desc.tower[at];
    if (!(d = (lb_model_desc *)lb__alloc(1, sizeof *d))) return LB_ERR_MEM;
    *d = base->desc; d->seed = seed;
    if (d->modalities == LB_MAX_MODALITIES) s = lb__fail(LB_ERR_LIMIT, "lb_model_extend: the model has %d modalities already", d->modalities);
    else d->modality[d->modalities++] = *modality;
    if (!s && strcmp(modality->tower, from)) {
        lb_tower_desc *t = &d->tower[d->towers];
        if (d->towers == LB_MAX_TOWERS) s = lb__fail(LB_ERR_LIMIT, "lb_model_extend: the model has %d towers already", d->towers);
        else {
            d->towers++; *t = source;
            memcpy(t->name, modality->tower, sizeof t->name);
            if (tower) {
#define LB__TAKE(field) if (tower->field != 0) t->field = tower->field
                LB__TAKE(channels); LB__TAKE(patch_h); LB__TAKE(patch_w); LB__TAKE(grid_h); LB__TAKE(grid_w); LB__TAKE(frames); LB__TAKE(tube); LB__TAKE(temporal); LB__TAKE(class_per_frame);
                LB__TAKE(width); LB__TAKE(layers); LB__TAKE(heads); LB__TAKE(mlp); LB__TAKE(lora_rank); LB__TAKE(lora_targets); LB__TAKE(lora_temporal); LB__TAKE(lora_alpha); LB__TAKE(lora_dropout);
#undef LB__TAKE
            }
            if (t->width != source.width || t->layers != source.layers || t->heads != source.heads || t->mlp != source.mlp) s = lb__fail(LB_ERR_ARG, "lb_model_extend: a tower that starts from %s has its width, layers, heads and mlp", from);
            to = t->name;
        }
    } else if (!s && tower && tower->lora_rank) {                       /* the shared tower's */
        lb_tower_desc *t = &d->tower[at];
        t->lora_rank = tower->lora_rank; t->lora_targets = tower->lora_targets; t->lora_temporal = tower->lora_temporal; t->lora_alpha = tower->lora_alpha; t->lora_dropout = tower->lora_dropout;
    }
    if (!s) s = lb__model_derive(base, d, &source, to, out);
    if (!s) memcpy((*out)->from, source.name, sizeof source.name);
    lb__release(d);
    return s;
}
/* Members of a declaration, by name: an absent one leaves *out alone.  Whose they are, the caller puts in front of the sentence. */
static lb_status lb__declared_int(const lb__json *v, const char *key, int64_t low, int64_t high, int *out) {
    const lb__json *c = lb__json_get(v, key);
    if (!c) return LB_OK;
    if (c->type != LB__JSON_NUMBER || !c->exact) return lb__fail(LB_ERR_FORMAT, "\"%s\" is %s, a whole number was expected", key, c->type == LB__JSON_NUMBER ? "no whole number" : lb__json_type_name(c));
    if (c->i < low || c->i > high) return lb__fail(LB_ERR_LIMIT, "\"%s\" is %lld, %lld to %lld was expected", key, (long long)c->i, (long long)low, (long long)high);
    *out = (int)c->i;
    return LB_OK;
}
static lb_status lb__declared_bool(const lb__json *v, const char *key, int *out) {
    const lb__json *c = lb__json_get(v, key);
    if (c && c->type != LB__JSON_BOOL) return lb__fail(LB_ERR_FORMAT, "\"%s\" is %s, true or false was expected", key, lb__json_type_name(c));
    if (c) *out = c->num != 0;
    return LB_OK;
}
static lb_status lb__declared_word(const lb__json *v, const char *key, const char *const *word, size_t words, int *out) {
    const lb__json *c = lb__json_get(v, key); size_t i;
    if (!c) return LB_OK;
    for (i = 0; i < words && c->type == LB__JSON_STRING; i++) if (!strcmp(c->str, word[i])) { *out = (int)i; return LB_OK; }
    return lb__fail(LB_ERR_FORMAT, "\"%s\" is %s%s%s, one of the words in weights/MODALITY.md was expected (%s, ..., %s)", key, c->type == LB__JSON_STRING ? "\"" : "", c->type == LB__JSON_STRING ? c->str : lb__json_type_name(c), c->type == LB__JSON_STRING ? "\"" : "", word[0], word[words - 1]);
}
/* A name as the command writes it before a colon; only a member's key has no member of its own to look up. */
static lb_status lb__declared_named(const char *key, const char *name, const char *found, char *out) {
    size_t i;
    for (i = 0; name && ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_'); i++) {}
    if (!name || !i || name[i] || i >= LB_NAME_SIZE) return lb__fail(LB_ERR_FORMAT, "\"%s\" is %s, a name of 1 to %d small letters, digits and _ was expected", key, found, LB_NAME_SIZE - 1);
    memcpy(out, name, i + 1);
    return LB_OK;
}
static lb_status lb__declared_name(const lb__json *v, const char *key, int needed, char *out) {
    const lb__json *c = lb__json_get(v, key); const int text = c && c->type == LB__JSON_STRING && strlen(c->str) == c->len;
    if (!c && !needed) return LB_OK;
    return lb__declared_named(key, text ? c->str : NULL, c && c->type == LB__JSON_STRING ? "no such name" : lb__json_type_name(c), out);
}
/* One number for all n (the channels), or one for each. */
static lb_status lb__declared_floats(const lb__json *v, const char *key, int n, int positive, float *out) {
    const lb__json *c = lb__json_get(v, key), *e; int i;
    if (!c) return LB_OK;
    if (c->type == LB__JSON_ARRAY && c->count != (size_t)n) return lb__fail(LB_ERR_FORMAT, "\"%s\" has %zu numbers for %d channels", key, c->count, n);
    if (c->type != LB__JSON_ARRAY && c->type != LB__JSON_NUMBER) return lb__fail(LB_ERR_FORMAT, "\"%s\" is %s, a number%s was expected", key, lb__json_type_name(c), n > 1 ? " or one for each channel" : "");
    for (i = 0, e = c->type == LB__JSON_ARRAY ? c->first : c; i < n; i++, e = c->type == LB__JSON_ARRAY ? e->next : c) {
        if (e->type != LB__JSON_NUMBER || !(e->num <= 1e30 && e->num >= -1e30) || (positive && !(e->num >= 1e-30))) return lb__fail(LB_ERR_FORMAT, "\"%s\": number %d is %s, a%s number below 1e30 was expected", key, i, e->type == LB__JSON_NUMBER ? "out of range" : lb__json_type_name(e), positive ? " positive" : "");
        out[i] = (float)e->num;
    }
    return LB_OK;
}
/* One whole number for both, or two: [down, across]. */
static lb_status lb__declared_pair(const lb__json *v, const char *key, int64_t high, int *down, int *across) {
    const lb__json *c = lb__json_get(v, key), *a = c, *b = c;
    if (!c) return LB_OK;
    if (c->type == LB__JSON_ARRAY && c->count == 2) { a = c->first; b = a->next; }
    if (a->type != LB__JSON_NUMBER || b->type != LB__JSON_NUMBER || !a->exact || !b->exact) return lb__fail(LB_ERR_FORMAT, "\"%s\" is %s, a whole number or two of them, [down, across], were expected", key, c->type == LB__JSON_ARRAY ? "another array" : c->type == LB__JSON_NUMBER ? "no whole number" : lb__json_type_name(c));
    if (a->i < 1 || a->i > high || b->i < 1 || b->i > high) return lb__fail(LB_ERR_LIMIT, "\"%s\" is %lld by %lld, 1 to %lld was expected", key, (long long)a->i, (long long)b->i, (long long)high);
    *down = (int)a->i; *across = (int)b->i;
    return LB_OK;
}
/* An object whose keys are all in one of two lists, and none there twice. */
static lb_status lb__declared_keys(const lb__json *v, const char *const *known, size_t n, const char *const *more, size_t n_more) {
    const lb__json *c, *d; size_t i, k;
    if (!v || v->type != LB__JSON_OBJECT) return lb__fail(LB_ERR_FORMAT, "found %s, an object was expected", lb__json_type_name(v));
    for (c = v->first; c; c = c->next) {
        for (i = 0; i < n && strcmp(c->key, known[i]); i++) {}
        for (k = 0; k < n_more && strcmp(c->key, more[k]); k++) {}
        if (i == n && k == n_more) return lb__fail(LB_ERR_FORMAT, "the key \"%s\" is not known; weights/MODALITY.md lists those that are", c->key);
        for (d = v->first; d != c; d = d->next) if (!strcmp(d->key, c->key)) return lb__fail(LB_ERR_FORMAT, "the key \"%s\" is there twice", c->key);
    }
    return LB_OK;
}
static lb_status lb__declared_transformer(const lb__json *v, lb_tower_desc *t) {
    LB__TRY(lb__declared_int(v, "width", 1, 65536, &t->width)); LB__TRY(lb__declared_int(v, "layers", 1, 1024, &t->layers)); LB__TRY(lb__declared_int(v, "heads", 1, 4096, &t->heads));
    LB__TRY(lb__declared_int(v, "mlp", 1, 1 << 20, &t->mlp)); LB__TRY(lb__declared_bool(v, "quick_gelu", &t->quick_gelu)); return lb__declared_floats(v, "eps", 1, 1, &t->eps);
}
/* What a modality of this kind looks like when nothing else is said: CLIP's mean and deviation for pictures, LanguageBind's resampling and sound. */
static void lb__declare_defaults(lb_modality_desc *m) {
    static const float clip_mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f }, clip_std[3] = { 0.26862954f, 0.26130258f, 0.27577711f }; int k;
    for (k = 0; k < LB_MAX_CHANNELS; k++) {
        m->mean[k] = m->kind == LB_ARRAY ? 0 : m->kind == LB_AUDIO ? -4.2677393f : clip_mean[k % 3]; m->std[k] = m->kind == LB_ARRAY ? 1 : m->kind == LB_AUDIO ? 4.5689974f : clip_std[k % 3];
    }
    m->resize = m->kind == LB_ARRAY || m->kind == LB_AUDIO ? LB_RESIZE_NONE : m->kind == LB_VIDEO ? LB_RESIZE_TORCH_BILINEAR : LB_RESIZE_TORCH_BICUBIC;
    if (m->kind == LB_AUDIO) m->rate = 16000;
    if (m->kind == LB_DEPTH) m->max_depth = 10;
}
/* A modality: an object of its own, or with `model` the member v->key of a new model's description, where the tower is described with it and
 * "width" is the tower's. */
static lb_status lb__declare_modality(const lb__json *v, int model, lb_modality_desc *m, lb_tower_desc *t, char *from) {
    static const char *const known[] = { "tower", "loader", "channels", "height", "length", "size", "frames", "patch", "tube", "temporal", "class_per_frame", "mean", "std", "resize", "crop", "fit", "channels_last", "rate", "max_depth", "comment" };
    static const char *const alone[] = { "name", "from", "width" }, *const within[] = { "width", "layers", "heads", "mlp", "quick_gelu", "eps", "no_pre_norm", "logit_scale" };
    static const char *const loaders[] = { "by-name", "raw", "npy", "csv", "image", "video", "audio", "depth", "thermal" };
    const lb__json *c; int loader = 0, word = 0, i; float depth = 10;
    LB__TRY(model ? lb__declared_keys(v, known, LB__COUNT(known), within, LB__COUNT(within)) : lb__declared_keys(v, known, LB__COUNT(known), alone, LB__COUNT(alone)));
    if (model) LB__TRY(lb__declared_named("modalities", strcmp(v->key, "text") ? v->key : NULL, "no such name", m->name));
    else { LB__TRY(lb__declared_name(v, "name", 1, m->name)); LB__TRY(lb__declared_name(v, "from", 0, from)); }
    memcpy(m->tower, m->name, sizeof m->tower);
    if (model && !strcmp(m->name, "image")) memcpy(m->tower, "vision", 7);
    LB__TRY(lb__declared_name(v, "tower", 0, m->tower));
    for (i = 4; i < (int)LB__COUNT(loaders); i++) if (!strcmp(m->name, loaders[i])) loader = i;
    if (!strcmp(m->name, "infrared")) loader = 8;
    LB__TRY(lb__declared_word(v, "loader", loaders, LB__COUNT(loaders), &loader));
    m->kind = loader < 4 ? LB_ARRAY : loader == 4 ? LB_IMAGE : loader == 5 ? LB_VIDEO : loader == 6 ? LB_AUDIO : loader == 7 ? LB_DEPTH : LB_THERMAL;
    m->loader = loader < 4 ? (lb_loader)loader : LB_LOAD_BY_NAME;
    lb__declare_defaults(m);
    if (model && m->kind == LB_IMAGE) m->resize = LB_RESIZE_PIL_BICUBIC;                           /* open_clip's, whose models these are */
    m->channels = loader < 4 ? 1 : 3; m->frames = loader == 5 ? 8 : 1; m->height = loader < 4 ? 1 : m->kind == LB_AUDIO ? 112 : 224; m->width = loader < 4 ? 0 : m->kind == LB_AUDIO ? 1036 : 224;
    LB__TRY(lb__declared_int(v, "channels", 1, LB_MAX_CHANNELS, &m->channels)); LB__TRY(lb__declared_int(v, "frames", 1, 4096, &m->frames));
    LB__TRY(lb__declared_int(v, "height", 1, 65535, &m->height)); LB__TRY(lb__declared_int(v, "length", 1, 1 << 24, &m->width)); LB__TRY(lb__declared_pair(v, "size", 65535, &m->height, &m->width));
    if (!model) LB__TRY(lb__declared_int(v, "width", 1, 1 << 24, &m->width));
    if ((!model && lb__json_get(v, "width") != NULL) + (lb__json_get(v, "length") != NULL) + (lb__json_get(v, "size") != NULL) > 1 || (lb__json_get(v, "size") && lb__json_get(v, "height")))
        return lb__fail(LB_ERR_FORMAT, "%s are the same axis; one of them was expected", lb__json_get(v, "size") ? "\"size\" and \"height\", \"length\" or \"width\"" : "\"width\" and \"length\"");
    if (!m->width) return lb__fail(LB_ERR_FORMAT, "\"length\" (or \"%s\") is missing", model ? "size" : "width");
    if (m->kind != LB_ARRAY && m->channels != 1 && m->channels != 3) return lb__fail(LB_ERR_FORMAT, "%d channels; the loader \"%s\" gives 3, or 1", m->channels, loaders[loader]);
    if (m->kind != LB_ARRAY && m->kind != LB_VIDEO && m->frames != 1) return lb__fail(LB_ERR_FORMAT, "%d frames; the loader \"%s\" gives 1", m->frames, loaders[loader]);
    LB__TRY(lb__declared_floats(v, "mean", m->channels, 0, m->mean)); LB__TRY(lb__declared_floats(v, "std", m->channels, 1, m->std));
    word = (int)m->resize; LB__TRY(lb__declared_word(v, "resize", lb__resizes, LB__COUNT(lb__resizes), &word)); m->resize = (lb_resize)word;
    word = 0; LB__TRY(lb__declared_word(v, "crop", lb__crops, LB__COUNT(lb__crops), &word)); m->crop = (lb_crop)word;
    word = 0; LB__TRY(lb__declared_word(v, "fit", lb__fits, LB__COUNT(lb__fits), &word)); m->fit = (lb_fit)word;
    LB__TRY(lb__declared_bool(v, "channels_last", &m->channels_last));
    if (m->kind == LB_AUDIO) { m->mel_bins = m->height; m->target_length = m->width; LB__TRY(lb__declared_int(v, "rate", 1, 10000000, &m->rate)); }
    LB__TRY(lb__declared_floats(v, "max_depth", 1, 0, &depth));
    if (!(depth >= 0)) return lb__fail(LB_ERR_FORMAT, "\"max_depth\" is out of range, a number of metres, 0 or more, was expected");
    if (m->kind == LB_DEPTH) m->max_depth = depth;
    if (model) LB__TRY(lb__declared_floats(v, "logit_scale", 1, 0, &m->logit_scale));
    /* the tower */
    memcpy(t->name, m->tower, sizeof t->name); t->kind = LB_TOWER_VISION; t->channels = m->channels; t->frames = m->frames;
    if (model) { LB__TRY(lb__declared_transformer(v, t)); LB__TRY(lb__declared_bool(v, "no_pre_norm", &t->no_pre_norm)); }
    LB__TRY(lb__declared_int(v, "tube", 1, 64, &t->tube)); LB__TRY(lb__declared_bool(v, "temporal", &t->temporal)); LB__TRY(lb__declared_bool(v, "class_per_frame", &t->class_per_frame));
    LB__TRY(lb__declared_pair(v, "patch", 4096, &t->patch_h, &t->patch_w));
    c = lb__json_get(v, "patch");
    if (c && c->type == LB__JSON_NUMBER && m->height == 1) t->patch_h = 1;
    if (t->patch_h && (m->height < t->patch_h || m->width < t->patch_w)) return lb__fail(LB_ERR_FORMAT, "patches of %d x %d do not fit into %d x %d (height, length)", t->patch_h, t->patch_w, m->height, m->width);
    if (t->tube && m->frames % t->tube) return lb__fail(LB_ERR_FORMAT, "%d frames are not a multiple of tubes of %d", m->frames, t->tube);
    if (t->patch_h) { t->grid_h = m->height / t->patch_h; t->grid_w = m->width / t->patch_w; }
    return LB_OK;
}
/* One member of a new model's "modalities". */
static lb_status lb__declare_member(const lb__json *v, int embed_dim, lb_model_desc *d) {
    static const char *const tower_keys[] = { "width", "layers", "heads", "mlp", "quick_gelu", "eps", "no_pre_norm", "patch", "tube", "temporal", "class_per_frame" };
    lb_modality_desc m; lb_tower_desc t; char from[LB_NAME_SIZE]; int i; size_t k;
    memset(&m, 0, sizeof m); memset(&t, 0, sizeof t);
    if (d->modalities + 1 == LB_MAX_MODALITIES || d->towers + 1 == LB_MAX_TOWERS) return lb__fail(LB_ERR_LIMIT, "%d modalities and %d towers beside text were expected at most", LB_MAX_MODALITIES - 1, LB_MAX_TOWERS - 1);
    LB__TRY(lb__declare_modality(v, 1, &m, &t, from));
    d->modality[d->modalities++] = m;
    for (i = 0; i < d->towers; i++) if (!strcmp(d->tower[i].name, t.name)) {
        for (k = 0; k < LB__COUNT(tower_keys); k++) if (lb__json_get(v, tower_keys[k])) return lb__fail(LB_ERR_FORMAT, "\"%s\" is given again, but its tower %s is that of another modality", tower_keys[k], t.name);
        return LB_OK;
    }
    if (!t.patch_h) return lb__fail(LB_ERR_FORMAT, "\"patch\" is missing");
    t.embed_dim = embed_dim;
    d->tower[d->towers++] = t;
    return LB_OK;
}
/* open_clip's model_cfg: one picture tower, one text tower, and what open_clip takes for granted. */
static lb_status lb__declare_open_clip_vision(const lb__json *c, lb_tower_desc *v, lb_modality_desc *i) {
    static const char *const keys[] = { "image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size" }; int head = 64; float ratio = 4;
    v->width = 768; v->layers = 12; i->height = i->width = 224; v->patch_h = v->patch_w = 16;
    LB__TRY(lb__declared_keys(c, keys, LB__COUNT(keys), NULL, 0));
    LB__TRY(lb__declared_int(c, "width", 1, 65536, &v->width)); LB__TRY(lb__declared_int(c, "layers", 1, 1024, &v->layers)); LB__TRY(lb__declared_int(c, "head_width", 1, v->width, &head)); LB__TRY(lb__declared_floats(c, "mlp_ratio", 1, 1, &ratio));
    LB__TRY(lb__declared_pair(c, "image_size", 65535, &i->height, &i->width)); LB__TRY(lb__declared_pair(c, "patch_size", 4096, &v->patch_h, &v->patch_w));
    if (!(ratio <= 64)) return lb__fail(LB_ERR_LIMIT, "\"mlp_ratio\" is %g, at most 64 was expected", (double)ratio);
    v->heads = v->width / head; v->mlp = (int)((double)v->width * (double)ratio); v->grid_h = i->height / v->patch_h; v->grid_w = i->width / v->patch_w;
    return LB_OK;
}
static lb_status lb__declare_open_clip_text(const lb__json *c, lb_tower_desc *t) {
    static const char *const keys[] = { "context_length", "vocab_size", "width", "heads", "layers" };
    t->width = 512; t->layers = 12; t->heads = 8;
    LB__TRY(lb__declared_keys(c, keys, LB__COUNT(keys), NULL, 0));
    LB__TRY(lb__declared_int(c, "width", 1, 65536, &t->width)); LB__TRY(lb__declared_int(c, "layers", 1, 1024, &t->layers)); LB__TRY(lb__declared_int(c, "heads", 1, 4096, &t->heads));
    LB__TRY(lb__declared_int(c, "context_length", 1, 1 << 20, &t->context)); return lb__declared_int(c, "vocab_size", 1, 1 << 24, &t->vocab);
}
static lb_status lb__declare_open_clip(const lb__json *top, lb_model_desc *d) {
    static const char *const outer[] = { "model_cfg", "preprocess_cfg" }, *const keys[] = { "embed_dim", "quick_gelu", "vision_cfg", "text_cfg" };
    const lb__json *m = lb__json_get(top, "model_cfg"), *pc = lb__json_get(top, "preprocess_cfg"); lb_tower_desc *v = &d->tower[0], *t = &d->tower[1]; lb_modality_desc *i = &d->modality[0]; int embed = 0;
    if (m) LB__TRY(lb__declared_keys(top, outer, LB__COUNT(outer), NULL, 0)); else m = top;
    LB__TRY(lb__declared_keys(m, keys, LB__COUNT(keys), m == top ? outer + 1 : NULL, m == top)); LB__TRY(lb__declared_int(m, "embed_dim", 1, 65536, &embed)); LB__TRY(lb__declared_bool(m, "quick_gelu", &v->quick_gelu));
    memcpy(v->name, "vision", 7); v->kind = LB_TOWER_VISION; memcpy(t->name, "text", 5); t->kind = LB_TOWER_TEXT; memcpy(i->name, "image", 6); memcpy(i->tower, "vision", 7); i->kind = LB_IMAGE;
    v->embed_dim = t->embed_dim = embed; t->quick_gelu = v->quick_gelu;
    lb__declare_defaults(i); i->resize = LB_RESIZE_PIL_BICUBIC;
    LB__TRY(lb__fail_in(lb__declare_open_clip_vision(lb__json_get(m, "vision_cfg"), v, i), "vision_cfg")); LB__TRY(lb__fail_in(lb__declare_open_clip_text(lb__json_get(m, "text_cfg"), t), "text_cfg"));
    if (pc) { LB__TRY(lb__declared_floats(pc, "mean", 3, 0, i->mean)); LB__TRY(lb__declared_floats(pc, "std", 3, 1, i->std)); }
    d->towers = 2; d->modalities = 1;
    return LB_OK;
}
static lb_status lb__declare_model(const lb__json *top, lb_model_desc *d, char vocabulary[LB_VOCABULARY_SIZE]) {
    static const char *const keys[] = { "embed_dim", "text", "modalities", "comment" }, *const words[] = { "width", "layers", "heads", "mlp", "quick_gelu", "eps", "context", "vocab", "clean", "comment" };
    const lb__json *v, *text, *c; lb_tower_desc *t; lb_modality_desc *m; int embed = 0, clean = 0;
    if (lb__json_get(top, "model_cfg") || lb__json_get(top, "vision_cfg")) {
        LB__TRY(lb__declare_open_clip(top, d));
        t = &d->tower[1];
        if (!t->vocab || t->vocab == 49408) memcpy(vocabulary, "clip", 5);
    } else {
        LB__TRY(lb__declared_keys(top, keys, LB__COUNT(keys), NULL, 0)); LB__TRY(lb__declared_int(top, "embed_dim", 1, 65536, &embed));
        v = lb__json_get(top, "modalities"); text = lb__json_get(top, "text");
        if (!v || v->type != LB__JSON_OBJECT || !v->first) return lb__fail(LB_ERR_FORMAT, "\"modalities\" is %s, an object with at least one modality was expected", v && v->type == LB__JSON_OBJECT ? "empty" : lb__json_type_name(v));
        if (!embed) return lb__fail(LB_ERR_FORMAT, "\"embed_dim\" is missing");
        for (v = v->first; v; v = v->next) { char where[LB_NAME_SIZE + 16]; lb__format(where, sizeof where, "modality %s", v->key); LB__TRY(lb__fail_in(lb__declare_member(v, embed, d), where)); }
        t = &d->tower[d->towers++]; memcpy(t->name, "text", 5); t->kind = LB_TOWER_TEXT; t->embed_dim = embed;
        LB__TRY(lb__fail_in(lb__declared_keys(text, words, LB__COUNT(words), NULL, 0), "text")); LB__TRY(lb__fail_in(lb__declared_transformer(text, t), "text")); LB__TRY(lb__fail_in(lb__declared_int(text, "context", 3, 1 << 20, &t->context), "text"));      /* start, a token, end */
        LB__TRY(lb__fail_in(lb__declared_word(text, "clean", lb__cleans, LB__COUNT(lb__cleans), &clean), "text"));
        c = lb__json_get(text, "vocab");
        if (c && c->type == LB__JSON_STRING) {
            if (!c->len || c->len >= LB_VOCABULARY_SIZE || strlen(c->str) != c->len) return lb__fail(LB_ERR_FORMAT, "text: \"vocab\" names a file of %zu bytes, 1 to %d were expected", c->len, LB_VOCABULARY_SIZE - 1);
            memcpy(vocabulary, c->str, c->len + 1);
        } else LB__TRY(lb__fail_in(lb__declared_int(text, "vocab", 1, 1 << 24, &t->vocab), "text"));
    }
    m = &d->modality[d->modalities++]; memcpy(m->name, "text", 5); memcpy(m->tower, "text", 5); m->kind = LB_TEXT; m->clean = clean;
    return LB_OK;
}
LB_API lb_status lb_model_parse(lb_ctx *ctx, const char *json, size_t size, lb_model_desc *desc, char vocabulary[LB_VOCABULARY_SIZE]) {
    lb__json_doc doc; lb_status s;
    LB__POINTERS(ctx && json && desc && vocabulary);
    memset(desc, 0, sizeof *desc); memset(vocabulary, 0, LB_VOCABULARY_SIZE);
    LB__TRY(lb__json_parse(&ctx->limits, json, size, NULL, &doc));
    s = lb__declare_model(doc.root, desc, vocabulary);
    lb__json_free(&doc);
    if (s) { memset(desc, 0, sizeof *desc); memset(vocabulary, 0, LB_VOCABULARY_SIZE); }
    return s;
}
LB_API lb_status lb_modality_parse(lb_ctx *ctx, const char *json, size_t size, lb_modality_desc *modality, lb_tower_desc *tower, char from[LB_NAME_SIZE]) {
    lb__json_doc doc; lb_status s;
    LB__POINTERS(ctx && json && modality && tower && from);
    memset(modality, 0, sizeof *modality); memset(tower, 0, sizeof *tower); memset(from, 0, LB_NAME_SIZE);
    LB__TRY(lb__json_parse(&ctx->limits, json, size, NULL, &doc));
    s = lb__fail_in(lb__declare_modality(doc.root, 0, modality, tower, from), "modality");
    lb__json_free(&doc);
    if (s) { memset(modality, 0, sizeof *modality); memset(tower, 0, sizeof *tower); memset(from, 0, LB_NAME_SIZE); }
    return s;
}
LB_API lb_status lb_model_extend_json(lb_ctx *ctx, const lb_model *base, const char *json, size_t size, uint64_t seed, lb_model **out) {
    lb_modality_desc m; lb_tower_desc t; char from[LB_NAME_SIZE]; const lb_tower_desc *source = NULL; int i;
    LB__POINTERS(ctx && base && json && out);
    *out = NULL;
    LB__TRY(lb_modality_parse(ctx, json, size, &m, &t, from));
    for (i = 0; i < base->desc.modalities; i++) if (base->desc.modality[i].kind != LB_TEXT && !strcmp(base->desc.modality[i].name, from[0] ? from : "image")) { memcpy(from, base->desc.modality[i].tower, LB_NAME_SIZE); break; }
    for (i = 0; i < base->desc.towers && !source; i++) if (base->desc.tower[i].kind == LB_TOWER_VISION && (!from[0] || !strcmp(base->desc.tower[i].name, from))) source = &base->desc.tower[i];
    if (!source) return lb__fail(LB_ERR_MISMATCH, "modality %s: the model has no tower or modality %s to start from", m.name, from[0] ? from : "that sees");
    if (!t.patch_h) {
        t.patch_h = m.height < source->patch_h ? m.height : source->patch_h; t.patch_w = source->patch_w;
        if (m.width < t.patch_w) return lb__fail(LB_ERR_FORMAT, "modality %s: a length of %d is less than a patch of tower %s, %d; say another \"patch\"", m.name, m.width, source->name, t.patch_w);
        t.grid_h = m.height / t.patch_h; t.grid_w = m.width / t.patch_w;
    }
    return lb_model_extend(ctx, base, source->name, &t, &m, seed, out);
}
#ifndef LB_NO_STDIO
/* The tower of `m` whose tensors in its file have that identity: the named one, or else the first of any name. */
static lb_status lb__adapter_base(const lb_model *m, const char *named, const char *id, const char **tower) {
    char have[65], first[65] = ""; const lb_file *f = lb__model_file(m); int i;
    if (!f) return lb__fail(LB_ERR_ARG, "the base model does not come from a file, so nothing tells whether the adapter is for it; save it and open the file");
    for (i = -1; i < m->desc.towers; i++) {
        const char *name = i < 0 ? named : m->desc.tower[i].name;
        if (lb_file_identity(f, name, have)) continue;
        if (!strcmp(id, have)) { *tower = name; return LB_OK; }
        if (i < 0) memcpy(first, have, sizeof first);
    }
    if (!first[0]) return lb__fail(LB_ERR_MISMATCH, "this adapter is for another base: the model has no tower %s, nor one of its identity, %.16s...", named, id);
    return lb__fail(LB_ERR_MISMATCH, "this adapter is for another base: its tower %s has the identity %.16s..., the model's is %.16s...", named, id, first);
}
LB_API lb_status lb_model_adapt(lb_ctx *ctx, const lb_model *base, const char *path, lb_model **out) {
    lb_file *f = NULL; lb_model *m = NULL; lb_model_desc *d = NULL; lb_status s; const char *kind = NULL, *tower = NULL, *from = NULL, *id = NULL; size_t i, used = 0; int j, more = 0; lb__keys k;
    LB__POINTERS(ctx && base && path && out);
    *out = NULL;
    LB__TRY(lb_file_open(ctx, path, &f));
    s = lb_file_get_str(f, "format.kind", &kind);
    if (!s && strcmp(kind, "adapter")) s = lb__fail(LB_ERR_MISMATCH, "this file is of kind \"%s\", an adapter was expected", kind);
    if (!s) s = lb_file_get_str(f, "adapter.tower", &tower);
    if (!s) s = lb_file_get_str(f, "adapter.base", &id);
    if (!s && (more = lb_file_has(f, "adapter.from")) != 0) s = lb_file_get_str(f, "adapter.from", &from);
    if (!s) s = lb__adapter_base(base, more ? from : tower, id, &from);
    if (!s && !more && strcmp(from, tower)) s = lb__fail(LB_ERR_MISMATCH, "this adapter is for a tower %s, which the model calls %s", tower, from);
    if (!s && !(d = (lb_model_desc *)lb__alloc(1, sizeof *d))) s = LB_ERR_MEM;
    if (!s && more) {                                                /* a modality that the base has not */
        s = lb__desc_read(f, "adapter", d);
        if (!s && (d->towers != 1 || d->modalities != 1 || strcmp(d->tower[0].name, tower) || strcmp(d->modality[0].tower, tower) || d->tower[0].embed_dim != base->desc.tower[0].embed_dim)) s = lb__fail(LB_ERR_FORMAT, "one tower %s of the base's %d dimensions with one modality was expected", tower, base->desc.tower[0].embed_dim);
        if (!s) s = lb_model_extend(ctx, base, from, &d->tower[0], &d->modality[0], 0, &m);
    } else if (!s) {
        *d = base->desc; memset(&k, 0, sizeof k); k.f = f; k.prefix = "tower"; k.name = tower;
        for (j = 0; j < d->towers && !s; j++) if (!strcmp(d->tower[j].name, tower)) {
            lb_tower_desc *t = &d->tower[j]; const lb_tower_desc had = *t; const lb_model_desc *root = &lb__model_root(base)->desc;
            if ((s = lb__lora_read(&k, t)) != LB_OK || !had.lora_rank) break;
            if (!t->lora_rank) { t->lora_rank = had.lora_rank; t->lora_targets = had.lora_targets; t->lora_temporal = had.lora_temporal; t->lora_alpha = had.lora_alpha; t->lora_dropout = had.lora_dropout; }      /* those that the base has are not in the file */
            else if (j < root->towers && !root->tower[j].lora_rank) s = lb__fail(LB_ERR_MISMATCH, "tower %s has low-rank updates of another adapter already", tower);
            else if (t->lora_rank == had.lora_rank && t->lora_alpha == had.lora_alpha) { t->lora_targets |= had.lora_targets; if (t->lora_temporal != had.lora_temporal) t->lora_temporal = 2; }
            break;
        }
        if (!s) s = lb__model_derive(base, d, NULL, NULL, &m);
    }
    for (i = 0; !s && i < m->params; i++) {
        lb__param *p = &m->param[i]; const lb_tensor *t = lb_file_tensor(f, p->name);
        if (t) { used++; s = lb__param_bind(m, p, t); }
        else if (p->owned) s = lb__fail(LB_ERR_FORMAT, "the tensor %s is missing", p->name);
    }
    for (i = 0; !s && used < lb_file_tensors(f) && i < lb_file_tensors(f); i++) { const char *name; lb_file_tensor_at(f, i, &name); if (!lb__model_find(m, name)) s = lb__fail(LB_ERR_FORMAT, "the base has no place for the tensor %s", name); }
    lb__release(d);
    if (s) { lb__fail_in(s, path); lb_model_free(m); lb_file_free(f); return s; }
    lb__model_scales(m);
    m->file = f;
    *out = m;
    return LB_OK;
}
static int lb__tensor_same(const lb_tensor *a, const lb_tensor *b) {
    return a->dtype == b->dtype && a->layout == b->layout && a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) && (a->data == b->data || !memcmp(a->data, b->data, lb_tensor_stored(a) * lb_dtype_size(a->dtype)));
}
/* Whether tower `want` computes what tower `have` computes with want's tensors: have is what an adapter's reader makes of the base before it looks at
 * them.  fixed: only in what no adapter changes; of: the base's tower. */
static lb_status lb__adapter_fits(const lb_tower_desc *have, const lb_tower_desc *want, int fixed, const char *of, const char *path) {
#define LB__AT(when, field) { #field, offsetof(lb_tower_desc, field), when }
    enum { FIXED, INPUT, RANK, UPDATES };                                                 /* which fields count: those that no adapter sets; of the input, too; without updates nothing depends on where they would be */
    static const struct { const char *name; size_t at; int when; } f[] = { LB__AT(FIXED, width), LB__AT(FIXED, layers), LB__AT(FIXED, heads), LB__AT(FIXED, mlp), LB__AT(FIXED, embed_dim), LB__AT(FIXED, no_pre_norm), LB__AT(FIXED, patch_bias),
        LB__AT(FIXED, proj_bias), LB__AT(FIXED, context), LB__AT(FIXED, vocab), LB__AT(INPUT, channels), LB__AT(INPUT, patch_h), LB__AT(INPUT, patch_w), LB__AT(INPUT, grid_h), LB__AT(INPUT, grid_w), LB__AT(INPUT, frames), LB__AT(INPUT, tube),
        LB__AT(INPUT, temporal), LB__AT(INPUT, class_per_frame), LB__AT(RANK, lora_rank), LB__AT(UPDATES, lora_targets), LB__AT(UPDATES, lora_temporal) };
#undef LB__AT
    const char *what = NULL; char x[32], y[32]; size_t i; const int last = fixed ? FIXED : want->lora_rank ? UPDATES : RANK;
    for (i = 0; i < LB__COUNT(f) && f[i].when <= last && !what; i++) {
        const int a = *(const int *)(const void *)((const char *)have + f[i].at), b = *(const int *)(const void *)((const char *)want + f[i].at);
        if (a != b) { what = f[i].name; lb__format(x, sizeof x, "%d", a); lb__format(y, sizeof y, "%d", b); }
    }
    if (have->quick_gelu != want->quick_gelu) { what = "act"; lb__format(x, sizeof x, "%s", have->quick_gelu ? "quick_gelu" : "gelu"); lb__format(y, sizeof y, "%s", want->quick_gelu ? "quick_gelu" : "gelu"); }
    if (have->eps != want->eps) { what = "eps"; lb__format(x, sizeof x, "%g", (double)have->eps); lb__format(y, sizeof y, "%g", (double)want->eps); }
    if (!fixed && want->lora_rank && have->lora_alpha != want->lora_alpha) { what = "lora_alpha"; lb__format(x, sizeof x, "%g", (double)have->lora_alpha); lb__format(y, sizeof y, "%g", (double)want->lora_alpha); }
    return what ? lb__fail(LB_ERR_UNSUPPORTED, "%s: an adapter cannot hold that tower %s has %s %s, which over tower %s of the base would be %s; only a whole model can", path, want->name, what, y, of, x) : LB_OK;
}
/* The same of two modalities: an adapter of one that the base has brings no description of its own. */
static lb_status lb__adapter_prepares(const lb_modality_desc *a, const lb_modality_desc *b, const char *path) {
    const size_t n = (size_t)a->channels * sizeof a->mean[0];
    const char *what = a->kind != b->kind ? "kind" : a->channels != b->channels ? "channels" : a->height != b->height ? "height" : a->width != b->width ? "width" : a->frames != b->frames ? "frames" : memcmp(a->mean, b->mean, n) ? "mean" : memcmp(a->std, b->std, n) ? "std"
        : a->resize != b->resize ? "resize" : a->crop != b->crop ? "crop" : a->clean != b->clean ? "clean" : a->rate != b->rate ? "rate" : a->mel_bins != b->mel_bins ? "mel_bins" : a->target_length != b->target_length ? "target_length" : a->max_depth != b->max_depth ? "max_depth" : NULL;
    return what ? lb__fail(LB_ERR_UNSUPPORTED, "%s: an adapter cannot hold that modality %s has another %s than the base's of that name; only a whole model can", path, a->name, what) : LB_OK;
}
/* An adapter file: what modality k of `m` has that `base`, which lb_model_open made, has not; `from` is the base's tower that it stands on.  `all`: other
 * towers' weights that differ go out too.  *bytes: of its tensors. */
static lb_status lb__adapter_save(lb_ctx *ctx, const lb_model *base, const char *from, const lb_model *m, int k, int all, const lb_file *provenance, const char *path, size_t *bytes) {
    const lb_modality_desc *q = &m->desc.modality[k]; const lb_modality_desc *known = NULL; const lb_tower_desc *v = NULL, *of = NULL; lb_tower_desc same; lb_model_desc *d; lb_model *e = NULL; lb_file_writer *w = NULL; char id[65], key[LB__NAME]; size_t i, n; int j, more; lb_status s = LB_OK;
    for (j = 0; j < base->desc.modalities; j++) if (!strcmp(base->desc.modality[j].name, q->name)) known = &base->desc.modality[j];
    more = !known;
    for (j = 0; j < m->desc.towers; j++) if (!strcmp(m->desc.tower[j].name, q->tower)) v = &m->desc.tower[j];
    n = strlen(v->name); *bytes = 0;
    for (j = 0; j < m->desc.towers && all; j++) {
        const lb_tower_desc *t = &m->desc.tower[j]; int b = 0;
        while (b < base->desc.towers && strcmp(base->desc.tower[b].name, t->name)) b++;
        if (t != v && t->kind == LB_TOWER_TEXT && t->lora_rank && b < base->desc.towers && !base->desc.tower[b].lora_rank)
            return lb__fail(LB_ERR_UNSUPPORTED, "%s: the text tower %s has low-rank updates of an adapter in between, which an adapter of %s cannot hold; save the whole model, or merge that adapter and start from the result", path, t->name, v->name);
    }
    if (known && (strcmp(known->tower, v->name) || strcmp(from, v->name))) return lb__fail(LB_ERR_UNSUPPORTED, "%s: the base has a modality %s already, of tower %s; an adapter of it is one of that tower, not of %s over %s", path, q->name, known->tower, v->name, from);
    for (j = 0; j < base->desc.towers; j++) if (!strcmp(base->desc.tower[j].name, from)) of = &base->desc.tower[j];
    if (!of) return lb__fail(LB_ERR_ARG, "%s: the base has no tower %s", path, from);
    LB__TRY(lb__adapter_fits(of, v, 1, from, path));
    if (known) {
        same = *of; same.lora_rank = v->lora_rank; same.lora_targets = v->lora_targets; same.lora_temporal = v->lora_temporal; same.lora_alpha = v->lora_alpha;      /* these are read from the adapter */
        LB__TRY(lb__adapter_fits(&same, v, 0, from, path)); LB__TRY(lb__adapter_prepares(q, known, path));
    }
    LB__TRY(lb_file_identity(base->file, from, id));
    if (!(d = (lb_model_desc *)lb__alloc(1, sizeof *d))) return LB_ERR_MEM;
    /* the model that lb_model_adapt will make before it looks into the file */
    *d = base->desc;
    for (j = 0; j < d->towers; j++) if (!strcmp(d->tower[j].name, v->name)) d->tower[j] = *v;
    s = more ? lb_model_extend(ctx, base, from, v, q, 0, &e) : lb__model_derive(base, d, NULL, NULL, &e);
    for (j = 0; !s && more && j < e->desc.towers; j++) if (!strcmp(e->desc.tower[j].name, v->name)) s = lb__adapter_fits(&e->desc.tower[j], v, 0, from, path);
    if (!s) s = lb_file_create(ctx, path, &w);
    if (!s) {
        lb_file_set_str(w, "format.kind", "adapter");
        if (provenance) lb_file_copy_keys(w, provenance, "provenance.", "provenance.");
        lb_file_set_str(w, "adapter.modality", q->name); lb_file_set_str(w, "adapter.tower", v->name); lb_file_set_str(w, "adapter.base", id);
        if (more) { lb_file_set_str(w, "adapter.from", from); d->towers = d->modalities = 1; d->tower[0] = *v; d->modality[0] = *q; lb__desc_write(w, d); }
        else if (v->lora_rank) {
            lb__format(key, sizeof key, "tower.%s.lora.alpha", v->name); lb_file_set_f64(w, key, (double)v->lora_alpha);
            lb__format(key, sizeof key, "tower.%s.lora.dropout", v->name); lb_file_set_f64(w, key, (double)v->lora_dropout);
        }
        lb__format(key, sizeof key, "%s.logit_scale", q->name);
        for (i = 0; i < e->params; i++) {
            const lb__param *p = &e->param[i]; const lb_tensor *t = lb__model_find(m, p->name); const int own = !strcmp(p->name, key) || (!strncmp(p->name, v->name, n) && p->name[n] == '.');
            if (!t || (!own && !all) || (!p->owned && lb__tensor_same(&p->t, t) && !(own && strstr(p->name, ".lora.")))) continue;      /* a reader knows of updates by their tensors */
            lb_file_add(w, p->name, t); *bytes += lb_tensor_stored(t) * lb_dtype_size(t->dtype);
        }
        s = lb_file_commit(w);
    }
    lb__release(d); lb_model_free(e);
    return s;
}
#endif
/* W[n0 + i] += scale * sum_r b[i, r] a[r] */
static lb_status lb__lin_merge(lb_model *m, const lb__lin *from, lb__lin *to) {
    size_t p = 0, i, k, q; int j;
    if (!from->loras) return LB_OK;
    while (&m->param[p].t != to->w) p++;
    LB__TRY(lb__param_own(&m->param[p]));
    for (j = 0; j < from->loras; j++) {
        const lb__lora *r = &from->lora[j]; const size_t R = r->a->shape[0], K = r->a->shape[1]; float *w = (float *)to->w->data;
        for (i = 0; i < r->n; i++) for (k = 0; k < K; k++) {
            float s = 0;
            for (q = 0; q < R; q++) s += lb__weight_at(r->b->data, r->b->dtype, lb__panel_index(i, q, R)) * lb__weight_at(r->a->data, r->a->dtype, lb__panel_index(q, k, K));
            w[lb__panel_index(r->n0 + i, k, K)] += r->scale * s;
        }
    }
    return LB_OK;
}
LB_API lb_status lb_model_merge(lb_ctx *ctx, const lb_model *model, lb_model **out) {
    lb_model_desc *d; lb_model *m = NULL; lb_status s; int i, j;
    LB__POINTERS(ctx && model && out);
    *out = NULL;
    if (!(d = (lb_model_desc *)lb__alloc(1, sizeof *d))) return LB_ERR_MEM;
    *d = model->desc;
    for (i = 0; i < d->towers; i++) d->tower[i].lora_rank = 0;
    s = lb__model_derive(model, d, NULL, NULL, &m);
    lb__release(d);
    for (i = 0; !s && i < m->desc.towers; i++) for (j = 0; !s && j < m->desc.tower[i].layers; j++) {
        const lb__block *a = &model->tower[i].block[j]; lb__block *b = &m->tower[i].block[j];
        s = lb__lin_merge(m, &a->qkv, &b->qkv);
        if (!s) s = lb__lin_merge(m, &a->out, &b->out);
        if (!s) s = lb__lin_merge(m, &a->tqkv, &b->tqkv);
        if (!s) s = lb__lin_merge(m, &a->tout, &b->tout);
    }
    if (s) { lb_model_free(m); return s; }
    *out = m;
    return LB_OK;
}
/* Whether `name` is among the n. */
static int lb__named(const char *name, const char *const *names, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) if (!strcmp(name, names[i])) return 1;
    return 0;
}
/* The sentence about a modality that a model has not, with those that it has.  `who` (or NULL) stands before it; `that`: " that reads ..." or nothing. */
static lb_status lb__no_modality(const lb_model *m, const char *who, const char *name, const char *that) {
    char have[LB_MAX_MODALITIES * (LB_NAME_SIZE + 2)] = ""; size_t n = 0; int i;
    for (i = 0; i < m->desc.modalities; i++) n += lb__format(have + n, sizeof have - n, i ? ", %s" : "%s", m->desc.modality[i].name);
    return lb__fail(LB_ERR_ARG, "%s%sthe model has no modality %s%s, only %s", who ? who : "", who ? ": " : "", name, that, have);
}
LB_API lb_status lb_model_part(lb_ctx *ctx, const lb_model *model, const char *const *modalities, size_t n, lb_model **out) {
    lb_model_desc *d; lb_status s = LB_OK; size_t i; int j, k, text = 0;
    LB__POINTERS(ctx && model && modalities && out);
    *out = NULL;
    if (!n) return lb__fail(LB_ERR_ARG, "lb_model_part: no modality is named");
    for (i = 0; i < n; i++) {
        LB__POINTERS(modalities[i]);
        if (!lb_model_modality(model, modalities[i])) return lb__no_modality(model, NULL, modalities[i], "");
        if (lb__named(modalities[i], modalities, i)) return lb__fail(LB_ERR_ARG, "modality %s is named twice", modalities[i]);
    }
    if (!(d = (lb_model_desc *)lb__alloc(1, sizeof *d))) return LB_ERR_MEM;
    *d = model->desc; d->modalities = d->towers = 0;
    for (j = 0; j < model->desc.modalities; j++) if (lb__named(model->desc.modality[j].name, modalities, n)) d->modality[d->modalities++] = model->desc.modality[j];
    for (j = 0; j < model->desc.towers; j++) {
        int read = 0;
        for (k = 0; k < d->modalities; k++) read |= !strcmp(d->modality[k].tower, model->desc.tower[j].name);
        if (read) { d->tower[d->towers++] = model->desc.tower[j]; text |= model->desc.tower[j].kind == LB_TOWER_TEXT; }
    }
    s = lb__model_derive(model, d, NULL, NULL, out);
    if (!s && !text) (*out)->tokenizer = NULL;
    lb__release(d);
    return s;
}

/* ---- 13.4 what a model is ---- */

LB_API const lb_model_desc *lb_model_describe(const lb_model *m) { return m ? &m->desc : NULL; }
static int lb__modality_index(const lb_model *m, const char *name) {
    int i;
    for (i = 0; m && name && i < m->desc.modalities; i++) if (!strcmp(m->desc.modality[i].name, name)) return i;
    return -1;
}
static const lb__tower *lb__modality_tower(const lb_model *m, int i) {
    int k = 0;
    while (strcmp(m->desc.tower[k].name, m->desc.modality[i].tower)) k++;
    return &m->tower[k];
}
LB_API const lb_modality_desc *lb_model_modality(const lb_model *m, const char *name) { const int i = lb__modality_index(m, name); return i < 0 ? NULL : &m->desc.modality[i]; }
LB_API const lb_tokenizer *lb_model_tokenizer(const lb_model *m) { return m ? m->tokenizer : NULL; }
LB_API size_t lb_model_dim(const lb_model *m) { return m ? (size_t)m->desc.tower[0].embed_dim : 0; }
LB_API const lb_tensor *lb_model_tensor(const lb_model *m, const char *name) { return m && name ? lb__model_find(m, name) : NULL; }
LB_API double lb_model_logit_scale(const lb_model *m, const char *modality) {
    const int i = lb__modality_index(m, modality);
    return i < 0 || !m->logit_scale[i] ? 1.0 : exp((double)*(const float *)m->logit_scale[i]->data);
}
LB_API void lb_ctx_watch(lb_ctx *ctx, lb_watch_fn fn, void *user) { if (ctx) { ctx->watch = fn; ctx->watch_user = user; } }

/* ---- 13.5 embed ---- */

/* Inputs are taken in pieces of about this many rows: enough for full speed, little enough to stay small. */
enum { LB__PIECE_ROWS = 512, LB__PIECE_TEXTS = 256 };

/* A result that leaves: unit length, finite. */
static lb_status lb__emit(lb_ctx *ctx, lb__var *y, size_t first, float *out) {
    size_t i;
    y = lb__unit(ctx, y);
    if (!y) return LB_ERR_MEM;
    for (i = 0; i < y->n * y->c; i++) if (!lb__finite(y->x[i])) return lb__fail(LB_ERR_NUMERIC, "the embedding of input %zu is not finite: are its values or the weights?", first + i / y->c);
    memcpy(out + first * y->c, y->x, y->n * y->c * sizeof(float));
    return LB_OK;
}
LB_API lb_status lb_embed_tensor(lb_ctx *ctx, const lb_model *m, const char *modality, const float *x, size_t n, float *out) {
    const lb_modality_desc *d; const lb__tower *t; size_t i, per, piece; lb_status s = LB_OK; int k;
    LB__POINTERS(ctx && m && modality && (!n || (x && out)));
    k = lb__modality_index(m, modality);
    if (k < 0 || m->desc.modality[k].kind == LB_TEXT) return lb__no_modality(m, "lb_embed_tensor", modality, " that reads arrays");
    d = &m->desc.modality[k]; t = lb__modality_tower(m, k);
    per = lb_modality_floats(d);
    LB__TRY(lb__counted("lb_embed_tensor", n, LB__MAX(per, lb_model_dim(m)), sizeof(float)));
    piece = LB__PIECE_ROWS / ((size_t)(t->d.frames / t->d.tube) * (1 + (size_t)t->d.grid_h * (size_t)t->d.grid_w));
    if (!piece) piece = 1;
    for (i = 0; i < n && !s; i += piece) {
        const lb__mark mark = lb__arena_mark(ctx); const size_t B = LB__MIN(piece, n - i);
        s = lb__emit(ctx, lb__vision(ctx, t, x + i * per, B, (size_t)d->height, (size_t)d->width, NULL, 0), i, out);
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * lb_model_dim(m) * sizeof(float));
    return s;
}
LB_API lb_status lb_embed_tokens(lb_ctx *ctx, const lb_model *m, const int32_t *ids, size_t n, size_t length, float *out) {
    const lb__tower *t = NULL; size_t i, k; lb_status s = LB_OK; int j;
    LB__POINTERS(ctx && m && (!n || (ids && out)));
    for (j = 0; j < m->desc.modalities && !t; j++) if (m->desc.modality[j].kind == LB_TEXT) t = lb__modality_tower(m, j);
    if (!t) return lb__fail(LB_ERR_ARG, "lb_embed_tokens: the model has no text tower");
    if (!length || length > (size_t)t->d.context) return lb__fail(LB_ERR_ARG, "lb_embed_tokens: texts of %zu tokens, 1 to %d were expected", length, t->d.context);
    LB__TRY(lb__counted("lb_embed_tokens", n, LB__MAX(length, lb_model_dim(m)), sizeof(float)));
    for (i = 0; i < n * length; i++) if (ids[i] < 0 || ids[i] >= t->d.vocab) return lb__fail(LB_ERR_ARG, "lb_embed_tokens: token id %d of text %zu is outside the vocabulary of %d", (int)ids[i], i / length, t->d.vocab);
    for (i = 0; i < n && !s; i = k) {
        const lb__mark mark = lb__arena_mark(ctx); size_t rows = 0;
        for (k = i; k < n; k++) {                                                  /* as many texts as fill a piece */
            const int32_t *p = ids + k * length; size_t e, end = 0;
            for (e = 1; e < length; e++) if (p[e] > p[end]) end = e;
            if (k > i && rows + end + 1 > LB__PIECE_ROWS) break;
            rows += end + 1;
        }
        s = lb__emit(ctx, lb__text(ctx, t, ids + i * length, k - i, length), i, out);
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * lb_model_dim(m) * sizeof(float));
    return s;
}

/* The first modality of a kind, or NULL. */
static const lb_modality_desc *lb__modality_of(const lb_model *m, lb_modality_kind kind) {
    int i;
    for (i = 0; i < m->desc.modalities; i++) if (m->desc.modality[i].kind == kind) return &m->desc.modality[i];
    return NULL;
}
LB_API lb_status lb_embed_text(lb_ctx *ctx, const lb_model *m, const char *const *texts, size_t n, float *out) {
    const lb_modality_desc *d; lb__mark mark; int32_t *ids; size_t i, k, context; lb_status s = LB_OK;
    LB__POINTERS(ctx && m && (!n || (texts && out)));
    if (!(d = lb__modality_of(m, LB_TEXT))) return lb__fail(LB_ERR_ARG, "lb_embed_text: the model has no text tower");
    if (!m->tokenizer) return lb__fail(LB_ERR_UNSUPPORTED, "lb_embed_text: the model has no tokenizer, only token ids can be embedded");
    context = (size_t)lb__modality_tower(m, (int)(d - m->desc.modality))->d.context;
    LB__TRY(lb__counted("lb_embed_text", n, LB__MAX(sizeof *texts, lb_model_dim(m) * sizeof *out), 1));
    mark = lb__arena_mark(ctx);
    for (i = 0; i < n && !s; i += LB__PIECE_TEXTS) {
        const size_t b = LB__MIN((size_t)LB__PIECE_TEXTS, n - i);
        if (!(ids = (int32_t *)lb__arena(ctx, b * context, sizeof *ids))) s = LB_ERR_MEM;
        for (k = 0; k < b && !s; k++) s = texts[i + k] ? lb_tokenize(ctx, m->tokenizer, d->clean, texts[i + k], LB_CSTRING, ids + k * context, context, NULL) : lb__fail(LB_ERR_ARG, "lb_embed_text: text %zu is NULL", i + k);
        if (!s) s = lb_embed_tokens(ctx, m, ids, b, context, out + i * lb_model_dim(m));
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * lb_model_dim(m) * sizeof(float));
    return s;
}
LB_API size_t lb_modality_floats(const lb_modality_desc *d) { return !d ? 0 : (size_t)d->channels * (size_t)d->frames * (size_t)d->height * (size_t)d->width; }
/* 0.299 red + 0.587 green + 0.114 blue; what is grey stays exactly as it is. */
static float lb__luma(float r, float g, float b) { return r + 0.587f * (g - r) + 0.114f * (b - r); }
#ifndef LB_NO_IMAGE
static lb_image_profile lb__modality_profile(const lb_modality_desc *d) {
    lb_image_profile p; int c;
    memset(&p, 0, sizeof p);
    p.width = (size_t)d->width; p.height = (size_t)d->height; p.resize = d->resize; p.crop = d->crop; p.depth = d->kind == LB_DEPTH; p.max_depth = d->max_depth;
    for (c = 0; c < 3; c++) { p.mean[c] = d->mean[c]; p.std[c] = d->std[c]; }
    return p;
}
/* Modalities of one channel read colour as grey: x [3, n] of the resized picture, without mean and deviation -> out [n]. */
static void lb__grey(const lb_modality_desc *d, const float *x, size_t n, float *out) {
    const float mean = d->mean[0], std = d->std[0]; size_t i;
    for (i = 0; i < n; i++) out[i] = (lb__luma(x[i], x[n + i], x[2 * n + i]) - mean) / std;
}
static void lb__profile_plain(lb_image_profile *p) { int c; for (c = 0; c < 3; c++) { p->mean[c] = 0; p->std[c] = 1; } }
/* A picture, or a piece of one, as the modality wants it. */
static lb_status lb__picture(lb_ctx *ctx, const lb_modality_desc *d, lb_image_profile p, const lb_image *image, float *out) {
    const size_t n = p.width * p.height; lb__mark mark; float *x; lb_status s;
    if (d->channels == 3) return lb_image_preprocess(ctx, image, &p, out);
    mark = lb__arena_mark(ctx);
    lb__profile_plain(&p);
    s = (x = lb__arena_f32(ctx, 3, n)) != NULL ? lb_image_preprocess(ctx, image, &p, x) : LB_ERR_MEM;
    if (!s) lb__grey(d, x, n, out);
    lb__arena_rewind(ctx, mark);
    return s;
}
LB_API lb_status lb_prepare_image(lb_ctx *ctx, const lb_model *m, const char *modality, const lb_image *image, float *out) {
    const lb_modality_desc *d;
    LB__POINTERS(ctx && m && modality && image && out);
    d = lb_model_modality(m, modality);
    if (!d || (d->kind != LB_IMAGE && d->kind != LB_DEPTH && d->kind != LB_THERMAL) || (d->channels != 3 && d->channels != 1) || d->frames != 1) return lb__no_modality(m, "lb_prepare_image", modality, " that reads pictures");
    return lb__picture(ctx, d, lb__modality_profile(d), image, out);
}
static lb_status lb__embed_pictures(lb_ctx *ctx, const lb_model *m, lb_modality_kind kind, const lb_image *images, size_t n, float *out) {
    const lb_modality_desc *d; lb__mark mark; size_t i, k, b, per, dim; lb_status s = LB_OK; char who[24];
    lb__format(who, sizeof who, "lb_embed_%s", lb__kinds[kind - LB_TEXT]);
    if (!ctx || !m || (n && (!images || !out))) return lb__fail(LB_ERR_ARG, "%s: an argument is NULL that must not be", who);
    if (!(d = lb__modality_of(m, kind))) return lb__no_modality(m, who, "of kind ", lb__kinds[kind - LB_TEXT]);
    per = lb_modality_floats(d); dim = lb_model_dim(m);
    LB__TRY(lb__counted(who, n, LB__MAX(sizeof *images, dim * sizeof *out), 1));
    mark = lb__arena_mark(ctx);
    for (i = 0; i < n && !s; i += b) {
        float *x = lb__arena_f32(ctx, b = LB__MIN(n - i, (size_t)8), per);
        if (!x) s = LB_ERR_MEM;
        for (k = 0; k < b && !s; k++) s = lb_prepare_image(ctx, m, d->name, &images[i + k], x + k * per);
        if (!s) s = lb_embed_tensor(ctx, m, d->name, x, b, out + i * dim);
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * dim * sizeof(float));
    return s;
}
LB_API lb_status lb_embed_image(lb_ctx *ctx, const lb_model *m, const lb_image *images, size_t n, float *out) { return lb__embed_pictures(ctx, m, LB_IMAGE, images, n, out); }
LB_API lb_status lb_embed_depth(lb_ctx *ctx, const lb_model *m, const lb_image *images, size_t n, float *out) { return lb__embed_pictures(ctx, m, LB_DEPTH, images, n, out); }
LB_API lb_status lb_embed_thermal(lb_ctx *ctx, const lb_model *m, const lb_image *images, size_t n, float *out) { return lb__embed_pictures(ctx, m, LB_THERMAL, images, n, out); }
#endif
#if !defined(LB_NO_VIDEO) && !defined(LB_NO_IMAGE)
LB_API lb_status lb_prepare_video(lb_ctx *ctx, const lb_model *m, const char *modality, const lb_video *video, const lb_video_desc *desc, float *out) {
    static const float imagenet_mean[3] = { 0.485f, 0.456f, 0.406f }, imagenet_std[3] = { 0.229f, 0.224f, 0.225f };       /* what upstream's Kinetics evaluation normalises by, not CLIP's */
    lb_image_profile p; lb_video_desc v; const lb_modality_desc *d; lb__mark mark; float *x; size_t n; lb_status s;
    LB__POINTERS(ctx && m && modality && video && out);
    d = lb_model_modality(m, modality);
    if (!d || d->kind != LB_VIDEO || (d->channels != 3 && d->channels != 1)) return lb__no_modality(m, "lb_prepare_video", modality, " that reads clips");
    memset(&v, 0, sizeof v);
    if (desc) v = *desc;
    if (!v.frames) v.frames = d->frames;
    if (v.frames != d->frames) return lb__fail(LB_ERR_MISMATCH, "lb_prepare_video: %d frames were asked for, the model reads %d", v.frames, d->frames);
    p = lb__modality_profile(d);
    if (v.rule == LB_FRAMES_VIEW) { memcpy(p.mean, imagenet_mean, sizeof imagenet_mean); memcpy(p.std, imagenet_std, sizeof imagenet_std); }
    if (v.rule == LB_FRAMES_RETRIEVAL) p.resize = LB_RESIZE_PIL_BICUBIC;                                                  /* that evaluation resizes each frame as a picture of Pillow's */
    if (d->channels == 3) return lb_video_preprocess(ctx, video, &p, &v, out);
    n = lb_modality_floats(d); mark = lb__arena_mark(ctx);
    lb__profile_plain(&p);
    s = (x = lb__arena_f32(ctx, 3, n)) != NULL ? lb_video_preprocess(ctx, video, &p, &v, x) : LB_ERR_MEM;
    if (!s) lb__grey(d, x, n, out);
    lb__arena_rewind(ctx, mark);
    return s;
}
LB_API lb_status lb_embed_video(lb_ctx *ctx, const lb_model *m, const lb_video *const *videos, size_t n, const lb_video_desc *desc, float *out) {
    const lb_modality_desc *d; lb__mark mark; size_t i, dim; lb_status s = LB_OK;
    LB__POINTERS(ctx && m && (!n || (videos && out)));
    if (!(d = lb__modality_of(m, LB_VIDEO))) return lb__no_modality(m, "lb_embed_video", "of kind ", "video");
    dim = lb_model_dim(m);
    LB__TRY(lb__counted("lb_embed_video", n, LB__MAX(sizeof *videos, dim * sizeof *out), 1));
    mark = lb__arena_mark(ctx);
    for (i = 0; i < n && !s; i++) {
        float *x = lb__arena_f32(ctx, 1, lb_modality_floats(d));
        if (!x) s = LB_ERR_MEM;
        if (!s) s = lb_prepare_video(ctx, m, d->name, videos[i], desc, x);
        if (!s) s = lb_embed_tensor(ctx, m, d->name, x, 1, out + i * dim);
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * dim * sizeof(float));
    return s;
}
#endif
#ifndef LB_NO_AUDIO
LB_API lb_status lb_prepare_audio(lb_ctx *ctx, const lb_model *m, const char *modality, const lb_audio *audio, uint64_t seed, float *out) {
    lb_audio_profile p; const lb_modality_desc *d; lb__mark mark; float *x; size_t n; lb_status s;
    LB__POINTERS(ctx && m && modality && audio && out);
    d = lb_model_modality(m, modality);
    if (!d || d->kind != LB_AUDIO || (d->channels != 3 && d->channels != 1) || d->frames > 1) return lb__no_modality(m, "lb_prepare_audio", modality, " that reads sounds");
    memset(&p, 0, sizeof p);
    p.rate = d->rate ? d->rate : 16000; p.mel_bins = d->mel_bins ? d->mel_bins : d->height; p.target_length = d->target_length ? d->target_length : d->width; p.seed = seed;
    if (p.mel_bins != d->height || p.target_length != d->width) return lb__fail(LB_ERR_MISMATCH, "lb_prepare_audio: %d bands of %d frames are described, the tower reads %d x %d", p.mel_bins, p.target_length, d->height, d->width);
    p.mean = d->mean[0]; p.std = d->std[0];
    if (d->channels == 3) return lb_audio_preprocess(ctx, audio, &p, out);
    n = lb_modality_floats(d); mark = lb__arena_mark(ctx);                             /* one channel: one of the three segments */
    s = (x = lb__arena_f32(ctx, 3, n)) != NULL ? lb_audio_preprocess(ctx, audio, &p, x) : LB_ERR_MEM;
    if (!s) memcpy(out, x + (seed ? seed % 3 : 1) * n, n * sizeof *out);
    lb__arena_rewind(ctx, mark);
    return s;
}
LB_API lb_status lb_embed_audio(lb_ctx *ctx, const lb_model *m, const lb_audio *audios, size_t n, uint64_t seed, float *out) {
    const lb_modality_desc *d; lb__mark mark; size_t i, dim; lb_status s = LB_OK;
    LB__POINTERS(ctx && m && (!n || (audios && out)));
    if (!(d = lb__modality_of(m, LB_AUDIO))) return lb__no_modality(m, "lb_embed_audio", "of kind ", "audio");
    dim = lb_model_dim(m);
    LB__TRY(lb__counted("lb_embed_audio", n, LB__MAX(sizeof *audios, dim * sizeof *out), 1));
    mark = lb__arena_mark(ctx);
    for (i = 0; i < n && !s; i++) {
        float *x = lb__arena_f32(ctx, (size_t)d->channels, (size_t)d->height * (size_t)d->width);
        if (!x) s = LB_ERR_MEM;
        if (!s) s = lb_prepare_audio(ctx, m, d->name, &audios[i], seed, x);
        if (!s) s = lb_embed_tensor(ctx, m, d->name, x, 1, out + i * dim);
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * dim * sizeof(float));
    return s;
}
#endif
/* Where the length of an array stands among its axes: those of length 1 count for nothing. */
static int lb__array_length(const lb_tensor *t, const size_t *before, int n_before, size_t after, size_t *length) {
    size_t have[LB_MAX_DIMS], want[4]; int i, n = 0, k = 0;
    for (i = 0; i < t->ndim; i++) if (t->shape[i] != 1) have[n++] = t->shape[i];
    for (i = 0; i < n_before; i++) if (before[i] != 1) want[k++] = before[i];
    if (after != 1) { if (!n || have[n - 1] != after) return 0; n--; }
    if (n != k && n != k + 1) return 0;
    for (i = 0; i < k; i++) if (have[i] != want[i]) return 0;
    *length = n > k ? have[k] : 1;
    return 1;
}
static lb_status lb__array_fit(const lb_modality_desc *d, const lb_tensor *in, int last, float *out) {
    const size_t C = (size_t)d->channels, FH = (size_t)d->frames * (size_t)d->height, W = (size_t)d->width, rows = C * FH; size_t shape[3], L, at, r, i, n; float *x; lb_status s = LB_OK;
    shape[0] = last ? (size_t)d->frames : C; shape[1] = last ? (size_t)d->height : (size_t)d->frames; shape[2] = (size_t)d->height;
    if (!lb__array_length(in, shape, last ? 2 : 3, last ? C : 1, &L)) {
        char have[LB_MAX_DIMS * 22]; size_t at_text = 0; have[0] = 0;
        for (i = 0; i < (size_t)in->ndim; i++) at_text += lb__format(have + at_text, sizeof have - at_text, i ? ", %zu" : "%zu", in->shape[i]);
        if (last) return lb__fail(LB_ERR_MISMATCH, "an array [%s], but modality %s reads [%d, %d, length, %d]: [frames, height, length, channels], axes of length 1 may be left out", have, d->name, d->frames, d->height, d->channels);
        return lb__fail(LB_ERR_MISMATCH, "an array [%s], but modality %s reads [%d, %d, %d, length]: [channels, frames, height, length], axes of length 1 may be left out", have, d->name, d->channels, d->frames, d->height);
    }
    if (!L || (L != W && d->fit == LB_FIT_EXACT)) return lb__fail(LB_ERR_MISMATCH, "an array of length %zu, modality %s wants %zu (its \"fit\" is exact)", L, d->name, W);
    n = lb_tensor_count(in);
    if (!(x = (float *)lb__alloc(n, sizeof *x))) return LB_ERR_MEM;
    lb__to_f32(x, in->data, in->dtype, 0, n);
    for (i = 0; i < n && !s; i++) if (!lb__finite(x[i])) s = lb__fail(LB_ERR_NUMERIC, "number %zu of the array is not finite", i);
    for (r = 0; r < rows && !s; r++) {
        const size_t c = r / FH, k = r % FH; float *o = out + r * W, *line; const float mean = d->mean[c], sd = d->std[c];
        if (last) { if (!(line = (float *)lb__alloc(L, sizeof *line))) { s = LB_ERR_MEM; break; } for (i = 0; i < L; i++) line[i] = x[(k * L + i) * C + c]; }
        else line = x + r * L;
        at = L > W ? (L - W) / 2 : 0;
#ifndef LB_NO_IMAGE
        if (d->fit == LB_FIT_RESAMPLE && L != W) s = lb__grid_resize(o, 1, W, line, 1, L, 1);
#else
        if (d->fit == LB_FIT_RESAMPLE && L != W) s = lb__fail(LB_ERR_UNSUPPORTED, "arrays are resampled by the image section, which was left out");
#endif
        else for (i = 0; i < W; i++) o[i] = d->fit == LB_FIT_ZERO && i >= L ? 0 : line[(at + i) % L];
        for (i = 0; i < W && !s; i++) o[i] = (o[i] - mean) / sd;
        if (last) lb__release(line);
    }
    if (s) memset(out, 0, rows * W * sizeof *out);
    lb__release(x);
    return s;
}
LB_API lb_status lb_prepare_array(lb_ctx *ctx, const lb_model *m, const char *modality, const lb_tensor *t, float *out) {
    const lb_modality_desc *d;
    LB__POINTERS(ctx && m && modality && t && t->data && out);
    d = lb_model_modality(m, modality);
    if (!d || d->kind != LB_ARRAY) return lb__no_modality(m, "lb_prepare_array", modality, " that reads arrays of numbers");
    if (t->layout != LB_ROWS || t->ndim < 0 || t->ndim > LB_MAX_DIMS || !lb_dtype_size(t->dtype)) return lb__fail(LB_ERR_ARG, "lb_prepare_array: rows of at most %d axes, of a known element type, were expected", LB_MAX_DIMS);
    return lb__array_fit(d, t, d->channels_last, out);
}
#ifndef LB_NO_STDIO
/* f32, little-endian, without a head: its length follows from its size. */
static lb_status lb__raw_load(const lb_modality_desc *d, const char *path, lb_tensor *out) {
    const size_t rows = (size_t)d->channels * (size_t)d->frames * (size_t)d->height; lb__bytes f; size_t shape[4], i; lb_status s; lb_tensor t;
    LB__TRY(lb__bytes_open(path, &f));
    if (!f.size || f.size % (4 * rows)) { s = lb__fail(LB_ERR_MISMATCH, "%s: %zu bytes are no whole number of steps of %zu f32 numbers (raw: f32, little-endian, no head)", path, f.size, rows); lb__bytes_close(&f); return s; }
    shape[0] = (size_t)d->channels; shape[1] = (size_t)d->frames; shape[2] = (size_t)d->height; shape[3] = f.size / 4 / rows;
    if (d->channels_last) { shape[0] = shape[1]; shape[1] = shape[2]; shape[2] = shape[3]; shape[3] = (size_t)d->channels; }
    s = lb_tensor_new(LB_F32, 4, shape, &t);
    for (i = 0; !s && i < f.size / 4; i++) ((float *)t.data)[i] = lb__bits_f32(lb__u32le(f.data + 4 * i));
    lb__bytes_close(&f);
    if (!s) *out = t;
    return s;
}
static lb_status lb__array_load(lb_ctx *ctx, const lb_modality_desc *d, const char *path, float *out) {
    lb_tensor t; lb_loader l = d->loader; int last = d->channels_last; lb_status s;
    memset(&t, 0, sizeof t);
    if (l == LB_LOAD_BY_NAME) l = lb__ends_with(path, ".npy") || !strcmp(path, "-") ? LB_LOAD_NPY : lb__ends_with(path, ".csv") || lb__ends_with(path, ".tsv") || lb__ends_with(path, ".txt") ? LB_LOAD_CSV : LB_LOAD_RAW;
    if (l == LB_LOAD_RAW) s = lb__raw_load(d, path, &t);
    else s = l == LB_LOAD_NPY ? lb_npy_load(ctx, path, &t) : lb_csv_load(ctx, path, &t);
    if (l == LB_LOAD_CSV) {                                                        /* one channel may also stand in one line */
        last = (size_t)d->frames * (size_t)d->height == 1;
        if (!s && last && d->channels == 1 && t.shape[0] == 1) { t.shape[0] = t.shape[1]; t.shape[1] = 1; }
        if (!s && !last && t.shape[0] == (size_t)d->channels * (size_t)d->frames * (size_t)d->height) { t.ndim = 4; t.shape[3] = t.shape[1]; t.shape[0] = (size_t)d->channels; t.shape[1] = (size_t)d->frames; t.shape[2] = (size_t)d->height; }
    }
    if (!s) s = lb__fail_in(lb__array_fit(d, &t, last, out), path);
    lb_tensor_free(&t);
    return s;
}
LB_API lb_status lb_prepare_file(lb_ctx *ctx, const lb_model *m, const char *modality, const char *path, float *out) {
    const lb_modality_desc *d; lb_status s;
    LB__POINTERS(ctx && m && modality && path && out);
    d = lb_model_modality(m, modality);
    if (!d || d->kind == LB_TEXT) return lb__no_modality(m, "lb_prepare_file", modality, " that reads files");
    if (d->kind == LB_ARRAY) return lb__array_load(ctx, d, path, out);
#if !defined(LB_NO_VIDEO) && !defined(LB_NO_IMAGE)
    if (d->kind == LB_VIDEO) {
        lb_video *clip = NULL;
        s = lb_video_open(ctx, path, &clip);
        if (!s) s = lb_prepare_video(ctx, m, modality, clip, NULL, out);
        lb_video_free(clip);
        return s;
    }
#endif
#ifndef LB_NO_AUDIO
    if (d->kind == LB_AUDIO) {
        lb_audio sound; memset(&sound, 0, sizeof sound);
        s = lb_audio_load(ctx, path, &sound);
        if (!s) s = lb__fail_in(lb_prepare_audio(ctx, m, modality, &sound, 0, out), path);
        lb_audio_free(&sound);
        return s;
    }
#endif
#ifndef LB_NO_IMAGE
    if (d->kind == LB_IMAGE || d->kind == LB_DEPTH || d->kind == LB_THERMAL) {
        lb_image image; memset(&image, 0, sizeof image);
        s = lb_image_load(ctx, path, &image);
        if (!s) s = lb__fail_in(lb_prepare_image(ctx, m, modality, &image, out), path);
        lb_image_free(&image);
        return s;
    }
#endif
    (void)s;
    return lb__fail(LB_ERR_UNSUPPORTED, "%s: the section that reads files of modality %s was left out", path, modality);
}
#endif
LB_API lb_status lb_zero_shot(lb_ctx *ctx, const lb_model *m, const char *const *labels, size_t n, const char *const *templates, size_t nt, float *out) {
    lb__mark mark; size_t i, j, dim; lb_status s = LB_OK;
    LB__POINTERS(ctx && m && (!n || (labels && out)) && (!nt || templates));
    if (!nt) return lb_embed_text(ctx, m, labels, n, out);
    dim = lb_model_dim(m);
    LB__TRY(lb__counted("lb_zero_shot", n, LB__MAX(sizeof *labels, dim * sizeof *out), 1));
    for (i = 0; i < n; i++) if (!labels[i]) return lb__fail(LB_ERR_ARG, "lb_zero_shot: label %zu is NULL", i);
    for (j = 0; j < nt; j++) if (!templates[j]) return lb__fail(LB_ERR_ARG, "lb_zero_shot: template %zu is NULL", j);
    for (j = 0; j < nt; j++) if (!strstr(templates[j], "{}")) return lb__fail(LB_ERR_FORMAT, "template %zu \"%s\" has no {} for the label", j, templates[j]);
    mark = lb__arena_mark(ctx);
    for (i = 0; i < n && !s; i++) {
        float *v = lb__arena_f32(ctx, nt, dim); char **text = (char **)lb__arena(ctx, nt, sizeof *text);
        if (!v || !text) s = LB_ERR_MEM;
        for (j = 0; j < nt && !s; j++) {
            const char *hole = strstr(templates[j], "{}"); const size_t a = (size_t)(hole - templates[j]), b = strlen(labels[i]), c = strlen(hole + 2);
            if (!(text[j] = (char *)lb__arena(ctx, a + b + c + 1, 1))) { s = LB_ERR_MEM; break; }
            memcpy(text[j], templates[j], a); memcpy(text[j] + a, labels[i], b); memcpy(text[j] + a + b, hole + 2, c + 1);
        }
        if (!s) s = lb_embed_text(ctx, m, (const char *const *)text, nt, v);
        if (!s) s = lb_mean_embedding(v, nt, dim, out + i * dim);
        lb__arena_rewind(ctx, mark);
    }
    if (s) memset(out, 0, n * dim * sizeof(float));
    return s;
}

/* Each with both articles: a kind of picture of the thing; the same without an article of its own; a photo of such a thing; the thing as something. */
#define LB__OF(x)   "a " x " of a {}.", "a " x " of the {}."
#define LB__BARE(x) x " of a {}.", x " of the {}."
#define LB__SUCH(x) "a photo of a " x " {}.", "a photo of the " x " {}."
#define LB__AS(x)   "a " x " {}.", "the " x " {}."
LB_API lb_status lb_prompts(const char *set, lb_modality_kind kind, char out[LB_PROMPTS][LB_PROMPT_SIZE], size_t *n) {
    static const char *const prompt[LB_PROMPTS] = {
        LB__OF("photo"), LB__OF("bad photo"), LB__OF("good photo"), LB__OF("bright photo"), LB__OF("dark photo"), LB__OF("blurry photo"), LB__OF("cropped photo"), LB__OF("close-up photo"), LB__OF("pixelated photo"),
        LB__OF("low resolution photo"), LB__OF("jpeg corrupted photo"), LB__OF("black and white photo"), LB__OF("drawing"), LB__OF("painting"), LB__OF("sketch"), LB__OF("doodle"), LB__OF("sculpture"), LB__OF("tattoo"), LB__OF("rendering"), LB__OF("rendition"),
        LB__BARE("art"), LB__BARE("graffiti"), LB__BARE("itap"), LB__SUCH("clean"), LB__SUCH("dirty"), LB__SUCH("large"), LB__SUCH("small"), LB__SUCH("nice"), LB__SUCH("cool"), LB__SUCH("weird"), LB__SUCH("hard to see"),
        LB__AS("plastic"), LB__AS("toy"), LB__AS("plushie"), LB__AS("cartoon"), LB__AS("origami"), LB__AS("embroidered"), "a {} in a video game.", "the {} in a video game.", "a photo of many {}.", "a photo of one {}.", "a photo of my {}.", "itap of my {}." };
    const char *noun = "photo"; size_t i; int upstream;
    LB__POINTERS(set && out && n);
    upstream = !strcmp(set, "upstream");
    if (!upstream && strcmp(set, "openai")) return lb__fail(LB_ERR_ARG, "there are no prompts called %s; openai and upstream are built in", set);
    if (upstream && kind == LB_AUDIO) { lb__format(out[0], LB_PROMPT_SIZE, "a sound of {}."); *n = 1; return LB_OK; }
    if (upstream && (kind == LB_VIDEO || kind == LB_DEPTH)) noun = kind == LB_VIDEO ? "video" : "depth photo";
    for (i = 0; i < LB_PROMPTS; i++) {
        const char *at = strstr(prompt[i], "photo");
        if (!at) lb__format(out[i], LB_PROMPT_SIZE, "%s", prompt[i]); else lb__format(out[i], LB_PROMPT_SIZE, "%.*s%s%s", (int)(at - prompt[i]), prompt[i], noun, at + 5);
    }
    *n = LB_PROMPTS;
    return LB_OK;
}
#undef LB__OF
#undef LB__BARE
#undef LB__SUCH
#undef LB__AS

LB_API lb_status lb_model_parity(lb_ctx *ctx, const lb_model *m, size_t *inputs, double *worst) {
    const lb_file *f; const char *modality; char key[64]; lb_status s = LB_OK; lb__mark mark; size_t i, k, n = 0; double w = 0;
    LB__POINTERS(ctx && m && inputs && worst);
    f = lb__model_file(m); mark = lb__arena_mark(ctx);
    for (i = 0; f && !s; i++) {
        const lb_tensor *x, *y; const lb_modality_desc *d; float *v; const size_t dim = lb_model_dim(m);
        lb__format(key, sizeof key, "parity.%zu.input", i); x = lb_file_tensor(f, key);
        lb__format(key, sizeof key, "parity.%zu.embedding", i); y = lb_file_tensor(f, key);
        if (!x && !y) break;
        lb__format(key, sizeof key, "parity.%zu.modality", i);
        if ((s = lb_file_get_str(f, key, &modality)) != LB_OK) break;
        d = lb_model_modality(m, modality);
        if (!d || !x || !y || y->dtype != LB_F32 || y->ndim != 2 || y->shape[1] != dim || x->ndim < 2 || x->shape[0] != y->shape[0] ||
            (d->kind == LB_TEXT ? x->dtype != LB_I32 || x->ndim != 2 : x->dtype != LB_F32 || lb_tensor_count(x) != x->shape[0] * lb_modality_floats(d))) {
            s = lb__fail(LB_ERR_FORMAT, "parity record %zu: inputs [n, ...] of a modality of this model and embeddings [n, %zu] were expected", i, dim); break;
        }
        if (!(v = lb__arena_f32(ctx, y->shape[0], dim))) s = LB_ERR_MEM;
        else if (d->kind == LB_TEXT) s = lb_embed_tokens(ctx, m, (const int32_t *)x->data, x->shape[0], x->shape[1], v);
        else s = lb_embed_tensor(ctx, m, modality, (const float *)x->data, x->shape[0], v);
        for (k = 0; !s && k < y->shape[0] * dim; k++) {
            const float want = ((const float *)y->data)[k];
            if (!lb__finite(want)) s = lb__fail(LB_ERR_NUMERIC, "parity record %zu: number %zu of embedding %zu is not finite", i, k % dim, k / dim);
            w = LB__MAX(w, fabs((double)v[k] - (double)want));
        }
        n += y->shape[0];
        lb__arena_rewind(ctx, mark);
    }
    if (!s) { *inputs = n; *worst = w; }
    return s;
}

/* ---- 13.6 compare ---- */

LB_API lb_status lb_similarity(lb_ctx *ctx, const float *a, size_t na, const float *b, size_t nb, size_t dim, float scale, float *out) {
    LB__POINTERS(ctx && (!na || !nb || (a && b && out)));
    LB__TRY(lb__counted("lb_similarity", na, LB__MAX(nb, dim), sizeof(float))); LB__TRY(lb__counted("lb_similarity", nb, dim, sizeof(float)));
    LB__TRY(lb__matmul(ctx, out, nb, 0, a, dim, 0, b, dim, 1, na, nb, dim));
    lb__vec_scale(ctx, out, scale, na * nb);
    return LB_OK;
}
LB_API void lb_softmax_rows(float *x, size_t n, size_t m) {
    size_t i, j;
    for (i = 0; x && i < n; i++, x += m) {
        double sum = 0; float max = -INFINITY;
        for (j = 0; j < m; j++) max = LB__MAX(max, x[j]);
        for (j = 0; j < m; j++) sum += exp((double)x[j] - (double)max);
        for (j = 0; j < m; j++) x[j] = (float)(exp((double)x[j] - (double)max) / sum);
    }
}
LB_API lb_status lb_relative(lb_ctx *ctx, const float *x, size_t n, const float *anchors, size_t m, size_t dim, float scale, float *out) {
    size_t i;
    LB__POINTERS(ctx && anchors && (!n || (x && out)));
    if (!m || !lb__finite(scale)) return lb__fail(LB_ERR_ARG, "lb_relative: %zu anchors and a scale of %g, at least one anchor and a finite scale were expected", m, (double)scale);
    LB__TRY(lb__counted("lb_relative", n, LB__MAX(m, dim), sizeof(float))); LB__TRY(lb__counted("lb_relative", m, dim, sizeof(float)));
    LB__TRY(lb_similarity(ctx, x, n, anchors, m, dim, scale, out));
    lb_softmax_rows(out, n, m);
    for (i = 0; i < n * m; i++) out[i] = sqrtf(out[i]);
    return LB_OK;
}
LB_API lb_status lb_mean_embedding(const float *x, size_t n, size_t dim, float *out) {
    size_t i, c; double norm = 0;
    LB__POINTERS(x && out);
    if (!n || !dim) return lb__fail(LB_ERR_ARG, "lb_mean_embedding: at least one vector of at least one number was expected");
    LB__TRY(lb__counted("lb_mean_embedding", n, dim, sizeof(float)));
    for (c = 0; c < dim; c++) { double s = 0; for (i = 0; i < n; i++) s += (double)x[i * dim + c]; out[c] = (float)(s / (double)n); norm += (double)out[c] * (double)out[c]; }
    norm = sqrt(norm);
    if (!(norm > 0 && norm <= FLT_MAX)) { memset(out, 0, dim * sizeof *out); return lb__fail(LB_ERR_NUMERIC, "lb_mean_embedding: the mean of %zu vectors has length %g", n, norm); }
    for (c = 0; c < dim; c++) out[c] = (float)((double)out[c] / norm);
    return LB_OK;
}

/* ==== 14 >>train =================================================================================================================
 * Training: data, the contrastive loss, the optimiser, checkpoints, batches of files.  Calls: base, parallel, kernels, tensor, autograd, nn, text,
 * image, audio, weights, model.  Held by: tests/test_data.c, tests/test_train.c, tests/test_feed.c, tests/test_train_command.sh */
#ifndef LB_NO_TRAIN

/* ---- 14.1 >>data -----------------------------------------------------------------------------------------------------------------
 * What to train and evaluate on: manifests, class folders and VIDAL's JSON, turned into one list of items.  Decoding is not done here.
 * Calls: base.  Held by: tests/test_data.c, tests/fuzz/manifest.c */

LB_API const char *lb_modality_of_file(const char *path) {
    static const char *const endings[][2] = {
        { ".jpg", "image" }, { ".jpeg", "image" }, { ".png", "image" }, { ".bmp", "image" }, { ".ppm", "image" }, { ".pgm", "image" }, { ".pnm", "image" }, { ".pbm", "image" }, { ".pam", "image" }, { ".gif", "image" },
        { ".wav", "audio" }, { ".flac", "audio" }, { ".y4m", "video" }, { ".avi", "video" }, { ".mov", "video" }, { ".mp4", "video" }, { ".txt", "text" } };
    size_t i;
    for (i = 0; path && i < LB__COUNT(endings); i++) if (lb__ends_with(path, endings[i][0])) return endings[i][1];
    return NULL;
}

/* Upstream lower-cases, blanks a list of words of the trade, blanks what that leaves of them, keeps letters, digits and (outside hashtags)
 * some punctuation, and folds white space.  The words are tried in this order at every place, as its regular expressions do. */
static const char *const lb__title_words[] = {
    "#video", "video", "#shorts", "shorts", " shorts", "#short", " short", "#youtubeshorts", "youtubeshorts", "#youtube", " youtube", "#shortsyoutube", "#ytshorts", "ytshorts",
    "#ytshort", "#shortvideo", "shortvideo", "#shortsfeed", "#tiktok", "tiktok", "#tiktokchallenge", "#myfirstshorts", "#myfirstshort", "#viral", "viralvideo", "viral",
    "#viralshorts", "#virlshort", "#ytviralshorts", NULL };
static const char *const lb__title_rest[] = { " s ", "short", "youtube", "virlshort", "#", NULL };

static size_t lb__title_blank(char *t, size_t n, const char *const *words) {
    size_t i = 0, out = 0;
    while (i < n) {
        const char *const *w = words; size_t k = 0;
        for (; *w; w++) { k = strlen(*w); if (k <= n - i && !memcmp(t + i, *w, k)) break; }
        if (*w) { t[out++] = ' '; i += k; }
        else t[out++] = t[i++];
    }
    return out;
}
/* Cleans n bytes at t in place; t has room for one more. */
static size_t lb__title_clean(char *t, size_t n, int tags) {
    size_t i, out = 0;
    for (i = 0; i < n; ) {                                  /* lower case; of the other scripts only what ends up in ASCII matters */
        unsigned char c = (unsigned char)t[i];
        if (n - i >= 3 && !memcmp(t + i, "\xe2\x84\xaa", 3)) { t[out++] = 'k'; i += 3; }               /* KELVIN SIGN */
        else if (n - i >= 2 && !memcmp(t + i, "\xc4\xb0", 2)) { t[out++] = 'i'; i += 2; }              /* I WITH DOT ABOVE */
        else { t[out++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : (char)c; i++; }
    }
    t[out++] = ' ';
    n = lb__title_blank(t, lb__title_blank(t, out, lb__title_words), lb__title_rest);
    for (i = out = 0; i < n; ) {
        unsigned char c = (unsigned char)t[i]; int space = c == ' ' || (c >= 9 && c <= 13 && c != 11); size_t k = 1;
        if (c >= 0x80) {                                    /* the other white space of Unicode */
            static const char *const spaces[] = { "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80" }; size_t w;
            for (w = 0; w < LB__COUNT(spaces) && !space; w++) { k = strlen(spaces[w]); space = k <= n - i && !memcmp(t + i, spaces[w], k); }
            if (!space && n - i >= 3 && c == 0xe2 && (unsigned char)t[i + 1] == 0x80 && (unsigned char)t[i + 2] >= 0x80 && (unsigned char)t[i + 2] <= 0x8a) { space = 1; k = 3; }
            if (!space) k = 1;
        }
        if (space) { if (out && t[out - 1] != ' ') t[out++] = ' '; }
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (!tags && c && strchr(".,;:?!'\"|", c))) t[out++] = (char)c;
        i += k;
    }
    while (out && t[out - 1] == ' ') out--;
    return out;
}
LB_API size_t lb_clean_title(const char *raw, char *out, size_t cap) {
    size_t n = raw ? strlen(raw) : 0, head = 0, a, b;
    if (!raw || !out || n > SIZE_MAX / 2 - 8 || cap < n + 8) return cap;
    while (head < n && raw[head] != '#') head++;
    memcpy(out, raw, head);
    a = lb__title_clean(out, head, 0);
    out[a++] = ','; out[a++] = ' ';
    if (cap - a < n - head + 3) return cap;
    out[a] = '#';                                           /* upstream puts one in front even where there is no hashtag */
    b = head < n ? n - head - 1 : 0;
    memcpy(out + a + 1, raw + n - b, b);
    a += lb__title_clean(out + a, b + 1, 1);
    out[a] = 0;
    return a;
}

LB_API const lb_caption *lb_item_draw(const lb_item *item, uint64_t seed, uint64_t visit) {
    double total = 0, u; uint32_t r[4]; size_t i;
    if (!item || item->n_captions <= 1) return item ? item->captions : NULL;
    for (i = 0; i < item->n_captions; i++) total += item->captions[i].weight;
    lb__philox(seed, 0x63617074696f6e73u, visit, r);        /* stream "captions" */
    u = total * ((double)r[0] / 4294967296.0);
    for (i = 0; i + 1 < item->n_captions; i++) { u -= item->captions[i].weight; if (u < 0) break; }
    return &item->captions[i];
}

#ifndef LB_NO_STDIO
/* A manifest under construction: strings in one buffer, everything else by offset, so that it can grow; lb__listing_done turns it into the
 * public structs in a single allocation.  Offsets are stored plus one: 0 is "none". */
typedef struct lb__listing_item { size_t file, modality, group, split, first, line; int frames; } lb__listing_item;
typedef struct lb__listing_caption { size_t text, source; float weight; int frame; } lb__listing_caption;
typedef struct lb__listing { lb__buf text, items, captions; const char *path, *root; const lb_manifest_desc *desc; } lb__listing;

static lb_status lb__listing_string(lb__listing *p, const char *s, size_t n, size_t *at) {
    *at = 0;
    if (!s) return LB_OK;
    *at = p->text.size + 1;
    LB__TRY(lb__buf_add(&p->text, s, n));
    return lb__buf_add(&p->text, "", 1);
}
/* One that is empty, or blank, is none. */
static lb_status lb__listing_caption_add(lb__listing *p, const char *text, size_t n, const char *source, float weight, int frame) {
    lb__listing_caption c; size_t blank = 0;
    while (blank < n && strchr(" \t\r\n", text[blank])) blank++;
    if (blank == n) return LB_OK;
    LB__TRY(lb__listing_string(p, text, n, &c.text));
    LB__TRY(lb__listing_string(p, source, source ? strlen(source) : 0, &c.source));
    c.weight = weight; c.frame = frame;
    return lb__buf_add(&p->captions, &c, sizeof c);
}
/* The captions that were added since the last item become this item's. */
static lb_status lb__listing_item_add(lb__listing *p, const char *file, size_t n, const char *modality, size_t modality_n, const char *group, size_t group_n, const char *split, size_t split_n, int frames, size_t line) {
    lb__listing_item it; size_t root = p->root ? strlen(p->root) : 0;
    memset(&it, 0, sizeof it);
    if (!n) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: the file's name is empty", p->path, line);
    if (file[0] == '/' || !root) { LB__TRY(lb__listing_string(p, file, n, &it.file)); }
    else {
        it.file = p->text.size + 1;
        LB__TRY(lb__buf_add(&p->text, p->root, root));
        if (p->root[root - 1] != '/') LB__TRY(lb__buf_add(&p->text, "/", 1));
        LB__TRY(lb__buf_add(&p->text, file, n));
        LB__TRY(lb__buf_add(&p->text, "", 1));
    }
    if (!modality || !modality_n) {
        modality = p->desc->modality ? p->desc->modality : lb_modality_of_file((const char *)p->text.data + it.file - 1);
        if (!modality) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: the modality of %s cannot be told from its name; a modality column was expected", p->path, line, (const char *)p->text.data + it.file - 1);
        modality_n = strlen(modality);
    }
    LB__TRY(lb__listing_string(p, modality, modality_n, &it.modality));
    LB__TRY(lb__listing_string(p, group_n ? group : NULL, group_n, &it.group));
    LB__TRY(lb__listing_string(p, split_n ? split : NULL, split_n, &it.split));
    it.frames = frames; it.line = line;
    if (p->items.size) {                                    /* `first` holds where the item's captions end until lb__listing_done */
        lb__listing_item last; memcpy(&last, p->items.data + p->items.size - sizeof last, sizeof last);
        if (last.first == p->captions.size / sizeof(lb__listing_caption)) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: no caption; every item needs one", p->path, line);
    } else if (!p->captions.size) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: no caption; every item needs one", p->path, line);
    it.first = p->captions.size / sizeof(lb__listing_caption);
    return lb__buf_add(&p->items, &it, sizeof it);
}
static lb_status lb__listing_done(lb__listing *p, lb_manifest *out) {
    size_t n = p->items.size / sizeof(lb__listing_item), k = p->captions.size / sizeof(lb__listing_caption), i, c = 0, a, b, total;
    lb_item *items; lb_caption *captions; char *text;
    if (!n) return lb__fail(LB_ERR_FORMAT, "%s: holds no item; a manifest, or a folder with a folder for each class, was expected", p->path);
    if (!lb__mul(n, sizeof *items, &a) || !lb__mul(k, sizeof *captions, &b) || !lb__add(a, b, &total) || !lb__add(total, p->text.size, &total)) return lb__fail(LB_ERR_MEM, "%s: too large", p->path);
    items = (lb_item *)lb__alloc(total, 1);
    if (!items) return LB_ERR_MEM;
    captions = (lb_caption *)(void *)(items + n); text = (char *)(captions + k);
    memcpy(text, p->text.data, p->text.size);
#define LB__STR(at) ((at) ? text + (at) - 1 : NULL)
    for (i = 0; i < k; i++) {
        lb__listing_caption q; memcpy(&q, p->captions.data + i * sizeof q, sizeof q);
        captions[i].text = LB__STR(q.text); captions[i].source = LB__STR(q.source); captions[i].weight = q.weight; captions[i].frame = q.frame;
    }
    for (i = 0; i < n; i++) {
        lb__listing_item q; memcpy(&q, p->items.data + i * sizeof q, sizeof q);
        items[i].file = LB__STR(q.file); items[i].modality = LB__STR(q.modality); items[i].group = LB__STR(q.group); items[i].split = LB__STR(q.split);
        items[i].captions = captions + c; items[i].n_captions = q.first - c; items[i].frames = q.frames; items[i].line = q.line;
        c = q.first;
    }
#undef LB__STR
    out->items = items; out->count = n; out->_memory = items;
    return LB_OK;
}

/* TSV: the first line names the columns.  No quoting: a tab ends a field, a line end ends a line. */
static lb_status lb__listing_tsv(lb__listing *p, const char *d, size_t size) {
    enum { LB__FIELD_FILE, LB__FIELD_MODALITY, LB__FIELD_CAPTION, LB__FIELD_GROUP, LB__FIELD_SPLIT, LB__FIELDS, LB__COLUMNS = 64 };
    static const char *const names[LB__FIELDS] = { "file", "modality", "caption", "group", "split" };
    int column[LB__COLUMNS], columns = 0, seen[LB__FIELDS + 1]; size_t line = 0, at = 0, i;              /* a column of another name is LB__FIELDS: passed over */
    memset(seen, 0, sizeof seen);
    at = lb__bom(d, size);
    while (at < size) {
        size_t end = at, field[LB__COLUMNS], len[LB__COLUMNS]; int n = 0, k;
        while (end < size && d[end] != '\n') end++;
        line++;
        if (memchr(d + at, 0, end - at)) return lb__fail(LB_ERR_FORMAT, "%s: line %zu holds a zero byte; UTF-8 text was expected", p->path, line);
        {   /* cut the line at its tabs */
            size_t stop = end > at && d[end - 1] == '\r' ? end - 1 : end, f = at;
            if (stop > at) for (i = at; i <= stop; i++) if (i == stop || d[i] == '\t') {
                if (n == LB__COLUMNS) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: more than %d columns", p->path, line, (int)LB__COLUMNS);
                field[n] = f; len[n++] = i - f; f = i + 1;
            }
        }
        at = end + 1;
        if (!n) continue;
        if (!columns) {
            for (k = 0; k < n; k++) {
                for (i = 0; i < LB__FIELDS && (len[k] != strlen(names[i]) || memcmp(d + field[k], names[i], len[k])); i++) {}
                column[k] = (int)i;
                if (i < LB__FIELDS && i != LB__FIELD_CAPTION && seen[i]) return lb__fail(LB_ERR_FORMAT, "%s: line 1: column %s stands twice", p->path, names[i]);
                seen[i] = 1;
            }
            if (!seen[LB__FIELD_FILE] || !seen[LB__FIELD_CAPTION]) return lb__fail(LB_ERR_FORMAT, "%s: line 1 must name the columns, file and caption among them (tab-separated)", p->path);
            columns = n;
            continue;
        }
        if (n != columns) return lb__fail(LB_ERR_FORMAT, "%s: line %zu has %d columns, %d were expected", p->path, line, n, columns);
        {
            const char *f[LB__FIELDS + 1]; size_t l[LB__FIELDS + 1];
            memset(f, 0, sizeof f); memset(l, 0, sizeof l);
            for (k = 0; k < n; k++) {
                if (column[k] == LB__FIELD_CAPTION) LB__TRY(lb__listing_caption_add(p, d + field[k], len[k], NULL, 1, -1));
                else { f[column[k]] = d + field[k]; l[column[k]] = len[k]; }
            }
            LB__TRY(lb__listing_item_add(p, f[LB__FIELD_FILE], l[LB__FIELD_FILE], f[LB__FIELD_MODALITY], l[LB__FIELD_MODALITY], f[LB__FIELD_GROUP], l[LB__FIELD_GROUP], f[LB__FIELD_SPLIT], l[LB__FIELD_SPLIT], 0, line));
        }
    }
    return LB_OK;
}

static lb_status lb__listing_folder(lb__listing *p) {
    lb__dir classes, files; size_t i, k; lb_status s; lb__buf name = { 0, 0, 0 }, caption = { 0, 0, 0 };
    const char *prompt = p->desc->prompt ? p->desc->prompt : "a photo of a {}.", *gap = strstr(prompt, "{}");
    LB__TRY(lb__dir_list(p->path, &classes));
    for (i = 0, s = LB_OK; i < classes.count && !s; i++) {
        const char *c = classes.names[i]; struct stat st; size_t j, from;
        name.size = 0;
        if ((s = lb__buf_add(&name, p->path, strlen(p->path))) || (s = lb__buf_add(&name, "/", 1)) || (s = lb__buf_add(&name, c, strlen(c) + 1))) break;
        if (stat((const char *)name.data, &st) || !S_ISDIR(st.st_mode)) continue;
        if ((s = lb__dir_list((const char *)name.data, &files)) != LB_OK) break;
        for (k = 0; k < files.count && !s; k++) {
            const char *f = files.names[k];
            if (!p->desc->modality && !lb_modality_of_file(f)) continue;                 /* notes and side files of a data set */
            name.size = caption.size = 0;
            if ((s = lb__buf_add(&name, c, strlen(c))) || (s = lb__buf_add(&name, "/", 1)) || (s = lb__buf_add(&name, f, strlen(f)))) break;
            if ((s = lb__buf_add(&caption, prompt, gap ? (size_t)(gap - prompt) : strlen(prompt))) != LB_OK) break;
            if (gap) {
                from = caption.size;
                if ((s = lb__buf_add(&caption, c, strlen(c))) != LB_OK) break;
                for (j = from; j < caption.size; j++) if (caption.data[j] == '_' || caption.data[j] == '-') caption.data[j] = ' ';
                if ((s = lb__buf_add(&caption, gap + 2, strlen(gap + 2))) != LB_OK) break;
            }
            if ((s = lb__listing_caption_add(p, (const char *)caption.data, caption.size, NULL, 1, -1)) != LB_OK) break;
            s = lb__listing_item_add(p, (const char *)name.data, name.size, NULL, 0, c, strlen(c), NULL, 0, 0, 0);
        }
        lb__release(files.names);
    }
    lb__release(classes.names); lb__buf_free(&name); lb__buf_free(&caption);
    return s;
}

/* {"file": ..., "modality": ..., "caption": "..." or "captions": [...], "group": ..., "split": ...} */
static lb_status lb__listing_object(lb__listing *p, const lb__json *v, size_t line) {
    static const char *const names[] = { "file", "modality", "group", "split" }; const char *f[4]; size_t n[4], i; const lb__json *c, *list;
    if (v->type != LB__JSON_OBJECT) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: found %s, an object with file and caption was expected", p->path, line, lb__json_type_name(v));
    for (i = 0; i < 4; i++) {
        c = lb__json_get(v, names[i]);
        if (c && c->type == LB__JSON_NULL) c = NULL;
        if (c && (c->type != LB__JSON_STRING || strlen(c->str) != c->len)) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: \"%s\" is %s, a string without \\u0000 was expected", p->path, line, names[i], lb__json_type_name(c));
        f[i] = c ? c->str : NULL; n[i] = c ? c->len : 0;
    }
    list = lb__json_get(v, "captions");
    if (list && list->type == LB__JSON_NULL) list = NULL;
    c = list ? list->first : lb__json_get(v, "caption");
    if (c && !list && c->type == LB__JSON_NULL) c = NULL;
    if (list && list->type != LB__JSON_ARRAY) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: \"captions\" is %s, an array was expected", p->path, line, lb__json_type_name(list));
    for (; c; c = list ? c->next : NULL) {
        if (c->type != LB__JSON_STRING || strlen(c->str) != c->len) return lb__fail(LB_ERR_FORMAT, "%s: line %zu: a caption is %s, a string%s was expected", p->path, line, lb__json_type_name(c), c->type == LB__JSON_STRING ? " without \\u0000" : "");
        LB__TRY(lb__listing_caption_add(p, c->str, c->len, NULL, 1, -1));
    }
    return lb__listing_item_add(p, f[0], n[0], f[1], n[1], f[2], n[2], f[3], n[3], 0, line);
}
static lb_status lb__listing_jsonl(lb__listing *p, const lb_limits *limits, const char *d, size_t size) {
    size_t at = 0, line = 0; lb_status s = LB_OK;
    while (at < size && !s) {
        size_t end = at, i; lb__json_doc doc;
        while (end < size && d[end] != '\n') end++;
        line++;
        for (i = at; i < end && (d[i] == ' ' || d[i] == '\t' || d[i] == '\r'); i++) {}
        if (i < end) {
            s = lb__json_parse(limits, d + at, end - at, NULL, &doc);
            if (s) return lb__fail(s, "%s: line %zu of the file: %s", p->path, line, lb_last_error());
            s = lb__listing_object(p, doc.root, line);
            lb__json_free(&doc);
        }
        at = end + 1;
    }
    return s;
}

/* One id of VIDAL-10M.  Where its files lie and how texts are drawn: upstream data/base_datasets.py. */
static lb_status lb__listing_vidal(lb__listing *p, const lb__json *v, size_t line) {
    static const char *const texts[] = { "raw", "mplug", "polish_mplug", "sound_mplug" };
    const char *type = p->desc->text_type ? p->desc->text_type : "mix", *modality = p->desc->modality ? p->desc->modality : "video", *folder = lb__json_str(v, "folder", NULL);
    lb__buf name = { 0, 0, 0 }, clean = { 0, 0, 0 }; size_t i, n; lb_status s = LB_OK; int frames = 0; const lb__json *c;
    if (!folder) return lb__fail(LB_ERR_FORMAT, "%s: item %zu (\"%s\") has no \"folder\"", p->path, line, v->key);
    for (i = 0; i < LB__COUNT(texts) && !s; i++) {
        if (strcmp(type, "mix") && strcmp(type, texts[i])) continue;
        c = lb__json_get(v, texts[i]);
        if (!c || c->type != LB__JSON_STRING || !c->len) continue;
        if (i == 0) {
            n = 2 * strlen(c->str) + 8; clean.size = 0;
            if ((s = lb__buf_reserve(&clean, n)) != LB_OK) break;
            n = lb_clean_title(c->str, (char *)clean.data, n);
            s = lb__listing_caption_add(p, (const char *)clean.data, n, texts[i], 0.2f, -1);
        } else s = lb__listing_caption_add(p, c->str, c->len, texts[i], 0.2f, -1);
    }
    c = lb__json_get(v, "ofa");
    if (!s && c && c->type == LB__JSON_ARRAY && (!strcmp(type, "mix") || !strcmp(type, "ofa"))) {
        int frame = 0;
        for (c = c->first; c && frame < 8 && !s; c = c->next, frame++) if (c->type == LB__JSON_STRING) s = lb__listing_caption_add(p, c->str, c->len, "ofa", 0.025f, frame);
    }
    if (!s && (!strcmp(modality, "video") || !strcmp(modality, "image"))) {
        if (!strncmp(folder, "new_", 4)) s = lb__buf_add(&name, "new_download_resize256_skip15/", 30);
        else if ((s = lb__buf_add(&name, folder, strlen(folder))) == LB_OK) s = lb__buf_add(&name, "_resize256_skip15/", 18);
        if (!s) s = lb__buf_add(&name, v->key, strlen(v->key));
        if (!s && *modality == 'i') { s = lb__buf_add(&name, "_resize256_folder/{}.jpg", 24); frames = 8; }
        else if (!s) {                                      /* frames that were taken from the clip before, in a folder beside it, stand for it: upstream's "imgs" */
            const size_t root = p->root ? strlen(p->root) : 0; lb__buf full = { 0, 0, 0 }; struct stat st; int there = 0;
            if (root && name.data[0] != '/') { s = lb__buf_add(&full, p->root, root); if (!s) s = lb__buf_add(&full, "/", 1); }
            if (!s && (s = lb__buf_add(&full, name.data, name.size)) == LB_OK) s = lb__buf_add(&full, "_resize256_folder", 18);
            if (!s) there = !stat((const char *)full.data, &st) && S_ISDIR(st.st_mode);
            lb__buf_free(&full);
            if (!s) s = there ? lb__buf_add(&name, "_resize256_folder", 17) : lb__buf_add(&name, ".mp4", 4);
        }
    } else if (!s) {
        const char *tail = !strcmp(modality, "depth") ? "_depth_f8glpn_folder/{}.png" : !strcmp(modality, "thermal") ? "_thermal_folder/{}.jpg" : NULL;
        if (!tail) s = lb__fail(LB_ERR_ARG, "%s: VIDAL's JSON has no files of modality %s; video, image, depth or thermal was expected", p->path, modality);
        else if ((s = lb__buf_add(&name, folder, strlen(folder))) == LB_OK && (s = lb__buf_add(&name, "/", 1)) == LB_OK && (s = lb__buf_add(&name, v->key, strlen(v->key))) == LB_OK) s = lb__buf_add(&name, tail, strlen(tail));
        frames = 8;
    }
    if (!s) s = lb__listing_item_add(p, (const char *)name.data, name.size, modality, strlen(modality), v->key, strlen(v->key), NULL, 0, frames, line);
    lb__buf_free(&name); lb__buf_free(&clean);
    return s;
}
static lb_status lb__listing_json(lb__listing *p, const lb_limits *limits, const char *d, size_t size) {
    lb__json_doc doc; const lb__json *v; size_t line = 1, at = 0; lb_status s = lb__json_parse(limits, d, size, NULL, &doc); const int vidal = !s && doc.root->type == LB__JSON_OBJECT;
    if (s) return lb__fail_in(s, p->path);
    for (v = vidal || doc.root->type == LB__JSON_ARRAY ? doc.root->first : NULL; v && !s; v = v->next) {
        if (v->type == LB__JSON_ARRAY || v->type == LB__JSON_OBJECT) for (; at < (size_t)v->i; at++) line += d[at] == '\n';
        s = vidal ? lb__listing_vidal(p, v, line) : lb__listing_object(p, v, line);
    }
    if (!s && !vidal && doc.root->type != LB__JSON_ARRAY) s = lb__fail(LB_ERR_FORMAT, "%s: holds %s; VIDAL's object of ids or an array of items was expected", p->path, lb__json_type_name(doc.root));
    lb__json_free(&doc);
    return s;
}

LB_API lb_status lb_manifest_load(lb_ctx *ctx, const char *path, const lb_manifest_desc *desc, lb_manifest *out) {
    lb__listing p; lb_manifest_desc d; lb__bytes f; lb__buf root = { 0, 0, 0 }; struct stat st; lb_status s; size_t n;
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && path && out);
    memset(&p, 0, sizeof p); memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    if (d._zero0 || d._zero1) return lb__fail(LB_ERR_ARG, "lb_manifest_load: the description was not zeroed before its fields were set");
    if (d.text_type && strcmp(d.text_type, "raw") && strcmp(d.text_type, "mplug") && strcmp(d.text_type, "polish_mplug") && strcmp(d.text_type, "sound_mplug") && strcmp(d.text_type, "ofa") && strcmp(d.text_type, "mix"))
        return lb__fail(LB_ERR_ARG, "text type \"%s\"; raw, mplug, polish_mplug, sound_mplug, ofa or mix was expected", d.text_type);
    p.desc = &d; p.path = path; p.root = d.root;
    if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode)) {
        if (!p.root) p.root = path;
        s = lb__listing_folder(&p);
    } else {
        const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
        LB__TRY(lb__bytes_open(path, &f));
        s = LB_OK;
        if (!p.root && slash) {
            s = lb__buf_add(&root, path, (size_t)(slash - path) + 1);
            if (!s) s = lb__buf_add(&root, "", 1);
            p.root = (const char *)root.data;
        }
        n = f.size;
        if (s) {}
        else if (n > ctx->limits.max_text) s = lb__fail(LB_ERR_LIMIT, "%s: %zu bytes, the limit (max_text) is %zu", path, n, ctx->limits.max_text);
        else if (dot && !strcmp(dot, ".jsonl")) s = lb__listing_jsonl(&p, &ctx->limits, (const char *)f.data, n);
        else if (dot && !strcmp(dot, ".json")) s = lb__listing_json(&p, &ctx->limits, (const char *)f.data, n);
        else s = lb__listing_tsv(&p, (const char *)f.data, n);
        lb__bytes_close(&f);
    }
    if (!s) s = lb__listing_done(&p, out);
    lb__buf_free(&p.text); lb__buf_free(&p.items); lb__buf_free(&p.captions); lb__buf_free(&root);
    return s;
}
LB_API void lb_manifest_free(lb_manifest *m) { if (m) { lb__release(m->_memory); memset(m, 0, sizeof *m); } }
#endif /* LB_NO_STDIO */

/* ---- 14.2 the loss ----
 * Contrastive training from here on: the loss, AdamW with upstream's rules, and a trainer over a model whose frozen weights stay where they
 * are.  Batches come as arrays.  Calls: nn, weights, model.  Held by: tests/test_train.c, tests/test_autograd.c */

/* With L = s x y^T, r_i and c_j the log-sum-exp of row i and column j, t_ij = 1/|P_i| for positives:
 * loss = 1/2n sum_i (r_i + c_i - 2 sum_j t_ij L_ij),   G = dloss/dL = (exp(L - r_i) + exp(L - c_j) - 2 t) / 2n,   dx = s G y,  dy = s G^T x,  dlog s = sum G L */
/* Is text j a positive of input i? */
static int lb__paired(const uint64_t *group, size_t i, size_t j) { return group ? group[i] == group[j] : i == j; }
/* z [more, dim]: texts that are negatives of every x; they are further columns of L, in r_i alone.  share below 1: x_i is mixed with x_(n-1-i), and
 * t_ij = share/|P_i| for the positives of i + (1 - share)/|P_(n-1-i)| for those of n - 1 - i. */
static lb_status lb__clip_loss(lb_ctx *ctx, const float *x, const float *y, size_t n, const float *z, size_t more, size_t dim, double log_scale, const uint64_t *group, double share, double *loss, float *dx, float *dy, double *dscale) {
    lb__mark mark; lb_status s = LB_ERR_MEM; float *L, *Z = NULL; double *r, *c, *m, total = 0, ds = 0; size_t i, j; const double scale = exp(log_scale);
    mark = lb__arena_mark(ctx);
    if (more && (!(Z = lb__arena_f32(ctx, n, more)) || (s = lb__matmul(ctx, Z, more, 0, x, dim, 0, z, dim, 1, n, more, dim)) != LB_OK)) goto done;
    if (more) lb__vec_scale(ctx, Z, (float)scale, n * more);
    s = LB_ERR_MEM;
    L = lb__arena_f32(ctx, n, n); r = (double *)lb__arena(ctx, n, sizeof *r); c = (double *)lb__arena(ctx, n, sizeof *c); m = (double *)lb__arena(ctx, n, sizeof *m);
    if (!L || !r || !c || !m || (s = lb__matmul(ctx, L, n, 0, x, dim, 0, y, dim, 1, n, n, dim)) != LB_OK) goto done;
    lb__vec_scale(ctx, L, (float)scale, n * n);
    for (j = 0; j < n; j++) { m[j] = -INFINITY; c[j] = 0; }
    for (i = 0; i < n; i++) {
        const float *l = L + i * n; double max = -INFINITY, sum = 0;
        for (j = 0; j < n; j++) { max = LB__MAX(max, (double)l[j]); m[j] = LB__MAX(m[j], (double)l[j]); }
        for (j = 0; j < more; j++) max = LB__MAX(max, (double)Z[i * more + j]);
        for (j = 0; j < n; j++) sum += exp((double)l[j] - max);
        for (j = 0; j < more; j++) sum += exp((double)Z[i * more + j] - max);
        r[i] = max + log(sum);
    }
    for (i = 0; i < n; i++) for (j = 0; j < n; j++) c[j] += exp((double)L[i * n + j] - m[j]);
    for (j = 0; j < n; j++) c[j] = m[j] + log(c[j]);
    for (i = 0; i < n; i++) {
        float *l = L + i * n; size_t own = 0, others = 0; const size_t o = n - 1 - i;
        for (j = 0; j < n; j++) { own += (size_t)lb__paired(group, i, j); others += share < 1 && lb__paired(group, o, j); }
        total += r[i] + c[i];
        for (j = 0; j < n; j++) {
            const double t = (lb__paired(group, i, j) ? share / (double)own : 0) + (share < 1 && lb__paired(group, o, j) ? (1 - share) / (double)others : 0), v = (double)l[j];
            const double g = (exp(v - r[i]) + exp(v - c[j]) - 2 * t) / (2 * (double)n);
            total -= 2 * t * v; ds += g * v;
            l[j] = (float)(g * scale);
        }
        for (j = 0; j < more; j++) {
            const double v = (double)Z[i * more + j], g = exp(v - r[i]) / (2 * (double)n);
            ds += g * v; Z[i * more + j] = (float)(g * scale);
        }
    }
    if (loss) *loss = total / (2 * (double)n);
    if (dscale) *dscale = ds;
    s = LB_OK;
    if (dx) s = lb__matmul(ctx, dx, dim, 0, L, n, 0, y, dim, 0, n, dim, n);
    if (dx && more && !s) s = lb__matmul(ctx, dx, dim, 1, Z, more, 0, z, dim, 0, n, dim, more);
    if (dy && !s) s = lb__matmul(ctx, dy, dim, 0, L, n, 1, x, dim, 0, n, dim, n);
done:
    lb__arena_rewind(ctx, mark);
    return s;
}
LB_API lb_status lb_clip_loss(lb_ctx *ctx, const float *x, const float *y, size_t n, size_t dim, double log_scale, const uint64_t *group, double *loss, float *dx, float *dy, double *dscale) {
    LB__POINTERS(ctx && x && y);
    if (!n || !dim) return lb__fail(LB_ERR_ARG, "lb_clip_loss: at least one pair of vectors was expected");
    return lb__clip_loss(ctx, x, y, n, NULL, 0, dim, log_scale, group, 1, loss, dx, dy, dscale);
}

/* ---- 14.3 what is trained ---- */

/* * stands for any run of bytes. */
static int lb__glob(const char *p, size_t n, const char *s) {
    for (; n; p++, n--) {
        if (*p == '*') { for (;; s++) { if (lb__glob(p + 1, n - 1, s)) return 1; if (!*s) return 0; } }
        if (*s++ != *p) return 0;
    }
    return !*s;
}
static int lb__glob_any(const char *words, const char *s) {
    while (words && *words) {
        size_t n = strcspn(words, ",");
        if (n && lb__glob(words, n, s)) return 1;
        words += n + (words[n] == ',');
    }
    return 0;
}
/* Is this parameter trained?  `vision` and `text` are the towers of the run. */
static int lb__train_wants(const lb_train_desc *d, const char *modality, const char *vision, const char *text, const lb_tower_desc *tower, const char *name) {
    const size_t nv = strlen(vision), nt = strlen(text), nm = strlen(modality); const char *rest;
    if (!strncmp(name, modality, nm) && !strcmp(name + nm, ".logit_scale")) return !d->freeze_scale && (d->trainable != LB_TRAIN_PATTERN || lb__glob_any(d->pattern, name));
    if (!strncmp(name, text, nt) && name[nt] == '.') return !d->freeze_text && (d->trainable == LB_TRAIN_ALL || (d->trainable == LB_TRAIN_PATTERN && lb__glob_any(d->pattern, name)));
    if (strncmp(name, vision, nv) || name[nv] != '.') return 0;
    rest = name + nv + 1;
    if (d->trainable == LB_TRAIN_ALL) return 1;
    if (d->trainable == LB_TRAIN_PATTERN) return lb__glob_any(d->pattern, name);
    if (!strncmp(rest, "proj.", 5)) return 1;
    if (d->trainable == LB_TRAIN_PROJECTION) return 0;
    if (!strcmp(rest, "class") || !strncmp(rest, "post_norm.", 10)) return 1;
    if (d->trainable == LB_TRAIN_LORA) return strstr(rest, ".lora.") != NULL || strstr(rest, ".temporal.embed") || strstr(rest, ".temporal.norm.");
    return tower->temporal ? strstr(rest, ".temporal.") != NULL : strstr(rest, ".attn.") != NULL;
}
/* Upstream's rule: vectors, class and patch embedding do not decay. */
static int lb__train_decays(const lb__param *p) {
    const size_t n = strlen(p->name);
    return p->t.ndim >= 2 && !(n > 6 && !strcmp(p->name + n - 6, ".class")) && !(n > 13 && !strcmp(p->name + n - 13, ".patch.weight"));
}

/* ---- 14.4 the trainer ---- */

typedef struct lb__slot { lb__param *p; float *m, *v, *ema; size_t n; int decay, lora; } lb__slot;
struct lb_trainer {
    lb_train_desc desc;
    const lb_model *base;
    lb_model   *model, *average;
    lb__slot   *slot; size_t slots;
    int         modality, text, scale;          /* indices of the modalities; text -1: none; scale: whose logit scale, for text that of the first other one */
    uint64_t    step;
    char        name[LB_NAME_SIZE], data[LB_DATA_SIZE], start[65];       /* start: names the weights that the run began with */
    char       *pattern;
};

LB_API void lb_trainer_free(lb_trainer *t) {
    size_t i;
    if (!t) return;
    for (i = 0; i < t->slots && t->slot; i++) {
        lb__slot *s = &t->slot[i];
        if (s->p) { lb__release(s->p->t.grad); s->p->t.grad = NULL; }
        lb__release(s->m); lb__release(s->v);
    }
    lb_model_free(t->average); lb_model_free(t->model);
    lb__release(t->slot); lb__release(t->pattern);
    lb__release(t);
}
static lb_status lb__train_desc_check(lb_train_desc *d) {
    if (d->_zero0 || d->_zero1) return lb__fail(LB_ERR_ARG, "training: the description was not zeroed before its fields were set");
    if (d->lr == 0) d->lr = 1e-4;
    if (d->lr_rest == 0) d->lr_rest = 1;
    if (d->beta1 == 0) d->beta1 = 0.9;
    if (d->beta2 == 0) d->beta2 = 0.98;
    if (d->eps == 0) d->eps = 1e-6;
    if (d->weight_decay == 0) d->weight_decay = 0.2;
    if (d->weight_decay < 0) d->weight_decay = 0;
    if (d->lora_alpha == 0) d->lora_alpha = 16;
    if (!d->lora_targets) d->lora_targets = LB_LORA_QKVO;
#define LB__WITHIN(field, ok, range) if (!(ok)) return lb__fail(LB_ERR_ARG, "training: " #field " is %g, " range " was expected", (double)d->field)
    LB__WITHIN(lr, d->lr > 0 && d->lr <= 1e6, "more than 0, at most 1e6"); LB__WITHIN(lr_rest, d->lr_rest >= 0 && d->lr_rest <= 1e6, "0 to 1e6"); LB__WITHIN(beta1, d->beta1 > 0 && d->beta1 < 1, "more than 0, less than 1"); LB__WITHIN(beta2, d->beta2 > 0 && d->beta2 < 1, "more than 0, less than 1");
    LB__WITHIN(eps, d->eps > 0 && d->eps < 1, "more than 0, less than 1"); LB__WITHIN(weight_decay, d->weight_decay < 1e6, "less than 1e6"); LB__WITHIN(clip, d->clip >= 0, "0 or more"); LB__WITHIN(ema, d->ema >= 0 && d->ema < 1, "0 to less than 1");
    LB__WITHIN(lora_alpha, d->lora_alpha >= -1e6f && d->lora_alpha <= 1e6f, "-1e6 to 1e6"); LB__WITHIN(mask_ratio, d->mask_ratio >= 0 && d->mask_ratio < 1, "0 to less than 1"); LB__WITHIN(mix, d->mix >= 0 && d->mix <= 1, "0 to 1"); LB__WITHIN(lora_dropout, d->lora_dropout >= 0 && d->lora_dropout < 1, "0 to less than 1"); LB__WITHIN(lora_rank, d->lora_rank >= 0 && d->lora_rank <= 4096, "0 to 4096");
    LB__WITHIN(lora_temporal, d->lora_temporal >= 0 && d->lora_temporal <= 2, "0 to 2"); LB__WITHIN(trainable, (int)d->trainable >= 0 && d->trainable <= LB_TRAIN_PATTERN, "a word of lb_trainable");
#undef LB__WITHIN
    if (d->trainable == LB_TRAIN_PATTERN && !(d->pattern && d->pattern[0])) return lb__fail(LB_ERR_ARG, "training: a pattern of parameter names was expected");
    return LB_OK;
}
/* Names the weights of the towers `a` and `b`, wherever they come from: SHA-256 over names, types, shapes and CRCs, which files keep, and over the vocabulary. */
static void lb__model_hash(const lb_model *m, const char *a, const char *b, char out[65]) {
    lb__sha256 h; uint8_t digest[32], word[8]; size_t i, k, merges = 0; const uint16_t *tok = m->tokenizer ? lb_tokenizer_merges(m->tokenizer, &merges) : NULL;
    lb__sha256_init(&h);
    for (i = 0; i < m->params; i++) {
        const lb__param *p = &m->param[i]; const lb_model *f; const lb__entry *e = NULL; const size_t na = strlen(a), nb = strlen(b);
        if ((strncmp(p->name, a, na) || p->name[na] != '.') && (strncmp(p->name, b, nb) || p->name[nb] != '.')) continue;
        for (f = m; f && !e; f = f->base) for (k = 0; f->file && k < f->file->count && !e; k++) if (f->file->entries[k].t.data == p->t.data) e = &f->file->entries[k];
        lb__sha256_add(&h, p->name, strlen(p->name) + 1);
        lb__put32le(word, (uint32_t)p->t.dtype); lb__put32le(word + 4, e ? e->crc : lb__crc32(0, p->t.data, lb_tensor_stored(&p->t) * lb_dtype_size(p->t.dtype))); lb__sha256_add(&h, word, 8);
        for (k = 0; k < (size_t)p->t.ndim; k++) { lb__put64le(word, p->t.shape[k]); lb__sha256_add(&h, word, 8); }
    }
    for (i = 0; i < 2 * merges; i++) { word[0] = (uint8_t)(tok[i] & 255); word[1] = (uint8_t)(tok[i] >> 8); lb__sha256_add(&h, word, 2); }
    lb__sha256_done(&h, digest);
    lb__sha256_text(digest, out);
}
/* The shape of low-rank updates: of those that are there already, which nothing in `asked` may contradict, or as `d`, with its defaults, has it. */
static lb_status lb__train_lora(const lb_train_desc *asked, const lb_train_desc *d, lb_tower_desc *v) {
    const float alpha = asked->lora_alpha != 0 ? asked->lora_alpha : v->lora_alpha; const int targets = asked->lora_targets ? asked->lora_targets : v->lora_targets;
    if (!v->lora_rank) { v->lora_rank = d->lora_rank ? d->lora_rank : 16; v->lora_targets = d->lora_targets; v->lora_temporal = d->lora_temporal; v->lora_alpha = d->lora_alpha; }
    else if (d->lora_rank && d->lora_rank != v->lora_rank) return lb__fail(LB_ERR_MISMATCH, "training: the model has updates of rank %d already, rank %d was asked for", v->lora_rank, d->lora_rank);
    else if (alpha != v->lora_alpha || targets != v->lora_targets) return lb__fail(LB_ERR_MISMATCH, "training: the model has updates of alpha %g and targets %d already, alpha %g and targets %d were asked for", (double)v->lora_alpha, v->lora_targets, (double)alpha, targets);
    else if (asked->lora_temporal && asked->lora_temporal != v->lora_temporal) return lb__fail(LB_ERR_MISMATCH, "training: the model has updates of %s attention already, others were asked for", v->lora_temporal == 2 ? "spatial and temporal" : v->lora_temporal ? "temporal" : "spatial");
    if (v->lora_temporal && !v->temporal) return lb__fail(LB_ERR_ARG, "training: tower %s has no temporal attention for low-rank updates", v->name);
    v->lora_dropout = d->lora_dropout;
    return LB_OK;
}
/* Every word of the pattern names something: one that was mistyped would train less than was asked for. */
static lb_status lb__train_words(const lb_trainer *t, const char *scale, const lb_tower_desc *v, const char *text) {
    lb_train_desc all = t->desc; const char *word = t->pattern; size_t i, n;
    all.trainable = LB_TRAIN_ALL; all.freeze_text = all.freeze_scale = 0;
    for (; *word; word += n + (word[n] == ',')) {
        n = strcspn(word, ",");
        for (i = 0; i < t->model->params && !(lb__glob(word, n, t->model->param[i].name) && lb__train_wants(&all, scale, v->name, text, v, t->model->param[i].name)); i++) {}
        if (n && i == t->model->params) return lb__fail(LB_ERR_ARG, "training: modality %s and its text have no parameter with a name like %.*s", t->name, (int)LB__MIN(n, 200), word);
    }
    return LB_OK;
}
/* The caller's strings, kept. */
static lb_status lb__trainer_strings(lb_trainer *t, const lb_train_desc *desc) {
    if (desc->trainable == LB_TRAIN_PATTERN) {
        const size_t n = strlen(desc->pattern);
        if (!(t->pattern = (char *)lb__alloc(n + 1, 1))) return LB_ERR_MEM;
        memcpy(t->pattern, desc->pattern, n);
    }
    t->desc.pattern = t->pattern;
    if (desc->data) {
        if (strlen(desc->data) >= sizeof t->data) return lb__fail(LB_ERR_ARG, "training: the name of the data is longer than %d bytes", LB_DATA_SIZE - 1);
        memcpy(t->data, desc->data, strlen(desc->data));
    }
    t->desc.data = t->data;
    return LB_OK;
}
/* Which modality is trained against which text, with whose logit scale. */
static lb_status lb__trainer_sides(lb_trainer *t, const lb_model_desc *d) {
    const char *name = t->desc.modality; int j;
    t->modality = t->text = t->scale = -1;
    for (j = d->modalities - 1; j >= 0; j--) {
        if (d->modality[j].kind == LB_TEXT) t->text = j; else t->scale = j;
        if (name ? !strcmp(name, d->modality[j].name) : d->modality[j].kind != LB_TEXT) t->modality = j;
    }
    if (t->modality < 0) return lb__no_modality(t->base, "training", name ? name : "beside text", "");
    if (t->modality == t->text) {
        if (t->desc.freeze_text || t->desc.mask_ratio > 0 || t->desc.mix > 0) return lb__fail(LB_ERR_ARG, "training: text is trained against text, so it %s", t->desc.freeze_text ? "cannot be frozen" : t->desc.mix > 0 ? "cannot be mixed" : "has no patches to drop");
        if (t->scale < 0) return lb__fail(LB_ERR_ARG, "training: a model of text alone has no logit scale to train with");
    } else t->scale = t->modality;
    memcpy(t->name, d->modality[t->modality].name, sizeof t->name);
    t->desc.modality = t->name;
    return LB_OK;
}
/* A slot for every parameter that is trained: its own copy, gradient and moments. */
static lb_status lb__trainer_slots(lb_trainer *t, const char *scale, const lb_tower_desc *v, const char *text) {
    size_t i;
    if (!(t->slot = (lb__slot *)lb__alloc(t->model->params, sizeof *t->slot))) return LB_ERR_MEM;
    for (i = 0; i < t->model->params; i++) {
        lb__param *p = &t->model->param[i]; lb__slot *o = &t->slot[t->slots];
        if (!lb__train_wants(&t->desc, scale, v->name, text, v, p->name)) continue;
        t->slots++;
        o->p = p; o->n = lb_tensor_stored(&p->t); o->decay = lb__train_decays(p); o->lora = strstr(p->name, ".lora.") != NULL;
        LB__TRY(lb__param_own(p));
        p->t.grad = (float *)lb__alloc(o->n, sizeof(float)); o->m = (float *)lb__alloc(o->n, sizeof(float)); o->v = (float *)lb__alloc(o->n, sizeof(float));
        if (!p->t.grad || !o->m || !o->v) return LB_ERR_MEM;
        if (t->average) {
            lb__param *q = &t->average->param[i];
            q->t.data = p->t.data; q->t.dtype = p->t.dtype;
            LB__TRY(lb__param_own(q));
            o->ema = (float *)q->t.data;
        }
    }
    if (t->pattern) LB__TRY(lb__train_words(t, scale, v, text));
    return t->slots ? LB_OK : lb__fail(LB_ERR_ARG, "training: nothing is left to train: every parameter is frozen");
}
LB_API lb_status lb_trainer_new(lb_ctx *ctx, const lb_model *model, const lb_train_desc *desc, lb_trainer **out) {
    lb_trainer *t; lb_model_desc *d = NULL; lb_tower_desc *v = NULL; const char *text; int j; lb_status s;
    LB__POINTERS(ctx && model && desc && out);
    *out = NULL;
    if (!(t = (lb_trainer *)lb__alloc(1, sizeof *t)) || !(d = (lb_model_desc *)lb__alloc(1, sizeof *d))) { s = LB_ERR_MEM; goto fail; }
    t->desc = *desc; t->base = model; *d = model->desc;
    if ((s = lb__train_desc_check(&t->desc)) != LB_OK || (s = lb__trainer_strings(t, desc)) != LB_OK || (s = lb__trainer_sides(t, d)) != LB_OK) goto fail;
    text = t->text < 0 || t->text == t->modality ? "" : d->modality[t->text].tower;       /* both sides text: its parameters are those of the modality */
    for (j = 0; j < d->towers; j++) if (!strcmp(d->tower[j].name, d->modality[t->modality].tower)) v = &d->tower[j];
    if (t->desc.trainable == LB_TRAIN_LORA && (s = lb__train_lora(desc, &t->desc, v)) != LB_OK) goto fail;
    d->seed = t->desc.seed;
    if ((s = lb__model_derive(model, d, NULL, NULL, &t->model)) != LB_OK) goto fail;
    if (t->desc.ema > 0 && (s = lb__model_derive(t->model, d, NULL, NULL, &t->average)) != LB_OK) goto fail;
    if ((s = lb__trainer_slots(t, d->modality[t->scale].name, v, text)) != LB_OK) goto fail;
    lb__model_hash(model, v->name, t->text < 0 ? v->name : d->modality[t->text].tower, t->start);
    lb__release(d);
    *out = t;
    return LB_OK;
fail:
    lb__release(d); lb_trainer_free(t);
    return s;
}
LB_API const lb_model *lb_trainer_model(const lb_trainer *t) { return !t ? NULL : t->average ? t->average : t->model; }
LB_API uint64_t lb_trainer_steps(const lb_trainer *t) { return t ? t->step : 0; }
LB_API size_t lb_trainer_parameters(const lb_trainer *t) { size_t i, n = 0; for (i = 0; t && i < t->slots; i++) n += lb_tensor_count(&t->slot[i].p->t); return n; }

/* ---- 14.5 memory: the plan of a step ---- */

/* Floats that one tower's pass takes at its widest point, for S sequences of R rows together; `cols` wide patches, `patches` of them, or none.
 * Follows lb__vision, lb__text and the operations: what a tape keeps, and what the backward pass adds while it is in a block. */
static double lb__plan_tower_floats(const lb__tower *t, const lb_train_desc *d, double S, double R, double cols, double patches, int trained, int below) {
    const double D = t->d.width, F = t->d.mlp, H = t->d.heads, L = t->d.layers, lora = t->d.lora_rank, drop = t->d.lora_rank && t->d.lora_dropout > 0 ? 4 * D : 0;
    const double attn = R * (6 * D + H + 2), mlp = 2 * R * (D + F), low = R * (4 * lora + drop), spatial = t->d.lora_temporal == 1 ? 0 : low, temporal = t->d.temporal ? attn + (t->d.lora_temporal ? low : 0) : 0;
    const double block = attn + spatial + temporal + mlp, back = R * LB__MAX(3 * F, F + (t->d.temporal ? 14 : 9) * D) + (R > 2 * LB__MC ? D * F : 0), last = R * (3 * D + 2) + temporal + spatial + S * (7 * D + 2 * F), Q = R > 2 * LB__MLP_ROWS ? (double)LB__MLP_ROWS : R, run = LB__MAX(R * 5 * D, Q * (D + F));
    const double embed = patches * (cols + D) + R * D + (t->pre.w ? R * D : 0);
    double keep, most;
    if (!trained) return LB__MAX(embed + R * D, R * D + run);
    if (!below) return embed + run + S * 4 * D;                                      /* only what stands above the blocks is trained */
    keep = embed + (d->recompute ? (L - 1) * R * D : (L - 1) * block);
    most = LB__MAX(last + LB__MAX(R * 6 * D, S * 3 * F), d->recompute && L > 1 ? R * D + block + back : back);
    return keep + R * D + (d->recompute ? most : last + LB__MAX(R * 6 * D, back)) + (trained == 2 ? R * D + patches * D : 0);
}
/* The kernels' own buffers: nothing at real sizes, much at tiny ones. */
static size_t lb__plan_kernels(void) { return (size_t)(lb__kernels_best()->tiles ? 3 : 1) << 20; }
/* In double, which holds every real size exactly and does not wrap. */
static double lb__trainer_arena(const lb_trainer *t, size_t pairs, size_t length) {
    const lb__tower *v = lb__modality_tower(t->model, t->modality), *w = t->text < 0 ? NULL : lb__modality_tower(t->model, t->text);
    const size_t P = (size_t)v->d.grid_h * (size_t)v->d.grid_w;
    const double n = (double)pairs, k = (double)(t->desc.micro_batch && t->desc.micro_batch < pairs ? t->desc.micro_batch : pairs), E = (double)lb_model_dim(t->model), frames = v->d.frames / v->d.tube, words = (double)length;
    const double mixed = t->desc.mix > 0 ? n * (double)lb_modality_floats(&t->model->desc.modality[t->modality]) : 0;
    const double K = (double)(t->desc.mask_ratio > 0 ? lb__mask_count(P, t->desc.mask_ratio) : P), cols = (double)v->d.channels * v->d.tube * v->d.patch_h * v->d.patch_w;
    double a, b = 0; size_t i; int text = 0, vision = 0, patch = 0, inside = 0, text_inside = 0;
    for (i = 0; i < t->slots; i++) {
        const char *name = t->slot[i].p->name; const size_t nv = strlen(v->d.name), nw = w ? strlen(w->d.name) : 0;
        const char *rest = !strncmp(name, v->d.name, nv) && name[nv] == '.' ? name + nv + 1 : NULL, *word = w && !strncmp(name, w->d.name, nw) && name[nw] == '.' ? name + nw + 1 : NULL;
        if (rest) { vision = 1; patch |= !strncmp(rest, "patch.", 6); inside |= strncmp(rest, "proj.", 5) && strncmp(rest, "post_norm.", 10); }
        if (word) { text = 1; text_inside |= strncmp(word, "proj.", 5) && strncmp(word, "post_norm.", 10); }
    }
    if (t->modality == t->text) { a = lb__plan_tower_floats(v, &t->desc, k, k * words, 0, 0, vision, inside); text = vision; text_inside = inside; }
    else a = lb__plan_tower_floats(v, &t->desc, k * frames, k * frames * (1 + K), cols, k * frames * K, vision + patch, inside);
    if (w && length) b = lb__plan_tower_floats(w, &t->desc, k, k * words, 0, 0, text, text_inside);
    return (4 * n * E + mixed + LB__MAX(n * n, text ? a + b : LB__MAX(a, b))) * sizeof(float) + (double)lb__plan_kernels();
}
LB_API size_t lb_trainer_bytes(const lb_trainer *t, size_t n, size_t length) {
    size_t i, stored = 0; double all;
    if (!t) return 0;
    for (i = 0; i < t->slots; i++) stored += t->slot[i].n * (size_t)(t->average ? 5 : 4);
    all = (double)stored * sizeof(float) + lb__trainer_arena(t, n, length);
    return all < (double)PTRDIFF_MAX ? (size_t)all : SIZE_MAX;
}

/* ---- 14.6 a step ---- */

/* A step's inputs mixed in pairs, input i with input n - 1 - i, of which `share` is its own: mixup (Zhang et al. 2018) adds both, weighted; CutMix (Yun et
 * al. 2019) takes a rectangle of patches from the other, [x0, x1) x [y0, y1) pixels, in all frames the same one. */
typedef struct lb__mix { double share; size_t x0, x1, y0, y1, width, height, n, per; const float *in; float *out; } lb__mix;
static void lb__mix_run(void *arg, size_t i, size_t end, int worker) {
    const lb__mix *m = (const lb__mix *)arg; const float own = (float)m->share; size_t k, y;
    (void)worker;
    for (; i < end; i++) {
        const float *a = m->in + i * m->per, *b = m->in + (m->n - 1 - i) * m->per; float *o = m->out + i * m->per;
        if (m->x1 == m->x0) { for (k = 0; k < m->per; k++) o[k] = own * a[k] + (1 - own) * b[k]; continue; }
        memcpy(o, a, m->per * sizeof *o);
        for (k = 0; k < m->per; k += m->width * m->height) for (y = m->y0; y < m->y1; y++) memcpy(o + k + y * m->width + m->x0, b + k + y * m->width + m->x0, (m->x1 - m->x0) * sizeof *o);
    }
}
/* Draws whether and how this step's batch is mixed; its inputs then lie in the arena. */
static lb_status lb__mix_batch(lb_ctx *ctx, const lb_trainer *t, lb_batch *b, double *share) {
    const lb_modality_desc *d = &t->model->desc.modality[t->modality]; const lb_tower_desc *v = &lb__modality_tower(t->model, t->modality)->d; const size_t W = (size_t)v->grid_w, H = (size_t)v->grid_h;
    lb__rng r = lb__rng_new(t->desc.seed, 0x6d69780000000000u + t->step); lb__mix m;     /* stream "mix" */
    if (!((double)lb__rng_uniform(&r) < t->desc.mix)) return LB_OK;
    memset(&m, 0, sizeof m);
    m.share = 0.5 + 0.5 * (double)lb__rng_uniform(&r);
    if (!(lb__rng_u32(&r) & 1)) {
        const double side = sqrt(1 - m.share); const size_t w = (size_t)(side * (double)W + 0.5), h = (size_t)(side * (double)H + 0.5);
        if (!w || !h) return LB_OK;
        m.share = 1 - (double)(w * h) / (double)(W * H);
        m.x0 = lb__rng_below(&r, (uint32_t)(W - w + 1)) * (size_t)v->patch_w; m.x1 = m.x0 + w * (size_t)v->patch_w;
        m.y0 = lb__rng_below(&r, (uint32_t)(H - h + 1)) * (size_t)v->patch_h; m.y1 = m.y0 + h * (size_t)v->patch_h;
    }
    m.n = b->n; m.per = lb_modality_floats(d); m.width = (size_t)d->width; m.height = (size_t)d->height; m.in = b->x;
    if (!(m.out = lb__arena_f32(ctx, m.n, m.per))) return LB_ERR_MEM;
    lb_parallel_for(ctx, m.n, 1, lb__mix_run, &m);
    b->x = m.out; *share = m.share;
    return LB_OK;
}
/* Both embeddings of pairs [first, first + k) of a batch, of unit length.  Text that comes as vectors is a view of them. */
static lb_status lb__train_embed(lb_ctx *ctx, lb_trainer *t, const lb_batch *b, size_t first, size_t k, lb__var **x, lb__var **y) {
    const lb_modality_desc *d = &t->model->desc.modality[t->modality]; const lb__tower *v = lb__modality_tower(t->model, t->modality);
    const size_t per = lb_modality_floats(d), P = (size_t)v->d.grid_h * (size_t)v->d.grid_w;
    uint32_t *keep = NULL; size_t K = 0, i;
    if (ctx->draw && t->desc.mask_ratio > 0) {
        K = lb__mask_count(P, t->desc.mask_ratio);
        if (!(keep = (uint32_t *)lb__arena(ctx, k * K, sizeof *keep))) return LB_ERR_MEM;
        for (i = 0; i < k; i++) lb__mask_draw(t->desc.seed, (uint64_t)1 << 63 | t->step << 24 | (uint64_t)(first + i), P, K, keep + i * K);
    }
    if (t->modality == t->text) *x = lb__unit(ctx, lb__text(ctx, v, b->pair + first * b->length, k, b->length));
    else *x = lb__unit(ctx, lb__vision(ctx, v, b->x + first * per, k, (size_t)d->height, (size_t)d->width, keep, K));
    if (b->text) *y = lb__var_view(ctx, (float *)(uintptr_t)(b->text + first * (size_t)v->d.embed_dim), k, (size_t)v->d.embed_dim);
    else *y = lb__unit(ctx, lb__text(ctx, lb__modality_tower(t->model, t->text), b->ids + first * b->length, k, b->length));
    return *x && *y ? LB_OK : LB_ERR_MEM;
}
static lb_status lb__train_check(const lb_trainer *t, const lb_batch *b) {
    size_t i; const lb__tower *text = t->text < 0 ? NULL : lb__modality_tower(t->model, t->text);
    if (!b->n || (t->modality == t->text ? !b->pair || !b->ids || b->text : !b->x || (!b->ids && !b->text)))
        return lb__fail(LB_ERR_ARG, t->modality == t->text ? "training: a batch of texts and their pairs as token ids was expected" : "training: a batch of inputs with token ids or text vectors was expected");
    if (b->negatives && (!b->text || !b->negative)) return lb__fail(LB_ERR_ARG, "training: %zu negatives %s; vectors beside text vectors were expected", b->negatives, b->text ? "without their vectors" : "beside texts that are not vectors");
    if (b->n < 2) return lb__fail(LB_ERR_ARG, "training: a batch of one pair has nothing to be told apart from; at least two were expected");
    if (b->n >= (size_t)1 << 24) return lb__fail(LB_ERR_ARG, "training: a batch of %zu pairs, less than 16777216 were expected", b->n);
    if (b->text) return LB_OK;
    if (!text) return lb__fail(LB_ERR_ARG, "training: the model has no text tower, text vectors were expected");
    if (!b->length || b->length > (size_t)text->d.context) return lb__fail(LB_ERR_ARG, "training: texts of %zu tokens, 1 to %d were expected", b->length, text->d.context);
    for (i = 0; i < b->n * b->length; i++) {
        const int32_t id = b->ids[i] < 0 || b->ids[i] >= text->d.vocab || t->modality != t->text ? b->ids[i] : b->pair[i];
        if (id < 0 || id >= text->d.vocab) return lb__fail(LB_ERR_ARG, "training: token id %d of text %zu is outside the vocabulary of %d", (int)id, i / b->length, text->d.vocab);
    }
    return LB_OK;
}
typedef struct lb__adamw { const lb__kernels *k; lb__slot *s; lb__adam a; float ema; } lb__adamw;
/* AdamW (Loshchilov and Hutter 2019), decoupled decay, in torch's order of operations. */
static void lb__adamw_run(void *arg, size_t i, size_t end, int worker) {
    const lb__adamw *a = (const lb__adamw *)arg; const lb__slot *s = a->s;
    (void)worker;
    a->k->adamw((float *)s->p->t.data + i, s->m + i, s->v + i, s->p->t.grad + i, &a->a, end - i);
}
static void lb__ema_run(void *arg, size_t i, size_t end, int worker) {
    const lb__adamw *a = (const lb__adamw *)arg; const float *p = (const float *)a->s->p->t.data; float *e = a->s->ema;
    (void)worker;
    for (; i < end; i++) e[i] = a->ema * e[i] + (1 - a->ema) * p[i];
}
/* Squares of a gradient, summed in pieces whose borders know nothing of threads. */
enum { LB__NORM_PIECE = 16384 };
typedef struct lb__norm_sum { const lb__kernels *k; const float *g; double *out; size_t n; } lb__norm_sum;
static void lb__norm_sum_run(void *arg, size_t i, size_t end, int worker) {
    const lb__norm_sum *s = (const lb__norm_sum *)arg;
    (void)worker;
    for (; i < end; i++) {
        const size_t k = i * LB__NORM_PIECE;
        s->out[i] = s->k->dot(s->g + k, s->g + k, LB__MIN((size_t)LB__NORM_PIECE, s->n - k));
    }
}
static lb_status lb__train_norm(lb_ctx *ctx, lb_trainer *t, double *norm) {
    size_t i, k; double total = 0;
    for (i = 0; i < t->slots; i++) {
        lb__norm_sum s; const lb__mark mark = lb__arena_mark(ctx); double sum = 0; const size_t pieces = (t->slot[i].n + LB__NORM_PIECE - 1) / LB__NORM_PIECE;
        s.k = ctx->kernels; s.g = t->slot[i].p->t.grad; s.n = t->slot[i].n;
        if (!(s.out = (double *)lb__arena(ctx, pieces, sizeof(double)))) return LB_ERR_MEM;
        lb_parallel_for(ctx, pieces, 4, lb__norm_sum_run, &s);
        for (k = 0; k < pieces; k++) sum += s.out[k];
        lb__arena_rewind(ctx, mark);
        if (!(sum - sum == 0)) return lb__fail(LB_ERR_NUMERIC, "step %llu: the gradient of %s is not finite; the weights are those of the step before", (unsigned long long)t->step + 1, t->slot[i].p->name);
        total += sum;
    }
    *norm = sqrt(total);
    return LB_OK;
}
static double lb__train_rate(const lb_train_desc *d, uint64_t step) {
    if (step < d->warmup) return d->lr * (double)(step + 1) / (double)d->warmup;
    if (!d->steps) return d->lr;
    if (step >= d->steps) return 0;
    return 0.5 * (1 + cos(LB__PI * (double)(step - d->warmup) / (double)(d->steps - d->warmup))) * d->lr;
}
/* Which tensor a loss that is not finite comes from: a weight, else the embeddings of one side, else the scale. */
static void lb__train_blame(const lb_trainer *t, const float *X, const float *Y, size_t n, char *what, size_t cap) {
    size_t i, k, x = 0, y = 0;
    for (i = 0; i < t->slots; i++) {
        const lb__slot *s = &t->slot[i]; const float *p = (const float *)s->p->t.data;
        for (k = 0; k < s->n && p[k] - p[k] == 0; k++) {}
        if (k < s->n) { lb__format(what, cap, "the weight %s holds %g", s->p->name, (double)p[k]); return; }
    }
    while (x < n && lb__finite(X[x])) x++;
    while (y < n && lb__finite(Y[y])) y++;
    if (x < n || y < n) lb__format(what, cap, "the embeddings of modality %s are not, at pair %zu", x < n ? t->name : "text", (x < n ? x : y) / lb_model_dim(t->model));
    else lb__format(what, cap, "%s.logit_scale is %g", t->model->desc.modality[t->scale].name, (double)*(const float *)t->model->logit_scale[t->scale]->data);
}
/* Loss of a batch; with `learn` the gradients of every trained parameter too.  More pairs than fit at once are embedded in pieces without a
 * tape, the loss gives the gradient at the embeddings, and every piece runs again with a tape to push it through: the same gradient. */
static lb_status lb__train_pass(lb_ctx *ctx, lb_trainer *t, const lb_batch *b, int learn, double *loss) {
    const size_t n = b->n, E = lb_model_dim(t->model), micro = t->desc.micro_batch && t->desc.micro_batch < n ? t->desc.micro_batch : n, pieces = (n + micro - 1) / micro;
    lb__mark mark; float *X, *Y, *dX = NULL, *dY = NULL; lb_tensor *scale = t->model->logit_scale[t->scale];
    lb__draw draw; lb__tape tape; lb_batch mixed = *b; lb__var *x = NULL, *y = NULL; size_t p; double dscale = 0, share = 1; char what[160]; lb_status s;
    lb__arena_reserve(ctx, (size_t)LB__MIN(lb__trainer_arena(t, n, b->text ? 0 : b->length) + (double)n * (double)b->negatives * sizeof(float), (double)(PTRDIFF_MAX / 2)));
    mark = lb__arena_mark(ctx); X = lb__arena_f32(ctx, n, E); Y = lb__arena_f32(ctx, n, E); s = X && Y ? LB_OK : LB_ERR_MEM;
    memset(&draw, 0, sizeof draw); memset(&tape, 0, sizeof tape);
    draw.seed = t->desc.seed; draw.step = t->step; tape.recompute = t->desc.recompute;
    if (learn) { dX = lb__arena_f32(ctx, n, E); dY = lb__arena_f32(ctx, n, E); ctx->draw = &draw; if (!dX || !dY) s = LB_ERR_MEM; }
    if (learn && !s) s = lb__mix_batch(ctx, t, &mixed, &share);
    b = &mixed;
    for (p = 0; p < pieces && !s; p++) {
        const lb__mark inner = lb__arena_mark(ctx); const size_t first = p * micro, k = LB__MIN(micro, n - first);
        draw.micro = p;
        if (learn && pieces == 1) ctx->tape = &tape;
        s = lb__train_embed(ctx, t, b, first, k, &x, &y);
        ctx->tape = NULL;
        if (s) break;
        memcpy(X + first * E, x->x, k * E * sizeof *X); memcpy(Y + first * E, y->x, k * E * sizeof *Y);
        if (!learn || pieces > 1) lb__arena_rewind(ctx, inner);
    }
    if (!s) s = lb__clip_loss(ctx, X, Y, n, b->negative, b->negatives, E, (double)*(const float *)scale->data, b->group, share, loss, dX, dY, &dscale);
    if (!s && !(*loss - *loss == 0)) {
        lb__train_blame(t, X, Y, n * E, what, sizeof what);
        s = lb__fail(LB_ERR_NUMERIC, "step %llu: the loss is not finite: %s; the weights are those of the step before", (unsigned long long)t->step + 1, what);
    }
    for (p = 0; p < pieces && !s && learn; p++) {
        const lb__mark inner = lb__arena_mark(ctx); const size_t first = p * micro, k = LB__MIN(micro, n - first); float *g;
        draw.micro = p;
        if (pieces > 1) { ctx->tape = &tape; s = lb__train_embed(ctx, t, b, first, k, &x, &y); ctx->tape = NULL; }
        if (!s && x->wants) { if ((g = lb__grad(ctx, x)) != NULL) memcpy(g, dX + first * E, k * E * sizeof *g); else s = LB_ERR_MEM; }
        if (!s && y->wants) { if ((g = lb__grad(ctx, y)) != NULL) memcpy(g, dY + first * E, k * E * sizeof *g); else s = LB_ERR_MEM; }
        if (!s) s = lb__backward(ctx, &tape);
        tape.last = NULL;
        lb__arena_rewind(ctx, inner);
    }
    if (!s && learn && scale->grad) scale->grad[0] += (float)dscale;
    ctx->tape = NULL; ctx->draw = NULL;
    lb__arena_rewind(ctx, mark);
    return s;
}
LB_API lb_status lb_trainer_loss(lb_ctx *ctx, lb_trainer *t, const lb_batch *b, double *loss) {
    double l = 0;
    LB__POINTERS(ctx && t && b && loss);
    LB__TRY(lb__train_check(t, b));
    LB__TRY(lb__train_pass(ctx, t, b, 0, &l));
    *loss = l;
    return LB_OK;
}
LB_API lb_status lb_trainer_step(lb_ctx *ctx, lb_trainer *t, const lb_batch *b, lb_train_stats *stats) {
    const lb_train_desc *d; double loss = 0, norm = 0, lr, c1, c2; lb_tensor *scale; size_t i; lb_status s;
    LB__POINTERS(ctx && t && b);
    d = &t->desc; scale = t->model->logit_scale[t->scale];
    LB__TRY(lb__train_check(t, b));
    s = lb__train_pass(ctx, t, b, 1, &loss);
    if (!s) s = lb__train_norm(ctx, t, &norm);
    if (s) { for (i = 0; i < t->slots; i++) memset(t->slot[i].p->t.grad, 0, t->slot[i].n * sizeof(float)); return s; }
    lr = lb__train_rate(d, t->step);
    t->step++;
    c1 = 1 - pow(d->beta1, (double)t->step); c2 = 1 - pow(d->beta2, (double)t->step);
    for (i = 0; i < t->slots; i++) {
        lb__adamw a; lb__slot *o = &t->slot[i]; const double rate = o->lora ? lr : lr * d->lr_rest;
        a.k = ctx->kernels; a.s = o; a.a.decay = o->decay ? (float)(1 - rate * d->weight_decay) : 1.0f; a.a.rate = (float)(rate / c1); a.a.beta1 = (float)d->beta1; a.a.beta2 = (float)d->beta2; a.a.root = (float)(1 / sqrt(c2)); a.a.eps = (float)d->eps;
        a.a.clip = d->clip > 0 && norm > d->clip ? (float)(d->clip / (norm + 1e-6)) : 1.0f; a.ema = (float)d->ema;
        lb_parallel_for(ctx, o->n, 16384, lb__adamw_run, &a);
        if (o->p->t.data == scale->data) { float *v = (float *)scale->data; if (!(*v >= 0)) *v = 0; if (*v > 4.6051702f) *v = 4.6051702f; }       /* [0, ln 100] */
        if (o->ema) lb_parallel_for(ctx, o->n, 16384, lb__ema_run, &a);
    }
    if (stats) { stats->step = t->step; stats->loss = loss; stats->lr = lr; stats->grad_norm = norm; stats->logit_scale = exp((double)*(const float *)scale->data); }
    return LB_OK;
}

/* ---- 14.7 checkpoints and adapters ---- */
#ifndef LB_NO_STDIO

/* The numbers that decide what a run computes. */
typedef struct lb__term { const char *key; double value; } lb__term;
enum { LB__TERMS = 21 };
static void lb__train_terms(const lb_trainer *t, lb__term *o) {
    const lb_train_desc *d = &t->desc; const lb_tower_desc *v = &lb__modality_tower(t->model, t->modality)->d; const int lora = v->lora_rank != 0; size_t n = 0;
#define LB__TERM(name, number) o[n].key = "train." name; o[n++].value = (double)(number)
    LB__TERM("lr", d->lr); LB__TERM("lr_rest", d->lr_rest); LB__TERM("warmup", d->warmup); LB__TERM("steps", d->steps); LB__TERM("beta1", d->beta1); LB__TERM("beta2", d->beta2); LB__TERM("eps", d->eps);
    LB__TERM("weight_decay", d->weight_decay); LB__TERM("clip", d->clip); LB__TERM("ema", d->ema); LB__TERM("mask_ratio", d->mask_ratio); LB__TERM("mix", d->mix); LB__TERM("micro_batch", d->micro_batch);
    LB__TERM("freeze_text", d->freeze_text != 0); LB__TERM("freeze_scale", d->freeze_scale != 0);
    LB__TERM("scale", d->freeze_scale ? *(const float *)t->model->logit_scale[t->scale]->data : 0);
    LB__TERM("lora_rank", v->lora_rank); LB__TERM("lora_targets", lora ? v->lora_targets : 0); LB__TERM("lora_temporal", lora ? v->lora_temporal : 0); LB__TERM("lora_alpha", lora ? v->lora_alpha : 0); LB__TERM("lora_dropout", lora ? v->lora_dropout : 0);
#undef LB__TERM
}
/* Which of them is another in the checkpoint f; keys that an older one has not are not compared. */
static lb_status lb__train_fits(const lb_trainer *t, const lb_file *f) {
    static const char *const trainables[] = { "all", "lora", "upstream", "projection", "those of " }, *const text[] = { "train.modality", "train.start", "train.pattern" };
    lb__term term[LB__TERMS]; uint64_t seed, trainable, tensors; double value; size_t i, k; const char *have[3]; const char *want[3], *data = ""; want[0] = t->name; want[1] = t->start; want[2] = t->pattern ? t->pattern : "";
    LB__TRY(lb_file_get_u64(f, "train.seed", &seed)); LB__TRY(lb_file_get_u64(f, "train.trainable", &trainable)); LB__TRY(lb_file_get_u64(f, "train.tensors", &tensors));
    if (!lb_file_has(f, "train.modality")) return lb__fail(LB_ERR_FORMAT, "the key train.modality is missing");
    for (i = 0; i < 3; i++) {
        have[i] = want[i];
        if (lb_file_has(f, text[i])) LB__TRY(lb_file_get_str(f, text[i], &have[i]));
    }
    if (trainable != LB_TRAIN_PATTERN) have[2] = "";
    if (strcmp(have[0], want[0])) return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: it trains modality %s, this run %s", have[0], want[0]);
    if (trainable > LB_TRAIN_PATTERN || trainable != (uint64_t)t->desc.trainable || strcmp(have[2], want[2]))
        return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: its trainable parameters are %s%s, this run's are %s%s", trainable > LB_TRAIN_PATTERN ? "unknown" : trainables[trainable], have[2], trainables[t->desc.trainable], want[2]);
    if (seed != t->desc.seed) return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: its seed is %llu, this run's is %llu", (unsigned long long)seed, (unsigned long long)t->desc.seed);
    lb__train_terms(t, term);
    for (i = 0; i < LB__TERMS; i++) {
        if (!lb_file_has(f, term[i].key) || (t->desc.other_steps && !strcmp(term[i].key, "train.steps"))) continue;
        LB__TRY(lb_file_get_f64(f, term[i].key, &value));
        if (value != term[i].value) return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: its %s is %.9g, this run's is %.9g", term[i].key + 6, value, term[i].value);
    }
    if (strcmp(have[1], want[1])) return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: the weights it started from have the hash %.16s..., this run's have %.16s...", have[1], want[1]);
    if (tensors != t->slots) return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: it trains %llu tensors, this run %zu", (unsigned long long)tensors, t->slots);
    if (lb_file_has(f, "train.data")) LB__TRY(lb_file_get_str(f, "train.data", &data));
    k = strlen(t->data);
    if (strcmp(data, t->data) && !(strlen(data) == 64 && k > 64 && !strcmp(data, t->data + k - 64))) {                   /* older ones have the hash alone */
        for (i = 0; data[i] && data[i] == t->data[i]; i++) {}
        for (k = i; k && data[k - 1] != ' '; k--) {}                                                                   /* the word that differs, and the one before it that says what it is */
        for (i = k ? k - 1 : 0; i && data[i - 1] != ' '; i--) {}
        if (k && strncmp(data + i, "data ", 5)) return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of a run on other data: its %.*s, this run's %.*s", (int)(k - i + strcspn(data + k, " ")), data + i, (int)(k - i + strcspn(t->data + k, " ")), t->data + i);
        return lb__fail(LB_ERR_MISMATCH, "this checkpoint is of a run on other data: items, captions or their order are not the same");
    }
    return LB_OK;
}
LB_API lb_status lb_trainer_save(lb_ctx *ctx, const lb_trainer *t, const char *path) {
    lb_file_writer *w = NULL; size_t i; char name[LB__NAME + 8]; lb__term term[LB__TERMS];
    LB__POINTERS(ctx && t && path);
    LB__TRY(lb_file_create(ctx, path, &w));
    lb_file_set_str(w, "format.kind", "checkpoint");
    lb_file_set_str(w, "train.modality", t->name);
    lb_file_set_u64(w, "train.step", t->step); lb_file_set_u64(w, "train.seed", t->desc.seed); lb_file_set_u64(w, "train.trainable", (uint64_t)t->desc.trainable);
    lb_file_set_u64(w, "train.tensors", t->slots); lb_file_set_str(w, "train.start", t->start);
    lb__train_terms(t, term);
    for (i = 0; i < LB__TERMS; i++) lb_file_set_f64(w, term[i].key, term[i].value);
    if (t->pattern) lb_file_set_str(w, "train.pattern", t->pattern);
    if (t->data[0]) lb_file_set_str(w, "train.data", t->data);
    for (i = 0; i < t->slots; i++) {
        const lb__slot *s = &t->slot[i]; lb_tensor v = s->p->t; int k;
        for (k = 0; k < (s->ema ? 4 : 3); k++) {
            static const char *const kind[] = { "", "adam.m.", "adam.v.", "ema." };
            v.data = k == 0 ? s->p->t.data : k == 1 ? (void *)s->m : k == 2 ? (void *)s->v : (void *)s->ema;
            lb__format(name, sizeof name, "%s%s", kind[k], s->p->name);
            lb_file_add(w, name, &v);
        }
    }
    return lb_file_commit(w);
}
LB_API lb_status lb_trainer_load(lb_ctx *ctx, lb_trainer *t, const char *path) {
    lb_file *f = NULL; lb_status s; size_t i; uint64_t step = 0; const char *kind = NULL; char name[LB__NAME + 8]; int pass, k;
    LB__POINTERS(ctx && t && path);
    LB__TRY(lb_file_open(ctx, path, &f));
    s = lb_file_get_str(f, "format.kind", &kind);
    if (!s && strcmp(kind, "checkpoint")) s = lb__fail(LB_ERR_MISMATCH, "this file is of kind \"%s\", a checkpoint was expected", kind);
    if (!s) s = lb_file_verify(ctx, f);
    if (!s) s = lb_file_get_u64(f, "train.step", &step);
    if (!s) s = lb__train_fits(t, f);
    /* everything is looked at before anything is changed */
    for (pass = 0; pass < 2 && !s; pass++) for (i = 0; i < t->slots && !s; i++) for (k = 0; k < (t->slot[i].ema ? 4 : 3) && !s; k++) {
        static const char *const prefix[] = { "", "adam.m.", "adam.v.", "ema." }; lb__slot *o = &t->slot[i]; const lb_tensor *v;
        lb__format(name, sizeof name, "%s%s", prefix[k], o->p->name);
        v = lb_file_tensor(f, name);
        if (!v || v->dtype != LB_F32 || v->layout != o->p->t.layout || v->ndim != o->p->t.ndim || memcmp(v->shape, o->p->t.shape, (size_t)v->ndim * sizeof v->shape[0])) s = lb__fail(LB_ERR_MISMATCH, "this checkpoint is of another run: %s is missing or has another shape", name);
        else if (pass) memcpy(k == 0 ? o->p->t.data : k == 1 ? (void *)o->m : k == 2 ? (void *)o->v : (void *)o->ema, v->data, o->n * sizeof(float));
    }
    if (!s) t->step = step;
    lb_file_free(f);
    return lb__fail_in(s, path);
}
LB_API lb_status lb_trainer_adapter(lb_ctx *ctx, const lb_trainer *t, const char *path) {
    const lb_model *root, *m; const char *from; size_t bytes;
    LB__POINTERS(ctx && t && path);
    root = lb__model_root(t->base);
    if (!root->file) return lb__fail(LB_ERR_ARG, "lb_trainer_adapter: the base model does not come from a file, so an adapter cannot name it; save the whole model (lb_model_save of lb_trainer_model), or save the base and open it before training");
    from = t->model->desc.modality[t->modality].tower;
    for (m = t->base; m != root; m = m->base) if (m->from[0] && !strcmp(m->desc.tower[m->desc.towers - 1].name, from)) from = m->from;       /* back to a tower of the file's */
    return lb__adapter_save(ctx, root, from, lb_trainer_model(t), t->modality, 1, NULL, path, &bytes);
}

/* ---- 14.8 >>feed: batches of a manifest's files ----
 * Items of one modality and split; order, captions, frames and augmentation come from counters, so that batch `step` is a function of the step.
 * Held by: tests/test_feed.c */

/* One input as it is kept: bytes that stand for floats exactly (pictures that were resized as bytes), floats, or a decoded picture. */
typedef struct lb__kept { void *data; int form; } lb__kept;
enum { LB__KEPT_NONE = 0, LB__KEPT_BYTES, LB__KEPT_FLOATS, LB__KEPT_IMAGE };
typedef struct lb__visit { size_t item, slot, caption; uint64_t visit; int frame; lb_status status; lb__kept *from, fresh; size_t fresh_bytes; char why[512]; } lb__visit;
struct lb_feed {
    lb_feed_desc desc; const lb_model *model; const lb_modality_desc *modality; const lb_manifest *manifest;
    size_t     *item, count;                    /* the items in use: places in the manifest */
    size_t     *first;                          /* [count + 1] of each item's captions in `caption` */
    uint32_t   *caption;                        /* which of the texts that differ */
    const char **text; size_t texts, length;
    size_t     *slot;                           /* [count + 1] of each item's frames in `kept` */
    lb__kept   *kept; size_t kept_bytes;
    unsigned char *bad; size_t bads;
    uint32_t   *order; uint64_t epoch; int ordered;
    float      *vectors; lb_file *vectors_file;  /* of the texts: in memory, or a file of pieces */
    float      *negative; unsigned char *barred; /* vectors of texts beside a batch; which texts cannot be among them */
    lb_ctx    **worker; int workers;
    lb__visit  *visit, *next; size_t visits;    /* of the last batch: those that were read stand first; of the one after it */
    float      *x, *y; int32_t *ids, *pair; uint64_t *group;
    float       lut[3][256];
    char        identity[LB_DATA_SIZE];
};
enum { LB__TEXT_PIECE = 4096 };

static void lb__kept_free(lb__kept *k) {
#ifndef LB_NO_IMAGE
    if (k->form == LB__KEPT_IMAGE && k->data) lb_image_free((lb_image *)k->data);
#endif
    lb__release(k->data); k->data = NULL; k->form = LB__KEPT_NONE;
}
LB_API void lb_feed_free(lb_feed *l) {
    size_t i;
    if (!l) return;
    for (i = 0; l->kept && i < l->slot[l->count]; i++) lb__kept_free(&l->kept[i]);
    for (i = 0; l->worker && i < (size_t)l->workers; i++) lb_ctx_free(l->worker[i]);
    lb_file_free(l->vectors_file);
    lb__release(l->item); lb__release(l->first); lb__release(l->caption); lb__release((void *)l->text); lb__release(l->slot); lb__release(l->kept); lb__release(l->bad); lb__release(l->order);
    lb__release(l->vectors); lb__release(l->negative); lb__release(l->barred); lb__release(l->worker); lb__release(l->visit); lb__release(l->next); lb__release(l->x); lb__release(l->y); lb__release(l->ids); lb__release(l->pair); lb__release(l->group);
    lb__release(l);
}
/* `file` with the frame's number in place of its {}; a plain copy without frames. */
static lb_status lb__feed_path(const lb_item *it, int frame, lb__buf *out) {
    const char *hole = it->frames > 0 ? strstr(it->file, "{}") : NULL; char n[16];
    out->size = 0;
    if (!hole) return lb__buf_add(out, it->file, strlen(it->file) + 1);
    lb__format(n, sizeof n, "%d", frame);
    LB__TRY(lb__buf_add(out, it->file, (size_t)(hole - it->file)));
    LB__TRY(lb__buf_add(out, n, strlen(n)));
    return lb__buf_add(out, hole + 2, strlen(hole + 2) + 1);
}
static lb_status lb__feed_bad(lb_feed *l, const lb_item *it, lb_status status, const char *why) {
    if (++l->bads <= l->desc.max_bad) { if (l->desc.report) l->desc.report(l->desc.user, it, why); return LB_OK; }
    if (it->line) return lb__fail(status, "line %zu: %s (%zu bad file%s, at most %zu may be left out)", it->line, why, l->bads, l->bads == 1 ? "" : "s", l->desc.max_bad);
    return lb__fail(status, "%s (%zu bad file%s, at most %zu may be left out)", why, l->bads, l->bads == 1 ? "" : "s", l->desc.max_bad);
}
static int lb__feed_wants(const lb_feed *l, const lb_item *it) {
    const char *want = l->desc.split, *split = it->split ? it->split : "train";
    if (l->modality->kind != LB_TEXT && strcmp(it->modality, l->modality->name)) return 0;               /* captions are captions, whatever they describe */
    return !want || (want[0] == '!' ? strcmp(want + 1, split) != 0 : !strcmp(want, split));
}
/* What an item must have; its place is the line, or where it stands in the manifest. */
static lb_status lb__feed_item_check(const lb_feed *l, size_t at) {
    const lb_item *it = &l->manifest->items[at]; const char *what = NULL; size_t i;
    if (!it->file) what = "has no file";
    else if (!it->n_captions || !it->captions) what = "has no caption";
    else if (l->modality->kind == LB_TEXT && it->n_captions < 2) what = "has one caption; texts are trained in pairs, at least two were expected (a .tsv may have several columns named caption)";
    for (i = 0; !what && i < it->n_captions; i++) if (!it->captions[i].text) what = "has a caption that is NULL";
    return what ? lb__fail(LB_ERR_ARG, "%s %zu: %s %s", it->line ? "line" : "item", it->line ? it->line : at, it->file ? it->file : "it", what) : LB_OK;
}
/* The items, without those whose file is not there. */
static lb_status lb__feed_choose(lb_feed *l) {
    size_t i, n = 0, captions = 0, others = 0; const lb_item *other = NULL; lb__buf path = { 0, 0, 0 }; lb_status s = LB_OK;
    if (!(l->item = (size_t *)lb__alloc(l->manifest->count, sizeof *l->item))) return LB_ERR_MEM;
    for (i = 0; i < l->manifest->count && !s; i++) {
        const lb_item *it = &l->manifest->items[i]; struct stat st; int frame;
        if (l->modality->kind != LB_TEXT && !it->modality) { s = lb__fail(LB_ERR_ARG, "%s %zu: the item has no modality", it->line ? "line" : "item", it->line ? it->line : i); break; }
        if (!lb__feed_wants(l, it)) { if (!others++) other = it; continue; }
        if ((s = lb__feed_item_check(l, i)) != LB_OK) break;
        for (frame = 0; frame < LB__MAX(it->frames, 1) && !s && l->modality->kind != LB_TEXT; frame++) {
            if ((s = lb__feed_path(it, frame, &path)) != LB_OK) break;
            if (stat((const char *)path.data, &st)) { char why[512]; lb__format(why, sizeof why, "%s: cannot open: %s", (const char *)path.data, strerror(errno)); s = lb__feed_bad(l, it, LB_ERR_IO, why); break; }
        }
        if (frame < LB__MAX(it->frames, 1) && l->modality->kind != LB_TEXT) continue;
        l->item[n++] = i; captions += it->n_captions;
    }
    lb__buf_free(&path);
    if (s) return s;
    if (!n && other) return lb__fail(LB_ERR_ARG, "no item of modality %s%s%s to read: %zu of %zu are of another (the first: modality %s, split %s), %zu cannot be opened", l->modality->name, l->desc.split ? " in split " : "", l->desc.split ? l->desc.split : "", others, l->manifest->count, other->modality ? other->modality : "unknown", other->split ? other->split : "train", l->bads);
    if (!n) return lb__fail(LB_ERR_ARG, "no item of modality %s to read: %zu of %zu cannot be opened", l->modality->name, l->bads, l->manifest->count);
    if (n > 0xffffffffu || captions > 0xffffffffu) return lb__fail(LB_ERR_LIMIT, "%zu items with %zu captions, less than 2^32 were expected", n, captions);
    l->count = n;
    if (!(l->first = (size_t *)lb__alloc(n + 1, sizeof *l->first)) || !(l->slot = (size_t *)lb__alloc(n + 1, sizeof *l->slot)) || !(l->caption = (uint32_t *)lb__alloc(captions, sizeof *l->caption)) ||
        !(l->bad = (unsigned char *)lb__alloc(n, 1)) || !(l->order = (uint32_t *)lb__alloc(n, sizeof *l->order)) || !(l->text = (const char **)lb__alloc(captions, sizeof *l->text))) return LB_ERR_MEM;
    for (i = 0; i < n; i++) {
        const lb_item *it = &l->manifest->items[l->item[i]];
        l->first[i + 1] = l->first[i] + it->n_captions; l->slot[i + 1] = l->slot[i] + (size_t)LB__MAX(it->frames, 1);
    }
    if (l->desc.cache && !(l->kept = (lb__kept *)lb__alloc(l->slot[n], sizeof *l->kept))) return LB_ERR_MEM;
    return LB_OK;
}
/* Numbers the captions that differ, and hashes everything that decides what a batch holds. */
static lb_status lb__feed_captions(lb_feed *l) {
    size_t i, k, size = 16, mask; uint32_t *table; lb__sha256 sha; uint8_t digest[32]; const lb_feed_desc *d = &l->desc; char head[256], number[64], hash[65];
    while (size < 2 * l->first[l->count]) size *= 2;
    if (!(table = (uint32_t *)lb__alloc(size, sizeof *table))) return LB_ERR_MEM;
    mask = size - 1;
    lb__sha256_init(&sha);
    lb__format(head, sizeof head, "feed 1: batch %zu rest %d fixed %d seed %llu crop %g flip %d segments %d positives %d vectors %d", d->batch, d->keep_rest, d->no_shuffle, (unsigned long long)d->seed, d->crop, d->flip, d->segments, d->positives, d->text_vectors);
    if (d->negatives) lb__format(head + strlen(head), sizeof head - strlen(head), " negatives %zu", d->negatives);
    if (d->grey > 0) lb__format(head + strlen(head), sizeof head - strlen(head), " grey %g", d->grey);
    lb__sha256_add(&sha, head, strlen(head) + 1); lb__sha256_add(&sha, l->modality->name, strlen(l->modality->name) + 1);
    for (i = 0; i < l->count; i++) {
        const lb_item *it = &l->manifest->items[l->item[i]]; const char *slash = strrchr(it->file, '/');
        slash = slash ? slash + 1 : it->file;                  /* the name alone: a data set may be moved, or reached from another folder */
        lb__sha256_add(&sha, slash, strlen(slash) + 1);
        if (it->group) lb__sha256_add(&sha, it->group, strlen(it->group) + 1);
        for (k = 0; k < it->n_captions; k++) {
            const lb_caption *c = &it->captions[k]; const size_t n = strlen(c->text); size_t at = lb__fnv((const uint8_t *)c->text, n, 2166136261u) & mask;
            lb__format(number, sizeof number, "%g %d", (double)c->weight, c->frame);
            lb__sha256_add(&sha, number, strlen(number) + 1); lb__sha256_add(&sha, c->text, n + 1);
            while (table[at] && strcmp(l->text[table[at] - 1], c->text)) at = (at + 1) & mask;
            if (!table[at]) { l->text[l->texts++] = c->text; table[at] = (uint32_t)l->texts; }
            l->caption[l->first[i] + k] = table[at] - 1;
        }
        lb__sha256_add(&sha, "\n", 1);
    }
    lb__release(table);
    lb__sha256_done(&sha, digest);
    lb__sha256_text(digest, hash);
    lb__format(l->identity, sizeof l->identity, "%.150s items %zu data %s", head + 8, l->count, hash);     /* without "feed 1: " */
    return LB_OK;
}
/* Names what the vectors of the texts depend on: the text tower's weights, the way text is cut into tokens, and the texts. */
static lb_status lb__feed_text_hash(const lb_ctx *ctx, const lb_feed *l, const lb_modality_desc *text, char out[65]) {
    lb__sha256 sha; uint8_t digest[32]; size_t i, n; char id[65]; const uint16_t *merges; const lb_model *root = lb__model_root(l->model); const size_t name = strlen(text->tower); int known;
    known = root->file && lb_file_identity(root->file, text->tower, id) == LB_OK;
    for (i = 0; i < l->model->params && known; i++) {           /* the file's identity stands for the tower only while every weight is the file's: an adapter may bring others, and low-rank updates are no part of it */
        const lb__param *p = &l->model->param[i]; const lb_tensor *t = lb__model_find(root, p->name);
        if (!strncmp(p->name, text->tower, name) && p->name[name] == '.') known = t && t->data == p->t.data && !strstr(p->name, ".lora.");
    }
    lb__sha256_init(&sha);
    lb__sha256_add(&sha, "text vectors 1", 15);
    lb__sha256_add(&sha, ctx->kernels->name, strlen(ctx->kernels->name) + 1);            /* another kernel set rounds otherwise, and a run follows its own to the last bit */
    if (known) lb__sha256_add(&sha, id, 64);
    else for (i = 0; i < l->model->params; i++) {
        const lb__param *p = &l->model->param[i];
        if (!strncmp(p->name, text->tower, name) && p->name[name] == '.') { lb__sha256_add(&sha, p->name, strlen(p->name) + 1); lb__sha256_add(&sha, p->t.data, lb_tensor_stored(&p->t) * lb_dtype_size(p->t.dtype)); }
    }
    merges = lb_tokenizer_merges(lb_model_tokenizer(l->model), &n);
    lb__sha256_add(&sha, merges, 2 * n * sizeof *merges); lb__sha256_add(&sha, &text->clean, sizeof text->clean);
    for (i = 0; i < l->texts; i++) lb__sha256_add(&sha, l->text[i], strlen(l->text[i]) + 1);
    lb__sha256_done(&sha, digest);
    lb__sha256_text(digest, out);
    return LB_OK;
}
static int lb__feed_text_fits(const lb_feed *l, const char *hash) {
    const char *have; char name[32]; size_t i, dim = lb_model_dim(l->model);
    if (lb_file_get_str(l->vectors_file, "text.hash", &have) || strcmp(have, hash)) return 0;
    for (i = 0; i < l->texts; i += LB__TEXT_PIECE) {
        const lb_tensor *t;
        lb__format(name, sizeof name, "text.%zu", i / LB__TEXT_PIECE);
        if (!(t = lb_file_tensor(l->vectors_file, name)) || t->dtype != LB_F32 || t->ndim != 2 || t->shape[1] != dim || t->shape[0] != LB__MIN((size_t)LB__TEXT_PIECE, l->texts - i)) return 0;
    }
    return 1;
}
static lb_status lb__feed_vectors(lb_ctx *ctx, lb_feed *l, const lb_modality_desc *text) {
    const size_t dim = lb_model_dim(l->model); size_t i, bytes; char hash[65], name[32]; lb__buf path = { 0, 0, 0 }; lb_file_writer *w = NULL; float *v = NULL; lb_status s = LB_OK;
    LB__TRY(lb__feed_text_hash(ctx, l, text, hash));
    if (l->desc.text_folder) {
        lb__format(name, sizeof name, "/text-%.16s.lbw", hash);
        if ((s = lb__buf_add(&path, l->desc.text_folder, strlen(l->desc.text_folder))) || (s = lb__buf_add(&path, name, strlen(name) + 1))) goto done;
        if (!lb_file_open(ctx, (const char *)path.data, &l->vectors_file)) {
            if (lb__feed_text_fits(l, hash) && !lb_file_verify(ctx, l->vectors_file)) goto done;
            lb_file_free(l->vectors_file); l->vectors_file = NULL;
        }
        if ((s = lb_file_create(ctx, (const char *)path.data, &w)) != LB_OK) goto done;
        lb_file_set_str(w, "format.kind", "text-vectors"); lb_file_set_str(w, "text.hash", hash);
        for (i = 0; i < l->texts; i += LB__TEXT_PIECE) {
            size_t shape[2]; shape[0] = LB__MIN((size_t)LB__TEXT_PIECE, l->texts - i); shape[1] = dim;
            lb__format(name, sizeof name, "text.%zu", i / LB__TEXT_PIECE); lb_file_declare(w, name, LB_F32, LB_ROWS, 2, shape);
        }
    }
    if (!lb__mul(w ? LB__MIN((size_t)LB__TEXT_PIECE, l->texts) : l->texts, dim, &bytes) || !(v = (float *)lb__alloc(bytes, sizeof *v))) { s = LB_ERR_MEM; goto done; }
    for (i = 0; i < l->texts && !s; ) {                         /* in small pieces, so that there is progress to tell of */
        const size_t at = w ? i % LB__TEXT_PIECE : i, n = LB__MIN(LB__MIN((size_t)64, l->texts - i), LB__TEXT_PIECE - i % LB__TEXT_PIECE);
        if (l->desc.progress) l->desc.progress(l->desc.user, "captions", i, l->texts);
        s = lb_embed_text(ctx, l->model, l->text + i, n, v + at * dim);
        i += n;
        if (!s && w && (i % LB__TEXT_PIECE == 0 || i == l->texts)) {
            lb_tensor t; memset(&t, 0, sizeof t);
            t.data = v; t.dtype = LB_F32; t.ndim = 2; t.shape[0] = (i - 1) % LB__TEXT_PIECE + 1; t.shape[1] = dim;
            lb__format(name, sizeof name, "text.%zu", (i - 1) / LB__TEXT_PIECE); s = lb_file_put(w, name, &t);
        }
    }
    if (l->desc.progress) l->desc.progress(l->desc.user, "captions", l->texts, l->texts);
    if (w && !s) { s = lb_file_commit(w); w = NULL; if (!s) s = lb_file_open(ctx, (const char *)path.data, &l->vectors_file); }
    if (!s && !l->vectors_file) { l->vectors = v; v = NULL; }
done:
    lb_file_abandon(w); lb__release(v); lb__buf_free(&path);
    return s;
}
static const float *lb__feed_vector(const lb_feed *l, uint32_t text) {
    const size_t dim = lb_model_dim(l->model); char name[32];
    if (l->vectors) return l->vectors + text * dim;
    lb__format(name, sizeof name, "text.%zu", (size_t)(text / LB__TEXT_PIECE));
    return (const float *)lb_file_tensor(l->vectors_file, name)->data + text % LB__TEXT_PIECE * dim;
}
LB_API lb_status lb_feed_new(lb_ctx *ctx, const lb_model *model, const lb_manifest *manifest, const lb_feed_desc *desc, lb_feed **out) {
    lb_feed *l; const lb_modality_desc *text; lb_status s = LB_OK; int i, c; size_t k;
    LB__POINTERS(ctx && model && manifest && (manifest->items || !manifest->count) && desc && out);
    *out = NULL;
    if (desc->_zero0 || desc->_zero1) return lb__fail(LB_ERR_ARG, "lb_feed_new: the description was not zeroed before its fields were set");
    if (!(desc->crop >= 0 && desc->crop <= 1)) return lb__fail(LB_ERR_ARG, "lb_feed_new: a crop of at least %g of a picture, 0 to 1 was expected", desc->crop);
    if (!(desc->grey >= 0 && desc->grey <= 1)) return lb__fail(LB_ERR_ARG, "lb_feed_new: grey with probability %g, 0 to 1 was expected", desc->grey);
    if (!(text = lb__modality_of(model, LB_TEXT)) || !lb_model_tokenizer(model)) return lb__fail(LB_ERR_UNSUPPORTED, "lb_feed_new: the model has no %s, captions cannot be read", text ? "tokenizer" : "text tower");
    if (!(l = (lb_feed *)lb__alloc(1, sizeof *l))) return LB_ERR_MEM;
    l->desc = *desc; l->model = model; l->manifest = manifest;
    for (i = 0; i < model->desc.modalities && !l->modality; i++) {
        const lb_modality_desc *m = &model->desc.modality[i];
        if (desc->modality ? !strcmp(desc->modality, m->name) : m->kind != LB_TEXT) l->modality = m;
    }
    if (!l->modality) s = lb__no_modality(model, "lb_feed_new", desc->modality ? desc->modality : "beside text", "");
    if (!s && desc->negatives && !desc->text_vectors) s = lb__fail(LB_ERR_ARG, "%zu negatives: they need a frozen text tower and texts given as vectors", desc->negatives);
    if (!s && l->modality->kind == LB_TEXT && desc->text_vectors) s = lb__fail(LB_ERR_ARG, "lb_feed_new: pairs of texts are read as token ids, not as vectors");
    if (!s && desc->crop > 0 && l->modality->kind != LB_IMAGE && l->modality->kind != LB_DEPTH && l->modality->kind != LB_THERMAL) s = lb__fail(LB_ERR_ARG, "lb_feed_new: random pieces are taken of pictures, not of modality %s", l->modality->name);
    if (!s && desc->flip && (l->modality->kind == LB_AUDIO || l->modality->kind == LB_TEXT || l->modality->kind == LB_ARRAY)) s = lb__fail(LB_ERR_ARG, "lb_feed_new: %s is not mirrored", l->modality->kind == LB_TEXT ? "a text" : l->modality->kind == LB_AUDIO ? "a sound" : "an array");
    if (!s && desc->grey > 0 && ((l->modality->kind != LB_IMAGE && l->modality->kind != LB_VIDEO) || l->modality->channels != 3)) s = lb__fail(LB_ERR_ARG, "lb_feed_new: only pictures and clips of three colours are made grey, not modality %s", l->modality->name);
    if (!s && desc->segments && l->modality->kind != LB_AUDIO) s = lb__fail(LB_ERR_ARG, "lb_feed_new: segments are drawn of sounds, not of modality %s", l->modality->name);
    if (!s) s = lb__feed_choose(l);
    if (!s) {
        if (!l->desc.batch) l->desc.batch = 32;
        l->desc.batch = LB__MIN(l->desc.batch, l->count);
        for (c = 0; c < 3; c++) for (k = 0; k < 256; k++) l->lut[c][k] = lb__level(k, l->modality->mean[c], l->modality->std[c]);
        s = lb__feed_captions(l);
    }
    if (!s && desc->text_vectors) s = lb__feed_vectors(ctx, l, text);
    if (!s && !desc->text_vectors) for (k = 0; k < l->texts && !s; k++) {
        size_t n = 0;
        s = lb_tokenize(ctx, lb_model_tokenizer(model), text->clean, l->text[k], LB_CSTRING, NULL, 0, &n);
        l->length = LB__MAX(l->length, LB__MIN(n, (size_t)lb__modality_tower(model, (int)(text - model->desc.modality))->d.context));
    }
    if (!s) {
        const size_t n = l->desc.batch, per = lb_modality_floats(l->modality); size_t bytes;
        l->visit = (lb__visit *)lb__alloc(n, sizeof *l->visit); l->next = (lb__visit *)lb__alloc(n, sizeof *l->next); l->x = lb__mul(n, per, &bytes) ? (float *)lb__alloc(bytes, sizeof(float)) : NULL; l->group = (uint64_t *)lb__alloc(n, sizeof *l->group);
        if (desc->text_vectors) l->y = (float *)lb__alloc(n, lb_model_dim(model) * sizeof(float)); else l->ids = (int32_t *)lb__alloc(n, l->length * sizeof(int32_t));
        if (l->modality->kind == LB_TEXT && !(l->pair = (int32_t *)lb__alloc(n, l->length * sizeof(int32_t)))) s = LB_ERR_MEM;
        if (!l->visit || !l->next || !l->x || !l->group || (!l->y && !l->ids)) s = LB_ERR_MEM;
        l->desc.negatives = LB__MIN(desc->negatives, l->texts);
        if (l->desc.negatives && (!(l->negative = (float *)lb__alloc(l->desc.negatives, lb_model_dim(model) * sizeof(float))) || !(l->barred = (unsigned char *)lb__alloc(l->texts, 1)))) s = LB_ERR_MEM;
    }
    if (s) { lb_feed_free(l); return s; }
    *out = l;
    return LB_OK;
}
LB_API size_t lb_feed_count(const lb_feed *l) { return l ? l->count : 0; }
LB_API size_t lb_feed_steps(const lb_feed *l) { return !l ? 0 : l->desc.keep_rest ? (l->count + l->desc.batch - 1) / l->desc.batch : l->count / l->desc.batch; }
LB_API size_t lb_feed_length(const lb_feed *l) { return l ? l->length : 0; }
LB_API size_t lb_feed_bytes(const lb_feed *l) {
    size_t n, per, all;
    if (!l) return 0;
    n = l->desc.batch; per = lb_modality_floats(l->modality); all = l->desc.crop > 0 ? l->desc.cache : LB__MIN(l->desc.cache, l->slot[l->count] * per * sizeof(float));      /* pieces are cut from whole pictures */
    return n * (per * sizeof(float) + 2 * sizeof(lb__visit) + (l->y ? lb_model_dim(l->model) : l->pair ? 2 * l->length : l->length) * sizeof(float)) + all + l->count * (sizeof *l->item + sizeof *l->first + sizeof *l->slot + 5) + l->first[l->count] * (sizeof *l->caption + sizeof *l->text) +
        l->desc.negatives * (n + lb_model_dim(l->model)) * sizeof(float) + (l->barred ? l->texts : 0) + (l->kept ? l->slot[l->count] * sizeof *l->kept : 0) + (l->vectors ? l->texts * lb_model_dim(l->model) * sizeof(float) : 0);
}
LB_API void lb_feed_identity(const lb_feed *l, char out[LB_DATA_SIZE]) { if (l && out) memcpy(out, l->identity, LB_DATA_SIZE); }
LB_API const lb_item *lb_feed_item(const lb_feed *l, size_t i, const lb_caption **caption) {
    const lb_item *it = l && i < l->visits ? &l->manifest->items[l->item[l->visit[i].item]] : NULL;
    if (caption) *caption = it ? &it->captions[l->visit[i].caption] : NULL;
    return it;
}

/* The order of an epoch: Fisher and Yates from the epoch's own stream. */
static void lb__feed_order(lb_feed *l, uint64_t epoch) {
    lb__rng r = lb__rng_new(l->desc.seed, 0x6f72646572000000u + epoch); size_t i;       /* stream "order" */
    if (l->ordered && l->epoch == epoch) return;
    for (i = 0; i < l->count; i++) l->order[i] = (uint32_t)i;
    if (!l->desc.no_shuffle) for (i = l->count; i > 1; i--) { const uint32_t k = lb__rng_below(&r, (uint32_t)i), t = l->order[k]; l->order[k] = l->order[i - 1]; l->order[i - 1] = t; }
    l->ordered = 1; l->epoch = epoch;
}
#ifndef LB_NO_IMAGE
/* A random piece of a picture as the tower's input: RandomResizedCrop of torchvision, Pillow's filter.  Depth keeps its own resampling, so its
 * piece has the shape of the result. */
static lb_status lb__feed_crop(lb_ctx *ctx, const lb_feed *l, const lb_image *img, lb__rng *r, float *out) {
    lb_image_profile p = lb__modality_profile(l->modality); lb_image rgb, piece, sized; const lb_image *in = img; size_t w, h, x, y, row, k, W, H; int tries, depth = l->modality->kind == LB_DEPTH; lb_status s = LB_OK; const double shape = (double)p.width / (double)p.height;
    memset(&rgb, 0, sizeof rgb); memset(&piece, 0, sizeof piece); memset(&sized, 0, sizeof sized);
    if (!depth) { LB__TRY(lb_image_rgb(ctx, img, &rgb)); in = &rgb; }
    W = in->width; H = in->height; w = h = 0;
    for (tries = 0; tries < 10; tries++) {
        const double area = (double)W * (double)H * (l->desc.crop + (1 - l->desc.crop) * (double)lb__rng_uniform(r)), ratio = depth ? shape : exp(log(0.75) + (log(4.0 / 3.0) - log(0.75)) * (double)lb__rng_uniform(r));
        w = (size_t)(sqrt(area * ratio) + 0.5); h = (size_t)(sqrt(area / ratio) + 0.5);
        if (w && h && w <= W && h <= H) break;
    }
    if (tries == 10) {                                          /* the largest piece of an allowed shape, from the centre */
        const double low = depth ? shape : 0.75, high = depth ? shape : 4.0 / 3.0, whole = (double)W / (double)H;
        w = W; h = H;
        if (whole < low) h = LB__MIN(H, LB__MAX((size_t)((double)W / low + 0.5), (size_t)1)); else if (whole > high) w = LB__MIN(W, LB__MAX((size_t)((double)H * high + 0.5), (size_t)1));
        x = (W - w) / 2; y = (H - h) / 2;
    } else { x = lb__rng_below(r, (uint32_t)(W - w + 1)); y = lb__rng_below(r, (uint32_t)(H - h + 1)); }
    piece = *in; piece.width = w; piece.height = h; row = (size_t)in->channels * (size_t)(in->bits / 8);
    if (!(piece.data = LB_MALLOC(w * h * row))) { lb_image_free(&rgb); return lb__fail(LB_ERR_MEM, "out of memory: a piece of %zu x %zu pixels", w, h); }
    for (k = 0; k < h; k++) memcpy((char *)piece.data + k * w * row, (const char *)in->data + ((y + k) * W + x) * row, w * row);
    if (depth) s = lb__picture(ctx, l->modality, p, &piece, out);
    else {
        s = lb_image_resize(ctx, &piece, p.width, p.height, &sized);
        p.resize = LB_RESIZE_NONE;
        if (!s) s = lb__picture(ctx, l->modality, p, &sized, out);
    }
    lb_image_free(&rgb); lb_image_free(&piece); lb_image_free(&sized);
    return s;
}
#endif
static void lb__feed_flip(const lb_feed *l, float *x) {
    const size_t W = (size_t)l->modality->width, rows = lb_modality_floats(l->modality) / W; size_t i, k;
    for (i = 0; i < rows; i++, x += W) for (k = 0; k < W / 2; k++) { const float t = x[k]; x[k] = x[W - 1 - k]; x[W - 1 - k] = t; }
}
/* Luma in place of each of the three colours; frames lie within a colour. */
static void lb__feed_grey(const lb_feed *l, float *x) {
    const float *mean = l->modality->mean, *std = l->modality->std; const size_t n = lb_modality_floats(l->modality) / 3; size_t i, c;
    for (i = 0; i < n; i++) {
        const float v = lb__luma(x[i] * std[0] + mean[0], x[n + i] * std[1] + mean[1], x[2 * n + i] * std[2] + mean[2]);
        for (c = 0; c < 3; c++) x[c * n + i] = (v - mean[c]) / std[c];
    }
}
/* Floats that stand for 256 levels exactly become bytes; NULL: they do not, or there is no memory. */
static uint8_t *lb__feed_bytes_of(const lb_feed *l, const float *x) {
    const lb_modality_desc *d = l->modality; const size_t n = lb_modality_floats(d), plane = n / (size_t)d->channels; size_t i; uint8_t *b;
    if (d->channels > 3 || d->kind == LB_AUDIO || d->kind == LB_ARRAY || !(b = (uint8_t *)LB_MALLOC(n))) return NULL;
    for (i = 0; i < n; i++) {
        const size_t c = i / plane; const float q = (x[i] * d->std[c] + d->mean[c]) * 255.0f + 0.5f;
        if (!(q >= 0 && q < 256) || l->lut[c][(uint8_t)q] != x[i]) { LB_FREE(b); return NULL; }
        b[i] = (uint8_t)q;
    }
    return b;
}
/* One input of a batch, from the cache or its file, into out. */
static lb_status lb__feed_read(lb_ctx *ctx, lb_feed *l, lb__visit *v, float *out) {
    const lb_modality_desc *d = l->modality; const lb_item *it = &l->manifest->items[l->item[v->item]]; const size_t n = lb_modality_floats(d), plane = n / (size_t)d->channels; size_t i; lb__rng r = lb__rng_new(l->desc.seed, 0x6175676d00000000u + v->visit);     /* stream "augm" */
    lb__buf path = { 0, 0, 0 }; lb_status s = LB_OK; const lb__kept *k = v->from; const int mirrored = l->desc.flip && lb__rng_u32(&r) & 1, grey = l->desc.grey > 0 && (double)lb__rng_uniform(&r) < l->desc.grey;
    if (k && k->form == LB__KEPT_BYTES) for (i = 0; i < n; i++) out[i] = l->lut[i / plane][((const uint8_t *)k->data)[i]];
    else if (k && k->form == LB__KEPT_FLOATS) memcpy(out, k->data, n * sizeof *out);
    else if ((s = lb__feed_path(it, v->frame, &path)) != LB_OK) { lb__buf_free(&path); return s; }
#ifndef LB_NO_IMAGE
    else if (l->desc.crop > 0) {
        lb_image fresh, *img = k && k->form == LB__KEPT_IMAGE ? (lb_image *)k->data : &fresh;
        memset(&fresh, 0, sizeof fresh);
        if (img == &fresh) s = lb_image_load(ctx, (const char *)path.data, &fresh);
        if (!s) s = lb__fail_in(lb__feed_crop(ctx, l, img, &r, out), (const char *)path.data);
        if (img == &fresh && !s && l->kept && (v->fresh.data = LB_MALLOC(sizeof fresh)) != NULL) { memcpy(v->fresh.data, &fresh, sizeof fresh); v->fresh.form = LB__KEPT_IMAGE; v->fresh_bytes = sizeof fresh + fresh.width * fresh.height * (size_t)fresh.channels * (size_t)(fresh.bits / 8); }
        else lb_image_free(&fresh);
    }
#endif
#ifndef LB_NO_AUDIO
    else if (l->desc.segments) {
        lb_audio sound; memset(&sound, 0, sizeof sound);
        s = lb_audio_load(ctx, (const char *)path.data, &sound);
        if (!s) {
            const uint64_t high = (uint64_t)lb__rng_u32(&r) << 32, seed = 1 | high | lb__rng_u32(&r);
            s = lb__fail_in(lb_prepare_audio(ctx, l->model, d->name, &sound, seed, out), (const char *)path.data);
        }
        lb_audio_free(&sound);
    }
#endif
    else {
        s = lb_prepare_file(ctx, l->model, d->name, (const char *)path.data, out);
        if (!s && l->kept) {
            if ((v->fresh.data = lb__feed_bytes_of(l, out)) != NULL) { v->fresh.form = LB__KEPT_BYTES; v->fresh_bytes = n; }
            else if ((v->fresh.data = LB_MALLOC(n * sizeof *out)) != NULL) { memcpy(v->fresh.data, out, n * sizeof *out); v->fresh.form = LB__KEPT_FLOATS; v->fresh_bytes = n * sizeof *out; }
        }
    }
    lb__buf_free(&path);
    if (!s && mirrored) lb__feed_flip(l, out);
    if (!s && grey) lb__feed_grey(l, out);
    return s;
}
static void lb__feed_run(void *arg, size_t i, size_t end, int worker) {
    lb_feed *l = (lb_feed *)arg; const size_t per = lb_modality_floats(l->modality);
    for (; i < end; i++) {
        lb__visit *v = &l->visit[i];
        if (l->bad[v->item]) { v->status = LB_ERR_FORMAT; continue; }
        v->status = lb__feed_read(l->worker[worker], l, v, l->x + i * per);
        if (v->status) lb__format(v->why, sizeof v->why, "%s", lb_last_error());
    }
}
/* Whom batch `step` visits; how many they are. */
static size_t lb__feed_plan(lb_feed *l, uint64_t step, lb__visit *visit) {
    const size_t steps = lb_feed_steps(l), k = (size_t)(step % steps) * l->desc.batch, n = LB__MIN(l->desc.batch, l->count - k); const uint64_t epoch = step / steps; size_t i;
    lb__feed_order(l, epoch);
    for (i = 0; i < n; i++) {
        lb__visit *v = &visit[i]; const lb_item *it; const lb_caption *c;
        v->item = l->order[k + i]; v->visit = epoch * l->count + v->item; it = &l->manifest->items[l->item[v->item]];
        c = lb_item_draw(it, l->desc.seed, v->visit); v->caption = (size_t)(c - it->captions);
        v->frame = 0;
        if (it->frames > 0) {
            uint32_t r[4];
            lb__philox(l->desc.seed, 0x6672616d65u, v->visit, r);       /* stream "frame" */
            v->frame = c->frame >= 0 && c->frame < it->frames ? c->frame : (int)(((uint64_t)r[0] * (uint64_t)it->frames) >> 32);
        }
        v->slot = l->slot[v->item] + (size_t)v->frame; v->from = l->kept && l->kept[v->slot].form ? &l->kept[v->slot] : NULL;
        v->status = LB_OK; v->fresh.data = NULL; v->fresh.form = LB__KEPT_NONE; v->fresh_bytes = 0; v->why[0] = 0;
    }
    return n;
}
/* The batch after this one is not decoded ahead (there are no threads beside the ones that compute), but the system reads its files meanwhile. */
static void lb__feed_ahead(lb_feed *l, uint64_t step) {
#ifdef POSIX_FADV_WILLNEED
    lb__buf path = { 0, 0, 0 }; const size_t n = lb__feed_plan(l, step, l->next); size_t i; int fd;
    for (i = 0; i < n; i++) {
        const lb__visit *v = &l->next[i];
        if (v->from || l->bad[v->item] || lb__feed_path(&l->manifest->items[l->item[v->item]], v->frame, &path) || (fd = open((const char *)path.data, O_RDONLY | O_NONBLOCK)) < 0) continue;
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED); close(fd);
    }
    lb__buf_free(&path);
#else
    (void)l; (void)step;
#endif
}
/* Texts that differ and are captions of nothing in the batch; as many as are found in twice as many draws. */
static size_t lb__feed_negatives(lb_feed *l, uint64_t step) {
    const size_t dim = lb_model_dim(l->model); size_t i, k, n = 0, tries; lb__rng r = lb__rng_new(l->desc.seed, 0x6e65676100000000u + step);       /* stream "nega" */
    memset(l->barred, 0, l->texts);
    for (i = 0; i < l->visits; i++) for (k = l->first[l->visit[i].item]; k < l->first[l->visit[i].item + 1]; k++) l->barred[l->caption[k]] = 1;
    for (tries = 0; tries < 2 * l->desc.negatives && n < l->desc.negatives; tries++) {
        const uint32_t text = lb__rng_below(&r, (uint32_t)l->texts);
        if (l->barred[text]) continue;
        l->barred[text] = 1;
        memcpy(l->negative + n++ * dim, lb__feed_vector(l, text), dim * sizeof *l->negative);
    }
    return n;
}
/* A context of one thread for every thread of ctx. */
static lb_status lb__feed_workers(lb_ctx *ctx, lb_feed *l) {
    lb_ctx_desc d; lb_ctx **w; int i;
    if (l->workers >= ctx->threads) return LB_OK;
    if (!(w = (lb_ctx **)lb__alloc((size_t)ctx->threads, sizeof *w))) return LB_ERR_MEM;
    for (i = 0; i < l->workers; i++) w[i] = l->worker[i];
    lb__release(l->worker); l->worker = w;
    memset(&d, 0, sizeof d); d.threads = 1; d.limits = ctx->limits;
    for (; l->workers < ctx->threads; l->workers++) LB__TRY(lb_ctx_new(&d, &w[l->workers]));
    return LB_OK;
}
/* What a visit decoded is kept while the cache has room. */
static void lb__feed_keep(lb_feed *l, lb__visit *v) {
    lb__kept *kept;
    if (!v->fresh.data) return;
    kept = &l->kept[v->slot];
    if (!kept->form && v->fresh_bytes <= l->desc.cache - LB__MIN(l->kept_bytes, l->desc.cache)) { *kept = v->fresh; l->kept_bytes += v->fresh_bytes; }
    else lb__kept_free(&v->fresh);
    v->fresh.data = NULL;
}
/* The caption of pair k as a vector or as ids; and another caption of its item, any, where text is trained against text. */
static lb_status lb__feed_texts(lb_ctx *ctx, lb_feed *l, size_t k) {
    const lb__visit *v = &l->visit[k]; const lb_item *it = &l->manifest->items[l->item[v->item]]; const size_t dim = lb_model_dim(l->model); const int clean = lb__modality_of(l->model, LB_TEXT)->clean;
    if (l->y) memcpy(l->y + k * dim, lb__feed_vector(l, l->caption[l->first[v->item] + v->caption]), dim * sizeof *l->y);
    else LB__TRY(lb_tokenize(ctx, lb_model_tokenizer(l->model), clean, it->captions[v->caption].text, LB_CSTRING, l->ids + k * l->length, l->length, NULL));
    if (l->pair) {
        uint32_t r[4]; size_t other;
        lb__philox(l->desc.seed, 0x70616972u, v->visit, r);     /* stream "pair" */
        other = (size_t)(((uint64_t)r[0] * (uint64_t)(it->n_captions - 1)) >> 32); other += other >= v->caption;
        LB__TRY(lb_tokenize(ctx, lb_model_tokenizer(l->model), clean, it->captions[other].text, LB_CSTRING, l->pair + k * l->length, l->length, NULL));
    }
    return LB_OK;
}
/* Pairs join the first one that shares their group or caption, and bring along whom they had joined. */
static void lb__feed_groups(lb_feed *l) {
    size_t i, j, q;
    for (i = 0; i < l->visits; i++) {
        const lb__visit *a = &l->visit[i]; const char *g = l->manifest->items[l->item[a->item]].group; const uint32_t c = l->caption[l->first[a->item] + a->caption];
        l->group[i] = i;
        for (j = 0; j < i; j++) {
            const lb__visit *b = &l->visit[j]; const char *h = l->manifest->items[l->item[b->item]].group; uint64_t low, high;
            if (c != l->caption[l->first[b->item] + b->caption] && !(g && h && !strcmp(g, h))) continue;
            low = LB__MIN(l->group[i], l->group[j]); high = LB__MAX(l->group[i], l->group[j]);
            if (low != high) for (q = 0; q <= i; q++) if (l->group[q] == high) l->group[q] = low;
        }
    }
}
LB_API lb_status lb_feed_batch(lb_ctx *ctx, lb_feed *l, uint64_t step, lb_batch *out) {
    size_t i, k, n, per; lb_status s = LB_OK;
    if (out) memset(out, 0, sizeof *out);
    LB__POINTERS(ctx && l && out);
    l->visits = 0;
    LB__TRY(lb__feed_workers(ctx, l));
    per = lb_modality_floats(l->modality);
    n = lb__feed_plan(l, step, l->visit);
    if (l->modality->kind != LB_TEXT) lb_parallel_for(ctx, n, 1, lb__feed_run, l);
    for (i = k = 0; i < n; i++) {                               /* in the order of the batch: what is kept, reported and left out knows nothing of threads */
        lb__visit *v = &l->visit[i];
        lb__feed_keep(l, v);
        if (s) continue;
        if (v->status == LB_ERR_MEM) { s = lb__fail(LB_ERR_MEM, "%s", v->why); continue; }
        if (v->status) { if (!l->bad[v->item]) { l->bad[v->item] = 1; s = lb__feed_bad(l, &l->manifest->items[l->item[v->item]], v->status, v->why); } continue; }
        if (k < i) { lb__visit t = *v; memmove(l->x + k * per, l->x + i * per, per * sizeof *l->x); l->visit[k] = t; }
        s = lb__feed_texts(ctx, l, k++);
    }
    if (s) return s;
    if (k < LB__MIN(n, (size_t)2)) return lb__fail(LB_ERR_FORMAT, "%zu of the %zu files of a batch can be read, at least %zu were expected", k, n, LB__MIN(n, (size_t)2));
    l->visits = k;
    if (l->desc.positives) { lb__feed_groups(l); out->group = l->group; }
    out->n = k; out->x = l->pair ? NULL : l->x; out->ids = l->ids; out->pair = l->pair; out->text = l->y; out->length = l->length;
    if (l->negative) { out->negative = l->negative; out->negatives = lb__feed_negatives(l, step); }
    if (l->modality->kind != LB_TEXT) lb__feed_ahead(l, step + 1);
    return LB_OK;
}
#endif
#endif /* LB_NO_TRAIN */

/* ==== 15 >>eval ==================================================================================================================
 * Zero-shot, multi-label and retrieval metrics over score matrices, bootstrap intervals, ceilings, and maps for the eye (PCA, t-SNE).  Embedding
 * and templates are the caller's.   Calls: base, parallel.  Held by: tests/test_eval.c */

static lb_status lb__eval_no_nan(const float *x, size_t n, size_t m) {
    size_t i, count;
    if (!x || !n || !m || !lb__mul(n, m, &count)) return lb__fail(LB_ERR_ARG, "eval: a score matrix of %zu x %zu, at least 1 x 1 and no more than memory holds was expected", n, m);
    for (i = 0; i < count; i++) if (x[i] != x[i]) return lb__fail(LB_ERR_NUMERIC, "eval: score [%zu, %zu] is NaN", i / m, i % m);
    return LB_OK;
}
LB_API lb_status lb_eval_classify(const float *scores, const uint32_t *labels, size_t n, size_t classes, lb_accuracy *out, double *rank, double *per_class, uint32_t *confusion) {
    size_t i, c, k, seen = 0; double right = 0, five = 0, mean = 0;
    LB__POINTERS(scores && labels && out);
    LB__TRY(lb__eval_no_nan(scores, n, classes));
    for (i = 0; i < n; i++) if (labels[i] >= classes) return lb__fail(LB_ERR_ARG, "eval: sample %zu has label %u, labels below %zu were expected", i, (unsigned)labels[i], classes);
    if (confusion) memset(confusion, 0, classes * classes * sizeof *confusion);
    for (i = 0; i < n; i++) {
        const float *s = scores + i * classes; float own = s[labels[i]]; size_t place = 0, best = 0;
        for (c = 0; c < classes; c++) { place += c != labels[i] && s[c] >= own; if (s[c] > s[best]) best = c; }
        right += place == 0; five += place < 5;
        if (rank) rank[i] = (double)place;
        if (confusion) confusion[labels[i] * classes + best]++;
    }
    for (c = 0; c < classes; c++) {
        size_t total = 0, good = 0;
        for (i = 0; i < n; i++) if (labels[i] == c) {
            const float *s = scores + i * classes;
            for (k = 0; k < classes && (k == c || s[k] < s[c]); k++) {}
            total++; good += k == classes;
        }
        if (per_class) per_class[c] = total ? (double)good / (double)total : NAN;
        if (total) { mean += (double)good / (double)total; seen++; }
    }
    out->top1 = right / (double)n; out->top5 = five / (double)n; out->mean_class = mean / (double)seen;
    return LB_OK;
}

typedef struct lb__scored { float score; uint32_t index; int truth; } lb__scored;
static int lb__by_score(const void *a, const void *b) { float x = ((const lb__scored *)a)->score, y = ((const lb__scored *)b)->score; return x < y ? 1 : x > y ? -1 : 0; }
static int lb__by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x > y ? 1 : x < y ? -1 : 0; }
/* The normal quantile: bisection on erfc, to the last bits of double. */
static double lb__normal_quantile(double p) {
    double lo = -40, hi = 40; int i;
    if (!(p > 0)) return -INFINITY;
    if (!(p < 1)) return INFINITY;
    if (p == 0.5) return 0;
    for (i = 0; i < 200; i++) { double m = 0.5 * (lo + hi); if (0.5 * erfc(-m / sqrt(2.0)) < p) lo = m; else hi = m; }
    return 0.5 * (lo + hi);
}
/* One class: average precision and ROC area over samples sorted by score, each counted times[index] times (NULL: once).  0: without a positive. */
static int lb__eval_class(const lb__scored *s, size_t n, const uint32_t *times, double *ap, double *area) {
    double positives = 0, total = 0, found = 0, passed = 0; size_t i, k;
    *ap = 0; *area = NAN;
    for (i = 0; i < n; i++) { const double t = times ? (double)times[s[i].index] : 1; total += t; positives += s[i].truth ? t : 0; }
    if (positives == 0) return 0;
    if (positives < total) *area = 0;
    for (i = 0; i < n; i = k) {                                                                      /* a threshold at each distinct score */
        double hits = 0, all = 0;
        for (k = i; k < n && s[k].score == s[i].score; k++) { const double t = times ? (double)times[s[k].index] : 1; all += t; hits += s[k].truth ? t : 0; }
        if (all == 0) continue;
        if (positives < total) *area += (all - hits) * (found + 0.5 * hits);
        found += hits; passed += all;
        *ap += hits / positives * (found / passed);
    }
    if (positives < total) *area /= positives * (total - positives);                                 /* once, so that 1 is 1 and not a little less */
    return 1;
}
/* All classes, sorted [classes, n]. */
static lb_multilabel lb__eval_multilabel(const lb__scored *sorted, size_t n, size_t classes, const uint32_t *times, double *per_class) {
    lb_multilabel r; size_t c, areas = 0; double ap, area;
    memset(&r, 0, sizeof r);
    for (c = 0; c < classes; c++) {
        const int some = lb__eval_class(sorted + c * n, n, times, &ap, &area);
        if (per_class) per_class[c] = some ? ap : NAN;
        if (!some) { r.left_out++; continue; }
        r.map += ap; r.classes++;
        if (area == area) { r.auc += area; areas++; }
    }
    r.map = r.classes ? r.map / (double)r.classes : NAN; r.auc = areas ? r.auc / (double)areas : NAN;
    r.dprime = areas ? sqrt(2.0) * lb__normal_quantile(r.auc) : NAN;
    return r;
}
static lb_status lb__eval_sorted(const float *scores, const uint8_t *truth, size_t n, size_t classes, lb__scored **out) {
    lb__scored *s; size_t count, i, c;
    LB__TRY(lb__eval_no_nan(scores, n, classes));
    if (n > UINT32_MAX || !lb__mul(n, classes, &count)) return lb__fail(LB_ERR_ARG, "eval: %zu samples", n);
    if (!(s = (lb__scored *)lb__alloc(count, sizeof *s))) return LB_ERR_MEM;
    for (c = 0; c < classes; c++) {
        for (i = 0; i < n; i++) { lb__scored *p = &s[c * n + i]; p->score = scores[i * classes + c]; p->truth = truth[i * classes + c] != 0; p->index = (uint32_t)i; }
        qsort(s + c * n, n, sizeof *s, lb__by_score);
    }
    *out = s;
    return LB_OK;
}
LB_API lb_status lb_eval_multilabel(lb_ctx *ctx, const float *scores, const uint8_t *truth, size_t n, size_t classes, lb_multilabel *out, double *per_class) {
    lb__scored *s = NULL; lb_multilabel r;
    LB__POINTERS(ctx && scores && truth && out);
    LB__TRY(lb__eval_sorted(scores, truth, n, classes, &s));
    r = lb__eval_multilabel(s, n, classes, NULL, per_class);
    lb__release(s);
    if (!r.classes) return lb__fail(LB_ERR_ARG, "eval: none of %zu classes has a positive sample", classes);
    *out = r;
    return LB_OK;
}

/* Metrics of 0-based ranks, which are sorted; lower: the lower of two middle ranks is the median. */
static lb_retrieval lb__eval_ranks(double *rank, size_t n, int lower) {
    lb_retrieval r; size_t i;
    memset(&r, 0, sizeof r);
    r.count = n;
    if (!n) { r.median = r.mean = NAN; return r; }
    qsort(rank, n, sizeof *rank, lb__by_value);
    for (i = 0; i < n; i++) { r.r1 += rank[i] < 1; r.r5 += rank[i] < 5; r.r10 += rank[i] < 10; r.mean += rank[i]; }
    r.r1 /= (double)n; r.r5 /= (double)n; r.r10 /= (double)n; r.mean = r.mean / (double)n + 1;
    r.median = (lower || n % 2 ? rank[(n - 1) / 2] : 0.5 * (rank[n / 2 - 1] + rank[n / 2])) + 1;
    return r;
}
/* Where score `own` of column `at` stands among m scores that lie `stride` apart: how many are greater, equal (others), equal and before it. */
static void lb__eval_place(const float *s, size_t stride, size_t m, size_t at, size_t *greater, size_t *equal, size_t *before) {
    size_t i; float own = s[at * stride];
    *greater = *equal = *before = 0;
    for (i = 0; i < m; i++) { float x = s[i * stride]; *greater += x > own; if (x == own && i != at) { ++*equal; *before += i < at; } }
}
LB_API lb_status lb_eval_retrieval(lb_ctx *ctx, const float *sim, size_t texts, size_t items, const uint32_t *owner, int upstream, lb_retrieval *to_item, lb_retrieval *to_text, double *rank_item, double *rank_text) {
    float *best = NULL; double *rank = NULL; uint8_t *has = NULL; lb_status st = LB_OK; size_t i, j, n, g, e, b, k, pass, size; int single = texts == items; lb__buf ranks = { 0, 0, 0 };
    LB__POINTERS(ctx && sim && to_item && to_text);
    LB__TRY(lb__eval_no_nan(sim, texts, items));
    if (!owner && texts != items) return lb__fail(LB_ERR_ARG, "eval: %zu texts and %zu items without owners, equal numbers were expected", texts, items);
    for (i = 0; i < texts && owner; i++) if (owner[i] >= items) return lb__fail(LB_ERR_ARG, "eval: text %zu belongs to item %u, items below %zu were expected", i, (unsigned)owner[i], items);
    if (!lb__mul(items, items, &size)) return lb__fail(LB_ERR_MEM, "out of memory: %zu items", items);
    best = (float *)lb__alloc(size, sizeof *best); has = (uint8_t *)lb__alloc(items, 1);             /* best[i, j]: item j, the best text of item i */
    if (!best || !has) { st = LB_ERR_MEM; goto done; }
    for (i = 0; i < items * items; i++) best[i] = -INFINITY;
    for (i = 0; i < texts; i++) {
        size_t o = owner ? owner[i] : i;
        single &= !has[o]; has[o] = 1;                                                               /* one text an item, in whatever order */
        for (j = 0; j < items; j++) if (sim[i * items + j] > best[o * items + j]) best[o * items + j] = sim[i * items + j];
    }
    for (pass = 0; pass < 2 && !st; pass++) {
        lb_retrieval r;
        n = pass ? items : texts;
        ranks.size = 0;
        for (i = 0; i < n && !st; i++) {
            double v;
            if (pass && !has[i]) { if (rank_text) rank_text[i] = NAN; continue; }
            if (pass) lb__eval_place(best + i, items, items, i, &g, &e, &b);
            else lb__eval_place(sim + i * items, 1, items, owner ? owner[i] : i, &g, &e, &b);
            v = (double)(g + e);
            if (pass && rank_text) rank_text[i] = v;
            if (!pass && rank_item) rank_item[i] = v;
            if (!upstream) st = lb__buf_add(&ranks, &v, sizeof v);
            else if (single || pass) for (k = 0; k <= e && !st; k++) { v = (double)(g + k); st = lb__buf_add(&ranks, &v, sizeof v); }
            else { v = (double)(g + b); st = lb__buf_add(&ranks, &v, sizeof v); }
        }
        if (st) break;
        rank = (double *)(void *)ranks.data;
        r = lb__eval_ranks(rank, ranks.size / sizeof *rank, upstream && !single && !pass);
        if (pass) *to_text = r; else *to_item = r;
    }
done:
    lb__release(best); lb__release(has); lb__buf_free(&ranks);
    return st;
}
/* ---- 15.1 intervals ---- */

/* Percentile interval of `rounds` values of one number, which are sorted; NaN (nothing of its kind was drawn) are left out. */
static void lb__eval_percentiles(double *x, size_t rounds, size_t stride, double level, double *scratch, double *low, double *high) {
    size_t i, n = 0; double end[2];
    for (i = 0; i < rounds; i++) if (x[i * stride] == x[i * stride]) scratch[n++] = x[i * stride];
    *low = *high = NAN;
    if (!n) return;
    qsort(scratch, n, sizeof *scratch, lb__by_value);
    for (i = 0; i < 2; i++) {                                                                        /* linear between neighbours, as numpy.percentile */
        const double at = (i ? 0.5 + level / 2 : 0.5 - level / 2) * (double)(n - 1); const size_t k = (size_t)at;
        end[i] = k + 1 < n && at > (double)k && scratch[k + 1] > scratch[k] && scratch[k] > -INFINITY ? scratch[k] + (at - (double)k) * (scratch[k + 1] - scratch[k]) : scratch[k];      /* some may be infinite (d') */
    }
    *low = end[0]; *high = end[1];
}
/* The same of a share of hits.  Where all of `units` things agree, drawing them again changes nothing and the percentiles have no width; there it is
 * Wilson's score interval (1927): n / (n + z^2) from 1 downwards, or z^2 / (n + z^2) from 0 upwards. */
static void lb__eval_share(double *x, size_t rounds, size_t stride, double level, double *scratch, size_t units, double *low, double *high) {
    double z;
    lb__eval_percentiles(x, rounds, stride, level, scratch, low, high);
    if (*low != *high || (*low != 0 && *low != 1)) return;
    z = lb__normal_quantile(0.5 + 0.5 * level); z *= z;
    if (*low == 1) *low = (double)units / ((double)units + z); else *high = z / ((double)units + z);
}
/* How often each of n is drawn in round r. */
static void lb__eval_draw(uint64_t seed, size_t r, size_t n, uint32_t *times) {
    lb__rng rng = lb__rng_new(seed, r); size_t i;
    memset(times, 0, n * sizeof *times);
    for (i = 0; i < n; i++) times[lb__rng_below(&rng, (uint32_t)n)]++;
}
static lb_status lb__eval_rounds(size_t n, double level, size_t *rounds) {
    if (!n || n > UINT32_MAX || !(level > 0 && level < 1)) return lb__fail(LB_ERR_ARG, "eval: an interval of %zu values at level %g; 1 to 2^32 - 1 values and a level between 0 and 1 were expected", n, level);
    if (!*rounds) *rounds = 1000;
    return LB_OK;
}
LB_API lb_status lb_eval_bootstrap(lb_ctx *ctx, const double *x, size_t n, size_t rounds, double level, uint64_t seed, double *low, double *high) {
    double *mean; size_t r, i; lb__rng rng;
    LB__POINTERS(ctx && x && low && high);
    LB__TRY(lb__eval_rounds(n, level, &rounds));
    mean = (double *)lb__alloc(rounds, 2 * sizeof *mean);
    if (!mean) return LB_ERR_MEM;
    for (r = 0; r < rounds; r++) {
        double sum = 0;
        rng = lb__rng_new(seed, r);
        for (i = 0; i < n; i++) sum += x[lb__rng_below(&rng, (uint32_t)n)];
        mean[r] = sum / (double)n;
    }
    lb__eval_percentiles(mean, rounds, 1, level, mean + rounds, low, high);
    lb__release(mean);
    return LB_OK;
}
LB_API lb_status lb_eval_classify_interval(lb_ctx *ctx, const double *rank, const uint32_t *labels, size_t n, size_t classes, size_t rounds, double level, uint64_t seed, lb_accuracy *low, lb_accuracy *high) {
    double *x, *of; uint32_t *times; size_t r, i, c; lb_status s = LB_ERR_MEM;
    LB__POINTERS(ctx && rank && labels && low && high);
    LB__TRY(lb__eval_rounds(n, level, &rounds));
    for (i = 0; i < n; i++) if (labels[i] >= classes) return lb__fail(LB_ERR_ARG, "eval: sample %zu has label %u, labels below %zu were expected", i, (unsigned)labels[i], classes);
    x = (double *)lb__alloc(rounds, 4 * sizeof *x); of = (double *)lb__alloc(classes, 2 * sizeof *of); times = (uint32_t *)lb__alloc(n, sizeof *times);
    if (!x || !of || !times) goto done;
    for (r = 0; r < rounds; r++) {
        double one = 0, five = 0, mean = 0, seen = 0;
        lb__eval_draw(seed, r, n, times);
        memset(of, 0, classes * 2 * sizeof *of);
        for (i = 0; i < n; i++) {
            const double t = (double)times[i], hit = rank[i] < 1 ? t : 0;
            one += hit; five += rank[i] < 5 ? t : 0; of[2 * labels[i]] += hit; of[2 * labels[i] + 1] += t;
        }
        for (c = 0; c < classes; c++) if (of[2 * c + 1] > 0) { mean += of[2 * c] / of[2 * c + 1]; seen++; }
        x[3 * r] = one / (double)n; x[3 * r + 1] = five / (double)n; x[3 * r + 2] = mean / seen;
    }
    lb__eval_share(x, rounds, 3, level, x + 3 * rounds, n, &low->top1, &high->top1);
    if (classes > 5) lb__eval_share(x + 1, rounds, 3, level, x + 3 * rounds, n, &low->top5, &high->top5);
    else lb__eval_percentiles(x + 1, rounds, 3, level, x + 3 * rounds, &low->top5, &high->top5);      /* among five classes the first five are certain */
    lb__eval_share(x + 2, rounds, 3, level, x + 3 * rounds, n, &low->mean_class, &high->mean_class);
    s = LB_OK;
done:
    lb__release(x); lb__release(of); lb__release(times);
    return s;
}
LB_API lb_status lb_eval_multilabel_interval(lb_ctx *ctx, const float *scores, const uint8_t *truth, size_t n, size_t classes, size_t rounds, double level, uint64_t seed, lb_multilabel *low, lb_multilabel *high) {
    double *x; uint32_t *times; lb__scored *sorted = NULL; lb_multilabel m; size_t r; lb_status s = LB_ERR_MEM;
    LB__POINTERS(ctx && scores && truth && low && high);
    LB__TRY(lb__eval_rounds(n, level, &rounds));
    LB__TRY(lb__eval_sorted(scores, truth, n, classes, &sorted));
    x = (double *)lb__alloc(rounds, 4 * sizeof *x); times = (uint32_t *)lb__alloc(n, sizeof *times);
    if (!x || !times) goto done;
    m = lb__eval_multilabel(sorted, n, classes, NULL, NULL); *low = *high = m;
    for (r = 0; r < rounds; r++) {
        lb__eval_draw(seed, r, n, times);
        m = lb__eval_multilabel(sorted, n, classes, times, NULL);
        x[3 * r] = m.map; x[3 * r + 1] = m.auc; x[3 * r + 2] = m.dprime;
    }
    lb__eval_percentiles(x, rounds, 3, level, x + 3 * rounds, &low->map, &high->map);
    lb__eval_percentiles(x + 1, rounds, 3, level, x + 3 * rounds, &low->auc, &high->auc);
    lb__eval_percentiles(x + 2, rounds, 3, level, x + 3 * rounds, &low->dprime, &high->dprime);
    s = LB_OK;
done:
    lb__release(x); lb__release(times); lb__release(sorted);
    return s;
}

typedef struct lb__ranked { double rank; uint32_t unit; } lb__ranked;
static int lb__by_rank(const void *a, const void *b) { double x = ((const lb__ranked *)a)->rank, y = ((const lb__ranked *)b)->rank; return x > y ? 1 : x < y ? -1 : 0; }
static int lb__by_u32(const void *a, const void *b) { uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b; return x > y ? 1 : x < y ? -1 : 0; }
/* The first place in a sorted list that is not below v. */
static size_t lb__place_u32(const uint32_t *x, size_t n, uint32_t v) { size_t a = 0, b = n; while (a < b) { const size_t m = (a + b) / 2; if (x[m] < v) a = m + 1; else b = m; } return a; }

LB_API lb_status lb_eval_retrieval_interval(lb_ctx *ctx, const double *rank, const uint32_t *unit, size_t n, size_t rounds, double level, uint64_t seed, lb_retrieval *low, lb_retrieval *high) {
    double *x; lb__ranked *q; uint32_t *ids, *times; size_t r, i, k = 0, units = 0; lb_status s = LB_ERR_MEM;
    LB__POINTERS(ctx && rank && low && high);
    LB__TRY(lb__eval_rounds(n, level, &rounds));
    x = (double *)lb__alloc(rounds, 6 * sizeof *x); q = (lb__ranked *)lb__alloc(n, sizeof *q); ids = (uint32_t *)lb__alloc(n, sizeof *ids); times = (uint32_t *)lb__alloc(n, sizeof *times);
    if (!x || !q || !ids || !times) goto done;
    for (i = 0; i < n; i++) if (rank[i] == rank[i]) { q[k].rank = rank[i]; q[k].unit = unit ? unit[i] : (uint32_t)i; ids[k] = q[k].unit; k++; }
    n = k;
    if (!n) { s = lb__fail(LB_ERR_ARG, "eval: an interval of no ranks; at least one that is not NaN was expected"); goto done; }
    qsort(ids, n, sizeof *ids, lb__by_u32);
    for (i = 0; i < n; i++) if (!i || ids[i] != ids[i - 1]) ids[units++] = ids[i];
    for (i = 0; i < n; i++) q[i].unit = (uint32_t)lb__place_u32(ids, units, q[i].unit);
    qsort(q, n, sizeof *q, lb__by_rank);
    for (r = 0; r < rounds; r++) {
        double total = 0, one = 0, five = 0, ten = 0, sum = 0, passed = 0, lower = NAN, upper = NAN, *y = x + 5 * r;
        lb__eval_draw(seed, r, units, times);
        for (i = 0; i < n; i++) { const double t = (double)times[q[i].unit], v = q[i].rank; total += t; one += v < 1 ? t : 0; five += v < 5 ? t : 0; ten += v < 10 ? t : 0; sum += t * v; }
        for (i = 0; i < n && upper != upper; i++) {                                                  /* the two middle ones, counted with repeats */
            passed += (double)times[q[i].unit];
            if (lower != lower && passed >= total / 2) lower = q[i].rank;
            if (passed >= total / 2 + 0.5) upper = q[i].rank;
        }
        y[0] = one / total; y[1] = five / total; y[2] = ten / total; y[3] = 0.5 * (lower + upper) + 1; y[4] = sum / total + 1;
    }
    low->count = high->count = n;
    lb__eval_share(x, rounds, 5, level, x + 5 * rounds, units, &low->r1, &high->r1);
    lb__eval_share(x + 1, rounds, 5, level, x + 5 * rounds, units, &low->r5, &high->r5);
    lb__eval_share(x + 2, rounds, 5, level, x + 5 * rounds, units, &low->r10, &high->r10);
    lb__eval_percentiles(x + 3, rounds, 5, level, x + 5 * rounds, &low->median, &high->median);
    lb__eval_percentiles(x + 4, rounds, 5, level, x + 5 * rounds, &low->mean, &high->mean);
    s = LB_OK;
done:
    lb__release(x); lb__release(q); lb__release(ids); lb__release(times);
    return s;
}

LB_API lb_status lb_eval_ceiling(lb_ctx *ctx, const uint32_t *query, size_t n, const uint32_t *gallery, size_t m, lb_retrieval *out) {
    uint32_t *sorted; double *place; size_t i, a, b; lb_retrieval r;
    LB__POINTERS(ctx && query && gallery && out);
    if (!n || !m) return lb__fail(LB_ERR_ARG, "lb_eval_ceiling: %zu queries, %zu entries; at least one of each was expected", n, m);
    sorted = (uint32_t *)lb__alloc(m, sizeof *sorted); place = (double *)lb__alloc(n, sizeof *place);
    if (!sorted || !place) { lb__release(sorted); lb__release(place); return LB_ERR_MEM; }
    memcpy(sorted, gallery, m * sizeof *sorted);
    qsort(sorted, m, sizeof *sorted, lb__by_u32);
    memset(&r, 0, sizeof r);
    for (i = 0; i < n; i++) {
        double same;
        a = lb__place_u32(sorted, m, query[i]);
        for (b = a; b < m && sorted[b] == query[i]; b++) {}
        same = (double)(b - a);
        place[i] = b > a ? (same + 1) / 2 : (double)m;
        if (b > a) { r.r1 += 1 / same; r.r5 += same < 5 ? 1 : 5 / same; r.r10 += same < 10 ? 1 : 10 / same; }
        r.mean += place[i];
    }
    qsort(place, n, sizeof *place, lb__by_value);
    r.r1 /= (double)n; r.r5 /= (double)n; r.r10 /= (double)n; r.mean /= (double)n; r.count = n;
    r.median = 0.5 * (place[(n - 1) / 2] + place[n / 2]);
    lb__release(sorted); lb__release(place);
    *out = r;
    return LB_OK;
}

/* ---- 15.2 maps ---- */

static lb_status lb__eval_finite(const float *x, size_t n, size_t dim) {
    size_t i, count;
    if (!lb__mul(n, dim, &count)) return lb__fail(LB_ERR_ARG, "eval: %zu points of %zu numbers are more than an array can have", n, dim);
    for (i = 0; i < count; i++) if (!lb__finite(x[i])) return lb__fail(LB_ERR_NUMERIC, "eval: number %zu of point %zu is not finite", i % dim, i / dim);
    return LB_OK;
}
/* v [k, dim] made orthonormal, in order; a direction that vanishes becomes zero. */
static void lb__eval_orthonormal(double *v, size_t k, size_t dim) {
    size_t a, b, j; int twice;
    for (a = 0; a < k; a++) {
        double *p = v + a * dim, n = 0, before = 0;
        for (j = 0; j < dim; j++) before += p[j] * p[j];
        for (twice = 0; twice < 2; twice++) for (b = 0; b < a; b++) {
            const double *q = v + b * dim; double dot = 0;
            for (j = 0; j < dim; j++) dot += p[j] * q[j];
            for (j = 0; j < dim; j++) p[j] -= dot * q[j];
        }
        for (j = 0; j < dim; j++) n += p[j] * p[j];
        n = n > before * 1e-24 && n > 0 ? 1 / sqrt(n) : 0;
        for (j = 0; j < dim; j++) p[j] *= n;
    }
}
/* Eigenvalues of a symmetric [p, p] matrix, descending, and its eigenvectors as the rows of e: cyclic Jacobi, for small p. */
static void lb__eval_jacobi(double *a, double *e, size_t p) {
    size_t i, j, k; int sweep;
    for (i = 0; i < p; i++) for (j = 0; j < p; j++) e[i * p + j] = i == j;
    for (sweep = 0; sweep < 60; sweep++) for (i = 0; i < p; i++) for (j = i + 1; j < p; j++) {
        const double d = a[i * p + j]; double t, c, s;
        if (d == 0) continue;
        t = (a[j * p + j] - a[i * p + i]) / (2 * d); t = (t < 0 ? -1 : 1) / (fabs(t) + sqrt(t * t + 1)); c = 1 / sqrt(t * t + 1); s = t * c;
        for (k = 0; k < p; k++) { const double u = a[k * p + i], v = a[k * p + j]; a[k * p + i] = c * u - s * v; a[k * p + j] = s * u + c * v; }
        for (k = 0; k < p; k++) { const double u = a[i * p + k], v = a[j * p + k]; a[i * p + k] = c * u - s * v; a[j * p + k] = s * u + c * v; }
        for (k = 0; k < p; k++) { const double u = e[i * p + k], v = e[j * p + k]; e[i * p + k] = c * u - s * v; e[j * p + k] = s * u + c * v; }
        a[i * p + j] = a[j * p + i] = 0;
    }
    for (i = 0; i < p; i++) for (j = i + 1; j < p; j++) if (a[j * p + j] > a[i * p + i]) {
        const double d = a[i * p + i]; a[i * p + i] = a[j * p + j]; a[j * p + j] = d;
        for (k = 0; k < p; k++) { const double u = e[i * p + k]; e[i * p + k] = e[j * p + k]; e[j * p + k] = u; }
    }
}
/* Subspace iteration: p directions are multiplied by the covariance and made orthonormal until the variance they hold stands still, then turned
 * to its axes.  More directions than asked for make the wanted ones converge fast. */
LB_API lb_status lb_eval_pca(lb_ctx *ctx, const float *x, size_t n, size_t dim, size_t k, float *out, double *share) {
    enum { ROUNDS = 300, MORE = 8 };
    double *z, *v, *w, *y, *t, total = 0, held = 0, before; size_t i, j, a, b, p; int round; lb_status s = LB_ERR_MEM; lb__rng rng = lb__rng_new(0x706361, 0);
    LB__POINTERS(ctx && x && out);
    if (n < 2 || !dim || !k || k > n || k > dim) return lb__fail(LB_ERR_ARG, "lb_eval_pca: %zu directions of %zu points of %zu numbers; at least two points and no more directions than points or numbers were expected", k, n, dim);
    LB__TRY(lb__eval_finite(x, n, dim));
    p = LB__MIN(k + MORE, LB__MIN(n, dim));
    z = (double *)lb__alloc(n * dim, sizeof *z); v = (double *)lb__alloc(p * dim, sizeof *v); w = (double *)lb__alloc(p * dim, sizeof *w); y = (double *)lb__alloc(n, p * sizeof *y); t = (double *)lb__alloc(p * p, 2 * sizeof *t);
    if (!z || !v || !w || !y || !t) goto done;
    for (j = 0; j < dim; j++) {
        double mean = 0;
        for (i = 0; i < n; i++) mean += (double)x[i * dim + j];
        mean /= (double)n;
        for (i = 0; i < n; i++) { z[i * dim + j] = (double)x[i * dim + j] - mean; total += z[i * dim + j] * z[i * dim + j]; }
    }
    for (i = 0; i < p * dim; i++) v[i] = (double)lb__rng_normal(&rng);
    lb__eval_orthonormal(v, p, dim);
    for (round = 0; round <= ROUNDS; round++) {
        for (i = 0; i < n; i++) for (a = 0; a < p; a++) { const double *q = z + i * dim, *u = v + a * dim; double d = 0; for (j = 0; j < dim; j++) d += q[j] * u[j]; y[i * p + a] = d; }
        before = held; held = 0;
        for (i = 0; i < n * p; i++) held += y[i] * y[i];
        if (round == ROUNDS || (round > 2 && fabs(held - before) <= 1e-14 * held)) break;
        memset(w, 0, p * dim * sizeof *w);
        for (i = 0; i < n; i++) for (a = 0; a < p; a++) { const double *q = z + i * dim, d = y[i * p + a]; double *u = w + a * dim; for (j = 0; j < dim; j++) u[j] += d * q[j]; }
        memcpy(v, w, p * dim * sizeof *v);
        lb__eval_orthonormal(v, p, dim);
    }
    for (a = 0; a < p; a++) for (b = 0; b < p; b++) { double d = 0; for (i = 0; i < n; i++) d += y[i * p + a] * y[i * p + b]; t[a * p + b] = d; }
    lb__eval_jacobi(t, t + p * p, p);
    for (a = 0; a < k; a++) {
        const double *e = t + p * p + a * p; double most = 0, sign;
        for (j = 0; j < dim; j++) { double d = 0; for (b = 0; b < p; b++) d += e[b] * v[b * dim + j]; if (fabs(d) > fabs(most) * (1 + 1e-9)) most = d; }
        sign = most < 0 ? -1 : 1;
        for (i = 0; i < n; i++) { double d = 0; for (b = 0; b < p; b++) d += e[b] * y[i * p + b]; out[i * k + a] = (float)(sign * d); }
        if (share) share[a] = total > 0 ? t[a * p + a] / total : 0;
    }
    s = LB_OK;
done:
    lb__release(z); lb__release(v); lb__release(w); lb__release(y); lb__release(t);
    return s;
}

/* t-SNE.  P: Gaussian neighbourhoods of the wanted perplexity, made symmetric.  Q: Student's t of the map.
 * KL = sum P log(P / Q),   dKL/dy_i = 4 sum_j (e P_ij - Q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2),   e: early exaggeration */
typedef struct lb__tsne { const float *x; size_t n, dim; double perplexity, *p, *y, *grad, *row, z, exaggeration; } lb__tsne;
static void lb__tsne_neighbours(void *arg, size_t begin, size_t end, int worker) {
    lb__tsne *t = (lb__tsne *)arg; size_t i, j, k;
    (void)worker;
    for (i = begin; i < end; i++) {
        double *p = t->p + i * t->n, beta = 1, low = 0, high = INFINITY, least = INFINITY, sum = 0; int round;
        for (j = 0; j < t->n; j++) {
            double d = 0;
            for (k = 0; k < t->dim; k++) { const double u = (double)t->x[i * t->dim + k] - (double)t->x[j * t->dim + k]; d += u * u; }
            p[j] = d;
            if (j != i && d < least) least = d;
        }
        for (round = 0; round < 100; round++) {                                                      /* the width whose entropy is log(perplexity) */
            double moment = 0, entropy;
            sum = 0;
            for (j = 0; j < t->n; j++) if (j != i) { const double e = exp(-beta * (p[j] - least)); sum += e; moment += e * (p[j] - least); }
            entropy = log(sum) + beta * moment / sum - log(t->perplexity);
            if (fabs(entropy) < 1e-9) break;
            if (entropy > 0) { low = beta; beta = high < INFINITY ? 0.5 * (beta + high) : 2 * beta; }
            else { high = beta; beta = 0.5 * (beta + low); }
            if (!(beta < 1e300)) break;                                                              /* more equal points than neighbours */
        }
        for (j = 0; j < t->n; j++) p[j] = j == i ? 0 : exp(-beta * (p[j] - least)) / sum;
    }
}
static void lb__tsne_sums(void *arg, size_t begin, size_t end, int worker) {
    lb__tsne *t = (lb__tsne *)arg; size_t i, j;
    (void)worker;
    for (i = begin; i < end; i++) {
        double sum = 0;
        for (j = 0; j < t->n; j++) if (j != i) { const double a = t->y[2 * i] - t->y[2 * j], b = t->y[2 * i + 1] - t->y[2 * j + 1]; sum += 1 / (1 + a * a + b * b); }
        t->row[i] = sum;
    }
}
static void lb__tsne_gradient(void *arg, size_t begin, size_t end, int worker) {
    lb__tsne *t = (lb__tsne *)arg; size_t i, j;
    (void)worker;
    for (i = begin; i < end; i++) {
        double ga = 0, gb = 0; const double *p = t->p + i * t->n;
        for (j = 0; j < t->n; j++) {
            const double a = t->y[2 * i] - t->y[2 * j], b = t->y[2 * i + 1] - t->y[2 * j + 1], q = 1 / (1 + a * a + b * b), f = (t->exaggeration * p[j] - q / t->z) * q;
            ga += f * a; gb += f * b;
        }
        t->grad[2 * i] = 4 * ga; t->grad[2 * i + 1] = 4 * gb;
    }
}
LB_API lb_status lb_eval_tsne(lb_ctx *ctx, const float *x, size_t n, size_t dim, const lb_tsne_desc *desc, float *out, double *divergence) {
    lb__tsne t; lb_tsne_desc d; double *speed = NULL, *gain = NULL, spread = 0, rate; size_t i, j, size, grain; int step; lb_status s; lb__rng rng;
    memset(&t, 0, sizeof t); memset(&d, 0, sizeof d);
    if (desc) d = *desc;
    if (d._zero0 || d._zero1) return lb__fail(LB_ERR_ARG, "lb_eval_tsne: the description was not zeroed before its fields were set");
    LB__POINTERS(ctx && x && out);
    if (n < 4 || !dim || d.steps < 0 || !(d.perplexity >= 0)) return lb__fail(LB_ERR_ARG, "lb_eval_tsne: %zu points of %zu numbers; at least 4 were expected", n, dim);
    LB__TRY(lb__eval_finite(x, n, dim));
    if (!d.steps) d.steps = 1000;
    t.perplexity = d.perplexity > 0 ? d.perplexity : 30;
    t.perplexity = LB__MAX(LB__MIN(t.perplexity, (double)(n - 1) / 3), 1.0);
    t.x = x; t.n = n; t.dim = dim;
    if (!lb__mul(n, n, &size)) return lb__fail(LB_ERR_MEM, "out of memory: %zu points", n);
    if (dim > 1) s = lb_eval_pca(ctx, x, n, dim, 2, out, NULL);
    else { for (i = 0; i < n; i++) { out[2 * i] = x[i]; out[2 * i + 1] = 0; } s = LB_OK; }
    if (s) return s;
    s = LB_ERR_MEM;
    t.p = (double *)lb__alloc(size, sizeof *t.p); t.y = (double *)lb__alloc(n, 2 * sizeof *t.y); t.grad = (double *)lb__alloc(n, 2 * sizeof *t.grad); t.row = (double *)lb__alloc(n, sizeof *t.row);
    speed = (double *)lb__alloc(n, 2 * sizeof *speed); gain = (double *)lb__alloc(n, 2 * sizeof *gain);
    if (!t.p || !t.y || !t.grad || !t.row || !speed || !gain) goto done;
    for (i = 0; i < n; i++) spread += (double)out[2 * i] * (double)out[2 * i];
    spread = spread > 0 ? sqrt(spread / (double)n) : 1; rng = lb__rng_new(d.seed, 0x74736e65);
    for (i = 0; i < 2 * n; i++) { t.y[i] = 1e-4 * (double)out[i] / spread + 1e-7 * (double)lb__rng_normal(&rng); gain[i] = 1; }
    lb_parallel_for(ctx, n, 8, lb__tsne_neighbours, &t);
    for (i = 0; i < n; i++) for (j = 0; j < i; j++) { const double v = LB__MAX((t.p[i * n + j] + t.p[j * n + i]) / (2 * (double)n), 1e-300); t.p[i * n + j] = t.p[j * n + i] = v; }
    rate = LB__MAX((double)n / 48, 50.0);
    grain = LB__MAX((size_t)32, 65536 / n);                                                          /* a thousand steps of little work do not pay for waiting on threads */
    for (step = 0; step <= d.steps; step++) {
        const int early = step < LB__MIN(250, d.steps / 4); double ma = 0, mb = 0;
        lb_parallel_for(ctx, n, grain, lb__tsne_sums, &t);
        for (i = 0, t.z = 0; i < n; i++) t.z += t.row[i];
        if (step == d.steps) break;
        t.exaggeration = early ? 12 : 1;
        lb_parallel_for(ctx, n, grain, lb__tsne_gradient, &t);
        for (i = 0; i < 2 * n; i++) {
            gain[i] = (t.grad[i] > 0) == (speed[i] > 0) ? gain[i] * 0.8 : gain[i] + 0.2;
            if (gain[i] < 0.01) gain[i] = 0.01;
            speed[i] = (early ? 0.5 : 0.8) * speed[i] - rate * gain[i] * t.grad[i];
            t.y[i] += speed[i];
        }
        for (i = 0; i < n; i++) { ma += t.y[2 * i]; mb += t.y[2 * i + 1]; }
        for (i = 0; i < n; i++) { t.y[2 * i] -= ma / (double)n; t.y[2 * i + 1] -= mb / (double)n; }
    }
    if (divergence) for (i = 0, *divergence = 0; i < n; i++) for (j = 0; j < n; j++) if (j != i) {
        const double a = t.y[2 * i] - t.y[2 * j], b = t.y[2 * i + 1] - t.y[2 * j + 1];
        *divergence += t.p[i * n + j] * log(t.p[i * n + j] * t.z * (1 + a * a + b * b));
    }
    for (i = 0; i < 2 * n; i++) out[i] = (float)t.y[i];
    s = LB_OK;
    for (i = 0; i < 2 * n; i++) if (!(out[i] - out[i] == 0)) s = lb__fail(LB_ERR_NUMERIC, "lb_eval_tsne: the map did not stay finite");
done:
    if (s) memset(out, 0, 2 * n * sizeof *out);
    lb__release(t.p); lb__release(t.y); lb__release(t.grad); lb__release(t.row); lb__release(speed); lb__release(gain);
    return s;
}

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#define LB__IMPLEMENTED
#endif /* second half of the implementation */
#endif /* LB__KERNEL_PASS */
/*
 * MIT License
 *
 * Copyright (c) 2026 the languagebind.h authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
 * "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
 * distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
 * the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
 * MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
 * ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
 * SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
 */
