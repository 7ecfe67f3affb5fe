"""The signals that stop a process of hft, and their exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

from hft.errors import ExitCode, Interrupted, Terminated

STOPPING: dict[signal.Signals, ExitCode] = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: ExitCode.SIGTERM,
}
"""Signals that end a command once everything is written, and its exit code. The end of a terminal (SIGHUP) counts as SIGTERM."""

WITHOUT_MEANING = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals without a meaning here that kill by default; during a run they are ignored and logged."""


def stopping() -> dict[signal.Signals, ExitCode]:
    """`STOPPING`, without SIGHUP if this process was started with it ignored, as by `nohup`."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return {number: code for number, code in STOPPING.items() if not (ignored and number is signal.SIGHUP)}


def handle(stop: Callable[[str], object], warn: Callable[..., object]) -> None:
    """Handles signals on the running loop: `stop` gets the name of a stopping signal, `warn` reports one without a meaning."""
    loop = asyncio.get_running_loop()
    for number in stopping():
        loop.add_signal_handler(number, stop, number.name)
    for number in WITHOUT_MEANING:
        loop.add_signal_handler(number, partial(warn, "a signal without a meaning for hft is ignored", signal=number.name))


def exit_code(why: str) -> ExitCode:
    """The exit code of a command that ended for this reason: the name of a signal, or another one.

    >>> int(exit_code("SIGHUP")), int(exit_code("duration"))
    (143, 0)
    """
    return next((code for number, code in STOPPING.items() if number.name == why), ExitCode.OK)


class StopRequest:
    """Takes signals as a request to stop while a command starts its parts.

    Attributes
    ----------
    why : str
        Name of the first signal; empty until there is one.
    """

    def __init__(self) -> None:
        self.why = ""

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within this context signals are requests to stop; outside the main thread they are left to the program."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._requested) for number in stopping()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _requested(self, number: int, _frame: FrameType | None) -> None:
        self.why = self.why or signal.Signals(number).name

    def check(self) -> None:
        """Raises for a request that came before there was anything to stop."""
        if self.why:
            kind = Interrupted if self.why == signal.SIGINT.name else Terminated
            raise kind("stopped before the run began")
