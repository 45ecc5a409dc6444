/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools. Windows may hang over the picture (pad, ceil); what lies outside never is the maximum. */
#include <math.h>
#include <string.h>

#include "plan_internal.h"
#include "util.h"

/* The part of one window that lies in the picture: rows y0 .. y1 - 1, columns x0 .. x1 - 1. */
typedef struct NstWindow {
    int y0, y1, x0, x1;
} NstWindow;

static NstWindow window_at(const NstNode *node, NstShape in, int i, int j)
{
    int y = i * node->stride[NST_Y] - node->pad[NST_TOP], x = j * node->stride[NST_X] - node->pad[NST_LEFT];
    return (NstWindow){max_int(y, 0), min_int(y + node->kernel[NST_Y], in.h), max_int(x, 0),
                       min_int(x + node->kernel[NST_X], in.w)};
}

/* The divisor of an average: samples of the window, with the padding where that counts (but not what ceil adds). */
static int window_count(const NstNode *node, NstShape in, int i, int j)
{
    NstWindow inside = window_at(node, in, i, j);
    if (!node->count_pad)
        return (inside.y1 - inside.y0) * (inside.x1 - inside.x0);
    int y = i * node->stride[NST_Y] - node->pad[NST_TOP], x = j * node->stride[NST_X] - node->pad[NST_LEFT];
    return (min_int(y + node->kernel[NST_Y], in.h + node->pad[NST_BOTTOM]) - y) *
           (min_int(x + node->kernel[NST_X], in.w + node->pad[NST_RIGHT]) - x);
}

/* Offset of the first largest sample in the window; a NaN counts as the largest. */
static size_t window_argmax(const float *x, NstShape in, NstWindow window)
{
    size_t best = (size_t)window.y0 * (size_t)in.w + (size_t)window.x0;
    for (int i = window.y0; i < window.y1; i++)
        for (int j = window.x0; j < window.x1; j++) {
            size_t at = (size_t)i * (size_t)in.w + (size_t)j;
            if (x[at] > x[best] || (isnan(x[at]) && !isnan(x[best])))
                best = at;
        }
    return best;
}

static float window_mean(const float *x, NstShape in, NstWindow window, int count)
{
    float sum = 0;
    for (int i = window.y0; i < window.y1; i++)
        for (int j = window.x0; j < window.x1; j++)
            sum += x[(size_t)i * (size_t)in.w + (size_t)j];
    return sum / (float)count;
}

/* The common case of VGG: 2x2 windows side by side. Where ceil is set the last row or column of them may hang over. */
static bool is_halving(const NstNode *node)
{
    return node->kernel[0] == 2 && node->kernel[1] == 2 && node->stride[0] == 2 && node->stride[1] == 2 &&
           !(node->pad[0] | node->pad[1] | node->pad[2] | node->pad[3]);
}

/* The first window of row i that does not lie inside; all of them where the row hangs over. */
static int first_odd(const NstNode *node, NstShape in, NstShape out, int i)
{
    return is_halving(node) && 2 * i + 1 < in.h ? min_int(in.w / 2, out.w) : 0;
}

bool pool_reads_pairs(const NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    const NstShape in = plan->shapes[node->inputs[0]];
    return is_halving(node) && in.h % 2 == 0 && in.w % 2 == 0;
}

static void halve_max(const float *a, const float *b, int n, float *y)
{
    for (int j = 0; j < n; j++) {
        float top = a[2 * j + 1] > a[2 * j] ? a[2 * j + 1] : a[2 * j];
        float bottom = b[2 * j + 1] > b[2 * j] ? b[2 * j + 1] : b[2 * j];
        y[j] = bottom > top ? bottom : top;
    }
}

static void max_pool_rows(NstPlan *plan, int index, int first, int n)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    for (int c = 0; c < out.c; c++) {
        const float *x = plan->value[node->inputs[0]] + (size_t)c * shape_plane(in);
        float *y = plan->value[index] + (size_t)c * shape_plane(out) + (size_t)first * (size_t)out.w;
        for (int i = first; i < first + n; i++, y += out.w) {
            const int inside = first_odd(node, in, out, i);
            const float *row = inside ? x + (size_t)(2 * i) * (size_t)in.w : x;
            halve_max(row, row + in.w, inside, y);
            for (int j = inside; j < out.w; j++)
                y[j] = x[window_argmax(x, in, window_at(node, in, i, j))];
        }
    }
}

static void max_pool_forward(NstPlan *plan, int index)
{
    op_for_rows(plan, index, plan->shapes[index].h, max_pool_rows);
}

/* Sets to zero what does not lie in the first rows and columns of a plane. */
static void clear_rest(float *plane, NstShape s, int rows, int columns)
{
    for (int i = 0; i < rows; i++)
        memset(plane + (size_t)i * (size_t)s.w + columns, 0, (size_t)(s.w - columns) * sizeof(*plane));
    memset(plane + (size_t)rows * (size_t)s.w, 0, (size_t)(s.h - rows) * (size_t)s.w * sizeof(*plane));
}

bool pool_masks(const NstPlan *plan, int index)
{
    int reader = -1;
    for (int i = index + 1; i < plan->graph->n_nodes; i++)
        for (int j = 0; plan->live[i] && j < plan_node(plan, i)->n_inputs; j++)
            if (plan_input(plan, i, j) == index) {
                if (plan_node(plan, i)->op != NST_OP_MAX_POOL)
                    return false;
                reader = i;
            }
    return reader >= 0 && !plan->is_tap[index];
}

static void max_pool_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    const int rows = is_halving(node) ? min_int(in.h / 2, out.h) : 0;
    const int columns = rows ? min_int(in.w / 2, out.w) : 0;
    const float low = plan_node(plan, node->inputs[0])->op == NST_OP_RELU ? 0 : -INFINITY; /* see pool_masks */
    bool add;
    float *target = plan_grad_target(plan, index, 0, &add);
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++) {
        const float *x = plan->value[node->inputs[0]] + (size_t)c * shape_plane(in);
        const float *g = plan->grad[index] + (size_t)c * shape_plane(out);
        float *gx = target + (size_t)c * shape_plane(in);
        if (!add)
            clear_rest(gx, in, 2 * rows, 2 * columns);
        for (int i = 0; i < out.h; i++, g += out.w) {
            const int inside = i < rows ? columns : 0;
            const size_t row = inside ? (size_t)(2 * i) * (size_t)in.w : 0;
            plan->dsp.halve_max_adjoint(gx + row, x + row, (size_t)in.w, g, low, add, (size_t)inside);
            for (int j = inside; j < out.w; j++) {
                const size_t at = window_argmax(x, in, window_at(node, in, i, j));
                gx[at] += x[at] > low ? g[j] : 0;
            }
        }
    }
}

const NstOpImpl op_max_pool = {max_pool_forward, max_pool_backward, .backward_uses_input = true};

static void halve_mean(const float *a, const float *b, int n, float *y)
{
    for (int j = 0; j < n; j++)
        y[j] = (a[2 * j] + a[2 * j + 1] + b[2 * j] + b[2 * j + 1]) / 4;
}

/* Means of 2x2 samples from row 2 i of the plane on */
static void mean_row(const NstPlan *plan, int index, int c, int i, int n, float *y)
{
    enum { PIECE = 512 };
    float rows[2][2 * PIECE];
    const int input = plan_input(plan, index, 0);
    const NstShape in = plan->shapes[input];
    const size_t first = (size_t)(2 * i) * (size_t)in.w, w = (size_t)in.w;
    const float *x = plan->value[input] + (size_t)c * shape_plane(in) + first;
    if (!plan->is_virtual[input]) {
        halve_mean(x, x + w, n, y);
        return;
    }
    for (int j = 0; j < n; j += PIECE) {
        const int some = min_int(PIECE, n - j);
        for (int r = 0; r < 2; r++)
            view_samples(plan, &plan->view[input], c, first + (size_t)r * w + (size_t)(2 * j), (size_t)(2 * some),
                         rows[r]);
        halve_mean(rows[0], rows[1], some, y + j);
    }
}

static void avg_pool_rows(NstPlan *plan, int index, int first, int n)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    for (int c = 0; c < out.c; c++) {
        const float *x = plan->value[node->inputs[0]] + (size_t)c * shape_plane(in);
        float *y = plan->value[index] + (size_t)c * shape_plane(out) + (size_t)first * (size_t)out.w;
        for (int i = first; i < first + n; i++, y += out.w) {
            const int inside = first_odd(node, in, out, i);
            if (inside)
                mean_row(plan, index, c, i, inside, y);
            for (int j = inside; j < out.w; j++)
                y[j] = window_mean(x, in, window_at(node, in, i, j), window_count(node, in, i, j));
        }
    }
}

static void avg_pool_forward(NstPlan *plan, int index)
{
    op_for_rows(plan, index, plan->shapes[index].h, avg_pool_rows);
}

static void spread(float *gx, NstShape in, NstWindow window, float share)
{
    for (int i = window.y0; i < window.y1; i++)
        for (int j = window.x0; j < window.x1; j++)
            gx[(size_t)i * (size_t)in.w + (size_t)j] += share;
}

static void avg_pool_backward(NstPlan *plan, int index)
{
    const NstNode *node = plan_node(plan, index);
    NstShape in = plan->shapes[node->inputs[0]], out = plan->shapes[index];
    float *gx = plan_grad_sum(plan, index, 0);
#pragma omp parallel for num_threads(plan->threads) schedule(static)
    for (int c = 0; c < out.c; c++) {
        const float *g = plan->grad[index] + (size_t)c * shape_plane(out);
        for (int i = 0; i < out.h; i++)
            for (int j = 0; j < out.w; j++)
                spread(gx + (size_t)c * shape_plane(in), in, window_at(node, in, i, j),
                       *g++ / (float)window_count(node, in, i, j));
    }
}

const NstOpImpl op_avg_pool = {avg_pool_forward, avg_pool_backward, .backward_uses_input = false};
