/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frei0r plugin nst: paints video in the style of a picture, in any program that hosts frei0r filters. All
 * arithmetic is in libnst. frei0r has no way to report an error: what cannot be painted goes on as it was, and one line
 * on stderr says why.
 */
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC visibility push(default)
#include <frei0r.h>
#pragma GCC visibility pop

#include <nst/nst.h>

/* ---- threads ---- */

/*
 * OpenMP's threads spin while they wait, and how long is settled before a host's main. These sleep instead. They belong
 * to one instance and end with it, so that a host may unload the plugin.
 */
enum { MAX_WORKERS = 255 };

typedef struct Pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* there are parts to run, or the pool ends */
    pthread_cond_t done; /* no part is left */
    void (*job)(void *arg, int part);
    void *arg;
    int next, parts, unfinished;
    int ends;
    int n_workers;
    pthread_t workers[MAX_WORKERS];
} Pool;

/* Runs parts as long as there are some; called, and returns, with the lock held. */
static void run_parts(Pool *pool)
{
    while (pool->next < pool->parts) {
        int part = pool->next++;
        pthread_mutex_unlock(&pool->lock);
        pool->job(pool->arg, part);
        pthread_mutex_lock(&pool->lock);
        if (!--pool->unfinished)
            pthread_cond_signal(&pool->done);
    }
}

static void *worker(void *arg)
{
    Pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    while (!pool->ends) {
        run_parts(pool);
        if (!pool->ends)
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* An NstExecute */
static void pool_execute(void *opaque, void (*job)(void *arg, int part), void *arg, int parts)
{
    Pool *pool = opaque;
    pthread_mutex_lock(&pool->lock);
    pool->job = job;
    pool->arg = arg;
    pool->next = 0;
    pool->parts = pool->unfinished = parts;
    pthread_cond_broadcast(&pool->work);
    run_parts(pool);
    while (pool->unfinished)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

/* Where a thread cannot be started, those that are there do its work. Signals are the host's threads' affair. */
static void pool_start(Pool *pool, int n_workers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_workers < n_workers && !pthread_create(&pool->workers[pool->n_workers], NULL, worker, pool))
        pool->n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void pool_end(Pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ends = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i], NULL);
}

static int online_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MAX_WORKERS + 1 ? MAX_WORKERS + 1 : (int)n;
}

/* ---- parameters ---- */

/* Named, and with values, as the options of the filter nst; numbers are within 0 to 1, as frei0r has them. */
enum { STYLE, STRENGTH, TEMPORAL, COLOR, SIZE, MIX, N_PARAMS };

static const f0r_param_info_t param_infos[N_PARAMS] = {
    [STYLE] = {"style", F0R_PARAM_STRING, "A .nsw file, or the name of an installed style; several, mixed: a|b"},
    [STRENGTH] = {"strength", F0R_PARAM_DOUBLE, "Share of the painting in the result"},
    [TEMPORAL] = {"temporal", F0R_PARAM_DOUBLE, "How much of the last painting is carried along the motion"},
    [COLOR] = {"color", F0R_PARAM_STRING, "Whose colours the result has: style, content, match"},
    [SIZE] = {"size", F0R_PARAM_DOUBLE, "Working size as a fraction of the picture's; 0: by itself"},
    [MIX] = {"mix", F0R_PARAM_STRING, "Shares of several styles: 0.7|0.3; empty: equal shares"},
};

static const char *const color_names[] = {
    [NST_COLORS_STYLE] = "style", [NST_COLORS_CONTENT] = "content", [NST_COLORS_MATCH] = "match"};

enum { N_COLORS = sizeof(color_names) / sizeof(color_names[0]) };

typedef union Value {
    double number;
    char *text; /* malloc'ed */
} Value;

/* One instance. Hosts may render in several threads: `lock` is held in update and where parameters are set. */
typedef struct Plugin {
    pthread_mutex_t lock;
    int width, height;
    ptrdiff_t stride; /* bytes from one line to the next */
    Value values[N_PARAMS];
    int changed, style_changed; /* values that the stylizer does not have yet */
    Pool pool;
    NstModel *models[NST_MAX_STYLES];
    int n_models;
    NstStylizer *stylizer; /* NULL: the values cannot be used */
    NstError style_error;  /* where n_models is 0 */
    int begins;            /* there is no picture that the next one follows */
    double time;           /* of the last one */
    char said[NST_ERROR_MESSAGE_SIZE]; /* the last message */
} Plugin;

static int is_text(int param)
{
    return param_infos[param].type == F0R_PARAM_STRING;
}

static void set_number(Plugin *plugin, int param, double number)
{
    double *value = &plugin->values[param].number;
    if (!(number >= 0)) /* NAN too */
        number = 0;
    number = fmin(number, 1);
    plugin->changed |= number != *value;
    *value = number;
}

static void set_text(Plugin *plugin, int param, const char *text)
{
    char **value = &plugin->values[param].text;
    if (!text || (*value && !strcmp(text, *value)))
        return;
    char *copy = strdup(text);
    if (!copy)
        return;
    free(*value);
    *value = copy;
    plugin->changed = 1;
    plugin->style_changed |= param == STYLE;
}

/* The library's defaults, and a style so that an editor's user sees one. 0 where memory is short. */
static int set_defaults(Plugin *plugin)
{
    NstStylizeOptions options;
    nst_stylize_defaults(&options);
    set_text(plugin, STYLE, "starry");
    set_text(plugin, COLOR, color_names[options.color]);
    set_text(plugin, MIX, "");
    set_number(plugin, STRENGTH, (double)options.strength);
    set_number(plugin, TEMPORAL, (double)options.temporal);
    set_number(plugin, SIZE, (double)options.size.fraction);
    return plugin->values[STYLE].text && plugin->values[COLOR].text && plugin->values[MIX].text;
}

/* ---- painting ---- */

/* Says it once: the same message, picture after picture, is one. */
static void complain(Plugin *plugin, const NstError *err)
{
    if (!strcmp(plugin->said, err->message))
        return;
    memcpy(plugin->said, err->message, sizeof(plugin->said));
    fprintf(stderr, "frei0r nst: pictures stay as they are: %s\n", err->message);
}

static int color_of(const char *name, NstColors *color, NstError *err)
{
    for (int i = 0; i < N_COLORS; i++)
        if (!strcmp(name, color_names[i])) {
            *color = (NstColors)i;
            return NST_OK;
        }
    snprintf(err->message, sizeof(err->message), "color %.100s: style, content or match expected", name);
    return err->code = NST_EINVAL;
}

static int options_of(Plugin *plugin, NstStylizeOptions *options, NstError *err)
{
    const Value *values = plugin->values;
    nst_stylize_defaults(options);
    options->strength = (float)values[STRENGTH].number;
    options->temporal = (float)values[TEMPORAL].number;
    if (values[SIZE].number > 0)
        options->size = (NstSize){.fraction = fmaxf((float)values[SIZE].number, 0.01f)};
    options->compute.threads = plugin->pool.n_workers + 1;
    options->compute.execute = pool_execute;
    options->compute.execute_opaque = &plugin->pool;
    int code = nst_mix_parse(values[MIX].text, options->mix, &options->n_mix, err);
    return code < 0 ? code : color_of(values[COLOR].text, &options->color, err);
}

/* Opens the stylizer anew: a style takes milliseconds to load, and what is painted depends on the parameters alone. */
static int open_stylizer(Plugin *plugin, NstError *err)
{
    NstStylizeOptions options;
    nst_stylizer_close(&plugin->stylizer);
    plugin->begins = 1;
    if (plugin->style_changed) {
        nst_styles_free(plugin->models);
        plugin->style_changed = 0;
        nst_styles_load(plugin->models, &plugin->n_models, plugin->values[STYLE].text, &plugin->style_error);
    }
    if (!plugin->n_models) {
        *err = plugin->style_error;
        return err->code;
    }
    if (!plugin->pool.n_workers)
        pool_start(&plugin->pool, online_processors() - 1);
    int code = options_of(plugin, &options, err);
    return code < 0 ? code
                    : nst_stylizer_open(&plugin->stylizer, (const NstModel *const *)plugin->models, plugin->n_models,
                                        &options, err);
}

/* Brings the stylizer in line with the parameters. */
static void follow_parameters(Plugin *plugin)
{
    NstStylizeOptions options;
    NstError err;
    if (!plugin->changed)
        return;
    plugin->changed = 0;
    if (plugin->stylizer && !plugin->style_changed && options_of(plugin, &options, &err) >= 0 &&
        nst_stylizer_change(plugin->stylizer, &options, &err) >= 0)
        return;
    if (open_stylizer(plugin, &err) < 0)
        complain(plugin, &err);
}

/*
 * frei0r has no gaps between lines. Until FFmpeg 6.1, libavfilter has them all the same: it makes widths multiples of
 * 16. Whether it is the host shows in where a call comes from.
 */
static ptrdiff_t stride_of(ptrdiff_t width, const void *caller)
{
    const int first_without = 10; /* libavfilter's version in FFmpeg 7.0 */
    Dl_info from, of;
    unsigned (*version)(void);
    void *library, *symbol = NULL;
    if (dladdr(caller, &from) && (library = dlopen(from.dli_fname, RTLD_LAZY | RTLD_NOLOAD))) {
        symbol = dlsym(library, "avfilter_version");
        dlclose(library);
    }
    if (!symbol || !dladdr(symbol, &of) || of.dli_fbase != from.dli_fbase)
        return width * 4;
    memcpy(&version, &symbol, sizeof(version));
    return ((int)(version() >> 16) < first_without ? (width + 15) / 16 * 16 : width) * 4;
}

static NstPicture picture_of(const Plugin *plugin, const uint32_t *frame)
{
    NstPicture picture = {.width = plugin->width, .height = plugin->height, .model = NST_COLOR_RGB, .depth = 8,
                          .full_range = 1, .has_alpha = 1};
    for (int i = 0; i < 4; i++)
        picture.comp[i] = (NstComponent){.data = (uint8_t *)(uintptr_t)frame + i, .stride = plugin->stride, .step = 4};
    return picture;
}

/*
 * Hosts count time in seconds or milliseconds; only its direction tells. libavfilter forgets the time of a picture that
 * it copies for the sake of its lines: AV_NOPTS_VALUE arrives, in milliseconds.
 */
static int jumps_back(double from, double to)
{
    const double unknown = -1e12;
    return to > unknown && to <= from;
}

static int paint(Plugin *plugin, double time, const uint32_t *in, uint32_t *out)
{
    const NstPicture from = picture_of(plugin, in), to = picture_of(plugin, out);
    const NstFrameInfo info = {.struct_size = sizeof(info), .reset = plugin->begins || jumps_back(plugin->time, time)};
    NstError err;
    plugin->time = time;
    plugin->begins = 0;
    if (nst_stylizer_process(plugin->stylizer, &from, &to, &info, NULL, &err) >= 0)
        return 1;
    complain(plugin, &err);
    plugin->begins = 1;
    return 0;
}

/* ---- what a host calls ---- */

int f0r_init(void)
{
    return 1;
}

/* MLT calls this before it ends its instances. */
void f0r_deinit(void)
{
}

void f0r_get_plugin_info(f0r_plugin_info_t *info)
{
    *info = (f0r_plugin_info_t){
        .name = "nst",
        .author = "nst",
        .plugin_type = F0R_PLUGIN_TYPE_FILTER,
        .color_model = F0R_COLOR_MODEL_RGBA8888,
        .frei0r_version = FREI0R_MAJOR_VERSION,
        .major_version = NST_VERSION_MAJOR,
        .minor_version = NST_VERSION_MINOR,
        .num_params = N_PARAMS,
        .explanation = "Paints video in the style of a picture",
    };
}

void f0r_get_param_info(f0r_param_info_t *info, int param)
{
    if (param >= 0 && param < N_PARAMS)
        *info = param_infos[param];
}

/* Cheap, since hosts make instances to ask them for the defaults: styles and threads wait for the first picture. */
f0r_instance_t f0r_construct(unsigned int width, unsigned int height)
{
    Plugin *plugin = calloc(1, sizeof(*plugin));
    if (!plugin)
        return NULL;
    plugin->width = (int)width;
    plugin->height = (int)height;
    plugin->stride = stride_of((ptrdiff_t)width, __builtin_return_address(0));
    plugin->begins = 1;
    pthread_mutex_init(&plugin->lock, NULL);
    pthread_mutex_init(&plugin->pool.lock, NULL);
    pthread_cond_init(&plugin->pool.work, NULL);
    pthread_cond_init(&plugin->pool.done, NULL);
    if (!set_defaults(plugin)) {
        f0r_destruct(plugin);
        return NULL;
    }
    return plugin;
}

void f0r_destruct(f0r_instance_t instance)
{
    Plugin *plugin = instance;
    if (!plugin)
        return;
    nst_stylizer_close(&plugin->stylizer);
    nst_styles_free(plugin->models);
    pool_end(&plugin->pool);
    pthread_cond_destroy(&plugin->pool.done);
    pthread_cond_destroy(&plugin->pool.work);
    pthread_mutex_destroy(&plugin->pool.lock);
    pthread_mutex_destroy(&plugin->lock);
    for (int i = 0; i < N_PARAMS; i++)
        if (is_text(i))
            free(plugin->values[i].text);
    free(plugin);
}

void f0r_set_param_value(f0r_instance_t instance, f0r_param_t value, int param)
{
    Plugin *plugin = instance;
    if (!value || param < 0 || param >= N_PARAMS)
        return;
    pthread_mutex_lock(&plugin->lock);
    if (is_text(param))
        set_text(plugin, param, *(f0r_param_string *)value);
    else
        set_number(plugin, param, *(f0r_param_double *)value);
    pthread_mutex_unlock(&plugin->lock);
}

/* A text belongs to the plugin, and holds till it is set again. */
void f0r_get_param_value(f0r_instance_t instance, f0r_param_t value, int param)
{
    Plugin *plugin = instance;
    if (!value || param < 0 || param >= N_PARAMS)
        return;
    pthread_mutex_lock(&plugin->lock);
    if (is_text(param))
        *(f0r_param_string *)value = plugin->values[param].text;
    else
        *(f0r_param_double *)value = plugin->values[param].number;
    pthread_mutex_unlock(&plugin->lock);
}

void f0r_update(f0r_instance_t instance, double time, const uint32_t *inframe, uint32_t *outframe)
{
    Plugin *plugin = instance;
    pthread_mutex_lock(&plugin->lock);
    follow_parameters(plugin);
    if (!plugin->stylizer || !paint(plugin, time, inframe, outframe))
        memmove(outframe, inframe, (size_t)plugin->height * (size_t)plugin->stride);
    pthread_mutex_unlock(&plugin->lock);
}
