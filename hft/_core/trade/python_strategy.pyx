"""A strategy in Python, as the engine takes it: a table of functions that calls its methods.

What it asks for are inputs of the run. They go to the run log where there is one, each with the number of the callback that it
was put in, and a run that is done again takes them from there: no code of the user's runs then.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from hft._core.base.hash cimport hash_words
from hft._core.base.status cimport RISK_INTENTS_FULL
from hft._core.base.types cimport INTENT_NEW, REPORT_FILL, Decision, Intent, Message, Report, Spec
from hft._core.market.market_state cimport market_ready
from hft._core.record.runlog cimport LOG_DECISION, RunLogState, runlog_push
from hft._core.trade.intents cimport intents_at, intents_put
from hft._core.trade.orders cimport orders_number
from hft._core.trade.strategy cimport STRATEGY_PARAMS, Context, StrategyOps, StrategyPort, ask_stop
from hft._core.trade.strategy_context cimport CallbackState, StrategyContext, context_of, report_of, trade_of

from hft._core.base.checks import whole

CALLBACKS = ("on_start", "on_tick", "on_trade", "on_order", "on_fill", "on_timer", "on_stop")

cdef enum Callback:             # places in CALLBACKS
    ON_START = 0
    ON_TICK = 1
    ON_TRADE = 2
    ON_ORDER = 3
    ON_FILL = 4
    ON_TIMER = 5
    ON_STOP = 6

cdef struct DecisionQueue:
    Decision* decisions
    int64_t count
    int64_t next
    int64_t capacity

cdef struct PythonHead:
    void* strategy              # the PythonStrategy, which outlives the engine's memory
    RunLogState* log            # NULL: nobody records
    DecisionQueue* recorded     # what it decides where `replayed`
    int64_t defined             # bits by Callback: the methods that there are
    int64_t replayed            # 1: decisions come from a recording
    int64_t calls               # callbacks so far


cdef void _run(PythonHead* head, Context* c, int which, int32_t symbol, const void* what) noexcept with gil:
    """Calls the method. Where it raises, nothing that it asked for is sent, and the strategy stops."""
    cdef PythonStrategy self = <PythonStrategy>head.strategy
    cdef int64_t first = c.intents.count
    self.state.c = c
    try:
        self.call(which, symbol, what)
    except BaseException as error:      # KeyboardInterrupt too: who drives the engine raises it again
        self.error, self.raised_in, self.raised_ns = error, CALLBACKS[which], c.now
        head.defined = 0
        c.intents.count = first
        ask_stop(c)
    finally:
        self.state.c = NULL


cdef void _replay(PythonHead* head, Context* c) noexcept nogil:
    """Puts what was put in this callback when the run was recorded."""
    cdef DecisionQueue* q = head.recorded
    cdef const Decision* decision
    while q.next < q.count and q.decisions[q.next].call == head.calls:
        decision = &q.decisions[q.next]
        if decision.intent.kind:
            intents_put(c.intents, &decision.intent)
        else:
            c.refused[<int>RISK_INTENTS_FULL] += decision.intent.qty
            c.orders.issued = decision.intent.order_id
        if decision.intent.kind == INTENT_NEW:
            c.orders.issued = orders_number(c.orders, decision.intent.order_id)
        q.next += 1


cdef void _record(PythonHead* head, Context* c, int64_t first, int64_t issued, int64_t full) noexcept nogil:
    """Logs what was put from number `first` on, and how much found no room or was given up."""
    cdef Decision decision
    cdef int64_t i
    memset(&decision, 0, sizeof(Decision))
    decision.call = head.calls
    for i in range(first, c.intents.count):
        decision.intent = intents_at(c.intents, i)[0]
        if decision.intent.kind == INTENT_NEW:
            issued = orders_number(c.orders, decision.intent.order_id)
        runlog_push(head.log, LOG_DECISION, 0, c.now, &decision, sizeof(Decision))
    if full or issued != c.orders.issued:
        memset(&decision.intent, 0, sizeof(Intent))
        decision.intent.order_id = c.orders.issued
        decision.intent.qty = full
        runlog_push(head.log, LOG_DECISION, 0, c.now, &decision, sizeof(Decision))


cdef void _call(void* memory, Context* c, int which, int32_t symbol, const void* what) noexcept nogil:
    cdef PythonHead* head = <PythonHead*>memory
    cdef int64_t first = c.intents.count, issued = c.orders.issued
    cdef uint64_t full = c.refused[<int>RISK_INTENTS_FULL]
    head.calls += 1
    if head.replayed:
        _replay(head, c)
    elif head.defined >> which & 1:
        _run(head, c, which, symbol, what)
        full = c.refused[<int>RISK_INTENTS_FULL] - full
        if head.log != NULL and (c.intents.count != first or issued != c.orders.issued or full):
            _record(head, c, first, issued, full)


cdef size_t _size(int64_t n_symbols) noexcept nogil:
    return sizeof(PythonHead)


cdef void _init(void* memory, int64_t n_symbols) noexcept nogil:
    pass


cdef void _bind(void* memory, int32_t symbol, const void* params) noexcept nogil:
    cdef PythonHead* head = <PythonHead*>memory
    head.strategy = (<void**>params)[0]
    with gil:
        (<PythonStrategy>head.strategy).bind(symbol)


cdef void _start(void* memory, Context* c) noexcept nogil:
    _call(memory, c, ON_START, 0, NULL)


cdef void _on_market(void* memory, Context* c, int32_t symbol) noexcept nogil:
    if market_ready(c.markets[symbol]):
        _call(memory, c, ON_TICK, symbol, NULL)


cdef void _on_trade(void* memory, Context* c, const Message* trade) noexcept nogil:
    _call(memory, c, ON_TRADE, trade.symbol, trade)


cdef void _on_report(void* memory, Context* c, const Report* report) noexcept nogil:
    _call(memory, c, ON_FILL if report.kind == REPORT_FILL else ON_ORDER, report.symbol, report)


cdef void _on_timer(void* memory, Context* c) noexcept nogil:
    _call(memory, c, ON_TIMER, 0, NULL)


cdef void _stop(void* memory, Context* c) noexcept nogil:
    _call(memory, c, ON_STOP, 0, NULL)


cdef uint64_t _hash(const void* memory, int32_t symbol, uint64_t h) noexcept nogil:
    """What it decides are inputs: all that counts here is which callback comes next."""
    return hash_words(h, &(<const PythonHead*>memory).calls, 1)


cdef StrategyOps OPS
memset(&OPS, 0, sizeof(StrategyOps))
OPS.size = _size
OPS.init = _init
OPS.bind = _bind
OPS.start = _start
OPS.on_market = _on_market
OPS.on_trade = _on_trade
OPS.on_report = _on_report
OPS.on_timer = _on_timer
OPS.stop = _stop
OPS.hash = _hash

assert sizeof(void*) <= STRATEGY_PARAMS


cdef class PythonStrategy(StrategyPort):
    """Runs an object of the user's: any of the methods `CALLBACKS` that it has is called.

    Parameters
    ----------
    strategy : object, optional
        None: decisions come from a recording, by `decide`.
    seed : int
        Of the contexts' `random`.
    max_intents : int
        That it may ask for at one instant, 1 to 4096.

    One serves one engine. Where a method raises, the strategy stops: open orders are cancelled, and no other is called. `error`
    has the exception then, `raised_in` the method's name and `raised_ns` the time of the run.
    """
    cdef readonly object strategy, error, raised_in, raised_ns
    cdef CallbackState state
    cdef list methods, specs
    cdef readonly int64_t max_intents
    cdef DecisionQueue recorded

    def __cinit__(self, strategy=None, *, seed=1, max_intents=32):
        self.ops = &OPS
        self.strategy = strategy
        self.methods = [getattr(strategy, name, None) for name in CALLBACKS]
        self.state = CallbackState.__new__(CallbackState)
        self.state.contexts = []
        self.state.seed = seed
        self.max_intents = whole("max_intents", max_intents, 1, 4096)
        self.specs = []

    def __dealloc__(self):
        free(self.recorded.decisions)

    cdef int fill(self, void* params, Spec spec, dict limits) except -1:
        (<void**>params)[0] = <void*>self
        self.specs.append(spec)
        return 0

    cdef bind(self, int32_t symbol):
        """A symbol of the engine, with the rules that were given last: at the start, and when they change."""
        cdef StrategyContext context = context_of(self.state, symbol, self.specs.pop())
        if symbol == len(self.state.contexts):
            self.state.contexts.append(context)
        else:
            self.state.contexts[symbol] = context

    cdef int attach(self, void* memory, RunLogState* log) except -1:
        cdef PythonHead* head = <PythonHead*>memory
        cdef int which
        head.log = log
        head.recorded = &self.recorded
        head.replayed = self.strategy is None
        for which in range(len(CALLBACKS)):
            head.defined |= <int64_t>(self.methods[which] is not None) << which
        return 0

    cpdef int64_t most_intents(self, int64_t n_symbols):
        return self.max_intents

    cdef call(self, int which, int32_t symbol, const void* what):
        cdef StrategyContext context = <StrategyContext>self.state.contexts[symbol]
        method = self.methods[which]
        if which == ON_TRADE:
            method(context, trade_of(<const Message*>what, &context.units))
        elif which == ON_ORDER or which == ON_FILL:
            method(context, report_of(<const Report*>what, context.spec))
        else:
            method(context)

    def decide(self, fields) -> None:
        """Add a decision of the recorded run. `fields`, as in the run log: call, kind, order_id, price, qty, symbol, side, type,
        tif, flags."""
        cdef DecisionQueue* q = &self.recorded
        cdef Decision* grown
        cdef Decision* d
        if q.next == q.count:
            q.next = q.count = 0
        if q.count == q.capacity:
            grown = <Decision*>realloc(q.decisions, (2 * q.capacity + 64) * sizeof(Decision))
            if grown == NULL:
                raise MemoryError
            q.decisions = grown
            q.capacity = 2 * q.capacity + 64
        d = &q.decisions[q.count]
        memset(d, 0, sizeof(Decision))
        (d.call, d.intent.kind, d.intent.order_id, d.intent.price, d.intent.qty, d.intent.symbol, d.intent.side, d.intent.type,
         d.intent.tif, d.intent.flags) = fields
        q.count += 1

    def __repr__(self):
        return f"PythonStrategy({self.strategy!r})"
