/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_init.h"

#include <stdbool.h>
#include <stdlib.h>

#include "style.h"
#include "util.h"

enum { CROPS = 4 };

/* Takes the place of the nearest so far where it is nearer. A file of something else is none of the styles. */
static int consider(NstTrainer *trainer, const char *name, Nearest *nearest, NstError *err)
{
    NstModel *model = NULL;
    float loss;
    if (style_load(&model, name, NULL) < 0)
        return NST_OK;
    const int code = nst_trainer_try(trainer, model, CROPS, &loss, err);
    const bool fits = code == NST_OK, nearer = fits && (!nearest->model || loss < nearest->loss);
    nearest->tried += fits;
    if (nearer) {
        nst_model_free(&nearest->model);
        free(nearest->name);
        nearest->model = model;
        nearest->loss = loss;
        nearest->name = string_copy(name);
        return nearest->name ? NST_OK : fail(err, NST_ENOMEM, "out of memory");
    }
    nst_model_free(&model);
    return code == NST_EINVAL || code == NST_ENOTFINITE ? NST_OK : code;
}

int train_init_nearest(NstTrainer *trainer, Nearest *nearest, NstError *err)
{
    char **names;
    int n, code = NST_OK;
    *nearest = (Nearest){0};
    NST_TRY(nst_style_list(&names, &n, err));
    for (int i = 0; i < n && code == NST_OK; i++)
        code = consider(trainer, names[i], nearest, err);
    nst_style_list_free(&names, n);
    return code;
}
