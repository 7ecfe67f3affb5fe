"""What the readers of recorded data need of venues: how messages are recognised, and what a REST answer holds.

Captures hold frames as a venue sent them. Those of Binance's protocols are recognised here; of another venue's by the `facts` of
its protocols.
"""

from hft.venues.binance import scan
from hft.venues.binance.messages import DepthSnapshot, Rejected, decode, whole_books
from hft.venues.binance.recognise import CALLED, NAMED, certain, protocol_at, told_by
from hft.venues.binance.rules import listed

__all__ = [
    "CALLED", "NAMED", "DepthSnapshot", "Rejected", "certain", "decode", "listed", "protocol_at", "scan", "told_by",
    "whole_books",
]
