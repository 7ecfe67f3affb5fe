# Orders: ids, the table of open orders, and their lifecycle.
#
#   Orders | SymbolOrders[n_symbols] | Order[capacity] | int32 index[2^k >= 2 x capacity]
#
# The index finds the slot of an id (open addressing; ids count up, so their low bits are spread evenly). Free slots are a
# stack chained through `next`; open orders are a list in order of creation, chained through `prev` and `next`.
# An order reported final leaves the table at once; its slot stays readable until the next `orders_create`.

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from hft._core.base.hash cimport hash_span, hash_word, hash_words
from hft._core.base.intent cimport OrderTerms
from hft._core.base.memory cimport align64
from hft._core.base.status cimport FAULT_ILLEGAL_MOVE, OK, RISK_NO_ORDER_SLOT
from hft._core.base.types cimport (
    CANCELED, CMD_AMEND, EXPIRED, FILLED, OPEN, PARTIALLY_FILLED, PENDING_AMEND, PENDING_CANCEL, PENDING_NEW, REJECTED,
    REPORT_ACCEPTED, REPORT_AMENDED, REPORT_AMEND_REJECTED, REPORT_CANCELED, REPORT_CANCEL_REJECTED, REPORT_EXPIRED, REPORT_FILL,
    REPORT_REJECTED, Command, Intent, Report, Spec, multiply, unlikely,
)

cdef extern from *:
    """
    /* The moves allowed between states, row: from, column: to.
     *
     *                   PN OP PF PC PA | FI CA RE EX
     * PENDING_NEW        .  x  x  x  x |  x  .  x  x    an order filled or expired on arrival skips OPEN
     * OPEN               .  .  x  x  x |  x  x  .  x    CANCELED without a request: by the venue
     * PARTIALLY_FILLED   .  .  x  x  x |  x  x  .  x
     * PENDING_CANCEL     x  x  x  x  x |  x  x  x  x    returns when the cancel is refused
     * PENDING_AMEND      x  x  x  x  x |  x  x  x  x    returns when the amend is answered
     * FILLED … EXPIRED   .  .  .  .  . |  .  .  .  .
     */
    #define B(state) (1u << state)
    static const unsigned int hft_order_moves[16] = {
        [1] = B(2) | B(3) | B(4) | B(5) | B(7) | B(8) | B(9),
        [2] = B(3) | B(4) | B(5) | B(6) | B(8) | B(9),
        [3] = B(3) | B(4) | B(5) | B(6) | B(8) | B(9),
        [4] = B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9),
        [9] = B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9),
    };
    #undef B
    #define HFT_MAX_LEAVES (1LL << 60)      /* most quanta open on one side of a symbol: sums with it fit 64 bits */
    """
    const unsigned int hft_order_moves[16]
    const int64_t MAX_LEAVES "HFT_MAX_LEAVES"

cdef enum:
    NO_SLOT = -1
    RUN_SHIFT = 32              # order id = run << 32 | n, n from 1

cdef struct OrderParams:
    int32_t n_symbols
    int32_t capacity            # open orders
    int64_t run                 # 1 .. 2^31 - 1, different at each start

cdef struct Order:
    int64_t order_id
    int64_t price               # ticks; MARKET: its collar
    int64_t qty                 # quanta
    int64_t leaves
    int64_t sent_ns
    int64_t due_ns              # of its newest command at the exchange
    int64_t reported_ns         # time of the last report; 0: none
    int64_t amend_price         # new price of the amend under way
    int64_t amend_qty           # new total quantity of it; 0: no amend is under way
    int64_t fee_quote           # 1e-8
    int64_t fee_base
    int32_t symbol
    int32_t reason              # of its rejection, cancel or expiry
    int32_t prev                # slots of its neighbours in the open list
    int32_t next
    int8_t side
    uint8_t type
    uint8_t tif
    uint8_t flags
    uint8_t status              # OrderStatus
    uint8_t accepted            # 1: the venue accepted it
    uint8_t cancel_wanted       # 1: to be cancelled as soon as the channel has room
    uint8_t reserved

cdef struct SymbolOrders:
    int64_t leaves[2]           # worst case under way: buys, sells; an order being amended counts with the larger quantity
    int32_t open
    int32_t reserved

cdef struct Orders:
    int64_t run
    int64_t issued              # n of the newest order
    int32_t n_symbols
    int32_t capacity
    int32_t open
    int32_t amending            # orders with an amend under way
    int32_t free                # top of the stack
    int32_t first               # oldest open order
    int32_t last
    uint32_t mask               # of the index
    int64_t orders_at           # byte offsets from this struct
    int64_t index_at


cdef inline uint32_t orders_index_slots(int32_t capacity) noexcept nogil:
    cdef uint32_t n = 4
    while n < 2 * <uint32_t>capacity:
        n *= 2
    return n


cdef inline size_t orders_size(const OrderParams* params) noexcept nogil:
    return (align64(sizeof(Orders) + <size_t>params.n_symbols * sizeof(SymbolOrders))
            + align64(<size_t>params.capacity * sizeof(Order))
            + orders_index_slots(params.capacity) * sizeof(int32_t))


cdef inline Order* orders_slot(const Orders* s, int32_t slot) noexcept nogil:
    return <Order*>(<char*>s + s.orders_at) + slot


cdef inline int32_t* orders_index(const Orders* s) noexcept nogil:
    return <int32_t*>(<char*>s + s.index_at)


cdef inline SymbolOrders* orders_of(const Orders* s, int32_t symbol) noexcept nogil:
    return <SymbolOrders*>(<char*>s + sizeof(Orders)) + symbol


cdef inline void orders_init(Orders* s, const OrderParams* params) noexcept nogil:
    """`s` is zeroed memory of `orders_size(params)` bytes."""
    cdef int32_t i
    cdef uint32_t j
    s.run = params.run
    s.n_symbols = params.n_symbols
    s.capacity = params.capacity
    s.mask = orders_index_slots(params.capacity) - 1
    s.orders_at = align64(sizeof(Orders) + <size_t>params.n_symbols * sizeof(SymbolOrders))
    s.index_at = s.orders_at + align64(<size_t>params.capacity * sizeof(Order))
    s.free = 0
    s.first = s.last = NO_SLOT
    for i in range(s.capacity):
        orders_slot(s, i).next = i + 1 if i + 1 < s.capacity else NO_SLOT
    for j in range(s.mask + 1):
        orders_index(s)[j] = NO_SLOT


cdef inline bint orders_rescale(Orders* s, int32_t symbol, int64_t price_factor, int64_t qty_factor) noexcept nogil:
    """Converts a symbol's open orders to finer units; 0 if a number exceeds 64 bits."""
    cdef SymbolOrders* own = orders_of(s, symbol)
    cdef bint fits = multiply(&own.leaves[0], qty_factor) and multiply(&own.leaves[1], qty_factor)
    cdef int32_t slot = s.first
    cdef Order* order
    while slot != NO_SLOT:
        order = orders_slot(s, slot)
        if order.symbol == symbol:
            fits = (multiply(&order.price, price_factor) and multiply(&order.qty, qty_factor)
                    and multiply(&order.leaves, qty_factor) and multiply(&order.amend_price, price_factor)
                    and multiply(&order.amend_qty, qty_factor) and fits)
        slot = order.next
    return fits and own.leaves[0] < MAX_LEAVES and own.leaves[1] < MAX_LEAVES


# --- reads

cdef inline uint64_t orders_hash(const Orders* s, int32_t symbol) noexcept nogil:
    """Hash of a symbol's orders, oldest first, and of the shared state; independent of their slots."""
    cdef uint64_t h = hash_word(hash_span(0, s, &s.n_symbols), <uint64_t>s.amending << 32 | <uint32_t>s.open)
    cdef int32_t slot = s.first
    cdef const Order* order
    h = hash_words(h, orders_of(s, symbol), sizeof(SymbolOrders) // 8)
    while slot != NO_SLOT:
        order = orders_slot(s, slot)
        if order.symbol == symbol:
            h = hash_words(hash_span(h, order, &order.prev), &order.side, 1)
        slot = order.next
    return h


cdef inline bint order_is_final(const Order* order) noexcept nogil:
    return FILLED <= order.status <= EXPIRED


cdef inline bint order_may_move(const Order* order, int status) noexcept nogil:
    return (hft_order_moves[order.status] >> status) & 1


cdef inline bint order_can_cancel(const Order* order) noexcept nogil:
    return order.status != PENDING_CANCEL and order_may_move(order, PENDING_CANCEL)


cdef inline bint order_can_amend(const Order* order) noexcept nogil:
    return order.amend_qty == 0 and order.status != PENDING_CANCEL and order_may_move(order, PENDING_AMEND)


cdef inline int64_t order_extra(const Order* order) noexcept nogil:
    """Additional open quantity of an amend under way."""
    return order.amend_qty - order.qty if order.amend_qty > order.qty else 0


cdef inline int64_t orders_leaves(const Orders* s, int32_t symbol, int side) noexcept nogil:
    """Quanta that orders on `side` may still fill, including those with a cancel pending: the worst case."""
    return orders_of(s, symbol).leaves[side < 0]


cdef inline int32_t orders_in_flight(const Orders* s, int32_t symbol) noexcept nogil:
    """Number of the symbol's orders not reported final."""
    return orders_of(s, symbol).open


cdef inline Order* orders_first(const Orders* s) noexcept nogil:
    """The oldest open order, NULL if there is none. Get the next one before this one may become final."""
    return NULL if s.first == NO_SLOT else orders_slot(s, s.first)


cdef inline Order* orders_next(const Orders* s, const Order* order) noexcept nogil:
    return NULL if order.next == NO_SLOT else orders_slot(s, order.next)


cdef inline uint32_t orders_place(const Orders* s, int64_t order_id) noexcept nogil:
    """Place of the id in the index, or the place where it would be inserted."""
    cdef const int32_t* index = orders_index(s)
    cdef uint32_t i = <uint32_t>order_id & s.mask
    while index[i] != NO_SLOT and orders_slot(s, index[i]).order_id != order_id:
        i = (i + 1) & s.mask
    return i


cdef inline Order* orders_find(const Orders* s, int64_t order_id) noexcept nogil:
    """The open order with that id, or NULL."""
    cdef int32_t slot = orders_index(s)[orders_place(s, order_id)]
    return NULL if slot == NO_SLOT else orders_slot(s, slot)


cdef inline bint orders_issued(const Orders* s, int64_t order_id) noexcept nogil:
    """Whether this run issued that id."""
    cdef int64_t before = s.run << RUN_SHIFT
    return before < order_id <= before + s.issued


cdef inline void order_command(const Order* order, int kind, int64_t sent_ns, Command* out) noexcept nogil:
    """Makes a command for an order."""
    out.order_id = order.order_id
    out.sent_ns = sent_ns
    out.due_ns = 0
    out.price = order.amend_price if kind == CMD_AMEND else order.price
    out.qty = order.amend_qty if kind == CMD_AMEND else order.qty
    out.symbol = order.symbol
    out.side = order.side
    out.type = order.type
    out.tif = order.tif
    out.flags = order.flags
    out.kind = kind
    out.reserved = 0


# --- changes

cdef inline int64_t orders_number(const Orders* s, int64_t order_id) noexcept nogil:
    """The place of an id among those that the run has given out: 1, 2, 3 …"""
    return order_id - (s.run << RUN_SHIFT)


cdef inline int64_t orders_issue(Orders* s) noexcept nogil:
    """A new id for an order that is created later: each id is issued once."""
    s.issued += 1
    return (s.run << RUN_SHIFT) + s.issued


cdef inline int orders_create(Orders* s, const Intent* intent, int64_t now, Order** out) noexcept nogil:
    """Creates an order with the intent's id, PENDING_NEW, or returns RISK_NO_ORDER_SLOT. The caller sends it; `out` is valid
    while it is open."""
    cdef int32_t slot = s.free
    cdef Order* order
    cdef SymbolOrders* book = orders_of(s, intent.symbol)
    if unlikely(slot == NO_SLOT):
        return RISK_NO_ORDER_SLOT
    order = orders_slot(s, slot)
    s.free = order.next
    order.order_id = intent.order_id
    order.price = intent.price
    order.qty = order.leaves = intent.qty
    order.sent_ns = order.due_ns = now
    order.reported_ns = order.fee_quote = order.fee_base = 0
    order.amend_price = order.amend_qty = 0
    order.symbol = intent.symbol
    order.reason = 0
    order.side = intent.side
    order.type = intent.type
    order.tif = intent.tif
    order.flags = intent.flags
    order.status = PENDING_NEW
    order.accepted = order.cancel_wanted = order.reserved = 0
    order.prev = s.last
    order.next = NO_SLOT
    if s.last == NO_SLOT:
        s.first = slot
    else:
        orders_slot(s, s.last).next = slot
    s.last = slot
    orders_index(s)[orders_place(s, order.order_id)] = slot
    book.leaves[intent.side < 0] += intent.qty
    book.open += 1
    s.open += 1
    out[0] = order
    return OK


cdef inline void orders_unindex(Orders* s, int64_t order_id) noexcept nogil:
    """Removes an id from the index and closes the gap, so that no probe meets a hole before its id."""
    cdef int32_t* index = orders_index(s)
    cdef uint32_t hole = orders_place(s, order_id)
    cdef uint32_t i = hole
    cdef uint32_t home
    while True:
        i = (i + 1) & s.mask
        if index[i] == NO_SLOT:
            break
        home = <uint32_t>orders_slot(s, index[i]).order_id & s.mask
        if ((i - home) & s.mask) >= ((i - hole) & s.mask):
            index[hole] = index[i]
            hole = i
    index[hole] = NO_SLOT


cdef inline void orders_amend_end(Orders* s, Order* order) noexcept nogil:
    """Ends the amend under way."""
    if unlikely(order.amend_qty != 0):
        orders_of(s, order.symbol).leaves[order.side < 0] -= order_extra(order)
        order.amend_price = order.amend_qty = 0
        s.amending -= 1


cdef inline void orders_close(Orders* s, Order* order) noexcept nogil:
    """The order is final: removes it from the index, the list and the worst case. Its slot keeps its content until reused."""
    cdef int32_t slot = <int32_t>(order - orders_slot(s, 0))
    cdef SymbolOrders* book = orders_of(s, order.symbol)
    orders_unindex(s, order.order_id)
    if order.prev == NO_SLOT:
        s.first = order.next
    else:
        orders_slot(s, order.prev).next = order.next
    if order.next == NO_SLOT:
        s.last = order.prev
    else:
        orders_slot(s, order.next).prev = order.prev
    orders_amend_end(s, order)
    book.leaves[order.side < 0] -= order.leaves
    book.open -= 1
    s.open -= 1
    order.next = s.free
    s.free = slot


cdef inline int orders_cancel_sent(Orders* s, Order* order) noexcept nogil:
    """A cancel is sent. FAULT_ILLEGAL_MOVE if one is under way or the order is final (see `order_can_cancel`)."""
    if unlikely(not order_can_cancel(order)):
        return FAULT_ILLEGAL_MOVE
    order.status = PENDING_CANCEL
    return OK


cdef inline int orders_amend_sent(Orders* s, Order* order, int64_t price, int64_t qty) noexcept nogil:
    """An amend is sent. FAULT_ILLEGAL_MOVE if one or a cancel is under way, or the order is final (see `order_can_amend`)."""
    if unlikely(not order_can_amend(order)):
        return FAULT_ILLEGAL_MOVE
    order.status = PENDING_AMEND
    order.amend_price = price
    order.amend_qty = qty
    s.amending += 1
    orders_of(s, order.symbol).leaves[order.side < 0] += order_extra(order)
    return OK


cdef class OrderView(OrderTerms):
    cdef readonly int64_t id, sent_ns
    cdef readonly object price, leaves, filled, status
    cdef readonly str reason
    cdef readonly bint final, can_cancel, can_amend


cdef OrderView order_view(const Order* order, Spec spec)


cdef class OrderManager:
    cdef Orders* c
    cdef readonly object symbols

    cdef OrderView _view(self, const Order* order)
