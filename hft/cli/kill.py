"""`hft kill`."""

from __future__ import annotations

from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, settings


def kill(
    config: ConfigFile = None,
    release: Annotated[bool, typer.Option("--release", help="Release the switch instead.")] = False,
    assignments: Assignments = None,
) -> int:
    """Trip or release the kill switch.

    Open orders are cancelled and no new one is sent. The switch latches: it survives a restart and `hft live --fresh`,
    until `hft kill --release`.

    \b
    hft kill
    hft kill --release
    """
    chosen = settings(config, assignments)

    from hft.monitoring.kill import trip

    print(trip(chosen.strategy.persistence.beside(".state"), release=release))
    return 0
