"""Binance's spot, USD-M and COIN-M markets: messages, addresses, REST, rules of symbols."""

from hft.venues.binance import venues

PROTOCOLS = tuple(venues.PROTOCOLS.values())
VENUES = venues.VENUES
