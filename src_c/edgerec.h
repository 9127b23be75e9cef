/* The whole C core. Each header is the manual of its part. */
#ifndef EDGEREC_H
#define EDGEREC_H

#include "cpu.h"
#include "kernels.h"
#include "quantize/quantize.h"
#include "status.h"

#endif
