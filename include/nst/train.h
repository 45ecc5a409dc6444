/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TRAIN_H
#define NST_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include <nst/compute.h>
#include <nst/model.h>
#include <nst/optim.h>
#include <nst/stylize.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Training a style network (Johnson et al. 2016) against a loss network.
 *
 *   loss = style_weight   * mean over levels and style layers of |G - G*|^2 / |G*|^2     (Gatys et al. 2016, eq. 3-5,
 *                                                                 Frobenius norms, so that C, H, W drop out)
 *        + content_weight * mean over content layers of mean((F - F_x)^2) / v(F_x)      (eq. 1; v: spatial variance
 *                                                                 of F_x, averaged over channels,
 *                                                                 at least 1 % of the mean square)
 *        + tv_weight      * (mean dx^2 + mean dy^2)                                      (total variation)
 *        + stability_weight * mean (net(x') - W(net(x)) - s)^2          (Wang et al. 2020, compound regularisation)
 *
 * G = F F^T / (H W) is the Gram matrix of the features F, C x HW. Levels are the picture, its half, its quarter ...
 * (2x2 box averages). The content term is measured at content_level only.
 *
 * x' is the crop x moved by W (shift, zoom and rotation by a few samples, drawn anew for each sample), under light that
 * changes across the picture by up to 10 %, with noise of a standard deviation up to 0.04. s is the change of luminance
 * by that light (Gao et al. 2018, eq. 6). It is what makes a style steady in video, and costs a quarter more time.
 *
 * With the same options, pictures and seed the same bits come out, for any number of threads, and however often the
 * run was stopped and resumed.
 */
typedef struct NstTrainer NstTrainer;

/* A picture: RGB, planar (3 x height x width), 0 to 1. */
typedef struct NstImage {
    int width, height;
    float *data;
} NstImage;

NST_API int nst_image_alloc(NstImage *image, int width, int height, NstError *err);
NST_API void nst_image_free(NstImage *image); /* frees data and zeroes the struct */

typedef enum NstArchitecture {
    NST_ARCH_FAST,    /* for video on a CPU: 9216 multiply-accumulates a pixel */
    NST_ARCH_JOHNSON, /* Johnson et al. 2016, with instance normalisation and bilinear enlargements: 153792 */
    NST_ARCH_FAST_HD  /* for large video: the like at half the size, and a learned enlargement: 2701 */
} NstArchitecture;

/*
 * Gives content picture `index` (0 to n_content - 1) in `image`; the trainer frees it with nst_image_free. It must give
 * the same picture each time. Not called from several threads at once.
 */
typedef int (*NstContentSource)(void *opaque, int index, NstImage *image, NstError *err);

/*
 * Several processes, the ranks, that train one network together. All open a trainer with the same options and
 * pictures and call the same functions in the same order; each works on its share of the crops of every step, and all
 * come to the same weights. The crops follow from the seed, the step and batch, and gradients are added crop by crop,
 * so that as many ranks as one likes, one included, end with the same bits, on processors of one kind.
 *
 * sum: `parts` is n_parts x n, this rank's parts. Gives in `total`, of n, the first part of rank 0, plus its second,
 * ..., plus the first of rank 1, ...: added one after the other, element by element. n is the same at each rank;
 * n_parts is not, and may be 0, but not at all. Called by all ranks in the same order. Where it or any other function
 * fails at one rank, others may be waiting for that one: the caller ends them.
 */
typedef struct NstRanks {
    int rank, count; /* this one's number from 0; how many, 1 to 1024. Default 0 of 1, which needs no sum */
    int (*sum)(void *opaque, const float *parts, int n_parts, size_t n, float *total, NstError *err);
    void *opaque;
} NstRanks;

/* A picture that the style is learned from. */
typedef struct NstTrainStyle {
    const NstImage *picture;
    float weight; /* above 0; the style term is the mean over the pictures by their weights */
} NstTrainStyle;

#define NST_MAX_LAYERS 16
#define NST_MAX_STEPS 100000000

typedef struct NstTrainOptions {
    size_t struct_size;       /* set by nst_train_defaults */
    NstArchitecture arch;     /* Default fast */
    int steps;                /* optimiser steps, 1 to NST_MAX_STEPS. Default 2000 */
    int batch;                /* crops a step, of all ranks together: at least one for each, to 1024. Default 1 */
    int crop;                 /* side of the training crops, pixels, 32 to 1024. Default 192 */
    int levels;               /* pyramid levels of the style loss, 1 to 6. Default 3 */
    int content_level;        /* pyramid level of the content loss, 0 to levels - 1. Default 1 */
    const char *style_layers[NST_MAX_LAYERS];   /* NULL-terminated. Default relu1_1, relu2_1, relu3_1 */
    const char *content_layers[NST_MAX_LAYERS]; /* NULL-terminated. Default relu3_1 */
    float style_weight;       /* Default 1 */
    float content_weight;     /* Default 0.05 */
    float tv_weight;          /* Default 0.01 */
    float stability_weight;   /* Default 3; 0: not trained for, nor its time taken */
    NstOptimizer optimizer;   /* not L-BFGS. Default Adam */
    float learning_rate;      /* Default 0: what suits optimiser and network: 4e-3 of Adam, 5e-2 of
                                 SGD, 2e-3 of RMSprop; for johnson 2e-3, 5e-2, 1e-3 */
    float output_lr_scale;    /* factor for the output convolution. Default 0: 0.1 for fast, 0.03 for johnson */
    NstSchedule schedule;     /* of the rate, over the steps. Default: 10 steps of warm-up, half of the run at the full
                                 rate, then a cosine down to 3 %; for other decays, half the rate in 500 steps */
    float beta1, beta2;       /* 0 to less than 1. Default 0.9, 0.99 */
    float epsilon;            /* of Adam and RMSprop. Default 1e-8 */
    float momentum;           /* of SGD, 0 to less than 1. Default 0.9 */
    float clip_norm;          /* gradient norm is clipped to this; 0: not clipped. Default 1 */
    float stop;               /* the run is made as short as it can be (nst_trainer_set_steps) when the mean loss of
                                 stop_window steps is not below that of the stop_window steps before by this share of
                                 it: the rate falls at once, and where it has no fall to come the run ends. 0: never.
                                 Default 0.01 */
    int stop_window;          /* 1 to 10^6. Default 1000 */
    uint64_t seed;            /* of weights, crops, order, motion and noise. Default 1 */
    const NstModel *init;     /* a style of the same architecture whose weights the training begins with; read by
                                 nst_trainer_open only, which notes its name. Default NULL: drawn at random */
    const char *name;         /* written into the style; as author and licence. Default "" */
    const char *author;
    const char *licence;
    NstCompute compute;
    NstRanks ranks;
} NstTrainOptions;

NST_API void nst_train_defaults(NstTrainOptions *options);

/*
 * Options by what an artist sees. A look sets what it is about and leaves the rest: fine and broad (strokes) the levels,
 * content_level and the size of the style picture, faithful and free (how much of the photo stays) content_weight, soft
 * tv_weight.
 */
typedef struct NstLook {
    const char *name;
    const char *about; /* a line */
} NstLook;

/* All looks, ended by one without a name. The table is constant. */
NST_API const NstLook *nst_train_looks(void);

/*
 * names: a look, or several with commas between them ("broad,faithful"). Sets *style_size too, where they say something
 * of it: the long side in pixels that the caller makes style pictures smaller to. NST_ENOTFOUND for a name that is none,
 * NST_EINVAL for two that are about the same; nothing is changed then.
 */
NST_API int nst_train_look(NstTrainOptions *options, int *style_size, const char *names, NstError *err);

/* Figures of the last step. */
typedef struct NstTrainProgress {
    int step;            /* steps done */
    int steps;           /* steps planned */
    float learning_rate;
    float total;         /* weighted sum */
    float style, content, tv, stability; /* terms before weighting, mean over the batch */
    float grad_norm;     /* before clipping */
} NstTrainProgress;

/*
 * 1 to NST_MAX_STYLES styles. `loss` must be of kind loss and, like the source, outlive the trainer; pictures and strings
 * may be freed. NST_ENOTFOUND names a layer that the loss network has not got, and lists those it has.
 */
NST_API int nst_trainer_open(NstTrainer **trainer, const NstTrainOptions *options, const NstModel *loss,
                             const NstTrainStyle *styles, int n_styles, NstContentSource source, void *opaque,
                             int n_content, NstError *err);
NST_API void nst_trainer_close(NstTrainer **trainer);

/*
 * One optimiser step. NST_ENOTFINITE names the term or tensor that is no longer finite; weights keep their last values.
 */
NST_API int nst_trainer_step(NstTrainer *trainer, NstTrainProgress *progress, NstError *err);

/*
 * Everything that the next step depends on: weights, moments, steps done, options; random numbers follow from the seed
 * and the step. Written to a temporary file and renamed. A checkpoint of a run with other options, another style picture,
 * loss network or number of content pictures is refused by name of what differs; `steps` may differ where that leaves
 * the rates so far as they were; where it does not differ, the run has the steps that were planned when it was saved. What a run began with is told by its
 * checkpoint: a trainer that was opened without `init` takes that over.
 * Of several ranks any may save; all must load, and get what rank 0 reads.
 */
NST_API int nst_trainer_save(const NstTrainer *trainer, const char *path, NstError *err);
NST_API int nst_trainer_load(NstTrainer *trainer, const char *path, NstError *err);

/* Steps done, those before the checkpoint included; steps that the run is to have. */
NST_API int nst_trainer_steps_done(const NstTrainer *trainer);
NST_API int nst_trainer_steps_planned(const NstTrainer *trainer);

/*
 * Plans the run anew to this many steps, 1 to NST_MAX_STEPS, or to the fewest that leave the learning rates so far as they
 * were, where that is more: the run is then, bit for bit, the one that was opened with that number. Under a cosine that is
 * done / hold steps at least; once the rate has begun to fall, or `stop` has come about, nothing is changed. Under the other decays a run may end at
 * any step. All ranks must call it; the number of rank 0 counts.
 */
NST_API int nst_trainer_set_steps(NstTrainer *trainer, int steps, NstError *err);

/*
 * The mean loss, less the stability term, that a style of the same architecture has on the first crops of the run, 1 or
 * more of them: how near it is before it learns. Nothing of the run is changed. NST_EINVAL: of another architecture;
 * NST_ENOTFINITE: its pictures are not.
 */
NST_API int nst_trainer_try(NstTrainer *trainer, const NstModel *style, int crops, float *loss, NstError *err);

/* The network as it is now, a copy; the caller frees it. */
NST_API int nst_trainer_model(const NstTrainer *trainer, NstModel **model, NstError *err);

#ifdef __cplusplus
}
#endif

#endif
