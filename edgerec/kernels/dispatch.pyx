"""Which kernels were compiled, which can run here, and which one a call gets.

A family is one operation on one dtype, an implementation is one ISA of it.  ``isa=`` of a door is
exact.  Without it the best runnable implementation is taken, up to the ceiling that the
environment variable ``EDGEREC_ISA`` names in the order of `isas`.  A mistyped name is an error in
both places, never a silent fallback.
"""

import os

from libc.stdlib cimport getenv

from edgerec.errors import UnknownKernel

__all__ = ["chosen", "families", "implementations", "isas", "runnable"]

# A CPUID traps under a hypervisor (microseconds), and its answer never changes: asked once.
cdef er_cpu CPU = er_cpu_detect()


def isas():
    """ISAs compiled into this build, best first."""
    return tuple([er_isa_at(i).decode() for i in range(er_isa_count())])


def runnable():
    """ISAs that this CPU and operating system can run, best first."""
    able = {er_kernel_at(i).isa.decode()
            for i in range(er_kernel_count()) if er_kernel_runs(er_kernel_at(i), CPU)}
    return tuple([isa for isa in isas() if isa in able])


def families():
    """Names of the kernel families, in the order of the table."""
    return tuple(dict.fromkeys([er_kernel_at(i).family.decode()
                                for i in range(er_kernel_count())]))


def implementations(str family not None):
    """``(isa, can it run here)`` of each implementation of `family`, best first."""
    found = tuple([(er_kernel_at(i).isa.decode(), er_kernel_runs(er_kernel_at(i), CPU))
                   for i in range(er_kernel_count())
                   if er_kernel_at(i).family.decode() == family])
    if not found:
        raise UnknownKernel(f"no kernel family {family!r}; there are {', '.join(families())}")
    return found


def chosen(str family not None, str isa=None):
    """The ISA that a call with this ``isa=`` uses now; raises UnknownKernel as the call would."""
    return find(family.encode(), isa).isa.decode()


cdef const er_kernel *find(const char *family, str isa) except NULL:
    """The implementation to call; the caller holds the GIL."""
    cdef const er_kernel *found = NULL
    cdef const char *ceiling = getenv(b"EDGEREC_ISA")
    cdef bytes exact
    cdef er_status status
    if isa is None:
        status = er_kernel_find(family, NULL, ceiling, CPU, &found)
    else:
        exact = isa.encode(errors="backslashreplace")
        status = ER_UNKNOWN_ISA  # C would not look past a NUL
        if b"\0" not in exact:
            status = er_kernel_find(family, exact, NULL, CPU, &found)
    if status != ER_OK:
        raise refusal(status, family.decode(), isa)
    return found


cdef const er_kernel *find_up_to(const char *family, str ceiling) except NULL:
    """The best implementation that is no better than `ceiling`, and runs here; as `find` for None.

    For operations that are made of several families, which do not have the same ISAs.
    """
    if ceiling is None:
        return find(family, None)
    if ceiling not in isas():
        raise UnknownKernel(f"no ISA {ceiling!r}; there are {', '.join(isas())}")
    cdef const er_kernel *found = NULL
    cdef bytes best = ceiling.encode()
    cdef er_status status = er_kernel_find(family, NULL, best, CPU, &found)
    if status != ER_OK:
        raise refusal(status, family.decode(), ceiling)
    return found


cdef object refusal(er_status status, str family, str isa):
    """The exception for a kernel that was not found."""
    reason = er_status_text(status).decode()
    if status == ER_UNKNOWN_FAMILY:
        return UnknownKernel(f"{family!r}: {reason}; there are {', '.join(families())}")
    if isa is None:
        wanted = f"EDGEREC_ISA={os.environ.get('EDGEREC_ISA', '')!r}"
        return UnknownKernel(f"{wanted}: {reason}; set one of {', '.join(isas())}, or unset it")
    able = ", ".join(name for name, runs in implementations(family) if runs)
    return UnknownKernel(f"isa={isa!r} for {family}: {reason}; this machine runs {able}")
