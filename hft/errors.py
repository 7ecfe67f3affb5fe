"""The public exceptions of hft, and the exit codes of its commands.

Every message is one line: where, what, and what to do. Code raises the class that names the kind of failure; `hft.cli` prints
the line on stderr and exits with the class's code. Any other exception is a bug: also one line, with exit code 70, and its
traceback in a file named in the line.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import socket

NOT_JSON = (ValueError, RecursionError)
"""The errors of msgspec for bytes that are not the expected JSON. Its own errors and UnicodeDecodeError, for text that is not
UTF-8, are ValueErrors; too deep nesting is a RecursionError."""


LONGEST = 2000
"""Most characters of an outside text (venue, file, client), or of an error."""


class ExitCode(enum.IntEnum):
    """The exit codes of `hft`'s commands.

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
    """The strategy raised an exception."""
    HALTED = 6
    """Trading halted by itself: kill switch, loss of all equity, a fault in the core."""
    INTERNAL = 70
    """A bug in hft: one line, which names the file with the traceback."""
    SIGINT = 130
    """Stopped by Ctrl-C; everything was written."""
    SIGTERM = 143
    """Stopped by SIGTERM; everything was written."""


def printable(text: str, limit: int = 0) -> str:
    """The text, made safe for a terminal and for one line of a log, whatever its source.

    Unprintable characters (controls, escapes, line breaks, marks of writing direction) are escaped; with a `limit` it is cut
    after that many characters.

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
    """Our own text, which may contain outside names, with each line made `printable`."""
    return "\n".join(map(printable, text.split("\n")))


class HftError(Exception):
    """A failure that a user can act on.

    Parameters
    ----------
    what : str
        The problem, without a full stop.
    where : str, optional
        The file, key, address or symbol concerned.
    do : str, optional
        What the user can do.

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
    """A setting that is unknown, of the wrong type, out of range, or in conflict with another: exit code 2."""


def cannot_listen(
    error: OSError | UnicodeError, host: str, port: int, *, port_option: str, host_option: str
) -> UsageError:
    """The error for an address that can't be listened on, which says whether the port or the host is the problem.

    >>> print(cannot_listen(OSError(errno.EADDRINUSE, ""), "127.0.0.1", 80, port_option="--port", host_option="--host"))
    127.0.0.1:80: can't listen: the port is in use; take another --port, 0 for any free one
    >>> print(cannot_listen(OSError(errno.EADDRNOTAVAIL, ""), "1.2.3.4", 80, port_option="--port", host_option="--host"))
    1.2.3.4:80: can't listen: 1.2.3.4 is no address of this machine; take another --host, e.g. 127.0.0.1
    """
    another_port, another_host = f"take another {port_option}, 0 for any free one", f"take another {host_option}, e.g. 127.0.0.1"
    if isinstance(error, (socket.gaierror, UnicodeError)):
        why, do = f"{host} is no address, and no known name", another_host
    elif error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL):
        why, do = f"{host} is no address of this machine", another_host
    elif error.errno == errno.EADDRINUSE:
        why, do = "the port is in use", another_port
    elif error.errno in (errno.EACCES, errno.EPERM):
        why, do = "this port may not be used here; ports below 1024 need privileges", another_port
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
    """The venue refused, timed out, or answered with a permanent error: exit code 3."""

    exit_code = ExitCode.UNREACHABLE


class Unanswered(HftError):
    """An engine runs and does not answer: exit code 3."""

    exit_code = ExitCode.UNREACHABLE


class DamagedData(HftError):
    """A database, journal or capture that is torn, corrupt or not hft's: exit code 4."""

    exit_code = ExitCode.DAMAGED


class StrategyError(HftError):
    """The user's strategy raised an exception, which is `__cause__`: exit code 5."""

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
    """Writes a bug's traceback to a file in the folder of temporary files; returns its path, empty if that failed."""
    import tempfile
    import traceback

    with contextlib.suppress(OSError):
        descriptor, path = tempfile.mkstemp(prefix="hft-bug-", suffix=".log")      # a new file that only its owner can read
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("".join(traceback.format_exception(error)))
        return path
    return ""


def bug(error: BaseException) -> str:
    """One line about a bug.

    >>> bug(KeyError("x")).startswith("a bug in hft: KeyError: 'x'; its traceback is in ")
    True
    """
    path = keep_traceback(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"a bug in hft: {text[:200]}; " + (f"its traceback is in {path}" if path else "its traceback could not be written")
