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

    Open orders are cancelled and no new one is sent. The switch stays on, in the state page and the database, through a restart
    and `hft live --fresh`, until `hft kill --release`. If an engine runs and does not answer, the exit code is 3.

    \b
    hft kill
    hft kill --release
    """
    chosen = settings(config, assignments)

    from hft.monitoring.kill import trip

    persistence = chosen.strategy.persistence
    print(trip(persistence.beside(".state"), persistence.database_path, release=release))
    return 0
