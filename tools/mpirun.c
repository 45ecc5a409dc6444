/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mpirun.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "util.h"

#ifdef NST_WITH_MPI
#include <mpi.h>

#ifdef OPEN_MPI
static const char BUILT[] = "for mpirun of Open MPI";
#else
static const char BUILT[] = "for mpirun of MPICH and its kin";
#endif

/* Room for what ranks send each other; kept from step to step */
typedef struct Exchange {
    int rank, count;
    int *n_parts;                      /* of each rank */
    int *send, *send_at, *take, *take_at; /* floats for and from each rank, and where they begin */
    float *sent, *taken;
    size_t sent_size, taken_size;
} Exchange;

/* The sum is worked out in slices, one at each rank: where the one of a rank begins */
static size_t slice_at(const Exchange *x, size_t n, int rank)
{
    return n / (size_t)x->count * (size_t)rank + n % (size_t)x->count * (size_t)rank / (size_t)x->count;
}

static int slice_of(const Exchange *x, size_t n, int rank)
{
    return (int)(slice_at(x, n, rank + 1) - slice_at(x, n, rank));
}

static bool make_room(float **buffer, size_t *size, size_t wanted)
{
    if (*size >= wanted)
        return true;
    free(*buffer);
    *buffer = malloc(wanted * sizeof(float));
    *size = *buffer ? wanted : 0;
    return *buffer;
}

/* Who sends how many numbers to whom, and room for them */
static int plan_exchange(Exchange *x, int n_parts, size_t n, NstError *err)
{
    size_t sent = 0, taken = 0;
    MPI_Allgather(&n_parts, 1, MPI_INT, x->n_parts, 1, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < x->count; r++) {
        if (n > INT_MAX || (sent += (size_t)n_parts * (size_t)slice_of(x, n, r)) > INT_MAX ||
            (taken += (size_t)x->n_parts[r] * (size_t)slice_of(x, n, x->rank)) > INT_MAX)
            return fail(err, NST_EINVAL, "MPI: %d parts of %zu numbers; fewer than 2^31 in all expected", n_parts, n);
        x->send[r] = n_parts * slice_of(x, n, r);
        x->take[r] = x->n_parts[r] * slice_of(x, n, x->rank);
        x->send_at[r] = (int)sent - x->send[r];
        x->take_at[r] = (int)taken - x->take[r];
    }
    if (!make_room(&x->sent, &x->sent_size, sent) || !make_room(&x->taken, &x->taken_size, taken))
        return fail(err, NST_ENOMEM, "no memory for what %d ranks exchange", x->count);
    return NST_OK;
}

/*
 * Each rank adds up one slice, of the parts of all ranks in their order, and gives it to all. No sum is left to MPI,
 * whose order depends on the number and places of the ranks. Where each rank has one part, it sends and takes
 * 2 n (count - 1) / count numbers.
 */
static int sum(void *opaque, const float *parts, int n_parts, size_t n, float *total, NstError *err)
{
    Exchange *x = opaque;
    NST_TRY(plan_exchange(x, n_parts, n, err));
    float *to = x->sent;
    for (int r = 0; r < x->count; r++)
        for (int p = 0; p < n_parts; p++)
            for (size_t i = slice_at(x, n, r); i < slice_at(x, n, r + 1); i++)
                *to++ = parts[(size_t)p * n + i];
    MPI_Alltoallv(x->sent, x->send, x->send_at, MPI_FLOAT, x->taken, x->take, x->take_at, MPI_FLOAT, MPI_COMM_WORLD);

    const size_t mine = (size_t)slice_of(x, n, x->rank);
    float *slice = total + slice_at(x, n, x->rank);
    size_t all = 0;
    for (int r = 0; r < x->count; r++)
        all += (size_t)x->n_parts[r];
    for (size_t i = 0; i < mine; i++)
        slice[i] = x->taken[i];
    for (size_t p = 1; p < all; p++)
        for (size_t i = 0; i < mine; i++)
            slice[i] += x->taken[p * mine + i];

    for (int r = 0; r < x->count; r++) {
        x->take[r] = slice_of(x, n, r);
        x->take_at[r] = (int)slice_at(x, n, r);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, total, x->take, x->take_at, MPI_FLOAT, MPI_COMM_WORLD);
    return NST_OK;
}

static void close_exchange(Exchange *x)
{
    if (x) {
        free(x->n_parts);
        free(x->sent);
        free(x->taken);
    }
    free(x);
}

static Exchange *open_exchange(int rank, int count)
{
    Exchange *x = calloc(1, sizeof(*x));
    if (!x || !(x->n_parts = calloc((size_t)count, 5 * sizeof(int)))) {
        free(x);
        return NULL;
    }
    x->rank = rank;
    x->count = count;
    x->send = x->n_parts + count;
    x->send_at = x->send + count;
    x->take = x->send_at + count;
    x->take_at = x->take + count;
    return x;
}

static int begin(NstRanks *ranks, NstError *err)
{
    int level;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks->count);
    if (ranks->count == 1)
        return NST_OK;
    ranks->sum = sum;
    ranks->opaque = open_exchange(ranks->rank, ranks->count);
    return ranks->opaque ? NST_OK : fail(err, NST_ENOMEM, "no memory for what %d ranks exchange", ranks->count);
}

int mpirun_first(const NstRanks *ranks, bool here)
{
    int first = here ? ranks->rank : ranks->count;
    if (ranks->count > 1)
        MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return first < ranks->count ? first : -1;
}

/* Processors that the ranks of this machine are bound to, of those that mpirun has */
static void warn_of_binding(const int *users)
{
    cpu_set_t all;
    int used = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        used += users[i] > 0;
    if (sched_getaffinity(getppid(), sizeof(all), &all) == 0 && used < CPU_COUNT(&all))
        fprintf(stderr, "nst train: mpirun has bound the ranks of this machine to %d of its %d processors; "
                "mpirun --bind-to none lets them have all\n", used, CPU_COUNT(&all));
}

int mpirun_threads(const NstRanks *ranks)
{
    int users[CPU_SETSIZE] = {0}; /* ranks of this machine that may run on a processor */
    double share = 0;
    cpu_set_t mine;
    MPI_Comm machine;
    if (ranks->count == 1)
        return 0;
    const bool known = sched_getaffinity(0, sizeof(mine), &mine) == 0;
    for (int i = 0; known && i < CPU_SETSIZE; i++)
        users[i] = CPU_ISSET(i, &mine) != 0;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, ranks->rank, MPI_INFO_NULL, &machine);
    MPI_Allreduce(MPI_IN_PLACE, users, CPU_SETSIZE, MPI_INT, MPI_SUM, machine);
    MPI_Comm_free(&machine);
    for (int i = 0; known && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &mine))
            share += 1.0 / users[i];
    if (ranks->rank == 0)
        warn_of_binding(users);
    return max_int(1, (int)(share + 1e-6));
}

void mpirun_abort(const NstRanks *ranks)
{
    if (ranks->count > 1)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

void mpirun_leave(NstRanks *ranks)
{
    int begun;
    close_exchange(ranks->opaque);
    *ranks = (NstRanks){.count = 1};
    MPI_Initialized(&begun);
    if (begun)
        MPI_Finalize();
}

#else

static const char BUILT[] = "without MPI";

static int begin(NstRanks *ranks, NstError *err)
{
    (void)ranks, (void)err;
    return NST_OK;
}

int mpirun_first(const NstRanks *ranks, bool here)
{
    return here ? ranks->rank : -1;
}

int mpirun_threads(const NstRanks *ranks)
{
    (void)ranks;
    return 0;
}

void mpirun_abort(const NstRanks *ranks)
{
    (void)ranks;
}

void mpirun_leave(NstRanks *ranks)
{
    (void)ranks;
}

#endif

int mpirun_join(NstRanks *ranks, NstError *err)
{
    /* what Open MPI, and MPICH and its kin, tell the processes that they start */
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    static const char *const others[] = {"PMIX_RANK", "PMI_RANK"};
    int started = 0;
    *ranks = (NstRanks){.count = 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        if (getenv(sizes[i]))
            started = max_int(started, atoi(getenv(sizes[i])));
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (getenv(others[i]))
            started = max_int(started, 1);
    if (started == 0)
        return NST_OK;
    NST_TRY(begin(ranks, err));
    if (started > 1 && ranks->count == 1) /* they would all write the same files */
        return fail(err, NST_EUNSUPPORTED, "started as one of %d, which do not find each other: this nst was built %s",
                    started, BUILT);
    return NST_OK;
}
