"""A small market that a test writes by hand."""

from __future__ import annotations

import msgspec

from hft._core.engine.engine import Engine

MS = 1_000_000


def depth_update(u: int, now_ns: int, bids: list[list[str]], asks: list[list[str]], *, symbol: str = "BTCUSDT") -> bytes:
    stamp = now_ns // MS
    return msgspec.json.encode({
        "e": "depthUpdate", "E": stamp, "T": stamp, "s": symbol, "U": u, "u": u, "pu": u - 1, "b": bids, "a": asks,
    })


class Ladder:
    """A market of one symbol with `levels` thin levels a side, around 100.0 / 100.1; it leans to either side as told."""

    def __init__(self, engine: Engine, levels: int, *, symbol: str = "BTCUSDT", now_ms: int = 1000, qty: str = "0.001") -> None:
        self.engine, self.symbol, self.now, self.u = engine, symbol, now_ms * MS, 100
        self.bids = [[str((1000 - i) / 10), qty] for i in range(levels)]
        self.asks = [[str((1001 + i) / 10), qty] for i in range(levels)]
        engine.connect(symbol, self.now)
        engine.on_snapshot(symbol, 100, self.bids, self.asks, self.now)

    def send(self, bids: list[list[str]], asks: list[list[str]], after_ms: float = 1) -> None:
        self.now += int(after_ms * MS)
        self.u += 1
        self.engine.on_frame(depth_update(self.u, self.now, bids, asks, symbol=self.symbol), self.now)

    def lean(self, bid_qty: str, ask_qty: str, for_ms: int) -> None:
        """The touch with these quantities, restated every millisecond."""
        for _ in range(for_ms):
            self.send([[self.bids[0][0], bid_qty]], [[self.asks[0][0], ask_qty]])
