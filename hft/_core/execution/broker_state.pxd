# The state of the simulated exchange, and its reports. The verbs that change it are in `broker`.
#
#     Broker | BrokerSymbol | Resting | … the next symbol … | QueuedCommand[max_commands] | Report[report_capacity] | DueHeap
#
# Commands under way are counted over all symbols, so they share slots; those of a symbol are a list, oldest first.

from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.base.hash cimport hash_span, hash_word, hash_words
from hft._core.base.heap cimport DueHeap, heap_hash, heap_init, heap_size
from hft._core.base.memory cimport align64
from hft._core.base.status cimport FAULT_REPORTS_FULL, VENUE_REDUCE_ONLY
from hft._core.base.types cimport (
    LIMIT, NO_PRICE, REDUCE_ONLY, REPORT_EXPIRED, REPORT_FILL, BOOK_SUSPECT, BOOK_SYNCED, Command, Report, SymbolSpec, pow10,
)
from hft._core.execution.capacity cimport capacity_of
from hft._core.execution.latency cimport Latency
from hft._core.execution.queue cimport FRONT_UNKNOWN, QueueModel
from hft._core.execution.resting cimport (
    NO_SLOT, Resting, RestingOrder, better, resting_init, resting_level, resting_order, resting_rank, resting_remove,
    resting_size,
)
from hft._core.execution.taking cimport Used, fill_fee
from hft._core.market.book cimport Book, book_best, book_known, book_next, book_qty, book_complete

cdef struct BrokerParams:
    int64_t entry_latency_ns
    int64_t response_latency_ns
    int64_t max_feed_delay_ns
    double queue_exponent       # n of the power models
    int32_t queue_kind          # QueueKind
    int32_t symbols
    int32_t max_orders          # resting orders of a symbol
    int32_t max_commands        # commands under way, over all symbols

cdef struct QueuedCommand:
    Command command
    int32_t next                # next command of the same symbol; or the next free slot
    int32_t reserved

cdef struct BrokerSymbol:
    Latency latency
    QueueModel model
    int64_t clock_ns            # V: the greatest v seen; the clock for ages of ledger entries
    int64_t position            # the exchange's own account of the position, quanta: the basis of reduce-only
    int64_t last_trade_id
    int64_t last_agg_id
    int64_t agg_until_ns        # stamp up to which aggTrades were the source of volume
    int64_t suspect_until       # the book crossed: fills before this time are marked suspect
    int32_t trade_source        # MSG_TRADE, MSG_AGG_TRADE, or 0: none seen
    int32_t n_reduce_only       # resting reduce-only orders
    int32_t synced
    int32_t quoted              # 1: both sides of the book were quoted at the last update
    int32_t index               # of the symbol
    int32_t closed              # 1: the venue does not trade it now
    int64_t resting_at          # byte offset from this header
    int32_t first_command       # slot of the oldest command under way, of `n_commands`
    int32_t last_command
    int32_t n_commands
    int32_t reserved
    Used used

cdef struct Broker:
    BrokerParams params
    int64_t symbols_at          # byte offsets from this header
    int64_t symbol_stride
    int64_t commands_at
    int64_t reports_at
    int64_t due_at               # by symbol: time at which its next command takes effect by timer
    int64_t duplicate_trades     # id seen before
    int64_t other_source_trades  # aggTrade beside trade
    int64_t ledger_merged        # entries with merged stamps, see `ledger_add`
    int32_t n_reports           # reports in `broker_reports`; the caller that drains them sets it to 0
    int32_t report_capacity
    int32_t n_commands          # under way
    int32_t free_command        # first free slot
    int32_t fault               # latched
    int32_t reserved


# -- memory ----------------------------------------------------------------------------------------------------------

cdef inline size_t broker_symbol_stride(const BrokerParams* p) noexcept nogil:
    return align64(sizeof(BrokerSymbol)) + align64(resting_size(p.max_orders))


cdef inline int32_t broker_report_capacity(const BrokerParams* p) noexcept nogil:
    return <int32_t>capacity_of(p.symbols, p.max_orders, p.max_commands).event_reports


cdef inline size_t broker_size(const BrokerParams* p) noexcept nogil:
    return (align64(sizeof(Broker)) + p.symbols * broker_symbol_stride(p) + align64(p.max_commands * sizeof(QueuedCommand))
            + align64(broker_report_capacity(p) * sizeof(Report)) + heap_size(p.symbols))


cdef inline DueHeap* broker_timers(const Broker* b) noexcept nogil:
    """Time at which the next command of each symbol takes effect by timer."""
    return <DueHeap*>(<char*>b + b.due_at)


cdef inline BrokerSymbol* broker_symbol(Broker* b, int32_t symbol) noexcept nogil:
    return <BrokerSymbol*>(<char*>b + b.symbols_at + symbol * b.symbol_stride)


cdef inline Report* broker_reports(Broker* b) noexcept nogil:
    return <Report*>(<char*>b + b.reports_at)


cdef inline Resting* broker_resting(BrokerSymbol* s) noexcept nogil:
    return <Resting*>(<char*>s + s.resting_at)


cdef inline QueuedCommand* broker_command(const Broker* b, int32_t slot) noexcept nogil:
    return <QueuedCommand*>(<char*>b + b.commands_at) + slot


cdef inline uint64_t broker_hash(Broker* b, int32_t symbol) noexcept nogil:
    """Hash of a symbol's exchange state, with the commands on their way to it. The quantity taken from its book (`used_hash`) and
    the own orders (`resting_hash`) have digests of their own."""
    cdef BrokerSymbol* s = broker_symbol(b, symbol)
    cdef uint64_t h = hash_word(hash_span(heap_hash(broker_timers(b), symbol), s, &s.resting_at), b.fault)
    cdef int32_t slot = s.first_command
    cdef int32_t _i
    h = hash_word(h, s.n_commands)
    for _i in range(s.n_commands):
        h = hash_words(h, &broker_command(b, slot).command, sizeof(Command) // 8)
        slot = broker_command(b, slot).next
    return h


cdef inline void broker_init(Broker* b, const BrokerParams* p) noexcept nogil:
    """`b`: `broker_size(p)` bytes of zeroes. The caller then calls `broker_add` for each symbol."""
    cdef BrokerSymbol* s
    cdef int32_t i
    b.params = p[0]
    b.symbols_at = align64(sizeof(Broker))
    b.symbol_stride = broker_symbol_stride(p)
    b.commands_at = b.symbols_at + p.symbols * b.symbol_stride
    b.reports_at = b.commands_at + align64(p.max_commands * sizeof(QueuedCommand))
    b.report_capacity = broker_report_capacity(p)
    b.due_at = b.reports_at + align64(b.report_capacity * sizeof(Report))
    heap_init(broker_timers(b), p.symbols)
    for i in range(p.max_commands):
        broker_command(b, i).next = i + 1
    for i in range(p.symbols):
        s = broker_symbol(b, i)
        s.index = i
        s.latency.entry_ns = p.entry_latency_ns
        s.latency.response_ns = p.response_latency_ns
        s.latency.max_feed_delay_ns = p.max_feed_delay_ns
        s.model.kind = p.queue_kind
        s.model.exponent = p.queue_exponent
        s.last_trade_id = -1
        s.last_agg_id = -1
        s.resting_at = align64(sizeof(BrokerSymbol))
        resting_init(broker_resting(s), p.max_orders)


cdef inline void broker_add(Broker* b, int32_t symbol, const SymbolSpec* spec) noexcept nogil:
    broker_symbol(b, symbol).model.unit = <double>spec.qty_mant / <double>pow10(spec.qty_exp)


# -- commands under way ------------------------------------------------------------------------------------------------

cdef inline const Command* broker_oldest(const Broker* b, const BrokerSymbol* s) noexcept nogil:
    """The symbol's oldest command under way; NULL if it has none."""
    return &broker_command(b, s.first_command).command if s.n_commands else NULL


cdef inline void broker_queue(Broker* b, BrokerSymbol* s, const Command* c) noexcept nogil:
    """Adds a command of a symbol. There must be a free slot."""
    cdef int32_t slot = b.free_command
    b.free_command = broker_command(b, slot).next
    broker_command(b, slot).command = c[0]
    if s.n_commands:
        broker_command(b, s.last_command).next = slot
    else:
        s.first_command = slot
    s.last_command = slot
    s.n_commands += 1
    b.n_commands += 1


cdef inline Command broker_unqueue(Broker* b, BrokerSymbol* s) noexcept nogil:
    """Removes and returns the symbol's oldest command, which must exist."""
    cdef int32_t slot = s.first_command
    cdef QueuedCommand* oldest = broker_command(b, slot)
    s.first_command = oldest.next
    s.n_commands -= 1
    b.n_commands -= 1
    oldest.next = b.free_command
    b.free_command = slot
    return oldest.command


# -- reports ---------------------------------------------------------------------------------------------------------

cdef inline Report* broker_report(Broker* b, const BrokerSymbol* s, int kind, int reason, int64_t order_id, int side,
                                  int64_t leaves, int64_t exch_ns) noexcept nogil:
    """Adds a report; NULL and a latched fault when earlier ones were not drained."""
    cdef Report* r
    if b.n_reports == b.report_capacity:
        b.fault = FAULT_REPORTS_FULL
        return NULL
    r = broker_reports(b) + b.n_reports
    b.n_reports += 1
    r.order_id = order_id
    r.due_ns = 0                # set by the engine, which knows `now`
    r.seq = 0
    r.exch_ns = exch_ns
    r.price = 0
    r.qty = 0
    r.leaves = leaves
    r.fee = 0
    r.symbol = s.index
    r.kind = kind
    r.reason = reason
    r.side = side
    r.maker = 0
    r.book_status = BOOK_SYNCED if s.synced and s.quoted and exch_ns >= s.suspect_until else BOOK_SUSPECT
    r.fee_in_base = 0
    return r


cdef inline int64_t broker_room(const BrokerSymbol* s, int side, int flags, int64_t qty) noexcept nogil:
    """The part of `qty` that an order may still fill: reduce-only is limited by the position."""
    return min(qty, max(0, -side * s.position)) if flags & REDUCE_ONLY else qty


cdef inline void broker_fill(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, int64_t order_id, int side, int64_t price,
                             int64_t qty, int64_t leaves, bint maker, int64_t exch_ns) noexcept nogil:
    """Makes one fill: its report, its fee, and the exchange's account of the position."""
    cdef Report* r = broker_report(b, s, REPORT_FILL, 0, order_id, side, leaves, exch_ns)
    cdef bint in_base = False
    if r == NULL:
        return
    r.price = price
    r.qty = qty
    r.fee = fill_fee(spec, side, price, qty, maker, &in_base)
    r.fee_in_base = in_base
    r.maker = maker
    s.position += side * qty


cdef inline void broker_drop(BrokerSymbol* s, int32_t slot) noexcept nogil:
    """Removes a resting order."""
    cdef Resting* resting = broker_resting(s)
    if resting_order(resting, slot).flags & REDUCE_ONLY:
        s.n_reduce_only -= 1
    resting_remove(resting, slot)


cdef inline void broker_fill_resting(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, int32_t slot, int64_t qty,
                                     int64_t exch_ns) noexcept nogil:
    """Fills a resting order at its own price, never before it took effect, even if `exch_ns` is an older stamp (rule 5)."""
    cdef RestingOrder* order = resting_order(broker_resting(s), slot)
    order.leaves -= qty
    order.filled += qty
    broker_fill(b, s, spec, order.order_id, order.side, order.price, qty, order.leaves, True, max(exch_ns, order.arrived_ns))
    if order.leaves == 0:
        broker_drop(s, slot)


ctypedef bint (*Expires)(const BrokerSymbol* s, const RestingOrder* order, const SymbolSpec* spec) noexcept nogil


cdef inline void broker_expire(Broker* b, BrokerSymbol* s, Expires expires, const SymbolSpec* spec, int reason,
                               int64_t exch_ns) noexcept nogil:
    """Expires resting orders for which `expires` holds, checked one after the other: bids, then asks, by price and time."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int32_t at, slot, next, levels
    cdef int own
    for own in range(2):
        at = 0
        while at < r.levels[own]:
            levels = r.levels[own]
            slot = resting_level(r, resting_rank(r, own)[at]).first
            while slot != NO_SLOT:
                order = resting_order(r, slot)
                next = order.next
                if expires(s, order, spec):
                    broker_report(b, s, REPORT_EXPIRED, reason, order.order_id, order.side, order.leaves,
                                  max(exch_ns, order.arrived_ns))
                    broker_drop(s, slot)
                slot = next
            if r.levels[own] == levels:     # else the level is gone, and the next one has its place
                at += 1


cdef inline bint _reduces_nothing(const BrokerSymbol* s, const RestingOrder* order, const SymbolSpec* spec) noexcept nogil:
    return order.flags & REDUCE_ONLY and broker_room(s, order.side, order.flags, order.leaves) == 0


cdef inline void broker_sweep(Broker* b, BrokerSymbol* s, int64_t exch_ns) noexcept nogil:
    """Expires resting reduce-only orders when there is nothing left to reduce."""
    if s.n_reduce_only != 0:
        broker_expire(b, s, _reduces_nothing, NULL, VENUE_REDUCE_ONLY, exch_ns)


cdef inline bint broker_fits(const SymbolSpec* spec, int type, int64_t price, int64_t qty) noexcept nogil:
    """Whether an order is on the tick and the lot, and not above the maximum."""
    return ((spec.tick == 1 or type != LIMIT or price % spec.tick == 0) and (spec.lot == 1 or qty % spec.lot == 0)
            and not 0 < spec.max_qty < qty)


cdef inline int64_t broker_front(const Book* book, int own, int64_t price) noexcept nogil:
    """Rule 14: the quantity before a new order. 0 inside the spread; unknown if the book does not reach that price."""
    cdef int64_t ahead = book_qty(book, own, price)
    cdef int64_t best = book_best(book, own)
    if ahead == 0 and not book_known(book, own, price):
        return FRONT_UNKNOWN
    if ahead > 0 or book_complete(book, own) or best == NO_PRICE or better(own, price, best):
        return ahead
    if book_next(book, own, price) != NO_PRICE:
        return ahead
    return FRONT_UNKNOWN
