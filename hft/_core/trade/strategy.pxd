# The strategy port: the strategy's view, its requests, and the table of functions through which a trader calls it.
#
# A strategy is a table and a block of memory in the trader's arena. It sees the markets and its own orders and positions, and
# makes requests with `ask_*`, each of which puts an intent into a queue; after the callback the trader takes them in order
# through risk to the exchange. An order's id is known at once; its outcome, including a refusal by risk, comes as a report.
# Callbacks never nest.

from libc.string cimport memset

from hft._core.base.status cimport RISK_INTENTS_FULL
from hft._core.base.types cimport (
    INTENT_AMEND, INTENT_CANCEL, INTENT_CANCEL_ALL, INTENT_NEW, INTENT_STOP, INTENT_TIMER, Intent, Message, Report, Spec,
    int32_t, int64_t, uint64_t, unlikely,
)
from hft._core.market.market_state cimport Market
from hft._core.record.runlog cimport RunLogState
from hft._core.trade.intents cimport Intents, intents_put
from hft._core.trade.orders cimport Orders, orders_issue
from hft._core.trade.position cimport Positions
from hft._core.trade.signal cimport SignalRecord

cdef enum:
    STRATEGY_PARAMS = 256       # bytes available for the parameters of one symbol

cdef struct Context:            # a strategy's view; valid during a callback
    int64_t now
    Market** markets            # by symbol
    Orders* orders
    Positions* positions
    Intents* intents            # used by `ask_*` only
    uint64_t* refused           # counters by status code
    uint64_t* signals           # counter: number of times that a signal was active
    int64_t n_symbols

ctypedef size_t (*StrategySize)(int64_t n_symbols) noexcept nogil
ctypedef void (*StrategyInit)(void* memory, int64_t n_symbols) noexcept nogil
ctypedef void (*StrategyBind)(void* memory, int32_t symbol, const void* params) noexcept nogil
ctypedef void (*StrategyCall)(void* memory, Context* c) noexcept nogil
ctypedef void (*StrategyOnMarket)(void* memory, Context* c, int32_t symbol) noexcept nogil
ctypedef void (*StrategyOnTrade)(void* memory, Context* c, const Message* trade) noexcept nogil
ctypedef void (*StrategyOnReport)(void* memory, Context* c, const Report* report) noexcept nogil
ctypedef void (*StrategyOnStatus)(void* memory, Context* c, int32_t symbol, bint found) noexcept nogil
ctypedef int64_t (*StrategyNextDue)(const void* memory) noexcept nogil
ctypedef bint (*StrategySignal)(const void* memory, int32_t symbol, SignalRecord* out) noexcept nogil
ctypedef uint64_t (*StrategyHash)(const void* memory, int32_t symbol, uint64_t h) noexcept nogil

cdef struct StrategyOps:        # an optional call that the strategy does not need is NULL
    StrategySize size           # bytes of its memory, which is zeroed
    StrategyInit init           # once, before any other call
    StrategyBind bind           # a symbol's parameters, in its units: at the start, and again when the venue's rules change
    StrategyCall start          # optional: the run begins
    StrategyOnMarket on_market  # the market of a symbol changed, and was published
    StrategyOnTrade on_trade    # optional: a trade used as volume, before `on_market`
    StrategyOnReport on_report  # optional: a report on one of its orders; orders and positions include it already
    StrategyOnStatus on_status  # optional: the book of a symbol lost or found sync
    StrategyCall on_timer       # optional: timers due at `now`
    StrategyNextDue next_due    # optional: time of the next `on_timer`; INT64_MAX: none
    StrategyCall stop           # optional: the run ends; from here on only its cancels are sent
    StrategySignal signal       # optional: its signal for a symbol, for display; False if no signal is active
    StrategyHash hash           # digest of all state that its decisions about a symbol depend on


cdef inline StrategyOps strategy_ops(StrategySize size, StrategyInit init, StrategyBind bind, StrategyOnMarket on_market,
                                     StrategyHash hash) noexcept nogil:
    """A table with the required functions; optional ones are NULL until set."""
    cdef StrategyOps ops
    memset(&ops, 0, sizeof(StrategyOps))
    ops.size, ops.init, ops.bind, ops.on_market, ops.hash = size, init, bind, on_market, hash
    return ops


# --- requests of a strategy. They return an id above 0; 0: the intent queue is full, and nothing happens (`intents_full`)

cdef inline int64_t _ask(Context* c, Intent* intent, int kind) noexcept nogil:
    intent.kind = kind
    intent.reserved = 0
    if unlikely(not intents_put(c.intents, intent)):
        c.refused[<int>RISK_INTENTS_FULL] += 1
        return 0
    return intent.order_id


cdef inline int64_t ask_new(Context* c, Intent* order) noexcept nogil:
    """Requests a new order, complete except for its id. Returns its id."""
    order.order_id = orders_issue(c.orders)
    return _ask(c, order, INTENT_NEW)


cdef inline int64_t ask_amend(Context* c, int32_t symbol, int64_t order_id, int64_t price, int64_t qty) noexcept nogil:
    """Requests another price (ticks) and total quantity (quanta, including the filled part) of an open order. Returns its id."""
    cdef Intent intent
    intent.order_id = order_id
    intent.symbol = symbol
    intent.price = price
    intent.qty = qty
    return _ask(c, &intent, INTENT_AMEND)


cdef inline int64_t ask_cancel(Context* c, int32_t symbol, int64_t order_id) noexcept nogil:
    """Requests the cancel of an open order. Returns its id."""
    cdef Intent intent
    intent.order_id = order_id
    intent.symbol = symbol
    return _ask(c, &intent, INTENT_CANCEL)


cdef inline bint ask_cancel_all(Context* c, int32_t symbol) noexcept nogil:
    """Requests the cancel of every open order of a symbol, or of all symbols (-1). Orders being cancelled are left alone."""
    cdef Intent intent
    intent.order_id = 1
    intent.symbol = symbol
    return _ask(c, &intent, INTENT_CANCEL_ALL) != 0


cdef inline bint ask_timer(Context* c, int64_t at_ns) noexcept nogil:
    """`on_timer` is to be called at this time, after `now` in any case; instead of an earlier call that was asked for."""
    cdef Intent intent
    intent.order_id = 1
    intent.price = max(at_ns, c.now + 1)
    return _ask(c, &intent, INTENT_TIMER) != 0


cdef inline void ask_stop(Context* c) noexcept nogil:
    """The strategy trades no more: open orders are cancelled, and it decides nothing from here on."""
    cdef Intent intent
    intent.order_id = 1
    _ask(c, &intent, INTENT_STOP)


cdef class StrategyPort:
    """A strategy for an engine: its table of functions, and the parameters for each symbol."""
    cdef const StrategyOps* ops

    cdef int fill(self, void* params, Spec spec, dict limits) except -1
    cdef int attach(self, void* memory, RunLogState* log) except -1
    cdef object reach(self, const void* memory, int32_t symbol)
    cpdef int64_t most_intents(self, int64_t n_symbols)
