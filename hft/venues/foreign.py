"""Identifies messages and files of exchanges that are not supported, for the error that refuses them.

The kinds of Binance's public dumps are those of https://github.com/binance/binance-public-data, read 2026-07.
"""

from __future__ import annotations

import re

import msgspec

from hft.errors import NOT_JSON

_DUMPS = {
    "aggTrades": ("agg_trade_id,price,", "trades and no book"),
    "trades": ("id,price,qty,quote", "trades and no book"),
    "bookTicker": ("update_id,best_bid_price,", "the touch and no book"),
    "bookDepth": ("timestamp,percentage,depth,", "sums of levels and no book"),
    "klines": ("open_time,open,high,low,", "candles and no book"),
    "markPriceKlines": ("", "candles and no book"),
    "indexPriceKlines": ("", "candles and no book"),
    "premiumIndexKlines": ("", "candles and no book"),
    "metrics": ("create_time,symbol,sum_open_interest", "open interest and no book"),
    "fundingRate": ("calc_time,funding_interval_hours,", "funding rates and no book"),
    "liquidationSnapshot": ("time,symbol,side,order_type,", "liquidations and no book"),
    "BVOLIndex": ("calc_time,symbol,base_asset,", "an index and no book"),
    "EOHSummary": ("date,hour,symbol,underlying,", "summaries of options and no book"),
    "T_DEPTH": ("", "depth in Binance's own layout"),
    "S_DEPTH": ("", "depth in Binance's own layout"),
}
"""Kinds of data.binance.vision's files by the word in their name: beginning of the header, and contents."""
_DUMP_NAME = re.compile(r"(?:^|[-_])(" + "|".join(_DUMPS) + r")(?:[-_.]|$)")
_CANDLES = re.compile(r"(?:^|[-_])\d{1,2}(?:s|m|h|d|w|mo)[-_]\d{4}-\d{2}")         # BTCUSDT-1m-2024-01.csv


def dump_of(name: str, header: str = "") -> str:
    """The description of a file of Binance's public dumps, by its name or header; empty for other files.

    >>> dump_of("BTCUSDT-aggTrades-2023-05.zip")
    "is a file of Binance's public dumps, aggTrades: trades and no book, and no receive times"
    """
    kind = next((kind for kind, (begins, _) in _DUMPS.items() if begins and header.startswith(begins)), "")
    if not kind and re.search(r"\.(csv|zip)", name.lower()):
        named = _DUMP_NAME.search(name)
        kind = named[1] if named else "klines" if _CANDLES.search(name) else ""
    if not kind:
        return ""
    return f"is a file of Binance's public dumps, {kind}: {_DUMPS[kind][1]}, and no receive times"


class _Message(msgspec.Struct):
    """Fields by which an exchange's messages are recognised."""

    channel: msgspec.Raw = msgspec.Raw()
    topic: msgspec.Raw = msgspec.Raw()
    arg: msgspec.Raw = msgspec.Raw()
    table: msgspec.Raw = msgspec.Raw()
    product_id: msgspec.Raw = msgspec.Raw()
    events: msgspec.Raw = msgspec.Raw()
    jsonrpc: msgspec.Raw = msgspec.Raw()
    ch: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()


_WORDS = {b'"topic":"': "Bybit", b'"channel":"l2Book"': "Hyperliquid", b'"arg":{"channel"': "OKX", b'"table":"': "BitMEX"}
_message = msgspec.json.Decoder(_Message).decode


def venue_of(message: bytes) -> str:
    """The other exchange that a message comes from; empty if unknown.

    >>> venue_of(b'{"channel":"l2Book","data":{"coin":"BTC","levels":[[],[]],"time":1}}'), venue_of(b'{"topic":"orderbook.1.A"}')
    ('Hyperliquid', 'Bybit')
    """
    try:
        found = _message(message)
    except NOT_JSON:            # the beginning of a long message, or one printed over several lines
        start = re.sub(rb"\s+", b"", message[:400])
        return next((venue for word, venue in _WORDS.items() if word in start), "")
    data, channel = bytes(found.data), bytes(found.channel)
    if channel:
        if b'"coin"' in data or channel in (b'"l2Book"', b'"allMids"', b'"subscriptionResponse"', b'"bbo"'):
            return "Hyperliquid"
        if found.events or channel in (b'"l2_data"', b'"market_trades"', b'"heartbeats"'):
            return "Coinbase"
        return "Kraken" if channel in (b'"book"', b'"ticker"', b'"trade"', b'"status"') else "Gate or another exchange"
    if found.topic:
        return "Bybit"
    if found.arg:
        return "Bitget" if b'"instType"' in bytes(found.arg) and b'"instId"' in bytes(found.arg) else "OKX"
    if found.table:
        return "BitMEX"
    if found.jsonrpc:
        return "Deribit"
    if found.product_id:
        return "Coinbase"
    return "HTX" if found.ch else ""


def foreign(sample: bytes) -> tuple[str, str] | None:
    """Identifies, by one message, a session whose messages show neither protocol nor symbol; None if unknown."""
    if venue := venue_of(sample):
        return (f"holds messages of {venue}, and only Binance's can be read as received",
                "name Tardis' CSV or hftbacktest's .npz of that exchange")  # fmt: skip
    return None
