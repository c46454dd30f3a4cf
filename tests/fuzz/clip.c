/* clang -g -O1 -fsanitize=address,undefined,fuzzer -I. tests/fuzz/clip.c -o build/fuzz/clip -lm && build/fuzz/clip tests/fuzz/corpus/clip/avi
 * Clips; each format has a corpus of its own, and gets time of its own.
 * Whatever opens says how large it is; frames come as 8-bit RGB, all that were asked for or none. */
#define LANGUAGEBIND_IMPLEMENTATION
#define LB_STATIC
#include "languagebind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lb_ctx *ctx = NULL; lb_ctx_desc d; lb_video *v = NULL; lb_video_info info; size_t ids[4], i; lb_image out[4]; lb_video_desc choice;
    memset(&d, 0, sizeof d); d.limits.max_pixels = 1 << 16; d.limits.max_frames = 1000; d.threads = 1;
    if (lb_ctx_new(&d, &ctx)) return 0;
    if (!lb_video_open_memory(ctx, data, size, &v)) {
        lb_video_get_info(v, &info);
        memset(&choice, 0, sizeof choice); choice.frames = 4;
        if (!info.frames || !info.width || !info.height || info.frames > 1000) __builtin_trap();
        if (lb_video_ids(&choice, info.frames, info.fps, ids)) __builtin_trap();
        if (!lb_video_frames(ctx, v, ids, 4, out)) for (i = 0; i < 4; i++) { if (!out[i].data || out[i].channels != 3 || out[i].bits != 8) __builtin_trap(); lb_image_free(&out[i]); }
        else for (i = 0; i < 4; i++) if (out[i].data) __builtin_trap();
    }
    lb_video_free(v); lb_ctx_free(ctx);
    return 0;
}
