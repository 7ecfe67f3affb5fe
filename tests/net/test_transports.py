"""Opening a websocket where something is wrong: one line that names the address, whichever the transport."""

import asyncio
import socket
import subprocess
import sys

import pytest

from hft._core.base.runclock import RunClock
from hft._core.wire.sink import FrameCounter
from hft.errors import ExitCode, UsageError
from hft.net.listener import Listener
from hft.net.transports import ConnectFailed, connect
from tests.net.cancelling import settled, sockets
from tests.net.running import quiet
from tests.net.wire import WireServer


class Owner:
    """Nothing may reach it: no connection comes about."""

    def on_open(self, listener):
        raise AssertionError("opened")


class Quiet:
    """Hears of a connection, and does nothing."""

    def on_open(self, listener):
        pass

    def on_closed(self, why, frame):
        pass


async def attempt(transport, url, timeout_s=2.0):
    with pytest.raises(ConnectFailed) as failed:
        await connect(transport, url, Listener(FrameCounter(), RunClock(), Owner()), timeout_s=timeout_s)
    assert str(failed.value).startswith(f"{url}: ")
    assert "\n" not in str(failed.value)
    assert failed.value.exit_code == ExitCode.UNREACHABLE
    assert failed.value.retry_after_s == 0
    return str(failed.value)


async def answering(transport, answer, timeout_s=2.0):
    """What an attempt says at a server that reads the handshake and answers `answer`; None for nothing at all."""
    over = asyncio.Event()

    async def accept(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        return await attempt(transport, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s)
    finally:
        over.set()
        server.close()


async def test_nobody_listens(transport):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        await attempt(transport, f"ws://127.0.0.1:{taken.getsockname()[1]}")


async def test_no_such_host(transport):
    await attempt(transport, "ws://no-such-host.invalid")


@pytest.mark.parametrize(
    "answer", [b"", b"220 smtp.example ESMTP\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n"],
    ids=["closes", "another protocol", "no upgrade", "binary"],
)
async def test_no_websocket_server(transport, answer):
    await answering(transport, answer)


async def test_an_answer_of_http(transport):
    message = await answering(transport, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    assert "the handshake was answered with 503" in message


async def test_no_answer_at_all(transport):
    await answering(transport, None, timeout_s=0.1)


async def test_redirects_are_not_followed(transport):
    """A market-data address that leads elsewhere is not the venue's."""
    message = await answering(transport, b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    assert "302" in message


@pytest.mark.parametrize("url", ["{}/#part", "{}/ws#", "{}?a=é"], ids=["a fragment", "an empty one", "no ASCII"])
async def test_an_address_that_the_library_does_not_take_leaves_no_socket(transport, url):
    """It is refused once the socket is connected."""
    async with WireServer(quiet) as server:
        before = sockets()
        try:
            link = await connect(transport, url.format(server.url), Listener(FrameCounter(), RunClock(), Quiet()), timeout_s=2.0)
        except ConnectFailed as error:          # kept, with what its traceback holds
            kept = error
            assert "\n" not in str(kept)
        else:
            await link.close()
        await settled(lambda: sockets() == before, f"{sockets() - before} sockets are left")
        await settled(lambda: server.connections == 0, "the venue still has a connection")


async def test_another_transport_is_a_usage_error():
    with pytest.raises(UsageError, match="no transport 'tcp'; take one of picows, websockets"):
        await connect("tcp", "ws://127.0.0.1:1", Listener(FrameCounter(), RunClock(), Owner()))


def test_the_feed_brings_in_nothing_that_only_other_processes_need():
    message = subprocess.run(
        [sys.executable, "-c", "import hft.net.feed, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"],
        check=True, capture_output=True, text=True,
    ).stdout.split()
    assert "picows" in message
    assert not {"aiohttp", "numpy", "rich", "prometheus_client", "typer", "websockets", "structlog", "onnxruntime"} & set(message)
