/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nst optimize on a video after Ruder et al. 2016, section 5: each frame begins with the painting of the frame before,
 * moved as the content moves, and is held there where that motion can be trusted.
 */
#include <stdio.h>
#include <string.h>

#include <nst/nst.h>

#include "interrupt.h"
#include "media.h"
#include "motion.h"
#include "optimize_run.h"
#include "util.h"
#include "warp_error.h"

/* A frame of which less comes from the frame before begins anew: nst score --video takes that for a cut too. */
static const double CUT_SHARE = 0.25;

typedef struct Video {
    OptimizeRun *run;
    MediaVideo *in;
    MediaWriter *out;
    Motion motion;
    NstImage frame, before; /* of the content */
    NstImage painting;      /* of `before` */
    NstImage warped, trust, start;
} Video;

static int read_frame(Video *video, NstError *err)
{
    MediaNumber number;
    const bool pictures = media_number(video->run->settings->output, &number);
    const MediaWish wish = {.rgb = true, .long_max = video->run->settings->size, .even = !pictures};
    Bitmap bitmap;
    nst_image_free(&video->before);
    video->before = video->frame;
    video->frame = (NstImage){0};
    NST_TRY(media_video_next(video->in, &wish, &bitmap, err));
    if (!bitmap.data)
        return NST_OK;
    const int code = bitmap_to_image(&bitmap, &video->frame, err);
    bitmap_free(&bitmap);
    return code;
}

/* What the size of the first frame decides */
static int begin(Video *video, NstError *err)
{
    const OptimizeSettings *settings = video->run->settings;
    const int w = video->frame.width, h = video->frame.height;
    video->run->report.frames = (int)media_video_length(video->in);
    NST_TRY(media_writer_open(&video->out, settings->output, video->in, w, h, err));
    NST_TRY(motion_open(&video->motion, NULL, w, h, &settings->how.compute, err));
    NST_TRY(nst_image_alloc(&video->warped, w, h, err));
    NST_TRY(nst_image_alloc(&video->trust, w, h, err));
    return nst_image_alloc(&video->start, w, h, err);
}

/* Moves the last painting to where its content is now. *follows: there is enough of it. */
static int follow(Video *video, bool *follows, NstError *err)
{
    Motion *motion = &video->motion;
    const int w = video->frame.width, h = video->frame.height, frame = video->run->report.frame;
    const size_t plane = (size_t)w * (size_t)h;
    *follows = false;
    if (frame == 1)
        return NST_OK;
    if (w != video->before.width || h != video->before.height)
        return fail(err, NST_EINVAL, "%s: frame %d has %dx%d pixels, those before have %dx%d",
                    video->run->settings->content, frame, w, h, video->before.width, video->before.height);
    /* from this frame to the one before */
    NST_TRY(motion_next(motion, frame - 1, &video->frame, &video->before, err));
    if (motion->share < CUT_SHARE)
        return NST_OK;
    warp_leave_boundaries(motion->flow, h, w, motion->visible);
    warp_fetch(video->painting.data, motion->flow, h, w, video->warped.data);
    for (size_t i = 0; i < 3 * plane; i++) {
        const bool trusted = motion->visible[i % plane];
        video->trust.data[i] = trusted;
        video->start.data[i] = trusted ? video->warped.data[i] : video->frame.data[i];
    }
    *follows = true;
    return NST_OK;
}

static int paint_frame(Video *video, NstError *err)
{
    OptimizeRun *run = video->run;
    const OptimizeSettings *settings = run->settings;
    NstOptimizeOptions how = settings->how;
    const NstImage *start = settings->init ? &run->start : NULL;
    NstImage painted;
    NstOptimizeProgress progress;
    bool follows;
    NST_TRY(follow(video, &follows, err));
    if (follows) {
        /* What is coarse is there already. */
        how.scales = 1;
        how.iterations = settings->frame_iterations;
        how.warped = &video->warped;
        how.warped_trust = &video->trust;
        how.start = NST_START_PICTURE;
        start = &video->start;
    }
    NST_TRY(optimize_paint(run, &how, &video->frame, start, NULL, NULL, &progress, &painted, err));
    nst_image_free(&video->painting);
    video->painting = painted;
    return NST_OK;
}

static int write_frame(Video *video, NstError *err)
{
    Bitmap bitmap = {0};
    int code = bitmap_from_image(&bitmap, &video->painting, NULL, err);
    if (code == NST_OK)
        code = media_writer_add(video->out, &bitmap, err);
    bitmap_free(&bitmap);
    return code;
}

static int paint_frames(Video *video, NstError *err)
{
    OptimizeReport *report = &video->run->report;
    const char *content = video->run->settings->content;
    NST_TRY(media_video_open(&video->in, content, err));
    NST_TRY(read_frame(video, err));
    if (!video->frame.data)
        return fail(err, NST_EFORMAT, "%s: a video of one frame and more expected", content);
    NST_TRY(begin(video, err));
    while (video->frame.data) {
        report->frame++;
        NST_TRY(paint_frame(video, err));
        if (interrupted())
            break;
        NST_TRY(write_frame(video, err));
        NST_TRY(read_frame(video, err));
    }
    if (report->terminal)
        fputc('\n', stderr);
    if (interrupted())
        fprintf(stderr, "nst optimize: stopped at frame %d, which is left out\n", report->frame);
    return NST_OK;
}

int optimize_video(OptimizeRun *run, NstError *err)
{
    Video video = {.run = run};
    const int code = media_writer_close(&video.out, paint_frames(&video, err), err);
    NstImage *const images[] = {&video.frame, &video.before, &video.painting, &video.warped, &video.trust,
                                &video.start};
    for (size_t i = 0; i < sizeof(images) / sizeof(*images); i++)
        nst_image_free(images[i]);
    motion_close(&video.motion);
    media_video_close(&video.in);
    return code;
}
