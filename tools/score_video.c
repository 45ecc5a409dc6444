/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst score --video: how steady a painted video is, and what that cost in style and sharpness. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clip_measures.h"
#include "media.h"
#include "motion.h"
#include "nst.h"
#include "score.h"
#include "util.h"
#include "warp_error.h"

static const char NAME[] = "score";

/* A pair of frames of which less is visible in both is taken for a cut, and no motion measured. */
static const double CUT_SHARE = 0.25;

static const float STILL_MOTION = 0.25f; /* pixels from one frame to the next */

typedef enum Role { RESULT, REFERENCE, INPUT, N_ROLES } Role;
static const char *const role_names[N_ROLES] = {"result", "reference", "input"};

typedef struct Clip {
    const char *path;
    MediaVideo *video; /* NULL: there is no such clip */
    NstImage frame, before;
    NstDeviation deviation;
    double style_sum; /* of the style distance */
} Clip;

/* What is measured of each frame; of the first one no motion */
typedef struct Row {
    double visible, still; /* shares of the pixels */
    double error[N_ROLES], flicker[N_ROLES], sharpness[N_ROLES], luma[N_ROLES];
    double difference; /* the largest, of any sample of result and reference */
    bool cut;          /* from the frame before it to this one */
} Row;

typedef struct Run {
    const ScoreSettings *settings;
    Clip clips[N_ROLES];
    LossScore loss;
    Motion motion;
    NstImage first;   /* frame of the input */
    float *scratch;   /* 2 x height x width */
    uint8_t *still, *always_still;
    Row *rows;
    int frames, room, style_frames;
    double rate;
} Run;

/* ---- frames ---- */

static int open_clip(Clip *clip, const char *path, NstError *err)
{
    MediaInfo info;
    clip->path = path;
    NST_TRY(media_probe(path, &info, err));
    if (info.still)
        return fail(err, NST_EINVAL, "%s: a picture; a video expected", path);
    return media_video_open(&clip->video, path, err);
}

/* The next frame, in clip->frame; without data after the last one. */
static int read_frame(Clip *clip, NstError *err)
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
static int read_frames(Run *run, bool *more, NstError *err)
{
    const Clip *input = &run->clips[INPUT];
    for (int i = N_ROLES - 1; i >= 0; i--) {
        Clip *clip = &run->clips[i];
        if (!clip->video)
            continue;
        NST_TRY(read_frame(clip, err));
        if (!clip->frame.data != !input->frame.data)
            return fail(err, NST_EINVAL, "%s has another number of frames than %s: one ends after %d", clip->path,
                        input->path, run->frames);
        if (clip->frame.width != input->frame.width || clip->frame.height != input->frame.height)
            return fail(err, NST_EINVAL, "%s: %dx%d pixels, where %s has %dx%d", clip->path, clip->frame.width,
                        clip->frame.height, input->path, input->frame.width, input->frame.height);
    }
    *more = input->frame.data;
    return NST_OK;
}

static int add_row(Run *run, NstError *err)
{
    if (run->frames == run->room) {
        const int room = run->room ? 2 * run->room : 256;
        Row *rows = realloc(run->rows, (size_t)room * sizeof(*rows));
        if (!rows)
            return fail(err, NST_ENOMEM, "no memory for the figures of %d frames", room);
        run->rows = rows;
        run->room = room;
    }
    run->rows[run->frames++] = (Row){0};
    return NST_OK;
}

/* Everything that depends on the size of the frames */
static int begin(Run *run, NstError *err)
{
    const NstImage *frame = &run->clips[INPUT].frame;
    const int w = frame->width, h = frame->height;
    const size_t pixels = (size_t)w * (size_t)h;
    if (w < 2 || h < 2)
        return fail(err, NST_EINVAL, "%s: %dx%d pixels; at least 2x2 expected", run->clips[INPUT].path, w, h);
    NST_TRY(motion_open(&run->motion, run->settings->flow, w, h, err));
    NST_TRY(nst_image_alloc(&run->first, w, h, err));
    memcpy(run->first.data, frame->data, 3 * pixels * sizeof(float));
    run->scratch = aligned_calloc(pixels, 2 * sizeof(float));
    run->still = aligned_calloc(pixels, 1);
    run->always_still = aligned_calloc(pixels, 1);
    if (!run->scratch || !run->still || !run->always_still)
        return fail(err, NST_ENOMEM, "no memory to measure %dx%d pixels", w, h);
    memset(run->always_still, 1, pixels);
    for (int i = 0; i < N_ROLES; i++)
        if (run->clips[i].video)
            NST_TRY(deviation_create(&run->clips[i].deviation, h, w, err));
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

static int measure_motion(Run *run, Row *row, NstError *err)
{
    const Clip *input = &run->clips[INPUT];
    const int w = input->frame.width, h = input->frame.height;
    const double pixels = (double)w * h;
    NST_TRY(motion_next(&run->motion, run->frames - 1, err));
    row->visible = run->motion.share;
    row->cut = row->visible < CUT_SHARE;
    mark_still(&run->motion, run->still);
    row->still = (double)measure_still(input->before.data, input->frame.data, h, w, run->scratch, run->still) / pixels;
    measure_still(run->first.data, input->frame.data, h, w, run->scratch, run->always_still);
    for (int i = 0; i < N_ROLES; i++) {
        const Clip *clip = &run->clips[i];
        if (!clip->video)
            continue;
        row->error[i] = warp_error(clip->before.data, clip->frame.data, run->motion.flow, run->motion.visible, h, w);
        row->flicker[i] = measure_flicker(clip->before.data, clip->frame.data, h, w, run->still);
    }
    return NST_OK;
}

static int measure_style(Run *run, NstError *err)
{
    for (int i = 0; i < N_ROLES; i++) {
        Clip *clip = &run->clips[i];
        NstLossTerms terms;
        if (!clip->video || i == INPUT)
            continue;
        NST_TRY(loss_score_terms(&run->loss, &clip->frame, NULL, &terms, err));
        clip->style_sum += loss_score_distance(&run->loss, &terms);
    }
    run->style_frames++;
    return NST_OK;
}

static int measure_frame(Run *run, NstError *err)
{
    NST_TRY(add_row(run, err));
    Row *row = &run->rows[run->frames - 1];
    for (int i = 0; i < N_ROLES; i++) {
        Clip *clip = &run->clips[i];
        if (!clip->video)
            continue;
        row->sharpness[i] = measure_sharpness(clip->frame.data, clip->frame.height, clip->frame.width);
        row->luma[i] = measure_luma(clip->frame.data, clip->frame.height, clip->frame.width);
        deviation_add(&clip->deviation, clip->frame.data);
    }
    if (run->clips[REFERENCE].video)
        row->difference = largest_difference(&run->clips[RESULT].frame, &run->clips[REFERENCE].frame);
    if (run->frames > 1)
        NST_TRY(measure_motion(run, row, err));
    return run->settings->style && (run->frames - 1) % run->settings->style_every == 0 ? measure_style(run, err)
                                                                                        : NST_OK;
}

static int measure(Run *run, const char *input, const char *result, NstError *err)
{
    bool more;
    if (!run->settings->flow)
        return fail(err, NST_EINVAL, "--flow DIR is needed: the motion is not estimated yet");
    NST_TRY(open_clip(&run->clips[INPUT], input, err));
    NST_TRY(open_clip(&run->clips[RESULT], result, err));
    if (run->settings->reference)
        NST_TRY(open_clip(&run->clips[REFERENCE], run->settings->reference, err));
    if (run->settings->style)
        NST_TRY(loss_score_open(&run->loss, run->settings, err));
    run->rate = media_video_rate(run->clips[INPUT].video);
    NST_TRY(read_frames(run, &more, err));
    if (more)
        NST_TRY(begin(run, err));
    while (more) {
        NST_TRY(measure_frame(run, err));
        NST_TRY(read_frames(run, &more, err));
    }
    return run->frames > 1 ? NST_OK : fail(err, NST_EINVAL, "%s: two frames and more expected", input);
}

static void close_run(Run *run)
{
    for (int i = 0; i < N_ROLES; i++) {
        Clip *clip = &run->clips[i];
        media_video_close(&clip->video);
        nst_image_free(&clip->frame);
        nst_image_free(&clip->before);
        deviation_free(&clip->deviation);
    }
    loss_score_close(&run->loss);
    motion_close(&run->motion);
    nst_image_free(&run->first);
    aligned_free(run->scratch);
    aligned_free(run->still);
    aligned_free(run->always_still);
    free(run->rows);
}

/* ---- figures of the whole clip ---- */

typedef struct Figures {
    double error, flicker, deviation, sharpness, style;
    double drift; /* mean luma of the last second less that of the first */
} Figures;

static double mean_luma(const Run *run, Role role, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++)
        sum += run->rows[i].luma[role];
    return sum / (to - from);
}

static Figures figures_of(const Run *run, Role role)
{
    const int second = max_int(1, min_int((int)(run->rate + 0.5), run->frames));
    Figures figures = {.deviation = deviation_mean(&run->clips[role].deviation, run->always_still)};
    double still = 0;
    int pairs = 0;
    for (int i = 0; i < run->frames; i++) {
        const Row *row = &run->rows[i];
        figures.sharpness += row->sharpness[role] / run->frames;
        if (i == 0 || row->cut)
            continue;
        figures.error += row->error[role];
        figures.flicker += row->still * row->flicker[role];
        still += row->still;
        pairs++;
    }
    figures.error /= max_int(pairs, 1);
    figures.flicker = still > 0 ? figures.flicker / still : 0;
    figures.drift = mean_luma(run, role, run->frames - second, run->frames) - mean_luma(run, role, 0, second);
    figures.style = run->style_frames ? run->clips[role].style_sum / run->style_frames : 0;
    return figures;
}

typedef struct Summary {
    Figures figures[N_ROLES];
    double visible, still, always_still; /* mean shares of the pixels */
    int cuts;
} Summary;

static Summary summarise(const Run *run)
{
    const size_t pixels = (size_t)run->first.width * (size_t)run->first.height;
    Summary summary = {.cuts = 0};
    for (int i = 0; i < N_ROLES; i++)
        if (run->clips[i].video)
            summary.figures[i] = figures_of(run, (Role)i);
    for (int i = 1; i < run->frames; i++) {
        summary.visible += run->rows[i].visible / (run->frames - 1);
        summary.still += run->rows[i].still / (run->frames - 1);
        summary.cuts += run->rows[i].cut;
    }
    for (size_t i = 0; i < pixels; i++)
        summary.always_still += (double)run->always_still[i] / (double)pixels;
    return summary;
}

/* ---- showing ---- */

/* One figure of every clip there is, and the ratio of result to reference */
static void add_figure(cJSON *root, const Run *run, const Summary *summary, const char *name, size_t offset, bool input)
{
    cJSON *object = cJSON_AddObjectToObject(root, name);
    double values[N_ROLES];
    for (int i = 0; i < N_ROLES; i++) {
        values[i] = *(const double *)((const char *)&summary->figures[i] + offset);
        if (run->clips[i].video && (i != INPUT || input))
            cJSON_AddNumberToObject(object, role_names[i], values[i]);
    }
    if (run->clips[REFERENCE].video && values[REFERENCE] > 0)
        cJSON_AddNumberToObject(object, "ratio", values[RESULT] / values[REFERENCE]);
}

static void add_values(cJSON *object, const Run *run, const char *name, const double values[N_ROLES])
{
    cJSON *list = cJSON_AddObjectToObject(object, name);
    for (int i = 0; i < N_ROLES; i++)
        if (run->clips[i].video)
            cJSON_AddNumberToObject(list, role_names[i], values[i]);
}

static void add_frames(cJSON *root, const Run *run)
{
    cJSON *array = cJSON_AddArrayToObject(root, "per_frame");
    for (int i = 0; i < run->frames; i++) {
        const Row *row = &run->rows[i];
        cJSON *object = cJSON_CreateObject();
        cJSON_AddItemToArray(array, object);
        cJSON_AddNumberToObject(object, "frame", i);
        add_values(object, run, "sharpness", row->sharpness);
        add_values(object, run, "luma", row->luma);
        if (run->clips[REFERENCE].video)
            cJSON_AddNumberToObject(object, "difference", row->difference);
        if (i == 0)
            continue;
        cJSON_AddBoolToObject(object, "cut", row->cut);
        cJSON_AddNumberToObject(object, "visible", row->visible);
        cJSON_AddNumberToObject(object, "still", row->still);
        add_values(object, run, "warping_error", row->error);
        add_values(object, run, "flicker", row->flicker);
    }
}

static int print_json(const Run *run, const Summary *summary)
{
    cJSON *root = cJSON_CreateObject();
    for (int i = 0; i < N_ROLES; i++)
        if (run->clips[i].video)
            cJSON_AddStringToObject(root, role_names[i], run->clips[i].path);
    cJSON_AddNumberToObject(root, "width", run->first.width);
    cJSON_AddNumberToObject(root, "height", run->first.height);
    cJSON_AddNumberToObject(root, "frames", run->frames);
    cJSON_AddNumberToObject(root, "cuts", summary->cuts);
    cJSON_AddStringToObject(root, "motion", run->motion.folder);
    cJSON_AddNumberToObject(root, "visible", summary->visible);
    add_figure(root, run, summary, "warping_error", offsetof(Figures, error), true);
    cJSON_AddNumberToObject(root, "still", summary->still);
    add_figure(root, run, summary, "flicker", offsetof(Figures, flicker), true);
    cJSON_AddNumberToObject(root, "always_still", summary->always_still);
    add_figure(root, run, summary, "deviation", offsetof(Figures, deviation), true);
    add_figure(root, run, summary, "luma_drift", offsetof(Figures, drift), true);
    add_figure(root, run, summary, "sharpness", offsetof(Figures, sharpness), true);
    if (run->settings->style)
        add_figure(root, run, summary, "style_distance", offsetof(Figures, style), false);
    add_frames(root, run);
    return score_print_json(root);
}

static void print_figure(const Run *run, const Summary *summary, const char *name, size_t offset)
{
    printf("%-36s", name);
    for (int i = 0; i < N_ROLES; i++)
        if (run->clips[i].video)
            printf(" %12.6f", *(const double *)((const char *)&summary->figures[i] + offset));
    putchar('\n');
}

static void print_table(const Run *run, const Summary *summary)
{
    printf("%d frames of %dx%d, %d cut%s; %.1f %% of the pixels visible in the next frame, %.1f %% still\n\n%-36s",
           run->frames, run->first.width, run->first.height, summary->cuts, summary->cuts == 1 ? "" : "s",
           100 * summary->visible, 100 * summary->still, "");
    for (int i = 0; i < N_ROLES; i++)
        if (run->clips[i].video)
            printf(" %12s", role_names[i]);
    putchar('\n');
    print_figure(run, summary, "warping error", offsetof(Figures, error));
    print_figure(run, summary, "flicker where the input is still", offsetof(Figures, flicker));
    print_figure(run, summary, "deviation where it always is", offsetof(Figures, deviation));
    print_figure(run, summary, "drift of the luma", offsetof(Figures, drift));
    print_figure(run, summary, "sharpness", offsetof(Figures, sharpness));
    if (run->settings->style)
        print_figure(run, summary, "style distance", offsetof(Figures, style));
}

static int draw_chart(const Run *run, const Summary *summary, NstError *err)
{
    static const char *const colors[N_ROLES] = {"#c03020", "#2060c0", "#808080"};
    ChartLine lines[N_ROLES];
    const int n = run->frames - 1;
    double *values = malloc((size_t)n * N_ROLES * sizeof(*values));
    int n_lines = 0;
    if (!values)
        return fail(err, NST_ENOMEM, "no memory for a chart of %d frames", n);
    for (int k = 0; k < N_ROLES; k++) {
        double *line = values + (ptrdiff_t)n_lines * n;
        if (!run->clips[k].video)
            continue;
        for (int i = 0; i < n; i++)
            line[i] = run->rows[i + 1].cut ? -1 : run->rows[i + 1].error[k];
        lines[n_lines++] = (ChartLine){role_names[k], colors[k], line, summary->figures[k].error};
    }
    const int code = score_chart(run->settings->chart, "Warping error, by frame", lines, n_lines, n, err);
    free(values);
    return code;
}

int score_video(const ScoreSettings *settings, const char *input, const char *result)
{
    Run run = {.settings = settings};
    NstError err;
    int status = EXIT_SUCCESS;
    int code = measure(&run, input, result, &err);
    if (code == NST_OK) {
        const Summary summary = summarise(&run);
        if (settings->chart)
            code = draw_chart(&run, &summary, &err);
        if (code == NST_OK && settings->json)
            status = print_json(&run, &summary);
        else if (code == NST_OK)
            print_table(&run, &summary);
    }
    if (code < 0)
        status = failure(NAME, "%s", err.message);
    close_run(&run);
    return status;
}
