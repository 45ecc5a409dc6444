/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_REDUCE_H
#define NST_MODEL_REDUCE_H

/* Means over areas: what sample i of a few covers of a row or column of many: all from `first` to `last`. */
typedef struct NstCover {
    int first, last;
    float first_part, last_part; /* of these two a part; the first one's where they are the same */
} NstCover;

NstCover reduce_cover(int i, int n, int of);

/* The part of sample k, first to last, that is covered. */
static inline float reduce_part(const NstCover *cover, int k)
{
    return k == cover->first ? cover->first_part : k == cover->last ? cover->last_part : 1;
}

/* to[i] = factor * sum of what cover i of n covers of `from` */
void reduce_row(float *to, int n, const float *from, const NstCover *covers, float factor);

#endif
