/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_ERROR_H
#define NST_ERROR_H

/*
 * Errors of libnst.
 *
 * Every function that can fail returns NST_OK (0) or one of the negative codes below, and takes a caller-owned
 * NstError as its last argument. On failure the code and one message (what, where, what was expected) are written
 * there; on success it is left alone. NULL is allowed where the message is not wanted. The library keeps no error
 * state of its own, so two threads that use two NstError never meet.
 */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define NST_API __declspec(dllexport)
#else
#define NST_API __attribute__((visibility("default")))
#endif

enum {
    NST_OK = 0,
    NST_ENOMEM = -1,       /* an allocation failed */
    NST_EINVAL = -2,       /* an argument or option is out of its range */
    NST_EIO = -3,          /* a file could not be opened, read, written or renamed */
    NST_EFORMAT = -4,      /* a file's content is not what its format demands */
    NST_EUNSUPPORTED = -5, /* valid, but nothing here can do it (unknown op, version, pixel layout) */
    NST_ETOOLARGE = -6,    /* a limit on size or memory would be exceeded */
    NST_ENOTFINITE = -7,   /* a loss, gradient or weight became NaN or infinite */
    NST_ECANCELLED = -8,   /* a callback asked to stop */
    NST_ENOTFOUND = -9     /* no style, layer or tensor of that name */
};

#define NST_ERROR_MESSAGE_SIZE 512

typedef struct NstError {
    int code;                             /* NST_OK or one of the codes above */
    char message[NST_ERROR_MESSAGE_SIZE]; /* one line of UTF-8, without a newline at its end */
} NstError;

/* A short name of a code, such as "invalid argument". Never NULL. */
NST_API const char *nst_error_name(int code);

#ifdef __cplusplus
}
#endif

#endif
