/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "trainer.h"
#include "util.h"

/* The mean loss of the weights that the network has, on the run's first crops */
static int measure(NstTrainer *trainer, int crops, float *loss, NstError *err)
{
    const int output = trainer->graph.n_nodes - 1;
    const size_t plane = (size_t)trainer->options.crop * (size_t)trainer->options.crop;
    NstLossTerms terms;
    double sum = 0;
    for (int i = 0; i < crops; i++) {
        NST_TRY(sampler_crop(&trainer->sampler, i, &trainer->crop, err));
        memcpy(plan_value(trainer->plan, 0), trainer->crop.data, 3 * plane * sizeof(float));
        exec_forward(trainer->plan);
        loss_set_content(trainer->loss, trainer->crop.data);
        NST_TRY(loss_evaluate(trainer->loss, plan_value(trainer->plan, output), &terms, NULL, err));
        sum += terms.total;
    }
    *loss = (float)(sum / crops);
    return NST_OK;
}

/* To or from one array */
static void copy_weights(const NstTrainer *trainer, float *weights, bool back)
{
    for (int t = 0; t < trainer->graph.n_tensors; t++) {
        const NstTensor *tensor = &trainer->graph.tensors[t];
        const size_t count = (size_t)tensor->count;
        memcpy(back ? tensor->data : weights, back ? weights : tensor->data, count * sizeof(float));
        weights += count;
    }
}

int nst_trainer_try(NstTrainer *trainer, const NstModel *style, int crops, float *loss, NstError *err)
{
    size_t count = 0;
    if (crops < 1)
        return fail(err, NST_EINVAL, "crops: %d; at least 1 expected", crops);
    for (int t = 0; t < trainer->graph.n_tensors; t++)
        count += (size_t)trainer->graph.tensors[t].count;
    float *weights = malloc(count * sizeof(float));
    if (!weights)
        return fail(err, NST_ENOMEM, "no memory to try a style");
    copy_weights(trainer, weights, false);
    int code = trainer_take_weights(trainer, style, err);
    if (code == NST_OK)
        code = measure(trainer, crops, loss, err);
    copy_weights(trainer, weights, true);
    free(weights);
    return code;
}
