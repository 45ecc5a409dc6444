/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <nst/nst.h>

#include "chart.h"
#include "interrupt.h"
#include "media.h"
#include "nst.h"
#include "optimize.h"
#include "style.h"
#include "util.h"

static const char NAME[] = "optimize";
static const char LOG_HEAD[] = "iteration,width,height,evaluations,learning_rate,total,style,content,tv,photo\n";

enum { LINE_SECONDS = 10 }; /* between the lines where there is no terminal */

enum { TOTAL, STYLE, CONTENT, TV, PHOTO, N_TERMS };

typedef struct Run {
    const OptimizeSettings *settings;
    NstModel *loss;
    NstImage content, start;
    NstImage pictures[NST_MAX_STYLES], where[NST_MAX_STYLES], from[NST_MAX_STYLES];
    NstOptimizeStyle styles[NST_MAX_STYLES];
    NstOptimization *optimization;
    NstOptimizeProgress progress;
    FILE *log;
    double *terms[N_TERMS]; /* weighted, by iteration, for the plot */
    int n_terms, terms_room;
    bool terminal;
    double began, shown; /* seconds of the monotonic clock */
} Run;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- inputs ---- */

/* The list's entry for a style, or NULL where there is none */
static const char *entry(const TextList *list, int i)
{
    return i < list->n && strcmp(list->items[i], "-") ? list->items[i] : NULL;
}

static int read_picture(NstImage *image, const char *path, int long_max, NstError *err)
{
    const MediaWish wish = {.rgb = true, .long_max = long_max};
    return path ? media_read_image(image, path, &wish, err) : NST_OK;
}

static int load_styles(Run *run, NstError *err)
{
    const OptimizeSettings *settings = run->settings;
    for (int i = 0; i < settings->styles.n; i++) {
        const char *where = entry(&settings->where, i), *from = entry(&settings->from, i);
        NST_TRY(read_picture(&run->pictures[i], settings->styles.items[i], 0, err));
        NST_TRY(read_picture(&run->where[i], where, 0, err));
        NST_TRY(read_picture(&run->from[i], from, 0, err));
        run->styles[i] = (NstOptimizeStyle){.picture = &run->pictures[i],
                                            .weight = settings->weights[i],
                                            .from = from ? &run->from[i] : NULL,
                                            .where = where ? &run->where[i] : NULL};
    }
    return NST_OK;
}

/* Before hours of work, not after them */
static int check_outputs(const OptimizeSettings *settings, NstError *err)
{
    NST_TRY(media_writable(settings->output, NULL, err));
    if (settings->preview_every && mkdir(settings->preview_folder, 0777) < 0 && errno != EEXIST)
        return fail(err, NST_EIO, "%s: %s", settings->preview_folder, strerror(errno));
    return NST_OK;
}

static int load_inputs(Run *run, NstError *err)
{
    const OptimizeSettings *settings = run->settings;
    NST_TRY(check_outputs(settings, err));
    NST_TRY(style_load(&run->loss, settings->loss, err));
    NST_TRY(read_picture(&run->content, settings->content, settings->size, err));
    NST_TRY(read_picture(&run->start, settings->init, 0, err));
    NST_TRY(load_styles(run, err));
    if (settings->log) {
        run->log = fopen(settings->log, "w");
        if (!run->log)
            return fail(err, NST_EIO, "%s: %s", settings->log, strerror(errno));
        fputs(LOG_HEAD, run->log);
    }
    return nst_optimization_open(&run->optimization, &settings->how, run->loss, &run->content, run->styles,
                                 settings->styles.n, settings->init ? &run->start : NULL, err);
}

/* ---- what is shown of it ---- */

static void print_line(Run *run)
{
    const NstOptimizeProgress *p = &run->progress;
    const NstOptimizeOptions *o = &run->settings->how;
    const double seconds = now() - run->began, each = seconds / p->iteration;
    const long left = (long)(each * (p->iterations - p->iteration) + 0.5);
    char tiles[32] = "", photo[64] = "";
    if (p->tiles > 1)
        snprintf(tiles, sizeof(tiles), " in %d tiles", p->tiles);
    if (o->photo_weight > 0)
        snprintf(photo, sizeof(photo), " + %g x photo %.4g", (double)o->photo_weight, p->photo);
    fprintf(stderr, "%siteration %d/%d  %dx%d%s  loss %.5g = %g x style %.4g + %g x content %.4g + %g x tv %.4g%s  "
            "%.2f s each  %ld:%02ld:%02ld left%s",
            run->terminal ? "\r" : "", p->iteration, p->iterations, p->width, p->height, tiles, p->total,
            (double)o->style_weight, p->style, (double)o->content_weight, p->content, (double)o->tv_weight, p->tv,
            photo, each, left / 3600, left / 60 % 60, left % 60, run->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

static int keep_terms(Run *run, NstError *err)
{
    const NstOptimizeProgress *p = &run->progress;
    const NstOptimizeOptions *o = &run->settings->how;
    const double terms[N_TERMS] = {p->total, o->style_weight * p->style, o->content_weight * p->content,
                                   o->tv_weight * p->tv, o->photo_weight * p->photo};
    if (run->n_terms == run->terms_room) {
        const int room = 2 * run->terms_room + 64;
        for (int i = 0; i < N_TERMS; i++) {
            double *grown = realloc(run->terms[i], (size_t)room * sizeof(*grown));
            if (!grown)
                return fail(err, NST_ENOMEM, "out of memory");
            run->terms[i] = grown;
        }
        run->terms_room = room;
    }
    for (int i = 0; i < N_TERMS; i++)
        run->terms[i][run->n_terms] = terms[i];
    run->n_terms++;
    return NST_OK;
}

static int report(Run *run, NstError *err)
{
    const NstOptimizeProgress *p = &run->progress;
    const double time = now();
    if (run->n_terms == 0 || p->done || run->terminal || time - run->shown >= LINE_SECONDS) {
        print_line(run);
        run->shown = time;
    }
    if (run->log)
        fprintf(run->log, "%d,%d,%d,%d,%.6g,%.8g,%.8g,%.8g,%.8g,%.8g\n", p->iteration, p->width, p->height,
                p->evaluations, (double)p->learning_rate, p->total, p->style, p->content, p->tv, p->photo);
    return keep_terms(run, err);
}

static int plot(const Run *run, NstError *err)
{
    static const char *const names[] = {"total", "style", "content", "total variation", "photo"};
    static const char *const colors[] = {"#000", "#c33", "#36c", "#393", "#a6a"};
    ChartLine lines[N_TERMS];
    int n = 0;
    for (int i = 0; i < N_TERMS && run->n_terms > 0; i++)
        if (run->terms[i][run->n_terms - 1] > 0)
            lines[n++] = (ChartLine){names[i], colors[i], run->terms[i], run->terms[i][run->n_terms - 1], NULL};
    const Chart chart = {"Weighted terms of the loss, by iteration", "last", lines, n, run->n_terms, 1, true};
    return chart_write(&chart, run->settings->plot, err);
}

static int write_picture(const Run *run, const char *path, NstError *err)
{
    NstImage image;
    Bitmap bitmap = {0};
    NST_TRY(nst_optimization_picture(run->optimization, &image, err));
    int code = bitmap_from_image(&bitmap, &image, err);
    if (code == NST_OK)
        code = media_write(&bitmap, path, err);
    bitmap_free(&bitmap);
    nst_image_free(&image);
    return code;
}

static int write_preview(const Run *run, NstError *err)
{
    char path[4096];
    const int every = run->settings->preview_every;
    if (!every || run->progress.iteration % every)
        return NST_OK;
    const int length = snprintf(path, sizeof(path), "%s/preview-%06d.png", run->settings->preview_folder,
                                run->progress.iteration);
    if (length >= (int)sizeof(path))
        return fail(err, NST_EINVAL, "--preview-dir: a shorter path expected");
    return write_picture(run, path, err);
}

/* ---- the run ---- */

static int iterate(Run *run, NstError *err)
{
    interrupt_catch();
    run->began = now();
    run->terminal = isatty(STDERR_FILENO);
    while (!run->progress.done && !interrupted()) {
        NST_TRY(nst_optimization_step(run->optimization, &run->progress, err));
        NST_TRY(report(run, err));
        NST_TRY(write_preview(run, err));
    }
    return NST_OK;
}

static int finish(Run *run, NstError *err)
{
    if (run->terminal)
        fputc('\n', stderr);
    if (interrupted())
        fprintf(stderr, "nst optimize: stopped after iteration %d of %d\n", run->progress.iteration,
                run->progress.iterations);
    NST_TRY(write_picture(run, run->settings->output, err));
    if (run->settings->plot)
        NST_TRY(plot(run, err));
    if (run->log) {
        const bool bad = ferror(run->log) | fclose(run->log);
        run->log = NULL;
        if (bad)
            return fail(err, NST_EIO, "%s: could not be written", run->settings->log);
    }
    return NST_OK;
}

int optimize_run(const OptimizeSettings *settings)
{
    Run run = {.settings = settings};
    NstError err;
    int code = load_inputs(&run, &err);
    if (code == NST_OK)
        code = iterate(&run, &err);
    if (code == NST_OK)
        code = finish(&run, &err);
    if (run.log)
        fclose(run.log);
    nst_optimization_close(&run.optimization);
    for (int i = 0; i < NST_MAX_STYLES; i++) {
        nst_image_free(&run.pictures[i]);
        nst_image_free(&run.where[i]);
        nst_image_free(&run.from[i]);
    }
    for (int i = 0; i < N_TERMS; i++)
        free(run.terms[i]);
    nst_image_free(&run.content);
    nst_image_free(&run.start);
    nst_model_free(&run.loss);
    if (code < 0)
        return failure(NAME, "%s", err.message);
    return interrupted() ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
