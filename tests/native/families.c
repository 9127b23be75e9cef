#include "families.h"

#include <string.h>

const check_family *const check_families[] = {
    &check_quantize_f32, &check_scan_i8,    &check_scan_many_i8,
    &check_topk_f32,     &check_inner_f32,  &check_inner_f16,
    &check_inner_i8,     &check_join_b1,    &check_count_b1,
    &check_combine_b1,   &check_bag_i8,     &check_bag_i4,
    &check_bag_pack,     &check_cosine_f32, &check_cosine_f16,
    &check_l2_f32,       &check_l2_f16,     &check_quantize_columns_f32,
    &check_rotate_f32,   &check_sketch_f32, &check_scan_b1,
    &check_scan_many_b1, &check_weigh_f32,  &check_lists,
    &check_score_i4,     &check_reach_f32,  &check_best_f32,
};
const size_t check_n_families = sizeof check_families / sizeof *check_families;

bool check_covers(const char *kernels) {
    bool found = false;
    for (size_t i = 0; i < check_n_families; i++)
        found |= strcmp(check_families[i]->kernels, kernels) == 0;
    return found;
}
