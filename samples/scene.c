/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Renders the clip of `make demo`: a bay with mountains, clouds, a sailing boat and a meadow in the evening sun.
 *
 *   scene WIDTH HEIGHT FRAMES >raw RGB24
 *
 * Coordinates: x from 0 to the aspect ratio, y from 0 (top) to 1; time from 0 to 1 over the clip. Everything is drawn back
 * to front; an edge is a smoothstep one pixel wide.
 */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Color {
    float r, g, b;
} Color;

/* What the drawing of one pixel depends on */
typedef struct Point {
    float x, y;     /* where */
    float t;        /* when */
    float pixel;    /* height of a pixel */
    float aspect;
} Point;

#define HORIZON 0.56f
#define SUN_Y 0.30f

static float mix(float a, float b, float w)
{
    return a + w * (b - a);
}

static Color blend(Color a, Color b, float w)
{
    return (Color){ mix(a.r, b.r, w), mix(a.g, b.g, w), mix(a.b, b.b, w) };
}

static float smooth(float from, float to, float x)
{
    float u = fminf(fmaxf((x - from) / (to - from), 0), 1);
    return u * u * (3 - 2 * u);
}

/* 1 where d < 0, 0 where d > 0, soft over one pixel */
static float inside(Point p, float d)
{
    return 1 - smooth(-p.pixel, p.pixel, d);
}

static float lattice(int x, int y)
{
    uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u;
    h = (h ^ (h >> 13)) * 1274126177u;
    return (float)((h ^ (h >> 16)) & 0xffff) / 65535.0f;
}

static float noise(float x, float y)
{
    int ix = (int)floorf(x), iy = (int)floorf(y);
    float u = smooth(0, 1, x - (float)ix), v = smooth(0, 1, y - (float)iy);
    return mix(mix(lattice(ix, iy), lattice(ix + 1, iy), u), mix(lattice(ix, iy + 1), lattice(ix + 1, iy + 1), u), v);
}

/* Noise of several octaves, 0 to 1 */
static float fractal(float x, float y, int octaves)
{
    float sum = 0, weight = 0.5f, total = 0;
    for (int i = 0; i < octaves; i++) {
        sum += weight * noise(x, y);
        total += weight;
        weight *= 0.5f;
        x = 2 * x + 17.3f;
        y = 2 * y + 9.1f;
    }
    return sum / total;
}

static Color draw_sky(Point p)
{
    Color top = { 0.18f, 0.36f, 0.68f }, low = { 0.98f, 0.76f, 0.52f };
    Color color = blend(top, low, smooth(0.0f, HORIZON, p.y));
    float d = hypotf(p.x - 0.70f * p.aspect, p.y - SUN_Y);
    color = blend(color, (Color){ 1.0f, 0.86f, 0.55f }, 0.7f * expf(-d * 6));
    color = blend(color, (Color){ 1.0f, 0.96f, 0.80f }, inside(p, d - 0.055f));

    float cx = p.x * 2.2f + p.t * 0.5f, cy = p.y * 6.0f;
    float density = smooth(0.50f, 0.72f, fractal(cx, cy, 5)) * smooth(0.55f, 0.30f, p.y);
    float lit = fractal(cx + 0.25f, cy - 0.5f, 3); /* denser towards the sun: in shadow */
    return blend(color, blend((Color){ 1.0f, 0.95f, 0.90f }, (Color){ 0.70f, 0.62f, 0.72f }, smooth(0.35f, 0.75f, lit)),
                 0.9f * density);
}

static Color draw_mountains(Point p, Color color)
{
    float x = p.x + 0.04f * p.t;
    float ridge = HORIZON - 0.04f - 0.30f * powf(fractal(x * 1.7f + 3, 1.5f, 6), 1.6f);
    float rock = fractal(x * 14 + p.y * 9, p.y * 22, 4);
    Color stone = blend((Color){ 0.34f, 0.38f, 0.56f }, (Color){ 0.54f, 0.50f, 0.62f }, rock);
    float snow = smooth(0.09f, 0.03f, p.y - ridge + 0.05f * rock) * smooth(0.45f, 0.38f, ridge);
    stone = blend(stone, (Color){ 0.97f, 0.93f, 0.92f }, snow);
    stone = blend(stone, (Color){ 0.90f, 0.74f, 0.62f }, 0.6f * smooth(HORIZON - 0.16f, HORIZON, p.y)); /* haze */
    color = blend(color, stone, inside(p, ridge - p.y));

    x = p.x + 0.09f * p.t;
    float hill = HORIZON + 0.01f - 0.13f * fractal(x * 2.3f + 40, 7.5f, 4);
    float woods = fractal(x * 30, p.y * 40, 4);
    Color green = blend((Color){ 0.13f, 0.27f, 0.20f }, (Color){ 0.42f, 0.50f, 0.24f }, smooth(0.3f, 0.75f, woods));
    return blend(color, green, inside(p, hill + 0.012f * woods - p.y));
}

static Color draw_sea(Point p, Color color)
{
    float depth = (p.y - HORIZON) / (1 - HORIZON);
    if (depth <= 0)
        return color;
    float scale = 1 / (depth + 0.06f); /* waves shrink towards the horizon */
    float wave = fractal(p.x * scale * 1.3f + p.t * 0.8f, scale * 9 + p.t * 2.4f, 4);
    Color water = blend((Color){ 0.62f, 0.62f, 0.62f }, (Color){ 0.06f, 0.27f, 0.42f }, smooth(0.0f, 0.7f, depth));
    water = blend(water, (Color){ 0.75f, 0.86f, 0.88f }, 0.55f * smooth(0.52f, 0.75f, wave));
    water = blend(water, (Color){ 0.03f, 0.16f, 0.30f }, 0.5f * smooth(0.45f, 0.25f, wave));
    float path = expf(-fabsf(p.x - 0.70f * p.aspect) / (0.05f + 0.25f * depth));
    water = blend(water, (Color){ 1.0f, 0.88f, 0.60f }, path * smooth(0.40f, 0.62f, wave));
    return blend(color, water, smooth(0, p.pixel * 2, p.y - HORIZON));
}

/* Signed distance to a convex polygon, negative inside; corners clockwise on the screen */
static float polygon(float x, float y, const float (*corner)[2], int n)
{
    float d = -1e9f;
    for (int i = 0; i < n; i++) {
        const float *a = corner[i], *b = corner[(i + 1) % n];
        float ex = b[0] - a[0], ey = b[1] - a[1];
        d = fmaxf(d, (ey * (x - a[0]) - ex * (y - a[1])) / hypotf(ex, ey));
    }
    return d;
}

/* The boat around its own origin, the middle of its waterline */
static Color draw_boat_at(Point p, float x, float y, Color color)
{
    static const float hull[][2] = { { -0.10f, -0.025f }, { 0.13f, -0.030f }, { 0.085f, 0.02f }, { -0.075f, 0.02f } };
    static const float main_sail[][2] = { { 0.005f, -0.27f }, { 0.012f, -0.045f }, { -0.105f, -0.045f } };
    static const float jib[][2] = { { 0.018f, -0.25f }, { 0.115f, -0.045f }, { 0.022f, -0.045f } };
    float shade = smooth(-0.1f, 0.1f, x);
    color = blend(color, (Color){ 0.20f, 0.12f, 0.08f }, inside(p, fmaxf(fabsf(x - 0.015f) - 0.004f, fabsf(y + 0.15f) - 0.14f)));
    color = blend(color, blend((Color){ 0.80f, 0.25f, 0.18f }, (Color){ 0.98f, 0.55f, 0.30f }, shade),
                  inside(p, polygon(x, y, main_sail, 3)));
    color = blend(color, (Color){ 0.98f, 0.94f, 0.84f }, inside(p, polygon(x, y, jib, 3)));
    color = blend(color, blend((Color){ 0.30f, 0.15f, 0.10f }, (Color){ 0.55f, 0.32f, 0.18f }, shade),
                  inside(p, polygon(x, y, hull, 4)));
    return blend(color, (Color){ 0.92f, 0.88f, 0.78f }, inside(p, fmaxf(polygon(x, y, hull, 4), fabsf(y + 0.02f) - 0.005f)));
}

static Color draw_boat(Point p, Color color)
{
    float cx = mix(0.30f, 0.62f, p.t) * p.aspect, cy = 0.70f + 0.006f * sinf(p.t * 18);
    float tilt = 0.05f * sinf(p.t * 13 + 1);
    float x = p.x - cx, y = p.y - cy;
    if (fabsf(x) > 0.25f || fabsf(y) > 0.35f)
        return color;
    if (y > 0.018f) { /* the reflection, broken by the waves */
        float wobble = 0.03f * (noise(p.x * 12, p.y * 60 + p.t * 20) - 0.5f);
        Color mirror = draw_boat_at(p, x + wobble, 0.036f - y * 1.2f, color);
        return blend(color, mirror, 0.55f * smooth(0.22f, 0.02f, y));
    }
    return draw_boat_at(p, x + tilt * y, y - tilt * x, color);
}

static Color draw_birds(Point p, Color color)
{
    for (int i = 0; i < 5; i++) {
        float cx = (0.18f + 0.05f * (float)i + 0.25f * p.t) * p.aspect;
        float cy = 0.20f + 0.03f * sinf((float)i * 2.3f) - 0.05f * p.t;
        float x = fabsf(p.x - cx), flap = 0.35f + 0.35f * sinf(p.t * 60 + (float)i);
        float wing = fabsf(p.y - cy + flap * x - 8 * x * x * (1 - flap)) - 0.0035f;
        color = blend(color, (Color){ 0.15f, 0.14f, 0.20f }, inside(p, fmaxf(wing, x - 0.022f)));
    }
    return color;
}

static Color draw_meadow(Point p, Color color)
{
    float x = p.x + 0.22f * p.t; /* near things move fastest as the camera pans */
    float bank = 0.86f - 0.07f * sinf(x * 2.1f + 0.6f) - 0.02f * fractal(x * 40, 3, 2);
    float grass = fractal(x * 60 + p.y * 12, p.y * 14, 4);
    Color green = blend((Color){ 0.10f, 0.24f, 0.07f }, (Color){ 0.62f, 0.66f, 0.20f }, smooth(0.25f, 0.8f, grass));
    green = blend(green, (Color){ 0.05f, 0.12f, 0.08f }, 0.6f * smooth(0.9f, 1.0f, p.y));
    color = blend(color, green, inside(p, bank - p.y));
    if (p.y < bank + 0.02f)
        return color;

    int cell_x = (int)floorf(x * 16), cell_y = (int)floorf(p.y * 24);
    float kind = lattice(cell_x, cell_y + 100);
    if (kind < 0.55f)
        return color;
    float fx = x * 16 - (float)cell_x - 0.3f - 0.4f * lattice(cell_x, cell_y);
    float fy = (p.y * 24 - (float)cell_y - 0.5f) * 0.7f;
    float petals = hypotf(fx, fy) - 0.16f - 0.05f * sinf(5 * atan2f(fy, fx));
    Color petal = kind < 0.70f ? (Color){ 0.90f, 0.20f, 0.18f } : kind < 0.85f ? (Color){ 0.97f, 0.90f, 0.95f }
                                                                               : (Color){ 0.98f, 0.80f, 0.15f };
    color = blend(color, petal, 1 - smooth(-0.05f, 0.05f, petals));
    return blend(color, (Color){ 0.45f, 0.28f, 0.10f }, 1 - smooth(0.03f, 0.07f, hypotf(fx, fy)));
}

static Color draw_tree(Point p, Color color)
{
    float x = p.x - 0.13f * p.aspect + 0.22f * p.t, y = p.y;
    float trunk = fabsf(x - 0.02f * sinf(y * 9)) - 0.022f - 0.03f * smooth(0.80f, 0.95f, y);
    float bark = fractal(x * 90, y * 12, 3);
    color = blend(color, blend((Color){ 0.16f, 0.09f, 0.06f }, (Color){ 0.48f, 0.32f, 0.20f }, bark),
                  inside(p, fmaxf(trunk, fmaxf(0.35f - y, y - 0.93f))));

    float sway = 0.006f * sinf(p.t * 16 + y * 5);
    float crown = hypotf((x + sway) * 0.9f, (y - 0.30f) * 1.05f) - 0.25f;
    float edge = fractal((x + sway) * 9 + 5, y * 9, 4), leaf = fractal((x + sway) * 45, y * 45, 3);
    Color foliage = blend((Color){ 0.07f, 0.18f, 0.08f }, (Color){ 0.66f, 0.62f, 0.16f },
                          smooth(0.35f, 0.75f, leaf + 0.25f * (x - (y - 0.30f))));
    float cover = smooth(0.02f, -0.02f, crown + 0.35f * (edge - 0.45f));
    return blend(color, foliage, cover * smooth(0.22f, 0.34f, leaf + 0.3f * (1 - smooth(-0.2f, 0, crown))));
}

static Color draw(Point p)
{
    Color color = draw_sky(p);
    color = draw_birds(p, draw_mountains(p, color));
    color = draw_boat(p, draw_sea(p, color));
    return draw_tree(p, draw_meadow(p, color));
}

static uint8_t level(float x)
{
    return (uint8_t)(fminf(fmaxf(x, 0), 1) * 255 + 0.5f);
}

static void draw_frame(uint8_t *rgb, int width, int height, float t)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int y = 0; y < height; y++) {
        uint8_t *row = rgb + (size_t)y * (size_t)width * 3;
        for (int x = 0; x < width; x++) {
            float pixel = 1.0f / (float)height;
            Color c = draw((Point){ ((float)x + 0.5f) * pixel, ((float)y + 0.5f) * pixel, t, pixel,
                                    (float)width / (float)height });
            row[3 * x] = level(c.r);
            row[3 * x + 1] = level(c.g);
            row[3 * x + 2] = level(c.b);
        }
    }
}

int main(int argc, char **argv)
{
    int width = argc == 4 ? atoi(argv[1]) : 0, height = argc == 4 ? atoi(argv[2]) : 0;
    int frames = argc == 4 ? atoi(argv[3]) : 0;
    if (width < 1 || width > 8192 || height < 1 || height > 8192 || frames < 1) {
        fprintf(stderr, "usage: scene WIDTH HEIGHT FRAMES >raw RGB24, sides up to 8192\n");
        return 1;
    }
    size_t size = (size_t)width * (size_t)height * 3;
    uint8_t *rgb = malloc(size);
    if (!rgb)
        return 1;
    for (int i = 0; i < frames; i++) {
        draw_frame(rgb, width, height, (float)i / (float)frames);
        if (fwrite(rgb, 1, size, stdout) != size) {
            perror("scene");
            free(rgb);
            return 1;
        }
    }
    free(rgb);
    return 0;
}
