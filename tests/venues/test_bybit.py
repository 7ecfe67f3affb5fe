"""A second venue through the port: Bybit's v5 linear stream, added by files alone (`tests/venues/bybit`).

Its snapshot comes in the stream, its update ids are counted without holes, and one frame holds several trades: three things that
no protocol of the package has.
"""

import zipfile
from decimal import Decimal

import msgspec
import pytest

import hft
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, replay_events
from hft._core.engine.events import EventEncoder
from hft._core.market.book import OrderBook
from hft._core.record.journal import Journal
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.data import probe
from hft.data.sources import Data
from hft.errors import UsageError
from hft.venues import catalogue, registry
from tests import data
from tests.venues.bybit import LINEAR

SYMBOL = "XRPUSDT"
SPEC = Spec(SYMBOL, tick="0.0001", step="1")
MS = 1_000_000
START_MS = 1_733_011_200_000
EASY = {
    "max_order_size": 100, "strategy.params.max_position_size": 100, "strategy.risk_limits.max_position_size": 100,
    "imbalance_threshold": 0.1, "min_confidence": 0.1, "feature_window_ms": 200,
}
FEED_MS = 4             # from the venue's stamp to us


def engine_of(**settings):
    engine = Engine(SPEC, fallback=LINEAR.load, sync=LINEAR.sync, snapshots=False, max_order=100, max_position=100, **settings)
    engine.connect(SYMBOL, START_MS * MS)
    return engine


def orderbook(kind, update_id, bids=(), asks=(), ms=0):
    return msgspec.json.encode({
        "topic": f"orderbook.200.{SYMBOL}", "type": kind, "ts": START_MS + ms, "cts": START_MS + ms,
        "data": {"s": SYMBOL, "b": list(bids), "a": list(asks), "u": update_id, "seq": update_id},
    })  # fmt: skip


def public_trade(*trades, ms=0):
    """A frame as the sample's, of several trades."""
    return msgspec.json.encode({
        "topic": f"publicTrade.{SYMBOL}", "type": "snapshot", "ts": START_MS + ms,
        "data": [{"T": START_MS + ms, "s": SYMBOL, "S": side, "v": qty, "p": price, "i": f"{ms}-{i}", "BT": False}
                 for i, (side, price, qty) in enumerate(trades)],
    })  # fmt: skip


def feed(engine, frame, ms=0):
    """As it comes over the wire; the book's status then."""
    engine.on_frame(frame, (START_MS + ms + FEED_MS) * MS)
    return engine.synced(SYMBOL)


class NaiveBook:
    """The page's words: a snapshot resets the book, 0 deletes, anything else is what stands at that price. Beside it an
    `OrderBook` that is told the same, whose hash is over all levels, for what the engine does not show."""

    def __init__(self):
        self.bids, self.asks, self.id = {}, {}, None
        self.book = OrderBook(SPEC)

    def take(self, frame):
        message = msgspec.json.decode(frame)
        bids, asks, update_id = (message["data"][key] for key in "bau")
        if message["type"] == "snapshot":
            self.bids, self.asks = {}, {}
            self.book.whole(bids, asks, update_id, 500)
        else:
            assert update_id == self.id + 1, "the file has a gap"
            self.book.apply(bids, asks, update_id)
        self.id = update_id
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            side |= {Decimal(price): Decimal(qty) for price, qty in levels}
            for price, qty in levels:
                if Decimal(qty) == 0:
                    del side[Decimal(price)]

    def agrees(self, engine):
        bid, ask = max(self.bids), min(self.asks)
        assert engine.touch(SYMBOL) == (bid, self.bids[bid], ask, self.asks[ask])
        assert engine.update_id(SYMBOL) == self.id
        assert self.book.bids() == sorted(self.bids.items(), reverse=True)
        assert self.book.asks() == sorted(self.asks.items())
        assert engine.book_hash(SYMBOL) == self.book.hash


def real_frames():
    """The real file: a snapshot and 49 updates."""
    with zipfile.ZipFile(data.find(data.BYBIT + "xrpusdt-ob500.data.zip")) as packed:
        return packed.read(packed.namelist()[0]).splitlines()


def stamp_ms(frame):
    return msgspec.json.decode(frame)["ts"]


def capture_of(path, frames):
    """Frames as a capture: lines of `<ns> <json>`."""
    path.write_bytes(b"".join(b"%d %b\n" % ((stamp_ms(frame) + FEED_MS) * MS, frame) for frame in frames))
    return path


@pytest.fixture
def known(monkeypatch):
    """The protocol is known to the registry."""
    monkeypatch.setattr(registry, "PROTOCOLS", dict(registry.PROTOCOLS))
    monkeypatch.setattr(registry, "ENTRIES", dict(registry.ENTRIES))
    monkeypatch.setattr(catalogue, "ENTRIES", registry.ENTRIES)
    monkeypatch.setattr(probe, "PROTOCOLS", registry.PROTOCOLS)
    registry.register(LINEAR)


def test_the_real_file_gives_the_naive_book_after_every_message():
    engine, naive = engine_of(), NaiveBook()
    frames = real_frames()
    assert len(frames) == 50
    for frame in frames:
        feed(engine, frame, stamp_ms(frame) - START_MS)
        naive.take(frame)
        assert engine.synced(SYMBOL)
        naive.agrees(engine)
    counted = engine.counters()
    assert (counted["messages"]["book"], counted["messages"]["depth"]) == (1, 49)
    assert set(counted["rejects"]) <= {"below_min"}         # of orders; every message was applied
    assert engine.wants_snapshot() == []


def test_a_gap_is_out_of_sync_until_the_next_snapshot_in_the_stream():
    engine = engine_of()
    assert not feed(engine, orderbook("delta", 9, [["0.5000", "1"]]))
    assert engine.counted("no_snapshot") == 1
    assert feed(engine, orderbook("snapshot", 10, [["0.5000", "7"]], [["0.5002", "5"]]), 1)
    assert feed(engine, orderbook("delta", 11, [["0.5001", "3"]]), 2)
    assert not feed(engine, orderbook("delta", 13, [["0.5001", "0"]]), 3)
    assert not feed(engine, orderbook("delta", 14, [["0.5000", "2"]]), 4)
    assert (engine.counted("sequence_gap"), engine.counted("no_snapshot"), engine.wants_snapshot()) == (1, 2, [])
    assert feed(engine, orderbook("snapshot", 20, [["0.4999", "4"]], [["0.5003", "6"]]), 5)
    assert engine.touch(SYMBOL) == tuple(map(Decimal, ("0.4999", "4", "0.5003", "6")))
    assert feed(engine, orderbook("delta", 21, [["0.5000", "1"]]), 6)
    assert engine.counted("stale_update") == 0


def test_the_real_file_with_a_line_missing_is_out_of_sync_from_there_on():
    engine, frames = engine_of(), real_frames()
    states = [feed(engine, frame, stamp_ms(frame) - START_MS) for frame in frames[:20] + frames[21:]]
    assert states == [True] * 20 + [False] * 29
    later = msgspec.json.decode(frames[0])
    later["data"]["u"] = 1                              # the service restarted
    assert feed(engine, msgspec.json.encode(later), 9_000)
    assert engine.update_id(SYMBOL) == 1


def test_a_snapshot_resets_a_book_in_sync_whatever_its_id():
    engine = engine_of()
    feed(engine, orderbook("snapshot", 10, [["0.5000", "7"], ["0.4990", "1"]], [["0.5002", "5"]]))
    assert feed(engine, orderbook("snapshot", 1, [["0.5000", "8"]], [["0.5001", "5"]]), 1)
    assert engine.touch(SYMBOL) == tuple(map(Decimal, ("0.5000", "8", "0.5001", "5")))
    assert feed(engine, orderbook("delta", 2, [["0.5000", "9"]]), 2)
    assert not feed(engine, orderbook("delta", 11, [["0.5000", "9"]]), 3)


def test_a_frame_of_several_trades_is_one_input_of_as_many_messages():
    engine = engine_of()
    feed(engine, orderbook("snapshot", 10, [["0.5000", "700"]], [["0.5002", "500"]]))
    feed(engine, public_trade(("Buy", "0.5002", "3"), ("Buy", "0.5002", "4"), ("Sell", "0.5000", "5"), ms=1), 1)
    feed(engine, public_trade(("Sell", "0.5000", "6"), ms=2), 2)
    counted = engine.counters()
    assert (counted["frames"], counted["messages"]["trade"], engine.trade_id(SYMBOL), engine.missing_trades) == (3, 4, 4, 0)
    encoder = EventEncoder([SPEC], LINEAR.load)
    assert encoder.frame(public_trade(("Buy", "0.5002", "3"), ("Sell", "0.5000", "4")), START_MS * MS) == 0
    assert len(encoder) == 2


def test_the_sample_s_trade_is_taken():
    frame = data.find(data.BYBIT + "ws_public_trade.json").read_bytes()
    encoder = EventEncoder([Spec("BTCUSDT", tick="0.10", step="0.001")], LINEAR.load)
    assert (encoder.frame(frame, START_MS * MS), len(encoder)) == (0, 1)
    message = encoder.decoder.message
    assert (message.kind, message.price, message.qty, message.buyer_is_maker) == ("trade", 274510, 10, False)


@pytest.mark.parametrize("name", ["ws_subscription_ack.json", "ws_subscription_failure.json"])
def test_control_messages_are_ignored(name):
    encoder = EventEncoder([SPEC], LINEAR.load)
    encoder.frame(data.find(data.BYBIT + name).read_bytes(), START_MS * MS)
    assert encoder.rejects == {"ignored_event": 1}


def test_of_a_frame_with_one_bad_trade_none_is_taken():
    engine = engine_of()
    feed(engine, public_trade(("Buy", "0.5002", "3"), ("Buy", "0.50025", "4"), ("Sell", "0.5000", "5")))
    assert (engine.counted("bad_number"), engine.trade_id(SYMBOL)) == (1, 0)
    feed(engine, public_trade(("Buy", "0.5002", "3")), 1)
    assert engine.trade_id(SYMBOL) == 1


def test_a_frame_waits_whole_until_the_journal_has_room_for_all_its_messages():
    journal = Journal(500)
    engine = engine_of(
        journal=journal, window_ms=5, strategy=ImbalanceStrategy(entry_qty=100, threshold=0.1, min_confidence=0.1)
    )
    for i in range(20):
        feed(engine, orderbook("delta" if i else "snapshot", 10 + i, [["0.5000", str(700 + i)]], [["0.5002", "50"]], ms=i), i)
    assert engine.commands_under_way == 1
    many = public_trade(*[("Buy", "0.5002", "1")] * 150, ms=21)
    feed(engine, many, 21)                              # each of them could fill the order that is on its way
    feed(engine, public_trade(("Buy", "0.5002", "1"), ms=22), 22)
    assert (engine.held, engine.trade_id(SYMBOL), engine.journal_waits) == (2, 0, 1)
    engine.advance((START_MS + 24 + FEED_MS) * MS)
    assert (engine.held, engine.journal_waits) == (2, 1)
    journal.commit(len(journal.drain(journal.used)) // 128)
    engine.advance((START_MS + 25 + FEED_MS) * MS)
    assert (engine.held, engine.trade_id(SYMBOL)) == (0, 151)


def test_event_records_give_the_same_engine():
    plain, replayed = engine_of(), engine_of()
    encoder = EventEncoder([SPEC], LINEAR.load)
    frames = [*real_frames(), public_trade(("Buy", "1.9540", "30"), ("Sell", "1.9537", "5"), ms=6_000)]
    for frame in frames:
        feed(plain, frame, stamp_ms(frame) - START_MS)
        encoder.frame(frame, (stamp_ms(frame) + FEED_MS) * MS)
    records, at = bytearray(encoder.take()), 0
    while at < len(records) // 64:
        at = replay_events(replayed, records, start=at)
    assert replayed.state_hash(SYMBOL) == plain.state_hash(SYMBOL)
    assert str(replayed.features(SYMBOL)) == str(plain.features(SYMBOL))
    assert plain.features(SYMBOL).signed_volume == 25


def test_a_backtest_runs_over_a_capture_of_it(known, tmp_path):
    frames = real_frames()
    trades = [public_trade(("Buy", "1.9533", "30"), ("Buy", "1.9534", "5"), ms=2_000 + 100 * i) for i in range(10)]
    frames = sorted([*frames, *trades], key=stamp_ms)
    path = capture_of(tmp_path / "xrp.txt", frames)
    found = Data([path], hft.Config())
    assert (found.protocol, found.trades, [spec.name for spec in found.specs]) == (LINEAR.name, "trade", [SYMBOL])
    assert (found.specs[0].tick, found.specs[0].step, found.specs[0].quote) == (Decimal("0.0001"), 1, "USDT")
    summary = hft.backtest(path, symbols=[SYMBOL], **EASY).summary
    assert summary.in_sync[SYMBOL].share > 0.99
    assert (summary.messages_by_kind["depth"], summary.messages_by_kind["trade"], summary.rejected_messages) == (49, 20, 0)
    assert (summary.venue, summary.orders > 0, summary.fills > 0) == ("recorded bybit-linear", True, True)


def test_a_capture_of_a_protocol_that_is_not_known_is_refused(tmp_path):
    path = capture_of(tmp_path / "xrp.txt", [orderbook("snapshot", 10, [["0.5000", "7"]], [["0.5002", "5"]])])
    with pytest.raises(hft.errors.DamagedData, match="holds messages of Bybit"):
        Data([path], hft.Config())


def test_a_name_is_taken_once(known):
    registry.register(LINEAR)
    with pytest.raises(ValueError, match="there is a protocol bybit-linear already"):
        registry.register(msgspec.structs.replace(LINEAR, instrument="inverse"))
    with pytest.raises(UsageError, match=r"no such protocol; take one of .*bybit-linear"):
        registry.protocol_named("okx-swap")
