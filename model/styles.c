/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several styles and their weights as text: "a|b|c", "0.7|0.2|0.1". */
#include <nst/stylize.h>

#include <stdlib.h>
#include <string.h>

#include "nsw.h"
#include "stylize_options.h"
#include "util.h"

static const float max_weight = 1e6f;

/* The number of parts that bars cut `text` into. */
static int count_parts(const char *text)
{
    int n = 1;
    for (; (text = strchr(text, '|')); text++)
        n++;
    return n;
}

/* A malloc'ed copy of the part that *text begins with; *text goes on behind the bar after it. */
static char *next_part(const char **text)
{
    size_t length = strcspn(*text, "|");
    char *part = strndup(*text, length);
    *text += length + ((*text)[length] == '|');
    return part;
}

static int load_style(NstModel **model, const char *style, NstError *err)
{
    char *path;
    NST_TRY(nst_style_find(style, &path, err));
    int code = nst_model_load(model, path, err);
    if (code >= 0 && (*model)->kind != NST_KIND_STYLE) {
        nst_model_free(model);
        code = fail(err, NST_EINVAL, "%s: a loss network, for training; a style is expected", path);
    }
    free(path);
    return code;
}

void nst_styles_free(NstModel *models[NST_MAX_STYLES])
{
    for (int i = 0; i < NST_MAX_STYLES; i++)
        nst_model_free(&models[i]);
}

int styles_count(const char *styles, int *n, NstError *err)
{
    *n = count_parts(styles);
    if (*n > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "%d styles; 1 to %d expected", *n, NST_MAX_STYLES);
    for (const char *part = styles; part; part = strchr(part, '|')) {
        part += part > styles;
        if (!*part || *part == '|')
            return fail(err, NST_EINVAL, "an empty name among the styles; a path or a name expected on each side of |");
    }
    return NST_OK;
}

int nst_styles_load(NstModel *models[NST_MAX_STYLES], int *n_models, const char *styles, NstError *err)
{
    int n, code = NST_OK;
    memset(models, 0, NST_MAX_STYLES * sizeof(*models));
    *n_models = 0;
    NST_TRY(styles_count(styles, &n, err));
    for (int i = 0; i < n && code >= 0; i++) {
        char *style = next_part(&styles);
        code = style ? load_style(&models[i], style, err) : fail(err, NST_ENOMEM, "out of memory");
        free(style);
    }
    if (code < 0) {
        nst_styles_free(models);
        return code;
    }
    *n_models = n;
    return NST_OK;
}

int nst_mix_parse(const char *text, float mix[NST_MAX_STYLES], int *n_mix, NstError *err)
{
    float weights[NST_MAX_STYLES] = {0};
    int n = *text ? count_parts(text) : 0;
    if (n > NST_MAX_STYLES)
        return fail(err, NST_EINVAL, "mix \"%s\": %d weights; at most %d expected", text, n, NST_MAX_STYLES);
    const char *rest = text;
    for (int i = 0; i < n; i++) {
        char *end;
        weights[i] = strtof(rest, &end);
        if (end == rest || (*end && *end != '|') || !(weights[i] >= 0 && weights[i] <= max_weight))
            return fail(err, NST_EINVAL, "mix \"%s\": weights from 0 to %g separated by | expected", text,
                        (double)max_weight);
        rest = end + (*end == '|');
    }
    memcpy(mix, weights, sizeof(weights));
    *n_mix = n;
    return NST_OK;
}
