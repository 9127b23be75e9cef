#include "cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>

/* Bits of XCR0: the register files that the operating system saves at a context switch. */
enum { XCR0_SSE_AVX = 0x06, XCR0_AVX512 = 0xE6 };

/* CPUID.1:ECX */
enum { ECX1_OSXSAVE = 1 << 27, ECX1_F16C = 1 << 29 };
/* CPUID.7.0:EBX and ECX */
enum { EBX7_AVX2 = 1 << 5, EBX7_AVX512F = 1 << 16, EBX7_AVX512DQ = 1 << 17 };
enum { EBX7_AVX512BW = 1 << 30, ECX7_AVX512VNNI = 1 << 11, ECX7_AVX512VPOPCNTDQ = 1 << 14 };
static const unsigned EBX7_AVX512VL = 1u << 31;

static unsigned saved_registers(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

er_cpu er_cpu_detect(void) {
    unsigned eax, ebx1, ebx7, ecx1, ecx7, edx;
    if (!__get_cpuid(1, &eax, &ebx1, &ecx1, &edx)) return 0;
    if (!(ecx1 & ECX1_OSXSAVE)) return 0; /* xgetbv would fault */
    if (!__get_cpuid_count(7, 0, &eax, &ebx7, &ecx7, &edx)) return 0;

    unsigned saved = saved_registers();
    er_cpu cpu = 0;
    if ((saved & XCR0_SSE_AVX) != XCR0_SSE_AVX) return 0;
    if (ebx7 & EBX7_AVX2) cpu |= ER_CPU_AVX2;
    if (ecx1 & ECX1_F16C) cpu |= ER_CPU_F16C;

    if ((saved & XCR0_AVX512) != XCR0_AVX512) return cpu;
    unsigned wide = EBX7_AVX512F | EBX7_AVX512DQ | EBX7_AVX512BW | EBX7_AVX512VL;
    if ((ebx7 & wide) == wide) cpu |= ER_CPU_AVX512;
    if (ecx7 & ECX7_AVX512VNNI) cpu |= ER_CPU_AVX512VNNI;
    if (ecx7 & ECX7_AVX512VPOPCNTDQ) cpu |= ER_CPU_AVX512VPOPCNTDQ;
    return cpu;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

er_cpu er_cpu_detect(void) {
    unsigned long features = getauxval(AT_HWCAP);
    er_cpu cpu = 0;
    if (features & HWCAP_ASIMD) cpu |= ER_CPU_NEON;
    if (features & HWCAP_ASIMDDP) cpu |= ER_CPU_NEONDOT;
    return cpu;
}

#elif defined(__aarch64__)

er_cpu er_cpu_detect(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    return ER_CPU_NEON | ER_CPU_NEONDOT;
#else
    return ER_CPU_NEON;
#endif
}

#else

er_cpu er_cpu_detect(void) { return 0; }

#endif
