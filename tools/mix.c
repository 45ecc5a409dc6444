/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mix.h"

#include "options.h"

int mix_option(const char *command, const char *mix, int n, float weights[NST_MAX_STYLES])
{
    NstError err;
    int n_mix = 0;
    if (n > NST_MAX_STYLES)
        return usage_error(command, "%d times --style; at most %d expected", n, NST_MAX_STYLES);
    for (int i = 0; i < NST_MAX_STYLES; i++)
        weights[i] = 1;
    if (mix && nst_mix_parse(mix, weights, &n_mix, &err) < 0)
        return usage_error(command, "--mix: %s", err.message);
    if (n_mix && n_mix != n)
        return usage_error(command, "--mix %s: %d weights; %d expected, one for each --style", mix, n_mix, n);
    return OPTIONS_RUN;
}
