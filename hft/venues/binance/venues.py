"""Places and limits of each Binance market: endpoints, stream names and limits, as data.

A protocol is one of three rows; a venue is a place that speaks a protocol. Their differences are all here.

Source: the venue's public API documentation, state of 2026-07.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from hft._core.market.sync import SyncRules
from hft.errors import UsageError
from hft.venues import binance as names
from hft.venues.binance.messages import load
from hft.venues.binance.rules import listed
from hft.venues.binance.symbol_table import COINM_SYMBOLS, SPOT_SYMBOLS, USDM_SYMBOLS
from hft.venues.protocol import VenueProtocol

Trades = Literal["trade", "aggTrade"]


class Limits(msgspec.Struct, frozen=True):
    """A venue's limits; exceeding them ends in a ban, so the feed stays well below."""

    messages_per_second: int
    """Incoming messages per websocket connection; pings, pongs and JSON all count."""
    streams_per_connection: int
    connections: int
    """New websocket connections per `connections_window_s` and address."""
    connections_window_s: int
    weight_per_minute: int
    """REST weight per minute and address; the default until `exchangeInfo` gives the present one."""


class BinanceProtocol(VenueProtocol, frozen=True, kw_only=True):
    """One of Binance's protocols: the fields of every venue's, and names and numbers of its REST and stream endpoints."""

    api: str
    """Prefix of REST paths."""
    depth_weights: tuple[tuple[int, int], ...]
    """Levels a side of a snapshot, and the REST weight of one up to that size; the last is the largest."""
    info_weight: int
    depth_ms: tuple[int, ...]
    """Cadences of the depth stream."""
    depth_ms_unnamed: int
    """The cadence of plain `@depth`."""
    limits: Limits

    @property
    def depth_limit(self) -> int:
        """Levels a side of the largest snapshot."""
        return self.depth_weights[-1][0]

    def depth_weight(self, limit: int) -> int:
        """REST weight of a snapshot of `limit` levels a side.

        >>> SPOT.depth_weight(1000), SPOT.depth_weight(5000)
        (50, 250)
        """
        return next((weight for levels, weight in self.depth_weights if limit <= levels), self.depth_weights[-1][1])


_FUTURES: dict[str, Any] = {
    "load": load, "listed": listed, "info_weight": 1,
    "depth_weights": ((50, 2), (100, 5), (500, 10), (1000, 20)), "depth_ms": (0, 100, 250, 500), "depth_ms_unnamed": 250,
}

SPOT = BinanceProtocol(
    **names.SPOT._asdict(), sync=SyncRules(chained=False, step=1), load=load, listed=listed,
    exchanges=("binance", "binance-us"), symbols=SPOT_SYMBOLS, api="/api/v3",
    depth_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)), info_weight=20, depth_ms=(100, 1000),
    depth_ms_unnamed=1000, limits=Limits(5, 1024, 300, 300, 6000),
)
USDM = BinanceProtocol(
    **names.USDM._asdict(), sync=SyncRules(chained=True), exchanges=("binance-futures",), symbols=USDM_SYMBOLS,
    api="/fapi/v1", limits=Limits(10, 1024, 300, 300, 2400), **_FUTURES,
)
COINM = BinanceProtocol(
    **names.COINM._asdict(), sync=SyncRules(chained=True), exchanges=("binance-delivery",), symbols=COINM_SYMBOLS,
    api="/dapi/v1", limits=Limits(10, 200, 300, 300, 2400), **_FUTURES,
)
PROTOCOLS = {protocol.name: protocol for protocol in (SPOT, USDM, COINM)}


class Venue(msgspec.Struct, frozen=True):
    """One place that speaks a protocol.

    >>> venue = venue_named("binance-usdm")
    >>> venue.streams("BTCUSDT", depth_ms=100)
    {'/public': ['btcusdt@depth@100ms', 'btcusdt@bookTicker'], '/market': ['btcusdt@aggTrade']}
    >>> venue.stream_url(["btcusdt@aggTrade"], "/market")
    'wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade'
    >>> venue.depth_url("BTCUSDT")
    'https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000'
    """

    name: str
    protocol: BinanceProtocol
    rest: str
    """Base URL, without a slash at its end."""
    ws: str
    trades: Trades = "trade"
    """The stream of traded volume (SEMANTICS 10). USD-M documents only `aggTrade`, which holds only market trades."""
    routes: tuple[tuple[str, str], ...] = ()
    """Pairs of stream kind and path prefix, if the venue splits its streams over endpoints."""

    def streams(self, symbol: str, *, depth_ms: int = 100, trades: Trades | None = None) -> dict[str, list[str]]:
        """The streams of one symbol, by route."""
        routes = dict(self.routes)
        kinds = ("depth", depth_stream(self.protocol, depth_ms)), ("bookTicker",) * 2, (trades or self.trades,) * 2
        found: dict[str, list[str]] = {}
        for kind, stream in kinds:
            found.setdefault(routes.get(kind, ""), []).append(f"{symbol.lower()}@{stream}")
        return found

    def stream_url(self, streams: list[str], route: str = "") -> str:
        """The combined endpoint with these streams subscribed; without streams the bare endpoint, for SUBSCRIBE."""
        return f"{self.ws}{route}/stream" + (f"?streams={quote('/'.join(streams), safe='/@!')}" if streams else "")

    def rest_url(self, path: str) -> str:
        return f"{self.rest}{self.protocol.api}/{path}"

    def depth_url(self, symbol: str, limit: int = 0) -> str:
        """The address of the book; `limit` levels a side, 0 for the largest number."""
        return self.rest_url(f"depth?symbol={quote(symbol.upper())}&limit={limit or self.protocol.depth_limit}")


def depth_stream(protocol: BinanceProtocol, depth_ms: int) -> str:
    """The name of the depth stream of a cadence; UsageError if the protocol does not have it.

    >>> depth_stream(SPOT, 1000), depth_stream(USDM, 0)
    ('depth', 'depth@0ms')
    """
    if depth_ms not in protocol.depth_ms:
        allowed = ", ".join(map(str, protocol.depth_ms))
        raise UsageError(f"no depth stream every {depth_ms} ms on {protocol.name}", do=f"take one of {allowed}")
    return "depth" if depth_ms == protocol.depth_ms_unnamed else f"depth@{depth_ms}ms"


_USDM_ROUTES = (("depth", "/public"), ("bookTicker", "/public"), ("trade", "/market"), ("aggTrade", "/market"))

VENUES = {
    venue.name: venue
    for venue in (
        Venue("binance-spot", SPOT, "https://api.binance.com", "wss://stream.binance.com:9443"),
        Venue("binance-spot-data", SPOT, "https://data-api.binance.vision", "wss://data-stream.binance.vision"),
        Venue("binance-spot-testnet", SPOT, "https://testnet.binance.vision", "wss://stream.testnet.binance.vision"),
        Venue("binance-usdm", USDM, "https://fapi.binance.com", "wss://fstream.binance.com", "aggTrade", _USDM_ROUTES),
        Venue("binance-usdm-testnet", USDM, "https://testnet.binancefuture.com", "wss://fstream.binancefuture.com", "aggTrade",
              _USDM_ROUTES),
        Venue("binance-coinm", COINM, "https://dapi.binance.com", "wss://dstream.binance.com", "aggTrade"),
    )
}


def venue_named(name: str, *, rest: str = "", ws: str = "") -> Venue:
    """A venue of the table; UsageError lists the known ones.

    `rest` and `ws` replace the venue's own addresses, without split routes.

    >>> venue_named("binance-spot").protocol.depth_limit
    5000
    """
    if name not in VENUES:
        raise UsageError("no such venue", where=name, do=f"take one of {', '.join(VENUES)}, or give its rest and ws addresses")
    venue = VENUES[name]
    if not rest and not ws:
        return venue
    return venue_at(rest or venue.rest, ws or venue.ws, venue.protocol.name, name=name, trades=venue.trades)


def venue_at(rest: str, ws: str, protocol: str = USDM.name, *, name: str = "", trades: Trades = "trade") -> Venue:
    """A venue by its addresses: the embedded exchange, a proxy, a served recording. Without a name its address is its name.

    >>> venue = venue_at("http://127.0.0.1:8080/", "ws://127.0.0.1:8081")
    >>> venue.name, venue.depth_url("btcusdt", 500)
    ('exchange at 127.0.0.1:8080', 'http://127.0.0.1:8080/fapi/v1/depth?symbol=BTCUSDT&limit=500')
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"unknown protocol {protocol!r}", where=name or rest, do=f"take one of {', '.join(PROTOCOLS)}")
    for address, schemes in ((rest, ("http", "https")), (ws, ("ws", "wss"))):
        parts = urlsplit(address)
        if parts.scheme not in schemes or not parts.netloc:
            raise UsageError("not an address of this kind", where=address, do=f"start it with {schemes[0]}:// or {schemes[1]}://")
    at = urlsplit(rest).netloc.rpartition("@")[2]       # without a password
    return Venue(name or f"exchange at {at}", PROTOCOLS[protocol], rest.rstrip("/"), ws.rstrip("/"), trades)
