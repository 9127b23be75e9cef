#include "keys.h"

enum { SHORT = 16 }; /* up to this many, insertion beats another split */

/* The highest bit in which some two of n keys differ; 0 if all are equal. */
static er_key highest_difference(const er_key *keys, size_t n) {
    er_key differences = 0;
    for (size_t i = 1; i < n; i++) differences |= keys[i] ^ keys[0];
    return differences ? (er_key)1 << (63 - __builtin_clzll(differences)) : 0;
}

/* Move the keys that have the bit before those that do not; how many have it. Written without a
 * branch: whether a random key goes left or right cannot be predicted. */
static size_t split(er_key *keys, size_t n, er_key bit) {
    size_t with_bit = 0;
    for (size_t i = 0; i < n; i++) {
        er_key key = keys[i];
        keys[i] = keys[with_bit];
        keys[with_bit] = key;
        with_bit += (key & bit) != 0;
    }
    return with_bit;
}

void er_keys_select(er_key *keys, size_t n, size_t k) {
    while (k > 0 && k < n) {
        er_key bit = highest_difference(keys, n);
        if (bit == 0) return;
        size_t left = split(keys, n, bit);
        if (k < left) {
            n = left;
        } else {
            keys += left;
            n -= left;
            k -= left;
        }
    }
}

static void insertion_sort(er_key *keys, size_t n) {
    for (size_t i = 1; i < n; i++) {
        er_key key = keys[i];
        size_t j = i;
        for (; j > 0 && keys[j - 1] < key; j--) keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

void er_keys_sort(er_key *keys, size_t n) {
    while (n > SHORT) {
        er_key bit = highest_difference(keys, n);
        if (bit == 0) return;
        size_t left = split(keys, n, bit);
        er_keys_sort(keys, left);
        keys += left;
        n -= left;
    }
    insertion_sort(keys, n);
}
