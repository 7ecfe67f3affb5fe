# The state of one symbol's market, and access to its parts; the verbs that change it are in `market`.

from hft._core.base.hash cimport hash_span, hash_word
from hft._core.base.memory cimport align64
from hft._core.base.types cimport BOOK_SUSPECT, BOOK_SYNCED, BOOK_SYNCING, SymbolSpec, int32_t, int64_t, likely, uint64_t
from hft._core.market.book cimport Book, BookParams, book_init, book_mid2, book_size
from hft._core.market.clock cimport ClockState
from hft._core.market.features cimport FeatureParams, Features, FeatureValues, features_init, features_size
from hft._core.market.ladder_check cimport DEBUGGING
from hft._core.market.refresh cimport Refresh
from hft._core.market.series cimport Series, SeriesParams, series_init, series_size
from hft._core.market.sync cimport SYNC_SYNCED, Sync, SyncParams, sync_init, sync_size
from hft._core.market.sync_times cimport CAUSE_DISCONNECTED, SyncTimes
from libc.stdlib cimport abort

cdef enum MarketEffect:         # effects of a message, as bits
    FX_VIEW = 1                 # the view of the book changed
    FX_TRADE = 2                # a trade that may fill orders
    FX_SYNCED = 4               # in sync from now on
    FX_LOST = 8                 # out of sync; the book is discarded
    FX_CROSSED = 16             # the message crossed the book; the crossed levels are now unknown

cdef struct MarketParams:
    BookParams book
    FeatureParams features
    SyncParams sync
    int64_t compare_ns          # time between comparisons with a fresh snapshot; 0: none
    int32_t trade_kind          # MSG_TRADE or MSG_AGG_TRADE: the only source of volume (SEMANTICS 10)
    int32_t answers             # 1: the source of messages sends a REST book on request; files don't (rule 7b)

cdef struct Market:
    ClockState clock
    SymbolSpec spec
    Refresh refresh
    FeatureValues features
    int64_t update_ns           # `now` of the newest message applied
    int64_t trade_id            # id of the newest trade; 0 before the first
    int64_t suspect_until       # end of the window after the last crossing, in which the book is in sync but suspect; 0: none
    int64_t longest             # levels a side of the longest whole book so far
    int64_t window_ns           # window of the features
    int64_t answers
    int64_t trade_kind
    int64_t mid2                # of the newest synced view; kept after the sync is lost (mark, SEMANTICS 24)
    int64_t has_book            # 1: the book holds a snapshot, in sync or not yet
    int64_t ready               # 1: in sync, with both sides quoted, as of the newest view
    SyncTimes times             # time in sync and out of sync by cause: statistics, except whether the venue trades the symbol
    int64_t delay_ns            # delay of the newest stamped message beyond the least delay: now - v
    int64_t missing_trades      # ids never seen; this and the following fields are statistics
    int64_t crossed             # messages that crossed the book
    int64_t crossed_levels      # levels removed since a newer one crossed them
    int64_t book_at             # byte offsets from this struct
    int64_t features_at
    int64_t series_at
    int64_t sync_at


cdef inline SeriesParams _series(const MarketParams* p) noexcept nogil:
    cdef SeriesParams series
    series.window_ns = p.features.window_ns
    series.capacity = p.features.capacity
    return series


cdef inline size_t market_size(const MarketParams* p) noexcept nogil:
    cdef SeriesParams series = _series(p)
    return (align64(sizeof(Market)) + align64(book_size(&p.book)) + align64(features_size(&p.features))
            + align64(series_size(&series)) + align64(sync_size(&p.sync)))


cdef inline Book* market_book(Market* m) noexcept nogil:
    return <Book*>(<char*>m + m.book_at)


cdef inline Features* market_features(Market* m) noexcept nogil:
    return <Features*>(<char*>m + m.features_at)


cdef inline Series* market_series(Market* m) noexcept nogil:
    return <Series*>(<char*>m + m.series_at)


cdef inline Sync* market_sync(Market* m) noexcept nogil:
    return <Sync*>(<char*>m + m.sync_at)


cdef inline void market_init(Market* m, const SymbolSpec* spec, const MarketParams* p) noexcept nogil:
    cdef SeriesParams series = _series(p)
    m.spec = spec[0]
    m.trade_kind = p.trade_kind
    m.answers = p.answers
    m.window_ns = p.features.window_ns
    m.refresh.compare_ns = p.compare_ns
    m.times.cause = CAUSE_DISCONNECTED
    m.book_at = align64(sizeof(Market))
    m.features_at = m.book_at + align64(book_size(&p.book))
    m.series_at = m.features_at + align64(features_size(&p.features))
    m.sync_at = m.series_at + align64(series_size(&series))
    book_init(market_book(m), &p.book)
    features_init(market_features(m), &p.features)
    series_init(market_series(m), &series)
    sync_init(market_sync(m), &p.sync)


cdef inline uint64_t market_hash(const Market* m) noexcept nogil:
    """Hash of all state outside the parts with digests of their own: the symbol's rules, the refresh, the last messages."""
    return hash_word(hash_span(0, &m.spec, &m.times), m.times.closed)


cdef inline bint market_ready(Market* m) noexcept nogil:
    """Whether the book is in sync with both sides quoted: signals and queue fills may happen."""
    if DEBUGGING and m.ready != (market_sync(m).state == SYNC_SYNCED and book_mid2(market_book(m)) != 0):
        abort()
    return m.ready != 0


cdef inline bint market_book_synced(Market* m, int64_t now) noexcept nogil:
    """Whether it is ready and not within the window after a crossing: signals may happen."""
    return market_ready(m) and (likely(m.suspect_until == 0) or now >= m.suspect_until)


cdef inline int market_book_status(Market* m, int64_t now) noexcept nogil:
    """BookStatus: whether the book is in sync now, was before, or never was."""
    if market_book_synced(m, now):
        return BOOK_SYNCED
    return BOOK_SUSPECT if m.mid2 != 0 else BOOK_SYNCING
