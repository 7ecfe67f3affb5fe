"""Files that are deleted or replaced under a running engine: it halts, says so, and lets no second one in beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import apsw
import pytest

from hft.persistence.reader import RunDatabase
from tests.trading.processes import command, free_port, health, hft, page_of, started, trading, until

EAGER = (
    "--set", "strategy.params.feature_window_ms=200", "--set", "strategy.params.min_confidence=0.1",
    "--set", "broker.entry_latency_ms=1",
)


@pytest.mark.parametrize("gone", ["data/strategy.db", "data/strategy.state", "data/strategy.db-wal", "data"])
def test_a_file_that_vanishes_halts_trading(gone: str, tmp_path: Path) -> None:
    port = free_port()
    with started("live", "--headless", "--json", "--monitor-port", str(port), cwd=tmp_path) as process:
        trading(tmp_path)
        until(lambda: health(port) == (200, []), "a healthy engine")
        path = tmp_path / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        reasons = until(lambda: [each for each in health(port)[1] if each.startswith("files_gone")], "the reason in /health")
        assert "deleted or replaced" in reasons[0]
        out, problems = process.communicate(timeout=60)
    assert process.returncode == 6
    reported = [line for line in problems.splitlines() if line.startswith("hft: ")]
    assert len(reported) == 1
    assert "deleted or replaced while the engine ran" in reported[0]
    assert "strategy." in reported[0]
    assert json.loads(out)["kill_switch"] == "kill_files_gone"
    if gone != "data/strategy.state":           # what the run wrote is not lost with its file
        rescued, = (tmp_path / "data").glob("strategy.rescued-*.db")
        with RunDatabase(rescued) as database:
            assert database.problems() == []
            assert len(database.orders()) == json.loads(out)["orders"]
            assert database.runs()[0].ended_ns is not None
            assert [(change.is_on, change.reason) for change in database.kill_changes()] == [(True, "kill_files_gone")]


def test_a_release_of_the_kill_switch_brings_no_order_back(tmp_path: Path) -> None:
    """The engine halted for its files, and those are still gone."""
    with started("live", "--headless", "--json", "--no-monitor", *EAGER, cwd=tmp_path) as process:
        trading(tmp_path)
        until(lambda: page_of(tmp_path).counters["orders"], "an engine that has sent orders")
        (tmp_path / "data" / "strategy.db").unlink()
        until(lambda: page_of(tmp_path).files_gone, "an engine that has seen it")
        sent = page_of(tmp_path).counters["orders"]
        command("kill", "--release", cwd=tmp_path)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 6
    assert json.loads(out)["orders"] == sent


def test_a_file_that_is_replaced_is_not_the_same_file(tmp_path: Path) -> None:
    with started("live", "--headless", "--json", "--no-monitor", cwd=tmp_path) as process:
        trading(tmp_path)
        database = tmp_path / "data" / "strategy.db"
        shutil.copy(database, tmp_path / "copy.db")
        (tmp_path / "copy.db").rename(database)
        _, problems = process.communicate(timeout=60)
    assert process.returncode == 6
    assert "strategy.db: deleted or replaced" in problems


def test_without_its_state_page_an_engine_keeps_others_from_its_database(tmp_path: Path) -> None:
    with started("live", "--headless", "--json", "--no-monitor", cwd=tmp_path) as process:
        page = trading(tmp_path)
        os.kill(page.pid, signal.SIGSTOP)       # it can't notice anything meanwhile
        (tmp_path / "data" / "strategy.state").unlink()
        unreached = command("kill", cwd=tmp_path)
        second = hft("live", "--headless", "--json", "--no-monitor", "--duration", "1", cwd=tmp_path)
        os.kill(page.pid, signal.SIGCONT)
        process.communicate(timeout=60)
    assert (second.returncode, second.stdout) == (2, "")
    assert "strategy.db: another engine is running on it" in second.stderr
    assert (unreached.returncode, unreached.stdout) == (3, "")
    assert "not on this state page" in unreached.stderr
    assert process.returncode == 6


@pytest.mark.parametrize("gone", ["strategy.db", "strategy.db-wal"])
def test_a_database_that_vanishes_while_the_run_ends_is_rescued_and_the_run_has_failed(gone: str, tmp_path: Path) -> None:
    """By then nothing looks after the files any more, and the end of the run was written to a file without a name."""
    database = tmp_path / "data" / "strategy.db"
    with started("live", "--headless", "--json", "--no-monitor", cwd=tmp_path) as process:
        trading(tmp_path)
        busy = apsw.Connection(str(database))
        busy.set_busy_timeout(10_000)
        busy.execute("BEGIN IMMEDIATE")         # the writer can't end
        process.send_signal(signal.SIGTERM)
        until(lambda: page_of(tmp_path).life == "stopping", "an engine that stops")
        (database.parent / gone).unlink()
        busy.execute("ROLLBACK")
        out, problems = process.communicate(timeout=60)
        busy.close()
    assert process.returncode == 6
    assert f"{gone}: deleted or replaced while the engine ran" in problems
    rescued, = database.parent.glob("strategy.rescued-*.db")
    assert rescued.stat().st_mode & 0o777 == 0o600
    with RunDatabase(rescued) as copy:
        assert copy.problems() == []
        assert copy.runs()[0].ended_ns is not None
        assert len(copy.orders()) == json.loads(out)["orders"]


def test_a_log_that_is_deleted_is_begun_anew_and_one_that_can_not_be_written_stands_in_health(tmp_path: Path) -> None:
    """With a terminal view there is no stream that could say so."""
    port, path = free_port(), tmp_path / "data" / "strategy.log"
    with started("live", "--headless", "--json", "--monitor-port", str(port), cwd=tmp_path) as process:
        engine = trading(tmp_path).pid
        until(lambda: health(port) == (200, []), "a healthy engine")
        path.unlink()
        os.kill(engine, signal.SIGUSR1)         # a line for the log
        until(lambda: path.exists() and "it continues in a new file" in path.read_text(), "a new log")
        path.unlink()
        path.symlink_to(tmp_path / "victim")
        os.kill(engine, signal.SIGUSR1)
        until(lambda: any(each.startswith("log_failed") for each in health(port)[1]), "the reason in /health")
        path.unlink()
        os.kill(engine, signal.SIGUSR1)
        until(lambda: health(port) == (200, []), "a healthy engine")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert not (tmp_path / "victim").exists()
