/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <nst/nst.h>

#include "arch.h"
#include "common_options.h"
#include "exec.h"
#include "explain.h"
#include "nst.h"
#include "nsw.h"
#include "options.h"
#include "peak.h"
#include "plan.h"
#include "style.h"
#include "util.h"

typedef struct Settings {
    int arch, threads, runs;
    TextList sizes;
    const char *cpu, *save;
    bool json, explain;
} Settings;

static const Option options[] = {
    {"arch", 'a', OPTION_CHOICE, false, offsetof(Settings, arch), "fast|johnson|fast-hd", 0, 0,
     "without STYLE: the network to measure, with random weights"},
    {"size", 0, OPTION_LIST, false, offsetof(Settings, sizes), "WxH", 0, 0,
     "size of the pictures; may be given several times. Without: 640x360"},
    {"threads", 't', OPTION_INT, false, offsetof(Settings, threads), "N", 0, 256,
     "threads; 0 is one for each processor"},
    CPU_OPTION(offsetof(Settings, cpu)),
    {"runs", 'n', OPTION_INT, false, offsetof(Settings, runs), "N", 1, 10000,
     "runs that are measured; times are medians"},
    {"explain", 0, OPTION_FLAG, false, offsetof(Settings, explain), "", 0, 0,
     "a line for each layer: how it is done, its time and its share of the peak"},
    {"json", 0, OPTION_FLAG, false, offsetof(Settings, json), "", 0, 0, "print a JSON list with an object a size"},
    {"save", 0, OPTION_TEXT, false, offsetof(Settings, save), "FILE.nsw", 0, 0,
     "write the network, to measure the same one elsewhere"},
    {0},
};

static const Command command = {
    .name = "bench",
    .usage = "[STYLE]",
    .summary = "Measures how fast a network runs here, and where its time goes.",
    .notes = "GFLOP/s count two operations for each multiply-add of direct convolution, whatever is done instead, so an\n"
             "algorithm that needs fewer may pass the peak. Decoding and pixel formats are not measured.",
    .options = options,
    .min_operands = 0,
    .max_operands = 1,
};

enum { WARM_UP = 2 };

/* The network at one size. Seconds. */
typedef struct Result {
    int width, height, threads;
    const char *name, *cpu;
    double peak;            /* GFLOP/s of all threads */
    size_t bytes;
    double median, min, max;
    double *layers;         /* median of each node */
    NstExplanation *how;    /* of each node */
    double macs;
} Result;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* n times, `stride` apart; they are left sorted at the start of `sorted`. */
static double median(const double *times, int n, int stride, double *sorted)
{
    for (int i = 0; i < n; i++)
        sorted[i] = times[(ptrdiff_t)i * stride];
    qsort(sorted, (size_t)n, sizeof(*sorted), compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* ---- measuring ---- */

/* times: a row for each run, of the whole and then of nodes 1 to n - 1. */
static void run_all(NstPlan *plan, const float *input, size_t n_input, int n_nodes, int runs, double *times)
{
    for (int i = -WARM_UP; i < runs; i++) {
        double *row = times + (ptrdiff_t)max_int(i, 0) * n_nodes, start;
        memcpy(plan_value(plan, 0), input, n_input * sizeof(*input));
        start = now();
        exec_forward_timed(plan, row);
        row[0] = now() - start;
    }
}

static int measure_plan(NstPlan *plan, const NstGraph *graph, int runs, Result *result, NstError *err)
{
    int n = graph->n_nodes;
    size_t n_input = (size_t)graph->nodes[0].channels * (size_t)result->width * (size_t)result->height;
    float *input = calloc(n_input, sizeof(*input));
    double *times = calloc((size_t)(runs * (n + 1)), sizeof(*times)), *sorted = times + (ptrdiff_t)runs * n;
    result->layers = calloc((size_t)n, sizeof(*result->layers));
    result->how = calloc((size_t)n, sizeof(*result->how));
    if (input && times && result->layers && result->how) {
        NstRandom random;
        random_seed(&random, 1);
        for (size_t i = 0; i < n_input; i++)
            input[i] = random_uniform(&random);
        run_all(plan, input, n_input, n, runs, times);
        for (int i = n - 1; i >= 0; i--) {
            result->layers[i] = median(times + i, runs, n, sorted);
            explain_node(plan, i, &result->how[i]);
            result->macs += result->how[i].macs;
        }
        result->median = result->layers[0];
        result->min = sorted[0];
        result->max = sorted[runs - 1];
        result->bytes = plan_bytes(plan);
    }
    bool done = input && times && result->layers && result->how;
    free(input);
    free(times);
    return done ? NST_OK : fail(err, NST_ENOMEM, "out of memory");
}

static int measure(const NstModel *model, const NstPlanOptions *plan_options, int runs, Result *result, NstError *err)
{
    NstPlan *plan = NULL;
    NST_TRY(plan_create(&plan, &model->graph, result->height, result->width, plan_options, err));
    int code = measure_plan(plan, &model->graph, runs, result, err);
    plan_free(&plan);
    return code;
}

static const char *cpu_name(unsigned cpu)
{
    cpu &= nst_cpu_available();
    return cpu & NST_CPU_AVX512 ? "avx512" : cpu & NST_CPU_AVX2 ? "avx2" : cpu & NST_CPU_NEON ? "neon" : "scalar";
}

/* ---- telling ---- */

static double gflops(double macs, double seconds)
{
    return seconds > 0 ? 2e-9 * macs / seconds : 0;
}

static void print_layers(const NstGraph *graph, const Result *result)
{
    double total = result->median;
    printf("\n  %-18s %-15s %9s %6s %9s %6s  %s\n", "layer", "op", "ms", "time", "GFLOP/s", "peak", "how");
    for (int i = 1; i < graph->n_nodes; i++) {
        double t = result->layers[i], rate = gflops(result->how[i].macs, t);
        printf("  %-18s %-15s %9.3f %5.1f%%", graph->nodes[i].name, graph_op_name(graph->nodes[i].op), 1e3 * t,
               100 * t / total);
        if (rate > 0)
            printf(" %9.1f %5.0f%%", rate, 100 * rate / result->peak);
        else
            printf(" %9s %6s", "", "");
        printf("  %s\n", result->how[i].algorithm);
    }
}

static void print_result(const NstGraph *graph, const Result *result, bool explain)
{
    double rate = gflops(result->macs, result->median);
    printf("%s %dx%d, %d thread%s, %s: %.1f ms (%.1f to %.1f), %.1f GFLOP/s of %.1f (%.0f%%), %.0f MiB of buffers\n",
           result->name, result->width, result->height, result->threads, result->threads > 1 ? "s" : "", result->cpu,
           1e3 * result->median, 1e3 * result->min, 1e3 * result->max, rate, result->peak, 100 * rate / result->peak,
           (double)result->bytes / 1048576);
    if (explain)
        print_layers(graph, result);
}

static cJSON *json_layers(const NstGraph *graph, const Result *result)
{
    cJSON *layers = cJSON_CreateArray();
    for (int i = 1; i < graph->n_nodes; i++) {
        cJSON *layer = cJSON_CreateObject();
        cJSON_AddStringToObject(layer, "name", graph->nodes[i].name);
        cJSON_AddStringToObject(layer, "op", graph_op_name(graph->nodes[i].op));
        cJSON_AddStringToObject(layer, "algorithm", result->how[i].algorithm);
        cJSON_AddNumberToObject(layer, "ms", 1e3 * result->layers[i]);
        cJSON_AddNumberToObject(layer, "gflops", gflops(result->how[i].macs, result->layers[i]));
        cJSON_AddItemToArray(layers, layer);
    }
    return layers;
}

static cJSON *json_result(const NstGraph *graph, const Result *result, bool explain)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "system", "nst");
    cJSON_AddStringToObject(object, "network", result->name);
    cJSON_AddNumberToObject(object, "width", result->width);
    cJSON_AddNumberToObject(object, "height", result->height);
    cJSON_AddNumberToObject(object, "threads", result->threads);
    cJSON_AddStringToObject(object, "cpu", result->cpu);
    cJSON_AddNumberToObject(object, "ms", 1e3 * result->median);
    cJSON_AddNumberToObject(object, "ms_min", 1e3 * result->min);
    cJSON_AddNumberToObject(object, "ms_max", 1e3 * result->max);
    cJSON_AddNumberToObject(object, "gflop", 2e-9 * result->macs);
    cJSON_AddNumberToObject(object, "gflops", gflops(result->macs, result->median));
    cJSON_AddNumberToObject(object, "machine_gflops", result->peak);
    cJSON_AddNumberToObject(object, "buffers_mib", (double)result->bytes / 1048576);
    if (explain)
        cJSON_AddItemToObject(object, "layers", json_layers(graph, result));
    return object;
}

/* ---- */

static int read_size(const char *text, int *width, int *height, NstError *err)
{
    int end = 0;
    if (sscanf(text, "%5d%*1[x]%5d%n", width, height, &end) != 2 || text[end] || *width < 1 || *height < 1)
        return fail(err, NST_EINVAL, "--size %s: WIDTHxHEIGHT expected, such as 640x360", text);
    return NST_OK;
}

static int random_model(NstModel **model, NstArchitecture arch, NstError *err)
{
    NstRandom random;
    NstGraph graph;
    random_seed(&random, 1);
    NST_TRY(arch_build(&graph, arch, &random, err));
    NST_TRY(nsw_create(model, NST_KIND_STYLE, &graph, err));
    return nsw_set_metadata(*model, "nst.name", arch_name(arch), err);
}

static int get_model(NstModel **model, const Settings *settings, const TextList *operands, NstError *err)
{
    if (operands->n)
        NST_TRY(style_load(model, operands->items[0], err));
    else
        NST_TRY(random_model(model, (NstArchitecture)settings->arch, err));
    return settings->save ? nst_model_save(*model, settings->save, err) : NST_OK;
}

static int bench_size(const NstModel *model, const NstPlanOptions *plan_options, const Settings *settings,
                      const char *size, cJSON *list, NstError *err)
{
    NstModelInfo info;
    Result result = {.threads = plan_options->compute.threads, .cpu = cpu_name(plan_options->compute.cpu)};
    nst_model_info(model, &info);
    result.name = info.name;
    NST_TRY(read_size(size, &result.width, &result.height, err));
    result.peak = result.threads * peak_gflops(plan_options->compute.cpu);
    int code = measure(model, plan_options, settings->runs, &result, err);
    if (code == NST_OK && settings->json)
        cJSON_AddItemToArray(list, json_result(&model->graph, &result, settings->explain));
    else if (code == NST_OK)
        print_result(&model->graph, &result, settings->explain);
    free(result.layers);
    free(result.how);
    return code;
}

static int bench_sizes(const NstModel *model, const NstPlanOptions *plan_options, const Settings *settings,
                       NstError *err)
{
    static const char *usual[] = {"640x360"};
    const TextList *sizes = settings->sizes.n ? &settings->sizes : &(TextList){1, usual};
    cJSON *list = cJSON_CreateArray();
    int code = NST_OK;
    for (int i = 0; code == NST_OK && i < sizes->n; i++)
        code = bench_size(model, plan_options, settings, sizes->items[i], list, err);
    char *text = code == NST_OK && settings->json ? cJSON_Print(list) : NULL;
    if (text)
        printf("%s\n", text);
    else if (code == NST_OK && settings->json)
        code = fail(err, NST_ENOMEM, "out of memory");
    cJSON_free(text);
    cJSON_Delete(list);
    return code;
}

static int bench(const Settings *settings, const TextList *operands)
{
    NstError err;
    NstModel *model = NULL;
    NstPlanOptions plan_options = {.taps = NULL};
    nst_compute_defaults(&plan_options.compute);
    plan_options.compute.threads = settings->threads ? settings->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (settings->cpu && nst_cpu_parse(settings->cpu, &plan_options.compute.cpu, &err) < 0)
        return usage_error(command.name, "--cpu: %s", err.message);
    int code = get_model(&model, settings, operands, &err);
    if (code == NST_OK)
        code = bench_sizes(model, &plan_options, settings, &err);
    nst_model_free(&model);
    return code < 0 ? failure(command.name, "%s", err.message) : EXIT_SUCCESS;
}

int cmd_bench(int argc, char **argv)
{
    TextList operands;
    Settings settings = {.threads = 1, .runs = 9};
    int status = options_parse(&command, &settings, argc, argv, &operands);
    if (status == OPTIONS_RUN)
        status = bench(&settings, &operands);
    options_free(&command, &settings, &operands);
    return status;
}
