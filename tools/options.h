/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_OPTIONS_H
#define NST_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Command lines from tables: one table a command drives parsing, the help text and every message about a wrong option.
 * Values go into the command's settings struct, which holds the defaults before; the help text shows those.
 */

typedef enum OptionType {
    OPTION_FLAG,   /* bool; takes no value */
    OPTION_INT,    /* int */
    OPTION_SEED,   /* uint64_t, 0 to 2^64 - 1 */
    OPTION_REAL,   /* float */
    OPTION_TEXT,   /* const char *, NULL or "" by default */
    OPTION_LIST,   /* TextList; the option may be given several times */
    OPTION_CHOICE  /* int: index of one of the words in `value`, which are separated by | */
} OptionType;

typedef struct TextList {
    int n;
    const char **items; /* malloc'ed; the texts belong to argv */
} TextList;

typedef struct Option {
    const char *name;  /* without the dashes */
    char letter;       /* one-letter form, or 0 */
    OptionType type;
    bool required;
    size_t offset;     /* of the value in the settings struct */
    const char *value; /* what the help text calls the value: "FILE" */
    double min, max;   /* of numbers */
    const char *help;
} Option;

typedef struct Command {
    const char *name;
    const char *usage;     /* the operands: "IN OUT" */
    const char *summary;   /* one line */
    const char *notes;     /* paragraphs after the options, or NULL */
    const Option *options; /* ended by one without a name */
    int min_operands, max_operands;
} Command;

enum { OPTIONS_RUN = -1, EXIT_USAGE = 2 };

/*
 * Reads argv[1] onwards. OPTIONS_RUN: go on; else the exit status to leave with, everything being printed: 0 after
 * --help, EXIT_USAGE after an error. operands is filled in every case.
 */
int options_parse(const Command *command, void *settings, int argc, char **argv, TextList *operands);

/*
 * The value of an option before options_parse, or NULL: for presets, which come first wherever they stand. letter: its
 * one-letter form, or 0.
 */
const char *options_find(int argc, char **argv, const char *name, char letter);

/* Frees operands and what the settings' OPTION_LIST values hold. */
void options_free(const Command *command, void *settings, TextList *operands);

/* The word among n, `stride` bytes apart, that is nearest to `text`, or NULL when none is near: for "did you mean". */
const char *nearest_word(const char *text, const void *words, int n, size_t stride);

/* The same line for every usage error: "nst COMMAND: message" and where help is; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const char *command, const char *format, ...);

#endif
