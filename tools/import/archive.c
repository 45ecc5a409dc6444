/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "util.h"

bool archive_is(const void *data, size_t size)
{
    return size >= 4 && !memcmp(data, "PK\3\4", 4);
}

#ifdef NST_WITH_LIBZIP

#include <zip.h>

struct Archive {
    zip_t *zip;
    uint64_t budget; /* bytes that may still be unpacked */
};

enum { MAX_MEMBERS = 65536 };

int archive_open(Archive **archive, const void *data, size_t size, NstError *err)
{
    zip_error_t error;
    *archive = calloc(1, sizeof(**archive));
    if (!*archive)
        return fail(err, NST_ENOMEM, "no memory");
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(data, size, 0, &error);
    if (source)
        (*archive)->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if ((*archive)->zip) {
        (*archive)->budget = ((uint64_t)64 << 20) + 16 * (uint64_t)size;
        return NST_OK;
    }
    zip_source_free(source);
    const int code = fail(err, NST_EFORMAT, "a zip archive expected: %s", zip_error_strerror(&error));
    zip_error_fini(&error);
    free(*archive);
    *archive = NULL;
    return code;
}

void archive_close(Archive *archive)
{
    if (archive)
        zip_discard(archive->zip);
    free(archive);
}

int archive_count(const Archive *archive)
{
    const zip_int64_t n = zip_get_num_entries(archive->zip, 0);
    return n > MAX_MEMBERS ? MAX_MEMBERS : (int)n;
}

const char *archive_name(const Archive *archive, int index)
{
    const char *name = zip_get_name(archive->zip, (zip_uint64_t)index, 0);
    return name ? name : "";
}

int archive_find(const Archive *archive, const char *name)
{
    return (int)zip_name_locate(archive->zip, name, 0);
}

static int read_member(zip_file_t *file, void *bytes, size_t size, NstError *err)
{
    char beyond;
    if (zip_fread(file, bytes, size) != (zip_int64_t)size || zip_fread(file, &beyond, 1) != 0)
        return fail(err, NST_EFORMAT, "%zu bytes expected, which cannot be unpacked: %s", size,
                    zip_file_strerror(file));
    return NST_OK;
}

int archive_read(Archive *archive, int index, void **bytes, size_t *size, NstError *err)
{
    zip_stat_t status;
    *bytes = NULL;
    if (index < 0 || zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &status) < 0 ||
        !(status.valid & ZIP_STAT_SIZE))
        return fail(err, NST_EFORMAT, "a member of the archive expected: %s", zip_strerror(archive->zip));
    if (status.size > archive->budget)
        return fail(err, NST_ETOOLARGE,
                    "member \"%s\": %llu bytes found, out of proportion to the archive (a zip bomb?)",
                    archive_name(archive, index), (unsigned long long)status.size);
    zip_file_t *file = zip_fopen_index(archive->zip, (zip_uint64_t)index, 0);
    if (!file)
        return fail(err, NST_EFORMAT, "member \"%s\": %s", archive_name(archive, index), zip_strerror(archive->zip));
    archive->budget -= status.size;
    *size = (size_t)status.size;
    *bytes = malloc(*size + 1);
    int code = *bytes ? read_member(file, *bytes, *size, err) : fail(err, NST_ENOMEM, "no memory for %zu bytes", *size);
    zip_fclose(file);
    if (code < 0) {
        free(*bytes);
        *bytes = NULL;
        return fail_within(err, code, "member \"%s\"", archive_name(archive, index));
    }
    return NST_OK;
}

#else

int archive_open(Archive **archive, const void *data, size_t size, NstError *err)
{
    (void)data;
    (void)size;
    *archive = NULL;
    return fail(err, NST_EUNSUPPORTED, "a zip archive, which this build cannot read: configure found no libzip");
}

void archive_close(Archive *archive)
{
    (void)archive;
}

int archive_count(const Archive *archive)
{
    (void)archive;
    return 0;
}

const char *archive_name(const Archive *archive, int index)
{
    (void)archive;
    (void)index;
    return "";
}

int archive_find(const Archive *archive, const char *name)
{
    (void)archive;
    (void)name;
    return -1;
}

int archive_read(Archive *archive, int index, void **bytes, size_t *size, NstError *err)
{
    (void)archive;
    (void)index;
    *bytes = NULL;
    *size = 0;
    return fail(err, NST_EUNSUPPORTED, "no libzip");
}

#endif
