/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_PAGE_H
#define NST_TOOLS_TRAIN_PAGE_H

#include <stdio.h>

#include "train_report.h"

/* What stands around the figures of a report: the page's head with its style sheet, and its end with its script. */

/* words: how the run ended, or "". A page of a run that goes on loads itself again. */
void page_begin(FILE *html, const char *title, TrainState state, const char *words);
void page_end(FILE *html);

/* Text as HTML */
void page_put_text(FILE *html, const char *text);

#endif
