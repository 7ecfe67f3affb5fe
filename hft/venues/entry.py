"""A venue package's short description of each of its protocols, in its `__init__`."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Entry(NamedTuple):
    """One protocol of a venue."""

    name: str
    """Venue and market, as settings, files and the database name it."""
    instrument: str
    """``spot``, ``linear`` or ``inverse``."""
    fees: tuple[Decimal, Decimal]
    """Maker and taker rate of the ordinary tier (SEMANTICS 22)."""
    formerly: str = ""
    """Its name in older files."""
    served: bool = False
    """Whether the embedded exchange speaks it."""
