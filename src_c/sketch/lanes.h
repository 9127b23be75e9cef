/* Sums over 16 lanes, the order that every ISA keeps. */
#ifndef ER_SKETCH_LANES_H
#define ER_SKETCH_LANES_H

#include <stddef.h>

enum { ER_LANES = 16 };

/* Over halves of the lanes; destroys them. */
static inline float er_sum_lanes(float lanes[ER_LANES]) {
    for (size_t width = ER_LANES / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

/* A row's factor: 0 for zeros, NaN and infinity where a sum is. */
static inline float er_sketch_factor(float squares, float sizes) {
    return sizes == 0.0f ? 0.0f : squares / sizes;
}

#endif
