/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_STYLIZE_OPTIONS_H
#define NST_MODEL_STYLIZE_OPTIONS_H

#include <stdbool.h>

#include <nst/stylize.h>

/* Every field against its range, and those that need each other. n_models: styles that paint, or shall. */
int stylize_options_check(const NstStylizeOptions *options, int n_models, NstError *err);

/* Whether pieces may be painted between whole pictures: not where every other picture is one, nor with a bound of memory */
bool stylize_paints_pieces(const NstStylizeOptions *options);

/* The number of styles in a text that separates them by bars. err: NST_EINVAL: too many, or an empty one */
int styles_count(const char *styles, int *n, NstError *err);

/* Lines that the network works at for a picture of this height; `auto_height`: the most where nothing is set. */
int size_height(const NstSize *size, int picture_height, int auto_height);

#endif
