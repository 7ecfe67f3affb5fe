"""A session as a client of the streams sees it, in arrays: what `hft.exchange.facts` measures, simulated or captured alike."""

from __future__ import annotations

import gzip
from bisect import bisect_left, insort
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np

from hft.exchange.symbols import SYMBOLS, market


@dataclass(frozen=True)
class Session:
    """Columns of one symbol's session. Times are exchange nanoseconds, prices ticks, quantities any one unit; `*_order` is the
    position in the stream, which tells what was published first.

    `book_*` has a row per depth update: imbalance over five levels, mean quantity of the first level and of levels 2–10.
    """

    touch: np.ndarray  # time, bid, bid quantity, ask, ask quantity
    touch_order: np.ndarray
    trades: np.ndarray  # time, price, quantity, side of the taker (1 buys, -1 sells)
    trade_order: np.ndarray
    book: np.ndarray  # time, imbalance, level 1, levels 2–10
    decreases: float  # quantity that left the displayed book, all levels
    seconds: float
    messages: dict[str, int]
    stamp_error_ns: float = 0.0  # how far the time of a bookTicker can be off (spot's has no stamp, only a receive time)


class FollowedBook:
    """One side-by-side book, kept from absolute quantities; the slow, obvious way."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, float], dict[int, float]] = ({}, {})
        self.keys: tuple[list[int], list[int]] = ([], [])  # best first: bids by minus price
        self.decreases = 0.0

    def apply(self, side: int, levels: list[tuple[int, float]]) -> None:
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
        self.touch: list[tuple] = []
        self.touch_order: list[int] = []
        self.trades: list[tuple] = []
        self.trade_order: list[int] = []
        self.rows: list[tuple] = []
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

    def on_depth(self, time: float, bids: list, asks: list) -> None:
        self.count("depth")
        self.book.apply(0, bids)
        self.book.apply(1, asks)
        self.rows.append(self.book.row(time))

    def session(self, stamp_error_ns: float = 0.0) -> Session:
        touch, order = np.array(self.touch), np.array(self.touch_order)
        by_time = np.argsort(touch[:, 0], kind="stable")
        seconds = (touch[by_time[-1], 0] - touch[by_time[0], 0]) / 1e9
        return Session(touch[by_time], order[by_time], np.array(self.trades), np.array(self.trade_order), np.array(self.rows),
                       self.book.decreases, seconds, self.messages, stamp_error_ns)


def simulate(symbol: str = "BTCUSDT", *, dialect: str = "usdm", seed: int = 1, minutes: float = 10.0) -> Session:
    """A session of the embedded exchange, stamps cut to milliseconds as the streams cut them."""
    source = market(symbol, dialect=dialect, seed=seed)
    columns = _Columns()
    start = source.snapshot(10_000)
    columns.book.apply(0, start.bids)
    columns.book.apply(1, start.asks)
    cadence = 2 if dialect == "spot" else 1  # spot's fastest depth stream merges two updates of 50 ms
    held: list = []
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


def read_capture(path: str | Path, *, dialect: str) -> Session:
    """A captured session of one symbol (`<local ns> <json>` lines, combined streams), for comparison."""
    columns = _Columns()
    decode = msgspec.json.Decoder().decode
    scale: float | None = None
    offset = float("inf")  # least receive time minus event time: turns receive times into the exchange's
    last_id: int | None = None
    with gzip.open(path, "rb") as lines:
        for line in lines:
            stamp, body = line.split(b" ", 1)
            message = decode(body)
            data = message.get("data", message)
            if scale is None and "s" in data:
                scale = 1.0 / float(Decimal(SYMBOLS[dialect][data["s"]].tick))
            if "lastUpdateId" in data and scale is not None:
                last_id = data["lastUpdateId"]
                for side, name in enumerate(("bids", "asks")):
                    columns.book.apply(side, [(round(float(p) * scale), float(q)) for p, q in data[name]])
                continue
            if "E" in data:
                offset = min(offset, float(stamp) - data["E"] * 1e6)
            time = data["T"] * 1e6 if "T" in data else float(stamp) - offset
            kind = data.get("e", "bookTicker")
            if kind == "bookTicker":
                columns.on_touch(time, round(float(data["b"]) * scale), float(data["B"]), round(float(data["a"]) * scale), float(data["A"]))
            elif kind == "trade" and data.get("X", "MARKET") == "MARKET":
                columns.on_trade(time, round(float(data["p"]) * scale), float(data["q"]), data["m"])
            elif kind == "depthUpdate" and last_id is not None and data["u"] >= last_id:
                sides = [[(round(float(p) * scale), float(q)) for p, q in data[name]] for name in ("b", "a")]
                columns.on_depth(time, *sides)
    return columns.session(5e6 if dialect == "spot" else 0.0)
