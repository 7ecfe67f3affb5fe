"""A writer on a fresh database, and the symbols that its records name."""

import pytest

from hft._core.base.types import Spec
from hft._core.record.journal import Journal
from hft.persistence.writer import Writer

BTC = Spec("BTCUSDT", tick="0.10", step="0.001", maker_fee="-0.0001")
SHIB = Spec("SHIBUSDT", tick="0.00000001", step="1", instrument="spot", quantum="0.001", fee_asset="received")
SPECS = [BTC, SHIB]
STARTED = 1_790_000_000_123_456_789


@pytest.fixture
def path(tmp_path):
    return tmp_path / "strategy.db"


def opened(path, journal=None, **options):
    writer = Writer(path, journal or Journal(1000), SPECS, **options)
    run = writer.open_run(strategy_id="imbalance_v1", version="0.1.0", venue="sim", settings={"a": {"b": 1}}, started_ns=STARTED)
    return writer, run


def finished(writer):
    assert writer.stop()
    writer.close()
