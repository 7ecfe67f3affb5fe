# One trader on the markets: signal, strategy, risk, orders, broker, position, and the reports on their way between them.
#
# A lane reads markets and never changes one, so many lanes can run over the same markets. Its verbs, in the order in which
# the engine calls them for one input:
#
#       lane_advance        what is due first: orders that take effect by timer, reports, holds that end
#       lane_arrivals       orders due before this message, on the book as it was
#       lane_match          the broker meets the message
#       lane_deliver        reports that are due by now
#       lane_act            signal -> decision -> risk -> order -> broker's entry
#
# Callbacks never nest: reports leave the broker through an array, and reach orders, position and strategy from the
# delivery queue only.

from libc.math cimport NAN

from hft._core.base.memory cimport align64
from hft._core.base.status cimport FAULT_REPORTS_FULL, OK
from hft._core.base.types cimport (
    ASK, BID, CMD_CANCEL, CMD_NEW, REPORT_FILL, Command, Intent, Message, Report, int32_t, int64_t, likely, unlikely,
)
from hft._core.engine.outlet cimport Outlet, outlet_count, outlet_fill, outlet_order, outlet_position
from hft._core.execution.broker cimport (
    broker_arrivals, broker_due, broker_has_channel, broker_next_due, broker_submit, broker_timers, broker_told,
)
from hft._core.execution.broker_state cimport Broker, BrokerParams, broker_init, broker_reports, broker_size
from hft._core.execution.capacity cimport capacity_message
from hft._core.execution.delivery cimport (
    INT64_MAX, Delivery, delivery_count, delivery_full, delivery_init, delivery_next_due, delivery_pop, delivery_push,
    delivery_size,
)
from hft._core.execution.matching cimport broker_on_book, broker_on_desync, broker_on_resync, broker_on_trade, broker_suspect
from hft._core.market.book cimport book_best, book_mid2
from hft._core.market.market cimport (
    FX_CROSSED, FX_LOST, FX_SYNCED, FX_TRADE, FX_VIEW, Market, market_book, market_features, market_ready, market_trusted,
)
from hft._core.trade.imbalance cimport (
    Imbalance, ImbalanceParams, imbalance_decide, imbalance_init, imbalance_next_due, imbalance_on_fill,
)
from hft._core.trade.orders cimport (
    Order, OrderParams, Orders, order_can_cancel, order_command, orders_cancel_sent, orders_create, orders_first,
    orders_in_flight, orders_init, orders_next, orders_on_report, orders_size,
    orders_withdraw,
)
from hft._core.trade.position cimport (
    PositionParams, Positions, position_at, position_init, position_mark, position_mark_lost, position_on_fill, position_size,
)
from hft._core.trade.risk cimport Risk, RiskInputs, RiskLimits, risk_check, risk_init, risk_sent, risk_size
from hft._core.trade.signal cimport (
    SignalParams, SignalRecord, SignalState, signal_eval, signal_init, signal_on_imbalance, signal_size,
)

cdef struct LaneParams:
    BrokerParams broker
    OrderParams orders
    PositionParams positions
    RiskLimits risk
    SignalParams signal
    int64_t reports             # that can be under way at once

cdef struct LaneSymbol:         # the strategy's side of one symbol; its SignalState is behind it
    Imbalance imbalance
    SignalRecord signal
    int64_t has_signal

cdef struct Lane:
    int64_t next_due            # the earliest internal event; INT64_MAX: none
    int64_t wants               # records that what is under way and the next message may cause (`capacity_message`)
    int64_t submitted           # orders accepted by the broker's entry
    int64_t kill_on
    int64_t stopping
    int64_t cancel_again        # 1: not every cancel could be sent
    int64_t fault               # below 0: the first fault; it halts trading
    int64_t n_symbols
    int64_t symbol_stride
    int64_t broker_at           # byte offsets from this struct
    int64_t orders_at
    int64_t positions_at
    int64_t risk_at
    int64_t delivery_at
    int64_t symbols_at


# --- memory

cdef inline size_t lane_symbol_size(const LaneParams* p) noexcept nogil:
    return align64(sizeof(LaneSymbol)) + align64(signal_size(&p.signal))


cdef inline size_t lane_size(const LaneParams* p) noexcept nogil:
    return (align64(sizeof(Lane)) + align64(broker_size(&p.broker)) + align64(orders_size(&p.orders))
            + align64(position_size(&p.positions)) + align64(risk_size(&p.risk)) + delivery_size(p.reports)
            + p.orders.n_symbols * lane_symbol_size(p))


cdef inline Broker* lane_broker(Lane* lane) noexcept nogil:
    return <Broker*>(<char*>lane + lane.broker_at)


cdef inline Orders* lane_orders(Lane* lane) noexcept nogil:
    return <Orders*>(<char*>lane + lane.orders_at)


cdef inline Positions* lane_positions(Lane* lane) noexcept nogil:
    return <Positions*>(<char*>lane + lane.positions_at)


cdef inline Risk* lane_risk(Lane* lane) noexcept nogil:
    return <Risk*>(<char*>lane + lane.risk_at)


cdef inline Delivery* lane_delivery(Lane* lane) noexcept nogil:
    return <Delivery*>(<char*>lane + lane.delivery_at)


cdef inline LaneSymbol* lane_symbol(Lane* lane, int32_t i) noexcept nogil:
    return <LaneSymbol*>(<char*>lane + lane.symbols_at + i * lane.symbol_stride)


cdef inline SignalState* lane_signal(Lane* lane, int32_t i) noexcept nogil:
    return <SignalState*>(<char*>lane_symbol(lane, i) + align64(sizeof(LaneSymbol)))


cdef inline void lane_init(Lane* lane, const LaneParams* p, const ImbalanceParams* strategies) noexcept nogil:
    """`strategies`: one for each symbol. `position_bind` and `risk`'s limits by symbol are the caller's."""
    cdef int32_t i
    lane.n_symbols = p.orders.n_symbols
    lane.next_due = INT64_MAX
    lane.wants = capacity_message(0, 0)
    lane.symbol_stride = lane_symbol_size(p)
    lane.broker_at = align64(sizeof(Lane))
    lane.orders_at = lane.broker_at + align64(broker_size(&p.broker))
    lane.positions_at = lane.orders_at + align64(orders_size(&p.orders))
    lane.risk_at = lane.positions_at + align64(position_size(&p.positions))
    lane.delivery_at = lane.risk_at + align64(risk_size(&p.risk))
    lane.symbols_at = lane.delivery_at + delivery_size(p.reports)
    broker_init(lane_broker(lane), &p.broker)
    orders_init(lane_orders(lane), &p.orders)
    position_init(lane_positions(lane), &p.positions)
    risk_init(lane_risk(lane), &p.risk)
    delivery_init(lane_delivery(lane), p.reports)
    for i in range(p.orders.n_symbols):
        imbalance_init(&lane_symbol(lane, i).imbalance, &strategies[i])
        signal_init(lane_signal(lane, i), &p.signal)


cdef inline void lane_fail(Lane* lane, int64_t code) noexcept nogil:
    """Keep the first fault: those that follow are mostly its consequences."""
    if unlikely(code < 0) and lane.fault == 0:
        lane.fault = code


# --- execution's side: reports out of the broker

cdef inline void lane_schedule(Lane* lane) noexcept nogil:
    """Find the earliest internal event anew, and what may be written: after every change of orders, commands and reports."""
    cdef int64_t due = delivery_next_due(lane_delivery(lane))
    cdef int64_t other = broker_next_due(lane_broker(lane))
    cdef int32_t i
    due = other if other < due else due
    for i in range(0 if lane.stopping else lane.n_symbols):     # no hold ends once the lane decides nothing more
        other = imbalance_next_due(&lane_symbol(lane, i).imbalance)
        due = other if other < due else due
    lane.next_due = due
    lane.wants = capacity_message(lane_orders(lane).open, delivery_count(lane_delivery(lane)))


cdef inline void lane_collect(Lane* lane, Outlet* out, int64_t now) noexcept nogil:
    """Journal what the broker did, then send it on its way to the strategy (SEMANTICS 5)."""
    cdef Broker* broker = lane_broker(lane)
    cdef Report* report
    cdef int32_t i
    if broker.n_reports == 0:
        return
    for i in range(broker.n_reports):
        report = broker_reports(broker) + i
        report.due_ns = broker_told(broker, report.symbol, report.exch_ns, now)
        if unlikely(delivery_full(lane_delivery(lane))):
            # Makers can fill in any number of parts while the first is on its way: it halts trading, but none is lost.
            lane_fail(lane, FAULT_REPORTS_FULL)
            lane_told(lane, out, delivery_pop(lane_delivery(lane)))
        if report.kind == REPORT_FILL:
            lane_fail(lane, outlet_fill(out, report, now))
        lane_fail(lane, delivery_push(lane_delivery(lane), report, report.due_ns))
    broker.n_reports = 0
    lane_fail(lane, broker.fault)
    lane_schedule(lane)


# --- strategy's side: reports in

cdef inline void lane_told(Lane* lane, Outlet* out, const Report* report) noexcept nogil:
    """The strategy's side learns of one report."""
    cdef Order* order
    cdef Positions* positions = lane_positions(lane)
    cdef int code = orders_on_report(lane_orders(lane), report, &order)
    if code == OK and report.kind == REPORT_FILL:
        code = position_on_fill(positions, report)
        if code == OK:
            imbalance_on_fill(&lane_symbol(lane, report.symbol).imbalance, report.side,
                              position_at(positions, report.symbol).qty, report.due_ns)
            code = outlet_position(out, report.symbol, position_at(positions, report.symbol), report.due_ns)
    if report.reason > 0:
        outlet_count(&out.page.counters.status[report.reason])
    if code == OK and order != NULL:
        code = outlet_order(out, order, report.due_ns, report.exch_ns)
    lane_fail(lane, code)


cdef inline void lane_deliver(Lane* lane, Outlet* out, int64_t now) noexcept nogil:
    """Every report that is due by now."""
    cdef Delivery* delivery = lane_delivery(lane)
    if delivery_next_due(delivery) > now:
        return
    while delivery_next_due(delivery) <= now:
        lane_told(lane, out, delivery_pop(delivery))
    lane_schedule(lane)


# --- orders out

cdef inline int lane_send(Lane* lane, Outlet* out, Order* order, int kind, int64_t now) noexcept nogil:
    """A command to execution; it is due after the entry latency."""
    cdef Command command
    cdef int code
    order_command(order, kind, now, broker_due(lane_broker(lane), order.symbol, now), &command)
    code = broker_submit(lane_broker(lane), &command)
    return outlet_order(out, order, now, 0) if code == OK else code


cdef inline int lane_submit(Lane* lane, Outlet* out, Market* market, Intent* intent, int64_t now) noexcept nogil:
    """Risk, order, broker's entry. OK, or why not."""
    cdef Order* order
    cdef RiskInputs at
    cdef int code
    outlet_count(&out.page.counters.intents)
    at.now = now
    at.data_ns = market.update_ns
    at.mid2 = book_mid2(market_book(market))
    at.synced = market_ready(market)
    at.closed = <int32_t>market.times.closed
    code = risk_check(lane_risk(lane), intent, lane_orders(lane), lane_positions(lane), &market.spec, &at)
    if code != OK:
        return code
    code = orders_create(lane_orders(lane), intent, now, &order)
    if code != OK:
        return code
    code = lane_send(lane, out, order, CMD_NEW, now)
    if code > 0:                # refused; on a fault the order is on its way all the same
        orders_withdraw(lane_orders(lane), order, code)
    if code != OK:
        return code
    risk_sent(lane_risk(lane), now)
    lane.submitted += 1
    outlet_count(&out.page.counters.orders)
    return OK


cdef inline void lane_cancel_all(Lane* lane, Outlet* out, int64_t now) noexcept nogil:
    """Cancel what is open. Where the channel is full, `cancel_again` asks for another go with the next input."""
    cdef Orders* orders = lane_orders(lane)
    cdef Order* order = orders_first(orders)
    lane.cancel_again = 0
    while order != NULL:
        if order_can_cancel(order):
            if not broker_has_channel(lane_broker(lane)):
                lane.cancel_again = 1
                break
            orders_cancel_sent(orders, order)
            lane_fail(lane, lane_send(lane, out, order, CMD_CANCEL, now))
            outlet_count(&out.page.counters.cancels)
        order = orders_next(orders, order)
    lane_schedule(lane)


cdef inline void lane_act(Lane* lane, Outlet* out, Market* market, int32_t i, int64_t now) noexcept nogil:
    """Signal, decision, risk, order: for one symbol, at `now`."""
    cdef LaneSymbol* own = lane_symbol(lane, i)
    cdef Intent intent
    cdef int code
    own.has_signal = market_trusted(market, now) and signal_eval(lane_signal(lane, i), now, &own.signal)
    if own.has_signal:
        outlet_count(&out.page.counters.signals)
    if lane.stopping:
        return
    if imbalance_decide(&own.imbalance, &own.signal, own.has_signal, book_best(market_book(market), BID),
                        book_best(market_book(market), ASK), &market.spec,
                        position_at(lane_positions(lane), i).qty, orders_in_flight(lane_orders(lane), i), now, &intent):
        code = lane_submit(lane, out, market, &intent, now)
        if code > 0:
            outlet_count(&out.page.counters.status[code])
        lane_fail(lane, code)
        lane_schedule(lane)
    else:                       # a hold may have begun
        lane.next_due = min(lane.next_due, imbalance_next_due(&own.imbalance))


# --- one input

cdef inline void lane_advance(Lane* lane, Outlet* out, Market** markets) noexcept nogil:
    """Run the internal events of the instant `next_due`, which is their now."""
    cdef int64_t due = lane.next_due
    cdef int32_t i
    for i in range(lane.n_symbols):
        while broker_timers(lane_broker(lane), i, &markets[i].spec, market_book(markets[i]), due):
            lane_collect(lane, out, due)
    lane_collect(lane, out, due)
    lane_deliver(lane, out, due)
    for i in range(lane.n_symbols):
        if imbalance_next_due(&lane_symbol(lane, i).imbalance) <= due:
            lane_act(lane, out, markets[i], i, due)
    lane_schedule(lane)


cdef inline void lane_arrivals(Lane* lane, Outlet* out, Market* market, int32_t i, int64_t v, int64_t now) noexcept nogil:
    while broker_arrivals(lane_broker(lane), i, &market.spec, market_book(market), v):
        lane_collect(lane, out, now)
    lane_collect(lane, out, now)


cdef inline void lane_view(Lane* lane, Market* market, int32_t i, int64_t now) noexcept nogil:
    """Mark and signal see the view. Where a side of it is empty the mark is the last one, and no imbalance is held: no signal
    stands, and the time counts for neither side (rule 7a)."""
    if likely(market_ready(market)):
        lane_fail(lane, position_mark(lane_positions(lane), i, market.mid2))
        signal_on_imbalance(lane_signal(lane, i), market_features(market).imbalance, now)
    elif market_features(market).synced:
        signal_on_imbalance(lane_signal(lane, i), 0.0, now)
        position_mark_lost(lane_positions(lane), i)


cdef inline void lane_match(Lane* lane, Outlet* out, Market* market, const Message* msg, int32_t i, int fx, int64_t v,
                            int64_t now) noexcept nogil:
    """The broker and the signal meet what a message did to its market."""
    cdef Broker* broker = lane_broker(lane)
    if fx & FX_LOST:
        broker_on_desync(broker, i)
        signal_on_imbalance(lane_signal(lane, i), NAN, now)
        position_mark_lost(lane_positions(lane), i)
    if unlikely(fx & (FX_CROSSED | FX_LOST)):
        broker_suspect(broker, i, market.suspect_until)
    if fx & FX_SYNCED:
        broker_on_resync(broker, i, &market.spec, market_book(market), v, fx & FX_CROSSED)
    elif fx & FX_VIEW:
        broker_on_book(broker, &market.spec, market_book(market), msg, v, fx & FX_CROSSED)
    if fx & FX_TRADE:
        broker_on_trade(broker, &market.spec, msg, v)
    lane_collect(lane, out, now)
    if fx & FX_VIEW:
        lane_view(lane, market, i, now)
