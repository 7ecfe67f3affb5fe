"""A venue on loopback for tests: real sockets, and full say over what goes through them.

`WireServer` speaks websocket by hand, so that a test decides on every byte: fragments, several frames in one write, silence,
a cut. `RestServer` answers REST requests with what a test has put there.
"""

import asyncio
import base64
import hashlib
import struct
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


def frame(payload: bytes | str, opcode: int = TEXT, fin: bool = True) -> bytes:
    """One websocket frame as a server sends it: unmasked."""
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload)
    head = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        return head + bytes([size]) + payload
    return head + (b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size)) + payload


class Peer:
    """One client's connection, seen from the venue."""

    def __init__(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer

    async def write(self, *frames: bytes) -> None:
        """All of it in one write, which on loopback is one read."""
        self._writer.write(b"".join(frames))
        await self._writer.drain()

    async def read(self) -> tuple[int, bytes]:
        """The client's next frame: (opcode, payload); raises when the client closes (ConnectionResetError) or is gone."""
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            kind, width = (">H", 2) if size == 126 else (">Q", 8)
            (size,) = struct.unpack(kind, await self._reader.readexactly(width))
        mask = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(size)
        if first & 0x0F == CLOSE:
            raise ConnectionResetError("closed by the client")
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    async def request(self) -> dict:
        """The client's next JSON message, pings and pongs passed over."""
        while True:
            opcode, payload = await self.read()
            if opcode == TEXT:
                return msgspec.json.decode(payload)

    async def until_gone(self) -> None:
        """Until the client closes or is gone; the script's end then closes from this side."""
        try:
            while True:
                await self.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def cut(self) -> None:
        """The connection breaks, without a word."""
        self._writer.transport.abort()


class WireServer:
    """Each connection is handed to `script(peer)`; it is closed when the script returns.

    `answering`, where there is one, is awaited with the number of the connection before its handshake is answered.
    """

    def __init__(
        self, script: Callable[[Peer], Awaitable[None]], answering: Callable[[int], Awaitable[object]] | None = None
    ) -> None:
        self._script = script
        self._answering = answering
        self._accepted = 0
        self.peers: list[Peer] = []

    @property
    def connections(self) -> int:
        """Those that are open as seen from here, in mid-handshake or after."""
        return len(self._tasks)

    async def __aenter__(self) -> "WireServer":
        self._tasks: set[asyncio.Task] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()        # else one whose client does not read stays open until it has sent everything
        await asyncio.sleep(0)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.add(writer)
        number, self._accepted = self._accepted, self._accepted + 1
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
            key = next(line.split(": ", 1)[1] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key"))
            assert headers["upgrade"] == "websocket"
            accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            if self._answering is not None:
                await self._answering(number)
            writer.write(
                f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
            )
            peer = Peer(request.split(" ")[1], reader, writer)
            self.peers.append(peer)
            await self._script(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass                # the client went, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()


class RestServer:
    """Answers GET requests: `answers` maps a path to a body, or to a function of the request that makes a response."""

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers = answers
        self.requests: list[str] = []

    async def __aenter__(self) -> "RestServer":
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        answer = self.answers.get(request.path)
        if callable(answer):
            answer = answer(request)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, web.Response):
            return answer
        return web.Response(status=404) if answer is None else web.Response(body=answer, content_type="application/json")


async def eventually(condition: Callable[[], object], what: str = "", polls: int = 4000) -> None:
    """Returns once the condition holds; fails after so many looks at it, 5 ms apart, which no sound run comes near."""
    for _ in range(polls):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never happened: {what or condition}")
