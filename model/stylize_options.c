/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stylize_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "threads.h"
#include "util.h"

enum { MIN_HEIGHT = 16 };
static const float min_fraction = 0.01f;

void nst_stylize_defaults(NstStylizeOptions *options)
{
    *options = (NstStylizeOptions){.struct_size = sizeof(*options), .strength = 1.0f, .temporal = 0.8f,
                                   .every = 1};
    nst_compute_defaults(&options->compute);
}

int nst_size_parse(const char *text, NstSize *size, NstError *err)
{
    char *end;
    double number = strtod(text, &end);
    bool is_number = end != text && !*end;
    if (!strcmp(text, "auto"))
        *size = (NstSize){0};
    else if (is_number && number >= (double)min_fraction && number <= 1)
        *size = (NstSize){.fraction = (float)number};
    else if (is_number && number >= MIN_HEIGHT && number <= NST_MAX_PICTURE_SIDE && number == floor(number))
        *size = (NstSize){.height = (int)number};
    else
        return fail(err, NST_EINVAL, "size \"%s\": auto, a height from %d to %d, or a fraction from %g to 1 expected",
                    text, MIN_HEIGHT, NST_MAX_PICTURE_SIDE, (double)min_fraction);
    return NST_OK;
}

int size_height(const NstSize *size, int picture_height, int auto_height)
{
    if (size->fraction > 0)
        return max_int((int)lroundf((float)picture_height * size->fraction), 1);
    return min_int(size->height ? size->height : auto_height, picture_height);
}

static int check_size(const char *what, const NstSize *size, NstError *err)
{
    if (size->height && size->fraction != 0)
        return fail(err, NST_EINVAL, "%s: a height (%d) or a fraction (%g) expected, not both", what, size->height,
                    (double)size->fraction);
    if (size->height && (size->height < MIN_HEIGHT || size->height > NST_MAX_PICTURE_SIDE))
        return fail(err, NST_EINVAL, "%s: a height of %d; %d to %d expected", what, size->height, MIN_HEIGHT,
                    NST_MAX_PICTURE_SIDE);
    if (size->fraction != 0 && !(size->fraction >= min_fraction && size->fraction <= 1))
        return fail(err, NST_EINVAL, "%s: a fraction of %g; %g to 1 expected", what, (double)size->fraction,
                    (double)min_fraction);
    return NST_OK;
}

static int check_mix(const NstStylizeOptions *options, int n_models, NstError *err)
{
    double sum = 0;
    if (!options->n_mix)
        return NST_OK;
    if (options->n_mix != n_models)
        return fail(err, NST_EINVAL, "mix: %d weights for %d %s; one for each expected", options->n_mix, n_models,
                    n_models == 1 ? "style" : "styles");
    for (int i = 0; i < options->n_mix; i++) {
        if (!(options->mix[i] >= 0 && options->mix[i] <= 1e6f))
            return fail(err, NST_EINVAL, "mix: weight %g; 0 or more expected", (double)options->mix[i]);
        sum += (double)options->mix[i];
    }
    if (!(sum > 0))
        return fail(err, NST_EINVAL, "mix: at least one weight above 0 expected");
    return NST_OK;
}

static int check_unit(const char *what, float value, NstError *err)
{
    if (!(value >= 0 && value <= 1))
        return fail(err, NST_EINVAL, "%s %g: 0 to 1 expected", what, (double)value);
    return NST_OK;
}

static int check_ranges(const NstStylizeOptions *options, NstError *err)
{
    NST_TRY(check_unit("strength", options->strength, err));
    NST_TRY(check_unit("temporal", options->temporal, err));
    NST_TRY(check_size("size", &options->size, err));
    NST_TRY(check_size("min_size", &options->min_size, err));
    if (options->color < NST_COLORS_STYLE || options->color > NST_COLORS_MATCH)
        return fail(err, NST_EINVAL, "color %d: style, content or match expected", (int)options->color);
    if (options->flow < NST_FLOW_AUTO || options->flow > NST_FLOW_NONE)
        return fail(err, NST_EINVAL, "flow %d: auto, mv, dis or none expected", (int)options->flow);
    if (options->every < 0 || options->every > NST_MAX_EVERY)
        return fail(err, NST_EINVAL, "every %d: 0 to %d expected", options->every, NST_MAX_EVERY);
    if (!(options->rate >= 0 && options->rate <= 1000))
        return fail(err, NST_EINVAL, "rate %g: 0 to 1000 pictures a second expected", options->rate);
    if (options->compute.threads < 0 || options->compute.threads > NST_MAX_THREADS)
        return fail(err, NST_EINVAL, "%d threads: 0 to %d expected", options->compute.threads, NST_MAX_THREADS);
    return NST_OK;
}

int stylize_options_check(const NstStylizeOptions *options, int n_models, NstError *err)
{
    if (options->struct_size != sizeof(*options))
        return fail(err, NST_EINVAL, "stylize options of %zu bytes: %zu expected; call nst_stylize_defaults first",
                    options->struct_size, sizeof(*options));
    NST_TRY(check_ranges(options, err));
    return check_mix(options, n_models, err);
}

bool stylize_paints_pieces(const NstStylizeOptions *options)
{
    return options->every != 1 && options->every != 2 && !options->max_memory;
}
