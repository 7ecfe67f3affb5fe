"""A minute of trading with every kind of fault on, recorded; run again from the recording, it is the same to the last bit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hft.exchange.fault_plan import FAULTS
from tests.trading.processes import command, hft, summary

# What does no harm to a book in sync comes often; what costs a resync leaves the engine time to trade in between.
OFTEN = {
    "duplicate": {"every_s": 0.5}, "malformed": {"every_s": 0.3, "beside": True}, "fragments": {"every_s": 0.2},
    "one_write": {"every_s": 2}, "reorder": {"every_s": 1, "streams": ["bookTicker", "trade"]},
    "drop": {"every_s": 3, "streams": ["trade"]},
}
ONCE = {
    "stale_snapshot": {"at_s": 0}, "gap": {"at_s": 8}, "shutdown": {"at_s": 13, "lead_s": 3}, "crossed": {"at_s": 19},
    "snapshot_error": {"at_s": 19}, "rate_limit": {"at_s": 20, "retry_after_s": 1}, "cut": {"at_s": 27}, "refuse": {"at_s": 27},
    "slow_snapshot": {"at_s": 27}, "stall": {"at_s": 36, "for_s": 2.5}, "clock_step": {"at_s": 42, "step_s": -3600},
    "oversize": {"at_s": 46}, "ban": {"at_s": 46, "retry_after_s": 2},
}
SETTINGS = {
    "strategy.params.feature_window_ms": 300, "strategy.params.min_confidence": 0.3,
    "strategy.persistence.snapshot_interval_ms": 1000, "strategy.risk_limits.max_orders_per_second": 50,
    "feed.compare_ms": 5000, "feed.silence_ms": 1000,
    "exchange.faults": "faults.toml",
}


def table(kind: str, keys: dict) -> str:
    """One fault as TOML, whose plain values are JSON's."""
    return "\n[[fault]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in {"kind": kind, **keys}.items())


@pytest.mark.long
def test_a_minute_of_faults_is_identical_when_it_is_run_again(tmp_path: Path) -> None:
    assert set(OFTEN) | set(ONCE) == set(FAULTS), "every kind there is"
    (tmp_path / "faults.toml").write_text("seed = 11\n" + "".join(table(kind, keys) for kind, keys in (OFTEN | ONCE).items()))
    settings = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    done = hft("live", "--duration", "60", "--headless", "--json", "--record", "run.zst", *settings, cwd=tmp_path, timeout_s=150)
    live = summary(done)
    assert live["resyncs"] >= 3
    assert live["rejected_messages"] > 50
    assert live["fills"] > 20
    assert live["missing_trades"] > 0
    for kind in FAULTS:
        assert re.search(rf"injected.*\b{kind}\b", done.stderr), f"{kind} never happened"

    verified = command("verify", "run.zst", "--json", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    found = json.loads(verified.stdout)
    assert found["identical"] is True
    assert found["torn"] == ""
    assert (found["orders"], found["fills"]) == (live["orders"], live["fills"])
    assert found["states"] >= 55
    assert found["inputs"] > live["messages"]
