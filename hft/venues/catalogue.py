"""The names of all protocols and places, as settings need them, without importing the venues' code.

Each package of `hft.venues` lists its own in its `__init__` (`PROTOCOLS`, `PLACES`); the protocols themselves are in its
module `venues`, see `hft.venues.registry`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import hft.venues
from hft.errors import UsageError
from hft.venues.entry import Entry

DEFAULT = "binance-usdm"
"""The default protocol of the embedded exchange, and of data from an unknown exchange."""

PACKAGES = [package.name for package in pkgutil.iter_modules(hft.venues.__path__) if package.ispkg]
ENTRIES: dict[str, Entry] = {}
PLACES: dict[str, str] = {}
"""The protocol of each place."""

for _name in PACKAGES:
    _package = import_module(f"hft.venues.{_name}")
    ENTRIES |= {entry.name: entry for entry in _package.PROTOCOLS}
    PLACES |= _package.PLACES

SERVED = tuple(sorted((entry.name for entry in ENTRIES.values() if entry.served), key=lambda name: name != DEFAULT))
"""The protocols of the embedded exchange, the default first."""


def entry_named(name: str) -> Entry:
    """A protocol by its name, also that of older files; UsageError lists the known ones.

    >>> entry_named("binance-spot").instrument, entry_named("coinm").name
    ('spot', 'binance-coinm')
    """
    found = ENTRIES.get(name) or next((each for each in ENTRIES.values() if name and each.formerly == name), None)
    if found is None:
        raise UsageError("no such protocol", where=name, do=f"take one of {', '.join(ENTRIES)}")
    return found
