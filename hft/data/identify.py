"""Says what an unreadable file is, by its first bytes, first row or first message, for the error that refuses it.

The kinds of Binance's public dumps are those of https://github.com/binance/binance-public-data, read 2026-07.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from hft.errors import NOT_JSON

RECORD = "record one with `hft record`, or take one of the formats in docs/formats.md"


class _Binary(NamedTuple):
    begins: bytes
    what: str
    do: str


_BINARIES = (
    _Binary(b"SQLite format 3", "is a SQLite database, as `hft live` writes one of each run",
            "name the recording that was made beside it"),
    _Binary(b"PAR1", "is a Parquet file", "write its rows as one of the formats in docs/formats.md"),
    _Binary(b"ARROW1", "is an Arrow (Feather) file", "write its rows as one of the formats in docs/formats.md"),
    _Binary(b"\x89HDF\r\n", "is an HDF5 file", "write its rows as one of the formats in docs/formats.md"),
    _Binary(b"\x93NUMPY", "is a NumPy array", "name it without packing it, as .npy or .npz"),
    _Binary(b"PK", "is a ZIP archive", "unpack it, and name what is in it"),
    _Binary(b"HFTEVNT1", "is an event file that was packed", "unpack it"),
    _Binary(b"BZh", "is packed with bzip2", "unpack it, or pack it with gzip or zstandard"),
    _Binary(b"\xfd7zXZ", "is packed with xz", "unpack it, or pack it with gzip or zstandard"),
    _Binary(b"\x04\x22\x4d\x18", "is packed with lz4", "unpack it, or pack it with gzip or zstandard"),
    _Binary(b"7z\xbc\xaf", "is a 7-Zip archive", "unpack it, and name what is in it"),
    _Binary(b"\x1f\x8b", "is packed twice with gzip", "unpack it once"),
    _Binary(b"\x28\xb5\x2f\xfd", "is packed twice, the second time with zstandard", "unpack it once"),
    _Binary(b"\xff\xfe", "is text in UTF-16", "save it as UTF-8"),
    _Binary(b"\xfe\xff", "is text in UTF-16", "save it as UTF-8"),
)  # fmt: skip

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
"""Kinds of data.binance.vision's files by the word in their name: how the header begins, and what is in them."""
_DUMP_NAME = re.compile(r"(?:^|[-_])(" + "|".join(_DUMPS) + r")(?:[-_.]|$)")
_CANDLES = re.compile(r"(?:^|[-_])\d{1,2}(?:s|m|h|d|w|mo)[-_]\d{4}-\d{2}")         # BTCUSDT-1m-2024-01.csv
_NO_STAMPS = (
    "holds messages without the time at which each was received, which a backtest goes by",
    "record lines of `<nanoseconds> <message>`, as `hft record` does",
)


def dump_of(name: str, header: str = "") -> str:
    """What a file of Binance's public dumps is, by its name or its header; empty where it is none.

    >>> dump_of("BTCUSDT-aggTrades-2023-05.zip")
    "is a file of Binance's public dumps, aggTrades: trades and no book, and no time at which a message was received"
    """
    kind = next((kind for kind, (begins, _) in _DUMPS.items() if begins and header.startswith(begins)), "")
    if not kind and re.search(r"\.(csv|zip)", name.lower()):
        named = _DUMP_NAME.search(name)
        kind = named[1] if named else "klines" if _CANDLES.search(name) else ""
    if not kind:
        return ""
    return f"is a file of Binance's public dumps, {kind}: {_DUMPS[kind][1]}, and no time at which a message was received"


def told(line: bytes, name: str = "") -> tuple[str, str] | None:
    """What a file is that begins with this line, and what to do with it; None where that is not known.

    >>> told(b"SQLite format 3\\0...")[0]
    'is a SQLite database, as `hft live` writes one of each run'
    >>> told(b'{"stream":"btcusdt@trade","data":{"e":"trade"}}')[0]
    'holds messages without the time at which each was received, which a backtest goes by'
    >>> told(b"price,qty,when")[0]
    'is CSV of columns that are not known: price,qty,when'
    """
    for binary in _BINARIES:
        if line.startswith(binary.begins):
            return binary.what, binary.do
    if dump := dump_of(name, line.decode("utf-8", "replace")):
        return dump, RECORD
    if line.startswith((b"{", b"[")):
        return _json(line)
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        return "holds bytes of no format that is known", RECORD
    if not text.isprintable():
        return "holds bytes of no format that is known", RECORD
    shown = text if len(text) <= 60 else text[:57] + "..."
    if text.count(",") >= 2 and ", " not in text and "{" not in text:
        return f"is CSV of columns that are not known: {shown}", RECORD
    if "{" in text:
        return f"begins with no stamp, or within a line: {shown}", "cut files at the end of a line, each line `<stamp> <message>`"
    return f"is text: {shown}", RECORD


# -- JSON ----------------------------------------------------------------------------------------------------------------


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
    """Which other exchange a message comes from; empty where that is not known.

    >>> venue_of(b'{"channel":"l2Book","data":{"coin":"BTC","levels":[[],[]],"time":1}}'), venue_of(b'{"topic":"orderbook.1.A"}')
    ('Hyperliquid', 'Bybit')
    """
    try:
        found = _message(message)
    except NOT_JSON:            # the beginning of a long one, or one that is laid out over several lines
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
    """What a session is whose messages give neither dialect nor symbol, judged by one of them; None where that is not known."""
    if venue := venue_of(sample):
        return (f"holds messages of {venue}, and only Binance's are read as they were received",
                "name Tardis' CSV or hftbacktest's .npz of that exchange")  # fmt: skip
    return None


def _json(line: bytes) -> tuple[str, str]:
    if other := foreign(line):
        return other
    if b'"event":' in line and b'"level":' in line:
        return "is a log of hft's", "name the recording that was made beside it"
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except NOT_JSON:
        return "begins like JSON, and not with one message a line", RECORD
    return _NO_STAMPS
