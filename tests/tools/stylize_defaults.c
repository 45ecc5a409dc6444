/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints the defaults of the stylizer, as `ffmpeg -h filter=nst` has them: "option value", one a line. */

#include <stdio.h>

#include <nst/stylize.h>

static void print_size(const char *option, const NstSize *size)
{
    if (size->height)
        printf("%s %d\n", option, size->height);
    else if (size->fraction > 0)
        printf("%s %g\n", option, (double)size->fraction);
    else
        printf("%s auto\n", option);
}

int main(void)
{
    static const char *const colors[] = {"style", "content", "match"}, *const flows[] = {"auto", "mv", "dis", "none"};
    NstStylizeOptions options;
    nst_stylize_defaults(&options);
    printf("strength %g\n", (double)options.strength);
    printf("color %s\n", colors[options.color]);
    print_size("size", &options.size);
    printf("temporal %g\n", (double)options.temporal);
    printf("flow %s\n", flows[options.flow]);
    printf("every %d\n", options.every);
    printf("maxmem %zu\n", options.max_memory >> 20);
    printf("realtime %g\n", options.rate);
    print_size("minsize", &options.min_size);
    return 0;
}
