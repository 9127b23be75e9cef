/* The cases of tests/native, shaped by libFuzzer: the first byte picks the family, the others are
 * what the case is drawn from. A difference aborts; the sanitizers and the guards see the rest. */
#include <stdlib.h>

#include "../native/check.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST_FAMILIES = 64 };

/* One a family, with its kernels: asked for once, since comparisons of names mislead the fuzzer. */
static check prepared[MOST_FAMILIES];

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    er_cpu cpu = er_cpu_detect();
    if (check_n_families > MOST_FAMILIES) abort();
    for (size_t i = 0; i < check_n_families; i++) {
        check_prepare(&prepared[i], check_families[i], NULL, cpu);
        prepared[i].n_threads = 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n == 0) return 0;
    check *running = &prepared[bytes[0] % check_n_families];
    running->draw = draw_from_bytes(bytes + 1, n - 1);
    check_run(running);
    return 0;
}
