/* The walk over the rows that the x86 implementations share: which rows, in what order, and what to
 * fetch ahead. An implementation defines INLINE (with its target), GROUP, its scan_query (with
 * a float `scale`), dot4() and offer_group(), and includes this file.
 *
 * The walk takes blocks of 64 rows. A block with many eligible rows is scored whole, group by
 * group. The eligible rows of any other are listed and fetched ahead, then scored four at a time.
 * Decision, with measurements: docs/decisions/0001-kernel-layout.md
 */
#ifndef ER_SCAN_WALK_H
#define ER_SCAN_WALK_H

#include "../topk/eligible.h"
#include "scan.h"

enum {
    DENSE = 40,      /* eligible rows that make a block worth scoring whole */
    STREAMS = 4,     /* distant blocks walked together: one core draws more from memory that way */
    SMALL = 1 << 20, /* bytes of codes that stay in the cache, where one stream is faster */
    AHEAD = 24,      /* rows between prefetch and use */
    CACHE_LINE = 64,
};

/* Inner products of the query with four rows. */
INLINE __m128i dot4(const scan_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim);

/* Score the rows from start to start + GROUP, which all exist, and offer those that have a bit. */
INLINE void offer_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                        unsigned bits, size_t dim, er_topk *top);

/* Rows of thinly eligible blocks, on their way to be scored. */
typedef struct {
    uint32_t rows[2 * ER_BLOCK];
    size_t n;
} scan_list;

/* The address may lie past the table, where a prefetch does nothing. */
INLINE void fetch_rows(const er_rows_i8 *table, size_t row, size_t n, size_t dim) {
    for (size_t b = 0; b < n * dim; b += CACHE_LINE)
        __builtin_prefetch((const void *)((uintptr_t)table->codes + row * dim + b));
}

INLINE void list_rows(scan_list *list, const er_rows_i8 *table, size_t start, uint64_t bits,
                      size_t dim) {
    for (; bits; bits &= bits - 1) {
        size_t row = start + (size_t)__builtin_ctzll(bits);
        fetch_rows(table, row, 1, dim);
        list->rows[list->n++] = (uint32_t)row;
    }
}

/* Score four rows and offer the first n of them. */
INLINE void offer_four(const scan_query *query, const er_rows_i8 *table, const uint32_t rows[4],
                       unsigned n, size_t dim, er_topk *top) {
    const int8_t *codes = table->codes;
    const float *scales = table->scales;
    __m128i dot_i32x4 = dot4(query, codes + rows[0] * dim, codes + rows[1] * dim,
                             codes + rows[2] * dim, codes + rows[3] * dim, dim);
    __m128 scale_f32x4 =
        _mm_setr_ps(scales[rows[0]], scales[rows[1]], scales[rows[2]], scales[rows[3]]);
    __m128 score_f32x4 = _mm_mul_ps(_mm_cvtepi32_ps(dot_i32x4), scale_f32x4);
    score_f32x4 = _mm_mul_ps(score_f32x4, _mm_set1_ps(query->scale));
    /* "not less than" lets NaN through, to be noted */
    __m128 enters = _mm_cmpnlt_ps(score_f32x4, _mm_set1_ps(top->threshold));
    unsigned bits = (unsigned)_mm_movemask_ps(enters) & ((1u << n) - 1);
    if (!bits) return;
    float score[4];
    _mm_storeu_ps(score, score_f32x4);
    for (; bits; bits &= bits - 1) {
        int r = __builtin_ctz(bits);
        er_topk_offer(top, score[r], table->first_row + (int32_t)rows[r]);
    }
}

INLINE void offer_list(scan_list *list, const scan_query *query, const er_rows_i8 *table,
                       size_t dim, er_topk *top) {
    for (size_t r = list->n; r % 4 != 0; r++)
        list->rows[r] = list->rows[0]; /* fill the last four */
    for (size_t r = 0; r < list->n; r += 4)
        offer_four(query, table, list->rows + r, list->n - r < 4 ? (unsigned)(list->n - r) : 4, dim,
                   top);
    list->n = 0;
}

/* The bits of a block that is to be scored whole; 0 for any other, whose rows are listed. */
INLINE uint64_t dense_bits(scan_list *list, const scan_query *query, const er_rows_i8 *table,
                           size_t start, size_t dim, er_topk *top) {
    uint64_t bits = er_eligible_block(table->eligible, start, table->n);
    if (table->n - start >= ER_BLOCK && __builtin_popcountll(bits) >= DENSE) return bits;
    list_rows(list, table, start, bits, dim);
    if (list->n > ER_BLOCK) offer_list(list, query, table, dim, top);
    return 0;
}

/* Walk as many blocks together as there are streams; they lie `apart` rows from one another. */
INLINE void walk_blocks(scan_list *list, const scan_query *query, const er_rows_i8 *table,
                        size_t start, size_t streams, size_t apart, size_t dim, er_topk *top) {
    uint64_t bits[STREAMS], any = 0;
    for (size_t s = 0; s < streams; s++)
        any |= bits[s] = dense_bits(list, query, table, start + s * apart, dim, top);
    if (!any) return;
    for (size_t g = 0; g < ER_BLOCK; g += GROUP)
        for (size_t s = 0; s < streams; s++) {
            unsigned group = (unsigned)(bits[s] >> g) & ((1u << GROUP) - 1);
            if (!group) continue;
            size_t row = start + s * apart + g;
            fetch_rows(table, row + AHEAD, GROUP, dim);
            offer_group(query, table, row, group, dim, top);
        }
}

INLINE void walk(const scan_query *query, const er_rows_i8 *table, size_t dim, er_topk *top) {
    scan_list list;
    list.n = 0;
    size_t apart = table->n * dim > SMALL ? table->n / (STREAMS * ER_BLOCK) * ER_BLOCK : 0;
    for (size_t row = 0; row < apart; row += ER_BLOCK)
        walk_blocks(&list, query, table, row, STREAMS, apart, dim, top);
    for (size_t row = STREAMS * apart; row < table->n; row += ER_BLOCK)
        walk_blocks(&list, query, table, row, 1, 0, dim, top);
    offer_list(&list, query, table, dim, top);
}

#endif
