#if defined(__aarch64__)

#include <arm_neon.h>
#include <assert.h>

#include "scan_b1.h"

#define INLINE   static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 8")

enum {
    LANES = 2, /* words a vector */
    GROUP = 4, /* rows scored together: one vector of scores */
    MAX_CHUNKS = ER_SKETCH_MAX_WORDS / LANES,
};

er_scan_b1_fn er_scan_b1_neon;

typedef struct {
    uint8x16_t planes[MAX_CHUNKS][ER_SKETCH_MAX_PLANES];
    int32_t most; /* dot of equal signs */
    float step;
} b1_query;

/* The words of a row from chunk * LANES on, a zero behind its end, where nothing is read. */
INLINE uint8x16_t load_chunk(const uint64_t *row, size_t chunk, size_t words) {
    const uint64_t *at = row + chunk * LANES;
    if (words - chunk * LANES >= LANES) return vreinterpretq_u8_u64(vld1q_u64(at));
    return vreinterpretq_u8_u64(vcombine_u64(vld1_u64(at), vcreate_u64(0)));
}

INLINE b1_query prepare(const er_query_b1 *query, size_t words, size_t n_planes) {
    b1_query ready;
    ready.most = ((1 << n_planes) - 1) * 64 * (int32_t)words;
    ready.step = query->step;
    for (size_t chunk = 0; chunk * LANES < words; chunk++)
        UNROLLED for (size_t j = 0; j < n_planes; j++) ready.planes[chunk][j] =
            load_chunk(query->planes + j * words, chunk, words);
    return ready;
}

/* Sum over the planes j of 2^j * differing bits, for each pair of bytes: at most 16 * 255. Horner's
 * rule: the counts of a plane are doubled once for each plane below it. */
INLINE uint16x8_t distances(uint8x16_t row_u8x16, const uint8x16_t *planes, size_t n_planes) {
    uint16x8_t sum_u16x8 = vdupq_n_u16(0);
    UNROLLED for (size_t j = n_planes; j-- > 0;) {
        uint8x16_t count_u8x16 = vcntq_u8(veorq_u8(row_u8x16, planes[j]));
        sum_u16x8 = vpadalq_u8(vshlq_n_u16(sum_u16x8, 1), count_u8x16);
    }
    return sum_u16x8;
}

/* Four parts of a row's distance. */
INLINE uint32x4_t distance_parts(const b1_query *query, const uint64_t *row, size_t words,
                                 size_t n_planes) {
    uint32x4_t sum_u32x4 = vdupq_n_u32(0);
    for (size_t chunk = 0; chunk * LANES < words; chunk++) {
        uint8x16_t row_u8x16 = load_chunk(row, chunk, words);
        sum_u32x4 = vpadalq_u16(sum_u32x4, distances(row_u8x16, query->planes[chunk], n_planes));
    }
    return sum_u32x4;
}

#include "walk_b1.h"

INLINE void close_up(float *scores, int32_t *numbers, unsigned bits) {
    close_up_one_by_one(scores, numbers, bits);
}

INLINE void score_group(const b1_query *query, const b1_rows *rows, size_t i, float score[GROUP],
                        size_t words, size_t n_planes) {
    uint32x4_t part[GROUP];
    UNROLLED for (size_t r = 0; r < GROUP; r++) part[r] =
        distance_parts(query, rows->bits + (i + r) * words, words, n_planes);
    int32x4_t distance_i32x4 = vreinterpretq_s32_u32(
        vpaddq_u32(vpaddq_u32(part[0], part[1]), vpaddq_u32(part[2], part[3])));
    int32x4_t dot_i32x4 = vmlsq_n_s32(vdupq_n_s32(query->most), distance_i32x4, 2);
    float32x4_t score_f32x4 = vmulq_f32(vcvtq_f32_s32(dot_i32x4), vld1q_f32(rows->factors + i));
    score_f32x4 = vmulq_n_f32(score_f32x4, query->step);
    if (rows->offsets) score_f32x4 = vaddq_f32(score_f32x4, vld1q_f32(rows->offsets + i));
    score_f32x4 =
        vaddq_f32(score_f32x4, rows->bases ? vld1q_f32(rows->bases + i) : vdupq_n_f32(rows->base));
    vst1q_f32(score, score_f32x4);
}

void er_scan_b1_neon(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                     const float *bases, size_t n_ranges, er_best *best) {
    assert(table->words <= ER_SKETCH_MAX_WORDS && query->n_planes <= ER_SKETCH_MAX_PLANES);
    walk_table(query, table, ranges, bases, n_ranges, best);
}

#endif
