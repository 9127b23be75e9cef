/* The scores that reach a bar, kept side by side in their order, or only counted.
 *
 * A score does unless it is below: a NaN reaches every bar, so that it is not lost before somebody
 * notices. Every ISA keeps the same. Nothing is read past n.
 */
#ifndef ER_REACH_H
#define ER_REACH_H

#include <stddef.h>
#include <stdint.h>

enum { ER_REACH_ROOM = 16 }; /* elements behind those kept that may be written too */

/* Kernel: *n_kept of n rows have a score that reaches the bar.
 *   kept_scores, kept_rows  room for ER_REACH_ROOM more; may be scores and rows, which then need no
 *                           more room than they have; NULL to count alone */
typedef void er_reach_f32_fn(const float *scores, const int32_t *rows, size_t n, float bar,
                             float *kept_scores, int32_t *kept_rows, size_t *n_kept);

#endif
