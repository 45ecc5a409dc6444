/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_check.h"

#include <math.h>
#include <stdio.h>

#include "image.h"
#include "util.h"

enum {
    SMALLEST_PAINTING = 64, /* pixels, the short side */
    FEW_PHOTOS = 100,       /* fewer are warned of */
};

/* Standard deviation over the picture, of samples of 0 to 255 */
static const double BLANK = 2, FAINT = 10;

/* Of a picture's pixels, the share that may have nearly one colour: no sample further than this from its channel's median */
static const double EVEN = 0.95;
static const float NEARLY = 10;

/* Of a picture's deviation, the share that is left of it at half the size. White noise keeps a half. */
static const double FINE = 0.25;

/* That of the channel with the most: an even colour has none, whichever it is. */
static double deviation(const NstImage *image)
{
    const size_t n = (size_t)image->width * (size_t)image->height;
    double most = 0;
    for (size_t c = 0; c < 3; c++) {
        const float *plane = image->data + c * n;
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)plane[i];
        for (size_t i = 0; i < n; i++)
            squares += ((double)plane[i] - sum / (double)n) * ((double)plane[i] - sum / (double)n);
        most = fmax(most, squares / (double)n);
    }
    return 255 * sqrt(most);
}

int check_painting(const NstImage *painting, const char *path, NstError *err)
{
    if (min_int(painting->width, painting->height) < SMALLEST_PAINTING)
        return fail(err, NST_EINVAL,
                    "%s: %dx%d pixels after --style-size; a painting of at least %d each way expected (cut a long one)",
                    path, painting->width, painting->height, SMALLEST_PAINTING);
    const double spread = deviation(painting);
    if (spread < BLANK)
        return fail(err, NST_EINVAL,
                    "%s: a blank picture (its samples deviate by %.1f of 255 from their mean); a painting expected",
                    path, spread);
    return NST_OK;
}

/* Median of a plane of n samples of 0 to 1: of 0 to 255, to a whole level */
static float median(const float *plane, size_t n)
{
    size_t levels[256] = {0}, below = 0;
    int level = 0;
    for (size_t i = 0; i < n; i++)
        levels[max_int(0, min_int(255, (int)lrintf(255 * plane[i])))]++;
    while ((below += levels[level]) < (n + 1) / 2)
        level++;
    return (float)level;
}

/* The share of the picture that has nearly one colour, as the ground of a starry sky has */
static double even_share(const NstImage *image)
{
    const size_t n = (size_t)image->width * (size_t)image->height;
    const float *x = image->data;
    const float middle[3] = {median(x, n), median(x + n, n), median(x + 2 * n, n)};
    size_t even = 0;
    for (size_t i = 0; i < n; i++) {
        float furthest = 0;
        for (size_t c = 0; c < 3; c++)
            furthest = fmaxf(furthest, fabsf(255 * x[c * n + i] - middle[c]));
        even += furthest <= NEARLY;
    }
    return (double)even / (double)n;
}

/* Whether all that the painting has is in single pixels, so that all levels of the pyramid but the first see nothing */
static bool is_of_pixels(const NstImage *painting, double spread)
{
    NstImage half;
    if (nst_image_alloc(&half, painting->width / 2, painting->height / 2, NULL) < 0)
        return false;
    image_halve(half.data, painting->data, 3, painting->height, painting->width);
    const bool fine = deviation(&half) < FINE * spread;
    nst_image_free(&half);
    return fine;
}

void warn_of_painting(const NstImage *painting, const char *path, int crop)
{
    const double spread = deviation(painting), even = even_share(painting);
    const int side = min_int(painting->width, painting->height);
    if (side < crop)
        fprintf(stderr,
                "nst train: warning: %s: %dx%d pixels, less than the crops (%d); it shows few strokes to learn from\n",
                path, painting->width, painting->height, crop);
    if (spread < FAINT)
        fprintf(stderr,
                "nst train: warning: %s: nearly one colour (its samples deviate by %.1f of 255 from their mean); what "
                "is painted will be as flat\n",
                path, spread);
    else if (even > EVEN)
        fprintf(stderr,
                "nst train: warning: %s: %.0f %% of it has nearly one colour; so will what is painted\n", path,
                100 * even);
    if (is_of_pixels(painting, spread))
        fprintf(stderr,
                "nst train: warning: %s: its detail is in single pixels, little is left at half the size; what is painted "
                "will be as even\n",
                path);
}

void warn_of_content(const Content *content, int crop)
{
    const int below = content_count_below(content, crop);
    if (content->n < FEW_PHOTOS)
        fprintf(stderr,
                "nst train: warning: %d content picture%s; %d or more, of many kinds, paint other photos better\n",
                content->n, content->n == 1 ? "" : "s", FEW_PHOTOS);
    if (below)
        fprintf(stderr,
                "nst train: warning: %d of %d content pictures are smaller than the crops (%d pixels): enlarged, they "
                "are blurred\n",
                below, content->n, crop);
}
