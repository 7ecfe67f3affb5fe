"""Finds the Binance protocol of recorded messages: by an address, by another recorder's name for the venue, by fields."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hft.venues.binance import scan, venues

SPOT, USDM, COINM = venues.SPOT.name, venues.USDM.name, venues.COINM.name

NAMED = {SPOT: scan.NAMED_SPOT, USDM: scan.NAMED_USDM, COINM: scan.NAMED_COINM}
"""The bits of a protocol that is given by name."""
_COINM = re.compile(r".+USD_(PERP|\d{6})")
"""A symbol of COIN-M: its pair ends in USD, which USD-M's never does (there a delivery contract is BTCUSDT_240329)."""


def certain(name: str, bits: int) -> set[str]:
    """The only protocols that a symbol's messages can have."""
    found = {protocol for protocol, bit in NAMED.items() if bits & bit}
    if bits & scan.SPOT_DEPTH:
        found.add(SPOT)
    if _COINM.fullmatch(name):
        found.add(COINM)
    elif bits & scan.CHAINED_DEPTH and not found & {USDM, COINM}:
        found.add(USDM)
    return found


def protocol_by_hints(names: Iterable[str], hints: dict[str, int]) -> str:
    """The protocol that the messages of these symbols show; empty if none does.

    Certain signs come first: an address, a COIN-M symbol's name, then depth updates, which always have `pu` on futures. A
    venue adds fields without notice, so the presence of another field only counts if there is no certain sign.
    """
    bits_by_name = {name: hints[name] for name in ("", *names) if name in hints}
    for name, bits in bits_by_name.items():
        for protocol in (COINM, USDM, SPOT):
            if protocol in certain(name, bits):
                return protocol
    every = 0
    for bits in bits_by_name.values():
        every |= bits
    if every & scan.SPOT_BOOK_TICKER:
        return SPOT
    if every & (scan.FUTURES_DEPTH | scan.FUTURES_BOOK_TICKER):
        return USDM
    if every & scan.SPOT_TRADE:
        return SPOT
    return USDM if every & scan.FUTURES_BOOK else ""


CALLED = {"BINANCE": scan.NAMED_SPOT, "BINANCE_SPOT": scan.NAMED_SPOT, "BINANCE_USDM": scan.NAMED_USDM,
           "BINANCE_COINM": scan.NAMED_COINM, "U_MARGINED": scan.NAMED_USDM, "COIN_MARGINED": scan.NAMED_COINM}  # fmt: skip
"""Other recorders' names for a venue, and exchangeInfo's `futuresType`."""
_ADDRESS = re.compile(rb"\w+://([^/\s]*)(/[^?\s]*)?")
_PROTOCOL_OF_PATH = {b"api": SPOT, b"fapi": USDM, b"dapi": COINM}
_PROTOCOL_OF_HOST = {b"stream": SPOT, b"data-stream": SPOT, b"fstream": USDM, b"dstream": COINM}


def protocol_at(address: bytes) -> str:
    """The protocol of the address at the beginning of a line; empty if it does not show one.

    >>> protocol_at(b"https://fapi.binance.com/fapi/v1/depth?symbol=A"), protocol_at(b"wss://stream.binance.com:9443/stream?s")
    ('binance-usdm', 'binance-spot')
    """
    match = _ADDRESS.match(address)
    if match is None:
        return ""
    host, path = match[1], match[2] or b""
    if b".binance" in host and (found := _PROTOCOL_OF_HOST.get(host.partition(b".")[0])):
        return found
    return _PROTOCOL_OF_PATH.get(path[1:].partition(b"/")[0], "")
