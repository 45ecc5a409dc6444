/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "optim.h"

#include <limits.h>
#include <math.h>

#include "ranges.h"
#include "util.h"

void optim_adam(const NstAdam *adam, int64_t t, float lr, int64_t n, const float *grad, float *m, float *v, float *x)
{
    const float beta1 = adam->beta1, beta2 = adam->beta2, eps = adam->eps;
    const float step = (float)((double)lr / (1 - pow(beta1, (double)t)));
    const float root = (float)sqrt(1 - pow(beta2, (double)t));

    for (int64_t i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * grad[i];
        v[i] = beta2 * v[i] + (1 - beta2) * grad[i] * grad[i];
        x[i] -= step * (m[i] / (sqrtf(v[i]) / root + eps));
    }
}

void optim_sgd(float momentum, float lr, int64_t n, const float *grad, float *v, float *x)
{
    for (int64_t i = 0; i < n; i++) {
        const float step = v ? (v[i] = momentum * v[i] + grad[i]) : grad[i];
        x[i] -= lr * step;
    }
}

void optim_rmsprop(float beta2, float eps, float lr, int64_t n, const float *grad, float *v, float *x)
{
    for (int64_t i = 0; i < n; i++) {
        v[i] = beta2 * v[i] + (1 - beta2) * grad[i] * grad[i];
        x[i] -= lr * grad[i] / (sqrtf(v[i]) + eps);
    }
}

void optim_move(const NstMover *mover, int64_t t, float lr, int64_t n, const float *grad, float *m, float *v, float *x)
{
    const NstAdam adam = {mover->beta1, mover->beta2, mover->epsilon};
    if (mover->optimizer == NST_OPTIMIZER_ADAM)
        optim_adam(&adam, t, lr, n, grad, m, v, x);
    else if (mover->optimizer == NST_OPTIMIZER_RMSPROP)
        optim_rmsprop(mover->beta2, mover->epsilon, lr, n, grad, v, x);
    else
        optim_sgd(mover->momentum, lr, n, grad, v, x);
}

const char *optim_name(NstOptimizer optimizer)
{
    static const char *const names[] = {"adam", "sgd", "rmsprop", "lbfgs"};
    return names[optimizer];
}

const char *decay_name(NstDecay decay)
{
    static const char *const names[] = {"constant", "step", "exponential", "cosine"};
    return names[decay];
}

int optim_check(const NstMover *mover, const NstSchedule *schedule, NstError *err)
{
    const NstIntRange integers[] = {
        {"schedule.decay", (int)schedule->decay, NST_DECAY_CONSTANT, NST_DECAY_COSINE},
        {"schedule.warmup", schedule->warmup, 0, 100000000},
        {"schedule.every", schedule->every, 1, 100000000},
    };
    const NstFloatRange floats[] = {
        {"schedule.factor", schedule->factor, 0, 1},
        {"schedule.hold", schedule->hold, 0, 1},
        {"schedule.last", schedule->last, 0, 1},
        {"beta1", mover->beta1, 0, 0.999999f},
        {"beta2", mover->beta2, 0, 0.999999f},
        {"epsilon", mover->epsilon, 0, 1e12f},
        {"momentum", mover->momentum, 0, 0.999999f},
    };
    NST_TRY(check_integers(integers, sizeof(integers) / sizeof(*integers), err));
    return check_floats(floats, sizeof(floats) / sizeof(*floats), err);
}

static double half_cosine(const NstSchedule *schedule, int step, int steps)
{
    const double flat = (double)schedule->hold * steps, last = schedule->last;
    return step > flat ? last + (1 - last) * (1 + cos(M_PI * (step - flat) / (steps - flat))) / 2 : 1;
}

float optim_schedule(const NstSchedule *schedule, int step, int steps)
{
    double share = 1;
    switch (schedule->decay) {
    case NST_DECAY_CONSTANT:
        break;
    case NST_DECAY_STEP:
        share = pow(schedule->factor, step / schedule->every);
        break;
    case NST_DECAY_EXPONENTIAL:
        share = pow(schedule->factor, (double)step / schedule->every);
        break;
    case NST_DECAY_COSINE:
        share = half_cosine(schedule, step, steps);
        break;
    }
    if (step < schedule->warmup)
        share *= (step + 1.0) / schedule->warmup;
    return (float)share;
}

int optim_fewest_steps(const NstSchedule *schedule, int done)
{
    const int last = done - 1; /* the step that must not be beyond the flat part */
    const double hold = schedule->hold;
    if (schedule->decay != NST_DECAY_COSINE || last < 1)
        return done;
    if (last >= hold * INT_MAX)
        return INT_MAX;
    int steps = max_int(done, (int)(last / hold));
    while (last > hold * steps)
        steps++;
    return steps;
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* splitmix64, which the authors of xoshiro256** recommend to fill its state */
void random_seed(NstRandom *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        random->s[i] = z ^ (z >> 31);
    }
}

uint64_t random_next(NstRandom *random)
{
    uint64_t *s = random->s;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

int random_below(NstRandom *random, int n)
{
    const uint64_t range = (uint64_t)n, rest = -range % range; /* 2^64 mod n values would be too many */
    uint64_t x;

    do
        x = random_next(random);
    while (x < rest);
    return (int)(x % range);
}

float random_uniform(NstRandom *random)
{
    return (float)(random_next(random) >> 40) * 0x1p-24f;
}

/* Box and Muller 1958; the second number of the pair is not used, so that the state stays the four words */
float random_normal(NstRandom *random)
{
    const double u = (double)((random_next(random) >> 11) + 1) * 0x1p-53; /* 0 < u <= 1 */
    const double angle = 2 * M_PI * (double)(random_next(random) >> 11) * 0x1p-53;

    return (float)(sqrt(-2 * log(u)) * cos(angle));
}
