/* What the float kernels of a row have in common: three measures over one order of summing. */
#ifndef ER_MEASURE_H
#define ER_MEASURE_H

#include <float.h>
#include <math.h>

#include "rerank.h"

typedef enum { INNER, COSINE, L2 } measure;

/* From the sums of products and of squares. Lengths that overflow give NaN, to be noted; one that
 * vanishes gives 0. The square roots are multiplied, since the squares' product would overflow. */
static inline float cosine_of(float product, float query_square, float row_square) {
    float length = sqrtf(query_square) * sqrtf(row_square);
    if (!(length <= FLT_MAX)) return NAN;
    return length > 0.0f ? product / length : 0.0f;
}

#endif
