/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lbfgs.h"
#include "tiny.h"

enum { MANY = 10007 };

typedef struct Counter {
    int evaluations, fail_at;
    double wall; /* beyond it the value is NaN */
} Counter;

static int counted(Counter *counter, NstError *err)
{
    counter->evaluations++;
    return counter->evaluations == counter->fail_at ? (fail)(err, NST_ECANCELLED, "enough") : NST_OK;
}

/* Rosenbrock's valley between two of the parameters */
static int valley(void *opaque, const float *x, double *value, float *grad, NstError *err)
{
    Counter *counter = opaque;
    const double a = 1 - (double)x[0], b = (double)x[1] - (double)x[0] * x[0];
    *value = a * a + 100 * b * b;
    grad[0] = (float)(-2 * a - 400 * b * x[0]);
    grad[1] = (float)(200 * b);
    if (counter->wall > 0 && fabsf(x[0]) > counter->wall)
        *value = NAN;
    return counted(counter, err);
}

/* sum of a (x - 1)^2 / 2, a from 1 to 1000 */
static int bowl(void *opaque, const float *x, double *value, float *grad, NstError *err)
{
    *value = 0;
    for (int i = 0; i < MANY; i++) {
        const double a = 1 + 999.0 * i / (MANY - 1), distance = (double)x[i] - 1;
        *value += a * distance * distance / 2;
        grad[i] = (float)(a * distance);
    }
    return counted(opaque, err);
}

static NstLbfgs *create(int64_t n, int history, bool line_search, int threads)
{
    NstLbfgsOptions options = {.history = history, .line_search = line_search, .rate = 1};
    NstLbfgs *lbfgs;
    NstError err;
    nst_compute_defaults(&options.compute);
    options.compute.threads = threads;
    assert_ok(lbfgs_create(&lbfgs, n, &options, &err));
    return lbfgs;
}

static void test_valley(void **state)
{
    NstLbfgs *lbfgs = create(2, 10, true, 1);
    Counter counter = {0};
    float x[2] = {-1.2f, 1};
    double value, last = INFINITY;
    bool moved = true;
    NstError err;
    (void)state;
    for (int i = 0; i < 60 && moved; i++) {
        assert_ok(lbfgs_step(lbfgs, valley, &counter, x, &value, &moved, &err));
        assert_true(value <= last * (1 + 1e-6));
        last = value;
    }
    assert_true(last < 1e-10 && fabsf(x[0] - 1) < 1e-4f && fabsf(x[1] - 1) < 1e-4f);
    assert_in_range(counter.evaluations, 1, 90);
    lbfgs_free(&lbfgs);
    assert_null(lbfgs);
}

/* Six iterations of torch.optim.LBFGS(lr=1, history_size=3, tolerances of 0) */
static void test_fixed_steps(void **state)
{
    static const float start[2] = {0.5f, 0.4f};
    static const float expected[6][2] = {
        {1.00819672f, -0.0918032787f},
        {0.534593803f, 0.344471528f},
        {0.549025254f, 0.323651491f},
        {0.559786729f, 0.310875971f},
        {0.560343349f, 0.312070322f},
        {0.575793171f, 0.335359387f},
    };
    NstLbfgs *lbfgs = create(2, 3, false, 1);
    Counter counter = {0};
    float x[2] = {start[0], start[1]};
    double value;
    bool moved;
    NstError err;
    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_ok(lbfgs_step(lbfgs, valley, &counter, x, &value, &moved, &err));
        assert_true(moved);
        for (int k = 0; k < 2; k++)
            if (!(fabsf(x[k] - expected[i][k]) <= 1e-4f * fabsf(expected[i][k])))
                fail_msg("step %d: %.8g, %.8g expected", i + 1, (double)x[k], (double)expected[i][k]);
    }
    assert_int_equal(counter.evaluations, 7);
    lbfgs_free(&lbfgs);
}

/* More steps than history, and the same bits for any number of threads */
static void test_bowl(void **state)
{
    float *x[2];
    (void)state;
    for (int run = 0; run < 2; run++) {
        NstLbfgs *lbfgs = create(MANY, 4, true, run ? 3 : 1);
        Counter counter = {0};
        double value = 0, first = 0;
        bool moved;
        NstError err;
        x[run] = calloc(MANY, sizeof(float));
        assert_non_null(x[run]);
        for (int i = 0; i < 40; i++) {
            assert_ok(lbfgs_step(lbfgs, bowl, &counter, x[run], &value, &moved, &err));
            first = i ? first : value;
        }
        assert_true(value < 1e-4 * first);
        lbfgs_free(&lbfgs);
    }
    assert_memory_equal(x[0], x[1], MANY * sizeof(float));
    free(x[0]);
    free(x[1]);
}

/* K = diag(1 / sqrt(a)), which makes the bowl round */
static void round_bowl(void *opaque, float *v)
{
    (void)opaque;
    for (int i = 0; i < MANY; i++)
        v[i] /= sqrtf(1 + 999.0f * (float)i / (MANY - 1));
}

/* In the right metric a bowl is a matter of two steps: one to learn its curvature, one to the minimum. */
static void test_metric(void **state)
{
    NstLbfgsOptions options = {.history = 4, .line_search = true, .rate = 1, .metric = round_bowl};
    NstLbfgs *lbfgs;
    Counter counter = {0};
    double value, before;
    bool moved;
    NstError err;
    float *x = calloc(MANY, sizeof(float));
    (void)state;
    assert_non_null(x);
    nst_compute_defaults(&options.compute);
    assert_ok(lbfgs_create(&lbfgs, MANY, &options, &err));
    assert_ok(lbfgs_step(lbfgs, bowl, &counter, x, &before, &moved, &err));
    assert_ok(lbfgs_step(lbfgs, bowl, &counter, x, &value, &moved, &err));
    assert_true(moved && value < 1e-9 * before);
    lbfgs_free(&lbfgs);
    free(x);
}

static void test_at_the_minimum(void **state)
{
    NstLbfgs *lbfgs = create(2, 4, true, 1);
    Counter counter = {0};
    float x[2] = {1, 1};
    double value;
    bool moved = true;
    NstError err;
    (void)state;
    assert_ok(lbfgs_step(lbfgs, valley, &counter, x, &value, &moved, &err));
    assert_false(moved);
    assert_true(value == 0 && x[0] == 1 && x[1] == 1);
    lbfgs_free(&lbfgs);
}

/* Values that are no numbers shorten the step. */
static void test_wall(void **state)
{
    NstLbfgs *lbfgs = create(2, 4, true, 1);
    Counter counter = {.wall = 1.21};
    float x[2] = {-1.2f, 1};
    double value = INFINITY;
    bool moved = true;
    NstError err;
    (void)state;
    for (int i = 0; i < 60 && moved; i++)
        assert_ok(lbfgs_step(lbfgs, valley, &counter, x, &value, &moved, &err));
    assert_true(value < 1e-8);
    counter.wall = 1e-3;
    lbfgs_free(&lbfgs);
    lbfgs = create(2, 4, true, 1);
    assert_fails(lbfgs_step(lbfgs, valley, &counter, x, &value, &moved, &err), NST_ENOTFINITE, "start");
    lbfgs_free(&lbfgs);
}

/* An error of the objective comes out, and x is where it was. */
static void test_error(void **state)
{
    NstLbfgs *lbfgs = create(2, 4, true, 1);
    Counter counter = {.fail_at = 5};
    float x[2] = {-1.2f, 1}, before[2];
    double value;
    bool moved;
    NstError err;
    int code = NST_OK;
    (void)state;
    while (code == NST_OK) {
        memcpy(before, x, sizeof(x));
        code = lbfgs_step(lbfgs, valley, &counter, x, &value, &moved, &err);
    }
    assert_int_equal(code, NST_ECANCELLED);
    assert_string_equal(err.message, "enough");
    assert_memory_equal(before, x, sizeof(x));
    lbfgs_free(&lbfgs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valley), cmocka_unit_test(test_fixed_steps),    cmocka_unit_test(test_bowl),
        cmocka_unit_test(test_metric), cmocka_unit_test(test_at_the_minimum), cmocka_unit_test(test_wall),
        cmocka_unit_test(test_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
