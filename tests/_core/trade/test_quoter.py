"""The resting quoter, through the whole engine: quotes, amends, refusals, a book that is lost."""

from decimal import Decimal

import pytest

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.record.journal import Journal, records
from hft._core.trade.quoter_strategy import QuoterStrategy
from hft.venues.binance import messages
from tests._core.small_market import Market

BTC = Spec("BTCUSDT", tick="0.1", step="0.001")
ORDER = 1
STATUS = {1: "pending_new", 2: "open", 4: "pending_cancel", 5: "filled", 6: "canceled", 7: "rejected", 9: "pending_amend"}


def quoting(spec: Spec = BTC, **settings: object) -> tuple[Engine, Market, Journal]:
    journal = Journal(20_000)
    strategy = settings.pop("strategy", QuoterStrategy(qty="1", distance_ticks=1))
    engine = Engine(
        spec, fallback=messages.load, journal=journal, strategy=strategy, max_order="1", max_position="2", entry_latency_ms=2,
        response_latency_ms=1, max_feed_delay_ms=10, **settings,
    )
    return engine, Market(engine), journal


def rows(journal: Journal) -> list[tuple[int, str, int, int]]:
    """(side, status, price in ticks, quantity in quanta) of every order row since the last call."""
    batch = journal.drain(20_000)
    journal.commit(len(batch) // 128)
    return [(r["side"], STATUS[r["status"]], r["price"], r["qty"]) for r in records(batch) if r["kind"] == ORDER]


def test_it_quotes_both_sides_and_amends_when_the_touch_moves() -> None:
    engine, market, journal = quoting()
    for _ in range(8):
        market.depth([["100.0", "5"]], [["100.1", "5"]])
    assert rows(journal) == [
        (1, "pending_new", 999, 1000), (-1, "pending_new", 1002, 1000), (1, "open", 999, 1000), (-1, "open", 1002, 1000),
    ]
    for _ in range(8):      # the bid falls by a tick
        market.depth([["100.0", "0"], ["99.9", "5"]], [["100.1", "5"]])
    assert rows(journal) == [(1, "pending_amend", 999, 1000), (1, "open", 998, 1000)]
    assert engine.counters()["amends"] == 1


def test_its_orders_fill_as_makers_and_are_replaced_up_to_the_limit() -> None:
    engine, market, _ = quoting(strategy=QuoterStrategy(qty="1", distance_ticks=0))
    for _ in range(200):
        market.depth([["100.0", "5"]], [["100.1", "5"]])
        market.trade("99.9", "1", buyer_maker=True)         # through its bid, again and again
    assert engine.position("BTCUSDT") == 2 == Decimal(len(engine.trades))
    assert all(fill.maker for fill in engine.trades)
    assert not engine.halted


def test_a_book_that_is_lost_takes_its_orders_with_it() -> None:
    engine, market, journal = quoting()
    for _ in range(8):
        market.depth([["100.0", "5"]], [["100.1", "5"]])
    rows(journal)
    engine.resync("BTCUSDT", market.now)
    engine.advance(market.now + 100_000_000)
    assert rows(journal) == [
        (1, "pending_cancel", 999, 1000), (-1, "pending_cancel", 1002, 1000), (1, "canceled", 999, 1000),
        (-1, "canceled", 1002, 1000),
    ]


def test_after_a_refusal_it_waits() -> None:
    engine, market, _ = quoting(strategy=QuoterStrategy(qty="1", distance_ticks=1, retry_ms=50), max_notional="10")
    for _ in range(200):
        market.depth([["100.0", "5"]], [["100.1", "5"]])
    assert 2 <= engine.counted("notional_limit") <= 10      # of 200 messages


def test_it_sells_nothing_short_on_spot() -> None:
    _, market, journal = quoting(Spec("BTCUSDT", tick="0.1", step="0.001", instrument="spot"))
    for _ in range(8):
        market.depth([["100.0", "5"]], [["100.1", "5"]])
    assert {side for side, *_ in rows(journal)} == {1}


@pytest.mark.parametrize("bad", [{"qty": 0}, {"distance_ticks": -1}, {"retry_ms": -1}, {"tolerance_ticks": 1.5}])
def test_refuses_parameters_out_of_range(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        QuoterStrategy(**bad)
