"""Edits of a message's text for faults: pure functions, each None if it is not applicable to the message."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from hft.exchange.wire import MICROSECOND

_NUMBER = re.compile(r'"-?\d+(?:\.\d+)?"')      # prices and quantities are printed in quotes, ids and stamps are not
_STAMP = re.compile(r'"(E|T|serverTime)":(\d+)')
_EVENT = re.compile(r'"e":"\w+"')
_SYMBOL = re.compile(r'"s":"\w+"')
_FIRST_ID = re.compile(r'"U":\d+,')
_BOOK_ID = re.compile(rb'"lastUpdateId":(\d+)')
_BID_START = re.compile(r'"b":\[')
_ASK = re.compile(r'\["([\d.]+)","([\d.]+)"\]')

Edit = Callable[[str, Random], "str | bytes | None"]


def _truncated(text: str, rng: Random) -> str:
    return text[: rng.randrange(1, len(text))]


def _binary(text: str, rng: Random) -> bytes:
    return b"\x00\xff" + rng.randbytes(len(text) // 2)


def _number(replacement: Callable[[str], str]) -> Edit:
    """One of a message's prices or quantities at random: a bad one in the middle must not follow partial effects."""

    def edit(text: str, rng: Random) -> str | None:
        found = list(_NUMBER.finditer(text))
        if not found:
            return None
        at = rng.choice(found)
        return f'{text[: at.start()]}"{replacement(at[0].strip(chr(34)))}"{text[at.end():]}'

    return edit


def _replaced(pattern: re.Pattern[str], replacement: str) -> Edit:
    def edit(text: str, _rng: Random) -> str | None:
        made, times = pattern.subn(replacement, text, count=1)
        return made if times else None

    return edit


MALFORMED: dict[str, Edit] = {
    "truncated": _truncated,
    "binary": _binary,
    "nan": _number(lambda _: "NaN"),
    "infinite": _number(lambda _: "1e400"),
    "negative": _number(lambda number: f"-{number}"),
    "long_price": _number(lambda _: "123456789012345678901"),
    "no_first_id": _replaced(_FIRST_ID, ""),
    "unknown_event": _replaced(_EVENT, '"e":"mystery"'),
    "wrong_symbol": _replaced(_SYMBOL, '"s":"NOSUCHUSDT"'),
}


def malformed(text: str, shape: str, rng: Random) -> str | bytes | None:
    """An unusable frame made from a usable one; `shape` is a key of `MALFORMED`, or "any".

    >>> malformed('{"e":"trade","s":"BTCUSDT","p":"61800.20"}', "negative", Random(1))
    '{"e":"trade","s":"BTCUSDT","p":"-61800.20"}'
    >>> malformed('{"e":"trade","s":"BTCUSDT","p":"61800.20"}', "no_first_id", Random(1)) is None
    True
    """
    if shape != "any":
        return MALFORMED[shape](text, rng)
    shapes = list(MALFORMED.values())
    rng.shuffle(shapes)
    return next((made for edit in shapes if (made := edit(text, rng)) is not None), None)


def crossed(text: str) -> str | None:
    """A depth update with an added bid at one of its own asks; None if it sets no ask.

    >>> crossed('{"b":[["9","1"]],"a":[["10","0"],["11","2"]]}')
    '{"b":[["11","2"],["9","1"]],"a":[["10","0"],["11","2"]]}'
    """
    bids, asks = _BID_START.search(text), text.find('"a":[')
    if bids is None or asks < 0:
        return None
    found = next((each for each in _ASK.finditer(text, asks) if each[2].strip("0.")), None)
    if found is None:
        return None
    comma = "" if text[bids.end()] == "]" else ","
    return f'{text[: bids.end()]}["{found[1]}","{found[2]}"]{comma}{text[bids.end():]}'


def stepped(text: str, step_ns: int, unit: int, *, microseconds: bool = False) -> str:
    """A message with its stamps stepped; `unit`: nanoseconds per unit of a stamp. In microseconds if `microseconds` is set.

    >>> stepped('{"e":"trade","E":1700000000000,"p":"1"}', -3_600_000_000_000, 1_000_000)
    '{"e":"trade","E":1699996400000,"p":"1"}'
    """
    printed = MICROSECOND if microseconds else unit
    return _STAMP.sub(lambda at: f'"{at[1]}":{max(0, int(at[2]) * unit + step_ns) // printed}', text)


def put_back(body: bytes, behind: int) -> bytes:
    """A REST book with an id that many updates older.

    >>> put_back(b'{"lastUpdateId":1000,"bids":[]}', 900)
    b'{"lastUpdateId":100,"bids":[]}'
    """
    return _BOOK_ID.sub(lambda at: b'"lastUpdateId":%d' % max(1, int(at[1]) - behind), body, count=1)


def notice(form: str, stamp: int) -> str:
    """serverShutdown as printed by a raw stream, a combined one, or the WebSocket API."""
    event = f'{{"e":"serverShutdown","E":{stamp}}}'
    return {"raw": event, "combined": f'{{"stream":"!serverShutdown","data":{event}}}', "event": f'{{"event":{event}}}'}[form]


def padded(size: int) -> bytes:
    """A frame of that many bytes: valid JSON without a meaning."""
    head, tail = b'{"e":"oversize","pad":"', b'"}'
    return head + b"0" * (size - len(head) - len(tail)) + tail
