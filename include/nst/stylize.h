/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_STYLIZE_H
#define NST_STYLIZE_H

#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>
#include <nst/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Painting pictures with a style. A stylizer is one stream: it keeps buffers planned for one picture size and plans
 * anew when the size changes. One thread at a time may use a stylizer; different stylizers are independent.
 */
typedef struct NstStylizer NstStylizer;

typedef enum NstColorModel { NST_COLOR_GRAY, NST_COLOR_RGB, NST_COLOR_YUV } NstColorModel;

/* Y'CbCr matrix coefficients; ignored unless the colour model is YUV */
typedef enum NstMatrix { NST_MATRIX_BT601, NST_MATRIX_BT709, NST_MATRIX_BT2020 } NstMatrix;

/* One colour component of a picture in the caller's memory. */
typedef struct NstComponent {
    uint8_t *data;    /* first sample of the first line */
    ptrdiff_t stride; /* bytes from one line to the next; may be negative */
    int step;         /* bytes from one sample to the next: 1 planar, 3 in RGB24, 4 in RGBA, ... */
} NstComponent;

/*
 * A picture: GRAY has component 0; RGB has 0 to 2 = R, G, B in this order, wherever they lie in memory; YUV has
 * 0 to 2 = Y, Cb, Cr. Component 3 is alpha where has_alpha is set. Packed and planar formats differ only in data and
 * step.
 */
typedef struct NstPicture {
    int width, height;    /* of component 0; 1 to 32768 each */
    NstColorModel model;
    int depth;            /* bits a sample; 8 */
    int log2_chroma_w;    /* 0 or 1: Cb and Cr have ceil(width / 2^this) columns */
    int log2_chroma_h;    /* 0 or 1 */
    int full_range;       /* 0: Y 16..235 and C 16..240 at 8 bit; 1: 0..255. GRAY too; RGB is always full range */
    NstMatrix matrix;
    int has_alpha;
    NstComponent comp[4];
} NstPicture;

typedef struct NstStylizeOptions {
    size_t struct_size;  /* set by nst_stylize_defaults */
    float strength;      /* 0 to 1: share of the painting in the result; 0 returns the source. Default 1 */
    NstCompute compute;
} NstStylizeOptions;

NST_API void nst_stylize_defaults(NstStylizeOptions *options);

/* `model` must be of kind style and outlive the stylizer. options NULL: the defaults. */
NST_API int nst_stylizer_open(NstStylizer **stylizer, const NstModel *model, const NstStylizeOptions *options,
                              NstError *err);

/* Frees *stylizer and sets it to NULL; NULL is allowed. */
NST_API void nst_stylizer_close(NstStylizer **stylizer);

/* Changes the strength from the next picture on; NST_EINVAL outside 0 to 1. */
NST_API int nst_stylizer_set_strength(NstStylizer *stylizer, float strength, NstError *err);

/*
 * Paints `in` into `out`: same size, colour model, depth, subsampling, range and matrix. Alpha is copied; where
 * it is 0 the colours stay as they were. The two may be the same memory. The first call for a size plans and allocates;
 * later ones of that size allocate nothing.
 */
NST_API int nst_stylizer_process(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out, NstError *err);

/* Bytes of buffers and packed weights that pictures of this size need; 0 when the size is impossible. */
NST_API size_t nst_stylizer_memory(const NstStylizer *stylizer, int width, int height);

#ifdef __cplusplus
}
#endif

#endif
