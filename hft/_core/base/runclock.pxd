# The one clock of a run: wall clock at start + monotonic time since then (SEMANTICS 1). It never steps, so no latency is
# negative and no stamp goes backwards when the machine's wall clock is set.

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <time.h>
    static inline int64_t hft_clock_ns(clockid_t id) {
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    }
    static inline int64_t hft_monotonic_ns(void) { return hft_clock_ns(CLOCK_MONOTONIC); }
    static inline int64_t hft_wall_ns(void) { return hft_clock_ns(CLOCK_REALTIME); }
    """
    int64_t monotonic_ns "hft_monotonic_ns"() noexcept nogil
    int64_t wall_ns "hft_wall_ns"() noexcept nogil


cdef class RunClock:
    cdef readonly int64_t start_ns      # wall clock when the run began
    cdef int64_t offset_ns              # wall minus monotonic, at that moment

    cpdef int64_t now(self) noexcept


cdef inline int64_t clock_now(RunClock clock) noexcept nogil:
    """`now`, ns since the epoch. The caller keeps `clock` alive."""
    return monotonic_ns() + clock.offset_ns
