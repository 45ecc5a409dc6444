/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "optimize_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chart.h"
#include "util.h"

static const char LOG_HEAD[] = "frame,iteration,width,height,evaluations,learning_rate,total,style,content,tv,photo,"
                               "temporal\n";

enum { LINE_SECONDS = 10 }; /* between the lines where there is no terminal */

int optimize_report_open(OptimizeReport *report, const OptimizeSettings *settings, NstError *err)
{
    *report = (OptimizeReport){.settings = settings, .terminal = isatty(STDERR_FILENO)};
    if (!settings->log)
        return NST_OK;
    report->log = fopen(settings->log, "w");
    if (!report->log)
        return fail(err, NST_EIO, "%s: %s", settings->log, strerror(errno));
    fputs(LOG_HEAD, report->log);
    return NST_OK;
}

void optimize_report_close(OptimizeReport *report)
{
    if (report->log)
        fclose(report->log);
    for (int i = 0; i < N_TERMS; i++)
        free(report->terms[i]);
    *report = (OptimizeReport){0};
}

void optimize_report_begin(OptimizeReport *report)
{
    report->began = seconds_now();
    report->pixels = 0;
}

/* In iterations of this size: each later one has four times the pixels of the one before. */
static double iterations_left(const NstOptimizeOptions *o, const NstOptimizeProgress *p)
{
    double left = p->done ? 0 : (p->scale + 1) * o->iterations - p->iteration, larger = 1;
    for (int scale = p->scale + 1; scale < o->scales && !p->done; scale++)
        left += o->iterations * (larger *= 4);
    return left;
}

static void print_line(const OptimizeReport *report, const NstOptimizeOptions *o, const NstOptimizeProgress *p)
{
    const double each = (seconds_now() - report->began) / report->pixels * p->width * p->height;
    const long left = (long)(each * iterations_left(o, p) + 0.5);
    char frame[64] = "", tiles[32] = "", photo[64] = "", temporal[64] = "";
    if (report->frame && report->frames >= report->frame)
        snprintf(frame, sizeof(frame), "frame %d/%d  ", report->frame, report->frames);
    else if (report->frame)
        snprintf(frame, sizeof(frame), "frame %d  ", report->frame);
    if (p->tiles > 1)
        snprintf(tiles, sizeof(tiles), " in %d tiles", p->tiles);
    if (o->photo_weight > 0)
        snprintf(photo, sizeof(photo), " + %g x photo %.4g", (double)o->photo_weight, p->photo);
    if (o->warped)
        snprintf(temporal, sizeof(temporal), " + %g x temporal %.4g", (double)o->temporal_weight, p->temporal);
    fprintf(stderr, "%s%siteration %d/%d  %dx%d%s  loss %.5g = %g x style %.4g + %g x content %.4g + %g x tv %.4g%s%s  "
            "%.2f s each  %ld:%02ld:%02ld left%s",
            report->terminal ? "\r" : "", frame, p->iteration, p->iterations, p->width, p->height, tiles, p->total,
            (double)o->style_weight, p->style, (double)o->content_weight, p->content, (double)o->tv_weight, p->tv,
            photo, temporal, each, left / 3600, left / 60 % 60, left % 60, report->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

static int keep_terms(OptimizeReport *report, const NstOptimizeOptions *o, const NstOptimizeProgress *p, NstError *err)
{
    const double terms[N_TERMS] = {p->total, o->style_weight * p->style, o->content_weight * p->content,
                                   o->tv_weight * p->tv, o->photo_weight * p->photo, o->temporal_weight * p->temporal};
    if (report->n_terms == report->room) {
        const int room = 2 * report->room + 64;
        for (int i = 0; i < N_TERMS; i++) {
            double *grown = realloc(report->terms[i], (size_t)room * sizeof(*grown));
            if (!grown)
                return fail(err, NST_ENOMEM, "out of memory");
            report->terms[i] = grown;
        }
        report->room = room;
    }
    for (int i = 0; i < N_TERMS; i++)
        report->terms[i][report->n_terms] = terms[i];
    report->n_terms++;
    return NST_OK;
}

int optimize_report_step(OptimizeReport *report, const NstOptimizeOptions *how, const NstOptimizeProgress *p,
                         NstError *err)
{
    const double time = seconds_now();
    report->pixels += (double)p->width * p->height;
    if (report->n_terms == 0 || (p->done && !report->frame) || report->terminal ||
        time - report->shown >= LINE_SECONDS) {
        print_line(report, how, p);
        report->shown = time;
    }
    if (report->log)
        fprintf(report->log, "%d,%d,%d,%d,%d,%.6g,%.8g,%.8g,%.8g,%.8g,%.8g,%.8g\n", report->frame, p->iteration,
                p->width, p->height, p->evaluations, (double)p->learning_rate, p->total, p->style, p->content, p->tv,
                p->photo, p->temporal);
    return keep_terms(report, how, p, err);
}

static int plot(const OptimizeReport *report, NstError *err)
{
    static const char *const names[] = {"total", "style", "content", "total variation", "photo", "temporal"};
    static const char *const colors[] = {"#000", "#c33", "#36c", "#393", "#a6a", "#c80"};
    ChartLine lines[N_TERMS];
    int n = 0;
    for (int i = 0; i < N_TERMS && report->n_terms > 0; i++)
        if (report->terms[i][report->n_terms - 1] > 0)
            lines[n++] = (ChartLine){names[i], colors[i], report->terms[i], report->terms[i][report->n_terms - 1],
                                    NULL};
    const Chart chart = {"Weighted terms of the loss, by iteration", "last", lines, n, report->n_terms, 1, true};
    return chart_write(&chart, report->settings->plot, err);
}

int optimize_report_end(OptimizeReport *report, NstError *err)
{
    if (report->settings->plot)
        NST_TRY(plot(report, err));
    if (!report->log)
        return NST_OK;
    const bool bad = ferror(report->log) | fclose(report->log);
    report->log = NULL;
    return bad ? fail(err, NST_EIO, "%s: could not be written", report->settings->log) : NST_OK;
}
