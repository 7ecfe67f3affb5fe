"""The REST side: ping, time, exchangeInfo and depth of both protocols, with their weights, limits and errors.

Pure: a request target goes in, status, headers and body come out; `server` puts it on the socket.
"""

from __future__ import annotations

import time
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from hft.errors import NOT_JSON
from hft.exchange.symbols import SymbolSettings
from hft.exchange.wire import exchange_info
from hft.venues.binance.venues import BinanceProtocol

FUTURES_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
"""Sizes of a book that USD-M answers; spot takes any number and cuts it to its largest."""


MAX_FIELDS = 32
"""Parameters of a request."""


class ServedVenue(Protocol):
    """What REST asks of an exchange, simulated or recorded."""

    protocol: BinanceProtocol
    symbols: dict[str, SymbolSettings]

    def now_ns(self) -> int:
        """The exchange's own time."""
        ...

    async def depth(self, symbol: str, limit: int) -> str:
        """The body of a depth answer; `Refused` when there is none."""
        ...


class RequestRefused(Exception):
    """An error answer: HTTP status, the venue's code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class RestAnswer(msgspec.Struct):
    """What goes back to the client."""

    status: int
    body: bytes
    headers: dict[str, str]


class Rest:
    """Answers requests to one venue, and counts their weight by the minute."""

    def __init__(self, venue: ServedVenue) -> None:
        self.venue = venue
        self.minute = -1
        self.used = 0
        protocol = venue.protocol
        self._routes = {
            f"{protocol.api}/ping": (self._ping, 1),
            f"{protocol.api}/time": (self._time, 1),
            f"{protocol.api}/exchangeInfo": (self._exchange_info, protocol.info_weight),
            f"{protocol.api}/depth": (self._depth, 0),
        }

    async def answer(self, target: str) -> RestAnswer:
        """The answer to a GET of `target` (path and query)."""
        try:
            parts = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=MAX_FIELDS).items()}
        except ValueError:
            return _error(400, -1100, "Illegal characters found in a parameter.", {})
        route = self._routes.get(parts.path)
        if route is None:
            return _error(404, -5000, f"Path {parts.path[:80]!a}, Method GET is invalid", {})
        handler, weight = route
        headers: dict[str, str] = {}
        try:
            self._charge(weight, headers)
            body = await handler(query, headers)
            return RestAnswer(200, body, headers)
        except RequestRefused as refused:
            return _error(refused.status, refused.code, str(refused), headers)

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

    async def _ping(self, query: dict[str, str], headers: dict[str, str]) -> bytes:
        return b"{}"

    async def _time(self, query: dict[str, str], headers: dict[str, str]) -> bytes:
        return b'{"serverTime":%d}' % (self.venue.now_ns() // 1_000_000)

    async def _exchange_info(self, query: dict[str, str], headers: dict[str, str]) -> bytes:
        wanted = list(self.venue.symbols)
        if self.venue.protocol.instrument == "spot" and "symbol" in query:  # USD-M knows no such parameter
            wanted = [query["symbol"]]
        elif self.venue.protocol.instrument == "spot" and "symbols" in query:
            try:
                wanted = msgspec.json.decode(query["symbols"], type=list[str])
            except NOT_JSON:
                raise RequestRefused(400, -1100, "Illegal characters found in parameter 'symbols'.") from None
        limits = (self.venue.protocol.limits.weight_per_minute, 100)
        chosen = [self._symbol(name) for name in wanted]
        return msgspec.json.encode(exchange_info(self.venue.protocol.name, chosen, self.venue.now_ns() // 1_000_000, limits))

    async def _depth(self, query: dict[str, str], headers: dict[str, str]) -> bytes:
        if not query.get("symbol"):
            raise RequestRefused(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        symbol = self._symbol(query["symbol"])
        limit = self._limit(query)
        self._charge(self.venue.protocol.depth_weight(limit), headers)
        return (await self.venue.depth(symbol.name, limit)).encode()

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


def _error(status: int, code: int, message: str, headers: dict[str, str]) -> RestAnswer:
    return RestAnswer(status, msgspec.json.encode({"code": code, "msg": message}), headers)
