/* Sum of the weights of those scores that reach a threshold: how many rows the lists hold that a
 * search would look into. Every ISA returns the same sum. Nothing is read past n.
 */
#ifndef ER_WEIGH_H
#define ER_WEIGH_H

#include <stddef.h>
#include <stdint.h>

/* Kernel: *sum of weights[i] where scores[i] >= threshold; the sum of all weights must fit int32.
 * A NaN reaches nothing. */
typedef void er_weigh_f32_fn(const float *scores, const int32_t *weights, size_t n, float threshold,
                             int32_t *sum);

/* The loop of all implementations, for their compiler to vectorise. */
static inline __attribute__((always_inline)) int32_t er_weighed(const float *scores,
                                                                const int32_t *weights, size_t n,
                                                                float threshold) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += scores[i] >= threshold ? weights[i] : 0;
    return sum;
}

#endif
