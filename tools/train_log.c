/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static const char LOG_HEAD[] = "step,learning_rate,total,style,content,tv,stability,grad_norm\n";

enum { LINE_SECONDS = 10 }; /* between the lines where there is no terminal */

/* Cuts the log after the last whole row of a step that the run goes on from: a killed run may have written more. */
static int keep_rows(FILE *log, int done)
{
    char row[512];
    long end = 0;
    rewind(log);
    while (fgets(row, sizeof(row), log) && strchr(row, '\n')) {
        if (end > 0 && (atoi(row) < 1 || atoi(row) > done))
            break;
        end = ftell(log);
    }
    clearerr(log);
    return ftruncate(fileno(log), end) < 0 || fseek(log, end, SEEK_SET) < 0 ? -1 : 0;
}

static int open_log(TrainLog *log, const char *path, int done, NstError *err)
{
    log->file = fopen(path, done > 0 ? "r+" : "w");
    if (!log->file && done > 0 && errno == ENOENT)
        log->file = fopen(path, "w");
    else if (log->file && done > 0 && keep_rows(log->file, done) < 0)
        return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
    if (!log->file)
        return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
    if (ftell(log->file) == 0)
        fputs(LOG_HEAD, log->file);
    return NST_OK;
}

int train_log_open(TrainLog *log, const NstTrainOptions *options, const char *path, int done, NstError *err)
{
    *log = (TrainLog){.options = options, .terminal = isatty(STDERR_FILENO), .first = done};
    return path ? open_log(log, path, done, err) : NST_OK;
}

static void print_line(TrainLog *log, const NstTrainProgress *p, TrainPace pace)
{
    const NstTrainOptions *o = log->options;
    const long left = (long)(pace.seconds_left + 0.5);
    char steps[16] = "", time[64] = "";
    if (p->steps < NST_MAX_STEPS) /* else there was no time yet to plan them */
        snprintf(steps, sizeof(steps), "/%d", p->steps);
    if (*steps && pace.images_per_second > 0)
        snprintf(time, sizeof(time), "  %.2f images/s  %ld:%02ld:%02ld left", pace.images_per_second, left / 3600,
                 left / 60 % 60, left % 60);
    fprintf(stderr, "%sstep %d%s  loss %.4f = %g x style %.4f + %g x content %.4f + %g x tv %.5f + "
            "%g x stability %.5f  rate %.2g%s%s",
            log->terminal ? "\r" : "", p->step, steps, (double)p->total, (double)o->style_weight,
            (double)p->style, (double)o->content_weight, (double)p->content, (double)o->tv_weight, (double)p->tv,
            (double)o->stability_weight, (double)p->stability, (double)p->learning_rate, time,
            log->terminal ? "\033[K" : "\n");
    fflush(stderr);
    log->open_line = log->terminal;
}

void train_log_step(TrainLog *log, const NstTrainProgress *p, TrainPace pace)
{
    double time = seconds_now();
    bool first = p->step == log->first + 1, last = p->step == p->steps;
    if (first || last || log->terminal || time - log->shown >= LINE_SECONDS) {
        print_line(log, p, pace);
        log->shown = time;
    }
    if (log->file) {
        fprintf(log->file, "%d,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n", p->step, (double)p->learning_rate,
                (double)p->total, (double)p->style, (double)p->content, (double)p->tv,
                (double)p->stability, (double)p->grad_norm);
        fflush(log->file);
    }
}

void train_log_pause(TrainLog *log)
{
    if (log->open_line)
        fputc('\n', stderr);
    log->open_line = false;
}

int train_log_close(TrainLog *log, NstError *err)
{
    train_log_pause(log);
    bool bad = log->file && (ferror(log->file) | fclose(log->file));
    log->file = NULL;
    return bad ? fail(err, NST_EIO, "the log could not be written: %s", strerror(errno)) : NST_OK;
}
