"""The parts needed to follow a venue live: its place, its REST client, its control messages.

Only Binance's protocols can be followed so far; recorded data may be of any protocol of `hft.venues.registry`.
"""

from hft.venues.binance.messages import (
    AggTrade,
    Answer,
    DepthSnapshot,
    DepthUpdate,
    RawTrade,
    Rejected,
    ServerShutdown,
    VenueError,
    decode,
)
from hft.venues.binance.rest import RateLimited, Refused, RestClient
from hft.venues.binance.venues import Trades, Venue, venue_at, venue_named

__all__ = [
    "AggTrade", "Answer", "DepthSnapshot", "DepthUpdate", "RateLimited", "RawTrade", "Refused", "Rejected", "RestClient",
    "ServerShutdown", "Trades", "Venue", "VenueError", "decode", "venue_at", "venue_named",
]
