/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* features LOSS.nsw DUMP.safetensors: the features of the dump's "picture" against its other tensors, named by layer */
#include <stdio.h>
#include <string.h>

#include <nst/train.h>

#include "exec.h"
#include "layer_cases.h"
#include "nsw.h"
#include "util.h"
#include "vgg.h"

static const double TOLERANCE = 1e-4; /* relative, against double precision */

static int compare(NstPlan *plan, const int *taps, const NstTensor *const *expected, int n, NstError *err)
{
    for (int i = 0; i < n; i++) {
        const NstShape shape = plan_shape(plan, taps[i]);
        if (expected[i]->count != (int64_t)shape.c * shape.h * shape.w)
            return fail(err, NST_EFORMAT, "%s: %d x %d x %d", expected[i]->name, shape.c, shape.h, shape.w);
        const double error = relative_error(plan_value(plan, taps[i]), expected[i]->data, expected[i]->count, 0);
        printf("%s: relative error %.2g\n", expected[i]->name, error);
        if (!(error <= TOLERANCE))
            return fail(err, NST_EFORMAT, "%s: at most %g expected", expected[i]->name, TOLERANCE);
    }
    return n ? NST_OK : fail(err, NST_EFORMAT, "no features to compare with");
}

static int run(const NstModel *model, const NstContainer *dump, NstError *err)
{
    int taps[NST_MAX_LAYERS], n = 0;
    const NstTensor *picture = NULL, *expected[NST_MAX_LAYERS];
    NstPlanOptions options = {.taps = taps};
    NstPlan *plan;

    for (int i = 0; i < dump->n_tensors; i++)
        if (!strcmp(dump->tensors[i].name, "picture")) {
            picture = &dump->tensors[i];
        } else if (n < NST_MAX_LAYERS) {
            expected[n] = &dump->tensors[i];
            NST_TRY(vgg_find_layer(model, dump->tensors[i].name, &taps[n++], err));
        }
    if (!picture)
        return fail(err, NST_EFORMAT, "no tensor \"picture\"");
    nst_compute_defaults(&options.compute);
    options.n_taps = n;
    NST_TRY(plan_create(&plan, &model->graph, picture->shape[1], picture->shape[2], &options, err));
    memcpy(plan_value(plan, 0), picture->data, (size_t)picture->count * sizeof(float));
    exec_forward(plan);
    const int code = compare(plan, taps, expected, n, err);
    plan_free(&plan);
    return code;
}

int main(int argc, char **argv)
{
    NstModel *model = NULL;
    NstContainer dump = {0};
    NstError err;

    if (argc != 3) {
        fprintf(stderr, "usage: features LOSS.nsw DUMP.safetensors\n");
        return 2;
    }
    int code = nst_model_load(&model, argv[1], &err);
    if (code == NST_OK)
        code = safetensors_read(&dump, argv[2], &err);
    if (code == NST_OK)
        code = run(model, &dump, &err);
    if (code != NST_OK)
        fprintf(stderr, "features: %s\n", err.message);
    container_free(&dump);
    nst_model_free(&model);
    return code == NST_OK ? 0 : 1;
}
