#include "weigh.h"

er_weigh_f32_fn er_weigh_f32_scalar;

void er_weigh_f32_scalar(const float *scores, const int32_t *weights, size_t n, float threshold,
                         int32_t *sum) {
    *sum = er_weighed(scores, weights, n, threshold);
}
