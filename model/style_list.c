/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which styles there are by name. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nst/model.h>

#include "util.h"

typedef struct List {
    char **names;
    int n;
} List;

void nst_style_list_free(char ***names, int n)
{
    for (int i = 0; i < n; i++)
        free((*names)[i]);
    free(*names);
    *names = NULL;
}

/* name: that of the file */
static int add(List *list, const char *name, NstError *err)
{
    const size_t length = strlen(name);
    if (length <= 4 || strcmp(name + length - 4, ".nsw") || name[0] == '.')
        return NST_OK;
    char **names = realloc(list->names, ((size_t)list->n + 1) * sizeof(*names));
    if (names)
        list->names = names;
    char *copy = names ? strndup(name, length - 4) : NULL;
    if (!copy)
        return fail(err, NST_ENOMEM, "no memory for the names of styles");
    list->names[list->n++] = copy;
    return NST_OK;
}

/* A folder that cannot be read has no styles: nst_style_find finds none there either. */
static int add_folder(List *list, const char *folder, size_t length, NstError *err)
{
    char *path = strndup(folder, length);
    if (!path)
        return fail(err, NST_ENOMEM, "no memory for a path");
    DIR *entries = length ? opendir(path) : NULL;
    const struct dirent *entry;
    int code = NST_OK;
    free(path);
    while (entries && code == NST_OK && (entry = readdir(entries)))
        code = add(list, entry->d_name, err);
    if (entries)
        closedir(entries);
    return code;
}

static int add_folders(List *list, const char *folders, NstError *err)
{
    while (*folders) {
        const size_t length = strcspn(folders, ":");
        NST_TRY(add_folder(list, folders, length, err));
        folders += length + (folders[length] == ':');
    }
    return NST_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In order; a name that stands in two folders once */
static void tidy(List *list)
{
    int n = 0;
    if (list->n)
        qsort(list->names, (size_t)list->n, sizeof(*list->names), by_bytes);
    for (int i = 0; i < list->n; i++)
        if (n && !strcmp(list->names[n - 1], list->names[i]))
            free(list->names[i]);
        else
            list->names[n++] = list->names[i];
    list->n = n;
}

int nst_style_list(char ***names, int *n, NstError *err)
{
    const char *folders = getenv("NST_PATH");
    List list = {0};
    int code = add_folders(&list, folders ? folders : "", err);
    if (code == NST_OK)
        code = add_folders(&list, NST_DATADIR, err);
    tidy(&list);
    if (code < 0)
        nst_style_list_free(&list.names, list.n);
    *names = list.names;
    *n = code < 0 ? 0 : list.n;
    return code;
}
