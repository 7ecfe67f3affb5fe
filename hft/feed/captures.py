"""Reads recorded sessions: what a venue sent, with the local stamp of each message.

Three kinds of file are known, gzipped or plain, told apart by their first line:

========== ==========================================================================================================
stamped    ``<stamp> <json>``: frames as received, REST answers bare between them. Our own recordings are of this kind
wrapped    ``{"ts_local": <stamp>, "symbol": …, "type": …, "data": <json>}``
paired     two files: ``X.http.*`` with ``<url> -> <stamp>: <json>`` and ``X.ws.*`` with ``<stamp>: <json>``
========== ==========================================================================================================

Stamps are nanoseconds, microseconds or milliseconds, known by their size, or seconds with a decimal point.
"""

from __future__ import annotations

import enum
import gzip
import heapq
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from hft.errors import NOT_JSON, DamagedData, UsageError


class Kind(enum.IntEnum):
    """What one line of a capture holds."""

    FRAME = 0
    """A websocket message, with or without its combined-stream envelope."""
    SNAPSHOT = 1
    """The REST answer to a request for the book."""
    EXCHANGE_INFO = 2
    """The REST answer that gives the symbols' rules, the venue's own or another recorder's short form."""
    LOG = 3
    """A line of our run log, ``{"hft": …}``: a connection, a timer, a command."""


class Record(NamedTuple):
    """One line of a capture."""

    ns: int
    """Local stamp, nanoseconds since the epoch."""
    kind: Kind
    data: bytes
    """JSON, as received."""
    symbol: str = ""
    """Upper case, where the line says so outside of `data`: a snapshot does not name its symbol itself."""


Parse = Callable[[bytes], "Record | None"]

_FIRST_NS = 946_684_800 * 10**9     # 2000: what is below is no stamp of a capture
_LAST_NS = 4_102_444_800 * 10**9    # 2100
_UNITS = (1, 10**3, 10**6, 10**9)   # ns, us, ms, s: no stamp of this century fits two of them


def stamp_ns(text: bytes | str) -> int:
    """A printed stamp as nanoseconds since the epoch, exactly; ValueError when it is none.

    >>> stamp_ns("1723161253937085768"), stamp_ns("1721749182850494"), stamp_ns("1633998512.0633569")
    (1723161253937085768, 1721749182850494000, 1633998512063356900)
    """
    whole, _, fraction = (text.decode() if isinstance(text, bytes) else text).partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) < 20) or not (fraction or "0").isdigit():
        raise ValueError(f"{whole[:40]!r} is not a stamp")
    for unit in _UNITS:
        if _FIRST_NS <= int(whole) * unit < _LAST_NS:
            return int(whole) * unit + int(fraction.ljust(9, "0")[:9]) * unit // 10**9
    raise ValueError(f"{whole} is not a stamp between the years 2000 and 2100")


# -- one line ------------------------------------------------------------------------------------------------------


class _Probe(msgspec.Struct):
    """Enough of a message to tell what it is."""

    lastUpdateId: int | None = None     # the venue's name
    symbols: msgspec.Raw = msgspec.Raw()
    hft: msgspec.Raw = msgspec.Raw()


class _Wrapped(msgspec.Struct):
    ts_local: msgspec.Raw
    type: str
    data: msgspec.Raw
    symbol: str = ""


_WRAPPED_KINDS = {"snapshot": Kind.SNAPSHOT, "exchangeInfo": Kind.EXCHANGE_INFO}
_probe = msgspec.json.Decoder(_Probe)
_wrapped = msgspec.json.Decoder(_Wrapped)
_valid = msgspec.json.Decoder(msgspec.Raw)
_STAMPED = re.compile(rb"(\d{9,19}) (.+)", re.DOTALL)
_FETCHED = re.compile(rb"(https?://\S+) -> ([\d.]+): ?(.*)", re.DOTALL)
_RECEIVED = re.compile(rb"([\d.]+): ?(.*)", re.DOTALL)
_OPENED = re.compile(rb"wss?://\S+ <?-> [\d.]+")
_SYMBOL = re.compile(rb"[?&]symbol=(\w+)")


def _kind(data: bytes) -> Kind:
    """What a bare message is; ValueError when it is no JSON object. Hot streams are known by how they begin."""
    if data.startswith((b'{"stream"', b'{"e"')):
        _valid.decode(data)
        return Kind.FRAME
    probe = _probe.decode(data)
    if probe.hft:
        return Kind.LOG
    if probe.lastUpdateId is not None:
        return Kind.SNAPSHOT
    return Kind.EXCHANGE_INFO if probe.symbols else Kind.FRAME


def _parse_stamped(line: bytes) -> Record | None:
    match = _STAMPED.fullmatch(line)
    if match is None:
        raise ValueError("not `<stamp> <json>`")
    return Record(stamp_ns(match[1]), _kind(match[2]), match[2])


def _parse_wrapped(line: bytes) -> Record | None:
    wrapped = _wrapped.decode(line)
    kind = _WRAPPED_KINDS.get(wrapped.type, Kind.FRAME)
    return Record(stamp_ns(bytes(wrapped.ts_local)), kind, bytes(wrapped.data), wrapped.symbol.upper())


def _parse_paired(line: bytes) -> Record | None:
    if match := _FETCHED.fullmatch(line):
        symbol = _SYMBOL.search(match[1])
        return Record(stamp_ns(match[2]), _kind(match[3]), match[3], symbol[1].decode().upper() if symbol else "")
    if match := _RECEIVED.fullmatch(line):
        return Record(stamp_ns(match[1]), _kind(match[2]), match[2])
    if _OPENED.match(line):
        return None             # a connection opened, or what was sent on it
    raise ValueError("not `<url> -> <stamp>: <json>` or `<stamp>: <json>`")


def _parser(line: bytes) -> Parse | None:
    """The parser for a file that begins with `line`."""
    if line.startswith((b"http://", b"https://", b"ws://", b"wss://")) or re.match(rb"\d+(\.\d+)?: ?\{", line):
        return _parse_paired
    if line.startswith(b'{"ts_local"'):
        return _parse_wrapped
    return _parse_stamped if re.match(rb"\d{9,19} ", line) else None


# -- one file ------------------------------------------------------------------------------------------------------


class Capture:
    """One file of a recorded session, read from its start each time it is iterated over.

    Parameters
    ----------
    path : str or Path
        The file; gzip is known by its first bytes, not by the name.

    Attributes
    ----------
    torn : str
        After iteration: empty, or where the file breaks off. A recorder that is killed leaves such a file; what comes before
        the tear is sound.

    Raises `UsageError` where there is no such file, and `DamagedData`, with file and line, for anything in it that is neither
    a record nor a torn end.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.torn = ""
        self.lines = 0

    def __iter__(self) -> Iterator[Record]:
        return _in_stamp_order(self._records())

    def _records(self) -> Iterator[Record]:
        parse: Parse | None = None
        for line in self._lines():
            body = line.strip()
            if not body:
                continue
            parse = parse or _parser(body)
            try:
                if parse is None:
                    raise ValueError("not a capture of a known kind")
                record = parse(body)
            except NOT_JSON as error:
                if line.endswith(b"\n") or parse is None:
                    raise DamagedData(str(error), where=f"{self.path}, line {self.lines}", do=_WAY_OUT) from None
                self.torn = f"{self.path} breaks off within line {self.lines}; read up to there"
                return
            if record is not None:
                yield record
        if parse is None and not self.torn:
            raise DamagedData("holds no record", where=str(self.path), do=_WAY_OUT)

    def _lines(self) -> Iterator[bytes]:
        self.torn, self.lines = "", 0
        try:
            with _open(self.path) as file:
                for line in file:
                    self.lines += 1
                    yield line
        except EOFError:
            self.torn = f"{self.path} breaks off after line {self.lines}; read up to there"
        except (zlib.error, gzip.BadGzipFile) as error:
            raise DamagedData(f"can't be unpacked: {error}", where=f"{self.path}, after line {self.lines}", do=_WAY_OUT) from None


_WAY_OUT = "copy it again from where it came from, or cut it before that line"


def _open(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
        if file.read(2) == b"\x1f\x8b":
            file.close()
            return cast(BinaryIO, gzip.open(path, "rb"))
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", where=str(path), do="name an existing capture file") from None
    file.seek(0)
    return file


def _in_stamp_order(records: Iterable[Record]) -> Iterator[Record]:
    """Puts REST answers where their stamps belong. Some recorders write them first, stamped later than the frames that
    follow; frames stay in the order of their lines."""
    answers: list[tuple[int, int, Record]] = []
    for n, record in enumerate(records):
        if record.kind in (Kind.SNAPSHOT, Kind.EXCHANGE_INFO):
            heapq.heappush(answers, (record.ns, n, record))
            continue
        while answers and answers[0][0] <= record.ns:
            yield heapq.heappop(answers)[2]
        yield record
    while answers:
        yield heapq.heappop(answers)[2]


# -- several files -------------------------------------------------------------------------------------------------


class Session:
    """Several captures as one session, merged by (stamp, file, line) (SEMANTICS 1).

    Of a paired capture either file may be named; the others of the pair are found beside it.

    Attributes
    ----------
    captures : list of Capture
        In the order of the merge.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self.captures = [Capture(path) for path in _with_pairs(Path(path) for path in paths)]
        if not self.captures:
            raise UsageError("no capture named", do="name at least one file")

    @property
    def torn(self) -> list[str]:
        """After iteration: where each torn file breaks off."""
        return [capture.torn for capture in self.captures if capture.torn]

    def __iter__(self) -> Iterator[Record]:
        if len(self.captures) == 1:
            return iter(self.captures[0])
        return heapq.merge(*self.captures, key=lambda record: record.ns)     # stable: file, then line


def _with_pairs(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        match = re.fullmatch(r"(.+)\.(http|ws)\.[\d.]+", path.name)
        mates = [mate for kind in ("http", "ws") for mate in sorted(path.parent.glob(f"{match[1]}.{kind}.*"))] if match else []
        found.update(dict.fromkeys(mates or [path]))
    return list(found)
