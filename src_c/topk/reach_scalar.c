#include "reach.h"

er_reach_f32_fn er_reach_f32_scalar;

/* Without a branch: which score reaches the bar cannot be predicted. */
void er_reach_f32_scalar(const float *scores, const int32_t *rows, size_t n, float bar,
                         float *kept_scores, int32_t *kept_rows, size_t *n_kept) {
    size_t kept = 0;
    if (!kept_scores) {
        for (size_t i = 0; i < n; i++) kept += !(scores[i] < bar);
    } else {
        for (size_t i = 0; i < n; i++) {
            const float score = scores[i];
            kept_scores[kept] = score;
            kept_rows[kept] = rows[i];
            kept += !(score < bar);
        }
    }
    *n_kept = kept;
}
