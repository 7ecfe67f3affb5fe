"""Bounds the size of a log: rotation by size, and a limit on the lines of one event."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

from hft.errors import UsageError
from hft.inode import is_open_at

WINDOW_S = 60.0
"""The interval of `EventLimit`."""
MOST_EVENTS = 1000
"""Kinds of events that are counted separately; further ones share one count."""


class LogFile:
    """A file for appending lines, mode 0600; when full it becomes ``.1``, ``.1`` becomes ``.2``, and so on.

    Parameters
    ----------
    path : Path
        Created with its folder if missing. A symbolic link is refused, as its target may be another user's.
    full : int
        Most bytes; 0: never rotated.
    keep : int
        Number of older files kept; 0: the full one is removed.

    Attributes
    ----------
    stuck : str
        Why the last rotation failed; empty if it did not.
    reopened : bool
        The file was deleted or replaced, and a new one begun at its path; the reporter of this resets it.

    Raises `UsageError` if it can't be opened.
    """

    def __init__(self, path: Path, full: int = 0, keep: int = 0) -> None:
        self.path = path
        self._full = full
        self._keep = keep
        self._file = -1
        self.stuck = ""
        self.reopened = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
            raise UsageError(
                f"the log can't be written: {why}", where=str(path), do="change [strategy.persistence] database_path"
            ) from None

    def _open(self) -> None:
        # O_NONBLOCK: opening a pipe that has no reader would block the start of a run.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        self._file = os.open(self.path, flags, 0o600)
        info = os.fstat(self._file)
        if stat.S_ISFIFO(info.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "it is a pipe")
        os.set_blocking(self._file, True)
        self._regular = stat.S_ISREG(info.st_mode)
        self._rotates = self._full > 0 and self._regular
        self._size = info.st_size
        if self._regular:                   # it may have another umask's mode; a device keeps its own
            os.fchmod(self._file, 0o600)

    def write(self, data: bytes) -> None:
        """Appends lines, to a new file if ours is no longer at the path. Raises `OSError` if they can't be written."""
        if self._file >= 0 and self._regular and not is_open_at(self.path, self._file):
            self.close()
            self.reopened = True
        if self._file < 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        if self._rotates and self._size > 0 and self._size + len(data) > self._full:
            self._rotate()
        self._size += len(data)
        while data:     # unbuffered, so a killed process loses no written line
            data = data[os.write(self._file, data) :]

    def _rotate(self) -> None:
        """Renames the file and opens a new one; if the path has another file now, only opens a new one."""
        self.stuck = ""
        try:
            found, ours = os.stat(self.path, follow_symlinks=False), os.fstat(self._file)
            if (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino):
                self._shift()
        except FileNotFoundError:
            pass
        except OSError as error:        # it grows on; the next attempt comes after as many bytes again
            self.stuck, self._size = error.strerror or str(error), 0
            return
        self.close()
        self._open()

    def _shift(self) -> None:
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{n}") for n in range(1, self._keep + 1))]
        if len(names) == 1:
            self.path.unlink()
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)

    def close(self) -> None:
        file, self._file = self._file, -1       # the descriptor may soon be another file's
        if file >= 0:
            os.close(file)


class EventLimit:
    """Passes up to `limit` lines of each event per minute, and counts the rest.

    Parameters
    ----------
    limit : int
        Lines per minute; 0: all pass.
    clock : callable
        Seconds.

    >>> now = 0.0
    >>> limit = EventLimit(2, lambda: now)
    >>> [limit.passes("flood") for _ in range(5)], limit.passes("another")
    ([True, True, False, False, False], True)
    >>> now = 61.0
    >>> list(limit.left_out()), list(limit.left_out())
    ([('flood', 3)], [])
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._counts: dict[Hashable, int] = {}
        self._began = clock()

    def passes(self, event: Hashable) -> bool:
        if not self._limit:
            return True
        if event not in self._counts and len(self._counts) >= MOST_EVENTS:
            event = None
        count = self._counts[event] = self._counts.get(event, 0) + 1
        return count <= self._limit

    def left_out(self, *, end: bool = False) -> Iterator[tuple[Hashable, int]]:
        """The events that exceeded the limit, with their dropped lines; resets all. Called once a minute and at the end."""
        if self._clock() - self._began < WINDOW_S and not end:
            return
        self._began = self._clock()
        counts, self._counts = self._counts, {}
        for event, count in counts.items():
            if count > self._limit:
                yield event, count - self._limit
