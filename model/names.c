/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

int name_copy(char to[NST_MAX_NAME], const char *name, const char *what, NstError *err)
{
    size_t length = strlen(name);
    if (length < 1 || length >= NST_MAX_NAME)
        return fail(err, NST_EFORMAT, "%s \"%.40s\": a name of 1 to %d bytes expected, %zu found", what, name,
                    NST_MAX_NAME - 1, length);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return fail(err, NST_EFORMAT, "%s name: printable characters expected, byte 0x%02x found at %zu", what,
                        (unsigned)name[i], i);
    memcpy(to, name, length + 1);
    return NST_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int names_check_unique(const char *first, size_t step, int n, const char *what, NstError *err)
{
    int code = NST_OK;
    if (n < 2)
        return code;
    const char **names = malloc((size_t)n * sizeof(*names));
    if (!names)
        return fail(err, NST_ENOMEM, "no memory for %d names", n);
    for (int i = 0; i < n; i++)
        names[i] = first + (size_t)i * step;
    qsort(names, (size_t)n, sizeof(*names), compare_names);
    for (int i = 1; i < n && code == NST_OK; i++)
        if (!strcmp(names[i - 1], names[i]))
            code = fail(err, NST_EFORMAT, "%s \"%s\": unique names expected, two of this found", what, names[i]);
    free(names);
    return code;
}
