/* Rows of external ids: by their CRC-32, then by their bytes.
 *
 * Hashes are spread evenly, so that a hash says where about in the sorted ones it stands. Lookups
 * wait for memory more than for anything else; some are under way together, each step asking for
 * what the next one needs.
 *
 * Everything may be mapped from a file: what lies outside is passed over, never followed. No
 * allocation, no global state, reentrant.
 */
#ifndef ER_IDENTIFIERS_FIND_H
#define ER_IDENTIFIERS_FIND_H

#include <stddef.h>
#include <stdint.h>

typedef struct er_identifiers {
    const uint32_t *hashes; /* n, ascending: CRC-32 (zlib's) of the ids */
    const int32_t *order;   /* n: the rows in the order of their hashes; those of one hash ascend */
    const int64_t *offsets; /* n + 1: row i is data[offsets[i]] to data[offsets[i + 1]] */
    const uint8_t *data;
    size_t n, n_bytes;
} er_identifiers;

typedef struct er_bytes {
    const uint8_t *at; /* NULL for what can be no id */
    size_t n;
} er_bytes;

/* Find the first row of each of m ids, in the order of its hash, that is visible; -1 for none.
 *   visible  bitmap (topk/eligible.h) of at least n rows, or NULL for all */
void er_identifiers_find(const er_identifiers *identifiers, const er_bytes *wanted, size_t m,
                         const uint8_t *visible, int32_t *rows);

#endif
