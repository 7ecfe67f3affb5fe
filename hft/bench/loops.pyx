"""One loop in C for each stage, over prepared input, so that its figure contains no Python call.

Each returns an answer that the stage's Python class gives as well: a loop that went astray is found before it is timed. A few
stages bring their loop along: `Decoder.decode_many`, `PaperBroker.drive_trades` and `drive_book_tickers`, `Journal`, `Ring`,
`Histogram`, and the engine with `replay`.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from hft._core.base.intent cimport OrderIntent
from hft._core.base.status cimport OK
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport (
    BUY, FILLED, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER, REPORT_ACCEPTED, REPORT_FILL, REPORT_REJECTED,
    SELL, Intent, Level, Message, Report,
    SymbolSpec,
)
from hft._core.market.book cimport Book, OrderBook, book_apply, book_clear, book_imbalance, book_mid2, book_overlay
from hft._core.market.clock cimport VenueClock, clock_observe
from hft._core.market.features cimport (
    FEATURES_BOOK, FEATURES_FLOW, FeatureBuffer, FeatureValues, features_eval, features_on_book, features_on_sync,
    features_on_trade,
)
from hft._core.market.series cimport series_push, series_reset
from hft._core.market.snapshot cimport MarketSnapshot, Snapshot, SNAPSHOT_SYNCED, snapshot_read, snapshot_take, snapshot_write
from hft._core.market.sync cimport Synchronizer, sync_connected, sync_on_depth, sync_on_snapshot
from hft._core.trade.imbalance cimport ImbalanceDecision, imbalance_decide
from hft._core.trade.order_lifecycle cimport orders_on_report
from hft._core.trade.orders cimport Order, OrderManager, Orders, orders_create, orders_in_flight, orders_issue
from hft._core.trade.position cimport PositionManager, Positions, position_at, position_mark, position_on_fill
from hft._core.trade.risk cimport SECOND_NS, RiskInputs, RiskValidator, risk_check, risk_sent
from hft._core.trade.signal cimport ImbalanceSignal, SignalRecord, signal_eval, signal_follow
from hft.bench.stream cimport Stream


# ---- the market ------------------------------------------------------------------------------------------------------

def sync(Synchronizer synchronizer not None, Stream stream not None) -> int:
    """Synchronises over every snapshot and depth message; returns the number that may be applied: all in a recorded stream."""
    cdef const Level* levels = stream.levels
    cdef const Message* m
    cdef Py_ssize_t i, taken = 0
    sync_connected(synchronizer.s)
    for i in range(stream.count):
        m = &stream.messages[i]
        if m.kind == MSG_DEPTH:
            taken += sync_on_depth(synchronizer.s, m, levels) == OK
        elif m.kind == MSG_SNAPSHOT:
            taken += sync_on_snapshot(synchronizer.s, m.last_id) == OK
        levels += m.n_bids + m.n_asks
    return taken


def clock(VenueClock clock not None, Stream stream not None) -> int:
    """The venue's time at every message; returns the last."""
    cdef int64_t v = 0
    cdef Py_ssize_t i
    for i in range(stream.count):
        v = clock_observe(clock.c, stream.messages[i].recv_ns, stream.messages[i].venue_ns)
    return v


cdef inline bint _apply(Book* book, const Message* m, const Level* levels) noexcept nogil:
    """Whether the book took the message; it ignores trades."""
    if m.kind == MSG_BOOK_TICKER:
        return book_overlay(book, m) == OK
    if m.kind == MSG_SNAPSHOT:
        book_clear(book)
    elif m.kind != MSG_DEPTH:
        return False
    return book_apply(book, m, levels) == OK


def book(OrderBook book not None, Stream stream not None) -> int:
    """Applies snapshots, depth messages and bookTickers to a book; returns how many it took, as some are older than the book."""
    cdef const Level* levels = stream.levels
    cdef Py_ssize_t i, taken = 0
    for i in range(stream.count):
        taken += _apply(book.book, &stream.messages[i], levels)
        levels += stream.messages[i].n_bids + stream.messages[i].n_asks
    return taken


def features(OrderBook book not None, FeatureBuffer buffer not None, Stream stream not None) -> int:
    """As `book`, with all features after every message; returns how often all had a value.

    Subtract the time of `book` over the same stream.
    """
    cdef const Level* levels = stream.levels
    cdef const Message* m
    cdef FeatureValues values
    cdef Py_ssize_t i, valid = 0
    for i in range(stream.count):
        m = &stream.messages[i]
        if _apply(book.book, m, levels):
            if m.kind == MSG_SNAPSHOT:
                features_on_sync(buffer.features, m.recv_ns)
            features_on_book(buffer.features, book.book, m.recv_ns)
        elif m.kind != MSG_BOOK_TICKER and m.kind != MSG_DEPTH:
            features_on_trade(buffer.features, m, m.recv_ns)
        features_eval(buffer.features, book.book, m.recv_ns, &values)
        valid += values.valid == FEATURES_BOOK | FEATURES_FLOW
        levels += m.n_bids + m.n_asks
    return valid


def imbalances(OrderBook book not None, Stream stream not None, double[::1] out not None, int64_t[::1] now not None,
               int depth=5) -> int:
    """As `book`, storing time and imbalance over `depth` levels of each change; returns the number of changes.

    This is the input of `signal`. `out` and `now` need room for as many values as the stream has messages.
    """
    cdef const Level* levels = stream.levels
    cdef Py_ssize_t i, n = 0
    if out.shape[0] < stream.count or now.shape[0] < stream.count:
        raise ValueError(f"up to {stream.count} values need room; there is room for {min(out.shape[0], now.shape[0])}")
    for i in range(stream.count):
        if _apply(book.book, &stream.messages[i], levels) and book_mid2(book.book):
            out[n] = book_imbalance(book.book, depth)
            now[n] = stream.messages[i].recv_ns
            n += 1
        levels += stream.messages[i].n_bids + stream.messages[i].n_asks
    return n


# ---- snapshot and state page -------------------------------------------------------------------------------------------------

def snapshot_writes(MarketSnapshot snapshot not None, OrderBook book not None, int64_t n) -> int:
    """Publishes a book `n` times, at times 0, 1 …; returns the snapshot's total number of writes."""
    cdef Snapshot values
    cdef int64_t i
    for i in range(n):
        snapshot_take(&values, book.book, i, 0, SNAPSHOT_SYNCED)
        snapshot_write(snapshot.snapshot, &values)
    return snapshot.snapshot.sequence // 2


def snapshot_reads(MarketSnapshot snapshot not None, int64_t n) -> int:
    """Reads a snapshot `n` times; returns the sum of the mids, in half ticks."""
    cdef Snapshot values
    cdef int64_t _i, total = 0
    for _i in range(n):
        if snapshot_read(snapshot.snapshot, &values) == OK:
            total += values.mid2
    return total


# ---- from signal to order --------------------------------------------------------------------------------------------

def signal(ImbalanceSignal signal not None, const double[::1] imbalance not None, const int64_t[::1] now not None) -> int:
    """Evaluates the signal at each imbalance from the start; returns how often there was a signal."""
    cdef SignalRecord out
    cdef Py_ssize_t i
    cdef int64_t standing = 0
    _same_length(imbalance.shape[0], now.shape[0])
    series_reset(signal.series)
    for i in range(imbalance.shape[0]):
        series_push(signal.series, imbalance[i], now[i])
        signal_follow(&signal.c, signal.series)
        standing += signal_eval(&signal.c, signal.series, now[i], &out)
    return standing


cdef inline bint _order(RiskValidator validator, Orders* orders, Positions* positions, const SymbolSpec* spec, Intent* intent,
                        RiskInputs* at) noexcept:
    """One risk check and order; the venue refuses the order, so that its slot is free again."""
    cdef Order* order
    cdef Report refused
    at.open = at.added = intent.qty
    intent.order_id = orders_issue(orders)
    if risk_check(validator.c, intent, orders, positions, spec, at) != OK or orders_create(orders, intent, at.now, &order) != OK:
        return False
    risk_sent(validator.c, at.now)
    memset(&refused, 0, sizeof(Report))
    refused.order_id, refused.due_ns, refused.kind = intent.order_id, at.now, REPORT_REJECTED
    return orders_on_report(orders, &refused, &order) == OK


cdef inline RiskInputs _inputs(int64_t now, int64_t mid2) noexcept nogil:
    cdef RiskInputs at
    at.now = at.data_ns = now
    at.mid2 = mid2
    at.synced = 1
    at.closed = 0
    return at


def orders(RiskValidator validator not None, OrderIntent intent not None, int64_t mid2, int64_t n) -> int:
    """Checks, creates and refuses an order `n` times, a second apart, at a mid of `mid2` half ticks; returns how many passed."""
    cdef OrderManager manager = validator.orders
    cdef PositionManager positions = validator.positions
    cdef Symbols symbols = validator.symbols
    cdef Intent* wanted = intent.of(symbols)
    cdef RiskInputs at
    cdef int64_t _i, passed = 0
    for _i in range(n):
        at = _inputs((validator.c.sent + 1) * SECOND_NS, mid2)
        passed += _order(validator, manager.c, positions.c, &symbols.specs[wanted.symbol], wanted, &at)
    return passed


def decisions(ImbalanceSignal signal not None, ImbalanceDecision decision not None, RiskValidator validator not None,
              const double[::1] imbalance not None, const int64_t[::1] now not None, int64_t bid, int64_t ask) -> int:
    """Signal, decision, risk and order at each imbalance from the start, with a constant touch; returns the number of orders.

    Each order is refused at once, so that the strategy always enters.
    """
    cdef OrderManager manager = validator.orders
    cdef PositionManager positions = validator.positions
    cdef Symbols symbols = validator.symbols
    cdef int symbol = decision.c.params.symbol
    cdef SymbolSpec* spec = &symbols.specs[symbol]
    cdef SignalRecord record
    cdef RiskInputs at
    cdef Intent intent
    cdef Py_ssize_t i
    cdef int64_t created = 0
    cdef bint stands
    _same_length(imbalance.shape[0], now.shape[0])
    series_reset(signal.series)
    for i in range(imbalance.shape[0]):
        series_push(signal.series, imbalance[i], now[i])
        signal_follow(&signal.c, signal.series)
        stands = signal_eval(&signal.c, signal.series, now[i], &record)
        if imbalance_decide(&decision.c, &record, stands, bid, ask, spec, position_at(positions.c, symbol).qty,
                            orders_in_flight(manager.c, symbol), now[i], &intent):
            at = _inputs(now[i], bid + ask)
            created += _order(validator, manager.c, positions.c, spec, &intent, &at)
    return created


cdef int _same_length(Py_ssize_t n, Py_ssize_t m) except -1:
    if n != m:
        raise ValueError(f"{n} values and {m} times")
    return 0


# ---- reports -------------------------------------------------------------------------------------------------

def reports(OrderManager manager not None, OrderIntent intent not None, int64_t n) -> int:
    """The life of `n` orders, one after another: created, accepted, filled in two parts. Returns how many were filled."""
    cdef Intent* wanted = intent.of(manager.symbols)
    cdef Report report
    cdef Order* order
    cdef int64_t i, filled = 0
    if wanted.qty < 2:
        raise ValueError("the order must have two quanta, to be filled in two parts")
    memset(&report, 0, sizeof(Report))
    report.symbol, report.side, report.price = wanted.symbol, wanted.side, wanted.price
    for i in range(n):
        wanted.order_id = orders_issue(manager.c)
        if orders_create(manager.c, wanted, i, &order) != OK:
            break
        report.order_id, report.due_ns = order.order_id, i
        report.kind, report.qty, report.leaves = REPORT_ACCEPTED, 0, wanted.qty
        orders_on_report(manager.c, &report, &order)
        report.kind, report.qty, report.leaves = REPORT_FILL, 1, wanted.qty - 1
        orders_on_report(manager.c, &report, &order)
        report.qty, report.leaves = wanted.qty - 1, 0
        if orders_on_report(manager.c, &report, &order) == OK:
            filled += order.status == FILLED
    return filled


def fills(PositionManager positions not None, const int64_t[::1] price not None, const int64_t[::1] qty not None) -> int:
    """Fills of the first symbol, in ticks and signed quanta (negative: sells), without a fee; returns how many were booked."""
    cdef Report report
    cdef Py_ssize_t i
    cdef int64_t booked = 0
    _same_length(price.shape[0], qty.shape[0])
    memset(&report, 0, sizeof(Report))
    report.kind = REPORT_FILL
    for i in range(price.shape[0]):
        report.price = price[i]
        report.qty = qty[i] if qty[i] > 0 else -qty[i]
        report.side = BUY if qty[i] > 0 else SELL
        booked += position_on_fill(positions.c, &report) == OK
    return booked


def marks(PositionManager positions not None, const int64_t[::1] mid2 not None) -> int:
    """Values the first symbol's position at each mid, in half ticks; returns how many were possible."""
    cdef Py_ssize_t i
    cdef int64_t valued = 0
    for i in range(mid2.shape[0]):
        valued += position_mark(positions.c, 0, mid2[i]) == OK
    return valued
