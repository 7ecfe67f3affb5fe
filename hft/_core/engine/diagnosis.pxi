# A part of `engine`: a run's report on how long its books were in sync, and why not, and on the reasons for not trading
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
"""Cause of a book out of sync, by number."""


def sync_times(Engine engine not None, symbol):
    """How long a symbol's book was in sync, and out of sync by cause, up to the engine's `now`.

    Returns
    -------
    in_sync_ns : int
    longest_ns : int
        The longest uninterrupted time in sync.
    causes : dict
        Name of each cause that occurred -> (number of times, total nanoseconds, time of the first). The time before
        the first connection belongs to `disconnected`, without a count.
    """
    cdef Market* m = engine._market(symbol)
    cdef SyncTimes* t = &m.times
    cdef int64_t standing = times_stood(t, engine.c.now)
    cdef int64_t stood
    cdef int cause
    causes = {}
    for cause in range(1, SYNC_CAUSES):
        stood = t.ns[cause] + (standing if cause == times_cause(t, t.cause) else 0)
        if stood or t.count[cause] and cause != CAUSE_CLOSED:      # a book in sync may belong to a closed symbol
            causes[CAUSES[cause]] = (t.count[cause], stood, t.first_ns[cause])
    in_sync = standing if t.cause == CAUSE_NONE else 0
    return t.ns[<int>CAUSE_NONE] + in_sync, max(t.longest_ns, in_sync), causes


def closed_times(Engine engine not None, symbol):
    """How long the venue did not trade a symbol, whether or not its book was in sync, up to the engine's `now`.

    Returns
    -------
    count : int
        Number of times.
    ns : int
    first_ns : int
        Start of the first time; 0 if it was always traded.
    """
    cdef Market* m = engine._market(symbol)
    cdef SyncTimes* t = &m.times
    cdef int64_t standing = engine.c.now - t.closed_from if t.closed else 0
    return t.count[<int>CAUSE_CLOSED], t.closed_ns + standing, t.first_ns[<int>CAUSE_CLOSED]


def signal_reach(Engine engine not None, symbol):
    """How close a symbol came to a signal, and to an order if there is no short selling; None if the strategy trades on no
    signal of its own.

    Returns
    -------
    largest, threshold : float
        The largest absolute imbalance seen, and the threshold of a signal.
    surest, min_confidence : float
        The largest confidence while the imbalance was at or above the threshold, at least a window after the sync; and
        the minimum for a signal.
    window_ns : int
    no_shorts : int
        Entries that the strategy omitted because a spot venue can't be sold short.
    """
    cdef int i = engine.symbols.index(symbol)
    cdef Trader* t = &engine.c.accounts[0].trader
    reach = (<AccountSetup>engine.setups[0]).strategy.reach(t.strategy, i)
    return None if reach is None else (market_series(engine.c.markets[i]).largest, *reach)
