"""What the embedded exchange adds to its protocol: the end of a recording, and its pace."""

from __future__ import annotations

from typing import NamedTuple


class CloseFrame(NamedTuple):
    """A venue's close frame of a websocket."""

    code: int
    reason: str = ""


RECORDING_OVER = CloseFrame(1000, "end of the recording")
"""The close frame of a served recording, after which no client should reconnect. It counts only from an embedded exchange."""

PACE_HEADER = "X-HFT-Pace"
"""Header of the embedded exchange's REST answers: its pace as a multiple of real time; 0: as fast as clients take it. Other
venues have no such header."""


def pace_warning(pace: float) -> str:
    """The warning, at both ends, about market data at another pace than real time.

    >>> pace_warning(10)[:42]
    'market data runs at 10 times its own pace,'
    """
    how = f"at {pace:g} times its own pace" if pace else "as fast as it is taken"
    return (
        f"market data runs {how}, and windows, holding times and latencies do not: expect other signals, or none; "
        "`hft backtest` is as fast and keeps the data's time"
    )


def pace_of(header: str) -> float:
    """The pace in a header; 1 if invalid."""
    try:
        pace = float(header[:32])
    except ValueError:
        return 1.0
    return pace if 0 <= pace < 1e9 else 1.0
