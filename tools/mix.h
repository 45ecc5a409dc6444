/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_MIX_H
#define NST_TOOLS_MIX_H

#include <nst/stylize.h>

/*
 * What --mix says of n paintings, into `weights`; mix NULL: 1 each. OPTIONS_RUN, or the exit status after a usage error
 * was printed.
 */
int mix_option(const char *command, const char *mix, int n, float weights[NST_MAX_STYLES]);

#endif
