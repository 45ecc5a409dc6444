/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_OPTIMIZE_H
#define NST_OPTIMIZE_H

#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>
#include <nst/formula.h>
#include <nst/model.h>
#include <nst/optim.h>
#include <nst/stylize.h>
#include <nst/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Painting one picture by moving its pixels down the gradient of a loss network (Gatys et al. 2016). nst/formula.h has
 * the loss. photo_weight adds a term that keeps the edges of the content picture:
 *
 *   photo = sum over channels of V^T L V / (3 h w)
 *
 * V: samples of 0 to 1; L: matting Laplacian of the content picture (Levin et al. 2008; Luan et al. 2017, eq. 2),
 * windows of 3x3, epsilon 1e-5. It is zero where, within each window, the result is a linear function of the content's colours.
 *
 * A frame of a video begins where the painting of the frame before has moved to (`start`), and stays there by the
 * short-term temporal loss of Ruder et al. 2016 (eq. 7):
 *
 *   temporal = sum over pixels and channels of c (V - W)^2 / (3 h w)
 *
 * W: `warped`, the last painting fetched along the motion of the content; c: `warped_trust`, 1 where that motion is
 * known, 0 where something came into view or the edge of something moves (eq. 5 and 6).
 *
 * What moves are samples in 8-bit levels, 0 to 255, not clipped on the way: rates and epsilon are in that unit. Where the
 * style loss has one level, L-BFGS measures them in a metric in which broad parts move as readily as single pixels: what
 * it reaches is a minimum of the same loss, in fewer iterations.
 *
 * With the same options and pictures the same bits come out, for any number of threads. One thread at a time may use an
 * optimisation; different ones are independent.
 */
typedef struct NstOptimization NstOptimization;

typedef enum NstStart {
    NST_START_CONTENT,
    NST_START_NOISE,  /* uniform, 0.45 to 0.55, from the seed */
    NST_START_PICTURE /* the one that is given, scaled to the content's size */
} NstStart;

/* What the loss network is changed to before it is used. */
typedef enum NstPool { NST_POOL_NETWORK, NST_POOL_MAX, NST_POOL_AVERAGE } NstPool;
typedef enum NstEdge { NST_EDGE_NETWORK, NST_EDGE_ZERO, NST_EDGE_REFLECT, NST_EDGE_REPLICATE } NstEdge;

/* The size that a style picture is brought to, beside content of W x H. */
typedef enum NstStyleFit {
    NST_FIT_SIDE,   /* its long side becomes style_scale times the content's long side; its shape stays */
    NST_FIT_CONTENT /* W x H, whatever its shape */
} NstStyleFit;

typedef struct NstOptimizeOptions {
    size_t struct_size;     /* set by nst_optimize_defaults */
    NstFormula formula;     /* default NST_FORMULA_RELATIVE */
    const char *style_layers[NST_MAX_LAYERS];   /* NULL-terminated. Default relu1_1, relu2_1, relu3_1 */
    float style_layer_weights[NST_MAX_LAYERS];  /* 0 or more; only their ratios count. Default 1 each */
    const char *content_layers[NST_MAX_LAYERS]; /* NULL-terminated; may be empty. Default relu3_1 */
    float content_layer_weights[NST_MAX_LAYERS];
    int levels;             /* pyramid levels of the style loss, 1 to 6. Default 3 */
    int content_level;      /* pyramid level of the content loss, 0 to levels - 1. Default 1 */
    float style_weight;     /* 0 or more, as the next three. Default 1 */
    float content_weight;   /* default 0.002 */
    float tv_weight;        /* default 0.01 */
    float photo_weight;     /* of the matting Laplacian; 0: none. Default 0 */
    float temporal_weight;  /* of `warped`, where that is given. Default 1 */
    const NstImage *warped; /* scaled to the content's size; NULL: no temporal loss. It and the next one must outlive the
                               optimisation. Default NULL */
    const NstImage *warped_trust; /* a mask: the mean of its channels counts; NULL: 1 everywhere. Default NULL */
    NstPool pool;           /* default NST_POOL_NETWORK */
    NstEdge edge;           /* padding of the loss network's convolutions. Default NST_EDGE_NETWORK */
    NstStart start;         /* default NST_START_CONTENT */
    uint64_t seed;          /* of the noise. Default 1 */
    NstColors color;        /* NST_COLORS_CONTENT: only luma is painted, with styles whose luma was given the content's
                               mean and deviation; NST_COLORS_MATCH: the styles' colours are given the content's mean
                               and covariance first (Gatys et al. 2016, Preserving color). Default NST_COLORS_STYLE */
    NstStyleFit style_fit;  /* default NST_FIT_SIDE */
    float style_scale;      /* 0.05 to 20; larger: larger strokes. Default 1 */
    int scales;             /* 1 to 10: sizes that are worked through, each twice the one before, the last being the
                               content's; each begins with the result before. Default 1 */
    int iterations;         /* at each size, 1 to 10^6. Default 300 */
    NstOptimizer optimizer; /* default NST_OPTIMIZER_LBFGS */
    float learning_rate;    /* 0: 1 for L-BFGS (Newton's), 5 for Adam, 1 for RMSprop, 100 for SGD. Default 0 */
    NstSchedule schedule;   /* of the rate, over the iterations of one size; not for L-BFGS. Default constant */
    float beta1, beta2;     /* 0 to less than 1. Default 0.9, 0.99 */
    float epsilon;          /* of Adam and RMSprop. Default 1e-12 */
    float momentum;         /* of SGD, 0 to less than 1. Default 0 */
    int history;            /* steps that L-BFGS remembers, 1 to 1000. Default 100 */
    int line_search;        /* of L-BFGS: 1: strong Wolfe conditions; 0: steps of learning_rate. Default 1 */
    float stop;             /* a size is done when the total falls by less than this share of itself in stop_window
                               iterations; 0: never. Default 0 */
    int stop_window;        /* 1 to 10^6. Default 50 */
    size_t max_memory;      /* bytes for the loss network's values, on all levels together, and for L-BFGS's memory, half
                               each: pictures that need more are taken in tiles with the Gram matrices of the whole, and
                               the history gets shorter. The pictures themselves come on top, about eleven of the content's
                               size in floats. 0: no bound. Default 0 */
    NstCompute compute;
} NstOptimizeOptions;

NST_API void nst_optimize_defaults(NstOptimizeOptions *options);

/*
 * Sets formula, layers, weights, levels, pool, edge, start, style_fit and the optimiser with its rates and iterations;
 * the rest stays.
 *
 *   nst        the defaults
 *   gatys2016  Gatys et al. 2016: relu1_1 to relu5_1, content at relu4_2, ratio of weights 1e-3, average pools, zeros
 *              beyond the edge, from noise, styles of the content's size, 500 iterations of L-BFGS
 *   keras      Chollet 2015: block1_conv1 to block5_conv1, content at block5_conv2, from the content, styles of the
 *              content's size, 4000 steps of SGD at a rate of 100 that falls by 4 % each 100 steps
 *   survey     as gatys2016, with content at block5_conv4, the network's own pools, from the content, 300 iterations
 *
 * They expect VGG-19 with the means 103.939, 116.779, 123.68 of blue, green, red taken off samples of 0 to 255, which
 * is how nst convert makes a loss network; layers that it has not got are an error at nst_optimization_open, and those
 * that it only resembles, as narrow networks do, give gray or shapeless pictures: nst_optimize_fit mends both. Style
 * terms of GATYS and KERAS grow with the fourth power of the activations, content with the second: their weights are for
 * VGG as it was published, with activations of some hundreds. Where these were normalised to a mean of 1, a
 * content_weight of about 1e-6 gives gatys2016 the balance that 1e-3 gives there.
 */
NST_API int nst_optimize_preset(NstOptimizeOptions *options, const char *name, NstError *err);

/*
 * Makes layers that the options name fit a loss network: 1 where it has every one of them as VGG itself, and nothing is
 * changed. Else 0, after formula, layers, weights, levels and the optimiser with its rates and iterations have become
 * those of preset nst (from noise ten times the content weight, at level 0); start, pool, edge and style_fit stay. A
 * layer does not count as VGG's where the network has an embedding in its place (relu4_1_embed), or a narrower layer: how
 * far down such layers resemble VGG's no file tells.
 */
NST_API int nst_optimize_fit(NstOptimizeOptions *options, const NstModel *loss);

/* A style, and where it goes. Masks are pictures of any size, the mean of their channels counts: 1 there, 0 not. */
typedef struct NstOptimizeStyle {
    const NstImage *picture;
    float weight;          /* above 0; styles that go to one place are averaged by their weights */
    const NstImage *from;  /* mask of the picture: the part to learn from; NULL: all */
    const NstImage *where; /* mask of the content: the part to paint; NULL: all. Where the masks of all styles are black
                              the content stays as it is */
} NstOptimizeStyle;

/*
 * `start` is the picture for NST_START_PICTURE, else NULL. The model (of kind loss) and all pictures must outlive the
 * optimisation; strings in options are copied. 1 to NST_MAX_STYLES styles.
 */
NST_API int nst_optimization_open(NstOptimization **optimization, const NstOptimizeOptions *options,
                                  const NstModel *loss, const NstImage *content, const NstOptimizeStyle *styles,
                                  int n_styles, const NstImage *start, NstError *err);
NST_API void nst_optimization_close(NstOptimization **optimization);

/* Figures after an iteration. Terms before weighting, at the picture as it is now (first-order: as it was before). */
typedef struct NstOptimizeProgress {
    int iteration, iterations; /* done, and planned, over all sizes */
    int scale, width, height;  /* size that is worked at, 0 to scales - 1, and its pixels */
    int evaluations;           /* of the loss so far */
    float learning_rate;
    double total;              /* weighted sum */
    double style, content, tv, photo, temporal;
    int tiles;                 /* that the picture is taken in; 1: whole */
    int done;                  /* no further iteration is planned, or none would change anything */
} NstOptimizeProgress;

/* One iteration. After `done` nothing is done any more. On an error the picture is what it was before. */
NST_API int nst_optimization_step(NstOptimization *optimization, NstOptimizeProgress *progress, NstError *err);

/* The picture as it is now, of the content's size, 0 to 1; the caller frees it with nst_image_free. */
NST_API int nst_optimization_picture(const NstOptimization *optimization, NstImage *picture, NstError *err);

#ifdef __cplusplus
}
#endif

#endif
