/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Styles and weights as text: what is read, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <nst/stylize.h>

#include "build.h"
#include "nsw.h"

/* Two styles and a loss network in a folder that NST_PATH names. */
static char folder[] = "/tmp/nst-style-text-XXXXXX";
static const char *const files[] = {"one", "two", "loss"};

static void write_model(const char *name)
{
    NstBuild build;
    NstGraph graph;
    NstModel *model;
    NstError err;
    char path[256];
    build_begin(&build, 3, &err);
    build_node(&build, NST_OP_AFFINE, 0, "same")->scale = 1;
    assert_int_equal(build_end(&build, &graph), NST_OK);
    NstModelKind kind = strcmp(name, "loss") ? NST_KIND_STYLE : NST_KIND_LOSS;
    assert_int_equal(nsw_create(&model, kind, &graph, &err), NST_OK);
    snprintf(path, sizeof(path), "%s/%s.nsw", folder, name);
    assert_int_equal(nst_model_save(model, path, &err), NST_OK);
    nst_model_free(&model);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || setenv("NST_PATH", folder, 1))
        return -1;
    for (int i = 0; i < 3; i++)
        write_model(files[i]);
    return 0;
}

static int teardown(void **state)
{
    char path[256];
    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s.nsw", folder, files[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void check_loaded(const char *text, int expected)
{
    NstModel *models[NST_MAX_STYLES];
    NstError err;
    int n;
    if (nst_styles_load(models, &n, text, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(n, expected);
    for (int i = 0; i < NST_MAX_STYLES; i++)
        assert_int_equal(models[i] != NULL, i < n);
    nst_styles_free(models);
    assert_null(models[0]);
}

static void check_refused(const char *text, int code, const char *words)
{
    NstModel *models[NST_MAX_STYLES];
    NstError err;
    int n;
    assert_int_equal(nst_styles_load(models, &n, text, &err), code);
    assert_int_equal(n, 0);
    for (int i = 0; i < NST_MAX_STYLES; i++)
        assert_null(models[i]);
    if (!strstr(err.message, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.message, words);
}

static void test_styles(void **state)
{
    char path[256], text[512];
    (void)state;
    snprintf(path, sizeof(path), "%s/one.nsw", folder);
    check_loaded("one", 1);
    check_loaded(path, 1);
    snprintf(text, sizeof(text), "two|%s|two", path);
    check_loaded(text, 3);
    check_loaded("one|one|one|one|two|two|two|two", 8);
    check_refused("one|one|one|one|two|two|two|two|one", NST_EINVAL, "9 styles; 1 to 8 expected");
    check_refused("one|three", NST_ENOTFOUND, "three");
    check_refused("one|loss", NST_EINVAL, "loss.nsw: a loss network, for training; a style is expected");
    check_refused("one|", NST_EINVAL, "empty name");
    check_refused("|one", NST_EINVAL, "empty name");
    check_refused("", NST_EINVAL, "empty name");
}

static void check_mix(const char *text, int expected, float first, float last)
{
    float mix[NST_MAX_STYLES];
    NstError err;
    int n;
    if (nst_mix_parse(text, mix, &n, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(n, expected);
    if (n) {
        assert_true(mix[0] == first);
        assert_true(mix[n - 1] == last);
    }
}

static void test_mix(void **state)
{
    static const char *const wrong[] = {"|", "1|", "|1", "1||1", "x", "1x", "1,2", "-1", "nan", "inf", "1e7"};
    (void)state;
    check_mix("", 0, 0, 0);
    check_mix("0.7", 1, 0.7f, 0.7f);
    check_mix("0.7|0.3", 2, 0.7f, 0.3f);
    check_mix("1|2|3|4|5|6|7|8e2", 8, 1, 800);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        float mix[NST_MAX_STYLES] = {5};
        NstError err;
        int n = 7;
        assert_int_equal(nst_mix_parse(wrong[i], mix, &n, &err), NST_EINVAL);
        assert_non_null(strstr(err.message, wrong[i]));
        assert_int_equal(n, 7);
        assert_true(mix[0] == 5);
    }
    float mix[NST_MAX_STYLES];
    NstError err;
    int n;
    assert_int_equal(nst_mix_parse("1|1|1|1|1|1|1|1|1", mix, &n, &err), NST_EINVAL);
    assert_non_null(strstr(err.message, "9 weights; at most 8 expected"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_styles), cmocka_unit_test(test_mix)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
