/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metric of image optimisation: what makes it one. */
#include "buffers.h"
#include "smoothing.h"
#include "tiny.h"

static double inner(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static float *applied(const float *v, int h, int w)
{
    const size_t bytes = 3 * (size_t)h * (size_t)w * sizeof(float);
    NstSmoothing *smoothing;
    NstError err;
    float *result = buffer_new(bytes / sizeof(float));
    memcpy(result, v, bytes);
    assert_ok(smoothing_create(&smoothing, h, w, &err));
    smoothing_apply(smoothing, result);
    smoothing_free(&smoothing);
    assert_null(smoothing);
    return result;
}

/* u K v = v K u, and v K v >= v v, for sides that are odd and too small too */
static void test_symmetric(void **state)
{
    static const int sizes[][2] = {{1, 1}, {3, 40}, {4, 4}, {16, 24}, {37, 53}};
    NstRandom random;
    (void)state;
    random_seed(&random, 1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        const int h = sizes[i][0], w = sizes[i][1], n = 3 * h * w;
        float *u = buffer_filled((size_t)n, FILL_NORMAL, &random), *v = buffer_filled((size_t)n, FILL_NORMAL, &random);
        float *ku = applied(u, h, w), *kv = applied(v, h, w);
        const double one = inner(u, kv, n), other = inner(v, ku, n), size = sqrt(inner(u, u, n) * inner(v, v, n));
        if (!(fabs(one - other) <= 1e-6 * size))
            fail_msg("%dx%d: u K v is %.8g, v K u is %.8g", w, h, one, other);
        assert_true(inner(v, kv, n) >= inner(v, v, n) * (1 - 1e-6));
        free(u);
        free(v);
        free(ku);
        free(kv);
    }
}

/* Each of the three levels keeps a mean, so an even picture becomes four times itself; channels stay apart. */
static void test_even(void **state)
{
    enum { H = 16, W = 24, PLANE = H * W };
    float v[3 * PLANE];
    (void)state;
    for (int i = 0; i < 3 * PLANE; i++)
        v[i] = (float)(1 + i / PLANE);
    float *kv = applied(v, H, W);
    for (int i = 0; i < 3 * PLANE; i++)
        assert_true(fabsf(kv[i] - 4 * v[i]) < 1e-5f);
    free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_symmetric), cmocka_unit_test(test_even)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
