/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_COMMON_OPTIONS_H
#define NST_TOOLS_COMMON_OPTIONS_H

#include "options.h"

/* Rows of option tables that several commands share; `at` is the offset of the value in the settings. */

#define LOSS_OPTION(at) /* const char * */                                                                             \
    {"loss", 'l', OPTION_TEXT, false, at, "LOSS", 0, 0, "the loss network: a .nsw file, or a name in NST_PATH"}

#define THREADS_OPTION(at) /* int */                                                                                   \
    {"threads", 't', OPTION_INT, false, at, "N", 0, 256,                                                               \
     "threads; 0 is one for each processor. The result does not depend on it"}

#define CPU_OPTION(at) /* const char *, for nst_cpu_parse */                                                           \
    {"cpu", 0, OPTION_TEXT, false, at, "LIST", 0, 0,                                                                   \
     "instruction sets that may be used: avx2, avx512, neon, scalar or all, separated by commas"}

#define CONTENT_PICTURES_OPTION(at) /* TextList */                                                                     \
    {"content", 'c', OPTION_LIST, true, at, "DIR|FILE", 0, 0,                                                          \
     "a folder of pictures and videos, a picture, or a video; may be given several times"}

#endif
