"""Finds the venue that the settings and addresses name."""

from __future__ import annotations

from hft.config import FeedSettings
from hft.errors import VenueUnreachable
from hft.venues.catalogue import SERVED
from hft.venues.live import Refused, RestClient, Venue, venue_at, venue_named


async def find_venue(feed: FeedSettings, *, rest_url: str = "", ws_url: str = "", protocol: str = "") -> Venue:
    """The venue of market data. For an exchange given only by address, and no protocol in the settings, its REST paths show the
    protocol.

    Parameters
    ----------
    feed : FeedSettings
        The settings.
    rest_url, ws_url : str
        Instead of the configured addresses.
    protocol : str
        The protocol spoken there, if known.

    Raises `VenueUnreachable` when nothing answers there.
    """
    rest, ws = rest_url or feed.rest_url, ws_url or feed.ws_url
    if feed.venue != "embedded":
        return venue_named(feed.venue, rest=rest, ws=ws)
    name = "embedded" if rest_url else ""       # our child process; else an exchange given by address
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
    raise VenueUnreachable("speaks no known protocol", where=rest, do="give the addresses that `hft sim` prints")
