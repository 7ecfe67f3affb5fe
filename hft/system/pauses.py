"""Detects times in which this process did not run, and keeps deadlines from running out in them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable

MIN_PAUSE_S = 1.0
"""A shorter pause may be the system's normal scheduling."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that also runs while the machine is suspended, if there is one."""


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
        """To be called once a round: the seconds lost since the last call; 0 if too few to report."""
        now_s = time.clock_gettime(_CLOCK)
        lost_s = now_s - self._last_s - self._every_s
        self._last_s = now_s
        return lost_s if lost_s >= MIN_PAUSE_S else 0.0


STEP_S = 0.5
"""A deadline is checked at least this often."""


class Deadline:
    """A timeout that counts only the time in which this process runs.

    After a pause timers run before sockets are read, though the answer may have arrived long before. So a late check counts as
    one in time, and at least `MIN_PAUSE_S` is left for reading.

    Parameters
    ----------
    seconds : float
    clock : callable
        Seconds of a monotonic clock.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._left_s = seconds
        self._clock = clock
        self._last_s = clock()

    def left_s(self) -> float:
        """The seconds left; 0 or less once it is over. To be called at least every `STEP_S`."""
        now_s = self._clock()
        passed_s, self._last_s = now_s - self._last_s, now_s
        if passed_s < STEP_S + MIN_PAUSE_S:
            self._left_s -= passed_s
        else:
            self._left_s = max(self._left_s - STEP_S, MIN_PAUSE_S)
        return self._left_s


@contextlib.asynccontextmanager
async def timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but counts only the time in which this process runs."""
    loop, deadline = asyncio.get_running_loop(), Deadline(seconds)
    timer: asyncio.TimerHandle | None = None

    def check() -> None:
        nonlocal timer
        left_s = deadline.left_s()
        if left_s > 0:
            timer = loop.call_later(min(left_s, STEP_S), check)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        check()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()


GARBAGE = 100_000
"""Number of new container objects above which a collection is due; it takes some milliseconds."""


class LoopPauses:
    """Keeps a loop's pauses short, and measures the longest, by the delay of a timer.

    Python's garbage collector could scan every object of the program at any moment. So once a run has begun, existing objects
    are frozen and the collector is off; the reference cycles of a run, a few objects per lost connection, are collected between
    two timers once there are many.

    Parameters
    ----------
    every_s : float
        Interval of the timer.
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
        """Collects garbage if there is much of it; to be called now and then."""
        if not gc.isenabled() and gc.get_count()[0] > GARBAGE:
            gc.collect()

    def longer_ns(self) -> int:
        """The growth of the longest pause; to be called at each timer."""
        now_ns = time.monotonic_ns()
        late_ns = now_ns - self._last_ns - self._every_ns if self._last_ns else 0
        self._last_ns = now_ns
        longer_ns = max(0, late_ns - self._longest_ns)
        self._longest_ns += longer_ns
        return longer_ns
