"""`hft strategy show`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, help="Strategies of your own.")


@app.callback()
def strategy() -> None:
    """Strategies of your own."""


@app.command()
def show(source: Annotated[str, typer.Argument(metavar="FILE.py:CLASS")]) -> int:
    """Print what a strategy is: its methods that are called, and its parameters with their types and defaults.

    Each parameter is a key of [strategy.params].

    \b
    hft strategy show quoter.py:Quoter
    """
    from hft.strategy import described

    print(described(source))
    return 0
