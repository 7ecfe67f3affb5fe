"""Detects times in which this process did not run."""

from __future__ import annotations

import gc
import time

WORTH_TELLING_S = 1.0
"""A pause shorter than this may be the system's own scheduling."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts on while the machine is suspended, where there is such a clock."""


class Pauses:
    """Detects that a periodic loop did not run: the process was stopped, suspended with its machine, or short of processor time.

    Parameters
    ----------
    every_s : float
        The loop's period.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last_s = time.clock_gettime(_CLOCK)

    def lost_s(self) -> float:
        """To be called once a round: the seconds lost since the last call; 0 where too few to report."""
        now_s = time.clock_gettime(_CLOCK)
        lost_s = now_s - self._last_s - self._every_s
        self._last_s = now_s
        return lost_s if lost_s >= WORTH_TELLING_S else 0.0


GARBAGE = 100_000
"""Container objects made and not freed since the last collection, above which the next is due; it takes some milliseconds."""


class LoopPauses:
    """Keeps a loop's pauses short, and measures the longest: how late a timer came.

    Python's garbage collector could scan every object of the program at any moment. So once a run has begun, the objects there
    are frozen and the collector is off; the cycles that a run leaves, a few objects per lost connection, are collected between
    two timers once there are many.

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
        """To be called now and then: collects what has piled up."""
        if not gc.isenabled() and gc.get_count()[0] > GARBAGE:
            gc.collect()

    def longer_ns(self) -> int:
        """To be called at each timer: by how much the longest pause has grown."""
        now_ns = time.monotonic_ns()
        late_ns = now_ns - self._last_ns - self._every_ns if self._last_ns else 0
        self._last_ns = now_ns
        longer_ns = max(0, late_ns - self._longest_ns)
        self._longest_ns += longer_ns
        return longer_ns
