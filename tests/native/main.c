/* Every implementation against the scalar one, for a time or a number of cases a family.
 *
 *   check [--seconds S] [--cases N] [--seed N] [--first N] [--only FAMILY] [--isa ISA]
 *
 * Prints for each implementation how often it ran. Exit status: 0 all alike; 2 a family without a
 * check, or a mistyped argument; 3 the ISA that was asked for runs nowhere; a signal at a
 * difference.
 */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

typedef struct {
    double seconds; /* a family; 0 for no limit */
    unsigned long long cases, seed, first;
    const char *only, *isa;
} settings;

static check running;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A read outside a buffer ends here; under AddressSanitizer it says more itself. */
static void on_fault(int number) {
    check_report(&running, "touched a page that is not its own");
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_faults(void) {
#if !defined(__SANITIZE_ADDRESS__)
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
#else
    (void)on_fault;
#endif
}

static int usage(const char *why) {
    fprintf(stderr, "check: %s; see tests/native/main.c\n", why);
    exit(2);
}

static settings parse(int argc, char **argv) {
    settings s = {.cases = 0, .seed = 1};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--seconds") == 0)
            s.seconds = strtod(value, NULL);
        else if (strcmp(name, "--cases") == 0)
            s.cases = strtoull(value, NULL, 10);
        else if (strcmp(name, "--seed") == 0)
            s.seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "--first") == 0)
            s.first = strtoull(value, NULL, 10);
        else if (strcmp(name, "--only") == 0)
            s.only = value;
        else if (strcmp(name, "--isa") == 0)
            s.isa = value;
        else
            usage(name);
    }
    if (argc % 2 == 0) usage("an option without a value");
    if (s.seconds <= 0.0 && s.cases == 0) s.cases = 1000;
    return s;
}

static unsigned long long run_cases(const check_family *family, const settings *s) {
    double end = now() + s->seconds;
    unsigned long long number = s->first;
    for (; !s->cases || number - s->first < s->cases; number++) {
        if (s->seconds > 0.0 && number % 16 == 0 && now() > end) break;
        check_set_case(s->seed, number);
        running.draw = draw_from_seed(s->seed * UINT64_C(0x9E3779B97F4A7C15) ^ number << 20);
        check_run(&running, family);
    }
    return number - s->first;
}

/* How many times another implementation than scalar ran. */
static unsigned long long run_family(const char *name, const settings *s, bool *has_isa) {
    const check_family *family = check_find(name);
    if (!family) usage("a family without a check: add it to tests/native/families.c");
    if (!check_prepare(&running, name, s->isa)) return 0;
    *has_isa = true;
    unsigned long long n = run_cases(family, s);
    printf("%-14s", name);
    for (size_t i = 1; i < running.n_kernels; i++) printf(" %s", running.kernels[i]->isa);
    printf("%s: %llu cases\n", running.n_kernels == 1 ? " scalar alone" : "", n);
    fflush(stdout);
    return n * running.n_kernels;
}

/* Whether a row of the table is the first of its family. */
static bool is_first(size_t i) {
    for (size_t j = 0; j < i; j++)
        if (strcmp(er_kernel_at(j)->family, er_kernel_at(i)->family) == 0) return false;
    return true;
}

int main(int argc, char **argv) {
    settings s = parse(argc, argv);
    unsigned long long executions = 0;
    bool has_isa = false, has_family = false;
    watch_faults();
    for (size_t i = 0; i < er_kernel_count(); i++) {
        const char *name = er_kernel_at(i)->family;
        if (!is_first(i)) continue;
        if (s.only && strcmp(s.only, name) != 0) continue;
        has_family = true;
        executions += run_family(name, &s, &has_isa);
    }
    if (!has_family) usage("no family of this name");
    if (!has_isa) {
        fprintf(stderr, "check: %s cannot run here\n", s.isa);
        return 3;
    }
    printf("%llu executions, no difference\n", executions);
    return 0;
}
