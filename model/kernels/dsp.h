/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_KERNELS_DSP_H
#define NST_MODEL_KERNELS_DSP_H

#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>

enum {
    NST_FEW_MAX = 4,
    NST_DOTS_A = 4,         /* rows that `dots` multiplies at a time */
    NST_DOTS_B = 3,
    NST_DOTS_MULTIPLE = 16,
    NST_PANEL_MAX = 64,     /* largest panel_width */
    NST_WINOGRAD_TILES = 64, /* largest n of the Winograd transforms */
    NST_WINOGRAD_ROW = 4 * NST_WINOGRAD_TILES + 32 /* floats of a row between the two steps of the first */
};

/* One row of a convolution to 1 to NST_FEW_MAX channels, stride and dilation 1. Planes and strides in floats. */
typedef struct NstFewRow {
    int ci, co, kh, kw, n;
    const float *x; /* first tap of the first pixel, channel 0 */
    ptrdiff_t x_plane, x_stride;
    const float *k; /* co x ci x kh x kw */
    const float *bias; /* co, or NULL */
    float floor;       /* what is less becomes it: 0 for a ReLU, -INFINITY for nothing; NaN stays */
    float *y;
    ptrdiff_t y_plane;
} NstFewRow;

/* One channel of a depthwise convolution, whose rows of x lie x_stride floats apart. */
typedef struct NstDepthwise {
    int kh, kw, stride_y, stride_x, dilation_y, dilation_x;
    const float *k; /* kh x kw */
    float bias;
    ptrdiff_t x_stride;
} NstDepthwise;

/* What a sample of a picture lies in: a byte, or in native byte order a word of 16 bits, a binary16 or a binary32. */
typedef enum NstSampleType {
    NST_SAMPLE_U8,
    NST_SAMPLE_U16,
    NST_SAMPLE_HALF,
    NST_SAMPLE_FLOAT,
    NST_SAMPLE_TYPES
} NstSampleType;

/* A row of samples of one component in a picture's memory, of any alignment. */
typedef struct NstSamples {
    uint8_t *data;
    ptrdiff_t step;      /* bytes from one to the next */
    int shift, depth;    /* integers: the sample is `depth` bits of its word, beginning with bit `shift` */
    float offset, scale; /* sample = offset + scale * value */
} NstSamples;

enum { NST_PATCH = 8, NST_PATCH_SAMPLES = NST_PATCH * NST_PATCH };
#define NST_PATCH_DAMPING 16.0f /* added to the matrix of a patch: a gradient of half a level at each sample */
#define NST_PATCH_STEP 0.02f    /* samples: a search ends with a step shorter than this */

/* A patch of NST_PATCH x NST_PATCH samples of one level of a pyramid, and the other picture, in which it is looked for. */
typedef struct NstPatch {
    const float *own, *gx, *gy;  /* first sample of the patch and its gradients */
    const float *other;          /* sample (0, 0) of the other picture */
    ptrdiff_t stride;            /* of all of them */
    float x, y;                  /* where in the picture the patch lies */
    float min, max_x, max_y;     /* where it may land: a whole number and less than the sample before the frame's end */
} NstPatch;

/*
 * Of a flow's refinement: the weights of the gradients and of smoothness beside that of brightness; how little a flow
 * must bend to count as smooth, squared; the step between two samples, in levels, from which on it counts as an edge
 */
#define NST_REFINE_GRADIENT 2.0f
#define NST_REFINE_SMOOTHNESS 7.0f
#define NST_REFINE_BEND 5e-6f
#define NST_REFINE_EDGE 15.0f

/*
 * The planes that refine.c works on: w x h samples from (0, 0) on, rows a stride apart, and a frame of one sample. What
 * follows a row up to a multiple of NST_REFINE_PAD samples may be read and written, and the sample after that read.
 */
enum { NST_REFINE_PAD = 16 };

typedef struct NstRefine {
    int w, h;
    ptrdiff_t stride;
    float gain, offset;       /* the change of light: the other picture is brighter by gain brightness + offset */
    float *u0, *v0;           /* the flow as it came */
    float *u[2], *v[2];       /* as it is, and before the last step */
    float *mean, *diff;       /* of a sample and the one that it came from */
    float *known;             /* 0 where that lies outside the picture */
    float *i11, *i12, *i22;   /* the flow that its neighbours' leads to: i11 b1 - i12 b2, i22 b2 - i12 b1, */
    float *b1, *b2;           /* these and what the smoothness adds to them */
    float *right, *down;      /* smoothness towards the next sample and the one below; 0 across the frame */
} NstRefine;

enum {
    NST_WARP_TAPS = 8,
    NST_WARP_PHASES = 64,
    NST_SHARPEN_REACH = 2 /* pixels: lifts strokes 4 pixels apart the most, and leaves the noise of single ones alone */
};

/* A picture that rows are fetched from along a motion: four floats a pixel, inside a frame of NST_WARP_TAPS pixels. */
typedef struct NstWarp {
    int w, h;
    const float *pixels; /* (0, 0) */
    ptrdiff_t stride;    /* floats from row to row */
    const float *taps;   /* NST_WARP_PHASES times NST_WARP_TAPS */
} NstWarp;

/*
 * How far the ways may be from cancelling each other, in square pixels. Ruder et al. 2016 have 0.5, of the pixels that
 * motion is searched in: 2 here, where those are two of the video's wide. That trusts more of what comes into view than
 * it should, and 0.5 too little of what moves.
 */
#define NST_TRUST_APART 1.2f

/* The planes that tell how far a motion is to be trusted: w x h, rows a stride apart, and a frame of one sample. */
typedef struct NstTrust {
    int w, h;
    ptrdiff_t stride;
    const float *u, *v;             /* motion, in pixels of the video, of which a sample is two wide */
    const float *ahead_x, *ahead_y; /* the other way, without a frame: ahead_w x ahead_h, rows ahead_stride apart, */
    int ahead_w, ahead_h;
    ptrdiff_t ahead_stride;
    int ahead_size;                 /* each for so many of these samples to a side */
    float ahead_scale;              /* and so many pixels for 1 */
    const float *error;             /* mean squared difference of the pictures along the motion */
    float tolerance;                /* of error */
    float still, moving;            /* weights of what does not move and of what does, where it is trusted */
    float *trust, *weight;          /* the result: 0 to 1, and that times the weights */
    int *place;                     /* scratch */
} NstTrust;

/*
 * The kernels: single-threaded inner loops over rows or blocks of floats, chosen once for a plan. scalar.c is the
 * reference that every other variant is tested against; dsp_init starts from it and overrides upwards, one
 * instruction set after the other. Pointers need no alignment; sizes may be 0.
 */
typedef struct NstDsp {
    NstGemm gemm; /* compute.h; B and C blocks of any size */

    /*
     * The same product in pieces, for matrices that are packed once and used often: A (m x k) by pack_rows into panels
     * of panel_height rows, zero rows filling the last; B in panels of panel_width columns, k x panel_width each.
     * multiply_panels: C (m x n) = packed A times the panels of B, one behind the other; add: C += that.
     * fill_panels: one row of B, or a part of it: x[i stride] becomes column `at` + i, for n columns. panels points to
     * the row's place in the first panel, and `size` floats lie from one panel to the next.
     */
    int panel_height, panel_width;
    void (*pack_rows)(int m, int k, const float *a, int lda, float *packed);
    void (*multiply_panels)(int m, int n, int k, const float *packed, const float *panels, int add, float *c, int ldc);
    void (*fill_panels)(const float *x, int stride, int n, float *panels, ptrdiff_t size, int at);

    /*
     * Winograd F(4x4, 3x3) for a row of n <= NST_WINOGRAD_TILES tiles of one channel. Element e = 6 r + c of the 6x6
     * values of tile t lies at v[e step + t]. Input, in two steps: columns of the picture by themselves, of n samples
     * of six rows, into six rows NST_WINOGRAD_ROW apart, which are written to a whole vector; then tiles, from 4 n + 2
     * columns. What lies behind those is read but does not matter. Output: 4 rows of 4 n results, with bias, and no
     * less than floor (as in NstFewRow).
     */
    void (*winograd_columns)(const float *const x[6], float *columns, int n);
    void (*winograd_tiles)(const float *columns, float *v, ptrdiff_t step, int n);
    void (*winograd_output)(const float *m, ptrdiff_t step, float bias, float floor, float *y, ptrdiff_t stride,
                            int n);

    /* Rows of n results of a depthwise convolution, y_stride apart; x points at the first tap of the first one. */
    void (*depthwise_rows)(float *y, ptrdiff_t y_stride, const float *x, const NstDepthwise *conv, int n, int rows);

    void (*few_row)(const NstFewRow *row);

    /* Sums of x, of (x - mean)^2 and of a b over n samples, in double. */
    double (*sum)(const float *x, size_t n);
    double (*sum_sq_dev)(const float *x, float mean, size_t n);
    void (*sum_and_squares)(const float *x, size_t n, double sums[2]); /* of x and of x^2 */
    double (*dot)(const float *a, const float *b, size_t n);

    /*
     * c[r][s] += sum of a[r][i] b[s][i] over n samples, in floats, for NST_DOTS_A rows of a and NST_DOTS_B of b, each
     * `stride` floats after the last; n is a multiple of NST_DOTS_MULTIPLE.
     */
    void (*dots)(const float *a, const float *b, size_t stride, size_t n, float c[]);

    /*
     * The gradient of a 3x3 kernel for one row of its results: sums[3 p + q] += sum of g[i] x[p x_stride + i + q] over
     * n results, in floats.
     */
    void (*tap_dots)(const float *x, ptrdiff_t x_stride, const float *g, int n, double sums[9]);

    /* y = scale x + shift; y may be x */
    void (*scale_shift)(float *y, const float *x, float scale, float shift, size_t n);
    /* y = max((x - mean) scale + shift, floor), exact where x is near the mean; NaN stays; y may be x */
    void (*normalize)(float *y, const float *x, float mean, float scale, float shift, float floor, size_t n);
    /* y = a + what normalize makes of x; y may be a or x */
    void (*add_normalized)(float *y, const float *a, const float *x, float mean, float scale, float shift, float floor,
                           size_t n);
    void (*relu)(float *y, const float *x, size_t n);                    /* NaN stays; y may be x */
    void (*add)(float *y, const float *a, const float *b, size_t n);     /* y may be a or b */
    void (*mul)(float *y, const float *a, const float *b, size_t n);
    void (*mul_add)(float *y, const float *a, const float *b, size_t n); /* y += a b */
    void (*axpy)(float *y, const float *x, float scale, size_t n);       /* y += scale x */

    /*
     * The adjoint of the largest of 2x2 samples, for n windows of two rows of x, `stride` apart as those of gx are: the
     * gradient goes to the first of the largest where that is more than low, nothing to the others. add: to what gx has
     */
    void (*halve_max_adjoint)(float *gx, const float *x, size_t stride, const float *g, float low, int add, size_t n);

    /* y[i] = a[i] + w (b[i] - a[i]) : two rows of a bilinear enlargement */
    void (*lerp)(float *y, const float *a, const float *b, float w, size_t n);

    void (*interleave)(float *y, const float *even, const float *odd, size_t n); /* y[2i], y[2i + 1] */

    /* y[i] = a[i] x[i] + b[i], where a = w[0] a[0] + ... + w[3] a[3] and b likewise: a guided filter's last step */
    void (*guided_row)(float *y, const float *x, const float *const a[4], const float *const b[4], const float w[4],
                       size_t n);

    /* ---- rows of pictures ---- */

    /* y = gain * value of each sample */
    void (*load_samples[NST_SAMPLE_TYPES])(float *y, const NstSamples *from, float gain, size_t n);
    /*
     * sample = strength (scale x + offset weight) + (1 - strength weight) sample: x is a value times its weight, weight
     * NULL is 1 everywhere. Integers are rounded half up and clamped to what their bits hold; the bits of a word that
     * are not the sample's stay. Where strength times weight is 0 the sample stays, bit for bit.
     */
    void (*blend_samples[NST_SAMPLE_TYPES])(const NstSamples *to, const float *x, const float *weight, float strength,
                                            size_t n);

    /* y = after * (before * x clamped to 0..1; what is not a number becomes 0); y may be x */
    void (*clamp)(float *y, const float *x, float before, float after, size_t n);
    /* y = 1 where x is more than 0, 0 elsewhere; y may be x */
    void (*opaque)(float *y, const float *x, size_t n);

    /*
     * R, G, B in 0..1 against Y in 0..1, Cb and Cr in -0.5..0.5, for the kr and kb of a matrix. To RGB: clamped, then
     * multiplied by gain. From RGB: multiplied by gain, then clamped; what is not a number becomes 0.
     */
    void (*yuv_to_rgb)(float *const rgb[3], const float *y, const float *cb, const float *cr, float kr, float kb,
                       float gain, size_t n);
    void (*rgb_to_yuv)(float *y, float *cb, float *cr, const float *const rgb[3], float kr, float kb, float gain,
                       size_t n);

    /* y = scale * luma of R, G and B (ITU-R BT.601) */
    void (*luma)(float *y, const float *r, const float *g, const float *b, float scale, int n);

    /*
     * n samples from m = (n + 1) / 2, linear: y[2i] = x[i] + before (x[i-1] - x[i]) and
     * y[2i+1] = x[i] + (0.5 - before) (x[i+1] - x[i]). Reads x[-1] and x[m].
     */
    void (*enlarge2)(float *y, const float *x, float before, size_t n);
    /* n samples from 2n: y[i] = before x[2i-1] + 0.5 x[2i] + (0.5 - before) x[2i+1] */
    void (*reduce2)(float *y, const float *x, float before, size_t n);

    /* Optical flow, flow_tmpl.h: rows of a pyramid and their gradients; patches, n of them `step` samples apart */
    void (*flow_smooth)(const float *x, ptrdiff_t stride, float *y, float side, int n);
    void (*flow_halve)(const float *a, const float *b, float *y, int n);
    void (*flow_gradients)(const float *y, ptrdiff_t stride, float *gx, float *gy, int n);
    float (*flow_cost)(const NstPatch *patch, const float move[2]);
    void (*flow_search)(const NstPatch *first, int step, int n, float *moves, int iterations);
    void (*flow_spread)(const NstPatch *patch, const float move[2], int first, int n, float *u, float *v, float *weight,
                        ptrdiff_t stride);

    /* Refinement of a flow, refine_tmpl.h: one row each */
    void (*refine_warp)(const NstRefine *r, const float *own, const float *other, ptrdiff_t stride, int y);
    void (*refine_terms)(const NstRefine *r, int y);
    void (*refine_smoothness)(const NstRefine *r, int y);
    void (*refine_relax)(const NstRefine *r, int y, float omega);

    /*
     * Temporal smoothing, temporal_tmpl.h: one row each, of samples for temporal_warp and temporal_trust. Of rows of
     * four floats a pixel, what follows up to a multiple of 16 pixels may be read.
     */
    void (*temporal_warp)(const NstWarp *w, int row, const float *u, const float *v, const float *const luma[2],
                          float *const to[2], float *error);
    void (*temporal_blend)(const float *const x[3], float scale, const float *luma, const float *weight,
                           float *carried, int n);
    void (*temporal_sharpen)(float *const x[3], float scale, const float *weight, float amount, const float *luma,
                             const float *trust, const float *history, ptrdiff_t stride, int n);
    void (*temporal_trust)(const NstTrust *t, int y);
} NstDsp;

/* The best table for the machine within a mask of NST_CPU_* bits; 0 is the scalar reference. */
void dsp_init(NstDsp *dsp, unsigned cpu);

void dsp_init_scalar(NstDsp *dsp);
#if defined(__x86_64__)
void dsp_init_avx2(NstDsp *dsp);
void dsp_init_avx512(NstDsp *dsp);
#elif defined(__aarch64__)
void dsp_init_neon(NstDsp *dsp);
#endif

#endif
