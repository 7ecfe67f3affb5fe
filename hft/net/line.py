"""One websocket, from its opening to its end: subscribed on, watched, asked when it is silent."""

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
from hft.system.pauses import STEP_S, WORTH_TELLING_S, Deadline
from hft.venues.embedded import CloseFrame
from hft.venues.live import Answer, Rejected, ServerShutdown, VenueError, decode
from hft.venues.pacing import SlidingWindow

STREAMS_PER_MESSAGE = 100
PAUSED_LOOK_S = 0.5


class Timing(msgspec.Struct, frozen=True):
    """When a connection counts as dead, and when it is renewed; in seconds."""

    silent_after_s: float = 30.0
    """Without a frame for so long it is asked whether it lives. A quiet symbol is silent for 40 s and more."""
    answer_s: float = 10.0
    """So long it has to answer, to that question or to SUBSCRIBE."""
    connect_s: float = 10.0
    lifetime_s: float = 84_600.0
    """A connection is renewed before it is so old; venues end it at 24 h. A tenth less at most, by chance."""
    handover_s: float = 10.0
    """So long the new one may take to continue what the old one gave, before it takes over all the same."""


class LineOptions(msgspec.Struct):
    """What the lines of a connection have in common."""

    name: str
    """Of the connection."""
    url: str
    streams: list[str]
    by_message: bool
    """The address does not name the streams: they are asked for."""
    messages_per_second: int
    clock: RunClock
    transport: str
    timing: Timing
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


class LineEnds(NamedTuple):
    """What a read may ask for besides: called by the line itself, whichever connection it is of."""

    attention: Callable[[], None]
    """The engine wants a look."""
    held: Callable[[], None]
    """The engine keeps what it was given: nothing more is to be read."""


@dataclass(eq=False)
class Line:
    """One websocket of a connection.

    Parameters
    ----------
    options : LineOptions
    sink : FrameSink
        Where its messages go; `listener.sink` may be set to another one between two messages.
    events : FeedEvents
    ends : LineEnds
    on_up, on_gone : callables
        ``on_up(line)`` once it is open, ``on_gone(line, why, closed)`` once it is gone.
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
        """Set once the venue has said that it will close."""
        self.pongs = 0
        self._link: Link | None = None      # None until the websocket is open
        self._paused = False
        self._messages = SlidingWindow(self.options.messages_per_second, 1.0)
        self._asked: dict[int, tuple[str, Deadline]] = {}
        self._excused_ns = 0                # what was silent before it was not the venue
        self._last_id = 0
        self._sent = 0                      # streams asked for by message

    async def open(self) -> None:
        """Opens the websocket, or leaves nothing behind; `ConnectFailed`. Without streams in its address, `subscribe` is next."""
        options = self.options
        self._link = await connect(options.transport, options.url, self.listener, timeout_s=options.timing.connect_s)
        if self._paused:            # held already by what came with the handshake
            self._link.pause()
        self.opened = self.options.monotonic()

    def pause(self) -> None:
        """Stops reading, while what is read can't be handled."""
        self._paused = True
        if self._link is not None:
            self._link.pause()

    def resume(self) -> None:
        """Reads on. The pause does not count as silence of the venue."""
        if self._paused:
            self._paused = False
            self.listener.heard()
            if self._link is not None:
                self._link.resume()

    @property
    def is_open(self) -> bool:
        return self._link is not None and not self.gone.is_set()

    async def close(self) -> None:
        """Closes it, if it was ever open; no frame of it is handed on from the call on. Cancelled meanwhile, it is cut."""
        if self._link is not None:
            await self._link.close()

    def cut(self) -> None:
        """Closes it at once."""
        if self._link is not None:
            self._link.cut()

    # -- subscribing -----------------------------------------------------------------------------------------------

    async def subscribe(self) -> None:
        """Asks for the streams that the address does not name; goes on where it was left."""
        streams = self.options.streams
        while self.options.by_message and self._sent < len(streams) and not self.gone.is_set():
            part = streams[self._sent : self._sent + STREAMS_PER_MESSAGE]
            await self._request("SUBSCRIBE", part)
            self._sent += len(part)

    @property
    def subscribed(self) -> bool:
        """Every stream was asked for, and the venue has said yes."""
        return not self.options.by_message or (self._sent >= len(self.options.streams) and not self._subscribing())

    def _subscribing(self) -> list[Deadline]:
        return [deadline for method, deadline in self._asked.values() if method == "SUBSCRIBE"]

    # -- watching --------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Returns when the connection is gone, or has to go."""
        timing = self.options.timing
        while not self.gone.is_set():
            if self._paused:
                await self._wait(PAUSED_LOOK_S)
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
        """Asks a silent connection. Any frame that comes now, an answer or not, shows that it lives."""
        timing = self.options.timing
        self._tell("silent", f"nothing for {timing.silent_after_s:g} s; asking")
        asked_ns = self.options.clock.now()
        await self._request("LIST_SUBSCRIPTIONS")
        await self.ping()
        deadline = Deadline(timing.answer_s)
        while (left_s := deadline.left_s()) > 0.0:
            await self._wait(min(left_s, STEP_S))
            if self.gone.is_set():
                return False
            if self._paused:
                return True
            if self.listener.last_ns > asked_ns:
                self._tell("quiet", "answers; its symbols are quiet")
                return True
        self.drop(f"silent, and no answer within {timing.answer_s:g} s")
        return False

    def drop(self, why: str, closed: CloseFrame | None = None) -> None:
        """Counts as gone from now on."""
        if not self.gone.is_set():
            self.gone.set()
            self.on_gone(self, why, closed)

    def _tell(self, kind: str, text: str) -> None:
        self.events.tell(kind, text, self.options.name)

    async def _wait(self, seconds: float) -> None:
        """Waits so long, or until the connection is gone. If this process did not run meanwhile, nobody was silent but it."""
        until_s = time.monotonic() + max(seconds, 0.001)
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self.gone.wait()
        except TimeoutError:
            if time.monotonic() - until_s >= WORTH_TELLING_S:
                self._excused_ns = self.options.clock.now()

    # -- sending ---------------------------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Sends a ping; `pongs` is raised by its answer, after all that the venue sent before it was handled."""
        await self._messages.wait(clock=self.options.monotonic, sleep=self.options.sleep)
        if self._link is not None and not self.gone.is_set():
            self._link.ping()

    async def _request(self, method: str, params: list[str] | None = None) -> None:
        await self._messages.wait(clock=self.options.monotonic, sleep=self.options.sleep)
        self._last_id += 1
        self._asked[self._last_id] = method, Deadline(self.options.timing.answer_s, self.options.monotonic)
        message: dict[str, object] = {"method": method, "id": self._last_id}
        if params is not None:
            message["params"] = params
        if self._link is not None and not self.gone.is_set():
            self._link.send(msgspec.json.encode(message).decode())

    # -- called by the listener ------------------------------------------------------------------------------------

    def on_open(self, listener: Listener) -> None:
        # Before SUBSCRIBE is answered, and before it is sent: what comes from now on counts.
        self.on_up(self)

    def on_closed(self, why: str, closed: CloseFrame | None) -> None:
        self.drop(why, closed)

    def on_attention(self) -> None:
        self.ends.attention()

    def on_held(self) -> None:
        self.pause()
        self.ends.held()

    def on_pong(self) -> None:
        self.pongs += 1

    def on_error(self, error: BaseException) -> None:
        self.events.failed(error)

    def on_control(self, frame: bytes) -> None:
        """A frame that looks like one that is meant for us."""
        try:
            message = decode(frame)
        except Rejected:
            return              # begins like one, and is none: the sink says why it can't be used
        if isinstance(message, Answer):
            self._on_answer(message)
        elif isinstance(message, VenueError):
            self._on_refusal(message)
        elif isinstance(message, ServerShutdown) and not self.leaving.is_set():
            self._tell("server_shutdown", "the venue announces that it will close")
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
        self._tell("refused", f"{method or 'a request'} was refused: {error.msg} ({error.code})")
        if method == "SUBSCRIBE":
            self.drop("the subscription was refused")

    def _answered(self, asked: int | str | None) -> str:
        """The method of the request that an answer belongs to; empty for none of ours."""
        method, _ = self._asked.pop(asked, ("", None)) if isinstance(asked, int) else ("", None)
        return method
