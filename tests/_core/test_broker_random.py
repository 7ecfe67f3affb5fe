"""Broker and oracle on anything: random sequences of books, tickers, trades, orders, cancels; and real captures with random orders."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.types import Spec
from tests import data
from tests._core.broker_pair import MS, BrokerPair

SPECS = {
    "usdm": Spec("UNIT", tick=1, step=1, maker_fee="0.00012345", taker_fee="0.00054321"),
    "spot": Spec("SPOT", tick="0.5", step="0.003", quantum="0.001", dialect="spot", maker_fee="-0.00001", taker_fee="0.001",
                 fee_asset="received"),
}  # fmt: skip
MODELS = ("risk_averse", "log", "log2", "power", "power2", "power3")

# A narrow band of prices and small quantities: everything meets everything.
PRICE = st.integers(92, 108)
QTY = st.integers(0, 12)
SIDE = st.sampled_from(["buy", "sell"])
STEP = st.sampled_from([0, 1, 3 * MS, 21 * MS, 80 * MS])  # between one input and the next
STAMP = st.sampled_from([None, 0, -2 * MS])  # of the exchange: none, as v, or older
LEVELS = st.lists(st.tuples(st.integers(1, 8), QTY), max_size=4)  # distance from the middle, quantity

ACTION = st.one_of(
    st.tuples(st.just("depth"), STEP, st.integers(96, 104), LEVELS, LEVELS, STAMP),
    st.tuples(st.just("ticker"), STEP, PRICE, st.integers(1, 12), st.integers(1, 3), st.integers(1, 12), STAMP),
    st.tuples(st.just("trade"), STEP, PRICE, st.integers(1, 30), st.booleans(), STAMP, st.integers(0, 15)),
    st.tuples(st.just("limit"), SIDE, PRICE, st.integers(1, 9), st.sampled_from(["gtc", "gtc", "ioc", "fok", "post_only"]),
              st.sampled_from([False, False, False, True])),
    st.tuples(st.just("market"), SIDE, st.one_of(st.none(), PRICE), st.integers(1, 30), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(1, 12)),
    st.tuples(st.just("timers"), STEP),
    st.tuples(st.just("desync"), st.just(0)),
    st.tuples(st.just("resync"), STEP, st.integers(96, 104), LEVELS, LEVELS),
)  # fmt: skip


def around(middle, levels, sign):
    return [(middle + sign * distance, qty) for distance, qty in levels]


class Session:
    """Plays actions on a pair, keeping the book uncrossed as a venue's is and time from running back."""

    def __init__(self, spec, model):
        self.spec = spec
        self.pair = BrokerPair(spec, entry_latency_ms=20, queue_model=model, queue_exponent=2.0)
        self.pair.start([(98, 9), (97, 4), (95, 7)], [(102, 9), (103, 4), (105, 7)])
        self.now = 100 * MS
        self.orders = 0

    def clear_of(self, middle, bids, asks):
        """A depth message: these levels, and whatever would cross them deleted."""
        base = self.pair.view.base
        bids = [(p, 0) for p in base["bid"] if p >= middle] + around(middle, bids, -1)
        asks = [(p, 0) for p in base["ask"] if p <= middle] + around(middle, asks, +1)
        return bids, asks

    def stamp(self, offset):
        return 0 if offset is None else self.now + offset

    def depth(self, step, middle, bids, asks, stamp):
        self.now += step
        self.pair.depth(*self.clear_of(middle, bids, asks), self.now, venue_ns=self.stamp(stamp))

    def ticker(self, step, bid, bid_qty, spread, ask_qty, stamp):
        self.now += step
        self.pair.ticker(bid, bid_qty, bid + spread, ask_qty, self.now, venue_ns=self.stamp(stamp))

    def trade(self, step, price, qty, buyer_is_maker, stamp, kind):
        self.now += step
        late = 25 * MS if kind == 1 else 0  # printed late: it may be older than an order
        how = {"venue_ns": self.stamp(stamp), "market": kind != 2, "aggregate": kind == 3}
        if kind == 4:
            how["trade_id"] = max(1, self.pair.trade_id - 1)
        self.pair.trade(price, qty, self.now - late, buyer_is_maker=buyer_is_maker, **how)

    def limit(self, side, price, lots, tif, reduce_only):
        self.orders = self.pair.submit(side, lots * self.spec.lot, price, tif=tif, reduce_only=reduce_only, sent=self.now)

    def market(self, side, collar, lots, reduce_only):
        self.orders = self.pair.submit(side, lots * self.spec.lot, collar, market=True, reduce_only=reduce_only, sent=self.now)

    def cancel(self, back):
        if self.orders:
            self.pair.cancel(max(1, self.orders - back + 1), sent=self.now)

    def timers(self, step):
        self.now += step
        self.pair.timers(self.now)

    def desync(self, _):
        self.pair.desync()

    def resync(self, step, middle, bids, asks):
        self.now += step
        self.pair.arrivals(self.now)
        self.pair.snapshot(*self.clear_of(middle, bids, asks), self.pair.view.base_id + 1)
        self.pair.resync(self.now)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SPECS)), st.sampled_from(MODELS), st.lists(ACTION, min_size=5, max_size=60))
def test_any_sequence_gives_the_oracle_s_reports(dialect, model, actions):
    session = Session(SPECS[dialect], model)
    for name, *arguments in actions:
        getattr(session, name)(*arguments)
    session.timers(200 * MS)
    assert session.pair.fast.next_due_ns is None


# ---- captures

RESTING_TARGET = 4


class Trader:
    """Random orders near the touch, about one for every `every` messages, from a fixed seed."""

    def __init__(self, pair, seed, every):
        self.pair, self.every = pair, every
        self.random = random.Random(seed)
        self.touch = None
        self.orders = 0

    def act(self, now):
        r = self.random
        if r.random() * self.every > 1:
            return
        best_bid, best_ask = (next(self.pair.view.prices(side), 0) for side in ("bid", "ask"))
        resting = self.pair.fast.open_orders
        if len(resting) >= RESTING_TARGET or (resting and r.random() < 0.2):
            self.pair.cancel(r.choice(resting), sent=now)
            return
        side = r.choice(["buy", "sell"])
        sign = 1 if side == "buy" else -1
        near, far = (best_bid, best_ask) if side == "buy" else (best_ask, best_bid)
        lots = max(1, int(float(1 / self.pair.spec.step) ** r.uniform(0, 1))) * self.pair.spec.lot  # up to 1 BTC
        kind = r.choice(["join", "join", "join", "behind", "cross", "market", "fok", "post_only"])
        price = {"join": near, "behind": near - sign * r.randint(1, 5), "cross": far + sign * r.randint(0, 3), "market": None,
                 "fok": far, "post_only": near + sign * r.randint(0, 1)}[kind]  # fmt: skip
        tif = {"fok": "fok", "post_only": "post_only", "cross": r.choice(["gtc", "ioc"])}.get(kind, "gtc")
        reduce_only = r.random() < 0.1
        self.orders = self.pair.submit(side, lots, price, market=kind == "market", tif=tif, reduce_only=reduce_only, sent=now)


def replay(name, pair_for, seed, every, limit):
    """A capture from its snapshot on, through book, oracle's view and both brokers; returns the pair."""
    spec = data.SPECS[name][0]
    pair = pair_for(spec)
    trader = Trader(pair, seed, every)
    offset = None  # of the venue's clock, naively: the least delay so far (rule 2)
    clock = started = 0

    def levels(side):
        return [(spec.ticks(price), spec.quanta(qty)) for price, qty in side]

    for line in data.lines(name)[:limit]:
        stamp, frame = line.split(b" ", 1)
        message, recv = json.loads(frame), int(stamp)
        message = message.get("data", message)
        if "lastUpdateId" in message:
            last_id = message["lastUpdateId"]
            pair.start(levels(message["bids"]), levels(message["asks"]))
            pair.view.base_id, started = 0, 1
            continue
        if not started:
            continue
        venue = message.get("T") or message.get("E") or 0
        venue *= MS
        if venue:
            offset = recv - venue if offset is None else min(offset, recv - venue)
            clock = max(clock, venue + offset)
        v = venue + offset if venue else clock
        kind = message.get("e", "bookTicker")
        if kind == "depthUpdate" and message["u"] >= last_id:
            pair.depth(levels(message["b"]), levels(message["a"]), v, venue, message["u"])
        elif kind == "bookTicker":
            bid, ask = levels([(message["b"], message["B"]), (message["a"], message["A"])])
            pair.ticker(*bid, *ask, v, venue, message["u"])
        elif kind == "trade":
            pair.trade(spec.ticks(message["p"]), spec.quanta(message["q"]), v, buyer_is_maker=message["m"], trade_id=message["t"],
                       venue_ns=venue, market=message.get("X", "MARKET") == "MARKET")  # fmt: skip
        trader.act(recv)
    return pair


@pytest.mark.parametrize("name", [data.USDM_BTC, data.SPOT_BTC])
@pytest.mark.parametrize("model", ["risk_averse", "log2"])
def test_a_capture_with_random_orders_gives_the_oracle_s_reports(name, model):
    data.find(name)
    pair = replay(name, lambda spec: BrokerPair(spec, queue_model=model, window_ticks=65536), seed=1, every=25, limit=30_000)
    kinds = [r.kind if r.kind != "fill" else f"{'maker' if r.maker else 'taker'} fill" for r in pair.reports]
    for kind in ("accepted", "maker fill", "taker fill", "canceled", "cancel_rejected", "rejected", "expired"):
        assert kind in kinds, f"the orders never led to {kind}"
    assert pair.fast.counters["ledger_merged"] == pair.fast.counters["used_evicted"] == 0
