/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "output.h"
#include "score.h"
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

static double row(double value, double top)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;
}

static void draw_axes(FILE *svg, const char *title, int n, double tick, double top)
{
    fprintf(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                 "font-size=\"12\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    fprintf(svg, "<text x=\"%d\" y=\"20\" font-size=\"15\">%s</text>\n", LEFT, title);
    for (int i = 0; i * tick <= top * 1.0001; i++)
        fprintf(svg,
                "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
                LEFT, row(i * tick, top), WIDTH - RIGHT, LEFT - 6, row(i * tick, top) + 4, i * tick);
    for (int i = 0; i <= TICKS; i++)
        fprintf(svg, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
                column((n - 1) * i / TICKS, n), HEIGHT - 14, 1 + (n - 1) * i / TICKS);
}

/* A value that is left out interrupts the line. */
static void draw_line(FILE *svg, const ChartLine *line, int index, int n, double top)
{
    fprintf(svg, "<text x=\"%d\" y=\"38\" fill=\"%s\">%s, mean %.3g</text>\n", LEFT + 240 * index, line->color,
            line->name, line->mean);
    fprintf(svg, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"", line->color);
    for (int i = 0; i < n; i++)
        if (line->values[i] >= 0)
            fprintf(svg, "%c%.1f %.1f", i > 0 && line->values[i - 1] >= 0 ? 'L' : 'M', column(i, n),
                    row(line->values[i], top));
    fprintf(svg, "\"/>\n");
}

int score_chart(const char *path, const char *title, const ChartLine *lines, int n_lines, int n, NstError *err)
{
    NstOutput output;
    double most = 1e-9;
    for (int k = 0; k < n_lines; k++)
        for (int i = 0; i < n; i++)
            most = fmax(most, lines[k].values[i]);
    const double tick = tick_of(most), top = tick * ceil(most / tick - 1e-9);
    int code = output_open(&output, path, err);
    if (code == NST_OK) {
        draw_axes(output.file, title, n, tick, top);
        for (int k = 0; k < n_lines; k++)
            draw_line(output.file, &lines[k], k, n, top);
        fprintf(output.file, "</svg>\n");
        code = output_close(&output, ferror(output.file) ? fail(err, NST_EIO, "could not be written") : NST_OK, err);
    }
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}
