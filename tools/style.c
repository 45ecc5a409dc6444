/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "style.h"

#include <stdlib.h>

#include "util.h"

int style_load(NstModel **model, const char *style, NstError *err)
{
    char *path;
    *model = NULL;
    NST_TRY(nst_style_find(style, &path, err));
    int code = nst_model_load(model, path, err);
    free(path);
    return code;
}
