# Records that cross stages, and the constants of their fields.
#
# Every struct is plain memory: fixed width, no pointer, no padding, a multiple of eight bytes. `types.pyx` checks the
# sizes at import, so a compiler with another layout is found before the first message.
#
# Units: prices are ticks, quantities are quanta (the book's own, SEMANTICS 29), times are nanoseconds, `gross` is
# ticks x quanta x contract size, money is 1e-8 of the quote asset. If the tick changes within a session, prices are counted in
# the finest tick; `SymbolSpec.tick` is then the venue's tick in these units.

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    typedef __int128 hft_i128;
    #define HFT_CACHE_LINE 64
    #define HFT_LIKELY(x) __builtin_expect(!!(x), 1)
    #define HFT_UNLIKELY(x) __builtin_expect(!!(x), 0)
    #define HFT_DIV(a, b) ((a) / (b))
    """
    ctypedef long long i128 "hft_i128"
    bint likely "HFT_LIKELY"(bint) noexcept nogil
    bint unlikely "HFT_UNLIKELY"(bint) noexcept nogil
    # C's division, truncating, whatever directives the including module is compiled with.
    i128 divide "HFT_DIV"(i128, i128) noexcept nogil

cdef enum:
    CACHE_LINE = 64
    NAME_BYTES = 64             # a symbol's name, UTF-8, zero padded: an option's has 25 letters; a Chinese letter takes 3 bytes
    QUOTE_BYTES = 32            # name of a quote asset
    MAX_SYMBOLS = 65536         # a symbol's index has 16 bits in event files and run logs; otherwise memory is the limit
    MAX_LEVELS = 16384          # levels in one message: two sides of a 5,000-level snapshot, with spare room
    NO_PRICE = 0                # the side is empty; a venue never quotes price 0
    FEE_SCALE = 100000000       # 1e-8: fee rates and money

cdef enum Side:
    BUY = 1
    SELL = -1

cdef enum BookSide:             # index of a side in arrays
    BID = 0
    ASK = 1

cdef enum Instrument:           # what may be sold, and the value of a contract
    SPOT = 0                    # only the amount held may be sold
    LINEAR = 1                  # contracts in the base asset, quoted and settled in the quote asset
    INVERSE = 2                 # contracts in the quote asset, settled in the base asset

cdef enum MessageKind:
    MSG_NONE = 0
    MSG_DEPTH = 1               # absolute quantities, by price
    MSG_BOOK_TICKER = 2         # bookTicker: the touch
    MSG_TRADE = 3
    MSG_AGG_TRADE = 4
    MSG_SNAPSHOT = 5            # the REST book
    MSG_BOOK = 6                # a whole book of a stream: replaces the last one, without updates between them
    MSG_KINDS = 7

cdef enum MessageFlag:
    BUYER_IS_MAKER = 1          # `m`: a sell hit the bid
    NOT_MARKET = 2              # `X` is present and is not MARKET: fills no order
    BOOK_STREAM = 4             # from a stream of whole books: ignored if a stream of updates is the book's source
    ONE_SIDE = 8                # a whole book for the side that it has levels of; the other side is kept

cdef enum OrderType:
    LIMIT = 0
    MARKET = 1

cdef enum TimeInForce:
    GTC = 0
    IOC = 1
    FOK = 2
    GTX = 3                     # post-only

cdef enum OrderFlag:
    REDUCE_ONLY = 1

cdef enum OrderStatus:          # the moves allowed between them are the table in `orders`
    ORDER_NONE = 0
    PENDING_NEW = 1             # sent, no report yet
    OPEN = 2
    PARTIALLY_FILLED = 3
    PENDING_CANCEL = 4          # cancel sent, no report yet
    FILLED = 5
    CANCELED = 6
    REJECTED = 7
    EXPIRED = 8
    PENDING_AMEND = 9           # amend sent, no report yet
    ORDER_STATUSES = 10

cdef enum IntentKind:
    INTENT_NEW = 1
    INTENT_CANCEL = 2
    INTENT_AMEND = 3            # another price, another total quantity
    INTENT_CANCEL_ALL = 4
    INTENT_TIMER = 5            # a call of `on_timer` at the time in `price`; it replaces an earlier one
    INTENT_STOP = 6             # the strategy trades no more: open orders are cancelled

cdef enum CommandKind:
    CMD_NEW = 1
    CMD_CANCEL = 2
    CMD_AMEND = 3

cdef enum ReportKind:
    REPORT_ACCEPTED = 1         # rests, or is about to fill
    REPORT_FILL = 2
    REPORT_CANCELED = 3
    REPORT_REJECTED = 4
    REPORT_EXPIRED = 5
    REPORT_CANCEL_REJECTED = 6  # the order was final already
    REPORT_AMENDED = 7
    REPORT_AMEND_REJECTED = 8   # the order was final already, or is unchanged

cdef enum BookStatus:           # of a book, and of the fills made on it
    BOOK_SYNCED = 0             # in sync, both sides quoted
    BOOK_SUSPECT = 1            # was in sync before, and is not now
    BOOK_SYNCING = 2            # not in sync since the run began; no fill has this, as no order passes risk before

cdef struct Level:
    int64_t price               # ticks
    int64_t qty                 # quanta; 0 deletes

cdef struct SymbolSpec:         # one traded symbol, exact scales
    char name[64]               # NAME_BYTES: upper case, zero padded
    char quote[32]              # QUOTE_BYTES
    int64_t price_mant          # one tick = price_mant x 10^-price_exp
    int64_t qty_mant            # one quantum = qty_mant x 10^-qty_exp
    int64_t contract            # contract size in whole units; 1 except for inverse contracts
    int64_t lot                 # order step, in quanta
    int64_t tick                # price step of orders, in ticks of the book: 1 unless a finer tick was or will be used
    int64_t min_qty             # of an order, quanta
    int64_t max_qty
    int64_t min_notional        # of an order, money (1e-8 quote); 0: no rule
    int64_t maker_fee           # rate in 1e-8; negative is a rebate
    int64_t taker_fee
    int32_t price_exp
    int32_t qty_exp
    int32_t instrument          # Instrument
    int32_t fee_received        # 1: fees are deducted from the asset received (spot); 0: paid in quote

cdef struct Message:            # one decoded market-data message; `levels` follow it in the decoder's memory
    int64_t recv_ns             # `now` of the read that contained the message
    int64_t venue_ns            # x: `T`, else `E`, else 0 (no stamp)
    int64_t first_id            # depth `U`; trade `t`; aggTrade `a`; of a whole book, the most levels a side; 0: not given
    int64_t last_id             # depth, bookTicker, whole book `u`; snapshot `lastUpdateId`; trade `t`; aggTrade `a`
    int64_t prev_id             # depth `pu`; -1 where there is none
    int64_t price               # trade price; bookTicker: best bid
    int64_t qty                 # trade quantity; bookTicker: best bid quantity
    int64_t ask_price           # bookTicker only
    int64_t ask_qty             # bookTicker only
    int32_t kind                # MessageKind
    int32_t symbol              # index into the engine's symbols
    uint32_t n_bids             # levels: bids first, then asks, as printed
    uint32_t n_asks
    uint32_t flags              # MessageFlag
    uint32_t reserved

cdef struct Intent:             # what a strategy wants, before risk
    int64_t order_id            # of a new order; else of the order to cancel or amend
    int64_t price               # ticks; MARKET: the price collar, 0 = no order price yet
    int64_t qty                 # quanta; of an amend the total, including the filled quantity
    int32_t symbol              # INTENT_CANCEL_ALL: -1 for all symbols
    int32_t kind                # IntentKind
    int32_t reserved
    int8_t side                 # Side
    uint8_t type                # OrderType
    uint8_t tif                 # TimeInForce
    uint8_t flags               # OrderFlag

cdef struct Decision:           # an intent of a strategy whose decisions are inputs of the run
    int64_t call                # the callback that it was put in: 1, 2, 3 … of the run
    Intent intent               # kind 0: no intent; `order_id` is the newest id given out, `qty` intents found no room

cdef struct Command:            # trader -> execution
    int64_t order_id
    int64_t sent_ns             # `now` of the current input
    int64_t due_ns              # a = s + entry latency, non-decreasing per symbol: execution stamps it
    int64_t price               # ticks; MARKET: the price collar, 0 = unbounded
    int64_t qty                 # of an amend the total, including the filled quantity
    int32_t symbol
    int8_t side
    uint8_t type
    uint8_t tif
    uint8_t flags
    int32_t kind                # CommandKind
    int32_t reserved

cdef struct Report:             # execution -> trader
    int64_t order_id
    int64_t due_ns              # when the strategy receives it
    int64_t seq                 # order among reports of equal due time
    int64_t exch_ns             # v, or a, of the event that caused it
    int64_t price               # of the fill
    int64_t qty                 # of the fill
    int64_t leaves              # open quantity after the report
    int64_t fee                 # 1e-8 of the fee asset
    int32_t symbol
    int32_t kind                # ReportKind
    int32_t reason              # status code; 0: none
    int8_t side
    uint8_t maker               # 1: rested; 0: took
    uint8_t book_status         # BookStatus
    uint8_t fee_in_base         # 1: `fee` is in base, not quote

cdef enum RecordKind:           # what a JournalRecord holds
    RECORD_ORDER = 1            # the state of an order after a change
    RECORD_FILL = 2
    RECORD_POSITION = 3         # a symbol's position after a fill was reported
    RECORD_KILL = 4             # the kill switch changed
    RECORD_RULES = 5            # a symbol's rules changed; later records are in its units

cdef struct JournalRecord:      # 128 bytes, one cache-line pair; meaning of a..h by kind, see `journal`
    uint64_t seq                # 1, 2, 3 … within a run
    int64_t ts_ns               # `now`
    int64_t exch_ns
    int64_t order_id
    int64_t price
    int64_t qty
    int64_t leaves
    int64_t fee
    int64_t cash                # gross
    int64_t cost                # gross
    int64_t realised            # gross
    int64_t due_ns
    int64_t sent_ns
    int32_t symbol
    int32_t reason
    int32_t run                 # row of `runs`
    uint8_t kind                # RecordKind
    int8_t side
    uint8_t type
    uint8_t tif
    uint8_t flags
    uint8_t status              # OrderStatus
    uint8_t maker
    uint8_t book_status
    uint32_t crc                # CRC-32C of the preceding bytes


cdef inline int64_t round_half_even(i128 value, i128 divisor) noexcept nogil:
    """value / divisor (divisor > 0), ties to even."""
    cdef i128 q = divide(value, divisor)
    cdef i128 r = value - q * divisor
    if r < 0:                   # C truncates; floor instead, so that the tie test below has one case
        q -= 1
        r += divisor
    r = 2 * r
    if r > divisor or (r == divisor and (q & 1)):
        q += 1
    return <int64_t>q


cdef inline int64_t pow10(int32_t n) noexcept nogil:
    """10**n, 0 <= n <= 18."""
    cdef int64_t x = 1
    while n > 0:
        x *= 10
        n -= 1
    return x


cdef inline int64_t money(const SymbolSpec* spec, int64_t gross) noexcept nogil:
    """Gross (ticks x quanta x contract) as 1e-8 of the quote asset, half to even."""
    cdef i128 value = <i128>gross * spec.price_mant * spec.qty_mant
    cdef int32_t e = spec.price_exp + spec.qty_exp - 8
    if e > 18:
        return round_half_even(divide(value, pow10(e - 18)), pow10(18))
    if e > 0:
        return round_half_even(value, pow10(e))
    return <int64_t>(value * pow10(-e))


cdef inline int64_t notional(const SymbolSpec* spec, int64_t price, int64_t qty) noexcept nogil:
    """price x qty as money."""
    cdef i128 value = <i128>price * qty * spec.contract * spec.price_mant * spec.qty_mant
    cdef int32_t e = spec.price_exp + spec.qty_exp - 8
    if e > 18:
        return round_half_even(divide(value, pow10(e - 18)), pow10(18))
    if e > 0:
        return round_half_even(value, pow10(e))
    return <int64_t>(value * pow10(-e))


cdef inline bint multiply(int64_t* x, int64_t factor) noexcept nogil:
    """x *= factor; returns 0 and leaves x unchanged if the product exceeds 64 bits."""
    cdef i128 product = <i128>x[0] * factor
    if unlikely(product != <int64_t>product):
        return 0
    x[0] = <int64_t>product
    return 1


cdef class Spec:
    """A symbol's exact scales; compiled stages copy the memory behind it."""
    cdef SymbolSpec c
    cdef readonly str name, quote, instrument, fee_asset
    cdef readonly int64_t contract
    cdef readonly int64_t lot               # the order step in quanta
    cdef readonly object tick, price_unit, step, quantum, min_qty, max_qty, min_notional, maker_fee, taker_fee     # Decimal
