/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

typedef struct NstJob {
    char *styles; /* malloc'ed */
    NstStageSpec spec;
    int step;
} NstJob;

struct NstBuilder {
    pthread_t thread;
    bool has_thread;        /* started, and not yet waited for; the stream's thread alone knows this */
    pthread_mutex_t lock;   /* of all that follows */
    bool has_job, is_done;
    NstJob job;             /* the next one */
    NstDelivery delivery;   /* of the last one */
};

int builder_create(NstBuilder **out, NstError *err)
{
    NstBuilder *builder = *out = calloc(1, sizeof(*builder));
    if (!builder || pthread_mutex_init(&builder->lock, NULL)) {
        free(builder);
        *out = NULL;
        return fail(err, NST_ENOMEM, "out of memory");
    }
    return NST_OK;
}

void delivery_free(NstDelivery *delivery)
{
    stage_free(&delivery->stage);
    nst_styles_free(delivery->models);
    *delivery = (NstDelivery){.error.code = NST_OK};
}

static int load_styles(const char *styles, NstDelivery *delivery, NstStyles *loaded)
{
    NST_TRY(nst_styles_load(delivery->models, &delivery->n_models, styles, &delivery->error));
    loaded->n = delivery->n_models;
    for (int i = 0; i < delivery->n_models; i++)
        loaded->models[i] = delivery->models[i];
    return NST_OK;
}

static void do_job(NstJob *job, NstDelivery *delivery)
{
    *delivery = (NstDelivery){.has_styles = job->styles != NULL, .step = job->step};
    int code = job->styles ? load_styles(job->styles, delivery, &job->spec.styles) : NST_OK;
    if (code >= 0 && job->spec.width)
        code = stage_create(&delivery->stage, &job->spec, &delivery->error);
    if (code < 0)
        nst_styles_free(delivery->models);
    free(job->styles);
}

static void *work(void *arg)
{
    NstBuilder *builder = arg;
    pthread_mutex_lock(&builder->lock);
    while (builder->has_job) {
        NstJob job = builder->job;
        NstDelivery delivery;
        builder->has_job = false;
        pthread_mutex_unlock(&builder->lock);
        do_job(&job, &delivery);
        pthread_mutex_lock(&builder->lock);
        delivery_free(&builder->delivery);
        builder->delivery = delivery;
    }
    builder->is_done = true;
    pthread_mutex_unlock(&builder->lock);
    return NULL;
}

/* Waits for the thread where it has nothing left to do, or `always`. Whether it is gone. */
static bool collect_thread(NstBuilder *builder, bool always)
{
    pthread_mutex_lock(&builder->lock);
    bool is_done = builder->is_done;
    pthread_mutex_unlock(&builder->lock);
    if (builder->has_thread && (is_done || always)) {
        pthread_join(builder->thread, NULL);
        builder->has_thread = false;
    }
    return !builder->has_thread;
}

int builder_order(NstBuilder *builder, const NstOrder *order, NstError *err)
{
    NstJob job = {order->styles ? string_copy(order->styles) : NULL, order->spec, order->step};
    if (order->styles && !job.styles)
        return fail(err, NST_ENOMEM, "out of memory");
    pthread_mutex_lock(&builder->lock);
    if (builder->has_job)
        free(builder->job.styles);
    builder->job = job;
    builder->has_job = true;
    bool is_working = builder->has_thread && !builder->is_done;
    pthread_mutex_unlock(&builder->lock);
    if (is_working)
        return NST_OK;
    collect_thread(builder, true);
    delivery_free(&builder->delivery);
    builder->is_done = false;
    if (pthread_create(&builder->thread, NULL, work, builder)) {
        builder->has_job = false;
        free(job.styles);
        return fail(err, NST_ENOMEM, "no thread to be had for loading styles");
    }
    builder->has_thread = true;
    return NST_OK;
}

bool builder_is_idle(const NstBuilder *builder)
{
    return !builder->has_thread;
}

bool builder_take(NstBuilder *builder, NstDelivery *delivery)
{
    if (!builder->has_thread || !collect_thread(builder, false))
        return false;
    *delivery = builder->delivery;
    builder->delivery = (NstDelivery){.error.code = NST_OK};
    return true;
}

void builder_free(NstBuilder **out)
{
    NstBuilder *builder = *out;
    if (!builder)
        return;
    pthread_mutex_lock(&builder->lock);
    if (builder->has_job)
        free(builder->job.styles);
    builder->has_job = false;
    pthread_mutex_unlock(&builder->lock);
    collect_thread(builder, true);
    delivery_free(&builder->delivery);
    pthread_mutex_destroy(&builder->lock);
    free(builder);
    *out = NULL;
}
