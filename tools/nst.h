/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_NST_H
#define NST_TOOLS_NST_H

#include <nst/error.h>

/*
 * The nst program. A command gets argv[0] = its own name and returns the exit status: 0, 1 after a failure,
 * 2 (EXIT_USAGE, options.h) after a wrong command line, 130 when it was interrupted.
 */
int cmd_apply(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_distill(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_optimize(int argc, char **argv);
int cmd_train(int argc, char **argv);

/* Prints "nst COMMAND: message" on stderr; returns EXIT_FAILURE. */
__attribute__((format(printf, 2, 3))) int failure(const char *command, const char *format, ...);

/* A path without its folders: "b.png" of "a/b.png", "photos/" of "/home/me/photos/" */
const char *file_name(const char *path);

#endif
