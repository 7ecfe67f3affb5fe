"""What a strategy in Python sees of a run, and by which it acts."""

from decimal import Decimal
from random import Random

from libc.math cimport NAN, ceil, fabs, floor, isfinite, rint
from libc.string cimport memset

from hft._core.base.intent cimport side_from
from hft._core.base.intent import TIFS
from hft._core.base.order_report import OrderReport, MarketTrade
from hft._core.base.types cimport (
    ASK, BID, BUY, BUYER_IS_MAKER, GTX, IOC, LIMIT, MARKET, NO_PRICE, REDUCE_ONLY, SELL, Level,
)
from hft._core.market.book cimport book_best, book_best_qty, book_imbalance, book_qty, book_top
from hft._core.market.features cimport FeatureVector
from hft._core.market.features cimport feature_units
from hft._core.market.market_state cimport market_book, market_book_synced
from hft._core.trade.orders cimport Order, order_view, orders_find, orders_first, orders_next
from hft._core.trade.position cimport pnl_of, position_at
from hft._core.trade.strategy cimport ask_amend, ask_cancel, ask_cancel_all, ask_new, ask_stop, ask_timer

MOST_LEVELS = 1000
NEAR = 1e-6
"""A price or quantity that is off a whole number of units by less than this part of one is meant to be it: 0.3 / 0.1 is no 3."""
MOST_UNITS = 2.0**53

STALE = "a strategy's context is good while one of its callbacks runs, and not afterwards; keep the figures, not the context"


cdef class CallbackState:
    """What the contexts and books of one strategy share."""


cdef class BookView:
    """The book of a symbol as a strategy sees it. Prices are in quote units and quantities in base units, as floats; NaN where a
    side is empty."""

    cdef Book* _book(self) except NULL:
        if self.state.c == NULL:
            raise RuntimeError(STALE)
        return market_book(self.state.c.markets[self.index])

    cdef double _best(self, int side) except? -1:
        cdef int64_t price = book_best(self._book(), side)
        return price * self.units.tick if price != NO_PRICE else NAN

    cdef double _best_qty(self, int side) except? -1:
        return book_best_qty(self._book(), side) * self.units.quantum

    cdef list _levels(self, int side, int n):
        cdef Level levels[1000]
        cdef int i
        if not 0 <= n <= MOST_LEVELS:
            raise ValueError(f"levels {n} must be from 0 to {MOST_LEVELS}")
        n = book_top(self._book(), side, n, levels)
        return [(levels[i].price * self.units.tick, levels[i].qty * self.units.quantum) for i in range(n)]

    @property
    def bid(self) -> float:
        """The best price that somebody buys at."""
        return self._best(BID)

    @property
    def ask(self) -> float:
        """The best price that somebody sells at."""
        return self._best(ASK)

    @property
    def bid_qty(self) -> float:
        return self._best_qty(BID)

    @property
    def ask_qty(self) -> float:
        return self._best_qty(ASK)

    @property
    def mid(self) -> float:
        return 0.5 * (self._best(BID) + self._best(ASK))

    @property
    def spread(self) -> float:
        return self._best(ASK) - self._best(BID)

    @property
    def synced(self) -> bool:
        """In sync, with both sides quoted: new orders may be sent."""
        cdef Book* book = self._book()
        return book != NULL and market_book_synced(self.state.c.markets[self.index], self.state.c.now)

    def bids(self, int n=10) -> list:
        """The best `n` levels that somebody buys at, best first: (price, quantity) of each."""
        return self._levels(BID, n)

    def asks(self, int n=10) -> list:
        """The best `n` levels that somebody sells at, best first: (price, quantity) of each."""
        return self._levels(ASK, n)

    def imbalance(self, int n=5) -> float:
        """(bids - asks) / (bids + asks) of the quantities of the best `n` levels, -1 to 1."""
        return book_imbalance(self._book(), n)

    def qty(self, str side not None, double price) -> float:
        """The quantity at a price, of ``"bid"`` or ``"ask"``; 0 where there is none."""
        cdef int which = {"bid": BID, "ask": ASK}[side]
        return book_qty(self._book(), which, <int64_t>rint(price / self.units.tick)) * self.units.quantum

    def __repr__(self):
        if self.state.c == NULL:
            return "BookView(out of date)"
        return f"BookView({self.bid_qty:g} @ {self.bid:.12g} | {self.ask:.12g} @ {self.ask_qty:g})"


cdef class StrategyContext:
    """One symbol, as a strategy sees it and acts on it; good while a callback runs, RuntimeError afterwards.

    Prices and quantities are floats, in quote and base units. What is given to `buy`, `sell` and `amend` may be a float, a
    Decimal or decimal text; a quantity is rounded down to the symbol's lot, and a price to its tick away from the market: down
    where it buys, up where it sells.

    Attributes
    ----------
    spec : Spec
        What the venue says about the symbol.
    book : BookView
    """

    cdef Context* _now(self) except NULL:
        if self.state.c == NULL:
            raise RuntimeError(STALE)
        return self.state.c

    cdef Market* _market(self) except NULL:
        return self._now().markets[self.index]

    @property
    def symbol(self) -> str:
        return self.spec.name

    @property
    def symbols(self) -> list:
        """The names of all symbols of the run; `ctx[name]` is the context of each."""
        return [(<StrategyContext>each).spec.name for each in self.state.contexts]

    def __getitem__(self, str symbol not None) -> StrategyContext:
        for each in self.state.contexts:
            if (<StrategyContext>each).spec.name == symbol:
                return each
        raise KeyError(f"{symbol} is no symbol of this run; there are {', '.join(self.symbols)}")

    @property
    def now_ns(self) -> int:
        """The time of the run, in nanoseconds since 1970: when the message was received that is being handled."""
        return self._now().now

    @property
    def tick(self) -> float:
        """The step of the price of an order."""
        return self.spec.c.tick * self.units.tick

    @property
    def lot(self) -> float:
        """The step of the quantity of an order."""
        return self.spec.c.lot * self.units.quantum

    @property
    def bid(self) -> float:
        return self.book._best(BID)

    @property
    def ask(self) -> float:
        return self.book._best(ASK)

    @property
    def mid(self) -> float:
        return 0.5 * (self.book._best(BID) + self.book._best(ASK))

    @property
    def features(self) -> FeatureVector:
        """As of the newest message."""
        return FeatureVector.of(&self._market().features, &self.units)

    @property
    def position(self) -> float:
        """What was reported to be held; below 0: sold short."""
        return position_at(self._now().positions, self.index).qty * self.units.quantum

    @property
    def pnl(self):
        """Profit and loss of the symbol, exact: a `PnlView`."""
        return pnl_of(self._now().positions, self.index, self.spec)

    @property
    def orders(self) -> list:
        """Its open orders, oldest first: an `OrderView` of each."""
        cdef Context* c = self._now()
        cdef const Order* order = orders_first(c.orders)
        cdef list out = []
        while order != NULL:
            if order.symbol == self.index:
                out.append(order_view(order, self.spec))
            order = orders_next(c.orders, order)
        return out

    def order(self, int64_t order_id):
        """An open order by its id, as an `OrderView`; None once nothing can happen to it any more."""
        cdef const Order* order = orders_find(self._now().orders, order_id)
        return None if order == NULL else order_view(order, (<StrategyContext>self.state.contexts[order.symbol]).spec)

    @property
    def random(self):
        """A `random.Random` of the run's seed: the same numbers whenever the run is done again."""
        if self.state.random is None:
            self.state.random = Random(self.state.seed)
        return self.state.random

    # --- acting

    def buy(self, qty, price=None, *, str tif not None="GTC", bint post_only=False, bint reduce_only=False) -> int:
        """Send an order to buy. `price`: its limit, or None for a market order.

        Parameters
        ----------
        tif : ``"GTC"``, ``"IOC"`` or ``"FOK"``
        post_only : bool
            Refused by the venue where it would trade at once.
        reduce_only : bool
            The venue lets it only bring the position nearer to zero.

        Returns the order's id; 0 if the strategy has asked for more at one time than it may (counted as ``intents_full``).
        `on_order` and `on_fill` report on the order, also if a risk limit refuses it. ValueError for a price or quantity that is
        not a positive number.
        """
        return self._order(BUY, qty, price, tif, post_only, reduce_only)

    def sell(self, qty, price=None, *, str tif not None="GTC", bint post_only=False, bint reduce_only=False) -> int:
        """Send an order to sell; like `buy`."""
        return self._order(SELL, qty, price, tif, post_only, reduce_only)

    def send(self, str side not None, qty, price=None, *, str tif not None="GTC", bint post_only=False,
             bint reduce_only=False) -> int:
        """Send an order of a side, ``"buy"`` or ``"sell"``; like `buy`."""
        return self._order(side_from(side), qty, price, tif, post_only, reduce_only)

    def amend(self, order, *, qty=None, price=None) -> int:
        """Change an open order, given by its id or as an `OrderView`: its quantity, of which what has filled is a part, or its
        price, or both. Its id; 0 as for `buy`. ValueError for an order that is not open."""
        cdef Context* c = self._now()
        cdef int64_t order_id = getattr(order, "id", order)
        cdef const Order* found = orders_find(c.orders, order_id)
        if found == NULL or found.symbol != self.index:
            raise ValueError(f"{order_id} is no open order of {self.spec.name}")
        return ask_amend(c, self.index, order_id, found.price if price is None else self._ticks(price, found.side),
                         found.qty if qty is None else self._quanta(qty))

    def cancel(self, order) -> int:
        """Cancel an open order, given by its id or as an `OrderView`. Its id; 0 as for `buy`."""
        return ask_cancel(self._now(), self.index, getattr(order, "id", order))

    def cancel_all(self, *, bint every_symbol=False) -> bool:
        """Cancel the open orders of this symbol, or of every symbol. False where too much was asked for at one time."""
        return ask_cancel_all(self._now(), -1 if every_symbol else self.index)

    def set_timer(self, double seconds) -> None:
        """`on_timer` is called after so many seconds of the run's time; once, and instead of an earlier timer that still runs."""
        cdef Context* c = self._now()
        if not 0.0 <= seconds <= 1e6:
            raise ValueError(f"seconds {seconds} must be from 0 to 1,000,000")
        ask_timer(c, c.now + <int64_t>rint(seconds * 1e9))

    def stop(self) -> None:
        """MarketTrade no more in this run: open orders are cancelled, and no callback follows but `on_fill` and `on_order`."""
        ask_stop(self._now())

    cdef int64_t _quanta(self, qty) except -1:
        cdef double x, near
        cdef int64_t quanta
        if isinstance(qty, (Decimal, str)):
            x = float(qty)
            quanta = int(Decimal(qty) / self.spec.quantum) if isfinite(x) and 0.0 < x < MOST_UNITS * self.units.quantum else -1
        else:
            x = qty
            near = rint(x / self.units.quantum)
            quanta = -1
            if isfinite(x) and 0.0 < near < MOST_UNITS or x > 0.0 and near == 0.0:
                quanta = <int64_t>(near if fabs(x / self.units.quantum - near) < NEAR else floor(x / self.units.quantum))
        if quanta < 0:
            raise ValueError(f"quantity {qty!r} must be above 0")
        return quanta - quanta % self.spec.c.lot

    cdef int64_t _ticks(self, price, int side) except -1:
        cdef double x = float(price), exact, near
        cdef int64_t step = self.spec.c.tick
        exact = x / (self.units.tick * step)
        if not isfinite(x) or not 0.0 < exact < MOST_UNITS:
            raise ValueError(f"price {price!r} must be above 0")
        near = rint(exact)
        if fabs(exact - near) >= NEAR:
            near = floor(exact) if side == BUY else ceil(exact)
        return <int64_t>near * step

    cdef object _order(self, int side, qty, price, str tif, bint post_only, bint reduce_only):
        cdef Context* c = self._now()
        cdef Intent intent
        memset(&intent, 0, sizeof(Intent))
        if tif not in ("GTC", "IOC", "FOK"):
            raise ValueError(f"time in force {tif!r} must be GTC, IOC or FOK; post_only=True is another")
        if post_only and (price is None or tif != "GTC"):
            raise ValueError("a post-only order has a price, and stays until it is cancelled")
        intent.symbol = self.index
        intent.side = side
        intent.qty = self._quanta(qty)
        intent.type = MARKET if price is None else LIMIT
        intent.price = 0 if price is None else self._ticks(price, side)
        intent.tif = IOC if price is None else GTX if post_only else <int>TIFS[tif]
        intent.flags = REDUCE_ONLY if reduce_only else 0
        return ask_new(c, &intent)

    def __repr__(self):
        if self.state.c == NULL:
            return f"StrategyContext({self.spec.name}, out of date)"
        return f"StrategyContext({self.spec.name}, {self.now_ns}, {self.book!r}, position={self.position:g})"


cdef StrategyContext context_of(CallbackState state, int32_t index, Spec spec):
    """The context of a symbol, its book too."""
    cdef StrategyContext self = StrategyContext.__new__(StrategyContext)
    self.book = BookView.__new__(BookView)
    self.state = self.book.state = state
    self.index = self.book.index = index
    self.units = self.book.units = feature_units(spec)
    self.spec = spec
    return self


cdef object trade_of(const Message* m, const FeatureUnits* units):
    side = "sell" if m.flags & BUYER_IS_MAKER else "buy"
    return MarketTrade(m.price * units.tick, m.qty * units.quantum, side, m.last_id, m.venue_ns)


cdef object report_of(const Report* r, Spec spec):
    return OrderReport.of(
        spec, r.kind, r.order_id, r.side, r.price, r.qty, r.leaves, r.fee, in_base=r.fee_in_base, maker=bool(r.maker),
        book_status=r.book_status, reason=r.reason, exch_ns=r.exch_ns, reported_ns=r.due_ns)
