"""Stream names, and the requests that a client makes about them on its connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from hft.errors import NOT_JSON
from hft.exchange.wire import MILLISECOND, TIME_UNITS
from hft.venues.binance.venues import BinanceProtocol

_STREAM = re.compile(r"([a-z0-9_]+)@(depth|trade|aggTrade|bookTicker)(?:@(\d+)ms)?")
_ROUTES = ("", "/public", "/market", "/private")  # USD-M splits its streams over endpoints since 2026; all are accepted


def channel_of(name: str, protocol: BinanceProtocol, *, any_cadence: bool = False) -> str | None:
    """The channel of a stream name, with its cadence written out; None for a stream that is not served.

    >>> from hft.venues.binance.venues import SPOT, USDM
    >>> channel_of("btcusdt@depth", SPOT), channel_of("btcusdt@depth", USDM), channel_of("btcusdt@depth@0ms", USDM)
    ('btcusdt@depth@1000ms', 'btcusdt@depth@250ms', 'btcusdt@depth@0ms')
    >>> channel_of("btcusdt@depth@100ms", SPOT, any_cadence=True)
    'btcusdt@depth'
    >>> channel_of("btcusdt@kline_1m", SPOT) is channel_of("btcusdt@depth@7ms", SPOT) is None
    True
    """
    match = _STREAM.fullmatch(name)
    if match is None:
        return None
    symbol, kind, cadence = match.groups()
    if kind != "depth":
        return None if cadence else f"{symbol}@{kind}"
    milliseconds = protocol.depth_ms_unnamed if cadence is None else int(cadence)
    if any_cadence:
        return f"{symbol}@depth"
    return f"{symbol}@depth@{milliseconds}ms" if milliseconds in protocol.depth_ms else None


class Endpoint(msgspec.Struct):
    """The streams requested by the path of a websocket URL."""

    combined: bool
    streams: list[str]
    unit: int = MILLISECOND
    faults: bool = True
    """False: the client wants the true stream, see `hft.exchange.faults`."""


def endpoint(target: str) -> Endpoint | None:
    """`/ws`, `/ws/<stream>[/<stream>…]`, `/stream`, `/stream?streams=a/b`, with or without a route; None for another path.

    >>> endpoint("/public/stream?streams=btcusdt@depth/btcusdt@trade").streams
    ['btcusdt@depth', 'btcusdt@trade']
    >>> endpoint("/ws/btcusdt@bookTicker?timeUnit=MICROSECOND").unit
    1000
    >>> endpoint("/api/v3/ping") is None
    True
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    query = parse_qs(parts.query)
    path = next((parts.path[len(r):] for r in reversed(_ROUTES) if parts.path.startswith(r + "/") or parts.path == r), parts.path)
    unit = TIME_UNITS.get(query.get("timeUnit", ["MILLISECOND"])[0].upper(), MILLISECOND)
    faults = query.get("faults") != ["off"]
    if path.rstrip("/") == "/stream":
        return Endpoint(True, [s for names in query.get("streams", []) for s in names.split("/") if s], unit, faults)
    if path == "/ws" or path.startswith("/ws/"):
        return Endpoint(False, [s for s in unquote(path[4:]).split("/") if s], unit, faults)
    return None


class Subscriber(Protocol):
    """The state that a request can change."""

    combined: bool
    names: dict[str, None]

    def subscribe(self, name: str) -> None: ...

    def unsubscribe(self, name: str) -> None: ...


class _Refused(Exception):
    def __init__(self, code: int, message: str, *, request_id: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


def answer(client: Subscriber, frame: str | bytes, protocol: BinanceProtocol) -> bytes:
    """Executes a control request and returns the answer; errors have the venue's codes and words."""
    try:
        try:
            request = msgspec.json.decode(frame)
        except NOT_JSON as error:
            raise _Refused(3, f"Invalid JSON: {error}") from None
        request_id, method, params = _checked(request)
        result = _do(client, method, params, protocol, request_id)
    except _Refused as refused:
        return msgspec.json.encode({"error": {"code": refused.code, "msg": str(refused)}, "id": refused.request_id})
    return msgspec.json.encode({"result": result, "id": request_id})


def _checked(request: object) -> tuple[object, str, list[object]]:
    if not isinstance(request, dict):
        raise _Refused(2, "Invalid request: request must be an object")
    request_id = request.get("id")
    named = isinstance(request_id, int) and not isinstance(request_id, bool) and -(2**63) <= request_id < 2**63
    if not (request_id is None or named or (isinstance(request_id, str) and len(request_id) <= 36)):
        raise _Refused(2, "Invalid request: request ID must be an integer, a string of at most 36 characters, or null")
    if "method" not in request:
        raise _Refused(2, "Invalid request: missing field `method`", request_id=request_id)
    method = request["method"]
    if method not in _METHODS:
        wanted = ", ".join(f"`{m}`" for m in _METHODS)
        raise _Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {wanted}", request_id=request_id)
    params = request.get("params", [])
    if not isinstance(params, list):
        raise _Refused(2, "Invalid request: params must be an array", request_id=request_id)
    return request_id, method, params


def _do(client: Subscriber, method: str, params: list[object], protocol: BinanceProtocol, request_id: object) -> object:
    if method == "LIST_SUBSCRIPTIONS":
        return list(client.names)
    if method in ("SET_PROPERTY", "GET_PROPERTY"):
        return _property(client, method, params, request_id)
    if not all(isinstance(p, str) and "@" in p for p in params):
        raise _Refused(2, "Invalid request: invalid stream", request_id=request_id)
    if method == "SUBSCRIBE" and len(client.names.keys() | set(params)) > protocol.limits.streams_per_connection:
        raise _Refused(2, "Invalid request: too many parameters", request_id=request_id)
    change: Callable[[str], None] = client.subscribe if method == "SUBSCRIBE" else client.unsubscribe
    for name in params:
        change(str(name))
    return None


def _property(client: Subscriber, method: str, params: list[object], request_id: object) -> bool | None:
    if not params or params[0] != "combined":
        raise _Refused(0, "Unknown property", request_id=request_id)
    if method == "GET_PROPERTY":
        return client.combined
    if len(params) != 2 or not isinstance(params[1], bool):
        raise _Refused(1, "Invalid value type: expected Boolean", request_id=request_id)
    client.combined = params[1]
    return None
