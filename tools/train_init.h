/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_TRAIN_INIT_H
#define NST_TOOLS_TRAIN_INIT_H

#include <nst/train.h>

/*
 * Of the styles that can be called by name, the one whose loss in this run is lowest before the first step: it paints most
 * like the paintings that are to be learned from, and keeps enough of the photos.
 */
typedef struct Nearest {
    NstModel *model; /* the caller's to free; NULL: no style of the trainer's network is there */
    char *name;      /* malloc'ed */
    float loss;
    int tried;       /* styles */
} Nearest;

int train_init_nearest(NstTrainer *trainer, Nearest *nearest, NstError *err);

#endif
