"""A broker whose units become finer in the middle goes on as one that had the fine ones from the beginning."""

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.execution.broker import PaperBroker
from hft._core.market.book import OrderBook

MS = 1_000_000
COARSE = Spec("UNIT", tick=1, step=1, min_qty=1)
FINE = Spec("UNIT", tick=1, step=1, min_qty=1, price_unit="0.05", quantum="0.01")
SPOT = Spec("UNIT", tick=1, step=1, quantum="0.5", instrument="spot", fee_asset="received")
SPOT_FINE = Spec("UNIT", tick=1, step=1, quantum="0.1", price_unit="0.25", instrument="spot", fee_asset="received")
PRICE = st.integers(95, 105)
SIDE = st.sampled_from(["buy", "sell"])
STEP = st.sampled_from([0, MS, 3 * MS, 21 * MS, 80 * MS])
ACTION = st.one_of(
    st.tuples(st.just("limit"), SIDE, PRICE, st.integers(1, 9), st.sampled_from(["gtc", "gtc", "ioc", "post_only"])),
    st.tuples(st.just("market"), SIDE, st.integers(1, 20)),
    st.tuples(st.just("cancel"), st.integers(1, 12)),
    st.tuples(st.just("trade"), STEP, PRICE, st.integers(1, 12), st.booleans()),
    st.tuples(st.just("trade"), STEP, PRICE, st.integers(1, 12), st.booleans()),
    st.tuples(st.just("level"), STEP, st.integers(1, 5), st.integers(0, 12), SIDE),
    st.tuples(st.just("level"), STEP, st.integers(1, 5), st.integers(0, 12), SIDE),
    st.tuples(st.just("timers"), STEP),
)


class Exchange:
    """One broker on a book of its own, driven by actions; keeps every report."""

    def __init__(self, spec):
        self.levels = {"buy": {99: 9, 98: 4, 96: 7}, "sell": {101: 9, 102: 4, 104: 7}}
        self.broker = PaperBroker(spec, self.book(spec), entry_latency_ms=20)
        self.now, self.id, self.reports = 100 * MS, 10, []

    def book(self, spec):
        book = OrderBook(spec)
        sides = [[(str(p), str(q)) for p, q in self.levels[side].items() if q] for side in ("buy", "sell")]
        assert book.snapshot(*sides, 10) == 0
        return book

    def play(self, action):
        kind, *rest = action
        getattr(self, kind)(*rest)

    def limit(self, side, price, qty, tif):
        self.broker.submit(side, str(qty), str(price), tif=tif, sent_ns=self.now)

    def market(self, side, qty):
        self.broker.submit(side, str(qty), market=True, sent_ns=self.now)

    def cancel(self, order_id):
        with contextlib.suppress(ValueError):       # never submitted
            self.broker.cancel(order_id, sent_ns=self.now)

    def trade(self, step, price, qty, maker):
        self.now += step
        self.reports += self.broker.trade(str(price), str(qty), buyer_is_maker=maker, v_ns=self.now, venue_ns=self.now)

    def level(self, step, distance, qty, side):
        self.now += step
        self.reports += self.broker.arrivals(self.now)
        price = 100 - distance if side == "buy" else 100 + distance
        self.levels[side][price] = qty
        changed = [(str(price), str(qty))]
        self.id += 1
        assert self.broker.book.apply(changed if side == "buy" else [], changed if side == "sell" else [], self.id) == 0
        self.reports += self.broker.book_changed(self.now, venue_ns=self.now)

    def timers(self, step):
        self.now += step
        self.reports += self.broker.timers(self.now)

    def change(self, rules):
        """The rules change, and the book is in sync again at once."""
        spec = self.broker.spec.ruled(**rules)
        self.reports += self.broker.arrivals(self.now)
        self.reports += self.broker.set_rules(self.book(spec), **rules, v_ns=self.now)
        self.broker.desync()
        self.reports += self.broker.resync(self.now)
        self.id = 10

    def stands(self):
        """Everything that can be seen from outside, in decimals; but whether a report came while the book was built anew, which
        it is where units become finer, and not where they are fine already."""
        orders = self.broker.open_orders
        return (
            [replace(report, suspect=False) for report in self.reports], self.broker.position, orders,
            [self.broker.leaves(order) for order in orders],
            [self.broker.queue_ahead(order) for order in orders], self.broker.next_due_ns,
            [self.broker.used(side, str(price)) for side in ("bid", "ask") for price in range(95, 106)],
        )


@pytest.mark.parametrize(("coarse", "fine", "rules"), [
    (COARSE, FINE, {"tick": "0.25", "step": "0.01", "quantum": "0.01"}),
    (COARSE, FINE, {"tick": "2", "step": "2", "quantum": "0.01"}),
    (SPOT, SPOT_FINE, {"tick": "0.25", "step": "0.5", "quantum": "0.1"}),
])
@settings(max_examples=60)
@given(before=st.lists(ACTION, max_size=30), after=st.lists(ACTION, max_size=20))
def test_finer_units_change_nothing_that_can_be_seen(coarse, fine, rules, before, after):
    one, other = Exchange(coarse), Exchange(fine)
    for action in before:
        one.play(action)
        other.play(action)
    assert one.stands() == other.stands()
    one.change(rules)
    other.change(rules)
    assert one.stands() == other.stands()
    for action in after:
        if action[0] in ("limit", "market") and Decimal(rules["step"]) > 1:
            continue            # off the lot: not an order that can be sent
        one.play(action)
        other.play(action)
    assert one.stands() == other.stands()


def exchange_with_two_orders():
    exchange = Exchange(COARSE)
    for price in (98, 97):
        exchange.limit("buy", price, 3, "gtc")
    exchange.timers(80 * MS)
    assert [report.kind for report in exchange.reports] == ["accepted", "accepted"]
    exchange.reports.clear()
    return exchange


def test_what_does_not_fit_a_coarser_tick_expires_with_its_reason():
    exchange = exchange_with_two_orders()
    exchange.change({"tick": "2", "step": "1"})
    [report] = exchange.reports
    assert (report.kind, report.reason, report.order_id, report.leaves) == ("expired", "venue_rules", 2, 3)
    assert exchange.broker.open_orders == [1]
    assert exchange.broker.queue_ahead(1) == 4


@pytest.mark.parametrize("rules", [{"tick": "1", "step": "2"}, {"tick": "1", "step": "1", "max_qty": "2"}])
def test_what_does_not_fit_a_lot_or_the_largest_order_expires(rules):
    exchange = exchange_with_two_orders()
    exchange.change(rules)
    assert [(report.kind, report.reason) for report in exchange.reports] == [("expired", "venue_rules")] * 2


def test_an_order_on_its_way_is_refused_by_the_rules_that_it_meets():
    exchange = Exchange(COARSE)
    exchange.limit("buy", 97, 3, "gtc")
    assert not exchange.broker.set_rules(exchange.book(COARSE.ruled(tick="2", step="1")), tick="2", step="1", v_ns=exchange.now)
    exchange.timers(80 * MS)
    assert [(report.kind, report.reason) for report in exchange.reports] == [("rejected", "venue_rules")]


def test_units_that_leave_64_bits_are_an_error():
    spec = Spec("UNIT", tick="1000000000", step="1000000000")
    book = OrderBook(spec)
    broker = PaperBroker(spec, book)
    broker.submit("buy", "1000000000000000000", "1000000000000000000", sent_ns=0)
    with pytest.raises(OverflowError, match="64 bits"):
        broker.set_rules(OrderBook(spec.ruled(tick="0.01", step="0.001")), tick="0.01", step="0.001", v_ns=0)
