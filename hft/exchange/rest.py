"""The REST side: ping, time, exchangeInfo and depth of both protocols, with their weights, limits and errors.

Pure: a request goes in; status, headers and body come out; `web` sends them. There are no accounts, so calls about orders
are refused as the venue refuses an unknown client.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from hft.errors import NOT_JSON
from hft.exchange.symbols import SymbolSettings
from hft.exchange.wire import exchange_info
from hft.venues.binance.venues import SPOT, USDM, BinanceProtocol

FUTURES_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
"""Sizes of a book that USD-M accepts; spot accepts any number up to its largest."""

MAX_FIELDS = 32
"""Parameters of a request."""

_ORDER_CALLS: dict[str, dict[str, tuple[str, ...]]] = {
    SPOT.name: {
        "order": ("GET", "POST", "DELETE"), "order/test": ("POST",), "openOrders": ("GET", "DELETE"), "allOrders": ("GET",),
    },
    USDM.name: {
        "order": ("GET", "POST", "PUT", "DELETE"), "order/test": ("POST",), "openOrders": ("GET",), "allOrders": ("GET",),
        "allOpenOrders": ("DELETE",),
    },
}
_KEY = re.compile("[A-Za-z0-9]{64}")


class ServedVenue(Protocol):
    """The interface of an exchange, simulated or recorded, for REST."""

    protocol: BinanceProtocol
    symbols: dict[str, SymbolSettings]

    def now_ns(self) -> int:
        """The exchange's own time."""
        ...

    async def depth(self, symbol: str, limit: int) -> str:
        """The body of a depth answer; raises `RequestRefused` if there is none."""
        ...


class RequestRefused(Exception):
    """An error answer: HTTP status, the venue's code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class RestRequest(msgspec.Struct):
    """A client's request: `target` is path and query, `key` the header X-MBX-APIKEY."""

    method: str
    target: str
    body: bytes = b""
    key: str = ""


class RestAnswer(msgspec.Struct):
    """The answer to the client."""

    status: int
    body: bytes
    headers: dict[str, str]


class _Call(msgspec.Struct):
    """A request to an existing route; `headers` are the answer's."""

    parameters: dict[str, str]
    key: str
    headers: dict[str, str]


Handler = Callable[[_Call], Awaitable[bytes]]


class Rest:
    """Answers requests to one venue, and counts their weight by the minute."""

    def __init__(self, venue: ServedVenue) -> None:
        self.venue = venue
        self.minute = -1
        self.used = 0
        protocol = venue.protocol
        self._routes: dict[str, dict[str, tuple[Handler, int]]] = {
            f"{protocol.api}/ping": {"GET": (self._ping, 1)},
            f"{protocol.api}/time": {"GET": (self._time, 1)},
            f"{protocol.api}/exchangeInfo": {"GET": (self._exchange_info, protocol.info_weight)},
            f"{protocol.api}/depth": {"GET": (self._depth, 0)},
        }
        for name, methods in _ORDER_CALLS[protocol.name].items():
            self._routes[f"{protocol.api}/{name}"] = dict.fromkeys(methods, (self._unknown_client, 1))

    async def answer(self, request: RestRequest) -> RestAnswer:
        """The answer to a request: parameters also come from the body, if the method has one."""
        method = "GET" if request.method == "HEAD" else request.method
        try:
            parts = urlsplit(request.target)
            texts = [parts.query] if method == "GET" else [request.body.decode(), parts.query]      # the query takes precedence
            parameters = {
                name: values[0] for text in texts for name, values in parse_qs(text, max_num_fields=MAX_FIELDS).items()
            }
        except ValueError:
            return error_answer(400, -1100, "Illegal characters found in a parameter.")
        methods = self._routes.get(parts.path, {})
        if method not in methods:
            answer = error_answer(405 if methods else 404, -5000, f"Path {parts.path[:80]!a}, Method {method[:16]} is invalid")
            if methods:
                answer.headers["Allow"] = ", ".join(methods)
            return answer
        handler, weight = methods[method]
        call = _Call(parameters, request.key, {})
        try:
            self._charge(weight, call.headers)
            return RestAnswer(200, await handler(call), call.headers)
        except RequestRefused as refused:
            return error_answer(refused.status, refused.code, str(refused), call.headers)

    def _charge(self, weight: int, headers: dict[str, str]) -> None:
        now = time.time()
        if int(now // 60) != self.minute:
            self.minute, self.used = int(now // 60), 0
        self.used += weight
        headers["X-MBX-USED-WEIGHT-1M"] = str(self.used)
        limit = self.venue.protocol.limits.weight_per_minute
        if self.used > limit:
            headers["Retry-After"] = str(60 - int(now % 60))
            raise RequestRefused(429, -1003, f"Too many requests; current limit is {limit} requests per minute. "
                                      "Please use the websocket for live updates to avoid polling the API.")

    async def _ping(self, call: _Call) -> bytes:
        return b"{}"

    async def _time(self, call: _Call) -> bytes:
        return b'{"serverTime":%d}' % (self.venue.now_ns() // 1_000_000)

    async def _exchange_info(self, call: _Call) -> bytes:
        wanted = list(self.venue.symbols)
        if self.venue.protocol.instrument == "spot" and "symbol" in call.parameters:  # USD-M does not have this parameter
            wanted = [call.parameters["symbol"]]
        elif self.venue.protocol.instrument == "spot" and "symbols" in call.parameters:
            try:
                wanted = msgspec.json.decode(call.parameters["symbols"], type=list[str])
            except NOT_JSON:
                raise RequestRefused(400, -1100, "Illegal characters found in parameter 'symbols'.") from None
        limits = (self.venue.protocol.limits.weight_per_minute, 100)
        chosen = [self._symbol(name) for name in wanted]
        return msgspec.json.encode(exchange_info(self.venue.protocol.name, chosen, self.venue.now_ns() // 1_000_000, limits))

    async def _depth(self, call: _Call) -> bytes:
        symbol = self._symbol(_mandatory(call, "symbol"))
        limit = self._limit(call.parameters)
        self._charge(self.venue.protocol.depth_weight(limit), call.headers)
        return (await self.venue.depth(symbol.name, limit)).encode()

    async def _unknown_client(self, call: _Call) -> bytes:
        for name in ("timestamp", "signature"):
            _mandatory(call, name)
        if not _KEY.fullmatch(call.key):
            raise RequestRefused(401, -2014, "API-key format invalid.")
        raise RequestRefused(401, -2015, "Invalid API-key, IP, or permissions for action.")

    def _symbol(self, name: str) -> SymbolSettings:
        symbol = self.venue.symbols.get(name.upper() if self.venue.protocol.instrument != "spot" else name)
        if symbol is None:
            raise RequestRefused(400, -1121, "Invalid symbol.")
        return symbol

    def _limit(self, query: dict[str, str]) -> int:
        spot = self.venue.protocol.instrument == "spot"
        text = query.get("limit", "100" if spot else "500")
        if not (text.isascii() and text.isdigit() and len(text) <= 20):
            raise RequestRefused(400, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
        limit = int(text)
        if limit == 0 or (not spot and limit not in FUTURES_LIMITS):
            raise RequestRefused(400, -1130, "Data sent for parameter 'limit' is not valid.")
        return min(limit, self.venue.protocol.depth_limit)


def _mandatory(call: _Call, name: str) -> str:
    value = call.parameters.get(name)
    if not value:
        raise RequestRefused(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def error_answer(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> RestAnswer:
    """A refusal in the venue's form."""
    return RestAnswer(status, msgspec.json.encode({"code": code, "msg": message}), headers if headers is not None else {})
