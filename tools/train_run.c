/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_run.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nst/nst.h>

#include "interrupt.h"
#include "mpirun.h"
#include "nst.h"
#include "nsw.h"
#include "style.h"
#include "train_check.h"
#include "train_init.h"
#include "train_log.h"
#include "train_preview.h"
#include "train_report.h"
#include "train_time.h"
#include "util.h"

static const char NAME[] = "train";

typedef struct Run {
    const TrainSettings *settings;
    NstModel *loss, *init;
    NstImage paintings[NST_MAX_STYLES];
    NstTrainStyle styles[NST_MAX_STYLES];
    Content content;
    Bitmap preview;
    NstTrainer *trainer;
    double began;              /* seconds of the monotonic clock */
    TrainLog log;
    TrainReport *report; /* or NULL */
    int cut;                   /* steps that a plateau has taken off the run */
    NstTrainProgress progress; /* of the last step; step 0: none in this run */
    int done;                  /* steps, those of earlier runs included */
    TrainTime time;
    bool stop, late;           /* before the last step: a signal, or no time left; the same at all ranks */
    int speaker;               /* the rank that tells why the run failed; -1: this one, and the others do not know */
} Run;

/* Rank 0 writes the files, and speaks for all. */
static bool leads(const Run *run)
{
    return run->settings->train.ranks.rank == 0;
}

__attribute__((format(printf, 2, 3))) static void say(const Run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (leads(run)) {
        fputs("nst train: ", stderr);
        vfprintf(stderr, format, arguments);
    }
    va_end(arguments);
}

/* ---- inputs ---- */

/* Found out now rather than after hours of training */
static int check_output(const char *path, NstError *err)
{
    char *copy = string_copy(path);
    if (!copy)
        return fail(err, NST_ENOMEM, "out of memory");
    const char *folder = dirname(copy);
    int code = NST_OK;
    if (access(folder, W_OK) < 0)
        code = fail(err, NST_EIO, "%s: the folder %s cannot be written to: %s", path, folder, strerror(errno));
    free(copy);
    return code;
}

static int check_checkpoint(const TrainSettings *settings, NstError *err)
{
    NST_TRY(check_output(settings->output, err));
    NST_TRY(check_output(settings->checkpoint, err));
    if (settings->report)
        NST_TRY(check_output(settings->report, err));
    if (!settings->resume && access(settings->checkpoint, F_OK) == 0)
        return fail(err, NST_EINVAL,
                    "%s: the checkpoint of a run that has not ended; go on with it by --resume, or remove it",
                    settings->checkpoint);
    return NST_OK;
}

static int load_paintings(Run *run, NstError *err)
{
    const TrainSettings *settings = run->settings;
    const MediaWish wish = {.long_max = settings->style_size};
    for (int i = 0; i < settings->styles.n; i++) {
        const char *path = settings->styles.items[i];
        NST_TRY(media_read_image(&run->paintings[i], path, &wish, err));
        NST_TRY(check_painting(&run->paintings[i], path, err));
        run->styles[i] = (NstTrainStyle){&run->paintings[i], settings->weights[i]};
    }
    return NST_OK;
}

static int load_preview(Run *run, NstError *err)
{
    const TrainSettings *settings = run->settings;
    if (!settings->preview || !leads(run))
        return NST_OK;
    if (mkdir(settings->preview_folder, 0777) < 0 && errno != EEXIST)
        return fail(err, NST_EIO, "%s: %s", settings->preview_folder, strerror(errno));
    return media_read(&run->preview, settings->preview, 0, NULL, err);
}

static int load_inputs(Run *run, NstError *err)
{
    const TrainSettings *settings = run->settings;
    if (leads(run))
        NST_TRY(check_checkpoint(settings, err));
    NST_TRY(style_load(&run->loss, settings->loss, err));
    if (strcmp(settings->init, "auto") && strcmp(settings->init, "none"))
        NST_TRY(style_load(&run->init, settings->init, err));
    NST_TRY(load_paintings(run, err));
    NST_TRY(load_preview(run, err));
    NST_TRY(content_open(&run->content, &settings->content, settings->frames, settings->content_size,
                         (size_t)settings->cache << 20, err));
    char skipped[64] = "";
    if (run->content.n_skipped)
        snprintf(skipped, sizeof(skipped), ", %d other file%s left out", run->content.n_skipped,
                 run->content.n_skipped == 1 ? "" : "s");
    say(run, "%d content picture%s%s\n", run->content.n, run->content.n == 1 ? "" : "s", skipped);
    if (settings->train.ranks.count > 1)
        say(run, "%d ranks, %d crops a step\n", settings->train.ranks.count, settings->train.batch);
    return NST_OK;
}

/* ---- the style ---- */

static bool describe_paintings(cJSON *json, const TextList *paths)
{
    const char *names[NST_MAX_STYLES];
    for (int i = 0; i < paths->n; i++)
        names[i] = file_name(paths->items[i]);
    if (paths->n == 1)
        return cJSON_AddStringToObject(json, "style_file", names[0]);
    cJSON *array = cJSON_CreateStringArray(names, paths->n);
    return array && cJSON_AddItemToObject(json, "style_files", array);
}

/* The trainer's own account of the run, with what only the program knows. */
static cJSON *describe(const Run *run, const NstModel *model)
{
    const char *text = nst_model_metadata(model, "nst.training");
    cJSON *json = text ? cJSON_Parse(text) : cJSON_CreateObject();
    bool ok = json && describe_paintings(json, &run->settings->styles) &&
              cJSON_AddNumberToObject(json, "style_size", run->settings->style_size) &&
              cJSON_AddNumberToObject(json, "content_size", run->settings->content_size) &&
              cJSON_AddStringToObject(json, "command", run->settings->command_record);
    const NstTrainProgress *last = &run->progress;
    if (ok && last->step > 0)
        ok = cJSON_AddNumberToObject(json, "last_loss", (double)last->total) &&
             cJSON_AddNumberToObject(json, "last_style_loss", (double)last->style) &&
             cJSON_AddNumberToObject(json, "last_content_loss", (double)last->content) &&
             cJSON_AddNumberToObject(json, "last_tv_loss", (double)last->tv) &&
             cJSON_AddNumberToObject(json, "last_stability_loss", (double)last->stability);
    if (!ok)
        cJSON_Delete(json);
    return ok ? json : NULL;
}

static int make_model(const Run *run, NstModel **model, NstError *err)
{
    NST_TRY(nst_trainer_model(run->trainer, model, err));
    cJSON *json = describe(run, *model);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    int code = text ? nsw_set_metadata(*model, "nst.training", text, err) : fail(err, NST_ENOMEM, "out of memory");
    cJSON_free(text);
    cJSON_Delete(json);
    if (code < 0)
        nst_model_free(model);
    return code;
}

static int save_style(const Run *run, NstError *err)
{
    NstModel *model;
    NST_TRY(make_model(run, &model, err));
    int code = nst_model_save(model, run->settings->output, err);
    nst_model_free(&model);
    return code;
}

static int write_preview(const Run *run, const NstModel *model, NstError *err)
{
    char path[4096];
    Bitmap painted;
    int length = snprintf(path, sizeof(path), "%s/preview-%06d.png", run->settings->preview_folder, run->done);
    if (length >= (int)sizeof(path))
        return fail(err, NST_EINVAL, "--preview-dir: a shorter path expected");
    NST_TRY(preview_paint(model, &run->preview, &run->settings->train.compute, &painted, err));
    int code = media_write(&painted, path, err);
    bitmap_free(&painted);
    return code;
}

static TrainPace pace(const Run *run)
{
    const NstTrainProgress *progress = &run->progress;
    const double steps = train_time_steps_per_second(&run->time);
    return (TrainPace){.images_per_second = steps * run->settings->train.batch,
                       .seconds_left = steps > 0 ? (progress->steps - progress->step) / steps : 0};
}

/* What the style paints now, as a file and in the report, where these are wanted */
static int show(Run *run, NstError *err)
{
    NstModel *model;
    if (!run->preview.data && !run->report)
        return NST_OK;
    NST_TRY(nst_trainer_model(run->trainer, &model, err));
    int code = run->preview.data && run->done > 0 ? write_preview(run, model, err) : NST_OK;
    if (code == NST_OK)
        code = train_report_paint(run->report, model, pace(run), err);
    nst_model_free(&model);
    return code;
}

/* ---- steps ---- */

static void warn(const Run *run)
{
    const TrainSettings *settings = run->settings;
    for (int i = 0; i < settings->styles.n; i++)
        warn_of_painting(&run->paintings[i], settings->styles.items[i], settings->train.crop);
    warn_of_content(&run->content, settings->train.crop);
}

static int open_trainer(Run *run, NstError *err)
{
    NstTrainOptions options = run->settings->train;
    options.init = run->init;
    return nst_trainer_open(&run->trainer, &options, run->loss, run->styles, run->settings->styles.n, content_picture,
                            &run->content, run->content.n, err);
}

/* The trainer is opened anew, with the nearest style to begin with. */
static int begin_near(Run *run, NstError *err)
{
    Nearest nearest;
    int code = train_init_nearest(run->trainer, &nearest, err);
    if (code == NST_OK && nearest.model)
        say(run, "begins with %s, the nearest of %d styles (loss %.4f)\n", nearest.name, nearest.tried,
            (double)nearest.loss);
    else if (code == NST_OK)
        say(run, "begins at random, for there is no style of this network\n");
    run->init = nearest.model;
    free(nearest.name);
    if (code < 0 || mpirun_first(&run->settings->train.ranks, !run->init) >= 0)
        return code;
    nst_trainer_close(&run->trainer);
    return open_trainer(run, err);
}

static int begin(Run *run, NstError *err)
{
    const TrainSettings *settings = run->settings;
    const NstRanks *ranks = &settings->train.ranks;
    if (mpirun_first(ranks, leads(run) && settings->resume && access(settings->checkpoint, F_OK) == 0) == 0) {
        NST_TRY(nst_trainer_load(run->trainer, settings->checkpoint, err));
        run->done = nst_trainer_steps_done(run->trainer);
        say(run, "%s: going on after step %d\n", settings->checkpoint, run->done);
    } else if (settings->resume) {
        say(run, "%s: no checkpoint there; beginning at step 1\n", settings->checkpoint);
    }
    if (!run->done && !strcmp(settings->init, "auto"))
        NST_TRY(begin_near(run, err));
    train_time_begin(&run->time, run->began, 60 * (double)settings->minutes, run->done);
    if (!leads(run))
        return NST_OK;
    warn(run);
    NST_TRY(train_log_open(&run->log, &settings->train, settings->log, run->done, err));
    NST_TRY(train_report_open(&run->report, settings, run->paintings, &run->content, run->done, err));
    return run->report ? show(run, err) : NST_OK;
}

/* After a step: what is due at its number. */
static int keep_up(Run *run, NstError *err)
{
    const TrainSettings *settings = run->settings;
    bool last = run->done == run->progress.steps || run->late;
    if (!last && (run->done % settings->checkpoint_every == 0 || run->stop))
        NST_TRY(nst_trainer_save(run->trainer, settings->checkpoint, err));
    return run->done % settings->preview_every == 0 || last ? show(run, err) : NST_OK;
}

/* After a step: how many there will be, by the clock and by what the loss has come to. */
static int plan(Run *run, int planned, NstError *err)
{
    const TrainSettings *settings = run->settings;
    NstTrainProgress *progress = &run->progress;
    train_time_step(&run->time, seconds_now(), run->done);
    if (progress->steps < planned) {
        train_log_pause(&run->log);
        run->cut += planned - progress->steps;
        say(run, "the loss fell by less than %g %% in %d steps: done after %d steps, not %d\n",
            100 * (double)settings->train.stop, settings->train.stop_window, progress->steps, planned);
    }
    if (settings->minutes <= 0)
        return NST_OK;
    run->late = mpirun_first(&settings->train.ranks, leads(run) && train_time_is_up(&run->time)) == 0;
    const int steps = train_time_steps(&run->time);
    NST_TRY(nst_trainer_set_steps(run->trainer, steps ? min_int(steps, settings->train.steps) : progress->steps, err));
    progress->steps = nst_trainer_steps_planned(run->trainer);
    return NST_OK;
}

static int run_steps(Run *run, NstError *err)
{
    interrupt_catch();
    while (run->done < nst_trainer_steps_planned(run->trainer) && !run->late && !run->stop) {
        const int planned = nst_trainer_steps_planned(run->trainer);
        NST_TRY(nst_trainer_step(run->trainer, &run->progress, err));
        run->done = run->progress.step;
        NST_TRY(plan(run, planned, err));
        run->stop = mpirun_first(&run->settings->train.ranks, interrupted()) >= 0;
        if (!leads(run))
            continue;
        train_log_step(&run->log, &run->progress, pace(run));
        train_report_step(run->report, &run->progress);
        NST_TRY(keep_up(run, err));
    }
    return NST_OK;
}

/* The command for what is left of a run that was stopped, of its minutes too */
static void tell_rest(const Run *run, char *text, size_t size)
{
    const TrainSettings *settings = run->settings;
    char minutes[32] = "";
    if (settings->minutes > 0)
        snprintf(minutes, sizeof(minutes), " --minutes %.1f", fmax(0.1, (run->time.end - seconds_now()) / 60));
    snprintf(text, size, "%s%s --resume", settings->command_line, minutes);
}

static int finish(Run *run, NstError *err)
{
    const TrainSettings *settings = run->settings;
    train_log_pause(&run->log);
    const int planned = nst_trainer_steps_planned(run->trainer);
    if (run->done < planned && !run->late) {
        char rest[4096];
        tell_rest(run, rest, sizeof(rest));
        say(run, "stopped after step %d of %d; to go on: %s\n", run->done, planned, rest);
        return NST_ECANCELLED;
    }
    if (!leads(run))
        return NST_OK;
    int code = save_style(run, err);
    if (code < 0) {
        nst_trainer_save(run->trainer, settings->checkpoint, NULL);
        return code;
    }
    unlink(settings->checkpoint);
    say(run, "%s: done after %d steps\n", settings->output, run->done);
    if (run->done < planned)
        say(run, "the minutes were over before the last %d steps\n", planned - run->done);
    return NST_OK;
}

/* The report's last page; `code` and `failed` are the run's. */
static int end_report(Run *run, int code, const NstError *failed, NstError *err)
{
    char rest[4096], words[4200] = "";
    if (!run->report)
        return NST_OK;
    if (code == NST_ECANCELLED) {
        tell_rest(run, rest, sizeof(rest));
        snprintf(words, sizeof(words), "To go on: %s", rest);
    } else if (code < 0) {
        snprintf(words, sizeof(words), "%s", failed->message);
    } else if (run->late && run->done < run->progress.steps) {
        snprintf(words, sizeof(words), "The minutes were over before the last %d steps.",
                 run->progress.steps - run->done);
    } else if (run->cut > 0) {
        snprintf(words, sizeof(words), "Stopped early: the loss no longer fell, and %d steps were left out.", run->cut);
    }
    const TrainState state = code == NST_OK ? TRAIN_DONE : code == NST_ECANCELLED ? TRAIN_STOPPED : TRAIN_FAILED;
    return train_report_end(run->report, state, words, err);
}

static int close_books(Run *run, int code, const NstError *failed, NstError *err)
{
    const int closed = train_log_close(&run->log, err);
    const int told = end_report(run, code, failed, err);
    train_report_close(&run->report);
    return min_int(closed, told);
}

/* Before the first step: fails at all ranks where it failed at one; the first of those will say why. */
static int agree(Run *run, int code)
{
    if (code == NST_ENOMEM) /* others may be waiting in the middle of what failed here */
        return code;
    run->speaker = mpirun_first(&run->settings->train.ranks, code < 0);
    return code == NST_OK && run->speaker >= 0 ? NST_EINVAL : code;
}

static int fail_run(const Run *run, const char *message)
{
    const NstRanks *ranks = &run->settings->train.ranks;
    if (ranks->count == 1)
        return failure(NAME, "%s", message);
    if (run->speaker < 0 || run->speaker == ranks->rank)
        failure(NAME, "rank %d: %s", ranks->rank, message);
    if (run->speaker < 0)
        mpirun_abort(ranks);
    return EXIT_FAILURE;
}

int train_run(const TrainSettings *settings)
{
    Run run = {.settings = settings, .began = seconds_now(), .speaker = -1};
    NstError err, closing;
    int code = agree(&run, load_inputs(&run, &err));
    if (code == NST_OK)
        code = agree(&run, open_trainer(&run, &err));
    if (code == NST_OK)
        code = begin(&run, &err);
    if (code == NST_OK)
        code = run_steps(&run, &err);
    /* what failed was not the training: a picture or the disk. The step can be done again. */
    if (code < 0 && code != NST_ENOTFINITE && run.progress.step > 0 && leads(&run))
        nst_trainer_save(run.trainer, settings->checkpoint, NULL);
    if (code == NST_OK)
        code = finish(&run, &err);
    const int closed = close_books(&run, code, &err, &closing);
    nst_trainer_close(&run.trainer);
    content_close(&run.content);
    bitmap_free(&run.preview);
    for (int i = 0; i < NST_MAX_STYLES; i++)
        nst_image_free(&run.paintings[i]);
    nst_model_free(&run.init);
    nst_model_free(&run.loss);
    if (code == NST_ECANCELLED)
        return EXIT_INTERRUPTED;
    if (code < 0)
        return fail_run(&run, err.message);
    return closed < 0 ? failure(NAME, "%s", closing.message) : EXIT_SUCCESS;
}
