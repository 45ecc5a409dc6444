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

/*
 * Where a sample of Cb and Cr lies among the pixels that it stands for (H.273, 8.7): across at the first one or in the
 * middle, down at the first one, in the middle or at the last one. A direction without subsampling is not concerned.
 */
typedef enum NstSiting {
    NST_SITING_LEFT,        /* first across, middle down: MPEG-2, H.264 and all where nothing is said */
    NST_SITING_CENTER,      /* middle, middle: JPEG, MPEG-1 */
    NST_SITING_TOP_LEFT,    /* first, first: BT.2020 */
    NST_SITING_TOP,         /* middle, first */
    NST_SITING_BOTTOM_LEFT, /* first, last */
    NST_SITING_BOTTOM       /* middle, last */
} NstSiting;

/*
 * One colour component of a picture in the caller's memory. A sample lies in a word: a byte where depth is 8, otherwise
 * 2 bytes (4 for 32-bit floats) in native byte order, which need no alignment. Words may overlap, as where three
 * components of 10 bits share 4 bytes: only the bits of samples are written.
 */
typedef struct NstComponent {
    uint8_t *data;    /* word of the first sample of the first line */
    ptrdiff_t stride; /* bytes from one line to the next; may be negative */
    int step;         /* bytes from one sample to the next: 1 in planes of bytes, 3 in RGB24, 4 in Cb of YUYV, ... */
    int shift;        /* integers of more than 8 bits: the word's bits below the sample; 6 in P010 */
} NstComponent;

/*
 * A picture: GRAY has component 0; RGB has 0 to 2 = R, G, B in this order, wherever they lie in memory; YUV has
 * 0 to 2 = Y, Cb, Cr. Component 3 is alpha where has_alpha is set. Packed and planar formats differ only in data and
 * step.
 */
typedef struct NstPicture {
    int width, height;    /* of component 0; 1 to 32768 each */
    NstColorModel model;
    int depth;            /* bits a sample, of all components: integers 8 to 16, floats 16 or 32 */
    int is_float;         /* IEEE 754 binary16 or binary32, nominally 0..1; GRAY and RGB only */
    int log2_chroma_w;    /* 0 to 2: Cb and Cr have ceil(width / 2^this) columns */
    int log2_chroma_h;    /* 0 to 2 */
    int full_range;       /* 0: Y 16..235 and C 16..240, times 2^(depth - 8), floats / 255; 1: 0..2^depth - 1, floats
                             0..1. RGB is always full range */
    NstMatrix matrix;
    NstSiting siting;     /* where log2_chroma_w or log2_chroma_h is not 0 */
    int has_alpha;
    NstComponent comp[4];
} NstPicture;

enum {
    NST_MAX_STYLES = 8, /* that one stylizer mixes */
    NST_MAX_EVERY = 8
};

/* Where the colours of the result come from. */
typedef enum NstColors {
    NST_COLORS_STYLE,   /* the painting's */
    NST_COLORS_CONTENT, /* the painting's luma with the source's chroma */
    NST_COLORS_MATCH    /* the painting's, moved so that their mean and covariance are the source's */
} NstColors;

/* Where the motion between two pictures comes from; used where temporal is above 0 or every is not 1. */
typedef enum NstFlow {
    NST_FLOW_AUTO, /* the vectors in NstFrameInfo where they fit the pictures, else NST_FLOW_DIS */
    NST_FLOW_MV,   /* the vectors only; a picture without any counts as one that does not move */
    NST_FLOW_DIS,  /* searched in the pictures: dense inverse search (Kroeger et al. 2016) */
    NST_FLOW_NONE  /* nothing moves */
} NstFlow;

/*
 * The size that the network works at; the result always has the source's. At most one field is set. Both 0: by itself
 * - for NstStylizeOptions.size the whole picture up to 1080 lines, and 1080 lines above that; for min_size 180 lines.
 * The width follows from the picture's shape, and no picture is enlarged for the network.
 */
typedef struct NstSize {
    int height;     /* lines, 16 to 32768 */
    float fraction; /* of the picture's width and height, 0.01 to 1 */
} NstSize;

/*
 * Reads "auto", a height in lines ("360"), or a fraction ("0.5", "1"): a number up to 1 is a fraction. NST_EINVAL for
 * anything else.
 */
NST_API int nst_size_parse(const char *text, NstSize *size, NstError *err);

/* Reads the weights of a mix, separated by bars: "0.7|0.3"; "" is none, for equal shares. NST_EINVAL for anything else. */
NST_API int nst_mix_parse(const char *text, float mix[NST_MAX_STYLES], int *n_mix, NstError *err);

/*
 * Loads the styles of a text such as "a", or "a|b|c" for several, each a path or a name as nst_style_find takes. Those
 * that are not needed become NULL. Fails, with none loaded, where one cannot be loaded or is not of kind style.
 */
NST_API int nst_styles_load(NstModel *models[NST_MAX_STYLES], int *n_models, const char *styles, NstError *err);

/* Frees them all and sets them to NULL; NULL among them is allowed. */
NST_API void nst_styles_free(NstModel *models[NST_MAX_STYLES]);

typedef struct NstStylizeOptions {
    size_t struct_size;        /* set by nst_stylize_defaults */
    float strength;            /* 0 to 1: share of the painting in the result; 0 returns the source. Default 1 */
    int n_mix;                 /* weights in mix: 0, or as many as there are styles. Default 0: equal shares */
    float mix[NST_MAX_STYLES]; /* share of each style, 0 to 1e6, with a sum above 0; only their ratios count */
    NstColors color;           /* default NST_COLORS_STYLE */
    NstSize size;              /* the network's working size. Default by itself */
    size_t max_memory;         /* bytes; pictures that need more are painted in tiles. 0: no bound. Default 0 */
    float temporal;            /* 0 to 1: how much of the last painting is carried along the motion; 0: every picture
                                  by itself, bit for bit; 1: a still source gives a still painting. Default 0.8.
                                  See doc/temporal.md */
    NstFlow flow;              /* default NST_FLOW_AUTO */
    int every;                 /* 1 to NST_MAX_EVERY: one picture of so many is painted by the network, the others are
                                  carried along the motion, and, without a bound of memory, pieces that came into view
                                  are painted, but for the first carried one in a row; 0: as the motion allows.
                                  Default 1 */
    double rate;               /* pictures a second to hold by lowering the working size; 0: off. Default 0 */
    NstSize min_size;          /* the working size that rate never goes below. Default by itself */
    NstCompute compute;
} NstStylizeOptions;

NST_API void nst_stylize_defaults(NstStylizeOptions *options);

/*
 * `models`: 1 to NST_MAX_STYLES, of kind style; they must outlive the stylizer. Several are mixed by the weights in
 * options->mix. options NULL: the defaults.
 */
NST_API int nst_stylizer_open(NstStylizer **stylizer, const NstModel *const *models, int n_models,
                              const NstStylizeOptions *options, NstError *err);

/* Frees *stylizer and sets it to NULL; NULL is allowed. */
NST_API void nst_stylizer_close(NstStylizer **stylizer);

/* Changes all options but compute from the next picture on. On an error nothing changes. */
NST_API int nst_stylizer_change(NstStylizer *stylizer, const NstStylizeOptions *options, NstError *err);

/*
 * Changes the styles: "a", or "a|b|c" for several, each a path or a name as nst_style_find takes. They are loaded and
 * planned by a thread of the library's own while the old ones go on; between two pictures, when they are ready, they
 * take over. Where that fails the old ones stay. The report of the next picture after says so: `switched`, or
 * `switch_error`. A newer call replaces one that is still pending. Weights in mix whose number does not fit the styles
 * that paint stand aside for equal shares. Fails only where `styles` is malformed or no thread can be started.
 */
NST_API int nst_stylizer_switch(NstStylizer *stylizer, const char *styles, NstError *err);

/*
 * The motion of one block, as codecs export it. Pixels; x grows to the right, y downwards. The picture that it refers to
 * need not be the previous one: of codecs with several reference pictures that is not known, and the pictures tell.
 */
typedef struct NstMotionVector {
    float x, y, w, h; /* the block in this picture: its left upper corner and its size */
    float dx, dy;     /* it is at x + dx, y + dy in an earlier picture, */
    int future;       /* 1: or in a later one */
} NstMotionVector;

/* What a stream knows of a picture. */
typedef struct NstFrameInfo {
    size_t struct_size;             /* sizeof(NstFrameInfo) */
    int reset;                      /* this picture does not follow the last one: after a seek, a gap, at a start */
    const NstMotionVector *vectors; /* read during the call only; NULL: none */
    int n_vectors;
} NstFrameInfo;

/* What was done to a picture. */
typedef struct NstFrameReport {
    int width, height;     /* that the network worked at */
    double seconds;        /* that the picture took */
    int scene_cut;         /* 1: a scene begins with this picture */
    int painted;           /* 1: by the network; 0: carried along the motion, or strength is 0 */
    float flicker;         /* mean difference to the last result carried along the motion, 0 to 1; 0: not measured */
    int switched;          /* 1: the styles of nst_stylizer_switch paint from this picture on */
    NstError switch_error; /* code NST_OK, or why the styles of nst_stylizer_switch do not take over */
} NstFrameReport;

/*
 * Paints `in` into `out`: same size, colour model, depth, subsampling, siting, range and matrix. Alpha is copied;
 * where it is 0 the colours stay as they were, bit for bit. What a network paints lies in 0..1; floats beyond that are
 * clamped on the way in. The two may be the same memory. info NULL: the picture follows the last one, its motion is not
 * known. report NULL: not wanted. The first call for a size plans and allocates; later ones of that size allocate
 * nothing.
 */
NST_API int nst_stylizer_process(NstStylizer *stylizer, const NstPicture *in, const NstPicture *out,
                                 const NstFrameInfo *info, NstFrameReport *report, NstError *err);

/*
 * Bytes of buffers and packed weights that pictures of this size need with the options as they are; 0 when the size is
 * impossible.
 */
NST_API size_t nst_stylizer_memory(const NstStylizer *stylizer, int width, int height);

#ifdef __cplusplus
}
#endif

#endif
