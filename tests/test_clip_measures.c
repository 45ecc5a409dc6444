/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The measures of clips against their definitions, written out plainly, on pictures whose answer is known. */
#include "clip_measures.h"
#include "tiny.h"
#include "warp_error.h"

enum { W = 31, H = 23, PLANE = W * H };

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g found, %.9g +- %g expected", value, expected, tolerance);
}

/* A picture of three sine waves, moved by dx, dy: exact at any place */
static void draw_waves(float *picture, double dx, double dy)
{
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                picture[c * PLANE + y * W + x] =
                    (float)(0.5 + 0.4 * sin(0.21 * (c + 1) * (x - dx)) * cos(0.17 * (c + 1) * (y - dy)));
}

static void fill_flow(float *flow, float u, float v)
{
    for (int i = 0; i < PLANE; i++) {
        flow[i] = u;
        flow[PLANE + i] = v;
    }
}

/* A whole motion: what moved out of the picture does not count, all else fits exactly. */
static void test_whole_motion(void **state)
{
    float frame[3 * PLANE], next[3 * PLANE], forward[2 * PLANE], backward[2 * PLANE];
    uint8_t visible[PLANE];
    (void)state;
    draw_waves(frame, 0, 0);
    draw_waves(next, 3, -2);
    fill_flow(forward, 3, -2);
    fill_flow(backward, -3, 2);
    assert_int_equal(warp_visible(forward, backward, H, W, visible), (W - 3) * (H - 2));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            assert_int_equal(visible[y * W + x], x < W - 3 && y >= 2);
    assert_near(warp_error(frame, next, forward, visible, H, W), 0, 1e-12);
    /* one level of brightness is its square */
    for (int i = 0; i < 3 * PLANE; i++)
        next[i] += 0.125f;
    assert_near(warp_error(frame, next, forward, visible, H, W), 0.125 * 0.125, 1e-7);
    /* the wrong motion is not free */
    fill_flow(forward, 0, 0);
    assert_true(warp_error(frame, next, forward, visible, H, W) > 0.02);
}

/* The definition with bilinear interpolation as a sum over the four neighbours, in double */
static double reference_error(const float *frame, const float *next, const float *flow, const uint8_t *visible)
{
    double sum = 0;
    int n = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const double tx = x + (double)flow[y * W + x], ty = y + (double)flow[PLANE + y * W + x];
            if (!visible[y * W + x] || tx < 0 || ty < 0 || tx > W - 1 || ty > H - 1)
                continue;
            for (int c = 0; c < 3; c++) {
                double value = 0;
                for (int j = 0; j < H; j++)
                    for (int i = 0; i < W; i++)
                        value += fmax(0, 1 - fabs(tx - i)) * fmax(0, 1 - fabs(ty - j)) * next[c * PLANE + j * W + i];
                sum += pow(value - frame[c * PLANE + y * W + x], 2);
            }
            n++;
        }
    return sum / (3.0 * n);
}

static void test_against_definition(void **state)
{
    NstImage frame = tiny_picture(W, H, 1), next = tiny_picture(W, H, 2);
    float flow[2 * PLANE];
    uint8_t visible[PLANE];
    NstRandom random;
    (void)state;
    random_seed(&random, 3);
    for (int i = 0; i < 2 * PLANE; i++)
        flow[i] = 4 * random_normal(&random);
    for (int i = 0; i < PLANE; i++)
        visible[i] = random_uniform(&random) < 0.7f;
    const double expected = reference_error(frame.data, next.data, flow, visible);
    assert_near(warp_error(frame.data, next.data, flow, visible, H, W), expected, 1e-5 * expected);
    memset(visible, 0, sizeof(visible));
    assert_true(warp_error(frame.data, next.data, flow, visible, H, W) == 0);
    nst_image_free(&frame);
    nst_image_free(&next);
}

/* Equation 5 of Ruder et al. on both sides of its limit */
static void test_consistency(void **state)
{
    static const struct {
        float forward, backward;
        int visible;
    } cases[] = {
        {0, 0, 1},  {0, 0.70f, 1},  {0, 0.72f, 0},           /* b^2 against 0.01 b^2 + 0.5 */
        {5, -5, 1}, {5, -4.05f, 1}, {5, -4, 0}, {5, 5, 0},   /* (5 + b)^2 against 0.01 (25 + b^2) + 0.5 */
    };
    float forward[2 * PLANE], backward[2 * PLANE];
    uint8_t visible[PLANE];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        fill_flow(forward, cases[i].forward, 0);
        fill_flow(backward, cases[i].backward, 0);
        warp_visible(forward, backward, H, W, visible);
        assert_int_equal(visible[PLANE / 2], cases[i].visible);
    }
    /* a motion that is no number leads nowhere */
    fill_flow(forward, NAN, 0);
    assert_int_equal(warp_visible(forward, backward, H, W, visible), 0);
}

static void test_sharpness(void **state)
{
    float picture[3 * PLANE];
    (void)state;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < PLANE; i++)
            picture[c * PLANE + i] = (float)(0.01 * (i % W) + 0.02 * (int)(i / W));
    assert_near(measure_sharpness(picture, H, W), sqrt(0.01 * 0.01 + 0.02 * 0.02), 1e-6);
    assert_near(measure_luma(picture, H, W), 0.01 * (W - 1) / 2 + 0.02 * (H - 1) / 2, 1e-6);
    memset(picture, 0, sizeof(picture));
    assert_true(measure_sharpness(picture, H, W) == 0);
    for (int i = 0; i < PLANE; i++)
        picture[PLANE + i] = 1; /* green */
    assert_near(measure_luma(picture, H, W), 0.7152, 1e-6);
}

/* The mean over 7x7, fewer at the edges, written out */
static int reference_still(const float *a, const float *b, int x0, int y0)
{
    double sum = 0;
    int n = 0;
    for (int y = max_int(0, y0 - 3); y <= min_int(H - 1, y0 + 3); y++)
        for (int x = max_int(0, x0 - 3); x <= min_int(W - 1, x0 + 3); x++) {
            const int at = y * W + x;
            sum += fabs(0.2126 * (a[at] - b[at]) + 0.7152 * (a[PLANE + at] - b[PLANE + at]) +
                        0.0722 * (a[2 * PLANE + at] - b[2 * PLANE + at]));
            n++;
        }
    return sum / n <= 4.0 / 255;
}

static void test_still(void **state)
{
    float a[3 * PLANE], b[3 * PLANE], scratch[2 * PLANE];
    uint8_t still[PLANE];
    NstRandom random;
    size_t expected = 0;
    (void)state;
    draw_waves(a, 0, 0);
    draw_waves(b, 0, 0);
    random_seed(&random, 5);
    for (int i = 0; i < 3 * PLANE; i++)
        b[i] += (i % W < W / 2 ? 2.0f : 0.0f) / 255 * random_normal(&random);
    for (int i = 0; i < PLANE; i++)
        b[PLANE + i] += i % W > W - 8 && i / W > 8 ? 0.05f : 0; /* something moves at the right */
    memset(still, 1, sizeof(still));
    const size_t left = measure_still(a, b, H, W, scratch, still);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            assert_int_equal(still[y * W + x], reference_still(a, b, x, y));
            expected += still[y * W + x];
        }
    assert_int_equal(left, expected);
    assert_true(still[0] && still[10 * W + 5] && !still[15 * W + W - 2]);
    assert_int_equal(measure_still(a, a, H, W, scratch, still), left); /* marks that are gone do not come back */
}

static void test_flicker_and_deviation(void **state)
{
    float frame[3 * PLANE] = {0}, before[3 * PLANE];
    uint8_t still[PLANE] = {0};
    NstDeviation deviation;
    NstError err;
    (void)state;
    assert_ok(deviation_create(&deviation, H, W, &err));
    assert_true(deviation_mean(&deviation, still) == 0);
    for (int t = 0; t < 8; t++) { /* one marked pixel goes up and down by 0.1, others are wild */
        memcpy(before, frame, sizeof(frame));
        for (int i = 0; i < 3 * PLANE; i++)
            frame[i] = i % PLANE == 40 ? 0.5f + (t % 2 ? 0.1f : -0.1f) : (float)t;
        deviation_add(&deviation, frame);
    }
    assert_true(measure_flicker(before, frame, H, W, still) == 0);
    still[40] = 1;
    assert_near(measure_flicker(before, frame, H, W, still), 0.2, 1e-6);
    assert_near(deviation_mean(&deviation, still), 0.1, 1e-6);
    still[41] = 1;
    assert_near(measure_flicker(before, frame, H, W, still), 0.6, 1e-6);
    assert_near(deviation_mean(&deviation, still), (0.1 + sqrt(63.0 / 12)) / 2, 1e-6);
    deviation_free(&deviation);
    assert_null(deviation.mean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_motion), cmocka_unit_test(test_against_definition),
        cmocka_unit_test(test_consistency),  cmocka_unit_test(test_sharpness),
        cmocka_unit_test(test_still),        cmocka_unit_test(test_flicker_and_deviation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
