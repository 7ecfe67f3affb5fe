"""Book and features over real sessions, read by a naive JSON reader.

The venue itself says what the touch was: after each depth event the base's best bid and ask, price and quantity, are those of the
bookTicker with the greatest `u` not above the event's, whenever that book_ticker arrived. Nobody here wrote that oracle.
"""

import json
from bisect import bisect_right
from decimal import Decimal

import pytest

from hft._core.market.book import OrderBook
from hft._core.market.features import FeatureBuffer
from tests import data
from tests.oracle.book import ASK, BID, NaiveBook
from tests.oracle.features import NaiveFeatures
from tests.sizes import size


def messages(name):
    """Every message as (local stamp, fields); the envelope of combined streams taken off."""
    for line in data.lines(name):
        stamp, text = line.split(b" ", 1)
        message = json.loads(text)
        yield int(stamp), message.get("data", message)


def is_book_ticker(message):
    return "B" in message


def synced(name, usdm):
    """The snapshot and what counts after it: depth in sequence (asserted), bookTickers, trades."""
    buffered, last = [], None
    for now, message in messages(name):
        if "lastUpdateId" in message:
            last = message["lastUpdateId"]
            yield now, message
            for event in [m for m in buffered if (m["u"] >= last if usdm else m["u"] > last)]:
                assert event["U"] <= last + (not usdm) <= event["u"] or event.get("pu", event["U"] - 1) == last
                last = event["u"]
                yield now, event
            bridged = last != message["lastUpdateId"]
        elif message.get("e") == "depthUpdate":
            if last is None:
                buffered.append(message)
            elif message["u"] > last or (usdm and message["u"] == last and not bridged):
                first = not bridged and message["U"] <= last + 1
                assert first or message.get("pu", message["U"] - 1) == last
                last, bridged = message["u"], True
                yield now, message
        elif last is not None:
            yield now, message


def decimals(levels):
    return [(Decimal(price), Decimal(qty)) for price, qty in levels]


def touch_by_book_ticker(name):
    """Update ids of all bookTickers, sorted, and what each says of bid and ask."""
    book_tickers = {m["u"]: tuple(map(Decimal, (m["b"], m["B"], m["a"], m["A"]))) for _, m in messages(name) if is_book_ticker(m)}
    return sorted(book_tickers), book_tickers


@pytest.mark.parametrize(
    ("name", "usdm", "events"),
    [
        pytest.param(data.USDM_BTC, True, data.figure(data.USDM_BTC, 6547, 246), marks=pytest.mark.long),
        (data.SPOT_BTC, False, data.figure(data.SPOT_BTC, 3449, 198)),
        (data.SPOT_NEXO, False, 1186),
    ],
    ids=["usdm-btcusdt", "spot-btcusdt", "spot-nexousdt"],
)
def test_the_bases_touch_is_the_book_ticker_of_that_update(name, usdm, events):
    book, naive = OrderBook(data.SPECS[name][0]), NaiveBook()
    ids, book_tickers = touch_by_book_ticker(name)
    seen = 0
    for _, message in synced(name, usdm):
        if "lastUpdateId" in message:
            assert book.snapshot(message["bids"], message["asks"], message["lastUpdateId"]) == 0
            naive.snapshot(decimals(message["bids"]), decimals(message["asks"]), message["lastUpdateId"])
        elif message.get("e") == "depthUpdate":
            assert book.apply(message["b"], message["a"], message["u"]) == 0
            naive.apply(decimals(message["b"]), decimals(message["a"]), message["u"])
            i = bisect_right(ids, message["u"])
            if i:
                bid, ask = book.base_bids(1)[0], book.base_asks(1)[0]
                assert (*bid, *ask) == book_tickers[ids[i - 1]]
                seen += 1
            if seen % 500 == 0:
                assert book.base_bids() == naive.base_levels(BID)
                assert book.base_asks() == naive.base_levels(ASK)
                book.check()
    assert seen == events
    assert book.dropped == 0


@pytest.mark.parametrize(("name", "usdm"), [(data.USDM_BTC, True), (data.SPOT_BTC, False)], ids=["usdm", "spot"])
def test_view_and_features_equal_the_naive_ones(name, usdm):
    """Every message of the session's first seconds; view and features compared at every fortieth, and at times 333 ms later."""
    spec = data.SPECS[name][0]
    book, naive_book = OrderBook(spec), NaiveBook()
    features, naive = FeatureBuffer(spec, window_ms=1000), NaiveFeatures(1_000_000_000)
    compared, clock = 0, 0
    for i, (now, m) in enumerate(synced(name, usdm)):
        now = clock = max(now, clock)
        if i == size(4000, 1500):
            break
        if "lastUpdateId" in m:
            for each, read in ((book, list), (naive_book, decimals)):
                each.snapshot(read(m["bids"]), read(m["asks"]), m["lastUpdateId"])
            features.on_sync(book, now)
            naive.on_sync(naive_book, now)
            continue
        if m.get("e") == "trade":
            features.on_trade(m["q"], buyer_is_maker=m["m"], trade_id=m["t"], venue_ns=m["T"] * 1_000_000, now_ns=now,
                              market=m.get("X", "MARKET") == "MARKET")
            naive.on_trade(Decimal(m["q"]), -1 if m["m"] else 1, m["t"], m["T"], now, market=m.get("X", "MARKET") == "MARKET")
        elif m.get("e") == "depthUpdate":
            book.apply(m["b"], m["a"], m["u"])
            naive_book.apply(decimals(m["b"]), decimals(m["a"]), m["u"])
        else:
            book.book_ticker(m["b"], m["B"], m["a"], m["A"], m["u"])
            naive_book.book_ticker(*map(Decimal, (m["b"], m["B"], m["a"], m["A"])), m["u"])
        features.on_book(book, now)
        naive.on_book(naive_book, now)
        if i % 40 == 0:
            assert book.bids(30) == naive_book.levels(BID)[:30]
            assert book.asks(30) == naive_book.levels(ASK)[:30]
            for clock in (now, now + 333_000_000 if i % 1000 == 0 else now):
                expected = naive.vector(naive_book, clock)
                assert features.vector(book, clock).as_dict() == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
            compared += features.vector(book, clock).flow_valid
    assert compared > size(data.figure(name, 50, 40), 25)
