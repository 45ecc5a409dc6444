/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stability term by itself: what it must not see, what it must, and its gradient. golden/ has the numbers. */
#include "tiny.h"

#include "backward.h"
#include "build.h"
#include "exec.h"
#include "stability.h"

enum { W = 36, H = 30, COUNT = 3 * W * H };

typedef struct Case {
    NstGraph graph;
    NstPlan *plan;
    NstStability *stability;
    NstImage picture;
    float grad[COUNT];
} Case;

/* The layers of a network, each a convolution of 3x3, with tanh between them; none: one of 1x1, the picture itself */
static void build(NstGraph *graph, int layers)
{
    NstBuild b;
    NstError err;
    NstRandom random;
    random_seed(&random, 9);
    build_begin(&b, 3, &err);
    if (layers == 0) {
        NstNode *node = build_node(&b, NST_OP_CONV2D, 0, "same");
        node->weight = build_tensor(&b, "same", "weight", (int[]){3, 3, 1, 1});
        for (int i = 0; i < 3; i++)
            b.graph.tensors[node->weight].data[4 * i] = 1;
    }
    for (int i = 0; i < layers; i++) {
        char name[16];
        snprintf(name, sizeof(name), "conv%d", i);
        if (i > 0)
            build_node(&b, NST_OP_TANH, build_last(&b), "tanh%d", i);
        NstNode *node = build_node(&b, NST_OP_CONV2D, build_last(&b), "%s", name);
        node->weight = build_tensor(&b, name, "weight", (int[]){i + 1 < layers ? 5 : 3, i ? 5 : 3, 3, 3});
        build_pad(node, 1, NST_PAD_REFLECT);
        NstTensor *weight = &b.graph.tensors[node->weight];
        for (int64_t k = 0; k < weight->count; k++)
            weight->data[k] = 0.3f * random_normal(&random);
    }
    assert_ok(build_end(&b, graph));
}

static void open_case(Case *c, int layers, int threads)
{
    const NstPlanOptions options = {.compute.threads = threads, .want_tensor_grads = true};
    NstError err;
    memset(c, 0, sizeof(*c));
    build(&c->graph, layers);
    assert_ok(plan_create(&c->plan, &c->graph, H, W, &options, &err));
    assert_ok(stability_create(&c->stability, &c->graph, H, W, &options.compute, &err));
    c->picture = tiny_picture(W, H, 4);
}

static void close_case(Case *c)
{
    stability_free(&c->stability);
    assert_null(c->stability);
    plan_free(&c->plan);
    graph_free(&c->graph);
    nst_image_free(&c->picture);
}

/* D with the same noise each time; gradients of c->grad and of the plan's tensors, the way through net(x) included */
static double run(Case *c, const NstMotion *motion, float weight)
{
    const int output = c->graph.n_nodes - 1;
    NstRandom random;
    random_seed(&random, 3);
    memcpy(plan_value(c->plan, 0), c->picture.data, sizeof(c->grad));
    exec_forward(c->plan);
    backward_clear_tensor_grads(c->plan);
    memset(c->grad, 0, sizeof(c->grad));
    const double d = stability_add(c->stability, c->plan, motion, &random, weight, c->grad);
    backward_begin(c->plan);
    float *seed = backward_seed(c->plan, output);
    for (int i = 0; seed && i < COUNT; i++)
        seed[i] += c->grad[i];
    backward_run(c->plan);
    return d;
}

static const NstMotion still = {.zoom = 1};
static const NstMotion shift = {.zoom = 1, .dx = 3, .dy = -5};
static const NstMotion turn = {.zoom = 1.02, .angle = 0.02, .dx = 1.3, .dy = -2.6};
static const NstMotion shade = {.zoom = 1, .dx = 2, .shade_x = 0.1f, .shade_y = -0.07f};
static const NstMotion noisy = {.zoom = 1, .noise = 0.03f};
static const NstMotion all = {.zoom = 0.98, .angle = -0.02, .dx = 1.4, .dy = 0.7, .shade_x = 0.1f, .noise = 0.02f};
static const NstMotion far = {.zoom = 1, .dx = 100};

/*
 * The picture itself follows whole samples exactly; a network of convolutions does but for its edges, which see other
 * neighbours, and follows other motions nearly; noise it does not take away.
 */
static void test_what_it_sees(void **state)
{
    static const struct {
        const NstMotion *motion;
        int layers;
        double least, most;
    } cases[] = {{&still, 2, 0, 0},     {&shift, 0, 0, 1e-12},  {&shift, 2, 1e-7, 1e-1}, {&turn, 2, 1e-7, 1e-1},
                 {&noisy, 2, 1e-4, 1},  {&far, 2, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Case c;
        open_case(&c, cases[i].layers, 1);
        const double d = run(&c, cases[i].motion, 1);
        if (!(d >= cases[i].least && d <= cases[i].most))
            fail_msg("motion %zu: D = %g; %g to %g expected", i, d, cases[i].least, cases[i].most);
        close_case(&c);
    }
}

/* The picture itself: noise of the variance that was asked for, and no loss where gray changes with the light. */
static void test_picture_itself(void **state)
{
    Case c;
    (void)state;
    open_case(&c, 0, 1);
    const double d = run(&c, &noisy, 1);
    if (!(fabs(d - 0.03 * 0.03) < 1e-4))
        fail_msg("D = %g; the variance of the noise, 9e-4, expected", d);
    assert_true(run(&c, &shade, 1) > 1e-6); /* coloured */
    for (int i = 0; i < 2 * W * H; i++)
        c.picture.data[W * H + i] = c.picture.data[i % (W * H)];
    assert_true(run(&c, &shade, 1) < 1e-12);
    close_case(&c);
}

static void test_gradient(void **state)
{
    static const NstMotion *const motions[] = {&shift, &turn, &shade, &noisy, &all};
    const double h = 1e-2;
    (void)state;
    for (size_t m = 0; m < sizeof(motions) / sizeof(*motions); m++) {
        Case c;
        open_case(&c, 2, 1);
        for (int t = 0; t < c.graph.n_tensors; t++)
            for (int64_t k = 0; k < c.graph.tensors[t].count; k += 7) {
                float *w = &c.graph.tensors[t].data[k];
                const float kept = *w;
                run(&c, motions[m], 2);
                const double found = (double)backward_tensor_grad(c.plan, t)[k];
                *w = (float)(kept + h);
                const double above = run(&c, motions[m], 2);
                *w = (float)(kept - h);
                const double below = run(&c, motions[m], 2);
                *w = kept;
                const double expected = 2 * (above - below) / (2 * h);
                if (!(fabs(found - expected) <= 2e-2 * fabs(expected) + 2e-5))
                    fail_msg("motion %zu, %s[%d]: %g found, %g by differences", m, c.graph.tensors[t].name, (int)k, found,
                             expected);
            }
        close_case(&c);
    }
}

/* The same bits on one thread and on three; weight 0 adds nothing. */
static void test_threads_and_weight(void **state)
{
    Case one, three;
    (void)state;
    open_case(&one, 2, 1);
    open_case(&three, 2, 3);
    assert_true(run(&one, &all, 1) == run(&three, &all, 1));
    assert_memory_equal(one.grad, three.grad, sizeof(one.grad));
    for (int t = 0; t < one.graph.n_tensors; t++)
        assert_memory_equal(backward_tensor_grad(one.plan, t), backward_tensor_grad(three.plan, t),
                            sizeof(float) * (size_t)one.graph.tensors[t].count);
    assert_true(run(&one, &all, 0) > 0);
    for (int i = 0; i < COUNT; i++)
        assert_true(one.grad[i] == 0);
    close_case(&one);
    close_case(&three);
}

static void test_drawn_motions(void **state)
{
    enum { N = 1000 };
    NstRandom random;
    int whole = 0;
    (void)state;
    random_seed(&random, 8);
    for (int i = 0; i < N; i++) {
        const NstMotion m = motion_draw(&random);
        assert_true(fabs(m.dx) <= 6 && fabs(m.dy) <= 6 && fabs(log(m.zoom)) <= 0.03 && fabs(m.angle) <= 0.026);
        assert_true(fabsf(m.shade_x) <= 0.1f && fabsf(m.shade_y) <= 0.1f && m.noise >= 0 && m.noise <= 0.04f);
        whole += m.zoom == 1 && m.angle == 0 && m.dx == round(m.dx) && m.dy == round(m.dy);
    }
    assert_in_range(whole, 450, 550);
}

static void test_too_small(void **state)
{
    const NstCompute compute = {.threads = 1};
    NstStability *stability;
    NstGraph graph;
    NstError err;
    (void)state;
    build(&graph, 1);
    assert_fails(stability_create(&stability, &graph, 40, 3, &compute, &err), NST_EINVAL, "3x40");
    assert_null(stability);
    graph_free(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_sees),       cmocka_unit_test(test_picture_itself),
        cmocka_unit_test(test_gradient),           cmocka_unit_test(test_threads_and_weight),
        cmocka_unit_test(test_drawn_motions),      cmocka_unit_test(test_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
