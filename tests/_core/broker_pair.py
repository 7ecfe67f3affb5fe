"""The compiled broker and its oracle side by side: whatever is done to one is done to both, and every report must agree."""

from hft._core.base.types import Spec
from hft._core.execution.broker import PaperBroker
from hft._core.market.book import OrderBook
from tests.oracle.broker import OracleBroker, View

MS = 1_000_000
UNIT = Spec("UNIT", tick=1, step=1)
BIDS = [(99, 10), (98, 20), (97, 30)]
ASKS = [(101, 10), (102, 20), (103, 30)]


def pair(bids=BIDS, asks=ASKS, spec=UNIT, **options):
    """A pair on this book, whose orders take effect when they are sent."""
    return BrokerPair(spec, **{"entry_latency_ms": 0, **options}).start(bids, asks)


def kinds(reports):
    return [(r.kind, r.reason) for r in reports]


def fills(reports):
    return [(r.order_id, r.price, r.qty) for r in reports if r.kind == "fill"]


def resting(p, side, qty, price, sent=0, **how):
    """An order that rests from right after `sent` on."""
    order_id = p.submit(side, qty, price, sent=sent, **how)
    assert kinds(p.arrivals(sent + 1)) == [("accepted", "")]
    return order_id


class BrokerPair:
    """`spec` gives scales and fees to both; decimals that the compiled side reports are brought back to ticks and quanta."""

    def __init__(self, spec, **options):
        self.spec = spec
        self.book = OrderBook(spec, window_ticks=options.pop("window_ticks", 256))
        self.view = View()
        self.options = options
        self.reports = []
        self.trade_id = 0

    def start(self, bids, asks):
        """Both sides' first snapshot, in ticks and quanta."""
        self.snapshot(bids, asks, 1)
        spec, model = self.spec, self.options.get("queue_model", "risk_averse")
        self.fast = PaperBroker(spec, self.book, **self.options)
        self.slow = OracleBroker(
            self.view, lot=spec.lot, tick_size=spec.tick, quantum=spec.quantum, maker_fee=spec.maker_fee,
            taker_fee=spec.taker_fee, fee_received=spec.fee_asset == "received",
            entry_ns=self.options.get("entry_latency_ms", 20) * MS,
            response_ns=self.options.get("response_latency_ms", 5) * MS,
            max_feed_delay_ns=self.options.get("max_feed_delay_ms", 50) * MS,
            model=model, exponent=self.options.get("queue_exponent", 3.0),
        )
        return self

    # ---- the book

    def _decimals(self, levels):
        return [(self.spec.price(price), self.spec.qty(qty)) for price, qty in levels]

    def snapshot(self, bids, asks, update_id):
        self.book.snapshot(self._decimals(bids), self._decimals(asks), update_id)
        self.view.snapshot(bids, asks, update_id)

    def depth(self, bids, asks, v, venue_ns=0, update_id=None):
        """A depth message in ticks and quanta, at venue time `v`."""
        update_id = self.view.base_id + 1 if update_id is None else update_id
        before = self.arrivals(v)
        self.book.apply(self._decimals(bids), self._decimals(asks), update_id)
        self.view.apply(bids, asks, update_id)
        return before + self.book_changed(v, venue_ns)

    def whole(self, bids, asks, v, levels=0):
        """A whole book, one that does not cross itself."""
        before = self.arrivals(v)
        update_id = self.view.base_id + 1
        assert self.book.whole(self._decimals(bids), self._decimals(asks), update_id, levels) == 0
        assert not self.view.whole(bids, asks, update_id, levels)
        return before + self.book_changed(v)

    def newest(self, bids, asks, v):
        """A depth message; the newer side of what crosses stays."""
        before = self.arrivals(v)
        update_id = self.view.base_id + 1
        found = self.book.apply_newest(self._decimals(bids), self._decimals(asks), update_id)
        assert found == self.view.apply_newest(bids, asks, update_id)
        return before + self.book_changed(v, crossed=found[1] != 0)

    def book_ticker(self, bid, bid_qty, ask, ask_qty, v, venue_ns=0, update_id=None):
        """A bookTicker; by default newer than everything before."""
        if update_id is None:
            update_id = max(self.view.base_id, self.view.overlay[0] if self.view.overlay else 0) + 1
        before = self.arrivals(v)
        (bid_px, bid_q), (ask_px, ask_q) = self._decimals([(bid, bid_qty), (ask, ask_qty)])
        self.book.book_ticker(bid_px, bid_q, ask_px, ask_q, update_id)
        self.view.book_ticker(bid, bid_qty, ask, ask_qty, update_id)
        return before + self.book_changed(v, venue_ns, book_ticker=True)

    def book_changed(self, v, venue_ns=0, crossed=False, book_ticker=False):
        fast = self.fast.book_changed(v, venue_ns=venue_ns, crossed=crossed, book_ticker=book_ticker)
        return self._agree(fast, self.slow.book_changed(v, venue_ns, crossed))

    # ---- commands and events

    def submit(self, side, qty, price=None, *, sent=0, **how):
        decimal = self.spec.price(price) if price else None
        order_id = self.fast.submit(side, self.spec.qty(qty), decimal, sent_ns=sent, **how)
        self.slow.submit(order_id, side, qty, price, sent=sent, **how)
        return order_id

    def cancel(self, order_id, *, sent=0):
        self.fast.cancel(order_id, sent_ns=sent)
        self.slow.cancel(order_id, sent=sent)

    def amend(self, order_id, side, qty, price, *, sent=0, **how):
        self.fast.amend(order_id, side, self.spec.qty(qty), self.spec.price(price), sent_ns=sent, **how)
        self.slow.amend(order_id, side, qty, price, sent=sent, **how)

    def arrivals(self, v):
        return self._agree(self.fast.arrivals(v), self.slow.arrivals(v))

    def timers(self, now):
        return self._agree(self.fast.timers(now), self.slow.timers(now))

    def trade(self, price, qty, v, *, buyer_is_maker, trade_id=None, **how):
        self.trade_id = self.trade_id + 1 if trade_id is None else trade_id
        fast = self.fast.trade(self.spec.price(price), self.spec.qty(qty), buyer_is_maker=buyer_is_maker, v_ns=v,
                               trade_id=self.trade_id, **how)
        slow = self.slow.trade(price, qty, buyer_is_maker=buyer_is_maker, v=v, trade_id=self.trade_id, **how)
        reports = self._agree(fast, slow)
        filled = sum(r.qty for r in reports if r.kind == "fill" and r.maker)
        assert filled <= self.spec.qty(qty), "fills from one trade exceed it"
        return reports

    def desync(self):
        self.fast.desync()
        self.slow.desync()

    def resync(self, v, *, crossed=False):
        return self._agree(self.fast.resync(v, crossed=crossed), self.slow.resync(v, crossed))

    # ---- agreement

    def _plain(self, r):
        side = None if r.kind in ("cancel_rejected", "amend_rejected") else r.side
        return (r.kind, r.order_id, side, self.spec.ticks(r.price), self.spec.quanta(r.qty), self.spec.quanta(r.leaves),
                int(r.fee * 10**8), r.fee_asset, r.maker, r.suspect, r.reason, r.exch_ns, r.reported_ns)

    def _agree(self, fast, slow):
        assert [self._plain(r) for r in fast] == slow
        self.reports += fast
        self.assert_same_state()
        return fast

    def assert_same_state(self):
        slow = self.slow
        assert self.spec.quanta(self.fast.position) == slow.position
        ranked = slow._ranked("buy") + slow._ranked("sell")
        assert self.fast.open_orders == [o.order_id for o in ranked]
        for order in ranked:
            ahead = self.fast.queue_ahead(order.order_id)
            assert (float("inf") if ahead is None else self.spec.quanta(ahead)) == order.front
            assert self.spec.quanta(self.fast.leaves(order.order_id)) == order.leaves
        for (side, price), (used, _) in slow.used.items():
            assert self.spec.quanta(self.fast.used(side, self.spec.price(price))) == used
