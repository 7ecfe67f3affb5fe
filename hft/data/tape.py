"""Recorded inputs in memory, a bounded batch of a session or all of it, to be run through an engine at full speed."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import asdict

from hft._core.base.histogram import Histogram
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, replay
from hft._core.engine.events import EventEncoder
from hft.config import Config
from hft.data import recording
from hft.data.record import Kind, Record
from hft.data.rules import Changes
from hft.data.sessions import RecordedSession
from hft.errors import NOT_JSON, DamagedData, printable
from hft.venues.recorded import DepthSnapshot, Rejected, decode

BATCH_RECORDS = 20_000
BATCH_BYTES = 8 << 20

MARKET = frozenset({"connect", "disconnect", "resync", "timer", "rules"})
"""A run log's lines about the market's streams and rules."""
COMMANDS = frozenset({"kill", "journal_full", "stop"})
"""Lines about actions of the user or the engine. Any other line is no input: a state, or an event of a connection."""


class Mark(NamedTuple):
    """An input other than a frame."""

    before: int
    """Number of frames before it."""
    ns: int
    kind: Kind
    """SNAPSHOT, BOOK or LOG."""
    name: str
    """Its name in the run log: ``connect``, ``timer``, ``kill`` …; empty for a book."""
    value: Any
    """For a book its symbol and body, else the run log's value."""


class Tape:
    """Frames with their stamps, and the REST books and run log lines between them.

    Parameters
    ----------
    records : iterable of Record
        From `hft.data.sessions`; exchangeInfo is left out.
    symbol : str
        The session's only symbol, for snapshots that do not name one.
    """

    def __init__(self, records: Iterable[Record] = (), symbol: str = "") -> None:
        self.frames: list[bytes] = []
        self.stamps = array("q")
        self.marks: list[Mark] = []
        self._frame = self._mark = 0
        for record in records:
            self.add(record, symbol)

    def add(self, record: Record, symbol: str = "") -> None:
        """Adds one input. Raises `DamagedData` for an invalid book or run log line."""
        if record.kind is Kind.FRAME:
            self.frames.append(record.data)
            self.stamps.append(record.ns)
        elif record.kind is Kind.SNAPSHOT or record.kind is Kind.BOOK:
            self._put(record, "", (record.symbol or symbol, _book(record.data)))
        elif record.kind is Kind.LOG:
            try:
                name, value = recording.mark(record)
            except NOT_JSON as error:
                raise DamagedData(f"a line of a run log can't be read: {error}", where=str(record.data[:60])) from None
            self._put(record, name, value)

    def _put(self, record: Record, name: str, value: Any) -> None:
        self.marks.append(Mark(len(self.frames), record.ns, record.kind, name, value))

    # -- contents

    @property
    def books(self) -> list[tuple[int, str, int, DepthSnapshot]]:
        """(frames before it, symbol, stamp, book) of each REST book."""
        return [(mark.before, mark.value[0], mark.ns, mark.value[1]) for mark in self.marks if mark.kind is Kind.SNAPSHOT]

    @property
    def start_ns(self) -> int:
        """The first stamp."""
        return min([*self.stamps[:1], *(mark.ns for mark in self.marks[:1])], default=0)

    @property
    def next_ns(self) -> int | None:
        """The stamp of the next input; None at the end."""
        if self._mark < len(self.marks) and self.marks[self._mark].before <= self._frame:
            return self.marks[self._mark].ns
        return self.stamps[self._frame] if self._frame < len(self.frames) else None

    # -- running it

    def advance(
        self,
        engine: Engine,
        *,
        until_ns: int | None = None,
        room: int = 0,
        commands: bool = False,
        on_mark: Callable[[int, str, Any], None] | None = None,
        histogram: Histogram | None = None,
        by_kind: dict[str, Histogram] | None = None,
    ) -> None:
        """Passes the next inputs to the engine: to the end, to a time, or until the journal is low on room.

        Parameters
        ----------
        until_ns : int, optional
            Stop before the first input with this stamp or a later one.
        room : int
            Stop while the journal has room for fewer records than this, or than one input may cause.
        commands : bool
            Apply the run log's commands as well: kill switch, journal full, stop. This is for verifying a run, not for trading
            anew on its data.
        on_mark : callable, optional
            ``on_mark(ns, name, value)`` is called for each run log line that is no input, in its place between them.
        histogram, by_kind
            Receive the processing time of each frame; see `hft._core.engine.engine.replay`.
        """
        while (next_ns := self.next_ns) is not None and (until_ns is None or next_ns < until_ns):
            if not engine.makes_room(room):
                return
            mark = self.marks[self._mark] if self._mark < len(self.marks) else None
            if mark is None or mark.before > self._frame:
                stop = mark.before if mark is not None else len(self.frames)
                self._frame = replay(
                    engine, self.frames, self.stamps, start=self._frame, stop=stop, until_ns=until_ns, room=room,
                    histogram=histogram, by_kind=by_kind,
                )
                continue
            self._mark += 1
            if mark.kind is not Kind.LOG or mark.name in MARKET or (commands and mark.name in COMMANDS):
                _apply(engine, mark)
            elif on_mark is not None and mark.name not in COMMANDS:
                on_mark(mark.ns, mark.name, mark.value)

    def run(
        self, engine: Engine, *, histogram: Histogram | None = None, by_kind: dict[str, Histogram] | None = None
    ) -> int:
        """Runs all of it from the start; returns the number of frames.

        First connects symbols whose stream no line opens.
        """
        self.rewind()
        opened = {mark.value for mark in self.marks if mark.name == "connect"}
        for spec in engine.symbols:
            if spec.name not in opened:
                engine.connect(spec.name, self.start_ns)
        self.advance(engine, histogram=histogram, by_kind=by_kind)
        return self._frame

    def encode(self, encoder: EventEncoder) -> None:
        """Its market data as event records: frames, books and connections."""
        done = 0
        for mark in self.marks:
            self._encode(encoder, done, mark.before)
            done = mark.before
            if mark.kind is Kind.SNAPSHOT:
                symbol, book = mark.value
                encoder.snapshot(symbol, book.last_update_id, book.bids, book.asks, mark.ns, book.stamp)
            elif mark.kind is Kind.BOOK:
                symbol, book = mark.value
                encoder.book(symbol, book.last_update_id, book.bids, book.asks, mark.ns, book.stamp)
            else:
                _of_a_stream(encoder, mark)
        self._encode(encoder, done, len(self.frames))

    def _encode(self, encoder: EventEncoder, first: int, last: int) -> None:
        if last > first:
            encoder.frames(self.frames[first:last], self.stamps[first:last])

    def rewind(self) -> None:
        """Starts over."""
        self._frame = self._mark = 0


def _of_a_stream(to: Engine | EventEncoder, mark: Mark) -> None:
    match mark.name:
        case "connect":
            to.connect(mark.value, mark.ns)
        case "disconnect":
            to.disconnect(mark.value, mark.ns)
        case "resync":
            to.resync(mark.value, mark.ns)
        case "rules":
            _rule(to, mark)


def _rule(to: Engine | EventEncoder, mark: Mark) -> None:
    rules = asdict(mark.value)
    try:
        to.set_rules(rules.pop("symbol"), mark.ns, **rules)
    except ValueError as error:
        raise DamagedData(f"rules of {mark.value.symbol} at {mark.ns} that can't be applied: {error}"[:300],
                          do=f"set [feed.symbols.{mark.value.symbol}] tick and step") from None


def _apply(engine: Engine, mark: Mark) -> None:
    if mark.kind is not Kind.LOG:
        symbol, book = mark.value
        take = engine.on_snapshot if mark.kind is Kind.SNAPSHOT else engine.on_book
        take(symbol, book.last_update_id, book.bids, book.asks, mark.ns, book.stamp)
        return
    match mark.name:
        case "timer":
            engine.advance(mark.ns)
        case "kill":
            reason = mark.value if isinstance(mark.value, str) else "kill_requested"
            engine.kill(mark.value is not False, mark.ns, reason)
        case "journal_full":
            engine.journal_full(mark.value, mark.ns)
        case "stop":
            engine.stop(mark.ns)
        case _:
            _of_a_stream(engine, mark)


def _book(body: bytes) -> DepthSnapshot:
    try:
        book = decode(body)
    except Rejected as error:
        raise DamagedData(f"a line is not a book where a book is expected: {error}", where=str(body[:60])) from None
    if not isinstance(book, DepthSnapshot):
        raise DamagedData("a line is not a book where a book is expected", where=str(body[:60]))
    return book


def batches(records: Iterable[Record], *, size: int = BATCH_RECORDS, limit: int = BATCH_BYTES) -> Iterator[Tape]:
    """A session of any length as tapes of at most `size` records and about `limit` bytes."""
    tape, count, held = Tape(), 0, 0
    for record in records:
        tape.add(record)
        count += 1
        held += len(record.data)
        if count == size or held >= limit:
            yield tape
            tape, count, held = Tape(), 0, 0
    if count:
        yield tape


def load(paths: Iterable[str | Path], config: Config) -> tuple[Tape, list[Spec], str, str]:
    """Captures as one session in memory: the tape, the symbols' specifications, the stream of traded volume, and the protocol's
    name.

    Raises the errors of `hft.data.sessions`.
    """
    session = RecordedSession(paths, config.feed.protocol)
    resolved = session.specs(config)
    specs = [each.spec for each in resolved]
    tape = Tape(session.inputs(changes=Changes(specs, config.feed.symbols)))
    for line in [*session.torn, *session.notes]:
        print(printable(line), file=sys.stderr)
    return tape, specs, session.probe.trades, session.probe.protocol or config.protocol
