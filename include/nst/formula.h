/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_FORMULA_H
#define NST_FORMULA_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Formulas of the perceptual loss of a picture y against a content picture and styles:
 *
 *   loss = style_weight * style + content_weight * content + tv_weight * tv
 *
 * F: features of y at a layer, C x M, M = H W positions; F_x: those of the content picture; G = F F^T / M; G*: the same
 * of the style picture. style and content are means over the layers, weighted by the layers' weights, and style is a mean
 * over the levels of the pyramid too: the picture, its half, its quarter ... (2x2 box averages).
 *
 *                         style, each layer              content, each layer                tv
 *   NST_FORMULA_RELATIVE  |G - G*|^2 / |G*|^2            mean (F - F_x)^2 / v(F_x)          mean dx^2 + mean dy^2
 *   NST_FORMULA_GATYS     |G - G*|^2 / (4 C^2)           sum (F - F_x)^2 / 2                the same
 *   NST_FORMULA_KERAS     M^2 |G - G*|^2 / (36 (h w)^2)  sum (F - F_x)^2                    sum (dx^2 + dy^2)^1.25
 *
 * RELATIVE is train.h's. v: spatial variance of F_x, averaged over channels, at least 1 % of the mean square. dx, dy:
 * differences of neighbouring samples of 0 to 1.
 * GATYS: Gatys et al. 2016, eq. 1, 4 and 5 (1 / (4 C^2 M^2) over matrices that are not divided by M, with the M of each
 * picture its own; the same where both pictures have one size).
 * KERAS: the example of the Keras documentation (Chollet 2015): (S - C)^2 / (4 3^2 (h w)^2) over matrices that are not
 * divided by M, for y of h x w pixels; dx and dy of samples of 0 to 255, taken where both neighbours exist.
 */
typedef enum NstFormula { NST_FORMULA_RELATIVE, NST_FORMULA_GATYS, NST_FORMULA_KERAS } NstFormula;

#ifdef __cplusplus
}
#endif

#endif
