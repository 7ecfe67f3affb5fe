"""`hft watch`."""

from __future__ import annotations

from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, duration, settings


def watch(
    config: ConfigFile = None,
    once: Annotated[bool, typer.Option("--once", help="Print one view and exit.")] = False,
    every: Annotated[
        float | None,
        typer.Option(metavar="TIME", parser=duration, help="Interval of lines if stdout is no terminal; default 1s."),
    ] = None,
    assignments: Assignments = None,
) -> int:
    """Watch a running engine.

    Shows book, features, signal, position, P&L, latency, orders and rejects in another terminal. It finds the engine by the
    database path in the settings, only reads, and never delays the engine. Sections that do not fit the terminal are on other
    pages, which the foot names. Keys: q quits, ←→ pages, ↑↓ orders, 1-9 and tab symbols. Into a pipe or a file it writes a line
    of plain text at intervals.

    \b
    hft watch
    hft watch --config hft.toml
    hft watch --every 10s | tee watch.log
    """
    chosen = settings(config, assignments)

    from hft.monitoring.watch import watch as show

    return show(chosen.strategy.persistence.beside(".state"), once=once, **({} if every is None else {"every_s": every}))
