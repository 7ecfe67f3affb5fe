"""What signals do to a run: every one that ends it leaves it closed, and none ends it half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import apsw
import pytest

from hft.persistence.reader import RunDatabase
from tests.trading.processes import ENVIRONMENT, HFT, started, trading, until

QUICK = ("--headless", "--json", "--no-monitor")


def logged(folder: Path, text: str) -> list[dict]:
    lines = (folder / "data" / "strategy.log").read_text().splitlines()
    return [event for event in map(json.loads, lines) if text in event["event"]]


def closed(folder: Path) -> bool:
    with RunDatabase(folder / "data" / "strategy.db") as database:
        return database.problems() == [] and database.runs()[-1].ended_ns is not None


@pytest.mark.parametrize("receiver", ["parent", "engine"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 143), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_it_ends_the_run_which_is_closed(number: signal.Signals, code: int, receiver: str, tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        page = trading(tmp_path)
        os.kill(page.pid if receiver == "engine" else process.pid, number)
        out, problems = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["stopped_by"]) == (code, number.name), problems
    assert closed(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_without_a_meaning_is_reported_and_the_run_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        os.kill(trading(tmp_path).pid, number)
        until(lambda: logged(tmp_path, "a signal without a meaning for hft"), "a line in the log")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["stopped_by"] == "SIGTERM"
    assert closed(tmp_path)


def test_beneath_nohup_the_end_of_the_terminal_is_nothing(tmp_path: Path) -> None:
    ignoring = 'trap "" HUP; exec "$@"'
    process = subprocess.Popen(
        ["sh", "-c", ignoring, "sh", *HFT, "live", *QUICK], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )
    try:
        trading(tmp_path)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert json.loads(out)["stopped_by"] == "SIGTERM"


@pytest.mark.parametrize("receiver", ["parent", "engine"])
def test_a_second_and_a_third_ctrl_c_do_not_kill_what_is_being_written(receiver: str, tmp_path: Path) -> None:
    """The database is somebody else's meanwhile, so that stopping takes as long as it likes."""
    with started("live", *QUICK, cwd=tmp_path) as process:
        page = trading(tmp_path)
        pid = page.pid if receiver == "engine" else process.pid
        other = apsw.Connection(str(tmp_path / "data" / "strategy.db"))
        other.set_busy_timeout(10_000)
        other.execute("BEGIN IMMEDIATE")
        os.kill(pid, signal.SIGINT)
        until(lambda: logged(tmp_path, "disconnected"), "a run that is stopping")
        for again in (1, 2):
            os.kill(pid, signal.SIGINT)
            lines = until(lambda n=again: logged(tmp_path, "still stopping")[n - 1:], "what is being done")
            assert lines[0]["level"] == "warning"
        assert process.poll() is None
        other.execute("ROLLBACK")
        other.close()
        out, problems = process.communicate(timeout=60)
    assert process.returncode == 130, problems
    assert json.loads(out)["stopped_by"] == "SIGINT"
    assert ("hft: still stopping" in problems) == (receiver == "parent")
    assert closed(tmp_path)


def test_a_process_that_was_stopped_says_for_how_long(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        pid = trading(tmp_path).pid
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2)                   # what is measured is this
        os.kill(pid, signal.SIGCONT)
        stopped_s = time.monotonic() - began
        lines = until(lambda: [each for each in logged(tmp_path, "did not run") if each["seconds"] >= 1.5], "a line in the log")
        assert lines[0]["level"] == "warning"
        assert lines[0]["seconds"] < stopped_s + 5
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert closed(tmp_path)
