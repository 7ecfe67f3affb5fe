"""One connection to a venue: reopened when it is lost, and renewed without a gap before it expires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from random import Random

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import Engine
from hft._core.wire.sink import FrameCounter, FrameSink
from hft.net.events import FeedEvents
from hft.net.handover import Handover
from hft.net.line import Line, LineEnds, LineOptions, Timing
from hft.net.listener import Listener
from hft.net.transports import ConnectFailed
from hft.system.pauses import Deadline
from hft.venues.embedded import CloseFrame
from hft.venues.live import Venue
from hft.venues.pacing import Backoff, SlidingWindow

MAX_URL = 2000
"""Characters. If the streams do not fit, the bare endpoint is opened and SUBSCRIBE is sent."""
STABLE_S = 60.0
"""A connection that lived this long resets the backoff."""
RENEWAL_SPREAD = 0.1
"""Largest random share of the lifetime by which a renewal comes early, so that connections do not all renew together."""
POLL_S = 0.01
"""Interval at which a handover checks whether the new connection continues the old one."""


@dataclass(eq=False)
class Connection:
    """Keeps one connection to a venue open.

    Before a planned end (the venue announces it, or the connection is nearly 24 h old) a second websocket is opened. Its frames
    are held until the first one has delivered all earlier messages; then the held frames go to the engine and the first
    websocket is closed. No disconnect is reported, and the engine sees no gap.

    Parameters
    ----------
    name : str
        Its name in events, e.g. ``"market-1"``.
    venue, route, streams
        What to connect to.
    symbols : sequence of str
        Whose streams these are.
    engine, clock
        The receiver of the messages, and the clock that stamps them.
    events : FeedEvents
    ends : LineEnds
        Callbacks that a read on any of its lines may request.
    on_up, on_down : callables
        ``on_up(connection)`` and ``on_down(connection, why, closed)``.
    gate : SlidingWindow
        New connections to the venue; shared by all that count towards one limit.
    backoff : Backoff
    rng : random.Random
    held_bytes : int
        Most bytes that a handover may hold.
    """

    name: str
    venue: InitVar[Venue]
    route: InitVar[str]
    streams: InitVar[Sequence[str]]
    symbols: list[str]
    engine: Engine
    clock: InitVar[RunClock]
    events: FeedEvents
    ends: LineEnds
    _: KW_ONLY
    on_up: Callable[[Connection], None]
    on_down: Callable[[Connection, str, CloseFrame | None], None]
    gate: SlidingWindow
    transport: InitVar[str]
    timing: InitVar[Timing]
    backoff: Backoff
    rng: Random
    held_bytes: int

    def __post_init__(
        self, venue: Venue, route: str, streams: Sequence[str], clock: RunClock, transport: str, timing: Timing
    ) -> None:
        in_url = venue.stream_url(list(streams), route)
        by_message = len(in_url) > MAX_URL
        self.options = LineOptions(
            self.name, venue.stream_url([], route) if by_message else in_url, list(streams), by_message,
            # Two messages of the venue's limit stay free: pongs count, and pings come at any time.
            max(1, venue.protocol.limits.messages_per_second - 2), clock, transport, timing,
        )
        self._line: Line | None = None              # feeds the engine; None while disconnected
        self._next: Line | None = None              # its successor, and the holder of its frames
        self._handover: Handover | None = None
        self._handed_over = float("-inf")
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def listener(self) -> Listener | None:
        """The listener whose messages go to the engine."""
        return self._line.listener if self._line is not None else None

    async def run(self) -> None:
        """Runs until it is cancelled."""
        try:
            while True:
                await self.gate.wait(clock=self.options.monotonic, sleep=self.options.sleep)
                try:
                    line: Line | None = await self._open()
                except ConnectFailed as error:
                    delay = max(self.backoff.next(), error.retry_after_s)
                    self._report("connect_failed", f"{error}; again in {delay:.1f} s")
                    await self.options.sleep(delay)
                    continue
                opened = self.options.monotonic()
                while line is not None:
                    line = await self._live(line)
                if self.options.monotonic() - opened >= STABLE_S:
                    self.backoff.reset()
                await self.options.sleep(self.backoff.next())
        finally:
            if self._line is not None:
                self._close(self._line)
            await asyncio.gather(*self._closing)    # if cancelled again, they are cut

    async def _open(self) -> Line:
        self._line = self._new(self.engine)
        await self._line.open()
        return self._line

    def _new(self, sink: FrameSink) -> Line:
        return Line(self.options, sink, self.events, self.ends, self._line_up, self._line_gone)

    async def _live(self, line: Line) -> Line | None:
        """Waits until the line is gone or replaced; returns its successor, if any."""
        watch, renew = asyncio.create_task(self._watch(line)), asyncio.create_task(self._renew(line))
        try:
            done, _ = await asyncio.wait({watch, renew}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (watch, renew):
                task.cancel()
            try:
                await asyncio.gather(watch, renew, return_exceptions=True)
            finally:
                closing = self._close(line)
        successor = self._line if self._line is not line else None
        if successor is None:   # else in the background, since a closing handshake takes time
            await closing
        return successor

    def _close(self, line: Line) -> asyncio.Task[None]:
        """Closes a line in its own task. A task that is cancelled before its first step runs nothing; the line is cut then."""
        task = asyncio.create_task(line.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        task.add_done_callback(lambda closed: line.cut() if closed.cancelled() else None)
        return task

    async def _watch(self, line: Line) -> None:
        await line.subscribe()
        await line.watch()

    # -- renewing --------------------------------------------------------------------------------------------------

    async def _renew(self, line: Line) -> None:
        """Once the renewal is due, retries until another line has taken over."""
        self._report("renewing", await self._due(line))
        if self.options.monotonic() - self._handed_over < STABLE_S:     # the venue ends each new connection at once
            await self.options.sleep(self.backoff.next())
        while self._line is line:
            await self.gate.wait(clock=self.options.monotonic, sleep=self.options.sleep)
            try:
                await self._take_over(line)
            except ConnectFailed as error:
                delay = max(self.backoff.next(), error.retry_after_s)
                self._report("handover_failed", f"{error}; the old one goes on, again in {delay:.1f} s")
                await self.options.sleep(delay)

    async def _due(self, line: Line) -> str:
        """Waits until the line must be renewed; returns the reason."""
        lifetime_s = self.options.timing.lifetime_s * (1.0 - RENEWAL_SPREAD * self.rng.random())
        try:
            async with asyncio.timeout(max(0.0, line.opened + lifetime_s - self.options.monotonic())):
                await line.leaving.wait()
            return "the venue will close it"
        except TimeoutError:
            return f"it is {self.options.monotonic() - line.opened:.0f} s old"

    async def _take_over(self, old: Line) -> None:
        """Opens the next line and lets it take over; raises `ConnectFailed` if that fails."""
        self._handover = handover = Handover(self.engine, lambda: self._full(handover), self.held_bytes)
        self._next = new = self._new(handover)
        try:
            await new.open()
            await new.subscribe()
            deadline = Deadline(self.options.timing.answer_s, self.options.monotonic)
            while not new.subscribed and not new.gone.is_set():
                if deadline.left_s() <= 0.0:
                    raise ConnectFailed("no answer to SUBSCRIBE", where=self.options.url)
                await asyncio.sleep(POLL_S)
            await self._settle(old, new, handover)
        finally:
            if self._line is not new:
                self._next = self._handover = None
                await new.close()

    async def _settle(self, old: Line, new: Line, handover: Handover) -> None:
        """Waits until no message can be missed, and switches.

        Messages sent before the new line was subscribed arrive on the old one before its pong; later ones are held. As a
        final check, the first held update of each book and the first held trade must continue what the engine has.
        """
        deadline = Deadline(self.options.timing.handover_s, self.options.monotonic)
        pongs = old.pongs
        await old.ping()
        while self._line is old:
            if new.gone.is_set():
                raise ConnectFailed("closed before it took over", where=self.options.url)
            if old.pongs > pongs and handover.continues():
                return self._switch("nothing is missing")
            if deadline.left_s() <= 0.0:
                late_s = self.options.timing.handover_s
                self._report("handover_late", f"the new one does not continue the old one within {late_s:g} s")
                return self._switch("at the time limit")
            await asyncio.sleep(POLL_S)

    def _full(self, handover: Handover) -> None:
        """Called during a read of the new line."""
        if self._line is None or handover is not self._handover:    # too late: old line gone, or handover given up
            return
        self._report("handover_full", f"{self.held_bytes} bytes are held")
        self._switch("at once")

    def _switch(self, why: str) -> None:
        """From here on the new line feeds the engine. This runs without a pause, so no frame of either line comes in between."""
        old, new, handover = self._line, self._next, self._handover
        assert old is not None
        assert new is not None
        assert handover is not None
        self._line, self._next, self._handover = new, None, None
        self._handed_over = self.options.monotonic()
        old.listener.sink = FrameCounter()
        new.listener.sink = self.engine
        count = len(handover.held)
        requested = handover.release(self.engine, self.options.clock.now())
        self._report("handover", f"{why}: {count} frames were held")
        if requested & FrameSink.HELD:
            new.on_held()
        if requested & FrameSink.CHECK:
            self.ends.check()

    # -- called by the lines ---------------------------------------------------------------------------------------

    def _line_up(self, line: Line) -> None:
        if line is self._line:
            self.on_up(self)

    def _line_gone(self, line: Line, why: str, closed: CloseFrame | None) -> None:
        if line is not self._line:
            return              # already handed over, or not yet in use
        if self._next is not None and self._next.is_open and self._next.subscribed:
            self._switch("the old one is gone")
        else:
            self._line = None
            self.on_down(self, why, closed)

    def pause(self) -> None:
        """Stops reading until `resume`."""
        for line in (self._line, self._next):
            if line is not None:
                line.pause()

    def resume(self) -> None:
        for line in (self._line, self._next):
            if line is not None:
                line.resume()

    def _report(self, kind: str, text: str) -> None:
        self.events.report(kind, text, self.name)
