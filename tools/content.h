/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_CONTENT_H
#define NST_TOOLS_CONTENT_H

#include <nst/train.h>

#include "media.h"
#include "options.h"

/* The content pictures of a training run: found at the start, decoded when asked for, kept in memory up to a bound. */
typedef struct ContentItem {
    char *path;
    double seconds; /* of the frame, in a video */
    int source_side; /* the short side before it is scaled, pixels */
    bool unfit;      /* it could not be decoded */
    Bitmap bitmap;  /* scaled; no data: not kept */
} ContentItem;

typedef struct Content {
    int n;
    ContentItem *items;
    int n_skipped;         /* files in folders that are neither picture nor video */
    int short_side;        /* that pictures are scaled to */
    size_t room;           /* bytes that may still be kept */
} Content;

/* Pictures whose own short side has fewer pixels */
int content_count_below(const Content *content, int side);

/*
 * Looks through folders (not those within them), pictures and videos, in the order given, folders by name. A video
 * gives `frames` frames at even spacing. Fails when nothing is found, and for a file that was named and cannot be read.
 */
int content_open(Content *content, const TextList *paths, int frames, int short_side, size_t room, NstError *err);
void content_close(Content *content);

/*
 * An NstContentSource; opaque is the Content. In place of a picture that cannot be decoded (which is said once on stderr)
 * the next that can is given.
 */
int content_picture(void *opaque, int index, NstImage *image, NstError *err);

#endif
