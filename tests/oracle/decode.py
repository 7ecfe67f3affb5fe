"""Frames to messages, the plain way: the standard library's JSON, and Decimal. Slow, short, obviously right."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from hft._core.base.types import Spec
from hft._core.wire.decode import MarketMessage

LARGEST = 2**63 - 1


class NotTaken(Exception):
    """The frame is no market-data message that may be applied."""


def number(text, unit: Decimal) -> int:
    """Decimal text as a count of `unit`."""
    if not isinstance(text, str):
        raise NotTaken(f"{text!r} is no text")
    return count_of(text, unit)


@lru_cache(maxsize=100_000)
def count_of(text: str, unit: Decimal) -> int:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or len(text.replace(".", "")) > 18:
        raise NotTaken(f"{text!r} is no plain decimal of at most 18 digits")
    count = Decimal(text) / unit
    decimals = max(0, -unit.normalize().as_tuple().exponent)
    if count != int(count) or Decimal(text).scaleb(decimals) > LARGEST:     # in units of the unit's own last decimal
        raise NotTaken(f"{text} is not a multiple of {unit}, or too large")
    return int(count)


def integer(value) -> int:
    if type(value) is not int or not 0 <= value < 10**18:
        raise NotTaken(f"{value!r} is no id or stamp")
    return value


def nanoseconds(fields) -> int:
    """`T`, else `E`, else 0; milliseconds, or from 1e15 on microseconds."""
    stamps = [fields[name] for name in "TE" if fields.get(name) is not None]
    if any(type(stamp) is not int for stamp in stamps):
        raise NotTaken("a stamp of the wrong kind")
    stamp = integer(stamps[0] if stamps else 0)
    ns = stamp * 1000 if stamp >= 10**15 else stamp * 10**6
    if ns > LARGEST:
        raise NotTaken(f"stamp {stamp}")
    return ns


def levels(side, spec: Spec) -> tuple:
    result, tick, quantum = [], spec.price_unit, spec.quantum
    for level in side:
        if not isinstance(level, list) or len(level) != 2:
            raise NotTaken(f"{level!r} is no level")
        result.append((number(level[0], tick), number(level[1], quantum)))
    if any(price == 0 for price, _ in result):
        raise NotTaken("a level at price zero")
    return tuple(result)


def parse(frame: bytes) -> tuple[dict, str]:
    """The message inside its envelope, and the name of its stream."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    try:
        fields = json.loads(frame.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise NotTaken("no JSON") from error
    if not isinstance(fields, dict):
        raise NotTaken("no object")
    stream = fields.get("stream", "") if "data" in fields else ""
    if not isinstance(stream, str):
        raise NotTaken("the name of a stream is text")
    inner = fields.get("data", fields.get("event", fields))
    if not isinstance(inner, dict):
        raise NotTaken("no object")
    return inner, stream


def decode(frame: bytes, specs: list[Spec], recv_ns: int = 0) -> MarketMessage:
    """The message of a market-data frame; NotTaken for anything else."""
    fields, stream = parse(frame)
    kind = fields.get("e")
    whole = re.fullmatch(r"([^@]+)@depth([0-9]{1,4})(?:@.*)?", stream)
    if kind is None and "u" in fields:
        kind = "bookTicker"
    elif kind is None and "lastUpdateId" in fields and whole:
        return bare_book(fields, specs, recv_ns, whole)
    if not isinstance(kind, str) or kind not in EVENTS:
        raise NotTaken(f"event {kind!r}")
    spec = next((spec for spec in specs if spec.name == fields.get("s")), None)
    if spec is None:
        raise NotTaken("no such symbol")
    common = {"symbol": spec.name, "recv_ns": recv_ns, "venue_ns": nanoseconds(fields)}
    try:
        return book(fields, spec, common, whole) if kind == "depthUpdate" and whole else EVENTS[kind](fields, spec, common)
    except (KeyError, TypeError) as error:
        raise NotTaken("a field is missing or of the wrong kind") from error


def depth(f, spec, common):
    first, last, prev = integer(f["U"]), integer(f["u"]), integer(f["pu"]) if f.get("pu") is not None else -1
    if type(f["E"]) is not int or first > last:
        raise NotTaken("ids")
    return MarketMessage(
        "depth", first_id=first, last_id=last, prev_id=prev, bids=levels(f["b"], spec), asks=levels(f["a"], spec), **common
    )


def book(f, spec, common, whole):
    """A stream of whole books of USD-M or COIN-M calls its messages depthUpdates; only its name tells."""
    if any(type(f[name]) is not int for name in ("U", "E")) or type(f.get("pu", 0)) not in (int, type(None)):
        raise NotTaken("ids")
    return MarketMessage(
        "book", first_id=int(whole[2]), last_id=integer(f["u"]), bids=levels(f["b"], spec), asks=levels(f["a"], spec), **common
    )


def bare_book(f, specs, recv_ns, whole):
    """One of spot names nothing."""
    spec = next((spec for spec in specs if spec.name == whole[1].upper()), None)
    if spec is None:
        raise NotTaken("no such symbol")
    try:
        return replace(snapshot_of(f, spec, recv_ns), kind="book", first_id=int(whole[2]))
    except (KeyError, TypeError) as error:
        raise NotTaken("a field is missing or of the wrong kind") from error


def book_ticker(f, spec, common):
    return MarketMessage(
        "bookTicker", last_id=integer(f["u"]), price=number(f["b"], spec.price_unit), qty=number(f["B"], spec.quantum),
        ask_price=number(f["a"], spec.price_unit), ask_qty=number(f["A"], spec.quantum), **common,
    )  # fmt: skip


def trade(f, spec, common, kind="trade", id_key="t"):
    number_, price, qty = integer(f[id_key]), number(f["p"], spec.price_unit), number(f["q"], spec.quantum)
    origin, maker = f.get("X", "MARKET"), f["m"]
    integer(f["T"])
    if type(f["E"]) is not int or not isinstance(origin, str) or not isinstance(maker, bool):
        raise NotTaken("flags")
    if origin == "MARKET" and (price == 0 or qty == 0):
        raise NotTaken("a trade of nothing")
    return MarketMessage(
        kind, first_id=number_, last_id=number_, price=price, qty=qty, buyer_is_maker=maker,
        not_market=origin != "MARKET", **common,
    )  # fmt: skip


def agg_trade(f, spec, common):
    return trade(f, spec, common, kind="aggTrade", id_key="a")


EVENTS = {"depthUpdate": depth, "bookTicker": book_ticker, "trade": trade, "aggTrade": agg_trade}


def snapshot(body: bytes, spec: Spec, recv_ns: int = 0) -> MarketMessage:
    """The REST book."""
    return snapshot_of(parse(body)[0], spec, recv_ns)


def snapshot_of(f, spec, recv_ns):
    return MarketMessage(
        "snapshot", symbol=spec.name, recv_ns=recv_ns, venue_ns=nanoseconds(f), last_id=integer(f["lastUpdateId"]),
        bids=levels(f["bids"], spec), asks=levels(f["asks"], spec),
    )  # fmt: skip
