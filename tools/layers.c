/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layers.h"

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "util.h"

void layers_join(const char *const *list, char text[LAYERS_TEXT])
{
    size_t used = 0;
    text[0] = 0;
    for (; *list && used < LAYERS_TEXT; list++)
        used += (size_t)snprintf(text + used, LAYERS_TEXT - used, "%s%s", used ? "," : "", *list);
}

int layers_split(const char *command, const char *option, const char *text, const char *list[NST_MAX_LAYERS],
                 char **copy)
{
    int n = 0;
    *copy = string_copy(text);
    if (!*copy)
        return usage_error(command, "out of memory");
    memset(list, 0, NST_MAX_LAYERS * sizeof(*list));
    for (char *rest = *copy, *layer; (layer = strsep(&rest, ","));) {
        if (!*layer || n == NST_MAX_LAYERS - 1)
            return usage_error(command, "--%s %s: 1 to %d names separated by commas expected", option, text,
                               NST_MAX_LAYERS - 1);
        list[n++] = layer;
    }
    return OPTIONS_RUN;
}
