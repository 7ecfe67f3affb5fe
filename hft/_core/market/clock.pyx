"""The venue's time on the local clock."""

from hft._core.base.memory cimport hft_alloc, hft_free

from hft._core.base.checks import time_ns


cdef class VenueClock:
    """The time at which an event would have arrived without jitter: v = x + θ (SEMANTICS 2), for one symbol.

    θ is the least difference between receive time and the venue's stamp over ten minutes. It follows a fall of up to 50 ms at
    once. A larger fall, and the first value, is accepted when five stamps from at least two reads agree within 50 ms.
    θ rises only when the old minimum has left the window and all stamps of at least ten seconds were above it, since a stall
    of the connection is not a step of the clock. If all stamps of ten seconds are more than a second above it, the clock was
    set, and the window drops the older minima.

    >>> clock = VenueClock()
    >>> for n in range(5):                                  # 10 ms of delay
    ...     v = clock.observe(1_000_000_000 + n, 990_000_000 + n)
    >>> clock.observe(1_500_000_000, 1_450_000_000)         # 50 ms: 40 of them are delay
    1460000000
    >>> clock.theta, clock.now
    (10000000, 1460000000)
    >>> clock.observe(1_600_000_000, 0)                     # no stamp
    1460000000
    >>> clock.observe(1_700_000_000, 9_000_000_000)         # a stamp in the future changes nothing
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
        """θ in ns: the clocks' offset plus the least delay."""
        return self.c.theta

    @property
    def outliers(self) -> int:
        """Stamps that agreed with no other: their events have the v of the stamp before."""
        return self.c.outliers

    @property
    def now(self) -> int:
        """V in ns: the latest v so far; 0 before the first stamp."""
        return self.c.v_max
