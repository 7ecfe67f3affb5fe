"""Corrects a recording whose clock was set while it ran: its stamps step, the venue's do not (SEMANTICS 33).

Only lines whose stamp is more than a second from the line before are examined. They are held until their cause is known:

====================== ===============================================================================================
the venue moved along  nothing was received for a while, or two files were joined: the stamps are kept
a step                 five lines agree: the difference is subtracted, and stamps continue as on the old clock
an outlier             the stamps return before that: these lines count as received with the line before them
a stall                the next lines' venue stamps catch up: the lines were delayed; the stamps are kept
====================== ===============================================================================================
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from hft.data.record import Kind, Record

STEP_NS = 1_000_000_000
"""Differences of up to a second are not a step."""
AGREE = 5
"""Lines that must agree."""
_BEFORE = 32        # lines kept for comparison with the time before a step
_MOST_HELD = 100_000
_MOST_REPORTED = 5
_STAMP = re.compile(rb'"T":\s?(\d{13,19})\b'), re.compile(rb'"E":\s?(\d{13,19})\b')


def venue_ns(frame: bytes) -> int:
    """The venue's stamp of a frame, `T` or else `E`, in nanoseconds; 0 if it has none.

    >>> venue_ns(b'{"e":"trade","E":1723161256322,"T":1723161256320}'), venue_ns(b'{"u":1,"s":"BTCUSDT"}')
    (1723161256320000000, 0)
    """
    for stamp in _STAMP:
        if found := stamp.search(frame):
            return int(found[1].ljust(19, b"0"))
    return 0


class _Held(NamedTuple):
    record: Record
    where: str
    x: int


class Steps:
    """Yields the records of one file, in their order, with the stamps of a clock that never steps.

    Parameters
    ----------
    where : callable
        Returns file and line of the last record read.

    Attributes
    ----------
    reported : list of str
        A line for each of the first steps and outliers.
    steps, outliers : int
        The numbers of each.
    """

    def __init__(self, where: Callable[[], str]) -> None:
        self.reported: list[str] = []
        self.steps = self.outliers = 0
        self._where = where
        self._offset = 0                                        # subtracted from a stamp
        self._last = 0                                          # newest valid stamp, as printed; 0: none yet
        self._given = 0                                         # the same, as yielded
        self._before: deque[Record] = deque(maxlen=_BEFORE)     # the newest records with valid stamps
        self._held: list[_Held] = []
        self._level = self._x = 0                               # before them: least stamp - x, newest x; 0: none had an x
        self._evidence: list[_Held] = []                        # held lines that show a step: the first and the newest five

    def passes(self, record: Record) -> bool:
        """The fast common case: whether a record's stamp is valid and no earlier record is held."""
        if self._held or self._offset or abs(record.ns - self._last) > STEP_NS or record.kind is not Kind.FRAME:
            return False
        self._last = self._given = record.ns
        self._before.append(record)
        return True

    def take(self, record: Record) -> Iterator[Record]:
        """Takes the next record; yields those that are ready."""
        if not self._held and (_is_rest(record) or not self._last or abs(record.ns - self._last) <= STEP_NS):
            yield self._stands(record)
            return
        if not self._held:
            self._begin()
        line = _Held(record, self._where(), venue_ns(record.data) if record.kind is Kind.FRAME else 0)
        self._held.append(line)
        if _is_rest(record):            # some recorders write these out of order, so they show nothing about the clock
            return
        if line.x or not self._x:
            self._evidence.append(line)
            if len(self._evidence) > AGREE + 1:
                del self._evidence[1]
        yield from self._judge(line)

    def finish(self) -> Iterator[Record]:
        """Ends the file; yields the rest."""
        few = sum(not _is_rest(line.record) for line in self._held) < AGREE
        yield from self._release(self._is_off if few else _never)

    # -- finding the cause

    def _begin(self) -> None:
        """Notes the offset to the venue's stamps before a possible step."""
        stamped = [(record.ns - x, x) for record in self._before if (x := venue_ns(record.data))]
        self._level = min((level for level, _ in stamped), default=0)
        self._x = stamped[-1][1] if stamped else 0
        self._evidence = []

    def _judge(self, newest: _Held) -> Iterator[Record]:
        forward = self._held[0].record.ns > self._last
        if self._fits(newest):
            at, back = newest.record.ns, newest.record.ns >= self._last - STEP_NS

            def off(line: _Held) -> bool:
                return line.record.ns > at + STEP_NS if forward else back and line.record.ns < self._last - STEP_NS

            yield from self._release(off)
        elif forward and not self._x:
            yield from self._release(_never)    # looks the same as a time in which nothing was received
        elif (step := self._agreed(forward)) is not None:
            yield from self._carry(step)
        elif len(self._held) == _MOST_HELD:
            yield from self._release(_never)

    def _fits(self, line: _Held) -> bool:
        """Whether a line's stamp is what the old clock would have shown, as far as it can be known."""
        if line.x and self._x:
            return abs(line.record.ns - line.x - self._level) <= STEP_NS
        returned = len(self._held) > 1 and abs(line.record.ns - self._held[-2].record.ns) > STEP_NS
        return returned and abs(line.record.ns - self._last) <= STEP_NS

    def _agreed(self, forward: bool) -> int | None:
        """The step that the newest five lines agree on; None while they do not."""
        newest = self._evidence[-AGREE:]
        if len(newest) < AGREE:
            return None
        if not self._x:                         # backward and without venue stamps: time continues from the first line
            onward = all(b.record.ns >= a.record.ns - STEP_NS for a, b in pairwise(newest))
            return newest[0].record.ns - self._last if onward else None
        steps = [self._off(line) for line in newest]
        agree = max(steps) - min(steps) <= STEP_NS and (not forward or _goes_on(self._evidence[0], newest[-1]))
        return min(steps) if agree else None

    def _off(self, line: _Held) -> int:
        """By how much a line's stamp differs from what the old clock would have shown."""
        return line.record.ns - (line.x + self._level if line.x and self._x else self._last)

    def _is_off(self, line: _Held) -> bool:
        return abs(self._off(line)) > STEP_NS

    # -- correcting

    def _carry(self, step: int) -> Iterator[Record]:
        """The lines that agree, and all later ones, continue as on the old clock; the others are outliers."""
        def off(line: _Held) -> bool:
            return abs(self._off(line) - step) > (STEP_NS if line.x else _NEAR_NS)

        first = next(line for line in self._held if not _is_rest(line.record) and not off(line))
        self.steps += 1
        self._offset += step
        self._before.clear()
        self._report(self.steps, f"{first.where}: the clock was set {_seconds(step)}; time continues as before")
        yield from self._release(off)

    def _release(self, off: Callable[[_Held], bool]) -> Iterator[Record]:
        """Yields the held lines; those that are `off` get the stamp of the line before."""
        held, self._held = self._held, []
        judged = [(line, not _is_rest(line.record) and off(line)) for line in held]
        for line, wrong in judged:
            if not wrong:
                yield self._stands(line.record)
                continue
            self.outliers += 1
            self._report(self.outliers, f"{line.where}: a stamp {_seconds(self._off(line))}; replaced by the one before it")
            yield line.record._replace(ns=self._given)

    def _stands(self, record: Record) -> Record:
        if _is_rest(record):
            return record._replace(ns=record.ns - self._offset) if self._offset else record
        self._last = record.ns
        self._before.append(record)
        ns = record.ns - self._offset
        if self._offset:        # the level is known only to a few milliseconds
            ns = max(ns, self._given)
        self._given = ns
        return record._replace(ns=ns) if ns != record.ns else record

    def _report(self, count: int, line: str) -> None:
        if count <= _MOST_REPORTED:
            self.reported.append(line)


_NEAR_NS = 60 * STEP_NS         # tolerance for a step, if a line has no venue stamp


def _is_rest(record: Record) -> bool:
    return record.kind in (Kind.SNAPSHOT, Kind.EXCHANGE_INFO)


def _never(line: _Held) -> bool:
    return False


def _goes_on(first: _Held, last: _Held) -> bool:
    """For a step ahead: the venue's stamps and ours moved on by a second. Delayed lines would arrive all at once."""
    venue = last.x - first.x
    return venue >= STEP_NS and 4 * (last.record.ns - first.record.ns) >= 3 * venue


def _seconds(ns: int) -> str:
    return f"{abs(ns) / 1e9:.1f} s {'ahead' if ns > 0 else 'back'}"
