/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "backward.h"
#include "trainer.h"
#include "util.h"

/*
 * A part, what one crop gives: its gradients of all tensors, one after the other, and then its terms. Parts are added
 * crop by crop, whoever worked them out, so that one rank and many come to the same bits.
 */
enum { TERMS = sizeof(NstTrainTerms) / sizeof(float) };

static bool is_alone(const NstTrainer *trainer)
{
    return trainer->options.ranks.count == 1;
}

static size_t count_weights(const NstTrainer *trainer)
{
    size_t count = 0;
    for (int t = 0; t < trainer->graph.n_tensors; t++)
        count += (size_t)trainer->graph.tensors[t].count;
    return count;
}

NstShare ranks_share(const NstTrainer *trainer)
{
    const NstRanks *ranks = &trainer->options.ranks;
    const int batch = trainer->options.batch;
    return (NstShare){batch * ranks->rank / ranks->count, batch * (ranks->rank + 1) / ranks->count};
}

int ranks_open(NstTrainer *trainer, NstError *err)
{
    const NstShare share = ranks_share(trainer);
    trainer->part = count_weights(trainer) + TERMS;
    trainer->sum = aligned_calloc(trainer->part, sizeof(float));
    trainer->parts = aligned_calloc(is_alone(trainer) ? 1 : (size_t)(share.end - share.first),
                                    trainer->part * sizeof(float));
    return trainer->sum && trainer->parts ? NST_OK : fail(err, NST_ENOMEM, "no memory for the trainer");
}

void ranks_close(NstTrainer *trainer)
{
    aligned_free(trainer->sum);
    aligned_free(trainer->parts);
}

void ranks_keep(NstTrainer *trainer, int crop, const NstTrainTerms *terms)
{
    float *part = trainer->parts;
    if (!is_alone(trainer))
        part += (size_t)(crop - ranks_share(trainer).first) * trainer->part;
    float *to = part;
    for (int t = 0; t < trainer->graph.n_tensors; t++) {
        const size_t count = (size_t)trainer->graph.tensors[t].count;
        memcpy(to, backward_tensor_grad(trainer->plan, t), count * sizeof(float));
        to += count;
    }
    memcpy(to, terms, sizeof(*terms));
    if (!is_alone(trainer))
        return;
    if (crop == 0)
        memcpy(trainer->sum, part, trainer->part * sizeof(float));
    for (size_t i = 0; crop > 0 && i < trainer->part; i++)
        trainer->sum[i] += part[i];
}

int ranks_sum(NstTrainer *trainer, NstTrainTerms *terms, NstError *err)
{
    const NstRanks *ranks = &trainer->options.ranks;
    const NstShare share = ranks_share(trainer);
    if (!is_alone(trainer))
        NST_TRY(ranks->sum(ranks->opaque, trainer->parts, share.end - share.first, trainer->part, trainer->sum, err));
    const float *from = trainer->sum;
    for (int t = 0; t < trainer->graph.n_tensors; t++) {
        const size_t count = (size_t)trainer->graph.tensors[t].count;
        memcpy(backward_tensor_grad(trainer->plan, t), from, count * sizeof(float));
        from += count;
    }
    memcpy(terms, from, sizeof(*terms));
    return NST_OK;
}

int ranks_spread(const NstTrainer *trainer, float *data, size_t n, NstError *err)
{
    const NstRanks *ranks = &trainer->options.ranks;
    if (is_alone(trainer))
        return NST_OK;
    float *mine = malloc(n * sizeof(float));
    if (!mine)
        return fail(err, NST_ENOMEM, "no memory to share %zu numbers with other ranks", n);
    memcpy(mine, data, n * sizeof(float));
    const int code = ranks->sum(ranks->opaque, mine, ranks->rank == 0, n, data, err);
    free(mine);
    return code;
}

int ranks_spread_int(const NstTrainer *trainer, int *number, NstError *err)
{
    float halves[] = {(float)(*number >> 16), (float)(*number & 0xffff)}; /* each a float without loss */
    NST_TRY(ranks_spread(trainer, halves, 2, err));
    *number = (int)halves[0] << 16 | (int)halves[1];
    return NST_OK;
}

enum { MOST_ITEMS = 64, DIGITS = 4 };

/* 64 bits as whole numbers that floats hold, and sums of as many as there may be ranks */
static void put_digits(uint64_t mark, float digits[DIGITS])
{
    for (int i = 0; i < DIGITS; i++)
        digits[i] = (float)(mark >> 16 * i & 0xffff);
}

int ranks_compare(const NstTrainer *trainer, NstError *err)
{
    const NstRanks *ranks = &trainer->options.ranks;
    float mine[MOST_ITEMS][DIGITS] = {{0}}, sum[MOST_ITEMS][DIGITS];
    const cJSON *item = trainer->description->child;
    if (is_alone(trainer))
        return NST_OK;
    for (int i = 0; i < MOST_ITEMS && item; i++, item = item->next) {
        char *value = cJSON_PrintUnformatted(item);
        if (!value)
            return fail(err, NST_ENOMEM, "no memory to compare options");
        put_digits(mark_bytes(MARK_START, value, strlen(value)), mine[i]);
        cJSON_free(value);
    }
    NST_TRY(ranks->sum(ranks->opaque, mine[0], 1, MOST_ITEMS * DIGITS, sum[0], err));
    item = trainer->description->child;
    for (int i = 0; i < MOST_ITEMS && item; i++, item = item->next)
        for (int d = 0; d < DIGITS; d++)
            if (sum[i][d] != (float)ranks->count * mine[i][d])
                return fail(err, NST_EINVAL, "rank %d has another %s than other ranks: the same expected at each",
                            ranks->rank, item->string);
    return NST_OK;
}
