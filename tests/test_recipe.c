/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ten steps of a whole training run against golden/recipe.py, which does it all anew with PyTorch in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nst/train.h>

#include "layer_cases.h"
#include "trainer.h"
#include "util.h"
#include "vgg.h"

#include <cmocka.h>

enum { STEPS = 10, PICTURES = 3, FIGURES = 7 };

static const char *const figure_names[FIGURES] = {"total",     "style",         "content",      "tv",
                                                  "stability", "gradient norm", "learning rate"};

static NstContainer load(const char *name)
{
    NstContainer container;
    NstError err;
    char *path = golden_path(name);
    if (safetensors_read(&container, path, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
    return container;
}

static const NstTensor *get(const NstContainer *golden, const char *name)
{
    for (int i = 0; i < golden->n_tensors; i++)
        if (!strcmp(golden->tensors[i].name, name))
            return &golden->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static int give_picture(void *opaque, int index, NstImage *image, NstError *err)
{
    char name[32];
    snprintf(name, sizeof(name), "content%d", index);
    const NstTensor *picture = get(opaque, name);
    NST_TRY(nst_image_alloc(image, picture->shape[2], picture->shape[1], err));
    memcpy(image->data, picture->data, (size_t)picture->count * sizeof(float));
    return NST_OK;
}

static NstTrainer *open_trainer(NstContainer *golden, const NstModel *vgg)
{
    const NstTensor *style = get(golden, "style");
    const NstImage picture = {style->shape[2], style->shape[1], style->data};
    const NstTrainStyle painting = {&picture, 1};
    NstTrainOptions options;
    NstTrainer *trainer = NULL;
    NstError err;

    nst_train_defaults(&options);
    options.arch = NST_ARCH_FAST;
    options.steps = STEPS;
    options.batch = 2;
    options.crop = 32;
    options.levels = 3;
    options.content_level = 1;
    options.style_weight = 1;
    options.content_weight = 0.02f;
    options.tv_weight = 0.01f;
    options.stability_weight = 3;
    options.learning_rate = 3e-4f;
    options.output_lr_scale = 0.1f;
    options.beta1 = 0.9f;
    options.beta2 = 0.99f;
    options.clip_norm = 0.2f;
    options.schedule.warmup = 3;
    options.schedule.hold = 0.5f;
    options.seed = 1;
    options.compute.threads = 2;
    if (nst_trainer_open(&trainer, &options, vgg, &painting, 1, give_picture, golden, PICTURES, &err) < 0)
        fail_msg("%s", err.message);
    return trainer;
}

static NstModel *open_vgg(void)
{
    const NstVggOptions options = {.ceil_pool = true, .pad_mode = NST_PAD_REFLECT};
    NstContainer weights = load("vgg");
    NstModel *vgg = NULL;
    NstError err;
    if (vgg_build(&vgg, &weights, &options, &err) < 0)
        fail_msg("%s", err.message);
    return vgg;
}

static void check_progress(const NstTrainProgress *progress, const float *expected)
{
    const float found[FIGURES] = {progress->total,     progress->style,     progress->content,      progress->tv,
                                  progress->stability, progress->grad_norm, progress->learning_rate};
    for (int i = 0; i < FIGURES; i++) {
        const double error = fabs((double)found[i] / (double)expected[i] - 1);
        print_message("step %d: %s: relative error %.2g\n", progress->step, figure_names[i], error);
        if (!(error <= 1e-4))
            fail_msg("step %d: %s: %g, %g expected", progress->step, figure_names[i], (double)found[i],
                     (double)expected[i]);
    }
}

static void check_tensor(const char *name, const float *found, const NstTensor *expected)
{
    const double error = relative_error(found, expected->data, expected->count, 0);
    print_message("%s: relative error %.2g\n", name, error);
    if (!(error <= 1e-4))
        fail_msg("%s: relative error %g", name, error);
}

static void test_ten_steps(void **state)
{
    (void)state;
    static const char *const weights[] = {"enc1.weight", "res3_1.weight", "out.weight", "out.bias"};
    NstContainer golden = load("train");
    NstModel *vgg = open_vgg();
    NstTrainer *trainer = open_trainer(&golden, vgg);
    const NstTensor *progress = get(&golden, "progress");

    assert_int_equal(progress->count, STEPS * FIGURES);
    for (int step = 0; step < STEPS; step++) {
        NstTrainProgress found;
        NstError err;
        if (nst_trainer_step(trainer, &found, &err) < 0)
            fail_msg("%s", err.message);
        check_progress(&found, progress->data + (ptrdiff_t)FIGURES * step);
    }
    check_tensor("the last crop", trainer->crop.data, get(&golden, "crop"));
    for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++) {
        const int tensor = graph_find_tensor(&trainer->graph, weights[i]);
        assert_true(tensor >= 0);
        check_tensor(weights[i], trainer->graph.tensors[tensor].data, get(&golden, weights[i]));
    }
    nst_trainer_close(&trainer);
    nst_model_free(&vgg);
    container_free(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
