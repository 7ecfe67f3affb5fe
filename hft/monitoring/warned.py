"""The number of warnings in a run's log, and the last one, for the terminal view."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from hft.errors import NOT_JSON, printable

MOST = 1 << 20
"""Newest bytes of the log that are read at a time; warnings before them are not counted."""
_LEVELS = frozenset({"warning", "error", "critical"})
_ASIDE = frozenset({"timestamp", "level", "event", "logger", "exc_info", "exception"})


class _Line(msgspec.Struct):
    timestamp: str
    level: str
    event: str


class Warned:
    """Follows the log beside a state page from the start of a run.

    Parameters
    ----------
    path : path
        The log. If it is missing or unreadable, there are no warnings.
    start_ns : int
        Start of the run; older lines belong to an earlier one.
    """

    def __init__(self, path: str | os.PathLike[str], start_ns: int) -> None:
        self.path = Path(path)
        self.count = 0
        self.last = ""
        """Time of the day, event and fields; empty before the first."""
        self._since = datetime.fromtimestamp(start_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self._file = (0, 0)
        self._at = 0

    def check(self) -> None:
        """Reads the new lines of the log."""
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                if self._file != (found.st_dev, found.st_ino) or found.st_size < self._at:
                    self._file, self._at = (found.st_dev, found.st_ino), 0         # another file, or rotated
                self._at = max(self._at, found.st_size - MOST)
                file.seek(self._at)
                text = file.read(found.st_size - self._at)
        except OSError:
            return
        whole, _, rest = text.rpartition(b"\n")
        self._at += len(text) - len(rest)
        for line in whole.split(b"\n"):
            self._take(line)

    def _take(self, line: bytes) -> None:
        if b'"level":"info"' in line[:80]:
            return
        try:
            fields: dict[str, Any] = msgspec.json.decode(line, type=dict)
            head = msgspec.convert(fields, _Line)
        except NOT_JSON:
            return
        if head.level in _LEVELS and head.timestamp >= self._since:
            more = "".join(f" {key}={value}" for key, value in fields.items() if key not in _ASIDE)
            self.count += 1
            self.last = printable(f"{head.timestamp[11:19]} {head.event}{more}", 300)
