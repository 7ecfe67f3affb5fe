"""The simulated market: deterministic by seed, and what it publishes is its book."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft.exchange.market import Market
from hft.exchange.symbols import SYMBOLS, market
from tests import data
from tests.exchange.facts import FACTS, measure
from tests.exchange.observe import read_capture, simulate

SECOND = 10**9
ALL = [(protocol, name) for protocol, symbols in SYMBOLS.items() for name in symbols]


def text(events):
    names = (
        "kind", "time_ns", "first_id", "last_id", "prev_id", "price", "qty", "ask_price", "ask_qty", "buyer_is_maker",
        "bids", "asks",
    )
    return [tuple(getattr(e, name) for name in names) for e in events]


@pytest.fixture(scope="module")
def minute():
    """The book that a market started from, and all it said in a minute."""
    source = market("BTCUSDT", seed=11)
    return source.snapshot(20_000), source.advance(60 * SECOND)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3 * SECOND), max_size=30))
def test_steps_change_nothing(stops):
    whole = text(market("BTCUSDT", seed=5).advance(3 * SECOND))
    source, parts = market("BTCUSDT", seed=5), []
    for stop in [*sorted(stops), 3 * SECOND]:
        parts += source.advance(stop)
    assert text(parts) == whole


def test_another_seed_is_another_market():
    assert text(market("BTCUSDT", seed=5).advance(SECOND)) != text(market("BTCUSDT", seed=6).advance(SECOND))


def test_depth_updates_follow_each_other_and_end_in_the_book():
    source = market("BTCUSDT", seed=11)
    start = source.snapshot(20_000)
    sides = dict(start.bids), dict(start.asks)
    last = start.last_update_id
    for event in [e for _ in range(1200) for e in source.advance_to_depth() if e.kind == "depth"]:
        assert event.prev_id == last < event.first_id <= event.last_id
        last = event.last_id
        for side, changes in zip(sides, (event.bids, event.asks), strict=True):
            assert changes == sorted(changes)
            assert len({price for price, _ in changes}) == len(changes)
            side.update(changes)
    book = source.snapshot(20_000)
    assert book.last_update_id == last
    assert {p: q for p, q in sides[0].items() if q} == dict(book.bids)
    assert {p: q for p, q in sides[1].items() if q} == dict(book.asks)


def test_touch_after_each_depth_update_is_that_of_the_newest_book_ticker_up_to_it(minute):
    """The oracle that real captures obey (`facts/real-data.md`): by update id, whenever the bookTicker arrived."""
    start, events = minute
    book_tickers = sorted((e.last_id, (e.price, e.qty, e.ask_price, e.ask_qty)) for e in events if e.kind == "bookTicker")
    bids, asks = dict(start.bids), dict(start.asks)
    at = compared = 0
    for event in (e for e in events if e.kind == "depth"):
        for side, changes in ((bids, event.bids), (asks, event.asks)):
            for price, qty in changes:
                if qty:
                    side[price] = qty
                else:
                    side.pop(price, None)
        while at < len(book_tickers) and book_tickers[at][0] <= event.last_id:
            at += 1
        if at:
            bid, ask = max(bids), min(asks)
            assert (bid, bids[bid], ask, asks[ask]) == book_tickers[at - 1][1]
            compared += 1
    assert compared > 1000


def test_some_book_tickers_are_overtaken_by_a_newer_depth_update(minute):
    newest, overtaken = 0, 0
    for event in minute[1]:
        if event.kind == "depth":
            newest = event.last_id
        elif event.kind == "bookTicker":
            overtaken += event.last_id <= newest
    assert overtaken > 20


def test_aggregates_hold_exactly_the_trades(minute):
    trades = [e for e in minute[1] if e.kind == "trade"]
    aggregates = [e for e in minute[1] if e.kind == "aggTrade"]
    assert [t.last_id for t in trades] == list(range(1, len(trades) + 1))
    assert [a.last_id for a in aggregates] == list(range(1, len(aggregates) + 1))
    for a in aggregates:
        parts = trades[a.first_id - 1 : a.prev_id]
        assert sum(t.qty for t in parts) == a.qty
        assert {(t.price, t.buyer_is_maker, t.time_ns) for t in parts} == {(a.price, a.buyer_is_maker, a.time_ns)}


@pytest.mark.long
def test_the_book_is_wide_and_sparse_and_stays_bounded():
    source = market("BTCUSDT", seed=2)
    for minute in range(1, 13):
        source.advance(minute * 60 * SECOND)
    book = source.snapshot(20_000)
    assert book.bids[-1][0] < 0.05 * book.bids[0][0]
    assert book.asks[-1][0] > 5 * book.asks[0][0]
    assert max(source.levels) < 4000
    assert source.orders < 20_000


@pytest.mark.parametrize(("protocol", "name"), ALL)
def test_every_symbol_trades_and_is_quoted_near_its_start(protocol, name):
    source = market(name, protocol=protocol, seed=1)
    events = source.advance(20 * SECOND)
    kinds = {e.kind for e in events}
    assert kinds == {"depth", "bookTicker", "trade", "aggTrade"}
    symbol = SYMBOLS[protocol][name]
    mid = source.snapshot(1).bids[0][0] * Decimal(symbol.tick)
    assert abs(mid / Decimal(symbol.start_price) - 1) < Decimal("0.01")


def test_bitcoin_is_below_a_hundred_thousand():
    for protocol in SYMBOLS:
        assert Decimal(SYMBOLS[protocol]["BTCUSDT"].start_price) < 100_000


def test_missing_parameters_are_named():
    with pytest.raises(TypeError, match="start_price"):
        Market(max_price=1 << 20, seed=1)


# -- does it look like a real one ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session():
    return simulate(seed=1, minutes=10)


@pytest.mark.long
@pytest.mark.parametrize("name", FACTS)
def test_facts_of_one_seed(session, name):
    """One seed varies more than twenty: the accepted range, a quarter wider either way."""
    row = FACTS[name]
    value = row.measure(session)
    assert 0.75 * row.low <= value <= 1.25 * row.high, f"{name} = {value:.3f}"


@pytest.mark.long
def test_messages_come_as_often_as_on_the_real_venue(session):
    rates = {kind: count / session.seconds for kind, count in session.messages.items()}
    total = sum(rates.values())
    assert 180 < total < 360
    assert 0.6 < rates["bookTicker"] / total < 0.8
    assert 0.15 < rates["trade"] / total < 0.3
    assert 0.05 < rates["depth"] / total < 0.1


@pytest.mark.long
def test_the_default_strategy_finds_entries_at_the_real_pace(session):
    """A strong imbalance for 70 % of a second, one entry a second at most; about 90 in 345 s on the real venue."""
    book = session.book
    entries, free_at = [], 0.0
    for i, (now, imbalance, _, _) in enumerate(book):
        if now < free_at or abs(imbalance) < 0.3 or now < book[0, 0] + 1e9:
            continue
        window = book[max(0, i - 40) : i + 1]
        window = window[window[:, 0] > now - 1e9]
        if (window[:, 1] * (1 if imbalance > 0 else -1) >= 0.3).mean() >= 0.7:
            entries.append(now)
            free_at = now + 1e9
    assert entries[0] < 10e9
    assert 90 < len(entries) / session.seconds * 345 < 250


@pytest.mark.long
@pytest.mark.parametrize(
    ("capture", "protocol", "published"),
    [
        (data.USDM_BTC, "binance-usdm",
                                {"one_tick_spread": 0.99, "next_move": 0.66, "signed_move_bps": 0.30, "decreases_over_volume": 57,
                                 "taker_size": 15, "level_one": 9, "taker_sign_1": 0.20, "taker_sign_10": 0.12, "fano": 26}),
        (data.SPOT_BTC, "binance-spot",
                                {"one_tick_spread": 0.99, "next_move": 0.65, "signed_move_bps": 0.25, "decreases_over_volume": 49,
                                 "taker_size": 19, "imbalance_memory": 0.52, "taker_sign_1": 0.36, "taker_sign_10": 0.18}),
    ],
)
def test_the_measures_give_the_published_figures_on_real_captures(capture, protocol, published):
    measured = measure(read_capture(data.find(capture), protocol=protocol))
    for name, value in published.items():       # of the whole session; seconds of it have none but its spread
        if data.whole(capture) or name == "one_tick_spread":
            assert measured[name] == pytest.approx(value, rel=0.06), name
