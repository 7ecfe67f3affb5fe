"""`hft record`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, Duration, Json, RestUrl, Seed, Symbols, Venue, WsUrl, place, settings


def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Output file; .gz and .zst pack it.")],
    config: ConfigFile = None,
    venue: Venue = None,
    symbols: Symbols = None,
    duration: Duration = None,
    rotate_mb: Annotated[
        int | None, typer.Option(metavar="N", help="Size in MB at which a new part begins; see [recording].")
    ] = None,
    rotate_daily: Annotated[bool, typer.Option("--rotate-daily", help="Begin a new part at midnight UTC.")] = False,
    json: Json = False,
    rest_url: RestUrl = None,
    ws_url: WsUrl = None,
    seed: Seed = None,
    assignments: Assignments = None,
) -> int:
    """Record a venue's messages.

    Records every message as received, with its local stamp, and the REST answers, so that `hft backtest` runs the file in sync.
    It does not trade. Ctrl-C ends the file cleanly; a kill loses at most its last second.

    \b
    hft record btc.zst --venue binance-usdm --symbols BTCUSDT --duration 3600
    hft record week.gz --venue binance-spot --symbols BTCUSDT,ETHUSDT --rotate-daily
    """
    options = place(venue, symbols, rest_url, ws_url, seed) | {
        "recording.rotate_mb": rotate_mb,
        "recording.rotate_daily": True if rotate_daily else None,
    }
    chosen = settings(config, assignments, options)

    from hft.trading.record import record as run

    return run(chosen, file, duration_s=duration, json=json)
