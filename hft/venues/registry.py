"""Every protocol and every place that the packages of `hft.venues` know, by name.

A package has `PROTOCOLS`, a tuple of `VenueProtocol`, and may have `VENUES`, places that speak them, by name. A venue is added
by adding its package; `register` adds a protocol that lives elsewhere.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import hft.venues
from hft.errors import UsageError
from hft.venues.protocol import VenuePlace, VenueProtocol

DEFAULT = "binance-usdm"
"""What the embedded exchange speaks unless told otherwise, and what data of an exchange that is not known is read as."""

PROTOCOLS: dict[str, VenueProtocol] = {}
VENUES: dict[str, VenuePlace] = {}


def register(*protocols: VenueProtocol) -> None:
    """Make these protocols known. ValueError for a name that is taken."""
    for protocol in protocols:
        if PROTOCOLS.setdefault(protocol.name, protocol) is not protocol:
            raise ValueError(f"there is a protocol {protocol.name} already")


for _package in pkgutil.iter_modules(hft.venues.__path__):
    if _package.ispkg:
        _venue = import_module(f"hft.venues.{_package.name}")
        register(*_venue.PROTOCOLS)
        VENUES |= getattr(_venue, "VENUES", {})

SERVED = tuple(sorted((name for name, each in PROTOCOLS.items() if each.served), key=lambda name: name != DEFAULT))
"""Those that the embedded exchange speaks, the default first."""


def protocol_named(name: str) -> VenueProtocol:
    """A protocol by its name, be it the one of old files; UsageError names those there are.

    >>> protocol_named("binance-spot").instrument, protocol_named("coinm").name
    ('spot', 'binance-coinm')
    """
    found = PROTOCOLS.get(name) or next((each for each in PROTOCOLS.values() if name and each.formerly == name), None)
    if found is None:
        raise UsageError("no such protocol", where=name, do=f"take one of {', '.join(PROTOCOLS)}")
    return found


def is_known(exchange: str) -> bool:
    """Whether a protocol here is what an exchange speaks, by its name as Tardis has it."""
    return any(exchange in each.exchanges for each in PROTOCOLS.values())


def protocol_of(exchange: str) -> VenueProtocol:
    """What an exchange speaks, by its name as Tardis has it; the default for one that is not known.

    >>> protocol_of("binance-delivery").name, protocol_of("deribit").name == DEFAULT
    ('binance-coinm', True)
    """
    return next((each for each in PROTOCOLS.values() if exchange in each.exchanges), PROTOCOLS[DEFAULT])
