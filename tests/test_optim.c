/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiny.h"

#include <limits.h>

/* Four steps of torch.optim.Adam(lr=0.05, betas=(0.9, 0.99)) */
static void test_adam(void **state)
{
    static const float grads[4][3] = {{0.3f, -1e-4f, 2}, {-0.1f, 5e-4f, 2}, {0.7f, 0, -3}, {0.2f, 1e-9f, 1}};
    static const float expected[4][3] = {
        {0.949999988f, -1.95000505f, 0.449999988f},
        {0.929952741f, -1.97985971f, 0.399999976f},
        {0.894585073f, -2.00298977f, 0.396749526f},
        {0.859179318f, -2.02197957f, 0.387299597f},
    };
    const NstAdam adam = {0.9f, 0.99f, 1e-8f};
    float x[3] = {1, -2, 0.5f}, m[3] = {0}, v[3] = {0};
    (void)state;
    for (int t = 0; t < 4; t++) {
        optim_adam(&adam, t + 1, 0.05f, 3, grads[t], m, v, x);
        for (int i = 0; i < 3; i++)
            assert_true(fabsf(x[i] - expected[t][i]) <= 2e-7f);
    }
}

static void test_adam_without_gradient(void **state)
{
    const NstAdam adam = {0.9f, 0.99f, 1e-8f};
    const float grad = 0;
    float x = 3, m = 0, v = 0;
    (void)state;
    optim_adam(&adam, 1, 0.1f, 1, &grad, &m, &v, &x);
    assert_true(x == 3 && m == 0 && v == 0);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g found, %.9g +- %g expected", value, expected, tolerance);
}

/* Three steps of torch.optim.SGD(lr=0.1, momentum=0.9), the second without momentum */
static void test_sgd(void **state)
{
    static const float grads[3][2] = {{1, -2}, {0.5f, 0}, {-1, 4}};
    static const float expected[3][2] = {{0.9f, 0.2f}, {0.76f, 0.38f}, {0.734f, 0.142f}};
    float x[2] = {1, 0}, v[2] = {0}, plain = 3;
    (void)state;
    for (int t = 0; t < 3; t++) {
        optim_sgd(0.9f, 0.1f, 2, grads[t], v, x);
        for (int i = 0; i < 2; i++)
            assert_near(x[i], expected[t][i], 1e-6);
    }
    optim_sgd(0, 0.5f, 1, &grads[2][1], NULL, &plain);
    assert_near(plain, 1, 0);
}

/* v = 0.9 v + 0.1 g^2, by hand */
static void test_rmsprop(void **state)
{
    const float g[2] = {2, -1};
    float x = 1, v = 0;
    (void)state;
    optim_rmsprop(0.9f, 1e-3f, 0.1f, 1, &g[0], &v, &x);
    assert_near(v, 0.4, 1e-7);
    assert_near(x, 1 - 0.2 / (sqrt(0.4) + 1e-3), 1e-6);
    optim_rmsprop(0.9f, 1e-3f, 0.1f, 1, &g[1], &v, &x);
    assert_near(v, 0.46, 1e-7);
    assert_near(x, 1 - 0.2 / (sqrt(0.4) + 1e-3) + 0.1 / (sqrt(0.46) + 1e-3), 1e-6);
}

static void test_cosine(void **state)
{
    const NstSchedule warm = {.decay = NST_DECAY_COSINE, .warmup = 10, .hold = 0.5f, .last = 0.03f};
    const NstSchedule cold = {.decay = NST_DECAY_COSINE, .last = 0.03f}, flat = {.decay = NST_DECAY_COSINE, .hold = 1};
    (void)state;
    assert_near(optim_schedule(&warm, 0, 100), 0.1, 1e-7);
    assert_near(optim_schedule(&warm, 4, 100), 0.5, 1e-7);
    assert_near(optim_schedule(&warm, 9, 100), 1, 0);
    assert_near(optim_schedule(&warm, 50, 100), 1, 0);
    assert_near(optim_schedule(&warm, 75, 100), 0.515, 1e-7);
    assert_near(optim_schedule(&warm, 100, 100), 0.03, 1e-7);
    assert_near(optim_schedule(&cold, 0, 1), 1, 0);
    for (int step = 0; step < 100; step++)
        assert_near(optim_schedule(&flat, step, 100), 1, 0);
    for (int step = 51; step < 100; step++)
        assert_true(optim_schedule(&warm, step, 100) < optim_schedule(&warm, step - 1, 100));
}

/* One step fewer than the fewest, and a rate of those that are done is another than in a long run. */
static void test_fewest_steps(void **state)
{
    static const float holds[] = {0.1f, 0.3f, 0.5f, 0.75f, 1};
    const NstSchedule falling = {.decay = NST_DECAY_COSINE}, constant = {.decay = NST_DECAY_CONSTANT};
    (void)state;
    for (size_t i = 0; i < sizeof(holds) / sizeof(*holds); i++) {
        const NstSchedule schedule = {.decay = NST_DECAY_COSINE, .hold = holds[i]};
        for (int done = 2; done < 50; done++) {
            const int fewest = optim_fewest_steps(&schedule, done);
            assert_true(fewest >= done);
            for (int step = 0; step < done; step++)
                assert_near(optim_schedule(&schedule, step, fewest), 1, 0);
            assert_true(fewest == done || optim_schedule(&schedule, done - 1, fewest - 1) < 1);
        }
    }
    assert_int_equal(optim_fewest_steps(&falling, 1), 1);
    assert_int_equal(optim_fewest_steps(&falling, 2), INT_MAX);
    assert_int_equal(optim_fewest_steps(&constant, 70), 70);
}

static void test_other_schedules(void **state)
{
    const NstSchedule constant = {.decay = NST_DECAY_CONSTANT, .warmup = 4};
    const NstSchedule steps = {.decay = NST_DECAY_STEP, .every = 10, .factor = 0.5f};
    const NstSchedule exponential = {.decay = NST_DECAY_EXPONENTIAL, .every = 100, .factor = 0.96f};
    (void)state;
    assert_near(optim_schedule(&constant, 1, 100), 0.5, 0);
    assert_near(optim_schedule(&constant, 99, 100), 1, 0);
    assert_near(optim_schedule(&steps, 9, 100), 1, 0);
    assert_near(optim_schedule(&steps, 10, 100), 0.5, 0);
    assert_near(optim_schedule(&steps, 39, 100), 0.125, 0);
    assert_near(optim_schedule(&exponential, 0, 100), 1, 0);
    assert_near(optim_schedule(&exponential, 50, 100), sqrt(0.96), 1e-7);
    assert_near(optim_schedule(&exponential, 4000, 100), pow(0.96, 40), 1e-6);
}

/* Published outputs of splitmix64 (seed 1234567) and of xoshiro256** (state 1, 2, 3, 4) */
static void test_random_reference(void **state)
{
    static const uint64_t splitmix[4] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                         4593380528125082431u};
    static const uint64_t xoshiro[6] = {11520, 0, 1509978240, 1215971899390074240u, 1216172134540287360u,
                                        607988272756665600u};
    NstRandom random;
    (void)state;
    random_seed(&random, 1234567);
    assert_memory_equal(random.s, splitmix, sizeof(splitmix));
    random = (NstRandom){{1, 2, 3, 4}};
    for (int i = 0; i < 6; i++)
        assert_true(random_next(&random) == xoshiro[i]);
}

static void test_random_below(void **state)
{
    int counts[7] = {0};
    NstRandom random;
    (void)state;
    random_seed(&random, 3);
    for (int i = 0; i < 70000; i++) {
        const int x = random_below(&random, 7);
        assert_in_range(x, 0, 6);
        counts[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9600, 10400);
    for (int i = 0; i < 10; i++)
        assert_int_equal(random_below(&random, 1), 0);
}

static void test_random_moments(void **state)
{
    enum { N = 100000 };
    double uniform = 0, normal = 0, square = 0;
    NstRandom random;
    (void)state;
    random_seed(&random, 5);
    for (int i = 0; i < N; i++) {
        const float u = random_uniform(&random), x = random_normal(&random);
        assert_true(u >= 0 && u < 1 && isfinite(x));
        uniform += u / N;
        normal += x / N;
        square += (double)x * x / N;
    }
    assert_near(uniform, 0.5, 0.005);
    assert_near(normal, 0, 0.015);
    assert_near(square, 1, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam),           cmocka_unit_test(test_adam_without_gradient),
        cmocka_unit_test(test_sgd),            cmocka_unit_test(test_rmsprop),
        cmocka_unit_test(test_cosine),         cmocka_unit_test(test_other_schedules),
        cmocka_unit_test(test_random_reference), cmocka_unit_test(test_fewest_steps),
        cmocka_unit_test(test_random_below),   cmocka_unit_test(test_random_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
