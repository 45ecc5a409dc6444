/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sampler.h"

#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "util.h"

/* The crops are squares of SMALLEST_CROP to LARGEST_CROP times the short side of the picture. */
static const double SMALLEST_CROP = 0.7, LARGEST_CROP = 0.95;

NstRandom random_for(uint64_t seed, NstPurpose purpose, uint64_t number)
{
    NstRandom random;
    random_seed(&random, seed);
    random_seed(&random, random_next(&random) ^ (uint64_t)purpose);
    random_seed(&random, random_next(&random) ^ number);
    return random;
}

int sampler_open(NstSampler *sampler, NstContentSource source, void *opaque, int n, uint64_t seed, NstError *err)
{
    *sampler = (NstSampler){.source = source, .opaque = opaque, .n = n, .seed = seed, .order_epoch = -1};
    if (n < 1)
        return fail(err, NST_EINVAL, "%d content pictures; at least 1 expected", n);
    sampler->order = calloc((size_t)n, sizeof(int));
    return sampler->order ? NST_OK : fail(err, NST_ENOMEM, "no memory for the order of %d pictures", n);
}

void sampler_close(NstSampler *sampler)
{
    free(sampler->order);
    memset(sampler, 0, sizeof(*sampler));
}

/* The picture of a sample (Fisher and Yates) */
static int picture_of(NstSampler *sampler, int64_t sample)
{
    const int64_t epoch = sample / sampler->n;
    int *order = sampler->order;
    if (sampler->order_epoch != epoch) {
        NstRandom random = random_for(sampler->seed, FOR_ORDER, (uint64_t)epoch);
        for (int i = 0; i < sampler->n; i++) {
            const int j = random_below(&random, i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        sampler->order_epoch = epoch;
    }
    return order[sample % sampler->n];
}

int sampler_crop(NstSampler *sampler, int64_t sample, NstImage *crop, NstError *err)
{
    NstRandom random = random_for(sampler->seed, FOR_CROP, (uint64_t)sample);
    const int index = picture_of(sampler, sample);
    NstImage picture = {0};

    int code = sampler->source(sampler->opaque, index, &picture, err);
    if (code == NST_OK && (!picture.data || picture.width < 1 || picture.height < 1))
        code = fail(err, NST_EINVAL, "content picture %d is empty", index);
    if (code == NST_OK) {
        const double part = SMALLEST_CROP + (LARGEST_CROP - SMALLEST_CROP) * (double)random_uniform(&random);
        NstBox box = {.w = part * min_int(picture.width, picture.height)};
        box.h = box.w;
        box.x = (double)random_uniform(&random) * (picture.width - box.w);
        box.y = (double)random_uniform(&random) * (picture.height - box.h);
        code = image_resample(&picture, &box, crop, err);
        if (random_below(&random, 2))
            image_mirror(crop);
    }
    nst_image_free(&picture);
    return code;
}
