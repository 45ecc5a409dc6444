/*
 * This file is part of FFmpeg.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/**
 * @file
 * Generate styles for tests of the nst filter.
 *
 * exact: all weights are powers of two and results are odd multiples of 1/32, so that the sums are exact in any order,
 *        and no result is halfway between two levels: the same bits everywhere.
 * float: a small network of the usual kind; its results vary in the last bits with the instruction set.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The graph is JSON in a string of JSON: ' stands for \". */
static const char exact_graph[] =
    "{'name':'x','op':'input','channels':3},"
    "{'name':'a','op':'conv2d','inputs':['x'],'weight':'a.w','pad':1,'pad_mode':'reflect'},"
    "{'name':'r','op':'relu','inputs':['a']},"
    "{'name':'y','op':'conv2d','inputs':['r'],'weight':'y.w','bias':'y.b'}";

static const char exact_tensors[] =
    "\"a.w\":{\"dtype\":\"F32\",\"shape\":[3,3,3,3],\"data_offsets\":[0,324]},"
    "\"y.w\":{\"dtype\":\"F32\",\"shape\":[3,3,1,1],\"data_offsets\":[324,360]},"
    "\"y.b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[360,372]}";

static const char float_graph[] =
    "{'name':'x','op':'input','channels':3},"
    "{'name':'a','op':'conv2d','inputs':['x'],'weight':'a.w','stride':2,'pad':1,'pad_mode':'reflect'},"
    "{'name':'n','op':'instance_norm','inputs':['a']},"
    "{'name':'r','op':'relu','inputs':['n']},"
    "{'name':'b','op':'conv2d','inputs':['r'],'weight':'b.w','pad':1,'pad_mode':'reflect'},"
    "{'name':'u','op':'upsample','inputs':['b'],'factor':2},"
    "{'name':'c','op':'conv2d','inputs':['u'],'weight':'c.w','pad':1,'pad_mode':'reflect'},"
    "{'name':'y','op':'affine','inputs':['c'],'scale':40,'shift':128}";

static const char float_tensors[] =
    "\"a.w\":{\"dtype\":\"F32\",\"shape\":[16,3,3,3],\"data_offsets\":[0,1728]},"
    "\"b.w\":{\"dtype\":\"F32\",\"shape\":[16,16,3,3],\"data_offsets\":[1728,10944]},"
    "\"c.w\":{\"dtype\":\"F32\",\"shape\":[3,16,3,3],\"data_offsets\":[10944,12672]}";

static void put_bytes(FILE *f, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc(value >> 8 * i & 0xff, f);
}

static void put_float(FILE *f, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put_bytes(f, bits, 4);
}

static void put_header(FILE *f, const char *graph, const char *tensors)
{
    char header[2048];
    int n = snprintf(header, sizeof(header), "{\"__metadata__\":{\"nst.version\":\"1\",\"nst.kind\":\"style\","
                     "\"nst.input.range\":\"255\",\"nst.output.range\":\"255\",\"nst.graph\":\"[");

    for (; *graph; graph++) {
        if (*graph == '\'')
            header[n++] = '\\';
        header[n++] = *graph == '\'' ? '"' : *graph;
    }
    n += snprintf(header + n, sizeof(header) - n, "]\"},%s}", tensors);
    put_bytes(f, n, 8);
    fwrite(header, 1, n, f);
}

static void put_exact(FILE *f)
{
    /* each color takes a small blur of another one, less an edge of a third */
    static const float blur[9] = { 0, 0.25f, 0, 0.25f, 0, 0.25f, 0, 0.25f, 0 };
    static const float edge[9] = { 0.25f, 0, 0, 0, -0.5f, 0, 0, 0, 0.25f };
    static const float colors[9] = { 1, 0.25f, -0.5f, -0.25f, 1, 0.5f, 0.5f, -0.25f, 1 };

    put_header(f, exact_graph, exact_tensors);
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 9; k++)
                put_float(f, i == (o + 1) % 3 ? blur[k] : i == (o + 2) % 3 ? edge[k] : k == 4 ? 0.5f : 0);
    for (int i = 0; i < 9; i++)
        put_float(f, colors[i]);
    for (int i = 0; i < 3; i++)
        put_float(f, 0.03125f);
}

static void put_random(FILE *f, int n, float scale)
{
    static uint32_t state = 1;

    while (n--) {
        state = state * 1664525 + 1013904223;
        put_float(f, ((int)(state >> 16) - 32768) * (scale / 32768));
    }
}

static void put_small(FILE *f)
{
    put_header(f, float_graph, float_tensors);
    put_random(f, 16 *  3 * 9, 0.5f);
    put_random(f, 16 * 16 * 9, 0.2f);
    put_random(f,  3 * 16 * 9, 0.2f);
}

int main(int argc, char **argv)
{
    FILE *f;

    if (argc != 3 || (strcmp(argv[1], "exact") && strcmp(argv[1], "float"))) {
        fprintf(stderr, "usage: %s exact|float file\n", argv[0]);
        return 1;
    }
    f = fopen(argv[2], "wb");
    if (!f) {
        perror(argv[2]);
        return 1;
    }
    if (!strcmp(argv[1], "exact"))
        put_exact(f);
    else
        put_small(f);
    if (ferror(f) | fclose(f)) {
        perror(argv[2]);
        return 1;
    }
    return 0;
}
