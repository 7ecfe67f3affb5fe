"""Sphinx: built strictly (warnings are errors) and without network."""

import os
import tomllib
from pathlib import Path
from typing import Any

project = "hft"
author = "the hft authors"
release = version = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]

# The docstrings are in the compiled modules; the stubs beside them have none.
os.environ["SPHINX_AUTODOC_IGNORE_NATIVE_MODULE_TYPE_STUBS"] = "1"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "generate.py"]
html_theme = "furo"
html_title = "hft"
default_role = "code"

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
# The attributes of a docstring and the compiled properties behind them are one thing.
napoleon_use_ivar = True
# A listener's inherited methods are documented by picows, in its own roles.
autodoc_inherit_docstrings = False
# Equal names in several classes (`Signal`, `type`) are fine; autodoc links the first.
suppress_warnings = ["ref.python"]


def end_sections(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Prose and examples after a list of parameters are not parameters; napoleon sees an end in two blank lines."""
    found, listed = [], False
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        plain = line[:1].strip() != ""
        if set(below) == {"-"}:
            listed = line in {"Attributes", "Parameters", "Raises", "Returns"}
        elif listed and plain and found[-1] == "" and (line.startswith(">>>") or not (" : " in line or below[:1] == " ")):
            found.append("")
            listed = False
        found.append(line)
    lines[:] = found


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", end_sections, priority=400)
