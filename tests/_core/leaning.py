"""A market that leans to one side and then to the other, so that the default strategy trades on it."""

import msgspec

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


class Leaning:
    """A book one side of which is heavy, for two seconds each; `decimals` may change on the way."""

    def __init__(self, symbol="BTCUSDT", decimals=1):
        self.symbol, self.decimals = symbol, decimals
        self.ms, self.id, self.trade_id = 0, 100, 0
        self.bids, self.asks = {}, {}
        self._place(600_000)

    @property
    def now_ns(self):
        return START_NS + self.ms * MS

    def price(self, tenths):
        return f"{tenths / 10:.{self.decimals}f}"

    def _place(self, touch):
        bid, ask = ("9.000", "1.000") if self.ms // 2000 % 2 == 0 else ("1.000", "9.000")
        self.bids = {touch - n: bid for n in range(5)}
        self.asks = {touch + 1 + n: ask for n in range(5)}

    def snapshot(self):
        """(lastUpdateId, bids, asks, stamp) of this moment's book, and the bytes that a venue would send."""
        bids = [(self.price(p), q) for p, q in sorted(self.bids.items(), reverse=True)]
        asks = [(self.price(p), q) for p, q in sorted(self.asks.items())]
        stamp = self.now_ns // MS
        body = msgspec.json.encode({"lastUpdateId": self.id, "E": stamp, "T": stamp, "bids": bids, "asks": asks})
        return (self.id, bids, asks, stamp), body

    def step(self, ms=10):
        """The next depth update, as a frame."""
        self.ms += ms
        before, old = self.id, (self.bids, self.asks)
        self.id += 1
        self._place(600_000 + self.ms // 500)
        sides = [
            [[self.price(p), side.get(p, "0.000")] for p in sorted({*side, *was})]
            for side, was in zip((self.bids, self.asks), old, strict=True)
        ]
        stamp = self.now_ns // MS
        return msgspec.json.encode({
            "e": "depthUpdate", "E": stamp, "T": stamp, "s": self.symbol, "U": before + 1, "u": self.id, "pu": before,
            "b": sides[0], "a": sides[1],
        })

    def trade(self):
        self.trade_id += 1
        stamp = self.now_ns // MS
        return msgspec.json.encode({
            "e": "trade", "E": stamp, "T": stamp, "s": self.symbol, "t": self.trade_id, "p": self.price(max(self.bids)),
            "q": "0.100", "X": "MARKET", "m": True,
        })
