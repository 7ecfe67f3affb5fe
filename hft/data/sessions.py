"""Several captures as one session: merged in receive order, probed file by file, as inputs of an engine."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from hft.config import Config
from hft.data.captures import Capture, files_of, is_paired
from hft.data.probe import Probe, combined, probe
from hft.data.record import Kind, Record
from hft.data.recording import OF_A_SYMBOL, mark
from hft.data.rules import Changes, changed
from hft.errors import NOT_JSON, DamagedData, UsageError
from hft.run import specs
from hft.venues.recorded import NAMED, protocol_by_hints
from hft.venues.registry import protocol_named

_SYMBOL = re.compile(rb'"s":"([^"]+)"')
_WHOLE = re.compile(rb'\{"stream": ?"([^"@]+)@depth\d+[@"]')


class RecordedSession:
    """Several captures as one session, merged by (stamp, file, line) (SEMANTICS 1).

    A paired capture may be named by either file; the other files are found beside it. A REST book without a symbol belongs to
    the only symbol of its file.

    Parameters
    ----------
    paths : iterable of path
    protocol : str
        Replaces the protocol that the messages show.

    Attributes
    ----------
    captures : list of Capture
        In the order of the merge.
    passed_over : int
        After iteration: whole books that were skipped, since a stream of updates makes the book (SEMANTICS 7c).
    """

    def __init__(self, paths: Iterable[str | Path], protocol: str = "") -> None:
        self.captures = [Capture(path) for path in _with_pairs(Path(path) for path in paths)]
        if not self.captures:
            raise UsageError("no capture named", do="name at least one file")
        self._protocol = protocol
        self.passed_over = 0

    @property
    def where(self) -> str:
        """Its name in error messages: the first file."""
        return str(self.captures[0].path)

    @property
    def torn(self) -> list[str]:
        """After iteration: where the beginning of a file is missing, and where it breaks off."""
        return [line for capture in self.captures for line in (capture.headless, *capture.tears, capture.torn) if line]

    @property
    def notes(self) -> list[str]:
        """After iteration: where a file's clock was set (SEMANTICS 33), and which updates are whole books (7c)."""
        steps = [line for capture in self.captures for line in capture.steps]
        return steps + [
            f"{capture.path}: each depth update of {name} has {levels} levels a side and deletes none; they are taken as the "
            f"whole books of its stream depth{levels}"
            for capture, seen in zip(self.captures, self.probes, strict=True) for name, levels in seen.unnamed.items()
        ]  # fmt: skip

    @cached_property
    def probes(self) -> list[Probe]:
        """The probe of each whole file: a first reading, faster than the run that follows."""
        return [_probed(capture) for capture in self.captures]

    @cached_property
    def probe(self) -> Probe:
        """The probe of all files together. Raises `UsageError` for files of different protocols, unless one is set."""
        return self.of(())

    def of(self, symbols: Sequence[str]) -> Probe:
        """The same, with the protocol shown by the messages of these symbols only."""
        files = zip(self.captures, self.probes, strict=True)
        whole = combined(((str(capture.path), seen) for capture, seen in files), self._protocol, symbols)
        whole.exchange = next(iter(protocol_named(whole.protocol).exchanges), "") if whole.protocol else ""
        return whole

    def specs(self, config: Config, symbols: Sequence[str] | None = None) -> list[specs.ResolvedSpec]:
        """The specification of each symbol, or of those named (SEMANTICS 28), with the fees of the session's venue.

        Raises `DamagedData` if no message shows protocol or symbol, and the errors of `hft.run.specs.resolve`.
        """
        seen = self.of(symbols or ()).require(self.where, config.protocol if config.feed.venue != "embedded" else "")
        return specs.resolve(
            list(symbols or seen.symbols), seen.protocol, fees=config.fees_of(seen.protocol), fee_asset=config.broker.fee_asset,
            settings=config.feed.symbols, exchange_info=seen.exchange_info, printed=seen.printed, leads=seen.info_leads,
        )

    def __iter__(self) -> Iterator[Record]:
        files = [self._of(n) for n in range(len(self.captures))]
        if len(files) == 1:
            return files[0]
        return heapq.merge(*files, key=lambda record: record.ns)     # stable: equal stamps in the order of file and line

    def _of(self, n: int) -> Iterator[Record]:
        """The records of one file, with names for its bare books, and its streams of whole books marked."""
        unnamed = {name.encode(): levels for name, levels in self.probes[n].unnamed.items()}
        for record in self.captures[n]:
            if record.kind is Kind.SNAPSHOT and not record.symbol and len(self.probes[n].symbols) == 1:
                yield record._replace(symbol=self.probes[n].symbols[0])
            elif unnamed and record.kind is Kind.FRAME and (levels := _unnamed_levels(record.data, unnamed)):
                yield record._replace(data=b'{"stream":"%b@depth%d","data":%b}' % (*levels, record.data))
            else:
                yield record

    def inputs(
        self, symbols: Sequence[str] | None = None, *, opening: bool = True, changes: Changes | None = None
    ) -> Iterator[Record]:
        """The inputs for an engine of these symbols (default: all), without those of other symbols.

        A recording says when each stream was opened; without such lines a stream is open from the first record on: these lines
        are made here if `opening`. With `changes` an exchangeInfo becomes lines of the rules that it changes.
        Raises `DamagedData` for a REST book that could belong to several symbols.
        """
        every = list(dict.fromkeys(name for seen in self.probes for name in seen.symbols))
        wanted = list(symbols or every)
        opened = set[str]().union(*(seen.opened for seen in self.probes))
        keep = None if set(wanted) >= set(every) else frozenset(name.encode() for name in wanted)
        first = opening
        self.passed_over = 0
        updated = set[str]().union(*(seen.updated for seen in self.probes))
        streamed = set[str]().union(*(seen.whole for seen in self.probes))
        alone = self._alone() - updated - opened - streamed
        beside = updated & streamed
        for each in self:
            made = [each] if each.kind is not Kind.EXCHANGE_INFO else changed(each, changes) if changes is not None else ()
            for record in made:
                if first:
                    first = False
                    for name in wanted:
                        if name not in opened:
                            yield Record(record.ns, Kind.LOG, msgspec.json.encode({"hft": {"connect": name}}))
                if record.kind is Kind.FRAME:
                    if (beside or keep is not None) and not self._is_wanted(record.data, beside, keep):
                        continue
                elif record.kind is Kind.SNAPSHOT:
                    if not record.symbol:
                        raise DamagedData(
                            f"the book received at {record.ns} has no symbol, and there are several symbols beside "
                            "it", where=self.where, do="capture each symbol in a file of its own",
                        )
                    if record.symbol not in wanted:
                        continue
                    if record.symbol in alone:
                        record = record._replace(kind=Kind.BOOK)
                elif record.kind is Kind.LOG and _of_another(record, wanted):
                    continue
                yield record

    def _is_wanted(self, frame: bytes, beside: set[str], keep: frozenset[bytes] | None) -> bool:
        """Whether a frame's symbol is in `keep` (None: all), and it is no whole book of a symbol in `beside`, with updates."""
        whole = _WHOLE.match(frame)
        if whole is not None and _unescaped(whole[1]).decode("utf-8", "replace").upper() in beside:
            self.passed_over += 1
            return False
        named = whole or _SYMBOL.search(frame)
        if keep is None or named is None:
            return True
        spelled = _unescaped(named[1])
        return (spelled.upper() if whole else spelled) in keep      # a stream's symbol is in lower case

    def _alone(self) -> set[str]:
        """Symbols with several REST books; if they have no other data, each of these is the whole book."""
        counts = Counter[str]()
        for n, seen in enumerate(self.probes):
            for name, count in seen.snapshots.items():
                counts[name or (self.probes[n].symbols[0] if len(self.probes[n].symbols) == 1 else "")] += count
        return {name for name, count in counts.items() if count > 1}


def _unnamed_levels(message: bytes, unnamed: dict[bytes, int]) -> tuple[bytes, int] | None:
    """Symbol, in lower case, and levels of a whole book whose message looks like an update; None for other messages."""
    if message.startswith(b'{"stream"') or b'"e":"depthUpdate"' not in message:
        return None
    named = _SYMBOL.search(message)
    name = _unescaped(named[1]) if named is not None else b""
    return (name.decode().lower().encode(), unnamed[name]) if name in unnamed else None


def _unescaped(name: bytes) -> bytes:
    """A name as UTF-8, also if JSON escapes it."""
    if b"\\" not in name:
        return name
    try:
        return msgspec.json.decode(b'"%b"' % name, type=str).encode()
    except NOT_JSON:
        return name


def _probed(capture: Capture) -> Probe:
    found = probe(capture)
    if capture.protocol:
        found.hints[""] = found.hints.get("", 0) | NAMED[capture.protocol]
        found.protocol = protocol_by_hints(found.hints, found.hints)
    return found


def _of_another(line: Record, wanted: Sequence[str]) -> bool:
    """Whether a run log's line is about a symbol that is not wanted."""
    try:
        name, value = mark(line)
    except NOT_JSON:
        return False            # its reader reports the error
    of = value.symbol if name == "rules" else value
    return name in (*OF_A_SYMBOL, "rules") and of not in wanted


def _with_pairs(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        match = re.fullmatch(r"(.+)\.(http|ws)\.[\d.]+", path.name) if is_paired(path) else None
        mates = [mate for kind in ("http", "ws") for mate in sorted(path.parent.glob(f"{match[1]}.{kind}.*"))] if match else []
        found.update(dict.fromkeys(mates or files_of(path)[:1]))       # parts of one recording count once
    return list(found)
