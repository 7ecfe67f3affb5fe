"""A tape: a session in bounded batches comes to the same as in one piece, and a run log's lines do what they say."""

import msgspec
import pytest

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.engine.events import EventEncoder
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.data.record import Kind, Record
from hft.data.tape import Tape, batches
from hft.errors import DamagedData
from hft.exchange.generate import generate
from hft.venues.binance import messages

SPEC = Spec("BTCUSDT", tick="0.10", step="0.001")
EASY = {"window_ms": 100, "strategy": ImbalanceStrategy(threshold=0.1, min_confidence=0.1)}


def engine():
    return Engine(SPEC, fallback=messages.load, **EASY)


def line(ns, **what):
    return Record(ns, Kind.LOG, msgspec.json.encode({"hft": what}))


@pytest.fixture(scope="module")
def records():
    return generate("BTCUSDT", "binance-usdm", seed=3, messages=3_000)


@pytest.fixture(scope="module")
def whole(records):
    ran = engine()
    Tape(records).run(ran)
    return ran


def came_to(ran):
    fills = [(f.order_id, f.exch_ts_ns, f.local_ts_ns, f.side, f.price, f.qty) for f in ran.trades]
    return fills, ran.state_hash("BTCUSDT"), ran.counters()["messages"]


@pytest.mark.parametrize(("size", "limit"), [(1, 1 << 20), (7, 1 << 20), (1_000, 1 << 20), (10**9, 5_000), (10**9, 1)])
def test_batches_come_to_the_same_as_one_piece(records, whole, size, limit):
    ran, held = engine(), 0
    for tape in batches([line(records[0].ns, connect="BTCUSDT"), *records], size=size, limit=limit):
        held = max(held, len(tape.frames) + len(tape.marks))
        tape.advance(ran)
    assert came_to(ran) == came_to(whole)
    assert len(whole.trades) > 10
    assert held <= size


def test_it_stops_at_a_time_and_goes_on(records, whole):
    tape, ran = Tape([line(records[0].ns, connect="BTCUSDT"), *records]), engine()
    stops = 0
    while tape.next_ns is not None:
        until = tape.next_ns + 100_000_000
        tape.advance(ran, until_ns=until)
        assert tape.next_ns is None or tape.next_ns >= until
        assert ran.now_ns < until
        stops += 1
    assert came_to(ran) == came_to(whole)
    assert stops > 5


def test_it_runs_again_from_its_start(records, whole):
    tape = Tape(records)
    for _ in range(2):
        ran = engine()
        assert tape.run(ran) == len(tape.frames) == 3_000
        assert came_to(ran) == came_to(whole)


# -- lines of a run log ----------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(records):
    """The session with a disconnection, a timer and commands in its middle."""
    middle = records[1_500].ns
    return [
        line(records[0].ns, connect="BTCUSDT"), *records[:1_500], line(middle, state={"BTCUSDT": "00ff"}),
        line(middle, kill=True), line(middle, timer=True), line(middle, disconnect="BTCUSDT"),
        line(middle, link={"kind": "x", "text": "", "connection": "", "symbols": []}), line(middle, stop=True),
        *records[1_500:1_600],
    ]


def test_a_backtest_takes_the_streams_lines_and_no_commands(logged):
    ran, states = engine(), []
    tape = Tape(logged)
    tape.advance(ran, on_mark=lambda ns, name, value: states.append(value) if name == "state" else None)
    assert states == [{"BTCUSDT": "00ff"}]
    assert not ran.synced("BTCUSDT")
    assert ran.counters()["rejects"]["not_connected"] > 0
    assert not ran.killed


def test_commands_are_applied_when_requested(logged):
    ran = engine()
    Tape(logged).advance(ran, commands=True)
    assert ran.killed
    assert ran.kill_reason == "kill_requested"


def test_a_book_given_up_is_given_up(records):
    ran = engine()
    Tape([line(records[0].ns, connect="BTCUSDT"), *records]).advance(ran)
    assert ran.synced("BTCUSDT")
    Tape([line(records[-1].ns, resync="BTCUSDT")]).advance(ran)
    assert not ran.synced("BTCUSDT")
    assert ran.wants_snapshot() == ["BTCUSDT"]


def test_the_journal_was_full_then_so_no_order_goes_out_now(records):
    opened, full = line(records[0].ns, connect="BTCUSDT"), line(records[0].ns, journal_full=True)
    ran = Engine(SPEC, fallback=messages.load, replayed=True, **EASY)
    Tape([opened, full, *records]).advance(ran, commands=True)
    assert ran.counters()["orders"] == 0
    assert ran.counters()["rejects"]["journal_full"] > 0


def test_a_timer_moves_time(records):
    ran = engine()
    Tape([line(records[0].ns, timer=True)]).advance(ran)
    assert ran.now_ns == records[0].ns


def test_frames_that_are_none_go_to_the_engine_which_counts_them(records):
    ran = engine()
    Tape([Record(records[0].ns, Kind.FRAME, bad) for bad in (b"", b"{", b"\xff\x00", b'{"e":"new"}')]).run(ran)
    assert ran.counters()["rejects"] == {"bad_json": 3, "unknown_event": 1}


@pytest.mark.parametrize("body", [b"{", b'{"code":-1121,"msg":"Invalid symbol."}'])
def test_a_book_that_is_none_is_damage(records, body):
    with pytest.raises(DamagedData, match="is not a book where a book is expected"):
        Tape([Record(records[0].ns, Kind.SNAPSHOT, body, "BTCUSDT")])


@pytest.mark.parametrize("name", ["book", "whole", "", "snapshot"])
def test_a_line_of_a_name_that_is_not_known_is_no_input(records, name):
    lines = [*records[:500], line(records[500].ns, **{name: {"BTCUSDT": "0123"}}), *records[500:]]
    ran, reported = engine(), []
    tape = Tape(lines)
    tape.advance(ran, on_mark=lambda ns, name, value: reported.append(name))
    assert reported == [name]
    encoder = EventEncoder([SPEC], messages.load)
    tape.encode(encoder)
    without = EventEncoder([SPEC], messages.load)
    Tape(records).encode(without)
    assert encoder.take() == without.take()
