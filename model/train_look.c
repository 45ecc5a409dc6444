/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <nst/train.h>

#include "util.h"

/* What a look is about. One of each may be chosen: no two set the same option. */
typedef enum Part { STROKES, PHOTO, SURFACE, N_PARTS } Part;

static const struct Setting {
    Part part;
    int style_size, levels, content_level; /* of STROKES */
    float weight;                          /* of the content in PHOTO, of the total variation in SURFACE */
} SETTINGS[] = {
    {.part = STROKES, .style_size = 208, .levels = 1, .content_level = 0},
    {.part = STROKES, .style_size = 704, .levels = 4, .content_level = 1},
    {.part = PHOTO, .weight = 0.15f},
    {.part = PHOTO, .weight = 0.015f},
    {.part = SURFACE, .weight = 6},
};

static const NstLook LOOKS[] = {
    {"fine", "small strokes: the painting is seen small, and compared at full size alone"},
    {"broad", "large strokes and shapes: the painting is seen large, and compared down to an eighth"},
    {"faithful", "more of the photo stays: faces and lettering can be made out"},
    {"free", "less of the photo stays: the painting's own shapes take its place"},
    {"soft", "soft strokes that run into each other, and smooth areas"},
    {NULL, NULL},
};

const NstLook *nst_train_looks(void)
{
    return LOOKS;
}

static int find(const char *name, size_t length, NstError *err)
{
    for (int i = 0; LOOKS[i].name; i++)
        if (strlen(LOOKS[i].name) == length && !memcmp(LOOKS[i].name, name, length))
            return i;
    return fail(err, NST_ENOTFOUND, "no look \"%.*s\"; there are fine, broad, faithful, free and soft",
                (int)(length < 100 ? length : 100), name);
}

static void apply(const struct Setting *setting, NstTrainOptions *options, int *style_size)
{
    switch (setting->part) {
    case STROKES:
        *style_size = setting->style_size;
        options->levels = setting->levels;
        options->content_level = setting->content_level;
        break;
    case PHOTO:
        options->content_weight = setting->weight;
        break;
    default:
        options->tv_weight = setting->weight;
        break;
    }
}

int nst_train_look(NstTrainOptions *options, int *style_size, const char *names, NstError *err)
{
    int chosen[N_PARTS];
    memset(chosen, -1, sizeof(chosen));
    for (const char *name = names;; name += strcspn(name, ",") + 1) {
        const int look = find(name, strcspn(name, ","), err);
        NST_TRY(look);
        int *other = &chosen[SETTINGS[look].part];
        if (*other >= 0)
            return fail(err, NST_EINVAL, "%s and %s: one of them expected", LOOKS[*other].name, LOOKS[look].name);
        *other = look;
        if (!name[strcspn(name, ",")])
            break;
    }
    for (int part = 0; part < N_PARTS; part++)
        if (chosen[part] >= 0)
            apply(&SETTINGS[chosen[part]], options, style_size);
    return NST_OK;
}
