/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frei0r plugin, loaded as a host loads it: its parameters, and its pictures beside the library's. */

#include "tiny.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <frei0r.h>

#include <nst/stylize.h>

#include "build.h"

enum { MAX_SIDE = 80, STRENGTH = 1, TEMPORAL = 2, SIZE = 4 };

/* What a host takes from a plugin */
typedef struct Host {
    void *library;
    int (*init)(void);
    void (*deinit)(void);
    void (*plugin_info)(f0r_plugin_info_t *info);
    void (*param_info)(f0r_param_info_t *info, int param);
    f0r_instance_t (*construct)(unsigned int width, unsigned int height);
    void (*destruct)(f0r_instance_t instance);
    void (*set)(f0r_instance_t instance, f0r_param_t value, int param);
    void (*get)(f0r_instance_t instance, f0r_param_t value, int param);
    void (*update)(f0r_instance_t instance, double time, const uint32_t *in, uint32_t *out);
} Host;

static Host host;
static char folder[] = "/tmp/test_frei0r.XXXXXX";

static const char *path_of(const char *name)
{
    static char path[2][128];
    static int which;
    char *to = path[which = !which];
    snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
    return to;
}

static void find(const char *name, void *function)
{
    void *symbol = dlsym(host.library, name);
    if (!symbol)
        fail_msg("%s is not there", name);
    memcpy(function, &symbol, sizeof(symbol));
}

static int load(void **state)
{
    char path[4096];
    const char *build = getenv("BUILDDIR");
    (void)state;
    snprintf(path, sizeof(path), "%s/frei0r/nst.so", build ? build : "build");
    host.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!host.library) {
        print_message("%s\n", dlerror());
        return -1;
    }
    find("f0r_init", &host.init);
    find("f0r_deinit", &host.deinit);
    find("f0r_get_plugin_info", &host.plugin_info);
    find("f0r_get_param_info", &host.param_info);
    find("f0r_construct", &host.construct);
    find("f0r_destruct", &host.destruct);
    find("f0r_set_param_value", &host.set);
    find("f0r_get_param_value", &host.get);
    find("f0r_update", &host.update);
    return host.init() == 1 ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    host.deinit();
    return dlclose(host.library);
}

/* ---- styles ---- */

static void write_style(const char *name, uint64_t seed, NstModelKind kind)
{
    NstBuild build;
    NstGraph graph;
    NstModel *model;
    NstError err;
    NstRandom random;
    random_seed(&random, seed);
    build_begin(&build, 3, &err);
    NstNode *node = build_node(&build, NST_OP_CONV2D, 0, "paint");
    node->weight = build_tensor(&build, "paint", "weight", (int[4]){3, 3, 3, 3});
    build_pad(node, 1, NST_PAD_REFLECT);
    NstTensor *weight = &build.graph.tensors[node->weight];
    for (int64_t i = 0; i < weight->count; i++)
        weight->data[i] = 0.15f + 0.1f * random_normal(&random);
    assert_ok(build_end(&build, &graph));
    assert_ok(nsw_create(&model, kind, &graph, &err));
    assert_ok(nst_model_save(model, path_of(name), &err));
    nst_model_free(&model);
}

static int make_styles(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_style("a.nsw", 3, NST_KIND_STYLE);
    write_style("b.nsw", 5, NST_KIND_STYLE);
    write_style("loss.nsw", 5, NST_KIND_LOSS);
    return 0;
}

static int remove_styles(void **state)
{
    static const char *const names[] = {"a.nsw", "b.nsw", "loss.nsw", "said"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

/* ---- pictures ---- */

typedef struct Frame {
    int width, height;
    uint8_t data[MAX_SIDE * MAX_SIDE][4];
} Frame;

/* Picture n of a clip that moves and fades slowly. Some alphas are 0. */
static void draw(Frame *frame, int width, int height, int n)
{
    frame->width = width;
    frame->height = height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 4; c++)
                frame->data[y * width + x][c] =
                    c == 3 ? (uint8_t)(x % 5 ? 255 - y : 0)
                           : (uint8_t)(128 + (100 - 5 * n) * sin(0.2 * (x + n) + 0.13 * (c + 1) * y));
}

static int same(const Frame *a, const Frame *b)
{
    return !memcmp(a->data, b->data, (size_t)a->width * (size_t)a->height * 4);
}

static void set_text(f0r_instance_t instance, int param, const char *text)
{
    char *copy = strdup(text); /* the host's own string ends with the call */
    host.set(instance, &copy, param);
    free(copy);
}

static void set_number(f0r_instance_t instance, int param, double number)
{
    host.set(instance, &number, param);
}

static double number_of(f0r_instance_t instance, int param)
{
    double number = -1;
    host.get(instance, &number, param);
    return number;
}

static const char *text_of(f0r_instance_t instance, int param)
{
    char *text = NULL;
    host.get(instance, &text, param);
    return text;
}

static int param_of(const char *name)
{
    f0r_plugin_info_t plugin;
    host.plugin_info(&plugin);
    for (int i = 0; i < plugin.num_params; i++) {
        f0r_param_info_t info;
        host.param_info(&info, i);
        if (!strcmp(info.name, name))
            return i;
    }
    fail_msg("no parameter %s", name);
    return -1;
}

static f0r_instance_t open_plugin(int width, int height, const char *style)
{
    f0r_instance_t plugin = host.construct((unsigned)width, (unsigned)height);
    assert_non_null(plugin);
    if (style)
        set_text(plugin, 0, path_of(style));
    return plugin;
}

static void update(f0r_instance_t plugin, double time, const Frame *in, Frame *out)
{
    memset(out, 0xa5, sizeof(*out));
    out->width = in->width;
    out->height = in->height;
    host.update(plugin, time, (const uint32_t *)in->data, (uint32_t *)out->data);
    size_t painted = (size_t)in->width * (size_t)in->height;
    for (size_t i = painted; i < MAX_SIDE * MAX_SIDE; i++) /* nothing is written behind the picture */
        assert_memory_equal(out->data[i], "\xa5\xa5\xa5\xa5", 4);
}

/* ---- the same by the library ---- */

typedef struct Reference {
    NstModel *models[NST_MAX_STYLES];
    NstStylizer *stylizer;
} Reference;

static Reference open_reference(const char *styles, const NstStylizeOptions *options)
{
    Reference reference;
    NstError err;
    int n;
    assert_ok(nst_styles_load(reference.models, &n, styles, &err));
    assert_ok(nst_stylizer_open(&reference.stylizer, (const NstModel *const *)reference.models, n, options, &err));
    return reference;
}

static void close_reference(Reference *reference)
{
    nst_stylizer_close(&reference->stylizer);
    nst_styles_free(reference->models);
}

static void refer(Reference *reference, int reset, const Frame *in, Frame *out)
{
    NstPicture picture = {.width = in->width, .height = in->height, .model = NST_COLOR_RGB, .depth = 8,
                          .full_range = 1, .has_alpha = 1};
    const NstFrameInfo info = {.struct_size = sizeof(info), .reset = reset};
    NstError err;
    *out = *in;
    for (int i = 0; i < 4; i++)
        picture.comp[i] = (NstComponent){.data = out->data[0] + i, .stride = in->width * 4, .step = 4};
    assert_ok(nst_stylizer_process(reference->stylizer, &picture, &picture, &info, NULL, &err));
}

/* Whether this build smooths over time */
static int smooths(void)
{
    NstStylizeOptions options;
    NstModel *models[NST_MAX_STYLES];
    NstStylizer *stylizer;
    NstError err;
    int n;
    nst_stylize_defaults(&options);
    options.temporal = 0.5f;
    assert_ok(nst_styles_load(models, &n, path_of("a.nsw"), &err));
    int code = nst_stylizer_open(&stylizer, (const NstModel *const *)models, n, &options, &err);
    assert_true(code == NST_OK || code == NST_EUNSUPPORTED);
    nst_stylizer_close(&stylizer);
    nst_styles_free(models);
    return code == NST_OK;
}

/* ---- tests ---- */

static void test_what_it_says_of_itself(void **state)
{
    static const char *const names[] = {"style", "strength", "temporal", "color", "size", "mix"};
    f0r_plugin_info_t info = {0};
    NstStylizeOptions options;
    (void)state;
    host.plugin_info(&info);
    assert_string_equal(info.name, "nst");
    assert_int_equal(info.plugin_type, F0R_PLUGIN_TYPE_FILTER);
    assert_int_equal(info.color_model, F0R_COLOR_MODEL_RGBA8888);
    assert_int_equal(info.frei0r_version, 1);
    assert_int_equal(info.num_params, sizeof(names) / sizeof(*names));
    for (int i = 0; i < info.num_params; i++) {
        f0r_param_info_t param = {0};
        host.param_info(&param, i);
        assert_string_equal(param.name, names[i]);
        assert_true(param.type == F0R_PARAM_STRING || param.type == F0R_PARAM_DOUBLE);
        assert_non_null(param.explanation);
    }
    nst_stylize_defaults(&options);
    f0r_instance_t plugin = open_plugin(8, 8, NULL);
    assert_string_equal(text_of(plugin, 0), "starry");
    assert_true(number_of(plugin, STRENGTH) == (double)options.strength);
    assert_true(number_of(plugin, TEMPORAL) == (double)options.temporal);
    assert_true(number_of(plugin, SIZE) == 0);
    assert_string_equal(text_of(plugin, param_of("color")), "style");
    assert_string_equal(text_of(plugin, param_of("mix")), "");
    host.destruct(plugin);
}

static void test_values_are_kept_and_bounded(void **state)
{
    f0r_instance_t plugin = open_plugin(8, 8, NULL);
    f0r_param_info_t untouched = {.name = "untouched"};
    double number = 7;
    char *nothing = NULL;
    (void)state;
    set_number(plugin, STRENGTH, 0.25);
    assert_true(number_of(plugin, STRENGTH) == 0.25);
    set_number(plugin, STRENGTH, 3);
    assert_true(number_of(plugin, STRENGTH) == 1);
    set_number(plugin, STRENGTH, -3);
    assert_true(number_of(plugin, STRENGTH) == 0);
    set_number(plugin, STRENGTH, NAN);
    assert_true(number_of(plugin, STRENGTH) == 0);
    host.set(plugin, &nothing, 0);
    assert_string_equal(text_of(plugin, 0), "starry");
    for (int param = -1; param < 100; param += 50) {
        if (param == 0)
            continue;
        host.set(plugin, &number, param);
        host.get(plugin, &number, param);
        host.param_info(&untouched, param);
    }
    host.set(plugin, NULL, STRENGTH);
    host.get(plugin, NULL, STRENGTH);
    assert_true(number == 7);
    assert_string_equal(untouched.name, "untouched");
    host.destruct(plugin);
    host.destruct(NULL);
}

/* Clips of several sizes, by the defaults and by others: the library's bits */
static void test_paints_as_the_library(void **state)
{
    static const int sizes[][2] = {{1, 1}, {2, 2}, {17, 31}, {33, 20}, {80, 80}};
    static Frame in, out, expected;
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
        const int *size = sizes[i / 2];
        NstStylizeOptions options;
        nst_stylize_defaults(&options);
        f0r_instance_t plugin = open_plugin(size[0], size[1], "a.nsw");
        if (i % 2) {
            options.strength = 0.75f;
            options.temporal = smooths() ? 0.5f : 0;
            options.color = NST_COLORS_CONTENT;
            options.size.fraction = 0.5f;
            set_number(plugin, STRENGTH, 0.75);
            set_number(plugin, TEMPORAL, (double)options.temporal);
            set_text(plugin, param_of("color"), "content");
            set_number(plugin, SIZE, 0.5);
        }
        Reference reference = open_reference(path_of("a.nsw"), &options);
        for (int n = 0; n < 4; n++) {
            draw(&in, size[0], size[1], n);
            update(plugin, n * 0.04, &in, &out);
            refer(&reference, n == 0, &in, &expected);
            if (!same(&out, &expected))
                fail_msg("%dx%d, picture %d: other bits than the library's", size[0], size[1], n);
            assert_true(size[0] < 17 || !same(&out, &in));
        }
        close_reference(&reference);
        host.destruct(plugin);
    }
}

/* A step back in time, or none, begins a new stream; an unknown time does not. A stream's colours change slowly. */
static void test_time_that_jumps_back(void **state)
{
    static const struct {
        double time;
        int reset;
    } steps[] = {{5, 1},   {5.04, 0}, {5.08, 0},  {1, 1},     {1.04, 0}, {1.04, 1},
                 {1.08, 0}, {NAN, 0},  {2, 0},     {-9e15, 0}, {-9e15, 0}, {3, 0}};
    static Frame in, out, expected, alone;
    NstStylizeOptions options;
    int color = param_of("color"), n_resets = 0;
    (void)state;
    nst_stylize_defaults(&options);
    options.color = NST_COLORS_MATCH;
    options.temporal = smooths() ? 0.8f : 0;
    f0r_instance_t plugin = open_plugin(64, 48, "a.nsw");
    set_number(plugin, TEMPORAL, (double)options.temporal);
    set_text(plugin, color, "match");
    Reference reference = open_reference(path_of("a.nsw"), &options);
    Reference single = open_reference(path_of("a.nsw"), &options);
    for (int n = 0; n < (int)(sizeof(steps) / sizeof(*steps)); n++) {
        draw(&in, 64, 48, n);
        update(plugin, steps[n].time, &in, &out);
        refer(&reference, steps[n].reset, &in, &expected);
        assert_true(same(&out, &expected));
        refer(&single, 1, &in, &alone);
        assert_int_equal(same(&out, &alone), steps[n].reset);
        n_resets += steps[n].reset;
    }
    assert_int_equal(n_resets, 3);
    close_reference(&single);
    close_reference(&reference);
    host.destruct(plugin);
}

static void test_changes_while_it_runs(void **state)
{
    static Frame in, out, expected;
    NstStylizeOptions options;
    char styles[256];
    (void)state;
    nst_stylize_defaults(&options);
    draw(&in, 40, 30, 0);
    f0r_instance_t plugin = open_plugin(40, 30, "a.nsw");
    update(plugin, 0, &in, &out);

    Reference reference = open_reference(path_of("b.nsw"), &options);
    refer(&reference, 1, &in, &expected);
    set_text(plugin, 0, path_of("b.nsw"));
    update(plugin, 1, &in, &out);
    assert_true(same(&out, &expected));
    options.strength = 0.5f;
    assert_int_equal(nst_stylizer_change(reference.stylizer, &options, NULL), NST_OK);
    refer(&reference, 1, &in, &expected);
    set_number(plugin, STRENGTH, 0.5);
    update(plugin, 1, &in, &out);
    assert_true(same(&out, &expected));
    close_reference(&reference);

    snprintf(styles, sizeof(styles), "%s|%s", path_of("a.nsw"), path_of("b.nsw"));
    options.n_mix = 2;
    options.mix[0] = 3;
    options.mix[1] = 1;
    reference = open_reference(styles, &options);
    refer(&reference, 1, &in, &expected);
    set_text(plugin, 0, styles);
    set_text(plugin, param_of("mix"), "3|1");
    update(plugin, 2, &in, &out);
    assert_true(same(&out, &expected));
    close_reference(&reference);

    set_number(plugin, STRENGTH, 0);
    update(plugin, 3, &in, &out);
    assert_true(same(&out, &in));
    host.destruct(plugin);
}

/* Runs `frames` pictures; they must stay as they are. Returns the lines said on stderr that hold the text. */
static int unpainted(f0r_instance_t plugin, int frames, double strength, const char *text)
{
    static Frame in, out;
    char line[1024];
    int lines = 0, before = dup(STDERR_FILENO);
    fflush(stderr);
    assert_non_null(freopen(path_of("said"), "w+", stderr));
    for (int n = 0; n < frames; n++) {
        draw(&in, 40, 30, n);
        set_number(plugin, STRENGTH, strength - 0.01 * n); /* as an animated parameter has it */
        update(plugin, n, &in, &out);
        assert_true(same(&in, &out));
    }
    fflush(stderr);
    rewind(stderr);
    while (fgets(line, sizeof(line), stderr)) {
        lines++;
        if (!strstr(line, text))
            fail_msg("\"%s\" expected in \"%s\"", text, line);
    }
    dup2(before, STDERR_FILENO);
    close(before);
    return lines;
}

static void test_what_cannot_be_painted_stays(void **state)
{
    static Frame in, out;
    (void)state;
    f0r_instance_t plugin = open_plugin(40, 30, "missing.nsw");
    int color = param_of("color"), mix = param_of("mix");
    assert_int_equal(unpainted(plugin, 4, 1, "missing.nsw"), 1);
    assert_int_equal(unpainted(plugin, 2, 0.9, "missing.nsw"), 0);
    set_text(plugin, 0, path_of("loss.nsw"));
    assert_int_equal(unpainted(plugin, 4, 1, "loss network"), 1);
    set_text(plugin, 0, "");
    assert_int_equal(unpainted(plugin, 4, 1, "empty name"), 1);
    set_text(plugin, 0, path_of("a.nsw"));
    set_text(plugin, color, "blue");
    assert_int_equal(unpainted(plugin, 4, 1, "color blue"), 1);
    set_text(plugin, color, "match");
    set_text(plugin, mix, "1|2|3");
    assert_int_equal(unpainted(plugin, 4, 1, "mix"), 1);
    set_text(plugin, mix, "");
    draw(&in, 40, 30, 0);
    update(plugin, 9, &in, &out);
    assert_false(same(&in, &out));
    host.destruct(plugin);
}

static int threads_of_this_program(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

static void *no_work(void *arg)
{
    return arg;
}

/* Neither the pool's threads nor OpenMP's are left: a host may unload the plugin. */
static void test_no_thread_stays(void **state)
{
    static Frame in, out;
    f0r_instance_t plugins[3];
    pthread_t first; /* with which the thread sanitizer starts one of its own, for good */
    (void)state;
    assert_int_equal(pthread_create(&first, NULL, no_work, NULL), 0);
    assert_int_equal(pthread_join(first, NULL), 0);
    usleep(10000);
    int before = threads_of_this_program();
    for (int i = 0; i < 3; i++) {
        plugins[i] = open_plugin(64, 48, i ? "a.nsw" : "b.nsw");
        draw(&in, 64, 48, i);
        for (int n = 0; n < 3; n++)
            update(plugins[i], n, &in, &out);
    }
    host.deinit(); /* as MLT does, before its instances end */
    for (int i = 0; i < 3; i++)
        host.destruct(plugins[i]);
    /* the system takes a moment to forget a thread that was waited for */
    for (int i = 0; i < 1000 && threads_of_this_program() != before; i++)
        usleep(1000);
    assert_int_equal(threads_of_this_program(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_thread_stays), /* before the library's own threads are there */
        cmocka_unit_test(test_what_it_says_of_itself),
        cmocka_unit_test(test_values_are_kept_and_bounded),
        cmocka_unit_test(test_paints_as_the_library),
        cmocka_unit_test(test_time_that_jumps_back),
        cmocka_unit_test(test_changes_while_it_runs),
        cmocka_unit_test(test_what_cannot_be_painted_stays),
    };
    int failed = make_styles(NULL);
    for (int i = 0; i < 2 && !failed; i++) /* a host may load it again */
        failed = cmocka_run_group_tests(tests, load, unload);
    return remove_styles(NULL) || failed;
}
