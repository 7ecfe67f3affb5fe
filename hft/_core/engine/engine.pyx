"""The engine: every stage composed, one compiled call per message."""

import json

from libc.string cimport memcmp

from hft._core.base.cycles cimport cycles_per_ns
from hft._core.base.histogram cimport Histogram
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.status cimport KILL_LATCHED
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport ASK, BID, Spec, SymbolSpec
from hft._core.engine.account cimport account_broker
from hft._core.engine.assembly cimport assembly_bind, assembly_memory
from hft._core.engine.digest cimport state_hash
from hft._core.engine.output cimport fill_from
from hft._core.engine.page_view cimport page_view_counters, page_view_show
from hft._core.engine.params cimport limit_quanta, lot_quanta
from hft._core.engine.rules cimport Rules, rules_apply
from hft._core.execution.capacity cimport ORDER_RECORDS, capacity_of
from hft._core.market.book cimport Book, book_base_best, book_base_best_qty, book_best, book_best_qty, book_hash
from hft._core.market.features cimport FeatureUnits, FeatureVector, feature_units
from hft._core.market.market cimport market_book, market_book_status
from hft._core.market.sync cimport SYNC_SYNCED
from hft._core.record.journal cimport Journal, JournalState, journal_room
from hft._core.record.page cimport PAGE_INPUT_HELD, Page, StatePage, page_flag
from hft._core.record.runlog cimport LOG_DEPTH, LOG_FRAME, LOG_JOURNAL_FULL, LOG_KILL, LOG_MARK, LOG_TIMER, RunLog
from hft._core.trade.position cimport PnlView, PositionManager, pnl_of, position_at
from hft._core.wire.decode cimport Decoder
from hft._core.wire.sink cimport FRAME_HELD

from collections import deque

from hft._core.base import status as status_table
from hft._core.base.checks import choice, whole
from hft._core.engine.params import checked
from hft._core.record import names
from hft._core.record.journal import Journal as _Journal
from hft._core.record.page import StatePage as _StatePage

KILL_REASONS = ("kill_requested", "kill_files_gone")
"""Why `Engine.kill` may trip the switch; a run log has a word for each (`LOG_KILL`)."""

HELD_BYTES = 64 << 20
"""What an engine holds at most while its journal has no room. Whoever feeds it stops at the first `FrameSink.HELD`; what one read
of each connection still holds is far less."""

cdef int _on_frame(void* ctx, const char* p, size_t n, int64_t now, uint64_t cycles) noexcept nogil:
    cdef EngineState* e = <EngineState*>ctx
    if unlikely(e.held or not (engine_has_room(e) or e.replayed)):      # who replays sees to room himself
        return FRAME_NEEDS_PYTHON
    return engine_frame(ctx, p, n, now, cycles)


cdef class Engine(FrameSink):
    """Market data in, risk-checked orders, simulated fills and P&L out.

    Parameters
    ----------
    specs : Spec or sequence of Spec
        The symbols, at most 64, of one quote asset.
    run : int
        Number of the run; order ids are ``run << 32 | n``.
    page : StatePage, optional
        Where the engine shows itself. Default: memory of its own.
    journal : Journal, optional
        Where records go; somebody must drain it: while it has no room, messages are held (`held`). Default: a ring of its own
        whose records are overwritten.
    fallback : callable, optional
        ``fallback(decoder, frame, now_ns) -> status code`` for frames that the scanner does not know: the venue's wire
        (`load` of a `hft.venues.protocol.Protocol`). Default: they count as rejects.
    log : RunLog, optional
        Gets every input, in order; `Engine.on_snapshot` then needs the body as received.
    replayed : bool
        The inputs come from a run log: what a live engine finds out for itself, a full journal and a request for the kill
        switch, comes as an input too (`journal_full`, `kill`), and whoever drives it drains the journal in time.
    kill : str, optional
        Start with the kill switch on: `replayed`, for this reason (its name in docs/status.md), as the run that was recorded
        did; else as latched, whatever the page says.
    trading : bool
        False: a market that nobody trades on, for a recorder.
    **settings
        `DEFAULTS` lists them. Sizes are in base units, money in quote units, both as decimal text; times in ms.

    >>> from hft._core.base.types import Spec
    >>> engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"))
    >>> engine.connect("BTCUSDT", now_ns=1)
    >>> engine.wants_snapshot()
    ['BTCUSDT']
    >>> engine.memory_bytes < 10_000_000
    True
    """

    def __cinit__(self, specs, *, run=1, page=None, journal=None, fallback=None, log=None, replayed=False, kill=None,
                  trading=True, **settings):
        self.symbols = Symbols(specs)       # its own: rules may change
        self.fallback = fallback
        self.settings = s = checked(settings, self.symbols if trading else ())
        run = whole("run", run, 1, 2**31 - 1)
        self.c = <EngineState*>hft_alloc(sizeof(EngineState))
        if self.c == NULL:
            raise MemoryError
        if kill is not None:
            choice("kill", kill, status_table.CODES)
        self._show_on(page if page is not None else _StatePage.create(None, list(self.symbols)))
        self.journal = journal if journal is not None else _Journal(10_000)
        self._held = deque()
        self._output(journal is not None, capacity_of(self.symbols.count, s["max_open_orders"], s["order_channel_size"]))
        self.memory = assembly_memory(self.c, self.symbols, s, run, &self.memory_size)
        assembly_bind(self.c, self.symbols, s)
        self.decoder = Decoder(self.symbols)
        self.c.decoder = (<Decoder>self.decoder).d
        self.log = log
        if log is not None:
            (<RunLog?>log).bind(self.symbols)
            self.c.log = (<RunLog>log).c
        self.c.replayed = replayed
        self._start(kill, trading)
        self.fn = _on_frame
        self.ctx = self.c

    def __dealloc__(self):
        hft_free(self.c)
        hft_free(self.memory)

    cdef int _show_on(self, StatePage page) except -1:
        """Where it shows itself: a page of its symbols, whose memory stays while this engine may write to it."""
        cdef Page* p = page._mine()
        if p.header.n_symbols != self.symbols.count:
            raise ValueError(f"page: it is of {p.header.n_symbols} symbols, the engine of {self.symbols.count}")
        self.page, self._page_memory = page, page.memory
        self.c.out.page = p
        return 0

    cdef int _output(self, bint has_writer, Capacity capacity) except -1:
        cdef JournalState* journal = (<Journal?>self.journal).c
        if has_writer and journal.capacity < capacity.journal_least:
            raise ValueError(f"journal: {journal.capacity} records can't hold what one input may cause with "
                             f"{self.symbols.count} symbol(s); at least {capacity.journal_least} are needed "
                             "(persist_channel_size)")
        self.c.orders_want = capacity.new_orders * ORDER_RECORDS
        self.c.out.journal = journal
        self.c.out.overwrites = not has_writer
        self.c.ns_per_cycle = 1.0 / cycles_per_ns()
        return 0

    cdef int _start(self, str kill, bint trading) except -1:
        """How it begins: on paper for nobody, or with the switch on."""
        if not trading:
            engine_retire(self.c)
        if self.c.replayed:
            if kill is not None:
                engine_kill(self.c, True, status_table.CODES[kill], self.c.out.page.header.start_ns)
        else:
            self._latched(kill is not None)
        return 0

    cdef _latched(self, bint elsewhere):
        """The switch as the last run left it, or as somebody turned it since: on if the page or the database has it on."""
        cdef Page* page = self.c.out.page
        cdef int request = page_kill_take(page, page_kill_request(page))
        cdef bint on = elsewhere or (request == 1 if request else page.header.kill_on != 0)
        # A request is the reason where nothing else has the switch on: `hft kill` writes it into a database too.
        cdef bint requested = request == 1 and not elsewhere and not page.header.kill_on
        page_kill_set(page, False, 0, page.header.start_ns)
        if on:
            engine_kill(self.c, True, KILL_REQUEST if requested else KILL_LATCHED, page.header.start_ns)

    # --- inputs

    cpdef int on_other(self, bytes frame, int64_t now_ns) except -1:
        """A frame that the scanner left: decoded by `fallback`, then handled like any other. FrameResult bits; among them
        `FrameSink.HELD` where the journal has no room and the frame is kept until it has."""
        if not self.c.replayed and (self.c.held or not engine_has_room(self.c)):
            self._hold(("frame", frame), len(frame))
            return FRAME_HELD if not self.release(now_ns) else (FRAME_ATTENTION if self.c.attention else FRAME_HANDLED)
        cdef int result = self._other(frame, now_ns)
        if result == FRAME_HELD:
            self._hold(("frame", frame), len(frame))
        return result

    cdef int _other(self, bytes frame, int64_t now_ns) except -1:
        """FrameResult bits; FRAME_HELD, and nothing of it taken, where the journal has no room for all messages of the frame."""
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
            output_count(&self.c.out.page.counters.status[code])
        return FRAME_ATTENTION if self.c.attention else FRAME_HANDLED

    cpdef on_attention(self):
        """Something wants a look from outside the path; see `wants_snapshot` and `halted`."""
        self.c.attention = 0

    cdef int _hold(self, item, Py_ssize_t size) except -1:
        if self.held_bytes + size > HELD_BYTES:
            raise OverflowError(f"{HELD_BYTES >> 20} MiB of messages wait for the journal: stop at the first that is held")
        if self.c.held == 0:
            output_count(&self.c.out.page.counters.journal_waits)
            page_flag(self.c.out.page, PAGE_INPUT_HELD, True)
        self._held.append((item, size))
        self.held_bytes += size
        self.c.held += 1
        return 0

    cdef int _require_room(self, str what) except -1:
        """Raise BufferError while messages are held, or what this may cause has no room in the journal."""
        if self.c.held or not (self.c.replayed or engine_has_room(self.c)):
            raise BufferError(f"the journal has no room for what {what} may cause; wait until nothing is held")
        return 0

    def release(self, int64_t now_ns) -> bool:
        """Take what is held, in order and as of `now_ns`, while the journal has room for it. True once nothing is held.

        `advance` and every frame begin with it.
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
                page_flag(self.c.out.page, PAGE_INPUT_HELD, False)
        return self.c.held == 0

    def on_frame(self, bytes frame not None, int64_t now_ns) -> bool:
        """One websocket frame, whole. True when `wants_snapshot` or `halted` should be looked at."""
        cdef int result = _on_frame(self.c, frame, len(frame), now_ns, cycles_now())
        if result & FRAME_NEEDS_PYTHON:
            result = self.on_other(frame, now_ns)
        return result != FRAME_HANDLED

    cdef int _apply(self, int kind, int arg, int64_t now_ns, bytes body, uint64_t cycles):
        """The message in the decoder, which came as `body`."""
        cdef int64_t now = engine_input(self.c, kind, arg, now_ns, body, len(body))
        return engine_apply(self.c, decoder_message(self.c.decoder), decoder_levels(self.c.decoder), now, cycles)

    def on_snapshot(self, symbol, last_update_id, bids, asks, int64_t now_ns, stamp=0, bytes body not None=b"") -> int:
        """A REST book: (price, quantity) as decimal text, and for the run log its body as received. The status code; 0 when
        the book stands on it now. Not while messages are `held`: BufferError."""
        cdef int i = self.symbols.index(symbol)
        if self.log is not None and not body:
            raise ValueError("the run log takes a snapshot as received: its body is missing")
        self._require_room("a snapshot")
        cdef int code = self.decoder.load_snapshot(self._name(symbol), last_update_id, bids, asks, stamp, now_ns)
        if code == OK:
            code = self._apply(LOG_DEPTH, i, now_ns, body, cycles_now())
        else:
            engine_log(self.c, LOG_DEPTH, i, now_ns, body, len(body))
            output_count(&self.c.out.page.counters.status[code])
        return code

    def on_book(self, symbol, int64_t update_id, bids, asks, int64_t now_ns, stamp=0, int levels=0) -> int:
        """A whole book of a feed that sends nothing else (rule 7c), `levels` a side at the most; 0: not known. The status code.

        Live they come as frames: where a run log is kept, ValueError.
        """
        if self.log is not None:
            raise ValueError("the run log takes a whole book as the frame that it came in")
        self._require_room("a whole book")
        cdef int code = self.decoder.load_book(self._name(symbol), update_id, bids, asks, levels, stamp, now_ns)
        if code == OK:
            return self._apply(LOG_FRAME, 0, now_ns, b"", cycles_now())
        output_count(&self.c.out.page.counters.status[code])
        return code

    def connect(self, symbol, int64_t now_ns):
        """The stream of a symbol is open: updates count from here."""
        self._stream("connect", self.symbols.index(symbol), now_ns)

    def disconnect(self, symbol, int64_t now_ns):
        """The stream of a symbol is gone; its book with it."""
        self._stream("disconnect", self.symbols.index(symbol), now_ns)

    def _stream(self, str name not None, int i, int64_t now_ns):
        """After the messages that are held, if any are."""
        if self.c.held:
            self._hold((name, i), 0)
        else:
            engine_connect(self.c, i, name == "connect", now_ns)

    def set_rules(self, symbol, int64_t now_ns, *, tick, step, quantum=None, min_qty=0, max_qty=0, min_notional=0,
                  bint trading=True) -> bool:
        """The venue's rules of a symbol from now on; the arguments are those of `Spec` (SEMANTICS 28).

        Units become finer where the new tick or quantum needs it; orders, queue positions and money are carried over exactly, and
        the book is built anew. Resting orders that don't fit expire (``venue_rules``). With `trading` false new orders are
        refused (``not_trading``). Returns whether anything is other than it was. ValueError, and nothing happens, for rules that
        make no sense, or units that can't be accounted for. Not while messages are `held`: BufferError.
        """
        cdef int i = self.symbols.index(symbol)
        cdef Spec old = self.symbols.all[i]
        cdef Spec new = old.ruled(tick=tick, step=step, quantum=quantum, min_qty=min_qty, max_qty=max_qty,
                                  min_notional=min_notional)
        cdef Rules to
        to.price_factor, to.qty_factor = int(old.price_unit / new.price_unit), int(old.quantum / new.quantum)
        to.spec = new.c
        to.trading = trading
        to.entry_qty = lot_quanta(new, self.settings["entry_qty"])
        to.max_order = limit_quanta(new, self.settings["max_order"])
        to.max_position = limit_quanta(new, self.settings["max_position"])
        symbols = Symbols([*self.symbols.all[:i], new, *self.symbols.all[i + 1:]])
        PositionManager(symbols)            # raises where their money can't be added exactly
        if memcmp(&old.c, &new.c, sizeof(SymbolSpec)) == 0 and trading == (self.c.markets[i].times.closed == 0):
            return False
        self._require_room("a change of rules")
        rules = dict(symbol=new.name, tick=f"{new.tick:f}", step=f"{new.step:f}", quantum=f"{new.quantum:f}",
                     min_qty=f"{new.min_qty:f}", max_qty=f"{new.max_qty:f}", min_notional=f"{new.min_notional:f}",
                     trading=trading)
        cdef bytes line = b'{"hft":{"rules":%b}}' % json.dumps(rules, separators=(",", ":")).encode()
        cdef int64_t now = engine_input(self.c, LOG_MARK, 0, now_ns, line, len(line))
        self.symbols = symbols
        rules_apply(self.c, i, &to, now)
        page_view_show(self.c, now)             # in the units that the page has from now on
        return True

    def trading(self, symbol) -> bool:
        """Whether the venue trades it now, as far as `set_rules` was told."""
        return self.c.markets[self.symbols.index(symbol)].times.closed == 0

    def resync(self, symbol, int64_t now_ns):
        """Give the book of a symbol up, from outside: it is not in sync until it was built anew on a snapshot."""
        engine_resync(self.c, self.symbols.index(symbol), now_ns)

    def advance(self, int64_t now_ns):
        """Run what is due by `now_ns`, look at the kill switch, show state and heartbeat. The 10 ms timer."""
        if self.c.held:
            self.release(now_ns)
        engine_input(self.c, LOG_TIMER, 0, now_ns, NULL, 0)
        page_view_show(self.c, self.c.now)

    def kill(self, bint on, int64_t now_ns, str reason not None="kill_requested"):
        """Trip (or release) the kill switch; tripped for this reason, ``kill_requested`` or ``kill_files_gone``.

        BufferError for a release while the journal has no room."""
        choice("reason", reason, KILL_REASONS)
        cdef int code = status_table.CODES[reason]
        if not on and not self.c.replayed and not engine_has_room(self.c):
            raise BufferError("the journal has no room to write down a release; wait until it has")
        engine_input(self.c, LOG_KILL, 0 if not on else 1 if code == KILL_REQUEST else 2, now_ns, NULL, 0)
        engine_asked(self.c, on, code, self.c.now)
        engine_due(self.c, self.c.now)

    def journal_full(self, bint on, int64_t now_ns):
        """The journal is low on room, or has room again: an input only where a run log is replayed, see `replayed`."""
        engine_input(self.c, LOG_JOURNAL_FULL, on, now_ns, NULL, 0)
        engine_journal_full(self.c, on)

    def stop(self, int64_t now_ns) -> int:
        """No new orders, open ones cancelled, and internal time run on until all is told; the time it ends at."""
        cdef int64_t end
        engine_stop(self.c, now_ns)
        end = engine_drain(self.c)
        page_view_show(self.c, end)
        return end

    # --- what it knows

    def _name(self, symbol):
        return getattr(symbol, "name", symbol)

    def wants_snapshot(self) -> list:
        """Names of the symbols whose REST book is to be fetched, those that are `refreshing` among them."""
        return [spec.name for i, spec in enumerate(self.symbols)
                if market_sync(self.c.markets[i]).wants_snapshot or market_sync(self.c.markets[i]).refreshing]

    def refreshing(self, symbol) -> bool:
        """The book is in sync and wants a fresh snapshot: to be handed in once `update_id` has reached its lastUpdateId."""
        return market_sync(self.c.markets[self.symbols.index(symbol)]).refreshing != 0

    def update_id(self, symbol) -> int:
        """The id of a symbol's book: lastUpdateId of the snapshot, then `u` of the last update applied."""
        return market_sync(self.c.markets[self.symbols.index(symbol)]).id

    def trade_id(self, symbol) -> int:
        """Id of a symbol's newest trade; 0 before the first."""
        return self.c.markets[self.symbols.index(symbol)].trade_id

    def delay_ns(self, symbol) -> int:
        """How much later the newest stamped message was handled than the least delay of ten minutes lets it (rule 2)."""
        return self.c.markets[self.symbols.index(symbol)].delay_ns

    def book_status(self, symbol) -> str:
        """``synced`` (in sync, both sides quoted), ``suspect`` (was so, is not now) or ``syncing`` (never was)."""
        return names.BOOK_STATUS[market_book_status(self.c.markets[self.symbols.index(symbol)], self.c.now)]

    def synced(self, symbol) -> bool:
        return market_sync(self.c.markets[self.symbols.index(symbol)]).state == SYNC_SYNCED

    def generation(self, symbol) -> int:
        """Books begun for a symbol."""
        return market_sync(self.c.markets[self.symbols.index(symbol)]).generation

    @property
    def halted(self) -> bool:
        """A fault has halted trading."""
        return self.c.account.fault < 0

    @property
    def fault(self):
        """Name of the fault that halted trading, or None."""
        return status_table.name(self.c.account.fault) if self.c.account.fault < 0 else None

    @property
    def killed(self) -> bool:
        return self.c.account.kill_on != 0

    @property
    def kill_reason(self):
        """Why the kill switch is on, or None."""
        return status_table.name(self.c.out.page.header.kill_reason) if self.c.account.kill_on else None

    @property
    def missing_trades(self) -> int:
        """Trade ids that were never seen, over all symbols."""
        cdef int32_t i
        return sum([self.c.markets[i].missing_trades for i in range(self.c.n_symbols)])

    @property
    def now_ns(self) -> int:
        """`now` of the newest input."""
        return self.c.now

    @property
    def memory_bytes(self) -> int:
        """The engine's own memory, had at start and never more: markets, account, log of fills."""
        return self.memory_size

    @property
    def journal_room(self) -> int:
        """Records that fit in the journal now."""
        return journal_room(self.c.out.journal)

    def makes_room(self, int64_t room=0) -> bool:
        """Has the journal room for all that the next input may cause, and for `room` records? Without it new orders are refused;
        who drives an engine from memory drains the journal then."""
        return engine_makes_room(self.c, room)

    @property
    def held(self) -> int:
        """Messages that wait for room in the journal; see `release`."""
        return self.c.held

    @property
    def trades(self) -> list:
        """The newest fills, oldest first, as `Fill`; at most `fill_log` of them."""
        cdef int64_t first = max(0, self.c.out.fills.count - self.c.out.fills.capacity)
        return [fill_from(&self.c.out.fills.records[n % self.c.out.fills.capacity], self.symbols)
                for n in range(first, self.c.out.fills.count)]

    def touch(self, symbol, *, bint base=False):
        """(bid, bid quantity, ask, ask quantity) as decimals, None for an empty side; `base`: without the bookTicker."""
        cdef Spec spec = self.symbols.spec(symbol)
        cdef Book* b = market_book(self.c.markets[self.symbols.index(symbol)])
        out = []
        for side in (BID, ASK):
            price = book_base_best(b, side) if base else book_best(b, side)
            qty = book_base_best_qty(b, side) if base else book_best_qty(b, side)
            out += [spec.price(price), spec.qty(qty)] if price else [None, None]
        return tuple(out)

    def book_hash(self, symbol) -> int:
        return book_hash(market_book(self.c.markets[self.symbols.index(symbol)]))

    def state_hash(self, symbol) -> int:
        """64 bits over book, position, orders (the resting ones as the exchange has them) and strategy of a symbol: two runs
        that differ in one differ here. What is not in it, commands and reports under way for one, rule 34 says. It walks
        every level of the book."""
        cdef int i = self.symbols.index(symbol)
        return state_hash(self.c.account, i, market_book(self.c.markets[i]))

    @property
    def journal_waits(self) -> int:
        """Times messages began to be held because the journal had no room."""
        return self.c.out.page.counters.journal_waits

    @property
    def commands_under_way(self) -> int:
        """Orders and cancels on their way to the exchange."""
        return account_broker(self.c.account).n_commands

    def features(self, symbol) -> FeatureVector:
        """The feature vector as of the newest message; NaN where there is no value."""
        cdef int i = self.symbols.index(symbol)
        cdef FeatureUnits units = feature_units(self.symbols.all[i])
        return FeatureVector.of(&self.c.markets[i].features, &units)

    def position(self, symbol):
        """Signed position in base units, as the strategy was told."""
        cdef int i = self.symbols.index(symbol)
        return self.symbols.all[i].qty(position_at(account_positions(self.c.account), i).qty)

    def pnl(self, symbol) -> PnlView:
        """Profit and loss of one symbol."""
        cdef int i = self.symbols.index(symbol)
        return pnl_of(account_positions(self.c.account), i, self.symbols.all[i])

    def latency(self, which="tick_to_trade") -> Histogram:
        """A histogram of the state page: tick_to_trade, tick or features."""
        return self.page.histogram(which)

    def counted(self, str reason not None) -> int:
        """Times that a reject, skip or drop of this reason (its name in docs/status.md) was counted."""
        page_view_counters(self.c)
        return self.c.out.page.counters.status[status_table.CODES[reason]]

    def counters(self) -> dict:
        """Everything that is counted, as `StatePage` reads it."""
        page_view_counters(self.c)
        return self.page.read()["counters"]
