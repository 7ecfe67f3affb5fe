"""`hft bench tick`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, Json, settings

app = typer.Typer(rich_markup_mode=None, help="Measure the engine.")


@app.callback()
def bench() -> None:
    """Measure the engine on this machine."""


@app.command()
def tick(
    config: ConfigFile = None,
    input: Annotated[
        Path | None, typer.Option(metavar="CAPTURE", help="A captured session; default: a generated stream.")
    ] = None,
    messages: Annotated[int, typer.Option(metavar="N", min=1, help="Messages of the generated stream.")] = 200_000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the generated stream.")] = 1,
    json: Json = False,
    assignments: Assignments = None,
) -> int:
    """Time every message through the engine.

    The time from its bytes to the end of processing: p50, p99, p99.9, messages/s, by kind.

    \b
    hft bench tick
    hft bench tick --input btcusdt_20240808.gz --json
    """
    chosen = settings(config, assignments)

    from hft.bench.measure import tick as run

    return run(chosen, input=input, messages=messages, seed=seed, json=json)
