/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Renders clips whose motion is known exactly: photos that pan, zoom and turn over each other, with sensor noise,
 * changes of exposure and cuts.
 *
 *   motion SCENE WIDTH HEIGHT FRAMES FLOWS [PHOTO.ppm ...] >CLIP.y4m
 *
 * The clip is YUV4MPEG2, 4:4:4, full range, BT.601. Where FLOWS is not "-" it is a folder, which gets for each frame N
 * from 1 on (frames count from 0)
 *
 *   FLOWS/00000N.flo   the motion from frame N-1 to frame N, on the pixels of frame N-1, in Middlebury's format:
 *                      "PIEH", int32 width, int32 height, then for each pixel float right, float down
 *   FLOWS/00000N.pgm   255 where that pixel of frame N-1 is seen in frame N too, else 0: hidden, out of the picture, on
 *                      an edge between two photos, or beyond a cut
 *
 * Without photos it draws some by itself. Lengths are heights of the frame; the centre is 0, 0. A photo is as high as
 * the frame at zoom 1 and goes on mirrored beyond its edges. The same arguments give the same bytes.
 */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a .flo file is little-endian, and is written as it lies");

#define TAU 6.283185307179586

enum { MAX_LAYERS = 3, MAX_PHOTOS = 16, DRAWN_PHOTOS = 6, DRAWN_SIZE = 512 };

/* ---- the scenes ---- */

/* base + amplitude sin(2 pi (frame / period + phase)); without a period it stays at base */
typedef struct Swing {
    double base, amplitude, period, phase;
} Swing;

typedef enum Shape { WHOLE, BLOB, BOX } Shape;

typedef struct Layer {
    Shape shape;
    double size;                /* about half of the shape's height */
    Swing x, y, log_zoom, turn; /* centre, logarithm of the zoom, radians */
} Layer;

typedef struct Scene {
    const char *name;
    double noise;    /* standard deviation, levels of 255 */
    double exposure; /* the brightness swings by this share */
    bool cut;        /* to other photos and places, in the middle */
    int n;
    Layer layers[MAX_LAYERS]; /* the last one on top */
} Scene;

#define STILL_BACKGROUND {.shape = WHOLE, .log_zoom = {0.2, 0, 0, 0}}
#define SLOW_BACKGROUND {.shape = WHOLE, .x = {0, 0.5, 900, 0}, .log_zoom = {0.2, 0, 0, 0}}
#define BLOB_TO_THE_RIGHT                                                                                              \
    {.shape = BLOB, .size = 0.26, .x = {0, 0.6, 260, -0.2}, .y = {0.05, 0.1, 170, 0}, .turn = {0, 0.4, 150, 0}}
#define BOX_TO_THE_LEFT                                                                                                \
    {.shape = BOX, .size = 0.20, .x = {0, 0.5, 220, 0.3}, .y = {-0.08, 0.1, 190, 0.3}, .log_zoom = {0, 0.2, 170, 0}}

static const Scene scenes[] = {
    {"static", 2, 0, false, 1, {STILL_BACKGROUND}},
    {"pan", 2, 0, false, 1,
     {{.shape = WHOLE, .x = {0, 1.2, 1000, 0}, .y = {0, 0.3, 700, 0}, .log_zoom = {0.2, 0, 0, 0}}}},
    {"zoom", 2, 0, false, 1, {{.shape = WHOLE, .log_zoom = {0.6, 0.5, 320, -0.2}}}},
    {"rotate", 2, 0, false, 1, {{.shape = WHOLE, .log_zoom = {0.3, 0, 0, 0}, .turn = {0, 0.8, 400, 0}}}},
    {"cross", 2, 0, false, 3, {SLOW_BACKGROUND, BLOB_TO_THE_RIGHT, BOX_TO_THE_LEFT}},
    {"exposure", 2, 0.2, false, 2, {SLOW_BACKGROUND, BLOB_TO_THE_RIGHT}},
    {"cut", 2, 0, true, 3, {SLOW_BACKGROUND, BLOB_TO_THE_RIGHT, BOX_TO_THE_LEFT}},
    {"all", 3, 0.15, true, 3,
     {{.shape = WHOLE, .x = {0, 0.8, 900, 0}, .log_zoom = {0.4, 0.2, 300, 0}, .turn = {0, 0.2, 500, 0}},
      BLOB_TO_THE_RIGHT,
      BOX_TO_THE_LEFT}},
};
enum { N_SCENES = sizeof(scenes) / sizeof(scenes[0]) };

static double swing(Swing s, double frame)
{
    return s.base + (s.period ? s.amplitude * sin(TAU * (frame / s.period + s.phase)) : 0);
}

/* ---- where things are ---- */

typedef struct Point {
    double x, y;
} Point;

/* Place, size and direction of a layer in one frame */
typedef struct Pose {
    Point centre;
    double right, up; /* zoom times cosine and sine of the turn */
} Pose;

static Pose pose_of(const Layer *layer, double frame)
{
    const double zoom = exp(swing(layer->log_zoom, frame)), turn = swing(layer->turn, frame);
    return (Pose){{swing(layer->x, frame), swing(layer->y, frame)}, zoom * cos(turn), zoom * sin(turn)};
}

static Point to_frame(const Pose *pose, Point p)
{
    return (Point){pose->centre.x + pose->right * p.x - pose->up * p.y,
                   pose->centre.y + pose->up * p.x + pose->right * p.y};
}

static Point to_layer(const Pose *pose, Point p)
{
    const double x = p.x - pose->centre.x, y = p.y - pose->centre.y;
    const double square = pose->right * pose->right + pose->up * pose->up;
    return (Point){(pose->right * x + pose->up * y) / square, (pose->right * y - pose->up * x) / square};
}

static bool holds(const Layer *layer, Point p)
{
    switch (layer->shape) {
    case WHOLE:
        return true;
    case BLOB:
        return hypot(p.x, p.y) < layer->size * (1 + 0.18 * sin(3 * atan2(p.y, p.x) + 0.5));
    case BOX:
        return fmax(fabs(p.x) - 0.4 * layer->size, fabs(p.y)) < layer->size;
    }
    return false;
}

typedef struct Photo {
    int width, height;
    float *rgb; /* 3 samples of 0 to 1 for each pixel */
} Photo;

typedef struct Stage {
    const Scene *scene;
    int width, height, frames;
    int n_photos;
    Photo photos[MAX_PHOTOS];
} Stage;

/* One moment: every layer's pose */
typedef struct Moment {
    int take; /* 0, 1 after the cut */
    Pose poses[MAX_LAYERS];
} Moment;

static Moment moment_of(const Stage *stage, int frame)
{
    Moment moment = {.take = stage->scene->cut && frame >= stage->frames / 2};
    for (int i = 0; i < stage->scene->n; i++)
        moment.poses[i] = pose_of(&stage->scene->layers[i], frame + 70 * moment.take);
    return moment;
}

/* The layer that is seen at a place */
static int owner(const Stage *stage, const Moment *moment, Point p)
{
    int i = stage->scene->n - 1;
    while (i > 0 && !holds(&stage->scene->layers[i], to_layer(&moment->poses[i], p)))
        i--;
    return i;
}

/* Whether one layer is all that is seen within `radius` pixels */
static bool owned(const Stage *stage, const Moment *moment, Point p, int layer, double radius)
{
    const double d = radius / stage->height;
    for (int i = 0; i < 9; i++)
        if (owner(stage, moment, (Point){p.x + d * (i % 3 - 1), p.y + d * (i / 3 - 1)}) != layer)
            return false;
    return true;
}

static Point pixel_place(const Stage *stage, double x, double y)
{
    return (Point){(x + 0.5 - stage->width * 0.5) / stage->height, (y + 0.5 - stage->height * 0.5) / stage->height};
}

/* ---- photos ---- */

static uint64_t scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double uniform(uint64_t x)
{
    return (double)(scramble(x + 0x9e3779b97f4a7c15u) >> 11) / 9007199254740992.0;
}

/* Smooth noise of one value a unit */
static double noise(double x, double y, uint64_t seed)
{
    const double fx = floor(x), fy = floor(y);
    double u = x - fx, v = y - fy, corner[4];
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    for (int i = 0; i < 4; i++) {
        const int64_t column = (int64_t)fx + i % 2, row = (int64_t)fy + i / 2;
        corner[i] = uniform(scramble((uint64_t)column) ^ scramble((uint64_t)row + seed));
    }
    return (corner[0] * (1 - u) + corner[1] * u) * (1 - v) + (corner[2] * (1 - u) + corner[3] * u) * v;
}

static double fractal(double x, double y, uint64_t seed)
{
    double sum = 0, weight = 0.5;
    for (int octave = 0; octave < 5; octave++, x *= 2, y *= 2, weight /= 2)
        sum += weight * noise(x, y, seed + (uint64_t)octave);
    return sum;
}

/* Patches of two colours with sharp borders and grain on them */
static void draw_pixel(float *rgb, double x, double y, uint64_t seed)
{
    const bool patch = fractal(x / 60, y / 60, seed + 10) > 0.5;
    const double grain = fractal(x / 24, y / 24, seed + 20);
    for (uint64_t c = 0; c < 3; c++) {
        const double color = 0.15 + 0.7 * uniform(seed + 30 + c + 3 * patch);
        rgb[c] = (float)fmin(fmax(color + 0.9 * (grain - 0.5), 0), 1);
    }
}

static bool photo_alloc(Photo *photo, int width, int height)
{
    *photo = (Photo){width, height, malloc((size_t)width * (size_t)height * 3 * sizeof(float))};
    return photo->rgb;
}

static bool draw_photo(Photo *photo, uint64_t seed)
{
    if (!photo_alloc(photo, DRAWN_SIZE, DRAWN_SIZE))
        return false;
    for (int i = 0; i < DRAWN_SIZE * DRAWN_SIZE; i++)
        draw_pixel(photo->rgb + 3 * i, i % DRAWN_SIZE, i / DRAWN_SIZE, 100 * seed);
    return true;
}

/* A binary PPM file with samples of 8 bits */
static bool read_photo(Photo *photo, const char *path)
{
    FILE *file = fopen(path, "rb");
    int width = 0, height = 0, depth = 0;
    bool good = file && fscanf(file, "P6 %d %d %d", &width, &height, &depth) == 3 && fgetc(file) != EOF &&
                depth == 255 && width > 1 && height > 1 && width <= 8192 && height <= 8192;
    const size_t samples = good ? (size_t)width * (size_t)height * 3 : 0;
    uint8_t *bytes = malloc(samples + 1);
    good = good && bytes && photo_alloc(photo, width, height) && fread(bytes, 1, samples, file) == samples;
    for (size_t i = 0; good && i < samples; i++)
        photo->rgb[i] = (float)bytes[i] / 255;
    free(bytes);
    if (file)
        fclose(file);
    if (!good)
        fprintf(stderr, "motion: %s: a binary PPM file (P6) of 8 bits, 2 to 8192 pixels each way, expected\n", path);
    return good;
}

/* Halves a photo that is much higher than the frame, so that it does not alias. */
static void shrink_photo(Photo *photo, int height)
{
    while (2 * photo->height > 3 * height && photo->width > 3) {
        const int w = photo->width / 2, h = photo->height / 2, line = 3 * photo->width;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < 3 * w; x++) {
                const float *from = photo->rgb + (ptrdiff_t)2 * y * line + x / 3 * 6 + x % 3;
                photo->rgb[(ptrdiff_t)3 * y * w + x] = (from[0] + from[3] + from[line] + from[line + 3]) / 4;
            }
        photo->width = w;
        photo->height = h;
    }
}

static int mirrored(int i, int n)
{
    const int period = 2 * n, place = ((i % period) + period) % period;
    return place < n ? place : period - 1 - place;
}

/* Weights of four samples, the second of them u before the place (Catmull and Rom 1974) */
static void cubic_weights(double u, double weight[4])
{
    weight[0] = u * (-0.5 + u * (1 - 0.5 * u));
    weight[1] = 1 + u * u * (-2.5 + 1.5 * u);
    weight[2] = u * (0.5 + u * (2 - 1.5 * u));
    weight[3] = u * u * (-0.5 + 0.5 * u);
}

static void sample_photo(const Photo *photo, Point p, double rgb[3])
{
    const double x = photo->width * 0.5 + p.x * photo->height - 0.5;
    const double y = photo->height * 0.5 + p.y * photo->height - 0.5;
    const int left = (int)floor(x), top = (int)floor(y);
    double across[4], down[4];
    cubic_weights(x - left, across);
    cubic_weights(y - top, down);
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (int i = 0; i < 16; i++) {
        const int column = mirrored(left + i % 4 - 1, photo->width), row = mirrored(top + i / 4 - 1, photo->height);
        const float *sample = photo->rgb + 3 * ((ptrdiff_t)row * photo->width + column);
        for (int c = 0; c < 3; c++)
            rgb[c] += across[i % 4] * down[i / 4] * (double)sample[c];
    }
}

/* ---- frames ---- */

/* Share of a pixel that a layer covers */
static double coverage(const Layer *layer, const Pose *pose, Point p, double pixel)
{
    enum { SIDE = 4 };
    int n = 0;
    if (layer->shape == WHOLE)
        return 1;
    for (int i = 0; i < SIDE * SIDE; i++)
        n += holds(layer, to_layer(pose, (Point){p.x + pixel * ((i % SIDE + 0.5) / SIDE - 0.5),
                                                 p.y + pixel * ((i / SIDE + 0.5) / SIDE - 0.5)}));
    return (double)n / (SIDE * SIDE);
}

static void draw_place(const Stage *stage, const Moment *moment, Point p, double rgb[3])
{
    for (int i = 0; i < stage->scene->n; i++) {
        const double share = coverage(&stage->scene->layers[i], &moment->poses[i], p, 1.0 / stage->height);
        const Photo *photo = &stage->photos[(i + MAX_LAYERS * moment->take) % stage->n_photos];
        double color[3];
        if (share == 0)
            continue;
        sample_photo(photo, to_layer(&moment->poses[i], p), color);
        for (int c = 0; c < 3; c++)
            rgb[c] = i ? rgb[c] + share * (color[c] - rgb[c]) : color[c];
    }
}

/* Normally distributed, a number for each sample of each frame (Box and Muller 1958) */
static double grain(uint64_t frame, uint64_t sample)
{
    const uint64_t seed = scramble(frame + 1) + 2 * sample;
    return sqrt(-2 * log(1 - uniform(seed))) * cos(TAU * uniform(seed + 1));
}

static uint8_t level(double x)
{
    return (uint8_t)(fmin(fmax(x, 0), 255) + 0.5);
}

static void draw_frame(const Stage *stage, int frame, uint8_t *yuv)
{
    const Moment moment = moment_of(stage, frame);
    const size_t plane = (size_t)stage->width * (size_t)stage->height;
    const double gain = 1 + stage->scene->exposure * sin(TAU * frame / 50);
#pragma omp parallel for schedule(dynamic, 8)
    for (int y = 0; y < stage->height; y++)
        for (int x = 0; x < stage->width; x++) {
            const size_t at = (size_t)y * (size_t)stage->width + (size_t)x;
            double c[3];
            draw_place(stage, &moment, pixel_place(stage, x, y), c);
            for (uint64_t k = 0; k < 3; k++)
                c[k] = fmin(fmax(255 * gain * c[k] + stage->scene->noise * grain((uint64_t)frame, 3 * at + k), 0), 255);
            const double luma = 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
            yuv[at] = level(luma);
            yuv[plane + at] = level(128 + (c[2] - luma) / 1.772);
            yuv[2 * plane + at] = level(128 + (c[0] - luma) / 1.402);
        }
}

/* The motion from the moment `from` to the moment `to`, and where it is seen */
static void draw_flow(const Stage *stage, const Moment *from, const Moment *to, float *flow, uint8_t *visible)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int y = 0; y < stage->height; y++)
        for (int x = 0; x < stage->width; x++) {
            const size_t at = (size_t)y * (size_t)stage->width + (size_t)x;
            const Point p = pixel_place(stage, x, y);
            const int layer = owner(stage, from, p);
            const Point q = to_frame(&to->poses[layer], to_layer(&from->poses[layer], p));
            const double right = (q.x - p.x) * stage->height, down = (q.y - p.y) * stage->height;
            const bool inside = x + right >= 0 && x + right <= stage->width - 1 && y + down >= 0 &&
                                y + down <= stage->height - 1;
            flow[2 * at] = (float)right;
            flow[2 * at + 1] = (float)down;
            visible[at] = inside && from->take == to->take && owned(stage, from, p, layer, 0.5) &&
                                  owned(stage, to, q, layer, 1.5)
                              ? 255
                              : 0;
        }
}

static bool write_file(const char *path, const char *header, size_t header_size, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(header, 1, header_size, file) == header_size && fwrite(data, 1, size, file) == size;
    if (file && fclose(file))
        good = false;
    if (!good)
        perror(path);
    return good;
}

static bool write_flow(const Stage *stage, int frame, const char *folder, float *flow, uint8_t *visible)
{
    const size_t plane = (size_t)stage->width * (size_t)stage->height;
    const Moment from = moment_of(stage, frame - 1), to = moment_of(stage, frame);
    const int32_t size[2] = {stage->width, stage->height};
    char path[4096], header[64] = "PIEH";
    draw_flow(stage, &from, &to, flow, visible);
    memcpy(header + 4, size, sizeof(size));
    snprintf(path, sizeof(path), "%s/%06d.flo", folder, frame);
    if (!write_file(path, header, 12, flow, 2 * plane * sizeof(*flow)))
        return false;
    snprintf(path, sizeof(path), "%s/%06d.pgm", folder, frame);
    const int length = snprintf(header, sizeof(header), "P5\n%d %d\n255\n", stage->width, stage->height);
    return write_file(path, header, (size_t)length, visible, plane);
}

static bool render(const Stage *stage, const char *folder)
{
    const size_t plane = (size_t)stage->width * (size_t)stage->height;
    uint8_t *yuv = malloc(3 * plane), *visible = malloc(plane);
    float *flow = malloc(2 * plane * sizeof(*flow));
    bool good = yuv && visible && flow &&
                printf("YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C444 XCOLORRANGE=FULL\n", stage->width, stage->height) > 0;
    for (int i = 0; good && i < stage->frames; i++) {
        draw_frame(stage, i, yuv);
        good = printf("FRAME\n") > 0 && fwrite(yuv, 1, 3 * plane, stdout) == 3 * plane;
        if (good && i > 0 && strcmp(folder, "-"))
            good = write_flow(stage, i, folder, flow, visible);
    }
    free(yuv);
    free(visible);
    free(flow);
    return fflush(stdout) == 0 && good;
}

static bool gather_photos(Stage *stage, int n, char **paths)
{
    stage->n_photos = n ? n : DRAWN_PHOTOS;
    for (int i = 0; i < stage->n_photos; i++) {
        Photo *photo = &stage->photos[i];
        if (n ? !read_photo(photo, paths[i]) : !draw_photo(photo, (uint64_t)i + 1))
            return false;
        shrink_photo(photo, stage->height);
    }
    return true;
}

static const Scene *find_scene(const char *name)
{
    for (int i = 0; i < N_SCENES; i++)
        if (!strcmp(scenes[i].name, name))
            return &scenes[i];
    return NULL;
}

int main(int argc, char **argv)
{
    Stage stage = {0};
    if (argc > 5)
        stage = (Stage){.scene = find_scene(argv[1]), .width = atoi(argv[2]), .height = atoi(argv[3]),
                        .frames = atoi(argv[4])};
    if (!stage.scene || stage.width < 2 || stage.width > 8192 || stage.height < 2 || stage.height > 8192 ||
        stage.frames < 1 || stage.frames > 999999 || argc - 6 > MAX_PHOTOS) {
        fprintf(stderr, "usage: motion SCENE WIDTH HEIGHT FRAMES FLOWS|- [PHOTO.ppm ...] >CLIP.y4m\nscenes:");
        for (int i = 0; i < N_SCENES; i++)
            fprintf(stderr, " %s", scenes[i].name);
        fprintf(stderr, "\nsides 2 to 8192, up to %d photos\n", MAX_PHOTOS);
        return 1;
    }
    const bool good = gather_photos(&stage, argc - 6, argv + 6) && render(&stage, argv[5]);
    for (int i = 0; i < stage.n_photos; i++)
        free(stage.photos[i].rgb);
    return good ? 0 : 1;
}
