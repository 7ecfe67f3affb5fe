"""One client's websocket on the exchange's HTTP server: messages, pings, and an end that no client can hold up."""

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
"""How long a client may take for what is queued and for the closing handshake; then it is cut off."""
MAX_MESSAGE = 1 << 16
"""Bytes of a client's message; a larger one ends the connection."""
MAX_UNSENT = 1 << 16
"""Bytes that wait to be sent before a writer waits too."""
POLL_S = 0.005


class StreamConnection:
    """A websocket whose handshake was answered.

    aiohttp's own `close` does not wait for the client's answer while another task receives, and a client that is still sending
    would lose what it has not read to a TCP reset. So the closing handshake is done here, by the task that receives.

    Attributes
    ----------
    transport : asyncio.Transport
        For what concerns the TCP connection alone.
    gone : asyncio.Event
        Nothing more will be received.
    """

    def __init__(self, response: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.gone = asyncio.Event()
        self._response = response
        self._closing = False
        self._ponged = asyncio.Event()

    @classmethod
    async def accept(cls, request: web.Request) -> StreamConnection:
        """Answer the handshake; HTTPBadRequest where a request is none, ConnectionError where the client is gone."""
        response = web.WebSocketResponse(autoclose=False, autoping=False, compress=False, max_msg_size=MAX_MESSAGE)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        await response.prepare(request)
        return cls(response, transport)

    @property
    def response(self) -> web.WebSocketResponse:
        """What the HTTP server gets back at the end."""
        return self._response

    async def send(self, message: str | bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Send a message, once enough of the ones before is sent; ConnectionError where the connection ends."""
        if self._closing:
            raise ConnectionResetError("the connection is being closed")
        await self._response.send_frame(message.encode() if isinstance(message, str) else message, kind)

    async def send_frames(self, frames: Iterable[bytes]) -> None:
        """Send frames, made by `frame`, in one write, once enough of the ones before is sent; ConnectionError as in `send`."""
        while self.transport.get_write_buffer_size() > MAX_UNSENT:
            await asyncio.sleep(POLL_S)
        if self._closing or self.transport.is_closing():
            raise ConnectionResetError("the connection is being closed")
        self.transport.write(b"".join(frames))

    async def requests(self) -> AsyncIterator[str | bytes]:
        """The client's messages, to the end of the connection; its pings and its closing handshake are answered."""
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
        """Ping the client now and then; close where it does not answer in `grace_s` seconds, and after a day in any case."""
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
        """Close by handshake; a client that does not answer in time is cut off."""
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
        """Once it is `gone`: end the connection when all that was sent is out, or after `CLOSE_S` seconds."""
        self._closing = True
        self.transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self.transport.get_write_buffer_size():
                    await asyncio.sleep(POLL_S)
        self.transport.abort()


def frame(kind: WSMsgType, data: bytes, *, last: bool = True) -> bytes:
    """A frame as a server sends it; `last` of its message.

    >>> frame(WSMsgType.TEXT, b"hft"), frame(WSMsgType.CONTINUATION, b"x" * 200, last=False)[:4]
    (b'\\x81\\x03hft', b'\\x00~\\x00\\xc8')
    """
    return Frame(Opcode(kind), data, last).serialize(mask=False)


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a TCP reset: without a closing handshake, what is under way lost."""
    descriptor = transport.get_extra_info("socket").fileno()
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
