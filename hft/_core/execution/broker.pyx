"""The paper broker: fills own orders as the exchange would have, from the market data passed to it."""

from libc.string cimport memset

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport (
    BUYER_IS_MAKER, CMD_NEW, IOC, MSG_AGG_TRADE, MSG_BOOK_TICKER, MSG_DEPTH, MSG_TRADE, NOT_MARKET, SELL, Message, Report,
)
from hft._core.execution.queue cimport (
    LEDGER_ENTRIES, PROB_LOG, PROB_LOG2, PROB_POWER, PROB_POWER2, PROB_POWER3, RISK_AVERSE, Ledger, LedgerEntry, QueuePosition,
)
from hft._core.execution.rescale cimport broker_expire_misfits, broker_rescale
from hft._core.execution.resting cimport OwnLevel, Resting, resting_rank
from hft._core.execution.taking cimport USED_LEVELS, Used, UsedLevel, used_find
from hft._core.market.book cimport book_overlay

from hft._core.base.checks import DAY_MS, above, choice, nanoseconds, whole
from hft._core.base.order_report import OrderReport

QUEUE_MODELS = {
    "risk_averse": RISK_AVERSE, "log": PROB_LOG, "log2": PROB_LOG2, "power": PROB_POWER, "power2": PROB_POWER2,
    "power3": PROB_POWER3,
}
SIDES = {"buy": BUY, "sell": SELL}
TIMES_IN_FORCE = {"gtc": GTC, "ioc": IOC, "fok": FOK, "post_only": GTX}

assert sizeof(RestingOrder) == 64 and sizeof(QueuePosition) == 16 and sizeof(LedgerEntry) == 24
assert sizeof(UsedLevel) == 24 and sizeof(Used) == 32 + USED_LEVELS * sizeof(UsedLevel)
assert sizeof(Ledger) == 16 + LEDGER_ENTRIES * sizeof(LedgerEntry) and sizeof(OwnLevel) == 64 + 2 * sizeof(Ledger)
assert sizeof(Resting) == 64 and sizeof(BrokerParams) == 48 and sizeof(Broker) == 48 + 8 * 8 + 6 * 4
assert sizeof(BrokerSymbol) == 40 + 24 + 8 * 8 + 8 * 4 + sizeof(Used)


cdef class PaperBroker:
    """One symbol's simulated exchange.

    Assumptions:

    * Own orders do not move the market. Quantity that a taker took is gone from its level until the venue shows that level again;
      own orders never trade with each other.
    * A command takes effect ``entry_latency`` after it was sent, just before the first event stamped later, or by timer when no
      event comes for ``max_feed_delay``. Commands never overtake each other.
    * Takers walk the displayed book and pay the taker fee on each level's fill. The rest of a crossing limit order rests.
    * A resting order joins behind the quantity displayed. Trades at its price move it forward, as do decreases, by the queue
      model's rule; an event shown both as a trade and as a decrease counts once, in either order.
    * It fills when a trade prints through its price or, at its price, once the queue before it is served; and when the
      opposite touch reaches its price, up to the quantity available there. Fills from one trade never exceed its quantity: own
      orders share it, by price and time. Maker fee, own price.
    * While the book is not in sync nothing can be taken and queues do not move; trades through the price still fill, marked
      ``suspect``.

    Parameters
    ----------
    spec : Spec
        Scales and fee rates.
    book : OrderBook
        The venue's book. The caller keeps it up to date and calls `book_changed` after each change.
    entry_latency_ms, response_latency_ms, max_feed_delay_ms : float
        At least 0.
    queue_model : str
        ``"risk_averse"`` (a decrease that no trade explains was behind the order), ``"log"``, ``"log2"``, ``"power"``,
        ``"power2"``, ``"power3"`` (probabilistic, as in hftbacktest).
    queue_exponent : float
        The exponent of the power models, above 0.
    max_orders, max_commands : int
        Limits on resting orders and on commands under way. Beyond them: rejected (``resting_full``), RuntimeError.

    Prices and quantities are decimal text (or Decimal), times integer nanoseconds. Every method that can make reports returns
    them as a list of `OrderReport`.

    >>> from hft._core.market.book import OrderBook
    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001", maker_fee="0.0002", taker_fee="0.0005")
    >>> book = OrderBook(spec)
    >>> book.snapshot([("61800.0", "2")], [("61800.1", "1"), ("61800.2", "5")], 1)
    0
    >>> broker = PaperBroker(spec, book, entry_latency_ms=20)
    >>> order = broker.submit("buy", "1.5", "61800.2", tif="ioc", sent_ns=0)
    >>> for report in broker.arrivals(v_ns=30_000_000):
    ...     print(report.kind, report.price, report.qty, report.fee)
    accepted 0.0 0.000 0
    fill 61800.1 1.000 30.90005
    fill 61800.2 0.500 15.45005
    >>> maker = broker.submit("sell", "1", "61800.3", sent_ns=30_000_000)
    >>> broker.trade("61800.4", "0.4", buyer_is_maker=False, v_ns=60_000_000)[-1].qty
    Decimal('0.400')
    >>> broker.position, broker.leaves(maker)
    (Decimal('1.100'), Decimal('0.600'))
    """

    def __init__(self, Spec spec not None, OrderBook book not None, *, entry_latency_ms=20, response_latency_ms=5,
                 max_feed_delay_ms=50, queue_model="risk_averse", queue_exponent=3.0, max_orders=64, max_commands=1000):
        if self.broker != NULL:
            raise RuntimeError("a PaperBroker is initialised once")
        cdef BrokerParams params
        params.entry_latency_ns = nanoseconds("entry_latency_ms", entry_latency_ms, 0, DAY_MS)
        params.response_latency_ns = nanoseconds("response_latency_ms", response_latency_ms, 0, DAY_MS)
        params.max_feed_delay_ns = nanoseconds("max_feed_delay_ms", max_feed_delay_ms, 0, DAY_MS)
        params.queue_kind = QUEUE_MODELS[choice("queue_model", queue_model, QUEUE_MODELS)]
        params.queue_exponent = float(above("queue_exponent", queue_exponent, 100))
        params.symbols = 1
        params.max_orders = whole("max_orders", max_orders, 1, 65_536)
        params.max_commands = whole("max_commands", max_commands, 1, 65_536)
        self.broker = <Broker*>hft_alloc(broker_size(&params))
        broker_init(self.broker, &params)
        broker_add(self.broker, 0, &spec.c)
        broker_on_resync(self.broker, 0, &spec.c, book.book, 0, False)
        self.spec = spec
        self.book = book
        self.last_order_id = 0
        self.last_trade_id = 0

    def __dealloc__(self):
        hft_free(self.broker)

    # ---- commands

    def submit(self, str side not None, qty, price=None, *, tif="gtc", bint market=False, bint reduce_only=False,
               int64_t sent_ns) -> int:
        """Send an order; returns its id. It takes effect in `arrivals` or `timers`.

        ``side``: ``"buy"`` or ``"sell"``. ``market``: a market order; ``price`` is then its collar, None means
        unbounded. ``tif``: ``"gtc"``, ``"ioc"``, ``"fok"`` or ``"post_only"``; a market order's is always ``"ioc"``.
        """
        if price is None and not market:
            raise ValueError("a limit order needs a price")
        cdef Command c = self._limit(side, qty, price, tif, reduce_only)
        c.kind = CMD_NEW
        if market:
            c.type, c.tif = MARKET, IOC
        c.order_id = self.last_order_id + 1
        self._send(&c, sent_ns)
        self.last_order_id = c.order_id
        return c.order_id

    cdef Command _limit(self, str side, qty, price, tif, bint reduce_only) except *:
        """The command of a limit order, except its kind and id."""
        cdef Command c
        memset(&c, 0, sizeof(Command))
        if side not in SIDES:
            raise ValueError(f"side {side!r} must be 'buy' or 'sell'")
        if tif not in TIMES_IN_FORCE:
            raise ValueError(f"tif {tif!r} must be one of {', '.join(TIMES_IN_FORCE)}")
        c.price = self.spec.ticks(price) if price is not None else 0
        c.qty = self.spec.quanta(qty)
        if price is not None and c.price <= 0:
            raise ValueError(f"price {price} must be above zero")
        if c.qty <= 0 or c.qty % self.spec.c.lot:
            raise ValueError(f"quantity {qty} must be a positive multiple of the step {self.spec.step}")
        c.side = SIDES[side]
        c.type = LIMIT
        c.tif = TIMES_IN_FORCE[tif]
        c.flags = REDUCE_ONLY if reduce_only else 0
        return c

    def cancel(self, int64_t order_id, *, int64_t sent_ns) -> None:
        """Send a cancel; a ``canceled`` or ``cancel_rejected`` report answers it when it takes effect."""
        cdef Command c
        memset(&c, 0, sizeof(Command))
        if not 1 <= order_id <= self.last_order_id:
            raise ValueError(f"order {order_id} was never submitted")
        c.kind = CMD_CANCEL
        c.order_id = order_id
        self._send(&c, sent_ns)

    def amend(self, int64_t order_id, str side not None, qty, price, *, tif="gtc", bint reduce_only=False,
              int64_t sent_ns) -> None:
        """Send an amend of a limit order: a new total quantity (including the filled part) and a new price; all else stays
        as submitted. The report is ``amended``, ``amend_rejected`` or, if the order has filled that much already or can't rest
        at that price, ``canceled``. A smaller quantity at the same price keeps its place in the queue."""
        if not 1 <= order_id <= self.last_order_id:
            raise ValueError(f"order {order_id} was never submitted")
        cdef Command c = self._limit(side, qty, price, tif, reduce_only)
        c.kind = CMD_AMEND
        c.order_id = order_id
        self._send(&c, sent_ns)

    cdef int _send(self, Command* c, int64_t sent_ns) except -1:
        c.sent_ns = sent_ns
        if broker_submit(self.broker, c) != OK:
            raise RuntimeError(f"order_channel_full: {self.broker.params.max_commands} commands are under way")
        return 0

    # ---- time and market data

    cdef list _drain(self, int64_t now):
        """The waiting reports, for Python."""
        cdef list out = []
        cdef Report* r
        cdef int32_t i
        for i in range(self.broker.n_reports):
            r = broker_reports(self.broker) + i
            out.append(OrderReport.of(
                self.spec, r.kind, r.order_id, r.side, r.price, r.qty, r.leaves, r.fee, in_base=r.fee_in_base,
                maker=bool(r.maker), book_status=r.book_status, reason=r.reason, exch_ns=r.exch_ns,
                reported_ns=broker_report_due(self.broker, 0, r.exch_ns, now)))
        self.broker.n_reports = 0
        return out

    cdef list _effect(self, int64_t now, bint timer):
        cdef list out = []
        cdef int more = 1
        while more:
            more = (broker_expiries if timer else broker_arrivals)(self.broker, 0, &self.spec.c, self.book.book, now)
            out += self._drain(now)
        return out

    def arrivals(self, int64_t v_ns) -> list:
        """Commands due before `v_ns` take effect. Call it before the book is changed by an event stamped `v_ns`."""
        return self._effect(v_ns, False)

    def timers(self, int64_t now_ns) -> list:
        """Commands that waited longer than ``max_feed_delay`` for market data take effect."""
        return self._effect(now_ns, True)

    def trade(self, price, qty, *, bint buyer_is_maker, int64_t v_ns, trade_id=None, int64_t venue_ns=0, bint market=True,
              bint aggregate=False) -> list:
        """A print: arrivals first, then own orders fill.

        ``buyer_is_maker``: a sell hit the bid. ``v_ns``: on the venue clock; ``venue_ns``: the exchange's own stamp, 0 if none.
        ``trade_id``: an id seen before is ignored; default: the next. ``market`` False: an off-market print; it fills nothing.
        ``aggregate``: an aggTrade; these are ignored after the first plain trade.
        """
        cdef Message m
        memset(&m, 0, sizeof(Message))
        m.kind = MSG_AGG_TRADE if aggregate else MSG_TRADE
        m.price = self.spec.ticks(price)
        m.qty = self.spec.quanta(qty)
        if m.price <= 0 or m.qty <= 0:
            raise ValueError("a trade's price and quantity must be above zero")
        m.venue_ns = venue_ns
        m.flags = (BUYER_IS_MAKER if buyer_is_maker else 0) | (0 if market else NOT_MARKET)
        m.last_id = self.last_trade_id + 1 if trade_id is None else trade_id
        self.last_trade_id = max(self.last_trade_id, m.last_id)
        cdef list out = self._effect(v_ns, False)
        broker_on_trade(self.broker, &self.spec.c, &m, v_ns)
        return out + self._drain(v_ns)

    def book_changed(self, int64_t v_ns, *, int64_t venue_ns=0, bint crossed=False, bint book_ticker=False) -> list:
        """Handle a change of the book by one whole message, stamped as in `trade`; `crossed`: the message crossed it (rule 7b);
        `book_ticker`: it was a bookTicker.

        RuntimeError: a command was due before the event; `arrivals` must be called before the book is changed.
        """
        cdef Message m
        cdef BrokerSymbol* s = broker_symbol(self.broker, 0)
        if s.n_commands and broker_oldest(self.broker, s).due_ns < v_ns:
            raise RuntimeError("a command is due before this event: call arrivals() before the book is changed")
        memset(&m, 0, sizeof(Message))
        m.kind = MSG_BOOK_TICKER if book_ticker else MSG_DEPTH
        m.venue_ns = venue_ns
        broker_on_book(self.broker, &self.spec.c, self.book.book, &m, v_ns, crossed)
        return self._drain(v_ns)

    def desync(self) -> None:
        """The book is not in sync from now on."""
        broker_on_desync(self.broker, 0)

    def resync(self, int64_t v_ns, *, bint crossed=False) -> list:
        """The book is in sync again; `crossed`: after a message that crossed it (rule 7b)."""
        broker_on_resync(self.broker, 0, &self.spec.c, self.book.book, v_ns, crossed)
        return self._drain(v_ns)

    def set_rules(self, OrderBook book not None, *, tick, step, quantum=None, min_qty=0, max_qty=0, min_notional=0,
                  int64_t v_ns) -> list:
        """Set the venue's new rules, with the arguments of `Spec` (SEMANTICS 28). Orders and their queue positions are converted
        exactly; orders that don't fit expire (``venue_rules``). `book` replaces the earlier one, in the units of
        `Spec.ruled`; if these are finer than before, the book is out of sync until `resync`.
        """
        cdef Spec new = self.spec.ruled(tick=tick, step=step, quantum=quantum, min_qty=min_qty, max_qty=max_qty,
                                        min_notional=min_notional)
        cdef int64_t price_factor = int(self.spec.price_unit / new.price_unit)
        cdef int64_t qty_factor = int(self.spec.quantum / new.quantum)
        if price_factor != 1 or qty_factor != 1:
            broker_on_desync(self.broker, 0)
            if not broker_rescale(self.broker, 0, &new.c, price_factor, qty_factor):
                raise OverflowError("a price or quantity exceeds 64 bits in the new units")
        self.spec, self.book = new, book
        broker_expire_misfits(self.broker, 0, &new.c, v_ns)
        return self._drain(v_ns)

    # ---- loops in C, for benchmarks and for counting allocations

    def drive_trades(self, price, qty, int64_t n, *, bint buyer_is_maker, int64_t v_ns) -> int:
        """`n` equal prints, stamped `v_ns` and one nanosecond later each; returns the number of reports, which are dropped."""
        cdef Message m
        cdef int64_t i, reports = 0
        memset(&m, 0, sizeof(Message))
        m.kind = MSG_TRADE
        m.price = self.spec.ticks(price)
        m.qty = self.spec.quanta(qty)
        m.flags = BUYER_IS_MAKER if buyer_is_maker else 0
        m.last_id = self.last_trade_id
        self.last_trade_id += n
        for i in range(n):
            m.last_id += 1
            broker_on_trade(self.broker, &self.spec.c, &m, v_ns + i)
            reports += self.broker.n_reports
            self.broker.n_reports = 0
        return reports

    def drive_book_tickers(self, bid, ask, qty, int64_t n, *, int64_t v_ns, bint match=True) -> int:
        """`n` bookTickers with the same touch, whose quantities alternate between `qty` and a quantum less; as `drive_trades`.
        ``match`` False: only the book, to subtract its share."""
        cdef Message m
        cdef int64_t i, reports = 0
        cdef int64_t most = self.spec.quanta(qty)
        memset(&m, 0, sizeof(Message))
        m.kind = MSG_BOOK_TICKER
        m.price = self.spec.ticks(bid)
        m.ask_price = self.spec.ticks(ask)
        m.last_id = max(self.book.book.base_id, self.book.book.overlay_id)
        for i in range(n):
            m.last_id += 1
            m.qty = most - (i & 1)
            m.ask_qty = m.qty
            book_overlay(self.book.book, &m)
            if match:
                broker_on_book(self.broker, &self.spec.c, self.book.book, &m, v_ns + i)
            reports += self.broker.n_reports
            self.broker.n_reports = 0
        return reports

    # ---- state

    @property
    def position(self):
        """The exchange's account of the position, used for reduce-only."""
        return self.spec.qty(broker_symbol(self.broker, 0).position)

    @property
    def synced(self) -> bool:
        return bool(broker_symbol(self.broker, 0).synced)

    @property
    def next_due_ns(self):
        """The next time at which `timers` has work; None: no command is under way."""
        cdef int64_t due = broker_next_due(self.broker)
        return due if due != INT64_MAX else None

    @property
    def nbytes(self) -> int:
        """Memory in bytes; constant."""
        return broker_size(&self.broker.params)

    @property
    def open_orders(self) -> list:
        """Ids of the resting orders: bids, then asks, best price first, then by time."""
        cdef Resting* r = broker_resting(broker_symbol(self.broker, 0))
        cdef list out = []
        cdef int32_t slot, i
        cdef int side
        for side in range(2):
            for i in range(r.levels[side]):
                slot = resting_level(r, resting_rank(r, side)[i]).first
                while slot != NO_SLOT:
                    out.append(resting_order(r, slot).order_id)
                    slot = resting_order(r, slot).next
        return out

    cdef RestingOrder* _order(self, int64_t order_id) except NULL:
        cdef Resting* r = broker_resting(broker_symbol(self.broker, 0))
        cdef int32_t slot = resting_find(r, order_id) if order_id > 0 else NO_SLOT
        if slot == NO_SLOT:
            raise KeyError(f"order {order_id} does not rest")
        return resting_order(r, slot)

    def leaves(self, int64_t order_id):
        """The open quantity of a resting order; KeyError if it does not rest."""
        return self.spec.qty(self._order(order_id).leaves)

    def queue_ahead(self, int64_t order_id):
        """The quantity before a resting order (F); None if unknown. KeyError as for `leaves`."""
        cdef int64_t front = self._order(order_id).queue.front
        return self.spec.qty(front) if front != FRONT_UNKNOWN else None

    def used(self, str side not None, price):
        """The part of the quantity shown at a price of side ``"bid"`` or ``"ask"`` that own takers used up (rule 9)."""
        cdef UsedLevel* e = used_find(&broker_symbol(self.broker, 0).used, {"bid": BID, "ask": ASK}[side], self.spec.ticks(price))
        return self.spec.qty(e.used if e != NULL else 0)

    @property
    def counters(self) -> dict:
        """Counts of decisions at full capacity, and of ignored prints."""
        return {
            "used_evicted": broker_symbol(self.broker, 0).used.evicted, "ledger_merged": self.broker.ledger_merged,
            "duplicate_trades": self.broker.duplicate_trades, "other_source_trades": self.broker.other_source_trades,
        }
