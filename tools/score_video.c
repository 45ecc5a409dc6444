/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst score --video: how steady a painted video is, and what that cost in style and sharpness. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nst.h"
#include "score_video.h"
#include "util.h"
#include "warp_error.h"

/* A pair of frames of which less is visible in both is taken for a cut, and no motion measured. */
static const double CUT_SHARE = 0.25;

static const float STILL_MOTION = 0.25f; /* pixels from one frame to the next */

/* ---- frames ---- */

static int open_clip(ScoredClip *clip, const char *path, NstError *err)
{
    MediaInfo info;
    clip->path = path;
    NST_TRY(media_probe(path, &info, err));
    if (info.still)
        return fail(err, NST_EINVAL, "%s: a picture; a video expected", path);
    return media_video_open(&clip->video, path, err);
}

/* The next frame, in clip->frame; without data after the last one. */
static int read_frame(ScoredClip *clip, NstError *err)
{
    const MediaWish wish = {.rgb = true};
    const NstImage before = clip->before;
    Bitmap bitmap;
    clip->before = clip->frame;
    clip->frame = (NstImage){0};
    nst_image_free(&(NstImage){before.width, before.height, before.data});
    NST_TRY(media_video_next(clip->video, &wish, &bitmap, err));
    if (!bitmap.data)
        return NST_OK;
    const int code = bitmap_to_image(&bitmap, &clip->frame, err);
    bitmap_free(&bitmap);
    return code;
}

/* A frame of every clip; *more is false when all of them have ended. */
static int read_frames(VideoScore *score, bool *more, NstError *err)
{
    const ScoredClip *input = &score->clips[INPUT];
    for (int i = N_ROLES - 1; i >= 0; i--) {
        ScoredClip *clip = &score->clips[i];
        if (!clip->video)
            continue;
        NST_TRY(read_frame(clip, err));
        if (!clip->frame.data != !input->frame.data)
            return fail(err, NST_EINVAL, "%s has another number of frames than %s: one ends after %d", clip->path,
                        input->path, score->frames);
        if (clip->frame.width != input->frame.width || clip->frame.height != input->frame.height)
            return fail(err, NST_EINVAL, "%s: %dx%d pixels, where %s has %dx%d", clip->path, clip->frame.width,
                        clip->frame.height, input->path, input->frame.width, input->frame.height);
    }
    *more = input->frame.data;
    return NST_OK;
}

static int add_row(VideoScore *score, NstError *err)
{
    if (score->frames == score->room) {
        const int room = score->room ? 2 * score->room : 256;
        ScoredFrame *rows = realloc(score->rows, (size_t)room * sizeof(*rows));
        if (!rows)
            return fail(err, NST_ENOMEM, "no memory for the figures of %d frames", room);
        score->rows = rows;
        score->room = room;
    }
    score->rows[score->frames++] = (ScoredFrame){0};
    return NST_OK;
}

/* Everything that depends on the size of the frames */
static int begin(VideoScore *score, NstError *err)
{
    const NstImage *frame = &score->clips[INPUT].frame;
    const int w = frame->width, h = frame->height;
    const size_t pixels = (size_t)w * (size_t)h;
    if (w < 2 || h < 2)
        return fail(err, NST_EINVAL, "%s: %dx%d pixels; at least 2x2 expected", score->clips[INPUT].path, w, h);
    NST_TRY(motion_open(&score->motion, score->settings->flow, w, h, &score->settings->compute, err));
    NST_TRY(nst_image_alloc(&score->first, w, h, err));
    memcpy(score->first.data, frame->data, 3 * pixels * sizeof(float));
    score->scratch = aligned_calloc(pixels, 2 * sizeof(float));
    score->still = aligned_calloc(pixels, 1);
    score->always_still = aligned_calloc(pixels, 1);
    if (!score->scratch || !score->still || !score->always_still)
        return fail(err, NST_ENOMEM, "no memory to measure %dx%d pixels", w, h);
    memset(score->always_still, 1, pixels);
    for (int i = 0; i < N_ROLES; i++)
        if (score->clips[i].video)
            NST_TRY(deviation_create(&score->clips[i].deviation, h, w, err));
    return NST_OK;
}

/* ---- measuring ---- */

static double largest_difference(const NstImage *a, const NstImage *b)
{
    double most = 0;
    for (size_t i = 0; i < 3 * (size_t)a->width * (size_t)a->height; i++)
        most = fmax(most, fabs((double)a->data[i] - b->data[i]));
    return most;
}

/* Marks the pixels that the motion leaves where they are. */
static void mark_still(const Motion *motion, uint8_t *still)
{
    const size_t pixels = (size_t)motion->width * (size_t)motion->height;
    for (size_t i = 0; i < pixels; i++)
        still[i] = hypotf(motion->flow[i], motion->flow[pixels + i]) <= STILL_MOTION;
}

static int measure_motion(VideoScore *score, ScoredFrame *row, NstError *err)
{
    const ScoredClip *input = &score->clips[INPUT];
    const int w = input->frame.width, h = input->frame.height;
    const double pixels = (double)w * h;
    const Motion *motion = &score->motion;
    NST_TRY(motion_next(&score->motion, score->frames - 1, &input->before, &input->frame, err));
    row->visible = motion->share;
    row->cut = row->visible < CUT_SHARE;
    mark_still(motion, score->still);
    row->still = (double)measure_still(input->before.data, input->frame.data, h, w, score->scratch, score->still);
    row->still /= pixels;
    measure_still(score->first.data, input->frame.data, h, w, score->scratch, score->always_still);
    for (int i = 0; i < N_ROLES; i++) {
        const ScoredClip *clip = &score->clips[i];
        if (!clip->video)
            continue;
        row->error[i] = warp_error(clip->before.data, clip->frame.data, motion->flow, motion->visible, h, w);
        row->flicker[i] = measure_flicker(clip->before.data, clip->frame.data, h, w, score->still);
    }
    return NST_OK;
}

static int measure_style(VideoScore *score, NstError *err)
{
    for (int i = 0; i < N_ROLES; i++) {
        ScoredClip *clip = &score->clips[i];
        NstLossTerms terms;
        if (!clip->video || i == INPUT)
            continue;
        NST_TRY(loss_score_terms(&score->loss, &clip->frame, NULL, &terms, err));
        clip->style_sum += loss_score_distance(&score->loss, &terms);
    }
    score->style_frames++;
    return NST_OK;
}

static int measure_frame(VideoScore *score, NstError *err)
{
    NST_TRY(add_row(score, err));
    ScoredFrame *row = &score->rows[score->frames - 1];
    for (int i = 0; i < N_ROLES; i++) {
        ScoredClip *clip = &score->clips[i];
        if (!clip->video)
            continue;
        row->sharpness[i] = measure_sharpness(clip->frame.data, clip->frame.height, clip->frame.width);
        row->luma[i] = measure_luma(clip->frame.data, clip->frame.height, clip->frame.width);
        deviation_add(&clip->deviation, clip->frame.data);
    }
    if (score->clips[REFERENCE].video)
        row->difference = largest_difference(&score->clips[RESULT].frame, &score->clips[REFERENCE].frame);
    if (score->frames > 1)
        NST_TRY(measure_motion(score, row, err));
    return score->settings->style && (score->frames - 1) % score->settings->style_every == 0 ? measure_style(score, err)
                                                                                        : NST_OK;
}

static int measure(VideoScore *score, const char *input, const char *result, NstError *err)
{
    bool more;
    NST_TRY(open_clip(&score->clips[INPUT], input, err));
    NST_TRY(open_clip(&score->clips[RESULT], result, err));
    if (score->settings->reference)
        NST_TRY(open_clip(&score->clips[REFERENCE], score->settings->reference, err));
    if (score->settings->style)
        NST_TRY(loss_score_open(&score->loss, score->settings, err));
    score->rate = media_video_rate(score->clips[INPUT].video);
    NST_TRY(read_frames(score, &more, err));
    if (more)
        NST_TRY(begin(score, err));
    while (more) {
        NST_TRY(measure_frame(score, err));
        NST_TRY(read_frames(score, &more, err));
    }
    return score->frames > 1 ? NST_OK : fail(err, NST_EINVAL, "%s: two frames and more expected", input);
}

static void close_score(VideoScore *score)
{
    for (int i = 0; i < N_ROLES; i++) {
        ScoredClip *clip = &score->clips[i];
        media_video_close(&clip->video);
        nst_image_free(&clip->frame);
        nst_image_free(&clip->before);
        deviation_free(&clip->deviation);
    }
    loss_score_close(&score->loss);
    motion_close(&score->motion);
    nst_image_free(&score->first);
    aligned_free(score->scratch);
    aligned_free(score->still);
    aligned_free(score->always_still);
    free(score->rows);
}

int score_video(const ScoreSettings *settings, const char *input, const char *result)
{
    VideoScore score = {.settings = settings};
    NstError err;
    int status;
    if (measure(&score, input, result, &err) < 0)
        status = failure("score", "%s", err.message);
    else
        status = score_video_show(&score);
    close_score(&score);
    return status;
}
