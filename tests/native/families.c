#include <string.h>

#include "check.h"

static const check_family FAMILIES[] = {
    {"topk_f32", check_topk_f32},   {"quantize_f32", check_quantize_f32},
    {"scan_i8", check_scan_i8},     {"inner_f32", check_inner_f32},
    {"inner_f16", check_inner_f16}, {"inner_i8", check_inner_i8},
};

const check_family *check_find(const char *name) {
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++)
        if (strcmp(FAMILIES[i].name, name) == 0) return &FAMILIES[i];
    return NULL;
}
