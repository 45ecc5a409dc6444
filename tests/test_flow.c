/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Optical flow of a texture whose motion is known exactly. */
#include "tiny.h"

#include <limits.h>
#include <math.h>

#include "buffers.h"
#include "flow.h"

/* A motion: sample (x, y) of the picture at time t shows the texture at (x, y) moved by it, zoomed round the middle */
typedef struct Motion {
    float dx, dy, zoom, light; /* by a picture; light: levels added */
} Motion;

/* Waves of several lengths and directions: smooth, without a period that the search could mistake for another */
static float texture(float x, float y)
{
    return 128 + 24 * sinf(0.31f * x + 0.13f * y) + 20 * sinf(0.23f * y - 0.19f * x + 1) +
           16 * sinf(0.067f * x - 0.41f * y + 2) + 18 * sinf(0.083f * x + 0.071f * y) + 10 * sinf(0.57f * x + 0.5f);
}

static void show(NstOpticalFlow *flow, int w, int h, Motion m, float t)
{
    ptrdiff_t stride;
    float *y = flow_next(flow, &stride), cx = (float)w / 2, cy = (float)h / 2, zoom = powf(m.zoom, t);
    for (int j = 0; j < h; j++)
        for (int i = 0; i < w; i++)
            y[j * stride + i] = texture(cx + ((float)i - cx) * zoom + m.dx * t, cy + ((float)j - cy) * zoom + m.dy * t) +
                                m.light * t;
    flow_ready(flow);
}

/* With the search on levels of at most samples_max */
static NstOpticalFlow *open_coarse(int w, int h, int samples_max, const NstDsp *dsp, const NstTeam *team, Motion m)
{
    NstOpticalFlow *flow;
    NstError err;
    assert_ok(flow_create(&flow, w, h, samples_max, dsp, team, &err));
    show(flow, w, h, m, 0);
    show(flow, w, h, m, 1);
    return flow;
}

static NstOpticalFlow *open_flow(int w, int h, const NstDsp *dsp, const NstTeam *team, Motion m)
{
    return open_coarse(w, h, INT_MAX, dsp, team, m);
}

/* Mean distance from the truth, but for what came from outside the picture */
static double endpoint_error(const NstField *field, Motion m)
{
    double sum = 0, n = 0;
    float cx = (float)field->w / 2, cy = (float)field->h / 2;
    for (int j = 0; j < field->h; j++)
        for (int i = 0; i < field->w; i++) {
            float x = ((float)i - cx) * (m.zoom - 1) + m.dx, y = ((float)j - cy) * (m.zoom - 1) + m.dy;
            float from_x = (float)i + x, from_y = (float)j + y;
            int at = j * field->w + i;
            if (from_x < 0 || from_y < 0 || from_x > (float)field->w - 1 || from_y > (float)field->h - 1)
                continue;
            sum += (double)hypotf(field->x[at] - x, field->y[at] - y);
            n++;
        }
    return sum / n;
}

static Motion backward(Motion m)
{
    return (Motion){-m.dx, -m.dy, 1 / m.zoom, -m.light};
}

static void test_known_motion(void **state)
{
    (void)state;
    static const Motion motions[] = {{0, 0, 1, 0},    {0.25f, -0.4f, 1, 0}, {3.6f, 1.2f, 1, 0}, {-5.3f, 3.7f, 1, 0},
                                     {0, 0, 1.02f, 0}, {1, 0.5f, 0.98f, 0},  {2, -1, 1, 12}};
    const NstTeam team = {1, NULL, NULL};
    NstDsp tables[8];
    unsigned masks[8];
    const int n = dsp_ladder(tables, masks);
    for (int table = 0; table < n; table++)
        for (size_t i = 0; i < sizeof(motions) / sizeof(*motions); i++) {
            NstOpticalFlow *flow = open_flow(160, 96, &tables[table], &team, motions[i]);
            /* what is at x now was at x + m, for the texture went by -m */
            double back = endpoint_error(flow_estimate(flow, NST_WAY_BACK), motions[i]);
            double ahead = endpoint_error(flow_estimate(flow, NST_WAY_AHEAD), backward(motions[i]));
            const double bound = motions[i].light > 0 ? 0.1 : 0.05; /* light is taken for motion, a little */
            if (!(back < bound) || !(ahead < 0.25))
                fail_msg("motion %zu, table %d: %g and %g samples off", i, table, back, ahead);
            flow_free(&flow);
            assert_null(flow);
        }
}

/* A texture cannot be told from itself without one: nothing moves where nothing is seen to. */
static void test_flat(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {2, 3}, {7, 40}, {64, 36}};
    const NstTeam team = {1, NULL, NULL};
    NstDsp dsp;
    NstError err;
    dsp_init(&dsp, (unsigned)NST_CPU_ALL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        NstOpticalFlow *flow;
        int w = sizes[i][0], h = sizes[i][1];
        assert_ok(flow_create(&flow, w, h, INT_MAX, &dsp, &team, &err));
        for (int picture = 0; picture < 2; picture++) {
            ptrdiff_t stride;
            float *y = flow_next(flow, &stride);
            for (int j = 0; j < h; j++)
                for (int x = 0; x < w; x++)
                    y[j * stride + x] = 77;
            flow_ready(flow);
        }
        const NstField *field = flow_estimate(flow, NST_WAY_BACK);
        for (int at = 0; at < w * h; at++)
            if (fabsf(field->x[at]) > 1e-4f || fabsf(field->y[at]) > 1e-4f)
                fail_msg("%dx%d: (%g, %g) at %d", w, h, (double)field->x[at], (double)field->y[at], at);
        flow_free(&flow);
    }
}

enum { PAIR_W = 150, PAIR_H = 93 };

/* The same motion for one thread and for four */
static void open_pair(NstDsp *dsp, Motion motion, NstOpticalFlow **a, NstOpticalFlow **b)
{
    static const NstTeam one = {1, NULL, NULL}, four = {4, NULL, NULL};
    dsp_init(dsp, (unsigned)NST_CPU_ALL);
    *a = open_flow(PAIR_W, PAIR_H, dsp, &one, motion);
    *b = open_flow(PAIR_W, PAIR_H, dsp, &four, motion);
}

static void test_threads(void **state)
{
    const size_t bytes = PAIR_W * PAIR_H * sizeof(float);
    NstOpticalFlow *a, *b;
    NstDsp dsp;
    (void)state;
    open_pair(&dsp, (Motion){2.3f, -1.1f, 1.01f, 0}, &a, &b);
    for (int way = 0; way < 2; way++) {
        const NstField *x = flow_estimate(a, (NstWay)way), *y = flow_estimate(b, (NstWay)way);
        assert_memory_equal(x->x, y->x, bytes);
        assert_memory_equal(x->y, y->y, bytes);
    }
    flow_free(&a);
    flow_free(&b);
}

/* What moves on as it did is found from where it was, whatever the number of threads. */
static void test_follow(void **state)
{
    const Motion motion = {6.3f, -4.1f, 1, 0};
    const size_t bytes = PAIR_W * PAIR_H * sizeof(float);
    NstOpticalFlow *pair[2];
    NstDsp dsp;
    (void)state;
    open_pair(&dsp, motion, &pair[0], &pair[1]);
    for (int i = 0; i < 2; i++) {
        flow_estimate(pair[i], NST_WAY_BACK);
        show(pair[i], PAIR_W, PAIR_H, motion, 2);
        flow_follow(pair[i], 1);
    }
    const NstField *x = flow_field(pair[0], NST_WAY_BACK), *y = flow_field(pair[1], NST_WAY_BACK);
    assert_memory_equal(x->x, y->x, bytes);
    assert_memory_equal(x->y, y->y, bytes);
    const double off = endpoint_error(x, motion);
    if (!(off < 0.1))
        fail_msg("%g samples off", off);
    flow_free(&pair[0]);
    flow_free(&pair[1]);
}

/* The way ahead is half as fine as the way back, which it leaves alone, and true. */
static void test_ahead(void **state)
{
    const Motion motion = {2.3f, -1.1f, 1, 0};
    const size_t bytes = PAIR_W * PAIR_H * sizeof(float);
    NstOpticalFlow *a, *b;
    NstDsp dsp;
    (void)state;
    open_pair(&dsp, motion, &a, &b);
    const NstField *back = flow_estimate(b, NST_WAY_BACK), *ahead = flow_ahead(b), *ahead_alone = flow_ahead(a);
    const NstField *alone = flow_estimate(a, NST_WAY_BACK);
    assert_memory_equal(back->x, alone->x, bytes);
    assert_memory_equal(back->y, alone->y, bytes);
    assert_true(ahead->w == PAIR_W / 2 && ahead->h == PAIR_H / 2);
    assert_memory_equal(ahead->x, ahead_alone->x, (size_t)(ahead->w * ahead->h) * sizeof(float));
    assert_memory_equal(ahead->y, ahead_alone->y, (size_t)(ahead->w * ahead->h) * sizeof(float));
    const size_t middle = (size_t)(ahead->h / 2 * ahead->w + ahead->w / 2);
    assert_true(fabsf(2 * ahead->x[middle] + motion.dx) < 0.3f && fabsf(2 * ahead->y[middle] + motion.dy) < 0.3f);
    flow_free(&a);
    flow_free(&b);
}

/* A search that ends at a coarser level gives its motion to the finest one, on half and on a quarter of the samples. */
static void test_coarse(void **state)
{
    static const NstTeam one = {1, NULL, NULL}, four = {4, NULL, NULL};
    const Motion motion = {2.3f, -1.1f, 1.01f, 0};
    const int w = 251, h = 197;
    const size_t bytes = (size_t)w * (size_t)h * sizeof(float);
    NstDsp dsp;
    (void)state;
    dsp_init(&dsp, (unsigned)NST_CPU_ALL);
    for (int level = 1; level <= 2; level++) {
        const int samples_max = (w >> level) * (h >> level);
        NstOpticalFlow *a = open_coarse(w, h, samples_max, &dsp, &one, motion);
        NstOpticalFlow *b = open_coarse(w, h, samples_max, &dsp, &four, motion);
        const NstField *x = flow_field(a, NST_WAY_BACK), *y = flow_field(b, NST_WAY_BACK);
        assert_true(flow_bytes(w, h, samples_max, 1) < flow_bytes(w, h, INT_MAX, 1));
        for (int how = 0; how < 3; how++) {
            const double bound = level == 1 ? 0.1 : 0.2;
            NstOpticalFlow *flows[] = {a, b};
            for (int i = 0; i < 2; i++) {
                if (how == 0) {
                    assert_int_equal(flow_ahead(flows[i])->w, w >> (level + 1));
                    flow_estimate(flows[i], NST_WAY_BACK);
                }
                if (how == 1)
                    flow_improve(flows[i]);
                if (how == 2)
                    flow_follow(flows[i], 1);
            }
            const double error = endpoint_error(x, motion);
            if (!(error < bound))
                fail_msg("level %d, search %d: %g samples off", level, how, error);
            assert_memory_equal(x->x, y->x, bytes);
            assert_memory_equal(x->y, y->y, bytes);
        }
        flow_free(&a);
        flow_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ahead), cmocka_unit_test(test_coarse),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_known_motion),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
