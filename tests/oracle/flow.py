"""Trade flow of a bounded window, naively: SEMANTICS 23 over a plain list of what is kept."""


class NaiveFlow:
    """Trades of one read and one taker order share an entry; beyond `capacity` entries the oldest goes before its time."""

    def __init__(self, window, capacity):
        self.window, self.capacity = window, capacity
        self.entries = []           # [now, T, side, quantity]
        self.shortened = 0

    def on_trade(self, qty, side, venue, now):
        self.entries = [entry for entry in self.entries if entry[0] > now - self.window]
        newest = next((entry for entry in reversed(self.entries) if entry[2] == side), None)
        if newest and newest[:2] == [now, venue]:
            newest[3] += qty
            return
        if len(self.entries) == self.capacity:
            del self.entries[0]
            self.shortened += 1
        self.entries.append([now, venue, side, qty])

    def at(self, now):
        """(signed volume, taker orders) of the window."""
        kept = [entry for entry in self.entries if entry[0] > now - self.window]
        return sum(side * qty for _, _, side, qty in kept), len({(venue, side) for _, venue, side, _ in kept})
