"""GET requests with the standard library: the loop connects, a thread waits for the answer.

aiohttp could do the same, but costs the engine's process more memory and import time than all other Python code.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from hft.system.sockets import connected, shut_down
from hft.version import VERSION

T = TypeVar("T")

IDLE_S = 15.0
"""Seconds of idle time after which a connection is not used again, since venues close idle connections."""
READ = 1 << 16


class HttpAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    """By name in lower case; the last one of equal names."""
    body: bytes


class HttpClient:
    """Sends GET requests over connections that are kept open between them.

    Redirects are not followed, and no proxy is used, whatever the environment says. A cancelled request ends its connection
    at once, and with it the wait of its thread.

    Parameters
    ----------
    threads : int
        Most requests under way at a time; each runs in a thread, which is kept for later requests.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "hft-http")
        self._idle: list[_Open] = []
        self._busy: dict[asyncio.Future[Any], _Open] = {}
        self._closed = False

    async def get(self, url: str, most: int) -> HttpAnswer:
        """The answer, of any status; its body may have at most `most` bytes. Raises `OSError`."""
        parts = urlsplit(url)
        try:
            while (kept := self._kept(parts)) is not None:
                try:
                    return await self._ask(kept, parts, most)
                except ConnectionError:     # closed by the venue since its last answer
                    continue
            return await self._ask(await self._opened(url, parts), parts, most)
        except (HTTPException, ValueError, zlib.error) as error:
            raise OSError(f"{type(error).__name__}: {error}"[:300]) from None

    async def close(self) -> None:
        """Ends all connections; requests under way fail, and so do later ones."""
        self._closed = True
        for each in self._idle:
            each.close()
        self._idle.clear()
        for each in self._busy.values():
            shut_down(each.socket)
        if self._busy:
            await asyncio.wait(self._busy)
        self._threads.shutdown(wait=False)

    def _kept(self, parts: SplitResult) -> _Open | None:
        while self._idle:
            newest = self._idle.pop()
            if newest.origin == parts[:2] and time.monotonic() - newest.used_s < IDLE_S:
                return newest
            newest.close()
        return None

    async def _opened(self, url: str, parts: SplitResult) -> _Open:
        sock = await connected(url)
        if parts.scheme == "https":
            sock.setblocking(True)
            sock = _tls().wrap_socket(sock, server_hostname=parts.hostname, do_handshake_on_connect=False)
        sock.setblocking(True)
        opened = _Open(sock, parts[:2])
        if isinstance(sock, ssl.SSLSocket):
            await self._wait(opened, sock.do_handshake)
        return opened

    async def _ask(self, opened: _Open, parts: SplitResult, most: int) -> HttpAnswer:
        answer, again = await self._wait(opened, partial(_exchange, opened, parts, most))
        if again and not self._closed:
            opened.used_s = time.monotonic()
            self._idle.append(opened)
        else:
            opened.close()
        return answer

    async def _wait(self, opened: _Open, work: Callable[[], T]) -> T:
        """Waits in a thread. Without a result the connection is ended, and closed once no thread uses it."""
        if self._closed:
            opened.close()
            raise OSError("closed")
        waiting = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._busy[waiting] = opened
        waiting.add_done_callback(self._busy.pop)
        try:
            return await asyncio.shield(waiting)
        except BaseException:
            shut_down(opened.socket)
            waiting.add_done_callback(opened.over)
            raise


class _Open(HTTPConnection):
    """An open connection, which never opens itself, since the loop does that."""

    auto_open = 0

    def __init__(self, sock: socket.socket, origin: tuple[str, str]) -> None:
        super().__init__("")
        self.sock = self.socket = sock
        self.origin = origin
        self.used_s = 0.0

    def close(self) -> None:
        super().close()
        self.socket.close()

    def over(self, waiting: asyncio.Future[Any]) -> None:
        """Closes it after its last use by a thread."""
        waiting.exception()         # retrieved: a cancelled request may fail
        self.close()


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _exchange(opened: _Open, parts: SplitResult, most: int) -> tuple[HttpAnswer, bool]:
    """The answer to one request, and whether its connection can be reused. Runs in a thread."""
    opened.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/", headers={
        "Host": parts.netloc.rpartition("@")[2], "Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": f"hft/{VERSION}",
    })
    with opened.getresponse() as response:
        headers = {name.lower(): value for name, value in response.getheaders()}
        return HttpAnswer(response.status, headers, _body(response, most)), not response.will_close


def _body(response: HTTPResponse, most: int) -> bytes:
    packed = response.headers.get("Content-Encoding", "").lower() == "gzip"
    unpacker = zlib.decompressobj(31) if packed else None
    body = bytearray()
    while chunk := response.read(READ):
        body += chunk if unpacker is None else unpacker.decompress(chunk, most + 1 - len(body))
        if len(body) > most:
            raise OSError(f"an answer of more than {most} bytes")
    if response.length or not (unpacker is None or unpacker.eof):
        raise IncompleteRead(bytes(body))
    return bytes(body)
