/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <nst/nst.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *nst_version(void)
{
    return TEXT(NST_VERSION_MAJOR) "." TEXT(NST_VERSION_MINOR) "." TEXT(NST_VERSION_PATCH);
}

const char *nst_error_name(int code)
{
    switch (code) {
    case NST_OK:
        return "success";
    case NST_ENOMEM:
        return "out of memory";
    case NST_EINVAL:
        return "invalid argument";
    case NST_EIO:
        return "input or output error";
    case NST_EFORMAT:
        return "malformed file";
    case NST_EUNSUPPORTED:
        return "not supported";
    case NST_ETOOLARGE:
        return "too large";
    case NST_ENOTFINITE:
        return "not finite";
    case NST_ECANCELLED:
        return "cancelled";
    case NST_ENOTFOUND:
        return "not found";
    default:
        return "unknown error";
    }
}
