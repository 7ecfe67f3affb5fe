"""Event records: what goes in comes out, an engine can't tell them from frames, and no bytes do it harm."""

from array import array

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine import events
from hft._core.engine.engine import Engine, replay_events
from hft._core.engine.events import KINDS, EventEncoder
from hft._core.record.journal import Journal
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.data.captures import Capture
from hft.data.events import EVENT, as_events
from hft.data.record import Kind
from hft.exchange.generate import generate
from hft.venues.binance import messages
from tests import data
from tests.sizes import examples

SPECS = [Spec("BTCUSDT", tick="0.10", step="0.001"), Spec("ETHUSDT", tick="0.01", step="0.001")]
NS = 1_700_000_000_000_000_000


@pytest.fixture
def encoder():
    return EventEncoder(SPECS, messages.load)


def depth(bids, asks, symbol="ETHUSDT", u=9):
    return msgspec.json.encode(
        {"e": "depthUpdate", "E": 3, "T": 2, "s": symbol, "U": u - 1, "u": u, "pu": u - 2, "b": bids, "a": asks}
    )


def encoded(encoder):
    return as_events(encoder.take())


# -- what a message becomes ----------------------------------------------------------------------------------------------


def test_a_depth_update_is_a_record_a_level(encoder):
    assert encoder.frame(depth([["10.00", "1"], ["9.99", "0"]], [["10.01", "2.5"]]), NS) == 0
    first, second, third = encoded(encoder)
    assert [r["price"] for r in (first, second, third)] == [1000, 999, 1001]
    assert [r["qty"] for r in (first, second, third)] == [1000, 0, 2500]
    assert [r["flags"] for r in (first, second, third)] == [events.BID, events.BID, events.ASK | events.LAST]
    assert [r["rest"] for r in (first, second, third)] == [2, 1, 0]
    for r in (first, second, third):
        assert (r["recv_ns"], r["venue_ns"], r["symbol"], r["kind"]) == (NS, 2_000_000, 1, KINDS["depth"])
        assert (r["first_id"], r["last_id"], r["prev_id"]) == (8, 9, 7)


def test_a_message_without_levels_is_one_empty_record(encoder):
    encoder.frame(depth([], []), NS)
    (only,) = encoded(encoder)
    assert (only["flags"], only["rest"], only["price"]) == (events.EMPTY | events.LAST, 0, 0)


def test_a_book_ticker_is_two_and_a_trade_one(encoder):
    encoder.frame(b'{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3","T":5,"E":6}', NS)
    encoder.frame(b'{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":8,"p":"1.0","q":"2","X":"NA","m":true}', NS)
    bid, ask, trade = encoded(encoder)
    assert (bid["price"], bid["qty"], bid["flags"], bid["rest"]) == (10, 2000, events.BID, 1)
    assert (ask["price"], ask["qty"], ask["flags"], ask["rest"]) == (11, 3000, events.ASK | events.LAST, 0)
    assert trade["flags"] == events.LAST | events.BUYER_MAKER | events.NOT_A_MARKET_TRADE
    assert (trade["first_id"], trade["last_id"], trade["prev_id"]) == (8, 8, -1)


def test_connections_and_books(encoder):
    encoder.connect("ETHUSDT", NS)
    assert encoder.snapshot("ETHUSDT", 77, [("10.00", "1")], [("10.01", "2")], NS + 1, stamp=5) == 0
    encoder.resync("ETHUSDT", NS + 2)
    encoder.disconnect(SPECS[1], NS + 3)
    records = encoded(encoder)
    assert list(records["kind"]) == [KINDS[kind] for kind in ("connect", "snapshot", "snapshot", "resync", "disconnect")]
    assert list(records["symbol"]) == [1] * 5
    assert records[1]["last_id"] == 77


def test_time_never_goes_back(encoder):
    for stamp in (NS + 5, NS, NS + 6):
        encoder.frame(depth([], []), stamp)
    assert list(encoded(encoder)["recv_ns"]) == [NS + 5, NS + 5, NS + 6]


def test_what_is_no_message_is_counted(encoder):
    encoder.frames([b"{", b'{"e":"kline"}', depth([], [], symbol="XRPUSDT")], array("q", [NS, NS, NS]))
    assert len(encoder) == 0
    assert encoder.rejects == {"bad_json": 1, "ignored_event": 1, "unknown_symbol": 1}
    with pytest.raises(ValueError, match="1 frames, 2 stamps"):
        encoder.frames([b"{"], array("q", [NS, NS]))


# -- what an engine makes of them ----------------------------------------------------------------------------------------


def by_frames(engine, name, records):
    engine.connect(name, records[0].ns)
    for record in records:
        if record.kind is Kind.SNAPSHOT:
            book = messages.decode(record.data)
            engine.on_snapshot(name, book.last_update_id, book.bids, book.asks, record.ns, book.stamp)
        elif record.kind is Kind.FRAME:
            engine.on_frame(record.data, record.ns)


def as_records(spec, records):
    encoder = EventEncoder([spec], messages.load)
    encoder.connect(spec, records[0].ns)
    for record in records:
        if record.kind is Kind.SNAPSHOT:
            book = messages.decode(record.data)
            encoder.snapshot(spec, book.last_update_id, book.bids, book.asks, record.ns, book.stamp)
        elif record.kind is Kind.FRAME:
            encoder.frame(record.data, record.ns)
    return encoded(encoder)


def through(engine, records, **options):
    at = 0
    while at < len(records):
        at = replay_events(engine, records, start=at, **options)


def came_to(engine, name):
    fills = [(f.order_id, f.exch_ts_ns, f.local_ts_ns, f.side, f.price, f.qty, f.fee, f.maker) for f in engine.trades]
    return fills, engine.state_hash(name), engine.counters()["messages"]


@pytest.mark.parametrize("name", [data.USDM_BTC, data.SPOT_BTC, data.SPOT_NEXO, data.USDM_BTC_2026])
def test_records_do_to_an_engine_what_frames_do(name):
    records = list(Capture(data.find(name)))
    (spec,) = data.SPECS[name]
    one, other = Engine(spec, fallback=messages.load, sync=data.SYNC[name]), Engine(spec, sync=data.SYNC[name])
    by_frames(one, spec.name, records)
    through(other, as_records(spec, records))
    assert came_to(one, spec.name) == came_to(other, spec.name)
    assert other.synced(spec.name)


@pytest.fixture(scope="module")
def session():
    """A generated session as records, and what it comes to."""
    records = as_records(SPECS[0], generate("BTCUSDT", "binance-usdm", seed=3, messages=4_000))
    engine = Engine(SPECS[0], window_ms=100, strategy=ImbalanceStrategy(threshold=0.1, min_confidence=0.1))
    through(engine, records)
    return records, came_to(engine, "BTCUSDT")


def test_it_stops_at_a_time_and_goes_on(session):
    records, expected = session
    engine = Engine(SPECS[0], window_ms=100, strategy=ImbalanceStrategy(threshold=0.1, min_confidence=0.1))
    at, until = 0, int(records["recv_ns"][0])
    while at < len(records):
        until += 50_000_000
        while at < len(records) and records["recv_ns"][at] < until:
            at = replay_events(engine, records, start=at, until_ns=until)
        assert at == len(records) or records["recv_ns"][at] >= until
        assert engine.now_ns < until
    assert came_to(engine, "BTCUSDT") == expected
    assert len(expected[0]) > 20


def test_symbols_are_mapped_and_left_out(session):
    records, expected = session
    both = np.concatenate([records, records])
    both["symbol"][len(records) :] = 1          # a copy of it, and the engine knows the copy's symbol as its first
    order = np.argsort(both["recv_ns"], kind="stable")
    engine = Engine(SPECS, window_ms=100, strategy=ImbalanceStrategy(threshold=0.1, min_confidence=0.1))
    through(engine, both[order], symbols=[-1, 0])
    assert came_to(engine, "BTCUSDT")[::2] == expected[::2]     # the state is another one: money is counted for two symbols
    assert engine.generation("ETHUSDT") == 0


def test_it_stops_for_a_journal_that_is_to_be_drained(session):
    records, expected = session
    journal = Journal(2_000, run=1)
    engine = Engine(SPECS[0], window_ms=100, journal=journal, strategy=ImbalanceStrategy(threshold=0.1, min_confidence=0.1))
    at = drained = 0
    while at < len(records):
        at = replay_events(engine, records, start=at, room=1_900)
        if at < len(records) and journal.used:
            drained += journal.used
            journal.commit(journal.used)
    assert came_to(engine, "BTCUSDT") == expected
    assert drained > 100
    assert engine.journal_waits == 0


# -- what is no message --------------------------------------------------------------------------------------------------


def spoilt(session, at, **fields):
    records = session[0].copy()
    for name, value in fields.items():
        records[name][at] = value
    return records


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": 0}, {"kind": 7}, {"kind": 255}, {"symbol": 1}, {"rest": 2**32 - 1}, {"recv_ns": 0}, {"recv_ns": -1},
        {"recv_ns": 2**62}, {"venue_ns": -1}, {"venue_ns": 2**62}, {"first_id": -1}, {"last_id": 2**62}, {"prev_id": -2},
    ],
)
@pytest.mark.parametrize("kind", ["connect", "snapshot", "depth", "bookTicker", "trade"])
def test_a_record_that_begins_no_message_is_named(session, kind, fields):
    starts = np.flatnonzero((session[0]["kind"] == KINDS[kind]) & (np.append(1, session[0]["flags"][:-1] & events.LAST) != 0))
    at = int(starts[0])
    with pytest.raises(ValueError, match=f"no message begins at record {at}"):
        through(Engine(SPECS[0]), spoilt(session, at, **fields))


@pytest.mark.parametrize(
    "fields", [{"price": 0}, {"price": -5}, {"qty": -1}, {"flags": 0}, {"flags": 3}, {"rest": 7}, {"kind": 2}]
)
def test_a_level_that_is_none_spoils_its_message(session, fields):
    first = int(np.flatnonzero(session[0]["kind"] == KINDS["snapshot"])[0])
    with pytest.raises(ValueError, match=f"no message begins at record {first}"):
        through(Engine(SPECS[0]), spoilt(session, first + 5, **fields))


def test_a_message_that_is_not_whole_is_none(session):
    first = int(np.flatnonzero(session[0]["kind"] == KINDS["snapshot"])[0])
    with pytest.raises(ValueError, match=f"no message begins at record {first}"):
        through(Engine(SPECS[0]), session[0][: first + 100])


def test_what_is_no_array_of_records_is_refused(session):
    with pytest.raises(ValueError, match="records must have 64 bytes"):
        replay_events(Engine(SPECS[0]), bytes(100))
    with pytest.raises(ValueError, match="record 9 is out of range, there are 2"):
        replay_events(Engine(SPECS[0]), bytes(128), start=9)
    with pytest.raises(ValueError, match="symbol 1 is not one of the engine's 1"):
        replay_events(Engine(SPECS[0]), session[0], symbols=[1])


@settings(max_examples=examples(300))
@given(st.data())
def test_no_bytes_do_an_engine_harm(session, data_):
    """Any records: each is run or refused, and the book is sound after it."""
    small = session[0][:2500]
    records = small.copy()
    raw = records.view("u1").reshape(-1, EVENT.itemsize)
    for _ in range(data_.draw(st.integers(1, 6))):
        row = data_.draw(st.integers(0, len(records) - 1))
        raw[row, data_.draw(st.integers(0, EVENT.itemsize - 1))] = data_.draw(st.integers(0, 255))
    engine = Engine(SPECS[0])
    try:
        through(engine, records)
    except ValueError:
        return
    bid, _, ask, _ = engine.touch("BTCUSDT")
    assert bid is None or ask is None or bid < ask
