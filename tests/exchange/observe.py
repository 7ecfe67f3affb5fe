"""A simulated or captured session, as a client sees it, in arrays for `tests.exchange.facts`."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from hft.data.captures import Capture
from hft.data.record import Kind
from hft.exchange.market import MarketEvent
from hft.exchange.symbols import SYMBOLS, market
from hft.venues.binance.venues import SPOT, USDM

Array = npt.NDArray[np.float64]
Side = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class ObservedSession:
    """Columns of one symbol's session. Times are exchange nanoseconds, prices ticks, quantities any one unit; `*_order` is the
    position in the stream, which shows what was published first.

    `book_*` has a row per depth update: imbalance over five levels, mean quantity of the first level and of levels 2–10.
    """

    touch: Array  # time, bid, bid quantity, ask, ask quantity
    touch_order: Array
    trades: Array  # time, price, quantity, side of the taker (1 buys, -1 sells)
    trade_order: Array
    book: Array  # time, imbalance, level 1, levels 2–10
    decreases: float  # quantity removed from the displayed book, all levels
    seconds: float
    messages: dict[str, int]
    stamp_error_ns: float = 0.0  # largest error of a bookTicker's time (spot's has only a receive time)


class FollowedBook:
    """A simple, slow book, kept from absolute quantities."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, float], dict[int, float]] = ({}, {})
        self.keys: tuple[list[int], list[int]] = ([], [])  # best first: bids by minus price
        self.decreases = 0.0

    def apply(self, side: int, levels: Side) -> None:
        held, keys = self.levels[side], self.keys[side]
        for price, qty in levels:
            key = price if side else -price
            before = held.get(price, 0.0)
            self.decreases += max(0.0, before - qty)
            if qty and not before:
                insort(keys, key)
            elif before and not qty:
                keys.pop(bisect_left(keys, key))
            if qty:
                held[price] = qty
            else:
                held.pop(price, None)

    def top(self, side: int, n: int) -> list[float]:
        return [self.levels[side][abs(key)] for key in self.keys[side][:n]]

    def row(self, time: float) -> tuple[float, float, float, float]:
        bids, asks = self.top(0, 10), self.top(1, 10)
        b, a = sum(bids[:5]), sum(asks[:5])
        return time, (b - a) / (b + a), (bids[0] + asks[0]) / 2, (sum(bids[1:]) + sum(asks[1:])) / 18


class _Columns:
    """Gathers rows until :meth:`session`."""

    def __init__(self) -> None:
        self.touch: list[tuple[float, ...]] = []
        self.touch_order: list[int] = []
        self.trades: list[tuple[float, ...]] = []
        self.trade_order: list[int] = []
        self.rows: list[tuple[float, ...]] = []
        self.book = FollowedBook()
        self.messages: dict[str, int] = {}
        self.n = 0

    def count(self, kind: str) -> int:
        self.messages[kind] = self.messages.get(kind, 0) + 1
        self.n += 1
        return self.n

    def on_touch(self, time: float, bid: float, bid_qty: float, ask: float, ask_qty: float) -> None:
        self.touch_order.append(self.count("bookTicker"))
        self.touch.append((time, bid, bid_qty, ask, ask_qty))

    def on_trade(self, time: float, price: float, qty: float, buyer_is_maker: bool) -> None:
        self.trade_order.append(self.count("trade"))
        self.trades.append((time, price, qty, -1.0 if buyer_is_maker else 1.0))

    def on_depth(self, time: float, bids: Side, asks: Side) -> None:
        self.count("depth")
        self.book.apply(0, bids)
        self.book.apply(1, asks)
        self.rows.append(self.book.row(time))

    def session(self, stamp_error_ns: float = 0.0) -> ObservedSession:
        touch, order = np.array(self.touch), np.array(self.touch_order)
        by_time = np.argsort(touch[:, 0], kind="stable")
        seconds = (touch[by_time[-1], 0] - touch[by_time[0], 0]) / 1e9
        return ObservedSession(
            touch[by_time], order[by_time], np.array(self.trades), np.array(self.trade_order), np.array(self.rows),
            self.book.decreases, seconds, self.messages, stamp_error_ns,
        )  # fmt: skip


def simulate(symbol: str = "BTCUSDT", *, protocol: str = USDM.name, seed: int = 1, minutes: float = 10.0) -> ObservedSession:
    """A session of the embedded exchange, stamps cut to milliseconds as in the streams."""
    source = market(symbol, protocol=protocol, seed=seed)
    columns = _Columns()
    start = source.snapshot(10_000)
    columns.book.apply(0, start.bids)
    columns.book.apply(1, start.asks)
    cadence = 2 if protocol == SPOT.name else 1  # spot's fastest depth stream merges two updates of 50 ms
    held: list[MarketEvent] = []
    for event in source.advance(round(minutes * 60e9)):
        time = event.time_ns // 1_000_000 * 1e6
        if event.kind == "bookTicker":
            columns.on_touch(time, event.price, event.qty, event.ask_price, event.ask_qty)
        elif event.kind == "trade":
            columns.on_trade(time, event.price, event.qty, event.buyer_is_maker)
        elif event.kind == "depth":
            held.append(event)
            if len(held) == cadence:
                bids, asks = ({p: q for e in held for p, q in getattr(e, side)}.items() for side in ("bids", "asks"))
                columns.on_depth(time, list(bids), list(asks))
                held.clear()
    return columns.session()


class _Message(msgspec.Struct):
    """A captured message of any kind, with or without its envelope."""

    data: _Message | None = None
    e: str = "bookTicker"  # spot's have no `e`
    E: int | None = None
    T: int | None = None
    u: int = 0
    b: str | list[tuple[str, str]] = ""
    a: str | int | list[tuple[str, str]] = ""
    B: str = ""
    A: str = ""
    p: str = ""
    q: str = ""
    X: str = "MARKET"
    m: bool = False
    lastUpdateId: int | None = None
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


def read_capture(path: str | Path, *, protocol: str, symbol: str = "BTCUSDT") -> ObservedSession:
    """A captured session of one symbol, for comparison. Its bookTickers without a stamp (spot) get their receive
    time, less the least delay seen."""
    columns = _Columns()
    decode = msgspec.json.Decoder(_Message).decode
    tick = Decimal(SYMBOLS[protocol][symbol].tick)
    offset = float("inf")
    ready, last_id = False, 0

    def ticks(price: object) -> int:
        return int(Decimal(str(price)) / tick)

    def levels(side: object) -> Side:
        return [(ticks(price), float(qty)) for price, qty in side] if isinstance(side, list) else []

    for record in Capture(path):
        if record.kind not in (Kind.FRAME, Kind.SNAPSHOT):
            continue
        m = decode(record.data)
        m = m.data or m
        if record.kind == Kind.SNAPSHOT:
            ready, last_id = True, m.lastUpdateId or 0
            columns.book.apply(0, levels(m.bids))
            columns.book.apply(1, levels(m.asks))
            continue
        if m.E is not None:
            offset = min(offset, record.ns - m.E * 1e6)
        time = m.T * 1e6 if m.T is not None else record.ns - offset
        if m.e == "bookTicker":
            columns.on_touch(time, ticks(m.b), float(m.B), ticks(m.a), float(m.A))
        elif m.e == "trade" and m.X == "MARKET":
            columns.on_trade(time, ticks(m.p), float(m.q), m.m)
        elif m.e == "depthUpdate" and ready and m.u >= last_id:
            columns.on_depth(time, levels(m.b), levels(m.a))
    return columns.session(5e6 if protocol == SPOT.name else 0.0)
