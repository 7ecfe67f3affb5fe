"""Recorded data of any kind as event records: what a file is, is told by what is in it.

========== =========================================================================================================
events     our own event files, `hft.backtesting.events`
captures   whatever `hft.feed.captures` reads, recordings among them
tardis     Tardis CSV, `hft.backtesting.tardis`
npz        hftbacktest's events, `hft.backtesting.npz`
========== =========================================================================================================
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from hft._core.events import EventEncoder
from hft._core.types import Spec
from hft.backtesting.events import MAGIC, EventFile, Events, Scales, as_events
from hft.backtesting.merge import begun, merged, numbered
from hft.backtesting.npz import NpzFile
from hft.backtesting.records import MOST_SYMBOLS
from hft.backtesting.tardis import TardisFile
from hft.config import Config
from hft.errors import UsageError
from hft.feed import messages, specs
from hft.feed.sessions import Session
from hft.feed.specs import ResolvedSpec
from hft.feed.survey import Printed, Survey
from hft.feed.tape import Tape, batches


class Source(Protocol):
    """One file, or several that belong together, of one kind."""

    @property
    def where(self) -> str:
        """What to call it in a message."""

    @property
    def progress(self) -> float | None:
        """How much of it is read, 0 to 1; None where that can't be told."""

    def survey(self, wanted: Sequence[str] = ()) -> Survey:
        """What it holds; `wanted` are the symbols that are asked for, where any are."""

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Its records, in parts of whole messages: `symbol` is an index into `specs`, other symbols are left out, and an id that
        the format does not have is 0."""


class Captures:
    """Captures as one session: their messages, REST books and connections. Timers and commands of a recording have no record."""

    progress = None

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self.session = Session(paths)
        self.where = self.session.where
        self.rejects: dict[str, int] = {}

    def survey(self, wanted: Sequence[str] = ()) -> Survey:
        """The streams of all are opened: by a line of a run log, else with the first record."""
        seen = self.session.survey.require(self.where)
        return replace(seen, opened=set(seen.symbols))

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        encoder = EventEncoder(specs, messages.load)
        names = [spec.name for spec in specs]
        for tape in batches(self.session.inputs(names)):
            _encode(tape, encoder, names)
            yield as_events(encoder.take())
        self.rejects = encoder.rejects


def _encode(tape: Tape, encoder: EventEncoder, names: Sequence[str]) -> None:
    done = 0
    for mark in tape.marks:
        encoder.frames(tape.frames[done : mark.before], tape.stamps[done : mark.before])
        done = mark.before
        if mark.name == "book":
            symbol, book = mark.value
            stamp = book.transaction_time or book.event_time or 0
            encoder.snapshot(symbol, book.last_update_id, book.bids, book.asks, mark.ns, stamp)
        elif mark.name in ("connect", "resync") and mark.value in names:      # both begin a book anew
            encoder.connect(mark.value, mark.ns)
        elif mark.name == "disconnect" and mark.value in names:
            encoder.disconnect(mark.value, mark.ns)
    encoder.frames(tape.frames[done:], tape.stamps[done:])


class Recorded:
    """An event file. Its scales are exact, and hold for its symbols."""

    def __init__(self, path: str | Path) -> None:
        self.file = EventFile(path)
        self.where = str(path)
        self.progress = 0.0

    @property
    def scales(self) -> dict[str, Scales]:
        return {scales.name: scales for scales in self.file.symbols}

    def survey(self, wanted: Sequence[str] = ()) -> Survey:
        header = self.file.header
        names = list(self.scales)
        return Survey(header.dialect, names, {name: Printed() for name in names}, [], {header.trades}, set(names))

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        there = {spec.name: i for i, spec in enumerate(specs)}
        index = np.array([there.get(scales.name, -1) for scales in self.file.symbols], np.int64)
        same = np.array_equal(index, np.arange(len(index)))
        done = 0
        for part in self.file.batches():
            done += len(part)
            self.progress = done / len(self.file.records)
            if same:
                yield part
                continue
            records = part[index[part["symbol"]] >= 0]
            records["symbol"] = index[records["symbol"]]
            yield records


def kind_of(path: str | Path) -> str:
    """`events`, `npz`, `tardis` or `capture`: what a file looks like from its first bytes.

    Raises `UsageError` where there is no such file.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(4096)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path, "rb") as packed:
                head = packed.read1(4096)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "capture"        # its reader says what is wrong
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", where=str(path), do="name an existing file") from None
    if head.startswith(MAGIC):
        return "events"
    if head.startswith((b"PK", b"\x93NUMPY")):
        return "npz"
    return "tardis" if head.startswith(b"exchange,symbol,") else "capture"


_READERS: dict[str, Callable[[Path], Source]] = {"events": Recorded, "npz": NpzFile, "tardis": TardisFile}


class Sources:
    """Files of any kind as one session of event records, merged in receive order (SEMANTICS 1).

    Parameters
    ----------
    paths : iterable of path
        In the order in which what has one stamp is taken. The captures among them are one source, at the first one's place.
    config : Config
        For rules of symbols, fees, and, where no file tells it, dialect and symbol.
    symbols : sequence of str, optional
        Only these.

    Attributes
    ----------
    resolved : list of ResolvedSpec
        The symbols, in the order that records count them in, each with the source of its specification.
    dialect, trades : str
        As in the header of an event file.

    Raises `UsageError` for what can't be told or does not go together, `DamagedData` for what can't be read.
    """

    def __init__(self, paths: Iterable[str | Path], config: Config, *, symbols: Sequence[str] | None = None) -> None:
        self.paths = [Path(path) for path in paths]
        kinds = {path: kind_of(path) for path in self.paths}
        captures = [path for path in self.paths if kinds[path] == "capture"]
        self._sources: list[Source] = []
        self._captures: Captures | None = None
        for path in self.paths:
            if kinds[path] != "capture":
                self._sources.append(_READERS[kinds[path]](path))
            elif self._captures is None:
                self._captures = Captures(captures)
                self._sources.append(self._captures)
        if not self._sources:
            raise UsageError("no file named", do="name at least one")
        wanted = list(symbols or config.strategy.symbols)
        surveys = [source.survey(wanted) for source in self._sources]
        seen = _together([source.where for source in self._sources], surveys)
        self.dialect = seen.dialect or config.dialect
        self.trades = config.feed.trade_source or seen.trades
        self.resolved = self._resolve(seen, config, list(symbols or seen.symbols))
        self._unopened = [i for i, each in enumerate(self.resolved) if each.spec.name not in seen.opened]

    @property
    def symbols(self) -> list[Spec]:
        """The specifications alone."""
        return [each.spec for each in self.resolved]

    @property
    def torn(self) -> list[str]:
        """After iteration: where captures break off."""
        return self._captures.session.torn if self._captures is not None else []

    @property
    def rejects(self) -> dict[str, int]:
        """After iteration: how many frames of captures were no message, by reason."""
        return self._captures.rejects if self._captures is not None else {}

    @property
    def progress(self) -> float | None:
        """How much of the files is read; None where one of them can't tell."""
        parts = [source.progress for source in self._sources]
        known = [part for part in parts if part is not None]
        return sum(known) / len(parts) if len(known) == len(parts) else None

    def batches(self) -> Iterator[Events]:
        """All records, in parts of whole messages."""
        specs = self.symbols
        parts = merged([source.batches(specs) for source in self._sources])
        return numbered(begun(parts, self._unopened), specs)

    def _resolve(self, seen: Survey, config: Config, symbols: list[str]) -> list[ResolvedSpec]:
        unknown = [name for name in symbols if name not in seen.symbols]
        if unknown:
            raise UsageError(f"no file holds {', '.join(unknown)}, only {', '.join(seen.symbols)}", where="--symbols")
        if len(symbols) > MOST_SYMBOLS:
            raise UsageError(f"{len(symbols)} symbols, {MOST_SYMBOLS} is the most", do="choose with --symbols")
        fees = config.fees_of(self.dialect)
        exact: dict[str, tuple[Scales, Spec, str]] = {}
        for source in self._sources:
            if not isinstance(source, Recorded):
                continue
            for spec in source.file.specs(fees=fees, fee_asset=config.broker.fee_asset):
                scales, path = source.scales[spec.name], source.where
                mine, _, other = exact.setdefault(spec.name, (scales, spec, path))
                if (scales.tick, scales.quantum, scales.contract) != (mine.tick, mine.quantum, mine.contract):
                    raise UsageError(f"keeps {spec.name} in another tick or quantum than {other}", where=path)
        others = specs.resolve(
            [name for name in symbols if name not in exact], self.dialect, fees=fees, fee_asset=config.broker.fee_asset,
            settings=config.feed.symbols, exchange_info=seen.exchange_info, printed=seen.printed,
        )
        found = {each.spec.name: each for each in others}
        return [ResolvedSpec(exact[name][1], "event file") if name in exact else found[name] for name in symbols]


def _together(where: Sequence[str], surveys: Sequence[Survey]) -> Survey:
    """What all files hold. Raises `UsageError` for files of different dialects."""
    whole = Survey(symbols=[], printed={}, exchange_info=[], traded=set(), opened=set())
    spoke = ""
    for path, seen in zip(where, surveys, strict=True):
        if seen.dialect and whole.dialect and seen.dialect != whole.dialect:
            raise UsageError(
                f"is of the {seen.dialect} dialect, {spoke} of {whole.dialect}", where=path,
                do="take files of one venue at a time",
            )
        if seen.dialect and not whole.dialect:
            spoke = path
        whole.add(seen)
    return whole
