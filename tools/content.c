/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "content.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

static int add_item(Content *content, const char *path, double seconds, int side, NstError *err)
{
    ContentItem *items = realloc(content->items, ((size_t)content->n + 1) * sizeof(*items));
    if (items)
        content->items = items;
    char *copy = items ? string_copy(path) : NULL;
    if (!copy)
        return fail(err, NST_ENOMEM, "%s: out of memory", path);
    items[content->n++] = (ContentItem){.path = copy, .seconds = seconds, .source_side = side};
    return NST_OK;
}

static int add_file(Content *content, const char *path, int frames, NstError *err)
{
    MediaInfo info;
    NST_TRY(media_probe(path, &info, err));
    const int side = min_int(info.width, info.height);
    if (info.still || info.seconds <= 0)
        return add_item(content, path, 0, side, err);
    for (int i = 0; i < frames; i++)
        NST_TRY(add_item(content, path, info.seconds * (i + 0.5) / frames, side, err));
    return NST_OK;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* By bytes, so that the order does not depend on the locale */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_entry(Content *content, const char *folder, const char *name, int frames, NstError *err)
{
    struct stat status;
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = malloc(room);
    if (!path)
        return fail(err, NST_ENOMEM, "%s: out of memory", folder);
    snprintf(path, room, "%s/%s", folder, name);
    int code = NST_OK;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
        code = add_file(content, path, frames, err);
    free(path);
    if (code == NST_EFORMAT) {
        content->n_skipped++;
        return NST_OK;
    }
    return code;
}

static int add_folder(Content *content, const char *folder, int frames, NstError *err)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_visible, by_name);
    int code = NST_OK;
    if (n < 0)
        return fail(err, NST_EIO, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (code == NST_OK)
            code = add_entry(content, folder, entries[i]->d_name, frames, err);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int add_paths(Content *content, const TextList *paths, int frames, NstError *err)
{
    struct stat status;
    for (int i = 0; i < paths->n; i++) {
        const char *path = paths->items[i];
        if (stat(path, &status) < 0)
            return fail(err, NST_EIO, "%s: %s", path, strerror(errno));
        int before = content->n;
        if (S_ISDIR(status.st_mode))
            NST_TRY(add_folder(content, path, frames, err));
        else
            NST_TRY(add_file(content, path, frames, err));
        if (content->n == before)
            return fail(err, NST_ENOTFOUND, "%s: no picture and no video in this folder", path);
    }
    return NST_OK;
}

int content_open(Content *content, const TextList *paths, int frames, int short_side, size_t room, NstError *err)
{
    *content = (Content){.short_side = short_side, .room = room};
    int code = add_paths(content, paths, frames, err);
    if (code < 0)
        content_close(content);
    return code;
}

void content_close(Content *content)
{
    for (int i = 0; i < content->n; i++) {
        free(content->items[i].path);
        bitmap_free(&content->items[i].bitmap);
    }
    free(content->items);
    *content = (Content){0};
}

int content_count_below(const Content *content, int side)
{
    int n = 0;
    for (int i = 0; i < content->n; i++)
        n += content->items[i].source_side < side;
    return n;
}

static int give(Content *content, ContentItem *item, NstImage *image, NstError *err)
{
    Bitmap bitmap = item->bitmap;
    if (!bitmap.data) {
        MediaWish wish = {.rgb = true, .short_side = content->short_side, .long_max = 8 * content->short_side};
        NST_TRY(media_read(&bitmap, item->path, item->seconds, &wish, err));
    }
    int code = bitmap_to_image(&bitmap, image, err);
    size_t bytes = (size_t)bitmap.width * (size_t)bitmap.height * 3;
    if (item->bitmap.data)
        return code;
    if (bytes <= content->room) {
        content->room -= bytes;
        item->bitmap = bitmap;
    } else {
        bitmap_free(&bitmap);
    }
    return code;
}

/* A file that is no use, rather than a disk that fails */
static bool is_unfit(int code)
{
    return code == NST_EFORMAT || code == NST_EUNSUPPORTED || code == NST_ETOOLARGE;
}

int content_picture(void *opaque, int index, NstImage *image, NstError *err)
{
    Content *content = opaque;
    NstError reason;
    for (int i = 0; i < content->n; i++) {
        ContentItem *item = &content->items[(index + i) % content->n];
        if (item->unfit)
            continue;
        const int code = give(content, item, image, &reason);
        if (!is_unfit(code))
            return code < 0 ? fail(err, code, "%s", reason.message) : code;
        item->unfit = true;
        fprintf(stderr, "nst: warning: %s; another picture takes its place\n", reason.message);
    }
    return fail(err, NST_EFORMAT, "none of the %d content pictures can be decoded", content->n);
}
