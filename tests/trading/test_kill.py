"""The kill switch of a real engine: latched in two places, and never said to be tripped where nobody answered."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from hft.persistence.reader import RunDatabase
from tests.trading.processes import command, hft, started, summary, trading, until

QUICK = ("--headless", "--json", "--no-monitor")
DATABASE, PAGE = "data/strategy.db", "data/strategy.state"


def run(folder: Path) -> str | None:
    """One short run: why its kill switch is on."""
    found: str | None = summary(hft("live", *QUICK, "--duration", "1", cwd=folder))["kill_switch"]
    return found


def test_the_switch_outlives_its_state_page(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        trading(tmp_path)
        assert "has it on" in command("kill", cwd=tmp_path).stdout
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    (tmp_path / PAGE).unlink()
    assert run(tmp_path) == "kill_latched"
    (tmp_path / PAGE).unlink()
    done = command("kill", "--release", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no engine is running" in done.stdout
    assert run(tmp_path) is None


def test_the_switch_outlives_its_database(tmp_path: Path) -> None:
    assert run(tmp_path) is None
    assert "no engine is running" in command("kill", cwd=tmp_path).stdout
    for path in (tmp_path / "data").glob("strategy.db*"):
        path.unlink()
    assert run(tmp_path) == "kill_requested"


@pytest.mark.parametrize("lost", [PAGE, None])
def test_a_switch_that_is_turned_while_nothing_runs_is_in_both(lost: str | None, tmp_path: Path) -> None:
    assert run(tmp_path) is None
    for release in (False, True, False):
        done = command("kill", *["--release"] * release, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    if lost is not None:
        (tmp_path / lost).unlink()
    assert run(tmp_path) is not None
    assert "no engine is running" in command("kill", "--release", cwd=tmp_path).stdout
    if lost is not None:
        (tmp_path / lost).unlink()
    assert run(tmp_path) is None
    with RunDatabase(tmp_path / DATABASE) as database:
        assert [(change.seq, change.is_on) for change in database.kill_changes(1)] == [(-1, True), (-2, False), (-3, True)]
        assert database.kill_changes(2)[-1].is_on is False


def test_each_row_says_why_the_switch_changed(tmp_path: Path) -> None:
    """Turned while a run trades and while none does; found on by the runs that follow."""
    with started("live", *QUICK, cwd=tmp_path) as process:
        trading(tmp_path)
        for options in ((), ("--release",), ()):
            assert command("kill", *options, cwd=tmp_path).returncode == 0
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    assert "reason=None" not in log
    assert run(tmp_path) == "kill_latched"
    for options in (("--release",), ()):
        assert command("kill", *options, cwd=tmp_path).returncode == 0
    done = hft("live", "--headless", "--no-monitor", "--duration", "1", cwd=tmp_path)
    assert "kill switch    on: kill_latched (the kill switch was on before the run began; `hft kill --release`" in done.stdout
    with RunDatabase(tmp_path / DATABASE) as database:
        rows = [(change.run, change.is_on, change.reason) for each in (1, 2, 3) for change in database.kill_changes(each)]
    assert rows == [
        (1, True, "kill_requested"), (1, False, "kill_released"), (1, True, "kill_requested"),
        (2, True, "kill_latched"), (2, False, "kill_released"), (2, True, "kill_requested"),
        (3, True, "kill_latched"),
    ]


def test_a_frozen_engine_is_not_no_engine(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        pid = trading(tmp_path).pid
        os.kill(pid, signal.SIGSTOP)
        until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "a stopped engine")
        done = command("kill", cwd=tmp_path)
        os.kill(pid, signal.SIGCONT)
        assert (done.returncode, done.stdout) == (3, "")
        assert len(done.stderr.splitlines()) == 1
        assert f"pid {pid}" in done.stderr
        assert "has not answered" in done.stderr
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["kill_switch"] == "kill_requested"       # acted upon as soon as it ran


def test_a_dead_engine_is_no_engine(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        pid = trading(tmp_path).pid
        os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=60)
    killed = f"pid {pid}"
    shown = command("watch", "--once", cwd=tmp_path).stdout
    for text in (" ".join(shown.split()), command("kill", cwd=tmp_path).stdout):       # both the same, at once
        assert "no engine is running" in text
        assert killed in text
        assert "was killed and left its run open" in text
    assert run(tmp_path) is not None


@pytest.mark.parametrize("option", [[], ["--release"]])
def test_without_any_file_of_a_run_it_says_what_it_searched_for_and_what_to_do(option: list[str], tmp_path: Path) -> None:
    done = command("kill", *option, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"hft: {tmp_path / DATABASE}: there is no such database")
    assert len(done.stderr.splitlines()) == 1
    for word in ("strategy.state", "no engine has run here", "--config", "--set strategy.persistence.database_path="):
        assert word in done.stderr


def test_a_switch_is_released_in_a_database_that_was_moved(tmp_path: Path) -> None:
    """By the very option that the line without a database names."""
    assert run(tmp_path) is None
    assert "begins with it on" in command("kill", cwd=tmp_path).stdout
    (tmp_path / PAGE).unlink()
    (tmp_path / "data").rename(tmp_path / "moved")
    there = ("--set", "strategy.persistence.database_path=moved/strategy.db")
    assert "there is no such database" in command("kill", "--release", cwd=tmp_path).stderr
    done = command("kill", "--release", *there, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "begins with it off" in done.stdout
    assert summary(hft("live", *QUICK, "--duration", "1", *there, cwd=tmp_path))["kill_switch"] is None


def test_a_database_that_can_t_be_written_is_reported(tmp_path: Path) -> None:
    import apsw

    assert run(tmp_path) is None
    other = apsw.Connection(str(tmp_path / DATABASE))
    other.execute("BEGIN IMMEDIATE")
    done = command("kill", cwd=tmp_path)
    other.execute("ROLLBACK")
    other.close()
    assert done.returncode == 2
    assert "strategy.db: the kill switch can't be written" in done.stderr
    assert run(tmp_path) == "kill_requested"
