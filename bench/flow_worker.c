/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The library's optical flow, to be measured: flow_worker WIDTH HEIGHT FRAMES <GRAY >FLOW
 *
 * Reads frames of 8-bit luma, and writes for each frame but the last one its motion to the next: floats, a plane to the
 * right and one downwards. On stderr: the median of the seconds that one took, of one thread's processor time.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"
#include "seconds.h"

static void show(NstOpticalFlow *flow, const unsigned char *gray, int w, int h)
{
    ptrdiff_t stride;
    float *to = flow_next(flow, &stride);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            to[y * stride + x] = gray[(ptrdiff_t)y * w + x];
    flow_ready(flow);
}

/* The search leads from the newer picture to the older one, so each pair is shown the other way round. */
static int estimate(NstOpticalFlow *flow, const unsigned char *gray, int w, int h, int frames, double *times)
{
    const size_t pixels = (size_t)w * (size_t)h;
    for (int i = 0; i + 1 < frames; i++) {
        show(flow, gray + (size_t)(i + 1) * pixels, w, h);
        const double start = seconds(); /* the pyramid of one picture is part of the time */
        show(flow, gray + (size_t)i * pixels, w, h);
        const NstField *field = flow_estimate(flow, NST_WAY_BACK);
        times[i] = seconds() - start;
        if (fwrite(field->x, sizeof(float), pixels, stdout) != pixels ||
            fwrite(field->y, sizeof(float), pixels, stdout) != pixels)
            return -1;
    }
    fprintf(stderr, "%.6f\n", median(times, frames - 1));
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    const int w = argc == 4 ? atoi(argv[1]) : 0, h = argc == 4 ? atoi(argv[2]) : 0, frames = argc == 4 ? atoi(argv[3]) : 0;
    if (w < 16 || h < 16 || frames < 2 || w > 8192 || h > 8192 || frames > 10000) {
        fprintf(stderr, "usage: flow_worker WIDTH HEIGHT FRAMES <GRAY >FLOW\n");
        return 1;
    }
    const size_t size = (size_t)w * (size_t)h * (size_t)frames;
    unsigned char *gray = malloc(size);
    double *times = calloc((size_t)frames, sizeof(*times));
    const NstTeam team = {.threads = 1};
    NstOpticalFlow *flow = NULL;
    NstDsp dsp;
    NstError err = {0};
    NstCompute compute;
    nst_compute_defaults(&compute); /* $NST_CPU */
    dsp_init(&dsp, compute.cpu);
    const int bad = !gray || !times || fread(gray, 1, size, stdin) != size ||
                    flow_create(&flow, w, h, INT_MAX, &dsp, &team, &err) < 0 ||
                    estimate(flow, gray, w, h, frames, times) != 0;
    if (bad)
        fprintf(stderr, "flow_worker: %s\n", err.code ? err.message : "the frames could not be read, or the flow written");
    flow_free(&flow);
    free(gray);
    free(times);
    return bad;
}
