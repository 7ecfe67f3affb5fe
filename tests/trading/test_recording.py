"""`hft record` and `hft live --record`: real processes, real sockets, and what is left when they are killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import PARTS, Engine
from hft.config import Config, loader
from hft.data.captures import Capture
from hft.data.record import Kind
from hft.data.recorder import Recorder
from hft.data.recording import mark
from hft.data.tape import load
from hft.trading.record import RecordJob
from hft.venues.binance import messages
from hft.venues.binance.venues import PROTOCOLS
from tests import data
from tests.exchange.client import exchange as sim
from tests.trading.processes import child, children, exchange, hft, page_of, recorded, started, summary, until

QUICK = ("--headless", "--json", "--no-monitor")
SECOND = 10**9


def follow(path: Path, *, to_the_end: bool = True) -> dict[str, Any]:
    """What an engine counts that is given a recording; `to_the_end`: of a session that had not ended when the recorder did."""
    tape, specs, trades, protocol = load([path], Config())
    engine = Engine(specs, fallback=messages.load, sync=PROTOCOLS[protocol].sync, trade_source=trades)
    tape.run(engine)
    assert not to_the_end or all(engine.synced(spec.name) for spec in specs)
    return engine.counters()


def marks(path: Path) -> list[tuple[int, str, Any]]:
    return [(record.ns, *mark(record)) for record in Capture(path) if record.kind is Kind.LOG]


@pytest.mark.parametrize("name", ["r.gz", "r.zst", "r.jsonl"])
def test_what_was_counted_is_in_the_file_and_replays_in_sync(tmp_path: Path, name: str) -> None:
    with exchange("--symbols", "BTCUSDT,ETHUSDT", cwd=tmp_path) as at:
        found = summary(hft(
            "record", name, "--json", "--duration", "4", "--symbols", "BTCUSDT,ETHUSDT", "--rest-url", at["rest"], "--ws-url",
            at["ws"], cwd=tmp_path,
        ))
    capture = Capture(tmp_path / name)
    kinds = Counter(record.kind for record in capture)
    assert capture.torn == ""
    assert kinds[Kind.FRAME] == found["messages"] - found["messages_by_kind"]["snapshot"]
    assert (kinds[Kind.SNAPSHOT], kinds[Kind.EXCHANGE_INFO]) == (2, 1)
    assert found["messages"] > 500
    assert (found["gaps"], found["resyncs"], found["recording"]["lost"], found["recording"]["failed"]) == (0, 0, 0, None)
    assert found["recording"]["bytes"] == (tmp_path / name).stat().st_size
    counters = follow(tmp_path / name)
    assert (counters["gaps"], counters["resyncs"], counters["frames"]) == (0, 0, kinds[Kind.FRAME])


@pytest.mark.parametrize("name", ["r.gz", "r.zst", "r.jsonl"])
def test_a_kill_costs_at_most_the_last_second(tmp_path: Path, name: str) -> None:
    with exchange(cwd=tmp_path) as at, started(
        "record", name, "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path
    ) as process:
        recorded(tmp_path / name, size=600_000 if name.endswith("jsonl") else 100_000)
        killed_ns = time.time_ns()
        process.kill()
        process.wait()
    capture = Capture(tmp_path / name)
    records = list(capture)
    assert str(tmp_path / name) in capture.torn
    assert killed_ns - records[-1].ns < SECOND
    counters = follow(tmp_path / name)
    assert (counters["gaps"], counters["resyncs"]) == (0, 0)
    assert counters["frames"] > 300


def test_ctrl_c_closes_the_file(tmp_path: Path) -> None:
    with started("record", "r.gz", "--json", cwd=tmp_path) as process:
        recorded(tmp_path / "r.gz", size=20_000)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["stopped_by"] == "SIGINT"
    assert marks(tmp_path / "r.gz")[-1][1:] == ("end", True)


def test_a_recorder_that_was_stopped_says_for_how_long(tmp_path: Path) -> None:
    with started("record", "r.gz", "--set", "logging.level=info", cwd=tmp_path) as process:
        recorded(tmp_path / "r.gz", size=20_000)
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)                   # what is measured is this
        process.send_signal(signal.SIGCONT)
        recorded(tmp_path / "r.gz", size=(tmp_path / "r.gz").stat().st_size + 50_000)      # several checks later
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    seconds = [float(found) for found in re.findall(r"the recorder did not run: .* seconds=([\d.]+)", err)]
    assert max(seconds, default=0) >= 1.5, err


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks into /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_before_the_exchange_is_up_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    with started("record", "r.gz", cwd=tmp_path) as process:
        embedded = child(process.pid, "hft.exchange")
        os.kill(embedded, signal.SIGSTOP)           # it never comes up
        process.send_signal(number)
        try:
            _, err = process.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(embedded, signal.SIGCONT)
    assert (process.returncode, err) == (code, "hft: stopped before the run began\n")
    assert not (tmp_path / "r.gz").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(embedded, 0)


class LateJob(RecordJob):
    """A recording whose connections bring more, once it is closed, than its buffer holds."""

    async def _record(self, *at: str) -> None:
        try:
            await super()._record(*at)
        finally:
            late = {"kind": "late", "text": "x" * 1000, "connection": "", "symbols": []}
            while not self.recorder.log.lost:
                self.recorder.mark("link", late, self.clock.now())


async def test_what_comes_after_the_end_of_a_recording_does_not_break_it(tmp_path: Path) -> None:
    async with sim() as at:
        config, clock = loader.load(overrides={"recording.buffer_mb": 1}), RunClock()
        job = LateJob(config, Recorder(tmp_path / "r.gz", config.recording, clock.now()), clock)
        found = await job.run(2.0, at["rest"], at["ws"], at["protocol"])
    assert job.recorder.log.lost > 0
    job.check()
    assert found.recording.lost == 0
    capture = Capture(tmp_path / "r.gz")
    kinds = Counter(record.kind for record in capture)
    assert (capture.torn, capture.lost) == ("", 0)
    assert kinds[Kind.FRAME] == found.messages - 1 > 0


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks into /proc")
def test_a_recording_is_closed_although_its_exchange_is_gone(tmp_path: Path) -> None:
    with started("record", "r.gz", cwd=tmp_path) as process:
        recorded(tmp_path / "r.gz", size=20_000)
        embedded, = children(process.pid)
        os.kill(embedded, signal.SIGKILL)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "the embedded exchange ended" in err
    reported = marks(tmp_path / "r.gz")
    assert reported[-1][1:] == ("end", True)
    assert [value["kind"] for _, name, value in reported if name == "link"][:3] == ["connected", "snapshot", "disconnected"]


def test_parts(tmp_path: Path) -> None:
    with exchange("--capture", str(data.find(data.USDM_BTC)), "--speed", "60", cwd=tmp_path) as at:
        found = summary(hft(
            "record", "r.jsonl", "--json", "--duration", "5", "--rotate-mb", "1", "--rest-url", at["rest"], "--ws-url", at["ws"],
            cwd=tmp_path,
        ))
    parts = sorted(tmp_path.glob("r.part*"))
    assert len(parts) == found["recording"]["parts"] > data.figure(data.USDM_BTC, 2, 1)
    frames = follow(tmp_path / "r.jsonl", to_the_end=data.whole(data.USDM_BTC))["frames"]
    assert frames == found["messages"] - found["messages_by_kind"]["snapshot"]


def test_symbols_of_any_currency_are_recorded_at_once(tmp_path: Path) -> None:
    """Nobody trades them: there is nothing to add."""
    symbols = "NKNUSDT,BLZETH,LRCBTC,RUNEEUR"
    with exchange("--capture", str(data.find(data.SPOT_FOUR)), "--speed", "5", cwd=tmp_path) as at:
        found = summary(hft(
            "record", "r.gz", "--json", "--duration", "4", "--symbols", symbols, "--rest-url", at["rest"], "--ws-url", at["ws"],
            cwd=tmp_path,
        ))
    assert found["symbols"] == symbols.split(",")
    named = [value for _, name, value in marks(tmp_path / "r.gz") if name == "connect"]
    assert sorted(named) == sorted(symbols.split(","))


def test_nothing_to_record_leaves_no_file(tmp_path: Path) -> None:
    done = hft("record", "r.gz", "--rest-url", "http://127.0.0.1:9", "--ws-url", "ws://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 3
    with exchange(cwd=tmp_path) as at:
        done = hft("record", "r.gz", "--symbols", "BTCUSTD", "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean BTCUSDT" in done.stderr
    assert not (tmp_path / "r.gz").exists()


def test_a_venue_that_goes_leaves_a_file_that_is_closed(tmp_path: Path) -> None:
    with started("record", "r.gz", "--json", cwd=tmp_path) as process:
        recorded(tmp_path / "r.gz", size=20_000)
        exchange_, = children(process.pid)
        os.kill(exchange_, signal.SIGKILL)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)["stopped_by"]) == (3, "a failure")
    assert "the embedded exchange ended" in err.splitlines()[-1]
    assert marks(tmp_path / "r.gz")[-1][1:] == ("end", True)


def test_a_venue_that_does_not_answer_in_time_is_no_success(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = hft(
            "record", "r.gz", "--duration", "1", "--rest-url", f"http://127.0.0.1:{port}", "--ws-url", f"ws://127.0.0.1:{port}",
            cwd=tmp_path,
        )
    assert done.returncode == 3
    assert "before the venue answered" in done.stderr
    assert not (tmp_path / "r.gz").exists()


# --- with somebody trading


def test_a_run_is_recorded_with_its_states(tmp_path: Path) -> None:
    found = summary(hft(
        "live", "--duration", "5", *QUICK, "--record", "run.zst", "--set", "strategy.persistence.snapshot_interval_ms=1000",
        cwd=tmp_path,
    ))
    assert found["recording"] == {
        "path": "run.zst", "parts": 1, "bytes": (tmp_path / "run.zst").stat().st_size,
        "entries": found["recording"]["entries"], "lost": 0, "failed": None,
    }
    reported = marks(tmp_path / "run.zst")
    names = [name for _, name, _ in reported]
    assert names[:2] == ["recording", "run"]
    assert names[-1] == "end"
    run = reported[1][2]
    assert (run["run"], run["run_id"], run["kill"], run["protocol"]) == (1, found["run_id"], None, "binance-usdm")
    assert Counter(names)["timer"] > 300
    connection = apsw.Connection(str(tmp_path / "data" / "strategy.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT ts_ns, symbol FROM strategy_snapshots ORDER BY ts_ns").fetchall()
    states = [(ns, symbol, state) for ns, name, value in reported if name == "state" for symbol, state in value.items()]
    assert [(ns, symbol) for ns, symbol, _ in states] == rows
    assert {tuple(state) for _, _, state in states} == {PARTS}
    assert len(rows) >= 5
    links = [value for _, name, value in reported if name == "link"]
    assert [link["kind"] for link in links] == ["connected", "snapshot", "disconnected"]
    assert sum(record.kind is Kind.FRAME for record in Capture(tmp_path / "run.zst")) + 1 >= found["messages"]


def test_a_run_goes_on_where_its_recording_can_t(tmp_path: Path) -> None:
    """Something stands where the second part should go."""
    speed = str(data.figure(data.USDM_BTC, 60, 5))
    with exchange("--capture", str(data.find(data.USDM_BTC)), "--speed", speed, cwd=tmp_path) as at, started(
        "live", "--duration", "7", *QUICK, "--record", "run.jsonl", "--set", "recording.rotate_mb=1", "--rest-url", at["rest"],
        "--ws-url", at["ws"], cwd=tmp_path,
    ) as process:
        recorded(tmp_path / "run.part0001.jsonl", size=1)
        (tmp_path / "run.part0002.jsonl").touch()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert found["recording"]["failed"] == "File exists"
    assert found["recording"]["parts"] == 1
    assert found["messages"] > data.figure(data.USDM_BTC, 20_000, 3_400)      # far more than a part holds
    warnings = [line for line in err.splitlines() if "recording failed" in line]
    assert len(warnings) == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks into /proc")
def test_an_engine_that_is_killed_leaves_a_recording_up_to_the_last_second(tmp_path: Path) -> None:
    with exchange(cwd=tmp_path) as at, started(
        "live", *QUICK, "--record", "run.gz", "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path
    ) as process:
        recorded(tmp_path / "run.gz", size=50_000)
        killed_ns = time.time_ns()
        engine, = children(process.pid)
        os.kill(engine, signal.SIGKILL)
        process.communicate(timeout=20)
    capture = Capture(tmp_path / "run.gz")
    records = list(capture)
    assert "breaks off" in capture.torn
    assert killed_ns - records[-1].ns < SECOND


def test_a_recording_that_is_deleted_while_it_is_made_ends_it_with_the_way_out(tmp_path: Path) -> None:
    with started("record", "r.jsonl", "--json", cwd=tmp_path) as process:
        recorded(tmp_path / "r.jsonl")
        (tmp_path / "r.jsonl").unlink()
        out, problems = process.communicate(timeout=60)
    assert process.returncode == 4
    assert json.loads(out)["recording"]["failed"] == "it was deleted or replaced while it was written"
    assert "deleted or replaced while it was written; leave the file where it is until the recording has ended" in problems


def test_a_recording_that_is_deleted_under_a_run_is_reported_and_trading_goes_on(tmp_path: Path) -> None:
    with started("live", *QUICK, "--record", "r.jsonl", cwd=tmp_path) as process:
        recorded(tmp_path / "r.jsonl")
        (tmp_path / "r.jsonl").unlink()
        until(lambda: page_of(tmp_path).recording_broken, "a page that says so")
        process.send_signal(signal.SIGTERM)
        out, problems = process.communicate(timeout=60)
    assert json.loads(out)["recording"]["failed"] == "it was deleted or replaced while it was written"
    assert "the recording failed; trading goes on without it" in problems


def test_signals_without_a_meaning_do_not_end_a_recording_and_are_reported(tmp_path: Path) -> None:
    with started("record", "r.jsonl", "--json", cwd=tmp_path) as process:
        recorded(tmp_path / "r.jsonl")
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        recorded(tmp_path / "r.jsonl", size=(tmp_path / "r.jsonl").stat().st_size + 50_000)
        process.send_signal(signal.SIGINT)
        out, problems = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["recording"]["failed"] is None
    assert "ignored signal=SIGUSR1" in problems
    assert "ignored signal=SIGUSR2" in problems
