/* Buffers between guards, so that one byte read or written outside is noticed.
 *
 * A buffer ends at a page without access, begins after one, or lies between bytes that are checked
 * (and, under AddressSanitizer, poisoned). Buffers live until the next memory_restart().
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "draw.h"

/* n_bytes at an address that is a multiple of `align` (1, 2, 4, 8 or 64), filled with 0xCC. */
void *memory_take(draw *d, size_t n_bytes, size_t align);

/* Whether the bytes around all buffers are as they were. */
bool memory_is_intact(void);

/* Give all buffers back. */
void memory_restart(void);

#endif
