"""Several sources as one session: order, opened streams, ids that the engine's synchronisation accepts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine import events as words
from hft._core.engine.engine import Engine, replay_events
from hft.data.events import EVENT
from hft.data.merge import begun, merged, numbered, timed
from hft.venues.binance.venues import PROTOCOLS
from tests.recorded.naive import messages

SPECS = [Spec("BTCUSDT", tick="0.10", step="0.001"), Spec("ETHUSDT", tick="0.01", step="0.001")]
START = 1_700_000_000 * 10**9


def message(kind, ns, *levels, symbol=0, last_id=0, flags=0):
    """Records of a message: (price, qty, flag) each, or one that is empty."""
    levels = levels or [(0, 0, flags | words.EMPTY)]
    return np.array(
        [(START + ns, 1, last_id, last_id, -1, price, qty, symbol, words.KINDS[kind], side | (0 if rest else words.LAST), rest)
         for rest, (price, qty, side) in zip(range(len(levels) - 1, -1, -1), levels, strict=True)],
        EVENT,
    )  # fmt: skip


def depth(ns, bid, ask, **more):
    return message("depth", ns, (bid, 1, words.BID), (ask, 1, words.ASK), **more)


def book_ticker(ns, bid, ask, **more):
    return message("bookTicker", ns, (bid, 1, words.BID), (ask, 1, words.ASK), **more)


def trade(ns, **more):
    return message("trade", ns, (10, 1, 0), **more)


STREAM = st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.booleans()), max_size=12)


@given(st.lists(STREAM, min_size=1, max_size=4))
def test_sources_are_merged_by_stamp_then_source_then_place(streams):
    """A message is told by its price: (source, place); each may end a part of its source."""
    expected, sources = [], []
    for number, stream in enumerate(streams):
        parts, part = [], [np.empty(0, EVENT)]
        for place, (ns, wide, ends) in enumerate(sorted(stream, key=lambda each: each[0])):
            price = 100 * (number + 1) + place
            part.append(depth(ns, price, price) if wide else message("depth", ns, (price, 1, words.BID)))
            expected.append((ns, number, place, price))
            if ends:
                parts.append(np.concatenate(part))
                part = [np.empty(0, EVENT)]
        sources.append(iter([*parts, np.concatenate(part)]))
    found = messages(np.concatenate([np.empty(0, EVENT), *merged(sources)]))
    assert [m.bids[0][0] for m in found] == [price for *_, price in sorted(expected)]


def test_what_no_source_opens_begins_with_an_empty_book():
    parts = [trade(1), depth(2, 10, 11), depth(3, 10, 12, symbol=1), depth(4, 10, 11)]
    kinds = [(m.kind, m.symbol) for m in messages(np.concatenate(list(begun(parts, [0]))))]
    assert kinds == [("trade", 0), ("connect", 0), ("snapshot", 0), ("depth", 0), ("depth", 1), ("depth", 0)]


def test_what_has_no_time_is_received_with_the_first_that_has():
    parts = [depth(-START, 1, 2), depth(-START, 2, 3), np.concatenate((depth(-START, 3, 4), trade(5))), trade(9)]
    assert [m.recv_ns - START for m in messages(np.concatenate(list(timed(parts))))] == [5, 5, 5, 5, 9]
    assert list(timed(parts[:1])) == []


def test_ids_are_chained_book_tickers_between_depth_and_trades_counted():
    parts = [
        message("connect", 1), message("snapshot", 1, (9, 1, words.BID)), depth(2, 10, 11), book_ticker(3, 10, 11),
        book_ticker(4, 9, 11),
        trade(5), depth(6, 10, 12), trade(7),
    ]  # fmt: skip
    first = (START + 1) // 1000
    found = [(m.kind, m.ids) for m in messages(np.concatenate(list(numbered(parts, SPECS, chained=True))), ids=True)]
    assert found == [
        ("connect", (0, 0, -1)), ("snapshot", (0, first + 1, -1)), ("depth", (first + 2, first + 2, first + 1)),
        ("bookTicker", (0, first + 3, -1)), ("bookTicker", (0, first + 4, -1)), ("trade", ((START + 5) // 1000,) * 2 + (-1,)),
        ("depth", (first + 3, first + 5, first + 2)), ("trade", ((START + 5) // 1000 + 1,) * 2 + (-1,)),
    ]  # fmt: skip


def test_ids_that_are_there_are_kept_and_counted_on_from():
    parts = [depth(1, 10, 11, last_id=7), trade(1, last_id=40), depth(2, 10, 11), trade(2)]
    found = [(m.kind, m.ids) for m in messages(np.concatenate(list(numbered(parts, SPECS, chained=True))), ids=True)]
    assert found == [("depth", (7, 7, -1)), ("trade", (40, 40, -1)), ("depth", (8, 8, 7)), ("trade", (41, 41, -1))]


KINDS = st.sampled_from(["depth", "bookTicker", "trade", "snapshot"])


@given(st.lists(st.tuples(KINDS, st.integers(0, 1), st.integers(0, 3)), max_size=40),
       st.sampled_from(["binance-usdm", "binance-spot"]))
def test_the_engine_accepts_made_ids_without_a_gap(session, protocol):
    """In any order of kinds, on either protocol: what is given an id is applied, every book is in sync, no trade is missing."""
    specs = [Spec(name, tick="0.1", step="0.001", instrument=PROTOCOLS[protocol].instrument) for name in ("BTCUSDT", "ETHUSDT")]
    ns = 10

    def anew(symbol):
        book = (9, 1, words.BID), (12, 1, words.ASK)
        opening = [message("connect", ns, symbol=symbol), message("snapshot", ns, *book, symbol=symbol)]
        return [*opening, depth(ns, 10, 11, symbol=symbol)]

    parts = anew(0) + anew(1)
    for kind, symbol, later in session:
        ns += later
        if kind == "snapshot":
            parts += anew(symbol)
        elif kind == "trade":
            parts.append(trade(ns, symbol=symbol))
        else:
            parts.append((depth if kind == "depth" else book_ticker)(ns, 10, 11, symbol=symbol))
    records = np.concatenate(list(numbered(parts, specs, PROTOCOLS[protocol].sync.chained)))
    engine = Engine(specs, sync=PROTOCOLS[protocol].sync)
    at = 0
    while at < len(records):
        at = replay_events(engine, records, start=at)
    assert engine.synced("BTCUSDT") and engine.synced("ETHUSDT")
    assert engine.missing_trades == 0
    assert engine.counters()["rejects"] == {}
