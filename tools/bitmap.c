/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media.h"

#include <stdlib.h>

#include "util.h"

/* swscale's SIMD code may write a vector beyond the last sample. */
enum { OVERRUN = 64 };

int bitmap_alloc(Bitmap *bitmap, int width, int height, int channels, NstError *err)
{
    size_t bytes;
    *bitmap = (Bitmap){width, height, channels, NULL};
    if (mul_size((size_t)width, (size_t)height, &bytes) == 0 && mul_size(bytes, (size_t)channels, &bytes) == 0)
        bitmap->data = calloc(bytes + OVERRUN, 1);
    if (!bitmap->data)
        return fail(err, NST_ENOMEM, "no memory for a picture of %dx%d pixels", width, height);
    return NST_OK;
}

void bitmap_free(Bitmap *bitmap)
{
    free(bitmap->data);
    *bitmap = (Bitmap){0};
}

NstPicture bitmap_picture(const Bitmap *bitmap)
{
    bool gray = bitmap->channels < 3;
    int colors = gray ? 1 : 3;
    NstPicture picture = {
        .width = bitmap->width,
        .height = bitmap->height,
        .model = gray ? NST_COLOR_GRAY : NST_COLOR_RGB,
        .depth = 8,
        .full_range = 1,
        .has_alpha = bitmap->channels > colors,
    };
    for (int i = 0; i < bitmap->channels; i++) {
        NstComponent *component = &picture.comp[i < colors ? i : 3];
        component->data = bitmap->data + i;
        component->stride = (ptrdiff_t)bitmap->width * bitmap->channels;
        component->step = bitmap->channels;
    }
    return picture;
}

int bitmap_to_image(const Bitmap *bitmap, NstImage *image, NstError *err)
{
    const size_t n = (size_t)bitmap->width * (size_t)bitmap->height, channels = (size_t)bitmap->channels;
    NST_TRY(nst_image_alloc(image, bitmap->width, bitmap->height, err));
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            image->data[c * n + i] = (float)bitmap->data[channels * i + c] / 255.0f;
    return NST_OK;
}

int bitmap_from_image(Bitmap *bitmap, const NstImage *image, const Bitmap *alpha, NstError *err)
{
    const size_t n = (size_t)image->width * (size_t)image->height, channels = alpha && alpha->channels == 4 ? 4 : 3;
    NST_TRY(bitmap_alloc(bitmap, image->width, image->height, (int)channels, err));
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < 3; c++) {
            float sample = image->data[c * n + i];
            bitmap->data[channels * i + c] = (uint8_t)(sample <= 0 ? 0 : sample >= 1 ? 255 : 255 * sample + 0.5f);
        }
        if (channels == 4)
            bitmap->data[4 * i + 3] = alpha->data[4 * i + 3];
    }
    return NST_OK;
}
