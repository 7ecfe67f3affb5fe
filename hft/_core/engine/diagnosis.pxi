# A part of `engine`: what a run says of itself, how long its books were in sync and why not, and what kept it from trading
# (SEMANTICS 32).

from hft._core.market.market_state cimport market_series
from hft._core.market.sync_times cimport (
    CAUSE_CLOSED, CAUSE_CONNECTED, CAUSE_CROSSED, CAUSE_DISCONNECTED, CAUSE_GAP, CAUSE_MISMATCH, CAUSE_NONE, CAUSE_NO_SNAPSHOT,
    CAUSE_RESYNC, SYNC_CAUSES, SyncTimes, times_cause, times_stood,
)
from hft._core.trade.trader cimport Trader

CAUSES = {
    CAUSE_DISCONNECTED: "disconnected", CAUSE_CONNECTED: "no_rest_book", CAUSE_NO_SNAPSHOT: "rest_book_unusable",
    CAUSE_GAP: "gap", CAUSE_CROSSED: "crossed", CAUSE_MISMATCH: "mismatch", CAUSE_RESYNC: "given_up",
    CAUSE_CLOSED: "not_trading",
}
"""Why a book is not in sync, by number."""


def sync_times(Engine engine not None, symbol):
    """Where the time of a symbol went, up to the engine's `now`.

    Returns
    -------
    in_sync_ns : int
    longest_ns : int
        The longest time in sync without a break.
    causes : dict
        Name of each cause that came or stood -> (times it came, nanoseconds that it stood, when it came first). The time before
        the first connection is that of `disconnected`, without being counted as one.
    """
    cdef Market* m = engine._market(symbol)
    cdef SyncTimes* t = &m.times
    cdef int64_t standing = times_stood(t, engine.c.now)
    cdef int64_t stood
    cdef int cause
    causes = {}
    for cause in range(1, SYNC_CAUSES):
        stood = t.ns[cause] + (standing if cause == times_cause(t, t.cause) else 0)
        if stood or t.count[cause] and cause != CAUSE_CLOSED:      # in sync it may be not traded all the same
            causes[CAUSES[cause]] = (t.count[cause], stood, t.first_ns[cause])
    in_sync = standing if t.cause == CAUSE_NONE else 0
    return t.ns[<int>CAUSE_NONE] + in_sync, max(t.longest_ns, in_sync), causes


def closed_times(Engine engine not None, symbol):
    """For how long the venue did not trade a symbol, its book in sync or not, up to the engine's `now`.

    Returns
    -------
    count : int
        How many times.
    ns : int
    first_ns : int
        When first; 0 where it always was traded.
    """
    cdef Market* m = engine._market(symbol)
    cdef SyncTimes* t = &m.times
    cdef int64_t standing = engine.c.now - t.closed_from if t.closed else 0
    return t.count[<int>CAUSE_CLOSED], t.closed_ns + standing, t.first_ns[<int>CAUSE_CLOSED]


def signal_reach(Engine engine not None, symbol):
    """How near a symbol came to a signal, and to an order where there is no selling short; None where the strategy trades on no
    signal of its own.

    Returns
    -------
    largest, threshold : float
        The largest absolute imbalance that was seen, and what a signal needs.
    surest, min_confidence : float
        The largest confidence while the imbalance stood at or above the threshold, a whole window after the book was found; and
        what a signal needs.
    window_ns : int
    no_shorts : int
        Entries that the strategy did not ask for, because a spot venue can't be sold short.
    """
    cdef int i = engine.symbols.index(symbol)
    cdef Trader* t = &engine.c.accounts[0].trader
    reach = (<AccountSetup>engine.setups[0]).strategy.reach(t.strategy, i)
    return None if reach is None else (market_series(engine.c.markets[i]).largest, *reach)
