"""`hft verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Json


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A recording of `hft live --record`.")],
    database: Annotated[
        Path | None, typer.Option(metavar="DB", help="The run's database; default: its path in the recording.")
    ] = None,
    json: Json = False,
) -> int:
    """Re-run a recorded session and compare everything.

    Compares every order, fill, reject and P&L figure, and the state of each symbol at every snapshot interval. Prints the first
    difference in full, with exit code 4. A recording that breaks off is verified up to there.

    \b
    hft live --record run.zst --duration 60
    hft verify run.zst
    """
    from hft.backtesting.verify import report

    return report(run, database, json=json)
