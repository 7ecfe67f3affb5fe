# The simulated exchange for our own orders (SEMANTICS 3–5, 8–17, 25): the verbs that an engine calls.
#
# Per input, in this order:
#     broker_arrivals     commands due before the event's v take effect, on the book before the event
#     (the book changes)
#     broker_on_trade | broker_on_book | broker_on_desync | broker_on_resync      (in `matching`)
# After each call the caller drains `broker_reports` and sets `n_reports` to 0. Between inputs it calls `broker_expiries`.
#
#     latency   when commands take effect          taking      quantity used up by takers, fees
#     resting   own orders by price and time       queue       their queue position at a level
#     broker_state   memory and reports            matching    market events against resting orders

from libc.stdint cimport INT64_MAX, int32_t, int64_t

from hft._core.base.heap cimport heap_next, heap_set
from hft._core.base.status cimport (
    FAULT_CHANNEL_FULL, OK, RISK_BAD_PRICE, RISK_BAD_QTY, RISK_NOT_TRADING, VENUE_AMEND_FILLED, VENUE_BOOK_FULL, VENUE_FOK,
    VENUE_IOC_REST, VENUE_NO_LIQUIDITY, VENUE_POST_ONLY, VENUE_REDUCE_ONLY, VENUE_RULES, VENUE_UNKNOWN_ORDER, VENUE_USER_CANCEL,
)
from hft._core.base.types cimport (
    ASK, BID, BUY, CMD_AMEND, CMD_CANCEL, FOK, GTC, GTX, LIMIT, MARKET, REDUCE_ONLY, REPORT_ACCEPTED, REPORT_AMENDED,
    REPORT_AMEND_REJECTED, REPORT_CANCEL_REJECTED, REPORT_CANCELED, REPORT_EXPIRED, REPORT_REJECTED, Command, Level, Spec,
    SymbolSpec,
)
from hft._core.execution.broker_state cimport (
    Broker, BrokerParams, BrokerSymbol, broker_add, broker_drop, broker_fill, broker_fits, broker_front, broker_init,
    broker_oldest, broker_queue, broker_report, broker_reports, broker_resting, broker_room, broker_size, broker_sweep,
    broker_symbol, broker_timers, broker_unqueue,
)
from hft._core.execution.latency cimport latency_due, latency_report_due, latency_timer
from hft._core.execution.matching cimport broker_on_book, broker_on_desync, broker_on_resync, broker_on_trade
from hft._core.execution.queue cimport FRONT_UNKNOWN
from hft._core.execution.resting cimport (
    NO_SLOT, RestingOrder, resting_add, resting_find, resting_has_room, resting_level, resting_order,
)
from hft._core.execution.taking cimport TAKE_LEVELS, take_commit, take_plan
from hft._core.market.book cimport Book, OrderBook, book_qty


# ---- commands under way -------------------------------------------------------------------------------------------

cdef inline int64_t broker_report_due(Broker* b, int32_t symbol, int64_t exch_ns, int64_t now) noexcept nogil:
    """Time at which the trader receives the next report, of an event at `exch_ns` (rule 5). Called once a report, in order."""
    return latency_report_due(&broker_symbol(b, symbol).latency, exch_ns, now)


cdef inline int64_t broker_symbol_due(Broker* b, BrokerSymbol* s) noexcept nogil:
    """Time at which the symbol's next command takes effect by timer; INT64_MAX: none is under way."""
    cdef const Command* oldest = broker_oldest(b, s)
    return latency_timer(&s.latency, oldest.due_ns) if oldest != NULL else INT64_MAX


cdef inline int64_t broker_next_due(const Broker* b) noexcept nogil:
    """Time at which the next command of any symbol takes effect by timer; INT64_MAX: none is under way."""
    return heap_next(broker_timers(b))


cdef inline int broker_submit(Broker* b, Command* c) noexcept nogil:
    """Submits a command and sets its `due_ns` (rule 3). FAULT_CHANNEL_FULL: more are under way than the settings allow."""
    cdef BrokerSymbol* s = broker_symbol(b, c.symbol)
    if b.n_commands == b.params.max_commands:
        return FAULT_CHANNEL_FULL
    c.due_ns = s.latency.last_due_ns = latency_due(&s.latency, c.sent_ns)
    broker_queue(b, s, c)
    if s.n_commands == 1:
        heap_set(broker_timers(b), s.index, broker_symbol_due(b, s))
    return OK


# ---- taking effect ---------------------------------------------------------------------------------------------------

cdef inline void broker_rest(BrokerSymbol* s, const Book* book, const Command* c, int64_t leaves, int64_t filled) noexcept nogil:
    """The order, or its rest, joins the queue at its price. The caller has checked that a slot is free."""
    cdef int own = BID if c.side == BUY else ASK
    cdef int64_t displayed = book_qty(book, own, c.price) if s.synced else 0
    cdef RestingOrder* order = resting_add(broker_resting(s), own, c.price, displayed)
    order.order_id = c.order_id
    order.leaves = leaves
    order.filled = filled
    order.arrived_ns = c.due_ns
    order.queue.front = broker_front(book, own, c.price) if s.synced else FRONT_UNKNOWN
    order.queue.credited = 0
    order.side = c.side
    order.flags = c.flags
    if order.queue.front == FRONT_UNKNOWN:
        resting_level(broker_resting(s), order.level).unknown = 1
    if c.flags & REDUCE_ONLY:
        s.n_reduce_only += 1


cdef inline int broker_refusal(BrokerSymbol* s, const SymbolSpec* spec, const Command* c, int64_t want,
                               int64_t reachable) noexcept nogil:
    """The reason to refuse an order, or OK. `reachable`: the quantity that it would take now."""
    if c.qty <= 0:
        return RISK_BAD_QTY
    if c.type == LIMIT and c.price <= 0:
        return RISK_BAD_PRICE
    if s.closed:
        return RISK_NOT_TRADING
    if not broker_fits(spec, c.type, c.price, c.qty):
        return VENUE_RULES
    if want == 0:
        return VENUE_REDUCE_ONLY
    if c.tif == GTX and reachable:
        return VENUE_POST_ONLY
    if c.type == LIMIT and (c.tif == GTC or c.tif == GTX) and reachable < c.qty and not resting_has_room(broker_resting(s)):
        return VENUE_BOOK_FULL
    return OK


cdef inline void broker_enter(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, const Book* book, const Command* c,
                              int64_t filled, int let_in, int refused) noexcept nogil:
    """Rule 8: takes the available quantity, then rests or expires. `c.qty`: the open quantity, `filled`: the quantity filled
    before; `let_in`, `refused`: the kinds of its reports."""
    cdef Level plan[TAKE_LEVELS]
    cdef int32_t n = 0
    cdef int32_t i
    cdef int opposite = ASK if c.side == BUY else BID
    cdef int64_t want = broker_room(s, c.side, c.flags, c.qty)
    cdef int64_t reachable = 0
    cdef int64_t leaves = c.qty
    cdef int reason
    # A book that is not in sync, or has an empty side, offers nothing (rules 7a, 13). Post-only needs the opposite side only.
    if s.synced and (s.quoted or c.tif == GTX):
        reachable = take_plan(&s.used, book, opposite, c.price, 1 if c.tif == GTX else spec.lot, want, plan, &n)
    reason = broker_refusal(s, spec, c, want, reachable)
    if reason != OK:
        broker_report(b, s, refused, reason, c.order_id, c.side, c.qty, c.due_ns)
        return
    broker_report(b, s, let_in, 0, c.order_id, c.side, c.qty, c.due_ns)
    if c.tif == FOK and reachable < c.qty:
        broker_report(b, s, REPORT_EXPIRED, VENUE_FOK, c.order_id, c.side, c.qty, c.due_ns)
        return
    take_commit(&s.used, opposite, plan, n)
    for i in range(n):
        leaves -= plan[i].qty
        broker_fill(b, s, spec, c.order_id, c.side, plan[i].price, plan[i].qty, leaves, False, c.due_ns)
    if leaves == 0:
        return
    if c.type == LIMIT and (c.tif == GTC or c.tif == GTX):
        broker_rest(s, book, c, leaves, filled + c.qty - leaves)
        return
    reason = VENUE_IOC_REST
    if want < c.qty and reachable == want:
        reason = VENUE_REDUCE_ONLY
    elif c.type == MARKET and reachable == 0:
        reason = VENUE_NO_LIQUIDITY
    broker_report(b, s, REPORT_EXPIRED, reason, c.order_id, c.side, leaves, c.due_ns)


cdef inline void broker_amend(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, const Book* book, Command* c) noexcept nogil:
    """A smaller quantity at the same price keeps its place; any other amend enters the order again. An order that has filled at
    least the new quantity is cancelled; so is one that would be refused at the new price."""
    cdef int32_t slot = resting_find(broker_resting(s), c.order_id)
    cdef RestingOrder* order
    cdef int64_t filled
    if slot == NO_SLOT:
        broker_report(b, s, REPORT_AMEND_REJECTED, VENUE_UNKNOWN_ORDER, c.order_id, c.side, 0, c.due_ns)
        return
    order = resting_order(broker_resting(s), slot)
    filled = order.filled
    if s.closed or not broker_fits(spec, LIMIT, c.price, c.qty):
        broker_report(b, s, REPORT_AMEND_REJECTED, RISK_NOT_TRADING if s.closed else VENUE_RULES, c.order_id, c.side,
                      order.leaves, c.due_ns)
    elif c.qty <= filled:
        broker_report(b, s, REPORT_CANCELED, VENUE_AMEND_FILLED, c.order_id, c.side, order.leaves, c.due_ns)
        broker_drop(s, slot)
    elif c.price == order.price and c.qty - filled <= order.leaves:
        order.leaves = c.qty - filled
        broker_report(b, s, REPORT_AMENDED, 0, c.order_id, c.side, order.leaves, c.due_ns)
    else:
        broker_drop(s, slot)
        c.qty -= filled
        broker_enter(b, s, spec, book, c, filled, REPORT_AMENDED, REPORT_CANCELED)


cdef inline void broker_cancel(Broker* b, BrokerSymbol* s, const Command* c) noexcept nogil:
    cdef int32_t slot = resting_find(broker_resting(s), c.order_id)
    cdef RestingOrder* order
    if slot == NO_SLOT:
        broker_report(b, s, REPORT_CANCEL_REJECTED, VENUE_UNKNOWN_ORDER, c.order_id, c.side, 0, c.due_ns)
        return
    order = resting_order(broker_resting(s), slot)
    broker_report(b, s, REPORT_CANCELED, VENUE_USER_CANCEL, c.order_id, order.side, order.leaves, c.due_ns)
    broker_drop(s, slot)


cdef inline void broker_effect(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, const Book* book) noexcept nogil:
    """The oldest command takes effect."""
    cdef Command c = broker_unqueue(b, s)
    heap_set(broker_timers(b), s.index, broker_symbol_due(b, s))
    if c.kind == CMD_CANCEL:
        broker_cancel(b, s, &c)
    elif c.kind == CMD_AMEND:
        broker_amend(b, s, spec, book, &c)
    else:
        broker_enter(b, s, spec, book, &c, 0, REPORT_ACCEPTED, REPORT_REJECTED)
    broker_sweep(b, s, c.due_ns)


cdef inline bint broker_has_room(const Broker* b) noexcept nogil:
    """Whether the reports of one more arrival fit."""
    return b.n_reports + b.params.max_orders + TAKE_LEVELS + 2 <= b.report_capacity


cdef inline int broker_arrivals(Broker* b, int32_t symbol, const SymbolSpec* spec, const Book* book, int64_t v) noexcept nogil:
    """Commands with a < v take effect, before the event at v (rule 4). 1: more are due; drain the reports and call again."""
    cdef BrokerSymbol* s = broker_symbol(b, symbol)
    while s.n_commands and broker_oldest(b, s).due_ns < v:
        if not broker_has_room(b):
            return 1
        broker_effect(b, s, spec, book)
    return 0


cdef inline int broker_expiries(Broker* b, int32_t symbol, const SymbolSpec* spec, const Book* book, int64_t now) noexcept nogil:
    """Commands without later market data take effect at a + max_feed_delay <= now (rule 4). 1: as `broker_arrivals`."""
    cdef BrokerSymbol* s = broker_symbol(b, symbol)
    while broker_symbol_due(b, s) <= now:
        if not broker_has_room(b):
            return 1
        broker_effect(b, s, spec, book)
    return 0


cdef class PaperBroker:
    """One symbol's simulated exchange for Python: owns a `Broker`, reads an `OrderBook`."""
    cdef Broker* broker
    cdef readonly OrderBook book
    cdef readonly Spec spec
    cdef int64_t last_order_id
    cdef int64_t last_trade_id
    cdef Command _limit(self, str side, qty, price, tif, bint reduce_only) except *
    cdef int _send(self, Command* c, int64_t sent_ns) except -1
    cdef list _drain(self, int64_t now)
    cdef list _effect(self, int64_t now, bint timer)
    cdef RestingOrder* _order(self, int64_t order_id) except NULL
