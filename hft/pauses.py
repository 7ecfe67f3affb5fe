"""Times in which this process did not run."""

from __future__ import annotations

import gc
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


GARBAGE = 100_000
"""Container objects that were made and not freed since the last collection: then one is due, some milliseconds long."""


class LoopPauses:
    """Keeps a loop's pauses short, and measures the longest: the time by which a timer came too late.

    Python's garbage collector would look through all that the program is made of, at any moment. Once a run has begun, what is
    there is frozen and the collector is off; what a run leaves in cycles, a few objects a lost connection, is collected between
    two timers, when there is much of it.

    Parameters
    ----------
    every_s : float
        How often the timer comes.
    """

    def __init__(self, every_s: float) -> None:
        self._every_ns = round(every_s * 1e9)
        self._longest_ns = 0
        self._last_ns = 0

    def begin(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()
        self._last_ns = 0

    def end(self) -> None:
        gc.enable()
        gc.unfreeze()

    def tidy(self) -> None:
        """Now and then."""
        if not gc.isenabled() and gc.get_count()[0] > GARBAGE:
            gc.collect()

    def longer_ns(self) -> int:
        """Once a timer: by how much the longest pause has grown."""
        now_ns = time.monotonic_ns()
        late_ns = now_ns - self._last_ns - self._every_ns if self._last_ns else 0
        self._last_ns = now_ns
        longer_ns = max(0, late_ns - self._longest_ns)
        self._longest_ns += longer_ns
        return longer_ns
