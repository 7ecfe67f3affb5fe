"""One line of recorded data: its stamp and kind."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Kind(enum.IntEnum):
    """Kind of a capture's line."""

    FRAME = 0
    """A websocket message, with or without its combined-stream envelope."""
    SNAPSHOT = 1
    """A REST snapshot of the book."""
    EXCHANGE_INFO = 2
    """The REST answer with the symbols' rules, in the venue's form or another recorder's short form."""
    LOG = 3
    """A line of our run log, ``{"hft": …}``: a connection, a timer, a command."""
    BOOK = 4
    """A body like SNAPSHOT's in a session without updates: each one is the whole book."""


class Record(NamedTuple):
    """One line of a capture."""

    ns: int
    """Local stamp, nanoseconds since the epoch."""
    kind: Kind
    data: bytes
    """JSON, as received."""
    symbol: str = ""
    """Upper case, if the line names it outside `data`, since a snapshot does not name its symbol."""
