/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Samples from and to floats, included by rows_tmpl.h once for each type, with
 *   SAMPLE(x)          the name of a function for this type
 *   WORD               what a sample lies in; it needs no alignment
 *   FROM_WORD TO_WORD  from and to float, for types that are not integers
 */

/* Compilers vectorise this where they know the step: that of planes, of two interleaved planes, of RGB and of RGBA. */
TARGET static inline void SAMPLE(gather_steps)(WORD *restrict to, const uint8_t *restrict from, ptrdiff_t step,
                                               size_t n)
{
    for (size_t i = 0; i < n; i++)
        memcpy(to + i, from + (ptrdiff_t)i * step, sizeof(WORD));
}

TARGET static inline void SAMPLE(gather)(WORD *restrict to, const uint8_t *restrict from, ptrdiff_t step, size_t n)
{
    const ptrdiff_t size = sizeof(WORD);
    if (step == size)
        memcpy(to, from, n * sizeof(WORD));
    else if (step == 2 * size)
        SAMPLE(gather_steps)(to, from, 2 * size, n);
    else if (step == 3 * size)
        SAMPLE(gather_steps)(to, from, 3 * size, n);
    else if (step == 4 * size)
        SAMPLE(gather_steps)(to, from, 4 * size, n);
    else
        SAMPLE(gather_steps)(to, from, step, n);
}

TARGET static inline void SAMPLE(scatter)(uint8_t *restrict to, ptrdiff_t step, const WORD *restrict from, size_t n)
{
    if (step == (ptrdiff_t)sizeof(WORD))
        memcpy(to, from, n * sizeof(WORD));
    else
        for (size_t i = 0; i < n; i++)
            memcpy(to + (ptrdiff_t)i * step, from + i, sizeof(WORD));
}

#ifdef FROM_WORD

TARGET static inline float SAMPLE(value)(WORD word, const NstSamples *samples)
{
    (void)samples;
    return FROM_WORD(word);
}

/* Where nothing of the old sample is wanted it may be infinite or no number; where all of it is, its bits stay. */
TARGET static inline WORD SAMPLE(blended)(WORD old, float value, float share, const NstSamples *samples)
{
    (void)samples;
    float rest = share < 1.0f ? (1.0f - share) * FROM_WORD(old) : 0.0f;
    return share > 0.0f ? TO_WORD(value + rest) : old;
}

#else

TARGET static inline float SAMPLE(value)(WORD word, const NstSamples *samples)
{
    return (float)(int)((word >> samples->shift) & ((1u << samples->depth) - 1u));
}

/* Rounded half up. The bits beside the sample stay. */
TARGET static inline WORD SAMPLE(blended)(WORD old, float value, float share, const NstSamples *samples)
{
    unsigned most = (1u << samples->depth) - 1u;
    float level = FMA(1.0f - share, SAMPLE(value)(old, samples), value + 0.5f);
    level = level > 0.0f ? level : 0.0f;
    level = level < (float)most ? level : (float)most;
    return (WORD)((old & ~(most << samples->shift)) | ((unsigned)(int)level << samples->shift));
}

/* Integers that fill their words: a block of them from words, and to words of which nothing is wanted, as above */
TARGET static inline void SAMPLE(load_block)(float *restrict y, const NstSamples *samples, const uint8_t *from,
                                             float scale, float shift)
{
    WORD words[NAME(SAMPLE_BLOCK)];
    SAMPLE(gather)(words, from, samples->step, NAME(SAMPLE_BLOCK));
    for (int i = 0; i < NAME(SAMPLE_BLOCK); i++)
        y[i] = FMA(scale, (float)(int)words[i], shift);
}

TARGET static inline void SAMPLE(store_block)(uint8_t *to, const NstSamples *samples, const float *restrict x)
{
    const V scale = V_SET1(samples->scale), offset = V_SET1(samples->offset), most = V_SET1((WORD)-1);
    WORD words[NAME(SAMPLE_BLOCK)];
    float level[NAME(SAMPLE_BLOCK)];
    for (int i = 0; i < NAME(SAMPLE_BLOCK); i += VL)
        V_STORE(level + i, V_MIN(V_MAX(V_FMA(scale, V_LOAD(x + i), offset) + V_SET1(0.5f), V_SET1(0)), most));
    for (int i = 0; i < NAME(SAMPLE_BLOCK); i++)
        words[i] = (WORD)(int)level[i];
    SAMPLE(scatter)(to, samples->step, words, NAME(SAMPLE_BLOCK));
}

#endif

TARGET static void SAMPLE(load)(float *restrict y, const NstSamples *from, float gain, size_t n)
{
    const NstSamples samples = *from;
    const float scale = gain / samples.scale, shift = -samples.offset * scale;
    WORD words[NAME(SAMPLE_BLOCK)];
    for (size_t done = 0; done < n; done += NAME(SAMPLE_BLOCK)) {
        size_t m = n - done < NAME(SAMPLE_BLOCK) ? n - done : NAME(SAMPLE_BLOCK);
        const uint8_t *at = samples.data + (ptrdiff_t)done * samples.step;
#ifndef FROM_WORD
        if (samples.depth == 8 * sizeof(WORD) && m == NAME(SAMPLE_BLOCK)) {
            SAMPLE(load_block)(y + done, &samples, at, scale, shift);
            continue;
        }
#endif
        SAMPLE(gather)(words, at, samples.step, m);
        for (size_t i = 0; i < m; i++)
            y[done + i] = FMA(scale, SAMPLE(value)(words[i], &samples), shift);
    }
}

TARGET static inline void SAMPLE(blend_words)(WORD *restrict words, const NstSamples *samples, const float *restrict x,
                                              const float *restrict weight, float strength, size_t n)
{
    const float scale = strength * samples->scale, offset = strength * samples->offset;
    for (size_t i = 0; i < n; i++) {
        float part = weight ? weight[i] : 1.0f;
        words[i] = SAMPLE(blended)(words[i], FMA(scale, x[i], offset * part), strength * part, samples);
    }
}

TARGET static void SAMPLE(blend)(const NstSamples *to, const float *x, const float *weight, float strength, size_t n)
{
    const NstSamples samples = *to;
    WORD words[NAME(SAMPLE_BLOCK)];
    for (size_t done = 0; done < n; done += NAME(SAMPLE_BLOCK)) {
        size_t m = n - done < NAME(SAMPLE_BLOCK) ? n - done : NAME(SAMPLE_BLOCK);
        uint8_t *at = samples.data + (ptrdiff_t)done * samples.step;
#ifndef FROM_WORD
        if (samples.depth == 8 * sizeof(WORD) && !weight && strength == 1.0f && m == NAME(SAMPLE_BLOCK)) {
            SAMPLE(store_block)(at, &samples, x + done);
            continue;
        }
#endif
        SAMPLE(gather)(words, at, samples.step, m);
        if (weight)
            SAMPLE(blend_words)(words, &samples, x + done, weight + done, strength, m);
        else
            SAMPLE(blend_words)(words, &samples, x + done, NULL, strength, m);
        SAMPLE(scatter)(at, samples.step, words, m);
    }
}

#undef SAMPLE
#undef WORD
#undef FROM_WORD
#undef TO_WORD
