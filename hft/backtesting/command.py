"""What `hft backtest` does with a result: the summary on stdout, progress and torn ends on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hft.backtesting.run import Progress
from hft.backtesting.run import backtest as run
from hft.config import Config
from hft.errors import ExitCode


def backtest(data: Sequence[Path], config: Config, *, symbols: Sequence[str] | None, json: bool) -> int:
    """Run it and tell what it came to; the exit code of the design."""
    shown = not json and sys.stderr.isatty()
    try:
        result = run(data, config, symbols=symbols, progress=_show if shown else None)
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    for torn in result.torn:
        print(torn, file=sys.stderr)
    print(result.summary.to_json() if json else result, flush=True)
    halted = result.summary.fault is not None or result.summary.kill_switch == "kill_bankrupt"
    return int(ExitCode.HALTED if halted else ExitCode.OK)


def _show(progress: Progress) -> None:
    """One line of a terminal, written over and over."""
    share = progress.done / max(progress.total, 1)
    speed = progress.events / max(progress.seconds, 1e-9)
    size = f"{progress.done / 1e6:,.1f} of {progress.total / 1e6:,.1f} MB"
    print(f"\r\x1b[K{share:4.0%}  {size}  {progress.events:,} events  {speed:,.0f}/s", end="", file=sys.stderr, flush=True)
