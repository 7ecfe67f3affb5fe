"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hft.config import Config, load, parse_assignment
from hft.venues.catalogue import DEFAULT

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings (TOML); default: built-in defaults.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, e.g. broker.taker_fee=0.0004; overrides the file."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--strategy", metavar="FILE.py:CLASS", help="The strategy: your own class, imbalance or quoter; as [strategy] kind."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Symbols = Annotated[
    str | None, typer.Option(metavar="A,B", help="Symbols, e.g. BTCUSDT,ETHUSDT.")
]
Venue = Annotated[
    str | None, typer.Option(metavar="NAME", help=f"embedded, {DEFAULT} …; `hft config init` lists them.")
]
RestUrl = Annotated[str | None, typer.Option(metavar="URL", help="REST address instead of the venue's, e.g. of `hft sim`.")]
WsUrl = Annotated[str | None, typer.Option(metavar="URL", help="Websocket address instead of the venue's.")]


def duration(text: str) -> float:
    """The seconds of a duration.

    >>> duration("90"), duration("90s"), duration("1.5m"), duration("2h")
    (90.0, 90.0, 90.0, 7200.0)
    """
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}) ?(s|m|h|)", text.strip())
    seconds = float(match[1]) * {"h": 3600, "m": 60}.get(match[2], 1) if match else 0.0
    if not LEAST_S <= seconds <= MOST_S:
        raise typer.BadParameter(f"{text[:40]!r} is not a duration from {LEAST_S:g} s to ten years: give 90, 90s, 1m or 2h")
    return seconds


LEAST_S, MOST_S = 0.1, 315_360_000.0
Duration = Annotated[
    float | None, typer.Option(metavar="TIME", parser=duration, help="Stop after this time: 90 or 90s, 1m, 2h.")
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Seed of the embedded exchange's order flow.")]


def settings(file: Path | None, assignments: Sequence[str] | None, options: dict[str, Any] | None = None) -> Config:
    """Defaults, then the file, then `--set`, then a command's own options; an option that was not given is None."""
    overrides = dict(map(parse_assignment, assignments or ()))
    overrides.update({key: value for key, value in (options or {}).items() if value is not None})
    return load(file, overrides)


def symbol_list(text: str | None) -> list[str] | None:
    """The symbols of a comma-separated option, in the venue's spelling."""
    return None if text is None else [name.strip().upper() for name in text.split(",") if name.strip()]


def place(venue: str | None, symbols: str | None, rest_url: str | None, ws_url: str | None, seed: int | None) -> dict[str, Any]:
    """The settings of the options that say where market data comes from."""
    return {
        "feed.venue": venue,
        "strategy.symbols": symbol_list(symbols),
        "feed.rest_url": rest_url,
        "feed.ws_url": ws_url,
        "exchange.seed": seed,
    }


def _show_version(wanted: bool) -> None:
    if wanted:
        from hft.version import VERSION

        print(f"hft {VERSION}")
        raise typer.Exit


def common(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of `hft` itself, before any command."""
