"""Each loop gives what the stage's Python class gives, called message by message."""

from array import array
from itertools import pairwise

import pytest

from hft._core.base.intent import OrderIntent
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.market.book import OrderBook
from hft._core.market.clock import VenueClock
from hft._core.market.features import FeatureBuffer
from hft._core.market.snapshot import MarketSnapshot
from hft._core.market.sync import Synchronizer, SyncRules
from hft._core.trade.imbalance import ImbalanceDecision
from hft._core.trade.orders import OrderManager
from hft._core.trade.position import PositionManager
from hft._core.trade.risk import RiskValidator
from hft._core.trade.signal import ImbalanceSignal
from hft._core.wire.decode import Decoder
from hft.bench import loops
from hft.bench.stream import KINDS, record
from hft.data.tape import Tape
from hft.exchange.generate import generate
from hft.venues.binance.venues import SPOT

ROOM = 100_000


@pytest.fixture(scope="module")
def messages(spec, tape):
    """What the book takes, in order, by the Python classes of decoder and synchroniser."""
    decoder, sync, out = Decoder([spec]), Synchronizer(), []
    ((before, name, now, book),) = tape.books
    sync.connected()
    for i, (frame, stamp) in enumerate(zip(tape.frames, tape.stamps, strict=True)):
        if i == before:
            assert decoder.load_snapshot(name, book.last_update_id, book.bids, book.asks, book.stamp, now) == 0
            out.append(decoder.message)
            assert sync.on_snapshot(book.last_update_id) == 0
            while sync.take(decoder):
                out.append(decoder.message)
        assert decoder.decode_frame(frame, stamp) == 0
        if decoder.message.kind == "depth":
            if sync.on_depth(decoder) == 0:
                out.append(decoder.message)
        elif sync.state in ("bridging", "synced"):
            out.append(decoder.message)
    return out


class Slow:
    """Book and features, a Python call for each message."""

    def __init__(self, spec):
        self.spec, self.book, self.features = spec, OrderBook(spec), FeatureBuffer(spec, window_ms=500)

    def levels(self, levels):
        return [(self.spec.price(price), self.spec.qty(qty)) for price, qty in levels]

    def apply(self, m):
        """Whether the book took it."""
        if m.kind == "bookTicker":
            touch = self.levels([(m.price, m.qty), (m.ask_price, m.ask_qty)])
            return self.book.book_ticker(*touch[0], *touch[1], m.last_id) == 0
        if m.kind == "snapshot":
            return self.book.snapshot(self.levels(m.bids), self.levels(m.asks), m.last_id) == 0
        return m.kind == "depth" and self.book.apply(self.levels(m.bids), self.levels(m.asks), m.last_id) == 0

    def send(self, m):
        """The message, then whether every feature has a value."""
        if self.apply(m):
            if m.kind == "snapshot":
                self.features.on_sync(self.book, m.recv_ns)
            self.features.on_book(self.book, m.recv_ns)
        elif m.kind == "trade":
            self.features.on_trade(
                self.spec.qty(m.qty), buyer_is_maker=m.buyer_is_maker, trade_id=m.last_id, venue_ns=m.venue_ns, now_ns=m.recv_ns
            )
        vector = self.features.vector(self.book, m.recv_ns)
        return vector.book_valid and vector.flow_valid


# -- the stream --------------------------------------------------------------------------------------------------------


def test_a_stream_holds_what_the_book_takes(stream, messages):
    assert len(stream) == stream.count == len(messages)
    assert stream.level_count == sum(len(m.bids) + len(m.asks) for m in messages)
    counts = {kind: stream.only(kind).count for kind in KINDS}
    assert counts == {
        "depth": sum(m.kind == "depth" for m in messages),
        "bookTicker": sum(m.kind == "bookTicker" for m in messages),
        "trade": sum(m.kind == "trade" for m in messages),
        "aggTrade": 0,
        "snapshot": 1,
    }
    assert min(counts["depth"], counts["bookTicker"], counts["trade"]) > 50


def test_a_stream_needs_a_book(spec, tape):
    without = Tape([], "BTCUSDT")
    without.frames, without.stamps = tape.frames, tape.stamps
    with pytest.raises(ValueError, match="BTCUSDT was never in sync"):
        record(spec, without, SyncRules())


def test_an_unknown_kind_is_an_error(stream):
    with pytest.raises(KeyError):
        stream.only("kline")


# -- the market --------------------------------------------------------------------------------------------------------


def test_sync_takes_every_update_of_the_stream(spec, stream, messages):
    synchronizer = Synchronizer()
    assert loops.sync(synchronizer, stream) == stream.only("depth", "snapshot").count
    assert synchronizer.update_id == [m for m in messages if m.kind == "depth"][-1].last_id


def test_clock(stream, messages):
    slow = VenueClock()
    last = [slow.observe(m.recv_ns, m.venue_ns) for m in messages][-1]
    fast = VenueClock()
    assert loops.clock(fast, stream) == last
    assert (fast.theta, fast.now) == (slow.theta, slow.now)


def test_book(spec, stream, messages):
    slow = Slow(spec)
    taken = sum(slow.apply(m) for m in messages)
    fast = OrderBook(spec)
    assert loops.book(fast, stream) == taken
    assert fast.hash == slow.book.hash
    assert loops.book(fast, stream) == taken, "the snapshot begins the book anew"
    assert fast.hash == slow.book.hash


def test_features(spec, stream, messages):
    slow = Slow(spec)
    valid = sum(slow.send(m) for m in messages)
    fast, book = FeatureBuffer(spec, window_ms=500), OrderBook(spec)
    assert loops.features(book, fast, stream) == valid > 1_000
    now = messages[-1].recv_ns
    assert fast.vector(book, now).as_dict() == slow.features.vector(slow.book, now).as_dict()


def test_imbalances(spec, stream, messages):
    slow = Slow(spec)
    expected = [(slow.book.imbalance(5), m.recv_ns) for m in messages if slow.apply(m)]
    values, times = array("d", bytes(8 * ROOM)), array("q", bytes(8 * ROOM))
    n = loops.imbalances(OrderBook(spec), stream, values, times)
    assert list(zip(values[:n], times[:n], strict=True)) == expected
    with pytest.raises(ValueError, match="there is room for 1"):
        loops.imbalances(OrderBook(spec), stream, array("d", [0]), times)


# -- what others see ---------------------------------------------------------------------------------------------------


def test_snapshots(spec, stream):
    book, shared = OrderBook(spec), MarketSnapshot()
    loops.book(book, stream)
    assert loops.snapshot_writes(shared, book, 7) == 7
    seen = shared.read()
    assert (seen.sequence, seen.timestamp_ns, seen.update_id) == (14, 6, max(book.update_id, book.book_ticker_id))
    assert (seen.best_bid, seen.best_ask) == (spec.ticks(book.best_bid), spec.ticks(book.best_ask))
    assert loops.snapshot_reads(shared, 5) == 5 * seen.mid2 > 0


def test_page_views(spec, tape):
    engine = Engine(spec)
    tape.run(engine)
    engine.advance(engine.now_ns)
    (shown,) = engine.page.read()["symbols"]
    bid, _, ask, _ = engine.touch(spec)
    assert shown["view"]["timestamp_ns"] == engine.now_ns
    assert shown["view"]["mark2"] == spec.ticks(bid) + spec.ticks(ask)


# -- from signal to order ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaning(spec, stream):
    """Imbalances and their times."""
    values, times = array("d", bytes(8 * ROOM)), array("q", bytes(8 * ROOM))
    n = loops.imbalances(OrderBook(spec), stream, values, times)
    return values[:n], times[:n]


@pytest.fixture
def validator(spec):
    orders, positions = OrderManager([spec], capacity=4), PositionManager([spec])
    return RiskValidator(orders, positions, max_position_size="1", max_orders_per_second=2)


def by_hand(leaning, **settings):
    """The signal, or None, at each imbalance."""
    model = ImbalanceSignal(**settings)
    for imbalance, now in zip(*leaning, strict=True):
        model.update(imbalance, now)
        yield now, model.at(now)


EASY = {"threshold": 0.1, "min_confidence": 0.1, "window_ms": 100}


def test_signal(leaning):
    standing = sum(signal is not None for _, signal in by_hand(leaning, **EASY))
    model = ImbalanceSignal(**EASY)
    assert loops.signal(model, *leaning) == standing > 100
    assert loops.signal(model, *leaning) == standing, "it starts anew"
    with pytest.raises(ValueError, match="values and 1 times"):
        loops.signal(model, leaning[0], array("q", [0]))


def test_orders_pass_at_the_rate_allowed(spec, validator):
    intent = OrderIntent(spec, "buy", "0.5", "61800.2", tif="IOC")
    assert loops.orders(validator, intent, 2 * 618_000, 50) == 50
    assert len(validator.orders) == 0
    assert validator.rejects == {}
    too_large = OrderIntent(spec, "buy", "1.5", "61800.2", tif="IOC")
    assert loops.orders(validator, too_large, 2 * 618_000, 50) == 0
    assert validator.rejects == {"position_limit": 50}


def test_decisions(spec, leaning, validator):
    """An order for each standing signal, but for those within a second of the last two."""
    sent, expected, limited = [], 0, 0
    for now, signal in by_hand(leaning, **EASY):
        if signal is None:
            continue
        if len(sent) >= 2 and now - sent[-2] < 1_000_000_000:
            limited += 1
            continue
        sent.append(now)
        expected += 1
    strategy = ImbalanceDecision(spec, max_position_size="1")
    created = loops.decisions(ImbalanceSignal(**EASY), strategy, validator, *leaning, 618_000, 618_001)
    assert created == expected > 5
    assert validator.rejects == {"rate_limit": limited}


# -- what comes back ---------------------------------------------------------------------------------------------------


def test_reports(spec):
    manager = OrderManager([spec], capacity=2)
    assert loops.reports(manager, OrderIntent(spec, "sell", "0.5", "61800.2"), 10) == 10
    assert len(manager) == manager.leaves("BTCUSDT", "sell") == 0
    with pytest.raises(ValueError, match="two quanta"):
        loops.reports(manager, OrderIntent(spec, "sell", "0.001", "61800.2"), 1)


def test_fills_and_marks(spec):
    price = array("q", [618_000 + 7 * i % 11 for i in range(200)])
    qty = array("q", [500 if i % 3 else -700 for i in range(200)])
    slow, fast = PositionManager([spec]), PositionManager([spec])
    for ticks, quanta in zip(price, qty, strict=True):
        slow.fill("BTCUSDT", "buy" if quanta > 0 else "sell", spec.qty(abs(quanta)), spec.price(ticks))
    assert loops.fills(fast, price, qty) == 200
    mid2 = array("q", [a + b for a, b in pairwise(price)])
    for a, b in pairwise(price):
        slow.mark("BTCUSDT", spec.price(a), spec.price(b))
    assert loops.marks(fast, mid2) == 199
    assert fast.money("BTCUSDT") == slow.money("BTCUSDT")
    assert (fast["BTCUSDT"].fills, fast["BTCUSDT"].qty, fast.peak) == (200, slow["BTCUSDT"].qty, slow.peak)


# -- the other protocol -------------------------------------------------------------------------------------------------


def test_a_spot_stream_begins_at_its_bridge():
    tape = Tape(generate("BTCUSDT", "binance-spot", seed=2, messages=1_500), "BTCUSDT")
    stream = record(Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot"), tape, SPOT.sync)
    assert loops.sync(Synchronizer(SPOT.sync), stream) == stream.only("depth", "snapshot").count > 20
