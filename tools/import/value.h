/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_VALUE_H
#define NST_TOOLS_IMPORT_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <nst/error.h>

/*
 * The objects that a pickle or a .t7 file holds, as data: numbers, texts, lists, tables, and calls, which stand for
 * what the program that wrote the file would have made of their arguments. Objects refer to each other by index, and
 * may do so in circles.
 */
typedef enum ValueType {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_DICT,   /* items: key, value, key, value ... */
    VALUE_GLOBAL, /* text: the name of a function or class */
    VALUE_CALL    /* text: its name; items: arguments */
} ValueType;

typedef struct Value {
    ValueType type;
    double number;
    const char *text; /* in the file: no 0 at its end */
    size_t length;
    int *items;
    int n, room;
} Value;

enum {
    MAX_VALUES = 1 << 20,
    MAX_VALUE_DEPTH = 100 /* of objects within objects */
};

typedef struct Values {
    Value *all;
    int n, room;
} Values;

/* Index of a new value, or an error. */
int values_add(Values *values, ValueType type, NstError *err);
int values_add_number(Values *values, ValueType type, double number, NstError *err);
int values_add_text(Values *values, ValueType type, const void *text, size_t length, NstError *err);

/* Appends value `item` to the items of value `to`. */
int values_append(Values *values, int to, int item, NstError *err);

void values_free(Values *values);

bool value_is_text(const Value *value, const char *text);

/* An integer of low to high; false where the value is none. */
bool value_integer(const Value *value, long long low, long long high, long long *integer);

/* The value of a text key of a table, or NULL. */
const Value *value_get(const Values *values, const Value *dict, const char *key);

/* Item i of a list or call; NULL where there is none. */
const Value *value_item(const Values *values, const Value *list, int i);

#endif
