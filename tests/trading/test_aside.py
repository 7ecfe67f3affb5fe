"""What looks on changes nothing: the same orders and fills with a scraper, a terminal view and a database reader at work."""

from __future__ import annotations

import contextlib
import itertools
import os
import pty
import subprocess
import threading
import time
import urllib.request
from array import array
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, replay
from hft._core.record.journal import Journal
from hft._core.record.page import StatePage
from hft.data.tape import Tape
from hft.exchange.generate import generate
from hft.persistence.writer import Writer
from hft.venues.binance import messages
from tests.monitoring.processes import address, monitor
from tests.trading.processes import ENVIRONMENT, HFT, ROOT

SPEC = Spec("BTCUSDT", tick="0.1", step="0.001")
CHUNKS = 100
PAUSE_S = 0.05


@contextlib.contextmanager
def viewers(folder: Path) -> Iterator[dict[str, int]]:
    """A scrape per 100 ms, `hft watch` on a terminal, and a reader of the database; how often each had a look."""
    with monitor(folder / "strategy.state") as child, viewing(folder, address(child)) as views:
        yield views


@contextlib.contextmanager
def viewing(folder: Path, monitor: str) -> Iterator[dict[str, int]]:
    views = {"scrapes": 0, "reads": 0, "drawn": 0}
    done = threading.Event()
    terminal, end = pty.openpty()
    watch = subprocess.Popen(
        [*HFT, "watch", "--set", f"strategy.persistence.database_path={folder}/strategy.db"], stdin=end, stdout=end, stderr=end,
        env={**ENVIRONMENT, "TERM": "xterm"}, cwd=ROOT,
    )
    os.close(end)

    def scrape() -> None:
        while not done.wait(0.1):
            with urllib.request.urlopen(f"{monitor}/metrics") as answer:
                views["scrapes"] += b"strategy_market_updates_total" in answer.read()

    def read() -> None:
        connection = apsw.Connection(str(folder / "strategy.db"), flags=apsw.SQLITE_OPEN_READONLY)
        while not done.wait(0.01):
            connection.execute("SELECT count(*), sum(qty_quanta) FROM trades").fetchall()
            views["reads"] += 1
        connection.close()

    def draw() -> None:
        with contextlib.suppress(OSError):      # the terminal's other end is closed
            while data := os.read(terminal, 1 << 16):
                views["drawn"] += len(data)

    threads = [threading.Thread(target=work) for work in (scrape, read, draw)]
    for thread in threads:
        thread.start()
    try:
        yield views
    finally:
        done.set()
        watch.terminate()
        watch.wait(10)
        for thread in threads:
            thread.join(10)
        os.close(terminal)


def run(tape: Tape, folder: Path, watched: bool) -> tuple[list[tuple[object, ...]], int, dict[str, int]]:
    """The tape through an engine with page, journal and database, in slices with pauses: fills, state, looks."""
    folder.mkdir()
    journal = Journal(10_000)
    writer = Writer(folder / "strategy.db", journal, [SPEC])
    opened = writer.open_run(strategy_id="test", version="0", venue="tape", settings={}, started_ns=tape.start_ns)
    page = StatePage.create(folder / "strategy.state", [SPEC], run=opened.run, start_ns=tape.start_ns)
    engine = Engine(SPEC, run=opened.run, page=page, journal=journal, fallback=messages.load)
    writer.start()
    with viewers(folder) if watched else contextlib.nullcontext({}) as views:
        engine.connect(SPEC.name, tape.start_ns)
        ((before, _, ns, book),) = tape.books
        slices = sorted({0, before, *range(0, len(tape.frames), len(tape.frames) // CHUNKS), len(tape.frames)})
        for first, last in itertools.pairwise(slices):
            if first == before:
                engine.on_snapshot(SPEC.name, book.last_update_id, book.bids, book.asks, ns)
            at, frames, stamps = 0, tape.frames[first:last], array("q", tape.stamps[first:last])
            while at < len(frames):
                at = replay(engine, frames, stamps, start=at)
            engine.advance(stamps[-1])
            time.sleep(PAUSE_S)
        views = dict(views)
    engine.stop(engine.now_ns)
    fills = [(f.order_id, f.exch_ts_ns, f.local_ts_ns, f.side, f.price, f.qty, f.fee, f.maker) for f in engine.trades]
    state = engine.state_hash(SPEC.name)
    assert writer.stop()
    writer.close()
    page.close()
    return fills, state, views


@pytest.mark.long
def test_viewers_change_nothing(tmp_path: Path) -> None:
    tape = Tape(generate(SPEC.name, "binance-usdm", seed=11, messages=30_000), SPEC.name)
    alone_fills, alone_state, _ = run(tape, tmp_path / "alone", watched=False)
    fills, state, views = run(tape, tmp_path / "watched", watched=True)
    assert views["scrapes"] >= 10
    assert views["reads"] >= 50
    assert views["drawn"] > 10_000
    assert len(fills) > 10
    assert fills == alone_fills
    assert state == alone_state
