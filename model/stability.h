/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_STABILITY_H
#define NST_MODEL_STABILITY_H

#include "optim.h"
#include "plan.h"

/*
 * The stability term of training, from still pictures (Wang et al. 2020, compound regularisation): the picture x is
 * moved by a motion W that is known, shaded by a smooth change of light, and made noisy; the network should paint the
 * result x' as it painted x, moved by W.
 *
 *   D = mean over samples of (net(x') - W(net(x)) - s)^2
 *
 * s is the change of relative luminance by the shading alone: light that changes shows in the painting, by as much
 * (Gao et al. 2018, ReCoNet, eq. 6). A change of the light everywhere is not asked for: instance normalisation takes it
 * out again. W interpolates by cubic convolution (Keys 1981), for both pictures: anything smoother would ask the
 * network for blur. Left out of the mean is what lies, or came from, within a few samples of the border, where padding
 * is seen.
 */
typedef struct NstStability NstStability;

/* Sample p of the moved picture, from its centre, is sample zoom R(angle) p + (dx, dy) of the picture. */
typedef struct NstMotion {
    double zoom, angle, dx, dy;
    float shade_x, shade_y; /* the light changes by exp of this at the right and the lower edge, of -this opposite */
    float noise;            /* standard deviation */
} NstMotion;

/*
 * Half of the motions are shifts by whole samples, where nothing is interpolated; the others are shifts, zoom and
 * rotation together.
 */
NstMotion motion_draw(NstRandom *random);

/* For pictures of h x w; the graph outlives the stability term, and its weights may change. */
int stability_create(NstStability **stability, const NstGraph *graph, int h, int w, const NstCompute *compute,
                     NstError *err);
void stability_free(NstStability **stability);

/*
 * D at the picture that `plan`, of the same graph and size with want_tensor_grads, was last run on. Adds weight times
 * its gradient, through net(x) to `grad` (dL/d(output), 3 x h x w), through net(x') to those of the plan's tensors.
 * `random` gives the noise. The same bits for any number of threads.
 */
double stability_add(NstStability *stability, NstPlan *plan, const NstMotion *motion, NstRandom *random, float weight,
                     float *grad);

#endif
