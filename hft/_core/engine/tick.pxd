# The whole tick in one call: decode, clock, book, execution, snapshot, features, strategy, risk, order.
#
#   EngineState ──▶ DecoderState        the newest message
#               ──▶ Market × n          shared by all accounts
#               ──▶ Account × m         a trader and its execution, each with its own output
#               ──▶ RunLog              all inputs, if they are recorded
#
# EngineState holds pointers and is never hashed or mapped; they point to plain memory that `Engine` owns. Inputs come
# in order of `now`; an input with an earlier `now` counts as simultaneous with the newest.
#
# Two events are not inputs: a full journal, and a request for the kill switch on the state page. Both are polled at the start of
# each input, and are handled and logged as inputs before it; the journal even before internal events due by then, and
# again whenever such events have moved time on. So the run log is complete: the same log gives the same orders and the same
# state. Only the first account's journal may have a writer that drains it; the others overwrite theirs.
#
# Backpressure: a message is handled only if the journal has room for all its records. Otherwise messages are held
# in order (`Engine.held`), and the feed stops reading. Timers and the kill switch continue: there is room for their records.

from hft._core.base.cycles cimport cycles_now
from hft._core.base.histogram cimport histogram_add
from hft._core.base.status cimport DECODE_FALLBACK, KILL_RELEASED, KILL_REQUEST, OK
from hft._core.base.types cimport MSG_NONE, Level, Message, int32_t, int64_t, likely, uint64_t, unlikely
from hft._core.engine.account cimport (
    Account, account_act, account_advance, account_arrivals, account_deliver, account_kill, account_match, account_settle,
    account_start, account_stop, account_records_needed,
)
from hft._core.execution.capacity cimport FILL_RECORDS
from hft._core.execution.delivery cimport INT64_MAX
from hft._core.market.book cimport Book
from hft._core.market.ladder_check cimport DEBUGGING
from hft._core.market.market cimport (
    market_apply, market_clock, market_connected, market_disconnected, market_evaluate, market_number, market_publish,
    market_resync,
)
from hft._core.market.market_state cimport FX_LOST, FX_TRADE, Market, market_sync
from hft._core.record.journal cimport journal_room
from hft._core.record.output cimport output_count
from hft._core.record.page cimport (
    HIST_FEATURES, HIST_TICK, HIST_TICK_TO_TRADE, Page, page_histogram, page_kill_request, page_kill_take, page_market,
)
from hft._core.record.runlog cimport (
    LOG_CONNECT, LOG_DISCONNECT, LOG_FRAME, LOG_JOURNAL_FULL, LOG_KILL, LOG_RESYNC, LOG_STOP, RunLogState, runlog_push,
)
from hft._core.trade.risk cimport HALT_JOURNAL, risk_halt
from hft._core.trade.trader cimport trader_begin
from hft._core.wire.decode cimport DecoderState, decode_frame, decode_next, decoder_levels, decoder_message
from hft._core.wire.sink cimport FRAME_CHECK, FRAME_HANDLED, FRAME_NEEDS_PYTHON
from libc.stdlib cimport abort

cdef enum:
    FEATURE_SAMPLE = 63         # the feature stage is timed on messages whose number has none of these bits

cdef struct EngineState:
    DecoderState* decoder
    Market** markets
    Book* spare                 # spare book, in which a fresh snapshot is brought to a book's id
    Account* accounts
    Page* page                  # of the first account; it also shows the markets
    int64_t now                 # of the newest input
    int64_t n_symbols
    int64_t n_accounts
    int64_t needs_check         # 1: Python is to call `on_check`: a snapshot is wanted, or trading halted
    double ns_per_cycle
    int64_t processed           # messages, of every kind and outcome
    int64_t order_records_needed    # journal records that the new orders of one input may need (`capacity_orders`)
    int64_t held                # messages held in Python until the journal has room for their records
    int64_t journal_full        # 1: new orders are refused until the writer has made room
    int64_t replayed            # 1: journal_full and the kill switch come as inputs, from a run log
    RunLogState* log            # NULL: not recorded


cdef inline int64_t engine_since(const EngineState* e, uint64_t cycles) noexcept nogil:
    """Nanoseconds since a cycle count: for histograms only."""
    return <int64_t>(<double>(cycles_now() - cycles) * e.ns_per_cycle)


# --- kill switch

cdef inline void engine_kill(EngineState* e, bint on, int reason, int64_t now) noexcept nogil:
    """Trips or releases the switch of every account."""
    cdef int64_t k
    for k in range(e.n_accounts):
        if account_kill(&e.accounts[k], on, reason, now):
            e.needs_check = 1


cdef inline void engine_settle(EngineState* e, Account* a, int64_t now) noexcept nogil:
    if unlikely(account_settle(a, now)):
        e.needs_check = 1


cdef inline void engine_turn(EngineState* e, bint on, int reason, int64_t now) noexcept nogil:
    """Turns the kill switch on request from outside, with this reason. While its cause persists, a release does not last."""
    cdef int64_t k
    engine_kill(e, on, reason if on else KILL_RELEASED, now)
    for k in range(e.n_accounts):
        engine_settle(e, &e.accounts[k], now)


# --- the journal

cdef inline bint engine_overwrites(const EngineState* e) noexcept nogil:
    """Whether no writer drains the journal: there is always room."""
    return e.accounts[0].out.overwrites != 0


cdef inline int64_t engine_room(const EngineState* e) noexcept nogil:
    """Free records in the journal."""
    return journal_room(e.accounts[0].out.journal)


cdef inline int64_t engine_records_needed(const EngineState* e) noexcept nogil:
    """Records that the next input may need, including its new orders."""
    if DEBUGGING and e.accounts[0].records_needed != account_records_needed(&e.accounts[0]):
        abort()
    return e.accounts[0].records_needed + e.order_records_needed


cdef inline bint engine_has_room(const EngineState* e) noexcept nogil:
    """Whether the journal has room for the records of the next message, or of the frame in the decoder, without new
    orders. Timers and the kill switch need no message and always find room, since a message is handled only if it
    leaves that much. An empty journal accepts any frame."""
    cdef const Account* a = &e.accounts[0]
    cdef int64_t room, fills
    if engine_overwrites(e):
        return True
    room = engine_room(e)
    if likely(e.decoder.pending.count == 0):
        return room >= a.records_needed
    fills = e.decoder.pending.count * a.trader.context.orders.open * FILL_RECORDS
    return room >= a.records_needed + fills or (fills != 0 and room == a.out.journal.capacity)


cdef inline bint engine_makes_room(const EngineState* e, int64_t room) noexcept nogil:
    """For a caller that replays from memory and drains the journal: room for `room` records, and for the next input."""
    cdef int64_t free = engine_room(e)
    return engine_overwrites(e) or (free >= room and free >= engine_records_needed(e))


cdef inline void engine_log(EngineState* e, int kind, int arg, int64_t now, const char* p, size_t n) noexcept nogil:
    if unlikely(e.log != NULL):
        runlog_push(e.log, kind, arg, now, p, n)


cdef inline void engine_journal_full(EngineState* e, bint full) noexcept nogil:
    """Stops new orders, or allows them again."""
    e.journal_full = full
    risk_halt(e.accounts[0].trader.risk, HALT_JOURNAL, full)


cdef inline void engine_poll_journal(EngineState* e, int64_t given) noexcept nogil:
    """Checks the room for new orders, before anything happens at this time, so that internal events due use the result."""
    cdef bint full = not engine_overwrites(e) and engine_room(e) < engine_records_needed(e)
    if unlikely(full != e.journal_full):
        engine_log(e, LOG_JOURNAL_FULL, full, e.now if e.now else given, NULL, 0)
        engine_journal_full(e, full)


# --- inputs

cdef inline int64_t engine_next_due(const EngineState* e) noexcept nogil:
    """The earliest internal event of all accounts."""
    cdef int64_t due = e.accounts[0].next_due
    cdef int64_t k
    for k in range(1, e.n_accounts):
        due = min(due, e.accounts[k].next_due)
    return due


cdef inline void engine_instant(EngineState* e, int64_t now) noexcept nogil:
    """Begins a new time or input: the limit on simultaneous intents starts again."""
    cdef int64_t k
    e.now = now
    for k in range(e.n_accounts):
        trader_begin(&e.accounts[k].trader)


cdef inline void engine_due(EngineState* e, int64_t now) noexcept nogil:
    """Runs internal events due by now, each at its own time."""
    cdef int64_t due = engine_next_due(e)
    cdef int64_t k
    while unlikely(due <= now):
        if due > e.now:
            engine_instant(e, due)
        for k in range(e.n_accounts):
            if e.accounts[k].next_due <= due:
                account_advance(&e.accounts[k])
                engine_settle(e, &e.accounts[k], due)
        due = engine_next_due(e)
        if due > e.now and not e.replayed:
            engine_poll_journal(e, e.now)


cdef inline void engine_poll_kill(EngineState* e, int64_t given) noexcept nogil:
    """Polls the state page for a request of the kill switch. A release waits until there is room to record it."""
    cdef uint64_t request = page_kill_request(e.page)
    cdef bint on
    if likely(request == 0) or (not request & 1 and not engine_has_room(e)):
        return
    on = page_kill_take(e.page, request) == 1
    engine_log(e, LOG_KILL, on, given, NULL, 0)
    engine_turn(e, on, KILL_REQUEST, e.now)
    engine_due(e, e.now)


cdef inline void engine_begin(EngineState* e, int64_t now) noexcept nogil:
    """The first input: starts the markets' time statistics and the strategies."""
    cdef int64_t i
    for i in range(e.n_symbols):
        e.markets[i].times.since_ns = now
    for i in range(e.n_accounts):
        account_start(&e.accounts[i], now)


cdef inline int64_t engine_enter(EngineState* e, int64_t now) noexcept nogil:
    """Every input begins here: time never goes back, internal events due by now happen first, then a request for the kill
    switch is polled."""
    cdef int64_t given = now
    if likely(not e.replayed):
        engine_poll_journal(e, given)
    if unlikely(now < e.now):
        now = e.now
    if unlikely(e.now == 0):
        engine_begin(e, now)
    engine_due(e, now)
    engine_instant(e, now)
    if likely(not e.replayed):
        engine_poll_kill(e, given)
    return now


cdef inline int64_t engine_input(EngineState* e, int kind, int arg, int64_t now, const char* p, size_t n) noexcept nogil:
    """Enters and logs the input, after the events polled on entering."""
    cdef int64_t entered = engine_enter(e, now)
    engine_log(e, kind, arg, now, p, n)
    return entered


cdef inline void engine_evaluate(EngineState* e, Market* market, int32_t i, int64_t now) noexcept nogil:
    """Snapshot, features."""
    cdef uint64_t cycles
    market_publish(market, page_market(e.page, i), now)
    if e.processed & FEATURE_SAMPLE:
        market_evaluate(market, now)
    else:
        cycles = cycles_now()
        market_evaluate(market, now)
        histogram_add(page_histogram(e.page, HIST_FEATURES), engine_since(e, cycles))


cdef inline void engine_act(EngineState* e, Market* market, const Message* trade, int32_t i, int64_t now) noexcept nogil:
    """After a change of the market: publish, evaluate, and let accounts act. `trade`: the trade that changed it, or NULL."""
    cdef int64_t k
    engine_evaluate(e, market, i, now)
    for k in range(e.n_accounts):
        account_act(&e.accounts[k], trade, i, now)
        if unlikely(e.accounts[k].trader.state.fault < 0):
            engine_settle(e, &e.accounts[k], now)


cdef inline void engine_match(EngineState* e, Market* market, const Message* msg, int32_t i, int fx, int64_t v,
                              int64_t now) noexcept nogil:
    """Passes the effects on a market to every account."""
    cdef int64_t k
    for k in range(e.n_accounts):
        account_match(&e.accounts[k], market, msg, i, fx, v, now)


cdef inline int engine_apply(EngineState* e, Message* msg, const Level* levels, int64_t now, uint64_t cycles) noexcept nogil:
    """Handles one decoded message, entered at `now`, completely; returns OK, or the reason for not applying it."""
    cdef int32_t i = msg.symbol
    cdef Market* market = e.markets[i]
    cdef int64_t submitted = e.accounts[0].trader.state.submitted      # excludes orders of internal events that were due anyway
    cdef int64_t v, k
    cdef int fx = 0
    cdef int code
    msg.recv_ns = now
    v = market_clock(market, msg)
    market_number(market, msg)
    for k in range(e.n_accounts):
        account_arrivals(&e.accounts[k], market, i, v, now)
    code = market_apply(market, e.spare, msg, levels, &fx)
    for k in range(e.n_accounts):
        account_match(&e.accounts[k], market, msg, i, fx, v, now)
        account_deliver(&e.accounts[k], now)
        engine_settle(e, &e.accounts[k], now)
    e.processed += 1
    if unlikely(code != OK):
        output_count(&e.page.counters.status[code])
    if likely(code == OK and fx) or fx & FX_LOST:
        engine_act(e, market, msg if fx & FX_TRADE else NULL, i, now)
    output_count(&e.page.counters.messages[msg.kind])
    if unlikely(market_sync(market).wants_snapshot):
        e.needs_check = 1
    histogram_add(page_histogram(e.page, HIST_TICK), engine_since(e, cycles))
    if submitted != e.accounts[0].trader.state.submitted:
        histogram_add(page_histogram(e.page, HIST_TICK_TO_TRADE), engine_since(e, cycles))
    return code


cdef inline int engine_message(EngineState* e, Message* msg, const Level* levels, uint64_t cycles) noexcept nogil:
    """Handles a message without a frame: it is not logged."""
    return engine_apply(e, msg, levels, engine_enter(e, msg.recv_ns), cycles)


cdef inline void engine_messages(EngineState* e, int64_t now, uint64_t cycles) noexcept nogil:
    """Handles the messages of a frame, in order, entered at `now` as one input."""
    cdef bint one = decoder_message(e.decoder).kind != MSG_NONE or decode_next(e.decoder)
    while one:
        engine_apply(e, decoder_message(e.decoder), decoder_levels(e.decoder), now, cycles)
        one = decode_next(e.decoder)


cdef inline int engine_frame(void* ctx, const char* p, size_t n, int64_t now, uint64_t cycles) noexcept nogil:
    """Handles a frame in the read buffer: FrameResult bits."""
    cdef EngineState* e = <EngineState*>ctx
    cdef int code = decode_frame(e.decoder, p, n, now)
    output_count(&e.page.counters.frames)
    e.page.counters.bytes += n
    if likely(code == OK):
        engine_messages(e, engine_input(e, LOG_FRAME, 0, now, p, n), cycles)
    elif code == DECODE_FALLBACK:
        return FRAME_NEEDS_PYTHON
    else:
        engine_log(e, LOG_FRAME, 0, now, p, n)
        output_count(&e.page.counters.status[code])
    return FRAME_CHECK if unlikely(e.needs_check) else FRAME_HANDLED


cdef inline void engine_connect(EngineState* e, int32_t i, bint up, int64_t now) noexcept nogil:
    """The stream of a symbol is open, or lost."""
    cdef Market* market = e.markets[i]
    cdef int fx
    now = engine_input(e, LOG_CONNECT if up else LOG_DISCONNECT, i, now, NULL, 0)
    fx = market_connected(market, now) if up else market_disconnected(market, now)
    engine_match(e, market, NULL, i, fx, market.clock.v_max, now)
    engine_act(e, market, NULL, i, now)
    e.needs_check = 1


cdef inline void engine_resync(EngineState* e, int32_t i, int64_t now) noexcept nogil:
    """Discards the book of a symbol on request from outside: it is built again."""
    cdef Market* market = e.markets[i]
    now = engine_input(e, LOG_RESYNC, i, now, NULL, 0)
    engine_match(e, market, NULL, i, market_resync(market, now), market.clock.v_max, now)
    engine_act(e, market, NULL, i, now)
    e.needs_check = 1


cdef inline void engine_stop(EngineState* e, int64_t now) noexcept nogil:
    """No new signals; open orders are cancelled."""
    cdef int64_t k
    now = engine_input(e, LOG_STOP, 0, now, NULL, 0)
    for k in range(e.n_accounts):
        account_stop(&e.accounts[k], now)


cdef inline int64_t engine_drain(EngineState* e) noexcept nogil:
    """Runs internal events until nothing is under way; returns the final time."""
    while engine_next_due(e) != INT64_MAX:
        engine_due(e, engine_next_due(e))
    return e.now
