/* What this CPU and this operating system can run.
 *
 * On x86 an instruction set counts only if CPUID reports it *and* the operating system saves its
 * registers (XGETBV): a kernel may mask AVX-512 away on a CPU that has it. On AArch64 Linux answers
 * for both (AT_HWCAP); elsewhere it is what the compiler may assume.
 */
#ifndef ER_CPU_H
#define ER_CPU_H

#include <stdint.h>

/* A set of features; implementations name the ones they need in kernels.def. */
typedef uint32_t er_cpu;

#define ER_CPU_AVX2            (UINT32_C(1) << 0) /* AVX2 */
#define ER_CPU_F16C            (UINT32_C(1) << 1) /* half <-> single conversion */
#define ER_CPU_AVX512          (UINT32_C(1) << 2) /* AVX-512 F, BW, VL and DQ */
#define ER_CPU_AVX512VNNI      (UINT32_C(1) << 3) /* AVX-512 VNNI */
#define ER_CPU_AVX512VPOPCNTDQ (UINT32_C(1) << 4) /* AVX-512 VPOPCNTDQ */
#define ER_CPU_NEON            (UINT32_C(1) << 5) /* Advanced SIMD of AArch64 */
#define ER_CPU_NEONDOT         (UINT32_C(1) << 6) /* its int8 dot products (FEAT_DotProd) */

/* Ask the hardware. Under a hypervisor a CPUID costs microseconds, so ask once and keep the answer:
 * it does not change while the process lives. No global state, thread-safe. */
er_cpu er_cpu_detect(void);

#endif
