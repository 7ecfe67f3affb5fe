"""The REST side against a real HTTP server: bodies, limits, refusals, and nothing there at all."""

import asyncio
import json
import socket

import msgspec
import pytest
from aiohttp import web

from hft.errors import ExitCode, UsageError, VenueUnreachable
from hft.venues.binance.rest import RateLimited, Refused, RestClient
from hft.venues.binance.venues import venue_at
from tests.net.wire import RestServer
from tests.venues.infos import SPOT_INFO, USDM_INFO

BOOK = b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}'


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(server, protocol="binance-usdm", **options):
    return RestClient(venue_at(server.url, "ws://127.0.0.1:1", protocol), **options)


def refusal(status, code, text, **headers):
    return lambda request: web.Response(status=status, body=msgspec.json.encode({"code": code, "msg": text}), headers=headers)


async def test_the_snapshot_is_requested_at_its_full_depth():
    async with RestServer({"/fapi/v1/depth": BOOK, "/api/v3/depth": BOOK}) as server:
        async with client(server) as usdm, client(server, "binance-spot") as spot:
            assert await usdm.depth("btcusdt") == BOOK
            assert await spot.depth("BTCUSDT") == BOOK
            assert await spot.depth("BTCUSDT", 100) == BOOK
        assert server.requests == [
            "/fapi/v1/depth?symbol=BTCUSDT&limit=1000", "/api/v3/depth?symbol=BTCUSDT&limit=5000",
            "/api/v3/depth?symbol=BTCUSDT&limit=100",
        ]


async def test_ping_and_time():
    answers = {"/fapi/v1/ping": b"{}", "/fapi/v1/time": b'{"serverTime":1723161255208}'}
    async with RestServer(answers) as server, client(server) as rest:
        await rest.ping()
        assert await rest.server_time_ns() == 1_723_161_255_208_000_000


async def test_exchange_info_names_the_symbols_on_spot_only():
    answers = {"/api/v3/exchangeInfo": SPOT_INFO, "/fapi/v1/exchangeInfo": USDM_INFO}
    async with RestServer(answers) as server, client(server, "binance-spot") as spot, client(server) as usdm:
        assert await spot.exchange_info(["BTCUSDT"]) == SPOT_INFO
        assert await usdm.exchange_info(["BTCUSDT"]) == USDM_INFO
        assert server.requests == ["/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D", "/fapi/v1/exchangeInfo"]


async def test_an_unknown_symbol_is_named_with_the_nearest_there_is():
    async with RestServer({"/fapi/v1/exchangeInfo": USDM_INFO}) as server, client(server) as rest:
        with pytest.raises(UsageError) as mistake:
            await rest.exchange_info(["BTCUSDT", "BTCUSD"])
    assert str(mistake.value) == f"BTCUSD: {rest.venue.name} does not know this symbol; did you mean BTCUSDT?"
    assert mistake.value.exit_code == ExitCode.USAGE


async def test_spot_refuses_the_whole_list_and_the_culprit_is_found():
    def answer(request):
        if "NOPEUSDT" in request.query["symbols"]:
            return refusal(400, -1121, "Invalid symbol.")(request)
        return web.Response(body=SPOT_INFO)

    async with RestServer({"/api/v3/exchangeInfo": answer}) as server, client(server, "binance-spot") as rest:
        with pytest.raises(UsageError, match=r"NOPEUSDT: exchange at 127\.0\.0\.1:\d+ does not know this symbol"):
            await rest.exchange_info(["BTCUSDT", "NOPEUSDT"])


def listing(*names):
    symbols = [{"symbol": name, "baseAsset": name[:3], "quoteAsset": "USDT", "filters": []} for name in names]
    return json.dumps({"timezone": "UTC", "rateLimits": [], "symbols": symbols}).encode()


async def test_of_a_list_with_a_delisted_symbol_the_others_are_still_had():
    def answer(request):
        names = json.loads(request.query["symbols"])
        return refusal(400, -1121, "Invalid symbol.")(request) if "GONEUSDT" in names else web.Response(body=listing(*names))

    answers = {"/api/v3/exchangeInfo": answer, "/fapi/v1/exchangeInfo": listing("BTCUSDT", "ETHUSDT", "XRPUSDT")}
    async with RestServer(answers) as server, client(server, "binance-spot") as spot, client(server) as usdm:
        body = await spot.exchange_info(["BTCUSDT", "GONEUSDT", "ETHUSDT"], complete=False)
        assert json.loads(body) == json.loads(listing("BTCUSDT", "ETHUSDT"))
        assert json.loads(await spot.exchange_info(["GONEUSDT"], complete=False)) == {"symbols": []}
        assert await usdm.exchange_info(["BTCUSDT", "GONEUSDT"], complete=False) == answers["/fapi/v1/exchangeInfo"]
        with pytest.raises(UsageError, match="GONEUSDT"):
            await usdm.exchange_info(["BTCUSDT", "GONEUSDT"])


async def test_weight_limits_are_read_from_exchange_info_and_half_is_left_to_others():
    info = SPOT_INFO.replace(
        b'"rateLimits":[]',
        b'"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1000},'
        b'{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100}]',
    )
    time = Time()
    async with (
        RestServer({"/api/v3/exchangeInfo": info, "/api/v3/depth": BOOK}) as server,
        client(server, "binance-spot", clock=time, sleep=time.sleep) as rest,
    ):
        await rest.exchange_info(["BTCUSDT"])       # weight 20 of 500
        await rest.depth("BTCUSDT")                 # 250 more
        assert time.slept == []
        await rest.depth("BTCUSDT")                 # would make 520
        assert sum(time.slept) == pytest.approx(60.0)


@pytest.mark.parametrize(("status", "header", "wait"), [(429, {"Retry-After": "7"}, 7.0), (418, {"Retry-After": "300"}, 300.0),
                                                        (429, {}, 10.0), (418, {}, 120.0), (403, {}, 60.0),
                                                        (403, {"Retry-After": "9"}, 9.0), (429, {"Retry-After": "9" * 400}, 10.0),
                                                        (418, {"Retry-After": "\u00b2"}, 120.0)])
async def test_retry_after_is_obeyed(status, header, wait):
    answers = {"/fapi/v1/depth": refusal(status, -1003, "Too many requests", **header)}
    time = Time()
    async with RestServer(answers) as server, client(server, clock=time, sleep=time.sleep) as rest:
        with pytest.raises(RateLimited) as limited:
            await rest.depth("BTCUSDT")
        assert (limited.value.status, limited.value.retry_after_s) == (status, wait)
        assert limited.value.exit_code == ExitCode.UNREACHABLE
        answers["/fapi/v1/depth"] = BOOK
        before = time.now
        assert await rest.depth("BTCUSDT") == BOOK      # waited first
        assert time.now - before == pytest.approx(wait)
        assert len(server.requests) == 2


async def test_no_request_gets_through_while_we_are_to_stay_away():
    requested_at = []
    time = Time()

    def answer(request):
        requested_at.append(time.now)
        return web.Response(status=429, headers={"Retry-After": "30"}) if len(requested_at) == 1 else web.Response(body=BOOK)

    async with RestServer({"/fapi/v1/depth": answer}) as server, client(server, clock=time, sleep=time.sleep) as rest:
        with pytest.raises(RateLimited):
            await rest.depth("A")
        await asyncio.gather(*(rest.depth(symbol) for symbol in "BCDEFGH"))
    assert all(at >= requested_at[0] + 30 for at in requested_at[1:])


async def test_requests_wait_for_weight_and_for_retry_after_at_one_moment():
    """While one waits for weight, another request's answer closes the other gate: with real time, and the whole client."""
    requested_at, loop = [], asyncio.get_running_loop()

    def answer(request):
        requested_at.append(loop.time())
        if len(requested_at) == 3:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(body=BOOK)

    async with RestServer({"/fapi/v1/depth": answer, "/fapi/v1/ping": answer}) as server, client(server) as rest:
        rest._weight.limit, rest._weight.window_s = 41, 0.5
        await rest.depth("BTCUSDT")
        await rest.depth("BTCUSDT")
        waiting = asyncio.gather(*(rest.depth(symbol) for symbol in "AB"))      # for the first two to leave the window
        with pytest.raises(RateLimited):
            await rest.ping()                                                   # goes at once, and is told to stay away
        await waiting
    assert len(requested_at) == 5
    assert all(at - requested_at[2] >= 0.99 for at in requested_at[3:])


async def test_the_venues_own_count_is_obeyed():
    """Others at our address have used what there is: the next request waits until that minute is over for certain."""
    time, headers = Time(), {"X-MBX-USED-WEIGHT-1M": "2150"}
    answers = {"/fapi/v1/depth": lambda _: web.Response(body=BOOK, headers=headers)}
    async with RestServer(answers) as server, client(server, clock=time, sleep=time.sleep) as rest:
        await rest.depth("BTCUSDT")
        assert (rest.used_weight, time.slept) == (2150, [])
        assert rest.depth_wait_s() == pytest.approx(60.0)
        headers["X-MBX-USED-WEIGHT-1M"] = "40"
        await rest.depth("BTCUSDT")                     # 2150 + 20 > 0.9 x 2400
        assert sum(time.slept) == pytest.approx(60.0)
        await rest.depth("BTCUSDT")
        assert sum(time.slept) == pytest.approx(60.0)


@pytest.mark.parametrize("text", ["9" * 5000, "\u00b2", "-3", "1e400", "99999999999", ""])
async def test_a_used_weight_that_can_not_be_meant_is_passed_over(text):
    time = Time()
    answers = {"/fapi/v1/depth": lambda _: web.Response(body=BOOK, headers={"X-MBX-USED-WEIGHT-1M": text})}
    async with RestServer(answers) as server, client(server, clock=time, sleep=time.sleep) as rest:
        for _ in range(3):
            assert await rest.depth("BTCUSDT") == BOOK
        assert (rest.used_weight, time.slept) == (0, [])


@pytest.mark.parametrize("limit", [-5, 0, 1, 19, 10**30])
async def test_a_weight_limit_that_can_not_be_meant_is_reported_and_the_shipped_one_stands(limit, caplog):
    info = USDM_INFO.replace(
        b'{"symbols":',
        b'{"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":%d}],"symbols":' % limit,
        1,
    )
    assert info != USDM_INFO
    time = Time()
    answers = {"/fapi/v1/exchangeInfo": info, "/fapi/v1/depth": BOOK}
    async with RestServer(answers) as server, client(server, clock=time, sleep=time.sleep) as rest:
        await rest.exchange_info(["BTCUSDT"])
        for _ in range(10):
            await rest.depth("BTCUSDT")
        assert time.slept == []
    assert "weight limit" in caplog.text


async def test_failures_of_the_venue_are_backed_off_from():
    """5xx, one after the other: each waits longer, whoever asks; a Retry-After among them is obeyed; success ends it."""
    time = Time()
    answers = {"/fapi/v1/depth": lambda _: web.Response(status=503)}
    async with RestServer(answers) as server, client(server, clock=time, sleep=time.sleep) as rest:
        for _ in range(6):
            with pytest.raises(VenueUnreachable, match="answers 503"):
                await rest.depth("BTCUSDT")
        assert len(time.slept) == 5
        assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(time.slept))
        answers["/fapi/v1/depth"] = lambda _: web.Response(status=502, headers={"Retry-After": "77"})
        with pytest.raises(VenueUnreachable):
            await rest.depth("BTCUSDT")
        answers["/fapi/v1/depth"] = BOOK
        await rest.depth("BTCUSDT")
        assert time.slept[-1] == pytest.approx(77.0)
        await rest.depth("BTCUSDT")
        assert time.slept[-1] == pytest.approx(77.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_one_clear_error_and_no_request_goes_elsewhere(status):
    async with RestServer({"/fapi/v1/ping": b"{}", "/elsewhere": b"{}"}) as other:
        to = f"{other.url}/elsewhere"
        answers = {"/fapi/v1/ping": lambda _: web.Response(status=status, headers={"Location": to})}
        async with RestServer(answers) as server, client(server) as rest:
            with pytest.raises(VenueUnreachable) as error:
                await rest.ping()
        assert (other.requests, len(server.requests)) == ([], 1)
    message = f"{server.url}/fapi/v1/ping: answers {status} and sends us to '{to}'; redirects are not followed"
    assert str(error.value) == f"{message}; give the venue's own address"


async def test_a_refusal_keeps_the_venues_code_and_words():
    async with RestServer({"/fapi/v1/depth": refusal(400, -1121, "Invalid symbol.")}) as server, client(server) as rest:
        with pytest.raises(Refused, match=r"answers 400: Invalid symbol. \(-1121\)"):
            await rest.depth("NOPE")
        with pytest.raises(Refused, match="answers 404"):
            await rest.ping()


@pytest.mark.parametrize(
    "answer", [lambda _: web.Response(status=503), b"<html>maintenance</html>", b'{"serverTime":"soon"}', b"",
               b'{"serverTime":"\xae","symbols":[{"symbol":"\xae"}]}', b'{"symbols":' + b'[{"filters":' * 5000]
)
async def test_what_is_no_answer_is_unreachable(answer):
    async with RestServer({"/fapi/v1/time": answer, "/fapi/v1/exchangeInfo": answer}) as server, client(server) as rest:
        with pytest.raises(VenueUnreachable):
            await rest.server_time_ns()
        with pytest.raises(VenueUnreachable):
            await rest.exchange_info(["BTCUSDT"])


async def test_nobody_there_is_one_line_that_names_the_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))                    # bound, not listening: refused
        port = taken.getsockname()[1]
        async with RestClient(venue_at(f"http://127.0.0.1:{port}", "ws://127.0.0.1:1")) as rest:
            with pytest.raises(VenueUnreachable) as error:
                await rest.ping()
    assert str(error.value).startswith(f"http://127.0.0.1:{port}/fapi/v1/ping: ")
    assert "\n" not in str(error.value)
    assert error.value.exit_code == ExitCode.UNREACHABLE


async def test_an_answer_that_does_not_come_is_given_up():
    released = asyncio.Event()

    async def never(request):
        await released.wait()

    async with RestServer({"/fapi/v1/ping": lambda request: never(request)}) as server, client(server, timeout_s=0.1) as rest:
        with pytest.raises(VenueUnreachable, match="no answer in time"):
            await rest.ping()
        released.set()


async def test_an_endless_answer_is_cut(monkeypatch):
    monkeypatch.setattr("hft.venues.binance.rest.MAX_BODY", 1000)
    async with RestServer({"/fapi/v1/depth": b"x" * 100_000}) as server, client(server) as rest:
        with pytest.raises(VenueUnreachable, match="more than 1000 bytes"):
            await rest.depth("BTCUSDT")
