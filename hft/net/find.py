"""Which venue it is that the settings and the addresses name."""

from __future__ import annotations

from hft.config import FeedSettings
from hft.errors import VenueUnreachable
from hft.venues.binance.rest import Refused, RestClient
from hft.venues.binance.venues import Venue, venue_at, venue_named


async def find_venue(feed: FeedSettings, *, rest_url: str = "", ws_url: str = "", dialect: str = "") -> Venue:
    """Where market data comes from. An exchange that is only an address says by its REST paths which dialect it speaks, unless
    the settings do.

    Parameters
    ----------
    feed : FeedSettings
        The settings.
    rest_url, ws_url : str
        Instead of the configured addresses.
    dialect : str
        What is spoken there, where that is known.

    Raises `VenueUnreachable` when nothing answers there.
    """
    rest, ws = rest_url or feed.rest_url, ws_url or feed.ws_url
    if feed.venue != "embedded":
        return venue_named(feed.venue, rest=rest, ws=ws)
    name = "embedded" if rest_url else ""       # our own child's; else one that is only an address
    if known := dialect or feed.dialect:
        return venue_at(rest, ws, known, name=name)
    for spoken in ("usdm", "spot"):
        venue = venue_at(rest, ws, spoken, name=name)
        async with RestClient(venue) as client:
            try:
                await client.ping()
            except Refused:
                continue
            return venue
    raise VenueUnreachable("speaks neither dialect", where=rest, do="give the addresses that `hft sim` prints")
