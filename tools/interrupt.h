/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_INTERRUPT_H
#define NST_TOOLS_INTERRUPT_H

#include <stdbool.h>

enum { EXIT_INTERRUPTED = 130 };

/* From here on the first SIGINT or SIGTERM is remembered; a second one kills. */
void interrupt_catch(void);
bool interrupted(void);

#endif
