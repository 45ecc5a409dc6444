/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout.h"

#include <stdbool.h>
#include <stdlib.h>

#include "util.h"

int layout_add(NstLayout *layout, float **target, size_t size, int first, int last, NstError *err)
{
    if (size == 0)
        return NST_OK;
    if (layout->n == layout->room) {
        int room = layout->room ? 2 * layout->room : 64;
        NstInterval *grown = realloc(layout->intervals, (size_t)room * sizeof(*grown));
        if (!grown)
            return fail(err, NST_ENOMEM, "out of memory");
        layout->intervals = grown;
        layout->room = room;
    }
    layout->intervals[layout->n++] = (NstInterval){target, align_floats(size), 0, first, last};
    return NST_OK;
}

/* Largest first; buffers of one size in the order of their life. */
static int by_size(const void *a, const void *b)
{
    const NstInterval *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

/* The lowest offset where interval i meets no earlier one that lives at the same time. */
static size_t layout_place(const NstLayout *layout, int i)
{
    const NstInterval *it = &layout->intervals[i];
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int j = 0; j < i; j++) {
            const NstInterval *other = &layout->intervals[j];
            bool together = it->first <= other->last && other->first <= it->last;
            if (together && offset < other->offset + other->size && other->offset < offset + it->size) {
                offset = other->offset + other->size;
                moved = true;
            }
        }
    }
    return offset;
}

void layout_solve(NstLayout *layout)
{
    if (layout->n)
        qsort(layout->intervals, (size_t)layout->n, sizeof(*layout->intervals), by_size);
    for (int i = 0; i < layout->n; i++) {
        NstInterval *it = &layout->intervals[i];
        it->offset = layout_place(layout, i);
        if (it->offset + it->size > layout->total)
            layout->total = it->offset + it->size;
    }
}

void layout_assign(const NstLayout *layout, float *arena)
{
    for (int i = 0; i < layout->n; i++)
        *layout->intervals[i].target = arena + layout->intervals[i].offset;
}

void layout_free(NstLayout *layout)
{
    free(layout->intervals);
    *layout = (NstLayout){0};
}
