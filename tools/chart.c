/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chart.h"

#include <math.h>
#include <stdio.h>

#include "output.h"
#include "util.h"

enum { WIDTH = 900, HEIGHT = 360, LEFT = 80, RIGHT = 20, TOP = 50, BOTTOM = 40, TICKS = 5 };

/* 1, 2 or 5 times a power of ten, so that TICKS of them reach the value */
static double tick_of(double value)
{
    const double power = pow(10, floor(log10(value / TICKS))), share = value / TICKS / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static double column(int i, int n)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (n > 1 ? (double)i / (n - 1) : 0.5);
}

/* What the height of the picture stands for */
typedef struct Axis {
    bool logarithmic;
    double bottom, top, tick; /* tick: a sum, or where logarithmic a factor */
} Axis;

static double row(const Axis *axis, double value)
{
    const double share = axis->logarithmic ? log(value / axis->bottom) / log(axis->top / axis->bottom)
                                           : (value - axis->bottom) / (axis->top - axis->bottom);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
}

static bool is_shown(const Chart *chart, double value)
{
    return isfinite(value) && (chart->logarithmic ? value > 0 : value >= 0);
}

static void find_range(const Chart *chart, const double *values, double *least, double *most)
{
    for (int i = 0; values && i < chart->n; i++)
        if (is_shown(chart, values[i])) {
            *most = fmax(*most, values[i]);
            *least = fmin(*least, values[i]);
        }
}

static Axis find_axis(const Chart *chart)
{
    double most = 1e-9, least = INFINITY;
    for (int k = 0; k < chart->n_lines; k++) {
        find_range(chart, chart->lines[k].values, &least, &most);
        find_range(chart, chart->lines[k].behind, &least, &most);
    }
    if (chart->logarithmic) {
        const double low = floor(log10(fmin(least, most))), high = fmax(ceil(log10(most)), low + 1);
        return (Axis){true, pow(10, low), pow(10, high), pow(10, ceil((high - low) / (2 * TICKS)))};
    }
    const double tick = tick_of(most);
    return (Axis){false, 0, tick * ceil(most / tick - 1e-9), tick};
}

static void draw_axes(FILE *svg, const Chart *chart, const Axis *axis)
{
    const int n = chart->n;
    fprintf(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                 "font-size=\"12\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    fprintf(svg, "<text x=\"%d\" y=\"20\" font-size=\"15\">%s</text>\n", LEFT, chart->title);
    for (double value = axis->bottom; value <= axis->top * 1.0001;
         value = axis->logarithmic ? value * axis->tick : value + axis->tick)
        fprintf(svg,
                "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
                LEFT, row(axis, value), WIDTH - RIGHT, LEFT - 6, row(axis, value) + 4, value);
    for (int i = 0; i <= TICKS; i++)
        fprintf(svg, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
                column((n - 1) * i / TICKS, n), HEIGHT - 14, 1 + (n - 1) * i / TICKS * chart->stride);
}

/* A value that is left out interrupts the line. */
static void draw_path(FILE *svg, const Chart *chart, const Axis *axis, const double *values)
{
    for (int i = 0; i < chart->n; i++)
        if (is_shown(chart, values[i]))
            fprintf(svg, "%c%.1f %.1f", i > 0 && is_shown(chart, values[i - 1]) ? 'L' : 'M', column(i, chart->n),
                    row(axis, values[i]));
    fprintf(svg, "\"/>\n");
}

static void draw_line(FILE *svg, const Chart *chart, int index, const Axis *axis)
{
    const ChartLine *line = &chart->lines[index];
    const int width = (WIDTH - LEFT - RIGHT) / (chart->n_lines > 3 ? chart->n_lines : 3);
    fprintf(svg, "<text x=\"%d\" y=\"38\" fill=\"%s\">%s, %s %.3g</text>\n", LEFT + width * index, line->color,
            line->name, chart->figure, line->figure);
    if (line->behind) {
        fprintf(svg, "<path fill=\"none\" stroke=\"%s\" stroke-opacity=\"0.3\" d=\"", line->color);
        draw_path(svg, chart, axis, line->behind);
    }
    fprintf(svg, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"", line->color);
    draw_path(svg, chart, axis, line->values);
}

void chart_draw(const Chart *chart, FILE *svg)
{
    const Axis axis = find_axis(chart);
    draw_axes(svg, chart, &axis);
    for (int k = 0; k < chart->n_lines; k++)
        draw_line(svg, chart, k, &axis);
    fprintf(svg, "</svg>\n");
}

int chart_write(const Chart *chart, const char *path, NstError *err)
{
    NstOutput output;
    int code = output_open(&output, path, err);
    if (code == NST_OK) {
        chart_draw(chart, output.file);
        code = output_close(&output, ferror(output.file) ? fail(err, NST_EIO, "could not be written") : NST_OK, err);
    }
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}
