"""Reads numbers from a venue's headers and rules so that no invalid text can stop or delay a run.

The result is None for text that is no number or out of range; the caller then uses its default.
"""

from __future__ import annotations

import re

LONGEST_STAY_S = 3 * 86_400
"""The longest documented ban. A longer Retry-After is an error, and obeying it would stop the run silently."""
STAY_S = {403: 60.0, 418: 120.0, 429: 10.0}
"""Seconds without requests after an answer of this status without a usable Retry-After: a firewall's refusal, a ban (at least
two minutes), a limit."""

_DIGITS = re.compile(r"[0-9]{1,18}")


def whole(text: str, least: int, most: int) -> int | None:
    """The whole number in plain digits in `text`, if between `least` and `most`; else None.

    >>> whole("2400", 0, 10_000), whole(" 7 ", 0, 10_000), whole("10001", 0, 10_000)
    (2400, 7, None)
    >>> whole("9" * 5000, 0, 10_000), whole("²", 0, 9), whole("-1", 0, 9), whole("", 0, 9)
    (None, None, None, None)
    """
    text = text.strip(" \t")
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if least <= number <= most else None


def stay_away_s(status: int, retry_after: str) -> float:
    """Seconds that an answer requests us to wait: its `Retry-After`, else the default of its status; 0 for none.

    A date, which Binance does not send, and a number beyond the longest ban count as no Retry-After.

    >>> stay_away_s(429, "30"), stay_away_s(429, "soon"), stay_away_s(418, "9" * 400), stay_away_s(503, ""), stay_away_s(503, "5")
    (30.0, 10.0, 120.0, 0.0, 5.0)
    """
    if status not in STAY_S and status < 500:
        return 0.0
    seconds = whole(retry_after, 0, LONGEST_STAY_S)
    return STAY_S.get(status, 0.0) if seconds is None else float(seconds)
