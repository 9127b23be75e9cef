#if defined(__x86_64__)

#include <immintrin.h>

#include "inner_i8.h"

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"
#define VNNI   __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

er_inner_i8_fn er_inner_i8_avx512vnni;

#include "../scan/dot_avx512vnni.h"

typedef vnni_query row_query;

#include "inner_i8_rows.h"

/* With dim known at compile time its loops unroll. */
VNNI void er_inner_i8_avx512vnni(const er_query_i8 *query, const er_rows_i8 *table,
                                 const int32_t *rows, size_t m, float *out) {
    const row_query ready = prepare(query, table->dim);
    switch (table->dim) {
    case 64: score_rows(&ready, table, rows, m, 64, out); break;
    case 128: score_rows(&ready, table, rows, m, 128, out); break;
    default: score_rows(&ready, table, rows, m, table->dim, out);
    }
}

#endif
