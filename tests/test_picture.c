/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Conversion between pictures and planes of floats: rows against known values, and every layout there and back. */

#include "canvas.h"

#include "rows.h"

static const int sizes[][2] = {{1, 1}, {2, 2}, {1, 5}, {5, 1}, {3, 4}, {17, 31}, {32, 18}};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes) };

static NstPlanes planes_create(int width, int height, float scale)
{
    NstPlanes planes = {.stride = width + 3, .scale = scale};
    for (int i = 0; i < 3; i++) {
        planes.rgb[i] = calloc((size_t)planes.stride * (size_t)height, sizeof(float));
        assert_non_null(planes.rgb[i]);
    }
    return planes;
}

static void planes_free(NstPlanes *planes)
{
    for (int i = 0; i < 3; i++)
        free(planes->rgb[i]);
}

static void load_all(const NstPicture *picture, const NstPlanes *planes)
{
    float *scratch = malloc(picture_scratch(picture->width) * sizeof(float));
    assert_non_null(scratch);
    for (int y = 0; y < picture->height; y++)
        picture_load_row(picture, y, planes, scratch);
    free(scratch);
}

static void store_all(const NstPicture *out, const NstPicture *source, const NstPlanes *planes, float strength)
{
    float *scratch = malloc(picture_scratch(out->width) * sizeof(float));
    assert_non_null(scratch);
    for (int band = 0; band < picture_bands(out); band++)
        picture_store_band(out, source, band, planes, strength, scratch);
    free(scratch);
}

static void round_trip(const Layout *layout, int width, int height, float scale)
{
    Canvas in = canvas_create(layout, width, height, false), out = canvas_create(layout, width, height, true);
    NstPlanes planes = planes_create(width, height, scale);
    char what[80];
    snprintf(what, sizeof(what), "%s, %dx%d", layout->name, width, height);
    canvas_paint(&in);
    load_all(&in.picture, &planes);
    store_all(&out.picture, &in.picture, &planes, 1);
    if (canvas_distance(&in, &out) > (layout->model == NST_COLOR_YUV))
        fail_msg("%s: there and back changes a sample by %d", what, canvas_distance(&in, &out));
    assert_margins(&in, what);
    assert_margins(&out, what);
    planes_free(&planes);
    canvas_free(&in);
    canvas_free(&out);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYOUTS; i++)
        for (int j = 0; j < N_SIZES; j++) {
            round_trip(&layouts[i], sizes[j][0], sizes[j][1], 1);
            round_trip(&layouts[i], sizes[j][0], sizes[j][1], 255);
        }
}

/* The planes hold the colours that the picture was painted with, whatever its layout. */
static void test_loaded_colours(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYOUTS; i++) {
        if (layouts[i].model == NST_COLOR_GRAY)
            continue;
        Canvas in = canvas_create(&layouts[i], 31, 18, i % 2);
        NstPlanes planes = planes_create(31, 18, 1);
        canvas_paint(&in);
        load_all(&in.picture, &planes);
        for (int y = 0; y < 18; y++)
            for (int x = 0; x < 31; x++) {
                double rgb[3];
                colour_at(x + 0.5, y + 0.5, rgb);
                for (int c = 0; c < 3; c++) {
                    double found = planes.rgb[c][y * planes.stride + x];
                    if (fabs(found - rgb[c]) > 0.011) /* rounding of three samples, and the edge's constant chroma */
                        fail_msg("%s: %g instead of %g at %d,%d of plane %d", layouts[i].name, found, rgb[c], x, y, c);
                }
            }
        planes_free(&planes);
        canvas_free(&in);
    }
}

/* Levels of full red, green, blue and white from the recommendations' tables */
static void test_known_yuv(void **state)
{
    (void)state;
    static const struct {
        NstMatrix matrix;
        bool full;
        uint8_t rgb[3], yuv[3];
    } cases[] = {
        {NST_MATRIX_BT601, false, {255, 0, 0}, {81, 90, 240}},
        {NST_MATRIX_BT601, false, {0, 255, 0}, {145, 54, 34}},
        {NST_MATRIX_BT601, false, {0, 0, 255}, {41, 240, 110}},
        {NST_MATRIX_BT709, false, {255, 0, 0}, {63, 102, 240}},
        {NST_MATRIX_BT709, false, {0, 255, 0}, {173, 42, 26}},
        {NST_MATRIX_BT709, false, {0, 0, 255}, {32, 240, 118}},
        {NST_MATRIX_BT2020, false, {255, 0, 0}, {74, 97, 240}},
        {NST_MATRIX_BT709, false, {255, 255, 255}, {235, 128, 128}},
        {NST_MATRIX_BT709, true, {255, 255, 255}, {255, 128, 128}},
        {NST_MATRIX_BT601, true, {255, 0, 0}, {76, 85, 255}},
        {NST_MATRIX_BT601, false, {0, 0, 0}, {16, 128, 128}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Layout layout = {"444", NST_COLOR_YUV, false, false, 0, 0, cases[i].full, cases[i].matrix};
        Canvas canvas = canvas_create(&layout, 1, 1, false);
        NstPlanes planes = planes_create(1, 1, 1);
        for (int c = 0; c < 3; c++)
            planes.rgb[c][0] = (float)cases[i].rgb[c] / 255;
        store_all(&canvas.picture, &canvas.picture, &planes, 1);
        for (int c = 0; c < 3; c++)
            assert_int_equal(*sample(&canvas.picture, c, 0, 0), cases[i].yuv[c]);
        planes_free(&planes);
        canvas_free(&canvas);
    }
}

static void test_rows(void **state)
{
    (void)state;
    const float three[] = {0, 4, 8};
    float to[6];
    rows_enlarge2(to, three, 6);
    const float enlarged[] = {0, 1, 3, 5, 7, 8};
    assert_memory_equal(to, enlarged, sizeof(enlarged));
    rows_enlarge2(to, three, 5);
    assert_memory_equal(to, enlarged, 5 * sizeof(float));
    rows_enlarge2(to, three + 1, 1);
    assert_true(to[0] == 4);
    rows_halve(to, enlarged, 5);
    assert_true(to[0] == 0.5f && to[1] == 4 && to[2] == 7);
    rows_halve(to, three + 2, 1);
    assert_true(to[0] == 8);
}

/* Whatever a network gives, infinities and what is not a number included, becomes a sample. */
static void test_clamped(void **state)
{
    (void)state;
    static const struct {
        float value;
        uint8_t level;
    } cases[] = {{-0.1f, 0}, {1.1f, 255}, {INFINITY, 255}, {-INFINITY, 0}, {NAN, 0}, {0.5f, 128}, {1e30f, 255},
                 {99.49f / 255, 99}, {99.51f / 255, 100}};
    Layout layout = layouts[3];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Canvas canvas = canvas_create(&layout, 1, 1, false);
        NstPlanes planes = planes_create(1, 1, 1);
        for (int c = 0; c < 3; c++)
            planes.rgb[c][0] = cases[i].value;
        store_all(&canvas.picture, &canvas.picture, &planes, 1);
        for (int c = 0; c < 3; c++)
            assert_int_equal(*sample(&canvas.picture, c, 0, 0), cases[i].level);
        planes_free(&planes);
        canvas_free(&canvas);
    }
}

/* Where alpha is 0 nothing changes; a chroma sample stays where all of its pixels are transparent. */
static void test_transparent(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYOUTS; i++) {
        if (!layouts[i].alpha)
            continue;
        Canvas in = canvas_create(&layouts[i], 6, 4, false), out = canvas_create(&layouts[i], 6, 4, false);
        const NstPicture *a = &in.picture, *b = &out.picture;
        NstPlanes planes = planes_create(6, 4, 1); /* black */
        canvas_paint(&in);
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 6; x++)
                *sample(a, 3, x, y) = x < 4 ? 0 : 200;
        store_all(b, a, &planes, 1);
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 6; x++) {
                bool kept = *sample(a, 0, x, y) == *sample(b, 0, x, y);
                assert_int_equal(kept, x < 4);
                assert_int_equal(*sample(b, 3, x, y), x < 4 ? 0 : 200);
            }
        for (int c = 1; a->model == NST_COLOR_YUV && c < 3; c++)
            for (int y = 0; y < component_height(a, c); y++)
                for (int x = 0; x < component_width(a, c); x++)
                    if ((x << a->log2_chroma_w) < 4)
                        assert_int_equal(*sample(a, c, x, y), *sample(b, c, x, y));
                    else
                        assert_int_equal(*sample(b, c, x, y), 128);
        planes_free(&planes);
        canvas_free(&in);
        canvas_free(&out);
    }
}

static void test_strength(void **state)
{
    (void)state;
    for (int i = 0; i < N_LAYOUTS; i++) {
        Canvas in = canvas_create(&layouts[i], 7, 5, false), out = canvas_create(&layouts[i], 7, 5, false);
        Canvas full = canvas_create(&layouts[i], 7, 5, false);
        NstPlanes planes = planes_create(7, 5, 1);
        canvas_paint(&in);
        store_all(&out.picture, &in.picture, &planes, 0);
        assert_int_equal(canvas_distance(&in, &out), 0);
        for (int band = 0; band < picture_bands(&in.picture); band++)
            picture_copy_band(&full.picture, &in.picture, band);
        assert_int_equal(canvas_distance(&in, &full), 0);
        store_all(&full.picture, &in.picture, &planes, 1);
        store_all(&out.picture, &in.picture, &planes, 0.25f);
        for (int y = 0; y < 5; y++)
            for (int x = 0; x < 7; x++) {
                double wanted = 0.75 * *sample(&in.picture, 0, x, y) + 0.25 * *sample(&full.picture, 0, x, y);
                assert_true(fabs(wanted - *sample(&out.picture, 0, x, y)) <= 1);
            }
        planes_free(&planes);
        canvas_free(&in);
        canvas_free(&out);
        canvas_free(&full);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_loaded_colours),
        cmocka_unit_test(test_known_yuv),   cmocka_unit_test(test_rows),
        cmocka_unit_test(test_clamped),     cmocka_unit_test(test_transparent),
        cmocka_unit_test(test_strength),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
