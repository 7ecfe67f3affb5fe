"""Latency histogram: fixed memory, constant work, at most 1.6 % from the true value."""

from libc.math cimport ceil
from hft._core.base.memory cimport hft_alloc, hft_free

assert sizeof(HistogramState) == 64 + 8 * HISTOGRAM_BUCKETS


cdef uint64_t histogram_count(const HistogramState* h) noexcept nogil:
    cdef uint64_t n = 0
    cdef int i
    for i in range(HISTOGRAM_BUCKETS):
        n += load_relaxed(&h.buckets[i])
    return n


cdef int64_t histogram_value(int index) noexcept nogil:
    cdef int shift
    if index < 64:
        return index
    shift = (index >> 5) - 1
    return ((<int64_t>(index & 31) + 32) << shift) + (<int64_t>1 << shift) // 2


cdef int64_t histogram_percentile(const HistogramState* h, double q) noexcept nogil:
    """The smallest value with at least q percent of all values at or below it (nearest rank); 0 when there are none."""
    cdef uint64_t rank, seen = 0, count = histogram_count(h)
    cdef int64_t largest = <int64_t>load_relaxed(&h.max_ns)
    cdef int64_t value
    cdef int i
    if count == 0:
        return 0
    rank = <uint64_t>ceil(q * <double>count / 100.0 - 1e-9)   # floating point included: 99.9 % of 1,000 must be rank 999
    if rank < 1:
        rank = 1
    for i in range(HISTOGRAM_BUCKETS):
        seen += load_relaxed(&h.buckets[i])
        if seen >= rank:
            value = histogram_value(i)
            if i == HISTOGRAM_BUCKETS - 1 or value > largest:
                return largest
            return value
    return largest


cdef uint64_t histogram_below(const HistogramState* h, int64_t ns) noexcept nogil:
    """The count of values at or below `ns`; each bucket counts by its middle."""
    cdef uint64_t n = 0
    cdef int i
    for i in range(HISTOGRAM_BUCKETS):
        if histogram_value(i) > ns:
            break
        n += load_relaxed(&h.buckets[i])
    return n


cdef void histogram_merge(HistogramState* into, const HistogramState* other) noexcept nogil:
    """Adds another histogram's counts, which may grow during the call."""
    cdef int i
    for i in range(HISTOGRAM_BUCKETS):
        into.buckets[i] += load_relaxed(&other.buckets[i])
    into.sum_ns += load_relaxed(&other.sum_ns)
    if load_relaxed(&other.max_ns) > into.max_ns:
        into.max_ns = load_relaxed(&other.max_ns)


cdef class Histogram:
    """Durations in nanoseconds, counted in buckets at most 1/32 wide, from 1 ns to 34 s.

    There is one writer. It takes eight kilobytes, fixed; adding one value takes about 2 ns. Values beyond 34 s are counted in
    the last bucket and exact in `max`; negative ones count as 0.

    >>> h = Histogram()
    >>> for ns in range(1, 1001):
    ...     h.add(ns)
    >>> h.count, h.max, h.mean
    (1000, 1000, 500.5)
    >>> abs(h.percentile(50) - 500) <= 500 * 0.016
    True
    """

    def __cinit__(self):
        self.c = <HistogramState*>hft_alloc(sizeof(HistogramState))
        self.owned = True

    def __dealloc__(self):
        if self.owned:
            hft_free(self.c)

    @staticmethod
    cdef Histogram view(HistogramState* c, object owner):
        """A histogram in memory that `owner` keeps alive, such as the state page's."""
        cdef Histogram self = Histogram.__new__(Histogram)
        hft_free(self.c)
        self.owned = False
        self.c = c
        self.owner = owner
        return self

    def add(self, int64_t ns) -> None:
        """Counts one duration."""
        histogram_add(self.c, ns)

    def merge(self, Histogram other not None) -> None:
        """Adds all counts of `other`."""
        if other.c == self.c:
            raise ValueError("a histogram can't be merged into itself")
        histogram_merge(self.c, other.c)

    def copy(self) -> Histogram:
        """An independent copy of the current counts."""
        cdef Histogram other = Histogram()
        histogram_merge(other.c, self.c)
        return other

    def percentile(self, double q) -> int:
        """The value, in ns, with `q` percent (0 to 100) of all values at or below it; 0 when nothing was counted.

        >>> Histogram().percentile(99)
        0
        """
        if not 0.0 <= q <= 100.0:
            raise ValueError(f"percentile {q} must be from 0 to 100")
        return histogram_percentile(self.c, q)

    def below(self, int64_t ns) -> int:
        """The count of values at or below `ns` (to the resolution of a bucket): a cumulative bucket of Prometheus."""
        return histogram_below(self.c, ns)

    @property
    def count(self) -> int:
        """Values counted."""
        return histogram_count(self.c)

    @property
    def sum(self) -> int:
        """Sum of all values, ns, exact."""
        return self.c.sum_ns

    @property
    def max(self) -> int:
        """The largest value, ns, exact; 0 when nothing was counted."""
        return self.c.max_ns

    @property
    def mean(self) -> float:
        """Mean value, ns, exact; 0.0 when nothing was counted."""
        cdef uint64_t n = histogram_count(self.c)
        return self.c.sum_ns / <double>n if n else 0.0

    def __repr__(self):
        return f"<Histogram n={self.count} p50={self.percentile(50)} p99={self.percentile(99)} max={self.max} ns>"


def _bucket_of(uint64_t ns):
    """Bucket index and the value that stands for the bucket; tests check them against the documented layout."""
    cdef int i = histogram_index(ns)
    return i, histogram_value(i)


def _add_range(Histogram h not None, int64_t start, int64_t step, int64_t n):
    """Counts `n` values start, start + step …, with the loop in C; for the benchmark."""
    cdef int64_t i
    for i in range(n):
        histogram_add(h.c, start + step * i)
