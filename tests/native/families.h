/* The families' checks. */
#ifndef FAMILIES_H
#define FAMILIES_H

#include "check.h"
#include "take.h"

extern const check_family check_quantize_f32, check_scan_i8, check_scan_many_i8, check_topk_f32;
extern const check_family check_reach_f32, check_best_f32;
extern const check_family check_cosine_f32, check_cosine_f16, check_l2_f32, check_l2_f16;
extern const check_family check_quantize_columns_f32;
extern const check_family check_bag_i8, check_bag_i4, check_bag_pack;
extern const check_family check_inner_f32, check_inner_f16, check_inner_i8;
extern const check_family check_join_b1, check_count_b1, check_combine_b1;
extern const check_family check_rotate_f32, check_sketch_f32;
extern const check_family check_scan_b1, check_scan_many_b1;
extern const check_family check_score_i4, check_weigh_f32, check_lists;

#endif
