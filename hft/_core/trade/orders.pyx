"""The orders of one trader, from sending to their final state."""

import enum

from libc.string cimport memset

from hft._core.base.checks import whole
from hft._core.base.intent cimport OrderIntent, side_from
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.status import name as status_name, text as status_text
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Spec
from hft._core.trade.order_lifecycle cimport orders_on_report
from hft._core.trade.position import _money

assert sizeof(Order) == 112 and sizeof(SymbolOrders) == 24 and sizeof(Orders) == 64

MAX_CAPACITY = 65_536


OrderStatus = enum.IntEnum("OrderStatus", {
    "PENDING_NEW": PENDING_NEW, "OPEN": OPEN, "PARTIALLY_FILLED": PARTIALLY_FILLED, "PENDING_CANCEL": PENDING_CANCEL,
    "PENDING_AMEND": PENDING_AMEND, "FILLED": FILLED, "CANCELED": CANCELED, "REJECTED": REJECTED, "EXPIRED": EXPIRED,
}, module=__name__)
OrderStatus.__doc__ = """The states of an order; FILLED, CANCELED, REJECTED and EXPIRED are final."""


def allowed_moves() -> dict:
    """The state table: the states that each state may move to.

    >>> sorted(status.name for status in allowed_moves()[OrderStatus.OPEN])
    ['CANCELED', 'EXPIRED', 'FILLED', 'PARTIALLY_FILLED', 'PENDING_AMEND', 'PENDING_CANCEL']
    """
    return {a: frozenset(b for b in OrderStatus if hft_order_moves[<int>a] >> <int>b & 1) for a in OrderStatus}


class IllegalReport(RuntimeError):
    """A report that contradicts an earlier one: an illegal move, an overfill, an unknown order."""


cdef class OrderView(OrderTerms):
    """An order at one time; later reports make new views.

    Attributes
    ----------
    id : int
        Unique over all runs: ``run << 32 | n``.
    price : Decimal or None
        None for a market order without a price bound.
    leaves, filled : Decimal
        Open and filled quantity (of a final order, the quantity that was never filled).
    reason : str
        Reason of its rejection, cancel or expiry; "ok" otherwise.
    final : bool
        Whether the order is in a final state.
    can_cancel, can_amend : bool
        Whether the order is open without a cancel under way (for `can_amend` also without another amend).
    """

    def __repr__(self):
        return f"OrderView({self.id} {self.symbol} {self.side} {self.filled:f}/{self.qty:f} {self.status.name})"


cdef OrderView order_view(const Order* order, Spec spec):
    """An order as it is now."""
    cdef OrderView view = OrderView.__new__(OrderView)
    view.terms(spec, order.side, order.qty, order.type, order.tif, order.flags)
    view.id, view.sent_ns = order.order_id, order.sent_ns
    view.price = spec.price(order.price) if order.price else None
    view.leaves, view.filled = spec.qty(order.leaves), spec.qty(order.qty - order.leaves)
    view.status, view.reason = OrderStatus(order.status), status_name(order.reason)
    view.final, view.can_cancel, view.can_amend = order_is_final(order), order_can_cancel(order), order_can_amend(order)
    return view


cdef class OrderManager:
    """The table of open orders.

    Parameters
    ----------
    specs : Symbols, Spec or iterable of Spec
    run : int
        Number of this run, 1 to 2^31 - 1 and different at each start, which keeps ids unique.
    capacity : int
        Most orders open at once, 1 to 65,536; all memory is allocated at the start.

    Each report method moves the order and returns its new view. A report that contradicts an earlier one raises
    IllegalReport and changes nothing, since it shows a bug.

    >>> from hft._core.base.intent import OrderIntent
    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001")
    >>> orders = OrderManager(spec, run=7)
    >>> order = orders.create(OrderIntent(spec, "buy", "0.5", "61800.2"), now=0)
    >>> order.id == (7 << 32) + 1, order.status.name
    (True, 'PENDING_NEW')
    >>> orders.accepted(order.id)
    OrderView(30064771073 BTCUSDT buy 0.000/0.500 OPEN)
    >>> orders.fill(order.id, "0.2")
    OrderView(30064771073 BTCUSDT buy 0.200/0.500 PARTIALLY_FILLED)
    >>> str(orders.leaves("BTCUSDT", "buy")), orders.in_flight("BTCUSDT")
    ('0.300', 1)
    >>> orders.cancel(order.id).status.name, orders.canceled(order.id).status.name, len(orders)
    ('PENDING_CANCEL', 'CANCELED', 0)
    """

    def __cinit__(self, specs, *, run=1, capacity=1000):
        cdef OrderParams params
        self.symbols = Symbols(specs)
        params.n_symbols = (<Symbols>self.symbols).count
        params.capacity = whole("capacity", capacity, 1, MAX_CAPACITY)
        params.run = whole("run", run, 1, 2**31 - 1)
        self.c = <Orders*>hft_alloc(orders_size(&params))
        orders_init(self.c, &params)

    def __dealloc__(self):
        hft_free(self.c)

    cdef OrderView _view(self, const Order* order):
        return order_view(order, (<Symbols>self.symbols).all[order.symbol])

    def create(self, OrderIntent intent not None, *, int64_t now):
        """Create an order with the next id, PENDING_NEW. RuntimeError when the table is full, ValueError without a quantity."""
        cdef Order* order
        cdef Intent* wanted = intent.of(self.symbols)
        if not 0 < wanted.qty <= MAX_LEAVES - orders_leaves(self.c, wanted.symbol, wanted.side):
            raise ValueError(f"quantity {intent.qty:f} must be above zero, and the open quantity must fit 64 bits")
        if self.c.free == NO_SLOT:
            raise RuntimeError(status_text(RISK_NO_ORDER_SLOT))
        wanted.order_id = orders_issue(self.c)
        orders_create(self.c, wanted, now, &order)
        return self._view(order)

    def cancel(self, int64_t order_id):
        """A cancel was sent. KeyError if the order is not open, ValueError if a cancel is already under way."""
        cdef Order* order = orders_find(self.c, order_id)
        if order == NULL:
            raise KeyError(order_id)
        if orders_cancel_sent(self.c, order) != OK:
            raise ValueError(f"order {order_id} is being cancelled already")
        return self._view(order)

    def amend(self, int64_t order_id, qty, price):
        """An amend was sent: a new total quantity and a new price. KeyError if the order is not open, ValueError if
        an amend or a cancel is already under way, or without a quantity."""
        cdef Order* order = orders_find(self.c, order_id)
        if order == NULL:
            raise KeyError(order_id)
        cdef Spec spec = (<Symbols>self.symbols).all[order.symbol]
        cdef int64_t wanted = spec.quanta(qty)
        if wanted <= 0 or wanted - order.qty > MAX_LEAVES - orders_leaves(self.c, order.symbol, order.side):
            raise ValueError(f"quantity {qty} must be above zero, and the open quantity must fit 64 bits")
        if orders_amend_sent(self.c, order, spec.ticks(price), wanted) != OK:
            raise ValueError(f"order {order_id} is being amended or cancelled already")
        return self._view(order)

    def _report(self, int64_t order_id, int kind, *, qty=0, reason=0, fee=0, fee_in_base=False, now=0):
        cdef Report report
        cdef Order* order = orders_find(self.c, order_id)
        cdef int status
        memset(&report, 0, sizeof(Report))
        report.order_id = order_id
        report.kind = kind
        report.reason = reason
        report.due_ns = now
        if order != NULL:
            report.qty = (<Symbols>self.symbols).spec(self.symbols.all[order.symbol]).quanta(qty)
            report.leaves = order.leaves - report.qty
            if kind == REPORT_AMENDED:
                report.leaves += order.amend_qty - order.qty
            report.fee = _money("fee", fee)
            report.fee_in_base = fee_in_base
        status = orders_on_report(self.c, &report, &order)
        if status != OK:
            raise IllegalReport(f"order {order_id}: {status_text(status)}")
        return None if order == NULL else self._view(order)

    def accepted(self, order_id, *, now=0):
        """The venue accepted the order."""
        return self._report(order_id, REPORT_ACCEPTED, now=now)

    def fill(self, order_id, qty, *, fee=0, fee_asset="quote", now=0):
        """`qty` of the order was filled; with no rest it is FILLED."""
        if fee_asset not in ("quote", "base"):
            raise ValueError(f"fee_asset {fee_asset!r} must be 'quote' or 'base'")
        return self._report(order_id, REPORT_FILL, qty=qty, fee=fee, fee_in_base=fee_asset == "base", now=now)

    def canceled(self, order_id, *, reason=0, now=0):
        """The order left the book; `reason` is a code of `hft._core.base.status`."""
        return self._report(order_id, REPORT_CANCELED, reason=reason, now=now)

    def rejected(self, order_id, *, reason=0, now=0):
        """The venue refused the order."""
        return self._report(order_id, REPORT_REJECTED, reason=reason, now=now)

    def expired(self, order_id, *, reason=0, now=0):
        """The venue ended the order: the rest of an IOC, or a FOK that could not be filled whole."""
        return self._report(order_id, REPORT_EXPIRED, reason=reason, now=now)

    def cancel_rejected(self, order_id, *, now=0):
        """The cancel came too late. None if the order was already reported final."""
        return self._report(order_id, REPORT_CANCEL_REJECTED, now=now)

    def amended(self, order_id, *, now=0):
        """The amend took effect."""
        return self._report(order_id, REPORT_AMENDED, now=now)

    def amend_rejected(self, order_id, *, now=0):
        """The order is unchanged. None if it was already reported final."""
        return self._report(order_id, REPORT_AMEND_REJECTED, now=now)

    def __getitem__(self, int64_t order_id) -> OrderView:
        cdef Order* order = orders_find(self.c, order_id)
        if order == NULL:
            raise KeyError(order_id)
        return self._view(order)

    def __contains__(self, int64_t order_id):
        return orders_find(self.c, order_id) != NULL

    def __len__(self):
        """Number of open orders."""
        return self.c.open

    def __iter__(self):
        """Open orders, oldest first."""
        cdef list views = []
        cdef Order* order = orders_first(self.c)
        while order != NULL:
            views.append(self._view(order))
            order = orders_next(self.c, order)
        return iter(views)

    def leaves(self, symbol, side):
        """Quantity that open orders on `side` may still fill, including those with a cancel pending."""
        return self.symbols[symbol].qty(orders_leaves(self.c, self.symbols.index(symbol), side_from(side)))

    def in_flight(self, symbol) -> int:
        """Number of the symbol's orders not reported final."""
        return orders_in_flight(self.c, self.symbols.index(symbol))

    @property
    def run(self) -> int:
        return self.c.run

    @property
    def capacity(self) -> int:
        return self.c.capacity

    def _check(self):
        """Checks the table's own invariants; for tests and debug builds."""
        cdef Order* order = orders_first(self.c)
        cdef int32_t slot = self.c.free, i, found = 0, free = 0, amending = 0
        cdef uint32_t j
        leaves = {(i, side): 0 for i in range(self.c.n_symbols) for side in (0, 1)}
        count = dict.fromkeys(range(self.c.n_symbols), 0)
        while order != NULL:
            assert not order_is_final(order) and orders_find(self.c, order.order_id) == order
            assert order.next == NO_SLOT or orders_slot(self.c, order.next).order_id > order.order_id
            leaves[order.symbol, order.side < 0] += order.leaves + order_extra(order)
            amending += order.amend_qty != 0
            count[order.symbol] += 1
            found += 1
            order = orders_next(self.c, order)
        while slot != NO_SLOT:
            free += 1
            slot = orders_slot(self.c, slot).next
        assert found == self.c.open and amending == self.c.amending and found + free == self.c.capacity
        assert sum(orders_index(self.c)[j] != NO_SLOT for j in range(self.c.mask + 1)) == found
        for i in range(self.c.n_symbols):
            assert orders_of(self.c, i).open == count[i]
            assert orders_of(self.c, i).leaves[0] == leaves[i, 0] and orders_of(self.c, i).leaves[1] == leaves[i, 1]
