"""Queue position, naively: SEMANTICS 15–17 word for word, every ledger entry an item of a list.

An order's F is its `front` (infinite: not known) and g its `credited`; C and S of its level are `traded` and `shown`:
lists of [quantity, venue stamp, V then].
"""

import math
from dataclasses import dataclass, field

LIFETIME_NS = 150_000_000


@dataclass
class Ledgers:
    """Of one own level."""

    displayed: int
    traded: list = field(default_factory=list)
    shown: list = field(default_factory=list)
    waits: bool = False     # the quantity here is unknown now (rule 7c)

    def shown_again(self, new, orders):
        """Rule 7c: what waited for it goes on; what was traded meanwhile is in it."""
        self.waits, self.displayed = False, new
        self.traded.clear()
        for order in orders:
            if order.front != math.inf:
                order.front = min(order.front, new)

    def on_trade(self, r0, orders, clock, venue_ns):
        """Rule 16, what becomes of the ledgers: r, not yet shown as a decrease, and a, shown before."""
        self._expire(orders, clock)
        a = take(self.shown, r0, lambda e: not venue_ns or not e[1] or venue_ns <= e[1])
        r = r0 - a
        if r:
            self.traded.append([r, 0, clock])
        return r, a

    def on_change(self, new, orders, clock, venue_ns, model):
        """Rule 17."""
        self._expire(orders, clock)
        prev, self.displayed = self.displayed, new
        known = [o for o in orders if o.front != math.inf]
        if new > prev:
            self.traded.clear()
            for order in known:
                order.front = min(order.front, new)
            return
        e = take(self.traded, prev - new)
        chg = prev - new - e
        for order in known:
            before = order.front
            order.front = model.stepped(order.front, prev - e - order.front, chg, new)
            order.credited += before - order.front
        if chg:
            self.shown.append([chg, venue_ns, clock])

    def _expire(self, orders, clock):
        """Rules 15 and 17: entries go with their lifetime, and what orders were credited with goes with those of S."""
        self.traded = [e for e in self.traded if clock - e[2] <= LIFETIME_NS]
        kept = [e for e in self.shown if clock - e[2] <= LIFETIME_NS]
        if len(kept) < len(self.shown):
            self.shown = kept
            for order in orders:
                order.credited = min(order.credited, sum(e[0] for e in kept))


def take(entries, want, eligible=lambda e: True):
    """Take up to `want` off the eligible entries, oldest first."""
    taken = 0
    for e in entries:
        if eligible(e):
            part = min(want - taken, e[0])
            e[0] -= part
            taken += part
    entries[:] = [e for e in entries if e[0]]
    return taken


@dataclass
class QueueModel:
    """Where in the queue a decrease was that no trade explains."""

    name: str
    exponent: float
    unit: float         # one quantum in base units

    def stepped(self, front, back, chg, new):
        """F' of rule 17."""
        if self.name == "risk_averse":
            return min(front, new)
        p = self.probability(front * self.unit, max(0, back) * self.unit)
        step = round((1.0 - p) * chg - min(back - p * chg, 0.0))
        return min(max(front - step, 0), new)

    def probability(self, front, back):
        if front == 0:
            return 1.0
        if self.name == "log":
            p = math.log1p(back) / (math.log1p(back) + math.log1p(front))
        elif self.name == "log2":
            p = math.log1p(back) / math.log1p(back + front)
        elif self.name == "power":
            p = back**self.exponent / (back**self.exponent + front**self.exponent)
        elif self.name == "power2":
            p = back**self.exponent / (back + front) ** self.exponent
        else:
            p = 1.0 - (front / (front + back)) ** self.exponent
        return min(max(p, 0.0), 1.0)
