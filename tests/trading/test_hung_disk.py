"""A database that can't be written for a while, or for good: the engine lives on, and nothing that was journalled is lost."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hft._core.execution.capacity import worst_cases
from hft._core.record.page import StatePage
from tests.trading.processes import free_port, health, started, until

LEAST = worst_cases(max_open_orders=1)["journal_orders"]
PATIENCE_S = 60


class Run:
    """`hft live` whose journal is as small as it may be, and its database."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, port: int) -> None:
        self.process, self.port = process, port
        until(lambda: health(port)[0] == 200, "the engine is well")
        self.page = StatePage.open(folder / "data" / "strategy.state", writable=True)
        self.database = apsw.Connection(str(folder / "data" / "strategy.db"))
        self.turns = 0

    @property
    def held(self) -> bool:
        return "input_held" in self.page.read()["header"]["flags"]

    @property
    def killed(self) -> bool:
        return bool(self.page.read()["header"]["kill_on"])

    def hang(self) -> None:
        """From here on the writer can't write, and then each turn of the kill switch is a record more in the journal."""
        self.database.execute("BEGIN IMMEDIATE")
        while not self.held:
            assert self.turns < 2 * LEAST
            on = not self.killed
            self.page.request_kill(on, self.turns + 1)
            until(lambda on=on: self.killed == on or self.held, "the switch turns")     # type: ignore[misc]
            self.turns += 1


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Run]:
    port = free_port()
    options = ["--headless", "--json", "--monitor-port", str(port), "--set", f"strategy.performance.persist_channel_size={LEAST}",
               "--set", "engine.max_open_orders=1"]
    with started("live", *options, cwd=folder) as process:
        yield Run(process, folder, port)


@pytest.mark.long
def test_the_loop_lives_on_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.hang()
        status, reasons = health(run.port)
        text = " ".join(reasons)
        assert (status, "input_held" in text) == (503, True), text
        assert "heartbeat_stale" not in text
        beat = run.page.read()["header"]["heartbeat_ns"]
        until(lambda: run.page.read()["header"]["heartbeat_ns"] > beat + 300_000_000, "the timer goes on")
        run.page.request_kill(True, run.turns + 1)          # whichever way it was turned last
        until(lambda: run.killed, "the kill switch acts")
        run.process.send_signal(signal.SIGINT)
        out, err = run.process.communicate(timeout=PATIENCE_S)          # the writer's patience of ten seconds, and the end
        run.database.execute("ROLLBACK")
    assert run.process.returncode == 6
    assert "could not be stored" in err
    assert "Traceback" not in err
    assert json.loads(out)["stopped_by"] == "SIGINT"
    reported = [line for line in (tmp_path / "data" / "strategy.log").read_text().splitlines() if '"event":"held"' in line]
    assert reported
    times = [json.loads(line)["timestamp"] for line in reported]
    assert len(times) == len({stamp[:19] for stamp in times})           # at most one a second


@pytest.mark.long
def test_once_it_can_be_written_again_nothing_is_missing(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.hang()
        until(lambda: run.page.read()["counters"]["journal_waits"] == 1, "it is counted")
        frames = run.page.read()["counters"]["frames"]
        run.database.execute("ROLLBACK")
        until(lambda: not run.held, "the messages that were held are handled")
        until(lambda: run.page.read()["counters"]["frames"] > frames + 100, "it reads on")
        run.process.send_signal(signal.SIGINT)
        out, err = run.process.communicate(timeout=PATIENCE_S)
        turns = run.database.execute("SELECT count(*) FROM kill_switch").get
    assert run.process.returncode == 130, err
    assert json.loads(out)["gaps"] == 0
    assert turns in (run.turns, run.turns - 1, run.turns + 1)
