/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "painter_internal.h"

#include "exec.h"
#include "nsw.h"
#include "util.h"

enum {
    STRIP = 10,    /* this part of a side is the width of a strip along an edge, */
    STRIP_MIN = 20, /* unless that is less than the margin and so many pixels */
    BLOCK = 5,     /* the same of the height for a block's inside */
    WORTH = 4      /* what takes more than this part of the picture is no piece */
};

static int on_grid(int pixels)
{
    return ceil_div(pixels, NST_PIECE_GRID) * NST_PIECE_GRID;
}

static void add_shape(NstPieceShapes *shapes, int w, int h, int width, int height)
{
    if ((int64_t)w * h * WORTH > (int64_t)width * height)
        return;
    shapes->w[shapes->n] = w;
    shapes->h[shapes->n++] = h;
}

/*
 * Strips as high and as wide as the picture, for what a panning camera brings, and blocks. Half of what a pixel may see
 * is margin enough: what lies farther away counts for a level.
 */
static NstPieceShapes shapes_for(const NstStyles *styles, int n, int width, int height)
{
    NstPieceShapes shapes = {0};
    int most = 1;
    for (int i = 0; i < n; i++) {
        const NstGraph *graph = &styles->models[i]->graph;
        int multiple = graph_multiple(graph);
        if (!multiple || NST_PIECE_GRID % multiple)
            return (NstPieceShapes){0};
        most = max_int(most, multiple);
        shapes.margin = max_int(shapes.margin, on_grid(ceil_div(tiling_rim(graph), 2)));
    }
    const int block = on_grid(2 * shapes.margin + height / BLOCK);
    add_shape(&shapes, on_grid(max_int(width / STRIP, shapes.margin + STRIP_MIN)), ceil_div(height, most) * most, width,
              height);
    add_shape(&shapes, ceil_div(width, most) * most, on_grid(max_int(height / STRIP, shapes.margin + STRIP_MIN)), width,
              height);
    add_shape(&shapes, block, block, width, height);
    return shapes;
}

static NstPlanOptions plan_options(const NstCompute *compute)
{
    return (NstPlanOptions){.compute = *compute};
}

size_t painter_piece_bytes_for(const NstStyles *styles, int width, int height, const NstCompute *compute)
{
    const int n = mix_is_in_weights(styles) ? 1 : styles->n;
    const NstPieceShapes shapes = shapes_for(styles, n, width, height);
    const NstPlanOptions options = plan_options(compute);
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < shapes.n; k++)
            bytes += plan_bytes_for(&styles->models[i]->graph, shapes.h[k], shapes.w[k], &options);
    return bytes;
}

static int open_piece(NstPieceNetwork *piece, const NstNetwork *network, int w, int h, const NstCompute *compute,
                      NstError *err)
{
    const NstModel *model = network->model;
    const NstPlanOptions options = plan_options(compute);
    NST_TRY(plan_create(&piece->plan, network->graph, h, w, &options, err));
    piece->source = painter_planes_of(piece->plan, 0, model->input_bgr, model->input_scale);
    piece->result = painter_planes_of(piece->plan, network->graph->n_nodes - 1, model->output_bgr, model->output_scale);
    return NST_OK;
}

int painter_open_pieces(NstPainter *painter, NstError *err)
{
    if (painter->has_pieces || painter->tiled)
        return NST_OK;
    const NstPieceShapes shapes = shapes_for(&painter->styles, painter->n, painter->width, painter->height);
    for (int i = 0; i < painter->n; i++)
        for (int k = 0; k < shapes.n; k++) {
            NstNetwork *network = &painter->networks[i];
            int code = open_piece(&network->pieces[k], network, shapes.w[k], shapes.h[k], &painter->compute, err);
            if (code < 0) {
                painter_close_pieces(painter);
                return code;
            }
        }
    painter->shapes = shapes;
    painter->has_pieces = true;
    return NST_OK;
}

void painter_close_pieces(NstPainter *painter)
{
    for (int i = 0; i < painter->n; i++)
        for (int k = 0; k < NST_PIECE_SHAPES; k++)
            plan_free(&painter->networks[i].pieces[k].plan);
    painter->shapes = (NstPieceShapes){0};
    painter->has_pieces = false;
}

const NstPieceShapes *painter_pieces(const NstPainter *painter)
{
    return &painter->shapes;
}

static void paint(NstPainter *painter, const NstNetwork *network, int shape, int x, int y)
{
    const NstPieceNetwork *piece = &network->pieces[shape];
    const int w = painter->shapes.w[shape], h = painter->shapes.h[shape];
    const int inside_w = min_int(w, painter->width - x), inside_h = min_int(h, painter->height - y);
    NstPlanes from = painter->source;
    for (int i = 0; i < 3; i++)
        from.rgb[i] += y * from.stride + x;
    painter_copy(painter, piece->source, from, inside_w, inside_h, 1, false);
    painter_pad(&piece->source, inside_w, inside_h, w, h);
    plan_control_norms(piece->plan, &(NstNormControl){.given = network->fresh, .share = 1});
    exec_forward(piece->plan);
}

const NstPlanes *painter_paint_piece(NstPainter *painter, int shape, int x, int y)
{
    const NstPlanes *result = NULL;
    for (int i = 0; i < painter->n; i++) {
        const NstNetwork *network = &painter->networks[i];
        const NstPlanes *own = &network->pieces[shape].result;
        const float share = painter->mixed.n_nodes ? 1 : painter->shares[i];
        if (share == 0)
            continue;
        paint(painter, network, shape, x, y);
        if (result || share != 1)
            painter_copy(painter, result ? *result : *own, *own, painter->shapes.w[shape], painter->shapes.h[shape],
                         share, result != NULL);
        result = result ? result : own;
    }
    return result;
}
