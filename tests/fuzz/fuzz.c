/* The cases of tests/native, shaped by libFuzzer: the first byte picks the family, the others are
 * what the case is drawn from. A difference aborts; the sanitizers and the guards see the rest. */
#include "../native/check.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static er_cpu cpu;
static check running = {.n_threads = 1};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    cpu = er_cpu_detect();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n == 0) return 0;
    const check_family *family = check_families[bytes[0] % check_n_families];
    check_prepare(&running, family, NULL, cpu);
    running.draw = draw_from_bytes(bytes + 1, n - 1);
    check_run(&running);
    return 0;
}
