/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many steps a run has: the number that was asked for, and how it changes on the way. */
#include <math.h>

#include "trainer.h"
#include "util.h"

int nst_trainer_steps_done(const NstTrainer *trainer)
{
    return trainer->step;
}

int nst_trainer_steps_planned(const NstTrainer *trainer)
{
    return trainer->steps;
}

void steps_plan(NstTrainer *trainer, int steps)
{
    trainer->steps = steps;
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(trainer->description, "steps"), steps);
}

/* As nst_trainer_set_steps says. */
static void plan_near(NstTrainer *trainer, int steps)
{
    const int fewest = optim_fewest_steps(&trainer->options.schedule, trainer->step);
    if (trainer->steps >= fewest && !trainer->plateau.reached)
        steps_plan(trainer, max_int(steps, fewest));
}

int nst_trainer_set_steps(NstTrainer *trainer, int steps, NstError *err)
{
    if (steps < 1 || steps > NST_MAX_STEPS)
        return fail(err, NST_EINVAL, "steps: %d; 1 to %d expected", steps, NST_MAX_STEPS);
    NST_TRY(ranks_spread_int(trainer, &steps, err));
    plan_near(trainer, steps);
    return NST_OK;
}

void steps_watch(NstTrainer *trainer, float total)
{
    const NstTrainOptions *options = &trainer->options;
    NstPlateau *plateau = &trainer->plateau;
    if (plateau->reached)
        return;
    plateau->sum += total;
    if (++plateau->count < options->stop_window)
        return;
    const float mean = plateau->sum / (float)options->stop_window;
    const bool falls = plateau->before == 0 || mean < (1 - options->stop) * plateau->before;
    *plateau = (NstPlateau){.before = mean};
    if (options->stop > 0 && !falls) {
        plan_near(trainer, trainer->step);
        plateau->reached = true;
    }
}
