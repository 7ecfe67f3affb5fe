"""The names of all protocols and places, and what settings need to know of them: without importing what speaks them.

A package of `hft.venues` says in its `__init__` which it has (`PROTOCOLS`, `PLACES`); the protocols themselves are in its module
`venues`, see `hft.venues.registry`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import hft.venues
from hft.errors import UsageError
from hft.venues.entry import Entry

DEFAULT = "binance-usdm"
"""What the embedded exchange speaks unless told otherwise, and what data of an exchange that is not known is read as."""

PACKAGES = [package.name for package in pkgutil.iter_modules(hft.venues.__path__) if package.ispkg]
ENTRIES: dict[str, Entry] = {}
PLACES: dict[str, str] = {}
"""The protocol that each place speaks."""

for _name in PACKAGES:
    _package = import_module(f"hft.venues.{_name}")
    ENTRIES |= {entry.name: entry for entry in _package.PROTOCOLS}
    PLACES |= _package.PLACES

SERVED = tuple(sorted((entry.name for entry in ENTRIES.values() if entry.served), key=lambda name: name != DEFAULT))
"""Those that the embedded exchange speaks, the default first."""


def entry_named(name: str) -> Entry:
    """A protocol by its name, be it the one of old files; UsageError names those there are.

    >>> entry_named("binance-spot").instrument, entry_named("coinm").name
    ('spot', 'binance-coinm')
    """
    found = ENTRIES.get(name) or next((each for each in ENTRIES.values() if name and each.formerly == name), None)
    if found is None:
        raise UsageError("no such protocol", where=name, do=f"take one of {', '.join(ENTRIES)}")
    return found
