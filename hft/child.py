"""A process that a command starts beside itself, and hears lines of JSON from."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from hft.config import Config
from hft.errors import TradingHalted

STARTUP_S = 30.0


class Child:
    """A process of this run. It is in a session of its own: a terminal's Ctrl-C is for the parent to pass on."""

    def __init__(self, name: str, arguments: list[str], stdin: bytes = b"") -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-P", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._buffer = b""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):      # it is gone already, and has said why on stderr
            self.process.stdin.write(stdin)
            self.process.stdin.flush()

    def lines(self, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """The JSON lines that it prints within the time (None: until it ends). What is not taken is there for the next call."""
        assert self.process.stdout is not None
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while True:
                while b"\n" in self._buffer:
                    line, _, self._buffer = self._buffer.partition(b"\n")
                    yield msgspec.json.decode(line)
                if not selector.select(None if until is None else max(0.0, until - time.monotonic())):
                    return
                data = os.read(self.process.stdout.fileno(), 1 << 16)
                if not data:
                    return
                self._buffer += data

    def first_line(self) -> dict[str, Any]:
        """What it says once it is up; an empty dict when it ended instead.

        Raises `TradingHalted` where it does neither in time.
        """
        said = next(self.lines(STARTUP_S), {})
        if not said:
            try:
                self.process.wait(1.0)
            except subprocess.TimeoutExpired:
                raise TradingHalted(f"the {self.name} did not come up within {STARTUP_S:g} s", do="see what it logged") from None
        return said

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def code(self) -> int:
        """Its exit code, once it has ended; that of a shell where a signal ended it."""
        code = self.process.wait()
        return code if code >= 0 else 128 - code

    def stop(self, timeout_s: float = 3.0) -> None:
        """SIGTERM, and SIGKILL when that is not heard."""
        if self.running:
            self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def embedded_exchange(config: Config) -> Child:
    """The embedded exchange; its first line has its addresses."""
    return Child("exchange", ["-m", "hft.exchange", msgspec.json.encode(config).decode()])
