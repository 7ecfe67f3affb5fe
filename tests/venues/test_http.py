"""GET requests against servers that a test writes byte by byte: connections kept, broken, refused, cancelled and closed."""

import asyncio
import contextlib
import gzip
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from hft.venues import http
from hft.venues.http import HttpClient
from tests.net.cancelling import Cancelling, at_every_await, settled, sockets

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MOST = 10_000


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n" + body


class Server:
    """Hands each connection to `script`, and closes it when that returns."""

    def __init__(self, script: Script, tls: object = None) -> None:
        self.script, self.tls = script, tls
        self.accepted = 0
        self.tasks: set[asyncio.Task] = set()
        self.requests: list[bytes] = []
        self.text = asyncio.Event()     # all that a script has to say

    async def __aenter__(self) -> "Server":
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        scheme = "http" if self.tls is None else "https"
        self.url = f"{scheme}://localhost:{self.server.sockets[0].getsockname()[1]}/ping?a=%20b#part"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks)
        await asyncio.sleep(0)
        await self.server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.tasks.add(task := asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):   # the client has gone
            await self.script(self, reader, writer)
        writer.transport.abort() if task.cancelling() else writer.close()
        self.tasks.discard(task)

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        return self.requests[-1]


def always(*parts: bytes) -> Script:
    """Answers every request of a connection with the same bytes."""
    async def script(server, reader, writer):
        while True:
            await server.request(reader)
            for part in parts:
                writer.write(part)
                await writer.drain()

    return script


def once(*parts: bytes) -> Script:
    """Answers one request, and closes."""
    async def script(server, reader, writer):
        await server.request(reader)
        writer.write(b"".join(parts))
        await writer.drain()

    return script


async def silent(server, reader, writer):
    """Takes the request, and never answers."""
    await server.request(reader)
    server.text.set()
    await reader.read()


async def halting(server, reader, writer):
    """Sends half an answer, and no more."""
    await server.request(reader)
    writer.write(answer(b"x" * 50_000)[:9_000])
    await writer.drain()
    server.text.set()
    await reader.read()


def threads() -> int:
    return sum(each.name.startswith("hft-http") for each in threading.enumerate())


async def test_a_connection_serves_one_request_after_the_other():
    async with Server(always(answer(b"{}", "X-One: 1"))) as server:
        client = HttpClient(4)
        for _ in range(5):
            found = await client.get(server.url, MOST)
            assert (found.status, found.headers["x-one"], found.body) == (200, "1", b"{}")
        assert server.accepted == 1
        head = server.requests[0].decode().split("\r\n")
        assert head[0] == "GET /ping?a=%20b HTTP/1.1"
        assert f"Host: {server.url.split('/')[2]}" in head
        await client.close()
    await settled(lambda: threads() == 0, "a thread is left")


async def test_requests_at_one_time_do_not_wait_for_each_other():
    together = asyncio.Event()

    async def script(server, reader, writer):
        await server.request(reader)
        if len(server.requests) == 3:
            together.set()
        await together.wait()
        writer.write(answer(b"{}"))
        await writer.drain()

    async with Server(script) as server:
        client = HttpClient(3)
        await asyncio.gather(*(client.get(server.url, MOST) for _ in range(3)))
        await client.close()


async def test_a_connection_that_the_venue_has_closed_since_is_opened_again():
    async with Server(once(answer(b"{}"))) as server:
        client = HttpClient(1)
        for _ in range(3):
            assert (await client.get(server.url, MOST)).body == b"{}"
        assert server.accepted == 3
        await client.close()


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch):
    monkeypatch.setattr(http, "IDLE_S", 0.0)
    async with Server(always(answer(b"{}"))) as server:
        client = HttpClient(1)
        for _ in range(2):
            await client.get(server.url, MOST)
        assert server.accepted == 2
        await client.close()


@pytest.mark.parametrize(
    "text",
    [
        answer(gzip.compress(b"x" * MOST, mtime=0), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"2328\r\n" + b"x" * 9000
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * MOST,
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"x" * MOST),
    ],
    ids=["packed", "in chunks", "up to the end of the connection", "after a word of patience"],
)
async def test_a_body_is_whole_however_it_is_sent(text):
    async with Server(once(text)) as server:
        client = HttpClient(1)
        assert (await client.get(server.url, MOST)).body == b"x" * MOST
        with pytest.raises(OSError, match=f"more than {MOST - 1} bytes"):
            await client.get(server.url, MOST - 1)
        await client.close()


@pytest.mark.parametrize(
    "text",
    [
        b"", answer(b"x" * 100)[:-1], b"SSH-2.0-OpenSSH\r\n", b"\0" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nxx", b"HTTP/1.1 twohundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
        answer(gzip.compress(b"x" * 100, mtime=0)[:-9], "Content-Encoding: gzip"), answer(b"no gzip", "Content-Encoding: gzip"),
    ],
)
async def test_what_is_no_whole_answer_is_one_error(text):
    async with Server(once(text)) as server:
        before = sockets()
        client = HttpClient(1)
        with pytest.raises(OSError) as error:
            await client.get(server.url, MOST)
        assert 0 < len(str(error.value)) <= 300
        await client.close()
        await settled(lambda: sockets() == before, "a socket is left")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_no_proxy_of_the_environment_is_used(monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Server(always(answer(b"{}"))) as server:
        client = HttpClient(1)
        assert (await client.get(server.url, MOST)).status == 200
        await client.close()


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "once it is over"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("script", [silent, halting, always(answer(b"{}"))], ids=["no answer", "half an answer", "an answer"])
def test_wherever_a_request_is_cancelled_nothing_is_left_of_it(script, loop, late):
    async def work():
        async with Server(script) as server:
            before = sockets()

            async def attempt(cancelling: Cancelling) -> None:
                server.text.clear()
                client = HttpClient(1)
                asking = asyncio.ensure_future(cancelling.watch(client.get(server.url, 100_000)))
                text = asyncio.ensure_future(server.text.wait())
                await asyncio.wait([asking, text], return_when=asyncio.FIRST_COMPLETED)
                text.cancel()
                await client.close()
                await asking
                await settled(lambda: sockets() == before, f"{sockets() - before} sockets are left")
                await settled(lambda: threads() == 0, "a thread is left")

            assert await at_every_await(attempt, late) >= 3

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(work())


async def test_close_ends_what_is_under_way_and_whatever_comes_later():
    async with Server(silent) as server:
        before = sockets()
        client = HttpClient(2)
        asking = [asyncio.ensure_future(client.get(server.url, MOST)) for _ in range(2)]
        await settled(lambda: len(server.requests) == 2, "both requests are there")
        await client.close()
        assert all(isinstance(each, OSError) for each in await asyncio.gather(*asking, return_exceptions=True))
        with pytest.raises(OSError, match="closed"):
            await client.get(server.url, MOST)
        await settled(lambda: sockets() <= before and threads() == 0, "a socket or a thread is left")


@pytest.fixture
def certificate(tmp_path):
    made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *kind.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", made[0], "-out", made[1]],
        check=True, capture_output=True,
    )
    return made


async def test_tls_is_verified(certificate, monkeypatch):
    key, public = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, key)
    async with Server(always(answer(b"{}")), context) as server:
        before = sockets()
        client = HttpClient(1)
        http._tls.cache_clear()
        with pytest.raises(OSError, match="certificate verify failed"):
            await client.get(server.url, MOST)
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        http._tls.cache_clear()
        for _ in range(3):
            assert (await client.get(server.url, MOST)).body == b"{}"
        assert server.accepted == 1             # a handshake that failed is none
        with pytest.raises(OSError, match="certificate"):
            await client.get(server.url.replace("localhost", "127.0.0.1"), MOST)
        await client.close()
        http._tls.cache_clear()
        await settled(lambda: sockets() <= before + 2, "a socket is left")
