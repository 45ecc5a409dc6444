/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_STYLE_H
#define NST_TOOLS_STYLE_H

#include <nst/model.h>

/* Loads the model that a command line calls by file or by name (nst_style_find). */
int style_load(NstModel **model, const char *style, NstError *err);

#endif
