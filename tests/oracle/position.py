"""One symbol's position in fractions of the quote asset: no integers, no scales, no incremental sums."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class NaivePosition:
    """Recomputes everything from the list of fills: (side +1/-1, qty, price, fee, fee is in base)."""

    unit: Fraction                  # what cost is kept in: tick x quantum, whatever the contract
    contract: int = 1
    fills: list = field(default_factory=list)
    mark: Fraction | None = None

    def fill(self, side, qty, price, fee=0, in_base=False):
        self.fills.append((side, Fraction(qty), Fraction(price), Fraction(fee), in_base))

    @property
    def qty(self):
        return sum((side * qty for side, qty, *_ in self.fills), Fraction(0))

    @property
    def cash(self):
        return sum((-side * qty * price * self.contract for side, qty, price, *_ in self.fills), Fraction(0))

    def walk(self, rounded=True):
        """(cost, realised): average cost, what a reduction takes out of it in whole units, half to even."""
        held = cost = realised = Fraction(0)
        for side, qty, price, *_ in self.fills:
            closed = min(qty, abs(held)) if held * side < 0 else Fraction(0)
            if closed:
                out = cost * closed / abs(held)
                if rounded:
                    out = round(out / self.unit) * self.unit
                cost -= out
                realised += -side * closed * price * self.contract - out
            cost += side * (qty - closed) * price * self.contract
            held += side * qty
        return cost, realised

    @property
    def fees(self):
        quote = sum((fee for *_, fee, in_base in self.fills if not in_base), Fraction(0))
        base = sum((fee for *_, fee, in_base in self.fills if in_base), Fraction(0))
        return quote + base * (self.mark or 0)

    @property
    def total(self):
        if self.mark is None:
            return self.walk()[1] - self.fees
        return self.cash + self.qty * self.mark * self.contract - self.fees
