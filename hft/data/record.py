"""One line of recorded data: when it was received, and what it is."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Kind(enum.IntEnum):
    """What one line of a capture holds."""

    FRAME = 0
    """A websocket message, with or without its combined-stream envelope."""
    SNAPSHOT = 1
    """The REST answer to a request for the book."""
    EXCHANGE_INFO = 2
    """The REST answer that gives the symbols' rules, the venue's own or another recorder's short form."""
    LOG = 3
    """A line of our run log, ``{"hft": …}``: a connection, a timer, a command."""
    BOOK = 4
    """The same body as SNAPSHOT's, of a session that has no stream of updates: each one is the whole book."""


class Record(NamedTuple):
    """One line of a capture."""

    ns: int
    """Local stamp, nanoseconds since the epoch."""
    kind: Kind
    data: bytes
    """JSON, as received."""
    symbol: str = ""
    """Upper case, where the line says so outside of `data`: a snapshot does not name its symbol itself."""
