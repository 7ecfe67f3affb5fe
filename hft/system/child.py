"""A process that a command starts, gives a job and reads reports from; `hft.system.parent` is the child's side."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from hft.config import Config
from hft.config.secret import to_child
from hft.errors import TradingHalted

STARTUP_S = 30.0
POLL_S = 0.1
"""Interval of checks that the child still runs, since a process that the child started may hold its pipe open."""

_FIRST_FREE = 3
"""Lower descriptors are standard input, output and error, even if this process was started without them."""


class Child:
    """A process of this run, in its own session, so that a terminal's Ctrl-C reaches only the parent, which passes it on.

    Parameters
    ----------
    name : str
        Its name in messages.
    arguments : list of str
        Python's arguments; the descriptors of the two pipes are added as the last.
    job : object
        Sent as its first line of JSON, secrets included; they appear nowhere else.
    stdout : int, optional
        Its standard output; default: ours.
    """

    def __init__(self, name: str, arguments: list[str], job: Any = None, *, stdout: int | None = None) -> None:
        self.name = name
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        """Reports not yet taken; an empty one is the end."""
        requests, self._requests = _pipe()
        self._reports, reports = _pipe()
        self._reader: threading.Thread | None = None
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", *arguments, f"{requests},{reports}"], pass_fds=(requests, reports),
                stdin=subprocess.DEVNULL, stdout=stdout, start_new_session=True,
            )
        except BaseException:
            self._close()
            raise
        finally:
            os.close(requests)
            os.close(reports)
        self._reader = threading.Thread(target=self._read, name=f"hft-{name}-reports", daemon=True)
        self._reader.start()
        self._send(job)

    def request_stop(self, why: str) -> None:
        """Requests that it ends by itself; also works for a child that is still starting."""
        self._send({"stop": why})

    def _send(self, message: Any) -> None:
        data = to_child(message)
        with contextlib.suppress(BrokenPipeError):      # it has ended already, with the reason on stderr
            while data and self._requests >= 0:
                data = data[os.write(self._requests, data) :]

    def report(self, timeout_s: float) -> dict[str, Any] | None:
        """Its next report; an empty one after its end, None if none came within the time."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if not line:
            self._lines.put(b"")        # also for later calls
            return {}
        report: dict[str, Any] = msgspec.json.decode(line)
        return report

    def _read(self) -> None:
        """Reads reports as they come, as a child must never wait for room in its pipe."""
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._reports, selectors.EVENT_READ)
            while True:
                ended = not self.running        # checked before reading the pipe, so that its last report is there
                if selector.select(0.0 if ended else POLL_S):
                    data = os.read(self._reports, 1 << 16)
                    if not data:
                        break
                    *lines, buffer = (buffer + data).split(b"\n")
                    for line in lines:
                        self._lines.put(line)
                elif ended:
                    break
        self._lines.put(b"")

    def first_report(self, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """Its first report once it is up; an empty dict if it ended instead.

        `meanwhile` is called repeatedly, and may raise. Raises `TradingHalted` if the child does neither in time.
        """
        until = time.monotonic() + STARTUP_S
        while time.monotonic() < until:
            meanwhile()
            report = self.report(POLL_S)
            if report is not None:
                return report
        raise TradingHalted(f"the {self.name} did not come up within {STARTUP_S:g} s", do="see what it logged")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def code(self) -> int:
        """Its exit code, once it has ended; as in a shell if a signal ended it."""
        code = self.process.wait()
        return code if code >= 0 else 128 - code

    def stop(self, timeout_s: float = 3.0) -> None:
        """SIGTERM, then SIGKILL if it has not ended within the time."""
        if self.running:
            self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close()

    def close_requests(self) -> None:
        """Closes the pipe of requests, which the child takes as the end of its parent."""
        if self._requests >= 0:
            os.close(self._requests)
            self._requests = -1

    def _close(self) -> None:
        self.close_requests()
        if self._reader is not None:
            self._reader.join(10 * POLL_S)
            if self._reader.is_alive():     # a process started by the child still writes into its pipe
                return
        if self._reports >= 0:
            os.close(self._reports)
            self._reports = -1


def _pipe() -> tuple[int, int]:
    """A pipe above the standard descriptors, even if those are closed."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def stdout_of_children(json: bool) -> int | None:
    """Standard output of children: with `--json` it must hold only the one JSON object, and no output of libraries."""
    if not json:
        return None
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2


def embedded_exchange(config: Config, *, stdout: int | None = None) -> Child:
    """The embedded exchange; its first report has its addresses."""
    return Child("exchange", ["-m", "hft.exchange"], config, stdout=stdout)
