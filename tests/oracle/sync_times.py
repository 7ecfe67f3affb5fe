"""Where a symbol's time went, from the moments at which its book was found in sync or lost, and at which the venue stopped
trading it: written from SEMANTICS 32 alone."""

from __future__ import annotations

APART = ("", "disconnected")
"""What a symbol that is not traded may be all the same: in sync, or without a stream."""


class SyncTimes:
    """Takes `turn(cause, now)` at every change, in order; cause "" is "in sync". `close` where the venue stops or goes on."""

    def __init__(self, start_ns: int) -> None:
        self.cause, self.closed = "disconnected", False
        self.stretches: list[tuple[str, int]] = [("disconnected", start_ns)]
        self.came: list[tuple[str, int]] = []
        self.closings: list[tuple[bool, int]] = []

    def turn(self, cause: str, now: int) -> None:
        self.cause = cause
        self._begin(now, cause)

    def close(self, on: bool, now: int) -> None:
        if on != self.closed:
            self.closed = on
            self.closings.append((on, now))
            if on:
                self.came.append(("not_trading", now))
            self._begin(now, self.cause if not on and self.cause not in APART else "")

    def _begin(self, now: int, came: str) -> None:
        covered = self.closed and self.cause not in APART
        self.stretches.append(("not_trading" if covered else self.cause, now))
        if came and not covered:
            self.came.append((came, now))

    def at(self, now: int) -> tuple[int, int, dict[str, tuple[int, int, int]]]:
        """In sync for, longest stretch, and by cause (times, ns, first) up to `now`."""
        merged = [self.stretches[0]]
        merged += [each for before, each in zip(self.stretches, self.stretches[1:], strict=False) if each[0] or before[0]]
        ends = [when for _, when in merged[1:]] + [now]
        lengths = [(cause, end - begin) for (cause, begin), end in zip(merged, ends, strict=True)]
        synced = [length for cause, length in lengths if not cause]
        causes = {}
        for name in {name for name, _ in [*merged, *self.came] if name}:
            came = [when for each, when in self.came if each == name]
            stood = sum(length for cause, length in lengths if cause == name)
            if stood or (came and name != "not_trading"):
                causes[name] = (len(came), stood, came[0] if came else 0)
        return sum(synced), max(synced, default=0), causes

    def not_traded(self, now: int) -> tuple[int, int, int]:
        """How many times, for how long, and when first."""
        ends = [when for on, when in self.closings if not on] + [now]
        begins = [when for on, when in self.closings if on]
        return len(begins), sum(end - begin for begin, end in zip(begins, ends, strict=False)), begins[0] if begins else 0
