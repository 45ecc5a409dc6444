/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_JSON_H
#define NST_MODEL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include <nst/error.h>

/* cJSON with the checks that texts of unknown origin need. */

enum { NST_MAX_JSON_VALUES = 1 << 20 }; /* commas and opening brackets of a text, which bound its memory */

/* Parses one JSON text: UTF-8, no raw control characters, nothing after the value. Free *root with cJSON_Delete. */
int json_parse(cJSON **root, const char *text, size_t length, NstError *err);

/* Integers (a fraction is refused) and finite numbers; `what` names the value in messages. */
int json_integer(const cJSON *item, const char *what, int64_t low, int64_t high, int64_t *value, NstError *err);
int json_number(const cJSON *item, const char *what, double low, double high, double *value, NstError *err);

/* Whether these bytes can be the value of a string: UTF-8 without control characters */
bool json_is_text(const char *text, size_t length);

/* The text of a string; other types are refused. */
int json_string(const cJSON *item, const char *what, const char **value, NstError *err);

#endif
