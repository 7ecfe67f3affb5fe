"""The imbalance strategy for one symbol: decides when to enter, how long to hold and when to leave (SEMANTICS 20, 21)."""

from decimal import Decimal

from libc.string cimport memset

from hft._core.base.intent cimport intent_from, side_from
from hft._core.base.types cimport Intent, Spec
from hft._core.trade.signal cimport Signal

from hft._core.base.checks import DAY_MS, above, nanoseconds

_MOST = 1 << 60        # quanta

assert sizeof(ImbalanceParams) == 32 and sizeof(Imbalance) == 64


def entry_qty(Spec spec not None, max_position_size, order_size_fraction, max_order_size=None) -> int:
    """The size of an entry, in quanta: fraction x position limit, down to the order step, at most `max_order_size`.

    0 if that is less than one step: such an entry is refused as `below_min`.

    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.1", step="0.001")
    >>> entry_qty(spec, "1.0", "0.5"), entry_qty(spec, "1.0", "0.0019999"), entry_qty(spec, "1", "1", "0.25")
    (500, 1, 250)
    """
    size = Decimal(str(max_position_size)) * Decimal(str(order_size_fraction))
    if max_order_size is not None:
        size = min(size, Decimal(str(max_order_size)))
    return int(size / spec.step) * spec.lot


cdef class ImbalanceDecision:
    """Decisions of the imbalance strategy for one symbol; it sends nothing and knows only reported orders and positions.

    If the position is flat with no order in flight, a signal gives an IOC limit order one tick through the opposite touch. The
    position is held for the signal's holding period after its last entry fill; a signal on the same side restarts the period and
    never adds; its end, or a signal on the other side, gives a reduce-only market order. Spot venues can't be sold short.

    Parameters
    ----------
    spec : Spec
    max_position_size : str or Decimal
        The smaller of the strategy's own limit and the risk limit.
    order_size_fraction : str or Decimal
        Size of one entry as a fraction of that limit, 0 to 1.
    max_order_size : str or Decimal, optional
        Upper limit of an entry; a larger position is left in parts.
    holding_ms : float
        Holding period of a position held at the start, before any signal.

    >>> from hft._core.trade.signal import Signal
    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001")
    >>> decision = ImbalanceDecision(spec, max_position_size="1.0", order_size_fraction="0.5")
    >>> up = Signal(0.5, 0.9, holding_period_ns=1_000_000_000)
    >>> decision.decide(up, bid="61800.1", ask="61800.2", position=0, now=0)
    OrderIntent(BTCUSDT buy 0.500 @ 61800.3 limit IOC)
    >>> decision.on_fill("buy", position="0.5", now=25_000_000)
    >>> decision.next_due
    1025000000
    >>> decision.decide(None, bid="61800.1", ask="61800.2", position="0.5", now=1_025_000_000)
    OrderIntent(BTCUSDT sell 0.500 market IOC reduce-only)
    """

    def __init__(self, Spec spec not None, *, max_position_size, order_size_fraction="1", max_order_size=None,
                 holding_ms=1000):
        cdef ImbalanceParams params
        memset(&params, 0, sizeof(ImbalanceParams))
        fraction = above("order_size_fraction", order_size_fraction, 1)
        most = above("max_position_size", max_position_size, spec.qty(_MOST))
        largest = None if max_order_size is None else above("max_order_size", max_order_size, spec.qty(_MOST))
        params.entry_qty = entry_qty(spec, most, fraction, largest)
        params.max_order = 0 if largest is None else entry_qty(spec, largest, 1)
        params.holding_ns = max(1, nanoseconds("holding_ms", above("holding_ms", holding_ms, DAY_MS), 0, DAY_MS))
        memset(&self.c, 0, sizeof(Imbalance))
        imbalance_init(&self.c, &params)
        self.spec = spec

    def decide(self, Signal signal, *, bid, ask, position, int in_flight=0, int64_t now):
        """An OrderIntent, or None.

        Parameters
        ----------
        signal : Signal or None
            The active signal.
        bid, ask : str, Decimal or None
            The touch; None if a side is empty.
        position : str or Decimal
            As reported, signed.
        in_flight : int
            Own orders of this symbol that are not reported final.
        now : int
            Nanoseconds.
        """
        cdef Spec spec = self.spec
        cdef Intent intent
        cdef int64_t best_bid = 0 if bid is None else spec.ticks(bid)
        cdef int64_t best_ask = 0 if ask is None else spec.ticks(ask)
        cdef int64_t reported = spec.quanta(position)
        if imbalance_decide(&self.c, NULL if signal is None else &signal.c, signal is not None, best_bid, best_ask,
                            &spec.c, reported, in_flight, now, &intent):
            return intent_from(&intent, spec)
        return None

    def on_fill(self, side, *, position, int64_t now):
        """Handle a reported fill; `position`, signed, includes it."""
        imbalance_on_fill(&self.c, side_from(side), self.spec.quanta(position), now)

    @property
    def entry_qty(self):
        """The size of an entry."""
        return self.spec.qty(self.c.params.entry_qty)

    @property
    def next_due(self):
        """End of the hold, at which `decide` must be called even without a change of the book; None if there is no hold."""
        return None if self.c.hold_until_ns == IMBALANCE_NO_HOLD else self.c.hold_until_ns

    @property
    def leaving(self) -> bool:
        """Whether the hold is over, or the signal turned."""
        return self.c.leaving != 0

    @property
    def no_shorts(self) -> int:
        """Entries omitted because a spot venue can't be sold short."""
        return self.c.no_shorts
