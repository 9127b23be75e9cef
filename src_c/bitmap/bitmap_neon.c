#if defined(__aarch64__)

#include <arm_neon.h>

#include "bitmap.h"

/* The scalar join_b1 is vectors already: NEON is what every compiler for AArch64 assumes. */
enum { WIDTH = 16 };

er_count_b1_fn er_count_b1_scalar, er_count_b1_neon;

void er_count_b1_neon(const uint8_t *set, size_t bytes, size_t *count) {
    uint64x2_t sum_u64x2 = vdupq_n_u64(0);
    size_t i = 0;
    for (; i + WIDTH <= bytes; i += WIDTH) {
        uint8x16_t counts_u8x16 = vcntq_u8(vld1q_u8(set + i));
        sum_u64x2 = vpadalq_u32(sum_u64x2, vpaddlq_u16(vpaddlq_u8(counts_u8x16)));
    }
    er_count_b1_scalar(set + i, bytes - i, count);
    *count += (size_t)vaddvq_u64(sum_u64x2);
}

#endif
