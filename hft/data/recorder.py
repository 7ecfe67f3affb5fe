"""Writes a run log to disk during the run, on its own thread.

Off the hot path: the engine's thread only copies each input into the `RunLog`. Inputs that the disk can't take in time are
missing from the recording, and the recording says so; trading goes on.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from hft._core.engine.engine import Engine
from hft._core.record.runlog import RunLog
from hft.config import Recording
from hft.data.files import Packer, part_path, parts
from hft.data.recording import opening
from hft.errors import UsageError
from hft.inode import is_open_at
from hft.log import get_logger
from hft.run.feed_event import FeedEvent
from hft.run.summary import Recorded
from hft.version import VERSION

PAUSE_S = 0.1
FLUSH_S = 0.4
"""Flushed data survives the process. Including the pause and the writing itself, a kill loses less than the last second."""
CHUNK = 1 << 18
"""Bytes of the run log written at a time."""
DAY_NS = 86_400 * 10**9
NEVER_NS = 2**63 - 1
END_ROOM = 4096
GONE = "it was deleted or replaced while it was written"

log = get_logger("hft.recorder")


class Recorder:
    """A run log and the thread that writes it to a file.

    Parameters
    ----------
    path : str or Path
        The new file; its name decides how it is packed, see `hft.data.files`. With rotation each part has its number in the
        name. Mode 0600.
    settings : Recording
        Buffer, rotation, compression level.
    now_ns : int
        Time on the run's clock.

    Attributes
    ----------
    log : RunLog
        The engine pushes into it, and so do `mark` and the other methods here, all from one thread.

    Raises `UsageError` if the file can't be made or exists already: a recording is never overwritten.
    """

    def __init__(self, path: str | Path, settings: Recording, now_ns: int) -> None:
        self.settings = settings
        self.log = RunLog(settings.buffer_mb << 20)
        self.failed: str | None = None
        self._name = Path(path)
        self._rotates = settings.rotate_daily or settings.rotate_mb > 0
        self._session = secrets.token_hex(8)
        self._parts: list[Path] = []
        self._bytes = 0             # in the parts before the open one
        self._reported = 0          # losses already warned about
        self._stopping = threading.Event()
        try:
            self._check()
            self._name.parent.mkdir(parents=True, exist_ok=True)
            self._open(now_ns)
        except OSError as error:
            what = f"can't be written: {error.strerror}"
            raise UsageError(what, where=str(self._name), do="name a new file in a folder that you may write to") from None
        self._thread = threading.Thread(target=self._work, name="hft-recorder", daemon=True)
        self._thread.start()

    def _check(self) -> None:
        there = [each for each in parts(self._name) if each.exists()]
        if there:
            raise UsageError("the file exists already", where=str(there[0]), do="name another, or move it away")

    # -- lines from the engine's thread besides the engine's inputs ---------------------------------------------------------

    def mark(self, name: str, value: Any, now_ns: int) -> None:
        """A line ``{"hft":{name:value}}``."""
        self.log.mark(name, msgspec.json.encode(value), now_ns)

    def exchange_info(self, body: bytes, now_ns: int) -> None:
        """The REST body with the symbols' rules."""
        self.log.push("exchange_info", now_ns, body)

    def event(self, event: FeedEvent) -> None:
        """An event of the feed's connections."""
        value = {"kind": event.kind, "text": event.text, "connection": event.connection, "symbols": event.symbols}
        self.mark("link", value, event.now_ns)

    def state(self, engine: Engine, now_ns: int) -> None:
        """The digests of the engine's present state, so that a difference is found near its cause."""
        self.mark("state", {spec.name: engine.digest_texts(spec.name) for spec in engine.symbols}, now_ns)

    def close(self, now_ns: int, timeout_s: float = 10.0) -> None:
        """Marks the end, writes everything, closes the file. Safe to call again."""
        give_up = time.monotonic() + timeout_s
        if self._stopping.is_set():
            return
        while self.log.capacity - self.log.used < END_ROOM and self._thread.is_alive() and time.monotonic() < give_up:
            time.sleep(0.01)
        self.mark("end", True, now_ns)
        self._stopping.set()
        self._thread.join(max(0.1, give_up - time.monotonic()))
        if self._thread.is_alive():
            self.failed = "the disk did not take it in time"

    def discard(self) -> None:
        """Removes the file, as nothing was recorded."""
        self._stopping.set()
        self._thread.join()
        for part in self._parts:
            part.unlink(missing_ok=True)

    @property
    def broken(self) -> bool:
        """Whether inputs are missing in the recording."""
        return self.log.lost > 0 or self.failed is not None

    @property
    def result(self) -> Recorded:
        """Counters of the recording."""
        size = self._bytes + self._written
        return Recorded(str(self._parts[0]), len(self._parts), size, self.log.entries, self.log.lost, self.failed)

    # -- the thread --------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            stopping = False
            while not stopping:
                stopping = self._stopping.wait(PAUSE_S)     # read before the rest is taken, so that nothing is left
                while self._move():
                    pass
            self._finish()
        except OSError as error:
            self._fail(error.strerror or str(error))
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._close()

    def _fail(self, why: str) -> None:
        self.failed = why
        log.warning("the recording failed; trading goes on without it", path=str(self._parts[-1]), why=why)

    def _move(self) -> bool:
        """Some entries from memory to the file; False when there were none."""
        next_ns = self.log.next_ns      # read before any is taken, since the engine's thread may push at any time
        if next_ns is not None and (self._full or next_ns >= self._day_ends):
            self._rotate(next_ns)
        self._write(self._packer.pack(self.log.take(CHUNK, self._day_ends)))
        if time.monotonic() >= self._flush_at:
            self._flush()
        if self.log.lost != self._reported:
            self._reported = self.log.lost
            log.warning("the recorder can't keep up: the recording is broken", lost=self._reported, path=str(self._parts[-1]))
        return next_ns is not None

    @property
    def _full(self) -> bool:
        return 0 < self.settings.rotate_mb * 1_000_000 <= self._written

    def _rotate(self, now_ns: int) -> None:
        """Opens the next part, which begins with the entry of this stamp; no part is made without an entry."""
        self._finish()
        self._close()
        self._bytes += self._written
        self._open(now_ns)

    def _open(self, now_ns: int) -> None:
        part = len(self._parts) + 1
        path = part_path(self._name, part) if self._rotates else self._name
        self._packer = Packer(path, self.settings.level)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._parts.append(path)
        self._written = 0
        self._day_ends = (now_ns // DAY_NS + 1) * DAY_NS if self.settings.rotate_daily else NEVER_NS
        self._write(self._packer.pack(opening(part, self._session, VERSION, now_ns)))
        self._flush()

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _flush(self) -> None:
        self._write(self._packer.flush())
        self._check_file()
        self._flush_at = time.monotonic() + FLUSH_S

    def _finish(self) -> None:
        self._write(self._packer.finish())
        self._check_file()

    def _check_file(self) -> None:
        """Without this check, data written to a deleted file would be lost without an error."""
        if not is_open_at(self._parts[-1], self._file):
            raise OSError(errno.ENOENT, GONE)

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        while data:
            data = data[os.write(self._file, data):]
