"""Progress of a run over recorded data, reported a few times a second."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hft.data.sources import Data

REFRESH_S = 0.2


class Progress(NamedTuple):
    """Progress so far."""

    done: int
    """Bytes of the data's files."""
    total: int
    events: int
    """Messages read."""
    seconds: float


class Meter:
    """Calls `callback` with the progress of reading `data`."""

    def __init__(self, data: Data, callback: Callable[[Progress], None] | None) -> None:
        self.data = data
        self._callback = callback
        self._began = time.perf_counter()
        self._reported_s = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    def report(self, events: Callable[[], int], *, at_once: bool = False) -> None:
        """Reports, at most a few times a second unless `at_once`; `events` counts the messages."""
        seconds = self.seconds
        if self._callback is not None and (at_once or seconds - self._reported_s >= REFRESH_S):
            self._reported_s = seconds
            self._callback(Progress(self.data.done, self.data.size, events(), seconds))


@contextlib.contextmanager
def on_terminal(wanted: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A callback that shows progress in one line on stderr, removed at the end; None if not `wanted` or without a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    try:
        yield _show
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show(progress: Progress) -> None:
    share = progress.done / max(progress.total, 1)
    speed = progress.events / max(progress.seconds, 1e-9)
    size = f"{progress.done / 1e6:,.1f} of {progress.total / 1e6:,.1f} MB"
    print(f"\r\x1b[K{share:4.0%}  {size}  {progress.events:,} events  {speed:,.0f}/s", end="", file=sys.stderr, flush=True)
