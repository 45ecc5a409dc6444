/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks: each sets what it is about, and only that. */
#include "tiny.h"

#include <nst/train.h>

enum { SIZE = 448 };

typedef struct Looked {
    NstTrainOptions options;
    int style_size;
} Looked;

static Looked look(const char *names)
{
    Looked looked = {.style_size = SIZE};
    NstError err;
    nst_train_defaults(&looked.options);
    if (names)
        assert_ok(nst_train_look(&looked.options, &looked.style_size, names, &err));
    return looked;
}

static void test_strokes(void **state)
{
    const Looked fine = look("fine"), plain = look(NULL), broad = look("broad");
    (void)state;
    assert_true(fine.style_size < SIZE && SIZE < broad.style_size);
    assert_true(fine.options.levels < plain.options.levels && plain.options.levels < broad.options.levels);
    assert_true(fine.options.content_level < fine.options.levels);
    assert_true(broad.options.content_level < broad.options.levels);
}

static void test_photo(void **state)
{
    const Looked faithful = look("faithful"), plain = look(NULL), free = look("free");
    (void)state;
    assert_true(faithful.options.content_weight > plain.options.content_weight);
    assert_true(free.options.content_weight < plain.options.content_weight);
    assert_true(look("soft").options.tv_weight > plain.options.tv_weight);
}

/* Looks about different things do not meet, so their order does not matter. */
static void test_orthogonal(void **state)
{
    const Looked both = look("broad,free,soft"), other = look("soft,broad,free"), broad = look("broad");
    Looked sum = broad;
    (void)state;
    assert_memory_equal(&both.options, &other.options, sizeof(both.options));
    sum.options.content_weight = look("free").options.content_weight;
    sum.options.tv_weight = look("soft").options.tv_weight;
    assert_memory_equal(&both.options, &sum.options, sizeof(sum.options));
    assert_int_equal(both.style_size, broad.style_size);
    assert_int_equal(look("free,soft").style_size, SIZE);
}

static void test_all_are_listed(void **state)
{
    int n = 0;
    (void)state;
    for (const NstLook *l = nst_train_looks(); l->name; l++, n++) {
        const Looked looked = look(l->name), plain = look(NULL);
        assert_true(memcmp(&looked.options, &plain.options, sizeof(plain.options)));
        assert_true(strlen(l->about) > 10);
    }
    assert_true(n >= 5);
}

static void test_refused(void **state)
{
    static const struct {
        const char *names;
        int code;
        const char *message;
    } cases[] = {
        {"bold", NST_ENOTFOUND, "no look \"bold\"; there are fine"},
        {"", NST_ENOTFOUND, "no look \"\""},
        {"soft,", NST_ENOTFOUND, "no look \"\""},
        {"Fine", NST_ENOTFOUND, "no look \"Fine\""},
        {"fine,soft,broad", NST_EINVAL, "fine and broad: one of them"},
        {"free,free", NST_EINVAL, "free and free"},
    };
    const Looked plain = look(NULL);
    NstError err;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Looked looked = plain;
        assert_fails(nst_train_look(&looked.options, &looked.style_size, cases[i].names, &err), cases[i].code,
                     cases[i].message);
        assert_memory_equal(&looked.options, &plain.options, sizeof(plain.options));
        assert_int_equal(looked.style_size, SIZE);
    }
    for (const NstLook *l = nst_train_looks(); l->name; l++) { /* the message names them all */
        Looked looked = plain;
        assert_fails(nst_train_look(&looked.options, &looked.style_size, "bold", &err), NST_ENOTFOUND, l->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strokes),        cmocka_unit_test(test_photo),   cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_all_are_listed), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
