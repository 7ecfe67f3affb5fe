"""One client's websocket on the exchange's HTTP server: messages, pings, and a close that no client can delay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterable

from aiohttp import WSCloseCode, WSMsgType, web
from websockets.frames import Frame, Opcode

LIFETIME_S = 24 * 3600.0
"""A connection is closed by the venue after a day."""
CLOSE_S = 3.0
"""Seconds a client has to take the queued messages and to finish the closing handshake; then it is cut off."""
MAX_MESSAGE = 1 << 16
"""Bytes of a client's message; a larger one ends the connection."""
MAX_UNSENT = 1 << 16
"""Bytes waiting to be sent above which a writer waits."""
POLL_S = 0.005


class StreamConnection:
    """A websocket whose handshake was answered.

    aiohttp's own `close` does not wait for the client's answer while another task receives; then a TCP reset would destroy data
    that a sending client has not read. So the receiving task does the closing handshake here.

    Attributes
    ----------
    transport : asyncio.Transport
        For operations on the TCP connection.
    gone : asyncio.Event
        Set once nothing more will be received.
    """

    def __init__(self, response: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.gone = asyncio.Event()
        self._response = response
        self._closing = False
        self._ponged = asyncio.Event()

    @classmethod
    async def accept(cls, request: web.Request) -> StreamConnection:
        """Answers the handshake; HTTPBadRequest for an invalid request, ConnectionError if the client is gone."""
        response = web.WebSocketResponse(autoclose=False, autoping=False, compress=False, max_msg_size=MAX_MESSAGE)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        await response.prepare(request)
        return cls(response, transport)

    @property
    def response(self) -> web.WebSocketResponse:
        """The HTTP server's result at the end."""
        return self._response

    async def send(self, message: str | bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Sends a message, once enough of the earlier ones are sent; ConnectionError if the connection ends."""
        if self._closing:
            raise ConnectionResetError("the connection is being closed")
        await self._response.send_frame(message.encode() if isinstance(message, str) else message, kind)

    async def send_frames(self, frames: Iterable[bytes]) -> None:
        """Sends frames, made by `frame`, in one write, once enough of the earlier ones are sent; ConnectionError as in `send`."""
        while self.transport.get_write_buffer_size() > MAX_UNSENT:
            await asyncio.sleep(POLL_S)
        if self._closing or self.transport.is_closing():
            raise ConnectionResetError("the connection is being closed")
        self.transport.write(b"".join(frames))

    async def requests(self) -> AsyncIterator[str | bytes]:
        """The client's messages until the connection ends; answers its pings and its closing handshake."""
        try:
            while True:
                message = await self._response.receive()
                match message.type:
                    case WSMsgType.TEXT | WSMsgType.BINARY:
                        if not self._closing:
                            yield message.data
                    case WSMsgType.PING:
                        if not self._closing:
                            await self.send(message.data, WSMsgType.PONG)
                    case WSMsgType.PONG:
                        self._ponged.set()
                    case WSMsgType.CLOSE:
                        self._say_close(message.data or WSCloseCode.OK, "")
                        return
                    case _:
                        return
        finally:
            self.gone.set()

    async def watch(self, interval_s: float, grace_s: float) -> None:
        """Pings the client at intervals; closes if it does not answer in `grace_s` seconds, and after a day in any case."""
        until = time.monotonic() + LIFETIME_S
        try:
            while time.monotonic() < until:
                await asyncio.sleep(interval_s)
                self._ponged.clear()
                async with asyncio.timeout(grace_s):
                    await self.send(b"%d" % (time.time_ns() // 1_000_000), WSMsgType.PING)
                    await self._ponged.wait()
        except TimeoutError:
            await self.close(WSCloseCode.INTERNAL_ERROR, "a ping was not answered")
        else:
            await self.close(WSCloseCode.OK, "a connection lasts a day")

    async def close(self, code: int, reason: str) -> None:
        """Closes by handshake; cuts off a client that does not answer in time."""
        self._say_close(code, reason)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.gone.wait()
        except TimeoutError:
            self.transport.abort()

    def _say_close(self, code: int, reason: str) -> None:
        if not self._closing and not self.transport.is_closing():
            self.transport.write(frame(WSMsgType.CLOSE, code.to_bytes(2, "big") + reason.encode()))
        self._closing = True

    async def finish(self) -> None:
        """Once it is `gone`: ends the connection when all sent data is out, or after `CLOSE_S` seconds."""
        self._closing = True
        self.transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self.transport.get_write_buffer_size():
                    await asyncio.sleep(POLL_S)
        self.transport.abort()


def frame(kind: WSMsgType, data: bytes, *, last: bool = True) -> bytes:
    """A server's frame; `last`: the final one of its message.

    >>> frame(WSMsgType.TEXT, b"hft"), frame(WSMsgType.CONTINUATION, b"x" * 200, last=False)[:4]
    (b'\\x81\\x03hft', b'\\x00~\\x00\\xc8')
    """
    return Frame(Opcode(kind), data, last).serialize(mask=False)


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection by a TCP reset, without a closing handshake; data under way is lost."""
    descriptor = transport.get_extra_info("socket").fileno()
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
