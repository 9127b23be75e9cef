/* Row numbers of a gather, checked before a kernel trusts them. */
#ifndef ER_GATHER_H
#define ER_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Position of the first of m row numbers that lies outside [0, n), or m. The loop that nearly always
 * runs has no exit, so that the compiler makes vectors of it. */
static inline size_t er_first_outside(const int32_t *rows, size_t m, size_t n) {
    const uint32_t limit = n > (size_t)INT32_MAX ? (uint32_t)INT32_MAX + 1 : (uint32_t)n;
    unsigned outside = 0;
    for (size_t i = 0; i < m; i++) outside |= (uint32_t)rows[i] >= limit;
    size_t at = outside ? 0 : m;
    while (at < m && (uint32_t)rows[at] < limit) at++;
    return at;
}

#endif
