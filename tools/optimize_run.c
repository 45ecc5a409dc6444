/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <nst/nst.h>

#include "interrupt.h"
#include "media.h"
#include "nst.h"
#include "optimize_run.h"
#include "style.h"
#include "util.h"

static const char NAME[] = "optimize";

/* ---- inputs ---- */

/* The list's entry for a style, or NULL where there is none */
static const char *entry(const TextList *list, int i)
{
    return i < list->n && strcmp(list->items[i], "-") ? list->items[i] : NULL;
}

static int read_picture(NstImage *image, const char *path, NstError *err)
{
    const MediaWish wish = {.rgb = true};
    return path ? media_read_image(image, path, &wish, err) : NST_OK;
}

static int load_styles(OptimizeRun *run, NstError *err)
{
    const OptimizeSettings *settings = run->settings;
    for (int i = 0; i < settings->styles.n; i++) {
        const char *where = entry(&settings->where, i), *from = entry(&settings->from, i);
        NST_TRY(read_picture(&run->pictures[i], settings->styles.items[i], err));
        NST_TRY(read_picture(&run->where[i], where, err));
        NST_TRY(read_picture(&run->from[i], from, err));
        run->styles[i] = (NstOptimizeStyle){.picture = &run->pictures[i],
                                            .weight = settings->weights[i],
                                            .from = from ? &run->from[i] : NULL,
                                            .where = where ? &run->where[i] : NULL};
    }
    return NST_OK;
}

/* Before hours of work, not after them */
static int check_outputs(const OptimizeSettings *settings, bool video, NstError *err)
{
    if (video)
        return media_video_writable(settings->output, err);
    NST_TRY(media_writable(settings->output, NULL, err));
    if (settings->preview_every && mkdir(settings->preview_folder, 0777) < 0 && errno != EEXIST)
        return fail(err, NST_EIO, "%s: %s", settings->preview_folder, strerror(errno));
    return NST_OK;
}

static int load_inputs(OptimizeRun *run, bool video, NstError *err)
{
    const OptimizeSettings *settings = run->settings;
    NST_TRY(check_outputs(settings, video, err));
    NST_TRY(style_load(&run->loss, settings->loss, err));
    NST_TRY(read_picture(&run->start, settings->init, err));
    NST_TRY(load_styles(run, err));
    return optimize_report_open(&run->report, settings, err);
}

static void free_run(OptimizeRun *run)
{
    optimize_report_close(&run->report);
    for (int i = 0; i < NST_MAX_STYLES; i++) {
        nst_image_free(&run->pictures[i]);
        nst_image_free(&run->where[i]);
        nst_image_free(&run->from[i]);
    }
    nst_image_free(&run->start);
    nst_model_free(&run->loss);
}

/* ---- painting ---- */

static int iterate(OptimizeRun *run, NstOptimization *optimization, const NstOptimizeOptions *how, OptimizeEach *each,
                   void *opaque, NstOptimizeProgress *progress, NstError *err)
{
    optimize_report_begin(&run->report);
    do {
        NST_TRY(nst_optimization_step(optimization, progress, err));
        NST_TRY(optimize_report_step(&run->report, how, progress, err));
        if (each)
            NST_TRY(each(opaque, optimization, progress->iteration, err));
    } while (!progress->done && !interrupted());
    return NST_OK;
}

int optimize_paint(OptimizeRun *run, const NstOptimizeOptions *how, const NstImage *content, const NstImage *start,
                   OptimizeEach *each, void *opaque, NstOptimizeProgress *progress, NstImage *result, NstError *err)
{
    NstOptimization *optimization;
    NST_TRY(nst_optimization_open(&optimization, how, run->loss, content, run->styles, run->settings->styles.n, start,
                                  err));
    int code = iterate(run, optimization, how, each, opaque, progress, err);
    if (code == NST_OK)
        code = nst_optimization_picture(optimization, result, err);
    nst_optimization_close(&optimization);
    return code;
}

/* ---- one picture ---- */

typedef struct Still {
    const OptimizeSettings *settings;
    Bitmap source; /* for its alpha */
} Still;

static int write_picture(const Still *still, const NstImage *image, const char *path, NstError *err)
{
    Bitmap bitmap = {0};
    int code = bitmap_from_image(&bitmap, image, &still->source, err);
    if (code == NST_OK)
        code = media_write(&bitmap, path, err);
    bitmap_free(&bitmap);
    return code;
}

static int write_preview(void *opaque, const NstOptimization *optimization, int iteration, NstError *err)
{
    const Still *still = opaque;
    const int every = still->settings->preview_every;
    char path[4096];
    NstImage image;
    if (!every || iteration % every)
        return NST_OK;
    const int length = snprintf(path, sizeof(path), "%s/preview-%06d.png", still->settings->preview_folder, iteration);
    if (length >= (int)sizeof(path))
        return fail(err, NST_EINVAL, "--preview-dir: a shorter path expected");
    NST_TRY(nst_optimization_picture(optimization, &image, err));
    const int code = write_picture(still, &image, path, err);
    nst_image_free(&image);
    return code;
}

static int write_result(const OptimizeRun *run, const Still *still, const NstImage *image,
                        const NstOptimizeProgress *progress, NstError *err)
{
    const OptimizeSettings *settings = run->settings;
    bool keeps_alpha;
    if (run->report.terminal)
        fputc('\n', stderr);
    if (interrupted())
        fprintf(stderr, "nst optimize: stopped after iteration %d of %d\n", progress->iteration, progress->iterations);
    else if (progress->iteration < progress->iterations)
        fprintf(stderr, "nst optimize: done after iteration %d of %d: the loss %s\n", progress->iteration,
                progress->iterations,
                settings->how.stop > 0 ? "falls too little by now (--stop, --stop-window)" : "does not fall any further");
    NST_TRY(write_picture(still, image, settings->output, err));
    NST_TRY(media_writable(settings->output, &keeps_alpha, err));
    if (still->source.channels == 4 && !keeps_alpha)
        fprintf(stderr, "nst optimize: %s: the transparency of %s is lost in this format; .png keeps it\n",
                settings->output, settings->content);
    return NST_OK;
}

static int optimize_picture(OptimizeRun *run, NstError *err)
{
    const OptimizeSettings *settings = run->settings;
    const MediaWish wish = {.rgb = true, .alpha = true, .long_max = settings->size};
    Still still = {.settings = settings};
    NstImage content = {0}, result = {0};
    NstOptimizeProgress progress;
    NST_TRY(media_read(&still.source, settings->content, 0, &wish, err));
    int code = bitmap_to_image(&still.source, &content, err);
    if (code == NST_OK)
        code = optimize_paint(run, &settings->how, &content, settings->init ? &run->start : NULL, write_preview, &still,
                              &progress, &result, err);
    if (code == NST_OK)
        code = write_result(run, &still, &result, &progress, err);
    nst_image_free(&content);
    nst_image_free(&result);
    bitmap_free(&still.source);
    return code;
}

int optimize_run(const OptimizeSettings *settings)
{
    OptimizeRun run = {.settings = settings};
    MediaInfo info;
    NstError err;
    int code = media_probe(settings->content, &info, &err);
    if (code == NST_OK && !info.still && settings->preview_every)
        return usage_error(NAME, "--preview-every is for pictures; of a video, numbered pictures can be written: "
                           "-o %%04d.png");
    if (code == NST_OK)
        code = load_inputs(&run, !info.still, &err);
    interrupt_catch();
    if (code == NST_OK)
        code = info.still ? optimize_picture(&run, &err) : optimize_video(&run, &err);
    if (code == NST_OK)
        code = optimize_report_end(&run.report, &err);
    free_run(&run);
    if (code < 0)
        return failure(NAME, "%s", err.message);
    return interrupted() ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
