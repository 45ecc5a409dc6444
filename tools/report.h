/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_REPORT_H
#define NST_TOOLS_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <nst/train.h>

/* What a training run shows of itself: a progress line on stderr, and a CSV file of every step. */
typedef struct Report {
    const NstTrainOptions *options;
    FILE *log;        /* or NULL */
    bool terminal;    /* the line is redrawn in place */
    bool open_line;   /* the terminal's cursor stands at the end of a progress line */
    double began, shown; /* seconds of the monotonic clock */
    int first;        /* steps that were done before */
} Report;

/*
 * `done`: steps that an earlier run did. Where the log file exists, its rows up to that step are kept and others
 * dropped; log NULL: none is written.
 */
int report_open(Report *report, const NstTrainOptions *options, const char *log, int done, NstError *err);
void report_step(Report *report, const NstTrainProgress *progress);

/* Ends the progress line, so that something else can be printed. */
void report_pause(Report *report);

/* NST_EIO when the log could not be written. */
int report_close(Report *report, NstError *err);

#endif
