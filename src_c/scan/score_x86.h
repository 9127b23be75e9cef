/* Scores of successive rows, all of them, as the x86 implementations find them. An implementation
 * defines INLINE, GROUP, score_four() and store_group(), and includes this file. */
#ifndef ER_SCORE_X86_H
#define ER_SCORE_X86_H

#include <string.h>

#include "scan.h"

INLINE void store_scores(const scan_query *query, const er_rows_i8 *table, size_t start, size_t n,
                         size_t dim, float *scores) {
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) store_group(query, table, start + i, dim, scores + i);
    for (; i < n; i += 4) {
        const size_t left = n - i < 4 ? n - i : 4;
        uint32_t rows[4];
        float four[4];
        for (size_t r = 0; r < 4; r++) rows[r] = (uint32_t)(start + i + (r < left ? r : 0));
        score_four(query, table, rows, 0.0f, dim, four);
        memcpy(scores + i, four, left * sizeof *scores);
    }
}

#endif
