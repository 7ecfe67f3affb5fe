"""`hft live`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, Duration, Json, Kind, RestUrl, Seed, Symbols, Venue, WsUrl, place, settings
from hft.config import LiveOptions


def live(
    config: ConfigFile = None,
    strategy: Kind = None,
    venue: Venue = None,
    symbols: Symbols = None,
    duration: Duration = None,
    headless: Annotated[bool, typer.Option("--headless", help="No terminal view.")] = False,
    json: Json = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Start flat, whatever earlier runs held (at present every run does). The kill switch is kept.",
        ),
    ] = False,
    rest_url: RestUrl = None,
    ws_url: WsUrl = None,
    seed: Seed = None,
    monitor_port: Annotated[int | None, typer.Option(metavar="PORT", help="Port of /metrics and /health; 0: any.")] = None,
    no_monitor: Annotated[bool, typer.Option("--no-monitor", help="Serve neither.")] = False,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record all inputs of the engine for `hft verify`; .gz or .zst.")
    ] = None,
    assignments: Assignments = None,
) -> int:
    """Trade on paper.

    Trades on the embedded exchange, or on a venue's live data. A terminal shows a live view. Ctrl-C stops cleanly: open paper
    orders are cancelled, everything is written, a summary is printed.

    \b
    hft live --duration 60
    hft live --strategy quoter.py:Quoter --set strategy.params.size=0.05
    hft live --config hft.toml --venue binance-usdm --symbols BTCUSDT,ETHUSDT
    """
    options = place(venue, symbols, rest_url, ws_url, seed) | {
        "strategy.kind": strategy,
        "monitoring.port": monitor_port,
        "monitoring.enabled": False if no_monitor else None,
    }
    chosen = settings(config, assignments, options)

    from hft.trading.launch import live as run

    how = LiveOptions(
        duration_s=duration, headless=headless, json=json, fresh=fresh, record=None if record is None else str(record)
    )
    return run(chosen, how)
