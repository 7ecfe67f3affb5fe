"""The imbalance strategy: trades in the direction of the book's imbalance over most of a window (SEMANTICS 19 to 21).

    ImbalanceHead | DueHeap of the holds, by symbol | ImbalanceSymbol[n_symbols]
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.base.hash cimport hash_word, hash_words
from hft._core.base.heap cimport DueHeap, heap_first, heap_hash, heap_init, heap_next, heap_set, heap_size
from hft._core.base.memory cimport align64
from hft._core.base.types cimport ASK, BID, REPORT_FILL, Intent, Report, Spec
from hft._core.market.book cimport Book, book_best
from hft._core.market.market_state cimport Market, market_book, market_book_synced, market_series
from hft._core.trade.imbalance cimport (
    Imbalance, ImbalanceParams, imbalance_decide, imbalance_hash, imbalance_init, imbalance_next_due, imbalance_on_fill,
)
from hft._core.trade.orders cimport orders_in_flight
from hft._core.trade.position cimport position_at
from hft._core.trade.signal cimport (
    SignalParams, SignalRecord, SignalState, signal_eval, signal_follow, signal_hash, signal_init,
)
from hft._core.trade.strategy cimport STRATEGY_PARAMS, Context, StrategyOps, StrategyPort, ask_new, strategy_ops
from hft._core.trade.units cimport limit_quanta, lot_quanta

from hft._core.base.checks import DAY_MS, above, nanoseconds, within

cdef struct ImbalanceSetup:     # the parameters of one symbol
    ImbalanceParams decision
    SignalParams signal

cdef struct ImbalanceSymbol:
    Imbalance decision
    SignalState signal
    SignalRecord record         # the newest signal
    int64_t stands              # 1: the signal is active

cdef struct ImbalanceHead:
    int64_t n_symbols
    int64_t symbols_at          # byte offset

assert sizeof(ImbalanceSetup) <= STRATEGY_PARAMS


cdef inline DueHeap* _holds(const void* memory) noexcept nogil:
    return <DueHeap*>(<char*>memory + sizeof(ImbalanceHead))


cdef inline ImbalanceSymbol* _symbol(const void* memory, int64_t i) noexcept nogil:
    return <ImbalanceSymbol*>(<char*>memory + (<ImbalanceHead*>memory).symbols_at) + i


cdef size_t _size(int64_t n_symbols) noexcept nogil:
    return align64(sizeof(ImbalanceHead) + heap_size(n_symbols)) + n_symbols * sizeof(ImbalanceSymbol)


cdef void _init(void* memory, int64_t n_symbols) noexcept nogil:
    cdef ImbalanceHead* head = <ImbalanceHead*>memory
    head.n_symbols = n_symbols
    head.symbols_at = align64(sizeof(ImbalanceHead) + heap_size(n_symbols))
    heap_init(_holds(memory), n_symbols)


cdef void _bind(void* memory, int32_t i, const void* params) noexcept nogil:
    """Called at the start, and later with other sizes only."""
    cdef ImbalanceSymbol* own = _symbol(memory, i)
    cdef const ImbalanceSetup* setup = <const ImbalanceSetup*>params
    if own.signal.params.window_ns == 0:
        imbalance_init(&own.decision, &setup.decision)
        own.decision.params.symbol = i
        signal_init(&own.signal, &setup.signal)
    own.decision.params.entry_qty = setup.decision.entry_qty
    own.decision.params.max_order = setup.decision.max_order


cdef void _on_market(void* memory, Context* c, int32_t i) noexcept nogil:
    cdef ImbalanceSymbol* own = _symbol(memory, i)
    cdef Market* market = c.markets[i]
    cdef Book* book = market_book(market)
    cdef int64_t hold = own.decision.hold_until_ns
    cdef Intent intent
    signal_follow(&own.signal, market_series(market))
    own.stands = market_book_synced(market, c.now) and signal_eval(&own.signal, market_series(market), c.now, &own.record)
    c.signals[0] += own.stands
    if imbalance_decide(&own.decision, &own.record, own.stands, book_best(book, BID), book_best(book, ASK), &market.spec,
                        position_at(c.positions, i).qty, orders_in_flight(c.orders, i), c.now, &intent):
        ask_new(c, &intent)
    if own.decision.hold_until_ns != hold:
        heap_set(_holds(memory), i, imbalance_next_due(&own.decision))


cdef void _on_report(void* memory, Context* c, const Report* report) noexcept nogil:
    cdef ImbalanceSymbol* own = _symbol(memory, report.symbol)
    if report.kind == REPORT_FILL:
        imbalance_on_fill(&own.decision, report.side, position_at(c.positions, report.symbol).qty, report.due_ns)
        heap_set(_holds(memory), report.symbol, imbalance_next_due(&own.decision))


cdef void _on_timer(void* memory, Context* c) noexcept nogil:
    """Handles holds that are over. A decision ends the hold, or begins another."""
    while heap_next(_holds(memory)) <= c.now:
        _on_market(memory, c, <int32_t>heap_first(_holds(memory)))


cdef int64_t _next_due(const void* memory) noexcept nogil:
    return heap_next(_holds(memory))


cdef bint _signal(const void* memory, int32_t i, SignalRecord* out) noexcept nogil:
    out[0] = _symbol(memory, i).record
    return _symbol(memory, i).stands != 0


cdef uint64_t _hash(const void* memory, int32_t i, uint64_t h) noexcept nogil:
    cdef const ImbalanceSymbol* own = _symbol(memory, i)
    h = signal_hash(&own.signal, imbalance_hash(&own.decision, h))
    h = hash_word(hash_words(h, &own.record, sizeof(SignalRecord) // 8), own.stands)
    return hash_word(h, heap_hash(_holds(memory), i))


cdef StrategyOps OPS = strategy_ops(_size, _init, _bind, _on_market, _hash)
OPS.on_report = _on_report
OPS.on_timer = _on_timer
OPS.next_due = _next_due
OPS.signal = _signal


cdef class ImbalanceStrategy(StrategyPort):
    """Enters when the book's imbalance had one direction for most of a window, holds, leaves (docs/semantics.md, rules 19-21).

    If the position is flat with no order in flight, a signal gives an IOC limit order one tick through the opposite touch. The
    position is held for the signal's holding period after its last entry fill; a signal on the same side restarts the period and
    never adds; its end, or a signal on the other side, gives a reduce-only market order. Spot venues can't be sold short.

    Parameters
    ----------
    threshold : float
        Least absolute imbalance that counts; above 0, at most 1.
    min_confidence : float
        Least share of the feature window with the imbalance at or above the threshold in that direction, 0 to 1.
    decay_ms : float
        Time constant of the decay of a signal that is not refreshed.
    holding_ms : float
        Holding period of a position.
    entry_qty : str or Decimal
        Size of an entry in base units; rounded down to the lot of each symbol.

    >>> ImbalanceStrategy(threshold=0.4, entry_qty="0.25")
    ImbalanceStrategy(threshold=0.4, min_confidence=0.7, decay_ms=500, holding_ms=1000, entry_qty=0.25)
    """
    cdef readonly object threshold, min_confidence, decay_ms, holding_ms, entry_qty

    def __cinit__(self, *, threshold=0.3, min_confidence=0.7, decay_ms=500, holding_ms=1000, entry_qty="0.5"):
        self.ops = &OPS
        self.threshold = above("threshold", threshold, 1)
        self.min_confidence = within("min_confidence", min_confidence, 0, 1)
        self.decay_ms = above("decay_ms", decay_ms, DAY_MS)
        self.holding_ms = above("holding_ms", holding_ms, DAY_MS)
        self.entry_qty = above("entry_qty", entry_qty, 10**30)

    cdef int fill(self, void* params, Spec spec, dict limits) except -1:
        cdef ImbalanceSetup* setup = <ImbalanceSetup*>params
        setup.decision.entry_qty = lot_quanta(spec, self.entry_qty)
        setup.decision.max_order = limit_quanta(spec, limits["max_order"])
        setup.decision.holding_ns = max(1, nanoseconds("holding_ms", self.holding_ms, 0, DAY_MS))
        setup.signal.threshold = self.threshold
        setup.signal.min_confidence = self.min_confidence
        setup.signal.window_ns = max(1, nanoseconds("window_ms", limits["window_ms"], 0, DAY_MS))
        setup.signal.decay_ns = max(1, nanoseconds("decay_ms", self.decay_ms, 0, DAY_MS))
        setup.signal.holding_ns = setup.decision.holding_ns
        return 0

    cdef object reach(self, const void* memory, int32_t symbol):
        cdef ImbalanceSymbol* own = _symbol(memory, symbol)
        return (own.signal.params.threshold, own.signal.surest, own.signal.params.min_confidence, own.signal.params.window_ns,
                own.decision.no_shorts)

    cpdef int64_t most_intents(self, int64_t n_symbols):
        """An exit for each symbol whose hold ends, and an entry."""
        return n_symbols + 1

    def __repr__(self):
        return (f"ImbalanceStrategy(threshold={self.threshold}, min_confidence={self.min_confidence}, decay_ms={self.decay_ms}, "
                f"holding_ms={self.holding_ms}, entry_qty={self.entry_qty})")
