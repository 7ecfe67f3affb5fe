"""Which signals stop a process of hft, and with which exit code."""

from __future__ import annotations

import signal

from hft.errors import ExitCode

STOPPING: dict[signal.Signals, ExitCode] = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    signal.SIGHUP: ExitCode.SIGTERM,
}
"""Signals that end a command once everything is written, and its exit code. The end of a terminal (SIGHUP) counts as SIGTERM."""

WITHOUT_MEANING = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals without a meaning here that kill by default: a process with a run to close ignores and logs them."""


def stopping() -> dict[signal.Signals, ExitCode]:
    """`STOPPING` without a SIGHUP that this process was started to ignore: that is what `nohup` does."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return {number: code for number, code in STOPPING.items() if not (ignored and number is signal.SIGHUP)}


def exit_code(why: str) -> ExitCode:
    """Of a command that ended for this reason: the name of a signal, or anything else.

    >>> int(exit_code("SIGHUP")), int(exit_code("duration"))
    (143, 0)
    """
    return next((code for number, code in STOPPING.items() if number.name == why), ExitCode.OK)
