/* The whole C core. Each header is the manual of its part. */
#ifndef EDGEREC_H
#define EDGEREC_H

#include "bags/bags.h"
#include "bitmap/bitmap.h"
#include "cpu.h"
#include "identifiers/find.h"
#include "kernels.h"
#include "lists/lists.h"
#include "lists/score_i4.h"
#include "lists/weigh.h"
#include "quantize/quantize.h"
#include "ranges.h"
#include "rerank/inner_i8.h"
#include "rerank/rerank.h"
#include "rotate/rotate.h"
#include "scan/scan.h"
#include "scan/scan_many.h"
#include "sketch/scan_b1.h"
#include "sketch/sketch.h"
#include "status.h"
#include "topk/best.h"
#include "topk/reach.h"
#include "topk/topk.h"

#endif
