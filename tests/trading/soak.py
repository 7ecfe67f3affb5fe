"""A long session, compressed in time, through `hft live`: does the engine's memory stay where it is?

The embedded exchange runs at many times the clock's pace, so that a day's worth of messages passes in minutes; the engine
takes them as they come, trades, and writes its database. Its resident memory is sampled from outside::

    python -m tests.trading.soak --hours 24 --speed 200

prints a line per sample and fails when the memory at the end is more than `ALLOWED_MB` above that of the first minute's worth.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.trading.processes import ENGINE, child, exchange, started

ALLOWED_MB = 2.0
"""Above the baseline: the allocator's slack, and SQLite's page cache as it fills."""
WARM_S = 5.0
"""Of the clock: whatever the speed, timers and the writer's first rows come by the clock."""
SETTINGS = {
    # What is measured in time is as short as it may be: a second of the clock is minutes of this market.
    "strategy.params.feature_window_ms": 10,
    "strategy.params.signal_decay_ms": 10,
    "strategy.params.min_confidence": 0.5,
    "strategy.risk_limits.max_orders_per_second": 1000,
    "strategy.persistence.snapshot_interval_ms": 1000,
    "broker.entry_latency_ms": 1,
    "broker.response_latency_ms": 1,
    "broker.initial_cash": 100_000_000,
}


class Sample(NamedTuple):
    """One look at the engine's process."""

    session_s: float
    """Seconds of the market since the session began."""
    rss_mb: float


class Soak(NamedTuple):
    """One session."""

    samples: list[Sample]
    summary: dict

    @property
    def baseline_mb(self) -> float:
        """After the first minute's worth, and the warm-up."""
        return self.samples[0].rss_mb

    @property
    def growth_mb(self) -> float:
        """The largest sample less the baseline."""
        return max(sample.rss_mb for sample in self.samples) - self.baseline_mb


def resident_mb(pid: int) -> float:
    """Resident memory of a process (Linux), in MB of 10^6 bytes."""
    kib = next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(kib) * 1024 / 1e6


def soak(hours: float, speed: float, folder: Path, *, seed: int = 1, extra: tuple[str, ...] = (), send: bool = False) -> Soak:
    """Run so many hours of the market at so many times its pace."""
    duration_s = hours * 3600 / speed + WARM_S
    options = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    with exchange("--speed", str(speed), "--seed", str(seed), cwd=folder) as venue:
        addresses = ("--rest-url", venue["rest"], "--ws-url", venue["ws"])
        arguments = ("live", *addresses, "--duration", str(duration_s), "--headless", "--json", "--no-monitor", *options, *extra)
        with started(*arguments, cwd=folder) as live:
            pid = child(live.pid, ENGINE)
            began = time.monotonic()
            time.sleep(max(WARM_S, 60 / speed))
            samples = []
            while live.poll() is None and (passed := time.monotonic() - began) < duration_s - 1:
                samples.append(Sample(passed * speed, resident_mb(pid)))
                if send:
                    print(f"{samples[-1].session_s / 3600:8.2f} h of the market  {samples[-1].rss_mb:7.2f} MB", flush=True)
                time.sleep(max(0.5, duration_s / 200))
            out, err = live.communicate(timeout=60)
            assert live.returncode == 0, err
    return Soak(samples, json.loads(out))


def main() -> int:
    parser = argparse.ArgumentParser(description="A long session, compressed in time, through `hft live`.")
    parser.add_argument("--hours", type=float, default=24.0, help="of the market")
    parser.add_argument("--speed", type=float, default=200.0, help="times the clock's pace")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(options.hours, options.speed, Path(folder), seed=options.seed, send=True)
    reported = ("messages", "orders", "fills", "gaps", "resyncs", "reconnects", "missing_trades")
    counts = {key: found.summary[key] for key in reported}
    print(json.dumps({"baseline_mb": found.baseline_mb, "growth_mb": round(found.growth_mb, 2), **counts}))
    return int(found.growth_mb > ALLOWED_MB)


if __name__ == "__main__":
    sys.exit(main())
