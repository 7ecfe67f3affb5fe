# One symbol's market, shared by all accounts that trade on it: clock, sync, book, features and imbalance series.
#
# A market never reads an account. `market_clock` and `market_apply` are two calls because orders that are due before the
# message take effect between them, on the earlier book (SEMANTICS 4).

from hft._core.base.status cimport (
    BOOK_MISMATCH, BUFFERED, BUFFER_FULL, CROSSED_BOOK, DUPLICATE_TRADE, NOT_CONNECTED, OK, OTHER_BOOK_SOURCE,
    OTHER_TRADE_SOURCE, SEQUENCE_GAP, SNAPSHOT_TOO_OLD,
)
from hft._core.base.types cimport (
    BOOK_STREAM, MSG_AGG_TRADE, MSG_BOOK, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER, MSG_TRADE, Level, Message, int64_t, likely,
    uint32_t, unlikely,
)
from hft._core.market.book cimport Book, book_apply, book_clear, book_crossed, book_mid2, book_overlay
from hft._core.market.clock cimport clock_observe
from hft._core.market.far cimport KEY_NONE
from hft._core.market.features cimport (
    Features, features_eval, features_on_book, features_on_desync, features_on_sync, features_on_trade,
)
from hft._core.market.ladder cimport KEY_FIRST
from hft._core.market.market_state cimport (
    FX_CROSSED, FX_LOST, FX_SYNCED, FX_TRADE, FX_VIEW, Market, market_book, market_features, market_series, market_sync,
)
from hft._core.market.refresh cimport (
    refresh_adopt, refresh_agrees, refresh_began, refresh_due, refresh_edges, refresh_replace, refresh_watch,
)
from hft._core.market.series cimport series_push, series_reset
from hft._core.market.snapshot cimport SNAPSHOT_IMBALANCE, SNAPSHOT_SYNCED, Snapshot, snapshot_take, snapshot_write
from hft._core.market.sync cimport (
    SYNC_BRIDGING, SYNC_CONNECTING, SYNC_SYNCED, Sync, sync_connected, sync_disconnected, sync_lost, sync_mismatch, sync_next,
    sync_next_since, sync_on_book, sync_on_depth, sync_on_snapshot, sync_pause, sync_refresh, sync_whole,
)
from hft._core.market.sync_times cimport (
    CAUSE_CONNECTED, CAUSE_CROSSED, CAUSE_DISCONNECTED, CAUSE_GAP, CAUSE_MISMATCH, CAUSE_NONE, CAUSE_NO_SNAPSHOT,
    CAUSE_RESYNC, times_turn,
)
from hft._core.market.whole cimport NEWER_ASKS, NEWER_BIDS, whole_read, whole_take, whole_uncross

cdef inline int64_t market_clock(Market* m, const Message* msg) noexcept nogil:
    """v of the message (SEMANTICS 2)."""
    cdef int64_t v = clock_observe(&m.clock, msg.recv_ns, msg.venue_ns)
    if msg.venue_ns != 0:
        m.delay_ns = msg.recv_ns - v
    return v


cdef inline int market_turn(Market* m, int cause, int64_t now, bint kept=False) noexcept nogil:
    """The only transition into sync (CAUSE_NONE) and out of it: informs every stage of the market; the returned effects inform
    the accounts. Without a book only the cause changes. `kept`: the levels are kept, and the next update continues
    from them."""
    cdef int fx = 0
    times_turn(&m.times, cause, now)
    if cause == CAUSE_NONE:
        features_on_sync(market_features(m), now)
        refresh_watch(&m.refresh, market_book(m), now)
        return FX_SYNCED
    if m.has_book:
        features_on_desync(market_features(m))
        series_reset(market_series(m))
        m.ready = 0
        fx = FX_LOST
        if not kept:
            m.has_book = 0
            book_clear(market_book(m))
    return fx


cdef inline int _crossed(Market* m, int64_t now) noexcept nogil:
    """Discards a book that crosses (fault case 10)."""
    m.crossed += 1
    sync_lost(market_sync(m))
    return market_turn(m, CAUSE_CROSSED, now)


cdef inline int _uncross(Market* m, const Message* msg, const Level* levels, int64_t now, int* fx) noexcept nogil:
    """Rule 7b, for data without snapshots on request: the newer level is right, and the book is kept, as suspect for a while. If
    the message crosses itself, neither level is known to be right, and the book is out of sync until the next message."""
    cdef Sync* sync = market_sync(m)
    cdef int newer = whole_uncross(market_book(m), msg, levels, &m.crossed_levels)
    m.crossed += 1
    if not msg.flags & BOOK_STREAM:     # else a whole book of the other side follows
        m.suspect_until = now + m.window_ns
    if newer == NEWER_BIDS or newer == NEWER_ASKS:
        sync_refresh(sync)      # if the data does hold a later snapshot, it is compared
        fx[0] |= FX_VIEW | FX_CROSSED
        return OK
    sync_pause(sync)
    fx[0] |= market_turn(m, CAUSE_CROSSED, now, True)
    return CROSSED_BOOK


cdef inline int _apply_levels(Market* m, const Message* msg, const Level* levels, int64_t now, int* fx) noexcept nogil:
    """Applies an update that sync accepted."""
    cdef int code = book_apply(market_book(m), msg, levels)
    if likely(code == OK):
        fx[0] |= FX_VIEW
    elif m.answers or msg.kind != MSG_DEPTH:
        fx[0] |= _crossed(m, now)
    else:
        code = _uncross(m, msg, levels, now, fx)
    return code


cdef inline int _not_applied(Market* m, int code, int64_t now) noexcept nogil:
    """Handles the effect on the book of an update that sync did not accept."""
    if code == BUFFER_FULL or code == SNAPSHOT_TOO_OLD or code == OTHER_BOOK_SOURCE:
        return market_turn(m, CAUSE_NO_SNAPSHOT, now)
    if code == SEQUENCE_GAP and m.has_book:     # else the book is still waiting, for the same cause
        return market_turn(m, CAUSE_GAP, now)
    return 0


cdef inline int _depth(Market* m, const Message* msg, const Level* levels, int* fx) noexcept nogil:
    cdef Sync* sync = market_sync(m)
    cdef bint was_synced = sync.state == SYNC_SYNCED
    cdef int code = sync_on_depth(sync, msg, levels)
    if unlikely(code != OK):
        fx[0] |= _not_applied(m, code, msg.recv_ns)
        return code
    code = _apply_levels(m, msg, levels, msg.recv_ns, fx)
    if unlikely(code != OK):
        return code
    if unlikely(not was_synced):
        fx[0] |= market_turn(m, CAUSE_NONE, msg.recv_ns)
    elif unlikely(refresh_due(&m.refresh, market_book(m), msg.recv_ns)):
        refresh_began(&m.refresh, msg.recv_ns)
        sync_refresh(sync)
    return code


cdef inline int _fresh(Market* m, Book* spare, const Message* msg, const Level* levels, int* fx) noexcept nogil:
    """Compares a book in sync with a fresh snapshot, which is first brought to the book's id in `spare` (fault case 11)."""
    cdef Book* book = market_book(m)
    cdef Message* update
    cdef Level* update_levels
    cdef int64_t edge[2]
    cdef int code
    book_clear(spare)
    code = book_apply(spare, msg, levels)
    while sync_next_since(market_sync(m), msg.last_id, &update, &update_levels):
        code = book_apply(spare, update, update_levels)
    if code == CROSSED_BOOK and not m.answers:
        return code
    if code == CROSSED_BOOK:            # snapshot and updates contradict each other, or it crosses itself: begin again
        fx[0] |= _crossed(m, msg.recv_ns)
        return code
    refresh_edges(spare, msg, levels, edge)
    if refresh_agrees(&m.refresh, book, spare, edge):
        if refresh_adopt(&m.refresh, book, spare, edge):
            fx[0] |= FX_VIEW
        book.hole[0] = book.hole[1] = KEY_FIRST     # prices that were unknown are now known
        refresh_watch(&m.refresh, book, msg.recv_ns)
        return OK
    sync_mismatch(market_sync(m))
    fx[0] |= market_turn(m, CAUSE_MISMATCH, msg.recv_ns)
    refresh_replace(&m.refresh, book, spare, edge)
    m.has_book = 1
    fx[0] |= market_turn(m, CAUSE_NONE, msg.recv_ns) | FX_VIEW
    return BOOK_MISMATCH


cdef inline int _snapshot(Market* m, Book* spare, const Message* msg, const Level* levels, int* fx) noexcept nogil:
    """Applies the REST book, then every buffered update that follows it."""
    cdef Sync* sync = market_sync(m)
    cdef bint was_synced = sync.state == SYNC_SYNCED
    cdef Message* update
    cdef Level* update_levels
    cdef int code = sync_on_snapshot(sync, msg.last_id)
    if code != OK:
        return code
    if was_synced:
        return _fresh(m, spare, msg, levels, fx)
    book_clear(market_book(m))
    m.has_book = 1
    code = _apply_levels(m, msg, levels, msg.recv_ns, fx)
    refresh_edges(market_book(m), msg, levels, m.refresh.known)
    while sync_next(sync, &update, &update_levels):     # none, once the book was discarded
        code = _apply_levels(m, update, update_levels, msg.recv_ns, fx)
    if code == OK and sync.state == SYNC_SYNCED:
        fx[0] |= market_turn(m, CAUSE_NONE, msg.recv_ns)
    return code


cdef inline int _whole(Market* m, Book* spare, const Message* msg, const Level* levels, int* fx) noexcept nogil:
    """Applies a whole book (rule 7c): its difference from the last one changes the view. One that crosses itself, for example
    in an auction, is not used: out of sync until the next."""
    cdef Sync* sync = market_sync(m)
    cdef Book* book = market_book(m)
    cdef bint was_synced = sync.state == SYNC_SYNCED
    cdef int code = sync_on_book(sync, msg.last_id, msg.flags & BOOK_STREAM)
    if code != OK:
        return code
    code = whole_read(spare, msg, levels)
    if code == OK:
        whole_take(book, spare, msg, &m.longest)
        m.has_book = 1
        if book_crossed(book):          # with the side that the message does not contain
            code = CROSSED_BOOK
            if not m.answers:
                code = _uncross(m, msg, levels, msg.recv_ns, fx)
    if code != OK:
        fx[0] |= _crossed(m, msg.recv_ns)
        return code
    m.refresh.known[0] = m.refresh.known[1] = KEY_NONE
    sync_whole(sync, msg.last_id, msg.flags & BOOK_STREAM, book_mid2(book) != 0)
    fx[0] |= FX_VIEW
    if not was_synced and sync.state == SYNC_SYNCED:
        fx[0] |= market_turn(m, CAUSE_NONE, msg.recv_ns)
    return OK


cdef inline void market_number(Market* m, Message* msg) noexcept nogil:
    """Numbers a trade of a venue that does not number its trades: the next id."""
    if unlikely(msg.last_id == 0) and (msg.kind == MSG_TRADE or msg.kind == MSG_AGG_TRADE):
        msg.first_id = msg.last_id = m.trade_id + 1


cdef inline int _trade(Market* m, const Message* msg, int* fx) noexcept nogil:
    if msg.kind != m.trade_kind:
        return OTHER_TRADE_SOURCE
    if msg.last_id <= m.trade_id:
        return DUPLICATE_TRADE
    if m.trade_id != 0:
        m.missing_trades += msg.last_id - m.trade_id - 1
    m.trade_id = msg.last_id
    features_on_trade(market_features(m), msg, msg.recv_ns)
    fx[0] |= FX_TRADE
    return OK


cdef inline int _book_ticker(Market* m, const Message* msg, int* fx) noexcept nogil:
    cdef Sync* sync = market_sync(m)
    cdef int code
    if sync.state != SYNC_SYNCED and sync.state != SYNC_BRIDGING:
        return NOT_CONNECTED if sync.state == SYNC_CONNECTING else BUFFERED
    code = book_overlay(market_book(m), msg)
    if code == OK:
        fx[0] |= FX_VIEW
    return code


cdef inline void _crossing_over(Market* m) noexcept nogil:
    """The window after the last crossing has ended: removed levels that did not come back are gone."""
    cdef Book* book = market_book(m)
    m.suspect_until = 0
    book.hole[0] = book.hole[1] = KEY_FIRST


cdef inline void _view(Market* m, int64_t now) noexcept nogil:
    """Records a change of the view. While a side is empty the series has no imbalance, so that time counts for neither
    side (rule 7a)."""
    cdef Features* features = market_features(m)
    cdef int64_t mid2 = book_mid2(market_book(m))
    features_on_book(features, market_book(m), now)
    m.ready = mid2 != 0 and market_sync(m).state == SYNC_SYNCED
    if likely(m.ready):
        m.mid2 = mid2
        series_push(market_series(m), features.imbalance, now)
    elif features.synced:
        series_push(market_series(m), 0.0, now)


cdef inline int market_apply(Market* m, Book* spare, const Message* msg, const Level* levels, int* fx) noexcept nogil:
    """Applies one decoded message as a whole; writes the effects to `fx`, returns a status code. `spare` is scratch memory.

    A fresh snapshot without news returns OK and has no effect.
    """
    cdef int code
    fx[0] = 0
    if unlikely(m.suspect_until != 0) and msg.recv_ns >= m.suspect_until:
        _crossing_over(m)
    if msg.kind == MSG_BOOK_TICKER:
        code = _book_ticker(m, msg, fx)
    elif msg.kind == MSG_DEPTH:
        code = _depth(m, msg, levels, fx)
    elif msg.kind == MSG_SNAPSHOT:
        code = _snapshot(m, spare, msg, levels, fx)
    elif msg.kind == MSG_BOOK:
        code = _whole(m, spare, msg, levels, fx)
    else:
        code = _trade(m, msg, fx)
    if (code == OK and fx[0]) or fx[0] & FX_SYNCED:
        m.update_ns = msg.recv_ns
        if fx[0] & FX_VIEW:
            _view(m, msg.recv_ns)
    return code


cdef inline int market_connected(Market* m, int64_t now) noexcept nogil:
    """A stream began. State from an earlier stream is not continued, even if its end was not reported. Returns the effects."""
    sync_connected(market_sync(m))
    return market_turn(m, CAUSE_CONNECTED, now)


cdef inline int market_disconnected(Market* m, int64_t now) noexcept nogil:
    """The stream is lost; returns the effects."""
    sync_disconnected(market_sync(m))
    return market_turn(m, CAUSE_DISCONNECTED, now)


cdef inline int market_resync(Market* m, int64_t now) noexcept nogil:
    """Discards the book on request from outside; returns the effects."""
    if market_sync(m).state == SYNC_CONNECTING:
        return 0
    sync_lost(market_sync(m))
    return market_turn(m, CAUSE_RESYNC, now)


# --- publication and evaluation after a message

cdef inline void market_publish(Market* m, Snapshot* to, int64_t now) noexcept nogil:
    """Writes the market's snapshot, for readers in other processes."""
    cdef Snapshot values
    cdef Features* f = market_features(m)
    cdef uint32_t flags = SNAPSHOT_SYNCED if market_sync(m).state == SYNC_SYNCED else 0
    if f.imbalance == f.imbalance:
        flags |= SNAPSHOT_IMBALANCE
    snapshot_take(&values, market_book(m), now, f.imbalance_e9, flags)
    snapshot_write(to, &values)


cdef inline void market_evaluate(Market* m, int64_t now) noexcept nogil:
    """Evaluates the feature vector at `now`, for all accounts."""
    features_eval(market_features(m), market_book(m), now, &m.features)
