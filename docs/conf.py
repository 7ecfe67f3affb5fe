"""Sphinx: built strictly (warnings are errors) and without network."""

from importlib.metadata import version as installed

project = "hft"
author = "the hft authors"
release = version = installed("hft")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "generate.py"]
html_theme = "furo"
html_title = "hft"
default_role = "code"

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
