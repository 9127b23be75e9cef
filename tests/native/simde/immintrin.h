/* Stands before the compiler's <immintrin.h>: the x86 kernels in portable C, by way of SIMDe, so
 * that AVX-512 runs on a machine without it. The `target` attributes must go, or the compiler would
 * use the very instructions that are to be emulated.
 */
#ifndef SIMDE_IMMINTRIN_H
#define SIMDE_IMMINTRIN_H

#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#pragma GCC diagnostic pop

#include "missing.h"

#define target(features)

#endif
