/* Every implementation against the scalar one, bit by bit.
 *
 * A case of a family is drawn once: its inputs, which nobody writes from then on, and room for the
 * answer of each implementation. Each is run on the inputs, through the entry point, in one thread
 * or in several, and all answers must be alike. A difference is printed with what repeats it, and
 * aborts the program.
 */
#ifndef CHECK_H
#define CHECK_H

#include "../../src_c/edgerec.h"
#include "draw.h"
#include "memory.h"

enum { MOST_KERNELS = 8, MOST_OUTPUTS = 4, MOST_THREADS = 4, MOST_INPUT_BYTES = 1024 };

/* An array that an entry point writes. */
typedef struct output {
    const char *name;
    void *at;
    size_t n_bytes;
    bool floats; /* NaNs are alike, whatever their bits */
} output;

typedef struct answer {
    er_status status;
    size_t
        count; /* rows found, rows done, or where a fault is; 0 where the header leaves it open */
    output outputs[MOST_OUTPUTS];
    void *scratch;
} answer;

typedef struct check_family check_family;

typedef struct check {
    draw draw;
    const check_family *family;
    const er_kernel *kernels[MOST_KERNELS]; /* runnable; kernels[0] is scalar */
    size_t n_kernels;
    size_t n_threads;     /* that run each case at the same time */
    size_t n_accepted;    /* cases whose arguments were good, and which so reached the kernels */
    const er_kernel *now; /* the one that runs, or that differs */
    answer answers[MOST_THREADS][MOST_KERNELS];
    _Alignas(64) char inputs[MOST_INPUT_BYTES]; /* the family's own struct */
} check;

struct check_family {
    const char *name;
    const char *kernels; /* the family in kernels.def */
    /* Draw the inputs of a case. */
    void (*draw)(check *c, void *inputs);
    /* Take the room of an answer. */
    void (*room)(check *c, const void *inputs, answer *out);
    /* Call the entry point. */
    void (*run)(const er_kernel *kernel, const void *inputs, answer *out);
};

/* The families that have a check. */
extern const check_family *const check_families[];
extern const size_t check_n_families;

/* Whether some check runs the kernels of this family. */
bool check_covers(const char *kernels);

/* The kernels of a family that `cpu` runs; with `isa`, that one and scalar. false: there is none of
 * that name. */
bool check_prepare(check *c, const check_family *family, const char *isa, er_cpu cpu);

/* The best kernel of another family that needs no more of a CPU than this one. */
const er_kernel *check_beside(const er_kernel *kernel, const char *family);

/* Run one case, drawn from c->draw, and compare answers and guards. */
void check_run(check *c);

/* How to repeat the case under way, for the message of a difference or a crash. */
void check_set_case(unsigned long long seed, unsigned long long number);
void check_report(const check *c, const char *what);

#endif
