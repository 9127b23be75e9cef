#include "kernels.h"

#include <string.h>

#include "edgerec.h"

#define ER_KERNEL(family, isa, needs) er_##family##_fn er_##family##_##isa;
#include "kernels.def"

static const er_kernel KERNELS[] = {
#define ER_KERNEL(family, isa, needs) {#family, #isa, needs, (er_kernel_fn *)er_##family##_##isa},
#include "kernels.def"
};

static const char *const ISAS[] = {
#define ER_ISA(name) #name,
#include "kernels.def"
};

enum {
    N_KERNELS = sizeof(KERNELS) / sizeof(KERNELS[0]),
    N_ISAS = sizeof(ISAS) / sizeof(ISAS[0]),
};

size_t er_kernel_count(void) { return N_KERNELS; }
const er_kernel *er_kernel_at(size_t i) { return &KERNELS[i]; }
size_t er_isa_count(void) { return N_ISAS; }
const char *er_isa_at(size_t i) { return ISAS[i]; }

bool er_kernel_runs(const er_kernel *kernel, er_cpu cpu) { return (kernel->needs & ~cpu) == 0; }

/* Position in the published order, 0 for the best; N_ISAS for a name that is not in it. */
static size_t rank_of(const char *isa) {
    size_t rank = 0;
    while (rank < N_ISAS && strcmp(ISAS[rank], isa) != 0) rank++;
    return rank;
}

er_status er_kernel_find(const char *family, const char *isa, const char *ceiling, er_cpu cpu,
                         const er_kernel **found) {
    size_t best = 0;
    if (isa == NULL && ceiling != NULL) {
        best = rank_of(ceiling);
        if (best == N_ISAS) return ER_UNKNOWN_ISA;
    }
    er_status status = ER_UNKNOWN_FAMILY;
    for (const er_kernel *kernel = KERNELS; kernel < KERNELS + N_KERNELS; kernel++) {
        if (strcmp(kernel->family, family) != 0) continue;
        if (status == ER_UNKNOWN_FAMILY) status = isa ? ER_UNKNOWN_ISA : ER_NOT_RUNNABLE;
        bool wanted = isa ? strcmp(kernel->isa, isa) == 0 : rank_of(kernel->isa) >= best;
        if (!wanted) continue;
        if (er_kernel_runs(kernel, cpu)) {
            *found = kernel;
            return ER_OK;
        }
        status = ER_NOT_RUNNABLE;
    }
    return status;
}
