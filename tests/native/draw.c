#include "draw.h"

#include <float.h>
#include <math.h>

draw draw_from_seed(uint64_t seed) { return (draw){.state = seed}; }

draw draw_from_bytes(const uint8_t *bytes, size_t n) { return (draw){.bytes = bytes, .left = n}; }

/* SplitMix64 (Steele, Lea & Flood 2014). */
static uint64_t next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint32_t draw_below(draw *d, uint32_t n) {
    uint64_t bits = 0;
    size_t wanted = n <= 1 ? 0 : n <= 1 << 8 ? 1 : n <= 1 << 16 ? 2 : 4;
    if (d->left < wanted) d->left = 0;
    if (!d->left) return (uint32_t)(next(&d->state) % n);
    for (size_t i = 0; i < wanted; i++) bits = bits << 8 | d->bytes[i];
    d->bytes += wanted;
    d->left -= wanted;
    return (uint32_t)(bits % n);
}

/* Not at 0, which a fuzzer tries most: what is drawn seldom is mostly dear, or refused. */
bool draw_one_in(draw *d, uint32_t n) { return draw_below(d, n) == n - 1; }

size_t draw_length(draw *d, size_t most) {
    static const uint16_t multiples[] = {1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384};
    size_t n_multiples = sizeof multiples / sizeof *multiples;
    uint32_t around = draw_below(d, 4);
    size_t n = draw_below(d, (uint32_t)most + 1);
    if (around) n = multiples[n % n_multiples] + around - 2; /* one less, as many, one more */
    return n <= most ? n : most;
}

size_t draw_rows(draw *d, size_t width) {
    if (draw_one_in(d, 200)) return (1 << 20) / (width + 1) + draw_below(d, 1000);
    size_t n = draw_length(d, 700);
    return width > 1000 ? n % 80 : n;
}

/* Bulk data comes from a generator of its own: a fuzzer's bytes would not suffice. */
static uint64_t bulk(draw *d) { return (uint64_t)draw_below(d, 1 << 16) << 20; }

void draw_codes(draw *d, int8_t *codes, size_t n, int most) {
    uint32_t pattern = draw_below(d, 8);
    uint64_t state = bulk(d), word = 0;
    for (size_t i = 0; i < n; i++, word >>= 8) {
        if (i % 8 == 0) word = next(&state);
        int any = (int)((word & 0xFF) * (unsigned)(2 * most + 1) >> 8) - most;
        switch (pattern) {
        case 0: any = most; break;
        case 1: any = -most; break;
        case 2: any = any < 0 ? -most : most; break;
        case 3: any = any % 2; break;
        case 4: any = 0; break;
        case 5: any = (int)(i % (unsigned)(2 * most + 1)) - most; break;
        case 6: any = any > most - 3 ? any : 0; break;
        default: break;
        }
        codes[i] = (int8_t)any;
    }
}

static float uniform(uint64_t *state) {
    return (float)((int32_t)(next(state) >> 40) - (1 << 23)) * 0x1p-23f;
}

void draw_floats(draw *d, float *x, size_t n) {
    uint32_t pattern = draw_below(d, 9);
    uint64_t state = bulk(d);
    for (size_t i = 0; i < n; i++) {
        float any = uniform(&state);
        switch (pattern) {
        case 0: any = rintf(any * 2); break;
        case 1: any = copysignf(0.0f, any); break;
        case 2: any = (float)i; break;
        case 3: any = -(float)i; break;
        case 4: any *= 1e37f; break;
        case 5: any *= FLT_MIN; break;
        case 6: any = 1.0f; break;
        default: break;
        }
        x[i] = any;
    }
}

void draw_faults(draw *d, float *x, size_t n) {
    static const float faults[] = {NAN, -NAN, INFINITY, -INFINITY};
    if (!n || !draw_one_in(d, 4)) return;
    for (uint32_t left = 1 + draw_below(d, 3); left > 0; left--)
        x[draw_below(d, (uint32_t)n)] = faults[draw_below(d, 4)];
}

void draw_scales(draw *d, float *scales, size_t n) {
    draw_floats(d, scales, n);
    for (size_t i = 0; i < n; i++) scales[i] = fabsf(scales[i]) + 0x1p-20f;
}

void draw_bitmap(draw *d, uint8_t *bitmap, size_t n_bytes) {
    uint32_t pattern = draw_below(d, 6), run = 1 + draw_below(d, 64);
    uint64_t state = bulk(d);
    for (size_t i = 0; i < n_bytes; i++) {
        uint64_t any = next(&state);
        switch (pattern) {
        case 0: any = 0; break;
        case 1: any = 0xFF; break;
        case 2: any &= any >> 8 & any >> 16 & any >> 24 & any >> 32; break;
        case 3: any |= any >> 8 | any >> 16; break;
        case 4: any = i / run % 2 ? 0xFF : 0; break;
        default: break;
        }
        bitmap[i] = (uint8_t)any;
    }
}
