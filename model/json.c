/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static size_t utf8_announced(unsigned char first)
{
    if (first < 0x80)
        return 1;
    return first >= 0xf8 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
}

/* Bytes of the UTF-8 character at s, of which n remain; 0: invalid (overlong, surrogate, beyond U+10FFFF too). */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = utf8_announced(s[0]);
    if (length < 2 || length > n)
        return length == 1;
    uint32_t code = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return length;
}

bool json_is_text(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0, step; i < length; i += step) {
        step = utf8_length(s + i, length - i);
        if (!step || s[i] < 0x20)
            return false;
    }
    return true;
}

/* cJSON itself takes control characters for white space, lets any byte through, and allocates for every value. */
static int check_text(const char *text, size_t length, NstError *err)
{
    const unsigned char *s = (const unsigned char *)text;
    int values = 0;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length(s + i, length - i);
        if (!step)
            return fail(err, NST_EFORMAT, "UTF-8 expected, byte 0x%02x found at %zu", s[i], i);
        if (s[i] < 0x20 && s[i] != '\n' && s[i] != '\t' && s[i] != '\r')
            return fail(err, NST_EFORMAT, "JSON expected, control character 0x%02x found at %zu", s[i], i);
        values += s[i] == ',' || s[i] == '[' || s[i] == '{';
        if (values > NST_MAX_JSON_VALUES)
            return fail(err, NST_ETOOLARGE, "JSON of at most %d values expected, more found", NST_MAX_JSON_VALUES);
        i += step;
    }
    return NST_OK;
}

int json_parse(cJSON **root, const char *text, size_t length, NstError *err)
{
    const char *end = text;
    *root = NULL;
    NST_TRY(check_text(text, length, err));
    *root = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    if (!*root)
        return fail(err, NST_EFORMAT, "JSON (at most %d levels deep) expected, not so at byte %zu", CJSON_NESTING_LIMIT,
                    (size_t)(end - text));
    for (size_t i = (size_t)(end - text); i < length; i++)
        if (!strchr(" \t\r\n", text[i])) {
            cJSON_Delete(*root);
            *root = NULL;
            return fail(err, NST_EFORMAT, "one JSON value expected, more found at byte %zu", i);
        }
    return NST_OK;
}

/* What an item is, for "... expected, %s found". */
static const char *json_text(const cJSON *item, char text[64])
{
    if (!item)
        return "nothing";
    if (cJSON_IsString(item))
        snprintf(text, 64, "\"%.40s\"", item->valuestring);
    else if (cJSON_IsNumber(item))
        snprintf(text, 64, "%.17g", item->valuedouble);
    else if (cJSON_IsArray(item))
        return "an array";
    else
        return cJSON_IsObject(item) ? "an object" : cJSON_IsBool(item) ? "a boolean" : "null";
    return text;
}

int json_integer(const cJSON *item, const char *what, int64_t low, int64_t high, int64_t *value, NstError *err)
{
    char text[64];
    if (cJSON_IsNumber(item)) {
        double number = item->valuedouble;
        if (number >= (double)low && number <= (double)high && number == floor(number)) {
            *value = (int64_t)number;
            return NST_OK;
        }
    }
    return fail(err, NST_EFORMAT, "%s: an integer from %lld to %lld expected, %s found", what, (long long)low,
                (long long)high, json_text(item, text));
}

int json_number(const cJSON *item, const char *what, double low, double high, double *value, NstError *err)
{
    char text[64];
    if (cJSON_IsNumber(item) && item->valuedouble >= low && item->valuedouble <= high) {
        *value = item->valuedouble;
        return NST_OK;
    }
    return fail(err, NST_EFORMAT, "%s: a number from %g to %g expected, %s found", what, low, high,
                json_text(item, text));
}

int json_string(const cJSON *item, const char *what, const char **value, NstError *err)
{
    char text[64];
    if (cJSON_IsString(item)) {
        *value = item->valuestring;
        return NST_OK;
    }
    return fail(err, NST_EFORMAT, "%s: a string expected, %s found", what, json_text(item, text));
}
