"""Structured logging: JSON lines in `strategy.log`, short lines on stderr.

A call only puts the event on a bounded queue. One thread formats and writes, so that a slow disk never delays the event loop;
if the queue is full, lines are dropped and their number is logged as soon as there is room. Nothing is logged per market
message. The lines of one event per minute are limited, and the file is rotated by size: see `hft.logfile`. All text is made
`printable` first.

Without `open_log` (hft used as a library) events go to the standard library's logging.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hft.config import Logging
from hft.errors import LONGEST, printable
from hft.logfile import WINDOW_S, EventLimit, LogFile

# structlog's own `__init__` imports its development renderer, which imports rich if installed: 20 ms and several megabytes
# that the engine's process must not spend. A None in `sys.modules` makes `import rich` fail only during this import;
# structlog works without it, and other imports of rich are not affected.
_rich_is_here = "rich" in sys.modules
if not _rich_is_here:
    sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if not _rich_is_here:
        del sys.modules["rich"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

CLOSE_S = 10.0
"""Longest wait at the end of a process for the disk to take the queued lines."""
LONGEST_TRACE = 200
"""Most lines of a traceback."""
MOST_DEPTH = 3
"""Most levels of nested lists and dictionaries; deeper ones are logged as text."""

Event = Mapping[str, Any]


class LogWriter:
    """The writing thread and its queue.

    Parameters
    ----------
    path : Path, optional
        The log file, appended to, mode 0600; None: stderr only.
    settings : Logging
        Levels and queue size.
    stream : TextIO, optional
        Output of the short lines; None: no output (a terminal view owns the screen).
    """

    def __init__(self, path: Path | None, settings: Logging, stream: TextIO | None = sys.stderr) -> None:
        self.dropped = 0
        self.failed = 0
        self.trouble = ""
        """Why the newest line could not be written; empty if it was."""
        self._levels = (LEVELS[settings.level], LEVELS[settings.console_level])
        self._capacity = settings.queue_size
        # SimpleQueue, whose put never waits and may run in a signal handler.
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._stream = stream
        self._file = None if path is None else LogFile(path, settings.rotate_mb * 1_000_000, settings.keep)
        self._limit = EventLimit(settings.event_limit, time.monotonic)
        self._reported = 0
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="hft-log", daemon=True)
        self._thread.start()

    @property
    def level(self) -> int:
        """The lowest level that file or stderr takes."""
        return min(self._levels)

    def put(self, event: Event) -> None:
        """Queues one event without waiting. Its values must not change afterwards."""
        if self._queue.qsize() >= self._capacity:
            self.dropped += 1
        else:
            self._queue.put(event)

    def close(self) -> None:
        """Writes the queued events, then ends. Closing twice is harmless."""
        with self._closing:
            if self._thread.is_alive():
                self._queue.put(None)
                self._thread.join(CLOSE_S)      # a disk that hangs must not keep the process
            if self._file is not None and not self._thread.is_alive():
                self._file.close()
                self._file = None

    def _run(self) -> None:
        going_on = True
        while going_on:
            with contextlib.suppress(queue.Empty):
                event = self._queue.get(timeout=WINDOW_S)
                going_on = event is not None
                if event is not None and self._limit.passes((event["logger"], event["event"])):
                    self._write(event)
            if self.dropped > self._reported and (self._queue.empty() or not going_on):
                self._report_dropped()
            for of, count in self._limit.left_out(end=not going_on):
                logger, name = of if isinstance(of, tuple) else ("", "of other kinds")
                self._report("log lines left out", of=f"{logger}: {name}" if logger else name, count=count)

    def _report_dropped(self) -> None:
        count, self._reported = self.dropped - self._reported, self.dropped
        self._report("log lines dropped", count=count)

    def _report(self, what: str, **values: object) -> None:
        self._write(_stamped({"event": what, "level": "warning", "logger": "hft.log", **values}))

    def _write(self, event: Event) -> None:
        level = LEVELS[event["level"]]
        try:
            event = clean(event)
            as_line, text = as_json(event), as_text(event)
        except Exception as error:      # from a value that can't be shown; the thread must survive it
            self.failed += 1
            return self._report("a log line can't be written", of=str(event["event"]), why=type(error).__name__)
        if self._file is not None and level >= self._levels[0]:
            self._write_file(self._file, as_line)
        if level >= self._levels[1]:
            self._say(text)

    def _write_file(self, file: LogFile, line: bytes) -> None:
        try:
            file.write(line)
        except OSError as error:
            self.failed += 1
            self.trouble = error.strerror or str(error)
            if self.failed == 1:
                self._say(f"log file: can't be written: {self.trouble}; trading goes on without it\n")
            return
        self.trouble = ""
        if file.stuck:
            why, file.stuck = file.stuck, ""
            self._report("the log can't be rotated", why=why)
        if file.reopened:
            file.reopened = False
            self._report("the log was deleted or replaced; it continues in a new file", path=str(file.path))

    def _say(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a closed terminal or pipe; only `trouble` can show it
            self._stream = None


_writer: LogWriter | None = None


def open_log(path: Path | None, settings: Logging | None = None, stream: TextIO | None = sys.stderr) -> LogWriter:
    """Sends this process's events to a file and a stream. The caller closes the writer, or the interpreter does at exit.

    Raises `UsageError` if the file can't be opened.
    """
    global _writer
    close_log()
    _writer = LogWriter(path, settings or Logging(), stream)
    atexit.register(_writer.close)
    logging.getLogger().addHandler(_BRIDGE)
    return _writer


def log_trouble() -> str:
    """Why this process's log can't be written now; empty if it can. Without a stream, only this shows it."""
    return "" if _writer is None else _writer.trouble


def close_log() -> None:
    """Writes the queued events and ends the thread; later events go to the standard library's logging again."""
    global _writer
    if _writer is not None:
        logging.getLogger().removeHandler(_BRIDGE)
        writer, _writer = _writer, None
        writer.close()
        atexit.unregister(writer.close)


def get_logger(name: str) -> Any:
    """A structlog logger whose events carry this name: ``get_logger("hft.feed").warning("resync", symbol="BTCUSDT")``."""
    bare = structlog.wrap_logger(_OUTPUT, processors=_PROCESSORS, wrapper_class=_BOUND, context_class=dict)
    return bare.bind(logger=name)


def clean(event: Event) -> Event:
    """The event made safe for a terminal and for one line, whatever text it contains.

    >>> clean({"event": "refused", "text": "no\\x1b[2J", "level": "info"})
    {'event': 'refused', 'text': 'no\\\\x1b[2J', 'level': 'info'}
    """
    return {
        printable(str(key), LONGEST): _trace(str(value)) if key == "exception" else _clean(value) for key, value in event.items()
    }


def _clean(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    if isinstance(value, dict) and depth < MOST_DEPTH:
        return {printable(str(key), LONGEST): _clean(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple) and depth < MOST_DEPTH:
        return [_clean(each, depth + 1) for each in value]
    return printable(str(value), LONGEST)


def _trace(text: str) -> str:
    """A traceback as `printable` lines; only the last ones if it is long."""
    return "\n".join(printable(line, LONGEST) for line in text.split("\n")[-LONGEST_TRACE:])


def as_json(event: Event) -> bytes:
    """One line of the log file.

    >>> as_json({"timestamp": "2026-01-01T00:00:00.000000Z", "level": "info", "event": "synced", "symbol": "BTCUSDT"})
    b'{"timestamp":"2026-01-01T00:00:00.000000Z","level":"info","event":"synced","symbol":"BTCUSDT"}\\n'
    """
    return _ENCODER.encode(event) + b"\n"


def as_text(event: Event) -> str:
    """One short line for stderr.

    >>> as_text({"timestamp": "2026-01-01T12:30:00.250000Z", "level": "warning", "event": "resync", "gap": 3})
    '12:30:00.250 warning  resync gap=3\\n'
    """
    rest = {key: value for key, value in event.items() if key not in ("timestamp", "level", "event", "logger", "exception")}
    text = " ".join([str(event["event"]), *(f"{key}={value}" for key, value in rest.items())])
    # Indented, so that none of its lines looks like one of the log's.
    trace = "".join(f"\n    {line}" for line in event["exception"].split("\n")) if "exception" in event else ""
    return f"{event['timestamp'][11:23]} {event['level']:<8} {text}{trace}\n"


def _stamped(event: dict[str, Any]) -> dict[str, Any]:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return {"timestamp": f"{stamp}.{nanoseconds // 1000:06d}Z", **event}


def _finish(_logger: Any, _method: str, event: Any) -> tuple[tuple[Event], dict[str, Any]]:
    """Puts time, level, logger and event first; passes the output one argument."""
    head = {"level": event.pop("level"), "event": event.pop("event"), "logger": event.pop("logger")}
    return (_stamped({**head, **event}),), {}


class _Output:
    """The end of structlog's chain: the writer, or the standard library."""

    def msg(self, event: Event) -> None:
        level = LEVELS[event["level"]]
        if _writer is None:
            logging.getLogger(event["logger"]).log(level, "%s", as_text(clean(event))[22:].rstrip("\n"))
        elif level >= _writer.level:
            _writer.put(event)

    debug = info = warning = error = critical = msg


class _Bridge(logging.Handler):
    """Other libraries' records, on the same queue."""

    def emit(self, record: logging.LogRecord) -> None:
        writer = _writer
        if writer is not None and record.levelno >= writer.level:
            level = next((name for name, number in LEVELS.items() if record.levelno <= number), "critical")
            event = {"level": level, "event": record.getMessage(), "logger": record.name}
            if record.exc_info and record.exc_info[0] is not None:
                event["exception"] = logging.Formatter().formatException(record.exc_info)
            writer.put(_stamped(event))


_ENCODER = msgspec.json.Encoder(enc_hook=str)
_OUTPUT = _Output()
_BRIDGE = _Bridge(level=logging.INFO)
_BOUND = structlog.make_filtering_bound_logger(logging.DEBUG)
_PROCESSORS: list[Callable[..., Any]] = [
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
    _finish,
]
