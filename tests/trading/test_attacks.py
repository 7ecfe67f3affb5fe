"""What a run lives through, or dies of without harm: SIGKILL of any process, a full disk, a database that others hold."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import apsw
import pytest

from hft.persistence.reader import RunDatabase
from tests.trading.processes import (
    ENVIRONMENT,
    EXCHANGE,
    HFT,
    MONITOR,
    alive,
    child,
    children,
    command,
    hft,
    started,
    summary,
    trading,
    until,
)

QUICK = ("--headless", "--json", "--no-monitor")
BUSY = ("--set", "strategy.persistence.snapshot_interval_ms=100", "--set", "strategy.params.min_confidence=0.1")
DATABASE = "data/strategy.db"

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks into /proc")


def sound(folder: Path) -> bool:
    with RunDatabase(folder / DATABASE) as database:
        return database.problems() == []


@pytest.mark.long
def test_every_process_is_killed_again_and_again(tmp_path: Path) -> None:
    """The database stays sound, no process is left over, and a kill switch that was tripped stays tripped."""
    chance = random.Random(27)
    for n in range(27):
        tripped = n >= 14
        with started("live", "--headless", "--json", "--set", "monitoring.port=0", *BUSY, cwd=tmp_path) as process:
            page = trading(tmp_path)
            exchange, monitor = child(process.pid, EXCHANGE), child(process.pid, MONITOR)
            family = children(process.pid)
            assert page.kill.on == tripped
            if n == 13:
                assert "has it on" in command("kill", cwd=tmp_path).stdout
            time.sleep(chance.random())
            os.kill([exchange, page.pid, monitor, process.pid][n % 4], signal.SIGKILL)
            if n % 4 == 2:              # a run goes on without its monitor
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        until(lambda of=family: not any(map(alive, of)), "the end of every process")
        assert sound(tmp_path)


def test_a_reader_that_does_not_end_delays_nothing(tmp_path: Path) -> None:
    with started("live", *QUICK, *BUSY, "--duration", "6", cwd=tmp_path) as process:
        trading(tmp_path)
        reader = apsw.Connection(str(tmp_path / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
        out, problems = process.communicate(timeout=60)
        reader.execute("ROLLBACK")
        reader.close()
    assert process.returncode == 0, problems
    assert "the database is in trouble" not in problems
    assert sound(tmp_path)
    with RunDatabase(tmp_path / DATABASE) as database:
        assert len(database.orders()) == json.loads(out)["orders"]
        assert database.runs()[0].ended_ns is not None


def test_a_writer_that_holds_the_database_is_waited_for(tmp_path: Path) -> None:
    with started("live", *QUICK, *BUSY, "--duration", "8", cwd=tmp_path) as process:
        trading(tmp_path)
        other = apsw.Connection(str(tmp_path / DATABASE))
        other.set_busy_timeout(10_000)
        other.execute("BEGIN IMMEDIATE")
        log = tmp_path / "data" / "strategy.log"
        until(lambda: "the database is in trouble" in log.read_text(), "that the database is held")
        other.execute("ROLLBACK")
        other.close()
        until(lambda: "the database works again" in log.read_text(), "that it is free")
        out, problems = process.communicate(timeout=60)
    assert process.returncode == 0, problems
    assert sound(tmp_path)
    with RunDatabase(tmp_path / DATABASE) as database:
        assert len(database.orders()) == json.loads(out)["orders"]


def test_a_full_disk_ends_a_run_and_damages_nothing(tmp_path: Path) -> None:
    """No file may grow beyond 400 kB, as on a disk that is full: neither database nor recording."""
    limit = 400_000

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [*HFT, "live", *QUICK, *BUSY, "--duration", "12", "--record", "run.jsonl"], cwd=tmp_path, env=ENVIRONMENT,
        capture_output=True, text=True, timeout=120, preexec_fn=small,
    )
    found = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    assert found["recording"]["failed"]
    assert (tmp_path / "run.jsonl").stat().st_size <= limit
    assert "the database is in trouble" in done.stderr
    assert done.returncode == 6, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("hft: ")]) == 1
    assert sound(tmp_path)
    assert summary(hft("live", *QUICK, "--duration", "1", cwd=tmp_path))["messages"] > 0
