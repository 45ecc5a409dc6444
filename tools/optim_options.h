/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_OPTIM_OPTIONS_H
#define NST_TOOLS_OPTIM_OPTIONS_H

#include "options.h"

/* Rows of an option table for what nst train and nst optimize share; AT(member) is its offset in the settings. */
#define OPTIM_OPTIONS(AT)                                                                                              \
    {"decay", 0, OPTION_CHOICE, false, AT(schedule.decay), "constant|step|exponential|cosine", 0, 0,                   \
     "how the learning rate falls"},                                                                                   \
    {"decay-every", 0, OPTION_INT, false, AT(schedule.every), "N", 1, 1e8,                                             \
     "step, exponential: steps in which it is multiplied by the factor"},                                              \
    {"decay-factor", 0, OPTION_REAL, false, AT(schedule.factor), "X", 0, 1,                                            \
     "step, exponential: the factor"},                                                                                 \
    {"hold", 0, OPTION_REAL, false, AT(schedule.hold), "X", 0, 1,                                                      \
     "cosine: share of the steps before the rate falls"},                                                              \
    {"last-rate", 0, OPTION_REAL, false, AT(schedule.last), "X", 0, 1,                                                 \
     "cosine: share of the rate that is left at the end"},                                                             \
    {"warmup", 0, OPTION_INT, false, AT(schedule.warmup), "N", 0, 1e8,                                                 \
     "steps in which the rate rises to its full height at the start"},                                                 \
    {"beta1", 0, OPTION_REAL, false, AT(beta1), "X", 0, 0.999999,                                                      \
     "Adam's decay of the mean"},                                                                                      \
    {"beta2", 0, OPTION_REAL, false, AT(beta2), "X", 0, 0.999999,                                                      \
     "decay of the variance, of Adam and RMSprop"},                                                                    \
    {"epsilon", 0, OPTION_REAL, false, AT(epsilon), "X", 0, 1e12,                                                      \
     "added to its root"},                                                                                             \
    {"momentum", 0, OPTION_REAL, false, AT(momentum), "X", 0, 0.999999,                                                \
     "of SGD"}

#endif
