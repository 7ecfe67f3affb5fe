"""In sync and out of it: whatever the way, everybody who must know is told."""

import math

import pytest

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.venues.binance import messages
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
    assert engine.book_status("BTCUSDT") == "suspect"
    assert engine.touch("BTCUSDT") == (None, None, None, None)
    features = engine.features("BTCUSDT")
    assert math.isnan(features.mid) and math.isnan(features.imbalance)
    engine.advance(market.now)
    view = engine.page.read()["symbols"][0]["view"]
    assert (view["mark_stale"], view["has_signal"]) == (1, 0)


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


# --- rule 7a: a side without a level


def values(engine: Engine) -> list[float]:
    return list(engine.features("BTCUSDT").as_dict().values())


def view(engine: Engine) -> dict[str, object]:
    engine.advance(engine.now_ns)
    return engine.page.read()["symbols"][0]["view"]


@pytest.mark.parametrize(("bids", "asks"), [([], [["100.1", "0"]]), ([["100.0", "0"]], [])])
def test_rule_7a_without_a_level_on_one_side_nothing_has_a_value(engine: Engine, bids: list, asks: list) -> None:
    market = Market(engine)
    for _ in range(1100):
        market.trade("100.0", "0.1", buyer_maker=True)
        market.depth([["100.0", "9"]], [["100.1", "1"]])
    assert not any(math.isnan(value) for value in values(engine))
    mark = engine.pnl("BTCUSDT").mark
    market.depth(bids, asks)
    assert engine.synced("BTCUSDT") and engine.book_status("BTCUSDT") == "suspect"
    assert all(math.isnan(value) for value in values(engine))
    shown = view(engine)
    assert (shown["mark_stale"], shown["has_signal"], shown["features"]["valid"]) == (1, 0, 0)
    glance = engine.page.read()["symbols"][0]["market"]
    assert (glance["mid2"], glance["flags"] & 2) == (0, 0)
    assert engine.pnl("BTCUSDT").mark == mark
    market.depth([["100.0", "9"]], [["100.1", "1"]])        # both are there again: so is everything
    assert not any(math.isnan(value) for value in values(engine))
    assert (view(engine)["mark_stale"], view(engine)["has_signal"]) == (0, 1)
    assert engine.book_status("BTCUSDT") == "synced"


@pytest.mark.parametrize(("bids", "asks"), [([], [["100.1", "0"]]), ([["100.0", "0"]], [])])
def test_rule_7a_what_arrives_where_a_side_is_empty_expires(engine: Engine, bids: list, asks: list) -> None:
    market = Market(engine)
    while engine.commands_under_way == 0:
        market.lean("9", "1", 1)
    market.depth(bids, asks)
    engine.advance(market.now + 200 * MS)
    assert engine.trades == []
    assert engine.counters()["rejects"]["ioc_rest"] == 1


def test_rule_7a_time_without_a_side_counts_for_no_signal(engine: Engine) -> None:
    """Of the window's second the imbalance was held for 0.6: less than the share that a signal wants."""
    market = Market(engine)
    engine.kill(True, market.now)
    market.lean("9", "1", 1100)
    assert view(engine)["has_signal"] == 1
    market.depth([], [["100.1", "0"]])
    market.depth([["100.0", "9"]], [["100.1", "1"]], after_ms=400)
    assert view(engine)["has_signal"] == 0
    market.lean("9", "1", 750)
    assert view(engine)["has_signal"] == 1
    assert view(engine)["signal_confidence"] < 0.85
