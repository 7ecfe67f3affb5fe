"""The core's own verbs, as no public call drives them: a trader whose orders rest, threads that share the state page."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from hft._core.base.types cimport GTC, LIMIT, Intent
from hft._core.engine.account cimport account_cancel_all, account_schedule, account_submit
from hft._core.engine.engine cimport Engine, engine_enter
from hft._core.record.page cimport Page, StatePage, page_flag, page_flags


def submit(Engine engine, int i, int side, int64_t price, int64_t qty, int64_t now):
    """Send a limit order at `now`, in ticks and quanta: the status code."""
    cdef Intent intent
    cdef int code
    memset(&intent, 0, sizeof(Intent))
    intent.price, intent.qty, intent.symbol, intent.side, intent.type, intent.tif = price, qty, i, side, LIMIT, GTC
    now = engine_enter(engine.c, now)
    code = account_submit(engine.c.account, &engine.c.out, engine.c.markets[i], &intent, now)
    account_schedule(engine.c.account)
    return code


def cancel_all(Engine engine, int64_t now):
    """Cancel what is open."""
    account_cancel_all(engine.c.account, &engine.c.out, engine_enter(engine.c, now))


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
