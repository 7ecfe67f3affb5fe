"""A market that a test writes by hand, message by message."""

import msgspec

from hft._core.engine.engine import Engine

MS = 1_000_000


class Market:
    """A small market that a test writes by hand: one level a side, an update each call."""

    def __init__(self, engine: Engine, now_ms: int = 1000) -> None:
        self.engine, self.now, self.u = engine, now_ms * MS, 100
        engine.connect("BTCUSDT", self.now)
        engine.on_snapshot("BTCUSDT", 100, [("100.0", "5")], [("100.1", "5")], self.now)
        self.depth([], [])

    def depth(self, bids: list[list[str]], asks: list[list[str]], after_ms: int = 1, pu: int | None = None) -> None:
        self.now += after_ms * MS
        self.u += 1
        stamp = self.now // MS
        self.engine.on_frame(
            msgspec.json.encode({
                "e": "depthUpdate", "E": stamp, "T": stamp, "s": "BTCUSDT", "U": self.u, "u": self.u,
                "pu": self.u - 1 if pu is None else pu, "b": bids, "a": asks,
            }),
            self.now,
        )

    def lean(self, bid_qty: str, ask_qty: str, for_ms: int) -> None:
        """The touch with these quantities, restated every millisecond."""
        for _ in range(for_ms):
            self.depth([["100.0", bid_qty]], [["100.1", ask_qty]])

    def trade(self, price: str, qty: str, *, buyer_maker: bool, after_ms: int = 1) -> None:
        self.now += after_ms * MS
        self.trades = getattr(self, "trades", 0) + 1
        stamp = self.now // MS
        self.engine.on_frame(
            msgspec.json.encode({
                "e": "trade", "E": stamp, "T": stamp, "s": "BTCUSDT", "t": self.trades, "p": price, "q": qty, "X": "MARKET",
                "m": buyer_maker,
            }),
            self.now,
        )
