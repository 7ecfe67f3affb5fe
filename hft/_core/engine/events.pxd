# Messages as fixed-width records: the content of an event file, which a backtest replays without an object per message.
#
#     0         8          16         24        32        40      48     56       58     59      60
#     +---------+----------+----------+---------+---------+-------+------+--------+------+-------+------+
#     | recv_ns | venue_ns | first_id | last_id | prev_id | price | qty  | symbol | kind | flags | rest |
#     +---------+----------+----------+---------+---------+-------+------+--------+------+-------+------+
#
# A depth message, a snapshot or a whole book has one record for each level, bids first, as printed; a bookTicker has two, bid and
# ask; a trade has one; a message without levels is one EMPTY record, and so is a connection that opens or is lost. Fields of the
# message are repeated in each of its records. `rest` counts the message's following records, so that a reader can skip
# the message.
#
# Changed rules are one record, in the file's units, which fit all rules of the session: price and qty are the tick and the
# lot, first_id and last_id the smallest and the largest order in quanta, venue_ns the least notional in 1e-8 of the quote asset;
# the flag NOT_MARKET means that the symbol is not traded. (SEMANTICS 28)
#
# A file may hold anything: `event_message` checks every field that later stages rely on before it accepts a message.

from libc.stdlib cimport realloc
from libc.string cimport memset

from hft._core.base.types cimport (
    BOOK_STREAM, BUYER_IS_MAKER, MAX_LEVELS, MSG_AGG_TRADE, MSG_BOOK, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER, MSG_TRADE,
    NOT_MARKET, ONE_SIDE, Level, Message, int32_t, int64_t, likely, uint8_t, uint16_t, uint32_t, unlikely,
)

cdef extern from *:
    """
    #define HFT_LAST_NS 4102444800000000000LL      /* 2100: additions to times must fit 63 bits */
    #define HFT_LAST_ID 1000000000000000000LL      /* as in the decoder */
    """
    const int64_t LAST_NS "HFT_LAST_NS"
    const int64_t LAST_ID "HFT_LAST_ID"

cdef enum EventKind:            # additional to MessageKind
    EVENT_CONNECT = 8           # the symbol's stream is open
    EVENT_DISCONNECT = 9        # the stream is lost
    EVENT_RESYNC = 10           # its book was discarded, and is built again
    EVENT_RULES = 11            # its rules changed, see `event_rules`

cdef enum EventFlag:
    EVENT_BID = 1
    EVENT_ASK = 2
    EVENT_LAST = 4              # last record of its message
    EVENT_NOT_MARKET = 8
    EVENT_BUYER_MAKER = 16
    EVENT_EMPTY = 32            # no level
    EVENT_BOOK_STREAM = 64      # as BOOK_STREAM
    EVENT_ONE_SIDE = 128        # as ONE_SIDE

cdef struct EventRecord:        # 64 bytes, a cache line
    int64_t recv_ns             # `now`; never goes back within a file
    int64_t venue_ns            # the venue's stamp; 0: none
    int64_t first_id            # these three as in Message
    int64_t last_id
    int64_t prev_id             # -1: none
    int64_t price               # ticks
    int64_t qty                 # quanta
    uint16_t symbol             # index in the file's header
    uint8_t kind                # MessageKind or EventKind
    uint8_t flags               # EventFlag
    uint32_t rest               # records of the message after this one

cdef struct EventArray:         # consecutive records, in memory that grows; all zero: empty
    EventRecord* at
    int64_t n
    int64_t room


cdef inline bint events_reserve(EventArray* a, int64_t n) noexcept nogil:
    """Makes room for `n` more; False when there is no memory. Records move, which invalidates pointers to them."""
    cdef int64_t room
    cdef void* grown
    if likely(a.n + n <= a.room):
        return True
    room = 2 * a.room + n + 4096
    grown = realloc(a.at, room * sizeof(EventRecord))
    if grown == NULL:
        return False
    a.at = <EventRecord*>grown
    a.room = room
    return True


cdef inline int64_t event_count(const Message* m) noexcept nogil:
    """Number of records of a message."""
    cdef int64_t levels = <int64_t>m.n_bids + m.n_asks
    if m.kind == MSG_BOOK_TICKER:
        return 2
    return levels if levels > 0 else 1


cdef inline void event_encode(const Message* m, const Level* levels, EventRecord* out) noexcept nogil:
    """Writes a message as `event_count` records."""
    cdef int64_t n = event_count(m)
    cdef int64_t i
    cdef EventRecord r
    memset(&r, 0, sizeof(r))
    r.recv_ns = m.recv_ns
    r.venue_ns = m.venue_ns
    r.first_id = m.first_id
    r.last_id = m.last_id
    r.prev_id = m.prev_id
    r.symbol = <uint16_t>m.symbol
    r.kind = <uint8_t>m.kind
    if m.flags & NOT_MARKET:
        r.flags |= EVENT_NOT_MARKET
    if m.flags & BUYER_IS_MAKER:
        r.flags |= EVENT_BUYER_MAKER
    if m.flags & BOOK_STREAM:
        r.flags |= EVENT_BOOK_STREAM
    if m.flags & ONE_SIDE:
        r.flags |= EVENT_ONE_SIDE
    for i in range(n):
        out[i] = r
        out[i].rest = <uint32_t>(n - 1 - i)
    out[n - 1].flags |= EVENT_LAST
    if m.kind == MSG_DEPTH or m.kind == MSG_SNAPSHOT or m.kind == MSG_BOOK:
        for i in range(<int64_t>m.n_bids + m.n_asks):
            out[i].flags |= EVENT_BID if i < m.n_bids else EVENT_ASK
            out[i].price = levels[i].price
            out[i].qty = levels[i].qty
        if m.n_bids + m.n_asks == 0:
            out[0].flags |= EVENT_EMPTY
        return
    out[0].price = m.price
    out[0].qty = m.qty
    if m.kind == MSG_BOOK_TICKER:
        out[0].flags |= EVENT_BID
        out[1].flags |= EVENT_ASK
        out[1].price = m.ask_price
        out[1].qty = m.ask_qty


cdef inline bint _whole(const EventRecord* r, int64_t available) noexcept nogil:
    """Whether it is the first record of a complete message, with stamps and ids in range."""
    return (
        <int64_t>r.rest < available
        and 0 < r.recv_ns < LAST_NS and 0 <= r.venue_ns < LAST_NS
        and 0 <= r.first_id < LAST_ID and 0 <= r.last_id < LAST_ID and -1 <= r.prev_id < LAST_ID
    )


cdef inline bint _same(const EventRecord* first, const EventRecord* r, int64_t rest) noexcept nogil:
    """Whether it is a record of the same message, in its place."""
    return (
        r.rest == rest and (r.flags & EVENT_LAST != 0) == (rest == 0)
        and r.kind == first.kind and r.symbol == first.symbol and r.recv_ns == first.recv_ns
        and r.last_id == first.last_id
    )


cdef inline bint _levels(const EventRecord* r, int64_t n, Message* m, Level* levels) noexcept nogil:
    cdef int64_t i
    cdef int side
    if n > MAX_LEVELS:
        return False
    if r.flags & EVENT_EMPTY:
        return n == 1 and not r.flags & (EVENT_BID | EVENT_ASK)
    for i in range(n):
        side = r[i].flags & (EVENT_BID | EVENT_ASK)
        if unlikely(not _same(r, &r[i], n - 1 - i)) or unlikely(r[i].price <= 0 or r[i].qty < 0):
            return False
        if side == EVENT_BID and m.n_asks == 0:
            m.n_bids += 1
        elif side == EVENT_ASK:
            m.n_asks += 1
        else:
            return False
        levels[i].price = r[i].price
        levels[i].qty = r[i].qty
    return True


cdef inline bint _book_ticker(const EventRecord* r, int64_t n, Message* m) noexcept nogil:
    if n != 2 or not _same(r, &r[0], 1) or not _same(r, &r[1], 0):
        return False
    m.price = r[0].price
    m.qty = r[0].qty
    m.ask_price = r[1].price
    m.ask_qty = r[1].qty
    return (
        r[0].flags & (EVENT_BID | EVENT_ASK) == EVENT_BID and r[1].flags & (EVENT_BID | EVENT_ASK) == EVENT_ASK
        and m.price >= 0 and m.qty >= 0 and m.ask_price >= 0 and m.ask_qty >= 0
    )


cdef inline bint _trade(const EventRecord* r, int64_t n, Message* m) noexcept nogil:
    m.price = r.price
    m.qty = r.qty
    if r.flags & EVENT_BUYER_MAKER:
        m.flags |= BUYER_IS_MAKER
    if r.flags & EVENT_NOT_MARKET:
        m.flags |= NOT_MARKET
        return n == 1 and r.price >= 0 and r.qty >= 0
    return n == 1 and r.price > 0 and r.qty > 0


cdef inline int64_t event_message(const EventRecord* r, int64_t available, Message* m, Level* levels) noexcept nogil:
    """Reads the message that begins at `r`; returns its number of records, or 0 if it is not a valid message.

    `m.symbol` is the file's index. A connection's record gives a Message with only its kind.
    """
    cdef int64_t n = <int64_t>r.rest + 1
    cdef bint good
    memset(m, 0, sizeof(Message))
    if unlikely(not _whole(r, available)):
        return 0
    m.recv_ns = r.recv_ns
    m.venue_ns = r.venue_ns
    m.first_id = r.first_id
    m.last_id = r.last_id
    m.prev_id = r.prev_id
    m.symbol = r.symbol
    m.kind = r.kind
    if r.kind == MSG_BOOK_TICKER:
        good = _book_ticker(r, n, m)
    elif r.kind == MSG_DEPTH:
        good = _levels(r, n, m, levels) and r.first_id <= r.last_id
    elif r.kind == MSG_TRADE or r.kind == MSG_AGG_TRADE:
        good = _trade(r, n, m)
    elif r.kind == MSG_SNAPSHOT or r.kind == MSG_BOOK:
        good = _levels(r, n, m, levels)
        if r.flags & EVENT_BOOK_STREAM:
            m.flags |= BOOK_STREAM
        if r.flags & EVENT_ONE_SIDE:
            m.flags |= ONE_SIDE
    else:
        good = EVENT_CONNECT <= r.kind <= EVENT_RULES and n == 1
    return n if likely(good) else 0
