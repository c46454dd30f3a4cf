/* clip_frames.c - what a model sees of a clip: the eight frames that are chosen, resized and cropped, as one strip of pictures.
 *
 *     cc -O2 -fopenmp -I. examples/clip_frames.c -o clip_frames -lm && ./clip_frames CLIP [STRIP.png]
 *     ffmpeg -v error -i film.mp4 -f yuv4mpegpipe - | ./clip_frames - strip.png
 *
 * CLIP is a Y4M, GIF or Motion-JPEG file, a folder of images, or - for standard input; without one a small clip is made.
 * Prints what the clip is and which frames were taken, and saves them side by side. */
#define LANGUAGEBIND_IMPLEMENTATION
#include "languagebind.h"
#include <stdio.h>

enum { T = 8, SIDE = 112 };
static int failed(void) { fprintf(stderr, "%s\n", lb_last_error()); return 1; }

int main(int argc, char **argv) {
    static unsigned char made[20][60][90][3], strip[SIDE][T * SIDE][3]; static float x[3 * T * SIDE * SIDE];
    lb_ctx *ctx; lb_video *clip; lb_video_info info; lb_image_profile profile; lb_image out; size_t ids[T]; int t, c, i, k;

    if (lb_ctx_new(NULL, &ctx)) return failed();
    for (t = 0; t < 20; t++) for (i = 0; i < 60; i++) for (k = 0; k < 90; k++) {                      /* a ball that crosses the picture */
        const int dx = k - 4 * t - 7, dy = i - 30, ball = dx * dx + dy * dy < 150;
        made[t][i][k][0] = (unsigned char)(ball ? 230 : 60 + i); made[t][i][k][1] = (unsigned char)(ball ? 120 : 70 + k); made[t][i][k][2] = (unsigned char)(ball ? 30 : 140);
    }
    if (argc > 1 ? lb_video_open(ctx, argv[1], &clip) : lb_video_open_array(ctx, &made[0][0][0][0], 20, 60, 90, 10, &clip)) return failed();
    lb_video_get_info(clip, &info);
    printf("%s, %s, %lu x %lu, %lu frames, %g a second\n", info.container, info.codec, (unsigned long)info.width, (unsigned long)info.height, (unsigned long)info.frames, info.fps);

    if (lb_video_ids(NULL, info.frames, info.fps, ids)) return failed();                             /* the defaults: eight, first to last, evenly */
    for (t = 0; t < T; t++) printf("%s%lu", t ? " " : "frames ", (unsigned long)ids[t]);
    printf("\n");

    memset(&profile, 0, sizeof profile);                                                             /* LanguageBind's, but for the size and the colours */
    profile.width = profile.height = SIDE; profile.resize = LB_RESIZE_TORCH_BILINEAR;
    for (c = 0; c < 3; c++) profile.std[c] = 1;
    if (lb_video_preprocess(ctx, clip, &profile, NULL, x)) return failed();                          /* [3, T, SIDE, SIDE] in 0..1 */
    for (c = 0; c < 3; c++) for (t = 0; t < T; t++) for (i = 0; i < SIDE; i++) for (k = 0; k < SIDE; k++)
        strip[i][t * SIDE + k][c] = (unsigned char)(255 * x[((c * T + t) * SIDE + i) * SIDE + k] + .5f);
    memset(&out, 0, sizeof out); out.width = T * SIDE; out.height = SIDE; out.channels = 3; out.bits = 8; out.data = strip;
    if (argc > 2 && lb_image_save(ctx, &out, argv[2], 0)) return failed();
    lb_video_free(clip); lb_ctx_free(ctx);
    return 0;
}
