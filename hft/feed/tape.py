"""A recorded session in memory, ready to be run through an engine as fast as it goes."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path

from hft._core.engine import Engine
from hft._core.histogram import Histogram
from hft._core.replay import replay
from hft._core.types import Spec
from hft.errors import DamagedData
from hft.feed import specs, survey
from hft.feed.captures import Kind, Record, Session
from hft.feed.messages import DepthSnapshot, decode


class Tape:
    """Frames with their stamps, and the REST books between them.

    Parameters
    ----------
    records : iterable of Record
        As `hft.feed.captures` reads them; the run log's lines and exchangeInfo are left out.
    symbol : str
        Whose book a snapshot is that does not say so itself: the session's only symbol.
    """

    def __init__(self, records: Iterable[Record], symbol: str = "") -> None:
        self.frames: list[bytes] = []
        self.stamps = array("q")
        self.books: list[tuple[int, str, int, DepthSnapshot]] = []
        """(frames before it, symbol, stamp, book)"""
        for record in records:
            if record.kind is Kind.FRAME:
                self.frames.append(record.data)
                self.stamps.append(record.ns)
            elif record.kind is Kind.SNAPSHOT:
                book = decode(record.data)
                if not isinstance(book, DepthSnapshot):
                    raise DamagedData("a line that is no book stands where one should", where=str(record.data[:60]))
                self.books.append((len(self.frames), record.symbol or symbol, record.ns, book))

    @property
    def trades(self) -> str:
        """The stream that volume is told by: `trade` where there is one."""
        return "trade" if any(b'"e":"trade"' in frame for frame in self.frames[:10_000]) else "aggTrade"

    @property
    def start_ns(self) -> int:
        """The first stamp."""
        first = [*self.stamps[:1], *(ns for _, _, ns, _ in self.books[:1])]
        return min(first, default=0)

    def run(
        self, engine: Engine, *, histogram: Histogram | None = None, by_kind: dict[str, Histogram] | None = None
    ) -> int:
        """Connect every symbol, then all of it in order; how many frames the engine was given.

        The histograms get the time of each frame, from its bytes to the end of its work.
        """
        for spec in engine.symbols:
            engine.connect(spec.name, self.start_ns)
        done = 0
        for before, symbol, ns, book in [*self.books, (len(self.frames), "", 0, None)]:
            frames, stamps = self._part(done, before)
            at = 0
            while at < len(frames):
                at = replay(engine, frames, stamps, start=at, histogram=histogram, by_kind=by_kind)
            done = before
            if book is not None:
                stamp = book.transaction_time or book.event_time or 0
                engine.on_snapshot(symbol, book.last_update_id, book.bids, book.asks, ns, stamp)
        return done

    def _part(self, first: int, last: int) -> tuple[list[bytes], array[int]]:
        if (first, last) == (0, len(self.frames)):
            return self.frames, self.stamps
        return self.frames[first:last], self.stamps[first:last]


def load(
    paths: Iterable[str | Path], *, fees: tuple[specs.Text, specs.Text], settings: Mapping[str, specs.Rules] | None = None
) -> tuple[Tape, list[Spec], str]:
    """Captures as one session: the tape, the symbols' specifications, and the dialect.

    Raises what `hft.feed.captures` and `hft.feed.specs` raise.
    """
    session = Session(paths)
    records = list(session)
    for torn in session.torn:
        print(torn, file=sys.stderr)
    seen = survey.survey(records).require(str(session.captures[0].path))
    resolved = specs.resolve(
        seen.symbols, seen.dialect, fees=fees, settings=settings, exchange_info=seen.exchange_info, printed=seen.printed
    )
    return Tape(records, seen.symbols[0]), [each.spec for each in resolved], seen.dialect
