/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"
#include "tiny.h"

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g found, %.9g +- %g expected", value, expected, tolerance);
}

static NstImage resample(const NstImage *in, NstBox box, int width, int height)
{
    NstImage out;
    NstError err;
    assert_ok(nst_image_alloc(&out, width, height, &err));
    assert_ok(image_resample(in, &box, &out, &err));
    return out;
}

static void test_alloc(void **state)
{
    NstImage image;
    NstError err;
    (void)state;
    assert_ok(nst_image_alloc(&image, 3, 2, &err));
    assert_true(image.width == 3 && image.height == 2);
    for (int i = 0; i < 18; i++)
        assert_true(image.data[i] == 0);
    nst_image_free(&image);
    assert_null(image.data);
    assert_int_equal(image.width, 0);
    nst_image_free(&image);
    assert_fails(nst_image_alloc(&image, 0, 2, &err), NST_EINVAL, "0x2");
    assert_fails(nst_image_alloc(&image, 1, -5, &err), NST_EINVAL, "1x-5");
    assert_fails(nst_image_alloc(&image, 1 << 30, 1 << 30, &err), NST_EINVAL, "1073741824");
    assert_null(image.data);
}

static void test_same_size(void **state)
{
    NstImage in = tiny_picture(13, 9, 1), out = resample(&in, (NstBox){0, 0, 13, 9}, 13, 9);
    (void)state;
    assert_memory_equal(in.data, out.data, sizeof(float) * 3 * 13 * 9);
    nst_image_free(&out);
    out = resample(&in, (NstBox){2, 3, 5, 4}, 5, 4); /* whole samples of a part */
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 5; x++)
            assert_near(out.data[(4 + y) * 5 + x], in.data[(9 + y + 3) * 13 + x + 2], 1e-6);
    nst_image_free(&in);
    nst_image_free(&out);
}

/*
 * A slope stays a slope: exactly where it grows, and nearly where it shrinks, since samples of a triangle of fractional
 * width do not quite balance. Not at the borders, which repeat their last sample.
 */
static void test_slope(void **state)
{
    static const int widths[] = {97, 40, 13, 7};
    NstImage in;
    NstError err;
    (void)state;
    assert_ok(nst_image_alloc(&in, 40, 40, &err));
    for (int i = 0; i < 3 * 1600; i++)
        in.data[i] = 0.02f * (float)(i % 40) - 0.01f * (float)(i / 40 % 40);
    for (size_t n = 0; n < sizeof(widths) / sizeof(*widths); n++) {
        const int side = widths[n];
        const double tolerance = side > 17 ? 1e-5 : 2e-3;
        NstImage out = resample(&in, (NstBox){10.25, 12.5, 17.5, 15.75}, side, side);
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                assert_near(out.data[(side + y) * side + x],
                            0.02 * (9.75 + (x + 0.5) * 17.5 / side) - 0.01 * (12 + (y + 0.5) * 15.75 / side),
                            tolerance);
        nst_image_free(&out);
    }
    nst_image_free(&in);
}

/* Shrinking averages: a checkerboard becomes grey instead of black or white. One sample grows to a flat picture. */
static void test_no_aliasing(void **state)
{
    NstImage in, out;
    NstError err;
    (void)state;
    assert_ok(nst_image_alloc(&in, 64, 64, &err));
    for (int i = 0; i < 3 * 64 * 64; i++)
        in.data[i] = (float)((i + i / 64) % 2);
    out = resample(&in, (NstBox){0, 0, 64, 64}, 8, 8);
    for (int i = 0; i < 3 * 64; i++)
        assert_near(out.data[i], 0.5, 0.02);
    nst_image_free(&in);
    nst_image_free(&out);

    in = tiny_picture(1, 1, 2);
    out = resample(&in, (NstBox){0.1, 0.2, 0.7, 0.7}, 6, 6);
    for (int i = 0; i < 3 * 36; i++)
        assert_near(out.data[i], in.data[i / 36], 1e-6);
    nst_image_free(&in);
    nst_image_free(&out);
}

static void test_mirror(void **state)
{
    NstImage image = tiny_picture(5, 3, 1), twice = tiny_picture(5, 3, 1);
    (void)state;
    image_mirror(&image);
    for (int row = 0; row < 9; row++)
        for (int x = 0; x < 5; x++)
            assert_true(image.data[row * 5 + x] == twice.data[row * 5 + 4 - x]);
    nst_image_free(&image);
    nst_image_free(&twice);
}

/* 2 channels of 3 x 5: the last row and column are left out; <halve(x), y> = <x, transpose(y)>. */
static void test_halve(void **state)
{
    float x[30], y[4], half[4], back[30] = {0};
    double left = 0, right = 0;
    NstRandom random;
    (void)state;
    random_seed(&random, 9);
    for (int i = 0; i < 30; i++)
        x[i] = random_normal(&random);
    for (int i = 0; i < 4; i++)
        y[i] = random_normal(&random);
    image_halve(half, x, 2, 3, 5);
    assert_near(half[0], (x[0] + x[1] + x[5] + x[6]) / 4.0, 1e-6);
    assert_near(half[1], (x[2] + x[3] + x[7] + x[8]) / 4.0, 1e-6);
    assert_near(half[3], (x[17] + x[18] + x[22] + x[23]) / 4.0, 1e-6);
    image_halve_backward(back, y, 2, 3, 5);
    for (int i = 0; i < 4; i++)
        left += (double)half[i] * y[i];
    for (int i = 0; i < 30; i++)
        right += (double)x[i] * back[i];
    assert_near(left, right, 1e-6);
    image_halve(x, x, 2, 3, 5); /* in place */
    assert_memory_equal(x, half, sizeof(half));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),       cmocka_unit_test(test_same_size), cmocka_unit_test(test_slope),
        cmocka_unit_test(test_no_aliasing), cmocka_unit_test(test_mirror),    cmocka_unit_test(test_halve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
