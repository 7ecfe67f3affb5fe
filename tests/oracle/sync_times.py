"""Where a symbol's time went, from the moments at which its book was found in sync or lost: written from SEMANTICS 32 alone."""

from __future__ import annotations


class SyncTimes:
    """Takes `turn(cause, now)` at every change, in order; cause "" is "in sync"."""

    def __init__(self, start_ns: int) -> None:
        self.turns: list[tuple[str, int]] = [("disconnected", start_ns)]

    def turn(self, cause: str, now: int) -> None:
        self.turns.append((cause, now))

    def at(self, now: int) -> tuple[int, int, dict[str, tuple[int, int, int]]]:
        """In sync for, longest stretch, and by cause (times, ns, first) up to `now`."""
        ends = [when for _, when in self.turns[1:]] + [now]
        stretches = [(cause, begin, end - begin) for (cause, begin), end in zip(self.turns, ends, strict=True)]
        synced = [length for cause, _, length in stretches if not cause]
        causes = {}
        for name in dict.fromkeys(cause for cause, _, _ in stretches if cause):
            came = [when for cause, when in self.turns[1:] if cause == name]
            stood = sum(length for cause, _, length in stretches if cause == name)
            if came or stood:
                causes[name] = (len(came), stood, came[0] if came else 0)
        return sum(synced), max(synced, default=0), causes
