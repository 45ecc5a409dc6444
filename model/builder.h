/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_MODEL_BUILDER_H
#define NST_MODEL_BUILDER_H

#include <stdbool.h>

#include "stage.h"

/*
 * Loads styles and makes stages in a thread of its own, one order at a time, so that a stream does not wait for them.
 * All functions are called by the stream's thread.
 */
typedef struct NstBuilder NstBuilder;

/* What is to be made: a stage for spec, where its width is not 0, of these styles, or of spec's where the text is NULL. */
typedef struct NstOrder {
    const char *styles;
    NstStageSpec spec;
    int step; /* the caller's, of the ladder of sizes */
} NstOrder;

typedef struct NstDelivery {
    NstStage *stage;                   /* NULL where none was asked for, or on an error */
    bool has_styles;                   /* the order named some */
    NstModel *models[NST_MAX_STYLES];  /* those; the receiver's to free, after the stage */
    int n_models;
    int step;
    NstError error;                    /* code NST_OK where all is well */
} NstDelivery;

int builder_create(NstBuilder **builder, NstError *err);

/* Waits for the order in hand; what it gives is thrown away. */
void builder_free(NstBuilder **builder);

/* Replaces an order that has not been delivered. Fails where there is no memory or no thread to be had. */
int builder_order(NstBuilder *builder, const NstOrder *order, NstError *err);

/* Whether nothing is being made and nothing waits to be taken. */
bool builder_is_idle(const NstBuilder *builder);

/* What was ordered last, when it is ready; else false, at once. */
bool builder_take(NstBuilder *builder, NstDelivery *delivery);

void delivery_free(NstDelivery *delivery);

#endif
