"""Recorded data of any kind as event records: finds the kind of each file, its contents, and joins several into one session.

=========== ================================================================================================
captures    the three kinds of `hft.data.captures`, and our own recordings; all of them are one session
event files the output of `hft convert` (`hft.data.events`)
Tardis CSV  `hft.data.tardis`
hftbacktest its events, .npz and .npy (`hft.data.npz`)
=========== ================================================================================================

A kind is a row of `FORMATS`: how its files begin, and the function that opens all named files of that kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from hft._core.base.types import Spec
from hft._core.engine.events import EventEncoder
from hft.config import Config
from hft.data import tape
from hft.data.captures import files_of
from hft.data.events import MAGIC, EventFile, Events, as_events
from hft.data.files import GUNZIP_ERRORS, gunzipped, parts, unmarked
from hft.data.merge import begun, merged, numbered, timed
from hft.data.npz import NpzFile
from hft.data.probe import Probe, combined
from hft.data.rules import Changes
from hft.data.sessions import RecordedSession
from hft.data.source import Source
from hft.data.tardis import TardisFile
from hft.errors import DamagedData, UsageError
from hft.inode import Identity, identity
from hft.run.specs import ResolvedSpec, resolve
from hft.venues.registry import protocol_named

_HEAD = 1 << 16


# -- our own kinds of files --------------------------------------------------------------------------------------------------


class Captures(Source):
    """Captures and recordings, all of them as one session."""

    def __init__(self, paths: Sequence[Path], protocol: str = "") -> None:
        self.session = RecordedSession(paths, protocol)
        self._encoder: EventEncoder | None = None
        self._fixed: frozenset[str] = frozenset()       # symbols whose rules come from the settings
        super().__init__([part for capture in self.session.captures for part in capture.parts])

    @property
    def progress(self) -> float:
        return sum(capture.position for capture in self.session.captures) / max(self.size, 1)

    @property
    def torn(self) -> list[str]:
        return self.session.torn

    @property
    def notes(self) -> list[str]:
        return self.session.notes

    @property
    def rejects(self) -> dict[str, int]:
        found = dict(self._encoder.rejects) if self._encoder is not None else {}
        if self.session.passed_over:
            found["other_book_source"] = found.get("other_book_source", 0) + self.session.passed_over
        return found

    def probe(self, wanted: Sequence[str]) -> Probe:
        """Each book begins with a REST answer, or waits for one."""
        seen = self.session.of(wanted)
        return replace(seen, opened=set(seen.symbols))

    def changes(self, specs: Sequence[Spec]) -> Changes:
        """The changes of rules in the session's exchangeInfo answers, each at its place."""
        return Changes(specs, self._fixed)

    def specs(self, config: Config) -> list[ResolvedSpec]:
        self._fixed = frozenset(config.feed.symbols)
        return []

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        encoder = self._encoder = EventEncoder(specs, protocol_named(self.protocol).load)
        inputs = self.session.inputs([spec.name for spec in specs], opening=False, changes=self.changes(specs))
        for batch in tape.batches(inputs):
            batch.encode(encoder)
            yield as_events(encoder.take())


class EventSource(Source):
    """One event file."""

    def __init__(self, path: Path) -> None:
        super().__init__([path])
        self.file = EventFile(path)
        self._done = 0

    @property
    def progress(self) -> float:
        return self._done / max(len(self.file.records), 1)

    def probe(self, wanted: Sequence[str]) -> Probe:
        header = self.file.header
        names = [scales.name for scales in header.symbols]
        return Probe(header.protocol, names, traded={header.trades}, opened=set(names), exchange=header.exchange)

    def specs(self, config: Config) -> list[ResolvedSpec]:
        written = self.file.header.protocol
        if config.feed.protocol not in ("", written):
            raise UsageError(
                f"is an event file of {written}, not of {config.feed.protocol}", where=self.where,
                do="leave [feed] protocol empty, or make it again with `hft convert`",
            )
        fees, fee_asset = config.fees_of(written), config.broker.fee_asset
        return [ResolvedSpec(spec, "event file") for spec in self.file.specs(fees=fees, fee_asset=fee_asset)]

    def index(self, specs: Sequence[Spec]) -> list[int]:
        """The index in `specs` of each symbol of the file, or -1."""
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
        """The records as stored in the file, in bounded parts."""
        self._done = 0
        for part in self.file.batches():
            yield part
            self._done += len(part)


class Format(NamedTuple):
    """A kind of file."""

    begins: Callable[[bytes], bool]
    """Whether a file that begins with these bytes, unpacked, is of this kind."""
    open: Callable[[list[Path], str], Sequence[Source]]
    """Opens all named files of this kind, in their order; the protocol is that of the settings, if set."""


FORMATS = {
    "events": Format(lambda head: head.startswith(MAGIC), lambda paths, _: list(map(EventSource, paths))),
    "hftbacktest": Format(lambda head: head.startswith((b"PK", b"\x93NUMPY")), lambda paths, _: list(map(NpzFile, paths))),
    "tardis": Format(lambda head: head.startswith(b"exchange,symbol,"), lambda paths, _: list(map(TardisFile, paths))),
    "captures": Format(lambda head: True, lambda paths, protocol: [Captures(paths, protocol)]),   # reports unreadable files
}


def kind_of(path: Path) -> str:
    """The key in `FORMATS` of a file. Raises `UsageError` if the file does not exist."""
    path = files_of(path)[0]    # a recording in parts may be named as a whole
    try:
        with path.open("rb") as file:
            head = unmarked(gunzipped(file).read(_HEAD))
    except GUNZIP_ERRORS:
        head = b""              # torn or damaged; its reader reports the error
    except OSError as error:
        cut = [part.name for part in parts(path) if part != path]
        do = f"name its parts, {_listed(cut, 2)}" if cut else "name an existing file"
        raise UsageError(f"can't be read: {error.strerror}", where=str(path), do=do) from None
    return next(kind for kind, reader in FORMATS.items() if reader.begins(head))


# -- several as one --------------------------------------------------------------------------------------------------------


class Data:
    """All data of one backtest.

    Parameters
    ----------
    paths : iterable of path
        Their order decides between equal stamps.
    config : Config
        For fees and the settings of symbols.
    symbols : sequence of str, optional
        Only these. Default: all in the data.

    Attributes
    ----------
    sources : list of Source
    protocol, exchange, trades : str
        The venue's protocol, the exchange (by Tardis' name for it; empty if unknown), and the stream of traded volume.
    resolved : list of ResolvedSpec
        The symbols' specifications and the source of each.

    Raises `UsageError` for data of different protocols, for a missing symbol, and for one whose scales differ between files.
    """

    def __init__(self, paths: Iterable[str | Path], config: Config, symbols: Sequence[str] | None = None) -> None:
        named = [Path(path) for path in paths]
        _require_once(named)
        self.sources = _open(named, config.feed.protocol)
        probes = ((source.where, source.probe(symbols or ())) for source in self.sources)
        whole = combined(probes, config.feed.protocol, symbols or ())
        known = config.feed.venue != "embedded" or not any(source.names_protocol for source in self.sources)
        whole.require(self.where, config.protocol if known else "")
        self.protocol, self.exchange = whole.protocol, whole.exchange
        for source in self.sources:
            source.protocol = self.protocol
        self.trades = config.feed.trade_source or whole.trades
        self.resolved = self._resolve(whole, config, list(symbols or whole.symbols))
        self._doubled = _trades_twice(self.sources)
        self._unopened = [i for i, spec in enumerate(self.specs) if spec.name not in whole.opened]

    @property
    def where(self) -> str:
        """Its name in error messages: the first file."""
        return self.sources[0].where

    @property
    def specs(self) -> list[Spec]:
        return [each.spec for each in self.resolved]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(source.size for source in self.sources)

    @property
    def done(self) -> int:
        """Approximate number of bytes read."""
        return int(sum(source.size * min(source.progress, 1.0) for source in self.sources))

    @property
    def torn(self) -> list[str]:
        return [*self._doubled, *(line for source in self.sources for line in source.torn)]

    @property
    def notes(self) -> list[str]:
        return [line for source in self.sources for line in source.notes]

    @property
    def rejects(self) -> dict[str, int]:
        """After iteration: the number of frames that are no message, by reason."""
        return dict(sum((Counter(source.rejects) for source in self.sources), Counter()))

    def _resolve(self, seen: Probe, config: Config, wanted: list[str]) -> list[ResolvedSpec]:
        missing = [name for name in wanted if name not in seen.symbols]
        if missing:
            raise UsageError(f"{missing[0]} is not in the data", where=self.where, do=f"it holds {_listed(seen.symbols)}")
        own: dict[str, ResolvedSpec] = {}
        for source in self.sources:
            for each in source.specs(config):
                known = own.setdefault(each.spec.name, each)
                if (known.spec.price_unit, known.spec.quantum) != (each.spec.price_unit, each.spec.quantum):
                    raise UsageError(
                        f"{each.spec.name} has another tick or quantum than in the files before it", where=source.where,
                        do="make the event files again with the same settings",
                    )
        others = resolve(
            [name for name in wanted if name not in own], self.protocol, fees=config.fees_of(self.protocol),
            fee_asset=config.broker.fee_asset, settings=config.feed.symbols, exchange_info=seen.exchange_info,
            printed=seen.printed, exchange=seen.exchange, leads=seen.info_leads,
        )
        own |= {each.spec.name: each for each in others}
        return [own[name] for name in wanted]

    def batches(self) -> Iterator[Events]:
        """All records, merged by (stamp, source, place in it); each message is whole and has an id."""
        parts = merged([source.batches(self.specs) for source in self.sources])
        return numbered(begun(timed(parts), self._unopened), self.specs, protocol_named(self.protocol).sync.chained)


def _listed(names: Sequence[str], most: int = 12) -> str:
    """Names as text: all of them, or the first few and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _require_once(paths: Iterable[Path]) -> None:
    """Refuses a file that is named twice, even by different names."""
    seen: dict[Identity, Path] = {}
    for path in paths:
        for part in files_of(path):
            try:
                file = identity(part)
            except (OSError, ValueError):
                continue        # its reader reports the error
            before = path if file is None else seen.setdefault(file, path)
            if before is not path:
                what = "is named twice" if before == path else f"is read twice: it is in {before} too"
                raise UsageError(what, where=str(path), do="name each file once")


def _trades_twice(sources: Iterable[Source]) -> list[str]:
    """A line for each Tardis file of trades that overlaps another of the same symbol in time: its volume would count twice."""
    before: list[tuple[str, str, int, int]] = []
    found = []
    for source in sources:
        for name, (first, last) in (source.trades if isinstance(source, TardisFile) else {}).items():
            other = next(
                (where for known, where, began, ended in before if known == name and began <= last and first <= ended), ""
            )
            if other:
                found.append(f"{source.where}: trades of {name} from the same time as in {other}: their volume counts twice; "
                             "leave out liquidations, whose rows look like trades, and copies")
            before.append((name, source.where, first, last))
    return found


def _open(paths: list[Path], protocol: str) -> list[Source]:
    """The sources, in the order of the first file of each."""
    if not paths:
        raise UsageError("no data named", do="name at least one file")
    by_kind: dict[str, list[Path]] = {}
    for path in paths:
        by_kind.setdefault(kind_of(path), []).append(path)
    return [source for kind, found in by_kind.items() for source in FORMATS[kind].open(found, protocol)]
