"""The rate of the cycle counter, measured once per process against the monotonic clock."""

from libc.stdint cimport int64_t

from hft._core.base.runclock cimport monotonic_ns

cdef enum:
    CALIBRATION_NS = 5000000    # two readings 5 ms apart: an error of about 30 ns in each changes the rate by less than 2e-5

cdef uint64_t _cycles_0 = cycles_now()
cdef int64_t _ns_0 = monotonic_ns()
cdef double _rate = 0.0


cpdef double cycles_per_ns():
    """Cycles per nanosecond. The first call may take 5 ms; later calls return the rate that it measured.

    >>> 0.001 < cycles_per_ns() < 10
    True
    """
    global _rate
    cdef int64_t ns = monotonic_ns()
    if _rate == 0.0:
        while ns - _ns_0 < CALIBRATION_NS:
            ns = monotonic_ns()
        _rate = <double>(cycles_now() - _cycles_0) / <double>(ns - _ns_0)
    return _rate
