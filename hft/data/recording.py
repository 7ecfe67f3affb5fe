"""The lines of a recording, whose format is in docs/recordings.md."""

from __future__ import annotations

import base64
import re
from typing import Any, Literal, TypedDict

import msgspec

from hft.data import hot_lines
from hft.data.record import Kind, Record

FORMAT = 1
"""The format that this version writes and reads."""


class Opening(msgspec.Struct, frozen=True):
    """The first line of every part."""

    format: int
    version: str = ""
    """hft's version."""
    part: int = 1
    session: str = ""
    """Equal in every part, and different in every other recording."""


class _Line(msgspec.Struct):
    hft: dict[str, msgspec.Raw]


class _Rest(msgspec.Struct):
    path: str
    symbol: str = ""


class _Broken(msgspec.Struct):
    lost: int


class LinkLine(TypedDict):
    """An event of one of the feed's connections."""

    kind: str
    text: str
    connection: str
    symbols: list[str]


class RulesLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of a symbol from here on, as decimal text; see `hft.Engine.set_rules`."""

    symbol: str
    tick: str
    step: str
    quantum: str
    min_qty: str = "0"
    max_qty: str = "0"
    min_notional: str = "0"
    trading: bool = True


_line = msgspec.json.Decoder(_Line).decode
_FIRST = re.compile(rb'\d+ \{"hft":\{"recording":')
_REST_KINDS = {"depth": Kind.SNAPSHOT, "exchangeInfo": Kind.EXCHANGE_INFO}


def is_recording(line: bytes) -> bool:
    """Whether a file that begins with this line is a recording."""
    return _FIRST.match(line) is not None


def opening(part: int, session: str, version: str, now_ns: int) -> bytes:
    """The first line of a part."""
    return b'%d {"hft":{"recording":%b}}\n' % (now_ns, msgspec.json.encode(Opening(FORMAT, version, part, session)))


_VALUES: dict[str, Any] = {
    "connect": str, "disconnect": str, "resync": str, "timer": bool, "journal_full": bool, "stop": bool,
    "kill": bool | Literal["kill_files_gone"],
    "decision": tuple[int, int, int, int, int, int, int, int, int, int],
    "end": bool, "state": dict[str, dict[str, str] | str], "link": LinkLine, "rules": RulesLine,
}  # fmt: skip
OF_A_SYMBOL = ("connect", "disconnect", "resync")


def mark(record: Record) -> tuple[str, Any]:
    """Name and value of a line of our own. Raises one of `hft.errors.NOT_JSON` if it has none, or one of a wrong type.

    >>> mark(Record(1, Kind.LOG, b'{"hft":{"connect":"BTCUSDT"}}'))
    ('connect', 'BTCUSDT')
    """
    (name, value), = _ours(record.data).items()
    return name, msgspec.json.decode(value, type=_VALUES.get(name, Any))


def _ours(body: bytes) -> dict[str, msgspec.Raw]:
    found = _line(body).hft
    if len(found) != 1:
        raise ValueError(f"{len(found)} names in one line")
    return found


class RecordingReader:
    """Turns the lines of all parts of a recording into records.

    Frames are not checked: the engine also gets again the frames that it could not use live.

    Attributes
    ----------
    lost : int
        Inputs that are missing.
    ended : bool
        Whether the recorder closed it.
    first_part : int
        Number of its first part; 0 before that is known.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.ended = False
        self.first_part = 0
        self._opening: Opening | None = None
        self._rest: _Rest | None = None

    def read(self, line: bytes) -> Record | None:
        """The record of a whole line; None for a line that announces the next. Raises one of `hft.errors.NOT_JSON`."""
        if self._rest is None and (frame := hot_lines.recorded(line)) is not None:
            return frame
        stamp, space, body = line[:-1].partition(b" ")
        if not space or not stamp.isdigit() or len(stamp) > 19 or int(stamp) >= 2**63:
            raise ValueError("not `<ns> <body>`")
        ns = int(stamp)
        if not body.startswith(b'{"hft"'):
            return self._message(ns, body)
        (name, value), = _ours(body).items()
        match name:
            case "raw":
                return self._message(ns, base64.b64decode(msgspec.json.decode(value, type=str), validate=True))
            case "rest":
                self._rest = msgspec.json.decode(value, type=_Rest)
                if self._rest.path not in _REST_KINDS:
                    raise ValueError(f"a REST body of {self._rest.path!r}")
                return None
            case "recording":
                self._open(msgspec.json.decode(value, type=Opening))
            case "broken":
                self.lost += msgspec.json.decode(value, type=_Broken).lost
            case "end":
                self.ended = True
        record = Record(ns, Kind.LOG, body)
        mark(record)
        return record

    def _message(self, ns: int, body: bytes) -> Record:
        rest, self._rest = self._rest, None
        if rest is None:
            return Record(ns, Kind.FRAME, body)
        return Record(ns, _REST_KINDS[rest.path], body, rest.symbol)

    def _open(self, new: Opening) -> None:
        if new.format != FORMAT:
            raise ValueError(f"a recording of format {new.format}; this version reads {FORMAT}")
        if self._opening is not None and new.session != self._opening.session:
            raise ValueError("a part of another recording")
        if self._opening is not None and new.part != self._opening.part + 1:
            raise ValueError(f"part {new.part} found in place of part {self._opening.part + 1}")
        self.first_part = self.first_part or new.part
        self._opening = new
