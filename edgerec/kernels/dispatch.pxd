"""The kernel table (src_c/kernels.h) and `find`, which every door calls."""

from libc.stdint cimport uint32_t

cdef extern from "status.h" nogil:
    ctypedef enum er_status:
        ER_OK
        ER_UNKNOWN_FAMILY
        ER_UNKNOWN_ISA
        ER_NOT_RUNNABLE
        ER_BAD_K
        ER_TOO_LONG
        ER_BAD_ROW
        ER_BAD_RANGE
        ER_BAD_LOOKUPS
        ER_BAD_OFFSET
        ER_BAD_CODE
        ER_BAD_SCALE
        ER_NOT_FINITE
        ER_BAD_STEP
    const char *er_status_text(er_status status)

cdef extern from "kernels.h" nogil:
    ctypedef uint32_t er_cpu
    ctypedef struct er_kernel:
        const char *family
        const char *isa
    er_cpu er_cpu_detect()
    size_t er_kernel_count()
    const er_kernel *er_kernel_at(size_t i)
    size_t er_isa_count()
    const char *er_isa_at(size_t i)
    bint er_kernel_runs(const er_kernel *kernel, er_cpu cpu)
    er_status er_kernel_find(
        const char *family, const char *isa, const char *ceiling, er_cpu cpu,
        const er_kernel **found)

cdef const er_kernel *find(const char *family, str isa) except NULL
cdef const er_kernel *find_up_to(const char *family, str ceiling) except NULL
