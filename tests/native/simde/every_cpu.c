/* Emulated, every instruction set runs. */
#include "../../../src_c/cpu.h"

er_cpu er_cpu_detect(void) { return ~(er_cpu)0; }
