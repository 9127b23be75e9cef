/* Search for many queries over the same int8 rows, which are read once for all of them.
 *
 * Every query gets what er_scan_i8 gives for it alone, bit for bit. No allocation, no global state,
 * reentrant. Decision: docs/decisions/0001-kernel-layout.md
 */
#ifndef ER_SCAN_MANY_H
#define ER_SCAN_MANY_H

#include "scan.h"

#define ER_SCAN_TOGETHER 64 /* queries that one pass over the rows serves best, at most */

typedef struct er_queries_i8 {
    const int8_t *codes; /* n * dim, row-major, in [-127, 127], any alignment */
    const float *scales; /* n, finite, > 0 */
    size_t n;            /* at most INT32_MAX */
} er_queries_i8;

/* Kernel: offer the score of every eligible row of the ranges to its queries.
 *   lookups  NULL if every query sees every range
 *   scratch  er_scan_many_i8_scratch() bytes, 64-byte aligned
 *   tops     one selection a query, under way */
typedef void er_scan_many_i8_fn(const er_queries_i8 *queries, const er_rows_i8 *table,
                                const er_range *ranges, size_t n_ranges, const er_lookups *lookups,
                                void *scratch, er_topk *tops);

/* What a kernel needs for n queries. */
size_t er_scan_many_i8_scratch(size_t n_queries, size_t dim);

/* Bytes of workspace for the entry point; 1 <= k <= ER_TOPK_MAX. */
size_t er_scan_many_i8_workspace(size_t n_queries, const er_lookups *lookups, size_t dim, size_t k);

/* Entry point. Without lookups, it takes up to ER_SCAN_TOGETHER queries in each pass.
 *   workspace     er_scan_many_i8_workspace() bytes, any alignment
 *   rows, scores  n_queries * min(k, n): the best first, then rows -1 and scores -infinity
 *   found         n_queries: how many rows of each are a result, as in er_scan_i8
 * ER_BAD_K, ER_TOO_LONG, ER_BAD_RANGE, ER_BAD_CODE, ER_BAD_SCALE, ER_NOT_FINITE as in er_scan_i8;
 * ER_BAD_LOOKUPS. */
er_status er_scan_many_i8(const er_kernel *kernel, const er_queries_i8 *queries,
                          const er_rows_i8 *table, const er_range *ranges, size_t n_ranges,
                          const er_lookups *lookups, size_t k, void *workspace, int32_t *rows,
                          float *scores, int32_t *found);

#endif
