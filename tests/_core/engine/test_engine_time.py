"""An engine whose trader rests orders, on venue times that wander: reports keep their order and nothing faults (rule 5)."""

from types import ModuleType

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.record import names
from hft._core.record.journal import Journal, records
from hft.venues.binance import messages
from tests.sizes import examples

MS = 1_000_000
START_MS = 1_790_000_000_000
SPEC = Spec("BTCUSDT", tick="0.1", step="0.001")
FINAL = {"filled", "canceled", "rejected", "expired"}

PRICE = st.integers(996, 1004)
QTY = st.integers(1, 9)
BEHIND = st.sampled_from([0, 0, 1, 8, 40, 300, 5_000])     # ms by which the venue's stamp lies behind the wall clock
STEP = st.sampled_from([0, 1, 3, 6, 20, 80])
ACTION = st.one_of(
    st.tuples(st.just("submit"), STEP, st.sampled_from([1, -1]), PRICE, QTY),
    st.tuples(st.just("touch"), STEP, PRICE, QTY, QTY, BEHIND),
    st.tuples(st.just("touch"), STEP, PRICE, QTY, QTY, BEHIND),
    st.tuples(st.just("trade"), STEP, PRICE, QTY, st.booleans(), BEHIND),
    st.tuples(st.just("resync"), STEP, PRICE, QTY, QTY, BEHIND),
    st.tuples(st.just("cancel"), STEP),
    st.tuples(st.just("timer"), STEP),
)


class Session:
    """Plays actions on an engine. The book is one level a side, at `touch` and the tick above it."""

    def __init__(self, verbs: ModuleType) -> None:
        self.verbs = verbs
        self.journal = Journal(1 << 14)
        self.engine = Engine(SPEC, journal=self.journal, fallback=messages.load, max_orders_per_second=1000,
                             entry_latency_ms=5, response_latency_ms=60)  # fmt: skip
        self.ms, self.u, self.trades, self.bid = START_MS, 100, 0, 1000
        self.engine.connect("BTCUSDT", self.now)
        self.book(0, 1000, 5, 5, 0)
        for _ in range(8):                                  # the offset between the clocks is known then
            self.touch(1, 1000, 5, 5, 0)
        assert self.engine.synced("BTCUSDT")

    @property
    def now(self) -> int:
        return self.ms * MS

    def book(self, step: int, bid: int, bid_qty: int, ask_qty: int, behind: int) -> None:
        """A REST book, and the update that brings the stream to it."""
        self.ms += step
        self.u += 1
        self.bid = bid
        stamp = self.ms - behind
        self.engine.on_snapshot("BTCUSDT", self.u, [level(bid, bid_qty)], [level(bid + 1, ask_qty)], self.now, stamp)
        self.update([], [], behind)

    def resync(self, step: int, *book: int) -> None:
        self.ms += step
        self.engine.resync("BTCUSDT", self.now)
        self.update([], [], 0)                              # held until the book is here
        self.book(1, *book)

    def update(self, bids: list[list[str]], asks: list[list[str]], behind: int) -> None:
        self.u += 1
        self.frame({"e": "depthUpdate", "U": self.u, "u": self.u, "pu": self.u - 1, "b": bids, "a": asks}, behind)

    def frame(self, body: dict[str, object], behind: int) -> None:
        stamp = self.ms - behind
        self.engine.on_frame(msgspec.json.encode({"E": stamp, "T": stamp, "s": "BTCUSDT", **body}), self.now)

    def touch(self, step: int, bid: int, bid_qty: int, ask_qty: int, behind: int) -> None:
        self.ms += step
        old, self.bid = self.bid, bid
        gone = [] if old == bid else [[level(old, 0)], [level(old + 1, 0)]]
        bids, asks = gone or ([], [])
        self.update([*bids, level(bid, bid_qty)], [*asks, level(bid + 1, ask_qty)], behind)

    def trade(self, step: int, price: int, qty: int, sold: bool, behind: int) -> None:
        self.ms += step
        self.trades += 1
        price_text, qty_text = level(price, qty)
        self.frame({"e": "trade", "t": self.trades, "p": price_text, "q": qty_text, "X": "MARKET", "m": sold}, behind)

    def submit(self, step: int, side: int, price: int, qty: int) -> None:
        self.ms += step
        self.verbs.submit(self.engine, 0, side, price, qty, self.now)

    def cancel(self, step: int) -> None:
        self.ms += step
        self.verbs.cancel_all(self.engine, self.now)

    def timer(self, step: int) -> None:
        self.ms += step
        self.engine.advance(self.now)


def level(price: int, qty: int) -> list[str]:
    return [str(SPEC.price(price)), str(SPEC.qty(qty))]


@pytest.mark.long
def test_a_fill_by_an_older_event_is_delivered_after_the_acceptance_of_its_order(verbs: ModuleType) -> None:
    session = Session(verbs)
    session.submit(1, 1, 1000, 5)
    session.touch(6, 1000, 5, 5, 0)                         # the order is there, and that is 60 ms from being heard
    session.touch(1, 998, 5, 5, 5_000)                      # an older event sells to it
    session.timer(100)
    session.engine.stop(session.now)
    assert session.engine.fault is None
    rows = records(session.journal.drain(session.journal.used))
    heard = [names.ORDER_STATUS[row["status"]] for row in rows if names.RECORD_KIND[row["kind"]] == "order"]
    assert heard == ["pending_new", "open", "filled"]


@pytest.mark.long
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTION, min_size=5, max_size=60))
def test_orders_at_rest_survive_whatever_the_venues_times_do(verbs: ModuleType, actions: list[tuple[object, ...]]) -> None:
    session = Session(verbs)
    for name, *arguments in actions:
        getattr(session, str(name))(*arguments)
    session.engine.stop(session.now)
    assert session.engine.fault is None
    reported, effect, states = 0, dict[int, int](), dict[int, str]()
    for row in records(session.journal.drain(session.journal.used)):
        if names.RECORD_KIND[row["kind"]] == "fill":
            assert row["exch_ns"] >= effect[row["order_id"]]
        elif names.RECORD_KIND[row["kind"]] == "order":
            assert row["ts_ns"] >= reported
            reported = row["ts_ns"]
            assert states.get(row["order_id"]) not in FINAL
            states[row["order_id"]] = names.ORDER_STATUS[row["status"]]
            effect.setdefault(row["order_id"], row["due_ns"])       # later rows have that of a cancel
            if row["exch_ns"]:
                assert row["exch_ns"] >= effect[row["order_id"]]
    assert set(states.values()) <= FINAL
