/* The size of a row's Walsh-Hadamard transforms, and the factor that makes them orthogonal. */
#ifndef ER_HADAMARD_H
#define ER_HADAMARD_H

#include <math.h>
#include <stddef.h>

/* The largest power of two that is at most n > 0. */
static inline size_t er_hadamard_size(size_t n) {
    return (size_t)1 << (63 - __builtin_clzll((unsigned long long)n));
}

static inline float er_hadamard_scale(size_t n) { return (float)(1.0 / sqrt((double)n)); }

#endif
