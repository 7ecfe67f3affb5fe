"""`hft backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, Json, Kind, Symbols, settings, symbol_list


def backtest(
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA…", help="Files of any supported kind; several are one session.")
    ],
    config: ConfigFile = None,
    strategy: Kind = None,
    symbols: Symbols = None,
    json: Json = False,
    assignments: Assignments = None,
) -> int:
    """Run the engine over recorded data at full speed.

    Reads captures, recordings, event files, Tardis CSV and hftbacktest's events. Protocol and symbols are recognised;
    `--symbols` limits trading to some. Several files are merged in receive order.
    At the end open orders are cancelled, every report is delivered, and a summary is printed.

    \b
    hft backtest btcusdt_20240808.gz
    hft backtest btcusdt_20240808.gz --strategy quoter.py:Quoter
    hft backtest monday.events tuesday.events --config hft.toml --symbols BTCUSDT --json
    """
    chosen = settings(config, assignments, {"strategy.kind": strategy})

    from hft.backtesting.command import backtest as run

    return run(data, chosen, symbols=symbol_list(symbols), json=json)
