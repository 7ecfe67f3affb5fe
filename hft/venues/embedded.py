"""What the embedded exchange says of itself, beyond the protocol that it speaks: the end of a recording, and its pace."""

from __future__ import annotations

from typing import NamedTuple


class CloseFrame(NamedTuple):
    """What a venue closes a websocket with."""

    code: int
    reason: str = ""


RECORDING_OVER = CloseFrame(1000, "end of the recording")
"""What a served recording closes its connections with: there is nothing to come back for. Only an exchange of this program is
believed."""

PACE_HEADER = "X-HFT-Pace"
"""Of the embedded exchange's REST answers: how many times as fast as the clock it runs; 0: as fast as clients take it. Other
venues have no such header."""


def pace_warning(pace: float) -> str:
    """What both ends say of market data that does not run at the pace of the clock.

    >>> pace_warning(10)[:42]
    'market data runs at 10 times its own pace,'
    """
    how = f"at {pace:g} times its own pace" if pace else "as fast as it is taken"
    return (
        f"market data runs {how}, and windows, holding times and latencies do not: expect other signals, or none; "
        "`hft backtest` is as fast and keeps the data's time"
    )


def pace_of(header: str) -> float:
    """The pace that a header gives; 1 for anything that is none."""
    try:
        pace = float(header[:32])
    except ValueError:
        return 1.0
    return pace if 0 <= pace < 1e9 else 1.0
