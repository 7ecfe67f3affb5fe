"""Recorded data of any kind as event records: which kind a path is of, what it holds, and several as one session.

=========== ================================================================================================
captures    the three kinds of `hft.feed.captures`, and our own recordings; all of them are one session
event files what `hft convert` writes (`hft.backtesting.events`)
=========== ================================================================================================

A kind is a row of `READERS`: how its files begin, and what opens all of that kind that were named.
"""

from __future__ import annotations

import gzip
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hft._core.events import EventEncoder
from hft._core.types import Spec
from hft.backtesting.events import EVENT, MAGIC, EventFile, Events, as_events
from hft.config import Config
from hft.errors import DamagedData, NotBuiltError, UsageError
from hft.feed import messages, tape
from hft.feed.files import parts
from hft.feed.sessions import Session
from hft.feed.specs import ResolvedSpec, resolve
from hft.feed.survey import Survey, together

_HEAD = 1 << 16


class Source(ABC):
    """What a reader of a kind of file gives: one file, or several that belong together.

    Parameters
    ----------
    paths : sequence of Path

    Attributes
    ----------
    where : str
        What to call it in a message: its first file.
    size : int
        Bytes on the disk.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.where = str(paths[0])
        self.size = sum(path.stat().st_size for path in paths)

    @property
    def progress(self) -> float:
        """Share of it that was read, 0 to 1, while it is iterated over."""
        return 0.0

    @property
    def torn(self) -> list[str]:
        """After iteration: where each torn file of it breaks off, as a line."""
        return []

    @abstractmethod
    def survey(self, wanted: Sequence[str]) -> Survey:
        """What it holds; `wanted` are the symbols asked for, none for all."""

    def specs(self, config: Config) -> list[ResolvedSpec]:
        """The specifications that it brings along, exact; none where they are found as for any other data (SEMANTICS 28)."""
        return []

    @abstractmethod
    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Its records in bounded parts of whole messages, in order of `recv_ns`.

        A record's `symbol` is an index into `specs`; what is of other symbols is left out. Streams that the data does not say to
        be opened are not opened: the session's start is not always this source's.
        """


# -- the kinds of our own --------------------------------------------------------------------------------------------------


class Captures(Source):
    """Captures and recordings, all of them as one session."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.session = Session(paths)
        super().__init__([part for capture in self.session.captures for part in capture.parts])

    @property
    def progress(self) -> float:
        return sum(capture.position for capture in self.session.captures) / max(self.size, 1)

    @property
    def torn(self) -> list[str]:
        return self.session.torn

    def survey(self, wanted: Sequence[str]) -> Survey:
        return self.session.survey

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        encoder = EventEncoder(specs, messages.load)
        for batch in tape.batches(self.session.inputs([spec.name for spec in specs], opening=False)):
            batch.encode(encoder)
            yield as_events(encoder.take())


class Recorded(Source):
    """One event file."""

    def __init__(self, path: Path) -> None:
        super().__init__([path])
        self.file = EventFile(path)
        self._done = 0

    @property
    def progress(self) -> float:
        return self._done / max(len(self.file.records), 1)

    def survey(self, wanted: Sequence[str]) -> Survey:
        header = self.file.header
        return Survey(header.dialect, [scales.name for scales in header.symbols], traded={header.trades})

    def specs(self, config: Config) -> list[ResolvedSpec]:
        fees, fee_asset = config.fees_of(self.file.header.dialect), config.broker.fee_asset
        return [ResolvedSpec(spec, "event file") for spec in self.file.specs(fees=fees, fee_asset=fee_asset)]

    def index(self, specs: Sequence[Spec]) -> list[int]:
        """For each symbol of the file its place in `specs`, or -1."""
        names = [spec.name for spec in specs]
        return [names.index(scales.name) if scales.name in names else -1 for scales in self.file.symbols]

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        index = np.array(self.index(specs), np.int64)
        same = np.array_equal(index, np.arange(len(index)))
        for part in self.parts():
            if int(part["symbol"].max()) >= len(index):
                what = "holds records of a symbol that its header does not name"
                raise DamagedData(what, where=self.where, do="make it again with `hft convert`")
            if same:
                yield part
                continue
            places = index[part["symbol"]]
            kept = part[places >= 0]            # a copy: the file is mapped read-only
            kept["symbol"] = places[places >= 0]
            yield kept

    def parts(self) -> Iterator[Events]:
        """The records as they lie in the file, in bounded parts."""
        self._done = 0
        for part in self.file.batches():
            yield part
            self._done += len(part)


class Reader(NamedTuple):
    """A kind of file."""

    begins: Callable[[bytes], bool]
    """Whether a file that begins with these bytes, unpacked, is of this kind."""
    open: Callable[[list[Path]], Sequence[Source]]
    """All files of this kind that were named, in their order."""


READERS = {
    "events": Reader(lambda head: head.startswith(MAGIC), lambda paths: [Recorded(path) for path in paths]),
    "captures": Reader(lambda head: True, lambda paths: [Captures(paths)]),     # the last: says itself what it can't read
}


def kind_of(path: Path) -> str:
    """Which row of `READERS` a file is of. Raises `UsageError` where there is no such file."""
    path = parts(path)[0]       # a recording in parts may be named as a whole
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            head = gzip.GzipFile(fileobj=file).read(_HEAD) if packed else file.read(_HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        head = b""              # torn or damaged: whoever reads it says how
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", where=str(path), do="name an existing file") from None
    return next(kind for kind, reader in READERS.items() if reader.begins(head))


# -- several as one --------------------------------------------------------------------------------------------------------


class Data:
    """Everything that one backtest runs on.

    Parameters
    ----------
    paths : iterable of path
        In the order in which equal stamps are taken.
    config : Config
        Fees, and what it says of symbols.
    symbols : sequence of str, optional
        Only these. Default: all that are found.

    Attributes
    ----------
    sources : list of Source
    dialect, trades : str
        The venue's dialect, and the stream that traded volume is told by.
    resolved : list of ResolvedSpec
        The symbols' specifications and where each came from.

    Raises `UsageError` for data of different dialects, of a symbol that is not there or whose scales differ from file to file.
    """

    def __init__(self, paths: Iterable[str | Path], config: Config, symbols: Sequence[str] | None = None) -> None:
        self.sources = _open([Path(path) for path in paths])
        whole = together((source.where, source.survey(symbols or ())) for source in self.sources)
        if not whole.dialect and config.feed.venue != "embedded":
            whole.dialect = config.dialect
        whole.require(self.where)
        if whole.dialect == "coinm":
            raise NotBuiltError("trading inverse contracts (COIN-M)", where=self.where, do="use spot or USD-M data")
        self.dialect = whole.dialect
        self.trades = config.feed.trade_source or whole.trades
        self.resolved = self._resolve(whole, config, list(symbols or whole.symbols))

    @property
    def where(self) -> str:
        """What to call it in a message: its first file."""
        return self.sources[0].where

    @property
    def specs(self) -> list[Spec]:
        return [each.spec for each in self.resolved]

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(source.size for source in self.sources)

    @property
    def done(self) -> int:
        """How many of them were read, about."""
        return int(sum(source.size * min(source.progress, 1.0) for source in self.sources))

    @property
    def torn(self) -> list[str]:
        return [line for source in self.sources for line in source.torn]

    def _resolve(self, seen: Survey, config: Config, wanted: list[str]) -> list[ResolvedSpec]:
        missing = [name for name in wanted if name not in seen.symbols]
        if missing:
            raise UsageError(f"{missing[0]} is not in the data", where=self.where, do=f"it holds {', '.join(seen.symbols)}")
        own: dict[str, ResolvedSpec] = {}
        for source in self.sources:
            for each in source.specs(config):
                known = own.setdefault(each.spec.name, each)
                if (known.spec.tick, known.spec.quantum) != (each.spec.tick, each.spec.quantum):
                    raise UsageError(
                        f"{each.spec.name} is of another tick or quantum than in the files before it", where=source.where,
                        do="make the event files again, with the same settings",
                    )
        others = resolve(
            [name for name in wanted if name not in own], self.dialect, fees=config.fees_of(self.dialect),
            fee_asset=config.broker.fee_asset, settings=config.feed.symbols, exchange_info=seen.exchange_info,
            printed=seen.printed,
        )
        own |= {each.spec.name: each for each in others}
        return [own[name] for name in wanted]

    def batches(self) -> Iterator[Events]:
        """All records, merged by (stamp, source, place in it), each message whole."""
        return merged([source.batches(self.specs) for source in self.sources])


def _open(paths: list[Path]) -> list[Source]:
    """The sources, each where the first of its files was named."""
    if not paths:
        raise UsageError("no data named", do="name at least one file")
    by_kind: dict[str, list[Path]] = {}
    for path in paths:
        by_kind.setdefault(kind_of(path), []).append(path)
    return [source for kind, found in by_kind.items() for source in READERS[kind].open(found)]


def merged(streams: Sequence[Iterator[Events]]) -> Iterator[Events]:
    """Streams of records as one, by (`recv_ns`, stream, place in it).

    All records of a message have its stamp, so a sort that keeps the order of equal ones never takes a message apart.
    """
    if len(streams) == 1:
        yield from streams[0]
        return
    heads = [_Head(stream) for stream in streams]
    while True:
        for head in heads:
            while head.open and not len(head.part):
                head.more()
        # What is still to come is at or after the stamp that an open stream's part ends with.
        horizon = min((int(head.part["recv_ns"][-1]) for head in heads if head.open), default=None)
        ready = np.concatenate([head.before(horizon) for head in heads])
        if len(ready):
            yield ready[np.argsort(ready["recv_ns"], kind="stable")]
        elif horizon is None:
            return
        else:                   # the next part of one may go on with the very stamp that this one ends with
            for head in heads:
                if head.open and int(head.part["recv_ns"][-1]) == horizon:
                    head.more()


class _Head:
    """What of a stream was read and not yet given away."""

    def __init__(self, stream: Iterator[Events]) -> None:
        self.stream = stream
        self.part: Events = np.empty(0, EVENT)
        self.open = True

    def more(self) -> None:
        following = next(self.stream, None)
        if following is None:
            self.open = False
        else:
            self.part = np.concatenate([self.part, following]) if len(self.part) else following

    def before(self, horizon: int | None) -> Events:
        n = len(self.part) if horizon is None else int(np.searchsorted(self.part["recv_ns"], horizon))
        ready, self.part = self.part[:n], self.part[n:]
        return ready
