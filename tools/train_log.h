/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_LOG_H
#define NST_TOOLS_TRAIN_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include <nst/train.h>

/* What a training run shows of itself: a progress line on stderr, and a CSV file of every step. */
typedef struct TrainLog {
    const NstTrainOptions *options;
    FILE *file;       /* or NULL */
    bool terminal;    /* the line is redrawn in place */
    bool open_line;   /* the terminal's cursor stands at the end of a progress line */
    double shown;     /* seconds of the monotonic clock */
    int first;        /* steps that were done before */
} TrainLog;

/* The speed of this run, and by it the time that the steps to come take; zeros while it is not known */
typedef struct TrainPace {
    double images_per_second, seconds_left;
} TrainPace;

/*
 * `done`: steps that an earlier run did. Where the log file exists, its rows up to that step are kept and others
 * dropped; path NULL: none is written.
 */
int train_log_open(TrainLog *log, const NstTrainOptions *options, const char *path, int done, NstError *err);
void train_log_step(TrainLog *log, const NstTrainProgress *progress, TrainPace pace);

/* Ends the progress line, so that something else can be printed. */
void train_log_pause(TrainLog *log);

/* NST_EIO when the log could not be written. */
int train_log_close(TrainLog *log, NstError *err);

#endif
