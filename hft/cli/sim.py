"""`hft sim`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, Symbols, settings, symbol_list
from hft.venues.catalogue import SERVED


def sim(
    config: ConfigFile = None,
    protocol: Annotated[str | None, typer.Option(metavar="NAME", help=f"{' or '.join(SERVED)}.")] = None,
    symbols: Symbols = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on; default: loopback.")] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="0: any free one.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same market.")] = None,
    capture: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve a recorded session instead.")] = None,
    speed: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="Multiple of real time; 0, with a capture: as fast as possible.")
    ] = 1.0,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Inject the faults of this file (TOML), see docs/faults.md.")
    ] = None,
    assignments: Assignments = None,
) -> int:
    """Run the embedded exchange alone.

    It serves a seeded market over Binance's REST and websocket protocol on real sockets. Its first line on stdout is a JSON
    object with the addresses for `hft live --rest-url … --ws-url …`.

    \b
    hft sim --port 8080 --seed 7
    hft sim --capture btcusdt_20240808.gz --speed 10
    hft sim --faults rough.toml
    """
    wanted = symbol_list(symbols)
    options = {
        "exchange.protocol": protocol,
        "strategy.symbols": wanted if capture is None else None,
        "exchange.host": host,
        "exchange.port": port,
        "exchange.seed": seed,
        "exchange.faults": None if faults is None else str(faults),
    }
    chosen = settings(config, assignments, options)

    from hft.exchange.server import run

    return run(chosen, capture=capture, only=tuple(wanted or ()), speed=speed)
