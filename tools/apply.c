/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <nst/nst.h>

#include "media.h"
#include "common_options.h"
#include "nst.h"
#include "options.h"
#include "util.h"

typedef struct Settings {
    const char *style, *mix, *size, *folder, *cpu;
    float strength;
    int color, max_memory, threads;
} Settings;

static const Option options[] = {
    {"style", 's', OPTION_TEXT, true, offsetof(Settings, style), "STYLE", 0, 0,
     "a .nsw file, or the name of one in NST_PATH or among the installed styles; several are mixed: \"starry|wave\""},
    {"mix", 0, OPTION_TEXT, false, offsetof(Settings, mix), "WEIGHTS", 0, 0,
     "shares of several styles, such as \"0.7|0.3\"; equal ones where nothing is said"},
    {"output", 'o', OPTION_TEXT, false, offsetof(Settings, folder), "DIR", 0, 0,
     "paint every input into this folder, under its own name; made if it is not there"},
    {"strength", 0, OPTION_REAL, false, offsetof(Settings, strength), "X", 0, 1,
     "share of the painting in the result; 0 is the source"},
    {"color", 0, OPTION_CHOICE, false, offsetof(Settings, color), "style|content|match", 0, 0,
     "colours of the result: the painting's, its brightness with the source's colours, or the painting's moved to "
     "the source's"},
    {"size", 0, OPTION_TEXT, false, offsetof(Settings, size), "SIZE", 0, 0,
     "what the network works at: a height in lines (360), a fraction (0.5), or auto: all of the picture up to 1080 "
     "lines. The result has the picture's size in any case"},
    {"maxmem", 0, OPTION_INT, false, offsetof(Settings, max_memory), "MIB", 0, 1 << 20,
     "memory that may be taken; pictures that need more are painted in tiles. 0: as much as they need"},
    THREADS_OPTION(offsetof(Settings, threads)),
    CPU_OPTION(offsetof(Settings, cpu)),
    {0},
};

static const Command command = {
    .name = "apply",
    .usage = "-s STYLE IN OUT [IN OUT ...]\n       nst apply -s STYLE -o DIR IN ...",
    .summary = "Paints pictures with a style. A result has its source's size, is gray where that is, and keeps its\n"
               "transparency; where a picture is fully transparent it stays as it was.",
    .notes = "Reads every picture that FFmpeg reads; writes png, jpg, webp, ppm and pam, by the end of the name.\n"
             "For videos: ffmpeg -i in.mp4 -vf nst=STYLE out.mp4",
    .options = options,
    .min_operands = 1,
    .max_operands = 1 << 20,
};

static int refuse_video(const char *path, NstError *err)
{
    MediaInfo info;
    NST_TRY(media_probe(path, &info, err));
    if (!info.still)
        return fail(err, NST_EUNSUPPORTED, "%s: a video; for videos: ffmpeg -i %s -vf nst=STYLE OUT",
                    path, path);
    return NST_OK;
}

static int paint(NstStylizer *stylizer, const char *in, const char *out, NstError *err)
{
    Bitmap bitmap;
    bool keeps_alpha;
    NST_TRY(media_writable(out, &keeps_alpha, err));
    NST_TRY(refuse_video(in, err));
    NST_TRY(media_read(&bitmap, in, 0, NULL, err));
    NstPicture picture = bitmap_picture(&bitmap);
    int code = nst_stylizer_process(stylizer, &picture, &picture, NULL, NULL, err);
    if (code < 0)
        code = fail_within(err, code, "%s", in);
    else
        code = media_write(&bitmap, out, err);
    if (code == NST_OK && picture.has_alpha && !keeps_alpha)
        fprintf(stderr, "nst apply: %s: the transparency of %s is lost in this format; .png keeps it\n", out, in);
    bitmap_free(&bitmap);
    return code;
}

/* DIR/name-of-in.png; a type that cannot be written becomes png. malloc'ed. */
static char *path_in_folder(const char *folder, const char *in)
{
    const char *name = file_name(in);
    bool keeps_alpha;
    bool same_type = media_writable(name, &keeps_alpha, NULL) == NST_OK;
    const char *dot = strrchr(name, '.');
    int stem = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    size_t room = strlen(folder) + strlen(name) + sizeof("/.png");
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%.*s%s", folder, stem, name, same_type ? dot : ".png");
    return path;
}

static int paint_into_folder(NstStylizer *stylizer, const char *in, const char *folder, NstError *err)
{
    char *out = path_in_folder(folder, in);
    if (!out)
        return fail(err, NST_ENOMEM, "out of memory");
    int code = paint(stylizer, in, out, err);
    free(out);
    return code;
}

/* Every picture is tried; the exit status tells whether all of them were painted. */
static int paint_all(NstStylizer *stylizer, const Settings *settings, const TextList *operands)
{
    int status = EXIT_SUCCESS;
    int step = settings->folder ? 1 : 2;
    NstError err;
    if (settings->folder && mkdir(settings->folder, 0777) < 0 && errno != EEXIST)
        return failure(command.name, "%s: %s", settings->folder, strerror(errno));
    for (int i = 0; i < operands->n; i += step) {
        const char *in = operands->items[i];
        int code = settings->folder ? paint_into_folder(stylizer, in, settings->folder, &err)
                                    : paint(stylizer, in, operands->items[i + 1], &err);
        if (code < 0)
            status = failure(command.name, "%s", err.message);
    }
    return status;
}

static int apply(const Settings *settings, const TextList *operands)
{
    NstError err;
    NstModel *models[NST_MAX_STYLES] = {NULL};
    int n_models;
    NstStylizer *stylizer = NULL;
    NstStylizeOptions how;
    nst_stylize_defaults(&how);
    how.temporal = 0; /* pictures that have nothing to do with each other */
    how.strength = settings->strength;
    how.color = (NstColors)settings->color;
    how.max_memory = (size_t)settings->max_memory << 20;
    how.compute.threads = settings->threads;
    if (settings->mix && nst_mix_parse(settings->mix, how.mix, &how.n_mix, &err) < 0)
        return usage_error(command.name, "--mix: %s", err.message);
    if (settings->size && nst_size_parse(settings->size, &how.size, &err) < 0)
        return usage_error(command.name, "--size: %s", err.message);
    if (settings->cpu && nst_cpu_parse(settings->cpu, &how.compute.cpu, &err) < 0)
        return usage_error(command.name, "--cpu: %s", err.message);
    if (!settings->folder && operands->n % 2)
        return usage_error(command.name, "every input needs an output after it: IN OUT [IN OUT ...]");
    int status;
    if (nst_styles_load(models, &n_models, settings->style, &err) < 0 ||
        nst_stylizer_open(&stylizer, (const NstModel *const *)models, n_models, &how, &err) < 0)
        status = failure(command.name, "%s", err.message);
    else
        status = paint_all(stylizer, settings, operands);
    nst_stylizer_close(&stylizer);
    nst_styles_free(models);
    return status;
}

int cmd_apply(int argc, char **argv)
{
    NstStylizeOptions defaults;
    TextList operands;
    nst_stylize_defaults(&defaults);
    Settings settings = {.strength = defaults.strength, .threads = defaults.compute.threads};
    media_quiet();
    int status = options_parse(&command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = apply(&settings, &operands);
    options_free(&command, &settings, &operands);
    return status;
}
