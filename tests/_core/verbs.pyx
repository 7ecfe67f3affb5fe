"""The core's own verbs, as no public call drives them: a trader whose orders rest, threads that share the state page; and where
an engine keeps the state of a symbol, the structs in its memory, those of rings and tables that are in use."""

from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.string cimport memset

from hft._core.base.heap cimport DueHeap, heap_due, heap_first, heap_init, heap_next, heap_set, heap_size
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport GTC, LIMIT, Command, Intent, Report
from hft._core.engine.account cimport Account, account_forward
from hft._core.engine.engine cimport Engine
from hft._core.engine.tick cimport engine_enter
from hft._core.execution.broker_state cimport Broker, BrokerSymbol, broker_command, broker_resting, broker_symbol
from hft._core.execution.delivery cimport Delivery, delivery_slot
from hft._core.execution.queue cimport LedgerEntry, ledger_entry
from hft._core.execution.resting cimport OwnLevel, Resting, RestingOrder, resting_level, resting_order, resting_rank
from hft._core.execution.taking cimport UsedLevel
from hft._core.market.book cimport Book, book_side
from hft._core.market.far cimport Rung, far_first
from hft._core.market.features cimport Features, TouchEntry, features_flow
from hft._core.market.flow cimport Flow, FlowEntry
from hft._core.market.ladder cimport Ladder, ladder_slots
from hft._core.market.market_state cimport Market, market_book, market_features, market_series, market_sync
from hft._core.market.series cimport Series, SeriesEntry, series_entry
from hft._core.market.sync cimport Sync
from hft._core.record.page cimport Page, StatePage, page_flag, page_flags
from hft._core.trade.commands cimport Commands
from hft._core.trade.imbalance cimport Imbalance
from hft._core.trade.intents cimport Intents
from hft._core.trade.orders cimport Order, Orders, SymbolOrders, orders_of, orders_slot
from hft._core.trade.position cimport Position, Positions, position_at
from hft._core.trade.risk cimport Risk, RiskSymbol, risk_sends, risk_symbol
from hft._core.trade.signal cimport SignalRecord, SignalState
from hft._core.trade.strategy cimport ask_amend, ask_cancel, ask_new
from hft._core.trade.trader cimport TraderState, trader_cancel_all, trader_take


cdef int _taken(Engine engine, int64_t order_id):
    """What was asked for is taken: the status code of its refusal, or 0."""
    cdef Account* a = &engine.c.accounts[0]
    cdef uint64_t before[96]
    cdef int code
    for code in range(96):
        before[code] = a.out.page.counters.status[code]
    trader_take(&a.trader)
    account_forward(a)
    for code in range(96):
        if a.out.page.counters.status[code] != before[code]:
            return code
    return 0


def submit(Engine engine, int i, int side, int64_t price, int64_t qty, int64_t now):
    """Ask for a limit order at `now`, in ticks and quanta: the status code, and its id."""
    cdef Intent intent
    memset(&intent, 0, sizeof(Intent))
    intent.price, intent.qty, intent.symbol, intent.side, intent.type, intent.tif = price, qty, i, side, LIMIT, GTC
    engine.c.accounts[0].trader.context.now = engine_enter(engine.c, now)
    order_id = ask_new(&engine.c.accounts[0].trader.context, &intent)
    return _taken(engine, order_id), order_id


def amend(Engine engine, int i, int64_t order_id, int64_t price, int64_t qty, int64_t now):
    """Ask for another price and whole quantity: the status code."""
    engine.c.accounts[0].trader.context.now = engine_enter(engine.c, now)
    ask_amend(&engine.c.accounts[0].trader.context, i, order_id, price, qty)
    return _taken(engine, order_id)


def cancel(Engine engine, int i, int64_t order_id, int64_t now):
    """Ask for a cancel: the status code."""
    engine.c.accounts[0].trader.context.now = engine_enter(engine.c, now)
    ask_cancel(&engine.c.accounts[0].trader.context, i, order_id)
    return _taken(engine, order_id)


def cancel_all(Engine engine, int64_t now, int i=-1):
    """Cancel what is open, of a symbol or of all."""
    trader_cancel_all(&engine.c.accounts[0].trader, i, engine_enter(engine.c, now))
    account_forward(&engine.c.accounts[0])


def toggle(StatePage page, uint64_t flag, int64_t times):
    """Set and clear a flag, without the GIL; how often it was not what was just written."""
    cdef Page* p = page.c
    cdef int64_t i, lost = 0
    with nogil:
        for i in range(times):
            page_flag(p, flag, True)
            lost += page_flags(p) & flag == 0
            page_flag(p, flag, False)
            lost += page_flags(p) & flag != 0
    return lost


def due_times(int64_t keys, list steps):
    """A `DueHeap` on which `steps` sets a key's time each: after every one (earliest, its key), both -1 where nothing is due."""
    cdef DueHeap* h = <DueHeap*>hft_alloc(heap_size(keys))
    cdef int64_t key, due
    out = []
    heap_init(h, keys)
    for key, due in steps:
        heap_set(h, key, due)
        out.append((heap_next(h) if h.count else -1, heap_first(h) if h.count else -1))
        assert heap_due(h, key) == due
    hft_free(h)
    return out


# --- places

SIZES = {
    "Market": sizeof(Market), "Sync": sizeof(Sync), "Book": sizeof(Book), "Ladder": sizeof(Ladder), "Features": sizeof(Features),
    "Flow": sizeof(Flow), "Series": sizeof(Series), "Broker": sizeof(Broker), "BrokerSymbol": sizeof(BrokerSymbol),
    "Delivery": sizeof(Delivery), "Resting": sizeof(Resting), "OwnLevel": sizeof(OwnLevel), "RestingOrder": sizeof(RestingOrder),
    "UsedLevel": sizeof(UsedLevel), "LedgerEntry": sizeof(LedgerEntry), "Command": sizeof(Command), "Report": sizeof(Report),
    "Commands": sizeof(Commands), "Intents": sizeof(Intents), "Orders": sizeof(Orders), "SymbolOrders": sizeof(SymbolOrders),
    "Order": sizeof(Order), "Positions": sizeof(Positions), "Position": sizeof(Position), "Risk": sizeof(Risk),
    "RiskSymbol": sizeof(RiskSymbol), "TraderState": sizeof(TraderState), "Imbalance": sizeof(Imbalance),
    "SignalState": sizeof(SignalState), "SignalRecord": sizeof(SignalRecord), "TouchEntry": sizeof(TouchEntry),
    "FlowEntry": sizeof(FlowEntry), "SeriesEntry": sizeof(SeriesEntry), "Rung": sizeof(Rung),
}


cdef tuple _at(str part, str struct, const void* at):
    return part, struct, <uintptr_t>at


cdef uintptr_t _strategy(Account* a, int32_t i):
    """Where the imbalance strategy keeps a symbol: the second word of its memory says where they begin."""
    cdef size_t size = sizeof(Imbalance) + sizeof(SignalState) + sizeof(SignalRecord) + sizeof(int64_t)
    return <uintptr_t>a.trader.strategy + (<int64_t*>a.trader.strategy)[1] + i * size


def structs(Engine engine not None, int32_t i):
    """(part, struct, address) of everything that digests read."""
    cdef Market* m = engine.c.markets[i]
    cdef Account* a = &engine.c.accounts[0]
    cdef BrokerSymbol* s = broker_symbol(a.execution.broker, i)
    cdef Resting* r = broker_resting(s)
    cdef Orders* orders = a.trader.context.orders
    cdef OwnLevel* level
    cdef int64_t n
    cdef int32_t slot
    cdef int side, ledger, k
    found = [
        _at("market", "Market", m), _at("sync", "Sync", market_sync(m)), _at("book", "Book", market_book(m)),
        _at("book", "Ladder", book_side(market_book(m), 0)), _at("book", "Ladder", book_side(market_book(m), 1)),
        _at("features", "Features", market_features(m)), _at("flow", "Flow", features_flow(market_features(m))),
        _at("series", "Series", market_series(m)), _at("exchange", "Broker", a.execution.broker),
        _at("exchange", "BrokerSymbol", s), _at("reports", "Delivery", a.execution.delivery),
        _at("trader", "TraderState", a.trader.state), _at("trader", "Commands", a.trader.commands),
        _at("trader", "Intents", a.trader.context.intents), _at("risk", "Risk", a.trader.risk),
        _at("risk", "RiskSymbol", risk_symbol(a.trader.risk, i)), _at("orders", "Orders", orders),
        _at("orders", "SymbolOrders", orders_of(orders, i)), _at("position", "Positions", a.trader.context.positions),
        _at("position", "Position", position_at(a.trader.context.positions, i)),
    ]
    found += [("strategy", "Imbalance", _strategy(a, i)), ("strategy", "SignalState", _strategy(a, i) + sizeof(Imbalance)),
              ("strategy", "SignalRecord", _strategy(a, i) + sizeof(Imbalance) + sizeof(SignalState))]
    slot = s.first_command
    for n in range(s.n_commands):
        found.append(_at("exchange", "Command", &broker_command(a.execution.broker, slot).command))
        slot = broker_command(a.execution.broker, slot).next
    found += [_at("taken", "UsedLevel", &s.used.level[n]) for n in range(s.used.count)]
    found += [_at("reports", "Report", delivery_slot(a.execution.delivery, n))
              for n in range(a.execution.delivery.head, a.execution.delivery.tail)]
    slot = orders.first
    while slot >= 0:
        found.append(_at("orders", "Order", orders_slot(orders, slot)))
        slot = orders_slot(orders, slot).next
    for side in range(2):
        for n in range(r.levels[side]):
            level = resting_level(r, resting_rank(r, side)[n])
            found.append(_at("resting", "OwnLevel", level))
            for ledger in range(2):
                for k in range((&level.traded + ledger).count):
                    found.append(_at("resting", "LedgerEntry", ledger_entry(&level.traded + ledger, k)))
            slot = level.first
            while slot >= 0:
                found.append(_at("resting", "RestingOrder", resting_order(r, slot)))
                slot = resting_order(r, slot).next
    return found


def rings(Engine engine not None, int32_t i):
    """What the digests that are kept up are of: name -> (address of the digest, [(struct, address) of each entry], address of
    what the digest began with, or 0)."""
    cdef Market* m = engine.c.markets[i]
    cdef Features* f = market_features(m)
    cdef Flow* flow = features_flow(f)
    cdef Series* series = market_series(m)
    cdef Risk* risk = engine.c.accounts[0].trader.risk
    cdef uint64_t n
    ring = <uintptr_t>f + ((sizeof(Features) + 63) & ~63)
    flow_ring = <uintptr_t>flow + ((sizeof(Flow) + 63) & ~63)
    return {
        "touch": (<uintptr_t>&f.newest.digest, [
            ("TouchEntry", ring + (n & f.mask) * sizeof(TouchEntry)) for n in range(f.tail, f.head)
        ], <uintptr_t>&f.before.digest),
        "flow": (<uintptr_t>&flow.digest, [
            ("FlowEntry", flow_ring + (n & flow.mask) * sizeof(FlowEntry)) for n in range(flow.tail, flow.head)], 0),
        "series": (<uintptr_t>&series.digest, [
            ("SeriesEntry", <uintptr_t>series_entry(series, n)) for n in range(series.tail, series.head - 1)], 0),
        "sends": (<uintptr_t>&risk.digest, [
            ("int64_t", <uintptr_t>(risk_sends(risk) + n))
            for n in range(min(risk.sent, <int64_t>risk.limits.max_orders_per_second))], 0),
    }


def levels(Engine engine not None, int32_t i, int side):
    """Of a side of the book: its digests (window, far store), and [(address of the quantity, key)] in the window, [address of the
    pair] in the far store."""
    cdef Ladder* l = book_side(market_book(engine.c.markets[i]), side)
    cdef int64_t key
    cdef int64_t end = l.base + <int64_t>l.mask + 1
    window = [(<uintptr_t>(ladder_slots(l) + (<uint64_t>key & l.mask)), key) for key in range(l.base, end)
              if ladder_slots(l)[<uint64_t>key & l.mask] != 0]
    return l.digest, l.far.digest, window, [<uintptr_t>(far_first(&l.far) + key) for key in range(l.far.n)]


def buffered(Engine engine not None, int32_t i):
    """The updates that wait for a snapshot: (address, bytes of it), one after the other."""
    cdef Sync* s = market_sync(engine.c.markets[i])
    return <uintptr_t>s + ((sizeof(Sync) + 63) & ~63) + s.head * 16, (s.tail - s.head) * 16


def words(Engine engine not None, int32_t i):
    """What lies in structs that hold pointers too: (part, name, address) of each word of state."""
    cdef Account* a = &engine.c.accounts[0]
    return [
        ("engine", "now", <uintptr_t>&engine.c.now), ("engine", "journal_full", <uintptr_t>&engine.c.journal_full),
        ("strategy", "stands", _strategy(a, i) + sizeof(Imbalance) + sizeof(SignalState) + sizeof(SignalRecord)),
        ("trader", "kill_on", <uintptr_t>&a.kill_on), ("trader", "faulted", <uintptr_t>&a.faulted),
    ]
