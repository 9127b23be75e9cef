/* Every implementation against the scalar one, for a time or a number of cases.
 *
 *   check [--seconds S] [--cases N] [--seed N] [--first N] [--threads N] [--only FAMILY] [--isa ISA]
 *
 * S is shared by the families, N is of each. A difference or a crash names a case and its seed:
 * --seed, --first and --cases 1 repeat it. Exit status: 0 all alike; 2 a family without a check, or a
 * mistyped argument; 3 no kernel of the family or ISA that was asked for runs here; a signal at a difference.
 */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"

typedef struct {
    double seconds; /* 0 for no limit */
    unsigned long long cases, seed, first, threads;
    const char *only, *isa;
} settings;

static check running;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A read outside a buffer ends here. */
static void on_fault(int number) {
    check_report(&running, "touched a page that is not its own");
    signal(number, SIG_DFL);
    raise(number);
}

static void refuse(const char *why) {
    fprintf(stderr, "check: %s; see tests/native/main.c\n", why);
    exit(2);
}

static settings parse(int argc, char **argv) {
    settings s = {.seed = 1, .threads = 1};
    const struct {
        const char *name;
        unsigned long long *number;
    } numbers[] = {{"--cases", &s.cases},
                   {"--seed", &s.seed},
                   {"--first", &s.first},
                   {"--threads", &s.threads}};
    if (argc % 2 == 0) refuse("an option without a value");
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        size_t j = 0;
        while (j < 4 && strcmp(numbers[j].name, name) != 0) j++;
        if (j < 4)
            *numbers[j].number = strtoull(value, NULL, 10);
        else if (strcmp(name, "--seconds") == 0)
            s.seconds = strtod(value, NULL);
        else if (strcmp(name, "--only") == 0)
            s.only = value;
        else if (strcmp(name, "--isa") == 0)
            s.isa = value;
        else
            refuse(name);
    }
    if (s.threads < 1 || s.threads > MOST_THREADS) refuse("--threads");
    if (s.seconds <= 0.0 && s.cases == 0) s.cases = 1000;
    return s;
}

static unsigned long long run_cases(const settings *s, double end) {
    unsigned long long number = s->first;
    for (; !s->cases || number - s->first < s->cases; number++) {
        if (s->seconds > 0.0 && number % 16 == 0 && now() > end) break;
        check_set_case(s->seed, number);
        running.draw = draw_from_seed(s->seed * UINT64_C(0x9E3779B97F4A7C15) ^ number << 20);
        check_run(&running);
    }
    return number - s->first;
}

/* How many times a kernel ran. */
static unsigned long long run_family(const settings *s, double end) {
    running.n_accepted = 0;
    unsigned long long n = run_cases(s, end);
    printf("%-20s", running.family->name);
    for (size_t i = 1; i < running.n_kernels; i++) printf(" %s", running.kernels[i]->isa);
    printf("%s: %llu cases, %zu accepted\n", running.n_kernels == 1 ? " scalar alone" : "", n,
           running.n_accepted);
    fflush(stdout);
    return n * running.n_kernels * running.n_threads;
}

static void refuse_unchecked(void) {
    for (size_t i = 0; i < er_kernel_count(); i++)
        if (!check_covers(er_kernel_at(i)->family)) {
            fprintf(stderr, "%s: ", er_kernel_at(i)->family);
            refuse("a family without a check, to be written in tests/native/families");
        }
}

int main(int argc, char **argv) {
    settings s = parse(argc, argv);
    unsigned long long executions = 0;
    double start = now();
    er_cpu cpu = er_cpu_detect();
    refuse_unchecked();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they say more themselves */
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
#else
    (void)on_fault;
#endif
    running.n_threads = s.threads;
    for (size_t i = 0; i < check_n_families; i++) {
        const check_family *family = check_families[i];
        if (s.only && strcmp(s.only, family->name) != 0) continue;
        if (!check_prepare(&running, family, s.isa, cpu)) continue;
        double share = s.only ? 1.0 : (double)(i + 1) / (double)check_n_families;
        executions += run_family(&s, start + s.seconds * share);
    }
    if (executions == 0) {
        fprintf(stderr, "check: nothing of this name runs here\n");
        return 3;
    }
    printf("%llu executions, no difference\n", executions);
    return 0;
}
