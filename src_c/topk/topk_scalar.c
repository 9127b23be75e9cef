#include "eligible.h"
#include "topk.h"

er_topk_f32_fn er_topk_f32_scalar;

void er_topk_f32_scalar(const float *scores, size_t n, const uint8_t *eligible, er_topk *top) {
    for (size_t i = 0; i < n; i++)
        if (er_is_eligible(eligible, i) && !(scores[i] < top->threshold))
            er_topk_offer(top, scores[i], (int32_t)i);
}
