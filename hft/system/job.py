"""The jobs that the parent of a run gives to its child processes."""

from __future__ import annotations

import msgspec

from hft.config import Config, LiveOptions


class EngineJob(msgspec.Struct, frozen=True):
    """The engine's job: one run."""

    config: Config
    options: LiveOptions
    rest_url: str = ""
    """Protocol of a venue at these addresses, which replace the configured ones."""
    ws_url: str = ""
    protocol: str = ""
    console: bool = True
    """Log to stderr as well; off under a terminal view."""


class MonitorJob(msgspec.Struct, frozen=True):
    """The monitor's job: the page to serve, and the address."""

    page: str
    host: str
    port: int | None
    """None: 9464, or a free port if that is in use."""
