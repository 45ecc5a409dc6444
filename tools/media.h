/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_MEDIA_H
#define NST_TOOLS_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nst/stylize.h>
#include <nst/train.h>

/* Pictures and frames of videos, read and written with FFmpeg's libraries. Errors name the file. */

/* A picture of 8-bit samples, packed: 1 channel gray, 2 gray and alpha, 3 R G B, 4 R G B alpha. */
typedef struct Bitmap {
    int width, height, channels;
    uint8_t *data; /* width * height * channels bytes */
} Bitmap;

int bitmap_alloc(Bitmap *bitmap, int width, int height, int channels, NstError *err);
void bitmap_free(Bitmap *bitmap); /* frees data and zeroes the struct */

/* The bitmap as the stylizer takes it: full range. It points into the bitmap. */
NstPicture bitmap_picture(const Bitmap *bitmap);

/* RGB of 0 to 1; of a bitmap with 3 channels, or 4, less alpha. */
int bitmap_to_image(const Bitmap *bitmap, NstImage *image, NstError *err);

/* The reverse, rounded, allocated anew: 3 channels, or 4 with the alpha of another bitmap that has 4. NULL allowed. */
int bitmap_from_image(Bitmap *bitmap, const NstImage *image, const Bitmap *alpha, NstError *err);

typedef struct MediaInfo {
    bool still;     /* a picture, not a video */
    double seconds; /* length of a video; 0 where it is not known */
    int width, height; /* in pixels, before any turning */
} MediaInfo;

/* Whether FFmpeg can read the file, and what it is. */
int media_probe(const char *path, MediaInfo *info, NstError *err);

/* What to make of a picture that is read. All zero: its own size and channels. */
typedef struct MediaWish {
    bool rgb;       /* 3 channels, whatever the file has; what is transparent is laid on white */
    bool alpha;     /* with rgb: not so, but a fourth channel, where the file has alpha */
    bool whole;     /* a damaged picture is an error, rather than what of it could be decoded */
    bool even;      /* sides are multiples of 2 */
    int short_side; /* scaled so that its short side has this many pixels; 0: not */
    int long_max;   /* made smaller where its long side has more pixels; 0: not */
} MediaWish;

/* A picture, or the frame of a video that is shown `seconds` after its start. Turned as its EXIF orientation says. */
int media_read(Bitmap *bitmap, const char *path, double seconds, const MediaWish *wish, NstError *err);

/* The same as RGB of 0 to 1; wish->rgb and wish->whole are taken as set. */
int media_read_image(NstImage *image, const char *path, const MediaWish *wish, NstError *err);

/*
 * The frames of a video, one after the other. A path like frames/%04d.png means numbered pictures, from 0 to 4 on,
 * shown at 25 a second.
 */
typedef struct MediaVideo MediaVideo;

int media_video_open(MediaVideo **video, const char *path, NstError *err);
void media_video_close(MediaVideo **video); /* NULL allowed */

/* The next frame; *bitmap is allocated anew, and its data NULL after the last one. */
int media_video_next(MediaVideo *video, const MediaWish *wish, Bitmap *bitmap, NstError *err);

double media_video_rate(const MediaVideo *video); /* frames per second; 25 where the file does not say it */
int64_t media_video_length(const MediaVideo *video); /* in frames, as the file says; 0: it does not */

/*
 * Writes frames as a video, or, where the path has a number like %04d in it, as pictures from 1 on. A video has the
 * name's container (mp4, mkv, mov) and H.264, or MPEG-4 part 2 where FFmpeg's libraries have no encoder for that. It has no
 * sound. A frame is shown when the frame is that was read last from `like`.
 */
typedef struct MediaWriter MediaWriter;

int media_writer_open(MediaWriter **writer, const char *path, const MediaVideo *like, int width, int height,
                      NstError *err);
int media_writer_add(MediaWriter *writer, const Bitmap *bitmap, NstError *err); /* 3 channels */

/* code < 0: something failed before; a video is dropped, and code returned. So is a video without frames. */
int media_writer_close(MediaWriter **writer, int code, NstError *err);

/* NST_OK where a writer knows what to do with such a name */
int media_video_writable(const char *path, NstError *err);

/* The place of a number in a name: "%d" or "%04d"; false where there is none. */
typedef struct MediaNumber {
    int at, length, digits;
} MediaNumber;
bool media_number(const char *path, MediaNumber *number);

struct AVStream;
const struct AVStream *media_video_stream(const MediaVideo *video);
int64_t media_video_time(const MediaVideo *video); /* of the frame read last, in the stream's ticks */

/*
 * Writes a picture in the format that the name's end asks for (png, jpg, webp, ppm, pam), to a temporary file beside it
 * that is then renamed.
 */
int media_write(const Bitmap *bitmap, const char *path, NstError *err);

/* The picture as a JPEG in a data: URI, malloc'ed, for a page that needs no other file. */
int media_data_uri(const Bitmap *bitmap, char **uri, NstError *err);

/* NST_OK where media_write knows the format of such a name; *keeps_alpha: whether it can hold alpha. NULL allowed. */
int media_writable(const char *path, bool *keeps_alpha, NstError *err);

/* FFmpeg's libraries print nothing after this; media_* put their words into the error message. */
void media_quiet(void);

#endif
