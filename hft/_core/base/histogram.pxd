# Latencies, counted in fixed log-linear buckets: one for each nanosecond up to 63, then 32 for each doubling.
#
#     value, ns     0 … 63 | 64 … 127 | 128 … 255 |  …  | 2^34 … 2^35 - 1 (34 s)
#     bucket width      1  |     2    |     4     |  …  |      2^29
#     index         0 … 63 | 64 … 95  |  96 … 127 |  …  |   960 … 991
#
# The width of a bucket is at most 1/32 of its lower end. Its middle stands for every value in it, within 1.6 %. Longer
# times go to the last bucket; `max` stays exact. Negative times can't come from one monotonic clock; they count as 0.
# There is one writer; words are relaxed atomics, so that another process may read them at any moment.

from libc.stdint cimport int64_t, uint64_t
from hft._core.base.atomic cimport add_relaxed, load_relaxed, store_relaxed

cdef extern from *:
    """
    #define HFT_MSB(x) (63 - __builtin_clzll(x))
    """
    int msb "HFT_MSB"(unsigned long long x) noexcept nogil   # index of the highest set bit; x > 0

cdef enum:
    HISTOGRAM_BUCKETS = 992

cdef struct HistogramState:
    uint64_t sum_ns
    uint64_t max_ns
    uint64_t reserved[6]
    uint64_t buckets[992]


cdef inline int histogram_index(uint64_t ns) noexcept nogil:
    cdef int shift
    if ns < 64:
        return <int>ns
    shift = msb(ns) - 5
    if shift > 29:
        return HISTOGRAM_BUCKETS - 1
    return (shift << 5) + <int>(ns >> shift)


cdef inline void histogram_add(HistogramState* h, int64_t ns) noexcept nogil:
    cdef uint64_t value = <uint64_t>ns if ns > 0 else 0
    add_relaxed(&h.buckets[histogram_index(value)], 1)
    add_relaxed(&h.sum_ns, value)
    if value > load_relaxed(&h.max_ns):
        store_relaxed(&h.max_ns, value)


cdef uint64_t histogram_count(const HistogramState* h) noexcept nogil
cdef int64_t histogram_value(int index) noexcept nogil              # the middle of a bucket
cdef int64_t histogram_percentile(const HistogramState* h, double q) noexcept nogil
cdef uint64_t histogram_below(const HistogramState* h, int64_t ns) noexcept nogil
cdef void histogram_merge(HistogramState* into, const HistogramState* other) noexcept nogil


cdef class Histogram:
    cdef HistogramState* c
    cdef bint owned             # this object allocates and frees it
    cdef object owner           # otherwise: the object that keeps the memory alive

    @staticmethod
    cdef Histogram view(HistogramState* c, object owner)
