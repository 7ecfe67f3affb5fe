# A part of `engine`: read access to markets and accounts. Nothing here changes state.

from hft._core.base.histogram cimport Histogram
from hft._core.base.types cimport ASK, BID, Spec, int32_t, int64_t
from hft._core.engine.digest cimport DIGEST_PARTS, Digests, digests_take, state_hash
from hft._core.engine.page_view cimport page_view_counters
from hft._core.engine.tick cimport engine_makes_room, engine_room
from hft._core.market.book cimport Book, book_base_best, book_base_best_qty, book_best, book_best_qty, book_content_hash
from hft._core.market.features cimport FeatureUnits, FeatureVector, feature_units
from hft._core.market.market_state cimport market_book, market_book_status, market_sync
from hft._core.market.sync cimport SYNC_SYNCED
from hft._core.record.output cimport FillLog, fill_from
from hft._core.trade.position cimport PnlView, pnl_of, position_at

from hft._core.base import status as status_table
from hft._core.record import names


PARTS = (
    "engine", "market", "clock", "sync", "book", "features", "flow", "series", "exchange", "taken", "resting", "reports",
    "trader", "strategy", "risk", "orders", "position",
)
"""The parts of a symbol's state that have digests, in the order of data flow."""
assert len(PARTS) == DIGEST_PARTS


cdef class EngineView(FrameSink):
    """Read access to an `Engine`. `symbol` is a name or a `Spec`, `account` the number of an account, from 0."""

    def __cinit__(self, *args, **kwargs):
        if type(self) is EngineView:
            raise TypeError("an EngineView is part of an Engine: create an Engine")

    cdef Market* _market(self, symbol) except NULL:
        return self.c.markets[<int>self.symbols.index(symbol)]

    cdef Account* _account(self, int64_t account) except NULL:
        if not 0 <= account < self.c.n_accounts:
            raise IndexError(f"account {account} is not one of the engine's {self.c.n_accounts}")
        return &self.c.accounts[account]

    def wants_snapshot(self) -> list:
        """Names of the symbols whose REST book must be fetched, including those that are `refreshing`."""
        return [spec.name for i, spec in enumerate(self.symbols)
                if market_sync(self.c.markets[i]).wants_snapshot or market_sync(self.c.markets[i]).refreshing]

    def refreshing(self, symbol) -> bool:
        """Whether the book is in sync and wants a fresh snapshot, to be passed once `update_id` has reached its lastUpdateId."""
        return market_sync(self._market(symbol)).refreshing != 0

    def update_id(self, symbol) -> int:
        """The id of a symbol's book: lastUpdateId of the snapshot, then `u` of the last applied update."""
        return market_sync(self._market(symbol)).id

    def trade_id(self, symbol) -> int:
        """Id of a symbol's newest trade; 0 before the first."""
        return self._market(symbol).trade_id

    def delay_ns(self, symbol) -> int:
        """Delay of the newest stamped message beyond the least delay of ten minutes (rule 2)."""
        return self._market(symbol).delay_ns

    def book_status(self, symbol) -> str:
        """``synced`` (in sync, both sides quoted), ``suspect`` (was in sync before) or ``syncing`` (never in sync so far)."""
        return names.BOOK_STATUS[market_book_status(self._market(symbol), self.c.now)]

    def synced(self, symbol) -> bool:
        return market_sync(self._market(symbol)).state == SYNC_SYNCED

    def generation(self, symbol) -> int:
        """Number of books begun for a symbol."""
        return market_sync(self._market(symbol)).generation

    @property
    def halted(self) -> bool:
        """Whether a fault has halted trading."""
        return self.c.accounts[0].trader.state.fault < 0

    @property
    def fault(self):
        """Name of the fault that halted trading, or None."""
        cdef int64_t fault = self.c.accounts[0].trader.state.fault
        return status_table.name(fault) if fault < 0 else None

    @property
    def killed(self) -> bool:
        return self.c.accounts[0].kill_on != 0

    @property
    def kill_reason(self):
        """The reason of the kill switch, or None if it is off."""
        return status_table.name(self.c.page.header.kill_reason) if self.killed else None

    @property
    def missing_trades(self) -> int:
        """Missing trade ids, over all symbols."""
        cdef int32_t i
        return sum([self.c.markets[i].missing_trades for i in range(self.c.n_symbols)])

    @property
    def now_ns(self) -> int:
        """`now` of the newest input."""
        return self.c.now

    @property
    def journal_room(self) -> int:
        """Free records in the journal."""
        return engine_room(self.c)

    def makes_room(self, int64_t room=0) -> bool:
        """Whether the journal has room for all records of the next input, and for `room` more. Without it new orders are refused,
        and a caller that replays from memory must drain the journal."""
        return engine_makes_room(self.c, room)

    @property
    def held(self) -> int:
        """Number of messages held until the journal has room; see `release`."""
        return self.c.held

    @property
    def n_accounts(self) -> int:
        return self.c.n_accounts

    @property
    def trades(self) -> list:
        """The newest fills of the first account, as returned by `fills`."""
        return self.fills()

    def fills(self, int64_t account=0) -> list:
        """The newest fills of an account, oldest first, as `Fill`; at most `fill_log` of them."""
        cdef FillLog* log = &self._account(account).out.fills
        cdef int64_t n
        return [fill_from(&log.records[n % log.capacity], self.symbols)
                for n in range(max(0, log.count - log.capacity), log.count)]

    def touch(self, symbol, *, bint base=False):
        """(bid, bid quantity, ask, ask quantity) as decimals, None for an empty side; `base`: without the bookTicker."""
        cdef Spec spec = self.symbols.spec(symbol)
        cdef Book* b = market_book(self._market(symbol))
        out = []
        for side in (BID, ASK):
            price = book_base_best(b, side) if base else book_best(b, side)
            qty = book_base_best_qty(b, side) if base else book_best_qty(b, side)
            out += [spec.price(price), spec.qty(qty)] if price else [None, None]
        return tuple(out)

    def book_hash(self, symbol) -> int:
        """64 bits over the content of a symbol's book: levels, bookTicker, update ids."""
        return book_content_hash(market_book(self._market(symbol)))

    def state_hash(self, symbol, int64_t account=0) -> int:
        """64 bits over all state that can affect the future of a symbol and an account (rule 34). Between inputs only."""
        return state_hash(self.c, self._account(account), self.symbols.index(symbol))

    def digests(self, symbol, int64_t account=0) -> dict:
        """The state hash by part: the names of `PARTS`, each with its 64 bits."""
        cdef Digests found
        digests_take(self.c, self._account(account), self.symbols.index(symbol), &found)
        return {name: found.part[k] for k, name in enumerate(PARTS)}

    def digest_texts(self, symbol, int64_t account=0) -> dict:
        """The digests as in recordings, 16 hexadecimal digits each."""
        return {name: f"{value:016x}" for name, value in self.digests(symbol, account).items()}

    @property
    def journal_waits(self) -> int:
        """How often messages began to be held because the journal had no room."""
        return self.c.page.counters.journal_waits

    @property
    def commands_under_way(self) -> int:
        """Orders, amends and cancels of the first account under way to the exchange."""
        return self.c.accounts[0].execution.broker.n_commands

    def features(self, symbol) -> FeatureVector:
        """The feature vector as of the newest message; NaN for a feature without a value."""
        cdef int i = self.symbols.index(symbol)
        cdef FeatureUnits units = feature_units(self.symbols.all[i])
        return FeatureVector.of(&self.c.markets[i].features, &units)

    def position(self, symbol, int64_t account=0):
        """Signed position of an account in base units, as reported to its strategy."""
        cdef int i = self.symbols.index(symbol)
        return self.symbols.all[i].qty(position_at(self._account(account).trader.context.positions, i).qty)

    def pnl(self, symbol, int64_t account=0) -> PnlView:
        """Profit and loss of an account in one symbol."""
        cdef int i = self.symbols.index(symbol)
        return pnl_of(self._account(account).trader.context.positions, i, self.symbols.all[i])

    def latency(self, which="tick_to_trade") -> Histogram:
        """A histogram of the state page: tick_to_trade, tick or features."""
        return self.page.histogram(which)

    def counted(self, str reason not None, int64_t account=0) -> int:
        """Count of a reject, skip or drop with this reason (its name in docs/status.md). Those of the markets are counted
        with the first account."""
        page_view_counters(self.c)
        return self._account(account).out.page.counters.status[status_table.CODES[reason]]

    def counters(self) -> dict:
        """All counters of the markets and the first account, as `StatePage` reads them."""
        page_view_counters(self.c)
        return self.page.read()["counters"]
