"""`hft verify`: a run again from its recording, whatever happened in it; and what it says of runs that differ."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import apsw
import pytest

from hft.data.captures import Capture
from hft.data.record import Kind
from hft.monitoring.page import PageReader, PageState
from hft.persistence import schema
from tests.backtesting.sessions import written
from tests.trading.processes import children, command, exchange, hft, recorded, started, summary, trading, until

QUICK = ("--headless", "--json", "--no-monitor")
OFTEN = ("--set", "strategy.persistence.snapshot_interval_ms=500")
EAGER = (
    "--set", "strategy.params.feature_window_ms=200", "--set", "strategy.params.min_confidence=0.3",
    "--set", "broker.entry_latency_ms=1",
)


def verified(*arguments: str, cwd: Path) -> dict[str, Any]:
    done = command("verify", *arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["identical"] is True
    assert (found["difference"], found["state_difference"]) == (None, None)
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that traded, its database and its recording."""
    folder = tmp_path_factory.mktemp("run")
    found = summary(hft("live", "--duration", "6", *QUICK, *OFTEN, *EAGER, "--record", "run.jsonl", cwd=folder))
    assert found["fills"] > 5
    return folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    shutil.copytree(run, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_run_is_identical(run: Path) -> None:
    found = verified("run.jsonl", cwd=run)
    connection = apsw.Connection(str(run / "data" / "strategy.db"), flags=apsw.SQLITE_OPEN_READONLY)
    for name, table in (("orders", "orders"), ("fills", "trades"), ("states", "strategy_snapshots")):
        assert found[name] == connection.execute(f"SELECT count(*) FROM {table}").get
    assert found["torn"] == ""
    assert found["inputs"] > 1000
    done = command("verify", "run.jsonl", cwd=run)
    assert done.stdout.startswith(f"identical: {found['orders']} orders, {found['fills']} fills")


def test_another_strategy_trades_live_is_verified_and_runs_over_the_recording(tmp_path: Path) -> None:
    """The quoter: its orders rest and are amended."""
    quoter = ("--set", "strategy.kind=quoter", "--set", "strategy.params.order_size=0.05", "--set", "broker.entry_latency_ms=1")
    fast = (*quoter, "--set", "strategy.risk_limits.max_orders_per_second=1000")
    live = summary(hft("live", "--duration", "5", *QUICK, *OFTEN, *fast, "--record", "run.jsonl", cwd=tmp_path))
    assert (live["strategy_kind"], live["orders"] > 2, live["fault"]) == ("quoter", True, None)
    found = verified("run.jsonl", cwd=tmp_path)
    assert (found["orders"], found["fills"]) == (live["orders"], live["fills"])
    again = json.loads(command("backtest", "run.jsonl", "--json", *fast, cwd=tmp_path).stdout)
    assert (again["strategy_kind"], again["orders"] > 2) == ("quoter", True)
    amended = apsw.Connection(str(tmp_path / "data" / "strategy.db"), flags=apsw.SQLITE_OPEN_READONLY).execute(
        "SELECT max(value) FROM performance_metrics WHERE name LIKE '%amends%'"
    ).get
    assert amended > 5


def switched(folder: Path, *, on: bool) -> PageState:
    """Waits until the engine in that folder has turned its kill switch so, and returns its page."""
    page = PageReader(folder / "data" / "strategy.state")
    return until(lambda: found if (found := page.read()).kill.on == on else None, f"a kill switch that is {on}")


@pytest.mark.long
def test_the_kill_switch_symbols_and_a_run_that_starts_killed(tmp_path: Path) -> None:
    """Tripped and released from outside while it trades; and the next run, on which it is latched."""
    arguments = ("live", *QUICK, *OFTEN, *EAGER, "--symbols", "BTCUSDT,ETHUSDT", "--record")
    for name in ("first.zst", "second.gz"):
        with started(*arguments, name, cwd=tmp_path) as process:
            trading(tmp_path, messages=200, run=1 if name == "first.zst" else 2)
            command("kill", *(["--release"] if name == "second.gz" else []), cwd=tmp_path)
            switched(tmp_path, on=name == "first.zst")
            if name == "first.zst":
                command("kill", "--release", cwd=tmp_path)
                released = switched(tmp_path, on=False)
                trading(tmp_path, messages=sum(released.messages.values()) + 200)
                command("kill", cwd=tmp_path)
                switched(tmp_path, on=True)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
        assert json.loads(out)["kill_switch"] == ("kill_requested" if name == "first.zst" else None)
        verified(name, cwd=tmp_path)
    connection = apsw.Connection(str(tmp_path / "data" / "strategy.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT run, is_on, reason FROM kill_switch ORDER BY run, seq").fetchall()
    assert [(run, on) for run, on, _ in rows] == [(1, 1), (1, 0), (1, 1), (2, 1), (2, 0)]


def test_a_killed_engine_is_verified_up_to_the_tear(tmp_path: Path) -> None:
    if not os.path.exists("/proc/self/task"):
        pytest.skip("looks into /proc")
    with exchange(cwd=tmp_path) as at, started(
        "live", *QUICK, *OFTEN, *EAGER, "--record", "run.zst", "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path
    ) as process:
        recorded(tmp_path / "run.zst", size=50_000)
        engine, = children(process.pid)
        os.kill(engine, signal.SIGKILL)
        process.communicate(timeout=20)
    found = verified("run.zst", cwd=tmp_path)
    assert "run.zst breaks off" in found["torn"]
    assert found["orders"] > 0
    assert found["states"] > 3


def test_parts_and_a_database_elsewhere(tmp_path: Path) -> None:
    """The recording is moved, and so is the database."""
    rotated = ("--set", "recording.rotate_mb=1", "--record", "run.jsonl")
    summary(hft("live", "--duration", "4", *QUICK, *OFTEN, *rotated, cwd=tmp_path))
    (tmp_path / "data" / "strategy.db").rename(tmp_path / "moved.db")
    done = command("verify", "run.jsonl", cwd=tmp_path)
    assert (done.returncode, "no such database" in done.stderr) == (2, True)
    verified("run.jsonl", "--database", "moved.db", cwd=tmp_path)


# --- runs that differ


def spoilt(folder: Path, statement: str) -> None:
    connection = apsw.Connection(str(folder / "data" / "strategy.db"))
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "table", "columns"),
    [
        ("UPDATE trades SET price = price || '1' WHERE seq = (SELECT max(seq) FROM trades)", "trades", ["price"]),
        ("UPDATE orders SET status = 'rejected' WHERE order_id = (SELECT max(order_id) FROM orders)", "orders", ["status"]),
        ("UPDATE positions SET realised = '1'", "positions", ["realised"]),
        ("DELETE FROM trades WHERE seq = (SELECT min(seq) FROM trades)", "trades", []),
        ("INSERT INTO kill_switch VALUES (1, 99999, 1, 1, 'kill_requested')", "kill_switch", []),
        ("UPDATE performance_metrics SET value = '7' WHERE name = 'pnl.total'", "performance_metrics", ["value"]),
        ("UPDATE strategy_snapshots SET position = '7'", "strategy_snapshots", ["position"]),
        ("UPDATE runs SET summary = json_set(summary, '$.signals', 1)", "summary", ["signals"]),
    ],
)
def test_the_first_difference_is_shown_in_full(copy: Path, statement: str, table: str, columns: list[str]) -> None:
    spoilt(copy, statement)
    arguments = ("verify", "run.jsonl", "--database", "data/strategy.db")
    done = command(*arguments, "--json", cwd=copy)
    assert done.returncode == 4
    found = json.loads(done.stdout)
    assert (found["difference"]["table"], found["difference"]["columns"]) == (table, columns)
    recorded, replayed = found["difference"]["recorded"], found["difference"]["replayed"]
    for column in columns:
        assert recorded[column] != replayed[column]
    if not columns:
        assert (recorded is None) != (replayed is None)
    reported = command(*arguments, cwd=copy).stdout.splitlines()
    assert reported[0].startswith("not identical")
    assert [line.split()[0] for line in reported[-2:]] == ["recorded", "replayed"]


def test_what_the_machine_measures_is_no_difference(copy: Path) -> None:
    spoilt(copy, "UPDATE performance_metrics SET value = 1 WHERE name LIKE 'tick%' OR name IN ('rss_mb', 'journal_waits')")
    verified("run.jsonl", "--database", "data/strategy.db", cwd=copy)


def without(path: Path, line: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(line, b"", 1))


def test_an_input_that_is_not_there_is_found_near_its_place(copy: Path) -> None:
    path = copy / "run.jsonl"
    frames = [record for record in Capture(path) if record.kind is Kind.FRAME and b'"depthUpdate"' in record.data]
    gone = frames[len(frames) // 2]
    without(path, b"%d %b\n" % (gone.ns, gone.data))
    done = command("verify", "run.jsonl", "--database", "data/strategy.db", "--json", cwd=copy)
    assert done.returncode == 4
    parted = json.loads(done.stdout)["state_difference"]
    assert parted["after_ns"] < gone.ns < parted["at_ns"]
    assert parted["at_ns"] - parted["after_ns"] < 2 * 10**9
    assert list(parted["recorded"]) == list(parted["replayed"])
    assert {"sync", "book"} <= set(parted["recorded"])
    assert all(len(digest) == 16 for side in ("recorded", "replayed") for digest in parted[side].values())


# --- what can't be verified


def test_a_broken_recording_is_refused(copy: Path) -> None:
    path = copy / "run.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    stamp = lines[100].split()[0]
    lines.insert(100, stamp + b' {"hft":{"broken":{"lost":12}}}\n')
    path.write_bytes(b"".join(lines))
    done = command("verify", "run.jsonl", cwd=copy)
    assert done.returncode == 4
    assert "12 inputs are missing" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("was", "becomes", "reported"),
    [
        (b'"recording":{"buffer_mb"', b'"recordings":{"buffer_mb"', "unknown field `recordings`"),
        (b'"run_id":', b'"id":', "missing required field `run_id`"),
        (b'"kill":null', b'"kill":"a whim"', "an unknown reason of the kill switch: 'a whim'"),
        (b'"tick":"0.1"', b'"ticks":"0.1"', "`run` line"),
        (b'{"connect":"BTCUSDT"}', b'{"connect":"XRPUSDT"}', "XRPUSDT appears at"),
        (b'{"state":{"BTCUSDT"', b'{"state":{"XRPUSDT"', "XRPUSDT appears at"),
        (b'{"link":{"kind"', b'{"link":{"kin"', "missing required field `kind`"),
    ],
)
def test_a_line_that_makes_no_sense_is_one_line_of_error(copy: Path, was: bytes, becomes: bytes, reported: str) -> None:
    path = copy / "run.jsonl"
    content = path.read_bytes()
    assert was in content
    path.write_bytes(content.replace(was, becomes, 1))
    done = command("verify", "run.jsonl", cwd=copy)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert reported in done.stderr


def test_a_recording_of_nobody_s_run(tmp_path: Path) -> None:
    summary(hft("record", "r.gz", "--duration", "2", "--json", cwd=tmp_path))
    done = command("verify", "r.gz", cwd=tmp_path)
    assert done.returncode == 2
    assert "is a recording of `hft record`, without trading; hft verify takes a" in done.stderr


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for name, code in (("nowhere", 2), ("text", 4)):
        (tmp_path / "text").write_text("hello\n")
        assert command("verify", name, cwd=tmp_path).returncode == code


@pytest.mark.parametrize(
    ("name", "code", "states"),
    [
        ("capture", 2, "is a capture of messages, without an engine's run"),
        ("a.events", 2, "is an event file, which holds messages and no run"), ("a.npz", 2, "is a NumPy file"),
        ("trades.csv", 2, "is Tardis CSV, which holds messages and no run"),
        ("other.csv", 4, "is CSV of unknown columns: a,b,c"), ("strategy.db", 4, "is a SQLite database"),
        ("bybit", 4, "holds messages of Bybit"),
    ],
)
def test_a_foreign_file_is_named_for_what_it_is(name: str, code: int, states: str, foreign: Path) -> None:
    done = command("verify", name, cwd=foreign)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"hft: {name}: {states}")
    assert done.stderr.endswith("; hft verify takes a recording of `hft live --record`\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody may take for a recording."""
    folder = tmp_path_factory.mktemp("foreign")
    written(folder / "capture")
    for name in ("a.events", "a.npz"):
        assert command("convert", "capture", name, cwd=folder).returncode == 0
    (folder / "trades.csv").write_text(
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbinance,BTCUSDT,1,2,3,buy,4,5\n"
    )
    (folder / "other.csv").write_text("a,b,c\n1,2,3\n")
    (folder / "bybit").write_text('{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1,"data":{}}\n')
    schema.create_or_open(folder / "strategy.db").close()
    return folder


def test_a_database_without_that_run(copy: Path) -> None:
    spoilt(copy, "UPDATE runs SET run_id = 'another'")
    done = command("verify", "run.jsonl", "--database", "data/strategy.db", cwd=copy)
    assert done.returncode == 2
    assert "holds no run" in done.stderr
