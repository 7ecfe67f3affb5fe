"""Times in which this process did not run."""

from __future__ import annotations

import time

WORTH_TELLING_S = 1.0
"""A pause shorter than this may be the system's own scheduling."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts on while the machine is suspended, where there is such a clock."""


class Pauses:
    """Tells a loop that comes round regularly when it did not: it was stopped, suspended with its machine, or starved.

    Parameters
    ----------
    every_s : float
        How often it comes round.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last_s = time.clock_gettime(_CLOCK)

    def lost_s(self) -> float:
        """Once a round: the seconds that were lost since the last one; 0 where they are not worth telling."""
        now_s = time.clock_gettime(_CLOCK)
        lost_s = now_s - self._last_s - self._every_s
        self._last_s = now_s
        return lost_s if lost_s >= WORTH_TELLING_S else 0.0
