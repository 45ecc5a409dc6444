/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Conversion between pictures and planes of floats: every layout against the definition, in double precision. */

#include "canvas.h"

static const int sizes[][2] = {{1, 1}, {2, 2}, {1, 5}, {5, 1}, {3, 4}, {6, 7}, {17, 31}, {150, 6}};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes), MOST_WIDTH = 150 };

static NstDsp table_of(unsigned cpu)
{
    NstDsp dsp;
    dsp_init(&dsp, cpu);
    return dsp;
}

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

static void load_all(const NstDsp *dsp, const NstPicture *picture, const NstPlanes *planes)
{
    float *scratch = malloc(picture_scratch(picture->width) * sizeof(float));
    assert_non_null(scratch);
    for (int y = 0; y < picture->height; y++)
        picture_load_row(dsp, picture, y, planes, scratch);
    free(scratch);
}

enum { SLOT = 3 };

/* Bands from the last to the first: their order does not matter. */
static void store_painting(const NstDsp *dsp, const NstPicture *out, const NstPicture *source,
                           const NstPainting *painting, float strength)
{
    float *scratch = malloc(picture_scratch(out->width) * sizeof(float));
    assert_non_null(scratch);
    for (int band = picture_bands(out); band-- > 0;)
        picture_store_band(dsp, out, source, band, painting, strength, SLOT, scratch);
    free(scratch);
}

static void store_all(const NstDsp *dsp, const NstPicture *out, const NstPicture *source, const NstPlanes *planes,
                      float strength)
{
    store_painting(dsp, out, source, &(NstPainting){.planes = *planes}, strength);
}

static void copy_row(const void *arg, int y, int slot, const NstPlanes *to)
{
    const NstPlanes *from = arg;
    assert_int_equal(slot, SLOT);
    for (int i = 0; i < 3; i++)
        memcpy(to->rgb[i] + y * to->stride, from->rgb[i] + y * from->stride, (size_t)from->stride * sizeof(float));
}

/* The same of rows that are made, in place */
static void store_made(const NstDsp *dsp, const NstPicture *picture, const NstPlanes *planes, float strength)
{
    NstPainting painting = {planes_create(picture->width, 1, planes->scale), copy_row, planes};
    painting.planes.stride = 0;
    store_painting(dsp, picture, picture, &painting, strength);
    planes_free(&painting.planes);
}

/* ---- the definition ---- */

static double clamp01(double x)
{
    return x > 0 ? fmin(x, 1) : 0;
}

static int within(int i, int n)
{
    return max_int(0, min_int(i, n - 1));
}

/* Of n samples, at place x, with ends that repeat */
static double linear(const double *samples, int n, double x)
{
    int i = (int)floor(x);
    return samples[within(i, n)] + (x - i) * (samples[within(i + 1, n)] - samples[within(i, n)]);
}

/* Mean of `group` of n samples around place x */
static double mean_around(const double *samples, int n, double x, int group)
{
    double sum = 0;
    for (int i = (int)floor(x) - group; i <= (int)ceil(x) + group; i++) {
        double overlap = fmin(i + 0.5, x + 0.5 * group) - fmax(i - 0.5, x - 0.5 * group);
        sum += fmax(overlap, 0) * samples[within(i, n)];
    }
    return sum / group;
}

/* The value of a sample: 0..1, of chroma -0.5..0.5 */
static double value_at(const NstPicture *p, int component, int x, int y)
{
    double zero = reference_level(p, component, 0);
    return (level_at(p, component, x, y) - zero) / (reference_level(p, component, 1) - zero);
}

/* Rows are enlarged and reduced by two at a time, so the place of a sample is that within a group of two. */
static double place_across(const NstPicture *p)
{
    return p->log2_chroma_w ? chroma_across(p) / ((1 << p->log2_chroma_w) - 1) : 0;
}

static void expected_chroma(const NstPicture *p, int component, int y, double *to)
{
    int n = component_width(p, component), lines = component_height(p, component);
    for (int x = 0; x < n; x++) {
        double column[64];
        for (int i = 0; i < lines; i++)
            column[i] = value_at(p, component, x, i);
        to[x] = linear(column, lines, (y - chroma_down(p)) / (1 << p->log2_chroma_h));
    }
    for (int level = p->log2_chroma_w; level-- > 0;) {
        double smaller[MOST_WIDTH];
        int larger = ceil_div(p->width, 1 << level);
        memcpy(smaller, to, (size_t)n * sizeof(*to));
        for (int x = 0; x < larger; x++)
            to[x] = linear(smaller, n, (x - place_across(p)) / 2);
        n = larger;
    }
}

/* R', G', B' of BT.601, 709, 2020 solved for, apart from the code under test */
static void expected_rgb(const NstPicture *p, double y, double cb, double cr, double rgb[3])
{
    static const double kr[] = {0.299, 0.2126, 0.2627}, kb[] = {0.114, 0.0722, 0.0593};
    rgb[0] = y + cr * (2 - 2 * kr[p->matrix]);
    rgb[2] = y + cb * (2 - 2 * kb[p->matrix]);
    rgb[1] = (y - kr[p->matrix] * rgb[0] - kb[p->matrix] * rgb[2]) / (1 - kr[p->matrix] - kb[p->matrix]);
}

static void expected_row(const NstPicture *p, int y, double (*rgb)[3])
{
    double chroma[2][MOST_WIDTH];
    for (int i = 0; p->model == NST_COLOR_YUV && i < 2; i++)
        expected_chroma(p, 1 + i, y, chroma[i]);
    for (int x = 0; x < p->width; x++) {
        if (p->model == NST_COLOR_YUV)
            expected_rgb(p, value_at(p, 0, x, y), chroma[0][x], chroma[1][x], rgb[x]);
        for (int i = 0; p->model != NST_COLOR_YUV && i < 3; i++)
            rgb[x][i] = value_at(p, p->model == NST_COLOR_GRAY ? 0 : i, x, y);
        for (int i = 0; i < 3; i++)
            rgb[x][i] = clamp01(rgb[x][i]);
    }
}

/* What a pixel is painted with, times its weight, which is 0 where it is transparent */
static double painted_value(const NstPicture *p, const NstPlanes *planes, int component, int x, int y, double *weight)
{
    double rgb[3], yuv[3];
    for (int i = 0; i < 3; i++)
        rgb[i] = clamp01((double)planes->rgb[i][y * planes->stride + x] / (double)planes->scale);
    reference_yuv(p, rgb, yuv);
    *weight = !p->has_alpha || level_at(p, 3, x, y) > 0;
    return *weight * (p->model == NST_COLOR_RGB ? rgb[component] : yuv[component]);
}

/* The same for a sample of chroma: the mean of the pixels around it */
static double painted_chroma(const NstPicture *p, const NstPlanes *planes, int component, int x, int y, double *weight)
{
    double values[64], weights[64], row[MOST_WIDTH], row_weights[MOST_WIDTH];
    int rows = 1 << p->log2_chroma_h;
    for (int i = 0; i < p->height; i++) {
        if (abs(i - y * rows) > 2 * rows)
            continue;
        for (int k = 0; k < p->width; k++)
            row[k] = painted_value(p, planes, component, k, i, &row_weights[k]);
        int n = p->width;
        for (int level = 0; level < p->log2_chroma_w; level++, n = ceil_div(n, 2))
            for (int k = 0; k < ceil_div(n, 2); k++) {
                /* in place: what is read lies at 2k - 1 and beyond, so the one before has to be kept */
                static double before[2];
                double here[2] = {row[k], row_weights[k]}, *lines[2] = {row, row_weights};
                for (int l = 0; l < 2; l++) {
                    double around[3] = {k ? before[l] : lines[l][0], lines[l][2 * k], lines[l][within(2 * k + 1, n)]};
                    before[l] = lines[l][within(2 * k + 1, n)];
                    here[l] = place_across(p) > 0 ? (around[1] + around[2]) / 2
                                                  : (around[0] + 2 * around[1] + around[2]) / 4;
                }
                row[k] = here[0];
                row_weights[k] = here[1];
            }
        values[i] = row[x];
        weights[i] = row_weights[x];
    }
    *weight = mean_around(weights, p->height, y * rows + chroma_down(p), rows);
    return mean_around(values, p->height, y * rows + chroma_down(p), rows);
}

/* ---- against the definition ---- */

static void fill_random(Canvas *canvas, NstRandom *random)
{
    const NstPicture *p = &canvas->picture;
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++) {
                uint32_t bits = (uint32_t)random_below(random, 1u << 30);
                double opaque = i == 3 && bits % 3 ? 0 : 1;
                double level = p->is_float ? (double)(bits % 1501) / 1000 - 0.25 : (double)(bits % (1u << p->depth));
                set_level(p, i, x, y, opaque * level);
            }
}

static void check_load(const NstDsp *dsp, const Layout *layout, int width, int height, float scale, NstRandom *random)
{
    Canvas in = canvas_create(layout, width, height, false);
    NstPlanes planes = planes_create(width, height, scale);
    fill_random(&in, random);
    load_all(dsp, &in.picture, &planes);
    for (int y = 0; y < height; y++) {
        double rgb[MOST_WIDTH][3];
        expected_row(&in.picture, y, rgb);
        for (int x = 0; x < width; x++)
            for (int i = 0; i < 3; i++) {
                double found = (double)planes.rgb[i][y * planes.stride + x] / (double)scale;
                if (!(fabs(found - rgb[x][i]) < 1e-6))
                    fail_msg("%s, %dx%d: %g instead of %g at %d,%d of plane %d", layout->name, width, height, found,
                             rgb[x][i], x, y, i);
            }
    }
    planes_free(&planes);
    canvas_free(&in);
}

/* Y as the picture has it, and of R, G and B as BT.601 does */
static double expected_luma(const NstPicture *p, int x, int y)
{
    static const double weights[] = {0.299, 0.587, 0.114};
    double luma = 0;
    if (p->model != NST_COLOR_RGB)
        return clamp01(value_at(p, 0, x, y));
    for (int i = 0; i < 3; i++)
        luma += weights[i] * clamp01(value_at(p, i, x, y));
    return luma;
}

static void check_luma(const NstDsp *dsp, const Layout *layout, int width, int height, NstRandom *random)
{
    Canvas in = canvas_create(layout, width, height, false);
    float *scratch = malloc(picture_scratch(width) * sizeof(float)), luma[MOST_WIDTH + 1];
    assert_non_null(scratch);
    fill_random(&in, random);
    for (int y = 0; y < height; y++) {
        luma[width] = -1;
        picture_luma_row(dsp, &in.picture, y, luma, scratch);
        assert_true(luma[width] == -1);
        for (int x = 0; x < width; x++)
            if (!(fabs((double)luma[x] - 255 * expected_luma(&in.picture, x, y)) < 255e-6))
                fail_msg("%s, %dx%d: luma %g instead of %g at %d,%d", layout->name, width, height, (double)luma[x],
                         255 * expected_luma(&in.picture, x, y), x, y);
    }
    free(scratch);
    canvas_free(&in);
}

static double expected_level(const NstPicture *p, int component, const NstPlanes *planes, int x, int y, double strength)
{
    double weight, value = is_chroma(p, component) ? painted_chroma(p, planes, component, x, y, &weight)
                                                   : painted_value(p, planes, component, x, y, &weight);
    double zero = reference_level(p, component, 0), one = reference_level(p, component, 1);
    double painted = zero * weight + (one - zero) * value;
    double level = strength * painted + (1 - strength * weight) * level_at(p, component, x, y);
    return p->is_float ? level : fmax(0, fmin(level, full_level(p)));
}

static void check_level(const Layout *layout, const NstPicture *found, const NstPicture *source, int component, int x,
                        int y, double level)
{
    /* halves have 11 bits; an integer is rounded, and what lies in the middle may go either way */
    double tolerance = !found->is_float ? 0.5 + 2e-6 * full_level(found) : found->depth == 32 ? 1e-6 : 5e-4;
    bool same = bits_at(found, component, x, y) == bits_at(source, component, x, y);
    if (component == 3 ? !same : !(fabs(level_at(found, component, x, y) - level) <= tolerance))
        fail_msg("%s, %dx%d: level %g instead of %g at %d,%d of component %d", layout->name, found->width,
                 found->height, level_at(found, component, x, y), level, x, y, component);
    if (component < 3 && !is_chroma(found, component) && found->has_alpha && level_at(found, 3, x, y) <= 0 && !same)
        fail_msg("%s: the transparent pixel %d,%d has changed", layout->name, x, y);
}

static void check_store(const NstDsp *dsp, const Layout *layout, int width, int height, float strength, float scale,
                        NstRandom *random)
{
    Canvas in = canvas_create(layout, width, height, false), out = canvas_create(layout, width, height, true);
    NstPlanes planes = planes_create(width, height, scale);
    const NstPicture *p = &in.picture;
    fill_random(&in, random);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < planes.stride * height; k++)
            planes.rgb[i][k] = scale * (0.5f + 0.4f * random_normal(random));
    store_all(dsp, &out.picture, p, &planes, strength);
    for (int i = 0; i < 4; i++)
        for (int y = 0; has_component(p, i) && y < component_height(p, i); y++)
            for (int x = 0; x < component_width(p, i); x++)
                check_level(layout, &out.picture, p, i, x, y,
                            i == 3 ? 0 : expected_level(p, i, &planes, x, y, (double)strength));
    assert_margins(&out, layout->name);
    store_made(dsp, p, &planes, strength);
    assert_same_samples(&in, &out);
    assert_margins(&in, layout->name);
    planes_free(&planes);
    canvas_free(&in);
    canvas_free(&out);
}

static void test_definition(void **state)
{
    (void)state;
    NstRandom random;
    random_seed(&random, 11);
    const unsigned masks[] = {0, (unsigned)NST_CPU_ALL};
    for (int m = 0; m < 2; m++) {
        NstDsp dsp = table_of(masks[m]);
        for (int i = 0; i < N_LAYOUTS; i++)
            for (int j = 0; j < N_SIZES; j++) {
                check_load(&dsp, &layouts[i], sizes[j][0], sizes[j][1], j % 2 ? 255 : 1, &random);
                check_luma(&dsp, &layouts[i], sizes[j][0], sizes[j][1], &random);
                check_store(&dsp, &layouts[i], sizes[j][0], sizes[j][1], 1, j % 2 ? 1 : 255, &random);
                check_store(&dsp, &layouts[i], sizes[j][0], sizes[j][1], 0.3f, 1, &random);
            }
    }
}

/* Every siting of every subsampling */
static void test_sitings(void **state)
{
    (void)state;
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    NstRandom random;
    random_seed(&random, 12);
    for (int siting = NST_SITING_LEFT; siting <= NST_SITING_BOTTOM; siting++)
        for (int sub = 0; sub < 9; sub++) {
            Layout layout = {"siting", NST_COLOR_YUV, PLANAR, sub % 2, sub / 3, sub % 3, false, NST_MATRIX_BT709,
                             (NstSiting)siting, 12, 0, false};
            for (int j = 0; j < N_SIZES; j++) {
                check_load(&dsp, &layout, sizes[j][0], sizes[j][1], 1, &random);
                check_store(&dsp, &layout, sizes[j][0], sizes[j][1], 0.7f, 1, &random);
            }
        }
}

/* ---- round trips ---- */

static void round_trip(const Layout *layout, int width, int height, float scale)
{
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    Canvas in = canvas_create(layout, width, height, false), out = canvas_create(layout, width, height, true);
    NstPlanes planes = planes_create(width, height, scale);
    /* chroma of even slopes comes back but at the edges, where it is taken to go on as it is */
    bool sub = layout->log2_chroma_w || layout->log2_chroma_h, yuv = layout->model == NST_COLOR_YUV;
    double most = sub ? 1 : yuv ? 255 / full_level(&in.picture) : layout->is_float ? 1e-4 : 0;
    canvas_paint(&in);
    load_all(&dsp, &in.picture, &planes);
    store_all(&dsp, &out.picture, &in.picture, &planes, 1);
    if (canvas_distance(&in, &out) > most)
        fail_msg("%s, %dx%d: there and back changes a sample by %g levels", layout->name, width, height,
                 canvas_distance(&in, &out));
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
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    for (int i = 0; i < N_LAYOUTS; i++) {
        if (layouts[i].model == NST_COLOR_GRAY)
            continue;
        /* rounding of three samples, and chroma that is constant beyond its last sample */
        double tolerance = layouts[i].log2_chroma_w > 1 ? 0.03 : 0.013;
        Canvas in = canvas_create(&layouts[i], 31, 18, i % 2);
        NstPlanes planes = planes_create(31, 18, 1);
        canvas_paint(&in);
        load_all(&dsp, &in.picture, &planes);
        for (int y = 0; y < 18; y++)
            for (int x = 0; x < 31; x++) {
                double rgb[3];
                colour_at(x + 0.5, y + 0.5, rgb);
                for (int c = 0; c < 3; c++) {
                    double found = (double)planes.rgb[c][y * planes.stride + x];
                    if (fabs(found - rgb[c]) > tolerance)
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
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Layout layout = {"444", NST_COLOR_YUV, PLANAR, false, 0, 0, cases[i].full, cases[i].matrix, 0, 8, 0, false};
        Canvas canvas = canvas_create(&layout, 1, 1, false);
        NstPlanes planes = planes_create(1, 1, 1);
        for (int c = 0; c < 3; c++)
            planes.rgb[c][0] = (float)cases[i].rgb[c] / 255;
        store_all(&dsp, &canvas.picture, &canvas.picture, &planes, 1);
        for (int c = 0; c < 3; c++)
            assert_int_equal(*sample(&canvas.picture, c, 0, 0), cases[i].yuv[c]);
        planes_free(&planes);
        canvas_free(&canvas);
    }
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
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        Canvas canvas = canvas_create(&layouts[3], 1, 1, false);
        NstPlanes planes = planes_create(1, 1, 1);
        for (int c = 0; c < 3; c++)
            planes.rgb[c][0] = cases[i].value;
        store_all(&dsp, &canvas.picture, &canvas.picture, &planes, 1);
        for (int c = 0; c < 3; c++)
            assert_int_equal(*sample(&canvas.picture, c, 0, 0), cases[i].level);
        planes_free(&planes);
        canvas_free(&canvas);
    }
}

/* So does whatever a picture of floats holds; with strength 1 nothing of it is left, where alpha is 0 all of it. */
static void test_wild_floats(void **state)
{
    (void)state;
    static const float wild[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e30f, -5, 0.5f};
    static const float loaded[] = {0, 1, 0, 0, 1, 0, 0.5f};
    enum { N = sizeof(wild) / sizeof(*wild) };
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    const Layout layout = {"gbrapf32", NST_COLOR_RGB, PLANAR, true, 0, 0, true, NST_MATRIX_BT601, 0, 32, 0, true};
    Canvas in = canvas_create(&layout, N, 2, false), out = canvas_create(&layout, N, 2, false);
    NstPlanes planes = planes_create(N, 2, 1);
    for (int i = 0; i < 4; i++)
        for (int x = 0; x < N; x++)
            for (int y = 0; y < 2; y++)
                set_level(&in.picture, i, x, y, i == 3 ? y : (double)wild[x]);
    load_all(&dsp, &in.picture, &planes);
    for (int x = 0; x < N; x++)
        assert_true(planes.rgb[1][x] == loaded[x]);
    store_all(&dsp, &out.picture, &in.picture, &planes, 1);
    for (int i = 0; i < 3; i++)
        for (int x = 0; x < N; x++) {
            assert_int_equal(bits_at(&in.picture, i, x, 0), bits_at(&out.picture, i, x, 0));
            assert_true(level_at(&out.picture, i, x, 1) == (double)loaded[x]);
        }
    planes_free(&planes);
    canvas_free(&in);
    canvas_free(&out);
}

/* A chroma sample stays where all of the pixels around it are transparent. */
static void test_transparent(void **state)
{
    (void)state;
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    for (int i = 0; i < N_LAYOUTS; i++) {
        if (!layouts[i].alpha || layouts[i].model != NST_COLOR_YUV)
            continue;
        Canvas in = canvas_create(&layouts[i], 32, 8, false), out = canvas_create(&layouts[i], 32, 8, false);
        const NstPicture *a = &in.picture, *b = &out.picture;
        NstPlanes planes = planes_create(32, 8, 1); /* black */
        canvas_paint(&in);
        for (int y = 0; y < 8; y++)
            for (int x = 0; x < 32; x++)
                set_level(a, 3, x, y, x < 16 ? 0 : full_level(a));
        store_all(&dsp, b, a, &planes, 1);
        for (int c = 1; c < 3; c++)
            for (int y = 0; y < component_height(a, c); y++)
                for (int x = 0; x < component_width(a, c); x++) {
                    int at = x << a->log2_chroma_w;
                    if (at < 12)
                        assert_int_equal(bits_at(a, c, x, y), bits_at(b, c, x, y));
                    else if (at > 20)
                        assert_int_equal(bits_at(b, c, x, y), 128 << (a->depth - 8));
                }
        planes_free(&planes);
        canvas_free(&in);
        canvas_free(&out);
    }
}

/* Strength 0 and copies change no bit. */
static void test_unpainted(void **state)
{
    (void)state;
    NstDsp dsp = table_of((unsigned)NST_CPU_ALL);
    NstRandom random;
    random_seed(&random, 13);
    for (int i = 0; i < N_LAYOUTS; i++) {
        Canvas in = canvas_create(&layouts[i], 7, 5, false), out = canvas_create(&layouts[i], 7, 5, true);
        Canvas copy = canvas_create(&layouts[i], 7, 5, false);
        NstPlanes planes = planes_create(7, 5, 1);
        fill_random(&in, &random);
        store_all(&dsp, &out.picture, &in.picture, &planes, 0);
        assert_same_samples(&in, &out);
        for (int band = 0; band < picture_bands(&in.picture); band++)
            picture_copy_band(&copy.picture, &in.picture, band);
        assert_same_samples(&in, &copy);
        assert_margins(&copy, layouts[i].name);
        planes_free(&planes);
        canvas_free(&in);
        canvas_free(&out);
        canvas_free(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),     cmocka_unit_test(test_sitings),    cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_loaded_colours), cmocka_unit_test(test_known_yuv),  cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_wild_floats),    cmocka_unit_test(test_transparent), cmocka_unit_test(test_unpainted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
