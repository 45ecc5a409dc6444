/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_preview.h"

int preview_paint(const NstModel *style, const Bitmap *picture, const NstCompute *compute, Bitmap *painted,
                  NstError *err)
{
    NstStylizer *stylizer = NULL;
    NstStylizeOptions how;
    nst_stylize_defaults(&how);
    how.temporal = 0;
    how.compute.threads = compute->threads; /* not its matrix product: what is seen is what the filter will give */
    how.compute.cpu = compute->cpu;
    int code = bitmap_alloc(painted, picture->width, picture->height, picture->channels, err);
    const NstPicture in = bitmap_picture(picture);
    NstPicture out = bitmap_picture(painted);
    if (code == NST_OK)
        code = nst_stylizer_open(&stylizer, &style, 1, &how, err);
    if (code == NST_OK)
        code = nst_stylizer_process(stylizer, &in, &out, NULL, NULL, err);
    nst_stylizer_close(&stylizer);
    if (code < 0)
        bitmap_free(painted);
    return code;
}
