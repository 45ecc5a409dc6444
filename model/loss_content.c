/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "backward.h"
#include "kernels/dsp.h"
#include "loss_internal.h"
#include "util.h"

int content_create(NstLoss *loss, NstError *err)
{
    for (int i = 0; i < loss->n_content; i++) {
        NstContentTerm *term = &loss->content[i];
        term->shape = tiles_shape(loss->level[loss->content_level].tiles, loss->content_nodes[i]);
        term->target = aligned_calloc(value_count(term->shape), sizeof(float));
        if (!term->target)
            return fail(err, NST_ENOMEM, "no memory for the loss");
    }
    return NST_OK;
}

/* Mean over the channels of the variance over the plane, not less than a share of the mean square */
static double spatial_variance(const NstLoss *loss, const NstContentTerm *term)
{
    const int n = term->shape.h * term->shape.w, c = term->shape.c;
    double *variance = loss->channel_sum, *square = variance + c, v = 0, s = 0;
    NstDsp dsp;
    dsp_init(&dsp, loss->compute.cpu);

#pragma omp parallel for num_threads(loss->compute.threads)
    for (int k = 0; k < c; k++) {
        const float *f = term->target + (ptrdiff_t)k * n;
        const double mean = dsp.sum(f, (size_t)n) / n;
        variance[k] = dsp.sum_sq_dev(f, (float)mean, (size_t)n) / n;
        square[k] = variance[k] + mean * mean;
    }
    for (int k = 0; k < c; k++) {
        v += variance[k] / c;
        s += square[k] / c;
    }
    v = fmax(v, NST_MIN_VARIANCE * s);
    return v > 0 ? v : 1;
}

/* Rows of one channel of a part: in the tile's value, and in the whole picture's */
static ptrdiff_t row_in_tile(const NstTilePart *part, NstShape tile, int channel, int row)
{
    return ((ptrdiff_t)channel * tile.h + part->at_y + row) * tile.w + part->at_x;
}

static ptrdiff_t row_in_whole(const NstTilePart *part, NstShape whole, int channel, int row)
{
    return ((ptrdiff_t)channel * whole.h + part->y + row) * whole.w + part->x;
}

static void copy_part(NstContentTerm *term, const NstTilePart *part, NstShape tile, const float *value)
{
    for (int k = 0; k < tile.c; k++)
        for (int row = 0; row < part->h; row++)
            memcpy(term->target + row_in_whole(part, term->shape, k, row), value + row_in_tile(part, tile, k, row),
                   (size_t)part->w * sizeof(float));
}

void loss_set_content(NstLoss *loss, const float *x)
{
    NstTiles *tiles = loss->level[loss->content_level].tiles;
    if (loss->n_content == 0)
        return;
    loss_fill_pyramid(loss, x, loss->content_level);
    for (int t = 0; t < tiles_count(tiles); t++) {
        NstPlan *plan = tiles_forward_for(tiles, t, loss->content_nodes, loss->n_content);
        for (int i = 0; i < loss->n_content; i++) {
            const NstTilePart part = tiles_part(tiles, t, loss->content_nodes[i]);
            copy_part(&loss->content[i], &part, plan_shape(plan, loss->content_nodes[i]),
                      plan_value(plan, loss->content_nodes[i]));
        }
    }
    for (int i = 0; i < loss->n_content; i++)
        loss->content[i].variance = spatial_variance(loss, &loss->content[i]);
}

/* What the sum of squared differences is multiplied by */
static double factor(const NstLoss *loss, const NstContentTerm *term)
{
    switch (loss->formula) {
    case NST_FORMULA_GATYS:
        return 0.5;
    case NST_FORMULA_KERAS:
        return 1;
    case NST_FORMULA_RELATIVE:
        break;
    }
    return 1 / ((double)value_count(term->shape) * term->variance);
}

void content_begin(NstLoss *loss)
{
    for (int i = 0; i < loss->n_content; i++)
        loss->content[i].error = 0;
}

static void add_part(NstLoss *loss, int i, int tile, NstPlan *plan, bool grad)
{
    NstContentTerm *term = &loss->content[i];
    const int node = loss->content_nodes[i];
    const NstTilePart part = tiles_part(loss->level[loss->content_level].tiles, tile, node);
    const NstShape shape = plan_shape(plan, node);
    const float *value = plan_value(plan, node);
    float *seed = grad ? backward_seed(plan, node) : NULL;
    const float scale = (float)(2 * loss->content_weight * loss->content_share[i] * factor(loss, term));

#pragma omp parallel for num_threads(loss->compute.threads)
    for (int k = 0; k < shape.c; k++) {
        double channel = 0;
        for (int row = 0; row < part.h; row++) {
            const ptrdiff_t at = row_in_tile(&part, shape, k, row);
            const float *f = value + at, *wanted = term->target + row_in_whole(&part, term->shape, k, row);
#pragma omp simd reduction(+ : channel)
            for (int x = 0; x < part.w; x++) {
                const float difference = f[x] - wanted[x];
                channel += (double)difference * difference;
                if (seed)
                    seed[at + x] += scale * difference;
            }
        }
        loss->channel_sum[k] = channel;
    }
    for (int k = 0; k < shape.c; k++)
        term->error += loss->channel_sum[k];
}

void content_collect(NstLoss *loss, int tile, NstPlan *plan, int tap, bool grad)
{
    for (int i = 0; i < loss->n_content; i++)
        if (loss->content_nodes[i] == tap)
            add_part(loss, i, tile, plan, grad);
}

int content_finish(NstLoss *loss, NstLossTerms *terms, NstError *err)
{
    for (int i = 0; i < loss->n_content; i++) {
        const NstContentTerm *term = &loss->content[i];
        const double error = loss->content_share[i] * factor(loss, term) * term->error;
        terms->content_parts[i] = (NstLossPart){term->error / (double)value_count(term->shape), term->variance};
        if (!isfinite(error))
            return fail(err, NST_ENOTFINITE, "content loss of layer %s at level %d is %g", loss->content_names[i],
                        loss->content_level, error);
        terms->content += error;
    }
    return NST_OK;
}
