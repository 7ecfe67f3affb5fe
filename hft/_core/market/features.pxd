# Features of the book's view and of the trades, over the window (now - W, now] (SEMANTICS 23).
#
# A ring keeps one entry per change of the touch, with the running sums after it: the sum over a window is the
# newest entry's sum minus that of the last entry before the window. Sums are 128-bit integers, so there is no drift and
# no overflow, and moving the window's start is a search, however many entries leave.
#
#   evicted ... | before |  tail  ...  head - 1 |
#                  |          window
#                  mid and sums at now - W

from libc.math cimport NAN, llrint, sqrt
from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.base.hash cimport hash_pair, hash_span, hash_word, hash_words
from hft._core.base.memory cimport align64
from hft._core.base.types cimport ASK, BID, NO_PRICE, Message, Spec, i128, unlikely
from hft._core.market.book cimport Book, OrderBook, book_best, book_best_qty, book_imbalance, book_sum
from hft._core.market.flow cimport Flow, flow_evict, flow_init, flow_on_trade, flow_size, ring_slots

cdef struct FeatureParams:
    int64_t window_ns           # W
    int32_t capacity            # changes of the touch, and trades, that a window can hold: buffer_capacity
    int32_t imbalance_levels    # 5 by default
    int32_t depth_levels        # 20 by default
    int32_t reserved

cdef enum FeatureBit:
    FEATURES_BOOK = 1           # the features of the book have values
    FEATURES_FLOW = 2           # the features of the trades have values

cdef struct FeatureValues:      # NaN if a feature has no value
    int64_t timestamp_ns
    double mid                  # ticks
    double microprice           # ticks
    double spread_bps
    double volatility           # bps per window
    double momentum             # bps over the window
    double imbalance            # -1 to 1
    double depth_ratio
    double ofi                  # quanta
    double signed_volume        # quanta
    double intensity            # taker orders per second
    int32_t valid               # FeatureBit
    int32_t reserved

cdef struct TouchEntry:
    i128 squares                # sum of (change of mid2)^2 since the sync
    i128 ofi                    # sum of e_n since the sync
    int64_t mid2
    int64_t ts_ns
    uint64_t digest             # sum of `touch_hash` since the sync, including this entry
    int64_t reserved

cdef struct Features:
    TouchEntry newest           # the current sums and mid
    TouchEntry before           # the sums and mid at now - W; mid2 = 0: no entry is that old
    int64_t window_ns
    uint64_t capacity
    int32_t imbalance_levels
    int32_t depth_levels
    int32_t synced
    int32_t two_sided           # the view has both a bid and an ask
    double imbalance            # of the current view; NaN when a side is empty or the book is not in sync
    int64_t imbalance_e9        # `imbalance` x 1e9, 0 if it has no value
    int64_t bid                 # the last touch in the ring; NO_PRICE: none since the sync
    int64_t ask
    int64_t bid_qty
    int64_t ask_qty
    int64_t since_ns            # time of the last sync
    uint64_t mask               # index mask of the ring, whose size is a power of two
    uint64_t head               # entries ever pushed
    uint64_t tail               # entries ever evicted
    int64_t shortened           # entries of book and trades evicted early for lack of room: a statistic
    int64_t flow_at             # byte offset of the Flow from this struct


cdef inline Flow* features_flow(const Features* f) noexcept nogil:
    return <Flow*>(<char*>f + f.flow_at)


cdef inline TouchEntry* _touch(const Features* f, uint64_t number) noexcept nogil:
    return <TouchEntry*>(<char*>f + align64(sizeof(Features))) + (number & f.mask)


cdef inline size_t _flow_at(const FeatureParams* p) noexcept nogil:
    return align64(sizeof(Features)) + align64(ring_slots(p.capacity) * sizeof(TouchEntry))


cdef inline size_t features_size(const FeatureParams* p) noexcept nogil:
    return _flow_at(p) + flow_size(p.capacity)


cdef inline void features_init(Features* f, const FeatureParams* p) noexcept nogil:
    """`f` is zeroed memory of features_size() bytes. The book starts out of sync."""
    f.window_ns = p.window_ns
    f.capacity = p.capacity
    f.mask = ring_slots(p.capacity) - 1
    f.imbalance_levels = p.imbalance_levels
    f.depth_levels = p.depth_levels
    f.imbalance = NAN
    f.flow_at = _flow_at(p)
    flow_init(features_flow(f), p.window_ns, p.capacity)


cdef inline uint64_t touch_hash(const TouchEntry* e) noexcept nogil:
    cdef uint64_t squares = <uint64_t>e.squares ^ <uint64_t>(e.squares >> 64)
    cdef uint64_t ofi = <uint64_t>e.ofi ^ <uint64_t>(e.ofi >> 64)
    cdef uint64_t when = <uint64_t>e.ts_ns + <uint64_t>e.mid2 * 0x9FB21C651E98DF25ULL
    return hash_pair(when, squares + ofi * 0xD6E8FEB86659FD93ULL)


cdef inline uint64_t features_hash(const Features* f) noexcept nogil:
    """While out of sync there is nothing to hash, as the next sync starts again. The trade flow has a digest of its own."""
    cdef uint64_t h = hash_span(0, &f.window_ns, &f.imbalance)
    if not f.synced:
        return h
    h = hash_word(hash_span(h, &f.imbalance, &f.mask), f.head - f.tail)
    h = hash_span(h, &f.before, &f.before.ts_ns)
    if f.head == 0:
        return h
    h = hash_span(h, &f.newest, &f.newest.digest)
    return hash_word(h, f.newest.digest - f.before.digest)      # the entries in the window


# ---- updates ----------------------------------------------------------------------------------------------------

cdef inline void features_on_desync(Features* f) noexcept nogil:
    """The book is out of sync: no feature has a value until W after the next sync. Trades are still counted."""
    f.synced = 0
    f.two_sided = 0
    f.imbalance = NAN
    f.imbalance_e9 = 0


cdef inline void features_on_sync(Features* f, int64_t now) noexcept nogil:
    """The book is in sync from now on. The caller must call features_on_book next."""
    features_on_desync(f)
    f.synced = 1
    f.since_ns = now
    f.bid = NO_PRICE
    f.head = 0
    f.tail = 0
    f.newest.squares = 0
    f.newest.ofi = 0
    f.newest.digest = 0
    f.before.squares = 0
    f.before.ofi = 0
    f.before.mid2 = 0
    f.before.digest = 0


cdef inline void _evict_to(Features* f, uint64_t tail) noexcept nogil:
    f.before = _touch(f, tail - 1)[0]
    f.tail = tail


cdef inline void features_evict(Features* f, int64_t now) noexcept nogil:
    """Moves the window's start past now - W: strides double, then halve, so that a burst is evicted as fast as one entry."""
    cdef int64_t limit = now - f.window_ns
    cdef uint64_t low = f.tail, stride = 1
    if low == f.head or _touch(f, low).ts_ns > limit:
        return
    while low + stride < f.head and _touch(f, low + stride).ts_ns <= limit:     # `low` itself always leaves
        low += stride
        stride <<= 1
    while stride > 0:
        if low + stride < f.head and _touch(f, low + stride).ts_ns <= limit:
            low += stride
        stride >>= 1
    _evict_to(f, low + 1)


cdef inline int64_t order_flow(int64_t price, int64_t qty, int64_t old_price, int64_t old_qty) noexcept nogil:
    """The bid's part of e_n; for the ask's part, negate both prices and the result.

    R. Cont, A. Kukanov, S. Stoikov, "The price impact of order book events", Journal of Financial Econometrics 12 (2014).
    """
    return (qty if price >= old_price else 0) - (old_qty if price <= old_price else 0)


cdef inline void _push_touch(Features* f, int64_t bid, int64_t bid_qty, int64_t ask, int64_t ask_qty,
                             int64_t now) noexcept nogil:
    cdef int64_t step
    cdef int64_t mid2 = bid + ask
    if f.bid != NO_PRICE:
        step = mid2 - f.newest.mid2
        f.newest.squares += <i128>step * step
        f.newest.ofi += order_flow(bid, bid_qty, f.bid, f.bid_qty) - order_flow(-ask, ask_qty, -f.ask, f.ask_qty)
    f.newest.ts_ns = now
    f.newest.mid2 = mid2
    f.newest.digest += touch_hash(&f.newest)
    f.bid = bid
    f.ask = ask
    f.bid_qty = bid_qty
    f.ask_qty = ask_qty
    features_evict(f, now)
    if unlikely(f.head - f.tail == f.capacity):
        _evict_to(f, f.tail + 1)
        f.shortened += 1
    _touch(f, f.head)[0] = f.newest
    f.head += 1


cdef inline void features_on_book(Features* f, const Book* b, int64_t now) noexcept nogil:
    """Called after each whole message, as the view may have changed. While a side is empty nothing is pushed, and no feature
    has a value (rule 7a); the sums are kept and continue later."""
    cdef int64_t bid = book_best(b, BID), ask = book_best(b, ASK), bid_qty, ask_qty
    if not f.synced:
        return
    f.two_sided = bid != NO_PRICE and ask != NO_PRICE
    if unlikely(not f.two_sided):
        f.imbalance = NAN
        f.imbalance_e9 = 0
        return
    f.imbalance = book_imbalance(b, f.imbalance_levels)
    f.imbalance_e9 = llrint(1e9 * f.imbalance)
    bid_qty = book_best_qty(b, BID)
    ask_qty = book_best_qty(b, ASK)
    if bid != f.bid or ask != f.ask or bid_qty != f.bid_qty or ask_qty != f.ask_qty:
        _push_touch(f, bid, bid_qty, ask, ask_qty, now)


cdef inline int features_on_trade(Features* f, const Message* m, int64_t now) noexcept nogil:
    """Adds a trade or aggTrade: OK, DUPLICATE_TRADE or OTHER_TRADE_SOURCE, see flow_on_trade."""
    cdef Flow* flow = features_flow(f)
    cdef int64_t shortened = flow.shortened
    cdef int code = flow_on_trade(flow, m, now)
    f.shortened += flow.shortened - shortened
    return code


# ---- evaluation ------------------------------------------------------------------------------------------------

cdef inline void _book_features(const Features* f, const Book* b, FeatureValues* out) noexcept nogil:
    cdef double mid2 = <double>f.newest.mid2
    cdef double bid_qty = <double>f.bid_qty, ask_qty = <double>f.ask_qty
    cdef double spread = <double>(f.ask - f.bid)
    out.mid = 0.5 * mid2
    out.microprice = <double>f.bid + spread * (bid_qty / (bid_qty + ask_qty))
    out.spread_bps = 2e4 * spread / mid2
    out.volatility = 1e4 * sqrt(<double>(f.newest.squares - f.before.squares)) / mid2
    out.momentum = 1e4 * <double>(f.newest.mid2 - f.before.mid2) / <double>f.before.mid2
    out.imbalance = f.imbalance
    out.depth_ratio = <double>book_sum(b, BID, f.depth_levels) / <double>book_sum(b, ASK, f.depth_levels)
    out.ofi = <double>(f.newest.ofi - f.before.ofi)


cdef inline void features_eval(Features* f, const Book* b, int64_t now, FeatureValues* out) noexcept nogil:
    """Evaluates all features at `now`, not before the last update. `b` is the book of the last features_on_book."""
    cdef Flow* flow = features_flow(f)
    out.timestamp_ns = now
    out.mid = out.microprice = out.spread_bps = out.volatility = out.momentum = NAN
    out.imbalance = out.depth_ratio = out.ofi = out.signed_volume = out.intensity = NAN
    out.valid = 0
    out.reserved = 0
    if not f.synced or not f.two_sided or now - f.since_ns < f.window_ns:
        return
    features_evict(f, now)
    if f.before.mid2 != 0:
        out.valid = FEATURES_BOOK
        _book_features(f, b, out)
    if now >= flow.void_until:
        flow_evict(flow, now)
        out.valid |= FEATURES_FLOW
        out.signed_volume = <double>flow.volume
        out.intensity = 1e9 * <double>flow.orders / <double>f.window_ns


# ---- for Python ------------------------------------------------------------------------------------------------------

cdef struct FeatureUnits:       # the value of a tick and a quantum in quote and base units
    double tick
    double quantum


cdef FeatureUnits feature_units(Spec spec)


cdef class FeatureVector:
    """Features at one time, in quote and base units."""
    cdef readonly int64_t timestamp_ns
    cdef readonly double mid, microprice, spread_bps, volatility, momentum, imbalance, depth_ratio, ofi, signed_volume, intensity
    cdef readonly bint book_valid, flow_valid

    @staticmethod
    cdef FeatureVector of(const FeatureValues* values, const FeatureUnits* units)


cdef class FeatureBuffer:
    """A `Features` for Python."""
    cdef Features* features
    cdef FeatureUnits units
    cdef readonly Spec spec
