"""300 symbols in one run (100 outside CI), from the sockets to the files: how many there are is a capacity, had at start."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft.config import Config
from hft.data.recorder import Recorder
from hft.exchange.generate import generate
from tests.sizes import size
from tests.trading.processes import command, exchange, page_of, started, trading

NAMES = [f"S{i:03}USDT" for i in range(size(300, 100))]
SMALL = (
    "--set", "engine.book_window_ticks=1024", "--set", "engine.sync_buffer_levels=4096", "--set", "feed.snapshot_limit=50",
    "--set", "strategy.performance.buffer_capacity=512", "--set", "strategy.performance.persist_channel_size=100000",
    "--set", "broker.entry_latency_ms=1",
)
EAGER = ("--set", "strategy.params.min_confidence=0.1", "--set", "strategy.params.imbalance_threshold=0.2",
         "--set", "strategy.risk_limits.max_orders_per_second=1000", "--set", "strategy.risk_limits.max_notional_exposure=1e9")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One symbol's messages under 300 names, as a recording that begins with their REST books."""
    path = tmp_path_factory.mktemp("market") / "market.zst"
    records = generate("BTCUSDT", "binance-usdm", seed=3, messages=120_000 // len(NAMES))
    book = next(i for i, record in enumerate(records) if record.symbol)
    start, records = records[book], [*records[book - 20 : book], *records[book + 1 :]]
    records.insert(0, start._replace(ns=records[0].ns))
    recorder = Recorder(path, Config().recording, records[0].ns)
    recorder.log.bind(Symbols([Spec(name, tick="0.1", step="0.001") for name in NAMES]))
    for record in records:
        kind = "depth" if record.symbol else "frame"
        for i, name in enumerate(NAMES):
            while recorder.log.capacity - recorder.log.used < 2 * len(record.data) + 1000:
                time.sleep(0.001)
            data = record.data.replace(b"BTCUSDT", name.encode()).replace(b"btcusdt", name.lower().encode())
            assert recorder.log.push(kind, record.ns, data, arg=i if record.symbol else 0)
    recorder.close(records[-1].ns)
    assert not recorder.broken
    return path


def test_three_hundred_symbols_live_verified_converted_and_run_again(session: Path, tmp_path: Path) -> None:
    with exchange("--capture", str(session), cwd=tmp_path) as at, started(
        "live", "--headless", "--json", "--no-monitor", *SMALL, *EAGER, "--symbols", ",".join(NAMES), "--record", "run.zst",
        "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path,
    ) as process:
        page = trading(tmp_path)
        assert [each.name for each in page.symbols] == NAMES
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    live = json.loads(out)
    assert (live["stopped_by"], live["gaps"], live["rejected_messages"]) == ("the end of the recording", 0, 0)
    assert live["fills"] > 0
    page = page_of(tmp_path)
    assert page is not None
    assert [each.name for each in page.symbols] == NAMES

    verdict = json.loads(command("verify", "run.zst", "--json", cwd=tmp_path).stdout)
    assert (verdict["identical"], verdict["fills"]) == (True, live["fills"])

    done = command("convert", "run.zst", "run.events", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    from_recording, from_events = (
        json.loads(command("backtest", name, "--json", *SMALL, *EAGER, cwd=tmp_path).stdout) for name in ("run.zst", "run.events")
    )
    assert from_events["symbols"] == from_recording["symbols"]      # in the order of their first messages
    assert sorted(from_recording["symbols"]) == NAMES
    assert from_events["orders"] == from_recording["orders"] > 0
    assert from_events["fills"] == from_recording["fills"]
