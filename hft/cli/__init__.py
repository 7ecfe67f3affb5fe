"""The command line: one file per command, without logic.

A command turns its options into settings and calls one function. Every failure becomes one line on stderr and an exit code of
`hft.errors`. Commands import the modules that do the work when they run, so that help is fast.
"""

from __future__ import annotations

import errno
import functools
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any

import typer

from hft.cli import backtest, bench, config, convert, kill, live, record, sim, strategy, verify, watch
from hft.cli.options import common
from hft.errors import ExitCode, HftError, StrategyError, Terminated, bug, printable
from hft.system.signals import stopping

# Plain help without panels works in pipes and does not load rich.
app = typer.Typer(name="hft", rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
app.callback(help="Paper trading on exchange books, in compiled Python.")(common)
app.command("live")(live.live)
app.command("sim")(sim.sim)
app.command("record")(record.record)
app.command("verify")(verify.verify)
app.command("watch")(watch.watch)
app.command("kill")(kill.kill)
app.command("backtest")(backtest.backtest)
app.command("convert")(convert.convert)
app.add_typer(bench.app, name="bench")
app.add_typer(config.app, name="config")
app.add_typer(strategy.app, name="strategy")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    for number, code in stopping().items():
        if code is ExitCode.SIGTERM:
            signal.signal(number, _terminate)       # until a command sets its own handlers
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def _terminate(number: int, _frame: FrameType | None) -> None:
    """Makes SIGTERM and SIGHUP unwind like Ctrl-C: a half-written file is removed, a child is stopped."""
    raise Terminated(f"stopped by {signal.Signals(number).name}")


def run(argv: Sequence[str]) -> int:
    """Runs one command; prints an error as one line on stderr; returns the exit code.

    >>> run(["config", "show", "--set", "strategy.params.min_confidence=2"])  # the line goes to stderr
    2
    """
    try:
        return _run(argv)
    except Exception as error:
        return _print_error(bug(error), ExitCode.INTERNAL)


@functools.cache
def commands() -> Any:
    """The commands that typer makes from their functions; made once, since that takes longer than some commands."""
    return typer.main.get_command(app)


def _run(argv: Sequence[str]) -> int:
    try:
        return int(commands()(list(argv) or ["--help"], prog_name="hft", standalone_mode=False) or 0)
    except HftError as error:
        if isinstance(error, StrategyError) and error.__cause__ is not None:    # the user's own traceback
            traceback.print_exception(error.__cause__)
        return _print_error(str(error), error.exit_code)
    except typer.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "hft")
        return _print_error(f"{command}: {error.format_message().rstrip('.')}; see `{command} --help`", ExitCode.USAGE, "")
    except (KeyboardInterrupt, typer.Abort):     # before a command has set its own handlers
        return int(ExitCode.SIGINT)
    except ImportError as error:
        if error.name == "hft._core":       # the error has advice
            return _print_error(str(error), ExitCode.USAGE)
        if not isinstance(error, ModuleNotFoundError) or (error.name or "hft").partition(".")[0] == "hft":
            raise
        return _print_error(f"the package {error.name} is not installed; reinstall hft with `pip install hft`", ExitCode.USAGE)
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        return _print_error(f"{error.filename or 'standard output'}: {error.strerror}", ExitCode.USAGE)


LONGEST = 300
"""Most characters of a word in an error line, since the input may have any length."""


def _print_error(line: str, code: int, prefix: str = "hft: ") -> int:
    words = (word if len(word) <= LONGEST else word[: LONGEST - 3] + "..." for word in line.split())
    print(printable(prefix + " ".join(words)), file=sys.stderr)
    return int(code)
