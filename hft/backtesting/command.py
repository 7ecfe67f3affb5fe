"""What `hft backtest` does with a result: the summary on stdout, progress and torn ends on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hft.backtesting.progress import on_terminal
from hft.backtesting.run import backtest as run
from hft.config import Config, misnamed
from hft.errors import ExitCode
from hft.summary import way_out


def backtest(data: Sequence[Path], config: Config, *, symbols: Sequence[str] | None, json: bool) -> int:
    """Run it and tell what it came to; the exit code of the design."""
    with on_terminal(not json) as progress:
        result = run(data, config, symbols=symbols, progress=progress)
    for line in [*result.torn, misnamed(config)]:
        if line:
            print(line, file=sys.stderr)
    print(result.summary.to_json() if json else result, flush=True)
    if advice := way_out(result.summary.fault, result.summary.spec_sources):
        print(f"halted: {result.summary.fault}; {advice}", file=sys.stderr)
    halted = result.summary.fault is not None or result.summary.kill_switch == "kill_bankrupt"
    return int(ExitCode.HALTED if halted else ExitCode.OK)
