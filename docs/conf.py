"""Sphinx: built strictly (warnings are errors) and without network."""

import tomllib
from pathlib import Path

project = "hft"
author = "the hft authors"
release = version = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "generate.py"]
html_theme = "furo"
html_title = "hft"
default_role = "code"

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
