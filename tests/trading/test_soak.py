"""Bounded memory: a quarter of an hour of the market, compressed in time. A day's worth is `python -m tests.trading.soak`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.trading.soak import ALLOWED_MB, soak

PACE = 10 if os.environ.get("HFT_DEBUG", "") not in ("", "0") else 50
"""Times the clock's. A debug build does not keep up with fifty, and a client that does not keep up is dropped."""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_memory_is_flat_after_the_first_minute_of_a_session(tmp_path: Path) -> None:
    found = soak(hours=0.005 * PACE, speed=PACE, folder=tmp_path)
    assert found.summary["messages"] > 1_000 * PACE
    assert found.summary["fills"] > 0.5 * PACE
    assert (found.summary["gaps"], found.summary["missing_trades"]) == (0, 0)
    assert len(found.samples) > 10
    assert found.growth_mb <= ALLOWED_MB
