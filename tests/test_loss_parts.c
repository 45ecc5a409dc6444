/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tiles, masks, several styles and weights of layers: against the loss without them. */
#include "loss.h"
#include "tiles.h"
#include "tiny.h"

enum { W = 149, H = 118, COUNT = 3 * H * W };

static const char *const style_layers[] = {"relu1_1", "relu2_1", "relu3_1", NULL};
static const char *const content_layers[] = {"conv2_2", "relu3_1", NULL};

static NstLossOptions default_options(void)
{
    NstLossOptions options = {.levels = 2,
                              .content_level = 1,
                              .style_layers = style_layers,
                              .content_layers = content_layers,
                              .style_weight = 1,
                              .content_weight = 0.5f,
                              .tv_weight = 2};
    nst_compute_defaults(&options.compute);
    options.compute.threads = 1;
    return options;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g found, %.9g +- %g expected", value, expected, tolerance);
}

typedef struct Result {
    NstLossTerms terms;
    float grad[COUNT];
} Result;

/* The loss of picture 3 against content picture 2 and the styles, whose pictures may be NULL for picture 1 */
static Result *evaluate(const NstLossOptions *options, const NstLossStyle *styles, int n)
{
    NstModel *network = tiny_slim();
    NstImage style = tiny_picture(130, 141, 1), content = tiny_picture(W, H, 2), y = tiny_picture(W, H, 3);
    NstLossStyle all[NST_MAX_STYLES];
    NstLoss *loss;
    NstError err;
    Result *result = calloc(1, sizeof(*result));
    assert_non_null(result);
    for (int i = 0; i < n; i++) {
        all[i] = styles[i];
        all[i].picture = all[i].picture ? all[i].picture : &style;
    }
    assert_ok(loss_create(&loss, network, H, W, options, &err));
    assert_ok(loss_set_styles(loss, all, n, &err));
    loss_set_content(loss, content.data);
    assert_ok(loss_evaluate(loss, y.data, &result->terms, result->grad, &err));
    loss_free(&loss);
    nst_image_free(&style);
    nst_image_free(&content);
    nst_image_free(&y);
    nst_model_free(&network);
    return result;
}

static const NstLossStyle plain = {.weight = 1};

static void assert_same(const Result *found, const Result *expected)
{
    double largest = 0;
    assert_near(found->terms.style, expected->terms.style, 1e-5 * expected->terms.style);
    assert_near(found->terms.content, expected->terms.content, 1e-5 * expected->terms.content);
    assert_near(found->terms.total, expected->terms.total, 1e-5 * expected->terms.total);
    for (int i = 0; i < COUNT; i++)
        largest = fmax(largest, fabsf(expected->grad[i]));
    assert_true(largest > 0);
    for (int i = 0; i < COUNT; i++)
        assert_near(found->grad[i], expected->grad[i], 2e-5 * largest);
}

/* A bound of memory that cuts pictures of this test's size into this many tiles */
static size_t bound_for(int tiles_wanted)
{
    NstModel *network = tiny_vgg(true);
    const int tap = graph_find(&network->graph, "relu3_1");
    NstTilesOptions options = {.taps = &tap, .n_taps = 1, .want_grad = true};
    NstTiles *tiles;
    NstError err;
    int count = 1;
    size_t bound = (size_t)8 << 20;
    nst_compute_defaults(&options.compute);
    for (; count < tiles_wanted; bound = bound * 9 / 10) {
        options.max_memory = bound;
        assert_ok(tiles_create(&tiles, &network->graph, H, W, &options, &err));
        count = tiles_count(tiles);
        tiles_free(&tiles);
    }
    nst_model_free(&network);
    return bound;
}

static void test_tiles(void **state)
{
    NstLossOptions options = default_options();
    Result *whole = evaluate(&options, &plain, 1);
    (void)state;
    for (int wanted = 2; wanted <= 6; wanted += 4) {
        options.max_memory = bound_for(wanted);
        Result *cut = evaluate(&options, &plain, 1);
        assert_same(cut, whole);
        free(cut);
    }
    free(whole);
}

static void test_too_little_memory(void **state)
{
    NstModel *network = tiny_vgg(true);
    NstLossOptions options = default_options();
    NstLoss *loss;
    NstError err;
    (void)state;
    options.max_memory = 1 << 16;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_ETOOLARGE, "tiles");
    assert_null(loss);
    nst_model_free(&network);
}

static float *new_mask(int n, float value)
{
    float *mask = calloc((size_t)n, sizeof(*mask));
    assert_non_null(mask);
    for (int i = 0; i < n; i++)
        mask[i] = value;
    return mask;
}

/* White masks, and gray ones, change nothing; in tiles neither. */
static void test_flat_masks(void **state)
{
    NstLossOptions options = default_options();
    float *where = new_mask(H * W, 0.5f), *from = new_mask(130 * 141, 1);
    const NstLossStyle masked = {.weight = 3, .from = from, .where = where};
    Result *none = evaluate(&options, &plain, 1);
    (void)state;
    for (int tiled = 0; tiled < 2; tiled++) {
        options.max_memory = tiled ? bound_for(4) : 0;
        Result *found = evaluate(&options, &masked, 1);
        assert_same(found, none);
        free(found);
    }
    free(none);
    free(where);
    free(from);
}

/* A style that goes to the left third leaves the right third alone. */
static void test_where(void **state)
{
    NstLossOptions options = default_options();
    float *where = new_mask(H * W, 0);
    const NstLossStyle masked = {.weight = 1, .where = where};
    double left = 0;
    (void)state;
    options.content_weight = options.tv_weight = 0;
    for (int i = 0; i < H * W; i++)
        where[i] = i % W < W / 3;
    Result *found = evaluate(&options, &masked, 1);
    for (int i = 0; i < COUNT; i++) {
        if (i % W > 2 * W / 3)
            assert_true(found->grad[i] == 0);
        left += fabsf(found->grad[i]);
    }
    assert_true(left > 0);
    free(found);
    free(where);
}

/* A style's picture with a mask is as good as the part that the mask shows, away from the edge between them. */
static void test_from(void **state)
{
    NstLossOptions options = default_options();
    NstImage both = tiny_picture(260, 141, 4), part = tiny_picture(130, 141, 1);
    float *from = new_mask(260 * 141, 0);
    (void)state;
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < 141; y++)
            for (int x = 0; x < 130; x++) {
                both.data[(c * 141 + y) * 260 + x] = part.data[(c * 141 + y) * 130 + x];
                from[y * 260 + x] = 1;
            }
    const NstLossStyle masked = {.picture = &both, .weight = 1, .from = from}, all = {.picture = &both, .weight = 1};
    Result *found = evaluate(&options, &masked, 1), *expected = evaluate(&options, &plain, 1);
    Result *other = evaluate(&options, &all, 1);
    assert_near(found->terms.style, expected->terms.style, 0.05 * expected->terms.style);
    assert_near(found->terms.style, expected->terms.style, 0.3 * fabs(other->terms.style - expected->terms.style));
    free(found);
    free(expected);
    free(other);
    free(from);
    nst_image_free(&both);
    nst_image_free(&part);
}

static void test_several_styles(void **state)
{
    NstLossOptions options = default_options();
    NstImage other = tiny_picture(90, 100, 9);
    const NstLossStyle styles[2] = {{.weight = 1}, {.picture = &other, .weight = 3}};
    (void)state;
    Result *both = evaluate(&options, styles, 2), *first = evaluate(&options, styles, 1);
    Result *second = evaluate(&options, styles + 1, 1);
    assert_near(both->terms.style, 0.25 * first->terms.style + 0.75 * second->terms.style, 1e-5);
    for (int i = 0; i < COUNT; i += 101)
        assert_near(both->grad[i], 0.25 * first->grad[i] + 0.75 * second->grad[i], 1e-6);
    free(both);
    free(first);
    free(second);
    nst_image_free(&other);
}

static void test_layer_weights(void **state)
{
    static const char *const one[] = {"relu2_1", NULL};
    static const float weights[] = {0, 2, 0}, bad[] = {1, -1, 1}, zeroes[] = {0, 0, 0};
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(true);
    NstLoss *loss;
    NstError err;
    (void)state;
    options.style_layer_weights = weights;
    Result *weighted = evaluate(&options, &plain, 1);
    options.style_layer_weights = NULL;
    options.style_layers = one;
    Result *single = evaluate(&options, &plain, 1);
    assert_same(weighted, single);
    options = default_options();
    options.style_layer_weights = bad;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "relu2_1: -1");
    options.style_layer_weights = NULL;
    options.content_layer_weights = zeroes;
    assert_fails(loss_create(&loss, network, H, W, &options, &err), NST_EINVAL, "content layers");
    nst_model_free(&network);
    free(weighted);
    free(single);
}

static void test_wrong_styles(void **state)
{
    NstLossOptions options = default_options();
    NstModel *network = tiny_vgg(true);
    NstImage style = tiny_picture(64, 64, 1);
    float *black = new_mask(H * W, 0);
    NstLossStyle wrong[] = {{.picture = &style, .weight = 1, .where = black}, {.picture = &style, .weight = 0}};
    NstLoss *loss;
    NstError err;
    (void)state;
    assert_ok(loss_create(&loss, network, H, W, &options, &err));
    assert_fails(loss_set_styles(loss, wrong, 1, &err), NST_EINVAL, "black");
    assert_fails(loss_set_styles(loss, wrong + 1, 1, &err), NST_EINVAL, "weight of style 1");
    assert_fails(loss_set_styles(loss, wrong, 0, &err), NST_EINVAL, "0 styles");
    loss_free(&loss);
    nst_image_free(&style);
    nst_model_free(&network);
    free(black);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles),          cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_flat_masks),     cmocka_unit_test(test_where),
        cmocka_unit_test(test_from),           cmocka_unit_test(test_several_styles),
        cmocka_unit_test(test_layer_weights),  cmocka_unit_test(test_wrong_styles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
