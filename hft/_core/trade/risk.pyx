"""The checks of every new order before it is sent (SEMANTICS 18)."""

from decimal import ROUND_FLOOR, Decimal

from libc.string cimport memset

from hft._core.base.intent cimport OrderIntent
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.status import NAMES, name as status_name
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport FEE_SCALE
from hft._core.trade.orders cimport OrderManager
from hft._core.trade.position cimport PositionManager

assert sizeof(RiskLimits) == 56 and sizeof(RiskSymbol) == 32 and sizeof(RiskInputs) == 48
assert STATUS_CODES == 96 and sizeof(Risk) == 56 + 24 + 96 * 8


cdef class RiskValidator:
    """Limits on orders, checked against the worst case of all orders under way.

    A limit of None is off. Position and order limits apply to each symbol (a number for all, or a dict by name), the
    others to all symbols together. Sizes off the symbol's step are rounded down to it.

    Reduce-only orders pass the limits on position, notional, rate and loss, as they can only reduce the position; they
    need an opposite position at least as large. Nothing passes the kill switch. Cancels need no check.

    Parameters
    ----------
    orders : OrderManager
        Orders under way: each counts with its open quantity until it is reported final.
    positions : PositionManager
        Reported positions, profit and loss, marks.
    max_position_size, max_order_size : str, Decimal or dict, optional
        In base units. A position limit applies to the long and the short side separately.
    max_notional_exposure : str or Decimal, optional
        Sum over symbols of the larger of worst long and worst short, at the mid, in quote.
    max_orders_per_second : int, optional
        New orders in any sliding second.
    max_loss, max_drawdown : str or Decimal, optional
        New orders stop once profit and loss after fees is at ``-max_loss``, or `max_drawdown` below its highest value.
    price_collar_bps : int, optional
        Greatest distance of a price from the mid, 1 to 10,000; a market order without a price gets this bound.
    stale_ms : float, optional
        Greatest age of the newest market data.
    capital : str or Decimal, optional
        Money at the start of the run; `bankrupt` when it is lost.

    >>> from hft._core.base.intent import OrderIntent
    >>> from hft._core.trade.orders import OrderManager
    >>> from hft._core.trade.position import PositionManager
    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001")
    >>> orders, positions = OrderManager(spec), PositionManager(spec)
    >>> risk = RiskValidator(orders, positions, max_position_size="1.0", max_order_size="0.5",
    ...                      max_notional_exposure="100000", max_orders_per_second=10)
    >>> touch = dict(bid="61800.1", ask="61800.2", now=0)
    >>> buy = OrderIntent(spec, "buy", "0.5", "61800.3", tif="IOC")
    >>> for _ in range(3):
    ...     verdict = risk.check(buy, **touch)
    ...     print(verdict)
    ...     if verdict == "ok":
    ...         order = orders.create(buy, now=0)
    ...         risk.sent(now=0)
    ok
    ok
    position_limit
    >>> risk.kill_switch = True
    >>> risk.check(OrderIntent(spec, "sell", "0.5", "61800.0"), **touch), risk.rejects
    ('kill_switch', {'kill_switch': 1, 'position_limit': 1})
    """

    def __cinit__(self, OrderManager orders not None, PositionManager positions not None, *, max_position_size=None,
                  max_order_size=None, max_notional_exposure=None, max_orders_per_second=None, max_loss=None,
                  max_drawdown=None, price_collar_bps=None, stale_ms=None, capital=None):
        cdef RiskLimits limits
        cdef Symbols symbols = positions.symbols
        cdef int i
        if [spec.name for spec in orders.symbols] != [spec.name for spec in symbols]:
            raise ValueError("orders and positions have different symbols")
        self.symbols, self.orders, self.positions = symbols, orders, positions
        memset(&limits, 0, sizeof(RiskLimits))
        limits.max_notional = _limit("max_notional_exposure", max_notional_exposure, FEE_SCALE)
        limits.max_loss = _limit("max_loss", max_loss, FEE_SCALE)
        limits.max_drawdown = _limit("max_drawdown", max_drawdown, FEE_SCALE)
        limits.capital = _limit("capital", capital, FEE_SCALE)
        limits.stale_ns = _limit("stale_ms", stale_ms, 1_000_000)
        limits.max_orders_per_second = _limit("max_orders_per_second", max_orders_per_second, 1, 1_000_000)
        limits.collar_bps = _limit("price_collar_bps", price_collar_bps, 1, BPS)
        limits.n_symbols = symbols.count
        self.c = <Risk*>hft_alloc(risk_size(&limits))
        risk_init(self.c, &limits)
        for i in range(symbols.count):
            self._bind(i, max_position_size, max_order_size)

    cdef _bind(self, int i, max_position_size, max_order_size):
        cdef Symbols symbols = self.symbols
        cdef PositionManager positions = self.positions
        spec = symbols.all[i]
        if risk_bind(self.c, i, positions.c, &symbols.specs[i], _size("max_position_size", max_position_size, spec),
                     _size("max_order_size", max_order_size, spec)) != OK:
            raise ValueError(f"{spec.name}: min_notional {spec.min_notional} is too large")

    def __dealloc__(self):
        hft_free(self.c)

    def check(self, OrderIntent intent not None, *, bid, ask, int64_t now, data_ns=None, synced=True) -> str:
        """``"ok"``, or the name of the first limit that refuses the order (see `hft._core.base.status`).

        Parameters
        ----------
        bid, ask : str, Decimal or None
            The symbol's touch; None if a side is empty.
        now : int
            Nanoseconds, never going back.
        data_ns : int, optional
            Time of the symbol's newest market data; default `now`.
        synced : bool
            Whether the symbol's book is in sync.
        """
        cdef RiskInputs at
        cdef Symbols symbols = self.symbols
        cdef Intent* wanted = intent.of(symbols)
        at.now = now
        at.open = at.added = wanted.qty
        at.data_ns = now if data_ns is None else data_ns
        at.mid2 = 0 if bid is None or ask is None else intent.spec.ticks(bid) + intent.spec.ticks(ask)
        at.synced = synced
        at.closed = 0
        return status_name(risk_check(self.c, wanted, (<OrderManager>self.orders).c, (<PositionManager>self.positions).c,
                                      &symbols.specs[wanted.symbol], &at))

    def sent(self, *, int64_t now):
        """Count a new order sent at `now` for orders per second."""
        risk_sent(self.c, now)

    cdef bint _halted(self, uint32_t bit):
        return (self.c.halted & bit) != 0

    @property
    def kill_switch(self) -> bool:
        """While it is on, no new order passes, not even reduce-only ones."""
        return self._halted(HALT_KILL)

    @kill_switch.setter
    def kill_switch(self, bint on):
        risk_halt(self.c, HALT_KILL, on)

    @property
    def stopping(self) -> bool:
        """Whether the run is ending: no new orders."""
        return self._halted(HALT_STOPPING)

    @stopping.setter
    def stopping(self, bint on):
        risk_halt(self.c, HALT_STOPPING, on)

    @property
    def journal_full(self) -> bool:
        """Whether the journal is low on room: no new orders until the writer has caught up."""
        return self._halted(HALT_JOURNAL)

    @journal_full.setter
    def journal_full(self, bint on):
        risk_halt(self.c, HALT_JOURNAL, on)

    @property
    def bankrupt(self) -> bool:
        """Whether `capital` is lost; always False without one."""
        return risk_bankrupt(self.c, (<PositionManager>self.positions).c)

    @property
    def exposure(self):
        """Sum over symbols of max(worst long, worst short) at the mark, in quote, including orders under way."""
        cdef i128 value
        cdef PositionManager positions = self.positions
        if not risk_exposure((<OrderManager>self.orders).c, positions.c, NULL, NULL, &value):
            raise OverflowError("the exposure exceeds 64 bits")
        return positions._amount(value)

    @property
    def rejects(self) -> dict:
        """Number of refused orders, by reason."""
        return {name: self.c.rejects[code] for code, name in sorted(NAMES.items()) if code > 0 and self.c.rejects[code]}


def _size(what, limit, spec) -> int:
    """A limit on quantity in quanta, rounded down to the step; 0, "off", for None."""
    if isinstance(limit, dict):
        limit = limit.get(spec.name)
    if limit is None:
        return 0
    steps = int(Decimal(str(limit)) // spec.step)
    if not 1 <= steps * spec.lot < MAX_LEAVES:
        raise ValueError(f"{what} {limit} must be at least {spec.name}'s step {spec.step}; omit it for no limit")
    return steps * spec.lot


def _limit(what, value, unit, most=(1 << 62)) -> int:
    """A limit in whole units, rounded down; 0, "off", for None."""
    if value is None:
        return 0
    units = (Decimal(str(value)) * unit).to_integral_value(ROUND_FLOOR)
    if not 1 <= units <= most:
        raise ValueError(f"{what} {value} must be from {Decimal(1) / unit:f} to {Decimal(most) / unit:f}; "
                         "omit it for no limit")
    return int(units)
