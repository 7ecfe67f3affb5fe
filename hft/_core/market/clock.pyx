"""The venue's time on our clock."""

from hft._core.base.memory cimport hft_alloc, hft_free

from hft._core.base.checks import time_ns


cdef class VenueClock:
    """When an event would have arrived without the jitter of its way: v = x + θ (SEMANTICS 2), for one symbol.

    θ is the least difference between receive time and the venue's stamp over ten minutes. It follows a fall of up to 50 ms at
    once. A larger one, and the first of all, is believed when five stamps that came in two reads or more agree within 50 ms.
    It rises only when the old minimum has left the window and everything of at least ten seconds was above it, since a stall
    of the connection is not a step of the clock; where all of ten seconds lay more than a second above it, the clock was
    set, and the window forgets what was lower.

    >>> clock = VenueClock()
    >>> for n in range(5):                                  # 10 ms on the way
    ...     v = clock.observe(1_000_000_000 + n, 990_000_000 + n)
    >>> clock.observe(1_500_000_000, 1_450_000_000)         # 50 ms: 40 of them are delay
    1460000000
    >>> clock.theta, clock.now
    (10000000, 1460000000)
    >>> clock.observe(1_600_000_000, 0)                     # no stamp
    1460000000
    >>> clock.observe(1_700_000_000, 9_000_000_000)         # a stamp in the future moves nothing
    1460000000
    >>> clock.outliers
    1
    """

    def __cinit__(self):
        self.c = <ClockState*>hft_alloc(clock_size())

    def __dealloc__(self):
        hft_free(self.c)

    def observe(self, int64_t recv_ns, int64_t x_ns) -> int:
        """v of an event, in ns. `recv_ns` is above 0 and does not decrease; `x_ns` is the venue's stamp, 0 for none."""
        return clock_observe(self.c, time_ns("recv_ns", recv_ns, 1), time_ns("x_ns", x_ns))

    @property
    def theta(self) -> int:
        """θ in ns: the clocks' offset and the least delay together."""
        return self.c.theta

    @property
    def outliers(self) -> int:
        """Stamps that no other agreed with: their events have the v of the stamp before."""
        return self.c.outliers

    @property
    def now(self) -> int:
        """V in ns: the latest v so far; 0 before the first stamp."""
        return self.c.v_max
