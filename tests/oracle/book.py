"""The book as a reader of SEMANTICS would write it first: two dicts, sorted when asked. Any exact number type will do."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

BID, ASK = "bid", "ask"


@dataclass
class NaiveBook:
    base: dict = field(default_factory=lambda: {BID: {}, ASK: {}})
    base_id: int = 0
    overlay: tuple | None = None  # (id, {side: (price, qty)})
    edge: dict = field(default_factory=dict)    # side: the worst price that a whole book knows, None: every price
    hole: dict = field(default_factory=dict)    # side: prices this good or better are unknown without a level
    longest: int = 0

    def clear(self):
        longest = self.longest
        self.__init__()
        self.longest = longest

    def whole(self, bids, asks, update_id, levels=0):
        """A whole book takes the last one's place; True, and nothing changes, where it crosses itself."""
        sides = {BID: {p: q for p, q in dict(bids).items() if q}, ASK: {p: q for p, q in dict(asks).items() if q}}
        if sides[BID] and sides[ASK] and max(sides[BID]) >= min(sides[ASK]):
            return True
        self.longest = max(self.longest, levels, *map(len, sides.values()))
        self.base, self.hole = sides, {}
        for side, worst in ((BID, min), (ASK, max)):
            self.edge[side] = worst(sides[side]) if sides[side] and len(sides[side]) >= self.longest else None
        self._has(update_id)
        return False

    def apply_newest(self, bids, asks, update_id):
        """Rule 7b: (levels that went, whose newer level it was)."""
        if not self.apply(bids, asks, update_id):
            return 0, 0
        bid, ask = max(self.base[BID]), min(self.base[ASK])
        by_bid = any(p >= ask and p in self.base[BID] for p, _ in bids)
        by_ask = any(p <= bid and p in self.base[ASK] for p, _ in asks)
        gone = 0
        if by_bid:
            gone += self._cut(ASK, [p for p in self.base[ASK] if p <= bid], max, bid)
        if by_ask:
            gone += self._cut(BID, [p for p in self.base[BID] if p >= ask], min, ask)
        return gone, by_bid + 2 * by_ask

    def _cut(self, side, prices, worse, limit):
        for price in prices:
            del self.base[side][price]
        self.hole[side] = worse(self.hole.get(side, limit), limit)
        return len(prices)

    def known(self, side, price):
        """Whether N(price) is known."""
        def better(a, b):
            return a > b if side == BID else a < b

        if self.base[side].get(price):
            return True
        if self.overlay:
            touch = self.overlay[1][side][0]
            if touch == 0 or not better(touch, price):
                return True
        beyond = self.edge.get(side) is not None and better(self.edge[side], price)
        return not beyond and not (side in self.hole and not better(self.hole[side], price))

    def snapshot(self, bids, asks, update_id):
        self.clear()
        return self.apply(bids, asks, update_id)

    def apply(self, bids, asks, update_id):
        """True when the base is crossed afterwards."""
        for side, levels in ((BID, bids), (ASK, asks)):
            for price, qty in levels:
                if qty:
                    self.base[side][price] = qty
                else:
                    self.base[side].pop(price, None)
        self._has(update_id)
        return bool(self.base[BID] and self.base[ASK] and max(self.base[BID]) >= min(self.base[ASK]))

    def _has(self, update_id):
        self.base_id = update_id
        if self.overlay and self.base_id >= self.overlay[0]:
            self.overlay = None

    def book_ticker(self, bid, bid_qty, ask, ask_qty, update_id):
        """'stale', 'crossed', or None when it was laid over the base."""
        if update_id <= self.base_id or (self.overlay and update_id <= self.overlay[0]):
            return "stale"
        if bid and ask and bid >= ask:
            return "crossed"
        self.overlay = (update_id, {BID: (bid, bid_qty if bid else 0), ASK: (ask, ask_qty if ask else 0)})
        return None

    def base_levels(self, side):
        return sorted(self.base[side].items(), reverse=side == BID)

    def levels(self, side):
        """The view, best first: rule 7, level by level."""
        return [(price, self.qty(side, price)) for price in self._view_prices(side)]

    def _view_prices(self, side):
        prices = set(self.base[side])
        if self.overlay:
            prices.add(self.overlay[1][side][0])
        return sorted((p for p in prices if p and self.qty(side, p)), reverse=side == BID)

    def qty(self, side, price):
        if self.overlay:
            touch, qty = self.overlay[1][side]
            if touch == 0:
                return 0
            if price == touch:
                return qty
            if price > touch if side == BID else price < touch:
                return 0
        return self.base[side].get(price, 0)

    def best(self, side):
        prices = [price for price in self.base[side] if self.qty(side, price)]
        if self.overlay and self.overlay[1][side][1]:
            prices.append(self.overlay[1][side][0])
        if not prices:
            return None
        price = max(prices) if side == BID else min(prices)
        return price, self.qty(side, price)

    def sum(self, side, n):
        return sum(qty for _, qty in self.levels(side)[:n])

    def mid(self):
        bid, ask = self.best(BID), self.best(ASK)
        return Fraction(bid[0] + ask[0]) / 2 if bid and ask else None

    def imbalance(self, n):
        bids, asks = self.sum(BID, n), self.sum(ASK, n)
        return Fraction(bids - asks) / Fraction(bids + asks) if bids + asks else None
