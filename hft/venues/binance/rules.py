"""The rules of symbols in an exchangeInfo, as keyword arguments of `Spec`."""

from __future__ import annotations

import msgspec

from hft.venues.binance.messages import ExchangeInfo, Filter, SymbolInfo
from hft.venues.protocol import SpecRules


class _Short(msgspec.Struct, rename="camel"):
    """Another recorder's short form of exchangeInfo: one symbol, no filters."""

    symbol: str
    tick_size: str
    step_size: str
    quote_asset: str


# Not `messages.decode`: its bound on frames is below the size of a whole exchangeInfo.
_info = msgspec.json.Decoder(ExchangeInfo).decode
_short = msgspec.json.Decoder(_Short).decode


def listed(body: bytes) -> dict[str, SpecRules]:
    """The rules in an exchangeInfo body, as keyword arguments of `Spec` by symbol; raises one
    of `hft.errors.NOT_JSON` for another body.

    >>> body = b'{"symbol":"BTCUSDT","tickSize":"0.10","stepSize":"0.001","quoteAsset":"USDT"}'
    >>> listed(body)["BTCUSDT"]["tick"]
    '0.10'
    """
    try:
        return {symbol.symbol: _rules(symbol) for symbol in _info(body).symbols}
    except msgspec.ValidationError as error:
        try:
            short = _short(body)
        except msgspec.ValidationError:
            raise error from None
    return {short.symbol: {"tick": short.tick_size, "step": short.step_size, "quote": short.quote_asset}}


def _rules(symbol: SymbolInfo) -> SpecRules:
    none = Filter("")
    price, lot = symbol.filter("PRICE_FILTER") or none, symbol.filter("LOT_SIZE") or none
    value = symbol.filter("NOTIONAL") or symbol.filter("MIN_NOTIONAL") or none
    return {
        "tick": price.tick_size or "0",
        "step": lot.step_size or "0",
        "quote": symbol.quote_asset,
        "min_qty": lot.min_qty or "0",
        "max_qty": lot.max_qty or "0",
        "min_notional": value.min_notional or value.notional or "0",
        "contract": symbol.contract_size or 1,
    }
