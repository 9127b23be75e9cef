#include <string.h>

#include "bitmap.h"

er_join_b1_fn er_join_b1_scalar;
er_count_b1_fn er_count_b1_scalar;

void er_join_b1_scalar(uint8_t *set, const uint8_t *other, size_t bytes, er_join join) {
    switch (join) {
    case ER_JOIN_COPY: memmove(set, other, bytes); return;
    case ER_JOIN_COPY_NOT:
        for (size_t i = 0; i < bytes; i++) set[i] = (uint8_t)~other[i];
        return;
    case ER_JOIN_AND:
        for (size_t i = 0; i < bytes; i++) set[i] &= other[i];
        return;
    case ER_JOIN_AND_NOT:
        for (size_t i = 0; i < bytes; i++) set[i] &= (uint8_t)~other[i];
        return;
    case ER_JOIN_OR:
        for (size_t i = 0; i < bytes; i++) set[i] |= other[i];
        return;
    case ER_JOIN_OR_NOT:
        for (size_t i = 0; i < bytes; i++) set[i] |= (uint8_t)~other[i];
        return;
    case ER_JOINS: return; /* no join */
    }
}

void er_count_b1_scalar(const uint8_t *set, size_t bytes, size_t *count) {
    size_t found = 0, i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, set + i, sizeof word);
        found += (size_t)__builtin_popcountll(word);
    }
    for (; i < bytes; i++) found += (size_t)__builtin_popcount(set[i]);
    *count = found;
}
