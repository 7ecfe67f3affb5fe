"""One websocket from opening to end: subscribes, watches for silence, and probes a silent connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import InitVar, dataclass
from typing import NamedTuple

import msgspec

from hft._core.base.runclock import RunClock
from hft._core.wire.sink import FrameSink
from hft.net.events import FeedEvents
from hft.net.listener import Listener
from hft.net.transports import Link, connect
from hft.system.pauses import MIN_PAUSE_S, STEP_S, Deadline
from hft.venues.embedded import CloseFrame
from hft.venues.live import Answer, Rejected, ServerShutdown, VenueError, decode
from hft.venues.pacing import SlidingWindow

STREAMS_PER_MESSAGE = 100
PAUSED_POLL_S = 0.5


class Timing(msgspec.Struct, frozen=True):
    """When a connection counts as dead, and when it is renewed; in seconds."""

    silent_after_s: float = 30.0
    """Idle time before a liveness probe. A quiet symbol is silent for 40 s and more."""
    answer_s: float = 10.0
    """Seconds the venue has to answer a probe or SUBSCRIBE."""
    connect_s: float = 10.0
    lifetime_s: float = 84_600.0
    """Age at which a connection is renewed, less a random share up to a tenth; venues end it at 24 h."""
    handover_s: float = 10.0
    """Seconds in which the new connection must continue the old one's messages; after that it takes over anyway."""


class LineOptions(msgspec.Struct):
    """Options that the lines of a connection share."""

    name: str
    """The connection's name."""
    url: str
    streams: list[str]
    by_message: bool
    """The address does not name the streams; SUBSCRIBE does."""
    messages_per_second: int
    clock: RunClock
    transport: str
    timing: Timing
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


class LineEnds(NamedTuple):
    """Callbacks that a read may request; the line calls them directly."""

    check: Callable[[], None]
    """The engine wants its caller to check it."""
    held: Callable[[], None]
    """The engine holds messages; reading must stop."""


@dataclass(eq=False)
class Line:
    """One websocket of a connection.

    Parameters
    ----------
    options : LineOptions
    sink : FrameSink
        Receiver of its messages; `listener.sink` may be replaced between two messages.
    events : FeedEvents
    ends : LineEnds
    on_up, on_gone : callables
        ``on_up(line)`` once it is open, ``on_gone(line, why, closed)`` once it is lost.
    """

    options: LineOptions
    sink: InitVar[FrameSink]
    events: FeedEvents
    ends: LineEnds
    on_up: Callable[[Line], None]
    on_gone: Callable[[Line, str, CloseFrame | None], None]

    def __post_init__(self, sink: FrameSink) -> None:
        self.listener = Listener(sink, self.options.clock, self)
        self.opened = self.options.monotonic()
        self.gone = asyncio.Event()
        self.leaving = asyncio.Event()
        """Set once the venue has announced that it will close."""
        self.pongs = 0
        self._link: Link | None = None      # None until the websocket is open
        self._paused = False
        self._messages = SlidingWindow(self.options.messages_per_second, 1.0)
        self._requests: dict[int, tuple[str, Deadline]] = {}
        self._excused_ns = 0                # silence before this stamp was not the venue's
        self._last_id = 0
        self._sent = 0                      # streams subscribed by message

    async def open(self) -> None:
        """Opens the websocket, or cleans up and raises `ConnectFailed`. If the address names no streams, `subscribe` is next."""
        options = self.options
        self._link = await connect(options.transport, options.url, self.listener, timeout_s=options.timing.connect_s)
        if self._paused:            # already paused by messages that came with the handshake
            self._link.pause()
        self.opened = self.options.monotonic()

    def pause(self) -> None:
        """Stops reading while messages can't be handled."""
        self._paused = True
        if self._link is not None:
            self._link.pause()

    def resume(self) -> None:
        """Resumes reading. The pause does not count as silence of the venue."""
        if self._paused:
            self._paused = False
            self.listener.reset_silence()
            if self._link is not None:
                self._link.resume()

    @property
    def is_open(self) -> bool:
        return self._link is not None and not self.gone.is_set()

    async def close(self) -> None:
        """Closes it, if it was ever open; delivers no frame after the call. If cancelled meanwhile, it is cut."""
        if self._link is not None:
            await self._link.close()

    def cut(self) -> None:
        """Closes it at once."""
        if self._link is not None:
            self._link.cut()

    # -- subscribing -----------------------------------------------------------------------------------------------

    async def subscribe(self) -> None:
        """Subscribes to streams that the address does not name; continues where an earlier call stopped."""
        streams = self.options.streams
        while self.options.by_message and self._sent < len(streams) and not self.gone.is_set():
            part = streams[self._sent : self._sent + STREAMS_PER_MESSAGE]
            await self._request("SUBSCRIBE", part)
            self._sent += len(part)

    @property
    def subscribed(self) -> bool:
        """Whether the venue has confirmed every subscription."""
        return not self.options.by_message or (self._sent >= len(self.options.streams) and not self._subscribing())

    def _subscribing(self) -> list[Deadline]:
        return [deadline for method, deadline in self._requests.values() if method == "SUBSCRIBE"]

    # -- watching --------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Returns when the connection is lost or must be dropped."""
        timing = self.options.timing
        while not self.gone.is_set():
            if self._paused:
                await self._wait(PAUSED_POLL_S)
                continue
            silent_s = (self.options.clock.now() - max(self.listener.last_ns, self._excused_ns)) / 1e9
            if silent_s >= timing.silent_after_s:
                if not await self._is_alive():
                    return
                continue
            if min((deadline.left_s() for deadline in self._subscribing()), default=1.0) <= 0.0:
                self.drop("no answer to SUBSCRIBE")
                return
            await self._wait(min(timing.silent_after_s - silent_s, timing.answer_s, STEP_S))

    async def _is_alive(self) -> bool:
        """Probes a silent connection. Any frame that arrives now, an answer or not, shows that it lives."""
        timing = self.options.timing
        self._report("silent", f"nothing for {timing.silent_after_s:g} s; probing")
        probed_ns = self.options.clock.now()
        await self._request("LIST_SUBSCRIPTIONS")
        await self.ping()
        deadline = Deadline(timing.answer_s)
        while (left_s := deadline.left_s()) > 0.0:
            await self._wait(min(left_s, STEP_S))
            if self.gone.is_set():
                return False
            if self._paused:
                return True
            if self.listener.last_ns > probed_ns:
                self._report("quiet", "answers; its symbols are quiet")
                return True
        self.drop(f"silent, and no answer within {timing.answer_s:g} s")
        return False

    def drop(self, why: str, closed: CloseFrame | None = None) -> None:
        """Counts as lost from now on."""
        if not self.gone.is_set():
            self.gone.set()
            self.on_gone(self, why, closed)

    def _report(self, kind: str, text: str) -> None:
        self.events.report(kind, text, self.options.name)

    async def _wait(self, seconds: float) -> None:
        """Waits this long, or until the connection is lost. Silence while this process did not run is not the venue's."""
        until_s = time.monotonic() + max(seconds, 0.001)
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self.gone.wait()
        except TimeoutError:
            if time.monotonic() - until_s >= MIN_PAUSE_S:
                self._excused_ns = self.options.clock.now()

    # -- sending ---------------------------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Sends a ping; its answer raises `pongs`, after all earlier messages of the venue were handled."""
        await self._messages.wait(clock=self.options.monotonic, sleep=self.options.sleep)
        if self._link is not None and not self.gone.is_set():
            self._link.ping()

    async def _request(self, method: str, params: list[str] | None = None) -> None:
        await self._messages.wait(clock=self.options.monotonic, sleep=self.options.sleep)
        self._last_id += 1
        self._requests[self._last_id] = method, Deadline(self.options.timing.answer_s, self.options.monotonic)
        message: dict[str, object] = {"method": method, "id": self._last_id}
        if params is not None:
            message["params"] = params
        if self._link is not None and not self.gone.is_set():
            self._link.send(msgspec.json.encode(message).decode())

    # -- called by the listener ------------------------------------------------------------------------------------

    def on_open(self, listener: Listener) -> None:
        # Called before SUBSCRIBE is sent: every message from now on counts.
        self.on_up(self)

    def on_closed(self, why: str, closed: CloseFrame | None) -> None:
        self.drop(why, closed)

    def on_check(self) -> None:
        self.ends.check()

    def on_held(self) -> None:
        self.pause()
        self.ends.held()

    def on_pong(self) -> None:
        self.pongs += 1

    def on_error(self, error: BaseException) -> None:
        self.events.failed(error)

    def on_control(self, frame: bytes) -> None:
        """A frame that looks like an answer or a notice to this client."""
        try:
            message = decode(frame)
        except Rejected:
            return              # only begins like one; the sink reports why it can't be used
        if isinstance(message, Answer):
            self._on_answer(message)
        elif isinstance(message, VenueError):
            self._on_refusal(message)
        elif isinstance(message, ServerShutdown) and not self.leaving.is_set():
            self._report("server_shutdown", "the venue announces that it will close")
            self.leaving.set()

    def _on_answer(self, answer: Answer) -> None:
        method = self._answered(answer.id)
        if method == "LIST_SUBSCRIPTIONS" and isinstance(answer.result, list):
            streams = self.options.streams
            missing = len(set(streams) - set(answer.result))
            if missing:
                self.drop(f"{missing} of {len(streams)} streams are not subscribed to")

    def _on_refusal(self, error: VenueError) -> None:
        method = self._answered(error.id)
        self._report("refused", f"{method or 'a request'} was refused: {error.msg} ({error.code})")
        if method == "SUBSCRIBE":
            self.drop("the subscription was refused")

    def _answered(self, request_id: int | str | None) -> str:
        """The method of the request with this id; empty if there is none."""
        method, _ = self._requests.pop(request_id, ("", None)) if isinstance(request_id, int) else ("", None)
        return method
