/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_REPORT_H
#define NST_TOOLS_TRAIN_REPORT_H

#include "train_log.h"
#include "train_run.h"

/*
 * `nst train --report FILE.html`: a page that needs no other file and follows the run in a browser: loss curves, a
 * picture painted from time to time, speed, options. While the run is on the page loads itself again; it is written
 * anew each time and holds all that a resumed run needs to go on with its curves and pictures.
 */
typedef struct TrainReport TrainReport;

typedef enum TrainState {
    TRAIN_RUNNING,
    TRAIN_DONE,
    TRAIN_STOPPED, /* by the user, and may go on */
    TRAIN_FAILED
} TrainState;

/*
 * *report stays NULL where the settings ask for none; the functions below do nothing then. `paintings` are those
 * of the settings; the page's picture is the settings' preview, or one of the content. `done`: steps of earlier runs, whose page
 * is read where it is there.
 */
int train_report_open(TrainReport **report, const TrainSettings *settings, const NstImage *paintings,
                      const Content *content, int done, NstError *err);
void train_report_close(TrainReport **report);

/* Takes the figures of a step. */
void train_report_step(TrainReport *report, const NstTrainProgress *progress);

/* Paints a preview with the style as it is now, and writes the page of a run that goes on. */
int train_report_paint(TrainReport *report, const NstModel *style, TrainPace pace, NstError *err);

/* Writes the page for the last time; words: a sentence on how the run ended, or "". */
int train_report_end(TrainReport *report, TrainState state, const char *words, NstError *err);

#endif
