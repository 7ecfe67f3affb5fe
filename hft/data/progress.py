"""How far something that runs over recorded data has come, told a few times a second."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hft.data.sources import Data

REFRESH_S = 0.2


class Progress(NamedTuple):
    """How far it has come."""

    done: int
    """Bytes of the data's files."""
    total: int
    events: int
    """Messages that were read."""
    seconds: float


class Meter:
    """Tells how far the reading of `data` has come, to whom it may concern."""

    def __init__(self, data: Data, tell: Callable[[Progress], None] | None) -> None:
        self.data = data
        self._tell = tell
        self._began = time.perf_counter()
        self._told_s = 0.0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._began

    def tell(self, events: Callable[[], int], *, at_once: bool = False) -> None:
        """Tell it, unless it was told just now; `events` counts the messages."""
        seconds = self.seconds
        if self._tell is not None and (at_once or seconds - self._told_s >= REFRESH_S):
            self._told_s = seconds
            self._tell(Progress(self.data.done, self.data.size, events(), seconds))


@contextlib.contextmanager
def on_terminal(wanted: bool) -> Iterator[Callable[[Progress], None] | None]:
    """What shows it as one line on stderr, written over and over and gone at the end; None where that is not `wanted`, or no
    terminal."""
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
