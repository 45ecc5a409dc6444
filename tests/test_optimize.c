/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst_optimization_*: presets against golden/optimize.py, and what options do. */
#include <nst/optimize.h>

#include "layer_cases.h"
#include "matting.h"
#include "recolor.h"
#include "tiny.h"

static const double TOLERANCE = 1e-4; /* relative, against PyTorch in double precision */

static NstContainer golden;

static int open_golden(void **state)
{
    NstError err;
    char *path = golden_path("optimize");
    (void)state;
    const int code = safetensors_read(&golden, path, &err);
    free(path);
    return code;
}

static int close_golden(void **state)
{
    (void)state;
    container_free(&golden);
    return 0;
}

static NstTensor *get(const char *name)
{
    for (int i = 0; i < golden.n_tensors; i++)
        if (!strcmp(golden.tensors[i].name, name))
            return &golden.tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static const NstTensor *get_of(const char *preset, const char *what)
{
    char name[64];
    snprintf(name, sizeof(name), "%s/%s", preset, what);
    return get(name);
}

static NstImage picture(const char *name)
{
    const NstTensor *tensor = get(name);
    return (NstImage){tensor->shape[2], tensor->shape[1], tensor->data};
}

/* The narrow VGG-19 of the dump as nst convert makes it; VGG-16: less conv3_4, conv4_4 and conv5_4 */
static NstModel *network(bool vgg16)
{
    const NstVggOptions options = {.pad_mode = NST_PAD_REFLECT};
    NstContainer weights = {.tensors = calloc((size_t)golden.n_tensors, sizeof(NstTensor))};
    NstModel *model = NULL;
    NstError err;
    assert_non_null(weights.tensors);
    for (int i = 0; i < golden.n_tensors; i++) {
        const NstTensor *from = &golden.tensors[i];
        if (strncmp(from->name, "vgg/", 4) || (vgg16 && strstr(from->name, "_4.")))
            continue;
        NstTensor *to = &weights.tensors[weights.n_tensors++];
        *to = *from;
        snprintf(to->name, sizeof(to->name), "%s", from->name + 4);
        to->data = aligned_calloc((size_t)to->count, sizeof(float));
        assert_non_null(to->data);
        memcpy(to->data, from->data, (size_t)to->count * sizeof(float));
    }
    assert_ok(vgg_build(&model, &weights, &options, &err));
    return model;
}

static NstOptimizeOptions preset(const char *name)
{
    NstOptimizeOptions options;
    NstError err;
    nst_optimize_defaults(&options);
    options.compute.threads = 1;
    assert_ok(nst_optimize_preset(&options, name, &err));
    return options;
}

/* Runs `iterations` steps from the start picture, or from none; returns the picture. */
static NstImage paint(const NstOptimizeOptions *options, const NstModel *model, const char *start,
                      NstOptimizeProgress *progress)
{
    const NstImage content = picture("content"), style = picture("style");
    const NstOptimizeStyle from = {.picture = &style, .weight = 1};
    NstImage begin = start ? picture(start) : content, result;
    NstOptimization *optimization;
    NstError err;
    assert_ok(nst_optimization_open(&optimization, options, model, &content, &from, 1, start ? &begin : NULL, &err));
    do
        assert_ok(nst_optimization_step(optimization, progress, &err));
    while (!progress->done);
    assert_ok(nst_optimization_picture(optimization, &result, &err));
    nst_optimization_close(&optimization);
    assert_null(optimization);
    return result;
}

static void assert_close(const char *what, const float *found, const NstTensor *expected, double tolerance)
{
    const double error = relative_error(found, expected->data, expected->count, 0);
    print_message("%s: relative error %.2g\n", what, error);
    if (!(error <= tolerance))
        fail_msg("%s: relative error %g, at most %g expected", what, error, tolerance);
}

static float largest(const NstTensor *tensor)
{
    float most = 0;
    for (int64_t i = 0; i < tensor->count; i++)
        most = fmaxf(most, fabsf(tensor->data[i]));
    return most;
}

static void assert_terms(const char *name, const NstOptimizeProgress *progress)
{
    const double found[] = {progress->total, progress->style, progress->content, progress->tv};
    const NstTensor *expected = get_of(name, "terms");
    for (int i = 0; i < 4; i++)
        if (!(fabs(found[i] - (double)expected->data[i]) <= TOLERANCE * fabs((double)expected->data[i])))
            fail_msg("%s, term %d: %g, %g expected", name, i, found[i], (double)expected->data[i]);
}

/* The terms at y; and the gradient, seen in a step of gradient descent that moves samples by up to 0.05. */
static NstOptimizeProgress assert_loss(const char *name, NstOptimizeOptions options, const NstModel *model)
{
    const NstTensor *grad = get_of(name, "grad"), *y = get("y");
    NstOptimizeProgress progress;
    options.start = NST_START_PICTURE;
    options.optimizer = NST_OPTIMIZER_SGD;
    options.schedule.decay = NST_DECAY_CONSTANT;
    options.iterations = 1;
    options.style_scale = (float)y->shape[2] / (float)get("style")->shape[2];
    options.learning_rate = 0.05f * 255 * 255 / largest(grad);
    NstImage moved = paint(&options, model, "y", &progress);
    assert_terms(name, &progress);
    for (int64_t i = 0; i < y->count; i++)
        moved.data[i] = (y->data[i] - moved.data[i]) * 255 * 255 / options.learning_rate;
    assert_close(name, moved.data, grad, TOLERANCE);
    nst_image_free(&moved);
    return progress;
}

static void test_presets(void **state)
{
    static const char *const names[] = {"nst", "gatys2016", "keras", "survey"};
    NstModel *model = network(false);
    (void)state;
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
        assert_loss(names[k], preset(names[k]), model);
    nst_model_free(&model);
}

/* VGG's first layers, as wide as they are; with an embedding beside the last, or without */
static NstModel *wide_network(bool embedded)
{
    static const int sides[][2] = {{64, 3}, {64, 64}, {128, 64}, {128, 128}};
    static const char *const names[] = {"conv1_1", "conv1_2", "conv2_1", "conv2_1_embed"};
    const NstVggOptions options = {.pad_mode = NST_PAD_REFLECT};
    NstContainer weights = {.tensors = calloc(4, sizeof(NstTensor))};
    NstModel *model = NULL;
    NstRandom random;
    NstError err;
    assert_non_null(weights.tensors);
    random_seed(&random, 1);
    for (int i = 0; i < 3 + embedded; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s.weight", names[i]);
        tiny_tensor(&weights, &random, name, sides[i][0], sides[i][1], i == 3 ? 1 : 3);
    }
    assert_ok(vgg_build(&model, &weights, &options, &err));
    return model;
}

/* A recipe stays as it is with VGG's own layers alone. */
static void test_fit(void **state)
{
    static const char *const style[] = {"relu1_1", "block2_conv1"};
    NstModel *narrow = network(false), *wide = wide_network(false), *embedded = wide_network(true);
    NstOptimizeOptions gatys = preset("gatys2016"), options = gatys;
    (void)state;
    assert_int_equal(nst_optimize_fit(&options, narrow), 0);
    assert_int_equal(options.formula, NST_FORMULA_RELATIVE);
    assert_string_equal(options.content_layers[0], "relu3_1");
    assert_null(options.style_layers[3]);
    assert_int_equal(options.start, NST_START_NOISE);
    assert_int_equal(options.pool, NST_POOL_AVERAGE);

    options = gatys;
    assert_int_equal(nst_optimize_fit(&options, wide), 0); /* it ends too early */
    for (int i = 0; i < NST_MAX_LAYERS; i++)
        gatys.style_layers[i] = i < 2 ? style[i] : NULL;
    gatys.content_layers[0] = "conv1_2";
    options = gatys;
    assert_int_equal(nst_optimize_fit(&options, wide), 1);
    assert_memory_equal(&options, &gatys, sizeof(gatys));
    assert_int_equal(nst_optimize_fit(&options, embedded), 0);
    nst_model_free(&narrow);
    nst_model_free(&wide);
    nst_model_free(&embedded);
}

/* The defaults with a temporal loss of weight 7: towards the style picture, trusted as the content is bright */
static NstOptimizeOptions temporal_options(const NstImage *warped, const NstImage *trust)
{
    NstOptimizeOptions options = preset("nst");
    options.warped = warped;
    options.warped_trust = trust;
    options.temporal_weight = 7;
    return options;
}

static void test_temporal_loss(void **state)
{
    NstModel *model = network(false);
    const NstImage warped = picture("style"), trust = picture("content");
    (void)state;
    const NstOptimizeProgress progress = assert_loss("temporal", temporal_options(&warped, &trust), model);
    const double expected = (double)get("temporal/terms")->data[4];
    assert_true(fabs(progress.temporal - expected) <= TOLERANCE * expected);
    nst_model_free(&model);
}

/* The share of the pixels that are further than `limit` from a picture */
static double far_share(const NstImage *x, const NstImage *from, double limit)
{
    const int n = 3 * x->width * x->height;
    int far = 0;
    for (int i = 0; i < n; i++)
        far += fabs((double)x->data[i] - (double)from->data[i]) > limit;
    return (double)far / n;
}

/* A large weight holds the result at `warped` where that is trusted, through several sizes, and nowhere else. */
static void test_temporal_hold(void **state)
{
    NstModel *model = network(false);
    const NstImage warped = picture("style"), content = picture("content");
    NstImage none = tiny_picture(5, 7, 1);
    NstOptimizeOptions options = temporal_options(&warped, NULL);
    NstOptimizeProgress progress;
    NstError err;
    (void)state;
    memset(none.data, 0, 3 * 5 * 7 * sizeof(float));
    options.temporal_weight = 1e5f;
    options.levels = 1;
    options.content_level = 0;
    options.scales = 2;
    options.iterations = 20;
    NstImage held = paint(&options, model, NULL, &progress);
    assert_true(far_share(&held, &warped, 0.02) < 0.01);
    options.warped_trust = &none;
    NstImage free_of_it = paint(&options, model, NULL, &progress);
    assert_true(progress.temporal == 0);
    options.warped = options.warped_trust = NULL;
    NstImage without = paint(&options, model, NULL, &progress);
    assert_memory_equal(free_of_it.data, without.data, sizeof(float) * 3 * (size_t)content.width *
                                                           (size_t)content.height);
    options.warped_trust = &none;
    NstOptimization *optimization;
    const NstOptimizeStyle from = {.picture = &warped, .weight = 1};
    assert_fails(nst_optimization_open(&optimization, &options, model, &content, &from, 1, NULL, &err), NST_EINVAL,
                 "warped_trust: without warped");
    nst_image_free(&held);
    nst_image_free(&free_of_it);
    nst_image_free(&without);
    nst_image_free(&none);
    nst_model_free(&model);
}

/* Five steps as PyTorch makes them: SGD with an exponential decay, and L-BFGS without a line search. */
static void test_steps(void **state)
{
    NstModel *model = network(false);
    NstOptimizeProgress progress;
    (void)state;
    NstOptimizeOptions options = preset("keras");
    options.iterations = 5;
    NstImage result = paint(&options, model, NULL, &progress);
    assert_close("five steps of SGD", result.data, get("keras/steps"), 1e-5);
    assert_int_equal(progress.evaluations, 5);
    assert_true(fabsf(progress.learning_rate - 100 * powf(0.96f, 0.04f)) < 1e-3f);
    nst_image_free(&result);

    options = preset("gatys2016");
    options.start = NST_START_PICTURE;
    options.iterations = 5;
    options.line_search = 0;
    result = paint(&options, model, "y", &progress);
    assert_close("five steps of L-BFGS", result.data, get("gatys2016/steps"), 1e-4);
    assert_int_equal(progress.evaluations, 6);
    nst_image_free(&result);
    nst_model_free(&model);
}

/* Every optimiser brings the loss down; L-BFGS the most in as many evaluations. */
static void test_optimizers(void **state)
{
    double total[4];
    NstModel *model = network(false);
    (void)state;
    for (int k = 0; k < 4; k++) {
        NstOptimizeOptions options = preset("nst");
        NstOptimizeProgress progress;
        options.optimizer = (NstOptimizer)k;
        options.iterations = 25;
        options.learning_rate = k == NST_OPTIMIZER_SGD ? 2e5f : 0;
        options.momentum = k == NST_OPTIMIZER_SGD ? 0.5f : 0;
        NstImage result = paint(&options, model, NULL, &progress);
        total[k] = progress.total;
        assert_int_equal(progress.iteration, 25);
        nst_image_free(&result);
    }
    NstOptimizeOptions options = preset("nst");
    NstOptimizeProgress start;
    options.optimizer = NST_OPTIMIZER_SGD;
    options.iterations = 1;
    NstImage result = paint(&options, model, NULL, &start);
    for (int k = 0; k < 4; k++) {
        print_message("optimiser %d: %g -> %g\n", k, start.total, total[k]);
        assert_true(total[k] < 0.7 * start.total);
        assert_true(total[NST_OPTIMIZER_LBFGS] <= total[k]);
    }
    nst_image_free(&result);
    nst_model_free(&model);
}

static void test_threads(void **state)
{
    NstModel *model = network(false);
    NstImage result[2];
    (void)state;
    for (int k = 0; k < 2; k++) {
        NstOptimizeOptions options = preset("nst");
        NstOptimizeProgress progress;
        options.compute.threads = 1 + 2 * k;
        options.photo_weight = 1;
        options.iterations = 4;
        result[k] = paint(&options, model, NULL, &progress);
    }
    assert_memory_equal(result[0].data, result[1].data, sizeof(float) * (size_t)get("content")->count);
    nst_image_free(&result[0]);
    nst_image_free(&result[1]);
    nst_model_free(&model);
}

static void test_scales_and_stop(void **state)
{
    NstModel *model = network(false);
    NstOptimizeOptions options = preset("nst");
    NstOptimizeProgress progress;
    (void)state;
    options.levels = 1;
    options.content_level = 0;
    options.scales = 2;
    options.iterations = 6;
    NstImage result = paint(&options, model, NULL, &progress);
    assert_int_equal(progress.iteration, 12);
    assert_int_equal(progress.scale, 1);
    assert_int_equal(progress.width, result.width);
    nst_image_free(&result);

    options.scales = 1;
    options.iterations = 1000;
    options.stop = 0.5f;
    options.stop_window = 10;
    result = paint(&options, model, NULL, &progress);
    assert_in_range(progress.iteration, 11, 200);
    nst_image_free(&result);
    nst_model_free(&model);
}

/* A bound of memory: tiles and a shorter history; or a word of what would do. */
static void test_memory(void **state)
{
    NstModel *model = network(false);
    NstOptimizeOptions options = preset("nst");
    NstImage content = tiny_picture(150, 117, 3);
    const NstImage style = picture("style");
    const NstOptimizeStyle from = {.picture = &style, .weight = 1};
    NstOptimizeProgress progress[2];
    NstOptimization *optimization;
    NstError err;
    (void)state;
    options.levels = 1;
    options.content_level = 0;
    for (int bounded = 0; bounded < 2; bounded++) {
        options.max_memory = bounded ? 5 << 20 : 0; /* room for the three steps to be remembered */
        assert_ok(nst_optimization_open(&optimization, &options, model, &content, &from, 1, NULL, &err));
        for (int i = 0; i < 3; i++)
            assert_ok(nst_optimization_step(optimization, &progress[bounded], &err));
        nst_optimization_close(&optimization);
    }
    assert_int_equal(progress[0].tiles, 1);
    assert_true(progress[1].tiles > 1);
    assert_true(fabs(progress[0].total - progress[1].total) < 1e-3 * progress[0].total);
    options.max_memory = 1 << 12;
    assert_fails(nst_optimization_open(&optimization, &options, model, &content, &from, 1, NULL, &err), NST_ETOOLARGE,
                 "MiB");
    assert_null(optimization);
    nst_image_free(&content);
    nst_model_free(&model);
}

/* Where no style goes, the content stays, whatever it begins with. */
static void test_masks(void **state)
{
    NstModel *model = network(false);
    NstOptimizeOptions options = preset("nst");
    const NstImage content = picture("content"), style = picture("style");
    NstImage mask, result;
    NstError err;
    assert_ok(nst_image_alloc(&mask, content.width, content.height, &err));
    const int n = content.width * content.height;
    for (int i = 0; i < 3 * n; i++)
        mask.data[i] = i % content.width < content.width / 2;
    const NstOptimizeStyle from = {.picture = &style, .weight = 1, .where = &mask};
    NstOptimizeProgress progress = {0};
    NstOptimization *optimization;
    double moved = 0;
    (void)state;
    options.start = NST_START_NOISE;
    options.iterations = 5;
    assert_ok(nst_optimization_open(&optimization, &options, model, &content, &from, 1, NULL, &err));
    while (!progress.done)
        assert_ok(nst_optimization_step(optimization, &progress, &err));
    assert_fails(nst_optimization_step(optimization, &progress, &err), NST_EINVAL, "done");
    assert_ok(nst_optimization_picture(optimization, &result, &err));
    for (int i = 0; i < 3 * n; i++) {
        const float change = fabsf(result.data[i] - content.data[i]);
        if (i % content.width >= content.width / 2)
            assert_true(change < 1e-6f);
        else
            moved += change;
    }
    assert_true(moved / n > 0.1);
    nst_optimization_close(&optimization);
    nst_image_free(&result);
    nst_image_free(&mask);
    nst_model_free(&model);
}

/* With color content the colour differences are the content's, but for what clipping takes. */
static void test_color(void **state)
{
    NstModel *model = network(false);
    NstOptimizeOptions options = preset("nst");
    NstOptimizeProgress progress;
    const NstImage content = picture("content");
    const int n = content.width * content.height;
    int same = 0;
    (void)state;
    options.color = NST_COLORS_CONTENT;
    options.iterations = 5;
    NstImage result = paint(&options, model, NULL, &progress);
    for (int i = 0; i < n; i++) {
        const float before = content.data[i] - content.data[2 * n + i], after = result.data[i] - result.data[2 * n + i];
        same += fabsf(before - after) < 1e-4f;
    }
    assert_true(same > n * 8 / 10);
    nst_image_free(&result);
    nst_model_free(&model);
}

static void test_recolor_match(void **state)
{
    NstImage x = tiny_picture(40, 30, 1), like = tiny_picture(25, 35, 2);
    const int sizes[2] = {40 * 30, 25 * 35};
    (void)state;
    recolor_match(&x, &like);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double mean[2][2] = {{0}}, product[2] = {0};
            for (int k = 0; k < 2; k++) {
                const float *data = k ? like.data : x.data;
                for (int i = 0; i < sizes[k]; i++) {
                    mean[k][0] += data[a * sizes[k] + i] / sizes[k];
                    mean[k][1] += data[b * sizes[k] + i] / sizes[k];
                    product[k] += (double)data[a * sizes[k] + i] * data[b * sizes[k] + i] / sizes[k];
                }
            }
            assert_true(fabs(mean[0][0] - mean[1][0]) < 1e-4);
            const double covariance[2] = {product[0] - mean[0][0] * mean[0][1], product[1] - mean[1][0] * mean[1][1]};
            assert_true(fabs(covariance[0] - covariance[1]) < 2e-3); /* colors_map does not stretch noise */
        }
    nst_image_free(&x);
    nst_image_free(&like);
}

/* A linear function of the picture's colours costs nothing; another does, with the right gradient. */
static void test_matting(void **state)
{
    enum { MW = 23, MH = 17, N = 3 * MW * MH };
    NstImage x = tiny_picture(MW, MH, 1), y = tiny_picture(MW, MH, 2);
    NstMatting *matting;
    NstCompute compute;
    NstError err;
    float linear[N], grad[N] = {0}, ignored[N];
    (void)state;
    nst_compute_defaults(&compute);
    compute.threads = 1;
    assert_ok(matting_create(&matting, &x, &compute, &err));
    for (int i = 0; i < N; i++)
        linear[i] = 0.2f + 0.5f * x.data[i % (MW * MH)] - 0.3f * x.data[MW * MH + i % (MW * MH)];
    const double at = matting_evaluate(matting, y.data, 1, grad);
    assert_true(at > 1e-3);
    assert_true(fabs(matting_evaluate(matting, linear, 1, ignored)) < 1e-3 * at);
    double squares = 0;
    for (int i = 0; i < N; i++)
        squares += (double)grad[i] * grad[i];
    const float step = (float)(0.01 / sqrt(squares));
    for (int i = 0; i < N; i++)
        y.data[i] += step * grad[i];
    const double after = matting_evaluate(matting, y.data, 1, ignored);
    for (int i = 0; i < N; i++)
        y.data[i] -= 2 * step * grad[i];
    const double before = matting_evaluate(matting, y.data, 1, ignored);
    assert_true(fabs((after - before) / (2 * step) - squares) < 1e-3 * squares);
    matting_free(&matting);
    assert_null(matting);
    nst_image_free(&x);
    nst_image_free(&y);
}

/* VGG-16 has no fourth convolution in its later blocks. */
static void test_vgg16(void **state)
{
    NstModel *model = network(true);
    const NstImage content = picture("content"), style = picture("style");
    const NstOptimizeStyle from = {.picture = &style, .weight = 1};
    NstOptimizeOptions options = preset("gatys2016");
    NstOptimizeProgress progress;
    NstOptimization *optimization;
    NstError err;
    (void)state;
    options.iterations = 2;
    NstImage result = paint(&options, model, NULL, &progress);
    assert_true(isfinite(progress.total) && progress.style > 0 && progress.content > 0);
    nst_image_free(&result);
    options = preset("survey");
    assert_fails(nst_optimization_open(&optimization, &options, model, &content, &from, 1, NULL, &err), NST_ENOTFOUND,
                 "block5_conv4");
    nst_model_free(&model);
}

static void test_wrong_options(void **state)
{
    NstModel *model = network(false);
    const NstImage content = picture("content"), style = picture("style"), empty = {0};
    const NstOptimizeStyle from = {.picture = &style, .weight = 1}, nothing = {.picture = &empty, .weight = 1};
    NstOptimizeOptions options = preset("nst");
    NstOptimization *o;
    NstError err;
    (void)state;
    assert_fails(nst_optimize_preset(&options, "vangogh", &err), NST_ENOTFOUND, "gatys2016");
    assert_fails(nst_optimization_open(&o, &options, model, &content, &from, 0, NULL, &err), NST_EINVAL, "0 styles");
    assert_fails(nst_optimization_open(&o, &options, model, &empty, &from, 1, NULL, &err), NST_EINVAL, "content");
    assert_fails(nst_optimization_open(&o, &options, model, &content, &nothing, 1, NULL, &err), NST_EINVAL, "style 1");
    assert_fails(nst_optimization_open(&o, &options, model, &content, &from, 1, &content, &err), NST_EINVAL, "start");
    options.momentum = 1;
    assert_fails(nst_optimization_open(&o, &options, model, &content, &from, 1, NULL, &err), NST_EINVAL, "momentum");
    options = preset("nst");
    options.scales = 11;
    assert_fails(nst_optimization_open(&o, &options, model, &content, &from, 1, NULL, &err), NST_EINVAL, "scales");
    options = preset("nst");
    options.struct_size = 0;
    assert_fails(nst_optimization_open(&o, &options, model, &content, &from, 1, NULL, &err), NST_EINVAL, "struct_size");
    options = preset("nst");
    options.optimizer = NST_OPTIMIZER_SGD;
    options.learning_rate = 1e12f;
    NstOptimizeProgress progress = {0};
    assert_ok(nst_optimization_open(&o, &options, model, &content, &from, 1, NULL, &err));
    int code = NST_OK;
    while (code == NST_OK && !progress.done)
        code = nst_optimization_step(o, &progress, &err);
    assert_int_equal(code, NST_ENOTFINITE);
    assert_non_null(strstr(err.message, "iteration "));
    nst_optimization_close(&o);
    nst_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets), cmocka_unit_test(test_fit),       cmocka_unit_test(test_steps),
        cmocka_unit_test(test_temporal_loss), cmocka_unit_test(test_temporal_hold),
        cmocka_unit_test(test_optimizers),    cmocka_unit_test(test_threads),
        cmocka_unit_test(test_scales_and_stop), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_color),
        cmocka_unit_test(test_recolor_match), cmocka_unit_test(test_matting),
        cmocka_unit_test(test_vgg16),         cmocka_unit_test(test_wrong_options),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
