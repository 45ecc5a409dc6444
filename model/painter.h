/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_PAINTER_H
#define NST_MODEL_PAINTER_H

#include "mix.h"
#include "picture.h"

enum {
    NST_PIECE_SHAPES = 3,
    NST_PIECE_GRID = 16 /* pixels: pieces begin at multiples of it, and so does what of them is good */
};

/* The sizes of pieces that are painted by themselves, and how far into them the rest of the picture would be seen. */
typedef struct NstPieceShapes {
    int n, margin; /* n: 0 to NST_PIECE_SHAPES; margin: pixels, a multiple of NST_PIECE_GRID */
    int w[NST_PIECE_SHAPES], h[NST_PIECE_SHAPES];
} NstPieceShapes;

/* The networks of one or several styles made ready for one working size. The models must outlive it. */
typedef struct NstPainter NstPainter;

typedef struct NstPainterOptions {
    NstCompute compute;
    bool keep_source;  /* painter_source is still whole after painter_paint */
    size_t max_memory; /* bytes above which the picture is painted in tiles; 0: none. Where even the smallest tiles take
                          more, they are taken all the same */
} NstPainterOptions;

/* Thread-safe: takes no threads of compute's. */
int painter_create(NstPainter **painter, const NstStyles *styles, int width, int height,
                   const NstPainterOptions *options, NstError *err);
void painter_free(NstPainter **painter);

/* Bytes that painter_create would take; 0 when the size is impossible. */
size_t painter_bytes_for(const NstStyles *styles, int width, int height, const NstPainterOptions *options);

/* Planes of width x height to fill before painter_paint. */
const NstPlanes *painter_source(const NstPainter *painter);

/*
 * shares: of each style, with the sum 1. keep: 0 to below 1, the share of earlier pictures in the statistics of
 * instance normalisation (a moving average); 0: each picture has its own.
 */
void painter_paint(NstPainter *painter, const float *shares, float keep);

/*
 * Pieces: parts of the next picture in the manner of the last one that was painted as a whole, with its shares and the
 * statistics of its normalisation. Pictures in tiles have none, nor have small ones. painter_close_pieces frees what
 * painter_open_pieces makes.
 */
int painter_open_pieces(NstPainter *painter, NstError *err);
void painter_close_pieces(NstPainter *painter);
const NstPieceShapes *painter_pieces(const NstPainter *painter);

/* Bytes that painter_open_pieces would take where pictures are not in tiles. */
size_t painter_piece_bytes_for(const NstStyles *styles, int width, int height, const NstCompute *compute);

/*
 * Paints from painter_source, which stays, a piece whose first pixel is (x, y), both multiples of NST_PIECE_GRID; what
 * of it lies outside the picture is reflected. The planes hold it until the next call.
 */
const NstPlanes *painter_paint_piece(NstPainter *painter, int shape, int x, int y);

/* The statistics of the same styles' networks at another size go on. */
void painter_continue(NstPainter *painter, const NstPainter *before);

/* The next picture does not follow the last one: its statistics are its own. */
void painter_forget(NstPainter *painter);

/* The painting, until the next painter_paint. The planes may be written to. */
const NstPlanes *painter_result(const NstPainter *painter);

#endif
