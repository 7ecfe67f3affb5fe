"""The exchange's HTTP server: one port, on which aiohttp serves REST calls and the streams' websockets.

Connections are kept alive and may be pipelined; a client's requests are limited in size and time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from hft.exchange.connection import StreamConnection, reset
from hft.exchange.rest import Rest, RestAnswer, RestRequest, error_answer
from hft.exchange.streams import Endpoint, endpoint
from hft.venues.embedded import PACE_HEADER

if TYPE_CHECKING:
    from hft.exchange.replay import Replay
    from hft.exchange.simulation import Simulation

MAX_BODY = 1 << 16
"""Most bytes of a request's body. A line of its head may have 8,190, which is aiohttp's default."""
IDLE_S = 20.0
"""A connection without a complete request head for this many seconds is closed."""
REQUEST_S = 5.0
"""Seconds a client has to send a request's body, and to take the answer; then it is cut off."""
SHUTDOWN_S = 1.0
"""Seconds for calls under way when the exchange ends."""

_log = logging.getLogger("hft.exchange.web")


def app_runner(venue: Simulation | Replay) -> web.AppRunner:
    """The server of a venue, ready for setup and an address to listen at."""
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", _Handler(venue).answered)
    _log.addFilter(_is_ours)
    return web.AppRunner(
        app, access_log=None, logger=_log, keepalive_timeout=IDLE_S, lingering_time=1.0, shutdown_timeout=SHUTDOWN_S
    )


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether an aiohttp log entry is our failure: a client with a malformed request has already got its 400."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | OSError))


class _Handler:
    def __init__(self, venue: Simulation | Replay) -> None:
        self.hub = venue.hub
        self.faults = venue.hub.faults
        self.rest = Rest(venue)
        self.headers = {"Server": "hft", PACE_HEADER: f"{venue.speed:g}"}

    async def answered(self, request: web.Request) -> web.StreamResponse:
        at = endpoint(request.raw_path)
        if at is not None and request.method == "GET":
            return await self._streamed(request, at)
        response = self._response(await self._called(request))
        try:
            async with asyncio.timeout(REQUEST_S):      # an answer that a client does not take must not stay in memory
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _called(self, request: web.Request) -> RestAnswer:
        try:
            async with asyncio.timeout(REQUEST_S):
                body = await request.read()
        except TimeoutError:
            return error_answer(408, -1000, "The request was not sent in time.")
        except web.HTTPRequestEntityTooLarge:
            return error_answer(413, -1101, f"Too many parameters; a request may have {MAX_BODY} bytes.")
        call = RestRequest(request.method, request.raw_path, body, request.headers.get("X-MBX-APIKEY", ""))
        return await (self.rest.answer(call) if self.faults is None else self.faults.answer(self.rest, call))

    async def _streamed(self, request: web.Request, at: Endpoint) -> web.StreamResponse:
        refused = None if self.faults is None else self.faults.handshake(request.raw_path)
        if refused == "reset":
            if request.transport is not None:
                reset(request.transport)
            return web.Response(status=503)             # no client is left to read it
        if refused is not None:
            return self._response(refused)
        connection = await StreamConnection.accept(request)
        await self.hub.serve(connection, at)
        return connection.response

    def _response(self, answer: RestAnswer) -> web.Response:
        headers = {"Content-Type": "application/json;charset=UTF-8", **self.headers, **answer.headers}
        return web.Response(status=answer.status, body=answer.body, headers=headers)
