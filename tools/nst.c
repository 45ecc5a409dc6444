/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nst.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nst/nst.h>

#include "options.h"

typedef struct Entry {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} Entry;

static const Entry entries[] = {
    {"apply", cmd_apply, "paint pictures with a style"},
    {"train", cmd_train, "train a style on a painting and a folder of photos"},
    {"optimize", cmd_optimize, "paint one picture by optimisation (Gatys et al. 2016)"},
    {"info", cmd_info, "show what a .nsw file holds"},
    {"score", cmd_score, "measure a result against its style, content and motion"},
    {"distill", cmd_distill, "make a slim loss network of a large one, on a folder of photos"},
    {"convert", cmd_convert, "make a .nsw file from weights of another program"},
    {"bench", cmd_bench, "measure how fast a network runs, and where its time goes"},
};

enum { N_ENTRIES = sizeof(entries) / sizeof(entries[0]) };

int failure(const char *command, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "nst %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILURE;
}

const char *file_name(const char *path)
{
    const char *name = path;
    for (const char *c = path; *c; c++)
        if (*c == '/' && c[1] && c[1] != '/')
            name = c + 1;
    return name;
}

static int print_help(void)
{
    printf("usage: nst COMMAND [options]\n\nPaints pictures in the style of a painting, and trains such styles.\n\n");
    for (int i = 0; i < N_ENTRIES; i++)
        printf("  %-10s%s\n", entries[i].name, entries[i].summary);
    printf("\nnst COMMAND --help explains a command; nst --version prints the version.\n"
           "Videos are painted by FFmpeg's filter: ffmpeg -i in.mp4 -vf nst=starry out.mp4\n");
    return EXIT_SUCCESS;
}

/* A result that could not be written (full disk, closed pipe) is a failure, also where it went to stdout. */
static int flushed(int status)
{
    if ((fflush(stdout) || ferror(stdout)) && status == EXIT_SUCCESS) {
        fprintf(stderr, "nst: the output could not be written\n");
        return EXIT_FAILURE;
    }
    return status;
}

/*
 * OpenMP's threads spin where they wait for each other. Where other programs want the processors too, a training step
 * then takes up to 50 times as long; where none does, sleeping and waking cost the short layers a tenth of their time. So
 * they spin for up to half a millisecond (libgomp; other runtimes sleep at once). The runtime reads the settings before
 * main, so the program starts itself again; where it cannot, it runs all the same.
 */
static void wait_without_spinning(char **argv)
{
    if (getenv("OMP_WAIT_POLICY"))
        return;
    setenv("OMP_WAIT_POLICY", "passive", 1);
    setenv("GOMP_SPINCOUNT", "20000", 0);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    wait_without_spinning(argv);
    if (argc < 2)
        return usage_error("", "a command is needed: apply, train, optimize, info, score, distill, convert or bench");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
        return flushed(print_help());
    if (!strcmp(argv[1], "--version")) {
        printf("nst %s\n", nst_version());
        return flushed(EXIT_SUCCESS);
    }
    for (int i = 0; i < N_ENTRIES; i++)
        if (!strcmp(argv[1], entries[i].name))
            return flushed(entries[i].run(argc - 1, argv + 1));
    const char *nearest = nearest_word(argv[1], &entries[0].name, N_ENTRIES, sizeof(Entry));
    if (nearest)
        return usage_error("", "unknown command %s; did you mean %s?", argv[1], nearest);
    return usage_error("", "unknown command %s", argv[1]);
}
