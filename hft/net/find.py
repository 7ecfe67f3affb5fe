"""Which venue it is that the settings and the addresses name."""

from __future__ import annotations

from hft.config import FeedSettings
from hft.errors import VenueUnreachable
from hft.venues.catalogue import SERVED
from hft.venues.live import Refused, RestClient, Venue, venue_at, venue_named


async def find_venue(feed: FeedSettings, *, rest_url: str = "", ws_url: str = "", protocol: str = "") -> Venue:
    """Where market data comes from. An exchange that is only an address says by its REST paths which protocol it speaks, unless
    the settings do.

    Parameters
    ----------
    feed : FeedSettings
        The settings.
    rest_url, ws_url : str
        Instead of the configured addresses.
    protocol : str
        What is spoken there, where that is known.

    Raises `VenueUnreachable` when nothing answers there.
    """
    rest, ws = rest_url or feed.rest_url, ws_url or feed.ws_url
    if feed.venue != "embedded":
        return venue_named(feed.venue, rest=rest, ws=ws)
    name = "embedded" if rest_url else ""       # our own child's; else one that is only an address
    if known := protocol or feed.protocol:
        return venue_at(rest, ws, known, name=name)
    for spoken in SERVED:
        venue = venue_at(rest, ws, spoken, name=name)
        async with RestClient(venue) as client:
            try:
                await client.ping()
            except Refused:
                continue
            return venue
    raise VenueUnreachable("speaks no protocol that is known", where=rest, do="give the addresses that `hft sim` prints")
