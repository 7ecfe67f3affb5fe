"""The exceptions that leave hft, and the exit codes they end a command with.

Every message is one line: where, what, what to do about it. Code that meets a failure raises the class that names its kind;
`hft.cli` prints the line on stderr and exits with the class's code. A failure of any other class is a bug: one line as well,
with exit code 70, and its traceback in a file that the line names.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import socket

NOT_JSON = (ValueError, RecursionError)
"""What msgspec raises for bytes that are not the JSON that is wanted. Its own errors and UnicodeDecodeError, for text that is not
UTF-8, are ValueErrors; nesting without end is a RecursionError."""


LONGEST = 2000
"""Most characters of a text from outside (venue, file, client), or of an error."""


class ExitCode(enum.IntEnum):
    """How a command of `hft` ends.

    >>> int(ExitCode.USAGE)
    2
    """

    OK = 0
    USAGE = 2
    """A usage or configuration error; nothing was started."""
    UNREACHABLE = 3
    """The venue can't be reached, or an engine does not answer."""
    DAMAGED = 4
    """A database, journal or capture is damaged."""
    STRATEGY = 5
    """The strategy raised."""
    HALTED = 6
    """Trading halted by itself: kill switch, loss of all equity, a fault in the core."""
    INTERNAL = 70
    """A bug of hft: one line, which names the file with its traceback."""
    SIGINT = 130
    """Stopped by Ctrl-C; everything was written."""
    SIGTERM = 143
    """Stopped by SIGTERM; everything was written."""


def printable(text: str, limit: int = 0) -> str:
    """The same text, fit for a terminal and for one line of a log, whoever it came from.

    What is no printable character (controls, escapes, line breaks, marks that turn the direction of writing) is spelled out;
    beyond `limit` characters, where there is one, it is cut.

    >>> print(printable("up\\x1b[2J\\n12:00:00 info all is well"))
    up\\x1b[2J\\n12:00:00 info all is well
    >>> print(printable("x" * 9, limit=4))
    xxxx… (5 more)
    """
    more = f"… ({len(text) - limit} more)" if 0 < limit < len(text) else ""
    text = text[:limit] if more else text
    if not text.isprintable():
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return text + more


def printable_lines(text: str) -> str:
    """Our own text, which may contain names from outside, with each of its lines made `printable`."""
    return "\n".join(map(printable, text.split("\n")))


class HftError(Exception):
    """A failure that a user can act on.

    Parameters
    ----------
    what : str
        What is wrong, without a full stop.
    where : str, optional
        The file, key, address or symbol it is about.
    do : str, optional
        The way out.

    >>> print(VenueUnreachable("connection refused", where="ws://127.0.0.1:9443", do="start `hft sim` first"))
    ws://127.0.0.1:9443: connection refused; start `hft sim` first
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what = what
        self.where = where
        self.do = do
        line = f"{where}: {what}" if where else what
        super().__init__(printable(" ".join((f"{line}; {do}" if do else line).split()), LONGEST))


class UsageError(HftError):
    """A command, option, file name or address that can't be used as given: exit code 2."""


class ConfigError(UsageError):
    """A setting that is unknown, of the wrong type, out of range, or at odds with another: exit code 2."""


def cannot_listen(
    error: OSError | UnicodeError, host: str, port: int, *, port_option: str, host_option: str
) -> UsageError:
    """The error for an address that can't be listened on: it says whether the port or the host is at fault.

    >>> print(cannot_listen(OSError(errno.EADDRINUSE, ""), "127.0.0.1", 80, port_option="--port", host_option="--host"))
    127.0.0.1:80: can't listen: the port is in use; take another --port, 0 for any free one
    >>> print(cannot_listen(OSError(errno.EADDRNOTAVAIL, ""), "1.2.3.4", 80, port_option="--port", host_option="--host"))
    1.2.3.4:80: can't listen: 1.2.3.4 is no address of this machine; take another --host, e.g. 127.0.0.1
    """
    another_port, another_host = f"take another {port_option}, 0 for any free one", f"take another {host_option}, e.g. 127.0.0.1"
    if isinstance(error, (socket.gaierror, UnicodeError)):
        why, do = f"{host} is no address, and no name that is known here", another_host
    elif error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL):
        why, do = f"{host} is no address of this machine", another_host
    elif error.errno == errno.EADDRINUSE:
        why, do = "the port is in use", another_port
    elif error.errno in (errno.EACCES, errno.EPERM):
        why, do = "this port may not be used here; those below 1024 are the system's", another_port
    else:
        why, do = os.strerror(error.errno) if error.errno else str(error), f"check {host_option} and {port_option}"
    return UsageError(f"can't listen: {why}", where=f"[{host}]:{port}" if ":" in host else f"{host}:{port}", do=do)


class NotBuiltError(UsageError):
    """A part of the design that this version does not have: exit code 2.

    >>> print(NotBuiltError("pipeline", where="[engine] mode", do="use inline"))
    [engine] mode: pipeline is not built yet; use inline
    """

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        super().__init__(f"{what} is not built yet", where=where, do=do)


class VenueUnreachable(HftError):
    """The venue refused, timed out, or answers with an error that asking again does not mend: exit code 3."""

    exit_code = ExitCode.UNREACHABLE


class Unanswered(HftError):
    """An engine runs and does not answer: exit code 3."""

    exit_code = ExitCode.UNREACHABLE


class DamagedData(HftError):
    """A database, journal or capture that is torn, corrupt or not ours: exit code 4."""

    exit_code = ExitCode.DAMAGED


class StrategyError(HftError):
    """The user's strategy raised; `__cause__` is what it raised: exit code 5."""

    exit_code = ExitCode.STRATEGY


class TradingHalted(HftError):
    """Trading halted by itself and stays halted until the kill switch is released: exit code 6."""

    exit_code = ExitCode.HALTED


class Interrupted(HftError):
    """SIGINT was handled: exit code 130."""

    exit_code = ExitCode.SIGINT


class Terminated(HftError):
    """SIGTERM was handled: exit code 143."""

    exit_code = ExitCode.SIGTERM


def keep_traceback(error: BaseException) -> str:
    """The file that the traceback of a bug was written to, in the folder of temporary files; empty where that can't be done."""
    import tempfile
    import traceback

    with contextlib.suppress(OSError):
        descriptor, path = tempfile.mkstemp(prefix="hft-bug-", suffix=".log")      # new, and nobody else may read it
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("".join(traceback.format_exception(error)))
        return path
    return ""


def bug(error: BaseException) -> str:
    """One line about a failure that is none of the user's making.

    >>> bug(KeyError("x")).startswith("a bug in hft: KeyError: 'x'; its traceback is in ")
    True
    """
    path = keep_traceback(error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"a bug in hft: {said[:200]}; " + (f"its traceback is in {path}" if path else "its traceback could not be written")
