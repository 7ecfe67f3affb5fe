"""Signals, and the signal from order-book imbalance (SEMANTICS 19)."""

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.market.series cimport SeriesParams, series_init, series_push, series_reset, series_size

from hft._core.base.checks import DAY_MS, above, nanoseconds, time_ns, whole, within

assert sizeof(SignalRecord) == 24 and sizeof(SignalParams) == 40 and sizeof(SignalState) == 96
assert sizeof(SeriesEntry) == 16 and sizeof(Series) == 88


cdef class Signal:
    """The output of a model: direction, confidence and holding period.

    Parameters
    ----------
    strength : float
        -1 to 1; positive is up.
    confidence : float
        0 to 1.
    holding_period_ns : int
        Intended holding period of a position, in nanoseconds; above 0.

    >>> signal = Signal(-0.4, 0.9, 1_000_000_000)
    >>> signal.side, signal.strength, signal
    ('sell', -0.4, Signal(strength=-0.4, confidence=0.9, holding_period_ns=1000000000))
    """

    def __init__(self, strength, confidence, holding_period_ns):
        self.c.strength = float(within("strength", strength, -1, 1))
        self.c.confidence = float(within("confidence", confidence, 0, 1))
        self.c.holding_period_ns = whole("holding_period_ns", holding_period_ns, 1, 2**62)

    @property
    def strength(self) -> float:
        return self.c.strength

    @property
    def confidence(self) -> float:
        return self.c.confidence

    @property
    def holding_period_ns(self) -> int:
        return self.c.holding_period_ns

    @property
    def side(self):
        """"buy", "sell", or None at strength 0."""
        return "buy" if self.c.strength > 0 else "sell" if self.c.strength < 0 else None

    def __eq__(self, other):
        return isinstance(other, Signal) and (self.strength, self.confidence, self.holding_period_ns) == (
            other.strength, other.confidence, other.holding_period_ns)

    def __hash__(self):
        return hash((self.strength, self.confidence, self.holding_period_ns))

    def __repr__(self):
        return f"Signal(strength={self.strength}, confidence={self.confidence}, holding_period_ns={self.holding_period_ns})"


cdef class ImbalanceSignal:
    """A signal when the book's imbalance had one direction for most of a window.

    Confidence is the share of time within the last `window_ms` in which the imbalance, in its present direction, was at
    or above `threshold`. The signal's strength is the imbalance itself; without news of the book it decays by
    ``exp(-elapsed / decay_ms)`` and is void below the threshold. There is no signal before a whole window was seen.

    Parameters
    ----------
    threshold : float
        Least absolute imbalance that counts; above 0, at most 1.
    min_confidence : float
        0 to 1.
    window_ms, decay_ms : float
        Above 0.
    holding_ms : float, optional
        Holding period of its signals; default `window_ms`.
    capacity : int
        Changes of the imbalance that a window can hold, at least 2; memory is fixed. A window with more changes is
        shortened to the newest `capacity`, and counted in `shortened`.

    Times are nanoseconds of one clock, and never go back.

    >>> signal = ImbalanceSignal(threshold=0.3, min_confidence=0.7, window_ms=1000)
    >>> signal.update(0.5, now=0)
    >>> signal.update(0.1, now=600_000_000)
    >>> signal.update(0.6, now=800_000_000)
    >>> signal.at(900_000_000) is None          # not a whole window yet
    True
    >>> signal.update(0.6, now=1_000_000_000)
    >>> signal.at(1_000_000_000)                # at or above the threshold for 800 of the last 1000 ms
    Signal(strength=0.6, confidence=0.8, holding_period_ns=1000000000)
    """

    def __cinit__(self, *, threshold=0.3, min_confidence=0.7, window_ms=1000, decay_ms=500, holding_ms=None, capacity=10000):
        cdef SignalParams params
        cdef SeriesParams series
        params.threshold = float(above("threshold", threshold, 1))
        params.min_confidence = float(within("min_confidence", min_confidence, 0, 1))
        params.window_ns = max(1, nanoseconds("window_ms", above("window_ms", window_ms, DAY_MS), 0, DAY_MS))
        params.decay_ns = max(1, nanoseconds("decay_ms", above("decay_ms", decay_ms, DAY_MS), 0, DAY_MS))
        holding = window_ms if holding_ms is None else holding_ms
        params.holding_ns = max(1, nanoseconds("holding_ms", above("holding_ms", holding, DAY_MS), 0, DAY_MS))
        series.capacity = whole("capacity", capacity, 2, 1 << 24)
        series.window_ns = params.window_ns
        self.series = <Series*>hft_alloc(series_size(&series))
        series_init(self.series, &series)
        signal_init(&self.c, &params)

    def __dealloc__(self):
        hft_free(self.series)

    def update(self, double imbalance, int64_t now):
        """Record the book's imbalance (-1 to 1) at `now`: call it with every change of the book, equal values included."""
        if not -1 <= imbalance <= 1:
            raise ValueError(f"imbalance {imbalance} must be from -1 to 1")
        series_push(self.series, imbalance, time_ns("now", now))
        signal_follow(&self.c, self.series)

    def reset(self):
        """The book is out of sync: no signal until a whole window has been seen again."""
        series_reset(self.series)

    def at(self, int64_t now):
        """The active signal at `now`, or None."""
        cdef Signal signal = Signal.__new__(Signal)
        return signal if signal_eval(&self.c, self.series, time_ns("now", now), &signal.c) else None

    @property
    def shortened(self) -> int:
        """Number of times that a window had more changes than `capacity`."""
        return self.series.shortened

    def _check(self, int64_t now):
        """Compares the running sums with a recount of the entries; for tests and debug builds."""
        cdef int64_t held[3]
        cdef uint64_t i
        cdef SeriesEntry* entry
        held[0] = held[1] = held[2] = 0
        signal_follow(&self.c, self.series)
        signal_evict(&self.c, self.series, now)
        assert self.c.seen + 1 == self.series.head and self.series.tail <= self.c.oldest <= self.c.seen
        for i in range(self.c.oldest, self.c.seen):
            entry = series_entry(self.series, i)
            assert entry.start_ns < series_entry(self.series, i + 1).start_ns
            held[signal_held(&self.c, entry) - &self.c.held[0]] += signal_time(
                &self.c, entry, series_entry(self.series, i + 1).start_ns)
        for i in range(3):
            assert held[i] == self.c.held[i], (i, held[i], self.c.held[i])
