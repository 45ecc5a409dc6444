/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

static const char LOG_HEAD[] = "step,learning_rate,total,style,content,tv,stability,grad_norm\n";

enum { LINE_SECONDS = 10 }; /* between the lines where there is no terminal */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

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

static int open_log(Report *report, const char *path, int done, NstError *err)
{
    report->log = fopen(path, done > 0 ? "r+" : "w");
    if (!report->log && done > 0 && errno == ENOENT)
        report->log = fopen(path, "w");
    else if (report->log && done > 0 && keep_rows(report->log, done) < 0)
        return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
    if (!report->log)
        return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
    if (ftell(report->log) == 0)
        fputs(LOG_HEAD, report->log);
    return NST_OK;
}

int report_open(Report *report, const NstTrainOptions *options, const char *log, int done, NstError *err)
{
    *report = (Report){.options = options, .terminal = isatty(STDERR_FILENO), .began = now(), .first = done};
    return log ? open_log(report, log, done, err) : NST_OK;
}

static void print_line(Report *report, const NstTrainProgress *p)
{
    const NstTrainOptions *o = report->options;
    double seconds = now() - report->began;
    int steps = p->step - report->first;
    double speed = seconds > 0 ? steps * o->batch / seconds : 0;
    long left = (long)(seconds / steps * (p->steps - p->step) + 0.5);
    fprintf(stderr, "%sstep %d/%d  loss %.4f = %g x style %.4f + %g x content %.4f + %g x tv %.5f + "
            "%g x stability %.5f  rate %.2g  %.2f images/s  %ld:%02ld:%02ld left%s",
            report->terminal ? "\r" : "", p->step, p->steps, (double)p->total, (double)o->style_weight,
            (double)p->style, (double)o->content_weight, (double)p->content, (double)o->tv_weight, (double)p->tv,
            (double)o->stability_weight, (double)p->stability, (double)p->learning_rate, speed, left / 3600, left / 60 % 60, left % 60,
            report->terminal ? "\033[K" : "\n");
    fflush(stderr);
    report->open_line = report->terminal;
}

void report_step(Report *report, const NstTrainProgress *p)
{
    double time = now();
    bool first = p->step == report->first + 1, last = p->step == p->steps;
    if (first || last || report->terminal || time - report->shown >= LINE_SECONDS) {
        print_line(report, p);
        report->shown = time;
    }
    if (report->log) {
        fprintf(report->log, "%d,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n", p->step, (double)p->learning_rate,
                (double)p->total, (double)p->style, (double)p->content, (double)p->tv,
                (double)p->stability, (double)p->grad_norm);
        fflush(report->log);
    }
}

void report_pause(Report *report)
{
    if (report->open_line)
        fputc('\n', stderr);
    report->open_line = false;
}

int report_close(Report *report, NstError *err)
{
    report_pause(report);
    bool bad = report->log && (ferror(report->log) | fclose(report->log));
    report->log = NULL;
    return bad ? fail(err, NST_EIO, "the log could not be written: %s", strerror(errno)) : NST_OK;
}
