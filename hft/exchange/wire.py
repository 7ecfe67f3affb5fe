"""Prints a market's messages in both protocols: exact field sets, exact decimals.

Field sets: spot `binance-spot-api-docs` "Web Socket Streams"; USD-M "Websocket Market Streams". Numbers are printed with the
decimals of the symbol's tick and step, trailing zeros kept, as the venue prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from hft.exchange.symbols import SymbolSettings
from hft.venues.binance.venues import SPOT

if TYPE_CHECKING:
    from hft.exchange.market import ExchangeBook, MarketEvent

Levels = Iterable[tuple[int, int]]

MILLISECOND = 1_000_000
MICROSECOND = 1_000
#: The divisor of a stamp in nanoseconds for each `timeUnit` of a URL.
TIME_UNITS = {"MILLISECOND": MILLISECOND, "MICROSECOND": MICROSECOND}


def printer(unit: str) -> Callable[[int], str]:
    """A function that prints multiples of `unit` (decimal text) with the decimals of `unit`.

    >>> printer("0.10")(618002), printer("0.00100000")(7), printer("1")(12)
    ('61800.20', '0.00700000', '12')
    """
    decimals = max(0, -int(Decimal(unit).as_tuple().exponent))
    mantissa, scale = int(Decimal(unit).scaleb(decimals)), 10**decimals

    def text(n: int) -> str:
        whole, fraction = divmod(n * mantissa, scale)
        return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)

    return text


class Wire:
    """Prints the messages of one symbol in one protocol.

    In its methods `unit` is that of stamps, in nanoseconds (`TIME_UNITS`).
    """

    def __init__(self, symbol: SymbolSettings, protocol: str) -> None:
        self.name = symbol.name
        self.futures = protocol != SPOT.name
        self.price = printer(symbol.tick)
        self.qty = printer(symbol.step)

    def _levels(self, levels: Levels) -> str:
        price, qty = self.price, self.qty
        return ",".join([f'["{price(p)}","{qty(q)}"]' for p, q in levels])

    def depth(self, ids: tuple[int, int, int], time_ns: int, bids: Levels, asks: Levels, unit: int) -> str:
        """A depth update; `ids` are U, u and pu."""
        stamp = time_ns // unit
        first, last, previous = ids
        sides = f'"b":[{self._levels(bids)}],"a":[{self._levels(asks)}]}}'
        if self.futures:
            return f'{{"e":"depthUpdate","E":{stamp},"T":{stamp},"s":"{self.name}","U":{first},"u":{last},"pu":{previous},{sides}'
        return f'{{"e":"depthUpdate","E":{stamp},"s":"{self.name}","U":{first},"u":{last},{sides}'

    def book_ticker(self, e: MarketEvent, unit: int) -> str:
        """A bookTicker: on spot without event type and time."""
        body = (
            f'"u":{e.last_id},"s":"{self.name}","b":"{self.price(e.price)}","B":"{self.qty(e.qty)}",'
            f'"a":"{self.price(e.ask_price)}","A":"{self.qty(e.ask_qty)}"'
        )
        if self.futures:
            stamp = e.time_ns // unit
            return f'{{"e":"bookTicker",{body},"T":{stamp},"E":{stamp}}}'
        return f"{{{body}}}"

    def trade(self, e: MarketEvent, unit: int) -> str:
        """A trade."""
        stamp = e.time_ns // unit
        maker = "true" if e.buyer_is_maker else "false"
        body = f'"t":{e.last_id},"p":"{self.price(e.price)}","q":"{self.qty(e.qty)}"'
        if self.futures:
            return f'{{"e":"trade","E":{stamp},"T":{stamp},"s":"{self.name}",{body},"X":"MARKET","m":{maker}}}'
        return f'{{"e":"trade","E":{stamp},"s":"{self.name}",{body},"T":{stamp},"m":{maker},"M":true}}'

    def agg_trade(self, e: MarketEvent, unit: int) -> str:
        """An aggTrade: the trades of one taker at one price."""
        stamp = e.time_ns // unit
        maker = "true" if e.buyer_is_maker else "false"
        body = (
            f'"e":"aggTrade","E":{stamp},"s":"{self.name}","a":{e.last_id},"p":"{self.price(e.price)}","q":"{self.qty(e.qty)}",'
            f'"f":{e.first_id},"l":{e.prev_id},"T":{stamp},"m":{maker}'
        )
        return f"{{{body}}}" if self.futures else f'{{{body},"M":true}}'

    def snapshot(self, book: ExchangeBook, unit: int = MILLISECOND) -> str:
        """The REST book."""
        stamp = book.time_ns // unit
        times = f'"E":{stamp},"T":{stamp},' if self.futures else ""
        sides = f'"bids":[{self._levels(book.bids)}],"asks":[{self._levels(book.asks)}]'
        return f'{{"lastUpdateId":{book.last_update_id},{times}{sides}}}'


def exchange_info(
    protocol: str, symbols: Iterable[SymbolSettings], server_time_ms: int, limits: tuple[int, int]
) -> dict[str, object]:
    """The body of exchangeInfo. `limits`: REST weight a minute, and orders in ten seconds."""
    return {
        "timezone": "UTC",
        "serverTime": server_time_ms,
        **({"futuresType": "U_MARGINED"} if protocol != SPOT.name else {}),
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limits[0]},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": limits[1]},
        ],
        "exchangeFilters": [],
        "symbols": [_spot_symbol(s) if protocol == SPOT.name else _futures_symbol(s) for s in symbols],
    }


def _filters(s: SymbolSettings) -> list[dict[str, object]]:
    """PRICE_FILTER first: some clients read it by position."""
    tick, step = Decimal(s.tick), Decimal(s.step)
    lot = {"minQty": s.step, "maxQty": f"{step * 9_000_000:f}", "stepSize": s.step}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": s.tick, "maxPrice": f"{tick * 10_000_000:f}", "tickSize": s.tick},
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
    ]


def _spot_symbol(s: SymbolSettings) -> dict[str, object]:
    notional = {
        "filterType": "NOTIONAL", "minNotional": s.min_notional, "applyMinToMarket": True,
        "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5,
    }
    return {
        "symbol": s.name, "status": "TRADING", "baseAsset": s.base, "baseAssetPrecision": 8, "quoteAsset": s.quote,
        "quotePrecision": 8, "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "icebergAllowed": False, "ocoAllowed": False,
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": ["SPOT"],
        "filters": [*_filters(s), notional],
    }


def _futures_symbol(s: SymbolSettings) -> dict[str, object]:
    return {
        "symbol": s.name, "pair": s.name, "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": s.base,
        "quoteAsset": s.quote, "marginAsset": s.quote,
        "pricePrecision": max(0, -int(Decimal(s.tick).as_tuple().exponent)),
        "quantityPrecision": max(0, -int(Decimal(s.step).as_tuple().exponent)),
        "baseAssetPrecision": 8, "quotePrecision": 8, "deliveryDate": 4_133_404_800_000, "onboardDate": 1_569_398_400_000,
        "underlyingType": "COIN", "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [*_filters(s), {"filterType": "MIN_NOTIONAL", "notional": s.min_notional}],
    }
