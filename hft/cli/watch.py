"""`hft watch`."""

from __future__ import annotations

from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, duration, settings


def watch(
    config: ConfigFile = None,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and exit.")] = False,
    every: Annotated[
        float | None,
        typer.Option(metavar="TIME", parser=duration, help="Where stdout is no terminal: between two lines; 1s unless given."),
    ] = None,
    assignments: Assignments = None,
) -> int:
    """Look at a running engine.

    From another terminal: book, features, signal, position, P&L, latency, orders and rejects. It finds the engine by the
    database path in the settings, only reads, and never delays the engine. It fits the terminal: what there is no room for is
    on another page, and the foot says which. Keys: q quits, ←→ pages, ↑↓ orders, 1-9 and tab symbols. Into a pipe or a file it
    writes a line of plain text now and then.

    \b
    hft watch
    hft watch --config hft.toml
    hft watch --every 10s | tee watch.log
    """
    chosen = settings(config, assignments)

    from hft.monitoring.watch import watch as show

    return show(chosen.strategy.persistence.beside(".state"), once=once, **({} if every is None else {"every_s": every}))
