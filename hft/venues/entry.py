"""What a package of `hft.venues` says in its `__init__` of each protocol that it speaks."""

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
    """The embedded exchange speaks it."""
