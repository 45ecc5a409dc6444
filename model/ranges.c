/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ranges.h"

#include "util.h"

int check_integers(const NstIntRange *ranges, size_t n, NstError *err)
{
    for (const NstIntRange *range = ranges; range < ranges + n; range++)
        if (range->value < range->low || range->value > range->high)
            return fail(err, NST_EINVAL, "%s: %d; %d to %d expected", range->name, range->value, range->low,
                        range->high);
    return NST_OK;
}

int check_floats(const NstFloatRange *ranges, size_t n, NstError *err)
{
    for (const NstFloatRange *range = ranges; range < ranges + n; range++)
        if (!(range->value >= range->low && range->value <= range->high))
            return fail(err, NST_EINVAL, "%s: %g; %g to %g expected", range->name, (double)range->value,
                        (double)range->low, (double)range->high);
    return NST_OK;
}
