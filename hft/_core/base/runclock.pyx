"""The clock of a run."""

from hft._core.base.checks import time_ns


cdef class RunClock:
    """Wall clock at start + monotonic time since then, in nanoseconds since the epoch.

    One per process: it stamps the listener's reads as well as timers, REST answers and commands,
    so that all inputs of the engine have one order.

    Parameters
    ----------
    start_ns : int, optional
        Start value of the clock, below 2**62; default: the wall clock.

    >>> clock = RunClock(start_ns=1_700_000_000_000_000_000)
    >>> first, second = clock.now(), clock.now()
    >>> clock.start_ns <= first <= second
    True
    """

    def __init__(self, start_ns=None):
        cdef int64_t mono = monotonic_ns()
        self.start_ns = wall_ns() if start_ns is None else time_ns("start_ns", start_ns)
        self.offset_ns = self.start_ns - mono

    cpdef int64_t now(self) noexcept:
        """Nanoseconds since the epoch; never goes backwards within a run."""
        return monotonic_ns() + self.offset_ns
