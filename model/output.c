/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static int fail_write(NstError *err)
{
    return fail(err, NST_EIO, "could not be written: %s", strerror(errno));
}

/* Another process may write the same file, so a name that is taken is left alone. */
static int create(NstOutput *output, size_t room)
{
    int fd = -1;
    for (int attempt = 0; fd < 0 && attempt < 1000; attempt++) {
        snprintf(output->temporary, room, "%s.%ld-%d.tmp", output->path, (long)getpid(), attempt);
        fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

int output_open(NstOutput *output, const char *path, NstError *err)
{
    size_t room = strlen(path) + 48;
    *output = (NstOutput){.path = path, .temporary = malloc(room)};
    if (!output->temporary)
        return fail(err, NST_ENOMEM, "no memory for a file name");
    int fd = create(output, room);
    output->file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (output->file)
        return NST_OK;
    int code = fail_write(err);
    if (fd >= 0) {
        close(fd);
        unlink(output->temporary);
    }
    free(output->temporary);
    return code;
}

int output_write(NstOutput *output, const void *data, size_t size, NstError *err)
{
    return fwrite(data, 1, size, output->file) == size ? NST_OK : fail_write(err);
}

int output_close(NstOutput *output, int code, NstError *err)
{
    if (code == NST_OK && (fflush(output->file) || fsync(fileno(output->file)) < 0))
        code = fail_write(err);
    if (fclose(output->file) && code == NST_OK)
        code = fail_write(err);
    if (code == NST_OK && rename(output->temporary, output->path) < 0)
        code = fail_write(err);
    if (code < 0)
        unlink(output->temporary);
    free(output->temporary);
    return code;
}
