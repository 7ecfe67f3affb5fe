"""`hft convert`: recorded data of any kind into an event file or hftbacktest's events."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from hft._core.engine import events as words
from hft.config import Config
from hft.data import events, npz_writer
from hft.data.events import Events, EventWriter
from hft.data.follow import Follower
from hft.data.npz_writer import NpzWriter
from hft.data.progress import Meter, on_terminal
from hft.data.sources import Data
from hft.errors import ExitCode, UsageError, printable, printable_lines
from hft.run.diagnosis import InSync, in_sync, lines, warnings

_NAMES = {value: name for name, value in words.KINDS.items()}


class Symbol(msgspec.Struct):
    """A symbol's scales and their source, for the report."""

    tick: str
    quantum: str
    source: str


class Report(msgspec.Struct):
    """The report of a conversion."""

    output: str
    inputs: list[str]
    protocol: str
    trades: str
    symbols: dict[str, Symbol]
    records: int
    """In the output: records of an event file, rows of an `.npz`."""
    messages: dict[str, int]
    """Read, by kind."""
    rejects: dict[str, int]
    """Frames of captures that are no message, by reason."""
    left_out: dict[str, int]
    """Messages read for which an `.npz` has no row, by kind."""
    torn: list[str]
    notes: list[str]
    """Where the clock of a recording was set while it ran, and the symbols whose depth updates were taken as whole books."""
    seconds: float
    in_sync: dict[str, InSync] = {}
    """By symbol, the share of time in which its book is in sync, and the causes of the rest."""


def convert(
    config: Config,
    inputs: Sequence[Path],
    output: Path,
    *,
    symbols: Sequence[str] | None = None,
    book_tickers: bool = False,
    base_latency_ns: int = 0,
    force: bool = False,
    json: bool = False,
) -> int:
    """Converts `inputs` into `output`, whose name gives the format; prints the report; returns the exit code.

    Raises `UsageError` for an output that exists or is of no known kind, and every error of `Data`; leaves no output behind
    then.
    """
    _check(inputs, output, force)
    began = time.monotonic()
    data = Data(inputs, config, symbols)
    writer: EventWriter | NpzWriter
    if output.suffix == events.SUFFIX:
        names = [path.name for path in inputs]
        writer = EventWriter(
            output, data.specs, protocol=data.protocol, trades=data.trades, sources=names, exchange=data.exchange,
        )
    else:
        if len(data.specs) > 1:
            raise UsageError(
                f"holds one symbol, and there are {', '.join(spec.name for spec in data.specs)}", where=str(output),
                do="choose one with --symbols",
            )
        writer = NpzWriter(
            output, data.specs[0], trades=data.trades, book_tickers=book_tickers, base_latency_ns=base_latency_ns
        )
    messages: Counter[str] = Counter()
    follower = Follower(config, data)
    with on_terminal(not json) as progress, writer:
        meter = Meter(data, progress)
        for part in data.batches():
            writer.append(part)
            messages.update(_count(part))
            follower.follow(part)
            meter.report(messages.total)
        meter.report(messages.total, at_once=True)
    found = in_sync(follower.engine)
    for line in [*data.torn, *data.notes, *(f"hft: {warning}" for warning in warnings(found))]:
        print(printable(line), file=sys.stderr)
    report = Report(
        str(output), [str(path) for path in inputs], data.protocol, data.trades,
        {each.spec.name: Symbol(f"{each.spec.tick:f}", f"{each.spec.quantum:f}", each.source) for each in data.resolved},
        writer.count, dict(messages), data.rejects, _left_out(writer, messages), data.torn, data.notes,
        round(time.monotonic() - began, 3), found,
    )
    print(msgspec.json.encode(report).decode() if json else printable_lines(as_text(report)))
    return int(ExitCode.OK)


def _check(inputs: Sequence[Path], output: Path, force: bool) -> None:
    if output.suffix not in (events.SUFFIX, npz_writer.SUFFIX):
        raise UsageError(
            "is of a kind that can't be written", where=str(output), do=f"name it {events.SUFFIX} or {npz_writer.SUFFIX}"
        )
    if any(output.exists() and path.exists() and output.samefile(path) for path in inputs):
        raise UsageError("is read from", where=str(output), do="name another output")
    if output.exists() and not force:
        raise UsageError("is there already", where=str(output), do="name another output, or add --force")


def _count(part: Events) -> dict[str, int]:
    """Messages by kind."""
    kinds = part["kind"][part["flags"] & words.LAST > 0]
    found, counts = np.unique(kinds, return_counts=True)
    return {_NAMES[int(kind)]: int(count) for kind, count in zip(found, counts, strict=True)}


def _left_out(writer: EventWriter | NpzWriter, messages: Mapping[str, int]) -> dict[str, int]:
    """Messages read and not written, by kind."""
    kept = writer.kinds if isinstance(writer, NpzWriter) else messages
    return {kind: count for kind, count in messages.items() if kind not in kept and words.KINDS[kind] <= words.KINDS["book"]}


def as_text(report: Report) -> str:
    """One line, and one more for each book that is not always in sync.

    >>> one = {"BTCUSDT": Symbol("0.1", "0.001", "settings")}
    >>> print(as_text(Report("b.events", ["b"], "binance-usdm", "trade", one, 7, {"depth": 2, "trade": 1}, {}, {}, [], [], 0.1)))
    b.events: 7 records from 2 depth, 1 trade; binance-usdm BTCUSDT (tick 0.1, quantum 0.001, from settings); 0.1 s
    """
    written = sorted(report.messages.keys() - report.left_out.keys())
    kinds = ", ".join(f"{report.messages[kind]:,} {kind}" for kind in written) or "no message"
    symbols = ", ".join(f"{name} (tick {of.tick}, quantum {of.quantum}, from {of.source})" for name, of in report.symbols.items())
    refused = ", ".join(f"{count:,} {reason}" for reason, count in (report.rejects | report.left_out).items())
    refused += " (--book-tickers writes bookTickers)" if "bookTicker" in report.left_out else ""
    parts = [f"{report.records:,} records from {kinds}", f"{report.protocol} {symbols}"]
    parts += [f"left out: {refused}"] if refused else []
    first = f"{report.output}: {'; '.join(parts)}; {report.seconds:.1f} s"
    return "\n".join([first, *(f"in sync: {line}" for line in lines(report.in_sync))])
