#include "keys.h"

#include <stdbool.h>

enum {
    SHORT = 16,   /* up to this many, insertion beats another split */
    SAMPLE = 32,  /* keys that a pivot is chosen from */
    SAMPLED = 400 /* from so many keys on, that pays */
};

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

/* The same for the keys above a pivot, which is one of them: at least one stays behind. */
static size_t split_above(er_key *keys, size_t n, er_key pivot) {
    size_t above = 0;
    for (size_t i = 0; i < n; i++) {
        er_key key = keys[i];
        keys[i] = keys[above];
        keys[above] = key;
        above += key > pivot;
    }
    return above;
}

static void insertion_sort(er_key *keys, size_t n) {
    for (size_t i = 1; i < n; i++) {
        er_key key = keys[i];
        size_t j = i;
        for (; j > 0 && keys[j - 1] < key; j--) keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* One of n keys that about k of them exceed: the one that does so in a sample. */
static er_key pivot_for(const er_key *keys, size_t n, size_t k) {
    er_key sample[SAMPLE];
    for (size_t i = 0; i < SAMPLE; i++) sample[i] = keys[i * (n / SAMPLE)];
    insertion_sort(sample, SAMPLE);
    return sample[k / (n / SAMPLE + 1)];
}

/* Scores crowd at the low end of what is selected from, so splits by bits take few of them away at
 * a time. A pivot takes half of them. Where it does not, the bits have a turn, so that no order of
 * keys takes more than 64 passes of little use. */
void er_keys_select(er_key *keys, size_t n, size_t k) {
    bool by_pivot = true;
    while (k > 0 && k < n) {
        size_t left;
        const size_t before = n;
        if (by_pivot && n >= SAMPLED) {
            left = split_above(keys, n, pivot_for(keys, n, k));
        } else {
            er_key bit = highest_difference(keys, n);
            if (bit == 0) return;
            left = split(keys, n, bit);
        }
        if (k < left) {
            n = left;
        } else {
            keys += left;
            n -= left;
            k -= left;
        }
        by_pivot = !by_pivot || n <= before - before / 4;
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
