"""The child's side of the two pipes to the process that started it: the job and requests to stop come in, reports go out.

The pipes' descriptors are on the command line, as ``requests,reports``. Standard input, output
and error are not used, so that output of user code or a library does no harm. The parent holds its end of the first
pipe for as long as it lives: end of file on that pipe means that the parent has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from hft.config.secret import from_parent
from hft.errors import ExitCode, HftError, bug, printable

T = TypeVar("T")


class ParentEnded(EOFError):
    """The parent ended before it sent a job."""


def child_main(work: Callable[[Parent], int]) -> int:
    """The main function of every child: returns the exit code of `work`.

    Without a job from a parent it ends silently; any other failure is one line on stderr.
    """
    try:
        return work(Parent.of_command_line())
    except ParentEnded:
        return int(ExitCode.SIGTERM)
    except HftError as error:
        code, line = error.exit_code, str(error)
    except Exception as error:
        code, line = ExitCode.INTERNAL, bug(error)
    with contextlib.suppress(OSError):          # a closed stderr must not change the exit code
        os.write(2, f"hft: {printable(line)}\n".encode())
    return int(code)


class Parent:
    """The child's ends of the two pipes.

    Parameters
    ----------
    requests, reports : int
        Descriptors; processes that this one starts do not inherit them.
    """

    def __init__(self, requests: int, reports: int) -> None:
        self._requests = requests
        self._reports = reports
        self._buffer = b""
        for descriptor in (requests, reports):
            os.set_inheritable(descriptor, False)

    @classmethod
    def of_command_line(cls) -> Parent:
        """The parent named by the last argument."""
        requests, reports = map(int, sys.argv[-1].split(","))
        return cls(requests, reports)

    def job(self, kind: type[T]) -> T:
        """The job: the first line. Raises `ParentEnded`."""
        while b"\n" not in self._buffer:
            data = os.read(self._requests, 1 << 16)
            if not data:
                raise ParentEnded
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return from_parent(line, kind)

    def report(self, **message: Any) -> None:
        """Sends one line of JSON to the parent, if it still exists."""
        data = msgspec.json.encode(message) + b"\n"
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._reports, data) :]

    def watch(self, on_end: Callable[[], None], on_stop: Callable[[str], None] | None = None) -> None:
        """From now on the running event loop calls `on_stop` for each request to stop, and `on_end` when the parent has ended."""
        loop = asyncio.get_running_loop()
        stop = on_stop or (lambda _why: on_end())

        def take(data: bytes) -> None:
            self._buffer += data
            while b"\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\n")
                stop(msgspec.json.decode(line)["stop"])

        def readable() -> None:
            data = os.read(self._requests, 1 << 16)
            take(data)
            if not data:
                loop.remove_reader(self._requests)
                on_end()

        loop.add_reader(self._requests, readable)
        loop.call_soon(take, b"")       # requests that came together with the job

    def unwatch(self) -> None:
        """Undoes `watch`."""
        asyncio.get_running_loop().remove_reader(self._requests)
