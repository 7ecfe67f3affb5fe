"""Recorded sessions, the plain way: the whole file in memory, cut into lines, each line at its first separator."""

import json
from decimal import Decimal, localcontext
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

FRAME, SNAPSHOT, EXCHANGE_INFO, LOG = range(4)


class Line(NamedTuple):
    ns: int
    kind: int
    value: object   # of its JSON; numbers are left as they are printed
    symbol: str


def value(text: bytes) -> object:
    """JSON; what stands in strings is not judged."""
    return json.loads(text.decode(errors="replace"), strict=False, parse_float=str, parse_int=str)


def nanoseconds(text: str) -> int:
    """A printed stamp, in whichever unit puts it between 2000 and 2100."""
    with localcontext() as context:
        context.prec = 100
        whole = int(text.partition(".")[0])
        unit = next(u for u in (1, 10**3, 10**6, 10**9) if 946_684_800 * 10**9 <= whole * u < 4_102_444_800 * 10**9)
        return int(Decimal(text) * unit)


def kind(fields: dict) -> int:
    if next(iter(fields), "") in ("stream", "e"):
        return FRAME
    if "hft" in fields:
        return LOG
    if fields.get("lastUpdateId") is not None:
        return SNAPSHOT
    return EXCHANGE_INFO if "symbols" in fields else FRAME


def parse(line: bytes, wrapped: bool) -> Line | None:
    """One line; None for one that opens a connection."""
    if wrapped:
        fields = value(line)
        known = {"snapshot": SNAPSHOT, "exchangeInfo": EXCHANGE_INFO}
        return Line(nanoseconds(fields["ts_local"]), known.get(fields["type"], FRAME), fields["data"],
                    fields.get("symbol", "").upper())  # fmt: skip
    if line.startswith((b"ws://", b"wss://")):
        return None
    symbol = ""
    if line.startswith((b"http://", b"https://")):
        url, _, line = line.partition(b" -> ")
        requests = url.replace(b"?", b"&").split(b"&symbol=")
        symbol = unquote_to_bytes(requests[1].split(b"&")[0]).decode(errors="replace") if requests[1:] else ""
    stamp, _, body = line.partition(b":" if b":" in line[: line.index(b"{")] else b" ")
    fields = value(body)
    return Line(nanoseconds(stamp.decode()), kind(fields), fields, symbol.upper())


def read(content: bytes, torn: bool = False) -> list[Line]:
    """The lines of a file, REST answers before the first line after them that is not earlier; of a torn one, all but the last."""
    content = content.removeprefix("\ufeff".encode())
    lines = [body for line in content.split(b"\n")[: -1 if torn else None] if (body := line.strip(b" \t\r\v\f\0"))]
    rows = [row for line in lines if (row := parse(line, lines[0].startswith(b'{"ts_local"')))]     # a file is of one kind

    def place(n: int) -> tuple[int, ...]:
        row = rows[n]
        if row.kind not in (SNAPSHOT, EXCHANGE_INFO):
            return n, 1
        others = (m for m in range(n + 1, len(rows)) if rows[m].kind not in (SNAPSHOT, EXCHANGE_INFO))
        return next((m for m in others if rows[m].ns >= row.ns), len(rows)), 0, row.ns, n

    return [rows[n] for n in sorted(range(len(rows)), key=place)]
