"""`hft config init | check | show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hft.cli.options import Assignments, ConfigFile, settings
from hft.config import load, to_toml, write_template

app = typer.Typer(rich_markup_mode=None, help="Write, validate and print settings.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE")] = Path("hft.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> int:
    """Write a settings file that explains every key."""
    write_template(file, force=force)
    print(f"{file} written")
    return 0


@app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> int:
    """Validate a settings file.

    Reports the first error, with its key and the allowed values.
    """
    load(file)
    print(f"{file} is valid")
    return 0


@app.command()
def show(config: ConfigFile = None, assignments: Assignments = None) -> int:
    """Print the effective settings.

    As TOML, with defaults filled in. A setting that is not set, such as the venue's own fees, is a comment with its value.
    """
    print(to_toml(settings(config, assignments)), end="")
    return 0
