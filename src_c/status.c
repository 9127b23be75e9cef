#include "status.h"

const char *er_status_text(er_status status) {
    switch (status) {
    case ER_OK: return "ok";
    case ER_UNKNOWN_FAMILY: return "no kernel family of this name";
    case ER_UNKNOWN_ISA: return "no implementation for an ISA of this name";
    case ER_NOT_RUNNABLE: return "this CPU or operating system cannot run this ISA";
    case ER_BAD_K: return "k lies outside its range";
    case ER_TOO_LONG: return "more elements than the kernel is exact for";
    case ER_BAD_ROW: return "a row number lies outside the table";
    case ER_BAD_RANGE: return "a range of rows lies outside the table";
    case ER_BAD_LOOKUPS: return "lookups that do not belong to the ranges and the queries";
    case ER_BAD_OFFSET: return "an offset falls, or points outside what it divides";
    case ER_BAD_CODE: return "a code lies outside [-127, 127]";
    case ER_BAD_SCALE: return "a scale is not finite and positive";
    case ER_NOT_FINITE: return "a value is not finite";
    case ER_BAD_STEP: return "a step of a program uses what is not there";
    }
    return "unknown status";
}
