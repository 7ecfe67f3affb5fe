# One account on the markets: signal, strategy, risk, orders, broker, position, and the reports on their way between them.
#
# An account reads markets and never changes one, so many accounts can run over the same markets. Its verbs, in the order in which
# the engine calls them for one input:
#
#       account_advance        what is due first: orders that take effect by timer, reports, holds that end
#       account_arrivals       orders due before this message, on the book as it was
#       account_match          the broker meets the message
#       account_deliver        reports that are due by now
#       account_act            signal -> decision -> risk -> order -> broker's entry
#
# Callbacks never nest: reports leave the broker through an array, and reach orders, position and strategy from the
# delivery queue only.

from libc.math cimport NAN

from hft._core.base.memory cimport align64
from hft._core.base.status cimport FAULT_REPORTS_FULL, OK
from hft._core.base.types cimport (
    ASK, BID, CMD_CANCEL, CMD_NEW, REPORT_FILL, Command, Intent, Message, Report, int32_t, int64_t, likely, unlikely,
)
from hft._core.engine.output cimport Output, output_count, output_fill, output_order, output_position
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
    FX_CROSSED, FX_LOST, FX_SYNCED, FX_TRADE, FX_VIEW, Market, market_book, market_features, market_ready, market_book_synced,
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

cdef struct AccountParams:
    BrokerParams broker
    OrderParams orders
    PositionParams positions
    RiskLimits risk
    SignalParams signal
    int64_t reports             # that can be under way at once

cdef struct AccountSymbol:         # the strategy's side of one symbol; its SignalState is behind it
    Imbalance imbalance
    SignalRecord signal
    int64_t has_signal

cdef struct Account:
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

cdef inline size_t account_symbol_size(const AccountParams* p) noexcept nogil:
    return align64(sizeof(AccountSymbol)) + align64(signal_size(&p.signal))


cdef inline size_t account_size(const AccountParams* p) noexcept nogil:
    return (align64(sizeof(Account)) + align64(broker_size(&p.broker)) + align64(orders_size(&p.orders))
            + align64(position_size(&p.positions)) + align64(risk_size(&p.risk)) + delivery_size(p.reports)
            + p.orders.n_symbols * account_symbol_size(p))


cdef inline Broker* account_broker(Account* account) noexcept nogil:
    return <Broker*>(<char*>account + account.broker_at)


cdef inline Orders* account_orders(Account* account) noexcept nogil:
    return <Orders*>(<char*>account + account.orders_at)


cdef inline Positions* account_positions(Account* account) noexcept nogil:
    return <Positions*>(<char*>account + account.positions_at)


cdef inline Risk* account_risk(Account* account) noexcept nogil:
    return <Risk*>(<char*>account + account.risk_at)


cdef inline Delivery* account_delivery(Account* account) noexcept nogil:
    return <Delivery*>(<char*>account + account.delivery_at)


cdef inline AccountSymbol* account_symbol(Account* account, int32_t i) noexcept nogil:
    return <AccountSymbol*>(<char*>account + account.symbols_at + i * account.symbol_stride)


cdef inline SignalState* account_signal(Account* account, int32_t i) noexcept nogil:
    return <SignalState*>(<char*>account_symbol(account, i) + align64(sizeof(AccountSymbol)))


cdef inline void account_init(Account* account, const AccountParams* p, const ImbalanceParams* strategies) noexcept nogil:
    """`strategies`: one for each symbol. `position_bind` and `risk`'s limits by symbol are the caller's."""
    cdef int32_t i
    account.n_symbols = p.orders.n_symbols
    account.next_due = INT64_MAX
    account.wants = capacity_message(0, 0)
    account.symbol_stride = account_symbol_size(p)
    account.broker_at = align64(sizeof(Account))
    account.orders_at = account.broker_at + align64(broker_size(&p.broker))
    account.positions_at = account.orders_at + align64(orders_size(&p.orders))
    account.risk_at = account.positions_at + align64(position_size(&p.positions))
    account.delivery_at = account.risk_at + align64(risk_size(&p.risk))
    account.symbols_at = account.delivery_at + delivery_size(p.reports)
    broker_init(account_broker(account), &p.broker)
    orders_init(account_orders(account), &p.orders)
    position_init(account_positions(account), &p.positions)
    risk_init(account_risk(account), &p.risk)
    delivery_init(account_delivery(account), p.reports)
    for i in range(p.orders.n_symbols):
        imbalance_init(&account_symbol(account, i).imbalance, &strategies[i])
        signal_init(account_signal(account, i), &p.signal)


cdef inline void account_fail(Account* account, int64_t code) noexcept nogil:
    """Keep the first fault: those that follow are mostly its consequences."""
    if unlikely(code < 0) and account.fault == 0:
        account.fault = code


# --- execution's side: reports out of the broker

cdef inline void account_schedule(Account* account) noexcept nogil:
    """Find the earliest internal event anew, and what may be written: after every change of orders, commands and reports."""
    cdef int64_t due = delivery_next_due(account_delivery(account))
    cdef int64_t other = broker_next_due(account_broker(account))
    cdef int32_t i
    due = other if other < due else due
    for i in range(0 if account.stopping else account.n_symbols):     # no hold ends once the account decides nothing more
        other = imbalance_next_due(&account_symbol(account, i).imbalance)
        due = other if other < due else due
    account.next_due = due
    account.wants = capacity_message(account_orders(account).open, delivery_count(account_delivery(account)))


cdef inline void account_collect(Account* account, Output* out, int64_t now) noexcept nogil:
    """Journal what the broker did, then send it on its way to the strategy (SEMANTICS 5)."""
    cdef Broker* broker = account_broker(account)
    cdef Report* report
    cdef int32_t i
    if broker.n_reports == 0:
        return
    for i in range(broker.n_reports):
        report = broker_reports(broker) + i
        report.due_ns = broker_told(broker, report.symbol, report.exch_ns, now)
        if unlikely(delivery_full(account_delivery(account))):
            # Makers can fill in any number of parts while the first is on its way: it halts trading, but none is lost.
            account_fail(account, FAULT_REPORTS_FULL)
            account_told(account, out, delivery_pop(account_delivery(account)))
        if report.kind == REPORT_FILL:
            account_fail(account, output_fill(out, report, now))
        account_fail(account, delivery_push(account_delivery(account), report, report.due_ns))
    broker.n_reports = 0
    account_fail(account, broker.fault)
    account_schedule(account)


# --- strategy's side: reports in

cdef inline void account_told(Account* account, Output* out, const Report* report) noexcept nogil:
    """The strategy's side learns of one report."""
    cdef Order* order
    cdef Positions* positions = account_positions(account)
    cdef int code = orders_on_report(account_orders(account), report, &order)
    if code == OK and report.kind == REPORT_FILL:
        code = position_on_fill(positions, report)
        if code == OK:
            imbalance_on_fill(&account_symbol(account, report.symbol).imbalance, report.side,
                              position_at(positions, report.symbol).qty, report.due_ns)
            code = output_position(out, report.symbol, position_at(positions, report.symbol), report.due_ns)
    if report.reason > 0:
        output_count(&out.page.counters.status[report.reason])
    if code == OK and order != NULL:
        code = output_order(out, order, report.due_ns, report.exch_ns)
    account_fail(account, code)


cdef inline void account_deliver(Account* account, Output* out, int64_t now) noexcept nogil:
    """Every report that is due by now."""
    cdef Delivery* delivery = account_delivery(account)
    if delivery_next_due(delivery) > now:
        return
    while delivery_next_due(delivery) <= now:
        account_told(account, out, delivery_pop(delivery))
    account_schedule(account)


# --- orders out

cdef inline int account_send(Account* account, Output* out, Order* order, int kind, int64_t now) noexcept nogil:
    """A command to execution; it is due after the entry latency."""
    cdef Command command
    cdef int code
    order_command(order, kind, now, broker_due(account_broker(account), order.symbol, now), &command)
    code = broker_submit(account_broker(account), &command)
    return output_order(out, order, now, 0) if code == OK else code


cdef inline int account_submit(Account* account, Output* out, Market* market, Intent* intent, int64_t now) noexcept nogil:
    """Risk, order, broker's entry. OK, or why not."""
    cdef Order* order
    cdef RiskInputs at
    cdef int code
    output_count(&out.page.counters.intents)
    at.now = now
    at.data_ns = market.update_ns
    at.mid2 = book_mid2(market_book(market))
    at.synced = market_ready(market)
    at.closed = <int32_t>market.times.closed
    code = risk_check(account_risk(account), intent, account_orders(account), account_positions(account), &market.spec, &at)
    if code != OK:
        return code
    code = orders_create(account_orders(account), intent, now, &order)
    if code != OK:
        return code
    code = account_send(account, out, order, CMD_NEW, now)
    if code > 0:                # refused; on a fault the order is on its way all the same
        orders_withdraw(account_orders(account), order, code)
    if code != OK:
        return code
    risk_sent(account_risk(account), now)
    account.submitted += 1
    output_count(&out.page.counters.orders)
    return OK


cdef inline void account_cancel_all(Account* account, Output* out, int64_t now) noexcept nogil:
    """Cancel what is open. Where the channel is full, `cancel_again` asks for another go with the next input."""
    cdef Orders* orders = account_orders(account)
    cdef Order* order = orders_first(orders)
    account.cancel_again = 0
    while order != NULL:
        if order_can_cancel(order):
            if not broker_has_channel(account_broker(account)):
                account.cancel_again = 1
                break
            orders_cancel_sent(orders, order)
            account_fail(account, account_send(account, out, order, CMD_CANCEL, now))
            output_count(&out.page.counters.cancels)
        order = orders_next(orders, order)
    account_schedule(account)


cdef inline void account_act(Account* account, Output* out, Market* market, int32_t i, int64_t now) noexcept nogil:
    """Signal, decision, risk, order: for one symbol, at `now`."""
    cdef AccountSymbol* own = account_symbol(account, i)
    cdef Intent intent
    cdef int code
    own.has_signal = market_book_synced(market, now) and signal_eval(account_signal(account, i), now, &own.signal)
    if own.has_signal:
        output_count(&out.page.counters.signals)
    if account.stopping:
        return
    if imbalance_decide(&own.imbalance, &own.signal, own.has_signal, book_best(market_book(market), BID),
                        book_best(market_book(market), ASK), &market.spec,
                        position_at(account_positions(account), i).qty, orders_in_flight(account_orders(account), i), now,
                        &intent):
        code = account_submit(account, out, market, &intent, now)
        if code > 0:
            output_count(&out.page.counters.status[code])
        account_fail(account, code)
        account_schedule(account)
    else:                       # a hold may have begun
        account.next_due = min(account.next_due, imbalance_next_due(&own.imbalance))


# --- one input

cdef inline void account_advance(Account* account, Output* out, Market** markets) noexcept nogil:
    """Run the internal events of the instant `next_due`, which is their now."""
    cdef int64_t due = account.next_due
    cdef int32_t i
    for i in range(account.n_symbols):
        while broker_timers(account_broker(account), i, &markets[i].spec, market_book(markets[i]), due):
            account_collect(account, out, due)
    account_collect(account, out, due)
    account_deliver(account, out, due)
    for i in range(account.n_symbols):
        if imbalance_next_due(&account_symbol(account, i).imbalance) <= due:
            account_act(account, out, markets[i], i, due)
    account_schedule(account)


cdef inline void account_arrivals(Account* account, Output* out, Market* market, int32_t i, int64_t v,
                                  int64_t now) noexcept nogil:
    while broker_arrivals(account_broker(account), i, &market.spec, market_book(market), v):
        account_collect(account, out, now)
    account_collect(account, out, now)


cdef inline void account_view(Account* account, Market* market, int32_t i, int64_t now) noexcept nogil:
    """Mark and signal see the view. Where a side of it is empty the mark is the last one, and no imbalance is held: no signal
    stands, and the time counts for neither side (rule 7a)."""
    if likely(market_ready(market)):
        account_fail(account, position_mark(account_positions(account), i, market.mid2))
        signal_on_imbalance(account_signal(account, i), market_features(market).imbalance, now)
    elif market_features(market).synced:
        signal_on_imbalance(account_signal(account, i), 0.0, now)
        position_mark_lost(account_positions(account), i)


cdef inline void account_match(Account* account, Output* out, Market* market, const Message* msg, int32_t i, int fx, int64_t v,
                               int64_t now) noexcept nogil:
    """The broker and the signal meet what a message did to its market."""
    cdef Broker* broker = account_broker(account)
    if fx & FX_LOST:
        broker_on_desync(broker, i)
        signal_on_imbalance(account_signal(account, i), NAN, now)
        position_mark_lost(account_positions(account), i)
    if unlikely(fx & (FX_CROSSED | FX_LOST)):
        broker_suspect(broker, i, market.suspect_until)
    if fx & FX_SYNCED:
        broker_on_resync(broker, i, &market.spec, market_book(market), v, fx & FX_CROSSED)
    elif fx & FX_VIEW:
        broker_on_book(broker, &market.spec, market_book(market), msg, v, fx & FX_CROSSED)
    if fx & FX_TRADE:
        broker_on_trade(broker, &market.spec, msg, v)
    account_collect(account, out, now)
    if fx & FX_VIEW:
        account_view(account, market, i, now)
