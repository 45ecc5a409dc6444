/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "chart.h"
#include "nst.h"
#include "score_video.h"
#include "util.h"

static const char *const role_names[N_ROLES] = {"result", "reference", "input"};

typedef struct Figures {
    double error, flicker, deviation, sharpness, style;
    double drift; /* mean luma of the last second less that of the first */
} Figures;

static double mean_luma(const VideoScore *score, Role role, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++)
        sum += score->rows[i].luma[role];
    return sum / (to - from);
}

static Figures figures_of(const VideoScore *score, Role role)
{
    const int second = max_int(1, min_int((int)(score->rate + 0.5), score->frames));
    Figures figures = {.deviation = deviation_mean(&score->clips[role].deviation, score->always_still)};
    double still = 0;
    int pairs = 0;
    for (int i = 0; i < score->frames; i++) {
        const ScoredFrame *row = &score->rows[i];
        figures.sharpness += row->sharpness[role] / score->frames;
        if (i == 0 || row->cut)
            continue;
        figures.error += row->error[role];
        figures.flicker += row->still * row->flicker[role];
        still += row->still;
        pairs++;
    }
    figures.error /= max_int(pairs, 1);
    figures.flicker = still > 0 ? figures.flicker / still : 0;
    figures.drift = mean_luma(score, role, score->frames - second, score->frames) - mean_luma(score, role, 0, second);
    figures.style = score->style_frames ? score->clips[role].style_sum / score->style_frames : 0;
    return figures;
}

typedef struct Summary {
    Figures figures[N_ROLES];
    double visible, still, always_still; /* mean shares of the pixels */
    int cuts;
} Summary;

static Summary summarise(const VideoScore *score)
{
    const size_t pixels = (size_t)score->first.width * (size_t)score->first.height;
    Summary summary = {.cuts = 0};
    for (int i = 0; i < N_ROLES; i++)
        if (score->clips[i].video)
            summary.figures[i] = figures_of(score, (Role)i);
    for (int i = 1; i < score->frames; i++) {
        summary.visible += score->rows[i].visible / (score->frames - 1);
        summary.still += score->rows[i].still / (score->frames - 1);
        summary.cuts += score->rows[i].cut;
    }
    for (size_t i = 0; i < pixels; i++)
        summary.always_still += (double)score->always_still[i] / (double)pixels;
    return summary;
}

/* ---- showing ---- */

/* One figure of every clip there is, and the ratio of result to reference */
static void add_figure(cJSON *root, const VideoScore *score, const Summary *summary, const char *name, size_t offset,
                       bool input)
{
    cJSON *object = cJSON_AddObjectToObject(root, name);
    double values[N_ROLES];
    for (int i = 0; i < N_ROLES; i++) {
        values[i] = *(const double *)((const char *)&summary->figures[i] + offset);
        if (score->clips[i].video && (i != INPUT || input))
            cJSON_AddNumberToObject(object, role_names[i], values[i]);
    }
    if (score->clips[REFERENCE].video && values[REFERENCE] > 0)
        cJSON_AddNumberToObject(object, "ratio", values[RESULT] / values[REFERENCE]);
}

static void add_values(cJSON *object, const VideoScore *score, const char *name, const double values[N_ROLES])
{
    cJSON *list = cJSON_AddObjectToObject(object, name);
    for (int i = 0; i < N_ROLES; i++)
        if (score->clips[i].video)
            cJSON_AddNumberToObject(list, role_names[i], values[i]);
}

static void add_frames(cJSON *root, const VideoScore *score)
{
    cJSON *array = cJSON_AddArrayToObject(root, "per_frame");
    for (int i = 0; i < score->frames; i++) {
        const ScoredFrame *row = &score->rows[i];
        cJSON *object = cJSON_CreateObject();
        cJSON_AddItemToArray(array, object);
        cJSON_AddNumberToObject(object, "frame", i);
        add_values(object, score, "sharpness", row->sharpness);
        add_values(object, score, "luma", row->luma);
        if (score->clips[REFERENCE].video)
            cJSON_AddNumberToObject(object, "difference", row->difference);
        if (i == 0)
            continue;
        cJSON_AddBoolToObject(object, "cut", row->cut);
        cJSON_AddNumberToObject(object, "visible", row->visible);
        cJSON_AddNumberToObject(object, "still", row->still);
        add_values(object, score, "warping_error", row->error);
        add_values(object, score, "flicker", row->flicker);
    }
}

static int print_json(const VideoScore *score, const Summary *summary)
{
    cJSON *root = cJSON_CreateObject();
    for (int i = 0; i < N_ROLES; i++)
        if (score->clips[i].video)
            cJSON_AddStringToObject(root, role_names[i], score->clips[i].path);
    cJSON_AddNumberToObject(root, "width", score->first.width);
    cJSON_AddNumberToObject(root, "height", score->first.height);
    cJSON_AddNumberToObject(root, "frames", score->frames);
    cJSON_AddNumberToObject(root, "cuts", summary->cuts);
    cJSON_AddStringToObject(root, "motion", score->motion.folder ? score->motion.folder : "dis");
    cJSON_AddNumberToObject(root, "visible", summary->visible);
    add_figure(root, score, summary, "warping_error", offsetof(Figures, error), true);
    cJSON_AddNumberToObject(root, "still", summary->still);
    if (summary->still > 0)
        add_figure(root, score, summary, "flicker", offsetof(Figures, flicker), true);
    cJSON_AddNumberToObject(root, "always_still", summary->always_still);
    if (summary->always_still > 0)
        add_figure(root, score, summary, "deviation", offsetof(Figures, deviation), true);
    add_figure(root, score, summary, "luma_drift", offsetof(Figures, drift), true);
    add_figure(root, score, summary, "sharpness", offsetof(Figures, sharpness), true);
    if (score->settings->style)
        add_figure(root, score, summary, "style_distance", offsetof(Figures, style), false);
    add_frames(root, score);
    return score_print_json(root);
}

static void print_figure(const VideoScore *score, const Summary *summary, const char *name, size_t offset, bool input)
{
    printf("%-36s", name);
    for (int i = 0; i < N_ROLES; i++)
        if (score->clips[i].video && (i != INPUT || input))
            printf(" %12.6f", *(const double *)((const char *)&summary->figures[i] + offset));
    putchar('\n');
}

static void print_table(const VideoScore *score, const Summary *summary)
{
    printf("%d frames of %dx%d, %d cut%s; %.1f %% of the pixels visible in the next frame, %.1f %% still\n\n%-36s",
           score->frames, score->first.width, score->first.height, summary->cuts, summary->cuts == 1 ? "" : "s",
           100 * summary->visible, 100 * summary->still, "");
    for (int i = 0; i < N_ROLES; i++)
        if (score->clips[i].video)
            printf(" %12s", role_names[i]);
    putchar('\n');
    print_figure(score, summary, "warping error", offsetof(Figures, error), true);
    if (summary->still > 0)
        print_figure(score, summary, "flicker where the input is still", offsetof(Figures, flicker), true);
    if (summary->always_still > 0)
        print_figure(score, summary, "deviation where it always is", offsetof(Figures, deviation), true);
    print_figure(score, summary, "drift of the luma", offsetof(Figures, drift), true);
    print_figure(score, summary, "sharpness", offsetof(Figures, sharpness), true);
    if (score->settings->style)
        print_figure(score, summary, "style distance", offsetof(Figures, style), false);
}

static int draw_chart(const VideoScore *score, const Summary *summary, NstError *err)
{
    static const char *const colors[N_ROLES] = {"#c03020", "#2060c0", "#808080"};
    ChartLine lines[N_ROLES];
    const int n = score->frames - 1;
    double *values = malloc((size_t)n * N_ROLES * sizeof(*values));
    int n_lines = 0;
    if (!values)
        return fail(err, NST_ENOMEM, "no memory for a chart of %d frames", n);
    for (int k = 0; k < N_ROLES; k++) {
        double *line = values + (ptrdiff_t)n_lines * n;
        if (!score->clips[k].video)
            continue;
        for (int i = 0; i < n; i++)
            line[i] = score->rows[i + 1].cut ? -1 : score->rows[i + 1].error[k];
        lines[n_lines++] = (ChartLine){role_names[k], colors[k], line, summary->figures[k].error, NULL};
    }
    const Chart chart = {"Warping error, by frame", "mean", lines, n_lines, n, 1, false};
    const int code = chart_write(&chart, score->settings->chart, err);
    free(values);
    return code;
}

int score_video_show(const VideoScore *score)
{
    const Summary summary = summarise(score);
    NstError err;
    if (score->settings->chart && draw_chart(score, &summary, &err) < 0)
        return failure("score", "%s", err.message);
    if (score->settings->json)
        return print_json(score, &summary);
    print_table(score, &summary);
    return EXIT_SUCCESS;
}
