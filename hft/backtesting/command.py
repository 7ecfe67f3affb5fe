"""`hft backtest`'s output: the summary on stdout, progress and torn ends on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hft.backtesting.run import backtest as run
from hft.config import Config, misnamed, unlimited
from hft.data.progress import on_terminal
from hft.errors import DamagedData, ExitCode, printable, printable_lines
from hft.run.diagnosis import missing, never
from hft.run.summary import warn, way_out


def backtest(data: Sequence[Path], config: Config, *, symbols: Sequence[str] | None, json: bool) -> int:
    """Runs it and prints the result; returns the exit code.

    Raises `DamagedData`, after the summary, for data in which no book was ever in sync.
    """
    with on_terminal(not json) as progress:
        result = run(data, config, symbols=symbols, progress=progress)
    for line in [*result.torn, *result.notes, misnamed(config), *unlimited(config)]:
        if line:
            print(printable(line), file=sys.stderr)
    print(result.summary.to_json() if json else printable_lines(str(result)), flush=True)
    if advice := way_out(result.summary.fault, result.summary.spec_sources):
        print(f"halted: {result.summary.fault}; {advice}", file=sys.stderr)
    if never(result.summary.in_sync):
        lacks = missing(result.summary.messages_by_kind)
        raise DamagedData("no book was ever in sync, so nothing was traded", where=_where(data), do=lacks)
    warn(result.summary)
    halted = result.summary.fault is not None or result.summary.kill_switch == "kill_bankrupt"
    return int(ExitCode.HALTED if halted else ExitCode.OK)


def _where(data: Sequence[Path]) -> str:
    return str(data[0]) + (f" and {len(data) - 1} more" if len(data) > 1 else "")
