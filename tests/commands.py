"""A command of hft in this process: what it printed, how it ended, and that it ended at all."""

from __future__ import annotations

import contextlib
import io
import signal
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NamedTuple

from hft import cli

HANG_S = 60


class Ran(NamedTuple):
    """What came of it."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def no_hang(what: object) -> Iterator[None]:
    """Fails what goes on for longer than a command may."""

    def alarm(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"hangs: {what!r}"[:2000])

    before = signal.signal(signal.SIGALRM, alarm)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(argv: Sequence[str]) -> Ran:
    """The command's exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with no_hang(argv), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(argv)
    return Ran(code, out.getvalue(), err.getvalue())


def one_line(ran: Ran) -> None:
    """It failed as a user is to see it: a code of the design, one line, no traceback; a bug is none of these."""
    assert ran.code in (0, 2, 3, 4, 5, 6), ran
    assert "Traceback" not in ran.err, ran.err
    if ran.code:
        assert len(ran.err.splitlines()) == 1, ran.err
        assert len(ran.err) < 2000, ran.err
