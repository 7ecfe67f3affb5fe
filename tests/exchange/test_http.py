"""The exchange's HTTP on real sockets: connections that last, methods and bodies, limits in size and time, websockets beside."""

import asyncio
import contextlib
import json
import socket

import aiohttp
import pytest
import websockets
from websockets.frames import CloseCode

from hft.exchange import connection, hub, web
from hft.exchange.rest import MAX_FIELDS
from tests.exchange.client import API, connected, exchange, get

PING = b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
KEY = "k" * 64


@contextlib.asynccontextmanager
async def opened(served):
    """A TCP connection to the exchange: (reader, writer)."""
    host, port = served["rest"].removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def raw(served, request):
    """What comes back for these bytes, to the end of the connection."""
    async with opened(served) as (reader, writer), asyncio.timeout(20):
        writer.write(request)
        return await reader.read()


async def answer(reader):
    """(status, headers, body) of one answer; the connection stays."""
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def call(served, method, path, **more):
    """(status, headers, decoded body) of a request of any method."""
    url = served["rest"] + API[served["protocol"]] + path
    async with aiohttp.ClientSession() as session, session.request(method, url, **more) as answered:
        return answered.status, answered.headers, json.loads(await answered.text() or "null")


# -- connections -------------------------------------------------------------------------------------------------------


async def test_a_connection_serves_one_request_after_the_other_and_then_a_stream():
    async with exchange(speed=20.0) as served, opened(served) as (reader, writer):
        for _ in range(3):
            writer.write(PING)
            assert (await answer(reader))[::2] == (200, b"{}")
        writer.write(PING * 5 + PING.replace(b"ping", b"nowhere") + PING)       # pipelined
        assert [(await answer(reader))[0] for _ in range(7)] == [200] * 5 + [404, 200]
        writer.write(
            b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head          # RFC 6455's own example
        frame = await reader.readexactly(2)
        assert frame[0] == 0x81


async def test_a_client_that_wants_no_second_answer_gets_the_end_of_the_connection():
    async with exchange() as served:
        assert b"200 OK" in await raw(served, PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"200 OK" in await raw(served, b"GET /fapi/v1/ping HTTP/1.0\r\n\r\n")


async def test_a_connection_without_a_request_ends(monkeypatch):
    """One that dribbles its head line by line as well: time counts to the end of the head."""
    monkeypatch.setattr(web, "IDLE_S", 0.3)
    async with exchange() as served:
        assert await raw(served, b"") == b""
        assert (await raw(served, PING)).startswith(b"HTTP/1.1 200")
        async with opened(served) as (reader, writer), asyncio.timeout(20):
            writer.write(b"GET /fapi/v1/ping HTTP/1.1\r\n")
            while not reader.at_eof():
                with contextlib.suppress(ConnectionError):
                    writer.write(b"x: y\r\n")
                    await writer.drain()
                with contextlib.suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(0.05):
                        assert await reader.read() == b""


async def test_who_takes_no_answer_is_cut_off(monkeypatch):
    """Five megabytes are requested, and Linux keeps four for a connection; the limit of weight allows no more."""
    monkeypatch.setattr(web, "REQUEST_S", 0.2)
    loop = asyncio.get_running_loop()
    async with exchange() as served, asyncio.timeout(60):
        host, port = served["rest"].removeprefix("http://").split(":")
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.setblocking(False)
            await loop.sock_connect(client, (host, int(port)))
            await loop.sock_sendall(client, b"GET /fapi/v1/depth?symbol=BTCUSDT&limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n" * 118)
            before, used = 0, 0
            while used != before + 1:       # until a second brings no weight but that of this very request
                await asyncio.sleep(1)
                before, used = used, int((await get(served, "/ping"))[1]["X-MBX-USED-WEIGHT-1M"])
            size = 0
            with contextlib.suppress(ConnectionError):
                while data := await loop.sock_recv(client, 1 << 16):
                    size += len(data)
        assert 0 < size < 118 * 40_000


# -- methods and bodies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
async def test_methods_that_a_path_does_not_have(protocol):
    async with exchange(protocol=protocol) as served:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            status, headers, body = await call(served, method, "/depth?symbol=BTCUSDT", data={"limit": 5})
            assert (status, headers["Allow"], body["code"]) == (405, "GET", -5000)
            status, headers, body = await call(served, method, "/nowhere")
            assert (status, body["code"], "Allow" in headers) == (404, -5000, False)
            assert f"Method {method} is invalid" in body["msg"]
        status, headers, _ = await call(served, "HEAD", "/depth?symbol=BTCUSDT&limit=5")
        assert (status, int(headers["Content-Length"]) > 100) == (200, True)
        assert (await call(served, "GET", "/ping"))[2] == {}


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
SIGNED = {**ORDER, "timestamp": "1700000000000", "signature": "0" * 64}


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
@pytest.mark.parametrize("where", ["params", "data"])
@pytest.mark.parametrize(
    ("sent", "key", "status", "code", "words"),
    [
        ({}, "", 400, -1102, "'timestamp'"),
        (ORDER, KEY, 400, -1102, "'timestamp'"),
        ({**SIGNED, "signature": ""}, KEY, 400, -1102, "'signature'"),
        (SIGNED, "", 401, -2014, "API-key format invalid."),
        (SIGNED, "short", 401, -2014, "API-key format invalid."),
        (SIGNED, KEY, 401, -2015, "Invalid API-key"),
    ],
)
async def test_an_order_of_an_unknown_client_is_refused_in_the_venue_s_words(protocol, where, sent, key, status, code, words):
    """Whether its parameters are in the query or in the body."""
    async with exchange(protocol=protocol) as served:
        for method, path in [("POST", "/order"), ("DELETE", "/order"), ("POST", "/order/test")]:
            got, headers, body = await call(served, method, path, headers={"X-MBX-APIKEY": key} if key else {}, **{where: sent})
            assert (got, body["code"]) == (status, code)
            assert words in body["msg"]
            assert int(headers["X-MBX-USED-WEIGHT-1M"]) >= 1


async def test_the_query_is_stronger_than_the_body_and_a_get_has_none():
    async with exchange() as served:
        headers = {"X-MBX-APIKEY": KEY}
        _, _, body = await call(served, "POST", "/order?signature=%20&timestamp=", data=SIGNED, headers=headers)
        assert body["code"] == -2015                            # an empty one was not sent
        assert (await call(served, "GET", "/order", data=SIGNED, headers=headers))[2]["code"] == -1102
        assert (await call(served, "POST", "/order", json=SIGNED, headers=headers))[2]["code"] == -1102
        assert (await call(served, "POST", "/order", data=b"\xff\xfe"))[2]["code"] == -1100
        many = "&".join(f"a{n}=1" for n in range(MAX_FIELDS + 1))
        assert (await call(served, "POST", "/order", data=many))[2]["code"] == -1100


async def test_bodies_come_in_chunks_and_after_a_word():
    async def parts():
        for each in json.dumps(SIGNED):
            yield each.encode()

    async with exchange() as served:
        assert (await call(served, "POST", "/order", data=parts()))[0] == 400
        assert (await call(served, "POST", "/order", data=SIGNED, expect100=True, headers={"X-MBX-APIKEY": KEY}))[0] == 401


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_a_body_that_is_too_large_is_refused_and_the_connection_ends():
    head = b"POST /fapi/v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    async with exchange() as served:
        largest = await call(served, "POST", "/order", data=b"a=" + b"x" * (web.MAX_BODY - 2))
        assert largest[::2] == (400, {"code": -1102, "msg": largest[2]["msg"]})
        async with opened(served) as (reader, writer):
            writer.write(head % 10**9 + b"x" * (web.MAX_BODY + 1))
            status, _, body = await answer(reader)
            assert (status, json.loads(body)["code"]) == (413, -1101)
            assert await asyncio.wait_for(reader.read(), 20) == b""
        assert (await get(served, "/ping"))[0] == 200


async def test_a_body_that_does_not_come_is_a_timeout_and_the_connection_ends(monkeypatch):
    monkeypatch.setattr(web, "REQUEST_S", 0.2)
    async with exchange() as served, opened(served) as (reader, writer):
        writer.write(b"POST /fapi/v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nsymbol")
        assert (await answer(reader))[0] == 408
        assert await asyncio.wait_for(reader.read(), 20) == b""


@pytest.mark.parametrize(
    "request_",
    [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n",
     b"GET /\xff\"x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /fapi/v1/depth?" + b"a=1&" * 100 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 20_000 + b"\r\n\r\n", b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", b"",
     b"POST /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
     b"POST /fapi/v1/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnothing\r\n",
     b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"],
)
async def test_what_is_no_request_is_no_traceback(request_, capfd, monkeypatch):
    """It is answered or cut off."""
    monkeypatch.setattr(web, "IDLE_S", 0.3)
    async with exchange() as served:
        try:
            answered = await raw(served, request_)
        except ConnectionError:
            answered = b""
        assert not answered or int(answered.split()[1]) >= 400
        if b"\r\n\r\n{" in answered:
            assert json.loads(answered.partition(b"\r\n\r\n")[2])["code"] < 0
        assert (await get(served, "/ping"))[0] == 200
    assert "Traceback" not in capfd.readouterr().err


# -- websockets --------------------------------------------------------------------------------------------------------


async def test_a_message_of_a_client_that_is_too_large_ends_its_connection():
    async with exchange() as served, connected(served, "/ws") as at:
        await at.send("x" * (connection.MAX_MESSAGE + 1))
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(at.recv(), 20)
        assert at.close_code == CloseCode.MESSAGE_TOO_BIG


async def test_a_client_is_pinged_and_one_that_does_not_answer_is_closed(monkeypatch):
    monkeypatch.setitem(hub.PINGS, "binance-usdm", (0.05, 1.0))
    async with (
        exchange() as served, aiohttp.ClientSession() as session, session.ws_connect(served["ws"] + "/ws", autoping=False) as at
    ):
        for _ in range(3):
            ping = await asyncio.wait_for(at.receive(), 20)
            assert ping.type is aiohttp.WSMsgType.PING
            assert ping.data.isdigit()                      # the venue's own is its time
            await at.pong(ping.data)
        ended = await asyncio.wait_for(at.receive(), 20)
        while ended.type is aiohttp.WSMsgType.PING:
            ended = await asyncio.wait_for(at.receive(), 20)
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, CloseCode.INTERNAL_ERROR)


async def test_a_connection_lasts_a_day(monkeypatch):
    monkeypatch.setattr(connection, "LIFETIME_S", 0.3)
    monkeypatch.setitem(hub.PINGS, "binance-usdm", (0.05, 1.0))
    async with exchange() as served, connected(served, "/ws") as at:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(at.recv(), 20)
        assert (closed.value.rcvd.code, closed.value.rcvd_then_sent) == (CloseCode.NORMAL_CLOSURE, True)


async def test_a_client_s_own_end_is_answered():
    async with exchange() as served, websockets.connect(served["ws"] + "/ws/btcusdt@depth@0ms") as at:
        await at.recv()
        await at.close(CloseCode.GOING_AWAY)
        assert (at.protocol.close_rcvd.code, at.protocol.close_rcvd_then_sent) == (CloseCode.GOING_AWAY, False)
