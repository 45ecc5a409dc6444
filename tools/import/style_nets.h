/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_STYLE_NETS_H
#define NST_TOOLS_IMPORT_STYLE_NETS_H

#include "import.h"
#include "weights.h"

/* Style networks whose files hold tensors alone. What is computed with them is known by their names. */

/* fast_neural_style of pytorch/examples: conv1.conv2d.weight, in1.weight, ... RGB, 0 to 255 */
int style_from_pytorch_examples(NstModel **model, NstContainer *weights, const ImportOptions *options, NstError *err);

/* fast-style-transfer of lengstrom: Variable, Variable_1, ... Variable_47. RGB, 0 to 255 */
int style_from_fast_style_transfer(NstModel **model, NstContainer *weights, const ImportOptions *options,
                                   NstError *err);

/* Makes a style network of a graph, whose white is `range`, or what the options say. Takes the graph over. */
int style_create(NstModel **model, NstGraph *graph, float range, const ImportOptions *options, NstError *err);

#endif
