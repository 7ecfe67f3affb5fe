"""What is asked for on the command line of one run and is no setting."""

from __future__ import annotations

from hft.config.values import Section


class LiveOptions(Section, frozen=True):
    """How one `hft live` is run: what is asked for on the command line and is no setting."""

    duration_s: float | None = None
    """Stop after so many seconds; None: until stopped."""
    headless: bool = False
    """No terminal view."""
    json: bool = False
    """Print the summary as one JSON object on stdout."""
    fresh: bool = False
    """Forget positions and open orders of earlier runs; the kill switch stays as it is."""
    record: str | None = None
    """The file that the run log goes to."""
