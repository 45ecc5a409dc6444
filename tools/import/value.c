/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Makes room for one entry more. */
static void *grow(void *entries, int n, int *room, size_t size)
{
    if (n < *room)
        return entries;
    const int wanted = *room ? 2 * *room : 8;
    void *grown = realloc(entries, (size_t)wanted * size);
    if (grown)
        *room = wanted;
    return grown;
}

int values_add(Values *values, ValueType type, NstError *err)
{
    if (values->n >= MAX_VALUES)
        return fail(err, NST_ETOOLARGE, "at most %d objects expected, more found", MAX_VALUES);
    Value *all = grow(values->all, values->n, &values->room, sizeof(*all));
    if (!all)
        return fail(err, NST_ENOMEM, "no memory for %d objects", values->n + 1);
    values->all = all;
    all[values->n] = (Value){.type = type};
    return values->n++;
}

int values_add_number(Values *values, ValueType type, double number, NstError *err)
{
    const int index = values_add(values, type, err);
    if (index >= 0)
        values->all[index].number = number;
    return index;
}

int values_add_text(Values *values, ValueType type, const void *text, size_t length, NstError *err)
{
    const int index = values_add(values, type, err);
    if (index >= 0) {
        values->all[index].text = text;
        values->all[index].length = length;
    }
    return index;
}

int values_append(Values *values, int to, int item, NstError *err)
{
    Value *value = &values->all[to];
    if (value->n >= 2 * MAX_VALUES)
        return fail(err, NST_ETOOLARGE, "at most %d items expected, more found", 2 * MAX_VALUES);
    int *items = grow(value->items, value->n, &value->room, sizeof(*items));
    if (!items)
        return fail(err, NST_ENOMEM, "no memory for %d items", value->n + 1);
    value->items = items;
    items[value->n++] = item;
    return NST_OK;
}

void values_free(Values *values)
{
    for (int i = 0; i < values->n; i++)
        free(values->all[i].items);
    free(values->all);
    *values = (Values){0};
}

bool value_is_text(const Value *value, const char *text)
{
    const size_t length = strlen(text);
    return value && value->text && value->length == length && !memcmp(value->text, text, length);
}

bool value_integer(const Value *value, long long low, long long high, long long *integer)
{
    if (!value || value->type != VALUE_NUMBER || !(value->number >= (double)low && value->number <= (double)high) ||
        value->number != floor(value->number))
        return false;
    *integer = (long long)value->number;
    return true;
}

const Value *value_get(const Values *values, const Value *dict, const char *key)
{
    if (!dict || dict->type != VALUE_DICT)
        return NULL;
    for (int i = 0; i + 1 < dict->n; i += 2)
        if (value_is_text(&values->all[dict->items[i]], key))
            return &values->all[dict->items[i + 1]];
    return NULL;
}

const Value *value_item(const Values *values, const Value *list, int i)
{
    return list && list->type != VALUE_DICT && i < list->n ? &values->all[list->items[i]] : NULL;
}
