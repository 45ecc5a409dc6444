/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nst.h"
#include "output.h"
#include "train_curves.h"
#include "train_page.h"
#include "train_preview.h"
#include "util.h"

enum {
    SIDE = 480,       /* pixels of a picture in the page, at most */
    MOST_VIEWS = 16
};
static const char VIEW_HEAD[] = "<figure data-step=\"";

/* A painted preview: a line of the page */
typedef struct View {
    int step;
    char *html;
} View;

struct TrainReport {
    const TrainSettings *settings;
    Bitmap picture;            /* that is painted */
    char *paintings[NST_MAX_STYLES], *photo; /* data: URIs */
    char *facts;               /* the style's nst.training: options and what they led to */
    TrainCurves curves;
    View views[MOST_VIEWS + 1];
    int n_views;
    NstTrainProgress progress; /* of the last step */
    TrainPace pace;
};

/* ---- views ---- */

/*
 * Drops the view that is missed least: the first and the last stay, and those between them are spread by the logarithm
 * of their steps, for most happens early.
 */
static void drop_view(TrainReport *report)
{
    double narrowest = INFINITY;
    int least = 1;
    for (int i = 1; i + 1 < report->n_views; i++) {
        const double gap = (report->views[i + 1].step + 1.0) / (report->views[i - 1].step + 1.0);
        if (gap < narrowest) {
            narrowest = gap;
            least = i;
        }
    }
    free(report->views[least].html);
    report->n_views--;
    memmove(&report->views[least], &report->views[least + 1], (size_t)(report->n_views - least) * sizeof(View));
}

/* Takes html over. */
static void add_view(TrainReport *report, int step, char *html)
{
    report->views[report->n_views++] = (View){step, html};
    if (report->n_views > MOST_VIEWS)
        drop_view(report);
}

static int paint_view(TrainReport *report, const NstModel *style, NstError *err)
{
    const int step = report->progress.step;
    Bitmap painted;
    char *uri = NULL, *html = NULL;
    if (report->n_views > 0 && report->views[report->n_views - 1].step == step)
        return NST_OK; /* a resumed run begins with the last view of the one before */
    NST_TRY(preview_paint(style, &report->picture, &report->settings->train.compute, &painted, err));
    int code = media_data_uri(&painted, &uri, err);
    bitmap_free(&painted);
    if (code == NST_OK && asprintf(&html, "%s%d\"><img alt=\"\" src=\"%s\"><figcaption>step %d</figcaption></figure>\n",
                                   VIEW_HEAD, step, uri, step) < 0)
        code = fail(err, NST_ENOMEM, "out of memory");
    free(uri);
    if (code == NST_OK)
        add_view(report, step, html);
    return code;
}

/* ---- what an earlier run wrote ---- */

static int read_line(TrainReport *report, const char *line, int done, NstError *err)
{
    const size_t head = sizeof(VIEW_HEAD) - 1;
    if (strncmp(line, VIEW_HEAD, head)) {
        train_curves_read_row(&report->curves, line, done);
        return NST_OK;
    }
    const int step = atoi(line + head);
    if (step > done || (report->n_views > 0 && step <= report->views[report->n_views - 1].step))
        return NST_OK;
    char *html = string_copy(line);
    if (!html)
        return fail(err, NST_ENOMEM, "out of memory");
    add_view(report, step, html);
    return NST_OK;
}

static int read_page(TrainReport *report, int done, NstError *err)
{
    FILE *file = done > 0 ? fopen(report->settings->report, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    int code = NST_OK;
    if (!file)
        return NST_OK; /* curves and pictures begin here, then */
    while (code == NST_OK && getline(&line, &room, file) > 0)
        code = read_line(report, line, done, err);
    free(line);
    fclose(file);
    return code;
}

/* ---- the page ---- */

static void put_figures(const TrainReport *report, FILE *html, TrainState state)
{
    const NstTrainProgress *p = &report->progress;
    const long left = (long)(report->pace.seconds_left + 0.5);
    fprintf(html, "<progress max=\"%d\" value=\"%d\"></progress>\n<dl class=\"now\">", p->steps, p->step);
    fprintf(html, "<div><dt>step</dt><dd>%d", p->step);
    if (p->steps < NST_MAX_STEPS) /* else there was no time yet to plan them */
        fprintf(html, " of %d", p->steps);
    fputs("</dd></div>", html);
    if (report->pace.images_per_second > 0) {
        if (state == TRAIN_RUNNING)
            fprintf(html, "<div><dt>time left</dt><dd>%ld:%02ld:%02ld</dd></div>", left / 3600, left / 60 % 60,
                    left % 60);
        fprintf(html, "<div><dt>images a second</dt><dd>%.2f</dd></div>", report->pace.images_per_second);
        fprintf(html, "<div><dt>loss</dt><dd>%.4f</dd></div>", (double)p->total);
        fprintf(html, "<div><dt>learning rate</dt><dd>%.2g</dd></div>", (double)p->learning_rate);
    }
    fputs("</dl>\n", html);
}

static void put_picture(FILE *html, const char *uri, const char *caption)
{
    fprintf(html, "<figure><img alt=\"\" src=\"%s\"><figcaption>", uri);
    page_put_text(html, caption);
    fputs("</figcaption></figure>\n", html);
}

static void put_views(const TrainReport *report, FILE *html)
{
    fputs("<section class=\"row\">\n", html);
    fputs("<div class=\"paintings\">\n", html);
    for (int i = 0; i < report->settings->styles.n; i++)
        put_picture(html, report->paintings[i], file_name(report->settings->styles.items[i]));
    fputs("</div>\n", html);
    put_picture(html, report->photo, "the photo");
    fputs("<figure id=\"latest\"></figure>\n</section>\n<section class=\"views\">\n", html);
    for (int i = 0; i < report->n_views; i++)
        fputs(report->views[i].html, html);
    fputs("</section>\n", html);
}

static void put_options(const TrainReport *report, FILE *html)
{
    cJSON *json = report->facts ? cJSON_Parse(report->facts) : NULL;
    const cJSON *item;
    fputs("<h2>Options</h2>\n<pre>", html);
    page_put_text(html, report->settings->command_line);
    fputs("</pre>\n<dl class=\"options\">\n", html);
    cJSON_ArrayForEach(item, json)
    {
        char *text = cJSON_IsString(item) ? string_copy(item->valuestring) : cJSON_PrintUnformatted(item);
        fputs("<div><dt>", html);
        page_put_text(html, item->string);
        fputs("</dt><dd>", html);
        page_put_text(html, text ? text : "");
        fputs("</dd></div>\n", html);
        free(text);
    }
    fputs("</dl>\n", html);
    cJSON_Delete(json);
}

static int put_page(const TrainReport *report, FILE *html, TrainState state, const char *words, NstError *err)
{
    const TrainSettings *settings = report->settings;
    page_begin(html, settings->train.name[0] ? settings->train.name : file_name(settings->output), state, words);
    put_figures(report, html, state);
    put_views(report, html);
    fputs("<section class=\"chart\">\n", html);
    NST_TRY(train_curves_draw(&report->curves, html, err));
    fputs("</section>\n", html);
    put_options(report, html);
    fputs("<script type=\"text/csv\" id=\"figures\">\nstep,steps,total,style,content,tv,stability\n", html);
    train_curves_write_rows(&report->curves, html);
    fputs("</script>\n", html);
    page_end(html);
    return ferror(html) ? fail(err, NST_EIO, "could not be written: %s", strerror(errno)) : NST_OK;
}

static int write_page(const TrainReport *report, TrainState state, const char *words, NstError *err)
{
    const char *path = report->settings->report;
    NstOutput output;
    int code = output_open(&output, path, err);
    if (code == NST_OK)
        code = output_close(&output, put_page(report, output.file, state, words, err), err);
    return code < 0 ? fail_within(err, code, "%s", path) : NST_OK;
}

/* ---- the run ---- */

/* The picture in the middle, or the next that can be decoded */
static int read_content(Bitmap *picture, const Content *content, const MediaWish *wish, NstError *err)
{
    int code = NST_OK;
    for (int i = 0; i < content->n; i++) {
        const ContentItem *item = &content->items[(content->n / 2 + i) % content->n];
        code = media_read(picture, item->path, item->seconds, wish, err);
        if (code == NST_OK)
            break;
    }
    return code;
}

static int take_pictures(TrainReport *report, const NstImage *paintings, const Content *content, NstError *err)
{
    const char *preview = report->settings->preview;
    const MediaWish wish = {.rgb = true, .long_max = SIDE};
    int code = NST_OK;
    NST_TRY(preview ? media_read(&report->picture, preview, 0, &wish, err)
                    : read_content(&report->picture, content, &wish, err));
    NST_TRY(media_data_uri(&report->picture, &report->photo, err));
    for (int i = 0; i < report->settings->styles.n && code == NST_OK; i++) {
        Bitmap bitmap = {0};
        code = bitmap_from_image(&bitmap, &paintings[i], NULL, err);
        if (code == NST_OK)
            code = media_data_uri(&bitmap, &report->paintings[i], err);
        bitmap_free(&bitmap);
    }
    return code;
}

int train_report_open(TrainReport **out, const TrainSettings *settings, const NstImage *paintings,
                      const Content *content, int done, NstError *err)
{
    *out = NULL;
    if (!settings->report)
        return NST_OK;
    TrainReport *report = *out = calloc(1, sizeof(*report));
    if (!report)
        return fail(err, NST_ENOMEM, "out of memory");
    report->settings = settings;
    report->progress = (NstTrainProgress){.step = done, .steps = settings->train.steps};
    train_curves_open(&report->curves);
    int code = take_pictures(report, paintings, content, err);
    if (code == NST_OK)
        code = read_page(report, done, err);
    if (code < 0)
        train_report_close(out);
    return code;
}

void train_report_close(TrainReport **out)
{
    TrainReport *report = *out;
    if (!report)
        return;
    for (int i = 0; i < report->n_views; i++)
        free(report->views[i].html);
    bitmap_free(&report->picture);
    for (int i = 0; i < NST_MAX_STYLES; i++)
        free(report->paintings[i]);
    free(report->photo);
    free(report->facts);
    free(report);
    *out = NULL;
}

void train_report_step(TrainReport *report, const NstTrainProgress *progress)
{
    if (!report)
        return;
    report->progress = *progress;
    train_curves_add(&report->curves, progress, &report->settings->train);
}

int train_report_paint(TrainReport *report, const NstModel *style, TrainPace pace, NstError *err)
{
    if (!report)
        return NST_OK;
    report->pace = pace;
    free(report->facts);
    report->facts = string_copy(nst_model_metadata(style, "nst.training"));
    NST_TRY(paint_view(report, style, err));
    return write_page(report, TRAIN_RUNNING, "", err);
}

int train_report_end(TrainReport *report, TrainState state, const char *words, NstError *err)
{
    if (!report)
        return NST_OK;
    return write_page(report, state, words, err);
}
