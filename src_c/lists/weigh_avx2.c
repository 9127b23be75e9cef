#if defined(__x86_64__)

#include "weigh.h"

er_weigh_f32_fn er_weigh_f32_avx2;

__attribute__((target("avx2"))) void er_weigh_f32_avx2(const float *scores, const int32_t *weights,
                                                       size_t n, float threshold, int32_t *sum) {
    *sum = er_weighed(scores, weights, n, threshold);
}

#endif
