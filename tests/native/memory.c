#define _DEFAULT_SOURCE
#include "memory.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISONS
#endif
#ifdef POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, n_bytes)   ((void)(at), (void)(n_bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, n_bytes) ((void)(at), (void)(n_bytes))
#endif

enum {
    SLOTS = 128,
    PAGE = 1 << 16, /* the largest page of the systems that this runs on */
    MARGIN = 128,   /* bytes around a buffer that are checked */
    FILL = 0xCC,
    CANARY = 0xA5,
};

/* A mapping with a page without access at either end, and the buffer in it. */
typedef struct {
    uint8_t *start;
    size_t n_bytes; /* between the two pages */
    uint8_t *buffer;
    size_t used;
} slot;

static slot slots[SLOTS];
static size_t n_taken;

static void grow(slot *s, size_t n_bytes) {
    if (s->start) munmap(s->start - PAGE, s->n_bytes + 2 * PAGE);
    s->n_bytes = (n_bytes + 2 * MARGIN + PAGE - 1) / PAGE * PAGE;
    uint8_t *map = mmap(NULL, s->n_bytes + 2 * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    s->start = map + PAGE;
    mprotect(map, PAGE, PROT_NONE);
    mprotect(s->start + s->n_bytes, PAGE, PROT_NONE);
}

/* The bytes checked before (or after) a slot's buffer. */
static size_t margin_before(const slot *s) {
    size_t room = (size_t)(s->buffer - s->start);
    return room < MARGIN ? room : MARGIN;
}
static size_t margin_after(const slot *s) {
    size_t room = (size_t)(s->start + s->n_bytes - (s->buffer + s->used));
    return room < MARGIN ? room : MARGIN;
}

/* Against the page behind, against the page before, or at any distance from the page behind. */
static uint8_t *place(draw *d, const slot *s, size_t n_bytes, size_t align) {
    uint8_t *last = s->start + s->n_bytes - n_bytes;
    uint32_t where = draw_below(d, 4);
    if (where == 0) return s->start;
    if (where == 1) last -= draw_below(d, 65);
    return last - (uintptr_t)last % align;
}

void *memory_take(draw *d, size_t n_bytes, size_t align) {
    assert(n_taken < SLOTS);
    slot *s = &slots[n_taken++];
    if (s->n_bytes < n_bytes + MARGIN) grow(s, n_bytes);
    s->buffer = place(d, s, n_bytes, align);
    s->used = n_bytes;
    memset(s->buffer, FILL, n_bytes);
    memset(s->buffer - margin_before(s), CANARY, margin_before(s));
    memset(s->buffer + n_bytes, CANARY, margin_after(s));
    ASAN_POISON_MEMORY_REGION(s->buffer - margin_before(s), margin_before(s));
    ASAN_POISON_MEMORY_REGION(s->buffer + n_bytes, margin_after(s));
    return s->buffer;
}

static bool is_canary(const uint8_t *bytes, size_t n) {
    size_t i = 0;
    while (i < n && bytes[i] == CANARY) i++;
    return i == n;
}

bool memory_is_intact(void) {
    bool intact = true;
    for (slot *s = slots; s < slots + n_taken; s++) {
        uint8_t *before = s->buffer - margin_before(s), *after = s->buffer + s->used;
        ASAN_UNPOISON_MEMORY_REGION(before, margin_before(s));
        ASAN_UNPOISON_MEMORY_REGION(after, margin_after(s));
        intact &= is_canary(before, margin_before(s)) && is_canary(after, margin_after(s));
        ASAN_POISON_MEMORY_REGION(before, margin_before(s));
        ASAN_POISON_MEMORY_REGION(after, margin_after(s));
    }
    return intact;
}

void memory_restart(void) {
    for (slot *s = slots; s < slots + n_taken; s++)
        ASAN_UNPOISON_MEMORY_REGION(s->buffer - margin_before(s),
                                    margin_before(s) + s->used + margin_after(s));
    n_taken = 0;
}
