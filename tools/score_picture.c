/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nst score of pictures: every term of the loss, layer by layer. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image.h"
#include "media.h"
#include "nst.h"
#include "score.h"
#include "util.h"

static const char NAME[] = "score";

typedef struct Pair {
    char *result, *content; /* content NULL: none */
    int width, height;
    NstLossTerms terms;
    double distance; /* of the style */
} Pair;

typedef struct Pairs {
    int n;
    Pair *items;
} Pairs;

/* ---- which picture goes with which ---- */

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_entries(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
}

static char *join_path(const char *folder, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* The picture of a folder that has the same name, whatever its type */
static int find_content(const char *folder, const char *result, char **path, NstError *err)
{
    struct dirent **entries;
    const char *name = base_name(result);
    const size_t length = stem_length(name);
    const int n = scandir(folder, &entries, is_visible, by_name);
    *path = NULL;
    if (n < 0)
        return fail(err, NST_EIO, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < n && !*path; i++)
        if (stem_length(entries[i]->d_name) == length && !strncmp(entries[i]->d_name, name, length))
            *path = join_path(folder, entries[i]->d_name);
    free_entries(entries, n);
    return *path ? NST_OK : fail(err, NST_ENOTFOUND, "%s: no picture of the name %.*s, as %s has it", folder,
                                 (int)length, name, result);
}

static int add_pair(Pairs *pairs, const ScoreSettings *settings, const char *result, NstError *err)
{
    Pair *items = realloc(pairs->items, ((size_t)pairs->n + 1) * sizeof(*items));
    if (!items)
        return fail(err, NST_ENOMEM, "out of memory");
    pairs->items = items;
    Pair *pair = &items[pairs->n++];
    *pair = (Pair){.result = string_copy(result)};
    if (settings->content && is_folder(settings->content))
        NST_TRY(find_content(settings->content, result, &pair->content, err));
    else
        pair->content = string_copy(settings->content);
    if (!pair->result || (settings->content && !pair->content))
        return fail(err, NST_ENOMEM, "out of memory");
    return NST_OK;
}

/* Pictures only: other files in a folder are left out */
static int add_folder(Pairs *pairs, const ScoreSettings *settings, const char *folder, NstError *err)
{
    struct dirent **entries;
    const int n = scandir(folder, &entries, is_visible, by_name), before = pairs->n;
    int code = NST_OK;
    if (n < 0)
        return fail(err, NST_EIO, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < n && code == NST_OK; i++) {
        MediaInfo info;
        char *path = join_path(folder, entries[i]->d_name);
        if (!path)
            code = fail(err, NST_ENOMEM, "out of memory");
        else if (!is_folder(path) && media_probe(path, &info, NULL) == NST_OK && info.still)
            code = add_pair(pairs, settings, path, err);
        free(path);
    }
    free_entries(entries, n);
    if (code == NST_OK && pairs->n == before)
        return fail(err, NST_ENOTFOUND, "%s: no picture in this folder", folder);
    return code;
}

static int gather_pairs(Pairs *pairs, const ScoreSettings *settings, const TextList *results, NstError *err)
{
    for (int i = 0; i < results->n; i++)
        if (is_folder(results->items[i]))
            NST_TRY(add_folder(pairs, settings, results->items[i], err));
        else
            NST_TRY(add_pair(pairs, settings, results->items[i], err));
    return NST_OK;
}

static void pairs_free(Pairs *pairs)
{
    for (int i = 0; i < pairs->n; i++) {
        free(pairs->items[i].result);
        free(pairs->items[i].content);
    }
    free(pairs->items);
}

/* ---- measuring ---- */

/* The content in the size of the result, which must have its shape up to a pixel of rounding */
static int read_content(NstImage *content, const char *path, const NstImage *result, NstError *err)
{
    static const MediaWish as_it_is;
    NstImage full;
    NST_TRY(media_read_image(&full, path, &as_it_is, err));
    if (full.width == result->width && full.height == result->height) {
        *content = full;
        return NST_OK;
    }
    const double scale = (double)result->width / full.width, height = full.height * scale;
    const NstBox all = {0, 0, full.width, full.height};
    int code;
    if (fabs(height - result->height) > 1 + scale)
        code = fail(err, NST_EINVAL, "%s: %dx%d pixels do not have the shape of the result's %dx%d", path, full.width,
                    full.height, result->width, result->height);
    else
        code = nst_image_alloc(content, result->width, result->height, err);
    if (code == NST_OK)
        code = image_resample(&full, &all, content, err);
    nst_image_free(&full);
    return code;
}

static int measure_pair(LossScore *score, Pair *pair, NstError *err)
{
    static const MediaWish as_it_is;
    NstImage result = {0}, content = {0};
    int code = media_read_image(&result, pair->result, &as_it_is, err);
    if (code == NST_OK && pair->content)
        code = read_content(&content, pair->content, &result, err);
    if (code == NST_OK) {
        code = loss_score_terms(score, &result, pair->content ? &content : NULL, &pair->terms, err);
        if (code < 0)
            fail_within(err, code, "%s", pair->result);
    }
    if (code == NST_OK)
        pair->distance = loss_score_distance(score, &pair->terms);
    pair->width = result.width;
    pair->height = result.height;
    nst_image_free(&result);
    nst_image_free(&content);
    return code;
}

/* ---- showing ---- */

static void print_layer(const char *term, int level, const char *layer, NstLossPart part)
{
    printf("  %-8s %5d  %-16s %10.6f %12.5g %12.5g\n", term, level, layer, sqrt(part.error / part.norm), part.error,
           part.norm);
}

static void print_pair(const ScoreSettings *settings, const Pair *pair)
{
    const NstLossTerms *terms = &pair->terms;
    printf("%s, %dx%d\n  %-8s %5s  %-16s %10s %12s %12s\n", pair->result, pair->width, pair->height, "term", "level",
           "layer", "distance", "error", "norm");
    for (int l = 0; l < settings->levels; l++)
        for (int i = 0; settings->style_list[i]; i++)
            print_layer("style", l, settings->style_list[i], terms->style_parts[l][i]);
    for (int i = 0; pair->content && settings->content_list[i]; i++)
        print_layer("content", settings->content_level, settings->content_list[i], terms->content_parts[i]);
}

static void print_line(const ScoreSettings *settings, const char *name, const Pair *pair)
{
    char content[32] = "-";
    if (settings->content)
        snprintf(content, sizeof(content), "%.6g", pair->terms.content);
    printf("%-32s %12.6g %12.6f %12s %12.6g\n", name, pair->terms.style, pair->distance, content, pair->terms.tv);
}

static void print_table(const ScoreSettings *settings, const Pairs *pairs, const Pair *mean)
{
    if (pairs->n == 1) {
        print_pair(settings, pairs->items);
        putchar('\n');
    }
    printf("%-32s %12s %12s %12s %12s\n", "", "style", "|G-G*|/|G*|", "content", "tv");
    for (int i = 0; i < pairs->n; i++)
        print_line(settings, base_name(pairs->items[i].result), &pairs->items[i]);
    if (pairs->n > 1)
        print_line(settings, "mean", mean);
}

static cJSON *json_layer(int level, const char *layer, NstLossPart part)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "layer", layer);
    cJSON_AddNumberToObject(object, "level", level);
    cJSON_AddNumberToObject(object, "distance", sqrt(part.error / part.norm));
    cJSON_AddNumberToObject(object, "error", part.error);
    cJSON_AddNumberToObject(object, "norm", part.norm);
    return object;
}

static void add_terms(cJSON *object, const Pair *pair, bool content)
{
    cJSON_AddNumberToObject(object, "style", pair->terms.style);
    cJSON_AddNumberToObject(object, "style_distance", pair->distance);
    if (content)
        cJSON_AddNumberToObject(object, "content", pair->terms.content);
    cJSON_AddNumberToObject(object, "tv", pair->terms.tv);
}

static cJSON *json_pair(const ScoreSettings *settings, const Pair *pair)
{
    cJSON *object = cJSON_CreateObject(), *layers;
    cJSON_AddStringToObject(object, "result", pair->result);
    if (pair->content)
        cJSON_AddStringToObject(object, "content_picture", pair->content);
    cJSON_AddNumberToObject(object, "width", pair->width);
    cJSON_AddNumberToObject(object, "height", pair->height);
    add_terms(object, pair, pair->content);
    layers = cJSON_AddArrayToObject(object, "style_layers");
    for (int l = 0; l < settings->levels; l++)
        for (int i = 0; settings->style_list[i]; i++)
            cJSON_AddItemToArray(layers, json_layer(l, settings->style_list[i], pair->terms.style_parts[l][i]));
    layers = cJSON_AddArrayToObject(object, "content_layers");
    for (int i = 0; pair->content && settings->content_list[i]; i++)
        cJSON_AddItemToArray(layers, json_layer(settings->content_level, settings->content_list[i],
                                                pair->terms.content_parts[i]));
    return object;
}

static int print_json(const ScoreSettings *settings, const Pairs *pairs, const Pair *mean)
{
    cJSON *root = cJSON_CreateObject(), *array;
    cJSON_AddStringToObject(root, "loss", settings->loss);
    cJSON_AddStringToObject(root, "style_picture", settings->style);
    cJSON_AddNumberToObject(root, "levels", settings->levels);
    array = cJSON_AddArrayToObject(root, "pictures");
    for (int i = 0; i < pairs->n; i++)
        cJSON_AddItemToArray(array, json_pair(settings, &pairs->items[i]));
    add_terms(cJSON_AddObjectToObject(root, "mean"), mean, settings->content);
    return score_print_json(root);
}

static Pair mean_of(const Pairs *pairs)
{
    Pair mean = {0};
    for (int i = 0; i < pairs->n; i++) {
        const Pair *pair = &pairs->items[i];
        mean.terms.style += pair->terms.style / pairs->n;
        mean.terms.content += pair->terms.content / pairs->n;
        mean.terms.tv += pair->terms.tv / pairs->n;
        mean.distance += pair->distance / pairs->n;
    }
    return mean;
}

int score_pictures(const ScoreSettings *settings, const TextList *results)
{
    Pairs pairs = {0};
    LossScore score;
    NstError err;
    int status = EXIT_SUCCESS;
    int code = loss_score_open(&score, settings, &err);
    if (code == NST_OK)
        code = gather_pairs(&pairs, settings, results, &err);
    for (int i = 0; i < pairs.n && code == NST_OK; i++)
        code = measure_pair(&score, &pairs.items[i], &err);
    const Pair mean = mean_of(&pairs);
    if (code < 0)
        status = failure(NAME, "%s", err.message);
    else if (settings->json)
        status = print_json(settings, &pairs, &mean);
    else
        print_table(settings, &pairs, &mean);
    pairs_free(&pairs);
    loss_score_close(&score);
    return status;
}
