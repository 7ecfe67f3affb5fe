"""`hft convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, Json, Symbols, settings, symbol_list


def convert(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", help="Files of any supported kinds.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Output file, .events or .npz.")],
    config: ConfigFile = None,
    symbols: Symbols = None,
    book_tickers: Annotated[
        bool, typer.Option("--book-tickers", help="For .npz: write bookTickers too, as rows of kind 103 and 104.")
    ] = False,
    base_latency_ns: Annotated[
        int, typer.Option(metavar="NS", min=0, help="For .npz: added to local stamps that are put forward.")
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing OUT.")] = False,
    json: Json = False,
    assignments: Assignments = None,
) -> int:
    """Convert captures, recordings, Tardis CSV, hftbacktest's events and event files into .events or .npz.

    Several inputs become one session, merged in receive order.

    \b
    hft convert btcusdt_20240808.gz btcusdt.events
    hft convert trades.csv.gz incremental_book_L2.csv.gz day.events --symbols BTCUSDT
    hft convert btcusdt.events btcusdt.npz
    hft convert btcusdt.npz again.events --set feed.symbols.BTCUSDT.tick=0.1 --set feed.symbols.BTCUSDT.step=0.001
    """
    chosen = settings(config, assignments)

    from hft.data.convert import convert as run

    return run(
        chosen, inputs, output, symbols=symbol_list(symbols), book_tickers=book_tickers, base_latency_ns=base_latency_ns,
        force=force,
        json=json,
    )
