/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_SAMPLER_H
#define NST_MODEL_SAMPLER_H

#include <nst/train.h>

#include "optim.h"

/*
 * Training samples: square crops of the content pictures. Everything about a sample follows from the seed and its
 * number, so that no state has to be kept from one to the next.
 */
typedef struct NstSampler {
    NstContentSource source;
    void *opaque;
    int n;          /* pictures */
    uint64_t seed;
    int *order;     /* of the pictures in epoch order_epoch; allocated by sampler_open */
    int64_t order_epoch;
} NstSampler;

/* What random numbers are for: another generator for each purpose and number. Checkpoints hang on the order here. */
typedef enum NstPurpose { FOR_WEIGHTS, FOR_ORDER, FOR_CROP, FOR_MOTION, FOR_COLOUR } NstPurpose;
NstRandom random_for(uint64_t seed, NstPurpose purpose, uint64_t number);

int sampler_open(NstSampler *sampler, NstContentSource source, void *opaque, int n, uint64_t seed, NstError *err);
void sampler_close(NstSampler *sampler);

/*
 * Fills `crop`, of the size it has, with sample number `sample`: a square of a picture, mirrored half of the time. Each
 * epoch goes through all pictures in an order of its own.
 */
int sampler_crop(NstSampler *sampler, int64_t sample, NstImage *crop, NstError *err);

#endif
