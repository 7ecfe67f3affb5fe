"""`hft verify`: repeats a recorded run from its run log and compares all its rows.

The engine is built from the `run` line and gets every input in order. The same writer fills a separate database, and then the
two are compared row by row. The state hash, which the recording has for every snapshot interval, is compared at once; it shows
when two runs begin to differ.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.record.journal import Journal
from hft._core.record.page import StatePage
from hft._core.trade.python_strategy import PythonStrategy
from hft._core.trade.strategy import StrategyPort
from hft.backtesting.compare import Difference, compare, run_in
from hft.config import Config
from hft.config.secret import from_public, public
from hft.config.strategies import PythonParams
from hft.data.captures import Capture, files_of, first_line, is_capture
from hft.data.identify import identify
from hft.data.record import Kind, Record
from hft.data.recording import OF_A_SYMBOL, is_recording, mark
from hft.data.sources import kind_of
from hft.data.tape import Tape, batches
from hft.errors import DamagedData, ExitCode, HftError, UsageError, printable_lines
from hft.persistence import schema
from hft.persistence.writer import Writer
from hft.run.periodic import Links, put_rows
from hft.run.summary import Summary, summarise
from hft.run.wiring import build_engine, compatible, journal_most
from hft.venues.registry import protocol_named
from hft.version import STATE

PERIODIC = 1_000_000
ASIDE = frozenset({"recording", "run", "link", "broken", "end", "decision"})
"""Lines that are no inputs of the engine."""


class RecordedRun(msgspec.Struct, frozen=True):
    """The `run` line of a recording: everything needed to build the same engine."""

    run: int
    run_id: str
    strategy: str
    venue: str
    protocol: str
    trades: str
    database: str
    started_ns: int
    kill: str | None
    settings: Config
    symbols: list[dict[str, Any]]
    state: int = 1
    """The version of its hashes, see `hft.version.STATE`."""

    @property
    def specs(self) -> list[Spec]:
        return [Spec(each["symbol"], **{key: value for key, value in each.items() if key != "symbol"}) for each in self.symbols]


class StateDifference(msgspec.Struct, frozen=True):
    """The first difference of two states."""

    symbol: str
    after_ns: int
    """Time of the last equal states."""
    at_ns: int
    recorded: dict[str, str]
    """The digests that differ, by the names of the parts, the first that data flows through first."""
    replayed: dict[str, str]

    def __str__(self) -> str:
        return f"the states of {self.symbol} first differ between {self.after_ns} and {self.at_ns}, in {', '.join(self.recorded)}"


class Verdict(msgspec.Struct, frozen=True):
    """The result of a verification."""

    identical: bool
    run_id: str
    database: str
    inputs: int
    """Inputs of the engine."""
    states: int
    """Equal state hashes."""
    orders: int
    fills: int
    refused: int
    """Orders that were refused or not filled completely."""
    rows: int
    """Rows compared, in all tables."""
    torn: str
    """Where the recording breaks off; empty if it is complete."""
    difference: Difference | None
    """The first difference."""
    state_difference: StateDifference | None
    same_state: bool
    """False: hashes of an older version, and figures that only this version keeps, were not compared."""

    def to_text(self) -> str:
        """The text for a reader: one line if all is equal, else the first difference in full."""
        lines = [self.torn] if self.torn else []
        if self.identical:
            lines.append(
                f"identical: {self.orders} orders, {self.fills} fills, {self.refused} orders refused or not filled completely, "
                f"{self.states} states, {self.rows} rows, from {self.inputs:,} inputs"
            )
            if not self.same_state:
                lines.append("state hashes were not compared: only the older version that made them can do that")
            return "\n".join(lines)
        lines.append(f"not identical: {self.run_id}")
        if self.state_difference is not None:
            lines.append(str(self.state_difference))
        if self.difference is not None:
            lines.append(str(self.difference))
        return "\n".join(lines)


def verify(path: str | Path, database: str | Path | None = None) -> Verdict:
    """Repeats a recorded session and compares all its rows.

    Parameters
    ----------
    path : path
        A recording of `hft live --record`.
    database : path, optional
        The run's database. Default: its path in the recording.

    A recording that breaks off is verified up to there. Raises `DamagedData` for one that is damaged or lacks inputs. Raises
    `UsageError` for a recording of `hft record`, and if the database does not have the run.
    """
    _require_recording(Path(path))
    capture = Capture(path)
    records = iter(capture)
    run = _run_of(records, str(path))
    where = str(database or run.database)
    run_in(where, run.run_id)       # fails before the run is repeated, which may take long
    with tempfile.TemporaryDirectory(prefix="hft-verify-") as folder:
        again = Path(folder) / "again.db"
        replay = _Replay(run, again, str(path))
        try:
            replay.run(records)
            replay.finish()
        finally:
            replay.close()
        found = compare(where, again, run.run_id, replay.summary, torn=bool(capture.torn), older=run.state != STATE)
    return Verdict(
        identical=found.difference is None and replay.parted is None, run_id=run.run_id, database=where, inputs=replay.inputs,
        states=replay.states, orders=found.counts["orders"], fills=found.counts["trades"], refused=found.refused,
        rows=sum(found.counts.values()), torn=capture.torn, difference=found.difference, state_difference=replay.parted,
        same_state=run.state == STATE,
    )


COPY_AGAIN = "copy the recording again from its source"
TAKES = "hft verify takes a recording of `hft live --record`"


def _require_recording(path: Path) -> None:
    """Refuses other kinds of files, and names the kind. The reader reports an unreadable file."""
    first = first_line(files_of(path)[0])
    if not first.strip() or is_recording(first):
        return
    kind = kind_of(path)
    if kind != "captures":
        raise UsageError(_KINDS[kind], where=str(path), do=TAKES)
    if is_capture(first):
        raise UsageError("is a capture of messages, without an engine's run", where=str(path), do=TAKES)
    what, _ = identify(first.strip(), path.name) or ("is no recording", "")
    raise DamagedData(what, where=str(path), do=TAKES)


_KINDS = {
    "events": "is an event file, which holds messages and no run", "tardis": "is Tardis CSV, which holds messages and no run",
    "hftbacktest": "is a NumPy file, as hftbacktest's events are, and holds no run",
}


def _run_of(records: Iterator[Record], where: str) -> RecordedRun:
    """The `run` line, which comes before the first input."""
    part = 1
    for record in records:
        if record.kind is Kind.LOG:
            name, value = mark(record)
            if name == "recording":
                part = value["part"]
            if name == "run":
                return _understood(value, where)
            if name not in ASIDE:
                break
        elif record.kind is not Kind.EXCHANGE_INFO:
            break
    if part > 1:
        raise DamagedData(f"begins with part {part}", where=where, do="put the first part beside it, which has the `run` line")
    raise UsageError("is a recording of `hft record`, without trading", where=where, do=TAKES)


def _understood(line: Any, where: str) -> RecordedRun:
    """Decodes the `run` line. Settings and codes are those of the version that wrote it."""
    try:
        run = from_public(_renamed(line), RecordedRun)
        if run.kill is not None and run.kill not in status.NAMES.values():
            raise ValueError(f"an unknown reason of the kill switch: {run.kill!r}")
        _ = run.specs
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedData(f"its `run` line: {error}", where=where, do="verify with the version of hft that recorded it") from None
    return run


def _renamed(line: Any) -> Any:
    """Converts the `run` line of an older recording, whose `dialect` became a protocol and an instrument of its symbols. It had
    the only strategy of its time."""
    if "dialect" not in line:
        return line
    protocol = protocol_named(line["dialect"])
    settings = {name: dict(section) for name, section in line["settings"].items() if name != "signal"}
    settings["strategy"]["params"] = {**settings["strategy"]["params"], "kind": "imbalance"}
    for section in ("feed", "exchange"):
        if old := settings.get(section, {}).pop("dialect", ""):
            settings[section]["protocol"] = protocol_named(old).name
    return {
        **{key: value for key, value in line.items() if key != "dialect"}, "protocol": protocol.name, "settings": settings,
        "symbols": [
            {**{key: value for key, value in each.items() if key != "dialect"}, "instrument": protocol.instrument}
            for each in line["symbols"]
        ],
    }


class _Replay:
    """The repeated run of an engine."""

    def __init__(self, run: RecordedRun, database: Path, where: str) -> None:
        self.run_line, self.where = run, where
        self._names = frozenset(spec.name for spec in run.specs)
        self.inputs = self.states = 0
        self.parted: StateDifference | None = None
        self.summary: Summary | None = None
        self._same_ns = run.started_ns
        self._links = Links()
        specs = compatible(run.specs)
        strategy = _strategy_again(run.settings)
        self._decisions = strategy if isinstance(strategy, PythonStrategy) else PythonStrategy()
        journal = Journal(max(1 << 16, journal_most(run.settings, len(specs), strategy)))
        self.page = StatePage.create(None, list(specs), start_ns=run.started_ns)
        _number_from(database, run.run)
        self.writer = Writer(database, journal, list(specs), batch_size=10_000, interval_ms=2, queue_size=PERIODIC)
        self.writer.open_run(
            strategy_id=run.strategy, version="", venue=run.venue, settings=public(run.settings),
            started_ns=run.started_ns,
        )
        self.engine: Engine = build_engine(
            run.settings, specs, protocol_named(run.protocol), run=run.run, page=self.page, journal=journal,
            trade_source=run.trades, replayed=True, kill=run.kill, strategy=strategy,
        )
        self.writer.start()

    def run(self, records: Iterator[Record]) -> None:
        """Runs every input in order, and compares states and counts at their places between them."""
        for tape in batches(self._decided(self._inputs(records))):
            self._advance(tape)

    def _inputs(self, records: Iterator[Record]) -> Iterator[Record]:
        """The same records, counted and checked."""
        for record in records:
            if record.kind is Kind.EXCHANGE_INFO:
                continue
            name, value = mark(record) if record.kind is Kind.LOG and b'"timer"' not in record.data else ("", None)
            self._require_known(name, value, record)
            self.inputs += name != "state" and name not in ASIDE
            yield record

    def _decided(self, records: Iterator[Record]) -> Iterator[Record]:
        """The same without the decisions of a strategy in Python. They stand after the input that they were made on, and the
        strategy is given them before it."""
        held: Record | None = None
        for record in records:
            if record.kind is Kind.LOG and record.data.startswith(b'{"hft":{"decision"'):
                self._decisions.decide(mark(record)[1])
                continue
            if held is not None:
                yield held
            held = record
        if held is not None:
            yield held

    def _require_known(self, name: str, value: Any, record: Record) -> None:
        """Raises `DamagedData` for a symbol that the run does not have, and for a state without parts."""
        symbols = [value] if name in OF_A_SYMBOL else list(value) if name == "state" else [record.symbol] if record.symbol else []
        if name == "state" and self.run_line.state == STATE and not all(isinstance(parts, dict) for parts in value.values()):
            raise DamagedData(f"its state at {record.ns} has no parts", where=self.where, do=COPY_AGAIN)
        if name == "rules":
            symbols = [value.symbol]
        for symbol in symbols:
            if symbol not in self._names:
                raise DamagedData(
                    f"{symbol} appears at {record.ns} and is no symbol of the run", where=self.where, do=COPY_AGAIN,
                )

    def _advance(self, tape: Tape) -> None:
        while tape.next_ns is not None:
            tape.advance(self.engine, commands=True, on_mark=self._on_mark)
            while tape.next_ns is not None and not self.engine.makes_room():
                self._alive()
                time.sleep(0.001)

    def _alive(self) -> None:
        if self.writer.failed is not None:
            raise HftError(f"the repeated run can't be written: {self.writer.failed}", where=self.writer.path)

    def _on_mark(self, ns: int, name: str, value: Any) -> None:
        if name == "state":
            self._compare(ns, value)
            put_rows(self.writer, self.engine, ns)
            run = self.run_line
            self.summary = summarise(
                self.engine, run_id=run.run_id, run=run.run, venue=run.venue, strategy=run.strategy, spec_sources={},
                duration_s=0, stopped_by="",
            )
        elif name == "link":
            for counter in self._links.counters(value["kind"], value["connection"]):
                self.page.count(counter)
        elif name == "broken":
            raise DamagedData(
                f"the recording is broken: {value['lost']} inputs are missing at {ns}", where=self.where,
                do="it can't be verified; record with a larger [recording] buffer_mb",
            )

    def _compare(self, ns: int, recorded: dict[str, dict[str, str]]) -> None:
        if self.parted is not None or self.run_line.state != STATE:
            return
        for symbol, state in recorded.items():
            found = self.engine.digest_texts(symbol)
            if found != state:
                parts = [name for name in {**found, **state} if found.get(name) != state.get(name)]
                sides = ({name: side.get(name, "") for name in parts} for side in (state, found))
                self.parted = StateDifference(symbol, self._same_ns, ns, *sides)
                return
            self.states += 1
        self._same_ns = ns

    def finish(self) -> None:
        """Waits until everything is in the database."""
        if not self.writer.stop(60.0):
            self._alive()
            raise HftError("the repeated run was not written in time", where=self.writer.path)

    def close(self) -> None:
        self.writer.stop(1.0)
        self.writer.close()


def _strategy_again(settings: Config) -> StrategyPort:
    """The strategy of a run that is done again: what one in Python decided is recorded, so that its code is not needed."""
    params = settings.strategy.params
    return PythonStrategy(max_intents=params.max_intents) if isinstance(params, PythonParams) else settings.strategy.build()


def _number_from(database: Path, run: int) -> None:
    """Makes a database whose first run has this number, with which order ids begin."""
    db = schema.create_or_open(database)
    db.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (run - 1,))
    db.close()


def report(path: Path, database: Path | None, *, json: bool) -> int:
    """Prints the result of `hft verify`; returns the exit code."""
    verdict = verify(path, database)
    print(msgspec.json.encode(verdict).decode() if json else printable_lines(verdict.to_text()), flush=True)
    return int(ExitCode.OK if verdict.identical else ExitCode.DAMAGED)
