"""One websocket connection, kept alive: opened, subscribed on, watched, and opened again when it is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from hft._core.runclock import RunClock
from hft._core.sink import FrameSink
from hft.feed.listener import Listener
from hft.feed.messages import Answer, Rejected, ServerShutdown, VenueError, decode
from hft.feed.pacing import Backoff, SlidingWindow
from hft.feed.transports import ConnectFailed, Link, connect
from hft.feed.venues import Venue

MAX_URL = 2000
"""Characters. With more streams than fit, the bare endpoint is opened and SUBSCRIBE sent."""
STREAMS_PER_MESSAGE = 100
STABLE_S = 60.0
"""A connection that lived so long was a success: the next failure is the first one again."""


class Watcher(Protocol):
    """Who hears of a connection's life."""

    def connection_up(self, connection: Connection) -> None: ...

    def connection_down(self, connection: Connection, why: str) -> None: ...

    def attention(self) -> None: ...

    def failed(self, error: BaseException) -> None: ...

    def tell(self, kind: str, text: str, connection: Connection | None = None) -> None: ...


class Timing(msgspec.Struct, frozen=True):
    """When a connection counts as dead, in seconds."""

    silent_after_s: float = 30.0
    """Without a frame for so long it is asked whether it lives. A quiet symbol is silent for 40 s and more."""
    answer_s: float = 10.0
    """So long it has to answer, to that question or to SUBSCRIBE."""
    connect_s: float = 10.0


# How an answer to something we sent begins; no market data does.
_CONTROL = (b'{"result"', b'{"id"', b'{"error"', b'{"code"')


class Connection:
    """Keeps one connection to a venue open.

    Parameters
    ----------
    name : str
        In events, e.g. ``"market-1"``.
    venue, route, streams
        What to connect to.
    symbols : sequence of str
        Whose streams these are.
    sink, clock
        Where messages go, and what stamps them.
    watcher : Watcher
    gate : SlidingWindow
        New connections to the venue; shared by all that count towards one limit.
    backoff : Backoff
    monotonic, sleep : callables
        For tests.
    """

    def __init__(
        self,
        name: str,
        venue: Venue,
        route: str,
        streams: Sequence[str],
        symbols: Sequence[str],
        sink: FrameSink,
        clock: RunClock,
        watcher: Watcher,
        *,
        gate: SlidingWindow,
        transport: str = "picows",
        timing: Timing = Timing(),  # noqa: B008, frozen
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.streams = list(streams)
        self.symbols = list(symbols)
        self.listener: Listener | None = None
        in_url = venue.stream_url(self.streams, route)
        self._by_message = len(in_url) > MAX_URL
        self.url = venue.stream_url([], route) if self._by_message else in_url
        self._sink = sink
        self._clock = clock
        self._watcher = watcher
        self._gate = gate
        self._transport = transport
        self._timing = timing
        self._backoff = backoff or Backoff()
        self._monotonic = monotonic
        self._sleep = sleep
        # Two of the venue's allowance stay free: its pings come when they come, and pongs count.
        self._messages = SlidingWindow(max(1, venue.dialect.limits.messages_per_second - 2), 1.0)
        self._asked: dict[int, tuple[str, float]] = {}
        self._last_id = 0
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            await self._gate.wait(clock=self._monotonic, sleep=self._sleep)
            try:
                link = await self._open()
            except ConnectFailed as error:
                delay = max(self._backoff.next(), error.retry_after_s)
                self._watcher.tell("connect_failed", f"{error}; again in {delay:.1f} s", self)
                await self._sleep(delay)
                continue
            opened = self._monotonic()
            try:
                if self._by_message:
                    await self._subscribe(link, self.streams)
                await self._watch(link)
            finally:
                await link.close()
            if self._monotonic() - opened >= STABLE_S:
                self._backoff.reset()
            await self._sleep(self._backoff.next())

    async def _open(self) -> Link:
        self._asked.clear()
        self._gone.clear()
        self.listener = Listener(self._sink, self._clock, self)
        return await connect(self._transport, self.url, self.listener, timeout_s=self._timing.connect_s)

    # -- watching --------------------------------------------------------------------------------------------------

    async def _watch(self, link: Link) -> None:
        """Returns when the connection is gone, or has to go."""
        while not self._gone.is_set():
            silent_s = self._silent_s()
            if silent_s >= self._timing.silent_after_s:
                if not await self._is_alive(link):
                    return
                continue
            if self._unanswered():
                self._drop("no answer to SUBSCRIBE")
                return
            await self._wait(min(self._timing.silent_after_s - silent_s, self._timing.answer_s))

    async def _is_alive(self, link: Link) -> bool:
        """Asks a silent connection. Any frame that comes now, an answer or not, shows that it lives."""
        assert self.listener is not None
        self._watcher.tell("silent", f"nothing for {self._timing.silent_after_s:g} s; asking", self)
        asked_ns = self._clock.now()
        await self._send(link, "LIST_SUBSCRIPTIONS")
        await self._messages.wait(clock=self._monotonic, sleep=self._sleep)
        link.ping()
        deadline = self._monotonic() + self._timing.answer_s
        while not self._gone.is_set() and self.listener.last_ns <= asked_ns:
            if (left := deadline - self._monotonic()) <= 0:
                self._drop(f"silent, and no answer within {self._timing.answer_s:g} s")
                return False
            await self._wait(min(left, self._timing.answer_s / 10))
        if self._gone.is_set():
            return False
        self._watcher.tell("quiet", "answers; its symbols are quiet", self)
        return True

    def _silent_s(self) -> float:
        assert self.listener is not None
        return (self._clock.now() - self.listener.last_ns) / 1e9

    def _unanswered(self) -> bool:
        oldest = min((at for method, at in self._asked.values() if method == "SUBSCRIBE"), default=float("inf"))
        return self._monotonic() - oldest >= self._timing.answer_s

    def _drop(self, why: str) -> None:
        """Counts the connection as gone from now on; `run` closes it and opens a new one."""
        if not self._gone.is_set():
            self._gone.set()
            self._watcher.connection_down(self, why)

    async def _wait(self, seconds: float) -> None:
        """Waits so long, or until the connection is gone."""
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self._gone.wait()
        except TimeoutError:
            pass

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _subscribe(self, link: Link, streams: Sequence[str]) -> None:
        for start in range(0, len(streams), STREAMS_PER_MESSAGE):
            if self._gone.is_set():
                return
            await self._send(link, "SUBSCRIBE", streams[start : start + STREAMS_PER_MESSAGE])

    async def _send(self, link: Link, method: str, params: Sequence[str] | None = None) -> None:
        await self._messages.wait(clock=self._monotonic, sleep=self._sleep)
        self._last_id += 1
        self._asked[self._last_id] = method, self._monotonic()
        message: dict[str, object] = {"method": method, "id": self._last_id}
        if params is not None:
            message["params"] = list(params)
        link.send(msgspec.json.encode(message).decode())

    # -- called by the listener ------------------------------------------------------------------------------------

    def on_open(self, listener: Listener) -> None:
        # Before SUBSCRIBE is answered, and before it is sent: what comes from now on counts.
        self._watcher.connection_up(self)

    def on_closed(self, why: str) -> None:
        self._drop(why)

    def on_attention(self) -> None:
        self._watcher.attention()

    def on_pong(self) -> None:
        """The listener has stamped it; that is all a pong is good for."""

    def on_error(self, error: BaseException) -> None:
        self._watcher.failed(error)

    def on_other(self, frame: bytes, now_ns: int) -> int:
        if frame.startswith(_CONTROL) or b'"serverShutdown"' in frame[:256]:
            try:
                message = decode(frame)
            except Rejected:
                message = None  # begins like one, and is none: the sink says why it can't be used
            if isinstance(message, Answer):
                self._on_answer(message)
            elif isinstance(message, VenueError):
                self._on_refusal(message)
            elif isinstance(message, ServerShutdown):
                self._watcher.tell("server_shutdown", "the venue announces that it will close", self)
        return self._sink.on_other(frame, now_ns)       # those too: what is recorded and replayed counts the same

    def _on_answer(self, answer: Answer) -> None:
        method = self._answered(answer.id)
        if method == "LIST_SUBSCRIPTIONS" and isinstance(answer.result, list):
            missing = len(set(self.streams) - set(answer.result))
            if missing:
                self._drop(f"{missing} of {len(self.streams)} streams are not subscribed to")

    def _on_refusal(self, error: VenueError) -> None:
        method = self._answered(error.id)
        self._watcher.tell("refused", f"{method or 'a request'} was refused: {error.msg} ({error.code})", self)
        if method == "SUBSCRIBE":
            self._drop("the subscription was refused")

    def _answered(self, asked: int | str | None) -> str:
        """The method of the request that an answer belongs to; empty for none of ours."""
        return self._asked.pop(asked, ("", 0.0))[0] if isinstance(asked, int) else ""
