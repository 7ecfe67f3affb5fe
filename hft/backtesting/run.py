"""Runs the engine over recorded data at full speed, with the same compiled code that trades live.

Captures and recordings are run frame by frame, from the received bytes. Event files are run from memory as they are.
Other data, and a mixture, is first turned into event records. The results are the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, overload

from msgspec.structs import replace

from hft._core.base.checks import whole
from hft._core.engine.engine import Engine, replay_events
from hft._core.engine.events import LAST_TIME_NS
from hft._core.record.journal import Journal
from hft._core.trade.python_strategy import PythonStrategy
from hft.backtesting.result import Collector, Result
from hft.backtesting.settings import settled
from hft.config import Config
from hft.data.events import Events
from hft.data.follow import connect, file_engine
from hft.data.progress import Meter, Progress
from hft.data.sources import Captures, Data, EventSource
from hft.data.tape import batches
from hft.errors import DamagedData, UsageError
from hft.run.summary import REJECTED_MESSAGES, Summary, summarise
from hft.run.wiring import compatible, journal_most, tradable
from hft.strategy import Strategy, raise_error

StrPath = str | os.PathLike[str]


Paths: TypeAlias = StrPath | Iterable[StrPath]


@overload
def backtest(data: Paths, config: Config | StrPath | None = None, /, **options: Any) -> Result: ...
@overload
def backtest(strategy: Strategy, data: Paths, config: Config | StrPath | None = None, /, **options: Any) -> Result: ...
def backtest(
    data: Any,
    config: Any = None,
    more: Any = None,
    /,
    *,
    symbols: str | Sequence[str] | None = None,
    series_ms: int = 1000,
    progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> Result:
    """Run the engine over recorded data: ``backtest(data)``, or with a strategy in Python ``backtest(strategy, data)``.

    Parameters
    ----------
    strategy : Strategy, optional
        What decides, before the data; else what the settings say.
    data : path or sequence of paths
        Captures of the three kinds, our own recordings, event files, Tardis CSV, hftbacktest's events. Several files are one
        session, merged in receive order. All must be of one venue; protocol and symbols are recognised if the files show them.
    config : Config or path, optional
        Settings, or a TOML file of them. Default: the defaults. Its venue, database, monitoring and symbols to trade are
        not used here; `feed.symbols` and `feed.trade_source` are.
    symbols : str or sequence of str, optional
        Only these. Default: all in the data.
    series_ms : int
        Length of an interval of `Result.series`, in milliseconds of receive time.
    progress : callable, optional
        Called with a `Progress` a few times a second, and at the end.
    **settings
        Settings that override `config`, by their last name (``entry_latency_ms=35``) or, if that is ambiguous, in full
        (``**{"strategy.params.max_position_size": 2}``).

    Returns
    -------
    Result
        At the end orders are cancelled and every report is delivered, as at the end of a live run.

    Raises
    ------
    UsageError
        Data or settings that can't be used as given.
    DamagedData
        A damaged file. One that only breaks off is run up to there; `Result.torn` says so.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import hft
    >>> lines, u = [], 100
    >>> for ms in range(3000):                # a book that leans to the bid and moves up
    ...     t, p = 1_700_000_000_000 + ms, 600_000 + ms // 100
    ...     book = f'"b":[["{p / 10}","9"],["{(p - 1) / 10}","9"]],"a":[["{p / 10}","0"],["{(p + 1) / 10}","1"]]'
    ...     lines.append(f'{t}000000 {{"e":"depthUpdate","E":{t},"T":{t},"s":"BTCUSDT","U":{u},"u":{u},"pu":{u - 1},{book}}}')
    ...     u += 1
    >>> lines.insert(1, '1700000000000000000 {"lastUpdateId":100,"E":1700000000000,"bids":[],"asks":[]}')
    >>> capture = Path(tempfile.mkdtemp(), "session.txt")
    >>> _ = capture.write_text("\\n".join(lines) + "\\n")
    >>> result = hft.backtest(capture, entry_latency_ms=35)
    >>> result.summary.messages, result.summary.gaps
    (3001, 0)
    >>> fill = result.fills[0]
    >>> str(fill["symbol"]), int(fill["side"]), float(fill["price"]), float(fill["qty"])
    ('BTCUSDT', 1, 60001.1, 0.5)
    >>> result.series["total"].shape, bool(result.series["synced"].all())
    ((3,), True)
    """
    strategy = data if isinstance(data, Strategy) else None
    if isinstance(data, Strategy):
        data, config = config, more
    elif more is not None:
        raise TypeError("backtest(strategy, data, config), or backtest(data, config)")
    chosen = settled(config, settings)
    named = [symbols] if isinstance(symbols, str) else symbols
    paths = [Path(data)] if isinstance(data, (str, os.PathLike)) else [Path(path) for path in data]
    return _Run(Data(paths, chosen, named), chosen, series_ms, progress, strategy).run()


class _Part(Protocol):
    """A bounded part of the data, in memory."""

    @property
    def next_ns(self) -> int | None:
        """The stamp of the next input; None at the end."""

    def advance(self, engine: Engine, *, until_ns: int) -> None:
        """Passes the next inputs to the engine, up to a time, or until the journal is low on room."""


class _Records:
    """A part of the data as event records."""

    def __init__(self, records: Events, index: Sequence[int] | None, first: int, where: str) -> None:
        self.records = records
        self._index = index
        self._first = first
        self._where = where
        self._at = 0

    @property
    def next_ns(self) -> int | None:
        if self._at >= len(self.records):
            return None
        at = int(self.records["recv_ns"][self._at])
        if at >= LAST_TIME_NS:
            raise self._damaged(f"record {self._at}: its time, {at}, is invalid")
        return at

    def advance(self, engine: Engine, *, until_ns: int) -> None:
        try:
            self._at = replay_events(engine, self.records, start=self._at, symbols=self._index, until_ns=until_ns)
        except ValueError as error:
            raise self._damaged(error) from None

    def _damaged(self, what: object) -> DamagedData:
        return DamagedData(f"{what} (records from {self._first} on)", where=self._where, do="make it again with `hft convert`")


class _Run:
    """One backtest: the engine, its inputs and its records."""

    def __init__(self, data: Data, config: Config, series_ms: int, progress: Callable[[Progress], None] | None,
                 strategy: Strategy | None) -> None:
        self.data = data
        self.config = config
        self.interval_ns = whole("series_ms", series_ms, 1, LAST_TIME_NS // 1_000_000) * 1_000_000
        self.progress = progress
        tradable(data.protocol, data.where, "use spot or USD-M data")
        try:
            traded = compatible(data.specs)
        except UsageError as error:
            raise UsageError(error.what, where=data.where, do="or choose some with --symbols") from None
        # Drained before an input could lack room for its records, so that new orders are never refused for that reason.
        decides = config.strategy.build() if strategy is None else PythonStrategy(strategy)
        self.journal = Journal(max(1 << 15, journal_most(config, len(traded), decides)), run=1)
        self.engine = file_engine(config, traded, data.protocol, data.trades, run=1, journal=self.journal, strategy=decides)
        every_ms = config.strategy.persistence.snapshot_interval_ms
        self.collector = Collector(self.engine, self.journal, every_ms * 1_000_000)
        self.first_ns = 0

    def run(self) -> Result:
        meter = Meter(self.data, self.progress)
        sample_at: int | None = None
        for part in self._parts():
            while (next_ns := part.next_ns) is not None and not self.engine.halted:
                self.first_ns = self.first_ns or next_ns
                if sample_at is not None and next_ns >= sample_at:
                    self.collector.sample(sample_at)
                    sample_at = None
                if sample_at is None:
                    sample_at = (next_ns // self.interval_ns + 1) * self.interval_ns
                part.advance(self.engine, until_ns=sample_at)
                raise_error(self.engine.strategy)
                if not self.engine.makes_room():
                    self.collector.drain()
                meter.report(self._events)
        end_ns = self.engine.stop(self.engine.now_ns)
        raise_error(self.engine.strategy)
        self.collector.sample(end_ns, last=True)
        seconds = meter.seconds
        meter.report(self._events, at_once=True)
        return self.collector.result(self._summary(), seconds=seconds, torn=self.data.torn, notes=self.data.notes)

    def _parts(self) -> Iterator[_Part]:
        sources = self.data.sources
        names = [spec.name for spec in self.engine.symbols]
        if len(sources) == 1 and isinstance(sources[0], Captures):
            return batches(sources[0].session.inputs(names, changes=sources[0].changes(self.data.specs)))
        if len(sources) == 1 and isinstance(sources[0], EventSource):
            return self._records(sources[0].parts(), sources[0].index(self.data.specs))
        return self._records(self.data.batches(), None)

    def _records(self, parts: Iterable[Events], index: Sequence[int] | None) -> Iterator[_Part]:
        """Runs records, after opening the streams that they do not open."""
        done = 0
        for records in parts:
            if done == 0 and len(records):
                connect(self.engine, records, index)
            yield _Records(records, index, done, self.data.where)
            done += len(records)

    def _events(self) -> int:
        return sum(self.engine.counters()["messages"].values())

    def _summary(self) -> Summary:
        engine = self.engine
        summary = summarise(
            engine, run_id="backtest", run=1, venue=f"recorded {self.data.protocol}", strategy=self.config.strategy.strategy_id,
            strategy_kind=self.config.strategy.kind, spec_sources={each.spec.name: each.source for each in self.data.resolved},
            duration_s=(engine.now_ns - self.first_ns) / 1e9, stopped_by="a fault" if engine.halted else "end of data",
        )
        return _with_rejects(summary, self.data.rejects)


def _with_rejects(summary: Summary, rejects: dict[str, int]) -> Summary:
    """Adds frames that became no record to the refused messages."""
    skipped = dict(Counter(summary.skipped) + Counter(rejects))
    refused = sum(count for name, count in rejects.items() if name in REJECTED_MESSAGES)
    return replace(summary, skipped=skipped, rejected_messages=summary.rejected_messages + refused)
