"""A venue with a memory, and what a client that never refreshed would hold: dicts, and everything computed anew when asked."""

from __future__ import annotations

BID, ASK = "bid", "ask"


class NaiveVenue:
    """A true book, its updates, and its snapshots as of any update. Prices are whole ticks, bids below 1000, asks from there."""

    def __init__(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.updates: list[tuple[int, int, dict[int, int], dict[int, int]]] = []      # (first id, last id, bids, asks)
        self.states = {100: (dict(bids), dict(asks))}
        self.id = 100

    def update(self, bids: dict[int, int], asks: dict[int, int], width: int) -> tuple[int, int]:
        """Quantities change, 0 deletes; `width` ids are used up. The ids of the update, first and last."""
        first, last = self.id + 1, self.id + width
        state = tuple(dict(side) for side in self.states[self.id])
        for side, changes in zip(state, (bids, asks), strict=True):
            set_levels(side, changes)
        self.updates.append((first, last, bids, asks))
        self.states[last] = state
        self.id = last
        return first, last

    def snapshot(self, at: int, limit: int) -> tuple[dict[int, int], dict[int, int]]:
        bids, asks = self.states[at]
        return dict(sorted(bids.items(), reverse=True)[:limit]), dict(sorted(asks.items())[:limit])

    def brought_on(self, at: int, limit: int, to: int) -> tuple[dict[int, int], dict[int, int]]:
        """A snapshot with the updates after it applied."""
        state = self.snapshot(at, limit)
        for _, last, bids, asks in self.updates:
            if at < last <= to:
                set_levels(state[0], bids)
                set_levels(state[1], asks)
        return state


def set_levels(side: dict[int, int], changes: dict[int, int]) -> None:
    for price, qty in changes.items():
        if qty:
            side[price] = qty
        else:
            side.pop(price, None)
