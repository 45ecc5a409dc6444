/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker NETWORK.nsw WIDTH HEIGHT THREADS IN OUT: libnst on raw floats, 3 planes; writes the result and "ready", then
 * for each line of the input the seconds of one run, as the programs of the peers do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec.h"
#include "nsw.h"
#include "plan.h"

typedef struct Worker {
    NstModel *model;
    NstPlan *plan;
    float *input;
    size_t n; /* samples of input and output */
} Worker;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run(Worker *worker)
{
    memcpy(plan_value(worker->plan, 0), worker->input, worker->n * sizeof(float));
    exec_forward(worker->plan);
}

static int prepare(Worker *worker, char **argv, NstError *err)
{
    NstPlanOptions options = {.taps = NULL};
    int width = atoi(argv[2]), height = atoi(argv[3]);
    nst_compute_defaults(&options.compute);
    options.compute.threads = atoi(argv[4]);
    int code = nst_model_load(&worker->model, argv[1], err);
    if (code == NST_OK)
        code = plan_create(&worker->plan, &worker->model->graph, height, width, &options, err);
    worker->n = 3 * (size_t)width * (size_t)height;
    worker->input = malloc(worker->n * sizeof(float));
    return code;
}

static int transfer(float *data, size_t n, const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    size_t done = 0;
    if (file && data)
        done = *mode == 'r' ? fread(data, sizeof(*data), n, file) : fwrite(data, sizeof(*data), n, file);
    if (!file || fclose(file) || done != n) {
        fprintf(stderr, "worker: %s: %zu samples expected\n", path, n);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int serve(Worker *worker, const char *in, const char *out)
{
    char line[16];
    if (transfer(worker->input, worker->n, in, "r"))
        return EXIT_FAILURE;
    run(worker);
    if (transfer(plan_value(worker->plan, worker->model->graph.n_nodes - 1), worker->n, out, "w"))
        return EXIT_FAILURE;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        double start = now();
        run(worker);
        printf("%.6f\n", now() - start);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    Worker worker = {.n = 0};
    NstError err;
    if (argc != 7) {
        fprintf(stderr, "usage: worker NETWORK.nsw WIDTH HEIGHT THREADS IN OUT\n");
        return 2;
    }
    int status = EXIT_FAILURE;
    if (prepare(&worker, argv, &err) < 0)
        fprintf(stderr, "worker: %s\n", err.message);
    else
        status = serve(&worker, argv[5], argv[6]);
    plan_free(&worker.plan);
    nst_model_free(&worker.model);
    free(worker.input);
    return status;
}
