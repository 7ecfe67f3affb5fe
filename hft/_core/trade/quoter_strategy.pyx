"""A resting quoter: one order on each side of the book, kept at a distance from the touch.

    QuoterSymbol[n_symbols]

It is deliberately small: it shows how a strategy with resting orders uses the port, above all amends.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from hft._core.base.hash cimport hash_words
from hft._core.base.types cimport (
    ASK, BID, BUY, GTX, LIMIT, NO_PRICE, REPORT_AMEND_REJECTED, REPORT_REJECTED, SELL, SPOT, Intent, Report, Spec, SymbolSpec,
)
from hft._core.market.book cimport book_best
from hft._core.market.market_state cimport Market, market_book, market_book_synced
from hft._core.trade.orders cimport Order, order_can_amend, orders_find
from hft._core.trade.position cimport position_at
from hft._core.trade.strategy cimport (
    STRATEGY_PARAMS, Context, StrategyOps, StrategyPort, ask_amend, ask_cancel_all, ask_new, strategy_ops,
)
from hft._core.trade.units cimport limit_quanta, lot_quanta

from hft._core.base.checks import DAY_MS, above, nanoseconds, whole, within

cdef struct QuoterParams:
    int64_t qty                 # quanta, of one order
    int64_t max_position        # quanta; 0: no limit
    int64_t distance            # price steps outwards from the touch
    int64_t tolerance           # price steps that an order may be off before it is amended
    int64_t retry_ns            # waiting time after a refusal

cdef struct QuoterSymbol:
    QuoterParams params
    int64_t order_id[2]         # by BookSide; 0: none
    int64_t wait_until_ns

assert sizeof(QuoterParams) <= STRATEGY_PARAMS


cdef inline QuoterSymbol* _symbol(const void* memory, int32_t i) noexcept nogil:
    return <QuoterSymbol*>memory + i


cdef size_t _size(int64_t n_symbols) noexcept nogil:
    return n_symbols * sizeof(QuoterSymbol)


cdef void _init(void* memory, int64_t n_symbols) noexcept nogil:
    pass


cdef void _bind(void* memory, int32_t i, const void* params) noexcept nogil:
    _symbol(memory, i).params = (<const QuoterParams*>params)[0]


cdef inline int64_t _price(const QuoterParams* p, const SymbolSpec* spec, int own, int64_t touch) noexcept nogil:
    """The price of an order: on the tick, at least `distance` steps from the touch of its side."""
    if own == BID:
        return (touch // spec.tick - p.distance) * spec.tick
    return ((touch + spec.tick - 1) // spec.tick + p.distance) * spec.tick


cdef inline bint _may_add(const QuoterSymbol* own, const SymbolSpec* spec, int side, int64_t position) noexcept nogil:
    """Whether an order on that side may be filled completely."""
    if side == SELL and spec.instrument == SPOT and position < own.params.qty:
        return False
    return own.params.max_position == 0 or side * position + own.params.qty <= own.params.max_position


cdef void _quote(QuoterSymbol* own, Context* c, Market* market, int32_t i, int book_side) noexcept nogil:
    cdef int side = BUY if book_side == BID else SELL
    cdef int64_t touch = book_best(market_book(market), book_side)
    cdef int64_t price, off
    cdef Order* order = orders_find(c.orders, own.order_id[book_side]) if own.order_id[book_side] else NULL
    cdef Intent intent
    if touch == NO_PRICE:
        return
    price = _price(&own.params, &market.spec, book_side, touch)
    if price <= 0:
        return
    if order == NULL:
        own.order_id[book_side] = 0
        if _may_add(own, &market.spec, side, position_at(c.positions, i).qty):
            memset(&intent, 0, sizeof(Intent))
            intent.price, intent.qty, intent.symbol = price, own.params.qty, i
            intent.side, intent.type, intent.tif = side, LIMIT, GTX
            own.order_id[book_side] = ask_new(c, &intent)
        return
    off = price - order.price if price > order.price else order.price - price
    if off > own.params.tolerance * market.spec.tick and order_can_amend(order):
        ask_amend(c, i, order.order_id, price, order.qty)


cdef void _on_market(void* memory, Context* c, int32_t i) noexcept nogil:
    cdef QuoterSymbol* own = _symbol(memory, i)
    cdef Market* market = c.markets[i]
    if c.now >= own.wait_until_ns and market_book_synced(market, c.now):
        _quote(own, c, market, i, BID)
        _quote(own, c, market, i, ASK)


cdef void _on_report(void* memory, Context* c, const Report* report) noexcept nogil:
    """After a refusal it waits; otherwise it would try again with every message."""
    cdef QuoterSymbol* own = _symbol(memory, report.symbol)
    if report.kind == REPORT_REJECTED or report.kind == REPORT_AMEND_REJECTED:
        own.wait_until_ns = c.now + own.params.retry_ns


cdef void _on_status(void* memory, Context* c, int32_t i, bint found) noexcept nogil:
    """Without a book the queue positions of the orders are unknown."""
    if not found:
        ask_cancel_all(c, i)


cdef uint64_t _hash(const void* memory, int32_t i, uint64_t h) noexcept nogil:
    return hash_words(h, _symbol(memory, i), sizeof(QuoterSymbol) // 8)


cdef StrategyOps OPS = strategy_ops(_size, _init, _bind, _on_market, _hash)
OPS.on_report = _on_report
OPS.on_status = _on_status


cdef class QuoterStrategy(StrategyPort):
    """Keeps a post-only order on each side, `distance_ticks` outside the touch, and amends it when the touch moves away.

    A filled order is followed by the next one, while the position stays within the limit. When the book is
    lost all orders of the symbol are cancelled.

    Parameters
    ----------
    qty : str or Decimal
        Size of one order in base units; rounded down to the lot of each symbol.
    distance_ticks : int
        Outwards from the touch of its own side, 0 to 100,000.
    tolerance_ticks : int
        An order that is off by at most this stays, 0 to 100,000.
    max_position : str or Decimal
        Largest position that its orders may lead to, in base units; 0: only the risk limits apply.
    retry_ms : float
        Waiting time after a refused order or amend.

    >>> QuoterStrategy(qty="0.01", distance_ticks=2)
    QuoterStrategy(qty=0.01, distance_ticks=2, tolerance_ticks=0, max_position=0, retry_ms=100)
    """
    cdef readonly object qty, distance_ticks, tolerance_ticks, max_position, retry_ms

    def __cinit__(self, *, qty="0.01", distance_ticks=1, tolerance_ticks=0, max_position=0, retry_ms=100):
        self.ops = &OPS
        self.qty = above("qty", qty, 10**30)
        self.distance_ticks = whole("distance_ticks", distance_ticks, 0, 100_000)
        self.tolerance_ticks = whole("tolerance_ticks", tolerance_ticks, 0, 100_000)
        self.max_position = within("max_position", max_position, 0, 10**30)
        self.retry_ms = within("retry_ms", retry_ms, 0, DAY_MS)

    cdef int fill(self, void* params, Spec spec, dict limits) except -1:
        cdef QuoterParams* p = <QuoterParams*>params
        p.qty = lot_quanta(spec, self.qty)
        p.max_position = limit_quanta(spec, self.max_position)
        p.distance = self.distance_ticks
        p.tolerance = self.tolerance_ticks
        p.retry_ns = nanoseconds("retry_ms", self.retry_ms, 0, DAY_MS)
        return 0

    cpdef int64_t most_intents(self, int64_t n_symbols):
        """Two quotes of the symbol that moved, after a cancel of its earlier orders."""
        return 3

    def __repr__(self):
        return (f"QuoterStrategy(qty={self.qty}, distance_ticks={self.distance_ticks}, tolerance_ticks={self.tolerance_ticks}, "
                f"max_position={self.max_position}, retry_ms={self.retry_ms})")
