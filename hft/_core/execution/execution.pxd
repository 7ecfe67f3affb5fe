# Execution: commands in, reports out. This one is the simulated exchange with its delivery; a gateway will be another.
#
#     Command ──▶ execution_submit ──▶ Broker ──▶ execution_collect ──▶ Delivery ──▶ execution_report ──▶ Report
#
# Per input, in this order: `execution_arrivals` before the market changes, `execution_match` after it; between inputs
# `execution_timers`. After each of them call `execution_collect` until all reports are taken.

from hft._core.base.heap cimport heap_first
from hft._core.base.status cimport OK
from hft._core.base.types cimport REPORT_FILL, Command, Message, Report, SymbolSpec, int32_t, int64_t, unlikely
from hft._core.execution.broker cimport broker_arrivals, broker_expiries, broker_report_due, broker_next_due, broker_submit
from hft._core.execution.broker_state cimport (
    Broker, BrokerParams, broker_init, broker_reports, broker_size, broker_symbol, broker_timers,
)
from hft._core.execution.delivery cimport (
    INT64_MAX, Delivery, delivery_full, delivery_init, delivery_next_due, delivery_pop, delivery_push, delivery_rescale,
    delivery_size,
)
from hft._core.execution.matching cimport broker_on_book, broker_on_desync, broker_on_resync, broker_on_trade, broker_suspect
from hft._core.execution.fill_record cimport output_fill
from hft._core.execution.rescale cimport broker_rescale
from hft._core.market.market_state cimport FX_CROSSED, FX_LOST, FX_SYNCED, FX_TRADE, FX_VIEW, Market, market_book
from hft._core.record.output cimport Output

cdef struct ExecutionParams:
    BrokerParams broker
    int64_t reports             # maximum number under way

cdef struct Execution:          # parts by pointer into the engine's memory
    Broker* broker
    Delivery* delivery
    Output* out
    int64_t collected           # number of the broker's reports already collected


cdef inline void execution_init(Execution* x, const ExecutionParams* p) noexcept nogil:
    """The parts are zeroed memory of `broker_size` and `delivery_size` bytes. Then call `broker_add` for each symbol."""
    broker_init(x.broker, &p.broker)
    delivery_init(x.delivery, p.reports)


cdef inline int execution_submit(Execution* x, Command* command) noexcept nogil:
    """Submits a command; sets its due time."""
    return broker_submit(x.broker, command)


cdef inline int64_t execution_next_due(const Execution* x) noexcept nogil:
    """Time at which the next command takes effect by timer, or the next report is due; INT64_MAX: nothing is under way."""
    return min(broker_next_due(x.broker), delivery_next_due(x.delivery))


cdef inline bint execution_arrivals(Execution* x, Market* market, int32_t i, int64_t v) noexcept nogil:
    """Commands of a symbol due before `v` take effect, on the present book. 1: there are more, call again."""
    return broker_arrivals(x.broker, i, &market.spec, market_book(market), v)


cdef inline bint execution_timers(Execution* x, Market** markets, int64_t now) noexcept nogil:
    """Commands without later market data take effect. 1: there are more, collect and call again."""
    cdef int32_t i
    while broker_next_due(x.broker) <= now:
        i = <int32_t>heap_first(broker_timers(x.broker))
        if broker_expiries(x.broker, i, &markets[i].spec, market_book(markets[i]), now):
            return 1
    return 0


cdef inline void execution_match(Execution* x, Market* market, const Message* msg, int32_t i, int fx, int64_t v) noexcept nogil:
    """Matches own orders against the effects of a message on the market."""
    if unlikely(fx & FX_LOST):
        broker_on_desync(x.broker, i)
    if unlikely(fx & (FX_CROSSED | FX_LOST)):
        broker_suspect(x.broker, i, market.suspect_until)
    if unlikely(fx & FX_SYNCED):
        broker_on_resync(x.broker, i, &market.spec, market_book(market), v, fx & FX_CROSSED)
    elif fx & FX_VIEW:
        broker_on_book(x.broker, &market.spec, market_book(market), msg, v, fx & FX_CROSSED)
    if fx & FX_TRADE:
        broker_on_trade(x.broker, &market.spec, msg, v)


cdef inline bint execution_waits(const Execution* x) noexcept nogil:
    """Whether there are reports to collect."""
    return x.broker.n_reports != 0


cdef inline int execution_collect(Execution* x, int64_t now, int* code) noexcept nogil:
    """Records the exchange's fills and schedules its reports for the trader (rule 5). 0: there is no room for the next report;
    take one out by `execution_pop` and call again. `code`: the first fault, or OK."""
    cdef Report* report
    cdef int status
    while x.collected < x.broker.n_reports:
        if unlikely(delivery_full(x.delivery)):
            return 0
        report = broker_reports(x.broker) + x.collected
        x.collected += 1
        report.due_ns = broker_report_due(x.broker, report.symbol, report.exch_ns, now)
        if report.kind == REPORT_FILL:
            status = output_fill(x.out, report, now)
            if unlikely(status != OK) and code[0] == OK:
                code[0] = status
        delivery_push(x.delivery, report, report.due_ns)
    x.collected = x.broker.n_reports = 0
    if unlikely(x.broker.fault != OK) and code[0] == OK:
        code[0] = x.broker.fault
    return 1


cdef inline const Report* execution_pop(Execution* x) noexcept nogil:
    """Takes the next report, due or not. It is valid until the next one is collected."""
    return delivery_pop(x.delivery)


cdef inline const Report* execution_report(Execution* x, int64_t now) noexcept nogil:
    """Takes the next report that is due by now, or NULL."""
    return delivery_pop(x.delivery) if unlikely(delivery_next_due(x.delivery) <= now) else NULL


cdef inline void execution_close(Execution* x, int32_t i, bint closed) noexcept nogil:
    """The venue stops (`closed`) or resumes trading a symbol."""
    broker_symbol(x.broker, i).closed = closed


cdef inline bint execution_rescale(Execution* x, int32_t i, const SymbolSpec* spec, int64_t price_factor,
                                   int64_t qty_factor) noexcept nogil:
    """Converts a symbol's orders, commands and reports to finer units; 0 if a number exceeds 64 bits. Its reports must have been
    collected."""
    return (broker_rescale(x.broker, i, spec, price_factor, qty_factor)
            and delivery_rescale(x.delivery, i, price_factor, qty_factor))
