"""One generated session, as the benchmarks take it and as plain Python reads it."""

import pytest

from hft._core.base.types import Spec
from hft._core.market.sync import SyncRules
from hft.bench.stream import record
from hft.data.tape import Tape
from hft.exchange.generate import generate


@pytest.fixture(scope="session")
def spec():
    return Spec("BTCUSDT", tick="0.10", step="0.001")


@pytest.fixture(scope="session")
def tape():
    return Tape(generate("BTCUSDT", "binance-usdm", seed=5, messages=3_000), "BTCUSDT")


@pytest.fixture(scope="session")
def stream(spec, tape):
    return record(spec, tape, SyncRules())
