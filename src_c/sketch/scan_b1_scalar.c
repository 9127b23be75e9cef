#include "../topk/eligible.h"
#include "scan_b1.h"

er_scan_b1_fn er_scan_b1_scalar;

static int32_t dot(const er_query_b1 *query, const uint64_t *row, size_t words) {
    int32_t most = (1 << query->n_planes) - 1, distance = 0;
    for (size_t j = 0; j < query->n_planes; j++)
        for (size_t word = 0; word < words; word++)
            distance += __builtin_popcountll(row[word] ^ query->planes[j * words + word]) << j;
    return most * 64 * (int32_t)words - 2 * distance;
}

void er_scan_b1_scalar(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                       const float *bases, size_t n_ranges, er_best *best) {
    er_scored scored;
    scored.n = 0;
    for (size_t r = 0; r < n_ranges; r++)
        for (size_t i = (size_t)ranges[r].start; i < (size_t)ranges[r].stop; i++) {
            if (!er_is_eligible(table->eligible, i)) continue;
            float score = (float)dot(query, table->bits + i * table->words, table->words);
            score = score * table->factors[i] * query->step;
            if (table->offsets) score += table->offsets[i];
            if (bases) score += bases[r];
            scored.scores[scored.n] = score;
            scored.rows[scored.n++] = table->first_row + (int32_t)i;
            if (scored.n == ER_BEST_BLOCK) er_scored_offer(&scored, best);
        }
    er_scored_offer(&scored, best);
}
