#if defined(__x86_64__)

#include <assert.h>
#include <immintrin.h>

#include "scan_b1.h"

#define AVX2   __attribute__((target("avx2,popcnt")))
#define INLINE static inline __attribute__((always_inline, target("avx2,popcnt")))

enum {
    LANES = 4, /* words a vector */
    GROUP = 8, /* rows scored together: one vector of scores */
    MAX_CHUNKS = ER_SKETCH_MAX_WORDS / LANES,
    IN_BYTES = 4, /* planes whose weighted counts a byte holds: 8 * (1 + 2 + 4 + 8) < 256 */
};

er_scan_b1_fn er_scan_b1_avx2;

/* Bits are counted by looking up nibbles, so rows and planes are split into low and high nibbles; a
 * row's once, for all planes. */
typedef struct {
    __m256i low, high;
} nibbles;

/* A vector holds several rows of 1 or 2 words, one row of 4, and a chunk of a row of any other. */
typedef struct {
    nibbles planes[MAX_CHUNKS][ER_SKETCH_MAX_PLANES]; /* repeated for each row of a vector */
    int32_t most;                                     /* dot of equal signs */
    float step;
} b1_query;

/* `kept` are the bits that stay in each byte. */
INLINE nibbles split(__m256i bits_u8x32, int8_t kept) {
    const __m256i kept_u8x32 = _mm256_set1_epi8(kept);
    return (nibbles){.low = _mm256_and_si256(bits_u8x32, kept_u8x32),
                     .high = _mm256_and_si256(_mm256_srli_epi16(bits_u8x32, 4), kept_u8x32)};
}

/* A look-up ignores bits 4 to 6. Planes keep them, so that their mask differs from the rows': of
 * equal ones GCC makes (row ^ plane) & mask, and masks again for every plane. */
INLINE nibbles split_row(__m256i bits_u8x32) { return split(bits_u8x32, 0x0F); }
INLINE nibbles split_plane(__m256i bits_u8x32) { return split(bits_u8x32, 0x7F); }

/* The words of a row from chunk * LANES on, zeros behind its end, where nothing is read. */
INLINE __m256i load_chunk(const uint64_t *row, size_t chunk, size_t words) {
    const uint64_t *at = row + chunk * LANES;
    size_t left = words - chunk * LANES;
    if (left >= LANES) return _mm256_loadu_si256((const __m256i *)at);
    __m256i mask_i64x4 =
        _mm256_cmpgt_epi64(_mm256_set1_epi64x((int64_t)left), _mm256_setr_epi64x(0, 1, 2, 3));
    return _mm256_maskload_epi64((const long long *)at, mask_i64x4);
}

INLINE __m256i load_plane(const uint64_t *plane, size_t chunk, size_t words) {
    switch (words) {
    case 1: return _mm256_set1_epi64x((int64_t)*plane);
    case 2: return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)plane));
    default: return load_chunk(plane, chunk, words);
    }
}

INLINE b1_query prepare(const er_query_b1 *query, size_t words, size_t n_planes) {
    b1_query ready;
    ready.most = ((1 << n_planes) - 1) * 64 * (int32_t)words;
    ready.step = query->step;
    for (size_t chunk = 0; chunk * LANES < words; chunk++)
#pragma GCC unroll 8
        for (size_t j = 0; j < n_planes; j++)
            ready.planes[chunk][j] =
                split_plane(load_plane(query->planes + j * words, chunk, words));
    return ready;
}

/* Sum over planes j of 2^j * differing bits, for each byte of the row; at most IN_BYTES planes. The
 * weights stand in the tables, so that nothing is shifted. */
INLINE __m256i distances_in_bytes(nibbles row, const nibbles *planes, size_t n_planes) {
    const __m256i ones_u8x32 = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0,
                                                1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    __m256i sum_u8x32 = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (size_t j = 0; j < n_planes; j++) {
        __m256i table_u8x32 = _mm256_slli_epi16(ones_u8x32, (int)j);
        __m256i low_u8x32 =
            _mm256_shuffle_epi8(table_u8x32, _mm256_xor_si256(row.low, planes[j].low));
        __m256i high_u8x32 =
            _mm256_shuffle_epi8(table_u8x32, _mm256_xor_si256(row.high, planes[j].high));
        sum_u8x32 = _mm256_add_epi8(sum_u8x32, _mm256_add_epi8(low_u8x32, high_u8x32));
    }
    return sum_u8x32;
}

/* The same for each word of the row, and for any number of planes. */
INLINE __m256i distances(__m256i row_u64x4, const nibbles *planes, size_t n_planes) {
    const nibbles row = split_row(row_u64x4);
    const __m256i zero = _mm256_setzero_si256();
    size_t few = n_planes < IN_BYTES ? n_planes : IN_BYTES;
    __m256i sum_u64x4 = _mm256_sad_epu8(distances_in_bytes(row, planes, few), zero);
    if (n_planes <= IN_BYTES) return sum_u64x4;
    __m256i more_u64x4 =
        _mm256_sad_epu8(distances_in_bytes(row, planes + IN_BYTES, n_planes - IN_BYTES), zero);
    return _mm256_add_epi64(sum_u64x4, _mm256_slli_epi64(more_u64x4, IN_BYTES));
}

/* Two vectors of small sums as one: lane 2 * i of a's i, lane 2 * i + 1 of b's. */
INLINE __m256i pack(__m256i a_u64x4, __m256i b_u64x4) {
    return _mm256_or_si256(a_u64x4, _mm256_slli_epi64(b_u64x4, 32));
}

/* Add the even 64-bit lanes to the odd ones: 128 bits keep a's sums, then b's. */
INLINE __m256i add_words(__m256i a_u32x8, __m256i b_u32x8) {
    return _mm256_add_epi32(_mm256_unpacklo_epi64(a_u32x8, b_u32x8),
                            _mm256_unpackhi_epi64(a_u32x8, b_u32x8));
}

/* Distances of 8 rows of 1 or 2 words: sums over a row's words, as a transposition that adds on the
 * way, then put in the order of the rows. */
INLINE __m256i distances_shared(const b1_query *query, const uint64_t *rows, size_t words,
                                size_t n_planes) {
    __m256i part[4];
#pragma GCC unroll 8
    for (size_t v = 0; v < 2 * words; v++) {
        __m256i row_u64x4 = _mm256_loadu_si256((const __m256i *)(rows + v * LANES));
        part[v] = distances(row_u64x4, query->planes[0], n_planes);
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < words; v++) part[v] = pack(part[2 * v], part[2 * v + 1]);
    if (words == 1)
        return _mm256_permutevar8x32_epi32(part[0], _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    return _mm256_permutevar8x32_epi32(add_words(part[0], part[1]),
                                       _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* Distances of 8 rows of any number of words. */
INLINE __m256i distances_alone(const b1_query *query, const uint64_t *rows, size_t words,
                               size_t n_planes) {
    __m256i part[GROUP];
#pragma GCC unroll 8
    for (size_t r = 0; r < GROUP; r++) {
        part[r] = _mm256_setzero_si256();
        for (size_t chunk = 0; chunk * LANES < words; chunk++)
            part[r] =
                _mm256_add_epi64(part[r], distances(load_chunk(rows + r * words, chunk, words),
                                                    query->planes[chunk], n_planes));
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < 4; v++) part[v] = pack(part[2 * v], part[2 * v + 1]);
#pragma GCC unroll 8
    for (size_t v = 0; v < 2; v++) part[v] = add_words(part[2 * v], part[2 * v + 1]);
    return _mm256_add_epi32(_mm256_permute2x128_si256(part[0], part[1], 0x20),
                            _mm256_permute2x128_si256(part[0], part[1], 0x31));
}

#include "walk_b1.h"

INLINE void close_up(float *scores, int32_t *numbers, unsigned bits) {
    close_up_one_by_one(scores, numbers, bits);
}

INLINE void score_group(const b1_query *query, const b1_rows *rows, size_t i, float score[GROUP],
                        size_t words, size_t n_planes) {
    const uint64_t *bits = rows->bits + i * words;
    __m256i distance_i32x8 = words <= 2 ? distances_shared(query, bits, words, n_planes)
                                        : distances_alone(query, bits, words, n_planes);
    __m256i dot_i32x8 = _mm256_sub_epi32(_mm256_set1_epi32(query->most),
                                         _mm256_add_epi32(distance_i32x8, distance_i32x8));
    __m256 score_f32x8 =
        _mm256_mul_ps(_mm256_cvtepi32_ps(dot_i32x8), _mm256_loadu_ps(rows->factors + i));
    score_f32x8 = _mm256_mul_ps(score_f32x8, _mm256_set1_ps(query->step));
    if (rows->offsets) score_f32x8 = _mm256_add_ps(score_f32x8, _mm256_loadu_ps(rows->offsets + i));
    score_f32x8 = _mm256_add_ps(score_f32x8, rows->bases ? _mm256_loadu_ps(rows->bases + i)
                                                         : _mm256_set1_ps(rows->base));
    _mm256_storeu_ps(score, score_f32x8);
}

AVX2 void er_scan_b1_avx2(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                          const float *bases, size_t n_ranges, er_best *best) {
    assert(table->words <= ER_SKETCH_MAX_WORDS && query->n_planes <= ER_SKETCH_MAX_PLANES);
    walk_table(query, table, ranges, bases, n_ranges, best);
}

#endif
