"""The compiled core: one module per stage."""

from importlib.util import find_spec
from pathlib import Path

if find_spec("hft._core.base.types") is None:
    raise ImportError(
        f"hft is not compiled in {Path(__file__).parents[2]}: build it with `pip install -e .` there, or leave that folder to use"
        " an installed hft",
        name=__name__,
    )
