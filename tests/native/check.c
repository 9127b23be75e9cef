#include "check.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long long case_seed, case_number;

void check_set_case(unsigned long long seed, unsigned long long number) {
    case_seed = seed;
    case_number = number;
}

void check_report(const check *c, const char *what) {
    fprintf(stderr, "%s %s: %s; case %llu of seed %llu\n", c->family->name, c->now->isa, what,
            case_number, case_seed);
}

static void differ(const check *c, const char *what) {
    check_report(c, what);
    abort();
}

const er_kernel *check_beside(const er_kernel *kernel, const char *family) {
    const er_kernel *found = NULL;
    er_kernel_find(family, NULL, kernel->isa, kernel->needs, &found);
    return found;
}

bool check_prepare(check *c, const check_family *family, const char *isa, er_cpu cpu) {
    c->family = family;
    c->n_kernels = 0;
    for (size_t i = er_kernel_count(); i-- > 0;) { /* scalar, the last, comes first */
        const er_kernel *kernel = er_kernel_at(i);
        if (strcmp(kernel->family, family->kernels) != 0 || !er_kernel_runs(kernel, cpu)) continue;
        if (c->n_kernels && isa && strcmp(kernel->isa, isa) != 0) continue;
        c->kernels[c->n_kernels++] = kernel;
    }
    return !isa || c->n_kernels == 2 || strcmp(isa, "scalar") == 0;
}

static bool alike(const output *a, const output *b, size_t i) {
    float x, y;
    if (memcmp((char *)a->at + i, (char *)b->at + i, 4) == 0) return true;
    memcpy(&x, (char *)a->at + i, 4);
    memcpy(&y, (char *)b->at + i, 4);
    return isnan(x) && isnan(y);
}

static void compare_output(const check *c, const output *expected, const output *got) {
    if (!got->at || memcmp(expected->at, got->at, got->n_bytes) == 0) return;
    if (!got->floats) differ(c, got->name);
    for (size_t i = 0; i < got->n_bytes; i += 4)
        if (!alike(expected, got, i)) differ(c, got->name);
}

static void compare(const check *c, const answer *expected, const answer *got) {
    if (expected->status != got->status) differ(c, "status");
    if (expected->count != got->count) differ(c, "count");
    for (size_t i = 0; i < MOST_OUTPUTS; i++)
        compare_output(c, &expected->outputs[i], &got->outputs[i]);
}

/* What one thread does: every implementation on the shared inputs. */
typedef struct {
    check *c;
    const check_family *family;
    answer *answers;
} shift;

static void *work(void *argument) {
    shift *s = argument;
    for (size_t i = 0; i < s->c->n_kernels; i++) {
        if (s->c->n_threads == 1) s->c->now = s->c->kernels[i];
        s->family->run(s->c->kernels[i], s->c->inputs, &s->answers[i]);
    }
    return NULL;
}

static void work_together(check *c, const check_family *family) {
    pthread_t threads[MOST_THREADS];
    shift shifts[MOST_THREADS];
    for (size_t t = 0; t < c->n_threads; t++) {
        shifts[t] = (shift){c, family, c->answers[t]};
        if (t > 0 && pthread_create(&threads[t], NULL, work, &shifts[t]) != 0) abort();
    }
    work(&shifts[0]);
    for (size_t t = 1; t < c->n_threads; t++) pthread_join(threads[t], NULL);
}

void check_run(check *c) {
    const check_family *family = c->family;
    memory_restart();
    c->now = c->kernels[0];
    family->draw(c, c->inputs);
    for (size_t t = 0; t < c->n_threads; t++)
        for (size_t i = 0; i < c->n_kernels; i++) {
            c->answers[t][i] = (answer){.status = ER_OK};
            family->room(c, c->inputs, &c->answers[t][i]);
        }
    work_together(c, family);
    for (size_t t = 0; t < c->n_threads; t++)
        for (size_t i = 0; i < c->n_kernels; i++) {
            c->now = c->kernels[i];
            compare(c, &c->answers[0][0], &c->answers[t][i]);
        }
    c->n_accepted += c->answers[0][0].status == ER_OK;
    if (!memory_is_intact()) differ(c, "bytes outside the buffers were written");
}
