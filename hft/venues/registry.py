"""Every protocol and every place of `hft.venues`.

A package has a module `venues` with `PROTOCOLS`, `VenueProtocol` by name, and `VENUES`, places by name. A venue is added by
adding its package; `register` adds a protocol that lives elsewhere.
"""

from __future__ import annotations

from importlib import import_module

from hft.venues.catalogue import DEFAULT, ENTRIES, PACKAGES, entry_named
from hft.venues.entry import Entry
from hft.venues.protocol import VenuePlace, VenueProtocol

PROTOCOLS: dict[str, VenueProtocol] = {}
VENUES: dict[str, VenuePlace] = {}


def register(*protocols: VenueProtocol) -> None:
    """Adds these protocols. ValueError for a name that is taken."""
    for protocol in protocols:
        if PROTOCOLS.setdefault(protocol.name, protocol) is not protocol:
            raise ValueError(f"there is a protocol {protocol.name} already")
        ENTRIES[protocol.name] = Entry(
            protocol.name, protocol.instrument, protocol.fees, protocol.formerly, protocol.served
        )


for _name in PACKAGES:
    _venue = import_module(f"hft.venues.{_name}.venues")
    register(*_venue.PROTOCOLS.values())
    VENUES |= _venue.VENUES


def protocol_named(name: str) -> VenueProtocol:
    """A protocol by its name, also that of older files; UsageError lists the known ones."""
    return PROTOCOLS[entry_named(name).name]


def is_known(exchange: str) -> bool:
    """Whether an exchange, by its Tardis name, speaks a protocol known here."""
    return any(exchange in each.exchanges for each in PROTOCOLS.values())


def protocol_of(exchange: str) -> VenueProtocol:
    """The protocol of an exchange, by its Tardis name; the default for an unknown one.

    >>> protocol_of("binance-delivery").name, protocol_of("deribit").name == DEFAULT
    ('binance-coinm', True)
    """
    return next((each for each in PROTOCOLS.values() if exchange in each.exchanges), PROTOCOLS[DEFAULT])
