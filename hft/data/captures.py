"""Reads recorded sessions: a venue's messages, each with its local stamp.

Four kinds of file are known, plain or packed with gzip or zstandard. The first line shows the kind:

========== ==========================================================================================================
recording  our own, see `hft.data.recording`: ``<ns> <body>``, frames as received and all other inputs of the engine
stamped    ``<stamp> <json>``: frames as received, and bare REST answers between them
wrapped    ``{"ts_local": <stamp>, "symbol": …, "type": …, "data": <json>}``
paired     two files: ``X.http.*`` with ``<url> -> <stamp>: <json>`` and ``X.ws.*`` with ``<stamp>: <json>``
========== ==========================================================================================================

Stamps are nanoseconds, microseconds or milliseconds, recognised by their size, or seconds with a decimal point.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import msgspec

from hft._core.engine.events import LAST_TIME_NS
from hft.data import files, hot_lines
from hft.data.identify import identify
from hft.data.record import Kind, Record
from hft.data.recording import RecordingReader, is_recording
from hft.data.steps import Steps
from hft.errors import NOT_JSON, DamagedData, UsageError
from hft.venues.recorded import protocol_at

Parse = Callable[[bytes], "Record | None"]

_FIRST_NS = 946_684_800 * 10**9     # the year 2000: a smaller number is no stamp of a capture
_UNITS = (1, 10**3, 10**6, 10**9)   # ns, us, ms, s: no stamp of this century fits two of them


def stamp_ns(text: bytes | str) -> int:
    """A printed stamp as nanoseconds since the epoch, exactly; ValueError if it is not one.

    >>> stamp_ns("1723161253937085768"), stamp_ns("1721749182850494"), stamp_ns("1633998512.0633569")
    (1723161253937085768, 1721749182850494000, 1633998512063356900)
    """
    whole, _, fraction = (text.decode() if isinstance(text, bytes) else text).partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) < 20) or not (fraction or "0").isdigit():
        raise ValueError(f"{whole[:40]!r} is not a stamp")
    for unit in _UNITS:
        if _FIRST_NS <= int(whole) * unit < LAST_TIME_NS:
            return int(whole) * unit + int(fraction.ljust(9, "0")[:9]) * unit // 10**9
    raise ValueError(f"{whole} is not a stamp between the years 2000 and 2100")


# -- which files -------------------------------------------------------------------------------------------------------


def first_line(path: Path) -> bytes:
    """Unpacked; empty if it can't be read, which the reader of the file will report. Raises `UsageError` for a pipe."""
    files.require_no_pipe(path)
    try:
        with path.open("rb") as file:
            return files.unmarked(next(iter(files.lines(file)), b""))
    except (OSError, ValueError, files.Torn):
        return b""


def files_of(path: Path) -> list[Path]:
    """The files that a path names: itself, or all parts of a recording of our own, named by any of them or as a whole.

    Files of other programs with such names are read one by one: only a first line of our own makes a file a recording.
    Raises `UsageError` for a pipe.
    """
    files.require_no_pipe(path)
    found = files.parts(path)
    if found == [path]:
        return found
    ours = [part for part in found if is_recording(first_line(part))]
    return ours if ours and (path in ours or not path.exists()) else [path]


def is_capture(line: bytes) -> bool:
    """Whether a file that begins with this line is a capture of a known kind."""
    return _parser(line.strip(_BLANK)) is not None


def is_paired(path: Path) -> bool:
    """Whether it is one file of a pair, with REST answers or frames."""
    return _parser(first_line(path).strip()) is _parse_paired


# -- one line ------------------------------------------------------------------------------------------------------


class _Probe(msgspec.Struct):
    """The fields of a message that show its kind."""

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
_STAMPED = re.compile(rb"(\d{9,19}(?:\.\d+)?) (.+)", re.DOTALL)
_FETCHED = re.compile(rb"(https?://\S+) -> ([\d.]+): ?(.*)", re.DOTALL)
_RECEIVED = re.compile(rb"([\d.]+): ?(.*)", re.DOTALL)
_OPENED = re.compile(rb"wss?://\S+ <?-> [\d.]+")
_SYMBOL = re.compile(rb"[?&]symbol=([^&\s]+)")
def _kind(data: bytes) -> Kind:
    """The kind of a bare message; ValueError if it is no JSON object. Hot streams are recognised by their first bytes."""
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
        return Record(stamp_ns(match[2]), _kind(match[3]), match[3], unquote(symbol[1].decode()).upper() if symbol else "")
    if match := _RECEIVED.fullmatch(line):
        return Record(stamp_ns(match[1]), _kind(match[2]), match[2])
    if _OPENED.match(line):
        return None             # an opened connection, or a message sent on it
    raise ValueError("not `<url> -> <stamp>: <json>` or `<stamp>: <json>`")


def _parser(line: bytes) -> Parse | None:
    """The parser for a file that begins with `line`."""
    if line.startswith((b"http://", b"https://", b"ws://", b"wss://")) or re.match(rb"\d+(\.\d+)?: ?\{", line):
        return _parse_paired
    if line.startswith(b'{"ts_local"'):
        return _parse_wrapped
    return _parse_stamped if re.match(rb"\d{9,19}(\.\d+)? ", line) else None


def _never(line: bytes) -> None:
    """For files without hot lines."""


_HOT: dict[Parse, Parse] = {_parse_stamped: hot_lines.stamped, _parse_paired: hot_lines.received}
"""The reader of a file's hot lines, for each parser of whole lines."""

_BLANK = b" \t\r\n\v\f\0"       # a system that lost power leaves zeros in place of lines
_ANEW = re.compile(rb'\d{9,19}(?:\.\d+)?:? ?\{|\{"ts_local"|https?://')


def _after_tear(line: bytes, parse: Parse) -> Record | None:
    """The record that begins in the middle of a line, where a killed recorder's file was continued by another recorder. None if
    no record begins there."""
    for match in _ANEW.finditer(line, 1):
        try:
            return parse(line[match.start():])
        except NOT_JSON:
            continue
    return None


# -- one file ------------------------------------------------------------------------------------------------------


class Capture:
    """One recorded session, read from its start each time it is iterated over.

    Parameters
    ----------
    path : str or Path
        The file; gzip and zstandard are recognised by the first bytes, not by the name. A recording of our own in parts is read
        whole, by the name of any part or the name given to the recorder. Other files are read alone, whatever their name.

    Attributes
    ----------
    torn : str
        After iteration: empty, or where the file breaks off. A killed recorder leaves such a file; the data before the tear
        is sound.
    tears : list of str
        After iteration: where it breaks off and continues, as when a recorder was killed and later appended to the file.
    headless : str
        After iteration: empty, or a line saying that the first parts of a recording are missing.
    protocol : str
        After iteration: the protocol shown by the addresses in a pair's lines; empty if there are none.
    lost : int
        After iteration: inputs that are missing in a recording, because its recorder could not keep up.
    steps : list of str
        After iteration: where the clock of a capture was set while it ran, and the correction, see `hft.data.steps`.

    Raises `UsageError` where there is no such file, and `DamagedData`, with file and line, for anything in it that is neither
    a record nor a torn end.
    """

    def __init__(self, path: str | Path) -> None:
        self.parts = files_of(Path(path))
        self.path = self.parts[0]
        self.torn = ""
        self.tears: list[str] = []
        self.headless = ""
        self.protocol = ""
        self.lost = 0
        self.steps: list[str] = []
        self.lines = 0
        self._raw: BinaryIO | None = None
        self._before = 0
        self._at = self.path

    @property
    def size(self) -> int:
        """Bytes on the disk, of all parts."""
        return sum(part.stat().st_size for part in self.parts)

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read; for progress."""
        return self._before if self._raw is None or self._raw.closed else self._before + self._raw.tell()

    def __iter__(self) -> Iterator[Record]:
        self.torn, self.headless, self.lost, self._before, self.tears, self.steps = "", "", 0, 0, [], []
        with closing(self._lines(self.path)) as rest:
            first = next(rest, b"")
            lines = chain([first], rest) if first else rest
            if not is_recording(first):
                most = MOST_WAITING if _parser(first.strip(_BLANK)) is _parse_paired else 0
                yield from _in_stamp_order(self._steady(self._records(lines)), most)
                return
            reader = RecordingReader()
            yield from self._part(reader, lines)
        if reader.first_part > 1:
            why = "without those before it there is no book until the next snapshot"
            self.headless = f"{self.path} is part {reader.first_part}; {why}"
        for part in self.parts[1:]:
            if self.torn:
                raise DamagedData(self.torn, do=f"copy it again: {part.name} goes on after it")
            with closing(self._lines(part)) as lines:
                yield from self._part(reader, lines)
        self.lost = reader.lost
        if not self.torn and not reader.ended:
            self.torn = f"{self.parts[-1]} has no end: its recorder was killed after line {self.lines}; read up to there"

    def _records(self, lines: Iterable[bytes]) -> Iterator[Record]:
        parse: Parse | None = None
        hot: Parse = _never
        for line in lines:
            if (frame := hot(line)) is not None:
                yield frame
                continue
            body = line.strip(_BLANK)
            if not body:
                continue
            try:
                if parse is None and (parse := _parser(body)) is not None:
                    hot = _HOT.get(parse, _never)
                if parse is None:
                    what, do = identify(body, self.path.name) or ("not a capture of a known kind", _WAY_OUT)
                    raise DamagedData(what, where=str(self._at), do=do)       # an error of the whole file, not of a line
                record = parse(body)
            except NOT_JSON as error:
                after = _after_tear(body, parse) if parse is not None else None
                if after is None:
                    if line.endswith(b"\n"):
                        raise self._damaged(str(error)) from None
                    self.torn = f"{self.path} breaks off within line {self.lines}; read up to there"
                    return
                self.tears.append(f"{self.path} breaks off within line {self.lines} and goes on there with another record")
                record = after
            if parse is _parse_paired and not self.protocol:
                self.protocol = protocol_at(body)
            if record is not None:
                yield record
        if parse is None and not self.torn:
            what = "holds no record" if self.lines else "is empty"
            raise DamagedData(what, where=str(self.path), do="name a file that is not empty")

    def _steady(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records with stamps corrected for steps of the clock. Our own recordings never have such steps."""
        steps = Steps(lambda: f"{self._at}, line {self.lines}")
        self.steps = steps.reported
        for record in records:
            if steps.passes(record):
                yield record
            else:
                yield from steps.take(record)
        yield from steps.finish()

    def _part(self, reader: RecordingReader, lines: Iterable[bytes]) -> Iterator[Record]:
        """A recording of our own, or a part of one."""
        for line in lines:
            if self.tears:
                self.torn = self.tears.pop()
                return
            if not line.endswith(b"\n"):
                self.torn = f"{self._at} breaks off within line {self.lines}; read up to there"
                return
            try:
                record = reader.read(line)
            except NOT_JSON as error:
                raise self._damaged(str(error)) from None
            if record is not None:
                yield record

    def _lines(self, path: Path) -> Generator[bytes, None, None]:
        self._at, self.lines = path, 0
        self._before += self._raw.tell() if self._raw is not None and not self._raw.closed else 0
        try:
            file = path.open("rb")
            with file:
                self._raw = file
                for line in files.lines(file, self._tear):
                    self.lines += 1
                    yield files.unmarked(line) if self.lines == 1 else line
                self._before += file.tell()
        except files.Torn:
            self.torn = f"{path} breaks off after line {self.lines}; read up to there"
        except OSError as error:
            raise UsageError(f"can't be read: {error.strerror}", where=str(path), do="name an existing capture file") from None
        except ValueError as error:
            raise DamagedData(str(error), where=f"{path}, after line {self.lines}", do=_WAY_OUT) from None

    def _tear(self) -> None:
        self.tears.append(f"{self._at} breaks off after line {self.lines} and goes on with another member")

    def _damaged(self, what: str) -> DamagedData:
        return DamagedData(what, where=f"{self._at}, line {self.lines}", do=_WAY_OUT)


_WAY_OUT = "copy it again from its source, or cut it before that line"


MOST_WAITING = 64
"""Most answers that wait for frames in a file of a pair; the file of answers has no frames, and any length."""


def _in_stamp_order(records: Iterable[Record], most: int = 0) -> Iterator[Record]:
    """Moves REST answers to the place of their stamps. Some recorders write an answer first, though it is stamped later than the
    frames that follow. Frames keep the order of their lines. At most `most` answers wait; 0: any number."""
    answers: list[tuple[int, int, Record]] = []
    for n, record in enumerate(records):
        if record.kind is not Kind.FRAME and record.kind in (Kind.SNAPSHOT, Kind.EXCHANGE_INFO):
            heapq.heappush(answers, (record.ns, n, record))
            if len(answers) == most:
                yield heapq.heappop(answers)[2]
            continue
        while answers and answers[0][0] <= record.ns:
            yield heapq.heappop(answers)[2]
        yield record
    while answers:
        yield heapq.heappop(answers)[2]
