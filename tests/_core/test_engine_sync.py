"""In sync and out of it: whatever the way, everybody who must know is told."""

import math

import pytest

from hft._core.engine import Engine
from hft._core.types import Spec
from hft.feed import messages
from tests._core.small_market import MS, Market

SPEC = Spec("BTCUSDT", tick="0.1", step="0.001")


@pytest.fixture
def engine() -> Engine:
    return Engine(SPEC, fallback=messages.load)


def leave(market: Market, how: str) -> None:
    """The book of a market is lost, in one of the ways there are."""
    engine = market.engine
    if how == "disconnect":
        engine.disconnect("BTCUSDT", market.now)
    elif how == "connect":          # the stream begins anew, and nobody said that the one before had ended
        engine.connect("BTCUSDT", market.now)
    elif how == "resync":
        engine.resync("BTCUSDT", market.now)
    elif how == "gap":
        market.depth([], [], pu=5)
    else:
        market.depth([["100.5", "1"]], [])


WAYS = ["disconnect", "connect", "resync", "gap", "crossed"]


@pytest.mark.parametrize("how", WAYS)
def test_nothing_stands_on_a_book_that_was_lost(engine: Engine, how: str) -> None:
    market = Market(engine)
    market.lean("5", "5", 1100)
    assert engine.features("BTCUSDT").book_valid
    leave(market, how)
    assert not engine.synced("BTCUSDT")
    assert engine.trust("BTCUSDT") == "suspect"
    assert engine.touch("BTCUSDT") == (None, None, None, None)
    features = engine.features("BTCUSDT")
    assert math.isnan(features.mid) and math.isnan(features.imbalance)
    engine.advance(market.now)
    panel = engine.page.read()["symbols"][0]["panel"]
    assert (panel["mark_stale"], panel["has_signal"]) == (1, 0)


@pytest.mark.parametrize("how", WAYS)
def test_an_order_that_arrives_where_the_book_was_lost_takes_nothing(engine: Engine, how: str) -> None:
    market = Market(engine)
    while engine.commands_under_way == 0:
        market.lean("9", "1", 1)
    leave(market, how)
    engine.advance(market.now + 200 * MS)
    assert engine.trades == []
    assert engine.counters()["rejects"]["ioc_rest"] == 1
    assert engine.position("BTCUSDT") == 0


@pytest.mark.parametrize("how", WAYS)
def test_after_any_loss_the_window_of_the_features_begins_anew(engine: Engine, how: str) -> None:
    market = Market(engine)
    market.lean("5", "5", 1100)
    leave(market, how)
    if how == "disconnect":
        engine.connect("BTCUSDT", market.now)
    assert engine.on_snapshot("BTCUSDT", market.u, [("100.0", "5")], [("100.1", "5")], market.now) == 0
    market.lean("5", "5", 900)
    assert engine.synced("BTCUSDT") and not engine.features("BTCUSDT").book_valid
    market.lean("5", "5", 200)
    assert engine.features("BTCUSDT").book_valid
