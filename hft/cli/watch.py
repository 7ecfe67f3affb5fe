"""`hft watch`."""

from __future__ import annotations

from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, settings


def watch(
    config: ConfigFile = None,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and exit.")] = False,
    assignments: Assignments = None,
) -> int:
    """Look at a running engine.

    From another terminal: book, features, signal, position, P&L, latency, orders and rejects. It finds the engine by the
    database path in the settings, only reads, and never delays the engine.

    \b
    hft watch
    hft watch --config hft.toml
    """
    chosen = settings(config, assignments)

    from hft.monitoring.watch import watch as show

    return show(chosen.strategy.persistence.beside(".state"), once=once)
