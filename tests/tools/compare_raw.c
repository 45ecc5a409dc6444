/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * compare_raw KIND A B: the largest difference between the samples of two files of raw video, in levels of 8 bits.
 * KIND: the bits of a sample, 8 to 16 (9 and more in 16-bit words), 10+6 where 6 bits of the word lie below it, tens
 * (three of 10 bits in 32), f16 or f32.
 */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "half.h"

typedef struct Kind {
    int bytes, depth, shift, is_float;
} Kind;

static int parse_kind(const char *text, Kind *kind)
{
    *kind = (Kind){1, 8, 0, 0};
    if (!strcmp(text, "f32")) {
        *kind = (Kind){4, 32, 0, 1};
    } else if (!strcmp(text, "f16")) {
        *kind = (Kind){2, 16, 0, 1};
    } else if (!strcmp(text, "tens")) {
        *kind = (Kind){4, 10, 0, 0};
    } else {
        if (sscanf(text, "%d+%d", &kind->depth, &kind->shift) < 1 || kind->depth < 8 || kind->depth > 16)
            return -1;
        kind->bytes = kind->depth > 8 ? 2 : 1;
    }
    return 0;
}

/* The difference of two words, as they lie in the files */
static double difference(const Kind *kind, const uint8_t *a, const uint8_t *b)
{
    float x, y;
    uint16_t u, v;
    uint32_t i, j;
    double most = 0;
    if (kind->bytes == 1)
        return abs(*a - *b);
    memcpy(&u, a, sizeof(u));
    memcpy(&v, b, sizeof(v));
    if (kind->bytes == 2) {
        if (kind->is_float)
            return 255 * fabs((double)half_to_float(u) - (double)half_to_float(v));
        return 255.0 / ((1 << kind->depth) - 1) * abs((u >> kind->shift) - (v >> kind->shift));
    }
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    if (kind->is_float)
        return 255 * fabs((double)x - (double)y);
    memcpy(&i, a, sizeof(i));
    memcpy(&j, b, sizeof(j));
    for (int shift = 0; shift < 30; shift += kind->depth)
        most = fmax(most, 255.0 / 1023 * abs((int)(i >> shift & 1023) - (int)(j >> shift & 1023)));
    return most;
}

int main(int argc, char **argv)
{
    Kind kind;
    FILE *files[2] = {NULL, NULL};
    uint8_t words[2][4];
    double most = 0;
    size_t n[2];
    if (argc != 4 || parse_kind(argv[1], &kind) < 0) {
        fprintf(stderr, "usage: compare_raw KIND A B\n");
        return 1;
    }
    for (int i = 0; i < 2; i++)
        if (!(files[i] = fopen(argv[2 + i], "rb"))) {
            fprintf(stderr, "compare_raw: %s cannot be opened\n", argv[2 + i]);
            return 1;
        }
    size_t count = 0;
    for (;; count++) {
        for (int i = 0; i < 2; i++)
            n[i] = fread(words[i], (size_t)kind.bytes, 1, files[i]);
        if (!n[0] || !n[1])
            break;
        double d = difference(&kind, words[0], words[1]);
        if (!(d <= most))
            most = d;
    }
    fclose(files[0]);
    fclose(files[1]);
    if (n[0] != n[1] || !count) {
        fprintf(stderr, "compare_raw: %s and %s are of different sizes, or empty\n", argv[2], argv[3]);
        return 1;
    }
    printf("%.4f\n", most);
    return 0;
}
