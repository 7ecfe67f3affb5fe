"""Rate limits for requests: sliding windows and backoff, as plain arithmetic on a given clock.

A venue bans an address that sends too many requests, so a limit guards every connection, message and request. It does not
depend on the backoff: whatever fails, no window holds more than the limit.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random


class SlidingWindow:
    """At most `limit` units in any `window_s` seconds.

    Parameters
    ----------
    limit : int
        Units (connections, messages, REST weight) per window, from 1.
    window_s : float
        Length of the window, in seconds.

    >>> window = SlidingWindow(2, 10.0)
    >>> [window.take(at) for at in (0.0, 1.0, 2.0, 10.0)]
    [0.0, 0.0, 8.0, 0.0]
    """

    def __init__(self, limit: int, window_s: float) -> None:
        if limit < 1 or window_s <= 0:
            raise ValueError(f"{limit} per {window_s} s is not a rate")
        self.limit = limit
        self.window_s = window_s
        self._taken: deque[tuple[float, int]] = deque()     # (when, units), oldest first
        self._used = 0

    def used(self, now: float) -> int:
        """Units within the window that ends at `now`."""
        while self._taken and self._taken[0][0] <= now - self.window_s:
            self._used -= self._taken.popleft()[1]
        return self._used

    def take(self, now: float, units: int = 1) -> float:
        """Takes `units` if the window has room and returns 0; else takes nothing and returns the shortest wait in seconds."""
        delay = self.delay(now, units)
        if not delay:
            self._taken.append((now, units))
            self._used += units
        return delay

    def delay(self, now: float, units: int = 1) -> float:
        """Seconds until the window has room for `units`; 0 if it has room now.

        A request larger than the whole window is let through when the window is empty.
        """
        if self.used(now) + units <= self.limit or not self._taken:
            return 0.0
        room = self.limit - self._used
        free_at = now
        for at, taken in self._taken:       # oldest first, until enough units have left the window
            room += taken
            free_at = at + self.window_s
            if room >= units:
                break
        return max(free_at - now, 1e-6)

    async def wait(
        self,
        units: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> float:
        """Waits until `units` can be taken, takes them, and returns the seconds waited."""
        began = now = clock()
        while delay := self.take(now, units):
            await sleep(delay)
            now = clock()
        return now - began


class Backoff:
    """Exponential backoff with jitter: the n-th failure in a row waits between half and all of ``min(cap_s, base_s * 2**n)``.

    Half is fixed, as a minimum; the other half is random, so that clients that were disconnected together do not return
    together.

    >>> backoff = Backoff(0.5, 30.0, Random(1))
    >>> [0.5 * ceiling <= backoff.next() <= ceiling for ceiling in (0.5, 1, 2, 4, 8, 16, 30, 30)]
    [True, True, True, True, True, True, True, True]
    >>> backoff.reset()
    >>> backoff.next() <= 0.5
    True
    """

    def __init__(self, base_s: float = 0.5, cap_s: float = 30.0, rng: Random | None = None) -> None:
        if not 0 < base_s <= cap_s:
            raise ValueError(f"backoff from {base_s} to {cap_s} s")
        self.base_s = base_s
        self.cap_s = cap_s
        self.failures = 0
        self._rng = rng or Random()

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return ceiling * (0.5 + 0.5 * self._rng.random())

    def reset(self) -> None:
        """Resets after a success."""
        self.failures = 0
