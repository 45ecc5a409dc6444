/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels for rows of pictures, of every instruction set, against what kernels/dsp.h says of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffers.h"
#include "half.h"

#include <cmocka.h>

static const size_t sizes[] = {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 127, 128, 129, 300};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes), MOST = 300, CUT = 37 };

typedef struct Tables {
    NstDsp dsp[8];
    int n;
    NstRandom random;
} Tables;

static Tables tables_new(void)
{
    Tables tables;
    unsigned masks[8];
    tables.n = dsp_ladder(tables.dsp, masks);
    random_seed(&tables.random, 42);
    return tables;
}

/* ---- samples ---- */

typedef struct SampleCase {
    const char *name;
    NstSampleType type;
    int word, depth, shift;
} SampleCase;

static const SampleCase sample_cases[] = {
    {"u8", NST_SAMPLE_U8, 1, 8, 0},          {"u16", NST_SAMPLE_U16, 2, 16, 0},    {"9 bits", NST_SAMPLE_U16, 2, 9, 0},
    {"10 high bits", NST_SAMPLE_U16, 2, 10, 6}, {"10 bits amid others", NST_SAMPLE_U16, 2, 10, 2},
    {"half", NST_SAMPLE_HALF, 2, 16, 0},     {"float", NST_SAMPLE_FLOAT, 4, 32, 0},
};
enum { N_SAMPLE_CASES = sizeof(sample_cases) / sizeof(*sample_cases) };

static bool is_integer(const SampleCase *c)
{
    return c->type == NST_SAMPLE_U8 || c->type == NST_SAMPLE_U16;
}

static uint32_t word_at(const SampleCase *c, const uint8_t *at)
{
    uint32_t word = 0;
    uint16_t half = 0;
    memcpy(&half, at, c->word == 2 ? 2 : 0);
    memcpy(&word, at, c->word == 4 ? 4 : 0);
    return c->word == 1 ? *at : c->word == 2 ? half : word;
}

static double sample_at(const SampleCase *c, const uint8_t *at)
{
    uint32_t word = word_at(c, at);
    float value;
    memcpy(&value, &word, sizeof(value));
    if (c->type == NST_SAMPLE_FLOAT)
        return (double)value;
    if (c->type == NST_SAMPLE_HALF)
        return (double)half_to_float((uint16_t)word);
    return (double)(word >> c->shift & ((1u << c->depth) - 1));
}

/* n samples `step` bytes apart in exactly as much memory as they need; bytes between them are random too. */
typedef struct SampleRow {
    uint8_t *bytes;
    size_t size;
    NstSamples samples;
} SampleRow;

static SampleRow row_new(const SampleCase *c, int step, size_t n, NstRandom *random)
{
    SampleRow row = {.size = n ? (n - 1) * (size_t)step + (size_t)c->word + 1 : 1};
    row.bytes = malloc(row.size);
    assert_non_null(row.bytes);
    for (size_t i = 0; i < row.size; i++)
        row.bytes[i] = (uint8_t)random_next(random);
    /* one byte further on, for words that are not aligned */
    row.samples = (NstSamples){row.bytes + 1, step, c->shift, c->depth, 0, 1};
    if (is_integer(c)) {
        row.samples.offset = 0.07f * (float)(1 << c->depth);
        row.samples.scale = 0.8f * (float)(1 << c->depth);
        return row;
    }
    for (size_t i = 0; i < n; i++) {
        float value = 3 * random_normal(random);
        uint16_t half = float_to_half(value);
        if (c->type == NST_SAMPLE_FLOAT)
            memcpy(row.samples.data + i * (size_t)step, &value, sizeof(value));
        else
            memcpy(row.samples.data + i * (size_t)step, &half, sizeof(half));
    }
    return row;
}

static void check_load(const NstDsp *dsp, const SampleCase *c, int step, size_t n, NstRandom *random)
{
    SampleRow row = row_new(c, step, n, random);
    float *y = guarded_new(n), part[MOST];
    const float gain = 2.5f;
    dsp->load_samples[c->type](y, &row.samples, gain, n);
    for (size_t i = 0; i < n; i++) {
        double sample = sample_at(c, row.samples.data + i * (size_t)step);
        double scale = (double)gain / (double)row.samples.scale, offset = (double)row.samples.offset;
        assert_rounded((double)y[i], (sample - offset) * scale, (fabs(sample) + offset) * scale, 4, c->name, i);
    }
    if (n > CUT) {
        row.samples.data += CUT * step;
        dsp->load_samples[c->type](part, &row.samples, gain, n - CUT);
        assert_memory_equal(part, y + CUT, (n - CUT) * sizeof(float));
    }
    guarded_free(y, n, c->name);
    free(row.bytes);
}

static void test_load(void **state)
{
    (void)state;
    Tables tables = tables_new();
    for (int t = 0; t < tables.n; t++)
        for (int c = 0; c < N_SAMPLE_CASES; c++)
            for (int step = sample_cases[c].word; step <= 6 * sample_cases[c].word; step++)
                for (int i = 0; i < N_SIZES; i++)
                    check_load(&tables.dsp[t], &sample_cases[c], step, sizes[i], &tables.random);
}

/* What one word must have become */
static void check_blended(const SampleCase *c, const NstSamples *samples, const uint8_t *before, const uint8_t *after,
                          double x, double weight, double strength)
{
    double old = sample_at(c, before), new = sample_at(c, after), share = strength * weight;
    double level = strength * ((double)samples->scale * x + (double)samples->offset * weight) + (1 - share) * old;
    double most = (1 << (c->depth & 31)) - 1, tolerance = 0.5 + 4e-7 * most;
    if (is_integer(c)) {
        uint32_t field = ((1u << c->depth) - 1) << c->shift;
        level = fmax(0, fmin(level, most));
        if ((word_at(c, before) & ~field) != (word_at(c, after) & ~field))
            fail_msg("%s: bits beside the sample have changed", c->name);
    } else {
        tolerance = c->type == NST_SAMPLE_FLOAT ? 2e-6 : 0.004; /* of values up to some 10 */
    }
    if (!(fabs(new - level) <= tolerance))
        fail_msg("%s: %g instead of %g", c->name, new, level);
    if (share == 0 && word_at(c, before) != word_at(c, after))
        fail_msg("%s: a sample of weight 0 has changed", c->name);
}

static void check_blend(const NstDsp *dsp, const SampleCase *c, int step, size_t n, bool weighted, float strength,
                        NstRandom *random)
{
    SampleRow row = row_new(c, step, n, random);
    uint8_t *before = malloc(row.size), *whole = malloc(row.size);
    float x[MOST], weight[MOST];
    assert_true(before && whole);
    memcpy(before, row.bytes, row.size);
    for (size_t i = 0; i < n; i++) {
        weight[i] = weighted ? (float)random_below(random, 5) / 4 : 1;
        x[i] = weight[i] * (0.5f + 0.4f * random_normal(random));
    }
    dsp->blend_samples[c->type](&row.samples, x, weighted ? weight : NULL, strength, n);
    for (size_t i = 0; i < n; i++)
        check_blended(c, &row.samples, before + 1 + i * (size_t)step, row.samples.data + i * (size_t)step,
                      (double)x[i], (double)weight[i], (double)strength);
    for (size_t at = 0; at < row.size; at++)
        if ((at == 0 || (at - 1) % (size_t)step >= (size_t)c->word) && before[at] != row.bytes[at])
            fail_msg("%s, step %d: byte %zu lies between samples and was written", c->name, step, at);
    if (n > CUT) {
        memcpy(whole, row.bytes, row.size);
        memcpy(row.bytes, before, row.size);
        dsp->blend_samples[c->type](&row.samples, x, weighted ? weight : NULL, strength, CUT);
        row.samples.data += CUT * step;
        dsp->blend_samples[c->type](&row.samples, x + CUT, weighted ? weight + CUT : NULL, strength, n - CUT);
        assert_memory_equal(row.bytes, whole, row.size);
    }
    free(before);
    free(whole);
    free(row.bytes);
}

static void test_blend(void **state)
{
    (void)state;
    static const float strengths[] = {0, 0.3f, 1};
    Tables tables = tables_new();
    for (int t = 0; t < tables.n; t++)
        for (int c = 0; c < N_SAMPLE_CASES; c++)
            for (int step = sample_cases[c].word; step <= 5 * sample_cases[c].word; step++)
                for (int i = 0; i < N_SIZES; i++)
                    for (int s = 0; s < 6; s++)
                        check_blend(&tables.dsp[t], &sample_cases[c], step, sizes[i], s % 2, strengths[s / 2],
                                    &tables.random);
}

/* ---- colours ---- */

static const float kr[] = {0.299f, 0.2126f, 0.2627f}, kb[] = {0.114f, 0.0722f, 0.0593f};

static double clamp01(double x)
{
    return x > 0 ? fmin(x, 1) : 0;
}

/* Half of them outside of 0..1, some far */
static float *colours(size_t n, NstRandom *random)
{
    float *x = buffer_new(n);
    for (size_t i = 0; i < n; i++)
        x[i] = random_below(random, 20) ? 0.5f + 0.6f * random_normal(random) : 1e30f * random_normal(random);
    return x;
}

/* An error of the sum is one of the clamped result at most, times gain. */
static void assert_clamped(double found, double sum, double size, double gain, const char *what, size_t at)
{
    assert_rounded(found, gain * clamp01(sum), gain * (1 + fmin(size, 8)), 4, what, at);
}

static void check_yuv_to_rgb(const NstDsp *dsp, int matrix, size_t n, NstRandom *random)
{
    const float gain = 255;
    float *in[3], *rgb[3], part[3][MOST];
    for (int i = 0; i < 3; i++) {
        in[i] = buffer_new(n);
        for (size_t k = 0; k < n; k++)
            in[i][k] = 2 * random_uniform(random) - (i ? 1 : 0.5f);
        rgb[i] = guarded_new(n);
    }
    dsp->yuv_to_rgb(rgb, in[0], in[1], in[2], kr[matrix], kb[matrix], gain, n);
    for (size_t k = 0; k < n; k++) {
        double y = (double)in[0][k], b = y + (double)in[1][k] * 2 * (1 - (double)kb[matrix]);
        double r = y + (double)in[2][k] * 2 * (1 - (double)kr[matrix]);
        double kg = 1 - (double)kr[matrix] - (double)kb[matrix];
        double g = (y - (double)kr[matrix] * r - (double)kb[matrix] * b) / kg;
        assert_clamped((double)rgb[0][k], r, 3, (double)gain, "R of yuv_to_rgb", k);
        assert_clamped((double)rgb[1][k], g, 3, (double)gain, "G of yuv_to_rgb", k);
        assert_clamped((double)rgb[2][k], b, 3, (double)gain, "B of yuv_to_rgb", k);
    }
    float *parts[3] = {part[0], part[1], part[2]};
    if (n > CUT)
        dsp->yuv_to_rgb(parts, in[0] + CUT, in[1] + CUT, in[2] + CUT, kr[matrix], kb[matrix], gain, n - CUT);
    for (int i = 0; i < 3; i++) {
        if (n > CUT)
            assert_memory_equal(part[i], rgb[i] + CUT, (n - CUT) * sizeof(float));
        guarded_free(rgb[i], n, "yuv_to_rgb");
        free(in[i]);
    }
}

static void check_rgb_to_yuv(const NstDsp *dsp, int matrix, size_t n, NstRandom *random)
{
    const float gain = 0.5f;
    float *rgb[3], *yuv[3], part[3][MOST];
    for (int i = 0; i < 3; i++) {
        rgb[i] = colours(n, random);
        if (n)
            rgb[i][n / 2] = i == 1 ? NAN : i ? INFINITY : -INFINITY;
        yuv[i] = guarded_new(n);
    }
    dsp->rgb_to_yuv(yuv[0], yuv[1], yuv[2], (const float *const *)rgb, kr[matrix], kb[matrix], gain, n);
    for (size_t k = 0; k < n; k++) {
        double c[3];
        for (int i = 0; i < 3; i++)
            c[i] = clamp01((double)gain * (double)rgb[i][k]);
        double r = (double)kr[matrix], b = (double)kb[matrix], y = r * c[0] + (1 - r - b) * c[1] + b * c[2];
        assert_rounded((double)yuv[0][k], y, 1, 4, "Y of rgb_to_yuv", k);
        assert_rounded((double)yuv[1][k], (c[2] - y) / (2 - 2 * b), 1, 4, "Cb of rgb_to_yuv", k);
        assert_rounded((double)yuv[2][k], (c[0] - y) / (2 - 2 * r), 1, 4, "Cr of rgb_to_yuv", k);
    }
    const float *rest[3] = {rgb[0] + CUT, rgb[1] + CUT, rgb[2] + CUT};
    if (n > CUT)
        dsp->rgb_to_yuv(part[0], part[1], part[2], rest, kr[matrix], kb[matrix], gain, n - CUT);
    for (int i = 0; i < 3; i++) {
        if (n > CUT)
            assert_memory_equal(part[i], yuv[i] + CUT, (n - CUT) * sizeof(float));
        guarded_free(yuv[i], n, "rgb_to_yuv");
        free(rgb[i]);
    }
}

static void test_colours(void **state)
{
    (void)state;
    Tables tables = tables_new();
    for (int t = 0; t < tables.n; t++)
        for (int matrix = 0; matrix < 3; matrix++)
            for (int i = 0; i < N_SIZES; i++) {
                check_yuv_to_rgb(&tables.dsp[t], matrix, sizes[i], &tables.random);
                check_rgb_to_yuv(&tables.dsp[t], matrix, sizes[i], &tables.random);
            }
}

static void check_clamp(const NstDsp *dsp, size_t n, NstRandom *random)
{
    float *x = colours(n, random), *y = guarded_new(n), *opaque = guarded_new(n);
    if (n)
        x[n / 2] = NAN;
    if (n > 3)
        x[2] = 0;
    dsp->clamp(y, x, 0.5f, 255, n);
    dsp->opaque(opaque, x, n);
    for (size_t i = 0; i < n; i++) {
        assert_rounded((double)y[i], 255 * clamp01(0.5 * (double)x[i]), 255, 1, "clamp", i);
        assert_true(opaque[i] == (x[i] > 0 ? 1.0f : 0.0f));
    }
    dsp->clamp(x, x, 0.5f, 255, n);
    assert_memory_equal(x, y, n * sizeof(float));
    dsp->opaque(y, y, n);
    for (size_t i = 0; i < n; i++)
        assert_true(y[i] == (x[i] > 0 ? 1.0f : 0.0f));
    guarded_free(y, n, "clamp");
    guarded_free(opaque, n, "opaque");
    free(x);
}

static void test_clamp(void **state)
{
    (void)state;
    Tables tables = tables_new();
    for (int t = 0; t < tables.n; t++)
        for (int i = 0; i < N_SIZES; i++)
            check_clamp(&tables.dsp[t], sizes[i], &tables.random);
}

/* ---- chroma ---- */

static void check_enlarge(const NstDsp *dsp, float before, size_t n, NstRandom *random)
{
    size_t m = (n + 1) / 2;
    float *x = buffer_filled(m + 2, FILL_NORMAL, random), *y = guarded_new(n);
    dsp->enlarge2(y, x + 1, before, n);
    for (size_t i = 0; i < n; i++) {
        const float *at = x + 1 + i / 2;
        double other = (double)(i % 2 ? at[1] : at[-1]), share = i % 2 ? 0.5 - (double)before : (double)before;
        assert_rounded((double)y[i], (double)at[0] + share * (other - (double)at[0]), fabs(other) + fabs((double)at[0]),
                       3, "enlarge2", i);
    }
    guarded_free(y, n, "enlarge2");
    free(x);
}

static void check_reduce(const NstDsp *dsp, float before, size_t n, NstRandom *random)
{
    float *x = buffer_filled(2 * n + 1, FILL_NORMAL, random), *y = guarded_new(n);
    dsp->reduce2(y, x + 1, before, n);
    for (size_t i = 0; i < n; i++) {
        double a = (double)x[2 * i], b = (double)x[2 * i + 1], c = (double)x[2 * i + 2];
        assert_rounded((double)y[i], (double)before * a + 0.5 * b + (0.5 - (double)before) * c,
                       fabs(a) + fabs(b) + fabs(c), 3, "reduce2", i);
    }
    guarded_free(y, n, "reduce2");
    free(x);
}

static void test_chroma(void **state)
{
    (void)state;
    Tables tables = tables_new();
    for (int t = 0; t < tables.n; t++)
        for (int i = 0; i < N_SIZES; i++)
            for (int quarters = 0; quarters < 2; quarters++) {
                check_enlarge(&tables.dsp[t], 0.25f * (float)quarters, sizes[i], &tables.random);
                check_reduce(&tables.dsp[t], 0.25f * (float)quarters, sizes[i], &tables.random);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),  cmocka_unit_test(test_blend),  cmocka_unit_test(test_colours),
        cmocka_unit_test(test_clamp), cmocka_unit_test(test_chroma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
