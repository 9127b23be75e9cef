/* Every implementation against the scalar one, bit by bit.
 *
 * A family's check draws one case, runs the scalar implementation and then each other one on it,
 * through the entry point, and compares status and results. A difference is printed with what
 * repeats it, and ends the program.
 */
#ifndef CHECK_H
#define CHECK_H

#include "../../src_c/edgerec.h"
#include "draw.h"
#include "memory.h"

enum { MOST_KERNELS = 8 };

typedef struct check {
    draw draw;
    const er_kernel *kernels[MOST_KERNELS]; /* of one family, runnable; kernels[0] is scalar */
    size_t n_kernels;
    const er_kernel *now; /* the one that runs */
} check;

/* Draw one case of a family and compare. */
typedef void check_case(check *c);

typedef struct check_family {
    const char *name; /* in kernels.def */
    check_case *run;
} check_family;

/* The check of a family; NULL if nobody wrote it. */
const check_family *check_find(const char *name);

check_case check_topk_f32, check_quantize_f32, check_scan_i8, check_inner_f32, check_inner_f16,
    check_inner_i8;

/* The kernels that this CPU runs (of one ISA and scalar if `isa` is given). false: `isa` is not
 * among them. */
bool check_prepare(check *c, const char *family, const char *isa);

/* Run one case with what was drawn into c->draw; compares the guards too. */
void check_run(check *c, const check_family *family);

/* Differences end the program here; `what` names the result. */
void expect_equal(const check *c, const char *what, long long expected, long long got);
void expect_bytes(const check *c, const char *what, const void *expected, const void *got,
                  size_t n_bytes);
void expect_floats(const check *c, const char *what, const float *expected, const float *got,
                   size_t n); /* the same bits, or both NaN */

/* How to repeat the case under way, for the message of a difference or a crash. */
void check_set_case(unsigned long long seed, unsigned long long number);
void check_report(const check *c, const char *what);

/* What a search returns. */
typedef struct ranked {
    er_status status;
    size_t found;
    er_key *keys;
    int32_t *rows;
    float *scores;
} ranked;

ranked ranked_take(check *c, size_t k, size_t n);
void expect_ranked(const check *c, const ranked *expected, const ranked *got);

/* A k, at times one that is not allowed; the room for it. */
size_t draw_k(draw *d, size_t n);

/* Guarded arrays. */
int8_t *take_codes(check *c, size_t n, int most);
float *take_floats(check *c, size_t n);
float *take_scales(check *c, size_t n);
uint8_t *take_eligible(check *c, size_t n);   /* a bitmap of n rows, or NULL */
er_query_i8 take_query(check *c, size_t dim); /* at times one that is refused */
er_rows_i8 take_table(check *c, size_t n, size_t dim);
int32_t *take_row_numbers(check *c, size_t m, size_t n); /* m of n rows; at times one outside */

#endif
