"""Options of one run's command line that are no settings."""

from __future__ import annotations

from hft.config.values import Section


class LiveOptions(Section, frozen=True):
    """Options of one `hft live` that are no settings."""

    duration_s: float | None = None
    """Stop after this many seconds; None: run until stopped."""
    headless: bool = False
    """No terminal view."""
    json: bool = False
    """Print the summary as one JSON object on stdout."""
    fresh: bool = False
    """Ignore positions and open orders of earlier runs; the kill switch is kept."""
    record: str | None = None
    """The file for the run log."""
