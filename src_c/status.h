/* What an entry point returns.
 *
 * Entry points check their arguments and return one of these; kernels return void. Nothing in the
 * core prints, aborts or hands back a poison value.
 */
#ifndef ER_STATUS_H
#define ER_STATUS_H

typedef enum er_status {
    ER_OK = 0,
    ER_UNKNOWN_FAMILY, /* no kernel family of this name */
    ER_UNKNOWN_ISA,    /* no implementation of this name in the family, or in the published order */
    ER_NOT_RUNNABLE,   /* it is compiled, but this CPU or operating system cannot run it */
    ER_BAD_K,          /* k lies outside [1, ER_TOPK_MAX] */
    ER_TOO_LONG,       /* more elements or rows than the exact range of the kernel */
    ER_BAD_ROW,        /* a row number lies outside the table */
    ER_BAD_RANGE,      /* a range of rows does not lie inside the table */
    ER_BAD_LOOKUPS,    /* lookups that do not belong to the ranges and the queries */
    ER_BAD_OFFSET,     /* an offset falls, or points outside what it divides */
    ER_BAD_CODE,       /* a code lies outside [-127, 127] */
    ER_BAD_SCALE,      /* a scale is not finite, or not positive */
    ER_NOT_FINITE,     /* NaN (or infinity, where the header says so) among the values */
    ER_BAD_STEP        /* a step of a program uses what is not there */
} er_status;

/* One line in English for a message; never NULL. Thread-safe. */
const char *er_status_text(er_status status);

#endif
