/* The table of kernels and the one way to choose from it.
 *
 * Compiled, runnable and chosen are three questions: the table holds what was compiled,
 * er_kernel_runs() answers for one CPU, er_kernel_find() chooses. The table is const and nothing
 * flips a global, so all of this is reentrant and thread-safe.
 */
#ifndef ER_KERNELS_H
#define ER_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu.h"
#include "status.h"

/* The type behind every kernel pointer; cast it to the family's er_<family>_fn before calling. */
typedef void er_kernel_fn(void);

typedef struct er_kernel {
    const char *family; /* "<op>_<dtype>" */
    const char *isa;    /* a feature name, never a product's */
    er_cpu needs;       /* every one of these features */
    er_kernel_fn *fn;
} er_kernel;

/* The compiled implementations, in the order of kernels.def. */
size_t er_kernel_count(void);
const er_kernel *er_kernel_at(size_t i); /* i < er_kernel_count() */

/* The published order of the ISAs in this build, best first. */
size_t er_isa_count(void);
const char *er_isa_at(size_t i); /* i < er_isa_count() */

bool er_kernel_runs(const er_kernel *kernel, er_cpu cpu);

/* Choose an implementation.
 *   family   a name from kernels.def
 *   isa      exactly this one; NULL takes the best runnable one up to the ceiling
 *   ceiling  the best ISA allowed when isa is NULL; NULL for no ceiling
 *   found    written on ER_OK alone
 * ER_UNKNOWN_FAMILY, ER_UNKNOWN_ISA (isa or ceiling; a mistyped name never falls back), or
 * ER_NOT_RUNNABLE (isa is compiled, but not for this CPU). */
er_status er_kernel_find(const char *family, const char *isa, const char *ceiling, er_cpu cpu,
                         const er_kernel **found);

#endif
