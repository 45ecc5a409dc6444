/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Temporal smoothing of paintings that are made up: what a still, a moving and a changing picture become. */
#include "tiny.h"

#include <math.h>

#include "buffers.h"
#include "luma.h"
#include "part_threads.h"

enum { W = 96, H = 66, PIXELS = W * H };

typedef struct Stream {
    int w, h;
    NstTemporal *temporal;
    NstStylizeOptions options;
    NstPlanes source, painting;
    float *memory;
} Stream;

/* w x h: no larger than W x H */
static Stream stream_of(int w, int h, int threads, float strength)
{
    Stream s = {.w = w, .h = h, .memory = calloc(6 * PIXELS, sizeof(float))};
    NstError err;
    assert_non_null(s.memory);
    nst_stylize_defaults(&s.options);
    s.options.temporal = strength;
    s.options.compute.threads = threads;
    s.options.compute.execute = part_threads;
    for (int i = 0; i < 3; i++) {
        s.source.rgb[i] = s.memory + i * PIXELS;
        s.painting.rgb[i] = s.memory + (3 + i) * PIXELS;
    }
    s.source.stride = s.painting.stride = w;
    s.source.scale = 1;
    s.painting.scale = 255;
    assert_ok(temporal_create(&s.temporal, w, h, &s.options.compute, &err));
    return s;
}

static Stream stream_open(int threads, float strength)
{
    return stream_of(W, H, threads, strength);
}

static void stream_close(Stream *s)
{
    temporal_free(&s->temporal);
    assert_null(s->temporal);
    free(s->memory);
}

static float texture(float x, float y)
{
    return 0.5f + 0.1f * sinf(0.31f * x + 0.13f * y) + 0.1f * sinf(0.23f * y - 0.19f * x + 1) +
           0.08f * sinf(0.067f * x - 0.41f * y + 2);
}

/* A source that has moved to the left by `shift`, and a painting of it: the texture's steps, and noise of its own */
static void show(Stream *s, float shift, float noise, float paint_noise, NstRandom *random)
{
    float scale = (float)W / (float)s->w;
    for (int i = 0; i < s->w * s->h; i++) {
        float x = ((float)(i % s->w) + 0.5f) * scale - 0.5f, y = ((float)(i / s->w) + 0.5f) * scale - 0.5f;
        float value = texture(x + shift, y);
        for (int c = 0; c < 3; c++) {
            s->source.rgb[c][i] = value + noise * random_normal(random);
            s->painting.rgb[c][i] = 255 * (value + 0.1f * (float)c - 0.1f + paint_noise * random_normal(random));
        }
    }
}

static double distance(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < 3 * PIXELS; i++)
        sum += (double)fabsf(a[i] - b[i]);
    return sum / (3 * PIXELS);
}

/* Writes what is carried in place of a painting. */
static void carry(const Stream *s)
{
    temporal_carry(s->temporal);
    for (int y = 0; y < s->h; y++)
        temporal_make_row(s->temporal, y, 0, &s->painting);
}

static NstSight step(Stream *s)
{
    const LumaOf luma = {&s->source, s->w};
    NstSight sight = temporal_look(s->temporal, luma_of_planes, &luma, &s->options, NULL);
    if (sight.paint)
        temporal_blend(s->temporal, &s->painting);
    else
        carry(s);
    return sight;
}

/* The first picture of a scene is the fresh painting, bit for bit: at a start, after temporal_forget, and at a cut. */
static void test_scenes(void **state)
{
    (void)state;
    Stream s = stream_open(1, 1);
    NstRandom random;
    float *fresh = buffer_new(3 * PIXELS);
    random_seed(&random, 1);
    for (int i = 0; i < 12; i++) {
        show(&s, 0, 0.005f, 0.05f, &random);
        if (i == 5)
            temporal_forget(s.temporal);
        bool cut = i == 9;
        for (int k = 0; cut && k < 3 * PIXELS; k++)
            s.source.rgb[0][k] = texture((float)(k % PIXELS / W) * 3.7f, (float)(k % W) * 2.3f) > 0.5f ? 0.1f : 0.9f;
        memcpy(fresh, s.painting.rgb[0], 3 * PIXELS * sizeof(float));
        NstSight sight = step(&s);
        bool first = i == 0 || i == 5 || i == 9 || i == 10; /* 10 cuts back */
        assert_int_equal(sight.follows, !first);
        assert_int_equal(sight.scene_cut, i == 9 || i == 10);
        assert_int_equal(!memcmp(fresh, s.painting.rgb[0], 3 * PIXELS * sizeof(float)), first);
    }
    free(fresh);
    stream_close(&s);
}

/* A still source with noise: its painting all but stops flickering, and its mean stays. */
static void test_still(void **state)
{
    (void)state;
    Stream s = stream_open(1, 0.8f);
    NstRandom random;
    float *last = buffer_new(3 * PIXELS), *true_painting = buffer_new(3 * PIXELS);
    random_seed(&random, 2);
    show(&s, 0, 0, 0, &random);
    memcpy(true_painting, s.painting.rgb[0], 3 * PIXELS * sizeof(float));
    double flicker = 0, fresh = 0;
    for (int i = 0; i < 30; i++) {
        show(&s, 0, 2 / 255.0f, 0.05f, &random);
        fresh = distance(s.painting.rgb[0], true_painting);
        step(&s);
        flicker = i ? distance(last, s.painting.rgb[0]) : 0;
        memcpy(last, s.painting.rgb[0], 3 * PIXELS * sizeof(float));
    }
    assert_true(fresh > 8); /* levels: the noise is there */
    if (!(flicker < 0.5))
        fail_msg("%g levels from picture to picture, %g of noise", flicker, fresh);
    free(last);
    free(true_painting);
    stream_close(&s);
}

/* What moves is carried along: less noise than the fresh painting, and nothing left behind. */
static void test_moving(void **state)
{
    (void)state;
    Stream s = stream_open(1, 0.8f), truth = stream_open(1, 0);
    NstRandom random;
    random_seed(&random, 3);
    for (int i = 0; i < 12; i++) {
        show(&truth, 1.3f * (float)i, 0, 0, &random);
        show(&s, 1.3f * (float)i, 1 / 255.0f, i ? 0.05f : 0, &random); /* a first painting without noise, to go on from */
        double fresh = distance(s.painting.rgb[0], truth.painting.rgb[0]);
        step(&s);
        double left = distance(s.painting.rgb[0], truth.painting.rgb[0]);
        if (i && !(left < 0.6 * fresh))
            fail_msg("picture %d: %g levels off, %g before", i, left, fresh);
    }
    stream_close(&s);
    stream_close(&truth);
}

/*
 * What moves evenly is found from its last motion; what turns back faster than that search reaches is still found, and
 * nothing is left behind.
 */
static void test_turning(void **state)
{
    static const float places[] = {0, 3, 6, 9, 12, 15, 7, -1, 2, 5, 8, 16, 24, 21};
    (void)state;
    Stream s = stream_open(1, 0.8f), truth = stream_open(1, 0);
    NstRandom random;
    random_seed(&random, 8);
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        show(&truth, places[i], 0, 0, &random);
        show(&s, places[i], 1 / 255.0f, i ? 0.05f : 0, &random);
        double fresh = distance(s.painting.rgb[0], truth.painting.rgb[0]);
        NstSight sight = step(&s);
        double left = distance(s.painting.rgb[0], truth.painting.rgb[0]);
        assert_true(!i || (sight.follows && !sight.scene_cut));
        if (i && !(left < 0.8 * fresh))
            fail_msg("picture %zu: %g levels off, %g before", i, left, fresh);
    }
    stream_close(&s);
    stream_close(&truth);
}

/* every: of so many pictures one is painted; the others are the last painting where it went. */
static void test_key_pictures(void **state)
{
    (void)state;
    Stream s = stream_open(1, 0.8f), truth = stream_open(1, 0);
    NstRandom random;
    random_seed(&random, 4);
    s.options.every = 3;
    for (int i = 0; i < 9; i++) {
        show(&truth, 0.7f * (float)i, 0, 0, &random);
        show(&s, 0.7f * (float)i, 0, 0, &random);
        for (int k = 0; i % 3 && k < 3 * PIXELS; k++)
            s.painting.rgb[0][k] = 1e6f; /* must not be looked at */
        NstSight sight = step(&s);
        assert_int_equal(sight.paint, i % 3 == 0);
        double off = distance(s.painting.rgb[0], truth.painting.rgb[0]);
        if (!(off < 3))
            fail_msg("picture %d: %g levels off", i, off);
    }
    stream_close(&s);
    stream_close(&truth);
}

/* Another working size: the painting goes on. */
static void test_sizes(void **state)
{
    static const int sizes[][2] = {{72, 50}, {48, 33}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        Stream s = stream_open(2, 0.8f), small = stream_of(sizes[i][0], sizes[i][1], 2, 0.8f);
        Stream truth = stream_of(sizes[i][0], sizes[i][1], 1, 0);
        NstRandom random;
        random_seed(&random, 6);
        for (int k = 0; k < 3; k++) {
            show(&s, 0, 0, 0, &random);
            step(&s);
        }
        temporal_continue(small.temporal, s.temporal);
        show(&truth, 0, 0, 0, &random);
        show(&small, 0, 1 / 255.0f, 0.05f, &random);
        double fresh = distance(small.painting.rgb[0], truth.painting.rgb[0]);
        NstSight sight = step(&small);
        double left = distance(small.painting.rgb[0], truth.painting.rgb[0]);
        assert_true(sight.follows && !sight.scene_cut);
        if (!(left < 0.4 * fresh))
            fail_msg("%dx%d: %g levels off, %g before", sizes[i][0], sizes[i][1], left, fresh);
        stream_close(&s);
        stream_close(&small);
        stream_close(&truth);
    }
}

/* Where there is nothing to go on from, the first picture at the new size is a first one. */
static void test_sizes_without_history(void **state)
{
    (void)state;
    Stream s = stream_open(1, 0.8f), other = stream_of(48, 33, 1, 0.8f);
    NstRandom random;
    random_seed(&random, 7);
    temporal_continue(other.temporal, s.temporal);
    show(&other, 0, 0, 0, &random);
    assert_false(step(&other).follows);
    stream_close(&s);
    stream_close(&other);
}

static void test_threads(void **state)
{
    (void)state;
    Stream a = stream_open(1, 0.8f), b = stream_open(5, 0.8f);
    NstRandom one, other;
    random_seed(&one, 5);
    random_seed(&other, 5);
    a.options.every = b.options.every = 2;
    for (int i = 0; i < 6; i++) {
        show(&a, 0.9f * (float)i, 0.004f, 0.05f, &one);
        show(&b, 0.9f * (float)i, 0.004f, 0.05f, &other);
        step(&a);
        step(&b);
        assert_memory_equal(a.painting.rgb[0], b.painting.rgb[0], 3 * PIXELS * sizeof(float));
    }
    stream_close(&a);
    stream_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenes),       cmocka_unit_test(test_still),   cmocka_unit_test(test_moving),
        cmocka_unit_test(test_key_pictures), cmocka_unit_test(test_turning), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_sizes_without_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
