"""Websocket clients, their subscriptions and their queues.

A publisher hands each message to the hub once; the hub queues it for every subscriber. Queues are bounded: a simulated
exchange drops a client that does not keep up, as a venue does; a recorded one waits for it (`drained`), so that no message
of the recording is lost.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import WSCloseCode

from hft.exchange import connection
from hft.exchange.fault_line import FaultyLine, Item
from hft.exchange.faults import Faults
from hft.exchange.streams import Endpoint, answer
from hft.venues.binance.venues import SPOT, USDM, BinanceProtocol

PINGS = {SPOT.name: (20.0, 60.0), USDM.name: (180.0, 600.0)}
"""Seconds between pings, and how long a pong may take, by protocol."""

Render = Callable[[int], str]


class Client:
    """One connection: its subscriptions in the order they were made, and its queue."""

    def __init__(self, hub: Hub, socket: connection.StreamConnection, at: Endpoint) -> None:
        self.hub = hub
        self.socket = socket
        self.combined = at.combined
        self.unit = at.unit
        self.names: dict[str, None] = {}
        self.queue: collections.deque[Item] = collections.deque()
        self.waiting = asyncio.Event()  # something to send
        self.room = asyncio.Event()  # the queue is short again, or the client is gone
        self.dropped = False
        self.line = FaultyLine(hub.faults, self, hub.spawn) if hub.faults is not None and at.faults else None
        self._requests: collections.deque[float] = collections.deque(maxlen=hub.protocol.limits.messages_per_second)
        for name in at.streams:
            self.subscribe(name)

    def subscribe(self, name: str) -> None:
        self.names[name] = None
        self.hub.attach(self, name)

    def unsubscribe(self, name: str) -> None:
        if name in self.names:
            del self.names[name]
            self.hub.detach(self, name)

    @property
    def backlog(self) -> int:
        """Number of messages not yet sent."""
        return len(self.queue) + (len(self.line.held) if self.line is not None else 0)

    def put(self, message: Item) -> None:
        """Queue a message; a client whose queue is full is dropped unless the hub waits for its clients."""
        if self.dropped:
            return
        self.queue.append(message)
        self.waiting.set()
        if len(self.queue) > self.hub.limit and not self.hub.patient:
            self.drop("too slow")

    def drop(self, reason: str) -> None:
        self.dropped = True
        self.queue.clear()
        self.hub.log(f"a client is dropped: {reason}")
        self.hub.spawn(self.socket.close(WSCloseCode.POLICY_VIOLATION, reason))

    async def pump(self) -> None:
        """Send what is queued, until the connection ends."""
        while True:
            await self.waiting.wait()
            self.waiting.clear()
            while self.queue:
                message = self.queue.popleft()
                if callable(message):
                    await message(self.socket)
                else:
                    await self.socket.send(message)
                if self.backlog < self.hub.limit // 2:
                    self.room.set()

    async def listen(self) -> None:
        """Answer control requests, until the connection ends."""
        async for frame in self.socket.requests():
            if self.dropped:
                continue
            now = time.monotonic()
            if len(self._requests) == self._requests.maxlen and now - self._requests[0] < 1.0:
                self.drop("Too many requests")
                continue
            self._requests.append(now)
            self.put(answer(self, frame, self.hub.protocol))


class Hub:
    """All clients of one exchange.

    Parameters
    ----------
    protocol : hft.venues.binance.venues.BinanceProtocol
    channel_of : callable
        The channel that a stream name stands for, None for a stream that is never published. A subscription to that is
        accepted and stays silent, as on the venue.
    limit : int
        Most messages that wait for one client.
    patient : bool
        Wait for slow clients rather than drop them.

    Attributes
    ----------
    faults : Faults, optional
        Applied to published messages on their way to the clients.
    log : callable
        Gets a line about events that the exchange's user should know.
    """

    def __init__(self, protocol: BinanceProtocol, channel_of: Callable[[str], str | None], *, limit: int, patient: bool) -> None:
        self.protocol = protocol
        self.channel_of = channel_of
        self.limit = limit
        self.patient = patient
        self.faults: Faults | None = None
        self.clients: set[Client] = set()
        self.channels: dict[str, dict[Client, list[str]]] = {}
        self.subscribed_at = 0.0  # monotonic, of the newest subscription; 0: none yet
        self.subscribed = asyncio.Event()
        self.log: Callable[[str], None] = lambda line: None
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, client: Client, name: str) -> None:
        channel = self.channel_of(name)
        if channel is None:
            return
        names = self.channels.setdefault(channel, {}).setdefault(client, [])
        if name not in names:
            names.append(name)
        self.subscribed_at = time.monotonic()
        self.subscribed.set()

    def detach(self, client: Client, name: str) -> None:
        channel = self.channel_of(name)
        clients = self.channels.get(channel or "", {})
        if name in clients.get(client, []):
            clients[client].remove(name)
            if not clients[client]:
                del clients[client]

    def publish(self, channel: str, render: Render) -> None:
        """Queue a message for the subscribers of a channel; `render` prints it in a unit of time, only if needed."""
        clients = self.channels.get(channel)
        if not clients:
            return
        printed: dict[int, str] = {}
        for client, names in list(clients.items()):
            data = printed.get(client.unit)
            if data is None:
                data = printed[client.unit] = render(client.unit)
            for name in names:
                text = f'{{"stream":"{name}","data":{data}}}' if client.combined else data
                if client.line is None:
                    client.put(text)
                else:
                    client.line.carry(channel, text)

    async def drained(self) -> None:
        """Waits until every client has room."""
        for client in list(self.clients):
            while client.backlog > self.limit and client in self.clients:
                client.room.clear()
                await client.room.wait()

    async def serve(self, socket: connection.StreamConnection, at: Endpoint) -> None:
        """Serves one connection from its handshake to its end."""
        client = Client(self, socket, at)
        self.clients.add(client)
        beside = [asyncio.create_task(client.pump()), asyncio.create_task(socket.watch(*PINGS[self.protocol.name]))]
        try:
            await client.listen()
        except ConnectionError:
            pass
        finally:
            self.clients.discard(client)
            for name in list(client.names):
                client.unsubscribe(name)
            client.room.set()
            if client.line is not None:
                client.line.end()
            for task in beside:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await task
            await socket.finish()

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close every connection; a client that does not take that in time is cut off."""
        async def end(client: Client) -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(connection.CLOSE_S):
                    while client.queue and client in self.clients:
                        await asyncio.sleep(connection.POLL_S)
            await client.socket.close(code, reason)

        await asyncio.gather(*(end(client) for client in list(self.clients)), *self._tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine in the background, and keeps a reference until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
