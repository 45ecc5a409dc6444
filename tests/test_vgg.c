/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec.h"
#include "plan.h"
#include "tiny.h"

static const char *node_of(const NstModel *loss, const char *layer)
{
    NstError err;
    int node = -1;
    assert_ok(vgg_find_layer(loss, layer, &node, &err));
    return loss->graph.nodes[node].name;
}

static void test_vocabularies(void **state)
{
    static const char *const layers[][2] = {
        {"relu1_1", "relu1_1"},       {"conv1_1", "conv1_1"},       {"block1_conv1", "relu1_1"},
        {"block2_conv2", "relu2_2"},  {"block3_conv1", "relu3_1"},  {"conv3_1", "conv3_1"},
        {"pool1", "pool1"},           {"block2_pool", "pool2"},
    };
    NstModel *loss = tiny_vgg(false);
    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++)
        assert_string_equal(node_of(loss, layers[i][0]), layers[i][1]);
    nst_model_free(&loss);
}

static void test_embedding(void **state)
{
    NstModel *loss = tiny_vgg(true);
    NstError err;
    int node;
    (void)state;
    assert_string_equal(node_of(loss, "relu2_1"), "relu2_1_embed");
    assert_string_equal(node_of(loss, "block2_conv1"), "relu2_1_embed");
    assert_string_equal(node_of(loss, "conv2_1"), "conv2_1");
    assert_string_equal(node_of(loss, "relu2_2"), "relu2_2");
    assert_ok(vgg_find_layer(loss, "relu2_1", &node, &err));
    assert_int_equal(loss->graph.nodes[node].channels, 12);
    assert_ok(vgg_find_layer(loss, "relu2_2", &node, &err));
    assert_int_equal(loss->graph.nodes[loss->graph.nodes[loss->graph.nodes[node].inputs[0]].inputs[0]].channels, 7);
    nst_model_free(&loss);
}

static void test_unknown_layers(void **state)
{
    static const char *const layers[] = {"relu4_1", "block4_conv1", "pool3", "relu1_1x", "block1_conv1_", "", "input",
                                         "relu", "relu1_"};
    NstModel *loss = tiny_vgg(true);
    NstError err;
    int node;
    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++) {
        assert_fails(vgg_find_layer(loss, layers[i], &node, &err), NST_ENOTFOUND, layers[i]);
        assert_non_null(strstr(err.message, "relu1_1 relu1_2 pool1 relu2_1 relu2_2 pool2 relu3_1"));
    }
    nst_model_free(&loss);
}

static void test_pools_and_padding(void **state)
{
    NstError err;
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        const NstVggOptions options = {.average_pool = variant & 1,
                                       .ceil_pool = variant & 2,
                                       .pad_mode = variant & 4 ? NST_PAD_REFLECT : NST_PAD_ZERO};
        NstContainer weights = tiny_weights(false);
        NstModel *loss;
        NstShape shapes[32];
        assert_ok(vgg_build(&loss, &weights, &options, &err));
        assert_int_equal(loss->kind, NST_KIND_LOSS);
        const int pool = graph_find(&loss->graph, "pool1"), conv = graph_find(&loss->graph, "conv2_2");
        assert_in_range(loss->graph.n_nodes, 1, 32);
        assert_ok(graph_shapes(&loss->graph, 9, 11, shapes, &err));
        assert_int_equal(loss->graph.nodes[pool].op, options.average_pool ? NST_OP_AVG_POOL : NST_OP_MAX_POOL);
        assert_int_equal(shapes[pool].h, options.ceil_pool ? 5 : 4);
        assert_int_equal(shapes[pool].w, options.ceil_pool ? 6 : 5);
        assert_int_equal(shapes[conv].h, shapes[pool].h);
        assert_int_equal(loss->graph.nodes[conv].pad_mode, options.pad_mode);
        nst_model_free(&loss);
    }
}

/* The value of node `name` for a picture of 4 x 4 samples of one colour */
static const float *run(const NstModel *loss, const char *name, const float rgb[3], NstPlan **plan)
{
    const int node = graph_find(&loss->graph, name);
    NstPlanOptions options = {.taps = &node, .n_taps = 1};
    NstError err;
    nst_compute_defaults(&options.compute);
    assert_true(node >= 0);
    assert_ok(plan_create(plan, &loss->graph, 4, 4, &options, &err));
    for (int i = 0; i < 48; i++)
        plan_value(*plan, 0)[i] = rgb[i / 16];
    exec_forward(*plan);
    return plan_value(*plan, node);
}

static void test_default_preprocessing(void **state)
{
    NstModel *loss = tiny_vgg(false);
    NstPlan *plan;
    const float *bgr = run(loss, "preprocess", (float[]){1, 0.5f, 0.25f}, &plan);
    (void)state;
    for (int i = 0; i < 16; i++) {
        assert_true(fabsf(bgr[i] - (63.75f - 103.939f)) < 1e-4f);
        assert_true(fabsf(bgr[16 + i] - (127.5f - 116.779f)) < 1e-4f);
        assert_true(fabsf(bgr[32 + i] - (255 - 123.68f)) < 1e-4f);
    }
    plan_free(&plan);
    nst_model_free(&loss);
}

static void test_given_preprocessing(void **state)
{
    const NstVggOptions options = {.pad_mode = NST_PAD_ZERO};
    NstContainer weights = tiny_weights(false);
    NstRandom random;
    NstModel *loss;
    NstError err;
    NstPlan *plan;
    (void)state;
    random_seed(&random, 1);
    tiny_tensor(&weights, &random, "preprocess.weight", 3, 3, 1);
    const float first = weights.tensors[weights.n_tensors - 1].data[0];
    assert_ok(vgg_build(&loss, &weights, &options, &err));
    const float *value = run(loss, "preprocess", (float[]){1, 0, 0}, &plan);
    assert_true(fabsf(value[0] - first) < 1e-6f);
    plan_free(&plan);
    nst_model_free(&loss);
}

static void test_bad_weights(void **state)
{
    const NstVggOptions options = {.pad_mode = NST_PAD_REFLECT};
    NstContainer none = {.tensors = calloc(1, sizeof(NstTensor))}, weights = tiny_weights(false);
    NstModel *loss;
    NstError err;
    (void)state;
    assert_fails(vgg_build(&loss, &none, &options, &err), NST_EFORMAT, "conv1_1.weight");
    assert_null(loss);

    weights.tensors[2].shape[1] = 4; /* conv1_2.weight, where conv1_1 gives 5 channels */
    weights.tensors[2].count = 6 * 4 * 9;
    assert_int_not_equal(vgg_build(&loss, &weights, &options, &err), NST_OK);
    assert_non_null(strstr(err.message, "conv1_2"));
    assert_null(loss);
}

/* Classifier layers, for example, are no part of the loss network. */
static void test_other_tensors_are_left_out(void **state)
{
    const NstVggOptions options = {.pad_mode = NST_PAD_REFLECT};
    NstContainer weights = tiny_weights(false);
    NstRandom random;
    NstModel *loss;
    NstError err;
    (void)state;
    random_seed(&random, 1);
    tiny_tensor(&weights, &random, "fc6.weight", 4, 9, 1);
    assert_ok(vgg_build(&loss, &weights, &options, &err));
    assert_int_equal(graph_find_tensor(&loss->graph, "fc6.weight"), -1);
    assert_int_equal(loss->graph.n_tensors, 12);
    assert_string_equal(loss->graph.nodes[loss->graph.n_nodes - 1].name, "relu3_1");
    nst_model_free(&loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vocabularies),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_unknown_layers),
        cmocka_unit_test(test_pools_and_padding),
        cmocka_unit_test(test_default_preprocessing),
        cmocka_unit_test(test_given_preprocessing),
        cmocka_unit_test(test_bad_weights),
        cmocka_unit_test(test_other_tensors_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
