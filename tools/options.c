/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

int usage_error(const char *command, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "nst%s%s: ", *command ? " " : "", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry: nst %s%s--help\n", command, *command ? " " : "");
    return EXIT_USAGE;
}

/* 0, or -1 when there is no memory */
static int text_list_add(TextList *list, const char *text)
{
    const char **items = realloc(list->items, ((size_t)list->n + 1) * sizeof(*items));
    if (!items)
        return -1;
    list->items = items;
    items[list->n++] = text;
    return 0;
}

/* Levenshtein distance; anything about words too long for the buffer is "far" */
static int edit_distance(const char *a, const char *b)
{
    int row[64];
    int n = (int)strlen(b);
    if (n >= 63)
        return 99;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

const char *nearest_word(const char *text, const void *words, int n, size_t stride)
{
    const char *nearest = NULL;
    int best = 3;
    for (int i = 0; i < n; i++) {
        const char *word = *(const char *const *)((const char *)words + (size_t)i * stride);
        int distance = edit_distance(text, word);
        if (distance < best && distance < (int)strlen(word)) {
            best = distance;
            nearest = word;
        }
    }
    return nearest;
}

/* ---- help ---- */

/* The help text with range and default behind it, into text. */
static void describe_option(const Option *option, const void *value, char *text, size_t size)
{
    int used = snprintf(text, size, "%s", option->help);
    const char *given = option->type == OPTION_TEXT ? *(const char *const *)value : NULL;
    const char *word = option->value;
    text += used;
    size -= (size_t)used;
    if (option->type == OPTION_INT) {
        snprintf(text, size, " (%.10g to %.10g, default %d)", option->min, option->max, *(const int *)value);
    } else if (option->type == OPTION_SEED) {
        snprintf(text, size, " (default %llu)", (unsigned long long)*(const uint64_t *)value);
    } else if (option->type == OPTION_REAL) {
        snprintf(text, size, " (%.10g to %.10g, default %.7g)", option->min, option->max,
                 (double)*(const float *)value);
    } else if (option->type == OPTION_CHOICE) {
        for (int i = *(const int *)value; i > 0; i--)
            word += strcspn(word, "|") + 1;
        snprintf(text, size, " (default %.*s)", (int)strcspn(word, "|"), word);
    } else if (given && *given) {
        snprintf(text, size, " (default %s)", given);
    } else if (option->required) {
        snprintf(text, size, " (required)");
    }
}

static void print_wrapped(const char *text)
{
    for (int column = HELP_COLUMN; *text;) {
        int word = (int)strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + word > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            putchar(' ');
            column++;
        }
        printf("%.*s", word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    putchar('\n');
}

static void print_help(const Command *command, const void *settings)
{
    printf("usage: nst %s %s\n\n%s\n\n", command->name, command->usage, command->summary);
    for (const Option *option = command->options; option->name; option++) {
        char left[80], right[512];
        char letter[8] = "    ";
        if (option->letter)
            snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        int used = snprintf(left, sizeof(left), "  %s--%s %s", letter, option->name,
                            option->type == OPTION_FLAG ? "" : option->value);
        printf("%-*s", HELP_COLUMN, left);
        if (used >= HELP_COLUMN)
            printf("\n%*s", HELP_COLUMN, "");
        describe_option(option, (const char *)settings + option->offset, right, sizeof(right));
        print_wrapped(right);
    }
    printf("%-*sthis text\n", HELP_COLUMN, "  -h, --help");
    if (command->notes)
        printf("\n%s\n", command->notes);
}

/* ---- parsing ---- */

static const Option *find_long(const Command *command, const char *name, size_t length)
{
    for (const Option *option = command->options; option->name; option++)
        if (strlen(option->name) == length && !memcmp(option->name, name, length))
            return option;
    return NULL;
}

static const Option *find_letter(const Command *command, char letter)
{
    for (const Option *option = command->options; option->name; option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

static int unknown_option(const Command *command, const char *argument)
{
    char name[64];
    const char *long_name = argument[1] == '-' ? argument + 2 : "";
    int n = 0;
    while (command->options[n].name)
        n++;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(long_name, "="), long_name);
    const char *nearest = nearest_word(name, &command->options[0].name, n, sizeof(Option));
    if (nearest)
        return usage_error(command->name, "unknown option %s; did you mean --%s?", argument, nearest);
    return usage_error(command->name, "unknown option %s", argument);
}

static int parse_number(const Command *command, const Option *option, const char *text, void *value)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool whole = option->type != OPTION_INT || number == floor(number);
    if (end == text || *end || !whole || !(number >= option->min && number <= option->max))
        return usage_error(command->name, "--%s %s: %s from %.10g to %.10g expected", option->name, text,
                           option->type == OPTION_INT ? "a whole number" : "a number", option->min, option->max);
    if (option->type == OPTION_INT)
        *(int *)value = (int)number;
    else
        *(float *)value = (float)number;
    return OPTIONS_RUN;
}

static int parse_seed(const Command *command, const Option *option, const char *text, void *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return usage_error(command->name, "--%s %s: a whole number from 0 to %llu expected", option->name, text,
                           (unsigned long long)UINT64_MAX);
    *(uint64_t *)value = number;
    return OPTIONS_RUN;
}

static int parse_choice(const Command *command, const Option *option, const char *text, void *value)
{
    const char *word = option->value;
    for (int i = 0;; i++) {
        size_t length = strcspn(word, "|");
        if (strlen(text) == length && !memcmp(word, text, length)) {
            *(int *)value = i;
            return OPTIONS_RUN;
        }
        if (!word[length])
            return usage_error(command->name, "--%s %s: one of %s expected", option->name, text, option->value);
        word += length + 1;
    }
}

static int parse_value(const Command *command, const Option *option, const char *text, void *value)
{
    switch (option->type) {
    case OPTION_FLAG:
        *(bool *)value = true;
        return OPTIONS_RUN;
    case OPTION_INT:
    case OPTION_REAL:
        return parse_number(command, option, text, value);
    case OPTION_SEED:
        return parse_seed(command, option, text, value);
    case OPTION_CHOICE:
        return parse_choice(command, option, text, value);
    case OPTION_LIST:
        if (text_list_add(value, text) < 0)
            return usage_error(command->name, "out of memory");
        return OPTIONS_RUN;
    case OPTION_TEXT:
        *(const char **)value = text;
        return OPTIONS_RUN;
    }
    return OPTIONS_RUN;
}

typedef struct Parser {
    const Command *command;
    void *settings;
    int argc, next;
    char **argv;
    bool *given; /* of each option */
} Parser;

static int parse_option(Parser *parser, const char *argument)
{
    const Command *command = parser->command;
    bool is_long = argument[1] == '-';
    size_t length = is_long ? strcspn(argument + 2, "=") : 1;
    const char *text = is_long && argument[2 + length] ? argument + 3 + length : NULL;
    const Option *option = NULL;
    if (is_long)
        option = find_long(command, argument + 2, length);
    else if (!argument[2])
        option = find_letter(command, argument[1]);
    if (!option)
        return unknown_option(command, argument);
    if (option->type == OPTION_FLAG && text)
        return usage_error(command->name, "--%s takes no value", option->name);
    if (option->type != OPTION_FLAG && !text) {
        if (parser->next == parser->argc)
            return usage_error(command->name, "%s needs a value: %s", argument, option->value);
        text = parser->argv[parser->next++];
    }
    parser->given[option - command->options] = true;
    return parse_value(command, option, text, (char *)parser->settings + option->offset);
}

static int parse_all(Parser *parser, TextList *operands)
{
    const Command *command = parser->command;
    bool only_operands = false;
    while (parser->next < parser->argc) {
        const char *argument = parser->argv[parser->next++];
        if (only_operands || argument[0] != '-' || !argument[1]) {
            if (text_list_add(operands, argument) < 0)
                return usage_error(command->name, "out of memory");
        } else if (!strcmp(argument, "--")) {
            only_operands = true;
        } else {
            int status = parse_option(parser, argument);
            if (status != OPTIONS_RUN)
                return status;
        }
    }
    for (int i = 0; command->options[i].name; i++)
        if (command->options[i].required && !parser->given[i])
            return usage_error(command->name, "--%s %s is needed", command->options[i].name, command->options[i].value);
    if (operands->n < command->min_operands || operands->n > command->max_operands)
        return usage_error(command->name, "too %s arguments; usage: nst %s %s",
                           operands->n < command->min_operands ? "few" : "many", command->name, command->usage);
    return OPTIONS_RUN;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

int options_parse(const Command *command, void *settings, int argc, char **argv, TextList *operands)
{
    int n = 0;
    *operands = (TextList){0};
    if (wants_help(argc, argv)) {
        print_help(command, settings);
        return EXIT_SUCCESS;
    }
    while (command->options[n].name)
        n++;
    bool *given = calloc((size_t)n + 1, sizeof(*given));
    if (!given)
        return usage_error(command->name, "out of memory");
    Parser parser = {command, settings, argc, 1, argv, given};
    int status = parse_all(&parser, operands);
    free(given);
    return status;
}

const char *options_find(int argc, char **argv, const char *name, char letter)
{
    const size_t length = strlen(name);
    const char *value = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        const bool is_long = !strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, name, length);
        const bool is_short = letter && argv[i][0] == '-' && argv[i][1] == letter && !argv[i][2];
        if (is_long && argv[i][2 + length] == '=')
            value = argv[i] + 3 + length;
        else if ((is_short || (is_long && !argv[i][2 + length])) && i + 1 < argc)
            value = argv[++i];
    }
    return value;
}

void options_free(const Command *command, void *settings, TextList *operands)
{
    for (const Option *option = command->options; option->name; option++)
        if (option->type == OPTION_LIST) {
            TextList *list = (TextList *)((char *)settings + option->offset);
            free(list->items);
            *list = (TextList){0};
        }
    free(operands->items);
    *operands = (TextList){0};
}
