"""Numbers and times of any kind as arguments."""

from decimal import Decimal

import numpy as np
import pytest

from hft._core.base.checks import decimal
from hft._core.base.runclock import RunClock
from hft._core.base.types import Spec
from hft._core.market.book import OrderBook
from hft._core.market.clock import VenueClock
from hft._core.market.features import FeatureBuffer
from hft._core.trade.signal import ImbalanceSignal


@pytest.mark.parametrize("given", [np.float32(0.1), np.float64(0.1), 0.1, "0.1"])
def test_a_float_is_the_number_that_it_prints(given):
    assert decimal("x", given) == Decimal("0.1")


@pytest.mark.parametrize("now", [-1, 2**62, 2**63 - 1, -(2**63)])
def test_stages_take_no_time_whose_differences_leave_64_bits(now):
    spec = Spec("UNIT", tick=1, step=1)
    book, features, signal = OrderBook(spec, window_ticks=256), FeatureBuffer(spec), ImbalanceSignal()
    for call in (
        lambda: features.on_sync(book, now), lambda: features.on_book(book, now), lambda: features.vector(book, now),
        lambda: features.on_trade("1", buyer_is_maker=True, trade_id=1, venue_ns=1, now_ns=now),
        lambda: features.on_trade("1", buyer_is_maker=True, trade_id=1, venue_ns=now, now_ns=1),
        lambda: signal.update(0.5, now), lambda: signal.at(now), lambda: RunClock(start_ns=now),
        lambda: VenueClock().observe(now, 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="must be a whole number from"):
            call()
