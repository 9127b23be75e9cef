/* Least and largest of scores. */
#ifndef ER_EXTREMES_H
#define ER_EXTREMES_H

#include <math.h>
#include <stddef.h>

/* Of n scores, NaN left out; infinity and -infinity of none. In lanes, for the compiler to
 * vectorise. */
static inline void er_extremes_f32(const float *scores, size_t n, float *least, float *most) {
    enum { LANES = 16 };
    float low[LANES], high[LANES];
    for (size_t l = 0; l < LANES; l++) {
        low[l] = INFINITY;
        high[l] = -INFINITY;
    }
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            low[l] = scores[i + l] < low[l] ? scores[i + l] : low[l];
            high[l] = scores[i + l] > high[l] ? scores[i + l] : high[l];
        }
    for (; i < n; i++) {
        low[0] = scores[i] < low[0] ? scores[i] : low[0];
        high[0] = scores[i] > high[0] ? scores[i] : high[0];
    }
    for (size_t l = 1; l < LANES; l++) {
        low[0] = low[l] < low[0] ? low[l] : low[0];
        high[0] = high[l] > high[0] ? high[l] : high[0];
    }
    *least = low[0];
    *most = high[0];
}

#endif
