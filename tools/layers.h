/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_LAYERS_H
#define NST_TOOLS_LAYERS_H

#include <nst/train.h>

/* Options that name layers of the loss network: "relu1_1,relu2_1". */

enum { LAYERS_TEXT = 512 };

/* A NULL-terminated list as the text of an option's default */
void layers_join(const char *const *list, char text[LAYERS_TEXT]);

/*
 * "a,b,c" into the NULL-terminated list, whose texts are in a copy that the caller frees. OPTIONS_RUN, or the exit
 * status after a usage error of `command`.
 */
int layers_split(const char *command, const char *option, const char *text, const char *list[NST_MAX_LAYERS],
                 char **copy);

#endif
