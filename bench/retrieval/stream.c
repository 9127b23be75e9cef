/* What memory gives: one pass over a buffer in four interleaved streams, nothing kept but a sum. */
#include <stddef.h>
#include <stdint.h>

uint64_t bench_read4(const uint64_t *words, size_t n) {
    size_t quarter = n / 4;
    const uint64_t *a = words, *b = a + quarter, *c = b + quarter, *d = c + quarter;
    uint64_t sum[4][32] = {{0}};
    size_t i = 0;
    for (; i + 32 <= quarter; i += 32) {
        for (size_t j = 0; j < 32; j++) sum[0][j] ^= a[i + j];
        for (size_t j = 0; j < 32; j++) sum[1][j] ^= b[i + j];
        for (size_t j = 0; j < 32; j++) sum[2][j] ^= c[i + j];
        for (size_t j = 0; j < 32; j++) sum[3][j] ^= d[i + j];
    }
    uint64_t all = 0;
    for (size_t j = 0; j < 32; j++) all ^= sum[0][j] ^ sum[1][j] ^ sum[2][j] ^ sum[3][j];
    return all;
}
