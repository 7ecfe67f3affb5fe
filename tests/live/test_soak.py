"""Bounded memory: half an hour of the market, compressed in time. A day's worth is `python -m tests.live.soak`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.live.soak import ALLOWED_MB, soak


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_memory_is_flat_after_the_first_minute_of_a_session(tmp_path: Path) -> None:
    found = soak(hours=0.5, speed=100, folder=tmp_path)
    assert found.summary["messages"] > 20_000      # 250,000 where the machine keeps up
    assert found.summary["fills"] > 0
    assert len(found.samples) > 10
    assert found.growth_mb <= ALLOWED_MB
