"""Broker and oracle on anything: random books, bookTickers, trades, orders and cancels; real captures with random orders."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import data
from tests._core.broker_pair import MS, BrokerPair
from tests._core.broker_session import ACTION, MODELS, SPECS, Session, play
from tests.sizes import examples, size


@settings(max_examples=examples(200), deadline=None)
@given(
    st.sampled_from(sorted(SPECS)), st.sampled_from(MODELS), st.sampled_from([0, 20]), st.lists(ACTION, min_size=10, max_size=100)
)  # fmt: skip
def test_any_sequence_gives_the_oracle_s_reports(instrument, model, entry_latency_ms, actions):
    play(Session(SPECS[instrument], model, entry_latency_ms), actions)


def long_session(seed, n):
    """Actions in the proportions of a busy level: several orders rest, trades and decreases fall within a ledger's lifetime."""
    r = random.Random(seed)

    def step():
        return r.choice([0, 0, 1, MS, 2 * MS, 3 * MS, 20 * MS, 60 * MS, 160 * MS])

    def levels():
        return [(r.randint(1, 8), r.randint(0, 12)) for _ in range(r.randint(0, 4))]

    def stamp():
        return r.choice([None, 0, 0, 0, -MS, -3 * MS])

    makers = {
        "trade": lambda: (step(), r.randint(0, 9), r.choice([0, 0, 0, 0, 1, 3]), r.randint(1, 12), stamp(), r.randint(0, 19)),
        "level": lambda: (step(), r.randint(0, 9), r.choice([0, 5, 10, 20, 40]) + r.randint(0, 9), stamp()),
        "depth": lambda: (step(), r.randint(97, 103), levels(), levels(), stamp()),
        "book_ticker": lambda: (step(), r.randint(95, 104), r.randint(1, 12), r.randint(1, 3), r.randint(1, 12), stamp()),
        "limit": lambda: (r.choice(["buy", "sell"]), r.randint(94, 106), r.randint(1, 15),
                          r.choice(["gtc", "gtc", "gtc", "post_only", "ioc", "fok"]), r.random() < 0.15),
        "market": lambda: (r.choice(["buy", "sell"]), r.choice([None, r.randint(94, 106)]), r.randint(1, 30), r.random() < 0.5),
        "cancel": lambda: (r.randint(1, 10),),
        "amend": lambda: (r.randint(0, 9), r.randint(1, 15), r.choice([0, 0, r.randint(94, 106)]),
                          r.choice(["gtc", "gtc", "post_only"])),
        "timers": lambda: (step(),),
        "desync": lambda: (0,),
        "resync": lambda: (step(), r.randint(97, 103), levels(), levels()),
    }  # fmt: skip
    weights = {"trade": 30, "level": 30, "depth": 4, "book_ticker": 3, "limit": 20, "market": 3, "cancel": 4, "amend": 5,
               "timers": 3,
               "desync": 0.5, "resync": 2}  # fmt: skip
    for name in r.choices(list(weights), weights.values(), k=n):
        yield name, *makers[name]()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("instrument", sorted(SPECS))
def test_long_sessions_give_the_oracle_s_reports(instrument, model):
    kinds = set()
    for seed in range(4):
        session = Session(SPECS[instrument], model, entry_latency_ms=(0, 20)[seed % 2])
        play(session, long_session(f"{instrument} {model} {seed}", 600))
        kinds |= {(r.kind, r.maker, r.suspect) for r in session.pair.reports}
    assert {"amended", "amend_rejected"} <= {kind for kind, _, _ in kinds}
    assert {("fill", True, False), ("fill", True, True), ("fill", False, False), ("expired", False, False)} <= kinds


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
            pair.book_ticker(*bid, *ask, v, venue, message["u"])
        elif kind == "trade":
            pair.trade(spec.ticks(message["p"]), spec.quanta(message["q"]), v, buyer_is_maker=message["m"], trade_id=message["t"],
                       venue_ns=venue, market=message.get("X", "MARKET") == "MARKET")  # fmt: skip
        trader.act(recv)
    return pair


@pytest.mark.parametrize(
    ("name", "model"),
    [
        (data.USDM_BTC, "risk_averse"),
        (data.SPOT_BTC, "log2"),
        pytest.param(data.USDM_BTC, "log2", marks=pytest.mark.long),
        pytest.param(data.SPOT_BTC, "risk_averse", marks=pytest.mark.long),
    ],
)
def test_a_capture_with_random_orders_gives_the_oracle_s_reports(name, model):
    data.find(name)
    limit = size(6_000, 2_000)
    pair = replay(name, lambda spec: BrokerPair(spec, queue_model=model, window_ticks=8192), seed=1, every=6, limit=limit)
    kinds = [r.kind if r.kind != "fill" else f"{'maker' if r.maker else 'taker'} fill" for r in pair.reports]
    for kind in ("accepted", "maker fill", "taker fill", "canceled", "cancel_rejected", "rejected", "expired"):
        assert kind in kinds, f"the orders never led to {kind}"
    assert pair.fast.counters["ledger_merged"] == pair.fast.counters["used_evicted"] == 0
