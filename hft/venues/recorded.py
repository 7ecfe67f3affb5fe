"""The venues' functions for readers of recorded data: to recognise messages, and to read REST answers.

Captures hold frames as a venue sent them. Frames of Binance's protocols are recognised here, those of another venue by the
`facts` of its protocols.
"""

from hft.venues.binance import scan
from hft.venues.binance.messages import DepthSnapshot, Rejected, decode, whole_books
from hft.venues.binance.recognise import CALLED, NAMED, certain, protocol_at, protocol_by_hints
from hft.venues.binance.rules import listed

__all__ = [
    "CALLED",
    "NAMED",
    "DepthSnapshot",
    "Rejected",
    "certain",
    "decode",
    "listed",
    "protocol_at",
    "protocol_by_hints",
    "scan",
    "whole_books",
]
