"""The run log of an engine is all that it was given: put through a second engine, it gives the same records and states."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.record.journal import Journal, records
from hft._core.record.runlog import RunLog
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.venues.binance import messages
from tests.sizes import examples

MS = 1_000_000
SPECS = [Spec("BTCUSDT", tick="0.1", step="0.001"), Spec("ETHUSDT", tick="0.1", step="0.001")]
NAMES = [spec.name for spec in SPECS]
QUICK = {"strategy": ImbalanceStrategy(holding_ms=30), "window_ms": 20, "max_orders_per_second": 1000}


class Live:
    """An engine that is recorded, with hands on everything that may happen to it."""

    def __init__(self, journal: int = 20_000, **settings_: Any) -> None:
        self.log, self.journal, self.written = RunLog(1 << 26), Journal(journal), []
        self.engine = Engine(
            SPECS, fallback=messages.load, journal=self.journal, log=self.log, **{**QUICK, **settings_}
        )
        self.now, self.u = 1000 * MS, dict.fromkeys(NAMES, 100)
        self.requests = 0

    def drain(self) -> None:
        batch = self.journal.drain(100_000)
        self.written += records(batch)
        self.journal.commit(len(batch) // 128)

    def begin(self, name: str) -> None:
        self.engine.connect(name, self.now)
        self.snapshot(name)

    def snapshot(self, name: str, last: int | None = None) -> None:
        last = self.u[name] if last is None else last
        body = b'{"lastUpdateId":%d,"bids":[["100.0","5"]],"asks":[["100.1","5"]]}' % last
        book = messages.decode(body)
        self.engine.on_snapshot(name, book.last_update_id, book.bids, book.asks, self.now, 0, body)

    def depth(self, name: str, bid: int, ask: int, *, gap: bool = False, spaced: bool = False) -> None:
        self.u[name] += 1
        stamp = self.now // MS
        frame = msgspec.json.encode({
            "e": "depthUpdate", "E": stamp, "T": stamp, "s": name, "U": self.u[name], "u": self.u[name],
            "pu": self.u[name] - (5 if gap else 1), "b": [["100.0", str(bid)]], "a": [["100.1", str(ask)]],
        })
        # A space that the venue does not print: the scanner leaves the frame to Python.
        self.engine.on_frame(frame.replace(b'"e":', b'"e" : ', 1) if spaced else frame, self.now)

    def kill(self, on: bool) -> None:
        self.requests += 1
        self.engine.page.request_kill(on, self.requests)

    def mark(self) -> None:
        digests = {name: self.engine.digest_texts(name) for name in NAMES}
        self.log.mark("state", msgspec.json.encode(digests), self.now)

    def finish(self) -> list[bytes]:
        self.drain()
        assert self.engine.release(self.now)
        self.drain()
        self.engine.stop(self.now)
        self.mark()
        self.drain()
        assert self.log.lost == 0
        return self.log.take(1 << 30).splitlines()


def replay(lines: list[bytes], **settings_: Any) -> tuple[list[dict[str, Any]], int, Engine]:
    """Every input of a log through an engine of its own; what it wrote down, how many states agreed."""
    journal, written, agreed = Journal(20_000), [], 0
    engine = Engine(SPECS, fallback=messages.load, journal=journal, replayed=True, **{**QUICK, **settings_})
    rest = ""
    for line in lines:
        stamp, _, body = line.partition(b" ")
        now = int(stamp)
        if not body.startswith(b'{"hft"'):
            if rest:
                book = messages.decode(body)
                engine.on_snapshot(rest, book.last_update_id, book.bids, book.asks, now)
                rest = ""
            else:
                engine.on_frame(body, now)
        else:
            (name, value), = json.loads(body)["hft"].items()
            if name == "rest":
                rest = value["symbol"]
            elif name == "raw":
                engine.on_frame(base64.b64decode(value, validate=True), now)
            elif name == "timer":
                engine.advance(now)
            elif name == "stop":
                engine.stop(now)
            elif (name, value) == ("kill", "kill_files_gone"):
                engine.kill(True, now, value)
            elif name == "state":
                assert value == {symbol: engine.digest_texts(symbol) for symbol in NAMES}
                agreed += 1
            else:
                getattr(engine, name)(value, now)
        batch = journal.drain(20_000)
        written += records(batch)
        journal.commit(len(batch) // 128)
    return written, agreed, engine


MOVES = st.one_of(
    st.tuples(st.just("lean"), st.integers(0, 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40)),
    st.tuples(st.just("lean"), st.integers(0, 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40)),
    st.tuples(st.just("silence"), st.integers(1, 100)),
    st.tuples(st.just("timer"), st.integers(1, 5)),
    st.tuples(st.just("kill"), st.booleans()),
    st.tuples(st.just("turn"), st.booleans(), st.sampled_from(["kill_requested", "kill_files_gone"])),
    st.tuples(st.just("gap"), st.integers(0, 1)),
    st.tuples(st.just("cut"), st.integers(0, 1)),
    st.tuples(st.just("book"), st.integers(0, 1), st.sampled_from([None, 1])),
    st.tuples(st.just("spaced"), st.integers(0, 1)),
    st.tuples(st.just("frame"), st.sampled_from(
        [b"", b"{", b"\n", b'{"hft":{"kill":true}}', b'{"result":null,"id":1}', b'{"e":"kline","s":"BTCUSDT"}', b"\xff" * 9]
    )),
    st.just(("drain",)),
    st.just(("mark",)),
)


def live(moves: list[tuple[Any, ...]], journal: int, **settings_: Any) -> Live:
    run = Live(journal, **settings_)
    for name in NAMES:
        run.begin(name)
    for what, *given_ in moves:
        match what, given_:
            case "lean", (i, bid, ask, times):
                for _ in range(times):
                    run.now += MS
                    run.depth(NAMES[i], bid, ask)
            case "silence", (ms,):
                run.now += ms * MS
            case "timer", (times,):
                for _ in range(times):
                    run.now += 10 * MS
                    run.engine.advance(run.now)
            case "kill", (on,):
                run.kill(on)            # through the page: seen by whatever comes next
            case "turn", (on, why):
                run.engine.kill(on, run.now, why)
            case "gap", (i,):
                run.depth(NAMES[i], 5, 5, gap=True)
            case "cut", (i,):
                run.engine.disconnect(NAMES[i], run.now)
                run.now += MS
                run.begin(NAMES[i])
            case "book", (i, last):
                run.snapshot(NAMES[i], last)
            case "spaced", (i,):
                run.depth(NAMES[i], 9, 1, spaced=True)
            case "frame", (frame,):
                run.engine.on_frame(frame, run.now)
            case "drain", _:
                run.drain()
            case "mark", _:
                run.mark()
    return run


@pytest.mark.long
@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(MOVES, max_size=60), st.sampled_from([605, 20_000]), st.sampled_from(["0", "1", "20"]), st.sampled_from(["0", "40"]),
    st.sampled_from(["0.09", "100000"]),
)
def test_a_log_replayed_gives_the_same_records_and_states(
    moves: list[tuple[Any, ...]], journal: int, entry_ms: str, delay_ms: str, capital: str
) -> None:
    """Kill switch, a journal that fills up, gaps, cuts, frames that are none, orders without latency: whatever happened."""
    how = {"entry_latency_ms": entry_ms, "max_feed_delay_ms": delay_ms, "capital": capital}
    run = live(moves, journal, **how)
    assert run.engine.fault is None         # though the journal was perhaps never drained in all that time
    lines = run.finish()
    written, agreed, engine = replay(lines, **how)
    assert written == run.written
    assert agreed == sum(b'{"hft":{"state"' in line for line in lines)
    assert counted(engine) == counted(run.engine)


def counted(engine: Engine) -> dict[str, Any]:
    return {name: count for name, count in engine.counters().items() if name != "journal_waits"}


def test_what_the_log_holds_of_a_short_life() -> None:
    run = Live()
    run.begin("BTCUSDT")
    run.now += MS
    run.kill(True)
    run.depth("BTCUSDT", 5, 5)
    run.engine.advance(run.now)
    run.engine.on_frame(b'{"result":null,"id":1}', run.now)
    run.engine.disconnect("BTCUSDT", run.now)
    lines = [line.decode().partition(" ") for line in run.finish()]
    assert [line[2] if '"hft"' in line[2] else "…" for line in lines] == [
        '{"hft":{"connect":"BTCUSDT"}}',
        '{"hft":{"rest":{"path":"depth","symbol":"BTCUSDT"}}}',
        "…",
        '{"hft":{"kill":true}}',
        "…",
        '{"hft":{"timer":true}}',
        "…",
        '{"hft":{"disconnect":"BTCUSDT"}}',
        '{"hft":{"stop":true}}',
        lines[-1][2],
    ]
    assert [int(line[0]) // MS for line in lines] == [1000] * 3 + [1001] * 7


def test_a_full_journal_is_an_input() -> None:
    run = Live(journal=605)
    run.begin("BTCUSDT")
    for n in range(40):
        for _ in range(25):
            run.now += MS
            run.depth("BTCUSDT", *((9, 1) if n % 2 else (1, 9)))
    run.drain()
    lines = run.finish()
    changes = [line.partition(b" ")[2] for line in lines if b'"journal_full"' in line]
    assert changes == [b'{"hft":{"journal_full":true}}', b'{"hft":{"journal_full":false}}']
    assert run.engine.counters()["rejects"]["journal_full"] > 0
    assert replay(lines)[0] == run.written


def test_a_replayed_engine_begins_as_the_recorded_one_did() -> None:
    engine = Engine(SPECS, replayed=True, kill="kill_latched")
    assert engine.kill_reason == "kill_latched"
    engine.page.request_kill(False, 1)
    engine.advance(MS)
    assert engine.killed            # the page is somebody else's


def test_a_market_that_nobody_trades_on() -> None:
    run = Live()
    run.engine = engine = Engine(SPECS, fallback=messages.load, trading=False, **QUICK)
    run.begin("BTCUSDT")
    for _ in range(100):
        run.now += MS
        run.depth("BTCUSDT", 9, 1)
    counters = engine.counters()
    assert (counters["orders"], counters["intents"]) == (0, 0)
    assert engine.synced("BTCUSDT")


def test_a_log_that_is_too_small_costs_no_trade() -> None:
    """What is lost is counted; the engine does the same as one that is recorded whole."""
    whole = Live()
    small = Live()
    small.log = RunLog(4096)
    small.engine = Engine(SPECS, fallback=messages.load, journal=small.journal, log=small.log, **QUICK)
    for run in (whole, small):
        run.begin("BTCUSDT")
        for n in range(10):
            for _ in range(25):
                run.now += MS
                run.depth("BTCUSDT", *((9, 1) if n % 2 else (1, 9)))
        run.engine.stop(run.now)
        run.drain()
    assert small.log.lost > 200
    assert small.written == whole.written
    assert len(small.written) > 20


def test_a_snapshot_without_its_body_can_t_be_recorded() -> None:
    run = Live()
    run.engine.connect("BTCUSDT", run.now)
    with pytest.raises(ValueError, match="needs the body"):
        run.engine.on_snapshot("BTCUSDT", 1, [("100.0", "5")], [("100.1", "5")], run.now)
