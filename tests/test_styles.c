/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The styles that ship: each loads, paints, and Winograd's rounding does not show. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec.h"
#include "nsw.h"
#include "optim.h"
#include "plan.h"


enum { WIDTH = 200, HEIGHT = 136 };

/* Waves of several lengths in each colour, with some noise: edges, gradients and texture. */
static void draw(float *x, float scale)
{
    NstRandom random;
    random_seed(&random, 7);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < HEIGHT; i++)
            for (int j = 0; j < WIDTH; j++) {
                float wave = sinf((float)(i * (c + 1)) * 0.05f) * cosf((float)j * 0.03f * (float)(c + 2));
                float edge = (i / 24 + j / 40) % 2 ? 0.2f : -0.2f;
                float v = 0.5f + 0.2f * wave + edge + 0.05f * random_normal(&random);
                x[(c * HEIGHT + i) * WIDTH + j] = scale * fminf(fmaxf(v, 0), 1);
            }
}

/* The network's output for the drawing, 3 x HEIGHT x WIDTH, 0 to 1; the caller frees it. */
static float *paint(const NstModel *model, bool direct)
{
    NstPlanOptions options = {.direct = direct};
    NstPlan *plan = NULL;
    NstError err;
    nst_compute_defaults(&options.compute);
    if (plan_create(&plan, &model->graph, HEIGHT, WIDTH, &options, &err) < 0)
        fail_msg("%s", err.message);
    draw(plan_value(plan, 0), model->input_scale);
    exec_forward(plan);
    const float *y = plan_value(plan, model->graph.n_nodes - 1);
    float *copy = malloc(sizeof(float) * 3 * HEIGHT * WIDTH);
    assert_non_null(copy);
    for (int i = 0; i < 3 * HEIGHT * WIDTH; i++)
        copy[i] = y[i] / model->output_scale;
    plan_free(&plan);
    return copy;
}

static int level(float v)
{
    return (int)lrintf(fminf(fmaxf(v, 0), 1) * 255);
}

/* Whether it is a style, and not the loss network */
static bool check_style(const char *path)
{
    NstModel *model = NULL;
    NstError err;
    if (nst_model_load(&model, path, &err) < 0)
        fail_msg("%s", err.message);
    if (model->kind == NST_KIND_LOSS) { /* paints nothing */
        nst_model_free(&model);
        return false;
    }
    float *y = paint(model, false), *reference = paint(model, true);
    double largest = 0, difference = 0, squares = 0;
    int low = 255, high = 0;
    for (int i = 0; i < 3 * HEIGHT * WIDTH; i++) {
        int a = level(y[i]), b = level(reference[i]);
        largest = fmax(largest, fabs((double)reference[i]));
        difference = fmax(difference, fabs((double)y[i] - (double)reference[i]));
        squares += (a - b) * (a - b);
        low = b < low ? b : low;
        high = b > high ? b : high;
    }
    double psnr = squares > 0 ? 10 * log10(255. * 255. * 3 * HEIGHT * WIDTH / squares) : INFINITY;
    print_message("%s: relative error %.1e, PSNR %.1f dB\n", path, difference / largest, psnr);
    assert_true(difference <= 1e-4 * largest);
    assert_true(psnr >= 60);
    assert_true(high - low > 100); /* a picture, neither black nor flat */
    free(y);
    free(reference);
    nst_model_free(&model);
    return true;
}

static void test_styles(void **state)
{
    (void)state;
    const char *folder = getenv("SRCDIR");
    char path[4096];
    snprintf(path, sizeof(path), "%s/weights", folder ? folder : ".");
    DIR *weights = opendir(path);
    int n = 0;
    if (!weights)
        fail_msg("%s: the folder of the styles that ship expected", path);
    for (struct dirent *entry; (entry = readdir(weights));) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".nsw"))
            continue;
        snprintf(path, sizeof(path), "%s/weights/%s", folder ? folder : ".", entry->d_name);
        n += check_style(path);
    }
    closedir(weights);
    assert_in_range(n, 2, 1000); /* starry and wave at least */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_styles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
