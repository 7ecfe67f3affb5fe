"""`hft record`: writes a venue's messages to a file.

An engine that does not trade follows the messages like a trading one: after every gap it requests a snapshot, and the feed
fetches it. So the file replays in sync.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import Engine
from hft.config import Config
from hft.data.recorder import GONE, Recorder
from hft.errors import DamagedData, ExitCode, VenueUnreachable, printable_lines
from hft.log import close_log, get_logger, open_log
from hft.net.find import find_venue
from hft.run import specs
from hft.run.feed_event import FeedEvent
from hft.run.periodic import Links
from hft.run.summary import Recorded, RecordSummary, as_text, counted, skipped, warn
from hft.run.wiring import build_engine, untraded
from hft.system.child import Child, embedded_exchange, stdout_of_children
from hft.system.pauses import Pauses
from hft.system.signals import StopRequest, exit_code, handle
from hft.trading.marketdata import build_feed, log_event, stream_of_trades
from hft.venues.live import RestClient

POLL_S = 0.5
PROGRESS_S = (1.0, 5.0, 10.0, 30.0, 60.0)
"""Times of progress lines, in seconds from the start; after the last one, at intervals of that length."""

log = get_logger("hft.record")


class RecordJob:
    """One recording, done by `run`."""

    def __init__(self, config: Config, recorder: Recorder, clock: RunClock) -> None:
        self.config = config
        self.recorder = recorder
        self.clock = clock
        self.started_ns = clock.now()
        self.exchange: Child | None = None
        """The embedded exchange, if that is recorded."""
        self.stopped_by = "duration"
        self.request = StopRequest()
        """Requests to stop before `run` handles signals."""
        self.stopping = asyncio.Event()
        self.failure: BaseException | None = None
        self.recorded: Recorded | None = None
        """The result of the recording, once closed."""
        self._links = Links()
        self._counts: Counter[str] = Counter()

    async def run(self, duration_s: float | None, rest_url: str, ws_url: str, protocol: str) -> RecordSummary | None:
        """Records until the duration is over, a signal comes, or recording fails. None: stopped before it began.

        `check` raises the reason of an early end, so that the recording is closed and reported first.
        """
        handle(self.stop, log.warning)
        if self.request.why:
            self.stop(self.request.why)
        work = asyncio.ensure_future(self._record(rest_url, ws_url, protocol))
        stopping = asyncio.ensure_future(self.stopping.wait())
        await asyncio.wait({work, stopping}, timeout=duration_s, return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        summary = None
        if self.began:              # before the connections close, since closing them is no event of the venue
            self.recorder.close(self.clock.now())
            self.recorded = self.recorder.result        # later messages are not recorded
            summary = self._summary()
        work.cancel()
        stopping.cancel()
        await asyncio.wait({work})
        if not work.cancelled() and (failure := work.exception()) is not None:
            self.failure, self.stopped_by = failure, "a failure"
        return msgspec.structs.replace(summary, stopped_by=self.stopped_by) if summary is not None else None

    @property
    def began(self) -> bool:
        """Whether something was recorded."""
        return hasattr(self, "feed")

    def stop(self, why: str) -> None:
        """Requests the end; the first reason is reported. A second request logs what is still being done."""
        if self.stopping.is_set():
            log.warning("still stopping: the recording is being written", requested_by=why)
            return
        self.stopped_by = why
        self.stopping.set()

    def check(self) -> None:
        """Raises the reason of an early end, or `DamagedData` for an incomplete recording."""
        found = self.recorded or self.recorder.result
        if self.failure is not None:
            raise self.failure
        if found.failed or found.lost:
            raise DamagedData(
                f"the recording is broken: {found.failed or f'{found.lost} entries are missing'}", where=found.path,
                do=_way_out(found),
            )
        if not self.began and self.stopped_by == "duration":
            raise VenueUnreachable("the duration was over before the venue answered", do="use a longer one, or try again")

    async def _record(self, rest_url: str, ws_url: str, protocol: str) -> None:
        self.venue = await find_venue(self.config.feed, rest_url=rest_url, ws_url=ws_url, protocol=protocol)
        async with RestClient(self.venue, warn=log.warning) as rest:
            info = await rest.exchange_info(self.config.strategy.symbols)
            self.engine = self._follow(info)
            self.feed = build_feed(
                self.config, self.venue, self.engine, clock=self.clock, rest=rest, on_event=self._event, info=info,
                recorder=self.recorder,
            )
            await self._until_one_ends(self.feed.run(), self._watch())

    async def _until_one_ends(self, *works: Coroutine[Any, Any, None]) -> None:
        """Runs until the first ends; then all have ended."""
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _follow(self, body: bytes) -> Engine:
        """The engine that follows the books and requests snapshots; it does not trade."""
        names = self.config.strategy.symbols
        self.recorder.exchange_info(body, self.clock.now())
        protocol = self.venue.protocol.name
        resolved = specs.resolve(
            names, protocol, fees=self.config.fees_of(protocol), settings=self.config.feed.symbols,
            exchange_info=[body],
        )
        return build_engine(
            self.config, [untraded(each.spec) for each in resolved], self.venue.protocol, log=self.recorder.log, trading=False,
            trade_source=stream_of_trades(self.config, self.venue),
        )

    async def _watch(self) -> None:
        due_s, pauses = list(PROGRESS_S), Pauses(POLL_S)
        while self.recorder.failed is None:
            await asyncio.sleep(POLL_S)
            if lost_s := pauses.lost_s():
                log.warning("the recorder did not run: stopped, suspended, or short of processor time", seconds=round(lost_s, 1))
            if (elapsed_s := (self.clock.now() - self.started_ns) / 1e9) >= due_s[0]:
                self._print_progress(elapsed_s)
                due_s = [at for at in due_s if at > elapsed_s] or [elapsed_s + PROGRESS_S[-1]]
            if self.exchange is not None and not self.exchange.running:
                raise VenueUnreachable("the embedded exchange ended while it was recorded")
        self.stop("a failure")

    def _print_progress(self, elapsed_s: float) -> None:
        found, kinds = self.recorder.result, self.engine.counters()["messages"]
        names = [spec.name for spec in self.engine.symbols]
        log.info(
            "recording", seconds=round(elapsed_s), messages=sum(kinds.values()), mb=round(found.bytes / 1e6, 1),
            in_sync=f"{sum(map(self.engine.synced, names))} of {len(names)}",
        )

    def _event(self, event: FeedEvent) -> None:
        self.recorder.event(event)
        self._counts.update(self._links.counters(event.kind, event.connection))
        log_event(log, event, ending=self.stopping.is_set())

    def _summary(self) -> RecordSummary:
        return RecordSummary(
            venue=self.venue.name, symbols=[spec.name for spec in self.engine.symbols],
            duration_s=round((self.clock.now() - self.started_ns) / 1e9, 3), **counted(self.engine),
            rejects=skipped(self.engine), reconnects=self._counts["reconnects"], recording=self.recorder.result,
            stopped_by=self.stopped_by,
        )


def _way_out(broken: Recorded) -> str:
    if broken.failed == GONE:
        return "leave the file where it is until the recording has ended"
    return "free the disk" if broken.failed else "raise [recording] buffer_mb, or lower its level"


def record(config: Config, path: Path, *, duration_s: float | None = None, json: bool = False) -> int:
    """Records until stopped and prints the result; returns the exit code.

    Raises `DamagedData` for an incomplete recording, `UsageError` and `VenueUnreachable`.
    """
    with contextlib.ExitStack() as stack:
        open_log(None, config.logging, sys.stderr)
        stack.callback(close_log)
        clock = RunClock()
        recorder = Recorder(path, config.recording, clock.now())
        job = RecordJob(config, recorder, clock)
        stack.enter_context(job.request.on_signals())
        stack.callback(lambda: None if job.began else recorder.discard())
        at = {"rest": "", "ws": "", "protocol": ""}
        if config.feed.venue == "embedded" and not config.feed.ws_url:
            job.exchange = embedded_exchange(config, stdout=stdout_of_children(json))
            stack.callback(job.exchange.stop)
            at = job.exchange.first_report(job.request.check)
            if "rest" not in at:
                return job.exchange.code() or int(ExitCode.UNREACHABLE)
        result = uvloop.run(job.run(duration_s, at["rest"], at["ws"], at["protocol"]))
        if result is not None:
            print(msgspec.json.encode(result).decode() if json else printable_lines(as_text(result)), flush=True)
            warn(result)
        job.check()
        return int(exit_code(job.stopped_by))
