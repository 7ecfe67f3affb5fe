"""The core's own verbs, as no public call drives them: a trader whose orders rest, threads that share the state page."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from hft._core.base.heap cimport DueHeap, heap_due, heap_first, heap_init, heap_next, heap_set, heap_size
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport GTC, LIMIT, Intent
from hft._core.engine.account cimport Account, account_forward
from hft._core.engine.engine cimport Engine
from hft._core.engine.tick cimport engine_enter
from hft._core.record.page cimport Page, StatePage, page_flag, page_flags
from hft._core.trade.strategy cimport ask_amend, ask_cancel, ask_new
from hft._core.trade.trader cimport trader_cancel_all, trader_take


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
