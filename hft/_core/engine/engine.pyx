"""The engine: all stages combined, one compiled call per message."""

import json

from libc.string cimport memcmp

from hft._core.base.cycles cimport cycles_now, cycles_per_ns
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.status cimport DECODE_FALLBACK, KILL_LATCHED, KILL_REQUEST, OK
from hft._core.base.types cimport Spec, SymbolSpec, unlikely
from hft._core.engine.assembly cimport assembly_begin, assembly_bind, assembly_memory
from hft._core.engine.page_view cimport page_view_show
from hft._core.engine.params cimport AccountSetup
from hft._core.engine.rules cimport Rules, rules_begin, rules_end
from hft._core.engine.tick cimport (
    EngineState, engine_apply, engine_connect, engine_drain, engine_due, engine_frame, engine_has_room, engine_input,
    engine_journal_full, engine_kill, engine_log, engine_messages, engine_resync, engine_stop, engine_turn,
)
from hft._core.execution.capacity cimport ORDER_RECORDS
from hft._core.record.journal cimport Journal
from hft._core.record.output cimport output_count
from hft._core.record.page cimport (
    PAGE_INPUT_HELD, Page, StatePage, page_flag, page_kill_request, page_kill_set, page_kill_take,
)
from hft._core.record.runlog cimport (
    LOG_DEPTH, LOG_FRAME, LOG_JOURNAL_FULL, LOG_KILL, LOG_MARK, LOG_TIMER, RunLog,
)
from hft._core.trade.position cimport PositionManager
from hft._core.trade.trader cimport trader_fail, trader_stop
from hft._core.wire.decode cimport Decoder, decoder_levels, decoder_message
from hft._core.wire.sink cimport FRAME_CHECK, FRAME_HANDLED, FRAME_HELD, FRAME_NEEDS_PYTHON

from collections import deque

from hft._core.base import status as status_table
from hft._core.base.checks import choice, whole
from hft._core.engine.params import account_setups, checked
from hft._core.record.journal import Journal as _Journal
from hft._core.record.page import StatePage as _StatePage

KILL_REASONS = ("kill_requested", "kill_files_gone")
"""Reasons with which `Engine.kill` may trip the switch, and their values in the run log (`LOG_KILL`)."""

HELD_BYTES = 64 << 20
"""Most bytes that an engine holds while its journal has no room. The caller stops at the first `FrameSink.HELD`; the rest of one
read of each connection is far less than this."""

include "view.pxi"

cdef int _on_frame(void* ctx, const char* p, size_t n, int64_t now, uint64_t cycles) noexcept nogil:
    cdef EngineState* e = <EngineState*>ctx
    if unlikely(e.held or not (engine_has_room(e) or e.replayed)):      # a caller that replays checks the room itself
        return FRAME_NEEDS_PYTHON
    return engine_frame(ctx, p, n, now, cycles)


cdef class Engine(EngineView):
    """Market data in, risk-checked orders, simulated fills and P&L out.

    Parameters
    ----------
    specs : Spec or sequence of Spec
        The symbols, of one quote asset.
    strategy : StrategyPort, optional
        The strategy. Default: the imbalance strategy with its defaults.
    accounts : sequence of dict, optional
        Accounts that trade over the same markets, each with the settings in which it differs from the engine's, including
        `strategy`. `page` and `journal` belong to the first. Default: one account with the engine's settings.
    run : int
        Number of the run; order ids are ``run << 32 | n``.
    page : StatePage, optional
        The state page to write. Default: memory of its own.
    journal : Journal, optional
        The destination of records, which a writer must drain: while it has no room, messages are held (`held`). Default: a ring
        of its own whose records are overwritten.
    fallback : callable, optional
        ``fallback(decoder, frame, now_ns) -> status code`` for frames that the scanner does not know: the venue's wire
        (`load` of a `hft.venues.protocol.Protocol`). Default: such frames count as rejects.
    log : RunLog, optional
        Records every input, in order; `Engine.on_snapshot` then needs the body as received.
    replayed : bool
        The inputs come from a run log: events that a live engine detects itself, a full journal and a request for the kill
        switch, also come as inputs (`journal_full`, `kill`), and the caller drains the journal in time.
    kill : str, optional
        Start with the kill switch on: if `replayed`, with this reason (its name in docs/status.md), as the recorded run
        did; else as latched, whatever the page shows.
    trading : bool
        False: no account trades on the market, for a recorder.
    **settings
        `DEFAULTS` lists them. Sizes are in base units, money in quote units, both as decimal text; times in ms.

    >>> from hft._core.base.types import Spec
    >>> engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"))
    >>> engine.connect("BTCUSDT", now_ns=1)
    >>> engine.wants_snapshot()
    ['BTCUSDT']
    >>> engine.memory_bytes < 11_000_000
    True
    """

    def __cinit__(self, specs, *, strategy=None, accounts=None, run=1, page=None, journal=None, fallback=None, log=None,
                  replayed=False, kill=None, trading=True, **settings):
        self.symbols = Symbols(specs)       # its own copy: rules may change
        self.fallback = fallback
        traded = self.symbols if trading else ()
        market = checked(settings, traded)
        self.setups = account_setups(strategy, accounts, settings, traded)
        run = whole("run", run, 1, 2**31 - 1)
        self.c = <EngineState*>hft_alloc(sizeof(EngineState))
        if kill is not None:
            choice("kill", kill, status_table.CODES)
        self.page = page if page is not None else _StatePage.create(None, list(self.symbols))
        self.journal = journal if journal is not None else _Journal(10_000)
        self._held = deque()
        self._assemble(market, run, journal is not None)
        self.decoder = Decoder(self.symbols)
        self.c.decoder = (<Decoder>self.decoder).d
        self.log = log
        if log is not None:
            (<RunLog?>log).bind(self.symbols)
            self.c.log = (<RunLog>log).c
        self.strategy = (<AccountSetup>self.setups[0]).strategy
        self.strategy.attach(self.c.accounts[0].trader.strategy, self.c.log)
        self.c.replayed = replayed
        self._start(kill, trading)
        self.fn = _on_frame
        self.ctx = self.c

    def __dealloc__(self):
        hft_free(self.c)
        hft_free(self.arena.base)

    cdef int _assemble(self, dict settings, int64_t run, bint has_writer) except -1:
        """Allocates the memory, and sets the output of each account."""
        cdef AccountSetup setup
        cdef int64_t k
        for setup in self.setups:
            setup.fill(run, self.symbols)
        setup = self.setups[0]
        if has_writer and self.journal.capacity < setup.capacity.journal_least:
            raise ValueError(f"journal: {self.journal.capacity} records can't hold the records of one input with "
                             f"{self.symbols.count} symbol(s); at least {setup.capacity.journal_least} are needed "
                             "(persist_channel_size)")
        assembly_memory(self.c, self.symbols, settings, self.setups, &self.arena)
        self._outputs = []
        self._output(0, self.page, self.journal, not has_writer)
        for k in range(1, self.c.n_accounts):
            self._output(k, _StatePage.create(None, list(self.symbols)), _Journal(1024), True)
        assembly_begin(self.c, self.symbols, self.setups)
        self.c.page = self.c.accounts[0].out.page
        self.c.order_records_needed = setup.capacity.new_orders * ORDER_RECORDS
        self.c.ns_per_cycle = 1.0 / cycles_per_ns()
        return 0

    cdef int _output(self, int64_t k, page, journal, bint overwrites) except -1:
        """Sets the output of an account: a page of the engine's symbols, whose memory is kept while this engine may write to it,
        and a journal."""
        cdef Account* a = &self.c.accounts[k]
        a.out.page = (<StatePage?>page)._mine()
        if a.out.page.header.n_symbols != self.symbols.count:
            raise ValueError(f"page: it has {a.out.page.header.n_symbols} symbols, the engine {self.symbols.count}")
        a.out.journal = (<Journal?>journal).c
        a.out.overwrites = overwrites
        self._outputs.append(((<StatePage>page).memory, journal))
        return 0

    cdef int _start(self, str kill, bint trading) except -1:
        """Initial state: without trading, or with the switch on."""
        cdef int64_t k
        if not trading:
            for k in range(self.c.n_accounts):
                trader_stop(&self.c.accounts[k].trader, 0)
        if self.c.replayed:
            if kill is not None:
                engine_kill(self.c, True, status_table.CODES[kill], self.c.page.header.start_ns)
        else:
            self._latched(kill is not None)
        return 0

    cdef _latched(self, bint elsewhere):
        """Restores the switch from the last run or a later request: on if the page or the database has it on."""
        cdef Page* page = self.c.page
        cdef int request = page_kill_take(page, page_kill_request(page))
        cdef bint on = elsewhere or (request == 1 if request else page.header.kill_on != 0)
        # A request is the reason if nothing else has the switch on, as `hft kill` also writes it to the database.
        cdef bint requested = request == 1 and not elsewhere and not page.header.kill_on
        page_kill_set(page, False, 0, page.header.start_ns)
        if on:
            engine_kill(self.c, True, KILL_REQUEST if requested else KILL_LATCHED, page.header.start_ns)

    # --- inputs

    cpdef int on_other(self, bytes frame, int64_t now_ns) except -1:
        """A frame that the scanner does not know: decoded by `fallback`, then handled like any other. Returns FrameResult bits,
        with `FrameSink.HELD` if the journal has no room and the frame is held."""
        if not self.c.replayed and (self.c.held or not engine_has_room(self.c)):
            self._hold(("frame", frame), len(frame))
            return FRAME_HELD if not self.release(now_ns) else (FRAME_CHECK if self.c.needs_check else FRAME_HANDLED)
        cdef int result = self._other(frame, now_ns)
        if result == FRAME_HELD:
            self._hold(("frame", frame), len(frame))
        return result

    cdef int _other(self, bytes frame, int64_t now_ns) except -1:
        """FrameResult bits; FRAME_HELD, with no effect, if the journal has no room for all messages of the frame."""
        cdef int code = DECODE_FALLBACK
        cdef uint64_t cycles = cycles_now()
        if self.fallback is not None:
            code = self.fallback(self.decoder, frame, now_ns)
        if code == OK and not self.c.replayed and not engine_has_room(self.c):
            self.decoder.clear()
            return FRAME_HELD
        if code == OK:
            engine_messages(self.c, engine_input(self.c, LOG_FRAME, 0, now_ns, frame, len(frame)), cycles)
        else:
            engine_log(self.c, LOG_FRAME, 0, now_ns, frame, len(frame))
            output_count(&self.c.page.counters.status[code])
        return FRAME_CHECK if self.c.needs_check else FRAME_HANDLED

    cpdef on_check(self):
        """Something needs attention outside the path; see `wants_snapshot` and `halted`."""
        self.c.needs_check = 0

    cdef int _hold(self, item, Py_ssize_t size) except -1:
        if self.held_bytes + size > HELD_BYTES:
            raise OverflowError(f"{HELD_BYTES >> 20} MiB of messages wait for the journal: stop reading at the first one held")
        if self.c.held == 0:
            output_count(&self.c.page.counters.journal_waits)
            page_flag(self.c.page, PAGE_INPUT_HELD, True)
        self._held.append((item, size))
        self.held_bytes += size
        self.c.held += 1
        return 0

    cdef int _require_room(self, str what) except -1:
        """Raise BufferError while messages are held, or if the journal has no room for the records of `what`."""
        if self.c.held or not (self.c.replayed or engine_has_room(self.c)):
            raise BufferError(f"the journal has no room for the records of {what}; wait until no message is held")
        return 0

    def release(self, int64_t now_ns) -> bool:
        """Handle held messages, in order and as of `now_ns`, while the journal has room. True once none is held.

        `advance` and every frame call it first.
        """
        cdef Py_ssize_t size
        while self.c.held and engine_has_room(self.c):
            (name, what), size = self._held[0]
            if name != "frame":
                engine_connect(self.c, what, name == "connect", now_ns)
            elif engine_frame(self.c, <bytes>what, len(<bytes>what), now_ns, cycles_now()) & FRAME_NEEDS_PYTHON:
                if self._other(what, now_ns) == FRAME_HELD:
                    break
            self._held.popleft()
            self.held_bytes -= size
            self.c.held -= 1
            if self.c.held == 0:
                page_flag(self.c.page, PAGE_INPUT_HELD, False)
        return self.c.held == 0

    def on_frame(self, bytes frame not None, int64_t now_ns) -> bool:
        """One whole websocket frame. True when the caller should check `wants_snapshot` and `halted`."""
        cdef int result = _on_frame(self.c, frame, len(frame), now_ns, cycles_now())
        if result & FRAME_NEEDS_PYTHON:
            result = self.on_other(frame, now_ns)
        return result != FRAME_HANDLED

    cdef int _apply(self, int kind, int arg, int64_t now_ns, bytes body, uint64_t cycles):
        """Applies the message in the decoder, received as `body`."""
        cdef int64_t now = engine_input(self.c, kind, arg, now_ns, body, len(body))
        return engine_apply(self.c, decoder_message(self.c.decoder), decoder_levels(self.c.decoder), now, cycles)

    def on_snapshot(self, symbol, last_update_id, bids, asks, int64_t now_ns, stamp=0, bytes body not None=b"") -> int:
        """A REST book: (price, quantity) as decimal text, and for the run log its body as received. Returns the status code, 0 if
        the book is now based on it. BufferError while messages are `held`."""
        cdef int i = self.symbols.index(symbol)
        if self.log is not None and not body:
            raise ValueError("the run log needs the body of a snapshot as received")
        self._require_room("a snapshot")
        cdef int code = self.decoder.load_snapshot(getattr(symbol, "name", symbol), last_update_id, bids, asks, stamp, now_ns)
        if code == OK:
            code = self._apply(LOG_DEPTH, i, now_ns, body, cycles_now())
        else:
            engine_log(self.c, LOG_DEPTH, i, now_ns, body, len(body))
            output_count(&self.c.page.counters.status[code])
        return code

    def on_book(self, symbol, int64_t update_id, bids, asks, int64_t now_ns, stamp=0, int levels=0) -> int:
        """A whole book of a feed that sends nothing else (rule 7c), with at most `levels` a side; 0: unknown. Returns the code.

        Live feeds pass it as a frame: ValueError if a run log is kept.
        """
        if self.log is not None:
            raise ValueError("the run log needs a whole book as the frame received")
        self._require_room("a whole book")
        cdef int code = self.decoder.load_book(getattr(symbol, "name", symbol), update_id, bids, asks, levels, stamp, now_ns)
        if code == OK:
            return self._apply(LOG_FRAME, 0, now_ns, b"", cycles_now())
        output_count(&self.c.page.counters.status[code])
        return code

    def connect(self, symbol, int64_t now_ns):
        """The stream of a symbol is open: updates count from here on."""
        self._stream("connect", self.symbols.index(symbol), now_ns)

    def disconnect(self, symbol, int64_t now_ns):
        """The stream of a symbol is lost, and so is its book."""
        self._stream("disconnect", self.symbols.index(symbol), now_ns)

    def _stream(self, str name not None, int i, int64_t now_ns):
        """Handles it after held messages, if there are any."""
        if self.c.held:
            self._hold((name, i), 0)
        else:
            engine_connect(self.c, i, name == "connect", now_ns)

    def set_rules(self, symbol, int64_t now_ns, *, tick, step, quantum=None, min_qty=0, max_qty=0, min_notional=0,
                  bint trading=True) -> bool:
        """Set the venue's new rules of a symbol; the arguments are those of `Spec` (SEMANTICS 28).

        Units become finer if the new tick or quantum needs it; orders, queue positions and money are converted exactly, and
        the book is built again. Resting orders that don't fit expire (``venue_rules``). With `trading` false new orders are
        refused (``not_trading``). Returns whether anything changed. ValueError, with no effect, for inconsistent rules
        or units that can't be accounted for exactly. BufferError while messages are `held`.
        """
        cdef int i = self.symbols.index(symbol)
        cdef int64_t k
        cdef Spec old = self.symbols.all[i]
        cdef Spec new = old.ruled(tick=tick, step=step, quantum=quantum, min_qty=min_qty, max_qty=max_qty,
                                  min_notional=min_notional)
        cdef Rules to
        to.price_factor, to.qty_factor = int(old.price_unit / new.price_unit), int(old.quantum / new.quantum)
        to.spec = new.c
        to.trading = trading
        symbols = Symbols([*self.symbols.all[:i], new, *self.symbols.all[i + 1:]])
        PositionManager(symbols)            # raises if their money can't be added exactly
        if memcmp(&old.c, &new.c, sizeof(SymbolSpec)) == 0 and trading == (self.c.markets[i].times.closed == 0):
            return False
        self._require_room("a change of rules")
        rules = dict(symbol=new.name, tick=f"{new.tick:f}", step=f"{new.step:f}", quantum=f"{new.quantum:f}",
                     min_qty=f"{new.min_qty:f}", max_qty=f"{new.max_qty:f}", min_notional=f"{new.min_notional:f}",
                     trading=trading)
        cdef bytes line = b'{"hft":{"rules":%b}}' % json.dumps(rules, separators=(",", ":")).encode()
        cdef int64_t now = engine_input(self.c, LOG_MARK, 0, now_ns, line, len(line))
        self.symbols = symbols
        rules_begin(self.c, i, &to, now)
        for k in range(self.c.n_accounts):
            trader_fail(&self.c.accounts[k].trader,
                        assembly_bind(&self.c.accounts[k], <AccountSetup>self.setups[k], i, new))
        rules_end(self.c, i, &to, now)
        page_view_show(self.c, now)             # in the new units of the page
        return True

    def trading(self, symbol) -> bool:
        """Whether the venue trades it now, according to `set_rules`."""
        return self.c.markets[self.symbols.index(symbol)].times.closed == 0

    @property
    def memory_bytes(self) -> int:
        """The engine's own memory, allocated at start and constant: markets, accounts, logs of fills."""
        return self.arena.used

    def resync(self, symbol, int64_t now_ns):
        """Discard the book of a symbol: it is out of sync until it was built again from a snapshot."""
        engine_resync(self.c, self.symbols.index(symbol), now_ns)

    def advance(self, int64_t now_ns):
        """Run internal events due by `now_ns`, poll the kill switch, publish state and heartbeat. The 10 ms timer."""
        if self.c.held:
            self.release(now_ns)
        engine_input(self.c, LOG_TIMER, 0, now_ns, NULL, 0)
        page_view_show(self.c, self.c.now)

    def kill(self, bint on, int64_t now_ns, str reason not None="kill_requested"):
        """Trip (or release) the kill switch; the reason of a trip is ``kill_requested`` or ``kill_files_gone``.

        BufferError for a release while the journal has no room."""
        choice("reason", reason, KILL_REASONS)
        cdef int code = status_table.CODES[reason]
        if not on and not self.c.replayed and not engine_has_room(self.c):
            raise BufferError("the journal has no room to record a release; wait until it has")
        engine_input(self.c, LOG_KILL, 0 if not on else 1 if code == KILL_REQUEST else 2, now_ns, NULL, 0)
        engine_turn(self.c, on, code, self.c.now)
        engine_due(self.c, self.c.now)

    def journal_full(self, bint on, int64_t now_ns):
        """The journal is low on room, or has room again: an input only when a run log is replayed, see `replayed`."""
        engine_input(self.c, LOG_JOURNAL_FULL, on, now_ns, NULL, 0)
        engine_journal_full(self.c, on)

    def stop(self, int64_t now_ns) -> int:
        """Refuse new orders, cancel open ones, and run internal events until nothing is under way; returns the final time."""
        cdef int64_t end
        engine_stop(self.c, now_ns)
        end = engine_drain(self.c)
        page_view_show(self.c, end)
        return end

include "replay.pxi"
include "diagnosis.pxi"
