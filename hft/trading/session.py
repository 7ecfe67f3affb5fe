"""One live run: builds and connects all its parts. `hft.trading.engine_process` runs it in a separate process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec

from hft._core.base.runclock import RunClock
from hft._core.record.journal import Journal
from hft._core.record.page import PageError, StatePage
from hft.alerts import Alerts
from hft.config import misnamed, unlimited
from hft.config.secret import public
from hft.data.recorder import Recorder
from hft.errors import DamagedData, ExitCode, HftError, StrategyError, TradingHalted, UsageError
from hft.log import get_logger, log_trouble
from hft.net.find import find_venue
from hft.persistence.files import RunFiles, deleted, private_file, rescue_path
from hft.persistence.rows import scales
from hft.persistence.writer import Writer, WriterError
from hft.run import specs
from hft.run.feed_event import FeedEvent
from hft.run.periodic import Links, put_rows
from hft.run.summary import Summary, summarise, way_out
from hft.run.wiring import build_engine, compatible, journal_live
from hft.strategy import failure_of, raise_error
from hft.system.job import EngineJob
from hft.system.pauses import LoopPauses, Pauses
from hft.system.signals import exit_code
from hft.trading.marketdata import build_feed, log_event, stream_of_trades
from hft.venues.embedded import RECORDING_OVER, pace_warning
from hft.venues.live import RestClient
from hft.version import STATE, VERSION

TICK_S = 0.01
"""The engine's timer: internal events, kill switch, state page."""
HOUSEKEEPING_S = 0.5
FILES_GONE_S = 5.0
"""Time between this halt and the end of the run, so that pollers of `/health` see it."""

SILENT_BOOK_TICKERS = 2000
"""Warn if no trade arrived after this many bookTickers; usually there are three to a trade."""

log = get_logger("hft.session")


class LiveSession:
    """One live run. `open` builds it in order of dependence, `run` runs it, `close` takes it down in reverse."""

    def __init__(self, job: EngineJob) -> None:
        self.job = job
        self.config = job.config
        self.clock = RunClock()
        self.started_ns, self.started_monotonic_ns = self.clock.now(), time.monotonic_ns()
        self.stopped_by = "duration"
        self.stopping = asyncio.Event()
        self.failure: BaseException | None = None
        self.recorder: Recorder | None = None
        self.alerts = Alerts(log, time.monotonic)
        self.pauses_of_loop = LoopPauses(TICK_S)
        self._links = Links()
        self._played: set[str] = set()

    async def open(self) -> None:
        """Builds all parts; every refusal to start happens here, before the first message."""
        strategy = self.config.strategy
        persistence = strategy.persistence
        if self.job.options.record is not None:                                         # 0. the recorder, which records the rest
            self.recorder = Recorder(self.job.options.record, self.config.recording, self.started_ns)
        self.venue = await find_venue(                                                  # 1. the venue and its rules
            self.config.feed, rest_url=self.job.rest_url, ws_url=self.job.ws_url, protocol=self.job.protocol
        )
        self.trades = stream_of_trades(self.config, self.venue)
        self.rest = RestClient(self.venue, warn=log.warning)
        resolved = await self._resolve()
        self.specs = list(compatible([each.spec for each in resolved]))
        self.sources = {each.spec.name: each.source for each in resolved}
        self.journal = Journal(journal_live(self.config, len(self.specs)))           # 2. journal and writer
        self.writer = self._writer()
        self.files = RunFiles(self.writer.path)
        self.page = self._page(persistence.beside(".state"))                            # 3. the state page, and its lock
        with self._sound():
            latched = self.writer.latched()
            self.opened = self.writer.open_run(
                strategy_id=strategy.strategy_id, version=VERSION, venue=self.venue.name,
                settings=public(self.config), started_ns=self.started_ns,
            )
        self.page.set_run(self.opened.run, self.opened.run_id)
        self.files.watch(persistence.beside(".state"))
        self.engine = build_engine(                                                     # 4. the engine
            self.config, self.specs, self.venue.protocol, run=self.opened.run, page=self.page, journal=self.journal,
            trade_source=self.trades, kill="kill_latched" if latched else None,
            log=self.recorder.log if self.recorder is not None else None,
        )
        self._record_run()
        self.writer.start()
        self.feed = build_feed(                                                         # 5. the market
            self.config, self.venue, self.engine, clock=self.clock, rest=self.rest, on_event=self._feed_event, info=self.info,
            recorder=self.recorder,
        )

    def _record_run(self) -> None:
        """Records everything needed to build this engine again."""
        if self.recorder is not None:
            self.recorder.mark("run", {
                "run": self.opened.run, "run_id": self.opened.run_id, "strategy": self.config.strategy.strategy_id,
                "venue": self.venue.name, "protocol": self.venue.protocol.name, "trades": self.trades,
                "database": os.path.abspath(self.writer.path), "started_ns": self.started_ns, "kill": self.engine.kill_reason,
                "settings": public(self.config), "symbols": scales(self.specs), "state": STATE,
            }, self.clock.now())

    async def _resolve(self) -> list[specs.ResolvedSpec]:
        names = self.config.strategy.symbols
        given = self.config.feed.symbols
        self.info = b"" if all(name in given for name in names) else await self.rest.exchange_info(names)
        if self.recorder is not None and self.info:
            self.recorder.exchange_info(self.info, self.clock.now())
        protocol = self.venue.protocol.name
        return specs.resolve(
            names, protocol, fees=self.config.fees_of(protocol), fee_asset=self.config.broker.fee_asset, settings=given,
            exchange_info=[self.info] if self.info else [],
        )

    def _writer(self) -> Writer:
        persistence = self.config.strategy.persistence
        with self._sound():
            return Writer(
                persistence.database_path, self.journal, self.specs, batch_size=persistence.batch_size,
                on_failure=self._writer_failed,
            )

    @contextlib.contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except apsw.CorruptError as error:
            path = self.config.strategy.persistence.database_path
            raise DamagedData(str(error), where=path, do="move it away, or restore it from a copy") from None

    def _page(self, path: Path) -> StatePage:
        try:
            return StatePage.create(
                path, self.specs, strategy=self.config.strategy.strategy_id, venue=self.venue.name, build=VERSION,
                start_ns=self.started_ns, monotonic_ns=self.started_monotonic_ns,
            )
        except PageError as error:
            raise UsageError(str(error), do="stop the other engine, or change [strategy.persistence] database_path") from None

    # --- running

    async def run(self) -> None:
        """Runs until the duration is over, a signal comes, or trading can't go on."""
        self.page.flag("running")
        symbols = ",".join(self.config.strategy.symbols)
        log.info(
            "trading on paper", run=self.opened.run_id, venue=self.venue.name, symbols=symbols,
            strategy=self.config.strategy.kind,
        )
        for line in [misnamed(self.config), *unlimited(self.config)]:
            if line:
                log.warning(line)
        if self.rest.pace != 1.0:
            log.warning(pace_warning(self.rest.pace))
        if self.engine.killed:
            log.warning("the kill switch is on from an earlier run; `hft kill --release` lets orders through")
        tasks = [
            asyncio.create_task(self._guard(work), name=name)
            for name, work in (
                ("feed", self.feed.run()), ("timer", self._timer()), ("housekeeping", self._housekeeping()),
                ("rows", self._rows()), ("duration", self._duration()),
            )
        ]
        self.pauses_of_loop.begin()
        await self.stopping.wait()
        self.pauses_of_loop.end()
        self.page.flag("stopping")
        self.engine.stop(self.clock.now())      # before the feed ends, since a closed book is no resync
        self.failure = self.failure or failure_of(self.engine.strategy)     # `on_stop` too may raise
        self.ended_ns = self.clock.now()
        if self.engine.held:
            log.warning("messages were read and not handled: the journal had no room for them", messages=self.engine.held)
        for task in tasks:
            task.cancel()
        self._put_rows()
        self._check_rejects(end=True)
        self.summary = self._summarise()
        p99_ns = self.summary.tick_to_trade_ns.p99
        if p99_ns > float(self.config.broker.entry_latency_ms) * 1e6:       # it is not added to the modelled latency (rule 6)
            log.warning("the engine is slower than the assumed entry latency", p99_ns=p99_ns)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _writer_failed(self) -> None:
        """Runs on the writer's thread: it must stop an engine that waits for journal room, as our loop waits with it."""
        self.page.flag("writer_failed")

    def _feed_event(self, event: FeedEvent) -> None:
        """Logs a line, and raises the page's counter of that name, if any."""
        if self.recorder is not None:
            self.recorder.event(event)
        for counter in self._links.counters(event.kind, event.connection):
            self.page.count(counter)
        if event.closed == RECORDING_OVER and self.rest.ours:
            self._played.add(event.connection)
            if len(self._played) == len(self.feed.connections):
                self.stop(f"the {RECORDING_OVER.reason}")
        log_event(log, event, ending=self.stopping.is_set())

    async def _guard(self, work: Any) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failure = error
            self.stop("a failure")

    def stop(self, why: str) -> None:
        """Requests the end; the first reason is reported. A second request logs what is still being done."""
        if not self.stopping.is_set():
            self.stopped_by = why
            self.stopping.set()
        elif hasattr(self, "writer"):
            log.warning("still stopping: the database is being written", requested_by=why, records_left=self.writer.lag)

    async def _duration(self) -> None:
        if self.job.options.duration_s is not None:
            await asyncio.sleep(self.job.options.duration_s)
            self.stop("duration")

    async def _timer(self) -> None:
        while True:
            self.engine.advance(self.clock.now())
            raise_error(self.engine.strategy)
            if longer_ns := self.pauses_of_loop.longer_ns():
                self.page.count("longest_pause_ns", longer_ns)
            await asyncio.sleep(TICK_S)

    def _check_rejects(self, *, end: bool = False) -> None:
        counters = self.engine.counters()
        self.alerts.check({**counters["rejects"], "clock_outliers": counters["clock_outliers"]}, end=end)
        self.page.flag("risk_alert", self.alerts.risk)

    async def _housekeeping(self) -> None:
        """Checks twice a second: the writer's health, faults, files, channels, and changes of the kill switch."""
        was_killed = self.engine.killed
        trouble = None
        trades_seen = False
        capacity = self.config.strategy.performance
        pauses = Pauses(HOUSEKEEPING_S)
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            if lost_s := pauses.lost_s():
                log.warning("the engine did not run: stopped, suspended, or short of processor time", seconds=round(lost_s, 1))
            self._check_rejects()
            self.page.flag("log_failed", bool(log_trouble()))
            self.pauses_of_loop.tidy()
            if missing := self.files.missing():
                await self._halt_without(missing)
            trades_seen = trades_seen or self._trades_seen()
            self.page.channel(0, "persist", self.journal.capacity, self.journal.used, self.engine.journal_waits)
            self.page.channel(1, "order", capacity.order_channel_size, self.engine.commands_under_way)
            self.page.channel(2, "market", capacity.market_channel_size, 0)     # inline mode has no queue there
            if self.recorder is not None:
                self.page.channel(3, "record", self.recorder.log.capacity, self.recorder.log.used, self.recorder.log.lost)
                self.page.flag("recording_broken", self.recorder.broken)
            if self.writer.failed is not None:
                raise TradingHalted(f"the writer failed: {self.writer.failed}", where=self.writer.path)
            if self.writer.trouble != trouble:
                trouble = self.writer.trouble
                log.warning("the database is in trouble" if trouble else "the database works again", why=trouble or "")
            if self.engine.halted:
                do = way_out(self.engine.fault, self.sources)
                raise TradingHalted(f"a fault in the core: {self.engine.fault}", do=do)
            if self.engine.killed != was_killed:
                was_killed = self.engine.killed
                if was_killed:
                    log.warning("kill switch on", reason=self.engine.kill_reason)
                else:
                    log.warning("kill switch released")

    async def _halt_without(self, missing: list[str]) -> None:
        """Halts trading, since the run's data would be lost; `/health` shows the reason for a while."""
        self.page.flag("files_gone")
        self.engine.kill(True, self.clock.now(), "kill_files_gone")
        self.engine.stop(self.clock.now())      # permanent: releasing the kill switch allows no new order
        log.error("a file of the run was deleted or replaced; trading halted", files=",".join(missing))
        self.failure = self.failure or deleted(missing[0])      # set now, as the run may end during the wait
        await asyncio.sleep(FILES_GONE_S)
        raise self.failure

    def _trades_seen(self) -> bool:
        """Whether trades arrived or a warning was logged, since a venue accepts subscriptions to streams that it never sends."""
        kinds = self.engine.counters()["messages"]
        if kinds["trade"] + kinds["aggTrade"]:
            return True
        if kinds["bookTicker"] < SILENT_BOOK_TICKERS:
            return False
        log.warning("no trades arrive, so no resting order fills; set [feed] trade_source to the other", stream=self.trades)
        return True

    async def _rows(self) -> None:
        interval = self.config.strategy.persistence.snapshot_interval_ms / 1000
        while True:
            await asyncio.sleep(interval)
            self._put_rows()

    def _put_rows(self) -> None:
        """Writes the rows of this moment, and records the state."""
        now_ns = self.clock.now()
        if self.recorder is not None:
            self.recorder.state(self.engine, now_ns)
        put_rows(self.writer, self.engine, now_ns)

    # --- the end

    async def finish(self) -> Summary:
        """Writes everything and closes the run. A write error is a failure of the run, which is still summarised.

        Waits for the disk happen in a thread, so that the loop handles signals and keeps the heartbeat.
        """
        beating = asyncio.create_task(self._beat())
        try:
            if not await asyncio.to_thread(self.writer.stop):
                raise self.writer.failed or WriterError("records could not be stored in time", where=self.writer.path)
            summary = msgspec.to_builtins(self.summary)
            await asyncio.to_thread(self.writer.close_run, ended_ns=self.ended_ns, summary=summary)
            await self._check_files()
        except Exception as error:
            log.error("not everything could be written", path=self.writer.path, left=self.writer.lag, why=str(error))
            self.failure = self.failure or error
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close, self.clock.now())
            self.summary = msgspec.structs.replace(self.summary, recording=self.recorder.result)
        beating.cancel()
        self.page.flag("stopping", False)
        self.page.flag("running", False)
        return self.summary

    async def _check_files(self) -> None:
        """Copies a database that was deleted during the run, since its file vanishes with this process."""
        gone = self.files.missing()
        if not self.files.database_gone:
            return
        self.failure = self.failure or deleted(gone[0])
        path = rescue_path(self.writer.path, self.opened.run_id)
        try:
            private_file(path)
            await asyncio.to_thread(self.writer.copy_to, path)
        except (OSError, apsw.Error) as error:
            log.error("the database was deleted, and the run's data is lost with it", why=str(error))
        else:
            log.warning("the database was deleted or replaced; its contents are in a copy", copy=str(path))

    async def _beat(self) -> None:
        """Keeps the heartbeat after the engine's timer has ended."""
        while True:
            self.page.beat(self.clock.now())
            await asyncio.sleep(TICK_S)

    def _summarise(self) -> Summary:
        return summarise(
            self.engine, run_id=self.opened.run_id, run=self.opened.run, venue=self.venue.name,
            strategy=self.config.strategy.strategy_id, strategy_kind=self.config.strategy.kind, spec_sources=self.sources,
            duration_s=(self.ended_ns - self.started_ns) / 1e9, stopped_by=self.stopped_by,
        )

    async def close(self) -> None:
        """Releases everything that `open` took; safe after a failed `open`."""
        if self.recorder is not None and not hasattr(self, "feed"):
            self.recorder.discard()
        for name in ("writer", "files", "page"):        # the lock last, see `DatabaseLock.close`
            if hasattr(self, name):
                getattr(self, name).close()
        if hasattr(self, "rest"):
            await self.rest.close()

    def describe_failure(self) -> str:
        """The cause of an early end in one line; a bug's traceback goes to the log."""
        raised = isinstance(self.failure, StrategyError)
        if isinstance(self.failure, HftError) and not raised:
            return str(self.failure)
        log.error("the run failed", exc_info=getattr(self.failure, "__cause__", None) or self.failure)
        what = str(self.failure) if raised else f"{type(self.failure).__name__}: {self.failure}"
        return f"{what}; its traceback is in {self.config.strategy.persistence.beside('.log')}"

    @property
    def exit_code(self) -> ExitCode:
        if self.failure is not None:
            return getattr(self.failure, "exit_code", ExitCode.INTERNAL)
        if self.engine.halted or self.engine.kill_reason == "kill_bankrupt":
            return ExitCode.HALTED
        return exit_code(self.stopped_by)
