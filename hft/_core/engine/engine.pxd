# The whole tick in one call: decode, clock, book, broker, snapshot, features, signal, risk, order.
#
#   EngineState ──▶ DecoderState        the newest message
#               ──▶ Market × n          what everybody sees
#               ──▶ Account             strategy, orders, broker and position
#               ──▶ Output              journal, state page, log of fills
#               ──▶ RunLog              what it was given, if somebody records it
#
# EngineState holds pointers and is never hashed or mapped; what it points to is plain memory that `Engine` owns. Inputs come
# in order of `now`; an input with an earlier one counts as simultaneous with the newest.
#
# What is not told by an input of its own, a full journal and a request for the kill switch through the state page, is looked
# at once at the start of each input and counts, and is logged, as an input before it; the journal even before what
# is due by then. So the run log has everything: the same log gives the same orders and the same state.
#
# Backpressure: a message is taken only where the journal has room for all that it may cause. Where it has not, messages are held
# in order (`Engine.held`), and the feed stops reading. Timers and the kill switch go on: there is room for what they cause.

from hft._core.base.cycles cimport cycles_now
from hft._core.base.histogram cimport histogram_add
from hft._core.base.status cimport DECODE_FALLBACK, KILL_BANKRUPT, KILL_FAULT, KILL_RELEASED, KILL_REQUEST, OK
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport MSG_NONE, Level, Message, int32_t, int64_t, likely, uint64_t, unlikely
from hft._core.engine.account cimport (
    Account, account_act, account_advance, account_arrivals, account_cancel_all, account_deliver, account_delivery, account_fail,
    account_match, account_orders, account_positions, account_risk,
)
from hft._core.engine.output cimport Output, output_count, output_kill
from hft._core.execution.capacity cimport FILL_RECORDS, Capacity, capacity_message
from hft._core.execution.delivery cimport INT64_MAX, delivery_count
from hft._core.market.book cimport Book
from hft._core.market.ladder_check cimport DEBUGGING
from hft._core.market.market cimport (
    FX_LOST, Market, market_apply, market_clock, market_connected, market_disconnected, market_evaluate, market_number,
    market_publish, market_resync, market_sync,
)
from hft._core.record.journal cimport journal_room
from hft._core.record.page cimport (
    HIST_FEATURES, HIST_TICK, HIST_TICK_TO_TRADE, page_flag, page_histogram, page_kill_request, page_kill_take, page_kill_set,
    page_market, PAGE_HALTED, StatePage,
)
from hft._core.record.runlog cimport (
    LOG_CONNECT, LOG_DISCONNECT, LOG_FRAME, LOG_JOURNAL_FULL, LOG_KILL, LOG_RESYNC, LOG_STOP, RunLogState, runlog_push,
)
from hft._core.trade.risk cimport HALT_JOURNAL, HALT_KILL, HALT_STOPPING, risk_bankrupt, risk_halt
from hft._core.wire.decode cimport DecoderState, decode_frame, decode_next, decoder_levels, decoder_message
from hft._core.wire.sink cimport FRAME_ATTENTION, FRAME_HANDLED, FRAME_NEEDS_PYTHON, FrameSink
from libc.stdlib cimport abort

cdef enum:
    FEATURE_SAMPLE = 63         # the feature stage is timed on messages whose number has none of these bits

cdef struct EngineState:
    DecoderState* decoder
    Market* markets[64]
    Book* spare                 # where a fresh snapshot is brought to a book's id
    Account* account
    Output out
    int64_t now                 # of the newest input
    int64_t n_symbols
    int64_t attention           # 1: Python is to look: a snapshot is wanted, or trading halted
    double ns_per_cycle
    int64_t processed           # messages, of every kind and outcome
    int64_t orders_want         # records that the new orders of one input may cause (`capacity_orders`)
    int64_t held                # messages that wait, in Python's hands, until the journal has room for what they may cause
    int64_t faulted             # 1: the account's fault was told
    int64_t journal_full        # 1: new orders are refused until the writer has made room
    int64_t replayed            # 1: journal_full and the kill switch come as inputs, as they are in a run log
    RunLogState* log            # NULL: nobody records


cdef inline int64_t engine_since(const EngineState* e, uint64_t cycles) noexcept nogil:
    """Nanoseconds since a cycle count was taken: for histograms only."""
    return <int64_t>(<double>(cycles_now() - cycles) * e.ns_per_cycle)


# --- kill switch

cdef inline void engine_kill(EngineState* e, bint on, int reason, int64_t now) noexcept nogil:
    """Trip or release: latched in the page, journalled, open orders cancelled."""
    if on == (e.account.kill_on != 0):
        return
    e.account.kill_on = on
    e.attention = 1
    risk_halt(account_risk(e.account), HALT_KILL, on)
    page_kill_set(e.out.page, on, reason, now)
    account_fail(e.account, output_kill(&e.out, on, reason, now))
    if on:
        account_cancel_all(e.account, &e.out, now)


cdef inline void engine_settle(EngineState* e, int64_t now) noexcept nogil:
    """What a change of state brings about at once: a fault or the loss of all equity trips the kill switch, and cancels for
    which the channel had no room go out when it has."""
    if unlikely(e.account.fault < 0):
        if not e.faulted:
            e.faulted = 1
            output_count(&e.out.page.counters.faults[-e.account.fault & 15])
            page_flag(e.out.page, PAGE_HALTED, True)
        engine_kill(e, True, KILL_FAULT, now)
    if unlikely(risk_bankrupt(account_risk(e.account), account_positions(e.account))):
        engine_kill(e, True, KILL_BANKRUPT, now)
    if unlikely(e.account.cancel_again):
        account_cancel_all(e.account, &e.out, now)


cdef inline void engine_asked(EngineState* e, bint on, int reason, int64_t now) noexcept nogil:
    """The kill switch is turned from outside, on for this reason. Where its cause stands, a release does not last."""
    engine_kill(e, on, reason if on else KILL_RELEASED, now)
    engine_settle(e, now)


# --- inputs

cdef inline void engine_log(EngineState* e, int kind, int arg, int64_t now, const char* p, size_t n) noexcept nogil:
    if unlikely(e.log != NULL):
        runlog_push(e.log, kind, arg, now, p, n)


cdef inline void engine_due(EngineState* e, int64_t now) noexcept nogil:
    """What is due by now, each event at its own time."""
    cdef int64_t due
    while unlikely(e.account.next_due <= now):
        due = e.account.next_due
        account_advance(e.account, &e.out, e.markets)
        engine_settle(e, due)


cdef inline void engine_journal_full(EngineState* e, bint full) noexcept nogil:
    """No new orders, or again."""
    e.journal_full = full
    risk_halt(account_risk(e.account), HALT_JOURNAL, full)


cdef inline int64_t engine_wants(const EngineState* e) noexcept nogil:
    """Records that the next input may cause, new orders among it."""
    cdef int64_t open_orders = account_orders(e.account).open
    if DEBUGGING and e.account.wants != capacity_message(open_orders, delivery_count(account_delivery(e.account))):
        abort()
    return e.account.wants + e.orders_want


cdef inline bint engine_has_room(const EngineState* e) noexcept nogil:
    """Does the journal hold what the next message, or the frame that waits in the decoder, may cause while new orders are
    refused? What needs no message, timers and the kill switch, always finds room, since a message is taken only where it
    leaves that much. An empty journal takes any frame."""
    cdef int64_t fills = e.decoder.pending.count * account_orders(e.account).open * FILL_RECORDS
    cdef int64_t room = journal_room(e.out.journal)
    return e.out.overwrites or room >= e.account.wants + fills or (unlikely(fills != 0) and room == e.out.journal.capacity)


cdef inline bint engine_makes_room(const EngineState* e, int64_t room) noexcept nogil:
    """For who drives it from memory and drains the journal himself: `room` records, and what the next input may cause."""
    cdef int64_t free = journal_room(e.out.journal)
    return e.out.overwrites or (free >= room and free >= engine_wants(e))


cdef inline void engine_look_journal(EngineState* e, int64_t given) noexcept nogil:
    """Is there room for new orders? Seen before anything happens at this input, so that what is due already knows."""
    cdef bint full = not e.out.overwrites and journal_room(e.out.journal) < engine_wants(e)
    if unlikely(full != e.journal_full):
        engine_log(e, LOG_JOURNAL_FULL, full, e.now if e.now else given, NULL, 0)
        engine_journal_full(e, full)


cdef inline void engine_look_kill(EngineState* e, int64_t given) noexcept nogil:
    """At a request for the kill switch on the state page. A release waits until there is room to write it down."""
    cdef uint64_t request = page_kill_request(e.out.page)
    cdef bint on
    if likely(request == 0) or (not request & 1 and not engine_has_room(e)):
        return
    on = page_kill_take(e.out.page, request) == 1
    engine_log(e, LOG_KILL, on, given, NULL, 0)
    engine_asked(e, on, KILL_REQUEST, e.now)
    engine_due(e, e.now)


cdef inline void engine_begin(EngineState* e, int64_t now) noexcept nogil:
    """The first input: the markets' accounts of their time begin."""
    cdef int64_t i
    for i in range(e.n_symbols):
        e.markets[i].times.since_ns = now


cdef inline int64_t engine_enter(EngineState* e, int64_t now) noexcept nogil:
    """Every input begins here: time never goes back, what is due by now happens first, and then somebody may have asked for
    the kill switch."""
    cdef int64_t given = now
    if likely(not e.replayed):
        engine_look_journal(e, given)
    if unlikely(now < e.now):
        now = e.now
    if unlikely(e.now == 0):
        engine_begin(e, now)
    e.now = now
    engine_due(e, now)
    if likely(not e.replayed):
        engine_look_kill(e, given)
    return now


cdef inline int64_t engine_input(EngineState* e, int kind, int arg, int64_t now, const char* p, size_t n) noexcept nogil:
    """Enters, and logs the input: after what came to light on entering."""
    cdef int64_t entered = engine_enter(e, now)
    engine_log(e, kind, arg, now, p, n)
    return entered


cdef inline void engine_evaluate(EngineState* e, Market* market, int32_t i, int64_t now) noexcept nogil:
    """Snapshot, features."""
    cdef uint64_t cycles
    market_publish(market, page_market(e.out.page, i), now)
    if e.processed & FEATURE_SAMPLE:
        market_evaluate(market, now)
    else:
        cycles = cycles_now()
        market_evaluate(market, now)
        histogram_add(page_histogram(e.out.page, HIST_FEATURES), engine_since(e, cycles))


cdef inline void engine_act(EngineState* e, Market* market, int32_t i, int64_t now) noexcept nogil:
    """What follows from a market that changed: it is shown, valued, and acted upon."""
    engine_evaluate(e, market, i, now)
    account_act(e.account, &e.out, market, i, now)
    if unlikely(e.account.fault < 0):
        engine_settle(e, now)


cdef inline int engine_apply(EngineState* e, Message* msg, const Level* levels, int64_t now, uint64_t cycles) noexcept nogil:
    """One decoded message, entered at `now`, to the end of its work; the answer is why it was not applied, or OK."""
    cdef int32_t i = msg.symbol
    cdef Market* market = e.markets[i]
    cdef int64_t submitted = e.account.submitted       # what was due anyway is not this message's doing
    cdef int64_t v
    cdef int fx = 0
    cdef int code
    msg.recv_ns = now
    market_number(market, msg)
    v = market_clock(market, msg)
    account_arrivals(e.account, &e.out, market, i, v, now)
    code = market_apply(market, e.spare, msg, levels, &fx)
    account_match(e.account, &e.out, market, msg, i, fx, v, now)
    account_deliver(e.account, &e.out, now)
    engine_settle(e, now)
    e.processed += 1
    if unlikely(code != OK):
        output_count(&e.out.page.counters.status[code])
    if likely(code == OK and fx) or fx & FX_LOST:
        engine_act(e, market, i, now)
    output_count(&e.out.page.counters.messages[msg.kind])
    if unlikely(market_sync(market).wants_snapshot):
        e.attention = 1
    histogram_add(page_histogram(e.out.page, HIST_TICK), engine_since(e, cycles))
    if submitted != e.account.submitted:
        histogram_add(page_histogram(e.out.page, HIST_TICK_TO_TRADE), engine_since(e, cycles))
    return code


cdef inline int engine_message(EngineState* e, Message* msg, const Level* levels, uint64_t cycles) noexcept nogil:
    """The same for a message that no frame is known of: it is not logged."""
    return engine_apply(e, msg, levels, engine_enter(e, msg.recv_ns), cycles)


cdef inline void engine_messages(EngineState* e, int64_t now, uint64_t cycles) noexcept nogil:
    """The messages of a frame, in order, entered at `now` as one input."""
    cdef bint one = decoder_message(e.decoder).kind != MSG_NONE or decode_next(e.decoder)
    while one:
        engine_apply(e, decoder_message(e.decoder), decoder_levels(e.decoder), now, cycles)
        one = decode_next(e.decoder)


cdef inline int engine_frame(void* ctx, const char* p, size_t n, int64_t now, uint64_t cycles) noexcept nogil:
    """A frame as it lies in the read buffer: FrameResult bits."""
    cdef EngineState* e = <EngineState*>ctx
    cdef int code = decode_frame(e.decoder, p, n, now)
    output_count(&e.out.page.counters.frames)
    e.out.page.counters.bytes += n
    if likely(code == OK):
        engine_messages(e, engine_input(e, LOG_FRAME, 0, now, p, n), cycles)
    elif code == DECODE_FALLBACK:
        return FRAME_NEEDS_PYTHON
    else:
        engine_log(e, LOG_FRAME, 0, now, p, n)
        output_count(&e.out.page.counters.status[code])
    return FRAME_ATTENTION if unlikely(e.attention) else FRAME_HANDLED


cdef inline void engine_connect(EngineState* e, int32_t i, bint up, int64_t now) noexcept nogil:
    """The stream of a symbol is up, or gone."""
    cdef Market* market = e.markets[i]
    cdef int fx
    now = engine_input(e, LOG_CONNECT if up else LOG_DISCONNECT, i, now, NULL, 0)
    fx = market_connected(market, now) if up else market_disconnected(market, now)
    account_match(e.account, &e.out, market, NULL, i, fx, market.clock.v_max, now)
    engine_act(e, market, i, now)
    e.attention = 1


cdef inline void engine_resync(EngineState* e, int32_t i, int64_t now) noexcept nogil:
    """The book of a symbol is given up from outside: it is built anew."""
    cdef Market* market = e.markets[i]
    cdef int fx
    now = engine_input(e, LOG_RESYNC, i, now, NULL, 0)
    fx = market_resync(market, now)
    account_match(e.account, &e.out, market, NULL, i, fx, market.clock.v_max, now)
    engine_act(e, market, i, now)
    e.attention = 1


cdef inline void engine_retire(EngineState* e) noexcept nogil:
    """From here on no decision and no new order."""
    e.account.stopping = 1
    risk_halt(account_risk(e.account), HALT_STOPPING, True)


cdef inline void engine_stop(EngineState* e, int64_t now) noexcept nogil:
    """No new signals; what is open is cancelled."""
    now = engine_input(e, LOG_STOP, 0, now, NULL, 0)
    engine_retire(e)
    account_cancel_all(e.account, &e.out, now)


cdef inline int64_t engine_drain(EngineState* e) noexcept nogil:
    """Run internal time on until nothing is under way; the time it ends at."""
    while e.account.next_due != INT64_MAX:
        e.now = e.account.next_due
        engine_due(e, e.now)
    return e.now


cdef class Engine(FrameSink):
    cdef EngineState* c
    cdef char* memory           # markets, account and fill log, one block; owned
    cdef size_t memory_size
    cdef readonly Symbols symbols
    cdef readonly object decoder
    cdef readonly object page, journal, log     # keep what `c.out` and `c.log` point to
    cdef readonly object fallback
    cdef dict settings          # as given, over the defaults: what a change of rules makes limits of anew
    cdef object _held           # deque of (name of the input, its symbol or frame); `c.held` of them
    cdef readonly Py_ssize_t held_bytes
    cdef object _page_memory    # of `page`, which may be closed before this engine is gone

    cdef int _output(self, bint has_writer, Capacity capacity) except -1
    cdef int _show_on(self, StatePage page) except -1
    cdef int _other(self, bytes frame, int64_t now_ns) except -1
    cdef int _hold(self, item, Py_ssize_t size) except -1
    cdef int _require_room(self, str what) except -1
    cdef int _apply(self, int kind, int arg, int64_t now_ns, bytes body, uint64_t cycles)
    cdef int _start(self, str kill, bint trading) except -1
    cdef _latched(self, bint elsewhere)
