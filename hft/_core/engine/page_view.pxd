# The timer's output on the state page: one view for each symbol, and the totals. Never on the path of a message.

from hft._core.base.status cimport CROSSED_LEVELS, LEVEL_DROPPED, REFRESH_DROPPED
from hft._core.base.types cimport ASK, BID, BUY, SELL, i128, int32_t, int64_t, uint64_t
from hft._core.engine.account cimport Account
from hft._core.engine.tick cimport EngineState
from hft._core.market.book cimport book_top
from hft._core.market.market_state cimport Market, market_book, market_book_status, market_features, market_series, market_sync
from hft._core.market.sync cimport SYNC_CONNECTING
from hft._core.record.journal cimport journal_lag_ns, journal_used
from hft._core.record.page cimport PAGE_LEVELS, PageView, PageTotals, page_beat, page_symbol, page_write_view, page_write_totals
from hft._core.trade.orders cimport Orders, orders_in_flight, orders_leaves
from hft._core.trade.position cimport (
    Position, Positions, position_at, position_fees, position_money, position_realised, position_unrealised,
)
from hft._core.trade.risk cimport risk_exposure
from hft._core.trade.signal cimport SignalRecord
from hft._core.trade.trader cimport Trader
from libc.stdint cimport INT64_MAX
from libc.string cimport memcpy, memset


cdef inline void page_view_market(EngineState* e, int32_t i, PageView* out) noexcept nogil:
    cdef Market* m = e.markets[i]
    out.last_update_ns = m.update_ns
    out.mark2 = m.mid2
    out.generation = market_sync(m).generation
    out.resyncs = market_sync(m).resyncs
    out.gaps = market_sync(m).gaps
    out.theta_ns = m.clock.theta
    out.sync_state = market_sync(m).state
    out.connected = market_sync(m).state != SYNC_CONNECTING
    out.book_status = market_book_status(m, e.now)
    out.closed = <int32_t>m.times.closed
    out.n_bids = book_top(market_book(m), BID, PAGE_LEVELS, out.bids)
    out.n_asks = book_top(market_book(m), ASK, PAGE_LEVELS, out.asks)
    memcpy(&out.features, &m.features, sizeof(m.features))


cdef inline void page_view_account(Account* a, int32_t i, PageView* out) noexcept nogil:
    cdef Trader* t = &a.trader
    cdef Orders* orders = t.context.orders
    cdef Positions* positions = t.context.positions
    cdef SignalRecord signal
    cdef Position* p = position_at(positions, i)
    out.position = p.qty
    out.cash = p.cash
    out.cost = p.cost
    out.realised = position_realised(positions, p)
    out.unrealised = position_unrealised(positions, p)
    out.fees = position_fees(positions, p)
    out.fees_base = p.fees_base
    out.mark_stale = <int32_t>p.mark_stale
    out.open_orders = orders_in_flight(orders, i)
    out.leaves_buy = orders_leaves(orders, i, BUY)
    out.leaves_sell = orders_leaves(orders, i, SELL)
    if t.ops.signal != NULL and t.ops.signal(t.strategy, i, &signal):
        out.has_signal = 1
        out.signal_strength = signal.strength
        out.signal_confidence = signal.confidence
        out.holding_period_ns = signal.holding_period_ns


cdef inline void page_view_totals(EngineState* e, Account* a, int64_t now, PageTotals* out) noexcept nogil:
    cdef Positions* positions = a.trader.context.positions
    cdef i128 exposure = 0
    cdef int32_t i
    for i in range(e.n_symbols):
        out.realised += position_realised(positions, position_at(positions, i))
        out.unrealised += position_unrealised(positions, position_at(positions, i))
        out.fees += position_fees(positions, position_at(positions, i))
        out.connections += market_sync(e.markets[i]).state != SYNC_CONNECTING
    out.exposure = INT64_MAX                    # beyond any possible limit
    if risk_exposure(a.trader.context.orders, positions, NULL, NULL, &exposure):
        out.exposure = position_money(positions, exposure)
    out.pnl = out.realised + out.unrealised - out.fees
    out.peak_equity = position_money(positions, positions.peak)
    out.open_orders = a.trader.context.orders.open
    out.journal_used = journal_used(a.out.journal)
    out.journal_capacity = a.out.journal.capacity
    out.writer_lag_ns = journal_lag_ns(a.out.journal, now)
    out.timestamp_ns = now


cdef inline void page_view_counters(EngineState* e) noexcept nogil:
    """Sums the markets' own counters."""
    cdef uint64_t resyncs = 0, gaps = 0, dropped = 0, crossed_levels = 0, shortened = 0, refreshes_dropped = 0, outliers = 0
    cdef int32_t i
    for i in range(e.n_symbols):
        resyncs += market_sync(e.markets[i]).resyncs
        gaps += market_sync(e.markets[i]).gaps
        refreshes_dropped += market_sync(e.markets[i]).refreshes_dropped
        crossed_levels += e.markets[i].crossed_levels
        dropped += market_book(e.markets[i]).dropped
        shortened += market_features(e.markets[i]).shortened + market_series(e.markets[i]).shortened
        outliers += e.markets[i].clock.outliers
    e.page.counters.resyncs = resyncs
    e.page.counters.gaps = gaps
    e.page.counters.levels_dropped = e.page.counters.status[<int>LEVEL_DROPPED] = dropped
    e.page.counters.status[<int>REFRESH_DROPPED] = refreshes_dropped
    e.page.counters.status[<int>CROSSED_LEVELS] = crossed_levels
    e.page.counters.shortened = shortened
    e.page.counters.clock_outliers = outliers


cdef inline void _show(EngineState* e, Account* a, int64_t now) noexcept nogil:
    cdef PageView view
    cdef PageTotals totals
    cdef int32_t i
    for i in range(e.n_symbols):
        memset(&view, 0, sizeof(view))
        view.timestamp_ns = now
        page_view_market(e, i, &view)
        page_view_account(a, i, &view)
        page_write_view(page_symbol(a.out.page, i), &view)
    memset(&totals, 0, sizeof(totals))
    page_view_totals(e, a, now, &totals)
    page_write_totals(a.out.page, &totals)


cdef inline void page_view_show(EngineState* e, int64_t now) noexcept nogil:
    """Publishes everything that is not counted as it happens; then the heartbeat."""
    cdef int64_t k
    page_view_counters(e)
    for k in range(e.n_accounts):
        _show(e, &e.accounts[k], now)
        page_beat(e.accounts[k].out.page, now)
