#if defined(__x86_64__)

#include <assert.h>
#include <immintrin.h>

#include "scan_b1.h"

#define TARGET  "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt"
#define VPOPCNT __attribute__((target(TARGET)))
#define INLINE  static inline __attribute__((always_inline, target(TARGET)))

enum {
    LANES = 8,  /* words a vector */
    GROUP = 16, /* rows scored together: one vector of scores */
    MAX_CHUNKS = ER_SKETCH_MAX_WORDS / LANES,
};

er_scan_b1_fn er_scan_b1_avx512vpopcntdq;

/* A vector holds several rows of 1, 2 or 4 words, and a chunk of a row of any other number. */
typedef struct {
    __m512i planes[MAX_CHUNKS][ER_SKETCH_MAX_PLANES]; /* repeated for each row of a vector */
    int32_t most;                                     /* dot of equal signs */
    float step;
} b1_query;

INLINE bool rows_share_vectors(size_t words) { return words == 1 || words == 2 || words == 4; }

/* The words of a row from chunk * LANES on, zeros behind its end, where nothing is read. */
INLINE __m512i load_chunk(const uint64_t *row, size_t chunk, size_t words) {
    size_t left = words - chunk * LANES;
    __mmask8 mask = left < LANES ? (__mmask8)((1u << left) - 1) : 0xFF;
    return _mm512_maskz_loadu_epi64(mask, row + chunk * LANES);
}

INLINE __m512i load_plane(const uint64_t *plane, size_t chunk, size_t words) {
    switch (words) {
    case 1: return _mm512_set1_epi64((int64_t)*plane);
    case 2: return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)plane));
    case 4: return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)plane));
    default: return load_chunk(plane, chunk, words);
    }
}

INLINE b1_query prepare(const er_query_b1 *query, size_t words, size_t n_planes) {
    b1_query ready;
    ready.most = ((1 << n_planes) - 1) * 64 * (int32_t)words;
    ready.step = query->step;
    for (size_t chunk = 0; chunk * LANES < words; chunk++)
#pragma GCC unroll 16
        for (size_t j = 0; j < n_planes; j++)
            ready.planes[chunk][j] = load_plane(query->planes + j * words, chunk, words);
    return ready;
}

/* Sum over the planes j of 2^j * differing bits, for each word. Horner's rule: the counts of a
 * plane are doubled once for each plane below it. */
INLINE __m512i distances(__m512i words_u64x8, const __m512i *planes, size_t n_planes) {
    __m512i sum_u64x8 = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (size_t j = n_planes; j-- > 0;) {
        __m512i count_u64x8 = _mm512_popcnt_epi64(_mm512_xor_si512(words_u64x8, planes[j]));
        sum_u64x8 = _mm512_add_epi64(_mm512_add_epi64(sum_u64x8, sum_u64x8), count_u64x8);
    }
    return sum_u64x8;
}

/* Two vectors of small sums as one: lane 2 * i of a's i, lane 2 * i + 1 of b's. */
INLINE __m512i pack(__m512i a_u64x8, __m512i b_u64x8) {
    return _mm512_or_si512(a_u64x8, _mm512_slli_epi64(b_u64x8, 32));
}

/* Add the even 64-bit lanes to the odd ones: 128 bits keep a's sums, then b's. */
INLINE __m512i add_words(__m512i a_u32x16, __m512i b_u32x16) {
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a_u32x16, b_u32x16),
                            _mm512_unpackhi_epi64(a_u32x16, b_u32x16));
}

/* Add the even 128-bit lanes to the odd ones: half a vector keeps a's sums, the other b's. */
INLINE __m512i add_quarters(__m512i a_u32x16, __m512i b_u32x16) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a_u32x16, b_u32x16, 0x88),
                            _mm512_shuffle_i32x4(a_u32x16, b_u32x16, 0xDD));
}

/* In which lanes the transposition below leaves 16 rows of 1, 2 and 4 words. */
static const int32_t ORDER_OF_1[GROUP] = {0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15};
static const int32_t ORDER_OF_2[GROUP] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
static const int32_t ORDER_OF_4[GROUP] = {0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15};

/* Distances of 16 rows of 1, 2 or 4 words: sums over a row's words, as a transposition that adds on
 * the way, then put in the order of the rows. */
INLINE __m512i distances_shared(const b1_query *query, const uint64_t *rows, size_t words,
                                size_t n_planes) {
    __m512i part[8];
#pragma GCC unroll 16
    for (size_t v = 0; v < 2 * words; v++)
        part[v] = distances(_mm512_loadu_si512(rows + v * LANES), query->planes[0], n_planes);
#pragma GCC unroll 16
    for (size_t v = 0; v < words; v++) part[v] = pack(part[2 * v], part[2 * v + 1]);
    if (words == 1) return _mm512_permutexvar_epi32(_mm512_loadu_si512(ORDER_OF_1), part[0]);
#pragma GCC unroll 16
    for (size_t v = 0; v < words / 2; v++) part[v] = add_words(part[2 * v], part[2 * v + 1]);
    if (words == 2) return _mm512_permutexvar_epi32(_mm512_loadu_si512(ORDER_OF_2), part[0]);
    return _mm512_permutexvar_epi32(_mm512_loadu_si512(ORDER_OF_4), add_quarters(part[0], part[1]));
}

/* Distances of 16 rows of any number of words. */
INLINE __m512i distances_alone(const b1_query *query, const uint64_t *rows, size_t words,
                               size_t n_planes) {
    __m512i part[GROUP];
#pragma GCC unroll 16
    for (size_t r = 0; r < GROUP; r++) {
        part[r] = _mm512_setzero_si512();
        for (size_t chunk = 0; chunk * LANES < words; chunk++)
            part[r] =
                _mm512_add_epi64(part[r], distances(load_chunk(rows + r * words, chunk, words),
                                                    query->planes[chunk], n_planes));
    }
#pragma GCC unroll 16
    for (size_t v = 0; v < 8; v++) part[v] = pack(part[2 * v], part[2 * v + 1]);
#pragma GCC unroll 16
    for (size_t v = 0; v < 4; v++) part[v] = add_words(part[2 * v], part[2 * v + 1]);
    return add_quarters(add_quarters(part[0], part[1]), add_quarters(part[2], part[3]));
}

#include "walk_b1.h"

INLINE void close_up(float *scores, int32_t *numbers, unsigned bits) {
    const __mmask16 kept = (__mmask16)bits;
    _mm512_storeu_ps(scores, _mm512_maskz_compress_ps(kept, _mm512_loadu_ps(scores)));
    _mm512_storeu_si512(numbers, _mm512_maskz_compress_epi32(kept, _mm512_loadu_si512(numbers)));
}

INLINE void score_group(const b1_query *query, const b1_rows *rows, size_t i, float score[GROUP],
                        size_t words, size_t n_planes) {
    const uint64_t *bits = rows->bits + i * words;
    __m512i distance_i32x16 = rows_share_vectors(words)
                                  ? distances_shared(query, bits, words, n_planes)
                                  : distances_alone(query, bits, words, n_planes);
    __m512i dot_i32x16 = _mm512_sub_epi32(_mm512_set1_epi32(query->most),
                                          _mm512_add_epi32(distance_i32x16, distance_i32x16));
    __m512 score_f32x16 =
        _mm512_mul_ps(_mm512_cvtepi32_ps(dot_i32x16), _mm512_loadu_ps(rows->factors + i));
    score_f32x16 = _mm512_mul_ps(score_f32x16, _mm512_set1_ps(query->step));
    if (rows->offsets)
        score_f32x16 = _mm512_add_ps(score_f32x16, _mm512_loadu_ps(rows->offsets + i));
    score_f32x16 = _mm512_add_ps(score_f32x16, rows->bases ? _mm512_loadu_ps(rows->bases + i)
                                                           : _mm512_set1_ps(rows->base));
    _mm512_storeu_ps(score, score_f32x16);
}

VPOPCNT void er_scan_b1_avx512vpopcntdq(const er_query_b1 *query, const er_rows_b1 *table,
                                        const er_range *ranges, const float *bases, size_t n_ranges,
                                        er_best *best) {
    assert(table->words <= ER_SKETCH_MAX_WORDS && query->n_planes <= ER_SKETCH_MAX_PLANES);
    walk_table(query, table, ranges, bases, n_ranges, best);
}

#endif
